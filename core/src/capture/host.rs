use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::profile::{
    MachineDisk, MachineFileSystem, MachineNic, MachineOs, MachinePartition, MachineReport,
};
use crate::{FileOp, Files};

/// What this host says of its hardware, and the tree below `root` of its operating system. What cannot be learned is absent.
///
/// # Reference
/// Linux, `Documentation/ABI/stable/sysfs-block`, `Documentation/ABI/testing/sysfs-class-net`, `proc(5)`; os-release(5). The
/// identifiers of partitions and file systems are those that udev has noted.
pub(super) fn machine(files: &Files, root: &Path) -> MachineReport {
    let host = Host { files, root: Path::new("/") };
    host.machine(root)
}

/// The files in which a host describes itself.
struct Host<'a> {
    files: &'a Files,
    /// `/`; tests have others.
    root: &'a Path,
}

impl Host<'_> {
    fn machine(&self, tree: &Path) -> MachineReport {
        let whole = tree.canonicalize().unwrap_or_else(|_| tree.to_owned());
        let mounts = self.mounts(&whole);
        let is_whole = whole == Path::new("/");
        MachineReport {
            format: Some(MachineReport::FORMAT.to_owned()),
            memory_bytes: self.memory(),
            cpus: self.cpus(),
            firmware: cfg!(any(target_arch = "x86_64", target_arch = "x86")).then(|| {
                if self.root.join("sys/firmware/efi").is_dir() {
                    "uefi".to_owned()
                } else {
                    "bios".to_owned()
                }
            }),
            os: self.operating_system(tree),
            // The kernel that runs may be that of a rescue system.
            cmdline: self.text("proc/cmdline").filter(|_| is_whole),
            disks: self.names("sys/block").iter().filter_map(|name| self.disk(name, &mounts)).collect(),
            nics: self.names("sys/class/net").iter().filter_map(|name| self.adapter(name)).collect(),
            ..MachineReport::default()
        }
    }

    /// The memory that was built in where the kernel tells, else what it has, to the next 64 MiB.
    fn memory(&self) -> Option<u64> {
        let block = self.text("sys/devices/system/memory/block_size_bytes");
        if let Some(block) = block.and_then(|block| u64::from_str_radix(&block, 16).ok()) {
            let names = self.names("sys/devices/system/memory");
            let is_online = |name: &&String| {
                name.strip_prefix("memory").is_some_and(|number| number.parse::<u64>().is_ok())
                    && self.text(&format!("sys/devices/system/memory/{name}/online")).as_deref() == Some("1")
            };
            let bytes = (names.iter().filter(is_online).count() as u64).checked_mul(block);
            if let Some(bytes) = bytes.filter(|bytes| *bytes > 0) {
                return Some(bytes);
            }
        }
        let text = self.text("proc/meminfo")?;
        let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        let kib: u64 = total.trim().strip_suffix("kB")?.trim().parse().ok()?;
        kib.checked_mul(1024)?.checked_next_multiple_of(64 << 20)
    }

    fn cpus(&self) -> Option<u32> {
        let ranges = self.text("sys/devices/system/cpu/online")?;
        ranges.split(',').try_fold(0_u32, |sum, range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            let (first, last): (u32, u32) = (first.parse().ok()?, last.parse().ok()?);
            sum.checked_add(last.checked_sub(first)?)?.checked_add(1)
        })
    }

    fn operating_system(&self, tree: &Path) -> Option<MachineOs> {
        let read = |name: &str| read_below(self.files, tree, name);
        let text = read("etc/os-release").or_else(|| read("usr/lib/os-release")).unwrap_or_default();
        let fields = assignments(&text);
        let field = |name: &str| fields.get(name).filter(|value| value.len() <= MAX_VALUE).cloned();
        let arch = std::env::consts::ARCH.to_owned();
        let other = BTreeMap::new();
        Some(MachineOs { id: field("ID"), version: field("VERSION_ID"), arch: Some(arch), other })
    }

    /// A disk; `None` for what only looks like one: loops, memory, volumes of several disks.
    fn disk(&self, name: &str, mounts: &BTreeMap<String, String>) -> Option<MachineDisk> {
        let own = format!("sys/block/{name}");
        let size = self.number(&format!("{own}/size"))?.checked_mul(512)?;
        let is_virtual = ["loop", "ram", "zram", "dm-", "md", "sr", "fd", "nbd", "drbd"];
        let is_disk = !is_virtual.iter().any(|prefix| name.strip_prefix(prefix).is_some_and(is_numbered));
        if size == 0 || !is_disk {
            return None;
        }
        let noted = self.noted(&own);
        let names = self.names(&own);
        let mut partitions: Vec<MachinePartition> =
            names.iter().filter_map(|part| self.partition(&format!("{own}/{part}"), mounts)).collect();
        partitions.sort_by_key(|partition| partition.number);
        Some(MachineDisk {
            name: Some(name.to_owned()),
            size: Some(size),
            sector_size: self.number(&format!("{own}/queue/logical_block_size")),
            table: noted.get("ID_PART_TABLE_TYPE").cloned(),
            id: noted.get("ID_PART_TABLE_UUID").cloned(),
            partitions,
            other: BTreeMap::new(),
        })
    }

    fn partition(&self, own: &str, mounts: &BTreeMap<String, String>) -> Option<MachinePartition> {
        let number = u32::try_from(self.number(&format!("{own}/partition"))?).ok();
        let noted = self.noted(own);
        let field = |name: &str| noted.get(name).cloned();
        let fs = MachineFileSystem {
            kind: field("ID_FS_TYPE"),
            uuid: field("ID_FS_UUID"),
            label: field("ID_FS_LABEL"),
            features: None,
            other: BTreeMap::new(),
        };
        let bytes =
            |name: &str| self.number(&format!("{own}/{name}")).and_then(|sectors| sectors.checked_mul(512));
        Some(MachinePartition {
            number,
            start: bytes("start"),
            size: bytes("size"),
            kind: field("ID_PART_ENTRY_TYPE"),
            id: field("ID_PART_ENTRY_UUID"),
            fs: (fs != MachineFileSystem::default()).then_some(fs),
            mount: self.text(&format!("{own}/dev")).and_then(|device| mounts.get(&device).cloned()),
            other: BTreeMap::new(),
        })
    }

    /// A network adapter; `None` for what is made of software.
    fn adapter(&self, name: &str) -> Option<MachineNic> {
        let own = format!("sys/class/net/{name}");
        if !self.root.join(&own).join("device").exists() {
            return None;
        }
        let mac = self.text(&format!("{own}/address")).filter(|mac| !mac.is_empty());
        Some(MachineNic { name: Some(name.to_owned()), mac, other: BTreeMap::new() })
    }

    /// What udev has noted of a block device.
    fn noted(&self, own: &str) -> BTreeMap<String, String> {
        let device = self.text(&format!("{own}/dev"));
        let text =
            device.and_then(|device| self.text(&format!("run/udev/data/b{device}"))).unwrap_or_default();
        let lines = text.lines().filter_map(|line| line.strip_prefix("E:")?.split_once('='));
        lines.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    /// Where below `tree` each device is mounted first, by its number, as it is called in the tree.
    fn mounts(&self, tree: &Path) -> BTreeMap<String, String> {
        let mut mounts = BTreeMap::new();
        for line in self.text("proc/self/mountinfo").unwrap_or_default().lines() {
            let mut fields = line.split(' ').skip(2);
            if let (Some(device), Some("/"), Some(place)) = (fields.next(), fields.next(), fields.next())
                && let Ok(below) = PathBuf::from(unescape(place)).strip_prefix(tree)
            {
                let place = Path::new("/").join(below).to_string_lossy().into_owned();
                mounts.entry(device.to_owned()).or_insert(place);
            }
        }
        mounts
    }

    fn number(&self, path: &str) -> Option<u64> {
        self.text(path)?.parse().ok()
    }

    fn text(&self, path: &str) -> Option<String> {
        read_text(self.files, &self.root.join(path)).map(|text| text.trim_end().to_owned())
    }

    /// Names in a directory, sorted.
    fn names(&self, path: &str) -> Vec<String> {
        let path = self.root.join(path);
        if self.files.admit(FileOp::Open { path: &path }).is_err() {
            return Vec::new();
        }
        let entries = path.read_dir().into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }
}

/// The text of the regular file `name` of a tree whose links lead where they would if the tree were the root; `None`
/// when there is none, or when the kernel cannot follow links so (before Linux 5.6).
fn read_below(files: &Files, tree: &Path, name: &str) -> Option<String> {
    let path = tree.join(name);
    let read = || -> io::Result<Vec<u8>> {
        files.admit(FileOp::Open { path: &path })?;
        let root = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(tree, root, Mode::empty())?;
        let open = |flags| -> io::Result<File> {
            let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
            let file = rustix::fs::openat2(&root, name, flags | OFlags::CLOEXEC, Mode::empty(), resolve)?;
            let file = File::from(file);
            match file.metadata()?.is_file() {
                true => Ok(file),
                false => Err(Errno::NXIO.into()),
            }
        };
        // A device or FIFO is not even opened.
        open(OFlags::PATH)?;
        let file = open(OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        read_start(files, &path, file)
    };
    read().ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The text of a file of any stated size; `None` when there is none that can be read.
fn read_text(files: &Files, path: &Path) -> Option<String> {
    let read = || -> io::Result<Vec<u8>> {
        files.admit(FileOp::Open { path })?;
        read_start(files, path, File::open(path)?)
    };
    read().ok().map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
}

/// The file as far as a description goes.
fn read_start(files: &Files, path: &Path, file: File) -> io::Result<Vec<u8>> {
    files.admit(FileOp::ReadAt { path, offset: 0, len: usize::try_from(MAX_TEXT).unwrap_or(0) })?;
    let mut bytes = Vec::new();
    file.take(MAX_TEXT).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_numbered(rest: &str) -> bool {
    rest.bytes().next().is_some_and(|byte| byte.is_ascii_digit())
}

/// The assignments of an os-release file, without their quotes.
fn assignments(text: &str) -> BTreeMap<&str, String> {
    let value = |text: &str| text.trim().trim_matches(|quote| matches!(quote, '"' | '\'')).to_owned();
    let lines = text.lines().filter_map(|line| line.trim().split_once('='));
    lines.map(|(name, text)| (name, value(text))).filter(|(_, value)| !value.is_empty()).collect()
}

/// Undoes the octal escapes of `mountinfo`.
fn unescape(place: &str) -> String {
    [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")]
        .iter()
        .fold(place.to_owned(), |place, (escape, byte)| place.replace(escape, byte))
}

/// More than any file of a host's description has.
const MAX_TEXT: u64 = 4 << 20;
/// More bytes than any value of os-release has that a report tells.
const MAX_VALUE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    /// A host that describes itself so.
    fn told(texts: &[(&str, &str)]) -> MachineReport {
        let made = tempfile::tempdir().unwrap();
        for (path, text) in texts {
            let path = made.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text.replace("@TREE", made.path().to_str().unwrap())).unwrap();
        }
        Host { files: &Files::default(), root: made.path() }.machine(made.path())
    }

    #[test]
    fn a_host_that_says_nothing_is_an_empty_report() {
        let report = told(&[]);
        assert_eq!((report.memory_bytes, report.cpus), (None, None));
        assert!(report.disks.is_empty() && report.nics.is_empty());
    }

    #[test]
    fn memory_disks_partitions_adapters_and_system_are_told() {
        let report = told(&[
            ("proc/meminfo", "MemTotal:        2030000 kB\nMemFree: 1 kB\n"),
            ("sys/devices/system/cpu/online", "0-2,5\n"),
            ("sys/firmware/efi/fw_platform_size", "64\n"),
            ("etc/os-release", "NAME=\"Debian GNU/Linux\"\nID=debian\nVERSION_ID=\"12\"\n"),
            (
                "proc/self/mountinfo",
                "26 1 8:2 / / rw - ext4 x rw\n27 1 8:2 / @TREE rw - ext4 /dev/sda2 rw\n\
                 29 27 8:2 / @TREE/a\\040b rw - ext4 x rw\n30 27 8:3 / @TREE/a\\040b rw - ext4 x rw\n\
                 31 1 8:4 / /elsewhere rw - ext4 x rw\n",
            ),
            ("sys/block/sda/size", "41943040\n"),
            ("sys/block/sda/dev", "8:0\n"),
            ("sys/block/sda/queue/logical_block_size", "512\n"),
            ("sys/block/sda/sda2/partition", "2\n"),
            ("sys/block/sda/sda2/start", "2048\n"),
            ("sys/block/sda/sda2/size", "4096\n"),
            ("sys/block/sda/sda2/dev", "8:2\n"),
            ("sys/block/sda/sda3/partition", "3\n"),
            ("sys/block/sda/sda3/dev", "8:3\n"),
            ("sys/block/sda/sda4/partition", "4\n"),
            ("sys/block/sda/sda4/dev", "8:4\n"),
            ("sys/block/loop0/size", "8\n"),
            ("run/udev/data/b8:0", "E:ID_PART_TABLE_TYPE=gpt\nE:ID_PART_TABLE_UUID=aa\nS:disk/by-id/x\n"),
            ("run/udev/data/b8:2", "E:ID_FS_TYPE=ext4\nE:ID_FS_UUID=bb\nE:ID_PART_ENTRY_UUID=cc\n"),
            ("sys/class/net/eth0/address", "52:54:00:12:34:56\n"),
            ("sys/class/net/eth0/device/vendor", "0x1af4\n"),
            ("sys/class/net/lo/address", "00:00:00:00:00:00\n"),
        ]);
        assert_eq!((report.memory_bytes, report.cpus), (Some(1984 << 20), Some(4)));
        assert_eq!(report.firmware.as_deref(), Some("uefi"));
        let os = report.os.unwrap();
        assert_eq!((os.id.as_deref(), os.version.as_deref()), (Some("debian"), Some("12")));
        let [disk] = report.disks.as_slice() else { panic!("{:?}", report.disks) };
        assert_eq!((disk.size, disk.table.as_deref()), (Some(20 << 30), Some("gpt")));
        let [partition, third, fourth] = disk.partitions.as_slice() else { panic!("{:?}", disk.partitions) };
        assert_eq!((third.mount.as_deref(), fourth.mount.as_deref()), (Some("/a b"), None));
        assert_eq!(
            (partition.number, partition.start, partition.size),
            (Some(2), Some(1 << 20), Some(2 << 20))
        );
        assert_eq!(partition.fs.as_ref().unwrap().uuid.as_deref(), Some("bb"));
        assert_eq!(partition.mount.as_deref(), Some("/"));
        let [nic] = report.nics.as_slice() else { panic!("{:?}", report.nics) };
        assert_eq!(nic.mac.as_deref(), Some("52:54:00:12:34:56"));
    }

    #[test]
    fn the_system_of_a_tree_is_not_that_of_this_host_and_no_fifo_is_waited_for() {
        let made = tempfile::tempdir().unwrap();
        let etc = made.path().join("etc");
        std::fs::create_dir_all(&etc).unwrap();
        let id = || read_below(&Files::default(), made.path(), "etc/os-release");
        let outside = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(outside.path(), "ID=outside\n").unwrap();
        std::os::unix::fs::symlink(outside.path(), etc.join("os-release")).unwrap();
        assert_eq!(id(), None);
        std::fs::remove_file(etc.join("os-release")).unwrap();
        std::os::unix::fs::symlink("/../usr", etc.join("os-release")).unwrap();
        std::fs::write(made.path().join("usr"), "ID=inside\n").unwrap();
        assert_eq!(id().as_deref(), Some("ID=inside\n"));
        std::fs::remove_file(etc.join("os-release")).unwrap();
        let fifo = rustix::fs::FileType::Fifo;
        rustix::fs::mknodat(rustix::fs::CWD, etc.join("os-release"), fifo, Mode::from_raw_mode(0o600), 0)
            .unwrap();
        assert_eq!(id(), None);
    }
}

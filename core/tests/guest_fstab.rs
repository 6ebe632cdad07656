//! Amended file system tables as util-linux reads them.

use std::process::Command;
use std::sync::Arc;

use diskwright_core::guest::{
    Fstab, GuestSettings, GuestWorkspace, Volume, VolumePlace, VolumesOfTheDisk, make_true,
};
use diskwright_core::scan::{
    Attributes, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent,
};
use diskwright_core::tree::{FileTree, Findings, TreeBuilder, Whiteouts};
use diskwright_core::{BytesReader, ReadAt, Result};
use diskwright_oracle::tool;

/// A tree with one file.
struct OneFile(&'static str, &'static str);

impl ScanSource for OneFile {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        let object = EntryObject::File { content: SourceContent(0), size: self.1.len() as u64, data: None };
        let attributes = Attributes { mode: 0o644, ..Attributes::default() };
        visitor.entry(Entry { path: self.0.into(), object, attributes })?;
        Ok(ScanSummary::default())
    }

    fn open(&self, _: SourceContent) -> Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(BytesReader(self.1.as_bytes().into())))
    }
}

fn tree(fstab: &'static str) -> FileTree {
    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(Arc::new(OneFile("etc/fstab", fstab)), Whiteouts::Plain).unwrap();
    builder.finish().unwrap().0
}

fn volume(place: VolumePlace, fs_type: &str, uuid: &str) -> Volume {
    let (fs_type, uuid) = (fs_type.to_owned(), uuid.to_owned());
    Volume {
        place,
        fs_type,
        uuid,
        label: None,
        partition_uuid: None,
        partition_label: None,
        logical_volume: None,
    }
}

fn disk() -> VolumesOfTheDisk {
    let at = |path: &str| VolumePlace::MountPoint(path.as_bytes().to_vec());
    let volumes = vec![
        volume(at("/boot/efi"), "vfat", "1A2B-3C4D"),
        volume(VolumePlace::Swap, "swap", "b411dc99-f0a0-4c87-9e05-184977be8539"),
        volume(at("/"), "ext4", "0a3407de-014b-458b-b5c1-848e92a327a3"),
        volume(at("/srv/my data"), "ext4", "f9fe0b69-a280-415d-a03a-a32752370dee"),
    ];
    VolumesOfTheDisk { volumes, lvm: false }
}

fn amended(fstab: &'static str) -> Vec<u8> {
    let tree = tree(fstab);
    let mut workspace = GuestWorkspace::new(&tree);
    make_true(&mut workspace, &disk(), &GuestSettings::default(), &mut Findings::default()).unwrap();
    workspace.read(b"/etc/fstab").unwrap().unwrap()
}

/// Device, mount point, type and options of every line as libmount has them.
fn read_by_findmnt(findmnt: &std::path::Path, table: &[u8]) -> Vec<[String; 4]> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), table).unwrap();
    let columns = ["source", "target", "fstype", "options"];
    let output = Command::new(findmnt)
        .args(["--json", "--list", "--output", &columns.join(","), "--tab-file"])
        .arg(file.path())
        .output()
        .unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && complaint.is_empty(), "{complaint}");
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let field = |line: &serde_json::Value, name| line[name].as_str().unwrap_or_default().to_owned();
    let lines = json["filesystems"].as_array().unwrap();
    lines.iter().map(|line| columns.map(|name| field(line, name))).collect()
}

#[test]
fn libmount_reads_amended_tables_as_we_do() {
    let Some(findmnt) = tool("findmnt") else { return };
    let tables = [
        "",
        "# nothing but a comment",
        "/dev/sda1 / ext3\n/dev/sda5\tnone\tswap\tsw 0 0\n",
        "LABEL=a\\040b / btrfs subvol=@,noatime 0 0\nLABEL=a\\040b /home btrfs subvol=@home 0 0\n",
        "UUID=\"x\" /mnt/quoted xfs defaults 0 0\n/dev/sdb1 /d auto 0 0\nnas:/x /mnt/x nfs ro,hard 0 0\n",
        "PARTUUID=1a2b3c4d-01 / xfs inode64 0 0 # root\ntmpfs /tmp tmpfs size=1G,mode=1777 0 0\n",
        "/dev/mapper/vg-root / xfs defaults 1 1\n/dev/cdrom /media/cd\\011rom iso9660 ro 0 0\n",
    ];
    for before in tables {
        let table = amended(before);
        let parsed = Fstab::parse(&table).unwrap();
        let ours: Vec<[String; 4]> = parsed
            .entries()
            .map(|entry| {
                let options: Vec<&[u8]> = entry.options().collect();
                [
                    format!("{:?}", entry.device()),
                    String::from_utf8(entry.mount_point()).unwrap(),
                    entry.fs_type().into_owned(),
                    String::from_utf8(options.join(&b',')).unwrap(),
                ]
            })
            .collect();
        let theirs: Vec<[String; 4]> = read_by_findmnt(&findmnt, &table)
            .into_iter()
            .map(|[source, target, fs_type, options]| {
                [
                    format!("{:?}", diskwright_core::guest::Device::parse(source.as_bytes())),
                    target,
                    fs_type,
                    options,
                ]
            })
            .collect();
        assert_eq!(ours, theirs, "{}", String::from_utf8_lossy(&table));
        let is_root = |line: &&[String; 4]| line[1] == "/";
        assert_eq!(theirs.iter().filter(is_root).count(), 1);
        assert!(theirs.iter().any(|line| line[1] == "/srv/my data"));
    }
}

#[test]
fn findmnt_finds_no_mistake_in_a_table_but_the_devices_that_are_not_here() {
    let Some(findmnt) = tool("findmnt") else { return };
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        amended("/dev/sda1 / xfs defaults,inode64 0 1\n/dev/sdb1 /mnt ext4 ro 0 2\n"),
    )
    .unwrap();
    let output = Command::new(findmnt)
        .args(["--verify", "--verbose", "--tab-file"])
        .arg(file.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(text.contains("0 parse errors"), "{text}");
    for complaint in text.lines().filter(|line| line.contains("[E]") || line.contains("[W]")) {
        // This machine has neither the guest's disks nor its mount points.
        let about_here = ["unreachable", "target is not a directory", "cannot detect on-disk"];
        assert!(about_here.iter().any(|known| complaint.contains(known)), "{complaint}");
    }
}

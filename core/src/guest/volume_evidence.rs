//! What of the tree tells whether its root is a logical volume, and which names of the device mapper are LVM's.

use std::collections::BTreeSet;

use super::fstab::Device;
use super::workspace::GuestWorkspace;
use crate::Result;
use crate::lvm::LogicalVolumeName;

/// What a `root=` or fstab says the root file system stands on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RootDevice {
    /// A path that may be that of a logical volume.
    Volume(LogicalVolumeName),
    /// A file system named by its UUID.
    Uuid,
    /// A partition or other device.
    Plain,
    /// A name that says nothing of what it stands on, a label.
    Other,
}

impl RootDevice {
    /// What fstab says.
    pub(crate) fn of(device: &Device) -> Self {
        match device {
            Device::Uuid(_) => Self::Uuid,
            Device::PartUuid(_) | Device::PartLabel(_) => Self::Plain,
            Device::Label(_) | Device::Other(_) => Self::Other,
            Device::Path(path) => {
                let path = String::from_utf8_lossy(path);
                match LogicalVolumeName::of_device(&path) {
                    Some(name) => Self::Volume(name),
                    None if path.starts_with("/dev/") && !path.starts_with("/dev/disk/") => Self::Plain,
                    None => Self::Other,
                }
            }
        }
    }

    /// The logical volume that this, fstab's, and the first `root=` of `lines` agree on, `root=` going first. A UUID in
    /// `root=` contradicts no volume of fstab's; a UUID or a plain device in fstab leaves no volume of `root=`.
    pub(crate) fn volume(self, lines: &CommandLines) -> Option<LogicalVolumeName> {
        match (lines.root(), self) {
            (_, Self::Uuid | Self::Plain) | (Some(Self::Plain), _) => None,
            (Some(Self::Volume(name)), _) | (_, Self::Volume(name)) => Some(name),
            (_, Self::Other) => None,
        }
    }
}

/// The kernel's command lines of a tree, in the order of their authority, and what they tell.
#[derive(Clone, Debug, Default)]
pub(crate) struct CommandLines {
    lines: Vec<String>,
}

impl CommandLines {
    /// The command line `scanned` of the running machine; those of the boot menu and of the Boot Loader Specification's
    /// entries, of kernels in the tree before others; then `/etc/kernel/cmdline` and `/etc/default/grub`. Comments and
    /// what os-prober wrote of other systems are left out.
    ///
    /// # Errors
    /// As [`GuestWorkspace::read`].
    pub(crate) fn of(workspace: &GuestWorkspace<'_>, scanned: Option<&str>) -> Result<Self> {
        let mut lines: Vec<String> = scanned.map(str::to_owned).into_iter().collect();
        let read = |path: &[u8]| -> Result<String> {
            let text = workspace.read(path)?.unwrap_or_default();
            Ok(String::from_utf8_lossy(&text).into_owned())
        };
        let mut menu = Vec::new();
        for path in SCRIPTS {
            menu.extend(lines_of_script(&read(path)?));
        }
        for name in workspace.names(ENTRIES).iter().filter(|name| name.ends_with(b".conf")) {
            menu.extend(line_of_entry(&read(&[ENTRIES, b"/", name].concat())?));
        }
        let is_there = |kernel: &str| {
            let path = kernel.split_once(')').map_or(kernel, |(_, path)| path);
            path.len() > 1
                && (workspace.is_file(path.as_bytes())
                    || workspace.is_file(format!("/boot{path}").as_bytes()))
        };
        let (own, others): (Vec<_>, Vec<_>) = menu.into_iter().partition(|(kernel, _)| is_there(kernel));
        lines.extend(own.into_iter().chain(others).map(|(_, options)| options));
        for path in PLAIN {
            let text = read(path)?;
            lines.extend(text.lines().filter(|line| !is_comment(line)).map(str::to_owned));
        }
        Ok(Self { lines })
    }

    /// What the first `root=` says that a boot loader need not complete.
    pub(crate) fn root(&self) -> Option<RootDevice> {
        let of_line = |line: &String| {
            // The kernel takes the last of a line.
            let value = words(line).filter_map(|word| word.strip_prefix("root=")).last()?;
            let is_stated = !value.is_empty() && !value.contains('$');
            is_stated.then(|| RootDevice::of(&Device::parse(value.as_bytes())))
        };
        self.lines.iter().find_map(of_line)
    }

    /// Names of the device mapper that options give to encrypted devices.
    fn encrypted(&self) -> impl Iterator<Item = String> {
        let name = |word: &str| {
            let (option, value) = word.split_once('=')?;
            match option {
                // DEVICE:NAME:OPTIONS
                "cryptdevice" => value.split(':').nth(1),
                "rd.luks.name" | "luks.name" => value.split_once('=').map(|(_, name)| name),
                _ => None,
            }
            .map(str::to_owned)
        };
        self.lines.iter().flat_map(|line| words(line)).filter_map(name)
    }

    /// Volume groups that the lines name in a way that only LVM has.
    fn groups(&self) -> impl Iterator<Item = String> {
        let name = |word: &str| match word.split_once('=') {
            Some(("rd.lvm.vg", group)) => Some(group.to_owned()),
            Some(("rd.lvm.lv", volume)) => volume.split_once('/').map(|(group, _)| group.to_owned()),
            Some((_, path)) => group_of_path(path),
            None => None,
        };
        self.lines.iter().flat_map(|line| words(line)).filter_map(name)
    }
}

/// What tells a logical volume from the other devices of the device mapper.
#[derive(Clone, Debug, Default)]
pub(crate) struct VolumeEvidence {
    encrypted: BTreeSet<String>,
    groups: BTreeSet<String>,
    /// Every text of the machine report's part on LVM.
    reported: BTreeSet<String>,
}

impl VolumeEvidence {
    /// Looks at `/etc/crypttab`, command lines, LVM's copies of its metadata, fstab, and what the machine report has of
    /// LVM.
    ///
    /// # Errors
    /// As [`GuestWorkspace::read`].
    pub(crate) fn of(
        workspace: &GuestWorkspace<'_>,
        lines: &CommandLines,
        report: Option<&serde_json::Value>,
    ) -> Result<Self> {
        let mut found = Self::default();
        found.encrypted.extend(lines.encrypted());
        let crypttab = workspace.read(b"/etc/crypttab")?.unwrap_or_default();
        let crypttab = String::from_utf8_lossy(&crypttab);
        let names = crypttab.lines().filter(|line| !is_comment(line));
        found.encrypted.extend(names.filter_map(|line| line.split_whitespace().next()).map(str::to_owned));
        found.groups.extend(lines.groups());
        let utf8 = |names: Vec<Vec<u8>>| names.into_iter().filter_map(|name| String::from_utf8(name).ok());
        found.groups.extend(utf8(workspace.names(b"/etc/lvm/backup")));
        // GROUP_00012-1234567890.vg
        let archived = utf8(workspace.names(b"/etc/lvm/archive"));
        found.groups.extend(archived.filter_map(|name| Some(name.rsplit_once('_')?.0.to_owned())));
        let fstab = workspace.read(b"/etc/fstab")?.unwrap_or_default();
        let fstab = String::from_utf8_lossy(&fstab);
        let devices = fstab.lines().filter(|line| !is_comment(line));
        found.groups.extend(devices.filter_map(|line| group_of_path(line.split_whitespace().next()?)));
        if let Some(report) = report {
            texts(report, &mut found.reported);
        }
        Ok(found)
    }

    /// Whether an encrypted device has the name.
    pub(crate) fn is_encrypted(&self, name: &LogicalVolumeName) -> bool {
        self.encrypted.contains(&name.mapped())
    }

    /// Whether anything says that the name's group is one of LVM's.
    pub(crate) fn has(&self, name: &LogicalVolumeName) -> bool {
        self.groups.contains(&name.group) || self.reported.contains(&name.group)
    }
}

/// The kernels of a `grub.cfg` with their options.
fn lines_of_script(script: &str) -> Vec<(String, String)> {
    let mut is_foreign = false;
    let mut found = Vec::new();
    for line in script.lines() {
        let mut fields = line.split_whitespace();
        let command = fields.next().unwrap_or_default();
        if line.starts_with("### BEGIN ") {
            is_foreign = line.contains("os-prober");
        } else if line.starts_with("### END ") {
            is_foreign = false;
        }
        match command {
            _ if is_foreign => {}
            "linux" | "linux16" | "linuxefi" => {
                let kernel = fields.next().unwrap_or_default().to_owned();
                found.push((kernel, fields.collect::<Vec<_>>().join(" ")));
            }
            "set" => {
                let options = line.trim_start().strip_prefix("set").map(str::trim_start);
                let options = options.and_then(|rest| rest.strip_prefix("kernelopts="));
                found.extend(options.map(|options| (String::new(), options.to_owned())));
            }
            _ => {}
        }
    }
    found
}

/// The kernel of an entry of the Boot Loader Specification with its options.
fn line_of_entry(entry: &str) -> Option<(String, String)> {
    let value = |key: &str| {
        let of_line = |line: &str| Some(line.trim_start().strip_prefix(key)?.to_owned());
        entry.lines().filter_map(of_line).find(|value| value.starts_with(char::is_whitespace))
    };
    Some((value("linux").unwrap_or_default().trim().to_owned(), value("options")?))
}

/// The group of `/dev/GROUP/VOLUME`; names below `/dev/mapper` say nothing.
fn group_of_path(path: &str) -> Option<String> {
    let is_mapped = path.starts_with("/dev/mapper/");
    LogicalVolumeName::of_device(path).filter(|_| !is_mapped).map(|name| name.group)
}

/// Options, each without the quotes around it or its value.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\''))
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// The texts of a value; `serde_json` bounds how deep it is.
fn texts(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::String(text) => {
            found.insert(text.clone());
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| texts(value, found)),
        serde_json::Value::Object(fields) => fields.values().for_each(|value| texts(value, found)),
        _ => {}
    }
}

const SCRIPTS: [&[u8]; 2] = [b"/boot/grub/grub.cfg", b"/boot/grub2/grub.cfg"];
const PLAIN: [&[u8]; 2] = [b"/etc/kernel/cmdline", b"/etc/default/grub"];
const ENTRIES: &[u8] = b"/boot/loader/entries";

#[cfg(test)]
mod tests {
    use super::super::test_tree::{file, tree};
    use super::*;

    fn lines(files: &[(&'static str, &'static str)], scanned: Option<&str>) -> CommandLines {
        let tree = tree(files.iter().map(|(path, text)| (*path, file(text))).collect());
        CommandLines::of(&GuestWorkspace::new(&tree), scanned).unwrap()
    }

    fn root(fstab: &str, files: &[(&'static str, &'static str)], scanned: Option<&str>) -> Option<String> {
        let device = RootDevice::of(&Device::parse(fstab.as_bytes()));
        device.volume(&lines(files, scanned)).map(|name| name.to_string())
    }

    const MENU: &str = "set root='hd0,msdos1'\nlinux /vmlinuz-1 root=/dev/mapper/vg-root ro\n";

    #[test]
    fn the_first_root_option_decides_whether_it_is_a_volume_or_not() {
        let label = "LABEL=root";
        let menu = ("boot/grub/grub.cfg", MENU);
        assert_eq!(root(label, &[menu], None).as_deref(), Some("vg/root"));
        assert_eq!(root(label, &[menu], Some("ro root=/dev/vg/other")).as_deref(), Some("vg/other"));
        assert_eq!(root(label, &[menu], Some("root=UUID=1-2 xroot=/dev/vg/r")), None);
        assert_eq!(root(label, &[menu], Some("root=/dev/sda2")), None);
        assert_eq!(root("/dev/vg/r", &[menu], Some("root=/dev/sda2")), None);
        assert_eq!(root("/dev/vg/r", &[], Some("root=UUID=1-2")).as_deref(), Some("vg/r"));
        let defaults = (
            "etc/default/grub",
            "#GRUB_CMDLINE_LINUX=\"root=/dev/vg/no\"\nGRUB_CMDLINE_LINUX=\"x root=/dev/vg/r\"\n",
        );
        assert_eq!(root(label, &[defaults], None).as_deref(), Some("vg/r"));
        assert_eq!(
            root(label, &[("boot/grub/grub.cfg", "linux /v root=$root\n"), defaults], None).as_deref(),
            Some("vg/r")
        );
    }

    #[test]
    fn comments_and_menu_entries_of_other_systems_name_no_root() {
        let script = "# linux /vmlinuz root=/dev/vg/commented\n### BEGIN /etc/grub.d/30_os-prober ###\n\
                      linux /vmlinuz root=/dev/vg/foreign\n### END /etc/grub.d/30_os-prober ###\n\
                      linux (hd0,1)/elsewhere root=/dev/vg/elsewhere\nlinux /vmlinuz root=/dev/vg/own\n";
        let files = [("boot/grub/grub.cfg", script), ("boot/vmlinuz", "kernel")];
        assert_eq!(root("LABEL=x", &files, None).as_deref(), Some("vg/own"));
        let entry = "title x\n# options root=/dev/vg/no\nlinux /vmlinuz\noptions root=/dev/vg/entry quiet\n";
        assert_eq!(
            root("LABEL=x", &[("boot/loader/entries/a.conf", entry)], None).as_deref(),
            Some("vg/entry")
        );
    }

    #[test]
    fn an_fstab_that_names_a_uuid_or_a_partition_leaves_no_volume() {
        for fstab in ["UUID=1-2", "/dev/sda2", "PARTUUID=1", "/dev/disk/by-uuid/1-2"] {
            assert_eq!(root(fstab, &[("boot/grub/grub.cfg", MENU)], Some("root=/dev/vg/r")), None, "{fstab}");
        }
    }

    #[test]
    fn only_evidence_makes_a_name_of_the_device_mapper_that_of_a_volume() {
        let evidence =
            |files: &[(&'static str, &'static str)], cmdline: &str, report: Option<&serde_json::Value>| {
                let tree = tree(files.iter().map(|(path, text)| (*path, file(text))).collect());
                let workspace = GuestWorkspace::new(&tree);
                let lines = CommandLines::of(&workspace, Some(cmdline)).unwrap();
                VolumeEvidence::of(&workspace, &lines, report).unwrap()
            };
        let name = LogicalVolumeName::new("my-vg", "root");
        for (path, text) in [
            ("etc/lvm/backup/my-vg", ""),
            ("etc/lvm/archive/my-vg_00001-7.vg", ""),
            ("etc/fstab", "/dev/my-vg/home /home ext4 defaults 0 2\n"),
            ("etc/default/grub", "GRUB_CMDLINE_LINUX=\"rd.lvm.lv=my-vg/root\"\n"),
        ] {
            assert!(evidence(&[(path, text)], "", None).has(&name), "{path}");
        }
        assert!(evidence(&[], "rd.lvm.vg=my-vg", None).has(&name));
        let report = serde_json::json!({"vgs": [{"vg_name": "my-vg"}]});
        assert!(evidence(&[], "", Some(&report)).has(&name));
        let none = [("etc/fstab", "/dev/mapper/my--vg-root / ext4 defaults 0 1\n#/dev/my-vg/x /x\n")];
        assert!(!evidence(&none, "root=/dev/mapper/my--vg-root", None).has(&name));
    }

    #[test]
    fn encrypted_devices_are_known_from_crypttab_and_from_options() {
        let tree = tree(vec![("etc/crypttab", file("#a-no UUID=1\na-tab UUID=1 none luks\n"))]);
        let workspace = GuestWorkspace::new(&tree);
        let options =
            "cryptdevice=UUID=1-2:a-arch:allow-discards rd.luks.name=1-2=a-dracut luks.name=1=a-systemd";
        let lines = CommandLines::of(&workspace, Some(options)).unwrap();
        let evidence = VolumeEvidence::of(&workspace, &lines, None).unwrap();
        for volume in ["tab", "arch", "dracut", "systemd"] {
            assert!(evidence.is_encrypted(&LogicalVolumeName::new("a", volume)), "{volume}");
        }
        assert!(!evidence.is_encrypted(&LogicalVolumeName::new("a", "no")));
    }
}

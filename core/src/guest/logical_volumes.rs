//! LVM in the guest: what it says of the old volume groups, and whether it can use those of the new disk.

use super::volumes::VolumesOfTheDisk;
use super::workspace::GuestWorkspace;
use crate::Result;
use crate::lvm::LogicalVolumeName;
use crate::tree::{Findings, Severity};

/// What a tree brings for LVM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LvmSupport {
    /// The program `lvm`, without which no volume becomes active.
    pub program: bool,
    /// What takes it into an initial RAM disk: initramfs-tools' hook, dracut's module or mkinitcpio's hook.
    pub initramfs: bool,
}

impl LvmSupport {
    /// Looks for them.
    pub fn of(workspace: &GuestWorkspace<'_>) -> Self {
        let program = PROGRAMS.iter().any(|path| workspace.exists(path.as_bytes()));
        let has_module = || {
            let modules = workspace.names(DRACUT_MODULES.as_bytes());
            modules.iter().any(|name| name.ends_with(b"lvm") && name.iter().take(2).all(u8::is_ascii_digit))
        };
        let initramfs = HOOKS.iter().any(|path| workspace.exists(path.as_bytes())) || has_module();
        Self { program, initramfs: program && initramfs }
    }
}

/// The logical volume that the tree's boot configuration names as the root file system's: of the first `root=` in the
/// boot menu, the Boot Loader Specification's entries, `/etc/kernel/cmdline`, or the command line `scanned`.
///
/// # Errors
/// As [`GuestWorkspace::read`].
pub fn root_logical_volume(
    workspace: &GuestWorkspace<'_>,
    scanned: Option<&str>,
) -> Result<Option<LogicalVolumeName>> {
    if let Some(name) = scanned.and_then(root_of) {
        return Ok(Some(name));
    }
    let mut paths: Vec<Vec<u8>> = MENUS.iter().map(|path| path.as_bytes().to_vec()).collect();
    let entries = workspace.names(ENTRIES.as_bytes());
    paths.extend(entries.iter().map(|name| [ENTRIES.as_bytes(), b"/", name].concat()));
    for path in paths {
        let Some(text) = workspace.read(&path)? else { continue };
        if let Some(name) = root_of(&String::from_utf8_lossy(&text)) {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

/// Names of the device mapper that `/etc/crypttab` gives to encrypted devices: no logical volume has them.
///
/// # Errors
/// As [`GuestWorkspace::read`].
pub fn encrypted_names(workspace: &GuestWorkspace<'_>) -> Result<Vec<String>> {
    let text = workspace.read(b"/etc/crypttab")?.unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names.filter(|name| !name.starts_with('#')).map(str::to_owned).collect())
}

/// Makes LVM's own configuration true: lists of the old physical volumes go, and filters that would hide the new ones.
pub(super) fn amend_lvm(
    workspace: &mut GuestWorkspace<'_>,
    disk: &VolumesOfTheDisk,
    findings: &mut Findings,
) -> Result<()> {
    let reason = "it names the physical volumes of the old disks; without it LVM looks at every device";
    if disk.lvm && workspace.exists(DEVICES_FILE) {
        let text = "LVM's list of the old disks' devices is removed; where the initial RAM disk has a copy, it must \
                    be made anew before it finds the root file system";
        findings.record(Severity::Note, "lvm-devices", DEVICES_FILE, text)?;
    }
    workspace.remove(DEVICES_FILE, reason);
    if !disk.lvm {
        return Ok(());
    }
    for (directory, end) in LEFTOVERS {
        for name in workspace.names(directory.as_bytes()).into_iter().filter(|name| name.ends_with(end)) {
            let path = [directory.as_bytes(), b"/", &name].concat();
            workspace.remove(&path, "it describes volume groups of the old disks");
        }
    }
    for path in CONFIGURATION {
        let Some(text) = workspace.read(path)? else { continue };
        let lines: Vec<Vec<u8>> = without_filters(&text);
        let amended = lines.join(&b'\n');
        if amended != text {
            let message = "its filters choose among the old disks' devices and are commented out; where the initial \
                           RAM disk has a copy, that must be made anew";
            findings.record(Severity::Warning, "lvm-filter", path, message)?;
            workspace.write(path, amended, "its filters could hide the new disk from LVM")?;
        }
    }
    Ok(())
}

/// The lines of a configuration file with `filter` and `global_filter` commented out, whatever lines they take.
fn without_filters(text: &[u8]) -> Vec<Vec<u8>> {
    let mut in_filter = false;
    text.split(|byte| *byte == b'\n')
        .map(|line| {
            let words = line.trim_ascii_start();
            let starts = [&b"filter"[..], b"global_filter", b"devices/filter", b"devices/global_filter"]
                .iter()
                .any(|key| {
                    words.strip_prefix(*key).is_some_and(|rest| rest.trim_ascii_start().starts_with(b"="))
                });
            if !in_filter && !starts {
                return line.to_vec();
            }
            in_filter = !line.contains(&b']');
            [b"#", line].concat()
        })
        .collect()
}

fn root_of(text: &str) -> Option<LogicalVolumeName> {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '"' | '\''));
    words.filter_map(|word| word.strip_prefix("root=")).find_map(LogicalVolumeName::of_device)
}

const PROGRAMS: [&str; 4] = ["/sbin/lvm", "/usr/sbin/lvm", "/usr/bin/lvm", "/bin/lvm"];
const HOOKS: [&str; 2] = ["/usr/share/initramfs-tools/hooks/lvm2", "/usr/lib/initcpio/hooks/lvm2"];
const DRACUT_MODULES: &str = "/usr/lib/dracut/modules.d";
const MENUS: [&str; 4] =
    ["/boot/grub/grub.cfg", "/boot/grub2/grub.cfg", "/etc/kernel/cmdline", "/etc/default/grub"];
const ENTRIES: &str = "/boot/loader/entries";
const DEVICES_FILE: &[u8] = b"/etc/lvm/devices/system.devices";
const CONFIGURATION: [&[u8]; 2] = [b"/etc/lvm/lvm.conf", b"/etc/lvm/lvmlocal.conf"];
const LEFTOVERS: [(&str, &[u8]); 3] =
    [("/etc/lvm/backup", b""), ("/etc/lvm/archive", b".vg"), ("/etc/lvm/cache", b".cache")];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_commented_out_and_nothing_else() {
        let text = b"devices {\n\tfilter = [ \"a|sda|\",\n\t\"r|.*|\" ]\n\t# filter = [ ]\n\tfilters = 1\n\tglobal_filter=[\"r|x|\"]\n}\n";
        let amended = without_filters(text).join(&b'\n');
        let expected = "devices {\n#\tfilter = [ \"a|sda|\",\n#\t\"r|.*|\" ]\n\t# filter = [ ]\n\tfilters = 1\n#\tglobal_filter=[\"r|x|\"]\n}\n";
        assert_eq!(String::from_utf8(amended).unwrap(), expected);
    }

    #[test]
    fn the_root_is_the_first_logical_volume_that_a_root_option_names() {
        let root = |text: &str| root_of(text).map(|name| name.to_string());
        assert_eq!(root("linux /vmlinuz root=/dev/mapper/vg0-root ro").as_deref(), Some("vg0/root"));
        assert_eq!(root("GRUB_CMDLINE_LINUX=\"root=/dev/vg0/r x\"").as_deref(), Some("vg0/r"));
        assert_eq!(root("root=UUID=1-2 xroot=/dev/vg0/r"), None);
    }
}

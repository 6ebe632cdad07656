//! LVM in the guest: what it says of the old volume groups, and whether it can use those of the new disk.

use super::lvm_filters::without_filters;
use super::volumes::VolumesOfTheDisk;
use super::workspace::GuestWorkspace;
use crate::Result;
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
        let amended = without_filters(&text);
        if amended != text {
            let message = "its filters choose among the old disks' devices and are commented out; where the initial \
                           RAM disk has a copy, that must be made anew";
            findings.record(Severity::Warning, "lvm-filter", path, message)?;
            workspace.write(path, amended, "its filters could hide the new disk from LVM")?;
        }
    }
    Ok(())
}

const PROGRAMS: [&str; 4] = ["/sbin/lvm", "/usr/sbin/lvm", "/usr/bin/lvm", "/bin/lvm"];
const HOOKS: [&str; 2] = ["/usr/share/initramfs-tools/hooks/lvm2", "/usr/lib/initcpio/hooks/lvm2"];
const DRACUT_MODULES: &str = "/usr/lib/dracut/modules.d";
const DEVICES_FILE: &[u8] = b"/etc/lvm/devices/system.devices";
const CONFIGURATION: [&[u8]; 2] = [b"/etc/lvm/lvm.conf", b"/etc/lvm/lvmlocal.conf"];
const LEFTOVERS: [(&str, &[u8]); 3] =
    [("/etc/lvm/backup", b""), ("/etc/lvm/archive", b".vg"), ("/etc/lvm/cache", b".cache")];

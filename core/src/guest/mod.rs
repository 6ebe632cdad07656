//! Edits that make a captured tree true for its new disk: functions from bytes to bytes over the immutable tree.
//!
//! Nothing of the guest is executed, and nothing is changed that need not be. Every edit says what and why, and a second
//! run over the result makes none. The boot loader's configuration is not touched here.

mod block_layers;
mod ext4_generation;
mod facts;
mod fstab;
mod hardware;
mod hostname;
mod identity;
mod kept;
mod os_release;
mod overlay;
mod resume;
mod volumes;
mod workspace;

pub use ext4_generation::{Ext4Choice, Ext4Generation};
pub use facts::{Architecture, GuestFacts};
pub use fstab::{Device, EntryKind, Fstab, FstabEntry};
pub use hostname::check_hostname;
pub use identity::{IdentifierMap, replace_identifiers};
pub use kept::{
    IdentityHolder, KeptIdentities, KeptIdentity, MbrPartitionId, UsableIdentity, WantedIdentity,
};
pub use os_release::OsRelease;
pub use resume::ResumeSetting;
pub use volumes::{Volume, VolumePlace, VolumesOfTheDisk};
pub use workspace::{Edit, EditAction, GuestWorkspace};

use crate::Result;
use crate::error::EscapePath;
use crate::tree::{Findings, Object, Severity};

/// What the profile asks of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestSettings {
    /// The machine's name; `None` keeps what the tree has.
    pub hostname: Option<String>,
    /// Identifiers that are new on this disk; empty where identity is kept.
    pub identifiers: IdentifierMap,
}

/// Makes the tree true for the new disk: fstab, what lies below it (crypttab, arrays), resume settings, mount points,
/// host name, files that bind it to the old hardware. What the user should know stands in `findings`.
///
/// # Errors
/// `ErrorKind::InvalidProfile` for a host name that is none; `ErrorKind::Source` for an fstab that cannot be understood,
/// for a file that cannot be read or written, and in strict mode for what is worth a warning.
pub fn make_true(
    workspace: &mut GuestWorkspace<'_>,
    disk: &VolumesOfTheDisk,
    settings: &GuestSettings,
    findings: &mut Findings,
) -> Result<()> {
    identity::rewrite_files(workspace, &settings.identifiers)?;
    let fstab = fstab::amend(workspace, disk, &settings.identifiers, findings)?;
    block_layers::amend_crypttab(workspace, &fstab)?;
    block_layers::amend_mdadm(workspace, &fstab)?;
    resume::amend_resume(workspace, disk)?;
    note_swap_files(workspace, &fstab, findings)?;
    for path in disk.volumes.iter().filter_map(Volume::mount_point) {
        workspace.directory(path, 0o755, "a volume of the new disk is mounted here")?;
    }
    if let Some(name) = &settings.hostname {
        hostname::set_hostname(workspace, name)?;
    }
    hardware::forget_hardware(workspace, disk);
    Ok(())
}

/// Swap files are kept as they are; one with holes, or that the scan left out, is told.
fn note_swap_files(workspace: &GuestWorkspace<'_>, fstab: &Fstab, findings: &mut Findings) -> Result<()> {
    let tree = workspace.tree();
    for path in fstab.swap_files() {
        let shown = path.escape_ascii_path();
        let object = tree.resolve(&path).map(|node| tree.inode(tree.inode_of(node)).object);
        let (code, text) = match object {
            Some(Object::File { data: None, .. }) => continue,
            Some(Object::File { .. }) => (
                "swap-file-sparse",
                format!(
                    "the swap file {shown} has holes in the scan: swapon refuses it until it is written anew"
                ),
            ),
            _ => (
                "swap-file-missing",
                format!("fstab names the swap file {shown}, which the scan does not have"),
            ),
        };
        findings.record(Severity::Warning, code, &path, text)?;
    }
    Ok(())
}

#[cfg(test)]
mod test_tree;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod workspace_tests;

//! Edits that make a captured tree true for its new disk: functions from bytes to bytes over the immutable tree.
//!
//! Nothing of the guest is executed, and nothing is changed that need not be. Every edit says what and why, and a second
//! run over the result makes none. The boot loader's configuration is not touched here.

mod accounts;
mod block_layers;
mod ext4_generation;
mod facts;
mod fstab;
mod hardware;
mod hostname;
mod identity;
mod kept;
mod locale;
mod logical_volumes;
mod lvm_filters;
mod network;
mod os_release;
mod overlay;
mod protection;
mod resume;
mod scrub;
mod selinux;
mod units;
mod volume_evidence;
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
pub use logical_volumes::LvmSupport;
pub(crate) use lvm_filters::has_lvm_filters;
pub(crate) use network::naming_parameters;
pub use os_release::OsRelease;
pub(crate) use resume::true_resume;
pub use resume::{ResumeSetting, resume_parameter};
pub(crate) use volume_evidence::{CommandLines, RootDevice, VolumeEvidence};
pub use volumes::{Volume, VolumePlace, VolumesOfTheDisk};
pub use workspace::{Edit, EditAction, GuestWorkspace};

use crate::Result;
use crate::error::EscapePath;
use crate::profile::{NicRequest, RootAccount, SelinuxMode, UserAccount};
use crate::tree::{Findings, Object, Severity};

/// What the profile asks of the guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestSettings {
    /// The machine's name; `None` keeps what the tree has.
    pub hostname: Option<String>,
    /// Identifiers that are new on this disk; empty where identity is kept.
    pub identifiers: IdentifierMap,
    /// What becomes of the root account; its password is a hash.
    pub root: Option<RootAccount>,
    /// Users to make or change; their passwords are hashes.
    pub users: Vec<UserAccount>,
    /// The day of the change, since 1970-01-01: that of new passwords.
    pub day: i64,
    /// Time zone; `None` keeps what the tree has, here and below.
    pub timezone: Option<String>,
    /// Keyboard, by a console keymap's name.
    pub keyboard: Option<String>,
    /// Text after a login.
    pub welcome_message: Option<String>,
    /// Network interfaces in place of the tree's own; none, or an empty list, keeps these.
    pub nics: Option<Vec<NicRequest>>,
    /// Whether the firewall starts.
    pub firewall: Option<bool>,
    /// SELinux's mode.
    pub selinux: Option<SelinuxMode>,
    /// Whether what makes two machines one is reset.
    pub is_clone: bool,
}

/// Makes the tree true for the new disk: fstab, what lies below it (crypttab, arrays), resume settings, mount points,
/// host name, accounts, locale, network, files that bind it to the old hardware. What the user should know stands in
/// `findings`.
///
/// # Errors
/// `ErrorKind::InvalidProfile` for a host name that is none and for an account that contradicts the tree;
/// `ErrorKind::Unsupported` naming the profile's field that this tree cannot honour; `ErrorKind::Source` for an fstab that cannot be understood,
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
    hardware::forget_hardware(workspace);
    logical_volumes::amend_lvm(workspace, disk, findings)?;
    set_guest(workspace, settings, findings)?;
    if settings.is_clone {
        scrub::scrub(workspace, findings)?;
    }
    Ok(())
}

/// What the profile asks of the guest's own configuration; everything that it cannot honour at once.
fn set_guest(
    workspace: &mut GuestWorkspace<'_>,
    settings: &GuestSettings,
    findings: &mut Findings,
) -> Result<()> {
    let GuestSettings { root, users, day, .. } = settings;
    let mut problems = Vec::new();
    let mut tried = |result: Result<()>| problems.extend(result.err());
    tried(accounts::set_accounts(workspace, root.as_ref(), users, *day, findings));
    if let Some(zone) = &settings.timezone {
        tried(locale::set_timezone(workspace, zone));
    }
    if let Some(keymap) = &settings.keyboard {
        tried(locale::set_keyboard(workspace, keymap));
    }
    if let Some(text) = &settings.welcome_message {
        tried(locale::set_welcome_message(workspace, text));
    }
    match &settings.nics {
        Some(nics) if !nics.is_empty() => tried(network::set_nics(workspace, nics)),
        _ => tried(network::loosen_bindings(workspace)),
    }
    if let Some(enabled) = settings.firewall {
        tried(protection::set_firewall(workspace, enabled));
    }
    if let Some(mode) = settings.selinux {
        tried(protection::set_selinux(workspace, mode));
    }
    crate::Error::collect(problems)
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
mod configuration_tests;
#[cfg(test)]
pub(crate) mod test_tree;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod workspace_tests;

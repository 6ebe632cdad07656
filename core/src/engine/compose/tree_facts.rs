//! What the tree says of itself, as far as settings depend on it.

use crate::Result;
use crate::guest::{
    EntryKind, GuestFacts, GuestWorkspace, LvmSupport, VolumePlace, VolumesOfTheDisk, encrypted_names,
    root_logical_volume,
};
use crate::lvm::LogicalVolumeName;
use crate::profile::{BootPolicy, Origin, PartitionPlan, Settings, TreeFacts, TreeMount, TreeSwap};
use crate::tree::{Findings, Severity};
use crate::{Error, ErrorKind};

/// What fstab and, of the root file system, the boot configuration say. Logical volumes are left out where the tree has
/// no programs for them, and that is noted.
pub(super) fn tree_facts(
    workspace: &GuestWorkspace<'_>,
    facts: &GuestFacts,
    cmdline: Option<&str>,
    findings: &mut Findings,
) -> Result<TreeFacts> {
    let mut found = TreeFacts::default();
    for entry in facts.fstab.iter().flat_map(|fstab| fstab.entries()) {
        if entry.kind() == EntryKind::Block {
            found.mounts.push(TreeMount {
                mount_point: String::from_utf8_lossy(&entry.mount_point()).into_owned(),
                file_system: entry.fs_type().into_owned(),
                ..TreeMount::default()
            });
        }
    }
    for identity in facts.identities().volumes {
        let logical_volume = identity.logical_volume;
        match identity.place {
            VolumePlace::Swap => {
                found.swaps.push(TreeSwap { uuid: identity.uuid, label: identity.label, logical_volume });
            }
            VolumePlace::MountPoint(path) => {
                let mount = found.mounts.iter_mut().find(|mount| mount.mount_point.as_bytes() == path);
                if let Some(mount) = mount {
                    mount.uuid = identity.uuid;
                    mount.label = identity.label;
                    mount.logical_volume =
                        logical_volume.filter(|_| path == b"/" || workspace.has_content(&path));
                }
            }
        }
    }
    logical_volumes(workspace, cmdline, &mut found, findings)?;
    Ok(found)
}

/// Adds the root's, and takes away those that are none or cannot be used.
fn logical_volumes(
    workspace: &GuestWorkspace<'_>,
    cmdline: Option<&str>,
    found: &mut TreeFacts,
    findings: &mut Findings,
) -> Result<()> {
    let encrypted = encrypted_names(workspace)?;
    let is_one = |name: &LogicalVolumeName| !encrypted.contains(&name.mapped());
    if let Some(root) = found.mounts.iter_mut().find(|mount| mount.mount_point == "/")
        && root.logical_volume.is_none()
    {
        root.logical_volume = root_logical_volume(workspace, cmdline)?;
    }
    let mounts = found.mounts.iter_mut().map(|mount| &mut mount.logical_volume);
    let names: Vec<&mut Option<LogicalVolumeName>> =
        mounts.chain(found.swaps.iter_mut().map(|swap| &mut swap.logical_volume)).collect();
    let has_program = LvmSupport::of(workspace).program;
    let mut unused = None;
    for name in names {
        *name = name.take().filter(is_one);
        if !has_program {
            unused = unused.or(name.take());
        }
    }
    if let Some(name) = unused {
        let text = format!(
            "the tree's volume {name} is laid out as a plain partition: the tree has no program lvm to find it with"
        );
        findings.record(Severity::Note, "lvm-not-kept", b"/etc/fstab", text)?;
    }
    Ok(())
}

/// Refuses logical volumes that the tree's programs would not find at boot.
///
/// # Errors
/// `ErrorKind::Unsupported` where the disk must boot; in strict mode `ErrorKind::Source` for what is worth a warning.
pub(super) fn check_lvm(
    workspace: &GuestWorkspace<'_>,
    settings: &Settings,
    partitions: &PartitionPlan,
    disk: &VolumesOfTheDisk,
    findings: &mut Findings,
) -> Result<()> {
    if !disk.lvm {
        return Ok(());
    }
    let support = LvmSupport::of(workspace);
    let asked = settings.volume_groups.origin != Origin::Default;
    let text = match (support.program, support.initramfs || !disk.starts_on_logical_volume()) {
        (false, _) => "the tree has no program lvm (package lvm2): it would not find the volume groups",
        (true, false) if asked => {
            "nothing in the tree takes lvm into its initial RAM disk (package lvm2): it would not find the root file system"
        }
        _ => return Ok(()),
    };
    if settings.boot.value == BootPolicy::Required {
        let name = partitions.volume_groups.first().map(|group| group.name.as_str()).unwrap_or_default();
        let text =
            format!("volume group {name}: {text}; give its volumes partitions, or ask to flatten them");
        let refusal = Error::new(ErrorKind::Unsupported, text).with_field("volume_groups");
        return Err(settings.as_written(refusal));
    }
    findings.record(Severity::Warning, "lvm-missing", b"/usr/sbin/lvm", text)
}

//! What the tree says of itself, as far as settings depend on it.

use std::collections::BTreeMap;

use super::tree_volumes::keep_usable;
use crate::Result;
use crate::guest::{EntryKind, GuestFacts, GuestWorkspace, LvmSupport, VolumePlace, VolumesOfTheDisk};
use crate::profile::{
    BootPolicy, MachineReport, Origin, PartitionPlan, Settings, TreeFacts, TreeMount, TreeSwap,
};
use crate::tree::{Findings, Severity};
use crate::{Error, ErrorKind};

/// What fstab and, of the root file system, the boot configuration say. Logical volumes that cannot be used are left out,
/// and that is noted.
pub(super) fn tree_facts(
    workspace: &GuestWorkspace<'_>,
    facts: &GuestFacts,
    report: Option<&MachineReport>,
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
    let mut places = BTreeMap::new();
    for (at, mount) in found.mounts.iter().enumerate() {
        places.entry(mount.mount_point.clone().into_bytes()).or_insert(at);
    }
    for identity in facts.identities().volumes {
        let logical_volume = identity.logical_volume;
        match identity.place {
            VolumePlace::Swap => {
                found.swaps.push(TreeSwap { uuid: identity.uuid, label: identity.label, logical_volume });
            }
            VolumePlace::MountPoint(path) => {
                if let Some(mount) = places.get(&path).and_then(|at| found.mounts.get_mut(*at)) {
                    mount.uuid = identity.uuid;
                    mount.label = identity.label;
                    mount.logical_volume = logical_volume;
                }
            }
        }
    }
    keep_usable(workspace, facts, report, &mut found, findings)?;
    Ok(found)
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

//! Logical volumes that the tree names: which of them the new disk can have.

use std::collections::BTreeMap;

use crate::Result;
use crate::guest::{
    CommandLines, EntryKind, GuestFacts, GuestWorkspace, LvmSupport, RootDevice, VolumeEvidence,
};
use crate::lvm::LogicalVolumeName;
use crate::profile::{MOST_VOLUMES, MachineReport, TreeFacts, check_mount_point};
use crate::tree::{Findings, Severity};

/// Adds the root's logical volume, which the boot configuration may name in fstab's stead, and takes away those that are
/// none or cannot be used, with a note for each reason.
pub(super) fn keep_usable(
    workspace: &GuestWorkspace<'_>,
    facts: &GuestFacts,
    report: Option<&MachineReport>,
    found: &mut TreeFacts,
    findings: &mut Findings,
) -> Result<()> {
    let lines = CommandLines::of(workspace, report.and_then(|report| report.cmdline.as_deref()))?;
    if let Some(root) = found.mounts.iter_mut().find(|mount| mount.mount_point == "/") {
        let is_it = |entry: &&crate::guest::FstabEntry| {
            entry.kind() == EntryKind::Block && entry.mount_point() == b"/"
        };
        let entry = facts.fstab.iter().flat_map(|fstab| fstab.entries()).find(is_it);
        root.logical_volume = entry.and_then(|entry| RootDevice::of(&entry.device()).volume(&lines));
    }
    let has_program = LvmSupport::of(workspace).program;
    let evidence = VolumeEvidence::of(workspace, &lines, report.and_then(|report| report.lvm.as_ref()))?;
    let mut left: BTreeMap<&'static str, (LogicalVolumeName, usize)> = BTreeMap::new();
    let mut kept = 0_usize;
    let mut judge = |slot: &mut Option<LogicalVolumeName>, mount_point: Option<&str>| {
        let Some(name) = slot.take() else { return };
        if mount_point.is_some_and(|at| at != "/" && !workspace.has_content(at.as_bytes())) {
            return;
        }
        let verdict = match kept < MOST_VOLUMES {
            _ if evidence.is_encrypted(&name) => return,
            _ if !evidence.has(&name) => Err("nothing else in the tree says that it is a volume of LVM"),
            _ if !has_program => Err("the tree has no program lvm to find it with"),
            true => is_usable(workspace, &name, mount_point),
            false => Err("the tree names more of them than a disk can have"),
        };
        match verdict {
            Ok(()) => {
                kept = kept.saturating_add(1);
                *slot = Some(name);
            }
            Err(why) => {
                let count = &mut left.entry(why).or_insert((name, 0)).1;
                *count = count.saturating_add(1);
            }
        }
    };
    // The root's first: without it none is kept.
    let (root, others): (Vec<_>, Vec<_>) =
        found.mounts.iter_mut().partition(|mount| mount.mount_point == "/");
    for mount in root.into_iter().chain(others) {
        judge(&mut mount.logical_volume, Some(&mount.mount_point));
    }
    for swap in &mut found.swaps {
        judge(&mut swap.logical_volume, None);
    }
    for (why, (name, count)) in left {
        let others = match count {
            1 => String::new(),
            _ => format!(", and {} more,", count.saturating_sub(1)),
        };
        let text = format!("the tree's volume {name}{others} is not laid out as a logical volume: {why}");
        findings.record(Severity::Note, "lvm-not-kept", b"/etc/fstab", text)?;
    }
    Ok(())
}

fn is_usable(
    workspace: &GuestWorkspace<'_>,
    name: &LogicalVolumeName,
    mount_point: Option<&str>,
) -> std::result::Result<(), &'static str> {
    if !name.fits_device_mapper() {
        return Err("its name is too long for the device mapper");
    }
    let Some(at) = mount_point else { return Ok(()) };
    if check_mount_point(at).is_err() {
        return Err("what stands at its mount point belongs to the root file system");
    }
    if matches!(at, "/boot/efi" | "/efi") {
        return Err("firmware reads no logical volumes");
    }
    if !workspace.is_directory(at.as_bytes()) {
        return Err("its mount point is no directory of the tree");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::tree_facts::tree_facts;
    use super::*;
    use crate::guest::test_tree::{Item, file, tree};
    use crate::tree::Finding;

    /// Mount points and swap areas with their volumes, and the findings.
    fn found(fstab: &str, mut items: Vec<(&str, Item)>, cmdline: &str) -> (Vec<String>, Vec<Finding>) {
        items.extend([("etc/fstab", file(fstab)), ("usr/sbin/lvm", file("lvm"))]);
        let tree = tree(items);
        let workspace = GuestWorkspace::new(&tree);
        let facts = GuestFacts::of(&workspace).unwrap();
        let report = MachineReport { cmdline: Some(cmdline.into()), ..Default::default() };
        let mut findings = Findings::default();
        let found = tree_facts(&workspace, &facts, Some(&report), &mut findings).unwrap();
        let mounts = found.mounts.into_iter().map(|mount| (mount.mount_point, mount.logical_volume));
        let swaps = found.swaps.into_iter().map(|swap| ("swap".to_owned(), swap.logical_volume));
        let shown = mounts.chain(swaps).filter_map(|(at, name)| Some(format!("{at} {}", name?)));
        (shown.collect(), findings.into_vec())
    }

    #[test]
    fn names_without_evidence_of_lvm_are_laid_out_plain_with_a_note() {
        let fstab = "/dev/mapper/a-root / ext4 defaults 0 1\n";
        let (volumes, notes) = found(fstab, vec![], "ro");
        assert!(volumes.is_empty(), "{volumes:?}");
        assert!(matches!(notes.as_slice(), [note] if note.text.contains("a/root")), "{notes:?}");
        let (volumes, notes) = found(fstab, vec![], "rd.lvm.lv=a/root");
        assert_eq!((volumes, notes), (vec!["/ a/root".to_owned()], vec![]));
        assert!(found(fstab, vec![], "rd.lvm.vg=a rd.luks.name=1-2=a-root").0.is_empty());
    }

    #[test]
    fn volumes_that_no_disk_can_have_are_left_out_with_a_note() {
        let long = "l".repeat(120);
        let mut fstab = format!("/dev/vg/{long} /long ext4 defaults 0 2\n");
        let mut items = vec![("long/x", file("")), ("srv", file("a file"))];
        for (volume, at) in
            [("r", "/"), ("e", "/etc"), ("l", "/lib"), ("f", "/boot/efi"), ("s", "/srv"), ("h", "/home")]
        {
            fstab.push_str(&format!("/dev/long-group/{volume} {at} ext4 defaults 0 2\n"));
        }
        fstab = fstab.replace("/dev/vg/", "/dev/long-group/");
        items.extend([("lib/x", file("")), ("boot/efi/x", file("")), ("home/x", file(""))]);
        let (volumes, notes) = found(&fstab, items, "");
        assert_eq!(volumes, ["/ long-group/r", "/home long-group/h"]);
        assert_eq!(notes.len(), 4, "{notes:?}");
    }

    #[test]
    fn no_more_volumes_are_kept_than_a_disk_can_have() {
        let mut fstab = "/dev/vg/root / ext4 defaults 0 1\n".to_owned();
        for number in 0..20_000 {
            fstab.push_str(&format!(
                "/dev/vg/v{number} none swap sw 0 0\n/dev/vg/m{number} /m{number} ext4 defaults 0 2\n"
            ));
        }
        let (volumes, notes) = found(&fstab, vec![("m0/x", file("")), ("m1/x", file(""))], "");
        assert_eq!(volumes.len(), MOST_VOLUMES);
        assert_eq!(volumes[..3], ["/ vg/root", "/m0 vg/m0", "/m1 vg/m1"]);
        assert_eq!(notes.len(), 1, "{notes:?}");
    }
}

//! What the report says of the disk.

use super::changed;
use super::content::hash_seed;
use super::disk::{ArrangedDisk, Ingredients};
use super::volumes::{DiskPlan, GroupDraft, VolumeDraft, fs_type};
use crate::Result;
use crate::boot::grub_bios::BiosBoot;
use crate::engine::report::{
    DiskEntry, FileSystemEntry, LogicalVolumeEntry, PartitionEntry, PhysicalVolumeEntry, SegmentEntry,
    VolumeGroupEntry,
};
use crate::lvm::VolumeGroup;
use crate::partition::TableKind;
use crate::profile::PartitionRole;

/// The disk with its partitions and volume groups.
pub(super) fn disk_entry(
    plan: &DiskPlan,
    arranged: &ArrangedDisk<'_>,
    ingredients: &Ingredients<'_>,
    bios: Option<&(u64, BiosBoot)>,
) -> Result<DiskEntry> {
    let partitions = arranged
        .partitions()
        .enumerate()
        .map(|(at, (draft, placement))| PartitionEntry {
            number: draft.number,
            start: placement.start,
            size: placement.size,
            role: draft.content.planned.role.name().to_owned(),
            id: draft.id.to_string(),
            name: draft.name.clone(),
            active: arranged.is_active(draft, bios.is_some()),
            file_system: file_system(&draft.content, ingredients),
            physical_volume: plan.groups.iter().find_map(|group| physical_volume(group, at)),
        })
        .collect();
    let groups = arranged.groups().iter().zip(&plan.groups).enumerate();
    let groups =
        groups.map(|(at, (group, draft))| volume_group(at, group, draft, plan, arranged, ingredients));
    Ok(DiskEntry {
        size: arranged.size(),
        sector_size: plan.sector_size.bytes(),
        table: plan.table.name().to_owned(),
        id: match plan.table {
            TableKind::Gpt => plan.guid.hyphenated().to_string(),
            TableKind::Mbr => format!("{:08x}", plan.signature),
        },
        partitions,
        volume_groups: groups.collect::<Result<_>>()?,
        bios_boot: bios.map(|(start, bios)| changed::bios_boot(bios, *start)),
    })
}

fn physical_volume(group: &GroupDraft, partition: usize) -> Option<PhysicalVolumeEntry> {
    let (_, id) = group.physical.iter().find(|(at, _)| *at == partition)?;
    Some(PhysicalVolumeEntry { uuid: id.to_string(), volume_group: group.name.clone() })
}

fn volume_group(
    at: usize,
    group: &VolumeGroup,
    draft: &GroupDraft,
    plan: &DiskPlan,
    arranged: &ArrangedDisk<'_>,
    ingredients: &Ingredients<'_>,
) -> Result<VolumeGroupEntry> {
    let mut volumes = Vec::new();
    for (volume, (_, content)) in group.logical.iter().zip(&draft.volumes) {
        let mut segments = Vec::new();
        for segment in &volume.segments {
            let (start, size) = arranged.place_of(at, segment)?;
            let partition = draft.physical.get(segment.physical).and_then(|(at, _)| plan.partitions.get(*at));
            let partition = partition.map_or(0, |partition| partition.number);
            segments.push(SegmentEntry { partition, start, size });
        }
        volumes.push(LogicalVolumeEntry {
            name: volume.name.clone(),
            uuid: volume.id.to_string(),
            size: group.size_of(volume),
            segments,
            file_system: file_system(content, ingredients),
        });
    }
    Ok(VolumeGroupEntry {
        name: group.name.clone(),
        uuid: group.id.to_string(),
        extent_size: group.extent_size,
        volumes,
    })
}

fn file_system(content: &VolumeDraft, ingredients: &Ingredients<'_>) -> Option<FileSystemEntry> {
    let is_esp = content.planned.role == PartitionRole::Esp;
    content.planned.file_system.zip(content.volume).map(|(kind, id)| FileSystemEntry {
        kind: fs_type(kind).to_owned(),
        uuid: id.to_string(),
        label: content.label.clone(),
        mount_point: content.planned.mount_point.clone(),
        hash_seed: kind.is_ext().then(|| hash_seed(content, ingredients).to_string()),
        taken_from: ingredients
            .esp
            .filter(|_| is_esp)
            .and_then(|esp| esp.scanned_directory().map(str::to_owned)),
        files: is_esp.then(|| changed::fat_files(&ingredients.esp_files, ingredients.tree)),
    })
}

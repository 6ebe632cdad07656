//! What the report says of the disks.

use super::changed;
use super::content::hash_seed;
use super::disk::{ArrangedDisks, Ingredients};
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

/// The disks with their partitions, and each volume group at the first disk that has a part of it.
pub(super) fn disk_entries(
    plan: &DiskPlan,
    arranged: &ArrangedDisks<'_>,
    ingredients: &Ingredients<'_>,
    bios: Option<&(u64, BiosBoot)>,
) -> Result<Vec<DiskEntry>> {
    let mut entries = Vec::new();
    for (number, (disk, size)) in arranged.disks().enumerate() {
        let bios = bios.filter(|_| number == 0);
        let partitions = arranged
            .partitions_of(number)
            .map(|(at, draft, placement)| PartitionEntry {
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
        let listed = groups.filter(|(_, (_, draft))| home_of(draft, plan) == Some(number));
        let groups =
            listed.map(|(at, (group, draft))| volume_group(at, group, draft, plan, arranged, ingredients));
        entries.push(DiskEntry {
            size,
            sector_size: plan.sector_size.bytes(),
            table: disk.table.name().to_owned(),
            id: match disk.table {
                TableKind::Gpt => disk.guid.hyphenated().to_string(),
                TableKind::Mbr => format!("{:08x}", disk.signature),
            },
            partitions,
            volume_groups: groups.collect::<Result<_>>()?,
            bios_boot: bios.map(|(start, bios)| changed::bios_boot(bios, *start)),
        });
    }
    Ok(entries)
}

/// The first disk that has a part of a group.
fn home_of(group: &GroupDraft, plan: &DiskPlan) -> Option<usize> {
    let (first, _) = group.physical.first()?;
    plan.partitions.get(*first).map(|partition| partition.disk)
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
    arranged: &ArrangedDisks<'_>,
    ingredients: &Ingredients<'_>,
) -> Result<VolumeGroupEntry> {
    let mut volumes = Vec::new();
    for (volume, (_, content)) in group.logical.iter().zip(&draft.volumes) {
        let mut segments = Vec::new();
        for segment in &volume.segments {
            let place = arranged.place_of(at, segment)?;
            let partition = plan.partitions.get(place.partition);
            let on_another = partition.filter(|partition| home_of(draft, plan) != Some(partition.disk));
            segments.push(SegmentEntry {
                disk: on_another.map(|partition| partition.disk.saturating_add(1)),
                partition: partition.map_or(0, |partition| partition.number),
                start: place.start,
                size: place.len,
            });
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

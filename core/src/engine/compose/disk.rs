use std::sync::Arc;

use super::content::append_volume;
use super::groups::{Place, place_of};
use super::sizes::Sizes;
use super::volumes::{DiskDraft, DiskPlan, PartitionDraft, PartitionId, VolumeDraft};
use crate::boot::grub_bios::BiosBoot;
use crate::boot::{BootPlan, EspPlan};
use crate::filesystem::ext4::Ext4Features;
use crate::filesystem::fat32::Fat32File;
use crate::layout::{DiskLayout, LayoutBuilder};
use crate::lvm::VolumeGroup;
use crate::partition::{self, ALIGNMENT, PartitionKind, PartitionTable, Placement, TableKind};
use crate::profile::{FileSystemKind, PartitionFlag, PartitionRole, Settings};
use crate::tree::FileTree;
use crate::{Error, ErrorKind, Monitor, Result, Seed, Timestamp};

/// What the disks are made of, besides their plan.
pub(super) struct Ingredients<'a> {
    pub(super) tree: &'a Arc<FileTree>,
    pub(super) settings: &'a Settings,
    pub(super) seed: &'a Seed,
    pub(super) timestamp: Timestamp,
    pub(super) features: Ext4Features,
    /// What boots under UEFI, if anything.
    pub(super) esp: Option<&'a EspPlan>,
    /// Content of the EFI system partition.
    pub(super) esp_files: Vec<Fat32File>,
    /// A large tree takes a while at every step.
    pub(super) monitor: &'a Monitor,
}

/// Disks whose partitions have their places.
pub(super) struct ArrangedDisks<'a> {
    plan: &'a DiskPlan,
    disks: Vec<ArrangedDisk>,
    /// Of the partitions, in the order of the plan.
    placements: Vec<Placement>,
    groups: Vec<VolumeGroup>,
    note: Option<String>,
}

struct ArrangedDisk {
    size: u64,
    /// MBR: the partition that holds the logical ones.
    extended: Option<Placement>,
}

impl<'a> ArrangedDisks<'a> {
    /// Finds the size of every partition and of the disks.
    pub(super) fn new(plan: &'a DiskPlan, ingredients: &Ingredients<'_>) -> Result<Self> {
        let sizes = Sizes::of(plan, ingredients)?;
        let mut disks = Vec::new();
        let mut placements = Vec::new();
        for (at, (draft, requests)) in plan.disks.iter().zip(&sizes.requests).enumerate() {
            let size = match draft.size {
                Some(exact) => exact.checked_next_multiple_of(ALIGNMENT).ok_or_else(too_large)?,
                None => sizes.fitted(at)?,
            };
            let arrangement = partition::arrange(draft.table, plan.sector_size, size, requests).map_err(
                |error| match (error.kind(), error.field()) {
                    (ErrorKind::DoesNotFit, None) => {
                        error.with_field(ingredients.settings.field_of_disk_size(at))
                    }
                    _ => error,
                },
            )?;
            placements.extend(arrangement.partitions);
            disks.push(ArrangedDisk { size, extended: arrangement.extended });
        }
        let created = ingredients.timestamp.seconds;
        let note = sizes.thrift.note();
        let placed = plan.groups.iter().zip(sizes.groups);
        let groups =
            placed.map(|(group, needs)| needs.placed(group, &placements, created)).collect::<Result<_>>()?;
        Ok(Self { plan, disks, placements, groups, note })
    }

    /// What is smaller than usual to fit the disk.
    pub(super) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// The disks with their drafts and bytes.
    pub(super) fn disks(&self) -> impl Iterator<Item = (&DiskDraft, u64)> {
        self.plan.disks.iter().zip(self.disks.iter().map(|disk| disk.size))
    }

    /// Where GRUB's core image starts on the first disk: in the BIOS boot partition, or after the MBR.
    pub(super) fn core_offset(&self) -> Option<u64> {
        match self.plan.disks.first()?.table {
            TableKind::Mbr => Some(self.plan.sector_size.bytes()),
            TableKind::Gpt => self.bios_boot_partition().map(|placement| placement.start),
        }
    }

    /// Bytes that the core image may have.
    fn core_room(&self) -> u64 {
        match self.plan.disks.first().map(|disk| disk.table) {
            Some(TableKind::Mbr) => ALIGNMENT - self.plan.sector_size.bytes(),
            _ => self.bios_boot_partition().map_or(0, |placement| placement.size),
        }
    }

    fn bios_boot_partition(&self) -> Option<&Placement> {
        let is_it = |draft: &PartitionDraft| draft.content.planned.role == PartitionRole::BiosBoot;
        self.partitions_of(0).find(|(_, draft, _)| is_it(draft)).map(|(_, _, placement)| placement)
    }

    /// The partitions of a disk with their places in the plan and on the disk, in disk order.
    pub(super) fn partitions_of(
        &self,
        disk: usize,
    ) -> impl Iterator<Item = (usize, &PartitionDraft, &Placement)> {
        let all = self.plan.partitions.iter().zip(&self.placements).enumerate();
        all.filter(move |(_, (draft, _))| draft.disk == disk)
            .map(|(at, (draft, placement))| (at, draft, placement))
    }

    /// The volume groups with everything in its place, in the order of the plan.
    pub(super) fn groups(&self) -> &[VolumeGroup] {
        &self.groups
    }

    /// Where extents of the group `at` stand.
    ///
    /// # Errors
    /// `ErrorKind::Internal` when they are on none of its partitions.
    pub(super) fn place_of(&self, at: usize, segment: &crate::lvm::Segment) -> Result<Place> {
        match (self.groups.get(at), self.plan.groups.get(at)) {
            (Some(group), Some(draft)) => place_of(group, draft, &self.placements, segment),
            _ => Err(Error::new(ErrorKind::Internal, "there is no such volume group")),
        }
    }

    /// What a BIOS starts from the first disk, if anything, and where its core starts.
    pub(super) fn bios(&self, boot: &BootPlan) -> Result<Option<(u64, BiosBoot)>> {
        let Some(offset) = self.core_offset() else { return Ok(None) };
        Ok(boot.bios(offset / 512)?.map(|bios| (offset, bios)))
    }

    /// Whether an MBR marks the partition as the one to boot from.
    pub(super) fn is_active(&self, draft: &PartitionDraft, boots_bios: bool) -> bool {
        let is_asked = |draft: &PartitionDraft| draft.content.planned.flags.contains(&PartitionFlag::Active);
        let mut others = self.partitions_of(draft.disk).map(|(_, draft, _)| draft);
        // Some BIOSes boot no disk without an active partition.
        let default = boots_bios
            && draft.disk == 0
            && !others.any(is_asked)
            && draft.number <= 4
            && self.partition_to_boot().is_some_and(|root| root.number == draft.number);
        matches!(draft.id, PartitionId::Mbr { .. }) && (default || is_asked(draft))
    }

    /// The partition of the first disk with the root file system, or the first of its group there; the first of the disk
    /// where the root is on another.
    fn partition_to_boot(&self) -> Option<&PartitionDraft> {
        let root = self.plan.partition_of_root().filter(|root| root.disk == 0);
        root.or_else(|| self.partitions_of(0).map(|(_, draft, _)| draft).next())
    }

    /// Lays all disks out.
    pub(super) fn lay_out(
        &self,
        ingredients: &Ingredients<'_>,
        bios: Option<&(u64, BiosBoot)>,
    ) -> Result<Vec<DiskLayout>> {
        let mut pieces = self.group_pieces(ingredients)?;
        let mut layouts = Vec::new();
        for (at, pieces) in pieces.iter_mut().enumerate() {
            // The machine starts from its first disk.
            let bios = bios.filter(|_| at == 0);
            layouts.push(self.lay_out_one(at, std::mem::take(pieces), ingredients, bios)?);
        }
        Ok(layouts)
    }

    /// Lays a disk out, of which the pieces of volume groups are there.
    fn lay_out_one(
        &'a self,
        disk: usize,
        mut pieces: Vec<(u64, Piece<'a>)>,
        ingredients: &Ingredients<'_>,
        bios: Option<&(u64, BiosBoot)>,
    ) -> Result<DiskLayout> {
        let boot_code = bios.map_or(&[][..], |(_, bios)| &bios.boot_code);
        let regions = self.table(disk, boot_code, bios.is_some())?.into_regions();
        pieces.extend(
            regions.into_iter().map(|region| (region.offset, Piece::Bytes(region.bytes, region.label))),
        );
        if let Some((offset, bios)) = bios {
            if bios.core.len() as u64 > self.core_room() {
                let text = format!(
                    "GRUB's core image has {} bytes, its place {}",
                    bios.core.len(),
                    self.core_room()
                );
                return Err(Error::new(ErrorKind::DoesNotFit, text));
            }
            pieces.push((*offset, Piece::Bytes(bios.core.clone(), "GRUB core image")));
        }
        for (_, draft, placement) in self.partitions_of(disk) {
            if draft.content.planned.file_system.is_some() {
                let place = (placement.start, placement.size);
                pieces.push((placement.start, Piece::Volume(&draft.content, place)));
            }
        }
        pieces.sort_by_key(|(offset, _)| *offset);
        let mut builder = LayoutBuilder::new(Arc::clone(ingredients.tree));
        for (offset, piece) in pieces {
            builder.zeros_to(offset, "unused")?;
            match piece {
                Piece::Bytes(bytes, label) => builder.bytes(bytes, label)?,
                Piece::Volume(draft, place) => self.append(draft, place, ingredients, &mut builder)?,
                Piece::Part(layout, offset, len) => builder.part_of(&layout, offset, len)?,
            }
        }
        builder.finish(self.disks.get(disk).map_or(0, |disk| disk.size))
    }

    /// For each disk the headers of physical volumes, and logical volumes as wholes or, where they stand in several places,
    /// in pieces.
    fn group_pieces(&'a self, ingredients: &Ingredients<'_>) -> Result<Vec<Vec<(u64, Piece<'a>)>>> {
        let mut pieces: Vec<Vec<(u64, Piece<'a>)>> = Vec::new();
        pieces.resize_with(self.disks.len(), Vec::new);
        let mut put = |partition: usize, start: u64, piece: Piece<'a>| {
            let draft = self.plan.partitions.get(partition);
            if let Some(pieces) = draft.and_then(|draft| pieces.get_mut(draft.disk)) {
                pieces.push((start, piece));
            }
        };
        for (at, (group, draft)) in self.groups.iter().zip(&self.plan.groups).enumerate() {
            for (number, (partition, _)) in draft.physical.iter().enumerate() {
                if let Some(placement) = self.placements.get(*partition) {
                    let header = group.header_of(number)?;
                    put(*partition, placement.start, Piece::Bytes(header, "LVM metadata"));
                }
            }
            for (volume, (_, content)) in group.logical.iter().zip(&draft.volumes) {
                let size = group.size_of(volume);
                if let [segment] = volume.segments[..] {
                    let place = self.place_of(at, &segment)?;
                    put(place.partition, place.start, Piece::Volume(content, (0, size)));
                    continue;
                }
                let mut whole = LayoutBuilder::new(Arc::clone(ingredients.tree));
                self.append(content, (0, size), ingredients, &mut whole)?;
                let whole = whole.finish(size)?;
                let mut offset = 0_u64;
                for segment in &volume.segments {
                    let Place { partition, start, len } = self.place_of(at, segment)?;
                    put(partition, start, Piece::Part(whole.clone(), offset, len));
                    offset = offset.saturating_add(len);
                }
            }
        }
        Ok(pieces)
    }

    fn append(
        &self,
        draft: &VolumeDraft,
        place: (u64, u64),
        ingredients: &Ingredients<'_>,
        builder: &mut LayoutBuilder,
    ) -> Result<()> {
        append_volume(self.plan, draft, place, ingredients, builder).map_err(|error| {
            match (error.kind(), error.field()) {
                (ErrorKind::DoesNotFit, None) => error.with_field(draft.shown()),
                _ => error,
            }
        })
    }

    fn table(&self, disk: usize, boot_code: &[u8], boots_bios: bool) -> Result<PartitionTable> {
        let (Some(draft), Some(arranged)) = (self.plan.disks.get(disk), self.disks.get(disk)) else {
            return Err(Error::new(ErrorKind::Internal, "there is no such disk"));
        };
        let mut entries = Vec::new();
        for (_, draft, placement) in self.partitions_of(disk) {
            let kind = match draft.content.planned.role {
                PartitionRole::BiosBoot => PartitionKind::BiosBoot,
                PartitionRole::Esp => PartitionKind::EfiSystem,
                PartitionRole::Swap => PartitionKind::LinuxSwap,
                PartitionRole::Lvm => PartitionKind::LinuxLvm,
                PartitionRole::Data if draft.content.planned.file_system == Some(FileSystemKind::Fat32) => {
                    PartitionKind::BasicData
                }
                PartitionRole::Data => PartitionKind::LinuxFilesystem,
            };
            let mut entry =
                partition::PartitionEntry::new(draft.number, placement.start, placement.size, kind);
            match draft.id {
                PartitionId::Guid(guid) => {
                    entry.guid = Some(guid);
                    entry.name = draft.name.clone();
                    entry.attributes = attributes(&draft.content.planned.flags);
                }
                PartitionId::Mbr { .. } => entry.active = self.is_active(draft, boots_bios),
            }
            entries.push(entry);
        }
        let sector_size = self.plan.sector_size;
        match draft.table {
            TableKind::Gpt => {
                PartitionTable::gpt(arranged.size, sector_size, draft.guid, boot_code, &entries)
            }
            TableKind::Mbr => {
                if let Some(Placement { number, start, size }) = arranged.extended {
                    entries.push(partition::PartitionEntry::new(
                        number,
                        start,
                        size,
                        PartitionKind::Extended,
                    ));
                }
                PartitionTable::mbr(arranged.size, sector_size, draft.signature, boot_code, &entries)
            }
        }
    }
}

enum Piece<'a> {
    Bytes(Vec<u8>, &'static str),
    /// What stands in a partition or logical volume; where a partition starts, and the bytes of either.
    Volume(&'a VolumeDraft, (u64, u64)),
    /// A range of a logical volume that stands in several places.
    Part(DiskLayout, u64, u64),
}

fn attributes(flags: &[PartitionFlag]) -> u64 {
    flags.iter().fold(0, |attributes, flag| {
        attributes
            | match flag {
                PartitionFlag::Active => 0,
                PartitionFlag::Required => 1,
                PartitionFlag::LegacyBoot => 1 << 2,
                PartitionFlag::GrowFileSystem => 1 << 59,
                PartitionFlag::ReadOnly => 1 << 60,
                PartitionFlag::NoAuto => 1 << 63,
            }
    })
}

pub(super) fn too_large() -> Error {
    Error::new(ErrorKind::DoesNotFit, "the disk passes 2^64 bytes")
}

use std::sync::Arc;

use super::content::append_volume;
use super::groups::place_of;
use super::sizes::Sizes;
use super::volumes::{DiskPlan, PartitionDraft, PartitionId, VolumeDraft};
use crate::boot::grub_bios::BiosBoot;
use crate::boot::{BootPlan, EspPlan};
use crate::filesystem::ext4::Ext4Features;
use crate::filesystem::fat32::Fat32File;
use crate::layout::{DiskLayout, LayoutBuilder};
use crate::lvm::VolumeGroup;
use crate::partition::{self, ALIGNMENT, Arrangement, PartitionKind, PartitionTable, Placement, TableKind};
use crate::profile::{FileSystemKind, PartitionFlag, PartitionRole, Settings};
use crate::tree::FileTree;
use crate::{Error, ErrorKind, Monitor, Result, Seed, Timestamp};

/// What the disk is made of, besides its plan.
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

/// A disk whose partitions have their places.
pub(super) struct ArrangedDisk<'a> {
    plan: &'a DiskPlan,
    size: u64,
    arrangement: Arrangement,
    groups: Vec<VolumeGroup>,
    note: Option<String>,
}

impl<'a> ArrangedDisk<'a> {
    /// Finds the size of every partition and of the disk.
    pub(super) fn new(plan: &'a DiskPlan, ingredients: &Ingredients<'_>) -> Result<Self> {
        let sizes = Sizes::of(plan, ingredients)?;
        let size = match ingredients.settings.disk_size.value {
            Some(exact) => exact.bytes().checked_next_multiple_of(ALIGNMENT).ok_or_else(too_large)?,
            None => sizes.fitted()?,
        };
        let arrangement = partition::arrange(plan.table, plan.sector_size, size, &sizes.requests).map_err(
            |error| match (error.kind(), error.field()) {
                (ErrorKind::DoesNotFit, None) => error.with_field(ingredients.settings.field_of_disk_size()),
                _ => error,
            },
        )?;
        let created = ingredients.timestamp.seconds;
        let note = sizes.thrift.note();
        let placed = plan.groups.iter().zip(sizes.groups);
        let groups = placed
            .map(|(group, needs)| needs.placed(group, &arrangement.partitions, created))
            .collect::<Result<_>>()?;
        Ok(Self { plan, size, arrangement, groups, note })
    }

    /// What is smaller than usual to fit the disk.
    pub(super) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Bytes of the disk.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    /// Where GRUB's core image starts: in the BIOS boot partition, or after the MBR.
    pub(super) fn core_offset(&self) -> Option<u64> {
        match self.plan.table {
            TableKind::Mbr => Some(self.plan.sector_size.bytes()),
            TableKind::Gpt => self
                .partitions()
                .find(|(draft, _)| draft.content.planned.role == PartitionRole::BiosBoot)
                .map(|(_, placement)| placement.start),
        }
    }

    /// Bytes that the core image may have.
    pub(super) fn core_room(&self) -> u64 {
        match self.plan.table {
            TableKind::Mbr => ALIGNMENT - self.plan.sector_size.bytes(),
            TableKind::Gpt => self
                .partitions()
                .find(|(draft, _)| draft.content.planned.role == PartitionRole::BiosBoot)
                .map_or(0, |(_, placement)| placement.size),
        }
    }

    /// Partitions with their places, in disk order.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (&PartitionDraft, &Placement)> {
        self.plan.partitions.iter().zip(&self.arrangement.partitions)
    }

    /// The volume groups with everything in its place, in the order of the plan.
    pub(super) fn groups(&self) -> &[VolumeGroup] {
        &self.groups
    }

    /// Where extents of the group `at` stand on the disk, and how many bytes they are.
    ///
    /// # Errors
    /// `ErrorKind::Internal` when they are on none of its partitions.
    pub(super) fn place_of(&self, at: usize, segment: &crate::lvm::Segment) -> Result<(u64, u64)> {
        match (self.groups.get(at), self.plan.groups.get(at)) {
            (Some(group), Some(draft)) => place_of(group, draft, &self.arrangement.partitions, segment),
            _ => Err(Error::new(ErrorKind::Internal, "there is no such volume group")),
        }
    }

    /// What a BIOS starts, if anything, and where its core starts.
    pub(super) fn bios(&self, boot: &BootPlan) -> Result<Option<(u64, BiosBoot)>> {
        let Some(offset) = self.core_offset() else { return Ok(None) };
        Ok(boot.bios(offset / 512)?.map(|bios| (offset, bios)))
    }

    /// Whether an MBR marks the partition as the one to boot from.
    pub(super) fn is_active(&self, draft: &PartitionDraft, boots_bios: bool) -> bool {
        let is_asked = |draft: &PartitionDraft| draft.content.planned.flags.contains(&PartitionFlag::Active);
        // Some BIOSes boot no disk without an active partition.
        let default = boots_bios
            && !self.plan.partitions.iter().any(is_asked)
            && draft.number <= 4
            && self.plan.partition_of_root().is_some_and(|root| root.number == draft.number);
        self.plan.table == TableKind::Mbr && (default || is_asked(draft))
    }

    /// Lays the whole disk out.
    pub(super) fn lay_out(
        &self,
        ingredients: &Ingredients<'_>,
        bios: Option<&(u64, BiosBoot)>,
    ) -> Result<DiskLayout> {
        let boot_code = bios.map_or(&[][..], |(_, bios)| &bios.boot_code);
        let mut pieces: Vec<(u64, Piece<'_>)> = self
            .table(boot_code, bios.is_some())?
            .into_regions()
            .into_iter()
            .map(|region| (region.offset, Piece::Bytes(region.bytes, region.label)))
            .collect();
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
        for (draft, placement) in self.partitions() {
            if draft.content.planned.file_system.is_some() {
                let place = (placement.start, placement.size);
                pieces.push((placement.start, Piece::Volume(&draft.content, place)));
            }
        }
        self.group_pieces(ingredients, &mut pieces)?;
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
        builder.finish(self.size)
    }

    /// The headers of physical volumes, and logical volumes as wholes or, where they stand in several places, in pieces.
    fn group_pieces(
        &'a self,
        ingredients: &Ingredients<'_>,
        pieces: &mut Vec<(u64, Piece<'a>)>,
    ) -> Result<()> {
        for (at, (group, draft)) in self.groups.iter().zip(&self.plan.groups).enumerate() {
            for (number, (partition, _)) in draft.physical.iter().enumerate() {
                if let Some(placement) = self.arrangement.partitions.get(*partition) {
                    let header = group.header_of(number)?;
                    pieces.push((placement.start, Piece::Bytes(header, "LVM metadata")));
                }
            }
            for (volume, (_, content)) in group.logical.iter().zip(&draft.volumes) {
                let size = group.size_of(volume);
                if let [segment] = volume.segments[..] {
                    let (start, _) = self.place_of(at, &segment)?;
                    pieces.push((start, Piece::Volume(content, (0, size))));
                    continue;
                }
                let mut whole = LayoutBuilder::new(Arc::clone(ingredients.tree));
                self.append(content, (0, size), ingredients, &mut whole)?;
                let whole = whole.finish(size)?;
                let mut offset = 0_u64;
                for segment in &volume.segments {
                    let (start, len) = self.place_of(at, segment)?;
                    pieces.push((start, Piece::Part(whole.clone(), offset, len)));
                    offset = offset.saturating_add(len);
                }
            }
        }
        Ok(())
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

    fn table(&self, boot_code: &[u8], boots_bios: bool) -> Result<PartitionTable> {
        let mut entries = Vec::new();
        for (draft, placement) in self.partitions() {
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
        let plan = self.plan;
        match plan.table {
            TableKind::Gpt => {
                PartitionTable::gpt(self.size, plan.sector_size, plan.guid, boot_code, &entries)
            }
            TableKind::Mbr => {
                if let Some(Placement { number, start, size }) = self.arrangement.extended {
                    entries.push(partition::PartitionEntry::new(
                        number,
                        start,
                        size,
                        PartitionKind::Extended,
                    ));
                }
                PartitionTable::mbr(self.size, plan.sector_size, plan.signature, boot_code, &entries)
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

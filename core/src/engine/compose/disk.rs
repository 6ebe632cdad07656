use std::sync::Arc;

use uuid::Uuid;

use super::volumes::{DiskPlan, PartitionDraft, PartitionId};
use crate::boot::grub_bios::BiosBoot;
use crate::boot::{BootPlan, EspPlan};
use crate::filesystem::ext4::{Ext4Features, Ext4Label, Ext4Options, Ext4Plan};
use crate::filesystem::fat32::{Fat32File, Fat32Options, Fat32Plan};
use crate::filesystem::{fat32, swap::SwapPlan};
use crate::layout::{DiskLayout, LayoutBuilder};
use crate::partition::{
    self, ALIGNMENT, Arrangement, Growth, PartitionKind, PartitionTable, Placement, SizeRequest, TableKind,
};
use crate::profile::{
    FileSystemKind, PartitionFlag, PartitionRole, Settings, SizeRule, VolumeId, fitted_disk_size, spare_room,
};
use crate::tree::{FileTree, Findings, NodeId, TreeView};
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
}

impl<'a> ArrangedDisk<'a> {
    /// Finds the size of every partition and of the disk.
    pub(super) fn new(plan: &'a DiskPlan, ingredients: &Ingredients<'_>) -> Result<Self> {
        let Settings { disk_size, spare, .. } = ingredients.settings;
        let mut requests = Vec::new();
        let mut growing_content = None;
        for draft in &plan.partitions {
            let (size, growth) = match draft.planned.size {
                SizeRule::Exact(size) => (size, Growth::Fixed),
                SizeRule::AtLeast { minimum, grow } => {
                    let content = content_size(plan, draft, ingredients)?;
                    let is_root = draft.planned.mount_point.as_deref() == Some("/");
                    let asked = spare.value.filter(|_| is_root).map(|spare| spare.bytes());
                    let room = match (grow, disk_size.value) {
                        // What is left on the disk is the room.
                        (true, Some(_)) => asked.unwrap_or(0),
                        _ => asked.unwrap_or_else(|| spare_room(content)),
                    };
                    let needed = sized_with_spare(plan, draft, ingredients, room)?;
                    if grow {
                        growing_content = Some((content, needed.max(minimum).saturating_sub(content)));
                    }
                    let growth = if grow { Growth::Grow } else { Growth::Fixed };
                    (needed.max(minimum), growth)
                }
            };
            let size = size.checked_next_multiple_of(plan.sector_size.bytes()).ok_or_else(too_large)?;
            requests.push(SizeRequest { number: Some(draft.number), size, growth });
        }
        let least = partition::minimum_disk_size(plan.table, plan.sector_size, &requests)?;
        let size = match disk_size.value {
            Some(exact) => exact.bytes().checked_next_multiple_of(ALIGNMENT).ok_or_else(too_large)?,
            None => {
                let (content, spare) = growing_content.unwrap_or((0, 0));
                fitted_disk_size(content, spare, least.saturating_sub(content.saturating_add(spare)))?
            }
        };
        let arrangement =
            partition::arrange(plan.table, plan.sector_size, size, &requests).map_err(|error| {
                match (error.kind(), error.field()) {
                    (ErrorKind::DoesNotFit, None) => {
                        error.with_field(ingredients.settings.field_of_disk_size())
                    }
                    _ => error,
                }
            })?;
        Ok(Self { plan, size, arrangement })
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
                .find(|(draft, _)| draft.planned.role == PartitionRole::BiosBoot)
                .map(|(_, placement)| placement.start),
        }
    }

    /// Bytes that the core image may have.
    pub(super) fn core_room(&self) -> u64 {
        match self.plan.table {
            TableKind::Mbr => ALIGNMENT - self.plan.sector_size.bytes(),
            TableKind::Gpt => self
                .partitions()
                .find(|(draft, _)| draft.planned.role == PartitionRole::BiosBoot)
                .map_or(0, |(_, placement)| placement.size),
        }
    }

    /// Partitions with their places, in disk order.
    pub(super) fn partitions(&self) -> impl Iterator<Item = (&PartitionDraft, &Placement)> {
        self.plan.partitions.iter().zip(&self.arrangement.partitions)
    }

    /// What a BIOS starts, if anything, and where its core starts.
    pub(super) fn bios(&self, boot: &BootPlan) -> Result<Option<(u64, BiosBoot)>> {
        let Some(offset) = self.core_offset() else { return Ok(None) };
        Ok(boot.bios(offset / 512)?.map(|bios| (offset, bios)))
    }

    /// Whether an MBR marks the partition as the one to boot from.
    pub(super) fn is_active(&self, draft: &PartitionDraft, boots_bios: bool) -> bool {
        let is_asked = |draft: &PartitionDraft| draft.planned.flags.contains(&PartitionFlag::Active);
        let is_root = draft.planned.mount_point.as_deref() == Some("/");
        // Some BIOSes boot no disk without an active partition.
        let default =
            boots_bios && !self.plan.partitions.iter().any(is_asked) && is_root && draft.number <= 4;
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
            if draft.planned.file_system.is_some() {
                pieces.push((placement.start, Piece::Volume(draft, *placement)));
            }
        }
        pieces.sort_by_key(|(offset, _)| *offset);
        let mut builder = LayoutBuilder::new(Arc::clone(ingredients.tree));
        for (offset, piece) in pieces {
            builder.zeros_to(offset, "unused")?;
            match piece {
                Piece::Bytes(bytes, label) => builder.bytes(bytes, label)?,
                Piece::Volume(draft, placement) => {
                    append_volume(self.plan, draft, placement, ingredients, &mut builder).map_err(
                        |error| {
                            let name = draft
                                .planned
                                .mount_point
                                .clone()
                                .unwrap_or_else(|| draft.planned.name.clone());
                            match (error.kind(), error.field()) {
                                (ErrorKind::DoesNotFit, None) => {
                                    error.with_field(format!("partition {name}"))
                                }
                                _ => error,
                            }
                        },
                    )?;
                }
            }
        }
        builder.finish(self.size)
    }

    fn table(&self, boot_code: &[u8], boots_bios: bool) -> Result<PartitionTable> {
        let mut entries = Vec::new();
        for (draft, placement) in self.partitions() {
            let kind = match draft.planned.role {
                PartitionRole::BiosBoot => PartitionKind::BiosBoot,
                PartitionRole::Esp => PartitionKind::EfiSystem,
                PartitionRole::Swap => PartitionKind::LinuxSwap,
                PartitionRole::Data if draft.planned.file_system == Some(FileSystemKind::Fat32) => {
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
                    entry.attributes = attributes(&draft.planned.flags);
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
    Volume(&'a PartitionDraft, Placement),
}

/// The view of the tree that a data partition holds.
fn view(plan: &DiskPlan, draft: &PartitionDraft, ingredients: &Ingredients<'_>) -> Result<TreeView> {
    ingredients.monitor.check()?;
    let tree = ingredients.tree;
    let node = |mount_point: &str| -> Result<NodeId> {
        tree.resolve(mount_point.as_bytes()).filter(|node| is_directory(tree, *node)).ok_or_else(|| {
            let text = "the mount point is no directory of the tree";
            Error::new(ErrorKind::InvalidProfile, text).with_field("partitions").with_path(mount_point)
        })
    };
    let own = draft.planned.mount_point.as_deref().unwrap_or("/");
    let mut others = Vec::new();
    for other in &plan.partitions {
        if let Some(mount_point) = other.planned.mount_point.as_deref() {
            others.push(node(mount_point)?);
        }
    }
    // Its content stands on the EFI system partition, also where the guest does not mount that.
    others.extend(
        ingredients.esp.and_then(EspPlan::scanned_directory).and_then(|path| tree.resolve(path.as_bytes())),
    );
    Ok(TreeView::new(Arc::clone(tree), node(own)?, &others))
}

pub(super) fn is_directory(tree: &FileTree, node: NodeId) -> bool {
    tree.inode(tree.inode_of(node)).object == crate::tree::Object::Directory
}

/// Bytes of the smallest volume that holds a partition's content.
fn content_size(plan: &DiskPlan, draft: &PartitionDraft, ingredients: &Ingredients<'_>) -> Result<u64> {
    sized_with_spare(plan, draft, ingredients, 0)
}

fn sized_with_spare(
    plan: &DiskPlan,
    draft: &PartitionDraft,
    ingredients: &Ingredients<'_>,
    spare: u64,
) -> Result<u64> {
    match draft.planned.file_system {
        Some(FileSystemKind::Ext4 | FileSystemKind::Ext3 | FileSystemKind::Ext2) => {
            let view = view(plan, draft, ingredients)?;
            let size = Ext4Plan::minimum_size(&view, &ext4_options(draft, ingredients)?, spare)?;
            size.checked_next_multiple_of(ALIGNMENT).ok_or_else(too_large)
        }
        Some(FileSystemKind::Fat32) => {
            let files = fat_content(plan, draft, ingredients)?;
            let least = fat32::minimum_size(&files, &fat_options(plan, draft, ingredients, 0)?)?;
            least
                .checked_add(spare)
                .and_then(|size| size.checked_next_multiple_of(ALIGNMENT))
                .ok_or_else(too_large)
        }
        Some(FileSystemKind::Swap) | None => Ok(ALIGNMENT),
    }
}

fn append_volume(
    plan: &DiskPlan,
    draft: &PartitionDraft,
    placement: Placement,
    ingredients: &Ingredients<'_>,
    builder: &mut LayoutBuilder,
) -> Result<()> {
    match draft.planned.file_system {
        Some(FileSystemKind::Ext4 | FileSystemKind::Ext3 | FileSystemKind::Ext2) => {
            let view = view(plan, draft, ingredients)?;
            // ext4 takes whole blocks; a partition of odd sectors keeps a tail.
            let size = placement.size - placement.size % EXT4_BLOCK;
            Ext4Plan::new(view, ext4_options(draft, ingredients)?, size)?.append(builder)
        }
        Some(FileSystemKind::Fat32) => {
            let files = fat_content(plan, draft, ingredients)?;
            let options = fat_options(plan, draft, ingredients, placement.start)?;
            Fat32Plan::new(files, &options, placement.size)?.append(builder)
        }
        Some(FileSystemKind::Swap) => {
            let uuid = match draft.volume {
                Some(VolumeId::Uuid(uuid)) => uuid,
                _ => return Err(Error::new(ErrorKind::Internal, "swap has a UUID")),
            };
            SwapPlan::new(uuid, &draft.label, placement.size)?.append(builder)
        }
        None => Ok(()),
    }
}

/// What the names of an ext volume's directories are hashed with.
pub(super) fn hash_seed(draft: &PartitionDraft, ingredients: &Ingredients<'_>) -> Uuid {
    ingredients.seed.uuid(&format!("directory hash of {}", draft.planned.name))
}

fn ext4_options(draft: &PartitionDraft, ingredients: &Ingredients<'_>) -> Result<Ext4Options> {
    let Some(VolumeId::Uuid(uuid)) = draft.volume else {
        return Err(Error::new(ErrorKind::Internal, "ext4 has a UUID"));
    };
    let hash_seed = hash_seed(draft, ingredients);
    let features = match draft.planned.file_system {
        Some(FileSystemKind::Ext3) => Ext4Features::Ext3,
        Some(FileSystemKind::Ext2) => Ext4Features::Ext2,
        _ => ingredients.features,
    };
    Ok(Ext4Options::new(uuid, hash_seed, ingredients.timestamp)
        .with_label(Ext4Label::new(&draft.label)?)
        .with_features(features))
}

/// Tells, once, what FAT cannot carry of the tree's parts that stand on FAT; the EFI system partition's is told where
/// its files are chosen.
pub(super) fn record_fat_losses(
    plan: &DiskPlan,
    ingredients: &Ingredients<'_>,
    findings: &mut Findings,
) -> Result<()> {
    for draft in &plan.partitions {
        let is_fat = draft.planned.file_system == Some(FileSystemKind::Fat32);
        if is_fat && draft.planned.role == PartitionRole::Data {
            fat32::files_of(&view(plan, draft, ingredients)?, findings)?;
        }
    }
    Ok(())
}

fn fat_content(
    plan: &DiskPlan,
    draft: &PartitionDraft,
    ingredients: &Ingredients<'_>,
) -> Result<Vec<Fat32File>> {
    if draft.planned.role == PartitionRole::Esp {
        return Ok(ingredients.esp_files.clone());
    }
    // What is lost is told by `record_fat_losses`.
    fat32::files_of(&view(plan, draft, ingredients)?, &mut Findings::default())
}

fn fat_options(
    plan: &DiskPlan,
    draft: &PartitionDraft,
    ingredients: &Ingredients<'_>,
    start: u64,
) -> Result<Fat32Options> {
    let Some(VolumeId::Fat(volume_id)) = draft.volume else {
        return Err(Error::new(ErrorKind::Internal, "FAT32 has a volume id"));
    };
    let hidden = start / plan.sector_size.bytes();
    Ok(Fat32Options {
        label: draft.label.clone(),
        volume_id,
        created: ingredients.timestamp,
        sector_size: plan.sector_size,
        // Only old BIOS boot code reads the field, which has 32 bits.
        hidden_sectors: u32::try_from(hidden).unwrap_or(u32::MAX),
    })
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

fn too_large() -> Error {
    Error::new(ErrorKind::DoesNotFit, "the disk passes 2^64 bytes")
}

const EXT4_BLOCK: u64 = 4096;

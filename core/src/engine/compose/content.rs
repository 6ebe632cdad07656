//! What stands in partitions and logical volumes: which part of the tree, how large, laid out.

use std::sync::Arc;

use uuid::Uuid;

use super::disk::{Ingredients, too_large};
use super::volumes::{DiskPlan, VolumeDraft};
use crate::boot::EspPlan;
use crate::filesystem::ext4::{Ext4Features, Ext4Label, Ext4Options, Ext4Plan};
use crate::filesystem::fat32::{Fat32File, Fat32Options, Fat32Plan};
use crate::filesystem::{fat32, swap::SwapPlan};
use crate::layout::LayoutBuilder;
use crate::partition::ALIGNMENT;
use crate::profile::{FileSystemKind, PartitionRole, VolumeId};
use crate::tree::{FileTree, Findings, NodeId, TreeView};
use crate::{Error, ErrorKind, Result};

/// The view of the tree that a data partition holds.
fn view(plan: &DiskPlan, draft: &VolumeDraft, ingredients: &Ingredients<'_>) -> Result<TreeView> {
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
    for other in plan.contents() {
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
pub(super) fn content_size(
    plan: &DiskPlan,
    draft: &VolumeDraft,
    ingredients: &Ingredients<'_>,
) -> Result<u64> {
    sized_with_spare(plan, draft, ingredients, 0)
}

pub(super) fn sized_with_spare(
    plan: &DiskPlan,
    draft: &VolumeDraft,
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

/// Appends what stands in a partition or logical volume: `start` is where a partition starts on the disk, 0 for a logical
/// volume, which has no place of its own there; `size` its bytes.
pub(super) fn append_volume(
    plan: &DiskPlan,
    draft: &VolumeDraft,
    (start, size): (u64, u64),
    ingredients: &Ingredients<'_>,
    builder: &mut LayoutBuilder,
) -> Result<()> {
    match draft.planned.file_system {
        Some(FileSystemKind::Ext4 | FileSystemKind::Ext3 | FileSystemKind::Ext2) => {
            let view = view(plan, draft, ingredients)?;
            // ext4 takes whole blocks; a partition of odd sectors keeps a tail.
            let size = size - size % EXT4_BLOCK;
            Ext4Plan::new(view, ext4_options(draft, ingredients)?, size)?.append(builder)
        }
        Some(FileSystemKind::Fat32) => {
            let files = fat_content(plan, draft, ingredients)?;
            let options = fat_options(plan, draft, ingredients, start)?;
            Fat32Plan::new(files, &options, size)?.append(builder)
        }
        Some(FileSystemKind::Swap) => {
            let uuid = match draft.volume {
                Some(VolumeId::Uuid(uuid)) => uuid,
                _ => return Err(Error::new(ErrorKind::Internal, "swap has a UUID")),
            };
            SwapPlan::new(uuid, &draft.label, size)?.append(builder)
        }
        None => Ok(()),
    }
}

/// What the names of an ext volume's directories are hashed with.
pub(super) fn hash_seed(draft: &VolumeDraft, ingredients: &Ingredients<'_>) -> Uuid {
    ingredients.seed.uuid(&format!("directory hash of {}", draft.planned.name))
}

fn ext4_options(draft: &VolumeDraft, ingredients: &Ingredients<'_>) -> Result<Ext4Options> {
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
    for draft in plan.contents() {
        let is_fat = draft.planned.file_system == Some(FileSystemKind::Fat32);
        if is_fat && draft.planned.role == PartitionRole::Data {
            fat32::files_of(&view(plan, draft, ingredients)?, findings)?;
        }
    }
    Ok(())
}

fn fat_content(
    plan: &DiskPlan,
    draft: &VolumeDraft,
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
    draft: &VolumeDraft,
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

const EXT4_BLOCK: u64 = 4096;

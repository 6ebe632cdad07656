use std::fmt;

use uuid::Uuid;

use crate::guest::{Volume, VolumePlace, VolumesOfTheDisk};
use crate::partition::{Growth, SectorSize, SizeRequest, TableKind, arrange, minimum_disk_size};
use crate::profile::{FileSystemKind, PartitionPlan, PartitionRole, PlannedPartition, VolumeId};
use crate::{Result, Seed};

/// The disk's identifiers and partitions, before their sizes are known.
#[derive(Clone, Debug)]
pub(super) struct DiskPlan {
    pub(super) table: TableKind,
    pub(super) sector_size: SectorSize,
    pub(super) guid: Uuid,
    pub(super) signature: u32,
    pub(super) partitions: Vec<PartitionDraft>,
}

/// A partition with its identifiers.
#[derive(Clone, Debug)]
pub(super) struct PartitionDraft {
    pub(super) planned: PlannedPartition,
    pub(super) number: u32,
    pub(super) id: PartitionId,
    /// Of the file system or swap area; `None` where there is none.
    pub(super) volume: Option<VolumeId>,
    pub(super) label: String,
    /// Name of the GPT entry.
    pub(super) name: String,
}

/// What `PARTUUID` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PartitionId {
    Guid(Uuid),
    Mbr { signature: u32, number: u32 },
}

impl DiskPlan {
    /// Gives everything its identifier: what the plan keeps, else one from the seed.
    pub(super) fn new(plan: &PartitionPlan, kept: &KeptPartitionIds, seed: &Seed) -> Result<Self> {
        let numbers = numbers(plan.table, plan.sector_size, plan.partitions.len())?;
        let signature = kept.signature.unwrap_or_else(|| seed.u32("disk signature"));
        let mut partitions = Vec::new();
        for (planned, number) in plan.partitions.iter().zip(numbers) {
            let id = match plan.table {
                TableKind::Mbr => PartitionId::Mbr { signature, number },
                TableKind::Gpt => PartitionId::Guid(
                    kept.guid(&planned.name)
                        .unwrap_or_else(|| seed.uuid(&format!("partition {}", planned.name))),
                ),
            };
            let fresh = format!("volume {}", planned.name);
            let volume = planned.file_system.map(|kind| match (planned.volume_id, kind) {
                (Some(kept), _) => kept,
                (None, FileSystemKind::Fat32) => VolumeId::Fat(seed.u32(&fresh)),
                (None, _) => VolumeId::Uuid(seed.uuid(&fresh)),
            });
            let label = planned.label.clone().unwrap_or_default();
            let name = kept.name(&planned.name).unwrap_or(&planned.name).to_owned();
            partitions.push(PartitionDraft { planned: planned.clone(), number, id, volume, label, name });
        }
        let guid = seed.uuid("disk");
        Ok(Self { table: plan.table, sector_size: plan.sector_size, guid, signature, partitions })
    }

    /// The volumes that the guest uses.
    pub(super) fn volumes(&self) -> VolumesOfTheDisk {
        let mut volumes = Vec::new();
        for draft in &self.partitions {
            let (Some(kind), Some(id)) = (draft.planned.file_system, draft.volume) else { continue };
            let place = match (&draft.planned.mount_point, kind) {
                (_, FileSystemKind::Swap) => VolumePlace::Swap,
                (Some(mount_point), _) => VolumePlace::MountPoint(mount_point.clone().into_bytes()),
                (None, _) => continue,
            };
            volumes.push(Volume {
                place,
                fs_type: fs_type(kind).to_owned(),
                uuid: id.to_string(),
                label: (!draft.label.is_empty()).then(|| draft.label.clone()),
                partition_uuid: Some(draft.id.to_string()),
                partition_label: (self.table == TableKind::Gpt).then(|| draft.name.clone()),
            });
        }
        VolumesOfTheDisk { volumes, lvm: false }
    }

    pub(super) fn of_role(&self, role: PartitionRole) -> Option<&PartitionDraft> {
        self.partitions.iter().find(|draft| draft.planned.role == role)
    }
}

/// Identifiers of the partition table by which the tree names partitions.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptPartitionIds {
    pub(super) signature: Option<u32>,
    /// By the partition's name in the plan.
    pub(super) guids: Vec<(String, Uuid)>,
    /// Names of GPT entries, by the partition's name in the plan.
    pub(super) names: Vec<(String, String)>,
}

impl KeptPartitionIds {
    fn guid(&self, name: &str) -> Option<Uuid> {
        self.guids.iter().find(|(known, _)| known == name).map(|(_, guid)| *guid)
    }

    fn name(&self, name: &str) -> Option<&str> {
        self.names.iter().find(|(known, _)| known == name).map(|(_, kept)| kept.as_str())
    }
}

impl fmt::Display for PartitionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Guid(guid) => guid.hyphenated().fmt(f),
            Self::Mbr { signature, number } => write!(f, "{signature:08x}-{number:02x}"),
        }
    }
}

/// The type as fstab and blkid name it.
pub(super) fn fs_type(kind: FileSystemKind) -> &'static str {
    match kind {
        FileSystemKind::Fat32 => "vfat",
        other => other.name(),
    }
}

/// Numbers do not depend on sizes.
fn numbers(table: TableKind, sector_size: SectorSize, count: usize) -> Result<Vec<u32>> {
    let request = SizeRequest { number: None, size: crate::partition::ALIGNMENT, growth: Growth::Fixed };
    let requests = vec![request; count];
    let size = minimum_disk_size(table, sector_size, &requests)?;
    let arrangement = arrange(table, sector_size, size, &requests)?;
    Ok(arrangement.partitions.iter().map(|placement| placement.number).collect())
}

use std::fmt;

use uuid::Uuid;

use super::kept_ids::KeptPartitionIds;
use crate::guest::{Volume, VolumePlace, VolumesOfTheDisk};
use crate::lvm::{LogicalVolumeName, LvmId};
use crate::partition::{Growth, SectorSize, SizeRequest, TableKind, arrange, minimum_disk_size};
use crate::profile::{
    FileSystemKind, PartitionPlan, PartitionRole, PlannedDisk, PlannedGroup, PlannedPartition, VolumeId,
};
use crate::{Result, Seed};

/// The disks with their identifiers and partitions, before their sizes are known.
#[derive(Clone, Debug)]
pub(super) struct DiskPlan {
    pub(super) sector_size: SectorSize,
    /// The machine starts from the first.
    pub(super) disks: Vec<DiskDraft>,
    /// Those of the first disk in its order, then those of the second …
    pub(super) partitions: Vec<PartitionDraft>,
    pub(super) groups: Vec<GroupDraft>,
}

/// A disk with its identifiers.
#[derive(Clone, Debug)]
pub(super) struct DiskDraft {
    pub(super) table: TableKind,
    /// Exact bytes; `None`: fitted.
    pub(super) size: Option<u64>,
    pub(super) guid: Uuid,
    pub(super) signature: u32,
}

/// A partition with its identifiers.
#[derive(Clone, Debug)]
pub(super) struct PartitionDraft {
    pub(super) content: VolumeDraft,
    /// Which disk it is on, from 0.
    pub(super) disk: usize,
    pub(super) number: u32,
    pub(super) id: PartitionId,
    /// Name of the GPT entry.
    pub(super) name: String,
}

/// What stands in a partition or logical volume.
#[derive(Clone, Debug)]
pub(super) struct VolumeDraft {
    pub(super) planned: PlannedPartition,
    /// Of the file system or swap area; `None` where there is none.
    pub(super) volume: Option<VolumeId>,
    pub(super) label: String,
    /// Its names where it is a logical volume.
    pub(super) logical: Option<LogicalVolumeName>,
}

/// A volume group with its identifiers.
#[derive(Clone, Debug)]
pub(super) struct GroupDraft {
    pub(super) name: String,
    pub(super) id: LvmId,
    /// Bytes.
    pub(super) extent_size: u64,
    /// Its partitions' places among those of all disks, in their order, each with its identifier.
    pub(super) physical: Vec<(usize, LvmId)>,
    pub(super) volumes: Vec<(LvmId, VolumeDraft)>,
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
        let mut disks = Vec::new();
        let mut partitions = Vec::new();
        for (at, disk) in plan.disks.iter().enumerate() {
            let draft = DiskDraft::new(at, disk, kept, seed);
            let numbers = numbers(disk.table, plan.sector_size, disk.partitions.len())?;
            for (planned, number) in disk.partitions.iter().zip(numbers) {
                let id = match disk.table {
                    TableKind::Mbr => PartitionId::Mbr { signature: draft.signature, number },
                    TableKind::Gpt => PartitionId::Guid(
                        kept.guid(&planned.name)
                            .unwrap_or_else(|| seed.uuid(&format!("partition {}", planned.name))),
                    ),
                };
                let name = kept.name(&planned.name).unwrap_or(&planned.name).to_owned();
                let content = VolumeDraft::new(planned, None, seed);
                partitions.push(PartitionDraft { content, disk: at, number, id, name });
            }
            disks.push(draft);
        }
        let groups = plan.volume_groups.iter().map(|group| GroupDraft::new(group, &partitions, seed));
        let groups = groups.collect();
        Ok(Self { sector_size: plan.sector_size, disks, partitions, groups })
    }

    /// What stands in partitions and in logical volumes.
    pub(super) fn contents(&self) -> impl Iterator<Item = &VolumeDraft> {
        let logical = self.groups.iter().flat_map(|group| &group.volumes).map(|(_, content)| content);
        self.partitions.iter().map(|draft| &draft.content).chain(logical)
    }

    /// The volumes that the guest uses.
    pub(super) fn volumes(&self) -> VolumesOfTheDisk {
        let mut volumes = Vec::new();
        for draft in &self.partitions {
            let Some(mut volume) = draft.content.volume() else { continue };
            volume.partition_uuid = Some(draft.id.to_string());
            let is_gpt = matches!(draft.id, PartitionId::Guid(_));
            volume.partition_label = is_gpt.then(|| draft.name.clone());
            volumes.push(volume);
        }
        let logical = self.groups.iter().flat_map(|group| &group.volumes);
        volumes.extend(logical.filter_map(|(_, content)| content.volume()));
        VolumesOfTheDisk { volumes, lvm: !self.groups.is_empty() }
    }

    /// The partition with the root file system, or the first of the group that has it.
    pub(super) fn partition_of_root(&self) -> Option<&PartitionDraft> {
        let is_root = |content: &&VolumeDraft| content.planned.mount_point.as_deref() == Some("/");
        let root = self.contents().find(is_root)?;
        let group = root.logical.as_ref().map(|name| &name.group);
        self.partitions.iter().find(|draft| match group {
            Some(group) => draft.content.planned.volume_group.as_ref() == Some(group),
            None => is_root(&&draft.content),
        })
    }

    /// Whether the disk of the partition `at` has a size that is not fitted to it.
    pub(super) fn has_exact_size(&self, at: usize) -> bool {
        let disk = self.partitions.get(at).and_then(|draft| self.disks.get(draft.disk));
        disk.is_some_and(|disk| disk.size.is_some())
    }

    pub(super) fn of_role(&self, role: PartitionRole) -> Option<&PartitionDraft> {
        self.partitions.iter().find(|draft| draft.content.planned.role == role)
    }
}

impl DiskDraft {
    fn new(at: usize, disk: &PlannedDisk, kept: &KeptPartitionIds, seed: &Seed) -> Self {
        // The first has no number, so that a second one leaves its identifiers alone.
        let label = |what: &str| match at {
            0 => what.to_owned(),
            _ => format!("{what} {}", at.saturating_add(1)),
        };
        let signature = kept.signature(at).unwrap_or_else(|| seed.u32(&label("disk signature")));
        Self { table: disk.table, size: disk.size, guid: seed.uuid(&label("disk")), signature }
    }
}

impl VolumeDraft {
    fn new(planned: &PlannedPartition, logical: Option<LogicalVolumeName>, seed: &Seed) -> Self {
        let fresh = format!("volume {}", planned.name);
        let volume = planned.file_system.map(|kind| match (planned.volume_id, kind) {
            (Some(kept), _) => kept,
            (None, FileSystemKind::Fat32) => VolumeId::Fat(seed.u32(&fresh)),
            (None, _) => VolumeId::Uuid(seed.uuid(&fresh)),
        });
        let label = planned.label.clone().unwrap_or_default();
        Self { planned: planned.clone(), volume, label, logical }
    }

    /// The volume as the guest uses it, without what a partition adds; `None` where it does not.
    fn volume(&self) -> Option<Volume> {
        let (kind, id) = self.planned.file_system.zip(self.volume)?;
        let place = match (&self.planned.mount_point, kind) {
            (_, FileSystemKind::Swap) => VolumePlace::Swap,
            (Some(mount_point), _) => VolumePlace::MountPoint(mount_point.clone().into_bytes()),
            (None, _) => return None,
        };
        Some(Volume {
            place,
            fs_type: fs_type(kind).to_owned(),
            uuid: id.to_string(),
            label: (!self.label.is_empty()).then(|| self.label.clone()),
            partition_uuid: None,
            partition_label: None,
            logical_volume: self.logical.clone(),
        })
    }

    /// What a message calls it.
    pub(super) fn shown(&self) -> String {
        match (&self.logical, &self.planned.mount_point) {
            (Some(logical), _) => format!("logical volume {logical}"),
            (None, Some(mount_point)) => format!("partition {mount_point}"),
            (None, None) => format!("partition {}", self.planned.name),
        }
    }
}

impl GroupDraft {
    /// Whether the partition `at` of the plan is for the group.
    pub(super) fn has_partition(&self, at: usize) -> bool {
        self.physical.iter().any(|(partition, _)| *partition == at)
    }

    fn new(group: &PlannedGroup, partitions: &[PartitionDraft], seed: &Seed) -> Self {
        let label = format!("volume group {}", group.name);
        let is_of_it =
            |draft: &PartitionDraft| draft.content.planned.volume_group.as_ref() == Some(&group.name);
        let members = partitions.iter().enumerate().filter(|(_, draft)| is_of_it(draft));
        let physical = members
            .enumerate()
            .map(|(nth, (at, _))| (at, LvmId::of(seed, &format!("physical volume {nth} of {}", group.name))));
        let volumes = group.volumes.iter().map(|volume| {
            let name = LogicalVolumeName::new(&group.name, &volume.name);
            let id = LvmId::of(seed, &format!("logical volume {name}"));
            (id, VolumeDraft::new(&volume.content, Some(name), seed))
        });
        Self {
            name: group.name.clone(),
            id: LvmId::of(seed, &label),
            extent_size: group.extent_size,
            physical: physical.collect(),
            volumes: volumes.collect(),
        }
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

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::Result;
use crate::guest::{IdentityHolder, KeptIdentities, VolumePlace, WantedIdentity};
use crate::profile::{FileSystemKind, PartitionPlan, PlannedPartition, Settings};
use crate::tree::Findings;

/// Identifiers of partition tables by which the tree names partitions, and which the tables can have.
#[derive(Clone, Debug, Default)]
pub(super) struct KeptPartitionIds {
    /// MBR signatures, by the disk's number from 0.
    signatures: BTreeMap<usize, u32>,
    /// By the partition's name in the plan.
    guids: Vec<(String, Uuid)>,
    /// Names of GPT entries, by the partition's name in the plan.
    names: Vec<(String, String)>,
}

impl KeptPartitionIds {
    /// Those of `identities` that partitions of the plan can keep; none where new ones are asked for.
    ///
    /// # Errors
    /// As [`KeptIdentities::assign`].
    pub(super) fn of(
        settings: &Settings,
        partitions: &PartitionPlan,
        identities: &KeptIdentities,
        findings: &mut Findings,
    ) -> Result<Self> {
        let mut kept = Self::default();
        if !settings.identity.value.keeps_identifiers() {
            return Ok(kept);
        }
        let (mut planned, mut wanted) = (Vec::new(), Vec::new());
        for (number, disk) in partitions.disks.iter().enumerate() {
            for partition in &disk.partitions {
                let Some((place, holder)) = place_of(partition) else { continue };
                planned.push((number, partition));
                wanted.push(WantedIdentity { place, holder, table: disk.table });
            }
        }
        let mut signatures = Vec::new();
        for ((disk, partition), usable) in planned.into_iter().zip(identities.assign(&wanted, findings)?) {
            kept.guids.extend(usable.partition_guid.map(|guid| (partition.name.clone(), guid)));
            kept.names.extend(usable.partition_label.map(|label| (partition.name.clone(), label)));
            let is_root = partition.mount_point.as_deref() == Some("/");
            signatures.extend(usable.mbr_partition.map(|one| (!is_root, disk, one.signature)));
        }
        // No two disks have one signature; that of the root is for the root's.
        signatures.sort_by_key(|(is_other, ..)| *is_other);
        for (_, disk, signature) in signatures {
            if !kept.signatures.values().any(|other| *other == signature) {
                kept.signatures.entry(disk).or_insert(signature);
            }
        }
        Ok(kept)
    }

    pub(super) fn signature(&self, disk: usize) -> Option<u32> {
        self.signatures.get(&disk).copied()
    }

    pub(super) fn guid(&self, name: &str) -> Option<Uuid> {
        self.guids.iter().find(|(known, _)| known == name).map(|(_, guid)| *guid)
    }

    pub(super) fn name(&self, name: &str) -> Option<&str> {
        self.names.iter().find(|(known, _)| known == name).map(|(_, kept)| kept.as_str())
    }
}

/// By what the tree knows a partition, and what holds its identifiers.
fn place_of(partition: &PlannedPartition) -> Option<(VolumePlace, IdentityHolder)> {
    match (partition.file_system?, &partition.mount_point) {
        (FileSystemKind::Swap, _) => Some((VolumePlace::Swap, IdentityHolder::Swap)),
        (kind, Some(path)) => {
            let holder = if kind.is_ext() { IdentityHolder::Ext } else { IdentityHolder::Fat };
            Some((VolumePlace::MountPoint(path.clone().into_bytes()), holder))
        }
        _ => None,
    }
}

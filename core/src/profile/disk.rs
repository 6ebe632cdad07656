use serde::{Deserialize, Serialize};

use super::{ByteSize, Origin, PartitionRequest, Settings, TableKind};

/// A disk beside the first that a profile asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiskRequest {
    /// Exact size: whole sectors, 16 MiB to 64 TiB. Default: fitted to what it holds, with spare room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<ByteSize>,
    /// Kind of partition table: `gpt` or `mbr`. Default: that of the first disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partition_table: Option<TableKind>,
    /// All its partitions, in disk order, at least one.
    #[serde(default)]
    pub partitions: Vec<PartitionRequest>,
}

/// A disk as the settings have it, the first or a further one.
#[derive(Clone, Debug)]
pub(super) struct ListedDisk<'a> {
    /// From 0.
    pub(super) number: usize,
    /// What comes before the names of its fields: nothing, or `further_disks[0].`.
    pub(super) place: String,
    pub(super) table: TableKind,
    /// Exact size; `None`: fitted.
    pub(super) size: Option<ByteSize>,
    /// Who asked for the size.
    pub(super) size_origin: Origin,
    /// `None`: the usual ones.
    pub(super) partitions: Option<&'a [PartitionRequest]>,
}

impl<'a> ListedDisk<'a> {
    /// What is listed.
    pub(super) fn listed(&self) -> &'a [PartitionRequest] {
        self.partitions.unwrap_or_default()
    }

    /// The field of its size, as [`super::Profile`] has it.
    pub(super) fn size_field(&self) -> String {
        if self.place.is_empty() { "disk_size".to_owned() } else { format!("{}size", self.place) }
    }
}

impl Settings {
    /// The disks, in their order.
    pub(super) fn listed_disks(&self) -> Vec<ListedDisk<'_>> {
        let first = ListedDisk {
            number: 0,
            place: String::new(),
            table: self.partition_table.value,
            size: self.disk_size.value,
            size_origin: self.disk_size.origin,
            partitions: self.partitions.value.as_deref(),
        };
        let further = self.further_disks.value.iter().enumerate().map(|(at, disk)| ListedDisk {
            number: at.saturating_add(1),
            place: format!("further_disks[{at}]."),
            table: disk.partition_table.unwrap_or(self.partition_table.value),
            size: disk.size,
            size_origin: self.further_disks.origin,
            partitions: Some(&disk.partitions),
        });
        std::iter::once(first).chain(further).collect()
    }

    /// The field of a disk's size as its user wrote it; disks count from 0.
    pub(crate) fn field_of_disk_size(&self, disk: usize) -> String {
        let disks = self.listed_disks();
        let disk = disks.get(disk).or(disks.first());
        disk.map_or_else(String::new, |disk| Self::field(disk.size_origin, &disk.size_field()))
    }
}

/// As many as the SCSI controllers of products take.
pub(super) const MOST_DISKS: usize = 15;

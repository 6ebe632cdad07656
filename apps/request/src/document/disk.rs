use super::{DiskName, FileSystemName, PartitionKind};
use crate::render::object;

object! {
    /// The disks of a machine with what is on them. Sizes are MiB.
    PartitionTable: common: Common = "partitionTable" {
        /// Disks.
        disks: Vec<Disk> => "disks" ["disk"],
        /// Where the disks are listed.
        disks_uri: String => "disksUri",
        /// URI of the install profile.
        parent_uri: String => "parentUri",
        /// Volume groups.
        logical_groups: Vec<LogicalGroup> => "logicalGroups" ["logicalGroup"],
        /// Logical volumes.
        logical_volumes: Vec<LogicalVolume> => "logicalVolumes" ["logicalVolume"],
        /// Its place.
        uri: String => "uri",
    }
}

object! {
    /// A disk.
    Disk: common: Common = "disk" {
        /// Bytes of a sector.
        block_size: i32 => "blockSize",
        /// Name.
        name: DiskName => "name",
        /// Partitions.
        partitions: Vec<Partition> => "partitions" ["partition"],
        /// Where the partitions are listed.
        partitions_uri: String => "partitionsUri",
        /// How it is divided; a GPT has no name in the schema.
        partition_kind: PartitionKind => "partitionType",
        /// MiB.
        size: u64 => "size",
        /// Its place.
        uri: String => "uri",
    }
}

object! {
    /// A partition, or a logical volume's content.
    Partition: common: Common {
        /// What stands in it.
        file_system: FileSystemName => "fstype",
        /// Whether it takes the rest of the disk.
        growable: bool => "growable",
        /// Label of the file system.
        label: String => "label",
        /// The logical partitions of an extended one.
        logical_partitions: Vec<Partition> => "logicalPartitions" ["logicalPartition"],
        /// Where it is mounted.
        mount_point: String => "mpoint",
        /// Its number.
        name: String => "name",
        /// URI of the disk.
        parent_uri: String => "parentUri",
        /// MiB.
        size: u64 => "size",
        /// Its place.
        uri: String => "uri",
        /// Whether it is the active one.
        mbr_boot: bool => "mbrBoot",
    }
}

object! {
    /// A volume group.
    LogicalGroup: common: Common {
        /// Name, as some clients read it.
        group_name: String => "groupName",
        /// Name.
        name: String => "name",
        /// URIs of the partitions that it is made of.
        partition_uris: Vec<String> => "partitionUris" ["uri"],
        /// Its place.
        uri: String => "uri",
    }
}

object! {
    /// A logical volume.
    LogicalVolume: common: Common {
        /// URI of its group.
        group_uri: String => "groupUri",
        /// Name.
        name: String => "name",
        /// Its place.
        uri: String => "uri",
        /// What is in it.
        volumes: Vec<Partition> => "volumes" ["volume"],
    }
}

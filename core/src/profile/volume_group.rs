use serde::{Deserialize, Serialize};

use super::{ByteSize, FileSystemKind};

/// A volume group that a profile asks for. The partitions that name it are its physical volumes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VolumeGroupRequest {
    /// Name: 1 to 127 letters, digits and `+ _ . -`, not beginning with a hyphen.
    #[serde(default)]
    pub name: String,
    /// Bytes of an extent, to which volumes are rounded up: a power of two from 1 MiB to 1 GiB. Default: 4 MiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extent_size: Option<ByteSize>,
    /// Its logical volumes, at least one, in the order in which they take their room.
    #[serde(default)]
    pub volumes: Vec<LogicalVolumeRequest>,
}

/// A logical volume that a profile asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogicalVolumeRequest {
    /// Name, as that of a group; with the group's at most 126 bytes, a hyphen counting twice.
    #[serde(default)]
    pub name: String,
    /// Where the file system is mounted: an absolute path; swap has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_point: Option<String>,
    /// `ext4`, `ext3`, `ext2`, `fat32` or `swap`. Default: `ext4`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file_system: Option<FileSystemKind>,
    /// Size, rounded up to whole extents; with `grow` the least size. Default: as the content needs, with spare room;
    /// `swap` as the profile's `swap_size`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<ByteSize>,
    /// Whether it takes the rest of its group; at most one does. Default: the root file system, if it has no size and
    /// no other grows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grow: Option<bool>,
    /// Label of the file system, as that of a partition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
}

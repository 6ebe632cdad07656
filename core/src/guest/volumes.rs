use super::fstab::{Device, names};
use crate::lvm::LogicalVolumeName;

/// The volumes that the new disk has and the guest uses, as the composer laid them out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VolumesOfTheDisk {
    /// File systems with a mount point, and swap areas, in the order of their partitions. Each mount point stands here
    /// once; partitions that the guest does not mount are left out.
    pub volumes: Vec<Volume>,
    /// Whether any of them lies in a volume group.
    pub lvm: bool,
}

/// A file system or swap area of the new disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Volume {
    /// Where the guest uses it.
    pub place: VolumePlace,
    /// The type as fstab names it: `ext4`, `vfat`, `swap`.
    pub fs_type: String,
    /// The identifier as blkid prints it: `0a3407de-014b-458b-b5c1-848e92a327a3`, for FAT `1A2B-3C4D`.
    pub uuid: String,
    /// The label inside the file system or swap area.
    pub label: Option<String>,
    /// The partition's identifier as blkid prints it: a GUID in lower case, or for MBR `1a2b3c4d-02`.
    pub partition_uuid: Option<String>,
    /// The name in the GPT entry.
    pub partition_label: Option<String>,
    /// Its names where it is a logical volume, which is in no partition of its own.
    pub logical_volume: Option<LogicalVolumeName>,
}

/// Where the guest uses a volume.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum VolumePlace {
    /// An absolute path without a slash at the end; `/` for the root.
    MountPoint(Vec<u8>),
    /// A swap area.
    Swap,
}

impl VolumesOfTheDisk {
    /// The volume mounted at exactly this path.
    pub fn mounted_at(&self, mount_point: &[u8]) -> Option<&Volume> {
        self.volumes.iter().find(|volume| volume.mount_point() == Some(mount_point))
    }

    /// Whether a file system that the initial RAM disk mounts, the root or `/usr`, is on a logical volume.
    pub fn starts_on_logical_volume(&self) -> bool {
        let early: [&[u8]; 2] = [b"/", b"/usr"];
        let mut mounted = early.iter().filter_map(|path| self.mounted_at(path));
        mounted.any(|volume| volume.logical_volume.is_some())
    }

    /// Whether a device, named in whatever way, is one of these volumes.
    pub fn has(&self, device: &Device) -> bool {
        self.volumes.iter().any(|volume| names(device, volume))
    }

    /// The swap areas.
    pub fn swaps(&self) -> impl Iterator<Item = &Volume> {
        self.volumes.iter().filter(|volume| volume.place == VolumePlace::Swap)
    }
}

impl Volume {
    /// How files of the guest and the kernel's options name it where they have no name that is true: a logical volume by
    /// its path, which makes an initial RAM disk activate it; everything else by `UUID=`.
    pub fn specification(&self) -> String {
        match &self.logical_volume {
            Some(name) => name.mapper_path(),
            None => format!("UUID={}", self.uuid),
        }
    }

    /// The mount point of a file system; `None` for swap.
    pub fn mount_point(&self) -> Option<&[u8]> {
        match &self.place {
            VolumePlace::MountPoint(path) => Some(path),
            VolumePlace::Swap => None,
        }
    }
}

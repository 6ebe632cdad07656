//! What the new machine shall be: the install profile, the machine report, and how settings are found.
//!
//! ```text
//! flags ─┐
//! request ─┤ (each a Profile)
//! profile ─┼─> Settings::resolve ─> Settings (every value with its Origin) ─> PartitionPlan
//! machine report ─┤
//! tree facts ─┤
//! defaults ─┘
//! ```
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod account;
mod check;
mod check_disks;
mod check_guest;
mod check_lvm;
mod check_nics;
mod disk;
mod document;
mod field_names;
mod layer_lists;
mod machine;
mod network;
mod plan;
mod plan_lvm;
mod secret;
mod settings;
mod size;
mod values;
mod volume_group;

pub use account::{RootAccount, SudoRight, UserAccount};
pub use disk::DiskRequest;
pub use document::{PartitionRequest, Profile};
pub use machine::{
    MachineCapture, MachineDisk, MachineFileSystem, MachineNic, MachineOs, MachinePartition, MachineReport,
};
pub use network::{NicMethod, NicRequest, RouteRequest, SelinuxMode};
pub use plan::{
    PartitionPlan, PlannedDisk, PlannedPartition, SizeRule, VolumeId, fitted_disk_size, spare_room,
};
pub use plan_lvm::{PlannedGroup, PlannedVolume};
pub use secret::Secret;
pub use settings::{Layer, Origin, Setting, Settings, TreeFacts, TreeMount, TreeSwap};
pub use size::ByteSize;
pub use values::{
    BootPolicy, FileSystemKind, Firmware, FirmwareParts, IdentityPolicy, LvmPolicy, PartitionFlag,
    PartitionRole,
};
pub use volume_group::{LogicalVolumeRequest, VolumeGroupRequest};

pub use crate::partition::{SectorSize, TableKind};

pub(crate) use account::Access;
pub(crate) use check::check_mount_point;
pub(crate) use check_lvm::MOST_VOLUMES;
pub(crate) use check_nics::parse_network;
pub(crate) use network::kernel_name;
pub(crate) use size::quoted;

#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod lvm_tests;
#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

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

mod check;
mod document;
mod machine;
mod plan;
mod settings;
mod size;
mod values;

pub use document::{PartitionRequest, Profile};
pub use machine::{MachineDisk, MachineFileSystem, MachineNic, MachineOs, MachinePartition, MachineReport};
pub use plan::{PartitionPlan, PlannedPartition, SizeRule, VolumeId, fitted_disk_size, spare_room};
pub use settings::{Layer, Origin, Setting, Settings, TreeFacts, TreeMount, TreeSwap};
pub use size::ByteSize;
pub use values::{
    BootPolicy, FileSystemKind, Firmware, FirmwareParts, IdentityPolicy, PartitionFlag, PartitionRole,
};

pub use crate::partition::{SectorSize, TableKind};

pub(crate) use size::quoted;

#[cfg(test)]
mod schema_tests;
#[cfg(test)]
mod tests;

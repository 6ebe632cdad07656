//! LVM2: volume groups with linear logical volumes, written as bytes at known offsets of their partitions.
//!
//! ```text
//! physical volume  | label | metadata area (text)  | extent 0 | extent 1 | …            |
//!                  0      4 KiB                  1 MiB  └─ a logical volume: runs of extents ─┘
//! ```
//!
//! A logical volume is nothing but ranges of its group's partitions, so that what stands in it is laid out as in a
//! partition. Every identifier comes from the caller.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod allocation;
mod identifier;
mod metadata;
mod name;
mod physical;

pub use allocation::allocate;
pub use identifier::LvmId;
pub use name::{LogicalVolumeName, check_logical_volume_name, check_volume_name};

use crate::{Error, ErrorKind, Result};

/// Bytes before the first extent of a physical volume: its label and one copy of the group's metadata.
pub const DATA_START: u64 = 1 << 20;

/// Extents as LVM makes them where nobody says otherwise: 4 MiB.
pub const DEFAULT_EXTENT: u64 = 4 << 20;

/// The sizes of extents that a group can have here: powers of two from 1 MiB to 1 GiB.
pub const EXTENT_SIZES: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 30;

/// A volume group, with everything in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VolumeGroup {
    /// Name.
    pub name: String,
    /// Its identifier.
    pub id: LvmId,
    /// Bytes of an extent: one of [`EXTENT_SIZES`], a power of two.
    pub extent_size: u64,
    /// When it was made: seconds since the epoch.
    pub created: i64,
    /// Its partitions, in disk order.
    pub physical: Vec<PhysicalVolume>,
    /// Its volumes, in the order in which they were asked for.
    pub logical: Vec<LogicalVolume>,
}

/// A partition that belongs to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PhysicalVolume {
    /// Its identifier.
    pub id: LvmId,
    /// Bytes of the partition: whole sectors of 512 bytes.
    pub size: u64,
}

/// A linear volume of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogicalVolume {
    /// Name.
    pub name: String,
    /// Its identifier.
    pub id: LvmId,
    /// Where it stands, in its own order; at least one.
    pub segments: Vec<Segment>,
}

/// Consecutive extents of one physical volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Which physical volume of the group, from 0.
    pub physical: usize,
    /// The first extent there.
    pub first: u64,
    /// How many, at least one.
    pub extents: u64,
}

/// Whole extents of `extent_size` bytes on a physical volume of `size` bytes.
pub fn extents_of(size: u64, extent_size: u64) -> u64 {
    size.saturating_sub(DATA_START).checked_div(extent_size).unwrap_or(0)
}

impl VolumeGroup {
    /// The bytes with which the physical volume `at` begins, whole sectors of 512 bytes; up to its first extent the rest
    /// is zero.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` when the group's metadata has more than half of the room for it;
    /// `ErrorKind::Internal` when there is no such physical volume.
    ///
    /// # Reference
    /// LVM2 2.03, `lib/format_text/layout.h` (label, physical volume header, metadata area), lvm2's man page
    /// `lvmsystemid(7)` for what an absent system id means, and `vgcfgbackup(8)` for the text.
    pub fn header_of(&self, at: usize) -> Result<Vec<u8>> {
        let physical = self
            .physical
            .get(at)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "the group has no such physical volume"))?;
        physical::header(physical, &metadata::text(self))
    }

    /// Bytes of a volume of the group.
    pub fn size_of(&self, volume: &LogicalVolume) -> u64 {
        let extents = volume.segments.iter().fold(0_u64, |sum, segment| sum.saturating_add(segment.extents));
        extents.saturating_mul(self.extent_size)
    }
}

#[cfg(test)]
mod tests;

//! Partition tables: GPT and MBR as bytes at known offsets of the disk.
//!
//! ```text
//! GPT  | protective MBR | header | entries | … partitions …            | entries | header |
//! MBR  | MBR | core.img | … primary … | EBR | logical | EBR | logical | … primary …       |
//! ```
//!
//! [`arrange()`] places partitions of given sizes on a disk; [`PartitionTable`] renders the table that describes them.
//! Both are pure: every identifier comes from the caller.
//!
//! The tables are written here and not by the `gpt` crate: its `write` moves the used entries to the front of the
//! array, so that partition numbers with gaps (1, 14, 15 of a cloud image) would not be kept, it checks neither
//! overlaps nor ranges, and it draws random bits for headers whose GUID is given. It reads our tables in the tests.

mod arrange;
mod entry;
mod gpt;
mod kind;
mod mbr;
mod sector;

pub use arrange::{Arrangement, Growth, Placement, SizeRequest, arrange, minimum_disk_size};
pub use entry::PartitionEntry;
pub use kind::{PartitionKind, RootArchitecture};
pub use sector::{Lba, SectorSize};

use uuid::Uuid;

use crate::Result;
use crate::names::named_values;

/// Where partitions start and disks end: multiples of 1 MiB.
pub const ALIGNMENT: u64 = 1 << 20;

/// Bytes of boot code that an MBR, protective or not, has room for.
pub const BOOT_CODE_SIZE: usize = 440;

named_values! {
    /// The kinds of partition table.
    TableKind, "partition table" {
        /// GUID partition table with a protective MBR.
        Gpt = "gpt",
        /// Master boot record, with an extended partition where more than four are wanted.
        Mbr = "mbr",
    }
}

/// A partition table, rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionTable {
    regions: Vec<TableRegion>,
}

/// A piece of a partition table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableRegion {
    /// Where it stands: bytes from the start of the disk.
    pub offset: u64,
    /// Its bytes: whole sectors.
    pub bytes: Vec<u8>,
    /// What it is, for [`crate::layout::LayoutBuilder::bytes`].
    pub label: &'static str,
}

impl PartitionTable {
    /// A GUID partition table: the protective MBR, header and entries at the disk's start, their copy at its end.
    ///
    /// `boot_code` of at most [`BOOT_CODE_SIZE`] bytes goes into the protective MBR; empty for none. Entries may come in
    /// any order; each keeps its number.
    ///
    /// # Errors
    /// With all problems at once: `ErrorKind::DoesNotFit` for a partition outside the usable sectors;
    /// `ErrorKind::InvalidProfile` for overlaps, bounds that are no sector bounds, numbers, GUIDs or names that are
    /// missing, doubled or too long, and for settings that only an MBR has; `ErrorKind::Unsupported` for boot code on a
    /// disk of 4096-byte sectors.
    ///
    /// # Reference
    /// UEFI specification 2.10, chapter 5.
    pub fn gpt(
        disk_size: u64,
        sector_size: SectorSize,
        disk_guid: Uuid,
        boot_code: &[u8],
        entries: &[PartitionEntry],
    ) -> Result<Self> {
        gpt::render(disk_size, sector_size, disk_guid, boot_code, entries).map(|regions| Self { regions })
    }

    /// A master boot record, and one extended boot record before each logical partition.
    ///
    /// Entries numbered 1 to 4 are primary; one of them may be [`PartitionKind::Extended`] and then holds those numbered
    /// 5, 6, …, in disk order. The first logical partition needs room for its record between the start of the extended
    /// partition and its own start, the others between the end of the one before and their start.
    ///
    /// # Errors
    /// As [`PartitionTable::gpt`]; `ErrorKind::DoesNotFit` for a disk of more than 2³² sectors, too;
    /// `ErrorKind::InvalidProfile` for a signature of zero, a logical partition without a place in an extended one, more
    /// than one active partition or an active one that is not primary.
    ///
    /// # Reference
    /// UEFI specification 2.10 §5.2.1 (Legacy MBR); the chain of extended boot records as Linux and DOS read it.
    pub fn mbr(
        disk_size: u64,
        sector_size: SectorSize,
        signature: u32,
        boot_code: &[u8],
        entries: &[PartitionEntry],
    ) -> Result<Self> {
        mbr::render(disk_size, sector_size, signature, boot_code, entries).map(|regions| Self { regions })
    }

    /// The pieces, ascending and disjoint. All bytes of the disk that are in no partition and no piece are free: they
    /// stay zero, or hold a boot loader.
    pub fn regions(&self) -> &[TableRegion] {
        &self.regions
    }

    /// The pieces, owned.
    pub fn into_regions(self) -> Vec<TableRegion> {
        self.regions
    }
}

#[cfg(test)]
mod tests;

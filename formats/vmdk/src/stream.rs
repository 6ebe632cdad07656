#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::{Codec, Encoding, Machine};
use diskwright_core::layout::{AllocationMap, DiskLayout};
use diskwright_core::{Error, ErrorKind, Result};

use crate::descriptor::{Descriptor, Extent, ExtentKind};
use crate::encode::{
    DIRECTORY_AT_END, GRAIN, GRAIN_SECTORS, Header, HeaderForm, SECTOR, TABLE_SECTORS, TABLE_SPAN,
};
use crate::options::{AdapterType, check_level};
use crate::plan::{check_capacity, directory_sectors};

/// A stream-optimised VMDK before its data: what can be known without reading, and all that can be refused.
///
/// Its bytes are made by a [`StreamWriter`](crate::StreamWriter).
#[derive(Clone, Debug)]
pub struct StreamImage {
    capacity: u64,
    level: u8,
    size_bound: u64,
    descriptor: Vec<u8>,
}

impl StreamImage {
    /// The image of `disk`, number `number` (from 1) of `machine`, in a file called `file_name`; `level` is that of zlib,
    /// 1..=12.
    ///
    /// The content ids follow from the machine's seed and name and the disk's number.
    ///
    /// # Errors
    /// `ErrorKind::Unsupported` for a disk that is not whole grains of 64 KiB, for sectors of other than 512 bytes, and for a file name with anything but
    /// `[A-Za-z0-9._-]`; `ErrorKind::LimitExceeded` for a disk that is too large, or whose file might be;
    /// `ErrorKind::InvalidOption` for a level out of range.
    pub fn new(
        machine: &Machine,
        number: u32,
        disk: &DiskLayout,
        file_name: &str,
        level: u8,
        adapter: AdapterType,
    ) -> Result<Self> {
        check_level(level)?;
        machine.require_sectors_of_512("VMDK")?;
        let capacity = disk.size();
        check_capacity(capacity, MAX_CAPACITY)?;
        let extent = Extent { kind: ExtentKind::Stream, file_name };
        let sectors = capacity.checked_div(SECTOR).unwrap_or(0);
        let descriptor = Descriptor { machine, number, extent, sectors, adapter }.embedded()?;
        let size_bound = size_bound(disk)?;
        Ok(Self { capacity, level, size_bound, descriptor })
    }

    /// How the disk's chunks are wanted.
    pub fn encoding(&self) -> Encoding {
        // OK to fall back: a grain has 2^16 bytes.
        let granularity = u32::try_from(GRAIN).unwrap_or(0);
        Encoding { granularity, codec: Codec::Zlib { level: self.level } }
    }

    /// The most bytes that the file can have.
    pub fn size_bound(&self) -> u64 {
        self.size_bound
    }

    /// Bytes of the disk.
    pub fn capacity(&self) -> u64 {
        self.capacity
    }

    /// The header, or the footer where the directory's sector is known.
    pub(crate) fn header(&self, directory: Option<u64>) -> Vec<u8> {
        let header = Header {
            form: HeaderForm::Stream,
            capacity: self.capacity.checked_div(SECTOR).unwrap_or(0),
            redundant_directory: 0,
            directory: directory.unwrap_or(DIRECTORY_AT_END),
            overhead: OVERHEAD,
        };
        header.encode()
    }

    pub(crate) fn descriptor(&self) -> &[u8] {
        &self.descriptor
    }

    /// Tables, stored or not.
    pub(crate) fn tables(&self) -> u64 {
        self.capacity.div_ceil(TABLE_SPAN)
    }
}

/// The most bytes of a stream-optimised file of `disk`, when no grain gets smaller.
fn size_bound(disk: &DiskLayout) -> Result<u64> {
    let grains = AllocationMap::new(disk, GRAIN).stored();
    let tables = AllocationMap::new(disk, TABLE_SPAN).stored();
    let directory = directory_sectors(disk.size().div_ceil(TABLE_SPAN));
    // A marker before each table, before the directory and before the footer; the end of the stream.
    let sectors = grains
        .saturating_mul(MAX_GRAIN_SECTORS)
        .saturating_add(tables.saturating_mul(TABLE_SECTORS.saturating_add(1)))
        .saturating_add(directory)
        .saturating_add(OVERHEAD)
        .saturating_add(4);
    if u32::try_from(sectors).is_err() {
        let size = disk.size();
        let text = format!(
            "the file of this disk of {size} bytes may pass the 2 TiB that VMDK's tables can address: \
             {grains} grains of 64 KiB may hold data"
        );
        return Err(Error::new(ErrorKind::LimitExceeded, text));
    }
    Ok(sectors.saturating_mul(SECTOR))
}

/// Sectors before the first grain, as VMware's own files have them.
pub(crate) const OVERHEAD: u64 = GRAIN_SECTORS;
/// Sectors of a grain that did not become smaller, with its marker. VirtualBox reads no larger one.
pub(crate) const MAX_GRAIN_SECTORS: u64 = GRAIN_SECTORS + 1;
/// Bytes of the largest disk that VMware has: 62 TiB.
pub(crate) const MAX_CAPACITY: u64 = 62 << 40;

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::format::Machine;
use diskwright_core::layout::{AllocationMap, DiskLayout};
use diskwright_core::{Error, ErrorKind, Result};

use crate::descriptor::{Descriptor, Extent, ExtentKind};
use crate::encode::{
    DESCRIPTOR_SECTOR, DESCRIPTOR_SECTORS, GRAIN, GRAIN_SECTORS, Header, HeaderForm, SECTOR, TABLE_SECTORS,
    TABLE_SPAN,
};
use crate::options::AdapterType;
use crate::plan::{check_capacity, directory_sectors};

/// A monolithic sparse VMDK, known but for the content of its grains.
///
/// ```text
/// header │ descriptor │ redundant directory │ its tables │ directory │ its tables │ 0 … │ grains in disk order
/// ```
#[derive(Clone, Debug)]
pub(crate) struct SparseImage {
    capacity: u64,
    map: AllocationMap,
    /// Grain tables.
    tables: u64,
    /// Sectors before the first grain.
    overhead: u64,
    /// Bytes of the file.
    len: u64,
    descriptor: Vec<u8>,
}

impl SparseImage {
    /// # Errors
    /// `ErrorKind::Unsupported` for a disk that is not whole grains; `ErrorKind::LimitExceeded` for a disk or a file that
    /// is too large.
    pub(crate) fn new(
        machine: &Machine,
        number: u32,
        disk: &DiskLayout,
        file_name: &str,
        adapter: AdapterType,
    ) -> Result<Self> {
        let capacity = disk.size();
        check_capacity(capacity, MAX_CAPACITY)?;
        let extent = Extent { kind: ExtentKind::Sparse, file_name };
        let sectors = capacity.checked_div(SECTOR).unwrap_or(0);
        let descriptor = Descriptor { machine, number, extent, sectors, adapter }.embedded()?;
        let map = AllocationMap::new(disk, GRAIN);
        let tables = capacity.div_ceil(TABLE_SPAN);
        let overhead = DESCRIPTOR_SECTOR
            .saturating_add(DESCRIPTOR_SECTORS)
            .saturating_add(copy_sectors(tables).saturating_mul(2))
            .next_multiple_of(GRAIN_SECTORS);
        let sectors = map.stored().saturating_mul(GRAIN_SECTORS).saturating_add(overhead);
        if u32::try_from(sectors).is_err() {
            let text = format!(
                "the file of this disk of {capacity} bytes would pass the 2 TiB that VMDK's tables can address"
            );
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        let len = sectors.saturating_mul(SECTOR);
        Ok(Self { capacity, map, tables, overhead, len, descriptor })
    }

    /// Bytes of the file.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Where byte `offset` of the disk is in the file; `None` where nothing is stored.
    pub(crate) fn place(&self, offset: u64) -> Option<u64> {
        self.map.place(offset)?.checked_add(self.overhead.checked_mul(SECTOR)?)
    }

    /// The file's first sectors: header and descriptor.
    pub(crate) fn head(&self) -> Vec<u8> {
        let redundant_directory = DESCRIPTOR_SECTOR.saturating_add(DESCRIPTOR_SECTORS);
        let header = Header {
            form: HeaderForm::Sparse,
            capacity: self.capacity.checked_div(SECTOR).unwrap_or(0),
            redundant_directory,
            directory: redundant_directory.saturating_add(copy_sectors(self.tables)),
            overhead: self.overhead,
        };
        let mut out = header.encode();
        out.extend_from_slice(&self.descriptor);
        out
    }

    /// Gives directories and tables with their place in the file, in portions; what is not given is zero.
    ///
    /// VirtualBox compares both copies of the tables, and refuses a directory with an entry that only one copy has.
    pub(crate) fn tables(&self, write: &mut dyn FnMut(u64, &[u8]) -> Result<()>) -> Result<()> {
        let mut start = DESCRIPTOR_SECTOR.saturating_add(DESCRIPTOR_SECTORS);
        for _ in 0..2 {
            let tables_start = start.saturating_add(directory_sectors(self.tables));
            let directory = (0..self.tables)
                .map(|table| entry(tables_start.saturating_add(table.saturating_mul(TABLE_SECTORS))));
            portions(start, directory, write)?;
            let grains = self.map.places().map(|place| {
                place.map_or(0, |place| {
                    entry(self.overhead.saturating_add(place.saturating_mul(GRAIN_SECTORS)))
                })
            });
            portions(tables_start, grains, write)?;
            start = start.saturating_add(copy_sectors(self.tables));
        }
        Ok(())
    }
}

/// Gives `entries`, which start at sector `start`, in portions, leaving out those that are zero.
fn portions(
    start: u64,
    mut entries: impl Iterator<Item = u32>,
    write: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
) -> Result<()> {
    let mut position = start.saturating_mul(SECTOR);
    let mut portion = Vec::with_capacity(PORTION.saturating_mul(4));
    loop {
        portion.clear();
        let mut is_zero = true;
        for entry in entries.by_ref().take(PORTION) {
            is_zero &= entry == 0;
            portion.extend_from_slice(&entry.to_le_bytes());
        }
        if portion.is_empty() {
            return Ok(());
        }
        if !is_zero {
            write(position, &portion)?;
        }
        position = position.saturating_add(u64::try_from(portion.len()).unwrap_or(u64::MAX));
    }
}

/// Sectors of a directory and its tables.
fn copy_sectors(tables: u64) -> u64 {
    directory_sectors(tables).saturating_add(tables.saturating_mul(TABLE_SECTORS))
}

/// OK to fall back: a plan refuses files of 2^32 sectors.
fn entry(sector: u64) -> u32 {
    u32::try_from(sector).unwrap_or(0)
}

/// Bytes of the largest disk: an extent that grows past it could not be addressed.
const MAX_CAPACITY: u64 = 2 << 40;
/// Entries that are written at once.
const PORTION: usize = 16 << 10;

#[cfg(test)]
#[expect(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "tests fail loudly")]
mod tests {
    use std::sync::Arc;

    use diskwright_core::layout::LayoutBuilder;
    use diskwright_core::tree::{Findings, TreeBuilder};
    use diskwright_core::{Seed, Timestamp};

    use super::*;

    /// The image of a disk with a byte at each of `offsets`.
    fn image(offsets: &[u64], size: u64) -> Result<SparseImage> {
        let (tree, _) = TreeBuilder::new(Findings::default()).finish().unwrap();
        let mut builder = LayoutBuilder::new(Arc::new(tree));
        for offset in offsets {
            builder.zeros_to(*offset, "gap").unwrap();
            builder.bytes(vec![1], "data").unwrap();
        }
        let machine = Machine::new("m", Seed::from_text("seed"), Timestamp::from_seconds(0));
        let disk = builder.finish(size).unwrap();
        SparseImage::new(&machine, 1, &disk, "m.vmdk", AdapterType::LsiLogic)
    }

    /// All sectors before the first grain.
    fn overhead(image: &SparseImage) -> Vec<u32> {
        let mut bytes = image.head();
        bytes.resize((image.overhead * SECTOR) as usize, 0);
        image
            .tables(&mut |position, part| {
                let position = position as usize;
                bytes[position..position + part.len()].copy_from_slice(part);
                Ok(())
            })
            .unwrap();
        bytes.as_chunks().0.iter().map(|word| u32::from_le_bytes(*word)).collect()
    }

    #[test]
    fn directories_and_tables_stand_where_the_header_says() {
        // Two tables: a directory of 1 sector and 8 sectors of tables, twice.
        let image = image(&[0, GRAIN, TABLE_SPAN + 5 * GRAIN], TABLE_SPAN + 16 * GRAIN).unwrap();
        assert_eq!((image.overhead, image.len()), (128, (128 + 3 * 128) * 512));
        let words = overhead(&image);
        // rgdOffset, gdOffset, overHead.
        assert_eq!(words[12..18], [21, 0, 30, 0, 128, 0]);
        let sector = |sector: usize| &words[sector * 128..];
        assert_eq!(sector(21)[..3], [22, 26, 0]);
        assert_eq!(sector(30)[..3], [31, 35, 0]);
        for first in [22, 31] {
            assert_eq!(sector(first)[..3], [128, 256, 0]);
            assert_eq!(sector(first + 4)[..7], [0, 0, 0, 0, 0, 384, 0]);
            assert!(sector(first + 4)[6..512].iter().all(|entry| *entry == 0));
        }
        assert_eq!(image.place(TABLE_SPAN + 5 * GRAIN + 9), Some(384 * 512 + 9));
        assert_eq!(image.place(2 * GRAIN), None);
    }

    #[test]
    fn a_disk_of_zeros_is_its_tables() {
        // 320 tables: a directory of 3 sectors.
        let image = image(&[], 10 << 30).unwrap();
        assert_eq!(image.overhead, (21 + 2 * (3 + 1280_u64)).next_multiple_of(128));
        assert_eq!(image.len(), image.overhead * 512);
        let words = overhead(&image);
        assert_eq!(words[21 * 128 + 319], 21 + 3 + 319 * 4);
        assert!(words[24 * 128..(24 + 1280) * 128].iter().all(|entry| *entry == 0));
    }

    #[test]
    fn disks_of_more_than_2_tib_are_refused() {
        assert!(image(&[], 2 << 40).is_ok());
        let error = image(&[], (2 << 40) + GRAIN).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
    }
}

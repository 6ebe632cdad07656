//! Grain directory and tables, read piece by piece.

use diskwright_core::{ReadAt, Result};

use crate::bytes::{le32, read};
use crate::report::{Findings, Location};
use crate::rules::vmdk as rules;

use super::SECTOR_BYTES;
use super::header::Header;

/// A grain directory whose sectors lie inside the file.
pub(crate) struct Directory<'a> {
    source: &'a dyn ReadAt,
    start: u64,
    tables: u64,
}

impl<'a> Directory<'a> {
    /// The directory at `sector`, if all of it is there.
    pub(crate) fn open(
        source: &'a dyn ReadAt,
        header: &Header,
        sector: u64,
        f: &mut Findings,
    ) -> Option<Self> {
        let start = sector.checked_mul(SECTOR_BYTES);
        let len = header.tables().checked_mul(4);
        let end = start.zip(len).and_then(|(start, len)| start.checked_add(len));
        match (start, end) {
            (Some(start), Some(end)) if sector > 0 && end <= source.size() => {
                Some(Self { source, start, tables: header.tables() })
            }
            _ => {
                let text = format!("a grain directory of {} tables at sector {sector}", header.tables());
                f.add(&rules::DIRECTORY, Location::Whole, text + " does not lie inside the file");
                None
            }
        }
    }

    /// The number of tables.
    pub(crate) fn len(&self) -> u64 {
        self.tables
    }

    /// Where in the file entry `index` stands.
    pub(crate) fn place(&self, index: u64) -> u64 {
        self.start + index * 4
    }

    /// The sector of table `index`; 0 if the whole table is absent.
    pub(crate) fn entry(&self, index: u64) -> Result<u32> {
        let bytes = read(self.source, self.place(index), 4)?.unwrap_or_default();
        Ok(le32(&bytes, 0))
    }

    /// Sector and index of the tables that are not absent, in the order of the file, of at most `count` from `first` on.
    pub(crate) fn tables(&self, first: u64, count: u64) -> Result<Vec<(u32, u64)>> {
        let count = self.tables.saturating_sub(first).min(count);
        let len = usize::try_from(count.saturating_mul(4)).unwrap_or(usize::MAX);
        // OK to be empty: the directory lies inside the file.
        let bytes = read(self.source, self.place(first), len)?.unwrap_or_default();
        let sectors = bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
        let mut tables: Vec<(u32, u64)> = sectors.zip(first..).filter(|(sector, _)| *sector != 0).collect();
        tables.sort_unstable();
        Ok(tables)
    }

    /// The 2 KiB of the table at `sector`, if they lie inside the file.
    pub(crate) fn table(&self, index: u64, sector: u32, f: &mut Findings) -> Result<Option<Vec<u8>>> {
        let table = read(self.source, u64::from(sector) * SECTOR_BYTES, TABLE_BYTES)?;
        if table.is_none() {
            let text = format!("grain table {index} at sector {sector} does not lie inside the file");
            f.add(&rules::DIRECTORY, Location::Offset(self.place(index)), text);
        }
        Ok(table)
    }
}

/// The entries of a table that are not absent: index in the table and sector.
pub(crate) fn entries(table: &[u8]) -> impl Iterator<Item = (u64, u32)> {
    let values = table.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
    (0_u64..).zip(values).filter(|(_, sector)| *sector != 0)
}

/// Entries of a table, which a sound header has.
pub(crate) const ENTRIES: u64 = 512;
const TABLE_BYTES: usize = 2048;

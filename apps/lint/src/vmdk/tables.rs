//! Grain directory and tables, read piece by piece.

use diskwright_core::{ReadAt, Result};

use crate::bytes::read;
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

    /// Reads the tables of [`TABLES`] entries from `first` on, in the order of the file, and each once however many
    /// entries name it.
    pub(crate) fn visit(
        &self,
        first: u64,
        f: &mut Findings,
        mut visit: impl FnMut(&Table, &mut Findings) -> Result<()>,
    ) -> Result<()> {
        let mut last: Option<Table> = None;
        for (sector, index) in self.entries(first)? {
            let table = match last {
                // One outside of the file is a finding for each entry.
                Some(last) if last.sector == sector && !last.bytes.is_empty() => {
                    Table { index, same_as: last.same_as.or(Some(last.index)), ..last }
                }
                _ => {
                    let bytes = self.table(index, sector, f)?;
                    let count = entries(&bytes).count() as u64;
                    Table { index, sector, same_as: None, bytes, count }
                }
            };
            visit(&table, f)?;
            last = Some(table);
        }
        Ok(())
    }

    /// Sector and index of the tables that are not absent, in the order of the file.
    fn entries(&self, first: u64) -> Result<Vec<(u32, u64)>> {
        let count = self.tables.saturating_sub(first).min(TABLES);
        let len = usize::try_from(count.saturating_mul(4)).unwrap_or(usize::MAX);
        // OK to be empty: the directory lies inside the file.
        let bytes = read(self.source, self.place(first), len)?.unwrap_or_default();
        let sectors = bytes.as_chunks::<4>().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
        let mut tables: Vec<(u32, u64)> = sectors.zip(first..).filter(|(sector, _)| *sector != 0).collect();
        tables.sort_unstable();
        Ok(tables)
    }

    /// The 2 KiB of the table at `sector`; nothing if they do not lie inside the file.
    fn table(&self, index: u64, sector: u32, f: &mut Findings) -> Result<Vec<u8>> {
        let table = read(self.source, u64::from(sector) * SECTOR_BYTES, TABLE_BYTES)?;
        if table.is_none() {
            let text = format!("grain table {index} at sector {sector} does not lie inside the file");
            f.add(&rules::DIRECTORY, Location::Offset(self.place(index)), text);
        }
        Ok(table.unwrap_or_default())
    }
}

/// A table as an entry of the directory names it.
pub(crate) struct Table {
    /// Number of the entry.
    pub(crate) index: u64,
    /// Where the table stands.
    pub(crate) sector: u32,
    /// The first entry that names the same table, if this is another one.
    pub(crate) same_as: Option<u64>,
    /// The table's 2 KiB, or nothing.
    pub(crate) bytes: Vec<u8>,
    /// How many of its entries are not absent.
    pub(crate) count: u64,
}

impl Table {
    /// What is wrong where two entries name one table; it is nothing if no grain is in it.
    pub(crate) fn repeated(&self) -> Option<String> {
        let other = self.same_as.filter(|_| self.count > 0)?;
        Some(format!("grain table {} at sector {} is table {other}, too", self.index, self.sector))
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
/// Tables of which the places are known at once: those of 8 TiB in grains of 64 KiB.
pub(crate) const TABLES: u64 = 1 << 18;

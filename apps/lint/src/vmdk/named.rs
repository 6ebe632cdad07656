//! What the tables of a stream say of its grains, read from the front to the back of the file.

use diskwright_core::{ReadAt, Result};

use crate::bytes::{le32, le64, read};
use crate::report::{Findings, Location};
use crate::rules::vmdk as rules;

use super::SECTOR_BYTES;
use super::header::Header;
use super::tables::{Directory, ENTRIES, entries};

/// Checks that every entry names its grain; gives the number of entries, or nothing if there is no directory.
///
/// Tables stand between their grains, or all at one end. The directory is read first, then the tables and then what
/// their entries name, both in the order of the file: one that is packed is unpacked once for each.
pub(super) fn check(
    source: &dyn ReadAt,
    header: &Header,
    sector: u64,
    f: &mut Findings,
) -> Result<Option<u64>> {
    let Some(directory) = Directory::open(source, header, sector, f) else { return Ok(None) };
    let mut named = Named { source, grain: header.grain, count: 0, waiting: Vec::new() };
    let mut first = 0;
    while first < directory.len() {
        let tables = directory.tables(first, TABLES)?;
        named.read(&directory, &tables, f)?;
        first = first.saturating_add(TABLES);
    }
    named.compare(f)?;
    Ok(Some(named.count))
}

/// The entries of tables.
struct Named<'a> {
    source: &'a dyn ReadAt,
    /// Sectors of a grain.
    grain: u64,
    /// Entries so far.
    count: u64,
    /// Those that are not compared yet, at most [`WAITING`].
    waiting: Vec<Entry>,
}

/// An entry, ordered by the place that it names.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    /// Where the grain is said to stand.
    sector: u32,
    /// Where the table stands.
    table: u32,
    /// Number of the grain.
    number: u64,
}

impl Named<'_> {
    /// Reads the tables, each its sector and index, in order.
    fn read(&mut self, directory: &Directory<'_>, tables: &[(u32, u64)], f: &mut Findings) -> Result<()> {
        // Sector, index and entries of the last table that was there.
        let mut last: Option<(u32, u64, u64)> = None;
        for &(sector, index) in tables {
            if let Some((_, other, count)) = last.filter(|(last, ..)| *last == sector) {
                // Two may share a table of nothing. A name for each entry would be time without end.
                if count > 0 {
                    let text = format!("grain table {index} at sector {sector} is table {other}, too");
                    f.add(&rules::TABLE_ENTRY, Location::Offset(directory.place(index)), text);
                    self.count = self.count.saturating_add(count);
                }
                continue;
            }
            let Some(table) = directory.table(index, sector, f)? else { continue };
            if self.waiting.len() > WAITING.saturating_sub(TABLE_ENTRIES) {
                self.compare(f)?;
            }
            let before = self.waiting.len();
            self.waiting.extend(entries(&table).map(|(entry, named)| Entry {
                sector: named,
                table: sector,
                number: index.saturating_mul(ENTRIES).saturating_add(entry),
            }));
            let count = (self.waiting.len() - before) as u64;
            self.count = self.count.saturating_add(count);
            last = Some((sector, index, count));
        }
        Ok(())
    }

    /// Compares those that wait with what stands where they say.
    fn compare(&mut self, f: &mut Findings) -> Result<()> {
        self.waiting.sort_unstable();
        for entry in &self.waiting {
            let address = entry.number.saturating_mul(self.grain);
            let head = read(self.source, u64::from(entry.sector) * SECTOR_BYTES, 12)?;
            let met = match &head {
                Some(head) if le32(head, 8) > 0 && le64(head, 0) == address => continue,
                Some(head) if le32(head, 8) > 0 => format!("holds the grain of address {}", le64(head, 0)),
                Some(_) => "holds no grain".to_owned(),
                None => "does not lie inside the file".to_owned(),
            };
            let place = u64::from(entry.table) * SECTOR_BYTES + entry.number % ENTRIES * 4;
            let text =
                format!("the grain of address {address} is said at sector {}, which {met}", entry.sector);
            f.add(&rules::TABLE_ENTRY, Location::Offset(place), text);
        }
        self.waiting.clear();
        Ok(())
    }
}

/// Tables of which the places are known at once: those of 8 TiB in grains of 64 KiB.
const TABLES: u64 = 1 << 18;
/// Entries that are compared at once, 16 MiB of them: those of 64 GiB that are stored.
const WAITING: usize = 1 << 20;
const TABLE_ENTRIES: usize = 512;

//! What the tables of a stream say of its grains, read from the front to the back of the file.

use diskwright_core::{ReadAt, Result};

use crate::bytes::{le32, le64, read};
use crate::report::{Findings, Location};
use crate::rules::vmdk as rules;

use super::SECTOR_BYTES;
use super::header::Header;
use super::tables::{Directory, ENTRIES, TABLES, Table, entries};

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
        directory.visit(first, f, |table, f| named.put(table, directory.place(table.index), f))?;
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
    /// Adds the entries of a table, which the directory names at `place`.
    fn put(&mut self, table: &Table, place: u64, f: &mut Findings) -> Result<()> {
        self.count = self.count.saturating_add(table.count);
        if table.same_as.is_some() {
            // A name for each entry would be time without end.
            if let Some(text) = table.repeated() {
                f.add(&rules::TABLE_ENTRY, Location::Offset(place), text);
            }
            return Ok(());
        }
        if self.waiting.len() > WAITING.saturating_sub(TABLE_ENTRIES) {
            self.compare(f)?;
        }
        self.waiting.extend(entries(&table.bytes).map(|(entry, named)| Entry {
            sector: named,
            table: table.sector,
            number: table.index.saturating_mul(ENTRIES).saturating_add(entry),
        }));
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

/// Entries that are compared at once, 16 MiB of them: those of 64 GiB that are stored.
const WAITING: usize = 1 << 20;
const TABLE_ENTRIES: usize = 512;

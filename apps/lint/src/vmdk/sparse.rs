//! Monolithic sparse: grains as they are, tables twice.

use diskwright_core::{ReadAt, Result};
use sha2::{Digest, Sha256};

use crate::bytes::{NumberSet, le64};
use crate::report::{Findings, Location};
use crate::rules::vmdk as rules;

use super::SECTOR_BYTES;
use super::header::Header;
use super::tables::{Directory, TABLES, Table, entries};

/// Checks tables and places of grains.
pub(crate) fn check(source: &dyn ReadAt, header: &Header, f: &mut Findings) -> Result<()> {
    let Some(directory) = Directory::open(source, header, header.directory, f) else { return Ok(()) };
    let redundant = if header.is_redundant() {
        Directory::open(source, header, header.redundant_directory, f)
    } else {
        let text = "the file has one grain directory only";
        f.add(&rules::REDUNDANT, Location::Offset(8), text);
        None
    };
    let mut used = NumberSet::default();
    let mut first = 0;
    while first < directory.len() {
        let contents = contents(&directory, first, f, |table, f| {
            if table.same_as.is_some() {
                // A finding for each grain would be time without end.
                if let Some(text) = table.repeated() {
                    f.add(&rules::GRAIN_OVERLAP, Location::Offset(directory.place(table.index)), text);
                }
                return;
            }
            for (entry, grain) in entries(&table.bytes) {
                let place = Location::Offset(u64::from(table.sector) * SECTOR_BYTES + entry * 4);
                check_grain(source, header, u64::from(grain), place, &mut used, f);
            }
        })?;
        if let Some(redundant) = &redundant {
            let others = self::contents(redundant, first, f, |_, _| {})?;
            compare(&contents, &others, |index| redundant.place(first.saturating_add(index)), f);
        }
        first = first.saturating_add(TABLES);
    }
    Ok(())
}

/// Where a table stands, 0 if it is absent, and a digest of it.
type Content = (u32, u64);

/// What the entries from `first` on lead to; each is given to `visit`.
fn contents(
    directory: &Directory<'_>,
    first: u64,
    f: &mut Findings,
    mut visit: impl FnMut(&Table, &mut Findings),
) -> Result<Vec<Content>> {
    let count = directory.len().saturating_sub(first).min(TABLES);
    let mut contents: Vec<Content> = vec![(0, 0); usize::try_from(count).unwrap_or(0)];
    let mut last = 0;
    directory.visit(first, f, |table, f| {
        if table.same_as.is_none() {
            last = le64(&Sha256::digest(&table.bytes), 0);
        }
        let content = usize::try_from(table.index - first).ok().and_then(|at| contents.get_mut(at));
        if let Some(content) = content {
            *content = (table.sector, last);
        }
        visit(table, f);
        Ok(())
    })?;
    Ok(contents)
}

/// Checks that both directories lead to the same in different places; `place`: where the second one says so.
fn compare(contents: &[Content], others: &[Content], place: impl Fn(u64) -> u64, f: &mut Findings) {
    for (index, (one, other)) in (0..).zip(contents.iter().zip(others)) {
        let is_one_place = one.0 == other.0 && one.0 != 0;
        if (one.0 == 0) != (other.0 == 0) || is_one_place || one.1 != other.1 {
            let text = format!("the grain table at sector {} differs from that at sector {}", one.0, other.0);
            f.add(&rules::REDUNDANT, Location::Offset(place(index)), text);
        }
    }
}

fn check_grain(
    source: &dyn ReadAt,
    header: &Header,
    sector: u64,
    place: Location,
    used: &mut NumberSet,
    f: &mut Findings,
) {
    let end = sector * SECTOR_BYTES + header.grain_bytes();
    if sector < header.overhead || end > source.size() {
        let text = format!("a grain at sector {sector} lies in the overhead or outside of the file");
        f.add(&rules::GRAIN_RANGE, place, text);
        return;
    }
    if !sector.is_multiple_of(header.grain) {
        let text = format!("a grain at sector {sector} is not aligned to {} sectors", header.grain);
        f.add(&rules::GRAIN_ALIGNMENT, place, text);
    } else if !used.insert(sector / header.grain) {
        f.add(&rules::GRAIN_OVERLAP, place, format!("a second grain lies at sector {sector}"));
    }
}

//! Monolithic sparse: grains as they are, tables twice.

use diskwright_core::{ReadAt, Result};

use crate::bytes::NumberSet;
use crate::report::{Findings, Location};
use crate::rules::vmdk as rules;

use super::SECTOR_BYTES;
use super::header::Header;
use super::tables::{Directory, entries};

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
    for index in 0..directory.len() {
        let sector = directory.entry(index)?;
        let table = if sector == 0 { None } else { directory.table(index, sector, f)? };
        if let Some(redundant) = &redundant {
            let other = redundant.entry(index)?;
            let second = if other == 0 { None } else { redundant.table(index, other, f)? };
            if (sector == 0) != (other == 0) || (sector == other && sector != 0) || table != second {
                let text =
                    format!("grain table {index} at sector {sector} differs from that at sector {other}");
                f.add(&rules::REDUNDANT, Location::Offset(redundant.place(index)), text);
            }
        }
        for (entry, grain) in entries(table.as_deref().unwrap_or_default()) {
            let place = Location::Offset(u64::from(sector) * SECTOR_BYTES + entry * 4);
            check_grain(source, header, u64::from(grain), place, &mut used, f);
        }
    }
    Ok(())
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

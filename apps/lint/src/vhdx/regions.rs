//! The region tables: where metadata and block allocation table stand.

use diskwright_core::{ReadAt, Result};

use crate::bytes::{le32, le64, read, slice};
use crate::report::{Findings, Location};
use crate::rules::vhdx as rules;

use super::{Area, MIB, checksum, guid};

/// Places of what is not blocks.
pub(super) struct Regions {
    pub(super) table: Area,
    pub(super) metadata: Area,
    /// Those two, the headers, the log and other regions: in order, and those that touch or overlap as one.
    all: Vec<Area>,
}

impl Regions {
    /// Checks both tables; nothing if one of the regions cannot be looked at.
    ///
    /// # Reference
    /// MS-VHDX 2.2.3, "Region Table".
    pub(super) fn read(source: &dyn ReadAt, log: Option<Area>, f: &mut Findings) -> Result<Option<Self>> {
        let mut tables: Vec<(u64, Vec<u8>, bool)> = Vec::new();
        for at in PLACES {
            let Some(bytes) = read(source, at, LEN)? else {
                f.add(
                    &rules::TRUNCATED,
                    Location::Offset(source.size()),
                    "the file ends within its region tables",
                );
                return Ok(None);
            };
            let count = le32(&bytes, 8);
            if slice(&bytes, 0, 4) != b"regi" || count > MAX_ENTRIES {
                let text = format!(
                    "a region table begins with {:02x?} and has {count} entries",
                    slice(&bytes, 0, 4)
                );
                f.add(&rules::REGION_TABLE, Location::Offset(at), text);
                continue;
            }
            let (stored, computed) = (le32(&bytes, 4), checksum(&bytes));
            if stored != computed {
                let text =
                    format!("the table's checksum is {stored:#010x}, that of its bytes {computed:#010x}");
                f.add(&rules::REGION_CHECKSUM, Location::Offset(at + 4), text);
            }
            tables.push((at, bytes, stored == computed));
        }
        if let [(_, first, true), (at, second, true)] = &tables[..]
            && first != second
        {
            f.add(
                &rules::REGION_COPY,
                Location::Offset(*at),
                "the second region table differs from the first",
            );
        }
        let table = tables.iter().find(|(_, _, is_sound)| *is_sound).or(tables.first());
        Ok(table.and_then(|(at, bytes, _)| Self::parse(bytes, *at, source.size(), log, f)))
    }

    fn parse(bytes: &[u8], at: u64, size: u64, log: Option<Area>, f: &mut Findings) -> Option<Self> {
        let mut all = vec![Area { start: 0, len: MIB }];
        all.extend(log.filter(|log| log.is_sound(size)));
        let mut found: [Option<Area>; 2] = [None; 2];
        let mut seen: Vec<&[u8]> = Vec::new();
        for (place, entry) in (at + 16..).step_by(32).zip(entries(bytes)) {
            let id = slice(entry, 0, 16);
            let area = Area { start: le64(entry, 16), len: u64::from(le32(entry, 24)) };
            let known = IDS.iter().position(|known| known.as_slice() == id);
            if known.is_none() && le32(entry, 28) & 1 != 0 {
                let text = format!("a region of id {id:02x?} is required");
                f.add(&rules::REGION_UNKNOWN, Location::Offset(place), text);
            }
            if seen.contains(&id) || !area.is_sound(size) {
                let text = format!("a region of {:#x} bytes at {:#x}", area.len, area.start);
                f.add(&rules::REGION, Location::Offset(place), text);
                continue;
            }
            seen.push(id);
            if let Some(other) = all.iter().find(|other| other.overlaps(area)) {
                let text = format!("a region at {:#x} lies over what is at {:#x}", area.start, other.start);
                f.add(&rules::REGION_OVERLAP, Location::Offset(place), text);
            }
            all.push(area);
            if let Some(known) = known {
                found[known] = Some(area);
            }
        }
        for (name, area) in ["block allocation table", "metadata"].iter().zip(found) {
            if area.is_none() {
                let text = format!("there is no sound region of the {name}");
                f.add(&rules::REGION_MISSING, Location::Offset(at), text);
            }
        }
        let [table, metadata] = found;
        Some(Self { table: table?, metadata: metadata?, all: merged(all) })
    }

    /// Whether one of them lies over `area`. A table may have millions of blocks of which that is asked.
    pub(super) fn overlap(&self, area: Area) -> bool {
        let first = self.all.partition_point(|region| region.end() <= area.start);
        self.all.get(first).is_some_and(|region| region.overlaps(area))
    }
}

/// The same places as areas in order that lie apart.
fn merged(mut areas: Vec<Area>) -> Vec<Area> {
    areas.sort_unstable_by_key(|area| area.start);
    let mut merged: Vec<Area> = Vec::new();
    for area in areas {
        match merged.last_mut() {
            Some(last) if area.start <= last.end() => last.len = last.end().max(area.end()) - last.start,
            _ => merged.push(area),
        }
    }
    merged
}

fn entries(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let count = usize::try_from(le32(bytes, 8)).unwrap_or(0);
    bytes.get(16..).unwrap_or_default().chunks_exact(32).take(count)
}

const PLACES: [u64; 2] = [192 << 10, 256 << 10];
const LEN: usize = 64 << 10;
const MAX_ENTRIES: u32 = 2047;
/// Of the block allocation table and of the metadata.
const IDS: [[u8; 16]; 2] =
    [guid(0x2DC2_7766_F623_4200_9D64_115E_9BFD_4A08), guid(0x8B7C_A206_4790_4B9A_B8FE_575F_050F_886E)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_looked_up_as_places_in_order_that_lie_apart() {
        let area = |start: u64, len: u64| Area { start: start * MIB, len: len * MIB };
        // One after the other, one inside of another, two that overlap, and one alone.
        let all = vec![area(20, 1), area(0, 1), area(5, 6), area(1, 1), area(7, 1), area(10, 3)];
        let regions = Regions { table: all[0], metadata: all[1], all: merged(all.clone()) };
        assert_eq!(regions.all, [area(0, 2), area(5, 8), area(20, 1)]);
        for (start, len) in (0..24).flat_map(|start| (1..6).map(move |len| (start, len))) {
            let block = area(start, len);
            let expected = all.iter().any(|region| region.overlaps(block));
            assert_eq!(regions.overlap(block), expected, "{len} MiB at {start} MiB");
        }
    }
}

//! Tables of a monolithic sparse extent: two copies, each a directory and its tables.

use diskwright_core::Result;

use super::{DESCRIPTOR_SECTORS, GRAIN_SECTORS, Header, SECTOR, TABLE_LEN, TABLE_SECTORS, cut_off};
use crate::bytes::{len, u32_le};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;
use crate::runs::Runs;

/// The sector of each grain.
pub(super) fn grains(file: &dyn Disk, header: &Header, findings: &mut Findings) -> Result<Vec<u32>> {
    let copy = header.directory_sectors() + header.tables() * TABLE_SECTORS;
    let first = 1 + DESCRIPTOR_SECTORS;
    let starts = [
        ("redundant directory", header.redundant_directory, first),
        ("directory", header.directory, first + copy),
    ];
    for (name, found, wanted) in starts {
        findings.equal("vmdk-header", "header", 0, (name, found, wanted));
    }
    let tables_end = first + 2 * copy;
    let overhead = tables_end.next_multiple_of(GRAIN_SECTORS);
    findings.equal("vmdk-header", "header", 64, ("overHead", header.overhead, overhead));
    if overhead * SECTOR > file.size() {
        return Err(cut_off("a grain table", overhead * SECTOR));
    }
    let mut grains = Vec::new();
    for (name, start) in [("redundant directory", first), ("directory", first + copy)] {
        let own = read_copy(file, header, start, name, findings)?;
        if grains.is_empty() {
            grains = own;
        } else if let Some(at) = (0..own.len()).find(|at| own.get(*at) != grains.get(*at)) {
            let place = (start + header.directory_sectors()) * SECTOR + crate::bytes::len64(at) * 4;
            let shown = |of: &[u32]| of.get(at).map_or(String::new(), u32::to_string);
            findings.add("vmdk-table", format!("grain {at}"), Some(place), shown(&grains), shown(&own));
        }
    }
    expect_zeros(file, tables_end * SECTOR, overhead * SECTOR, ("vmdk-gap", "after the tables"), findings)?;
    check_grains(file, &grains, overhead, findings)?;
    Ok(grains)
}

fn read_copy(
    file: &dyn Disk,
    header: &Header,
    start: u64,
    name: &str,
    findings: &mut Findings,
) -> Result<Vec<u32>> {
    let tables = start + header.directory_sectors();
    let directory = read(file, start * SECTOR, len(header.directory_sectors() * SECTOR))?;
    for (at, entry) in (0..).zip(directory.chunks_exact(4)) {
        let wanted = if at < header.tables() { tables + at * TABLE_SECTORS } else { 0 };
        let found = u64::from(u32_le(entry, 0));
        findings.equal("vmdk-table", name, start * SECTOR + 4 * at, ("table at sector", found, wanted));
    }
    let bytes = read(file, tables * SECTOR, len(header.tables() * TABLE_SECTORS * SECTOR))?;
    let mut grains: Vec<u32> = bytes.chunks_exact(4).map(|entry| u32_le(entry, 0)).collect();
    let past = grains.split_off(len(header.grains()).min(grains.len()));
    if past.iter().any(|entry| *entry != 0) {
        findings.add("vmdk-table", name, Some(tables * SECTOR), "nothing past the disk's end", "a grain");
    }
    debug_assert_eq!(TABLE_LEN * 4, TABLE_SECTORS * SECTOR);
    Ok(grains)
}

/// Grains stand one after the other in the disk's order, and fill the file.
fn check_grains(file: &dyn Disk, grains: &[u32], overhead: u64, findings: &mut Findings) -> Result<()> {
    let mut taken = Runs::default();
    let stored = grains.iter().filter(|sector| **sector != 0);
    for (at, sector) in stored.enumerate() {
        let wanted = overhead + crate::bytes::len64(at) * GRAIN_SECTORS;
        let sector = u64::from(*sector);
        if (sector + GRAIN_SECTORS) * SECTOR > file.size() {
            return Err(cut_off("a grain", sector * SECTOR));
        }
        if sector != wanted || taken.take(sector, GRAIN_SECTORS).is_err() {
            findings.add(
                "vmdk-table",
                format!("stored grain {at}"),
                None,
                format!("sector {wanted}"),
                format!("sector {sector}"),
            );
            break;
        }
    }
    let end = (overhead + taken.count(0, u64::MAX)) * SECTOR;
    if end != file.size() {
        let found = format!("{} bytes", file.size());
        findings.add("vmdk-header", "file", Some(end), format!("{end} bytes"), found);
    }
    Ok(())
}

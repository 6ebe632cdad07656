//! VHD: dynamic and fixed.
//!
//! # Reference
//! Microsoft, Virtual Hard Disk Image Format Specification 1.0.

use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, Result};

use super::Made;
use super::blocks::Blocks;
use super::section::Section;
use super::{check_size, cut_off, expect_bytes};
use crate::bytes::{len, put, u32_be, u64_be};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;

/// Whether a file is of this kind, by its head or its last sector.
///
/// # Errors
/// `ErrorKind::Source` when it cannot be read.
pub(super) fn is_vhd(file: &dyn Disk, head: &[u8]) -> Result<bool> {
    Ok(head.starts_with(COOKIE) || last_sector(file)?.starts_with(COOKIE))
}

/// The disk in a VHD file.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off; `ErrorKind::Unsupported` for a disk larger than VHD has.
pub(super) fn open(
    file: Arc<dyn Disk>,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    let size = machine.size();
    if size == 0 || size > LARGEST {
        return Err(Error::new(ErrorKind::Unsupported, format!("no VHD is of a disk of {size} bytes")));
    }
    let last = last_sector(file.as_ref())?;
    let is_copy = file.size() >= FOOTER && read(file.as_ref(), 0, COOKIE.len())? == COOKIE;
    let is_dynamic = is_copy || (file.size() != size.saturating_add(FOOTER) && u32_be(&last, 60) == DYNAMIC);
    if is_dynamic {
        return open_dynamic(file, size, machine, findings);
    }
    if last.starts_with(COOKIE) {
        check_size(u64_be(&last, 48), machine)?;
    }
    check_footer(file.as_ref(), size, &footer(size, FIXED, machine), findings)?;
    Ok(Arc::new(Section { file, start: 0, size }))
}

fn open_dynamic(
    file: Arc<dyn Disk>,
    size: u64,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    let entries = size.div_ceil(BLOCK);
    let table_end = TABLE + (4 * entries).next_multiple_of(SECTOR);
    // Data begins at whole pages, right behind its bitmap.
    let start = (table_end + BITMAP).next_multiple_of(PAGE);
    if start - BITMAP > file.size() {
        return Err(cut_off("the block allocation table", table_end));
    }
    let footer = footer(size, DYNAMIC, machine);
    let copy = read(file.as_ref(), 0, len(FOOTER))?;
    check_size(u64_be(&copy, 48), machine)?;
    expect_bytes((&copy, &footer), 0, ("vhd-footer", "footer's copy"), findings);
    let header = read(file.as_ref(), FOOTER, len(HEADER))?;
    expect_bytes((&header, &dynamic_header(entries)), FOOTER, ("vhd-header", "dynamic header"), findings);
    let disk = read_table(&file, size, start, findings)?;
    expect_zeros(
        file.as_ref(),
        table_end,
        start - BITMAP,
        ("vhd-gap", "after the block allocation table"),
        findings,
    )?;
    let stored = disk.stored();
    let end = if stored == 0 { start - BITMAP } else { start + (stored - 1) * STRIDE + BLOCK };
    // The footer shows whether the file reaches over the last block, too.
    check_footer(file.as_ref(), end, &footer, findings)?;
    for place in 0..stored {
        check_bitmap(file.as_ref(), start + place * STRIDE, place == 0, findings)?;
    }
    disk.check_tail("vhd-gap", findings)?;
    Ok(Arc::new(disk))
}

/// Stored blocks stand one after the other in the disk's order; what the table has behind its entries is filled with ones.
///
/// # Reference
/// "Block Allocation Table and Data Blocks".
fn read_table(file: &Arc<dyn Disk>, size: u64, start: u64, findings: &mut Findings) -> Result<Blocks> {
    let entries = size.div_ceil(BLOCK);
    let table = read(file.as_ref(), TABLE, len((4 * entries).next_multiple_of(SECTOR)))?;
    let (table, padding) = table.split_at(len(4 * entries).min(table.len()));
    let ones = vec![0xff; padding.len()];
    let end = TABLE + 4 * entries;
    expect_bytes((padding, &ones), end, ("vhd-table", "end of the block allocation table"), findings);
    let mut disk = Blocks::new(Arc::clone(file), size, BLOCK)?;
    let mut wanted = start;
    for (at, entry) in (0_u64..).zip(table.chunks_exact(4)) {
        let sector = u32_be(entry, 0);
        if sector == ABSENT {
            disk.push(0);
            continue;
        }
        let data = u64::from(sector) * SECTOR + BITMAP;
        let name = format!("block {at}");
        let sectors = |data: u64| (data - BITMAP) / SECTOR;
        let field = ("bitmap at sector", sectors(data), sectors(wanted));
        findings.equal("vhd-table", &name, TABLE + 4 * at, field);
        if data + BLOCK > file.size() {
            return Err(cut_off(&name, data));
        }
        disk.push(data);
        wanted += STRIDE;
    }
    Ok(disk)
}

/// All sectors of a stored block are there, whose data are at `data`; before the bitmap nothing stands up to the block before.
fn check_bitmap(file: &dyn Disk, data: u64, is_first: bool, findings: &mut Findings) -> Result<()> {
    let at = data - BITMAP;
    if !is_first {
        expect_zeros(file, data - (STRIDE - BLOCK), at, ("vhd-gap", "before a bitmap"), findings)?;
    }
    let found = read(file, at, len(BITMAP))?;
    expect_bytes((&found, &vec![0xff; len(BITMAP)]), at, ("vhd-bitmap", "bitmap"), findings);
    Ok(())
}

/// The footer stands at `at`, and nothing behind it.
fn check_footer(file: &dyn Disk, at: u64, footer: &[u8], findings: &mut Findings) -> Result<()> {
    let end = at.saturating_add(FOOTER);
    if end > file.size() {
        return Err(cut_off("the footer", at));
    }
    if end != file.size() {
        let found = format!("{} bytes", file.size());
        findings.add("vhd-footer", "file", Some(end), format!("{end} bytes"), found);
    }
    let found = read(file, at, len(FOOTER))?;
    expect_bytes((&found, footer), at, ("vhd-footer", "footer"), findings);
    Ok(())
}

/// # Reference
/// "Hard Disk Footer Format".
fn footer(size: u64, kind: u32, machine: &Made<'_>) -> Vec<u8> {
    let mut to = vec![0; len(FOOTER)];
    put(&mut to, 0, COOKIE);
    // A reserved bit that is always set; version 1.0.
    put(&mut to, 8, &[0, 0, 0, 2, 0, 1, 0, 0]);
    let next = if kind == DYNAMIC { FOOTER } else { u64::MAX };
    put(&mut to, 16, &next.to_be_bytes());
    let since_2000 = machine.report.timestamp.saturating_sub(YEAR_2000).max(0);
    put(&mut to, 24, &u32::try_from(since_2000).unwrap_or(u32::MAX).to_be_bytes());
    put(&mut to, 28, b"win \x00\x0a\x00\x00Wi2k");
    put(&mut to, 40, &size.to_be_bytes());
    put(&mut to, 48, &size.to_be_bytes());
    put(&mut to, 56, &geometry(size / SECTOR));
    put(&mut to, 60, &kind.to_be_bytes());
    put(&mut to, 68, machine.uuid(&machine.own_label("vhd")).as_bytes());
    put_checksum(&mut to, 64);
    to
}

/// # Reference
/// "Dynamic Disk Header Format".
fn dynamic_header(entries: u64) -> Vec<u8> {
    let mut to = vec![0; len(HEADER)];
    put(&mut to, 0, b"cxsparse");
    put(&mut to, 8, &u64::MAX.to_be_bytes());
    put(&mut to, 16, &TABLE.to_be_bytes());
    put(&mut to, 24, &[0, 1, 0, 0]);
    put(&mut to, 28, &u32::try_from(entries).unwrap_or(u32::MAX).to_be_bytes());
    put(&mut to, 32, &[0, 0x20, 0, 0]);
    put_checksum(&mut to, 36);
    to
}

/// The complement of the sum of all bytes, of which those of the checksum are zero.
fn put_checksum(structure: &mut [u8], at: usize) {
    let sum = structure.iter().map(|byte| u32::from(*byte)).fold(0, u32::wrapping_add);
    put(structure, at, &(!sum).to_be_bytes());
}

/// Cylinders, heads and sectors of a track as the footer has them.
///
/// # Reference
/// Appendix "CHS Calculation".
fn geometry(sectors: u64) -> [u8; 4] {
    let total = sectors.min(65_535 * 16 * 255);
    let (per_track, heads) = if total >= 65_535 * 16 * 63 {
        (255, 16)
    } else {
        let heads = (total / 17).div_ceil(1024).max(4);
        if heads <= 16 && total / 17 < heads * 1024 {
            (17, heads)
        } else if total / 31 < 16 * 1024 {
            (31, 16)
        } else {
            (63, 16)
        }
    };
    let [.., high, low] = (total / per_track / heads).to_be_bytes();
    let byte = |number: u64| u8::try_from(number).unwrap_or(u8::MAX);
    [high, low, byte(heads), byte(per_track)]
}

fn last_sector(file: &dyn Disk) -> Result<Vec<u8>> {
    match file.size().checked_sub(FOOTER) {
        Some(at) => read(file, at, len(FOOTER)),
        None => Ok(Vec::new()),
    }
}

const COOKIE: &[u8] = b"conectix";
const FIXED: u32 = 2;
const DYNAMIC: u32 = 3;
const SECTOR: u64 = 512;
const FOOTER: u64 = 512;
const HEADER: u64 = 1024;
/// Where the block allocation table stands.
const TABLE: u64 = 1536;
const BLOCK: u64 = 2 << 20;
const BITMAP: u64 = 512;
const PAGE: u64 = 4096;
/// From one block's data to the next.
const STRIDE: u64 = BLOCK + PAGE;
/// The entry of a block that is not stored.
const ABSENT: u32 = u32::MAX;
const LARGEST: u64 = 2040 << 30;
/// 2000-01-01T00:00:00Z.
const YEAR_2000: i64 = 946_684_800;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometry_is_that_of_the_specification() {
        let of = |size: u64| {
            let [high, low, heads, sectors] = geometry(size >> 9);
            (u16::from_be_bytes([high, low]), heads, sectors)
        };
        assert_eq!(of(64 << 20), (963, 8, 17));
        assert_eq!(of(1 << 30), (2080, 16, 63));
        assert_eq!(of(10 << 30), (20_805, 16, 63));
        assert_eq!(of(40 << 30), (20_560, 16, 255));
        assert_eq!(of(1 << 40), (65_535, 16, 255));
    }
}

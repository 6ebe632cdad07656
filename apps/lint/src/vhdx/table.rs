//! The block allocation table.

use diskwright_core::{ReadAt, Result};

use crate::bytes::{NumberSet, each_entry};
use crate::report::{Findings, Location};
use crate::rules::vhdx as rules;

use super::metadata::Metadata;
use super::regions::Regions;
use super::{Area, MIB};

/// Checks every entry.
///
/// # Reference
/// MS-VHDX 2.5, "Block Allocation Table".
pub(super) fn check(
    source: &dyn ReadAt,
    regions: &Regions,
    metadata: &Metadata,
    f: &mut Findings,
) -> Result<()> {
    let blocks = metadata.size.div_ceil(metadata.block);
    // Behind the entries of so many blocks stands one of a bitmap, which disks without parent do not have.
    let ratio = (SECTORS * metadata.sector / metadata.block).max(1);
    let entries = blocks + blocks.saturating_sub(1) / ratio;
    let region = regions.table;
    if entries * 8 > region.len {
        let text = format!("the table has {:#x} bytes for {entries} entries", region.len);
        f.add(&rules::TABLE_LENGTH, Location::Offset(region.start), text);
    }
    let end = region.start + (entries * 8).min(region.len);
    let mut table = Table { regions, metadata, size: source.size(), used: NumberSet::default(), absent: 0 };
    each_entry(source, region.start, end, |at, bytes| {
        let index = (at - region.start) / 8;
        let is_bitmap = index % (ratio + 1) == ratio;
        table.check_entry(u64::from_le_bytes(bytes), is_bitmap, at, f);
        Ok(())
    })?;
    if metadata.is_fixed && table.absent > 0 {
        let text = format!("a fixed disk has {} of {blocks} blocks not in the file", table.absent);
        f.add(&rules::FIXED, Location::Offset(metadata.parameters + 4), text);
    }
    Ok(())
}

struct Table<'a> {
    regions: &'a Regions,
    metadata: &'a Metadata,
    /// Bytes of the file.
    size: u64,
    /// The MiB of the file in which there are blocks.
    used: NumberSet,
    absent: u64,
}

impl Table<'_> {
    fn check_entry(&mut self, entry: u64, is_bitmap: bool, at: u64, f: &mut Findings) {
        let (state, place) = (entry & 7, Location::Offset(at));
        let is_known = if is_bitmap { state == 0 } else { matches!(state, 0..=3 | PRESENT) };
        if !is_known || entry & RESERVED != 0 {
            let kind = if is_bitmap { "a bitmap" } else { "a block" };
            f.add(&rules::TABLE_ENTRY, place, format!("the entry of {kind} is {entry:#x}"));
            return;
        }
        if state != PRESENT {
            self.absent += u64::from(!is_bitmap);
            return;
        }
        let block = Area { start: entry & !0xf_ffff, len: self.metadata.block };
        if block.end() > self.size.min(MAX_FILE) || self.regions.overlap(block) {
            let text = format!("a block at {:#x} lies outside of the file or over its tables", block.start);
            f.add(&rules::BLOCK_RANGE, place, text);
            return;
        }
        let first = block.start / MIB;
        let mut is_new = true;
        for number in first..first + block.len / MIB {
            is_new &= self.used.insert(number);
        }
        if !is_new {
            let text = format!("the block at {:#x} lies over another", block.start);
            f.add(&rules::BLOCK_OVERLAP, place, text);
        }
    }
}

/// Of each bitmap.
const SECTORS: u64 = 1 << 23;
/// `PAYLOAD_BLOCK_FULLY_PRESENT`
const PRESENT: u64 = 6;
const RESERVED: u64 = 0xf_fff8;
/// Twice the largest disk: what lies behind is not remembered.
const MAX_FILE: u64 = 128 << 40;

//! L1, L2 and the data they name.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use diskwright_core::{ReadAt, Result};

use crate::bytes::{be64, each_entry, read, read_up_to};
use crate::deflate_reach::reach;
use crate::inflate::{Decoded, deflate, zstd};
use crate::report::{Findings, Location};
use crate::rules::qcow2 as rules;

use super::header::Header;
use super::refcounts::Refcounts;

/// Something that uses clusters of the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    /// An entry of the L1 table, which stands at `at`.
    Table { at: u64, entry: u64 },
    /// An entry of an L2 table, which stands at `at`.
    Data { at: u64, entry: u64 },
}

impl Use {
    /// Half-open range of bytes that the entry uses; none if it uses nothing or is damaged.
    pub(crate) fn range(self, header: &Header) -> Option<(u64, u64)> {
        match self {
            Self::Data { entry, .. } if entry & COMPRESSED != 0 => Some(compressed_range(entry, header)),
            Self::Data { .. } if header.is_external => None,
            Self::Table { entry, .. } | Self::Data { entry, .. } => {
                let offset = entry & OFFSET;
                (offset != 0).then(|| (offset, offset + header.cluster))
            }
        }
    }
}

/// Visits every entry that is not zero, each L2 table once.
pub(crate) fn walk(
    source: &dyn ReadAt,
    header: &Header,
    visit: &mut dyn FnMut(Use) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    let step = usize::try_from(header.entry).unwrap_or(8);
    let end = header.l1.saturating_add(header.l1_entries * 8);
    each_entry(source, header.l1, end, |at, bytes| {
        let entry = u64::from_be_bytes(bytes);
        if entry == 0 || visit(Use::Table { at, entry })?.is_break() {
            return Ok(());
        }
        let offset = entry & OFFSET;
        if !seen.insert(offset) {
            return Ok(());
        }
        let length = usize::try_from(header.cluster).unwrap_or(0);
        let table = read(source, offset, length)?.unwrap_or_default();
        for (at, bytes) in (offset..).step_by(step).zip(table.chunks_exact(step)) {
            let entry = be64(bytes, 0);
            if entry != 0 {
                // Nothing is below data.
                let _ = visit(Use::Data { at, entry })?;
            }
        }
        Ok(())
    })
}

/// Checks every entry and decodes all that is compressed.
pub(crate) fn check(
    source: &dyn ReadAt,
    header: &Header,
    refcounts: &mut Refcounts<'_>,
    f: &mut Findings,
) -> Result<()> {
    let mut tables = BTreeSet::new();
    walk(source, header, &mut |used| match used {
        Use::Table { at, entry } => {
            let offset = entry & OFFSET;
            let is_right = entry & RESERVED_L1 == 0
                && offset != 0
                && offset.is_multiple_of(header.cluster)
                && offset.saturating_add(header.cluster) <= source.size()
                && tables.insert(offset);
            if !is_right {
                let text = format!("the entry {entry:#018x} names no L2 table of its own");
                f.add(&rules::L2_TABLE, Location::Offset(at), text);
                return Ok(ControlFlow::Break(()));
            }
            check_copied(header, refcounts, at, entry, f)?;
            Ok(ControlFlow::Continue(()))
        }
        Use::Data { at, entry } => {
            if entry & COMPRESSED != 0 {
                check_compressed(source, header, at, entry, f)?;
            } else {
                check_data(source, header, refcounts, at, entry, f)?;
            }
            Ok(ControlFlow::Continue(()))
        }
    })
}

fn check_data(
    source: &dyn ReadAt,
    header: &Header,
    refcounts: &mut Refcounts<'_>,
    at: u64,
    entry: u64,
    f: &mut Findings,
) -> Result<()> {
    let offset = entry & OFFSET;
    let is_zero = entry & ZERO != 0;
    let has_reserved = entry & RESERVED_L2 != 0 || (is_zero && header.version == 2);
    // Readers take what is missing of the last cluster for zeros.
    let end = source.size().next_multiple_of(header.cluster);
    let is_inside = offset.is_multiple_of(header.cluster) && offset.saturating_add(header.cluster) <= end;
    if has_reserved || (!header.is_external && !is_inside) {
        let text = format!("the entry {entry:#018x} names no cluster of the file");
        f.add(&rules::CLUSTER_OFFSET, Location::Offset(at), text);
        return Ok(());
    }
    if offset != 0 && !header.is_external {
        check_copied(header, refcounts, at, entry, f)?;
    }
    Ok(())
}

fn check_copied(
    header: &Header,
    refcounts: &mut Refcounts<'_>,
    at: u64,
    entry: u64,
    f: &mut Findings,
) -> Result<()> {
    let cluster = (entry & OFFSET) / header.cluster;
    if let Some(count) = refcounts.stored(cluster)?
        && (entry & COPIED != 0) != (count == 1)
    {
        let text = format!("the entry {entry:#018x} names a cluster of refcount {count}");
        f.add(&rules::COPIED_FLAG, Location::Offset(at), text);
    }
    Ok(())
}

fn check_compressed(
    source: &dyn ReadAt,
    header: &Header,
    at: u64,
    entry: u64,
    f: &mut Findings,
) -> Result<()> {
    let place = Location::Offset(at);
    if entry & COPIED != 0 {
        let text = format!("the entry {entry:#018x} of compressed data has bit 63 set");
        f.add(&rules::COPIED_FLAG, place.clone(), text);
    }
    let start = compressed_start(entry, header);
    let (_, end) = compressed_range(entry, header);
    if start == 0 || start >= source.size() || end > source.size().next_multiple_of(header.cluster) {
        let text = format!("compressed data from {start:#x} to {end:#x} is not inside the file");
        f.add(&rules::COMPRESSED_RANGE, place, text);
        return Ok(());
    }
    let full = usize::try_from(header.cluster).unwrap_or(0);
    let data = read_up_to(source, start, usize::try_from(end - start).unwrap_or(0))?;
    let is_full =
        |decoded| matches!(decoded, Decoded::Ended { len, .. } | Decoded::Cut { len } if len == full);
    let decoded = if header.is_zstd { zstd(&data, full) } else { deflate(&data, full) };
    if is_full(decoded) {
        let farthest = if header.is_zstd { None } else { reach(&data, full) };
        if farthest.is_some_and(|farthest| farthest > WINDOW) {
            let text = format!("the data at {start:#x} reaches back {} bytes", farthest.unwrap_or(0));
            f.add(&rules::COMPRESSED_WINDOW, place, text);
        }
        return Ok(());
    }
    let text = format!("the data at {start:#x} does not decode to a cluster of {full} bytes");
    f.add(&rules::COMPRESSED_DATA, place, text);
    Ok(())
}

fn compressed_start(entry: u64, header: &Header) -> u64 {
    entry & ((1 << split(header)) - 1)
}

/// Whole sectors: that is how the references to compressed data are counted.
fn compressed_range(entry: u64, header: &Header) -> (u64, u64) {
    let split = split(header);
    let more = (entry & (COMPRESSED - 1)) >> split;
    let start = compressed_start(entry, header) & !511;
    (start, start + (more + 1) * 512)
}

/// Bits of the offset in the entry of compressed data.
fn split(header: &Header) -> u32 {
    62 - (header.cluster_bits - 8)
}

const COPIED: u64 = 1 << 63;
const COMPRESSED: u64 = 1 << 62;
const ZERO: u64 = 1;
const OFFSET: u64 = ((1 << 56) - 1) & !511;
const RESERVED_L1: u64 = !(COPIED | OFFSET);
const RESERVED_L2: u64 = !(COPIED | COMPRESSED | OFFSET | ZERO);
/// Bytes that a reader which streams remembers.
const WINDOW: usize = 4096;

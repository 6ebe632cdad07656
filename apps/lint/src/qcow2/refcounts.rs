//! Refcounts as stored, and as counted.

use std::ops::ControlFlow;

use diskwright_core::{ReadAt, Result};

use crate::bytes::{be64, read};
use crate::report::{Findings, Location};
use crate::rules::qcow2 as rules;

use super::clusters::walk;
use super::header::Header;

/// The refcounts of an image, of which the table and one block are in memory.
pub(crate) struct Refcounts<'a> {
    source: &'a dyn ReadAt,
    header: &'a Header,
    /// The table, unless it cannot be read: read once, not an entry at a time for every window.
    table: Option<Vec<u8>>,
    block: Option<(u64, Vec<u8>)>,
}

impl<'a> Refcounts<'a> {
    /// Checks the table and the places of its blocks.
    pub(crate) fn new(source: &'a dyn ReadAt, header: &'a Header, f: &mut Findings) -> Result<Self> {
        let length = header.refcount_clusters * header.cluster;
        let start = header.refcount_table;
        let end = start.checked_add(length);
        let is_readable = start != 0
            && start.is_multiple_of(header.cluster)
            && (1..=MAX_TABLE).contains(&length)
            && end.is_some_and(|end| end <= source.size());
        if !is_readable {
            let text = format!("the refcount table has {length} bytes at {start:#x}");
            f.add(&rules::REFCOUNT_TABLE, Location::Offset(48), text);
        }
        let length = usize::try_from(length).unwrap_or(0);
        let table = if is_readable { read(source, start, length)? } else { None };
        let refcounts = Self { source, header, table, block: None };
        for index in 0..refcounts.blocks() {
            let offset = refcounts.block_offset(index);
            let end = offset.checked_add(header.cluster);
            let is_inside = end.is_some_and(|end| end <= source.size());
            if offset != 0 && (!offset.is_multiple_of(header.cluster) || !is_inside) {
                let place = Location::Offset(start + index * 8);
                f.add(&rules::REFCOUNT_TABLE, place, format!("a refcount block stands at {offset:#x}"));
            }
        }
        Ok(refcounts)
    }

    /// The stored refcount of a cluster, if it can be read.
    pub(crate) fn stored(&mut self, cluster: u64) -> Result<Option<u64>> {
        if self.table.is_none() {
            return Ok(None);
        }
        let per_block = self.per_block();
        let (index, within) = (cluster / per_block, cluster % per_block);
        if index >= self.blocks() {
            return Ok(Some(0));
        }
        if self.block.as_ref().is_none_or(|(known, _)| *known != index) {
            let offset = self.block_offset(index);
            let length = usize::try_from(self.header.cluster).unwrap_or(0);
            let bytes = if offset == 0 { Some(Vec::new()) } else { read(self.source, offset, length)? };
            let Some(bytes) = bytes else { return Ok(None) };
            self.block = Some((index, bytes));
        }
        let bytes = self.block.as_ref().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
        Ok(Some(count(bytes, within, self.header.refcount_order)))
    }

    /// Counts every reference, a window of clusters at a time, and compares.
    pub(crate) fn compare(&mut self, f: &mut Findings) -> Result<()> {
        let clusters = self.source.size().div_ceil(self.header.cluster);
        let mut first = 0;
        while first < clusters {
            let end = clusters.min(first + WINDOW);
            let counts = self.counted(first, end)?;
            for (cluster, counted) in (first..).zip(counts) {
                let Some(stored) = self.stored(cluster)? else { return Ok(()) };
                let counted = u64::from(counted);
                let rule = match stored.cmp(&counted) {
                    std::cmp::Ordering::Equal => continue,
                    std::cmp::Ordering::Less => &rules::REFCOUNT,
                    std::cmp::Ordering::Greater => &rules::LEAK,
                };
                let place = Location::Offset(cluster * self.header.cluster);
                f.add(rule, place, format!("the cluster has the refcount {stored} and {counted} references"));
            }
            first = end;
        }
        Ok(())
    }

    /// References to the clusters of a window.
    fn counted(&self, first: u64, end: u64) -> Result<Vec<u32>> {
        let cluster = self.header.cluster;
        let mut counts = vec![0_u32; usize::try_from(end - first).unwrap_or(0)];
        let mut add = |start: u64, stop: u64| {
            for number in (start / cluster).max(first)..stop.div_ceil(cluster).min(end) {
                if let Some(count) = usize::try_from(number - first).ok().and_then(|at| counts.get_mut(at)) {
                    *count = count.saturating_add(1);
                }
            }
        };
        add(0, cluster);
        add(self.header.l1, self.header.l1.saturating_add((self.header.l1_entries * 8).max(1)));
        let table = self.header.refcount_table;
        add(table, table.saturating_add(self.header.refcount_clusters * cluster));
        for index in 0..self.blocks() {
            let offset = self.block_offset(index);
            if offset != 0 {
                add(offset, offset.saturating_add(cluster));
            }
        }
        walk(self.source, self.header, &mut |used| {
            if let Some((start, stop)) = used.range(self.header) {
                add(start, stop);
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(counts)
    }

    /// The number of blocks that the table can name.
    fn blocks(&self) -> u64 {
        self.table.as_ref().map_or(0, |_| self.header.refcount_clusters * self.header.cluster / 8)
    }

    fn block_offset(&self, index: u64) -> u64 {
        let table = self.table.as_deref().unwrap_or_default();
        be64(table, usize::try_from(index.saturating_mul(8)).unwrap_or(usize::MAX)) & !511
    }

    /// Refcounts in a block.
    fn per_block(&self) -> u64 {
        (self.header.cluster * 8) >> self.header.refcount_order
    }
}

/// Refcount `index` of a block; big-endian from 8 bits up, from the low bits up within a byte below.
fn count(block: &[u8], index: u64, order: u32) -> u64 {
    let bits = 1_u64 << order;
    let at = usize::try_from(index.saturating_mul(bits) / 8).unwrap_or(usize::MAX);
    if bits < 8 {
        let byte = block.get(at).copied().map_or(0, u64::from);
        return (byte >> (index * bits % 8)) & ((1 << bits) - 1);
    }
    let length = usize::try_from(bits / 8).unwrap_or(0);
    crate::bytes::slice(block, at, length).iter().fold(0, |value, byte| (value << 8) | u64::from(*byte))
}

/// 8 MiB, as in QEMU.
const MAX_TABLE: u64 = 8 << 20;
/// Clusters that are counted in one walk: 16 MiB of counters.
const WINDOW: u64 = 4 << 20;

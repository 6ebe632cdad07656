#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::{Error, ErrorKind, Result};

use crate::cluster::{ClusterBits, used_once};
use crate::encode;

/// Where the disk's clusters are: the L2 table that is being filled, and L1, which names those before it.
///
/// Clusters come in disk order, so one L2 table at a time is enough.
pub(crate) struct Mapping {
    bits: ClusterBits,
    l1: Vec<u64>,
    /// Which L2 table `entries` are.
    open: Option<u64>,
    entries: Vec<u64>,
}

impl Mapping {
    /// # Errors
    /// `ErrorKind::Internal` for a disk that a plan should have refused.
    pub(crate) fn new(bits: ClusterBits, size: u64) -> Result<Self> {
        let l1 = vec![0; length(l1_len(bits, size))?];
        Ok(Self { bits, l1, open: None, entries: vec![0; length(bits.table_entries())?] })
    }

    /// Whether `cluster` of the disk belongs to another L2 table than the one that is being filled.
    pub(crate) fn is_left_by(&self, cluster: u64) -> bool {
        self.open.is_some_and(|open| open != self.table_of(cluster))
    }

    /// Says where `cluster` of the disk is.
    pub(crate) fn set(&mut self, cluster: u64, entry: u64) -> Result<()> {
        let table = self.table_of(cluster);
        let at = cluster.checked_rem(self.bits.table_entries()).unwrap_or(0);
        self.open = Some(table);
        *self.entries.get_mut(length(at)?).ok_or_else(past_the_end)? = entry;
        Ok(())
    }

    /// The L2 table that is being filled, if there is one, as it goes into the file.
    pub(crate) fn open_table(&self) -> Option<Vec<u8>> {
        self.open.map(|_| encode::table(&self.entries, self.bits))
    }

    /// Ends the L2 table that is being filled: it stands at host `offset`.
    pub(crate) fn close(&mut self, offset: u64) -> Result<()> {
        if let Some(open) = self.open.take() {
            *self.l1.get_mut(length(open)?).ok_or_else(past_the_end)? = used_once(offset);
            self.entries.fill(0);
        }
        Ok(())
    }

    /// L1, as it goes into the file.
    pub(crate) fn l1(&self) -> Vec<u8> {
        encode::table(&self.l1, self.bits)
    }

    fn table_of(&self, cluster: u64) -> u64 {
        cluster.checked_div(self.bits.table_entries()).unwrap_or(0)
    }
}

/// How often each host cluster is used: the counts of the refcount block that is being filled and of what follows it,
/// and the table of the blocks before it.
pub(crate) struct Refcounts {
    bits: ClusterBits,
    /// Host offsets of the blocks that are placed, and of one block more while it is being placed.
    table: Vec<u64>,
    /// Number of the first cluster that `counts` count.
    first: u64,
    counts: Vec<u16>,
}

impl Refcounts {
    pub(crate) fn new(bits: ClusterBits) -> Self {
        Self { bits, table: Vec::new(), first: 0, counts: Vec::new() }
    }

    /// Counts one use of every cluster that bytes `offset..offset+len` of the file touch, `len` at least 1.
    ///
    /// # Errors
    /// `ErrorKind::Internal` for a cluster whose block is written, or that is used more often than 16 bits can count.
    ///
    /// # Reference
    /// QEMU `docs/interop/qcow2`, "Host cluster management": the sectors of compressed data count, and none of them
    /// touches a cluster that its bytes do not.
    pub(crate) fn count(&mut self, offset: u64, len: u64) -> Result<()> {
        let last = self.bits.of(offset.saturating_add(len).saturating_sub(1));
        for cluster in self.bits.of(offset)..=last {
            let at = cluster.checked_sub(self.first).ok_or_else(past_the_end)?;
            let at = length(at)?;
            if self.counts.len() <= at {
                self.counts.resize(at.saturating_add(1), 0);
            }
            let count = self.counts.get_mut(at).ok_or_else(past_the_end)?;
            *count = count.checked_add(1).ok_or_else(|| {
                Error::new(ErrorKind::Internal, "a cluster is used more often than its refcount can say")
            })?;
        }
        Ok(())
    }

    /// The next block, if the file has passed all its clusters at host `position`; its place is said next, to
    /// [`Refcounts::place`].
    pub(crate) fn take_full(&mut self, position: u64) -> Result<Option<Vec<u8>>> {
        let len = self.bits.block_entries();
        let end = self.first.saturating_add(len);
        if self.bits.of(position) < end {
            return Ok(None);
        }
        let len = length(len)?;
        let block: Vec<u16> = self.counts.drain(..len.min(self.counts.len())).collect();
        self.first = end;
        Ok(Some(encode::refcount_block(&block, self.bits)))
    }

    /// The block that was taken last stands at host `offset`.
    pub(crate) fn place(&mut self, offset: u64) {
        self.table.push(offset);
    }

    /// What ends a file whose tables and data end at host `position`, a cluster's start: the blocks that are left and
    /// the table, in this order, and the table's host offset and clusters. All of them count themselves.
    pub(crate) fn finish(mut self, position: u64) -> Result<Tail> {
        let placed = u64::try_from(self.table.len()).map_err(|_| past_the_end())?;
        let (blocks, table_clusters) = tail_clusters(self.bits, self.bits.of(position), placed);
        let clusters = blocks.saturating_add(table_clusters);
        if clusters > 0 {
            self.count(position, self.bits.start(clusters))?;
        }
        let mut bytes = Vec::new();
        let mut at = position;
        for block in self.counts.chunks(length(self.bits.block_entries())?) {
            self.table.push(at);
            bytes.extend(encode::refcount_block(block, self.bits));
            at = at.saturating_add(self.bits.size());
        }
        bytes.extend(encode::table(&self.table, self.bits));
        Ok(Tail { bytes, table_offset: at, table_clusters: number(table_clusters)? })
    }
}

/// The end of a file.
pub(crate) struct Tail {
    pub(crate) bytes: Vec<u8>,
    pub(crate) table_offset: u64,
    pub(crate) table_clusters: u32,
}

/// Entries of L1 for a disk of `size` bytes.
pub(crate) fn l1_len(bits: ClusterBits, size: u64) -> u64 {
    bits.count(size).div_ceil(bits.table_entries()).max(1)
}

/// Refcount blocks and clusters of the refcount table that follow `used` clusters, when `placed` blocks are among them.
pub(crate) fn tail_clusters(bits: ClusterBits, used: u64, placed: u64) -> (u64, u64) {
    let (mut blocks, mut table) = (0, 1);
    // Grows until it counts itself: each round adds far less than the one before.
    loop {
        let all = used.saturating_add(blocks).saturating_add(table).div_ceil(bits.block_entries());
        let next = (all.saturating_sub(placed), all.div_ceil(bits.table_entries()).max(1));
        if next == (blocks, table) {
            return next;
        }
        (blocks, table) = next;
    }
}

/// A number for a field of 32 bits, which a plan has checked.
pub(crate) fn number(value: u64) -> Result<u32> {
    u32::try_from(value).map_err(|_| past_the_end())
}

fn length(value: u64) -> Result<usize> {
    usize::try_from(value).map_err(|_| past_the_end())
}

fn past_the_end() -> Error {
    Error::new(ErrorKind::Internal, "a cluster lies outside what was planned")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bits() -> ClusterBits {
        ClusterBits::new(12).unwrap()
    }

    #[test]
    fn an_l2_table_covers_as_many_clusters_as_it_has_entries() {
        let bits = bits();
        assert_eq!(l1_len(bits, 512), 1);
        assert_eq!(l1_len(bits, 2 << 20), 1);
        assert_eq!(l1_len(bits, (2 << 20) + 512), 2);
        let mut mapping = Mapping::new(bits, 5 << 20).unwrap();
        assert!(!mapping.is_left_by(0) && mapping.open_table().is_none());
        mapping.set(513, 0x8000_0000_0000_1000).unwrap();
        assert!(mapping.is_left_by(511) && !mapping.is_left_by(1023) && mapping.is_left_by(1024));
        let table = mapping.open_table().unwrap();
        assert_eq!(table[..17], [0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0x10, 0, 0]);
        mapping.close(0x3000).unwrap();
        let l1 = mapping.l1();
        assert_eq!(l1[..17], [0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0x30, 0, 0]);
        mapping.set(1024, 7).unwrap();
        assert_eq!(mapping.open_table().unwrap()[..9], [0, 0, 0, 0, 0, 0, 0, 7, 0]);
    }

    #[test]
    fn data_that_straddles_clusters_counts_in_both() {
        let mut counts = Refcounts::new(bits());
        counts.count(0, 4096).unwrap();
        counts.count(4096, 100).unwrap();
        counts.count(4196, 3996).unwrap();
        counts.count(4195, 3998).unwrap();
        let tail = counts.finish(3 << 12).unwrap();
        // Then the block itself and the table.
        assert_eq!(tail.bytes[..12], [0, 1, 0, 3, 0, 1, 0, 1, 0, 1, 0, 0]);
        assert_eq!((tail.table_offset, tail.table_clusters), (4 << 12, 1));
        assert_eq!(tail.bytes[4096..4105], [0, 0, 0, 0, 0, 0, 0x30, 0, 0]);
        assert_eq!(tail.bytes.len(), 8192);
    }

    #[test]
    fn blocks_are_taken_as_soon_as_they_are_full() {
        let bits = bits();
        let mut counts = Refcounts::new(bits);
        counts.count(0, 2048 << 12).unwrap();
        assert!(counts.take_full((2048 << 12) - 1).unwrap().is_none());
        assert_eq!(counts.take_full(2048 << 12).unwrap().unwrap()[4094..], [0, 1]);
        assert!(counts.take_full(2048 << 12).unwrap().is_none());
        counts.count(2048 << 12, 4096).unwrap();
        counts.place(2048 << 12);
        assert_eq!(counts.count(0, 1).unwrap_err().kind(), ErrorKind::Internal);
        let tail = counts.finish(2049 << 12).unwrap();
        assert_eq!(tail.bytes[..8], [0, 1, 0, 1, 0, 1, 0, 0]);
        assert_eq!(tail.bytes[4096..4112], [0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x10, 0]);
    }

    #[test]
    fn the_tail_counts_itself() {
        let bits = bits();
        // 2046 clusters, one block, one table cluster: the block is just full.
        assert_eq!(tail_clusters(bits, 2046, 0), (1, 1));
        assert_eq!(tail_clusters(bits, 2047, 0), (2, 1));
        assert_eq!(tail_clusters(bits, 2049, 1), (1, 1));
        // 512 blocks fill one cluster of the table.
        assert_eq!(tail_clusters(bits, 512 * 2048 - 513, 0), (512, 1));
        assert_eq!(tail_clusters(bits, 512 * 2048 - 512, 0), (513, 2));
    }

    #[test]
    fn a_refcount_never_wraps() {
        let mut counts = Refcounts::new(bits());
        for _ in 0..65_535 {
            counts.count(0, 1).unwrap();
        }
        assert_eq!(counts.count(0, 1).unwrap_err().kind(), ErrorKind::Internal);
    }
}

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use diskwright_core::layout::DiskLayout;

/// Which blocks of a disk are stored; they stand in the file in disk order, without gaps.
#[derive(Clone, Debug)]
pub(crate) struct BlockMap {
    /// Blocks of the disk.
    blocks: u64,
    /// Consecutive stored blocks, ascending, apart.
    ranges: Vec<StoredRange>,
}

#[derive(Clone, Copy, Debug)]
struct StoredRange {
    first: u64,
    end: u64,
    /// Place of block `first` among the stored ones.
    place: u64,
}

impl BlockMap {
    /// The blocks of `disk` that are not known to be zero.
    pub(crate) fn new(disk: &DiskLayout) -> Self {
        let mut ranges: Vec<StoredRange> = Vec::new();
        for region in disk.regions().filter(|region| !region.is_zero) {
            let first = block_of(region.start);
            let end = block_of(region.start.saturating_add(region.len).saturating_sub(1)).saturating_add(1);
            match ranges.last_mut() {
                Some(last) if first <= last.end => last.end = last.end.max(end),
                last => {
                    let place = last.map_or(0, |last| last.place_of_end());
                    ranges.push(StoredRange { first, end, place });
                }
            }
        }
        Self { blocks: disk.size().div_ceil(BLOCK), ranges }
    }

    /// Blocks of the disk.
    pub(crate) fn blocks(&self) -> u64 {
        self.blocks
    }

    /// Blocks that are stored.
    pub(crate) fn stored(&self) -> u64 {
        self.ranges.last().map_or(0, StoredRange::place_of_end)
    }

    /// Where byte `offset` of the disk is, counted from the first stored block; `None` for a block that is not stored.
    pub(crate) fn place(&self, offset: u64) -> Option<u64> {
        let block = block_of(offset);
        let at = self.ranges.partition_point(|range| range.end <= block);
        let range = self.ranges.get(at).filter(|range| range.first <= block)?;
        let place = range.place.saturating_add(block.saturating_sub(range.first));
        Some(place.saturating_mul(BLOCK).saturating_add(offset % BLOCK))
    }

    /// The map's entries in disk order.
    ///
    /// # Reference
    /// VirtualBox `VDICore.h`: `VDI_IMAGE_BLOCK_FREE`, and block pointers that count from `offData`.
    pub(crate) fn entries(&self) -> impl Iterator<Item = u32> + '_ {
        let mut ranges = self.ranges.iter().peekable();
        (0..self.blocks).map(move |block| {
            while ranges.next_if(|range| range.end <= block).is_some() {}
            let range = ranges.peek().filter(|range| range.first <= block);
            let place = range.map(|range| range.place.saturating_add(block.saturating_sub(range.first)));
            // OK to fall back: a plan refuses disks of 2^32 blocks.
            place.and_then(|place| u32::try_from(place).ok()).unwrap_or(FREE)
        })
    }
}

impl StoredRange {
    fn place_of_end(&self) -> u64 {
        self.place.saturating_add(self.end.saturating_sub(self.first))
    }
}

fn block_of(offset: u64) -> u64 {
    offset / BLOCK
}

/// Bytes of a block.
pub(crate) const BLOCK: u64 = 1 << 20;
const FREE: u32 = 0xFFFF_FFFF;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use diskwright_core::layout::LayoutBuilder;
    use diskwright_core::tree::{Findings, TreeBuilder};

    use super::*;

    /// A disk with a byte at each of `offsets`.
    fn map(offsets: &[u64], size: u64) -> BlockMap {
        let (tree, _) = TreeBuilder::new(Findings::default()).finish().unwrap();
        let mut builder = LayoutBuilder::new(Arc::new(tree));
        for offset in offsets {
            builder.zeros_to(*offset, "gap").unwrap();
            builder.bytes(vec![1], "data").unwrap();
        }
        BlockMap::new(&builder.finish(size).unwrap())
    }

    #[test]
    fn stored_blocks_are_numbered_in_disk_order() {
        let map = map(&[0, 5, BLOCK - 1, 3 * BLOCK, 4 * BLOCK, 7 * BLOCK - 1], 7 * BLOCK + 512);
        assert_eq!((map.blocks(), map.stored()), (8, 4));
        assert_eq!(map.entries().collect::<Vec<_>>(), [0, FREE, FREE, 1, 2, FREE, 3, FREE]);
        assert_eq!(map.place(5), Some(5));
        assert_eq!(map.place(BLOCK), None);
        assert_eq!(map.place(4 * BLOCK + 9), Some(2 * BLOCK + 9));
        assert_eq!(map.place(6 * BLOCK), Some(3 * BLOCK));
        assert_eq!(map.place(7 * BLOCK), None);
    }

    #[test]
    fn a_disk_of_zeros_stores_no_block() {
        let map = map(&[], 2 * BLOCK);
        assert_eq!((map.stored(), map.entries().collect::<Vec<_>>()), (0, vec![FREE, FREE]));
    }
}

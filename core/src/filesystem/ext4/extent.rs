//! The extents of an inode and the tree that holds them.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::checksum::Checksum;
use super::encode::{BLOCK_SIZE, Block, blocks_for, high32, index, low16, low32, put16, put32};
use super::geometry::Space;
use crate::scan::DataRange;

/// A run of an inode's blocks that stands in consecutive blocks of the volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// First block within the inode.
    pub(super) logical: u64,
    /// First block of the volume.
    pub(super) block: u64,
    /// Blocks, `1..=32768`.
    pub(super) len: u64,
}

/// Which blocks of an inode hold data.
#[derive(Clone, Copy, Debug)]
pub(super) enum Ranges<'a> {
    /// The first so many.
    Whole(u64),
    /// Those that these byte ranges touch; the others are holes.
    Map(&'a [DataRange]),
}

/// An inode's data: which blocks, and the position of the first in the volume's [`Space`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Mapping<'a> {
    pub(super) ranges: Ranges<'a>,
    pub(super) position: u64,
}

/// How far the extents of a mapping have been listed; 24 bytes that let the listing go on from any of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Cursor {
    position: u64,
    logical: u32,
    left: u32,
    next_range: u32,
}

impl Ranges<'_> {
    /// Blocks that hold data.
    pub(super) fn blocks(self) -> u64 {
        let mut cursor = Cursor::default();
        let mut sum: u64 = 0;
        while cursor.enter_range(self) {
            sum = sum.saturating_add(u64::from(cursor.left));
            cursor.left = 0;
        }
        sum
    }
}

impl<'a> Mapping<'a> {
    /// The extents in ascending order.
    pub(super) fn extents(self, space: &'a Space) -> impl Iterator<Item = Extent> + 'a {
        let mut cursor = self.cursor();
        std::iter::from_fn(move || cursor.next(self.ranges, space))
    }

    /// A listing at its start.
    pub(super) fn cursor(self) -> Cursor {
        Cursor { position: self.position, ..Cursor::default() }
    }
}

impl Cursor {
    /// The next extent.
    pub(super) fn next(&mut self, ranges: Ranges<'_>, space: &Space) -> Option<Extent> {
        if self.left == 0 && !self.enter_range(ranges) {
            return None;
        }
        let (block, run) = space.locate(self.position);
        // A position past the space's end is never mapped; one block keeps the listing finite all the same.
        let len = u64::from(self.left).min(run.max(1)).min(MAX_EXTENT);
        let extent = Extent { logical: u64::from(self.logical), block, len };
        self.position = self.position.saturating_add(len);
        self.logical = self.logical.saturating_add(low32(len));
        self.left = self.left.saturating_sub(low32(len));
        Some(extent)
    }

    /// The inode's block at which the listing is.
    pub(super) fn logical(&self) -> u64 {
        u64::from(self.logical)
    }

    /// One past the last block of the run in which the listing is.
    pub(super) fn range_end(&self) -> u64 {
        u64::from(self.logical).saturating_add(u64::from(self.left))
    }

    /// Goes on to a block of the run in which the listing is, or to its end; not back.
    pub(super) fn skip_to(&mut self, logical: u64) {
        let skipped = low32(logical.saturating_sub(self.logical()).min(u64::from(self.left)));
        self.position = self.position.saturating_add(u64::from(skipped));
        self.logical = self.logical.saturating_add(skipped);
        self.left = self.left.saturating_sub(skipped);
    }

    /// Goes to the next run of blocks with data: ranges that share a block or touch are one.
    pub(super) fn enter_range(&mut self, ranges: Ranges<'_>) -> bool {
        match ranges {
            Ranges::Whole(blocks) => {
                if self.next_range > 0 || blocks == 0 {
                    return false;
                }
                self.left = low32(blocks);
                self.next_range = 1;
            }
            Ranges::Map(map) => {
                let mut rest = map.get(index(self.next_range)..).unwrap_or_default().iter();
                let Some(first) = rest.next() else { return false };
                let (start, mut end) = block_range(first);
                self.next_range = self.next_range.saturating_add(1);
                for (next_start, next_end) in rest.map(block_range) {
                    if next_start > end {
                        break;
                    }
                    end = next_end;
                    self.next_range = self.next_range.saturating_add(1);
                }
                self.logical = low32(start);
                self.left = low32(end.saturating_sub(start));
            }
        }
        true
    }
}

fn block_range(range: &DataRange) -> (u64, u64) {
    (range.offset / BLOCK_SIZE, blocks_for(range.offset.saturating_add(range.len)))
}

/// The tree blocks of one inode with more than four extents: leaves first, then level by level up.
#[derive(Clone, Copy, Debug)]
struct Tree {
    number: u32,
    /// Within the area of tree blocks.
    first_block: u32,
    /// Index of the first leaf's cursor.
    first_leaf: u32,
    extents: u32,
}

/// The tree blocks of all inodes that need some.
#[derive(Default)]
pub(super) struct ExtentTrees {
    /// By area block, and by inode number after [`ExtentTrees::finish`].
    trees: Vec<Tree>,
    by_number: Vec<u32>,
    /// Where the listing of each leaf starts.
    leaves: Vec<Cursor>,
    blocks: u32,
}

/// A tree block to fill.
struct TreeBlock {
    tree: usize,
    level: u32,
    /// Within its level.
    at: u64,
}

impl ExtentTrees {
    /// Takes in an inode; those with at most four extents need no block.
    pub(super) fn add(&mut self, number: u32, mapping: Mapping<'_>, space: &Space) {
        let mut cursor = mapping.cursor();
        let mut extents: u32 = 0;
        let first_leaf = self.leaves.len();
        loop {
            // Inside a range from here on: the cursor of a leaf knows its first block.
            if cursor.left == 0 && !cursor.enter_range(mapping.ranges) {
                break;
            }
            let before = cursor;
            cursor.next(mapping.ranges, space);
            if u64::from(extents) % PER_BLOCK == 0 {
                self.leaves.push(before);
            }
            extents = extents.saturating_add(1);
        }
        if u64::from(extents) <= PER_ROOT {
            self.leaves.truncate(first_leaf);
            return;
        }
        let tree = Tree { number, first_block: self.blocks, first_leaf: low32_of(first_leaf), extents };
        let blocks: u64 = tree.levels().sum();
        self.blocks = self.blocks.saturating_add(low32(blocks));
        self.trees.push(tree);
    }

    /// To be called when all inodes are in.
    pub(super) fn finish(&mut self) {
        self.trees.shrink_to_fit();
        self.leaves.shrink_to_fit();
        self.by_number = (0..low32_of(self.trees.len())).collect();
        let trees = &self.trees;
        self.by_number.sort_unstable_by_key(|at| trees.get(index(*at)).map(|tree| tree.number));
    }

    /// Tree blocks of all inodes.
    pub(super) fn blocks(&self) -> u64 {
        u64::from(self.blocks)
    }

    /// Tree blocks of one inode.
    pub(super) fn blocks_of(&self, number: u32) -> u64 {
        self.tree_of(number).map_or(0, |tree| tree.levels().sum())
    }

    /// The root node of an inode's tree, for its i_block; `area` is the position of the area of tree blocks.
    pub(super) fn root(&self, number: u32, mapping: Mapping<'_>, area: u64, space: &Space) -> [u8; 60] {
        let mut root = [0; 60];
        let Some(tree) = self.tree_of(number) else {
            let mut cursor = mapping.cursor();
            let extents = std::iter::from_fn(|| cursor.next(mapping.ranges, space));
            let count = put_entries(&mut root, extents.map(leaf_entry));
            put_header(&mut root, count, PER_ROOT, 0);
            return root;
        };
        let depth = low32_of(tree.levels().count());
        let top = depth.saturating_sub(1);
        let count = put_entries(&mut root, self.index_entries(tree, top, 0, PER_ROOT, area, space));
        put_header(&mut root, count, PER_ROOT, depth);
        root
    }

    /// Which inode a block of the area belongs to.
    pub(super) fn owner(&self, at: u64) -> Option<u32> {
        self.trees.get(self.block(at)?.tree).map(|tree| tree.number)
    }

    fn block(&self, at: u64) -> Option<TreeBlock> {
        let tree = self.trees.partition_point(|tree| u64::from(tree.first_block) <= at).checked_sub(1)?;
        let found = self.trees.get(tree)?;
        let mut left = at.saturating_sub(u64::from(found.first_block));
        for (level, blocks) in (0_u32..).zip(found.levels()) {
            match left.checked_sub(blocks) {
                None => return Some(TreeBlock { tree, level, at: left }),
                Some(rest) => left = rest,
            }
        }
        None
    }

    /// Fills a block of the area, which belongs to the inode with this mapping.
    pub(super) fn fill(
        &self,
        at: u64,
        mapping: Mapping<'_>,
        area: u64,
        space: &Space,
        checksum: &Checksum,
        to: &mut Block,
    ) {
        let Some(block) = self.block(at) else { return };
        let Some(tree) = self.trees.get(block.tree) else { return };
        let count = match block.level.checked_sub(1) {
            None => {
                let leaf = index(tree.first_leaf).saturating_add(index(block.at));
                let mut cursor = self.leaves.get(leaf).copied().unwrap_or_default();
                let extents = std::iter::from_fn(|| cursor.next(mapping.ranges, space));
                put_entries(to, extents.take(index(PER_BLOCK)).map(leaf_entry))
            }
            Some(below) => {
                let first = block.at.saturating_mul(PER_BLOCK);
                put_entries(to, self.index_entries(tree, below, first, PER_BLOCK, area, space))
            }
        };
        put_header(to, count, PER_BLOCK, block.level);
        if let Some(crc) = checksum.of_inode(tree.number, &[&to[..TAIL]]) {
            put32(to, TAIL, crc);
        }
    }

    /// Entries that lead to blocks `first..first + most` of a level.
    fn index_entries<'a>(
        &'a self,
        tree: &'a Tree,
        level: u32,
        first: u64,
        most: u64,
        area: u64,
        space: &'a Space,
    ) -> impl Iterator<Item = Entry> + 'a {
        let below: u64 = tree.levels().take(index(level)).sum();
        let blocks = tree.levels().nth(index(level)).unwrap_or(0);
        // Leaves below one block of this level.
        let leaves = PER_BLOCK.saturating_pow(level);
        (first..blocks.min(first.saturating_add(most))).map(move |at| {
            let leaf = index(tree.first_leaf).saturating_add(index(at.saturating_mul(leaves)));
            let logical = self.leaves.get(leaf).map_or(0, |cursor| cursor.logical);
            let position = area.saturating_add(u64::from(tree.first_block)).saturating_add(below);
            let (block, _) = space.locate(position.saturating_add(at));
            Entry { logical, middle: low32(block), end: high32(block) }
        })
    }

    fn tree_of(&self, number: u32) -> Option<&Tree> {
        let at_number = |at: &u32| self.trees.get(index(*at)).map_or(0, |tree| tree.number);
        let found = self.by_number.binary_search_by_key(&number, at_number).ok()?;
        self.trees.get(index(*self.by_number.get(found)?))
    }
}

impl Tree {
    /// Blocks of each level, from the leaves up; the root has room for four.
    fn levels(&self) -> impl Iterator<Item = u64> + use<> {
        let leaves = u64::from(self.extents).div_ceil(PER_BLOCK);
        std::iter::successors(Some(leaves), |below| (*below > PER_ROOT).then(|| below.div_ceil(PER_BLOCK)))
    }
}

/// An entry of a leaf or an index node: its last eight bytes as two words.
struct Entry {
    logical: u32,
    middle: u32,
    end: u32,
}

fn leaf_entry(extent: Extent) -> Entry {
    Entry {
        logical: low32(extent.logical),
        middle: u32::from(low16(extent.len)) | u32::from(low16(extent.block >> 32)) << 16,
        end: low32(extent.block),
    }
}

/// Writes as many entries as fit and says how many those are.
fn put_entries(node: &mut [u8], entries: impl Iterator<Item = Entry>) -> u16 {
    let mut count: u16 = 0;
    for (slot, entry) in node[HEADER..].chunks_exact_mut(ENTRY).zip(entries) {
        put32(slot, 0, entry.logical);
        put32(slot, 4, entry.middle);
        put32(slot, 8, entry.end);
        count = count.saturating_add(1);
    }
    count
}

/// ext4_extent_header.
fn put_header(node: &mut [u8], entries: u16, max: u64, depth: u32) {
    put16(node, 0, 0xf30a);
    put16(node, 2, entries);
    put16(node, 4, low16(max));
    put16(node, 6, low16(u64::from(depth)));
}

fn low32_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Blocks of one written extent; longer ones mean "unwritten".
const MAX_EXTENT: u64 = 32_768;
const HEADER: usize = 12;
const ENTRY: usize = 12;
/// Entries of i_block.
const PER_ROOT: u64 = 4;
/// Entries of a block: 4096 less header and tail.
const PER_BLOCK: u64 = 340;
/// The tail with the checksum.
const TAIL: usize = 4092;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_that_share_a_block_are_one() {
        let range = |offset, len| DataRange { offset, len };
        let map = [range(100, 10), range(5000, 1), range(8191, 2), range(20_000, 480), range(20_480, 1)];
        let mut cursor = Cursor::default();
        let mut found = Vec::new();
        while cursor.enter_range(Ranges::Map(&map)) {
            found.push((cursor.logical, cursor.left));
        }
        assert_eq!(found, [(0, 3), (4, 2)]);
        assert_eq!(Ranges::Map(&map).blocks(), 5);
        assert_eq!(Ranges::Whole(7).blocks(), 7);
        assert_eq!(Ranges::Whole(0).blocks(), 0);
    }
}

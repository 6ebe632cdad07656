//! The block maps of ext2 and ext3: a pointer for every block of an inode, zero for a hole.
//!
//! ```text
//! i_block: 12 blocks, then  [12] ──────────────────────> leaf 0: 1024 blocks
//!                           [13] ──> double 0 ─────────> leaves 1 ..= 1024
//!                           [14] ──> triple ─> doubles 1 .. ─> leaves 1025 ..
//! ```
//! Leaves, doubles and triples without a pointer in them do not exist.
//!
//! # Reference
//! "ext4 Data Structures and Algorithms", Direct/Indirect Block Addressing.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::encode::{Block, index, low32, put32};
use super::extent::{Cursor, Mapping};
use super::geometry::Space;

/// The indirect blocks of all inodes that need some.
///
/// Cost: 32 bytes an inode with more than 12 blocks, 32 for each run of its blocks, 8 for every 4 GiB of it.
#[derive(Default)]
pub(super) struct BlockMaps {
    /// By area block, and by inode number after [`BlockMaps::finish`].
    maps: Vec<Map>,
    by_number: Vec<u32>,
    stretches: Vec<Stretch>,
    doubles: Vec<Double>,
    blocks: u32,
}

/// The indirect blocks of one inode: leaves first, then doubles, then the triple.
#[derive(Clone, Copy, Debug)]
struct Map {
    number: u32,
    /// Within the area of indirect blocks.
    first_block: u32,
    /// Index of its first stretch.
    first_stretch: u32,
    stretches: u32,
    /// Index of its first double.
    first_double: u32,
    doubles: u32,
    leaves: u32,
}

/// Leaves, one after the other, into all but the first of which one run of the inode's blocks leads.
#[derive(Clone, Copy, Debug)]
struct Stretch {
    /// The first of them, as counted in an inode without holes.
    leaf: u32,
    /// The first of them, as counted among the inode's leaves that exist.
    at: u32,
    /// At the first block of the run.
    cursor: Cursor,
}

/// A double indirect block that exists: 0 hangs on the inode, the others on its triple.
#[derive(Clone, Copy, Debug)]
struct Double {
    number: u32,
    /// Its first leaf, as counted among the inode's leaves that exist.
    first_leaf: u32,
}

impl BlockMaps {
    /// Takes in an inode; those with nothing beyond their first 12 blocks need no block.
    pub(super) fn add(&mut self, number: u32, mapping: Mapping<'_>) {
        let mut map = Map {
            number,
            first_block: self.blocks,
            first_stretch: low32_of(self.stretches.len()),
            stretches: 0,
            first_double: low32_of(self.doubles.len()),
            doubles: 0,
            leaves: 0,
        };
        let mut cursor = mapping.cursor();
        // The first leaf that no run has reached.
        let mut next_leaf: u64 = 0;
        while cursor.enter_range(mapping.ranges) {
            let (start, end) = (cursor.logical(), cursor.range_end());
            let last = end.saturating_sub(1);
            if last >= DIRECT {
                let first_leaf = leaf_of(start).max(next_leaf);
                let end_leaf = leaf_of(last).saturating_add(1);
                if first_leaf < end_leaf {
                    self.stretches.push(Stretch { leaf: low32(first_leaf), at: map.leaves, cursor });
                    map.stretches = map.stretches.saturating_add(1);
                    self.add_doubles(&mut map, first_leaf, end_leaf);
                    map.leaves = map.leaves.saturating_add(low32(end_leaf.saturating_sub(first_leaf)));
                    next_leaf = end_leaf;
                }
            }
            cursor.skip_to(end);
        }
        if map.leaves > 0 {
            self.blocks = self.blocks.saturating_add(low32(map.blocks(self.has_triple(&map))));
            self.maps.push(map);
        }
    }

    /// Takes in the doubles that lead to leaves `first..end` and do not exist yet.
    fn add_doubles(&mut self, map: &mut Map, first: u64, end: u64) {
        // Leaf 0 hangs on the inode itself.
        let Some(last) = end.checked_sub(2) else { return };
        let known = self.doubles_of(map).last();
        let next = known.map_or(0, |double| u64::from(double.number).saturating_add(1));
        for number in (first.saturating_sub(1) / POINTERS).max(next)..=last / POINTERS {
            let leaf = number.saturating_mul(POINTERS).saturating_add(1).max(first);
            let first_leaf = map.leaves.saturating_add(low32(leaf.saturating_sub(first)));
            self.doubles.push(Double { number: low32(number), first_leaf });
            map.doubles = map.doubles.saturating_add(1);
        }
    }

    /// To be called when all inodes are in.
    pub(super) fn finish(&mut self) {
        self.maps.shrink_to_fit();
        self.stretches.shrink_to_fit();
        self.doubles.shrink_to_fit();
        self.by_number = (0..low32_of(self.maps.len())).collect();
        let maps = &self.maps;
        self.by_number.sort_unstable_by_key(|at| maps.get(index(*at)).map(|map| map.number));
    }

    /// Indirect blocks of all inodes.
    pub(super) fn blocks(&self) -> u64 {
        u64::from(self.blocks)
    }

    /// Indirect blocks of one inode.
    pub(super) fn blocks_of(&self, number: u32) -> u64 {
        self.map_of(number).map_or(0, |map| map.blocks(self.has_triple(map)))
    }

    /// The pointers of an inode, for its i_block; `area` is the position of the area of indirect blocks.
    pub(super) fn root(&self, number: u32, mapping: Mapping<'_>, area: u64, space: &Space) -> [u8; 60] {
        let mut root = [0; 60];
        put_data(&mut root, mapping.cursor(), (0, DIRECT), mapping, space);
        let Some(map) = self.map_of(number) else { return root };
        let block = |at: u64| low32(map.block(area, at, space));
        if self.stretches_of(map).first().is_some_and(|stretch| stretch.leaf == 0) {
            put32(&mut root, 12 * 4, block(0));
        }
        if self.doubles_of(map).first().is_some_and(|double| double.number == 0) {
            put32(&mut root, 13 * 4, block(u64::from(map.leaves)));
        }
        if self.has_triple(map) {
            put32(&mut root, 14 * 4, block(u64::from(map.leaves).saturating_add(u64::from(map.doubles))));
        }
        root
    }

    /// Which inode a block of the area belongs to.
    pub(super) fn owner(&self, at: u64) -> Option<u32> {
        self.map_at(at).map(|map| map.number)
    }

    /// Fills a block of the area, which belongs to the inode with this mapping.
    pub(super) fn fill(&self, at: u64, mapping: Mapping<'_>, area: u64, space: &Space, to: &mut Block) {
        let Some(map) = self.map_at(at) else { return };
        let at = at.saturating_sub(u64::from(map.first_block));
        if at < u64::from(map.leaves) {
            return self.fill_leaf(map, at, mapping, space, to);
        }
        let at = at.saturating_sub(u64::from(map.leaves));
        match self.doubles_of(map).get(index(at)) {
            Some(double) => self.fill_double(map, double, area, space, to),
            None => self.fill_triple(map, area, space, to),
        }
    }

    fn fill_leaf(&self, map: &Map, at: u64, mapping: Mapping<'_>, space: &Space, to: &mut Block) {
        let stretches = self.stretches_of(map);
        let Some((stretch, _)) = stretch_at(stretches, at) else { return };
        let leaf = u64::from(stretch.leaf).saturating_add(at.saturating_sub(u64::from(stretch.at)));
        let start = leaf.saturating_mul(POINTERS).saturating_add(DIRECT);
        put_data(to, stretch.cursor, (start, start.saturating_add(POINTERS)), mapping, space);
    }

    fn fill_double(&self, map: &Map, double: &Double, area: u64, space: &Space, to: &mut Block) {
        let stretches = self.stretches_of(map);
        let first = u64::from(double.number).saturating_mul(POINTERS).saturating_add(1);
        let mut at = u64::from(double.first_leaf);
        while let Some((stretch, next)) = stretch_at(stretches, at) {
            let end = next.map_or(map.leaves, |next| next.at);
            for at in at..u64::from(end) {
                let leaf = u64::from(stretch.leaf).saturating_add(at.saturating_sub(u64::from(stretch.at)));
                let slot = leaf.saturating_sub(first);
                if slot >= POINTERS {
                    return;
                }
                put32(to, pointer(slot), low32(map.block(area, at, space)));
            }
            at = u64::from(end);
            if end >= map.leaves {
                return;
            }
        }
    }

    fn fill_triple(&self, map: &Map, area: u64, space: &Space, to: &mut Block) {
        for (at, double) in (u64::from(map.leaves)..).zip(self.doubles_of(map)) {
            if let Some(slot) = double.number.checked_sub(1) {
                put32(to, pointer(u64::from(slot)), low32(map.block(area, at, space)));
            }
        }
    }

    fn map_at(&self, at: u64) -> Option<&Map> {
        let found = self.maps.partition_point(|map| u64::from(map.first_block) <= at).checked_sub(1)?;
        self.maps.get(found)
    }

    fn map_of(&self, number: u32) -> Option<&Map> {
        let at_number = |at: &u32| self.maps.get(index(*at)).map_or(0, |map| map.number);
        let found = self.by_number.binary_search_by_key(&number, at_number).ok()?;
        self.maps.get(index(*self.by_number.get(found)?))
    }

    fn stretches_of(&self, map: &Map) -> &[Stretch] {
        let first = index(map.first_stretch);
        self.stretches.get(first..first.saturating_add(index(map.stretches))).unwrap_or_default()
    }

    fn doubles_of(&self, map: &Map) -> &[Double] {
        let first = index(map.first_double);
        self.doubles.get(first..first.saturating_add(index(map.doubles))).unwrap_or_default()
    }

    fn has_triple(&self, map: &Map) -> bool {
        self.doubles_of(map).last().is_some_and(|double| double.number > 0)
    }
}

impl Map {
    fn blocks(&self, has_triple: bool) -> u64 {
        u64::from(self.leaves).saturating_add(u64::from(self.doubles)).saturating_add(u64::from(has_triple))
    }

    /// Where an indirect block of the inode stands.
    fn block(&self, area: u64, at: u64, space: &Space) -> u64 {
        space.locate(area.saturating_add(u64::from(self.first_block)).saturating_add(at)).0
    }
}

/// The stretch of a leaf that exists, and the one after it.
fn stretch_at(stretches: &[Stretch], at: u64) -> Option<(&Stretch, Option<&Stretch>)> {
    let next = stretches.partition_point(|stretch| u64::from(stretch.at) <= at);
    Some((stretches.get(next.checked_sub(1)?)?, stretches.get(next)))
}

/// Writes the pointers of an inode's blocks `start..end`; the cursor is not past the first of them with data.
fn put_data(
    to: &mut [u8],
    mut cursor: Cursor,
    (start, end): (u64, u64),
    mapping: Mapping<'_>,
    space: &Space,
) {
    cursor.skip_to(start);
    while let Some(extent) = cursor.next(mapping.ranges, space) {
        let extent_end = extent.logical.saturating_add(extent.len);
        for (block, logical) in (extent.block..).zip(extent.logical..extent_end.min(end)) {
            put32(to, pointer(logical.saturating_sub(start)), low32(block));
        }
        if extent_end >= end {
            return;
        }
    }
}

/// The leaf that leads to a block of an inode; 0 for those that need none.
fn leaf_of(logical: u64) -> u64 {
    logical.saturating_sub(DIRECT) / POINTERS
}

/// Where a pointer stands in its block.
fn pointer(slot: u64) -> usize {
    index(slot.saturating_mul(4))
}

fn low32_of(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Blocks to which i_block leads directly.
const DIRECT: u64 = 12;
/// Pointers of a block.
const POINTERS: u64 = 1024;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, reason = "a test that overflows fails, as it should")]
mod tests {
    use super::super::encode::{BLOCK_LEN, BLOCK_SIZE};
    use super::super::extent::Ranges;
    use super::*;
    use crate::scan::DataRange;

    /// Where the data and the indirect blocks stand in a space whose positions are its blocks.
    const DATA: u64 = 1 << 20;
    const AREA: u64 = 1 << 30;

    /// Follows the pointers of an inode to the block of a logical one.
    fn walk(maps: &BlockMaps, number: u32, mapping: Mapping<'_>, space: &Space, logical: u64) -> u32 {
        let word = |bytes: &[u8], at: u64| {
            u32::from_le_bytes(bytes[index(at * 4)..index(at * 4 + 4)].try_into().unwrap())
        };
        let follow = |block: u32, slot: u64| {
            if block == 0 {
                return 0;
            }
            let at = u64::from(block) - AREA;
            assert_eq!(maps.owner(at), Some(number));
            let mut bytes = [0; BLOCK_LEN];
            maps.fill(at, mapping, AREA, space, &mut bytes);
            word(&bytes, slot)
        };
        let root = maps.root(number, mapping, AREA, space);
        let Some(at) = logical.checked_sub(12) else { return word(&root, logical) };
        let Some(at) = at.checked_sub(1024) else { return follow(word(&root, 12), at) };
        let Some(at) = at.checked_sub(1024 * 1024) else {
            return follow(follow(word(&root, 13), at / 1024), at % 1024);
        };
        let double = follow(word(&root, 14), at / (1024 * 1024));
        follow(follow(double, at / 1024 % 1024), at % 1024)
    }

    fn whole(blocks: u64) -> Vec<DataRange> {
        vec![DataRange { offset: 0, len: blocks * BLOCK_SIZE }]
    }

    fn at_blocks(blocks: &[(u64, u64)]) -> Vec<DataRange> {
        let range =
            |(start, len): &(u64, u64)| DataRange { offset: start * BLOCK_SIZE, len: len * BLOCK_SIZE };
        blocks.iter().map(range).collect()
    }

    #[test]
    fn every_level_exists_from_its_first_block_on() {
        let levels = [
            (0, 0),
            (12, 0),
            (13, 1),
            (12 + 1024, 1),
            (12 + 1024 + 1, 3),
            (12 + 1024 + 1025, 4),
            (12 + 1024 + 1024 * 1024, 1026),
            (12 + 1024 + 1024 * 1024 + 1, 1026 + 3),
            (12 + 1024 + 2 * 1024 * 1024 + 1, 1026 + 1 + 1025 + 2),
        ];
        for (blocks, indirect) in levels {
            let mut maps = BlockMaps::default();
            maps.add(7, Mapping { ranges: Ranges::Whole(blocks), position: DATA });
            maps.finish();
            assert_eq!((maps.blocks(), maps.blocks_of(7)), (indirect, indirect), "{blocks}");
        }
    }

    #[test]
    fn pointers_lead_to_every_block_and_to_no_hole() {
        const DOUBLE: u64 = 12 + 1024;
        const TRIPLE: u64 = DOUBLE + 1024 * 1024;
        let files = [
            whole(5),
            whole(DOUBLE + 3000),
            whole(TRIPLE + 1024 * 1024 + 2000),
            at_blocks(&[
                (0, 1),
                (11, 2),
                (14, 1),
                (DOUBLE - 1, 2),
                (DOUBLE + 1023, 2),
                (DOUBLE + 5000, 3000),
            ]),
            at_blocks(&[(5, 1)]),
            at_blocks(&[(DOUBLE + 3, 1), (TRIPLE - 1, 1)]),
            at_blocks(&[(TRIPLE - 2000, 5000), (TRIPLE + 5000, 1), (TRIPLE + 3 * 1024 * 1024 + 1024, 2)]),
            at_blocks(&[(TRIPLE + 510 * 1024 * 1024, 1)]),
            at_blocks(&(0..3000).map(|at| (at * 700, 1 + at % 5)).collect::<Vec<_>>()),
        ];
        let space = Space::of_one_run(u64::from(u32::MAX));
        let mut maps = BlockMaps::default();
        let mapping = |at: usize| Mapping {
            ranges: Ranges::Map(&files[at]),
            position: DATA + u64::try_from(at).unwrap() * 10_000_000,
        };
        let numbers = [30, 12, 11, 40, 41, 15, 16, 17, 18];
        for (at, number) in numbers.iter().enumerate() {
            maps.add(*number, mapping(at));
        }
        maps.finish();
        for (at, number) in numbers.iter().enumerate() {
            let mapping = mapping(at);
            let mut position = mapping.position;
            for range in &files[at] {
                let (start, len) = (range.offset / BLOCK_SIZE, range.len / BLOCK_SIZE);
                let step = (len / 1000).max(1) | 1;
                for block in (0..len).step_by(index(step)).chain([len - 1]) {
                    let found = walk(&maps, *number, mapping, &space, start + block);
                    assert_eq!(u64::from(found), position + block, "file {at}: {}", start + block);
                }
                position += len;
                let hole = start + len;
                if !files[at].iter().any(|other| other.offset / BLOCK_SIZE == hole) {
                    assert_eq!(walk(&maps, *number, mapping, &space, hole), 0, "file {at}: hole at {hole}");
                }
                if let Some(hole) = start.checked_sub(1).filter(|hole| {
                    !files[at].iter().any(|other| (other.offset + other.len) / BLOCK_SIZE == hole + 1)
                }) {
                    assert_eq!(walk(&maps, *number, mapping, &space, hole), 0, "file {at}: hole at {hole}");
                }
            }
        }
        assert_eq!(maps.owner(maps.blocks() - 1), Some(18));
        assert_eq!(maps.blocks_of(41), 0);
    }
}

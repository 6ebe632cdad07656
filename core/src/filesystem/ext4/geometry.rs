//! Where a volume's fixed metadata stands, and what is left for everything else.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::encode::{BLOCK_SIZE, blocks_for, index, low32};
use super::options::Ext4Options;
use crate::{Error, ErrorKind, Result};

/// Groups, tables and copies of one volume.
pub(super) struct Geometry {
    /// Blocks of the volume.
    pub(super) blocks: u64,
    /// Number of groups; only the last may have fewer than [`GROUP_BLOCKS`].
    pub(super) groups: u32,
    /// A multiple of 16, so that inode tables fill their blocks.
    pub(super) inodes_per_group: u32,
    /// Blocks of all group descriptors.
    pub(super) descriptor_blocks: u64,
    /// Blocks kept for further descriptors after each copy.
    pub(super) reserved_descriptor_blocks: u64,
    /// By group.
    tables: Vec<GroupTables>,
    /// What is not metadata.
    pub(super) space: Space,
}

/// First blocks of a group's tables, which flex_bg puts into the first of 16 groups; without, they stand in their own.
#[derive(Clone, Copy, Default)]
pub(super) struct GroupTables {
    pub(super) block_bitmap: u64,
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
}

/// The blocks that hold no fixed metadata, as one row of *positions* counted from 0.
pub(super) struct Space {
    runs: Vec<Run>,
    end: u64,
}

/// A run of positions and where its first stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    position: u64,
    block: u64,
}

impl Geometry {
    /// The geometry of a volume of at most `blocks` blocks with at least `inodes` inodes.
    ///
    /// A last group too small to be useful is left out, as mke2fs does: the volume then ends where it would start.
    ///
    /// # Errors
    /// `ErrorKind::DoesNotFit` when the metadata or the inodes need more room; `ErrorKind::LimitExceeded` and
    /// `ErrorKind::InvalidProfile` for what no volume of these features can have.
    pub(super) fn new(mut blocks: u64, inodes: u64, options: &Ext4Options) -> Result<Self> {
        if blocks > options.features.max_blocks() {
            let most = options.features.max_blocks();
            let text = format!("a volume of {blocks} blocks of 4096 bytes; these features allow {most}");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        let size = blocks.saturating_mul(BLOCK_SIZE);
        loop {
            let groups = low32(blocks.div_ceil(GROUP_BLOCKS));
            if groups == 0 {
                return Err(too_small(size));
            }
            let inodes_per_group = inodes_per_group(size, groups, inodes, options)?;
            let descriptors_per_block =
                BLOCK_SIZE.checked_div(options.features.descriptor_len()).unwrap_or(1);
            let descriptor_blocks = u64::from(groups).div_ceil(descriptors_per_block);
            let reserved_descriptor_blocks =
                reserved(size, descriptor_blocks, descriptors_per_block, options)?;
            let mut geometry = Self {
                blocks,
                groups,
                inodes_per_group,
                descriptor_blocks,
                reserved_descriptor_blocks,
                tables: Vec::new(),
                space: Space { runs: Vec::new(), end: 0 },
            };
            let last = geometry.group_blocks(groups.saturating_sub(1));
            if last < GROUP_BLOCKS && last < geometry.least_last_group() {
                blocks = blocks.saturating_sub(last);
                continue;
            }
            geometry.place_tables(size, options.features.flex_groups())?;
            return Ok(geometry);
        }
    }

    /// Blocks of a group.
    pub(super) fn group_blocks(&self, group: u32) -> u64 {
        self.blocks.saturating_sub(first_block(group)).min(GROUP_BLOCKS)
    }

    /// Blocks of an inode table.
    pub(super) fn table_blocks(&self) -> u64 {
        u64::from(self.inodes_per_group / INODES_PER_BLOCK)
    }

    /// Inodes of the volume.
    pub(super) fn inodes(&self) -> u64 {
        u64::from(self.inodes_per_group).saturating_mul(u64::from(self.groups))
    }

    /// Blocks that superblock, descriptors and their reserve take at a group's start.
    pub(super) fn copy_blocks(&self, group: u32) -> u64 {
        match has_superblock(group) {
            true => self.descriptor_blocks.saturating_add(self.reserved_descriptor_blocks).saturating_add(1),
            false => 0,
        }
    }

    /// Where a group's tables stand.
    pub(super) fn tables(&self, group: u32) -> GroupTables {
        self.tables.get(index(group)).copied().unwrap_or_default()
    }

    /// Groups with a copy of superblock and descriptors, without the first.
    pub(super) fn backup_groups(&self) -> impl Iterator<Item = u32> {
        (1..self.groups).filter(|group| has_superblock(*group))
    }

    /// What mke2fs wants of a last group: its metadata and 50 blocks.
    fn least_last_group(&self) -> u64 {
        let copy = self.copy_blocks(self.groups.saturating_sub(1));
        self.table_blocks().saturating_add(copy).saturating_add(2 + 50)
    }

    fn place_tables(&mut self, size: u64, flex_groups: u32) -> Result<()> {
        let mut tables = vec![GroupTables::default(); index(self.groups)];
        let mut taken = Vec::new();
        for group in (0..self.groups).filter(|group| has_superblock(*group)) {
            taken.push((first_block(group), self.copy_blocks(group)));
        }
        let table_blocks = self.table_blocks();
        for (flex, members) in (0_u32..).zip(tables.chunks_mut(index(flex_groups))) {
            let mut at = first_block(flex.saturating_mul(flex_groups));
            for tables in members.iter_mut() {
                tables.block_bitmap = self.place(&mut at, 1, &mut taken);
            }
            for tables in members.iter_mut() {
                tables.inode_bitmap = self.place(&mut at, 1, &mut taken);
            }
            for tables in members.iter_mut() {
                tables.inode_table = self.place(&mut at, table_blocks, &mut taken);
            }
            if at > self.blocks {
                return Err(too_small(size));
            }
        }
        taken.sort_unstable();
        self.tables = tables;
        self.space = Space::without(&taken, self.blocks);
        Ok(())
    }

    /// Takes `len` blocks from `at` on that hold no copy of the superblock and moves `at` behind them.
    fn place(&self, at: &mut u64, len: u64, taken: &mut Vec<(u64, u64)>) -> u64 {
        // A table has at most 2048 blocks, but descriptors may fill whole groups: look at each group it touches.
        let mut group = low32(*at / GROUP_BLOCKS);
        while first_block(group) < at.saturating_add(len) {
            let copy = self.copy_blocks(group);
            if copy > 0 && first_block(group).saturating_add(copy) > *at {
                *at = first_block(group).saturating_add(copy);
            }
            group = group.saturating_add(1);
        }
        let start = *at;
        *at = start.saturating_add(len);
        match taken.last_mut() {
            Some((last, blocks)) if last.saturating_add(*blocks) == start => {
                *blocks = blocks.saturating_add(len);
            }
            _ => taken.push((start, len)),
        }
        start
    }
}

impl Space {
    /// A space in which every position is its block.
    #[cfg(test)]
    pub(super) fn of_one_run(blocks: u64) -> Self {
        Self::without(&[], blocks)
    }

    fn without(taken: &[(u64, u64)], blocks: u64) -> Self {
        let mut space = Self { runs: Vec::new(), end: 0 };
        let mut block: u64 = 0;
        for (start, len) in taken.iter().copied().chain([(blocks, 0)]) {
            if start > block {
                space.runs.push(Run { position: space.end, block });
                space.end = space.end.saturating_add(start.saturating_sub(block));
            }
            block = block.max(start.saturating_add(len));
        }
        space
    }

    /// Number of positions.
    pub(super) fn end(&self) -> u64 {
        self.end
    }

    /// The block of a position and how many positions from it on stand in consecutive blocks.
    pub(super) fn locate(&self, position: u64) -> (u64, u64) {
        let next = self.runs.partition_point(|run| run.position <= position);
        let end = self.runs.get(next).map_or(self.end, |run| run.position);
        let run = next.checked_sub(1).and_then(|at| self.runs.get(at));
        let run = run.copied().unwrap_or(Run { position: 0, block: 0 });
        (run.block.saturating_add(position.saturating_sub(run.position)), end.saturating_sub(position))
    }

    /// The block after the first `positions` ones: everything below it that is not metadata is among them.
    pub(super) fn block_after(&self, positions: u64) -> u64 {
        positions.checked_sub(1).map_or(0, |last| self.locate(last).0.saturating_add(1))
    }

    /// The parts of blocks `start..end` that are not metadata.
    pub(super) fn within(&self, start: u64, end: u64) -> impl Iterator<Item = (u64, u64)> + '_ {
        let first = self.runs.partition_point(|run| run.block <= start).saturating_sub(1);
        let runs = self.runs.get(first..).unwrap_or_default();
        runs.iter().enumerate().take_while(move |(_, run)| run.block < end).filter_map(move |(at, run)| {
            let next = runs.get(at.saturating_add(1)).map_or(self.end, |next| next.position);
            let run_end = run.block.saturating_add(next.saturating_sub(run.position));
            let (from, to) = (run.block.max(start), run_end.min(end));
            (from < to).then_some((from, to))
        })
    }
}

/// The first block of a group.
pub(super) fn first_block(group: u32) -> u64 {
    u64::from(group).saturating_mul(GROUP_BLOCKS)
}

/// Whether a group has a copy of superblock and descriptors (`sparse_super`): 0, 1 and the powers of 3, 5 and 7.
pub(super) fn has_superblock(group: u32) -> bool {
    let is_power_of = |base: u32| {
        let mut power: u32 = base;
        while power < group {
            power = power.saturating_mul(base);
        }
        power == group
    };
    group <= 1 || [3, 5, 7].into_iter().any(is_power_of)
}

fn inodes_per_group(size: u64, groups: u32, inodes: u64, options: &Ext4Options) -> Result<u32> {
    let ratio = match options.bytes_per_inode {
        Some(bytes) => u64::from(bytes),
        None if size < 4 << 40 => 16_384,
        None if size < 16 << 40 => 32_768,
        None => 65_536,
    };
    let with_spare = inodes.saturating_add(inodes / 4);
    let wanted = size.checked_div(ratio).unwrap_or(0).max(with_spare);
    let groups = u64::from(groups);
    let most = u64::from(u32::MAX).checked_div(groups).unwrap_or(0).min(MAX_INODES_PER_GROUP);
    let each = wanted.div_ceil(groups).next_multiple_of(16).min(most.saturating_sub(most % 16));
    if each.saturating_mul(groups) < inodes {
        return Err(Error::new(
            ErrorKind::DoesNotFit,
            format!("{inodes} inodes do not fit a volume of {size} bytes"),
        ));
    }
    Ok(low32(each))
}

/// Descriptor blocks in reserve for growth.
fn reserved(size: u64, descriptor_blocks: u64, per_block: u64, options: &Ext4Options) -> Result<u64> {
    let blocks_for_groups = |bytes: u64| {
        let blocks = blocks_for(bytes).min(u64::from(u32::MAX));
        blocks.div_ceil(GROUP_BLOCKS).div_ceil(per_block.max(1))
    };
    match options.grow_to {
        Some(0) => Ok(0),
        Some(bytes) => {
            let reserved = blocks_for_groups(bytes).saturating_sub(descriptor_blocks).max(1);
            if reserved > MAX_RESERVED || blocks_for(bytes) > u64::from(u32::MAX) {
                let text = "more growth than a resize inode can reserve descriptors for";
                return Err(Error::new(ErrorKind::InvalidProfile, text).with_field("grow_to"));
            }
            Ok(reserved)
        }
        None if options.features.has_metadata_csum() => Ok(0),
        None => {
            let wanted = blocks_for_groups(size.saturating_mul(64));
            Ok(wanted.saturating_sub(descriptor_blocks).clamp(1, MAX_RESERVED))
        }
    }
}

fn too_small(size: u64) -> Error {
    Error::new(ErrorKind::DoesNotFit, format!("{size} bytes are too few for an ext4 volume"))
}

/// Blocks of a group: one bitmap block full.
pub(super) const GROUP_BLOCKS: u64 = 32_768;
/// Bytes of an inode.
pub(super) const INODE_SIZE: u64 = 256;
/// Inodes of a block.
pub(super) const INODES_PER_BLOCK: u32 = 16;
/// Inodes of one bitmap block.
const MAX_INODES_PER_GROUP: u64 = 32_768;
/// Block numbers of an indirect block: what one resize inode can reserve.
const MAX_RESERVED: u64 = 1024;

#[cfg(test)]
mod tests {
    use super::super::options::Ext4Features;
    use super::*;
    use crate::Timestamp;
    use uuid::Uuid;

    #[test]
    fn copies_are_in_groups_0_1_and_powers_of_3_5_7() {
        let groups: Vec<u32> = (0..130).filter(|group| has_superblock(*group)).collect();
        assert_eq!(groups, [0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125]);
    }

    #[test]
    fn backups_are_in_all_of_these_groups_but_the_first() {
        let options = Ext4Options::new(Uuid::nil(), Uuid::nil(), Timestamp::default());
        let backups = |groups| {
            let geometry = Geometry::new(first_block(groups), 100, &options).unwrap();
            geometry.backup_groups().collect::<Vec<_>>()
        };
        assert_eq!((backups(1), backups(9), backups(10)), (vec![], vec![1, 3, 5, 7], vec![1, 3, 5, 7, 9]));
    }

    #[test]
    fn metadata_and_space_cover_the_volume_once() {
        let options = |features| {
            Ext4Options::new(Uuid::nil(), Uuid::nil(), Timestamp::default())
                .with_bytes_per_inode(4096)
                .with_features(features)
        };
        let sizes = [400, 40_000, 32_768 * 3, 32_768 * 17, 32_768 * 40 + 9000];
        for (blocks, features) in
            sizes.into_iter().flat_map(|size| [Ext4Features::Modern, Ext4Features::Ext3].map(|to| (size, to)))
        {
            let options = options(features);
            let geometry = Geometry::new(blocks, 100, &options).unwrap();
            let mut taken = vec![false; index(geometry.blocks)];
            let mut take = |start: u64, len: u64| {
                for slot in &mut taken[index(start)..index(start.saturating_add(len))] {
                    assert!(!*slot, "{blocks}: block taken twice from {start}");
                    *slot = true;
                }
            };
            for group in 0..geometry.groups {
                take(first_block(group), geometry.copy_blocks(group));
                let tables = geometry.tables(group);
                take(tables.block_bitmap, 1);
                take(tables.inode_bitmap, 1);
                take(tables.inode_table, geometry.table_blocks());
                if features == Ext4Features::Ext3 {
                    let end = tables.inode_table.saturating_add(geometry.table_blocks());
                    assert!(tables.block_bitmap >= first_block(group));
                    assert!(end <= first_block(group).saturating_add(geometry.group_blocks(group)));
                }
            }
            let mut position = 0;
            while position < geometry.space.end() {
                let (block, run) = geometry.space.locate(position);
                take(block, run);
                position = position.saturating_add(run);
            }
            assert!(taken.iter().all(|slot| *slot));
        }
    }
}

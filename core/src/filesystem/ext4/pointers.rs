//! What leads from an inode to its blocks: a tree of extents, or a block map.

use super::block_map::BlockMaps;
use super::checksum::Checksum;
use super::encode::Block;
use super::extent::{ExtentTrees, Mapping};
use super::geometry::Space;
use super::options::Ext4Features;

/// The blocks of pointers of all inodes that need some, in an area of their own.
pub(super) enum Pointers {
    Extents(ExtentTrees),
    Blocks(BlockMaps),
}

impl Pointers {
    /// None yet, of the kind that these features have.
    pub(super) fn new(features: Ext4Features) -> Self {
        match features.has_extents() {
            true => Self::Extents(ExtentTrees::default()),
            false => Self::Blocks(BlockMaps::default()),
        }
    }

    /// Takes in an inode.
    pub(super) fn add(&mut self, number: u32, mapping: Mapping<'_>, space: &Space) {
        match self {
            Self::Extents(trees) => trees.add(number, mapping, space),
            Self::Blocks(maps) => maps.add(number, mapping),
        }
    }

    /// To be called when all inodes are in.
    pub(super) fn finish(&mut self) {
        match self {
            Self::Extents(trees) => trees.finish(),
            Self::Blocks(maps) => maps.finish(),
        }
    }

    /// Blocks of all inodes.
    pub(super) fn blocks(&self) -> u64 {
        match self {
            Self::Extents(trees) => trees.blocks(),
            Self::Blocks(maps) => maps.blocks(),
        }
    }

    /// Blocks of one inode.
    pub(super) fn blocks_of(&self, number: u32) -> u64 {
        match self {
            Self::Extents(trees) => trees.blocks_of(number),
            Self::Blocks(maps) => maps.blocks_of(number),
        }
    }

    /// i_block of an inode; `area` is the position of the area of these blocks.
    pub(super) fn root(&self, number: u32, mapping: Mapping<'_>, area: u64, space: &Space) -> [u8; 60] {
        match self {
            Self::Extents(trees) => trees.root(number, mapping, area, space),
            Self::Blocks(maps) => maps.root(number, mapping, area, space),
        }
    }

    /// Which inode a block of the area belongs to.
    pub(super) fn owner(&self, at: u64) -> Option<u32> {
        match self {
            Self::Extents(trees) => trees.owner(at),
            Self::Blocks(maps) => maps.owner(at),
        }
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
        match self {
            Self::Extents(trees) => trees.fill(at, mapping, area, space, checksum, to),
            Self::Blocks(maps) => maps.fill(at, mapping, area, space, to),
        }
    }
}

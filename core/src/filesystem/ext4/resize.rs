//! The resize inode: a block map over the descriptor blocks in reserve, by which kernels grow a mounted volume.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::encode::{BLOCK_LEN, BLOCK_SIZE, Block, index, low32, put32};
use super::geometry::{Geometry, first_block};

/// i_size: all that direct, indirect and double indirect blocks could map.
pub(super) const INODE_LEN: u64 = (1024 * 1024 + 1024 + 12) * BLOCK_SIZE;

/// Blocks that the inode owns: the reserve of every copy, and the double indirect block.
pub(super) fn inode_blocks(geometry: &Geometry) -> u64 {
    let copies = u64::try_from(geometry.backup_groups().count()).unwrap_or(0).saturating_add(1);
    geometry.reserved_descriptor_blocks.saturating_mul(copies).saturating_add(1)
}

/// The double indirect block: leads to the reserve of the first copy.
pub(super) fn double_indirect(geometry: &Geometry) -> Block {
    let mut block = [0; BLOCK_LEN];
    for at in 0..geometry.reserved_descriptor_blocks {
        let slot = geometry.descriptor_blocks.saturating_add(at) % PER_BLOCK;
        put32(&mut block, index(slot.saturating_mul(4)), low32(reserved_block(geometry, 0, at)));
    }
    block
}

/// A block of the first copy's reserve: leads to the same one of each other copy.
pub(super) fn reserve(geometry: &Geometry, at: u64) -> Block {
    let mut block = [0; BLOCK_LEN];
    for (slot, group) in block.chunks_exact_mut(4).zip(geometry.backup_groups()) {
        put32(slot, 0, low32(reserved_block(geometry, group, at)));
    }
    block
}

fn reserved_block(geometry: &Geometry, group: u32, at: u64) -> u64 {
    first_block(group).saturating_add(1).saturating_add(geometry.descriptor_blocks).saturating_add(at)
}

/// Block numbers of a block.
const PER_BLOCK: u64 = 1024;

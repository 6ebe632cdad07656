//! The journal: empty, so one superblock and zeros.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use uuid::Uuid;

use super::encode::{BLOCK_LEN, Block, low32, put};

/// Blocks of the journal of a volume of so many blocks, as mke2fs chooses, but at most 128 MiB; 0 below 8 MiB.
pub(super) fn blocks(volume: u64) -> u64 {
    match volume {
        0..2048 => 0,
        2048..32_768 => 1024,
        32_768..262_144 => 4096,
        262_144..524_288 => 8192,
        524_288..4_194_304 => 16_384,
        _ => 32_768,
    }
}

/// The journal's first block.
///
/// # Reference
/// "ext4 Data Structures and Algorithms", Journal (jbd2), Super Block. All fields big-endian.
pub(super) fn superblock(blocks: u64, uuid: Uuid) -> Block {
    let mut block = [0; BLOCK_LEN];
    // h_magic, h_blocktype (superblock v2), s_blocksize, s_maxlen, s_first, s_sequence.
    let fields = [(0, 0xc03b_3998), (4, 4), (12, 4096), (16, low32(blocks)), (20, 1), (24, 1)];
    for (at, value) in fields {
        put(&mut block, at, &u32::to_be_bytes(value));
    }
    put(&mut block, 0x30, uuid.as_bytes());
    // s_nr_users.
    put(&mut block, 0x40, &1_u32.to_be_bytes());
    block
}

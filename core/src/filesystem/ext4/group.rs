//! Bitmaps and descriptors of the groups.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::encode::{BLOCK_LEN, Block, high32, index, low16, low32, put16, put32};
use super::geometry::{GROUP_BLOCKS, first_block};
use super::numbering::LOST_FOUND;
use super::volume::Volume;

impl Volume {
    /// Inodes of a group up to the last in use; as numbers are given in order, all of these are in use.
    pub(super) fn used_inodes(&self, group: u32) -> u32 {
        let each = self.arrangement.geometry.inodes_per_group;
        let before = u64::from(group).saturating_mul(u64::from(each));
        low32(u64::from(self.contents.numbering.last_number()).saturating_sub(before).min(u64::from(each)))
    }

    /// Whether the kernel can tell a group's block bitmap by itself, so that it need not be written.
    ///
    /// That is so for groups that hold nothing but a copy of the superblock; the first and the last are always written.
    pub(super) fn is_block_bitmap_implied(&self, group: u32) -> bool {
        let geometry = &self.arrangement.geometry;
        let last = geometry.groups.saturating_sub(1);
        let start = first_block(group);
        let may_be = self.options.features.has_group_checksum();
        if !may_be || group == 0 || group >= last || self.arrangement.used_end() > start {
            return false;
        }
        let free: u64 = geometry
            .space
            .within(start, start.saturating_add(GROUP_BLOCKS))
            .map(|(from, to)| to.saturating_sub(from))
            .sum();
        free.saturating_add(geometry.copy_blocks(group)) == GROUP_BLOCKS
    }

    /// Whether the kernel can tell a group's inode bitmap by itself: none of its inodes is in use.
    pub(super) fn is_inode_bitmap_implied(&self, group: u32) -> bool {
        self.options.features.has_group_checksum() && self.used_inodes(group) == 0
    }

    /// Fills a group's block bitmap; says how many of its blocks are free.
    pub(super) fn fill_block_bitmap(&self, group: u32, to: &mut Block) -> u64 {
        let geometry = &self.arrangement.geometry;
        let start = first_block(group);
        let end = start.saturating_add(geometry.group_blocks(group));
        to.fill(0xff);
        let mut free: u64 = 0;
        for (from, until) in geometry.space.within(start.max(self.arrangement.used_end()), end) {
            clear_bits(to, from.saturating_sub(start), until.saturating_sub(start));
            free = free.saturating_add(until.saturating_sub(from));
        }
        free
    }

    /// Fills a group's inode bitmap.
    pub(super) fn fill_inode_bitmap(&self, group: u32, to: &mut Block) {
        to.fill(0xff);
        let each = u64::from(self.arrangement.geometry.inodes_per_group);
        clear_bits(to, u64::from(self.used_inodes(group)), each);
    }

    /// The descriptors of all groups, filled up to whole blocks.
    pub(super) fn descriptors(&self) -> Vec<u8> {
        let geometry = &self.arrangement.geometry;
        let len = index(self.options.features.descriptor_len());
        let mut bytes = vec![0; index(geometry.descriptor_blocks).saturating_mul(BLOCK_LEN)];
        let directories = self.directories_by_group();
        let groups = (0..geometry.groups).zip(directories);
        for (slot, (group, directories)) in bytes.chunks_exact_mut(len).zip(groups) {
            self.put_descriptor(group, directories, slot);
        }
        bytes
    }

    /// Struct ext4_group_desc; the fields from 0x20 on are those of 64-byte descriptors.
    fn put_descriptor(&self, group: u32, directories: u32, to: &mut [u8]) {
        let geometry = &self.arrangement.geometry;
        let each = geometry.inodes_per_group;
        let used = self.used_inodes(group);
        let unused = each.saturating_sub(used);
        let mut bitmap = [0; BLOCK_LEN];
        let has_checksum = self.options.features.has_group_checksum();
        let mut flags = if has_checksum { INODE_ZEROED } else { 0 };
        let (mut block_crc, mut inode_crc) = (0, 0);
        let free = if self.is_block_bitmap_implied(group) {
            flags |= BLOCK_UNINIT;
            GROUP_BLOCKS.saturating_sub(geometry.copy_blocks(group))
        } else {
            let free = self.fill_block_bitmap(group, &mut bitmap);
            block_crc = self.checksum.of(&[&bitmap]).unwrap_or(0);
            free
        };
        if self.is_inode_bitmap_implied(group) {
            flags |= INODE_UNINIT;
        } else {
            self.fill_inode_bitmap(group, &mut bitmap);
            inode_crc = self.checksum.of(&[&bitmap[..index(each / 8)]]).unwrap_or(0);
        }
        let tables = geometry.tables(group);
        let blocks = [tables.block_bitmap, tables.inode_bitmap, tables.inode_table];
        let counts = [free, u64::from(unused), u64::from(directories)];
        for (at, (block, count)) in (0..).step_by(4).zip(blocks.into_iter().zip(counts)) {
            put32(to, at, low32(block));
            put16(to, 0x0c_usize.saturating_add(at / 2), low16(count));
        }
        put16(to, 0x12, flags);
        put16(to, 0x18, low16(u64::from(block_crc)));
        put16(to, 0x1a, low16(u64::from(inode_crc)));
        if !has_checksum {
            return;
        }
        put16(to, 0x1c, low16(u64::from(unused)));
        if to.len() >= 64 {
            for (at, (block, count)) in (0..).step_by(4).zip(blocks.into_iter().zip(counts)) {
                put32(to, 0x20_usize.saturating_add(at), high32(block));
                put16(to, 0x2c_usize.saturating_add(at / 2), low16(count >> 16));
            }
            put16(to, 0x32, low16(u64::from(unused >> 16)));
            put16(to, 0x38, low16(u64::from(block_crc >> 16)));
            put16(to, 0x3a, low16(u64::from(inode_crc >> 16)));
        }
        put16(to, 0x1e, self.checksum.of_descriptor(group, to));
    }

    fn directories_by_group(&self) -> Vec<u32> {
        let geometry = &self.arrangement.geometry;
        let mut counts = vec![0_u32; index(geometry.groups)];
        let numbering = &self.contents.numbering;
        let made = (!numbering.has_lost_found()).then_some(LOST_FOUND);
        let numbers = self.contents.directories.iter().map(|directory| numbering.number(directory.rank));
        for number in numbers.chain(made) {
            let group = number.saturating_sub(1).checked_div(geometry.inodes_per_group).unwrap_or(0);
            if let Some(count) = counts.get_mut(index(group)) {
                *count = count.saturating_add(1);
            }
        }
        counts
    }
}

/// Clears bits `from..to` of a bitmap.
fn clear_bits(bitmap: &mut Block, from: u64, to: u64) {
    let (first, last) = (from / 8, to / 8);
    let head = !(0xff_u8.checked_shl(low32(from % 8)).unwrap_or(0));
    let tail = 0xff_u8.checked_shl(low32(to % 8)).unwrap_or(0);
    if first == last {
        if let Some(byte) = bitmap.get_mut(index(first)) {
            *byte &= head | tail;
        }
        return;
    }
    if let Some(byte) = bitmap.get_mut(index(first)) {
        *byte &= head;
    }
    if let Some(bytes) = bitmap.get_mut(index(first.saturating_add(1))..index(last)) {
        bytes.fill(0);
    }
    if let Some(byte) = bitmap.get_mut(index(last)) {
        *byte &= tail;
    }
}

const INODE_UNINIT: u16 = 1;
const BLOCK_UNINIT: u16 = 2;
/// What no inode uses of the table is zero.
const INODE_ZEROED: u16 = 4;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_cleared_to_the_bit() {
        for from in 0..40_u64 {
            for to in from..40 {
                let mut bitmap = [0xff; BLOCK_LEN];
                clear_bits(&mut bitmap, from, to);
                let is_set = |bit: u64| bitmap[index(bit / 8)] & 1 << (bit % 8) != 0;
                assert!((0..64).all(|bit| is_set(bit) != (from..to).contains(&bit)), "{from}..{to}");
            }
        }
        let mut bitmap = [0xff; BLOCK_LEN];
        clear_bits(&mut bitmap, 0, GROUP_BLOCKS);
        assert_eq!(bitmap, [0; BLOCK_LEN]);
    }
}

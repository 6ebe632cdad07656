//! The superblock.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::checksum::crc32c;
use super::encode::{high32, low16, low32, put, put8, put16, put32};
use super::numbering::JOURNAL;
use super::options::Ext4Features;
use super::volume::Volume;

/// Bytes of the superblock.
pub(super) const SUPERBLOCK_LEN: usize = 1024;

impl Volume {
    /// The copy of the superblock in a group.
    ///
    /// # Reference
    /// "ext4 Data Structures and Algorithms", Super Block.
    pub(super) fn superblock(&self, group: u32) -> [u8; SUPERBLOCK_LEN] {
        let mut to = [0; SUPERBLOCK_LEN];
        let to = &mut to;
        self.put_counts(to);
        let options = &self.options;
        // s_log_block_size, s_log_cluster_size: 1024 << 2.
        put32(to, 0x18, 2);
        put32(to, 0x1c, 2);
        put32(to, 0x20, 32_768);
        put32(to, 0x24, 32_768);
        put16(to, 0x36, 0xffff); // s_max_mnt_count: never
        put16(to, 0x38, 0xef53); // s_magic
        put16(to, 0x3a, 1); // s_state: clean
        put16(to, 0x3c, 1); // s_errors: continue
        put32(to, 0x4c, 1); // s_rev_level: dynamic
        put32(to, 0x54, 11); // s_first_ino
        put16(to, 0x58, 256); // s_inode_size
        put16(to, 0x5a, low16(u64::from(group)));
        for (at, word) in [0x5c, 0x60, 0x64].into_iter().zip(self.features()) {
            put32(to, at, word);
        }
        put(to, 0x68, options.uuid.as_bytes());
        put(to, 0x78, options.label.as_bytes());
        put(to, 0xec, options.hash_seed.as_bytes());
        put8(to, 0xfc, 1); // s_def_hash_version: half MD4
        put32(to, 0x100, 0x0c); // s_default_mount_opts: user_xattr, acl
        put16(to, 0x15c, 32); // s_min_extra_isize
        put16(to, 0x15e, 32); // s_want_extra_isize
        put32(to, 0x160, 1); // s_flags: signed directory hash
        // s_log_groups_per_flex
        put8(to, 0x174, low16(u64::from(options.features.flex_groups().ilog2())).to_le_bytes()[0]);
        if options.features == Ext4Features::Modern {
            put16(to, 0xfe, low16(options.features.descriptor_len()));
        }
        self.put_journal(to);
        self.put_times(to);
        if self.checksum.is_full() {
            put8(to, 0x175, 1); // s_checksum_type: CRC-32C
            let crc = crc32c(!0, &to[..0x3fc]);
            put32(to, 0x3fc, crc);
        }
        *to
    }

    /// Feature words: compatible, incompatible, read-only compatible.
    fn features(&self) -> [u32; 3] {
        let arrangement = &self.arrangement;
        let mut compat = EXT_ATTR | DIR_INDEX;
        if !arrangement.areas.journal.is_empty() {
            compat |= HAS_JOURNAL;
        }
        if arrangement.geometry.reserved_descriptor_blocks > 0 {
            compat |= RESIZE_INODE;
        }
        let incompat = FILETYPE | EXTENTS | FLEX_BG;
        let ro_compat = SPARSE_SUPER | LARGE_FILE | HUGE_FILE | DIR_NLINK | EXTRA_ISIZE;
        match self.options.features {
            Ext4Features::Modern => [compat, incompat | BITS_64, ro_compat | METADATA_CSUM],
            Ext4Features::Legacy => [compat, incompat, ro_compat | GDT_CSUM],
            Ext4Features::Ext3 | Ext4Features::Ext2 => [compat, FILETYPE, SPARSE_SUPER | LARGE_FILE],
        }
    }

    fn put_counts(&self, to: &mut [u8]) {
        let geometry = &self.arrangement.geometry;
        let inodes = geometry.inodes();
        let used = u64::from(self.contents.numbering.last_number());
        let counts = [geometry.blocks, self.reserved_blocks(), self.arrangement.free_blocks()];
        put32(to, 0x00, low32(inodes));
        for (low, high, count) in
            [(0x04, 0x150, counts[0]), (0x08, 0x154, counts[1]), (0x0c, 0x158, counts[2])]
        {
            put32(to, low, low32(count));
            put32(to, high, high32(count));
        }
        put32(to, 0x10, low32(inodes.saturating_sub(used)));
        put32(to, 0x28, geometry.inodes_per_group);
        put16(to, 0xce, low16(geometry.reserved_descriptor_blocks));
    }

    /// s_journal_inum and the copy of its i_block; s_journal_uuid stays zero, as for every journal inside.
    fn put_journal(&self, to: &mut [u8]) {
        if self.arrangement.areas.journal.is_empty() {
            return;
        }
        put32(to, 0xe0, JOURNAL);
        put8(to, 0xfd, 1); // s_jnl_backup_type
        let (block, size) = self.journal_backup();
        put(to, 0x10c, &block);
        put32(to, 0x148, high32(size));
        put32(to, 0x14c, low32(size));
    }

    /// s_wtime, s_lastcheck and s_mkfs_time with their bits 32..40.
    fn put_times(&self, to: &mut [u8]) {
        let seconds = self.options.created.seconds.cast_unsigned();
        for (low, high) in [(0x30, 0x274), (0x40, 0x277), (0x108, 0x276)] {
            put32(to, low, low32(seconds));
            put8(to, high, low16(seconds >> 32).to_le_bytes()[0]);
        }
    }
}

const HAS_JOURNAL: u32 = 0x4;
const EXT_ATTR: u32 = 0x8;
const RESIZE_INODE: u32 = 0x10;
const DIR_INDEX: u32 = 0x20;
const FILETYPE: u32 = 0x2;
const EXTENTS: u32 = 0x40;
const BITS_64: u32 = 0x80;
const FLEX_BG: u32 = 0x200;
const SPARSE_SUPER: u32 = 0x1;
const LARGE_FILE: u32 = 0x2;
const HUGE_FILE: u32 = 0x8;
const GDT_CSUM: u32 = 0x10;
const DIR_NLINK: u32 = 0x20;
const EXTRA_ISIZE: u32 = 0x40;
const METADATA_CSUM: u32 = 0x400;

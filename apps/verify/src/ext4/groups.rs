//! Groups: their descriptors, bitmaps and copies, against what the inodes really take.

use diskwright_core::Result;

use super::superblock::{Flavour, OFFSET, STRUCTURE, has_copy};
use super::{BLOCK, GROUP_BLOCKS, INODE, Volume};
use crate::bytes::{first_difference, first_nonzero, hex, len, len64, u16_le, u32_le};
use crate::disk::{expect_zeros, read};
use crate::finding::Findings;

/// A group descriptor, its fields read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub(super) block_bitmap: u64,
    pub(super) inode_bitmap: u64,
    pub(super) inode_table: u64,
    free_blocks: u64,
    free_inodes: u64,
    directories: u64,
    unused_inodes: u64,
    flags: u16,
    block_crc: u32,
    inode_crc: u32,
    crc: u16,
}

impl Volume<'_> {
    /// A group's descriptor in the first copy.
    ///
    /// # Reference
    /// "ext4 Data Structures and Algorithms", Block Group Descriptors.
    pub(super) fn descriptor(&self, group: u64) -> Result<(Descriptor, Vec<u8>)> {
        let size = self.superblock.descriptor_len;
        let at = self.offset(1).saturating_add(group.saturating_mul(size));
        let bytes = read(self.disk, at, len(size))?;
        // Fields of the second half read as zeros where there is none.
        let wide =
            |low: usize, high: usize| u64::from(u32_le(&bytes, low)) | u64::from(u32_le(&bytes, high)) << 32;
        let count =
            |low: usize, high: usize| u32::from(u16_le(&bytes, low)) | u32::from(u16_le(&bytes, high)) << 16;
        let descriptor = Descriptor {
            block_bitmap: wide(0x00, 0x20),
            inode_bitmap: wide(0x04, 0x24),
            inode_table: wide(0x08, 0x28),
            free_blocks: u64::from(count(0x0c, 0x2c)),
            free_inodes: u64::from(count(0x0e, 0x2e)),
            directories: u64::from(count(0x10, 0x30)),
            flags: u16_le(&bytes, 0x12),
            block_crc: count(0x18, 0x38),
            inode_crc: count(0x1a, 0x3a),
            unused_inodes: u64::from(count(0x1c, 0x32)),
            crc: u16_le(&bytes, 0x1e),
        };
        Ok((descriptor, bytes))
    }

    /// Takes the blocks of all fixed metadata.
    pub(super) fn take_metadata(&mut self, findings: &mut Findings) -> Result<()> {
        for group in 0..self.superblock.groups {
            if findings.is_full() {
                return Ok(());
            }
            let copy = self.superblock.copy_blocks(group);
            self.own(
                group.saturating_mul(GROUP_BLOCKS),
                copy,
                &format!("copy of the superblock in group {group}"),
                findings,
            );
            let (descriptor, _) = self.descriptor(group)?;
            let table = self.superblock.inodes_per_group / (BLOCK / len64(INODE));
            let parts = [
                (descriptor.block_bitmap, 1, "block bitmap"),
                (descriptor.inode_bitmap, 1, "inode bitmap"),
                (descriptor.inode_table, table, "inode table"),
            ];
            for (block, blocks, what) in parts {
                self.own(block, blocks, &format!("{what} of group {group}"), findings);
            }
        }
        Ok(())
    }

    /// Checks descriptors, bitmaps, unused inodes and copies, when everything in use is known.
    pub(super) fn check_groups(&mut self, findings: &mut Findings) -> Result<()> {
        let (mut free_blocks, mut free_inodes) = (0_u64, 0_u64);
        for group in 0..self.superblock.groups {
            if findings.is_full() {
                return Ok(());
            }
            let (descriptor, bytes) = self.descriptor(group)?;
            let name = format!("descriptor of group {group}");
            let at = self.offset(1).saturating_add(group.saturating_mul(self.superblock.descriptor_len));
            // A volume has fewer than 2³² groups.
            let crc = self.superblock.descriptor_crc(u32::try_from(group).unwrap_or(0), &bytes);
            findings.equal("ext4-checksum", &name, at, ("bg_checksum", descriptor.crc, crc));
            let reserved =
                bytes.get(0x14..0x18).into_iter().chain(bytes.get(0x34..0x38)).chain(bytes.get(0x3c..));
            if reserved.into_iter().any(|bytes| first_nonzero(bytes).is_some()) {
                findings.add("ext4-descriptor", &*name, Some(at), "zeros in reserved fields", hex(&bytes));
            }
            let blocks = self.check_block_bitmap(group, &descriptor, findings)?;
            let inodes = self.check_inode_bitmap(group, &descriptor, findings)?;
            let directories = self.directories.get(&group).copied().unwrap_or(0);
            let f = &mut *findings;
            f.equal("ext4-descriptor", &name, at, ("free blocks", descriptor.free_blocks, blocks));
            f.equal("ext4-descriptor", &name, at, ("free inodes", descriptor.free_inodes, inodes));
            f.equal("ext4-descriptor", &name, at, ("directories", descriptor.directories, directories));
            free_blocks = free_blocks.saturating_add(blocks);
            free_inodes = free_inodes.saturating_add(inodes);
            self.check_unused_inodes(group, &descriptor, findings)?;
            self.check_copy(group, findings)?;
        }
        let at = self.start.saturating_add(OFFSET);
        findings.equal(
            "ext4-superblock",
            STRUCTURE,
            at,
            ("free blocks", self.superblock.free_blocks, free_blocks),
        );
        findings.equal(
            "ext4-superblock",
            STRUCTURE,
            at,
            ("free inodes", self.superblock.free_inodes, free_inodes),
        );
        Ok(())
    }

    /// Free blocks of a group, whose bitmap must say the same.
    fn check_block_bitmap(
        &self,
        group: u64,
        descriptor: &Descriptor,
        findings: &mut Findings,
    ) -> Result<u64> {
        let first = group.saturating_mul(GROUP_BLOCKS);
        let end = first.saturating_add(self.superblock.group_blocks(group));
        let mut bitmap = vec![0_u8; len(BLOCK)];
        for (from, to) in self.owned.within(first, end).chain([(end, first.saturating_add(GROUP_BLOCKS))]) {
            set_bits(&mut bitmap, from - first, to - first);
        }
        let free = end.saturating_sub(first).saturating_sub(self.owned.count(first, end));
        let is_implied = descriptor.flags & 2 != 0;
        // Only what is a copy of the superblock alone can be told without a bitmap.
        if is_implied && self.owned.count(first, end) != self.superblock.copy_blocks(group) {
            findings.add(
                "ext4-bitmap",
                format!("block bitmap of group {group}"),
                None,
                "a bitmap",
                "BLOCK_UNINIT",
            );
        }
        let stored = if is_implied { None } else { Some(&bitmap[..]) };
        self.check_bitmap(
            ("block bitmap", group),
            descriptor.block_bitmap,
            stored,
            descriptor.block_crc,
            findings,
        )?;
        Ok(free)
    }

    /// Free inodes of a group, whose bitmap must say the same.
    fn check_inode_bitmap(
        &self,
        group: u64,
        descriptor: &Descriptor,
        findings: &mut Findings,
    ) -> Result<u64> {
        let each = self.superblock.inodes_per_group;
        // Numbers count from 1.
        let first = group.saturating_mul(each).saturating_add(1);
        let end = first.saturating_add(each);
        let mut bitmap = vec![0_u8; len(BLOCK)];
        for (from, to) in self.inodes.within(first, end) {
            set_bits(&mut bitmap, from - first, to - first);
        }
        set_bits(&mut bitmap, each, 8 * BLOCK);
        let used = self.inodes.count(first, end);
        let is_implied = descriptor.flags & 1 != 0;
        if is_implied && used > 0 {
            findings.add(
                "ext4-bitmap",
                format!("inode bitmap of group {group}"),
                None,
                "a bitmap",
                "INODE_UNINIT",
            );
        }
        let stored = if is_implied { None } else { Some(&bitmap[..]) };
        self.check_bitmap(
            ("inode bitmap", group),
            descriptor.inode_bitmap,
            stored,
            descriptor.inode_crc,
            findings,
        )?;
        // INODE_ZEROED, and bg_itable_unused, go with checksums.
        let has_checksums = self.superblock.flavour != Flavour::Classic;
        let last = self.inodes.within(first, end).last().map_or(0, |(_, to)| to - first);
        let unused = if has_checksums { each - last.min(each) } else { 0 };
        let name = format!("descriptor of group {group}");
        let at = self.offset(1).saturating_add(group.saturating_mul(self.superblock.descriptor_len));
        findings.equal("ext4-descriptor", &name, at, ("unused inodes", descriptor.unused_inodes, unused));
        let flags = descriptor.flags & !3;
        findings.equal("ext4-descriptor", &name, at, ("flags", flags, if has_checksums { 4 } else { 0 }));
        Ok(each.saturating_sub(used))
    }

    /// A bitmap on the disk; `expected` is `None` where the kernel tells it by itself and zeros stand.
    fn check_bitmap(
        &self,
        (what, group): (&str, u64),
        block: u64,
        expected: Option<&[u8]>,
        crc: u32,
        findings: &mut Findings,
    ) -> Result<()> {
        if block >= self.superblock.blocks {
            return Ok(());
        }
        let name = format!("{what} of group {group}");
        let found = self.block(block)?;
        let zeros = vec![0; len(BLOCK)];
        let wanted = expected.unwrap_or(&zeros);
        if let Some(at) = first_difference(&found, wanted) {
            let place = self.offset(block).saturating_add(len64(at));
            let shown = |bytes: &[u8]| bytes.get(at).map_or(String::new(), |byte| format!("{byte:#010b}"));
            findings.add("ext4-bitmap", &*name, Some(place), shown(wanted), shown(&found));
        }
        let covered =
            if what == "inode bitmap" { len(self.superblock.inodes_per_group / 8) } else { len(BLOCK) };
        let sum = expected.and_then(|_| self.superblock.crc(&[found.get(..covered).unwrap_or_default()]));
        findings.equal("ext4-checksum", &name, self.offset(block), ("checksum", crc, sum.unwrap_or(0)));
        Ok(())
    }

    /// Inodes that nothing uses are zeros.
    fn check_unused_inodes(
        &self,
        group: u64,
        descriptor: &Descriptor,
        findings: &mut Findings,
    ) -> Result<()> {
        let each = self.superblock.inodes_per_group;
        let first = group.saturating_mul(each).saturating_add(1);
        let blocks = each.saturating_mul(len64(INODE)) / BLOCK;
        if descriptor.inode_table.saturating_add(blocks) > self.superblock.blocks {
            return Ok(());
        }
        let table = self.offset(descriptor.inode_table);
        let reserved = [1_u64, 3, 4, 5, 6, 9, 10].map(|number| (number, number + 1));
        let reserved =
            reserved.into_iter().filter(|(number, _)| (first..first.saturating_add(each)).contains(number));
        let unused = self.inodes.gaps(first, first.saturating_add(each)).chain(reserved);
        for (from, to) in unused {
            let place = |number: u64| table.saturating_add((number - first).saturating_mul(len64(INODE)));
            let name = format!("unused inodes from {from}");
            expect_zeros(self.disk, place(from), place(to), ("ext4-inode", &name), findings)?;
        }
        Ok(())
    }

    /// Superblock and descriptors of a group equal the first; what is kept for more descriptors is checked with the
    /// inode that holds it.
    fn check_copy(&self, group: u64, findings: &mut Findings) -> Result<()> {
        if !has_copy(group) {
            return Ok(());
        }
        let first = group.saturating_mul(GROUP_BLOCKS);
        let name = format!("copy of the superblock in group {group}");
        let head = self.block(first)?;
        let mut expected = if group == 0 { vec![0; len(OFFSET)] } else { Vec::new() };
        expected.extend_from_slice(&if group == 0 {
            self.superblock.bytes.clone()
        } else {
            self.superblock.copy(group)
        });
        expected.resize(len(BLOCK), 0);
        if let Some(at) = first_difference(&head, &expected) {
            let shown = |bytes: &[u8]| hex(bytes.get(at..(at + 4).min(bytes.len())).unwrap_or_default());
            let place = self.offset(first).saturating_add(len64(at));
            findings.add("ext4-copy", &*name, Some(place), shown(&expected), shown(&head));
        }
        let used = self.superblock.groups.saturating_mul(self.superblock.descriptor_len);
        for at in 0..self.superblock.descriptor_blocks() {
            let own = self.block(first.saturating_add(1).saturating_add(at))?;
            let other = self.block(at.saturating_add(1))?;
            let place = self.offset(first.saturating_add(1).saturating_add(at));
            if let Some(inside) = first_difference(&own, &other) {
                let name = format!("copy of the descriptors in group {group}");
                let place = place.saturating_add(len64(inside));
                let shown =
                    |bytes: &[u8]| bytes.get(inside).map_or(String::new(), |byte| format!("{byte:#04x}"));
                findings.add("ext4-copy", name, Some(place), shown(&other), shown(&own));
            }
            let end = len(used.saturating_sub(at.saturating_mul(BLOCK)));
            if first_nonzero(own.get(end..).unwrap_or_default()).is_some() {
                findings.add("ext4-descriptor", "descriptors", Some(place), "zeros after the last", "bytes");
            }
        }
        Ok(())
    }
}

/// Sets bits `from..to` of a bitmap.
fn set_bits(bitmap: &mut [u8], from: u64, to: u64) {
    let (mut at, to) = (len(from), len(to));
    while at < to {
        let whole = at % 8 == 0 && to - at >= 8;
        let Some(byte) = bitmap.get_mut(at / 8) else { return };
        if whole {
            *byte = 0xff;
            at += 8;
        } else {
            *byte |= 1 << (at % 8);
            at += 1;
        }
    }
}

//! Inodes that no directory names: the journal and what is kept for more descriptors.

use diskwright_core::Result;

use super::superblock::{OFFSET, STRUCTURE, has_copy};
use super::{BLOCK, GROUP_BLOCKS, Volume};
use crate::bytes::{array, first_difference, hex, len, len64, put, u32_be};
use crate::disk::expect_zeros;
use crate::finding::Findings;

impl Volume<'_> {
    /// Inode 8 with an empty journal, and the superblock's copy of its blocks.
    ///
    /// # Reference
    /// "ext4 Data Structures and Algorithms", Journal (jbd2).
    pub(super) fn check_journal(&mut self, findings: &mut Findings) -> Result<()> {
        if !self.superblock.has_journal {
            return self.check_absent(8, findings);
        }
        let Some(inode) = self.inode(JOURNAL, findings)? else { return Ok(()) };
        let mapping = self.mapping_of(&inode, findings)?;
        let name = "journal";
        let (found, size) = ((inode.format | inode.mode, inode.links), inode.size);
        if found != (0o100_600, 1) || !inode.is_plain() {
            findings.add(
                "ext4-journal",
                name,
                None,
                "a file of mode 0600 of root, named once",
                format!("{found:?}"),
            );
        }
        if mapping.end() != size / BLOCK || mapping.blocks() != mapping.end() || size % BLOCK != 0 {
            findings.add(
                "ext4-journal",
                name,
                None,
                format!("{size} bytes without holes"),
                format!("{} blocks", mapping.blocks()),
            );
        }
        let sums = mapping.blocks().saturating_add(mapping.pointers);
        findings.equal("ext4-journal", name, self.start, ("blocks", inode.blocks, sums));
        let mut backup: Vec<u8> = inode.bytes.get(0x28..0x64).unwrap_or_default().to_vec();
        backup.extend_from_slice(&array::<4>(&(size >> 32).to_le_bytes(), 0));
        backup.extend_from_slice(&array::<4>(&size.to_le_bytes(), 0));
        let stored = self.superblock.bytes.get(0x10c..0x150).unwrap_or_default();
        if let Some(at) = first_difference(stored, &backup) {
            let place = self.start.saturating_add(OFFSET + 0x10c).saturating_add(len64(at));
            findings.add(
                "ext4-superblock",
                STRUCTURE,
                Some(place),
                "the journal's blocks",
                hex(stored.get(at..).unwrap_or_default()),
            );
        }
        self.check_journal_blocks(&mapping, findings)
    }

    fn check_journal_blocks(&self, mapping: &super::mapping::Mapping, findings: &mut Findings) -> Result<()> {
        let mut expected = vec![0; len(BLOCK)];
        let blocks = u32::try_from(mapping.blocks()).unwrap_or(u32::MAX);
        // h_magic, h_blocktype (superblock v2), s_blocksize, s_maxlen, s_first, s_sequence, s_nr_users; then s_uuid.
        let fields = [(0, 0xc03b_3998_u32), (4, 4), (12, 4096), (16, blocks), (20, 1), (24, 1), (0x40, 1)];
        for (at, value) in fields {
            put(&mut expected, at, &value.to_be_bytes());
        }
        put(&mut expected, 0x30, &self.superblock.uuid);
        for run in &mapping.runs {
            let (start, end) = (self.offset(run.block), self.offset(run.block.saturating_add(run.len)));
            let mut zeros_from = start;
            if run.logical == 0 {
                let found = self.block(run.block)?;
                if let Some(at) = first_difference(&found, &expected) {
                    let at = at / 4 * 4;
                    let place = start.saturating_add(len64(at));
                    findings.add(
                        "ext4-journal",
                        "journal superblock",
                        Some(place),
                        format!("{:#x}", u32_be(&expected, at)),
                        format!("{:#x}", u32_be(&found, at)),
                    );
                }
                zeros_from = start.saturating_add(BLOCK);
            }
            expect_zeros(self.disk, zeros_from, end, ("ext4-journal", "journal"), findings)?;
        }
        Ok(())
    }

    /// Inode 7: a map over the blocks that are kept for descriptors, each of which leads to the same one of every copy.
    pub(super) fn check_resize(&mut self, findings: &mut Findings) -> Result<()> {
        let reserved = self.superblock.reserved_descriptor_blocks;
        if reserved == 0 {
            return self.check_absent(7, findings);
        }
        let Some(inode) = self.inode(RESIZE, findings)? else { return Ok(()) };
        let name = "inode of reserved descriptors";
        let copies: Vec<u64> = (1..self.superblock.groups).filter(|group| has_copy(*group)).collect();
        let wanted_size = (1024 * 1024 + 1024 + 12) * BLOCK;
        let wanted_blocks = reserved.saturating_mul(len64(copies.len()) + 1).saturating_add(1);
        let found = (inode.format | inode.mode, inode.links, inode.size, inode.blocks, inode.flags);
        let wanted = (0o100_600, 1, wanted_size, wanted_blocks, 0);
        if found != wanted || !inode.is_plain() {
            findings.add("ext4-resize", name, None, format!("{wanted:?}"), format!("{found:?}"));
        }
        let map: Vec<u64> = inode
            .bytes
            .get(0x28..0x64)
            .unwrap_or_default()
            .chunks_exact(4)
            .map(|word| u64::from(crate::bytes::u32_le(word, 0)))
            .collect();
        let double = map.get(13).copied().unwrap_or(0);
        if map.iter().enumerate().any(|(at, block)| at != 13 && *block != 0)
            || !self.own(double, 1, name, findings)
        {
            findings.add("ext4-resize", name, None, "one double indirect block", format!("{map:?}"));
            return Ok(());
        }
        let first_of = |group: u64, at: u64| {
            group
                .saturating_mul(GROUP_BLOCKS)
                .saturating_add(1)
                .saturating_add(self.superblock.descriptor_blocks())
                .saturating_add(at)
        };
        let word = |block: u64| u32::try_from(block).unwrap_or(u32::MAX).to_le_bytes();
        let mut top = vec![0; len(BLOCK)];
        for at in 0..reserved {
            let slot = (self.superblock.descriptor_blocks().saturating_add(at)) % (BLOCK / 4);
            put(&mut top, len(slot) * 4, &word(first_of(0, at)));
        }
        self.check_block(double, &top, name, findings)?;
        for at in 0..reserved {
            let mut block = vec![0; len(BLOCK)];
            for (slot, group) in copies.iter().enumerate() {
                put(&mut block, slot * 4, &word(first_of(*group, at)));
            }
            self.check_block(first_of(0, at), &block, name, findings)?;
            for group in &copies {
                self.check_block(first_of(*group, at), &vec![0; len(BLOCK)], name, findings)?;
            }
        }
        Ok(())
    }

    fn check_block(&self, block: u64, expected: &[u8], name: &str, findings: &mut Findings) -> Result<()> {
        if block >= self.superblock.blocks {
            return Ok(());
        }
        let found = self.block(block)?;
        if let Some(at) = first_difference(&found, expected) {
            let shown = |bytes: &[u8]| hex(bytes.get(at..(at + 4).min(bytes.len())).unwrap_or_default());
            let place = self.offset(block).saturating_add(len64(at));
            findings.add("ext4-resize", name, Some(place), shown(expected), shown(&found));
        }
        Ok(())
    }

    fn check_absent(&self, number: u32, findings: &mut Findings) -> Result<()> {
        let Some(at) = self.inode_offset(number)? else { return Ok(()) };
        let end = at.saturating_add(len64(super::INODE));
        expect_zeros(self.disk, at, end, ("ext4-inode", &format!("inode {number}")), findings)
    }
}

const RESIZE: u32 = 7;
const JOURNAL: u32 = 8;

//! From an inode to its blocks: extents, or the block map of ext2 and ext3.

use diskwright_core::Result;

use super::{BLOCK, Volume};
use crate::bytes::{first_nonzero, u16_le, u32_le};
use crate::finding::Findings;

/// Blocks of a file in a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BlockRun {
    /// First block of the file.
    pub(super) logical: u64,
    /// First block of the volume.
    pub(super) block: u64,
    pub(super) len: u64,
}

/// Where an inode's blocks are.
#[derive(Debug, Default)]
pub(super) struct Mapping {
    /// Ascending, disjoint.
    pub(super) runs: Vec<BlockRun>,
    /// Blocks of the tree or map itself.
    pub(super) pointers: u64,
}

impl Mapping {
    /// Blocks of content.
    pub(super) fn blocks(&self) -> u64 {
        self.runs.iter().map(|run| run.len).sum()
    }

    /// One past the last block of the file that is there.
    pub(super) fn end(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.logical.saturating_add(run.len))
    }

    /// The block of the volume with block `logical` of the file; `None` in a hole.
    pub(super) fn block(&self, logical: u64) -> Option<u64> {
        let after = self.runs.partition_point(|run| run.logical <= logical);
        let run = self.runs.get(after.checked_sub(1)?)?;
        let inside = logical - run.logical;
        (inside < run.len).then(|| run.block.saturating_add(inside))
    }

    /// Appends blocks; whether they come after what is there.
    fn push(&mut self, next: BlockRun) -> bool {
        if next.logical < self.end() {
            return false;
        }
        match self.runs.last_mut() {
            Some(last) if last.logical + last.len == next.logical && last.block + last.len == next.block => {
                last.len = last.len.saturating_add(next.len);
            }
            _ => self.runs.push(next),
        }
        true
    }
}

impl Volume<'_> {
    /// The blocks of an inode, all of which the volume takes as used.
    pub(super) fn extents(&mut self, number: u32, inode: &[u8], findings: &mut Findings) -> Result<Mapping> {
        let mut mapping = Mapping::default();
        let root = inode.get(0x28..0x64).unwrap_or_default().to_vec();
        let depth = u16_le(&root, 6);
        if depth > MAX_DEPTH {
            let found = format!("depth {depth}");
            findings.add("ext4-extents", structure(number), None, format!("depth 0 to {MAX_DEPTH}"), found);
            return Ok(mapping);
        }
        self.extent_node(number, &root, (4, depth, 0), &mut mapping, findings)?;
        Ok(mapping)
    }

    /// A node with room for `most` entries at a depth; its entries start from block `first` of the file.
    ///
    /// # Reference
    /// "ext4 Data Structures and Algorithms", Extent Tree.
    fn extent_node(
        &mut self,
        number: u32,
        node: &[u8],
        (most, depth, first): (u16, u16, u64),
        mapping: &mut Mapping,
        findings: &mut Findings,
    ) -> Result<()> {
        let count = u16_le(node, 2);
        let header = (u16_le(node, 0), u16_le(node, 4), u16_le(node, 6), u32_le(node, 8));
        if header != (0xf30a, most, depth, 0) || count > most || (count == 0 && depth > 0) {
            let found = format!("{header:x?} with {count} entries");
            let expected = format!("{:x?}, at most {most} entries", (0xf30a, most, depth, 0));
            findings.add("ext4-extents", structure(number), None, expected, found);
            return Ok(());
        }
        let end = 12 * (usize::from(count) + 1);
        let room = 12 * (usize::from(most) + 1);
        if first_nonzero(node.get(end..room).unwrap_or_default()).is_some() {
            findings.add("ext4-extents", structure(number), None, "zeros after the last entry", "bytes");
        }
        for entry in node.get(12..end).unwrap_or_default().chunks_exact(12) {
            let logical = u64::from(u32_le(entry, 0));
            if logical < first.max(mapping.end()) {
                findings.add(
                    "ext4-extents",
                    structure(number),
                    None,
                    "ascending blocks",
                    format!("block {logical} again"),
                );
                return Ok(());
            }
            if depth == 0 {
                self.leaf_entry(number, entry, mapping, findings);
            } else {
                self.index_entry(number, entry, depth, mapping, findings)?;
            }
        }
        Ok(())
    }

    fn leaf_entry(&mut self, number: u32, entry: &[u8], mapping: &mut Mapping, findings: &mut Findings) {
        let len = u64::from(u16_le(entry, 4));
        let block = u64::from(u16_le(entry, 6)) << 32 | u64::from(u32_le(entry, 8));
        if len == 0 || len > 32_768 {
            findings.add(
                "ext4-extents",
                structure(number),
                None,
                "1 to 32768 blocks",
                format!("{len} blocks"),
            );
            return;
        }
        if self.own(block, len, &structure(number), findings) {
            mapping.push(BlockRun { logical: u64::from(u32_le(entry, 0)), block, len });
        }
    }

    fn index_entry(
        &mut self,
        number: u32,
        entry: &[u8],
        depth: u16,
        mapping: &mut Mapping,
        findings: &mut Findings,
    ) -> Result<()> {
        let block = u64::from(u16_le(entry, 8)) << 32 | u64::from(u32_le(entry, 4));
        if u16_le(entry, 10) != 0 {
            findings.add("ext4-extents", structure(number), None, "zeros in ei_unused", "bytes");
        }
        if !self.own(block, 1, &structure(number), findings) {
            return Ok(());
        }
        mapping.pointers = mapping.pointers.saturating_add(1);
        let node = self.block(block)?;
        let crc = self.superblock.inode_crc(number, &[node.get(..TAIL).unwrap_or_default()]).unwrap_or(0);
        findings.equal(
            "ext4-checksum",
            &structure(number),
            self.offset(block),
            ("et_checksum", u32_le(&node, TAIL), crc),
        );
        self.extent_node(number, &node, (340, depth - 1, u64::from(u32_le(entry, 0))), mapping, findings)
    }

    /// The blocks of an inode of ext2 or ext3: twelve, then by one, two and three steps.
    pub(super) fn block_map(
        &mut self,
        number: u32,
        inode: &[u8],
        findings: &mut Findings,
    ) -> Result<Mapping> {
        let mut mapping = Mapping::default();
        let map = inode.get(0x28..0x64).unwrap_or_default().to_vec();
        let (mut logical, mut steps) = (0_u64, 0_u32);
        for (at, pointer) in (0..15_u32).zip(map.chunks_exact(4)) {
            if at >= 12 {
                steps = at - 11;
            }
            let block = u64::from(u32_le(pointer, 0));
            self.pointer(number, block, (logical, steps), &mut mapping, findings)?;
            logical = logical.saturating_add(PER_BLOCK.saturating_pow(steps));
        }
        Ok(mapping)
    }

    fn pointer(
        &mut self,
        number: u32,
        block: u64,
        (logical, steps): (u64, u32),
        mapping: &mut Mapping,
        findings: &mut Findings,
    ) -> Result<()> {
        if block == 0 || !self.own(block, 1, &structure(number), findings) {
            return Ok(());
        }
        let Some(steps) = steps.checked_sub(1) else {
            mapping.push(BlockRun { logical, block, len: 1 });
            return Ok(());
        };
        mapping.pointers = mapping.pointers.saturating_add(1);
        let mut logical = logical;
        for pointer in self.block(block)?.chunks_exact(4) {
            self.pointer(number, u64::from(u32_le(pointer, 0)), (logical, steps), mapping, findings)?;
            logical = logical.saturating_add(PER_BLOCK.saturating_pow(steps));
        }
        Ok(())
    }
}

fn structure(number: u32) -> String {
    format!("blocks of inode {number}")
}

/// Five levels of 340 reach further than any file.
const MAX_DEPTH: u16 = 5;
/// ext4_extent_tail.
const TAIL: usize = 4092;
const PER_BLOCK: u64 = BLOCK / 4;

//! Blocks of directories, linear and indexed.

use diskwright_core::Result;

use super::hash::name_hash;
use super::inode::{INDEX, Inode, structure};
use super::mapping::Mapping;
use super::{BLOCK, Volume};
use crate::bytes::{first_nonzero, hex, len, u16_le, u32_le};
use crate::finding::Findings;
use crate::runs::Runs;

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) name: Vec<u8>,
    pub(super) inode: u32,
    pub(super) entry_type: u8,
}

/// A directory that is being read.
struct Reading<'a> {
    inode: &'a Inode,
    mapping: &'a Mapping,
    names: Vec<Name>,
    /// Blocks that the index leads to.
    reached: Runs,
}

impl Volume<'_> {
    /// The names of a directory without its own and its parent's, sorted by their bytes.
    ///
    /// # Reference
    /// "ext4 Data Structures and Algorithms", Directory Entries.
    pub(super) fn names(
        &mut self,
        inode: &Inode,
        mapping: &Mapping,
        parent: u32,
        findings: &mut Findings,
    ) -> Result<Vec<Name>> {
        let mut reading = Reading { inode, mapping, names: Vec::new(), reached: Runs::default() };
        let blocks = inode.size / BLOCK;
        if inode.size == 0
            || !inode.size.is_multiple_of(BLOCK)
            || mapping.blocks() != blocks
            || mapping.end() != blocks
        {
            let found = format!("{} bytes, {} blocks", inode.size, mapping.blocks());
            findings.add(
                "ext4-directory",
                structure(inode.number),
                None,
                "whole blocks without holes",
                found,
            );
            return Ok(Vec::new());
        }
        if inode.flags & INDEX == 0 {
            for at in 0..blocks {
                let block = self.directory_block(mapping, at)?;
                self.linear_block(&block, at, &mut reading, findings);
            }
            let dots =
                (0..2).map(|_| if reading.names.is_empty() { None } else { Some(reading.names.remove(0)) });
            let dots: Vec<Name> = dots.flatten().collect();
            let wanted = [(b".".to_vec(), inode.number), (b"..".to_vec(), parent)];
            let wanted = wanted.map(|(name, inode)| Name { name, inode, entry_type: 2 });
            if dots != wanted {
                let shown = |names: &[Name]| {
                    names
                        .iter()
                        .map(|name| format!("{}={}", name.name.escape_ascii(), name.inode))
                        .collect::<Vec<_>>()
                        .join(" ")
                };
                findings.add("ext4-directory", structure(inode.number), None, shown(&wanted), shown(&dots));
            }
        } else {
            self.index_root(parent, blocks, &mut reading, findings)?;
        }
        let mut names = reading.names;
        names.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(pair) = names.windows(2).find(|pair| pair[0].name == pair[1].name) {
            let found = format!("{} twice", pair[0].name.escape_ascii());
            findings.add("ext4-directory", structure(inode.number), None, "each name once", found);
        }
        names.dedup_by(|a, b| a.name == b.name);
        Ok(names)
    }

    fn directory_block(&self, mapping: &Mapping, at: u64) -> Result<Vec<u8>> {
        match mapping.block(at) {
            Some(block) => self.block(block),
            None => Ok(vec![0; len(BLOCK)]),
        }
    }

    /// Appends the names of a block of entries; gives where its names start in the list.
    fn linear_block(
        &self,
        block: &[u8],
        at: u64,
        reading: &mut Reading<'_>,
        findings: &mut Findings,
    ) -> usize {
        let first = reading.names.len();
        let number = reading.inode.number;
        let place = reading.mapping.block(at).map(|block| self.offset(block));
        let name = format!("block {at} of directory {number}");
        let mut bad =
            |expected: &str, found: String| findings.add("ext4-directory", &*name, place, expected, found);
        let capacity = if self.superblock.seed.is_some() { TAIL } else { block.len() };
        let mut start = 0;
        while start < capacity {
            let entry = block.get(start..capacity).unwrap_or_default();
            let (inode, length) = (u32_le(entry, 0), usize::from(u16_le(entry, 4)));
            let name_len = usize::from(entry.get(6).copied().unwrap_or(0));
            let least = 8 + name_len;
            if length < least.max(12).next_multiple_of(4) || length % 4 != 0 || length > entry.len() {
                bad("entries that fill the block", format!("one of {length} bytes at {start:#x}"));
                return first;
            }
            let slack = entry.get(least..length).unwrap_or_default();
            if first_nonzero(slack).is_some() {
                bad("zeros after a name", format!("{} at {:#x}", hex(slack), start + least));
            }
            let entry_type = entry.get(7).copied().unwrap_or(0);
            let text = entry.get(8..least).unwrap_or_default();
            let is_empty = inode == 0;
            if is_empty != text.is_empty()
                || (is_empty && (length != capacity || entry_type != 0))
                || text.contains(&b'/')
                || text.contains(&0)
            {
                bad(
                    "a name and its inode, or an empty block",
                    format!("inode {inode}, {}", text.escape_ascii()),
                );
            } else if !is_empty {
                reading.names.push(Name { name: text.to_vec(), inode, entry_type });
            }
            start += length;
        }
        self.check_tail(block, number, (&name, place), findings);
        first
    }

    /// ext4_dir_entry_tail.
    fn check_tail(
        &self,
        block: &[u8],
        number: u32,
        (name, place): (&str, Option<u64>),
        findings: &mut Findings,
    ) {
        if let Some(crc) = self.superblock.inode_crc(number, &[block.get(..TAIL).unwrap_or_default()]) {
            let tail = block.get(TAIL..).unwrap_or_default();
            if tail.get(..8) != Some(&[0, 0, 0, 0, 12, 0, 0, 0xde]) {
                findings.add("ext4-directory", name, place, "the head of a tail", hex(tail));
            }
            if u32_le(tail, 8) != crc {
                findings.add(
                    "ext4-checksum",
                    name,
                    place,
                    format!("det_checksum {crc}"),
                    format!("{}", u32_le(tail, 8)),
                );
            }
        }
    }

    /// # Reference
    /// "ext4 Data Structures and Algorithms", Hash Tree Directories.
    fn index_root(
        &mut self,
        parent: u32,
        blocks: u64,
        reading: &mut Reading<'_>,
        findings: &mut Findings,
    ) -> Result<()> {
        let number = reading.inode.number;
        let name = format!("index of directory {number}");
        let root = self.directory_block(reading.mapping, 0)?;
        let _ = reading.reached.take(0, 1);
        let mut head = Vec::new();
        for (inode, length, name) in [(number, 12_u16, b".\0\0\0"), (parent, 4084, b"..\0\0")] {
            head.extend_from_slice(&inode.to_le_bytes());
            head.extend_from_slice(&length.to_le_bytes());
            head.extend_from_slice(&[if name[1] == 0 { 1 } else { 2 }, 2]);
            head.extend_from_slice(name);
        }
        let levels = root.get(0x1e).copied().unwrap_or(0);
        head.extend_from_slice(&[0, 0, 0, 0, 1, 8, levels, 0]);
        if root.get(..0x20) != Some(&head[..]) || levels > 1 {
            findings.add("ext4-directory", &*name, None, hex(&head), hex(&root));
            return Ok(());
        }
        let tail = if self.superblock.seed.is_some() { 1 } else { 0 };
        let mut ranges = self.index_entries(&root, 0x20, 508 - tail, &name, number, findings);
        if levels == 1 {
            let nodes = std::mem::take(&mut ranges);
            for (at, (hash, node)) in nodes.iter().enumerate() {
                let Some(block) = self.index_block(u64::from(*node), blocks, &name, reading, findings)?
                else {
                    continue;
                };
                if block.get(..8) != Some(&[0, 0, 0, 0, 0, 0x10, 0, 0]) {
                    findings.add("ext4-directory", &*name, None, "an unused entry over a node", hex(&block));
                }
                let mut below = self.index_entries(&block, 8, 511 - tail, &name, number, findings);
                if let Some(first) = below.first_mut() {
                    first.0 = if at == 0 { 0 } else { *hash };
                }
                ranges.extend(below);
            }
        }
        self.index_leaves(&ranges, blocks, &name, reading, findings)?;
        if let Some((unreached, _)) = reading.reached.gaps(0, blocks).next() {
            findings.add(
                "ext4-directory",
                &*name,
                None,
                "an index that reaches every block",
                format!("block {unreached} unreached"),
            );
        }
        Ok(())
    }

    /// The blocks of names that an index leads to, each with the hashes that lead there.
    fn index_leaves(
        &self,
        ranges: &[(u32, u32)],
        blocks: u64,
        name: &str,
        reading: &mut Reading<'_>,
        findings: &mut Findings,
    ) -> Result<()> {
        // The highest hash of the block before.
        let mut before = 0;
        for (at, (hash, leaf)) in ranges.iter().enumerate() {
            let Some(block) = self.index_block(u64::from(*leaf), blocks, name, reading, findings)? else {
                continue;
            };
            let first = self.linear_block(&block, u64::from(*leaf), reading, findings);
            let names = reading.names.iter().skip(first);
            let hashes = || names.clone().map(|name| name_hash(&self.superblock.hash_seed, &name.name));
            let (lowest, highest) = (hashes().min().unwrap_or(0), hashes().max().unwrap_or(0));
            // Bit 0 says that the block before ends with the same hash.
            let wanted = if at == 0 { 0 } else { lowest | u32::from(before == lowest) };
            if *hash != wanted || lowest < before {
                let expected = format!("the hash {wanted:#x} of block {leaf}, at least {before:#x}");
                findings.add("ext4-directory", name, None, expected, format!("{hash:#x}"));
            }
            before = highest;
        }
        Ok(())
    }

    /// A block that the index leads to; `None`, with a finding, when it cannot.
    fn index_block(
        &self,
        at: u64,
        blocks: u64,
        name: &str,
        reading: &mut Reading<'_>,
        findings: &mut Findings,
    ) -> Result<Option<Vec<u8>>> {
        if at >= blocks || reading.reached.take(at, 1).is_err() {
            let found = format!("block {at}");
            findings.add("ext4-directory", name, None, format!("each of {blocks} blocks once"), found);
            return Ok(None);
        }
        self.directory_block(reading.mapping, at).map(Some)
    }

    /// Hash and block of each entry of an index block, whose first entry's hash is that of the one above.
    fn index_entries(
        &self,
        block: &[u8],
        at: usize,
        most: u16,
        name: &str,
        number: u32,
        findings: &mut Findings,
    ) -> Vec<(u32, u32)> {
        let (limit, count) = (u16_le(block, at), u16_le(block, at + 2));
        if limit != most || count == 0 || count > most {
            let found = format!("limit {limit}, count {count}");
            findings.add("ext4-directory", name, None, format!("limit {most}, count 1 to {most}"), found);
            return Vec::new();
        }
        let end = at + 8 * usize::from(count);
        let unused_end = if self.superblock.seed.is_some() { block.len() - 4 } else { block.len() };
        if first_nonzero(block.get(end..unused_end).unwrap_or_default()).is_some() {
            findings.add("ext4-directory", name, None, "zeros after the last entry", "bytes");
        }
        let used = block.get(..end).unwrap_or_default();
        if let Some(crc) = self.superblock.inode_crc(number, &[used, &[0; 8]]) {
            let stored = u32_le(block, block.len() - 4);
            if stored != crc {
                findings.add("ext4-checksum", name, None, format!("dt_checksum {crc}"), stored.to_string());
            }
        }
        let entries = block.get(at..end).unwrap_or_default().chunks_exact(8).enumerate();
        let entries: Vec<(u32, u32)> = entries
            .map(|(at, entry)| (if at == 0 { 0 } else { u32_le(entry, 0) }, u32_le(entry, 4)))
            .collect();
        if !entries.iter().map(|(hash, _)| hash & !1).is_sorted() {
            findings.add("ext4-directory", name, None, "ascending hashes", "others");
        }
        entries
    }
}

/// Where ext4_dir_entry_tail starts.
const TAIL: usize = 4084;

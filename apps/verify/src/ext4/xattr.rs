//! Extended attributes, in the inode and in a block of their own.

use std::collections::btree_map;

use diskwright_core::Result;

use super::Volume;
use super::inode::Inode;
use crate::bytes::{first_nonzero, hex, len, u16_le, u32_le};
use crate::finding::Findings;

/// Names and values.
pub(super) type Xattrs = Vec<(Vec<u8>, Vec<u8>)>;

/// A block of attributes that inodes share.
#[derive(Debug)]
pub(super) struct SharedBlock {
    /// h_refcount.
    references: u32,
    /// How many inodes were seen that have it.
    seen: u32,
    /// Of which the first.
    path: Option<Vec<u8>>,
}

impl Volume<'_> {
    /// The attributes of an inode, sorted by name; access control lists in the kernel's wire form.
    ///
    /// # Reference
    /// "ext4 Data Structures and Algorithms", Extended Attributes.
    pub(super) fn xattrs(&mut self, inode: &Inode, findings: &mut Findings) -> Result<Xattrs> {
        let mut xattrs = Vec::new();
        let area = inode.bytes.get(0xa0..).unwrap_or_default();
        if u32_le(area, 0) == MAGIC {
            let entries = area.get(4..).unwrap_or_default();
            let name = format!("attributes in inode {}", inode.number);
            entries_of(entries, 0, &name, &mut xattrs, findings);
        } else if first_nonzero(area).is_some() {
            let name = format!("attributes in inode {}", inode.number);
            findings.add("ext4-xattr", name, None, "zeros, or the magic 0xea020000", hex(area));
        }
        if inode.xattr_block != 0 {
            self.xattr_block(inode.xattr_block, &mut xattrs, findings)?;
        }
        xattrs.sort();
        Ok(xattrs)
    }

    fn xattr_block(&mut self, block: u64, xattrs: &mut Xattrs, findings: &mut Findings) -> Result<()> {
        let name = format!("block of attributes {block}");
        if let Some(shared) = self.xattr_blocks.get_mut(&block) {
            shared.seen = shared.seen.saturating_add(1);
        } else if !self.own(block, 1, &name, findings) {
            return Ok(());
        }
        let bytes = self.block(block)?;
        let at = self.offset(block);
        let (references, blocks) = (u32_le(&bytes, 4), u32_le(&bytes, 8));
        let part = |from: usize, to: usize| bytes.get(from..to).unwrap_or_default();
        let crc =
            self.superblock.crc(&[&block.to_le_bytes(), part(0, 16), &[0; 4], part(20, 4096)]).unwrap_or(0);
        findings.equal("ext4-xattr", &name, at, ("h_magic", u32_le(&bytes, 0), MAGIC));
        findings.equal("ext4-xattr", &name, at, ("h_blocks", blocks, 1));
        findings.equal("ext4-checksum", &name, at, ("h_checksum", u32_le(&bytes, 16), crc));
        if first_nonzero(part(20, HEADER)).is_some() {
            findings.add("ext4-xattr", &*name, Some(at), "zeros in h_reserved", hex(part(20, HEADER)));
        }
        let hashes = entries_of(part(HEADER, 4096), HEADER, &name, xattrs, findings);
        let hash = hashes
            .iter()
            .try_fold(0_u32, |hash, entry| (*entry != 0).then_some(hash.rotate_left(16) ^ entry));
        findings.equal("ext4-xattr", &name, at, ("h_hash", u32_le(&bytes, 12), hash.unwrap_or(0)));
        if let btree_map::Entry::Vacant(slot) = self.xattr_blocks.entry(block) {
            slot.insert(SharedBlock { references, seen: 1, path: findings.path.clone() });
        }
        Ok(())
    }

    /// Whether every block of attributes has as many inodes as it counts.
    pub(super) fn check_xattr_references(&self, findings: &mut Findings) {
        for (block, shared) in &self.xattr_blocks {
            findings.path.clone_from(&shared.path);
            let name = format!("block of attributes {block}");
            findings.equal(
                "ext4-xattr",
                &name,
                self.offset(*block),
                ("h_refcount", shared.references, shared.seen),
            );
        }
        findings.path = None;
    }
}

/// Reads entries, whose values stand `skipped` bytes less far in `area` than they say; gives their hashes. All that is neither
/// entry nor value must be zero.
fn entries_of(
    area: &[u8],
    skipped: usize,
    structure: &str,
    xattrs: &mut Xattrs,
    findings: &mut Findings,
) -> Vec<u32> {
    let mut used = vec![false; area.len()];
    let mut hashes = Vec::new();
    let mut at: usize = 0;
    let mut bad =
        |expected: &str, found: String| findings.add("ext4-xattr", structure, None, expected, found);
    while u32_le(area, at) != 0 && at + ENTRY <= area.len() {
        let entry = area.get(at..).unwrap_or_default();
        let (name_len, index) = (usize::from(entry[0]), entry[1]);
        let end = at.saturating_add(ENTRY).saturating_add(name_len).next_multiple_of(4);
        let (offset, size) = (usize::from(u16_le(entry, 2)), len(u64::from(u32_le(entry, 8))));
        let start = offset.wrapping_sub(skipped);
        let value = if size == 0 { Some(&[][..]) } else { area.get(start..start.saturating_add(size)) };
        let name = entry.get(ENTRY..ENTRY + name_len);
        let (Some(name), Some(value), true) = (name, value, end <= area.len()) else {
            bad("an entry within its place", format!("one of {name_len} and {size} bytes at {at}"));
            return hashes;
        };
        if u32_le(entry, 4) != 0 || (size == 0 && offset != 0) {
            bad("a value in the same place", hex(entry.get(..ENTRY).unwrap_or_default()));
        }
        let hash = entry_hash(name, value);
        if u32_le(entry, 12) != hash {
            bad(&format!("e_hash {hash:#x}"), format!("e_hash {:#x}", u32_le(entry, 12)));
        }
        hashes.push(hash);
        let value_range = start..start.saturating_add(size);
        let entry_range = at..at + ENTRY + name_len;
        for range in [entry_range, if size == 0 { 0..0 } else { value_range }] {
            let slots = used.get_mut(range).unwrap_or_default();
            if slots.contains(&true) {
                bad("each byte used once", format!("an entry or value at {at} over another"));
            }
            slots.fill(true);
        }
        match full_name(index, name) {
            Some(full) => xattrs.push((full, wire(index, value))),
            None => bad("a name space that there is", format!("number {index}")),
        }
        at = end;
    }
    let stray = area.iter().zip(&used).position(|(byte, used)| *byte != 0 && !used);
    if let Some(stray) = stray {
        bad(
            "zeros between entries and values",
            format!("{:#04x} at {stray}", area.get(stray).copied().unwrap_or(0)),
        );
    }
    hashes
}

/// ext4_xattr_hash_entry.
fn entry_hash(name: &[u8], value: &[u8]) -> u32 {
    let hash = name.iter().fold(0_u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
    value.chunks(4).fold(hash, |hash, word| hash.rotate_left(16) ^ u32_le(word, 0))
}

fn full_name(index: u8, name: &[u8]) -> Option<Vec<u8>> {
    let prefix: &[u8] = match (index, name) {
        (1, [_, ..]) => b"user.",
        (2, []) => b"system.posix_acl_access",
        (3, []) => b"system.posix_acl_default",
        (4, [_, ..]) => b"trusted.",
        (6, [_, ..]) => b"security.",
        _ => return None,
    };
    Some([prefix, name].concat())
}

/// An access control list as getxattr gives it: version 2, an id in each entry. Everything else as it is.
fn wire(index: u8, value: &[u8]) -> Vec<u8> {
    if !matches!(index, 2 | 3) || !value.starts_with(&[1, 0, 0, 0]) {
        return value.to_vec();
    }
    let mut wire = vec![2, 0, 0, 0];
    let mut rest = value.get(4..).unwrap_or_default();
    while !rest.is_empty() {
        let len = if matches!(rest, [2 | 8, 0, ..]) { 8 } else { 4 };
        let entry = rest.get(..len).unwrap_or(rest);
        wire.extend_from_slice(entry);
        if len == 4 {
            wire.extend_from_slice(&[0xff; 4]);
        }
        rest = rest.get(len..).unwrap_or_default();
    }
    wire
}

const MAGIC: u32 = 0xea02_0000;
/// ext4_xattr_entry without its name.
const ENTRY: usize = 16;
/// ext4_xattr_header.
const HEADER: usize = 32;

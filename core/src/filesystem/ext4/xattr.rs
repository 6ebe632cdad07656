//! Extended attributes: ext4's names and values, in the inode and in blocks of their own.

use super::checksum::Checksum;
use super::encode::{BLOCK_LEN, Block, put16, put32};

/// Full name and value, as the tree has them.
pub(super) type Xattr = (Box<[u8]>, Box<[u8]>);

/// Why a set of attributes cannot be kept.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub(super) enum XattrProblem {
    #[error("extended attribute {0} is not of a namespace that ext4 has")]
    Namespace(String),
    #[error("extended attribute {0} has no name after its namespace")]
    NoName(String),
    #[error("{0} is not an access control list as the kernel gives it: {1}")]
    Acl(String, &'static str),
    #[error(
        "the extended attributes need {needed} bytes besides what fits the inode, ext4 without ea_inode has {BLOCK_SPACE}"
    )]
    TooLarge { needed: usize },
}

/// The attributes of an inode as ext4 keeps them, told apart by where they stand.
#[derive(Debug, Default)]
pub(super) struct Attributes {
    in_inode: Vec<Attribute>,
    in_block: Vec<Attribute>,
}

/// One attribute in ext4's form.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Attribute {
    /// Stands for the name's prefix.
    index: u8,
    name_len: u8,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Attributes {
    /// The attributes of a set of the tree.
    ///
    /// As much as can go into the inode goes there: whatever subset leaves least for the block.
    pub(super) fn new(set: &[Xattr]) -> Result<Self, XattrProblem> {
        let mut all = set.iter().map(|(name, value)| convert(name, value)).collect::<Result<Vec<_>, _>>()?;
        all.sort_unstable();
        let chosen = most_that_fit(&all.iter().map(Attribute::len).collect::<Vec<_>>());
        let mut attributes = Self::default();
        for (attribute, in_inode) in all.into_iter().zip(chosen) {
            match in_inode {
                true => attributes.in_inode.push(attribute),
                false => attributes.in_block.push(attribute),
            }
        }
        let needed = attributes.in_block.iter().map(Attribute::len).sum();
        if needed > BLOCK_SPACE {
            return Err(XattrProblem::TooLarge { needed });
        }
        Ok(attributes)
    }

    /// Whether some of them need a block.
    pub(super) fn needs_block(&self) -> bool {
        !self.in_block.is_empty()
    }

    /// Writes those of the inode into its last 96 bytes.
    pub(super) fn put_into_inode(&self, to: &mut [u8]) {
        if self.in_inode.is_empty() {
            return;
        }
        put32(to, 0, MAGIC);
        if let Some(area) = to.get_mut(4..) {
            put_entries(&self.in_inode, area, 0);
        }
    }

    /// Fills the block of the others, which `references` inodes share; `block` is where it stands.
    pub(super) fn fill_block(&self, references: u32, block: u64, checksum: &Checksum, to: &mut Block) {
        put32(to, 0, MAGIC);
        put32(to, 4, references);
        put32(to, 8, 1);
        let hash =
            self.in_block.iter().fold(0_u32, |hash, attribute| hash.rotate_left(16) ^ attribute.hash());
        put32(to, 12, hash);
        put_entries(&self.in_block, to, BLOCK_HEADER);
        if let Some(crc) = checksum.of(&[&block.to_le_bytes(), &to[..]]) {
            put32(to, 16, crc);
        }
    }
}

impl Attribute {
    /// Bytes of entry and value.
    fn len(&self) -> usize {
        (ENTRY + self.name.len()).next_multiple_of(4) + self.value.len().next_multiple_of(4)
    }

    /// e_hash: over the bytes of the name and the words of the value.
    fn hash(&self) -> u32 {
        let hash = self.name.iter().fold(0_u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
        self.value.chunks(4).fold(hash, |hash, bytes| {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            hash.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    }
}

/// Which of these lengths together come closest to the inode's space without passing it.
fn most_that_fit(lens: &[usize]) -> Vec<bool> {
    // Entry `at` of a row: whether a sum of `at` words is possible, and with which attribute last.
    let mut rows: Vec<[Option<usize>; INODE_SPACE / 4 + 1]> = Vec::new();
    let mut reached = [None; INODE_SPACE / 4 + 1];
    reached[0] = Some(usize::MAX);
    for (at, len) in lens.iter().enumerate() {
        rows.push(reached);
        let words = len / 4;
        for sum in (words..reached.len()).rev() {
            if reached[sum].is_none() && reached[sum - words].is_some() {
                reached[sum] = Some(at);
            }
        }
    }
    let mut chosen = vec![false; lens.len()];
    let mut sum = reached.iter().rposition(Option::is_some).unwrap_or(0);
    let mut last = reached[sum];
    while let Some(at) = last.filter(|_| sum > 0) {
        chosen[at] = true;
        sum -= lens[at] / 4;
        last = rows[at][sum];
    }
    chosen
}

/// Writes entries from `start` on and their values from the end of `area` downwards.
fn put_entries(attributes: &[Attribute], area: &mut [u8], start: usize) {
    let mut at = start;
    let mut values = area.len();
    for attribute in attributes {
        let len = attribute.value.len();
        values -= len.next_multiple_of(4);
        area[values..values + len].copy_from_slice(&attribute.value);
        area[at] = attribute.name_len;
        area[at + 1] = attribute.index;
        put16(area, at + 2, if len == 0 { 0 } else { values as u16 });
        put32(area, at + 8, len as u32);
        put32(area, at + 12, attribute.hash());
        area[at + ENTRY..][..attribute.name.len()].copy_from_slice(&attribute.name);
        at += (ENTRY + attribute.name.len()).next_multiple_of(4);
    }
}

fn convert(name: &[u8], value: &[u8]) -> Result<Attribute, XattrProblem> {
    let shown = || crate::error::EscapePath::escape_ascii_path(name);
    for (index, acl) in ACLS {
        if name == acl {
            let value = acl_from_wire(value).map_err(|problem| XattrProblem::Acl(shown(), problem))?;
            return Ok(Attribute { index, name_len: 0, name: Vec::new(), value });
        }
    }
    let found = PREFIXES.iter().find_map(|(index, prefix)| Some((*index, name.strip_prefix(*prefix)?)));
    let (index, name) = found.ok_or_else(|| XattrProblem::Namespace(shown()))?;
    if name.is_empty() {
        return Err(XattrProblem::NoName(shown()));
    }
    let name_len = u8::try_from(name.len()).map_err(|_| XattrProblem::Namespace(shown()))?;
    Ok(Attribute { index, name_len, name: name.to_vec(), value: value.to_vec() })
}

/// Turns an ACL from the form that getxattr gives (version 2, an id in each entry) into ext4's (version 1, ids only
/// where they mean something).
fn acl_from_wire(wire: &[u8]) -> Result<Vec<u8>, &'static str> {
    let entries = match wire.split_first_chunk() {
        Some(([2, 0, 0, 0], entries)) if !entries.is_empty() && entries.len() % 8 == 0 => entries,
        Some(([2, 0, 0, 0], _)) => return Err("it is cut off"),
        _ => return Err("it is not of version 2"),
    };
    let mut acl = vec![1, 0, 0, 0];
    let mut previous = 0;
    let mut has_mask = false;
    let mut has_named = false;
    for entry in entries.chunks_exact(8) {
        let tag = u16::from_le_bytes([entry[0], entry[1]]);
        let permissions = u16::from_le_bytes([entry[2], entry[3]]);
        if permissions > 7 {
            return Err("permissions above rwx");
        }
        let is_named = matches!(tag, ACL_USER | ACL_GROUP);
        // What must have come before each kind; named entries may come again.
        let in_order = match tag {
            ACL_USER_OBJ => previous == 0,
            ACL_USER => matches!(previous, ACL_USER_OBJ | ACL_USER),
            ACL_GROUP_OBJ => matches!(previous, ACL_USER_OBJ | ACL_USER),
            ACL_GROUP => matches!(previous, ACL_GROUP_OBJ | ACL_GROUP),
            ACL_MASK => matches!(previous, ACL_GROUP_OBJ | ACL_GROUP),
            ACL_OTHER => matches!(previous, ACL_GROUP_OBJ | ACL_GROUP | ACL_MASK),
            _ => return Err("an unknown kind of entry"),
        };
        if !in_order {
            return Err("its entries are not in order");
        }
        has_mask |= tag == ACL_MASK;
        has_named |= is_named;
        acl.extend_from_slice(&entry[..4]);
        if is_named {
            if entry[4..] == [0xff; 4] {
                return Err("an entry for nobody");
            }
            acl.extend_from_slice(&entry[4..]);
        }
        previous = tag;
    }
    match previous {
        ACL_OTHER if has_named && !has_mask => Err("it has no mask"),
        ACL_OTHER => Ok(acl),
        _ => Err("it has no entry for others"),
    }
}

const MAGIC: u32 = 0xea02_0000;
/// ext4_xattr_entry without its name.
const ENTRY: usize = 16;
/// ext4_xattr_header.
const BLOCK_HEADER: usize = 32;
/// Bytes for entries and values in an inode: 256 less the fields, the magic and the end mark.
const INODE_SPACE: usize = 256 - 160 - 4 - 4;
/// Bytes for entries and values in a block: without header and end mark.
const BLOCK_SPACE: usize = BLOCK_LEN - BLOCK_HEADER - 4;
/// Inodes that may share a block (EXT4_XATTR_REFCOUNT_MAX).
pub(super) const MAX_REFERENCES: u32 = 1024;
const PREFIXES: [(u8, &[u8]); 3] = [(1, b"user."), (4, b"trusted."), (6, b"security.")];
const ACLS: [(u8, &[u8]); 2] = [(2, b"system.posix_acl_access"), (3, b"system.posix_acl_default")];
const ACL_USER_OBJ: u16 = 1;
const ACL_USER: u16 = 2;
const ACL_GROUP_OBJ: u16 = 4;
const ACL_GROUP: u16 = 8;
const ACL_MASK: u16 = 16;
const ACL_OTHER: u16 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(tag: u16, permissions: u16, id: u32) -> Vec<u8> {
        [&tag.to_le_bytes()[..], &permissions.to_le_bytes(), &id.to_le_bytes()].concat()
    }

    fn wire(entries: &[Vec<u8>]) -> Vec<u8> {
        [vec![2, 0, 0, 0], entries.concat()].concat()
    }

    #[test]
    fn an_acl_loses_the_ids_that_mean_nothing() {
        let none = u32::MAX;
        let acl = wire(&[
            entry(1, 7, none),
            entry(2, 5, 1000),
            entry(4, 4, none),
            entry(8, 1, 70_000),
            entry(16, 7, none),
            entry(32, 0, none),
        ]);
        let expected = [
            &[1, 0, 0, 0][..],
            &[1, 0, 7, 0],
            &[2, 0, 5, 0, 0xe8, 3, 0, 0],
            &[4, 0, 4, 0],
            &[8, 0, 1, 0, 0x70, 0x11, 1, 0],
            &[16, 0, 7, 0],
            &[32, 0, 0, 0],
        ];
        assert_eq!(acl_from_wire(&acl), Ok(expected.concat()));
        for len in 0..acl.len() {
            assert!(acl_from_wire(&acl[..len]).is_err(), "a prefix of {len} bytes");
        }
    }

    #[test]
    fn malformed_acls_are_refused() {
        let none = u32::MAX;
        let [user, group, other] = [entry(1, 7, none), entry(4, 5, none), entry(32, 5, none)];
        let bad = [
            vec![user.clone(), other.clone(), group.clone()],
            vec![user.clone(), group.clone()],
            vec![user.clone(), entry(2, 7, 5), group.clone(), other.clone()],
            vec![user.clone(), entry(64, 7, 5), group.clone(), other.clone()],
            vec![user.clone(), group.clone(), entry(32, 8, none)],
            vec![user.clone(), user.clone(), group.clone(), other.clone()],
        ];
        for entries in bad {
            assert!(acl_from_wire(&wire(&entries)).is_err(), "{entries:?}");
        }
        assert!(acl_from_wire(&wire(&[user, group, other])).is_ok());
    }

    #[test]
    fn the_inode_takes_what_leaves_least_for_the_block() {
        assert_eq!(most_that_fit(&[88]), [true]);
        assert_eq!(most_that_fit(&[92]), [false]);
        assert_eq!(most_that_fit(&[60, 48, 40]), [false, true, true]);
        assert_eq!(most_that_fit(&[20, 20, 20, 20, 20]), [true, true, true, true, false]);
        assert_eq!(most_that_fit(&[]), [false; 0]);
    }
}

//! The index files of kmod (`modules.dep.bin`, `modules.alias.bin`): a tree over the bytes of the keys, written from its
//! leaves to its root.
//!
//! ```text
//! file:  magic B007F457 · version 00020001 · root (all integers big-endian)
//! node:  [prefix 00] [first last · children, one u32 for each byte from first to last] [count · (priority · value 00)…]
//! u32:   top bits say what a node has: 8 prefix, 4 values, 2 children; the rest is its offset, 0 for no child
//! ```

use std::collections::BTreeMap;

/// A key with one of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IndexEntry {
    pub(crate) key: Vec<u8>,
    pub(crate) value: Vec<u8>,
    /// Values of one key stand in this order.
    pub(crate) priority: u32,
}

/// An index in memory.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexTree {
    prefix: Vec<u8>,
    children: BTreeMap<u8, IndexTree>,
    /// Priority and value.
    values: Vec<(u32, Vec<u8>)>,
}

impl IndexTree {
    /// The index of all `entries`; a value that a key is given twice stands there twice, as with depmod.
    pub(crate) fn of(entries: impl IntoIterator<Item = IndexEntry>) -> Self {
        let mut root = Self::default();
        for entry in entries {
            root.insert(&entry.key, entry.priority, entry.value);
        }
        root
    }

    /// The file.
    ///
    /// # Reference
    /// kmod, the comment on the format in `libkmod/libkmod-index.h`; proved against depmod's own files.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let mut file = Vec::new();
        for number in [MAGIC, VERSION, 0] {
            file.extend_from_slice(&u32::to_be_bytes(number));
        }
        let root = self.write(&mut file);
        file[8..12].copy_from_slice(&root.to_be_bytes());
        file
    }

    fn insert(&mut self, key: &[u8], priority: u32, value: Vec<u8>) {
        let mut node = self;
        // The root has no prefix.
        let mut rest = key;
        loop {
            let common = node.prefix.iter().zip(rest).take_while(|(a, b)| a == b).count();
            if common < node.prefix.len() {
                node.split(common);
            }
            rest = &rest[common..];
            let Some((first, after)) = rest.split_first() else { break };
            if !node.children.contains_key(first) {
                let leaf =
                    Self { prefix: after.to_vec(), values: vec![(priority, value)], ..Self::default() };
                node.children.insert(*first, leaf);
                return;
            }
            node = node.children.entry(*first).or_default();
            rest = after;
        }
        let at = node.values.iter().take_while(|(known, _)| *known < priority).count();
        node.values.insert(at, (priority, value));
    }

    /// Cuts a node whose prefix is longer than `common` into one above and one below.
    fn split(&mut self, common: usize) {
        let below_prefix = self.prefix.split_off(common + 1);
        let below = Self {
            prefix: below_prefix,
            children: std::mem::take(&mut self.children),
            values: std::mem::take(&mut self.values),
        };
        if let Some(byte) = self.prefix.pop() {
            self.children.insert(byte, below);
        }
    }

    /// Writes what is below and then this node, and gives its place. As deep as the longest key, whose length a line of a
    /// table bounds: kmod reads none longer than 4096 bytes.
    fn write(&self, file: &mut Vec<u8>) -> u32 {
        let first_and_last = self.children.keys().next().zip(self.children.keys().next_back());
        let mut offsets = Vec::new();
        if let Some((first, last)) = first_and_last {
            for byte in *first..=*last {
                offsets.push(self.children.get(&byte).map_or(0, |child| child.write(file)));
            }
        }
        let mut place = file.len() as u32;
        if !self.prefix.is_empty() {
            file.extend_from_slice(&self.prefix);
            file.push(0);
            place |= HAS_PREFIX;
        }
        if let Some((first, last)) = first_and_last {
            file.extend_from_slice(&[*first, *last]);
            offsets.iter().for_each(|offset| file.extend_from_slice(&offset.to_be_bytes()));
            place |= HAS_CHILDREN;
        }
        if !self.values.is_empty() {
            file.extend_from_slice(&(self.values.len() as u32).to_be_bytes());
            for (priority, value) in &self.values {
                file.extend_from_slice(&priority.to_be_bytes());
                file.extend_from_slice(value);
                file.push(0);
            }
            place |= HAS_VALUES;
        }
        place
    }
}

const MAGIC: u32 = 0xB007_F457;
const VERSION: u32 = 0x0002_0001;
const HAS_PREFIX: u32 = 0x8000_0000;
const HAS_VALUES: u32 = 0x4000_0000;
const HAS_CHILDREN: u32 = 0x2000_0000;

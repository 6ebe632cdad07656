//! The index of a directory of several blocks.

use super::checksum::Checksum;
use super::encode::{BLOCK_LEN, Block, put8, put16, put32};

/// The shape of an index: how many leaves, and how many nodes between root and leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub(super) leaves: u32,
    /// 0 when the root leads to the leaves directly.
    pub(super) nodes: u32,
    root_limit: u32,
    node_limit: u32,
}

/// What a block of an indexed directory is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IndexedBlock {
    Root,
    /// With its first leaf and one past its last.
    Node(u32, u32),
    Leaf(u32),
}

impl Shape {
    /// The shape for so many leaves; `None` when two levels do not reach.
    pub(super) fn new(leaves: u32, has_tail: bool) -> Option<Self> {
        // 40 bytes of root and 8 of a node are entries' heads; the tail takes one entry.
        let tail = u32::from(has_tail);
        let (root_limit, node_limit) = (508 - tail, 511 - tail);
        let nodes = if leaves <= root_limit { 0 } else { leaves.div_ceil(node_limit) };
        (nodes <= root_limit).then_some(Self { leaves, nodes, root_limit, node_limit })
    }

    /// Blocks of the directory: root, nodes, leaves in this order.
    pub(super) fn blocks(&self) -> u32 {
        1 + self.nodes + self.leaves
    }

    /// What block `at` of the directory is.
    pub(super) fn block(&self, at: u32) -> IndexedBlock {
        match at.checked_sub(1) {
            None => IndexedBlock::Root,
            Some(node) if node < self.nodes => {
                let first = node * self.node_limit;
                IndexedBlock::Node(first, self.leaves.min(first + self.node_limit))
            }
            Some(rest) => IndexedBlock::Leaf(rest - self.nodes),
        }
    }

    /// Fills the root; `hash` gives the index hash of a leaf.
    pub(super) fn fill_root(
        &self,
        directory: u32,
        parent: u32,
        hash: impl Fn(u32) -> u32,
        checksum: &Checksum,
        to: &mut Block,
    ) {
        put32(to, 0, directory);
        put16(to, 4, 12);
        to[6..10].copy_from_slice(&[1, 2, b'.', 0]);
        put32(to, 12, parent);
        put16(to, 16, (BLOCK_LEN - 12) as u16);
        to[18..24].copy_from_slice(&[2, 2, b'.', b'.', 0, 0]);
        // dx_root_info: hash_version half MD4, info_length, indirect_levels.
        put8(to, 0x1c, 1);
        put8(to, 0x1d, 8);
        put8(to, 0x1e, u8::from(self.nodes > 0));
        let entries = if self.nodes > 0 { self.nodes } else { self.leaves };
        let step = if self.nodes > 0 { self.node_limit } else { 1 };
        let entries = (0..entries).map(|at| (hash(at * step), 1 + at));
        put_entries(to, 0x20, self.root_limit, entries);
        put_tail(to, 0x20, directory, checksum);
    }

    /// Fills the node that leads to leaves `first..end`.
    pub(super) fn fill_node(
        &self,
        directory: u32,
        (first, end): (u32, u32),
        hash: impl Fn(u32) -> u32,
        checksum: &Checksum,
        to: &mut Block,
    ) {
        // An unused entry over the whole block, for those who do not know the index.
        put16(to, 4, BLOCK_LEN as u16);
        let entries = (first..end).map(|leaf| (hash(leaf), 1 + self.nodes + leaf));
        put_entries(to, 8, self.node_limit, entries);
        put_tail(to, 8, directory, checksum);
    }
}

/// dx_countlimit and dx_entry array: the first entry's hash is the parent's and its slot holds limit and count.
fn put_entries(to: &mut Block, at: usize, limit: u32, entries: impl Iterator<Item = (u32, u32)>) {
    let mut count = 0_u16;
    for (slot, (hash, block)) in to[at..].chunks_exact_mut(8).zip(entries) {
        put32(slot, 0, hash);
        put32(slot, 4, block);
        count += 1;
    }
    put16(to, at, limit as u16);
    put16(to, at + 2, count);
}

/// dx_tail: over the entries in use, and itself with a zero checksum.
fn put_tail(to: &mut Block, at: usize, directory: u32, checksum: &Checksum) {
    let count = usize::from(u16::from_le_bytes([to[at + 2], to[at + 3]]));
    if let Some(crc) = checksum.of_inode(directory, &[&to[..at + 8 * count], &[0; 8]]) {
        put32(to, BLOCK_LEN - 4, crc);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_grows_to_two_levels_and_no_more() {
        let blocks = |leaves| Shape::new(leaves, true).map(|shape| shape.blocks());
        assert_eq!(blocks(507), Some(508));
        assert_eq!(blocks(508), Some(1 + 1 + 508));
        assert_eq!(blocks(511), Some(1 + 2 + 511));
        assert_eq!(blocks(507 * 510), Some(1 + 507 + 507 * 510));
        assert_eq!(blocks(507 * 510 + 1), None);
        assert_eq!(Shape::new(508, false).map(|shape| shape.blocks()), Some(509));
        let shape = Shape::new(511, true).unwrap();
        assert_eq!(shape.block(0), IndexedBlock::Root);
        assert_eq!(shape.block(2), IndexedBlock::Node(510, 511));
        assert_eq!(shape.block(3), IndexedBlock::Leaf(0));
        assert_eq!(shape.block(513), IndexedBlock::Leaf(510));
    }
}

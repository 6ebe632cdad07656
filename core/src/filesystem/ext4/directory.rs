//! Directories: which blocks they have, and what stands in each.

use super::checksum::Checksum;
use super::encode::{BLOCK_LEN, Block, index, put16, put32};
use super::hash::NameHash;
use super::htree::{IndexedBlock, Shape};
use super::numbering::{LOST_FOUND, Numbering, ROOT};
use crate::tree::{NodeId, Object, TreeView};
use crate::{Error, ErrorKind, Result};

/// The directories of a view and the order of the names in those that have an index.
///
/// Any block can be made from it at once, so reading a directory costs as much as its names, in whatever order.
pub(super) struct Directories {
    /// By rank; depth first.
    list: Vec<Directory>,
    /// The entries of indexed directories by hash, one directory after the other. The view's root stands for the
    /// `lost+found` that is made.
    order: Vec<NodeId>,
    /// Where each leaf of an index starts in `order`.
    leaves: Vec<u32>,
    blocks: u32,
    hash: NameHash,
    has_tail: bool,
    makes_lost_found: bool,
}

/// One directory.
#[derive(Clone, Copy)]
pub(super) struct Directory {
    pub(super) node: NodeId,
    pub(super) rank: u32,
    /// First block in the area of directory blocks.
    pub(super) first_block: u32,
    /// Index of its first leaf, if it has an index.
    first_leaf: u32,
    pub(super) subdirectories: u32,
}

/// What stands in a block of the area of directory blocks.
pub(super) enum Place {
    /// Block of a directory of the list.
    Directory(usize, u32),
    /// Block of the `lost+found` that is made.
    LostFound(u32),
}

impl Directories {
    pub(super) fn new(hash: NameHash, checksum: &Checksum, makes_lost_found: bool) -> Self {
        Self {
            list: Vec::new(),
            order: Vec::new(),
            leaves: Vec::new(),
            blocks: 0,
            hash,
            has_tail: checksum.is_full(),
            makes_lost_found,
        }
    }

    /// Takes in the next directory; `scratch` is memory to use again.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` naming a directory with more names than a two-level index leads to.
    pub(super) fn add(
        &mut self,
        view: &TreeView,
        node: NodeId,
        rank: u32,
        scratch: &mut Vec<(u32, NodeId)>,
    ) -> Result<()> {
        let tree = view.tree();
        let mut directory = Directory {
            node,
            rank,
            first_block: self.blocks,
            first_leaf: u32::try_from(self.leaves.len()).unwrap_or(u32::MAX),
            subdirectories: 0,
        };
        let mut len = DOTS;
        for entry in self.entries(view, node) {
            let is_directory = self.is_made(view, entry)
                || matches!(tree.inode(tree.inode_of(entry)).object, Object::Directory);
            directory.subdirectories += u32::from(is_directory);
            len += record_len(self.name(view, entry));
        }
        let blocks = if len <= self.capacity() {
            // Like the one that is made: room for e2fsck to put lost inodes.
            let is_lost_found = !self.makes_lost_found
                && tree.parent(node) == view.root()
                && node != view.root()
                && tree.name(node) == LOST_FOUND_NAME
                && len == DOTS;
            Some(if is_lost_found { LOST_FOUND_BLOCKS } else { 1 })
        } else {
            self.add_index(view, node, scratch)
        };
        let end = blocks.and_then(|blocks| self.blocks.checked_add(blocks));
        self.blocks = end.ok_or_else(|| {
            let text = "more names than an index of two levels holds (about ten million)";
            Error::new(ErrorKind::LimitExceeded, text).with_path(tree.path(node))
        })?;
        self.list.push(directory);
        Ok(())
    }

    /// To be called when all directories are in.
    pub(super) fn finish(&mut self) {
        if self.makes_lost_found {
            self.blocks += LOST_FOUND_BLOCKS;
        }
        self.list.shrink_to_fit();
        self.order.shrink_to_fit();
        self.leaves.shrink_to_fit();
    }

    /// Blocks of all directories.
    pub(super) fn blocks(&self) -> u64 {
        u64::from(self.blocks)
    }

    /// Number of directories of the view.
    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// All directories of the view, by rank.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Directory> {
        self.list.iter()
    }

    /// The directory at a place in the list.
    pub(super) fn get(&self, at: usize) -> &Directory {
        &self.list[at]
    }

    /// Blocks of the directory at a place in the list.
    pub(super) fn blocks_of(&self, at: usize) -> u32 {
        let end = self.list.get(at + 1).map_or(self.list_end(), |next| next.first_block);
        end - self.list[at].first_block
    }

    /// Whether the directory at a place in the list has an index.
    pub(super) fn is_indexed(&self, at: usize) -> bool {
        self.shape(at).is_some()
    }

    /// First block and number of blocks of the `lost+found` that is made.
    pub(super) fn made_lost_found(&self) -> (u32, u32) {
        (self.list_end(), self.blocks - self.list_end())
    }

    /// What stands in a block of the area.
    pub(super) fn place(&self, block: u64) -> Place {
        let block = u32::try_from(block).unwrap_or(u32::MAX);
        if block >= self.list_end() {
            return Place::LostFound(block - self.list_end());
        }
        let at = self.list.partition_point(|directory| directory.first_block <= block).saturating_sub(1);
        Place::Directory(at, block - self.list[at].first_block)
    }

    /// Fills a block of the area.
    pub(super) fn fill(
        &self,
        view: &TreeView,
        numbering: &Numbering,
        checksum: &Checksum,
        block: u64,
        to: &mut Block,
    ) {
        let (at, block) = match self.place(block) {
            Place::LostFound(block) => return self.fill_lost_found(block, checksum, to),
            Place::Directory(at, block) => (at, block),
        };
        let directory = &self.list[at];
        let tree = view.tree();
        let number = numbering.number(directory.rank);
        let parent = match number {
            ROOT => ROOT,
            _ => numbering.number(numbering.rank(tree.inode_of(tree.parent(directory.node)))),
        };
        let put = |records: &mut Records<'_>, entry| self.put(view, numbering, records, entry);
        let Some(shape) = self.shape(at) else {
            let mut records = Records::new(to, self.capacity());
            if block == 0 {
                records.put(number, 2, b".");
                records.put(parent, 2, b"..");
                self.entries(view, directory.node).for_each(|entry| put(&mut records, entry));
            }
            records.finish(number, checksum);
            return;
        };
        let hash = |leaf: u32| self.index_hash(view, directory, leaf);
        match shape.block(block) {
            IndexedBlock::Root => shape.fill_root(number, parent, hash, checksum, to),
            IndexedBlock::Node(first, end) => shape.fill_node(number, (first, end), hash, checksum, to),
            IndexedBlock::Leaf(leaf) => {
                let mut records = Records::new(to, self.capacity());
                let start = index(directory.first_leaf + leaf);
                let end = self.leaves.get(start + 1).map_or(self.order.len(), |end| index(*end));
                self.order[index(self.leaves[start])..end].iter().for_each(|entry| put(&mut records, *entry));
                records.finish(number, checksum);
            }
        }
    }

    /// Fills a block of the `lost+found` that is made.
    fn fill_lost_found(&self, block: u32, checksum: &Checksum, to: &mut Block) {
        let mut records = Records::new(to, self.capacity());
        if block == 0 {
            records.put(LOST_FOUND, 2, b".");
            records.put(ROOT, 2, b"..");
        }
        records.finish(LOST_FOUND, checksum);
    }

    /// Appends one entry.
    fn put(&self, view: &TreeView, numbering: &Numbering, to: &mut Records<'_>, entry: NodeId) {
        if self.is_made(view, entry) {
            to.put(LOST_FOUND, 2, LOST_FOUND_NAME);
            return;
        }
        let tree = view.tree();
        let inode = tree.inode_of(entry);
        let kind = file_type(&tree.inode(inode).object);
        to.put(numbering.number(numbering.rank(inode)), kind, tree.name(entry));
    }

    /// Orders the names of a directory and cuts them into leaves; its number of blocks, unless there are too many.
    fn add_index(&mut self, view: &TreeView, node: NodeId, scratch: &mut Vec<(u32, NodeId)>) -> Option<u32> {
        scratch.clear();
        let hashed = self.entries(view, node).map(|entry| (self.hash.of(self.name(view, entry)), entry));
        scratch.extend(hashed);
        scratch.sort_unstable();
        let before = self.leaves.len();
        let mut len = usize::MAX;
        self.order.reserve(scratch.len());
        for (_, entry) in scratch.iter() {
            let record = record_len(self.name(view, *entry));
            len = len.saturating_add(record);
            if len > self.capacity() {
                self.leaves.push(u32::try_from(self.order.len()).ok()?);
                len = record;
            }
            self.order.push(*entry);
        }
        let leaves = u32::try_from(self.leaves.len() - before).ok()?;
        Some(Shape::new(leaves, self.has_tail)?.blocks())
    }

    /// The hash under which the index lists a leaf: its lowest, with bit 0 set when the leaf before ends with the same.
    fn index_hash(&self, view: &TreeView, directory: &Directory, leaf: u32) -> u32 {
        let start = index(self.leaves[index(directory.first_leaf + leaf)]);
        let hash = |at: usize| self.hash.of(self.name(view, self.order[at]));
        let first = hash(start);
        match leaf {
            0 => 0,
            _ => first | u32::from(hash(start - 1) == first),
        }
    }

    fn shape(&self, at: usize) -> Option<Shape> {
        let total = u32::try_from(self.leaves.len()).unwrap_or(u32::MAX);
        let end = self.list.get(at + 1).map_or(total, |next| next.first_leaf);
        let leaves = end - self.list[at].first_leaf;
        (leaves > 0).then(|| Shape::new(leaves, self.has_tail)).flatten()
    }

    /// The entries of a directory by name; the view's root stands for a `lost+found` that is made.
    fn entries<'a>(&self, view: &'a TreeView, node: NodeId) -> impl Iterator<Item = NodeId> + 'a {
        let made = (self.makes_lost_found && node == view.root()).then_some(node);
        view.children(node).chain(made)
    }

    fn is_made(&self, view: &TreeView, entry: NodeId) -> bool {
        entry == view.root()
    }

    fn name<'a>(&self, view: &'a TreeView, entry: NodeId) -> &'a [u8] {
        if self.is_made(view, entry) { LOST_FOUND_NAME } else { view.tree().name(entry) }
    }

    /// Bytes of a block for entries.
    fn capacity(&self) -> usize {
        if self.has_tail { BLOCK_LEN - TAIL } else { BLOCK_LEN }
    }

    /// One past the last block of the list's directories.
    fn list_end(&self) -> u32 {
        self.blocks - if self.makes_lost_found { LOST_FOUND_BLOCKS } else { 0 }
    }
}

/// Appends entries to a block.
struct Records<'a> {
    block: &'a mut Block,
    capacity: usize,
    last: Option<usize>,
    end: usize,
}

impl<'a> Records<'a> {
    fn new(block: &'a mut Block, capacity: usize) -> Self {
        Self { block, capacity, last: None, end: 0 }
    }

    /// Appends an ext4_dir_entry_2.
    fn put(&mut self, number: u32, kind: u8, name: &[u8]) {
        let len = record_len(name);
        let Some(record) = self.block.get_mut(self.end..self.end + len) else {
            debug_assert!(false, "a directory block overflows");
            return;
        };
        put32(record, 0, number);
        put16(record, 4, len as u16);
        record[6] = name.len() as u8;
        record[7] = kind;
        record[8..8 + name.len()].copy_from_slice(name);
        self.last = Some(self.end);
        self.end += len;
    }

    /// Lets the last entry reach to the end, or makes an unused one, and writes the checksum.
    fn finish(self, directory: u32, checksum: &Checksum) {
        let start = self.last.unwrap_or(0);
        put16(self.block, start + 4, (self.capacity - start) as u16);
        if let Some(crc) = checksum.of_inode(directory, &[&self.block[..BLOCK_LEN - TAIL]]) {
            // ext4_dir_entry_tail.
            put16(self.block, BLOCK_LEN - 8, TAIL as u16);
            self.block[BLOCK_LEN - 5] = 0xde;
            put32(self.block, BLOCK_LEN - 4, crc);
        }
    }
}

fn record_len(name: &[u8]) -> usize {
    (8 + name.len()).next_multiple_of(4)
}

/// The file type in a directory entry.
fn file_type(object: &Object<'_>) -> u8 {
    match object {
        Object::File { .. } => 1,
        Object::Directory => 2,
        Object::CharDevice(_) => 3,
        Object::BlockDevice(_) => 4,
        Object::Fifo => 5,
        Object::Socket => 6,
        Object::Symlink(_) => 7,
    }
}

/// The directory that e2fsck puts lost inodes into.
pub(super) const LOST_FOUND_NAME: &[u8] = b"lost+found";
/// Blocks of an empty `lost+found`, as mke2fs makes it.
const LOST_FOUND_BLOCKS: u32 = 4;
/// Bytes of `.` and `..`.
const DOTS: usize = 24;
/// Bytes of ext4_dir_entry_tail.
const TAIL: usize = 12;

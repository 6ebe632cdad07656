//! The captured tree: complete, sorted, conflict-free, immutable.
//!
//! Nodes (names in directories) stand depth first, siblings by the bytes of their names; inodes (what the names refer
//! to) are numbered by the first node that names them. Both are packed: a tree of a million entries stays in memory.

mod builder;
mod change;
mod finding;
mod record;
mod view;
mod xattrs;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

pub use builder::{TreeBuilder, Whiteouts};
pub use change::{AppendedBytes, Change, NewFile};
pub use finding::{Finding, Findings, Severity, Strictness};
pub use record::EntryRecord;
pub use view::TreeView;

use crate::read::ChainedReader;
use crate::scan::{DataRange, DeviceNumber, ScanSource, SourceContent};
use crate::{BytesReader, Error, ErrorKind, ReadAt, Result, Timestamp};

/// A captured tree.
pub struct FileTree {
    nodes: Vec<Node>,
    inodes: Vec<InodeRecord>,
    /// Names and symlink targets.
    text: Vec<u8>,
    xattr_sets: Vec<XattrSet>,
    data_maps: Vec<Box<[DataRange]>>,
    sources: Vec<Arc<dyn ScanSource>>,
    /// Content that guest edits made.
    generated: Vec<Arc<[u8]>>,
    /// Content of sources that guest edits made longer.
    appended: Vec<Appended>,
}

/// An extended attribute: full name and value.
pub type Xattr = (Box<[u8]>, Box<[u8]>);

/// The extended attributes of an inode: sorted by name, each name once.
pub type XattrSet = Box<[Xattr]>;

/// A name in a directory; `NodeId`s ascend depth first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

/// What a name refers to; `InodeId`s ascend by the first node that names them, the root's is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InodeId(u32);

#[derive(Clone, Copy)]
struct Node {
    name: u32,
    parent: u32,
    inode: u32,
    /// One past the last node below this one.
    end: u32,
    name_len: u8,
}

#[derive(Clone, Copy)]
struct InodeRecord {
    mtime: i64,
    /// Bytes of a file, or the packed device number.
    size: u64,
    /// The source's name for the content, or start and length of a link's target in `text`.
    content: u64,
    nanos: u32,
    uid: u32,
    gid: u32,
    /// Index into `xattr_sets`, or `NONE`.
    xattrs: u32,
    /// Index into `data_maps`, or `NONE`.
    data: u32,
    links: u32,
    flags: u32,
    mode: u16,
    /// Index into `sources`, or `GENERATED` or `APPENDED`, whose `content` is an index, too.
    source: u16,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Directory,
    File,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
    /// While building: a link whose target has not come yet.
    PendingLink,
}

const NONE: u32 = u32::MAX;
const GENERATED: u16 = u16::MAX;
const APPENDED: u16 = u16::MAX - 1;

/// A source's file and what an edit put behind it.
#[derive(Clone)]
struct Appended {
    source: u16,
    content: u64,
    /// Bytes of the source's file.
    size: u64,
    tail: Arc<[u8]>,
}

/// What an inode is, with what belongs to its kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Object<'a> {
    /// A directory.
    Directory,
    /// A regular file of `size` bytes; `data` are the ranges that are not holes, `None` when there are no holes.
    #[expect(missing_docs, reason = "said above")]
    File { size: u64, data: Option<&'a [DataRange]> },
    /// A symbolic link and its target.
    Symlink(&'a [u8]),
    /// A character device.
    CharDevice(DeviceNumber),
    /// A block device.
    BlockDevice(DeviceNumber),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// An inode as the scan (or an edit) gave it.
#[derive(Clone, Copy, Debug)]
pub struct Inode<'a> {
    /// What it is.
    pub object: Object<'a>,
    /// Permission bits with setuid, setgid and sticky: `0o0000..=0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last modification, within ext4's range.
    pub mtime: Timestamp,
    /// Kept inode flags (`scan::FLAG_…`).
    pub flags: u32,
    /// Names of this inode in the tree; for a directory 1.
    pub links: u32,
    /// Identity of the attribute set: equal numbers are equal sets; `None` for no attributes.
    pub xattr_set: Option<u32>,
    /// Extended attributes, sorted by name.
    pub xattrs: &'a [Xattr],
}

impl NodeId {
    /// The root of every tree.
    pub const ROOT: Self = Self(0);

    /// Position in depth-first order, from 0.
    pub fn index(self) -> u32 {
        self.0
    }
}

impl InodeId {
    /// Position in first-named order, from 0 (the root).
    pub fn index(self) -> u32 {
        self.0
    }

    /// The inode at a position that [`InodeId::index`] gave.
    pub fn from_index(index: u32) -> Self {
        Self(index)
    }
}

impl FileTree {
    /// Number of names, the root included.
    pub fn node_count(&self) -> usize {
        self.nodes.len()
    }

    /// Number of inodes; their ids are `0..inode_count()`.
    pub fn inode_count(&self) -> usize {
        self.inodes.len()
    }

    /// The last component of a node's path; empty for the root.
    pub fn name(&self, node: NodeId) -> &[u8] {
        let node = &self.nodes[node.0 as usize];
        &self.text[node.name as usize..][..usize::from(node.name_len)]
    }

    /// The directory that holds a node; the root's is the root.
    pub fn parent(&self, node: NodeId) -> NodeId {
        NodeId(self.nodes[node.0 as usize].parent)
    }

    /// What a node refers to.
    pub fn inode_of(&self, node: NodeId) -> InodeId {
        InodeId(self.nodes[node.0 as usize].inode)
    }

    /// The node and everything below it, depth first.
    pub fn subtree(
        &self,
        node: NodeId,
    ) -> impl DoubleEndedIterator<Item = NodeId> + ExactSizeIterator + use<> {
        self.subtree_range(node).map(NodeId)
    }

    /// The entries of a directory, sorted by the bytes of their names.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let Range { start, end } = self.subtree_range(node);
        let mut next = start + 1;
        std::iter::from_fn(move || {
            (next < end).then(|| {
                let child = next;
                next = self.nodes[child as usize].end;
                NodeId(child)
            })
        })
    }

    /// An inode's attributes.
    pub fn inode(&self, inode: InodeId) -> Inode<'_> {
        let record = &self.inodes[inode.0 as usize];
        let xattrs = (record.xattrs != NONE).then_some(record.xattrs);
        Inode {
            object: self.object(record),
            mode: record.mode,
            uid: record.uid,
            gid: record.gid,
            mtime: Timestamp { seconds: record.mtime, nanos: record.nanos },
            flags: record.flags,
            links: record.links,
            xattr_set: xattrs,
            xattrs: xattrs.map_or(&[], |set| &self.xattr_sets[set as usize]),
        }
    }

    /// Number of distinct attribute sets; their ids are `0..xattr_set_count()`.
    pub fn xattr_set_count(&self) -> usize {
        self.xattr_sets.len()
    }

    /// Path bytes from the root, without a leading slash; empty for the root.
    pub fn path(&self, node: NodeId) -> Vec<u8> {
        let mut components = Vec::new();
        let mut at = node;
        while at != NodeId::ROOT {
            components.push(self.name(at));
            at = self.parent(at);
        }
        components.reverse();
        components.join(&b'/')
    }

    /// The path of the first node that names an inode. Cost: a walk over all nodes; for messages.
    pub fn path_of(&self, inode: InodeId) -> Vec<u8> {
        match self.nodes.iter().position(|node| node.inode == inode.0) {
            Some(at) => self.path(NodeId(at as u32)),
            None => Vec::new(),
        }
    }

    /// The entry called `name` in a directory.
    pub fn child(&self, directory: NodeId, name: &[u8]) -> Option<NodeId> {
        self.children(directory).find(|child| self.name(*child) == name)
    }

    /// The node at `path` (slashes at the start, end or doubled do not matter); symbolic links are not followed.
    pub fn lookup(&self, path: &[u8]) -> Option<NodeId> {
        components(path).try_fold(NodeId::ROOT, |node, name| self.child(node, name))
    }

    /// The node at `path` with symbolic links followed inside the tree only: an absolute target starts at the tree's
    /// root and `..` of the root is the root. `None` when nothing is there or more than 40 links are met.
    pub fn resolve(&self, path: &[u8]) -> Option<NodeId> {
        let mut left: Vec<Vec<u8>> = components(path).rev().map(<[u8]>::to_vec).collect();
        let mut node = NodeId::ROOT;
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == b".." {
                node = self.parent(node);
                continue;
            }
            let child = self.child(node, &name)?;
            match self.inode(self.inode_of(child)).object {
                Object::Symlink(target) => {
                    links += 1;
                    if links > 40 {
                        return None;
                    }
                    if target.starts_with(b"/") {
                        node = NodeId::ROOT;
                    }
                    left.extend(components(target).rev().map(<[u8]>::to_vec));
                }
                _ => node = child,
            }
        }
        Some(node)
    }

    /// Opens a regular file; holes read as zeros.
    ///
    /// # Errors
    /// `ErrorKind::Source` naming the path when it cannot be opened, has changed since the scan, or is not a file.
    pub fn open(&self, inode: InodeId) -> Result<Arc<dyn ReadAt>> {
        let record = &self.inodes[inode.0 as usize];
        if record.kind != Kind::File {
            return Err(Error::new(ErrorKind::Internal, "only regular files have content")
                .with_path(self.path_of(inode)));
        }
        if record.source == GENERATED {
            let bytes = Arc::clone(&self.generated[record.content as usize]);
            return Ok(Arc::new(BytesReader(bytes)));
        }
        if record.source == APPENDED {
            let Appended { source, content, size, tail } = &self.appended[record.content as usize];
            let head = self.open_scanned(inode, *source, *content, *size)?;
            return Ok(Arc::new(ChainedReader { head, tail: Arc::clone(tail) }));
        }
        self.open_scanned(inode, record.source, record.content, record.size)
    }

    fn open_scanned(&self, inode: InodeId, source: u16, content: u64, size: u64) -> Result<Arc<dyn ReadAt>> {
        let content = self.sources[usize::from(source)].open(SourceContent(content))?;
        if content.size() != size {
            let text = format!("the file had {size} bytes when scanned and has {} now", content.size());
            return Err(Error::new(ErrorKind::Source, text).with_path(self.path_of(inode)));
        }
        Ok(content)
    }

    /// Which source's which content a regular file has, as it was scanned: the source's number and its own name for the
    /// content. Nothing for what an edit made or appended to.
    pub(crate) fn scanned_content(&self, inode: InodeId) -> Option<(usize, SourceContent)> {
        let record = &self.inodes[inode.0 as usize];
        let is_scanned = record.kind == Kind::File && usize::from(record.source) < self.sources.len();
        is_scanned.then(|| (usize::from(record.source), SourceContent(record.content)))
    }

    /// The whole content of a small file.
    ///
    /// # Errors
    /// As [`FileTree::open`]; `ErrorKind::LimitExceeded` when the file has more than `limit` bytes.
    pub fn read(&self, inode: InodeId, limit: u64) -> Result<Vec<u8>> {
        let content = self.open(inode)?;
        let size = content.size();
        if size > limit {
            let text = format!("the file has {size} bytes, at most {limit} are read here");
            return Err(Error::new(ErrorKind::LimitExceeded, text).with_path(self.path_of(inode)));
        }
        let mut bytes = vec![0; size as usize];
        content.read_exact_at(0, &mut bytes).map_err(|error| {
            Error::new(ErrorKind::Source, "cannot read the file's content")
                .with_path(self.path_of(inode))
                .with_source(error)
        })?;
        Ok(bytes)
    }

    fn object(&self, record: &InodeRecord) -> Object<'_> {
        match record.kind {
            Kind::Directory => Object::Directory,
            Kind::File => {
                let data = (record.data != NONE).then(|| &*self.data_maps[record.data as usize]);
                Object::File { size: record.size, data }
            }
            Kind::Symlink | Kind::PendingLink => Object::Symlink(text_of(&self.text, record)),
            Kind::CharDevice => Object::CharDevice(unpack_device(record.size)),
            Kind::BlockDevice => Object::BlockDevice(unpack_device(record.size)),
            Kind::Fifo => Object::Fifo,
            Kind::Socket => Object::Socket,
        }
    }

    fn subtree_range(&self, node: NodeId) -> Range<u32> {
        node.0..self.nodes[node.0 as usize].end
    }
}

impl fmt::Debug for FileTree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileTree({} names, {} inodes)", self.nodes.len(), self.inodes.len())
    }
}

/// The components of a path, empty ones left out.
pub(crate) fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
}

fn text_of<'a>(text: &'a [u8], record: &InodeRecord) -> &'a [u8] {
    let (start, len) = unpack_span(record.content);
    &text[start..][..len]
}

fn pack_span(start: usize, len: usize) -> u64 {
    (start as u64) << 32 | len as u64
}

fn unpack_span(span: u64) -> (usize, usize) {
    ((span >> 32) as usize, (span & 0xffff_ffff) as usize)
}

fn pack_device(device: DeviceNumber) -> u64 {
    u64::from(device.major) << 32 | u64::from(device.minor)
}

fn unpack_device(packed: u64) -> DeviceNumber {
    DeviceNumber { major: (packed >> 32) as u32, minor: packed as u32 }
}

#[cfg(test)]
mod tests;

mod links;
mod names;
mod order;
mod path;
mod records;

use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use self::links::whiteout_name;
use self::names::{Indexed, LastParent, split_name};
use super::finding::{Findings, Severity};
use super::xattrs::XattrSets;
use super::{APPENDED, Appended, FileTree, InodeRecord, Kind, NONE, Node, pack_span};
use crate::scan::{DataRange, Entry, EntryObject, ScanSource, ScanSummary};
use crate::{Error, ErrorKind, Result};

/// Puts the entries of one or several sources together into a [`FileTree`].
///
/// Entries may come in any order; of one path the last counts, as archivers extract it. Nothing is ever resolved
/// through a symbolic link.
pub struct TreeBuilder {
    nodes: Vec<BuildNode>,
    by_name: HashTable<Indexed>,
    /// Seeded anew for each process: who names files does not know where they are put.
    hasher: DefaultHashBuilder,
    last_parent: LastParent,
    inodes: Vec<InodeRecord>,
    text: Vec<u8>,
    xattr_sets: XattrSets,
    data_maps: Vec<Box<[DataRange]>>,
    sources: Vec<Arc<dyn ScanSource>>,
    generated: Vec<Arc<[u8]>>,
    appended: Vec<Appended>,
    findings: Findings,
    /// Nodes of hard links whose target had not come yet.
    pending: Vec<u32>,
    /// Number of the source that entries now come from.
    layer: u16,
    absolute_seen: bool,
}

/// What files called `.wh.…` in a layer are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Whiteouts {
    /// Plain files.
    #[default]
    Plain,
    /// OCI whiteouts: `.wh.NAME` removes NAME of the layers below, `.wh..wh..opq` all their entries in its directory.
    Oci,
}

#[derive(Clone, Copy)]
struct BuildNode {
    name: u32,
    parent: u32,
    inode: u32,
    /// The last layer that put something below this directory.
    child_layer: u16,
    name_len: u8,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Given,
    /// A directory that only its children named.
    Implied,
    Removed,
}

impl TreeBuilder {
    /// A tree with nothing but an implied root.
    pub fn new(findings: Findings) -> Self {
        let mut builder = Self::empty(findings);
        let inode = builder.push_inode(directory_record());
        let root = BuildNode {
            name: 0,
            parent: 0,
            inode,
            child_layer: NO_LAYER,
            name_len: 0,
            state: State::Implied,
        };
        builder.nodes.push(root);
        builder
    }

    /// Takes a finished tree apart again, so that changes can be laid on it.
    pub(super) fn from_tree(tree: FileTree) -> Self {
        let mut builder = Self::empty(Findings::default());
        let FileTree { nodes, inodes, text, xattr_sets, data_maps, sources, generated, appended } = tree;
        builder.inodes = inodes;
        builder.text = text;
        builder.xattr_sets = XattrSets::from_vec(xattr_sets);
        builder.data_maps = data_maps;
        builder.layer = sources.len() as u16;
        builder.sources = sources;
        builder.generated = generated;
        builder.appended = appended;
        builder.nodes.reserve_exact(nodes.len());
        builder.by_name = HashTable::with_capacity(nodes.len());
        for Node { name, parent, inode, end: _, name_len } in nodes {
            let child_layer = NO_LAYER;
            builder.nodes.push(BuildNode { name, parent, inode, child_layer, name_len, state: State::Given });
            let at = builder.nodes.len() - 1;
            if at > 0 {
                builder.index(at as u32);
            }
        }
        builder
    }

    fn empty(findings: Findings) -> Self {
        Self {
            nodes: Vec::new(),
            by_name: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            last_parent: LastParent::default(),
            inodes: Vec::new(),
            text: Vec::new(),
            xattr_sets: XattrSets::default(),
            data_maps: Vec::new(),
            sources: Vec::new(),
            generated: Vec::new(),
            appended: Vec::new(),
            findings,
            pending: Vec::new(),
            layer: 0,
            absolute_seen: false,
        }
    }

    /// Lays all entries of `source` over what is there. With [`Whiteouts::Oci`] the source is scanned twice.
    ///
    /// # Errors
    /// The source's; `ErrorKind::Source` naming the path of an entry that contradicts another or cannot exist in a Linux
    /// file system, and of a hard link whose target is missing, a directory, or leads back to the link; in strict mode
    /// also for every warning and normalisation.
    pub fn add_source(&mut self, source: Arc<dyn ScanSource>, whiteouts: Whiteouts) -> Result<ScanSummary> {
        let layer = u16::try_from(self.sources.len()).ok().filter(|layer| *layer < APPENDED);
        self.layer = layer
            .ok_or_else(|| Error::new(ErrorKind::LimitExceeded, "at most 65534 sources make one tree"))?;
        self.sources.push(Arc::clone(&source));
        let summary = match whiteouts {
            Whiteouts::Plain => source.scan(&mut |entry: Entry| self.add(entry))?,
            Whiteouts::Oci => {
                source.scan(&mut |entry: Entry| self.white_out(&entry.path))?;
                source.scan(&mut |entry: Entry| match whiteout_name(&entry.path) {
                    Some(_) => Ok(()),
                    None => self.add(entry),
                })?
            }
        };
        self.resolve_pending_links()?;
        Ok(summary)
    }

    /// The finished tree, and what there is to say about the scan.
    ///
    /// # Errors
    /// `ErrorKind::Source` in strict mode, for a normalisation that shows only now.
    pub fn finish(mut self) -> Result<(FileTree, Vec<super::Finding>)> {
        for at in 0..self.nodes.len() as u32 {
            if self.nodes[at as usize].state == State::Implied && self.is_reachable(at) {
                let text = "the scan has no entry for this directory: it becomes 0755 root:root";
                self.findings.record(Severity::Note, "implied-directory", &self.path(at), text)?;
            }
        }
        self.by_name = HashTable::new();
        let nodes = self.sorted_nodes();
        self.split_crowded_inodes(nodes).map(|(nodes, this)| {
            let mut tree = FileTree {
                nodes,
                inodes: this.inodes,
                text: this.text,
                xattr_sets: this.xattr_sets.into_vec(),
                data_maps: this.data_maps,
                sources: this.sources,
                generated: this.generated,
                appended: this.appended,
            };
            tree.number_inodes();
            (tree, this.findings.into_vec())
        })
    }

    /// Adds one entry.
    fn add(&mut self, entry: Entry) -> Result<()> {
        let path = self.normal_path(&entry.path)?;
        let Some((parents, name)) = split_name(&path) else {
            let attributes = self.checked_attributes(&path, &entry.attributes)?;
            return self.add_root(&entry, attributes);
        };
        let directory = self.parent(parents, &entry.path)?;
        let key = self.key(directory, name);
        let standing = self.find(key);
        if let EntryObject::HardLink(target) = &entry.object {
            return self.add_link(key, standing, target, &entry.path);
        }
        let attributes = self.checked_attributes(&path, &entry.attributes)?;
        let record = self.record(&entry, attributes)?;
        match standing {
            None => {
                let inode = self.push_inode(record);
                self.push_node(key, inode, State::Given)?;
            }
            Some(at) => self.replace(at, record, &entry.path)?,
        }
        Ok(())
    }

    fn add_root(&mut self, entry: &Entry, attributes: InodeRecord) -> Result<()> {
        if !matches!(entry.object, EntryObject::Directory) {
            return Err(
                Error::new(ErrorKind::Source, "the root of a tree must be a directory").with_path(b"/")
            );
        }
        self.inodes[self.nodes[0].inode as usize] = attributes;
        self.nodes[0].state = State::Given;
        Ok(())
    }

    /// Puts `record` where node `at` stands.
    fn replace(&mut self, at: u32, record: InodeRecord, path: &[u8]) -> Result<()> {
        let node = self.nodes[at as usize];
        let standing = self.inodes[node.inode as usize].kind;
        match (standing, record.kind) {
            (Kind::Directory, Kind::Directory) => {
                self.inodes[node.inode as usize] = record;
                self.nodes[at as usize].state = State::Given;
                return Ok(());
            }
            (Kind::Directory, _) if node.child_layer == self.layer => {
                let text = "the scan has this path as a directory with entries and as something else";
                return Err(Error::new(ErrorKind::Source, text).with_path(path));
            }
            (Kind::Directory, _) => {
                // Its children, all of layers below, go with it: nothing finds them under a new node.
                let inode = self.push_inode(record);
                self.renew(at, inode);
                return Ok(());
            }
            (Kind::Symlink, Kind::Directory) => {
                let text = "the scan has this path as a symbolic link and later as a directory: the directory counts";
                self.findings.record(Severity::Normalised, "link-then-directory", path, text)?;
            }
            _ => {}
        }
        // The old inode may live on under other names.
        let inode = self.push_inode(record);
        let node = &mut self.nodes[at as usize];
        node.inode = inode;
        node.state = State::Given;
        Ok(())
    }

    /// Replaces node `at` by a new one of the same name without children.
    fn renew(&mut self, at: u32, inode: u32) {
        let old = self.nodes[at as usize];
        self.remove_node(at);
        self.nodes.push(BuildNode { inode, child_layer: NO_LAYER, state: State::Given, ..old });
        self.index(self.nodes.len() as u32 - 1);
    }

    /// Adds or replaces the entry at `path`, whose parents are made where they are missing.
    pub(super) fn put(&mut self, path: &[u8], record: InodeRecord) -> Result<()> {
        let clean = self.normal_path(path)?;
        let Some((parents, name)) = split_name(&clean) else {
            return Err(Error::new(ErrorKind::Internal, "the root cannot be replaced"));
        };
        let directory = self.parent(parents, path)?;
        let key = self.key(directory, name);
        match self.find(key) {
            Some(at) => self.replace(at, record, path),
            None => {
                let inode = self.push_inode(record);
                self.push_node(key, inode, State::Given)
            }
        }
    }

    /// The inode at `path`, to be changed in place.
    pub(super) fn inode_at(&mut self, path: &[u8]) -> Option<&mut InodeRecord> {
        let at = self.find_path(path)?;
        self.inodes.get_mut(self.nodes[at as usize].inode as usize)
    }

    /// Removes the entry at `path` and all below it; nothing happens when it is not there.
    pub(super) fn remove(&mut self, path: &[u8]) {
        if let Some(at) = self.find_path(path).filter(|at| *at != 0) {
            self.remove_node(at);
        }
    }

    /// Takes in what an edit puts behind content of the tree.
    pub(super) fn push_appended(&mut self, appended: Appended) -> u64 {
        self.appended.push(appended);
        self.appended.len() as u64 - 1
    }

    /// Puts a copy of a map of data ranges, with one more at its end, among those of the tree.
    pub(super) fn push_longer_map(&mut self, map: u32, more: DataRange) -> u32 {
        let longer = self.data_maps[map as usize].iter().copied().chain([more]).collect();
        self.data_maps.push(longer);
        self.data_maps.len() as u32 - 1
    }

    /// Takes in content that an edit made.
    pub(super) fn push_generated(&mut self, bytes: Arc<[u8]>) -> u64 {
        self.generated.push(bytes);
        self.generated.len() as u64 - 1
    }

    pub(super) fn push_text(&mut self, text: &[u8]) -> Result<u64> {
        let start = self.text.len();
        if u32::try_from(start + text.len()).is_err() {
            return Err(Error::new(ErrorKind::LimitExceeded, "names and link targets pass 4 GiB"));
        }
        self.text.extend_from_slice(text);
        Ok(pack_span(start, text.len()))
    }
}

fn directory_record() -> InodeRecord {
    InodeRecord {
        mtime: 0,
        size: 0,
        content: 0,
        nanos: 0,
        uid: 0,
        gid: 0,
        xattrs: NONE,
        data: NONE,
        links: 0,
        flags: 0,
        mode: 0o755,
        source: 0,
        kind: Kind::Directory,
    }
}

const NO_LAYER: u16 = u16::MAX;

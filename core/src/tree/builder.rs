mod links;
mod path;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use hashbrown::HashTable;

use self::links::whiteout_name;
use super::finding::{Findings, Severity};
use super::xattrs::XattrSets;
use super::{
    APPENDED, Appended, FileTree, InodeRecord, Kind, NONE, Node, NodeId, components, pack_device, pack_span,
};
use crate::scan::{
    Attributes, DataRange, DeviceNumber, Entry, EntryObject, FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP,
    ScanSource, ScanSummary,
};
use crate::{Error, ErrorKind, Result, Timestamp};

/// Puts the entries of one or several sources together into a [`FileTree`].
///
/// Entries may come in any order; of one path the last counts, as archivers extract it. Nothing is ever resolved
/// through a symbolic link.
pub struct TreeBuilder {
    nodes: Vec<BuildNode>,
    by_name: HashTable<Indexed>,
    hasher: RandomState,
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

/// A node in the table of names. The table grows without a look at names, for their hashes stand in it.
#[derive(Clone, Copy)]
struct Indexed {
    hash: NameHash,
    node: u32,
}

/// A name in a directory.
#[derive(Clone, Copy)]
struct Key<'a> {
    parent: u32,
    name: &'a [u8],
    hash: NameHash,
}

#[derive(Clone, Copy)]
struct NameHash(u32);

/// The directory that an entry was put into last: the next one mostly goes there, too.
#[derive(Default)]
struct LastParent {
    /// Its path, as [`TreeBuilder::normal_path`] makes it.
    path: Vec<u8>,
    /// Its node, and the layer of the entry; nothing once a node was removed, for that may be one above.
    node: Option<(u32, u16)>,
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
            hasher: RandomState::new(),
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

    /// The node of the directory `parents` of the entry at `path`, made where it is missing.
    fn parent(&mut self, parents: &[u8], path: &[u8]) -> Result<u32> {
        if let Some((node, layer)) = self.last_parent.node
            && layer == self.layer
            && self.last_parent.path == parents
        {
            return Ok(node);
        }
        let node = self.directory(parents, path)?;
        self.last_parent.path.clear();
        self.last_parent.path.extend_from_slice(parents);
        self.last_parent.node = Some((node, self.layer));
        Ok(node)
    }

    fn directory(&mut self, parents: &[u8], path: &[u8]) -> Result<u32> {
        let mut at = 0;
        for name in components(parents) {
            self.nodes[at as usize].child_layer = self.layer;
            let key = self.key(at, name);
            at = match self.find(key) {
                Some(child) => child,
                None => {
                    let inode = self.push_inode(directory_record());
                    self.push_node(key, inode, State::Implied)?;
                    self.nodes.len() as u32 - 1
                }
            };
            if self.inodes[self.nodes[at as usize].inode as usize].kind != Kind::Directory {
                let text = "an entry stands below something that is not a directory";
                return Err(Error::new(ErrorKind::Source, text).with_path(path));
            }
        }
        self.nodes[at as usize].child_layer = self.layer;
        Ok(at)
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

    /// An inode record with nothing but checked attributes.
    pub(super) fn checked_attributes(&mut self, path: &[u8], given: &Attributes) -> Result<InodeRecord> {
        let refuse = |text: &str| Error::new(ErrorKind::Source, text).with_path(path);
        if given.uid == u32::MAX || given.gid == u32::MAX {
            return Err(refuse("owner or group 4294967295 stands for none and cannot be kept"));
        }
        if given.mtime.nanos >= 1_000_000_000 {
            return Err(refuse("a time with a second or more of nanoseconds"));
        }
        let mut mtime = given.mtime;
        if DOUBTED_TIMES.contains(&mtime.seconds) {
            let text =
                "a time from 2310-04-04 to 2378-04-22, which e2fsck takes for a misread one before 1970";
            self.findings.record(Severity::Warning, "time-doubted", path, text)?;
        }
        if mtime < Timestamp::EXT4_MIN || mtime > Timestamp::EXT4_MAX {
            mtime = mtime.clamp(Timestamp::EXT4_MIN, Timestamp::EXT4_MAX);
            let text = format!(
                "time {} is outside 1901-12-13 to 2446-05-10 and is moved to the edge",
                given.mtime.seconds
            );
            self.findings.record(Severity::Normalised, "time-out-of-range", path, text)?;
        }
        if given.mode & !0o7777 != 0 {
            let text = format!("mode {:o} has bits above 7777, which are dropped", given.mode);
            self.findings.record(Severity::Normalised, "mode-bits", path, text)?;
        }
        let xattrs = self.xattr_sets.intern(&given.xattrs, path, &mut self.findings)?;
        Ok(InodeRecord {
            mtime: mtime.seconds,
            nanos: mtime.nanos,
            uid: given.uid,
            gid: given.gid,
            mode: given.mode & 0o7777,
            flags: given.flags & (FLAG_IMMUTABLE | FLAG_APPEND | FLAG_NODUMP),
            xattrs,
            ..directory_record()
        })
    }

    fn record(&mut self, entry: &Entry, attributes: InodeRecord) -> Result<InodeRecord> {
        let refuse = |text: String| Error::new(ErrorKind::Source, text).with_path(&entry.path);
        let device = |device: &DeviceNumber| {
            if device.major >= 1 << 12 || device.minor >= 1 << 20 {
                let DeviceNumber { major, minor } = device;
                return Err(refuse(format!("device {major}:{minor} is beyond 4095:1048575")));
            }
            Ok(pack_device(*device))
        };
        let of = |kind| InodeRecord { kind, ..attributes };
        Ok(match &entry.object {
            EntryObject::Directory => of(Kind::Directory),
            EntryObject::File { content, size, data } => {
                if *size > MAX_FILE_SIZE {
                    return Err(refuse(format!("{size} bytes: ext4 holds files of at most {MAX_FILE_SIZE}")));
                }
                let data = self.data_map(*size, data.as_deref()).ok_or_else(|| {
                    refuse("the data ranges of a sparse file do not ascend within its size".to_owned())
                })?;
                InodeRecord { size: *size, content: content.0, data, source: self.layer, ..of(Kind::File) }
            }
            EntryObject::Symlink(target) => {
                if target.is_empty() || target.len() > 4095 || target.contains(&0) {
                    let text =
                        format!("symbolic link with a target of {} bytes (1 to 4095, no NUL)", target.len());
                    return Err(refuse(text));
                }
                InodeRecord { content: self.push_text(target)?, ..of(Kind::Symlink) }
            }
            EntryObject::CharDevice(number) => InodeRecord { size: device(number)?, ..of(Kind::CharDevice) },
            EntryObject::BlockDevice(number) => {
                InodeRecord { size: device(number)?, ..of(Kind::BlockDevice) }
            }
            EntryObject::Fifo => of(Kind::Fifo),
            EntryObject::Socket => {
                let text = "a socket of a running program; kept, but nothing listens on it";
                self.findings.record(Severity::Warning, "socket", &entry.path, text)?;
                of(Kind::Socket)
            }
            EntryObject::HardLink(_) => {
                return Err(Error::new(ErrorKind::Internal, "a hard link has no inode of its own"));
            }
        })
    }

    /// The number of a checked data map; `NONE` for a file without holes, `None` for a bad map.
    fn data_map(&mut self, size: u64, data: Option<&[DataRange]>) -> Option<u32> {
        let Some(ranges) = data else { return Some(NONE) };
        let mut end = 0;
        for range in ranges {
            if range.offset < end || range.len == 0 {
                return None;
            }
            end = range.offset.checked_add(range.len).filter(|end| *end <= size)?;
        }
        if matches!(ranges, [DataRange { offset: 0, len }] if *len == size)
            || (ranges.is_empty() && size == 0)
        {
            return Some(NONE);
        }
        self.data_maps.push(ranges.into());
        Some(self.data_maps.len() as u32 - 1)
    }

    fn find_path(&self, path: &[u8]) -> Option<u32> {
        components(path).try_fold(0, |at, name| self.find(self.key(at, name)))
    }

    fn key<'a>(&self, parent: u32, name: &'a [u8]) -> Key<'a> {
        Key { parent, name, hash: NameHash(self.hasher.hash_one((parent, name)) as u32) }
    }

    fn find(&self, Key { parent, name, hash }: Key<'_>) -> Option<u32> {
        let is_it = |at: u32| self.nodes[at as usize].parent == parent && self.name(at) == name;
        self.by_name.find(hash.spread(), |indexed| is_it(indexed.node)).map(|indexed| indexed.node)
    }

    fn push_node(&mut self, key: Key<'_>, inode: u32, state: State) -> Result<()> {
        let Key { parent, name, hash } = key;
        if self.nodes.len() >= MAX_NODES {
            return Err(Error::new(ErrorKind::LimitExceeded, format!("more than {MAX_NODES} entries")));
        }
        let span = self.push_text(name)?;
        let name_len = name.len() as u8;
        let name = (span >> 32) as u32;
        self.nodes.push(BuildNode { name, parent, inode, child_layer: NO_LAYER, name_len, state });
        self.index_as(self.nodes.len() as u32 - 1, hash);
        Ok(())
    }

    pub(super) fn push_inode(&mut self, record: InodeRecord) -> u32 {
        self.inodes.push(record);
        self.inodes.len() as u32 - 1
    }

    fn index(&mut self, at: u32) {
        let hash = self.key(self.nodes[at as usize].parent, self.name(at)).hash;
        self.index_as(at, hash);
    }

    fn index_as(&mut self, node: u32, hash: NameHash) {
        self.by_name.insert_unique(hash.spread(), Indexed { hash, node }, |other| other.hash.spread());
    }

    fn remove_node(&mut self, at: u32) {
        let hash = self.key(self.nodes[at as usize].parent, self.name(at)).hash;
        if let Ok(entry) = self.by_name.find_entry(hash.spread(), |other| other.node == at) {
            entry.remove();
        }
        self.nodes[at as usize].state = State::Removed;
        self.last_parent.node = None;
    }

    fn name(&self, at: u32) -> &[u8] {
        let node = &self.nodes[at as usize];
        &self.text[node.name as usize..][..usize::from(node.name_len)]
    }

    fn path(&self, at: u32) -> Vec<u8> {
        let mut names = Vec::new();
        let mut at = at;
        while at != 0 {
            names.push(self.name(at));
            at = self.nodes[at as usize].parent;
        }
        names.reverse();
        names.join(&b'/')
    }

    /// Whether no directory above the node was removed.
    fn is_reachable(&self, at: u32) -> bool {
        let mut at = at;
        while at != 0 {
            if self.nodes[at as usize].state == State::Removed {
                return false;
            }
            at = self.nodes[at as usize].parent;
        }
        true
    }

    /// The nodes that are still there, ordered by parent and name, and where the children of each node begin there; one more
    /// beginning is the end.
    fn children(&self) -> (Vec<u32>, Vec<u32>) {
        let there = || (1..).zip(&self.nodes[1..]).filter(|(_, node)| node.state != State::Removed);
        // First at the place after its own: putting the nodes in moves each to where the next begins.
        let mut starts = vec![0_u32; self.nodes.len() + 2];
        for (_, node) in there() {
            starts[node.parent as usize + 2] += 1;
        }
        for at in 2..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut order = vec![0_u32; starts.last().map_or(0, |count| *count as usize)];
        for (at, node) in there() {
            let place = &mut starts[node.parent as usize + 1];
            order[*place as usize] = at;
            *place += 1;
        }
        for ends in starts.windows(2) {
            let siblings = &mut order[ends[0] as usize..ends[1] as usize];
            // As most scans give them.
            if !siblings.is_sorted_by_key(|at| self.name(*at)) {
                siblings.sort_unstable_by_key(|at| self.name(*at));
            }
        }
        (order, starts)
    }

    /// All nodes that are still there, depth first, siblings by name.
    fn sorted_nodes(&mut self) -> Vec<Node> {
        let (order, starts) = self.children();
        let mut sorted = Vec::with_capacity(order.len() + 1);
        let root = self.nodes[0];
        sorted.push(Node { name: root.name, parent: 0, inode: root.inode, end: 0, name_len: 0 });
        // (old number, new number, next position in `order`)
        let mut open = vec![(0_u32, 0_u32, starts[0])];
        while let Some((old, new, next)) = open.last_mut() {
            let siblings = &order[..starts[*old as usize + 1] as usize];
            let Some(child) = siblings.get(*next as usize).copied() else {
                sorted[*new as usize].end = sorted.len() as u32;
                open.pop();
                continue;
            };
            *next += 1;
            let node = self.nodes[child as usize];
            let number = sorted.len() as u32;
            sorted.push(Node {
                name: node.name,
                parent: *new,
                inode: node.inode,
                end: number + 1,
                name_len: node.name_len,
            });
            if self.inodes[node.inode as usize].kind == Kind::Directory {
                open.push((child, number, starts[child as usize]));
            }
        }
        self.nodes = Vec::new();
        sorted
    }

    /// Gives every 65 000 names of one inode an inode of their own: ext4 counts no more links.
    fn split_crowded_inodes(mut self, mut nodes: Vec<Node>) -> Result<(Vec<Node>, Self)> {
        for record in &mut self.inodes {
            record.links = 0;
        }
        let mut heirs: HashMap<u32, u32> = HashMap::new();
        for at in 0..nodes.len() {
            let first = nodes[at].inode;
            let mut inode = heirs.get(&first).copied().unwrap_or(first);
            if self.inodes[inode as usize].links >= MAX_LINKS {
                let path = path_in(&nodes, &self.text, at);
                let text = "more than 65000 hard links: this name and those after it become a separate copy";
                self.findings.record(Severity::Warning, "too-many-links", &path, text)?;
                inode = self.push_inode(InodeRecord { links: 0, ..self.inodes[first as usize] });
                heirs.insert(first, inode);
            }
            self.inodes[inode as usize].links += 1;
            nodes[at].inode = inode;
        }
        Ok((nodes, self))
    }
}

impl NameHash {
    /// The table looks at the first bits and at the last ones.
    fn spread(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.0)
    }
}

/// Parents and name of a path that [`TreeBuilder::normal_path`] made; nothing of the root's.
fn split_name(path: &[u8]) -> Option<(&[u8], &[u8])> {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => Some((&path[..at], &path[at + 1..])),
        None => (!path.is_empty()).then_some((&[], path)),
    }
}

impl FileTree {
    /// Renumbers the inodes by the first node that names them and drops those without a name, in place.
    fn number_inodes(&mut self) {
        let mut number = vec![NONE; self.inodes.len()];
        let mut count = 0;
        for node in &mut self.nodes {
            let slot = &mut number[node.inode as usize];
            if *slot == NONE {
                *slot = count;
                count += 1;
            }
            node.inode = *slot;
        }
        let mut unnamed = count;
        for slot in &mut number {
            if *slot == NONE {
                *slot = unnamed;
                unnamed += 1;
            }
        }
        for at in 0..number.len() {
            while number[at] as usize != at {
                let to = number[at] as usize;
                self.inodes.swap(at, to);
                number.swap(at, to);
            }
        }
        self.inodes.truncate(count as usize);
        self.inodes.shrink_to_fit();
        self.text.shrink_to_fit();
    }
}

fn path_in(nodes: &[Node], text: &[u8], mut at: usize) -> Vec<u8> {
    let mut names = Vec::new();
    while at != NodeId::ROOT.0 as usize {
        names.push(&text[nodes[at].name as usize..][..usize::from(nodes[at].name_len)]);
        at = nodes[at].parent as usize;
    }
    names.reverse();
    names.join(&b'/')
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
/// ext4's limit of names of one inode (EXT4_LINK_MAX).
const MAX_LINKS: u32 = 65_000;
/// Seconds whose ext4 form (epoch bits 3, sign bit set) old kernels gave to times before 1970.
const DOUBTED_TIMES: std::ops::Range<i64> = (5 << 31)..(6 << 31);
/// Inode numbers are 32 bits, and ext4 keeps eleven for itself.
const MAX_NODES: usize = u32::MAX as usize - 16;
/// 2³² − 1 blocks of 4 KiB.
const MAX_FILE_SIZE: u64 = ((1 << 32) - 1) * 4096;

//! The names of a tree that is being built: a table of all, by directory.

use std::hash::BuildHasher;

use super::{BuildNode, NO_LAYER, State, TreeBuilder, directory_record};
use crate::tree::{InodeRecord, Kind, components};
use crate::{Error, ErrorKind, Result};

/// A node in the table of names. The table grows without a look at names, for their hashes stand in it.
#[derive(Clone, Copy)]
pub(super) struct Indexed {
    hash: NameHash,
    node: u32,
}

/// A name in a directory.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    parent: u32,
    name: &'a [u8],
    hash: NameHash,
}

#[derive(Clone, Copy)]
pub(super) struct NameHash(u32);

/// The directory that an entry was put into last: the next one mostly goes there, too.
#[derive(Default)]
pub(super) struct LastParent {
    /// Its path, as [`TreeBuilder::normal_path`] makes it.
    pub(super) path: Vec<u8>,
    /// Its node, and the layer of the entry; nothing once a node was removed, for that may be one above.
    pub(super) node: Option<(u32, u16)>,
}

impl TreeBuilder {
    /// The node of the directory `parents` of the entry at `path`, made where it is missing.
    pub(super) fn parent(&mut self, parents: &[u8], path: &[u8]) -> Result<u32> {
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

    /// The same, looked up name by name.
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

    pub(super) fn find_path(&self, path: &[u8]) -> Option<u32> {
        components(path).try_fold(0, |at, name| self.find(self.key(at, name)))
    }

    pub(super) fn key<'a>(&self, parent: u32, name: &'a [u8]) -> Key<'a> {
        Key { parent, name, hash: NameHash(self.hasher.hash_one((parent, name)) as u32) }
    }

    pub(super) fn find(&self, Key { parent, name, hash }: Key<'_>) -> Option<u32> {
        let is_it = |at: u32| self.nodes[at as usize].parent == parent && self.name(at) == name;
        self.by_name.find(hash.spread(), |indexed| is_it(indexed.node)).map(|indexed| indexed.node)
    }

    pub(super) fn push_node(&mut self, key: Key<'_>, inode: u32, state: State) -> Result<()> {
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

    pub(super) fn index(&mut self, at: u32) {
        let hash = self.key(self.nodes[at as usize].parent, self.name(at)).hash;
        self.index_as(at, hash);
    }

    fn index_as(&mut self, node: u32, hash: NameHash) {
        self.by_name.insert_unique(hash.spread(), Indexed { hash, node }, |other| other.hash.spread());
    }

    pub(super) fn remove_node(&mut self, at: u32) {
        let hash = self.key(self.nodes[at as usize].parent, self.name(at)).hash;
        if let Ok(entry) = self.by_name.find_entry(hash.spread(), |other| other.node == at) {
            entry.remove();
        }
        self.nodes[at as usize].state = State::Removed;
        self.last_parent.node = None;
    }

    pub(super) fn name(&self, at: u32) -> &[u8] {
        let node = &self.nodes[at as usize];
        &self.text[node.name as usize..][..usize::from(node.name_len)]
    }

    pub(super) fn path(&self, at: u32) -> Vec<u8> {
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
    pub(super) fn is_reachable(&self, at: u32) -> bool {
        let mut at = at;
        while at != 0 {
            if self.nodes[at as usize].state == State::Removed {
                return false;
            }
            at = self.nodes[at as usize].parent;
        }
        true
    }
}

impl NameHash {
    /// The table looks at the first bits and at the last ones.
    fn spread(self) -> u64 {
        u64::from(self.0) << 32 | u64::from(self.0)
    }
}

/// Parents and name of a path that [`TreeBuilder::normal_path`] made; nothing of the root's.
pub(super) fn split_name(path: &[u8]) -> Option<(&[u8], &[u8])> {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(at) => Some((&path[..at], &path[at + 1..])),
        None => (!path.is_empty()).then_some((&[], path)),
    }
}

/// Inode numbers are 32 bits, and ext4 keeps eleven for itself.
const MAX_NODES: usize = u32::MAX as usize - 16;

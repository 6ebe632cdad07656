use std::collections::BTreeMap;
use std::ops::Bound;

use crate::Result;
use crate::tree::{Change, FileTree, NodeId, Object, components};

/// A tree and the changes laid on it, as the guest would see both together.
pub(super) struct Overlay<'a> {
    pub(super) tree: &'a FileTree,
    /// By path without a leading slash, links resolved.
    pub(super) changes: BTreeMap<Vec<u8>, Change>,
}

/// Where a path leads.
pub(super) struct Place<'o> {
    /// The path with its links resolved, without a leading slash; missing components as they were given.
    pub(super) path: Vec<u8>,
    /// The tree's node, where the tree has one that no change hides.
    pub(super) node: Option<NodeId>,
    /// What stands there.
    pub(super) standing: Standing<'o>,
}

/// What stands at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing<'o> {
    Nothing,
    Directory,
    File,
    Link(&'o [u8]),
    /// A device, pipe or socket; or the path cannot be walked: something that is no directory stands above, or the
    /// links do not end.
    Other,
}

/// Whether a link that is the last component is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LastLink {
    Follow,
    Stay,
}

impl<'a> Overlay<'a> {
    /// Walks a path from the root of the tree; links lead nowhere outside it.
    pub(super) fn locate(&self, path: &[u8], last_link: LastLink) -> Place<'_> {
        let mut left: Vec<Vec<u8>> = components(path).rev().map(<[u8]>::to_vec).collect();
        let root = Place { path: Vec::new(), node: Some(NodeId::ROOT), standing: Standing::Directory };
        let mut above: Vec<Place<'_>> = Vec::new();
        let mut here = root;
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == b".." {
                here = above.pop().unwrap_or(here);
                continue;
            }
            let child = self.child(&here, &name);
            match child.standing {
                Standing::Link(target) if !left.is_empty() || last_link == LastLink::Follow => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Place { standing: Standing::Other, ..child };
                    }
                    if target.starts_with(b"/") {
                        here = above.drain(..).next().unwrap_or(here);
                    }
                    left.extend(components(target).rev().map(<[u8]>::to_vec));
                }
                _ => above.push(std::mem::replace(&mut here, child)),
            }
        }
        here
    }

    /// The content of a file at a place; `None` when it is no regular file.
    pub(super) fn read(&self, place: &Place<'_>, limit: u64) -> Result<Option<Vec<u8>>> {
        if place.standing != Standing::File {
            return Ok(None);
        }
        let node = match self.changes.get(&place.path) {
            Some(Change::Write(file)) => return Ok(Some(file.bytes.to_vec())),
            Some(Change::Append(tail)) => {
                let head =
                    place.node.map(|node| self.tree.read(self.tree.inode_of(node), limit)).transpose()?;
                return Ok(head.map(|head| [head.as_slice(), &tail.bytes].concat()));
            }
            Some(Change::CopyOf(from)) => self.tree.lookup(from),
            _ => place.node,
        };
        node.map(|node| self.tree.read(self.tree.inode_of(node), limit)).transpose()
    }

    /// Takes away all changes below a path.
    pub(super) fn drop_below(&mut self, path: &[u8]) {
        let below: Vec<Vec<u8>> = self.below(path).map(|(path, _)| path.clone()).collect();
        for path in below {
            self.changes.remove(&path);
        }
    }

    /// The names in a directory, sorted by their bytes.
    pub(super) fn names(&self, place: &Place<'_>) -> Vec<Vec<u8>> {
        let mut names = std::collections::BTreeSet::new();
        if let Some(node) = place.node {
            names.extend(self.tree.children(node).map(|child| self.tree.name(child).to_vec()));
        }
        let skipped = if place.path.is_empty() { 0 } else { place.path.len() + 1 };
        for (path, _) in self.below(&place.path) {
            names.extend(path.get(skipped..).and_then(|rest| components(rest).next()).map(<[u8]>::to_vec));
        }
        names.retain(|name| self.child(place, name).standing != Standing::Nothing);
        names.into_iter().collect()
    }

    fn child(&self, parent: &Place<'_>, name: &[u8]) -> Place<'_> {
        let mut path = parent.path.clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend_from_slice(name);
        if matches!(parent.standing, Standing::File | Standing::Other | Standing::Link(_)) {
            return Place { path, node: None, standing: Standing::Other };
        }
        let node = parent.node.and_then(|node| self.tree.child(node, name));
        let (node, standing) = match self.changes.get(&path) {
            Some(Change::Write(_) | Change::CopyOf(_) | Change::Append(_)) => (node, Standing::File),
            Some(Change::Symlink(target, _)) => (None, Standing::Link(target)),
            Some(Change::Directory(_)) => (node, Standing::Directory),
            Some(Change::Remove) => (None, self.implied(&path)),
            None => match node {
                Some(at) => (node, self.standing_in_tree(at)),
                None => (None, self.implied(&path)),
            },
        };
        Place { path, node, standing }
    }

    fn standing_in_tree(&self, node: NodeId) -> Standing<'a> {
        match self.tree.inode(self.tree.inode_of(node)).object {
            Object::Directory => Standing::Directory,
            Object::File { .. } => Standing::File,
            Object::Symlink(target) => Standing::Link(target),
            _ => Standing::Other,
        }
    }

    /// A directory where a change puts something below a path, else nothing.
    fn implied(&self, path: &[u8]) -> Standing<'static> {
        match self.below(path).any(|(_, change)| !matches!(change, Change::Remove)) {
            true => Standing::Directory,
            false => Standing::Nothing,
        }
    }

    fn below(&self, path: &[u8]) -> impl Iterator<Item = (&Vec<u8>, &Change)> {
        let mut prefix = path.to_vec();
        if !prefix.is_empty() {
            prefix.push(b'/');
        }
        let range = (Bound::Included(prefix.clone()), Bound::Unbounded);
        self.changes.range::<Vec<u8>, _>(range).take_while(move |(path, _)| path.starts_with(&prefix))
    }
}

/// As Linux counts (path_resolution(7)).
const MAX_LINKS: usize = 40;

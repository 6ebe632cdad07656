use crate::tree::{FileTree, NodeId, Object};
use crate::{Error, ErrorKind, Result};

/// Where boot files may come from: the tree, and what the user supplies for what it lacks.
#[derive(Clone, Copy, Debug)]
pub(super) struct BootFiles<'a> {
    pub(super) tree: &'a FileTree,
    pub(super) donor: Option<&'a FileTree>,
}

/// Who has a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    Tree,
    Donor,
}

/// A regular file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) owner: Owner,
    /// Path in the owner's tree, links resolved, without a leading slash.
    pub(super) path: Vec<u8>,
    /// Bytes.
    pub(super) size: u64,
}

impl<'a> BootFiles<'a> {
    /// The trees in the order in which they are asked.
    pub(super) fn owners(&self) -> impl Iterator<Item = (Owner, &'a FileTree)> + use<'a> {
        [(Owner::Tree, Some(self.tree)), (Owner::Donor, self.donor)]
            .into_iter()
            .filter_map(|(owner, tree)| Some((owner, tree?)))
    }

    pub(super) fn tree_of(&self, owner: Owner) -> &'a FileTree {
        match owner {
            Owner::Tree => self.tree,
            Owner::Donor => self.donor.unwrap_or(self.tree),
        }
    }

    /// The first regular file of one owner that stands at one of `paths`; letters of the last component match in either
    /// case, as on the FAT file systems that such files come from.
    pub(super) fn find(&self, owner: Owner, paths: &[String]) -> Option<Found> {
        let tree = self.tree_of(owner);
        paths.iter().find_map(|path| {
            let node = find_ignoring_case(tree, path)?;
            match tree.inode(tree.inode_of(node)).object {
                Object::File { size, .. } => Some(Found { owner, path: tree.path(node), size }),
                _ => None,
            }
        })
    }

    /// All bytes of a file that was found.
    pub(super) fn read(&self, found: &Found) -> Result<Vec<u8>> {
        let tree = self.tree_of(found.owner);
        let node = tree
            .resolve(&found.path)
            .ok_or_else(|| Error::new(ErrorKind::Internal, "a boot file went away").with_path(&found.path))?;
        tree.read(tree.inode_of(node), MAX_FILE)
    }
}

/// The names in a directory, sorted; none when it is not there.
pub(super) fn names(tree: &FileTree, directory: &str) -> Vec<String> {
    let Some(node) = find_ignoring_case(tree, directory) else { return Vec::new() };
    let names = tree.children(node).map(|child| tree.name(child).to_vec());
    names.filter_map(|name| String::from_utf8(name).ok()).collect()
}

/// The node at `path` with links followed; where nothing stands there, one whose last component differs in case.
fn find_ignoring_case(tree: &FileTree, path: &str) -> Option<NodeId> {
    if let Some(node) = tree.resolve(path.as_bytes()) {
        return Some(node);
    }
    let (directory, name) = path.rsplit_once('/').unwrap_or(("", path));
    let directory = tree.resolve(directory.as_bytes())?;
    let same = |child: &NodeId| tree.name(*child).eq_ignore_ascii_case(name.as_bytes());
    let child = tree.children(directory).find(same)?;
    tree.resolve(&tree.path(child))
}

/// Larger than any loader.
const MAX_FILE: u64 = 16 << 20;

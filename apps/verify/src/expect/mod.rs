//! What a guest's file systems should hold.

mod compare;
mod line;
mod list;
mod scan;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diskwright_core::{ReadAt, Result};

pub(crate) use compare::{Actual, ActualKind, Comparison, compare_content};
pub use line::EntryLine;
pub use list::{FileDigests, write_file_digests};
pub use scan::Scan;
pub(crate) use scan::ScanListing;

/// One entry that should be there.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    pub(crate) path: TreePath,
    pub(crate) kind: ActualKind,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Seconds and nanoseconds.
    pub(crate) mtime: (i64, u32),
    pub(crate) flags: u32,
    /// Sorted by name.
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// The same for all names of an inode that has several.
    pub(crate) identity: Option<u64>,
    pub(crate) content: Content,
}

/// What a file should hold.
#[derive(Clone)]
pub(crate) enum Content {
    /// No file, or nothing is known.
    Unknown,
    Digest([u8; 32]),
    /// These bytes, opened when they are compared.
    Bytes(Arc<dyn Fn() -> Result<Arc<dyn ReadAt>> + Send + Sync>),
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unknown => f.write_str("Unknown"),
            Self::Digest(_) => f.write_str("Digest"),
            Self::Bytes(_) => f.write_str("Bytes"),
        }
    }
}

/// A path without leading slash, ordered as a tree is walked: depth first, siblings by the bytes of their names.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(crate) struct TreePath(pub(crate) Vec<u8>);

impl TreePath {
    /// Whether it is `above` or lies below it.
    pub(crate) fn is_within(&self, above: &[u8]) -> bool {
        above.is_empty()
            || self.0.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    }
}

impl Ord for TreePath {
    fn cmp(&self, other: &Self) -> Ordering {
        // A slash ends a name, and comes before everything that a name could have there.
        let order = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
        self.0.iter().map(order).cmp(other.0.iter().map(order))
    }
}

impl PartialOrd for TreePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Which part of the guest's tree a file system holds.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    /// Where it is mounted, without leading slash.
    pub(crate) root: Vec<u8>,
    /// What other file systems hold, below the root.
    pub(crate) others: BTreeSet<Vec<u8>>,
}

impl Mount {
    /// Whether the file system has the entry: mount points of others stay as empty directories.
    pub(crate) fn holds(&self, path: &TreePath) -> bool {
        path.is_within(&self.root)
            && !self.others.iter().any(|other| path.0 != *other && path.is_within(other))
    }
}

/// Entries in the order of the tree.
pub(crate) type Entries<'a> = Box<dyn Iterator<Item = Result<Expected>> + 'a>;

/// Where it is known from what should be there.
pub(crate) trait Listing {
    /// The directory at a mount point, links of the tree followed; without leading slash.
    fn resolve(&self, mount_point: &str) -> Vec<u8>;

    /// The entries of one file system, its root first, in the order of the tree.
    fn entries<'a>(&'a self, mount: &'a Mount) -> Result<Entries<'a>>;

    /// The content of files of the guest, by path without leading slash; what is not known is left out.
    fn contents(&self, paths: &BTreeSet<Vec<u8>>) -> Result<BTreeMap<Vec<u8>, Content>>;
}

/// A path with or without leading slash, without.
pub(crate) fn relative(path: &[u8]) -> Vec<u8> {
    let names: Vec<&[u8]> = path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()).collect();
    names.join(&b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_ordered_as_a_tree_is_walked() {
        let paths: Vec<TreePath> = ["", "a", "a/b", "a/b/c", "a/c", "a b", "a-", "a.d", "ab"]
            .iter()
            .map(|path| TreePath(path.as_bytes().to_vec()))
            .collect();
        assert!(paths.is_sorted());
        let below = |path: &str, above: &str| TreePath(path.as_bytes().to_vec()).is_within(above.as_bytes());
        assert!(
            below("a/b", "a") && below("a", "a") && below("a", "") && !below("ab", "a") && !below("a", "a/b")
        );
    }
}

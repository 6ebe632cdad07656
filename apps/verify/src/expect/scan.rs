use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use diskwright_core::scan::ScanSource;
use diskwright_core::tree::{FileTree, Findings, InodeId, NodeId, Object, TreeBuilder, Whiteouts};
use diskwright_core::{Error, ErrorKind, Result};

use super::line::path_of;
use super::{ActualKind, Content, Entries, Expected, Listing, Mount, TreePath, relative};
use crate::report::ImageReport;

/// The scan that an image was made of.
#[derive(Clone)]
#[non_exhaustive]
pub struct Scan {
    /// The sources in order, later over earlier; at least one.
    pub sources: Vec<Arc<dyn ScanSource>>,
    /// What `.wh.…` files of the second and later sources are.
    pub whiteouts: Whiteouts,
}

impl Scan {
    /// A scan of these sources.
    pub fn new(sources: Vec<Arc<dyn ScanSource>>, whiteouts: Whiteouts) -> Self {
        Self { sources, whiteouts }
    }
}

/// A scan's tree with the edits that a report tells.
pub(crate) struct ScanListing {
    tree: Arc<FileTree>,
    /// What an edit made or changed, as it should be.
    changed: BTreeMap<TreePath, Expected>,
    /// What an edit took away, with all below it.
    removed: BTreeSet<Vec<u8>>,
}

impl ScanListing {
    /// Scans, and takes the report's edits.
    ///
    /// # Errors
    /// Those of the sources; `ErrorKind::Source` for a report that says nothing usable.
    pub(crate) fn new(scan: &Scan, report: &ImageReport) -> Result<Self> {
        let mut builder = TreeBuilder::new(Findings::default());
        for (at, source) in scan.sources.iter().enumerate() {
            let whiteouts = if at == 0 { Whiteouts::Plain } else { scan.whiteouts };
            builder.add_source(Arc::clone(source), whiteouts)?;
        }
        let tree = Arc::new(builder.finish()?.0);
        let mut removed = BTreeSet::new();
        for edit in report.edits.iter().filter(|edit| edit.action == "removed") {
            removed.insert(path_of(&edit.path)?);
        }
        let mut listing = Self { tree, changed: BTreeMap::new(), removed };
        for line in report.changed.iter().flatten() {
            let mut expected = line.expected()?;
            match &line.copy_of {
                Some(from) => expected.content = listing.scanned_content(&path_of(from)?),
                None => expected.identity = listing.shared_identity(&expected),
            }
            listing.changed.insert(expected.path.clone(), expected);
        }
        Ok(listing)
    }

    /// The content of a file of the tree as it was scanned.
    fn scanned_content(&self, path: &[u8]) -> Content {
        let node = self.tree.lookup(path);
        node.map_or(Content::Unknown, |node| self.content(self.tree.inode_of(node)))
    }

    fn content(&self, inode: InodeId) -> Content {
        if !matches!(self.tree.inode(inode).object, Object::File { .. }) {
            return Content::Unknown;
        }
        let tree = Arc::clone(&self.tree);
        Content::Bytes(Arc::new(move || tree.open(inode)))
    }

    /// A file that was changed in place keeps its other names.
    fn shared_identity(&self, changed: &Expected) -> Option<u64> {
        let node = self.tree.lookup(&changed.path.0)?;
        let inode = self.tree.inode_of(node);
        let standing = self.tree.inode(inode);
        let is_file = matches!(standing.object, Object::File { .. });
        (is_file && matches!(changed.kind, ActualKind::File { .. }) && standing.links > 1)
            .then_some(u64::from(inode.index()))
    }

    fn expected(&self, node: NodeId) -> Expected {
        let id = self.tree.inode_of(node);
        let inode = self.tree.inode(id);
        let kind = match inode.object {
            Object::Directory => ActualKind::Directory,
            Object::File { size, .. } => ActualKind::File { size },
            Object::Symlink(target) => ActualKind::Symlink(target.to_vec()),
            Object::CharDevice(number) => ActualKind::CharDevice((number.major, number.minor)),
            Object::BlockDevice(number) => ActualKind::BlockDevice((number.major, number.minor)),
            Object::Fifo => ActualKind::Fifo,
            Object::Socket => ActualKind::Socket,
        };
        let is_shared = inode.links > 1 && kind != ActualKind::Directory;
        Expected {
            path: TreePath(self.tree.path(node)),
            kind,
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            mtime: (inode.mtime.seconds, inode.mtime.nanos),
            flags: inode.flags,
            xattrs: inode.xattrs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
            identity: is_shared.then_some(u64::from(id.index())),
            content: self.content(id),
        }
    }

    /// The nodes of the scan that are still there as they were, in order.
    fn standing<'a>(&'a self, mount: &'a Mount) -> impl Iterator<Item = Expected> + 'a {
        let root = self.tree.lookup(&mount.root);
        let nodes = root.map(|root| self.tree.subtree(root)).into_iter().flatten();
        // What lies below a node that is skipped comes right after it.
        let mut skipped_to: u32 = 0;
        nodes.filter_map(move |node| {
            if node.index() < skipped_to {
                return None;
            }
            let path = TreePath(self.tree.path(node));
            let is_removed = self.removed.contains(&path.0);
            let changed = self.changed.get(&path);
            let is_other = mount.others.contains(&path.0) && path.0 != mount.root;
            let hides = changed.is_some_and(|changed| changed.kind != ActualKind::Directory);
            if is_removed || is_other || hides {
                let below = u32::try_from(self.tree.subtree(node).len()).unwrap_or(u32::MAX);
                skipped_to = node.index().saturating_add(below);
            }
            (!is_removed && changed.is_none()).then(|| self.expected(node))
        })
    }
}

impl Listing for ScanListing {
    fn resolve(&self, mount_point: &str) -> Vec<u8> {
        match self.tree.resolve(mount_point.as_bytes()) {
            Some(node) => self.tree.path(node),
            None => relative(mount_point.as_bytes()),
        }
    }

    fn entries<'a>(&'a self, mount: &'a Mount) -> Result<Entries<'a>> {
        let mut standing = self.standing(mount).peekable();
        let mut changed = self.changed.values().filter(|changed| mount.holds(&changed.path)).peekable();
        Ok(Box::new(std::iter::from_fn(move || {
            let is_changed_next = match (standing.peek(), changed.peek()) {
                (Some(standing), Some(changed)) => changed.path < standing.path,
                (None, changed) => changed.is_some(),
                (Some(_), None) => false,
            };
            if is_changed_next { changed.next().cloned().map(Ok) } else { standing.next().map(Ok) }
        })))
    }

    fn contents(&self, paths: &BTreeSet<Vec<u8>>) -> Result<BTreeMap<Vec<u8>, Content>> {
        let content = |path: &Vec<u8>| match self.changed.get(&TreePath(path.clone())) {
            Some(changed) => changed.content.clone(),
            None => self.scanned_content(path),
        };
        Ok(paths.iter().map(|path| (path.clone(), content(path))).collect())
    }
}

impl Scan {
    /// Refuses a scan of nothing.
    pub(crate) fn check(&self) -> Result<()> {
        if self.sources.is_empty() {
            return Err(Error::new(ErrorKind::Source, "a scan has at least one source"));
        }
        Ok(())
    }
}

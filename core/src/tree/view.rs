use std::sync::Arc;

use super::{FileTree, NodeId};

/// The part of a tree that one file system holds: everything below `root`, without what lies below the mount points of
/// other file systems (the mount points themselves stay, as empty directories).
#[derive(Clone, Debug)]
pub struct TreeView {
    tree: Arc<FileTree>,
    root: NodeId,
    /// Sorted, disjoint, all below `root`.
    mount_points: Vec<NodeId>,
}

impl TreeView {
    /// A view of all below `root`; `mount_points` may come in any order, those outside `root` do not matter.
    pub fn new(tree: Arc<FileTree>, root: NodeId, mount_points: &[NodeId]) -> Self {
        let inside = tree.subtree_range(root);
        let mut mount_points: Vec<NodeId> =
            mount_points.iter().copied().filter(|node| *node != root && inside.contains(&node.0)).collect();
        mount_points.sort_unstable();
        mount_points.dedup();
        // A mount point below another belongs to that file system.
        let mut end = 0;
        mount_points.retain(|node| {
            let kept = node.0 >= end;
            if kept {
                end = tree.subtree_range(*node).end;
            }
            kept
        });
        Self { tree, root, mount_points }
    }

    /// The tree.
    pub fn tree(&self) -> &Arc<FileTree> {
        &self.tree
    }

    /// The directory that becomes the file system's root.
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// All nodes of the view, depth first, the root first.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> + '_ {
        let mut next = self.root.0;
        let end = self.tree.subtree_range(self.root).end;
        let mut mount_points = self.mount_points.iter().peekable();
        std::iter::from_fn(move || {
            (next < end).then(|| {
                let node = NodeId(next);
                next += 1;
                if mount_points.next_if_eq(&&node).is_some() {
                    next = self.tree.subtree_range(node).end;
                }
                node
            })
        })
    }

    /// The entries of a directory of the view, sorted by the bytes of their names; none for a mount point.
    pub fn children(&self, node: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        let empty = self.mount_points.binary_search(&node).is_ok();
        self.tree.children(node).take_while(move |_| !empty)
    }
}

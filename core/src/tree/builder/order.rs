//! The last step of a tree that was built: nodes depth first, inodes by their first names.

use std::collections::HashMap;

use super::{State, TreeBuilder};
use crate::Result;
use crate::tree::finding::Severity;
use crate::tree::{FileTree, InodeRecord, Kind, NONE, Node, NodeId};

impl TreeBuilder {
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
    pub(super) fn sorted_nodes(&mut self) -> Vec<Node> {
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
    pub(super) fn split_crowded_inodes(mut self, mut nodes: Vec<Node>) -> Result<(Vec<Node>, Self)> {
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

impl FileTree {
    /// Renumbers the inodes by the first node that names them and drops those without a name, in place.
    pub(super) fn number_inodes(&mut self) {
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

/// ext4's limit of names of one inode (EXT4_LINK_MAX).
const MAX_LINKS: u32 = 65_000;

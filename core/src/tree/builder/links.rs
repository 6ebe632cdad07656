//! Hard links, and the whiteouts of layers.

use super::names::{Key, split_name};
use super::{State, TreeBuilder, directory_record};
use crate::tree::finding::Severity;
use crate::tree::{InodeRecord, Kind, components, text_of};
use crate::{Error, ErrorKind, Result};

impl TreeBuilder {
    /// Adds one more name for what stands at `target`, now or at the end of its source. The attributes that a source
    /// gives with a hard link are not looked at: those of the target count.
    pub(super) fn add_link(
        &mut self,
        key: Key<'_>,
        standing: Option<u32>,
        target: &[u8],
        path: &[u8],
    ) -> Result<()> {
        let target = self.normal_path(target)?;
        let found = self.find_path(&target);
        if found.is_some() && found == standing {
            let text = "a hard link to itself";
            return self.findings.record(Severity::Normalised, "self-link", path, text);
        }
        let inode = match found.map(|at| self.nodes[at as usize].inode) {
            Some(inode) => match self.inodes[inode as usize].kind {
                Kind::Directory => return Err(link_to_directory(path)),
                _ => inode,
            },
            None => {
                let content = self.push_text(&target)?;
                self.push_inode(InodeRecord { kind: Kind::PendingLink, content, ..directory_record() })
            }
        };
        let at = match standing {
            None => {
                self.push_node(key, inode, State::Given)?;
                self.nodes.len() as u32 - 1
            }
            Some(at) if self.inodes[self.nodes[at as usize].inode as usize].kind == Kind::Directory => {
                if self.nodes[at as usize].child_layer == self.layer {
                    let text = "the scan has this path as a directory with entries and as a hard link";
                    return Err(Error::new(ErrorKind::Source, text).with_path(path));
                }
                self.renew(at, inode);
                self.nodes.len() as u32 - 1
            }
            Some(at) => {
                self.nodes[at as usize].inode = inode;
                at
            }
        };
        if self.inodes[inode as usize].kind == Kind::PendingLink {
            self.pending.push(at);
        }
        Ok(())
    }

    /// Leads every hard link of the source that was added last to what it links.
    ///
    /// # Errors
    /// `ErrorKind::Source` naming a link whose target is missing, a directory, or leads back to itself.
    pub(super) fn resolve_pending_links(&mut self) -> Result<()> {
        let mut chain = Vec::new();
        for start in std::mem::take(&mut self.pending) {
            if self.nodes[start as usize].state == State::Removed {
                continue;
            }
            // All links on the way get the same end, so that each is walked once.
            let mut here = start;
            while self.is_pending(here) {
                let inode = self.nodes[here as usize].inode;
                if self.inodes[inode as usize].links == start.wrapping_add(1) {
                    let text = "a hard link that only leads back to itself";
                    return Err(Error::new(ErrorKind::Source, text).with_path(self.path(start)));
                }
                self.inodes[inode as usize].links = start.wrapping_add(1);
                chain.push(here);
                let target = text_of(&self.text, &self.inodes[inode as usize]);
                here = self.find_path(target).ok_or_else(|| {
                    let shown = crate::error::EscapePath::escape_ascii_path(target);
                    let text = format!("hard link to {shown}, which the scan does not have");
                    Error::new(ErrorKind::Source, text).with_path(self.path(start))
                })?;
            }
            let inode = self.nodes[here as usize].inode;
            if self.inodes[inode as usize].kind == Kind::Directory {
                return Err(link_to_directory(&self.path(start)));
            }
            for link in chain.drain(..) {
                self.nodes[link as usize].inode = inode;
            }
        }
        Ok(())
    }

    /// Takes away from the layers below what the whiteout at `path` names; other paths do nothing.
    ///
    /// # Errors
    /// `ErrorKind::Source` for a whiteout of nothing.
    ///
    /// # Reference
    /// OCI image specification, "Image Layer Filesystem Changeset", "Whiteouts".
    pub(super) fn white_out(&mut self, path: &[u8]) -> Result<()> {
        let Some(name) = whiteout_name(path) else { return Ok(()) };
        if name.is_empty() {
            return Err(Error::new(ErrorKind::Source, "a whiteout that names nothing").with_path(path));
        }
        let clean = self.normal_path(path)?;
        let Some((parents, _)) = split_name(&clean) else { return Ok(()) };
        let Some(directory) = self.find_path(parents) else { return Ok(()) };
        if name != b".wh..opq" {
            if let Some(at) = self.find(self.key(directory, name)) {
                self.remove_node(at);
            }
        } else if directory == 0 {
            for at in 1..self.nodes.len() as u32 {
                let node = &self.nodes[at as usize];
                if node.parent == 0 && node.state != State::Removed {
                    self.remove_node(at);
                }
            }
        } else {
            let inode = self.nodes[directory as usize].inode;
            self.renew(directory, inode);
        }
        Ok(())
    }

    fn is_pending(&self, at: u32) -> bool {
        self.inodes[self.nodes[at as usize].inode as usize].kind == Kind::PendingLink
    }
}

/// What the whiteout at `path` names; `None` when it is not one.
pub(super) fn whiteout_name(path: &[u8]) -> Option<&[u8]> {
    components(path).next_back()?.strip_prefix(b".wh.")
}

fn link_to_directory(path: &[u8]) -> Error {
    Error::new(ErrorKind::Source, "a hard link to a directory").with_path(path)
}

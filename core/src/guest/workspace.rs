use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use crate::error::EscapePath;
use crate::scan::Attributes;
use crate::tree::{Change, FileTree, NewFile, NodeId, Object, components};
use crate::{Error, ErrorKind, Result, Timestamp};

/// The tree with the edits made so far laid on it.
///
/// Paths are bytes from the root of the tree; symbolic links are followed inside the tree only, so that an edit of
/// `/etc/fstab` changes the file that the guest would read.
pub struct GuestWorkspace<'a> {
    tree: &'a FileTree,
    changes: BTreeMap<Vec<u8>, Change>,
    edits: Vec<Edit>,
}

/// One change of the guest, as the report lists it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// Path in the tree, with a leading slash, escaped where it is not printable.
    pub path: String,
    /// What happened to it.
    pub action: EditAction,
    /// The lines that went away, or what stood there; empty when nothing did.
    pub before: String,
    /// The lines that came, or what stands there now; empty for a removal.
    pub after: String,
    /// Why, in one sentence.
    pub reason: String,
}

/// What an edit did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EditAction {
    /// A file that was there has other content.
    Changed,
    /// Something stands where nothing stood.
    Added,
    /// Something is gone.
    Removed,
}

impl<'a> GuestWorkspace<'a> {
    /// The untouched tree.
    pub fn new(tree: &'a FileTree) -> Self {
        Self { tree, changes: BTreeMap::new(), edits: Vec::new() }
    }

    /// The tree below the edits.
    pub fn tree(&self) -> &'a FileTree {
        self.tree
    }

    /// Content of the regular file at `path` with the edits so far; `None` when there is no regular file.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it cannot be read; `ErrorKind::LimitExceeded` for a file of more than 16 MiB, which no
    /// configuration file is.
    pub fn read(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        let path = self.real_path(path);
        match self.changes.get(&path) {
            Some(Change::Write(file)) => return Ok(Some(file.bytes.to_vec())),
            Some(Change::CopyOf(from)) => return self.read_tree(from),
            Some(Change::Remove | Change::Symlink(_) | Change::Directory(_)) => return Ok(None),
            None => {}
        }
        self.read_tree(&path)
    }

    /// Whether anything stands at `path` (links followed).
    pub fn exists(&self, path: &[u8]) -> bool {
        let real = self.real_path(path);
        match self.changes.get(&real) {
            Some(Change::Remove) => false,
            Some(_) => true,
            None => self.tree.resolve(&real).is_some(),
        }
    }

    /// Gives the file at `path` new content; mode, owner and extended attributes of a file that is there stay, a new
    /// one is 0644 root:root. The report shows the lines that differ. Equal content is no edit.
    ///
    /// # Errors
    /// As [`GuestWorkspace::read`]; `ErrorKind::Source` when something other than a regular file stands there.
    pub fn write(&mut self, path: &[u8], bytes: Vec<u8>, reason: &str) -> Result<()> {
        self.write_with(path, bytes, None, reason)
    }

    /// As [`GuestWorkspace::write`], with mode, owner and extended attributes too.
    ///
    /// # Errors
    /// As [`GuestWorkspace::write`].
    pub fn write_with(
        &mut self,
        path: &[u8],
        bytes: Vec<u8>,
        attributes: Option<Attributes>,
        reason: &str,
    ) -> Result<()> {
        let real = self.real_path(path);
        let before = self.read(&real)?;
        if before.is_none() && self.exists(&real) {
            let text = "a file is needed here and something else stands there";
            return Err(Error::new(ErrorKind::Source, text).with_path(path));
        }
        if before.as_deref() == Some(&bytes) && attributes.is_none() {
            return Ok(());
        }
        let action = if before.is_some() { EditAction::Changed } else { EditAction::Added };
        let (gone, came) = differing_lines(before.as_deref().unwrap_or_default(), &bytes);
        self.record(&real, action, gone, came, reason);
        let attributes = attributes.or_else(|| self.earlier_attributes(&real));
        self.changes.insert(real, Change::Write(NewFile { bytes: Arc::from(bytes), attributes }));
        Ok(())
    }

    /// Puts a copy of the regular file `from` of the tree at `path` (0644 root:root).
    ///
    /// # Errors
    /// `ErrorKind::Internal` when `from` is not a regular file of the tree.
    pub fn copy(&mut self, from: &[u8], path: &[u8], reason: &str) -> Result<()> {
        let source = self.tree.resolve(from).filter(|node| self.is_file(*node)).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "only regular files of the tree can be copied").with_path(from)
        })?;
        let real = self.real_path(path);
        let action = if self.exists(&real) { EditAction::Changed } else { EditAction::Added };
        self.record(&real, action, String::new(), format!("a copy of /{}", from.escape_ascii_path()), reason);
        self.changes.insert(real, Change::CopyOf(self.tree.path(source)));
        Ok(())
    }

    /// Removes what stands at `path`, with all below it; the last component is not followed. Nothing there is no edit.
    pub fn remove(&mut self, path: &[u8], reason: &str) {
        let real = self.real_parent(path);
        let standing = self.changes.remove(&real);
        let in_tree = self.tree.lookup(&real);
        if in_tree.is_none() && standing.is_none_or(|change| matches!(change, Change::Remove)) {
            return;
        }
        let before = in_tree.map_or(String::new(), |node| self.describe(node));
        self.record(&real, EditAction::Removed, before, String::new(), reason);
        if in_tree.is_some() {
            self.changes.insert(real, Change::Remove);
        }
    }

    /// Puts a symbolic link to `target` at `path`, in place of whatever file stood there.
    pub fn symlink(&mut self, path: &[u8], target: &[u8], reason: &str) {
        let real = self.real_parent(path);
        let standing = self.tree.lookup(&real);
        if let Some(node) = standing
            && !self.changes.contains_key(&real)
            && self.tree.inode(self.tree.inode_of(node)).object == Object::Symlink(target)
        {
            return;
        }
        let action = if standing.is_some() { EditAction::Changed } else { EditAction::Added };
        let before = standing.map_or(String::new(), |node| self.describe(node));
        self.record(&real, action, before, format!("-> {}", target.escape_ascii_path()), reason);
        self.changes.insert(real, Change::Symlink(target.to_vec()));
    }

    /// Makes a directory (root's) at `path` unless one is there.
    pub fn directory(&mut self, path: &[u8], mode: u16, reason: &str) {
        let real = self.real_path(path);
        if self.exists(&real) {
            return;
        }
        self.record(&real, EditAction::Added, String::new(), format!("a directory, mode {mode:04o}"), reason);
        self.changes.insert(real, Change::Directory(mode));
    }

    /// The changes for [`FileTree::with_changes`] and what the report says of them.
    pub fn finish(self) -> (BTreeMap<Vec<u8>, Change>, Vec<Edit>) {
        (self.changes, self.edits)
    }

    /// The file's attributes as the tree has them, for an edit that adds to them.
    pub fn attributes(&self, path: &[u8]) -> Option<Attributes> {
        let inode = self.tree.inode(self.tree.inode_of(self.tree.resolve(path)?));
        Some(Attributes {
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            mtime: Timestamp::default(),
            flags: inode.flags,
            xattrs: inode.xattrs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
        })
    }

    fn read_tree(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.tree.resolve(path).filter(|node| self.is_file(*node)) {
            Some(node) => self.tree.read(self.tree.inode_of(node), MAX_READ).map(Some),
            None => Ok(None),
        }
    }

    /// Attributes that an earlier edit of the same file gave it.
    fn earlier_attributes(&self, real: &[u8]) -> Option<Attributes> {
        match self.changes.get(real) {
            Some(Change::Write(file)) => file.attributes.clone(),
            _ => None,
        }
    }

    fn is_file(&self, node: NodeId) -> bool {
        matches!(self.tree.inode(self.tree.inode_of(node)).object, Object::File { .. })
    }

    /// The path with all links resolved; where the last component is missing, its parent's resolved path with it.
    fn real_path(&self, path: &[u8]) -> Vec<u8> {
        match self.tree.resolve(path) {
            Some(node) => self.tree.path(node),
            None => self.real_parent(path),
        }
    }

    /// The path with the links of all components but the last resolved; missing ones are taken as they are.
    fn real_parent(&self, path: &[u8]) -> Vec<u8> {
        let names: Vec<&[u8]> = components(path).collect();
        for known in (0..names.len()).rev() {
            if let Some(parent) = self.tree.resolve(&names[..known].join(&b'/')) {
                let mut real = self.tree.path(parent);
                for name in &names[known..] {
                    if !real.is_empty() {
                        real.push(b'/');
                    }
                    real.extend_from_slice(name);
                }
                return real;
            }
        }
        names.join(&b'/')
    }

    fn describe(&self, node: NodeId) -> String {
        match self.tree.inode(self.tree.inode_of(node)).object {
            Object::Directory => "a directory".to_owned(),
            Object::File { size, .. } => format!("a file of {size} bytes"),
            Object::Symlink(target) => format!("-> {}", target.escape_ascii_path()),
            Object::CharDevice(_) | Object::BlockDevice(_) => "a device".to_owned(),
            Object::Fifo => "a named pipe".to_owned(),
            Object::Socket => "a socket".to_owned(),
        }
    }

    fn record(&mut self, real: &[u8], action: EditAction, before: String, after: String, reason: &str) {
        let path = format!("/{}", real.escape_ascii_path());
        self.edits.push(Edit { path, action, before, after, reason: reason.to_owned() });
    }
}

/// The lines between the common start and the common end of two texts; binary content is only named.
fn differing_lines(before: &[u8], after: &[u8]) -> (String, String) {
    let (Ok(old), Ok(new)) = (std::str::from_utf8(before), std::str::from_utf8(after)) else {
        return (format!("{} bytes", before.len()), format!("{} bytes", after.len()));
    };
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    let start = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let end = old[start..].iter().rev().zip(new[start..].iter().rev()).take_while(|(a, b)| a == b).count();
    (clipped(&old[start..old.len() - end]), clipped(&new[start..new.len() - end]))
}

fn clipped(lines: &[&str]) -> String {
    let text = lines.join("\n");
    match text.char_indices().nth(MAX_SHOWN) {
        Some((end, _)) => format!("{} …", &text[..end]),
        None => text,
    }
}

const MAX_READ: u64 = 16 << 20;
/// Characters of a change that the report shows.
const MAX_SHOWN: usize = 4000;

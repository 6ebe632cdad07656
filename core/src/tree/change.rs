use std::collections::BTreeMap;
use std::sync::Arc;

use super::builder::TreeBuilder;
use super::{APPENDED, Appended, FileTree, GENERATED, InodeRecord, Kind, NONE};
use crate::scan::{Attributes, DataRange};
use crate::{Error, ErrorKind, Result, Timestamp};

/// What a guest edit does to one path.
#[derive(Clone, Debug)]
pub enum Change {
    /// The file gets new content; a file that is there keeps mode, owner and extended attributes.
    Write(NewFile),
    /// A file of its own stands there with the content of the regular file at this other path, as the tree had it
    /// before all changes; 0644 root:root, no extended attributes.
    CopyOf(Vec<u8>),
    /// The regular file that is there gets these bytes behind its own, which are not read for it.
    Append(AppendedBytes),
    /// The name, with all below it, goes away.
    Remove,
    /// A symbolic link to this target stands there in place of whatever file was there, with this owner and these
    /// extended attributes; its mode and time are not used.
    Symlink(Vec<u8>, Attributes),
    /// A directory stands there with these attributes, its time not used; one that is there stays as it is.
    Directory(Attributes),
}

/// Content for a file.
#[derive(Clone, Debug)]
pub struct NewFile {
    /// All bytes.
    pub bytes: Arc<[u8]>,
    /// Mode, owner and extended attributes when the file is new or these change too; its time is not used.
    /// `None` keeps what a file has that is there, and is 0644 root:root for a new one.
    pub attributes: Option<Attributes>,
}

/// What a file gets behind its own bytes.
#[derive(Clone, Debug)]
pub struct AppendedBytes {
    /// All bytes.
    pub bytes: Arc<[u8]>,
    /// SHA-256 of the file as it is then: who appends has read it.
    pub sha256: [u8; 32],
}

impl FileTree {
    /// The tree with `changes` (path without leading slash → change) laid on it; changed inodes get `mtime`.
    ///
    /// # Errors
    /// `ErrorKind::Internal` for a change that does not fit what is there (an edit that checks first never makes one).
    pub fn with_changes(self, changes: BTreeMap<Vec<u8>, Change>, mtime: Timestamp) -> Result<Self> {
        if changes.is_empty() {
            return Ok(self);
        }
        let mut copied = BTreeMap::new();
        for change in changes.values() {
            if let Change::CopyOf(from) = change {
                let node = self
                    .lookup(from)
                    .filter(|node| self.inodes[self.inode_of(*node).0 as usize].kind == Kind::File);
                let node = node.ok_or_else(|| {
                    Error::new(ErrorKind::Internal, "only regular files can be copied").with_path(from)
                })?;
                copied.insert(from.clone(), self.inodes[self.inode_of(node).0 as usize]);
            }
        }
        let mut builder = TreeBuilder::from_tree(self);
        for (path, change) in changes {
            if let Change::CopyOf(from) = &change {
                let plain = builder.checked_attributes(&path, &plain(0o644, mtime))?;
                let InodeRecord { size, content, data, source, kind, .. } = copied[from];
                builder.put(&path, InodeRecord { size, content, data, source, kind, ..plain })?;
                continue;
            }
            apply(&mut builder, &path, change, mtime).map_err(|error| {
                Error::new(ErrorKind::Internal, "an edit does not fit the tree")
                    .with_path(&path)
                    .with_source(error)
            })?;
        }
        Ok(builder.finish()?.0)
    }
}

fn apply(builder: &mut TreeBuilder, path: &[u8], change: Change, mtime: Timestamp) -> Result<()> {
    match change {
        Change::Remove => builder.remove(path),
        Change::CopyOf(_) => {}
        Change::Append(AppendedBytes { bytes, .. }) => append(builder, path, bytes, mtime)?,
        Change::Write(NewFile { bytes, attributes }) => {
            let size = bytes.len() as u64;
            let content = builder.push_generated(bytes);
            let given =
                attributes.as_ref().map(|given| builder.checked_attributes(path, given)).transpose()?;
            let fresh = |record: InodeRecord| InodeRecord {
                size,
                content,
                data: NONE,
                source: GENERATED,
                mtime: mtime.seconds,
                nanos: mtime.nanos,
                kind: Kind::File,
                ..record
            };
            match builder.inode_at(path) {
                Some(standing) if standing.kind == Kind::File => {
                    let base = given.unwrap_or(*standing);
                    *standing = fresh(base);
                }
                _ => {
                    let base = match given {
                        Some(given) => given,
                        None => builder.checked_attributes(path, &plain(0o644, mtime))?,
                    };
                    builder.put(path, fresh(base))?;
                }
            }
        }
        Change::Symlink(target, attributes) => {
            let content = builder.push_text(&target)?;
            let attributes = Attributes { mode: 0o777, mtime, flags: 0, ..attributes };
            let base = builder.checked_attributes(path, &attributes)?;
            builder.put(path, InodeRecord { content, kind: Kind::Symlink, ..base })?;
        }
        Change::Directory(attributes) => {
            if builder.inode_at(path).is_none_or(|standing| standing.kind != Kind::Directory) {
                let base = builder.checked_attributes(path, &Attributes { mtime, ..attributes })?;
                builder.put(path, base)?;
            }
        }
    }
    Ok(())
}

/// A second time nothing is appended to what an edit made.
fn append(builder: &mut TreeBuilder, path: &[u8], tail: Arc<[u8]>, mtime: Timestamp) -> Result<()> {
    let no_file = || Error::new(ErrorKind::Internal, "only a scanned file can be appended to");
    let standing = builder.inode_at(path).map(|record| *record).ok_or_else(no_file)?;
    if standing.kind != Kind::File || matches!(standing.source, GENERATED | APPENDED) {
        return Err(no_file());
    }
    let InodeRecord { source, content, size, data, .. } = standing;
    let more = DataRange { offset: size, len: tail.len() as u64 };
    let data = if data == NONE { NONE } else { builder.push_longer_map(data, more) };
    let content = builder.push_appended(Appended { source, content, size, tail });
    let size = size.checked_add(more.len).ok_or_else(no_file)?;
    let (mtime, nanos) = (mtime.seconds, mtime.nanos);
    if let Some(record) = builder.inode_at(path) {
        *record = InodeRecord { content, data, size, mtime, nanos, source: APPENDED, ..standing };
    }
    Ok(())
}

fn plain(mode: u16, mtime: Timestamp) -> Attributes {
    Attributes { mode, mtime, ..Attributes::default() }
}

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::Serialize;

use super::overlay::{LastLink, Overlay, Place, Standing};
use crate::error::EscapePath;
use crate::scan::Attributes;
use crate::tree::{AppendedBytes, Change, FileTree, NewFile, NodeId, Object};
use crate::{Error, ErrorKind, Result, Timestamp};

/// The tree with the edits made so far laid on it.
///
/// Paths are bytes from the root of the tree; symbolic links are followed inside the tree only, so that an edit of
/// `/etc/fstab` changes the file that the guest would read.
pub struct GuestWorkspace<'a> {
    overlay: Overlay<'a>,
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
        Self { overlay: Overlay { tree, changes: BTreeMap::new() }, edits: Vec::new() }
    }

    /// The tree below the edits.
    pub fn tree(&self) -> &'a FileTree {
        self.overlay.tree
    }

    /// The edits so far, in their order.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// The target of the symbolic link at `path`; `None` when there is none.
    pub fn link_target(&self, path: &[u8]) -> Option<Vec<u8>> {
        match self.overlay.locate(path, LastLink::Stay).standing {
            Standing::Link(target) => Some(target.to_vec()),
            _ => None,
        }
    }

    /// Whether a directory stands at `path` (links followed).
    pub fn is_directory(&self, path: &[u8]) -> bool {
        self.overlay.locate(path, LastLink::Follow).standing == Standing::Directory
    }

    /// Whether a regular file stands at `path` (links followed).
    pub fn is_file(&self, path: &[u8]) -> bool {
        self.overlay.locate(path, LastLink::Follow).standing == Standing::File
    }

    /// Content of the regular file at `path` with the edits so far; `None` when there is no regular file.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it cannot be read; `ErrorKind::LimitExceeded` for a file of more than 16 MiB, which no
    /// configuration file is.
    pub fn read(&self, path: &[u8]) -> Result<Option<Vec<u8>>> {
        self.overlay.read(&self.overlay.locate(path, LastLink::Follow), MAX_READ)
    }

    /// Whether anything stands at `path` (links followed).
    pub fn exists(&self, path: &[u8]) -> bool {
        let standing = self.overlay.locate(path, LastLink::Follow).standing;
        !matches!(standing, Standing::Nothing) && !self.is_beyond(path)
    }

    /// The names in the directory at `path` (links followed), sorted by their bytes; none when it is no directory.
    pub fn names(&self, path: &[u8]) -> Vec<Vec<u8>> {
        let place = self.overlay.locate(path, LastLink::Follow);
        match place.standing {
            Standing::Directory => self.overlay.names(&place),
            _ => Vec::new(),
        }
    }

    /// Whether the tree as scanned has anything but directories below `path`.
    pub fn has_content(&self, path: &[u8]) -> bool {
        let tree = self.tree();
        let Some(node) = tree.resolve(path) else { return false };
        tree.subtree(node).any(|node| !matches!(tree.inode(tree.inode_of(node)).object, Object::Directory))
    }

    /// Gives the file at `path` new content; mode, owner and extended attributes of a file that is there stay, a new
    /// one is 0644 root:root with the SELinux label of its directory. The report shows the lines that differ. Equal
    /// content is no edit. All names of a hard-linked file get the content.
    ///
    /// # Errors
    /// As [`GuestWorkspace::read`]; `ErrorKind::Source` when something other than a regular file stands there, or
    /// something other than a directory above.
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
        self.write_shown(path, bytes, attributes, None, reason)
    }

    /// As [`GuestWorkspace::write`], for a file with secrets in it: the report shows `before` and `after`, not its lines.
    ///
    /// # Errors
    /// As [`GuestWorkspace::write`].
    pub fn write_secret(
        &mut self,
        path: &[u8],
        bytes: Vec<u8>,
        (before, after): (String, String),
        reason: &str,
    ) -> Result<()> {
        self.write_shown(path, bytes, None, Some((before, after)), reason)
    }

    fn write_shown(
        &mut self,
        path: &[u8],
        bytes: Vec<u8>,
        attributes: Option<Attributes>,
        shown: Option<(String, String)>,
        reason: &str,
    ) -> Result<()> {
        let place = self.overlay.locate(path, LastLink::Follow);
        if !matches!(place.standing, Standing::File | Standing::Nothing) {
            return Err(stands_there(path));
        }
        let before = self.overlay.read(&place, MAX_READ)?;
        let attributes = attributes.filter(|given| Some(given) != self.attributes_at(&place).as_ref());
        if before.as_deref() == Some(&bytes) && attributes.is_none() {
            return Ok(());
        }
        let action = if before.is_some() { EditAction::Changed } else { EditAction::Added };
        let (gone, came) =
            shown.unwrap_or_else(|| differing_lines(before.as_deref().unwrap_or_default(), &bytes));
        let attributes = attributes.or_else(|| match (place.standing, place.node) {
            // What the change takes from the file in the tree need not be said.
            (Standing::File, Some(_)) if !self.overlay.changes.contains_key(&place.path) => None,
            (Standing::File, _) => self.attributes_at(&place),
            _ => Some(self.new_file_attributes(&place.path)),
        });
        let real = place.path;
        self.directory_above(&real, reason)?;
        self.record(&real, action, gone, came, reason);
        self.overlay.changes.insert(real, Change::Write(NewFile { bytes: Arc::from(bytes), attributes }));
        Ok(())
    }

    /// Puts a copy of the regular file `from` of the tree at `path` (0644 root:root).
    ///
    /// # Errors
    /// `ErrorKind::Internal` when `from` is not a regular file of the tree; as [`GuestWorkspace::write`] for `path`.
    pub fn copy(&mut self, from: &[u8], path: &[u8], reason: &str) -> Result<()> {
        let tree = self.tree();
        let is_file = |node: &NodeId| matches!(tree.inode(tree.inode_of(*node)).object, Object::File { .. });
        let source = tree.resolve(from).filter(is_file).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "only regular files of the tree can be copied").with_path(from)
        })?;
        let source = tree.path(source);
        let place = self.overlay.locate(path, LastLink::Follow);
        let action = match place.standing {
            Standing::File => EditAction::Changed,
            Standing::Nothing => EditAction::Added,
            _ => return Err(stands_there(path)),
        };
        if matches!(self.overlay.changes.get(&place.path), Some(Change::CopyOf(known)) if *known == source) {
            return Ok(());
        }
        let (before, real) = (self.describe(&place), place.path);
        self.directory_above(&real, reason)?;
        self.record(&real, action, before, format!("a copy of /{}", source.escape_ascii_path()), reason);
        self.overlay.changes.insert(real, Change::CopyOf(source));
        Ok(())
    }

    /// Whether `path` leads to a regular file that no edit has changed so far, under none of its names.
    pub fn is_as_scanned(&self, path: &[u8]) -> bool {
        let place = self.overlay.locate(path, LastLink::Follow);
        let Some(node) = place.node.filter(|_| place.standing == Standing::File) else { return false };
        let tree = self.tree();
        let is_same = |changed: &Vec<u8>| {
            *changed == place.path
                || tree.lookup(changed).is_some_and(|other| tree.inode_of(other) == tree.inode_of(node))
        };
        !self.overlay.changes.keys().any(is_same)
    }

    /// Puts `appended` behind the bytes of the regular file at `path`, which are not read; `after` says in the report what
    /// it is.
    ///
    /// # Errors
    /// `ErrorKind::Internal` when the file is not as it was scanned, or is none.
    pub fn append(
        &mut self,
        path: &[u8],
        appended: AppendedBytes,
        after: String,
        reason: &str,
    ) -> Result<()> {
        let place = self.overlay.locate(path, LastLink::Follow);
        let is_scanned = place.node.is_some() && !self.overlay.changes.contains_key(&place.path);
        if place.standing != Standing::File || !is_scanned {
            let text = "only a file as it was scanned can be appended to";
            return Err(Error::new(ErrorKind::Internal, text).with_path(path));
        }
        let (before, real) = (self.describe(&place), place.path);
        self.record(&real, EditAction::Changed, before, after, reason);
        self.overlay.changes.insert(real, Change::Append(appended));
        Ok(())
    }

    /// Removes what stands at `path`, with all below it; the last component is not followed. Nothing there is no edit.
    pub fn remove(&mut self, path: &[u8], reason: &str) {
        let place = self.overlay.locate(path, LastLink::Stay);
        if place.standing == Standing::Nothing || place.path.is_empty() || self.is_beyond(path) {
            return;
        }
        let (before, real) = (self.describe(&place), place.path);
        self.record(&real, EditAction::Removed, before, String::new(), reason);
        self.overlay.drop_below(&real);
        match self.tree().lookup(&real) {
            Some(_) => self.overlay.changes.insert(real, Change::Remove),
            None => self.overlay.changes.remove(&real),
        };
    }

    /// Puts a symbolic link to `target` at `path`, root's, in place of whatever stood there, whose SELinux label it keeps.
    ///
    /// # Errors
    /// `ErrorKind::Source` when something other than a directory stands above.
    pub fn symlink(&mut self, path: &[u8], target: &[u8], reason: &str) -> Result<()> {
        self.symlink_with(path, target, None, reason)
    }

    /// As [`GuestWorkspace::symlink`], with owner and extended attributes.
    ///
    /// # Errors
    /// As [`GuestWorkspace::symlink`].
    pub fn symlink_with(
        &mut self,
        path: &[u8],
        target: &[u8],
        attributes: Option<Attributes>,
        reason: &str,
    ) -> Result<()> {
        let place = self.overlay.locate(path, LastLink::Stay);
        if place.standing == Standing::Link(target) {
            return Ok(());
        }
        if self.is_beyond(path) || place.path.is_empty() {
            return Err(stands_there(path));
        }
        let action = match place.standing {
            Standing::Nothing => EditAction::Added,
            _ => EditAction::Changed,
        };
        let (before, real) = (self.describe(&place), place.path);
        let attributes = attributes.unwrap_or_else(|| self.labelled_as(&real));
        self.directory_above(&real, reason)?;
        self.record(&real, action, before, format!("-> {}", target.escape_ascii_path()), reason);
        self.overlay.drop_below(&real);
        self.overlay.changes.insert(real, Change::Symlink(target.to_vec(), attributes));
        Ok(())
    }

    /// Makes a directory (root's, with the SELinux label of the one above) at `path` unless one is there.
    ///
    /// # Errors
    /// `ErrorKind::Source` when something else stands there or above.
    pub fn directory(&mut self, path: &[u8], mode: u16, reason: &str) -> Result<()> {
        let real = self.overlay.locate(path, LastLink::Follow).path;
        let attributes = Attributes { mode, ..self.new_file_attributes(&real) };
        self.directory_with(path, attributes, reason)
    }

    /// As [`GuestWorkspace::directory`], with owner and extended attributes.
    ///
    /// # Errors
    /// As [`GuestWorkspace::directory`].
    pub fn directory_with(&mut self, path: &[u8], attributes: Attributes, reason: &str) -> Result<()> {
        let mode = attributes.mode;
        let place = self.overlay.locate(path, LastLink::Follow);
        match place.standing {
            Standing::Directory => return Ok(()),
            Standing::Nothing => {}
            _ => return Err(stands_there(path)),
        }
        let real = place.path;
        let mut after = format!("a directory, mode {mode:04o}");
        // A removed directory comes back as it was, but without what it held.
        if let Some(node) = self.tree().lookup(&real).filter(|_| self.overlay.changes.contains_key(&real)) {
            let held: Vec<Vec<u8>> =
                self.tree().children(node).map(|child| self.tree().path(child)).collect();
            self.overlay.changes.extend(held.into_iter().map(|path| (path, Change::Remove)));
            if matches!(self.tree().inode(self.tree().inode_of(node)).object, Object::Directory) {
                after = "the directory, empty".to_owned();
            }
        }
        self.directory_above(&real, reason)?;
        self.record(&real, EditAction::Added, String::new(), after, reason);
        self.overlay.changes.insert(real, Change::Directory(attributes));
        Ok(())
    }

    /// The changes for [`FileTree::with_changes`] and what the report says of them.
    pub fn finish(self) -> (BTreeMap<Vec<u8>, Change>, Vec<Edit>) {
        (self.overlay.changes, self.edits)
    }

    /// The attributes of what stands at `path`, for an edit that adds to them; without the time, which edits set.
    pub fn attributes(&self, path: &[u8]) -> Option<Attributes> {
        self.attributes_at(&self.overlay.locate(path, LastLink::Follow))
    }

    fn attributes_at(&self, place: &Place<'_>) -> Option<Attributes> {
        match self.overlay.changes.get(&place.path) {
            Some(Change::Write(NewFile { attributes: Some(attributes), .. })) => {
                return Some(Attributes { mtime: Timestamp::default(), ..attributes.clone() });
            }
            Some(Change::CopyOf(_)) => return Some(Attributes { mode: 0o644, ..Attributes::default() }),
            Some(Change::Directory(attributes)) if place.node.is_none() => return Some(attributes.clone()),
            _ => {}
        }
        let inode = self.tree().inode(self.tree().inode_of(place.node?));
        Some(Attributes {
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            mtime: Timestamp::default(),
            flags: inode.flags,
            xattrs: inode.xattrs.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect(),
        })
    }

    /// 0644 root:root, labelled as the nearest directory above is: that is what a policy's default rule does.
    fn new_file_attributes(&self, real: &[u8]) -> Attributes {
        let mut attributes = Attributes { mode: 0o644, ..Attributes::default() };
        let mut above = real;
        while let Some(end) = above.iter().rposition(|byte| *byte == b'/') {
            above = above.get(..end).unwrap_or_default();
            let place = self.overlay.locate(above, LastLink::Follow);
            if let Some(directory) = self.attributes_at(&place) {
                attributes.xattrs =
                    directory.xattrs.into_iter().filter(|(name, _)| name == b"security.selinux").collect();
                break;
            }
        }
        attributes
    }

    /// Root's, with the label of what stands at a path, else of the directory above.
    fn labelled_as(&self, real: &[u8]) -> Attributes {
        let standing = self.attributes_at(&self.overlay.locate(real, LastLink::Stay));
        let mut attributes = standing.unwrap_or_else(|| self.new_file_attributes(real));
        attributes.xattrs.retain(|(name, _)| name == b"security.selinux");
        Attributes { uid: 0, gid: 0, ..attributes }
    }

    /// Whether something that is no directory stands above `path`, so that nothing can stand there.
    fn is_beyond(&self, path: &[u8]) -> bool {
        let place = self.overlay.locate(path, LastLink::Stay);
        let Some(end) = place.path.iter().rposition(|byte| *byte == b'/') else { return false };
        let above = self.overlay.locate(place.path.get(..end).unwrap_or_default(), LastLink::Follow);
        !matches!(above.standing, Standing::Directory | Standing::Nothing)
    }

    fn describe(&self, place: &Place<'_>) -> String {
        match place.standing {
            Standing::Nothing => String::new(),
            Standing::Directory => "a directory".to_owned(),
            Standing::Link(target) => format!("-> {}", target.escape_ascii_path()),
            Standing::Other => "a special file".to_owned(),
            Standing::File => match self.overlay.changes.get(&place.path) {
                Some(Change::Write(file)) => format!("a file of {} bytes", file.bytes.len()),
                Some(Change::CopyOf(from)) => format!("a copy of /{}", from.escape_ascii_path()),
                Some(Change::Append(tail)) => {
                    format!("{} and {} bytes behind it", self.describe_file(place.node), tail.bytes.len())
                }
                _ => self.describe_file(place.node),
            },
        }
    }

    fn describe_file(&self, node: Option<NodeId>) -> String {
        match node.map(|node| self.tree().inode(self.tree().inode_of(node)).object) {
            Some(Object::File { size, .. }) => format!("a file of {size} bytes"),
            _ => "a file".to_owned(),
        }
    }

    /// Makes the directory that holds `real` if there is none: it comes with the entry, and is an edit as well.
    fn directory_above(&mut self, real: &[u8], reason: &str) -> Result<()> {
        let end = real.iter().rposition(|byte| *byte == b'/');
        end.and_then(|end| real.get(..end)).map_or(Ok(()), |above| self.directory(above, 0o755, reason))
    }

    fn record(&mut self, real: &[u8], action: EditAction, before: String, after: String, reason: &str) {
        let path = format!("/{}", real.escape_ascii_path());
        self.edits.push(Edit { path, action, before, after, reason: reason.to_owned() });
    }
}

fn stands_there(path: &[u8]) -> Error {
    let text = "a file is needed here and something else stands there or above";
    Error::new(ErrorKind::Source, text).with_path(path)
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

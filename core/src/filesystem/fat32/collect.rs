#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::contents::Problems;
use super::{Fat32Content, Fat32File, name, time};
use crate::tree::{Findings, Inode, NodeId, Object, Severity, TreeView};
use crate::{Error, ErrorKind, Result};

/// The files of a captured tree for [`Fat32Plan::new`](super::Fat32Plan::new).
///
/// FAT has no owners, modes, links, extended attributes, devices and sockets: what of them a mounted FAT would not show
/// anyway is recorded. Symbolic links and special files are left out, a file of several names is copied for each.
///
/// # Errors
/// `ErrorKind::Unsupported`, with up to 100 problems at once, for names that are not UTF-8; `ErrorKind::Source` for each
/// loss when `findings` are strict.
pub fn files_of(view: &TreeView, findings: &mut Findings) -> Result<Vec<Fat32File>> {
    let tree = view.tree();
    let mut problems = Problems::default();
    let mut seen = std::collections::BTreeSet::new();
    let mut files = Vec::new();
    for node in view.nodes().filter(|node| *node != view.root()) {
        let inode = tree.inode_of(node);
        let attributes = tree.inode(inode);
        let path = tree.path(node);
        let content = match attributes.object {
            Object::Directory => Fat32Content::Directory,
            Object::File { size, .. } => Fat32Content::File { inode, size },
            Object::Symlink(_) => {
                let text = "a symbolic link has no place in FAT: left out";
                findings.record(Severity::Warning, "fat-symlink", &path, text)?;
                continue;
            }
            _ => {
                let text = "a device, pipe or socket has no place in FAT: left out";
                findings.record(Severity::Warning, "fat-special-file", &path, text)?;
                continue;
            }
        };
        record_losses(&attributes, &path, findings)?;
        if matches!(content, Fat32Content::File { .. }) && attributes.links > 1 && !seen.insert(inode) {
            let text = "FAT has no hard links: the content is stored once more";
            findings.record(Severity::Warning, "fat-hard-link", &path, text)?;
        }
        let name = std::str::from_utf8(tree.name(node));
        match name {
            Err(_) => {
                let problem = Error::new(ErrorKind::Unsupported, "FAT takes only names that are UTF-8");
                problems.push(problem.with_path(&path));
            }
            Ok(name) if name::is_device(name) => {
                let text = "Windows takes the name for a device";
                findings.record(Severity::Warning, "fat-device-name", &path, text)?;
            }
            Ok(_) => {}
        }
        files.push(Fat32File { path: components(view, node), content, modified: attributes.mtime });
    }
    Error::collect(problems.list)?;
    Ok(files)
}

/// Records what FAT does not keep of a file or directory.
fn record_losses(inode: &Inode<'_>, path: &[u8], findings: &mut Findings) -> Result<()> {
    if inode.uid != 0 || inode.gid != 0 {
        let text = format!("FAT has no owners: {}:{} is not kept", inode.uid, inode.gid);
        findings.record(Severity::Warning, "fat-owner", path, text)?;
    }
    if inode.mode & 0o7000 != 0 || inode.flags != 0 {
        let text = "FAT has no setuid, setgid and sticky bits and no inode flags: not kept";
        findings.record(Severity::Warning, "fat-mode", path, text)?;
    }
    if let Some((name, _)) = inode.xattrs.first() {
        let text = format!("FAT has no extended attributes: {} and others are not kept", name.escape_ascii());
        findings.record(Severity::Warning, "fat-xattrs", path, text)?;
    }
    if !time::is_in_range(inode.mtime) {
        let text = "FAT keeps times from 1980 to 2107: the nearest is taken";
        // A directory that only its files named has the time 0 and is nothing to refuse.
        let is_directory = matches!(inode.object, Object::Directory);
        let severity = if is_directory { Severity::Note } else { Severity::Normalised };
        findings.record(severity, "fat-time", path, text)?;
    }
    Ok(())
}

/// The names from the view's root to a node; a name that is not UTF-8 is an error already.
fn components(view: &TreeView, node: NodeId) -> Vec<String> {
    let tree = view.tree();
    let mut names = Vec::new();
    let mut at = node;
    while at != view.root() && at != NodeId::ROOT {
        names.push(String::from_utf8_lossy(tree.name(at)).into_owned());
        at = tree.parent(at);
    }
    names.reverse();
    names
}

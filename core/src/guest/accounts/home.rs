use super::table::REASON;
use crate::error::EscapePath;
use crate::guest::{GuestWorkspace, selinux};
use crate::scan::Attributes;
use crate::tree::{Findings, Object, Severity};
use crate::{Error, ErrorKind, Result};

/// Who owns what is made.
#[derive(Clone, Copy)]
pub(super) struct Owner {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

/// Makes a home directory with what `skeleton` has; one that is there stays as it is.
pub(super) fn make_home(
    workspace: &mut GuestWorkspace<'_>,
    (home, skeleton): (&str, &str),
    owner: Owner,
    mode: u16,
    findings: &mut Findings,
) -> Result<()> {
    if workspace.exists(home.as_bytes()) {
        let text = "the home directory of a new user was there, and stays as it is";
        return findings.record(Severity::Warning, "home-exists", home.as_bytes(), text);
    }
    let attributes = owned(workspace, home, owner, mode, "user_home_dir_t");
    workspace.directory_with(home.as_bytes(), attributes, REASON)?;
    let tree = workspace.tree();
    let Some(top) = tree.resolve(skeleton.as_bytes()) else { return Ok(()) };
    let above = tree.path(top).len();
    let mut left = MAX_SKELETON;
    if tree.subtree(top).len() > MAX_SKELETON_ENTRIES {
        return Err(too_large(skeleton));
    }
    for node in tree.subtree(top).skip(1) {
        let path = tree.path(node);
        let below = path.get(above..).unwrap_or_default();
        let path = [home.as_bytes(), below].concat();
        let inode = tree.inode(tree.inode_of(node));
        let attributes = owned(workspace, home, owner, inode.mode, "user_home_t");
        match inode.object {
            Object::Directory => workspace.directory_with(&path, attributes, REASON)?,
            Object::File { .. } => {
                let bytes = tree.read(tree.inode_of(node), MAX_SKELETON)?;
                let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                left = left.checked_sub(size).ok_or_else(|| too_large(skeleton))?;
                workspace.write_with(&path, bytes, Some(attributes), REASON)?;
            }
            Object::Symlink(target) => {
                workspace.symlink_with(&path, target, Some(attributes), REASON)?;
            }
            _ => {
                let text = format!(
                    "the special file {} is not copied to homes",
                    tree.path(node).escape_ascii_path()
                );
                findings.record(Severity::Warning, "skeleton-special", &path, text)?;
            }
        }
    }
    Ok(())
}

/// Adds keys to those that let an account in.
///
/// # Reference
/// sshd(8), "AUTHORIZED_KEYS FILE FORMAT", and `StrictModes` of sshd_config(5).
pub(super) fn add_keys(
    workspace: &mut GuestWorkspace<'_>,
    home: &str,
    owner: Owner,
    keys: &[String],
) -> Result<()> {
    let directory = format!("{}/.ssh", home.trim_end_matches('/'));
    let path = format!("{directory}/authorized_keys");
    let text = workspace.read(path.as_bytes())?;
    let mut lines = text.clone().unwrap_or_default();
    for key in keys {
        let mut words = key.split_ascii_whitespace();
        let body = words.nth(1).unwrap_or_default();
        let known = lines.split(|byte| *byte == b'\n').any(|line| {
            line.split(u8::is_ascii_whitespace).any(|word| word == body.as_bytes()) && !line.starts_with(b"#")
        });
        if known {
            continue;
        }
        if !lines.is_empty() && !lines.ends_with(b"\n") {
            lines.push(b'\n');
        }
        lines.extend_from_slice(key.trim().as_bytes());
        lines.push(b'\n');
    }
    let reason = "the profile lets these keys in";
    let attributes = owned(workspace, home, owner, 0o700, "ssh_home_t");
    workspace.directory_with(directory.as_bytes(), attributes.clone(), reason)?;
    let attributes = text.is_none().then_some(Attributes { mode: 0o600, ..attributes });
    workspace.write_with(path.as_bytes(), lines, attributes, reason)
}

fn owned(workspace: &GuestWorkspace<'_>, near: &str, owner: Owner, mode: u16, kind: &str) -> Attributes {
    let xattrs = selinux::label(workspace, near.as_bytes(), kind).into_iter().collect();
    Attributes { mode, uid: owner.uid, gid: owner.gid, xattrs, ..Attributes::default() }
}

fn too_large(skeleton: &str) -> Error {
    let text = "a skeleton of home directories has at most 1 MiB in 1000 entries";
    Error::new(ErrorKind::LimitExceeded, text).with_path(skeleton)
}

/// Of all files together, which every new home holds again: a skeleton has a shell's settings.
const MAX_SKELETON: u64 = 1 << 20;
const MAX_SKELETON_ENTRIES: usize = 1000;

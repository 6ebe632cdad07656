//! Every attribute of every entry of a directory tree, and how two trees differ.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::Read;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::disk::next_data;

/// The entries of a tree by their paths, relative to its root, which has the empty path. Ordered by bytes.
pub type Snapshot = BTreeMap<OsString, Attributes>;

/// What the kernel says of one entry.
#[derive(Clone, Default, PartialEq)]
#[non_exhaustive]
pub struct Attributes {
    /// Type and permissions, as in `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Device number of a device node, otherwise 0.
    pub rdev: u64,
    /// Bytes of a regular file or a symbolic link, otherwise 0.
    pub size: u64,
    /// Last change of the content: seconds since 1970 and nanoseconds.
    pub mtime: (i64, i64),
    /// SHA-256 of a regular file.
    pub sha256: Option<[u8; 32]>,
    /// Runs of data in a regular file, half-open, joined over holes that no 4096-byte block fits into.
    pub data: Vec<(u64, u64)>,
    /// Target of a symbolic link.
    pub target: Option<OsString>,
    /// Extended attributes, ACLs and capabilities among them.
    pub xattrs: BTreeMap<OsString, Vec<u8>>,
    /// The first path of the file that this is another name of, and how many names it has; nothing for directories.
    pub links: Option<(OsString, u64)>,
}

/// One attribute of one entry that is not the same in both trees.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub struct Difference {
    /// The entry.
    pub path: OsString,
    /// Which attribute, and both values.
    pub what: String,
}

impl fmt::Debug for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {}", self.path, self.what)
    }
}

/// Reads all of the tree under `root`, following no symbolic link.
///
/// # Errors
/// If an entry cannot be read.
pub fn snapshot(root: &Path) -> Result<Snapshot> {
    let mut snapshot = Snapshot::new();
    let mut names_of_inode: BTreeMap<(u64, u64), Vec<OsString>> = BTreeMap::new();
    let mut waiting = vec![OsString::new()];
    while let Some(relative) = waiting.pop() {
        // Joining nothing would add a slash, which follows a symbolic link.
        let path = if relative.is_empty() { root.to_path_buf() } else { root.join(&relative) };
        let metadata = path.symlink_metadata().with_context(|| path.display().to_string())?;
        if metadata.is_dir() {
            for child in path.read_dir()? {
                waiting.push(Path::new(&relative).join(child?.file_name()).into_os_string());
            }
        } else {
            names_of_inode.entry((metadata.dev(), metadata.ino())).or_default().push(relative.clone());
        }
        let attributes = attributes(&path, &metadata).with_context(|| path.display().to_string())?;
        snapshot.insert(relative, attributes);
    }
    for names in names_of_inode.values() {
        let first = names.iter().min();
        for name in names {
            if let Some((named, _)) = snapshot.get_mut(name).and_then(|attributes| attributes.links.as_mut())
            {
                named.clone_from(first.unwrap_or(name));
            }
        }
    }
    Ok(snapshot)
}

/// All that is not the same in `actual` as in `expected`, in the order of the paths.
pub fn differences(expected: &Snapshot, actual: &Snapshot) -> Vec<Difference> {
    let mut found = Vec::new();
    for (path, wanted) in expected {
        match actual.get(path) {
            None => found.push(Difference { path: path.clone(), what: "is missing".to_owned() }),
            Some(is) => {
                found.extend(
                    differing(wanted, is).into_iter().map(|what| Difference { path: path.clone(), what }),
                );
            }
        }
    }
    for path in actual.keys().filter(|path| !expected.contains_key(*path)) {
        found.push(Difference { path: path.clone(), what: "was added".to_owned() });
    }
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// The attributes of one entry but the first name of a hard-link group, for which its own stands in.
fn attributes(path: &Path, metadata: &Metadata) -> Result<Attributes> {
    let kind = metadata.file_type();
    let has_size = kind.is_file() || kind.is_symlink();
    let is_device = metadata.rdev() != 0;
    let mut attributes = Attributes {
        mode: metadata.mode(),
        uid: metadata.uid(),
        gid: metadata.gid(),
        rdev: if is_device { metadata.rdev() } else { 0 },
        size: if has_size { metadata.size() } else { 0 },
        mtime: (metadata.mtime(), metadata.mtime_nsec()),
        sha256: None,
        data: Vec::new(),
        target: None,
        xattrs: xattrs(path)?,
        links: (!kind.is_dir()).then(|| (OsString::new(), metadata.nlink())),
    };
    if kind.is_symlink() {
        attributes.target = Some(path.read_link()?.into_os_string());
    }
    if kind.is_file() {
        let mut file = File::open(path)?;
        attributes.sha256 = Some(sha256(&mut file)?);
        // Looking for holes moves the position that reading goes on from.
        attributes.data = data_runs(&file, metadata.size())?;
    }
    Ok(attributes)
}

/// The names of the attributes that differ, each with both values.
fn differing(expected: &Attributes, actual: &Attributes) -> Vec<String> {
    let mut found = Vec::new();
    let mut compare = |name: &str, same: bool, values: String| {
        if !same {
            found.push(format!("{name} {values}"));
        }
    };
    let both = |one: &dyn fmt::Debug, other: &dyn fmt::Debug| format!("expected {one:?}, is {other:?}");
    let (e, a) = (expected, actual);
    compare("mode", e.mode == a.mode, format!("expected {:o}, is {:o}", e.mode, a.mode));
    compare("uid", e.uid == a.uid, both(&e.uid, &a.uid));
    compare("gid", e.gid == a.gid, both(&e.gid, &a.gid));
    compare("device", e.rdev == a.rdev, both(&e.rdev, &a.rdev));
    compare("size", e.size == a.size, both(&e.size, &a.size));
    compare("mtime", e.mtime == a.mtime, both(&e.mtime, &a.mtime));
    compare("content", e.sha256 == a.sha256, both(&e.sha256, &a.sha256));
    compare("data runs", e.data == a.data, both(&e.data, &a.data));
    compare("target", e.target == a.target, both(&e.target, &a.target));
    compare("xattrs", e.xattrs == a.xattrs, both(&e.xattrs, &a.xattrs));
    compare("links", e.links == a.links, both(&e.links, &a.links));
    found
}

fn sha256(file: &mut File) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hash.finalize().into()),
            count => hash.update(&buffer[..count]),
        }
    }
}

/// Where a file of `size` bytes has data, in whole blocks.
fn data_runs(file: &File, size: u64) -> Result<Vec<(u64, u64)>> {
    let mut runs: Vec<(u64, u64)> = Vec::new();
    let mut position = 0;
    while let Some((start, end)) = next_data(file, position, size)? {
        let (first, last) = (start / BLOCK * BLOCK, end.next_multiple_of(BLOCK).min(size));
        match runs.last_mut() {
            Some(run) if run.1 >= first => run.1 = last,
            _ => runs.push((first, last)),
        }
        position = end;
    }
    Ok(runs)
}

fn xattrs(path: &Path) -> Result<BTreeMap<OsString, Vec<u8>>> {
    let mut names = vec![0; 1 << 16];
    let count = rustix::fs::llistxattr(path, &mut names)?;
    let mut found = BTreeMap::new();
    for name in names[..count].split(|&byte| byte == 0).filter(|name| !name.is_empty()) {
        let name = OsStr::from_bytes(name);
        let mut value = vec![0; 1 << 16];
        let count = rustix::fs::lgetxattr(path, name, &mut value)?;
        value.truncate(count);
        found.insert(OsString::from_vec(name.as_bytes().to_vec()), value);
    }
    Ok(found)
}

const BLOCK: u64 = 4096;

#[cfg(test)]
mod tests;

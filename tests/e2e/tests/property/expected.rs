//! What the kernel must show of a tree that the corpus made.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use diskwright::scan::{
    DataRange, Entry, EntryObject, FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP, ScanSource, SourceContent,
};
use diskwright_conformance::corpus::Tree;
use diskwright_e2e::attributes::{Attributes, Snapshot};
use rustix::fs::FileType;
use sha2::{Digest, Sha256};

/// The tree as [`diskwright_e2e::attributes::snapshot`] would see it.
pub(super) fn snapshot(tree: &Tree) -> Result<Snapshot> {
    let mut names: BTreeMap<&[u8], Vec<&[u8]>> = BTreeMap::new();
    let mut snapshot = Snapshot::new();
    for entry in tree.entries() {
        let seen = match &entry.object {
            EntryObject::HardLink(first) => {
                names.entry(first).or_default().push(&entry.path);
                snapshot.get(&text(first)).context("a link comes before its file")?.clone()
            }
            _ => {
                names.entry(&entry.path).or_default().push(&entry.path);
                attributes(tree, entry)?
            }
        };
        snapshot.insert(text(&entry.path), seen);
    }
    for group in names.values() {
        let first = group.iter().min().copied().unwrap_or_default();
        for name in group {
            let links = snapshot.get_mut(&text(name)).and_then(|seen| seen.links.as_mut());
            if let Some(links) = links {
                *links = (text(first), u64::try_from(group.len())?);
            }
        }
    }
    Ok(snapshot)
}

/// Makes sure that files and directories below `root` have the inode flags of the tree.
pub(super) fn check_flags(tree: &Tree, root: &Path) -> Result<()> {
    for entry in tree.entries() {
        if matches!(entry.object, EntryObject::Directory | EntryObject::File { .. }) {
            let path = root.join(text(&entry.path));
            let flags = rustix::fs::ioctl_getflags(File::open(&path)?)?.bits();
            let kept = flags & (FLAG_IMMUTABLE | FLAG_APPEND | FLAG_NODUMP);
            let wanted = entry.attributes.flags;
            ensure!(kept == wanted, "flags {kept:#x}, expected {wanted:#x}: {}", path.display());
        }
    }
    Ok(())
}

pub(super) fn text(path: &[u8]) -> OsString {
    OsString::from_vec(path.to_vec())
}

fn attributes(tree: &Tree, entry: &Entry) -> Result<Attributes> {
    let given = &entry.attributes;
    let kind = match &entry.object {
        EntryObject::Directory => FileType::Directory,
        EntryObject::Symlink(_) => FileType::Symlink,
        EntryObject::CharDevice(_) => FileType::CharacterDevice,
        EntryObject::BlockDevice(_) => FileType::BlockDevice,
        EntryObject::Fifo => FileType::Fifo,
        EntryObject::Socket => FileType::Socket,
        EntryObject::File { .. } | EntryObject::HardLink(_) => FileType::RegularFile,
    };
    let mut seen = Attributes::default();
    seen.mode = kind.as_raw_mode() | u32::from(given.mode);
    seen.uid = given.uid;
    seen.gid = given.gid;
    seen.mtime = (given.mtime.seconds, given.mtime.nanos.into());
    let xattrs = given.xattrs.iter().map(|(name, value)| (text(name), value.clone()));
    seen.xattrs = xattrs.collect();
    seen.links = (kind != FileType::Directory).then(Default::default);
    match &entry.object {
        EntryObject::File { content, size, data } => {
            seen.size = *size;
            seen.sha256 = Some(digest(tree, *content)?);
            seen.data = runs(*size, data.as_deref());
        }
        EntryObject::Symlink(target) => {
            seen.size = u64::try_from(target.len())?;
            seen.target = Some(text(target));
        }
        EntryObject::CharDevice(device) | EntryObject::BlockDevice(device) => {
            seen.rdev = rustix::fs::makedev(device.major, device.minor);
        }
        _ => {}
    }
    Ok(seen)
}

fn digest(tree: &Tree, content: SourceContent) -> Result<[u8; 32]> {
    let content = tree.open(content)?;
    let mut bytes = vec![0; usize::try_from(content.size())?];
    content.read_exact_at(0, &mut bytes)?;
    Ok(Sha256::digest(bytes).into())
}

/// The blocks that data touches, as half-open runs.
fn runs(size: u64, data: Option<&[DataRange]>) -> Vec<(u64, u64)> {
    let whole = [DataRange { offset: 0, len: size }];
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for range in data.unwrap_or(&whole).iter().filter(|range| range.len > 0) {
        let first = range.offset / BLOCK * BLOCK;
        let last = (range.offset + range.len).next_multiple_of(BLOCK).min(size);
        match runs.last_mut() {
            Some(run) if run.1 >= first => run.1 = last,
            _ => runs.push((first, last)),
        }
    }
    runs
}

const BLOCK: u64 = 4096;

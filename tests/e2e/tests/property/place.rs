//! Trees of the corpus made real in a directory of this host.

use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use diskwright::ReadAt;
use diskwright::scan::{DataRange, DeviceNumber, Entry, EntryObject, ScanSource};
use diskwright_conformance::corpus::Tree;
use rustix::fs::{AtFlags, CWD, FileType, Gid, IFlags, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};

use super::expected::text;

/// A tree in a directory that goes away with the value.
pub(super) struct Placed {
    root: PathBuf,
    /// Paths with inode flags, which keep them from being removed.
    flagged: Vec<PathBuf>,
    _directory: tempfile::TempDir,
}

impl Placed {
    /// Makes `tree` real; nothing where this process or the host's file system cannot.
    pub(super) fn new(tree: &Tree) -> Result<Option<Self>> {
        let directory = tempfile::tempdir()?;
        let magic = rustix::fs::statfs(directory.path())?.f_type;
        if !rustix::process::geteuid().is_root() || u32::try_from(magic) != Ok(EXT4) {
            return Ok(None);
        }
        let root = directory.path().join("tree");
        let mut placed = Self { root, flagged: Vec::new(), _directory: directory };
        for entry in tree.entries() {
            let path = placed.path(entry);
            make(tree, entry, &path, &placed.root).with_context(|| path.display().to_string())?;
        }
        // Children first: a directory's attributes must not change what is made in it.
        for entry in tree.entries().iter().rev() {
            if !matches!(entry.object, EntryObject::HardLink(_)) {
                let path = placed.path(entry);
                dress(entry, &path).with_context(|| path.display().to_string())?;
            }
        }
        for entry in tree.entries().iter().filter(|entry| entry.attributes.flags != 0) {
            if !matches!(entry.object, EntryObject::HardLink(_)) {
                let path = placed.path(entry);
                set_flags(&path, entry.attributes.flags)?;
                placed.flagged.push(path);
            }
        }
        Ok(Some(placed))
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    fn path(&self, entry: &Entry) -> PathBuf {
        if entry.path.is_empty() { self.root.clone() } else { self.root.join(text(&entry.path)) }
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        for path in &self.flagged {
            if let Err(error) = set_flags(path, 0) {
                eprintln!("{error:#}");
            }
        }
    }
}

fn make(tree: &Tree, entry: &Entry, path: &Path, root: &Path) -> Result<()> {
    let node = |kind, device: DeviceNumber| {
        let device = rustix::fs::makedev(device.major, device.minor);
        rustix::fs::mknodat(CWD, path, kind, Mode::RUSR, device)
    };
    let none = DeviceNumber { major: 0, minor: 0 };
    match &entry.object {
        EntryObject::Directory => std::fs::create_dir(path)?,
        EntryObject::File { content, size, data } => {
            let content = tree.open(*content)?;
            let whole = [DataRange { offset: 0, len: *size }];
            write(&*content, data.as_deref().unwrap_or(&whole), &File::create_new(path)?)?;
        }
        EntryObject::Symlink(target) => std::os::unix::fs::symlink(text(target), path)?,
        EntryObject::HardLink(first) => {
            rustix::fs::linkat(CWD, root.join(text(first)), CWD, path, AtFlags::empty())?;
        }
        EntryObject::CharDevice(device) => node(FileType::CharacterDevice, *device)?,
        EntryObject::BlockDevice(device) => node(FileType::BlockDevice, *device)?,
        EntryObject::Fifo => node(FileType::Fifo, none)?,
        EntryObject::Socket => node(FileType::Socket, none)?,
    }
    Ok(())
}

fn write(content: &dyn ReadAt, ranges: &[DataRange], file: &File) -> Result<()> {
    file.set_len(content.size())?;
    for range in ranges {
        let mut bytes = vec![0; usize::try_from(range.len)?];
        content.read_exact_at(range.offset, &mut bytes)?;
        file.write_all_at(&bytes, range.offset)?;
    }
    Ok(())
}

/// Owner before mode and attributes, which a change of owner takes away; the time last.
fn dress(entry: &Entry, path: &Path) -> Result<()> {
    let given = &entry.attributes;
    let (uid, gid) = (Uid::from_raw(given.uid), Gid::from_raw(given.gid));
    rustix::fs::chownat(CWD, path, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)?;
    if !matches!(entry.object, EntryObject::Symlink(_)) {
        rustix::fs::chmod(path, Mode::from_raw_mode(given.mode.into()))?;
    }
    for (name, value) in &given.xattrs {
        let name = std::ffi::OsStr::from_bytes(name);
        rustix::fs::lsetxattr(path, name, value, XattrFlags::empty())
            .with_context(|| format!("{name:?} of {} bytes", value.len()))?;
    }
    let time = Timespec { tv_sec: given.mtime.seconds, tv_nsec: given.mtime.nanos.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?;
    Ok(())
}

/// Sets the flags immutable, append-only and no-dump as given; the others stay.
fn set_flags(path: &Path, flags: u32) -> Result<()> {
    let open = rustix::fs::open(path, OFlags::RDONLY | OFlags::NOFOLLOW, Mode::empty())?;
    let mut all = rustix::fs::ioctl_getflags(&open)?;
    all.remove(IFlags::IMMUTABLE | IFlags::APPEND | IFlags::NODUMP);
    all.insert(IFlags::from_bits_retain(flags));
    rustix::fs::ioctl_setflags(&open, all).with_context(|| path.display().to_string())
}

/// Magic number, `<linux/magic.h>`.
const EXT4: u32 = 0xef53;

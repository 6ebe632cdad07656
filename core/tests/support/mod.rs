//! Directories made for tests of directory scans, and scans of them.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use diskwright_core::scan::{DirectorySource, Entry, EntryObject, OneFileSystem, ScanSource, SourceContent};
use diskwright_core::tree::Finding;
use diskwright_core::{Error, ErrorKind, Files, Result};
use diskwright_oracle::skip;
use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Timespec, Timestamps, Uid, XattrFlags};

/// A directory that goes away with the value.
pub struct Directory {
    pub root: tempfile::TempDir,
}

impl Directory {
    pub fn new() -> Self {
        Self { root: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, below: impl AsRef<[u8]>) -> PathBuf {
        self.root.path().join(std::ffi::OsStr::from_bytes(below.as_ref()))
    }

    pub fn dir(&self, below: impl AsRef<[u8]>) -> &Self {
        std::fs::create_dir_all(self.path(below)).unwrap();
        self
    }

    pub fn file(&self, below: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> &Self {
        std::fs::write(self.path(below), content).unwrap();
        self
    }

    pub fn link(&self, below: impl AsRef<[u8]>, target: &[u8]) -> &Self {
        std::os::unix::fs::symlink(std::ffi::OsStr::from_bytes(target), self.path(below)).unwrap();
        self
    }

    pub fn hard_link(&self, below: impl AsRef<[u8]>, first: impl AsRef<[u8]>) -> &Self {
        rustix::fs::linkat(CWD, self.path(first), CWD, self.path(below), AtFlags::empty()).unwrap();
        self
    }

    pub fn node(&self, below: impl AsRef<[u8]>, kind: FileType, (major, minor): (u32, u32)) -> &Self {
        let device = rustix::fs::makedev(major, minor);
        rustix::fs::mknodat(CWD, self.path(below), kind, Mode::from_raw_mode(0o600), device).unwrap();
        self
    }

    pub fn owner(&self, below: impl AsRef<[u8]>, uid: u32, gid: u32) -> &Self {
        let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
        let flags = AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::chownat(CWD, self.path(below), Some(uid), Some(gid), flags).unwrap();
        self
    }

    pub fn mode(&self, below: impl AsRef<[u8]>, mode: u32) -> &Self {
        rustix::fs::chmod(self.path(below), Mode::from_raw_mode(mode)).unwrap();
        self
    }

    pub fn time(&self, below: impl AsRef<[u8]>, seconds: i64, nanos: u32) -> &Self {
        let time = Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(CWD, self.path(below), &times, AtFlags::SYMLINK_NOFOLLOW).unwrap();
        self
    }

    pub fn xattr(&self, below: impl AsRef<[u8]>, name: &str, value: &[u8]) -> &Self {
        rustix::fs::lsetxattr(self.path(below), name, value, XattrFlags::empty()).unwrap();
        self
    }

    pub fn source(&self) -> DirectorySource {
        DirectorySource::new(self.root.path(), OneFileSystem::Stay, Files::default()).unwrap()
    }
}

/// The entries of a scan, in its order.
pub fn entries(source: &dyn ScanSource) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    source.scan(&mut |entry: Entry| {
        entries.push(entry);
        Ok(())
    })?;
    Ok(entries)
}

/// The entries of a scan by path.
pub fn by_path(source: &dyn ScanSource) -> BTreeMap<Vec<u8>, Entry> {
    entries(source).unwrap().into_iter().map(|entry| (entry.path.clone(), entry)).collect()
}

/// What a scan has to say at its end.
pub fn findings(source: &dyn ScanSource) -> Vec<Finding> {
    source.scan(&mut |_: Entry| Ok(())).unwrap().findings
}

/// What opens a regular file of a scan.
pub fn content_of(entry: &Entry) -> SourceContent {
    match entry.object {
        EntryObject::File { content, .. } => content,
        ref other => panic!("{other:?} is not a regular file"),
    }
}

/// All bytes of a content.
pub fn read(source: &dyn ScanSource, content: SourceContent) -> Result<Vec<u8>> {
    let reader = source.open(content)?;
    let mut bytes = vec![0; usize::try_from(reader.size()).unwrap()];
    reader
        .read_exact_at(0, &mut bytes)
        .map_err(|error| Error::new(ErrorKind::Source, "cannot read").with_source(error))?;
    Ok(bytes)
}

/// All bytes of the file at `path` of a fresh scan.
pub fn scan_and_read(source: &dyn ScanSource, path: &[u8]) -> Result<Vec<u8>> {
    let entries = entries(source)?;
    let entry = entries.iter().find(|entry| entry.path == path).unwrap();
    read(source, content_of(entry))
}

/// Whether the test runs as root; when it must but does not, it fails.
pub fn is_root() -> bool {
    require("the root user", rustix::process::geteuid().is_root())
}

/// Whether `what` is there; a run that must not skip fails without it.
pub fn require(what: &str, is_there: bool) -> bool {
    if !is_there {
        skip(&format!("{what} is not there"));
    }
    is_there
}

/// Something mounted, for as long as the value lives.
pub struct Mount(PathBuf);

impl Mount {
    /// `mount ARGUMENTS… at`; `None` where mounting is not allowed.
    pub fn new(arguments: &[&str], at: &Path) -> Option<Self> {
        let done = Command::new("mount").args(arguments).arg(at).status();
        require("the right to mount", done.is_ok_and(|status| status.success())).then(|| Self(at.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let done = Command::new("umount").arg("--lazy").arg(&self.0).status();
        assert!(done.is_ok_and(|status| status.success()), "cannot unmount {}", self.0.display());
    }
}

/// A gate that fails the operation with this number, counted from 1, and counts all.
pub struct FailAt {
    pub number: usize,
    pub seen: std::sync::atomic::AtomicUsize,
}

impl FailAt {
    pub fn new(number: usize) -> Arc<Self> {
        Arc::new(Self { number, seen: Default::default() })
    }

    pub fn count(&self) -> usize {
        self.seen.load(std::sync::atomic::Ordering::Relaxed)
    }
}

impl diskwright_core::Gate for FailAt {
    fn admit(&self, _: &diskwright_core::FileOp<'_>) -> std::io::Result<usize> {
        if self.seen.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1 == self.number {
            return Err(std::io::Error::from(rustix::io::Errno::IO));
        }
        Ok(usize::MAX)
    }
}

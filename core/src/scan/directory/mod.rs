//! Directory trees of this host.
//!
//! ```text
//! root descriptor ── walk by descriptor, one component at a time ──> entries, and an index of regular files
//!                └── helpers examine names, and enter directories, ahead of it
//!                └── openat2(beneath, no links) by the index ──> content, checked against what was scanned
//! ```

mod ahead;
mod content;
mod examine;
mod excluded;
mod host;
mod index;
mod live;
mod names;
mod opener;
mod walk;

use std::ffi::OsString;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use rustix::fs::FileType;

pub use self::excluded::Excluded;
pub(crate) use self::live::{Inode, Live, LiveFile};

use self::ahead::Helpers;
use self::content::HostFile;
use self::host::{Access, Host, Stamp};
use self::index::Index;
use self::opener::Opener;
use self::walk::Walk;
use super::{ScanSource, ScanSummary, ScanVisitor, SourceContent};
use crate::{BytesReader, Error, ErrorKind, Files, ReadAt, Result};

/// A directory of this host as a scan.
///
/// The tree is walked by descriptor: no path is ever resolved through a symbolic link, nothing outside the directory is
/// read, and FIFOs and devices are never opened. Entries come depth first, siblings sorted by the bytes of their names.
/// A file that is not what the walk saw, before, while or after it is read, is an error and never half-read data.
/// Extended attributes of links, devices, FIFOs and sockets are read through `/proc/self/fd`.
///
/// Memory: about 16 bytes and its name for each regular file and directory. A new scan ends the life of the contents
/// that an earlier one named.
#[derive(Debug)]
pub struct DirectorySource {
    /// Path of the root with a slash at its end; paths below it are appended.
    base: Vec<u8>,
    root: OwnedFd,
    one_file_system: OneFileSystem,
    files: Files,
    opener: Opener,
    threads: usize,
    changes: Changes,
    excluded: Excluded,
    index: RwLock<Index>,
}

/// What happens where another file system is mounted below the root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OneFileSystem {
    /// It is left out: the mount point becomes an empty directory (or file), and a finding says so.
    #[default]
    Stay,
    /// It is taken in; pseudo file systems (`proc`, `sysfs`, cgroups …) are left out all the same.
    Cross,
    /// It is taken in if it holds the machine's own files: besides pseudo file systems, those in memory (`tmpfs`), of other
    /// machines (NFS, SMB …), and those that show files a second time (overlays, squashfs) are left out.
    Own,
}

/// What happens where the tree changes while it is walked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Changes {
    /// It is an error.
    #[default]
    Refuse,
    /// What changed is looked at again; what is gone is left out, and a finding says so.
    Follow,
}

impl DirectorySource {
    /// The tree below the directory `root` (a symbolic link there is followed), read through `files`.
    ///
    /// # Errors
    /// `ErrorKind::Source` when `root` cannot be opened, is not a directory, or is of a pseudo file system.
    pub fn new(root: &Path, one_file_system: OneFileSystem, files: Files) -> Result<Self> {
        let host = Host { files: &files, path: root };
        let descriptor = host.open_root().map_err(|error| host.failed("cannot open the directory", error))?;
        let magic = host.file_system(descriptor.as_fd());
        if host::is_pseudo(magic.map_err(|error| host.failed("cannot examine the file system", error))?) {
            let text = "the directory is of a pseudo file system, which has no files to keep";
            return Err(host.error(text));
        }
        let mut base = root.as_os_str().as_bytes().to_vec();
        if !base.ends_with(b"/") {
            base.push(b'/');
        }
        Ok(Self {
            base,
            root: descriptor,
            one_file_system,
            files,
            opener: Opener::default(),
            threads: 1,
            changes: Changes::default(),
            excluded: Excluded::default(),
            index: RwLock::default(),
        })
    }

    /// Lets `threads` look at the tree together; one if not told, eight at most. The entries and their order do not
    /// depend on it.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.clamp(1, MAX_THREADS);
        self
    }

    /// Leaves out what `excluded` matches, with all below it, as if it were not there.
    #[must_use]
    pub fn with_excluded(mut self, excluded: Excluded) -> Self {
        self.excluded = excluded;
        self
    }

    /// Walks a tree that others go on changing: what is gone before it is read is left out, and a finding says so.
    #[must_use]
    pub(crate) fn live(mut self) -> Self {
        self.changes = Changes::Follow;
        self
    }

    fn read_index(&self) -> RwLockReadGuard<'_, Index> {
        self.index.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_index(&self) -> RwLockWriteGuard<'_, Index> {
        self.index.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn host_path(&self, below: &[u8]) -> PathBuf {
        let path = [&self.base, below].concat();
        PathBuf::from(<std::ffi::OsStr as OsStrExt>::from_bytes(&path))
    }
}

impl ScanSource for DirectorySource {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        let generation = self.write_index().clear();
        let started = walk::now();
        let findings = std::thread::scope(|scope| {
            let (mut helpers, errands) = Helpers::new();
            for _ in 1..self.threads {
                let (errands, common) = (errands.clone(), helpers.common());
                let help = move || ahead::help(self, started, &errands, &common);
                // Where the system has no more threads, fewer do the same.
                match std::thread::Builder::new().name("diskwright".into()).spawn_scoped(scope, help) {
                    Ok(_) => helpers.add(),
                    Err(_) => break,
                }
            }
            Walk::new(self, generation, visitor, started, helpers).run()
        })?;
        self.write_index().shrink();
        Ok(ScanSummary { findings, machine_report: None })
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        if content == EMPTY {
            return Ok(Arc::new(BytesReader(Arc::default())));
        }
        let (path, fingerprint) = self.read_index().file(content, &self.base).ok_or_else(|| {
            Error::new(ErrorKind::Internal, "the content is not of this directory's last scan")
        })?;
        let path = PathBuf::from(OsString::from_vec(path));
        let below = path.as_os_str().as_bytes().get(self.base.len()..).unwrap_or(&[]);
        let host = Host { files: &self.files, path: &path };
        let descriptor = self
            .opener
            .open(&host, self.root.as_fd(), below, Access::File)
            .map_err(|error| host.failed("cannot open the file that was scanned", error))?;
        let stat =
            host.stat(descriptor.as_fd()).map_err(|error| host.failed("cannot examine the file", error))?;
        if stat.kind != FileType::RegularFile || self.read_index().fingerprint(&stat) != fingerprint {
            return Err(host.error("the file has changed since it was scanned"));
        }
        Ok(Arc::new(HostFile::new(descriptor, stat.stamp, path, self.files.clone())))
    }
}

/// More than that wait for each other in the kernel.
const MAX_THREADS: usize = 8;
/// What a file is called that has no content because something else is mounted on it.
pub(crate) const EMPTY: SourceContent = SourceContent(u64::MAX);

#[cfg(test)]
mod tests;

//! The one seam through which every file operation of sources and sinks goes.

mod room;
mod writable;

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::writable::Direct;
pub(crate) use self::writable::WritableFile;
use crate::ReadAt;

/// A file operation that is about to happen.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the fields are the operands of the system call that names the variant")]
pub enum FileOp<'a> {
    /// A directory is created.
    CreateDir { path: &'a Path },
    /// A file is created; it did not exist.
    Create { path: &'a Path },
    /// Bytes are written at an offset.
    WriteAt { path: &'a Path, offset: u64, bytes: &'a [u8] },
    /// The length of a file is set.
    SetLen { path: &'a Path, len: u64 },
    /// A file's data and metadata are made durable.
    Sync { path: &'a Path },
    /// A file gets its final name.
    Rename { from: &'a Path, to: &'a Path },
    /// A directory's entries are made durable.
    SyncDir { path: &'a Path },
    /// A file or empty directory is removed.
    Remove { path: &'a Path },
    /// A file or directory is opened for reading, or a file that was just created once more, to be written past the page cache.
    Open { path: &'a Path },
    /// Bytes are read at an offset.
    ReadAt { path: &'a Path, offset: u64, len: usize },
    /// Attributes are read.
    Stat { path: &'a Path },
}

/// Sees every file operation before it happens: tests fail the n-th one, count them, or log them.
pub trait Gate: Send + Sync {
    /// Lets `op` happen and says how many bytes it may move: `usize::MAX` for all, fewer for a short read or write.
    ///
    /// # Errors
    /// The error that the operation then fails with.
    fn admit(&self, op: &FileOp<'_>) -> io::Result<usize>;
}

/// File operations of the host, each of which passes the gate first.
#[derive(Clone, Default)]
pub struct Files {
    gate: Option<Arc<dyn Gate>>,
}

impl Files {
    /// Operations that `gate` sees.
    pub fn gated(gate: Arc<dyn Gate>) -> Self {
        Self { gate: Some(gate) }
    }

    /// Passes `op` through the gate.
    ///
    /// # Errors
    /// The gate's.
    pub fn admit(&self, op: FileOp<'_>) -> io::Result<usize> {
        match &self.gate {
            Some(gate) => gate.admit(&op),
            None => Ok(usize::MAX),
        }
    }

    /// Creates a private directory (0700) that does not exist.
    ///
    /// # Errors
    /// The operation's.
    pub fn create_private_dir(&self, path: &Path) -> io::Result<()> {
        self.admit(FileOp::CreateDir { path })?;
        std::fs::DirBuilder::new().mode(0o700).create(path)
    }

    /// Creates a directory with the process's default permissions.
    ///
    /// # Errors
    /// The operation's.
    pub fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.admit(FileOp::CreateDir { path })?;
        std::fs::create_dir(path)
    }

    /// Creates a private file (0600) that does not exist, without following links.
    ///
    /// # Errors
    /// The operation's.
    pub fn create(&self, path: &Path) -> io::Result<WritableFile> {
        self.admit(FileOp::Create { path })?;
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        Ok(WritableFile { file, direct: None, path: path.to_owned(), files: self.clone() })
    }

    /// As [`Files::create`], for a file that is written in large parts: those of 64 KiB and more, aligned in
    /// the file and in memory to 4096 bytes, go past the page cache, where the file system has that. They are not
    /// copied, and what the cache holds of others stays there.
    ///
    /// # Errors
    /// The operation's.
    pub fn create_direct(&self, path: &Path) -> io::Result<WritableFile> {
        let file = self.create(path)?;
        self.admit(FileOp::Open { path })?;
        let flags = rustix::fs::OFlags::DIRECT | rustix::fs::OFlags::NOFOLLOW;
        let flags = i32::try_from(flags.bits()).unwrap_or(0);
        match OpenOptions::new().write(true).custom_flags(flags).open(path) {
            Ok(direct) => Ok(WritableFile { direct: Some(Direct::new(direct)), ..file }),
            Err(error) if is_unsupported(&error) => Ok(file),
            Err(error) => Err(error),
        }
    }

    /// Creates a private file (0600) in `directory` that has no name and goes away with its last descriptor.
    ///
    /// # Errors
    /// The operation's.
    pub fn create_unnamed(&self, directory: &Path) -> io::Result<WritableFile> {
        self.admit(FileOp::Create { path: directory })?;
        let flags = i32::try_from(rustix::fs::OFlags::TMPFILE.bits()).unwrap_or(0);
        let file = OpenOptions::new().read(true).write(true).custom_flags(flags).mode(0o600).open(directory);
        match file {
            Ok(file) => {
                Ok(WritableFile { file, direct: None, path: directory.to_owned(), files: self.clone() })
            }
            // Overlay and network file systems may not have it.
            Err(_) if directory.is_dir() => self.create_and_unlink(directory),
            Err(error) => Err(error),
        }
    }

    fn create_and_unlink(&self, directory: &Path) -> io::Result<WritableFile> {
        let process = std::process::id();
        for attempt in 0..1000_u32 {
            let path = directory.join(format!(".diskwright-{process}-{attempt}"));
            match self.create(&path) {
                Ok(file) => {
                    self.remove_file(&path)?;
                    return Ok(file);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Opens a regular file for reading. A FIFO or device is refused, never waited for.
    ///
    /// # Errors
    /// The operation's; `InvalidInput` when it is not a regular file.
    pub fn open(&self, path: &Path) -> io::Result<ReadableFile> {
        self.admit(FileOp::Open { path })?;
        let nonblock = i32::try_from(rustix::fs::OFlags::NONBLOCK.bits()).unwrap_or(0);
        let file = OpenOptions::new().read(true).custom_flags(nonblock).open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(ReadableFile { file, size: metadata.len(), path: path.to_owned(), files: self.clone() })
    }

    /// Renames `from` to `to`, replacing it.
    ///
    /// # Errors
    /// The operation's.
    pub fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.admit(FileOp::Rename { from, to })?;
        std::fs::rename(from, to)
    }

    /// Makes a directory's entries durable.
    ///
    /// # Errors
    /// The operation's.
    pub fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.admit(FileOp::SyncDir { path })?;
        File::open(path)?.sync_all()
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The operation's.
    pub fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.admit(FileOp::Remove { path })?;
        std::fs::remove_file(path)
    }

    /// Removes an empty directory.
    ///
    /// # Errors
    /// The operation's.
    pub fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.admit(FileOp::Remove { path })?;
        std::fs::remove_dir(path)
    }
}

impl std::fmt::Debug for Files {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.gate.is_some() { "Files(gated)" } else { "Files" })
    }
}

/// A regular file being read.
#[derive(Debug)]
pub struct ReadableFile {
    file: File,
    size: u64,
    path: PathBuf,
    files: Files,
}

impl ReadableFile {
    /// The descriptor, for `fstat`.
    pub fn as_file(&self) -> &File {
        &self.file
    }
}

impl ReadAt for ReadableFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        read_exact_at(&self.files, &self.file, &self.path, offset, buf)
    }
}

/// Fills `buf` from `file` at `offset` through the gate of `files`.
///
/// # Errors
/// The operation's; `UnexpectedEof` when the file ends before.
pub(crate) fn read_exact_at(
    files: &Files,
    file: &File,
    path: &Path,
    mut offset: u64,
    mut buf: &mut [u8],
) -> io::Result<()> {
    while !buf.is_empty() {
        let read = match files.admit(FileOp::ReadAt { path, offset, len: buf.len() }) {
            Ok(admitted) => {
                let len = buf.len().min(admitted);
                rustix::io::pread(file, &mut buf[..len], offset).map_err(io::Error::from)
            }
            Err(error) => Err(error),
        };
        match read {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(n) => {
                buf = &mut buf[n..];
                offset += n as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn is_unsupported(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported)
}

/// To which writes past the page cache are aligned, in the file and in memory: pages, and the blocks of nearly every disk.
pub(crate) const DIRECT_ALIGNMENT: usize = 4096;

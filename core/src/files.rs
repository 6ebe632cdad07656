//! The one seam through which every file operation of sources and sinks goes.

use std::fs::{File, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

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
            Ok(direct) => Ok(WritableFile {
                direct: Some(Direct { file: direct, refused: AtomicBool::new(false) }),
                ..file
            }),
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

/// A file being written.
#[derive(Debug)]
pub struct WritableFile {
    file: File,
    direct: Option<Direct>,
    path: PathBuf,
    files: Files,
}

impl WritableFile {
    /// Writes all of `bytes` at `offset`, however many system calls that takes.
    ///
    /// # Errors
    /// The operation's; `WriteZero` when the medium takes nothing.
    pub fn write_all_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let (direct, len) = self.way(offset, bytes);
            let written =
                match self.files.admit(FileOp::WriteAt { path: &self.path, offset, bytes: &bytes[..len] }) {
                    Ok(admitted) => self.write_some_at(offset, &bytes[..len.min(admitted)], direct),
                    Err(error) => Err(error),
                };
            match written {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(n) => {
                    bytes = &bytes[n..];
                    offset += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// How many of `bytes` go which way next: past the page cache, if there is a descriptor, or through it.
    fn way(&self, offset: u64, bytes: &[u8]) -> (Option<&Direct>, usize) {
        let Some(direct) = self.direct.as_ref().filter(|direct| !direct.refused.load(Ordering::Relaxed))
        else {
            return (None, bytes.len());
        };
        let head = (offset.next_multiple_of(DIRECT_ALIGNMENT as u64) - offset) as usize;
        let aligned = bytes.get(head..).filter(|rest| rest.as_ptr().align_offset(DIRECT_ALIGNMENT) == 0);
        let len = aligned.map_or(0, |rest| rest.len() - rest.len() % DIRECT_ALIGNMENT);
        match (len >= DIRECT_LEN, head) {
            (true, 0) => (Some(direct), len),
            // What is before the first boundary goes through the cache.
            (true, head) => (None, head),
            (false, _) => (None, bytes.len()),
        }
    }

    fn write_some_at(&self, offset: u64, bytes: &[u8], direct: Option<&Direct>) -> io::Result<usize> {
        if let Some(direct) = direct.filter(|_| bytes.len().is_multiple_of(DIRECT_ALIGNMENT)) {
            match direct.file.write_at(bytes, offset) {
                // The medium has larger blocks, or its file system takes the flag and not the writes.
                Err(error) if is_unsupported(&error) => direct.refused.store(true, Ordering::Relaxed),
                written => return written,
            }
        }
        self.file.write_at(bytes, offset)
    }

    /// Has the system begin to write a range to the medium, so that a later [`WritableFile::sync`] has less to wait for; what
    /// went past the page cache is there already. Only advice: nothing can fail.
    pub fn begin_writeback(&self, offset: u64, len: u64) {
        // Linux starts writing dirty pages that it is told nobody needs; it has no other advice with that effect.
        let _ = rustix::fs::fadvise(&self.file, offset, NonZeroU64::new(len), rustix::fs::Advice::DontNeed);
    }

    /// Sets the file's length; new space is a hole.
    ///
    /// # Errors
    /// The operation's.
    pub fn set_len(&self, len: u64) -> io::Result<()> {
        self.files.admit(FileOp::SetLen { path: &self.path, len })?;
        self.file.set_len(len)
    }

    /// Makes data and metadata durable.
    ///
    /// # Errors
    /// The operation's; after one the file is worthless, never synced again.
    pub fn sync(&self) -> io::Result<()> {
        self.files.admit(FileOp::Sync { path: &self.path })?;
        self.file.sync_all()
    }

    /// The descriptor, for locks.
    pub fn as_file(&self) -> &File {
        &self.file
    }
}

impl ReadAt for WritableFile {
    fn size(&self) -> u64 {
        self.file.metadata().map_or(0, |metadata| metadata.len())
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        read_exact_at(&self.files, &self.file, &self.path, offset, buf)
    }
}

/// A second descriptor of a file being written, past the page cache.
#[derive(Debug)]
struct Direct {
    file: File,
    /// It took none of what is aligned as it should be.
    refused: AtomicBool,
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
/// From how many bytes on a write goes past the page cache: it waits for the medium.
const DIRECT_LEN: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    /// Admits at most so many bytes at once.
    struct Short(usize);

    impl Gate for Short {
        fn admit(&self, _: &FileOp<'_>) -> io::Result<usize> {
            Ok(self.0)
        }
    }

    /// 1 MiB of bytes that are not alike, at an aligned address.
    fn aligned(bytes: &mut Vec<u8>) -> &[u8] {
        *bytes = (0..(1 << 20) + DIRECT_ALIGNMENT).map(|at| (at * 31 / 7) as u8).collect();
        &bytes[bytes.as_ptr().align_offset(DIRECT_ALIGNMENT)..][..1 << 20]
    }

    #[test]
    fn what_goes_past_the_page_cache_and_what_goes_through_it_is_one_file() {
        let directory = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        let bytes = aligned(&mut bytes);
        for (number, admitted) in [usize::MAX, 70_000, 5000, 1].into_iter().enumerate() {
            let path = directory.path().join(number.to_string());
            let file = Files::gated(Arc::new(Short(admitted))).create_direct(&path).unwrap();
            let ranges = [0..300_000, 300_000..300_001, 327_680..900_000, 901_120..1 << 20];
            for range in ranges.clone() {
                // The whole file a byte at a time would take as many calls.
                let range =
                    if admitted == 1 { range.start..range.end.min(range.start + 5000) } else { range };
                file.write_all_at(range.start as u64, &bytes[range.clone()]).unwrap();
                let mut read = vec![0; range.len()];
                file.read_exact_at(range.start as u64, &mut read).unwrap();
                assert!(read == bytes[range], "{admitted}");
            }
            file.set_len(1 << 20).unwrap();
            file.sync().unwrap();
            let whole = std::fs::read(&path).unwrap();
            assert!(whole[300_001..327_680].iter().chain(&whole[900_000..901_120]).all(|byte| *byte == 0));
            assert!(admitted == 1 || ranges.into_iter().all(|range| whole[range.clone()] == bytes[range]));
        }
    }

    #[test]
    fn only_large_parts_that_are_aligned_in_file_and_memory_go_past_the_page_cache() {
        let directory = tempfile::tempdir().unwrap();
        let mut file = Files::default().create(&directory.path().join("file")).unwrap();
        let mut bytes = Vec::new();
        let bytes = aligned(&mut bytes);
        assert!(file.way(0, bytes).0.is_none());
        let other = tempfile::tempfile().unwrap();
        file.direct = Some(Direct { file: other, refused: AtomicBool::new(false) });
        let way = |offset, range: std::ops::Range<usize>| {
            let (direct, len) = file.way(offset, &bytes[range]);
            (direct.is_some(), len)
        };
        assert_eq!(way(0, 0..1 << 20), (true, 1 << 20));
        assert_eq!(way(8192, 4096..200_000), (true, 192_512));
        // The part before the first boundary by itself.
        assert_eq!(way(4096 + 100, 100..200_000), (false, 3996));
        for cached in [way(0, 0..65_535), way(100, 0..200_000), way(0, 512..200_000)] {
            assert!(!cached.0 && cached.1 >= 65_535, "{cached:?}");
        }
        file.direct.as_ref().unwrap().refused.store(true, Ordering::Relaxed);
        assert!(file.way(0, bytes).0.is_none());
    }

    #[test]
    fn a_file_system_that_refuses_to_be_written_to_directly_is_written_to_through_the_cache() {
        let directory = tempfile::tempdir().unwrap();
        let file = Files::default().create_direct(&directory.path().join("file")).unwrap();
        let mut bytes = Vec::new();
        let bytes = aligned(&mut bytes);
        // Not aligned in memory.
        let odd = &bytes[1..1 + DIRECT_ALIGNMENT];
        // Some file systems take it all the same, or have no such way at all.
        let is_refused = file.direct.as_ref().is_some_and(|direct| direct.file.write_at(odd, 0).is_err());
        assert_eq!(file.write_some_at(0, odd, file.direct.as_ref()).unwrap(), odd.len());
        let refused = file.direct.as_ref().is_some_and(|direct| direct.refused.load(Ordering::Relaxed));
        assert_eq!(refused, is_refused);
        let mut read = vec![0; odd.len()];
        file.read_exact_at(0, &mut read).unwrap();
        assert!(read == odd);
    }
}

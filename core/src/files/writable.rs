//! Files being written, past the page cache where that is faster.

use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use super::room::Room;
use super::{DIRECT_ALIGNMENT, FileOp, Files, is_unsupported, read_exact_at};
use crate::ReadAt;

/// A file being written.
#[derive(Debug)]
pub struct WritableFile {
    pub(super) file: File,
    pub(super) direct: Option<Direct>,
    pub(super) path: PathBuf,
    pub(super) files: Files,
}

impl WritableFile {
    /// Writes all of `bytes` at `offset`, however many system calls that takes.
    ///
    /// # Errors
    /// The operation's; `WriteZero` when the medium takes nothing.
    pub fn write_all_at(&self, mut offset: u64, mut bytes: &[u8]) -> io::Result<()> {
        if let Some(direct) = &self.direct {
            direct.room.note(&self.file, offset, bytes.len() as u64);
        }
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

    /// Says that the `len` bytes at `offset` are going to be written, mostly in ascending order, so that writes past the page cache
    /// can be faster. Only advice: nothing can fail, and what is not written in the end takes no room.
    pub fn expect(&self, offset: u64, len: u64) {
        if let Some(direct) = &self.direct {
            direct.room.make(&self.file, offset, len);
        }
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
        if let Some(direct) = &self.direct {
            direct.room.give_back(&self.file, self.size());
        }
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
pub(super) struct Direct {
    file: File,
    /// It took none of what is aligned as it should be.
    refused: AtomicBool,
    room: Room,
}

impl Direct {
    pub(super) fn new(file: File) -> Self {
        Self { file, refused: AtomicBool::new(false), room: Room::default() }
    }
}

/// From how many bytes on a write goes past the page cache: it waits for the medium.
const DIRECT_LEN: usize = 64 << 10;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::Gate;
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
        file.direct = Some(Direct::new(other));
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

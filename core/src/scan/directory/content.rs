use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use super::{Host, Stamp};
use crate::{Files, ReadAt};

/// A regular file of this host, open, that must stay as it was scanned for as long as it is read.
pub(super) struct HostFile {
    file: File,
    stamp: Stamp,
    path: PathBuf,
    files: Files,
}

impl HostFile {
    /// The file open as `descriptor`, which had `stamp` when it was scanned.
    pub(super) fn new(descriptor: OwnedFd, stamp: Stamp, path: PathBuf, files: Files) -> Self {
        Self { file: File::from(descriptor), stamp, path, files }
    }
}

impl ReadAt for HostFile {
    fn size(&self) -> u64 {
        self.stamp.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if buf.is_empty() {
            return Ok(());
        }
        let len = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        if offset.checked_add(len).is_none_or(|end| end > self.stamp.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        crate::files::read_exact_at(&self.files, &self.file, &self.path, offset, buf)?;
        // After the read: whatever changed the bytes before it has changed a time or the size by now.
        let now = Host { files: &self.files, path: &self.path }.stat(self.file.as_fd())?;
        if now.stamp != self.stamp {
            return Err(io::Error::other("the file changed while it was read"));
        }
        Ok(())
    }
}

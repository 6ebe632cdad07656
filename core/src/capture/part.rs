use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::files::{ReadableFile, WritableFile};
use crate::scan::LiveFile;
use crate::sink::Overwrite;
use crate::{Error, ErrorKind, Files, Result};

/// A file in the making beside where it will be, private, with `.part` behind its name; it goes away unless it is published.
pub(super) struct Part {
    files: Files,
    archive: PathBuf,
    path: PathBuf,
    file: WritableFile,
    /// What has the archive's name now.
    standing: Option<ReadableFile>,
    published: bool,
}

impl Part {
    /// Begins `archive`. What a run that is gone left in the same place is removed.
    ///
    /// # Errors
    /// `ErrorKind::Sink` when it cannot be made, when another run is making it, or when its name is taken and must not be
    /// replaced.
    pub(super) fn create(files: &Files, archive: &Path, overwrite: Overwrite) -> Result<Self> {
        refuse_standing(archive, overwrite)?;
        let mut path = archive.as_os_str().to_owned();
        path.push(OsString::from(".part"));
        let path = PathBuf::from(path);
        remove_abandoned(files, &path)?;
        let failed = |error| failed("cannot create the archive", &path, error);
        let file = files.create(&path).map_err(failed)?;
        let standing = files.open(archive).ok();
        let (files, archive) = (files.clone(), archive.to_owned());
        let part = Self { files, archive, path: path.clone(), file, standing, published: false };
        flock(part.file.as_file(), FlockOperation::NonBlockingLockExclusive)
            .map_err(|error| failed(error.into()))?;
        // Until it was locked another run may have taken it for one that was left.
        if !part.has_its_name().map_err(failed)? {
            return Err(busy(&path));
        }
        Ok(part)
    }

    fn has_its_name(&self) -> io::Result<bool> {
        let (own, named) = (self.file.as_file().metadata()?, self.path.symlink_metadata()?);
        Ok((own.dev(), own.ino()) == (named.dev(), named.ino()))
    }

    /// Whether `file` is the one that is written, or the one that it replaces.
    ///
    /// # Errors
    /// When they cannot be examined.
    pub(super) fn is_of(&self, file: &LiveFile) -> io::Result<bool> {
        let standing = self.standing.as_ref().map(ReadableFile::as_file);
        for own in standing.into_iter().chain([self.file.as_file()]) {
            if file.is_file(own)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// # Errors
    /// `ErrorKind::Sink`.
    pub(super) fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file
            .write_all_at(offset, bytes)
            .map_err(|error| self.failed("cannot write the archive", error))?;
        self.file.begin_writeback(offset, bytes.len() as u64);
        Ok(())
    }

    /// # Errors
    /// `ErrorKind::Sink`.
    pub(super) fn set_len(&self, len: u64) -> Result<()> {
        self.file.set_len(len).map_err(|error| self.failed("cannot write the archive", error))
    }

    /// Gives the archive its name, durably; its size.
    ///
    /// # Errors
    /// `ErrorKind::Sink`.
    pub(super) fn publish(mut self, overwrite: Overwrite) -> Result<u64> {
        self.file.sync().map_err(|error| self.failed("cannot make the archive durable", error))?;
        let size = self
            .file
            .as_file()
            .metadata()
            .map_err(|error| self.failed("cannot examine the archive", error))?;
        refuse_standing(&self.archive, overwrite)?;
        self.files
            .rename(&self.path, &self.archive)
            .map_err(|error| failed("cannot give the archive its name", &self.archive, error))?;
        self.published = true;
        let above = self.archive.parent().filter(|above| !above.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new("."));
        if let Err(error) = self.files.sync_dir(above) {
            let _ = self.files.remove_file(&self.archive);
            return Err(failed("cannot make the archive's name durable", above, error));
        }
        Ok(size.len())
    }

    pub(super) fn failed(&self, text: &str, error: io::Error) -> Error {
        failed(text, &self.path, error)
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.published {
            // Nobody is left to tell of a failure here; the next run tries again.
            let _ = self.files.remove_file(&self.path);
        }
    }
}

fn refuse_standing(archive: &Path, overwrite: Overwrite) -> Result<()> {
    let text = match archive.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(standing) if standing.is_dir() => "a directory has the archive's name",
        Ok(_) if overwrite == Overwrite::Replace => return Ok(()),
        Ok(_) => "there is already a file of this name",
    };
    Err(Error::new(ErrorKind::Sink, text).with_path(archive.as_os_str().as_bytes()))
}

/// Removes the part of a run that is gone: one whose lock is free.
fn remove_abandoned(files: &Files, path: &Path) -> Result<()> {
    let Ok(standing) = files.open(path) else { return Ok(()) };
    if flock(standing.as_file(), FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(busy(path));
    }
    files.remove_file(path).map_err(|error| failed("cannot remove what an earlier run left", path, error))
}

fn busy(path: &Path) -> Error {
    let text = "another run is writing this archive";
    Error::new(ErrorKind::Sink, text).with_path(path.as_os_str().as_bytes())
}

fn failed(text: &str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Sink, text).with_path(path.as_os_str().as_bytes()).with_source(error)
}

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FlockOperation, RenameFlags, flock, renameat_with};
use rustix::io::Errno;

use super::Overwrite;
use crate::files::{ReadableFile, WritableFile};
use crate::scan::LiveFile;
use crate::{Error, ErrorKind, FileOp, Files, Result};

/// A file in the making beside where it will be, private (0600), with `.part` behind its name and locked; it goes away unless
/// it is published.
#[derive(Debug)]
pub struct PartFile {
    files: Files,
    /// What it will be called.
    target: PathBuf,
    path: PathBuf,
    file: WritableFile,
    /// What has that name now.
    standing: Option<ReadableFile>,
    overwrite: Overwrite,
    published: bool,
}

impl PartFile {
    /// Begins `target`. What a run that is gone left in the same place is removed.
    ///
    /// # Errors
    /// `ErrorKind::Sink` when it cannot be made, when another run is making it, or when its name is taken and must not be
    /// replaced.
    pub fn create(files: &Files, target: &Path, overwrite: Overwrite) -> Result<Self> {
        refuse_standing(target, overwrite)?;
        let mut path = target.as_os_str().to_owned();
        path.push(OsString::from(".part"));
        let path = PathBuf::from(path);
        remove_abandoned(files, &path)?;
        let failed = |error| failed("cannot create the file", &path, error);
        let file = files.create(&path).map_err(failed)?;
        let standing = files.open(target).ok();
        let (files, target) = (files.clone(), target.to_owned());
        let mut part =
            Self { files, target, path: path.clone(), file, standing, overwrite, published: false };
        // Until it was locked another run may have taken it for one that was left, and what has its name is that run's.
        let is_locked = match flock(part.file.as_file(), FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => false,
            locked => locked.map(|()| true).map_err(|error| failed(error.into()))?,
        };
        if !is_locked || !part.has_its_name().unwrap_or(false) {
            part.published = true;
            return Err(busy(&path));
        }
        Ok(part)
    }

    /// Writes from its start to its end.
    pub fn writer(&self) -> PartWriter<'_> {
        PartWriter { part: self, position: 0 }
    }

    fn has_its_name(&self) -> io::Result<bool> {
        has_name(self.file.as_file(), &self.path)
    }

    /// Whether `file` is the one that is written, or the one that it replaces.
    ///
    /// # Errors
    /// When they cannot be examined.
    pub(crate) fn is_of(&self, file: &LiveFile) -> io::Result<bool> {
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
    pub(crate) fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<()> {
        self.file.write_all_at(offset, bytes).map_err(|error| self.failed("cannot write the file", error))?;
        self.file.begin_writeback(offset, bytes.len() as u64);
        Ok(())
    }

    /// # Errors
    /// `ErrorKind::Sink`.
    pub(crate) fn set_len(&self, len: u64) -> Result<()> {
        self.file.set_len(len).map_err(|error| self.failed("cannot write the file", error))
    }

    /// Gives the file its name, durably; its size in bytes.
    ///
    /// # Errors
    /// `ErrorKind::Sink`.
    pub fn publish(mut self) -> Result<u64> {
        self.file.sync().map_err(|error| self.failed("cannot make the file durable", error))?;
        let size =
            self.file.as_file().metadata().map_err(|error| self.failed("cannot examine the file", error))?;
        refuse_standing(&self.target, self.overwrite)?;
        let renamed = match self.overwrite {
            Overwrite::Replace => self.files.rename(&self.path, &self.target),
            Overwrite::Refuse => self.rename_new(),
        };
        renamed.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => taken(&self.target),
            _ => failed("cannot give the file its name", &self.target, error),
        })?;
        self.published = true;
        let above = self.target.parent().filter(|above| !above.as_os_str().is_empty());
        let above = above.unwrap_or(Path::new("."));
        if let Err(error) = self.files.sync_dir(above) {
            // What it has replaced is gone, and nothing at all would be worse.
            let is_new = self.overwrite != Overwrite::Replace;
            if is_new && has_name(self.file.as_file(), &self.target).unwrap_or(false) {
                let _ = self.files.remove_file(&self.target);
            }
            return Err(failed("cannot make the file's name durable", above, error));
        }
        Ok(size.len())
    }

    /// Gives the file its name unless something has it.
    fn rename_new(&self) -> io::Result<()> {
        self.files.admit(FileOp::Rename { from: &self.path, to: &self.target })?;
        match renameat_with(CWD, &self.path, CWD, &self.target, RenameFlags::NOREPLACE) {
            // The kernel or the file system has no such call; a moment ago nothing had the name.
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => std::fs::rename(&self.path, &self.target),
            renamed => Ok(renamed?),
        }
    }

    pub(crate) fn failed(&self, text: &str, error: io::Error) -> Error {
        failed(text, &self.path, error)
    }
}

/// Writes a [`PartFile`], one piece behind the other.
#[derive(Debug)]
pub struct PartWriter<'a> {
    part: &'a PartFile,
    position: u64,
}

impl io::Write for PartWriter<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.file.write_all_at(self.position, bytes)?;
        self.position += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for PartFile {
    fn drop(&mut self) {
        // Another run's file is not touched; while this one is locked, nobody takes its name.
        if !self.published && self.has_its_name().unwrap_or(false) {
            // Nobody is left to tell of a failure here; the next run tries again.
            let _ = self.files.remove_file(&self.path);
        }
    }
}

fn refuse_standing(target: &Path, overwrite: Overwrite) -> Result<()> {
    let text = match target.symlink_metadata() {
        Err(_) => return Ok(()),
        Ok(standing) if standing.is_dir() => "a directory has the file's name",
        Ok(_) if overwrite == Overwrite::Replace => return Ok(()),
        Ok(_) => return Err(taken(target)),
    };
    Err(Error::new(ErrorKind::Sink, text).with_path(target.as_os_str().as_bytes()))
}

/// Removes the part of a run that is gone: one whose lock is free.
fn remove_abandoned(files: &Files, path: &Path) -> Result<()> {
    let Ok(standing) = files.open(path) else { return Ok(()) };
    if flock(standing.as_file(), FlockOperation::NonBlockingLockExclusive).is_err() {
        return Err(busy(path));
    }
    // Before it was locked another run may have removed it and begun its own.
    if !has_name(standing.as_file(), path).unwrap_or(false) {
        return Err(busy(path));
    }
    files.remove_file(path).map_err(|error| failed("cannot remove what an earlier run left", path, error))
}

fn taken(target: &Path) -> Error {
    let text = "there is already a file of this name";
    Error::new(ErrorKind::Sink, text).with_path(target.as_os_str().as_bytes())
}

/// Whether `path` is the name of `file`.
fn has_name(file: &std::fs::File, path: &Path) -> io::Result<bool> {
    let (own, named) = (file.metadata()?, path.symlink_metadata()?);
    Ok((own.dev(), own.ino()) == (named.dev(), named.ino()))
}

fn busy(path: &Path) -> Error {
    let text = "another run is writing this file";
    Error::new(ErrorKind::Sink, text).with_path(path.as_os_str().as_bytes())
}

fn failed(text: &str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Sink, text).with_path(path.as_os_str().as_bytes()).with_source(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_whose_name_is_anothers_by_now_leaves_it() {
        let made = tempfile::tempdir().unwrap();
        let (archive, path) = (made.path().join("scan.tar"), made.path().join("scan.tar.part"));
        let part = PartFile::create(&Files::default(), &archive, Overwrite::Refuse).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "another's").unwrap();
        drop(part);
        assert_eq!(std::fs::read(&path).unwrap(), b"another's");
    }

    #[test]
    fn a_file_that_came_meanwhile_is_not_replaced_unless_that_was_asked_for() {
        let made = tempfile::tempdir().unwrap();
        let archive = made.path().join("scan.tar");
        let part = PartFile::create(&Files::default(), &archive, Overwrite::Refuse).unwrap();
        std::fs::write(&archive, "another's").unwrap();
        let error = part.rename_new().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(part.publish().unwrap_err().kind(), ErrorKind::Sink);
        assert_eq!(std::fs::read(&archive).unwrap(), b"another's");
        assert_eq!(made.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_has_replaced_another_stays_when_its_directory_cannot_be_made_durable() {
        struct NoSync;
        impl crate::Gate for NoSync {
            fn admit(&self, op: &FileOp<'_>) -> io::Result<usize> {
                match op {
                    FileOp::SyncDir { .. } => Err(io::Error::other("no")),
                    _ => Ok(usize::MAX),
                }
            }
        }
        for (overwrite, is_left) in [(Overwrite::Replace, true), (Overwrite::Refuse, false)] {
            let made = tempfile::tempdir().unwrap();
            let archive = made.path().join("scan.tar");
            let files = Files::gated(std::sync::Arc::new(NoSync));
            let part = PartFile::create(&files, &archive, overwrite).unwrap();
            assert!(part.publish().is_err());
            assert_eq!(archive.exists(), is_left);
        }
    }
}

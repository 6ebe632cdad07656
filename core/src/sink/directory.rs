use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{Output, Sink};
use crate::files::{Files, WritableFile};
use crate::format::OutputSpec;
use crate::identity::Seed;
use crate::{Error, ErrorKind, Result};

/// Writes outputs as files of one directory.
///
/// They grow under private names in `DIR/.diskwright-RANDOM` (0700, locked), are made durable, and get their final
/// names when all are complete. What a killed run left there, the next run in the same directory removes.
#[derive(Debug)]
pub struct DirectorySink {
    files: Files,
    directory: PathBuf,
    /// The directory did not exist before: it goes again on failure.
    created: bool,
    overwrite: Overwrite,
    work: PathBuf,
    /// Held locked while the run lives.
    lock: Option<WritableFile>,
    outputs: Vec<String>,
    done: bool,
}

/// What becomes of files that already have an output's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// They are refused.
    #[default]
    Refuse,
    /// They are replaced when the new ones are complete.
    Replace,
}

impl DirectorySink {
    /// Makes `directory` (if absent) and the private work directory in it.
    ///
    /// # Errors
    /// `ErrorKind::Sink` naming the path that cannot be made.
    pub fn create(files: Files, directory: impl Into<PathBuf>, overwrite: Overwrite) -> Result<Self> {
        let directory = directory.into();
        let created = match files.create_dir(&directory) {
            Ok(()) => true,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && directory.is_dir() => false,
            Err(error) => return Err(failed("cannot create the output directory", &directory, error)),
        };
        remove_abandoned(&files, &directory);
        let work = PathBuf::new();
        let mut sink =
            Self { files, directory, created, overwrite, work, lock: None, outputs: Vec::new(), done: false };
        // From here on, dropping the sink cleans up.
        for _ in 0..ATTEMPTS {
            sink.work = sink.directory.join(format!("{PREFIX}{}", Seed::random()));
            sink.lock = sink.claim_work()?;
            if sink.lock.is_some() {
                return Ok(sink);
            }
        }
        let text = "other runs take the work directory away before it can be locked";
        Err(Error::new(ErrorKind::Sink, text).with_path(sink.directory.as_os_str().as_encoded_bytes()))
    }

    /// Makes the work directory and locks it: nothing where another run, which tidies up, has seen it without its lock and
    /// removes it.
    fn claim_work(&self) -> Result<Option<WritableFile>> {
        self.files
            .create_private_dir(&self.work)
            .map_err(|error| failed("cannot create the work directory", &self.work, error))?;
        let path = self.work.join(LOCK);
        let lock = match self.files.create(&path) {
            Ok(lock) => lock,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed("cannot create the lock", &path, error)),
        };
        match flock(lock.as_file(), FlockOperation::NonBlockingLockExclusive) {
            // Locked before it was removed, it stays.
            Ok(()) => Ok(path.exists().then_some(lock)),
            Err(Errno::WOULDBLOCK) => Ok(None),
            Err(error) => Err(failed("cannot lock", &path, error.into())),
        }
    }

    /// Where outputs appear.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn publish(&mut self) -> Result<()> {
        for name in &self.outputs {
            self.refuse_standing(name)?;
        }
        self.end_standing_set()?;
        let mut given = 0;
        let published = self.give_names(&mut given);
        if published.is_err() {
            for name in &self.outputs[..given] {
                let _ = self.files.remove_file(&self.directory.join(name));
            }
        }
        published
    }

    /// Takes the report of the set that stands there: without it a set is no result, and no power cut may leave it beside
    /// files of the new one.
    fn end_standing_set(&self) -> Result<()> {
        let Some(last) = self.outputs.last().filter(|_| self.overwrite == Overwrite::Replace) else {
            return Ok(());
        };
        let report = self.directory.join(last);
        match self.files.remove_file(&report) {
            Ok(()) => self.sync_names(&self.directory),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("cannot replace the output", &report, error)),
        }
    }

    /// Gives all outputs their names, counting them in `given`; the last one, the report, when the others are durable.
    fn give_names(&self, given: &mut usize) -> Result<()> {
        if let Some(parent) = self.directory.parent().filter(|_| self.created) {
            let here = parent.as_os_str().is_empty();
            self.sync_names(if here { Path::new(".") } else { parent })?;
        }
        for (at, name) in self.outputs.iter().enumerate() {
            if at > 0 && at + 1 == self.outputs.len() {
                self.sync_names(&self.directory)?;
            }
            let to = self.directory.join(name);
            self.files
                .rename(&self.work.join(name), &to)
                .map_err(|error| failed("cannot give the output its name", &to, error))?;
            *given = at + 1;
        }
        self.sync_names(&self.directory)
    }

    fn sync_names(&self, directory: &Path) -> Result<()> {
        self.files
            .sync_dir(directory)
            .map_err(|error| failed("cannot make the outputs' names durable", directory, error))
    }

    fn refuse_standing(&self, name: &str) -> Result<()> {
        let path = self.directory.join(name);
        if self.overwrite == Overwrite::Refuse && path.symlink_metadata().is_ok() {
            let text = "there is already a file of this name";
            return Err(Error::new(ErrorKind::Sink, text).with_path(path.as_os_str().as_encoded_bytes()));
        }
        if path.is_dir() {
            let text = "a directory has the output's name";
            return Err(Error::new(ErrorKind::Sink, text).with_path(path.as_os_str().as_encoded_bytes()));
        }
        Ok(())
    }
}

impl Sink for DirectorySink {
    fn create(&mut self, spec: &OutputSpec) -> Result<Box<dyn Output>> {
        self.refuse_standing(&spec.name)?;
        let path = self.work.join(&spec.name);
        // Noted first: what fails half-way leaves a file, which goes with the others.
        self.outputs.push(spec.name.clone());
        let file = self
            .files
            .create_direct(&path)
            .map_err(|error| failed("cannot create the output", &path, error))?;
        Ok(Box::new(FileOutput { file }))
    }

    fn commit(mut self: Box<Self>) -> Result<()> {
        self.publish()?;
        self.done = true;
        Ok(())
    }

    fn abort(self: Box<Self>) {}
}

impl Drop for DirectorySink {
    fn drop(&mut self) {
        // Nobody is left to tell of a failure here; the next run in this directory tries again.
        if !self.done {
            let mut removed = Vec::new();
            for name in &self.outputs {
                let path = self.work.join(name);
                removed.extend(self.files.open(&path));
                let _ = self.files.remove_file(&path);
            }
            // A file system gives the room of a large file back at its last close, which takes a quarter of a second for each
            // GiB: nobody who cancels waits for that.
            let _ = std::thread::Builder::new().name("diskwright".to_owned()).spawn(move || drop(removed));
        }
        let _ = self.files.remove_file(&self.work.join(LOCK));
        let _ = self.files.remove_dir(&self.work);
        if self.created && !self.done {
            let _ = self.files.remove_dir(&self.directory);
        }
    }
}

struct FileOutput {
    file: WritableFile,
}

impl Output for FileOutput {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(offset, bytes)?;
        self.file.begin_writeback(offset, bytes.len() as u64);
        Ok(())
    }

    fn expect(&self, offset: u64, len: u64) {
        self.file.expect(offset, len);
    }

    fn finish(self: Box<Self>, len: u64) -> io::Result<()> {
        self.file.set_len(len)?;
        self.file.sync()
    }
}

/// Removes the work directories of runs that are gone: those whose lock is free, and those that have nothing in them.
fn remove_abandoned(files: &Files, directory: &Path) {
    let Ok(entries) = directory.read_dir() else { return };
    for entry in entries.flatten() {
        let is_work = entry.file_name().as_encoded_bytes().starts_with(PREFIX.as_bytes());
        if is_work && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_if_abandoned(files, &entry.path());
        }
    }
}

/// The lock is the first file there and the last that goes: without it there is nothing, however a run ended.
fn remove_if_abandoned(files: &Files, work: &Path) {
    let path = work.join(LOCK);
    // Opened again and locked: a live run holds its lock.
    if let Ok(lock) = files.open(&path) {
        if flock(lock.as_file(), FlockOperation::NonBlockingLockExclusive).is_err() {
            return;
        }
        let Ok(abandoned) = work.read_dir() else { return };
        for file in abandoned.flatten().filter(|file| file.file_name() != LOCK) {
            let _ = files.remove_file(&file.path());
        }
        let _ = files.remove_file(&path);
    }
    // A live run that is about to make its lock makes another directory instead.
    let _ = files.remove_dir(work);
}

fn failed(text: &str, path: &Path, error: io::Error) -> Error {
    Error::new(ErrorKind::Sink, text).with_path(path.as_os_str().as_encoded_bytes()).with_source(error)
}

const PREFIX: &str = ".diskwright-";
const LOCK: &str = "lock";
/// Each is lost only to a run that starts in the same directory within the same few microseconds.
const ATTEMPTS: u32 = 100;

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::format::{Access, OutputRole};
    use crate::{FileOp, Gate};

    /// Lets nothing be opened that was just created.
    struct NoSecondDescriptor;

    impl Gate for NoSecondDescriptor {
        fn admit(&self, op: &FileOp<'_>) -> io::Result<usize> {
            match op {
                FileOp::Open { path } if path.ends_with("disk.raw") => Err(io::ErrorKind::StorageFull.into()),
                _ => Ok(usize::MAX),
            }
        }
    }

    #[test]
    fn an_output_whose_creation_fails_half_way_is_gone_with_the_sink() {
        let room = tempfile::tempdir().unwrap();
        let directory = room.path().join("out");
        let files = Files::gated(Arc::new(NoSecondDescriptor));
        let mut sink = DirectorySink::create(files, &directory, Overwrite::Refuse).unwrap();
        let (name, role) = ("disk.raw".to_owned(), OutputRole::Disk);
        let spec = OutputSpec { name, role, size_bound: 1 << 20, access: Access::Stream };
        let Err(error) = sink.create(&spec) else { panic!("the gate was not asked") };
        assert_eq!(error.kind(), ErrorKind::Sink);
        drop(sink);
        assert!(!directory.exists());
    }

    #[test]
    fn a_work_directory_that_was_made_and_not_yet_locked_goes_with_the_next_run() {
        let room = tempfile::tempdir().unwrap();
        let abandoned = room.path().join(".diskwright-0123");
        std::fs::create_dir(&abandoned).unwrap();
        let foreign = room.path().join(".diskwright-4567");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::write(foreign.join("note"), "somebody's").unwrap();
        drop(DirectorySink::create(Files::default(), room.path(), Overwrite::Refuse).unwrap());
        let left: Vec<_> = room.path().read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(left, [foreign]);
    }

    #[test]
    fn runs_that_start_at_once_in_one_directory_take_nothing_from_each_other() {
        let room = tempfile::tempdir().unwrap();
        let start = || {
            for _ in 0..2000 {
                let sink = DirectorySink::create(Files::default(), room.path(), Overwrite::Refuse).unwrap();
                assert!(sink.work.join(LOCK).exists());
            }
        };
        std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(start))));
        assert_eq!(room.path().read_dir().unwrap().count(), 0);
    }
}

use std::fs::File;
use std::io::{self, BufWriter};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use diskwright::engine::{Engine, Order};
use diskwright::sink::Overwrite;
use diskwright::{Error, ErrorKind, Monitor};

use crate::failure::Failure;

/// A list of what the guest's file systems hold, under a name for the time being, which goes with it unless it is published.
pub(crate) struct DigestList {
    path: PathBuf,
    part: PathBuf,
}

impl DigestList {
    /// Writes the list for `order`, which is scanned and read for it.
    ///
    /// # Errors
    /// If there is a file at `path` that may not be replaced; those of planning and reading; if it cannot be written.
    pub(crate) fn write(
        path: &Path,
        overwrite: Overwrite,
        engine: &Engine,
        order: &Order,
        monitor: &Monitor,
    ) -> Result<Self, Failure> {
        if overwrite == Overwrite::Refuse && path.symlink_metadata().is_ok() {
            let text = "there is already a file of this name (--force replaces it)";
            return Err(Error::new(ErrorKind::Sink, text).with_path(path.as_os_str().as_bytes()).into());
        }
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let list = Self { path: path.to_owned(), part: PathBuf::from(part) };
        let plan = engine.plan(order, monitor)?;
        let mut file = BufWriter::new(File::create(&list.part).map_err(|error| list.failed(error))?);
        diskwright_verify::write_file_digests(plan.tree(), &mut file, monitor)?;
        file.get_ref().sync_all().map_err(|error| list.failed(error))?;
        Ok(list)
    }

    /// Gives the list its name.
    ///
    /// # Errors
    /// If it cannot have it.
    pub(crate) fn publish(self) -> Result<(), Failure> {
        std::fs::rename(&self.part, &self.path).map_err(|error| self.failed(error).into())
    }

    fn failed(&self, error: io::Error) -> Error {
        let error = Error::new(ErrorKind::Sink, "the list of digests cannot be written").with_source(error);
        error.with_path(self.path.as_os_str().as_bytes())
    }
}

impl Drop for DigestList {
    fn drop(&mut self) {
        // Gone already when it has its name; else of no use to anybody.
        let _ = std::fs::remove_file(&self.part);
    }
}

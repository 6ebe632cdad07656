use std::io;
use std::path::PathBuf;

use diskwright_core::{Files, ReadAt};

/// The files that a file may refer to: those in its folder, or the members of its archive.
pub trait Beside {
    /// Opens the file of that plain name, or says that there is none.
    ///
    /// # Errors
    /// When it exists and cannot be opened.
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn ReadAt + '_>>>;
}

/// Nothing: a file that is looked at alone.
#[derive(Clone, Copy, Debug)]
pub struct Alone;

impl Beside for Alone {
    fn open(&self, _name: &str) -> io::Result<Option<Box<dyn ReadAt + '_>>> {
        Ok(None)
    }
}

/// The files of a folder. No name leads out of it: one with a slash does not exist.
#[derive(Clone, Debug)]
pub struct Folder(pub PathBuf);

impl Beside for Folder {
    fn open(&self, name: &str) -> io::Result<Option<Box<dyn ReadAt + '_>>> {
        if !is_plain(name) {
            return Ok(None);
        }
        match Files::default().open(&self.0.join(name)) {
            Ok(file) => Ok(Some(Box::new(file))),
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => {
                    Ok(None)
                }
                _ => Err(error),
            },
        }
    }
}

/// Whether a name is one of a file in the same folder.
pub(crate) fn is_plain(name: &str) -> bool {
    !name.is_empty() && name != "." && name != ".." && !name.contains(['/', '\\', '\0'])
}

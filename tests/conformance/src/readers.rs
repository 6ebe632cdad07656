//! Readers: what turns the files of a format back into disks.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use diskwright_core::ReadAt;

use crate::tool;

/// Turns outputs back into disks, in the order in which they were written.
#[derive(Clone)]
pub struct Reader {
    read: Arc<ReadOutputs>,
}

type ReadOutputs = dyn Fn(&Images<'_>) -> Result<Vec<Arc<dyn ReadAt>>, Unreadable> + Send + Sync;

/// The files of one run, and a place for what a reader makes of them.
#[derive(Debug)]
pub struct Images<'a> {
    folder: &'a Path,
    scratch: &'a Path,
    names: Vec<String>,
}

/// Why outputs cannot be read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// This foreign program is missing: the trial is skipped.
    Missing(String),
    /// They are damaged.
    Failed(String),
}

impl Reader {
    /// A reader from a function.
    pub fn new(
        read: impl Fn(&Images<'_>) -> Result<Vec<Arc<dyn ReadAt>>, Unreadable> + Send + Sync + 'static,
    ) -> Self {
        Self { read: Arc::new(read) }
    }

    pub(crate) fn read(&self, images: &Images<'_>) -> Result<Vec<Arc<dyn ReadAt>>, Unreadable> {
        (self.read)(images)
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

impl<'a> Images<'a> {
    pub(crate) fn new(folder: &'a Path, scratch: &'a Path, names: Vec<String>) -> Self {
        Self { folder, scratch, names }
    }

    /// The files' names, in the order of the plan's outputs.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The files, in the order of the plan's outputs.
    pub fn paths(&self) -> impl Iterator<Item = PathBuf> + '_ {
        self.names.iter().map(|name| self.folder.join(name))
    }

    /// An empty directory for the reader's own files; it goes when the disks are compared.
    pub fn scratch(&self) -> &Path {
        self.scratch
    }
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Every output is the disk's bytes.
pub fn plain() -> Reader {
    Reader::new(|images| images.paths().map(|path| open(&path)).collect())
}

/// Every output is an image that `qemu-img convert -f FORMAT` turns into a raw disk. QEMU's formats whose last cluster may
/// be longer than the disk keep its exact size.
pub fn qemu_img(format: &'static str) -> Reader {
    Reader::new(move |images| images.paths().map(|path| converted(format, &path, images)).collect())
}

/// The disk in one image file, as `qemu-img convert -f FORMAT` reads it: for readers of several files, or of archives
/// whose members they unpack into [`Images::scratch`].
///
/// # Errors
/// [`Unreadable`] when the program is missing or fails.
pub fn converted(format: &str, image: &Path, images: &Images<'_>) -> Result<Arc<dyn ReadAt>, Unreadable> {
    let program = tool::find("qemu-img")?;
    let raw = beside(image, images);
    let arguments: [&std::ffi::OsStr; 7] = [
        "convert".as_ref(),
        "-f".as_ref(),
        format.as_ref(),
        "-O".as_ref(),
        "raw".as_ref(),
        image.as_ref(),
        raw.as_ref(),
    ];
    tool::run(&program, &arguments)?;
    open(&raw)
}

/// Every output is a file that `PROGRAM -dc` unpacks to the disk's bytes: `gzip`, `zstd`.
pub fn unpacked_by(program: &'static str) -> Reader {
    Reader::new(move |images| {
        let path = tool::find(program)?;
        images
            .paths()
            .map(|packed| {
                let raw = beside(&packed, images);
                let status = Command::new(&path)
                    .arg("-dc")
                    .arg(&packed)
                    .stdin(Stdio::null())
                    .stdout(File::create(&raw)?)
                    .status()?;
                if !status.success() {
                    return Err(Unreadable::Failed(format!("{program} -dc: {status}")));
                }
                open(&raw)
            })
            .collect()
    })
}

/// A file as a disk.
///
/// # Errors
/// [`Unreadable::Failed`] when it cannot be opened.
pub fn open(path: &Path) -> Result<Arc<dyn ReadAt>, Unreadable> {
    let failed = |error: io::Error| Unreadable::Failed(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    Ok(Arc::new(FileDisk { file, size }))
}

fn beside(image: &Path, images: &Images<'_>) -> PathBuf {
    let mut name = image.file_name().unwrap_or_default().to_owned();
    name.push(".as-raw");
    images.scratch().join(name)
}

struct FileDisk {
    file: File,
    size: u64,
}

impl ReadAt for FileDisk {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(buf, offset)
    }
}

//! Readers: what turns the files of a format back into disks.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use diskwright_core::ReadAt;
use rustix::fs::{SeekFrom, seek};
use rustix::io::Errno;

use crate::tool;

/// Turns outputs back into disks, in the order in which they were written.
#[derive(Clone)]
pub struct Reader {
    read: Arc<ReadOutputs>,
}

type ReadOutputs = dyn Fn(&Images<'_>) -> Result<Vec<RawDisk>, Unreadable> + Send + Sync;

/// The files of one run, and a place for what a reader makes of them.
#[derive(Debug)]
pub struct Images<'a> {
    folder: &'a Path,
    scratch: &'a Path,
    names: Vec<String>,
}

/// A disk that was read back.
pub struct RawDisk {
    content: Content,
}

enum Content {
    Computed(Arc<dyn ReadAt>),
    /// Its holes need not be read.
    File {
        file: File,
        size: u64,
    },
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
        read: impl Fn(&Images<'_>) -> Result<Vec<RawDisk>, Unreadable> + Send + Sync + 'static,
    ) -> Self {
        Self { read: Arc::new(read) }
    }

    pub(crate) fn read(&self, images: &Images<'_>) -> Result<Vec<RawDisk>, Unreadable> {
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

impl RawDisk {
    /// Bytes of the disk.
    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Computed(disk) => disk.size(),
            Content::File { size, .. } => *size,
        }
    }

    /// Fills `buf` from `offset`.
    ///
    /// # Errors
    /// The reader's.
    pub fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        match &self.content {
            Content::Computed(disk) => disk.read_exact_at(offset, buf),
            Content::File { file, .. } => file.read_exact_at(buf, offset),
        }
    }

    /// The first byte from `offset` on that may not be zero; the disk's size when there is none.
    pub(crate) fn next_data(&self, offset: u64) -> u64 {
        match &self.content {
            Content::Computed(_) => offset,
            Content::File { file, size } => match seek(file, SeekFrom::Data(offset)) {
                Ok(data) => data,
                Err(Errno::NXIO) => *size,
                // A file system that does not know its holes.
                Err(_) => offset,
            },
        }
    }
}

impl From<Arc<dyn ReadAt>> for RawDisk {
    fn from(disk: Arc<dyn ReadAt>) -> Self {
        Self { content: Content::Computed(disk) }
    }
}

impl fmt::Debug for RawDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RawDisk({} bytes)", self.size())
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

/// Those outputs whose names end with `ending` are images, which `qemu-img convert -f FORMAT` turns into raw disks; the others
/// are descriptors.
pub fn qemu_img_of(format: &'static str, ending: &'static str) -> Reader {
    Reader::new(move |images| {
        let is_image = |path: &PathBuf| path.to_str().is_some_and(|path| path.ends_with(ending));
        images.paths().filter(is_image).map(|path| converted(format, &path, images)).collect()
    })
}

/// Every output is an OVA, whose `.vmdk` members `tar` unpacks and `qemu-img` turns into raw disks.
pub fn ova() -> Reader {
    Reader::new(|images| {
        let program = tool::find("tar")?;
        let mut disks = Vec::new();
        for archive in images.paths() {
            let listed = tool::run(&program, &["-tf".as_ref(), archive.as_os_str()])?;
            let listed = String::from_utf8_lossy(&listed).into_owned();
            for member in listed.lines().filter(|member| member.ends_with(".vmdk")) {
                let (archive, to) = (archive.as_os_str(), images.scratch().as_os_str());
                tool::run(&program, &["-xf".as_ref(), archive, "-C".as_ref(), to, member.as_ref()])?;
                let image = images.scratch().join(member);
                disks.push(converted("vmdk", &image, images)?);
            }
        }
        Ok(disks)
    })
}

/// The disk in one image file, as `qemu-img convert -f FORMAT` reads it: for readers of several files, or of archives
/// whose members they unpack into [`Images::scratch`].
///
/// # Errors
/// [`Unreadable`] when the program is missing or fails.
pub fn converted(format: &str, image: &Path, images: &Images<'_>) -> Result<RawDisk, Unreadable> {
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
    Reader::new(move |images| images.paths().map(|packed| unpacked(program, &packed, images)).collect())
}

/// Every output is a file that `PROGRAM -dc` unpacks to an image, which `qemu-img convert -f FORMAT` turns into a raw disk.
pub fn unpacked_image(program: &'static str, format: &'static str) -> Reader {
    Reader::new(move |images| {
        let disk = |packed: PathBuf| {
            unpacked(program, &packed, images)?;
            converted(format, &beside(&packed, images), images)
        };
        images.paths().map(disk).collect()
    })
}

/// The disk in one file, as `PROGRAM -dc` unpacks it, for readers that take a program for each file.
///
/// # Errors
/// [`Unreadable`] when the program is missing or fails.
pub fn unpacked(program: &str, packed: &Path, images: &Images<'_>) -> Result<RawDisk, Unreadable> {
    let path = tool::find(program)?;
    let raw = beside(packed, images);
    let mut child =
        Command::new(path).arg("-dc").arg(packed).stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
    let copied = child.stdout.take().map_or(Ok(()), |output| copy_sparse(output, &File::create(&raw)?));
    let status = child.wait()?;
    if !status.success() {
        return Err(Unreadable::Failed(format!("{program} -dc: {status}")));
    }
    copied?;
    open(&raw)
}

/// Leaves holes where there are zeros: a disk of some GiB needs no more room than its data.
fn copy_sparse(mut from: impl Read, to: &File) -> io::Result<()> {
    let mut block = vec![0; BLOCK];
    let mut at = 0;
    loop {
        let mut len = 0;
        while len < BLOCK {
            match from.read(&mut block[len..])? {
                0 => break,
                read => len += read,
            }
        }
        if block[..len] != ZEROS[..len] {
            to.write_all_at(&block[..len], at)?;
        }
        at += len as u64;
        if len < BLOCK {
            return to.set_len(at);
        }
    }
}

/// A file as a disk.
///
/// # Errors
/// [`Unreadable::Failed`] when it cannot be opened.
pub fn open(path: &Path) -> Result<RawDisk, Unreadable> {
    let failed = |error: io::Error| Unreadable::Failed(format!("{}: {error}", path.display()));
    let file = File::open(path).map_err(failed)?;
    let size = file.metadata().map_err(failed)?.len();
    Ok(RawDisk { content: Content::File { file, size } })
}

fn beside(image: &Path, images: &Images<'_>) -> PathBuf {
    let mut name = image.file_name().unwrap_or_default().to_owned();
    name.push(".as-raw");
    images.scratch().join(name)
}

const BLOCK: usize = 64 << 10;
static ZEROS: [u8; BLOCK] = [0; BLOCK];

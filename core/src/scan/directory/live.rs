use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::FileType;
use rustix::io::Errno;

use super::examine::{Examiner, Named};
use super::host::{Access, Handle, Host, Identity, Stamp, Stat};
use super::{DirectorySource, walk};
use crate::scan::{Attributes, DataRange};
use crate::{FileOp, Files, Result};

/// Reads files as they are at the moment, whatever a scan saw of them.
pub(crate) struct Live<'a> {
    source: &'a DirectorySource,
    examiner: Examiner<'a>,
}

/// A regular file as it was when it was opened; others may go on changing it.
pub(crate) struct LiveFile {
    /// Bytes, holes included.
    pub(crate) size: u64,
    pub(crate) attributes: Attributes,
    /// Ranges that hold data; `None` when all of it does.
    pub(crate) data: Option<Vec<DataRange>>,
    pub(crate) names: u32,
    identity: Identity,
    stamp: Stamp,
    descriptor: OwnedFd,
    path: PathBuf,
    files: Files,
}

/// Which inode a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inode(Identity);

impl<'a> Live<'a> {
    pub(crate) fn new(source: &'a DirectorySource) -> Self {
        Self { source, examiner: Examiner::new(source, walk::now()) }
    }

    /// Opens the regular file at `below`, a path below the root; `None` when there is none any more.
    ///
    /// # Errors
    /// `ErrorKind::Source` when what is there cannot be read.
    pub(crate) fn open(&mut self, below: &[u8]) -> Result<Option<LiveFile>> {
        let source = self.source;
        let path = source.host_path(below);
        let host = Host { files: &source.files, path: &path };
        let root = source.root.as_fd();
        let Some((stat, descriptor)) = self.open_regular(&host, below)? else { return Ok(None) };
        let full = path.as_os_str().as_encoded_bytes();
        let start = full.len().saturating_sub(below.len());
        let named = Named { directory: root, device: stat.identity.device, path: full, start };
        let handle = Handle::Open(descriptor);
        let (attributes, data) = self.examiner.regular(named, &stat, &handle)?;
        let (Handle::Open(descriptor) | Handle::Named(descriptor)) = handle;
        Ok(Some(LiveFile {
            size: stat.stamp.size,
            attributes,
            data,
            names: stat.names,
            identity: stat.identity,
            stamp: stat.stamp,
            descriptor,
            files: source.files.clone(),
            path,
        }))
    }

    /// Opens a regular file by its name first, for opening a device does something to it, and a FIFO has others at its end.
    fn open_regular(&self, host: &Host<'_>, below: &[u8]) -> Result<Option<(Stat, OwnedFd)>> {
        let open = |access| -> Result<Option<(Stat, OwnedFd)>> {
            let descriptor = match self.source.opener.open(host, self.source.root.as_fd(), below, access) {
                Ok(descriptor) => descriptor,
                Err(error) if is_something_else(&error) => return Ok(None),
                Err(error) => return Err(host.failed("cannot open", error)),
            };
            let stat = host.stat(descriptor.as_fd());
            Ok(Some((stat.map_err(|error| host.failed("cannot examine", error))?, descriptor)))
        };
        for _ in 0..MAX_TRIES {
            let Some((named, _)) = open(Access::Name)? else { return Ok(None) };
            if named.kind != FileType::RegularFile {
                return Ok(None);
            }
            match open(Access::File)? {
                Some((stat, descriptor)) if stat.is_same(&named) => return Ok(Some((stat, descriptor))),
                // Another one has its name by now.
                _ => {}
            }
        }
        Err(host.error("the file was replaced each time that it was opened"))
    }
}

impl LiveFile {
    pub(crate) fn inode(&self) -> Inode {
        Inode(self.identity)
    }

    /// Whether it is the file that is open as `file`.
    ///
    /// # Errors
    /// When `file` cannot be examined.
    pub(crate) fn is_file(&self, file: &std::fs::File) -> io::Result<bool> {
        Ok(self.host().stat(file.as_fd())?.identity == self.identity)
    }

    /// Fills `buf` from `offset` as far as the file goes by now, and says how far that was.
    ///
    /// # Errors
    /// The operation's.
    pub(crate) fn read_at(&self, mut offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut filled = 0;
        while let Some(rest) = buf.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let op = FileOp::ReadAt { path: &self.path, offset, len: rest.len() };
            let read = match self.files.admit(op) {
                Ok(admitted) => {
                    let len = rest.len().min(admitted);
                    let rest = rest.get_mut(..len).unwrap_or_default();
                    rustix::io::pread(&self.descriptor, rest, offset).map_err(io::Error::from)
                }
                Err(error) => Err(error),
            };
            match read {
                Ok(0) => break,
                Ok(read) => {
                    filled = filled.saturating_add(read);
                    offset = offset.saturating_add(read as u64);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Whether nobody has written to it since it was opened.
    ///
    /// # Errors
    /// When it cannot be examined.
    pub(crate) fn is_unchanged(&self) -> io::Result<bool> {
        Ok(self.host().stat(self.descriptor.as_fd())?.stamp == self.stamp)
    }

    /// Its path on this host.
    pub(crate) fn path(&self) -> &std::path::Path {
        &self.path
    }

    fn host(&self) -> Host<'_> {
        Host { files: &self.files, path: &self.path }
    }
}

/// Whether an error of opening says that there is no regular file.
fn is_something_else(error: &io::Error) -> bool {
    // A link in its place, a file in a directory's, a socket.
    let errors = [Errno::NOENT, Errno::LOOP, Errno::NOTDIR, Errno::NXIO, Errno::XDEV];
    errors.iter().any(|known| error.raw_os_error() == Some(known.raw_os_error()))
}

const MAX_TRIES: usize = 16;

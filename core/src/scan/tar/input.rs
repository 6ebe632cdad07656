use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use super::ahead::Ahead;
use super::decode::{Decoder, Packing};
use super::header::BLOCK;
use crate::files::ReadableFile;
use crate::scan::ScanVisitor;
use crate::{Error, ErrorKind, ReadAt, Result};

/// The unpacked bytes of an archive, read forwards, with errors that name the place.
pub(super) struct Input<'a> {
    path: &'a Path,
    medium: Medium,
    position: u64,
    limit: u64,
}

enum Medium {
    Plain(Window),
    Packed(Decoder, Box<[u8]>),
}

/// A part of a plain archive in memory. It is small after a jump and grows while reading goes on: headers of large files
/// lie far apart, those of small ones side by side.
struct Window {
    file: Arc<ReadableFile>,
    start: u64,
    bytes: Vec<u8>,
    len: usize,
    ahead: Option<Ahead>,
    /// The window is one that was read ahead, and not `bytes`.
    is_ahead: bool,
}

impl<'a> Input<'a> {
    /// The bytes of `file` from the start; if it is not packed, those that `ahead` has need not be read.
    ///
    /// # Errors
    /// `ErrorKind::Source` when no decoder can be made.
    pub(super) fn new(
        path: &'a Path,
        file: Arc<ReadableFile>,
        packing: Packing,
        ahead: Option<Ahead>,
    ) -> Result<Self> {
        let decoder =
            Decoder::new(packing, Arc::clone(&file)).map_err(|error| read_failed(path, 0, error))?;
        let medium = match decoder {
            Some(decoder) => Medium::Packed(decoder, vec![0; SCRATCH].into()),
            None => Medium::Plain(Window {
                file,
                start: 0,
                bytes: Vec::new(),
                len: MIN_WINDOW,
                ahead,
                is_ahead: false,
            }),
        };
        Ok(Self { path, medium, position: 0, limit: u64::MAX })
    }

    /// Has everything behind the first `limit` bytes refused.
    pub(super) fn with_limit(mut self, limit: u64) -> Self {
        self.limit = limit;
        self
    }

    /// Bytes read or skipped so far.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// Fills `block` with the next one; `false` when the archive ends where it would begin.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the archive cannot be read or ends within the block.
    pub(super) fn block(&mut self, block: &mut [u8; BLOCK]) -> Result<bool> {
        let mut len = 0;
        while len < BLOCK {
            match self.read(&mut block[len..])? {
                0 if len == 0 => return Ok(false),
                0 => return Err(self.truncated()),
                read => len += read,
            }
        }
        Ok(true)
    }

    /// Fills `buf`.
    ///
    /// # Errors
    /// `ErrorKind::Source` when the archive cannot be read or ends before.
    pub(super) fn read_exact(&mut self, buf: &mut [u8]) -> Result<()> {
        let mut len = 0;
        while len < buf.len() {
            match self.read(&mut buf[len..])? {
                0 => return Err(self.truncated()),
                read => len += read,
            }
        }
        Ok(())
    }

    /// Passes over `len` bytes.
    ///
    /// # Errors
    /// As [`Input::read_exact`]; that of a checkpoint.
    pub(super) fn skip(&mut self, len: u64, visitor: &mut dyn ScanVisitor) -> Result<()> {
        self.check_limit(len)?;
        let mut left = len;
        match &mut self.medium {
            Medium::Plain(window) => match self.position.checked_add(len) {
                Some(end) if end <= window.file.size() => self.position = end,
                _ => return Err(self.truncated()),
            },
            Medium::Packed(decoder, scratch) => {
                while left > 0 {
                    visitor.check()?;
                    let want = usize::try_from(left).unwrap_or(usize::MAX).min(scratch.len());
                    match read_packed(decoder, &mut scratch[..want]) {
                        Ok(0) => return Err(self.truncated()),
                        Ok(read) => {
                            left -= read as u64;
                            self.position += read as u64;
                        }
                        Err(error) => return Err(read_failed(self.path, self.position, error)),
                    }
                }
            }
        }
        Ok(())
    }

    /// Some of the next bytes; none at the end only.
    fn read(&mut self, buf: &mut [u8]) -> Result<usize> {
        let read = match &mut self.medium {
            Medium::Plain(window) => window.read(self.position, buf),
            Medium::Packed(decoder, _) => read_packed(decoder, buf),
        };
        let read = read.map_err(|error| read_failed(self.path, self.position, error))?;
        self.check_limit(read as u64)?;
        self.position += read as u64;
        Ok(read)
    }

    /// Before `len` bytes are passed over, and not after: a bomb is not even unpacked.
    fn check_limit(&self, len: u64) -> Result<()> {
        if self.position.checked_add(len).is_some_and(|end| end <= self.limit) || self.limit == u64::MAX {
            return Ok(());
        }
        let text = format!("the archive unpacks to more than {} bytes", self.limit);
        Err(Error::new(ErrorKind::LimitExceeded, text)
            .with_path(self.path.as_os_str().as_bytes())
            .with_offset(self.position))
    }

    fn truncated(&self) -> Error {
        read_failed(self.path, self.position, io::ErrorKind::UnexpectedEof.into())
    }
}

impl Window {
    fn read(&mut self, position: u64, buf: &mut [u8]) -> io::Result<usize> {
        let inside = position.checked_sub(self.start).and_then(|inside| usize::try_from(inside).ok());
        let inside = match inside {
            Some(inside) if inside < self.bytes().len() => inside,
            _ => {
                let goes_on = inside == Some(self.bytes().len());
                self.fill(position, goes_on)?
            }
        };
        let part = &self.bytes()[inside..];
        let len = part.len().min(buf.len());
        buf[..len].copy_from_slice(&part[..len]);
        Ok(len)
    }

    fn bytes(&self) -> &[u8] {
        match self.ahead.as_ref().filter(|_| self.is_ahead) {
            Some(ahead) => ahead.bytes(),
            None => &self.bytes,
        }
    }

    /// Makes `position` a byte of the window, unless the archive has ended there, and tells where in it.
    fn fill(&mut self, position: u64, goes_on: bool) -> io::Result<usize> {
        self.len = next_len(self.len, goes_on);
        if let Some(ahead) = &mut self.ahead
            && let Some(start) = ahead.find(position)?
        {
            (self.is_ahead, self.start) = (true, start);
            // OK to cast: it is within the window.
            return Ok((position - start) as usize);
        }
        (self.is_ahead, self.start) = (false, position);
        let left = usize::try_from(self.file.size().saturating_sub(position)).unwrap_or(usize::MAX);
        self.bytes.resize(left.min(self.len), 0);
        let filled = self.file.read_exact_at(position, &mut self.bytes);
        if filled.is_err() {
            self.bytes.clear();
        }
        filled.map(|()| 0)
    }
}

/// How much is read next, after `len` bytes before them or, if `goes_on`, right before them.
pub(super) fn next_len(len: usize, goes_on: bool) -> usize {
    if goes_on { (len * 2).min(MAX_WINDOW) } else { MIN_WINDOW }
}

fn read_packed(decoder: &mut Decoder, buf: &mut [u8]) -> io::Result<usize> {
    loop {
        match decoder.read(buf) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

/// What a failure to read `path`, at byte `offset` of the unpacked archive, means.
pub(super) fn read_failed(path: &Path, offset: u64, error: io::Error) -> Error {
    let (kind, text) = match error.kind() {
        io::ErrorKind::UnexpectedEof => (ErrorKind::Source, "the archive ends too early (truncated)"),
        io::ErrorKind::OutOfMemory => {
            (ErrorKind::LimitExceeded, "the archive's packing needs a window of more than 128 MiB")
        }
        _ => (ErrorKind::Source, "the archive cannot be read or unpacked"),
    };
    Error::new(kind, text).with_path(path.as_os_str().as_bytes()).with_offset(offset).with_source(error)
}

pub(super) const MIN_WINDOW: usize = 4096;
const MAX_WINDOW: usize = 64 * 1024;
const SCRATCH: usize = 64 * 1024;

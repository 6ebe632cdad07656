//! Archives of the form `newc` (cpio(5), "New ASCII Format"): entries as an initial RAM disk has them.

use std::io::{self, BufRead};

use crate::Result;

/// An entry's header, as far as anybody asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) mode: u32,
    /// Bytes of the content that follows.
    pub(super) size: u64,
    /// Without a leading `/` or `./`; empty for the root.
    pub(super) name: Vec<u8>,
}

/// Reads entry after entry; zero bytes between archives are passed over.
pub(super) struct Reader<'a, R> {
    input: R,
    /// Asked at least once for each MiB.
    check: &'a dyn Fn() -> Result<()>,
    checked: u64,
    /// Bytes read; archives count from a multiple of four.
    read: u64,
    /// Bytes of the last entry's content that were not read, and of the padding behind them.
    left: u64,
    padding: u64,
    most: u64,
}

impl<'a, R: BufRead> Reader<'a, R> {
    /// A reader that refuses to read more than `most` bytes, and ends with the error of `check`.
    pub(super) fn new(input: R, most: u64, check: &'a dyn Fn() -> Result<()>) -> Self {
        Self { input, check, checked: 0, read: 0, left: 0, padding: 0, most }
    }

    /// Bytes read so far.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// The next entry; `None` after the one that ends an archive. Another archive may follow: [`Reader::skip_zeros`] tells.
    pub(super) fn entry(&mut self) -> io::Result<Option<Header>> {
        self.skip_content()?;
        let mut header = [0; HEADER];
        self.take(&mut header)?;
        if !matches!(&header[..6], b"070701" | b"070702") {
            return Err(invalid("no entry of a newc archive begins here"));
        }
        let field = |index: usize| -> io::Result<u64> {
            let digits = &header[6 + 8 * index..][..8];
            let text = std::str::from_utf8(digits).ok().filter(|text| !text.starts_with('+'));
            text.and_then(|text| u64::from_str_radix(text, 16).ok())
                .ok_or_else(|| invalid("a field of an entry's header is no hexadecimal number"))
        };
        let (mode, size, name_len) = (field(1)? as u32, field(6)?, field(11)?);
        if name_len == 0 || name_len > MAX_NAME {
            return Err(invalid("the length of an entry's name is not from 1 to 4096"));
        }
        let mut name = vec![0; name_len as usize];
        self.take(&mut name)?;
        self.skip_to_four()?;
        name.truncate(name.iter().position(|byte| *byte == 0).unwrap_or(name.len()));
        if name == END {
            // The kernel passes over what such an entry holds.
            self.left = size;
            self.skip_content()?;
            return Ok(None);
        }
        self.left = size;
        self.padding = (4 - size % 4) % 4;
        Ok(Some(Header { mode, size, name: plain(&name) }))
    }

    /// The content of the entry read last.
    pub(super) fn content(&mut self) -> io::Result<Vec<u8>> {
        let len = usize::try_from(self.left).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let mut content = vec![0; len];
        self.take(&mut content)?;
        self.left = 0;
        Ok(content)
    }

    /// Passes over what is left of the entry read last.
    fn skip_content(&mut self) -> io::Result<()> {
        let mut rest = self.left + self.padding;
        let mut buffer = [0; 8192];
        while rest > 0 {
            let len = usize::try_from(rest).unwrap_or(usize::MAX).min(buffer.len());
            self.take(&mut buffer[..len])?;
            rest -= len as u64;
        }
        (self.left, self.padding) = (0, 0);
        Ok(())
    }

    /// Passes over the zero bytes between archives; says whether anything follows.
    pub(super) fn skip_zeros(&mut self) -> io::Result<bool> {
        self.skip_content()?;
        loop {
            let available = self.input.fill_buf()?;
            if available.is_empty() {
                return Ok(false);
            }
            let zeros = available.iter().take_while(|byte| **byte == 0).count();
            let is_other = zeros < available.len();
            self.input.consume(zeros);
            self.count(zeros as u64)?;
            if is_other {
                return Ok(true);
            }
        }
    }

    fn skip_to_four(&mut self) -> io::Result<()> {
        let mut padding = [0; 4];
        let len = ((4 - self.read % 4) % 4) as usize;
        self.take(&mut padding[..len])
    }

    fn take(&mut self, buf: &mut [u8]) -> io::Result<()> {
        self.count(buf.len() as u64)?;
        self.input.read_exact(buf)
    }

    fn count(&mut self, len: u64) -> io::Result<()> {
        self.read = self.read.saturating_add(len);
        if self.read > self.most {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it unpacks to more than 4 GiB"));
        }
        if self.read - self.checked >= CHECK_EVERY {
            self.checked = self.read;
            (self.check)().map_err(io::Error::other)?;
        }
        Ok(())
    }
}

/// Writes entries; the same entries give the same bytes.
#[derive(Clone, Debug)]
pub(crate) struct CpioWriter {
    bytes: Vec<u8>,
    /// Zero bytes in front of the archive.
    padding: usize,
    entries: u32,
    mtime: u32,
}

impl CpioWriter {
    /// An empty archive whose entries have the time `mtime`, seconds since 1970; what `newc` cannot hold becomes the
    /// nearest that it can.
    pub(crate) fn new(mtime: i64) -> Self {
        let mtime = u32::try_from(mtime.clamp(0, i64::from(u32::MAX))).unwrap_or_default();
        Self { bytes: Vec::new(), padding: 0, entries: 0, mtime }
    }

    /// An archive behind so many zero bytes.
    pub(crate) fn behind(padding: usize, mtime: i64) -> Self {
        Self { bytes: vec![0; padding], padding, ..Self::new(mtime) }
    }

    /// Adds root's directory, 0755.
    pub(crate) fn directory(&mut self, name: &[u8]) {
        self.put(name, 0o040_755, 2, &[]);
    }

    /// Adds root's file, 0644.
    pub(crate) fn file(&mut self, name: &[u8], content: &[u8]) {
        self.put(name, 0o100_644, 1, content);
    }

    /// Adds root's file, 0644, with what `fill` puts behind the bytes that it is given.
    ///
    /// # Errors
    /// That of `fill`; the archive cannot be used then.
    pub(crate) fn file_from(
        &mut self,
        name: &[u8],
        fill: &mut dyn FnMut(&mut Vec<u8>) -> Result<()>,
    ) -> Result<()> {
        let header = self.bytes.len();
        self.file(name, &[]);
        let start = self.bytes.len();
        fill(&mut self.bytes)?;
        let size = self.bytes.len().saturating_sub(start) as u32;
        // filesize, the seventh field.
        let field = header + 6 + 6 * 8;
        self.bytes[field..field + 8].copy_from_slice(format!("{size:08X}").as_bytes());
        self.pad();
        Ok(())
    }

    /// Adds root's symbolic link.
    pub(crate) fn symlink(&mut self, name: &[u8], target: &[u8]) {
        self.put(name, 0o120_777, 1, target);
    }

    /// Ends the archive.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        (self.entries, self.mtime) = (0, 0);
        self.put(END, 0, 1, &[]);
        self.bytes
    }

    fn put(&mut self, name: &[u8], mode: u32, links: u32, content: &[u8]) {
        if name != END {
            self.entries += 1;
        }
        let inode = if name == END { 0 } else { self.entries };
        let (size, name_len) = (content.len() as u32, name.len() as u32 + 1);
        // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
        let fields = [inode, mode, 0, 0, links, self.mtime, size, 0, 0, 0, 0, name_len, 0];
        self.bytes.extend_from_slice(b"070701");
        for field in fields {
            self.bytes.extend_from_slice(format!("{field:08X}").as_bytes());
        }
        self.bytes.extend_from_slice(name);
        self.bytes.push(0);
        self.pad();
        self.bytes.extend_from_slice(content);
        self.pad();
    }

    fn pad(&mut self) {
        let archive = self.bytes.len() - self.padding;
        self.bytes.resize(self.padding + archive.next_multiple_of(4), 0);
    }
}

/// A name without leading `/` and `./`, and without a slash at its end.
fn plain(name: &[u8]) -> Vec<u8> {
    let parts = name.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".");
    parts.collect::<Vec<_>>().join(&b'/')
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

const HEADER: usize = 110;
const CHECK_EVERY: u64 = 1 << 20;
const END: &[u8] = b"TRAILER!!!";
/// `PATH_MAX`.
const MAX_NAME: u64 = 4096;

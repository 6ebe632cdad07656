//! Initial RAM disks, read without running anything of them.
//!
//! ```text
//! file:  cpio (early microcode) · 0000 · gzip|xz|zstd|lz4|lzma|bzip2 of cpio · 0000 · cpio …
//! index: name → directory, file, link; a later entry replaces an earlier one; content of the few files that are wanted
//! ```
//!
//! The kernel unpacks the parts one after the other into one tree (Linux, `init/initramfs.c`): that is why an archive that
//! is appended adds files and replaces others.

mod cpio;
mod flavour;
mod input;
mod lz4;
mod packing;

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::sync::Arc;

pub use flavour::Flavour;
pub use packing::Packing;

pub(crate) use cpio::CpioWriter;

use crate::tree::components;
use crate::{Error, ErrorKind, ReadAt, Result};
use cpio::{Header, Reader};
use input::Input;

/// What an initial RAM disk unpacks to: all names, and the content of those files that were asked for.
#[derive(Clone, Debug, Default)]
pub struct Initramfs {
    entries: BTreeMap<Vec<u8>, Item>,
    contents: BTreeMap<Vec<u8>, Vec<u8>>,
    segments: Vec<Segment>,
    /// Bytes of names and contents kept.
    kept: usize,
}

/// What stands at a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Bytes.
        size: u64,
    },
    /// A symbolic link.
    Symlink {
        /// Where it leads.
        target: Vec<u8>,
    },
    /// A device, pipe or socket.
    Special,
}

/// A part of the file: one archive, or one packed stream of archives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First byte in the file.
    pub offset: u64,
    /// How it is packed.
    pub packing: Packing,
    /// Entries in it, the ends of archives left out.
    pub entries: usize,
    /// Whether it holds microcode or tables for the kernel only, which it takes before anything runs.
    pub is_early: bool,
}

impl Initramfs {
    /// Reads a file, keeping the content of files that are `wanted` by their names (without a leading slash) and have at
    /// most 4 MiB; of all together at most 32 MiB.
    ///
    /// Cost: reads and unpacks the whole file once. Memory: about 100 bytes for each name, what is wanted, and the window
    /// of the packed data (at most 128 MiB, checked before it is allocated).
    ///
    /// # Errors
    /// `ErrorKind::Source` with the offset of the part that cannot be read or unpacked, or that is none;
    /// `ErrorKind::Unsupported` for a part that is packed with lzop; `ErrorKind::LimitExceeded` when the file has more than
    /// 2 GiB or 1000 parts, unpacks to more than 4 GiB, has more than 400 000 names, or more than 32 MiB of names and
    /// wanted content, or a link's target of more than 4096 bytes.
    pub fn read(file: Arc<dyn ReadAt>, wanted: &dyn Fn(&[u8]) -> bool) -> Result<Self> {
        Self::unpack(file, wanted, &|| Ok(()))
    }

    /// As [`Initramfs::read`], asking `check` at least once for each MiB that is unpacked.
    ///
    /// # Errors
    /// As [`Initramfs::read`]; that of `check`.
    pub(crate) fn unpack(
        file: Arc<dyn ReadAt>,
        wanted: &dyn Fn(&[u8]) -> bool,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let mut tree = Self::default();
        tree.add(file, wanted, check)?;
        Ok(tree)
    }

    /// Lays another file over what is there, as a boot loader does that loads several.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` where both together pass a limit of [`Initramfs::read`].
    pub(crate) fn lay(&mut self, above: Self) -> Result<()> {
        self.segments.extend(above.segments);
        if self.segments.len() > MAX_SEGMENTS {
            return Err(too_many_segments());
        }
        let failed = |error| failure(error, 0);
        self.keep(above.kept).map_err(failed)?;
        for (name, item) in above.entries {
            self.contents.remove(&name);
            self.entries.insert(name, item);
        }
        self.contents.extend(above.contents);
        self.check_number().map_err(failed)
    }

    fn add(
        &mut self,
        file: Arc<dyn ReadAt>,
        wanted: &dyn Fn(&[u8]) -> bool,
        check: &dyn Fn() -> Result<()>,
    ) -> Result<()> {
        let size = file.size();
        if size > MAX_FILE {
            let text = format!("the initial RAM disk has {size} bytes, more than 2 GiB");
            return Err(Error::new(ErrorKind::LimitExceeded, text));
        }
        let mut input = Input::new(file);
        let mut unpacked = 0;
        loop {
            check()?;
            let is_end = input.skip_zeros(check)?;
            let offset = input.position();
            let failed = |error: io::Error| failure(error, offset);
            if is_end {
                break;
            }
            if self.segments.len() >= MAX_SEGMENTS {
                return Err(too_many_segments().with_offset(offset));
            }
            let start = input.peek(8).map_err(failed)?;
            let packing = Packing::detect(start).ok_or_else(|| not_an_archive(start, offset))?;
            if packing == Packing::Plain && !offset.is_multiple_of(4) {
                let text = "an archive that is not packed begins at a multiple of 4: the kernel would not take this one";
                return Err(Error::new(ErrorKind::Source, text).with_offset(offset));
            }
            let before = self.entries.len();
            let most = MAX_UNPACKED - unpacked;
            let (entries, is_early) = if packing == Packing::Plain {
                let mut reader = Reader::new(&mut input, most, check);
                let found = self.archive(&mut reader, wanted).map_err(failed)?;
                unpacked += reader.read();
                found
            } else {
                let decoder = packing.decoder(&mut input).map_err(failed)?;
                let mut reader = Reader::new(BufReader::with_capacity(64 << 10, decoder), most, check);
                let found = self.archives(&mut reader, wanted).map_err(failed)?;
                unpacked += reader.read();
                found
            };
            let is_early = is_early && self.entries.len() > before;
            self.segments.push(Segment { offset, packing, entries, is_early });
        }
        Ok(())
    }

    /// The parts of the files that were read, in order.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// All names with what stands at them, sorted by their bytes; no name begins with a slash.
    pub fn entries(&self) -> impl Iterator<Item = (&[u8], &Item)> {
        self.entries.iter().map(|(name, item)| (name.as_slice(), item))
    }

    /// Whether a file or directory is there, links followed.
    pub fn has(&self, path: &[u8]) -> bool {
        self.resolve(path).is_some_and(|name| self.item(&name).is_some())
    }

    /// What stands at a name; links are not followed.
    pub fn item(&self, name: &[u8]) -> Option<&Item> {
        self.entries.get(name)
    }

    /// The content of a wanted file.
    pub fn content(&self, name: &[u8]) -> Option<&[u8]> {
        self.contents.get(name).map(Vec::as_slice)
    }

    /// Wanted files below a directory, with their content.
    pub(crate) fn contents_below<'a>(
        &'a self,
        directory: &str,
    ) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let prefix = [directory.as_bytes(), b"/"].concat();
        self.contents
            .range(prefix.clone()..)
            .take_while(move |(name, _)| name.starts_with(&prefix))
            .map(|(name, content)| (name.as_slice(), content.as_slice()))
    }

    /// Names below a directory.
    pub(crate) fn names_below<'a>(&'a self, directory: &[u8]) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let prefix = [directory, b"/"].concat();
        self.entries
            .range(prefix.clone()..)
            .take_while(move |(name, _)| name.starts_with(&prefix))
            .map(|(name, _)| name.as_slice())
    }

    /// The name that a path leads to, links followed inside the tree only; what is missing stays as it was given. `None`
    /// when more than 40 links are met or a file stands where a directory must be.
    pub fn resolve(&self, path: &[u8]) -> Option<Vec<u8>> {
        let mut left: Vec<Vec<u8>> = components(path).rev().map(<[u8]>::to_vec).collect();
        let mut here: Vec<Vec<u8>> = Vec::new();
        let mut links = 0;
        while let Some(name) = left.pop() {
            if name == b".." {
                here.pop();
                continue;
            }
            here.push(name);
            match self.entries.get(&here.join(&b'/')) {
                Some(Item::Symlink { target }) => {
                    links += 1;
                    if links > 40 {
                        return None;
                    }
                    here.pop();
                    if target.starts_with(b"/") {
                        here.clear();
                    }
                    left.extend(components(target).rev().map(<[u8]>::to_vec));
                }
                Some(Item::File { .. } | Item::Special) if !left.is_empty() => return None,
                _ => {}
            }
        }
        Some(here.join(&b'/'))
    }

    /// Archive after archive of an unpacked stream.
    fn archives<R: BufRead>(
        &mut self,
        reader: &mut Reader<'_, R>,
        wanted: &dyn Fn(&[u8]) -> bool,
    ) -> io::Result<(usize, bool)> {
        let (mut entries, mut is_early) = (0, true);
        while reader.skip_zeros()? {
            let (more, early) = self.archive(reader, wanted)?;
            entries += more;
            is_early &= early;
        }
        Ok((entries, is_early && entries > 0))
    }

    /// One archive: the number of its entries, and whether all of them are for the kernel only.
    fn archive<R: BufRead>(
        &mut self,
        reader: &mut Reader<'_, R>,
        wanted: &dyn Fn(&[u8]) -> bool,
    ) -> io::Result<(usize, bool)> {
        let (mut entries, mut is_early) = (0, true);
        while let Some(header) = reader.entry()? {
            entries += 1;
            is_early &= is_for_the_kernel(&header.name);
            self.take(header, reader, wanted)?;
        }
        Ok((entries, is_early && entries > 0))
    }

    fn take<R: BufRead>(
        &mut self,
        header: Header,
        reader: &mut Reader<'_, R>,
        wanted: &dyn Fn(&[u8]) -> bool,
    ) -> io::Result<()> {
        let Header { mode, size, name } = header;
        if name.is_empty() || name == b".." || name.starts_with(b"../") {
            return Ok(());
        }
        let item = match mode & S_IFMT {
            S_IFDIR => Item::Directory,
            S_IFREG => Item::File { size },
            S_IFLNK if size <= MAX_TARGET => Item::Symlink { target: reader.content()? },
            S_IFLNK => return Err(limit("the target of a link is longer than 4096 bytes")),
            _ => Item::Special,
        };
        self.contents.remove(&name);
        if matches!(item, Item::File { .. }) && size <= MAX_CONTENT && wanted(&name) {
            let content = reader.content()?;
            self.keep(content.len())?;
            self.contents.insert(name.clone(), content);
        }
        let target = if let Item::Symlink { target } = &item { target.len() } else { 0 };
        self.keep(name.len() + target)?;
        self.entries.insert(name, item);
        self.check_number()
    }

    fn check_number(&self) -> io::Result<()> {
        if self.entries.len() > MAX_ENTRIES {
            return Err(limit("it has more than 400000 names"));
        }
        Ok(())
    }

    fn keep(&mut self, bytes: usize) -> io::Result<()> {
        self.kept += bytes;
        if self.kept > MAX_KEPT {
            return Err(limit("its names and settings have more than 32 MiB"));
        }
        Ok(())
    }
}

/// Microcode, and tables that replace the firmware's.
fn is_for_the_kernel(name: &[u8]) -> bool {
    let paths: [&[u8]; 2] = [b"kernel/x86/microcode", b"kernel/firmware/acpi"];
    let is_above = |path: &[u8]| path.starts_with(name) && matches!(path.get(name.len()), None | Some(b'/'));
    let leads = |path: &&[u8]| name.starts_with(path) || is_above(path);
    name.is_empty() || name == b"early_cpio" || paths.iter().any(leads)
}

fn not_an_archive(start: &[u8], offset: u64) -> Error {
    let text = match start {
        [0x89, b'L', b'Z', b'O', ..] => "an initial RAM disk packed with lzop is not read",
        [b'M', b'Z', ..] => "it is a program for UEFI, not an initial RAM disk",
        _ => "neither an archive nor packed data begins here",
    };
    let kind = if start.first() == Some(&0x89) { ErrorKind::Unsupported } else { ErrorKind::Source };
    Error::new(kind, text).with_offset(offset)
}

/// An error of the check as it was, any other with the offset of the part that it is about.
fn failure(error: io::Error, offset: u64) -> Error {
    let error = match error.downcast::<Error>() {
        Ok(error) => return error,
        Err(error) => error,
    };
    let (kind, text) = match error.kind() {
        io::ErrorKind::FileTooLarge => {
            (ErrorKind::LimitExceeded, "the initial RAM disk is too large to be read")
        }
        io::ErrorKind::UnexpectedEof => (ErrorKind::Source, "the initial RAM disk ends too early"),
        _ => (ErrorKind::Source, "a part of the initial RAM disk cannot be unpacked"),
    };
    Error::new(kind, text).with_offset(offset).with_source(error)
}

fn too_many_segments() -> Error {
    Error::new(ErrorKind::LimitExceeded, "the initial RAM disk has more than 1000 parts")
}

fn limit(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::FileTooLarge, text.to_owned())
}

const S_IFMT: u32 = 0o170_000;
const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;
const S_IFLNK: u32 = 0o120_000;
const MAX_TARGET: u64 = 4096;
const MAX_CONTENT: u64 = 4 << 20;
const MAX_KEPT: usize = 32 << 20;
const MAX_ENTRIES: usize = 400_000;
const MAX_UNPACKED: u64 = 4 << 30;
const MAX_FILE: u64 = 2 << 30;
/// A hundred times what is seen: each part may have a decoder's memory to be set up.
const MAX_SEGMENTS: usize = 1000;

#[cfg(test)]
mod tests;

use std::io::{self, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use lzma_rust2::{XzOptions, XzWriter};
use zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer};

use super::member::BLOCK;
use crate::scan::LiveFile;
use crate::sink::PartFile;
use crate::{Error, ErrorKind, Result};

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
    Xz,
}

impl Packing {
    /// What the end of a file's name says.
    ///
    /// # Errors
    /// `ErrorKind::InvalidOption` when it says nothing that is known.
    pub(super) fn of_name(path: &Path) -> Result<Self> {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes().to_ascii_lowercase();
        let known = ENDS.iter().find(|(end, _)| name.len() > end.len() && name.ends_with(end.as_bytes()));
        known.map(|(_, packing)| *packing).ok_or_else(|| {
            let ends: Vec<&str> = ENDS.iter().map(|(end, _)| *end).collect();
            let text = format!("the archive's name ends with none of {}", ends.join(", "));
            Error::new(ErrorKind::InvalidOption, text).with_path(path.as_os_str().as_encoded_bytes())
        })
    }
}

/// An archive's bytes on their way through packing into a file.
pub(super) struct Packed {
    part: PartFile,
    packing: Packing,
    encoder: Encoder,
    /// Bytes of the file that are written.
    position: u64,
    /// Bytes of the archive, unpacked.
    unpacked: u64,
}

/// A place to which an archive can be wound back.
#[derive(Clone, Copy)]
pub(super) struct Mark {
    position: u64,
    unpacked: u64,
}

impl Packed {
    pub(super) fn new(part: PartFile, packing: Packing) -> Result<Self> {
        Ok(Self { encoder: Encoder::new(packing)?, part, packing, position: 0, unpacked: 0 })
    }

    /// Whether `file` is the archive itself, or the one that it replaces.
    ///
    /// # Errors
    /// `ErrorKind::Sink` when they cannot be examined.
    pub(super) fn is_into(&self, file: &LiveFile) -> Result<bool> {
        self.part.is_of(file).map_err(|error| self.part.failed("cannot examine the archive", error))
    }

    /// # Errors
    /// `ErrorKind::Sink`, as of all that follow.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.unpacked = self.unpacked.saturating_add(bytes.len() as u64);
        self.encoder.write_all(bytes).map_err(|error| self.part.failed("cannot pack the archive", error))?;
        if self.encoder.packed().len() >= WRITE_LEN {
            self.write_out()?;
        }
        Ok(())
    }

    /// Fills the last block of `len` bytes up.
    pub(super) fn pad(&mut self, len: u64) -> Result<()> {
        let over = usize::try_from(len % BLOCK as u64).unwrap_or(0);
        let zeros = [0; BLOCK];
        self.write(zeros.get(..(BLOCK - over) % BLOCK).unwrap_or(&[]))
    }

    /// Ends what is packed so far, so that it can be kept without what follows.
    pub(super) fn mark(&mut self) -> Result<Mark> {
        self.end_stream()?;
        Ok(Mark { position: self.position, unpacked: self.unpacked })
    }

    /// Takes back all that came after `mark`.
    pub(super) fn rewind(&mut self, mark: Mark) -> Result<()> {
        self.encoder = Encoder::new(self.packing)?;
        self.part.set_len(mark.position)?;
        (self.position, self.unpacked) = (mark.position, mark.unpacked);
        Ok(())
    }

    /// Writes the archive's end.
    pub(super) fn finish(mut self) -> Result<PartFile> {
        // Two blocks of zeros, filled up to a record of twenty as archivers do.
        let end = self.unpacked.saturating_add(2 * BLOCK as u64).next_multiple_of(RECORD);
        let zeros = vec![0; usize::try_from(end.saturating_sub(self.unpacked)).unwrap_or(0)];
        self.write(&zeros)?;
        self.end_stream()?;
        Ok(self.part)
    }

    fn end_stream(&mut self) -> Result<()> {
        let encoder = std::mem::replace(&mut self.encoder, Encoder::new(self.packing)?);
        let rest = encoder.finish().map_err(|error| self.part.failed("cannot pack the archive", error))?;
        self.part.write_at(self.position, &rest)?;
        self.position = self.position.saturating_add(rest.len() as u64);
        Ok(())
    }

    fn write_out(&mut self) -> Result<()> {
        let packed = self.encoder.packed();
        self.part.write_at(self.position, packed)?;
        self.position = self.position.saturating_add(packed.len() as u64);
        packed.clear();
        Ok(())
    }
}

/// Makes one stream of a packing in memory.
enum Encoder {
    Plain(Vec<u8>),
    Gzip(GzEncoder<Vec<u8>>),
    Zstd(Zstd),
    Xz(Box<XzWriter<Vec<u8>>>),
}

impl Encoder {
    fn new(packing: Packing) -> Result<Self> {
        let failed =
            |error: io::Error| Error::new(ErrorKind::Sink, "cannot pack the archive").with_source(error);
        Ok(match packing {
            Packing::Plain => Self::Plain(Vec::new()),
            Packing::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::new(GZIP_LEVEL))),
            Packing::Zstd => Self::Zstd(Zstd::new().map_err(failed)?),
            Packing::Xz => {
                let writer = XzWriter::new(Vec::new(), XzOptions::with_preset(XZ_PRESET));
                Self::Xz(Box::new(writer.map_err(failed)?))
            }
        })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(packed) => packed.write_all(bytes),
            Self::Gzip(encoder) => encoder.write_all(bytes),
            Self::Zstd(encoder) => encoder.write_all(bytes),
            Self::Xz(encoder) => encoder.write_all(bytes),
        }
    }

    /// What is packed and not written.
    fn packed(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Plain(packed) => packed,
            Self::Gzip(encoder) => encoder.get_mut(),
            Self::Zstd(encoder) => &mut encoder.packed,
            Self::Xz(encoder) => encoder.inner_mut(),
        }
    }

    /// The rest of the stream; nothing for one into which nothing went.
    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Plain(packed) => Ok(packed),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
            Self::Xz(encoder) => encoder.finish(),
        }
    }
}

/// A frame of zstd.
struct Zstd {
    context: CCtx<'static>,
    packed: Vec<u8>,
}

impl Zstd {
    fn new() -> io::Result<Self> {
        let mut context = CCtx::try_create().ok_or(io::ErrorKind::OutOfMemory)?;
        for parameter in [CParameter::CompressionLevel(ZSTD_LEVEL), CParameter::ChecksumFlag(true)] {
            context.set_parameter(parameter).map_err(zstd_error)?;
        }
        Ok(Self { context, packed: Vec::new() })
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut input = InBuffer::around(bytes);
        while input.pos() < bytes.len() {
            self.room(|context, output| context.compress_stream(output, &mut input))?;
        }
        Ok(())
    }

    fn finish(mut self) -> io::Result<Vec<u8>> {
        while self.room(|context, output| context.end_stream(output))? > 0 {}
        Ok(self.packed)
    }

    /// Has `step` write behind what is packed, with some room there.
    fn room(
        &mut self,
        step: impl FnOnce(&mut CCtx<'static>, &mut OutBuffer<'_, Vec<u8>>) -> Result<usize, usize>,
    ) -> io::Result<usize> {
        self.packed.reserve(ZSTD_ROOM);
        let at = self.packed.len();
        let mut output = OutBuffer::around_pos(&mut self.packed, at);
        step(&mut self.context, &mut output).map_err(zstd_error)
    }
}

fn zstd_error(code: usize) -> io::Error {
    io::Error::other(zstd_safe::get_error_name(code))
}

const ENDS: [(&str, Packing); 7] = [
    (".tar", Packing::Plain),
    (".tar.gz", Packing::Gzip),
    (".tgz", Packing::Gzip),
    (".tar.zst", Packing::Zstd),
    (".tzst", Packing::Zstd),
    (".tar.xz", Packing::Xz),
    (".txz", Packing::Xz),
];
/// Bytes of a record: twenty blocks.
const RECORD: u64 = 20 * BLOCK as u64;
/// Packed bytes that are written at once.
const WRITE_LEN: usize = 1 << 20;
const ZSTD_LEVEL: i32 = 3;
/// Room for a block of zstd's.
const ZSTD_ROOM: usize = 128 << 10;
const GZIP_LEVEL: u32 = 6;
/// A window of 4 MiB, and about ten times that much memory.
const XZ_PRESET: u32 = 3;

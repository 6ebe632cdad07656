use std::io::{self, BufReader, Read};
use std::sync::Arc;

use bzip2::bufread::MultiBzDecoder;
use flate2::bufread::MultiGzDecoder;
use lzma_rust2::XzReader;

use super::header::{BLOCK, checksum_holds};
use crate::ReadAt;
use crate::files::ReadableFile;
use crate::zstd_frames::{Frames, ZstdFrames};

/// How an archive is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Packing {
    Plain,
    Gzip,
    Zstd,
    Xz,
    Bzip2,
}

impl Packing {
    /// Tells the packing by the first bytes of the file.
    pub(super) fn detect(start: &[u8]) -> Self {
        // A tar header wins: the name in it may begin with anything.
        if start.first_chunk::<BLOCK>().is_some_and(checksum_holds) {
            return Self::Plain;
        }
        match start {
            [0x1f, 0x8b, ..] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Self::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', ..] => Self::Bzip2,
            _ => Self::Plain,
        }
    }
}

/// The unpacked bytes of an archive, from the start; an end in the middle of packed data is an error.
///
/// Memory: the window of the packed data, at most 128 MiB, checked before it is allocated.
pub(super) struct Decoder(Box<dyn Read + Send>);

impl Decoder {
    /// A decoder at the start of `file`; `None` for a plain archive.
    ///
    /// # Errors
    /// `OutOfMemory` when the decoder cannot be made.
    pub(super) fn new(packing: Packing, file: Arc<ReadableFile>) -> io::Result<Option<Self>> {
        let input = BufReader::with_capacity(INPUT_BUFFER, Sequential { file, position: 0 });
        let decoder: Box<dyn Read + Send> = match packing {
            Packing::Plain => return Ok(None),
            Packing::Gzip => Box::new(MultiGzDecoder::new(input)),
            Packing::Zstd => Box::new(ZstdFrames::new(input, Frames::All)?),
            Packing::Xz => Box::new(XzReader::new_mem_limit(input, true, XZ_MEMORY_KIB)),
            Packing::Bzip2 => Box::new(MultiBzDecoder::new(input)),
        };
        Ok(Some(Self(decoder)))
    }
}

impl Read for Decoder {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.0.read(buf)
    }
}

/// A file from its start to its end.
struct Sequential {
    file: Arc<ReadableFile>,
    position: u64,
}

impl Read for Sequential {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.file.size().saturating_sub(self.position)).unwrap_or(usize::MAX);
        let len = left.min(buf.len());
        self.file.read_exact_at(self.position, &mut buf[..len])?;
        self.position += len as u64;
        Ok(len)
    }
}

const INPUT_BUFFER: usize = 128 * 1024;
/// A dictionary of 128 MiB and what the decoder needs beside it.
const XZ_MEMORY_KIB: u32 = 129 * 1024;

use std::io::{self, BufRead, Read};

use bzip2::bufread::BzDecoder;
use flate2::bufread::GzDecoder;
use lzma_rust2::{LzmaReader, XzReader};

use super::lz4::Lz4Blocks;
use crate::zstd_frames::{Frames, ZstdFrames};

/// How a part of an initial RAM disk, or a module, is packed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the names say it")]
pub enum Packing {
    /// Not at all.
    Plain,
    Gzip,
    Xz,
    Lzma,
    Zstd,
    /// Blocks as `lz4 -l` writes them; the kernel reads no others.
    Lz4,
    Bzip2,
}

impl Packing {
    /// Tells what the kernel would take the bytes for; `None` for what it cannot unpack, and for lzop, which this does
    /// not unpack.
    ///
    /// # Reference
    /// Linux, `lib/decompress.c`, `compressed_formats`; `init/initramfs.c`.
    pub(crate) fn detect(start: &[u8]) -> Option<Self> {
        Some(match start {
            [b'0', b'7', b'0', b'7', b'0', b'1' | b'2', ..] => Self::Plain,
            [0x1f, 0x8b | 0x9e, ..] => Self::Gzip,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [0x5d, 0, 0, ..] => Self::Lzma,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Self::Zstd,
            [0x02, 0x21, 0x4c, 0x18, ..] => Self::Lz4,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            _ => return None,
        })
    }

    /// The name of the program that packs so; `cpio` for what is not packed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plain => "cpio",
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Bzip2 => "bzip2",
        }
    }

    /// Unpacks one stream and stops behind it, as the kernel does.
    ///
    /// Memory: the stream's window, at most 128 MiB, checked before it is allocated.
    pub(crate) fn decoder<'a, R: BufRead + 'a>(self, input: R) -> io::Result<Box<dyn Read + 'a>> {
        Ok(match self {
            Self::Plain => Box::new(input),
            Self::Gzip => Box::new(GzDecoder::new(input)),
            Self::Xz => Box::new(XzReader::new_mem_limit(input, false, MEMORY_KIB)),
            Self::Lzma => Box::new(LzmaReader::new_mem_limit(ByteByByte(input), MEMORY_KIB, None)?),
            Self::Zstd => Box::new(ZstdFrames::new(input, Frames::First)?),
            Self::Lz4 => Box::new(Lz4Blocks::new(input)),
            Self::Bzip2 => Box::new(BzDecoder::new(input)),
        })
    }
}

/// Gives one byte at a time to a decoder that would else read past the end of its stream.
struct ByteByByte<R>(R);

impl<R: BufRead> Read for ByteByByte<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = buf.len().min(1);
        self.0.read(&mut buf[..len])
    }
}

/// A dictionary of 128 MiB and what the decoder needs beside it.
const MEMORY_KIB: u32 = 129 * 1024;

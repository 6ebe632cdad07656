use std::sync::Arc;

use flate2::{Compress, FlushCompress, Status};
use libdeflater::{CompressionError, CompressionLvl, Compressor};
use zstd_safe::{CCtx, CParameter};

use crate::format::{ChunkCodec, Codec};
use crate::{Error, ErrorKind, Result};

/// One worker's encoder for one codec, with its working memory.
pub(crate) enum Encoder {
    Stored,
    Deflate(Box<Compress>),
    Zlib(Compressor, u8),
    Gzip(Compressor, u8),
    Zstd { context: CCtx<'static>, always: bool },
    Custom(Arc<dyn ChunkCodec>),
}

impl Encoder {
    /// # Errors
    /// `ErrorKind::Internal` for parameters outside the codec's range, which a plan should have refused.
    pub(crate) fn new(codec: &Codec) -> Result<Self> {
        let out_of_range =
            || Error::new(ErrorKind::Internal, format!("codec parameters out of range: {codec:?}"));
        let deflater = |level: u8| {
            CompressionLvl::new(i32::from(level)).map(Compressor::new).map_err(|_| out_of_range())
        };
        Ok(match codec {
            Codec::Stored => Self::Stored,
            Codec::Deflate { window_bits, level } => {
                if !(9..=15).contains(window_bits) || *level > 9 {
                    return Err(out_of_range());
                }
                let level = flate2::Compression::new(u32::from(*level));
                Self::Deflate(Box::new(Compress::new_with_window_bits(level, false, *window_bits)))
            }
            Codec::Zlib { level } => Self::Zlib(deflater(*level)?, *level),
            Codec::Gzip { level } => Self::Gzip(deflater(*level)?, *level),
            Codec::Zstd { level } => Self::Zstd { context: zstd(*level)?, always: false },
            Codec::ZstdFrame { level } => Self::Zstd { context: zstd(*level)?, always: true },
            Codec::Custom(codec) => Self::Custom(Arc::clone(&codec.0)),
        })
    }

    /// Appends `chunk` to `out`, encoded or verbatim; says whether it was encoded.
    pub(crate) fn encode(&mut self, chunk: &[u8], out: &mut Vec<u8>) -> Result<bool> {
        let start = out.len();
        let encoded = match self {
            Self::Stored => false,
            Self::Deflate(compress) => deflate(compress, chunk, out)?,
            Self::Zlib(compressor, _) => {
                let bound = compressor.zlib_compress_bound(chunk.len());
                out.resize(start + bound, 0);
                shrink(compressor.zlib_compress(chunk, &mut out[start..]), start, out)
            }
            Self::Gzip(compressor, _) => {
                let bound = compressor.gzip_compress_bound(chunk.len());
                out.resize(start + bound, 0);
                shrink(compressor.gzip_compress(chunk, &mut out[start..]), start, out)
            }
            Self::Zstd { context, always } => {
                out.resize(start + zstd_safe::compress_bound(chunk.len()), 0);
                let len = context.compress2(&mut out[start..], chunk).map_err(zstd_failed)?;
                out.truncate(start + len);
                *always || len < chunk.len()
            }
            Self::Custom(codec) => codec.encode(chunk, out)?,
        };
        if !encoded {
            out.truncate(start);
            out.extend_from_slice(chunk);
        }
        Ok(encoded)
    }
}

impl Encoder {
    /// Bytes of working memory that it takes for chunks of `granularity` bytes. A codec of a format's own counts as none:
    /// it is shared by all workers.
    ///
    /// # Errors
    /// As [`Encoder::encode`].
    pub(crate) fn memory(mut self, granularity: usize) -> Result<usize> {
        if matches!(self, Self::Zstd { .. }) {
            // Only a context that has worked has its tables.
            self.encode(&vec![0; granularity], &mut Vec::new())?;
        }
        Ok(match &self {
            Self::Stored | Self::Custom(_) => 0,
            Self::Deflate(_) => DEFLATE_BYTES,
            Self::Zlib(_, level) | Self::Gzip(_, level) if *level < 10 => DEFLATE_BYTES,
            // Every match at every position is kept; 9 MiB are the most that libdeflate has.
            Self::Zlib(..) | Self::Gzip(..) => (8 * granularity + (1 << 20)).min(9 << 20),
            Self::Zstd { context, .. } => context.sizeof(),
        })
    }
}

/// The stream is always written to its end, even where it is longer than the chunk: zlib-rs 0.6.8 keeps a remainder
/// of a stream that is cut off over `reset`, and runs out of room for the next.
fn deflate(compress: &mut Compress, chunk: &[u8], out: &mut Vec<u8>) -> Result<bool> {
    if is_dense(chunk) {
        return Ok(false);
    }
    let start = out.len();
    compress.reset();
    out.resize(start + chunk.len() + chunk.len() / 4 + 64, 0);
    let status = compress
        .compress(chunk, &mut out[start..], FlushCompress::Finish)
        .map_err(|error| Error::new(ErrorKind::Internal, "deflate failed").with_source(error))?;
    if status != Status::StreamEnd {
        return Err(Error::new(ErrorKind::Internal, "deflate did not end"));
    }
    let len = compress.total_out() as usize;
    out.truncate(start + len);
    Ok(len < chunk.len())
}

/// Whether the bytes of `chunk` are distributed as those of noise, and so of what is compressed or encrypted already:
/// trying takes as long as with any other chunk, and gains nothing. Bytes that are more even than chance would have them
/// are a pattern, and noise that repeats is less even: both are tried.
fn is_dense(chunk: &[u8]) -> bool {
    // Most chunks are told by a sample.
    let sample = Histogram::of(chunk.iter().step_by(SAMPLE_STEP));
    sample.is_noise(SAMPLE_EXCESS) && Histogram::of(chunk.iter()).is_noise(chunk.len() as u64 / 50)
}

/// How often each byte occurs.
struct Histogram {
    counts: [u32; 256],
    total: u64,
}

impl Histogram {
    fn of<'a>(bytes: impl Iterator<Item = &'a u8>) -> Self {
        let (mut counts, mut total) = ([0; 256], 0);
        for byte in bytes {
            counts[usize::from(*byte)] += 1;
            total += 1;
        }
        Self { counts, total }
    }

    /// Whether chi-squared against even distribution, 255 for noise, is neither far below that nor above `most`.
    fn is_noise(&self, most: u64) -> bool {
        let squares: u64 = self.counts.iter().map(|count| u64::from(*count) * u64::from(*count)).sum();
        let chi_squared = (256 * squares).saturating_sub(self.total * self.total) / self.total.max(1);
        (LEAST_CHI_SQUARED..=most).contains(&chi_squared)
    }
}

fn shrink(written: Result<usize, CompressionError>, start: usize, out: &mut Vec<u8>) -> bool {
    match written {
        Ok(len) => {
            out.truncate(start + len);
            true
        }
        Err(CompressionError::InsufficientSpace) => {
            out.truncate(start);
            false
        }
    }
}

fn zstd(level: u8) -> Result<CCtx<'static>> {
    let mut context = CCtx::create();
    context.set_parameter(CParameter::CompressionLevel(i32::from(level))).map_err(zstd_failed)?;
    context.set_parameter(CParameter::ContentSizeFlag(true)).map_err(zstd_failed)?;
    Ok(context)
}

fn zstd_failed(code: zstd_safe::ErrorCode) -> Error {
    Error::new(ErrorKind::Internal, format!("zstd: {}", zstd_safe::get_error_name(code)))
}

/// Of 64 KiB, 4096 bytes are looked at first.
const SAMPLE_STEP: usize = 16;
/// Five standard deviations above noise.
const SAMPLE_EXCESS: u64 = 368;
/// More than five standard deviations below noise.
const LEAST_CHI_SQUARED: u64 = 128;
/// Tables of libdeflate up to level 9, and of zlib, rounded up.
const DEFLATE_BYTES: usize = 384 << 10;

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::*;

    fn chunk() -> Vec<u8> {
        (0..65_536_u32).map(|at| (at / 7 % 251) as u8).collect()
    }

    #[test]
    fn every_codec_gives_back_what_it_took() {
        let chunk = chunk();
        let encode = |codec: Codec| {
            let mut out = vec![1, 2, 3];
            assert!(Encoder::new(&codec).unwrap().encode(&chunk, &mut out).unwrap(), "{codec:?}");
            out.split_off(3)
        };
        let mut plain = vec![0; chunk.len()];
        let mut inflater = libdeflater::Decompressor::new();
        inflater.zlib_decompress(&encode(Codec::Zlib { level: 1 }), &mut plain).unwrap();
        assert_eq!(plain, chunk);
        inflater.gzip_decompress(&encode(Codec::Gzip { level: 6 }), &mut plain).unwrap();
        assert_eq!(plain, chunk);
        inflater
            .deflate_decompress(&encode(Codec::Deflate { window_bits: 12, level: 3 }), &mut plain)
            .unwrap();
        assert_eq!(plain, chunk);
        let frame = encode(Codec::ZstdFrame { level: 3 });
        assert_eq!(zstd_safe::decompress(&mut plain[..], &frame).unwrap(), chunk.len());
        assert_eq!(plain, chunk);
    }

    #[test]
    fn incompressible_chunks_stay_verbatim_unless_a_frame_is_needed() {
        let noise = noise(512, 5);
        for codec in [Codec::Deflate { window_bits: 12, level: 1 }, Codec::Zstd { level: 1 }] {
            let mut out = Vec::new();
            assert!(!Encoder::new(&codec).unwrap().encode(&noise, &mut out).unwrap(), "{codec:?}");
            assert_eq!(out, noise);
        }
        for codec in [Codec::Zlib { level: 1 }, Codec::Gzip { level: 1 }, Codec::ZstdFrame { level: 1 }] {
            let mut out = Vec::new();
            assert!(Encoder::new(&codec).unwrap().encode(&noise, &mut out).unwrap(), "{codec:?}");
            assert!(out.len() > noise.len(), "{codec:?}");
        }
    }

    #[test]
    fn noise_is_a_zlib_stream_little_larger_than_itself() {
        for level in [1, 6, 12] {
            let noise = noise(65_536, 3);
            let mut out = Vec::new();
            assert!(Encoder::new(&Codec::Zlib { level }).unwrap().encode(&noise, &mut out).unwrap());
            assert!(out.len() <= noise.len() + 14 * 5 + 6, "{}", out.len());
            let mut plain = vec![0; noise.len()];
            libdeflater::Decompressor::new().zlib_decompress(&out, &mut plain).unwrap();
            assert!(plain == noise);
        }
    }

    #[test]
    fn chunks_that_do_not_shrink_leave_no_trace_in_the_encoder() {
        for codec in [
            Codec::Deflate { window_bits: 12, level: 3 },
            Codec::Deflate { window_bits: 15, level: 6 },
            Codec::Zstd { level: 3 },
        ] {
            let mut fresh = Vec::new();
            Encoder::new(&codec).unwrap().encode(&chunk(), &mut fresh).unwrap();
            let mut used = Encoder::new(&codec).unwrap();
            for seed in 1..20 {
                assert!(!used.encode(&noise(65_536, seed), &mut Vec::new()).unwrap(), "{codec:?}");
            }
            let mut out = Vec::new();
            assert!(used.encode(&chunk(), &mut out).unwrap());
            assert!(out == fresh, "{codec:?}");
        }
    }

    #[test]
    fn only_what_looks_like_noise_is_not_tried() {
        for seed in 1..20 {
            assert!(is_dense(&noise(65_536, seed)), "{seed}");
            assert!(is_dense(&noise(1 << 20, seed)), "{seed}");
        }
        // Even by construction, repeating within the window, and text.
        let counting: Vec<u8> = (0..65_536_u32).map(|at| at as u8).collect();
        let strided: Vec<u8> = (0..65_536_u32).map(|at| (at * 77 + at / 256 * 13) as u8).collect();
        for repeated in [1024, 2048, 4096] {
            let bytes: Vec<u8> = noise(repeated, 3).into_iter().cycle().take(65_536).collect();
            assert!(!is_dense(&bytes), "{repeated}");
        }
        for bytes in [counting, strided, chunk(), vec![7; 65_536], Vec::new(), noise(4096, 1)] {
            assert!(!is_dense(&bytes));
        }
        let mut half = noise(65_536, 5);
        half[32_768..].fill(b' ');
        assert!(!is_dense(&half));
    }

    #[test]
    fn the_window_is_as_small_as_asked_for() {
        // A match 8 KiB back cannot be used with a window of 4 KiB.
        let noise = noise(8192, 9);
        let twice = [noise.as_slice(), noise.as_slice()].concat();
        let len = |window_bits| {
            let mut out = Vec::new();
            Encoder::new(&Codec::Deflate { window_bits, level: 6 })
                .unwrap()
                .encode(&twice, &mut out)
                .unwrap();
            out.len()
        };
        assert!(len(15) < 10_000, "{}", len(15));
        assert!(len(12) > 12_000, "{}", len(12));
    }
}

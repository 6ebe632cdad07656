use std::sync::Arc;

use libdeflater::{CompressionError, CompressionLvl, Compressor};
use zstd_safe::{CCtx, CParameter};

use super::deflate::Deflater;
use super::encoded::EncodedBytes;
use crate::format::{ChunkCodec, Codec};
use crate::{Error, ErrorKind, Result};

/// An encoder for one codec, with its working memory but for that of zstd.
pub(crate) struct Encoder(Method);

/// Makes zlib streams with what suits the chunk.
struct Zlib {
    /// For noise.
    stored: Compressor,
    usual: Compressor,
    /// For chunks with few zeros, where they are treated otherwise.
    few_zeros: Option<Compressor>,
}

/// The working memory of all encoders with zstd that work one after the other; it is made with the first chunk, and is as
/// large as the largest of them needs.
#[derive(Default)]
pub(super) struct Zstd(Option<CCtx<'static>>);

enum Method {
    Stored,
    Deflate(Box<Deflater>),
    Zlib(Zlib),
    Gzip(Compressor),
    Zstd { level: u8, always: bool },
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
        let method = match codec {
            Codec::Stored => Method::Stored,
            Codec::Deflate { window_bits, level } => {
                if !(9..=15).contains(window_bits) || *level > 9 {
                    return Err(out_of_range());
                }
                match level {
                    0 => Method::Stored,
                    _ => Method::Deflate(Box::new(Deflater::new(*window_bits, *level))),
                }
            }
            Codec::Zlib { level } => Method::Zlib(Zlib {
                stored: deflater(0)?,
                usual: deflater(if *level == MIXED_LEVEL { MIXED_LEVEL + 1 } else { *level })?,
                few_zeros: (*level == MIXED_LEVEL).then(|| deflater(MIXED_LEVEL - 1)).transpose()?,
            }),
            Codec::Gzip { level } => Method::Gzip(deflater(*level)?),
            Codec::Zstd { level } => Method::Zstd { level: *level, always: false },
            Codec::ZstdFrame { level } => Method::Zstd { level: *level, always: true },
            Codec::Custom(codec) => Method::Custom(Arc::clone(&codec.0)),
        };
        Ok(Self(method))
    }

    /// Appends `chunk` to `out`, encoded or verbatim; says whether it was encoded.
    pub(super) fn encode(&mut self, chunk: &[u8], zstd: &mut Zstd, out: &mut EncodedBytes) -> Result<bool> {
        let len = match &mut self.0 {
            Method::Stored => None,
            Method::Deflate(deflater) => deflate(deflater, chunk, out),
            Method::Zlib(zlib) => {
                let compressor = zlib.compressor(chunk);
                let room = out.room(compressor.zlib_compress_bound(chunk.len()));
                Some(compressor.zlib_compress(chunk, room).map_err(libdeflate_failed)?)
            }
            Method::Gzip(compressor) => {
                let room = out.room(compressor.gzip_compress_bound(chunk.len()));
                Some(compressor.gzip_compress(chunk, room).map_err(libdeflate_failed)?)
            }
            Method::Zstd { level, always } => {
                let room = out.room(zstd_safe::compress_bound(chunk.len()));
                let len = zstd.context(*level, chunk.len())?.compress2(room, chunk).map_err(zstd_failed)?;
                (*always || len < chunk.len()).then_some(len)
            }
            Method::Custom(codec) => {
                let is_encoded = out.append_with(|out| codec.encode(chunk, out))?;
                if !is_encoded {
                    out.append(chunk);
                }
                return Ok(is_encoded);
            }
        };
        match len {
            Some(len) => out.keep(len),
            None => out.append(chunk),
        }
        Ok(len.is_some())
    }

    /// One chunk by itself, as [`Encoder::encode`].
    pub(crate) fn encode_one(&mut self, chunk: &[u8]) -> Result<(Vec<u8>, bool)> {
        let mut out = EncodedBytes::default();
        let is_encoded = self.encode(chunk, &mut Zstd::default(), &mut out)?;
        Ok((out.into_vec(), is_encoded))
    }

    /// Bytes that the chunks of an item of `item` bytes, of `granularity` bytes each, need at most to be encoded to.
    pub(super) fn most(&mut self, item: usize, granularity: usize) -> usize {
        let chunks = item.div_ceil(granularity);
        // Where a chunk that does not shrink is kept verbatim, only the last one needs more.
        match &mut self.0 {
            Method::Stored => 0,
            Method::Custom(_) | Method::Deflate(_) => item,
            Method::Zlib(zlib) => chunks * zlib.usual.zlib_compress_bound(granularity),
            Method::Gzip(compressor) => chunks * compressor.gzip_compress_bound(granularity),
            Method::Zstd { always: true, .. } => chunks * zstd_safe::compress_bound(granularity),
            Method::Zstd { .. } => item + zstd_safe::compress_bound(granularity) - granularity,
        }
    }

    /// Bytes of working memory that an encoder for `codec` takes for chunks of `granularity` bytes, without zstd's. A codec
    /// of a format's own counts as none: it is shared by all.
    pub(super) fn memory(codec: &Codec, granularity: usize) -> usize {
        match codec {
            Codec::Stored | Codec::Custom(_) | Codec::Zstd { .. } | Codec::ZstdFrame { .. } => 0,
            // Every match at every position is kept; 9 MiB are the most that libdeflate has.
            Codec::Zlib { level: 10.. } | Codec::Gzip { level: 10.. } => {
                (8 * granularity + (1 << 20)).min(9 << 20)
            }
            Codec::Deflate { level: 0, .. } => 0,
            Codec::Deflate { window_bits, level } => Deflater::memory(*window_bits, *level),
            Codec::Zlib { level: MIXED_LEVEL } => 2 * LIBDEFLATE_BYTES,
            Codec::Zlib { .. } | Codec::Gzip { .. } => LIBDEFLATE_BYTES,
        }
    }
}

impl Zlib {
    fn compressor(&mut self, chunk: &[u8]) -> &mut Compressor {
        // Looked at as all others are, for noise: one look is enough.
        let sample = Histogram::of(chunk.iter().step_by(SAMPLE_STEP));
        if is_dense_by(&sample, chunk) {
            return &mut self.stored;
        }
        match &mut self.few_zeros {
            Some(compressor) if u64::from(sample.counts[0]) * MANY_ZEROS < sample.total => compressor,
            _ => &mut self.usual,
        }
    }
}

impl Zstd {
    /// Bytes that it has taken so far.
    pub(super) fn memory(&self) -> usize {
        self.0.as_ref().map_or(0, CCtx::sizeof)
    }

    fn context(&mut self, level: u8, len: usize) -> Result<&mut CCtx<'static>> {
        let context = self.0.get_or_insert_with(CCtx::create);
        // By itself zstd takes a table with two places for each byte of a long chunk; one is enough, and is half the memory.
        let is_long = level >= LARGE_TABLES_LEVEL && len > LONG;
        let hash_log = if is_long { len.next_power_of_two().ilog2() } else { 0 };
        context.set_parameter(CParameter::HashLog(hash_log)).map_err(zstd_failed)?;
        context.set_parameter(CParameter::CompressionLevel(i32::from(level))).map_err(zstd_failed)?;
        context.set_parameter(CParameter::ContentSizeFlag(true)).map_err(zstd_failed)?;
        Ok(context)
    }
}

/// Bytes of the stream, `None` where it is not smaller than the chunk.
fn deflate(deflater: &mut Deflater, chunk: &[u8], out: &mut EncodedBytes) -> Option<usize> {
    if is_dense(chunk) {
        return None;
    }
    deflater.deflate(chunk, out.room(chunk.len().saturating_sub(1)))
}

/// Whether the bytes of `chunk` are distributed as those of noise, and so of what is compressed or encrypted already:
/// trying takes as long as with any other chunk, and gains nothing. Bytes that are more even than chance would have them
/// are a pattern, and noise that repeats is less even: both are tried.
fn is_dense(chunk: &[u8]) -> bool {
    // Most chunks are told by a sample.
    is_dense_by(&Histogram::of(chunk.iter().step_by(SAMPLE_STEP)), chunk)
}

fn is_dense_by(sample: &Histogram, chunk: &[u8]) -> bool {
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

/// The room was the bound that libdeflate itself gives.
fn libdeflate_failed(error: CompressionError) -> Error {
    Error::new(ErrorKind::Internal, "libdeflate passed its own bound").with_source(error)
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
/// From here on zstd's tables are made for windows of 4 MiB and more, and only shrunk to twice the chunk.
const LARGE_TABLES_LEVEL: u8 = 9;
/// Chunks up to here have parameters of their own in zstd.
const LONG: usize = 256 << 10;
/// The level of zlib that is the next for chunks with many zeros and the one before for others. Machine code, and tables of
/// numbers, are what has zeros, and what gains most from the next; libdeflate's own fourth gives less for the same time.
const MIXED_LEVEL: u8 = 4;
/// Every eighth byte.
const MANY_ZEROS: u64 = 8;
/// Tables of libdeflate up to level 9, rounded up.
const LIBDEFLATE_BYTES: usize = 384 << 10;

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
            let mut out = EncodedBytes::default();
            out.append(&[1, 2, 3]);
            let mut encoder = Encoder::new(&codec).unwrap();
            assert!(encoder.encode(&chunk, &mut Zstd::default(), &mut out).unwrap(), "{codec:?}");
            out.into_vec().split_off(3)
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
            let kept = Encoder::new(&codec).unwrap().encode_one(&noise).unwrap();
            assert_eq!(kept, (noise.clone(), false), "{codec:?}");
        }
        for codec in [Codec::Zlib { level: 1 }, Codec::Gzip { level: 1 }, Codec::ZstdFrame { level: 1 }] {
            let (out, is_encoded) = Encoder::new(&codec).unwrap().encode_one(&noise).unwrap();
            assert!(is_encoded && out.len() > noise.len(), "{codec:?}");
        }
    }

    #[test]
    fn noise_is_a_zlib_stream_little_larger_than_itself() {
        for level in [1, 4, 6, 12] {
            let noise = noise(65_536, 3);
            let (out, is_encoded) = Encoder::new(&Codec::Zlib { level }).unwrap().encode_one(&noise).unwrap();
            assert!(is_encoded);
            assert!(out.len() <= noise.len() + 14 * 5 + 6, "{}", out.len());
            let mut plain = vec![0; noise.len()];
            libdeflater::Decompressor::new().zlib_decompress(&out, &mut plain).unwrap();
            assert!(plain == noise);
        }
    }

    #[test]
    fn the_fourth_level_of_zlib_is_the_fifth_for_machine_code_and_the_third_for_text() {
        let encode =
            |level, chunk: &[u8]| Encoder::new(&Codec::Zlib { level }).unwrap().encode_one(chunk).unwrap().0;
        let code: Vec<u8> =
            (0..65_536_u32).map(|at| if at % 5 == 3 { 0 } else { (at * at / 77 % 199) as u8 }).collect();
        let text: Vec<u8> = noise(65_536, 3).iter().map(|byte| b'a' + byte % 3).collect();
        assert_eq!(encode(4, &code), encode(5, &code));
        assert_eq!(encode(4, &text), encode(3, &text));
        assert_ne!(encode(3, &code), encode(5, &code));
        assert_ne!(encode(3, &text), encode(5, &text));
    }

    #[test]
    fn chunks_that_do_not_shrink_leave_no_trace_in_the_encoder() {
        for codec in [
            Codec::Deflate { window_bits: 12, level: 3 },
            Codec::Deflate { window_bits: 15, level: 6 },
            Codec::Zstd { level: 3 },
        ] {
            let fresh = Encoder::new(&codec).unwrap().encode_one(&chunk()).unwrap();
            let mut used = Encoder::new(&codec).unwrap();
            for seed in 1..20 {
                assert!(!used.encode_one(&noise(65_536, seed)).unwrap().1, "{codec:?}");
            }
            let again = used.encode_one(&chunk()).unwrap();
            assert!(again.1 && again == fresh, "{codec:?}");
        }
    }

    #[test]
    fn an_item_of_noise_fits_the_room_made_for_it() {
        for granularity in [512, 65_536, 1 << 20] {
            for codec in [
                Codec::Deflate { window_bits: 12, level: 6 },
                Codec::Zlib { level: 1 },
                Codec::Gzip { level: 12 },
                Codec::Zstd { level: 3 },
                Codec::ZstdFrame { level: 3 },
            ] {
                let mut encoder = Encoder::new(&codec).unwrap();
                let most = encoder.most(1 << 20, granularity);
                assert!(most <= (1 << 20) * 4 / 3 + 64, "{codec:?}: {most}");
                let mut out = EncodedBytes::default();
                out.clear(most);
                let buffer = out.room(0).as_ptr();
                let mut zstd = Zstd::default();
                for chunk in noise(1 << 20, 7).chunks(granularity) {
                    encoder.encode(chunk, &mut zstd, &mut out).unwrap();
                }
                assert_eq!(out.as_slice().as_ptr(), buffer, "{codec:?}, {granularity}");
            }
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
            let codec = Codec::Deflate { window_bits, level: 6 };
            Encoder::new(&codec).unwrap().encode_one(&twice).unwrap().0.len()
        };
        assert!(len(15) < 10_000, "{}", len(15));
        assert!(len(12) > 12_000, "{}", len(12));
    }
}

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::Result;

/// How a format wants the bytes of a disk. Two plans with equal encodings share the work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// Bytes of a chunk: a power of two from 512 to 2 MiB.
    pub granularity: u32,
    /// What is done to a chunk that is not zero.
    pub codec: Codec,
}

/// What is done to a chunk that is not zero. A chunk that would not become smaller is given verbatim, except with
/// [`Codec::Zlib`], [`Codec::Gzip`] and [`Codec::ZstdFrame`], whose every chunk is a complete stream, member or frame.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// Nothing.
    Stored,
    /// Raw deflate (RFC 1951) with a window of 2^`window_bits` bytes (9..=15), level 0 (all verbatim) to 9. A chunk whose
    /// bytes are distributed as those of noise is given verbatim without a try.
    #[expect(missing_docs, reason = "said above")]
    Deflate { window_bits: u8, level: u8 },
    /// A zlib stream (RFC 1950) for each chunk, level 1..=12: at most 5 bytes larger for each 5000, and 6. Level 4 is 5 for
    /// chunks in which every sixth byte is zero, and 3 for others; what looks like noise is stored at every level.
    #[expect(missing_docs, reason = "said above")]
    Zlib { level: u8 },
    /// A gzip member (RFC 1952) for each chunk, level 1..=12.
    #[expect(missing_docs, reason = "said above")]
    Gzip { level: u8 },
    /// A zstd frame (RFC 8878) where it is smaller, level 1..=19.
    #[expect(missing_docs, reason = "said above")]
    Zstd { level: u8 },
    /// A zstd frame with its content size for each chunk, level 1..=19.
    #[expect(missing_docs, reason = "said above")]
    ZstdFrame { level: u8 },
    /// A format's own.
    Custom(CustomCodec),
}

impl Codec {
    /// Whether the disk's last chunk is padded with zeros to the granularity: clusters and grains are whole, streams end
    /// where the disk ends.
    pub(crate) fn pads(&self) -> bool {
        !matches!(self, Self::Stored | Self::Gzip { .. } | Self::ZstdFrame { .. })
    }

    /// Encodes one chunk outside the pipeline, as the pipeline would: for chunks that a format writes again and again,
    /// such as a block of zeros. `false` when it came out verbatim.
    ///
    /// # Errors
    /// `ErrorKind::Internal` for parameters out of range.
    pub fn encode(&self, chunk: &[u8]) -> Result<(Vec<u8>, bool)> {
        crate::pipeline::Encoder::new(self)?.encode_one(chunk)
    }
}

/// A format's own codec; two are equal when they are the same object.
#[derive(Clone)]
pub struct CustomCodec(pub Arc<dyn ChunkCodec>);

/// Encodes chunks; what a format author implements for a codec that the engine does not have.
pub trait ChunkCodec: Send + Sync {
    /// Appends the encoded `chunk` to `out`; `false` (and nothing appended) to have it verbatim.
    ///
    /// # Errors
    /// `ErrorKind::Internal` when the codec fails.
    fn encode(&self, chunk: &[u8], out: &mut Vec<u8>) -> Result<bool>;
}

impl PartialEq for CustomCodec {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for CustomCodec {}

impl Hash for CustomCodec {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).cast::<()>().hash(state);
    }
}

impl fmt::Debug for CustomCodec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CustomCodec")
    }
}

use super::codec::{Encoder, Zstd};
use super::encoded::EncodedBytes;
use crate::Result;
use crate::format::Codec;

/// Encodes chunks outside the pipeline, one after the other, as one worker of the pipeline does: with the same codec, and
/// with working memory that is made once. For measuring what a codec costs.
pub struct ChunkEncoder {
    encoder: Encoder,
    zstd: Zstd,
    out: EncodedBytes,
}

impl ChunkEncoder {
    /// An encoder for `codec`.
    ///
    /// # Errors
    /// `ErrorKind::Internal` for parameters out of range.
    pub fn new(codec: &Codec) -> Result<Self> {
        Ok(Self { encoder: Encoder::new(codec)?, zstd: Zstd::default(), out: EncodedBytes::default() })
    }

    /// What `chunk` becomes, valid until the next call; `false` when it came out verbatim.
    ///
    /// # Errors
    /// `ErrorKind::Internal` when the codec fails.
    pub fn encode(&mut self, chunk: &[u8]) -> Result<(&[u8], bool)> {
        self.out.clear(self.encoder.most(chunk.len(), chunk.len().max(1)));
        let is_encoded = self.encoder.encode(chunk, &mut self.zstd, &mut self.out)?;
        Ok((self.out.as_slice(), is_encoded))
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::noise;
    use super::*;

    #[test]
    fn chunks_one_after_the_other_come_out_as_alone() {
        let words: Vec<u8> = (0..65_536_u32).map(|at| (at / 7 % 251) as u8).collect();
        let chunks = [words.clone(), noise(65_536, 3), words[..1000].to_vec(), Vec::new(), words];
        for codec in [
            Codec::Stored,
            Codec::Deflate { window_bits: 12, level: 5 },
            Codec::Zlib { level: 3 },
            Codec::Zstd { level: 3 },
        ] {
            let mut encoder = ChunkEncoder::new(&codec).unwrap();
            for chunk in &chunks {
                let (bytes, is_encoded) = encoder.encode(chunk).unwrap();
                assert_eq!((bytes.to_vec(), is_encoded), codec.encode(chunk).unwrap(), "{codec:?}");
            }
        }
    }
}

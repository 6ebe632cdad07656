use super::{Codec, Encoding};
use crate::pipeline::{ChunkEncoder, Placer, Run};
use crate::{Error, ErrorKind, Result};

/// One output of a format, written from front to back: as it is, with its gaps as holes, or packed, as gzip members or
/// zstd frames one after the other. A format whose file is known but for the disk's data places everything by offsets of
/// the unpacked file, and has its packed form for nothing. Members that are not chunks of the disk, of tables and zeros, are
/// of the codec's level 1, whatever that of the chunks.
pub struct FileStream {
    output: usize,
    form: Form,
}

enum Form {
    Plain,
    Packed(Box<Packed>),
}

struct Packed {
    encoder: ChunkEncoder,
    /// A member of `unit` zeros.
    zeros: Vec<u8>,
    /// Bytes of the disk in one member.
    unit: usize,
    /// Bytes of the unpacked file so far.
    end: u64,
    /// Bytes of the packed file so far.
    len: u64,
}

impl FileStream {
    /// Output number `output`, of a disk whose chunks come in `encoding`: as it is for [`Codec::Stored`], packed for codecs
    /// whose chunks are complete members, [`Codec::Gzip`] and [`Codec::ZstdFrame`].
    ///
    /// # Errors
    /// `ErrorKind::Internal` for another codec.
    pub fn new(output: usize, encoding: &Encoding) -> Result<Self> {
        let form = match encoding.codec {
            Codec::Stored => Form::Plain,
            Codec::Gzip { .. } => Packed::form(Codec::Gzip { level: 1 }, encoding.granularity)?,
            Codec::ZstdFrame { .. } => Packed::form(Codec::ZstdFrame { level: 1 }, encoding.granularity)?,
            _ => {
                let text = format!("chunks of {:?} are no members of a stream", encoding.codec);
                return Err(Error::new(ErrorKind::Internal, text));
            }
        };
        Ok(Self { output, form })
    }

    /// How a disk's chunks come to such an output: as they are, zeros by 64 KiB left out, or in gzip members of 1 MiB at a level.
    pub fn encoding(gzip: Option<u8>) -> Encoding {
        match gzip {
            None => Encoding { granularity: 64 << 10, codec: Codec::Stored },
            Some(level) => Encoding { granularity: 1 << 20, codec: Codec::Gzip { level } },
        }
    }

    /// The most bytes that a file of `len` bytes has in such an encoding; `None` past 64 bits.
    pub fn bound(encoding: &Encoding, len: u64) -> Option<u64> {
        if matches!(encoding.codec, Codec::Stored) { Some(len) } else { Self::packed_bound(len) }
    }

    /// In units of at least 4 KiB.
    fn packed_bound(len: u64) -> Option<u64> {
        // A member of incompressible bytes is a little larger than they are.
        len.checked_add(len >> 6)?.checked_add(1 << 20)
    }

    /// Puts `bytes` at `offset` of the unpacked file, which is not before what was put; a gap is zeros.
    ///
    /// # Errors
    /// Those of [`Placer::write`]; `ErrorKind::Internal` for an offset that goes back.
    pub fn write(&mut self, offset: u64, bytes: &[u8], to: &mut Placer<'_>) -> Result<()> {
        let Form::Packed(packed) = &mut self.form else { return to.write(self.output, offset, bytes) };
        packed.zeros_to(offset, self.output, to)?;
        packed.bytes(bytes, self.output, to)
    }

    /// Puts the chunks of a run of a disk of `disk_size` bytes one after the other at `offset` of the unpacked file. A run
    /// that does not stay together there is [split](Run::split) first.
    ///
    /// # Errors
    /// As [`FileStream::write`].
    pub fn put(&mut self, run: &Run<'_>, disk_size: u64, offset: u64, to: &mut Placer<'_>) -> Result<()> {
        let Form::Packed(packed) = &mut self.form else { return to.write(self.output, offset, run.bytes()) };
        packed.zeros_to(offset, self.output, to)?;
        let unit = packed.unit as u64;
        for chunk in run.chunks() {
            let len = unit.min(disk_size.saturating_sub(chunk.index.saturating_mul(unit)));
            packed.member(chunk.bytes, len, self.output, to)?;
        }
        Ok(())
    }

    /// Says that the unpacked file has at least `len` bytes; what was not put is zero.
    ///
    /// # Errors
    /// As [`FileStream::write`].
    pub fn extend_to(&mut self, len: u64, to: &mut Placer<'_>) -> Result<()> {
        match &mut self.form {
            Form::Plain => to.extend_to(self.output, len),
            Form::Packed(packed) => packed.zeros_to(len.max(packed.end), self.output, to),
        }
    }
}

impl Packed {
    fn form(codec: Codec, unit: u32) -> Result<Form> {
        let unit = unit as usize;
        let zeros = codec.encode(&vec![0; unit])?.0;
        let encoder = ChunkEncoder::new(&codec)?;
        Ok(Form::Packed(Box::new(Self { encoder, zeros, unit, end: 0, len: 0 })))
    }

    /// Members of zeros up to `offset` of the unpacked file.
    fn zeros_to(&mut self, offset: u64, output: usize, to: &mut Placer<'_>) -> Result<()> {
        let Some(mut missing) = offset.checked_sub(self.end) else {
            let text = format!("a packed file of {} bytes goes back", self.end);
            return Err(Error::new(ErrorKind::Internal, text).with_offset(offset));
        };
        let unit = self.unit as u64;
        while missing >= unit {
            to.write(output, self.len, &self.zeros)?;
            self.len += self.zeros.len() as u64;
            self.end += unit;
            missing -= unit;
        }
        while missing > 0 {
            let part = missing.min(ZEROS.len() as u64);
            // OK to cast: no more than there are.
            self.bytes(&ZEROS[..part as usize], output, to)?;
            missing -= part;
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8], output: usize, to: &mut Placer<'_>) -> Result<()> {
        for part in bytes.chunks(PART) {
            let (encoded, _) = self.encoder.encode(part)?;
            to.write(output, self.len, encoded)?;
            self.len += encoded.len() as u64;
            self.end += part.len() as u64;
        }
        Ok(())
    }

    /// A member that stands for `len` bytes.
    fn member(&mut self, encoded: &[u8], len: u64, output: usize, to: &mut Placer<'_>) -> Result<()> {
        to.write(output, self.len, encoded)?;
        self.len += encoded.len() as u64;
        self.end += len;
        Ok(())
    }
}

/// Bytes of tables in one member: what encodes them stays in memory.
const PART: usize = 64 << 10;
static ZEROS: [u8; PART] = [0; PART];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_whose_chunks_are_no_members_is_refused() {
        let stream = |codec| FileStream::new(0, &Encoding { granularity: 1 << 20, codec }).map(drop);
        for codec in [Codec::Stored, Codec::Gzip { level: 1 }, Codec::ZstdFrame { level: 1 }] {
            stream(codec).unwrap();
        }
        for codec in [Codec::Zlib { level: 1 }, Codec::Zstd { level: 1 }] {
            assert_eq!(stream(codec).unwrap_err().kind(), ErrorKind::Internal);
        }
    }

    #[test]
    fn the_bound_of_what_cannot_be_packed_is_a_little_more() {
        assert_eq!(FileStream::packed_bound(0), Some(1 << 20));
        assert_eq!(FileStream::packed_bound(64 << 20), Some(66 << 20));
        assert_eq!(FileStream::packed_bound(u64::MAX), None);
    }
}

use std::sync::Arc;

use super::output::{OutputState, PieceTask};
use super::pool::Buffer;
use crate::{Monitor, Result};

/// Consecutive chunks of one disk, none of them zero.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    granularity: u32,
    chunks: &'a [ChunkEntry],
    bytes: &'a [u8],
}

/// One chunk of a run.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Number of the chunk on its disk, in units of the granularity.
    pub index: u64,
    /// The chunk, encoded or verbatim. The disk's last chunk is padded with zeros to the granularity before it is
    /// encoded; with the codecs `Stored`, `Gzip` and `ZstdFrame` it has only the bytes that the disk has.
    pub bytes: &'a [u8],
    /// Whether `bytes` are encoded.
    pub is_encoded: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct ChunkEntry {
    pub(super) index: u64,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) is_encoded: bool,
}

impl<'a> Run<'a> {
    /// The runs of one work item; `bytes` hold all its chunks back to back.
    pub(super) fn all(
        granularity: u32,
        chunks: &'a [ChunkEntry],
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Self> {
        chunks.chunk_by(|a, b| a.index + 1 == b.index).map(move |chunks| Self { granularity, chunks, bytes })
    }

    /// Where the run stands on the disk, in bytes.
    pub fn offset(&self) -> u64 {
        self.chunks[0].index * u64::from(self.granularity)
    }

    /// The run in parts, none of which reaches over a multiple of `unit` bytes of the disk; `unit` is a multiple of the
    /// granularity.
    pub fn split(&self, unit: u64) -> impl Iterator<Item = Run<'a>> + use<'a> {
        let Self { granularity, chunks, bytes } = *self;
        let per_unit = (unit / u64::from(granularity)).max(1);
        let parts = chunks.chunk_by(move |a, b| a.index / per_unit == b.index / per_unit);
        parts.map(move |chunks| Self { granularity, chunks, bytes })
    }

    /// The chunks in disk order, at least one.
    pub fn chunks(&self) -> impl ExactSizeIterator<Item = Chunk<'a>> + '_ {
        self.chunks.iter().map(|chunk| Chunk {
            index: chunk.index,
            bytes: &self.bytes[chunk.start..chunk.end],
            is_encoded: chunk.is_encoded,
        })
    }

    /// The bytes of all chunks back to back.
    pub fn bytes(&self) -> &'a [u8] {
        match (self.chunks.first(), self.chunks.last()) {
            (Some(first), Some(last)) => &self.bytes[first.start..last.end],
            _ => &[],
        }
    }
}

/// Where an assembler places bytes; it checks what every format must keep.
pub struct Placer<'a> {
    pub(super) outputs: &'a mut [OutputState],
    /// The bytes of the item that is assembled.
    pub(super) item: Option<&'a Arc<Buffer>>,
    pub(super) tasks: &'a mut Vec<PieceTask>,
    pub(super) monitor: &'a Monitor,
    /// Where every output begins for it.
    pub(super) base: u64,
}

impl Placer<'_> {
    /// A placer whose only output, 0, is what stands at `offset` of `output` and behind it: for the assembler of an image that is
    /// a member of an archive. What it keeps and patches must be so by the archive's own plan.
    pub fn within(&mut self, output: usize, offset: u64) -> Placer<'_> {
        Placer {
            outputs: self.outputs.get_mut(output..=output).unwrap_or_default(),
            item: self.item,
            tasks: &mut *self.tasks,
            monitor: self.monitor,
            base: self.base.saturating_add(offset),
        }
    }

    /// Writes `bytes` at `offset` of an output.
    ///
    /// # Errors
    /// `ErrorKind::Internal` for an output that was not planned, a write past its bound, or one that goes back outside
    /// the output's head: defects of the format. `ErrorKind::Sink` when the medium fails. `ErrorKind::Cancelled` after a
    /// cancellation, however much the format still has to write.
    pub fn write(&mut self, output: usize, offset: u64, bytes: &[u8]) -> Result<()> {
        let base = self.base;
        self.output(output)?.write(base.saturating_add(offset), bytes)
    }

    /// Keeps `offset..offset+len` of an [`Access::Patched`](crate::format::Access) output, which must lie behind all that
    /// was written, for bytes that are known later: it may be written at any time, the last write counting; what is
    /// never written of it is zero. Cost: each MiB of the output with a reserved part stays in memory until the end.
    ///
    /// # Errors
    /// As [`Placer::write`]; `ErrorKind::Internal`, too, for more than 32 such MiB.
    pub fn reserve(&mut self, output: usize, offset: u64, len: u64) -> Result<()> {
        let base = self.base;
        self.output(output)?.state.reserve(base.saturating_add(offset), len)
    }

    /// Says that an output has at least `len` bytes; what is not written is zero.
    ///
    /// # Errors
    /// As [`Placer::write`].
    pub fn extend_to(&mut self, output: usize, len: u64) -> Result<()> {
        let base = self.base;
        self.output(output)?.state.extend_to(base.saturating_add(len))
    }

    /// Bytes that an output has so far.
    ///
    /// # Errors
    /// As [`Placer::write`].
    pub fn len(&mut self, output: usize) -> Result<u64> {
        let base = self.base;
        Ok(self.output(output)?.state.len().saturating_sub(base))
    }

    fn output(&mut self, index: usize) -> Result<Placed<'_>> {
        self.monitor.check()?;
        let state = self.outputs.get_mut(index).ok_or_else(|| {
            crate::Error::new(crate::ErrorKind::Internal, format!("output {index} was not planned"))
        })?;
        Ok(Placed { state, item: self.item, tasks: self.tasks })
    }
}

struct Placed<'a> {
    state: &'a mut OutputState,
    item: Option<&'a Arc<Buffer>>,
    tasks: &'a mut Vec<PieceTask>,
}

impl Placed<'_> {
    fn write(self, offset: u64, bytes: &[u8]) -> Result<()> {
        // A large table goes in portions, so that its pieces do not pile up in memory.
        for (at, part) in (0..).zip(bytes.chunks(PORTION)) {
            self.state.write(offset + at * PORTION as u64, part, self.item, self.tasks)?;
            while self.tasks.len() > MAX_WAITING || !self.tasks.is_empty() && self.state.is_pressed() {
                let piece = self.tasks.remove(0);
                piece.hash();
                piece.write()?;
            }
        }
        Ok(())
    }
}

const PORTION: usize = 1 << 20;
/// Full pieces that one assembler may leave to other workers.
const MAX_WAITING: usize = 3;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_split_at_multiples_of_the_unit() {
        let bytes: Vec<u8> = (0..7).collect();
        let chunks: Vec<ChunkEntry> = (0..7_usize)
            .map(|at| ChunkEntry { index: 3 + at as u64, start: at, end: at + 1, is_encoded: false })
            .collect();
        let run = Run { granularity: 512, chunks: &chunks, bytes: &bytes };
        let parts: Vec<(u64, Vec<u8>)> =
            run.split(2048).map(|part| (part.offset(), part.bytes().to_vec())).collect();
        assert_eq!(parts, [(1536, vec![0]), (2048, vec![1, 2, 3, 4]), (4096, vec![5, 6])]);
        assert_eq!(run.split(512).count(), 7);
        assert_eq!(run.split(1 << 20).count(), 1);
    }
}

use super::bits::BitWriter;
use super::block;
use super::sequences::{Counts, Sequence};
use super::symbols;
use super::window::{Bytes, PIECE};

/// Makes blocks of sequences: segments join the block before them as long as that takes fewer bits than a block of their own.
pub(super) struct Blocks<'a, 'b> {
    bytes: Bytes<'a>,
    out: &'a mut BitWriter<'b>,
    /// Those of the block and of the segment behind it.
    sequences: &'a mut Vec<Sequence>,
    /// Where the literals start that are not in a sequence yet.
    literals_start: usize,
    /// Where the block starts in the window.
    block_start: usize,
    block: Counts,
    block_estimate: u64,
    segment: Counts,
    /// Where the segment starts in the window, and in `sequences`.
    segment_start: usize,
    segment_first: usize,
}

impl<'a, 'b> Blocks<'a, 'b> {
    pub(super) fn new(
        bytes: Bytes<'a>,
        out: &'a mut BitWriter<'b>,
        sequences: &'a mut Vec<Sequence>,
    ) -> Self {
        sequences.clear();
        Self {
            bytes,
            out,
            sequences,
            literals_start: PIECE,
            segment: Counts::NONE,
            block_start: PIECE,
            block: Counts::NONE,
            block_estimate: 0,
            segment_start: PIECE,
            segment_first: 0,
        }
    }

    /// The byte at `at` is a literal.
    #[inline(always)]
    pub(super) fn literal(&mut self, at: usize) {
        self.segment.litlens[usize::from(self.bytes.byte(at))] += 1;
    }

    /// Literals up to `at`, and a match of `len` bytes there.
    #[inline(always)]
    pub(super) fn sequence(&mut self, at: usize, len: usize, distance: usize) {
        self.segment.litlens[usize::from(symbols::length(len).code)] += 1;
        self.segment.distances[usize::from(symbols::distance(distance).code)] += 1;
        self.push(at, len, distance);
    }

    fn push(&mut self, at: usize, len: usize, distance: usize) {
        let literals = (at - self.literals_start) as u32;
        self.sequences.push(Sequence { literals, len: len as u16, distance: distance as u16 });
        self.literals_start = at + len;
    }

    /// Ends the segment at `at`.
    pub(super) fn end_segment(&mut self, at: usize) {
        if self.literals_start < at {
            self.push(at, 0, 0);
        }
        let counts = std::mem::replace(&mut self.segment, Counts::NONE);
        let estimate = counts.estimate();
        let mut joined = self.block.clone();
        joined.add(&counts);
        let joined_estimate = joined.estimate();
        if self.segment_first == 0 || joined_estimate <= self.block_estimate + estimate {
            self.block = joined;
            self.block_estimate = joined_estimate;
        } else {
            self.write_block(false);
            self.sequences.drain(..self.segment_first);
            self.block_start = self.segment_start;
            self.block = counts;
            self.block_estimate = estimate;
        }
        self.segment_first = self.sequences.len();
        self.segment_start = at;
    }

    /// Ends the last block of the piece.
    pub(super) fn finish(mut self, is_last: bool) {
        self.write_block(is_last);
    }

    fn write_block(&mut self, is_last: bool) {
        let sequences = &self.sequences[..self.segment_first];
        block::write(
            self.out,
            self.bytes,
            self.block_start..self.segment_start,
            sequences,
            &self.block,
            is_last,
        );
    }
}

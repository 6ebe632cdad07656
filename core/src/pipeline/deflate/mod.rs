//! A deflate encoder (RFC 1951) for chunks that are in memory as a whole, each a stream of its own.
//!
//! ```text
//! chunk ─> pieces of 64 KiB ─> literals and matches ─> segments ─> blocks ─> bits
//!           (window)            (chains, parse, optimal) (blocks)   (block: stored, fixed or dynamic codes)
//! ```

mod bits;
mod block;
mod blocks;
mod chains;
mod huffman;
mod optimal;
mod parse;
mod sequences;
mod symbols;
#[cfg(test)]
mod tests;
mod window;

use bits::BitWriter;
use blocks::Blocks;
use chains::{Chains, Effort};
use optimal::Optimal;
use parse::{Lazy, SEGMENT};
use sequences::Sequence;
use symbols::MIN_MATCH;
use window::{Bytes, PIECE, Window};

/// An encoder with its working memory. What a chunk becomes depends on nothing that came before.
pub(super) struct Deflater {
    finder: Finder,
    parser: Parser,
    window: Window,
    sequences: Vec<Sequence>,
}

enum Parser {
    Lazy(Lazy),
    Optimal(Box<Optimal>),
}

enum Finder {
    Small(SmallChains),
    Large(LargeChains),
}

/// For windows up to 4 KiB, small enough for the fastest caches.
type SmallChains = Chains<{ 1 << SMALL_BITS }, { 1 << 14 }>;
type LargeChains = Chains<{ 1 << 15 }, { 1 << 15 }>;

impl Deflater {
    /// For matches at most 2^`window_bits` bytes back (9..=15). Levels are from 1, the fastest, to 9; others are the nearest.
    pub(super) fn new(window_bits: u8, level: u8) -> Self {
        let reach = 1 << window_bits;
        let finder = if window_bits <= SMALL_BITS {
            Finder::Small(Chains::new(reach))
        } else {
            Finder::Large(Chains::new(reach))
        };
        let (depth, nice, last) = LEVELS[usize::from(level.clamp(1, 9)) - 1];
        let effort = Effort { depth, nice };
        let parser = if level < OPTIMAL_LEVEL {
            Parser::Lazy(Lazy { effort, patience: last })
        } else {
            Parser::Optimal(Box::new(Optimal::new(effort, last as u32)))
        };
        Self { finder, parser, window: Window::new(), sequences: Vec::with_capacity(MOST_SEQUENCES) }
    }

    /// Bytes of working memory of an encoder with such parameters.
    pub(super) fn memory(window_bits: u8, level: u8) -> usize {
        let chains = if window_bits <= SMALL_BITS { SmallChains::BYTES } else { LargeChains::BYTES };
        let optimal = if level < OPTIMAL_LEVEL { 0 } else { Optimal::BYTES };
        chains + optimal + Window::BYTES + MOST_SEQUENCES * size_of::<Sequence>()
    }

    /// Writes the stream of `chunk` to `room`; gives its length, `None` where it does not fit.
    pub(super) fn deflate(&mut self, chunk: &[u8], room: &mut [u8]) -> Option<usize> {
        match &mut self.finder {
            Finder::Small(chains) => chains.clear(),
            Finder::Large(chains) => chains.clear(),
        }
        let mut out = BitWriter::new(room);
        let (piece, mut rest) = chunk.split_at(chunk.len().min(PIECE));
        let mut end = self.window.start(piece);
        let mut is_first = true;
        loop {
            let bytes = self.window.bytes();
            let mut blocks = Blocks::new(bytes, &mut out, &mut self.sequences);
            match &mut self.finder {
                Finder::Small(chains) => self.parser.cut(bytes, end, is_first, chains, &mut blocks),
                Finder::Large(chains) => self.parser.cut(bytes, end, is_first, chains, &mut blocks),
            }
            is_first = false;
            blocks.finish(rest.is_empty());
            if rest.is_empty() || out.is_full() {
                return out.finish();
            }
            let (piece, behind) = rest.split_at(rest.len().min(PIECE));
            end = self.window.slide(piece);
            rest = behind;
        }
    }
}

impl Parser {
    fn cut<const WINDOW: usize, const HEADS: usize>(
        &mut self,
        bytes: Bytes<'_>,
        end: usize,
        is_first: bool,
        chains: &mut Chains<WINDOW, HEADS>,
        blocks: &mut Blocks<'_, '_>,
    ) {
        match self {
            Self::Lazy(lazy) => lazy.cut(bytes, end, chains, blocks),
            Self::Optimal(optimal) => optimal.cut(bytes, end, is_first, chains, blocks),
        }
    }
}

/// The level with [`Optimal`].
const OPTIMAL_LEVEL: u8 = 9;
/// For each level: positions compared, bytes of a match that are enough, and bytes of one that is not given up for the next,
/// or rounds with [`OPTIMAL_LEVEL`].
const LEVELS: [(u32, usize, usize); 9] = [
    (2, 16, 5),
    (2, 20, 8),
    (3, 24, 8),
    (4, 24, 12),
    (4, 32, 12),
    (8, 48, 16),
    (16, 96, 32),
    (48, 258, 258),
    (32, 64, 2),
];
/// Bits of the largest window that counts as small.
const SMALL_BITS: u8 = 12;
/// Of a piece: matches, and literals behind the last one of a segment.
const MOST_SEQUENCES: usize = PIECE / MIN_MATCH + 2 * PIECE / SEGMENT;

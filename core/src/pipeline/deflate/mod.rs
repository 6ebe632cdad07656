//! Deflate (RFC 1951).

mod bits;
mod block;
mod blocks;
mod chains;
mod huffman;
mod parse;
mod sequences;
mod symbols;
mod window;

use blocks::Blocks;
use chains::{Chains, Effort};
use parse::Lazy;
use sequences::Sequence;
use bits::BitWriter;
use window::{PIECE, Window};

pub struct Deflater {
    finder: Finder,
    lazy: Lazy,
    sequences: Vec<Sequence>,
    window: Window,
}

enum Finder {
    Small(Chains<4096, 16384>),
    Large(Chains<32768, 32768>),
}

impl Deflater {
    pub fn new(window_bits: u8, level: u8) -> Self {
        let reach = 1_usize << window_bits;
        let finder = if window_bits <= 12 { Finder::Small(Chains::new(reach)) } else { Finder::Large(Chains::new(reach)) };
        let lazy = |depth, nice, patience, steps| Lazy { effort: Effort { depth, nice, threes: 32768 }, patience, steps };
        let lazy = match level {
            0 | 1 => lazy(2, 16, 0, 0),
            2 => lazy(12, 14, 0, 0),
            3 => lazy(6, 32, 8, 1),
            4 => lazy(10, 32, 16, 1),
            5 => lazy(16, 48, 32, 1),
            6 => lazy(32, 64, 64, 1),
            7 => lazy(32, 130, 130, 2),
            8 => lazy(100, 258, 258, 2),
            _ => lazy(300, 258, 258, 2),
        };
        Self { finder, lazy, sequences: Vec::with_capacity(32768), window: Window::new() }
    }

    pub fn deflate(&mut self, chunk: &[u8], room: &mut [u8]) -> Option<usize> {
        let mut out = BitWriter::new(room);
        let mut rest = chunk;
        let mut is_first = true;
        loop {
            let (piece, behind) = rest.split_at(rest.len().min(PIECE));
            let end = self.window.slide(piece, is_first);
            self.sequences.clear();
            let mut blocks = Blocks::new(self.window.bytes(), &mut out, &mut self.sequences);
            match &mut self.finder {
                Finder::Small(chains) => { if is_first { chains.clear() }; parse::cut(&self.lazy, self.window.bytes(), end, chains, &mut blocks) }
                Finder::Large(chains) => { if is_first { chains.clear() }; parse::cut(&self.lazy, self.window.bytes(), end, chains, &mut blocks) }
            }
            blocks.finish(behind.is_empty());
            if behind.is_empty() { return out.finish(); }
            rest = behind; is_first = false;
        }
    }
}

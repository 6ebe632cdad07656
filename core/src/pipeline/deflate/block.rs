use std::ops::Range;

use super::bits::BitWriter;
use super::huffman::{code_lengths, codes};
use super::sequences::{Counts, Sequence};
use super::symbols::{self, DISTANCES, END_OF_BLOCK, LITLENS, MAX_MATCH};
use super::window::Bytes;

/// Writes the bytes of `range`, cut into `sequences` with `counts`, as one block in the smallest of the three forms, or as
/// stored blocks (RFC 1951, 3.2.3).
pub(super) fn write(
    out: &mut BitWriter<'_>,
    bytes: Bytes<'_>,
    range: Range<usize>,
    sequences: &[Sequence],
    counts: &Counts,
    is_last: bool,
) {
    let mut counts = counts.clone();
    counts.litlens[END_OF_BLOCK] = 1;
    let litlens = code_lengths(&counts.litlens, MOST_LITLEN_BITS);
    let distances = code_lengths(&counts.distances, MOST_CODE_BITS);
    let header = Header::new(&litlens, &distances);
    let fixed_litlens: [u8; LITLENS] = std::array::from_fn(symbols::fixed_litlen_bits);
    let fixed_distances = [5; DISTANCES];
    let dynamic = header.bits() + body_bits(&counts, &litlens, &distances);
    let fixed = 3 + body_bits(&counts, &fixed_litlens, &fixed_distances);
    if stored_bits(out, range.len()) <= dynamic.min(fixed) {
        store(out, bytes.slice(range.start, range.end), is_last);
    } else if fixed <= dynamic {
        out.write(u64::from(is_last) | FIXED << 1, 3);
        // The two codes that are never used have their place among the others.
        let mut lengths = [8; LITLENS + 2];
        lengths[..LITLENS].copy_from_slice(&fixed_litlens);
        let codes = codes(&lengths);
        let codes = std::array::from_fn(|symbol| codes[symbol]);
        Body::new(&codes, &fixed_litlens, &fixed_distances).write(out, bytes, range.start, sequences);
    } else {
        out.write(u64::from(is_last) | DYNAMIC << 1, 3);
        header.write(out);
        Body::new(&codes(&litlens), &litlens, &distances).write(out, bytes, range.start, sequences);
    }
}

/// Bits of the blocks that [`store`] writes for `len` bytes, alignment with them.
fn stored_bits(out: &BitWriter<'_>, len: usize) -> usize {
    let first = (out.len() + 3).next_multiple_of(8) - out.len();
    let others = len.div_ceil(MOST_STORED).max(1) - 1;
    first + 32 + others * (8 + 32) + 8 * len
}

/// `bytes` as they are, in as many blocks as they need (RFC 1951, 3.2.4).
fn store(out: &mut BitWriter<'_>, bytes: &[u8], is_last: bool) {
    let mut rest = bytes;
    loop {
        let (block, behind) = rest.split_at(rest.len().min(MOST_STORED));
        out.write(u64::from(is_last && behind.is_empty()) | STORED << 1, 3);
        out.align();
        let len = block.len() as u64;
        out.write(len | (!len & 0xFFFF) << 16, 32);
        out.append(block);
        rest = behind;
        if rest.is_empty() {
            return;
        }
    }
}

/// Bits of all symbols with what follows them.
fn body_bits(counts: &Counts, litlens: &[u8; LITLENS], distances: &[u8; DISTANCES]) -> usize {
    let mut bits = 0;
    for (code, (count, len)) in counts.litlens.iter().zip(litlens).enumerate() {
        bits += *count as usize * (usize::from(*len) + symbols::length_extra_bits(code) as usize);
    }
    for (code, (count, len)) in counts.distances.iter().zip(distances).enumerate() {
        bits += *count as usize * (usize::from(*len) + symbols::distance_extra_bits(code) as usize);
    }
    bits
}

/// The lengths of a dynamic block's codes, in the code for lengths of codes (RFC 1951, 3.2.7).
struct Header {
    /// Symbol, bits that follow it.
    runs: [(u8, u8); LITLENS + DISTANCES],
    used: usize,
    litlens: usize,
    distances: usize,
    lengths: [u8; 19],
    /// Lengths that are written, in [`HEADER_ORDER`].
    written: usize,
}

impl Header {
    fn new(litlens: &[u8; LITLENS], distances: &[u8; DISTANCES]) -> Self {
        let used =
            |lengths: &[u8]| lengths.iter().rposition(|length| *length != 0).map_or(0, |last| last + 1);
        let used_litlens = used(litlens).max(257);
        let used_distances = used(distances).max(1);
        let mut all = [0; LITLENS + DISTANCES];
        all[..used_litlens].copy_from_slice(&litlens[..used_litlens]);
        all[used_litlens..used_litlens + used_distances].copy_from_slice(&distances[..used_distances]);
        let mut header = Self {
            runs: [(0, 0); LITLENS + DISTANCES],
            used: 0,
            litlens: used_litlens,
            distances: used_distances,
            lengths: [0; 19],
            written: 0,
        };
        header.find_runs(&all[..used_litlens + used_distances]);
        let mut counts = [0; 19];
        for (symbol, _) in &header.runs[..header.used] {
            counts[usize::from(*symbol)] += 1;
        }
        header.lengths = code_lengths(&counts, MOST_HEADER_BITS);
        let is_written = |symbol: &usize| header.lengths[*symbol] != 0;
        header.written = HEADER_ORDER.iter().rposition(is_written).map_or(4, |last| last + 1).max(4);
        header
    }

    fn find_runs(&mut self, mut rest: &[u8]) {
        while let Some(&length) = rest.first() {
            let mut run = rest.iter().take_while(|other| **other == length).count();
            rest = &rest[run..];
            if length != 0 {
                self.push(length, 0);
                run -= 1;
            }
            while run >= 3 {
                let (symbol, least, most) = match (length, run) {
                    (0, 11..) => (18, 11, 138),
                    (0, _) => (17, 3, 10),
                    _ => (16, 3, 6),
                };
                let now = run.min(most);
                self.push(symbol, (now - least) as u8);
                run -= now;
            }
            for _ in 0..run {
                self.push(length, 0);
            }
        }
    }

    fn push(&mut self, symbol: u8, extra: u8) {
        self.runs[self.used] = (symbol, extra);
        self.used += 1;
    }

    /// With those of the block's type.
    fn bits(&self) -> usize {
        let runs = self.runs[..self.used].iter();
        let bits =
            runs.map(|(symbol, _)| usize::from(self.lengths[usize::from(*symbol)] + run_extra_bits(*symbol)));
        3 + 14 + 3 * self.written + bits.sum::<usize>()
    }

    fn write(&self, out: &mut BitWriter<'_>) {
        out.write(
            (self.litlens - 257) as u64
                | ((self.distances - 1) as u64) << 5
                | ((self.written - 4) as u64) << 10,
            14,
        );
        for symbol in &HEADER_ORDER[..self.written] {
            out.write(u64::from(self.lengths[*symbol]), 3);
        }
        let codes = codes(&self.lengths);
        for (symbol, extra) in &self.runs[..self.used] {
            let index = usize::from(*symbol);
            out.put(u64::from(codes[index]), u32::from(self.lengths[index]));
            out.write(u64::from(*extra), u32::from(run_extra_bits(*symbol)));
        }
    }
}

/// What a run's symbol is followed by: how many times.
fn run_extra_bits(symbol: u8) -> u8 {
    match symbol {
        16 => 2,
        17 => 3,
        18 => 7,
        _ => 0,
    }
}

/// The codes of a block's symbols, each with its bits in the low byte and the code above.
struct Body {
    literals: [u32; 256],
    end: u32,
    /// By length, with the bits that follow the code.
    lengths: [u32; MAX_MATCH + 1],
    distances: [u32; 32],
}

impl Body {
    fn new(litlen_codes: &[u16; LITLENS], litlens: &[u8; LITLENS], distances: &[u8; DISTANCES]) -> Self {
        let packed = |symbol: usize| u32::from(litlen_codes[symbol]) << 8 | u32::from(litlens[symbol]);
        let mut lengths = [0; MAX_MATCH + 1];
        for (len, entry) in lengths.iter_mut().enumerate().skip(symbols::MIN_MATCH) {
            let symbol = symbols::length(len);
            let code = usize::from(symbol.code);
            let bits = u32::from(litlen_codes[code]) | u32::from(symbol.extra) << litlens[code];
            *entry = bits << 8 | u32::from(litlens[code] + symbol.extra_bits);
        }
        let distance_codes = codes(distances);
        let mut packed_distances = [0; 32];
        for (entry, (code, len)) in packed_distances.iter_mut().zip(distance_codes.iter().zip(distances)) {
            *entry = u32::from(*code) << 8 | u32::from(*len);
        }
        Self {
            literals: std::array::from_fn(packed),
            end: packed(END_OF_BLOCK),
            lengths,
            distances: packed_distances,
        }
    }

    fn write(&self, out: &mut BitWriter<'_>, bytes: Bytes<'_>, start: usize, sequences: &[Sequence]) {
        let put = |out: &mut BitWriter<'_>, entry: u32| out.put(u64::from(entry >> 8), entry & 0xFF);
        let mut at = start;
        for sequence in sequences {
            let mut literals = sequence.literals as usize;
            while literals != 0 {
                // Four times 14 bits. Behind the last there is nothing: that is quicker than to stop there.
                let four = bytes.load_u32(at).to_le_bytes();
                let now = literals.min(4);
                for (index, literal) in four.into_iter().enumerate() {
                    let entry = self.literals[usize::from(literal)];
                    put(out, if index < now { entry } else { 0 });
                }
                out.flush();
                at += now;
                literals -= now;
            }
            let len = usize::from(sequence.len);
            if len != 0 {
                // At most 14 + 5 + 15 + 13 bits.
                put(out, self.lengths[len.min(MAX_MATCH)]);
                let symbol = symbols::distance(usize::from(sequence.distance));
                put(out, self.distances[usize::from(symbol.code & 31)]);
                out.put(u64::from(symbol.extra), u32::from(symbol.extra_bits));
                out.flush();
            }
            at += len;
        }
        put(out, self.end);
        out.flush();
    }
}

/// Types of blocks (RFC 1951, 3.2.3).
const STORED: u64 = 0;
const FIXED: u64 = 1;
const DYNAMIC: u64 = 2;
/// Bytes of a stored block.
const MOST_STORED: usize = 0xFFFF;
/// One less than the format has, so that four codes go into the bits between two flushes; what it costs cannot be measured.
const MOST_LITLEN_BITS: usize = 14;
const MOST_CODE_BITS: usize = 15;
const MOST_HEADER_BITS: usize = 7;
/// The order in which the lengths of the codes for lengths are written (RFC 1951, 3.2.7).
const HEADER_ORDER: [usize; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

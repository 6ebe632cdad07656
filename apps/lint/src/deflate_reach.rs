//! How far back a deflate stream reaches.
//!
//! Decoders with a small window refuse what reaches beyond it; those of the libraries at hand have the whole window
//! always. So the stream's symbols are read here, without making its output.
//!
//! Reference: RFC 1951.

/// The largest distance of a match in a raw deflate stream up to `limit` bytes of output; nothing if it is damaged.
pub(crate) fn reach(input: &[u8], limit: usize) -> Option<usize> {
    let mut bits = Bits { input, at: 0, hold: 0, count: 0 };
    let mut scan = Scan { made: 0, farthest: 0, limit };
    loop {
        let is_last = bits.take(1)? == 1;
        let is_full = match bits.take(2)? {
            0 => scan.stored(&mut bits)?,
            1 => {
                let mut lengths = [8_u8; 288];
                lengths[144..256].fill(9);
                lengths[256..280].fill(7);
                scan.symbols(&mut bits, &Code::new(&lengths), &Code::new(&[5; 30]))?
            }
            2 => {
                let (literals, distances) = read_codes(&mut bits)?;
                scan.symbols(&mut bits, &literals, &distances)?
            }
            _ => return None,
        };
        if is_last || is_full {
            return Some(scan.farthest);
        }
    }
}

struct Scan {
    made: usize,
    farthest: usize,
    limit: usize,
}

impl Scan {
    /// True when the limit is reached.
    fn stored(&mut self, bits: &mut Bits<'_>) -> Option<bool> {
        bits.skip_to_byte();
        let len = bits.take(16)?;
        if bits.take(16)? != len ^ 0xffff {
            return None;
        }
        for _ in 0..len {
            bits.take(8)?;
        }
        self.made = self.made.saturating_add(usize::try_from(len).ok()?);
        Some(self.made >= self.limit)
    }

    fn symbols(&mut self, bits: &mut Bits<'_>, literals: &Code, distances: &Code) -> Option<bool> {
        while self.made < self.limit {
            let symbol = usize::from(literals.next(bits)?);
            match symbol {
                0..=255 => self.made += 1,
                256 => return Some(false),
                _ => {
                    let (base, extra) = LENGTHS.get(symbol - 257)?;
                    self.made += usize::from(*base) + usize::try_from(bits.take(u32::from(*extra))?).ok()?;
                    let (base, extra) = DISTANCES.get(usize::from(distances.next(bits)?))?;
                    let distance =
                        usize::from(*base) + usize::try_from(bits.take(u32::from(*extra))?).ok()?;
                    self.farthest = self.farthest.max(distance);
                }
            }
        }
        Some(true)
    }
}

/// The codes of a block that brings its own.
fn read_codes(bits: &mut Bits<'_>) -> Option<(Code, Code)> {
    let literals = usize::try_from(bits.take(5)?).ok()? + 257;
    let distances = usize::try_from(bits.take(5)?).ok()? + 1;
    let own = usize::try_from(bits.take(4)?).ok()? + 4;
    let mut lengths = [0_u8; 19];
    for place in ORDER.iter().take(own) {
        *lengths.get_mut(usize::from(*place))? = u8::try_from(bits.take(3)?).ok()?;
    }
    let code = Code::new(&lengths);
    let mut lengths: Vec<u8> = Vec::with_capacity(320);
    while lengths.len() < literals + distances {
        let (value, times) = match code.next(bits)? {
            symbol @ 0..=15 => (u8::try_from(symbol).ok()?, 1),
            16 => (*lengths.last()?, 3 + bits.take(2)?),
            17 => (0, 3 + bits.take(3)?),
            _ => (0, 11 + bits.take(7)?),
        };
        lengths.extend(std::iter::repeat_n(value, usize::try_from(times).ok()?));
    }
    let (first, second) = lengths.split_at_checked(literals)?;
    Some((Code::new(first), Code::new(second.get(..distances)?)))
}

/// A canonical prefix code.
struct Code {
    /// Number of codes of each length.
    counts: [u16; 16],
    /// Symbols by length, then by number.
    symbols: Vec<u16>,
}

impl Code {
    fn new(lengths: &[u8]) -> Self {
        let mut counts = [0_u16; 16];
        let mut symbols = Vec::with_capacity(lengths.len());
        for length in 1..16_u8 {
            let before = symbols.len();
            symbols
                .extend((0_u16..).zip(lengths).filter(|(_, own)| **own == length).map(|(symbol, _)| symbol));
            counts[usize::from(length)] = u16::try_from(symbols.len() - before).unwrap_or(0);
        }
        Self { counts, symbols }
    }

    fn next(&self, bits: &mut Bits<'_>) -> Option<u16> {
        bits.fill();
        // The codes of one length are consecutive numbers, behind twice the shorter ones'.
        let (mut code, mut first, mut index) = (0_u32, 0_u32, 0_u32);
        for (length, count) in (1_u32..).zip(self.counts.iter().skip(1)) {
            code |= u32::from(bits.hold >> (length - 1) & 1 == 1);
            let count = u32::from(*count);
            if code < first + count {
                if length > bits.count || code < first {
                    return None;
                }
                bits.drop(length);
                return self.symbols.get(usize::try_from(index + code - first).ok()?).copied();
            }
            index += count;
            first = (first + count) << 1;
            code <<= 1;
        }
        None
    }
}

/// Bits from the low end of each byte.
struct Bits<'a> {
    input: &'a [u8],
    at: usize,
    hold: u64,
    count: u32,
}

impl Bits<'_> {
    fn fill(&mut self) {
        while self.count <= 48 {
            let Some(byte) = self.input.get(self.at) else { return };
            self.hold |= u64::from(*byte) << self.count;
            self.count += 8;
            self.at += 1;
        }
    }

    /// Up to 16 bits.
    fn take(&mut self, count: u32) -> Option<u32> {
        self.fill();
        if count > self.count {
            return None;
        }
        let value = self.hold & ((1 << count) - 1);
        self.drop(count);
        u32::try_from(value).ok()
    }

    fn drop(&mut self, count: u32) {
        self.hold >>= count;
        self.count -= count;
    }

    fn skip_to_byte(&mut self) {
        self.drop(self.count % 8);
    }
}

/// Bases and extra bits of match lengths, from symbol 257.
const LENGTHS: [(u16, u8); 29] = [
    (3, 0),
    (4, 0),
    (5, 0),
    (6, 0),
    (7, 0),
    (8, 0),
    (9, 0),
    (10, 0),
    (11, 1),
    (13, 1),
    (15, 1),
    (17, 1),
    (19, 2),
    (23, 2),
    (27, 2),
    (31, 2),
    (35, 3),
    (43, 3),
    (51, 3),
    (59, 3),
    (67, 4),
    (83, 4),
    (99, 4),
    (115, 4),
    (131, 5),
    (163, 5),
    (195, 5),
    (227, 5),
    (258, 0),
];
/// Bases and extra bits of distances.
const DISTANCES: [(u16, u8); 30] = [
    (1, 0),
    (2, 0),
    (3, 0),
    (4, 0),
    (5, 1),
    (7, 1),
    (9, 2),
    (13, 2),
    (17, 3),
    (25, 3),
    (33, 4),
    (49, 4),
    (65, 5),
    (97, 5),
    (129, 6),
    (193, 6),
    (257, 7),
    (385, 7),
    (513, 8),
    (769, 8),
    (1025, 9),
    (1537, 9),
    (2049, 10),
    (3073, 10),
    (4097, 11),
    (6145, 11),
    (8193, 12),
    (12_289, 12),
    (16_385, 13),
    (24_577, 13),
];
/// In which order the lengths of the code lengths' own code come.
const ORDER: [u8; 19] = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15];

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::DeflateEncoder;

    use super::*;

    fn deflated(bytes: &[u8], level: u32) -> Vec<u8> {
        let mut encoder = DeflateEncoder::new(Vec::new(), Compression::new(level));
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// Distinct triples, so that the only match is the one put in.
    fn with_match(distance: usize) -> Vec<u8> {
        let mut state = 1_u32;
        let mut bytes: Vec<u8> = (0..distance + 200)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                state.to_be_bytes()[0]
            })
            .collect();
        bytes.copy_within(..200, distance);
        bytes
    }

    #[test]
    fn the_distance_of_a_match_is_found_to_the_byte() {
        for distance in [300, 4096, 4097, 20_000, 32_000] {
            let bytes = with_match(distance);
            assert_eq!(reach(&deflated(&bytes, 9), bytes.len()), Some(distance));
        }
    }

    #[test]
    fn stored_and_fixed_blocks_are_read() {
        let bytes = with_match(300);
        assert_eq!(reach(&deflated(&bytes, 0), bytes.len()), Some(0));
        // "aaaaaaaaaa" in a fixed block: a literal and a match of distance 1.
        assert_eq!(reach(&deflated(&[b'a'; 10], 9), 10), Some(1));
    }

    #[test]
    fn a_stream_cut_anywhere_is_damaged() {
        let bytes = with_match(300);
        let whole = deflated(&bytes, 9);
        for len in 0..whole.len() - 1 {
            assert_eq!(reach(&whole[..len], bytes.len() + 1), None, "{len}");
        }
    }
}

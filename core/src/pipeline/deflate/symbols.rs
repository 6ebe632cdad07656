/// Codes for literals, the end of a block, and lengths; the last two of the alphabet are never used (RFC 1951, 3.2.5).
pub(super) const LITLENS: usize = 286;
/// Codes for distances.
pub(super) const DISTANCES: usize = 30;
/// The code that ends a block.
pub(super) const END_OF_BLOCK: usize = 256;
pub(super) const MIN_MATCH: usize = 3;
pub(super) const MAX_MATCH: usize = 258;

/// A code, and the bits that follow it.
#[derive(Clone, Copy)]
pub(super) struct Symbol {
    pub(super) code: u16,
    pub(super) extra_bits: u8,
    pub(super) extra: u16,
}

/// The symbol of a length of [`MIN_MATCH`] to [`MAX_MATCH`] bytes (RFC 1951, 3.2.5); of others, that of the nearest.
pub(super) fn length(len: usize) -> Symbol {
    LENGTHS[len.clamp(MIN_MATCH, MAX_MATCH) - MIN_MATCH]
}

/// The symbol of a distance of 1 to 32768 bytes (RFC 1951, 3.2.5).
pub(super) fn distance(distance: usize) -> Symbol {
    let above = (distance as u32).wrapping_sub(1) & 0x7FFF;
    if above < 4 {
        return Symbol { code: above as u16, extra_bits: 0, extra: 0 };
    }
    // Two codes for each power of two.
    let extra_bits = above.ilog2() - 1;
    let code = 2 * extra_bits + (above >> extra_bits);
    Symbol {
        code: code as u16,
        extra_bits: extra_bits as u8,
        extra: (above & ((1 << extra_bits) - 1)) as u16,
    }
}

/// Bits that follow code `code` of literals and lengths.
pub(super) fn length_extra_bits(code: usize) -> u32 {
    match code {
        265..=284 => (code as u32 - 261) / 4,
        _ => 0,
    }
}

/// Bits that follow code `code` of distances.
pub(super) fn distance_extra_bits(code: usize) -> u32 {
    (code as u32 / 2).saturating_sub(1)
}

/// Bits of each code of literals and lengths in a block with fixed codes (RFC 1951, 3.2.6).
pub(super) fn fixed_litlen_bits(code: usize) -> u8 {
    match code {
        144..=255 => 9,
        256..=279 => 7,
        _ => 8,
    }
}

const fn length_symbols() -> [Symbol; MAX_MATCH - MIN_MATCH + 1] {
    let mut symbols = [Symbol { code: 285, extra_bits: 0, extra: 0 }; MAX_MATCH - MIN_MATCH + 1];
    // The longest has a code of its own.
    let mut at = 0;
    while at < symbols.len() - 1 {
        symbols[at] = if at < 8 {
            Symbol { code: 257 + at as u16, extra_bits: 0, extra: 0 }
        } else {
            // Four codes for each power of two.
            let extra_bits = (at as u32).ilog2() - 2;
            let code = 257 + 4 * extra_bits + (at as u32 >> extra_bits);
            Symbol {
                code: code as u16,
                extra_bits: extra_bits as u8,
                extra: (at as u32 & ((1 << extra_bits) - 1)) as u16,
            }
        };
        at += 1;
    }
    symbols
}

static LENGTHS: [Symbol; MAX_MATCH - MIN_MATCH + 1] = length_symbols();

#[cfg(test)]
mod tests {
    use super::*;

    /// First lengths of codes 257 and after, and first distances of codes 0 and after, as RFC 1951 prints them.
    const FIRST_LENGTHS: [usize; 29] = [
        3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163,
        195, 227, 258,
    ];
    const FIRST_DISTANCES: [usize; 30] = [
        1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049,
        3073, 4097, 6145, 8193, 12_289, 16_385, 24_577,
    ];

    #[test]
    fn lengths_and_distances_have_the_codes_of_the_rfc() {
        for len in MIN_MATCH..=MAX_MATCH {
            let symbol = length(len);
            let index = FIRST_LENGTHS.iter().rposition(|first| *first <= len).unwrap();
            assert_eq!(usize::from(symbol.code), 257 + index, "{len}");
            assert_eq!(usize::from(symbol.extra), len - FIRST_LENGTHS[index], "{len}");
            assert_eq!(u32::from(symbol.extra_bits), length_extra_bits(257 + index), "{len}");
            assert!(u32::from(symbol.extra) < 1 << symbol.extra_bits, "{len}");
        }
        for far in 1..=32_768 {
            let symbol = distance(far);
            let index = FIRST_DISTANCES.iter().rposition(|first| *first <= far).unwrap();
            assert_eq!(usize::from(symbol.code), index, "{far}");
            assert_eq!(usize::from(symbol.extra), far - FIRST_DISTANCES[index], "{far}");
            assert_eq!(u32::from(symbol.extra_bits), distance_extra_bits(index), "{far}");
            assert!(u32::from(symbol.extra) < 1 << symbol.extra_bits, "{far}");
        }
    }
}

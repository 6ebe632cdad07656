use super::symbols::{self, DISTANCES, END_OF_BLOCK, LITLENS};

/// Literals, and the match behind them.
#[derive(Clone, Copy)]
pub(super) struct Sequence {
    /// How many bytes are literals.
    pub(super) literals: u32,
    /// Bytes of the match; 0 where there is none.
    pub(super) len: u16,
    /// How far back it is, up to 32768 bytes.
    pub(super) distance: u16,
}

/// How often each symbol occurs.
#[derive(Clone)]
pub(super) struct Counts {
    pub(super) litlens: [u32; LITLENS],
    pub(super) distances: [u32; DISTANCES],
}

impl Counts {
    pub(super) const NONE: Self = Self { litlens: [0; LITLENS], distances: [0; DISTANCES] };

    pub(super) fn add(&mut self, other: &Self) {
        for (count, other) in self.litlens.iter_mut().zip(&other.litlens) {
            *count += other;
        }
        for (count, other) in self.distances.iter_mut().zip(&other.distances) {
            *count += other;
        }
    }

    /// Bits, about, of a block with these symbols and the best codes for them.
    pub(super) fn estimate(&self) -> u64 {
        let (litlens, used) = entropy(&self.litlens);
        let (distances, used_distances) = entropy(&self.distances);
        let lengths = self.litlens.iter().enumerate().skip(END_OF_BLOCK + 1);
        let extra: u32 = lengths.map(|(code, count)| count * symbols::length_extra_bits(code)).sum();
        let far = self.distances.iter().enumerate();
        let extra_far: u32 = far.map(|(code, count)| count * symbols::distance_extra_bits(code)).sum();
        HEADER_BITS
            + HEADER_SYMBOL_BITS * u64::from(used + used_distances)
            + (litlens + distances) / ONE_BIT
            + u64::from(extra + extra_far)
    }
}

/// The least bits that codes for `counts` take, in units of [`ONE_BIT`], and how many of them are not zero.
fn entropy(counts: &[u32]) -> (u64, u32) {
    let (mut total, mut used, mut own) = (0_u32, 0, 0_u64);
    for count in counts {
        total += count;
        used += u32::from(*count != 0);
        own += u64::from(*count) * u64::from(log2(*count));
    }
    ((u64::from(total) * u64::from(log2(total))).saturating_sub(own), used)
}

/// Of `value`, in units of [`ONE_BIT`]; 0 for 0.
#[inline(always)]
pub(super) fn log2(value: u32) -> u32 {
    let value = value.max(1);
    let whole = value.ilog2();
    // The bits behind the first.
    let fraction = ((u64::from(value) << 32 >> whole) >> (32 - FRACTION_BITS)) as usize & (FRACTIONS - 1);
    (whole << 8) + u32::from(LOG2_FRACTIONS[fraction])
}

/// What logarithms count in.
pub(super) const ONE_BIT: u64 = 256;
/// Bits of a block's header, without the lengths of codes.
const HEADER_BITS: u64 = 3 + 14 + 40;
/// What a symbol that is used takes of the header.
const HEADER_SYMBOL_BITS: u64 = 3;

const FRACTION_BITS: u32 = 7;
const FRACTIONS: usize = 1 << FRACTION_BITS;

/// Logarithms of 1 to 2, by squaring: each squaring gives one more bit.
const fn log2_fractions() -> [u8; FRACTIONS] {
    let mut fractions = [0; FRACTIONS];
    let mut at = 0;
    while at < FRACTIONS {
        // The middle of the range, with 31 bits behind the point.
        let mut value = (1_u64 << 31) + ((2 * at as u64 + 1) << (30 - FRACTION_BITS));
        let mut bits = 0_u8;
        let mut bit = 0;
        while bit < 8 {
            value = (value * value) >> 31;
            bits <<= 1;
            if value >= 1 << 32 {
                value >>= 1;
                bits |= 1;
            }
            bit += 1;
        }
        fractions[at] = bits;
        at += 1;
    }
    fractions
}

static LOG2_FRACTIONS: [u8; FRACTIONS] = log2_fractions();

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_within_a_hundredth_of_a_bit() {
        for value in (1..70_000).chain([1 << 20, u32::MAX]) {
            let exact = f64::from(value).log2() * ONE_BIT as f64;
            assert!((f64::from(log2(value)) - exact).abs() < 2.56, "{value}");
        }
    }

    #[test]
    fn entropy_is_that_of_the_best_codes() {
        assert_eq!(entropy(&[8, 8, 8, 0, 8]), (4 * 8 * 2 * ONE_BIT, 4));
        assert_eq!(entropy(&[0, 7]), (0, 1));
        assert_eq!(entropy(&[]), (0, 0));
    }

    #[test]
    fn unlike_segments_take_less_apart_and_like_ones_together() {
        let of = |symbols: std::ops::Range<usize>| {
            let mut counts = Counts::NONE;
            counts.litlens[symbols].fill(40);
            counts
        };
        let estimate = |first: &Counts, second: &Counts| {
            let mut joined = first.clone();
            joined.add(second);
            (joined.estimate(), first.estimate() + second.estimate())
        };
        let (together, apart) = estimate(&of(0..100), &of(0..100));
        assert!(together < apart, "{together}, {apart}");
        let (together, apart) = estimate(&of(0..100), &of(100..200));
        assert!(together > apart, "{together}, {apart}");
    }
}

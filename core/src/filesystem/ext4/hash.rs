//! The hash that orders the names of an indexed directory: half MD4, signed characters.

use uuid::Uuid;

/// Hashes names with one volume's seed.
#[derive(Clone, Copy, Debug)]
pub(super) struct NameHash {
    start: [u32; 4],
}

impl NameHash {
    /// The hash of a volume with this `s_hash_seed`.
    pub(super) fn new(seed: Uuid) -> Self {
        if seed.is_nil() {
            return Self { start: MD4_START };
        }
        let mut start = [0; 4];
        for (word, bytes) in start.iter_mut().zip(seed.as_bytes().chunks_exact(4)) {
            *word = u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        }
        Self { start }
    }

    /// The major hash, by which a directory's index is ordered; its lowest bit is free.
    pub(super) fn of(&self, name: &[u8]) -> u32 {
        let mut state = self.start;
        let mut rest = name;
        while !rest.is_empty() {
            transform(&mut state, &words(rest));
            rest = rest.get(32..).unwrap_or_default();
        }
        major(state[1])
    }
}

/// The major hash of a word: its lowest bit is free, and one value is no hash.
fn major(word: u32) -> u32 {
    match word & !1 {
        END_OF_DIRECTORY => END_OF_DIRECTORY - 2,
        hash => hash,
    }
}

/// The next 32 bytes of a name as eight words, filled up with its remaining length.
fn words(rest: &[u8]) -> [u32; 8] {
    // A name has at most 255 bytes, so each length fits its byte.
    let len = u32::try_from(rest.len()).unwrap_or(0);
    let pad = len | len << 8;
    let pad = pad | pad << 16;
    let mut words = [pad; 8];
    for (word, bytes) in words.iter_mut().zip(rest.chunks(4)) {
        for byte in bytes {
            let signed = i32::from(i8::from_le_bytes([*byte]));
            *word = signed.cast_unsigned().wrapping_add(*word << 8);
        }
    }
    words
}

fn transform(state: &mut [u32; 4], input: &[u32; 8]) {
    let [mut a, mut b, mut c, mut d] = *state;
    for (round, (constant, order, shifts)) in ROUNDS.iter().enumerate() {
        for (step, at) in order.iter().enumerate() {
            let mixed = match round {
                0 => d ^ (b & (c ^ d)),
                1 => (b & c).wrapping_add((b ^ c) & d),
                _ => b ^ c ^ d,
            };
            let sum = a.wrapping_add(mixed).wrapping_add(input[*at]).wrapping_add(*constant);
            (a, b, c, d) = (d, sum.rotate_left(shifts[step % 4]), b, c);
        }
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(add);
    }
}

const MD4_START: [u32; 4] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
/// The kernel's cursor value for "no more entries" (0x7fffffff, shifted).
const END_OF_DIRECTORY: u32 = 0xffff_fffe;
/// Constant, order of the input words, shifts.
const ROUNDS: [(u32, [usize; 8], [u32; 4]); 3] = [
    (0, [0, 1, 2, 3, 4, 5, 6, 7], [3, 7, 11, 19]),
    (0x5a82_7999, [1, 3, 5, 7, 0, 2, 4, 6], [3, 5, 9, 13]),
    (0x6ed9_eba1, [3, 7, 2, 6, 1, 5, 0, 4], [3, 9, 11, 15]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_value_that_ends_a_directory_is_no_hash() {
        assert_eq!(
            (major(0xffff_ffff), major(0xffff_fffe), major(0xffff_fffd)),
            (0xffff_fffc, 0xffff_fffc, 0xffff_fffc)
        );
        assert_eq!((major(0), major(1), major(0x7fff_ffff)), (0, 0, 0x7fff_fffe));
    }
}

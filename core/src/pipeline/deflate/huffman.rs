/// Bits of each symbol in a prefix code of least total length for `counts`, each at most `most`; zero for symbols that do not
/// occur. The code is complete: where fewer than two symbols occur, others get a bit each.
///
/// Sound for `2 <= N <= 512` and `most` from `log2(N)` to 15.
pub(super) fn code_lengths<const N: usize>(counts: &[u32; N], most: usize) -> [u8; N] {
    let mut lengths = [0; N];
    // The symbol in the low bits makes the order a total one.
    let mut leaves = [0_u64; N];
    let mut used = 0;
    for (symbol, count) in counts.iter().enumerate() {
        leaves[used] = u64::from(*count) << 16 | symbol as u64;
        used += usize::from(*count != 0);
    }
    if used < 2 {
        let only = if used == 1 { (leaves[0] & 0xFFFF) as usize } else { 0 };
        lengths[only] = 1;
        lengths[usize::from(only == 0)] = 1;
        return lengths;
    }
    let leaves = &mut leaves[..used];
    leaves.sort_unstable();
    let mut of_length = leaf_depths::<N>(leaves, most);
    limit(&mut of_length, most);
    // The rarest first, and the longest.
    let mut rarest = leaves.iter();
    for length in (1..=most).rev() {
        for leaf in rarest.by_ref().take(of_length[length] as usize) {
            lengths[(leaf & 0xFFFF) as usize] = length as u8;
        }
    }
    lengths
}

/// The codes of `lengths`, in the order in which their bits are written (RFC 1951, 3.2.2 and 3.1.1).
pub(super) fn codes<const N: usize>(lengths: &[u8; N]) -> [u16; N] {
    let mut next = [0_u16; 16];
    for length in lengths {
        next[usize::from(length & 15)] += 1;
    }
    next[0] = 0;
    let mut code = 0;
    for next in &mut next {
        let count = *next;
        *next = code;
        code = (code + count) << 1;
    }
    let mut codes = [0; N];
    for (code, length) in codes.iter_mut().zip(lengths) {
        let length = length & 15;
        if length != 0 {
            let next = &mut next[usize::from(length)];
            *code = next.reverse_bits() >> (16 - length);
            *next += 1;
        }
    }
    codes
}

/// How many leaves of Huffman's tree are at each depth; those that are deeper than `most` count there. `leaves` are sorted.
fn leaf_depths<const N: usize>(leaves: &[u64], most: usize) -> [u32; 16] {
    // Leaves and inner nodes each come in the order of their weights: the next two are always the first of the two rows.
    let used = leaves.len();
    let (mut weights, mut parents) = ([0_u64; N], [0_u16; N]);
    let mut leaf_parents = [0_u16; N];
    let (mut leaf, mut inner) = (0, 0);
    for made in 0..used - 1 {
        let mut weight = 0;
        for _ in 0..2 {
            if leaf < used && (inner >= made || leaves[leaf] >> 16 <= weights[inner]) {
                weight += leaves[leaf] >> 16;
                leaf_parents[leaf] = made as u16;
                leaf += 1;
            } else {
                weight += weights[inner];
                parents[inner] = made as u16;
                inner += 1;
            }
        }
        weights[made] = weight;
    }
    // Parents come behind their children.
    let mut depths = [0_u16; N];
    for node in (0..used - 2).rev() {
        depths[node] = depths[usize::from(parents[node])] + 1;
    }
    let mut of_length = [0; 16];
    for parent in &leaf_parents[..used] {
        of_length[(usize::from(depths[usize::from(*parent)]) + 1).min(most)] += 1;
    }
    of_length
}

/// Lengthens short codes until there is room for those that were cut to `most` bits.
fn limit(of_length: &mut [u32; 16], most: usize) {
    let room = 1_u32 << most;
    let mut taken: u32 = (1..=most).map(|length| of_length[length] << (most - length)).sum();
    while taken > room {
        // One code of the longest that can grow, and one of those that are too long takes the place beside it.
        let Some(length) = (1..most).rev().find(|length| of_length[*length] != 0) else { return };
        of_length[length] -= 1;
        of_length[length + 1] += 2;
        of_length[most] -= 1;
        taken -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kraft(lengths: &[u8]) -> u32 {
        lengths.iter().filter(|length| **length != 0).map(|length| 1 << (15 - length)).sum()
    }

    #[test]
    fn codes_are_those_of_the_example_in_the_rfc() {
        // RFC 1951, 3.2.2: symbols A to H.
        let codes = codes(&[3, 3, 3, 3, 3, 2, 4, 4]);
        let forward: Vec<u16> = codes
            .iter()
            .zip([3, 3, 3, 3, 3, 2, 4, 4])
            .map(|(code, length)| code.reverse_bits() >> (16 - length))
            .collect();
        assert_eq!(forward, [0b010, 0b011, 0b100, 0b101, 0b110, 0b00, 0b1110, 0b1111]);
    }

    #[test]
    fn lengths_are_those_of_the_least_total() {
        assert_eq!(code_lengths(&[5, 9, 12, 13, 16, 45], 15), [4, 4, 3, 3, 3, 1]);
        assert_eq!(code_lengths(&[1, 1, 1, 1], 15), [2, 2, 2, 2]);
        assert_eq!(code_lengths(&[0, 3, 0, 9], 15), [0, 1, 0, 1]);
    }

    #[test]
    fn lengths_never_pass_the_limit_and_the_code_stays_complete() {
        let mut fibonacci = [1_u32; 30];
        for at in 2..30 {
            fibonacci[at] = fibonacci[at - 1] + fibonacci[at - 2];
        }
        for most in 5..=15 {
            let lengths = code_lengths(&fibonacci, most);
            assert!(lengths.iter().all(|length| (1..=most as u8).contains(length)), "{lengths:?}");
            assert_eq!(kraft(&lengths), 1 << 15, "{lengths:?}");
            assert!(lengths.is_sorted_by(|rarer, commoner| rarer >= commoner), "{lengths:?}");
        }
    }

    #[test]
    fn a_code_has_two_symbols_at_least() {
        assert_eq!(code_lengths(&[0, 0, 0], 7), [1, 1, 0]);
        assert_eq!(code_lengths(&[4, 0, 0], 7), [1, 1, 0]);
        assert_eq!(code_lengths(&[0, 0, 4], 7), [1, 0, 1]);
    }
}

//! The hash by which an indexed directory is ordered: half MD4, signed characters.

/// The major hash of a name; its lowest bit is free.
///
/// # Reference
/// "ext4 Data Structures and Algorithms", Hash Tree Directories; RFC 1320 for MD4's rounds.
pub(super) fn name_hash(seed: &[u8; 16], name: &[u8]) -> u32 {
    let mut state = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476];
    if *seed != [0; 16] {
        for (word, bytes) in state.iter_mut().zip(seed.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
    }
    let mut left = name;
    while !left.is_empty() {
        round(&mut state, &block(left));
        left = left.get(32..).unwrap_or_default();
    }
    // 0x7fffffff, shifted, ends a directory for the kernel.
    match state[1] & !1 {
        0xffff_fffe => 0xffff_fffc,
        hash => hash,
    }
}

/// Up to 32 bytes as eight words, each filled up with the length that was left.
fn block(left: &[u8]) -> [u32; 8] {
    let len = u32::try_from(left.len()).unwrap_or(0) & 0xff;
    let fill = len * 0x0101_0101;
    let mut words = [fill; 8];
    for (word, bytes) in words.iter_mut().zip(left.chunks(4)) {
        for byte in bytes {
            *word = (*word << 8).wrapping_add(i32::from(byte.cast_signed()).cast_unsigned());
        }
    }
    words
}

fn round(state: &mut [u32; 4], input: &[u32; 8]) {
    let [mut a, mut b, mut c, mut d] = *state;
    type Mix = fn(u32, u32, u32) -> u32;
    let rounds: [(Mix, u32, [usize; 8], [u32; 4]); 3] = [
        (|x, y, z| x & y | !x & z, 0, [0, 1, 2, 3, 4, 5, 6, 7], [3, 7, 11, 19]),
        (|x, y, z| x & y | x & z | y & z, 0x5a82_7999, [1, 3, 5, 7, 0, 2, 4, 6], [3, 5, 9, 13]),
        (|x, y, z| x ^ y ^ z, 0x6ed9_eba1, [3, 7, 2, 6, 1, 5, 0, 4], [3, 9, 11, 15]),
    ];
    for (mix, constant, order, shifts) in rounds {
        for (word, shift) in order.iter().zip(shifts.iter().cycle()) {
            let sum = a.wrapping_add(mix(b, c, d)).wrapping_add(input[*word]).wrapping_add(constant);
            (a, b, c, d) = (d, sum.rotate_left(*shift), b, c);
        }
    }
    for (word, more) in state.iter_mut().zip([a, b, c, d]) {
        *word = word.wrapping_add(more);
    }
}

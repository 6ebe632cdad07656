//! Fields of structures in memory. What lies past the end reads as zeros, so that no structure can make a reader panic.

/// As many bytes from `at`; zeros past the end.
pub(crate) fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    for (to, from) in field.iter_mut().zip(bytes.get(at..).unwrap_or_default()) {
        *to = *from;
    }
    field
}

pub(crate) fn u16_le(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array(bytes, at))
}

pub(crate) fn u32_le(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array(bytes, at))
}

pub(crate) fn u64_le(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array(bytes, at))
}

pub(crate) fn u32_be(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes(array(bytes, at))
}

pub(crate) fn u64_be(bytes: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(array(bytes, at))
}

/// Puts a field into a structure that is expected; `at` is a constant of it.
pub(crate) fn put(bytes: &mut [u8], at: usize, field: &[u8]) {
    for (to, from) in bytes.iter_mut().skip(at).zip(field) {
        *to = *from;
    }
}

/// Where the first byte stands that is not zero.
pub(crate) fn first_nonzero(bytes: &[u8]) -> Option<usize> {
    let words = bytes.chunks_exact(64);
    let tail = bytes.len() - words.remainder().len();
    for (at, word) in words.enumerate() {
        if word != [0; 64] {
            return word.iter().position(|byte| *byte != 0).map(|inside| at * 64 + inside);
        }
    }
    let rest = bytes.get(tail..).unwrap_or_default();
    rest.iter().position(|byte| *byte != 0).map(|inside| tail + inside)
}

/// Where the first byte stands that differs.
pub(crate) fn first_difference(found: &[u8], expected: &[u8]) -> Option<usize> {
    if found == expected {
        return None;
    }
    let common = found.iter().zip(expected).position(|(a, b)| a != b);
    Some(common.unwrap_or(found.len().min(expected.len())))
}

/// Bytes as hexadecimal digits, at most 16 of them.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let mut digits: String = bytes.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    if bytes.len() > 16 {
        digits.push('…');
    }
    digits
}

/// A length of memory as a length on a disk.
pub(crate) fn len64(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

/// A length on a disk as a length of memory; more than memory can have is more than anything checked against it.
pub(crate) fn len(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_past_the_end_are_zeros() {
        assert_eq!(u32_le(&[1, 2], 0), 0x0201);
        assert_eq!(u64_be(&[1], usize::MAX), 0);
    }

    #[test]
    fn the_first_byte_that_is_not_zero_is_found_everywhere() {
        for len in [1, 63, 64, 65, 200] {
            let mut bytes = vec![0; len];
            assert_eq!(first_nonzero(&bytes), None);
            for at in 0..len {
                bytes[at] = 1;
                assert_eq!(first_nonzero(&bytes), Some(at));
                bytes[at] = 0;
            }
        }
    }
}

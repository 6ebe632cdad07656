use std::cmp::Ordering;

/// Compares versions as people do: runs of digits by their number, `~` before everything, even before the end.
pub(super) fn compare(a: &[u8], b: &[u8]) -> Ordering {
    let (mut a, mut b) = (a, b);
    loop {
        let (text_a, text_b);
        (text_a, a) = split_run(a, |byte| !byte.is_ascii_digit());
        (text_b, b) = split_run(b, |byte| !byte.is_ascii_digit());
        let texts = rank(text_a).cmp(rank(text_b));
        let (number_a, number_b);
        (number_a, a) = split_run(a, |byte| byte.is_ascii_digit());
        (number_b, b) = split_run(b, |byte| byte.is_ascii_digit());
        let order = texts.then_with(|| compare_numbers(number_a, number_b));
        if order.is_ne() || (a.is_empty() && b.is_empty()) {
            return order;
        }
    }
}

/// The bytes at the start that `belongs` takes, and the rest.
fn split_run(bytes: &[u8], belongs: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    let len = bytes.iter().take_while(|byte| belongs(**byte)).count();
    bytes.split_at(len)
}

/// The bytes by which text is ordered: `~`, the end, letters, everything else.
fn rank(text: &[u8]) -> impl Iterator<Item = (u8, u8)> + '_ {
    let class = |byte: &u8| match byte {
        b'~' => (0, 0),
        byte if byte.is_ascii_alphabetic() => (2, *byte),
        byte => (3, *byte),
    };
    text.iter().map(class).chain([(1, 0)])
}

/// Compares runs of digits of any length.
fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let strip =
        |digits: &[u8]| -> Vec<u8> { digits.iter().copied().skip_while(|digit| *digit == b'0').collect() };
    let (a, b) = (strip(a), strip(b));
    a.len().cmp(&b.len()).then_with(|| a.cmp(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_count_as_numbers_and_a_tilde_comes_first() {
        let ascending: &[&[u8]] = &[
            b"",
            b"4.19.0-6-amd64",
            b"4.19.0-27-amd64",
            b"6.1.0-9-amd64",
            b"6.1.0-13-amd64",
            b"6.1.0-13-cloud-amd64",
            b"6.10.0~rc1",
            b"6.10.0",
            b"6.10.0.1",
            b"18446744073709551616.0",
        ];
        for (at, smaller) in ascending.iter().enumerate() {
            assert_eq!(compare(smaller, smaller), Ordering::Equal);
            for larger in &ascending[at + 1..] {
                assert_eq!(compare(smaller, larger), Ordering::Less, "{smaller:?} {larger:?}");
                assert_eq!(compare(larger, smaller), Ordering::Greater);
            }
        }
    }
}

use std::ops::Range;

use axum::http::{HeaderMap, header};

/// What of a file a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Selected {
    Whole,
    /// At least one byte.
    Part(Range<u64>),
    /// A range that begins behind the file's end.
    Nothing,
}

/// What of a file of `length` bytes the headers `Range` and `If-Range` ask for.
///
/// One range at most: several at once are answered with the whole file, as a range is that cannot be understood. `If-Range`
/// holds for exactly the strong `tag` or exactly the date `modified`; else the whole file comes.
///
/// # Reference
/// RFC 9110 §13.1.5 (If-Range), §14.1.2 (byte ranges), §14.2 (Range).
pub(super) fn select(headers: &HeaderMap, length: u64, tag: &str, modified: Option<&str>) -> Selected {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default().trim());
    let Some(ranges) = text(header::RANGE) else { return Selected::Whole };
    if let Some(condition) = text(header::IF_RANGE)
        && condition != tag
        && Some(condition) != modified
    {
        return Selected::Whole;
    }
    parse(ranges, length).unwrap_or(Selected::Whole)
}

/// `bytes=0-499`, `bytes=500-`, `bytes=-500`; `None` for everything else.
fn parse(ranges: &str, length: u64) -> Option<Selected> {
    let (unit, range) = ranges.split_once('=')?;
    let (first, last) = range.trim().split_once('-')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let range = match (first.trim(), last.trim()) {
        ("", suffix) => length.saturating_sub(number(suffix)?)..length,
        (first, "") => number(first)?..length,
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            first..last.saturating_add(1).min(length)
        }
    };
    Some(if range.is_empty() { Selected::Nothing } else { Selected::Part(range) })
}

/// Decimal digits only; what is larger than every file is the largest number.
fn number(digits: &str) -> Option<u64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_range_is_selected_and_everything_else_is_the_whole_file() {
        use Selected::{Nothing, Part, Whole};
        for (range, expected) in [
            ("bytes=0-0", Part(0..1)),
            ("bytes=0-99", Part(0..100)),
            ("bytes=10-19", Part(10..20)),
            ("bytes=10-", Part(10..100)),
            ("bytes=-10", Part(90..100)),
            ("bytes=-1000", Part(0..100)),
            ("bytes=99-1000", Part(99..100)),
            ("bytes=5-18446744073709551616", Part(5..100)),
            ("Bytes = 1 - 2", Part(1..3)),
            ("bytes=100-", Nothing),
            ("bytes=100-200", Nothing),
            ("bytes=-0", Nothing),
            ("bytes=99999999999999999999-", Nothing),
            ("bytes=20-10", Whole),
            ("bytes=0-1,4-5", Whole),
            ("bytes=-", Whole),
            ("bytes=a-b", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=", Whole),
            ("bytes", Whole),
            ("lines=1-2", Whole),
            ("", Whole),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            assert_eq!(select(&headers, 100, "\"t\"", None), expected, "{range}");
        }
        assert_eq!(select(&HeaderMap::new(), 100, "\"t\"", None), Whole);
    }

    #[test]
    fn of_an_empty_file_there_is_no_range() {
        for range in ["bytes=0-", "bytes=0-0", "bytes=-1"] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, range.parse().unwrap());
            assert_eq!(select(&headers, 0, "\"t\"", None), Selected::Nothing, "{range}");
        }
    }

    #[test]
    fn if_range_holds_for_exactly_what_was_sent() {
        let date = "Tue, 24 Nov 2026 12:00:00 GMT";
        for (condition, holds) in [
            ("\"t\"", true),
            (date, true),
            ("W/\"t\"", false),
            ("t", false),
            ("\"u\"", false),
            ("Tue, 24 Nov 2026 12:00:01 GMT", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::RANGE, "bytes=1-2".parse().unwrap());
            headers.insert(header::IF_RANGE, condition.parse().unwrap());
            let expected = if holds { Selected::Part(1..3) } else { Selected::Whole };
            assert_eq!(select(&headers, 100, "\"t\"", Some(date)), expected, "{condition}");
        }
    }
}

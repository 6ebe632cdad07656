#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use crate::Timestamp;

/// A time as FAT keeps it, in UTC.
///
/// # Reference
/// FAT overview 1.03, "Date and Time Formats".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FatTime {
    /// Year since 1980, month and day from 1.
    pub(super) date: u16,
    /// Hours, minutes, seconds in steps of two.
    pub(super) time: u16,
    /// Hundredths of a second that `time` leaves out: below 200.
    pub(super) hundredths: u8,
}

/// Whether FAT has the second that `time` lies in.
pub(super) fn is_in_range(time: Timestamp) -> bool {
    (EARLIEST..=LATEST).contains(&time.seconds)
}

impl FatTime {
    /// The nearest that FAT has.
    pub(super) fn new(time: Timestamp) -> Self {
        let nanos = if is_in_range(time) { time.nanos } else { 0 };
        let seconds = time.seconds.clamp(EARLIEST, LATEST).saturating_sub(EARLIEST);
        let of_day = u16_of(seconds % 86_400 / 2);
        let odd = u16_of(seconds % 2);
        let (hours, minutes, pairs) = (of_day / 1800, of_day / 30 % 60, of_day % 30);
        let (year, month, day) = civil(u16_of(seconds / 86_400));
        let hundredths = u16_of(i64::from(nanos / 10_000_000)).saturating_add(odd.saturating_mul(100));
        Self {
            date: year << 9 | month << 5 | day,
            time: hours << 11 | minutes << 5 | pairs,
            hundredths: u8::try_from(hundredths).unwrap_or(199),
        }
    }
}

/// Year since 1980, month and day from 1, of a day counted from 1980-01-01.
fn civil(mut days: u16) -> (u16, u16, u16) {
    let mut year = 0_u16;
    loop {
        // Every fourth year of 1980..=2107 is a leap year but 2100.
        let leap = u16::from(year.is_multiple_of(4) && year != 120);
        let len = leap.saturating_add(365);
        if days < len {
            return month_and_day(year, leap, days);
        }
        days = days.saturating_sub(len);
        year = year.saturating_add(1);
    }
}

fn month_and_day(year: u16, leap: u16, mut days: u16) -> (u16, u16, u16) {
    let february = leap.saturating_add(28);
    let mut month = 1_u16;
    for len in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30] {
        if days < len {
            break;
        }
        days = days.saturating_sub(len);
        month = month.saturating_add(1);
    }
    (year, month, days.saturating_add(1))
}

fn u16_of(number: i64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// 1980-01-01T00:00:00Z.
const EARLIEST: i64 = 315_532_800;
/// 2107-12-31T23:59:59Z.
const LATEST: i64 = 4_354_819_199;

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects, clippy::as_conversions, reason = "expectations, not layout")]
mod tests {
    use super::*;

    fn shown(seconds: i64, nanos: u32) -> (u16, u16, u16, u16, u16, u16, u8) {
        let at = FatTime::new(Timestamp { seconds, nanos });
        let (date, time) = (at.date, at.time);
        let year = 1980 + (date >> 9);
        (year, date >> 5 & 15, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2, at.hundredths)
    }

    #[test]
    fn times_become_utc_fields() {
        assert_eq!(shown(315_532_800, 0), (1980, 1, 1, 0, 0, 0, 0));
        assert_eq!(shown(951_782_399, 999_999_999), (2000, 2, 28, 23, 59, 58, 199));
        assert_eq!(shown(951_782_400, 0), (2000, 2, 29, 0, 0, 0, 0));
        assert_eq!(shown(1_700_000_000, 0), (2023, 11, 14, 22, 13, 20, 0));
        assert_eq!(shown(4_107_542_400, 0), (2100, 3, 1, 0, 0, 0, 0));
        assert_eq!(shown(4_354_819_199, 0), (2107, 12, 31, 23, 59, 58, 100));
    }

    #[test]
    fn times_outside_become_the_nearest() {
        assert_eq!(shown(0, 5), (1980, 1, 1, 0, 0, 0, 0));
        assert_eq!(shown(i64::MIN, 0), (1980, 1, 1, 0, 0, 0, 0));
        assert_eq!(shown(i64::MAX, 999_999_999), (2107, 12, 31, 23, 59, 58, 100));
        assert!(!is_in_range(Timestamp::from_seconds(315_532_799)));
        assert!(is_in_range(Timestamp::from_seconds(4_354_819_199)));
    }
}

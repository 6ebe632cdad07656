/// Date, time and hundredths of a second as a directory entry has them, in UTC: the nearest to a time that FAT has.
///
/// # Reference
/// FAT overview 1.03, "Date and Time Formats".
pub(super) fn fat_time((seconds, nanos): (i64, u32)) -> (u16, u16, u8) {
    let is_in_range = (EARLIEST..=LATEST).contains(&seconds);
    let seconds = seconds.clamp(EARLIEST, LATEST);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Years from March on, so that the day that some years lack is the last: days since 0000-03-01.
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let date = ((year - 1980) << 9) | (month << 5) | day;
    let time = ((second / 3600) << 11) | ((second / 60 % 60) << 5) | (second % 60 / 2);
    let nanos = if is_in_range { nanos } else { 0 };
    let hundredths = second % 2 * 100 + i64::from(nanos / 10_000_000);
    let short = |value: i64| u16::try_from(value).unwrap_or(u16::MAX);
    (short(date), short(time), u8::try_from(hundredths).unwrap_or(199))
}

/// 1980-01-01T00:00:00Z.
const EARLIEST: i64 = 315_532_800;
/// 2107-12-31T23:59:59Z.
const LATEST: i64 = 4_354_819_199;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_become_utc_fields() {
        let date = |year: u16, month: u16, day: u16| ((year - 1980) << 9) | (month << 5) | day;
        assert_eq!(fat_time((315_532_800, 0)), (date(1980, 1, 1), 0, 0));
        assert_eq!(
            fat_time((951_782_399, 999_999_999)),
            (date(2000, 2, 28), (23 << 11) | (59 << 5) | 29, 199)
        );
        assert_eq!(fat_time((951_782_400, 0)), (date(2000, 2, 29), 0, 0));
        assert_eq!(fat_time((4_107_542_400, 0)), (date(2100, 3, 1), 0, 0));
        assert_eq!(fat_time((i64::MIN, 5)), (date(1980, 1, 1), 0, 0));
        assert_eq!(fat_time((i64::MAX, 5)), (date(2107, 12, 31), (23 << 11) | (59 << 5) | 29, 100));
    }
}

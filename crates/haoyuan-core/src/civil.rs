//! Calendar dates and clock times at the fixed offset of the calendar rules.
//!
//! The calendar is counted here and not by a library: a date is all that is asked for, and what a date library brings along
//! for zones, spans and its own errors weighed more in a browser than all decisions together. The tests hold every day of
//! the range to such a library.

use crate::instant::{DAY, Day, HOUR, Instant, MINUTE, SECOND};

/// The days of 400 years, after which the Gregorian calendar begins again.
const ERA: i64 = 146_097;
/// The days from 0000-03-01 to 1970-01-01. Years are counted from March here, so that a leap day ends one.
const MARCH_OF_0: i64 = 719_468;

/// The day of a year, month and day of the month; `None` if there is none such.
pub(crate) fn day(year: i32, month: u8, of_month: u8) -> Option<Day> {
    if !(1..=12).contains(&month) {
        return None;
    }
    let march_year = i64::from(year) - i64::from(month < 3);
    let (era, of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(of_month) - 1;
    let days = era * ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - MARCH_OF_0;
    let day = Day(i32::try_from(days).ok()?);
    (date(day) == (year, month, of_month)).then_some(day)
}

/// The year, month and day of the month of a day.
pub(crate) fn date(day: Day) -> (i32, u8, u8) {
    let since = i64::from(day.0) + MARCH_OF_0;
    let (era, of_era) = (since.div_euclid(ERA), since.rem_euclid(ERA));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march_month = (5 * of_year + 2) / 153;
    let of_month = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    let small = |value: i64| u8::try_from(value).unwrap_or(u8::MAX);
    let year = era * 400 + year + i64::from(month < 3);
    (i32::try_from(year).unwrap_or(i32::MAX), small(month), small(of_month))
}

/// The same within the range of [`Instant`]: a whole day either side is left for offsets.
fn in_range(day: Day) -> Option<Day> {
    (1..Instant::MAX.day().0).contains(&day.0).then_some(day)
}

/// Reads `2026-03-02` (or `2026/3/2`).
pub(crate) fn parse_date(text: &str) -> Option<Day> {
    let mut parts = text.split(['-', '/']);
    let (year, month, of_month) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    if parts.next().is_some() {
        return None;
    }
    in_range(day(i32::from(year), u8::try_from(month).ok()?, u8::try_from(of_month).ok()?)?)
}

/// Reads `07:00`, `7:00`, `24:00` or `06:59:30` as milliseconds since midnight.
pub(crate) fn parse_clock(text: &str) -> Option<i64> {
    // U+FF1A is the full-width colon that a Chinese keyboard types.
    let mut parts = text.split([':', '\u{ff1a}']);
    let (hour, minute) = (number(parts.next()?)?, number(parts.next()?)?);
    let second = parts.next().map_or(Some(0), number)?;
    let time = i64::from(hour) * HOUR + i64::from(minute) * MINUTE + i64::from(second) * SECOND;
    (parts.next().is_none() && minute < 60 && second < 60 && time <= DAY).then_some(time)
}

/// Reads digits only: no sign, no spaces, at most four.
fn number(text: &str) -> Option<u16> {
    (!text.is_empty() && text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// Whether a day is a Saturday or Sunday.
pub(crate) fn is_weekend(day: Day) -> bool {
    // 1970-01-01 was a Thursday.
    (i64::from(day.0) + 3).rem_euclid(7) >= 5
}

/// The same day of the month so many months earlier, or the last of that month.
pub(crate) fn months_before(day_: Day, months: u16) -> Day {
    in_range(months_on(day_, -i32::from(months))).unwrap_or(Day(1))
}

/// The same day of the month so many months later, or the last of that month; the last of all days at the latest.
pub(crate) fn months_after(day_: Day, months: u16) -> Day {
    in_range(months_on(day_, i32::from(months))).unwrap_or(Instant::MAX.day())
}

/// The same day of the month so many months on, or the last of that month.
fn months_on(from: Day, months: i32) -> Day {
    let (year, month, of_month) = date(from);
    let month = i32::from(month) - 1 + months;
    let (year, month) = (year + month.div_euclid(12), month.rem_euclid(12));
    let month = u8::try_from(month + 1).unwrap_or(12);
    // Every month has 28 days.
    (28..=of_month).rev().chain([of_month]).find_map(|of_month| day(year, month, of_month)).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_clock_times_are_read_strictly() {
        assert_eq!(parse_date("1970-01-02"), Some(Day(1)));
        assert_eq!(parse_date("2026/3/2"), parse_date("2026-03-02"));
        assert_eq!(date(parse_date("2024-02-29").unwrap()), (2024, 2, 29));
        for bad in [
            "",
            "2026-02-30",
            "2026-13-01",
            "2026-3",
            "2026-3-2-1",
            "+026-03-02",
            "2026-+3-02",
            "2026-00003-02",
            "1970-01-01",
            "9999-01-01",
        ] {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
        assert_eq!(parse_clock("07:00"), Some(7 * HOUR));
        assert_eq!(parse_clock("6:59:30"), Some(7 * HOUR - 30 * SECOND));
        assert_eq!(parse_clock("24:00"), Some(DAY));
        for bad in [
            "",
            "7",
            "24:01",
            "07:60",
            "-7:00",
            "+7:00",
            "7:+5",
            "00007:00",
            "07:00:60",
            "07:00:00:00",
            "07 00",
            ":00",
            "7:",
        ] {
            assert_eq!(parse_clock(bad), None, "{bad}");
        }
    }

    /// Every day of the range and some years either side, and every month, against the reference for the calendar.
    #[test]
    fn days_are_counted_as_jiff_counts_them() {
        let epoch = jiff::civil::date(1970, 1, 1);
        for count in -800..Instant::MAX.day().0 + 800 {
            let known = epoch.saturating_add(jiff::Span::new().days(count));
            let (year, month, of_month) =
                (i32::from(known.year()), known.month().unsigned_abs(), known.day().unsigned_abs());
            assert_eq!(date(Day(count)), (year, month, of_month));
            assert_eq!(day(year, month, of_month), Some(Day(count)));
            let last = known.days_in_month().unsigned_abs();
            assert!((last + 1..33).chain([0]).all(|never| day(year, month, never).is_none()), "{known}");
            assert_eq!(is_weekend(Day(count)), known.weekday().to_monday_zero_offset() >= 5, "{known}");
            for months in [1, 2, 3, 6, 11, 12, 13, 48] {
                let on = |date: jiff::civil::Date| epoch.until(date).unwrap().get_days();
                let (later, earlier) = (
                    known.saturating_add(jiff::Span::new().months(months)),
                    known.saturating_sub(jiff::Span::new().months(months)),
                );
                assert_eq!(months_on(Day(count), months), Day(on(later)), "{known} and {months} months");
                assert_eq!(months_on(Day(count), -months), Day(on(earlier)), "{known} less {months} months");
            }
        }
        assert!(day(2026, 0, 1).is_none() && day(2026, 13, 1).is_none() && day(i32::MAX, 1, 1).is_none());
    }

    #[test]
    fn months_end_where_the_calendar_says() {
        let at = |text| parse_date(text).unwrap();
        assert_eq!(months_before(at("2026-05-31"), 3), at("2026-02-28"));
        assert_eq!(months_after(at("2026-01-31"), 1), at("2026-02-28"));
        assert_eq!(months_after(Instant::MAX.day(), 1), Instant::MAX.day());
        assert!(is_weekend(at("2026-02-28")) && !is_weekend(at("2026-03-02")));
    }
}

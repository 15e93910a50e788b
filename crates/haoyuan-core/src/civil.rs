//! Calendar dates and clock times at the fixed offset of the calendar rules.

use crate::instant::{DAY, Day, HOUR, Instant, MINUTE, SECOND};
use jiff::civil::{Date, Weekday};

const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// The day of a date, within the range of [`Instant`]: a whole day either side is left for offsets.
pub(crate) fn day(date: Date) -> Option<Day> {
    let days = Day(EPOCH.until(date).ok()?.get_days());
    (1..Instant::MAX.day().0).contains(&days.0).then_some(days)
}

/// The date of a day.
pub(crate) fn date(day: Day) -> Date {
    EPOCH.saturating_add(jiff::Span::new().days(day.0))
}

/// Reads `2026-03-02` (or `2026/3/2`).
pub(crate) fn parse_date(text: &str) -> Option<Day> {
    let mut parts = text.split(['-', '/']);
    let (year, month, of_month) = (number(parts.next()?)?, number(parts.next()?)?, number(parts.next()?)?);
    if parts.next().is_some() {
        return None;
    }
    let date = Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(of_month).ok()?);
    day(date.ok()?)
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
    matches!(date(day).weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// The same day of the month so many months earlier, or the last of that month.
pub(crate) fn months_before(day_: Day, months: u16) -> Day {
    day(date(day_).saturating_sub(jiff::Span::new().months(i32::from(months)))).unwrap_or(Day(1))
}

/// The same day of the month so many months later, or the last of that month; the last of all days at the latest.
pub(crate) fn months_after(day_: Day, months: u16) -> Day {
    let later = date(day_).saturating_add(jiff::Span::new().months(i32::from(months)));
    day(later).unwrap_or(Instant::MAX.day())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_clock_times_are_read_strictly() {
        assert_eq!(parse_date("1970-01-02"), Some(Day(1)));
        assert_eq!(parse_date("2026/3/2"), parse_date("2026-03-02"));
        assert_eq!(date(parse_date("2024-02-29").unwrap()), jiff::civil::date(2024, 2, 29));
        for bad in
            ["", "2026-02-30", "2026-13-01", "2026-3", "2026-3-2-1", "+026-03-02", "1970-01-01", "9999-01-01"]
        {
            assert_eq!(parse_date(bad), None, "{bad}");
        }
        assert_eq!(parse_clock("07:00"), Some(7 * HOUR));
        assert_eq!(parse_clock("6:59:30"), Some(7 * HOUR - 30 * SECOND));
        assert_eq!(parse_clock("24:00"), Some(DAY));
        for bad in ["", "7", "24:01", "07:60", "-7:00", "07:00:60", "07:00:00:00", "07 00"] {
            assert_eq!(parse_clock(bad), None, "{bad}");
        }
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

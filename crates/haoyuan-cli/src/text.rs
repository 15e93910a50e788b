//! How numbers, dates and columns are written for people.

use haoyuan_core::instant::{DAY, Day, Instant, OFFSET};
use unicode_width::UnicodeWidthStr;

/// `1,234,567`
pub(crate) fn grouped(number: impl Into<u64>) -> String {
    let digits = number.into().to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `2026-03-09`
pub(crate) fn date(day: Day) -> String {
    jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day.0)).to_string()
}

/// Reads `2026-03-09`.
pub(crate) fn parse_date(text: &str) -> Option<Day> {
    let date: jiff::civil::Date = text.parse().ok().filter(|_| text.len() == 10)?;
    let days = Day(jiff::civil::date(1970, 1, 1).until(date).ok()?.get_days());
    (Instant::MIN.day()..=Instant::MAX.day()).contains(&days).then_some(days)
}

/// Reads an RFC 3339 instant, a moment as [`date_time`] writes it, or a day; of a day its first instant, or with `end` the first
/// one after it.
pub(crate) fn parse_instant(text: &str, end: bool) -> Option<Instant> {
    if let Some(day) = parse_date(text) {
        return Some(day.midnight().plus(if end { DAY } else { 0 }));
    }
    let instant = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        // A moment without an offset is one of the calendar of the rules.
        let moment: jiff::civil::DateTime = text.parse().ok()?;
        jiff::tz::Offset::constant(8).to_timestamp(moment).ok()
    })?;
    Instant::new(instant.as_millisecond())
}

/// `2026-03-02 07:00:00.000` at +08:00.
pub(crate) fn date_time(at: Instant) -> String {
    let ms = (at.ms() + OFFSET).rem_euclid(haoyuan_core::instant::DAY);
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    format!("{} {:02}:{:02}:{:02}.{ms:03}", date(at.day()), seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// `2026-03-02T07:00:00.000+08:00`
pub(crate) fn rfc3339(at: Instant) -> String {
    date_time(at).replacen(' ', "T", 1) + "+08:00"
}

/// Filled up with blanks to so many columns of the terminal; a Chinese character takes two.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_with_its_last_millisecond() {
        let (from, to) =
            (parse_instant("2026-03-10", false).unwrap(), parse_instant("2026-03-10", true).unwrap());
        assert_eq!(to.ms() - from.ms(), DAY);
        assert_eq!(parse_instant("2026-03-10T00:00:00+08:00", false), Some(from));
        assert_eq!(parse_instant("tomorrow", false), None);
        assert_eq!(parse_instant(&date_time(to), false), Some(to), "what is printed can be asked for");
        assert_eq!(parse_instant("2026-03-10 07:30", false), Some(from.plus(27_000_000)));
    }

    #[test]
    fn numbers_dates_and_columns() {
        assert_eq!(grouped(0u32), "0");
        assert_eq!(grouped(999u32), "999");
        assert_eq!(grouped(1_234_567u32), "1,234,567");
        assert_eq!(pad("号源", 6), "号源  ");
        assert_eq!(pad("abc", 2), "abc");
        let at = Instant::saturating(1_772_380_800_000 + 7 * 3_600_000 - 1);
        assert_eq!(date_time(at), "2026-03-02 06:59:59.999");
    }
}

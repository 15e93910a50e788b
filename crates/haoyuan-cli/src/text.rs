//! How numbers, dates and columns are written for people.

use haoyuan_core::instant::{Day, Instant, OFFSET};
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

/// `2026-03-02 07:00:00.000` at +08:00.
pub(crate) fn date_time(at: Instant) -> String {
    let ms = (at.ms() + OFFSET).rem_euclid(haoyuan_core::instant::DAY);
    let (seconds, ms) = (ms / 1_000, ms % 1_000);
    format!("{} {:02}:{:02}:{:02}.{ms:03}", date(at.day()), seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// Filled up with blanks to so many columns of the terminal; a Chinese character takes two.
pub(crate) fn pad(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(text.width())))
}

#[cfg(test)]
mod tests {
    use super::*;

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

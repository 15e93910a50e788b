//! Time is an argument: an [`Instant`] is an integer number of milliseconds, and nothing in this crate reads a clock.
//!
//! The calendar rules (one booking a day, "the day before at 15:00") use one fixed offset, +08:00, which has no
//! daylight saving; a day is therefore plain integer division.

use crate::civil;
use serde::{Deserialize, Serialize};
use std::fmt;

/// Milliseconds in a second.
pub const SECOND: i64 = 1_000;
/// Milliseconds in a minute.
pub const MINUTE: i64 = 60 * SECOND;
/// Milliseconds in an hour.
pub const HOUR: i64 = 60 * MINUTE;
/// Milliseconds in a day.
pub const DAY: i64 = 24 * HOUR;
/// The offset of the calendar rules from UTC: +08:00.
pub const OFFSET: i64 = 8 * HOUR;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z, within [`Instant::MIN`]`..=`[`Instant::MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Instant(i64);

impl Instant {
    /// The earliest instant: 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(0);
    /// The latest instant: 2^42 − 2 ms, in May 2109. Every stored instant fits 42 bits, and 2^42 − 1 means "never".
    pub const MAX: Self = Self((1 << 42) - 2);

    /// The instant `ms` milliseconds after 1970-01-01T00:00:00Z, or `None` outside `MIN..=MAX`.
    #[must_use]
    pub const fn new(ms: i64) -> Option<Self> {
        if ms < Self::MIN.0 || ms > Self::MAX.0 { None } else { Some(Self(ms)) }
    }

    /// The nearest representable instant: for arithmetic whose operands were already checked.
    #[must_use]
    pub const fn saturating(ms: i64) -> Self {
        if ms < Self::MIN.0 {
            Self::MIN
        } else if ms > Self::MAX.0 {
            Self::MAX
        } else {
            Self(ms)
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// The instant in 42 bits, for packed words.
    #[must_use]
    pub const fn bits(self) -> u64 {
        self.0.unsigned_abs()
    }

    /// The instant in the low 42 bits.
    #[must_use]
    #[expect(clippy::cast_possible_wrap, reason = "42 bits")]
    pub const fn from_bits(bits: u64) -> Self {
        // 42 bits are never negative.
        Self::saturating((bits & ((1 << 42) - 1)) as i64)
    }

    /// This instant moved by `ms` milliseconds, saturating at the ends of the range.
    #[must_use]
    pub const fn plus(self, ms: i64) -> Self {
        Self::saturating(self.0.saturating_add(ms))
    }

    /// The calendar day (+08:00) that contains this instant.
    #[must_use]
    pub const fn day(self) -> Day {
        // Range: 42-bit milliseconds are at most 50,903 days; the cast cannot truncate.
        #[expect(clippy::cast_possible_truncation, reason = "at most 50,904 days")]
        Day((self.0 + OFFSET).div_euclid(DAY) as i32)
    }
}

/// A calendar day at +08:00: days since 1970-01-01.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Day(pub i32);

impl Day {
    /// 00:00:00.000 (+08:00) of this day.
    #[must_use]
    pub const fn midnight(self) -> Instant {
        Instant::saturating(self.0 as i64 * DAY - OFFSET)
    }

    /// An instant as an offset from this day's midnight, milliseconds: what a pool tree counts in. Negative before it.
    #[inline]
    #[must_use]
    pub const fn offset(self, at: Instant) -> i64 {
        at.0 - self.midnight().0
    }

    /// The calendar year and month (1 to 12) of this day.
    #[must_use]
    pub fn year_month(self) -> (i32, i32) {
        let (year, month, _) = civil::date(self);
        (year, i32::from(month))
    }

    /// The day of a year, month (1 to 12) and day of the month (from 1); `None` if the calendar has none such.
    #[must_use]
    pub fn of_date(year: i32, month: u8, of_month: u8) -> Option<Self> {
        civil::day(year, month, of_month)
    }
}

/// `2026-03-10`.
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, of_month) = civil::date(*self);
        write!(f, "{year:04}-{month:02}-{of_month:02}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_at_midnight_plus_eight() {
        // 2026-03-02T00:00:00+08:00 = 2026-03-01T16:00:00Z
        let midnight = Instant::new(1_772_380_800_000).unwrap();
        assert_eq!(midnight.day().midnight(), midnight);
        assert_eq!(midnight.plus(-1).day().0, midnight.day().0 - 1);
        assert_eq!(midnight.plus(DAY - 1).day(), midnight.day());
    }

    #[test]
    fn instants_outside_the_range_are_refused() {
        assert_eq!(Instant::new(-1), None);
        assert_eq!(Instant::new(Instant::MAX.ms() + 1), None);
        assert_eq!(Instant::MAX.plus(1), Instant::MAX);
    }

    #[test]
    fn what_lies_outside_the_range_becomes_the_end_that_is_nearer() {
        let last = Instant::MAX.ms();
        for (ms, nearest) in
            [(i64::MIN, 0), (-1, 0), (0, 0), (1, 1), (last, last), (last + 1, last), (i64::MAX, last)]
        {
            assert_eq!(Instant::saturating(ms).ms(), nearest, "{ms}");
        }
    }

    #[test]
    fn a_date_is_a_day_if_the_calendar_has_it() {
        let leap = Day::of_date(2024, 2, 29).unwrap();
        assert_eq!((leap.to_string(), leap.year_month()), ("2024-02-29".to_owned(), (2024, 2)));
        assert_eq!((Day::of_date(2024, 3, 1), Day::of_date(2026, 2, 29)), (Some(Day(leap.0 + 1)), None));
    }
}

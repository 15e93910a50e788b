//! The rules about one patient, as data: how long a hold lives, what one person may have at once.
//!
//! INVARIANT (patient rules): in every reachable state the live bookings of a patient keep every limit and do not
//! overlap; a rule is checked and its place reserved before the block is asked.

use crate::ids::{DepartmentId, InstitutionId, Interval, PractitionerId};
use crate::instant::Day;
use crate::refusal::Code;
use crate::terms::{Channel, Class};
use serde::{Deserialize, Serialize};

/// Over what a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Bookings with the same practitioner, wherever.
    Practitioner,
    /// Bookings in the same department of the same institution.
    Department,
    /// Bookings with the same institution.
    Institution,
    /// All bookings of the patient on the platform.
    Platform,
}

/// The time over which a limit counts, by the day of the visit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Window {
    /// Every run of this many days; 1 is the day itself.
    Days(u16),
    /// The calendar week, Monday first.
    Week,
    /// The calendar month.
    Month,
    /// The calendar quarter.
    Quarter,
    /// The calendar year.
    Year,
}

/// At most so many live bookings.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Limit {
    /// Over what it counts.
    pub scope: Scope,
    /// Over which time it counts.
    pub window: Window,
    /// The most live bookings.
    pub most: u16,
}

impl Limit {
    /// The refusal code of a request over this limit.
    #[must_use]
    pub const fn code(&self) -> Code {
        match (self.scope, self.window) {
            (Scope::Department, Window::Days(1)) => Code::DepartmentDayLimit,
            (Scope::Platform, Window::Days(1)) => Code::DayLimit,
            _ => Code::PeriodLimit,
        }
    }
}

/// What happens to a confirmation that comes after the hold ran out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateConfirm {
    /// It is refused.
    #[default]
    Refuse,
    /// The claim is decided once more, for the same patient, slot, class and channel.
    Retest,
}

/// The rules of one session about its patients, fixed when it was published.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rules {
    /// Name and version of the policy, for the trace.
    pub policy: String,
    /// How long a hold lives, by channel, milliseconds.
    pub hold_ms: [u32; 8],
    /// What a late confirmation meets.
    pub late_confirm: LateConfirm,
    /// The most unpaid holds of a patient in one session.
    pub holds_per_session: u8,
    /// The most unpaid holds of a patient altogether.
    pub holds_per_patient: u8,
    /// Limits on live bookings, in order of precedence.
    pub limits: Vec<Limit>,
    /// The least time between two visits of a patient, milliseconds.
    pub buffer_ms: u32,
    /// The time to add between visits at two institutions, milliseconds.
    pub travel_ms: u32,
    /// Offset from the origin from which a booking can no longer be cancelled by the patient (exclusive).
    pub cancel_until: i64,
    /// The classes that need no ticket although they are privileges (bit = class number).
    pub ticket_free: u8,
}

impl Default for Rules {
    /// 15 minutes to pay (2 hours at the window and by telephone), one hold a session, two a patient, one live booking
    /// per department and day, no buffer.
    fn default() -> Self {
        let mut hold_ms = [15 * 60_000; 8];
        hold_ms[Channel::Phone as usize] = 2 * 3_600_000;
        hold_ms[Channel::Window as usize] = 2 * 3_600_000;
        Self {
            policy: "default".to_owned(),
            hold_ms,
            late_confirm: LateConfirm::Refuse,
            holds_per_session: 1,
            holds_per_patient: 2,
            limits: vec![Limit { scope: Scope::Department, window: Window::Days(1), most: 1 }],
            buffer_ms: 0,
            travel_ms: 0,
            cancel_until: i64::MAX,
            ticket_free: 0,
        }
    }
}

/// The shortest and the longest hold, milliseconds: one second and seven days.
pub const HOLD_MS: std::ops::RangeInclusive<u32> = 1_000..=604_800_000;

/// What the patient rules look at in a live booking or a wish for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Where.
    pub institution: InstitutionId,
    /// Where.
    pub department: DepartmentId,
    /// With whom.
    pub practitioner: PractitionerId,
    /// On which day the session counts: the day on which it starts.
    pub day: Day,
    /// When, as the suggested slot.
    pub time: Interval,
}

impl Rules {
    /// Whether `class` must show a ticket.
    #[must_use]
    pub const fn needs_ticket(&self, class: Class) -> bool {
        class.needs_ticket() && self.ticket_free >> class.number() & 1 == 0
    }

    /// Whether a wish is too close in time to a live booking of the same patient.
    #[must_use]
    pub fn overlaps(&self, wish: &Visit, live: &Visit) -> bool {
        let travel = if wish.institution == live.institution { 0 } else { i64::from(self.travel_ms) };
        wish.time.conflicts(live.time, i64::from(self.buffer_ms) + travel)
    }

    /// Whether a live booking of a past day can count against one of `today` or later, by any of the limits.
    #[must_use]
    pub fn reaches(&self, past: Day, today: Day) -> bool {
        self.limits.iter().any(|limit| match limit.window {
            Window::Days(n) => today.0 - past.0 < i32::from(n.max(1)),
            window => window.period(past) == window.period(today),
        })
    }

    /// The first limit that one more booking would break, given the patient's live bookings.
    ///
    /// O(limits × live²) for sliding windows, O(limits × live) otherwise; a patient has few live bookings.
    #[must_use]
    pub fn limit_broken(&self, wish: &Visit, live: &[Visit]) -> Option<Limit> {
        self.limits.iter().copied().find(|limit| {
            let counted = || live.iter().filter(|v| limit.scope.covers(wish, v)).map(|v| v.day);
            let most = usize::from(limit.most);
            if let Window::Days(n) = limit.window {
                return sliding(wish.day, n, counted) >= most;
            }
            let period = limit.window.period(wish.day);
            counted().filter(|day| limit.window.period(*day) == period).count() >= most
        })
    }
}

impl Scope {
    fn covers(self, wish: &Visit, live: &Visit) -> bool {
        match self {
            Self::Department => wish.institution == live.institution && wish.department == live.department,
            Self::Practitioner => wish.practitioner == live.practitioner,
            Self::Institution => wish.institution == live.institution,
            Self::Platform => true,
        }
    }
}

/// The most days in any window of `n` days that contains `wish`.
fn sliding<I: Iterator<Item = Day>>(wish: Day, n: u16, counted: impl Fn() -> I) -> usize {
    let n = i32::from(n.max(1));
    let in_window = |from: i32| counted().filter(|day| (from..from + n).contains(&day.0)).count();
    // The fullest window that contains the wish begins at the wish or at a counted day.
    counted()
        .map(|day| day.0)
        .chain([wish.0])
        .filter(|from| (wish.0 - n + 1..=wish.0).contains(from))
        .map(in_window)
        .max()
        .unwrap_or(0)
}

impl Window {
    /// A number that two days share exactly if they are in the same calendar period.
    pub(crate) fn period(self, day: Day) -> i32 {
        let (year, month) = day.year_month();
        match self {
            Self::Days(_) => day.0,
            // 1970-01-01 was a Thursday; weeks begin on Monday.
            Self::Week => (day.0 + 3).div_euclid(7),
            Self::Month => year * 12 + month,
            Self::Quarter => year * 4 + (month - 1) / 3,
            Self::Year => year,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::Instant;

    fn visit(department: u32, day: i32) -> Visit {
        let start = Day(day).midnight();
        Visit {
            institution: InstitutionId::new(1).unwrap(),
            department: DepartmentId::new(department).unwrap(),
            practitioner: PractitionerId::new(department / 10).unwrap(),
            day: Day(day),
            time: Interval { from: start, to: Instant::plus(start, 1) },
        }
    }

    #[track_caller]
    fn check(scope: Scope, window: Window, most: u16, live: &[(u32, i32)], wish: (u32, i32), allowed: bool) {
        let rules = Rules { limits: vec![Limit { scope, window, most }], ..Rules::default() };
        let live: Vec<Visit> = live.iter().map(|(d, day)| visit(*d, *day)).collect();
        assert_eq!(rules.limit_broken(&visit(wish.0, wish.1), &live).is_none(), allowed);
    }

    #[test]
    fn a_past_booking_reaches_as_far_as_the_longest_window() {
        let monday = 20_500; // 2026-02-16
        for (windows, past, today, reaches) in [
            (&[][..], monday, monday, false),
            (&[Window::Days(1)], monday, monday, true),
            (&[Window::Days(1)], monday, monday + 1, false),
            // A window of no days is one of one day.
            (&[Window::Days(0)], monday, monday, true),
            (&[Window::Days(0)], monday, monday + 1, false),
            (&[Window::Days(7)], monday, monday + 5, true),
            (&[Window::Days(7)], monday, monday + 6, true),
            (&[Window::Days(7)], monday, monday + 7, false),
            (&[Window::Week], monday, monday + 6, true),
            (&[Window::Week], monday, monday + 7, false),
            (&[Window::Month], monday, monday + 12, true),
            (&[Window::Month], monday, monday + 13, false),
            (&[Window::Quarter], monday, monday + 43, true),
            (&[Window::Quarter], monday, monday + 44, false),
            (&[Window::Year], monday, monday + 318, true),
            (&[Window::Year], monday, monday + 319, false),
            (&[Window::Days(1), Window::Week], monday, monday + 3, true),
        ] {
            let limits =
                windows.iter().map(|window| Limit { scope: Scope::Platform, window: *window, most: 1 });
            let rules = Rules { limits: limits.collect(), ..Rules::default() };
            assert_eq!(rules.reaches(Day(past), Day(today)), reaches, "{windows:?} {past} {today}");
        }
    }

    #[test]
    fn limits_count_over_their_scope_and_window() {
        use Scope::{Department, Platform};
        let day = 20_500; // 2026-02-16, a Monday
        check(Department, Window::Days(1), 1, &[(1, day)], (1, day), false);
        check(Department, Window::Days(1), 1, &[(1, day)], (2, day), true);
        check(Department, Window::Days(1), 1, &[(1, day)], (1, day + 1), true);
        check(Scope::Practitioner, Window::Days(1), 1, &[(11, day)], (12, day), false);
        check(Scope::Practitioner, Window::Days(1), 1, &[(11, day)], (21, day), true);
        check(Platform, Window::Days(1), 2, &[(1, day), (2, day)], (3, day), false);
        // three in seven days: a window may begin before the wish or at it
        check(Platform, Window::Days(7), 3, &[(1, day), (2, day + 3), (3, day + 6)], (4, day + 2), false);
        check(Platform, Window::Days(7), 3, &[(1, day), (2, day + 3), (3, day + 7)], (4, day + 2), true);
        check(Platform, Window::Days(7), 3, &[(1, day), (2, day + 1), (3, day + 2)], (4, day + 6), false);
        check(Platform, Window::Days(7), 3, &[(1, day), (2, day + 1), (3, day + 2)], (4, day + 7), true);
        check(Platform, Window::Week, 1, &[(1, day)], (2, day + 6), false);
        check(Platform, Window::Week, 1, &[(1, day)], (2, day + 7), true);
        check(Platform, Window::Month, 1, &[(1, day)], (2, day + 12), false);
        check(Platform, Window::Month, 1, &[(1, day)], (2, day + 13), true);
        check(Platform, Window::Quarter, 1, &[(1, day)], (2, day + 43), false);
        check(Platform, Window::Quarter, 1, &[(1, day)], (2, day + 44), true);
    }

    #[test]
    fn a_limit_counts_where_it_says_and_in_its_own_year() {
        let at =
            |institution| Visit { institution: InstitutionId::new(institution).unwrap(), ..visit(1, 20_500) };
        for (scope, elsewhere_counts) in [
            (Scope::Department, false),
            (Scope::Institution, false),
            (Scope::Practitioner, true),
            (Scope::Platform, true),
        ] {
            let limits = vec![Limit { scope, window: Window::Week, most: 1 }];
            let rules = Rules { limits, ..Rules::default() };
            assert!(rules.limit_broken(&at(1), &[at(1)]).is_some(), "{scope:?}");
            assert_eq!(rules.limit_broken(&at(1), &[at(2)]).is_some(), elsewhere_counts, "{scope:?}");
        }
        check(Scope::Platform, Window::Year, 1, &[(1, 20_500)], (2, 20_500 + 318), false);
        check(Scope::Platform, Window::Year, 1, &[(1, 20_500)], (2, 20_500 + 319), true);
    }

    #[test]
    fn the_limits_of_one_day_are_told_by_their_own_codes() {
        let code = |scope, window| Limit { scope, window, most: 1 }.code();
        assert_eq!(code(Scope::Department, Window::Days(1)), Code::DepartmentDayLimit);
        assert_eq!(code(Scope::Platform, Window::Days(1)), Code::DayLimit);
        for (scope, window) in [
            (Scope::Department, Window::Days(2)),
            (Scope::Platform, Window::Week),
            (Scope::Institution, Window::Days(1)),
            (Scope::Practitioner, Window::Days(1)),
        ] {
            assert_eq!(code(scope, window), Code::PeriodLimit, "{scope:?} {window:?}");
        }
    }

    #[test]
    fn visits_are_apart_by_the_buffer_and_elsewhere_by_the_way_as_well() {
        let rules = Rules { buffer_ms: 20, travel_ms: 300, ..Rules::default() };
        let at = |institution, from: i64| Visit {
            institution: InstitutionId::new(institution).unwrap(),
            time: Interval { from: Instant::new(from).unwrap(), to: Instant::new(from + 10).unwrap() },
            ..visit(1, 20_500)
        };
        let first = at(1, 1_000);
        for (institution, gap) in [(1, 20), (2, 320)] {
            for (wish, overlaps) in
                [(1_009 + gap, true), (1_010 + gap, false), (991 - gap, true), (990 - gap, false)]
            {
                assert_eq!(rules.overlaps(&at(institution, wish), &first), overlaps, "{institution} {wish}");
            }
        }
    }

    #[test]
    fn two_days_are_of_one_period_if_the_calendar_says_so_and_only_then() {
        let first = 20_089; // 2025-01-01
        let days: Vec<Day> = (first..first + 3 * 365).step_by(4).map(Day).collect();
        let same = |window: Window, a: Day, b: Day| match (window, a.year_month(), b.year_month()) {
            (Window::Days(_), ..) => a == b,
            // 2024-12-30 was a Monday.
            (Window::Week, ..) => (a.0 - first + 2) / 7 == (b.0 - first + 2) / 7,
            (Window::Month, a, b) => a == b,
            (Window::Quarter, a, b) => (a.0, (a.1 + 2) / 3) == (b.0, (b.1 + 2) / 3),
            (Window::Year, a, b) => a.0 == b.0,
        };
        for window in [Window::Days(1), Window::Week, Window::Month, Window::Quarter, Window::Year] {
            for (a, b) in days.iter().flat_map(|a| days.iter().map(move |b| (*a, *b))) {
                assert_eq!(
                    window.period(a) == window.period(b),
                    same(window, a, b),
                    "{window:?} {a:?} {b:?}"
                );
            }
        }
    }
}

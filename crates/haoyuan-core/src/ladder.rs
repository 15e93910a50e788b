//! Ladders of penalties (爽约, 退号): from what a patient did to until when online booking is suspended.
//!
//! INVARIANT (a pure function of the deeds): a suspension depends on the list of offences and on nothing else, not even on
//! their order; so after a correction the answer is the one that would have been given had the corrected list been all
//! that ever happened.
//!
//! A no-show counts one, a late cancellation one half; what is excused counts nothing. Steps act when their count is
//! *reached*: of `3 in a year → 90 days; 6 → 180 days` the third deed suspends for 90 days and the fourth does not do so
//! again. A place that punishes every further one writes a step for each count; the other reading could not express both.
//! A suspension begins with the deed that reached the count, and the latest end of all counts.
//!
//! ```
//! use haoyuan_core::ladder::{Deed, Offence};
//! use haoyuan_core::instant::{DAY, Instant};
//! use haoyuan_core::policy::Policy;
//!
//! let ladders = Policy::preset("beijing-2015").unwrap().ladders();
//! let first = Instant::new(1_773_100_800_000).unwrap();
//! let no_show = |id, days| Offence { id, at: first.plus(days * DAY), deed: Deed::NoShow, excused: false };
//! let mut offences = vec![no_show(1, 0), no_show(2, 10), no_show(3, 20)];
//! assert_eq!(ladders.suspension(&offences).unwrap().until, first.plus(110 * DAY));
//! offences[1].excused = true; // the clinic was stopped, as it turns out
//! assert_eq!(ladders.suspension(&offences), None);
//! ```

use crate::civil;
use crate::instant::{Day, Instant};
use crate::rules::Window;
use serde::{Deserialize, Serialize};

/// What a patient did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deed {
    /// Booked, did not cancel, did not come (爽约).
    NoShow,
    /// Gave a seat back (退号).
    Cancel {
        /// After the deadline: half a no-show.
        late: bool,
        /// On the day of the visit.
        same_day: bool,
    },
}

/// A deed that may count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Offence {
    /// What it was about: the number of the booking.
    pub id: u64,
    /// When it happened: the instant of the cancellation; of a no-show the instant at which the number became void. Not
    /// when it was recorded, which a correction changes.
    pub at: Instant,
    /// What it was.
    pub deed: Deed,
    /// Whether it is excused: stopped by the hospital, displaced, admitted elsewhere, an accepted reason.
    pub excused: bool,
}

/// How long booking is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Term {
    /// So many milliseconds.
    Ms(i64),
    /// So many calendar months: until the same time of the same day of that month, or of its last day.
    Months(u8),
}

impl Term {
    fn end(self, from: Instant) -> Instant {
        match self {
            Self::Ms(ms) => from.plus(ms),
            Self::Months(months) => {
                let day = from.day();
                let since_midnight = from.ms() - day.midnight().ms();
                civil::months_after(day, u16::from(months)).midnight().plus(since_midnight)
            }
        }
    }
}

/// A step of a ladder: `{ count = 3, period = "year", suspend = "90d" }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Step {
    /// At this count.
    pub count: u16,
    /// Counted over this time, by the day of the deed. A sliding window ends with that day.
    pub window: Window,
    /// Booking is suspended so long.
    pub suspend: Term,
}

/// Which of the ladders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Which {
    /// No-shows, and late cancellations by half (`no_show.ladder`).
    NoShow,
    /// Cancellations (`cancel_abuse.cancels`).
    Cancels,
    /// Returns on the day of the visit (`cancel_abuse.same_day_returns`).
    SameDayReturns,
}

impl Which {
    /// How much a deed weighs on this ladder, in halves.
    const fn halves(self, deed: Deed) -> u32 {
        match (self, deed) {
            (Self::NoShow, Deed::Cancel { late: true, .. }) => 1,
            (Self::NoShow, Deed::NoShow)
            | (Self::Cancels, Deed::Cancel { .. })
            | (Self::SameDayReturns, Deed::Cancel { same_day: true, .. }) => 2,
            _ => 0,
        }
    }
}

/// The ladders of a policy.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Ladders {
    /// For no-shows.
    pub no_show: Vec<Step>,
    /// For cancellations.
    pub cancels: Vec<Step>,
    /// For returns on the day of the visit.
    pub same_day_returns: Vec<Step>,
}

/// A suspension of online booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Suspension {
    /// From the deed that reached the count.
    pub from: Instant,
    /// Until here, exclusive.
    pub until: Instant,
    /// On which ladder.
    pub ladder: Which,
    /// The count that was reached.
    pub count: u16,
    /// The offence that reached it.
    pub by: u64,
}

impl Ladders {
    /// Whether nothing is ever suspended.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.no_show.is_empty() && self.cancels.is_empty() && self.same_day_returns.is_empty()
    }

    /// The suspension that ends last; of those that end together the one that began first.
    #[must_use]
    pub fn suspension(&self, offences: &[Offence]) -> Option<Suspension> {
        // `max_by_key` takes the last of equals.
        self.trail(offences).into_iter().rev().max_by_key(|suspension| suspension.until)
    }

    /// Every suspension that the offences have brought, by its beginning. O(steps × offences²); a patient has few.
    #[must_use]
    pub fn trail(&self, offences: &[Offence]) -> Vec<Suspension> {
        let mut sorted: Vec<&Offence> = offences.iter().filter(|offence| !offence.excused).collect();
        sorted.sort_unstable_by_key(|offence| (offence.at, offence.id));
        let ladders = [
            (Which::NoShow, &self.no_show),
            (Which::Cancels, &self.cancels),
            (Which::SameDayReturns, &self.same_day_returns),
        ];
        let mut trail = Vec::new();
        for (place, offence) in sorted.iter().enumerate() {
            for (ladder, steps) in ladders {
                let weight = ladder.halves(offence.deed);
                if weight == 0 {
                    continue;
                }
                for step in steps {
                    let day = offence.at.day();
                    let before: u32 = sorted[..place]
                        .iter()
                        .filter(|earlier| covers(step.window, earlier.at.day(), day))
                        .map(|earlier| ladder.halves(earlier.deed))
                        .sum();
                    let needed = u32::from(step.count) * 2;
                    if before < needed && needed <= before + weight {
                        trail.push(Suspension {
                            from: offence.at,
                            until: step.suspend.end(offence.at),
                            ladder,
                            count: step.count,
                            by: offence.id,
                        });
                    }
                }
            }
        }
        trail
    }
}

/// Whether a deed of an earlier (or the same) day is counted together with one of `day`.
fn covers(window: Window, earlier: Day, day: Day) -> bool {
    match window {
        Window::Days(days) => earlier.0 > day.0 - i32::from(days.max(1)),
        calendar => calendar.period(earlier) == calendar.period(day),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::{DAY, HOUR};

    fn day(text: &str) -> Instant {
        civil::parse_date(text).unwrap().midnight().plus(9 * HOUR)
    }

    fn offence(id: u64, date: &str, deed: Deed) -> Offence {
        Offence { id, at: day(date), deed, excused: false }
    }

    const LATE: Deed = Deed::Cancel { late: true, same_day: false };
    const EARLY: Deed = Deed::Cancel { late: false, same_day: false };
    const SAME_DAY: Deed = Deed::Cancel { late: true, same_day: true };

    fn step(count: u16, window: Window, suspend: Term) -> Step {
        Step { count, window, suspend }
    }

    fn days(days: i64) -> Term {
        Term::Ms(days * DAY)
    }

    /// The deeds, and the ends of all suspensions in order, as days after the deed that brought them.
    #[track_caller]
    fn check(ladders: &Ladders, deeds: &[(&str, Deed)], expected: &[(u64, &str)]) {
        let offences: Vec<Offence> =
            (1..).zip(deeds).map(|(id, (date, deed))| offence(id, date, *deed)).collect();
        let trail = ladders.trail(&offences);
        let got: Vec<(u64, Instant)> = trail.iter().map(|s| (s.by, s.until)).collect();
        let expected: Vec<(u64, Instant)> = expected.iter().map(|(by, date)| (*by, day(date))).collect();
        assert_eq!(got, expected);
        // The order in which the list is given does not matter.
        let reversed: Vec<Offence> = offences.iter().rev().copied().collect();
        assert_eq!(ladders.trail(&reversed), trail);
    }

    #[test]
    fn beijing_counts_in_the_natural_year_and_acts_when_a_count_is_reached() {
        use Deed::NoShow;
        let ladders = Ladders {
            no_show: vec![step(3, Window::Year, days(90)), step(6, Window::Year, days(180))],
            ..Ladders::default()
        };
        check(&ladders, &[("2026-01-05", NoShow), ("2026-03-01", NoShow)], &[]);
        let three = [("2026-01-05", NoShow), ("2026-03-01", NoShow), ("2026-03-02", NoShow)];
        check(&ladders, &three, &[(3, "2026-05-31")]);
        // The fourth and fifth reach no count; the sixth does.
        let six = [three.as_slice(), &[("2026-03-03", NoShow); 3]].concat();
        check(&ladders, &six, &[(3, "2026-05-31"), (6, "2026-08-30")]);
        // A new year begins at nothing.
        check(&ladders, &[("2025-12-30", NoShow), ("2025-12-31", NoShow), ("2026-01-01", NoShow)], &[]);
    }

    #[test]
    fn a_late_cancellation_is_half_a_no_show() {
        use Deed::NoShow;
        let ladders = Ladders { no_show: vec![step(3, Window::Year, days(90))], ..Ladders::default() };
        check(&ladders, &[("2026-01-05", LATE); 5], &[]);
        check(&ladders, &[("2026-01-05", LATE); 6], &[(6, "2026-04-05")]);
        // 2½ and a whole one: the count is jumped over and reached all the same.
        let deeds =
            [("2026-01-01", NoShow), ("2026-01-02", NoShow), ("2026-01-03", LATE), ("2026-01-05", NoShow)];
        check(&ladders, &deeds, &[(4, "2026-04-05")]);
        check(&ladders, &[("2026-01-05", EARLY); 9], &[]);
    }

    #[test]
    fn a_sliding_window_ends_with_the_day_of_the_deed() {
        use Deed::NoShow;
        let ladders = Ladders { no_show: vec![step(3, Window::Days(90), days(90))], ..Ladders::default() };
        // Day 1 and day 90 are in one window of 90 days; day 1 and day 91 are not.
        let within = [("2026-01-01", NoShow), ("2026-02-01", NoShow), ("2026-03-31", NoShow)];
        check(&ladders, &within, &[(3, "2026-06-29")]);
        let beyond = [("2026-01-01", NoShow), ("2026-02-01", NoShow), ("2026-04-01", NoShow)];
        check(&ladders, &beyond, &[]);
        // Once old ones have dropped out the count can be reached again.
        let again =
            [within.as_slice(), &[("2026-08-01", NoShow), ("2026-08-02", NoShow), ("2026-08-03", NoShow)]]
                .concat();
        check(&ladders, &again, &[(3, "2026-06-29"), (6, "2026-11-01")]);
    }

    #[test]
    fn thirty_sixty_ninety_is_a_step_for_each_count() {
        use Deed::NoShow;
        let ladders = Ladders {
            no_show: vec![
                step(1, Window::Year, days(30)),
                step(2, Window::Year, days(60)),
                step(3, Window::Year, days(90)),
            ],
            ..Ladders::default()
        };
        let deeds = [("2026-01-01", NoShow), ("2026-02-10", NoShow), ("2026-05-01", NoShow)];
        check(&ladders, &deeds, &[(1, "2026-01-31"), (2, "2026-04-11"), (3, "2026-07-30")]);
    }

    #[test]
    fn cancellations_and_same_day_returns_have_ladders_of_their_own() {
        let ladders = Ladders {
            no_show: Vec::new(),
            cancels: vec![step(3, Window::Month, Term::Months(1))],
            same_day_returns: vec![step(2, Window::Month, Term::Months(3))],
        };
        check(&ladders, &[("2026-01-29", EARLY), ("2026-01-30", LATE), ("2026-02-01", EARLY)], &[]);
        // A month from the 31st ends with the shorter month.
        check(
            &ladders,
            &[("2026-01-29", EARLY), ("2026-01-30", LATE), ("2026-01-31", EARLY)],
            &[(3, "2026-02-28")],
        );
        check(
            &ladders,
            &[("2026-01-29", EARLY), ("2026-01-30", SAME_DAY), ("2026-01-31", SAME_DAY)],
            &[(3, "2026-02-28"), (3, "2026-04-30")],
        );
        check(&ladders, &[("2026-01-29", Deed::NoShow); 9], &[]);
    }

    #[test]
    fn of_several_suspensions_the_one_that_ends_last_counts() {
        let ladders = Ladders {
            no_show: vec![step(1, Window::Year, days(180)), step(2, Window::Year, days(10))],
            ..Ladders::default()
        };
        let offences = [offence(1, "2026-01-01", Deed::NoShow), offence(2, "2026-02-01", Deed::NoShow)];
        let suspension = ladders.suspension(&offences).unwrap();
        assert_eq!((suspension.by, suspension.until), (1, day("2026-01-01").plus(180 * DAY)));
        assert_eq!(ladders.suspension(&[]), None);
        assert!(Ladders::default().is_empty() && !ladders.is_empty());
    }

    #[test]
    fn after_a_correction_all_is_as_if_the_corrected_deeds_had_been_all() {
        // Every subset of nine deeds is excused in turn: the answer is that of the list without them.
        let ladders = Ladders {
            no_show: vec![step(2, Window::Days(60), days(30)), step(4, Window::Year, Term::Months(6))],
            cancels: vec![step(3, Window::Month, days(20))],
            same_day_returns: vec![step(2, Window::Quarter, days(15))],
        };
        let deeds = [
            ("2025-12-20", Deed::NoShow),
            ("2026-01-04", SAME_DAY),
            ("2026-01-04", Deed::NoShow),
            ("2026-01-20", EARLY),
            ("2026-01-31", LATE),
            ("2026-02-02", Deed::NoShow),
            ("2026-03-01", SAME_DAY),
            ("2026-03-15", Deed::NoShow),
            ("2026-04-02", Deed::NoShow),
        ];
        let all: Vec<Offence> = (1..).zip(deeds).map(|(id, (date, deed))| offence(id, date, deed)).collect();
        let mut different = std::collections::BTreeSet::new();
        for excused in 0..1u32 << all.len() {
            let mut corrected = all.clone();
            for (place, offence) in corrected.iter_mut().enumerate() {
                offence.excused = excused >> place & 1 == 1;
            }
            let left: Vec<Offence> = corrected.iter().filter(|o| !o.excused).copied().collect();
            assert_eq!(ladders.trail(&corrected), ladders.trail(&left));
            different.insert(ladders.suspension(&corrected).map(|s| s.until));
        }
        // The corrections do matter.
        assert!(different.len() > 8, "{}", different.len());
    }
}

//! The order of a waitlist (候补), and how long an offer lives: its time does not run at night, if the policy says so, because nobody
//! should have to answer then.
//!
//! INVARIANT (one order): two entries have the same order at every instant at which both are below the cap, because all
//! routine classes age at one rate (accumulating priority, Kleinrock 1964); ageing never lifts an entry into the band above.

use crate::day::{Curfew, WaitlistRules};
use crate::instant::{DAY, Instant};
use crate::terms::Class;

/// The band of a class: no waiting lifts anybody over its border.
const fn band(class: Class) -> u8 {
    match class {
        Class::Green => 0,
        Class::ReferralSecondary | Class::ReferralPrimary => 1,
        Class::Contract | Class::Revisit | Class::OnSite | Class::Public => 2,
    }
}

/// The rank of a class within its band; only the routine band has several.
const fn rank(class: Class) -> u64 {
    match class {
        Class::Green | Class::ReferralSecondary | Class::ReferralPrimary | Class::Contract => 0,
        Class::Revisit => 1,
        Class::OnSite => 2,
        Class::Public => 3,
    }
}

/// Where an entry stands at an instant; the smallest is served first. Compared in the order of its parts: band, rank less
/// what waiting has earned, instant of joining, number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn {
    band: u8,
    rank: u64,
    joined: Instant,
    id: u32,
}

impl WaitlistRules {
    /// The turn of entry `id` of this class, which joined at `joined`, as of `at`.
    #[must_use]
    pub fn turn(&self, class: Class, joined: Instant, id: u32, at: Instant) -> Turn {
        if !self.by_class {
            return Turn { band: 0, rank: 0, joined, id };
        }
        let rank = if self.ageing_ms == 0 {
            rank(class)
        } else {
            let waited = at.ms().saturating_sub(joined.ms()).max(0).unsigned_abs();
            (rank(class) * self.ageing_ms).saturating_sub(waited)
        };
        Turn { band: band(class), rank, joined, id }
    }

    /// When an offer made at `at` ends, for a session whose midnight is `origin`; `None` if the list is cleared by then.
    #[must_use]
    pub fn offer_until(&self, origin: Instant, at: Instant) -> Option<Instant> {
        let cleared = self.cleared_at(origin);
        if at >= cleared {
            return None;
        }
        let (mut now, mut left) = (at, i64::from(self.offer_ms));
        let next = |now| self.curfew.and_then(|curfew| curfew.next(now));
        while let Some((begins, ends)) = next(now).filter(|(begins, _)| begins.ms() < now.ms() + left) {
            left -= (begins.ms() - now.ms()).max(0);
            now = ends;
            if now >= cleared {
                break;
            }
        }
        Some(now.plus(left).min(cleared))
    }

    /// From when on nobody waits any more.
    #[must_use]
    pub const fn cleared_at(&self, origin: Instant) -> Instant {
        origin.plus(self.cleared)
    }
}

impl Curfew {
    /// The curfew of this instant, or the next: from when until when.
    fn next(self, at: Instant) -> Option<(Instant, Instant)> {
        let midnight = at.day().midnight();
        let over_night = if self.to_ms <= self.from_ms { DAY } else { 0 };
        let of = |day: i64| {
            let from = midnight.plus(day * DAY + i64::from(self.from_ms));
            (from, midnight.plus(day * DAY + i64::from(self.to_ms) + over_night))
        };
        [-1, 0, 1].into_iter().map(of).find(|(_, ends)| *ends > at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::HOUR;

    fn rules(by_class: bool, ageing_ms: u64) -> WaitlistRules {
        let (per_patient, per_session) = (3, 20);
        WaitlistRules {
            only_when_full: true,
            by_class,
            ageing_ms,
            offer_ms: 8 * 3_600_000,
            curfew: None,
            cleared: -HOUR,
            per_patient,
            per_session,
        }
    }

    /// Entries as (class, hours waited), in the order in which they should be served.
    #[track_caller]
    fn check(rules: &WaitlistRules, served: &[(Class, i64)]) {
        let now = Instant::saturating(1_000 * DAY);
        let mut turns: Vec<(Turn, usize)> = served
            .iter()
            .enumerate()
            .map(|(place, (class, waited))| {
                let id = u32::try_from(served.len() - place).unwrap();
                (rules.turn(*class, now.plus(-waited * HOUR), id, now), place)
            })
            .collect();
        turns.sort_unstable();
        assert!(turns.iter().map(|turn| turn.1).eq(0..served.len()), "{turns:?}");
    }

    #[test]
    fn classes_come_in_bands_and_routine_classes_age_into_each_other() {
        use Class::{Contract, Green, OnSite, Public, ReferralPrimary, ReferralSecondary, Revisit};
        // By class, then by entry; the two kinds of referral are one class here.
        check(
            &rules(true, 0),
            &[
                (Green, 0),
                (ReferralPrimary, 2),
                (ReferralSecondary, 1),
                (Contract, 0),
                (Revisit, 9),
                (OnSite, 9),
                (Public, 90),
                (Public, 80),
            ],
        );
        check(&rules(false, 0), &[(Public, 3), (Green, 2), (Contract, 1)]);
        // A day a class: after three days anybody is among the first of the routine classes, and no higher however long.
        let ageing = rules(true, u64::try_from(DAY).unwrap());
        check(&ageing, &[(ReferralPrimary, 0), (Public, 1_000), (Contract, 1), (Contract, 0)]);
        check(&ageing, &[(Contract, 0), (Public, 71), (Public, 70)]);
        check(&ageing, &[(Revisit, 2), (Public, 49), (Revisit, 0)]);
    }

    #[test]
    fn an_offer_never_outlives_the_list() {
        let origin = Instant::saturating(1_000 * DAY - 8 * HOUR);
        let rules = rules(true, 0);
        let cleared = origin.plus(-HOUR);
        assert_eq!(rules.offer_until(origin, cleared.plus(-9 * HOUR)), Some(cleared.plus(-HOUR)));
        assert_eq!(rules.offer_until(origin, cleared.plus(-1)), Some(cleared));
        assert_eq!(rules.offer_until(origin, cleared), None);
    }

    /// An offer made at `made` (hours since a midnight) with `offer` hours to answer ends at `ends`.
    #[track_caller]
    fn check_curfew(curfew: (u32, u32), made: i64, offer: u32, ends: i64) {
        let midnight = Instant::saturating(1_000 * DAY).day().midnight();
        let hours = |hours: u32| hours * 3_600_000;
        let curfew = Some(Curfew { from_ms: hours(curfew.0), to_ms: hours(curfew.1) });
        let rules = WaitlistRules { curfew, offer_ms: hours(offer), ..rules(true, 0) };
        let made = midnight.plus(made * HOUR);
        assert_eq!(rules.offer_until(midnight.plus(40 * DAY), made), Some(midnight.plus(ends * HOUR)));
    }

    #[test]
    fn the_time_of_an_offer_stands_still_in_the_curfew() {
        let night = (22, 7);
        check_curfew(night, 9, 8, 17);
        check_curfew(night, 14, 8, 22);
        check_curfew(night, 15, 8, 24 + 8);
        check_curfew(night, 22, 8, 24 + 15);
        check_curfew(night, 24 + 3, 8, 24 + 15);
        check_curfew(night, 24 + 7, 8, 24 + 15);
        // Over two nights, and at noon.
        check_curfew(night, 21, 24, 48 + 15);
        check_curfew((12, 14), 11, 2, 15);
        check_curfew((12, 14), 13, 2, 16);
        // The whole day but an hour: an hour a day.
        check_curfew((8, 7), 7, 3, 48 + 8);
    }

    #[test]
    fn an_offer_ends_with_the_list_in_the_curfew_as_well() {
        let origin = Instant::saturating(1_000 * DAY).day().midnight();
        let curfew = Some(Curfew { from_ms: 22 * 3_600_000, to_ms: 7 * 3_600_000 });
        let rules = WaitlistRules { curfew, ..rules(true, 0) };
        let cleared = origin.plus(-HOUR);
        assert_eq!(rules.offer_until(origin, cleared.plus(-HOUR / 2)), Some(cleared));
        assert_eq!(rules.offer_until(origin, cleared), None);
    }
}

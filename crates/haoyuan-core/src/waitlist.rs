//! The order of a waitlist (候补), and how long an offer lives.
//!
//! INVARIANT (one order): two entries have the same order at every instant at which both are below the cap, because all
//! routine classes age at one rate (accumulating priority, Kleinrock 1964); ageing never lifts an entry into the band above.

use crate::day::WaitlistRules;
use crate::instant::Instant;
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
        (at < cleared).then(|| at.plus(i64::from(self.offer_ms)).min(cleared))
    }

    /// From when on nobody waits any more.
    #[must_use]
    pub const fn cleared_at(&self, origin: Instant) -> Instant {
        origin.plus(self.cleared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::{DAY, HOUR};

    fn rules(by_class: bool, ageing_ms: u64) -> WaitlistRules {
        let (per_patient, per_session) = (3, 20);
        WaitlistRules {
            only_when_full: true,
            by_class,
            ageing_ms,
            offer_ms: 8 * 3_600_000,
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
}

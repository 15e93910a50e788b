//! From a policy to the rules of the hospital's day: ladders of penalties, the check-in queue.

use super::Policy;
use super::compile::window;
use super::schema::{Amount, Length, Percent, Step, Suspension};
use crate::apportion::BasisPoints;
use crate::calling::{self, LateTo};
use crate::instant::MINUTE;
use crate::kpi::Targets;
use crate::ladder::{self, Ladders, Term};
use crate::terms::{Grade, Tier};
use std::num::NonZeroU16;

impl Policy {
    /// The ladders of `[no_show]` and `[cancel_abuse]`.
    #[must_use]
    pub fn ladders(&self) -> Ladders {
        let steps = |steps: &Option<Vec<Step>>| steps.iter().flatten().map(step).collect();
        let document = self.document();
        Ladders {
            no_show: steps(&document.no_show.ladder),
            cancels: steps(&document.cancel_abuse.cancels),
            same_day_returns: steps(&document.cancel_abuse.same_day_returns),
        }
    }

    /// The rules of a check-in queue, of `[calling]` and `[late_arrival]`; `service_ms` is how long a visit is planned to
    /// take, milliseconds.
    #[must_use]
    pub fn calling(&self, service_ms: i64) -> calling::Rules {
        let section = &self.document().calling;
        let default = calling::Rules::default();
        let ms = |length: Option<Length>, default| length.map_or(default, Length::ms);
        let valid_late_ms = ms(self.document().late_arrival.valid, 30 * MINUTE);
        calling::Rules {
            booked_per_walk_in: if section.booked_first.unwrap_or(false) {
                None
            } else {
                section.booked_per_walk_in.and_then(NonZeroU16::new).or(default.booked_per_walk_in)
            },
            early_ms: ms(section.early, default.early_ms),
            keep_late_ms: ms(section.keep_late, default.keep_late_ms).min(valid_late_ms),
            valid_late_ms,
            late_to: section.late_to.unwrap_or(LateTo::EndOfNextPeriod),
            places_after_pass: section.places_after_pass.unwrap_or(default.places_after_pass),
            service_ms,
        }
    }

    /// What the month's report of an institution of this tier is held to, of `[targets]` and `[slot_minutes_max]`.
    #[must_use]
    pub fn targets(&self, tier: Tier) -> Targets {
        let document = self.document();
        let share = |percent: Option<Percent>| {
            percent.and_then(|percent| BasisPoints::new(u16::from(percent.get()) * 100))
        };
        let default = Targets::default();
        Targets {
            policy: self.name().to_owned(),
            booking: share(document.targets.booking),
            revisit: share(document.targets.revisit),
            stomatology_revisit: share(document.targets.stomatology_revisit),
            prenatal_revisit: share(document.targets.prenatal_revisit),
            inpatient_exam: share(document.targets.inpatient_exam),
            slot_ms: document.slot_minutes_max.get(tier).map(|(minutes, _)| i64::from(*minutes) * MINUTE),
            same_visit_ms: document.targets.same_visit.map_or(default.same_visit_ms, Length::ms),
        }
    }

    /// The share of the seats of a session that a pool reserves in an institution of this tier, if it asks for a share.
    #[must_use]
    pub fn reserved_share(&self, pool: &str, tier: Tier, grade: Grade) -> Option<BasisPoints> {
        let (reserve, _) = self.document().pools.get(pool)?.reserve.get(tier)?;
        let counts = reserve.grades.as_ref().is_none_or(|grades| grades.contains(&grade));
        match reserve.amount {
            Amount::Share(share) if counts => Some(share),
            _ => None,
        }
    }
}

fn step(step: &Step) -> ladder::Step {
    let suspend = match step.suspend {
        Suspension::Length(length) => Term::Ms(length.ms()),
        Suspension::Months(months) => Term::Months(months),
    };
    ladder::Step { count: step.count, window: window(step.span), suspend }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::DAY;
    use crate::rules::Window;

    #[test]
    fn ladders_and_calling_are_what_the_sections_say() {
        let ladders = Policy::preset("beijing-2015").unwrap().ladders();
        let of = |count, days| ladder::Step { count, window: Window::Year, suspend: Term::Ms(days * DAY) };
        assert_eq!(ladders.no_show, [of(3, 90), of(6, 180)]);
        let policy = Policy::parse(
            "hospital.toml",
            "name = \"h\"\nextends = \"default\"\n\
             [cancel_abuse]\ncancels = [{ count = 3, period = \"month\", suspend_months = 1 }]\n\
             same_day_returns = [{ count = 3, days = 30, suspend = \"12h\" }]\n\
             [calling]\nbooked_first = true\nearly = \"20min\"\nlate_to = \"end_of_queue\"\n\
             [late_arrival]\nvalid = \"5min\"\n",
        )
        .unwrap();
        let ladders = policy.ladders();
        let cancels = ladder::Step { count: 3, window: Window::Month, suspend: Term::Months(1) };
        assert_eq!(ladders.cancels, [cancels]);
        assert_eq!(ladders.same_day_returns[0].window, Window::Days(30));
        let rules = policy.calling(9 * MINUTE);
        assert_eq!((rules.booked_per_walk_in, rules.early_ms), (None, 20 * MINUTE));
        assert_eq!((rules.keep_late_ms, rules.valid_late_ms), (5 * MINUTE, 5 * MINUTE));
        assert_eq!((rules.late_to, rules.service_ms), (LateTo::EndOfQueue, 9 * MINUTE));
        let preset = Policy::preset("default").unwrap();
        assert_eq!(preset.calling(6 * MINUTE), calling::Rules::default());
    }
}

//! When a returned seat reappears (退号再放): not at a moment that whoever returned it could agree upon with somebody.
//!
//! INVARIANT (never late): a seat reappears no later than the instant from which seats are not kept back any more, and a seat
//! returned after that instant reappears at once.
//!
//! Cancel-and-rebook resale pays because the seat is free at a known moment (Hakimov, Heller, Kübler, Kurino, AER 2021).

use crate::day::ReturnRules;
use crate::instant::{DAY, Instant};

impl ReturnRules {
    /// When a seat of a slot that starts at `starts`, returned at `at`, reappears: at the next batch time, and by a delay
    /// later that `noise` (any number, drawn evenly) chooses between the least and the most.
    #[must_use]
    pub fn reappears(&self, at: Instant, starts: Instant, noise: u64) -> Instant {
        let near = starts.plus(-self.at_once_within_ms);
        if at >= near {
            return at;
        }
        let midnight = at.day().midnight();
        // In order, so the first one that is later is the next; after the last one the first of tomorrow.
        let later = self.batches.iter().map(|clock| midnight.plus(*clock)).find(|batch| *batch > at);
        let tomorrow = || self.batches.first().map(|clock| midnight.plus(DAY + clock));
        let base = later.or_else(tomorrow).unwrap_or(at);
        let choices = (self.most_ms - self.least_ms).max(0).unsigned_abs() + 1;
        // Less than the length of the delay, which is far below 2^63.
        let delay = self.least_ms + i64::try_from(noise % choices).unwrap_or(0);
        base.plus(delay).min(near)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::{HOUR, MINUTE};

    #[track_caller]
    fn check(
        batches: &[i64],
        (least, most): (i64, i64),
        (at, starts, noise): (i64, i64, u64),
        expected: i64,
    ) {
        let rules = ReturnRules {
            batches: batches.iter().map(|hour| hour * HOUR).collect(),
            least_ms: least,
            most_ms: most,
            at_once_within_ms: 12 * HOUR,
            window_online: false,
            seed: 0,
        };
        let midnight = crate::instant::Day(20_000).midnight();
        let found = rules.reappears(midnight.plus(at), midnight.plus(starts), noise);
        assert_eq!(found, midnight.plus(expected), "{rules:?}");
    }

    #[test]
    fn a_returned_seat_reappears_at_the_next_batch_and_after_a_delay_but_never_near_its_slot() {
        let (hour, noon) = (HOUR, 12 * HOUR);
        let far = 5 * DAY;
        // No batches: the delay alone, its ends included.
        check(&[], (hour, 2 * hour), (noon, far, 0), noon + hour);
        check(&[], (hour, 2 * hour), (noon, far, hour.unsigned_abs()), noon + 2 * hour);
        check(&[], (hour, 2 * hour), (noon, far, hour.unsigned_abs() + 1), noon + hour);
        check(&[], (0, 0), (noon, far, 7), noon);
        // The next batch, one that is now over included; after the last one the first of tomorrow.
        check(&[8, 12, 16], (0, 0), (noon - 1, far, 7), noon);
        check(&[8, 12, 16], (0, 0), (noon, far, 7), 16 * hour);
        check(&[8, 12, 16], (0, 0), (20 * hour, far, 7), DAY + 8 * hour);
        check(&[8, 12, 16], (0, 10 * MINUTE), (noon, far, 3), 16 * hour + 3);
        // Within twelve hours of its slot at once, and never kept longer than until then.
        check(&[8, 12, 16], (hour, hour), (noon, DAY, 0), noon);
        check(&[8, 12, 16], (hour, hour), (noon - 1, DAY, 0), noon);
        check(&[16], (hour, hour), (noon, DAY + 4 * hour + 30 * MINUTE, 0), 16 * hour + 30 * MINUTE);
    }
}

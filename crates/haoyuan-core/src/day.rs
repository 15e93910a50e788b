//! The rules of the hospital's day as data: what a session's policy says about waiting, extra seats, late arrivals and
//! cancelling, fixed when the session is published.
//!
//! INVARIANT (fixed at publish): a session keeps the rules it was published with; a later policy changes none of them.
//! Everything here is administration: no claim of a seat looks at it.

use crate::calling;
use crate::ladder::Ladders;
use serde::{Deserialize, Serialize};

/// The rules of one session's day.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DayRules {
    /// Name of the policy, for the trace and the reports.
    pub policy: String,
    /// The waitlist (候补); `None` if nobody can wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waitlist: Option<WaitlistRules>,
    /// Extra seats (加号).
    pub extra: ExtraRules,
    /// Arriving and being called.
    pub calling: calling::Rules,
    /// What suspends the right to book online.
    pub ladders: Ladders,
    /// Cancelling late.
    pub cancel: CancelRules,
    /// What patients are told of their own bookings.
    #[serde(skip_serializing_if = "is_silent")]
    pub notices: NoticeRules,
    /// When a returned seat of the public reappears; `None`: at once, for everybody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returns: Option<ReturnRules>,
}

fn is_silent(rules: &NoticeRules) -> bool {
    !rules.tell()
}

/// The rules of a waitlist.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitlistRules {
    /// Whether one can join only if nothing wanted is free.
    pub only_when_full: bool,
    /// Whether classes come before the order of entry.
    pub by_class: bool,
    /// How long somebody of a routine class waits to rise by one class within the routine ones, milliseconds; 0: never.
    pub ageing_ms: u64,
    /// How long an offer is held, milliseconds; never beyond `cleared`.
    pub offer_ms: u32,
    /// The hours in which the time of an offer does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub curfew: Option<Curfew>,
    /// Offset from the session's midnight from which nobody waits any more (exclusive end of the list).
    pub cleared: i64,
    /// The most open entries of a patient on the platform.
    pub per_patient: u8,
    /// The most open entries of the session.
    pub per_session: u16,
}

impl WaitlistRules {
    /// A list that nobody can join any more; who is in it is served in the order of entry.
    pub const BY_ENTRY: Self = Self {
        only_when_full: true,
        by_class: false,
        ageing_ms: 0,
        offer_ms: 0,
        curfew: None,
        cleared: i64::MIN,
        per_patient: 0,
        per_session: 0,
    };
}

/// Hours of every day, through midnight if they end before they begin; milliseconds since midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Curfew {
    /// When it begins.
    pub from_ms: u32,
    /// When it ends (exclusive); another than `from_ms`.
    pub to_ms: u32,
}

/// The rules about extra seats. The default allows none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraRules {
    /// The most that a practitioner adds on one day.
    pub per_practitioner_day: u16,
    /// The most green-channel inserts of a session.
    pub green_per_session: u16,
    /// Whether a reason must be given.
    pub reason_required: bool,
}

/// What the host is told to tell patients beside what the hospital did; the default is nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoticeRules {
    /// That a seat is held.
    pub held: bool,
    /// That a seat is booked.
    pub booked: bool,
    /// That a hold is about to expire: so long before its end, milliseconds; 0: never.
    pub expiring_ms: i64,
    /// That a visit is near: so long before the start of its slot, milliseconds; 0: never.
    pub reminder_ms: i64,
}

impl NoticeRules {
    /// Whether anything is told.
    #[must_use]
    pub fn tell(&self) -> bool {
        *self != Self::default()
    }
}

/// When a seat that a member of the public gave back is there again for the public.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReturnRules {
    /// It reappears at the next of these times of day, milliseconds since midnight, in order; none: it does not wait for one.
    pub batches: Vec<i64>,
    /// And so much later at least, milliseconds.
    pub least_ms: i64,
    /// And so much later at most, milliseconds; not less than `least_ms`.
    pub most_ms: i64,
    /// Nearer than this to the start of its slot it is not kept back, milliseconds.
    pub at_once_within_ms: i64,
    /// Whether a seat returned at the window is sold online again.
    pub window_online: bool,
    /// What the delays are drawn from; the host keeps it to itself.
    pub seed: u64,
}

/// What a late cancellation costs.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CancelRules {
    /// Offset from the session's midnight from which a cancellation is late.
    pub late_from: i64,
    /// Whether a late cancellation is accepted and counts as half a no-show; otherwise it is refused.
    pub counted: bool,
    /// Reason codes of the host's list that excuse a late cancellation or a no-show.
    pub excused: Vec<u16>,
}

impl Default for CancelRules {
    fn default() -> Self {
        Self { late_from: i64::MAX, counted: false, excused: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_of_notices_are_written_down_where_something_is_told() {
        let written = |notices: NoticeRules| {
            let rules = serde_json::to_value(DayRules { notices, ..DayRules::default() }).unwrap();
            assert_eq!(rules.get("notices").is_some(), notices.tell());
            serde_json::from_value::<DayRules>(rules).unwrap().notices
        };
        let silent = NoticeRules::default();
        let booked = NoticeRules { booked: true, ..silent };
        assert_eq!([silent, booked].map(|notices| notices.tell()), [false, true]);
        assert_eq!([silent, booked].map(written), [silent, booked]);
    }
}

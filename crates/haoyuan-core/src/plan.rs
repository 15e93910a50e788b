//! A session as it will be published: the outcome of reading a policy, and all that the engine needs to know of it.

use crate::ids::{DepartmentId, InstitutionId, Interval, PractitionerId, SEATS_MAX, SlotIndex};
use crate::instant::{Day, Instant};
use crate::pool::PoolTree;
use crate::rules::Rules;
use crate::said;
use crate::said::{Said, Speak};
use crate::terms::{Grade, Kind};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Practitioner (or machine, room) × date × from–to, with a grade.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Session {
    /// The hospital's own code for it, unique on the platform; 1 to 64 bytes.
    pub code: String,
    /// The institution.
    pub institution: InstitutionId,
    /// The department.
    pub department: DepartmentId,
    /// The practitioner, machine or room.
    pub practitioner: PractitionerId,
    /// The grade.
    pub grade: Grade,
    /// The kind.
    pub kind: Kind,
    /// From–to; may cross midnight.
    pub time: Interval,
    /// The length of a slot, milliseconds; divides the session's length.
    pub slot_ms: u32,
    /// Seats per slot; as many elements as slots.
    pub capacity: Vec<u8>,
}

impl Session {
    /// The day the session counts for: the day on which it starts.
    #[must_use]
    pub const fn day(&self) -> Day {
        self.time.from.day()
    }

    /// The instant that all offsets of its pool trees count from: midnight of its day.
    #[must_use]
    pub const fn origin(&self) -> Instant {
        self.day().midnight()
    }

    /// All seats of the session.
    #[must_use]
    pub fn seats(&self) -> u32 {
        self.capacity.iter().map(|c| u32::from(*c)).sum()
    }

    /// The time of a slot.
    #[must_use]
    pub fn slot_time(&self, slot: SlotIndex) -> Interval {
        let from = self.time.from.plus(i64::from(self.slot_ms) * i64::from(slot.get()));
        Interval { from, to: from.plus(i64::from(self.slot_ms)) }
    }

    /// Checks the session by itself: code, time, slots and capacities.
    ///
    /// # Errors
    /// [`PlanError`] names the first thing that is wrong; never [`PlanError::Trees`].
    pub fn check(&self) -> Result<(), PlanError> {
        if self.code.is_empty() || self.code.len() > 64 || self.code.chars().any(char::is_control) {
            return Err(PlanError::Code);
        }
        let length = self.time.to.ms() - self.time.from.ms();
        if length <= 0 || length > crate::instant::DAY {
            return Err(PlanError::Time);
        }
        let slot = i64::from(self.slot_ms);
        let slots = self.capacity.len();
        if slot == 0 || length % slot != 0 || usize::try_from(length / slot) != Ok(slots) || slots > 1024 {
            return Err(PlanError::Slots);
        }
        if self.capacity.iter().any(|c| *c == 0 || *c > SEATS_MAX) {
            return Err(PlanError::Capacity);
        }
        Ok(())
    }
}

/// What a block is: over which seats one pool tree decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(clippy::large_enum_variant, reason = "a plan has one; a box would be in every reader's way")]
pub enum Blocks {
    /// Each slot is a block with a tree of its own.
    PerSlot(Vec<PoolTree>),
    /// The whole session is one block (at most 63 seats, every slot with the same capacity): the reserve is
    /// guaranteed for the session and not for a time of day.
    WholeSession(PoolTree),
}

/// A session ready to be published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The session.
    pub session: Session,
    /// Its blocks and their pool trees.
    pub blocks: Blocks,
    /// Its rules about patients.
    pub rules: Rules,
}

/// Why a plan does not fit together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PlanError {
    /// The code is empty, longer than 64 bytes or has control characters.
    Code,
    /// The session ends before it begins, or lasts longer than 24 hours.
    Time,
    /// The slot length does not divide the session, or there are more than 1024 slots.
    Slots,
    /// As many capacities as slots are needed, each 1 to 63.
    Capacity,
    /// The trees do not match the slots and their capacities.
    Trees,
}

impl Speak for PlanError {
    fn said(&self) -> Said {
        match self {
            Self::Code => said!(
                "a session code has 1 to 64 bytes and no control characters",
                "班次编号须为 1 至 64 字节,且不含控制字符"
            ),
            Self::Time => said!(
                "a session must end after it begins and within 24 hours",
                "班次的结束时间须晚于开始时间,且不超过 24 小时"
            ),
            Self::Slots => said!(
                "the slot length must divide the session into 1 to 1024 slots",
                "时段长度须能将班次整分为 1 至 1024 个时段"
            ),
            Self::Capacity => {
                said!("each slot needs a capacity of 1 to 63 seats", "每个时段须有 1 至 63 个号")
            }
            Self::Trees => said!(
                "the pool trees do not match the slots and their capacities",
                "号源池与各时段的号数不符"
            ),
        }
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for PlanError {}

impl Plan {
    /// Checks that session and trees fit together.
    ///
    /// # Errors
    /// [`PlanError`] names the first mismatch.
    pub fn check(&self) -> Result<(), PlanError> {
        let session = &self.session;
        session.check()?;
        let slots = session.capacity.len();
        let fits = match &self.blocks {
            Blocks::PerSlot(trees) => {
                trees.len() == slots
                    && trees.iter().zip(&session.capacity).all(|(tree, c)| tree.seats() == *c)
            }
            Blocks::WholeSession(tree) => {
                session.capacity.iter().all(|c| *c == session.capacity[0])
                    && u32::from(tree.seats()) == session.seats()
            }
        };
        if fits { Ok(()) } else { Err(PlanError::Trees) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::NodeIndex;
    use crate::instant::{DAY, HOUR, MINUTE};
    use crate::pool::{Node, Routes};

    /// From eight o'clock on, in slots of half an hour of these seats.
    fn session(capacity: &[u8]) -> Session {
        let from = Day(20_000).midnight().plus(8 * HOUR);
        Session {
            code: "cardiology-am".to_owned(),
            institution: InstitutionId::default(),
            department: DepartmentId::default(),
            practitioner: PractitionerId::default(),
            grade: Grade::Expert,
            kind: Kind::Clinic,
            time: Interval { from, to: from.plus(30 * MINUTE * i64::try_from(capacity.len()).unwrap()) },
            slot_ms: 1_800_000,
            capacity: capacity.to_vec(),
        }
    }

    fn tree(seats: u8) -> PoolTree {
        PoolTree::new(seats, vec![Node::plain("ROOT", NodeIndex::ROOT)], Routes::default()).unwrap()
    }

    /// What is said of a session of two slots that was changed in one thing.
    #[track_caller]
    fn check(change: impl FnOnce(&mut Session), expected: &Result<(), PlanError>) {
        let mut changed = session(&[5, 4]);
        change(&mut changed);
        assert_eq!(&changed.check(), expected, "{changed:?}");
    }

    #[test]
    fn a_code_has_1_to_64_bytes_that_can_be_printed() {
        for (code, expected) in [
            ("a".repeat(64), Ok(())),
            ("号".repeat(21), Ok(())),
            (String::new(), Err(PlanError::Code)),
            ("a".repeat(65), Err(PlanError::Code)),
            ("号".repeat(22), Err(PlanError::Code)),
            ("a\nb".to_owned(), Err(PlanError::Code)),
        ] {
            check(|session| session.code = code, &expected);
        }
    }

    #[test]
    fn a_session_lasts_a_day_at_most_and_its_slots_fill_it() {
        let lasting = |ms: i64, slot_ms: u32, slots: usize| {
            move |session: &mut Session| {
                session.time.to = session.time.from.plus(ms);
                (session.slot_ms, session.capacity) = (slot_ms, vec![1; slots]);
            }
        };
        check(lasting(DAY, 3_600_000, 24), &Ok(()));
        check(lasting(DAY + HOUR, 3_600_000, 25), &Err(PlanError::Time));
        check(lasting(1, 1, 1), &Ok(()));
        check(lasting(0, 1, 0), &Err(PlanError::Time));
        check(lasting(-HOUR, 3_600_000, 1), &Err(PlanError::Time));
        check(lasting(1024 * MINUTE, 60_000, 1024), &Ok(()));
        check(lasting(1025 * MINUTE, 60_000, 1025), &Err(PlanError::Slots));
        check(lasting(HOUR, 0, 2), &Err(PlanError::Slots));
        check(lasting(HOUR, 1_800_000, 1), &Err(PlanError::Slots));
        check(lasting(HOUR, 1_800_000, 3), &Err(PlanError::Slots));
        check(lasting(HOUR + 1, 1_800_000, 2), &Err(PlanError::Slots));
    }

    #[test]
    fn a_slot_has_1_to_63_seats() {
        for (seats, expected) in
            [(0, Err(PlanError::Capacity)), (1, Ok(())), (63, Ok(())), (64, Err(PlanError::Capacity))]
        {
            check(|session| session.capacity[1] = seats, &expected);
        }
    }

    #[test]
    fn every_slot_has_a_tree_of_its_seats_or_the_session_one_of_all() {
        let fits = |capacity: &[u8], blocks| {
            Plan { session: session(capacity), blocks, rules: Rules::default() }.check()
        };
        let per_slot = |seats: &[u8]| Blocks::PerSlot(seats.iter().map(|seats| tree(*seats)).collect());
        assert_eq!(fits(&[5, 4], per_slot(&[5, 4])), Ok(()));
        for seats in [&[4, 5][..], &[5, 3], &[5], &[5, 4, 4]] {
            assert_eq!(fits(&[5, 4], per_slot(seats)), Err(PlanError::Trees), "{seats:?}");
        }
        assert_eq!(fits(&[5, 5], Blocks::WholeSession(tree(10))), Ok(()));
        for (capacity, seats) in [([5, 5], 9), ([5, 4], 9), ([4, 6], 10)] {
            assert_eq!(
                fits(&capacity, Blocks::WholeSession(tree(seats))),
                Err(PlanError::Trees),
                "{capacity:?}"
            );
        }
        assert_eq!(fits(&[0, 4], per_slot(&[5, 4])), Err(PlanError::Capacity));
    }

    #[test]
    fn a_slot_begins_where_the_one_before_it_ends_and_offsets_count_from_midnight() {
        let session = session(&[5, 4, 3]);
        let times: Vec<Interval> =
            (0..3).map(|slot| session.slot_time(SlotIndex::new(slot).unwrap())).collect();
        assert_eq!(times[0].from, session.time.from);
        assert!(times.windows(2).all(|pair| pair[0].to == pair[1].from));
        assert_eq!((times[2].to, session.seats()), (session.time.to, 12));
        assert_eq!((session.day(), session.time.from.ms() - session.origin().ms()), (Day(20_000), 8 * HOUR));
    }

    #[test]
    fn what_is_wrong_with_a_plan_is_said_in_both_languages() {
        let errors =
            [PlanError::Code, PlanError::Time, PlanError::Slots, PlanError::Capacity, PlanError::Trees];
        let mut said = std::collections::HashSet::new();
        for error in errors {
            assert!(said.insert(error.to_string()) && !error.said().zh.is_ascii(), "{error}");
        }
    }
}

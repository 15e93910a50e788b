//! Published sessions as four words each, so that a decision finds its block without a lock.
//!
//! ```text
//! w0  bits 0..42 from (ms) · 42..52 slots − 1 · 52 whole session is one block · 53..55 grade · 55..57 kind · 63 published
//! w1  bits 0..32 first seat · 32..56 first block · 56..62 seats per slot (the largest)
//! w2  bits 0..16 institution · 16..36 department · 36..60 practitioner
//! w3  bits 0..27 slot length (ms) · 27..47 rules · 47..64 day
//! ```

#![expect(clippy::cast_possible_truncation, reason = "fields of packed words are narrower than their types")]
#![expect(
    clippy::inline_always,
    reason = "a refusal is one pass through registers; calls return structs through memory"
)]

use crate::sync::{AtomicU64, Ordering};
use haoyuan_core::ids::{BlockId, DepartmentId, InstitutionId, Interval, PractitionerId, SlotIndex};
use haoyuan_core::instant::{DAY, Day, Instant, OFFSET};
use haoyuan_core::plan::Session;
use haoyuan_core::rules::Visit;
use haoyuan_core::terms::{Grade, Kind};

#[repr(align(32))]
pub(crate) struct SessionCell([AtomicU64; 4]);

/// A published session as it was read: its words, unpacked field by field where a decision needs them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SessionRow([u64; 4]);

const DAY_SHIFT: u32 = 47;
const _: () = assert!(Instant::MAX.day().0 < 1 << (64 - DAY_SHIFT));

const PUBLISHED: u64 = 1 << 63;

impl SessionCell {
    pub(crate) fn new() -> Self {
        Self(std::array::from_fn(|_| AtomicU64::new(0)))
    }

    /// Publishes a session whose blocks are ready.
    pub(crate) fn publish(
        &self,
        session: &Session,
        whole: bool,
        first_seat: u32,
        first_block: u32,
        rules: u32,
    ) {
        let stride = session.capacity.iter().copied().max().unwrap_or(0);
        let w1 = u64::from(first_seat) | u64::from(first_block) << 32 | u64::from(stride) << 56;
        let w2 = u64::from(session.institution.get())
            | u64::from(session.department.get()) << 16
            | u64::from(session.practitioner.get()) << 36;
        // A day is never negative: instants begin in 1970.
        let day = u64::from(session.day().0.unsigned_abs());
        let w3 = u64::from(session.slot_ms) | u64::from(rules) << 27 | day << DAY_SHIFT;
        let w0 = session.time.from.bits()
            | (session.capacity.len() as u64 - 1) << 42
            | u64::from(whole) << 52
            | u64::from(session.grade.number()) << 53
            | u64::from(session.kind.number()) << 55
            | PUBLISHED;
        // Relaxed: published by w0.
        self.0[1].store(w1, Ordering::Relaxed);
        self.0[2].store(w2, Ordering::Relaxed);
        self.0[3].store(w3, Ordering::Relaxed);
        // Release: pairs with the Acquire in `read`; blocks, seats and rules were written before.
        self.0[0].store(w0, Ordering::Release);
    }

    /// Takes a session back that is over: nobody finds it any more.
    pub(crate) fn retire(&self) {
        // Written by administration only, which is one at a time. Relaxed: nothing is concluded from the absence but itself.
        let w0 = self.0[0].load(Ordering::Relaxed);
        self.0[0].store(w0 & !PUBLISHED, Ordering::Relaxed);
    }

    /// Gives a published session to another practitioner.
    pub(crate) fn substitute(&self, practitioner: PractitionerId) {
        const FIELD: u64 = (PractitionerId::MAX as u64) << 36;
        // Written by administration only, which is one at a time. Release: whoever sees the new practitioner sees why.
        let w2 = self.0[2].load(Ordering::Relaxed);
        self.0[2].store(w2 & !FIELD | u64::from(practitioner.get()) << 36, Ordering::Release);
    }

    /// The session, if one is published here. Wait-free.
    #[inline(always)]
    pub(crate) fn read(&self) -> Option<SessionRow> {
        // Acquire: pairs with `publish`.
        let w0 = self.0[0].load(Ordering::Acquire);
        if w0 & PUBLISHED == 0 {
            return None;
        }
        let word = |place: usize| self.0[place].load(Ordering::Relaxed);
        Some(SessionRow([w0, word(1), word(2), word(3)]))
    }
}

impl SessionRow {
    pub(crate) fn from(&self) -> Instant {
        Instant::from_bits(self.0[0])
    }

    pub(crate) fn slots(&self) -> u16 {
        (self.0[0] >> 42 & 1023) as u16 + 1
    }

    /// Whether the whole session is one block.
    pub(crate) fn whole(&self) -> bool {
        self.0[0] >> 52 & 1 == 1
    }

    pub(crate) fn first_seat(&self) -> u32 {
        self.0[1] as u32
    }

    pub(crate) fn first_block(&self) -> u32 {
        (self.0[1] >> 32) as u32 & BlockId::MAX
    }

    /// The block of a slot.
    #[inline(always)]
    pub(crate) fn block_of(&self, slot: SlotIndex) -> u32 {
        self.first_block() + if self.whole() { 0 } else { u32::from(slot.get()) }
    }

    /// Seats per slot, the largest.
    pub(crate) fn stride(&self) -> u8 {
        (self.0[1] >> 56) as u8 & 63
    }

    pub(crate) fn slot_ms(&self) -> u32 {
        self.0[3] as u32 & ((1 << 27) - 1)
    }

    pub(crate) fn rules(&self) -> u32 {
        (self.0[3] >> 27) as u32 & ((1 << 20) - 1)
    }

    /// The blocks, as numbers.
    pub(crate) fn blocks(&self) -> std::ops::Range<u32> {
        let count = if self.whole() { 1 } else { u32::from(self.slots()) };
        self.first_block()..self.first_block() + count
    }

    pub(crate) fn institution(&self) -> InstitutionId {
        InstitutionId::new(self.0[2] as u16).unwrap_or_default()
    }

    pub(crate) fn department(&self) -> DepartmentId {
        DepartmentId::new((self.0[2] >> 16) as u32 & DepartmentId::MAX).unwrap_or_default()
    }

    pub(crate) fn practitioner(&self) -> PractitionerId {
        PractitionerId::new((self.0[2] >> 36) as u32 & PractitionerId::MAX).unwrap_or_default()
    }

    pub(crate) fn grade(&self) -> Grade {
        Grade::from_number((self.0[0] >> 53) as u8 & 3).unwrap_or(Grade::Ordinary)
    }

    pub(crate) fn kind(&self) -> Kind {
        Kind::from_number((self.0[0] >> 55) as u8 & 3).unwrap_or(Kind::Clinic)
    }

    pub(crate) fn day(&self) -> Day {
        Day((self.0[3] >> DAY_SHIFT) as i32)
    }

    /// An instant as an offset from the origin of the session's pool trees.
    #[inline(always)]
    pub(crate) fn offset(&self, at: Instant) -> i64 {
        // As `Day::midnight`, without asking whether the day is too late for an instant: that of a session is not.
        let midnight = i64::from(self.day().0) * DAY - OFFSET;
        let offset = at.ms() - midnight.max(Instant::MIN.ms());
        debug_assert_eq!(offset, self.day().offset(at));
        offset
    }

    pub(crate) fn slot_time(&self, slot: SlotIndex) -> Interval {
        let from = self.from().plus(i64::from(self.slot_ms()) * i64::from(slot.get()));
        Interval { from, to: from.plus(i64::from(self.slot_ms())) }
    }

    pub(crate) fn time(&self) -> Interval {
        Interval {
            from: self.from(),
            to: self.from().plus(i64::from(self.slot_ms()) * i64::from(self.slots())),
        }
    }

    pub(crate) fn visit(&self, slot: SlotIndex) -> Visit {
        Visit {
            institution: self.institution(),
            department: self.department(),
            practitioner: self.practitioner(),
            day: self.day(),
            time: self.slot_time(slot),
        }
    }

    /// The slot of a seat of the block that is `block` places after the session's first.
    pub(crate) fn slot_of(&self, block: u32, seat: u8) -> SlotIndex {
        let slot = if self.whole() { u32::from(seat) / u32::from(self.stride().max(1)) } else { block };
        SlotIndex::new(slot as u16).unwrap_or_default()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use haoyuan_core::instant::{DAY, HOUR, MINUTE};

    fn session(
        from: Instant,
        slot_ms: u32,
        capacity: &[u8],
        numbers: (u16, u32, u32),
        grade: Grade,
        kind: Kind,
    ) -> Session {
        let length = i64::from(slot_ms) * i64::try_from(capacity.len()).unwrap();
        Session {
            code: "session".to_owned(),
            institution: InstitutionId::new(numbers.0).unwrap(),
            department: DepartmentId::new(numbers.1).unwrap(),
            practitioner: PractitionerId::new(numbers.2).unwrap(),
            grade,
            kind,
            time: Interval { from, to: from.plus(length) },
            slot_ms,
            capacity: capacity.to_vec(),
        }
    }

    /// A session of 1024 slots with the largest of all numbers, and some with little or nothing in one place after the other.
    #[test]
    fn a_session_is_read_as_it_was_published() {
        let late = Instant::MAX.plus(-DAY).day().midnight();
        let all = (u16::MAX, DepartmentId::MAX, PractitionerId::MAX);
        let most = [63; 1024];
        let room = (u32::MAX - 3, BlockId::MAX - 1023, (1 << 20) - 1);
        for (session, whole, (first_seat, first_block, rules)) in [
            (session(late, 60_000, &most, all, Grade::Disease, Kind::Exam), false, room),
            (
                session(late, 60_000, &most, (0, DepartmentId::MAX, 0), Grade::Ordinary, Kind::Clinic),
                true,
                (0, BlockId::MAX, 0),
            ),
            (
                session(
                    Day(1).midnight(),
                    86_400_000,
                    &[1],
                    (u16::MAX, 0, PractitionerId::MAX),
                    Grade::Expert,
                    Kind::Clinic,
                ),
                false,
                (u32::MAX, 0, 1),
            ),
            (
                session(Day(2).midnight().plus(1), 1, &[1, 2, 5], (1, 2, 3), Grade::Premium, Kind::Exam),
                true,
                (4, 5, 6),
            ),
        ] {
            let cell = SessionCell::new();
            assert!(cell.read().is_none(), "nothing was published yet");
            cell.publish(&session, whole, first_seat, first_block, rules);
            let row = cell.read().unwrap();
            assert_eq!((row.time(), row.from(), row.day()), (session.time, session.time.from, session.day()));
            assert_eq!(
                (row.slots(), row.slot_ms()),
                (u16::try_from(session.capacity.len()).unwrap(), session.slot_ms)
            );
            assert_eq!((row.whole(), row.grade(), row.kind()), (whole, session.grade, session.kind));
            assert_eq!((row.first_seat(), row.first_block(), row.rules()), (first_seat, first_block, rules));
            assert_eq!((row.institution(), row.department()), (session.institution, session.department));
            assert_eq!(
                (row.practitioner(), row.stride()),
                (session.practitioner, *session.capacity.iter().max().unwrap())
            );
            assert_eq!(row.offset(session.origin().plus(HOUR)), HOUR);
            let last = SlotIndex::new(row.slots() - 1).unwrap();
            assert_eq!(row.slot_time(last), session.slot_time(last));
            assert_eq!(row.visit(last).time, session.slot_time(last));
            let blocks = if whole { 1 } else { u32::from(row.slots()) };
            assert_eq!(row.blocks(), first_block..first_block + blocks);
            assert_eq!(row.block_of(last), first_block + blocks - 1);
            // Somebody else takes it over, and it is over.
            for substitute in [0, PractitionerId::MAX, 0x00aa_aaaa, 0x0055_5555] {
                let substitute = PractitionerId::new(substitute).unwrap();
                cell.substitute(substitute);
                let row = cell.read().unwrap();
                assert_eq!((row.practitioner(), row.department()), (substitute, session.department));
                assert_eq!(row.institution(), session.institution);
            }
            cell.retire();
            assert!(cell.read().is_none());
        }
    }

    #[test]
    fn a_seat_of_a_session_that_is_one_block_is_of_the_slot_it_stands_in() {
        let session = session(Day(1).midnight(), 1_800_000, &[5; 4], (1, 1, 1), Grade::Expert, Kind::Clinic);
        assert_eq!(session.time.to.ms() - session.time.from.ms(), 120 * MINUTE);
        let slots = |whole, seats: [(u32, u8); 4]| {
            let cell = SessionCell::new();
            cell.publish(&session, whole, 0, 0, 0);
            seats.map(|(block, seat)| cell.read().unwrap().slot_of(block, seat).get())
        };
        assert_eq!(slots(true, [(0, 0), (0, 4), (0, 5), (0, 19)]), [0, 0, 1, 3]);
        assert_eq!(slots(false, [(0, 0), (0, 4), (1, 0), (3, 4)]), [0, 0, 1, 3]);
    }
}

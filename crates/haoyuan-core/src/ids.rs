//! Names of things: every index, number and key has a type of its own, so that a seat cannot be taken for a slot.

#![expect(
    clippy::cast_possible_truncation,
    reason = "fields of a packed number are narrower than their types"
)]

use crate::instant::Instant;
use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! index {
    ($(#[$doc:meta])* $name:ident($int:ty), max $max:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name($int);

        impl $name {
            /// The largest value.
            pub const MAX: $int = $max;

            /// The checked constructor: `None` above [`Self::MAX`].
            #[must_use]
            pub const fn new(value: $int) -> Option<Self> {
                if value > Self::MAX { None } else { Some(Self(value)) }
            }

            /// The value.
            #[must_use]
            pub const fn get(self) -> $int {
                self.0
            }

            /// The value as an array index.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

index! {
    /// An institution (医疗机构), numbered by the directory it was registered in.
    InstitutionId(u16), max u16::MAX
}
index! {
    /// A department (科室) of one institution.
    DepartmentId(u32), max (1 << 20) - 1
}
index! {
    /// A practitioner (医生); one number over all sites.
    PractitionerId(u32), max (1 << 24) - 1
}
index! {
    /// A published session (出诊单元), numbered by the engine in order of publishing.
    SessionId(u32), max (1 << 24) - 1
}
index! {
    /// A slot (时段) within its session, counted from 0.
    SlotIndex(u16), max 1023
}
index! {
    /// A block: the unit of decision, one slot or one whole small session.
    BlockId(u32), max (1 << 24) - 1
}
index! {
    /// A seat (号) within its block, counted from 0.
    SeatIndex(u8), max 62
}
index! {
    /// A node of a pool tree (号源池); 0 is the root.
    NodeIndex(u8), max 15
}

index! {
    /// A visit of the hospital's day: a booking and what came of it, or a walk-in; numbered by the day that records it.
    VisitId(u32), max u32::MAX
}
index! {
    /// A consulting room (诊室), numbered by the host.
    RoomId(u16), max u16::MAX
}

/// The most seats that one block can hold.
pub const SEATS_MAX: u8 = 63;

impl NodeIndex {
    /// The root of every pool tree: all seats of the block.
    pub const ROOT: Self = Self(0);
}

/// One slot of one session: what a patient asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SlotRef {
    /// The session.
    pub session: SessionId,
    /// The slot within it.
    pub slot: SlotIndex,
}

/// A patient (real-name person) as an opaque 128-bit keyed hash. Zero is not a key.
///
/// The engine never sees a name, an identity-card or a telephone number; the host computes the hash with a key of its
/// own, and `Debug` prints only the first eight hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatientKey(u128);

impl PatientKey {
    /// The checked constructor: `None` for zero.
    #[must_use]
    pub const fn new(value: u128) -> Option<Self> {
        if value == 0 { None } else { Some(Self(value)) }
    }

    /// The value.
    #[must_use]
    pub const fn get(self) -> u128 {
        self.0
    }
}

impl fmt::Debug for PatientKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PatientKey({:08x}…)", self.0 >> 96)
    }
}

macro_rules! opaque {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u128);

        impl $name {
            /// The checked constructor: `None` for zero.
            #[must_use]
            pub const fn new(value: u128) -> Option<Self> {
                if value == 0 { None } else { Some(Self(value)) }
            }

            /// The value.
            #[must_use]
            pub const fn get(self) -> u128 {
                self.0
            }
        }
    };
}

opaque! {
    /// The key under which a caller may repeat a command: the same key gives the same answer. Scoped to one patient;
    /// chosen by the caller, never zero.
    IdempotencyKey
}
opaque! {
    /// The number of a ticket (referral slip, contract, return order), chosen by whoever issued it. Scoped to one
    /// patient, never zero.
    TicketId
}

/// The place of a transition in its block's gap-free history: the first transition is 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Sequence(pub u32);

/// A hold or booking: the block, the seat and the sequence of the transition that granted it, in one 62-bit number.
///
/// Never zero, never used twice: the sequence of a block only rises.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BookingId(u64);

impl BookingId {
    /// Packs the three parts.
    #[must_use]
    pub const fn pack(block: BlockId, seat: SeatIndex, sequence: Sequence) -> Self {
        Self((block.0 as u64) << 38 | (seat.0 as u64) << 32 | sequence.0 as u64)
    }

    /// The checked constructor for a number that came from outside: `None` if no booking can have it.
    #[must_use]
    pub const fn new(value: u64) -> Option<Self> {
        let id = Self(value);
        if value >> 62 != 0 || id.sequence().0 == 0 || (value >> 32) as u8 & 63 > SeatIndex::MAX {
            None
        } else {
            Some(id)
        }
    }

    /// The value.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// The block that decided.
    #[must_use]
    pub const fn block(self) -> BlockId {
        BlockId((self.0 >> 38) as u32)
    }

    /// The seat within the block.
    #[must_use]
    pub const fn seat(self) -> SeatIndex {
        SeatIndex((self.0 >> 32) as u8 & 63)
    }

    /// The sequence of the granting transition.
    #[must_use]
    pub const fn sequence(self) -> Sequence {
        Sequence(self.0 as u32)
    }
}

impl fmt::Display for BookingId {
    /// Sixteen hexadecimal digits: JSON numbers cannot carry 62 bits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for BookingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BookingId({}/{}/{})", self.block(), self.seat(), self.sequence().0)
    }
}

/// A half-open interval of time, `from ≤ t < to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Interval {
    /// The first instant inside.
    pub from: Instant,
    /// The first instant after.
    pub to: Instant,
}

impl Interval {
    /// Whether two visits, are nearer to each other than `gap` milliseconds.
    ///
    /// The rule is that of the patient who walks from the earlier visit to the later: `gap` is the buffer plus the
    /// travel time, and visits conflict unless one ends at least `gap` before the other begins.
    #[must_use]
    pub const fn conflicts(self, other: Self, gap: i64) -> bool {
        self.from.ms() < other.to.ms() + gap && other.from.ms() < self.to.ms() + gap
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_booking_id_gives_its_parts_back() {
        let id = BookingId::pack(BlockId(BlockId::MAX), SeatIndex(SeatIndex::MAX), Sequence(u32::MAX));
        assert_eq!((id.block().0, id.seat().0, id.sequence().0), (BlockId::MAX, SeatIndex::MAX, u32::MAX));
        assert_eq!(BookingId::new(id.get()), Some(id));
        assert_eq!(BookingId::new(0), None);
        assert_eq!(BookingId::new(u64::MAX), None);
    }

    #[test]
    fn visits_that_touch_do_not_conflict() {
        let visit = |from, to| Interval { from: Instant::saturating(from), to: Instant::saturating(to) };
        assert!(!visit(0, 30).conflicts(visit(30, 60), 0));
        assert!(visit(0, 30).conflicts(visit(29, 60), 0));
        assert!(visit(0, 30).conflicts(visit(30, 60), 1));
        assert!(visit(30, 60).conflicts(visit(0, 30), 1));
    }

    #[test]
    fn a_booking_is_written_with_all_its_digits_and_of_a_patient_eight_are_shown() {
        let id = BookingId::pack(BlockId(2), SeatIndex(1), Sequence(0xabc));
        assert_eq!(
            (id.to_string(), format!("{id:?}")),
            ("0000008100000abc".to_owned(), "BookingId(2/1/2748)".to_owned())
        );
        let patient = PatientKey::new(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef).unwrap();
        assert_eq!(format!("{patient:?}"), "PatientKey(01234567…)");
    }
}

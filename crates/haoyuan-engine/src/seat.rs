//! The record of one seat: who has it, and since which transition. One 128-bit value.
//!
//! ```text
//! bits   0..32   sequence: of the grant if the seat is live, of the release if it is free
//! bits  32..64   patient (dense number)
//! bits  64..106  expires, ms since 1970 (a booking keeps that of its hold)
//! bits 106..108  state: free, claimed, held, booked
//! bits 108..112  node that admitted it          bits 112..116  counter of that node
//! bits 116..119  class                          bits 119..122  channel
//! bit  122       spill
//! bit  123       booked at once: `expires` is the instant of the grant
//! bit  124       by the hospital, as an offer or a booking: `expires` is an end of its own
//! ```
//!
//! `claimed` is a seat whose claim was decided but whose owner has not yet written the rest; anybody may put a seat
//! into this state to bring the block up to date ([`crate::block`]).

#![expect(
    clippy::cast_possible_truncation,
    reason = "fields of a packed record are narrower than their types"
)]
#![expect(
    clippy::inline_always,
    reason = "a record is put together in registers, not out of an occupant in memory"
)]

use haoyuan_core::ids::{NodeIndex, Sequence};
use haoyuan_core::instant::Instant;
use haoyuan_core::terms::{Channel, Class};

/// The state of a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum State {
    Free = 0,
    Claimed = 1,
    Held = 2,
    Booked = 3,
}

/// A seat record.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Seat(u128);

/// What a claim writes into the seat that it took.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Occupant {
    pub(crate) patient: u32,
    pub(crate) expires: Instant,
    pub(crate) node: NodeIndex,
    pub(crate) counter: u8,
    pub(crate) class: Class,
    pub(crate) channel: Channel,
    pub(crate) spill: bool,
    /// Booked at once, without a hold.
    pub(crate) booked: bool,
    /// With an end of its own, which the rules do not say: the hospital offers or gives it.
    pub(crate) offered: bool,
}

const STATE_SHIFT: u32 = 106;

impl Seat {
    pub(crate) const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    pub(crate) const fn bits(self) -> u128 {
        self.0
    }

    pub(crate) const fn free(sequence: Sequence) -> Self {
        Self(sequence.0 as u128)
    }

    pub(crate) const fn claimed(sequence: Sequence) -> Self {
        Self(sequence.0 as u128 | (State::Claimed as u128) << STATE_SHIFT)
    }

    #[inline(always)]
    pub(crate) const fn live(sequence: Sequence, occupant: &Occupant) -> Self {
        let state = if occupant.booked { State::Booked } else { State::Held };
        Self(
            sequence.0 as u128
                | (occupant.patient as u128) << 32
                | (occupant.expires.bits() as u128) << 64
                | (state as u128) << STATE_SHIFT
                | (occupant.node.get() as u128) << 108
                | (occupant.counter as u128) << 112
                | (occupant.class.number() as u128) << 116
                | (occupant.channel.number() as u128) << 119
                | (occupant.spill as u128) << 122
                | (occupant.booked as u128) << 123
                | (occupant.offered as u128) << 124,
        )
    }

    /// The same seat with another number for its patient.
    pub(crate) const fn of(self, patient: u32) -> Self {
        Self(self.0 & !((u32::MAX as u128) << 32) | (patient as u128) << 32)
    }

    /// The same seat, booked.
    pub(crate) const fn booked(self) -> Self {
        Self(self.0 | (State::Booked as u128) << STATE_SHIFT)
    }

    pub(crate) const fn sequence(self) -> Sequence {
        Sequence(self.0 as u32)
    }

    pub(crate) const fn state(self) -> State {
        match self.0 >> STATE_SHIFT & 3 {
            0 => State::Free,
            1 => State::Claimed,
            2 => State::Held,
            _ => State::Booked,
        }
    }

    pub(crate) const fn is_free(self) -> bool {
        matches!(self.state(), State::Free)
    }

    pub(crate) const fn patient(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(crate) const fn expires(self) -> Instant {
        Instant::from_bits((self.0 >> 64) as u64)
    }

    pub(crate) fn node(self) -> NodeIndex {
        NodeIndex::new((self.0 >> 108) as u8 & 15).unwrap_or(NodeIndex::ROOT)
    }

    pub(crate) const fn counter(self) -> u8 {
        (self.0 >> 112) as u8 & 15
    }

    pub(crate) fn class(self) -> Class {
        Class::from_number((self.0 >> 116) as u8 & 7).unwrap_or(Class::Public)
    }

    pub(crate) fn channel(self) -> Channel {
        Channel::from_number((self.0 >> 119) as u8 & 7).unwrap_or(Channel::App)
    }

    pub(crate) const fn spill(self) -> bool {
        self.0 >> 122 & 1 == 1
    }

    /// When it was granted, if holds through its channel live `hold_ms`; `None` for what the hospital offered or gave: it knows.
    pub(crate) fn granted_at(self, hold_ms: u32) -> Option<Instant> {
        match self.0 >> 123 & 3 {
            0 => Some(self.expires().plus(-i64::from(hold_ms))),
            1 => Some(self.expires()),
            _ => None,
        }
    }

    /// Whether this is a hold that is dead at `now`.
    pub(crate) const fn is_due(self, now: Instant) -> bool {
        matches!(self.state(), State::Held) && self.expires().ms() <= now.ms()
    }
}

impl std::fmt::Debug for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Seat({:?} since {}, patient {})", self.state(), self.sequence().0, self.patient())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nearly the most that every field holds.
    fn occupant() -> Occupant {
        Occupant {
            patient: u32::MAX - 1,
            expires: Instant::MAX,
            node: NodeIndex::new(15).unwrap(),
            counter: 13,
            class: Class::Green,
            channel: Channel::Partner,
            spill: true,
            booked: false,
            offered: true,
        }
    }

    #[test]
    fn a_seat_gives_back_what_was_written() {
        let occupant = occupant();
        let seat = Seat::live(Sequence(u32::MAX), &occupant);
        assert_eq!(seat.state(), State::Held);
        for seat in [seat, seat.booked()] {
            assert_eq!(
                (seat.sequence().0, seat.patient(), seat.expires(), seat.node().get(), seat.counter()),
                (u32::MAX, u32::MAX - 1, Instant::MAX, 15, 13)
            );
            assert_eq!((seat.class(), seat.channel(), seat.spill()), (Class::Green, Channel::Partner, true));
        }
        assert_eq!(seat.booked().state(), State::Booked);
        let granted = |booked, offered| {
            let granted = Occupant { booked, offered, expires: Instant::saturating(900_000), ..occupant };
            Seat::live(Sequence(7), &granted).granted_at(300_000).map(Instant::ms)
        };
        assert_eq!(granted(false, false), Some(600_000));
        assert_eq!(granted(true, false), Some(900_000));
        assert_eq!((granted(false, true), granted(true, true)), (None, None));
        assert!(seat.is_due(Instant::MAX) && !seat.booked().is_due(Instant::MAX));
        assert!(Seat::free(Sequence(7)).is_free() && Seat::free(Sequence(7)).sequence() == Sequence(7));
        assert_eq!(Seat::claimed(Sequence(7)).state(), State::Claimed);
    }

    #[test]
    fn a_seat_that_passes_to_another_number_of_its_patient_keeps_all_else() {
        let occupant = Occupant { booked: true, offered: false, ..occupant() };
        let seat = Seat::live(Sequence(u32::MAX), &occupant);
        for patient in [0, 5, u32::MAX] {
            assert_eq!(seat.of(patient), Seat::live(Sequence(u32::MAX), &Occupant { patient, ..occupant }));
        }
        assert_eq!(format!("{:?}", seat.of(5)), "Seat(Booked since 4294967295, patient 5)");
    }
}

//! What the hospital does to sessions and seats that are sold: see who is there, take a seat back, change the practitioner.
//!
//! INVARIANT (nobody is missed): what the hospital does to a patient waits for the patient's own command and is then decided
//! by the same compare-and-swap as everything else, so that it is neither lost nor done twice.

use crate::Engine;
use crate::fact::{Change, Trace};
use crate::seat::{Seat, State};
use haoyuan_core::ids::{
    BookingId, NodeIndex, PatientKey, PractitionerId, SeatIndex, Sequence, SessionId, SlotRef,
};
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::Standing;
use haoyuan_core::rules::Rules;
use haoyuan_core::terms::{Channel, Class};

/// A live seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Occupied {
    /// The hold or booking.
    pub booking: BookingId,
    /// Whose it is.
    pub patient: PatientKey,
    /// By what right.
    pub class: Class,
    /// Through which channel.
    pub channel: Channel,
    /// The pool that admitted it.
    pub node: NodeIndex,
    /// Held or booked.
    pub standing: Standing,
    /// When it was granted; `None` for what the hospital offered, or gave by [`Engine::assign`]: it knows.
    pub granted_at: Option<Instant>,
}

/// A seat that the hospital took back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Withdrawn {
    /// Whose it was.
    pub patient: PatientKey,
    /// By what right.
    pub class: Class,
    /// Through which channel.
    pub channel: Channel,
    /// Where.
    pub slot: SlotRef,
    /// Held or booked.
    pub standing: Standing,
    /// When it was granted; as [`Occupied::granted_at`].
    pub granted_at: Option<Instant>,
    /// The sequence of the withdrawal in the booking's block.
    pub sequence: Sequence,
}

impl<T: Trace> Engine<T> {
    /// The live seats of a slot, lowest first.
    ///
    /// Waits for claims of the block that were decided and are still being written; otherwise lock-free. Linearizes at a
    /// load of the block's word: after [`Engine::set_stopped`] nobody can be missing.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION`, `UNKNOWN_SLOT`.
    pub fn occupants(&self, slot: SlotRef, at: Instant) -> Result<Vec<Occupied>, Refusal> {
        let target = self.resolve(slot).map_err(Refusal::plain)?;
        let rules = self.rules_of(&target.row);
        let (_, records) = target.block.settled_records();
        let seats = (0..=SeatIndex::MAX).filter_map(SeatIndex::new).zip(records);
        let here = seats.filter(|(seat, record)| {
            target.range.contains(&seat.get()) && !record.is_free() && !record.is_due(at)
        });
        Ok(here
            .filter_map(|(seat, record)| {
                Some(Occupied {
                    booking: BookingId::pack(target.block_id, seat, record.sequence()),
                    patient: self.patients.key(record.patient())?,
                    class: record.class(),
                    channel: record.channel(),
                    node: record.node(),
                    standing: standing(record),
                    granted_at: granted_at(rules, record),
                })
            })
            .collect())
    }

    /// Takes a live seat back: the session is stopped, the patient is moved, a person decides. There is no deadline, and the
    /// patient's rules count it no longer. The patient is from then on told `CANCELLED`.
    ///
    /// Waits while a command of the patient is being decided, and is lock-free otherwise. Linearizes at the compare-and-swap
    /// of the block's word.
    ///
    /// # Errors
    /// `UNKNOWN_BOOKING` if it is not live (any more), `HOLD_EXPIRED` if it is a hold that is dead at `at`.
    pub fn withdraw(&self, booking: BookingId, at: Instant) -> Result<Withdrawn, Refusal> {
        let unknown = Refusal::plain(Code::UnknownBooking);
        let (session, row, block, _) = self.place(booking.block()).ok_or(unknown)?;
        // Whose it is was written before anybody could know the booking; a later owner has another sequence.
        let record = block.record(booking.seat().get()).filter(|r| r.sequence() == booking.sequence());
        let record = record.ok_or(unknown)?;
        let patient = self.patients.key(record.patient()).ok_or(unknown)?;
        let mut gate = self.patients.wait(record.patient());
        let check = |record: Seat| {
            if record.is_due(at) { Err(Refusal::plain(Code::HoldExpired)) } else { Ok(()) }
        };
        let ended = block
            .release(booking.seat().get(), booking.sequence(), at, check, Refusal::plain)?
            .ok_or(unknown)?;
        Self::forget_cancelled(&mut gate, booking);
        self.record_end(booking.block(), &ended, Change::Withdrawn, at, None);
        let slot = row.slot_of(booking.block().get() - row.first_block(), ended.seat);
        Ok(Withdrawn {
            patient,
            class: ended.record.class(),
            channel: ended.record.channel(),
            slot: SlotRef { session, slot },
            standing: standing(ended.record),
            granted_at: granted_at(self.rules_of(&row), ended.record),
            sequence: ended.sequence,
        })
    }

    /// Another practitioner takes a session over (替诊); its bookings stay. From now on it counts for the new one in
    /// searches and limits.
    ///
    /// Takes the administration lock; linearizes at the store of the session's word. No fact: the host records its reason,
    /// and says it again after a replay. A snapshot carries it.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION`.
    pub fn substitute(&self, session: SessionId, practitioner: PractitionerId) -> Result<(), Refusal> {
        let unknown = Refusal::plain(Code::UnknownSession);
        let _one = self.admin.lock();
        let cell = self.sessions.get(session.index()).ok_or(unknown)?;
        cell.read().ok_or(unknown)?;
        cell.substitute(practitioner);
        Ok(())
    }
}

const fn standing(record: Seat) -> Standing {
    match record.state() {
        State::Held => Standing::HeldUntil(record.expires()),
        _ => Standing::Booked,
    }
}

fn granted_at(rules: &Rules, record: Seat) -> Option<Instant> {
    record.granted_at(rules.hold_ms[usize::from(record.channel().number())])
}

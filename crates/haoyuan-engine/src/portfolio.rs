//! What one patient has: read through the gate, decided by the seats.

use crate::Engine;
use crate::engine::grant;
use crate::fact::{Change, Trace};
use crate::memory::trim;
use crate::patients::{Entry, EntryKind, EntryRef, Gate};
use crate::seat::{Seat, State};
use crate::sessions::SessionRow;
use arrayvec::ArrayVec;
use haoyuan_core::ids::{BookingId, PatientKey, SessionId, SlotRef};
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Grant, Standing};
use haoyuan_core::rules::Visit;
use haoyuan_core::terms::{Channel, Class};

/// The most live bookings of one patient.
pub(crate) const LIVE_MAX: usize = 64;

/// A live hold or booking of a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LiveBooking {
    /// As it was granted, with its present standing.
    pub grant: Grant,
    /// By what right.
    pub class: Class,
    /// Through which channel.
    pub channel: Channel,
}

/// What has become of a booking id.
pub(crate) enum Fate {
    Live(Seat, SlotRef, SessionRow),
    Due,
    Gone,
}

/// A live booking while its patient's gate is held.
pub(crate) struct Own {
    pub(crate) booking: BookingId,
    pub(crate) session: SessionId,
    pub(crate) held: bool,
}

/// What the walk over a patient's bookings found. Filled in place: it is large, and moving it would be a copy.
#[derive(Default)]
pub(crate) struct Portfolio {
    pub(crate) live: ArrayVec<Own, LIVE_MAX>,
    pub(crate) visits: ArrayVec<Visit, LIVE_MAX>,
    pub(crate) due: ArrayVec<BookingId, LIVE_MAX>,
}

impl Portfolio {
    /// What is live, and what is due.
    pub(crate) fn ids(&self) -> impl Iterator<Item = BookingId> + '_ {
        self.live.iter().map(|own| own.booking).chain(self.due.iter().copied())
    }
}

impl<T: Trace> Engine<T> {
    /// The patient's live holds and bookings, in order of the visits' times.
    ///
    /// # Errors
    /// `CONCURRENT_REQUEST` while another command of the patient is being decided.
    pub fn bookings_of(&self, patient: PatientKey, at: Instant) -> Result<Vec<LiveBooking>, Refusal> {
        let Some(number) = self.patients.find(patient) else { return Ok(Vec::new()) };
        let mut gate = self.patients.lock(number).ok_or(Refusal::plain(Code::ConcurrentRequest))?;
        let mut own = Portfolio::default();
        self.gather(&mut gate, at, &mut own);
        // Not what stands under a key that was given up for this one.
        let mine = |booking: &BookingId| matches!(self.fate(*booking, at), Fate::Live(record, ..) if record.patient() == number);
        let mine = own.live.iter().map(|own| own.booking).filter(mine);
        Ok(Self::listed(mine.filter_map(|booking| self.live_booking(booking, at))))
    }

    pub(crate) fn live_booking(&self, booking: BookingId, at: Instant) -> Option<LiveBooking> {
        let Fate::Live(record, slot, row) = self.fate(booking, at) else { return None };
        let standing = match record.state() {
            State::Held => Standing::HeldUntil(record.expires()),
            _ => Standing::Booked,
        };
        let grant =
            grant(&row, slot, booking, record.node(), record.spill(), standing, self.number_of(booking));
        Some(LiveBooking { grant, class: record.class(), channel: record.channel() })
    }

    /// In order of the visits' times.
    pub(crate) fn listed(bookings: impl Iterator<Item = LiveBooking>) -> Vec<LiveBooking> {
        let mut bookings: Vec<_> = bookings.collect();
        bookings.sort_by_key(|live| (live.grant.time.from, live.grant.booking));
        bookings
    }

    /// What has become of a booking: whose it was says its sequence, which no other grant of the block has.
    pub(crate) fn fate(&self, booking: BookingId, at: Instant) -> Fate {
        let Some((session, row, block, _)) = self.place(booking.block()) else { return Fate::Gone };
        let Some(record) = block.record(booking.seat().get()) else { return Fate::Gone };
        let live = matches!(record.state(), State::Held | State::Booked);
        if !live || record.sequence() != booking.sequence() {
            return Fate::Gone;
        }
        if record.is_due(at) {
            return Fate::Due;
        }
        let slot = row.slot_of(booking.block().get() - row.first_block(), booking.seat().get());
        Fate::Live(record, SlotRef { session, slot }, row)
    }

    /// Walks over the patient's bookings, and those under keys that were given up for this one, and buries the entries of those that have ended.
    pub(crate) fn gather(&self, gate: &mut Gate<'_>, at: Instant, found: &mut Portfolio) {
        let mut look = |booking: BookingId| match self.fate(booking, at) {
            Fate::Live(record, slot, row) => {
                // Of LIVE_MAX a claim is refused; more there are only of keys that were merged, and count no further.
                let held = record.state() == State::Held;
                let _ = found.live.try_push(Own { booking, session: slot.session, held });
                let _ = found.visits.try_push(row.visit(slot.slot));
                true
            }
            Fate::Due => {
                let _ = found.due.try_push(booking);
                true
            }
            Fate::Gone => false,
        };
        if let Some(first) = gate.first() {
            look(first);
        }
        let mut left = gate.live_entries();
        if left == Some(0) {
            return;
        }
        let (mut live, mut remembered) = (0, false);
        let mut next = gate.entries().next();
        while let Some((place, entry)) = next {
            next = gate.after(place);
            if entry.kind != EntryKind::Live {
                continue;
            }
            if BookingId::new(entry.booking).is_some_and(&mut look) {
                live += 1;
            } else {
                remembered |= bury(gate, place, &entry);
            }
            left = left.map(|left| left - 1);
            if left == Some(0) {
                break;
            }
        }
        if left.is_none() {
            gate.recount(live);
        }
        if remembered {
            trim(gate);
        }
    }

    pub(crate) fn expire_own(&self, booking: BookingId, at: Instant) {
        if let Some((_, _, block, _)) = self.place(booking.block()) {
            block.expire(booking.seat().get(), at, &|ended| {
                self.record_end(booking.block(), &ended, Change::Expired, at, None);
            });
        }
    }
}

/// Turns the entry of an ended booking into a memory if it carries an idempotency key, and says so; otherwise it is
/// forgotten. Trim afterwards, but not while walking the chain: trimming removes entries further on.
pub(crate) fn bury(gate: &mut Gate<'_>, place: EntryRef, entry: &Entry) -> bool {
    let remembered = entry.fingerprint != 0;
    if remembered {
        gate.set(place, &Entry { kind: EntryKind::Past, ..*entry });
    } else {
        gate.remove(place);
    }
    remembered
}

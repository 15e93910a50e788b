//! Confirming, cancelling, and sweeping what has run out.
//!
//! INVARIANT (whose it is): a hold or booking is settled only behind its own patient's gate; sweeping a dead hold needs no
//! gate, because whether a booking is live is read from its seat alone.

#![expect(
    clippy::inline_always,
    reason = "what is placed and checked stays in registers; calls return structs through memory"
)]

use crate::Engine;
use crate::block::View;
use crate::engine::Placed;
use crate::fact::{Asked, Change, Trace};
use crate::memory::{CANCELLED, MERGED, Operation, Remembered, pack_refusal, settle_fingerprint};
use crate::patients::{Entry, EntryKind, Gate};
use crate::seat::{Seat, State};
use haoyuan_core::ids::{BlockId, BookingId, IdempotencyKey};
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Settle, Settled};
use haoyuan_core::rules::LateConfirm;

impl<T: Trace> Engine<T> {
    /// Makes a booking of a hold. Repeating it answers the same, with `changed = false`.
    ///
    /// Lock-free; linearizes at the compare-and-swap of the block's word, any other answer at a load of it.
    ///
    /// # Errors
    /// `UNKNOWN_BOOKING`, `HOLD_EXPIRED`, `CANCELLED`, `CONCURRENT_REQUEST`, and those of idempotency keys.
    pub fn confirm(&self, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        self.settle(settle, at, Operation::Confirm)
    }

    /// Gives a hold or booking back.
    ///
    /// Progress and linearization as [`Engine::confirm`].
    ///
    /// # Errors
    /// `UNKNOWN_BOOKING`, `HOLD_EXPIRED`, `CANCELLED`, `TOO_LATE`, `CONCURRENT_REQUEST`, and those of idempotency keys.
    pub fn cancel(&self, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        self.settle(settle, at, Operation::Cancel)
    }

    fn settle(&self, settle: &Settle, at: Instant, operation: Operation) -> Result<Settled, Refusal> {
        let decided = self.settle_once(settle, at, operation);
        if T::WANTED && settle.key.is_none() {
            if let Err(refusal) = &decided {
                self.tell_settle_refusal(settle, operation, refusal, at);
            }
        }
        decided
    }

    fn tell_settle_refusal(&self, settle: &Settle, operation: Operation, refusal: &Refusal, at: Instant) {
        if T::WANTED && refusal.code != Code::ConcurrentRequest {
            let confirm = operation == Operation::Confirm;
            let asked = if confirm { Asked::Confirm(settle) } else { Asked::Cancel(settle) };
            self.trace.refused(asked, refusal, at);
        }
    }

    #[inline(always)]
    fn settle_once(&self, settle: &Settle, at: Instant, operation: Operation) -> Result<Settled, Refusal> {
        if let Some(key) = settle.key {
            return self.settle_by_key(key, settle, at, operation);
        }
        // The record that is looked at first for the patient, mostly their own, is fetched while the seat is. Whose the seat is, is mostly
        // who asks: then they need not be looked for.
        let place = self.patients.place(settle.patient);
        self.patients.expect(place);
        let placed = self.place(settle.booking.block());
        let seated = placed.as_ref().map_or(0, |(_, _, block, _)| block.patient(settle.booking.seat().get()));
        let number = self.patients.find_near(place, seated).ok_or(Refusal::plain(Code::UnknownBooking))?;
        let mut gate = self.patients.lock(number).ok_or(Refusal::plain(Code::ConcurrentRequest))?;
        self.settle_gated(&mut gate, placed.as_ref(), settle, at, operation)
    }

    /// A command that carries an idempotency key.
    #[cold]
    #[inline(never)]
    fn settle_by_key(
        &self,
        key: IdempotencyKey,
        settle: &Settle,
        at: Instant,
        operation: Operation,
    ) -> Result<Settled, Refusal> {
        let placed = self.place(settle.booking.block());
        let mut gate = self.patients.admit(settle.patient).map_err(Refusal::plain)?;
        let command = settle_fingerprint(settle, operation);
        let before = self.remembered(&gate, key, command);
        match before.inspect_err(|conflict| self.tell_settle_refusal(settle, operation, conflict, at))? {
            Some(Remembered::Settled(settled)) => return Ok(settled),
            // Told once more, so that whoever waits for the journal waits for what the answer rests on.
            Some(Remembered::Refusal(refusal)) => {
                self.tell_settle_refusal(settle, operation, &refusal, at);
                return Err(refusal);
            }
            Some(Remembered::Grant(_)) => return Err(Refusal::plain(Code::IdempotencyConflict)),
            None => {}
        }
        let decided = self.settle_gated(&mut gate, placed.as_ref(), settle, at, operation);
        match decided {
            Ok(settled) => {
                Self::remember_settled(&mut gate, settle.patient, settle.key, operation, &settled);
                if !settled.changed {
                    self.trace.repeated(settle, &settled, at);
                }
            }
            Err(refusal) => {
                Self::remember(&mut gate, settle.key, command, EntryKind::Refused, pack_refusal(refusal));
                self.tell_settle_refusal(settle, operation, &refusal, at);
            }
        }
        decided
    }

    #[inline(always)]
    fn settle_gated(
        &self,
        gate: &mut Gate<'_>,
        placed: Option<&Placed<'_>>,
        settle: &Settle,
        at: Instant,
        operation: Operation,
    ) -> Result<Settled, Refusal> {
        let placed = placed.ok_or_else(|| Self::gone(gate, settle.booking, Code::UnknownBooking))?;
        match operation {
            Operation::Confirm => self.confirm_gated(gate, placed, settle, at),
            _ => self.cancel_gated(gate, placed, settle, at),
        }
    }

    fn confirm_gated(
        &self,
        gate: &Gate<'_>,
        (_, row, block, tree): &Placed<'_>,
        settle: &Settle,
        at: Instant,
    ) -> Result<Settled, Refusal> {
        let booking = settle.booking;
        let gone = |code| Self::gone(gate, booking, code);
        let retest = self.rules_of(row).late_confirm == LateConfirm::Retest;
        let check = |view: &View, record: Seat| {
            if record.patient() != gate.number() {
                return Err(Refusal::plain(Code::UnknownBooking));
            }
            if !record.is_due(at) {
                return Ok(());
            }
            // The view's counters do not count this hold, because it is due: the claim is decided once more.
            let again = retest && !view.word.is_shut() && {
                // Of a block whose tree was replaced, the present one; the exchange of the word shows that it still is.
                let tree = if view.word.has_flags() { self.tree_now(booking.block(), tree) } else { tree };
                tree.decide_at(view.live, record.node(), row.offset(at)).is_ok()
            };
            if again { Ok(()) } else { Err(Refusal::plain(Code::HoldExpired)) }
        };
        let done = block.confirm(booking.seat().get(), booking.sequence(), at, check, gone)?;
        let Some(ended) = done else {
            return Ok(Settled { booking, sequence: booking.sequence(), changed: false });
        };
        self.record_end(booking.block(), &ended, Change::Confirmed, at, settle.key);
        Ok(Settled { booking, sequence: ended.sequence, changed: true })
    }

    #[inline(always)]
    fn cancel_gated(
        &self,
        gate: &mut Gate<'_>,
        (_, row, block, _): &Placed<'_>,
        settle: &Settle,
        at: Instant,
    ) -> Result<Settled, Refusal> {
        let booking = settle.booking;
        let until = self.rules_of(row).cancel_until;
        let check = |record: Seat| {
            if record.patient() != gate.number() {
                Err(Refusal::plain(Code::UnknownBooking))
            } else if record.is_due(at) {
                Err(Refusal::plain(Code::HoldExpired))
            } else if record.state() == State::Booked && row.offset(at) >= until {
                Err(Refusal::plain(Code::TooLate))
            } else {
                Ok(())
            }
        };
        let gone = |code| Self::gone(gate, booking, code);
        let ended = block
            .release(booking.seat().get(), booking.sequence(), at, check, gone)?
            .ok_or_else(|| Refusal::plain(Code::UnknownBooking))?;
        Self::forget_cancelled(gate, booking);
        self.record_end(booking.block(), &ended, Change::Cancelled, at, settle.key);
        Ok(Settled { booking, sequence: ended.sequence, changed: true })
    }

    /// The refusal for a booking whose seat is somebody else's by now.
    fn gone(gate: &Gate<'_>, booking: BookingId, code: Code) -> Refusal {
        if code != Code::UnknownBooking {
            return Refusal::plain(code);
        }
        if gate.first_cancelled() == Some(booking) {
            return Refusal::plain(Code::Cancelled);
        }
        // Not by the bits alone: those of no booking at all are what a record without one has.
        if gate.first() == Some(booking) {
            return Refusal::plain(Code::HoldExpired);
        }
        let is_own = |e: &Entry| match e.kind {
            EntryKind::Live => e.details & MERGED == 0,
            kind => kind == EntryKind::Past,
        };
        let entry = gate.entries().find(|(_, e)| is_own(e) && e.booking == booking.get());
        Refusal::plain(match entry {
            Some((_, entry)) if entry.kind == EntryKind::Past && entry.details & CANCELLED != 0 => {
                Code::Cancelled
            }
            Some(_) => Code::HoldExpired,
            None => Code::UnknownBooking,
        })
    }

    /// Sweeps every hold that is due and returns how many. Never needed for correctness: a due hold is dead for everybody
    /// whether or not it was swept. Lock-free; O(blocks).
    pub fn tick(&self, at: Instant) -> u64 {
        let swept = std::cell::Cell::new(0);
        for number in 0..self.session_count() {
            let Some(row) = self.sessions[number as usize].read() else { continue };
            for place in row.blocks() {
                let Some(id) = BlockId::new(place) else { continue };
                let Some((block, _)) = self.block(id, &row) else { continue };
                block.sweep(at, &|ended| {
                    swept.set(swept.get() + 1);
                    self.record_end(id, &ended, Change::Expired, at, None);
                });
            }
        }
        swept.get()
    }
}

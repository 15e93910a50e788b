//! The waitlist (候补) and the stopped clinic (停诊), as far as a decision must know of them: one flag each in a block's word.
//!
//! The waiting flag says more generally that the host is to be asked: it may also be set because the host keeps a returned seat
//! back.
//!
//! INVARIANT (no sale before those who wait): while a block waits, no claim of it is accepted but an offer, or one whose host
//! says that it has served the waitlist. Who waits, and in which order, is the host's.
//!
//! Flags are derived from what the host decided: they are in no fact, no snapshot and no state hash, and the host sets them
//! again after a replay.

use crate::Engine;
use crate::claim::Manner;
use crate::fact::Trace;
use crate::memory::Operation;
use crate::target::Queue;
use haoyuan_core::ids::{Sequence, SlotRef};
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Availability, Grant, Wish};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_core::word::Flag;

impl<T: Trace> Engine<T> {
    /// Says whether somebody waits for the block of this slot. While somebody does, a claim that the block's own rules accept
    /// is refused `WAITLISTED`, and so say `availability` and `search`.
    ///
    /// Lock-free; linearizes at the compare-and-swap of the block's word. A claim that was decided before comes before.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION`, `UNKNOWN_SLOT`.
    pub fn set_waiting(&self, slot: SlotRef, on: bool) -> Result<(), Refusal> {
        self.resolve(slot).map(|target| target.block.set_flag(Flag::Waiting, on)).map_err(Refusal::plain)
    }

    /// Stops the block of this slot, or resumes it. From the moment that stopping returns, no claim of the block is accepted;
    /// what is live stays live until it is [withdrawn](Engine::withdraw). [`Engine::occupants`], called after, misses nobody.
    ///
    /// Lock-free; linearizes at the compare-and-swap of the block's word.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION`, `UNKNOWN_SLOT`.
    pub fn set_stopped(&self, slot: SlotRef, on: bool) -> Result<(), Refusal> {
        self.resolve(slot).map(|target| target.block.set_flag(Flag::Stopped, on)).map_err(Refusal::plain)
    }

    /// What the decision would say to a claim that passes those who wait. Otherwise as [`Engine::availability`].
    ///
    /// A host that keeps seats back for a while (returned seats that reappear later) sets the waiting flag as long as it
    /// does, so that every claim of the block comes to it, and lets one of the public pass while more seats are free than it
    /// keeps back.
    ///
    /// # Errors
    /// As [`Engine::availability`].
    pub fn availability_past_waitlist(
        &self,
        slot: SlotRef,
        class: Class,
        channel: Channel,
        at: Instant,
    ) -> Result<Availability, Refusal> {
        let target = self.resolve(slot).map_err(Refusal::plain)?;
        Ok(target.shown(at).to_those_who_wait().availability(class, channel, at))
    }

    /// Holds a seat for somebody who waits, until `expires` (exclusive) and not for the channel's hold length. It passes those
    /// who wait; every other rule about pools, ticket, suspension and patient applies as it does to a hold. The key of the
    /// wish is not used: an offer is nobody's command. A refusal is not told to the trace.
    ///
    /// Waits while another command of the patient is being decided, and is lock-free otherwise. Linearizes as
    /// [`Engine::hold`].
    ///
    /// # Errors
    /// As [`Engine::hold`], but never `WAITLISTED`; `CONCURRENT_REQUEST` only while the block's pool tree is being replaced;
    /// `HOLD_EXPIRED` if `expires` is not after `at`.
    pub fn offer(&self, wish: &Wish, expires: Instant, at: Instant) -> Result<Grant, Refusal> {
        if expires <= at {
            return Err(Refusal::plain(Code::HoldExpired));
        }
        let manner = Manner { operation: Operation::Hold, queue: Queue::Passed, offered: Some(expires) };
        self.claim_in(&Wish { key: None, ..*wish }, at, manner)
    }

    /// Books a seat that the hospital gives: somebody displaced is moved, an extra seat is given. Passes those who wait, and no
    /// limit on holds applies; otherwise as [`Engine::offer`]. What is booked says that it was given
    /// ([`Occupied::granted_at`](crate::Occupied::granted_at) is `None`).
    ///
    /// # Errors
    /// As [`Engine::book`], but never `WAITLISTED`; `CONCURRENT_REQUEST` only while the block's pool tree is being replaced.
    pub fn assign(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        // No booking of a patient's own ends after its instant.
        let manner = Manner { operation: Operation::Book, queue: Queue::Passed, offered: Some(at.plus(1)) };
        self.claim_in(&Wish { key: None, ..*wish }, at, manner)
    }

    /// [`Engine::hold`] for a host that knows nobody who waits is passed over: passes those who wait, whatever happened to the
    /// block since they were served.
    ///
    /// Under an idempotency key it is the same command as the hold that was refused `WAITLISTED` before.
    ///
    /// # Errors
    /// As [`Engine::hold`], but never `WAITLISTED`.
    pub fn hold_past_waitlist(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.claim_in(wish, at, Manner { operation: Operation::Hold, queue: Queue::Passed, offered: None })
    }

    /// [`Engine::book`]; otherwise as [`Engine::hold_past_waitlist`].
    ///
    /// # Errors
    /// As there.
    pub fn book_past_waitlist(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.claim_in(wish, at, Manner { operation: Operation::Book, queue: Queue::Passed, offered: None })
    }

    /// [`Engine::hold`] for a host that has served the waitlist of the block: passes those who wait, as long as `served` is the
    /// block's last transition, so that a seat that came free since then is not taken from them.
    ///
    /// Under an idempotency key it is the same command as the hold that was refused `WAITLISTED` before.
    ///
    /// # Errors
    /// As [`Engine::hold`]; `WAITLISTED` says that the block has changed while somebody waits: serve, and ask again.
    pub fn hold_served(&self, wish: &Wish, served: Sequence, at: Instant) -> Result<Grant, Refusal> {
        let queue = Queue::Served(served);
        self.claim_in(wish, at, Manner { operation: Operation::Hold, queue, offered: None })
    }

    /// [`Engine::book`]; otherwise as [`Engine::hold_served`].
    ///
    /// # Errors
    /// As there.
    pub fn book_served(&self, wish: &Wish, served: Sequence, at: Instant) -> Result<Grant, Refusal> {
        let queue = Queue::Served(served);
        self.claim_in(wish, at, Manner { operation: Operation::Book, queue, offered: None })
    }

    /// Answers a claim that was refused `WAITLISTED` with the host's own refusal: it keeps the seats back that are free. The
    /// refusal is remembered under the wish's key and told to the trace like one of the block; if the key was used before,
    /// the answer is what was answered then.
    ///
    /// # Errors
    /// `refusal`; `CONCURRENT_REQUEST`, `ENGINE_FULL`, and those of idempotency keys.
    pub fn refuse(&self, wish: &Wish, book: bool, refusal: Refusal, at: Instant) -> Result<Grant, Refusal> {
        self.refuse_in(wish, if book { Operation::Book } else { Operation::Hold }, refusal, at)
    }

    /// The last transition of the block of this slot. Lock-free; linearizes at a load of the block's word.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION`, `UNKNOWN_SLOT`.
    pub fn sequence(&self, slot: SlotRef) -> Result<Sequence, Refusal> {
        self.resolve(slot).map(|target| target.block.word().sequence()).map_err(Refusal::plain)
    }

    /// Whether somebody waits for the block of this slot. Progress and linearization as [`Engine::sequence`].
    #[must_use]
    pub fn is_waiting(&self, slot: SlotRef) -> bool {
        self.resolve(slot).is_ok_and(|target| target.block.word().has(Flag::Waiting))
    }

    /// Whether the hospital has stopped the block of this slot. Progress and linearization as [`Engine::sequence`].
    #[must_use]
    pub fn is_stopped(&self, slot: SlotRef) -> bool {
        self.resolve(slot).is_ok_and(|target| target.block.word().has(Flag::Stopped))
    }
}

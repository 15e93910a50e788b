//! Decisions: one patient's command after another, each decided by one compare-and-swap.
//!
//! Order of work in a claim, which is also the order of precedence of refusals:
//! 1. the command's idempotency key, if it has one, against what the patient's commands were answered before;
//! 2. the block's rules, by one load of its word (a refusal here writes nothing);
//! 3. the patient's gate; from here nobody else acts for this patient;
//! 4. the ticket, the suspension, the overlap rule, the limits, in this order, over the patient's live bookings;
//! 5. the block's compare-and-swap. From here it must succeed: the seat is the patient's;
//! 6. the patient's dead holds are swept, the entry is linked, the fact recorded, the gate opened.

#![expect(
    clippy::inline_always,
    reason = "a refusal is one pass through registers; calls return structs through memory"
)]

use crate::Engine;
use crate::block::{Taken, View};
use crate::engine::grant;
use crate::fact::{Asked, Change, Fact, Trace};
use crate::memory::{Operation, Remembered, key_fingerprint, pack_grant, pack_refusal, wish_fingerprint};
use crate::patients::{Entry, EntryKind, EntryRef, Gate, Number, Reserved};
use crate::portfolio::Portfolio;
use crate::seat::Occupant;
use crate::suspension::check_suspension;
use crate::target::{Queue, Target, refuse, refuse_by_block};
use haoyuan_core::ids::{BookingId, SeatIndex, SessionId};
use haoyuan_core::instant::Instant;
use haoyuan_core::pool::Permit;
use haoyuan_core::refusal::{Binding, Code, Refusal};
use haoyuan_core::request::{Grant, Standing, Wish};
use haoyuan_core::rules::{Rules, Visit};

/// A claim on its way through the steps.
#[derive(Clone, Copy)]
struct Claim<'a> {
    wish: &'a Wish,
    at: Instant,
    manner: Manner,
    /// The session's rules.
    rules: &'a Rules,
    /// Fingerprint of the command, for its idempotency key.
    print: u64,
}

impl Claim<'_> {
    /// What the claim writes into the seat that it takes.
    #[inline(always)]
    fn occupant(&self, patient: Number, permit: &Permit) -> Occupant {
        let Self { wish, at, manner: Manner { operation, offered, .. }, rules, .. } = *self;
        let booked = operation == Operation::Book;
        let hold_ms = i64::from(rules.hold_ms[usize::from(wish.channel.number())]);
        let ends = if booked { at } else { at.plus(hold_ms) };
        let expires = offered.unwrap_or(ends);
        Occupant {
            patient,
            expires,
            node: permit.node,
            counter: permit.counter,
            class: wish.class,
            channel: wish.channel,
            spill: permit.spill,
            booked,
            offered: expires != ends,
        }
    }
}

/// How a seat is asked for.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    pub(crate) operation: Operation,
    pub(crate) queue: Queue,
    /// The hospital offers or gives it: the record ends then, whatever the rules say, and a command of the patient is waited for.
    pub(crate) offered: Option<Instant>,
}

impl Manner {
    /// As the patient asks.
    const fn asked(operation: Operation) -> Self {
        Self { operation, queue: Queue::Behind, offered: None }
    }
}

impl<T: Trace> Engine<T> {
    /// Holds a seat for the patient until it is confirmed or the hold runs out.
    ///
    /// Lock-free; linearizes at the compare-and-swap of the block's word, a refusal at a load of it. Without an
    /// idempotency key a refusal by the block writes nothing to shared memory.
    ///
    /// # Errors
    /// The first [`Code`] in order of precedence that applies.
    #[inline]
    pub fn hold(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.claim(wish, at, Operation::Hold)
    }

    /// Holds and confirms a seat in one step. Otherwise as [`Engine::hold`], without the limits on holds.
    ///
    /// # Errors
    /// As [`Engine::hold`].
    #[inline]
    pub fn book(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.claim(wish, at, Operation::Book)
    }

    #[inline(always)]
    fn claim(&self, wish: &Wish, at: Instant, operation: Operation) -> Result<Grant, Refusal> {
        if wish.key.is_some() {
            return self.claim_in(wish, at, Manner::asked(operation));
        }
        if !T::WANTED {
            // Said by itself, so that the answer is written where the caller wants it and not copied there.
            return self.claim_once(wish, at, operation);
        }
        self.claim_once(wish, at, operation)
            .inspect_err(|refusal| self.tell_refusal(wish, operation, refusal, at))
    }

    #[inline(always)]
    fn claim_once(&self, wish: &Wish, at: Instant, operation: Operation) -> Result<Grant, Refusal> {
        let located = match self.locate(wish.slot) {
            Ok(located) => located,
            Err(code) => return Err(Refusal::plain(code)),
        };
        // Most requests of a rush end here: two loads and a sum, a fold if the block has a seat left; nothing written, nothing of the
        // patient looked at.
        if let Some(view) = located.cell.core.peek(at) {
            if !view.word.has_flags() && !located.row.whole() {
                let offset = located.row.offset(at);
                return match located.tree.decide(view.live, wish.class, wish.channel, offset) {
                    Ok(permit) => self.claim_free(&(view, permit), wish, at, operation),
                    Err(denial) => Err(refuse(denial, offset, at)),
                };
            }
        }
        self.claim_probed(wish, at, operation)
    }

    /// A claim in a block of which one word does not say everything: a hold may be due, a flag is set, or the slot is a part of it.
    #[inline(never)]
    fn claim_probed(&self, wish: &Wish, at: Instant, operation: Operation) -> Result<Grant, Refusal> {
        let target = self.resolve(wish.slot).map_err(Refusal::plain)?;
        let probe = target.probe(wish.class, wish.channel, at, Queue::Behind)?;
        self.claim_free(&probe, wish, at, operation)
    }

    /// A claim that the block accepts over this view.
    #[inline(never)]
    fn claim_free(
        &self,
        probe: &(View, Permit),
        wish: &Wish,
        at: Instant,
        operation: Operation,
    ) -> Result<Grant, Refusal> {
        let place = self.patients.place(wish.patient);
        self.patients.expect(place);
        // Found once more: kept, it would have to be written down for every refusal. Another tree may stand there by now; then the
        // word that was decided on is gone, and the attempt fails.
        let target = self.resolve(wish.slot).map_err(Refusal::plain)?;
        target.block.expect_lowest(&probe.0);
        let mut gate = self.patients.admit_at(place).map_err(Refusal::plain)?;
        let (manner, rules) = (Manner::asked(operation), self.rules_of(&target.row));
        self.claim_gated(&mut gate, &target, probe, &Claim { wish, at, manner, rules, print: 0 })
    }

    /// A claim that carries an idempotency key, or that passes those who wait.
    #[cold]
    pub(crate) fn claim_in(&self, wish: &Wish, at: Instant, manner: Manner) -> Result<Grant, Refusal> {
        let operation = manner.operation;
        let mut gate = match manner.offered {
            Some(_) => self.patients.admit_waiting(wish.patient),
            None => self.patients.admit(wish.patient),
        }
        .map_err(Refusal::plain)?;
        let command = wish_fingerprint(wish, operation);
        let before = wish.key.map_or(Ok(None), |key| self.remembered(&gate, key, command));
        match before.inspect_err(|conflict| self.tell_refusal(wish, operation, conflict, at))? {
            Some(Remembered::Grant(grant)) => return Ok(grant),
            // Told once more, so that whoever waits for the journal waits for what the answer rests on.
            Some(Remembered::Refusal(refusal)) => {
                self.tell_refusal(wish, operation, &refusal, at);
                return Err(refusal);
            }
            Some(Remembered::Settled(_)) => return Err(Refusal::plain(Code::IdempotencyConflict)),
            None => {}
        }
        let decided = match self.resolve(wish.slot).map_err(Refusal::plain) {
            Err(refusal) => Err(refusal),
            Ok(target) => target.probe(wish.class, wish.channel, at, manner.queue).and_then(|probe| {
                let rules = self.rules_of(&target.row);
                let claim = Claim { wish, at, manner, rules, print: command };
                self.claim_gated(&mut gate, &target, &probe, &claim)
            }),
        };
        if let Err(refusal) = decided {
            if is_answer(refusal.code) && manner.offered.is_none() {
                Self::remember(&mut gate, wish.key, command, EntryKind::Refused, pack_refusal(refusal));
                self.tell_refusal(wish, operation, &refusal, at);
            }
        }
        decided
    }

    /// An answer that is the host's to give: it is remembered for the command's key and told to the trace, like the block's.
    pub(crate) fn refuse_in(
        &self,
        wish: &Wish,
        operation: Operation,
        refusal: Refusal,
        at: Instant,
    ) -> Result<Grant, Refusal> {
        let mut gate = self.patients.admit(wish.patient).map_err(Refusal::plain)?;
        let command = wish_fingerprint(wish, operation);
        let before = wish.key.map_or(Ok(None), |key| self.remembered(&gate, key, command));
        match before.inspect_err(|conflict| self.tell_refusal(wish, operation, conflict, at))? {
            Some(Remembered::Grant(grant)) => return Ok(grant),
            Some(Remembered::Refusal(refusal)) => return Err(refusal),
            Some(Remembered::Settled(_)) => return Err(Refusal::plain(Code::IdempotencyConflict)),
            None => {}
        }
        Self::remember(&mut gate, wish.key, command, EntryKind::Refused, pack_refusal(refusal));
        self.tell_refusal(wish, operation, &refusal, at);
        Err(refusal)
    }

    /// The block's part of a claim whose first attempt took no seat, because a hold was due or another transition came first: from the
    /// view on. The slot is found once more: what is decided anew is asked of the session as it is by now.
    #[cold]
    #[inline(never)]
    fn claim_again(&self, command: &Claim<'_>, number: Number) -> Result<(Taken, Occupant), Refusal> {
        let Claim { wish, at, manner, .. } = *command;
        let target = self.resolve(wish.slot).map_err(Refusal::plain)?;
        target.block.claim(
            &target.range,
            at,
            |view| {
                let permit = target.decide(view, wish.class, wish.channel, at, manner.queue)?;
                Ok((permit.live, command.occupant(number, &permit)))
            },
            refuse_by_block,
            |ended| self.record_end(target.block_id, &ended, Change::Expired, at, None),
        )
    }

    fn tell_refusal(&self, wish: &Wish, operation: Operation, refusal: &Refusal, at: Instant) {
        if T::WANTED && is_answer(refusal.code) {
            let asked = if operation == Operation::Book { Asked::Book(wish) } else { Asked::Hold(wish) };
            self.trace.refused(asked, refusal, at);
        }
    }

    #[inline(always)]
    fn claim_gated(
        &self,
        gate: &mut Gate<'_>,
        target: &Target<'_>,
        probe: &(View, Permit),
        command: &Claim<'_>,
    ) -> Result<Grant, Refusal> {
        let Claim { wish, at, rules, .. } = *command;
        let ticket = if rules.needs_ticket(wish.class) {
            Some(self.check_ticket(gate, &target.row, wish, at)?)
        } else {
            None
        };
        if gate.suspended != 0 {
            check_suspension(gate.suspended, wish.channel, at)?;
        }
        // Most patients of a rush have nothing yet.
        if gate.is_bare() {
            self.claim_weighed(gate, target, probe, command, ticket, (&[], true))
        } else {
            self.claim_one_more(gate, target, probe, command, ticket)
        }
    }

    /// A claim of a patient who has something, or had. By itself, so that who has nothing need not have room for it all.
    #[inline(never)]
    fn claim_one_more(
        &self,
        gate: &mut Gate<'_>,
        target: &Target<'_>,
        probe: &(View, Permit),
        command: &Claim<'_>,
        ticket: Option<(EntryRef, Entry)>,
    ) -> Result<Grant, Refusal> {
        let Claim { wish, at, manner, rules, .. } = *command;
        let mut own = Portfolio::default();
        self.gather(gate, at, &mut own);
        if !own.live.is_empty() {
            let visit = target.row.visit(wish.slot.slot);
            check_patient(rules, &visit, &own, wish.slot.session, manner.operation)?;
        }
        let vacant = !own.live.iter().any(|other| gate.is_first(other.booking));
        self.claim_weighed(gate, target, probe, command, ticket, (&own.due, vacant))
    }

    /// A claim that nothing the patient has speaks against: their holds that are due, and whether the record has no live booking.
    #[inline(always)]
    fn claim_weighed(
        &self,
        gate: &mut Gate<'_>,
        target: &Target<'_>,
        (view, permit): &(View, Permit),
        command: &Claim<'_>,
        ticket: Option<(EntryRef, Entry)>,
        (due, vacant): (&[BookingId], bool),
    ) -> Result<Grant, Refusal> {
        let Claim { wish, at, print, .. } = *command;
        // The first place is kept in the record; a cell is needed for more, or to remember a key.
        let reserved = if wish.key.is_none() && vacant {
            None
        } else {
            Some(gate.reserve().ok_or(Refusal::plain(Code::EngineFull))?)
        };

        let occupant = command.occupant(gate.number(), permit);
        let (taken, occupant) = match target.block.take(&target.range, view, permit.live, &occupant) {
            Ok(taken) => (taken, occupant),
            // Whatever it was, the loop finds it again.
            Err(_) => self.claim_again(command, gate.number())?,
        };
        let Occupant { expires, booked, .. } = occupant;

        // From here it must succeed: the seat is the patient's.
        let seat = SeatIndex::new(taken.seat).unwrap_or_default();
        let booking = BookingId::pack(target.block_id, seat, taken.sequence);
        for due in due {
            self.expire_own(*due, at);
        }
        match reserved.and_then(Reserved::take) {
            None => gate.set_first(Some(booking)),
            Some(cell) => {
                let entry = Entry {
                    kind: EntryKind::Live,
                    booking: booking.get(),
                    fingerprint: wish.key.map_or(0, key_fingerprint),
                    command: print,
                    details: pack_grant(expires, occupant.node, occupant.spill, booked),
                };
                gate.push(cell, &entry);
            }
        }
        if let Some(ticket) = ticket {
            let used = Entry { booking: booking.get(), ..ticket.1 };
            gate.set(ticket.0, &used);
        }
        self.trace.record(&Fact {
            change: if booked { Change::Booked } else { Change::Held },
            sequence: taken.sequence,
            at,
            booking,
            slot: wish.slot,
            patient: wish.patient,
            class: wish.class,
            channel: wish.channel,
            node: occupant.node,
            spill: occupant.spill,
            expires,
            ticket: wish.ticket,
            key: wish.key,
        });
        let standing = if booked { Standing::Booked } else { Standing::HeldUntil(expires) };
        let number = target.cell.number(seat);
        Ok(grant(&target.row, wish.slot, booking, occupant.node, occupant.spill, standing, number))
    }
}

/// Whether a refusal is the answer to a command: those that only say "not now" are neither remembered nor told to the
/// trace. `WAITLISTED` is one of them, because the host serves the waitlist and asks again.
const fn is_answer(code: Code) -> bool {
    !matches!(code, Code::ConcurrentRequest | Code::Waitlisted)
}

/// The rules about what the patient has: overlap, limits, holds.
fn check_patient(
    rules: &Rules,
    visit: &Visit,
    own: &Portfolio,
    session: SessionId,
    operation: Operation,
) -> Result<(), Refusal> {
    if let Some(place) = own.visits.iter().position(|other| rules.overlaps(visit, other)) {
        return Err(Refusal::plain(Code::Overlap).by(Binding::Booking(own.live[place].booking)));
    }
    if let Some(limit) = rules.limit_broken(visit, &own.visits) {
        return Err(Refusal::plain(limit.code()).by(Binding::Limit(u32::from(limit.most))));
    }
    if operation == Operation::Hold {
        let holds = || own.live.iter().filter(|other| other.held);
        if holds().filter(|other| other.session == session).count() >= usize::from(rules.holds_per_session) {
            let limit = Binding::Limit(u32::from(rules.holds_per_session));
            return Err(Refusal::plain(Code::SessionHoldLimit).by(limit));
        }
        if holds().count() >= usize::from(rules.holds_per_patient) {
            return Err(
                Refusal::plain(Code::HoldLimit).by(Binding::Limit(u32::from(rules.holds_per_patient)))
            );
        }
    }
    if own.live.is_full() {
        return Err(Refusal::plain(Code::EngineFull));
    }
    Ok(())
}

//! Decisions: one patient's command after another, each decided by one compare-and-swap.
//!
//! Order of work in a claim, which is also the order of precedence of refusals:
//! 1. the command's idempotency key, if it has one, against what the patient's commands were answered before;
//! 2. the block's rules, by one load of its word (a refusal here writes nothing);
//! 3. the patient's gate; from here nobody else acts for this patient;
//! 4. the ticket, the overlap rule, the limits, in this order, over the patient's live bookings;
//! 5. the block's compare-and-swap. From here it must succeed: the seat is the patient's;
//! 6. the patient's dead holds are swept, the entry is linked, the fact recorded, the gate opened.

use crate::block::{Block, Core, Ended, View};
use crate::fact::{Change, Fact, Trace};
use crate::limits::Limits;
use crate::patients::{Entry, EntryKind, EntryRef, Gate, Number, Patients, fingerprint};
use crate::publish::{Admin, Calendar};
use crate::seat::{Occupant, Seat, State};
use crate::sessions::{SessionCell, SessionRow};
use crate::sync::{AtomicU64, AtomicU128, Ordering};
use arrayvec::ArrayVec;
use dashmap::DashMap;
use haoyuan_core::ids::{
    BlockId, BookingId, IdempotencyKey, NodeIndex, PatientKey, SeatIndex, Sequence, SessionId, SlotRef,
};
use haoyuan_core::instant::Instant;
use haoyuan_core::pool::{Denial, PoolTree};
use haoyuan_core::refusal::{Binding, Code, Refusal, Retry};
use haoyuan_core::request::{Availability, Grant, Settle, Settled, Standing, Ticket, Wish};
use haoyuan_core::rules::{LateConfirm, Rules, Visit};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_core::word::Flag;
use parking_lot::{Mutex, RwLock};
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// The most live bookings of one patient.
pub(crate) const LIVE_MAX: usize = 64;
/// How many ended bookings and keyed commands of one patient are remembered.
pub(crate) const MEMORY: usize = 8;
/// The most tickets of one patient.
const TICKETS_MAX: usize = 64;

/// A block as it stands in memory: 32 bytes.
pub(crate) struct Row {
    pub(crate) core: Core,
    /// bits 0..24 session · 24..44 shape · 44..60 seats of the session before this block. Written by publishing.
    pub(crate) meta: AtomicU64,
}

impl Row {
    pub(crate) fn assign(&self, session: u32, shape: u32, before: u16) {
        let meta = u64::from(session) | u64::from(shape) << 24 | u64::from(before) << 44;
        // Relaxed: published by the session's words.
        self.meta.store(meta, Ordering::Relaxed);
    }

    /// Seats of the session in earlier blocks.
    fn before(&self) -> u16 {
        (self.meta.load(Ordering::Relaxed) >> 44) as u16
    }
}

/// The engine: every published seat of a platform, in memory.
///
/// All methods take `&self` and may be called from any thread. `availability`, `hold`, `book`, `confirm`, `cancel` and
/// `tick` are lock-free. Nothing reads a clock: every decision is told its instant.
pub struct Engine<T: Trace = ()> {
    pub(crate) rows: Box<[Row]>,
    pub(crate) seats: Box<[AtomicU128]>,
    pub(crate) sessions: Box<[SessionCell]>,
    pub(crate) trees: Box<[OnceLock<PoolTree>]>,
    pub(crate) rules: Box<[OnceLock<Rules>]>,
    pub(crate) patients: Patients,
    pub(crate) codes: DashMap<Arc<str>, SessionId>,
    pub(crate) names: RwLock<Vec<(Arc<str>, Instant, u32)>>,
    pub(crate) calendar: RwLock<Calendar>,
    pub(crate) admin: Mutex<Admin>,
    pub(crate) trace: T,
}

impl<T: Trace> std::fmt::Debug for Engine<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("sessions", &self.names.read().len()).finish_non_exhaustive()
    }
}

/// A slot that was asked for, resolved.
pub(crate) struct Target<'a> {
    pub(crate) row: SessionRow,
    pub(crate) block_id: BlockId,
    pub(crate) block: Block<'a>,
    pub(crate) tree: &'a PoolTree,
    /// The seats of the slot within the block.
    pub(crate) range: Range<u8>,
}

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
enum Fate {
    Live(Seat, SlotRef, SessionRow),
    Due,
    Gone,
}

/// A live booking while its patient's gate is held.
struct Own {
    booking: BookingId,
    session: SessionId,
    held: bool,
}

/// What the walk over a patient's bookings found. Filled in place: it is large, and moving it would be a copy.
#[derive(Default)]
struct Portfolio {
    live: ArrayVec<Own, LIVE_MAX>,
    visits: ArrayVec<Visit, LIVE_MAX>,
    due: ArrayVec<BookingId, LIVE_MAX>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Operation {
    Hold = 1,
    Book = 2,
    Confirm = 3,
    Cancel = 4,
}

/// An answer that was given before under the same key.
enum Remembered {
    Grant(Grant),
    Settled(Settled),
    Refusal(Refusal),
}

impl Engine<()> {
    /// An engine without a trace. Memory is reserved here; see [`Limits`].
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::with_trace(limits, ())
    }
}

impl<T: Trace> Engine<T> {
    /// An engine that tells every fact to `trace`.
    #[must_use]
    pub fn with_trace(limits: Limits, trace: T) -> Self {
        let limits = limits.clamped();
        Self {
            rows: (0..limits.blocks).map(|_| Row::empty()).collect(),
            seats: (0..limits.seats).map(|_| AtomicU128::new(0)).collect(),
            sessions: (0..limits.sessions).map(|_| SessionCell::new()).collect(),
            trees: (0..limits.shapes).map(|_| OnceLock::new()).collect(),
            rules: (0..limits.shapes).map(|_| OnceLock::new()).collect(),
            patients: Patients::new(limits.patients, limits.entries),
            codes: DashMap::new(),
            names: RwLock::default(),
            calendar: RwLock::default(),
            admin: Mutex::default(),
            trace,
        }
    }

    /// Where the facts go.
    #[must_use]
    pub const fn trace(&self) -> &T {
        &self.trace
    }

    // ---- finding things -------------------------------------------------------------------------------------------

    #[inline]
    pub(crate) fn resolve(&self, slot: SlotRef) -> Result<Target<'_>, Code> {
        let row = self.sessions.get(slot.session.index()).and_then(SessionCell::read).ok_or(Code::UnknownSession)?;
        if slot.slot.get() >= row.slots {
            return Err(Code::UnknownSlot);
        }
        self.target(slot, row)
    }

    #[inline]
    pub(crate) fn target(&self, slot: SlotRef, row: SessionRow) -> Result<Target<'_>, Code> {
        let (number, within) = if row.whole { (0, slot.slot.get()) } else { (u32::from(slot.slot.get()), 0) };
        let block_id = BlockId::new(row.first_block + number).ok_or(Code::UnknownSlot)?;
        let (block, tree) = self.block(block_id, &row).ok_or(Code::UnknownSlot)?;
        let range = if row.whole {
            // A whole-session block has at most 63 seats, so slot × stride is below 64.
            #[expect(clippy::cast_possible_truncation, reason = "below 64")]
            let start = within as u8 * row.stride;
            start..start + row.stride
        } else {
            0..tree.capacity()
        };
        Ok(Target { row, block_id, block, tree, range })
    }

    /// A block of a session, with its tree.
    #[inline]
    fn block(&self, id: BlockId, row: &SessionRow) -> Option<(Block<'_>, &PoolTree)> {
        let cell = self.rows.get(id.index())?;
        // Relaxed: published by the session's words, which were read with Acquire.
        let shape = cell.meta.load(Ordering::Relaxed) >> 24 & 0xf_ffff;
        #[expect(clippy::cast_possible_truncation, reason = "20 bits")]
        let tree = self.trees[shape as usize].get()?;
        let place = id.get() - row.first_block;
        let first = row.first_seat as usize + place as usize * usize::from(row.stride);
        let seats = self.seats.get(first..first + usize::from(tree.capacity()))?;
        Some((Block::new(&cell.core, seats), tree))
    }

    /// The session row and block of a booking.
    pub(crate) fn place(&self, block: BlockId) -> Option<(SessionId, SessionRow, Block<'_>, &PoolTree)> {
        let cell = self.rows.get(block.index())?;
        #[expect(clippy::cast_possible_truncation, reason = "24 bits")]
        let session = SessionId::new(cell.meta.load(Ordering::Relaxed) as u32 & SessionId::MAX)?;
        let row = self.sessions[session.index()].read()?;
        // A block that was never published has session 0 in its row: check that it lies within the session.
        let blocks = if row.whole { 1 } else { u32::from(row.slots) };
        if !(row.first_block..row.first_block + blocks).contains(&block.get()) {
            return None;
        }
        let (block, tree) = self.block(block, &row)?;
        Some((session, row, block, tree))
    }

    pub(crate) fn rules_of(&self, row: &SessionRow) -> &Rules {
        // Set before the session was published; the index comes from the session's words.
        self.rules[row.rules as usize].get_or_init(Rules::default)
    }

    // ---- asking without changing ----------------------------------------------------------------------------------

    /// What the decision would say for this class through this channel, now. Reads only; lock-free, linearizes at a load
    /// of the block's word. Patient rules are not part of it.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION` or `UNKNOWN_SLOT`; every other refusal is part of the answer.
    pub fn availability(
        &self,
        slot: SlotRef,
        class: Class,
        channel: Channel,
        at: Instant,
    ) -> Result<Availability, Refusal> {
        let target = self.resolve(slot).map_err(Refusal::plain)?;
        Ok(target.availability(class, channel, at))
    }

    // ---- claiming -------------------------------------------------------------------------------------------------

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

    #[inline]
    fn claim(&self, wish: &Wish, at: Instant, operation: Operation) -> Result<Grant, Refusal> {
        if wish.key.is_some() {
            return self.claim_keyed(wish, at, operation);
        }
        let target = self.resolve(wish.slot).map_err(Refusal::plain)?;
        target.probe(wish.class, wish.channel, at)?;
        let number = self.patients.enter(wish.patient).ok_or(Refusal::plain(Code::EngineFull))?;
        let mut gate = self.patients.lock(number).ok_or(Refusal::plain(Code::ConcurrentRequest))?;
        self.claim_gated(&mut gate, &target, wish, at, operation, 0)
    }

    #[cold]
    fn claim_keyed(&self, wish: &Wish, at: Instant, operation: Operation) -> Result<Grant, Refusal> {
        let number = self.patients.enter(wish.patient).ok_or(Refusal::plain(Code::EngineFull))?;
        let mut gate = self.patients.lock(number).ok_or(Refusal::plain(Code::ConcurrentRequest))?;
        let command = wish_fingerprint(wish, operation);
        match self.remembered(&gate, wish.key, command)? {
            Some(Remembered::Grant(grant)) => return Ok(grant),
            Some(Remembered::Refusal(refusal)) => return Err(refusal),
            Some(Remembered::Settled(_)) => return Err(Refusal::plain(Code::IdempotencyConflict)),
            None => {}
        }
        let decided = match self.resolve(wish.slot).map_err(Refusal::plain) {
            Err(refusal) => Err(refusal),
            Ok(target) => target
                .probe(wish.class, wish.channel, at)
                .and_then(|()| self.claim_gated(&mut gate, &target, wish, at, operation, command)),
        };
        if let Err(refusal) = decided {
            if refusal.code != Code::ConcurrentRequest {
                self.remember(&mut gate, wish.key, command, EntryKind::Refused, pack_refusal(refusal));
            }
        }
        decided
    }

    fn claim_gated(
        &self,
        gate: &mut Gate<'_>,
        target: &Target<'_>,
        wish: &Wish,
        at: Instant,
        operation: Operation,
        command: u32,
    ) -> Result<Grant, Refusal> {
        let rules = self.rules_of(&target.row);
        let ticket = if rules.needs_ticket(wish.class) {
            Some(self.check_ticket(gate, &target.row, wish, at)?)
        } else {
            None
        };
        let visit = target.row.visit(wish.slot.slot);
        let mut own = Portfolio::default();
        self.gather(gate, at, &mut own);
        check_patient(rules, &visit, &own, wish.slot.session, operation)?;
        // The first place is kept in the record; a cell is needed for more, or to remember a key.
        let place_in_record = wish.key.is_none() && !own.live.iter().any(|o| Some(o.booking) == gate.first());
        let reserved = if place_in_record {
            None
        } else {
            Some(gate.reserve().ok_or(Refusal::plain(Code::EngineFull))?)
        };

        let booked = operation == Operation::Book;
        let hold_ms = i64::from(rules.hold_ms[usize::from(wish.channel.number())]);
        let expires = if booked { at } else { at.plus(hold_ms) };
        let number = gate.number();
        let (taken, occupant) = target.block.claim(
            &target.range,
            at,
            |view| {
                let permit = target.decide(view, wish.class, wish.channel, at)?;
                let counter = target.tree.counter(permit.node).unwrap_or(0);
                Ok((
                    permit.live,
                    Occupant {
                        patient: number,
                        expires,
                        node: permit.node,
                        counter,
                        class: wish.class,
                        channel: wish.channel,
                        spill: permit.spill,
                        booked,
                    },
                ))
            },
            Refusal::plain,
            |ended| self.record_end(target.block_id, &ended, Change::Expired, at, None),
        )?;

        // From here it must succeed: the seat is the patient's.
        let seat = SeatIndex::new(taken.seat).unwrap_or_default();
        let booking = BookingId::pack(target.block_id, seat, taken.sequence);
        for due in &own.due {
            self.expire_own(*due, at);
        }
        match reserved.and_then(crate::patients::Reserved::take) {
            None => gate.set_first(Some(booking)),
            Some(cell) => {
                let entry = Entry {
                    kind: EntryKind::Live,
                    booking: booking.get(),
                    fingerprint: wish.key.map_or(0, key_fingerprint),
                    command,
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
            ticket: ticket.and(wish.ticket),
            key: wish.key,
        });
        let standing = if booked { Standing::Booked } else { Standing::HeldUntil(expires) };
        Ok(grant(&target.row, wish.slot, booking, occupant.node, occupant.spill, standing, self))
    }

    // ---- settling -------------------------------------------------------------------------------------------------

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
        let unknown = Refusal::plain(Code::UnknownBooking);
        let number = if settle.key.is_some() {
            self.patients.enter(settle.patient).ok_or(Refusal::plain(Code::EngineFull))?
        } else {
            self.patients.find(settle.patient).ok_or(unknown)?
        };
        let mut gate = self.patients.lock(number).ok_or(Refusal::plain(Code::ConcurrentRequest))?;
        let command = settle_fingerprint(settle, operation);
        match self.remembered(&gate, settle.key, command)? {
            Some(Remembered::Settled(settled)) => return Ok(settled),
            Some(Remembered::Refusal(refusal)) => return Err(refusal),
            Some(Remembered::Grant(_)) => return Err(Refusal::plain(Code::IdempotencyConflict)),
            None => {}
        }
        let decided = match operation {
            Operation::Confirm => self.confirm_gated(&gate, settle, at),
            _ => self.cancel_gated(&mut gate, settle, at),
        };
        if settle.key.is_some() {
            match decided {
                Ok(settled) => {
                    let details = u64::from(settled.sequence.0) | u64::from(settled.changed) << 32;
                    let packed = (settled.booking.get(), details);
                    self.remember(&mut gate, settle.key, command, EntryKind::Settled, packed);
                }
                Err(refusal) if refusal.code != Code::ConcurrentRequest => {
                    self.remember(&mut gate, settle.key, command, EntryKind::Refused, pack_refusal(refusal));
                }
                Err(_) => {}
            }
        }
        decided
    }

    fn confirm_gated(&self, gate: &Gate<'_>, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        let booking = settle.booking;
        let gone = |code| self.gone(gate, booking, code);
        let (_, row, block, tree) = self.place(booking.block()).ok_or_else(|| gone(Code::UnknownBooking))?;
        let retest = self.rules_of(&row).late_confirm == LateConfirm::Retest;
        let check = |view: &View, record: Seat| {
            if record.patient() != gate.number() {
                return Err(Refusal::plain(Code::UnknownBooking));
            }
            if !record.is_due(at) {
                return Ok(());
            }
            // The view's counters do not count this hold, because it is due: the claim is decided once more.
            let again = retest && tree.decide_at(view.live, record.node(), row.offset(at)).is_ok();
            if again { Ok(()) } else { Err(Refusal::plain(Code::HoldExpired)) }
        };
        let done = block.confirm(booking.seat().get(), booking.sequence(), at, check, gone)?;
        let Some(ended) = done else {
            return Ok(Settled { booking, sequence: booking.sequence(), changed: false });
        };
        self.record_end(booking.block(), &ended, Change::Confirmed, at, settle.key);
        Ok(Settled { booking, sequence: ended.sequence, changed: true })
    }

    fn cancel_gated(&self, gate: &mut Gate<'_>, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        let booking = settle.booking;
        let (_, row, block, _) =
            self.place(booking.block()).ok_or_else(|| self.gone(gate, booking, Code::UnknownBooking))?;
        let until = self.rules_of(&row).cancel_until;
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
        let gone = |code| self.gone(gate, booking, code);
        let ended = block
            .release(booking.seat().get(), booking.sequence(), at, check, gone)?
            .ok_or_else(|| Refusal::plain(Code::UnknownBooking))?;
        if gate.first() == Some(booking) {
            gate.set_first_cancelled(booking);
        } else {
            let found = gate.entries().find(|(_, e)| e.kind == EntryKind::Live && e.booking == booking.get());
            if let Some((at, entry)) = found {
                gate.set(at, &Entry { kind: EntryKind::Past, details: entry.details | CANCELLED, ..entry });
            }
            trim(gate);
        }
        self.record_end(booking.block(), &ended, Change::Cancelled, at, settle.key);
        Ok(Settled { booking, sequence: ended.sequence, changed: true })
    }

    /// The refusal for a booking whose seat is somebody else's by now.
    fn gone(&self, gate: &Gate<'_>, booking: BookingId, code: Code) -> Refusal {
        if code != Code::UnknownBooking {
            return Refusal::plain(code);
        }
        if gate.first_cancelled() == Some(booking) {
            return Refusal::plain(Code::Cancelled);
        }
        if gate.first() == Some(booking) {
            return Refusal::plain(Code::HoldExpired);
        }
        let entry = gate
            .entries()
            .find(|(_, e)| matches!(e.kind, EntryKind::Live | EntryKind::Past) && e.booking == booking.get());
        Refusal::plain(match entry {
            Some((_, entry)) if entry.kind == EntryKind::Past && entry.details & CANCELLED != 0 => Code::Cancelled,
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
            let blocks = if row.whole { 1 } else { u32::from(row.slots) };
            for place in row.first_block..row.first_block + blocks {
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

    // ---- tickets --------------------------------------------------------------------------------------------------

    /// Registers a ticket. Registering the same number again replaces its terms and keeps its use.
    ///
    /// # Errors
    /// `CONCURRENT_REQUEST`, `TICKET_MISMATCH` (the class needs no ticket), `TICKET_EXPIRED`, `ENGINE_FULL`.
    pub fn issue_ticket(&self, ticket: &Ticket, at: Instant) -> Result<(), Refusal> {
        if !ticket.class.needs_ticket() {
            return Err(Refusal::plain(Code::TicketMismatch));
        }
        if at >= ticket.expires {
            return Err(Refusal::plain(Code::TicketExpired));
        }
        let number = self.patients.enter(ticket.patient).ok_or(Refusal::plain(Code::EngineFull))?;
        let mut gate = self.patients.lock(number).ok_or(Refusal::plain(Code::ConcurrentRequest))?;
        let print = fingerprint(ticket.id.get());
        let (command, details) = pack_ticket(ticket);
        let fresh = Entry { kind: EntryKind::Ticket, booking: 0, fingerprint: print, command, details };
        let known = gate.entries().find(|(_, e)| e.kind == EntryKind::Ticket && e.fingerprint == print);
        if let Some((at, entry)) = known {
            gate.set(at, &Entry { booking: entry.booking, ..fresh });
            return Ok(());
        }
        // A void ticket makes room for the next one.
        let void = gate.entries().find(|(_, e)| e.kind == EntryKind::Ticket && at.ms() >= ticket_expires(e));
        if let Some((void, entry)) = void {
            if self.live_use(number, &entry, at).is_none() {
                gate.remove(void);
            }
        }
        let tickets = gate.entries().filter(|(_, e)| e.kind == EntryKind::Ticket).count();
        if tickets >= TICKETS_MAX {
            return Err(Refusal::plain(Code::EngineFull));
        }
        let cell = gate.reserve().and_then(crate::patients::Reserved::take);
        gate.push(cell.ok_or(Refusal::plain(Code::EngineFull))?, &fresh);
        Ok(())
    }

    fn check_ticket(
        &self,
        gate: &Gate<'_>,
        row: &SessionRow,
        wish: &Wish,
        at: Instant,
    ) -> Result<(EntryRef, Entry), Refusal> {
        let id = wish.ticket.ok_or(Refusal::plain(Code::TicketRequired))?;
        let print = fingerprint(id.get());
        let (place, entry) = gate
            .entries()
            .find(|(_, e)| e.kind == EntryKind::Ticket && e.fingerprint == print)
            .ok_or(Refusal::plain(Code::TicketUnknown))?;
        if !ticket_fits(&entry, wish.class, row) {
            return Err(Refusal::plain(Code::TicketMismatch));
        }
        if at.ms() >= ticket_expires(&entry) {
            return Err(Refusal::plain(Code::TicketExpired));
        }
        match self.live_use(gate.number(), &entry, at) {
            Some(booking) => Err(Refusal::plain(Code::TicketUsed).by(Binding::Booking(booking))),
            None => Ok((place, entry)),
        }
    }

    fn live_use(&self, number: Number, ticket: &Entry, at: Instant) -> Option<BookingId> {
        let booking = BookingId::new(ticket.booking)?;
        matches!(self.fate(booking, number, at), Fate::Live(..)).then_some(booking)
    }

    // ---- a patient's bookings -------------------------------------------------------------------------------------

    /// The patient's live holds and bookings, newest first.
    ///
    /// # Errors
    /// `CONCURRENT_REQUEST` while another command of the patient is being decided.
    pub fn bookings_of(&self, patient: PatientKey, at: Instant) -> Result<Vec<LiveBooking>, Refusal> {
        let Some(number) = self.patients.find(patient) else { return Ok(Vec::new()) };
        let mut gate = self.patients.lock(number).ok_or(Refusal::plain(Code::ConcurrentRequest))?;
        let mut own = Portfolio::default();
        self.gather(&mut gate, at, &mut own);
        let bookings = own.live.iter().filter_map(|own| {
            let Fate::Live(record, slot, row) = self.fate(own.booking, number, at) else { return None };
            let standing = match record.state() {
                State::Held => Standing::HeldUntil(record.expires()),
                _ => Standing::Booked,
            };
            let grant = grant(&row, slot, own.booking, record.node(), record.spill(), standing, self);
            Some(LiveBooking { grant, class: record.class(), channel: record.channel() })
        });
        Ok(bookings.collect())
    }

    fn fate(&self, booking: BookingId, number: Number, at: Instant) -> Fate {
        let Some((session, row, block, _)) = self.place(booking.block()) else { return Fate::Gone };
        let Some(record) = block.record(booking.seat().get()) else { return Fate::Gone };
        let live = matches!(record.state(), State::Held | State::Booked);
        if !live || record.sequence() != booking.sequence() || record.patient() != number {
            return Fate::Gone;
        }
        if record.is_due(at) {
            return Fate::Due;
        }
        let slot = row.slot_of(booking.block().get() - row.first_block, booking.seat().get());
        Fate::Live(record, SlotRef { session, slot }, row)
    }

    /// Walks over the patient's bookings. Entries of ended ones become memories.
    fn gather(&self, gate: &mut Gate<'_>, at: Instant, found: &mut Portfolio) {
        let mut ended = false;
        let mut look = |booking: BookingId| match self.fate(booking, gate.number(), at) {
            Fate::Live(record, slot, row) => {
                // More than LIVE_MAX cannot be: a claim is refused there.
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
        for (place, entry) in gate.entries() {
            if entry.kind != EntryKind::Live {
                continue;
            }
            let live = BookingId::new(entry.booking).is_some_and(&mut look);
            if !live {
                gate.set(place, &Entry { kind: EntryKind::Past, ..entry });
                ended = true;
            }
        }
        if ended {
            trim(gate);
        }
    }

    fn expire_own(&self, booking: BookingId, at: Instant) {
        if let Some((_, _, block, _)) = self.place(booking.block()) {
            block.expire(booking.seat().get(), at, &|ended| {
                self.record_end(booking.block(), &ended, Change::Expired, at, None);
            });
        }
    }

    #[inline]
    fn record_end(&self, block: BlockId, ended: &Ended, change: Change, at: Instant, key: Option<IdempotencyKey>) {
        let Some((session, row, _, _)) = self.place(block) else { return };
        let Some(patient) = self.patients.key(ended.record.patient()) else { return };
        let seat = SeatIndex::new(ended.seat).unwrap_or_default();
        self.trace.record(&Fact {
            change,
            sequence: ended.sequence,
            at,
            booking: BookingId::pack(block, seat, ended.record.sequence()),
            slot: SlotRef { session, slot: row.slot_of(block.get() - row.first_block, ended.seat) },
            patient,
            class: ended.record.class(),
            channel: ended.record.channel(),
            node: ended.record.node(),
            spill: ended.record.spill(),
            expires: ended.record.expires(),
            ticket: None,
            key,
        });
    }

    // ---- memory of keyed commands ---------------------------------------------------------------------------------

    fn remembered(
        &self,
        gate: &Gate<'_>,
        key: Option<IdempotencyKey>,
        command: u32,
    ) -> Result<Option<Remembered>, Refusal> {
        let Some(key) = key else { return Ok(None) };
        let print = key_fingerprint(key);
        let found = gate.entries().find(|(_, e)| e.kind != EntryKind::Ticket && e.fingerprint == print);
        let Some((_, entry)) = found else { return Ok(None) };
        if entry.command != command {
            return Err(Refusal::plain(Code::IdempotencyConflict));
        }
        Ok(match entry.kind {
            EntryKind::Live | EntryKind::Past => self.granted_before(&entry).map(Remembered::Grant),
            EntryKind::Settled => BookingId::new(entry.booking).map(|booking| {
                #[expect(clippy::cast_possible_truncation, reason = "the low 32 bits")]
                let sequence = Sequence(entry.details as u32);
                Remembered::Settled(Settled { booking, sequence, changed: entry.details >> 32 & 1 == 1 })
            }),
            EntryKind::Refused | EntryKind::Ticket => Some(Remembered::Refusal(unpack_refusal(&entry))),
        })
    }

    fn granted_before(&self, entry: &Entry) -> Option<Grant> {
        let booking = BookingId::new(entry.booking)?;
        let (session, row, _, _) = self.place(booking.block())?;
        let slot = row.slot_of(booking.block().get() - row.first_block, booking.seat().get());
        let (expires, node, spill, booked) = unpack_grant(entry.details);
        let standing = if booked { Standing::Booked } else { Standing::HeldUntil(expires) };
        Some(grant(&row, SlotRef { session, slot }, booking, node, spill, standing, self))
    }

    /// Remembers the answer to a keyed command. If there is no room it is not remembered: the pool's limit is the host's.
    fn remember(
        &self,
        gate: &mut Gate<'_>,
        key: Option<IdempotencyKey>,
        command: u32,
        kind: EntryKind,
        (booking, details): (u64, u64),
    ) {
        let Some(key) = key else { return };
        let Some(cell) = gate.reserve().and_then(crate::patients::Reserved::take) else { return };
        gate.push(cell, &Entry { kind, booking, fingerprint: key_fingerprint(key), command, details });
        trim(gate);
    }
}

impl Target<'_> {
    /// The block's rules alone, over a view.
    #[inline]
    fn decide(
        &self,
        view: &View,
        class: Class,
        channel: Channel,
        at: Instant,
    ) -> Result<haoyuan_core::pool::Permit, Refusal> {
        if view.word.has_flags() {
            if view.word.has(Flag::Stopped) {
                return Err(Refusal::plain(Code::Stopped));
            }
            if view.word.has(Flag::Frozen) {
                return Err(Refusal::plain(Code::ConcurrentRequest));
            }
        }
        match self.tree.decide(view.live, class, channel, self.row.offset(at)) {
            Ok(permit) => Ok(permit),
            Err(denial) => Err(self.refuse(view, denial, at)),
        }
    }

    #[inline(never)]
    fn refuse(&self, view: &View, denial: Denial, at: Instant) -> Refusal {
        // In a whole-session block the slot can be full before the session is.
        if self.row.whole && denial.code > Code::SlotFull && !self.block.has_free(view, &self.range, at) {
            return Refusal::plain(Code::SlotFull).by(Binding::Node(NodeIndex::ROOT));
        }
        let mut refusal = Refusal::plain(denial.code);
        if denial.code != Code::NotAdmitted {
            refusal.binding = Binding::Node(denial.node);
        }
        if let Some(offset) = denial.loosens {
            refusal.retry = Retry::From(self.row.day().midnight().plus(offset));
        }
        refusal
    }

    /// Whether the block would accept a claim; reads only.
    #[inline]
    fn probe(&self, class: Class, channel: Channel, at: Instant) -> Result<(), Refusal> {
        loop {
            let view = self.block.view(at);
            let _permit = self.decide(&view, class, channel, at)?;
            if !self.row.whole || self.block.has_free(&view, &self.range, at) {
                return Ok(());
            }
            // Linearizes at the load of the word only if no seat changed while they were looked at.
            if self.block.word() == view.word {
                return Err(Refusal::plain(Code::SlotFull).by(Binding::Node(NodeIndex::ROOT)));
            }
        }
    }

    pub(crate) fn availability(&self, class: Class, channel: Channel, at: Instant) -> Availability {
        loop {
            let view = self.block.view(at);
            let live = u8::try_from(view.live.total()).unwrap_or(u8::MAX);
            let mut answer = Availability { free: 0, capacity: self.tree.capacity(), live, refusal: None };
            match self.probe_view(&view, class, channel, at) {
                Err(refusal) => answer.refusal = Some(refusal),
                Ok(most) => answer.free = self.tree.free(view.live, class, channel, self.row.offset(at), most),
            }
            if !self.row.whole || self.block.word() == view.word {
                return answer;
            }
        }
    }

    /// The block's rules over one view, and how many seats of the slot are free.
    fn probe_view(&self, view: &View, class: Class, channel: Channel, at: Instant) -> Result<u8, Refusal> {
        let _permit = self.decide(view, class, channel, at)?;
        if !self.row.whole {
            return Ok(self.tree.capacity());
        }
        let seats = self.range.len();
        let live = self.block.count_live(self.range.clone(), at) as usize;
        match u8::try_from(seats.saturating_sub(live)) {
            Ok(free) if free > 0 => Ok(free),
            _ => Err(Refusal::plain(Code::SlotFull).by(Binding::Node(NodeIndex::ROOT))),
        }
    }
}

fn check_patient(
    rules: &Rules,
    visit: &Visit,
    own: &Portfolio,
    session: SessionId,
    operation: Operation,
) -> Result<(), Refusal> {
    if own.live.is_empty() {
        return Ok(());
    }
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
            return Err(Refusal::plain(Code::HoldLimit).by(Binding::Limit(u32::from(rules.holds_per_patient))));
        }
    }
    if own.live.is_full() {
        return Err(Refusal::plain(Code::EngineFull));
    }
    Ok(())
}

/// Forgets the oldest memories beyond [`MEMORY`].
fn trim(gate: &mut Gate<'_>) {
    let is_memory = |e: &Entry| matches!(e.kind, EntryKind::Past | EntryKind::Refused | EntryKind::Settled);
    let memories = gate.entries().filter(|(_, e)| is_memory(e)).count();
    for _ in MEMORY..memories {
        if let Some((oldest, _)) = gate.entries().filter(|(_, e)| is_memory(e)).last() {
            gate.remove(oldest);
        }
    }
}

fn grant<T: Trace>(
    row: &SessionRow,
    slot: SlotRef,
    booking: BookingId,
    node: NodeIndex,
    spill: bool,
    standing: Standing,
    engine: &Engine<T>,
) -> Grant {
    Grant {
        booking,
        institution: row.institution(),
        slot,
        number: engine.number_of(booking),
        time: row.slot_time(slot.slot),
        node,
        spill,
        standing,
    }
}

impl<T: Trace> Engine<T> {
    /// The number (号序) in the session, from 1: the seats of the slots before, and the place in the slot.
    fn number_of(&self, booking: BookingId) -> u16 {
        let before = self.rows.get(booking.block().index()).map_or(0, Row::before);
        before + u16::from(booking.seat().get()) + 1
    }
}

// ---- packed details of entries ------------------------------------------------------------------------------------

const CANCELLED: u64 = 1 << 63;
const INSTANT: u64 = (1 << 42) - 1;

fn key_fingerprint(key: IdempotencyKey) -> u64 {
    fingerprint(key.get()).max(1)
}

#[expect(clippy::cast_possible_truncation, reason = "a 32-bit fingerprint")]
fn wish_fingerprint(wish: &Wish, operation: Operation) -> u32 {
    let asked = u128::from(wish.slot.session.get())
        | u128::from(wish.slot.slot.get()) << 24
        | u128::from(wish.class.number()) << 40
        | u128::from(wish.channel.number()) << 48
        | (operation as u128) << 56;
    let ticket = wish.ticket.map_or(0, |t| fingerprint(t.get()));
    (fingerprint(asked | u128::from(ticket) << 64) >> 32) as u32
}

#[expect(clippy::cast_possible_truncation, reason = "a 32-bit fingerprint")]
fn settle_fingerprint(settle: &Settle, operation: Operation) -> u32 {
    (fingerprint(u128::from(settle.booking.get()) | (operation as u128) << 64) >> 32) as u32
}

#[expect(clippy::cast_sign_loss, reason = "instants are not negative")]
const fn pack_grant(expires: Instant, node: NodeIndex, spill: bool, booked: bool) -> u64 {
    expires.ms() as u64 | (node.get() as u64) << 42 | (spill as u64) << 46 | (booked as u64) << 47
}

fn unpack_grant(details: u64) -> (Instant, NodeIndex, bool, bool) {
    let node = NodeIndex::new((details >> 42) as u8 & 15).unwrap_or(NodeIndex::ROOT);
    let expires = Instant::saturating((details & INSTANT).cast_signed());
    (expires, node, details >> 46 & 1 == 1, details >> 47 & 1 == 1)
}

/// (binding value, details: code 0..16 · binding kind 16..18 · retry kind 18..20 · retry instant 20..62)
#[expect(clippy::cast_sign_loss, reason = "instants are not negative")]
fn pack_refusal(refusal: Refusal) -> (u64, u64) {
    let (kind, value) = match refusal.binding {
        Binding::None => (0, 0),
        Binding::Node(node) => (1, u64::from(node.get())),
        Binding::Booking(booking) => (2, booking.get()),
        Binding::Limit(limit) => (3, u64::from(limit)),
    };
    let (retry, from) = match refusal.retry {
        Retry::Never => (0, 0),
        Retry::Now => (1, 0),
        Retry::WhenReturned => (2, 0),
        Retry::From(at) => (3, at.ms() as u64),
    };
    (value, u64::from(refusal.code.number()) | kind << 16 | retry << 18 | from << 20)
}

#[expect(clippy::cast_possible_truncation, reason = "fields are narrower than their types")]
fn unpack_refusal(entry: &Entry) -> Refusal {
    let details = entry.details;
    let binding = match details >> 16 & 3 {
        0 => Binding::None,
        1 => Binding::Node(NodeIndex::new(entry.booking as u8).unwrap_or(NodeIndex::ROOT)),
        2 => BookingId::new(entry.booking).map_or(Binding::None, Binding::Booking),
        _ => Binding::Limit(entry.booking as u32),
    };
    let retry = match details >> 18 & 3 {
        0 => Retry::Never,
        1 => Retry::Now,
        2 => Retry::WhenReturned,
        _ => Retry::From(Instant::saturating((details >> 20 & INSTANT).cast_signed())),
    };
    let code = Code::from_number(details as u16).unwrap_or(Code::IdempotencyConflict);
    Refusal { code, binding, retry }
}

/// (class 0..3 · has department 3 · department 4..24, expires 0..42 · institution 42..58)
#[expect(clippy::cast_sign_loss, reason = "instants are not negative")]
fn pack_ticket(ticket: &Ticket) -> (u32, u64) {
    let department = ticket.department.map_or(0, |d| 1 << 3 | d.get() << 4);
    let details = ticket.expires.ms() as u64 | u64::from(ticket.institution.get()) << 42;
    (u32::from(ticket.class.number()) | department, details)
}

const fn ticket_expires(entry: &Entry) -> i64 {
    (entry.details & INSTANT).cast_signed()
}

fn ticket_fits(entry: &Entry, class: Class, row: &SessionRow) -> bool {
    let class_fits = entry.command & 7 == u32::from(class.number());
    let any_department = entry.command >> 3 & 1 == 0;
    let department_fits = any_department || entry.command >> 4 == row.department().get();
    class_fits && department_fits && (entry.details >> 42 & 0xffff) == u64::from(row.institution().get())
}


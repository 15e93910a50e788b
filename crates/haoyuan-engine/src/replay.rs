//! Replaying facts, and taking and restoring snapshots: the same state without deciding anything.
//!
//! INVARIANT (facts, not commands): replay runs no rule, reads no clock and sweeps nothing; a fact is applied exactly if it
//! is the next of its block, and skipped if the block is already past it, so that replay over a snapshot is idempotent.
//!
//! These operations expect an engine that nobody else uses yet.

use crate::Engine;
use crate::fact::{Change, Command, Fact, Trace};
use crate::memory::{
    CANCELLED, MERGED, Operation as Deed, pack_grant, pack_refusal, settle_fingerprint, trim,
    wish_fingerprint,
};
use crate::patients::{Entry, EntryKind, Gate, Reserved};
use crate::portfolio::{Portfolio, bury};
use crate::publish::{PublishError, full};
use crate::seat::{Occupant, Seat, State};
use haoyuan_core::ids::{BlockId, BookingId, IdempotencyKey, PatientKey, Sequence, SessionId, SlotRef};
use haoyuan_core::instant::Instant;
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::pool::PoolTree;
use haoyuan_core::refusal::Refusal;
use haoyuan_core::request::{Settle, Settled, Wish};
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use haoyuan_core::word::{Operation, Word};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Why a fact does not fit the state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReplayError {
    /// No published session has this block.
    UnknownBlock(BlockId),
    /// A fact of this block is missing.
    Gap {
        /// The block.
        block: BlockId,
        /// The sequence that is missing.
        expected: Sequence,
        /// The sequence that came.
        found: Sequence,
    },
    /// The seat is not in the state that the fact needs.
    Conflict {
        /// The booking of the fact.
        booking: BookingId,
        /// The place of the fact in its block.
        sequence: Sequence,
    },
    /// The pool tree of a change of usable seats does not fit its block.
    Resized {
        /// The block.
        block: BlockId,
        /// The place of the change in its block.
        sequence: Sequence,
    },
    /// A block of a snapshot is none that the block of the published session can have become.
    Misfit(BlockId),
    /// The engine was opened with limits that are too small; the limit to raise is named.
    Full(&'static str),
    /// A session of a snapshot could not be published.
    Session(PublishError),
}

impl Speak for ReplayError {
    fn said(&self) -> Said {
        match self {
            Self::UnknownBlock(block) => said!(
                "block {block} belongs to no published session",
                "区块 {block} 不属于任何已发布的班次",
                block = block.get()
            ),
            Self::Gap { block, expected, found } => said!(
                "block {block} continues at {found} although {expected} is missing",
                "区块 {block} 缺少流水号 {expected},却以 {found} 继续",
                block = block.get(),
                found = found.0,
                expected = expected.0
            ),
            Self::Conflict { booking, sequence } => said!(
                "fact {sequence} of booking {booking} does not fit its seat",
                "预约 {booking} 的流水号 {sequence} 与其号的状态不符",
                booking = booking.to_string(),
                sequence = sequence.0
            ),
            Self::Resized { block, sequence } => said!(
                "the pools of fact {sequence} do not fit block {block}",
                "流水号 {sequence} 的号源池与区块 {block} 不符",
                sequence = sequence.0,
                block = block.get()
            ),
            Self::Misfit(block) => said!(
                "the seats of the snapshot do not fit block {block}",
                "快照中的号与区块 {block} 不符",
                block = block.get()
            ),
            Self::Full(limit) => full(limit),
            Self::Session(error) => error.said(),
        }
    }
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for ReplayError {}

/// A part of a snapshot. Sessions come before blocks, blocks before patients.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// A published session.
    Session {
        /// As it was published.
        plan: Box<Plan>,
        /// When it was published.
        at: Instant,
    },
    /// Here retired sessions have been: so many sessions, blocks and seats are passed over.
    Retired([u32; 3]),
    /// A block that has had transitions.
    Block {
        /// Which.
        block: u32,
        /// Its word, without its flags.
        word: u128,
        /// The records of its seats; those of live seats with the patient's key.
        seats: Vec<(u128, Option<u128>)>,
    },
    /// What is kept of a patient: the booking in the record, and the entries, oldest first.
    Patient {
        /// Whose.
        key: u128,
        /// The booking in the record, with its mark.
        first: u64,
        /// Kind, booking, fingerprint, command, details.
        entries: Vec<(u8, u64, u64, u64, u64)>,
    },
}

impl<T: Trace> Engine<T> {
    /// Applies a fact. `Ok(false)` if the block is already past it.
    ///
    /// # Errors
    /// [`ReplayError`]; nothing was changed.
    pub fn replay(&self, fact: &Fact) -> Result<bool, ReplayError> {
        let id = fact.booking.block();
        let conflict = || ReplayError::Conflict { booking: fact.booking, sequence: fact.sequence };
        let Some((_, row, block, tree)) = self.place(id) else {
            // Of a retired session nothing is kept, whatever was still on its way.
            return if self.was_given(id) { Ok(false) } else { Err(ReplayError::UnknownBlock(id)) };
        };
        let word = block.word();
        if fact.sequence <= word.sequence() {
            return Ok(false);
        }
        let expected = Sequence(word.sequence().0 + 1);
        if fact.sequence != expected {
            return Err(ReplayError::Gap { block: id, expected, found: fact.sequence });
        }
        let seat = fact.booking.seat().get();
        let record = block.record(seat).ok_or_else(conflict)?;
        let claims = matches!(fact.change, Change::Held | Change::Booked);
        let is_its_grant = record.sequence() == fact.booking.sequence();
        let fits = match (fact.change, record.state()) {
            (Change::Held | Change::Booked, State::Free) => fact.booking.sequence() == fact.sequence,
            (Change::Confirmed | Change::Expired | Change::Cancelled | Change::Withdrawn, State::Held)
            | (Change::Cancelled | Change::Withdrawn, State::Booked) => is_its_grant,
            _ => false,
        };
        if !fits {
            return Err(conflict());
        }
        let number = self.patients.enter(fact.patient).ok_or(ReplayError::Full("patients"))?;
        let mut gate = self.patients.lock(number).ok_or_else(conflict)?;
        if claims {
            let counter = tree.counter(fact.node).ok_or_else(conflict)?;
            let live = word.live().plus(counter).ok_or_else(conflict)?;
            let booked = fact.change == Change::Booked;
            let hold_ms = self.rules_of(&row).hold_ms[usize::from(fact.channel.number())];
            let ends = if booked { fact.at } else { fact.at.plus(i64::from(hold_ms)) };
            let occupant = Occupant {
                patient: number,
                expires: fact.expires,
                node: fact.node,
                counter,
                class: fact.class,
                channel: fact.channel,
                spill: fact.spill,
                booked,
                offered: fact.expires != ends,
            };
            // Room for the entry is made first, so that nothing is half applied.
            let reserved = gate.reserve();
            let record = Seat::live(fact.sequence, &occupant);
            if reserved.is_none() && fact.key.is_some() {
                return Err(ReplayError::Full("entries"));
            }
            if !block.replay(word, live, Operation::Claim, seat, record) {
                return Err(conflict());
            }
            self.remember_claim(&mut gate, fact, reserved);
            if self.rules_of(&row).needs_ticket(fact.class) {
                Self::use_ticket(&mut gate, fact);
            }
            return Ok(true);
        }
        let (live, operation, next) = match fact.change {
            Change::Confirmed => (Some(word.live()), Operation::Confirm, record.booked()),
            _ => (word.live().minus(record.counter()), Operation::Release, Seat::free(fact.sequence)),
        };
        if !block.replay(word, live.ok_or_else(conflict)?, operation, seat, next) {
            return Err(conflict());
        }
        if matches!(fact.change, Change::Cancelled | Change::Withdrawn) {
            Self::forget_cancelled(&mut gate, fact.booking);
        }
        if matches!(fact.change, Change::Confirmed | Change::Cancelled) {
            let deed = if fact.change == Change::Confirmed { Deed::Confirm } else { Deed::Cancel };
            let settled = Settled { booking: fact.booking, sequence: fact.sequence, changed: true };
            Self::remember_settled(&mut gate, fact.patient, fact.key, deed, &settled);
        }
        Ok(true)
    }

    /// The patient's holds that are dead at `at` and not swept. After a claim of the patient at `at` was replayed, these are
    /// what the claim has looked past: it swept them, but the facts of that may not have been durable yet.
    pub fn looked_past(&self, patient: PatientKey, at: Instant, mut sink: impl FnMut(BookingId)) {
        let Some(mut gate) = self.patients.find(patient).and_then(|number| self.patients.lock(number)) else {
            return;
        };
        let mut own = Portfolio::default();
        self.gather(&mut gate, at, &mut own);
        for due in &own.due {
            sink(*due);
        }
    }

    /// Sweeps this hold if it is dead at `at` and nobody has swept it; whether it did. As [`Engine::tick`], for one hold.
    pub fn sweep(&self, hold: BookingId, at: Instant) -> bool {
        let Some((_, _, block, _)) = self.place(hold.block()) else { return false };
        let record = block.record(hold.seat().get());
        let is_it = record.is_some_and(|record| record.sequence() == hold.sequence() && record.is_due(at));
        if is_it {
            self.expire_own(hold, at);
        }
        is_it
    }

    /// Remembers an answer that belongs to the state because its command carried a key.
    ///
    /// # Errors
    /// [`ReplayError::Full`].
    pub fn replay_refused(&self, command: &Command, refusal: &Refusal) -> Result<(), ReplayError> {
        let (patient, key, print) = match command {
            Command::Hold(wish) => (wish.patient, wish.key, wish_fingerprint(wish, Deed::Hold)),
            Command::Book(wish) => (wish.patient, wish.key, wish_fingerprint(wish, Deed::Book)),
            Command::Confirm(settle) => {
                (settle.patient, settle.key, settle_fingerprint(settle, Deed::Confirm))
            }
            Command::Cancel(settle) => (settle.patient, settle.key, settle_fingerprint(settle, Deed::Cancel)),
        };
        let Some(used) = key else { return Ok(()) };
        let mut gate = self.patients.admit(patient).map_err(|_| ReplayError::Full("patients"))?;
        // A conflict is refused without being remembered: the key keeps its first command. And a refusal that was given again
        // is on record again, and remembered already.
        let is_new = matches!(self.remembered(&gate, used, print), Ok(None));
        if is_new && refusal.code != haoyuan_core::refusal::Code::IdempotencyConflict {
            Self::remember(&mut gate, key, print, EntryKind::Refused, pack_refusal(*refusal));
        }
        Ok(())
    }

    /// Remembers a keyed confirmation of what was confirmed before.
    ///
    /// # Errors
    /// [`ReplayError::Full`].
    pub fn replay_repeated(&self, settle: &Settle, settled: &Settled) -> Result<(), ReplayError> {
        let mut gate = self.patients.admit(settle.patient).map_err(|_| ReplayError::Full("patients"))?;
        Self::remember_settled(&mut gate, settle.patient, settle.key, Deed::Confirm, settled);
        Ok(())
    }

    fn remember_claim(&self, gate: &mut Gate<'_>, fact: &Fact, reserved: Option<Reserved<'_>>) {
        let live_first = gate.first().is_some_and(|first| {
            self.place(first.block())
                .and_then(|(_, _, block, _)| block.record(first.seat().get()))
                .is_some_and(|r| {
                    !r.is_free() && r.sequence() == first.sequence() && r.patient() == gate.number()
                })
        });
        if fact.key.is_none() && !live_first {
            gate.set_first(Some(fact.booking));
            return;
        }
        let Some(cell) = reserved.and_then(Reserved::take) else { return };
        let booked = fact.change == Change::Booked;
        let wish = Wish {
            patient: fact.patient,
            slot: fact.slot,
            class: fact.class,
            channel: fact.channel,
            ticket: fact.ticket,
            key: None,
        };
        let print = if fact.key.is_some() {
            wish_fingerprint(&wish, if booked { Deed::Book } else { Deed::Hold })
        } else {
            0
        };
        let entry = Entry {
            kind: EntryKind::Live,
            booking: fact.booking.get(),
            fingerprint: fact.key.map_or(0, crate::memory::key_fingerprint),
            command: print,
            details: pack_grant(fact.expires, fact.node, fact.spill, booked),
        };
        gate.push(cell, &entry);
    }

    fn use_ticket(gate: &mut Gate<'_>, fact: &Fact) {
        let Some(ticket) = fact.ticket else { return };
        let print = crate::patients::fingerprint(ticket.get());
        let found = gate.entries().find(|(_, e)| e.kind == EntryKind::Ticket && e.fingerprint == print);
        if let Some((place, entry)) = found {
            gate.set(place, &Entry { booking: fact.booking.get(), ..entry });
        }
    }

    /// Keeps the fate of a booking that was given back, by the patient or the hospital: in its keyed entry, or as the record's latest cancellation.
    #[inline]
    pub(crate) fn forget_cancelled(gate: &mut Gate<'_>, booking: BookingId) {
        if gate.is_first(booking) {
            gate.set_first_cancelled(booking);
        } else {
            Self::forget_entry(gate, booking);
        }
    }

    #[inline(never)]
    fn forget_entry(gate: &mut Gate<'_>, booking: BookingId) {
        let found = gate.entries().find(|(_, e)| e.kind == EntryKind::Live && e.booking == booking.get());
        if let Some((place, entry)) = found {
            if bury(gate, place, &Entry { details: entry.details | CANCELLED, ..entry }) {
                trim(gate);
            }
        }
        // The latest cancellation is remembered in the record, unless a live booking is kept there.
        if gate.first().is_none() {
            gate.set_first_cancelled(booking);
        }
    }

    pub(crate) fn remember_settled(
        gate: &mut Gate<'_>,
        patient: PatientKey,
        key: Option<IdempotencyKey>,
        deed: Deed,
        settled: &Settled,
    ) {
        if key.is_none() {
            return;
        }
        let print = settle_fingerprint(&Settle { patient, booking: settled.booking, key: None }, deed);
        let details = u64::from(settled.sequence.0) | u64::from(settled.changed) << 32;
        Self::remember(gate, key, print, EntryKind::Settled, (settled.booking.get(), details));
    }

    /// Whether a block with this number was ever published, by a session that may be retired since.
    #[must_use]
    pub fn was_given(&self, id: BlockId) -> bool {
        self.admin.lock().given()[1] > id.get()
    }

    /// The session and slot of a booking: what a fact need not carry, because its block says it.
    #[must_use]
    pub fn slot_of(&self, booking: BookingId) -> Option<SlotRef> {
        let (session, row, _, _) = self.place(booking.block())?;
        let slot = row.slot_of(booking.block().get() - row.first_block(), booking.seat().get());
        Some(SlotRef { session, slot })
    }

    // ---- snapshots

    /// The plan a session was published with.
    #[must_use]
    pub fn plan(&self, id: SessionId) -> Option<Plan> {
        let view = self.session(id)?;
        let row = self.sessions[id.index()].read()?;
        let trees: Vec<_> = (row.blocks())
            .filter_map(|place| Some(self.block(BlockId::new(place)?, &row)?.1.clone()))
            .collect();
        let (capacity, blocks) = if row.whole() {
            (vec![row.stride(); usize::from(row.slots())], Blocks::WholeSession(trees.into_iter().next()?))
        } else {
            (trees.iter().map(haoyuan_core::pool::PoolTree::seats).collect(), Blocks::PerSlot(trees))
        };
        let session = Session {
            code: view.code.to_string(),
            institution: view.institution,
            department: view.department,
            practitioner: view.practitioner,
            grade: view.grade,
            kind: view.kind,
            time: view.time,
            slot_ms: view.slot_ms,
            capacity,
        };
        Some(Plan { session, blocks, rules: self.rules_of(&row).clone() })
    }

    /// Every part of the state, in an order in which [`Engine::restore`] takes them. Expects that no command is under way.
    pub fn snapshot(&self, mut sink: impl FnMut(Part)) {
        let given = self.admin.lock().given();
        // The numbers that come next if none is passed over.
        let mut next = [0; 3];
        for id in (0..given[0]).filter_map(SessionId::new) {
            let Some(row) = self.sessions[id.index()].read() else { continue };
            if let (Some(plan), Some(view)) = (self.plan(id), self.session(id)) {
                let here = [id.get(), row.first_block(), row.first_seat()];
                if here != next {
                    sink(Part::Retired(std::array::from_fn(|number| here[number] - next[number])));
                }
                let blocks = row.blocks().end - row.blocks().start;
                next = [
                    here[0] + 1,
                    here[1] + blocks,
                    here[2] + u32::from(row.stride()) * u32::from(row.slots()),
                ];
                sink(Part::Session { plan: Box::new(plan), at: view.published });
            }
        }
        if given != next {
            sink(Part::Retired(std::array::from_fn(|number| given[number] - next[number])));
        }
        self.visit_blocks(|block, word, records, _| {
            if word.sequence().0 > 0 {
                let seats = records.iter().map(|r| (r.bits(), self.owner(*r))).collect();
                sink(Part::Block { block: block.get(), word: word.without_flags().bits(), seats });
            }
        });
        self.patients.visit(|key, first, mut entries| {
            // What hangs on a retired session is compacted out: it counts for nothing any more.
            let is_here =
                |booking: u64| BookingId::new(booking).is_some_and(|b| self.place(b.block()).is_some());
            let first = if is_here(crate::patients::unmarked(first)) { first } else { 0 };
            // What counts for a key because another was given up for it is said again by whoever keeps the day. Kept here it
            // would be there before that is said, and count for keys that it did not count for.
            let only_counts = |e: &Entry| e.kind == EntryKind::Live && e.details & MERGED != 0;
            entries.retain(|e| {
                !only_counts(e) && (e.kind != EntryKind::Live || e.fingerprint != 0 || is_here(e.booking))
            });
            if first == 0 && entries.is_empty() {
                return;
            }
            entries.reverse();
            let entries = entries
                .iter()
                .map(|e| (e.kind as u8, e.booking, e.fingerprint, e.command, e.details))
                .collect();
            sink(Part::Patient { key: key.get(), first, entries });
        });
    }

    /// Takes one part of a snapshot into an engine that nobody else uses yet.
    ///
    /// # Errors
    /// [`ReplayError`].
    pub fn restore(&self, part: Part) -> Result<(), ReplayError> {
        match part {
            Part::Session { plan, at } => {
                self.publish(&plan, at).map_err(ReplayError::Session)?;
            }
            Part::Retired(passed) => {
                let mut admin = self.admin.lock();
                let room = [self.sessions.len(), self.rows.len(), self.seats.len()];
                let mut names =
                    ["sessions", "blocks", "seats"].into_iter().zip(admin.given()).zip(passed).zip(room);
                let full =
                    names.find(|(((_, given), more), room)| given.saturating_add(*more) as usize > *room);
                if let Some((((name, _), _), _)) = full {
                    return Err(ReplayError::Full(name));
                }
                admin.pass_over(passed);
                let at = Instant::default();
                self.names.write().extend((0..passed[0]).map(|_| (std::sync::Arc::from(""), at, 0)));
            }
            Part::Block { block, word, seats } => {
                let id = BlockId::new(block).ok_or(ReplayError::UnknownBlock(BlockId::default()))?;
                let (_, _, place, tree) = self.place(id).ok_or(ReplayError::UnknownBlock(id))?;
                let records = seats
                    .into_iter()
                    .map(|(bits, owner)| {
                        let record = Seat::from_bits(bits);
                        if record.is_free() {
                            return Ok(record);
                        }
                        let key = owner.and_then(PatientKey::new).ok_or(ReplayError::Misfit(id))?;
                        let number = self.patients.enter(key).ok_or(ReplayError::Full("patients"))?;
                        Ok(record.of(number))
                    })
                    .collect::<Result<Vec<_>, ReplayError>>()?;
                if !place.restore(Word::from_bits(word), &records, tree) {
                    return Err(ReplayError::Misfit(id));
                }
            }
            Part::Patient { key, first, entries } => {
                let key = PatientKey::new(key).ok_or(ReplayError::Full("patients"))?;
                let mut gate = self.patients.admit(key).map_err(|_| ReplayError::Full("patients"))?;
                gate.set_first_bits(first);
                for (kind, booking, fingerprint, command, details) in entries {
                    let cell = gate.reserve().and_then(Reserved::take).ok_or(ReplayError::Full("entries"))?;
                    let kind = EntryKind::from_number(kind.into());
                    gate.push(cell, &Entry { kind, booking, fingerprint, command, details });
                }
            }
        }
        Ok(())
    }

    /// The state as canonical bytes, for a state hash: sessions, words, minima and caps, seats with their owners' keys, and tickets. The same
    /// live, after replay and after a snapshot; independent of the order in which patients came. Expects that no command
    /// is under way.
    pub fn canonical(&self, mut sink: impl FnMut(&[u8])) {
        for id in (0..self.session_count()).filter_map(SessionId::new) {
            let Some(view) = self.session(id) else { continue };
            sink(&(view.code.len() as u64).to_le_bytes());
            sink(view.code.as_bytes());
            sink(&view.time.from.ms().to_le_bytes());
            sink(&view.time.to.ms().to_le_bytes());
        }
        self.visit_blocks(|block, word, records, tree| {
            sink(&block.get().to_le_bytes());
            sink(&word.without_flags().bits().to_le_bytes());
            sink(&[tree.capacity()]);
            for node in tree.nodes() {
                sink(&[node.guarantee, node.cap.unwrap_or(u8::MAX)]);
            }
            for record in records {
                sink(&record.of(0).bits().to_le_bytes());
                sink(&self.owner(*record).unwrap_or(0).to_le_bytes());
            }
        });
        let mut tickets = Vec::new();
        self.patients.visit(|key, _, entries| {
            for entry in entries.iter().filter(|e| e.kind == EntryKind::Ticket) {
                // The terms of a ticket in the command's place are 32 bits.
                let terms = u32::try_from(entry.command).unwrap_or(u32::MAX);
                tickets.push((key.get(), entry.fingerprint, terms, entry.details, entry.booking));
            }
        });
        tickets.sort_unstable();
        for (key, fingerprint, terms, details, booking) in tickets {
            sink(&key.to_le_bytes());
            sink(&fingerprint.to_le_bytes());
            sink(&terms.to_le_bytes());
            sink(&details.to_le_bytes());
            sink(&booking.to_le_bytes());
        }
    }

    fn owner(&self, record: Seat) -> Option<u128> {
        if record.is_free() { None } else { self.patients.key(record.patient()).map(PatientKey::get) }
    }

    fn visit_blocks(&self, mut visit: impl FnMut(BlockId, Word, &[Seat], &PoolTree)) {
        let published = self.sessions.iter().take(self.session_count() as usize);
        for row in published.filter_map(crate::sessions::SessionCell::read) {
            for id in row.blocks().filter_map(BlockId::new) {
                if let Some((block, tree)) = self.block(id, &row) {
                    let (word, records) = block.records();
                    visit(id, word, &records, tree);
                }
            }
        }
    }
}

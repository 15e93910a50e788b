//! The protocol of a block: how many threads change one word and its seats without waiting for each other.
//!
//! A block is a [`Word`], one record per seat, and a hint. Every accepted transition (claim, confirm, release) is one
//! successful compare-and-swap of the word, which raises the sequence by one and names the operation and its seat.
//! Only afterwards is the seat's own record brought up to date: by the owner of the transition, or by whoever comes
//! next and finds it behind.
//!
//! # Invariants
//! - INVARIANT (one behind): at most the last transition, which the word names, is missing from the seats; nobody
//!   replaces the word before [`Block::complete`] has seen it applied. So at each sequence every seat is known.
//! - INVARIANT (one seat, one owner): a claim takes a seat that is free at the sequence it replaces.
//! - INVARIANT (idempotent help): applying a transition twice, or late, changes nothing: every record carries the
//!   sequence that wrote it, and a transition applies only to an older one.
//!
//! # Progress
//! Lock-free: a compare-and-swap fails only because another transition succeeded; no thread waits for another. A
//! thread that stops between the word and its seat is helped past. A thread that lost stands back for [`STAND_BACK`] hints
//! before it tries again, however the other fares: a cache line that changes hands for every decision costs more than
//! the decisions, so whoever has it decides some more before it goes on.
//!
//! # The hint
//! One 64-bit value `{sequence, earliest expiry, lowest possibly free seat}`, true for the word of that sequence and
//! ignored for any other. It spares a refusal the walk over the seats: the walk is needed only if a hold may be due or
//! the hint is behind. It is stored only after its transition was applied to the seat, so a hint that is level with the
//! word also says that the seats are.

#![expect(clippy::cast_possible_truncation, reason = "fields of a packed hint are narrower than their types")]
#![expect(
    clippy::inline_always,
    reason = "a refusal is one pass through registers; calls return structs through memory"
)]

use crate::patients::Number;
use crate::seat::{Occupant, Seat, State};
use crate::sync::{AtomicU64, AtomicU128, Attempts, Ordering, pause, summed};
use crossbeam::utils::Backoff;
use haoyuan_core::ids::Sequence;
use haoyuan_core::instant::Instant;
use haoyuan_core::pool::PoolTree;
use haoyuan_core::refusal::Code;
use haoyuan_core::word::{Flag, Live, Operation, Word};
use std::ops::Range;

/// Holds are hinted in units of 2^16 ms: 65.5 s.
const UNIT: u32 = 16;
const NEVER: u64 = (1 << 26) - 1;

/// How many spin hints a thread stands back for that lost the word: a microsecond or two. With fewer, two threads on one slot
/// decide a third less in good runs and half in bad ones; with more, hardly more.
const STAND_BACK: u32 = 128;

const _: () = assert!(units(Instant::MAX) <= NEVER);

/// What is known of the seats at one sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Hint {
    sequence: Sequence,
    /// No hold expires before this instant; in units, `NEVER` if there is none.
    earliest: u64,
    /// Every seat below is live.
    lowest: u8,
}

impl Hint {
    const fn unpack(bits: u64) -> Self {
        Self { sequence: Sequence((bits >> 32) as u32), earliest: bits >> 6 & NEVER, lowest: bits as u8 & 63 }
    }

    const fn pack(self) -> u64 {
        (self.sequence.0 as u64) << 32 | self.earliest << 6 | self.lowest as u64
    }
}

fn stand_back() {
    for _ in 0..STAND_BACK {
        std::hint::spin_loop();
    }
}

const fn units(at: Instant) -> u64 {
    at.bits() >> UNIT
}

/// The shared part of a block, apart from its seats.
#[derive(Debug)]
#[repr(align(32))]
pub(crate) struct Core {
    /// Written by every accepted transition (compare-and-swap), read by everybody.
    word: AtomicU128,
    /// Written by owners of transitions and by readers that had to walk the seats; a stale value is ignored.
    hint: AtomicU64,
    /// What the engine keeps beside them: where the block belongs. The protocol does not look at it; it is here because the
    /// compiler would leave the room empty.
    pub(crate) place: AtomicU64,
}

impl Core {
    pub(crate) fn new() -> Self {
        Self { word: AtomicU128::new(0), hint: AtomicU64::new(Self::first_hint()), place: AtomicU64::new(0) }
    }

    /// The word, and the hint if it is of that word and says that no hold can be due. Two loads.
    #[inline(always)]
    fn fresh(&self, now: Instant) -> Option<(Word, Hint)> {
        // Acquire: pairs with the Release half of the word's compare-and-swap, so that what its owner saw is seen.
        let word = Word::from_bits(self.word.load(Ordering::Acquire));
        // Acquire: pairs with `store_hint`.
        let hint = Hint::unpack(self.hint.load(Ordering::Acquire));
        (hint.sequence == word.sequence() && units(now) < hint.earliest).then_some((word, hint))
    }

    /// The word, if what it counts as live is live: its hint says that no hold can be due.
    #[inline(always)]
    pub(crate) fn glance(&self, now: Instant) -> Option<Word> {
        self.fresh(now).map(|(word, _)| word)
    }

    /// The block as of one word, if its hint says that no hold can be due.
    #[inline(always)]
    pub(crate) fn peek(&self, now: Instant) -> Option<View> {
        let (word, hint) = summed!(self.fresh(now))?;
        Some(View { word, live: word.live(), due: None, hint, known: true, level: true })
    }

    const fn first_hint() -> u64 {
        Hint { sequence: Sequence(0), earliest: NEVER, lowest: 0 }.pack()
    }
}

/// A block: its core and its seats.
#[derive(Clone, Copy)]
pub(crate) struct Block<'a> {
    core: &'a Core,
    seats: &'a [AtomicU128],
}

/// The block as of one word.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct View {
    pub(crate) word: Word,
    /// The live counters without the holds that are due.
    pub(crate) live: Live,
    /// The first hold that is due.
    pub(crate) due: Option<u8>,
    hint: Hint,
    /// Whether the hint may be stored: every hold's expiry was seen.
    known: bool,
    /// Whether the seats were seen level with the word.
    level: bool,
}

/// A hold or booking that ended.
#[derive(Clone, Copy, Debug, Hash)]
pub(crate) struct Ended {
    pub(crate) seat: u8,
    pub(crate) record: Seat,
    pub(crate) sequence: Sequence,
}

/// A seat that was taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    pub(crate) seat: u8,
    pub(crate) sequence: Sequence,
}

/// Why an attempt took no seat.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Missed {
    /// The hold on this seat is due and must be swept first.
    Due(u8),
    /// The sequence is at its end.
    Exhausted,
    /// No seat of the range was found free; none is if the word is unchanged.
    NoSeat,
    /// Another transition came first.
    Overtaken,
}

/// What a decision over a view says: the counters after the claim and the occupant of the seat, or a denial.
pub(crate) type Decided<D> = Result<(Live, Occupant), D>;

impl<'a> Block<'a> {
    pub(crate) const fn new(core: &'a Core, seats: &'a [AtomicU128]) -> Self {
        Self { core, seats }
    }

    pub(crate) fn word(&self) -> Word {
        // Acquire: pairs with the Release half of the word's compare-and-swap, so that what its owner saw is seen.
        Word::from_bits(self.core.word.load(Ordering::Acquire))
    }

    fn load_seat(&self, seat: u8) -> Seat {
        // Acquire: pairs with the Release stores of seats; the patient's entry behind it is visible.
        Seat::from_bits(self.seats[usize::from(seat)].load(Ordering::Acquire))
    }

    fn replace(&self, old: Word, new: Word) -> bool {
        // AcqRel: Release publishes that all earlier transitions are applied; Acquire orders our writes to the seat after
        // those of everybody before us. On failure the word is loaded anew, so Relaxed is enough.
        self.core.word.compare_exchange(old.bits(), new.bits(), Ordering::AcqRel, Ordering::Relaxed).is_ok()
    }

    #[inline(always)]
    fn replace_seat(&self, seat: u8, old: Seat, new: Seat) {
        // AcqRel as for the word. A failure means that somebody else applied the same transition.
        let _ = self.seats[usize::from(seat)].compare_exchange(
            old.bits(),
            new.bits(),
            Ordering::AcqRel,
            Ordering::Relaxed,
        );
    }

    fn store_hint(&self, hint: Hint) {
        // Release: whoever reads this hint sees the seats it was made from.
        self.core.hint.store(hint.pack(), Ordering::Release);
    }

    /// Sets or clears a flag of the word. Lock-free; no transition: the last one stays named, so the seats are still one
    /// behind at most, and the hint stays true.
    ///
    /// Linearizes at the compare-and-swap, or at the load that found the flag as wanted: whatever claims after it sees it.
    pub(crate) fn set_flag(&self, flag: Flag, on: bool) {
        let mut attempts = Attempts::new();
        loop {
            attempts.again();
            let word = self.word();
            let next = word.with_flag(flag, on);
            if next == word || self.replace(word, next) {
                return;
            }
        }
    }

    /// Replaces the block's tree: freezes the block, so that live seats can only become fewer, and if what is live `fits`,
    /// sweeps what is due, lets `replace` store the tree, and makes the change a transition.
    ///
    /// Nobody who decides waits for it, and it waits for nobody: confirmations and returns go on meanwhile, and only make it
    /// try again. Linearizes at the compare-and-swap of that transition, a denial at a load of the word. One at a time.
    ///
    /// # Errors
    /// What `fits` says; nothing was changed.
    pub(crate) fn replace_tree<E>(
        &self,
        now: Instant,
        fits: impl Fn(&View) -> Result<(), E>,
        ended: &impl Fn(Ended),
        replace: impl FnOnce(),
    ) -> Result<Sequence, E> {
        self.set_flag(Flag::Frozen, true);
        loop {
            let view = self.view(now);
            if let Err(denial) = fits(&view) {
                self.set_flag(Flag::Frozen, false);
                return Err(denial);
            }
            let Some(due) = view.due else { break };
            self.expire(due, now, ended);
        }
        // From here it must succeed: no claim is accepted, so at most a confirmation and an end of each seat come before, and
        // `fits` has seen that the sequence does not end so soon.
        replace();
        loop {
            if let Some(sequence) = self.thaw(self.word()) {
                return Ok(sequence);
            }
        }
    }

    /// Ends the freezing of a block whose tree was replaced: a transition that touches no seat. `None` if the word is no longer
    /// `word`, or at the end of its sequence.
    pub(crate) fn thaw(&self, word: Word) -> Option<Sequence> {
        self.complete(word);
        let next = word.then(word.live(), Operation::None, 0)?;
        let next = next.with_flag(Flag::Frozen, false).with_flag(Flag::Resized, true);
        self.replace(word, next).then(|| next.sequence())
    }

    /// The patient of a seat, as a hint of who may be meant: the key of that number decides. 0 if nobody has it.
    #[inline]
    pub(crate) fn patient(&self, seat: u8) -> Number {
        // Relaxed: a hint.
        self.seats
            .get(usize::from(seat))
            .map_or(0, |record| Seat::from_bits(record.load(Ordering::Relaxed)).patient())
    }

    /// Asks for the seat that a claim over this view would take to be brought into the cache while other work is done: a load whose
    /// value nobody needs.
    #[inline]
    pub(crate) fn expect_lowest(&self, view: &View) {
        if let Some(record) = self.seats.get(usize::from(view.hint.lowest)) {
            // Relaxed: nothing is concluded from it.
            let _ = record.load(Ordering::Relaxed);
        }
    }

    /// Brings the seats up to `word`: applies the transition that it names, if nobody has.
    #[inline]
    fn complete(&self, word: Word) {
        if word.operation() == Operation::None {
            return;
        }
        let record = self.load_seat(word.seat());
        if record.sequence() < word.sequence() {
            self.help(word, record);
        }
    }

    /// Applies the transition that `word` names to its seat, whose record is older.
    #[cold]
    #[inline(never)]
    fn help(&self, word: Word, record: Seat) {
        let (seat, sequence, operation) = (word.seat(), word.sequence(), word.operation());
        match (operation, record.state()) {
            (Operation::Claim, State::Free) => self.replace_seat(seat, record, Seat::claimed(sequence)),
            (Operation::Confirm, State::Held) => self.replace_seat(seat, record, record.booked()),
            (Operation::Release, State::Held | State::Booked) => {
                self.replace_seat(seat, record, Seat::free(sequence));
            }
            _ => {}
        }
    }

    /// The block as of one word. Lock-free; O(1) while the hint holds, else O(seats).
    ///
    /// Linearizes at the load of the word that it returns.
    #[inline(always)]
    pub(crate) fn view(&self, now: Instant) -> View {
        summed!(match self.core.peek(now) {
            Some(view) => view,
            None => self.catch_up(now).unwrap_or_else(|| self.walk(now)),
        })
    }

    /// The block as of one word whose hint is at most one transition behind: what the word names is all that the hint lacks.
    /// This is what a thread sees that comes between another's compare-and-swap and its hint.
    #[inline(never)]
    fn catch_up(&self, now: Instant) -> Option<View> {
        let word = self.word();
        // Acquire: pairs with `store_hint`.
        let mut hint = Hint::unpack(self.core.hint.load(Ordering::Acquire));
        let level = hint.sequence == word.sequence();
        if !level && hint.sequence.0.checked_add(1) != Some(word.sequence().0) {
            return None;
        }
        hint.sequence = word.sequence();
        let seat = word.seat();
        match word.operation() {
            _ if level => {}
            Operation::Claim => {
                let record = self.load_seat(seat);
                // Where the owner has not written yet, the expiry is not known.
                if record.sequence() != word.sequence() || record.state() == State::Claimed {
                    return None;
                }
                if record.state() == State::Held {
                    hint.earliest = hint.earliest.min(units(record.expires()));
                }
                if hint.lowest == seat {
                    hint.lowest += 1;
                }
            }
            // A confirmed hold is no longer due at any time; that the hint still fears it costs a walk at most.
            Operation::Confirm | Operation::None => {}
            Operation::Release => hint.lowest = hint.lowest.min(seat),
        }
        let fresh = units(now) < hint.earliest;
        fresh.then(|| View { word, live: word.live(), due: None, hint, known: true, level })
    }

    #[cold]
    fn walk(&self, now: Instant) -> View {
        let mut attempts = Attempts::new();
        loop {
            attempts.again();
            let word = self.word();
            self.complete(word);
            let mut live = word.live();
            let mut due = None;
            let mut hint = Hint { sequence: word.sequence(), earliest: NEVER, lowest: u8::MAX };
            let mut known = true;
            for (seat, place) in self.seats.iter().zip(0u8..) {
                let record = Seat::from_bits(seat.load(Ordering::Acquire));
                match record.state() {
                    State::Free => hint.lowest = hint.lowest.min(place),
                    State::Claimed => known = false,
                    State::Held => {
                        hint.earliest = hint.earliest.min(units(record.expires()));
                        if record.is_due(now) {
                            // If the word moved on, the counters may disagree; the check below discards the view.
                            live = live.minus(record.counter()).unwrap_or(live);
                            due = due.or(Some(place));
                        }
                    }
                    State::Booked => {}
                }
            }
            if self.word() != word {
                continue;
            }
            if hint.lowest == u8::MAX {
                hint.lowest = 63;
            }
            if known && due.is_none() {
                self.store_hint(hint);
            }
            return View { word, live, due, hint, known, level: true };
        }
    }

    /// The lowest seat of `range` that is free in this view: mostly the one that the hint names.
    #[inline(always)]
    fn lowest_free(&self, view: &View, range: &Range<u8>) -> Option<u8> {
        (range.start.max(view.hint.lowest)..range.end).find(|seat| self.load_seat(*seat).is_free())
    }

    /// Whether `range` has a seat that is free, or held by a hold that is due.
    pub(crate) fn has_free(&self, mut range: Range<u8>, now: Instant) -> bool {
        range.any(|seat| {
            let record = self.load_seat(seat);
            record.is_free() || record.is_due(now)
        })
    }

    /// Live seats (due holds not counted) in `range`.
    pub(crate) fn count_live(&self, range: Range<u8>, now: Instant) -> u32 {
        let live = range.filter(|seat| {
            let record = self.load_seat(*seat);
            !record.is_free() && !record.is_due(now)
        });
        u32::try_from(live.count()).unwrap_or(u32::MAX)
    }

    /// One attempt to take the lowest free seat of `range` for a claim that was accepted over `view`. Who is overtaken stands back.
    ///
    /// Linearizes at the successful compare-and-swap of the word.
    ///
    /// # Errors
    /// [`Missed`]; nothing was changed.
    #[inline(always)]
    pub(crate) fn take(
        &self,
        range: &Range<u8>,
        view: &View,
        live: Live,
        occupant: &Occupant,
    ) -> Result<Taken, Missed> {
        let word = view.word;
        if let Some(due) = view.due {
            return Err(Missed::Due(due));
        }
        if !word.can_claim() {
            return Err(Missed::Exhausted);
        }
        if !view.level {
            summed!(self.complete(word));
        }
        let Some(seat) = self.lowest_free(view, range) else { return Err(Missed::NoSeat) };
        let Some(next) = word.then(live, Operation::Claim, seat) else { return Err(Missed::Exhausted) };
        if !self.replace(word, next) {
            stand_back();
            return Err(Missed::Overtaken);
        }
        // From here it must succeed: the seat is ours at this sequence.
        let sequence = next.sequence();
        // Release: publishes the patient's entry together with the seat. A store, not an exchange: until this record is
        // whole nobody but a helper touches the seat, and a helper writes only `claimed` over an older record.
        self.seats[usize::from(seat)].store(Seat::live(sequence, occupant).bits(), Ordering::Release);
        if view.known {
            let hold = if occupant.booked { NEVER } else { units(occupant.expires) };
            let lowest = if range.start <= view.hint.lowest { seat + 1 } else { view.hint.lowest };
            self.store_hint(Hint { sequence, earliest: view.hint.earliest.min(hold), lowest });
        }
        Ok(Taken { seat, sequence })
    }

    /// Takes the lowest free seat of `range`, if `decide` accepts the live counters.
    ///
    /// Holds that are due are swept first, each as a transition of its own, told to `ended`; nothing is swept for a
    /// claim that is denied. Linearizes at the successful compare-and-swap of the word; a denial at a load of it.
    ///
    /// # Errors
    /// The denial of `decide`, or a code of this block: `STOPPED`, `CONCURRENT_REQUEST`, `SLOT_FULL` (no free seat in
    /// `range`), `SEQUENCE_EXHAUSTED`.
    pub(crate) fn claim<D>(
        &self,
        range: &Range<u8>,
        now: Instant,
        decide: impl Fn(&View) -> Decided<D>,
        refuse: impl Fn(Code) -> D,
        ended: impl Fn(Ended),
    ) -> Result<(Taken, Occupant), D> {
        let mut attempts = Attempts::new();
        loop {
            attempts.again();
            let view = self.view(now);
            let (live, occupant) = match decide(&view) {
                Ok(accepted) => accepted,
                // A denial that looked at the seats of one slot, or at a tree that can be replaced, counts only if
                // nothing changed meanwhile.
                Err(_)
                    if (range.len() < self.seats.len() || view.word.has_flags())
                        && self.word() != view.word =>
                {
                    continue;
                }
                Err(denial) => return Err(denial),
            };
            match self.take(range, &view, live, &occupant) {
                Ok(taken) => return Ok((taken, occupant)),
                Err(Missed::Due(due)) => {
                    if self.expire(due, now, &ended) {
                        attempts = Attempts::new();
                    }
                }
                Err(Missed::Exhausted) => return Err(refuse(Code::SequenceExhausted)),
                Err(Missed::NoSeat) => {
                    if self.word() == view.word {
                        return Err(refuse(Code::SlotFull));
                    }
                }
                Err(Missed::Overtaken) => {}
            }
        }
    }

    /// Makes a booking of the hold that was granted on `seat` at `grant`; `None` if it is one already.
    ///
    /// `check` sees the block and the record, and decides. Linearizes at the successful compare-and-swap; any other
    /// answer at a load of the word.
    ///
    /// # Errors
    /// What `check` or `gone` says. `gone` is called with `UNKNOWN_BOOKING` if the seat does not belong to that grant
    /// (any more), and with `SEQUENCE_EXHAUSTED`.
    pub(crate) fn confirm<E>(
        &self,
        seat: u8,
        grant: Sequence,
        now: Instant,
        check: impl Fn(&View, Seat) -> Result<(), E>,
        gone: impl Fn(Code) -> E,
    ) -> Result<Option<Ended>, E> {
        self.settle(seat, grant, now, gone, |view, record| {
            check(view, record)?;
            let held = record.state() == State::Held;
            Ok(held.then(|| (view.word.live(), Operation::Confirm, record.booked())))
        })
    }

    /// Gives back the seat that was granted on `seat` at `grant`, if `check` agrees.
    ///
    /// # Errors
    /// As [`Block::confirm`].
    #[inline(always)]
    pub(crate) fn release<E>(
        &self,
        seat: u8,
        grant: Sequence,
        now: Instant,
        check: impl Fn(Seat) -> Result<(), E>,
        gone: impl Fn(Code) -> E,
    ) -> Result<Option<Ended>, E> {
        self.settle(seat, grant, now, gone, |view, record| {
            check(record)?;
            let live = view.word.live().minus(record.counter());
            Ok(live.map(|live| (live, Operation::Release, record)))
        })
    }

    /// One transition of a live seat. `step` returns the counters after it, the operation, and (for a confirmation) the
    /// record to write; `None` to leave everything as it is.
    #[inline(always)]
    fn settle<E>(
        &self,
        seat: u8,
        grant: Sequence,
        now: Instant,
        gone: impl Fn(Code) -> E,
        step: impl Fn(&View, Seat) -> Result<Option<(Live, Operation, Seat)>, E>,
    ) -> Result<Option<Ended>, E> {
        if usize::from(seat) >= self.seats.len() {
            return Err(gone(Code::UnknownBooking));
        }
        let mut attempts = Attempts::new();
        loop {
            attempts.again();
            let view = self.view(now);
            let word = view.word;
            if !view.level {
                summed!(self.complete(word));
            }
            let record = self.load_seat(seat);
            let live = matches!(record.state(), State::Held | State::Booked);
            if !live || record.sequence() != grant {
                return Err(gone(Code::UnknownBooking));
            }
            let Some((live, operation, written)) = step(&view, record)? else { return Ok(None) };
            let Some(next) = word.then(live, operation, seat) else {
                return Err(gone(Code::SequenceExhausted));
            };
            if !self.replace(word, next) {
                stand_back();
                continue;
            }
            // From here it must succeed. An exchange, not a store: a helper may have applied this transition, and others may
            // have gone on from there.
            let sequence = next.sequence();
            let released = operation == Operation::Release;
            self.replace_seat(seat, record, if released { Seat::free(sequence) } else { written });
            if view.known {
                let lowest = if released { view.hint.lowest.min(seat) } else { view.hint.lowest };
                self.store_hint(Hint { sequence, lowest, ..view.hint });
            }
            return Ok(Some(Ended { seat, record, sequence }));
        }
    }

    /// Sweeps the hold on `seat` if it is due, and says whether that was done here.
    pub(crate) fn expire(&self, seat: u8, now: Instant, ended: &impl Fn(Ended)) -> bool {
        let done = summed!(self.end_due(seat, now));
        if let Some(done) = done {
            ended(done);
        }
        done.is_some()
    }

    fn end_due(&self, seat: u8, now: Instant) -> Option<Ended> {
        let grant = summed!({
            let record = self.load_seat(seat);
            record.is_due(now).then(|| record.sequence())
        })?;
        let still_due = |record: Seat| if record.is_due(now) { Ok(()) } else { Err(()) };
        self.release(seat, grant, now, still_due, |_| ()).ok().flatten()
    }

    /// Sweeps every hold that is due.
    pub(crate) fn sweep(&self, now: Instant, ended: &impl Fn(Ended)) {
        let mut attempts = Attempts::new();
        loop {
            attempts.again();
            let Some(due) = summed!(self.view(now).due) else { return };
            if self.expire(due, now, ended) {
                attempts = Attempts::new();
            }
        }
    }

    /// Applies a transition that was decided before: the word and the seat at once, for an engine that nobody else uses yet.
    /// `false` if the word moved meanwhile or is at its end.
    pub(crate) fn replay(
        &self,
        word: Word,
        live: Live,
        operation: Operation,
        seat: u8,
        record: Seat,
    ) -> bool {
        self.complete(word);
        let Some(next) = word.then(live, operation, seat) else { return false };
        if !self.replace(word, next) {
            return false;
        }
        self.seats[usize::from(seat)].store(record.bits(), Ordering::Release);
        true
    }

    /// Overwrites word and seats with those of a snapshot, if they can be those of this block: a record for every seat, none
    /// half written or ahead of the word, each counted where its node is in `tree`, and all of them what the word counts.
    #[must_use]
    pub(crate) fn restore(&self, word: Word, records: &[Seat], tree: &PoolTree) -> bool {
        let mut counted = Live::default();
        for record in records.iter().filter(|record| !record.is_free()) {
            let counter = record.counter();
            if record.state() == State::Claimed || tree.counter(record.node()) != Some(counter) {
                return false;
            }
            let Some(more) = counted.plus(counter) else { return false };
            counted = more;
        }
        let ahead = records.iter().any(|record| record.sequence() > word.sequence());
        let fits = records.len() == self.seats.len() && usize::from(word.seat()) < self.seats.len();
        if !fits || ahead || counted != word.live() {
            return false;
        }
        for (seat, record) in self.seats.iter().zip(records) {
            seat.store(record.bits(), Ordering::Release);
        }
        // Release: publishes the seats above. The hint stays that of sequence 0 and is ignored or, at 0, true.
        self.core.word.store(word.bits(), Ordering::Release);
        true
    }

    /// The record of `seat`, with the last transition applied if it was one of this seat.
    pub(crate) fn record(&self, seat: u8) -> Option<Seat> {
        if usize::from(seat) >= self.seats.len() {
            return None;
        }
        let word = self.word();
        if word.seat() == seat {
            self.complete(word);
        }
        Some(self.load_seat(seat))
    }

    /// All records, and the word that they belong to, none of them half written. Waits for claims that were decided and whose
    /// owners are still writing.
    pub(crate) fn settled_records(&self) -> (Word, Vec<Seat>) {
        let backoff = Backoff::new();
        let mut attempts = Attempts::new();
        loop {
            attempts.again();
            let (word, records) = summed!(self.records());
            if records.iter().all(|record| record.state() != State::Claimed) {
                return (word, records);
            }
            pause(&backoff);
        }
    }

    /// Overwrites the word, so that there is something for an audit to find.
    #[cfg(all(test, not(loom)))]
    pub(crate) fn damage(&self, word: Word) {
        // Release: as every word is published.
        self.core.word.store(word.bits(), Ordering::Release);
    }

    /// All records, and the word that they belong to.
    pub(crate) fn records(&self) -> (Word, Vec<Seat>) {
        let mut attempts = Attempts::new();
        loop {
            attempts.again();
            let word = self.word();
            self.complete(word);
            let records =
                self.seats.iter().map(|seat| Seat::from_bits(seat.load(Ordering::Acquire))).collect();
            if self.word() == word {
                return (word, records);
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use haoyuan_core::ids::NodeIndex;
    use haoyuan_core::instant::MINUTE;
    use haoyuan_core::terms::{Channel, Class};

    #[test]
    fn a_hint_is_read_as_it_was_written() {
        for (sequence, earliest, lowest) in [(0, NEVER, 0), (u32::MAX, 1, 63), (1, 1 << 25, 32), (77, 0, 5)] {
            let hint = Hint { sequence: Sequence(sequence), earliest, lowest };
            assert_eq!(Hint::unpack(hint.pack()), hint);
        }
    }

    const HELD: i64 = 15 * MINUTE;

    fn at_first() -> Instant {
        Instant::new(1_772_409_600_000).unwrap()
    }

    fn occupant(booked: bool) -> Occupant {
        Occupant {
            patient: 1,
            expires: at_first().plus(HELD),
            node: NodeIndex::ROOT,
            counter: 0,
            class: Class::Public,
            channel: Channel::App,
            spill: true,
            booked,
            offered: false,
        }
    }

    /// A claim of a seat of `range`, as `decide` says.
    fn claim_of(
        block: &Block<'_>,
        range: Range<u8>,
        booked: bool,
        decide: impl Fn() -> Result<(), Code>,
    ) -> Result<Taken, Code> {
        let decide = |view: &View| decide().map(|()| (view.live.plus(0).unwrap(), occupant(booked)));
        block.claim(&range, at_first(), decide, |code| code, |_| ()).map(|(taken, _)| taken)
    }

    fn claim(block: &Block<'_>, booked: bool) -> Taken {
        claim_of(block, 0..3, booked, || Ok(())).unwrap()
    }

    fn release(block: &Block<'_>, taken: Taken) {
        block.release(taken.seat, taken.sequence, at_first(), |_| Ok(()), |code| code).unwrap().unwrap();
    }

    /// What [`Core::peek`] is for: two loads answer, and the seats are not looked at.
    #[test]
    fn a_block_is_answered_by_two_loads_until_a_hold_may_be_due() {
        let (core, seats) = (Core::new(), [const { AtomicU128::new(0) }; 3]);
        let block = Block::new(&core, &seats);
        let now = at_first();
        let (ends, far) = (now.plus(HELD), now.plus(1_000_000 * MINUTE));
        let peek = |at| core.peek(at).map(|view| (view.live.total(), view.hint.lowest));
        assert_eq!(peek(now), Some((0, 0)));
        let booked = claim(&block, true);
        assert_eq!([now, ends, far].map(peek), [Some((1, 1)); 3], "nothing can be due");
        let held = claim(&block, false);
        assert_eq!([now, ends].map(|at| core.glance(at)), [Some(block.word()), None]);
        // Hints are in units of 65.5 s: no hold is due one unit before its own.
        assert_eq!([now, ends.plus(-2 * MINUTE)].map(peek), [Some((2, 2)); 2]);
        assert_eq!([ends, ends.plus(MINUTE)].map(peek), [None; 2]);
        assert_eq!(block.view(ends).due, Some(held.seat));
        block.release(booked.seat, booked.sequence, now, |_| Ok(()), |code| code).unwrap().unwrap();
        assert_eq!(peek(now), Some((1, 0)), "the seat that was given back is the lowest that is free");
        block.sweep(ends, &|ended| assert_eq!(ended.seat, held.seat));
        assert_eq!([now, ends, far].map(peek), [Some((0, 0)); 3]);
    }

    /// A thread stops between the word and the seat of its hold. Whoever comes next finishes the claim, but cannot know when the
    /// hold ends; so no hint is made that would let it live for ever once its owner has gone on.
    #[test]
    fn a_hold_whose_owner_stopped_half_way_ends_in_time_all_the_same() {
        let (core, seats) = (Core::new(), [const { AtomicU128::new(0) }; 3]);
        let block = Block::new(&core, &seats);
        let now = at_first();
        let (hint, free) = (core.hint.load(Ordering::Relaxed), seats[0].load(Ordering::Relaxed));
        let held = claim(&block, false);
        let owners = seats[0].load(Ordering::Relaxed);
        let stop = || {
            seats[0].store(free, Ordering::Relaxed);
            core.hint.store(hint, Ordering::Relaxed);
        };
        stop();
        let record = block.record(held.seat).unwrap();
        assert_eq!((record.state(), record.sequence()), (State::Claimed, held.sequence));
        assert!(block.record(1).unwrap().is_free());
        stop();
        for _ in 0..2 {
            let view = block.view(now);
            assert_eq!((view.live.total(), view.hint.lowest, view.known), (1, 1, false));
        }
        assert_eq!(claim(&block, true).seat, 1);
        seats[0].store(owners, Ordering::Release);
        assert_eq!(block.view(now.plus(HELD)).due, Some(held.seat));
    }

    /// A thread stops between the word and the seat of its confirmation, or of what it gives back.
    #[test]
    fn a_confirmation_or_a_return_whose_owner_stopped_half_way_is_finished_by_whoever_comes_next() {
        let (core, seats) = (Core::new(), [const { AtomicU128::new(0) }; 3]);
        let block = Block::new(&core, &seats);
        let (now, later) = (at_first(), at_first().plus(HELD));
        let held = claim(&block, false);
        let stopped = |act: &dyn Fn()| {
            let (hint, seat) = (core.hint.load(Ordering::Relaxed), seats[0].load(Ordering::Relaxed));
            act();
            seats[0].store(seat, Ordering::Relaxed);
            core.hint.store(hint, Ordering::Relaxed);
        };
        let confirm = || {
            let confirmed = block.confirm(held.seat, held.sequence, now, |_, _| Ok(()), |code| code).unwrap();
            assert!(confirmed.is_some());
        };
        stopped(&confirm);
        let record = block.record(held.seat).unwrap();
        assert_eq!((record.state(), record.sequence()), (State::Booked, held.sequence));
        assert_eq!((block.view(later).due, block.view(later).live.total()), (None, 1));
        stopped(&|| release(&block, held));
        let record = block.record(held.seat).unwrap();
        assert_eq!((record.state(), record.sequence()), (State::Free, block.word().sequence()));
        let gone = block.release(held.seat, held.sequence, now, |_| Ok(()), |code| code);
        assert_eq!(gone.err(), Some(Code::UnknownBooking));
        // Whoever claims a seat next finishes it as well: what was given back is there to be taken.
        let booked = claim(&block, true);
        assert_eq!(booked.seat, held.seat);
        stopped(&|| release(&block, booked));
        let (last, other) = (claim(&block, true), claim(&block, false));
        assert_eq!(last.seat, held.seat);
        // So does whoever settles another seat.
        stopped(&|| release(&block, last));
        block.confirm(other.seat, other.sequence, now, |_, _| Ok(()), |code| code).unwrap().unwrap();
        assert!(block.record(last.seat).unwrap().is_free());
    }

    /// A thread stops after its seat and before its hint; others go on from a hint that is one transition behind.
    #[test]
    fn who_comes_between_a_claim_and_its_hint_knows_when_the_hold_ends_and_which_seats_are_free() {
        let (core, seats) = (Core::new(), [const { AtomicU128::new(0) }; 3]);
        let block = Block::new(&core, &seats);
        let unhinted = |range| {
            let hint = core.hint.load(Ordering::Relaxed);
            let taken = claim_of(&block, range, false, || Ok(())).unwrap();
            core.hint.store(hint, Ordering::Relaxed);
            taken
        };
        // The middle one of three slots: the seat of the first stays the lowest that is free.
        let held = unhinted(1..2);
        let booked = claim(&block, true);
        assert_eq!((held.seat, booked.seat), (1, 0));
        assert_eq!(block.view(at_first().plus(HELD)).due, Some(held.seat));
        release(&block, booked);
        assert_eq!((unhinted(0..1).seat, claim(&block, true).seat), (0, 2));
    }

    /// While a thread decides, others change the block: what it says of one slot of the block, or of a tree that can be
    /// replaced, is said of the block as it is.
    #[test]
    fn a_denial_of_a_slot_counts_only_if_nothing_changed_meanwhile() {
        for (range, flagged, asked) in [(0..1, false, 2), (0..3, true, 2), (0..1, true, 2), (0..3, false, 1)]
        {
            let (core, seats) = (Core::new(), [const { AtomicU128::new(0) }; 3]);
            let block = Block::new(&core, &seats);
            block.set_flag(Flag::Resized, flagged);
            let rivals = claim(&block, true);
            let calls = std::cell::Cell::new(0);
            let decide = || {
                calls.set(calls.get() + 1);
                if calls.get() == 1 {
                    release(&block, rivals);
                    return Err(Code::CapReached);
                }
                Ok(())
            };
            let answer = claim_of(&block, range.clone(), true, decide);
            let expected = if asked == 2 { Ok(0) } else { Err(Code::CapReached) };
            assert_eq!(
                (answer.map(|taken| taken.seat), calls.get()),
                (expected, asked),
                "{range:?} {flagged}"
            );
            // A denial while nothing changes is one.
            calls.set(0);
            let decide = || {
                calls.set(calls.get() + 1);
                Err(Code::CapReached)
            };
            assert_eq!(claim_of(&block, range, true, decide).err(), Some(Code::CapReached));
            assert_eq!(calls.get(), 1);
        }
    }

    #[test]
    fn a_slot_without_a_free_seat_is_full_whatever_the_rules_of_its_block_say() {
        let (core, seats) = (Core::new(), [const { AtomicU128::new(0) }; 3]);
        let block = Block::new(&core, &seats);
        let calls = std::cell::Cell::new(0);
        // The last seat of the slot goes while it is decided: the rules are asked once more.
        let decide = || {
            calls.set(calls.get() + 1);
            if calls.get() == 1 {
                claim_of(&block, 0..1, true, || Ok(())).unwrap();
            }
            Ok(())
        };
        assert_eq!(claim_of(&block, 0..1, true, decide).err(), Some(Code::SlotFull));
        assert_eq!(calls.get(), 2);
        assert_eq!(claim_of(&block, 1..2, true, || Ok(())).unwrap().seat, 1);
    }

    #[test]
    fn a_word_that_names_a_seat_which_the_block_does_not_have_is_not_restored() {
        let (core, seats) = (Core::new(), [const { AtomicU128::new(0) }; 3]);
        let block = Block::new(&core, &seats);
        let nodes = vec![haoyuan_core::pool::Node::plain("ROOT", NodeIndex::ROOT)];
        let tree = PoolTree::new(3, nodes, haoyuan_core::pool::Routes::default()).unwrap();
        let names = |seat| Word::default().then(Live::default(), Operation::Release, seat).unwrap();
        for (seat, known) in [(0, true), (2, true), (3, false), (62, false)] {
            assert_eq!(block.restore(names(seat), &[Seat::free(Sequence(1)); 3], &tree), known, "{seat}");
        }
    }
}

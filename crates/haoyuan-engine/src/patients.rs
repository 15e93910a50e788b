//! What the engine keeps of each patient: a dense number, a gate, the live bookings, tickets and remembered commands.
//!
//! # Layout
//! An open-addressed table of 32-byte records `{key, gate, first}`; the place of a record is the patient's number. It
//! is insert-only, so a look-up is a probe without locks, and an insertion is one compare-and-swap of a key. Behind a
//! record hangs a chain of 32-byte entries taken from a fixed pool:
//!
//! ```text
//! gate   bit 0 busy · bits 1..4 live entries in the chain (7 = seven or more) · bits 4..32 head of the chain (index + 1)
//!        bits 32..64 suspended until, seconds since 1970 (0 not, all ones: blocked)
//! first  a booking without idempotency key, kept in the record itself; 0 = none
//! entry  w0 booking id · w1 fingerprint (of the key, or of the ticket's number)
//!        w2 bits 0..28 next (index + 1) · bits 28..32 kind · bits 32..64 fingerprint of the command, low 32 bits
//!        w3 bits 0..56 details by kind · bits 56..64 fingerprint of the command, high 8 bits
//!        of a ticket: w2 bits 32..64 and all of w3 are its terms
//! ```
//!
//! # Invariants
//! - INVARIANT (one at a time): everything behind a record is read and written only by the holder of its gate. The gate
//!   is tried, never waited for: a second request of the same patient is told `CONCURRENT_REQUEST`, and different
//!   patients never meet. Only the hospital waits for it ([`Patients::wait`]): what it does to a patient is not refused. A
//!   record is made with its gate taken: whoever writes the key has it.
//! - INVARIANT (seats decide): an entry refers to a seat; whether a booking is live is read from the seat alone, so
//!   that sweeping a hold or stopping a session needs no gate.

#![expect(
    clippy::cast_possible_truncation,
    reason = "fields of packed entries are narrower than their types"
)]

use crate::sync::{AtomicU64, AtomicU128, Ordering, pause};
use crossbeam::utils::{Backoff, CachePadded};
use haoyuan_core::ids::{BookingId, PatientKey};
use haoyuan_core::refusal::Code;

/// A patient's place in the table.
pub(crate) type Number = u32;

#[repr(align(32))]
struct Record {
    /// Written once, from 0 to the key; read by everybody.
    key: AtomicU128,
    /// Busy from the beginning until whoever wrote the key opens it, then by compare-and-swap; head of the chain and suspension by the
    /// holder, the latter read by anybody.
    gate: AtomicU64,
    /// By the holder of the gate.
    first: AtomicU64,
}

const BUSY: u64 = 1;
const LIVE_SHIFT: u32 = 1;
/// So many live entries, or more: no longer counted.
const LIVE_MANY: u8 = 7;
const HEAD_SHIFT: u32 = 4;
const SUSPENDED_SHIFT: u32 = 32;
/// Marks a booking in the record as cancelled; booking ids have 62 bits.
const FIRST_CANCELLED: u64 = 1 << 62;
/// The booking in a record, without its mark.
pub(crate) const fn unmarked(first: u64) -> u64 {
    first & !FIRST_CANCELLED
}

/// How far a look-up probes; beyond it the table counts as full.
const PROBES: usize = 256;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum EntryKind {
    /// A hold or booking that was live when last looked at.
    Live = 1,
    /// One that has ended, remembered for its idempotency key and its fate.
    Past = 2,
    /// A refusal, remembered for its idempotency key.
    Refused = 3,
    /// A confirmation or cancellation, remembered for its idempotency key.
    Settled = 4,
    /// A ticket.
    Ticket = 5,
}

impl EntryKind {
    pub(crate) const fn from_number(number: u64) -> Self {
        match number {
            1 => Self::Live,
            2 => Self::Past,
            3 => Self::Refused,
            4 => Self::Settled,
            _ => Self::Ticket,
        }
    }
}

/// An entry, unpacked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) kind: EntryKind,
    pub(crate) booking: u64,
    pub(crate) fingerprint: u64,
    /// [`COMMAND_BITS`] wide; of a ticket 32 bits.
    pub(crate) command: u64,
    /// 56 bits wide; of a ticket 64 bits.
    pub(crate) details: u64,
}

/// The width of a command's fingerprint.
pub(crate) const COMMAND_BITS: u32 = 40;
const DETAIL_BITS: u32 = 56;
const _: () = assert!(COMMAND_BITS - 32 == 64 - DETAIL_BITS);

#[repr(align(32))]
struct Cell([AtomicU64; 4]);

/// Reference to an entry in the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryRef(u32);

/// A free list of the pool. Several, so that threads rarely meet.
struct Shard {
    /// Tag (upper half) and index + 1 (lower half) of the first free cell. The tag counts pops, so that a cell that went
    /// and came back is noticed.
    head: AtomicU64,
    /// How many of this shard's cells were ever taken.
    fresh: AtomicU64,
}

const SHARDS: usize = 64;

/// The table and the pool.
pub(crate) struct Patients {
    records: Box<[Record]>,
    cells: Box<[Cell]>,
    shards: Box<[CachePadded<Shard>]>,
}

const fn mix(value: u64) -> u64 {
    // The finalizer of splitmix64 (Steele, Lea, Flood 2014): keys are keyed hashes already; this guards against hosts whose
    // keys are not.
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

/// Where a key is to be looked for.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    key: PatientKey,
    first: usize,
}

/// A patient who was looked for and inserted if new.
enum Entered<'a> {
    /// New, with the gate that the record was made with.
    New(Gate<'a>),
    /// There before.
    Known(Number),
}

/// A key's 64 bits for spreading: one multiplication, its halves folded (as in wyhash; Wang Yi 2019). Keys are keyed hashes
/// already; this guards against hosts that number their patients.
const fn fold(key: u128) -> u64 {
    let low = key as u64 ^ 0xa076_1d64_78bd_642f;
    let high = (key >> 64) as u64 ^ 0xe703_7ed1_a0b4_28db;
    let product = low as u128 * high as u128;
    (product >> 64) as u64 ^ product as u64
}

/// A 64-bit fingerprint of a 128-bit number.
pub(crate) const fn fingerprint(value: u128) -> u64 {
    mix((value >> 64) as u64 ^ mix(value as u64))
}

impl Patients {
    pub(crate) fn new(patients: u32, entries: u32) -> Self {
        let places = (patients as usize).saturating_mul(4).div_ceil(3).max(4);
        let record =
            |_| Record { key: AtomicU128::new(0), gate: AtomicU64::new(BUSY), first: AtomicU64::new(0) };
        let shard = |_| CachePadded::new(Shard { head: AtomicU64::new(0), fresh: AtomicU64::new(0) });
        Self {
            records: (0..places).map(record).collect(),
            cells: (0..entries).map(|_| Cell(std::array::from_fn(|_| AtomicU64::new(0)))).collect(),
            shards: (0..SHARDS).map(shard).collect(),
        }
    }

    /// The first place to probe for a key.
    #[inline]
    pub(crate) fn place(&self, key: PatientKey) -> Place {
        // The high half of a product with the table's size: an even spread without a division (Lemire 2019).
        let spread = u128::from(fold(key.get())) * self.records.len() as u128;
        Place { key, first: (spread >> 64) as usize }
    }

    /// Asks for a patient's record to be brought into the cache while other work is done: a load whose value nobody needs.
    #[inline]
    pub(crate) fn expect(&self, place: Place) {
        if let Some(record) = self.records.get(place.first) {
            // Relaxed: nothing is concluded from it.
            let _ = record.gate.load(Ordering::Relaxed);
        }
    }

    /// The records to probe, in order, each with its number: from the first place on, and round the end of the table.
    #[inline]
    fn probe(&self, place: Place) -> impl Iterator<Item = (usize, &Record)> {
        let (round, on) = self.records.split_at(place.first);
        on.iter()
            .zip(place.first..)
            .chain(round.iter().zip(0..))
            .take(PROBES)
            .map(|(record, number)| (number, record))
    }

    /// The number of a known patient. Wait-free.
    pub(crate) fn find(&self, key: PatientKey) -> Option<Number> {
        self.find_at(self.place(key))
    }

    /// [`Patients::find`] where the place is known.
    #[inline]
    fn find_at(&self, place: Place) -> Option<Number> {
        let key = place.key.get();
        // Acquire: pairs with the insertion; nothing else is published by it, but a record found is a record whole.
        let mut keys = self.probe(place).map(|(number, record)| (number, record.key.load(Ordering::Acquire)));
        let (number, found) = keys.find(|(_, found)| *found == key || *found == 0)?;
        (found == key).then_some(number as Number)
    }

    /// [`Patients::find`] for who is mostly the patient of a certain number, and is then found by one load. It may be any number.
    #[inline]
    pub(crate) fn find_near(&self, place: Place, number: Number) -> Option<Number> {
        match self.records.get(number as usize) {
            // Acquire: as in `find_at`.
            Some(record) if record.key.load(Ordering::Acquire) == place.key.get() => Some(number),
            _ => self.find_at(place),
        }
    }

    /// The number of a patient, inserted if new; `None` if the table is full. Lock-free: a lost insertion is another's
    /// success.
    pub(crate) fn enter(&self, key: PatientKey) -> Option<Number> {
        Some(match self.enter_at(self.place(key))? {
            // Dropped, and so opened.
            Entered::New(gate) => gate.number,
            Entered::Known(number) => number,
        })
    }

    /// The gate of a patient, inserted if new. Lock-free as [`Patients::enter`].
    ///
    /// # Errors
    /// `ENGINE_FULL` if the table is, `CONCURRENT_REQUEST` if somebody has the gate.
    pub(crate) fn admit(&self, key: PatientKey) -> Result<Gate<'_>, Code> {
        self.admit_at(self.place(key))
    }

    /// [`Patients::admit`] where the place is known.
    #[inline]
    pub(crate) fn admit_at(&self, place: Place) -> Result<Gate<'_>, Code> {
        match self.enter_at(place).ok_or(Code::EngineFull)? {
            Entered::New(gate) => Ok(gate),
            Entered::Known(number) => self.lock(number).ok_or(Code::ConcurrentRequest),
        }
    }

    /// [`Patients::admit`], waiting for whoever has the gate, as [`Patients::wait`].
    ///
    /// # Errors
    /// `ENGINE_FULL` if the table is.
    pub(crate) fn admit_waiting(&self, key: PatientKey) -> Result<Gate<'_>, Code> {
        Ok(match self.enter_at(self.place(key)).ok_or(Code::EngineFull)? {
            Entered::New(gate) => gate,
            Entered::Known(number) => self.wait(number),
        })
    }

    /// Looks for a patient, and inserts them where they are not found before a free record.
    #[inline]
    fn enter_at(&self, place: Place) -> Option<Entered<'_>> {
        let key = place.key.get();
        self.probe(place).find_map(|(number, record)| {
            let mut found = record.key.load(Ordering::Acquire);
            if found == 0 {
                // AcqRel as for the look-up.
                found = match record.key.compare_exchange(0, key, Ordering::AcqRel, Ordering::Acquire) {
                    // Nobody had this gate before, so there is nothing of theirs to be acquired with it.
                    Ok(_) => return Some(Entered::New(self.gate(number as Number, BUSY))),
                    Err(rival) => rival,
                };
            }
            (found == key).then_some(Entered::Known(number as Number))
        })
    }

    /// The key of a patient's number.
    pub(crate) fn key(&self, number: Number) -> Option<PatientKey> {
        PatientKey::new(self.records.get(number as usize)?.key.load(Ordering::Acquire))
    }

    /// Takes a patient's gate, or says that somebody has it. Wait-free.
    #[inline]
    pub(crate) fn lock(&self, number: Number) -> Option<Gate<'_>> {
        let record = &self.records[number as usize];
        // Relaxed: a hint; the exchange below decides.
        let seen = record.gate.load(Ordering::Relaxed);
        if seen & BUSY != 0 {
            return None;
        }
        // Acquire: pairs with the Release of the last holder, whose writes to the chain are seen.
        record.gate.compare_exchange(seen, seen | BUSY, Ordering::Acquire, Ordering::Relaxed).ok()?;
        Some(self.gate(number, seen))
    }

    /// A gate that the caller has, and what was written in it.
    #[inline]
    fn gate(&self, number: Number, seen: u64) -> Gate<'_> {
        let (head, live) = (seen as u32 >> HEAD_SHIFT, (seen >> LIVE_SHIFT) as u8 & LIVE_MANY);
        let suspended = (seen >> SUSPENDED_SHIFT) as u32;
        Gate { patients: self, record: &self.records[number as usize], number, head, live, suspended }
    }

    /// Takes a patient's gate, waiting for whoever has it. Not lock-free; nobody who has a gate waits for anything but a merge,
    /// which takes two in the order of their numbers.
    pub(crate) fn wait(&self, number: Number) -> Gate<'_> {
        let backoff = Backoff::new();
        loop {
            if let Some(gate) = self.lock(number) {
                return gate;
            }
            pause(&backoff);
        }
    }

    /// Until when a patient is suspended, as in the gate. Wait-free.
    pub(crate) fn suspended(&self, number: Number) -> u32 {
        // Acquire: pairs with the opening of the gate by whoever suspended.
        (self.records[number as usize].gate.load(Ordering::Acquire) >> SUSPENDED_SHIFT) as u32
    }

    /// Shows every patient of whom anything is kept: key, the record's booking with its mark, entries newest first. Waits
    /// for nobody: a patient whose gate is taken is passed over.
    pub(crate) fn visit(&self, mut sink: impl FnMut(PatientKey, u64, Vec<Entry>)) {
        for (record, number) in self.records.iter().zip(0..) {
            let Some(key) = PatientKey::new(record.key.load(Ordering::Acquire)) else { continue };
            let Some(gate) = self.lock(number) else { continue };
            let entries: Vec<Entry> = gate.entries().map(|(_, entry)| entry).collect();
            let first = record.first.load(Ordering::Relaxed);
            if first != 0 || !entries.is_empty() {
                sink(key, first, entries);
            }
        }
    }

    fn allocate(&self, near: Number) -> Option<u32> {
        (0..SHARDS).find_map(|step| self.allocate_from((near as usize + step) % SHARDS))
    }

    fn allocate_from(&self, number: usize) -> Option<u32> {
        let shard = &self.shards[number];
        // Acquire: pairs with `free`; the next reference inside the cell is seen.
        let mut head = shard.head.load(Ordering::Acquire);
        while head as u32 != 0 {
            let index = head as u32 - 1;
            // Relaxed: if the cell was taken meanwhile this reads nonsense, and the tag makes the exchange fail.
            let next = self.cells[index as usize].0[2].load(Ordering::Relaxed) & 0xfff_ffff;
            let tag = (head >> 32).wrapping_add(1) << 32;
            match shard.head.compare_exchange(head, tag | next, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => return Some(index),
                Err(seen) => head = seen,
            }
        }
        // Relaxed: only uniqueness matters; the cell's contents are published by the patient's gate.
        let share = self.cells.len().saturating_sub(number).div_ceil(SHARDS) as u64;
        if shard.fresh.load(Ordering::Relaxed) >= share {
            return None;
        }
        let fresh = shard.fresh.fetch_add(1, Ordering::Relaxed);
        (fresh < share).then(|| (number as u64 + fresh * SHARDS as u64) as u32)
    }

    fn free(&self, index: u32) {
        let shard = &self.shards[index as usize % SHARDS];
        let mut head = shard.head.load(Ordering::Relaxed);
        loop {
            self.cells[index as usize].0[2].store(head & 0xffff_ffff, Ordering::Relaxed);
            let new = head & !0xffff_ffff | u64::from(index + 1);
            // Release: publishes the next reference written above.
            match shard.head.compare_exchange(head, new, Ordering::Release, Ordering::Relaxed) {
                Ok(_) => return,
                Err(seen) => head = seen,
            }
        }
    }
}

/// A patient's gate, held: the right to read and write what hangs behind the record. Dropping it opens the gate.
#[must_use]
pub(crate) struct Gate<'a> {
    patients: &'a Patients,
    record: &'a Record,
    number: Number,
    head: u32,
    /// Live entries in the chain, up to [`LIVE_MANY`]: most patients have none, and their chain is not walked.
    live: u8,
    /// Until when the patient is suspended, as in the gate; 0 if not.
    pub(crate) suspended: u32,
}

impl<'a> Gate<'a> {
    pub(crate) const fn number(&self) -> Number {
        self.number
    }

    /// The booking kept in the record itself.
    pub(crate) fn first(&self) -> Option<BookingId> {
        // Relaxed, here and for entries: guarded by the gate.
        BookingId::new(self.record.first.load(Ordering::Relaxed))
    }

    /// Whether this booking, which was granted, is kept in the record itself.
    pub(crate) fn is_first(&self, booking: BookingId) -> bool {
        self.record.first.load(Ordering::Relaxed) == booking.get()
    }

    pub(crate) fn set_first(&self, booking: Option<BookingId>) {
        let value = booking.map_or(0, BookingId::get);
        self.record.first.store(value, Ordering::Relaxed);
    }

    pub(crate) fn set_first_bits(&self, bits: u64) {
        self.record.first.store(bits, Ordering::Relaxed);
    }

    /// The booking that was kept in the record itself until the patient cancelled it.
    pub(crate) fn first_cancelled(&self) -> Option<BookingId> {
        let value = self.record.first.load(Ordering::Relaxed);
        if value & FIRST_CANCELLED == 0 { None } else { BookingId::new(value & !FIRST_CANCELLED) }
    }

    pub(crate) fn set_first_cancelled(&self, booking: BookingId) {
        let value = booking.get() | FIRST_CANCELLED;
        self.record.first.store(value, Ordering::Relaxed);
    }

    fn word(&self, entry: EntryRef, word: usize) -> &AtomicU64 {
        &self.patients.cells[entry.0 as usize].0[word]
    }

    /// The entries, newest first.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (EntryRef, Entry)> + '_ {
        std::iter::successors(self.entry(self.head), |(place, _)| self.after(*place))
    }

    /// The entry that follows `place`.
    pub(crate) fn after(&self, place: EntryRef) -> Option<(EntryRef, Entry)> {
        self.entry((self.word(place, 2).load(Ordering::Relaxed) & 0xfff_ffff) as u32)
    }

    fn entry(&self, reference: u32) -> Option<(EntryRef, Entry)> {
        let place = EntryRef(reference.checked_sub(1)?);
        let w2 = self.word(place, 2).load(Ordering::Relaxed);
        Some((place, self.unpack(place, w2)))
    }

    fn unpack(&self, at: EntryRef, w2: u64) -> Entry {
        let kind = EntryKind::from_number(w2 >> 28 & 15);
        let w3 = self.word(at, 3).load(Ordering::Relaxed);
        let (command, details) = match kind {
            EntryKind::Ticket => (w2 >> 32, w3),
            _ => (w2 >> 32 | w3 >> DETAIL_BITS << 32, w3 & ((1 << DETAIL_BITS) - 1)),
        };
        Entry {
            kind,
            booking: self.word(at, 0).load(Ordering::Relaxed),
            fingerprint: self.word(at, 1).load(Ordering::Relaxed),
            command,
            details,
        }
    }

    /// Overwrites an entry in place.
    pub(crate) fn set(&mut self, at: EntryRef, entry: &Entry) {
        let old = self.word(at, 2).load(Ordering::Relaxed);
        self.uncount(old);
        self.count(entry.kind);
        self.write(at, entry, old & 0xfff_ffff);
    }

    /// How many live entries the chain has; `None` if too many were counted.
    pub(crate) fn live_entries(&self) -> Option<u8> {
        (self.live < LIVE_MANY).then_some(self.live)
    }

    /// Whether the patient has no booking: neither in the record, but for one that was cancelled, nor in the chain.
    #[inline]
    pub(crate) fn is_bare(&self) -> bool {
        let first = self.record.first.load(Ordering::Relaxed);
        (first == 0 || first & FIRST_CANCELLED != 0) && self.live == 0
    }

    /// Says how many live entries the chain has, after a walk over all of it.
    pub(crate) fn recount(&mut self, live: usize) {
        self.live = u8::try_from(live).map_or(LIVE_MANY, |live| live.min(LIVE_MANY));
    }

    fn count(&mut self, kind: EntryKind) {
        if kind == EntryKind::Live && self.live < LIVE_MANY {
            self.live += 1;
        }
    }

    fn uncount(&mut self, old: u64) {
        if EntryKind::from_number(old >> 28 & 15) == EntryKind::Live && self.live < LIVE_MANY {
            self.live -= 1;
        }
    }

    fn write(&self, at: EntryRef, entry: &Entry, next: u64) {
        self.word(at, 0).store(entry.booking, Ordering::Relaxed);
        self.word(at, 1).store(entry.fingerprint, Ordering::Relaxed);
        let w2 = next | (entry.kind as u64) << 28 | entry.command << 32;
        let w3 = match entry.kind {
            EntryKind::Ticket => entry.details,
            _ => entry.details & ((1 << DETAIL_BITS) - 1) | entry.command >> 32 << DETAIL_BITS,
        };
        self.word(at, 2).store(w2, Ordering::Relaxed);
        self.word(at, 3).store(w3, Ordering::Relaxed);
    }

    /// Takes a cell from the pool without linking it; it is given back when dropped.
    pub(crate) fn reserve(&self) -> Option<Reserved<'a>> {
        let index = self.patients.allocate(self.number)?;
        Some(Reserved { patients: self.patients, index: Some(index) })
    }

    /// Links a reserved cell in front of the chain.
    pub(crate) fn push(&mut self, index: u32, entry: &Entry) {
        self.count(entry.kind);
        self.write(EntryRef(index), entry, u64::from(self.head));
        self.head = index + 1;
    }

    /// Unlinks an entry and gives its cell back.
    pub(crate) fn remove(&mut self, entry: EntryRef) {
        let old = self.word(entry, 2).load(Ordering::Relaxed);
        self.uncount(old);
        let next_of = |at: u32| self.word(EntryRef(at), 2).load(Ordering::Relaxed);
        let next = (old & 0xfff_ffff) as u32;
        if self.head == entry.0 + 1 {
            self.head = next;
        } else {
            let mut at = self.head;
            while at != 0 {
                let w2 = next_of(at - 1);
                if (w2 & 0xfff_ffff) as u32 == entry.0 + 1 {
                    self.word(EntryRef(at - 1), 2)
                        .store(w2 & !0xfff_ffff | u64::from(next), Ordering::Relaxed);
                    break;
                }
                at = (w2 & 0xfff_ffff) as u32;
            }
        }
        self.patients.free(entry.0);
    }
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        let word = u64::from(self.head) << HEAD_SHIFT
            | u64::from(self.live) << LIVE_SHIFT
            | u64::from(self.suspended) << SUSPENDED_SHIFT;
        // Release: publishes the chain to the next holder.
        self.record.gate.store(word, Ordering::Release);
    }
}

/// A cell taken from the pool; given back if it is dropped before it was linked.
#[must_use]
pub(crate) struct Reserved<'a> {
    patients: &'a Patients,
    index: Option<u32>,
}

impl Reserved<'_> {
    /// The cell, to be linked.
    pub(crate) fn take(mut self) -> Option<u32> {
        self.index.take()
    }
}

impl Drop for Reserved<'_> {
    fn drop(&mut self) {
        if let Some(index) = self.index {
            self.patients.free(index);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::collections::HashSet;

    fn key(value: u128) -> PatientKey {
        PatientKey::new(value).unwrap()
    }

    /// Numbers without a pattern, for bits that mean nothing (xorshift; Marsaglia 2003).
    fn random() -> impl FnMut() -> u64 {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state
        }
    }

    /// A host that numbers its patients, in whatever part of the key, fills the table as one that hashes them.
    #[test]
    fn patients_are_spread_over_the_table_however_their_keys_are_made() {
        const COUNT: u32 = 4096;
        let mut random = random();
        let hashed: Vec<u128> =
            (0..COUNT).map(|_| u128::from(random()) << 64 | u128::from(random())).collect();
        let numbered = |shift: u32| (1..=u128::from(COUNT)).map(|number| number << shift).collect::<Vec<_>>();
        for keys in
            [hashed, numbered(0), numbered(32), numbered(52), numbered(64), numbered(100), numbered(112)]
        {
            let patients = Patients::new(COUNT, 0);
            let places: HashSet<usize> = keys.iter().map(|value| patients.place(key(*value)).first).collect();
            // Thrown at random, of four places for three patients a little more than half is hit: seven in ten patients are
            // the first at theirs.
            assert!(places.len() * 3 > keys.len() * 2, "{} places for keys like {:x}", places.len(), keys[1]);
            let numbers: HashSet<_> = keys.iter().map(|value| patients.enter(key(*value)).unwrap()).collect();
            assert_eq!(numbers.len(), keys.len());
            assert!(
                keys.iter()
                    .all(|value| patients.key(patients.find(key(*value)).unwrap()) == Some(key(*value)))
            );
        }
    }

    #[test]
    fn a_patient_is_found_whatever_number_they_are_thought_to_have() {
        let patients = Patients::new(8, 0);
        let numbers = [1, 2, 3].map(|value| patients.enter(key(value)).unwrap());
        let thoughts = || (0..16).chain([u32::MAX]);
        for (value, number) in (1..).zip(numbers) {
            let found = |thought| patients.find_near(patients.place(key(value)), thought);
            assert!(thoughts().all(|thought| found(thought) == Some(number)), "{value}");
        }
        assert!(thoughts().all(|thought| patients.find_near(patients.place(key(4)), thought).is_none()));
    }

    /// However much room there is elsewhere: a look-up that finds nobody ends.
    #[test]
    fn a_table_is_full_for_a_patient_whose_places_are_all_taken() {
        let patients = Patients::new(300, 0);
        let last = patients.records.len() - 3;
        let crowd = (1..).map(key).filter(|key| patients.place(*key).first == last);
        let crowd: Vec<PatientKey> = crowd.take(PROBES + 1).collect();
        let numbers: HashSet<_> = crowd[..PROBES].iter().filter_map(|key| patients.enter(*key)).collect();
        assert_eq!(numbers.len(), PROBES);
        let late = crowd[PROBES];
        assert_eq!((patients.find(late), patients.enter(late)), (None, None));
        assert_eq!(patients.admit(late).err(), Some(Code::EngineFull));
    }

    /// That two commands are taken for each other by so small a chance as is said of them rests on this.
    #[test]
    fn any_bit_of_a_number_changes_half_the_bits_of_its_fingerprint() {
        const SAMPLES: u32 = 256;
        let mut random = random();
        let numbers: Vec<u128> =
            (0..SAMPLES).map(|_| u128::from(random()) << 64 | u128::from(random())).collect();
        for bit in 0..128 {
            let changed: u32 =
                numbers.iter().map(|n| (fingerprint(*n) ^ fingerprint(n ^ 1 << bit)).count_ones()).sum();
            assert!((30 * SAMPLES..34 * SAMPLES).contains(&changed), "{changed} by bit {bit}");
        }
    }

    /// Fingerprints are in snapshots, so another version has to make the same: the first outputs of the published generator.
    #[test]
    fn fingerprints_are_those_of_splitmix64() {
        const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
        let outputs = [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f];
        assert_eq!([1, 2, 3].map(|step| mix(GAMMA.wrapping_mul(step))), outputs);
        // The high half is stirred into what became of the low one.
        let number = u128::from(outputs[0] ^ GAMMA) << 64 | u128::from(GAMMA);
        assert_eq!(fingerprint(number), outputs[0]);
    }

    /// Every cell goes to whoever asks for one, whichever shards of the pool are used up, and to nobody else until it is back.
    #[test]
    fn every_cell_of_the_pool_is_given_out_once_whoever_asks_and_again_when_it_is_back() {
        for cells in [0, 1, 63, 64, 65, 130, 64 * 64 + 1] {
            for near in [0, 1, 32, 63, 64, 100] {
                let patients = Patients::new(4, cells);
                let all: Vec<u32> = (0..cells).collect();
                for _ in 0..3 {
                    let mut given: Vec<u32> = std::iter::from_fn(|| patients.allocate(near)).collect();
                    given.sort_unstable();
                    assert_eq!(given, all, "{cells} cells, near {near}");
                    given
                        .iter()
                        .step_by(2)
                        .chain(given.iter().skip(1).step_by(2))
                        .for_each(|cell| patients.free(*cell));
                }
            }
        }
    }

    /// What hangs behind a patient's record is what was put there, newest first, whatever else is put, overwritten and taken
    /// away, and however often the gate is opened meanwhile; and live entries are counted up to six.
    #[test]
    fn a_chain_is_what_was_put_into_it_and_counts_what_is_live() {
        const ALL: [EntryKind; 5] =
            [EntryKind::Live, EntryKind::Past, EntryKind::Refused, EntryKind::Settled, EntryKind::Ticket];
        let mut random = random();
        let patients = Patients::new(3, 40);
        let numbers = [1, 2, 3].map(|value| patients.enter(key(value)).unwrap());
        // Per patient: the entries, newest first, whether more were live than are counted, and the suspension.
        let mut expected: [(Vec<Entry>, bool, u32); 3] = Default::default();
        let parts =
            |entry: &Entry| (entry.kind, entry.booking, entry.fingerprint, entry.command, entry.details);
        let mut many = 0;
        for _ in 0..20_000 {
            let who = random() as usize % 3;
            let (chain, uncounted, suspended) = &mut expected[who];
            let mut gate = patients.lock(numbers[who]).unwrap();
            assert!(patients.lock(numbers[who]).is_none(), "one at a time");
            assert_eq!(
                (gate.number(), gate.suspended, patients.suspended(numbers[who])),
                (numbers[who], *suspended, *suspended)
            );
            assert!(gate.entries().map(|(_, entry)| parts(&entry)).eq(chain.iter().map(parts)));
            let live = chain.iter().filter(|entry| entry.kind == EntryKind::Live).count();
            let counted = u8::try_from(live).ok().filter(|_| !*uncounted);
            assert_eq!(gate.live_entries(), counted);
            many += u32::from(counted.is_none());
            let kind = ALL[random() as usize % 5];
            let wide = kind == EntryKind::Ticket;
            let entry = Entry {
                kind,
                booking: random() >> 2,
                fingerprint: random(),
                command: random() >> if wide { 32 } else { 64 - COMMAND_BITS },
                details: random() >> if wide { 0 } else { 64 - DETAIL_BITS },
            };
            let at = random() as usize % chain.len().max(1);
            match random() % 8 {
                0..4 => {
                    // A cell that is not linked goes back.
                    drop(gate.reserve());
                    if let Some(cell) = gate.reserve().and_then(Reserved::take) {
                        gate.push(cell, &entry);
                        chain.insert(0, entry);
                    }
                }
                4 => {
                    *uncounted = {
                        gate.recount(live);
                        live >= 7
                    }
                }
                5 => {
                    *suspended = random() as u32;
                    gate.suspended = *suspended;
                }
                6 if !chain.is_empty() => {
                    let (place, _) = gate.entries().nth(at).unwrap();
                    gate.set(place, &entry);
                    chain[at] = entry;
                }
                _ if !chain.is_empty() => {
                    let (place, _) = gate.entries().nth(at).unwrap();
                    gate.remove(place);
                    chain.remove(at);
                }
                _ => {}
            }
            let live = chain.iter().filter(|entry| entry.kind == EntryKind::Live).count();
            *uncounted |= live >= 7;
        }
        assert!(many > 0, "there were chains with many live entries");
        // All that is not linked is free.
        let linked: usize = expected.iter().map(|(chain, ..)| chain.len()).sum();
        assert_eq!(std::iter::from_fn(|| patients.allocate(0)).count(), 40 - linked);
    }

    /// Who is admitted has the gate, new or known; nobody else is until it is open; and a patient who was entered can be admitted.
    #[test]
    fn who_is_admitted_has_the_gate_of_a_new_record_as_of_a_known_one() {
        let patients = Patients::new(1, 0);
        for _ in 0..2 {
            let gate = patients.admit(key(1)).unwrap();
            assert_eq!((gate.number(), gate.suspended), (patients.find(key(1)).unwrap(), 0));
            assert!(gate.is_bare() && gate.entries().next().is_none());
            assert_eq!(patients.admit(key(1)).err(), Some(Code::ConcurrentRequest));
            assert!(patients.lock(gate.number()).is_none());
        }
        assert_eq!(patients.enter(key(2)), patients.find(key(2)));
        assert!(patients.admit(key(2)).is_ok());
        // Entered again it is not opened to others.
        let gate = patients.admit(key(2)).unwrap();
        assert_eq!(patients.enter(key(2)), Some(gate.number()));
        assert_eq!(patients.admit(key(2)).err(), Some(Code::ConcurrentRequest));
        // The table has four places, however few patients it is made for.
        (3..=4).for_each(|value| assert!(patients.admit(key(value)).is_ok()));
        assert_eq!(patients.admit(key(5)).err(), Some(Code::EngineFull));
        assert_eq!(patients.admit(key(4)).err(), None);
    }

    #[test]
    fn of_the_booking_in_a_record_it_is_known_whether_the_patient_cancelled_it() {
        let patients = Patients::new(1, 1);
        let gate = patients.lock(patients.enter(key(7)).unwrap()).unwrap();
        let booking = BookingId::new((1 << 62) - 1 - (1 << 32)).unwrap();
        assert_eq!((gate.first(), gate.first_cancelled()), (None, None));
        gate.set_first(Some(booking));
        assert_eq!((gate.first(), gate.first_cancelled()), (Some(booking), None));
        gate.set_first_cancelled(booking);
        assert_eq!((gate.first(), gate.first_cancelled()), (None, Some(booking)));
        let mut seen = Vec::new();
        patients.visit(|key, first, entries| seen.push((key, first, entries.len())));
        assert_eq!(seen, [], "a patient whose gate is taken is passed over");
        drop(gate);
        patients.visit(|key, first, entries| seen.push((key, unmarked(first), entries.len())));
        assert_eq!(seen, [(key(7), booking.get(), 0)]);
    }

    /// Who was about to take the first free cell, and stopped, must not succeed once it went and came back: what followed it
    /// may be somebody's by then.
    #[test]
    fn a_free_cell_that_went_and_came_back_is_another_one() {
        let patients = Patients::new(1, 1);
        patients.free(patients.allocate(0).unwrap());
        let mut heads = HashSet::new();
        for _ in 0..100 {
            assert!(heads.insert(patients.shards[0].head.load(Ordering::Relaxed)));
            patients.free(patients.allocate(0).unwrap());
        }
    }
}

/// Every interleaving of two threads that take cells of one shard, or give them back, or are the first to ask for a patient.
#[cfg(all(test, loom))]
mod interleavings {
    use super::*;
    use std::sync::Arc;

    /// What two threads are given, and what is left then; in order.
    fn given(cells: u32, used: usize, one: fn(&Patients) -> Vec<u32>, other: fn(&Patients) -> Vec<u32>) {
        loom::model(move || {
            let patients = Arc::new(Patients::new(1, cells));
            let take = || patients.allocate_from(0);
            let before: Vec<u32> = (0..used).filter_map(|_| take()).collect();
            before.iter().for_each(|cell| patients.free(*cell));
            let shared = Arc::clone(&patients);
            let thread = loom::thread::spawn(move || other(&shared));
            let mut all = one(&patients);
            all.extend(thread.join().unwrap());
            // A cell that was given twice can make a ring of those that are free.
            all.extend(std::iter::from_fn(take).take(SHARDS));
            all.sort_unstable();
            let expected: Vec<u32> = (0..cells).step_by(SHARDS).collect();
            assert_eq!(all, expected, "each cell has one taker");
        });
    }

    fn take(patients: &Patients) -> Vec<u32> {
        patients.allocate_from(0).into_iter().collect()
    }

    #[test]
    fn the_last_cell_that_was_never_taken_has_one_taker() {
        given(1, 0, take, take);
    }

    #[test]
    fn a_cell_that_went_and_came_back_while_somebody_was_about_to_take_it_has_one_taker() {
        given(65, 2, take, |patients| {
            let (first, second) = (take(patients), take(patients));
            first.iter().for_each(|cell| patients.free(*cell));
            second
        });
    }

    /// Two commands of a patient who is not known yet: one has the gate at a time, and what it wrote is seen by the next.
    #[test]
    fn a_new_patient_has_one_gate() {
        loom::model(|| {
            let patients = Arc::new(Patients::new(1, 0));
            let count = |patients: &Patients| {
                patients.admit(PatientKey::new(1).unwrap()).is_ok_and(|gate| {
                    let seen = gate.record.first.load(Ordering::Relaxed);
                    gate.set_first_bits(seen + 1);
                    true
                })
            };
            let shared = Arc::clone(&patients);
            let thread = loom::thread::spawn(move || count(&shared));
            let admitted = u64::from(count(&patients)) + u64::from(thread.join().unwrap());
            let gate = patients.admit(PatientKey::new(1).unwrap()).unwrap();
            assert!(admitted > 0, "somebody was first");
            assert_eq!(gate.record.first.load(Ordering::Relaxed), admitted);
        });
    }
}

//! The engine's memory and how a number is turned into the thing it names.

#![expect(clippy::cast_possible_truncation, reason = "fields of packed words are narrower than their types")]
#![expect(
    clippy::inline_always,
    reason = "a refusal is one pass through registers; calls return structs through memory"
)]

use crate::block::{Block, Core, Ended};
use crate::fact::{Change, Fact, Trace};
use crate::limits::Limits;
use crate::patients::Patients;
use crate::publish::{Admin, Calendar};
use crate::sessions::{SessionCell, SessionRow};
use crate::sync::{AtomicU128, Ordering};
use crate::target::{Located, Target};
use dashmap::DashMap;
use haoyuan_core::ids::{
    BlockId, BookingId, IdempotencyKey, NodeIndex, SeatIndex, SessionId, SlotIndex, SlotRef,
};
use haoyuan_core::instant::Instant;
use haoyuan_core::pool::PoolTree;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Availability, Grant, Standing};
use haoyuan_core::rules::Rules;
use haoyuan_core::terms::{Channel, Class};
use parking_lot::{Mutex, RwLock};
use std::sync::{Arc, OnceLock};

/// A block as it stands in memory: 32 bytes, and never on two cache lines.
pub(crate) struct Row {
    pub(crate) core: Core,
}

// Two blocks share a cache line: half of what a search reads, and half of what a province needs beside its seats.
#[cfg(not(loom))]
const _: () = assert!(size_of::<Row>() == 32 && align_of::<Row>() == 32);

/// What [`Core::place`] says: bits 0..24 session · 24..44 shape · 44..60 seats of the session before this block. Written by
/// publishing; the shape again by resizing, while the word is frozen.
impl Row {
    pub(crate) fn assign(&self, session: u32, shape: u32, before: u16) {
        let place = u64::from(session) | u64::from(shape) << 24 | u64::from(before) << 44;
        // Relaxed: published by the session's words.
        self.core.place.store(place, Ordering::Relaxed);
    }

    /// The session that the block belongs to.
    fn session(&self) -> Option<SessionId> {
        SessionId::new(self.core.place.load(Ordering::Relaxed) as u32 & SessionId::MAX)
    }

    /// The number of the block's tree.
    #[inline(always)]
    pub(crate) fn shape(&self) -> u32 {
        // Acquire: pairs with `reshape`, so that whoever sees another tree also sees, in the word, that there is one.
        (self.core.place.load(Ordering::Acquire) >> 24) as u32 & 0xf_ffff
    }

    /// Gives the block another tree. Only while its word is frozen, and by administration, which is one at a time.
    pub(crate) fn reshape(&self, shape: u32) {
        let place = self.core.place.load(Ordering::Relaxed);
        let place = place & !(0xf_ffff << 24) | u64::from(shape) << 24;
        // Release: pairs with `shape`; the freezing of the word comes before.
        self.core.place.store(place, Ordering::Release);
    }

    /// The number (号序) of a seat in the session, from 1: the seats of the blocks before, and its place in this one.
    pub(crate) fn number(&self, seat: SeatIndex) -> u16 {
        // Relaxed: written once, before the session's words are published.
        let before = (self.core.place.load(Ordering::Relaxed) >> 44) as u16;
        before + u16::from(seat.get()) + 1
    }
}

/// What many sessions share, by number. Each value has memory of its own: the table is as long as the limits allow, and mostly empty.
pub(crate) type Table<V> = [OnceLock<Box<V>>];

/// Where a booking is: its session, its block and the tree that decides about it.
pub(crate) type Placed<'a> = (SessionId, SessionRow, Block<'a>, &'a PoolTree);

/// The engine: every published seat of a platform, in memory.
///
/// All methods take `&self` and may be called from any thread. `availability`, `hold`, `book`, `confirm`, `cancel` and
/// `tick` are lock-free. Nothing reads a clock: every decision is told its instant.
pub struct Engine<T: Trace = ()> {
    pub(crate) rows: Box<[Row]>,
    pub(crate) seats: Box<[AtomicU128]>,
    pub(crate) sessions: Box<[SessionCell]>,
    pub(crate) trees: Box<Table<PoolTree>>,
    pub(crate) rules: Box<Table<Rules>>,
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

    /// The block and tree of a slot, without its seats: enough to refuse.
    #[inline(always)]
    pub(crate) fn locate(&self, slot: SlotRef) -> Result<Located<'_>, Code> {
        let Some(cell) = self.sessions.get(slot.session.index()) else { return Err(Code::UnknownSession) };
        let Some(row) = cell.read() else { return Err(Code::UnknownSession) };
        if slot.slot.get() >= row.slots() {
            return Err(Code::UnknownSlot);
        }
        self.locate_in(slot.slot, row)
    }

    #[inline(always)]
    pub(crate) fn locate_in(&self, slot: SlotIndex, row: SessionRow) -> Result<Located<'_>, Code> {
        let Some(cell) = self.cell(slot, &row) else { return Err(Code::UnknownSlot) };
        let Some(tree) = self.tree_of(cell) else { return Err(Code::UnknownSlot) };
        let block = row.block_of(slot);
        Ok(Located { row, block, cell, tree })
    }

    /// The block of a slot, as it stands in memory.
    #[inline(always)]
    pub(crate) fn cell(&self, slot: SlotIndex, row: &SessionRow) -> Option<&Row> {
        self.rows.get(row.block_of(slot) as usize)
    }

    /// The tree that decides about a block; `None` if it was never published.
    #[inline(always)]
    pub(crate) fn tree_of(&self, cell: &Row) -> Option<&PoolTree> {
        self.trees.get(cell.shape() as usize).and_then(OnceLock::get).map(Box::as_ref)
    }

    pub(crate) fn target_in(&self, slot: SlotIndex, row: SessionRow) -> Option<Target<'_>> {
        let located = self.locate_in(slot, row).ok()?;
        self.target(&located, slot)
    }

    /// The same with its seats.
    #[inline(always)]
    pub(crate) fn target<'a>(&'a self, located: &Located<'a>, slot: SlotIndex) -> Option<Target<'a>> {
        let Located { row, block, cell, tree } = *located;
        let first =
            row.first_seat() as usize + (block - row.first_block()) as usize * usize::from(row.stride());
        let seats = self.seats.get(first..first + usize::from(tree.seats()))?;
        let range = if row.whole() {
            // A whole-session block has at most 63 seats, so slot × stride is below 64.
            let start = slot.get() as u8 * row.stride();
            start..start + row.stride()
        } else {
            0..tree.seats()
        };
        Some(Target {
            row,
            block_id: BlockId::new(block)?,
            block: Block::new(&cell.core, seats),
            cell,
            trees: &self.trees,
            tree,
            range,
        })
    }

    #[inline(always)]
    pub(crate) fn resolve(&self, slot: SlotRef) -> Result<Target<'_>, Code> {
        let located = self.locate(slot)?;
        self.target(&located, slot.slot).ok_or(Code::UnknownSlot)
    }

    /// A block of a session, with its tree.
    #[inline(always)]
    pub(crate) fn block(&self, id: BlockId, row: &SessionRow) -> Option<(Block<'_>, &PoolTree)> {
        let cell = self.rows.get(id.index())?;
        let tree = self.tree_of(cell)?;
        let place = id.get() - row.first_block();
        let first = row.first_seat() as usize + place as usize * usize::from(row.stride());
        let seats = self.seats.get(first..first + usize::from(tree.seats()))?;
        Some((Block::new(&cell.core, seats), tree))
    }

    /// The tree of a block as it is now, or `known` if there is none.
    #[cold]
    pub(crate) fn tree_now<'a>(&'a self, id: BlockId, known: &'a PoolTree) -> &'a PoolTree {
        self.rows.get(id.index()).and_then(|cell| self.tree_of(cell)).unwrap_or(known)
    }

    /// The session row and block of a booking.
    #[inline]
    pub(crate) fn place(&self, block: BlockId) -> Option<Placed<'_>> {
        let cell = self.rows.get(block.index())?;
        let session = cell.session()?;
        let row = self.sessions[session.index()].read()?;
        // A block that was never published has session 0 in its row: check that it lies within the session.
        if !row.blocks().contains(&block.get()) {
            return None;
        }
        let (block, tree) = self.block(block, &row)?;
        Some((session, row, block, tree))
    }

    #[inline]
    pub(crate) fn rules_of(&self, row: &SessionRow) -> &Rules {
        // Set before the session was published; the index comes from the session's words.
        self.rules[row.rules() as usize].get_or_init(Box::default)
    }

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
        Ok(self.shown(slot, at)?.availability(class, channel, at))
    }

    #[inline]
    pub(crate) fn record_end(
        &self,
        block: BlockId,
        ended: &Ended,
        change: Change,
        at: Instant,
        key: Option<IdempotencyKey>,
    ) {
        if !T::WANTED {
            return;
        }
        let Some((session, row, _, _)) = self.place(block) else { return };
        let Some(patient) = self.patients.key(ended.record.patient()) else { return };
        let seat = SeatIndex::new(ended.seat).unwrap_or_default();
        self.trace.record(&Fact {
            change,
            sequence: ended.sequence,
            at,
            booking: BookingId::pack(block, seat, ended.record.sequence()),
            slot: SlotRef { session, slot: row.slot_of(block.get() - row.first_block(), ended.seat) },
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

    /// The number (号序) of a booking in its session, from 1: the seats of the slots before, and the place in the slot; 0 if there
    /// is no such block. Wait-free.
    #[must_use]
    pub fn number_of(&self, booking: BookingId) -> u16 {
        self.rows.get(booking.block().index()).map_or(0, |row| row.number(booking.seat()))
    }
}

pub(crate) fn grant(
    row: &SessionRow,
    slot: SlotRef,
    booking: BookingId,
    node: NodeIndex,
    spill: bool,
    standing: Standing,
    number: u16,
) -> Grant {
    Grant {
        booking,
        institution: row.institution(),
        slot,
        number,
        time: row.slot_time(slot.slot),
        node,
        spill,
        standing,
    }
}

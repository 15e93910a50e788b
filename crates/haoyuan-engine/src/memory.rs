//! What is remembered of a patient's commands: the answer that was given under each idempotency key.
//!
//! INVARIANT (same key, same answer): while a keyed command is remembered, repeating it gives the answer it was given, and
//! another command under its key is refused. The memory of a live booking lives as long as the booking; beyond those, the
//! last [`MEMORY`] keyed commands of each patient are remembered.

#![expect(
    clippy::cast_possible_truncation,
    reason = "fields of packed entries are narrower than their types"
)]

use crate::Engine;
use crate::engine::grant;
use crate::fact::Trace;
use crate::patients::{Entry, EntryKind, Gate, Reserved, fingerprint};
use haoyuan_core::ids::{BookingId, IdempotencyKey, NodeIndex, Sequence, SlotRef};
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::{Binding, Code, Refusal, Retry};
use haoyuan_core::request::{Grant, Settle, Settled, Standing, Wish};

/// How many ended bookings and keyed commands of one patient are remembered.
pub(crate) const MEMORY: usize = 8;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Hold = 1,
    Book = 2,
    Confirm = 3,
    Cancel = 4,
}

/// An answer that was given before under the same key.
pub(crate) enum Remembered {
    Grant(Grant),
    Settled(Settled),
    Refusal(Refusal),
}

impl<T: Trace> Engine<T> {
    #[cold]
    pub(crate) fn remembered(
        &self,
        gate: &Gate<'_>,
        key: IdempotencyKey,
        command: u32,
    ) -> Result<Option<Remembered>, Refusal> {
        let print = key_fingerprint(key);
        let found = gate.entries().find(|(_, e)| e.kind != EntryKind::Ticket && e.fingerprint == print);
        let Some((_, entry)) = found else { return Ok(None) };
        if entry.command != command {
            return Err(Refusal::plain(Code::IdempotencyConflict));
        }
        Ok(match entry.kind {
            EntryKind::Live | EntryKind::Past => self.granted_before(&entry).map(Remembered::Grant),
            EntryKind::Settled => BookingId::new(entry.booking).map(|booking| {
                let sequence = Sequence(entry.details as u32);
                Remembered::Settled(Settled { booking, sequence, changed: entry.details >> 32 & 1 == 1 })
            }),
            EntryKind::Refused | EntryKind::Ticket => Some(Remembered::Refusal(unpack_refusal(&entry))),
        })
    }

    pub(crate) fn granted_before(&self, entry: &Entry) -> Option<Grant> {
        let booking = BookingId::new(entry.booking)?;
        let (session, row, _, _) = self.place(booking.block())?;
        let slot = row.slot_of(booking.block().get() - row.first_block(), booking.seat().get());
        let (expires, node, spill, booked) = unpack_grant(entry.details);
        let standing = if booked { Standing::Booked } else { Standing::HeldUntil(expires) };
        Some(grant(&row, SlotRef { session, slot }, booking, node, spill, standing, self))
    }

    /// Remembers the answer to a keyed command. If there is no room it is not remembered: the pool's limit is the host's.
    pub(crate) fn remember(
        gate: &mut Gate<'_>,
        key: Option<IdempotencyKey>,
        command: u32,
        kind: EntryKind,
        (booking, details): (u64, u64),
    ) {
        let Some(key) = key else { return };
        let Some(cell) = gate.reserve().and_then(Reserved::take) else { return };
        gate.push(cell, &Entry { kind, booking, fingerprint: key_fingerprint(key), command, details });
        trim(gate);
    }
}

/// Forgets the oldest memories beyond [`MEMORY`].
pub(crate) fn trim(gate: &mut Gate<'_>) {
    let is_memory = |e: &Entry| matches!(e.kind, EntryKind::Past | EntryKind::Refused | EntryKind::Settled);
    let memories = gate.entries().filter(|(_, e)| is_memory(e)).count();
    for _ in MEMORY..memories {
        if let Some((oldest, _)) = gate.entries().filter(|(_, e)| is_memory(e)).last() {
            gate.remove(oldest);
        }
    }
}

// ---- packed details of entries

pub(crate) const CANCELLED: u64 = 1 << 63;
pub(crate) fn key_fingerprint(key: IdempotencyKey) -> u64 {
    fingerprint(key.get()).max(1)
}

pub(crate) fn wish_fingerprint(wish: &Wish, operation: Operation) -> u32 {
    let asked = u128::from(wish.slot.session.get())
        | u128::from(wish.slot.slot.get()) << 24
        | u128::from(wish.class.number()) << 40
        | u128::from(wish.channel.number()) << 48
        | (operation as u128) << 56;
    let ticket = wish.ticket.map_or(0, |t| fingerprint(t.get()));
    (fingerprint(asked | u128::from(ticket) << 64) >> 32) as u32
}

pub(crate) fn settle_fingerprint(settle: &Settle, operation: Operation) -> u32 {
    (fingerprint(u128::from(settle.booking.get()) | (operation as u128) << 64) >> 32) as u32
}

pub(crate) const fn pack_grant(expires: Instant, node: NodeIndex, spill: bool, booked: bool) -> u64 {
    expires.bits() | (node.get() as u64) << 42 | (spill as u64) << 46 | (booked as u64) << 47
}

pub(crate) fn unpack_grant(details: u64) -> (Instant, NodeIndex, bool, bool) {
    let node = NodeIndex::new((details >> 42) as u8 & 15).unwrap_or(NodeIndex::ROOT);
    let expires = Instant::from_bits(details);
    (expires, node, details >> 46 & 1 == 1, details >> 47 & 1 == 1)
}

/// (binding value, details: code 0..16 · binding kind 16..18 · retry kind 18..20 · retry instant 20..62)
pub(crate) fn pack_refusal(refusal: Refusal) -> (u64, u64) {
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
        Retry::From(at) => (3, at.bits()),
    };
    (value, u64::from(refusal.code.number()) | kind << 16 | retry << 18 | from << 20)
}

pub(crate) fn unpack_refusal(entry: &Entry) -> Refusal {
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
        _ => Retry::From(Instant::from_bits(details >> 20)),
    };
    let code = Code::from_number(details as u16).unwrap_or(Code::IdempotencyConflict);
    Refusal { code, binding, retry }
}

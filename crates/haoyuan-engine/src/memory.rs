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
use crate::patients::{COMMAND_BITS, Entry, EntryKind, Gate, Reserved, fingerprint};
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
        command: u64,
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
        Some(grant(&row, SlotRef { session, slot }, booking, node, spill, standing, self.number_of(booking)))
    }

    /// Remembers the answer to a keyed command. If there is no room it is not remembered: the pool's limit is the host's.
    pub(crate) fn remember(
        gate: &mut Gate<'_>,
        key: Option<IdempotencyKey>,
        command: u64,
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

/// In the details of a grant: it was cancelled.
pub(crate) const CANCELLED: u64 = 1 << 48;

/// In the details of a live entry: the booking is another key's of the same person, and only counts here.
pub(crate) const MERGED: u64 = 1 << 49;

pub(crate) fn key_fingerprint(key: IdempotencyKey) -> u64 {
    fingerprint(key.get()).max(1)
}

/// A command's fingerprint. Another command under the same key, of the same patient, is taken for this one with a
/// probability of 2^−40: a caller who mixes up a thousand keys a day meets it once in three million years, and is then given
/// the answer of the first command.
pub(crate) fn wish_fingerprint(wish: &Wish, operation: Operation) -> u64 {
    let asked = u128::from(wish.slot.session.get())
        | u128::from(wish.slot.slot.get()) << 24
        | u128::from(wish.class.number()) << 40
        | u128::from(wish.channel.number()) << 48
        | (operation as u128) << 56;
    let ticket = wish.ticket.map_or(0, |t| fingerprint(t.get()));
    fingerprint(asked | u128::from(ticket) << 64) >> (64 - COMMAND_BITS)
}

/// As [`wish_fingerprint`].
pub(crate) fn settle_fingerprint(settle: &Settle, operation: Operation) -> u64 {
    fingerprint(u128::from(settle.booking.get()) | (operation as u128) << 64) >> (64 - COMMAND_BITS)
}

pub(crate) const fn pack_grant(expires: Instant, node: NodeIndex, spill: bool, booked: bool) -> u64 {
    expires.bits() | (node.get() as u64) << 42 | (spill as u64) << 46 | (booked as u64) << 47
}

pub(crate) fn unpack_grant(details: u64) -> (Instant, NodeIndex, bool, bool) {
    let node = NodeIndex::new((details >> 42) as u8 & 15).unwrap_or(NodeIndex::ROOT);
    let expires = Instant::from_bits(details);
    (expires, node, details >> 46 & 1 == 1, details >> 47 & 1 == 1)
}

const CODE_BITS: u32 = 10;
const CODE_MASK: u64 = (1 << CODE_BITS) - 1;
const _: () = {
    let mut place = 0;
    while place < Code::ALL.len() {
        assert!(Code::ALL[place].number() as u64 <= CODE_MASK);
        place += 1;
    }
};

/// (binding value, details: code 0..10 · binding kind 10..12 · retry kind 12..14 · retry instant 14..56)
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
    (value, u64::from(refusal.code.number()) | kind << 10 | retry << 12 | from << 14)
}

pub(crate) fn unpack_refusal(entry: &Entry) -> Refusal {
    let details = entry.details;
    let binding = match details >> 10 & 3 {
        0 => Binding::None,
        1 => Binding::Node(NodeIndex::new(entry.booking as u8).unwrap_or(NodeIndex::ROOT)),
        2 => BookingId::new(entry.booking).map_or(Binding::None, Binding::Booking),
        _ => Binding::Limit(entry.booking as u32),
    };
    let retry = match details >> 12 & 3 {
        0 => Retry::Never,
        1 => Retry::Now,
        2 => Retry::WhenReturned,
        _ => Retry::From(Instant::from_bits(details >> 14)),
    };
    let code = Code::from_number((details & CODE_MASK) as u16).unwrap_or(Code::IdempotencyConflict);
    Refusal { code, binding, retry }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::patients::{EntryKind, Patients};
    use haoyuan_core::ids::{PatientKey, SessionId, SlotIndex, TicketId};
    use haoyuan_core::terms::{Channel, Class};
    use std::collections::HashSet;

    #[test]
    fn a_remembered_refusal_gives_back_all_its_parts() {
        let bindings = [
            Binding::None,
            Binding::Node(NodeIndex::new(15).unwrap()),
            Binding::Booking(BookingId::new((1 << 62) - 1 - (1 << 32)).unwrap()),
            Binding::Limit(u32::MAX),
        ];
        let retries = [Retry::Never, Retry::Now, Retry::WhenReturned, Retry::From(Instant::MAX)];
        let patients = Patients::new(1, 1);
        let number = patients.enter(PatientKey::new(1).unwrap()).unwrap();
        let mut gate = patients.lock(number).unwrap();
        let cell = gate.reserve().and_then(Reserved::take).unwrap();
        let command = (1 << COMMAND_BITS) - 1;
        gate.push(cell, &Entry { kind: EntryKind::Refused, booking: 0, fingerprint: 1, command, details: 0 });
        for code in Code::ALL {
            for (binding, retry) in bindings.iter().flat_map(|b| retries.iter().map(move |r| (*b, *r))) {
                let refusal = Refusal { code: *code, binding, retry };
                let (booking, details) = pack_refusal(refusal);
                let (place, entry) = gate.entries().next().unwrap();
                gate.set(place, &Entry { booking, details, ..entry });
                let (_, entry) = gate.entries().next().unwrap();
                assert_eq!((unpack_refusal(&entry), entry.command), (refusal, command));
            }
        }
    }

    #[test]
    fn commands_that_differ_in_one_part_have_different_fingerprints() {
        let ticket = |n: u128| TicketId::new(n).unwrap();
        let mut prints = HashSet::new();
        let mut count = 0;
        for session in [0, 1, SessionId::MAX] {
            for slot in [0, 1, SlotIndex::MAX] {
                for class in Class::ALL {
                    for channel in Channel::ALL {
                        for ticket in [None, Some(ticket(1)), Some(ticket(1 << 127)), Some(ticket(u128::MAX))]
                        {
                            for operation in [Operation::Hold, Operation::Book] {
                                let slot = SlotRef {
                                    session: SessionId::new(session).unwrap(),
                                    slot: SlotIndex::new(slot).unwrap(),
                                };
                                let patient = PatientKey::new(1).unwrap();
                                let (class, channel) = (*class, *channel);
                                let wish = Wish { patient, slot, class, channel, ticket, key: None };
                                let print = wish_fingerprint(&wish, operation);
                                assert!(print < 1 << COMMAND_BITS);
                                prints.insert(print);
                                count += 1;
                            }
                        }
                    }
                }
            }
        }
        assert_eq!(prints.len(), count);
    }
}

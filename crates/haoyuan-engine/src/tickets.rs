//! Tickets: proofs of privilege, bound to a patient, used once.
//!
//! INVARIANT (used once): a ticket is in use exactly while a live hold or booking was granted with it; after a cancellation
//! or expiry it can be used again until it is void.

use crate::Engine;
use crate::fact::Trace;
use crate::memory::MEMORY;
use crate::patients::{Entry, EntryKind, EntryRef, Gate, Reserved, fingerprint};
use crate::portfolio::Fate;
use crate::sessions::SessionRow;
use haoyuan_core::ids::BookingId;
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::{Binding, Code, Refusal};
use haoyuan_core::request::{Ticket, Wish};
use haoyuan_core::terms::Class;

/// The most tickets of one patient.
const TICKETS_MAX: usize = 64;

impl<T: Trace> Engine<T> {
    /// Registers a ticket. Registering the same number again replaces its terms and keeps its use.
    ///
    /// # Errors
    /// `CONCURRENT_REQUEST`, `TICKET_MISMATCH` (the class needs no ticket), `TICKET_EXPIRED`, `ENGINE_FULL`.
    pub fn issue_ticket(&self, ticket: &Ticket, at: Instant) -> Result<(), Refusal> {
        self.register(ticket, at).inspect_err(|refusal| {
            if T::WANTED && refusal.code != Code::ConcurrentRequest {
                self.trace.ticket_refused(ticket, refusal.code, at);
            }
        })
    }

    fn register(&self, ticket: &Ticket, at: Instant) -> Result<(), Refusal> {
        if !ticket.class.needs_ticket() {
            return Err(Refusal::plain(Code::TicketMismatch));
        }
        if at >= ticket.expires {
            return Err(Refusal::plain(Code::TicketExpired));
        }
        let mut gate = self.patients.admit(ticket.patient).map_err(Refusal::plain)?;
        let print = fingerprint(ticket.id.get());
        let (command, details) = pack_ticket(ticket);
        let fresh = Entry { kind: EntryKind::Ticket, booking: 0, fingerprint: print, command, details };
        let known = gate.entries().find(|(_, e)| e.kind == EntryKind::Ticket && e.fingerprint == print);
        if let Some((place, entry)) = known {
            gate.set(place, &Entry { booking: entry.booking, ..fresh });
            self.trace.ticket(ticket, at);
            return Ok(());
        }
        let mut tickets = gate.entries().filter(|(_, e)| e.kind == EntryKind::Ticket).count();
        if tickets >= MEMORY {
            // Void tickets are kept for their better explanation, but not for ever: the oldest makes room.
            let is_void = |e: &Entry| e.kind == EntryKind::Ticket && at >= ticket_expires(e);
            let oldest = gate.entries().filter(|(_, e)| is_void(e) && self.live_use(e, at).is_none()).last();
            if let Some((void, _)) = oldest {
                gate.remove(void);
                tickets -= 1;
            }
        }
        if tickets >= TICKETS_MAX {
            return Err(Refusal::plain(Code::EngineFull));
        }
        let cell = gate.reserve().and_then(Reserved::take);
        gate.push(cell.ok_or(Refusal::plain(Code::EngineFull))?, &fresh);
        self.trace.ticket(ticket, at);
        Ok(())
    }

    pub(crate) fn check_ticket(
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
        if at >= ticket_expires(&entry) {
            return Err(Refusal::plain(Code::TicketExpired));
        }
        match self.live_use(&entry, at) {
            Some(booking) => Err(Refusal::plain(Code::TicketUsed).by(Binding::Booking(booking))),
            None => Ok((place, entry)),
        }
    }

    fn live_use(&self, ticket: &Entry, at: Instant) -> Option<BookingId> {
        let booking = BookingId::new(ticket.booking)?;
        matches!(self.fate(booking, at), Fate::Live(..)).then_some(booking)
    }
}

/// (class 0..3 · has department 3 · department 4..24, expires 0..42 · institution 42..58)
fn pack_ticket(ticket: &Ticket) -> (u64, u64) {
    let department = ticket.department.map_or(0, |d| 1 << 3 | d.get() << 4);
    let details = ticket.expires.bits() | u64::from(ticket.institution.get()) << 42;
    (u64::from(ticket.class.number()) | u64::from(department), details)
}

const fn ticket_expires(entry: &Entry) -> Instant {
    Instant::from_bits(entry.details)
}

fn ticket_fits(entry: &Entry, class: Class, row: &SessionRow) -> bool {
    let class_fits = entry.command & 7 == u64::from(class.number());
    let any_department = entry.command >> 3 & 1 == 0;
    let department_fits = any_department || entry.command >> 4 == u64::from(row.department().get());
    class_fits && department_fits && (entry.details >> 42 & 0xffff) == u64::from(row.institution().get())
}

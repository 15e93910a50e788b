//! Facts: what was decided, in a form that can be written down and applied again without deciding.

use crate::resize::Resized;
use haoyuan_core::ids::{
    BookingId, IdempotencyKey, NodeIndex, PatientKey, Sequence, SessionId, SlotRef, TicketId,
};
use haoyuan_core::instant::Instant;
use haoyuan_core::plan::Plan;
use haoyuan_core::pool::PoolTree;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Settle, Settled, Ticket, Wish};
use haoyuan_core::terms::{Channel, Class};

/// What happened to a seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// It was held.
    Held,
    /// It was booked at once.
    Booked,
    /// Its hold became a booking.
    Confirmed,
    /// It was given back by the patient.
    Cancelled,
    /// Its hold was found to be dead.
    Expired,
    /// It was taken back by the hospital.
    Withdrawn,
}

/// One accepted transition of one block. (`booking.block()`, `sequence`) is unique and gap-free per block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact {
    /// What happened.
    pub change: Change,
    /// The place in the block's history.
    pub sequence: Sequence,
    /// The instant that the request carried.
    pub at: Instant,
    /// The hold or booking; names block and seat.
    pub booking: BookingId,
    /// The session and slot.
    pub slot: SlotRef,
    /// Whose it is.
    pub patient: PatientKey,
    /// By what right it was granted.
    pub class: Class,
    /// Through which channel it was granted.
    pub channel: Channel,
    /// The pool that admitted it.
    pub node: NodeIndex,
    /// Whether it went over every guarantee that contains its node.
    pub spill: bool,
    /// When the hold ends or would have ended.
    pub expires: Instant,
    /// The ticket that was shown, whether or not the class needed one.
    pub ticket: Option<TicketId>,
    /// The idempotency key of the command.
    pub key: Option<IdempotencyKey>,
}

/// A session that is about to be published.
#[derive(Clone, Copy, Debug)]
pub struct Publication<'a> {
    /// Under which number.
    pub id: SessionId,
    /// As what.
    pub plan: &'a Plan,
    /// What publishing it enters into the host's books, in the host's own words.
    pub books: &'a str,
}

/// A command of a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Hold a seat.
    Hold(Wish),
    /// Book a seat at once.
    Book(Wish),
    /// Make a booking of a hold.
    Confirm(Settle),
    /// Give a hold or booking back.
    Cancel(Settle),
}

/// A [`Command`] where it is asked: most refusals are counted or passed over, and none is copied for that. `Command::from` copies
/// it for whoever keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked<'a> {
    /// [`Command::Hold`].
    Hold(&'a Wish),
    /// [`Command::Book`].
    Book(&'a Wish),
    /// [`Command::Confirm`].
    Confirm(&'a Settle),
    /// [`Command::Cancel`].
    Cancel(&'a Settle),
}

impl From<Asked<'_>> for Command {
    fn from(asked: Asked<'_>) -> Self {
        match asked {
            Asked::Hold(wish) => Self::Hold(*wish),
            Asked::Book(wish) => Self::Book(*wish),
            Asked::Confirm(settle) => Self::Confirm(*settle),
            Asked::Cancel(settle) => Self::Cancel(*settle),
        }
    }
}

/// A claim whose session or slot nobody can find by the name that it was given: refused before it is a [`Command`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unnamed<'a> {
    /// Whether the seat was to be booked at once.
    pub book: bool,
    /// For whom.
    pub patient: PatientKey,
    /// By what right.
    pub class: Class,
    /// Through which channel.
    pub channel: Channel,
    /// The ticket that was shown.
    pub ticket: Option<TicketId>,
    /// The idempotency key, which stays unused.
    pub key: Option<IdempotencyKey>,
    /// The session, as somebody wrote it: perhaps anything but a session's code.
    pub session: &'a str,
    /// The slot: its index, or its start.
    pub slot: Result<u64, Instant>,
    /// `UNKNOWN_SESSION` or `UNKNOWN_SLOT`.
    pub code: Code,
}

/// Where facts go.
///
/// `record` is called by the deciding thread after the transition and before the operation returns, for the facts of
/// one patient in order; facts of one block may arrive in any order, and their sequence puts them right.
pub trait Trace: Send + Sync {
    /// Whether facts are wanted at all; if not, none are put together.
    const WANTED: bool = true;

    /// Takes one fact. Must not call back into the engine.
    fn record(&self, fact: &Fact);

    /// A command was refused. Called for every refusal but `CONCURRENT_REQUEST` and `WAITLISTED`, which are no answers yet,
    /// and those of offers, which no patient asked for; behind the patient's gate if the command carries an idempotency
    /// key, because then the answer is remembered and belongs to the state.
    fn refused(&self, _asked: Asked<'_>, _refusal: &Refusal, _at: Instant) {}

    /// A claim was refused by the host because it names no session or no slot. Nothing was changed or remembered.
    fn unnamed(&self, _claim: &Unnamed<'_>, _at: Instant) {}

    /// A confirmation that carries an idempotency key found its booking confirmed: nothing changed but the memory.
    fn repeated(&self, _settle: &Settle, _settled: &Settled, _at: Instant) {}

    /// A ticket was registered. Called behind the patient's gate.
    fn ticket(&self, _ticket: &Ticket, _at: Instant) {}

    /// A ticket was not registered. Called for every refusal but `CONCURRENT_REQUEST`; nothing was changed or remembered.
    fn ticket_refused(&self, _ticket: &Ticket, _code: Code, _at: Instant) {}

    /// Sessions are published, all or none. Called once for all of them under the administration lock, before the first can
    /// be asked for: nobody can have a fact of any of them that comes before this.
    fn published(&self, _sessions: &[Publication<'_>], _at: Instant) {}

    /// Sessions are retired. Called under the administration lock, before they are.
    fn retired(&self, _sessions: &[SessionId], _at: Instant) {}

    /// Names, policies or sizes around the engine were changed by this command of the host. Called by the host under its
    /// own administration lock, before the command is answered.
    fn administered(&self, _word: &str, _command: &str, _at: Instant) {}

    /// The usable seats of a block changed: a transition of the block as a whole, whose place is that of `resized`. Called
    /// under the administration lock.
    fn resized(&self, _resized: &Resized, _tree: &PoolTree, _at: Instant) {}

    /// Something happened in the hospital's day, as the host writes it down (JSON). Called by the host under its own lock of the
    /// day, before the command is answered; `number` is one more than that of the event before, and the order is kept. It
    /// follows what `patient` did before, if it concerns one.
    fn day(&self, _number: u32, _event: &str, _patient: Option<PatientKey>, _at: Instant) {}
}

/// No trace.
impl Trace for () {
    const WANTED: bool = false;

    #[inline]
    fn record(&self, _: &Fact) {}
}

impl<T: Trace> Trace for &T {
    const WANTED: bool = T::WANTED;

    fn record(&self, fact: &Fact) {
        (**self).record(fact);
    }

    fn refused(&self, asked: Asked<'_>, refusal: &Refusal, at: Instant) {
        (**self).refused(asked, refusal, at);
    }

    fn unnamed(&self, claim: &Unnamed<'_>, at: Instant) {
        (**self).unnamed(claim, at);
    }

    fn repeated(&self, settle: &Settle, settled: &Settled, at: Instant) {
        (**self).repeated(settle, settled, at);
    }

    fn ticket(&self, ticket: &Ticket, at: Instant) {
        (**self).ticket(ticket, at);
    }

    fn ticket_refused(&self, ticket: &Ticket, code: Code, at: Instant) {
        (**self).ticket_refused(ticket, code, at);
    }

    fn published(&self, sessions: &[Publication<'_>], at: Instant) {
        (**self).published(sessions, at);
    }

    fn retired(&self, sessions: &[SessionId], at: Instant) {
        (**self).retired(sessions, at);
    }

    fn administered(&self, word: &str, command: &str, at: Instant) {
        (**self).administered(word, command, at);
    }

    fn resized(&self, resized: &Resized, tree: &PoolTree, at: Instant) {
        (**self).resized(resized, tree, at);
    }

    fn day(&self, number: u32, event: &str, patient: Option<PatientKey>, at: Instant) {
        (**self).day(number, event, patient, at);
    }
}

impl<T: Trace> Trace for std::sync::Arc<T> {
    const WANTED: bool = T::WANTED;

    fn record(&self, fact: &Fact) {
        (**self).record(fact);
    }

    fn refused(&self, asked: Asked<'_>, refusal: &Refusal, at: Instant) {
        (**self).refused(asked, refusal, at);
    }

    fn unnamed(&self, claim: &Unnamed<'_>, at: Instant) {
        (**self).unnamed(claim, at);
    }

    fn repeated(&self, settle: &Settle, settled: &Settled, at: Instant) {
        (**self).repeated(settle, settled, at);
    }

    fn ticket(&self, ticket: &Ticket, at: Instant) {
        (**self).ticket(ticket, at);
    }

    fn ticket_refused(&self, ticket: &Ticket, code: Code, at: Instant) {
        (**self).ticket_refused(ticket, code, at);
    }

    fn published(&self, sessions: &[Publication<'_>], at: Instant) {
        (**self).published(sessions, at);
    }

    fn retired(&self, sessions: &[SessionId], at: Instant) {
        (**self).retired(sessions, at);
    }

    fn administered(&self, word: &str, command: &str, at: Instant) {
        (**self).administered(word, command, at);
    }

    fn resized(&self, resized: &Resized, tree: &PoolTree, at: Instant) {
        (**self).resized(resized, tree, at);
    }

    fn day(&self, number: u32, event: &str, patient: Option<PatientKey>, at: Instant) {
        (**self).day(number, event, patient, at);
    }
}

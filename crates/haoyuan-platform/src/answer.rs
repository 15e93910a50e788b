//! The answers: one JSON object per command.
//!
//! | `outcome` | means | further keys |
//! |---|---|---|
//! | `granted` | `hold` or `book` has given a seat | [`Granted`] |
//! | `refused` | the rules say no: a normal answer, and it has left no trace in the state | [`Refused`] |
//! | `done` | any other command was carried out | [`Done`], by `command` |
//! | `error` | the line is not a command, or names what does not exist or does not fit; it had no effect | [`Malformed`] |
//!
//! Instants are RFC 3339 at +08:00, days `YYYY-MM-DD`, bookings 16 hexadecimal digits.

pub use crate::day::state::News;

use crate::day::state::Fate;
use crate::feed::{FeedText, Schedule};
use crate::malformed::Malformed;
use crate::text;
use haoyuan_core::ids::{BookingId, Interval, PatientKey, RoomId, TicketId};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::refusal::{Code, Refusal, Retry};
use haoyuan_core::terms::{Channel, Class, Grade, Kind};
use serde::{Serialize, Serializer};
use std::sync::Arc;

/// What a command is told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Answer {
    /// A seat was given.
    Granted(Granted),
    /// The rules say no.
    Refused(Refused),
    /// The command was carried out.
    Done(Done),
    /// It is not a command that could be carried out; nothing has changed.
    Error(Malformed),
}

impl Answer {
    /// The answer as one line of JSON, without a line break.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every key is a string and every value a plain one, so that writing JSON cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The same with the number of the line that it answers, as first key.
    #[must_use]
    pub fn to_json_at(&self, line: u64) -> String {
        let json = self.to_json();
        format!("{{\"line\":{line},{}", json.strip_prefix('{').unwrap_or_default())
    }
}

/// `granted`: what the patient has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Granted {
    /// `hold`, `book` or `extra_seat`.
    pub command: &'static str,
    /// The hold or booking, to confirm or cancel it.
    #[serde(with = "text::required")]
    pub booking: BookingId,
    /// Where: the institution's code.
    pub institution: Arc<str>,
    /// The session's code.
    pub session: Arc<str>,
    /// The slot, counted from 0.
    pub slot: u16,
    /// The number (号序) in the session, counted from 1.
    pub number: u16,
    /// The suggested time of arrival, and the end of the slot.
    pub time: Time,
    /// Held or booked.
    pub standing: Standing,
    /// When the hold ends: exclusive, at this instant it is dead.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub expires: Option<Instant>,
    /// The block that decided.
    pub block: u32,
    /// The place of the grant in the block's gap-free history.
    pub sequence: u32,
    /// The pool that admitted it.
    pub pool: String,
    /// Whether the seat is one of the public and not of a reserve.
    pub spill: bool,
}

/// Whether a seat still has to be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    /// To be confirmed before it expires.
    Held,
    /// Booked.
    Booked,
}

/// From–to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Time {
    /// The first instant inside.
    #[serde(with = "text::required")]
    pub from: Instant,
    /// The first instant after.
    #[serde(with = "text::required")]
    pub to: Instant,
}

impl From<Interval> for Time {
    fn from(interval: Interval) -> Self {
        Self { from: interval.from, to: interval.to }
    }
}

/// `refused`: why not, and whether asking again can help.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// The command that was refused.
    pub command: &'static str,
    /// The rest.
    #[serde(flatten)]
    pub reason: Reason,
}

/// A refusal in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// The stable code.
    pub code: Code,
    /// The code's number, as in C.
    pub number: u16,
    /// The constraint that decided.
    pub binding: Binding,
    /// Whether the same request may succeed later without being changed.
    pub transient: bool,
    /// Whether, and from when, to ask again.
    pub retry: Again,
    /// What to tell the patient.
    pub message: Message,
}

impl Reason {
    /// The words of a refusal; `pool` is the name of the node that binds, where one does.
    pub(crate) fn new(refusal: &Refusal, binding: Binding) -> Self {
        let code = refusal.code;
        let from = match refusal.retry {
            Retry::From(from) => Some(from),
            _ => None,
        };
        Self {
            code,
            number: code.number(),
            binding,
            transient: code.is_transient(),
            retry: Again { when: refusal.retry.text(), from },
            message: Message { en: code.en(), zh: code.zh() },
        }
    }
}

/// The constraint that decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Binding {
    /// The code says it all.
    None,
    /// A pool: its guarantee, cap or opening time. The root `ROOT` is all seats.
    Pool {
        /// Its name, as in the policy.
        pool: String,
    },
    /// Another live booking of the same patient.
    Booking {
        /// Which.
        #[serde(with = "text::required")]
        booking: BookingId,
    },
    /// A count was reached.
    Limit {
        /// The most that is allowed.
        limit: u32,
    },
}

/// Whether, and from when, to ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Again {
    /// `never`, `now`, `from` (see there) or `when_returned` (when somebody gives a seat back).
    pub when: &'static str,
    /// From when the named constraint no longer binds.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub from: Option<Instant>,
}

/// User text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// English.
    pub en: &'static str,
    /// Chinese.
    pub zh: &'static str,
}

/// `done`: what came of a command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Done {
    /// The sizes in force.
    Open {
        /// They.
        limits: Sizes,
    },
    /// What the directory now has.
    Directory {
        /// Institutions.
        institutions: usize,
        /// Alliances.
        alliances: usize,
        /// Departments of all institutions.
        departments: usize,
        /// Practitioners.
        practitioners: usize,
    },
    /// The policy in force.
    Policy {
        /// For this institution; absent for all that have none of their own.
        #[serde(skip_serializing_if = "Option::is_none")]
        institution: Option<String>,
        /// Its name.
        policy: String,
    },
    /// The session was published.
    Publish(Published),
    /// All sessions of the roster were published.
    Roster {
        /// How many.
        sessions: usize,
        /// Their seats.
        seats: u32,
    },
    /// The ticket was registered.
    Ticket {
        /// Its number.
        #[serde(with = "text::required")]
        ticket: TicketId,
        /// From then on it is void.
        #[serde(with = "text::required")]
        expires: Instant,
    },
    /// What the decision would say.
    Availability {
        /// Seats this class could be granted one after another, now.
        free: u8,
        /// Seats of the block.
        capacity: u8,
        /// Live seats of the block.
        live: u8,
        /// Why not, if `free` is 0.
        #[serde(skip_serializing_if = "Option::is_none")]
        refusal: Option<Reason>,
    },
    /// The hold is a booking.
    Confirm(Settled),
    /// The seat went back.
    Cancel(Settled),
    /// Holds that were due are swept.
    Tick {
        /// How many.
        swept: u64,
    },
    /// Slots that the decision would grant.
    Search {
        /// In the order asked for.
        found: Vec<Found>,
    },
    /// The day's visits.
    Load {
        /// By time.
        slots: Vec<SlotLoad>,
    },
    /// Sessions and slots for a class.
    Schedule(Schedule),
    /// The public feed.
    Feed {
        /// It.
        feed: Box<FeedText>,
    },
    /// The patient's live holds and bookings.
    Bookings {
        /// They.
        bookings: Vec<Live>,
    },
    /// A session.
    Session(Box<Described>),
    /// The entry, and the offer if there was a seat at once.
    WaitlistJoin(Waiting),
    /// The entry is closed.
    WaitlistLeave {
        /// Which.
        entry: u32,
    },
    /// The offer goes to the next.
    WaitlistDecline {
        /// Whether the entry is closed, because it was the second offer.
        dropped: bool,
        /// The entry, if it is still there.
        #[serde(skip_serializing_if = "Option::is_none")]
        entry: Option<Waiting>,
    },
    /// Who waits.
    Waitlist {
        /// In the order in which they are served.
        entries: Vec<Waiting>,
    },
    /// The clinic is stopped.
    Stop {
        /// The number of the stop, to rebook or resume.
        stop: u32,
        /// How many bookings it took from their patients, altogether.
        displaced: u32,
        /// How many unpaid holds are void, altogether.
        voided: u32,
        /// How many entries of waitlists are closed, altogether.
        cleared: u32,
        /// Whether this command did anything; `false` if it was carried out before.
        changed: bool,
    },
    /// It can be booked again.
    Resume {
        /// Which stop.
        stop: u32,
        /// Whether this command did anything.
        changed: bool,
    },
    /// What became of the displaced.
    Rebook(Rebooked),
    /// What became of the displaced.
    Move(Rebooked),
    /// Another practitioner has the session.
    Substitute {
        /// Its code.
        session: Arc<str>,
        /// Whether this command did anything.
        changed: bool,
        /// How many patients are to be told.
        told: u32,
    },
    /// The session has more seats.
    AddSeats(Seats),
    /// The session has fewer seats.
    ReduceSeats(Seats),
    /// The patient stands in the line.
    CheckIn(Queued),
    /// Who is called.
    CallNext(Called),
    /// Who was called stands in the line again, or not.
    Pass(Queued),
    /// The patient is with the doctor.
    Enter {
        /// Whose visit.
        visit: u32,
    },
    /// The visit has taken place.
    Finish {
        /// Whose visit.
        visit: u32,
    },
    /// The session is over.
    NoShow {
        /// Its code.
        session: Arc<str>,
        /// How many did not come, of those whom this command found.
        no_shows: u32,
    },
    /// The visit ended otherwise.
    Correct {
        /// Whose visit.
        visit: u32,
        /// Whether anything changed.
        changed: bool,
        /// Until when online booking is suspended now.
        #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
        until: Option<Instant>,
    },
    /// The keys are one person.
    MergeIdentities {
        /// Whether their bookings together break a rule.
        breach: bool,
        /// How many bookings the person has under all keys; all of them stay.
        bookings: usize,
    },
    /// What the host has to tell.
    Notices {
        /// By number.
        notices: Vec<Notice>,
        /// The number to go on from.
        last: u32,
        /// Whether there are more.
        more: bool,
    },
    /// It is forgotten.
    Retire {
        /// How many notices.
        notices: usize,
        /// How many visits.
        visits: usize,
        /// How many sessions.
        sessions: usize,
    },
    /// The recount.
    Audit {
        /// Whether every count is right.
        sound: bool,
        /// What was counted, if it is.
        #[serde(skip_serializing_if = "Option::is_none")]
        counted: Option<Counted>,
        /// What is wrong otherwise, in words for the log.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        broken: Vec<String>,
        /// The same in Chinese.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        broken_zh: Vec<String>,
    },
    /// The state hash.
    StateHash {
        /// 64 hexadecimal digits: BLAKE3 over the canonical state.
        hash: String,
    },
}

/// The sizes of an engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Sizes {
    /// Blocks.
    pub blocks: u32,
    /// Seats.
    pub seats: u32,
    /// Sessions.
    pub sessions: u32,
    /// Different pool trees.
    pub shapes: u32,
    /// Patients.
    pub patients: u32,
    /// Entries of patients.
    pub entries: u32,
}

/// A published session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Published {
    /// Its code.
    pub session: String,
    /// Its slots.
    pub slots: usize,
    /// Its seats.
    pub seats: u32,
    /// The seats that each pool guarantees before the first fence, over all slots; pools without a minimum are left out.
    #[serde(serialize_with = "as_map")]
    pub reserved: Vec<(String, u32)>,
}

/// What became of a hold or booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Settled {
    /// Which.
    #[serde(with = "text::required")]
    pub booking: BookingId,
    /// Its block.
    pub block: u32,
    /// The place of the change in the block's history.
    pub sequence: u32,
    /// Whether this command changed anything; `false` if it was confirmed before.
    pub changed: bool,
}

/// A slot that the decision would grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Found {
    /// The institution's code.
    pub institution: Arc<str>,
    /// The session's code.
    pub session: Arc<str>,
    /// The slot, counted from 0.
    pub slot: u16,
    /// Its time.
    pub time: Time,
    /// Seats this class could get.
    pub free: u8,
    /// Live seats of the block.
    pub live: u8,
    /// Seats of the block.
    pub capacity: u8,
}

/// How full one slot of the day is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct SlotLoad {
    /// The time.
    pub time: Time,
    /// Seats over all sessions of that time.
    pub capacity: u32,
    /// Live ones.
    pub live: u32,
}

/// A live hold or booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Live {
    /// Its number.
    #[serde(with = "text::required")]
    pub booking: BookingId,
    /// The institution's code.
    pub institution: Arc<str>,
    /// The session's code.
    pub session: Arc<str>,
    /// The slot, counted from 0.
    pub slot: u16,
    /// The number in the session, counted from 1.
    pub number: u16,
    /// Its time.
    pub time: Time,
    /// Held or booked.
    pub standing: Standing,
    /// When the hold ends.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub expires: Option<Instant>,
    /// By what right it was granted.
    #[serde(with = "text::required")]
    pub class: Class,
    /// Through which channel it was granted.
    #[serde(with = "text::required")]
    pub channel: Channel,
}

/// An entry of a waitlist.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Waiting {
    /// Its number.
    pub entry: u32,
    /// Whose.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub patient: Option<PatientKey>,
    /// By what right.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub class: Option<Class>,
    /// Since when.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub joined: Option<Instant>,
    /// The seat that is held for the patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offer: Option<Offered>,
    /// How many offers were not taken.
    pub passes: u8,
    /// Why it could not have the last seat that came free.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skipped: Option<Code>,
}

/// A seat held for somebody who waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Offered {
    /// The hold, to confirm it.
    #[serde(with = "text::required")]
    pub booking: BookingId,
    /// The session's code.
    pub session: Arc<str>,
    /// The slot, counted from 0.
    pub slot: u16,
    /// When the hold ends.
    #[serde(with = "text::required")]
    pub expires: Instant,
}

/// What became of those whom a stop displaced: the sums over all of them, and those that this command looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Rebooked {
    /// Which stop.
    pub stop: u32,
    /// Who has another booking.
    pub moved: u32,
    /// Who has to say yes to one.
    pub offered: u32,
    /// Who has a ticket.
    pub tickets: u32,
    /// Who has nothing yet.
    pub unplaced: u32,
    /// In the order in which they were placed.
    pub placed: Vec<Placed>,
}

/// What became of one displaced booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Placed {
    /// The booking that was lost.
    #[serde(with = "text::required")]
    pub from: BookingId,
    /// Whose; of a person with several keys the one that books.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
    /// `moved`, `offered`, `ticket` or `unplaced`.
    pub fate: &'static str,
    /// The new booking, or the hold that waits for a yes.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub to: Option<BookingId>,
    /// Its session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Arc<str>>,
    /// Its slot, counted from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<u16>,
    /// The ticket.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// Until when the offer or the ticket is valid.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
}

impl Placed {
    pub(crate) fn new(
        from: BookingId,
        patient: PatientKey,
        fate: Fate,
        place: impl Fn(BookingId) -> Option<(Arc<str>, u16)>,
    ) -> Self {
        let (word, to, ticket, until) = match fate {
            Fate::Open => ("unplaced", None, None, None),
            Fate::Moved(to) => ("moved", Some(to), None, None),
            Fate::Offered(to, until) => ("offered", Some(to), None, Some(until)),
            Fate::Ticket(ticket, until) => ("ticket", None, Some(ticket), Some(until)),
        };
        let (session, slot) = to.and_then(place).unzip();
        Self { from, patient, fate: word, to, session, slot, ticket, until }
    }
}

/// Somebody in a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Queued {
    /// The visit, for whatever follows.
    pub visit: u32,
    /// How many wait to be called.
    pub waiting: u32,
    /// Until the call, estimated; absent for somebody who does not wait.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minutes: Option<i64>,
}

/// Somebody who is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Called {
    /// Whose visit.
    pub visit: u32,
    /// Who.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
    /// The booking; a walk-in has none.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub booking: Option<BookingId>,
    /// Into which room.
    pub room: RoomId,
}

/// The seats of a session, those of the green channel beside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seats {
    /// Its code.
    pub session: Arc<str>,
    /// Seats, extra ones included.
    pub seats: u16,
    /// Live ones.
    pub live: u16,
    /// How many of the seats are extra ones.
    pub extra: u16,
    /// Seats of the green channel over and above.
    pub green: u16,
}

/// Something to tell a patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Its number, for ever the same: counted from 1.
    pub number: u32,
    /// What it is about.
    pub news: News,
    /// In words.
    pub message: Message,
    /// Whom to tell.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
    /// When it happened.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The session's code.
    pub session: Arc<str>,
    /// The slot, counted from 0.
    pub slot: u16,
    /// The booking.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub booking: Option<BookingId>,
    /// The entry of the waitlist.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<u32>,
    /// The ticket.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// Until when an answer is expected.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub until: Option<Instant>,
}

/// What an audit counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Counted {
    /// Blocks.
    pub blocks: u64,
    /// Their seats.
    pub seats: u64,
    /// Held ones, due or not.
    pub held: u64,
    /// Booked ones.
    pub booked: u64,
    /// Accepted transitions so far.
    pub transitions: u64,
}

impl From<haoyuan_engine::Audit> for Counted {
    fn from(audit: haoyuan_engine::Audit) -> Self {
        Self {
            blocks: audit.blocks,
            seats: audit.seats,
            held: audit.held,
            booked: audit.booked,
            transitions: audit.transitions,
        }
    }
}

/// A session and its pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Described {
    /// Its code.
    pub session: Arc<str>,
    /// The institution's code.
    pub institution: Arc<str>,
    /// The department's code.
    pub department: Arc<str>,
    /// The practitioner's code.
    pub practitioner: Arc<str>,
    /// The grade.
    #[serde(with = "text::required")]
    pub grade: Grade,
    /// The kind.
    #[serde(with = "text::required")]
    pub kind: Kind,
    /// The day it counts for.
    #[serde(with = "text::required")]
    pub day: Day,
    /// From–to.
    pub time: Time,
    /// When it was published.
    #[serde(with = "text::required")]
    pub published: Instant,
    /// Seats of the session.
    pub seats: u32,
    /// What decides: `slot` if each slot is a block, `session` if the whole session is one.
    pub block: &'static str,
    /// The slots, in order.
    pub slots: Vec<DescribedSlot>,
}

/// A slot and its pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DescribedSlot {
    /// Counted from 0.
    pub slot: u16,
    /// Its time.
    pub time: Time,
    /// Seats of the block.
    pub capacity: u8,
    /// The pools that have a minimum, a cap or a time of opening or closing, in order of precedence.
    pub pools: Vec<DescribedPool>,
}

/// A pool of a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DescribedPool {
    /// Its name.
    pub pool: String,
    /// Its guaranteed minimum at this instant.
    pub guarantee: u8,
    /// Its cap.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<u8>,
    /// From when it accepts, inclusive; absent if always.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub opens: Option<Instant>,
    /// From when it no longer accepts; absent if never.
    #[serde(with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub closes: Option<Instant>,
}

fn as_map<S: Serializer>(pairs: &[(String, u32)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, seats)| (name, seats)))
}

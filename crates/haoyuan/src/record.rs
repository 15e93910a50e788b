//! What a journal entry says: every decision, refusal and act of administration as bytes, and back.
//!
//! INVARIANT (one spelling): decoding accepts exactly what encoding produces; whatever else is there gets a named reason.
//! Nothing here panics, whatever the bytes.
//!
//! Decisions are packed by hand, because there are very many of them.
#![doc = include_str!("../DESIGN.md")]

use haoyuan_core::ids::{
    BlockId, BookingId, DepartmentId, IdempotencyKey, InstitutionId, NodeIndex, PatientKey, SeatIndex,
    Sequence, SessionId, SlotIndex, SlotRef, TicketId,
};
use haoyuan_core::instant::Instant;
use haoyuan_core::pool::PoolTree;
use haoyuan_core::refusal::{Binding, Code, Refusal, Retry};
use haoyuan_core::request::{Settle, Settled, Ticket, Wish};
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_engine::{Change, Command, Fact, Unnamed};
use haoyuan_journal::{Entry, EntryRef, INLINE_MAX, Payload, Place};
use haoyuan_platform::CODE_BYTES_MAX;
use haoyuan_platform::actor::{Actor, ActorId, Role};
use std::fmt;
use std::num::NonZeroU16;

/// The layout that this program writes, and the only one that there is so far.
pub const LAYOUT: u8 = 1;

/// The kinds of entries: what [`EntryRef::kind`] says.
pub mod kind {
    /// A seat was held, booked, confirmed, cancelled or withdrawn.
    pub const TRANSITION: u8 = 1;
    /// A hold was found to be dead.
    pub const EXPIRY: u8 = 2;
    /// A command was refused.
    pub const REFUSAL: u8 = 3;
    /// How many commands of a kind were refused in a minute.
    pub const REFUSED_COUNT: u8 = 4;
    /// A keyed confirmation found its booking confirmed.
    pub const REPEATED: u8 = 5;
    /// A ticket was registered.
    pub const TICKET: u8 = 6;
    /// An answer was given that had been given before.
    pub const AGAIN: u8 = 7;
    /// A fence was passed.
    pub const FENCE: u8 = 8;
    /// Part of: a session was published.
    pub const PUBLISHED: u8 = 9;
    /// Part of: names, policies or sizes were changed.
    pub const ADMINISTERED: u8 = 10;
    /// Part of: something happened in the hospital's day.
    pub const DAY: u8 = 11;
    /// The usable seats of a block changed.
    pub const RESIZED: u8 = 12;

    /// A session that is over was retired.
    pub const RETIRED: u8 = 13;

    /// The words of the kinds, by number from 1.
    pub const WORDS: [&str; 13] = [
        "transition",
        "expiry",
        "refusal",
        "refused_count",
        "repeated",
        "ticket",
        "again",
        "fence",
        "published",
        "administered",
        "day",
        "resized",
        "retired",
    ];
}

/// Why bytes are not a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordError {
    /// The kind of the entry.
    pub kind: u8,
    /// Where in the payload.
    pub offset: usize,
    /// What is wrong there.
    pub reason: &'static str,
}

impl Speak for RecordError {
    fn said(&self) -> Said {
        let Self { kind, offset, reason } = *self;
        let reason = Said { en: reason.to_owned(), zh: crate::reasons::zh(reason).to_owned() };
        said!(
            "a record of kind {kind} is wrong at byte {offset}: {reason}",
            "种类 {kind} 的记录在第 {offset} 字节处有误:{reason}",
            kind,
            offset,
            reason
        )
    }
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for RecordError {}

/// An accepted transition with who caused it. The slot is not written: the block says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What happened.
    pub change: Change,
    /// The place in the block's history.
    pub sequence: Sequence,
    /// The instant that the request carried.
    pub at: Instant,
    /// The hold or booking.
    pub booking: BookingId,
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
    /// The ticket that was shown.
    pub ticket: Option<TicketId>,
    /// The idempotency key of the command.
    pub key: Option<IdempotencyKey>,
    /// Who gave the command, and why; for an expiry nobody did.
    pub actor: Actor,
}

impl Transition {
    /// The transition of a fact, caused by `actor`; an expiry is caused by time alone.
    #[must_use]
    pub fn new(fact: &Fact, actor: Actor) -> Self {
        let actor = if fact.change == Change::Expired { Actor::SYSTEM } else { actor };
        Self {
            change: fact.change,
            sequence: fact.sequence,
            at: fact.at,
            booking: fact.booking,
            patient: fact.patient,
            class: fact.class,
            channel: fact.channel,
            node: fact.node,
            spill: fact.spill,
            expires: fact.expires,
            ticket: fact.ticket,
            key: fact.key,
            actor,
        }
    }

    /// The fact again, with the slot that its block says.
    #[must_use]
    pub fn fact(&self, slot: SlotRef) -> Fact {
        Fact {
            change: self.change,
            sequence: self.sequence,
            at: self.at,
            booking: self.booking,
            slot,
            patient: self.patient,
            class: self.class,
            channel: self.channel,
            node: self.node,
            spill: self.spill,
            expires: self.expires,
            ticket: self.ticket,
            key: self.key,
        }
    }
}

/// Part of something that may be too long for one entry. Parts of one batch follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Which batch: counted from 0 since the journal was opened.
    pub batch: u32,
    /// Which part of it, from 0.
    pub part: u16,
    /// How many parts it has.
    pub parts: u16,
    /// The bytes.
    pub bytes: &'a [u8],
}

/// The block in whose order the events of the hospital's day stand; no published block has this number.
pub const DAY_BLOCK: u32 = u32::MAX;

/// Part of an event of the hospital's day. Each part has the next place of [`DAY_BLOCK`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DayPart<'a> {
    /// The place among all parts of the day, from 1.
    pub sequence: u32,
    /// Whom the event concerns, if it is one patient.
    pub patient: Option<PatientKey>,
    /// When.
    pub at: Instant,
    /// Who gave the command.
    pub actor: Actor,
    /// The number of the event (as `batch`), which part, and of the event as JSON these bytes.
    pub part: Part<'a>,
}

/// A change of the usable seats of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resizing<'a> {
    /// The block.
    pub block: BlockId,
    /// The place in its history.
    pub sequence: Sequence,
    /// When.
    pub at: Instant,
    /// Who gave the command, and why.
    pub actor: Actor,
    /// The block's pool tree from then on, as postcard: what [`Resizing::pack`] makes.
    pub packed: &'a [u8],
}

impl Resizing<'_> {
    /// A pool tree as it is written. A tree has at most 16 pools, and is far shorter than an entry can be.
    #[must_use]
    pub fn pack(tree: &PoolTree) -> Vec<u8> {
        postcard::to_allocvec(tree).unwrap_or_default()
    }

    /// The pool tree.
    ///
    /// # Errors
    /// [`RecordError`]; never for a record that was decoded.
    pub fn tree(&self) -> Result<PoolTree, RecordError> {
        let wrong = |reason| RecordError { kind: kind::RESIZED, offset: 0, reason };
        let (tree, rest) = postcard::take_from_bytes::<PoolTree>(self.packed)
            .map_err(|_| wrong("the pool tree is not understood"))?;
        // One spelling: a number that postcard would take in more bytes than needed is not one that was written here.
        if !rest.is_empty() || Self::pack(&tree) != self.packed {
            return Err(wrong("the pool tree is not written as it should be"));
        }
        Ok(tree)
    }
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record<'a> {
    /// An accepted transition.
    Transition(Transition),
    /// A command was refused.
    Refusal {
        /// The command.
        command: Command,
        /// The answer.
        refusal: Refusal,
        /// When.
        at: Instant,
        /// Who gave the command.
        actor: Actor,
    },
    /// A claim was refused because it names no session or no slot; of its session's name only what [`traceable`] leaves.
    Unnamed {
        /// The claim.
        claim: Unnamed<'a>,
        /// When.
        at: Instant,
        /// Who made it.
        actor: Actor,
    },
    /// How many commands were refused in a minute with this code.
    RefusedCount {
        /// Minutes since 1970-01-01T00:00:00Z.
        minute: u32,
        /// The code.
        code: Code,
        /// By what right and through which channel; `None` for confirmations and cancellations.
        asked: Option<(Class, Channel)>,
        /// How many.
        count: u32,
    },
    /// A keyed confirmation found its booking confirmed.
    Repeated {
        /// The command.
        settle: Settle,
        /// The answer.
        settled: Settled,
        /// When.
        at: Instant,
        /// Who gave the command.
        actor: Actor,
    },
    /// A ticket was registered.
    Ticket {
        /// The ticket.
        ticket: Ticket,
        /// When.
        at: Instant,
        /// Who registered it.
        actor: Actor,
    },
    /// A ticket was not registered.
    TicketRefused {
        /// The ticket.
        ticket: Ticket,
        /// Why.
        code: Code,
        /// When.
        at: Instant,
        /// Who wanted to register it.
        actor: Actor,
    },
    /// An answer was given that had been given before: nothing changed.
    Again {
        /// To whom.
        patient: PatientKey,
        /// About which booking.
        booking: BookingId,
        /// When.
        at: Instant,
        /// Who gave the command.
        actor: Actor,
    },
    /// A fence was passed: a guaranteed minimum fell.
    Fence {
        /// The session.
        session: SessionId,
        /// The pool.
        node: NodeIndex,
        /// The instant of the fence.
        at: Instant,
        /// By how many seats the minimum fell, over all blocks of the session.
        seats: u32,
    },
    /// A session that is over left the state.
    Retired {
        /// The session.
        session: SessionId,
        /// When.
        at: Instant,
        /// Who gave the command.
        actor: Actor,
    },
    /// Part of a published session; see [`Published`](crate::state::Published).
    Published(Part<'a>),
    /// Part of an act of administration; see [`Administered`].
    Administered(Part<'a>),
    /// Part of an event of the hospital's day.
    Day(DayPart<'a>),
    /// The usable seats of a block changed.
    Resized(Resizing<'a>),
}

/// An act of administration: a command of the JSON language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Administered {
    /// When.
    pub at: Instant,
    /// Who gave the command.
    pub actor: Actor,
    /// The command, as JSON.
    pub command: String,
}

impl Administered {
    /// The bytes that are cut into parts.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut front = Writer::new();
        front.byte(LAYOUT);
        front.instant(self.at);
        front.actor(&self.actor);
        [front.bytes(), self.command.as_bytes()].concat()
    }

    /// What the parts say together.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader { kind: kind::ADMINISTERED, all: bytes, at: 0 };
        reader.layout()?;
        let (at, actor) = (reader.instant()?, reader.actor()?);
        let command = std::str::from_utf8(&bytes[reader.at..]).map_err(|error| RecordError {
            offset: reader.at + error.valid_up_to(),
            ..reader.error("no UTF-8")
        })?;
        Ok(Self { at, actor, command: command.to_owned() })
    }
}

/// How many bytes of a part fit into one entry beside its front.
pub(crate) const PART_MAX: usize = haoyuan_journal::PAYLOAD_MAX - PART_FRONT;
const PART_FRONT: usize = 1 + 4 + 2 + 2;
/// The same for a part of the day: the instant and the actor stand before it.
pub(crate) const DAY_PART_MAX: usize = PART_MAX - 6 - 19;

// ---- flags

const SPILL: u8 = 1 << 3;
const TICKET: u8 = 1 << 4;
const KEY: u8 = 1 << 5;
const OWN_GRANT: u8 = 1 << 6;
const ACTOR: u8 = 1 << 7;
const REFUSED_KEY: u8 = 1 << 6;
const TICKET_REFUSED: u8 = 1 << 3;
const ACTOR_ID: u8 = 1 << 5;
const ACTOR_CONTACT: u8 = 1 << 6;
const ACTOR_REASON: u8 = 1 << 7;

const fn change_number(change: Change) -> u8 {
    match change {
        Change::Held => 0,
        Change::Booked => 1,
        Change::Confirmed => 2,
        Change::Cancelled => 3,
        Change::Expired => 4,
        Change::Withdrawn => 5,
    }
}

const fn change_of(number: u8) -> Option<Change> {
    match number {
        0 => Some(Change::Held),
        1 => Some(Change::Booked),
        2 => Some(Change::Confirmed),
        3 => Some(Change::Cancelled),
        4 => Some(Change::Expired),
        5 => Some(Change::Withdrawn),
        _ => None,
    }
}

impl Record<'_> {
    /// The record as an entry of the journal.
    ///
    /// # Panics
    /// Never: what is longer than an entry was cut into parts, which are cut here to what fits.
    #[must_use]
    pub fn to_entry(&self) -> Entry {
        let mut w = Writer::new();
        w.byte(LAYOUT);
        let (place, patient, kind) = match self {
            Self::Transition(transition) => return transition_entry(transition),
            Self::Refusal { command, refusal, at, actor } => {
                write_refusal(&mut w, command, refusal, *at, actor);
                (None, Some(patient_of(command)), kind::REFUSAL)
            }
            Self::Unnamed { claim, at, actor } => return unnamed_entry(claim, *at, actor),
            Self::RefusedCount { minute, code, asked, count } => {
                w.put(&minute.to_le_bytes());
                w.put(&code.number().to_le_bytes());
                w.byte(asked.map_or(NOT_ASKED, |(class, channel)| class.number() | channel.number() << 3));
                w.varint(u64::from(*count));
                (None, None, kind::REFUSED_COUNT)
            }
            Self::Repeated { settle, settled, at, actor } => {
                w.byte(
                    u8::from(settled.changed)
                        | if settle.key.is_some() { KEY } else { 0 }
                        | if actor.is_patient() { 0 } else { ACTOR },
                );
                w.instant(*at);
                w.put(&settled.booking.get().to_le_bytes());
                w.put(&settled.sequence.0.to_le_bytes());
                w.optional(settle.key.map(IdempotencyKey::get));
                w.actor_unless_patient(actor);
                (None, Some(settle.patient), kind::REPEATED)
            }
            Self::Ticket { ticket, at, actor } | Self::TicketRefused { ticket, at, actor, .. } => {
                let refused =
                    if let Self::TicketRefused { code, .. } = self { Some(code.number()) } else { None };
                w.byte(
                    ticket.class.number()
                        | if refused.is_some() { TICKET_REFUSED } else { 0 }
                        | if ticket.department.is_some() { KEY } else { 0 }
                        | if actor.is_patient() { 0 } else { ACTOR },
                );
                w.instant(*at);
                w.instant(ticket.expires);
                w.put(&ticket.institution.get().to_le_bytes());
                if let Some(department) = ticket.department {
                    w.put(&department.get().to_le_bytes()[..3]);
                }
                w.put(&ticket.id.get().to_le_bytes());
                if let Some(code) = refused {
                    w.put(&code.to_le_bytes());
                }
                w.actor_unless_patient(actor);
                (None, Some(ticket.patient), kind::TICKET)
            }
            Self::Again { patient, booking, at, actor } => {
                w.byte(if actor.is_patient() { 0 } else { ACTOR });
                w.instant(*at);
                w.put(&booking.get().to_le_bytes());
                w.actor_unless_patient(actor);
                (None, Some(*patient), kind::AGAIN)
            }
            Self::Fence { session, node, at, seats } => {
                w.byte(node.get());
                w.put(&session.get().to_le_bytes()[..3]);
                w.instant(*at);
                w.varint(u64::from(*seats));
                (None, None, kind::FENCE)
            }
            Self::Retired { session, at, actor } => {
                w.put(&session.get().to_le_bytes()[..3]);
                w.instant(*at);
                w.actor(actor);
                (None, None, kind::RETIRED)
            }
            Self::Published(part) => return part_entry(kind::PUBLISHED, part),
            Self::Administered(part) => return part_entry(kind::ADMINISTERED, part),
            Self::Day(day) => return day_entry(day),
            Self::Resized(resizing) => return resized_entry(resizing),
        };
        Entry { place, patient: patient.map(PatientKey::get), kind, payload: w.payload() }
    }
}

/// The entry of a transition: on the way of every decision, and therefore without a detour.
#[must_use]
pub(crate) fn transition_entry(t: &Transition) -> Entry {
    let mut w = Writer::new();
    let expiry = t.change == Change::Expired;
    let own_grant = t.booking.sequence() == t.sequence;
    let has_actor = !expiry && !t.actor.is_patient();
    w.byte(LAYOUT);
    w.byte(
        change_number(t.change)
            | if t.spill { SPILL } else { 0 }
            | if t.ticket.is_some() { TICKET } else { 0 }
            | if t.key.is_some() { KEY } else { 0 }
            | if own_grant { OWN_GRANT } else { 0 }
            | if has_actor { ACTOR } else { 0 },
    );
    let asked =
        u16::from(t.class.number()) | u16::from(t.channel.number()) << 3 | u16::from(t.node.get()) << 6;
    w.put(&asked.to_le_bytes());
    w.byte(t.booking.seat().get());
    w.instant(t.at);
    w.varint(zigzag(t.expires.ms() - t.at.ms()));
    if !own_grant {
        w.put(&t.booking.sequence().0.to_le_bytes());
    }
    w.optional(t.ticket.map(TicketId::get));
    w.optional(t.key.map(IdempotencyKey::get));
    if has_actor {
        w.actor(&t.actor);
    }
    let place = Some(Place { block: t.booking.block().get(), sequence: t.sequence.0 });
    if expiry {
        // Whoever sweeps a dead hold stands behind no gate of its owner: the record keeps its block's order and not its
        // owner's, or the two orders could wait for each other. The owner is therefore part of the payload.
        w.put(&t.patient.get().to_le_bytes());
        return Entry { place, patient: None, kind: kind::EXPIRY, payload: w.payload() };
    }
    Entry { place, patient: Some(t.patient.get()), kind: kind::TRANSITION, payload: w.payload() }
}

fn part_entry(kind: u8, part: &Part<'_>) -> Entry {
    let mut front = Writer::new();
    front.byte(LAYOUT);
    front.put(&part.batch.to_le_bytes());
    front.put(&part.part.to_le_bytes());
    front.put(&part.parts.to_le_bytes());
    let bytes = [front.bytes(), &part.bytes[..part.bytes.len().min(PART_MAX)]].concat();
    let payload = Payload::new(&bytes).expect("a part is cut to what fits");
    Entry { place: None, patient: None, kind, payload }
}

fn day_entry(day: &DayPart<'_>) -> Entry {
    let mut front = Writer::new();
    front.byte(LAYOUT);
    front.instant(day.at);
    front.actor(&day.actor);
    front.put(&day.part.batch.to_le_bytes());
    front.put(&day.part.part.to_le_bytes());
    front.put(&day.part.parts.to_le_bytes());
    let bytes = [front.bytes(), &day.part.bytes[..day.part.bytes.len().min(DAY_PART_MAX)]].concat();
    let payload = Payload::new(&bytes).expect("a part is cut to what fits");
    let place = Some(Place { block: DAY_BLOCK, sequence: day.sequence });
    Entry { place, patient: day.patient.map(PatientKey::get), kind: kind::DAY, payload }
}

fn resized_entry(resizing: &Resizing<'_>) -> Entry {
    let mut front = Writer::new();
    front.byte(LAYOUT);
    front.instant(resizing.at);
    front.actor(&resizing.actor);
    let bytes = [front.bytes(), &resizing.packed[..resizing.packed.len().min(DAY_PART_MAX)]].concat();
    let payload = Payload::new(&bytes).expect("a pool tree is cut to what fits");
    let place = Some(Place { block: resizing.block.get(), sequence: resizing.sequence.0 });
    Entry { place, patient: None, kind: kind::RESIZED, payload }
}

const NOT_ASKED: u8 = 1 << 7;

const fn patient_of(command: &Command) -> PatientKey {
    match command {
        Command::Hold(wish) | Command::Book(wish) => wish.patient,
        Command::Confirm(settle) | Command::Cancel(settle) => settle.patient,
    }
}

fn write_refusal(w: &mut Writer, command: &Command, refusal: &Refusal, at: Instant, actor: &Actor) {
    let (deed, key) = match command {
        Command::Hold(wish) => (0, wish.key),
        Command::Book(wish) => (1, wish.key),
        Command::Confirm(settle) => (2, settle.key),
        Command::Cancel(settle) => (3, settle.key),
    };
    let retry = match refusal.retry {
        Retry::Never => 0,
        Retry::Now => 1,
        Retry::WhenReturned => 2,
        Retry::From(_) => 3,
    };
    let binding = match refusal.binding {
        Binding::None => 0,
        Binding::Node(_) => 1,
        Binding::Booking(_) => 2,
        Binding::Limit(_) => 3,
    };
    w.byte(
        deed | retry << 2
            | binding << 4
            | if key.is_some() { REFUSED_KEY } else { 0 }
            | if actor.is_patient() { 0 } else { ACTOR },
    );
    w.put(&refusal.code.number().to_le_bytes());
    w.instant(at);
    match command {
        Command::Hold(wish) | Command::Book(wish) => {
            let ticket = if wish.ticket.is_some() { 1 << 6 } else { 0 };
            w.byte(wish.class.number() | wish.channel.number() << 3 | ticket);
            w.put(&wish.slot.session.get().to_le_bytes()[..3]);
            w.varint(u64::from(wish.slot.slot.get()));
            w.optional(wish.ticket.map(TicketId::get));
        }
        Command::Confirm(settle) | Command::Cancel(settle) => w.put(&settle.booking.get().to_le_bytes()),
    }
    match refusal.binding {
        Binding::None => {}
        Binding::Node(node) => w.byte(node.get()),
        Binding::Booking(booking) => w.put(&booking.get().to_le_bytes()),
        Binding::Limit(limit) => w.varint(u64::from(limit)),
    }
    if let Retry::From(from) = refusal.retry {
        w.varint(zigzag(from.ms() - at.ms()));
    }
    w.optional(key.map(IdempotencyKey::get));
    w.actor_unless_patient(actor);
}

/// Of a claim that names no session or slot.
const UNNAMED: u8 = 1 << 7;
/// Of the slot of such a claim.
const BY_START: u8 = 1;

/// What of a text that names no session may be written down: a code of printable ASCII without a run of digits as long as a
/// telephone or identity number. Of anything else nothing is kept: somebody may have typed a person where a session belongs.
#[must_use]
pub fn traceable(session: &str) -> &str {
    let is_code = session.len() <= CODE_BYTES_MAX && session.bytes().all(|byte| byte.is_ascii_graphic());
    let mut digits = session.split(|c: char| !c.is_ascii_digit()).map(str::len);
    if is_code && digits.all(|run| run < 11) { session } else { "" }
}

fn unnamed_entry(claim: &Unnamed<'_>, at: Instant, actor: &Actor) -> Entry {
    let mut w = Writer::new();
    w.byte(LAYOUT);
    w.byte(
        u8::from(claim.book)
            | if claim.key.is_some() { REFUSED_KEY } else { 0 }
            | if actor.is_patient() { 0 } else { ACTOR },
    );
    w.put(&claim.code.number().to_le_bytes());
    w.instant(at);
    let ticket = if claim.ticket.is_some() { 1 << 6 } else { 0 };
    w.byte(claim.class.number() | claim.channel.number() << 3 | ticket | UNNAMED);
    match claim.slot {
        Ok(index) => {
            w.byte(0);
            w.varint(index);
        }
        Err(start) => {
            w.byte(BY_START);
            w.instant(start);
        }
    }
    w.optional(claim.ticket.map(TicketId::get));
    w.optional(claim.key.map(IdempotencyKey::get));
    w.actor_unless_patient(actor);
    let session = traceable(claim.session);
    w.byte(u8::try_from(session.len()).expect("a code has at most 64 bytes"));
    let bytes = [w.bytes(), session.as_bytes()].concat();
    let payload = Payload::new(&bytes).expect("a code is short");
    Entry { place: None, patient: Some(claim.patient.get()), kind: kind::REFUSAL, payload }
}

// ---- decoding

impl<'a> Record<'a> {
    /// What an entry says.
    ///
    /// # Errors
    /// [`RecordError`] with the offset and the reason.
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of record")]
    pub fn decode(entry: EntryRef<'a>) -> Result<Self, RecordError> {
        let mut r = Reader { kind: entry.kind, all: entry.payload, at: 0 };
        let is_placed = matches!(entry.kind, kind::TRANSITION | kind::EXPIRY | kind::DAY | kind::RESIZED);
        if entry.place.is_some() != is_placed {
            return Err(r.error("only a transition or an event of the day has a place, and each has one"));
        }
        let named = matches!(
            entry.kind,
            kind::TRANSITION | kind::REFUSAL | kind::REPEATED | kind::TICKET | kind::AGAIN
        );
        if entry.patient.is_some() != named && entry.kind != kind::DAY {
            return Err(
                r.error("the patient is missing, or there is one although the record concerns nobody")
            );
        }
        let patient =
            entry.patient.map(|key| PatientKey::new(key).ok_or(r.error("the patient's key is zero")));
        let patient = patient.transpose()?;
        r.layout()?;
        let record = match (entry.kind, patient) {
            (kind::TRANSITION | kind::EXPIRY, _) => read_transition(&mut r, entry.place, patient)?,
            (kind::REFUSAL, Some(patient)) => read_refusal(&mut r, patient)?,
            (kind::REFUSED_COUNT, _) => {
                let (minute, code) = (r.u32()?, r.code()?);
                let asked = r.byte()?;
                let asked = if asked == NOT_ASKED {
                    None
                } else {
                    Some((r.class(asked & 7)?, r.channel(asked >> 3)?))
                };
                let count = r.short("a count has 32 bits")?;
                Self::RefusedCount { minute, code, asked, count }
            }
            (kind::REPEATED, Some(patient)) => {
                let flags = r.flags(1 | KEY | ACTOR)?;
                let (at, booking) = (r.instant()?, r.booking()?);
                let sequence = Sequence(r.u32()?);
                let key = r.key(flags & KEY != 0)?;
                let actor = r.actor_if(flags & ACTOR != 0)?;
                let settled = Settled { booking, sequence, changed: flags & 1 != 0 };
                Self::Repeated { settle: Settle { patient, booking, key }, settled, at, actor }
            }
            (kind::TICKET, Some(patient)) => {
                let flags = r.flags(7 | TICKET_REFUSED | KEY | ACTOR)?;
                let class = r.class(flags & 7)?;
                let (at, expires) = (r.instant()?, r.instant()?);
                let institution =
                    InstitutionId::new(r.u16()?).ok_or(r.error("there is no such institution"))?;
                let department = if flags & KEY != 0 {
                    let number = r.u24()?;
                    Some(DepartmentId::new(number).ok_or(r.error("there is no such department"))?)
                } else {
                    None
                };
                let id = TicketId::new(r.u128()?).ok_or(r.error("a ticket's number is not zero"))?;
                let code = if flags & TICKET_REFUSED == 0 { None } else { Some(r.code()?) };
                let actor = r.actor_if(flags & ACTOR != 0)?;
                let ticket = Ticket { id, patient, class, institution, department, expires };
                match code {
                    None => Self::Ticket { ticket, at, actor },
                    Some(code) => Self::TicketRefused { ticket, code, at, actor },
                }
            }
            (kind::AGAIN, Some(patient)) => {
                let flags = r.flags(ACTOR)?;
                let (at, booking) = (r.instant()?, r.booking()?);
                Self::Again { patient, booking, at, actor: r.actor_if(flags & ACTOR != 0)? }
            }
            (kind::FENCE, _) => {
                let node = r.byte()?;
                let node = r.node(node)?;
                let session = r.session()?;
                Self::Fence { session, node, at: r.instant()?, seats: r.short("seats have 32 bits")? }
            }
            (kind::RETIRED, _) => {
                let session = r.session()?;
                Self::Retired { session, at: r.instant()?, actor: r.actor()? }
            }
            (kind::PUBLISHED, _) => Self::Published(r.part(PART_MAX)?),
            (kind::ADMINISTERED, _) => Self::Administered(r.part(PART_MAX)?),
            (kind::DAY, _) => {
                let place = entry.place.filter(|place| place.block == DAY_BLOCK && place.sequence > 0);
                let Place { sequence, .. } = place.ok_or(r.error("this is no place of the day"))?;
                let (at, actor) = (r.instant()?, r.actor()?);
                Self::Day(DayPart { sequence, patient, at, actor, part: r.part(DAY_PART_MAX)? })
            }
            (kind::RESIZED, _) => {
                let place = entry.place.filter(|place| place.sequence > 0);
                let Place { block, sequence } = place.ok_or(r.error("this is no place of a block"))?;
                let block = BlockId::new(block).ok_or(r.error("there is no such block"))?;
                let (at, actor) = (r.instant()?, r.actor()?);
                let packed = &r.all[r.at..];
                r.at = r.all.len();
                let resizing = Resizing { block, sequence: Sequence(sequence), at, actor, packed };
                resizing.tree()?;
                Self::Resized(resizing)
            }
            _ => return Err(r.error("there is no such kind; a newer version may have written it")),
        };
        if r.at < r.all.len() {
            return Err(r.error("the record is longer than it says"));
        }
        Ok(record)
    }
}

fn read_transition(
    r: &mut Reader<'_>,
    place: Option<Place>,
    patient: Option<PatientKey>,
) -> Result<Record<'static>, RecordError> {
    let flags = r.byte()?;
    let change = change_of(flags & 7).ok_or(r.error("there is no such change"))?;
    let expiry = change == Change::Expired;
    if expiry != (r.kind == kind::EXPIRY) {
        return Err(r.error("the change is not of this kind"));
    }
    if expiry && flags & ACTOR != 0 {
        return Err(r.error("nobody causes an expiry"));
    }
    let asked = r.u16()?;
    if asked >> 10 != 0 {
        return Err(r.error("a spare bit is set"));
    }
    let (class, rest) = (asked.to_le_bytes()[0] & 7, (asked >> 3).to_le_bytes()[0]);
    let (class, channel, node) = (r.class(class)?, r.channel(rest & 7)?, r.node(rest >> 3)?);
    let seat = r.byte()?;
    let seat = SeatIndex::new(seat).ok_or(r.error("a block has no such seat"))?;
    let at = r.instant()?;
    let expires = r.later(at)?;
    let place = place.ok_or(r.error("a transition has a place"))?;
    let own_grant = flags & OWN_GRANT != 0;
    let granted = if own_grant { place.sequence } else { r.u32()? };
    if !own_grant && granted == place.sequence {
        return Err(r.error("the sequence of its own grant is not written"));
    }
    let block = BlockId::new(place.block).ok_or(r.error("there is no such block"))?;
    let booking = BookingId::new(BookingId::pack(block, seat, Sequence(granted)).get())
        .ok_or(r.error("this is no booking"))?;
    let ticket = r.ticket(flags & TICKET != 0)?;
    let key = r.key(flags & KEY != 0)?;
    let actor = if expiry { Actor::SYSTEM } else { r.actor_if(flags & ACTOR != 0)? };
    let patient = match patient {
        Some(patient) => patient,
        None => PatientKey::new(r.u128()?).ok_or(r.error("the patient's key is zero"))?,
    };
    Ok(Record::Transition(Transition {
        change,
        sequence: Sequence(place.sequence),
        at,
        booking,
        patient,
        class,
        channel,
        node,
        spill: flags & SPILL != 0,
        expires,
        ticket,
        key,
        actor,
    }))
}

fn read_unnamed<'a>(
    r: &mut Reader<'a>,
    patient: PatientKey,
    (flags, asked): (u8, u8),
    code: Code,
    at: Instant,
) -> Result<Record<'a>, RecordError> {
    if flags & !(1 | REFUSED_KEY | ACTOR) != 0 {
        return Err(r.error("a spare bit is set"));
    }
    let (class, channel) = (r.class(asked & 7)?, r.channel(asked >> 3 & 7)?);
    let slot = match r.byte()? {
        0 => Ok(r.varint()?),
        BY_START => Err(r.instant()?),
        _ => return Err(r.error("a slot is named by its index or by its start")),
    };
    let ticket = r.ticket(asked & 1 << 6 != 0)?;
    let key = r.key(flags & REFUSED_KEY != 0)?;
    let actor = r.actor_if(flags & ACTOR != 0)?;
    let length = usize::from(r.byte()?);
    let bytes = r.all.get(r.at..r.at + length).ok_or(r.error("the record ends early"))?;
    let session = std::str::from_utf8(bytes).ok().filter(|session| traceable(session) == *session);
    let session = session.ok_or(r.error("this is no code of a session"))?;
    r.at += length;
    let book = flags & 1 != 0;
    let claim = Unnamed { book, patient, class, channel, ticket, key, session, slot, code };
    Ok(Record::Unnamed { claim, at, actor })
}

fn read_refusal<'a>(r: &mut Reader<'a>, patient: PatientKey) -> Result<Record<'a>, RecordError> {
    let flags = r.byte()?;
    let code = r.code()?;
    let at = r.instant()?;
    let claims = flags & 2 == 0;
    let mut wish = None;
    let mut booking = None;
    if claims {
        let asked = r.byte()?;
        if asked & UNNAMED != 0 {
            return read_unnamed(r, patient, (flags, asked), code, at);
        }
        let (class, channel) = (r.class(asked & 7)?, r.channel(asked >> 3 & 7)?);
        let session = r.session()?;
        let slot = u16::try_from(r.varint()?).ok().and_then(SlotIndex::new);
        let slot = slot.ok_or(r.error("a session has no such slot"))?;
        let ticket = r.ticket(asked & 1 << 6 != 0)?;
        wish = Some(Wish { patient, slot: SlotRef { session, slot }, class, channel, ticket, key: None });
    } else {
        booking = Some(r.booking()?);
    }
    let binding = match flags >> 4 & 3 {
        0 => Binding::None,
        1 => {
            let node = r.byte()?;
            Binding::Node(r.node(node)?)
        }
        2 => Binding::Booking(r.booking()?),
        _ => Binding::Limit(r.short("a limit has 32 bits")?),
    };
    let retry = match flags >> 2 & 3 {
        0 => Retry::Never,
        1 => Retry::Now,
        2 => Retry::WhenReturned,
        _ => Retry::From(r.later(at)?),
    };
    let key = r.key(flags & REFUSED_KEY != 0)?;
    let actor = r.actor_if(flags & ACTOR != 0)?;
    let command = match (wish, booking, flags & 1) {
        (Some(wish), _, 0) => Command::Hold(Wish { key, ..wish }),
        (Some(wish), _, _) => Command::Book(Wish { key, ..wish }),
        (_, Some(booking), 0) => Command::Confirm(Settle { patient, booking, key }),
        (_, Some(booking), _) => Command::Cancel(Settle { patient, booking, key }),
        _ => return Err(r.error("the command is missing")),
    };
    Ok(Record::Refusal { command, refusal: Refusal { code, binding, retry }, at, actor })
}

const fn zigzag(value: i64) -> u64 {
    u64::from_ne_bytes((value << 1 ^ value >> 63).to_ne_bytes())
}

const fn unzigzag(value: u64) -> i64 {
    let sign = if value & 1 == 1 { -1 } else { 0 };
    i64::from_ne_bytes((value >> 1).to_ne_bytes()) ^ sign
}

/// Collects the bytes of a record on the stack: the longest has fewer than `LONGEST`.
pub(crate) struct Writer {
    bytes: [u8; LONGEST],
    length: usize,
}

const LONGEST: usize = 112;
const _: () = assert!(LONGEST >= INLINE_MAX);
// A transition: layout, flags, asked, seat, instant, expiry (10), sequence, ticket, key, patient or actor (19).
const _: () = assert!(1 + 1 + 2 + 1 + 6 + 10 + 4 + 16 + 16 + 19 <= LONGEST);

impl Writer {
    pub(crate) const fn new() -> Self {
        Self { bytes: [0; LONGEST], length: 0 }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    fn payload(&self) -> Payload {
        match (self.bytes.first_chunk(), u8::try_from(self.length)) {
            (Some(bytes), Ok(length)) if self.length <= INLINE_MAX => Payload::inline(bytes, length),
            _ => Payload::new(self.bytes()).expect("a packed record is short"),
        }
    }

    pub(crate) fn byte(&mut self, byte: u8) {
        self.bytes[self.length] = byte;
        self.length += 1;
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    pub(crate) fn instant(&mut self, at: Instant) {
        self.put(&at.bits().to_le_bytes()[..6]);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.byte(value.to_le_bytes()[0] | 0x80);
            value >>= 7;
        }
        self.byte(value.to_le_bytes()[0]);
    }

    fn optional(&mut self, value: Option<u128>) {
        if let Some(value) = value {
            self.put(&value.to_le_bytes());
        }
    }

    fn actor_unless_patient(&mut self, actor: &Actor) {
        if !actor.is_patient() {
            self.actor(actor);
        }
    }

    pub(crate) fn actor(&mut self, actor: &Actor) {
        self.byte(
            actor.role.number()
                | if actor.id.is_some() { ACTOR_ID } else { 0 }
                | if actor.contact.is_some() { ACTOR_CONTACT } else { 0 }
                | if actor.reason.is_some() { ACTOR_REASON } else { 0 },
        );
        for id in [actor.id, actor.contact].into_iter().flatten() {
            self.put(&id.get().to_le_bytes());
        }
        if let Some(reason) = actor.reason {
            self.put(&reason.get().to_le_bytes());
        }
    }
}

/// Takes the bytes of a record, one field after the other.
pub(crate) struct Reader<'a> {
    pub(crate) kind: u8,
    pub(crate) all: &'a [u8],
    pub(crate) at: usize,
}

impl<'a> Reader<'a> {
    pub(crate) const fn error(&self, reason: &'static str) -> RecordError {
        RecordError { kind: self.kind, offset: self.at, reason }
    }

    fn take<const N: usize>(&mut self) -> Result<[u8; N], RecordError> {
        let bytes = self.all.get(self.at..self.at + N).and_then(|bytes| bytes.try_into().ok());
        let bytes = bytes.ok_or(self.error("the record ends early"))?;
        self.at += N;
        Ok(bytes)
    }

    pub(crate) fn layout(&mut self) -> Result<(), RecordError> {
        match self.byte()? {
            LAYOUT => Ok(()),
            _ => Err(self.error("this layout is unknown; a newer version may have written it")),
        }
    }

    fn byte(&mut self) -> Result<u8, RecordError> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn flags(&mut self, known: u8) -> Result<u8, RecordError> {
        let flags = self.byte()?;
        if flags & !known == 0 { Ok(flags) } else { Err(self.error("a spare bit is set")) }
    }

    fn u16(&mut self) -> Result<u16, RecordError> {
        self.take().map(u16::from_le_bytes)
    }

    fn u24(&mut self) -> Result<u32, RecordError> {
        self.take().map(|[a, b, c]| u32::from_le_bytes([a, b, c, 0]))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, RecordError> {
        self.take().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Result<u64, RecordError> {
        self.take().map(u64::from_le_bytes)
    }

    fn u128(&mut self) -> Result<u128, RecordError> {
        self.take().map(u128::from_le_bytes)
    }

    fn varint(&mut self) -> Result<u64, RecordError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(self.error("a number has more than 64 bits"));
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                if byte == 0 && shift > 0 {
                    return Err(self.error("a number is written longer than needed"));
                }
                return Ok(value);
            }
        }
        Err(self.error("a number has more than 64 bits"))
    }

    fn short(&mut self, reason: &'static str) -> Result<u32, RecordError> {
        u32::try_from(self.varint()?).map_err(|_| self.error(reason))
    }

    pub(crate) fn instant(&mut self) -> Result<Instant, RecordError> {
        let mut bytes = [0; 8];
        bytes[..6].copy_from_slice(&self.take::<6>()?);
        let ms = i64::from_le_bytes(bytes);
        Instant::new(ms).ok_or(self.error("this instant is out of range"))
    }

    fn later(&mut self, at: Instant) -> Result<Instant, RecordError> {
        let by = unzigzag(self.varint()?);
        let ms = at.ms().checked_add(by);
        ms.and_then(Instant::new).ok_or(self.error("this instant is out of range"))
    }

    fn code(&mut self) -> Result<Code, RecordError> {
        let number = self.u16()?;
        Code::from_number(number).ok_or(self.error("there is no such refusal code"))
    }

    fn class(&self, number: u8) -> Result<Class, RecordError> {
        Class::from_number(number).ok_or(self.error("there is no such class"))
    }

    fn channel(&self, number: u8) -> Result<Channel, RecordError> {
        Channel::from_number(number).ok_or(self.error("there is no such channel"))
    }

    fn node(&self, number: u8) -> Result<NodeIndex, RecordError> {
        NodeIndex::new(number).ok_or(self.error("a pool tree has no such node"))
    }

    fn session(&mut self) -> Result<SessionId, RecordError> {
        let number = self.u24()?;
        SessionId::new(number).ok_or(self.error("there is no such session"))
    }

    fn booking(&mut self) -> Result<BookingId, RecordError> {
        let number = self.u64()?;
        BookingId::new(number).ok_or(self.error("this is no booking"))
    }

    fn ticket(&mut self, is_there: bool) -> Result<Option<TicketId>, RecordError> {
        if !is_there {
            return Ok(None);
        }
        TicketId::new(self.u128()?).ok_or(self.error("a ticket's number is not zero")).map(Some)
    }

    fn key(&mut self, is_there: bool) -> Result<Option<IdempotencyKey>, RecordError> {
        if !is_there {
            return Ok(None);
        }
        IdempotencyKey::new(self.u128()?).ok_or(self.error("an idempotency key is not zero")).map(Some)
    }

    fn actor_if(&mut self, is_there: bool) -> Result<Actor, RecordError> {
        if !is_there {
            return Ok(Actor::default());
        }
        let actor = self.actor()?;
        if actor.is_patient() { Err(self.error("the patient as actor is not written")) } else { Ok(actor) }
    }

    pub(crate) fn actor(&mut self) -> Result<Actor, RecordError> {
        let flags = self.byte()?;
        let role = Role::from_number(flags & 0x1f).ok_or(self.error("there is no such role"))?;
        let mut id = |flag| {
            if flags & flag == 0 {
                return Ok(None);
            }
            ActorId::new(self.u64()?).ok_or(self.error("a person's key is zero")).map(Some)
        };
        let (id, contact) = (id(ACTOR_ID)?, id(ACTOR_CONTACT)?);
        let reason = if flags & ACTOR_REASON == 0 {
            None
        } else {
            Some(NonZeroU16::new(self.u16()?).ok_or(self.error("a reason code is not zero"))?)
        };
        Ok(Actor { role, id, contact, reason })
    }

    fn part(&mut self, most: usize) -> Result<Part<'a>, RecordError> {
        let (batch, part, parts) = (self.u32()?, self.u16()?, self.u16()?);
        if part >= parts {
            return Err(self.error("a batch has no such part"));
        }
        let bytes = &self.all[self.at..];
        if bytes.len() > most || (part + 1 < parts && bytes.len() != most) {
            return Err(self.error("only the last part of a batch is shorter than a part can be"));
        }
        self.at = self.all.len();
        Ok(Part { batch, part, parts, bytes })
    }
}

/// Puts parts together again.
#[derive(Debug, Default)]
pub struct Assembler {
    batch: Option<(u8, u32, u16)>,
    bytes: Vec<u8>,
}

impl Assembler {
    /// Takes the next part of a kind; the whole once the last part is there. A batch that was never finished, because
    /// the journal ended within it, is forgotten when the next one begins.
    ///
    /// # Errors
    /// [`RecordError`] if the part does not continue its batch.
    pub fn take(&mut self, kind: u8, part: &Part<'_>) -> Result<Option<Vec<u8>>, RecordError> {
        if part.part == 0 {
            self.bytes.clear();
        } else if self.batch != Some((kind, part.batch, part.part)) {
            let reason = "a part does not continue the batch before it";
            return Err(RecordError { kind, offset: 0, reason });
        }
        self.bytes.extend_from_slice(part.bytes);
        if part.part + 1 == part.parts {
            self.batch = None;
            return Ok(Some(std::mem::take(&mut self.bytes)));
        }
        self.batch = Some((kind, part.batch, part.part + 1));
        Ok(None)
    }
}

//! What happened in the hospital's day, as facts: written down once, applied without any rule.

use crate::day::state::{Cause, Charge, Departure, Leaving, Notice, Placing, Scope, Wanted};
use crate::text::{self, Text};
use haoyuan_core::ids::{BookingId, PatientKey, PractitionerId, SessionId, SlotRef, TicketId, VisitId};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::terms::{Channel, Class, Outcome, VisitKind};
use haoyuan_core::{calling, kpi};
use serde::{Deserialize, Serialize};

/// A fact of the day. In the journal it is JSON, with its gap-free number beside it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Event {
    /// All of these, at one instant, about one patient: no crash comes between.
    Together(Vec<Event>),
    /// Somebody waits.
    Joined {
        entry: u32,
        #[serde(with = "text::required")]
        patient: PatientKey,
        class: Class,
        channel: Channel,
        #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
        ticket: Option<TicketId>,
        wanted: Vec<Wanted>,
        /// The blocks that decide about what is wanted.
        blocks: Vec<SlotRef>,
        at: Instant,
    },
    /// A seat is held for somebody who waits.
    Offered {
        entry: u32,
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        booking: BookingId,
        slot: SlotRef,
        expires: Instant,
        at: Instant,
    },
    /// An offer was not taken; the entry keeps its place this once, but sits out while as many seats of the block are live.
    Passed {
        entry: u32,
        #[serde(with = "text::required")]
        patient: PatientKey,
        block: SlotRef,
        live: u8,
        lapsed: bool,
        at: Instant,
    },
    /// Somebody got a seat of the block: whoever sat out there is eligible again.
    Over { block: SlotRef, at: Instant },
    /// A seat was free, and this entry could not have it: another got it. The refusal's number.
    Skipped {
        entry: u32,
        #[serde(with = "text::required")]
        patient: PatientKey,
        code: u16,
        at: Instant,
    },
    /// The entry waits for these blocks no longer.
    Narrowed {
        entry: u32,
        #[serde(with = "text::required")]
        patient: PatientKey,
        blocks: Vec<SlotRef>,
        at: Instant,
    },
    /// The entry is closed.
    Closed {
        entry: u32,
        #[serde(with = "text::required")]
        patient: PatientKey,
        why: Departure,
        /// What the patient is told of it, in one event: no crash comes between.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        notice: Option<Notice>,
        at: Instant,
    },
    /// The hospital stops something; what follows from it is told one by one.
    Stopped {
        stop: u32,
        scope: Scope,
        slots: Vec<SlotRef>,
        /// Sessions that are stopped as a whole.
        sessions: Vec<SessionId>,
        /// The usable seats that the block is to have, if a seat is stopped: told before, so that it is closed whatever comes between.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usable: Option<u8>,
        cause: Cause,
        at: Instant,
    },
    /// What a stop stopped can be booked again.
    Resumed {
        stop: u32,
        /// The usable seats that the block is to have, if it was a seat.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        usable: Option<u8>,
        cause: Cause,
        at: Instant,
    },
    /// A booking is taken from its patient by a stop. Told before the seat goes back, so that nobody is lost.
    Displaced {
        stop: u32,
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        booking: BookingId,
        slot: SlotRef,
        class: Class,
        channel: Channel,
        booked_at: Instant,
        at: Instant,
    },
    /// It was not: the patient had given it back in the same moment.
    Undisplaced {
        stop: u32,
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        booking: BookingId,
        at: Instant,
    },
    /// An unpaid hold is void by a stop.
    Voided {
        stop: u32,
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        booking: BookingId,
        slot: SlotRef,
        at: Instant,
    },
    /// A seat is about to go back, by its patient or by a stop, and more follows from it: told before, so that it follows
    /// whatever comes between.
    Leaving(Leaving),
    /// It has gone back and what follows is told with this, or it has not.
    Left {
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        booking: BookingId,
        at: Instant,
    },
    /// A member of the public gave a seat back, and it is kept back for a while: told after the seat is free, while every
    /// claim of the block comes to the day.
    Returned {
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        booking: BookingId,
        block: SlotRef,
        slot: SlotRef,
        reappears: Instant,
        offline: bool,
        at: Instant,
    },
    /// Seats that were returned are taken, or their time is over: they are kept from nobody any more.
    Retaken { block: SlotRef, bookings: Vec<Text<BookingId>>, at: Instant },
    /// Those whom a stop displaced are about to be placed, one after the other: told before, so that it is completed whatever
    /// comes between.
    Placing(Placing),
    /// They are.
    Placed { stop: u32, at: Instant },
    /// A displaced patient has another booking.
    Moved {
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        from: BookingId,
        #[serde(with = "text::required")]
        to: BookingId,
        slot: SlotRef,
        at: Instant,
    },
    /// A seat is held for a displaced patient, who has to say yes.
    Proposed {
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        from: BookingId,
        #[serde(with = "text::required")]
        to: BookingId,
        slot: SlotRef,
        expires: Instant,
        at: Instant,
    },
    /// A proposal was not taken in time.
    Reopened {
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        from: BookingId,
        at: Instant,
    },
    /// A displaced patient has a ticket for a booking of their own.
    Ticketed {
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        from: BookingId,
        #[serde(with = "text::required")]
        ticket: TicketId,
        expires: Instant,
        at: Instant,
    },
    /// Another practitioner takes a session over.
    Substituted {
        session: SessionId,
        before: PractitionerId,
        after: PractitionerId,
        cause: Cause,
        at: Instant,
    },
    /// A session has a session of extra seats beside it, which no command of a patient can book.
    Widened { session: SessionId, extra: SessionId, practitioner: PractitionerId, day: Day, at: Instant },
    /// How many extra seats of a session are open, beside those of the green channel.
    Opened { session: SessionId, seats: u16, cause: Cause, at: Instant },
    /// So many usable seats more or fewer within the session; the blocks' own histories have it as well.
    Resized {
        session: SessionId,
        by: i32,
        /// If it was announced by the stop of a seat, or by its end: that is done.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stop: Option<u32>,
        cause: Cause,
        at: Instant,
    },
    /// A patient has an extra seat.
    Extra {
        session: SessionId,
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        booking: BookingId,
        slot: SlotRef,
        class: Class,
        cause: Cause,
        at: Instant,
    },
    /// A visit has a row.
    Visited { row: Box<kpi::Visit>, at: Instant },
    /// Something happened in the line of a session.
    Queued {
        line: SessionId,
        visit: VisitId,
        #[serde(with = "text::required")]
        patient: PatientKey,
        /// Of the line; they are in force if it is new.
        rules: calling::Rules,
        fact: calling::Fact,
        at: Instant,
    },
    /// What the doctor says of a visit.
    Marked {
        visit: VisitId,
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<VisitKind>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        revisit: Option<bool>,
        at: Instant,
    },
    /// What came of a visit.
    Ended {
        visit: VisitId,
        #[serde(with = "text::required")]
        patient: PatientKey,
        outcome: Outcome,
        at: Instant,
    },
    /// What came of it is another; what it was counted for is excused, or counts again.
    Corrected {
        visit: VisitId,
        #[serde(with = "text::required")]
        patient: PatientKey,
        outcome: Outcome,
        cause: Cause,
        at: Instant,
    },
    /// A deed counts.
    Charged {
        #[serde(with = "text::required")]
        patient: PatientKey,
        charge: Charge,
        at: Instant,
    },
    /// Two keys are one person.
    Merged {
        #[serde(with = "text::required")]
        patient: PatientKey,
        #[serde(with = "text::required")]
        into: PatientKey,
        breach: bool,
        cause: Cause,
        at: Instant,
    },
    /// The host has something to tell a patient.
    Noticed(Notice),
    /// These holds and bookings are not live any more: that something was told of them need not be remembered.
    Silenced { bookings: Vec<Text<BookingId>>, at: Instant },
    /// Notices up to this number were told, and are forgotten.
    Told { through: u32, at: Instant },
    /// What was before this day is forgotten: its sessions, and the bookings that were in them.
    Retired { before: Day, sessions: Vec<SessionId>, bookings: Vec<Text<BookingId>>, at: Instant },
    /// A command of the day was refused; changes nothing.
    Refused {
        command: String,
        #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
        patient: Option<PatientKey>,
        code: u16,
        at: Instant,
    },
}

impl Event {
    /// When it happened.
    pub(crate) fn at(&self) -> Instant {
        match self {
            Self::Together(events) => events.first().map_or(Instant::MIN, Self::at),
            Self::Joined { at, .. }
            | Self::Offered { at, .. }
            | Self::Passed { at, .. }
            | Self::Over { at, .. }
            | Self::Skipped { at, .. }
            | Self::Narrowed { at, .. }
            | Self::Closed { at, .. }
            | Self::Stopped { at, .. }
            | Self::Resumed { at, .. }
            | Self::Displaced { at, .. }
            | Self::Undisplaced { at, .. }
            | Self::Voided { at, .. }
            | Self::Leaving(Leaving { at, .. })
            | Self::Left { at, .. }
            | Self::Returned { at, .. }
            | Self::Retaken { at, .. }
            | Self::Placing(Placing { at, .. })
            | Self::Placed { at, .. }
            | Self::Moved { at, .. }
            | Self::Proposed { at, .. }
            | Self::Reopened { at, .. }
            | Self::Ticketed { at, .. }
            | Self::Substituted { at, .. }
            | Self::Widened { at, .. }
            | Self::Opened { at, .. }
            | Self::Resized { at, .. }
            | Self::Extra { at, .. }
            | Self::Visited { at, .. }
            | Self::Queued { at, .. }
            | Self::Marked { at, .. }
            | Self::Ended { at, .. }
            | Self::Corrected { at, .. }
            | Self::Charged { at, .. }
            | Self::Merged { at, .. }
            | Self::Silenced { at, .. }
            | Self::Told { at, .. }
            | Self::Retired { at, .. }
            | Self::Refused { at, .. }
            | Self::Noticed(Notice { at, .. }) => *at,
        }
    }

    /// The patient whom it concerns: it follows in the journal what this patient did before.
    pub(crate) fn patient(&self) -> Option<PatientKey> {
        match self {
            Self::Together(events) => events.iter().find_map(Self::patient),
            Self::Joined { patient, .. }
            | Self::Offered { patient, .. }
            | Self::Passed { patient, .. }
            | Self::Skipped { patient, .. }
            | Self::Narrowed { patient, .. }
            | Self::Closed { patient, .. }
            | Self::Displaced { patient, .. }
            | Self::Undisplaced { patient, .. }
            | Self::Voided { patient, .. }
            | Self::Leaving(Leaving { patient, .. })
            | Self::Left { patient, .. }
            | Self::Returned { patient, .. }
            | Self::Moved { patient, .. }
            | Self::Proposed { patient, .. }
            | Self::Reopened { patient, .. }
            | Self::Ticketed { patient, .. }
            | Self::Extra { patient, .. }
            | Self::Queued { patient, .. }
            | Self::Marked { patient, .. }
            | Self::Ended { patient, .. }
            | Self::Corrected { patient, .. }
            | Self::Charged { patient, .. }
            | Self::Merged { patient, .. }
            | Self::Noticed(Notice { patient, .. }) => Some(*patient),
            Self::Visited { row, .. } => Some(row.patient),
            Self::Refused { patient, .. } => *patient,
            Self::Over { .. }
            | Self::Retaken { .. }
            | Self::Placing(_)
            | Self::Placed { .. }
            | Self::Silenced { .. }
            | Self::Told { .. }
            | Self::Retired { .. }
            | Self::Stopped { .. }
            | Self::Resumed { .. }
            | Self::Substituted { .. }
            | Self::Widened { .. }
            | Self::Opened { .. }
            | Self::Resized { .. } => None,
        }
    }
}

//! What is asked and what is answered: the values that go into a decision and come out of it.

use crate::ids::{
    BookingId, DepartmentId, IdempotencyKey, InstitutionId, Interval, NodeIndex, PatientKey, PractitionerId,
    Sequence, SlotRef, TicketId,
};
use crate::instant::{Day, Instant};
use crate::refusal::Refusal;
use crate::terms::{Channel, Class, Grade};

/// A wish for a seat: for `hold` and `book`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wish {
    /// Who.
    pub patient: PatientKey,
    /// Which slot.
    pub slot: SlotRef,
    /// By what right.
    pub class: Class,
    /// Through which channel.
    pub channel: Channel,
    /// The proof of the right, where the class needs one.
    pub ticket: Option<TicketId>,
    /// To repeat the command safely.
    pub key: Option<IdempotencyKey>,
}

/// What to do with a hold or booking: for `confirm` and `cancel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settle {
    /// Whose it is; anybody else is told `UNKNOWN_BOOKING`.
    pub patient: PatientKey,
    /// Which.
    pub booking: BookingId,
    /// To repeat the command safely.
    pub key: Option<IdempotencyKey>,
}

/// Whether a granted seat still has to be confirmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Standing {
    /// Held until this instant, exclusive.
    HeldUntil(Instant),
    /// Booked.
    Booked,
}

/// The answer "yes" to `hold` and `book`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// The hold or booking; its block and sequence place it in the trace.
    pub booking: BookingId,
    /// The institution.
    pub institution: InstitutionId,
    /// The session and slot.
    pub slot: SlotRef,
    /// The number (号序) in the session, counted from 1.
    pub number: u16,
    /// The suggested time of arrival and the end of the slot.
    pub time: Interval,
    /// The pool that admitted it.
    pub node: NodeIndex,
    /// Whether the seat is one of the public although the class has a reserve, or the class has none.
    pub spill: bool,
    /// Held or booked.
    pub standing: Standing,
}

/// The answer "yes" to `confirm` and `cancel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Settled {
    /// The booking.
    pub booking: BookingId,
    /// The sequence, in the booking's block, of the transition that settled it; of the grant if nothing changed
    /// because it was confirmed before.
    pub sequence: Sequence,
    /// Whether this command changed the state; `false` if the booking was already confirmed.
    pub changed: bool,
}

/// The answer to `availability`: what the decision would say, for this class, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Availability {
    /// Seats that could be granted to this class one after another, right now.
    pub free: u8,
    /// Seats of the slot's block, all classes together.
    pub capacity: u8,
    /// Seats of the block that are held or booked.
    pub live: u8,
    /// Why the answer is no, if `free` is 0.
    pub refusal: Option<Refusal>,
}

/// A proof of privilege to register for a patient.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Ticket {
    /// Its number.
    pub id: TicketId,
    /// To whom it is bound.
    pub patient: PatientKey,
    /// The class that it proves.
    pub class: Class,
    /// The institution it can be used at.
    pub institution: InstitutionId,
    /// The department it can be used in; any if absent.
    pub department: Option<DepartmentId>,
    /// From this instant on it is void.
    pub expires: Instant,
}

/// The order in which a search lists slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Order {
    /// By time.
    #[default]
    Earliest,
    /// Least loaded first (share of live seats), then by time: leads patients off-peak (错峰).
    LeastLoaded,
}

/// What to search for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// By what right the patient would ask.
    pub class: Class,
    /// Through which channel.
    pub channel: Channel,
    /// First day.
    pub from: Day,
    /// Last day, inclusive.
    pub to: Day,
    /// Only this institution.
    pub institution: Option<InstitutionId>,
    /// Only this department.
    pub department: Option<DepartmentId>,
    /// Only this practitioner.
    pub practitioner: Option<PractitionerId>,
    /// Only this grade.
    pub grade: Option<Grade>,
    /// In which order.
    pub order: Order,
    /// At most so many.
    pub most: usize,
}

/// A slot that the decision would grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// The slot.
    pub slot: SlotRef,
    /// Its time.
    pub time: Interval,
    /// Seats that this class could get.
    pub free: u8,
    /// Live seats of the slot's block.
    pub live: u8,
    /// Capacity of the slot's block.
    pub capacity: u8,
}

/// How full one slot of the day is (就诊时段分布).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotLoad {
    /// The slot's time.
    pub time: Interval,
    /// Seats over all sessions of that time.
    pub capacity: u32,
    /// Live seats among them.
    pub live: u32,
}

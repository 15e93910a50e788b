//! The hot path: hold, confirm, cancel, book, one at a time and many in one call.
//!
//! INVARIANT (the same decision): a call of the batch form decides exactly what its elements would one after another; an element that is
//! wrong is answered with its own status and holds nobody up.

use crate::boundary;
use crate::codes::{
    HAOYUAN_BINDING_BOOKING, HAOYUAN_BINDING_LIMIT, HAOYUAN_BINDING_NONE, HAOYUAN_BINDING_POOL,
    HAOYUAN_BOOKED, HAOYUAN_HELD, HAOYUAN_RETRY_FROM, HAOYUAN_RETRY_NEVER, HAOYUAN_RETRY_NOW,
    HAOYUAN_RETRY_WHEN_RETURNED,
};
use crate::memory::{Out, Outs, Structs, read, wrong};
use crate::open::status_of;
use crate::status::{Status, refusal};
use crate::types::{Struct, haoyuan_grant_t, haoyuan_settle_t, haoyuan_settled_t, haoyuan_t, haoyuan_wish_t};
use haoyuan::actor::{Actor, ActorId, Role};
use haoyuan::ids::{BookingId, IdempotencyKey, PatientKey, SessionId, SlotIndex, SlotRef, TicketId};
use haoyuan::instant::Instant;
use haoyuan::refusal::{Binding, Refusal, Retry};
use haoyuan::request::{Grant, Settle, Settled, Standing, Wish};
use haoyuan::terms::{Channel, Class};
use haoyuan::{Ack, Decided, Error, Registry, actor};
use std::num::NonZeroU16;

type Answered<A> = Result<Decided<Result<A, Refusal>>, Error>;

// ---- what goes in

pub(crate) fn instant(ms: i64) -> Result<Instant, Status> {
    Instant::new(ms).ok_or_else(|| wrong("at", "is not between 0 and 2^42 - 2 milliseconds since 1970"))
}

/// A slot by its numbers; what does not exist is for the engine to say, as a refusal.
#[inline]
pub(crate) fn slot(session: u32, slot: u32) -> Result<SlotRef, Status> {
    let session = SessionId::new(session).ok_or_else(|| wrong("session", "is above 2^24 - 1"))?;
    let slot =
        u16::try_from(slot).ok().and_then(SlotIndex::new).ok_or_else(|| wrong("slot", "is above 1023"))?;
    Ok(SlotRef { session, slot })
}

#[inline]
pub(crate) fn class(number: u32) -> Result<Class, Status> {
    u8::try_from(number)
        .ok()
        .and_then(Class::from_number)
        .ok_or_else(|| wrong("patient_class", "is none of HAOYUAN_CLASS_…"))
}

#[inline]
pub(crate) fn channel(number: u32) -> Result<Channel, Status> {
    u8::try_from(number)
        .ok()
        .and_then(Channel::from_number)
        .ok_or_else(|| wrong("channel", "is none of HAOYUAN_CHANNEL_…"))
}

#[inline]
pub(crate) fn zero(reserved: u32) -> Result<(), Status> {
    if reserved == 0 { Ok(()) } else { Err(wrong("reserved", "is not 0")) }
}

fn patient(key: [u8; 16]) -> Result<PatientKey, Status> {
    PatientKey::new(u128::from_be_bytes(key)).ok_or_else(|| wrong("patient", "is zero"))
}

/// `None` for the patient, for no stated reason.
#[inline]
fn acting(role: u32, id: u64, contact: u64, reason: u32) -> Result<Option<Actor>, Status> {
    if role == 0 && id == 0 && contact == 0 && reason == 0 {
        return Ok(None);
    }
    let role = u8::try_from(role)
        .ok()
        .and_then(Role::from_number)
        .ok_or_else(|| wrong("role", "is none of HAOYUAN_ROLE_…"))?;
    let reason = u16::try_from(reason).map_err(|_| wrong("reason", "is above 65535"))?;
    Ok(Some(Actor {
        role,
        id: ActorId::new(id),
        contact: ActorId::new(contact),
        reason: NonZeroU16::new(reason),
    }))
}

// ---- what comes out

/// The fields that every answer has for a refusal: retry, binding, retry_from, binding_value.
pub(crate) fn refused(refusal: &Refusal) -> (u32, u32, i64, u64) {
    let (retry, from) = match refusal.retry {
        Retry::Never => (HAOYUAN_RETRY_NEVER, 0),
        Retry::Now => (HAOYUAN_RETRY_NOW, 0),
        Retry::From(from) => (HAOYUAN_RETRY_FROM, from.ms()),
        Retry::WhenReturned => (HAOYUAN_RETRY_WHEN_RETURNED, 0),
    };
    let (binding, value) = match refusal.binding {
        Binding::None => (HAOYUAN_BINDING_NONE, 0),
        Binding::Node(node) => (HAOYUAN_BINDING_POOL, u64::from(node.get())),
        Binding::Booking(booking) => (HAOYUAN_BINDING_BOOKING, booking.get()),
        Binding::Limit(limit) => (HAOYUAN_BINDING_LIMIT, u64::from(limit)),
    };
    (retry, binding, from, value)
}

/// 0 is "nothing to wait for": no ticket of the journal is 0.
#[inline]
fn number_of(ack: &Ack) -> u64 {
    ack.ticket().unwrap_or(0)
}

/// An answer of the hot path: what is asked, how it is decided, what is written.
trait Hot {
    type Asked: Struct;
    type Answer: Struct + Default;
    fn decide(self, registry: &Registry, asked: &Self::Asked) -> Result<Self::Answer, Status>;
    fn status(answer: &Self::Answer) -> i32;
    fn failed(status: Status) -> Self::Answer;
}

#[derive(Clone, Copy)]
enum Claim {
    Hold,
    Book,
}

impl Hot for Claim {
    type Asked = haoyuan_wish_t;
    type Answer = haoyuan_grant_t;

    #[inline]
    fn decide(self, registry: &Registry, asked: &haoyuan_wish_t) -> Result<haoyuan_grant_t, Status> {
        zero(asked.reserved)?;
        let wish = Wish {
            patient: patient(asked.patient)?,
            slot: slot(asked.session, asked.slot)?,
            class: class(asked.patient_class)?,
            channel: channel(asked.channel)?,
            ticket: TicketId::new(u128::from_be_bytes(asked.ticket)),
            key: IdempotencyKey::new(u128::from_be_bytes(asked.key)),
        };
        let at = instant(asked.at)?;
        let decide = || match self {
            Self::Hold => registry.hold(&wish, at),
            Self::Book => registry.book(&wish, at),
        };
        let decided: Answered<Grant> = match acting(asked.role, asked.actor, asked.contact, asked.reason)? {
            None => decide(),
            Some(who) => actor::by(&who, decide),
        };
        let Decided { answer, ack } = decided.map_err(|error| status_of(&error))?;
        let ack = number_of(&ack);
        Ok(match answer {
            Ok(grant) => {
                let (standing, expires) = match grant.standing {
                    Standing::HeldUntil(expires) => (HAOYUAN_HELD, expires.ms()),
                    Standing::Booked => (HAOYUAN_BOOKED, 0),
                };
                haoyuan_grant_t {
                    booking: grant.booking.get(),
                    ack,
                    from: grant.time.from.ms(),
                    to: grant.time.to.ms(),
                    expires,
                    session: grant.slot.session.get(),
                    slot: u32::from(grant.slot.slot.get()),
                    number: u32::from(grant.number),
                    pool: u32::from(grant.node.get()),
                    institution: u32::from(grant.institution.get()),
                    standing,
                    spill: u32::from(grant.spill),
                    sequence: grant.booking.sequence().0,
                    ..haoyuan_grant_t::default()
                }
            }
            Err(reason) => {
                let (retry, binding, retry_from, binding_value) = refused(&reason);
                let status = refusal(reason.code);
                haoyuan_grant_t {
                    status,
                    ack,
                    retry,
                    binding,
                    retry_from,
                    binding_value,
                    ..haoyuan_grant_t::default()
                }
            }
        })
    }

    #[inline]
    fn status(answer: &haoyuan_grant_t) -> i32 {
        answer.status
    }

    fn failed(status: Status) -> haoyuan_grant_t {
        haoyuan_grant_t { status: status.number(), ..haoyuan_grant_t::default() }
    }
}

#[derive(Clone, Copy)]
enum Settling {
    Confirm,
    Cancel,
}

impl Hot for Settling {
    type Asked = haoyuan_settle_t;
    type Answer = haoyuan_settled_t;

    #[inline]
    fn decide(self, registry: &Registry, asked: &haoyuan_settle_t) -> Result<haoyuan_settled_t, Status> {
        zero(asked.reserved)?;
        let settle = Settle {
            patient: patient(asked.patient)?,
            booking: BookingId::new(asked.booking)
                .ok_or_else(|| wrong("booking", "is no number of a booking"))?,
            key: IdempotencyKey::new(u128::from_be_bytes(asked.key)),
        };
        let at = instant(asked.at)?;
        let decide = || match self {
            Self::Confirm => registry.confirm(&settle, at),
            Self::Cancel => registry.cancel(&settle, at),
        };
        let decided: Answered<Settled> = match acting(asked.role, asked.actor, asked.contact, asked.reason)? {
            None => decide(),
            Some(who) => actor::by(&who, decide),
        };
        let Decided { answer, ack } = decided.map_err(|error| status_of(&error))?;
        let ack = number_of(&ack);
        Ok(match answer {
            Ok(settled) => haoyuan_settled_t {
                booking: settled.booking.get(),
                ack,
                sequence: settled.sequence.0,
                changed: u32::from(settled.changed),
                ..haoyuan_settled_t::default()
            },
            Err(reason) => {
                let (retry, binding, retry_from, binding_value) = refused(&reason);
                let status = refusal(reason.code);
                haoyuan_settled_t {
                    status,
                    ack,
                    retry,
                    binding,
                    retry_from,
                    binding_value,
                    ..haoyuan_settled_t::default()
                }
            }
        })
    }

    #[inline]
    fn status(answer: &haoyuan_settled_t) -> i32 {
        answer.status
    }

    fn failed(status: Status) -> haoyuan_settled_t {
        haoyuan_settled_t { status: status.number(), ..haoyuan_settled_t::default() }
    }
}

/// # Safety
/// As `haoyuan_hold`.
#[inline]
unsafe fn one<H: Hot>(registry: haoyuan_t, asked: *const H::Asked, answer: *mut H::Answer, hot: H) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let out = match unsafe { Out::new(answer) } {
        Ok(out) => out,
        Err(status) => return status.number(),
    };
    let decided = boundary::call(registry, |registry| {
        // SAFETY: the caller's duty.
        let asked = unsafe { read(asked) }?;
        hot.decide(registry, &asked)
    });
    match decided {
        Ok(answer) => {
            out.write(&answer);
            H::status(&answer)
        }
        Err(status) => {
            out.clear();
            status.number()
        }
    }
}

/// # Safety
/// As `haoyuan_hold_batch`.
unsafe fn many<H: Hot + Copy>(
    registry: haoyuan_t,
    asked: *const H::Asked,
    answers: *mut H::Answer,
    count: usize,
    hot: H,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let outs = match unsafe { Outs::new(answers, count) } {
        Ok(outs) => outs,
        Err(status) => return status.number(),
    };
    let decided = boundary::call(registry, |registry| {
        // SAFETY: the caller's duty. Everything that is wrong with the array is found before the first decision.
        let asked = unsafe { Structs::new(asked, count) }?;
        for index in 0..asked.count() {
            let decided = asked.get(index).and_then(|asked| hot.decide(registry, &asked));
            outs.at(index).write(&decided.unwrap_or_else(H::failed));
        }
        Ok(Status::Ok.number())
    });
    if decided.is_err() {
        outs.clear();
    }
    boundary::number(decided)
}

/// Holds a seat for a patient until it is confirmed or the hold runs out.
///
/// Any thread, also at once with every other function; not from a callback. Lock-free in memory; with a journal it waits only while the
/// journal's queue is full. Durable when `haoyuan_wait` says so for `grant->ack`. Returns `HAOYUAN_OK`, a refusal (then `grant` says why
/// and whether to ask again), or what is wrong with the arguments (then `grant` is cleared); `HAOYUAN_JOURNAL_FAILED` if nothing is
/// decided any more.
///
/// # Safety
/// `wish` and `grant` as long as their `struct_size`, which are set; `grant` writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_hold(
    registry: haoyuan_t,
    wish: *const haoyuan_wish_t,
    grant: *mut haoyuan_grant_t,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    unsafe { one(registry, wish, grant, Claim::Hold) }
}

/// Holds and confirms a seat in one step. Otherwise as `haoyuan_hold`.
///
/// # Safety
/// As `haoyuan_hold`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_book(
    registry: haoyuan_t,
    wish: *const haoyuan_wish_t,
    grant: *mut haoyuan_grant_t,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    unsafe { one(registry, wish, grant, Claim::Book) }
}

/// Makes a booking of a hold; repeating it changes nothing. Otherwise as `haoyuan_hold`.
///
/// # Safety
/// As `haoyuan_hold`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_confirm(
    registry: haoyuan_t,
    settle: *const haoyuan_settle_t,
    settled: *mut haoyuan_settled_t,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    unsafe { one(registry, settle, settled, Settling::Confirm) }
}

/// Gives a hold or booking back. Otherwise as `haoyuan_hold`.
///
/// # Safety
/// As `haoyuan_hold`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_cancel(
    registry: haoyuan_t,
    settle: *const haoyuan_settle_t,
    settled: *mut haoyuan_settled_t,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    unsafe { one(registry, settle, settled, Settling::Cancel) }
}

/// `haoyuan_hold` for each of `count` wishes, in order, in one call: for languages in which a call is dear. `count` is at most
/// `HAOYUAN_BATCH_MAX`. All wishes have the first one's `struct_size`, and so have the grants.
///
/// Threads as `haoyuan_hold`. Returns `HAOYUAN_OK` if every wish was answered, each in its grant's `status`; otherwise what is wrong with
/// the arrays, and nothing was decided.
///
/// # Safety
/// `wishes` and `grants` point to `count` structures; `grants` are writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_hold_batch(
    registry: haoyuan_t,
    wishes: *const haoyuan_wish_t,
    grants: *mut haoyuan_grant_t,
    count: usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    unsafe { many(registry, wishes, grants, count, Claim::Hold) }
}

/// `haoyuan_book` for each of `count` wishes. Otherwise as `haoyuan_hold_batch`.
///
/// # Safety
/// As `haoyuan_hold_batch`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_book_batch(
    registry: haoyuan_t,
    wishes: *const haoyuan_wish_t,
    grants: *mut haoyuan_grant_t,
    count: usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    unsafe { many(registry, wishes, grants, count, Claim::Book) }
}

/// `haoyuan_confirm` for each of `count`. Otherwise as `haoyuan_hold_batch`.
///
/// # Safety
/// As `haoyuan_hold_batch`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_confirm_batch(
    registry: haoyuan_t,
    settles: *const haoyuan_settle_t,
    settled: *mut haoyuan_settled_t,
    count: usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    unsafe { many(registry, settles, settled, count, Settling::Confirm) }
}

/// `haoyuan_cancel` for each of `count`. Otherwise as `haoyuan_hold_batch`.
///
/// # Safety
/// As `haoyuan_hold_batch`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_cancel_batch(
    registry: haoyuan_t,
    settles: *const haoyuan_settle_t,
    settled: *mut haoyuan_settled_t,
    count: usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    unsafe { many(registry, settles, settled, count, Settling::Cancel) }
}

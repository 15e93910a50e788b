//! The hot path: hold, confirm, cancel, book, one at a time and many in one call.
//!
//! INVARIANT (the same decision): a call of the batch form decides exactly what its elements would one after another; an element that is
//! wrong is answered with its own status and holds nobody up.

#![expect(clippy::inline_always, reason = "an answer is built where it goes; calls would copy it once more")]

use crate::boundary;
use crate::codes::{
    HAOYUAN_BINDING_BOOKING, HAOYUAN_BINDING_LIMIT, HAOYUAN_BINDING_NONE, HAOYUAN_BINDING_POOL,
    HAOYUAN_BOOKED, HAOYUAN_HELD, HAOYUAN_RETRY_FROM, HAOYUAN_RETRY_NEVER, HAOYUAN_RETRY_NOW,
    HAOYUAN_RETRY_WHEN_RETURNED,
};
use crate::memory::{Out, Outs, Structs, read_sized, size_of_struct, wrong};
use crate::open::status_of;
use crate::status::{Status, refusal};
use crate::types::{Struct, haoyuan_grant_t, haoyuan_settle_t, haoyuan_settled_t, haoyuan_t, haoyuan_wish_t};
use haoyuan::actor::{Actor, ActorId, Role};
use haoyuan::ids::{BookingId, IdempotencyKey, PatientKey, SessionId, SlotIndex, SlotRef, TicketId};
use haoyuan::instant::Instant;
use haoyuan::refusal::{Binding, Refusal, Retry};
use haoyuan::request::{Grant, Settle, Settled, Standing, Wish};
use haoyuan::terms::{Channel, Class};
use haoyuan::{Ack, Decided, Error, Registry};
use std::num::NonZeroU16;

type Answered<A> = Result<Decided<Result<A, Refusal>>, Error>;

// ---- what goes in

pub(crate) fn instant(ms: i64) -> Result<Instant, Status> {
    Instant::new(ms).ok_or_else(|| {
        wrong(
            "at",
            "is not between 0 and 2^42 - 2 milliseconds since 1970",
            "须为 0 至 2^42 - 2(自 1970 年起的毫秒数)",
        )
    })
}

/// A slot by its numbers; what does not exist is for the engine to say, as a refusal.
#[inline(always)]
pub(crate) fn slot(session: u32, slot: u32) -> Option<SlotRef> {
    let slot = SlotIndex::new(u16::try_from(slot).ok()?)?;
    Some(SlotRef { session: SessionId::new(session)?, slot })
}

#[inline(always)]
pub(crate) fn class(number: u32) -> Option<Class> {
    Class::from_number(u8::try_from(number).ok()?)
}

#[inline(always)]
pub(crate) fn channel(number: u32) -> Option<Channel> {
    Channel::from_number(u8::try_from(number).ok()?)
}

/// Which field of a question is out of range. Asked when one is.
#[cold]
pub(crate) fn what_is_wrong(
    session: u32,
    number: u32,
    patient_class: u32,
    way: u32,
    at: i64,
    reserved: u32,
) -> Status {
    if reserved != 0 {
        wrong("reserved", "is not 0", "须为 0")
    } else if SessionId::new(session).is_none() {
        wrong("session", "is above 2^24 - 1", "大于 2^24 - 1")
    } else if slot(session, number).is_none() {
        wrong("slot", "is above 1023", "大于 1023")
    } else if class(patient_class).is_none() {
        wrong("patient_class", "is none of HAOYUAN_CLASS_…", "不是 HAOYUAN_CLASS_… 之一")
    } else if channel(way).is_none() {
        wrong("channel", "is none of HAOYUAN_CHANNEL_…", "不是 HAOYUAN_CHANNEL_… 之一")
    } else if let Err(status) = instant(at) {
        status
    } else {
        wrong("patient", "is zero", "为零")
    }
}

#[cold]
fn what_is_wrong_with_a_wish(asked: &haoyuan_wish_t) -> Status {
    what_is_wrong(asked.session, asked.slot, asked.patient_class, asked.channel, asked.at, asked.reserved)
}

#[cold]
fn what_is_wrong_with_a_settlement(asked: &haoyuan_settle_t) -> Status {
    if BookingId::new(asked.booking).is_none() {
        wrong("booking", "is no number of a booking", "不是预约的编号")
    } else {
        what_is_wrong(0, 0, 0, 0, asked.at, asked.reserved)
    }
}

/// Who gives the command.
pub(crate) fn who(role: u32, id: u64, contact: u64, reason: u32) -> Result<Actor, Status> {
    let role = u8::try_from(role)
        .ok()
        .and_then(Role::from_number)
        .ok_or_else(|| wrong("role", "is none of HAOYUAN_ROLE_…", "不是 HAOYUAN_ROLE_… 之一"))?;
    let reason = u16::try_from(reason).map_err(|_| wrong("reason", "is above 65535", "大于 65535"))?;
    Ok(Actor { role, id: ActorId::new(id), contact: ActorId::new(contact), reason: NonZeroU16::new(reason) })
}

// ---- what comes out

/// The fields that every answer has for a refusal: `retry`, `binding`, `retry_from`, `binding_value`.
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

/// A command of the hot path.
///
/// Nothing is moved twice on the way: the question is read where it is, and the answer built where it goes.
trait Hot: Copy {
    type Asked: Struct;
    type Answer: Struct;
    /// Decides, writes the answer, and returns the number of the call. After an error nothing is written.
    ///
    /// # Safety
    /// Both are aligned and of this version's size: the first readable, the second writable. They may be the same memory.
    unsafe fn decide(
        self,
        registry: &Registry,
        asked: *const Self::Asked,
        answer: *mut Self::Answer,
    ) -> Result<i32, Status>;
    /// What is written for an element of a batch that is wrong.
    fn failed(status: Status) -> Self::Answer;
}

#[derive(Clone, Copy)]
enum Claim {
    Hold,
    Book,
}

impl Claim {
    #[inline(always)]
    fn parse(asked: &haoyuan_wish_t) -> Option<(Wish, Instant)> {
        if asked.reserved != 0 {
            return None;
        }
        let wish = Wish {
            patient: PatientKey::new(u128::from_be_bytes(asked.patient))?,
            slot: slot(asked.session, asked.slot)?,
            class: class(asked.patient_class)?,
            channel: channel(asked.channel)?,
            ticket: TicketId::new(u128::from_be_bytes(asked.ticket)),
            key: IdempotencyKey::new(u128::from_be_bytes(asked.key)),
        };
        Some((wish, Instant::new(asked.at)?))
    }

    /// The same in the name of somebody.
    #[cold]
    fn by(
        self,
        registry: &Registry,
        asked: &haoyuan_wish_t,
        wish: &Wish,
        at: Instant,
    ) -> Result<Answered<Grant>, Status> {
        let who = who(asked.role, asked.actor, asked.contact, asked.reason)?;
        Ok(match self {
            Self::Hold => registry.by(&who).hold(wish, at),
            Self::Book => registry.by(&who).book(wish, at),
        })
    }
}

impl Hot for Claim {
    type Asked = haoyuan_wish_t;
    type Answer = haoyuan_grant_t;

    #[inline(always)]
    unsafe fn decide(
        self,
        registry: &Registry,
        asked: *const haoyuan_wish_t,
        answer: *mut haoyuan_grant_t,
    ) -> Result<i32, Status> {
        let decided = {
            // SAFETY: the caller's duty. The reference ends before the answer is written.
            let asked = unsafe { &*asked };
            let Some((wish, at)) = Self::parse(asked) else { return Err(what_is_wrong_with_a_wish(asked)) };
            if asked.role | asked.reason != 0 || asked.actor | asked.contact != 0 {
                self.by(registry, asked, &wish, at)?
            } else {
                match self {
                    Self::Hold => registry.hold(&wish, at),
                    Self::Book => registry.book(&wish, at),
                }
            }
        };
        let Decided { answer: told, ack } = match decided {
            Ok(decided) => decided,
            Err(error) => return Err(status_of(&error)),
        };
        let ack = number_of(&ack);
        let (written, status) = match told {
            Ok(grant) => {
                let (standing, expires) = match grant.standing {
                    Standing::HeldUntil(expires) => (HAOYUAN_HELD, expires.ms()),
                    Standing::Booked => (HAOYUAN_BOOKED, 0),
                };
                let granted = haoyuan_grant_t {
                    struct_size: haoyuan_grant_t::SIZE,
                    status: 0,
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
                    retry: 0,
                    binding: 0,
                    retry_from: 0,
                    binding_value: 0,
                };
                // SAFETY: the caller's duty.
                unsafe { answer.write(granted) };
                return Ok(Status::Ok.number());
            }
            Err(reason) => {
                let (retry, binding, retry_from, binding_value) = refused(&reason);
                let status = refusal(reason.code);
                let failed = Self::failed(Status::Ok);
                (haoyuan_grant_t { status, ack, retry, binding, retry_from, binding_value, ..failed }, status)
            }
        };
        // SAFETY: the caller's duty.
        unsafe { answer.write(written) };
        Ok(status)
    }

    fn failed(status: Status) -> haoyuan_grant_t {
        haoyuan_grant_t {
            struct_size: haoyuan_grant_t::SIZE,
            status: status.number(),
            ..haoyuan_grant_t::default()
        }
    }
}

#[derive(Clone, Copy)]
enum Settling {
    Confirm,
    Cancel,
}

impl Settling {
    #[inline(always)]
    fn parse(asked: &haoyuan_settle_t) -> Option<(Settle, Instant)> {
        if asked.reserved != 0 {
            return None;
        }
        let settle = Settle {
            patient: PatientKey::new(u128::from_be_bytes(asked.patient))?,
            booking: BookingId::new(asked.booking)?,
            key: IdempotencyKey::new(u128::from_be_bytes(asked.key)),
        };
        Some((settle, Instant::new(asked.at)?))
    }

    /// The same in the name of somebody.
    #[cold]
    fn by(
        self,
        registry: &Registry,
        asked: &haoyuan_settle_t,
        settle: &Settle,
        at: Instant,
    ) -> Result<Answered<Settled>, Status> {
        let who = who(asked.role, asked.actor, asked.contact, asked.reason)?;
        Ok(match self {
            Self::Confirm => registry.by(&who).confirm(settle, at),
            Self::Cancel => registry.by(&who).cancel(settle, at),
        })
    }
}

impl Hot for Settling {
    type Asked = haoyuan_settle_t;
    type Answer = haoyuan_settled_t;

    #[inline(always)]
    unsafe fn decide(
        self,
        registry: &Registry,
        asked: *const haoyuan_settle_t,
        answer: *mut haoyuan_settled_t,
    ) -> Result<i32, Status> {
        let decided = {
            // SAFETY: the caller's duty. The reference ends before the answer is written.
            let asked = unsafe { &*asked };
            let Some((settle, at)) = Self::parse(asked) else {
                return Err(what_is_wrong_with_a_settlement(asked));
            };
            if asked.role | asked.reason != 0 || asked.actor | asked.contact != 0 {
                self.by(registry, asked, &settle, at)?
            } else {
                match self {
                    Self::Confirm => registry.confirm(&settle, at),
                    Self::Cancel => registry.cancel(&settle, at),
                }
            }
        };
        let Decided { answer: told, ack } = match decided {
            Ok(decided) => decided,
            Err(error) => return Err(status_of(&error)),
        };
        let ack = number_of(&ack);
        let failed = Self::failed(Status::Ok);
        let (written, status) = match told {
            Ok(settled) => {
                let changed = u32::from(settled.changed);
                let sequence = settled.sequence.0;
                (haoyuan_settled_t { booking: settled.booking.get(), ack, sequence, changed, ..failed }, 0)
            }
            Err(reason) => {
                let (retry, binding, retry_from, binding_value) = refused(&reason);
                let status = refusal(reason.code);
                (
                    haoyuan_settled_t { status, ack, retry, binding, retry_from, binding_value, ..failed },
                    status,
                )
            }
        };
        // SAFETY: the caller's duty.
        unsafe { answer.write(written) };
        Ok(status)
    }

    #[inline(always)]
    fn failed(status: Status) -> haoyuan_settled_t {
        haoyuan_settled_t {
            struct_size: haoyuan_settled_t::SIZE,
            status: status.number(),
            ..haoyuan_settled_t::default()
        }
    }
}

/// # Safety
/// As `haoyuan_hold`.
#[inline(always)]
unsafe fn one<H: Hot>(registry: haoyuan_t, asked: *const H::Asked, answer: *mut H::Answer, hot: H) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let out = match unsafe { Out::new(answer) } {
        Ok(out) => out,
        Err(status) => return status.number(),
    };
    let decided = boundary::call(registry, |registry| {
        // SAFETY: the caller's duty.
        let size = unsafe { size_of_struct(asked) }?;
        if size == size_of::<H::Asked>() && out.is_exact() {
            // SAFETY: both were checked; that they are as long as they say is the caller's duty.
            unsafe { hot.decide(registry, asked, answer) }
        } else {
            // SAFETY: as above.
            unsafe { decide_other(registry, asked, size, &out, hot) }
        }
    });
    if decided.is_err() {
        out.clear();
    }
    boundary::number(decided)
}

/// Decides for a caller of another version.
///
/// # Safety
/// As `haoyuan_hold`; `size` was checked.
#[cold]
unsafe fn decide_other<H: Hot>(
    registry: &Registry,
    asked: *const H::Asked,
    size: usize,
    out: &Out<H::Answer>,
    hot: H,
) -> Result<i32, Status> {
    // SAFETY: the caller's duty, passed on.
    let asked = unsafe { read_sized(asked, size) }?;
    let mut answer = H::failed(Status::Ok);
    // SAFETY: both are this function's own.
    let status = unsafe { hot.decide(registry, &raw const asked, &raw mut answer) }?;
    out.write(answer);
    Ok(status)
}

/// # Safety
/// As `haoyuan_hold_batch`.
#[inline(always)]
unsafe fn many<H: Hot>(
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
        let exact = asked.is_exact() && outs.is_exact();
        for index in 0..count {
            let (element, out) = (asked.at(index), outs.at(index));
            let decided = if exact {
                // SAFETY: both arrays were checked; that they are as long as they say is the caller's duty.
                unsafe { hot.decide(registry, element, out.pointer()) }
            } else {
                // SAFETY: as above.
                unsafe { decide_other(registry, element, asked.size(), &out, hot) }
            };
            if let Err(status) = decided {
                out.write(H::failed(status));
            }
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
/// Any thread, also at once with every other function; not from a callback. Lock-free, but for a block that somebody waits for or that
/// keeps a returned seat back: there it takes the lock of the hospital's day. With a journal it also waits while the journal's queue is
/// full. Durable when `haoyuan_wait` says so for `grant->ack`. Returns `HAOYUAN_OK`, a refusal (then `grant` says why and whether to ask
/// again), or what is wrong with the arguments (then `grant` is cleared); `HAOYUAN_JOURNAL_FAILED` if nothing is decided any more.
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

/// Gives a hold or booking back. Otherwise as `haoyuan_hold`; it takes that lock also for a booking whose policy counts cancellations or
/// keeps returned seats back.
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

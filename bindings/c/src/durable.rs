//! Waiting for durability: by waiting, by asking, by being called back.
//!
//! An acknowledgement is a number of the registry that gave it, valid until that is closed. 0 is durable: there was nothing to write.

use crate::boundary;
use crate::here::{self, set_error};
use crate::memory::numbers;
use crate::status::Status;
use crate::types::{haoyuan_durable_t, haoyuan_t};
use haoyuan::said::Speak;
use haoyuan::{Ack, Registry};
use parking_lot::{Condvar, Mutex};
use std::ffi::c_void;
use std::sync::Arc;
use std::time::{Duration, Instant};

fn ack(registry: &Registry, number: u64) -> Result<Ack, Status> {
    if number == 0 {
        return Ok(Ack::NOTHING);
    }
    registry.ack(number).ok_or(Status::UnknownAck)
}

fn failed(error: &haoyuan::journal::Error) -> Status {
    set_error(error.said());
    Status::JournalFailed
}

/// Whether a decision is durable.
///
/// Any thread; not from a callback. Lock-free. Returns `HAOYUAN_OK`, `HAOYUAN_PENDING`, `HAOYUAN_JOURNAL_FAILED` if it never will be,
/// `HAOYUAN_UNKNOWN_ACK`, `HAOYUAN_INVALID_HANDLE`.
#[unsafe(no_mangle)]
pub extern "C" fn haoyuan_poll(registry: haoyuan_t, ack: u64) -> i32 {
    boundary::number(boundary::call(registry, |registry| match self::ack(registry, ack)?.poll() {
        Some(Ok(())) => Ok(Status::Ok.number()),
        Some(Err(error)) => Err(failed(&error)),
        None => Err(Status::Pending),
    }))
}

/// Waits until `count` decisions are durable, at most `timeout_ms` milliseconds; for ever if that is negative, not at all if it is 0. An
/// `acks` that is waited for is not kept waiting for company; many waited for in one call share their sync.
///
/// Any thread; not from a callback. `haoyuan_close` waits for it. Returns `HAOYUAN_OK` if all are durable, `HAOYUAN_PENDING` when the time is
/// up, `HAOYUAN_JOURNAL_FAILED`, `HAOYUAN_UNKNOWN_ACK`, or what is wrong with the arguments.
///
/// # Safety
/// `acks` points to `count` numbers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_wait(
    registry: haoyuan_t,
    acks: *const u64,
    count: usize,
    timeout_ms: i64,
) -> i32 {
    boundary::number(boundary::call(registry, |registry| {
        // SAFETY: the caller's duty, passed on.
        let acks = unsafe { numbers(acks, count) }?;
        let acks = acks.iter().map(|number| ack(registry, *number)).collect::<Result<Vec<_>, _>>()?;
        // A time that is further away than the clock can count is for ever.
        let until =
            u64::try_from(timeout_ms).ok().map(|ms| Instant::now().checked_add(Duration::from_millis(ms)));
        match until {
            None | Some(None) => {
                // The last first: mostly it covers the others.
                acks.iter().rev().try_for_each(Ack::wait).map_err(|error| failed(&error))?;
            }
            Some(Some(until)) => acks.iter().rev().try_for_each(|ack| wait_until(ack, until))?,
        }
        Ok(Status::Ok.number())
    }))
}

fn wait_until(ack: &Ack, until: Instant) -> Result<(), Status> {
    if let Some(outcome) = ack.poll() {
        return outcome.map_err(|error| failed(&error));
    }
    if Instant::now() >= until {
        return Err(Status::Pending);
    }
    let told = Arc::new((Mutex::new(None), Condvar::new()));
    let teller = Arc::clone(&told);
    ack.on_durable(move |outcome| {
        *teller.0.lock() = Some(outcome);
        teller.1.notify_one();
    });
    let mut outcome = told.0.lock();
    while outcome.is_none() {
        if told.1.wait_until(&mut outcome, until).timed_out() {
            break;
        }
    }
    match outcome.take() {
        None => Err(Status::Pending),
        Some(Ok(())) => Ok(()),
        Some(Err(error)) => Err(failed(&error)),
    }
}

/// The host's callback and its context.
struct Callback {
    call: unsafe extern "C" fn(*mut c_void, u64, i32),
    context: *mut c_void,
    ack: u64,
}

// SAFETY: the context is never followed here; that the callback may be called with it from another thread is the host's documented duty
// (`haoyuan_on_durable`).
unsafe impl Send for Callback {}

impl Callback {
    fn tell(self, status: Status) {
        here::elsewhere(|| {
            // SAFETY: the host's duty (`haoyuan_on_durable`): the callback can be called once, from any thread, before the registry is
            // closed, and does not unwind.
            unsafe { (self.call)(self.context, self.ack, status.number()) };
        });
    }
}

/// Calls back once, when a decision is durable or never will be: from whichever thread synced it, or at once from this one. The callback
/// must be short, must not unwind or jump out, and may not use a registry (`HAOYUAN_REENTERED`): let it wake a thread of yours.
///
/// Any thread; not from a callback. Returns `HAOYUAN_OK` if it has called or will, `HAOYUAN_NULL_POINTER` without a callback,
/// `HAOYUAN_UNKNOWN_ACK`, `HAOYUAN_INVALID_HANDLE`; then it never calls.
///
/// # Safety
/// `callback` can be called with `context` from any thread until `haoyuan_close` has returned.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_on_durable(
    registry: haoyuan_t,
    ack: u64,
    callback: haoyuan_durable_t,
    context: *mut c_void,
) -> i32 {
    boundary::number(boundary::call(registry, |registry| {
        let call = callback.ok_or(Status::NullPointer)?;
        let callback = Callback { call, context, ack };
        self::ack(registry, ack)?.on_durable(move |outcome| {
            callback.tell(match outcome {
                Ok(()) => Status::Ok,
                Err(_) => Status::JournalFailed,
            });
        });
        Ok(Status::Ok.number())
    }))
}

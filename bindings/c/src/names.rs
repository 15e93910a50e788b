//! Words: of statuses and refusals in both languages, of what is called by a number here and by a code in the hospital.

use crate::boundary::{self, free};
use crate::codes::{HAOYUAN_CHINESE, HAOYUAN_ENGLISH};
use crate::here;
use crate::memory::{Buffer, Number, text, wrong};
use crate::status::{Status, refusal, words};
use crate::types::haoyuan_t;
use haoyuan::ids::{SessionId, SlotIndex, SlotRef};
use haoyuan::refusal::Code;
use std::ffi::c_char;

/// What a status or refusal means, for people, in `HAOYUAN_ENGLISH` or `HAOYUAN_CHINESE`.
///
/// Any thread, any time. Returns `HAOYUAN_OK`, `HAOYUAN_INVALID_ARGUMENT` for an unknown number or language, or what is wrong with
/// the buffer.
///
/// # Safety
/// `buffer` null with capacity 0, or `capacity` writable bytes; `needed` a writable number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_status_text(
    status: i32,
    language: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    free(|| {
        // SAFETY: the caller's duty, passed on.
        let buffer = unsafe { Buffer::new(buffer, capacity, needed) }?;
        let (_, en, zh) = words(status)
            .ok_or_else(|| wrong("status", "is no number that a function returns", "不是函数返回的编号"))?;
        match language {
            HAOYUAN_ENGLISH => buffer.write(en),
            HAOYUAN_CHINESE => buffer.write(zh),
            _ => Err(wrong("language", "is neither ENGLISH nor CHINESE", "既不是 ENGLISH 也不是 CHINESE")),
        }
    })
}

/// The stable word of a status or refusal, such as `SLOT_FULL`: the same as in JSON and in the journal.
///
/// Any thread, any time. Returns as `haoyuan_status_text`.
///
/// # Safety
/// As `haoyuan_status_text`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_status_name(
    status: i32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    free(|| {
        // SAFETY: the caller's duty, passed on.
        let buffer = unsafe { Buffer::new(buffer, capacity, needed) }?;
        let (name, ..) = words(status)
            .ok_or_else(|| wrong("status", "is no number that a function returns", "不是函数返回的编号"))?;
        buffer.write(name)
    })
}

/// What went wrong in detail, in the last call of this thread that said more than its number; empty if none did. In English; in
/// Chinese by `haoyuan_last_error_text`.
///
/// Any thread, any time. Returns `HAOYUAN_OK` or what is wrong with the buffer.
///
/// # Safety
/// As `haoyuan_status_text`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_last_error(buffer: *mut c_char, capacity: usize, needed: *mut usize) -> i32 {
    // SAFETY: the caller's duty, passed on.
    free(|| unsafe { Buffer::new(buffer, capacity, needed) }?.write(&here::error().en))
}

/// The same as `haoyuan_last_error`, in `HAOYUAN_ENGLISH` or `HAOYUAN_CHINESE`. Names of fields and what the system says stay as they are.
///
/// Any thread, any time. Returns `HAOYUAN_OK`, `HAOYUAN_INVALID_ARGUMENT` for an unknown language, or what is wrong with the buffer.
///
/// # Safety
/// As `haoyuan_status_text`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_last_error_text(
    language: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    free(|| {
        // SAFETY: the caller's duty, passed on.
        let buffer = unsafe { Buffer::new(buffer, capacity, needed) }?;
        let said = here::error();
        match language {
            HAOYUAN_ENGLISH => buffer.write(&said.en),
            HAOYUAN_CHINESE => buffer.write(&said.zh),
            _ => Err(wrong("language", "is neither ENGLISH nor CHINESE", "既不是 ENGLISH 也不是 CHINESE")),
        }
    })
}

/// The number of a session, by its code; 0 to 2^24 - 1, stable until the registry is closed and over restarts with a journal.
///
/// Any thread; not from a callback; waits for nobody but a publication that is entering the same code. Returns `HAOYUAN_OK`,
/// `HAOYUAN_UNKNOWN_SESSION`, or what is wrong with the arguments.
///
/// # Safety
/// `code` as long as `length`; `session` a writable number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_find_session(
    registry: haoyuan_t,
    code: *const c_char,
    length: usize,
    session: *mut u32,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let found = match unsafe { Number::new(session) } {
        Ok(found) => found,
        Err(status) => return status.number(),
    };
    boundary::number(boundary::call(registry, |registry| {
        // SAFETY: the caller's duty.
        let code = unsafe { text(code, length) }?;
        let Some(id) = registry.engine().find(code) else { return Ok(refusal(Code::UnknownSession)) };
        found.set(id.get());
        Ok(Status::Ok.number())
    }))
}

/// The code of a session, by its number.
///
/// Any thread; not from a callback. Returns `HAOYUAN_OK`, `HAOYUAN_UNKNOWN_SESSION`, or what is wrong with the arguments.
///
/// # Safety
/// As `haoyuan_status_text`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_session_code(
    registry: haoyuan_t,
    session: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let buffer = match unsafe { Buffer::new(buffer, capacity, needed) } {
        Ok(buffer) => buffer,
        Err(status) => return status.number(),
    };
    boundary::number(boundary::call(registry, |registry| {
        let view = SessionId::new(session).and_then(|id| registry.engine().session(id));
        view.map_or(Ok(refusal(Code::UnknownSession)), |view| buffer.write(&view.code))
    }))
}

/// The code of an institution, by its number in a grant.
///
/// Any thread; not from a callback. Returns `HAOYUAN_OK`, `HAOYUAN_INVALID_ARGUMENT` if there is none, or what is wrong with the
/// arguments.
///
/// # Safety
/// As `haoyuan_status_text`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_institution_code(
    registry: haoyuan_t,
    institution: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let buffer = match unsafe { Buffer::new(buffer, capacity, needed) } {
        Ok(buffer) => buffer,
        Err(status) => return status.number(),
    };
    boundary::number(boundary::call(registry, |registry| {
        let directory = registry.platform().directory();
        let entry = usize::try_from(institution).ok().and_then(|index| directory.institutions().get(index));
        entry.map_or_else(
            || Err(wrong("institution", "is not registered", "未登记")),
            |entry| buffer.write(&entry.code),
        )
    }))
}

/// The name of a pool of a slot, as the policy calls it: what admitted a grant, or what bound a refusal.
///
/// Any thread; not from a callback. Returns `HAOYUAN_OK`, `HAOYUAN_UNKNOWN_SLOT`, `HAOYUAN_INVALID_ARGUMENT` if the slot has no such
/// pool, or what is wrong with the arguments.
///
/// # Safety
/// As `haoyuan_status_text`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_pool_name(
    registry: haoyuan_t,
    session: u32,
    slot: u32,
    pool: u32,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let buffer = match unsafe { Buffer::new(buffer, capacity, needed) } {
        Ok(buffer) => buffer,
        Err(status) => return status.number(),
    };
    boundary::number(boundary::call(registry, |registry| {
        let slot = SessionId::new(session)
            .zip(u16::try_from(slot).ok().and_then(SlotIndex::new))
            .map(|(session, slot)| SlotRef { session, slot });
        let Some(tree) = slot.and_then(|slot| registry.engine().tree(slot)) else {
            return Ok(refusal(Code::UnknownSlot));
        };
        let node = usize::try_from(pool).ok().and_then(|index| tree.nodes().get(index));
        node.map_or_else(
            || Err(wrong("pool", "is none of this slot", "不属于该时段")),
            |node| buffer.write(&node.name),
        )
    }))
}

//! Everything else: one command of the JSON language in, one answer out. What `haoyuan run` can do is all here.

use crate::boundary;
use crate::here;
use crate::memory::{Buffer, Number, text, wrong};
use crate::status::Status;
use crate::types::haoyuan_t;
use haoyuan::Decided;
use std::ffi::c_char;

/// Carries out one command of the JSON language, `length` bytes of UTF-8 on one line, and writes its answer into `buffer`, `needed` bytes
/// long. With `HAOYUAN_SYNCED` the answer comes when it is durable.
///
/// If the buffer is too small the command has been carried out all the same: fetch its answer with `haoyuan_last_answer`, and do not repeat it.
///
/// Any thread, also at once with every other function; not from a callback. Returns `HAOYUAN_OK` if there is an answer, whatever its outcome,
/// `HAOYUAN_BUFFER_TOO_SMALL`, or what is wrong with the arguments; then nothing was done.
///
/// # Safety
/// `json` points to `length` bytes; `buffer` is null with capacity 0, or `capacity` writable bytes; `needed` is a writable number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_execute(
    registry: haoyuan_t,
    json: *const c_char,
    length: usize,
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
        // SAFETY: the caller's duty.
        let line = unsafe { line(json, length) }?;
        keep_or_write(&buffer, registry.execute(line))
    }))
}

/// Carries out one command as `haoyuan_execute` does and does not wait for the disk: `ack` gets the acknowledgement of all that the command
/// changed, for `haoyuan_poll`, `haoyuan_wait` or `haoyuan_on_durable`; 0 if there is nothing to wait for.
///
/// If the buffer is too small the command has been carried out all the same, and `ack` is set: fetch the answer with
/// `haoyuan_last_answer`, and do not repeat the command.
///
/// Any thread, also at once with every other function; not from a callback. Returns as `haoyuan_execute`.
///
/// # Safety
/// As `haoyuan_execute`; `ack` is a writable number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_submit(
    registry: haoyuan_t,
    json: *const c_char,
    length: usize,
    ack: *mut u64,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    // SAFETY: the caller's duty, passed on.
    let number = match unsafe { Number::new(ack) } {
        Ok(number) => number,
        Err(status) => return status.number(),
    };
    // SAFETY: the caller's duty, passed on.
    let buffer = match unsafe { Buffer::new(buffer, capacity, needed) } {
        Ok(buffer) => buffer,
        Err(status) => return status.number(),
    };
    boundary::number(boundary::call(registry, |registry| {
        // SAFETY: the caller's duty.
        let line = unsafe { line(json, length) }?;
        let Decided { answer, ack } = registry.submit(line);
        number.set(registry.number_of(&ack));
        keep_or_write(&buffer, answer.to_json())
    }))
}

/// The caller's line.
///
/// # Safety
/// As `haoyuan_execute`.
unsafe fn line<'a>(json: *const c_char, length: usize) -> Result<&'a str, Status> {
    if json.is_null() {
        return Err(Status::NullPointer);
    }
    // SAFETY: the same duty.
    unsafe { text(json, length) }
}

/// Writes an answer, or keeps it for `haoyuan_last_answer` if there is no room.
fn keep_or_write(buffer: &Buffer, answer: String) -> Result<i32, Status> {
    let written = buffer.write(&answer);
    here::keep_answer(written.is_err().then_some(answer));
    written
}

/// The answer to this thread's last `haoyuan_execute` or `haoyuan_submit`, if that had too small a buffer; it can be fetched until the next one.
///
/// Any thread, any time. Returns `HAOYUAN_OK`, `HAOYUAN_BUFFER_TOO_SMALL`, `HAOYUAN_INVALID_ARGUMENT` if no answer is kept, or what is wrong
/// with the buffer.
///
/// # Safety
/// `buffer` null with capacity 0, or `capacity` writable bytes; `needed` a writable number.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn haoyuan_last_answer(
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> i32 {
    boundary::free(|| {
        // SAFETY: the caller's duty, passed on.
        let buffer = unsafe { Buffer::new(buffer, capacity, needed) }?;
        match here::answer() {
            Some(answer) => buffer.write(&answer),
            None => {
                Err(wrong("answer", "of no command is kept for this thread", "本线程未保留任何命令的答复"))
            }
        }
    })
}

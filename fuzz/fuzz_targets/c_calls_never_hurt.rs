//! Any sequence of calls of the C ABI, with any values in any order: each returns a number that has a name, what is refused for its
//! arguments leaves its answer clear, and in the end every count is right.
//!
//! What stays within the duties of a caller (README of the binding) is all that is not tried: pointers are null or point to as much memory as
//! is said.
#![no_main]
#![expect(unsafe_code, reason = "a C ABI is called as C calls it")]

use haoyuan_c::*;
use libfuzzer_sys::fuzz_target;
use std::ffi::c_char;

/// Room for eight structures of the largest size that the library reads or writes.
const ROOM: usize = 8 * 4096;

#[repr(C, align(16))]
struct Arena([u8; ROOM]);

/// Numbers from the input; zeros when it is used up.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    fn long(&mut self) -> u64 {
        u64::from_le_bytes(std::array::from_fn(|_| self.byte()))
    }

    /// A plausible length now and then, a wild one otherwise; never one that is allowed and longer than the arena.
    fn length(&mut self) -> usize {
        match self.byte() {
            250.. => usize::MAX,
            240..250 => HAOYUAN_TEXT_BYTES_MAX as usize + 1,
            small => usize::from(small),
        }
    }

    fn count(&mut self) -> usize {
        match self.byte() {
            250.. => usize::MAX,
            240..250 => HAOYUAN_BATCH_MAX as usize + 1,
            small => usize::from(small % 9),
        }
    }
}

const DIRECTORY: &str = "[[institution]]\ncode = \"H1\"\nname = \"H\"\ntier = \"tertiary\"\n[[department]]\ninstitution = \"H1\"\ncode = \"D\"\nname = \"D\"\n[[practitioner]]\ncode = \"P\"\nname = \"P\"\nsites = [\"H1\"]\n";
const ROSTER: &str = "code,institution,department,practitioner,date,from,to,grade,slot_minutes,seats_per_slot\nAM,H1,D,P,2026-03-10,08:00,09:00,ordinary,30,4\n";
const OPENS: i64 = 1_772_492_400_000;

fn open() -> haoyuan_t {
    // SAFETY: integers and nullable pointers may be zero.
    let mut options: haoyuan_options_t = unsafe { std::mem::zeroed() };
    options.struct_size = size_of::<haoyuan_options_t>() as u32;
    options.abi_version = HAOYUAN_ABI_VERSION;
    (options.for_seats, options.shapes) = (64, 16);
    options.at = OPENS - 30 * 86_400_000;
    (options.directory, options.directory_length) = (DIRECTORY.as_ptr().cast(), DIRECTORY.len());
    (options.policy, options.policy_length) = ("jilin-2018".as_ptr().cast(), 10);
    (options.roster, options.roster_length) = (ROSTER.as_ptr().cast(), ROSTER.len());
    let mut handle = 0;
    // SAFETY: the options are as long as they say, and so are their texts.
    assert_eq!(unsafe { haoyuan_open(&raw const options, &raw mut handle) }, HAOYUAN_OK);
    handle
}

/// A structure at the start of the arena: plausible, and then some of its bytes are the input's.
fn fill<T>(arena: &mut Arena, input: &mut Input<'_>, count: usize, set: impl Fn(&mut T, u8)) {
    let size = match input.byte() {
        0..200 => size_of::<T>(),
        200..220 => size_of::<T>() + 8,
        other => usize::from(other) * 16,
    };
    arena.0.fill(0);
    let stride = if size < size_of::<T>() { size_of::<T>() } else { size };
    for index in 0..count.min(8) {
        let at = index * stride;
        // SAFETY: within the arena, aligned, and any bytes are a value of a structure of the ABI.
        let value = unsafe { &mut *arena.0.as_mut_ptr().add(at).cast::<T>() };
        set(value, input.byte());
        let wild = input.byte() % 4;
        for _ in 0..wild {
            let place = usize::from(input.byte()) % stride;
            arena.0[at + place] = input.byte();
        }
        let written = if input.byte() == 255 { input.long() as u32 } else { size as u32 };
        // What is read through a wild size must be there.
        let written = if written as usize > 4096 { written } else { written.min(4096) };
        arena.0[at..at + 4].copy_from_slice(&written.to_le_bytes());
    }
}

fn named(status: i32) {
    let mut buffer = [0u8; 64];
    let mut needed = 0usize;
    // SAFETY: a buffer of its length.
    let known =
        unsafe { haoyuan_status_name(status, buffer.as_mut_ptr().cast(), buffer.len(), &raw mut needed) };
    assert_eq!(known, HAOYUAN_OK, "{status} has no name");
    assert_ne!(status, HAOYUAN_PANICKED);
    assert_ne!(status, HAOYUAN_POISONED);
}

fuzz_target!(|data: &[u8]| {
    let mut input = Input(data);
    let mut handles = vec![open()];
    let mut arenas = (Box::new(Arena([0; ROOM])), Box::new(Arena([0; ROOM])));
    let mut bookings = [1u64; 8];
    for _ in 0..48 {
        if input.0.is_empty() {
            break;
        }
        let handle = match input.byte() {
            250.. => input.long(),
            number => handles[usize::from(number) % handles.len()],
        };
        let (asked, answer) = (&mut arenas.0, &mut arenas.1);
        let null = input.byte();
        let into = if null == 255 { std::ptr::null() } else { asked.0.as_ptr() };
        let mut needed = 0usize;
        let command = input.byte() % 12;
        // SAFETY: every pointer is null, or points to as much memory as is said; see `Input` and `fill`.
        let status = unsafe {
            match command {
                0 | 1 | 2 => {
                    let count = if command == 2 { input.count() } else { 1 };
                    fill::<haoyuan_grant_t>(answer, &mut input, count, |_, _| ());
                    fill::<haoyuan_wish_t>(asked, &mut input, count, |wish, byte| {
                        wish.slot = u32::from(byte & 1);
                        wish.at = OPENS + i64::from(byte) * 60_000;
                        wish.patient[15] = byte >> 2 | 1;
                        wish.key[0] = byte & 2;
                    });
                    let (wish, grant) = (into.cast(), answer.0.as_mut_ptr().cast::<haoyuan_grant_t>());
                    let status = match command {
                        0 => haoyuan_hold(handle, wish, grant),
                        1 => haoyuan_book(handle, wish, grant),
                        _ => haoyuan_hold_batch(handle, wish, grant, count),
                    };
                    if command != 2 && status < 0 && status != HAOYUAN_STRUCT_SIZE {
                        assert_eq!((*grant).booking, 0);
                    }
                    if status == HAOYUAN_OK && count > 0 && (*grant).booking != 0 {
                        bookings.rotate_right(1);
                        bookings[0] = (*grant).booking;
                    }
                    status
                }
                3 | 4 | 5 => {
                    let count = if command == 5 { input.count() } else { 1 };
                    let booking = bookings[usize::from(input.byte() % 8)];
                    fill::<haoyuan_settled_t>(answer, &mut input, count, |_, _| ());
                    fill::<haoyuan_settle_t>(asked, &mut input, count, |settle, byte| {
                        settle.at = OPENS + i64::from(byte) * 60_000;
                        settle.booking = booking;
                        settle.patient[15] = byte >> 2 | 1;
                    });
                    let (settle, settled) = (into.cast(), answer.0.as_mut_ptr().cast());
                    match command {
                        3 => haoyuan_confirm(handle, settle, settled),
                        4 => haoyuan_cancel(handle, settle, settled),
                        _ => haoyuan_confirm_batch(handle, settle, settled, count),
                    }
                }
                6 => {
                    let count = input.count();
                    fill::<haoyuan_availability_t>(answer, &mut input, count, |_, _| ());
                    fill::<haoyuan_ask_t>(asked, &mut input, count, |ask, byte| {
                        ask.slot = u32::from(byte & 3);
                        ask.at = OPENS;
                    });
                    haoyuan_availability_batch(handle, into.cast(), answer.0.as_mut_ptr().cast(), count)
                }
                7 => {
                    let length = input.length();
                    for place in 0..256 {
                        asked.0[place] = input.byte();
                    }
                    let capacity = input.length().min(ROOM);
                    let (json, buffer) = (into.cast::<c_char>(), answer.0.as_mut_ptr().cast::<c_char>());
                    let status = if input.byte() & 1 == 0 {
                        haoyuan_execute(handle, json, length, buffer, capacity, &raw mut needed)
                    } else {
                        let mut ack = 7;
                        let number = &raw mut ack;
                        haoyuan_submit(handle, json, length, number, buffer, capacity, &raw mut needed)
                    };
                    if status == HAOYUAN_BUFFER_TOO_SMALL && needed <= ROOM {
                        assert_eq!(haoyuan_last_answer(buffer, ROOM, &raw mut needed), HAOYUAN_OK);
                    }
                    status
                }
                8 => {
                    let capacity = input.count();
                    fill::<haoyuan_found_t>(answer, &mut input, capacity, |_, _| ());
                    fill::<haoyuan_search_t>(asked, &mut input, 1, |search, _| {
                        search.at = OPENS;
                        (search.first_day, search.last_day) = (OPENS, OPENS + 9 * 86_400_000);
                    });
                    // The codes are this function's: wild pointers are no caller's right.
                    if into != std::ptr::null() {
                        let search = &mut *asked.0.as_mut_ptr().cast::<haoyuan_search_t>();
                        (search.institution, search.institution_length) = ("H1".as_ptr().cast(), 2);
                        (search.department, search.department_length) = ("D".as_ptr().cast(), 1);
                        (search.practitioner, search.practitioner_length) = (std::ptr::null(), 0);
                    }
                    haoyuan_search(
                        handle,
                        into.cast(),
                        answer.0.as_mut_ptr().cast(),
                        capacity,
                        &raw mut needed,
                    )
                }
                9 => match input.byte() % 6 {
                    0 => haoyuan_poll(handle, input.long()),
                    1 => haoyuan_wait(handle, into.cast(), input.count(), 0),
                    2 => {
                        fill::<haoyuan_ticket_t>(asked, &mut input, 1, |ticket, byte| {
                            (ticket.at, ticket.expires) = (OPENS, OPENS + i64::from(byte));
                        });
                        // As for a search.
                        if into != std::ptr::null() {
                            let ticket = &mut *asked.0.as_mut_ptr().cast::<haoyuan_ticket_t>();
                            (ticket.institution, ticket.institution_length) = ("H1".as_ptr().cast(), 2);
                            (ticket.department, ticket.department_length) = ("D".as_ptr().cast(), 1);
                        }
                        let mut ack = 7;
                        haoyuan_issue_ticket(handle, into.cast(), &raw mut ack)
                    }
                    3 => {
                        let language = u32::from(input.byte());
                        let buffer = answer.0.as_mut_ptr().cast();
                        haoyuan_last_error_text(language, buffer, input.length().min(ROOM), &raw mut needed)
                    }
                    4 => haoyuan_session_code(
                        handle,
                        input.long() as u32,
                        answer.0.as_mut_ptr().cast(),
                        ROOM,
                        &raw mut needed,
                    ),
                    _ => {
                        let (session, slot, pool) = (input.byte() % 2, input.byte() % 3, input.byte() % 20);
                        let buffer = answer.0.as_mut_ptr().cast();
                        haoyuan_pool_name(
                            handle,
                            session.into(),
                            slot.into(),
                            pool.into(),
                            buffer,
                            ROOM,
                            &raw mut needed,
                        )
                    }
                },
                10 => {
                    if handles.len() < 3 {
                        handles.push(open());
                    }
                    HAOYUAN_OK
                }
                _ => {
                    // Closed handles stay in the list: they are used again, and say so.
                    haoyuan_close(handle)
                }
            }
        };
        named(status);
    }
    for handle in handles {
        let audit = br#"{"command":"audit","at":"2026-03-03T07:00:00+08:00"}"#;
        let (mut buffer, mut needed) = ([0u8; 4096], 0usize);
        // SAFETY: a text and a buffer of their lengths.
        let status = unsafe {
            haoyuan_execute(
                handle,
                audit.as_ptr().cast(),
                audit.len(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                &raw mut needed,
            )
        };
        if status == HAOYUAN_OK {
            assert!(String::from_utf8_lossy(&buffer[..needed]).contains(r#""sound":true"#));
            assert_eq!(haoyuan_close(handle), HAOYUAN_OK);
        }
        assert_eq!(haoyuan_close(handle), HAOYUAN_INVALID_HANDLE);
    }
});

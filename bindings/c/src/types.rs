//! The structures of the ABI, field by field as C has them.
//!
//! INVARIANT (grows at the end): each begins with `struct_size`, has no padding and no field that is narrower than 32 bits but keys;
//! new fields are added at the end, and a field never changes its place or meaning within an ABI major.

use std::ffi::{c_char, c_void};

/// An open registry: a number, compared and never followed. 0 is none.
pub type haoyuan_t = u64;

/// A log callback: `level` is one of `HAOYUAN_LOG_…`, `text` is UTF-8 of `length` bytes, not terminated, gone when the
/// callback returns. It may be called from any thread, also from several at once.
pub type haoyuan_log_t =
    Option<unsafe extern "C" fn(context: *mut c_void, level: i32, text: *const c_char, length: usize)>;

/// A durability callback: called once with `HAOYUAN_OK` or `HAOYUAN_JOURNAL_FAILED`.
pub type haoyuan_durable_t = Option<unsafe extern "C" fn(context: *mut c_void, ack: u64, status: i32)>;

/// How a registry is opened. Zero everything, set `struct_size` and `abi_version`, then what you need.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct haoyuan_options_t {
    /// `sizeof(haoyuan_options_t)`.
    pub struct_size: u32,
    /// `HAOYUAN_ABI_VERSION`.
    pub abi_version: u32,
    /// `HAOYUAN_MEMORY` (no journal), `HAOYUAN_ASYNC` (acknowledged when queued, a crash costs at most the window) or
    /// `HAOYUAN_SYNCED` (acknowledged when on disk).
    pub durability: u32,
    /// Which refusals the journal keeps: `HAOYUAN_REFUSALS_ALL`, `…_PER_MINUTE` (counts), `…_NONE`, or `…_BY_REASON`, those of
    /// `refusal_codes`. Those with an idempotency key are always kept.
    pub refusals: u32,
    /// The hash of the journal's chain: `HAOYUAN_BLAKE3` or `HAOYUAN_SM3`.
    pub hash: u32,
    /// `HAOYUAN_ASYNC`: the loss window, milliseconds, from 1; 0 for 50.
    pub window_ms: u32,
    /// `HAOYUAN_ASYNC`: the loss window, decisions, from 32; 0 for 65,536.
    pub window_records: u32,
    /// `HAOYUAN_SYNCED`: how long a decision that nobody waits for may wait for company, microseconds; 0 for 2,000.
    pub max_delay_us: u32,
    /// Sizes for about this many seats, 1 to 16,000,000; 0 for those that the journal has, or 200,000.
    pub for_seats: u32,
    /// The most blocks (slots); 0 for what follows from `for_seats`. So the next five.
    pub blocks: u32,
    /// The most seats.
    pub seats: u32,
    /// The most sessions.
    pub sessions: u32,
    /// The most different pool trees.
    pub shapes: u32,
    /// The most patients.
    pub patients: u32,
    /// The most entries of all patients: further bookings, tickets, remembered answers.
    pub entries: u32,
    /// 0.
    pub reserved: u32,
    /// The instant at which directory, policy and roster are taken up.
    pub at: i64,
    /// The journal's folder, created if it is not there; not looked at with `HAOYUAN_MEMORY`.
    pub folder: *const c_char,
    /// Its length in bytes.
    pub folder_length: usize,
    /// The directory of institutions, departments and practitioners as TOML, or null. It, the policy and the roster are each taken
    /// up only while the registry has nothing of the kind, so that a program can start with the same options every day.
    pub directory: *const c_char,
    /// Its length in bytes.
    pub directory_length: usize,
    /// The policy: the name of a preset, or TOML; or null.
    pub policy: *const c_char,
    /// Its length in bytes.
    pub policy_length: usize,
    /// The roster as CSV, or null.
    pub roster: *const c_char,
    /// Its length in bytes.
    pub roster_length: usize,
    /// Where to write what happens, or null. It may be called from any thread until `haoyuan_close` has returned; it must not
    /// unwind or jump out, and must not call a function with a handle (`HAOYUAN_REENTERED`).
    pub log: haoyuan_log_t,
    /// Handed to `log`.
    pub log_context: *mut c_void,
    /// `HAOYUAN_REFUSALS_BY_REASON`: the refusals that the journal keeps, such as `HAOYUAN_SLOT_FULL`.
    pub refusal_codes: *const i32,
    /// How many there are; 0 with every other choice.
    pub refusal_codes_count: usize,
}

/// A wish for a seat.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct haoyuan_wish_t {
    /// `sizeof(haoyuan_wish_t)`.
    pub struct_size: u32,
    /// The session, from `haoyuan_find_session`.
    pub session: u32,
    /// The slot, from 0.
    pub slot: u32,
    /// By what right: `HAOYUAN_CLASS_…`.
    pub patient_class: u32,
    /// Through which channel: `HAOYUAN_CHANNEL_…`.
    pub channel: u32,
    /// Who gives the command, for the trace: `HAOYUAN_ROLE_…`. Nothing is decided by it.
    pub role: u32,
    /// Why, for the trace: a code of your own list, 1 to 65,535; 0 for none.
    pub reason: u32,
    /// 0.
    pub reserved: u32,
    /// The instant of the decision, milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// Who acts, as a keyed hash; 0 if the patient does.
    pub actor: u64,
    /// The contact person of a green channel, as a keyed hash; 0 for none.
    pub contact: u64,
    /// The patient: a keyed hash of 128 bits, in the order of its hexadecimal digits; not zero.
    pub patient: [u8; 16],
    /// The proof of the right; zero for none.
    pub ticket: [u8; 16],
    /// An idempotency key, to repeat the command safely; zero for none.
    pub key: [u8; 16],
}

/// A ticket: the proof of a right, bound to a patient and used once (转诊凭证).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct haoyuan_ticket_t {
    /// `sizeof(haoyuan_ticket_t)`.
    pub struct_size: u32,
    /// The class that it proves: `HAOYUAN_CLASS_…`, one that needs a ticket.
    pub patient_class: u32,
    /// Who issues it, for the trace: `HAOYUAN_ROLE_…`.
    pub role: u32,
    /// Why, for the trace: a code of your own list, 1 to 65,535; 0 for none.
    pub reason: u32,
    /// The instant, milliseconds since 1970-01-01T00:00:00Z.
    pub at: i64,
    /// From this instant on it is void.
    pub expires: i64,
    /// Who acts, as a keyed hash; 0 if the patient does.
    pub actor: u64,
    /// Its number, in the order of its hexadecimal digits; not zero.
    pub ticket: [u8; 16],
    /// To whom it is bound; not zero.
    pub patient: [u8; 16],
    /// The code of the institution at which it can be used.
    pub institution: *const c_char,
    /// Its length in bytes.
    pub institution_length: usize,
    /// The code of the department in which it can be used; null for any of the institution.
    pub department: *const c_char,
    /// Its length in bytes.
    pub department_length: usize,
}

/// The answer to `haoyuan_hold` and `haoyuan_book`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct haoyuan_grant_t {
    /// `sizeof(haoyuan_grant_t)`.
    pub struct_size: u32,
    /// `HAOYUAN_OK`, or the refusal; in a batch also an error of this element.
    pub status: i32,
    /// The hold or booking, for `haoyuan_confirm` and `haoyuan_cancel`.
    pub booking: u64,
    /// The acknowledgement, for `haoyuan_wait`; 0 if there is nothing to wait for.
    pub ack: u64,
    /// The suggested time of arrival, milliseconds since 1970.
    pub from: i64,
    /// The end of the slot.
    pub to: i64,
    /// When the hold ends, exclusive; 0 if booked.
    pub expires: i64,
    /// The session.
    pub session: u32,
    /// The slot.
    pub slot: u32,
    /// The number (号序) in the session, from 1.
    pub number: u32,
    /// The pool that admitted it, for `haoyuan_pool_name`.
    pub pool: u32,
    /// The institution, for `haoyuan_institution_code`.
    pub institution: u32,
    /// `HAOYUAN_HELD` or `HAOYUAN_BOOKED`.
    pub standing: u32,
    /// 1 if the seat is one of the public and not of a reserve.
    pub spill: u32,
    /// The place in the block's gap-free history.
    pub sequence: u32,
    /// A refusal: whether to ask again, `HAOYUAN_RETRY_…`.
    pub retry: u32,
    /// A refusal: what `binding_value` is, `HAOYUAN_BINDING_…`.
    pub binding: u32,
    /// A refusal with `HAOYUAN_RETRY_FROM`: from when.
    pub retry_from: i64,
    /// A refusal: the pool, booking or limit that decided.
    pub binding_value: u64,
}

/// What to do with a hold or booking.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct haoyuan_settle_t {
    /// `sizeof(haoyuan_settle_t)`.
    pub struct_size: u32,
    /// As in `haoyuan_wish_t`.
    pub role: u32,
    /// As in `haoyuan_wish_t`.
    pub reason: u32,
    /// 0.
    pub reserved: u32,
    /// The instant of the decision, milliseconds since 1970.
    pub at: i64,
    /// Which, as the grant named it.
    pub booking: u64,
    /// As in `haoyuan_wish_t`.
    pub actor: u64,
    /// As in `haoyuan_wish_t`.
    pub contact: u64,
    /// Whose it is.
    pub patient: [u8; 16],
    /// An idempotency key; zero for none.
    pub key: [u8; 16],
}

/// The answer to `haoyuan_confirm` and `haoyuan_cancel`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct haoyuan_settled_t {
    /// `sizeof(haoyuan_settled_t)`.
    pub struct_size: u32,
    /// `HAOYUAN_OK`, or the refusal; in a batch also an error of this element.
    pub status: i32,
    /// The booking.
    pub booking: u64,
    /// The acknowledgement; 0 if there is nothing to wait for.
    pub ack: u64,
    /// The place in the block's history.
    pub sequence: u32,
    /// 1 if this command changed something, 0 if it was so already.
    pub changed: u32,
    /// As in `haoyuan_grant_t`.
    pub retry: u32,
    /// As in `haoyuan_grant_t`.
    pub binding: u32,
    /// As in `haoyuan_grant_t`.
    pub retry_from: i64,
    /// As in `haoyuan_grant_t`.
    pub binding_value: u64,
}

/// A question about one slot.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct haoyuan_ask_t {
    /// `sizeof(haoyuan_ask_t)`.
    pub struct_size: u32,
    /// The session.
    pub session: u32,
    /// The slot, from 0.
    pub slot: u32,
    /// `HAOYUAN_CLASS_…`.
    pub patient_class: u32,
    /// `HAOYUAN_CHANNEL_…`.
    pub channel: u32,
    /// 0.
    pub reserved: u32,
    /// The instant, milliseconds since 1970.
    pub at: i64,
}

/// What the decision would say for that class, now.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct haoyuan_availability_t {
    /// `sizeof(haoyuan_availability_t)`.
    pub struct_size: u32,
    /// `HAOYUAN_OK` if `free` is not 0, or why it is.
    pub status: i32,
    /// Seats that this class could be granted one after another.
    pub free: u32,
    /// Seats of the slot's block.
    pub capacity: u32,
    /// Those that are held or booked.
    pub live: u32,
    /// As in `haoyuan_grant_t`.
    pub retry: u32,
    /// As in `haoyuan_grant_t`.
    pub binding: u32,
    /// 0.
    pub reserved: u32,
    /// As in `haoyuan_grant_t`.
    pub retry_from: i64,
    /// As in `haoyuan_grant_t`.
    pub binding_value: u64,
}

/// What to search for.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct haoyuan_search_t {
    /// `sizeof(haoyuan_search_t)`.
    pub struct_size: u32,
    /// `HAOYUAN_CLASS_…`.
    pub patient_class: u32,
    /// `HAOYUAN_CHANNEL_…`.
    pub channel: u32,
    /// `HAOYUAN_GRADE_…`, or `HAOYUAN_ANY`.
    pub grade: u32,
    /// `HAOYUAN_ORDER_EARLIEST` or `HAOYUAN_ORDER_LEAST_LOADED` (错峰).
    pub order: u32,
    /// 0.
    pub reserved: u32,
    /// The instant, milliseconds since 1970.
    pub at: i64,
    /// Any instant of the first day (+08:00).
    pub first_day: i64,
    /// Any instant of the last day, inclusive; at most 365 days later.
    pub last_day: i64,
    /// The code of an institution; null for all.
    pub institution: *const c_char,
    /// Its length in bytes.
    pub institution_length: usize,
    /// The code of a department of that institution; null for all.
    pub department: *const c_char,
    /// Its length in bytes.
    pub department_length: usize,
    /// The code of a practitioner; null for all.
    pub practitioner: *const c_char,
    /// Its length in bytes.
    pub practitioner_length: usize,
}

/// A slot that the decision would grant.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct haoyuan_found_t {
    /// `sizeof(haoyuan_found_t)`.
    pub struct_size: u32,
    /// The session.
    pub session: u32,
    /// The slot.
    pub slot: u32,
    /// Seats that the class could get.
    pub free: u32,
    /// Live seats of the slot's block.
    pub live: u32,
    /// Seats of the slot's block.
    pub capacity: u32,
    /// When it begins.
    pub from: i64,
    /// When it ends.
    pub to: i64,
}

/// Which day's load to show.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct haoyuan_day_t {
    /// `sizeof(haoyuan_day_t)`.
    pub struct_size: u32,
    /// 0.
    pub reserved: u32,
    /// The instant, milliseconds since 1970.
    pub at: i64,
    /// Any instant of the day (+08:00).
    pub day: i64,
    /// The code of an institution; null for all.
    pub institution: *const c_char,
    /// Its length in bytes.
    pub institution_length: usize,
    /// The code of a department of that institution; null for all.
    pub department: *const c_char,
    /// Its length in bytes.
    pub department_length: usize,
}

/// How full the slots of one time are (就诊时段分布).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct haoyuan_load_t {
    /// `sizeof(haoyuan_load_t)`.
    pub struct_size: u32,
    /// Seats.
    pub capacity: u32,
    /// Live seats among them.
    pub live: u32,
    /// 0.
    pub reserved: u32,
    /// When it begins.
    pub from: i64,
    /// When it ends.
    pub to: i64,
}

/// What a registry and its journal did since they were opened.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct haoyuan_stats_t {
    /// `sizeof(haoyuan_stats_t)`.
    pub struct_size: u32,
    /// 1 if the processor makes decisions lock-free.
    pub lock_free: u32,
    /// Open handles of this process.
    pub handles: u32,
    /// `HAOYUAN_OK`, or `HAOYUAN_JOURNAL_FAILED` once nothing is acknowledged any more.
    pub journal_status: i32,
    /// Panics that were caught under this handle.
    pub panics: u64,
    /// Records that were replayed at opening.
    pub recovered: u64,
    /// Durable records written since.
    pub records: u64,
    /// Groups they were written in.
    pub groups: u64,
    /// Bytes of these groups.
    pub bytes: u64,
    /// Syncs.
    pub syncs: u64,
    /// Segments begun.
    pub segments: u64,
    /// Records in the queue now.
    pub queued: u64,
    /// Records that wait for another now.
    pub held_back: u64,
    /// The most that ever did.
    pub held_back_max: u64,
}

/// A structure of the ABI.
///
/// # Safety
/// `repr(C)`, begins with a `u32` that is its `struct_size`, has no padding, and any bytes that C can put there are a value of it.
pub(crate) unsafe trait Struct: Copy {
    /// The size in the first version of this ABI major: a caller that was compiled then has no smaller one.
    const FIRST_SIZE: usize;
    /// The size in this version, as `struct_size` has it.
    #[expect(clippy::cast_possible_truncation, reason = "at most 4096")]
    const SIZE: u32 = size_of::<Self>() as u32;
}

macro_rules! structs {
    ($($name:ident = $fields:expr, $pointers:expr $(, then $later:expr)?;)+) => {
        $(
        // No padding: the fields fill it.
        const _: () = assert!(size_of::<$name>() == $fields + ($pointers $(+ $later)?) * size_of::<usize>());
        // SAFETY: `repr(C)` with `struct_size` first, no padding (asserted above); integers, arrays of bytes and nullable pointers have no
        // invalid bytes.
        unsafe impl Struct for $name {
            const FIRST_SIZE: usize = $fields + $pointers * size_of::<usize>();
        }
        )+
    };
}

// Bytes of numbers and keys, and how many fields are as wide as a pointer; `then`, how many were added to them later.
structs! {
    haoyuan_options_t = 72, 10, then 2;
    haoyuan_wish_t = 104, 0;
    haoyuan_grant_t = 104, 0;
    haoyuan_ticket_t = 72, 4;
    haoyuan_settle_t = 80, 0;
    haoyuan_settled_t = 56, 0;
    haoyuan_ask_t = 32, 0;
    haoyuan_availability_t = 48, 0;
    haoyuan_search_t = 48, 6;
    haoyuan_found_t = 40, 0;
    haoyuan_day_t = 24, 4;
    haoyuan_load_t = 32, 0;
    haoyuan_stats_t = 96, 0;
}

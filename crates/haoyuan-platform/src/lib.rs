//! Names and commands of haoyuan (号源): who and what people call things, what they may ask, and what they are told.
//!
//! A [`Platform`] holds the engine, the directory of institutions, alliances, departments and practitioners, and the
//! policies. It takes commands as JSON, one object each, and gives one JSON object back. Files, sockets, C and WebAssembly
//! all speak this language; a script of commands is a complete, repeatable account of a morning.
//!
//! ```
//! use haoyuan_platform::Platform;
//!
//! let platform = Platform::new();
//! let tell = |line: &str| platform.execute(line);
//! tell(r#"{"command":"directory","at":"2026-02-01T09:00:00+08:00","entries":{
//!     "institution":[{"code":"SY1","name":"省第一医院","tier":"tertiary"}],
//!     "department":[{"institution":"SY1","code":"CARD","name":"心内科"}],
//!     "practitioner":[{"code":"D-WANG","name":"王医生","sites":["SY1"]}]}}"#);
//! tell(r#"{"command":"policy","at":"2026-02-01T09:00:00+08:00","institution":"SY1","preset":"jilin-2018"}"#);
//! tell(r#"{"command":"publish","at":"2026-02-01T09:00:00+08:00","session":{"code":"AM","institution":"SY1",
//!     "department":"CARD","practitioner":"D-WANG","grade":"expert","from":"2026-03-10T08:00:00+08:00",
//!     "to":"2026-03-10T12:00:00+08:00","slot_minutes":30,"seats":5}}"#);
//!
//! let hold = |at: &str| tell(&format!(
//!     r#"{{"command":"hold","at":"{at}","patient":"5f0c6f0f6c1d4b7e9a3d2e1f00112233",
//!         "session":"AM","slot":0,"class":"public","channel":"app"}}"#));
//! // A millisecond early: refused, with the instant from which asking again helps.
//! let early = hold("2026-03-03T06:59:59.999+08:00");
//! assert!(early.contains(r#""code":"NOT_OPEN""#) && early.contains(r#""from":"2026-03-03T07:00:00+08:00""#));
//! // On time: granted, with the number, the time and the end of the hold.
//! let granted = hold("2026-03-03T07:00:00+08:00");
//! assert!(granted.starts_with(r#"{"outcome":"granted""#) && granted.contains(r#""number":1"#));
//! ```
//!
//! # The commands
//! | command | keys beside `command` and `at`; optional ones in parentheses | answered with |
//! |---|---|---|
//! | `open` | (`for_seats`, `blocks`, `seats`, `sessions`, `shapes`, `patients`, `entries`) | the sizes in force |
//! | `directory` | `toml` or `entries` | how much is registered |
//! | `policy` | `preset` or `toml` (`institution`, `calendar`) | the policy's name |
//! | `publish` | `session` (an object) | slots, seats, reserves |
//! | `roster` | `csv` | how many sessions and seats |
//! | `ticket` | `patient`, `ticket`, `class`, `institution`, `expires` (`department`, `issuer`) | the ticket |
//! | `availability` | `session`, `slot`, `class`, `channel` | seats this class could get now, or why none |
//! | `hold`, `book` | `patient`, `session`, `slot`, `class`, `channel` (`ticket`, `key`) | `granted` or `refused` |
//! | `confirm`, `cancel` | `patient`, `booking` (`key`) | whether anything changed, or `refused` |
//! | `tick` | | how many due holds were swept |
//! | `search` | `class`, `channel`, `from`, `to` (`institution`, `department`, `practitioner`, `grade`, `order`, `most`) | slots the decision would grant |
//! | `load` | `day` (`institution`, `department`) | seats and live seats by time |
//! | `schedule` | `class`, `channel`, `from`, `to` (`institution`, `department`, `practitioner`) | sessions and slots, full ones too, each with seats this class could get or why none |
//! | `feed` | `from`, `to` (`institution`, `department`) | the public [feed]: enough to answer for any class at any instant, nothing about patients |
//! | `bookings` | `patient` | live holds and bookings |
//! | `session` | `session` | the session, its slots and pools |
//! | `waitlist_join` | `patient`, `class`, `channel`, `wanted` (`ticket`) | the entry, and an offer if there is a seat |
//! | `waitlist_leave`, `waitlist_decline` | `patient`, `entry` | the entry |
//! | `waitlist` | `session` | who waits, in order, with offers |
//! | `stop` | `scope`, `actor` | whom it displaced |
//! | `resume` | `stop`, `actor` | whether anything changed |
//! | `rebook` | `stop`, `into`, `actor` (`tickets`) | what became of each |
//! | `move` | `scope`, `into`, `actor` | what became of each |
//! | `substitute` | `session`, `practitioner`, `actor` | how many are to be told |
//! | `add_seats`, `reduce_seats` | `session`, `seats`, `actor` | the seats of the session |
//! | `extra_seat` | `patient`, `session`, `class`, `channel`, `actor` (`slot`, `ticket`) | `granted` or `refused` |
//! | `check_in` | `patient`, `booking` or `session` (`band`, `room`, `kind`, `revisit`, `let_pass`) | the visit, how many wait |
//! | `call_next` | `session`, `room` | who is called |
//! | `pass`, `enter` | `visit` | the visit |
//! | `finish` | `visit` (`kind`, `revisit`) | the visit |
//! | `no_show` | `session`, `actor` | how many did not come |
//! | `correct` | `visit`, `outcome`, `actor` | until when online booking is suspended now |
//! | `merge_identities` | `patient`, `into`, `actor` | whether the two broke a rule together |
//! | `notices` | (`after`, `most`) | what the host has to tell patients |
//! | `retire` | `actor` (`notices`, `before`, `sessions`) | how many notices, visits and sessions are forgotten |
//! | `audit` | | whether a recount of every seat agrees |
//! | `state_hash` | | BLAKE3 over the canonical state: equal live, after replay and after a snapshot |
//!
//! `at` is an RFC 3339 instant at any offset; `slot` an index from 0 or the instant at which the slot starts; `patient` 32
//! hexadecimal digits of a keyed hash; `ticket` and `key` 1 to 32 hexadecimal digits; `booking` the 16 that a grant gave;
//! `class`, `channel`, `grade` and `kind` the words of [`haoyuan_core::terms`]. The types are in [`command`] and
//! [`answer`], the JSON Schema in the folder `schema/` of this crate; scripts with their answers stand in
//! `crates/haoyuan-cli/examples/run/`.
//!
//! Any command may carry an `actor`: who gives it and why, for the trace ([`Actor`]). Nothing about a patient's claim is
//! decided by it; what the hospital does (`stop`, `extra_seat`, …) needs one who is not the patient, and a reason.
//!
//! # What can be relied on
//! - **One line in, one line out, never a panic.** A line that is not a command is answered with `"outcome":"error"`, the
//!   field and the reason, in English (`reason`) and in Chinese (`reason_zh`), and has no effect. Administration is all or nothing.
//! - **Nothing personal comes back.** Patients are opaque keys. No error repeats a value of a command about a patient, so an
//!   identity number typed into the wrong field goes nowhere.
//! - **The same script, the same answers.** Time comes in with each command; nothing is read from a clock, a file or the
//!   environment.
//! - **Decisions are the engine's.** They are exact and lock-free there; see [`Platform`] for what stands in between.
//! - **Nobody passes those who wait.** A seat that comes free is held for the first who can have it, in the operation that
//!   freed it; a claim of a slot that somebody waits for is decided after them.
//!
//! *Architecture invariant:* no threads, no I/O, no clock, no randomness; no rule of booking is decided here.

pub mod actor;
mod admin;
mod day;
pub mod answer;
pub mod command;
pub mod feed;
mod malformed;
mod names;
mod platform;
mod recorded;
mod text;

pub use actor::{Actor, Role};
pub use answer::Answer;
pub use command::Command;
pub use feed::{Feed, FeedError};
pub use malformed::{Malformed, Place, ROWS_MAX, Row};
pub use names::{Names, NamesError};
pub use platform::Platform;
pub use recorded::Recorded;
pub use text::{CODE_BYTES_MAX, Slot};

#![doc = include_str!("../../../README.md")]
//!
//! # Where to go from here
//! - [`Platform`]: names and commands; one line of JSON in, one out. Most hosts need nothing else.
//! - [`Engine`]: the same decisions as Rust calls, with numbers for names; [`plan::Plan`] is what it publishes and
//!   [`request`] what it is asked.
//! - [`policy`], [`roster`], [`directory`]: the texts that a hospital writes.
//! - [`refusal`]: the one table of codes.
//!
//! *Architecture invariant:* this crate re-exports and adds nothing: no rule, no state, no I/O.

pub use haoyuan_core::{
    apportion, directory, ids, instant, locate, plan, policy, pool, refusal, request, roster, rules, terms,
};
pub use haoyuan_engine::{
    self as engine, Audit, Change, Engine, Fact, Limits, LiveBooking, PublishError, SessionView, Trace,
    is_lock_free,
};
pub use haoyuan_platform::{
    Answer, CODE_BYTES_MAX, Command, Malformed, Place, Platform, ROWS_MAX, Row, Slot, answer, command,
};

/// The Chinese README makes the same promise with the same example.
#[cfg(doctest)]
#[doc = include_str!("../../../README.zh-CN.md")]
struct InChinese;

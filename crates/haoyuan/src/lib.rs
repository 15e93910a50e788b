#![doc = include_str!("../README.md")]
//!
//! # Where to go from here
//! - [`Platform`]: names and commands; one line of JSON in, one out. Most hosts need nothing else.
//! - [`Engine`]: the same decisions as Rust calls, with numbers for names; [`plan::Plan`] is what it publishes and
//!   [`request`] what it is asked.
//! - [`policy`], [`roster`], [`directory`]: the texts that a hospital writes.
//! - [`refusal`]: the one table of codes.
//!
//! - [`Registry`]: the same behind a journal, for hosts that must not lose or dispute a decision; [`record`] is what it
//!   writes.
//!
//! *Architecture invariant:* no rule is here. The crate re-exports what decides, and joins it to the journal.

mod ack;
mod error;
mod rebuild;
mod reasons;
pub mod record;
mod recorder;
mod registry;
pub mod state;

pub use ack::{Ack, Decided};
pub use error::Error;
pub use haoyuan_core::{
    apportion, calling, directory, file, ids, instant, kpi, ladder, locate, plan, policy, pool, refusal,
    request, roster, rules, said, terms,
};
pub use haoyuan_engine::{
    self as engine, Asked, Audit, Change, Engine, Fact, Limits, LiveBooking, PublishError, SessionView,
    Trace, is_lock_free,
};
pub use haoyuan_journal as journal;
pub use haoyuan_platform::{
    Actor, Answer, CODE_BYTES_MAX, Command, Malformed, Place, Platform, ROWS_MAX, Recorded, Role, Row, Slot,
    actor, answer, command,
};
pub use rebuild::{Rebuilt, Watch, rebuild, rebuild_watched};
pub use recorder::{Recorder, Refusals};
pub use registry::{By, Durability, Options, Registry};

/// The Chinese README makes the same promise with the same example.
#[cfg(doctest)]
#[doc = include_str!("../README.zh-CN.md")]
struct InChinese;

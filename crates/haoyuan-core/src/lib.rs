//! The vocabulary and the rules of haoyuan (号源), as pure values.
//!
//! *Architecture invariant:* no atomics, no clock, no randomness, no threads, no I/O. The same arguments give the same
//! answer, on every machine; integers only.

pub mod said;
pub mod terms;
pub mod instant;
pub mod ids;
pub mod refusal;
pub mod word;
pub mod pool;
pub mod rules;
pub mod day;
pub mod waitlist;
pub mod returns;
pub mod displaced;
pub mod plan;
pub mod request;
pub mod apportion;
pub mod foreign;
pub mod locate;
pub mod file;
pub mod directory;
pub mod policy;
pub mod roster;
pub mod calling;
pub mod ladder;
pub mod kpi;

mod civil;

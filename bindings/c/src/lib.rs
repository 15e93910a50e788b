//! The C ABI of haoyuan (号源): the engine inside a hospital system of any language, and safe to misuse.
//!
//! `include/haoyuan.h` is made from this crate; `README.md` beside it has the conventions. Read in this order: [`Status`], the structures in
//! `types`, then the functions by what they are for.
//!
//! *Architecture invariant:* this crate translates and does nothing else: no rule, no policy, no state of its own but the table of handles.
//! It is the only one with `unsafe`, and every block names the duty of the caller that it rests on.
#![allow(non_camel_case_types, reason = "the names are those of the C header")]

mod status;
mod types;
mod codes;
mod here;
mod log;
mod slab;
mod boundary;
mod memory;
mod open;
mod names;
mod decide;
mod ask;
mod ticket;
mod durable;
mod execute;
pub mod table;

pub use ask::*;
pub use codes::*;
pub use decide::*;
pub use durable::*;
pub use execute::*;
pub use names::*;
pub use open::*;
pub use status::Status;
pub use ticket::*;
pub use types::*;

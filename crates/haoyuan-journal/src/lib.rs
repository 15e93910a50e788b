//! Durability for haoyuan (号源).
#![doc = include_str!("../DESIGN.md")]

mod audit;
pub mod disk;
mod entry;
mod error;
mod folder;
mod format;
mod frontier;
mod hash;
mod heads;
mod journal;
mod order;
mod reader;
mod recovery;
mod salvage;
mod snapshot;
pub mod sim;

pub use audit::{Progress, heads, verify, verify_heads};
pub use disk::Disk;
pub use entry::{Entry, EntryRef, INLINE_MAX, PAYLOAD_MAX, Payload, Place};
pub use error::{Damage, Error};
pub use folder::Folder;
pub use frontier::Frontier;
pub use hash::{HashKind, Head};
pub use heads::SegmentHead;
pub use journal::{Full, Journal, Mark, Mode, Options, Receipt, Stats};
pub use recovery::{Access, Dangling, Finished, From, Recovered, Recovery, Report, TornTail};
pub use salvage::{Missing, Salvaged, salvage};
pub use snapshot::Snapshot;

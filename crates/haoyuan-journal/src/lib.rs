//! Durability for haoyuan (号源): what is acknowledged survives, in the order in which it was decided, and nobody can
//! alter it unnoticed.
//!
//! ```
//! use haoyuan_journal::{Disk, Entry, Error, Folder, Journal, Options, Payload, Place, verify};
//! use std::sync::Arc;
//!
//! # let folder = tempfile::tempdir().unwrap();
//! # let path = folder.path().join("journal");
//! let disk: Arc<dyn Disk> = Arc::new(Folder::create(path).expect("a folder"));
//! let journal = Journal::open(Arc::clone(&disk), Options::default())?;
//! let entry = |sequence, patient| Entry {
//!     place: Some(Place { block: 7, sequence }),
//!     patient: Some(patient),
//!     kind: 1,
//!     payload: Payload::new(b"what was decided").expect("short"),
//! };
//! // The second comes first: it waits in memory for the one it follows.
//! let second = journal.append(entry(2, 0xb));
//! let first = journal.append(entry(1, 0xa));
//! second.wait()?;
//! assert!(first.is_durable(), "an acknowledgement covers the history");
//! journal.close()?;
//! assert_eq!(verify(&disk, &[], |_| ())?.entries, 2);
//! # Ok::<(), Error>(())
//! ```
//!
//! Read in this order: [`Entry`], [`Journal`] and its [`Receipt`], [`Recovery`], [`verify`], [`salvage`]; then
//! [`disk`], the medium as a trait, and [`sim`], the medium at its worst.
//!
//! *Architecture invariant:* the journal knows no engine, no rule and no clock of the domain; payloads are opaque. It
//! reads the clock of the machine only to decide when to write.
#![doc = ""]
#![doc = include_str!("../DESIGN.md")]

mod entry;
mod direct;
pub mod disk;
mod folder;
pub mod sim;
mod hash;
mod format;
mod frontier;
mod order;
mod prepare;
mod journal;
mod reader;
mod snapshot;
mod recovery;
mod heads;
mod audit;
mod salvage;
mod error;

pub use audit::{Progress, heads, verify, verify_heads};
pub use disk::Disk;
pub use entry::{Entry, EntryRef, INLINE_MAX, PAYLOAD_MAX, Payload, Place};
pub use error::{Damage, Error, system};
pub use folder::Folder;
pub use frontier::Frontier;
pub use hash::{HashKind, Head};
pub use heads::SegmentHead;
pub use journal::{Full, Journal, Mark, Mode, Options, Receipt, Stats};
pub use recovery::{Access, Dangling, Finished, From, Recovered, Recovery, Report, TornTail};
pub use salvage::{Missing, Salvaged, salvage};
pub use snapshot::Snapshot;

//! The shared state of haoyuan (号源): millions of seats in memory, each request decided by one compare-and-swap.
//!
//! ```
//! use haoyuan_core::{ids::*, instant::Instant, plan::*, pool::*, request::*, rules::Rules, terms::*};
//! use haoyuan_engine::{Engine, Limits};
//!
//! // One slot of two seats, for everybody.
//! let mut routes = Routes::default();
//! let public = NodeIndex::new(1).unwrap();
//! routes.set_all(Class::Public, Route::one(public));
//! let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), Node::plain("PUBLIC", NodeIndex::ROOT)];
//! let tree = PoolTree::new(2, nodes, routes)?;
//! let eight = Instant::new(1_772_409_600_000).unwrap(); // 2026-03-02T08:00:00+08:00
//! let session = Session {
//!     code: "cardiology-0302-am".into(),
//!     institution: InstitutionId::new(1).unwrap(),
//!     department: DepartmentId::new(1).unwrap(),
//!     practitioner: PractitionerId::new(1).unwrap(),
//!     grade: Grade::Expert,
//!     kind: Kind::Clinic,
//!     time: Interval { from: eight, to: eight.plus(1_800_000) },
//!     slot_ms: 1_800_000,
//!     capacity: vec![2],
//! };
//! let plan = Plan { session, blocks: Blocks::PerSlot(vec![tree]), rules: Rules::default() };
//!
//! let engine = Engine::new(Limits::for_seats(1_000));
//! let session = engine.publish(&plan, eight.plus(-86_400_000))?;
//! let wish = Wish {
//!     patient: PatientKey::new(0x5eed).unwrap(),
//!     slot: SlotRef { session, slot: SlotIndex::new(0).unwrap() },
//!     class: Class::Public,
//!     channel: Channel::App,
//!     ticket: None,
//!     key: None,
//! };
//! let grant = engine.hold(&wish, eight.plus(-3_600_000)).expect("there is a seat");
//! assert_eq!(grant.number, 1);
//! let settle = Settle { patient: wish.patient, booking: grant.booking, key: None };
//! assert!(engine.confirm(&settle, eight.plus(-3_500_000)).is_ok());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Consistency
//! - **One seat, one owner.** Each block (a slot, or a small session) is linearizable: its accepted transitions have one
//!   order, numbered without gaps, and each was decided on exactly the state that its predecessors left.
//! - **Exact refusals.** A refusal is the answer of one load of the block's word. It is never caused by a rival that
//!   fails later, because nothing is ever taken back.
//! - **Dead means dead.** A hold is dead at `now ≥ expires` for everybody, whether or not anything has swept it; a hold
//!   whose operation has not returned yet counts as live. Once a claim that its block's rules accept, or a sweep, has
//!   found a hold dead, it stays dead, even for a later command with an earlier instant.
//! - **One patient, one command at a time.** A second command of the same patient at the same moment is told
//!   `CONCURRENT_REQUEST`; different patients never meet. So limits and overlaps hold in every reachable state, over
//!   all hospitals of the engine.
//! - **Between blocks** there is no order but each patient's own: a search sees every slot at some instant of its run.
//!
//! # Progress
//! `availability`, `hold`, `book`, `confirm`, `cancel`, `tick` are lock-free: no thread waits for another. `publish` and
//! `session` take locks that decisions never take; `search` and `load` take a read lock that only publishing writes. What
//! the hospital does to a patient (`offer`, `assign`, `withdraw`, `suspend`, `merge`) waits until the patient's own command is decided.
//! Where a 128-bit compare-and-swap is missing from the processor, `portable-atomic` falls back to a lock
//! ([`is_lock_free`] tells).
//!
//! # What is deliberately absent
//! No clock, no randomness, no I/O, no names of people. Nothing grows after construction but the names of sessions.
//!
#![doc = include_str!("../DESIGN.md")]

mod sync;
#[cfg(loom)]
mod explore;
mod seat;
mod block;
mod patients;
mod sessions;
mod limits;
mod fact;
mod engine;
mod shown;
mod target;
mod memory;
mod portfolio;
mod tickets;
mod claim;
mod settle;
mod suspension;
mod merged;
mod waiting;
mod hospital;
mod resize;
mod publish;
mod retire;
mod search;
mod audit;
mod replay;
#[cfg(all(test, loom))]
mod interleavings;
#[cfg(all(test, loom))]
mod unbounded;

pub use audit::Audit;
pub use engine::Engine;
pub use fact::{Asked, Change, Command, Fact, Publication, Trace, Unnamed};
pub use hospital::{Occupied, Withdrawn};
pub use limits::Limits;
pub use portfolio::LiveBooking;
pub use publish::{PublishError, SessionView};
pub use replay::{Part, ReplayError};
pub use resize::Resized;
pub use shown::{Shown, SlotShare};
pub use suspension::Suspension;

/// Whether this processor has the 128-bit compare-and-swap that makes decisions lock-free.
#[cfg(not(loom))]
#[must_use]
pub fn is_lock_free() -> bool {
    sync::AtomicU128::is_lock_free()
}

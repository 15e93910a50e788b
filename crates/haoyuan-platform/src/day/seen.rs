//! What a tick saw of each slot, so that the next one looks only where something has happened or something is due.
//!
//! INVARIANT (nothing is missed): a slot is passed over only if its block has made no transition since it was looked at, and no
//! instant has come since at which anything of it is told or ends. Whoever was told of anything and is not known to be gone is
//! among the live of a slot.
//!
//! Derived: after a restart, and when a clock goes back, everything is looked at once.

use haoyuan_core::ids::{BookingId, Sequence, SessionId};
use haoyuan_core::instant::Instant;
use std::collections::BTreeMap;

/// The sessions to come whose rules have patients told of their own bookings.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    /// When they were looked at last.
    pub(crate) at: Option<Instant>,
    /// The slots of each, in order.
    pub(crate) sessions: BTreeMap<SessionId, Vec<Look>>,
}

/// A look at a slot.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Look {
    /// The last transition of the block by then.
    pub(crate) sequence: Sequence,
    /// The next instant at which anything of the slot is due; before the first look any.
    pub(crate) due: Option<Instant>,
    /// Who was there.
    pub(crate) live: Vec<BookingId>,
}

impl Look {
    /// Whether there is nothing new to see.
    pub(crate) fn holds(&self, sequence: Sequence, at: Instant) -> bool {
        self.sequence == sequence && self.due.is_some_and(|due| at < due)
    }
}

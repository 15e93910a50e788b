//! What a block shows: its counters, flags and tree, without seats and patients. Enough to say what the decision would say.
//!
//! INVARIANT (one fold): the engine's own availability and that of a feed which is read far away are answered here, by the
//! fold that decides; there is no second set of rules.

use crate::Engine;
use crate::fact::Trace;
use crate::target::{refuse, refuse_by_block, refuse_by_flags};
use haoyuan_core::ids::{SessionId, SlotRef};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::pool::PoolTree;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::Availability;
use haoyuan_core::terms::{Channel, Class};
use haoyuan_core::word::{Flag, Word};

/// The part that one slot has in a block that is a whole session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotShare {
    /// Seats of the slot.
    pub seats: u8,
    /// Live ones among them.
    pub live: u8,
}

/// A slot as of one word of its block.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a> {
    /// The pool tree that decides about the slot.
    pub tree: &'a PoolTree,
    /// Live counters (holds that were due are not among them) and flags; no history.
    pub word: Word,
    /// The day from whose midnight the tree counts.
    pub day: Day,
    /// The slot's own seats, where the block is the whole session.
    pub share: Option<SlotShare>,
}

impl Shown<'_> {
    /// What the decision would say for this class through this channel at this instant, if nothing else changed. Pure;
    /// O(free seats × guarantees). Patient rules are not part of it.
    #[must_use]
    pub fn availability(&self, class: Class, channel: Channel, at: Instant) -> Availability {
        let live = self.word.live();
        let total = u8::try_from(live.total()).unwrap_or(u8::MAX);
        let mut answer = Availability { free: 0, capacity: self.tree.capacity(), live: total, refusal: None };
        match self.most(class, channel, at) {
            Err(refusal) => answer.refusal = Some(refusal),
            Ok(most) => answer.free = self.tree.free(live, class, channel, self.day.offset(at), most),
        }
        answer
    }

    /// The same slot to somebody who has waited for it: nobody stands before them.
    pub(crate) fn to_those_who_wait(self) -> Self {
        Self { word: self.word.with_flag(Flag::Waiting, false), ..self }
    }

    /// Whether a claim would be accepted, and how many seats of the slot it could be one of.
    fn most(&self, class: Class, channel: Channel, at: Instant) -> Result<u8, Refusal> {
        if let Some(code) = refuse_by_flags(self.word) {
            return Err(Refusal::plain(code));
        }
        let left = self.share.map_or(self.tree.seats(), |slot| slot.seats.saturating_sub(slot.live));
        let offset = self.day.offset(at);
        match self.tree.decide(self.word.live(), class, channel, offset) {
            Ok(_) if left == 0 => Err(refuse_by_block(Code::SlotFull)),
            Ok(_) if self.word.has(Flag::Waiting) => Err(Refusal::plain(Code::Waitlisted)),
            Ok(_) => Ok(left),
            // The slot of a whole-session block can be full before the session is.
            Err(denial) if left == 0 && denial.code > Code::SlotFull => Err(refuse_by_block(Code::SlotFull)),
            Err(denial) => Err(refuse(denial, offset, at)),
        }
    }
}

impl<T: Trace> Engine<T> {
    /// A slot as it stands: what a page far away needs to answer for any class. Reads only; lock-free, linearizes at a load
    /// of the block's word.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION` or `UNKNOWN_SLOT`.
    pub fn shown(&self, slot: SlotRef, at: Instant) -> Result<Shown<'_>, Refusal> {
        Ok(self.resolve(slot).map_err(Refusal::plain)?.shown(at))
    }

    /// The sessions of these days, the last one included, by day and time. Takes the calendar's read lock, which only
    /// publishing writes.
    #[must_use]
    pub fn sessions_between(&self, from: Day, to: Day) -> Vec<SessionId> {
        if from > to {
            return Vec::new();
        }
        let calendar = self.calendar.read();
        let numbers = calendar.days.range(from..=to).flat_map(|(_, sessions)| sessions);
        numbers.filter_map(|(_, number)| SessionId::new(*number)).collect()
    }
}

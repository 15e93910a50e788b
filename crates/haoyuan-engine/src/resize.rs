//! Fewer usable seats, or more again (减号, 加号 within the block): a block gets another pool tree while it is sold.
//!
//! INVARIANT (one tree for each word): a claim is decided by the tree that belongs to the word it replaces. A tree is replaced
//! only while the word is frozen, when no claim is accepted, and the replacement is itself a transition; so a claim that was
//! decided by the tree before fails, and one that was decided by the tree after comes after.
//!
//! A block whose tree was ever replaced carries a flag for the rest of its life, and its tree is looked up after each word;
//! all other blocks pay nothing.

use crate::Engine;
use crate::block::View;
use crate::fact::{Change, Trace};
use crate::replay::ReplayError;
use haoyuan_core::ids::{BlockId, NodeIndex, Sequence, SessionId, SlotRef};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::pool::PoolTree;
use haoyuan_core::refusal::{Binding, Code, Refusal};
use haoyuan_core::word::Live;

/// A block with another number of usable seats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resized {
    /// The session.
    pub session: SessionId,
    /// The block.
    pub block: BlockId,
    /// The sequence of the change in the block.
    pub sequence: Sequence,
    /// The day of the session, from whose midnight the fences of its pools count.
    pub day: Day,
    /// Usable seats before.
    pub before: u8,
    /// Usable seats from now on.
    pub capacity: u8,
}

impl<T: Trace> Engine<T> {
    /// Replaces the pool tree of the block of a slot by one with another number of usable seats, minima, fences or caps: see
    /// [`PoolTree::resized`]. What is live stays live.
    ///
    /// Takes the administration lock. Linearizes at the compare-and-swap of the block's word, a refusal at a load of it; for
    /// the moment of the change, claims of the block are told `CONCURRENT_REQUEST`.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION`, `UNKNOWN_SLOT`; `POOLS_DIFFER`; `BELOW_LIVE` with the number of live seats, or the pool whose cap
    /// would be below them; `ENGINE_FULL` if there is no room for one more shape; `SEQUENCE_EXHAUSTED`.
    pub fn resize(&self, slot: SlotRef, tree: &PoolTree, at: Instant) -> Result<Resized, Refusal> {
        let mut admin = self.admin.lock();
        let target = self.resolve(slot).map_err(Refusal::plain)?;
        let (block, before) = (target.block, target.tree);
        if before.differs(tree).is_some() {
            return Err(Refusal::plain(Code::PoolsDiffer));
        }
        let shape = admin.shape(tree, &self.trees).ok_or(Refusal::plain(Code::EngineFull))?;
        let ended = |ended| self.record_end(target.block_id, &ended, Change::Expired, at, None);
        let fits = |view: &View| {
            if view.word.can_claim() {
                room_for(tree, view.live)
            } else {
                Err(Refusal::plain(Code::SequenceExhausted))
            }
        };
        let sequence = block.replace_tree(at, fits, &ended, || target.cell.reshape(shape))?;
        let resized = Resized {
            session: slot.session,
            block: target.block_id,
            sequence,
            day: target.row.day(),
            before: before.capacity(),
            capacity: tree.capacity(),
        };
        self.trace.resized(&resized, tree, at);
        Ok(resized)
    }

    /// Applies a change of usable seats that was recorded. `Ok(false)` if the block is already past it.
    ///
    /// # Errors
    /// [`ReplayError`]; nothing was changed.
    pub fn replay_resized(
        &self,
        id: BlockId,
        sequence: Sequence,
        tree: &PoolTree,
    ) -> Result<bool, ReplayError> {
        let mut admin = self.admin.lock();
        let Some((_, _, block, before)) = self.place(id) else {
            return if admin.given()[1] > id.get() { Ok(false) } else { Err(ReplayError::UnknownBlock(id)) };
        };
        let word = block.word();
        if sequence <= word.sequence() {
            return Ok(false);
        }
        let expected = Sequence(word.sequence().0 + 1);
        if sequence != expected {
            return Err(ReplayError::Gap { block: id, expected, found: sequence });
        }
        if before.differs(tree).is_some() || room_for(tree, word.live()).is_err() {
            return Err(ReplayError::Resized { block: id, sequence });
        }
        let shape = admin.shape(tree, &self.trees).ok_or(ReplayError::Full("shapes"))?;
        self.rows[id.index()].reshape(shape);
        match block.thaw(word) {
            Some(_) => Ok(true),
            None => Err(ReplayError::Resized { block: id, sequence }),
        }
    }
}

/// That these live seats fit into a tree and each of its caps.
fn room_for(tree: &PoolTree, live: Live) -> Result<(), Refusal> {
    let below = Refusal::plain(Code::BelowLive);
    if live.total() > u32::from(tree.capacity()) {
        return Err(below.by(Binding::Limit(live.total())));
    }
    let over = tree
        .nodes()
        .iter()
        .zip(NodeIndex::all())
        .find(|(node, index)| node.cap.is_some_and(|cap| tree.live_in(live, *index) > u32::from(cap)));
    match over {
        Some((_, index)) => Err(below.by(Binding::Node(index))),
        None => Ok(()),
    }
}

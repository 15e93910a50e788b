//! A slot that was asked for: its block, its tree, and the block's rules over a view.

#![expect(
    clippy::inline_always,
    reason = "a refusal is one pass through registers; calls return structs through memory"
)]

use crate::block::{Block, View};
use crate::engine::Row;
use crate::sessions::SessionRow;
use haoyuan_core::ids::{BlockId, NodeIndex};
use haoyuan_core::instant::Instant;
use haoyuan_core::pool::{Denial, Permit, PoolTree};
use haoyuan_core::refusal::{Binding, Code, Refusal, Retry};
use haoyuan_core::request::Availability;
use haoyuan_core::terms::{Channel, Class};
use haoyuan_core::word::Flag;
use std::ops::Range;

/// A slot that was asked for: enough of it to refuse.
#[derive(Clone, Copy)]
pub(crate) struct Located<'a> {
    pub(crate) row: SessionRow,
    pub(crate) block: u32,
    pub(crate) cell: &'a Row,
    pub(crate) tree: &'a PoolTree,
}

/// A slot that was asked for, resolved.
pub(crate) struct Target<'a> {
    pub(crate) row: SessionRow,
    pub(crate) block_id: BlockId,
    pub(crate) block: Block<'a>,
    pub(crate) tree: &'a PoolTree,
    /// The seats of the slot within the block.
    pub(crate) range: Range<u8>,
}

impl Target<'_> {
    /// The block's rules alone, over a view.
    #[inline(always)]
    pub(crate) fn decide(
        &self,
        view: &View,
        class: Class,
        channel: Channel,
        at: Instant,
    ) -> Result<Permit, Refusal> {
        if view.word.has_flags() {
            if view.word.has(Flag::Stopped) {
                return Err(Refusal::plain(Code::Stopped));
            }
            if view.word.has(Flag::Frozen) {
                return Err(Refusal::plain(Code::ConcurrentRequest));
            }
        }
        match self.tree.decide(view.live, class, channel, self.row.offset(at)) {
            Ok(permit) => Ok(permit),
            Err(denial) => Err(self.refuse(view, denial, at)),
        }
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, view: &View, denial: Denial, at: Instant) -> Refusal {
        // In a whole-session block the slot can be full before the session is.
        if self.row.whole() && denial.code > Code::SlotFull && !self.block.has_free(view, &self.range, at) {
            return refuse_by_block(Code::SlotFull);
        }
        refuse(self.tree, &self.row, denial, at)
    }

    /// Whether the block would accept a claim; reads only.
    #[inline(always)]
    pub(crate) fn probe(
        &self,
        class: Class,
        channel: Channel,
        at: Instant,
    ) -> Result<(View, Permit), Refusal> {
        loop {
            let view = self.block.view(at);
            let decided = self.decide(&view, class, channel, at);
            if !self.row.whole() {
                return decided.map(|permit| (view, permit));
            }
            let decided = decided.and_then(|permit| {
                let free = self.block.has_free(&view, &self.range, at);
                if free { Ok((view, permit)) } else { Err(refuse_by_block(Code::SlotFull)) }
            });
            // Linearizes at the load of the word only if no seat changed while they were looked at.
            if decided.is_ok() || self.block.word() == view.word {
                return decided;
            }
        }
    }

    pub(crate) fn availability(&self, class: Class, channel: Channel, at: Instant) -> Availability {
        loop {
            let view = self.block.view(at);
            let live = u8::try_from(view.live.total()).unwrap_or(u8::MAX);
            let mut answer = Availability { free: 0, capacity: self.tree.capacity(), live, refusal: None };
            match self.probe_view(&view, class, channel, at) {
                Err(refusal) => answer.refusal = Some(refusal),
                Ok(most) => {
                    answer.free = self.tree.free(view.live, class, channel, self.row.offset(at), most);
                }
            }
            if !self.row.whole() || self.block.word() == view.word {
                return answer;
            }
        }
    }

    /// The block's rules over one view, and how many seats of the slot are free.
    fn probe_view(&self, view: &View, class: Class, channel: Channel, at: Instant) -> Result<u8, Refusal> {
        let _permit = self.decide(view, class, channel, at)?;
        if !self.row.whole() {
            return Ok(self.tree.capacity());
        }
        let seats = self.range.len();
        let live = self.block.count_live(self.range.clone(), at) as usize;
        match u8::try_from(seats.saturating_sub(live)) {
            Ok(free) if free > 0 => Ok(free),
            _ => Err(refuse_by_block(Code::SlotFull)),
        }
    }
}

/// A refusal of the block's own: all seats are the root's.
pub(crate) fn refuse_by_block(code: Code) -> Refusal {
    let refusal = Refusal::plain(code);
    if code == Code::SlotFull { refusal.by(Binding::Node(NodeIndex::ROOT)) } else { refusal }
}

/// A denial in the caller's terms.
#[inline(always)]
pub(crate) fn refuse(tree: &PoolTree, row: &SessionRow, denial: Denial, at: Instant) -> Refusal {
    let binding = if denial.code == Code::NotAdmitted { Binding::None } else { Binding::Node(denial.node) };
    // By itself rather than by `Code::is_transient`, so that the commonest refusals are told apart by one comparison.
    let retry = match denial.code {
        Code::SlotFull | Code::CapReached => Retry::WhenReturned,
        Code::NotOpen | Code::Protected => {
            let offset = row.offset(at);
            let loosens = tree.loosens(denial, offset);
            loosens.map_or(Retry::WhenReturned, |later| Retry::From(at.plus(later - offset)))
        }
        _ => Retry::Never,
    };
    debug_assert_eq!(retry != Retry::Never, denial.code.is_transient(), "{denial:?}");
    Refusal { code: denial.code, binding, retry }
}

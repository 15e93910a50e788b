//! A slot that was asked for: its block, its tree, and the block's rules over a view.

#![expect(
    clippy::inline_always,
    reason = "a refusal is one pass through registers; calls return structs through memory"
)]

use crate::block::{Block, View};
use crate::engine::{Row, Table};
use crate::sessions::SessionRow;
use crate::shown::{Shown, SlotShare};
use haoyuan_core::ids::{BlockId, NodeIndex, Sequence};
use haoyuan_core::instant::Instant;
use haoyuan_core::pool::{Denial, Permit, PoolTree};
use haoyuan_core::refusal::{Binding, Code, Refusal, Retry};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_core::word::{Flag, Word};
use std::ops::Range;
use std::sync::OnceLock;

/// A slot that was asked for: enough of it to refuse.
#[derive(Clone, Copy)]
pub(crate) struct Located<'a> {
    pub(crate) row: SessionRow,
    pub(crate) block: u32,
    pub(crate) cell: &'a Row,
    pub(crate) tree: &'a PoolTree,
}

/// Whether a claim stands behind those who wait for the block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queue {
    /// It does: while somebody waits it is refused.
    Behind,
    /// It does not: it is an offer to one of them, or they were served before.
    Passed,
    /// It does not, as long as this is the block's last transition: they were served at that state of it.
    Served(Sequence),
}

/// A slot that was asked for, resolved.
pub(crate) struct Target<'a> {
    pub(crate) row: SessionRow,
    pub(crate) block_id: BlockId,
    pub(crate) block: Block<'a>,
    pub(crate) cell: &'a Row,
    pub(crate) trees: &'a Table<PoolTree>,
    /// The tree when the slot was resolved; [`Target::tree_at`] is the one that decides.
    pub(crate) tree: &'a PoolTree,
    /// The seats of the slot within the block.
    pub(crate) range: Range<u8>,
}

impl<'a> Target<'a> {
    /// The tree that decides at a word of the block, which was loaded after the slot was resolved.
    ///
    /// A word without flags is of a block whose tree was never replaced. Otherwise the tree is looked up after the word, and
    /// is the right one if the word is found unchanged afterwards: a tree is replaced only while its word is frozen, and
    /// with a transition.
    #[inline(always)]
    pub(crate) fn tree_at(&self, word: Word) -> &'a PoolTree {
        if word.has_flags() { self.tree_anew() } else { self.tree }
    }

    #[cold]
    #[inline(never)]
    pub(crate) fn tree_anew(&self) -> &'a PoolTree {
        self.trees.get(self.cell.shape() as usize).and_then(OnceLock::get).map_or(self.tree, Box::as_ref)
    }

    /// Whether a refusal over this view stands by itself: it linearizes at the load of its word. Otherwise seats or the tree
    /// were looked at, too, and it stands only if the word did not change meanwhile.
    #[inline(always)]
    fn stands(&self, view: &View) -> bool {
        !(self.row.whole() || view.word.has_flags()) || self.block.word() == view.word
    }

    /// The block's rules alone, over a view.
    #[inline(always)]
    pub(crate) fn decide(
        &self,
        view: &View,
        class: Class,
        channel: Channel,
        at: Instant,
        queue: Queue,
    ) -> Result<Permit, Refusal> {
        if let Some(code) = refuse_by_flags(view.word) {
            return Err(Refusal::plain(code));
        }
        let offset = self.row.offset(at);
        match self.tree_at(view.word).decide(view.live, class, channel, offset) {
            Ok(permit) if view.word.has_flags() => self.admit(view, permit, at, queue),
            Ok(permit) => Ok(permit),
            Err(denial) => Err(self.refuse(denial, offset, at)),
        }
    }

    /// A claim that the block's rules accept, and which others may be waiting for.
    #[cold]
    #[inline(never)]
    fn admit(&self, view: &View, permit: Permit, at: Instant, queue: Queue) -> Result<Permit, Refusal> {
        let passes = match queue {
            Queue::Behind => false,
            Queue::Passed => true,
            Queue::Served(sequence) => view.word.sequence() == sequence,
        };
        if passes || !view.word.has(Flag::Waiting) {
            return Ok(permit);
        }
        // In a whole-session block the slot can be full before the session is; nobody waits for a seat that is not there.
        if self.row.whole() && !self.block.has_free(self.range.clone(), at) {
            return Err(refuse_by_block(Code::SlotFull));
        }
        Err(Refusal::plain(Code::Waitlisted))
    }

    #[cold]
    #[inline(never)]
    fn refuse(&self, denial: Denial, offset: i64, at: Instant) -> Refusal {
        // In a whole-session block the slot can be full before the session is.
        if self.row.whole() && denial.code > Code::SlotFull && !self.block.has_free(self.range.clone(), at) {
            return refuse_by_block(Code::SlotFull);
        }
        refuse(denial, offset, at)
    }

    /// Whether the block would accept a claim; reads only.
    #[inline(always)]
    pub(crate) fn probe(
        &self,
        class: Class,
        channel: Channel,
        at: Instant,
        queue: Queue,
    ) -> Result<(View, Permit), Refusal> {
        loop {
            let view = self.block.view(at);
            let mut decided = self.decide(&view, class, channel, at, queue).map(|permit| (view, permit));
            if self.row.whole() && decided.is_ok() && !self.block.has_free(self.range.clone(), at) {
                decided = Err(refuse_by_block(Code::SlotFull));
            }
            if decided.is_ok() || self.stands(&view) {
                return decided;
            }
        }
    }

    /// The slot as of one word of its block, without its seats.
    pub(crate) fn shown(&self, at: Instant) -> Shown<'a> {
        loop {
            let view = self.block.view(at);
            let tree = self.tree_at(view.word);
            let share = self.row.whole().then(|| SlotShare {
                seats: u8::try_from(self.range.len()).unwrap_or(u8::MAX),
                live: u8::try_from(self.block.count_live(self.range.clone(), at)).unwrap_or(u8::MAX),
            });
            if self.stands(&view) {
                let word = Word::shown(view.live, view.word.flags());
                return Shown { tree, word, day: self.row.day(), share };
            }
        }
    }
}

/// What the flags of a word say to a claim, whatever it asks for.
#[inline(always)]
pub(crate) fn refuse_by_flags(word: Word) -> Option<Code> {
    if !word.has_flags() {
        None
    } else if word.has(Flag::Stopped) {
        Some(Code::Stopped)
    } else if word.has(Flag::Frozen) {
        Some(Code::ConcurrentRequest)
    } else {
        None
    }
}

/// A refusal of the block's own: all seats are the root's.
pub(crate) fn refuse_by_block(code: Code) -> Refusal {
    let refusal = Refusal::plain(code);
    if code == Code::SlotFull { refusal.by(Binding::Node(NodeIndex::ROOT)) } else { refusal }
}

/// A denial in the caller's terms, at an instant that is `offset` in the tree's.
#[inline(always)]
pub(crate) fn refuse(denial: Denial, offset: i64, at: Instant) -> Refusal {
    let binding = if denial.code == Code::NotAdmitted { Binding::None } else { Binding::Node(denial.node) };
    let retry = match denial.loosens() {
        Some(later) => Retry::From(Instant::saturating(later.saturating_add(at.ms() - offset))),
        // By themselves and not by `Code::is_transient`, which costs each refusal fifteen instructions; the assertion below holds
        // them to it.
        None if matches!(denial.code, Code::NotAdmitted | Code::Closed) => Retry::Never,
        None => Retry::WhenReturned,
    };
    debug_assert_eq!(retry != Retry::Never, denial.code.is_transient(), "{denial:?}");
    Refusal { code: denial.code, binding, retry }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use crate::{Engine, Limits};
    use haoyuan_core::ids::{
        DepartmentId, InstitutionId, Interval, NodeIndex, PatientKey, PractitionerId, SlotIndex, SlotRef,
    };
    use haoyuan_core::instant::{Day, HOUR, Instant};
    use haoyuan_core::plan::{Blocks, Plan, Session};
    use haoyuan_core::pool::{Node, PoolTree, Route, Routes};
    use haoyuan_core::request::Wish;
    use haoyuan_core::rules::Rules;
    use haoyuan_core::terms::{Channel, Class, Grade, Kind};

    fn tree(seats: u8) -> PoolTree {
        let mut routes = Routes::default();
        routes.set_all(Class::Public, Route::one(NodeIndex::new(1).unwrap()));
        let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), Node::plain("PUBLIC", NodeIndex::ROOT)];
        PoolTree::new(seats, nodes, routes).unwrap()
    }

    /// Somebody was refused over what a thread saw of a block, and the block changed before the refusal was given: it is given
    /// all the same where the word alone was looked at, and where seats or another tree were looked at it is decided anew.
    #[test]
    fn a_refusal_stands_by_itself_only_where_the_word_says_it_all() {
        let from = Day(20_000).midnight().plus(8 * HOUR);
        for (whole, replaced) in [(false, false), (true, false), (false, true)] {
            let session = Session {
                code: "session".to_owned(),
                institution: InstitutionId::default(),
                department: DepartmentId::default(),
                practitioner: PractitionerId::default(),
                grade: Grade::Expert,
                kind: Kind::Clinic,
                time: Interval { from, to: from.plus(2 * HOUR) },
                slot_ms: 3_600_000,
                capacity: vec![2; 2],
            };
            let blocks =
                if whole { Blocks::WholeSession(tree(4)) } else { Blocks::PerSlot(vec![tree(2), tree(2)]) };
            let engine = Engine::new(Limits::for_seats(100));
            let plan = Plan { session, blocks, rules: Rules::default() };
            let session = engine.publish(&plan, Instant::MIN).unwrap();
            let slot = SlotRef { session, slot: SlotIndex::new(0).unwrap() };
            if replaced {
                let smaller = engine.tree(slot).unwrap().resized(1, tree(2).nodes().to_vec()).unwrap();
                engine.resize(slot, &smaller, Instant::MIN).unwrap();
            }
            let target = engine.resolve(slot).unwrap();
            let view = target.block.view(Instant::MIN);
            assert!(target.stands(&view), "nothing changed");
            let (patient, class, channel) = (PatientKey::new(1).unwrap(), Class::Public, Channel::App);
            engine
                .book(&Wish { patient, slot, class, channel, ticket: None, key: None }, Instant::MIN)
                .unwrap();
            assert_eq!(target.stands(&view), !whole && !replaced, "{whole} {replaced}");
        }
    }
}

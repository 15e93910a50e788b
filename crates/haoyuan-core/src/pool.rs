//! The pool tree and the nested-occupancy fold: who may take a seat of a block, as a pure function of the live
//! counters and the time.
//!
//! # Definitions
//! A node `v` has `b_v` live seats admitted at it, a guaranteed minimum `R_v(t)` that never rises, and a cap `L_v`.
//! ```text
//! S(v)   = b_v + Σ occ(children)          tot(v) = b_v + Σ tot(children)
//! occ(v) = max(R_v(t), S(v))  if v is a guarantee        S(v)  if v is extra
//! ```
//! A request at node `u` is accepted iff, with `'` meaning "after one more seat at u":
//! ```text
//! occ'(root) ≤ C  ∧  ( occ'(root) = occ(root)  ∨  occ'(root) + Σ{R_v(t) : v extra, u not inside v} ≤ C )
//!                 ∧  tot'(v) ≤ L_v for u and everything above it  ∧  u is open at t
//! ```
//! A guarantee shrinks as its own class books (standard nesting); an extra reserve does not (theft nesting; Talluri
//! and van Ryzin 2004, chapter 2), and never stands in the way of an unmet guarantee.
//!
//! # Invariants
//! - INVARIANT (order independence): acceptance depends on the live counts and the time, never on the order in which
//!   the counts came about. No seat is labelled, so a cancelled one nests again by itself.
//! - INVARIANT (guarantee kept): seats admitted outside a guarantee `v` never exceed `C − R_v(t)` at an acceptance, and
//!   an unmet guarantee can be redeemed at any time, caps permitting.
//! - INVARIANT (time only): `R_v(t)` is a step function of time; releasing a reserve needs no job to run.
//!
//! # How it is computed
//! With `def(v) = max(0, R_v − S(v))` the fold is `occ(root) = tot(root) + Σ def(v)` over the guarantees, and one more
//! seat at `u` leaves `occ(root)` as it is exactly if some guarantee that contains `u` has `def > 0`. Where each guarantee is
//! for one counter that no other one is for, as in most trees, one subtraction of packed counters finds every `def` at once
//! (`fold`); in other trees one sum over packed counters per guarantee does (`fold_guard_by_guard`). Neither loops over nodes. A
//! block that is full is full whatever is guaranteed, so that is asked before.
//!
//! All times are offsets in milliseconds from the tree's *origin*, the midnight (+08:00) of the session's day, so that sessions of
//! the same shape share one tree.

#![expect(
    clippy::inline_always,
    reason = "a decision is one pass through registers; calls return structs through memory"
)]

use crate::ids::{NodeIndex, SEATS_MAX};
use crate::refusal::Code;
use crate::said;
use crate::said::{Said, Speak};
use crate::terms::{Channel, Class};
use crate::word::{COUNTERS, CounterSet, Live, Minima};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The most nodes a pool tree can have, the root included.
pub const NODES_MAX: usize = NodeIndex::MAX as usize + 1;

/// How a node's minimum is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protection {
    /// A statutory reserve: shrinks as its own class books.
    Guarantee,
    /// A reserve over and above what its class has booked (green channel).
    Extra,
}

/// A fall of a guaranteed minimum: from `from` on it is `seats`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Fence {
    /// Offset from the origin, milliseconds.
    pub from: i64,
    /// The minimum from then on, seats.
    pub seats: u8,
}

/// A node of a pool tree. Parents come before their children; the root comes first and is its own parent.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Node {
    /// The pool's name, as in the policy: `REFERRAL`, `L2_TO_L3`, `APP`.
    pub name: String,
    /// The pool that contains this one.
    pub parent: NodeIndex,
    /// How the minimum is protected.
    pub protection: Protection,
    /// The guaranteed minimum before the first fence, seats.
    pub guarantee: u8,
    /// The fences, in order of time; seats never rise.
    pub fences: Vec<Fence>,
    /// The most live seats in this node and below, if capped.
    pub cap: Option<u8>,
    /// First offset at which the node accepts (inclusive).
    pub opens: i64,
    /// First offset at which it no longer accepts (exclusive).
    pub closes: i64,
}

impl Node {
    /// A node without minimum or cap, open at all times.
    #[must_use]
    pub fn plain(name: &str, parent: NodeIndex) -> Self {
        Self {
            name: name.to_owned(),
            parent,
            protection: Protection::Guarantee,
            guarantee: 0,
            fences: Vec::new(),
            cap: None,
            opens: i64::MIN,
            closes: i64::MAX,
        }
    }
}

/// The nodes at which a class may book through a channel, in order of preference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Route {
    nodes: [NodeIndex; 2],
    len: u8,
}

impl Route {
    /// No node: the class is not admitted through this channel.
    pub const NONE: Self = Self { nodes: [NodeIndex::ROOT; 2], len: 0 };

    /// One node.
    #[must_use]
    pub const fn one(node: NodeIndex) -> Self {
        Self { nodes: [node; 2], len: 1 }
    }

    /// A node and the one to fall back to.
    #[must_use]
    pub const fn two(node: NodeIndex, fallback: NodeIndex) -> Self {
        Self { nodes: [node, fallback], len: 2 }
    }

    /// The nodes, first choice first.
    #[must_use]
    pub fn nodes(&self) -> &[NodeIndex] {
        &self.nodes[..usize::from(self.len).min(2)]
    }
}

/// The route of every class through every channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Routes([[Route; 8]; 7]);

impl Routes {
    /// The route of a class through a channel.
    #[must_use]
    pub const fn get(&self, class: Class, channel: Channel) -> Route {
        self.0[class as usize][channel as usize]
    }

    /// Sets one route.
    pub const fn set(&mut self, class: Class, channel: Channel, route: Route) {
        self.0[class as usize][channel as usize] = route;
    }

    /// Sets the same route for every channel of a class.
    pub fn set_all(&mut self, class: Class, route: Route) {
        self.0[class as usize] = [route; 8];
    }
}

/// Why nodes and routes do not make a pool tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TreeError {
    /// More than [`NODES_MAX`] nodes, or none.
    NodeCount(usize),
    /// More than 14 nodes are booked at.
    BookableCount(usize),
    /// The capacity is 0 or above [`SEATS_MAX`].
    Capacity(u8),
    /// The first node is not its own parent, or a later node's parent does not come before it.
    Order(String),
    /// Two nodes have the same name.
    DuplicateName(String),
    /// A minimum rises with time, or fences are out of order.
    Rising(String),
    /// The minimum of this node is above its own cap or that of a node above it.
    AboveCap(String),
    /// The minima together exceed the capacity.
    OverCapacity {
        /// Seats that the minima ask for together.
        minima: u32,
        /// Seats there are.
        capacity: u8,
    },
    /// A node never opens.
    NeverOpen(String),
    /// A route names the root or a node that does not exist.
    Route(u8),
    /// The root has a minimum.
    RootGuarantee,
    /// More seats would be usable than the block has.
    Seats {
        /// Seats that would be usable.
        capacity: u8,
        /// Seats there are.
        seats: u8,
    },
    /// What replaces the pools of a block differs in more than minima, fences and caps.
    Pools(String),
}

impl Speak for TreeError {
    fn said(&self) -> Said {
        match self {
            Self::NodeCount(n) => said!(
                "a pool tree has 1 to {most} nodes, this one {n}",
                "号源池(含全部号源)须为 1 至 {most} 个,此处为 {n} 个",
                most = NODES_MAX,
                n
            ),
            Self::BookableCount(n) => said!(
                "at most {most} pools can be booked at, here {n}",
                "可直接预约的号源池最多 {most} 个,此处为 {n} 个",
                most = COUNTERS,
                n
            ),
            Self::Capacity(n) => said!(
                "a block has 1 to {most} seats, this one {n}",
                "一个区块须有 1 至 {most} 个号,此处为 {n} 个",
                most = SEATS_MAX,
                n
            ),
            Self::Order(name) => said!(
                "pool `{name}` must come after the pool that contains it",
                "号源池 `{name}` 须排在其上级号源池之后",
                name
            ),
            Self::DuplicateName(name) => {
                said!("two pools are named `{name}`", "有两个号源池同名:`{name}`", name)
            }
            Self::Rising(name) => said!(
                "the minimum of pool `{name}` rises with time",
                "号源池 `{name}` 的预留数随时间增加;预留只能减少",
                name
            ),
            Self::AboveCap(name) => said!(
                "the minimum of pool `{name}` is above its cap or that of a pool above it",
                "号源池 `{name}` 的预留数超过其自身或上级号源池的上限",
                name
            ),
            Self::OverCapacity { minima, capacity } => said!(
                "the pools' minima ask for {minima} seats and there are {capacity}",
                "各号源池共预留 {minima} 个号,而总数只有 {capacity} 个",
                minima,
                capacity
            ),
            Self::NeverOpen(name) => {
                said!("pool `{name}` closes before it opens", "号源池 `{name}` 在放号之前已停挂", name)
            }
            Self::Route(node) => said!(
                "a class is routed to node {node}, which cannot be booked at",
                "有类别指向节点 {node},而该节点不能直接预约",
                node
            ),
            Self::Seats { capacity, seats } => said!(
                "the block has {seats} seats, and {capacity} cannot be usable",
                "该区块只有 {seats} 个号,不能有 {capacity} 个可用",
                seats,
                capacity
            ),
            Self::Pools(name) => said!(
                "pool `{name}` changes in more than its minimum, its fences and its cap",
                "号源池 `{name}` 的变更超出了预留数、释放时间与上限的范围",
                name
            ),
            Self::RootGuarantee => {
                said!("the root cannot have a minimum: it is all seats", "`ROOT` 即全部号源,不能设预留")
            }
        }
    }
}

impl fmt::Display for TreeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for TreeError {}

/// A guarantee in force during a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Guard {
    /// The counters of the node and everything inside it.
    set: CounterSet,
    /// The guaranteed minimum.
    seats: u8,
    node: NodeIndex,
    /// Bit `u`: node `u` is this node or inside it.
    inside: u16,
    /// The guard that contains this one most closely, as an index into the phase's guards (they come inside out).
    outer: Option<u8>,
    /// The offset (ms) at which the minimum next falls, [`NEVER`] if it does not.
    falls: i64,
}

/// A reserve over and above what its class has, in force during a phase.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ExtraReserve {
    /// The seats that are kept beside what the class has.
    seats: u32,
    node: NodeIndex,
    inside: u16,
    falls: i64,
}

/// The offset of what does not happen.
const NEVER: i64 = i64::MAX;

/// What holds between two fences.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Phase {
    /// The offset (ms) at which it ends, exclusive; [`NEVER`] of the last.
    until: i64,
    guards: Vec<Guard>,
    extras: Vec<ExtraReserve>,
    /// The guarantees by counter, if each of them is for one counter that no other one is for, and all together are no more than a
    /// block can have. Then one subtraction finds what is missing to all of them.
    minima: Option<Minima>,
}

/// When a node and everything above it is open: offsets (ms), the second one exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Window {
    opens: i64,
    closes: i64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Cap {
    node: NodeIndex,
    set: CounterSet,
    seats: u32,
    inside: u16,
}

/// A pool tree, checked and compiled for deciding. Written down as its capacity, nodes and routes, and checked again when
/// it is read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct PoolTree {
    /// Usable seats.
    capacity: u8,
    /// All seats of the block.
    seats: u8,
    nodes: Vec<Node>,
    routes: Routes,
    /// Counter of each node, `NO_COUNTER` if it cannot be booked at.
    counters: [u8; NODES_MAX],
    windows: [Window; NODES_MAX],
    /// What holds until the first fence, until the second one, ...
    ending: Vec<Phase>,
    /// What holds after the last fence.
    last: Phase,
    caps: Vec<Cap>,
}

const NO_COUNTER: u8 = u8::MAX;

/// A pool tree as it is written down.
#[derive(Serialize, Deserialize)]
struct Written {
    capacity: u8,
    seats: u8,
    nodes: Vec<Node>,
    routes: Routes,
}

impl TryFrom<Written> for PoolTree {
    type Error = TreeError;

    fn try_from(written: Written) -> Result<Self, TreeError> {
        let Written { capacity, seats, nodes, routes } = written;
        Self::new(capacity, nodes, routes)?.of_seats(seats)
    }
}

impl From<PoolTree> for Written {
    fn from(tree: PoolTree) -> Self {
        Self { capacity: tree.capacity, seats: tree.seats, nodes: tree.nodes, routes: tree.routes }
    }
}

/// A claim that the rules accept: the proof that a later step takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub struct Permit {
    /// The node that admits the claim.
    pub node: NodeIndex,
    /// Its counter.
    pub counter: u8,
    /// The live counters after the claim.
    pub live: Live,
    /// Whether the claim goes over every guarantee that contains its node: a seat of the public, not of a reserve.
    pub spill: bool,
}

/// Why the rules do not accept a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Denial {
    /// One of `NotAdmitted`, `NotOpen`, `Closed`, `SlotFull`, `Protected`, `CapReached`.
    pub code: Code,
    /// The node whose constraint binds.
    pub node: NodeIndex,
    loosens: i64,
}

impl Denial {
    /// A denial that time alone does not end.
    #[inline(always)]
    const fn lasting(code: Code, node: NodeIndex) -> Self {
        Self { code, node, loosens: NEVER }
    }

    /// The block is full. Not a constant, which would be copied from memory.
    #[inline(always)]
    const fn full() -> Self {
        Self::lasting(Code::SlotFull, NodeIndex::ROOT)
    }

    /// The offset (ms) at which the constraint that it names next loosens by time alone: the pool opens, or its minimum falls at a
    /// fence.
    #[inline(always)]
    #[must_use]
    pub const fn loosens(self) -> Option<i64> {
        if self.loosens == NEVER { None } else { Some(self.loosens) }
    }
}

impl PoolTree {
    /// Checks and compiles a tree. The order of nodes decides which of several binding constraints is named.
    ///
    /// # Errors
    /// [`TreeError`] names the first node that breaks a rule.
    pub fn new(capacity: u8, nodes: Vec<Node>, routes: Routes) -> Result<Self, TreeError> {
        if nodes.is_empty() || nodes.len() > NODES_MAX {
            return Err(TreeError::NodeCount(nodes.len()));
        }
        if capacity == 0 || capacity > SEATS_MAX {
            return Err(TreeError::Capacity(capacity));
        }
        check_nodes(&nodes)?;
        let counters = number_counters(&nodes, &routes)?;
        let above = ancestors(&nodes);
        let inside: Vec<u16> = (0..nodes.len())
            .map(|v| (0..nodes.len()).filter(|u| above[*u] >> v & 1 == 1).fold(0, |set, u| set | 1 << u))
            .collect();
        let sets: Vec<CounterSet> = inside.iter().map(|set| counters_in(*set, &counters)).collect();
        for (v, node) in nodes.iter().enumerate() {
            let tightest =
                (0..nodes.len()).filter(|a| above[v] >> a & 1 == 1).filter_map(|a| nodes[a].cap).min();
            if tightest.is_some_and(|cap| node.guarantee > cap) {
                return Err(TreeError::AboveCap(node.name.clone()));
            }
        }
        let caps = nodes
            .iter()
            .zip(NodeIndex::all())
            .filter_map(|(node, index)| {
                let seats = u32::from(node.cap?);
                Some(Cap { node: index, set: sets[index.index()], seats, inside: inside[index.index()] })
            })
            .collect();
        let fences = in_order(nodes.iter().flat_map(fences_of));
        let phase = |interval| compile_phase(&nodes, &above, &inside, &sets, interval);
        let froms = [i64::MIN].into_iter().chain(fences.iter().copied());
        let ending: Vec<Phase> = froms.zip(fences.iter().copied()).map(&phase).collect();
        let last = phase((fences.last().copied().unwrap_or(i64::MIN), NEVER));
        let first = ending.first().unwrap_or(&last);
        let extras = first.extras.iter().map(|extra| extra.seats).sum::<u32>();
        // Not by the packed minima, which there are only if they fit.
        let minima = fold_guard_by_guard(first, Live::default(), 0, 0).occupied + extras;
        if minima > u32::from(capacity) {
            return Err(TreeError::OverCapacity { minima, capacity });
        }
        let windows = windows_of(&nodes, &above);
        Ok(Self { capacity, seats: capacity, nodes, routes, counters, windows, ending, last, caps })
    }

    /// The usable capacity, seats: what the block has without what is blocked.
    #[must_use]
    pub const fn capacity(&self) -> u8 {
        self.capacity
    }

    /// All seats of the block, usable or blocked.
    #[must_use]
    pub const fn seats(&self) -> u8 {
        self.seats
    }

    /// The same block with `capacity` of its seats usable, and with these minima, fences and caps.
    ///
    /// # Errors
    /// [`TreeError`]: [`TreeError::Seats`], [`TreeError::Pools`], or what [`PoolTree::new`] says.
    pub fn resized(&self, capacity: u8, nodes: Vec<Node>) -> Result<Self, TreeError> {
        let tree = Self::new(capacity, nodes, self.routes)?.of_seats(self.seats)?;
        match self.differs(&tree) {
            Some(name) => Err(TreeError::Pools(name)),
            None => Ok(tree),
        }
    }

    /// The first pool in which two trees of one block differ by more than minimum, fences and cap.
    #[must_use]
    pub fn differs(&self, other: &Self) -> Option<String> {
        let count = self.nodes.len().max(other.nodes.len());
        let differs = |v: &usize| match (self.nodes.get(*v), other.nodes.get(*v)) {
            (Some(a), Some(b)) => {
                (&a.name, a.parent, a.protection, a.opens, a.closes)
                    != (&b.name, b.parent, b.protection, b.opens, b.closes)
            }
            _ => true,
        };
        let name = |v: usize| {
            let node = self.nodes.get(v).or(other.nodes.get(v));
            node.map_or_else(String::new, |node| node.name.clone())
        };
        let of_another_block = self.routes != other.routes || self.seats != other.seats;
        (0..count).find(differs).or(of_another_block.then_some(0)).map(name)
    }

    fn of_seats(self, seats: u8) -> Result<Self, TreeError> {
        if seats < self.capacity || seats > SEATS_MAX {
            return Err(TreeError::Seats { capacity: self.capacity, seats });
        }
        Ok(Self { seats, ..self })
    }

    /// The nodes, root first.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The routes.
    #[must_use]
    pub const fn routes(&self) -> &Routes {
        &self.routes
    }

    /// The counter of a node that can be booked at.
    #[must_use]
    pub fn counter(&self, node: NodeIndex) -> Option<u8> {
        self.counters.get(node.index()).copied().filter(|c| *c != NO_COUNTER)
    }

    /// Live seats in a node and everything inside it.
    #[must_use]
    pub fn live_in(&self, live: Live, node: NodeIndex) -> u32 {
        let above = ancestors(&self.nodes);
        (0..self.nodes.len())
            .filter(|v| above[*v] >> node.index() & 1 == 1 && self.counters[*v] != NO_COUNTER)
            .map(|v| u32::from(live.get(self.counters[v])))
            .sum()
    }

    /// The guaranteed minimum of a node at an offset, seats.
    #[must_use]
    pub fn guarantee(&self, node: NodeIndex, at: i64) -> u8 {
        guarantee_at(&self.nodes[node.index()], at)
    }

    /// The offsets at which anything changes by time alone, in order.
    pub fn breakpoints(&self) -> impl Iterator<Item = i64> + '_ {
        in_order(self.nodes.iter().flat_map(|node| fences_of(node).chain([node.opens, node.closes])))
            .into_iter()
    }

    /// The tree at an offset from the origin: for many decisions at the same instant.
    #[inline(always)]
    #[must_use]
    pub fn at(&self, at: i64) -> Moment<'_> {
        Moment { tree: self, phase: self.phase_at(at), at }
    }

    /// What holds at an offset from the origin.
    #[inline(always)]
    fn phase_at(&self, at: i64) -> &Phase {
        // Few phases, and early ones matter at a rush.
        self.ending.iter().find(|phase| at < phase.until).unwrap_or(&self.last)
    }

    /// Decides one claim of a class through a channel, at an offset from the origin.
    ///
    /// Pure; O(fences + nodes of the route × guarantees), no allocation. A route of two nodes takes up to three decisions: which of
    /// them it is, and that one.
    ///
    /// # Errors
    /// A [`Denial`] with the binding constraint. Where the route has two nodes and both deny, the denial of the one that
    /// came further in the order of codes.
    #[inline(always)]
    pub fn decide(&self, live: Live, class: Class, channel: Channel, at: i64) -> Result<Permit, Denial> {
        self.decide_at(live, self.node_for(live, class, channel, at)?, at)
    }

    /// Decides one claim at one node: the fold.
    ///
    /// # Errors
    /// As [`PoolTree::decide`].
    #[inline(always)]
    pub fn decide_at(&self, live: Live, node: NodeIndex, at: i64) -> Result<Permit, Denial> {
        self.decide_in(live, node, at, || self.phase_at(at))
    }

    /// The node whose decision is that of the route: the first, unless there is a second one that accepts or comes further.
    #[inline(always)]
    fn node_for(&self, live: Live, class: Class, channel: Channel, at: i64) -> Result<NodeIndex, Denial> {
        let Route { nodes, len } = self.routes.get(class, channel);
        match len {
            0 => Err(Denial::lasting(Code::NotAdmitted, NodeIndex::ROOT)),
            1 => Ok(nodes[0]),
            _ => Ok(self.node_of_two(live, nodes, at)),
        }
    }

    /// Not in line, and a node in place of a decision: so that who has one node need not put a decision together in memory.
    #[inline(never)]
    fn node_of_two(&self, live: Live, [first, second]: [NodeIndex; 2], at: i64) -> NodeIndex {
        let Err(denial) = self.decide_at(live, first, at) else { return first };
        // A full block is full by any route.
        if denial.code == Code::SlotFull {
            return first;
        }
        match self.decide_at(live, second, at) {
            Err(next) if next.code <= denial.code => first,
            _ => second,
        }
    }

    /// Decides one claim at one node; what holds at the instant is looked up only if the block is not full.
    #[inline(always)]
    fn decide_in<'a>(
        &self,
        live: Live,
        node: NodeIndex,
        at: i64,
        phase: impl FnOnce() -> &'a Phase,
    ) -> Result<Permit, Denial> {
        let window = self.windows[node.index()];
        if at < window.opens || window.closes <= at {
            return Err(self.deny_window(node, at));
        }
        let total = live.total();
        let capacity = u32::from(self.capacity);
        if total >= capacity {
            return Err(Denial::full());
        }
        let Some(counter) = self.counter(node) else { return Err(Denial::full()) };
        let (phase, bit) = (phase(), node.bit());
        let Folded { occupied, absorbed, unmet } = fold(phase, live, total, bit, counter);
        let next = occupied + u32::from(!absorbed);
        if next > capacity {
            let of = |guard: &Guard| (guard.node, guard.falls);
            let (node, loosens) = phase.outermost(unmet).map_or((NodeIndex::ROOT, NEVER), of);
            return Err(Denial { code: Code::Protected, node, loosens });
        }
        if !absorbed && !phase.extras.is_empty() {
            let mut extras = phase.extras.iter().filter(|extra| extra.inside & bit == 0);
            if next + extras.clone().map(|extra| extra.seats).sum::<u32>() > capacity {
                let of = |extra: &ExtraReserve| (extra.node, extra.falls);
                let (node, loosens) = extras.next().map_or((NodeIndex::ROOT, NEVER), of);
                return Err(Denial { code: Code::Protected, node, loosens });
            }
        }
        for cap in &self.caps {
            if cap.inside & bit != 0 && live.sum(cap.set) >= cap.seats {
                return Err(Denial::lasting(Code::CapReached, cap.node));
            }
        }
        match live.plus(counter) {
            Some(live) => Ok(Permit { node, counter, live, spill: !absorbed }),
            None => Err(Denial::full()),
        }
    }

    /// How many claims of this class in a row would be accepted, up to `most`.
    #[must_use]
    pub fn free(&self, mut live: Live, class: Class, channel: Channel, at: i64, most: u8) -> u8 {
        let (mut free, moment) = (0, self.at(at));
        while free < most {
            match moment.decide(live, class, channel) {
                Ok(permit) => live = permit.live,
                Err(_) => break,
            }
            free += 1;
        }
        free
    }

    /// The node at or above `node` whose own window is shut: the one that is last to open, or one that has closed.
    #[cold]
    fn deny_window(&self, node: NodeIndex, at: i64) -> Denial {
        let mut opens = (i64::MIN, node);
        let mut closes = i64::MAX;
        let mut v = node;
        loop {
            let pool = &self.nodes[v.index()];
            if pool.closes <= at {
                return Denial::lasting(Code::Closed, v);
            }
            closes = closes.min(pool.closes);
            if pool.opens > at && pool.opens > opens.0 {
                opens = (pool.opens, v);
            }
            if v == NodeIndex::ROOT {
                break;
            }
            v = pool.parent;
        }
        // Where one window closes before another opens there is nothing to wait for. Windows are nested: the last to open at or
        // above the node opens them all.
        let (loosens, node) = opens;
        if loosens < closes {
            Denial { code: Code::NotOpen, node, loosens }
        } else {
            Denial::lasting(Code::Closed, node)
        }
    }
}

/// A pool tree at an instant.
#[derive(Clone, Copy, Debug)]
pub struct Moment<'a> {
    tree: &'a PoolTree,
    phase: &'a Phase,
    at: i64,
}

impl<'a> Moment<'a> {
    /// The tree.
    #[must_use]
    pub const fn tree(self) -> &'a PoolTree {
        self.tree
    }

    /// [`PoolTree::decide`] at this instant.
    ///
    /// # Errors
    /// As there.
    #[inline(always)]
    pub fn decide(self, live: Live, class: Class, channel: Channel) -> Result<Permit, Denial> {
        let Self { tree, phase, at } = self;
        tree.decide_in(live, tree.node_for(live, class, channel, at)?, at, || phase)
    }
}

impl NodeIndex {
    /// Every node index, in order.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=Self::MAX).filter_map(Self::new)
    }

    /// The set of this node alone.
    const fn bit(self) -> u16 {
        1 << (self.get() & Self::MAX)
    }
}

/// What the fold says of a claim.
struct Folded {
    /// `occ(root)`.
    occupied: u32,
    /// Whether one more seat is absorbed by an unmet guarantee that contains the claim.
    absorbed: bool,
    /// Not only those that do not contain the claim: where a command carries an instant from before a fence, even a claim that
    /// redeems can be one too many.
    unmet: Unmet,
}

/// Which guards of a phase are unmet.
#[derive(Clone, Copy)]
enum Unmet {
    /// Those of the counters that lack something.
    Counters(Live),
    /// Guard `g` if bit `g` is set.
    Guards(u16),
}

impl Phase {
    /// The outermost of these guards: they come inside out.
    #[inline(always)]
    fn outermost(&self, unmet: Unmet) -> Option<&Guard> {
        match unmet {
            Unmet::Counters(lacking) => self.guards.iter().rev().find(|guard| lacking.any(guard.set)),
            Unmet::Guards(guards) => self.guards.get(guards.checked_ilog2()? as usize),
        }
    }
}

/// The fold for one more seat at a node, which has this bit and counter.
#[inline(always)]
fn fold(phase: &Phase, live: Live, total: u32, bit: u16, counter: u8) -> Folded {
    let Some(minima) = &phase.minima else { return fold_guard_by_guard(phase, live, total, bit) };
    // Whether a guarantee is unmet cannot be foretold, and a wrong guess costs more than to look at all of them.
    let lacking = live.lacks(minima);
    Folded {
        occupied: total + lacking.total(),
        absorbed: lacking.get(counter) > 0,
        unmet: Unmet::Counters(lacking),
    }
}

/// The fold where guards are for several counters or lie inside guards: the deficit of an inner one occupies the outer one.
#[inline(never)]
fn fold_guard_by_guard(phase: &Phase, live: Live, total: u32, bit: u16) -> Folded {
    let mut inner = [0u32; NODES_MAX];
    let (mut occupied, mut absorbed, mut unmet) = (total, false, 0);
    // Inside out: everything that lies inside a guard was added to `inner` before the guard is looked at.
    for (guard, g) in phase.guards.iter().zip(0usize..) {
        let deficit = u32::from(guard.seats).saturating_sub(live.sum(guard.set) + inner[g]);
        if deficit > 0 {
            occupied += deficit;
            absorbed |= guard.inside & bit != 0;
            unmet |= 1 << g;
        }
        if let Some(outer) = guard.outer {
            inner[usize::from(outer)] += inner[g] + deficit;
        }
    }
    Folded { occupied, absorbed, unmet: Unmet::Guards(unmet) }
}

fn guarantee_at(node: &Node, at: i64) -> u8 {
    node.fences.iter().rev().find(|fence| fence.from <= at).map_or(node.guarantee, |fence| fence.seats)
}

/// The offset (ms) at which a node's minimum falls next, [`NEVER`] if it does not.
fn falls_after(node: &Node, at: i64) -> i64 {
    let now = guarantee_at(node, at);
    node.fences.iter().find(|fence| fence.from > at && fence.seats < now).map_or(NEVER, |fence| fence.from)
}

fn check_nodes(nodes: &[Node]) -> Result<(), TreeError> {
    if nodes[0].guarantee != 0 || !nodes[0].fences.is_empty() {
        return Err(TreeError::RootGuarantee);
    }
    for (i, node) in nodes.iter().enumerate() {
        let parent_comes_first =
            if i == 0 { node.parent == NodeIndex::ROOT } else { node.parent.index() < i };
        if !parent_comes_first {
            return Err(TreeError::Order(node.name.clone()));
        }
        if nodes[..i].iter().any(|other| other.name == node.name) {
            return Err(TreeError::DuplicateName(node.name.clone()));
        }
        let mut last = (i64::MIN, node.guarantee);
        for fence in &node.fences {
            if fence.from < last.0 || fence.seats > last.1 {
                return Err(TreeError::Rising(node.name.clone()));
            }
            last = (fence.from, fence.seats);
        }
        if node.opens >= node.closes {
            return Err(TreeError::NeverOpen(node.name.clone()));
        }
    }
    Ok(())
}

fn number_counters(nodes: &[Node], routes: &Routes) -> Result<[u8; NODES_MAX], TreeError> {
    let mut counters = [NO_COUNTER; NODES_MAX];
    let mut next = 0u8;
    let mut booked = 0u16;
    for class in Class::ALL {
        for channel in Channel::ALL {
            for node in routes.get(*class, *channel).nodes() {
                if node.index() == 0 || node.index() >= nodes.len() {
                    return Err(TreeError::Route(node.get()));
                }
                booked |= 1 << node.index();
            }
        }
    }
    if booked.count_ones() as usize > COUNTERS {
        return Err(TreeError::BookableCount(booked.count_ones() as usize));
    }
    for (node, counter) in counters.iter_mut().enumerate() {
        if booked >> node & 1 == 1 {
            *counter = next;
            next += 1;
        }
    }
    Ok(counters)
}

/// Bit `a` of element `v`: node `a` is `v` or contains it.
fn ancestors(nodes: &[Node]) -> Vec<u16> {
    let mut above: Vec<u16> = Vec::with_capacity(nodes.len());
    for (v, node) in nodes.iter().enumerate() {
        let parents = if v == 0 { 0 } else { above[node.parent.index()] };
        above.push(parents | 1 << v);
    }
    above
}

fn counters_in(nodes: u16, counters: &[u8; NODES_MAX]) -> CounterSet {
    (0..NODES_MAX)
        .filter(|v| nodes >> v & 1 == 1 && counters[*v] != NO_COUNTER)
        .fold(CounterSet::default(), |set, v| set.with(counters[v]))
}

/// Offsets in order of time, each once, without those that never come.
fn in_order(offsets: impl Iterator<Item = i64>) -> Vec<i64> {
    let mut offsets: Vec<i64> = offsets.filter(|at| *at != i64::MIN && *at != NEVER).collect();
    offsets.sort_unstable();
    offsets.dedup();
    offsets
}

fn fences_of(node: &Node) -> impl Iterator<Item = i64> + '_ {
    node.fences.iter().map(|fence| fence.from)
}

fn windows_of(nodes: &[Node], above: &[u16]) -> [Window; NODES_MAX] {
    let mut windows = [Window { opens: NEVER, closes: NEVER }; NODES_MAX];
    for (window, above) in windows.iter_mut().zip(above) {
        let over = || nodes.iter().zip(0..).filter(|(_, a)| above >> a & 1 == 1).map(|(node, _)| node);
        window.opens = over().map(|node| node.opens).max().unwrap_or(i64::MIN);
        window.closes = over().map(|node| node.closes).min().unwrap_or(NEVER);
    }
    windows
}

/// What holds from one offset to another, between which there is no fence.
fn compile_phase(
    nodes: &[Node],
    above: &[u16],
    inside: &[u16],
    sets: &[CounterSet],
    (from, until): (i64, i64),
) -> Phase {
    let index = |v: usize| NodeIndex::all().nth(v).unwrap_or(NodeIndex::ROOT);
    let in_force = |v: &usize| guarantee_at(&nodes[*v], from) > 0;
    // Children come after their parents, so reversed order is inside out.
    let order: Vec<usize> = (0..nodes.len())
        .rev()
        .filter(|v| nodes[*v].protection == Protection::Guarantee && in_force(v))
        .collect();
    let guards: Vec<Guard> = order
        .iter()
        .map(|v| Guard {
            set: sets[*v],
            seats: guarantee_at(&nodes[*v], from),
            node: index(*v),
            inside: inside[*v],
            falls: falls_after(&nodes[*v], from),
            outer: order
                .iter()
                .zip(0u8..)
                .filter(|(o, _)| *o != v && above[*v] >> **o & 1 == 1)
                .map(|(o, place)| (*o, place))
                .max()
                .map(|(_, place)| place),
        })
        .collect();
    let extras = (0..nodes.len())
        .filter(|v| nodes[*v].protection == Protection::Extra && in_force(v))
        .map(|v| ExtraReserve {
            seats: u32::from(guarantee_at(&nodes[v], from)),
            node: index(v),
            inside: inside[v],
            falls: falls_after(&nodes[v], from),
        })
        .collect();
    // More than a block can have do not fit the packed form; a tree that has them is refused.
    let fits = guards.iter().map(|guard| u32::from(guard.seats)).sum::<u32>() <= u32::from(SEATS_MAX);
    let packed = || {
        guards.iter().try_fold(Live::default(), |minima, guard| {
            let counter = guard.set.only().filter(|counter| minima.get(*counter) == 0)?;
            Some(minima.with(counter, guard.seats))
        })
    };
    let minima = fits.then(packed).flatten();
    Phase { until, guards, extras, minima: minima.map(Minima::new) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Vec<Node> {
        names.iter().map(|name| Node::plain(name, NodeIndex::ROOT)).collect()
    }

    fn two_pools(capacity: u8) -> PoolTree {
        let mut routes = Routes::default();
        routes.set_all(Class::Public, Route::one(NodeIndex::new(1).unwrap()));
        PoolTree::new(capacity, named(&["ROOT", "PUBLIC"]), routes).unwrap()
    }

    #[test]
    fn of_the_seats_of_a_block_as_many_are_usable_as_it_has_and_no_more() {
        let tree = two_pools(8);
        let resized =
            |usable| tree.resized(usable, tree.nodes.clone()).map(|tree| (tree.capacity(), tree.seats()));
        assert_eq!(resized(8), Ok((8, 8)));
        assert_eq!(resized(5), Ok((5, 8)));
        assert_eq!(resized(9), Err(TreeError::Seats { capacity: 9, seats: 8 }));
        // Also as it is read.
        let of = |seats: u8| {
            let mut written = serde_json::to_value(&tree).unwrap();
            written["seats"] = seats.into();
            serde_json::from_value::<PoolTree>(written).ok().map(|tree| (tree.capacity(), tree.seats()))
        };
        assert_eq!([8, SEATS_MAX].map(of), [Some((8, 8)), Some((8, SEATS_MAX))]);
        assert_eq!([7, SEATS_MAX + 1, u8::MAX].map(of), [None; 3]);
    }

    #[test]
    fn two_trees_of_one_block_differ_in_the_first_pool_that_is_another() {
        let tree = two_pools(8);
        assert_eq!(tree.differs(&tree.resized(5, tree.nodes.clone()).unwrap()), None);
        let of = |names: &[&str]| PoolTree::new(8, named(names), tree.routes).unwrap();
        assert_eq!(tree.differs(&of(&["ROOT", "OTHERS"])).as_deref(), Some("PUBLIC"));
        assert_eq!(tree.differs(&of(&["ROOT", "PUBLIC", "MORE"])).as_deref(), Some("MORE"));
        assert_eq!(of(&["ROOT", "PUBLIC", "MORE"]).differs(&tree).as_deref(), Some("MORE"));
        // Of another block: other seats, or other routes.
        assert_eq!(tree.differs(&two_pools(7)).as_deref(), Some("ROOT"));
        let mut routes = tree.routes;
        routes.set(Class::Public, Channel::App, Route::NONE);
        let other = PoolTree::new(8, tree.nodes.clone(), routes).unwrap();
        assert_eq!(tree.differs(&other).as_deref(), Some("ROOT"));
    }

    #[test]
    fn why_a_tree_is_none_is_said_in_both_languages_with_what_is_wrong() {
        let name = || "REFERRAL".to_owned();
        let of_a_pool = [
            TreeError::Order,
            TreeError::DuplicateName,
            TreeError::Rising,
            TreeError::AboveCap,
            TreeError::NeverOpen,
        ];
        let mut errors: Vec<(TreeError, &[&str])> =
            of_a_pool.iter().map(|error| (error(name()), &["REFERRAL"][..])).collect();
        errors.extend([
            (TreeError::Pools(name()), &["REFERRAL"][..]),
            (TreeError::NodeCount(17), &["17", "16"]),
            (TreeError::BookableCount(15), &["15", "14"]),
            (TreeError::Capacity(64), &["64", "63"]),
            (TreeError::OverCapacity { minima: 9, capacity: 8 }, &["9", "8"]),
            (TreeError::Route(12), &["12"]),
            (TreeError::Seats { capacity: 9, seats: 7 }, &["9", "7"]),
            (TreeError::RootGuarantee, &[]),
        ]);
        let mut said: Vec<Said> = Vec::new();
        for (error, parts) in errors {
            let next = error.said();
            assert!(!next.en.is_empty() && !next.zh.is_empty() && next.en != next.zh, "{error:?}");
            assert!(parts.iter().all(|part| next.en.contains(part) && next.zh.contains(part)), "{next:?}");
            assert_eq!(error.to_string(), next.en);
            assert!(!said.contains(&next), "{next:?} is said of two faults");
            said.push(next);
        }
    }

    fn index(v: usize) -> NodeIndex {
        NodeIndex::all().nth(v).unwrap()
    }

    /// The root, `OUTER` in it and `INNER` in that, open between these offsets; all book at `INNER`.
    fn nested(windows: [(i64, i64); 3]) -> PoolTree {
        let mut nodes = named(&["ROOT", "OUTER", "INNER"]);
        nodes[2].parent = index(1);
        for (node, (opens, closes)) in nodes.iter_mut().zip(windows) {
            (node.opens, node.closes) = (opens, closes);
        }
        let mut routes = Routes::default();
        routes.set_all(Class::Public, Route::one(index(2)));
        PoolTree::new(8, nodes, routes).unwrap()
    }

    #[test]
    fn of_windows_that_are_shut_the_last_to_open_is_named_and_one_that_closes_first() {
        let at = |tree: &PoolTree, at| {
            tree.decide_at(Live::default(), index(2), at).map_err(|d| (d.code, d.node.index()))
        };
        let tree = nested([(100, NEVER), (200, 900), (50, 800)]);
        assert_eq!([10, 150, 199].map(|t| at(&tree, t).unwrap_err()), [(Code::NotOpen, 1); 3]);
        assert!(at(&tree, 200).is_ok() && at(&tree, 799).is_ok());
        assert_eq!([800, 899, 900].map(|t| at(&tree, t).unwrap_err()), [(Code::Closed, 2); 3]);
        let tree = nested([(300, NEVER), (200, 900), (300, 950)]);
        assert_eq!([0, 250].map(|t| at(&tree, t).unwrap_err()), [(Code::NotOpen, 2); 2]);
        assert_eq!([900, 949].map(|t| at(&tree, t).unwrap_err()), [(Code::Closed, 1); 2]);
        // The outer pool closes before the inner one opens, or just as it does: there is nothing to wait for.
        for (closes, code) in [(119, Code::Closed), (120, Code::Closed), (121, Code::NotOpen)] {
            let tree = nested([(0, NEVER), (0, closes), (120, NEVER)]);
            assert_eq!(at(&tree, 50), Err((code, 2)), "{closes}");
            assert_eq!(at(&tree, 121), Err((Code::Closed, 1)), "{closes}");
        }
    }

    #[test]
    fn what_a_minimum_denies_it_denies_until_the_next_fence_at_which_it_falls() {
        let mut nodes = named(&["ROOT", "PUBLIC", "REFERRAL"]);
        nodes[2].guarantee = 5;
        nodes[2].fences = [(10, 3), (20, 3), (30, 1)].map(|(from, seats)| Fence { from, seats }).to_vec();
        let mut routes = Routes::default();
        routes.set_all(Class::Public, Route::one(index(1)));
        routes.set_all(Class::ReferralSecondary, Route::one(index(2)));
        let tree = PoolTree::new(5, nodes, routes).unwrap();
        let at = [(-1, 5), (9, 5), (10, 3), (19, 3), (20, 3), (29, 3), (30, 1), (99, 1)];
        let next = [10, 10, 30, 30, 30, 30].map(Some).into_iter().chain([None, None]);
        for ((at, minimum), next) in at.into_iter().zip(next) {
            assert_eq!(tree.guarantee(index(2), at), minimum, "{at}");
            let full = (0..5 - minimum).fold(Live::default(), |live, _| live.plus(0).unwrap());
            let denial = tree.decide_at(full, index(1), at).unwrap_err();
            assert_eq!(
                (denial.code, denial.node, denial.loosens()),
                (Code::Protected, index(2), next),
                "{at}"
            );
        }
        assert_eq!(tree.breakpoints().collect::<Vec<_>>(), [10, 20, 30]);
        let full = tree.decide_at(Live::default().with(0, 5), index(1), 0).unwrap_err();
        assert_eq!((full.code, full.loosens()), (Code::SlotFull, None));
        let tree = nested([(i64::MIN, i64::MAX), (200, 900), (50, 800)]);
        let shut = tree.decide_at(Live::default(), index(2), 60).unwrap_err();
        assert_eq!((shut.code, shut.loosens()), (Code::NotOpen, Some(200)));
        let shut = tree.decide_at(Live::default(), index(2), 850).unwrap_err();
        assert_eq!((shut.code, shut.loosens()), (Code::Closed, None));
    }

    #[test]
    fn an_extra_reserve_and_a_minimum_around_another_say_as_well_when_they_next_fall() {
        let denied = |tree: &PoolTree, public: u8, at| {
            let denial = tree.decide_at(Live::default().with(0, public), index(1), at).unwrap_err();
            (denial.code, denial.node.index(), denial.loosens())
        };
        let fenced = |mut nodes: Vec<Node>, routes, node: usize| {
            nodes[node].fences = vec![Fence { from: 10, seats: 1 }];
            PoolTree::new(6, nodes, routes).unwrap()
        };
        // Two are kept beside what their own class has, from 10 on one.
        let extra = guarded(6, (2, 0), Protection::Extra, None);
        let extra = fenced(extra.nodes.clone(), extra.routes, 2);
        assert_eq!(denied(&extra, 4, 9), (Code::Protected, 2, Some(10)));
        assert_eq!(denied(&extra, 5, 10), (Code::Protected, 2, None));
        // The outer one is unmet and named, with its own fence and not with that of the inner one.
        let outer = guarded(6, (4, 3), Protection::Guarantee, None);
        let inner = fenced(outer.nodes.clone(), outer.routes, 3);
        assert_eq!(denied(&inner, 2, 9), (Code::Protected, 2, None));
        let mut nodes = inner.nodes.clone();
        nodes[2].fences = vec![Fence { from: 20, seats: 3 }];
        let both = PoolTree::new(6, nodes, inner.routes).unwrap();
        assert_eq!(denied(&both, 2, 9), (Code::Protected, 2, Some(20)));
        assert_eq!(denied(&both, 3, 20), (Code::Protected, 2, None));
    }

    #[test]
    fn who_is_live_in_a_pool_is_counted_with_the_pools_inside_it() {
        let mut nodes = named(&["ROOT", "A", "B", "C"]);
        nodes[2].parent = index(1);
        let mut routes = Routes::default();
        for (class, node) in [(Class::Public, 1), (Class::ReferralSecondary, 2), (Class::Green, 3)] {
            routes.set_all(class, Route::one(index(node)));
        }
        let tree = PoolTree::new(20, nodes, routes).unwrap();
        let live = Live::default().with(0, 1).with(1, 2).with(2, 4);
        assert_eq!([0, 1, 2, 3].map(|v| tree.live_in(live, index(v))), [7, 3, 2, 4]);
        assert_eq!([0, 1, 2, 3, 4].map(|v| tree.counter(index(v))), [None, Some(0), Some(1), Some(2), None]);
        let tree = nested([(i64::MIN, i64::MAX); 3]);
        assert_eq!([0, 1, 2].map(|v| tree.live_in(Live::default().with(0, 3), index(v))), [3; 3]);
    }

    /// Decides at the nodes one after the other, from nobody on; each answer is a letter: `r`educes a minimum, `s`pills, or the
    /// denial.
    fn decided(tree: &PoolTree, nodes: &[usize]) -> Vec<Result<char, (Code, usize)>> {
        let mut live = Live::default();
        let one = |node: &usize| {
            let permit = tree.decide_at(live, index(*node), 0).map_err(|d| (d.code, d.node.index()))?;
            live = permit.live;
            assert_eq!(permit.node, index(*node));
            Ok(if permit.spill { 's' } else { 'r' })
        };
        nodes.iter().map(one).collect()
    }

    /// `ROOT`, `PUBLIC` (1), and `OUTER` (2) with `INNER` (3) in it, all booked at.
    fn guarded(capacity: u8, (outer, inner): (u8, u8), protection: Protection, cap: Option<u8>) -> PoolTree {
        let mut nodes = named(&["ROOT", "PUBLIC", "OUTER", "INNER"]);
        nodes[3].parent = index(2);
        (nodes[2].guarantee, nodes[3].guarantee) = (outer, inner);
        (nodes[2].protection, nodes[2].cap) = (protection, cap);
        let mut routes = Routes::default();
        routes.set_all(Class::Public, Route::one(index(1)));
        routes.set_all(Class::Green, Route::one(index(3)));
        routes.set_all(Class::ReferralSecondary, Route::two(index(2), index(1)));
        PoolTree::new(capacity, nodes, routes).unwrap()
    }

    #[test]
    fn a_minimum_inside_a_minimum_counts_towards_it_and_the_outermost_unmet_one_is_named() {
        let tree = guarded(6, (4, 3), Protection::Guarantee, None);
        let protected = |node| Err((Code::Protected, node));
        assert_eq!(decided(&tree, &[1, 1, 1]), [Ok('s'), Ok('s'), protected(2)]);
        // One at the outer pool leaves it nothing to ask for beside the inner one's three.
        assert_eq!(decided(&tree, &[1, 1, 2, 2, 1]), [Ok('s'), Ok('s'), Ok('r'), protected(3), protected(3)]);
        assert_eq!(
            decided(&tree, &[3, 3, 3, 3, 2, 1]),
            [Ok('r'), Ok('r'), Ok('r'), Ok('r'), Ok('s'), Ok('s')]
        );
        let full = (Code::SlotFull, 0);
        assert_eq!(decided(&tree, &[1, 1, 3, 3, 3, 2, 3])[5..], [Ok('r'), Err(full)]);
    }

    /// Nobody books at the outer pool, so both minima are for one counter.
    #[test]
    fn of_two_minima_for_one_counter_the_larger_one_holds() {
        for ((outer, inner), named) in [((2, 3), 3), ((3, 2), 2), ((3, 3), 3)] {
            let both = guarded(5, (outer, inner), Protection::Guarantee, None);
            let mut routes = Routes::default();
            routes.set_all(Class::Public, Route::one(index(1)));
            routes.set_all(Class::Green, Route::one(index(3)));
            let tree = PoolTree::new(5, both.nodes().to_vec(), routes).unwrap();
            let protected = Err((Code::Protected, named));
            assert_eq!(decided(&tree, &[1, 1, 1, 3, 3, 3])[2..], [protected, Ok('r'), Ok('r'), Ok('r')]);
        }
    }

    #[test]
    fn an_extra_reserve_is_kept_beside_what_its_own_class_has_and_a_cap_counts_what_is_inside() {
        let tree = guarded(6, (2, 0), Protection::Extra, Some(3));
        let protected = Err((Code::Protected, 2));
        assert_eq!(decided(&tree, &[1, 1, 1, 1, 1, 2, 3])[3..], [Ok('s'), protected, Ok('s'), Ok('s')]);
        assert_eq!(decided(&tree, &[2, 3, 1, 1, 1])[2..], [Ok('s'), Ok('s'), protected]);
        let capped = Err((Code::CapReached, 2));
        assert_eq!(decided(&tree, &[2, 3, 3, 2, 3, 1])[2..], [Ok('s'), capped, capped, Ok('s')]);
    }

    #[test]
    fn who_has_a_second_choice_gets_it_and_is_told_the_denial_that_came_further() {
        let tree = guarded(6, (2, 0), Protection::Guarantee, Some(2));
        let decide =
            |live, class| tree.decide(live, class, Channel::App, 0).map_err(|d| (d.code, d.node.index()));
        let at =
            |counts: [u8; 3]| (0..3).fold(Live::default(), |live, c| live.with(c, counts[usize::from(c)]));
        let node = |counts| decide(at(counts), Class::ReferralSecondary).map(|permit| permit.node.index());
        assert_eq!(
            [node([0, 0, 0]), node([0, 1, 0]), node([0, 2, 0]), node([3, 1, 1])],
            [2, 2, 1, 1].map(Ok)
        );
        assert_eq!(node([4, 2, 0]), Err((Code::SlotFull, 0)));
        assert_eq!(node([5, 0, 0]), Err((Code::Protected, 2)));
        assert_eq!(decide(at([0; 3]), Class::Contract), Err((Code::NotAdmitted, 0)));
        // The second choice is protected for the first, which is not open yet or has reached its cap.
        let mut nodes = tree.nodes.clone();
        nodes[2].opens = 100;
        let later = PoolTree::new(6, nodes, tree.routes).unwrap();
        let both = later.decide(at([4, 0, 0]), Class::ReferralSecondary, Channel::App, 0).unwrap_err();
        assert_eq!((both.code, both.node), (Code::Protected, index(2)));
        let mut nodes = tree.nodes.clone();
        nodes[2].cap = Some(2);
        nodes.push(Node { guarantee: 1, ..Node::plain("C", NodeIndex::ROOT) });
        let capped = PoolTree::new(6, nodes, tree.routes).unwrap();
        let both = capped.decide(at([3, 2, 0]), Class::ReferralSecondary, Channel::App, 0).unwrap_err();
        assert_eq!((both.code, both.node), (Code::Protected, index(4)));
        let both = capped.decide(at([2, 2, 0]), Class::ReferralSecondary, Channel::App, 0).unwrap();
        assert_eq!(both.node, index(1));
        // Of two denials alike the one of the first choice is told.
        let mut nodes = tree.nodes.clone();
        (nodes[1].opens, nodes[2].opens) = (50, 100);
        let neither = PoolTree::new(6, nodes, tree.routes).unwrap();
        let both = neither.decide(at([0; 3]), Class::ReferralSecondary, Channel::App, 0).unwrap_err();
        assert_eq!((both.code, both.node), (Code::NotOpen, index(2)));
        let free = |counts, class, most| tree.free(at(counts), class, Channel::App, 0, most);
        assert_eq!([free([0; 3], Class::Public, 9), free([0; 3], Class::Public, 3)], [4, 3]);
        assert_eq!([free([3, 1, 0], Class::Public, 9), free([4, 1, 0], Class::Public, 9)], [1, 0]);
        assert_eq!([free([0; 3], Class::ReferralSecondary, 63), free([0; 3], Class::Green, 63)], [6, 2]);
        assert_eq!(free([0; 3], Class::Public, 0), 0);
    }

    #[test]
    fn of_two_minima_side_by_side_the_first_that_is_unmet_is_named() {
        let mut nodes = named(&["ROOT", "PUBLIC", "A", "B"]);
        (nodes[2].guarantee, nodes[3].guarantee) = (2, 1);
        let mut routes = Routes::default();
        for (class, node) in [(Class::Public, 1), (Class::ReferralSecondary, 2), (Class::Green, 3)] {
            routes.set_all(class, Route::one(index(node)));
        }
        let tree = PoolTree::new(4, nodes, routes).unwrap();
        let protected = |node| Err((Code::Protected, node));
        assert_eq!(
            decided(&tree, &[1, 1, 2, 1, 2, 1, 3]),
            [Ok('s'), protected(2), Ok('r'), protected(2), Ok('r'), protected(3), Ok('r')]
        );
        assert_eq!(
            decided(&tree, &[3, 1, 3, 2, 2, 2]),
            [Ok('r'), Ok('s'), protected(2), Ok('r'), Ok('r'), Err((Code::SlotFull, 0))]
        );
    }

    #[test]
    fn what_breaks_a_rule_is_no_tree_and_what_just_keeps_it_is_one() {
        let name = || "A".to_owned();
        let fence = |from, seats| Fence { from, seats };
        let new = |capacity, change: &dyn Fn(&mut Vec<Node>)| {
            let mut nodes = named(&["ROOT", "A", "B"]);
            nodes[2].parent = index(1);
            change(&mut nodes);
            PoolTree::new(capacity, nodes, Routes::default()).map(|tree| tree.capacity())
        };
        assert_eq!([0, 1, 63, 64].map(|n| new(n, &|_| ()).is_ok()), [false, true, true, false]);
        assert_eq!(new(0, &|_| ()), Err(TreeError::Capacity(0)));
        assert_eq!(new(8, &|nodes| nodes.clear()), Err(TreeError::NodeCount(0)));
        assert_eq!(new(8, &|nodes| nodes[0].guarantee = 1), Err(TreeError::RootGuarantee));
        assert_eq!(new(8, &|nodes| nodes[0].fences = vec![fence(1, 0)]), Err(TreeError::RootGuarantee));
        assert_eq!(new(8, &|nodes| nodes[1].parent = index(1)), Err(TreeError::Order(name())));
        assert_eq!(new(8, &|nodes| nodes[0].parent = index(1)), Err(TreeError::Order("ROOT".to_owned())));
        assert_eq!(new(8, &|nodes| nodes[2].name = name()), Err(TreeError::DuplicateName(name())));
        let fences = |guarantee, fences: &[(i64, u8)]| {
            let fences: Vec<Fence> = fences.iter().map(|(from, seats)| fence(*from, *seats)).collect();
            new(8, &|nodes| (nodes[1].guarantee, nodes[1].fences) = (guarantee, fences.clone()))
        };
        assert_eq!(fences(3, &[(10, 3), (10, 2), (20, 2), (30, 0)]), Ok(8));
        assert_eq!(fences(3, &[(10, 4)]), Err(TreeError::Rising(name())));
        assert_eq!(fences(3, &[(10, 2), (20, 3)]), Err(TreeError::Rising(name())));
        assert_eq!(fences(3, &[(10, 2), (9, 1)]), Err(TreeError::Rising(name())));
        let window = |opens, closes| new(8, &|nodes| (nodes[1].opens, nodes[1].closes) = (opens, closes));
        assert_eq!([window(4, 5), window(5, 5)], [Ok(8), Err(TreeError::NeverOpen(name()))]);
        // A minimum is at most the cap of its pool and of those above, and all together at most the capacity.
        let cap =
            |above: usize, cap| new(8, &|nodes| (nodes[above].cap, nodes[2].guarantee) = (Some(cap), 3));
        assert_eq!([0, 1, 2].map(|above| cap(above, 3)), [Ok(8), Ok(8), Ok(8)]);
        assert_eq!([0, 1, 2].map(|above| cap(above, 2).is_ok()), [false; 3]);
        let minima = |outer, inner, protection| {
            new(8, &|nodes| {
                (nodes[1].guarantee, nodes[2].guarantee, nodes[2].protection) = (outer, inner, protection);
            })
        };
        assert_eq!(minima(8, 8, Protection::Guarantee), Ok(8), "the one lies inside the other");
        assert_eq!(minima(5, 3, Protection::Extra), Ok(8));
        let over = TreeError::OverCapacity { minima: 9, capacity: 8 };
        assert_eq!(minima(6, 3, Protection::Extra), Err(over));
    }

    /// The packed minima have room for 63 seats, and what does not fit is not cut to what does.
    #[test]
    fn minima_of_pools_that_can_be_booked_at_are_added_up_before_they_are_packed() {
        let with = |capacity, minima: &[(usize, u8)]| {
            let names: Vec<String> = (0..=9).map(|v| format!("P{v}")).collect();
            let mut nodes = named(&names.iter().map(String::as_str).collect::<Vec<_>>());
            let mut routes = Routes::default();
            let routed =
                Class::ALL.iter().flat_map(|class| Channel::ALL.iter().map(move |channel| (class, channel)));
            for ((class, channel), v) in routed.zip(1..=9) {
                routes.set(*class, *channel, Route::one(index(v)));
            }
            for (v, seats) in minima {
                nodes[*v].guarantee = *seats;
            }
            PoolTree::new(capacity, nodes, routes).map(|tree| tree.capacity())
        };
        let over = |minima, capacity| Err(TreeError::OverCapacity { minima, capacity });
        // Counters in one half, in the other, and in both.
        for (a, b) in [(1, 2), (8, 9), (7, 8), (1, 9)] {
            assert_eq!(with(40, &[(a, 40), (b, 30)]), over(70, 40));
            assert_eq!(with(63, &[(a, 63), (b, 1)]), over(64, 63));
            assert_eq!(with(63, &[(a, 32), (b, 32)]), over(64, 63));
            assert_eq!(with(63, &[(a, 64)]), over(64, 63));
            assert_eq!(with(63, &[(a, 255), (b, 255)]), over(510, 63));
            assert_eq!((with(63, &[(a, 32), (b, 31)]), with(63, &[(b, 63)])), (Ok(63), Ok(63)));
        }
    }

    #[test]
    fn a_route_leads_to_a_pool_that_is_there_and_at_most_14_can_be_booked_at() {
        let tree = |routes: &[(usize, usize)]| {
            let mut all = Routes::default();
            for (place, (first, second)) in routes.iter().enumerate() {
                let (class, channel) = (Class::ALL[place / 8], Channel::ALL[place % 8]);
                all.set(class, channel, Route::two(index(*first), index(*second)));
            }
            let names: Vec<String> = (0..16).map(|v| format!("P{v}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            PoolTree::new(20, named(&names), all).map(|tree| [1, 2, 14, 15].map(|v| tree.counter(index(v))))
        };
        let pairs = |last: usize| (1..last).map(|v| (v, v + 1)).collect::<Vec<_>>();
        assert_eq!(tree(&[(15, 2)]), Ok([None, Some(0), None, Some(1)]));
        assert_eq!(tree(&pairs(14)), Ok([Some(0), Some(1), Some(13), None]));
        assert_eq!(tree(&pairs(15)), Err(TreeError::BookableCount(15)));
        assert_eq!(tree(&[(1, 0)]), Err(TreeError::Route(0)));
        let mut routes = Routes::default();
        routes.set_all(Class::Public, Route::one(index(2)));
        assert_eq!(PoolTree::new(8, named(&["ROOT", "A"]), routes).err(), Some(TreeError::Route(2)));
    }
}

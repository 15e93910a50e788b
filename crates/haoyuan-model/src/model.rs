//! The executable specification: what every command answers, told one command after another.
//!
//! A state is a list of bookings that were ever granted, a list of tickets, and how often each block has changed. Every
//! question is answered by looking through these lists; nothing is counted ahead, so nothing can be counted wrong.
//!
//! # Definitions
//! A *pool tree* has for each node `v` the live seats admitted at it, `b(v)`, a minimum `R(v, t)` and a cap `L(v)`.
//! ```text
//! S(v)   = b(v) + Σ occ(children of v)            tot(v) = b(v) + Σ tot(children of v)
//! occ(v) = max(R(v, t), S(v)) for a guarantee     S(v) for an extra reserve
//! ```
//! A claim at node `u` is accepted exactly if, with `'` for "after one more seat at u",
//! ```text
//! occ'(root) ≤ C   and   occ'(root) = occ(root)  or  occ'(root) + Σ { R(v, t) : v extra, u not inside v } ≤ C
//!                  and   tot'(v) ≤ L(v) for u and all above it,  a seat of the slot is free,  u is open at t
//! ```
//! A *hold* is dead for a command at `at` if the command comes at or after its end, or if an accepted command that did
//! has already looked past it.
//!
//! Where several constraints bind at once the specification leaves open which of them is named; a [`Why`] therefore
//! lists every constraint that may be named, and exactly one code.

use haoyuan_core::ids::{
    BlockId, BookingId, DepartmentId, IdempotencyKey, InstitutionId, Interval, NodeIndex, PatientKey,
    PractitionerId, SeatIndex, Sequence, SessionId, SlotIndex, SlotRef, TicketId,
};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::plan::{Blocks, Plan};
use haoyuan_core::pool::{Node, PoolTree, Protection, Route, Routes};
use haoyuan_core::refusal::{Binding, Code, Refusal, Retry};
use haoyuan_core::request::{
    Availability, Found, Grant, Order, Query, Settle, Settled, SlotLoad, Standing, Ticket, Wish,
};
use haoyuan_core::rules::{LateConfirm, Limit, Rules, Scope, Window};
use haoyuan_core::terms::{Channel, Class};

/// A pool tree as data: what a block decides by.
#[derive(Clone, Debug)]
pub struct Pools {
    /// `C`: the seats.
    pub capacity: u32,
    /// The nodes, root first.
    pub nodes: Vec<Node>,
    /// Where each class may book through each channel.
    pub routes: Routes,
}

/// `b`: the live seats admitted at each node; 0 for nodes that a tree has not got.
pub type Counts = [u32; 16];

/// A claim that is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The node that admits it.
    pub node: usize,
    /// Whether it takes a seat of the public rather than one that is guaranteed to it.
    pub spill: bool,
}

/// A claim that is denied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// The code.
    pub code: Code,
    /// Each constraint that may be named, with the offset from which it loosens by time alone.
    pub because: Vec<(usize, Option<i64>)>,
}

impl From<&PoolTree> for Pools {
    fn from(tree: &PoolTree) -> Self {
        Self { capacity: u32::from(tree.capacity()), nodes: tree.nodes().to_vec(), routes: *tree.routes() }
    }
}

impl Pools {
    /// No seat taken.
    #[must_use]
    pub const fn empty(&self) -> Counts {
        [0; 16]
    }

    /// The nodes at which some class may book.
    #[must_use]
    pub fn bookable(&self) -> Vec<usize> {
        let is_routed = |v: &usize| {
            Class::ALL.iter().any(|class| {
                let booked_at = |channel: &Channel| {
                    self.routes.get(*class, *channel).nodes().iter().any(|node| node.index() == *v)
                };
                Channel::ALL.iter().any(booked_at)
            })
        };
        (1..self.nodes.len()).filter(is_routed).collect()
    }

    /// `u` and every node above it, up to the root.
    pub fn upwards(&self, u: usize) -> impl Iterator<Item = usize> + '_ {
        std::iter::successors(Some(u), |v| (*v > 0).then(|| self.nodes[*v].parent.index()))
    }

    /// Whether `u` is `v` or lies within it.
    #[must_use]
    pub fn is_inside(&self, u: usize, v: usize) -> bool {
        self.upwards(u).any(|above| above == v)
    }

    /// `R(v, t)`: a step function that never rises.
    #[must_use]
    pub fn guarantee(&self, v: usize, t: i64) -> u32 {
        let mut passed = self.nodes[v].fences.iter().filter(|fence| fence.from <= t);
        u32::from(passed.next_back().map_or(self.nodes[v].guarantee, |fence| fence.seats))
    }

    /// What nodes occupy though nobody wants it: `R(v, t)` of a guarantee, nothing of an extra reserve.
    #[must_use]
    pub fn kept(&self, t: i64) -> Counts {
        let mut kept = self.empty();
        for (v, node) in self.nodes.iter().enumerate() {
            if node.protection == Protection::Guarantee {
                kept[v] = self.guarantee(v, t);
            }
        }
        kept
    }

    /// `S(v)` for every node. Parents come before their children, so each is complete when it is added to its parent.
    #[must_use]
    pub fn wanted(&self, b: &Counts, kept: &Counts) -> Counts {
        let mut wanted = *b;
        for v in (1..self.nodes.len()).rev() {
            wanted[self.nodes[v].parent.index()] += wanted[v].max(kept[v]);
        }
        wanted
    }

    /// `occ(root)`.
    #[must_use]
    pub fn occupied(&self, b: &Counts, kept: &Counts) -> u32 {
        self.wanted(b, kept)[0].max(kept[0])
    }

    /// `tot(v)` for every node.
    #[must_use]
    pub fn totals(&self, b: &Counts) -> Counts {
        let mut totals = *b;
        for v in (1..self.nodes.len()).rev() {
            totals[self.nodes[v].parent.index()] += totals[v];
        }
        totals
    }

    /// `Σ { R(v, t) : v extra, u not inside v }`.
    #[must_use]
    pub fn extra_of_others(&self, u: usize, t: i64) -> u32 {
        self.extras().filter(|v| !self.is_inside(u, *v)).map(|v| self.guarantee(v, t)).sum()
    }

    fn extras(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.nodes.len()).filter(|v| self.nodes[*v].protection == Protection::Extra)
    }

    /// All that the minima ask for together while nothing is booked and no fence has passed.
    #[must_use]
    pub fn minima(&self) -> u32 {
        self.occupied(&self.empty(), &self.kept(i64::MIN))
            + self.extras().map(|v| self.guarantee(v, i64::MIN)).sum::<u32>()
    }

    /// By how many seats one more claim at `u` would break the fold; 0 if it does not.
    #[must_use]
    pub fn shortfall(&self, b: &Counts, u: usize, t: i64) -> u32 {
        let kept = self.kept(t);
        let (now, then) = (self.occupied(b, &kept), self.occupied(&one_more(b, u), &kept));
        self.asked(u, now, then, t).saturating_sub(self.capacity)
    }

    /// What a claim at `u` asks of the capacity, if it makes `then` of `now`.
    fn asked(&self, u: usize, now: u32, then: u32, t: i64) -> u32 {
        if then == now { then } else { then + self.extra_of_others(u, t) }
    }

    /// When `u` is open: every node from it up to the root must be, opening inclusive and closing exclusive.
    #[must_use]
    pub fn window(&self, u: usize) -> (i64, i64) {
        let opens = self.upwards(u).map(|v| self.nodes[v].opens).max().unwrap_or(i64::MIN);
        let closes = self.upwards(u).map(|v| self.nodes[v].closes).min().unwrap_or(i64::MAX);
        (opens, closes)
    }

    /// Decides one claim at node `u`. `slot_is_full`: no seat of the slot is free, whatever the block has.
    ///
    /// # Errors
    /// The first code, in the order of the table, of a constraint that does not hold.
    pub fn decide_at(&self, b: &Counts, u: usize, t: i64, slot_is_full: bool) -> Result<Accepted, Denied> {
        self.decide_keeping(b, u, (t, &self.kept(t)), slot_is_full)
    }

    /// The same, with what is kept at that time.
    fn decide_keeping(
        &self,
        b: &Counts,
        u: usize,
        (t, kept): (i64, &Counts),
        slot_is_full: bool,
    ) -> Result<Accepted, Denied> {
        let (opens, closes) = self.window(u);
        if !(opens <= t && t < closes) {
            let shut = |v: &usize| t < self.nodes[*v].opens || self.nodes[*v].closes <= t;
            let will_open = t < opens && opens < closes;
            return Err(Denied {
                code: if will_open { Code::NotOpen } else { Code::Closed },
                because: self
                    .upwards(u)
                    .filter(shut)
                    .map(|v| (v, Some(opens).filter(|_| will_open)))
                    .collect(),
            });
        }
        if slot_is_full || b.iter().sum::<u32>() == self.capacity {
            return Err(Denied { code: Code::SlotFull, because: vec![(0, None)] });
        }
        let (now, then) = (self.occupied(b, kept), self.occupied(&one_more(b, u), kept));
        if self.asked(u, now, then, t) > self.capacity {
            let because = self.binding(b, u, t).into_iter().map(|v| (v, self.falls(v, t))).collect();
            return Err(Denied { code: Code::Protected, because });
        }
        let totals = self.totals(b);
        let at_cap = |v: &usize| self.nodes[*v].cap.is_some_and(|cap| totals[*v] + 1 > u32::from(cap));
        let caps: Vec<_> = self.upwards(u).filter(at_cap).map(|v| (v, None)).collect();
        if !caps.is_empty() {
            return Err(Denied { code: Code::CapReached, because: caps });
        }
        Ok(Accepted { node: u, spill: then != now })
    }

    /// Decides one claim of a class through a channel: the first node of its route that accepts. If none does, the
    /// denial that came furthest in the order of codes.
    ///
    /// # Errors
    /// As [`Pools::decide_at`], or `NOT_ADMITTED` if there is no route.
    pub fn decide(
        &self,
        b: &Counts,
        class: Class,
        channel: Channel,
        t: i64,
        slot_is_full: bool,
    ) -> Result<Accepted, Denied> {
        self.decide_route(b, self.routes.get(class, channel), (t, &self.kept(t)), slot_is_full)
    }

    fn decide_route(
        &self,
        b: &Counts,
        route: Route,
        time: (i64, &Counts),
        slot_is_full: bool,
    ) -> Result<Accepted, Denied> {
        let mut denied = Denied { code: Code::NotAdmitted, because: vec![(0, None)] };
        for u in route.nodes() {
            match self.decide_keeping(b, u.index(), time, slot_is_full) {
                Ok(accepted) => return Ok(accepted),
                Err(next) if next.code == denied.code => denied.because.extend(next.because),
                Err(next) if next.code > denied.code => denied = next,
                Err(_) => {}
            }
        }
        Err(denied)
    }

    /// How many claims in a row would be accepted, if the slot has `seats` free ones.
    #[must_use]
    pub fn free(&self, b: &Counts, class: Class, channel: Channel, t: i64, seats: u32) -> u32 {
        let (route, kept) = (self.routes.get(class, channel), self.kept(t));
        let mut after = *b;
        for granted in 0..seats {
            match self.decide_route(&after, route, (t, &kept), false) {
                Err(_) => return granted,
                Ok(accepted) => after = one_more(&after, accepted.node),
            }
        }
        seats
    }

    /// The minima that keep their seats from a claim at `u`.
    ///
    /// A guarantee binds while it is unmet, and only the outermost of several inside one another: one seat less there
    /// brings the claim nearer to a seat, or makes the next one above unmet. (It may be the claimant's own: a command
    /// from before a fence can find seats given away after it.) Extra reserves of others bind where the claim does not
    /// fail before they are asked for.
    fn binding(&self, b: &Counts, u: usize, t: i64) -> Vec<usize> {
        let is_guarantee = |v: usize| self.nodes[v].protection == Protection::Guarantee;
        let kept = self.kept(t);
        let wanted = self.wanted(b, &kept);
        let is_unmet = |v: &usize| is_guarantee(*v) && wanted[*v] < self.guarantee(*v, t);
        let extras_are_asked_for = self.occupied(&one_more(b, u), &kept) <= self.capacity;
        let binds = |v: &usize| {
            if is_guarantee(*v) {
                self.upwards(*v).filter(is_unmet).last() == Some(*v)
            } else {
                extras_are_asked_for && self.guarantee(*v, t) > 0 && !self.is_inside(u, *v)
            }
        };
        (0..self.nodes.len()).filter(binds).collect()
    }

    /// The first offset after `t` at which the minimum of `v` is lower than at `t`.
    fn falls(&self, v: usize, t: i64) -> Option<i64> {
        let lower = |from: &i64| *from > t && self.guarantee(v, *from) < self.guarantee(v, t);
        self.nodes[v].fences.iter().map(|fence| fence.from).find(lower)
    }
}

/// Why a command is refused: one code, and every constraint and retry that may be named with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Why {
    /// The code.
    pub code: Code,
    /// The constraints that bind, each with when asking again can help.
    pub because: Vec<(Binding, Retry)>,
    /// Whether the booking has ended, so that it may have been forgotten: then there is no such booking.
    pub may_be_forgotten: bool,
}

impl Why {
    /// A refusal that says it all by its code.
    #[must_use]
    pub fn plain(code: Code) -> Self {
        Self::by(code, [Binding::None])
    }

    fn by(code: Code, bindings: impl IntoIterator<Item = Binding>) -> Self {
        let retry = match code {
            Code::ConcurrentRequest => Retry::Now,
            _ if code.is_transient() => Retry::WhenReturned,
            _ => Retry::Never,
        };
        let because = bindings.into_iter().map(|binding| (binding, retry)).collect();
        Self { code, because, may_be_forgotten: false }
    }

    fn ended(code: Code) -> Self {
        Self { may_be_forgotten: true, ..Self::plain(code) }
    }

    /// Whether this explains what was answered.
    #[must_use]
    pub fn explains(&self, refusal: &Refusal) -> bool {
        let is_this = self.code == refusal.code && self.because.contains(&(refusal.binding, refusal.retry));
        let is_forgotten = self.may_be_forgotten && *refusal == Refusal::plain(Code::UnknownBooking);
        is_this || is_forgotten
    }
}

/// What a command is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict<T> {
    /// Yes, and this.
    Yes(T),
    /// No, because.
    No(Why),
    /// Word for word what was answered when this idempotency key was first used.
    AsBefore,
}

/// Why a session was not published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unpublished {
    /// Session and trees do not fit together.
    Plan,
    /// A rule about patients that nobody can keep: holds too short, too long or none, a limit of zero.
    Rules,
    /// A session with its code is published already.
    Duplicate,
}

/// What happened to a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Change {
    /// Held.
    Held,
    /// Booked at once.
    Booked,
    /// Its hold became a booking.
    Confirmed,
    /// Given back by the patient.
    Cancelled,
    /// Looked past after its hold ran out.
    Expired,
    /// Taken back by the hospital.
    Withdrawn,
}

/// An accepted transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Its place in the history of the booking's block.
    pub sequence: Sequence,
    /// The booking.
    pub booking: BookingId,
    /// What happened.
    pub change: Change,
}

/// What became of a booking.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Held until this instant, exclusive.
    Held(Instant),
    /// Booked.
    Booked,
    /// Cancelled by the patient.
    Cancelled,
    /// Its hold ran out and an accepted command looked past it.
    Expired,
    /// Taken back by the hospital.
    Withdrawn,
}

/// A hold or booking that was granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Booking {
    /// Its name.
    pub id: BookingId,
    /// Whose it is.
    pub patient: PatientKey,
    /// Where.
    pub slot: SlotRef,
    /// By what right.
    pub class: Class,
    /// Through which channel.
    pub channel: Channel,
    /// The ticket it uses, if its class needs one.
    pub ticket: Option<TicketId>,
    /// The node that admitted it.
    pub node: usize,
    /// When it was granted.
    pub granted: Instant,
    /// Whether the hospital offered it to somebody who waited, or gave it.
    pub offered: bool,
    /// What became of it.
    pub state: State,
}

impl Booking {
    /// Whether it counts for a command at `at`.
    #[must_use]
    pub fn is_live(&self, at: Instant) -> bool {
        match self.state {
            State::Held(until) => at < until,
            State::Booked => true,
            State::Cancelled | State::Expired | State::Withdrawn => false,
        }
    }

    fn is_held(&self, at: Instant) -> bool {
        matches!(self.state, State::Held(_)) && self.is_live(at)
    }

    /// Whether its hold has run out at `at` and nobody has looked past it yet.
    #[must_use]
    pub fn is_due(&self, at: Instant) -> bool {
        matches!(self.state, State::Held(until) if until <= at)
    }
}

/// A command that was given under an idempotency key, without the key and the time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Keyed {
    Hold(Wish),
    Book(Wish),
    Confirm(Settle),
    Cancel(Settle),
}

/// A published session.
#[derive(Clone, Debug)]
struct Published {
    plan: Plan,
    /// The first of its blocks; the others follow.
    first_block: u32,
    /// The trees of its blocks, as data: read with every question, so kept.
    pools: Vec<Pools>,
}

/// What the hospital has said about one block.
#[derive(Clone, Copy, Debug, Default)]
struct Said {
    waiting: bool,
    stopped: bool,
}

/// How a seat is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum How {
    Hold,
    Book,
    /// Held until then, by the hospital, for somebody who waits.
    Offer(Instant),
    /// Booked by the hospital, which gives it.
    Assign,
}

impl How {
    /// Whether it must be confirmed to be kept.
    const fn is_held(self) -> bool {
        matches!(self, Self::Hold | Self::Offer(_))
    }
}

/// Everything that there is.
#[derive(Clone, Debug, Default)]
pub struct Model {
    sessions: Vec<Published>,
    tickets: Vec<Ticket>,
    bookings: Vec<Booking>,
    /// The places of those that are held or booked, ascending: the others have ended and count nowhere.
    open: Vec<usize>,
    /// Transitions of each block so far.
    transitions: Vec<u32>,
    /// All transitions in order.
    log: Vec<Transition>,
    keyed: Vec<(PatientKey, IdempotencyKey, Keyed)>,
    /// What the hospital has said about each block.
    said: Vec<Said>,
    /// Who is suspended, and until when in whole seconds; `None` is for ever and for every channel.
    suspended: Vec<(PatientKey, Option<i64>)>,
    substituted: bool,
    /// Keys that turned out to be one person's: the one that was given up and the one that stays, in order.
    merged: Vec<(PatientKey, PatientKey)>,
    /// What stood under a key when it was given up, with the key that stays: it counts there as well.
    counted: Vec<(BookingId, PatientKey)>,
}

impl Model {
    // ---- administration ----------------------------------------------------------------------------------------------

    /// Publishes a session; its number is that of its place in order, and its blocks follow those published before.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn publish(&mut self, plan: &Plan) -> Result<SessionId, Unpublished> {
        if plan.check().is_err() {
            return Err(Unpublished::Plan);
        }
        let rules = &plan.rules;
        let holds_fit = rules.hold_ms.iter().all(|ms| (1_000..=7 * 24 * 3_600_000).contains(ms));
        let allows_none = rules.limits.iter().any(|limit| limit.most == 0);
        if !holds_fit || rules.holds_per_patient == 0 || rules.holds_per_session == 0 || allows_none {
            return Err(Unpublished::Rules);
        }
        if self.sessions.iter().any(|s| s.plan.session.code == plan.session.code) {
            return Err(Unpublished::Duplicate);
        }
        let first_block = u32::try_from(self.transitions.len()).expect("few blocks");
        let pools: Vec<Pools> = match &plan.blocks {
            Blocks::PerSlot(trees) => trees.iter().map(Pools::from).collect(),
            Blocks::WholeSession(tree) => vec![Pools::from(tree)],
        };
        self.transitions.extend(vec![0; pools.len()]);
        self.said.extend(vec![Said::default(); pools.len()]);
        self.sessions.push(Published { plan: plan.clone(), first_block, pools });
        Ok(u32::try_from(self.sessions.len() - 1).ok().and_then(SessionId::new).expect("few sessions"))
    }

    /// Registers a ticket. Issued again under the same number it has the new terms, and is in use if it was.
    ///
    /// # Errors
    /// `TICKET_MISMATCH` if the class needs no ticket, `TICKET_EXPIRED` if it is void already.
    pub fn issue_ticket(&mut self, ticket: &Ticket, at: Instant) -> Result<(), Why> {
        if !is_privilege(ticket.class) {
            return Err(Why::plain(Code::TicketMismatch));
        }
        if ticket.expires <= at {
            return Err(Why::plain(Code::TicketExpired));
        }
        self.tickets.retain(|t| (t.patient, t.id) != (ticket.patient, ticket.id));
        self.tickets.push(*ticket);
        Ok(())
    }

    /// Says whether somebody waits for the block of a slot.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION` and `UNKNOWN_SLOT`, as for all that the hospital says.
    pub fn set_waiting(&mut self, slot: SlotRef, on: bool) -> Result<(), Why> {
        self.plan(slot)?;
        let block = self.block(slot);
        self.said[block.index()].waiting = on;
        Ok(())
    }

    /// Stops the block of a slot, or resumes it.
    ///
    /// # Errors
    /// As for waiting.
    pub fn set_stopped(&mut self, slot: SlotRef, on: bool) -> Result<(), Why> {
        self.plan(slot)?;
        let block = self.block(slot);
        self.said[block.index()].stopped = on;
        Ok(())
    }

    /// Suspends a patient until a second, from every channel for ever (`Some(None)`), or no longer (`None`).
    pub fn suspend(&mut self, patient: PatientKey, until: Option<Option<i64>>) {
        self.suspended.retain(|(who, _)| *who != patient);
        self.suspended.extend(until.map(|until| (patient, until)));
    }

    /// Two keys are one person's: `given_up` claims nothing any more, and what stands under it, its own or counted there,
    /// counts from now on for `stays` as well. What that is together, in order of the visits' times.
    pub fn merge(&mut self, given_up: PatientKey, stays: PatientKey, at: Instant) -> Vec<&Booking> {
        self.suspend(given_up, Some(None));
        self.merged.push((given_up, stays));
        let is_new = |b: &&Booking| self.counts_for(b, given_up) && !self.counts_for(b, stays);
        let new: Vec<BookingId> = self.open().filter(is_new).map(|b| b.id).collect();
        self.counted.extend(new.into_iter().map(|booking| (booking, stays)));
        self.sorted(self.live(at).filter(|b| self.counts_for(b, stays)))
    }

    /// Whether the rules about a patient count a booking.
    fn counts_for(&self, booking: &Booking, patient: PatientKey) -> bool {
        booking.patient == patient || self.counted.contains(&(booking.id, patient))
    }

    /// Replaces the pool tree of the block of a slot: the place of the change in the block's history.
    ///
    /// # Errors
    /// `POOLS_DIFFER` if more than usable seats, minima, fences and caps would change, `BELOW_LIVE` if what is live would not
    /// fit into the seats or into a cap.
    pub fn resize(&mut self, slot: SlotRef, tree: &PoolTree, at: Instant) -> Result<Sequence, Why> {
        self.plan(slot)?;
        let old = self.tree(slot);
        let is_kept = |(old, new): (&Node, &Node)| {
            (&old.name, old.parent, old.protection, old.opens, old.closes)
                == (&new.name, new.parent, new.protection, new.opens, new.closes)
        };
        let are_kept =
            old.nodes().len() == tree.nodes().len() && old.nodes().iter().zip(tree.nodes()).all(is_kept);
        if !are_kept || old.routes() != tree.routes() || old.seats() != tree.seats() {
            return Err(Why::plain(Code::PoolsDiffer));
        }
        let (pools, live) = (Pools::from(tree), self.counts(slot, at));
        let totals = pools.totals(&live);
        if totals[0] > pools.capacity {
            return Err(Why::by(Code::BelowLive, [Binding::Limit(totals[0])]));
        }
        let over = |v: &usize| pools.nodes[*v].cap.is_some_and(|cap| totals[*v] > u32::from(cap));
        let over: Vec<Binding> =
            (0..pools.nodes.len()).filter(over).map(|v| Binding::Node(node(v))).collect();
        if !over.is_empty() {
            return Err(Why::by(Code::BelowLive, over));
        }
        let block = self.block(slot);
        self.sweep(at, |model, b| model.block(b.slot) == block);
        let published = &mut self.sessions[slot.session.index()];
        match &mut published.plan.blocks {
            Blocks::PerSlot(trees) => trees[slot.slot.index()] = tree.clone(),
            Blocks::WholeSession(whole) => *whole = tree.clone(),
        }
        published.pools[block.index() - published.first_block as usize] = pools;
        self.transitions[block.index()] += 1;
        Ok(Sequence(self.transitions[block.index()]))
    }

    /// The pool tree that decides about a slot, as it was published or is now. The slot must exist.
    #[must_use]
    pub fn tree(&self, slot: SlotRef) -> &PoolTree {
        match &self.sessions[slot.session.index()].plan.blocks {
            Blocks::PerSlot(trees) => &trees[slot.slot.index()],
            Blocks::WholeSession(tree) => tree,
        }
    }

    /// How many transitions all blocks have had.
    #[must_use]
    pub fn transitions(&self) -> u64 {
        self.transitions.iter().map(|count| u64::from(*count)).sum()
    }

    /// Gives a session to another practitioner.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION`.
    pub fn substitute(&mut self, session: SessionId, practitioner: PractitionerId) -> Result<(), Why> {
        let published = self.sessions.get_mut(session.index());
        let published = published.ok_or_else(|| Why::plain(Code::UnknownSession))?;
        published.plan.session.practitioner = practitioner;
        self.substituted = true;
        Ok(())
    }

    /// The live bookings of a slot, lowest seat first.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION` and `UNKNOWN_SLOT`.
    pub fn occupants(&self, slot: SlotRef, at: Instant) -> Result<Vec<&Booking>, Why> {
        self.plan(slot)?;
        let mut live: Vec<&Booking> = self.live(at).filter(|b| b.slot == slot).collect();
        live.sort_by_key(|b| b.id.seat());
        Ok(live)
    }

    /// Takes a live booking back, whosever it is and however late: the sequence of the withdrawal.
    ///
    /// # Errors
    /// `UNKNOWN_BOOKING` if nothing is live there, `HOLD_EXPIRED` if its hold has run out.
    pub fn withdraw(&mut self, booking: BookingId, at: Instant) -> Result<(Booking, Sequence), Why> {
        let found = self.open.iter().copied().find(|place| self.bookings[*place].id == booking);
        let found = found.ok_or_else(|| Why::plain(Code::UnknownBooking))?;
        if !self.bookings[found].is_live(at) {
            return Err(Why::plain(Code::HoldExpired));
        }
        let before = self.bookings[found];
        let sequence = self.next(booking, Change::Withdrawn);
        self.end(found, State::Withdrawn);
        Ok((before, sequence))
    }

    /// The live booking that uses a ticket.
    fn used_by(&self, ticket: &Ticket, at: Instant) -> Option<BookingId> {
        self.bookings_of(ticket.patient, at).into_iter().find(|b| b.ticket == Some(ticket.id)).map(|b| b.id)
    }

    // ---- what there is -----------------------------------------------------------------------------------------------

    /// The sessions in order of publishing.
    pub fn plans(&self) -> impl Iterator<Item = &Plan> {
        self.sessions.iter().map(|s| &s.plan)
    }

    /// Whether a session was given to another practitioner: bookings stay, even where two with one practitioner are now more
    /// than a limit allows.
    #[must_use]
    pub const fn was_substituted(&self) -> bool {
        self.substituted
    }

    /// The tickets that were issued.
    #[must_use]
    pub fn tickets(&self) -> &[Ticket] {
        &self.tickets
    }

    /// Everything that was ever granted, in order.
    #[must_use]
    pub fn bookings(&self) -> &[Booking] {
        &self.bookings
    }

    /// What is held or booked, in order of granting.
    pub fn open(&self) -> impl Iterator<Item = &Booking> {
        self.open.iter().map(|place| &self.bookings[*place])
    }

    /// What counts for a command at `at`, in order of granting.
    pub fn live(&self, at: Instant) -> impl Iterator<Item = &Booking> {
        self.open().filter(move |b| b.is_live(at))
    }

    /// Every accepted transition, in order.
    #[must_use]
    pub fn log(&self) -> &[Transition] {
        &self.log
    }

    /// The live bookings of a patient, in order of the visits' times.
    #[must_use]
    pub fn bookings_of(&self, patient: PatientKey, at: Instant) -> Vec<&Booking> {
        self.sorted(self.live(at).filter(|b| b.patient == patient))
    }

    /// In order of the visits' times.
    fn sorted<'a>(&self, bookings: impl Iterator<Item = &'a Booking>) -> Vec<&'a Booking> {
        let mut live: Vec<&Booking> = bookings.collect();
        live.sort_by_key(|b| {
            let session = &self.sessions[b.slot.session.index()].plan.session;
            (session.slot_time(b.slot.slot).from, b.id)
        });
        live
    }

    fn plan(&self, slot: SlotRef) -> Result<&Published, Why> {
        let session =
            self.sessions.get(slot.session.index()).ok_or_else(|| Why::plain(Code::UnknownSession))?;
        if slot.slot.index() >= session.plan.session.capacity.len() {
            return Err(Why::plain(Code::UnknownSlot));
        }
        Ok(session)
    }

    /// The block of a slot. The slot must exist.
    #[must_use]
    pub fn block(&self, slot: SlotRef) -> BlockId {
        let session = &self.sessions[slot.session.index()];
        let within = match session.plan.blocks {
            Blocks::PerSlot(_) => u32::from(slot.slot.get()),
            Blocks::WholeSession(_) => 0,
        };
        BlockId::new(session.first_block + within).expect("blocks are numbered from 0")
    }

    /// The pool tree that decides about a slot. The slot must exist.
    #[must_use]
    pub fn pools(&self, slot: SlotRef) -> &Pools {
        let published = &self.sessions[slot.session.index()];
        &published.pools[self.block(slot).index() - published.first_block as usize]
    }

    /// The sessions in order of publishing, each with the pools of its blocks.
    pub fn plans_with_pools(&self) -> impl Iterator<Item = (&Plan, &[Pools])> {
        self.sessions.iter().map(|s| (&s.plan, s.pools.as_slice()))
    }

    /// The live bookings of the block of a slot.
    fn in_block(&self, slot: SlotRef, at: Instant) -> impl Iterator<Item = &Booking> {
        let block = self.block(slot);
        self.live(at).filter(move |b| b.id.block() == block)
    }

    /// `b`, for the block of a slot.
    #[must_use]
    pub fn counts(&self, slot: SlotRef, at: Instant) -> Counts {
        let mut counts = self.pools(slot).empty();
        for booking in self.in_block(slot, at) {
            counts[booking.node] += 1;
        }
        counts
    }

    /// The first seat of a slot within its block, and how many there are.
    #[must_use]
    pub fn seats(&self, slot: SlotRef) -> (u8, u8) {
        let plan = &self.sessions[slot.session.index()].plan;
        let capacity = plan.session.capacity[slot.slot.index()];
        match plan.blocks {
            Blocks::PerSlot(_) => (0, capacity),
            Blocks::WholeSession(_) => {
                let before = plan.session.capacity[..slot.slot.index()].iter().sum();
                (before, capacity)
            }
        }
    }

    /// The seats of a slot that nobody has, lowest first.
    pub fn free_seats(&self, slot: SlotRef, at: Instant) -> impl Iterator<Item = u8> + use<> {
        let (first, seats) = self.seats(slot);
        let taken = self.in_block(slot, at).fold(0u64, |taken, b| taken | 1 << b.id.seat().get());
        (first..first + seats).filter(move |seat| taken >> seat & 1 == 0)
    }

    // ---- questions ---------------------------------------------------------------------------------------------------

    /// What the decision would say for a class, now.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION` and `UNKNOWN_SLOT`.
    pub fn availability(
        &self,
        slot: SlotRef,
        class: Class,
        channel: Channel,
        at: Instant,
    ) -> Result<(Availability, Option<Why>), Why> {
        self.availability_of(slot, class, channel, at, false)
    }

    /// What it would say to a claim that passes those who wait.
    ///
    /// # Errors
    /// `UNKNOWN_SESSION` and `UNKNOWN_SLOT`.
    pub fn availability_past_waitlist(
        &self,
        slot: SlotRef,
        class: Class,
        channel: Channel,
        at: Instant,
    ) -> Result<(Availability, Option<Why>), Why> {
        self.availability_of(slot, class, channel, at, true)
    }

    fn availability_of(
        &self,
        slot: SlotRef,
        class: Class,
        channel: Channel,
        at: Instant,
        past: bool,
    ) -> Result<(Availability, Option<Why>), Why> {
        let published = self.plan(slot)?;
        let pools = self.pools(slot);
        let t = at.ms() - published.plan.session.origin().ms();
        let counts = self.counts(slot, at);
        let verdict = self.decide(slot, class, channel, at, past).err();
        let free = match verdict {
            Some(_) => 0,
            None => pools.free(&counts, class, channel, t, count(self.free_seats(slot, at))),
        };
        let available = Availability {
            free: small(free),
            capacity: small(pools.capacity),
            live: small(counts.iter().sum()),
            refusal: None,
        };
        Ok((available, verdict))
    }

    /// Whether and where the block of a slot would admit a class; `past` those who wait or behind them.
    fn decide(
        &self,
        slot: SlotRef,
        class: Class,
        channel: Channel,
        at: Instant,
        past: bool,
    ) -> Result<Accepted, Why> {
        let origin = self.plan(slot)?.plan.session.origin().ms();
        let said = self.said[self.block(slot).index()];
        if said.stopped {
            return Err(Why::plain(Code::Stopped));
        }
        let accepted = self.fold(slot, class, channel, at, origin)?;
        if said.waiting && !past { Err(Why::plain(Code::Waitlisted)) } else { Ok(accepted) }
    }

    fn fold(
        &self,
        slot: SlotRef,
        class: Class,
        channel: Channel,
        at: Instant,
        origin: i64,
    ) -> Result<Accepted, Why> {
        let is_full = self.free_seats(slot, at).next().is_none();
        let counts = self.counts(slot, at);
        self.pools(slot)
            .decide(&counts, class, channel, at.ms() - origin, is_full)
            .map_err(|denied| explain(&denied, origin))
    }

    /// The first slots that the decision would grant to a class, in the order asked for; slots that tie come in the order
    /// of publishing.
    #[must_use]
    pub fn search(&self, query: &Query, at: Instant) -> Vec<Found> {
        let mut found = Vec::new();
        for (session, published) in (0..).filter_map(SessionId::new).zip(&self.sessions) {
            let s = &published.plan.session;
            let wanted = (query.from..=query.to).contains(&s.day())
                && query.institution.is_none_or(|i| i == s.institution)
                && query.department.is_none_or(|d| d == s.department)
                && query.practitioner.is_none_or(|p| p == s.practitioner)
                && query.grade.is_none_or(|g| g == s.grade);
            if !wanted {
                continue;
            }
            for slot in slots(&published.plan).map(|slot| SlotRef { session, slot }) {
                let available = self.availability(slot, query.class, query.channel, at);
                if let Ok((Availability { free: free @ 1.., capacity, live, .. }, _)) = available {
                    found.push(Found { slot, time: s.slot_time(slot.slot), free, live, capacity });
                }
            }
        }
        match query.order {
            Order::Earliest => found.sort_by_key(|f| f.time.from),
            Order::LeastLoaded => found.sort_by(|a, b| {
                let left = u32::from(a.live) * u32::from(b.capacity);
                let right = u32::from(b.live) * u32::from(a.capacity);
                left.cmp(&right).then(a.time.from.cmp(&b.time.from))
            }),
        }
        found.truncate(query.most);
        found
    }

    /// How full each slot of a day is, all sessions of the same time together, by time.
    #[must_use]
    pub fn load(
        &self,
        day: Day,
        institution: Option<InstitutionId>,
        department: Option<DepartmentId>,
        at: Instant,
    ) -> Vec<SlotLoad> {
        let mut loads: Vec<SlotLoad> = Vec::new();
        for (session, published) in (0..).filter_map(SessionId::new).zip(&self.sessions) {
            let s = &published.plan.session;
            let wanted = s.day() == day
                && institution.is_none_or(|i| i == s.institution)
                && department.is_none_or(|d| d == s.department);
            if !wanted {
                continue;
            }
            for slot in slots(&published.plan).map(|slot| SlotRef { session, slot }) {
                let time = s.slot_time(slot.slot);
                // What is blocked in a session that is one block is blocked at no particular time.
                let capacity = match &published.plan.blocks {
                    Blocks::PerSlot(trees) => trees[slot.slot.index()].capacity(),
                    Blocks::WholeSession(_) => s.capacity[slot.slot.index()],
                };
                let capacity = u32::from(capacity);
                let live = count(self.in_block(slot, at).filter(|b| b.slot == slot));
                match loads.iter_mut().find(|load| load.time == time) {
                    Some(load) => {
                        load.capacity += capacity;
                        load.live += live;
                    }
                    None => loads.push(SlotLoad { time, capacity, live }),
                }
            }
        }
        loads.sort_by_key(|load| (load.time.from, load.time.to));
        loads
    }

    // ---- commands ----------------------------------------------------------------------------------------------------

    /// Takes a seat until it is confirmed or its time runs out.
    pub fn hold(&mut self, wish: &Wish, at: Instant) -> Verdict<Grant> {
        let command = Keyed::Hold(Wish { key: None, ..*wish });
        self.under_key(wish.patient, wish.key, command, |model| model.claim(wish, at, How::Hold, false))
    }

    /// The same, past those who wait.
    pub fn hold_past_waitlist(&mut self, wish: &Wish, at: Instant) -> Verdict<Grant> {
        let command = Keyed::Hold(Wish { key: None, ..*wish });
        self.under_key(wish.patient, wish.key, command, |model| model.claim(wish, at, How::Hold, true))
    }

    /// Takes a seat for somebody who waits, until an end of its own. Its key counts for nothing.
    ///
    /// # Errors
    /// As a hold, or `HOLD_EXPIRED` if the end is not after `at`.
    pub fn offer(&mut self, wish: &Wish, expires: Instant, at: Instant) -> Result<Grant, Why> {
        if expires <= at {
            return Err(Why::plain(Code::HoldExpired));
        }
        self.claim(wish, at, How::Offer(expires), true)
    }

    /// Books a seat that the hospital gives. Its key counts for nothing.
    ///
    /// # Errors
    /// As a booking past those who wait.
    pub fn assign(&mut self, wish: &Wish, at: Instant) -> Result<Grant, Why> {
        self.claim(wish, at, How::Assign, true)
    }

    /// Takes a seat for good: hold and confirm in one step.
    pub fn book(&mut self, wish: &Wish, at: Instant) -> Verdict<Grant> {
        let command = Keyed::Book(Wish { key: None, ..*wish });
        self.under_key(wish.patient, wish.key, command, |model| model.claim(wish, at, How::Book, false))
    }

    /// The same, past those who wait.
    pub fn book_past_waitlist(&mut self, wish: &Wish, at: Instant) -> Verdict<Grant> {
        let command = Keyed::Book(Wish { key: None, ..*wish });
        self.under_key(wish.patient, wish.key, command, |model| model.claim(wish, at, How::Book, true))
    }

    /// Makes a booking of a hold.
    pub fn confirm(&mut self, settle: &Settle, at: Instant) -> Verdict<Settled> {
        let command = Keyed::Confirm(Settle { key: None, ..*settle });
        self.under_key(settle.patient, settle.key, command, |model| model.confirm_now(settle, at))
    }

    /// Gives a hold or booking back.
    pub fn cancel(&mut self, settle: &Settle, at: Instant) -> Verdict<Settled> {
        let command = Keyed::Cancel(Settle { key: None, ..*settle });
        self.under_key(settle.patient, settle.key, command, |model| model.cancel_now(settle, at))
    }

    /// The same claims, told from a record: every hold that the claim looked past has a record of its own, so none is swept
    /// here. Those of its block are written before it, and if one is not, the claim is not what was recorded.
    pub fn recorded_claim(&mut self, wish: &Wish, at: Instant, held: bool) -> Verdict<Grant> {
        let asked = Wish { key: None, ..*wish };
        let (command, how) =
            if held { (Keyed::Hold(asked), How::Hold) } else { (Keyed::Book(asked), How::Book) };
        // Whether somebody waited is not recorded: a claim that was granted had passed them.
        self.under_key(wish.patient, wish.key, command, |model| model.take(wish, at, how, true))
    }

    /// An offer, told from a record.
    ///
    /// # Errors
    /// As a hold.
    pub fn recorded_offer(&mut self, wish: &Wish, expires: Instant, at: Instant) -> Result<Grant, Why> {
        self.take(wish, at, How::Offer(expires), true)
    }

    /// A seat that the hospital gave, told from a record.
    ///
    /// # Errors
    /// As a booking.
    pub fn recorded_assignment(&mut self, wish: &Wish, at: Instant) -> Result<Grant, Why> {
        self.take(wish, at, How::Assign, true)
    }

    /// What was answered under a key without a transition, told from a record.
    pub fn recorded_claim_refused(&mut self, wish: &Wish, held: bool) {
        let Some(key) = wish.key else { return };
        let asked = Wish { key: None, ..*wish };
        let command = if held { Keyed::Hold(asked) } else { Keyed::Book(asked) };
        self.keyed.push((wish.patient, key, command));
    }

    /// The same for a confirmation or a cancellation.
    pub fn recorded_settle_answered(&mut self, settle: &Settle, confirmed: bool) {
        let Some(key) = settle.key else { return };
        let asked = Settle { key: None, ..*settle };
        let command = if confirmed { Keyed::Confirm(asked) } else { Keyed::Cancel(asked) };
        self.keyed.push((settle.patient, key, command));
    }

    /// Whether something was answered under this key.
    #[must_use]
    pub fn is_keyed(&self, patient: PatientKey, key: IdempotencyKey) -> bool {
        self.keyed.iter().any(|(who, used, _)| (*who, *used) == (patient, key))
    }

    /// What the hospital says of the blocks and who is suspended, as another model has it: nothing of this is in the journal of an
    /// engine, and whoever keeps the day says it again after a restart.
    pub fn say_again(&mut self, other: &Self) {
        for (said, other) in self.said.iter_mut().zip(&other.said) {
            *said = *other;
        }
        for (given_up, stays) in &other.merged {
            self.merge(*given_up, *stays, Instant::MIN);
        }
        self.suspended.clone_from(&other.suspended);
        self.substituted = other.substituted;
        for (session, other) in self.sessions.iter_mut().zip(&other.sessions) {
            session.plan.session.practitioner = other.plan.session.practitioner;
        }
    }

    /// Of the block of a slot, whether somebody waits for it and whether it is stopped.
    #[must_use]
    pub fn said(&self, slot: SlotRef) -> (bool, bool) {
        let said = self.said[self.block(slot).index()];
        (said.waiting, said.stopped)
    }

    /// The keys that were given up, each with the one that stays, in order.
    #[must_use]
    pub fn merged(&self) -> &[(PatientKey, PatientKey)] {
        &self.merged
    }

    /// Who is suspended, and until when in whole seconds; `None` is for ever.
    #[must_use]
    pub fn suspended(&self) -> &[(PatientKey, Option<i64>)] {
        &self.suspended
    }

    /// The slot whose block this is: of a session that is one block, its first.
    #[must_use]
    pub fn slot_of(&self, block: BlockId) -> Option<SlotRef> {
        let sessions = (0..).filter_map(SessionId::new).zip(&self.sessions);
        sessions
            .flat_map(|(session, published)| {
                slots(&published.plan).map(move |slot| SlotRef { session, slot })
            })
            .find(|slot| self.block(*slot) == block)
    }

    /// Looks past one hold, told from a record; `None` if it is not due.
    pub fn recorded_expiry(&mut self, hold: BookingId, at: Instant) -> Option<Sequence> {
        let is_it = |b: &Booking| b.id == hold && b.is_due(at);
        let found = self.open.iter().copied().find(|place| is_it(&self.bookings[*place]))?;
        self.end(found, State::Expired);
        Some(self.next(hold, Change::Expired))
    }

    /// Sweeps all holds that are due.
    pub fn tick(&mut self, at: Instant) -> u64 {
        self.sweep(at, |_, _| true)
    }

    fn under_key<T>(
        &mut self,
        patient: PatientKey,
        key: Option<IdempotencyKey>,
        command: Keyed,
        run: impl FnOnce(&mut Self) -> Result<T, Why>,
    ) -> Verdict<T> {
        if let Some(key) = key {
            match self.keyed.iter().find(|(who, used, _)| (*who, *used) == (patient, key)) {
                Some((_, _, before)) if *before == command => return Verdict::AsBefore,
                Some(_) => return Verdict::No(Why::plain(Code::IdempotencyConflict)),
                None => self.keyed.push((patient, key, command)),
            }
        }
        match run(self) {
            Ok(answer) => Verdict::Yes(answer),
            Err(why) => {
                // To be told of others who wait is no answer yet: the key is free for the next attempt.
                if key.is_some() && why.code == Code::Waitlisted {
                    self.keyed.pop();
                }
                Verdict::No(why)
            }
        }
    }

    fn claim(&mut self, wish: &Wish, at: Instant, how: How, past: bool) -> Result<Grant, Why> {
        self.may_claim(wish, at, how, past)?;
        // Accepted: from here it must succeed.
        let block = self.block(wish.slot);
        self.sweep(at, |model, b| model.block(b.slot) == block || model.counts_for(b, wish.patient));
        self.take(wish, at, how, past)
    }

    fn may_claim(
        &self,
        wish: &Wish,
        at: Instant,
        how: How,
        past: bool,
    ) -> Result<(Accepted, Option<TicketId>), Why> {
        let rules = &self.plan(wish.slot)?.plan.rules;
        let accepted = self.decide(wish.slot, wish.class, wish.channel, at, past)?;
        let ticket = if asks_for_ticket(rules, wish.class) { Some(self.ticket(wish, at)?) } else { None };
        self.suspension(wish, at)?;
        self.patient_rules(wish, at, how.is_held())?;
        Ok((accepted, ticket))
    }

    fn take(&mut self, wish: &Wish, at: Instant, how: How, past: bool) -> Result<Grant, Why> {
        let (accepted, ticket) = self.may_claim(wish, at, how, past)?;
        let held = how.is_held();
        let rules = &self.plan(wish.slot)?.plan.rules;
        let block = self.block(wish.slot);
        let seat = self.free_seats(wish.slot, at).next().expect("accepted is not full");
        let sequence = Sequence(self.transitions[block.index()] + 1);
        let id = BookingId::pack(block, SeatIndex::new(seat).expect("a seat of the block"), sequence);
        let until = match how {
            How::Offer(expires) => expires,
            _ => at.plus(i64::from(rules.hold_ms[wish.channel as usize])),
        };
        self.next(id, if held { Change::Held } else { Change::Booked });
        self.open.push(self.bookings.len());
        self.bookings.push(Booking {
            id,
            patient: wish.patient,
            slot: wish.slot,
            class: wish.class,
            channel: wish.channel,
            ticket,
            node: accepted.node,
            granted: at,
            offered: matches!(how, How::Offer(_) | How::Assign),
            state: if held { State::Held(until) } else { State::Booked },
        });
        let session = &self.plan(wish.slot)?.plan.session;
        let before: u16 = session.capacity[..wish.slot.slot.index()].iter().map(|c| u16::from(*c)).sum();
        Ok(Grant {
            booking: id,
            institution: session.institution,
            slot: wish.slot,
            number: before + u16::from(seat - self.seats(wish.slot).0) + 1,
            time: session.slot_time(wish.slot.slot),
            node: node(accepted.node),
            spill: accepted.spill,
            standing: if held { Standing::HeldUntil(until) } else { Standing::Booked },
        })
    }

    /// The ticket that a wish shows, if it is good for it.
    fn ticket(&self, wish: &Wish, at: Instant) -> Result<TicketId, Why> {
        let session = &self.sessions[wish.slot.session.index()].plan.session;
        let id = wish.ticket.ok_or_else(|| Why::plain(Code::TicketRequired))?;
        let ticket = self
            .tickets
            .iter()
            .find(|t| (t.patient, t.id) == (wish.patient, id))
            .ok_or_else(|| Why::plain(Code::TicketUnknown))?;
        let fits = ticket.class == wish.class
            && ticket.institution == session.institution
            && ticket.department.is_none_or(|d| d == session.department);
        if !fits {
            return Err(Why::plain(Code::TicketMismatch));
        }
        if ticket.expires <= at {
            return Err(Why::plain(Code::TicketExpired));
        }
        match self.used_by(ticket, at) {
            Some(user) => Err(Why::by(Code::TicketUsed, [Binding::Booking(user)])),
            None => Ok(id),
        }
    }

    /// Online channels are closed to who is suspended, all of them to who is blocked.
    fn suspension(&self, wish: &Wish, at: Instant) -> Result<(), Why> {
        let online = !matches!(wish.channel, Channel::Kiosk | Channel::Window | Channel::Station);
        match self.suspended.iter().find(|(who, _)| *who == wish.patient) {
            Some((_, None)) => Err(Why::plain(Code::IdentityMerged)),
            Some((_, Some(second))) if online && at.ms() < second * 1_000 => {
                let until = Retry::From(Instant::saturating(second * 1_000));
                Err(Why { because: vec![(Binding::None, until)], ..Why::plain(Code::Suspended) })
            }
            _ => Ok(()),
        }
    }

    /// The rules about one patient: one more booking must not break them.
    fn patient_rules(&self, wish: &Wish, at: Instant, held: bool) -> Result<(), Why> {
        let plan = &self.sessions[wish.slot.session.index()].plan;
        let rules = &plan.rules;
        let wanted = plan.session.slot_time(wish.slot.slot);
        let live = self.sorted(self.live(at).filter(|b| self.counts_for(b, wish.patient)));

        let overlapping: Vec<Binding> = live
            .iter()
            .filter(|b| {
                let other = &self.sessions[b.slot.session.index()].plan.session;
                let gap = gap(rules, other.institution != plan.session.institution);
                too_close(wanted, other.slot_time(b.slot.slot), gap)
            })
            .map(|b| Binding::Booking(b.id))
            .collect();
        if !overlapping.is_empty() {
            return Err(Why::by(Code::Overlap, overlapping));
        }
        for limit in &rules.limits {
            let days: Vec<Day> = live
                .iter()
                .map(|b| &self.sessions[b.slot.session.index()].plan.session)
                .filter(|other| match limit.scope {
                    Scope::Department => {
                        (other.institution, other.department)
                            == (plan.session.institution, plan.session.department)
                    }
                    Scope::Practitioner => other.practitioner == plan.session.practitioner,
                    Scope::Institution => other.institution == plan.session.institution,
                    Scope::Platform => true,
                })
                .map(haoyuan_core::plan::Session::day)
                .collect();
            if most_in_window(limit.window, plan.session.day(), &days) + 1 > usize::from(limit.most) {
                return Err(Why::by(limit_code(limit), [Binding::Limit(u32::from(limit.most))]));
            }
        }
        if held {
            let holds: Vec<_> = live.iter().filter(|b| b.is_held(at)).collect();
            let here = holds.iter().filter(|b| b.slot.session == wish.slot.session).count();
            if here + 1 > usize::from(rules.holds_per_session) {
                let limit = Binding::Limit(u32::from(rules.holds_per_session));
                return Err(Why::by(Code::SessionHoldLimit, [limit]));
            }
            if holds.len() + 1 > usize::from(rules.holds_per_patient) {
                return Err(Why::by(Code::HoldLimit, [Binding::Limit(u32::from(rules.holds_per_patient))]));
            }
        }
        Ok(())
    }

    fn find(&self, settle: &Settle) -> Result<usize, Why> {
        self.bookings
            .iter()
            .rposition(|b| b.id == settle.booking && b.patient == settle.patient)
            .ok_or_else(|| Why::plain(Code::UnknownBooking))
    }

    fn confirm_now(&mut self, settle: &Settle, at: Instant) -> Result<Settled, Why> {
        let found = self.find(settle)?;
        let booking = self.bookings[found];
        match booking.state {
            State::Cancelled | State::Withdrawn => Err(Why::ended(Code::Cancelled)),
            State::Expired => Err(Why::ended(Code::HoldExpired)),
            State::Held(until) if until <= at && !self.would_accept_again(&booking, at) => {
                Err(Why::plain(Code::HoldExpired))
            }
            State::Booked => {
                Ok(Settled { booking: booking.id, sequence: booking.id.sequence(), changed: false })
            }
            State::Held(_) => {
                let sequence = self.next(booking.id, Change::Confirmed);
                self.bookings[found].state = State::Booked;
                Ok(Settled { booking: booking.id, sequence, changed: true })
            }
        }
    }

    /// A late confirmation, where the rules allow it: the claim is decided once more at the same node. The seat is still
    /// there, because nobody has looked past the hold.
    fn would_accept_again(&self, booking: &Booking, at: Instant) -> bool {
        let plan = &self.sessions[booking.slot.session.index()].plan;
        let t = at.ms() - plan.session.origin().ms();
        let b = self.counts(booking.slot, at);
        let decided = self.pools(booking.slot).decide_at(&b, booking.node, t, false);
        let said = self.said[self.block(booking.slot).index()];
        let others_first = said.stopped || said.waiting;
        plan.rules.late_confirm == LateConfirm::Retest && decided.is_ok() && !others_first
    }

    fn cancel_now(&mut self, settle: &Settle, at: Instant) -> Result<Settled, Why> {
        let found = self.find(settle)?;
        let booking = self.bookings[found];
        let plan = &self.sessions[booking.slot.session.index()].plan;
        let last = i128::from(plan.session.origin().ms()) + i128::from(plan.rules.cancel_until);
        match booking.state {
            State::Cancelled | State::Withdrawn => Err(Why::ended(Code::Cancelled)),
            State::Expired => Err(Why::ended(Code::HoldExpired)),
            State::Held(until) if until <= at => Err(Why::plain(Code::HoldExpired)),
            State::Booked if i128::from(at.ms()) >= last => Err(Why::plain(Code::TooLate)),
            State::Held(_) | State::Booked => {
                let sequence = self.next(booking.id, Change::Cancelled);
                self.end(found, State::Cancelled);
                Ok(Settled { booking: booking.id, sequence, changed: true })
            }
        }
    }

    // ---- transitions -------------------------------------------------------------------------------------------------

    /// The next transition of a block: every accepted one raises its sequence by one.
    fn next(&mut self, booking: BookingId, change: Change) -> Sequence {
        let count = &mut self.transitions[booking.block().index()];
        *count += 1;
        let sequence = Sequence(*count);
        self.log.push(Transition { sequence, booking, change });
        sequence
    }

    /// Looks past every hold that is due and `concerns` the command: each is a transition of its block.
    fn sweep(&mut self, at: Instant, concerns: impl Fn(&Self, &Booking) -> bool) -> u64 {
        let is_swept = |b: &Booking| b.is_due(at) && concerns(self, b);
        let due: Vec<usize> =
            self.open.iter().copied().filter(|place| is_swept(&self.bookings[*place])).collect();
        for place in &due {
            self.end(*place, State::Expired);
            self.next(self.bookings[*place].id, Change::Expired);
        }
        due.len() as u64
    }

    fn end(&mut self, place: usize, how: State) {
        self.bookings[place].state = how;
        self.open.retain(|open| *open != place);
    }
}

/// The slots of a plan.
pub fn slots(plan: &Plan) -> impl Iterator<Item = SlotIndex> + use<> {
    (0..plan.session.capacity.len()).filter_map(|slot| u16::try_from(slot).ok().and_then(SlotIndex::new))
}

/// Whether a class must show a ticket under these rules.
#[must_use]
pub fn asks_for_ticket(rules: &Rules, class: Class) -> bool {
    is_privilege(class) && rules.ticket_free & (1 << class.number()) == 0
}

fn is_privilege(class: Class) -> bool {
    !matches!(class, Class::Public | Class::OnSite)
}

/// The time that a patient needs between two visits.
#[must_use]
pub fn gap(rules: &Rules, elsewhere: bool) -> i64 {
    i64::from(rules.buffer_ms) + if elsewhere { i64::from(rules.travel_ms) } else { 0 }
}

/// Whether neither visit ends at least `gap` before the other begins.
#[must_use]
pub fn too_close(a: Interval, b: Interval, gap: i64) -> bool {
    let a_then_b = a.to.ms() + gap <= b.from.ms();
    let b_then_a = b.to.ms() + gap <= a.from.ms();
    !a_then_b && !b_then_a
}

/// The code of a request over a limit.
#[must_use]
pub fn limit_code(limit: &Limit) -> Code {
    if limit.window != Window::Days(1) {
        return Code::PeriodLimit;
    }
    match limit.scope {
        Scope::Department => Code::DepartmentDayLimit,
        Scope::Platform => Code::DayLimit,
        Scope::Institution | Scope::Practitioner => Code::PeriodLimit,
    }
}

/// How many of `days` lie in a window that contains `day`; of several such windows, the most.
#[must_use]
pub fn most_in_window(window: Window, day: Day, days: &[Day]) -> usize {
    let same = |key: &dyn Fn(Day) -> i32| days.iter().filter(|d| key(**d) == key(day)).count();
    match window {
        Window::Days(n) => {
            let n = i32::from(n.max(1));
            (day.0 - n + 1..=day.0)
                .map(|from| days.iter().filter(|d| from <= d.0 && d.0 < from + n).count())
                .max()
                .unwrap_or(0)
        }
        // Day 4 was a Monday.
        Window::Week => same(&|d| (d.0 - 4).div_euclid(7)),
        Window::Month => same(&|d| calendar(d).0 * 12 + calendar(d).1),
        Window::Quarter => same(&|d| calendar(d).0 * 4 + (calendar(d).1 - 1) / 3),
        Window::Year => same(&|d| calendar(d).0),
    }
}

/// The year and the month, counted off from 1970 one year and then one month at a time.
#[must_use]
pub fn calendar(day: Day) -> (i32, i32) {
    let is_leap = |year: i32| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let (mut year, mut month, mut left) = (1970, 1, day.0.max(0));
    while left >= 365 + i32::from(is_leap(year)) {
        left -= 365 + i32::from(is_leap(year));
        year += 1;
    }
    loop {
        let days = match month {
            2 => 28 + i32::from(is_leap(year)),
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        };
        if left < days {
            return (year, month);
        }
        left -= days;
        month += 1;
    }
}

/// With one more seat at `u`.
#[must_use]
pub const fn one_more(b: &Counts, u: usize) -> Counts {
    let mut after = *b;
    after[u] += 1;
    after
}

/// A denial in the words of a refusal.
fn explain(denied: &Denied, origin: i64) -> Why {
    if denied.code == Code::NotAdmitted {
        return Why::plain(denied.code);
    }
    let retry = |loosens: Option<i64>| match loosens {
        Some(offset) => Retry::From(Instant::saturating(origin.saturating_add(offset))),
        None if denied.code.is_transient() => Retry::WhenReturned,
        None => Retry::Never,
    };
    let because = denied.because.iter().map(|(v, loosens)| (Binding::Node(node(*v)), retry(*loosens)));
    Why { code: denied.code, because: because.collect(), may_be_forgotten: false }
}

fn node(v: usize) -> NodeIndex {
    u8::try_from(v).ok().and_then(NodeIndex::new).expect("a tree has at most 16 nodes")
}

fn count<T>(things: impl Iterator<Item = T>) -> u32 {
    u32::try_from(things.count()).expect("few")
}

fn small(seats: u32) -> u8 {
    u8::try_from(seats).expect("a block has at most 63 seats")
}

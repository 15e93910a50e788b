//! Worlds and workloads: what is published, and what is asked of it when.
//!
//! Everything is a proptest strategy, so that a failing case shrinks, and can be [`drawn`] from a seed, so that a stress
//! run can be had again. A workload names things by small numbers ("the third booking before the last", "one millisecond
//! before the next edge") and is [`resolve`]d against the model as it runs; so it stays meaningful while it shrinks.
//!
//! Patients, seats, tickets and keys are few, so that requests collide; capacities go up to 63, trees to 16 nodes.

use crate::check;
use crate::model::{Booking, Model, Pools, slots};
use haoyuan_core::ids::{
    BlockId, BookingId, DepartmentId, IdempotencyKey, InstitutionId, Interval, NodeIndex, PatientKey,
    PractitionerId, SeatIndex, Sequence, SessionId, SlotIndex, SlotRef, TicketId,
};
use haoyuan_core::instant::{DAY, Day, HOUR, Instant, MINUTE, SECOND};
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::pool::{Fence, Node, PoolTree, Protection, Route, Routes};
use haoyuan_core::request::{Order, Query, Settle, Ticket, Wish};
use haoyuan_core::rules::{LateConfirm, Limit, Rules, Scope, Window};
use haoyuan_core::terms::{Channel, Class, Grade, Kind};
use haoyuan_engine::Suspension;
use proptest::collection::vec;
use proptest::option::weighted;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

/// The value that a strategy yields for a seed: the same on every machine.
#[must_use]
pub fn drawn<S: Strategy>(strategy: &S, seed: u64) -> S::Value {
    next(strategy, &mut runner(seed))
}

/// The workload of a seed, up to `most` steps: as [`any_workload`] has them, drawn one by one, because nobody shrinks it.
#[must_use]
pub fn drawn_workload(most: usize, seed: u64) -> Vec<Step> {
    let mut runner = runner(seed);
    let (step, steps) = (any_step(), next(&(most / 3..=most), &mut runner));
    (0..steps).map(|_| next(&step, &mut runner)).collect()
}

fn runner(seed: u64) -> TestRunner {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn next<S: Strategy>(strategy: &S, runner: &mut TestRunner) -> S::Value {
    strategy.new_tree(runner).expect("no strategy here rejects everything").current()
}

/// How proptest runs here: so many cases unless `PROPTEST_CASES` says otherwise; a failure prints its case, and what it
/// taught becomes a test with a name instead of a file of seeds.
#[must_use]
pub fn config(cases: u32) -> Config {
    let chosen = Config { failure_persistence: None, max_shrink_iters: 4_000, ..Config::default() };
    if std::env::var_os("PROPTEST_CASES").is_some() { chosen } else { Config { cases, ..chosen } }
}

// ---- pool trees ------------------------------------------------------------------------------------------------------

/// The offsets at which generated pools open, close and release: few, so that they coincide.
pub const EDGES: [i64; 10] =
    [-7 * DAY, -3 * DAY, -2 * DAY, -DAY, -12 * HOUR, -HOUR, 0, 8 * HOUR, 9 * HOUR, 12 * HOUR];

/// A pool as it is drawn: numbers that [`tree`] makes fit.
#[derive(Clone, Debug)]
struct RawNode {
    parent: u8,
    extra: bool,
    guarantee: u8,
    fences: Vec<(usize, u8)>,
    cap: Option<u8>,
    window: (Option<usize>, Option<usize>),
}

/// A class's route as it is drawn: first choice, second choice, and a channel with a choice of its own.
#[derive(Clone, Debug)]
struct RawRoute {
    first: u8,
    second: Option<u8>,
    channel: Option<(usize, u8)>,
    closed: Option<usize>,
}

fn raw_node() -> impl Strategy<Value = RawNode> {
    (
        any::<u8>(),
        prop::bool::weighted(0.25),
        prop_oneof![2 => Just(0), 3 => 0..6u8, 1 => 0..64u8],
        vec((0..EDGES.len(), any::<u8>()), 0..3),
        weighted(0.25, 0..24u8),
        (weighted(0.15, 0..EDGES.len()), weighted(0.15, 0..EDGES.len())),
    )
        .prop_map(|(parent, extra, guarantee, fences, cap, window)| RawNode {
            parent,
            extra,
            guarantee,
            fences,
            cap,
            window,
        })
}

fn raw_route() -> impl Strategy<Value = RawRoute> {
    (
        any::<u8>(),
        weighted(0.3, any::<u8>()),
        weighted(0.3, (0..Channel::ALL.len(), any::<u8>())),
        weighted(0.1, 0..Channel::ALL.len()),
    )
        .prop_map(|(first, second, channel, closed)| RawRoute { first, second, channel, closed })
}

/// Any pool tree of `capacity` seats with up to `most` nodes, the root included.
pub fn any_tree(capacity: u8, most: usize) -> impl Strategy<Value = PoolTree> {
    (vec(raw_node(), 1..most.max(2)), vec(raw_route(), Class::ALL.len()), weighted(0.1, 0..64u8))
        .prop_map(move |(nodes, routes, cap)| tree(capacity, &nodes, &routes, cap))
}

/// Makes a tree of what was drawn: minima are lowered until they fit, fences are put in order.
fn tree(capacity: u8, raw: &[RawNode], raw_routes: &[RawRoute], root_cap: Option<u8>) -> PoolTree {
    let root = Node { cap: root_cap, ..Node::plain("ROOT", NodeIndex::ROOT) };
    let mut pools = Pools { capacity: u32::from(capacity), nodes: vec![root], routes: Routes::default() };
    for (i, raw) in raw.iter().enumerate() {
        let mut node = Node::plain(&format!("POOL_{}", i + 1), index(usize::from(raw.parent) % (i + 1)));
        node.protection = if raw.extra { Protection::Extra } else { Protection::Guarantee };
        node.cap = raw.cap;
        // A window must leave something of those above it.
        let (opens, closes) = pools.window(node.parent.index());
        if let Some(edge) = raw.window.0.filter(|edge| EDGES[*edge] < closes) {
            node.opens = EDGES[edge];
        }
        if let Some(edge) = raw.window.1.filter(|edge| EDGES[*edge] > opens.max(node.opens)) {
            node.closes = EDGES[edge];
        }
        pools.nodes.push(node);
        let v = pools.nodes.len() - 1;
        let cap = pools.upwards(v).into_iter().filter_map(|a| pools.nodes[a].cap).min().unwrap_or(u8::MAX);
        pools.nodes[v].guarantee = raw.guarantee.min(capacity).min(cap);
        while pools.minima() > pools.capacity {
            pools.nodes[v].guarantee -= 1;
        }
        let mut edges: Vec<_> = raw.fences.iter().map(|(edge, _)| *edge).collect();
        edges.sort_unstable();
        let mut seats = pools.nodes[v].guarantee;
        for (edge, (_, keep)) in edges.into_iter().zip(&raw.fences) {
            seats = seats.saturating_sub(keep % 4);
            pools.nodes[v].fences.push(Fence { from: EDGES[edge], seats });
        }
    }
    // A tree has counters for 14 nodes; the first of 15 is only a container.
    let first = if raw.len() > 14 { 2 } else { 1 };
    let bookable = |choice: u8| index(first + usize::from(choice) % (raw.len() + 1 - first));
    let mut routes = Routes::default();
    for (class, raw) in Class::ALL.iter().zip(raw_routes) {
        let first = bookable(raw.first);
        routes.set_all(
            *class,
            raw.second.map_or(Route::one(first), |second| Route::two(first, bookable(second))),
        );
        if let Some((channel, choice)) = raw.channel {
            routes.set(*class, Channel::ALL[channel], Route::one(bookable(choice)));
        }
        if let Some(channel) = raw.closed {
            routes.set(*class, Channel::ALL[channel], Route::NONE);
        }
    }
    PoolTree::new(capacity, pools.nodes, routes).expect("a generated tree fits its capacity")
}

fn index(v: usize) -> NodeIndex {
    u8::try_from(v).ok().and_then(NodeIndex::new).expect("a tree has at most 16 nodes")
}

/// Every offset at which something about `pools` changes by time alone, with the milliseconds around it.
#[must_use]
pub fn edges(pools: &Pools) -> Vec<i64> {
    let node_edges = |node: &Node| {
        let fences = node.fences.iter().map(|fence| fence.from);
        fences.chain([node.opens, node.closes]).collect::<Vec<_>>()
    };
    let mut edges: Vec<i64> = pools
        .nodes
        .iter()
        .flat_map(node_edges)
        .filter(|edge| (EDGES[0]..=EDGES[EDGES.len() - 1]).contains(edge))
        .flat_map(|edge| [edge - 1, edge, edge + 1])
        .chain([EDGES[0] - DAY, DAY])
        .collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

// ---- worlds ----------------------------------------------------------------------------------------------------------

/// The first day on which generated sessions are held: a Thursday, four days before a month and a quarter end.
pub const FIRST_DAY: Day = Day(20_724);

/// What there is to book.
#[derive(Clone, Debug)]
pub struct World {
    /// The sessions.
    pub plans: Vec<Plan>,
}

impl World {
    /// When the workload begins: before anything opens.
    #[must_use]
    pub fn start(&self) -> Instant {
        FIRST_DAY.midnight().plus(EDGES[0] - DAY)
    }
}

fn any_rules() -> impl Strategy<Value = Rules> {
    let limit = (
        select(vec![Scope::Practitioner, Scope::Department, Scope::Institution, Scope::Platform]),
        select(vec![
            Window::Days(1),
            Window::Days(3),
            Window::Week,
            Window::Month,
            Window::Quarter,
            Window::Year,
        ]),
        1..4u16,
    )
        .prop_map(|(scope, window, most)| Limit { scope, window, most });
    (
        vec(select(vec![1_000, 60_000, 300_000, 900_000, 7_200_000]), 8),
        (1..3u8, 1..4u8),
        vec(limit, 0..3),
        select(vec![0, 600_000]),
        select(vec![0, 3_600_000]),
        select(vec![i64::MAX, 8 * HOUR, -12 * HOUR]),
        select(vec![0u8, 0b111_1110, 0b101_0100]),
        prop::bool::weighted(0.2),
    )
        .prop_map(
            |(hold_ms, (here, all), limits, buffer_ms, travel_ms, cancel_until, ticket_free, retest)| Rules {
                policy: "generated".to_owned(),
                hold_ms: hold_ms.try_into().expect("one for each channel"),
                holds_per_session: here,
                holds_per_patient: all,
                limits,
                buffer_ms,
                travel_ms,
                cancel_until,
                ticket_free,
                late_confirm: if retest { LateConfirm::Retest } else { LateConfirm::Refuse },
            },
        )
}

fn any_session() -> impl Strategy<Value = Session> {
    let capacity = prop_oneof![6 => 1..4u8, 2 => 4..12u8, 1 => 12..=63u8];
    (
        (1..3u16, 1..3u32, 1..4u32),
        select(vec![Grade::Ordinary, Grade::Expert]),
        prop_oneof![4 => Just(0), 2 => 0..6i32],
        // The last crosses midnight.
        select(vec![8 * HOUR, 9 * HOUR, 23 * HOUR]),
        select(vec![30 * MINUTE, HOUR]),
        prop_oneof![vec(capacity.clone(), 1..4), (capacity, 1..5usize).prop_map(|(c, n)| vec![c; n])],
    )
        .prop_map(|((institution, department, practitioner), grade, day, hour, length, capacity)| {
            let from = Day(FIRST_DAY.0 + day).midnight().plus(hour);
            let slots = i64::try_from(capacity.len()).expect("a few");
            Session {
                code: String::new(),
                institution: InstitutionId::new(institution).expect("small"),
                department: DepartmentId::new(department).expect("small"),
                practitioner: PractitionerId::new(practitioner).expect("small"),
                grade,
                kind: Kind::Clinic,
                time: Interval { from, to: from.plus(length * slots) },
                slot_ms: u32::try_from(length).expect("an hour"),
                capacity,
            }
        })
}

fn any_plan(rules: Rules) -> impl Strategy<Value = Plan> {
    (any_session(), any::<bool>(), any_rules(), prop::bool::weighted(0.3)).prop_flat_map(
        move |(session, whole, other_rules, has_other)| {
            let same = session.capacity.iter().all(|c| *c == session.capacity[0]);
            let blocks = match u8::try_from(session.seats()) {
                Ok(seats @ 1..=63) if whole && same => {
                    any_tree(seats, 16).prop_map(Blocks::WholeSession).boxed()
                }
                _ => {
                    let trees: Vec<_> = session.capacity.iter().map(|c| any_tree(*c, 16)).collect();
                    trees.prop_map(Blocks::PerSlot).boxed()
                }
            };
            let rules = if has_other { other_rules } else { rules.clone() };
            blocks.prop_map(move |blocks| Plan { session: session.clone(), blocks, rules: rules.clone() })
        },
    )
}

/// Up to `most` sessions, most of them under the same rules, at two institutions over a few days.
pub fn any_world(most: usize) -> impl Strategy<Value = World> {
    any_rules().prop_flat_map(move |rules| vec(any_plan(rules), 1..=most)).prop_map(|mut plans| {
        for (i, plan) in plans.iter_mut().enumerate() {
            plan.session.code = format!("S{i}");
        }
        World { plans }
    })
}

// ---- workloads -------------------------------------------------------------------------------------------------------

/// A command with everything that it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Publish a session.
    Publish(Box<Plan>),
    /// Register a ticket.
    IssueTicket(Ticket),
    /// Take a seat for a time.
    Hold(Wish),
    /// Take a seat for good.
    Book(Wish),
    /// Make a booking of a hold.
    Confirm(Settle),
    /// Give a seat back.
    Cancel(Settle),
    /// Sweep the holds that are due.
    Tick,
    /// Ask what the decision would say.
    Availability(SlotRef, Class, Channel),
    /// Search for slots.
    Search(Query),
    /// Ask how full the slots of a day are.
    Load(Day, Option<InstitutionId>, Option<DepartmentId>),
    /// Ask what a patient has.
    BookingsOf(PatientKey),
    /// Say whether somebody waits.
    SetWaiting(SlotRef, bool),
    /// Stop or resume.
    SetStopped(SlotRef, bool),
    /// Take a seat for somebody who waits, until then.
    Offer(Wish, Instant),
    /// Take a seat for a time, past those who wait.
    HoldPastWaitlist(Wish),
    /// Take a seat for good, past those who wait.
    BookPastWaitlist(Wish),
    /// Take a seat back.
    Withdraw(BookingId),
    /// Ask who is in a slot.
    Occupants(SlotRef),
    /// Suspend a patient, or no longer.
    Suspend(PatientKey, Option<Suspension>),
    /// Another practitioner takes over.
    Substitute(SessionId, PractitionerId),
    /// Another number of usable seats.
    Resize(SlotRef, Box<PoolTree>),
}

impl Command {
    /// The patient whose command it is; a patient's commands are decided one at a time.
    #[must_use]
    pub const fn patient(&self) -> Option<PatientKey> {
        match self {
            Self::IssueTicket(ticket) => Some(ticket.patient),
            Self::Hold(wish) | Self::Book(wish) => Some(wish.patient),
            Self::Confirm(settle) | Self::Cancel(settle) => Some(settle.patient),
            _ => None,
        }
    }
}

/// How the time of a step follows from that of the step before.
#[derive(Clone, Copy, Debug)]
pub enum Clock {
    /// At the same instant.
    Same,
    /// So much later.
    Later(i64),
    /// So much earlier: callers' clocks differ.
    Earlier(i64),
    /// So near to the next instant at which something changes by itself (a pool opens, a fence falls, a hold ends,
    /// a ticket becomes void).
    Edge(i64),
}

/// A wish by small numbers.
#[derive(Clone, Copy, Debug)]
pub struct RawWish {
    patient: u8,
    session: usize,
    slot: u16,
    class: Class,
    channel: Channel,
    ticket: Option<u8>,
    /// Whether it is a wish that the ticket is good for, if the patient has it.
    by_ticket: bool,
    key: Option<u8>,
}

/// What to settle, by small numbers: the booking so many before the last.
#[derive(Clone, Copy, Debug)]
pub struct RawSettle {
    back: usize,
    whose: Whose,
    key: Option<u8>,
}

/// In whose name a booking is settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whose {
    Own,
    SomebodyElse,
    NoSuchBooking,
}

/// One thing to do, by small numbers.
#[derive(Clone, Copy, Debug)]
pub enum Action {
    /// Publish a plan of the world, perhaps once more.
    Publish(usize),
    /// Give a patient a ticket: number, class, place, and for how long it is good.
    IssueTicket(u8, u8, Class, (u16, Option<u32>), i64),
    /// Take a seat for a time.
    Hold(RawWish),
    /// Take a seat for good.
    Book(RawWish),
    /// Make a booking of a hold.
    Confirm(RawSettle),
    /// Give a seat back.
    Cancel(RawSettle),
    /// Give the keyed command so many before the last once more.
    Again(usize),
    /// Sweep.
    Tick,
    /// Ask what the decision would say.
    Availability(usize, u16, Class, Channel),
    /// Search: class, channel, days, filters, order, how many.
    Search(Class, Channel, (i32, i32), (Option<u16>, Option<u32>, Option<u32>, Option<Grade>), Order, usize),
    /// Ask how full the slots of a day are.
    Load(i32, Option<u16>, Option<u32>),
    /// Ask what a patient has.
    BookingsOf(u8),
    /// Something that the hospital does.
    Hospital(Deed),
}

/// Something that the hospital does, by small numbers.
#[derive(Clone, Copy, Debug)]
pub enum Deed {
    /// Say whether somebody waits: session, slot.
    Waiting(usize, u16, bool),
    /// Stop or resume: session, slot.
    Stopped(usize, u16, bool),
    /// Offer a seat for so long.
    Offer(RawWish, i64),
    /// Hold past those who wait.
    HoldPast(RawWish),
    /// Book past those who wait.
    BookPast(RawWish),
    /// Take back the booking so many before the last.
    Withdraw(RawSettle),
    /// Ask who is in a slot: session, slot.
    Occupants(usize, u16),
    /// Suspend a patient for so long, or (nothing) no longer; for ever if negative.
    Suspend(u8, Option<i64>),
    /// Another practitioner takes over: session, practitioner.
    Substitute(usize, u32),
    /// Another number of usable seats: session, slot, about how many, what happens to caps.
    Resize(usize, u16, u8, Option<u8>),
}

/// One step of a workload.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// When.
    pub clock: Clock,
    /// What.
    pub action: Action,
}

/// The patients of every workload: few, so that they collide.
pub const PATIENTS: u8 = 5;

fn any_clock() -> impl Strategy<Value = Clock> {
    prop_oneof![
        10 => Just(Clock::Same),
        4 => (1..90 * SECOND).prop_map(Clock::Later),
        2 => (MINUTE..3 * HOUR).prop_map(Clock::Later),
        1 => select(vec![1, MINUTE, 10 * MINUTE, DAY]).prop_map(Clock::Earlier),
        3 => (-1..=1i64).prop_map(Clock::Edge),
    ]
}

fn any_class() -> impl Strategy<Value = Class> {
    prop_oneof![2 => Just(Class::Public), 3 => select(Class::ALL)]
}

fn any_channel() -> impl Strategy<Value = Channel> {
    prop_oneof![1 => Just(Channel::App), 2 => select(Channel::ALL)]
}

fn any_wish() -> impl Strategy<Value = RawWish> {
    (
        0..PATIENTS,
        0..100usize,
        prop_oneof![8 => 0..4u16, 1 => 0..1024u16],
        any_class(),
        any_channel(),
        (weighted(0.7, 1..4u8), prop::bool::weighted(0.6)),
        weighted(0.1, 1..6u8),
    )
        .prop_map(|(patient, session, slot, class, channel, (ticket, by_ticket), key)| RawWish {
            patient,
            session,
            slot,
            class,
            channel,
            ticket,
            by_ticket,
            key,
        })
}

fn any_settle() -> impl Strategy<Value = RawSettle> {
    (
        prop_oneof![3 => 0..3usize, 1 => 0..40usize],
        prop_oneof![12 => Just(Whose::Own), 1 => Just(Whose::SomebodyElse), 1 => Just(Whose::NoSuchBooking)],
        weighted(0.1, 1..6u8),
    )
        .prop_map(|(back, whose, key)| RawSettle { back, whose, key })
}

fn any_deed() -> impl Strategy<Value = Deed> {
    let slot = || (0..100usize, 0..4u16);
    prop_oneof![
        3 => (slot(), prop::bool::weighted(0.4)).prop_map(|(s, on)| Deed::Waiting(s.0, s.1, on)),
        2 => (slot(), prop::bool::weighted(0.3)).prop_map(|(s, on)| Deed::Stopped(s.0, s.1, on)),
        3 => (any_wish(), prop_oneof![4 => 1..3 * HOUR, 1 => Just(900_000), 1 => -1..1i64])
            .prop_map(|(wish, life)| Deed::Offer(wish, life)),
        2 => any_wish().prop_map(Deed::HoldPast),
        2 => any_wish().prop_map(Deed::BookPast),
        3 => any_settle().prop_map(Deed::Withdraw),
        1 => slot().prop_map(|(session, slot)| Deed::Occupants(session, slot)),
        2 => (0..PATIENTS, weighted(0.5, prop_oneof![5 => 0..2 * DAY, 1 => Just(-1)]))
            .prop_map(|(who, life)| Deed::Suspend(who, life)),
        1 => (0..100usize, 1..4u32).prop_map(|(session, who)| Deed::Substitute(session, who)),
        3 => (slot(), any::<u8>(), weighted(0.3, any::<u8>()))
            .prop_map(|(s, seats, cap)| Deed::Resize(s.0, s.1, seats, cap)),
    ]
}

fn any_action() -> impl Strategy<Value = Action> {
    let institution = || weighted(0.5, 1..3u16);
    let department = || weighted(0.4, 1..3u32);
    let days = || (-1..7i32, -1..7i32);
    prop_oneof![
        1 => (0..8usize).prop_map(Action::Publish),
        6 => (
            0..PATIENTS,
            1..4u8,
            prop_oneof![
                5 => select(Class::ALL.iter().copied().filter(|c| c.needs_ticket()).collect::<Vec<_>>()),
                1 => any_class(),
            ],
            (1..3u16, department()),
            prop_oneof![2 => Just(20 * DAY), 1 => 0..4 * HOUR],
        )
            .prop_map(|(patient, id, class, place, life)| Action::IssueTicket(patient, id, class, place, life)),
        12 => any_wish().prop_map(Action::Hold),
        8 => any_wish().prop_map(Action::Book),
        5 => any_settle().prop_map(Action::Confirm),
        5 => any_settle().prop_map(Action::Cancel),
        1 => (0..3usize).prop_map(Action::Again),
        1 => Just(Action::Tick),
        4 => (0..100usize, 0..5u16, any_class(), any_channel())
            .prop_map(|(session, slot, class, channel)| Action::Availability(session, slot, class, channel)),
        2 => (
            any_class(),
            any_channel(),
            days(),
            (institution(), department(), weighted(0.2, 1..4u32), weighted(0.3, select(Grade::ALL))),
            any::<bool>().prop_map(|least| if least { Order::LeastLoaded } else { Order::Earliest }),
            prop_oneof![Just(100), 0..4usize],
        )
            .prop_map(|(class, channel, days, filters, order, most)| {
                Action::Search(class, channel, days, filters, order, most)
            }),
        1 => (days(), institution(), department())
            .prop_map(|(days, institution, department)| Action::Load(days.0, institution, department)),
        1 => (0..PATIENTS).prop_map(Action::BookingsOf),
        8 => any_deed().prop_map(Action::Hospital),
    ]
}

/// Any workload of a third of `most` to `most` steps.
pub fn any_workload(most: usize) -> impl Strategy<Value = Vec<Step>> {
    vec(any_step(), most / 3..=most)
}

fn any_step() -> impl Strategy<Value = Step> {
    (any_clock(), any_action()).prop_map(|(clock, action)| Step { clock, action })
}

/// The patient with this small number.
#[must_use]
pub fn patient(number: u8) -> PatientKey {
    // Spread over all 128 bits, as hashes are.
    PatientKey::new((u128::from(number) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
        .expect("an odd factor maps only 0 to 0")
}

/// The time of a step, after a step at `now`.
#[must_use]
pub fn time_of(clock: Clock, now: Instant, model: &Model) -> Instant {
    match clock {
        Clock::Same => now,
        Clock::Later(ms) => now.plus(ms),
        Clock::Earlier(ms) => now.plus(-ms),
        Clock::Edge(near) => {
            let changes = model.plans_with_pools().flat_map(|(plan, pools)| {
                let origin = plan.session.origin();
                let cancel = origin.plus(plan.rules.cancel_until.min(DAY));
                pools.iter().flat_map(edges).map(move |edge| origin.plus(edge)).chain([cancel])
            });
            let ends = model.bookings().iter().filter_map(|b| match b.state {
                crate::model::State::Held(until) => Some(until),
                _ => None,
            });
            let voids = model.tickets().iter().map(|ticket| ticket.expires);
            changes
                .chain(ends)
                .chain(voids)
                .filter(|edge| *edge > now.plus(1))
                .min()
                .map_or(now, |edge| edge.plus(near))
        }
    }
}

/// The command that a step means in the state that the model has reached; `None` if there is nothing it could mean.
///
/// `keyed` is every command so far that carried an idempotency key.
#[must_use]
pub fn resolve(
    action: Action,
    world: &World,
    model: &Model,
    keyed: &[Command],
    at: Instant,
) -> Option<Command> {
    let published = model.plans().count();
    let slot_ref = |session: usize, slot: u16| {
        // Now and then a session or slot that does not exist.
        let session = if session == 99 { published + 1 } else { session % published.max(1) };
        let slots = model.plans().nth(session).map_or(1, |plan| slots(plan).count());
        let slot = if slot > 1000 { slot } else { slot % u16::try_from(slots).unwrap_or(1) };
        SlotRef {
            session: u32::try_from(session).ok().and_then(SessionId::new).expect("few sessions"),
            slot: SlotIndex::new(slot).expect("below 1024"),
        }
    };
    let key = |key: Option<u8>| key.and_then(|key| IdempotencyKey::new(u128::from(key)));
    let wish = |raw: RawWish| {
        let (who, id) = (patient(raw.patient), raw.ticket.and_then(|id| TicketId::new(u128::from(id))));
        let is_shown = |t: &&Ticket| raw.by_ticket && t.patient == who && Some(t.id) == id;
        let shown = model.tickets().iter().find(is_shown);
        let fits = |ticket: &Ticket, session: &Session| {
            ticket.institution == session.institution
                && ticket.department.is_none_or(|department| department == session.department)
        };
        let fitting = shown.and_then(|ticket| {
            let fitting: Vec<usize> =
                (0..).zip(model.plans()).filter(|(_, p)| fits(ticket, &p.session)).map(|(i, _)| i).collect();
            fitting.get(raw.session % fitting.len().max(1)).copied()
        });
        Wish {
            patient: who,
            slot: slot_ref(fitting.unwrap_or(raw.session), raw.slot),
            class: shown.map_or(raw.class, |ticket| ticket.class),
            channel: raw.channel,
            ticket: id,
            key: key(raw.key),
        }
    };
    let settle = |raw: RawSettle| settle_of(raw, model.bookings(), key(raw.key));
    let day = |day: i32| Day(FIRST_DAY.0 + day);
    Some(match action {
        Action::Publish(which) => Command::Publish(Box::new(world.plans[which % world.plans.len()].clone())),
        Action::IssueTicket(who, id, class, (institution, department), life) => {
            Command::IssueTicket(Ticket {
                id: TicketId::new(u128::from(id))?,
                patient: patient(who),
                class,
                institution: InstitutionId::new(institution)?,
                department: department.and_then(DepartmentId::new),
                expires: at.plus(life),
            })
        }
        Action::Hold(raw) => Command::Hold(wish(raw)),
        Action::Book(raw) => Command::Book(wish(raw)),
        Action::Confirm(raw) => Command::Confirm(settle(raw)?),
        Action::Cancel(raw) => Command::Cancel(settle(raw)?),
        Action::Again(back) => keyed.iter().rev().nth(back)?.clone(),
        Action::Tick => Command::Tick,
        Action::Availability(session, slot, class, channel) => {
            Command::Availability(slot_ref(session, slot), class, channel)
        }
        Action::Search(
            class,
            channel,
            (from, to),
            (institution, department, practitioner, grade),
            order,
            most,
        ) => Command::Search(Query {
            class,
            channel,
            from: day(from.min(to)),
            to: day(from.max(to)),
            institution: institution.and_then(InstitutionId::new),
            department: department.and_then(DepartmentId::new),
            practitioner: practitioner.and_then(PractitionerId::new),
            grade,
            order,
            most,
        }),
        Action::Load(on, institution, department) => Command::Load(
            day(on),
            institution.and_then(InstitutionId::new),
            department.and_then(DepartmentId::new),
        ),
        Action::BookingsOf(who) => Command::BookingsOf(patient(who)),
        Action::Hospital(deed) => hospital(deed, slot_ref, wish, model, at)?,
    })
}

fn hospital(
    deed: Deed,
    slot_ref: impl Fn(usize, u16) -> SlotRef,
    wish: impl Fn(RawWish) -> Wish,
    model: &Model,
    at: Instant,
) -> Option<Command> {
    let bookings = model.bookings();
    Some(match deed {
        Deed::Resize(session, slot, seats, cap) => {
            let slot = slot_ref(session, slot);
            let known = check::all_slots(model).iter().any(|(known, _)| *known == slot);
            // A session that a crash took away leaves nothing to be like.
            let like = if known { slot } else { check::all_slots(model).first()?.0 };
            Command::Resize(slot, Box::new(resized(model.tree(like), seats, cap)))
        }
        Deed::Waiting(session, slot, on) => Command::SetWaiting(slot_ref(session, slot), on),
        Deed::Stopped(session, slot, on) => Command::SetStopped(slot_ref(session, slot), on),
        Deed::Offer(raw, life) => Command::Offer(wish(raw), at.plus(life)),
        Deed::HoldPast(raw) => Command::HoldPastWaitlist(wish(raw)),
        Deed::BookPast(raw) => Command::BookPastWaitlist(wish(raw)),
        Deed::Withdraw(raw) => Command::Withdraw(settle_of(raw, bookings, None)?.booking),
        Deed::Occupants(session, slot) => Command::Occupants(slot_ref(session, slot)),
        Deed::Suspend(who, life) => {
            let suspension = life.map(|life| match life {
                -1 => Suspension::Blocked,
                life => Suspension::Until(at.plus(life)),
            });
            Command::Suspend(patient(who), suspension)
        }
        Deed::Substitute(session, practitioner) => {
            Command::Substitute(slot_ref(session, 0).session, PractitionerId::new(practitioner)?)
        }
    })
}

/// The same pools with about `seats` usable, and another cap here and there; minima are lowered until they fit. Now and then
/// it is the tree of a block of another size.
fn resized(tree: &PoolTree, seats: u8, cap: Option<u8>) -> PoolTree {
    let capacity = 1 + seats % tree.seats();
    let mut pools = Pools { capacity: u32::from(capacity), ..Pools::from(tree) };
    if let Some(cap) = cap {
        let v = usize::from(cap) % pools.nodes.len();
        pools.nodes[v].cap = (cap % 3 > 0).then_some(cap / 4);
    }
    for v in (1..pools.nodes.len()).rev() {
        let cap = pools.upwards(v).into_iter().filter_map(|a| pools.nodes[a].cap).min().unwrap_or(u8::MAX);
        while pools.nodes[v].guarantee > cap
            || pools.nodes[v].guarantee > 0 && pools.minima() > pools.capacity
        {
            pools.nodes[v].guarantee -= 1;
            let most = pools.nodes[v].guarantee;
            for fence in &mut pools.nodes[v].fences {
                fence.seats = fence.seats.min(most);
            }
        }
    }
    if cap.is_some_and(|cap| cap % 8 == 7) {
        return PoolTree::new(capacity, pools.nodes, pools.routes).expect("minima fit");
    }
    tree.resized(capacity, pools.nodes).expect("only minima, fences and caps differ")
}

fn settle_of(raw: RawSettle, bookings: &[Booking], key: Option<IdempotencyKey>) -> Option<Settle> {
    let booking = bookings.iter().rev().nth(raw.back.min(bookings.len().checked_sub(1)?))?;
    let forged = || {
        let id = booking.id;
        BookingId::pack(
            BlockId::new(id.block().get() + u32::from(raw.back % 2 == 0)).expect("few blocks"),
            SeatIndex::new((id.seat().get() + 1) % (SeatIndex::MAX + 1)).expect("at most 62"),
            Sequence(id.sequence().0 + 1),
        )
    };
    Some(Settle {
        patient: match raw.whose {
            Whose::SomebodyElse => (0..=PATIENTS).map(patient).find(|other| *other != booking.patient)?,
            _ => booking.patient,
        },
        booking: if raw.whose == Whose::NoSuchBooking { forged() } else { booking.id },
        key,
    })
}

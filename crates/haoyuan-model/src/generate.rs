//! Worlds and workloads: what is published, and what is asked of it when.
//!
//! Everything is drawn from a [`Random`] number by number, so that a run can be had again from its seed; proptest draws the
//! seeds, and makes a failing workload smaller by leaving steps out. A workload names things by small numbers ("the third
//! booking before the last", "one millisecond before the next edge") and is [`resolve`]d against the model as it runs; so it
//! stays meaningful while it shrinks.
//!
//! Patients, seats, tickets and keys are few, so that requests collide; capacities go up to 63, trees to 16 nodes.

use crate::check;
use crate::model::{Booking, Model, Pools, slots};
use crate::random::Random;
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
use proptest::prelude::*;
use proptest::test_runner::Config;

/// A workload of a third of `most` to `most` steps, as [`any_workload`] has them.
#[must_use]
pub fn drawn_workload(most: usize, random: &mut Random) -> Vec<Step> {
    let steps = most / 3 + random.number::<usize>(most - most / 3 + 1);
    (0..steps).map(|_| Step::drawn(random)).collect()
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

impl RawNode {
    fn drawn(random: &mut Random) -> Self {
        Self {
            parent: random.byte(),
            extra: random.percent(25),
            guarantee: match random.below(6) {
                0..2 => 0,
                2..5 => random.number(6),
                _ => random.number(64),
            },
            fences: (0..random.below(3)).map(|_| (random.number(EDGES.len()), random.byte())).collect(),
            cap: random.percent(25).then(|| random.number(24)),
            window: (
                random.percent(15).then(|| random.number(EDGES.len())),
                random.percent(15).then(|| random.number(EDGES.len())),
            ),
        }
    }
}

impl RawRoute {
    fn drawn(random: &mut Random) -> Self {
        let channel = |random: &mut Random| random.number(Channel::ALL.len());
        Self {
            first: random.byte(),
            second: random.percent(30).then(|| random.byte()),
            channel: random.percent(30).then(|| (channel(random), random.byte())),
            closed: random.percent(10).then(|| channel(random)),
        }
    }
}

/// A pool tree of `capacity` seats with `pools` nodes beside the root.
fn drawn_tree(capacity: u8, pools: usize, random: &mut Random) -> PoolTree {
    let routes: Vec<RawRoute> = Class::ALL.iter().map(|_| RawRoute::drawn(random)).collect();
    let root_cap = random.percent(10).then(|| random.number(64));
    let nodes: Vec<RawNode> = (0..pools).map(|_| RawNode::drawn(random)).collect();
    tree(capacity, &nodes, &routes, root_cap)
}

/// Any pool tree of `capacity` seats with up to `most` nodes, the root included. It shrinks by losing nodes.
pub fn any_tree(capacity: u8, most: usize) -> impl Strategy<Value = PoolTree> {
    (any::<u64>().no_shrink(), 1..most.max(2))
        .prop_map(move |(seed, pools)| drawn_tree(capacity, pools, &mut Random::new(seed, 0)))
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
        let cap = pools.upwards(v).filter_map(|a| pools.nodes[a].cap).min().unwrap_or(u8::MAX);
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

/// Every offset at which something about `pools` changes by time alone, with the milliseconds around it, ascending.
#[must_use]
pub fn edges(pools: &Pools) -> Vec<i64> {
    let around = |edge| [edge - 1, edge, edge + 1];
    let mut edges: Vec<i64> = changes(pools).flat_map(around).chain([EDGES[0] - DAY, DAY]).collect();
    edges.sort_unstable();
    edges.dedup();
    edges
}

/// When pools open, close and release, in no order.
fn changes(pools: &Pools) -> impl Iterator<Item = i64> + '_ {
    pools
        .nodes
        .iter()
        .flat_map(|node| node.fences.iter().map(|fence| fence.from).chain([node.opens, node.closes]))
        .filter(|edge| (EDGES[0]..=EDGES[EDGES.len() - 1]).contains(edge))
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

fn drawn_limit(random: &mut Random) -> Limit {
    Limit {
        scope: *random.of(&[Scope::Practitioner, Scope::Department, Scope::Institution, Scope::Platform]),
        window: *random.of(&[
            Window::Days(1),
            Window::Days(3),
            Window::Week,
            Window::Month,
            Window::Quarter,
            Window::Year,
        ]),
        most: 1 + random.number::<u16>(3),
    }
}

fn drawn_rules(random: &mut Random) -> Rules {
    Rules {
        policy: "generated".to_owned(),
        hold_ms: std::array::from_fn(|_| *random.of(&[1_000, 60_000, 300_000, 900_000, 7_200_000])),
        holds_per_session: 1 + random.number::<u8>(2),
        holds_per_patient: 1 + random.number::<u8>(3),
        limits: (0..random.below(3)).map(|_| drawn_limit(random)).collect(),
        buffer_ms: *random.of(&[0, 600_000]),
        travel_ms: *random.of(&[0, 3_600_000]),
        cancel_until: *random.of(&[i64::MAX, 8 * HOUR, -12 * HOUR]),
        ticket_free: *random.of(&[0u8, 0b111_1110, 0b101_0100]),
        late_confirm: if random.percent(20) { LateConfirm::Retest } else { LateConfirm::Refuse },
    }
}

fn drawn_capacity(random: &mut Random) -> u8 {
    match random.below(9) {
        0..6 => 1 + random.number::<u8>(3),
        6..8 => 4 + random.number::<u8>(8),
        _ => 12 + random.number::<u8>(52),
    }
}

fn drawn_session(number: usize, random: &mut Random) -> Session {
    let capacity: Vec<u8> = if random.once_in(2) {
        (0..=random.below(3)).map(|_| drawn_capacity(random)).collect()
    } else {
        vec![drawn_capacity(random); 1 + random.number::<usize>(4)]
    };
    let day = if random.percent(67) { 0 } else { random.number::<i32>(6) };
    // The last crosses midnight.
    let from = Day(FIRST_DAY.0 + day).midnight().plus(*random.of(&[8 * HOUR, 9 * HOUR, 23 * HOUR]));
    let length = *random.of(&[30 * MINUTE, HOUR]);
    let slots = i64::try_from(capacity.len()).expect("a few");
    Session {
        code: format!("S{number}"),
        institution: InstitutionId::new(drawn_institution(random)).expect("small"),
        department: DepartmentId::new(1 + random.number::<u32>(2)).expect("small"),
        practitioner: PractitionerId::new(1 + random.number::<u32>(3)).expect("small"),
        grade: *random.of(&[Grade::Ordinary, Grade::Expert]),
        kind: Kind::Clinic,
        time: Interval { from, to: from.plus(length * slots) },
        slot_ms: u32::try_from(length).expect("an hour"),
        capacity,
    }
}

fn drawn_plan(number: usize, usual: &Rules, random: &mut Random) -> Plan {
    let session = drawn_session(number, random);
    let is_whole = random.once_in(2);
    let mut drawn_tree = |seats| {
        let pools = 1 + random.number::<usize>(15);
        drawn_tree(seats, pools, random)
    };
    let same = session.capacity.iter().all(|c| *c == session.capacity[0]);
    let blocks = match u8::try_from(session.seats()) {
        Ok(seats @ 1..=63) if is_whole && same => Blocks::WholeSession(drawn_tree(seats)),
        _ => Blocks::PerSlot(session.capacity.iter().map(|c| drawn_tree(*c)).collect()),
    };
    let rules = if random.percent(30) { drawn_rules(random) } else { usual.clone() };
    Plan { session, blocks, rules }
}

impl World {
    /// Any world of up to `most` sessions.
    #[must_use]
    pub fn drawn(most: usize, random: &mut Random) -> Self {
        Self::of(1 + random.number::<usize>(most), random)
    }

    /// So many sessions, most of them under the same rules, at two institutions over a few days.
    fn of(sessions: usize, random: &mut Random) -> Self {
        let usual = drawn_rules(random);
        Self { plans: (0..sessions).map(|number| drawn_plan(number, &usual, random)).collect() }
    }
}

/// Any world of up to `most` sessions. It shrinks by losing sessions.
pub fn any_world(most: usize) -> impl Strategy<Value = World> {
    (any::<u64>().no_shrink(), 1..=most)
        .prop_map(|(seed, sessions)| World::of(sessions, &mut Random::new(seed, 0)))
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
    /// Book a seat that the hospital gives.
    Assign(Wish),
    /// Two keys are one person's: the one that is given up, the one that stays.
    Merge(PatientKey, PatientKey),
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
            Self::Hold(wish) | Self::Book(wish) | Self::Assign(wish) => Some(wish.patient),
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
    /// Give a seat.
    Assign(RawWish),
    /// Two patients are one: who is given up, who stays.
    Merge(u8, u8),
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

impl Clock {
    fn drawn(random: &mut Random) -> Self {
        match random.below(20) {
            0..10 => Self::Same,
            10..14 => Self::Later(random.between(1, 90 * SECOND)),
            14..16 => Self::Later(random.between(MINUTE, 3 * HOUR)),
            16 => Self::Earlier(*random.of(&[1, MINUTE, 10 * MINUTE, DAY])),
            _ => Self::Edge(random.between(-1, 2)),
        }
    }
}

fn drawn_class(random: &mut Random) -> Class {
    if random.percent(40) { Class::Public } else { *random.of(Class::ALL) }
}

/// A class that is shown by a ticket.
fn drawn_privilege(random: &mut Random) -> Class {
    loop {
        let class = *random.of(Class::ALL);
        if class.needs_ticket() {
            return class;
        }
    }
}

fn drawn_channel(random: &mut Random) -> Channel {
    if random.once_in(3) { Channel::App } else { *random.of(Channel::ALL) }
}

fn drawn_patient(random: &mut Random) -> u8 {
    random.number(PATIENTS)
}

fn drawn_key(random: &mut Random) -> Option<u8> {
    random.percent(10).then(|| 1 + random.number::<u8>(5))
}

fn drawn_slot(random: &mut Random) -> (usize, u16) {
    (random.number(100), random.number(4))
}

fn drawn_institution(random: &mut Random) -> u16 {
    1 + random.number::<u16>(2)
}

fn drawn_department(random: &mut Random) -> Option<u32> {
    random.percent(40).then(|| 1 + random.number::<u32>(2))
}

fn drawn_day(random: &mut Random) -> i32 {
    random.number::<i32>(8) - 1
}

impl RawWish {
    fn drawn(random: &mut Random) -> Self {
        Self {
            patient: drawn_patient(random),
            session: random.number(100),
            slot: if random.once_in(9) { random.number(1024) } else { random.number(4) },
            class: drawn_class(random),
            channel: drawn_channel(random),
            ticket: random.percent(70).then(|| 1 + random.number::<u8>(3)),
            by_ticket: random.percent(60),
            key: drawn_key(random),
        }
    }
}

impl RawSettle {
    fn drawn(random: &mut Random) -> Self {
        Self {
            back: if random.once_in(4) { random.number(40) } else { random.number(3) },
            whose: match random.below(14) {
                0 => Whose::SomebodyElse,
                1 => Whose::NoSuchBooking,
                _ => Whose::Own,
            },
            key: drawn_key(random),
        }
    }
}

impl Deed {
    fn drawn(random: &mut Random) -> Self {
        match random.below(25) {
            0..3 => {
                let (session, slot) = drawn_slot(random);
                Self::Waiting(session, slot, random.percent(40))
            }
            3..5 => {
                let (session, slot) = drawn_slot(random);
                Self::Stopped(session, slot, random.percent(30))
            }
            5..8 => {
                let wish = RawWish::drawn(random);
                let life = match random.below(6) {
                    0..4 => random.between(1, 3 * HOUR),
                    4 => 900_000,
                    _ => random.between(-1, 1),
                };
                Self::Offer(wish, life)
            }
            8..10 => Self::HoldPast(RawWish::drawn(random)),
            10..12 => Self::BookPast(RawWish::drawn(random)),
            12..15 => Self::Withdraw(RawSettle::drawn(random)),
            15 => {
                let (session, slot) = drawn_slot(random);
                Self::Occupants(session, slot)
            }
            16..18 => {
                let who = drawn_patient(random);
                let life =
                    |random: &mut Random| if random.once_in(6) { -1 } else { random.between(0, 2 * DAY) };
                Self::Suspend(who, random.once_in(2).then(|| life(random)))
            }
            18 => Self::Substitute(random.number(100), 1 + random.number::<u32>(3)),
            19..21 => Self::Assign(RawWish::drawn(random)),
            21 => Self::Merge(drawn_patient(random), drawn_patient(random)),
            _ => {
                let (session, slot) = drawn_slot(random);
                Self::Resize(session, slot, random.byte(), random.percent(30).then(|| random.byte()))
            }
        }
    }
}

impl Action {
    fn drawn(random: &mut Random) -> Self {
        match random.below(55) {
            0 => Self::Publish(random.number(8)),
            1..7 => Self::IssueTicket(
                drawn_patient(random),
                1 + random.number::<u8>(3),
                if random.once_in(6) { drawn_class(random) } else { drawn_privilege(random) },
                (drawn_institution(random), drawn_department(random)),
                if random.once_in(3) { random.between(0, 4 * HOUR) } else { 20 * DAY },
            ),
            7..19 => Self::Hold(RawWish::drawn(random)),
            19..27 => Self::Book(RawWish::drawn(random)),
            27..32 => Self::Confirm(RawSettle::drawn(random)),
            32..37 => Self::Cancel(RawSettle::drawn(random)),
            37 => Self::Again(random.number(3)),
            38 => Self::Tick,
            39..43 => Self::Availability(
                random.number(100),
                random.number(5),
                drawn_class(random),
                drawn_channel(random),
            ),
            43..45 => Self::Search(
                drawn_class(random),
                drawn_channel(random),
                (drawn_day(random), drawn_day(random)),
                (
                    random.once_in(2).then(|| drawn_institution(random)),
                    drawn_department(random),
                    random.percent(20).then(|| 1 + random.number::<u32>(3)),
                    random.percent(30).then(|| *random.of(Grade::ALL)),
                ),
                if random.once_in(2) { Order::LeastLoaded } else { Order::Earliest },
                if random.once_in(2) { 100 } else { random.number(4) },
            ),
            45 => Self::Load(
                drawn_day(random),
                random.once_in(2).then(|| drawn_institution(random)),
                drawn_department(random),
            ),
            46 => Self::BookingsOf(drawn_patient(random)),
            _ => Self::Hospital(Deed::drawn(random)),
        }
    }
}

impl Step {
    /// Any step.
    #[must_use]
    pub fn drawn(random: &mut Random) -> Self {
        Self { clock: Clock::drawn(random), action: Action::drawn(random) }
    }
}

/// Any workload of a third of `most` to `most` steps. It shrinks by losing steps; what a step is follows from a number.
pub fn any_workload(most: usize) -> impl Strategy<Value = Vec<Step>> {
    let any_step = any::<u64>().no_shrink().prop_map(|seed| Step::drawn(&mut Random::new(seed, 0)));
    vec(any_step, most / 3..=most)
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
                // Of an edge and the milliseconds around it, the first that comes after the next one.
                let next = now.ms() + 2 - origin.ms();
                let near = move |edge: i64| (edge + 1 >= next).then(|| origin.plus((edge - 1).max(next)));
                let changes = pools.iter().flat_map(changes).filter_map(near);
                changes.chain([origin.plus(EDGES[0] - DAY), origin.plus(DAY), cancel])
            });
            let ends = model.open().filter_map(|b| match b.state {
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
        Deed::Assign(raw) => Command::Assign(wish(raw)),
        Deed::Merge(given_up, stays) => Command::Merge(patient(given_up), patient(stays)),
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
        let cap = pools.upwards(v).filter_map(|a| pools.nodes[a].cap).min().unwrap_or(u8::MAX);
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

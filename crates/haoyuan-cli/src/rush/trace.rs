//! The trace: every command of the morning, drawn before anything is timed.
//!
//! INVARIANT (same seed, same trace): the trace depends on the plans, the scenario, the number of requests and the seed,
//! and on nothing else; not on the threads that will run it and not on what the engine will answer. What depends on an
//! answer (to pay for the seat that was granted) refers to the command that asked for it.
//!
//! Phases follow each other in time, and nothing of a later one begins before everything of an earlier one is answered.
//! Within a phase commands are in the order of their simulated time.

use crate::rush::random::{Random, Shares, Zipf};
use crate::rush::scenario::Requests;
use haoyuan_core::ids::{IdempotencyKey, InstitutionId, PatientKey, SlotIndex, TicketId};
use haoyuan_core::instant::{DAY, HOUR, Instant, MINUTE, SECOND};
use haoyuan_core::plan::{Blocks, Plan};
use haoyuan_core::pool::PoolTree;
use haoyuan_core::request::Ticket;
use haoyuan_core::terms::{Channel, Class, Grade, Tier};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// How a seat is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Deed {
    /// To be paid later.
    Hold,
    /// At once: at the window, the kiosk or the doctor's station.
    Book,
}

macro_rules! phases {
    ($($(#[$doc:meta])* $name:ident $text:literal $key:literal;)+) => {
        /// A part of the morning.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Phase { $($(#[$doc])* $name),+ }

        impl Phase {
            /// All, in order.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The word in JSON.
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// Its name, from the catalogue.
            pub(crate) const fn entry(self) -> &'static crate::lang::Entry {
                match self { $(Self::$name => const { crate::lang::entry($key) }),+ }
            }
        }
    };
}

phases! {
    /// The release: everybody at once.
    Rush "rush" "phase.rush";
    /// Holds are paid, given up or forgotten.
    Payment "payment" "phase.payment";
    /// Unpaid holds have run out; others take the seats.
    Expiry "expiry" "phase.expiry";
    /// Some cancel, and others are quick.
    Cancellations "cancellations" "phase.cancellations";
    /// The last millisecond before each fence, and the fence.
    Fence "fence" "phase.fence";
    /// What is left goes to whoever asks.
    SecondWave "second_wave" "phase.second_wave";
}

/// A command, small: keys and tickets are worked out when it is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The simulated time.
    pub(crate) at: Instant,
    /// Who.
    pub(crate) patient: u32,
    /// What.
    pub(crate) what: What,
}

/// What a command wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    /// A seat.
    Seat {
        /// To hold or to book.
        deed: Deed,
        /// By what right.
        class: Class,
        /// Through which channel.
        channel: Channel,
        /// Which slot of the plan.
        slot: SlotIndex,
        /// The number of the plan.
        plan: u32,
        /// The ticket shown, 0 if none.
        ticket: u32,
        /// The idempotency key, 0 if none.
        key: u32,
    },
    /// To confirm what this earlier command was granted.
    Confirm(u32),
    /// To give back what this earlier command was granted.
    Cancel(u32),
}

/// All commands of all phases.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trace {
    /// The commands, numbered over all phases.
    pub(crate) steps: Vec<Step>,
    /// The end of each phase, as a number of commands.
    pub(crate) ends: [usize; Phase::ALL.len()],
    /// The tickets that were issued before.
    pub(crate) tickets: Vec<Ticket>,
    /// When the tickets were issued.
    pub(crate) issued: Instant,
    /// The instant of the rush: the latest public release of the roster.
    pub(crate) release: Instant,
    /// How many patients there are.
    pub(crate) patients: u32,
}

impl Trace {
    /// The commands of a phase, with the number of the first.
    pub(crate) fn phase(&self, phase: Phase) -> (usize, &[Step]) {
        let number = phase as usize;
        let from = if number == 0 { 0 } else { self.ends[number - 1] };
        (from, &self.steps[from..self.ends[number]])
    }
}

/// The key of a patient: what a host's keyed hash would look like.
pub(crate) fn patient_key(patient: u32) -> PatientKey {
    let high = mix(u64::from(patient));
    let low = high.wrapping_mul(0xd134_2543_de82_ef95) | 1;
    PatientKey::new(u128::from(high) << 64 | u128::from(low))
        .unwrap_or_else(|| unreachable!("the last bit is set"))
}

/// The number of a ticket as the engine knows it.
pub(crate) fn ticket_id(ticket: u32) -> Option<TicketId> {
    TicketId::new(u128::from(ticket))
}

/// An idempotency key as the engine knows it.
pub(crate) fn idempotency_key(key: u32) -> Option<IdempotencyKey> {
    IdempotencyKey::new(u128::from(key))
}

/// The finalizer of splitmix64: one to one, so different patients have different keys.
const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

/// What the trace is drawn from.
pub(crate) struct Source<'a> {
    /// The published plans.
    pub(crate) plans: &'a [Plan],
    /// The tier of each plan's institution.
    pub(crate) tiers: &'a [Tier],
    /// What people do.
    pub(crate) requests: &'a Requests,
    /// Shares of the classes by tier.
    pub(crate) classes: &'a BTreeMap<Tier, BTreeMap<Class, u32>>,
    /// Shares of the channels by class.
    pub(crate) channels: &'a BTreeMap<Class, BTreeMap<Channel, u32>>,
}

/// The tree that decides about a slot.
pub(crate) fn tree(plan: &Plan, slot: usize) -> &PoolTree {
    match &plan.blocks {
        Blocks::PerSlot(trees) => &trees[slot],
        Blocks::WholeSession(tree) => tree,
    }
}

/// From when to when a class may book a plan through a channel: the nodes of the route, and all that contain them, are
/// open. `None` if it is not admitted.
pub(crate) fn window(plan: &Plan, class: Class, channel: Channel) -> Option<(Instant, Instant)> {
    let tree = tree(plan, 0);
    let nodes = tree.nodes();
    let of_node = |node: usize| {
        let mut at = node;
        let (mut opens, mut closes) = (nodes[at].opens, nodes[at].closes);
        while at != 0 {
            at = nodes[at].parent.index();
            opens = opens.max(nodes[at].opens);
            closes = closes.min(nodes[at].closes);
        }
        (opens, closes)
    };
    let route = tree.routes().get(class, channel);
    let windows = || route.nodes().iter().map(|node| of_node(node.index()));
    let opens = windows().map(|(opens, _)| opens).min()?;
    let closes = windows().map(|(_, closes)| closes).max()?;
    let instant = |offset: i64| Instant::saturating(plan.session.origin().ms().saturating_add(offset));
    Some((instant(opens), instant(closes)))
}

/// When the public may first book a plan.
pub(crate) fn opens(plan: &Plan) -> Option<Instant> {
    window(plan, Class::Public, Channel::App).map(|(opens, _)| opens)
}

/// The instants at which a reserve of a plan falls.
fn fences(plan: &Plan) -> BTreeSet<Instant> {
    let trees = match &plan.blocks {
        Blocks::PerSlot(trees) => trees.as_slice(),
        Blocks::WholeSession(tree) => std::slice::from_ref(tree),
    };
    let mut instants = BTreeSet::new();
    for node in trees.iter().flat_map(PoolTree::nodes) {
        let mut seats = node.guarantee;
        for fence in &node.fences {
            if fence.seats < seats {
                instants.insert(plan.session.origin().plus(fence.from));
            }
            seats = fence.seats;
        }
    }
    instants
}

/// Holds up to this long are paid or forgotten on the same morning.
const SHORT_HOLD: i64 = 30 * MINUTE;

/// The most tickets of one patient.
const POCKET: u8 = 4;

/// Draws the trace.
pub(crate) fn draw(source: &Source<'_>, count: u32, seed: u64) -> Trace {
    Drawing::new(source, seed).draw(count)
}

struct Drawing<'a> {
    source: &'a Source<'a>,
    random: Random,
    release: Instant,
    /// When the public can no longer book each plan.
    closes: Vec<Instant>,
    /// Practitioners who have sessions on the day that opens, and all; most wanted first, each with plans.
    new_day: Crowd,
    all_days: Crowd,
    classes: BTreeMap<Tier, (Vec<Class>, Shares)>,
    channels: BTreeMap<Class, (Vec<Channel>, Shares)>,
    /// The patients of each class: first and how many.
    people: BTreeMap<Class, (u32, u32)>,
    tickets: Vec<Ticket>,
    /// The tickets of each patient: how many, and the last one.
    pockets: HashMap<u32, (u8, u32)>,
    keys: u32,
}

/// Practitioners and their plans.
struct Crowd {
    zipf: Zipf,
    plans: Vec<Vec<u32>>,
}

impl Drawing<'_> {
    fn new<'a>(source: &'a Source<'a>, seed: u64) -> Drawing<'a> {
        let mut random = Random::new(seed);
        let release = source.plans.iter().filter_map(opens).max().unwrap_or_default();
        let is_new = |plan: &Plan| opens(plan) == Some(release);
        let exponent = source.requests.zipf;
        let never = (Instant::MIN, Instant::MIN);
        let closes = source
            .plans
            .iter()
            .map(|plan| {
                window(plan, Class::Public, Channel::App).unwrap_or(never).1.min(plan.session.time.to)
            })
            .collect();
        let new_day = Crowd::gather(source.plans, exponent, &mut random, is_new);
        let all_days = Crowd::gather(source.plans, exponent, &mut random, |_| true);
        let classes = source
            .classes
            .iter()
            .map(|(tier, shares)| {
                (*tier, (shares.keys().copied().collect(), Shares::new(shares.values().copied())))
            })
            .collect();
        let channels = source
            .channels
            .iter()
            .map(|(class, shares)| {
                (*class, (shares.keys().copied().collect(), Shares::new(shares.values().copied())))
            })
            .collect();
        let people = share_out(source);
        let (tickets, pockets) = (Vec::new(), HashMap::new());
        Drawing {
            source,
            random,
            release,
            closes,
            new_day,
            all_days,
            classes,
            channels,
            people,
            tickets,
            pockets,
            keys: 0,
        }
    }

    fn draw(mut self, count: u32) -> Trace {
        let requests = self.source.requests;
        let shares = requests.phases;
        let parts = [shares.rush, shares.expiry, shares.cancellations, shares.fence, shares.second_wave];
        let sum: u64 = parts.iter().map(|part| u64::from(*part)).sum();
        // Rounded down, and the rest belongs to the rush.
        #[expect(clippy::cast_possible_truncation, reason = "a part of a 32-bit count")]
        let [_, expiry, cancellations, fence, second] =
            parts.map(|part| (u64::from(count) * u64::from(part) / sum) as u32);
        let rush = count - expiry - cancellations - fence - second;

        let mut trace = Trace {
            steps: Vec::with_capacity(count as usize * 2),
            ends: [0; Phase::ALL.len()],
            tickets: Vec::new(),
            issued: self.release.plus(-7 * DAY),
            release: self.release,
            patients: requests.patients,
        };
        let window = i64::from(requests.rush_seconds) * SECOND;
        let mut phase = Phase::ALL.iter();
        let mut close = |trace: &mut Trace, mut steps: Vec<Step>| {
            steps.sort_by_key(|step| step.at);
            trace.steps.append(&mut steps);
            if let Some(phase) = phase.next() {
                trace.ends[*phase as usize] = trace.steps.len();
            }
        };

        let steps = self.rush(rush, window);
        close(&mut trace, steps);

        let (from, rushed) = trace.phase(Phase::Rush);
        let (steps, bookings) = self.payments(from, rushed);
        close(&mut trace, steps);

        let start = self.release.plus(window + SHORT_HOLD);
        let steps = self.spread(expiry, start, 15 * MINUTE);
        close(&mut trace, steps);

        let start = start.plus(15 * MINUTE);
        let steps = self.cancellations(&trace, &bookings, cancellations, start, 30 * MINUTE);
        close(&mut trace, steps);

        let start = start.plus(30 * MINUTE);
        let (steps, last) = self.fences(fence, start);
        close(&mut trace, steps);

        let steps = self.second_wave(second, start.max(last.plus(HOUR)));
        close(&mut trace, steps);
        trace.tickets = self.tickets;
        trace
    }

    fn one_in(&mut self, basis_points: u32) -> bool {
        self.random.below(10_000) < basis_points
    }

    /// Early slots are wanted more than late ones: the earlier of two draws.
    fn slot(&mut self, plan: u32) -> SlotIndex {
        let slots = u32::try_from(self.source.plans[plan as usize].session.capacity.len()).unwrap_or(1);
        let drawn = self.random.below(slots).min(self.random.below(slots));
        u16::try_from(drawn).ok().and_then(SlotIndex::new).unwrap_or_default()
    }

    fn plan(&mut self, new_day: bool) -> u32 {
        let crowd = if new_day && !self.new_day.plans.is_empty() { &self.new_day } else { &self.all_days };
        let plans = &crowd.plans[crowd.zipf.draw(&mut self.random)];
        plans[self.random.below(u32::try_from(plans.len()).unwrap_or(1)) as usize]
    }

    fn seat(&mut self, at: Instant, plan: u32) -> Step {
        let tier = self.source.tiers[plan as usize];
        let class = match self.classes.get(&tier) {
            Some((classes, shares)) => classes[shares.draw(&mut self.random)],
            None => Class::Public,
        };
        let (first, many) = self.people.get(&class).copied().unwrap_or((0, self.source.requests.patients));
        let patient = first + self.random.below(many);
        self.seat_for(at, plan, class, patient)
    }

    fn seat_for(&mut self, at: Instant, plan: u32, class: Class, patient: u32) -> Step {
        let channel = match self.channels.get(&class) {
            Some((channels, shares)) => channels[shares.draw(&mut self.random)],
            None => Channel::App,
        };
        let deed = match channel {
            Channel::Window | Channel::Kiosk | Channel::Station => Deed::Book,
            _ => Deed::Hold,
        };
        let slot = self.slot(plan);
        let ticket = self.ticket(plan, class, patient);
        let key = if self.one_in(self.source.requests.keyed) {
            self.keys += 1;
            self.keys
        } else {
            0
        };
        Step { at, patient, what: What::Seat { deed, class, channel, slot, plan, ticket, key } }
    }

    fn ticket(&mut self, plan: u32, class: Class, patient: u32) -> u32 {
        let plan = &self.source.plans[plan as usize];
        if !class.needs_ticket() || plan.rules.ticket_free >> class.number() & 1 == 1 {
            return 0;
        }
        let fault = if self.one_in(self.source.requests.bad_ticket) { 1 + self.random.below(4) } else { 0 };
        if fault == 1 {
            return 0;
        }
        let number = u32::try_from(self.tickets.len() + 1).unwrap_or(u32::MAX);
        let pocket = self.pockets.entry(patient).or_default();
        if pocket.0 >= POCKET {
            // Nobody is referred without end: the last slip is shown again, whatever it is for.
            return pocket.1;
        }
        *pocket = (pocket.0 + 1, number);
        let other = |institution: InstitutionId| {
            InstitutionId::new(institution.get().wrapping_add(1)).unwrap_or_default()
        };
        let institution = plan.session.institution;
        let ticket = Ticket {
            id: ticket_id(number).unwrap_or_else(|| unreachable!("ticket numbers begin at 1")),
            // 2: somebody else's, 3: for another institution, 4: run out.
            patient: patient_key(if fault == 2 { patient ^ 1 } else { patient }),
            class,
            institution: if fault == 3 { other(institution) } else { institution },
            department: (self.random.below(2) == 0).then_some(plan.session.department),
            expires: if fault == 4 { self.release.plus(-DAY) } else { plan.session.time.to.plus(DAY) },
        };
        self.tickets.push(ticket);
        number
    }

    fn rush(&mut self, count: u32, window: i64) -> Vec<Step> {
        let requests = self.source.requests;
        let mut steps: Vec<Step> = Vec::with_capacity(count as usize);
        while steps.len() < count as usize {
            // A product of two uniform draws: most come in the first second, some in the last.
            let share = u64::from(self.random.below(1 << 16)) * u64::from(self.random.below(1 << 16));
            let delay =
                i64::try_from((u128::from(share) * u128::from(window.unsigned_abs())) >> 32).unwrap_or(0);
            let at =
                if self.one_in(requests.early) { self.release.plus(-1) } else { self.release.plus(delay) };
            let new_day = self.one_in(requests.new_day);
            let plan = self.plan(new_day);
            let step = self.seat(at, plan);
            steps.push(step);
            self.repeat(step, new_day, &mut steps);
        }
        steps.truncate(count as usize);
        steps
    }

    /// What impatient people and careful programs send after a request.
    fn repeat(&mut self, step: Step, new_day: bool, steps: &mut Vec<Step>) {
        let What::Seat { key, class, .. } = step.what else { return };
        if key != 0 && self.one_in(self.source.requests.retried) {
            // The same command under the same key: the answer was lost.
            let later = 20 + i64::from(self.random.below(2_000));
            steps.push(Step { at: step.at.plus(later), ..step });
        }
        if self.one_in(self.source.requests.duplicate) {
            // The same patient once more in the same instant: a double click, or two phones.
            let double = match step.what {
                What::Seat { deed, class, channel, slot, plan, ticket, .. } if self.random.below(2) == 0 => {
                    Step { what: What::Seat { deed, class, channel, slot, plan, ticket, key: 0 }, ..step }
                }
                _ => {
                    let plan = self.plan(new_day);
                    self.seat_for(step.at, plan, class, step.patient)
                }
            };
            steps.push(double);
        }
    }

    /// For each hold of the rush: paid in time, at the edge, given up or forgotten. Returns the commands, and the commands
    /// of the rush that may have become bookings.
    fn payments(&mut self, first: usize, rushed: &[Step]) -> (Vec<Step>, Vec<u32>) {
        let requests = self.source.requests;
        let mut steps = Vec::with_capacity(rushed.len());
        let mut bookings = Vec::new();
        for (step, number) in rushed.iter().zip(first..) {
            let What::Seat { deed, channel, plan, .. } = step.what else { continue };
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            if deed == Deed::Book {
                bookings.push(number);
                continue;
            }
            let length = i64::from(self.source.plans[plan as usize].rules.hold_ms[channel as usize]);
            let soon = length.min(SHORT_HOLD / 2);
            let later = i64::from(self.random.below(u32::try_from(soon).unwrap_or(1)));
            let draw = self.random.below(10_000);
            let (delay, what) = if draw < requests.paid {
                bookings.push(number);
                let edge = if length <= SHORT_HOLD { self.random.below(10_000) } else { 10_000 };
                let delay = match edge {
                    edge if edge < requests.paid_at_the_edge => length - 1,
                    edge if edge < 2 * requests.paid_at_the_edge => length,
                    _ => later,
                };
                (delay, What::Confirm(number))
            } else if draw < requests.paid + requests.given_up {
                (later, What::Cancel(number))
            } else {
                continue;
            };
            // Nobody pays before the rush is over: the phases do not mix.
            let at = step.at.plus(delay).max(rushed.last().map_or(step.at, |last| last.at));
            steps.push(Step { at, patient: step.patient, what });
            if self.random.below(200) == 0 {
                steps.push(Step { at: at.plus(1), patient: step.patient, what });
            }
        }
        (steps, bookings)
    }

    /// Requests at random times of an interval, for any day.
    fn spread(&mut self, count: u32, from: Instant, length: i64) -> Vec<Step> {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let new_day = self.source.requests.new_day;
        let mut steps = Vec::with_capacity(count as usize);
        while steps.len() < count as usize {
            let at = from.plus(i64::from(self.random.below(length)));
            let new_day = self.one_in(new_day);
            let plan = self.plan_to_come(new_day, at);
            let step = self.seat(at, plan);
            steps.push(step);
            self.repeat(step, new_day, &mut steps);
        }
        steps.truncate(count as usize);
        steps
    }

    /// A session that can still be booked, as far as a few draws can tell; now and then somebody comes too late.
    fn plan_to_come(&mut self, new_day: bool, at: Instant) -> u32 {
        let mut plan = self.plan(new_day);
        for _ in 0..if self.random.below(50) == 0 { 0 } else { 12 } {
            if self.closes[plan as usize] > at {
                break;
            }
            plan = self.plan(true);
        }
        plan
    }

    fn cancellations(
        &mut self,
        trace: &Trace,
        bookings: &[u32],
        count: u32,
        from: Instant,
        length: i64,
    ) -> Vec<Step> {
        let length = u32::try_from(length).unwrap_or(u32::MAX);
        let mut steps = Vec::new();
        let mut wanted = Vec::new();
        for number in bookings {
            if !self.one_in(self.source.requests.cancelled) {
                continue;
            }
            let first = trace.steps[*number as usize];
            let at = from.plus(i64::from(self.random.below(length)));
            // One in fifty tries to cancel what is somebody else's.
            let patient = if self.random.below(50) == 0 { first.patient ^ 1 } else { first.patient };
            steps.push(Step { at, patient, what: What::Cancel(*number) });
            if let What::Seat { plan, slot, .. } = first.what {
                wanted.push((at, plan, slot));
            }
        }
        // Half of the others watch for exactly these seats, the rest asks as before.
        for _ in 0..count {
            let watching = !wanted.is_empty() && self.random.below(2) == 0;
            let step = if watching {
                let place = self.random.below(u32::try_from(wanted.len()).unwrap_or(u32::MAX));
                let (at, plan, slot) = wanted[place as usize];
                let at = at.plus(i64::from(self.random.below(60_000)));
                let mut step = self.seat(at, plan);
                if let What::Seat { slot: own, .. } = &mut step.what {
                    *own = slot;
                }
                step
            } else {
                let at = from.plus(i64::from(self.random.below(length)));
                let plan = self.plan(true);
                self.seat(at, plan)
            };
            steps.push(step);
        }
        steps
    }

    /// The last millisecond of each reserve, and its fence: the same people ask before and after.
    fn fences(&mut self, count: u32, from: Instant) -> (Vec<Step>, Instant) {
        let mut places: Vec<(Instant, u32)> = Vec::new();
        for (plan, number) in self.source.plans.iter().zip(0..) {
            places.extend(fences(plan).into_iter().filter(|at| *at > from).map(|at| (at, number)));
        }
        let last = places.iter().map(|place| place.0).max().unwrap_or(from);
        let mut steps = Vec::with_capacity(count as usize);
        for number in 0..if places.is_empty() { 0 } else { count } {
            let place = u64::from(number / 2) * 2 * places.len() as u64 / u64::from(count);
            let (at, plan) = places[usize::try_from(place).unwrap_or(0).min(places.len() - 1)];
            let step = self.seat(if number % 2 == 0 { at.plus(-1) } else { at }, plan);
            steps.push(step);
        }
        (steps, last)
    }

    fn second_wave(&mut self, count: u32, from: Instant) -> Vec<Step> {
        let end = self.closes.iter().copied().max().unwrap_or(from);
        // A little beyond the end, so that closing is seen too; at least an hour where the roster is already past.
        let length = (end.ms() - from.ms() + 5 * MINUTE).max(HOUR);
        self.spread(count, from, length.min(i64::from(u32::MAX)))
    }
}

impl Crowd {
    /// The practitioners of the plans that are meant, most wanted first: experts before others, otherwise by lot.
    fn gather(plans: &[Plan], exponent: f64, random: &mut Random, is_meant: impl Fn(&Plan) -> bool) -> Self {
        let mut by_practitioner: BTreeMap<u32, (bool, Vec<u32>)> = BTreeMap::new();
        for (plan, number) in plans.iter().zip(0..).filter(|(plan, _)| is_meant(plan)) {
            let entry = by_practitioner.entry(plan.session.practitioner.get()).or_default();
            entry.0 |= plan.session.grade != Grade::Ordinary;
            entry.1.push(number);
        }
        let mut order: Vec<(bool, u64, Vec<u32>)> =
            by_practitioner.into_values().map(|(expert, plans)| (!expert, random.next(), plans)).collect();
        // An expert is twice as far ahead as chance would put them, and still not always ahead.
        order.sort_by_key(|(ordinary, lot, _)| if *ordinary { *lot } else { lot / 3 });
        let plans: Vec<Vec<u32>> = order.into_iter().map(|(_, _, plans)| plans).collect();
        Self { zipf: Zipf::new(plans.len(), exponent), plans }
    }
}

/// Which patients ask by which right: consecutive numbers, in proportion to the shares of the classes.
fn share_out(source: &Source<'_>) -> BTreeMap<Class, (u32, u32)> {
    let mut shares: BTreeMap<Class, u64> = BTreeMap::new();
    for tier in source.tiers {
        for (class, share) in source.classes.get(tier).into_iter().flatten() {
            *shares.entry(*class).or_default() += u64::from(*share);
        }
    }
    let sum: u64 = shares.values().sum::<u64>().max(1);
    let mut first = 0;
    shares
        .into_iter()
        .map(|(class, share)| {
            let patients = u64::from(source.requests.patients);
            let many = u32::try_from(patients * share / sum).unwrap_or(u32::MAX).max(1);
            let range = (first, many);
            first += many;
            (class, range)
        })
        .collect()
}

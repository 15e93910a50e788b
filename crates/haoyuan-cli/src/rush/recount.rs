//! The independent recount: what the answers alone say about the rules.
//!
//! It never asks the engine. It takes the published plans, every command and the answer it got, puts the transitions of
//! each block in the order of their sequence numbers, and walks them with a fold of its own: recursive, over the plan's
//! nodes, sharing no code with the decision.
//!
//! INVARIANT (no false alarm): commands of several threads carry simulated times that need not rise in the order in
//! which they were decided. Where the answers leave open whether a hold was still live (it had run out for *some*
//! command that came before or at the same time), it is counted neither as live nor as wrong. The fold is monotone: fewer
//! live seats never forbid what more allow, so an unclear hold can hide a breach but never invent one.
//!
//! INVARIANT (no blind spot by construction): each check is shown to fail on a forged history, in the tests below.

use crate::rush::trace::Deed;
use haoyuan_core::ids::{BlockId, BookingId, IdempotencyKey, Interval, NodeIndex, PatientKey, SessionId, SlotRef, TicketId};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::plan::{Blocks, Plan};
use haoyuan_core::pool::{Node, PoolTree, Protection};
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Grant, Settle, Settled, Standing, Wish};
use haoyuan_core::rules::{LateConfirm, Limit, Scope, Window};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A command as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Asked {
    /// A seat: to hold, or to book at once.
    Seat(Deed, Wish),
    /// To confirm a hold.
    Confirm(Settle),
    /// To give a seat back.
    Cancel(Settle),
}

/// What the engine answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// A seat.
    Granted(Grant),
    /// Confirmed or given back.
    Settled(Settled),
    /// No.
    Refused(Refusal),
    /// The command was not given, because what it refers to was never granted.
    Skipped,
}

/// One command and its answer. Commands of different phases did not run at the same time; within a phase they may have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Told {
    /// The phase.
    pub(crate) phase: u8,
    /// The simulated time of the command.
    pub(crate) at: Instant,
    /// The command.
    pub(crate) asked: Asked,
    /// The answer.
    pub(crate) answer: Answer,
}

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident $text:literal $key:literal;)+) => {
        /// What is recounted. Each is a number of violations; all are expected to be 0.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub(crate) enum Check { $($(#[$doc])* $name),+ }

        impl Check {
            /// Every check, in the order of the report.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The key in JSON.
            pub(crate) const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// What it means, from the catalogue.
            pub(crate) const fn entry(self) -> &'static crate::lang::Entry {
                match self { $(Self::$name => const { crate::lang::entry($key) }),+ }
            }
        }
    };
}

checks! {
    /// A seat with two owners at once, a seat that does not exist, or more live seats than a slot has.
    Oversold "oversold" "check.oversold";
    /// A grant that took a seat which a reserve protected at that instant.
    ReserveBreach "reserve_breaches" "check.reserve_breaches";
    /// A grant over the cap of a pool.
    CapBreach "cap_breaches" "check.cap_breaches";
    /// A grant before its pool opened.
    EarlyGrant "early_grants" "check.early_grants";
    /// A grant after its pool closed.
    LateGrant "late_grants" "check.late_grants";
    /// Live bookings of one patient that overlap or exceed a limit.
    DoubleBooking "double_bookings" "check.double_bookings";
    /// A transition that is missing in a block's history and that no expired hold explains, or one that is there twice.
    SequenceGap "sequence_gaps" "check.sequence_gaps";
    /// A hold confirmed at or after its end, or after it was given back.
    DeadConfirm "dead_confirms" "check.dead_confirms";
    /// A repeated command under one idempotency key that got a different answer.
    ReplayDiffers "replays_differ" "check.replays_differ";
    /// A ticket used by two live bookings.
    TicketReuse "ticket_reuse" "check.ticket_reuse";
    /// A grant that does not fit the plan: another slot, a wrong number or time, a pool its class is not routed to.
    Misplaced "misplaced" "check.misplaced";
}

/// One violation, for the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    /// Which check.
    pub(crate) check: Check,
    /// The booking at which it was seen; `None` for a transition that is missing altogether.
    pub(crate) booking: Option<BookingId>,
    /// The block and sequence at which it was seen.
    pub(crate) place: (BlockId, u32),
}

/// A seat that is live when everything is over.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LiveSeat {
    /// The slot.
    pub(crate) slot: SlotRef,
    /// The command that took it.
    pub(crate) wish: Wish,
}

/// The outcome.
#[derive(Debug, Default)]
pub(crate) struct Recount {
    /// Grants that were recounted, repeated answers not counted again.
    pub(crate) grants: u64,
    /// Violations found.
    pub(crate) violations: Vec<Violation>,
    /// Seats that are live at the end, by the answers.
    pub(crate) live: Vec<LiveSeat>,
}

impl Recount {
    /// How often a check was violated.
    pub(crate) fn count(&self, check: Check) -> usize {
        self.violations.iter().filter(|v| v.check == check).count()
    }
}

/// A granted seat and what became of it.
#[derive(Clone, Copy, Debug)]
struct Seat {
    wish: Wish,
    grant: Grant,
    at: Instant,
    phase: u8,
    /// Until when it is held; `None` once booked.
    until: Option<Instant>,
    confirmed: Option<Event>,
    cancelled: Option<Event>,
    /// Confirmed after its end, which some policies allow: dead between the two.
    retested: bool,
}

/// A settling transition of a seat.
#[derive(Clone, Copy, Debug)]
struct Event {
    sequence: u32,
    at: Instant,
    phase: u8,
}

impl Seat {
    const fn block(&self) -> BlockId {
        self.grant.booking.block()
    }

    const fn sequence(&self) -> u32 {
        self.grant.booking.sequence().0
    }

    /// Whether the seat is live for certain when nothing later than `reach` has looked at it. A hold that was confirmed
    /// in time must have been live until then; `settled` tells whether its confirmation has already happened.
    fn survives(&self, reach: Instant, settled: impl FnOnce(Event) -> bool) -> bool {
        self.until.is_none_or(|until| until > reach)
            || self.confirmed.is_some_and(|confirm| !self.retested || settled(confirm))
    }
}

/// The published sessions by their number.
pub(crate) type Plans<'a> = HashMap<SessionId, &'a Plan>;

/// Recounts everything.
pub(crate) fn recount(plans: &Plans<'_>, told: impl Iterator<Item = Told>) -> Recount {
    let mut recounter = Recounter::new(plans);
    for told in told {
        recounter.hear(told);
    }
    recounter.finish()
}

struct Recounter<'a> {
    plans: &'a Plans<'a>,
    seats: Vec<Seat>,
    by_booking: HashMap<BookingId, usize>,
    settled: Vec<(Settle, bool, Event)>,
    /// The latest time that any command of a patient carried, by phase; and of all commands.
    patient_reach: HashMap<PatientKey, Vec<(u8, Instant)>>,
    reach: BTreeMap<u8, Instant>,
    keyed: HashMap<(PatientKey, IdempotencyKey), Vec<(Asked, Answer)>>,
    result: Recount,
}

impl<'a> Recounter<'a> {
    fn new(plans: &'a Plans<'a>) -> Self {
        Self {
            plans,
            seats: Vec::new(),
            by_booking: HashMap::new(),
            settled: Vec::new(),
            patient_reach: HashMap::new(),
            reach: BTreeMap::new(),
            keyed: HashMap::new(),
            result: Recount::default(),
        }
    }

    fn blame(&mut self, check: Check, booking: BookingId) {
        let place = (booking.block(), booking.sequence().0);
        self.result.violations.push(Violation { check, booking: Some(booking), place });
    }

    fn hear(&mut self, told: Told) {
        let (patient, key) = match told.asked {
            Asked::Seat(_, wish) => (wish.patient, wish.key),
            Asked::Confirm(settle) | Asked::Cancel(settle) => (settle.patient, settle.key),
        };
        if matches!(told.answer, Answer::Skipped) {
            return;
        }
        let reach = self.reach.entry(told.phase).or_insert(told.at);
        *reach = told.at.max(*reach);
        let reach = self.patient_reach.entry(patient).or_default();
        match reach.iter_mut().find(|(phase, _)| *phase == told.phase) {
            Some((_, latest)) => *latest = told.at.max(*latest),
            None => reach.push((told.phase, told.at)),
        }
        if let Some(key) = key {
            self.keyed.entry((patient, key)).or_default().push((told.asked, told.answer));
        }
        match (told.asked, told.answer) {
            (Asked::Seat(_, wish), Answer::Granted(grant)) => self.hear_grant(&told, wish, grant),
            (Asked::Confirm(settle) | Asked::Cancel(settle), Answer::Settled(settled)) => {
                if settle.booking != settled.booking {
                    self.blame(Check::Misplaced, settle.booking);
                } else if settled.changed {
                    let event = Event { sequence: settled.sequence.0, at: told.at, phase: told.phase };
                    self.settled.push((settle, matches!(told.asked, Asked::Confirm(_)), event));
                }
            }
            (_, Answer::Refused(_) | Answer::Skipped) => {}
            (Asked::Seat(_, _), Answer::Settled(settled)) => self.blame(Check::Misplaced, settled.booking),
            (_, Answer::Granted(grant)) => self.blame(Check::Misplaced, grant.booking),
        }
    }

    fn hear_grant(&mut self, told: &Told, wish: Wish, grant: Grant) {
        let until = match grant.standing {
            Standing::HeldUntil(until) => Some(until),
            Standing::Booked => None,
        };
        let seat = Seat { wish, grant, at: told.at, phase: told.phase, until, confirmed: None, cancelled: None, retested: false };
        let Some(known) = self.by_booking.get(&grant.booking).copied() else {
            self.by_booking.insert(grant.booking, self.seats.len());
            self.seats.push(seat);
            return;
        };
        let first = &mut self.seats[known];
        if first.wish != wish || wish.key.is_none() || first.grant != grant {
            self.blame(Check::SequenceGap, grant.booking);
            return;
        }
        // One of the two is the command that took the seat, the other its repetition. The end of the hold tells which;
        // a booking has no end, and then the later time is the one that does not accuse wrongly.
        first.phase = first.phase.min(told.phase);
        let took = |at: Instant| until.is_some_and(|until| hold_length(self.plans, &wish) == until.ms() - at.ms());
        if took(told.at) || (until.is_none() && told.at > first.at) {
            first.at = told.at;
        }
    }

    fn finish(mut self) -> Recount {
        self.settle();
        self.check_replays();
        self.check_places();
        let mut blocks: BTreeMap<BlockId, Vec<usize>> = BTreeMap::new();
        for (i, seat) in self.seats.iter().enumerate() {
            blocks.entry(seat.block()).or_default().push(i);
        }
        for seats in blocks.values() {
            self.walk(seats);
            self.check_sequence(seats);
        }
        self.check_patients();
        let end = self.reach.values().max().copied().unwrap_or_default();
        self.result.live = self
            .seats
            .iter()
            .filter(|seat| seat.cancelled.is_none() && seat.survives(end, |_| true))
            .map(|seat| LiveSeat { slot: seat.grant.slot, wish: seat.wish })
            .collect();
        self.result.grants = self.seats.len() as u64;
        self.result
    }

    /// Attaches confirmations and cancellations to the seats they name.
    fn settle(&mut self) {
        let mut seen = HashSet::new();
        for (settle, confirm, event) in std::mem::take(&mut self.settled) {
            let owner = self.by_booking.get(&settle.booking).copied();
            let Some(seat) = owner.filter(|seat| self.seats[*seat].wish.patient == settle.patient) else {
                self.blame(Check::Misplaced, settle.booking);
                continue;
            };
            let repeated = !seen.insert((settle.booking, event.sequence));
            let slot = if confirm { &mut self.seats[seat].confirmed } else { &mut self.seats[seat].cancelled };
            match slot {
                None => *slot = Some(event),
                // The same answer again, under the same key.
                Some(first) if repeated && settle.key.is_some() && first.sequence == event.sequence => {}
                Some(_) => self.blame(Check::SequenceGap, settle.booking),
            }
        }
        for seat in &mut self.seats {
            seat.retested = seat.confirmed.zip(seat.until).is_some_and(|(confirm, until)| confirm.at >= until);
        }
        let dead: Vec<BookingId> = self
            .seats
            .iter()
            .filter(|seat| {
                let Some(confirm) = seat.confirmed else { return false };
                let late = seat.retested && !self.retests(&seat.wish);
                late || seat.cancelled.is_some_and(|cancel| cancel.sequence < confirm.sequence)
            })
            .map(|seat| seat.grant.booking)
            .collect();
        for booking in dead {
            self.blame(Check::DeadConfirm, booking);
        }
    }

    fn retests(&self, wish: &Wish) -> bool {
        self.plans.get(&wish.slot.session).is_some_and(|plan| plan.rules.late_confirm == LateConfirm::Retest)
    }

    /// The same command under the same key has the same answer, whoever asked first.
    fn check_replays(&mut self) {
        let mut by_patient: HashMap<PatientKey, usize> = HashMap::new();
        for (patient, _) in self.keyed.keys() {
            *by_patient.entry(*patient).or_default() += 1;
        }
        let mut wrong = 0;
        for ((patient, _), told) in &self.keyed {
            // The engine promises to remember the last eight keyed commands of a patient.
            if by_patient[patient] > 8 {
                continue;
            }
            let transient = |code: Code| matches!(code, Code::ConcurrentRequest | Code::IdempotencyConflict);
            let mut first: HashMap<Asked, Answer> = HashMap::new();
            for (asked, answer) in told {
                if !matches!(answer, Answer::Refused(refusal) if transient(refusal.code)) {
                    wrong += usize::from(*first.entry(*asked).or_insert(*answer) != *answer);
                }
            }
        }
        for _ in 0..wrong {
            let place = (BlockId::default(), 0);
            self.result.violations.push(Violation { check: Check::ReplayDiffers, booking: None, place });
        }
    }

    /// Each grant fits the plan, and its pool was open.
    fn check_places(&mut self) {
        let mut block_of: HashMap<SlotRef, BlockId> = HashMap::new();
        let mut place_of: HashMap<BlockId, SlotRef> = HashMap::new();
        let mut found = Vec::new();
        for seat in &self.seats {
            let booking = seat.grant.booking;
            let Some(plan) = self.plans.get(&seat.grant.slot.session).copied() else {
                found.push((Check::Misplaced, booking));
                continue;
            };
            let unit = unit(plan, seat.grant.slot);
            let own = *block_of.entry(unit).or_insert(seat.block()) == seat.block()
                && *place_of.entry(seat.block()).or_insert(unit) == unit;
            if !own || !fits(plan, seat) {
                found.push((Check::Misplaced, booking));
                continue;
            }
            let offset = seat.at.ms() - plan.session.origin().ms();
            let nodes = tree(plan, seat.grant.slot).nodes();
            let window = |node: &Node| (node.opens, node.closes);
            if ancestors(nodes, seat.grant.node).any(|node| offset < window(node).0) {
                found.push((Check::EarlyGrant, booking));
            }
            if ancestors(nodes, seat.grant.node).any(|node| offset >= window(node).1) {
                found.push((Check::LateGrant, booking));
            }
        }
        for (check, booking) in found {
            self.blame(check, booking);
        }
    }

    /// How far a patient's own commands could have looked by the end of a phase.
    fn patient_reach(&self, patient: PatientKey, phase: u8) -> Instant {
        let reach = self.patient_reach.get(&patient).map_or(&[][..], Vec::as_slice);
        reach.iter().filter(|(p, _)| *p <= phase).map(|(_, at)| *at).max().unwrap_or_default()
    }

    /// Walks one block in the order of its sequence: one owner a seat, and every grant by the fold.
    fn walk(&mut self, seats: &[usize]) {
        #[derive(Clone, Copy)]
        enum Step {
            Grant,
            Confirm,
            Cancel,
        }
        let mut steps: Vec<(u32, Instant, usize, Step)> = Vec::new();
        for i in seats {
            let seat = &self.seats[*i];
            steps.push((seat.sequence(), seat.at, *i, Step::Grant));
            steps.extend(seat.confirmed.map(|e| (e.sequence, e.at, *i, Step::Confirm)));
            steps.extend(seat.cancelled.map(|e| (e.sequence, e.at, *i, Step::Cancel)));
        }
        steps.sort_unstable_by_key(|step| step.0);
        // What every accepted transition so far has looked past is dead.
        let mut horizon = Instant::MIN;
        let mut owner: BTreeMap<u8, usize> = BTreeMap::new();
        for (sequence, at, i, step) in steps {
            horizon = horizon.max(at);
            let seat = self.seats[i];
            let index = seat.grant.booking.seat().get();
            match step {
                Step::Cancel | Step::Confirm => {
                    if owner.get(&index) != Some(&i) {
                        self.blame(Check::Oversold, seat.grant.booking);
                    }
                    if matches!(step, Step::Cancel) && owner.get(&index) == Some(&i) {
                        owner.remove(&index);
                    }
                }
                Step::Grant => {
                    let surely = |other: &usize| {
                        let other = &self.seats[*other];
                        let reach = horizon.max(self.patient_reach(other.wish.patient, seat.phase));
                        other.survives(reach, |confirm| confirm.sequence < sequence)
                    };
                    let taken = owner.get(&index).is_some_and(surely);
                    let live: Vec<Seat> =
                        owner.iter().filter(|(s, o)| **s != index && surely(o)).map(|(_, o)| self.seats[*o]).collect();
                    if taken || self.is_over_capacity(&live, &seat) {
                        self.blame(Check::Oversold, seat.grant.booking);
                    }
                    self.check_fold(&live, &seat);
                    owner.insert(index, i);
                }
            }
        }
    }

    fn is_over_capacity(&self, live: &[Seat], seat: &Seat) -> bool {
        let Some(plan) = self.plans.get(&seat.grant.slot.session) else { return false };
        let slot = seat.grant.slot;
        let in_slot = live.iter().filter(|other| other.grant.slot == slot).count() + 1;
        let most = plan.session.capacity.get(slot.slot.index()).map_or(0, |c| usize::from(*c));
        in_slot > most || live.len() + 1 > usize::from(tree(plan, slot).capacity())
    }

    fn check_fold(&mut self, live: &[Seat], seat: &Seat) {
        let Some(plan) = self.plans.get(&seat.grant.slot.session).copied() else { return };
        let tree = tree(plan, seat.grant.slot);
        if seat.grant.node.index() >= tree.nodes().len() {
            return;
        }
        let offset = seat.at.ms() - plan.session.origin().ms();
        let mut booked = vec![0u32; tree.nodes().len()];
        for other in live {
            if let Some(count) = booked.get_mut(other.grant.node.index()) {
                *count += 1;
            }
        }
        let fold = Fold { nodes: tree.nodes(), capacity: u32::from(tree.capacity()), offset };
        if fold.breaks_reserve(&booked, seat.grant.node) {
            self.blame(Check::ReserveBreach, seat.grant.booking);
        }
        if fold.breaks_cap(&booked, seat.grant.node) {
            self.blame(Check::CapBreach, seat.grant.booking);
        }
    }

    /// Every number from 1 to the last one seen is a transition that was answered, or the release of a hold that ran out.
    ///
    /// A hold that ran out is released somewhere between its grant and the next grant of its seat: an interval. Taking the
    /// missing numbers in order and giving each to the open interval that ends first explains as many as can be.
    fn check_sequence(&mut self, seats: &[usize]) {
        let block = self.seats[seats[0]].block();
        let end = self.reach.values().max().copied().unwrap_or_default();
        let mut answered: Vec<u32> = Vec::new();
        let mut by_seat: BTreeMap<u8, Vec<usize>> = BTreeMap::new();
        for i in seats {
            let seat = &self.seats[*i];
            answered.push(seat.sequence());
            answered.extend(seat.confirmed.map(|e| e.sequence));
            answered.extend(seat.cancelled.map(|e| e.sequence));
            by_seat.entry(seat.grant.booking.seat().get()).or_default().push(*i);
        }
        answered.sort_unstable();
        let mut wrong: Vec<u32> = answered.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
        let last = answered.last().copied().unwrap_or(0);
        // (first number it may be, number it must come before, whether it must have happened)
        let mut releases: Vec<(u32, u32, bool)> = Vec::new();
        for owners in by_seat.values_mut() {
            owners.sort_unstable_by_key(|i| self.seats[*i].sequence());
            for (place, i) in owners.iter().enumerate() {
                let seat = &self.seats[*i];
                let dead = seat.until.is_some_and(|until| until <= end);
                if seat.cancelled.is_none() && seat.confirmed.is_none() && dead {
                    let next = owners.get(place + 1).map(|next| self.seats[*next].sequence());
                    releases.push((seat.sequence() + 1, next.unwrap_or(u32::MAX), next.is_some()));
                }
            }
        }
        releases.sort_unstable();
        let missing = {
            let mut answered = answered.iter().copied().peekable();
            (1..=last).filter(move |n| {
                let mut there = false;
                while answered.next_if_eq(n).is_some() {
                    there = true;
                }
                !there
            })
        };
        let mut waiting = releases.into_iter().peekable();
        let mut open: BTreeSet<(u32, u32, bool)> = BTreeSet::new();
        for n in missing {
            while let Some((from, to, must)) = waiting.next_if(|release| release.0 <= n) {
                open.insert((to, from, must));
            }
            while let Some(first) = open.first().copied().filter(|first| first.0 <= n) {
                open.remove(&first);
                wrong.extend(first.2.then_some(first.1));
            }
            if open.pop_first().is_none() {
                wrong.push(n);
            }
        }
        let unexplained = open.into_iter().map(|(to, from, must)| (from, to, must)).chain(waiting);
        wrong.extend(unexplained.filter(|(_, _, must)| *must).map(|(from, _, _)| from));
        for n in wrong {
            self.result.violations.push(Violation { check: Check::SequenceGap, booking: None, place: (block, n) });
        }
    }

    /// At the end of each phase, when nothing is under way, the live bookings of each patient keep the patient's rules.
    fn check_patients(&mut self) {
        let mut by_patient: HashMap<PatientKey, Vec<usize>> = HashMap::new();
        for (i, seat) in self.seats.iter().enumerate() {
            by_patient.entry(seat.wish.patient).or_default().push(i);
        }
        let mut reached = Instant::MIN;
        let mut phases: Vec<(u8, Instant)> = Vec::new();
        for (phase, at) in &self.reach {
            reached = reached.max(*at);
            phases.push((*phase, reached));
        }
        let mut found: Vec<(Check, BookingId)> = Vec::new();
        for seats in by_patient.values().filter(|seats| seats.len() > 1) {
            let mut seen = HashSet::new();
            for (phase, reach) in &phases {
                let live: Vec<&Seat> = seats
                    .iter()
                    .map(|i| &self.seats[*i])
                    .filter(|seat| {
                        seat.phase <= *phase
                            && seat.cancelled.is_none_or(|cancel| cancel.phase > *phase)
                            && seat.survives(*reach, |confirm| confirm.phase <= *phase)
                    })
                    .collect();
                self.check_patient(&live, &mut |check, booking| {
                    if seen.insert((check, booking)) {
                        found.push((check, booking));
                    }
                });
            }
        }
        found.sort_unstable();
        for (check, booking) in found {
            self.blame(check, booking);
        }
    }

    fn check_patient(&self, live: &[&Seat], blame: &mut impl FnMut(Check, BookingId)) {
        let visits: Vec<(&Seat, Visited<'_>)> =
            live.iter().filter_map(|seat| Some((*seat, visited(self.plans, seat)?))).collect();
        for (i, (seat, visit)) in visits.iter().enumerate() {
            for (other, earlier) in &visits[..i] {
                if visit.overlaps(earlier) {
                    blame(Check::DoubleBooking, seat.grant.booking);
                }
                let rules = &visit.plan.rules;
                let needed = seat.wish.class.needs_ticket() && rules.ticket_free >> seat.wish.class.number() & 1 == 0;
                if needed && ticket(seat).is_some() && ticket(seat) == ticket(other) {
                    blame(Check::TicketReuse, seat.grant.booking);
                }
            }
            for limit in &visit.plan.rules.limits {
                // Sessions may have different rules, and a limit binds the session that is booked last: only a limit of
                // all of them is broken whatever the order was.
                let common = visits.iter().all(|(_, v)| v.plan.rules.limits.contains(limit));
                if common && visit.most_within(*limit, visits.iter().map(|(_, v)| v)) > usize::from(limit.most) {
                    blame(Check::DoubleBooking, seat.grant.booking);
                }
            }
        }
    }
}

fn ticket(seat: &Seat) -> Option<TicketId> {
    seat.wish.ticket
}

/// The slot that stands for a block: itself, or the first one where the whole session is one block.
fn unit(plan: &Plan, slot: SlotRef) -> SlotRef {
    match plan.blocks {
        Blocks::PerSlot(_) => slot,
        Blocks::WholeSession(_) => SlotRef { slot: haoyuan_core::ids::SlotIndex::default(), ..slot },
    }
}

fn tree(plan: &Plan, slot: SlotRef) -> &PoolTree {
    match &plan.blocks {
        Blocks::PerSlot(trees) => &trees[slot.slot.index()],
        Blocks::WholeSession(tree) => tree,
    }
}

fn hold_length(plans: &Plans<'_>, wish: &Wish) -> i64 {
    plans.get(&wish.slot.session).map_or(0, |plan| i64::from(plan.rules.hold_ms[wish.channel as usize]))
}

/// Whether a grant says what the plan says: slot, seat number, time, pool and end of the hold.
fn fits(plan: &Plan, seat: &Seat) -> bool {
    let (session, grant) = (&plan.session, &seat.grant);
    let Some(capacity) = session.capacity.get(grant.slot.slot.index()).copied() else { return false };
    let before: u16 = session.capacity[..grant.slot.slot.index()].iter().map(|c| u16::from(*c)).sum();
    let index = u16::from(grant.booking.seat().get());
    let in_slot = match plan.blocks {
        Blocks::PerSlot(_) => Some(index),
        Blocks::WholeSession(_) => index.checked_sub(before),
    };
    let time = session.slot_time(grant.slot.slot);
    let routed = tree(plan, grant.slot).routes().get(seat.wish.class, seat.wish.channel);
    let length = i64::from(plan.rules.hold_ms[seat.wish.channel as usize]);
    grant.slot == seat.wish.slot
        && grant.institution == session.institution
        && in_slot.is_some_and(|n| n < u16::from(capacity) && grant.number == before + n + 1)
        && time.from <= grant.time.from
        && grant.time.from < grant.time.to
        && grant.time.to == time.to
        && routed.nodes().contains(&grant.node)
        && seat.until.is_none_or(|until| until.ms() - seat.at.ms() == length)
}

/// A node and all that contain it, the root last.
fn ancestors(nodes: &[Node], node: NodeIndex) -> impl Iterator<Item = &Node> {
    let mut next = nodes.get(node.index()).map(|_| node.index());
    std::iter::from_fn(move || {
        let at = next?;
        let parent = nodes[at].parent.index();
        next = (at != 0).then_some(parent);
        Some(&nodes[at])
    })
}

/// The fold, once more: the definitions of the pool tree written down as recursion over its nodes.
struct Fold<'a> {
    nodes: &'a [Node],
    capacity: u32,
    offset: i64,
}

impl Fold<'_> {
    fn children(&self, v: usize) -> impl Iterator<Item = usize> + '_ {
        (1..self.nodes.len()).filter(move |c| self.nodes[*c].parent.index() == v)
    }

    fn is_inside(&self, u: usize, v: usize) -> bool {
        u == v || (u != 0 && self.is_inside(self.nodes[u].parent.index(), v))
    }

    /// `R_v(t)`: the minimum, or what the last fence that has passed left of it.
    fn reserve(&self, v: usize) -> u32 {
        let node = &self.nodes[v];
        let mut seats = node.guarantee;
        for fence in &node.fences {
            if self.offset >= fence.from {
                seats = fence.seats;
            }
        }
        u32::from(seats)
    }

    fn occupied(&self, booked: &[u32], v: usize) -> u32 {
        let inside = booked[v] + self.children(v).map(|c| self.occupied(booked, c)).sum::<u32>();
        match self.nodes[v].protection {
            Protection::Guarantee => inside.max(self.reserve(v)),
            Protection::Extra => inside,
        }
    }

    fn total(&self, booked: &[u32], v: usize) -> u32 {
        booked[v] + self.children(v).map(|c| self.total(booked, c)).sum::<u32>()
    }

    fn breaks_reserve(&self, before: &[u32], u: NodeIndex) -> bool {
        let u = u.index();
        let mut after = before.to_vec();
        after[u] += 1;
        let everybody: u32 = after.iter().sum();
        // Said directly: outsiders of a guarantee never have more than what it leaves.
        let invaded = (0..self.nodes.len()).any(|v| {
            let outsiders = everybody - self.total(&after, v);
            self.nodes[v].protection == Protection::Guarantee
                && self.reserve(v) > 0
                && !self.is_inside(u, v)
                && outsiders + self.reserve(v) > self.capacity
        });
        // And by the fold, which sees several reserves at once and those that are over and above.
        let (then, now) = (self.occupied(before, 0), self.occupied(&after, 0));
        let extra: u32 = (0..self.nodes.len())
            .filter(|v| self.nodes[*v].protection == Protection::Extra && !self.is_inside(u, *v))
            .map(|v| self.reserve(v))
            .sum();
        invaded || now > self.capacity || (now != then && now + extra > self.capacity)
    }

    fn breaks_cap(&self, before: &[u32], u: NodeIndex) -> bool {
        let mut after = before.to_vec();
        after[u.index()] += 1;
        (0..self.nodes.len()).any(|v| {
            self.is_inside(u.index(), v)
                && self.nodes[v].cap.is_some_and(|cap| self.total(&after, v) > u32::from(cap))
        })
    }
}

/// Where and when a live seat takes its patient.
struct Visited<'a> {
    plan: &'a Plan,
    day: Day,
    time: Interval,
}

fn visited<'a>(plans: &Plans<'a>, seat: &Seat) -> Option<Visited<'a>> {
    let plan = plans.get(&seat.grant.slot.session).copied()?;
    let time = plan.session.slot_time(seat.grant.slot.slot);
    Some(Visited { plan, day: plan.session.day(), time })
}

impl Visited<'_> {
    /// Too close in time, by the milder of the two sessions' rules.
    fn overlaps(&self, other: &Self) -> bool {
        let gap = |plan: &Plan| {
            let travel = if self.plan.session.institution == other.plan.session.institution { 0 } else { plan.rules.travel_ms };
            i64::from(plan.rules.buffer_ms) + i64::from(travel)
        };
        let gap = gap(self.plan).min(gap(other.plan));
        let apart = |a: &Self, b: &Self| a.time.to.ms() + gap <= b.time.from.ms();
        !apart(self, other) && !apart(other, self)
    }

    /// The most visits of the same scope in one window that contains this one.
    fn most_within<'v>(&self, limit: Limit, all: impl Iterator<Item = &'v Visited<'v>>) -> usize {
        let (session, scope) = (&self.plan.session, limit.scope);
        let days: Vec<Day> = all
            .filter(|other| {
                let there = &other.plan.session;
                let same = there.institution == session.institution;
                match scope {
                    Scope::Department => same && there.department == session.department,
                    Scope::Institution => same,
                    Scope::Platform => true,
                }
            })
            .map(|other| other.day)
            .collect();
        match limit.window {
            Window::Days(n) => {
                let n = i32::from(n.max(1));
                let windows = (self.day.0 - n + 1)..=self.day.0;
                windows.map(|from| days.iter().filter(|d| (from..from + n).contains(&d.0)).count()).max().unwrap_or(0)
            }
            window => days.iter().filter(|day| period(window, **day) == period(window, self.day)).count(),
        }
    }
}

/// The first day of the calendar period that a day is in.
fn period(window: Window, day: Day) -> jiff::civil::Date {
    let date = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(day.0));
    match window {
        Window::Days(_) => date,
        Window::Week => {
            date.saturating_sub(jiff::Span::new().days(i64::from(date.weekday().to_monday_zero_offset())))
        }
        Window::Month => date.first_of_month(),
        Window::Quarter => jiff::civil::date(date.year(), (date.month() - 1) / 3 * 3 + 1, 1),
        Window::Year => date.first_of_year(),
    }
}

//! The independent recount: what the answers alone say about the rules.
//!
//! It never asks the engine. It takes the published plans, every command and the answer it got, puts the transitions of
//! each block in the order of their sequence numbers, and walks them with a fold of its own: recursive, over the plan's
//! nodes, sharing no code with the decision.
//!
//! INVARIANT (no false alarm): commands of several threads carry simulated times that need not rise in the order in
//! which they were decided. Where the answers leave open whether a hold was still live (it had run out for *some*
//! command to its block, or of its patient, that came before or in the same phase), it is counted neither as live nor
//! as wrong. No hold runs out within the rush and few within the next phases, so this leaves little open. The fold is monotone: fewer
//! live seats never forbid what more allow, so an unclear hold can hide a breach but never invent one.
//!
//! INVARIANT (no blind spot by construction): each check is shown to fail on a forged history, in the tests below.

use crate::rush::trace::Deed;
use haoyuan_core::ids::{
    BlockId, BookingId, IdempotencyKey, Interval, NodeIndex, PatientKey, SessionId, SlotRef, TicketId,
};
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

/// The latest time of some commands, by phase.
#[derive(Clone, Debug, Default)]
struct Reach(Vec<(u8, Instant)>);

impl Reach {
    /// Phases are heard in order.
    fn note(&mut self, phase: u8, at: Instant) {
        match self.0.last_mut() {
            Some((last, latest)) if *last == phase => *latest = at.max(*latest),
            _ => self.0.push((phase, at)),
        }
    }

    /// The latest of this phase and those before.
    fn by(&self, phase: u8) -> Instant {
        self.0.iter().filter(|(p, _)| *p <= phase).map(|(_, at)| *at).max().unwrap_or_default()
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
    /// The latest time that any command of a patient, to a block, and any command at all carried, by phase.
    patient_reach: HashMap<PatientKey, Reach>,
    block_reach: HashMap<SlotRef, Reach>,
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
            block_reach: HashMap::new(),
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
        self.patient_reach.entry(patient).or_default().note(told.phase, told.at);
        let slot = match told.asked {
            Asked::Seat(_, wish) => Some(wish.slot),
            Asked::Confirm(settle) | Asked::Cancel(settle) => {
                self.by_booking.get(&settle.booking).map(|seat| self.seats[*seat].grant.slot)
            }
        };
        if let Some(slot) = slot.and_then(|slot| Some(unit(self.plans.get(&slot.session)?, slot))) {
            self.block_reach.entry(slot).or_default().note(told.phase, told.at);
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
        let seat = Seat {
            wish,
            grant,
            at: told.at,
            phase: told.phase,
            until,
            confirmed: None,
            cancelled: None,
            retested: false,
        };
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
        let took =
            |at: Instant| until.is_some_and(|until| hold_length(self.plans, &wish) == until.ms() - at.ms());
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
            let slot =
                if confirm { &mut self.seats[seat].confirmed } else { &mut self.seats[seat].cancelled };
            match slot {
                None => *slot = Some(event),
                // The same answer again, under the same key.
                Some(first) if repeated && settle.key.is_some() && first.sequence == event.sequence => {}
                Some(_) => self.blame(Check::SequenceGap, settle.booking),
            }
        }
        for seat in &mut self.seats {
            seat.retested =
                seat.confirmed.zip(seat.until).is_some_and(|(confirm, until)| confirm.at >= until);
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
            }
            let offset = seat.at.ms() - plan.session.origin().ms();
            let nodes = tree(plan, seat.grant.slot).map_or(&[][..], PoolTree::nodes);
            if ancestors(nodes, seat.grant.node).any(|node| offset < node.opens) {
                found.push((Check::EarlyGrant, booking));
            }
            if ancestors(nodes, seat.grant.node).any(|node| offset >= node.closes) {
                found.push((Check::LateGrant, booking));
            }
        }
        for (check, booking) in found {
            self.blame(check, booking);
        }
    }

    /// How far anybody who could have released a hold may have looked by the end of a phase: a command of the patient, or
    /// to the block. Even one that was refused in the end may have released what had run out.
    fn looked_past(&self, seat: &Seat, phase: u8) -> Instant {
        let patient =
            self.patient_reach.get(&seat.wish.patient).map_or(Instant::MIN, |reach| reach.by(phase));
        let slot = self.plans.get(&seat.grant.slot.session).map(|plan| unit(plan, seat.grant.slot));
        let block =
            slot.and_then(|slot| self.block_reach.get(&slot)).map_or(Instant::MIN, |reach| reach.by(phase));
        patient.max(block)
    }

    /// Walks one block in the order of its sequence: one owner a seat, and every grant by the fold.
    fn walk(&mut self, seats: &[usize]) {
        #[derive(Clone, Copy)]
        enum Step {
            Grant,
            Confirm,
            Cancel,
        }
        let mut steps: Vec<(u32, usize, Step)> = Vec::new();
        for i in seats {
            let seat = &self.seats[*i];
            steps.push((seat.sequence(), *i, Step::Grant));
            steps.extend(seat.confirmed.map(|e| (e.sequence, *i, Step::Confirm)));
            steps.extend(seat.cancelled.map(|e| (e.sequence, *i, Step::Cancel)));
        }
        steps.sort_unstable_by_key(|step| step.0);
        let mut owner: BTreeMap<u8, usize> = BTreeMap::new();
        for (sequence, i, step) in steps {
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
                        let reach = self.looked_past(other, seat.phase);
                        other.survives(reach, |confirm| confirm.sequence < sequence)
                    };
                    let taken = owner.get(&index).is_some_and(surely);
                    let live: Vec<Seat> = owner
                        .iter()
                        .filter(|(s, o)| **s != index && surely(o))
                        .map(|(_, o)| self.seats[*o])
                        .collect();
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
        in_slot > most || tree(plan, slot).is_some_and(|tree| live.len() + 1 > usize::from(tree.capacity()))
    }

    fn check_fold(&mut self, live: &[Seat], seat: &Seat) {
        let Some(plan) = self.plans.get(&seat.grant.slot.session).copied() else { return };
        let Some(tree) = tree(plan, seat.grant.slot) else { return };
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
        let mut wrong: Vec<u32> =
            answered.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
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
            self.result.violations.push(Violation {
                check: Check::SequenceGap,
                booking: None,
                place: (block, n),
            });
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
                let needed =
                    seat.wish.class.needs_ticket() && rules.ticket_free >> seat.wish.class.number() & 1 == 0;
                if needed && ticket(seat).is_some() && ticket(seat) == ticket(other) {
                    blame(Check::TicketReuse, seat.grant.booking);
                }
            }
            for limit in &visit.plan.rules.limits {
                // Sessions may have different rules, and a limit binds the session that is booked last: only a limit of
                // all of them is broken whatever the order was.
                let common = visits.iter().all(|(_, v)| v.plan.rules.limits.contains(limit));
                if common
                    && visit.most_within(*limit, visits.iter().map(|(_, v)| v)) > usize::from(limit.most)
                {
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

fn tree(plan: &Plan, slot: SlotRef) -> Option<&PoolTree> {
    match &plan.blocks {
        Blocks::PerSlot(trees) => trees.get(slot.slot.index()),
        Blocks::WholeSession(tree) => Some(tree),
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
    let Some(tree) = tree(plan, grant.slot) else { return false };
    let routed = tree.routes().get(seat.wish.class, seat.wish.channel);
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
            let travel = if self.plan.session.institution == other.plan.session.institution {
                0
            } else {
                plan.rules.travel_ms
            };
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
                    Scope::Practitioner => there.practitioner == session.practitioner,
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
                windows
                    .map(|from| days.iter().filter(|d| (from..from + n).contains(&d.0)).count())
                    .max()
                    .unwrap_or(0)
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

#[cfg(test)]
mod tests {
    use super::*;
    use haoyuan_core::ids::{DepartmentId, InstitutionId, PractitionerId, SeatIndex, Sequence, SlotIndex};
    use haoyuan_core::instant::{DAY, HOUR, MINUTE};
    use haoyuan_core::pool::{Fence, Route, Routes};
    use haoyuan_core::rules::Rules;
    use haoyuan_core::terms::{Channel, Class, Grade, Kind};

    const ROOT: u8 = 0;
    const REFERRAL: u8 = 1;
    const PUBLIC: u8 = 2;
    const APP: u8 = 3;
    const GREEN: u8 = 4;

    /// Seven days before, at seven.
    const OPENS: i64 = -7 * DAY + 7 * HOUR;
    /// 24 hours before the session begins.
    const FENCE: i64 = 8 * HOUR - DAY;
    const HOLD: i64 = 15 * MINUTE;

    fn node(index: u8) -> NodeIndex {
        NodeIndex::new(index).unwrap()
    }

    /// Five seats a slot: two for referrals until the fence, one more over and above for green, at most two by app.
    fn tree() -> PoolTree {
        let plain = |name, parent: u8| Node::plain(name, node(parent));
        let nodes = vec![
            plain("ROOT", ROOT),
            Node { guarantee: 2, fences: vec![Fence { from: FENCE, seats: 0 }], ..plain("REFERRAL", ROOT) },
            Node { opens: OPENS, closes: 7 * HOUR, ..plain("PUBLIC", ROOT) },
            Node { cap: Some(2), ..plain("APP", PUBLIC) },
            Node { guarantee: 1, protection: Protection::Extra, ..plain("GREEN", ROOT) },
        ];
        let mut routes = Routes::default();
        routes.set_all(Class::Public, Route::one(node(PUBLIC)));
        routes.set(Class::Public, Channel::App, Route::one(node(APP)));
        routes.set_all(Class::ReferralSecondary, Route::one(node(REFERRAL)));
        routes.set_all(Class::Green, Route::one(node(GREEN)));
        PoolTree::new(5, nodes, routes).unwrap()
    }

    /// A session of two slots on one day; department and hour differ, so that a patient may have several.
    fn plan(department: u32, hour: i64) -> Plan {
        let day = Day(20_521);
        let from = day.midnight().plus(hour * HOUR);
        let session = haoyuan_core::plan::Session {
            code: format!("S{department}-{hour}"),
            institution: InstitutionId::new(1).unwrap(),
            department: DepartmentId::new(department).unwrap(),
            practitioner: PractitionerId::new(department).unwrap(),
            grade: Grade::Expert,
            kind: Kind::Clinic,
            time: Interval { from, to: from.plus(HOUR) },
            slot_ms: 30 * 60_000,
            capacity: vec![5, 5],
        };
        Plan { session, blocks: Blocks::PerSlot(vec![tree(), tree()]), rules: Rules::default() }
    }

    /// A history to forge: block `2 n + slot` belongs to plan `n`.
    struct History {
        plans: Vec<Plan>,
        told: Vec<Told>,
        phase: u8,
    }

    /// A grant to write down.
    #[derive(Clone, Copy)]
    struct Take {
        patient: u128,
        plan: u32,
        slot: u16,
        seat: u8,
        sequence: u32,
        /// Offset from midnight.
        at: i64,
        class: Class,
        channel: Channel,
        node: u8,
        deed: Deed,
        ticket: Option<u128>,
        key: Option<u128>,
    }

    const TAKE: Take = Take {
        patient: 1,
        plan: 0,
        slot: 0,
        seat: 0,
        sequence: 1,
        at: OPENS,
        class: Class::Public,
        channel: Channel::Web,
        node: PUBLIC,
        deed: Deed::Book,
        ticket: None,
        key: None,
    };

    impl History {
        fn new() -> Self {
            Self { plans: vec![plan(1, 8), plan(2, 8), plan(3, 10), plan(1, 14)], told: Vec::new(), phase: 0 }
        }

        fn at(offset: i64) -> Instant {
            Day(20_521).midnight().plus(offset)
        }

        fn booking(take: &Take) -> BookingId {
            let block = BlockId::new(take.plan * 2 + u32::from(take.slot)).unwrap();
            BookingId::pack(block, SeatIndex::new(take.seat).unwrap(), Sequence(take.sequence))
        }

        fn wish(take: &Take) -> Wish {
            Wish {
                patient: PatientKey::new(take.patient).unwrap(),
                slot: SlotRef {
                    session: SessionId::new(take.plan).unwrap(),
                    slot: SlotIndex::new(take.slot).unwrap(),
                },
                class: take.class,
                channel: take.channel,
                ticket: take.ticket.and_then(TicketId::new),
                key: take.key.and_then(IdempotencyKey::new),
            }
        }

        fn grant(&self, take: &Take) -> Grant {
            let session = &self.plans[take.plan as usize].session;
            let wish = Self::wish(take);
            let at = Self::at(take.at);
            Grant {
                booking: Self::booking(take),
                institution: session.institution,
                slot: wish.slot,
                number: take.slot * 5 + u16::from(take.seat) + 1,
                time: session.slot_time(wish.slot.slot),
                node: node(take.node),
                spill: false,
                standing: match take.deed {
                    Deed::Hold => Standing::HeldUntil(at.plus(HOLD)),
                    Deed::Book => Standing::Booked,
                },
            }
        }

        fn take(&mut self, take: Take) -> &mut Self {
            let grant = self.grant(&take);
            self.say(take.at, Asked::Seat(take.deed, Self::wish(&take)), Answer::Granted(grant))
        }

        fn say(&mut self, at: i64, asked: Asked, answer: Answer) -> &mut Self {
            self.told.push(Told { phase: self.phase, at: Self::at(at), asked, answer });
            self
        }

        fn settle(&mut self, take: &Take, confirm: bool, sequence: u32, at: i64) -> &mut Self {
            let booking = Self::booking(take);
            let settle = Settle { patient: PatientKey::new(take.patient).unwrap(), booking, key: None };
            let asked = if confirm { Asked::Confirm(settle) } else { Asked::Cancel(settle) };
            let settled = Settled { booking, sequence: Sequence(sequence), changed: true };
            self.say(at, asked, Answer::Settled(settled))
        }

        fn confirm(&mut self, take: &Take, sequence: u32, at: i64) -> &mut Self {
            self.settle(take, true, sequence, at)
        }

        fn cancel(&mut self, take: &Take, sequence: u32, at: i64) -> &mut Self {
            self.settle(take, false, sequence, at)
        }

        fn next_phase(&mut self) -> &mut Self {
            self.phase += 1;
            self
        }

        fn recount(&self) -> Recount {
            let plans = self.plans.iter().zip(0..).map(|(p, n)| (SessionId::new(n).unwrap(), p)).collect();
            recount(&plans, self.told.iter().copied())
        }

        /// Exactly these violations, each once unless it is named more often.
        #[track_caller]
        fn check(&self, expected: &[Check]) {
            let mut found: Vec<Check> = self.recount().violations.iter().map(|v| v.check).collect();
            let mut expected = expected.to_vec();
            found.sort_unstable();
            expected.sort_unstable();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn an_honest_morning_passes_every_check() {
        let mut history = History::new();
        let held = Take { deed: Deed::Hold, channel: Channel::App, node: APP, ..TAKE };
        let forgotten = Take { patient: 2, seat: 1, sequence: 2, ..held };
        let referred = Take {
            patient: 3,
            seat: 2,
            sequence: 3,
            class: Class::ReferralSecondary,
            node: REFERRAL,
            ..TAKE
        };
        history.take(held).take(forgotten).take(referred).next_phase();
        history.confirm(&held, 4, OPENS + HOLD - 1).next_phase();
        // 5 is the release of the forgotten hold, swept by whoever takes its seat.
        history.take(Take { patient: 4, seat: 1, sequence: 6, at: OPENS + HOLD, ..TAKE }).next_phase();
        history.cancel(&held, 7, OPENS + HOUR);
        history.take(Take { patient: 5, seat: 0, sequence: 8, at: OPENS + HOUR, ..TAKE });
        history.check(&[]);
        let recount = history.recount();
        assert_eq!((recount.grants, recount.live.len()), (5, 3));
    }

    #[test]
    fn a_seat_with_two_owners_is_oversold() {
        let mut history = History::new();
        history.take(TAKE).take(Take { patient: 2, sequence: 2, ..TAKE });
        history.check(&[Check::Oversold]);
    }

    #[test]
    fn a_held_seat_is_oversold_before_its_hold_ends_and_free_after() {
        let held = Take { deed: Deed::Hold, ..TAKE };
        let mut early = History::new();
        early.take(held).take(Take { patient: 2, sequence: 3, at: OPENS + HOLD - 1, ..TAKE });
        // Nothing can have released the hold either, so the missing 2 is a gap as well.
        early.check(&[Check::Oversold, Check::SequenceGap]);
        let mut late = History::new();
        late.take(held).take(Take { patient: 2, sequence: 3, at: OPENS + HOLD, ..TAKE });
        late.check(&[]);
    }

    #[test]
    fn a_hold_that_is_paid_after_its_seat_went_to_another_is_oversold() {
        let mut history = History::new();
        let held = Take { deed: Deed::Hold, ..TAKE };
        history.take(held).take(Take { patient: 2, sequence: 3, at: OPENS + HOLD, ..TAKE });
        history.confirm(&held, 4, OPENS + HOLD - 1);
        let found = history.recount();
        assert!(found.count(Check::Oversold) >= 1, "{found:?}");
    }

    #[test]
    fn more_seats_than_a_slot_has_are_oversold() {
        let mut history = History::new();
        for seat in 0..6u8 {
            // After the fence, and by a window that no cap binds.
            let take = Take { patient: 10 + u128::from(seat), seat, sequence: u32::from(seat) + 1, ..TAKE };
            history.take(Take { at: FENCE, ..take });
        }
        let found = history.recount();
        // The sixth seat does not exist, and no fold would give it.
        assert_eq!(found.count(Check::Oversold), 1, "{found:?}");
        assert_eq!(found.count(Check::Misplaced), 1, "{found:?}");
    }

    #[test]
    fn a_reserved_seat_given_to_the_public_is_a_breach_until_the_fence() {
        let public =
            |n: u8, at| Take { patient: u128::from(n) + 10, seat: n, sequence: u32::from(n) + 1, at, ..TAKE };
        let mut history = History::new();
        // Two referral seats and one of the green channel leave two of five.
        history.take(public(0, OPENS)).take(public(1, OPENS));
        history.check(&[]);
        history.take(public(2, OPENS));
        history.check(&[Check::ReserveBreach]);
        let mut history = History::new();
        for n in 0..4 {
            history.take(public(n, FENCE));
        }
        history.check(&[]);
        // The fifth is the one over and above.
        history.take(public(4, FENCE));
        history.check(&[Check::ReserveBreach]);
    }

    #[test]
    fn a_reserve_shrinks_as_its_own_class_books() {
        let mut history = History::new();
        let referred = Take { class: Class::ReferralSecondary, node: REFERRAL, ..TAKE };
        history.take(referred).take(Take { patient: 2, seat: 1, sequence: 2, ..referred });
        history.take(Take { patient: 3, seat: 2, sequence: 3, ..TAKE });
        history.take(Take { patient: 4, seat: 3, sequence: 4, ..TAKE });
        history.check(&[]);
    }

    #[test]
    fn a_forgotten_hold_protects_nothing_any_more() {
        let mut history = History::new();
        let held = |n: u8| Take {
            patient: u128::from(n) + 10,
            seat: n,
            sequence: u32::from(n) + 1,
            deed: Deed::Hold,
            ..TAKE
        };
        history.take(held(0)).take(held(1)).next_phase();
        let later = OPENS + HOLD;
        history.take(Take { patient: 3, seat: 0, sequence: 4, at: later, ..TAKE });
        history.take(Take { patient: 4, seat: 1, sequence: 6, at: later, ..TAKE });
        history.check(&[]);
    }

    #[test]
    fn a_grant_over_a_cap_is_a_breach_of_it() {
        let mut history = History::new();
        let app = |n: u8| Take {
            patient: u128::from(n) + 10,
            seat: n,
            sequence: u32::from(n) + 1,
            channel: Channel::App,
            node: APP,
            at: FENCE,
            ..TAKE
        };
        history.take(app(0)).take(app(1));
        history.check(&[]);
        history.take(app(2));
        history.check(&[Check::CapBreach]);
    }

    #[test]
    fn a_millisecond_early_or_late_is_seen() {
        let mut history = History::new();
        history.take(Take { at: OPENS - 1, ..TAKE });
        history.check(&[Check::EarlyGrant]);
        let mut history = History::new();
        history.take(Take { at: 7 * HOUR, ..TAKE });
        history.check(&[Check::LateGrant]);
        let mut history = History::new();
        // Referrals have no opening time here, the pool of the app has that of the public above it.
        history.take(Take { at: OPENS - 1, class: Class::ReferralSecondary, node: REFERRAL, ..TAKE });
        history.check(&[]);
        history.take(Take {
            at: OPENS - 1,
            patient: 2,
            seat: 1,
            sequence: 2,
            channel: Channel::App,
            node: APP,
            ..TAKE
        });
        history.check(&[Check::EarlyGrant]);
    }

    #[test]
    fn overlapping_and_too_many_bookings_of_one_patient_are_seen() {
        let mut history = History::new();
        // Another department at the same hour.
        history.take(TAKE).take(Take { plan: 1, ..TAKE });
        history.check(&[Check::DoubleBooking]);
        let mut history = History::new();
        // The same department in the afternoon: one a day.
        history.take(TAKE).take(Take { plan: 3, ..TAKE });
        history.check(&[Check::DoubleBooking, Check::DoubleBooking]);
        let mut history = History::new();
        // Another department two hours later is allowed.
        history.take(TAKE).take(Take { plan: 2, ..TAKE });
        history.check(&[]);
        let mut history = History::new();
        // After giving the first one back, so is everything.
        history.take(TAKE).cancel(&TAKE, 2, OPENS + 1).next_phase().take(Take {
            plan: 1,
            at: OPENS + 2,
            ..TAKE
        });
        history.check(&[]);
    }

    #[track_caller]
    fn check_window(plans: &[Plan], limit: Limit, expected: usize) {
        let visits: Vec<Visited<'_>> = plans
            .iter()
            .map(|plan| Visited { plan, day: plan.session.day(), time: plan.session.time })
            .collect();
        let most = visits.iter().map(|v| v.most_within(limit, visits.iter())).max().unwrap();
        assert_eq!(most, expected);
    }

    #[test]
    fn limits_over_several_days_and_periods_are_recounted() {
        let visit = |day: i32| {
            let mut plan = plan(1, 8);
            let shift = i64::from(day) * DAY;
            plan.session.time =
                Interval { from: plan.session.time.from.plus(shift), to: plan.session.time.to.plus(shift) };
            plan
        };
        // 20,521 is 2026-03-09, a Monday.
        let plans: Vec<Plan> = [0, 1, 2, 6, 7, 22, 23].into_iter().map(visit).collect();
        let limit = |window| Limit { scope: Scope::Platform, window, most: 1 };
        check_window(&plans, limit(Window::Days(1)), 1);
        check_window(&plans, limit(Window::Days(3)), 3);
        check_window(&plans, limit(Window::Days(7)), 4);
        check_window(&plans, limit(Window::Week), 4);
        check_window(&plans, limit(Window::Month), 6);
        check_window(&plans, limit(Window::Quarter), 6);
        check_window(&plans, limit(Window::Year), 7);
    }

    #[test]
    fn a_missing_transition_and_one_that_is_there_twice_are_gaps() {
        let mut history = History::new();
        history.take(TAKE).take(Take { patient: 2, seat: 1, sequence: 3, ..TAKE });
        history.check(&[Check::SequenceGap]);
        let mut history = History::new();
        history.take(TAKE).take(Take { patient: 2, seat: 1, sequence: 1, ..TAKE });
        history.check(&[Check::SequenceGap]);
        let mut history = History::new();
        // The first transition is 1.
        history.take(Take { sequence: 2, ..TAKE });
        history.check(&[Check::SequenceGap]);
        let mut history = History::new();
        // A hold that ran out explains one missing number and not two.
        let held = Take { deed: Deed::Hold, ..TAKE };
        history.take(held).next_phase();
        history.take(Take { patient: 2, seat: 1, sequence: 4, at: OPENS + HOLD, ..TAKE });
        history.check(&[Check::SequenceGap]);
        let mut history = History::new();
        // The seat of a hold that ran out went on without a release.
        history.take(held).next_phase().take(Take { patient: 2, sequence: 2, at: OPENS + HOLD, ..TAKE });
        history.check(&[Check::SequenceGap]);
    }

    #[test]
    fn a_grant_told_twice_is_one_only_under_one_key() {
        let keyed = Take { key: Some(7), deed: Deed::Hold, ..TAKE };
        let mut history = History::new();
        let grant = history.grant(&keyed);
        history.take(keyed);
        history.say(OPENS + 500, Asked::Seat(Deed::Hold, History::wish(&keyed)), Answer::Granted(grant));
        history.check(&[]);
        assert_eq!(history.recount().grants, 1);
        let mut history = History::new();
        history.take(TAKE).take(TAKE);
        history.check(&[Check::SequenceGap]);
    }

    #[test]
    fn the_repetition_may_be_heard_before_the_command_that_took_the_seat() {
        let keyed = Take { key: Some(7), deed: Deed::Hold, at: OPENS + 400, ..TAKE };
        let mut history = History::new();
        let grant = history.grant(&keyed);
        // Decided second, but the first one's time is before the pool opens.
        history.say(OPENS - 1, Asked::Seat(Deed::Hold, History::wish(&keyed)), Answer::Granted(grant));
        history.take(keyed);
        history.check(&[]);
    }

    #[test]
    fn a_different_answer_under_one_key_is_seen() {
        let keyed = Take { key: Some(7), ..TAKE };
        let asked = Asked::Seat(Deed::Book, History::wish(&keyed));
        let refused = |code| Answer::Refused(Refusal::plain(code));
        let mut history = History::new();
        history.take(keyed).say(OPENS + 1, asked, refused(Code::SlotFull));
        history.check(&[Check::ReplayDiffers]);
        let mut history = History::new();
        history.say(OPENS, asked, refused(Code::SlotFull)).say(OPENS + 1, asked, refused(Code::Protected));
        history.check(&[Check::ReplayDiffers]);
        let mut history = History::new();
        // Told to come again is no answer yet.
        history.take(keyed).say(OPENS + 1, asked, refused(Code::ConcurrentRequest));
        history.check(&[]);
    }

    #[test]
    fn a_hold_paid_at_its_end_is_dead() {
        let held = Take { deed: Deed::Hold, ..TAKE };
        let mut history = History::new();
        history.take(held).confirm(&held, 2, OPENS + HOLD);
        history.check(&[Check::DeadConfirm]);
        let mut history = History::new();
        history.plans[0].rules.late_confirm = LateConfirm::Retest;
        history.take(held).confirm(&held, 2, OPENS + HOLD);
        history.check(&[]);
        let mut history = History::new();
        history.take(held).cancel(&held, 2, OPENS + 1).confirm(&held, 3, OPENS + 2);
        assert!(history.recount().count(Check::DeadConfirm) == 1);
    }

    #[test]
    fn a_ticket_in_two_live_bookings_is_seen() {
        let referred = Take { class: Class::ReferralSecondary, node: REFERRAL, ticket: Some(9), ..TAKE };
        let mut history = History::new();
        history.take(referred).take(Take { plan: 2, ..referred });
        history.check(&[Check::TicketReuse]);
        let mut history = History::new();
        history.take(referred).take(Take { plan: 2, ticket: Some(10), ..referred });
        history.check(&[]);
    }

    #[test]
    fn a_grant_that_does_not_fit_the_plan_is_misplaced() {
        let wrong: [&dyn Fn(&mut Grant); 6] = [
            &|grant| grant.number += 1,
            &|grant| grant.node = node(GREEN),
            &|grant| grant.time.to = grant.time.to.plus(1),
            &|grant| grant.institution = InstitutionId::new(2).unwrap(),
            &|grant| grant.slot.slot = SlotIndex::new(1).unwrap(),
            &|grant| grant.standing = Standing::HeldUntil(History::at(OPENS + HOLD + 1)),
        ];
        for change in wrong {
            let mut history = History::new();
            let mut grant = history.grant(&TAKE);
            change(&mut grant);
            history.say(OPENS, Asked::Seat(Deed::Book, History::wish(&TAKE)), Answer::Granted(grant));
            let found = history.recount();
            assert_eq!(found.count(Check::Misplaced), 1, "{found:?}");
        }
        // A slot that the session does not have, and a session that nobody published.
        let absurd = [(0, SlotIndex::new(9).unwrap()), (77, SlotIndex::default())];
        for (session, slot) in absurd {
            let mut history = History::new();
            let slot = SlotRef { session: SessionId::new(session).unwrap(), slot };
            let grant = Grant { slot, ..history.grant(&TAKE) };
            let wish = Wish { slot, ..History::wish(&TAKE) };
            history.say(OPENS, Asked::Seat(Deed::Book, wish), Answer::Granted(grant));
            assert_eq!(history.recount().count(Check::Misplaced), 1);
        }
        // One block for two slots.
        let mut history = History::new();
        let other = Take { patient: 2, slot: 1, ..TAKE };
        let stolen = BookingId::pack(BlockId::new(0).unwrap(), SeatIndex::new(0).unwrap(), Sequence(2));
        let grant = Grant { booking: stolen, ..history.grant(&other) };
        history.take(TAKE);
        history.say(OPENS, Asked::Seat(Deed::Book, History::wish(&other)), Answer::Granted(grant));
        assert!(history.recount().count(Check::Misplaced) >= 1);
    }

    #[test]
    fn somebody_elses_booking_cannot_be_settled() {
        let mut history = History::new();
        history.take(TAKE).cancel(&Take { patient: 2, ..TAKE }, 2, OPENS + 1);
        assert_eq!(history.recount().count(Check::Misplaced), 1);
    }

    #[test]
    fn what_the_answers_leave_open_is_not_held_against_anybody() {
        // Two threads in one phase: a command at a later time was decided first and swept the hold; the next grant of
        // the seat carries an earlier time.
        let held = Take { deed: Deed::Hold, ..TAKE };
        let mut history = History::new();
        history.take(held);
        history.take(Take { patient: 2, seat: 1, sequence: 3, at: OPENS + HOLD, ..TAKE });
        history.take(Take { patient: 3, seat: 0, sequence: 4, at: OPENS + HOLD - 1, ..TAKE });
        history.check(&[]);
        // The same, but somebody was quicker than the one who swept, so that there is only a refusal to be seen.
        let mut history = History::new();
        let refused = Answer::Refused(Refusal::plain(Code::SlotFull));
        let late = Take { patient: 2, at: OPENS + HOLD, ..TAKE };
        history.take(held).say(late.at, Asked::Seat(Deed::Book, History::wish(&late)), refused);
        history.take(Take { patient: 3, seat: 0, sequence: 3, at: OPENS + HOLD - 1, ..TAKE });
        history.check(&[]);
        // A command to another block has not looked here.
        let mut history = History::new();
        let elsewhere = Take { slot: 1, ..late };
        history.take(held).say(late.at, Asked::Seat(Deed::Book, History::wish(&elsewhere)), refused);
        history.take(Take { patient: 3, seat: 0, sequence: 3, at: OPENS + HOLD - 1, ..TAKE });
        history.check(&[Check::Oversold]);
    }

    #[test]
    fn a_whole_session_in_one_block_is_recounted_as_one() {
        let mut history = History::new();
        let nodes = vec![
            Node::plain("ROOT", node(ROOT)),
            Node { guarantee: 4, ..Node::plain("REFERRAL", node(ROOT)) },
            Node::plain("PUBLIC", node(ROOT)),
        ];
        let mut routes = Routes::default();
        routes.set_all(Class::Public, Route::one(node(PUBLIC)));
        let tree = PoolTree::new(10, nodes, routes).unwrap();
        history.plans[0].blocks = Blocks::WholeSession(tree);
        let take = |n: u8| Take {
            patient: u128::from(n) + 10,
            seat: n,
            slot: u16::from(n / 5),
            sequence: u32::from(n) + 1,
            ..TAKE
        };
        for n in 0..7 {
            let take = take(n);
            let booking = BookingId::pack(
                BlockId::new(0).unwrap(),
                SeatIndex::new(n).unwrap(),
                Sequence(take.sequence),
            );
            let number = u16::from(n) + 1;
            let grant = Grant { booking, number, ..history.grant(&take) };
            history.say(OPENS, Asked::Seat(Deed::Book, History::wish(&take)), Answer::Granted(grant));
            history.check(if n < 6 { &[] } else { &[Check::ReserveBreach] });
        }
    }
}

//! The checkers: the invariants of the allocation rules as functions, and linearizability of a concurrent history.
//!
//! Every checker returns `Err` with what it found, so that suites, fuzzers and benches can use them alike. The numbers
//! I1 to I23 are those of the specification's list of invariants.

use crate::generate::Command;
use crate::model::{
    Accepted, Booking, Counts, Denied, Model, Pools, State, Why, asks_for_ticket, gap, limit_code,
    most_in_window, one_more, too_close,
};
use haoyuan_core::ids::{BlockId, BookingId, Interval, PatientKey, SeatIndex, Sequence, SlotRef};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::pool::Protection;
use haoyuan_core::refusal::{Binding, Code, Refusal};
use haoyuan_core::request::{Availability, Grant, Settle, Settled, Standing, Wish};
use haoyuan_core::rules::{Rules, Scope};
use haoyuan_core::terms::{Channel, Class};
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// What a checker found.
pub type Finding = Result<(), String>;

/// `Err` with the message unless the condition holds.
macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err(format!($($message)+));
        }
    };
}

// ---- the fold --------------------------------------------------------------------------------------------------------

/// Something that decides by a pool tree: the model's fold, or the one under test.
pub trait Fold {
    /// The tree, as data.
    fn pools(&self) -> &Pools;

    /// Decides one claim at node `u`: the claim, or the code and the node that is named.
    ///
    /// # Errors
    /// The denial.
    fn claim(&self, b: &Counts, u: usize, t: i64) -> Result<Accepted, (Code, usize)>;

    /// How many claims of a class in a row would be accepted.
    fn free(&self, b: &Counts, class: Class, channel: Channel, t: i64) -> u32;

    /// The same, deciding by other pools; `None` if they make no tree.
    fn with(&self, pools: Pools) -> Option<Self>
    where
        Self: Sized;
}

impl Fold for Pools {
    fn pools(&self) -> &Pools {
        self
    }

    fn claim(&self, b: &Counts, u: usize, t: i64) -> Result<Accepted, (Code, usize)> {
        self.decide_at(b, u, t, false).map_err(|denied| (denied.code, denied.because[0].0))
    }

    fn free(&self, b: &Counts, class: Class, channel: Channel, t: i64) -> u32 {
        self.free(b, class, channel, t, self.capacity)
    }

    fn with(&self, pools: Pools) -> Option<Self> {
        Some(pools)
    }
}

/// I1, I2: the live seats of a slot are distinct and among its seats, and live and free are all there are.
///
/// # Errors
/// What is oversold or lost.
pub fn i1_i2_conserved(first: u8, seats: u8, live: &[u8], free: u8) -> Finding {
    let is_first = |(place, seat): (usize, &u8)| !live[..place].contains(seat);
    ensure!(live.iter().enumerate().all(is_first), "I2: a seat has two owners: {live:?}");
    ensure!(
        live.iter().all(|seat| (first..first + seats).contains(seat)),
        "I2: a seat of {live:?} is not one of {first}..{}",
        first + seats
    );
    ensure!(
        live.len() + usize::from(free) == usize::from(seats),
        "I1: {} live and {free} free are not {seats}",
        live.len()
    );
    Ok(())
}

/// I3: outsiders of a guarantee hold at most the rest.
///
/// # Errors
/// The guarantee that is broken.
pub fn i3_outsiders(pools: &Pools, b: &Counts, t: i64) -> Finding {
    let totals = pools.totals(b);
    for v in guarantees(pools) {
        let outsiders = totals[0] - totals[v];
        let (most, name) = (pools.capacity.saturating_sub(pools.guarantee(v, t)), &pools.nodes[v].name);
        ensure!(outsiders <= most, "I3: outsiders of `{name}` hold {outsiders} of at most {most} at {t}");
    }
    Ok(())
}

/// I4: an unmet guarantee is redeemable now, at every node inside it, caps and windows permitting.
///
/// # Errors
/// The guarantee that is not.
pub fn i4_redeemable(fold: &impl Fold, b: &Counts, t: i64) -> Finding {
    let pools = fold.pools();
    let wanted = pools.wanted(b, &pools.kept(t));
    for v in guarantees(pools).filter(|v| wanted[*v] < pools.guarantee(*v, t)) {
        for u in pools.bookable().into_iter().filter(|u| pools.is_inside(*u, v)) {
            let verdict = fold.claim(b, u, t);
            let elsewhere = matches!(verdict, Err((Code::NotOpen | Code::Closed | Code::CapReached, _)));
            ensure!(
                verdict.is_ok() || elsewhere,
                "I4: `{}` is unmet and a claim at `{}` is told {verdict:?} at {t}",
                pools.nodes[v].name,
                pools.nodes[u].name
            );
        }
    }
    Ok(())
}

/// I5: the same bookings, admitted in another order, leave the same availability.
///
/// # Errors
/// The class for which it differs.
pub fn i5_order_free(fold: &impl Fold, one: &[usize], other: &[usize], t: i64) -> Finding {
    let count = |admitted: &[usize]| {
        let mut b = fold.pools().empty();
        for u in admitted {
            b[*u] += 1;
        }
        b
    };
    for class in Class::ALL {
        let free = |admitted| fold.free(&count(admitted), *class, Channel::App, t);
        ensure!(free(one) == free(other), "I5: {class} sees {} or {} by order", free(one), free(other));
    }
    Ok(())
}

/// I7: a deeper node is a privilege. Where a claim at `v` is accepted, so is one at any node inside `v` whose own
/// windows and caps (up to `v`) do not forbid it.
///
/// # Errors
/// The node at which privilege harms.
pub fn i7_privilege(fold: &impl Fold, b: &Counts, t: i64) -> Finding {
    let pools = fold.pools();
    for v in pools.bookable() {
        if fold.claim(b, v, t).is_err() {
            continue;
        }
        for u in pools.bookable().into_iter().filter(|u| pools.is_inside(*u, v)) {
            let verdict = fold.claim(b, u, t);
            let own = matches!(verdict, Err((Code::NotOpen | Code::Closed | Code::CapReached, _)));
            ensure!(
                verdict.is_ok() || own,
                "I7: node {v} is admitted and node {u} inside it told {verdict:?}"
            );
        }
    }
    Ok(())
}

/// I8: one seat more of capacity never turns a yes into a no.
///
/// # Errors
/// The node at which it does.
pub fn i8_capacity(fold: &impl Fold, larger: &impl Fold, b: &Counts, t: i64) -> Finding {
    for u in fold.pools().bookable() {
        ensure!(
            fold.claim(b, u, t).is_err() || larger.claim(b, u, t).is_ok(),
            "I8: node {u} is refused because there is one seat more"
        );
    }
    Ok(())
}

/// I9: a lower minimum of `v` never turns a yes into a no for anybody outside `v`; nor, in a tree without extra
/// reserves, for anybody at all.
///
/// With an extra reserve, redeeming is a right that extra reserves yield to; whoever loses the right to redeem (the
/// members of `v` themselves, and only in what lay in their minimum) then queues behind them like everybody else.
///
/// # Errors
/// The node at which it does.
pub fn i9_release(fold: &impl Fold, lowered: &impl Fold, v: usize, b: &Counts, t: i64) -> Finding {
    let pools = fold.pools();
    let mixed = pools.nodes.iter().any(|node| node.protection == Protection::Extra);
    for u in pools.bookable().into_iter().filter(|u| !mixed || !pools.is_inside(*u, v)) {
        ensure!(
            fold.claim(b, u, t).is_err() || lowered.claim(b, u, t).is_ok(),
            "I9: node {u} is refused because node {v} has a lower minimum"
        );
    }
    Ok(())
}

/// I6: what everybody was told before a seat was taken, and after it was given back.
///
/// # Errors
/// Both, where they differ.
pub fn i6_undone<T: PartialEq + std::fmt::Debug>(before: &T, after: &T) -> Finding {
    ensure!(before == after, "I6: taken and given back, a seat leaves {after:?} of {before:?}");
    Ok(())
}

/// I10: over these times, in order, no minimum rises.
///
/// # Errors
/// The node whose minimum does.
pub fn i10_never_rises(pools: &Pools, times: &[i64]) -> Finding {
    for (v, node) in pools.nodes.iter().enumerate() {
        for pair in times.windows(2) {
            let (before, after) = (pools.guarantee(v, pair[0]), pools.guarantee(v, pair[1]));
            ensure!(after <= before, "I10: the minimum of `{}` rises to {after} at {}", node.name, pair[1]);
        }
    }
    Ok(())
}

/// I10: what everybody would be told later, asked before something ran and after.
///
/// # Errors
/// Both, where they differ.
pub fn i10_no_event<T: PartialEq + std::fmt::Debug>(before: &T, after: &T) -> Finding {
    ensure!(before == after, "I10: a sweep makes {after:?} of {before:?}");
    Ok(())
}

/// I11: nothing is accepted before a node opens (inclusive) or after it closes (exclusive), nor outside the windows of
/// the nodes above it.
///
/// # Errors
/// The node that accepts too early or too late.
pub fn i11_window(fold: &impl Fold, b: &Counts, t: i64) -> Finding {
    let pools = fold.pools();
    for u in pools.bookable() {
        let (opens, closes) = pools.window(u);
        let verdict = fold.claim(b, u, t);
        let shut = matches!(verdict, Err((Code::NotOpen | Code::Closed, _)));
        ensure!(
            shut != (opens <= t && t < closes),
            "I11: node {u} at {t}, open {opens}..{closes}: {verdict:?}"
        );
    }
    Ok(())
}

/// I23: a denial names a binding constraint; relaxed by one, it changes the answer, or the claim is nearer to a seat, or
/// the next is named.
///
/// # Errors
/// The node that is named and does not bind.
pub fn i23_binding<F: Fold>(fold: &F, b: &Counts, t: i64) -> Finding {
    let pools = fold.pools();
    for u in pools.bookable() {
        let (code, named) = match (fold.claim(b, u, t), pools.decide_at(b, u, t, false)) {
            (Ok(said), Ok(explained)) if said == explained => continue,
            (Err((code, named)), Err(denied)) => {
                ensure!(
                    code == denied.code && denied.because.iter().any(|(v, _)| *v == named),
                    "I23: node {u} at {t} is told {code} by node {named}; what binds is {denied:?}"
                );
                (code, named)
            }
            (said, explained) => return Err(format!("node {u} at {t}: {said:?}, not {explained:?}")),
        };
        let relaxed = relaxed(pools, code, named, t);
        let nearer = code == Code::Protected && relaxed.shortfall(b, u, t) < pools.shortfall(b, u, t);
        let Some(other) = fold.with(relaxed) else { continue };
        ensure!(
            nearer || other.claim(b, u, t) != Err((code, named)),
            "I23: node {u} at {t} is told {code} by node {named}, which is relaxed in vain"
        );
    }
    Ok(())
}

/// The same pools with one constraint relaxed by one: a seat of capacity, minimum or cap, or a window opened.
#[must_use]
pub fn relaxed(pools: &Pools, code: Code, v: usize, t: i64) -> Pools {
    let mut pools = pools.clone();
    let less = u8::try_from(pools.guarantee(v, t).saturating_sub(1)).unwrap_or(0);
    let node = &mut pools.nodes[v];
    match code {
        Code::NotOpen | Code::Closed => (node.opens, node.closes) = (i64::MIN, i64::MAX),
        Code::SlotFull => pools.capacity += 1,
        Code::Protected => {
            node.guarantee = less;
            node.fences.clear();
        }
        _ => node.cap = node.cap.map(|cap| cap + 1),
    }
    pools
}

fn guarantees(pools: &Pools) -> impl Iterator<Item = usize> + '_ {
    (1..pools.nodes.len()).filter(|v| pools.nodes[*v].protection == Protection::Guarantee)
}

// ---- quotas ----------------------------------------------------------------------------------------------------------

/// I12 for a ledger: every prefix of sessions reserves at least the share `p` (basis points), less than one seat more,
/// and each session gets its share rounded down or up.
///
/// # Errors
/// The session at which it does not.
pub fn i12_ledger(p: u32, sessions: &[(u32, u32)]) -> Finding {
    let (mut seats, mut reserved) = (0u64, 0u64);
    for (i, (capacity, quota)) in sessions.iter().enumerate() {
        let share = u64::from(p) * u64::from(*capacity);
        let (low, high) = (share / 10_000, share.div_ceil(10_000));
        ensure!(
            (low..=high).contains(&u64::from(*quota)),
            "I12: session {i}: {quota} is not {low} or {high}"
        );
        seats += u64::from(*capacity);
        reserved += u64::from(*quota);
        let wanted = (u64::from(p) * seats).div_ceil(10_000);
        ensure!(
            reserved == wanted,
            "I12: {reserved} reserved of {seats} seats after session {i}, not {wanted}"
        );
    }
    Ok(())
}

/// I12 for one pool over slots: the sum is exact, and each slot has its proportion rounded down or up.
///
/// # Errors
/// The slot at which it does not.
pub fn i12_spread(total: u32, capacity: &[u8], row: &[u8]) -> Finding {
    let seats: u32 = capacity.iter().map(|c| u32::from(*c)).sum();
    ensure!(row.len() == capacity.len(), "I12: {} slots instead of {}", row.len(), capacity.len());
    ensure!(row.iter().map(|r| u32::from(*r)).sum::<u32>() == total, "I12: {row:?} is not {total} together");
    for (s, (r, c)) in row.iter().zip(capacity).enumerate() {
        let share = total * u32::from(*c);
        ensure!(
            r <= c && u32::from(*r) >= share / seats && u32::from(*r) <= share.div_ceil(seats),
            "I12: slot {s} of {c} seats gets {r} of {total} over {seats}"
        );
    }
    Ok(())
}

/// I12 and I13 for several pools over slots: rows sum to the slots, columns to the pools, and after every slot each
/// pool is less than one seat away from its proportion.
///
/// # Errors
/// The slot and pool at which it is not.
pub fn i13_prefixes(totals: &[u32], capacity: &[u8], rows: &[Vec<u8>]) -> Finding {
    let seats: i64 = capacity.iter().map(|c| i64::from(*c)).sum();
    ensure!(rows.len() == capacity.len(), "I12: {} rows for {} slots", rows.len(), capacity.len());
    let mut given = vec![0i64; totals.len()];
    let mut passed = 0;
    for (s, (row, c)) in rows.iter().zip(capacity).enumerate() {
        let sum: u32 = row.iter().map(|r| u32::from(*r)).sum();
        ensure!(sum == u32::from(*c), "I12: slot {s} of {c} seats is given {sum}");
        passed += i64::from(*c);
        for (q, r) in row.iter().enumerate() {
            given[q] += i64::from(*r);
            let deviation = given[q] * seats - i64::from(totals[q]) * passed;
            ensure!(deviation.abs() < seats, "I13: pool {q} deviates by {deviation}/{seats} after slot {s}");
        }
    }
    ensure!(
        given.iter().zip(totals).all(|(g, t)| *g == i64::from(*t)),
        "I12: {given:?} are not the totals {totals:?}"
    );
    Ok(())
}

// ---- holds and patients ----------------------------------------------------------------------------------------------

/// I15: a hold at its end is not live, and a millisecond before it is.
///
/// # Errors
/// The answer that is wrong.
pub fn i15_end(until: Instant, at: Instant, is_live: bool) -> Finding {
    ensure!(is_live == (at < until), "I15: a hold until {} is live = {is_live} at {}", until.ms(), at.ms());
    Ok(())
}

/// A live booking as the patient rules see it.
#[derive(Clone, Copy, Debug)]
pub struct Visit<'a> {
    /// Which booking.
    pub booking: BookingId,
    /// Where and when.
    pub place: (u16, u32),
    /// With whom.
    pub practitioner: u32,
    /// The day the session counts for.
    pub day: Day,
    /// The time of the slot.
    pub time: Interval,
    /// The rules that it was granted under.
    pub rules: &'a Rules,
}

/// I19: the live bookings of one patient do not overlap and keep every limit.
///
/// Under different rules each booking was held to its own; a state breaks I19 if it does so by the rules of each.
///
/// # Errors
/// The bookings that should not be live together.
pub fn i19_patient(live: &[Visit<'_>]) -> Finding {
    for (i, a) in live.iter().enumerate() {
        for b in &live[i + 1..] {
            let gap = gap(a.rules, a.place.0 != b.place.0).min(gap(b.rules, a.place.0 != b.place.0));
            ensure!(!too_close(a.time, b.time, gap), "I19: {:?} and {:?} overlap", a.booking, b.booking);
        }
        // The last one granted was held to its rules; that it was this one is assumed only if all have the same.
        if live.iter().any(|b| b.rules != a.rules) {
            continue;
        }
        for limit in &a.rules.limits {
            let days: Vec<Day> = live
                .iter()
                .filter(|b| match limit.scope {
                    Scope::Practitioner => a.practitioner == b.practitioner,
                    Scope::Department => a.place == b.place,
                    Scope::Institution => a.place.0 == b.place.0,
                    Scope::Platform => true,
                })
                .map(|b| b.day)
                .collect();
            let most = most_in_window(limit.window, a.day, &days);
            ensure!(
                most <= usize::from(limit.most),
                "I19: {most} live bookings under {limit:?} ({:?})",
                a.booking
            );
        }
    }
    Ok(())
}

/// I1, I2, I19 of everything that is live in a model at an instant.
///
/// # Errors
/// The first that does not hold.
pub fn state(model: &Model, at: Instant) -> Finding {
    for (slot, _) in all_slots(model) {
        let (first, seats) = model.seats(slot);
        let live: Vec<u8> = model
            .bookings()
            .iter()
            .filter(|b| b.slot == slot && b.is_live(at))
            .map(|b| b.id.seat().get())
            .collect();
        let free = u8::try_from(model.free_seats(slot, at).count()).unwrap_or(u8::MAX);
        i1_i2_conserved(first, seats, &live, free)?;
    }
    let patients: BTreeSet<PatientKey> = model.bookings().iter().map(|b| b.patient).collect();
    for patient in patients {
        let live: Vec<Visit<'_>> =
            model.bookings_of(patient, at).into_iter().map(|b| visit(model, b.id, b.slot)).collect();
        i19_patient(&live)?;
    }
    Ok(())
}

/// Every slot that is published, with its origin.
#[must_use]
pub fn all_slots(model: &Model) -> Vec<(SlotRef, Instant)> {
    let mut all = Vec::new();
    for (plan, session) in model.plans().zip((0..).filter_map(haoyuan_core::ids::SessionId::new)) {
        all.extend(crate::model::slots(plan).map(|slot| (SlotRef { session, slot }, plan.session.origin())));
    }
    all
}

fn visit(model: &Model, booking: BookingId, slot: SlotRef) -> Visit<'_> {
    let plan = model.plans().nth(slot.session.index()).expect("a booked slot is published");
    Visit {
        booking,
        place: (plan.session.institution.get(), plan.session.department.get()),
        // After a substitution, limits per practitioner say nothing about what was booked before.
        practitioner: if model.was_substituted() {
            booking.sequence().0 ^ booking.block().get() << 16
        } else {
            plan.session.practitioner.get()
        },
        day: plan.session.day(),
        time: plan.session.slot_time(slot.slot),
        rules: &plan.rules,
    }
}

// ---- concurrent histories --------------------------------------------------------------------------------------------

/// What a command was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A seat.
    Granted(Grant),
    /// Confirmed or cancelled.
    Settled(Settled),
    /// No.
    Refused(Refusal),
    /// What the decision would say.
    Available(Availability),
    /// What stands under the two keys that were merged.
    Merged(Vec<BookingId>),
    /// Something that the checker does not look at.
    Other,
}

/// One command of a concurrent history, with its place in real time: no two events share a number, and `a.ended <
/// b.began` means that a was answered before b was asked.
#[derive(Clone, Debug)]
pub struct Event {
    /// When it was asked.
    pub began: u64,
    /// When it was answered.
    pub ended: u64,
    /// The instant it carried.
    pub at: Instant,
    /// What was asked.
    pub command: Command,
    /// What was answered.
    pub answer: Answer,
}

/// What a transition did to its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Held until.
    Held(Instant),
    /// Booked at once.
    Booked,
    /// A hold became a booking.
    Confirmed,
    /// Given back.
    Cancelled,
    /// Looked past.
    Expired,
    /// Taken back by the hospital.
    Withdrawn,
}

/// One accepted transition, as traced.
#[derive(Clone, Copy, Debug)]
pub struct Traced {
    /// The place in the history of the booking's block.
    pub sequence: Sequence,
    /// The booking.
    pub booking: BookingId,
    /// Where.
    pub slot: SlotRef,
    /// Whose.
    pub patient: PatientKey,
    /// What happened.
    pub change: Change,
    /// The instant that the command carried.
    pub at: Instant,
}

/// What a checked history contained, so that a suite can say that it tested something.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Transitions.
    pub transitions: usize,
    /// Refusals and availabilities that were explained by a state of their block.
    pub explained: usize,
    /// Requests told to ask again.
    pub concurrent: usize,
    /// The most states that a question had to be explained by.
    pub widest: usize,
}

/// Checks that a history is linearizable: per block there is one order of all transitions, without a gap, in which the
/// model accepts every one of them, which agrees with real time, and in which every refusal and every availability is
/// what some state between its question and its answer says; and that each patient's bookings keep the patient rules.
///
/// A hold ends at its instant for everybody who asks after it was answered. While its own command is under way, whoever asks
/// at an instant past its end may still find it live: until when it is held is not written yet, and nobody has been told.
///
/// `model` has the sessions and tickets of the history, and no bookings.
///
/// # Errors
/// Everything that was found.
pub fn linearizable(model: &Model, history: &[Event], trace: &[Traced]) -> Result<Tally, Vec<String>> {
    let mut findings = Vec::new();
    let mut tally = Tally { transitions: trace.len(), ..Tally::default() };
    let mut blocks: BTreeMap<BlockId, Vec<&Traced>> = BTreeMap::new();
    for (slot, _) in all_slots(model) {
        blocks.entry(model.block(slot)).or_default();
    }
    for fact in trace {
        blocks.entry(fact.booking.block()).or_default().push(fact);
    }
    let events_of = by_block(model, history);
    for (block, mut facts) in blocks {
        facts.sort_by_key(|fact| fact.sequence);
        let events = events_of.get(&block).map_or(&[][..], Vec::as_slice);
        match Replay::of(model, block, &facts, events) {
            Ok(replay) => match replay.explain(events, &mut tally) {
                Ok(()) => {}
                Err(unexplained) => findings.extend(unexplained),
            },
            Err(finding) => findings.push(format!("block {block}: {finding}")),
        }
    }
    findings.extend(patients(model, history, trace, &mut tally));
    if findings.is_empty() { Ok(tally) } else { Err(findings) }
}

/// The block that a command is decided by, if it is one.
fn block_of(model: &Model, command: &Command) -> Option<BlockId> {
    match command {
        Command::Hold(Wish { slot, .. })
        | Command::Book(Wish { slot, .. })
        | Command::Assign(Wish { slot, .. })
        | Command::Availability(slot, ..) => {
            let plan = model.plans().nth(slot.session.index())?;
            (slot.slot.index() < plan.session.capacity.len()).then(|| model.block(*slot))
        }
        Command::Confirm(settle) | Command::Cancel(settle) => Some(settle.booking.block()),
        Command::Withdraw(booking) => Some(booking.block()),
        _ => None,
    }
}

fn by_block<'a>(model: &Model, history: &'a [Event]) -> BTreeMap<BlockId, Vec<&'a Event>> {
    let mut events: BTreeMap<BlockId, Vec<&Event>> = BTreeMap::new();
    for event in history {
        if let Some(block) = block_of(model, &event.command) {
            events.entry(block).or_default().push(event);
        }
    }
    for events in events.values_mut() {
        events.sort_by_key(|event| event.began);
    }
    events
}

/// The sequence of the transition that an event made, if it made one.
fn transition(event: &Event) -> Option<Sequence> {
    match event.answer {
        Answer::Granted(grant) => Some(grant.booking.sequence()),
        Answer::Settled(Settled { sequence, changed: true, .. }) => Some(sequence),
        _ => None,
    }
}

/// All states of one block, in order.
struct Replay<'a> {
    model: &'a Model,
    block: BlockId,
    /// `states[n]`: the bookings ever granted, as they are after the n-th transition.
    states: Vec<Vec<Booking>>,
    /// When the command of each booking was answered.
    answered: BTreeMap<BookingId, u64>,
}

impl<'a> Replay<'a> {
    /// Replays the transitions of a block through the model.
    fn of(model: &'a Model, block: BlockId, facts: &[&Traced], events: &[&Event]) -> Result<Self, String> {
        for (expected, fact) in (1..).zip(facts) {
            ensure!(
                fact.sequence == Sequence(expected),
                "transition {expected} is missing or doubled: next is {:?} {:?}",
                fact.sequence,
                fact.change
            );
        }
        let mut makers: BTreeMap<Sequence, &Event> = BTreeMap::new();
        for event in events {
            if let Some(sequence) = transition(event) {
                let other = makers.insert(sequence, event);
                ensure!(
                    other.is_none(),
                    "two commands made transition {}: {other:?} and {event:?}",
                    sequence.0
                );
            }
        }
        let mut replay = Self { model, block, states: vec![Vec::new()], answered: BTreeMap::new() };
        let mut latest_begun = 0;
        for fact in facts {
            let maker = makers.remove(&fact.sequence);
            if let Some(event) = maker {
                ensure!(
                    event.ended >= latest_begun,
                    "transition {} was answered before an earlier one was asked for",
                    fact.sequence.0
                );
                latest_begun = latest_begun.max(event.began);
            }
            let next = replay.step(fact, maker)?;
            replay.states.push(next);
        }
        ensure!(makers.is_empty(), "answered but not traced: {:?}", makers.values().next());
        Ok(replay)
    }

    fn last(&self) -> &[Booking] {
        self.states.last().map_or(&[], Vec::as_slice)
    }

    /// The state after one transition, if the model accepts it.
    fn step(&mut self, fact: &Traced, maker: Option<&Event>) -> Result<Vec<Booking>, String> {
        let mut next = self.last().to_vec();
        let number = fact.sequence.0;
        if let (Change::Held(_) | Change::Booked, Some(event)) = (fact.change, maker) {
            let mut views =
                self.views(self.last(), event).into_iter().map(|view| self.granted(fact, event, &view));
            let first = views.next().expect("the state as it is comes first");
            next.push(first.or_else(|finding| views.find_map(Result::ok).ok_or(finding))?);
            self.answered.insert(fact.booking, event.ended);
            return Ok(next);
        }
        let booking = next
            .iter_mut()
            .find(|b| b.id == fact.booking)
            .ok_or_else(|| format!("transition {number} {:?} of a booking never granted", fact.change))?;
        ensure!(booking.patient == fact.patient, "transition {number} is of somebody else's booking");
        let command = maker.map(|event| (&event.command, event.at));
        booking.state = match (fact.change, booking.state, command) {
            (Change::Confirmed, State::Held(until), Some((Command::Confirm(settle), at))) => {
                ensure!(settle.patient == booking.patient, "transition {number} confirmed for somebody else");
                ensure!(settle.booking == booking.id, "transition {number} confirmed another booking");
                i15_end(until, at, true)?;
                State::Booked
            }
            (
                Change::Cancelled,
                was @ (State::Held(_) | State::Booked),
                Some((Command::Cancel(settle), at)),
            ) => {
                ensure!(settle.patient == booking.patient, "transition {number} cancelled for somebody else");
                ensure!(settle.booking == booking.id, "transition {number} cancelled another booking");
                if let State::Held(until) = was {
                    i15_end(until, at, true)?;
                }
                State::Cancelled
            }
            (Change::Expired, State::Held(until), None) => {
                i15_end(until, fact.at, false)?;
                State::Expired
            }
            (Change::Withdrawn, was @ (State::Held(_) | State::Booked), Some((Command::Withdraw(_), at))) => {
                if let State::Held(until) = was {
                    i15_end(until, at, true)?;
                }
                State::Withdrawn
            }
            (change, state, command) => {
                return Err(format!("transition {number}: {change:?} of {state:?} by {command:?}"));
            }
        };
        Ok(next)
    }

    /// The ways in which an event may see a state: as it is, and with holds live whose end has come and whose own commands
    /// were not answered when the event began.
    fn views(&self, state: &[Booking], event: &Event) -> Vec<Vec<Booking>> {
        let mut views = vec![state.to_vec()];
        for (i, booking) in state.iter().enumerate() {
            if booking.is_due(event.at) && self.answered.get(&booking.id).is_some_and(|e| *e > event.began) {
                for mut view in views.clone() {
                    view[i].state = State::Booked;
                    views.push(view);
                }
            }
        }
        views
    }

    /// The booking that a claim made, if the model grants exactly this one.
    fn granted(&self, fact: &Traced, event: &Event, state: &[Booking]) -> Result<Booking, String> {
        let number = fact.sequence.0;
        let (Command::Hold(wish) | Command::Book(wish) | Command::Assign(wish), Answer::Granted(grant)) =
            (&event.command, &event.answer)
        else {
            return Err(format!("transition {number} is a claim that nobody made: {event:?}"));
        };
        let held = matches!(event.command, Command::Hold(_));
        ensure!(
            fact.booking == grant.booking && fact.slot == wish.slot && fact.patient == wish.patient,
            "transition {number} is traced as {fact:?} and answered as {grant:?}"
        );
        let live: Vec<&Booking> = state.iter().filter(|b| b.is_live(event.at)).collect();
        ensure!(
            state.iter().all(|b| !b.is_due(event.at)),
            "claim {number} left a dead hold behind at {}",
            event.at.ms()
        );
        let pools = self.model.pools(wish.slot);
        let b = counts(pools, &live);
        let free = self.free_seats(wish.slot, &live);
        let seat = free.first().ok_or_else(|| format!("claim {number} oversells the slot"))?;
        ensure!(
            *seat == grant.booking.seat().get(),
            "claim {number} took seat {} and the lowest free is {seat}",
            grant.booking.seat()
        );
        let (first, _) = self.model.seats(wish.slot);
        let plan = self.model.plans().nth(wish.slot.session.index()).expect("published");
        let before: u16 = plan.session.capacity[..wish.slot.slot.index()].iter().map(|c| u16::from(*c)).sum();
        ensure!(
            grant.number == before + u16::from(seat - first) + 1,
            "claim {number} has number {}",
            grant.number
        );
        let t = event.at.ms() - plan.session.origin().ms();
        let accepted = pools
            .decide(&b, wish.class, wish.channel, t, false)
            .map_err(|denied| format!("claim {number} was granted and the model says {denied:?}"))?;
        ensure!(
            (accepted.node, accepted.spill) == (grant.node.index(), grant.spill),
            "claim {number} was admitted at node {} spill {}, not {accepted:?}",
            grant.node,
            grant.spill
        );
        i3_outsiders_of(pools, &b, accepted.node, t)?;
        let state = match grant.standing {
            Standing::HeldUntil(until) => State::Held(until),
            Standing::Booked => State::Booked,
        };
        ensure!(held == matches!(state, State::Held(_)), "claim {number}: {:?} of {held}", grant.standing);
        Ok(Booking {
            id: grant.booking,
            patient: wish.patient,
            slot: wish.slot,
            class: wish.class,
            channel: wish.channel,
            ticket: wish.ticket.filter(|_| asks_for_ticket(&plan.rules, wish.class)),
            node: accepted.node,
            granted: event.at,
            offered: matches!(event.command, Command::Assign(_)),
            state,
        })
    }

    fn free_seats(&self, slot: SlotRef, live: &[&Booking]) -> Vec<u8> {
        let (first, seats) = self.model.seats(slot);
        let taken: Vec<u8> = live.iter().map(|b| b.id.seat().get()).collect();
        (first..first + seats).filter(|seat| !taken.contains(seat)).collect()
    }

    /// Finds, for every refusal and availability, a state between question and answer that says it, such that later
    /// questions are not answered by earlier states.
    fn explain(&self, events: &[&Event], tally: &mut Tally) -> Result<(), Vec<String>> {
        let mut findings = Vec::new();
        let made: Vec<(&Event, usize)> =
            events.iter().filter_map(|event| transition(event).map(|s| (*event, s.0 as usize))).collect();
        let mut by_end = made.clone();
        by_end.sort_by_key(|(event, _)| event.ended);
        let mut by_end = by_end.into_iter().peekable();
        // hi: the first transition of the commands that began after an instant, as a suffix minimum over `made`.
        let mut first_after = vec![self.states.len(); made.len() + 1];
        for (i, (_, sequence)) in made.iter().enumerate().rev() {
            first_after[i] = first_after[i + 1].min(*sequence);
        }
        // Answered questions whose answers later ones must respect: earliest end first.
        let mut answered: BinaryHeap<(std::cmp::Reverse<u64>, usize)> = BinaryHeap::new();
        let mut floor = 0;
        for event in events {
            while let Some((_, sequence)) = by_end.next_if(|(made, _)| made.ended < event.began) {
                floor = floor.max(sequence);
            }
            while let Some((_, state)) = answered.peek().filter(|(ended, _)| ended.0 < event.began) {
                floor = floor.max(*state);
                answered.pop();
            }
            if transition(event).is_some() || event.answer == Answer::Other {
                continue;
            }
            let after = made.partition_point(|(made, _)| made.began < event.ended);
            let states = floor..first_after[after];
            tally.widest = tally.widest.max(states.len());
            let mut answers = Vec::new();
            let found = states.clone().find(|n| {
                self.views(&self.states[*n], event).iter().any(|view| {
                    let says = self.says(event, view);
                    let fits = says.fits(&event.answer);
                    answers.push(says);
                    fits
                })
            });
            if let Some(state) = found {
                tally.explained += 1;
                answered.push((std::cmp::Reverse(event.ended), state));
            } else {
                answers.dedup();
                findings.push(format!(
                    "block {}: no state of {states:?} explains {event:?}; they say {answers:?}",
                    self.block
                ));
            }
        }
        if findings.is_empty() { Ok(()) } else { Err(findings) }
    }

    /// What the model answers in one state.
    fn says(&self, event: &Event, state: &[Booking]) -> Says {
        let at = event.at;
        let live: Vec<&Booking> = state.iter().filter(|b| b.is_live(at)).collect();
        let decide = |slot: SlotRef, class, channel| {
            let pools = self.model.pools(slot);
            let b = counts(pools, &live);
            let origin = self.model.plans().nth(slot.session.index()).expect("published").session.origin();
            let t = at.ms() - origin.ms();
            let free = self.free_seats(slot, &live);
            let verdict = pools.decide(&b, class, channel, t, free.is_empty());
            let seats = u32::try_from(free.len()).unwrap_or(u32::MAX);
            (verdict, pools.free(&b, class, channel, t, seats), live.len())
        };
        match &event.command {
            Command::Hold(wish) | Command::Book(wish) | Command::Assign(wish) => {
                match decide(wish.slot, wish.class, wish.channel).0 {
                    Ok(_) => Says::Granted,
                    Err(denied) => Says::Denied(denied),
                }
            }
            Command::Availability(slot, class, channel) => {
                let (verdict, free, live) = decide(*slot, *class, *channel);
                Says::Available(free, live, verdict.err())
            }
            Command::Confirm(settle) => Says::settled(settle, state, at, true),
            Command::Cancel(settle) => Says::settled(settle, state, at, false),
            Command::Withdraw(booking) => match state.iter().find(|b| b.id == *booking).map(|b| b.state) {
                Some(State::Held(until)) if until <= at => Says::Codes(&[Code::HoldExpired]),
                Some(State::Held(_) | State::Booked) => Says::Granted,
                _ => Says::Codes(&[Code::UnknownBooking]),
            },
            _ => Says::Granted,
        }
    }
}

/// What one state answers.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Says {
    /// The block grants it: patient rules and tickets may still refuse.
    Granted,
    Denied(Denied),
    Available(u32, usize, Option<Denied>),
    /// Confirming changes nothing.
    Unchanged,
    /// One of these codes.
    Codes(&'static [Code]),
}

impl Says {
    fn settled(settle: &Settle, state: &[Booking], at: Instant, confirm: bool) -> Self {
        match state.iter().find(|b| b.id == settle.booking && b.patient == settle.patient).map(|b| b.state) {
            None => Self::Codes(&[Code::UnknownBooking]),
            Some(State::Cancelled | State::Withdrawn) => {
                Self::Codes(&[Code::Cancelled, Code::UnknownBooking])
            }
            Some(State::Expired) => Self::Codes(&[Code::HoldExpired, Code::UnknownBooking]),
            Some(State::Held(until)) if until <= at => Self::Codes(&[Code::HoldExpired]),
            Some(State::Booked) if confirm => Self::Unchanged,
            Some(State::Booked) => Self::Codes(&[Code::TooLate]),
            Some(State::Held(_)) => Self::Granted,
        }
    }

    fn fits(&self, answer: &Answer) -> bool {
        match (self, answer) {
            // Decided before the block was asked.
            (_, Answer::Refused(Refusal { code: Code::ConcurrentRequest, .. })) => true,
            (Self::Denied(denied), Answer::Refused(refusal)) => {
                denied.code == refusal.code && denied.because.iter().any(|(v, _)| names(refusal.binding, *v))
            }
            // What the patient rules and tickets say is checked over the patient's history; here it matters that the block
            // would have granted, because its refusals come first.
            (Self::Granted, Answer::Refused(refusal)) => (401..600).contains(&refusal.code.number()),
            (Self::Codes(codes), Answer::Refused(refusal)) => codes.contains(&refusal.code),
            (Self::Unchanged, Answer::Settled(settled)) => !settled.changed,
            (Self::Available(free, live, denied), Answer::Available(available)) => {
                u32::from(available.free) == *free
                    && usize::from(available.live) == *live
                    && available.refusal.map(|r| r.code) == denied.as_ref().map(|d| d.code)
            }
            _ => false,
        }
    }
}

fn names(binding: Binding, v: usize) -> bool {
    matches!(binding, Binding::Node(node) if node.index() == v)
}

fn counts(pools: &Pools, live: &[&Booking]) -> Counts {
    let mut b = pools.empty();
    for booking in live {
        b[booking.node] += 1;
    }
    b
}

/// I3 for the guarantees that a claim at `u`, just accepted, is outside of.
fn i3_outsiders_of(pools: &Pools, b: &Counts, u: usize, t: i64) -> Finding {
    i3_outsiders(pools, &one_more(b, u), t)
}

/// Two keys of a history that turned out to be one person's. No key is given up twice.
struct Merging {
    given_up: PatientKey,
    stays: PatientKey,
    /// When it was asked for: nobody sees it before.
    began: u64,
    /// From here on everybody sees it: it was answered, or somebody was told so before.
    sure: u64,
}

fn mergings(history: &[Event]) -> Vec<Merging> {
    let told = |event: &&Event, key: PatientKey| {
        let is_told = matches!(event.answer, Answer::Refused(Refusal { code: Code::IdentityMerged, .. }));
        is_told && event.command.patient() == Some(key)
    };
    let merging = |event: &Event| {
        let Command::Merge(given_up, stays) = event.command else { return None };
        let told = history.iter().filter(|other| told(other, given_up)).map(|other| other.ended);
        let sure = told.chain([event.ended]).min()?;
        Some(Merging { given_up, stays, began: event.began, sure })
    };
    history.iter().filter_map(merging).collect()
}

/// The history of each patient: rules kept by what was granted, and refusals that something explains.
fn patients(model: &Model, history: &[Event], trace: &[Traced], tally: &mut Tally) -> Vec<String> {
    let mut findings = Vec::new();
    let mut own: BTreeMap<PatientKey, Vec<&Event>> = BTreeMap::new();
    // What the hospital does to a booking it does to its patient.
    let owners: BTreeMap<BookingId, PatientKey> = trace.iter().map(|f| (f.booking, f.patient)).collect();
    for event in history {
        let patient = match event.command {
            Command::Withdraw(booking) => owners.get(&booking).copied(),
            _ => event.command.patient(),
        };
        if let Some(patient) = patient {
            own.entry(patient).or_default().push(event);
        }
        if let Command::Merge(given_up, stays) = event.command {
            own.entry(given_up).or_default().push(event);
            own.entry(stays).or_default().push(event);
        }
    }
    let mergings = mergings(history);
    let expired: BTreeSet<BookingId> =
        trace.iter().filter(|f| f.change == Change::Expired).map(|f| f.booking).collect();
    for (patient, events) in &own {
        let mut lives = lives(events, &expired);
        for merging in mergings.iter().filter(|merging| merging.stays == *patient) {
            let theirs = own.get(&merging.given_up).map_or(&[][..], Vec::as_slice);
            let counts = Some((merging.began, merging.sure));
            lives.extend(self::lives(theirs, &expired).into_iter().map(|life| Life { counts, ..life }));
        }
        findings.extend(coexisting(model, &lives));
        let given_up = mergings.iter().find(|merging| merging.given_up == *patient);
        for event in events {
            findings.extend(merged(event, given_up, &lives).err());
            let Answer::Refused(refusal) = event.answer else { continue };
            let meets = |other: &&&Event| {
                !std::ptr::eq(**other, *event) && other.began < event.ended && event.began < other.ended
            };
            if refusal.code == Code::ConcurrentRequest {
                tally.concurrent += 1;
                if matches!(event.command, Command::Assign(_) | Command::Merge(..)) {
                    findings.push(format!("what the hospital does waits for its turn: {event:?}"));
                }
                if !events.iter().any(|other| meets(&other)) {
                    findings.push(format!("nothing of this patient was under way: {event:?}"));
                }
            } else if let Err(finding) = explained_by_patient(model, event, &refusal, &lives) {
                findings.push(finding);
            }
        }
    }
    findings
}

/// The life of one booking in real time.
#[derive(Clone, Copy, Debug)]
struct Life {
    booking: BookingId,
    slot: SlotRef,
    ticket: Option<haoyuan_core::ids::TicketId>,
    /// Began and ended of the command that granted it.
    granted: (u64, u64),
    /// The instant it was granted at.
    at: Instant,
    until: Option<Instant>,
    /// Began and ended of the command that confirmed it, if it was a hold.
    confirmed: Option<(u64, u64)>,
    /// Began and ended of the command that gave it back.
    released: Option<(u64, u64)>,
    expired: bool,
    /// Of a booking of a key that was given up: when it may, and from when on it must, count for the key that stays.
    counts: Option<(u64, u64)>,
}

impl Life {
    /// Whether it may have been live at some moment of `(began, ended)` for a command at `at`.
    fn may_be_live(&self, (began, ended): (u64, u64), at: Instant) -> bool {
        let dead =
            self.until.is_some_and(|until| until <= at) && self.confirmed.is_none_or(|(b, _)| b > ended);
        let counts = self.counts.is_none_or(|(may, _)| may < ended);
        self.granted.0 < ended && self.released.is_none_or(|(_, e)| e > began) && !dead && counts
    }

    fn may_be_held(&self, (began, ended): (u64, u64), at: Instant) -> bool {
        self.until.is_some()
            && self.may_be_live((began, ended), at)
            && self.confirmed.is_none_or(|(_, e)| e > began)
    }
}

fn lives(events: &[&Event], expired: &BTreeSet<BookingId>) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    for event in events {
        if let (Command::Hold(wish) | Command::Book(wish) | Command::Assign(wish), Answer::Granted(grant)) =
            (&event.command, &event.answer)
        {
            lives.push(Life {
                booking: grant.booking,
                slot: wish.slot,
                ticket: wish.ticket,
                granted: (event.began, event.ended),
                at: event.at,
                until: match grant.standing {
                    Standing::HeldUntil(until) => Some(until),
                    Standing::Booked => None,
                },
                confirmed: None,
                released: None,
                expired: expired.contains(&grant.booking),
                counts: None,
            });
        }
    }
    for event in events {
        let Answer::Settled(Settled { booking, changed: true, .. }) = event.answer else { continue };
        if let Some(life) = lives.iter_mut().find(|life| life.booking == booking) {
            match event.command {
                Command::Confirm(_) => life.confirmed = Some((event.began, event.ended)),
                _ => life.released = Some((event.began, event.ended)),
            }
        }
    }
    lives
}

/// I19 over time: no two bookings that were surely live together break a rule, and no set of them a limit.
fn coexisting(model: &Model, lives: &[Life]) -> Vec<String> {
    let mut findings = Vec::new();
    for a in lives.iter().filter(|life| life.counts.is_none()) {
        // Those that were surely live when both had been granted.
        let together: Vec<&Life> = lives
            .iter()
            .filter(|b| {
                let both = a.granted.1.max(b.granted.1);
                let stays = |life: &Life, at: Instant| {
                    let released = life.released.is_some_and(|(began, _)| began < both);
                    let ended = life.until.is_some_and(|until| until <= at) || life.expired;
                    !released && !ended
                };
                let at = a.at.max(b.at);
                let counts = b.counts.is_none_or(|(_, sure)| sure < a.granted.0);
                b.granted.1 <= a.granted.1 && stays(a, at) && stays(b, at) && counts
            })
            .collect();
        for b in together.iter().filter(|b| b.booking != a.booking) {
            let pair = [visit(model, a.booking, a.slot), visit(model, b.booking, b.slot)];
            if let Err(finding) = i19_patient(&pair) {
                findings.push(format!("{finding}: {a:?}, {b:?}"));
            }
        }
        let all: Vec<Visit<'_>> = together.iter().map(|b| visit(model, b.booking, b.slot)).collect();
        if let Err(finding) = i19_patient(&all) {
            findings.push(finding);
        }
    }
    findings
}

/// What is answered of a key that was given up, and of what stands under two that were merged.
fn merged(event: &Event, given_up: Option<&Merging>, lives: &[Life]) -> Finding {
    let claims = matches!(event.command, Command::Hold(_) | Command::Book(_) | Command::Assign(_));
    if let Some(merging) = given_up.filter(|merging| claims && merging.sure < event.began) {
        // What the block says comes first, and whether it is so says its history.
        let is_blocks = |code: Code| code < Code::IdentityMerged || code == Code::ConcurrentRequest;
        let told = matches!(event.answer, Answer::Refused(Refusal { code, .. })
            if code == Code::IdentityMerged || is_blocks(code));
        ensure!(told, "key {:?} was given up before: {event:?}", merging.given_up);
    }
    if let Answer::Refused(Refusal { code: Code::IdentityMerged, .. }) = event.answer {
        let may_be = given_up.is_some_and(|merging| merging.began < event.ended);
        ensure!(may_be, "nobody has given this key up: {event:?}");
    }
    let (Command::Merge(_, stays), Answer::Merged(listed)) = (&event.command, &event.answer) else {
        return Ok(());
    };
    // Said once, in the history of the key that stays, which has the other's bookings.
    if given_up.is_some_and(|merging| merging.stays == *stays) {
        return Ok(());
    }
    for booking in listed {
        let may_be = |life: &Life| life.may_be_live((event.began, event.ended), event.at);
        let is_there = lives.iter().any(|life| life.booking == *booking && may_be(life));
        ensure!(is_there, "{booking:?} stands under neither key: {event:?}");
    }
    for life in lives.iter().filter(|life| life.granted.1 < event.began && !life.expired) {
        let is_theirs = life.counts.is_none_or(|(began, _)| began == event.began);
        let stays = life.released.is_none_or(|(began, _)| began > event.ended);
        let lasts = life.until.is_none_or(|until| event.at < until);
        ensure!(
            !(is_theirs && stays && lasts) || listed.contains(&life.booking),
            "{life:?} is not among what is merged: {event:?}"
        );
    }
    Ok(())
}

/// Whether what a patient may have had, while the command was under way, explains its refusal.
fn explained_by_patient(model: &Model, event: &Event, refusal: &Refusal, lives: &[Life]) -> Finding {
    let (Command::Hold(wish) | Command::Book(wish) | Command::Assign(wish)) = &event.command else {
        return Ok(());
    };
    let during = (event.began, event.ended);
    let Some(plan) = model.plans().nth(wish.slot.session.index()) else { return Ok(()) };
    let live: Vec<&Life> = lives.iter().filter(|life| life.may_be_live(during, event.at)).collect();
    let wanted =
        visit(model, BookingId::pack(BlockId::default(), SeatIndex::default(), Sequence(1)), wish.slot);
    let is_explained = match refusal.code {
        Code::Overlap => live.iter().any(|life| {
            let other = visit(model, life.booking, life.slot);
            let named = matches!(refusal.binding, Binding::Booking(id) if id == life.booking);
            named && too_close(wanted.time, other.time, gap(&plan.rules, wanted.place.0 != other.place.0))
        }),
        Code::TicketUsed => live.iter().any(|life| life.ticket == wish.ticket),
        Code::DepartmentDayLimit | Code::DayLimit | Code::PeriodLimit => {
            plan.rules.limits.iter().filter(|limit| limit_code(limit) == refusal.code).any(|limit| {
                let days: Vec<Day> = live
                    .iter()
                    .map(|life| visit(model, life.booking, life.slot))
                    .filter(|other| match limit.scope {
                        Scope::Practitioner => other.practitioner == wanted.practitioner,
                        Scope::Department => other.place == wanted.place,
                        Scope::Institution => other.place.0 == wanted.place.0,
                        Scope::Platform => true,
                    })
                    .map(|other| other.day)
                    .collect();
                most_in_window(limit.window, wanted.day, &days) >= usize::from(limit.most)
            })
        }
        Code::SessionHoldLimit => {
            let holds = lives
                .iter()
                .filter(|life| life.slot.session == wish.slot.session && life.may_be_held(during, event.at));
            holds.count() >= usize::from(plan.rules.holds_per_session)
        }
        Code::HoldLimit => {
            let holds = lives.iter().filter(|life| life.may_be_held(during, event.at));
            holds.count() >= usize::from(plan.rules.holds_per_patient)
        }
        _ => true,
    };
    ensure!(is_explained, "nothing that the patient had explains {event:?}: {lives:?}");
    Ok(())
}

/// Whether a refusal is one that the model explains.
///
/// # Errors
/// Both.
pub fn same_refusal(why: &Why, refusal: &Refusal) -> Finding {
    ensure!(why.explains(refusal), "refused with {refusal:?}, and the model says {why:?}");
    Ok(())
}

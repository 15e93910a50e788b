//! Every pair and every triple of {claim, confirm, expire, cancel, stop}, the handing over to those who wait, what the hospital
//! gives, keys that are merged, and idempotency keys: the whole engine, by two and three threads, in every interleaving, without a bound on preemptions.
//!
//! Run with `RUSTFLAGS="--cfg loom" cargo test --release -p haoyuan-engine --lib unbounded -- --nocapture`; each line says how
//! many states and accesses were explored, by which memory, and whether that is all. Every exploration goes to its end, unless
//! `HAOYUAN_STATES=20000` stops it after so many states; `HAOYUAN_MEMORY=sequential` leaves out stale values. How it is done, and what it covers, is said at [`crate::explore`].
//!
//! The judge of the pairs and triples is the engine itself, asked by one thread: what the threads were answered, and what
//! they left, must be what some order of the same commands gives. A command that was told to ask again is left out of the
//! order, and only a patient who asks twice at once may be told so.

use crate::explore::{Memory, alone, explore};
use crate::fact::{Change, Fact, Trace};
use crate::hospital::Occupied;
use crate::{Engine, Limits, LiveBooking};
use haoyuan_core::ids::{
    BookingId, DepartmentId, IdempotencyKey, InstitutionId, Interval, NodeIndex, PatientKey, PractitionerId,
    SessionId, SlotIndex, SlotRef,
};
use haoyuan_core::instant::{HOUR, Instant, MINUTE};
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::pool::{Node, PoolTree, Route, Routes};
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Grant, Settle, Settled, Wish};
use haoyuan_core::rules::Rules;
use haoyuan_core::terms::{Channel, Class, Grade, Kind};
use std::cell::RefCell;
use std::collections::BTreeSet;

thread_local! {
    static TOLD: RefCell<Vec<Fact>> = const { RefCell::new(Vec::new()) };
}

/// Keeps the facts of the thread that runs; a thread that is run again tells them again.
struct Told;

impl Trace for Told {
    fn record(&self, fact: &Fact) {
        TOLD.with(|told| told.borrow_mut().push(*fact));
    }
}

type Subject = Engine<Told>;

const HOLD: i64 = 15 * MINUTE;

fn eight() -> Instant {
    Instant::new(1_772_409_600_000).unwrap()
}

/// When every command is given that is in time.
fn early() -> Instant {
    eight().plus(-2 * HOUR)
}

/// When every hold of `early` is dead.
fn late() -> Instant {
    early().plus(HOLD)
}

fn slot() -> SlotRef {
    SlotRef { session: SessionId::new(0).unwrap(), slot: SlotIndex::new(0).unwrap() }
}

fn patient(number: usize) -> PatientKey {
    PatientKey::new(number as u128 + 1).unwrap()
}

fn wish(number: usize) -> Wish {
    Wish {
        patient: patient(number),
        slot: slot(),
        class: Class::Public,
        channel: Channel::App,
        ticket: None,
        key: None,
    }
}

fn keyed(number: usize, key: u128) -> Wish {
    Wish { key: IdempotencyKey::new(key), ..wish(number) }
}

/// An engine with one slot of so many seats.
fn engine(seats: u8) -> Subject {
    let mut routes = Routes::default();
    let public = NodeIndex::new(1).unwrap();
    routes.set_all(Class::Public, Route::one(public));
    let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), Node::plain("PUBLIC", NodeIndex::ROOT)];
    let session = Session {
        code: "one".into(),
        institution: InstitutionId::new(1).unwrap(),
        department: DepartmentId::new(1).unwrap(),
        practitioner: PractitionerId::new(1).unwrap(),
        grade: Grade::Expert,
        kind: Kind::Clinic,
        time: Interval { from: eight(), to: eight().plus(30 * MINUTE) },
        slot_ms: 1_800_000,
        capacity: vec![seats],
    };
    let tree = PoolTree::new(seats, nodes, routes).unwrap();
    let plan = Plan { session, blocks: Blocks::PerSlot(vec![tree]), rules: Rules::default() };
    let limits =
        Limits { blocks: 1, seats: u32::from(seats), sessions: 1, shapes: 1, patients: 6, entries: 256 };
    let engine = Engine::with_trace(limits, Told);
    engine.publish(&plan, early()).unwrap();
    engine
}

/// The booking that is there before the threads begin: the first transition, of patient 0, in seat 0.
fn first() -> BookingId {
    let seat = haoyuan_core::ids::SeatIndex::new(0).unwrap();
    BookingId::pack(haoyuan_core::ids::BlockId::new(0).unwrap(), seat, haoyuan_core::ids::Sequence(1))
}

fn settle() -> Settle {
    Settle { patient: patient(0), booking: first(), key: None }
}

fn held(seats: u8) -> Subject {
    let engine = engine(seats);
    assert_eq!(engine.hold(&wish(0), early()).unwrap().booking, first());
    engine
}

fn live(engine: &Subject) -> Vec<Occupied> {
    engine.occupants(slot(), early()).unwrap()
}

/// What a command was answered, and what it told the trace.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
struct Heard {
    answer: String,
    /// Sequence, booking and change of each fact.
    facts: Vec<(u32, u64, &'static str)>,
    /// Patients that a stop has seen in the block.
    seen: Vec<u128>,
}

impl Heard {
    fn is(&self, code: Code) -> bool {
        self.answer == format!("{code:?}")
    }

    fn has_grant(&self) -> bool {
        self.facts.iter().any(|fact| matches!(fact.2, "held" | "booked"))
    }
}

const fn name(change: Change) -> &'static str {
    match change {
        Change::Held => "held",
        Change::Booked => "booked",
        Change::Confirmed => "confirmed",
        Change::Cancelled => "cancelled",
        Change::Expired => "expired",
        Change::Withdrawn => "withdrawn",
    }
}

fn hear<A>(act: impl FnOnce() -> Result<A, Refusal>, say: impl FnOnce(A) -> (String, Vec<u128>)) -> Heard {
    TOLD.with(|told| told.borrow_mut().clear());
    let (answer, seen) = match act() {
        Ok(answer) => say(answer),
        Err(refusal) => (format!("{:?}", refusal.code), Vec::new()),
    };
    let facts = TOLD.with(|told| std::mem::take(&mut *told.borrow_mut()));
    let facts = facts.iter().map(|f| (f.sequence.0, f.booking.get(), name(f.change))).collect();
    Heard { answer, facts, seen }
}

fn granted(grant: Grant) -> (String, Vec<u128>) {
    (format!("granted {} {:?}", grant.booking.get(), grant.standing), Vec::new())
}

fn merged(live: Vec<LiveBooking>) -> (String, Vec<u128>) {
    let live: Vec<u64> = live.iter().map(|live| live.grant.booking.get()).collect();
    (format!("merged {live:?}"), Vec::new())
}

fn settled(settled: Settled) -> (String, Vec<u128>) {
    (format!("settled {} {}", settled.sequence.0, settled.changed), Vec::new())
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    Claim,
    Confirm,
    Expire,
    Cancel,
    Stop,
    /// The hospital gives a seat to a claimant.
    Assign,
    /// The second patient asks for a seat.
    ClaimSecond,
    /// The first patient, who has one, asks for another.
    ClaimFirst,
    /// The first patient's key is given up for the second's, or the second's for the first's.
    Merge,
    MergeBack,
}

const ACTS: [Act; 5] = [Act::Claim, Act::Confirm, Act::Expire, Act::Cancel, Act::Stop];

impl Act {
    /// `number` tells the claimants apart. Beside an expiry a claim books at once, because an expiry is one transition for each
    /// hold that is due and not one for all.
    fn run(self, engine: &Subject, number: usize, books: bool) -> Heard {
        match self {
            Self::Claim if books => hear(|| engine.book(&wish(number + 1), early()), granted),
            Self::Claim => hear(|| engine.hold(&wish(number + 1), early()), granted),
            Self::Assign => hear(|| engine.assign(&wish(number + 1), early()), granted),
            Self::ClaimFirst => hear(|| engine.book(&wish(0), early()), granted),
            Self::ClaimSecond => hear(|| engine.book(&wish(1), early()), granted),
            Self::Merge => hear(|| engine.merge(patient(0), patient(1), early()), merged),
            Self::MergeBack => hear(|| engine.merge(patient(1), patient(0), early()), merged),
            Self::Confirm => hear(|| engine.confirm(&settle(), early()), settled),
            Self::Cancel => hear(|| engine.cancel(&settle(), early()), settled),
            Self::Expire => hear(|| Ok(engine.tick(late())), |swept| (format!("swept {swept}"), Vec::new())),
            Self::Stop => hear(
                || {
                    engine.set_stopped(slot(), true)?;
                    engine.occupants(slot(), early())
                },
                |seen| ("stopped".to_owned(), seen.iter().map(|one| one.patient.get()).collect()),
            ),
        }
    }

    /// Whose gates it asks for: another command of theirs may be told to ask again.
    fn patients(self, number: usize) -> Vec<usize> {
        match self {
            Self::Claim | Self::Assign => vec![number + 1],
            Self::Confirm | Self::Cancel | Self::ClaimFirst => vec![0],
            Self::ClaimSecond => vec![1],
            Self::Merge | Self::MergeBack => vec![0, 1],
            Self::Expire | Self::Stop => Vec::new(),
        }
    }
}

/// Who is in the block, by seat, and how; and which of two keys is given up.
fn left(engine: &Subject) -> String {
    let live: Vec<String> =
        live(engine).iter().map(|one| format!("{} {:?}", one.booking.get(), one.standing)).collect();
    let given_up = [0, 1].map(|number| engine.suspension(patient(number)));
    format!("{live:?} after {}, {given_up:?}", engine.sequence(slot()).unwrap().0)
}

/// What the commands are answered one after the other, in every order, and what they leave.
fn in_some_order(
    make: impl Fn() -> Subject,
    acts: &[Act],
    books: bool,
) -> BTreeSet<(Vec<Option<String>>, String)> {
    let mut outcomes = BTreeSet::new();
    let mut order = |wanted: &[usize]| {
        alone(&make, |engine| {
            let mut answers = vec![None; acts.len()];
            for number in wanted {
                answers[*number] = Some(acts[*number].run(engine, *number, books).answer);
            }
            outcomes.insert((answers, left(engine)));
        });
    };
    // Every sequence of some of the commands; those that leave one out serve where it was told to ask again.
    let mut open: Vec<Vec<usize>> = vec![Vec::new()];
    while let Some(some) = open.pop() {
        order(&some);
        for next in (0..acts.len()).filter(|next| !some.contains(next)) {
            open.push([some.as_slice(), &[next]].concat());
        }
    }
    outcomes
}

/// The laws that hold whatever was asked.
fn lawful(engine: &Subject, heard: &[Heard]) {
    let audit = engine.audit().unwrap_or_else(|broken| panic!("{broken:?}"));
    let mut facts: Vec<_> = heard.iter().flat_map(|heard| &heard.facts).collect();
    facts.sort_unstable();
    let sequences: Vec<u32> = facts.iter().map(|fact| fact.0).collect();
    let before = engine.sequence(slot()).unwrap().0 - u32::try_from(facts.len()).unwrap();
    let expected: Vec<u32> = (before + 1..).take(facts.len()).collect();
    assert_eq!(sequences, expected, "every transition is told once, and the sequence is gap-free");
    assert_eq!(audit.held + audit.booked, live(engine).len() as u64);
}

fn memory() -> (Memory, usize) {
    let memory = match std::env::var("HAOYUAN_MEMORY") {
        Ok(memory) if memory == "sequential" => Memory::Sequential,
        _ => Memory::Released,
    };
    let most = std::env::var("HAOYUAN_STATES").ok().and_then(|states| states.parse().ok());
    (memory, most.unwrap_or(usize::MAX))
}

fn check(acts: &[Act]) {
    // Where a seat can come free one is enough; else there is one beside the hold. Where a patient asks twice they do not run
    // out: whether the block refuses or the patient's rules is then a matter of moments.
    let frees = acts.iter().any(|act| matches!(act, Act::Expire | Act::Cancel));
    let asks_twice = |act: &Act| matches!(act, Act::Merge | Act::MergeBack | Act::ClaimSecond);
    let seats = if acts.iter().any(asks_twice) { 4 } else { 2 - u8::from(frees) };
    let books = acts.contains(&Act::Expire);
    let make = || {
        let engine = held(seats);
        if acts.len() > 2 {
            // The people are known: how they become so is explored by pairs.
            (1..=acts.len()).for_each(|number| assert!(engine.patients.enter(patient(number)).is_some()));
        }
        engine
    };
    let allowed = in_some_order(&make, acts, books);
    let runs: Vec<Box<dyn Fn(&Subject) -> Heard>> = acts
        .iter()
        .enumerate()
        .map(|(number, act)| {
            let act = *act;
            Box::new(move |engine: &Subject| act.run(engine, number, books)) as Box<dyn Fn(&Subject) -> Heard>
        })
        .collect();
    let runs: Vec<&dyn Fn(&Subject) -> Heard> = runs.iter().map(AsRef::as_ref).collect();
    let kind = |(number, act): (usize, &Act)| match act {
        Act::Claim => 100 + number,
        Act::Assign => 200 + number,
        other => *other as usize,
    };
    let kinds: Vec<usize> = acts.iter().enumerate().map(kind).collect();
    let mut again = 0usize;
    let began = std::time::Instant::now();
    let explored = explore(memory(), make, (&runs, &kinds), |engine, heard| {
        lawful(engine, heard);
        let mut answers = Vec::new();
        for (number, one) in heard.iter().enumerate() {
            let told_to_ask_again = one.is(Code::ConcurrentRequest);
            if told_to_ask_again {
                again += 1;
                let own = acts[number].patients(number);
                let mut rivals = acts.iter().enumerate().filter(|(other, act)| {
                    *other != number && act.patients(*other).iter().any(|patient| own.contains(patient))
                });
                assert!(rivals.next().is_some(), "a different patient never waits: {acts:?} {heard:?}");
                let waits = matches!(acts[number], Act::Assign | Act::Merge | Act::MergeBack);
                assert!(!waits, "what the hospital does waits for its turn: {acts:?} {heard:?}");
            }
            answers.push((!told_to_ask_again).then(|| one.answer.clone()));
        }
        let outcome = (answers, left(engine));
        assert!(allowed.contains(&outcome), "{acts:?} in no order: {outcome:?}, only {allowed:#?}");
        // Whoever is in the block when all is over was seen by whoever stopped it.
        for stop in heard.iter().filter(|heard| heard.answer == "stopped") {
            for one in live(engine) {
                assert!(stop.seen.contains(&one.patient.get()), "{acts:?}: the stop missed {one:?}");
            }
        }
    });
    let (memory, most) = memory();
    println!("{acts:?} {memory:?}: {explored}, {again} told to ask again, {:.1?}", began.elapsed());
    assert!(explored.finished || most < usize::MAX, "{acts:?} is explored to its end");
}

#[test]
fn every_pair_is_as_if_one_came_after_the_other() {
    for (i, a) in ACTS.iter().enumerate() {
        for b in &ACTS[i..] {
            check(&[*a, *b]);
        }
    }
}

/// The triples whose first is this one and whose others are not before it in the list.
fn triples_of(first: Act) {
    let from = ACTS.iter().position(|act| *act == first).unwrap();
    for (i, b) in ACTS[from..].iter().enumerate() {
        for c in &ACTS[from + i..] {
            check(&[first, *b, *c]);
        }
    }
}

#[test]
fn every_triple_with_a_claim_is_as_if_they_came_in_some_order() {
    triples_of(Act::Claim);
}

#[test]
fn every_triple_with_a_confirmation_and_no_claim_is_as_if_they_came_in_some_order() {
    triples_of(Act::Confirm);
}

#[test]
fn every_triple_of_expiries_cancellations_and_stops_is_as_if_they_came_in_some_order() {
    for first in [Act::Expire, Act::Cancel, Act::Stop] {
        triples_of(first);
    }
}

// ---- the handing over to those who wait -----------------------------------------------------------------------------

/// Explores to the end, and says how much that was.
fn all(
    name: &str,
    make: impl Fn() -> Subject,
    runs: &[&dyn Fn(&Subject) -> Heard],
    judge: impl Fn(&Subject, &[Heard]),
) {
    let (memory, _) = memory();
    let kinds: Vec<usize> = (0..runs.len()).collect();
    let explored = explore((memory, usize::MAX), make, (runs, &kinds), |engine, heard| {
        lawful(engine, heard);
        judge(engine, heard);
    });
    println!("{name} {memory:?}: {explored}");
}

/// One seat, held by patient 0; patient 1 waits for it.
fn somebody_waits() -> Subject {
    let engine = held(1);
    engine.set_waiting(slot(), true).unwrap();
    engine
}

/// The host serves the waitlist: offers the seat to patient 1, and if that is taken nobody waits any more.
fn serve(engine: &Subject) -> Heard {
    hear(
        || {
            let grant = engine.offer(&wish(1), early().plus(HOUR), early())?;
            engine.set_waiting(slot(), false)?;
            Ok(grant)
        },
        granted,
    )
}

#[test]
fn a_seat_that_comes_free_goes_to_who_waits_and_to_nobody_who_asks() {
    all(
        "cancel + serve + claim",
        somebody_waits,
        &[&|engine| hear(|| engine.cancel(&settle(), early()), settled), &serve, &|engine| {
            hear(|| engine.hold(&wish(2), early()), granted)
        }],
        |engine, heard| {
            assert!(!heard[2].has_grant(), "{heard:?}");
            assert!(heard[2].is(Code::SlotFull) || heard[2].is(Code::Waitlisted), "{heard:?}");
            // Who waits has the seat, or it was not free when it was offered and is still kept.
            let owner = live(engine).first().map(|one| one.patient);
            assert_eq!(owner, heard[1].has_grant().then(|| patient(1)), "{heard:?}");
            assert_eq!(engine.is_waiting(slot()), !heard[1].has_grant());
        },
    );
}

#[test]
fn a_seat_that_comes_free_after_the_waitlist_was_served_is_not_taken_from_it() {
    all(
        "cancel + claim that has served",
        || {
            let engine = held(2);
            engine.set_waiting(slot(), true).unwrap();
            engine
        },
        &[
            &|engine| hear(|| engine.cancel(&settle(), early()), settled),
            // Served at the state that it was found in: whoever waits did not want the free seat.
            &|engine| {
                let served = std::cell::Cell::new(0);
                let mut heard = hear(
                    || {
                        let sequence = engine.sequence(slot())?;
                        served.set(sequence.0);
                        engine.hold_served(&wish(2), sequence, early())
                    },
                    granted,
                );
                heard.seen.push(u128::from(served.get()));
                heard
            },
        ],
        |_, heard| {
            // Granted as the very next transition after the state that was served, or told to serve again.
            match heard[1].facts.first() {
                Some(taken) => assert_eq!(u128::from(taken.0), heard[1].seen[0] + 1, "{heard:?}"),
                None => assert!(heard[1].is(Code::Waitlisted), "{heard:?}"),
            }
        },
    );
}

#[test]
fn an_offer_that_ends_while_it_is_taken_is_taken_or_ended() {
    all(
        "confirm + expire + claim of an offered seat",
        || {
            let engine = engine(1);
            let offer = engine.offer(&wish(0), late(), early()).unwrap();
            assert_eq!(offer.booking, first());
            engine
        },
        &[
            &|engine| hear(|| engine.confirm(&settle(), early()), settled),
            &|engine| hear(|| Ok(engine.tick(late())), |swept| (format!("swept {swept}"), Vec::new())),
            &|engine| hear(|| engine.book(&wish(2), early()), granted),
        ],
        |engine, heard| {
            let taken = heard[0].answer.starts_with("settled");
            assert_eq!(taken, heard[1].answer == "swept 0", "{heard:?}");
            assert!(!(taken && heard[2].has_grant()), "{heard:?}");
            assert_eq!(taken, live(engine).iter().any(|one| one.patient == patient(0)));
        },
    );
}

// ---- what the hospital gives, and keys that are merged --------------------------------------------------------------

#[test]
fn what_the_hospital_gives_is_given_as_if_it_came_in_some_order() {
    for other in [Act::Claim, Act::Confirm, Act::Expire, Act::Cancel, Act::Stop, Act::Assign] {
        check(&[Act::Assign, other]);
    }
    // To the second patient while that patient asks, too.
    check(&[Act::Assign, Act::ClaimSecond]);
    check(&[Act::Assign, Act::Claim, Act::Expire]);
    check(&[Act::Assign, Act::ClaimSecond, Act::Expire]);
    check(&[Act::Assign, Act::ClaimSecond, Act::Cancel]);
}

#[test]
fn keys_are_merged_as_if_it_came_in_some_order() {
    let others = [
        Act::ClaimFirst,
        Act::ClaimSecond,
        Act::Confirm,
        Act::Expire,
        Act::Cancel,
        Act::Merge,
        Act::MergeBack,
    ];
    for other in others {
        check(&[Act::Merge, other]);
    }
    check(&[Act::Merge, Act::ClaimFirst, Act::ClaimSecond]);
    check(&[Act::Merge, Act::ClaimSecond, Act::Confirm]);
    check(&[Act::Merge, Act::ClaimSecond, Act::Cancel]);
    check(&[Act::Merge, Act::MergeBack, Act::ClaimSecond]);
    check(&[Act::Merge, Act::MergeBack, Act::Cancel]);
}

/// The two keys were dealt with one after the other: who had been told `IDENTITY_MERGED` under the first could still book
/// under the second beside what stood under the first.
#[test]
fn nobody_sees_one_key_merged_and_the_other_not_yet() {
    all(
        "merge + claim under the one key and then under the other",
        || held(2),
        &[&|engine| Act::Merge.run(engine, 0, true), &|engine| {
            let first = Act::ClaimFirst.run(engine, 1, true);
            let second = Act::ClaimSecond.run(engine, 1, true);
            Heard { answer: format!("{}, then {}", first.answer, second.answer), ..second }
        }],
        |_, heard| {
            if heard[1].answer.starts_with("IdentityMerged") {
                assert_eq!(heard[1].answer, "IdentityMerged, then Overlap");
            }
        },
    );
}

// ---- idempotency keys ------------------------------------------------------------------------------------------------

#[test]
fn a_command_that_is_sent_three_times_at_once_is_carried_out_once() {
    let book: &dyn Fn(&Subject) -> Heard = &|engine| hear(|| engine.book(&keyed(1, 9), early()), granted);
    all(
        "the same keyed claim, three times",
        || engine(2),
        &[book, book, book],
        |engine, heard| {
            assert_eq!(heard.iter().filter(|one| one.has_grant()).count(), 1, "{heard:?}");
            let told: BTreeSet<&String> =
                heard.iter().filter(|one| !one.is(Code::ConcurrentRequest)).map(|one| &one.answer).collect();
            assert_eq!(told.len(), 1, "{heard:?}");
            let again = hear(|| engine.book(&keyed(1, 9), early()), granted);
            assert_eq!(told.first(), Some(&&again.answer), "asked again later, too");
            assert!(again.facts.is_empty());
        },
    );
}

#[test]
fn two_commands_under_one_key_are_never_both_carried_out() {
    let keyed_settle = Settle { key: IdempotencyKey::new(9), ..settle() };
    all(
        "claim + confirm + cancel under one key",
        || held(2),
        &[
            &|engine| hear(|| engine.confirm(&keyed_settle, early()), settled),
            &|engine| hear(|| engine.cancel(&keyed_settle, early()), settled),
            &|engine| hear(|| engine.book(&keyed(0, 9), early()), granted),
        ],
        |_, heard| {
            let carried_out = heard.iter().filter(|one| !one.facts.is_empty()).count();
            assert!(carried_out <= 1, "{heard:?}");
        },
    );
}

#[test]
fn the_same_key_of_two_people_is_two_keys() {
    all(
        "one key, two people, one seat",
        || engine(1),
        &[&|engine| hear(|| engine.book(&keyed(1, 9), early()), granted), &|engine| {
            hear(|| engine.book(&keyed(2, 9), early()), granted)
        }],
        |_, heard| {
            assert_eq!(heard.iter().filter(|one| one.has_grant()).count(), 1, "{heard:?}");
            assert!(heard.iter().any(|one| one.is(Code::SlotFull)), "{heard:?}");
        },
    );
}

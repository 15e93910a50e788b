//! Real threads: histories are recorded and checked linearizable per block, with I19 for every patient.
//!
//! How the threads meet is up to the machine; what they ask is drawn from the seed that a failure prints.

use haoyuan_core::ids::{
    BookingId, DepartmentId, InstitutionId, Interval, NodeIndex, PatientKey, PractitionerId, SessionId,
    SlotIndex, SlotRef,
};
use haoyuan_core::instant::{Day, HOUR, Instant, MINUTE};
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::pool::{Fence, Node, PoolTree, Protection, Route, Routes};
use haoyuan_core::refusal::Code;
use haoyuan_core::request::{Settle, Settled, Wish};
use haoyuan_core::rules::{Limit, Rules, Scope, Window};
use haoyuan_core::terms::{Channel, Class, Grade, Kind};
use haoyuan_engine::Engine;
use haoyuan_tests::check::{Answer, Change, Event, Tally, Traced, linearizable};
use haoyuan_tests::drive::{ROOMY, Recorder, traced};
use haoyuan_tests::generate::{Command, patient};
use haoyuan_tests::model::Model;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

const DAY: Day = Day(20_515);

/// splitmix64: the threads' own chance.
struct Chance(u64);

impl Chance {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ z >> 31) % n
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).expect("an index")]
    }
}

fn node(v: u8) -> NodeIndex {
    NodeIndex::new(v).expect("at most 16 nodes")
}

/// Referrals with a guarantee that falls, green with an extra seat, a public pool with a cap for the app.
fn tree(capacity: u8) -> PoolTree {
    let part = |n: u8| capacity * n / 8;
    let referral = Node {
        guarantee: part(3),
        fences: vec![Fence { from: 8 * HOUR + 20 * MINUTE, seats: part(1) }],
        ..Node::plain("REFERRAL", NodeIndex::ROOT)
    };
    let green =
        Node { protection: Protection::Extra, guarantee: part(1), ..Node::plain("GREEN", NodeIndex::ROOT) };
    let public = Node::plain("PUBLIC", NodeIndex::ROOT);
    let app = Node { cap: Some(part(4).max(1)), ..Node::plain("APP", node(3)) };
    let mut routes = Routes::default();
    routes.set_all(Class::ReferralSecondary, Route::two(node(1), node(3)));
    routes.set_all(Class::Green, Route::one(node(2)));
    routes.set_all(Class::Public, Route::one(node(3)));
    routes.set(Class::Public, Channel::App, Route::one(node(4)));
    let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), referral, green, public, app];
    PoolTree::new(capacity, nodes, routes).expect("it fits")
}

fn plan(code: &str, institution: u16, hour: i64, slots: u8, seats: u8, whole: bool, rules: &Rules) -> Plan {
    let from = DAY.midnight().plus(hour * HOUR);
    let session = Session {
        code: code.to_owned(),
        institution: InstitutionId::new(institution).expect("an id"),
        department: DepartmentId::new(1).expect("an id"),
        practitioner: PractitionerId::new(1).expect("an id"),
        grade: Grade::Expert,
        kind: Kind::Clinic,
        time: Interval { from, to: from.plus(30 * MINUTE * i64::from(slots)) },
        slot_ms: u32::try_from(30 * MINUTE).expect("half an hour"),
        capacity: vec![seats; usize::from(slots)],
    };
    let blocks = if whole {
        Blocks::WholeSession(tree(slots * seats))
    } else {
        Blocks::PerSlot((0..slots).map(|_| tree(seats)).collect())
    };
    Plan { session, blocks, rules: rules.clone() }
}

fn rules() -> Rules {
    Rules { hold_ms: [1_500; 8], ticket_free: 0b111_1110, limits: Vec::new(), ..Rules::default() }
}

/// What all threads of a run share.
struct Run {
    engine: Engine<Recorder>,
    /// Numbers the beginnings and ends of commands.
    real_time: AtomicU64,
    /// The time that commands carry; only moves forward.
    now: AtomicI64,
    /// The last booking granted to each patient, for anybody to settle.
    last: [AtomicU64; 64],
    /// Who was given up for the next patient; once is enough.
    given_up: [AtomicBool; 64],
}

impl Run {
    fn new(plans: &[Plan], start: Instant) -> (Self, Model) {
        let engine = Engine::with_trace(ROOMY, Recorder::default());
        let mut model = Model::default();
        for plan in plans {
            assert_eq!(engine.publish(plan, start).ok(), model.publish(plan).ok());
        }
        let last = std::array::from_fn(|_| AtomicU64::new(0));
        let given_up = std::array::from_fn(|_| AtomicBool::new(false));
        let run =
            Self { engine, real_time: AtomicU64::new(1), now: AtomicI64::new(start.ms()), last, given_up };
        (run, model)
    }

    fn now(&self) -> Instant {
        Instant::saturating(self.now.load(Ordering::SeqCst))
    }

    /// Gives a command to the engine and writes down what was said, and when.
    fn ask(&self, command: Command, at: Instant) -> Event {
        let began = self.real_time.fetch_add(1, Ordering::SeqCst);
        let answer = match &command {
            Command::Hold(wish) => self.engine.hold(wish, at).map_or_else(Answer::Refused, Answer::Granted),
            Command::Book(wish) => self.engine.book(wish, at).map_or_else(Answer::Refused, Answer::Granted),
            Command::Assign(wish) => {
                self.engine.assign(wish, at).map_or_else(Answer::Refused, Answer::Granted)
            }
            Command::Merge(given_up, stays) => {
                self.engine.merge(*given_up, *stays, at).map_or_else(Answer::Refused, |both| {
                    Answer::Merged(both.iter().map(|live| live.grant.booking).collect())
                })
            }
            Command::Confirm(settle) => {
                self.engine.confirm(settle, at).map_or_else(Answer::Refused, Answer::Settled)
            }
            Command::Cancel(settle) => {
                self.engine.cancel(settle, at).map_or_else(Answer::Refused, Answer::Settled)
            }
            Command::Withdraw(booking) => {
                self.engine.withdraw(*booking, at).map_or_else(Answer::Refused, |withdrawn| {
                    let sequence = withdrawn.sequence;
                    Answer::Settled(Settled { booking: *booking, sequence, changed: true })
                })
            }
            Command::Availability(slot, class, channel) => self
                .engine
                .availability(*slot, *class, *channel, at)
                .map_or_else(Answer::Refused, Answer::Available),
            Command::Tick => {
                self.engine.tick(at);
                Answer::Other
            }
            other => panic!("not asked here: {other:?}"),
        };
        let ended = self.real_time.fetch_add(1, Ordering::SeqCst);
        Event { began, ended, at, command, answer }
    }

    fn settle(&self, who: u8) -> Option<Settle> {
        let booking = BookingId::new(self.last[usize::from(who)].load(Ordering::SeqCst))?;
        Some(Settle { patient: patient(who), booking, key: None })
    }

    /// One thread: so many commands by chance.
    fn thread(&self, mut chance: Chance, commands: usize, patients: u8, slots: &[SlotRef]) -> Vec<Event> {
        let mut events = Vec::with_capacity(commands);
        while events.len() < commands {
            let step =
                if chance.below(4) == 0 { i64::try_from(chance.below(300)).expect("small") } else { 0 };
            let at = Instant::saturating(self.now.fetch_add(step, Ordering::SeqCst) + step);
            let who = u8::try_from(chance.below(u64::from(patients))).expect("few");
            let wish = Wish {
                patient: patient(who),
                slot: chance.one_of(slots),
                class: chance.one_of(&[Class::Public, Class::Public, Class::ReferralSecondary, Class::Green]),
                channel: chance.one_of(&[Channel::App, Channel::Web]),
                ticket: None,
                key: None,
            };
            let command = match chance.below(18) {
                0..=4 => Command::Hold(wish),
                5..=7 => Command::Book(wish),
                8..=9 => match self.settle(who) {
                    Some(settle) => Command::Confirm(settle),
                    None => continue,
                },
                10..=12 => match self.settle(who) {
                    Some(settle) => Command::Cancel(settle),
                    None => continue,
                },
                13 => match self.settle(who) {
                    Some(settle) => Command::Withdraw(settle.booking),
                    None => continue,
                },
                14 => Command::Availability(wish.slot, wish.class, wish.channel),
                15 => Command::Assign(wish),
                // Of two keys that follow each other the second stays.
                16 if who % 2 == 0 && chance.below(3) == 0 => {
                    if self.given_up[usize::from(who)].swap(true, Ordering::SeqCst) {
                        continue;
                    }
                    Command::Merge(patient(who), patient(who + 1))
                }
                16 => continue,
                _ => Command::Tick,
            };
            let event = self.ask(command, at);
            if let Answer::Granted(grant) = event.answer {
                self.last[usize::from(who)].store(grant.booking.get(), Ordering::SeqCst);
            }
            events.push(event);
        }
        events
    }
}

fn all_slots(plans: &[Plan]) -> Vec<SlotRef> {
    let sessions = (0..).filter_map(SessionId::new);
    sessions
        .zip(plans)
        .flat_map(|(session, plan)| {
            let slots = u16::try_from(plan.session.capacity.len()).expect("a few");
            (0..slots).filter_map(SlotIndex::new).map(move |slot| SlotRef { session, slot })
        })
        .collect()
}

/// One short history on a fresh engine with so many threads, checked.
#[track_caller]
fn history(plans: &[Plan], seed: u64, threads: u64, patients: u8) -> Tally {
    let commands = 240 / usize::try_from(threads).expect("few threads");
    let slots = all_slots(plans);
    let (run, model) = Run::new(plans, DAY.midnight().plus(8 * HOUR));
    let start = Barrier::new(usize::try_from(threads).expect("few threads"));
    let history: Vec<Event> = std::thread::scope(|scope| {
        let spawn = |thread: u64| {
            let (run, start, slots) = (&run, &start, &slots);
            scope.spawn(move || {
                start.wait();
                run.thread(Chance(seed << 8 | thread), commands, patients, slots)
            })
        };
        let threads: Vec<_> = (0..threads).map(spawn).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    let trace: Vec<Traced> = run.engine.trace().take().iter().map(traced).collect();
    let tally = match linearizable(&model, &history, &trace) {
        Ok(tally) => tally,
        Err(findings) => panic!("seed {seed}: {} findings, first {:#?}", findings.len(), &findings[..1]),
    };
    if let Err(broken) = run.engine.audit() {
        panic!("seed {seed}: {broken:?}");
    }
    tally
}

fn add(total: &mut Tally, tally: &Tally) {
    total.transitions += tally.transitions;
    total.explained += tally.explained;
    total.concurrent += tally.concurrent;
    total.widest = total.widest.max(tally.widest);
}

/// Runs `rounds` short histories on fresh engines with so many threads, and checks each.
#[track_caller]
fn stress(plans: &[Plan], rounds: u64, threads: u64, patients: u8) {
    let mut total = Tally::default();
    for seed in 0..rounds {
        add(&mut total, &history(plans, seed, threads, patients));
    }
    println!("{total:?}");
    let least = usize::try_from(rounds).expect("not so many") * 20;
    assert!(total.transitions > least && total.explained > least, "too little happened: {total:?}");
}

/// How many rounds, a multiple of the default through `PROPTEST_CASES` (256 is the default).
fn rounds(default: u64) -> u64 {
    let cases = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse::<u64>().ok());
    cases.map_or(default, |cases| (default * cases).div_ceil(256))
}

#[test]
fn one_hot_slot_is_linearizable() {
    let plans = [plan("HOT", 1, 14, 1, 8, false, &rules())];
    stress(&plans, rounds(60), 2, 30);
}

#[test]
fn one_hot_slot_with_more_threads_than_cores_is_linearizable() {
    let plans = [plan("HOT", 1, 14, 1, 3, false, &rules())];
    stress(&plans, rounds(60), 4, 30);
}

#[test]
fn a_whole_session_block_is_linearizable() {
    let plans = [plan("WHOLE", 1, 14, 4, 2, true, &rules())];
    stress(&plans, rounds(60), 3, 30);
}

#[test]
fn few_patients_over_two_hospitals_keep_their_rules() {
    let limit = Limit { scope: Scope::Platform, window: Window::Days(1), most: 2 };
    let rules = Rules { limits: vec![limit], travel_ms: 600_000, ..rules() };
    let plans = [
        plan("A", 1, 14, 3, 8, false, &rules),
        plan("B", 2, 14, 3, 8, false, &rules),
        plan("C", 2, 15, 2, 8, true, &rules),
    ];
    stress(&plans, rounds(60), 2, 3);
}

#[test]
fn holds_that_end_all_the_time_are_linearizable() {
    let rules = Rules { hold_ms: [1_000; 8], ..rules() };
    let plans = [plan("EDGE", 1, 14, 1, 2, false, &rules)];
    stress(&plans, rounds(60), 2, 8);
}

/// Every shape in turn, with two to four threads: `HAOYUAN_HISTORIES=10000 cargo test --release -p haoyuan-tests --test
/// concurrent histories -- --nocapture` checks so many, each for every block (and so every seat) and every patient.
#[test]
fn histories_of_every_shape_are_linearizable() {
    let limit = Limit { scope: Scope::Platform, window: Window::Days(1), most: 2 };
    let strict = Rules { limits: vec![limit], travel_ms: 600_000, ..rules() };
    let short = Rules { hold_ms: [1_000; 8], ..rules() };
    let shapes = [
        (vec![plan("HOT", 1, 14, 1, 8, false, &rules())], 30),
        (vec![plan("HOT", 1, 14, 1, 3, false, &rules())], 30),
        (vec![plan("WHOLE", 1, 14, 4, 2, true, &rules())], 30),
        (vec![plan("A", 1, 14, 3, 8, false, &strict), plan("B", 2, 14, 3, 8, false, &strict)], 3),
        (vec![plan("EDGE", 1, 14, 1, 2, false, &short)], 8),
    ];
    let count = std::env::var("HAOYUAN_HISTORIES").ok().and_then(|count| count.parse().ok());
    let count = count.unwrap_or_else(|| rounds(60));
    let mut total = Tally::default();
    let (mut blocks, mut seats, mut people) = (0, 0, 0);
    for (seed, (plans, patients)) in ((1 << 20)..(1 << 20) + count).zip(shapes.iter().cycle()) {
        add(&mut total, &history(plans, seed, 2 + seed % 3, *patients));
        for plan in plans {
            blocks +=
                if matches!(plan.blocks, Blocks::WholeSession(_)) { 1 } else { plan.session.capacity.len() };
            seats += plan.session.capacity.iter().map(|seats| usize::from(*seats)).sum::<usize>();
        }
        people += usize::from(*patients);
        if (seed + 1) % 1_000 == 0 {
            println!("{} transitions so far", total.transitions);
        }
    }
    let Tally { transitions, explained, concurrent, widest } = total;
    println!(
        "{count} histories linearizable: of {blocks} blocks, {seats} seats, {people} patients; {transitions} transitions, \
         {explained} refusals and availabilities explained, the widest by one of {widest} states, {concurrent} told to ask again"
    );
    assert!(transitions > 20 * usize::try_from(count).expect("not so many"));
}

/// Both commands at once, by two threads, over and over; `fresh` makes the state of a round.
fn duel<S: Sync>(
    times: u64,
    fresh: impl Fn(u64) -> S,
    fight: impl Fn(&S, usize) -> Event + Sync,
    mut judge: impl FnMut(&S, [Event; 2]),
) {
    for round in 0..times {
        let state = fresh(round);
        let line = std::sync::atomic::AtomicUsize::new(0);
        let run = |side: usize| {
            // A spin instead of a barrier: the two must really start together.
            line.fetch_add(1, Ordering::SeqCst);
            while line.load(Ordering::SeqCst) < 2 {
                std::hint::spin_loop();
            }
            fight(&state, side)
        };
        let events = std::thread::scope(|scope| {
            let other = scope.spawn(|| run(1));
            let first = run(0);
            [first, other.join().expect("no panic")]
        });
        judge(&state, events);
    }
}

fn wish(who: PatientKey, session: u32) -> Wish {
    let slot = SlotRef { session: SessionId::new(session).expect("small"), slot: SlotIndex::default() };
    Wish { patient: who, slot, class: Class::Public, channel: Channel::Web, ticket: None, key: None }
}

fn is_granted(event: &Event) -> bool {
    matches!(event.answer, Answer::Granted(_))
}

#[test]
fn scenario_4_of_two_parallel_requests_of_one_patient_exactly_one_wins() {
    let plans = [plan("A", 1, 14, 1, 8, false, &rules()), plan("B", 2, 14, 1, 8, false, &rules())];
    let mut told_to_ask_again = 0;
    duel(
        rounds(1_500),
        |_| Run::new(&plans, DAY.midnight().plus(8 * HOUR)).0,
        |run, side| run.ask(Command::Book(wish(patient(1), u32::try_from(side).expect("0 or 1"))), run.now()),
        |run, events| {
            assert_eq!(events.iter().filter(|e| is_granted(e)).count(), 1, "{events:#?}");
            for (event, other) in [(&events[0], &events[1]), (&events[1], &events[0])] {
                let Answer::Refused(refusal) = event.answer else { continue };
                assert!(matches!(refusal.code, Code::Overlap | Code::ConcurrentRequest), "{events:#?}");
                told_to_ask_again += u32::from(refusal.code == Code::ConcurrentRequest);
                // Asked again, it is told why.
                let again = run.ask(event.command.clone(), run.now());
                let Answer::Refused(refusal) = again.answer else { panic!("{again:?} beside {other:?}") };
                assert_eq!(refusal.code, Code::Overlap);
            }
        },
    );
    println!("{told_to_ask_again} were told to ask again");
}

#[test]
fn the_last_seat_has_one_winner() {
    let plans = [plan("ONE", 1, 14, 1, 1, false, &rules())];
    duel(
        rounds(1_500),
        |_| Run::new(&plans, DAY.midnight().plus(8 * HOUR)).0,
        |run, side| run.ask(Command::Book(wish(patient(u8::try_from(side).expect("0 or 1")), 0)), run.now()),
        |run, events| {
            assert_eq!(events.iter().filter(|e| is_granted(e)).count(), 1, "{events:#?}");
            let full = |e: &Event| matches!(e.answer, Answer::Refused(r) if r.code == Code::SlotFull);
            assert!(events.iter().any(full), "{events:#?}");
            assert_eq!(run.engine.audit().map(|audit| audit.booked), Ok(1));
        },
    );
}

#[test]
fn scenario_5_payment_and_rival_at_the_edge_make_one_owner() {
    let plans = [plan("ONE", 1, 14, 1, 1, false, &rules())];
    let start = DAY.midnight().plus(8 * HOUR);
    let (mut paid, mut lost) = (0, 0);
    duel(
        rounds(1_500),
        |_| {
            let (run, _) = Run::new(&plans, start);
            let held = run.ask(Command::Hold(wish(patient(0), 0)), start);
            let Answer::Granted(grant) = held.answer else { panic!("{held:?}") };
            run.last[0].store(grant.booking.get(), Ordering::SeqCst);
            run
        },
        |run, side| {
            // Paid in the last millisecond; the rival asks at the end of the hold.
            if side == 0 {
                let settle = run.settle(0).expect("held");
                run.ask(Command::Confirm(settle), start.plus(1_499))
            } else {
                run.ask(Command::Book(wish(patient(1), 0)), start.plus(1_500))
            }
        },
        |run, events| {
            let confirmed = matches!(events[0].answer, Answer::Settled(_));
            assert!(confirmed != is_granted(&events[1]), "{events:#?}");
            paid += u32::from(confirmed);
            lost += u32::from(!confirmed);
            let facts = run.engine.trace().take();
            let expired = facts.iter().filter(|f| traced(f).change == Change::Expired).count();
            assert_eq!(expired, usize::from(!confirmed));
            assert_eq!(run.engine.audit().map(|audit| (audit.booked, audit.held)), Ok((1, 0)));
        },
    );
    println!("{paid} paid in time, {lost} came after the rival");
}

// ---- the checker itself ----------------------------------------------------------------------------------------------

/// A history that is fine, to be damaged.
fn sound() -> (Model, Vec<Event>, Vec<Traced>) {
    let plans = [plan("HOT", 1, 14, 1, 4, false, &rules())];
    let (run, model) = Run::new(&plans, DAY.midnight().plus(8 * HOUR));
    let slots = all_slots(&plans);
    let history = run.thread(Chance(7), 200, 8, &slots);
    let trace: Vec<Traced> = run.engine.trace().take().iter().map(traced).collect();
    assert!(linearizable(&model, &history, &trace).is_ok_and(|tally| tally.transitions > 40));
    (model, history, trace)
}

#[test]
fn a_checker_that_is_given_damaged_histories_finds_the_damage() {
    let (model, history, trace) = sound();
    let refuses = |history: &[Event], trace: &[Traced]| {
        assert!(linearizable(&model, history, trace).is_err(), "the canary must be found");
    };
    let granted: Vec<usize> = (0..history.len()).filter(|i| is_granted(&history[*i])).collect();
    let full: Vec<usize> = (0..history.len())
        .filter(|i| matches!(history[*i].answer, Answer::Refused(r) if r.code == Code::SlotFull))
        .collect();

    // A transition that nobody traced.
    refuses(&history, &trace[1..]);
    // Two answers in the wrong order of real time.
    let mut swapped = history.clone();
    let (a, b) = (granted[0], granted[1]);
    (swapped[a].began, swapped[b].began) = (history[b].began, history[a].began);
    (swapped[a].ended, swapped[b].ended) = (history[b].ended, history[a].ended);
    refuses(&swapped, &trace);
    // A seat that was granted twice.
    let mut twice = history.clone();
    twice[b].answer = history[a].answer.clone();
    refuses(&twice, &trace);
    // A refusal at a time when there was a seat.
    let mut early = history.clone();
    let first = granted[0];
    early[first].answer = history[full[0]].answer.clone();
    refuses(&early, &trace);
    let mut early = history.clone();
    early[full[0]].began = 0;
    early[full[0]].ended = 0;
    refuses(&early, &trace);
    // A refusal without anything of the patient under way.
    let mut alone = history.clone();
    if let Answer::Refused(refusal) = &mut alone[full[0]].answer {
        refusal.code = Code::ConcurrentRequest;
    }
    refuses(&alone, &trace);
}

#[test]
fn a_checker_that_is_given_a_merge_finds_who_slips_past_it() {
    let plans = [plan("A", 1, 14, 1, 4, false, &rules())];
    let start = DAY.midnight().plus(8 * HOUR);
    let (run, model) = Run::new(&plans, start);
    let (given_up, stays) = (patient(0), patient(1));
    let merge = Command::Merge(given_up, stays);
    let history = [
        run.ask(Command::Book(wish(given_up, 0)), start),
        run.ask(merge.clone(), start),
        run.ask(Command::Book(wish(given_up, 0)), start),
        run.ask(Command::Book(wish(stays, 0)), start),
    ];
    let refused = |event: &Event, code| matches!(event.answer, Answer::Refused(r) if r.code == code);
    assert!(refused(&history[2], Code::IdentityMerged) && refused(&history[3], Code::Overlap));
    let trace: Vec<Traced> = run.engine.trace().take().iter().map(traced).collect();
    let told = |history: &[Event]| linearizable(&model, history, &trace);
    assert!(told(&history).is_ok());

    // What stands under the key that was given up is left out.
    let mut left_out = history.clone();
    left_out[1].answer = Answer::Merged(Vec::new());
    assert!(told(&left_out).is_err());
    // Refused before anybody gave it up.
    let mut early = history.clone();
    (early[1].began, early[1].ended) = (100, 101);
    assert!(told(&early).is_err());
    // Still told what stands under it.
    let mut late = history.clone();
    late[2].answer = history[3].answer.clone();
    assert!(told(&late).is_err());

    // Both booked, and were merged then; had they been before, the second were beside what stands under the first.
    let (run, model) = Run::new(&plans, start);
    let mut history = [
        run.ask(Command::Book(wish(given_up, 0)), start),
        run.ask(Command::Book(wish(stays, 0)), start),
        run.ask(merge, start),
    ];
    let trace: Vec<Traced> = run.engine.trace().take().iter().map(traced).collect();
    assert!(linearizable(&model, &history, &trace).is_ok());
    (history[2].began, history[2].ended) = (history[1].began, history[1].began + 1);
    (history[1].began, history[1].ended) = (100, 101);
    history[2].answer = Answer::Merged(vec![trace[0].booking]);
    assert!(linearizable(&model, &history, &trace).is_err());
}

#[test]
fn a_hold_past_its_end_is_live_only_for_who_asks_before_it_is_answered() {
    let plans = [plan("ONE", 1, 14, 1, 1, false, &rules())];
    let start = DAY.midnight().plus(8 * HOUR);
    let (run, model) = Run::new(&plans, start);
    let mut held = run.ask(Command::Hold(wish(patient(0), 0)), start);
    let mut full = run.ask(Command::Book(wish(patient(1), 0)), start.plus(1_499));
    assert!(is_granted(&held) && matches!(full.answer, Answer::Refused(r) if r.code == Code::SlotFull));
    let trace: Vec<Traced> = run.engine.trace().take().iter().map(traced).collect();
    full.at = start.plus(1_500);
    (held.began, held.ended) = (1, 4);
    for (began, ended, explained) in [(2, 3, true), (3, 6, true), (5, 6, false)] {
        (full.began, full.ended) = (began, ended);
        let told = linearizable(&model, &[held.clone(), full.clone()], &trace);
        assert_eq!(told.is_ok(), explained, "asked at {began}, answered at {ended}: {told:?}");
    }
}

//! Replaying facts, and snapshots, give the state that the decisions gave.

use haoyuan_core::ids::{
    BlockId, BookingId, DepartmentId, IdempotencyKey, InstitutionId, Interval, NodeIndex, PatientKey,
    PractitionerId, SeatIndex, Sequence, SessionId, SlotIndex, SlotRef, TicketId,
};
use haoyuan_core::instant::{HOUR, Instant};
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::pool::{Node, PoolTree, Route, Routes};
use haoyuan_core::refusal::{Binding, Code, Refusal};
use haoyuan_core::request::{Settle, Settled, Ticket, Wish};
use haoyuan_core::rules::{Limit, Rules, Scope, Window};
use haoyuan_core::terms::{Channel, Class, Grade, Kind};
use haoyuan_engine::{
    Asked, Change, Command, Engine, Fact, Limits, Part, Publication, PublishError, ReplayError, Resized,
    Trace,
};
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug)]
enum Line {
    Fact(Fact),
    Refused(Command, Refusal),
    Repeated(Settle, Settled),
    Ticket(Ticket, Instant),
    Published(Box<Plan>, Instant),
    Resized(Resized, Box<PoolTree>),
}

#[derive(Default)]
struct Log(Mutex<Vec<Line>>);

impl Log {
    fn push(&self, line: Line) {
        self.0.lock().unwrap().push(line);
    }
}

impl Trace for Log {
    fn record(&self, fact: &Fact) {
        self.push(Line::Fact(*fact));
    }

    fn refused(&self, asked: Asked<'_>, refusal: &Refusal, _: Instant) {
        self.push(Line::Refused(asked.into(), *refusal));
    }

    fn repeated(&self, settle: &Settle, settled: &Settled, _: Instant) {
        self.push(Line::Repeated(*settle, *settled));
    }

    fn ticket(&self, ticket: &Ticket, at: Instant) {
        self.push(Line::Ticket(*ticket, at));
    }

    fn published(&self, sessions: &[Publication<'_>], at: Instant) {
        for session in sessions {
            self.push(Line::Published(Box::new(session.plan.clone()), at));
        }
    }

    fn resized(&self, resized: &Resized, tree: &PoolTree, _: Instant) {
        self.push(Line::Resized(*resized, Box::new(tree.clone())));
    }
}

/// What the hospital does now and then: withdraws, offers, stops for a moment, blocks seats.
fn hospital<T: Trace>(engine: &Engine<T>, deed: i64, slot: SlotRef, latest: Option<BookingId>, now: Instant) {
    match deed {
        0 => drop(latest.map(|booking| engine.withdraw(booking, now))),
        1 => {
            let patient = PatientKey::new(40).unwrap();
            let (class, channel) = (Class::Public, Channel::Window);
            let wish = Wish { patient, slot, class, channel, ticket: None, key: None };
            let _ = engine.offer(&wish, now.plus(HOUR), now);
        }
        2 | 3 => engine.set_stopped(slot, deed == 2).unwrap(),
        _ => {
            let tree = engine.tree(slot).unwrap();
            let capacity = if tree.capacity() == 3 { 2 } else { 3 };
            let smaller = tree.resized(capacity, tree.nodes().to_vec()).unwrap();
            let _ = engine.resize(slot, &smaller, now);
        }
    }
}

const EIGHT: i64 = 1_772_409_600_000;

fn at(ms: i64) -> Instant {
    Instant::new(EIGHT + ms).unwrap()
}

fn plan(number: u32) -> Plan {
    let node = |n| NodeIndex::new(n).unwrap();
    let mut routes = Routes::default();
    routes.set_all(Class::Public, Route::one(node(2)));
    routes.set_all(Class::ReferralSecondary, Route::two(node(1), node(2)));
    let nodes = vec![
        Node::plain("ROOT", NodeIndex::ROOT),
        Node { guarantee: 1, ..Node::plain("REFERRAL", NodeIndex::ROOT) },
        Node::plain("PUBLIC", NodeIndex::ROOT),
    ];
    let tree = PoolTree::new(3, nodes, routes).unwrap();
    let from = at(i64::from(number) * 24 * HOUR);
    let session = Session {
        code: format!("session-{number}"),
        institution: InstitutionId::new(1).unwrap(),
        department: DepartmentId::new(number).unwrap(),
        practitioner: PractitionerId::new(number).unwrap(),
        grade: Grade::Expert,
        kind: Kind::Clinic,
        time: Interval { from, to: from.plus(HOUR) },
        slot_ms: 1_800_000,
        capacity: vec![3, 3],
    };
    Plan { session, blocks: Blocks::PerSlot(vec![tree.clone(), tree]), rules: Rules::default() }
}

fn canonical<T: Trace>(engine: &Engine<T>) -> Vec<u8> {
    let mut bytes = Vec::new();
    engine.canonical(|part| bytes.extend_from_slice(part));
    bytes
}

/// A seeded morning: holds, bookings, confirmations, cancellations, expiries, tickets and repeated commands.
fn morning<T: Trace>(engine: &Engine<T>) {
    let mut state = 7_u64;
    let mut draw = |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let sessions: Vec<_> = (0..3).map(|n| engine.publish(&plan(n), at(-9 * HOUR)).unwrap()).collect();
    for patient in 1..=6_u32 {
        let ticket = Ticket {
            id: TicketId::new(u128::from(patient) + 100).unwrap(),
            patient: PatientKey::new(u128::from(patient)).unwrap(),
            class: Class::ReferralSecondary,
            institution: InstitutionId::new(1).unwrap(),
            department: None,
            expires: at(0),
        };
        engine.issue_ticket(&ticket, at(-9 * HOUR)).unwrap();
    }
    let mut bookings: Vec<(PatientKey, BookingId)> = Vec::new();
    for step in 0..4_000_i64 {
        let now = at(-8 * HOUR + step * 5_000);
        if step % 20 == 0 {
            let latest = bookings.last().map(|(_, booking)| *booking);
            let slot = SlotRef { session: sessions[0], slot: SlotIndex::new(0).unwrap() };
            hospital(engine, step / 20 % 6, slot, latest, now);
        }
        let number = u128::from(draw(12)) + 1;
        let patient = PatientKey::new(number).unwrap();
        let key = if draw(3) == 0 { IdempotencyKey::new(u128::from(draw(400))) } else { None };
        match draw(4) {
            0 | 1 => {
                let class = if draw(2) == 0 { Class::Public } else { Class::ReferralSecondary };
                let slot = SlotRef {
                    session: sessions[usize::try_from(draw(3)).unwrap()],
                    slot: SlotIndex::new(u16::try_from(draw(2)).unwrap()).unwrap(),
                };
                let ticket = TicketId::new(number + 100);
                let wish = Wish { patient, slot, class, channel: Channel::App, ticket, key };
                let granted = if draw(2) == 0 { engine.hold(&wish, now) } else { engine.book(&wish, now) };
                bookings.extend(granted.map(|grant| (patient, grant.booking)));
            }
            deed if !bookings.is_empty() => {
                let recent = bookings.len().min(12);
                let back = usize::try_from(draw(recent as u64)).unwrap();
                let (patient, booking) = bookings[bookings.len() - 1 - back];
                let settle = Settle { patient, booking, key };
                let _ = if deed == 2 { engine.confirm(&settle, now) } else { engine.cancel(&settle, now) };
            }
            _ => {}
        }
    }
}

fn replayed(lines: &[Line]) -> Engine {
    let engine = Engine::new(Limits::for_seats(1_000));
    for line in lines {
        match line {
            Line::Fact(fact) => assert_eq!(engine.replay(fact), Ok(true)),
            Line::Refused(command, refusal) => engine.replay_refused(command, refusal).unwrap(),
            Line::Repeated(settle, settled) => engine.replay_repeated(settle, settled).unwrap(),
            Line::Ticket(ticket, at) => engine.issue_ticket(ticket, *at).unwrap(),
            Line::Resized(resized, tree) => {
                assert_eq!(engine.replay_resized(resized.block, resized.sequence, tree), Ok(true));
            }
            Line::Published(plan, at) => {
                engine.publish(plan, *at).unwrap();
            }
        }
    }
    engine
}

#[test]
fn replay_rebuilds_the_state_byte_for_byte() {
    let engine = Engine::with_trace(Limits::for_seats(1_000), Log::default());
    morning(&engine);
    let lines = engine.trace().0.lock().unwrap().clone();
    assert!(lines.iter().filter(|l| matches!(l, Line::Fact(_))).count() > 500, "a morning with transitions");
    let again = replayed(&lines);
    assert_eq!(canonical(&engine), canonical(&again));
    assert_eq!(engine.audit(), again.audit());

    // What was remembered answers the same, too: both engines go on alike.
    let later = at(-HOUR);
    for number in 1..=12_u128 {
        for key in 1..40_u128 {
            let slot =
                SlotRef { session: engine.find("session-0").unwrap(), slot: SlotIndex::new(0).unwrap() };
            let wish = Wish {
                patient: PatientKey::new(number).unwrap(),
                slot,
                class: Class::Public,
                channel: Channel::App,
                ticket: TicketId::new(number + 100),
                key: IdempotencyKey::new(key),
            };
            assert_eq!(engine.hold(&wish, later), again.hold(&wish, later));
        }
    }
}

#[test]
fn a_snapshot_and_what_came_after_it_give_the_same_state() {
    let engine = Engine::with_trace(Limits::for_seats(1_000), Log::default());
    morning(&engine);
    let lines = engine.trace().0.lock().unwrap().clone();
    for cut in [0, 9, lines.len() / 3, lines.len() / 2, lines.len()] {
        let before = replayed(&lines[..cut]);
        let mut parts: Vec<Part> = Vec::new();
        before.snapshot(|part| parts.push(part));
        let restored = Engine::new(Limits::for_seats(1_000));
        for part in parts {
            restored.restore(part).unwrap();
        }
        assert_eq!(canonical(&before), canonical(&restored));
        for line in &lines[..] {
            // From the very first fact: those that the snapshot has are skipped.
            if let Line::Resized(Resized { block, sequence, .. }, tree) = line {
                let place = lines.iter().position(|l| std::ptr::eq(l, line)).unwrap();
                if place < cut {
                    assert_eq!(restored.replay_resized(*block, *sequence, tree), Ok(false));
                }
            }
            if let Line::Fact(fact) = line {
                let place = lines.iter().position(|l| matches!(l, Line::Fact(f) if f == fact)).unwrap();
                if place < cut {
                    assert_eq!(restored.replay(fact), Ok(false));
                    continue;
                }
            }
            let place = lines.iter().position(|l| std::ptr::eq(l, line)).unwrap();
            if place < cut {
                continue;
            }
            match line {
                Line::Fact(fact) => assert_eq!(restored.replay(fact), Ok(true)),
                Line::Refused(command, refusal) => restored.replay_refused(command, refusal).unwrap(),
                Line::Repeated(settle, settled) => restored.replay_repeated(settle, settled).unwrap(),
                Line::Ticket(ticket, at) => restored.issue_ticket(ticket, *at).unwrap(),
                Line::Resized(resized, tree) => {
                    assert_eq!(restored.replay_resized(resized.block, resized.sequence, tree), Ok(true));
                }
                Line::Published(plan, at) => {
                    restored.publish(plan, *at).unwrap();
                }
            }
        }
        assert_eq!(canonical(&engine), canonical(&restored));
    }
}

/// What an engine answers to all that was ever asked, asked once more: first under its key, which is answered as it was, then
/// what everybody has, and whether what was ever granted can still be confirmed and given back.
fn asked_again<T: Trace>(engine: &Engine<T>, lines: &[Line]) -> Vec<String> {
    let later = at(-HOUR);
    let mut answers = Vec::new();
    let mut ask = |command: &Command| {
        let answer = match command {
            Command::Hold(wish) => format!("{:?}", engine.hold(wish, later)),
            Command::Book(wish) => format!("{:?}", engine.book(wish, later)),
            Command::Confirm(settle) => format!("{:?}", engine.confirm(settle, later)),
            Command::Cancel(settle) => format!("{:?}", engine.cancel(settle, later)),
        };
        answers.push(format!("{command:?}: {answer}"));
    };
    let mut granted = Vec::new();
    for line in lines.iter().rev() {
        match line {
            Line::Fact(fact) => {
                let Fact { slot, patient, class, channel, ticket, key, booking, .. } = *fact;
                let wish = Wish { patient, slot, class, channel, ticket, key };
                let settle = Settle { patient, booking, key };
                let command = match fact.change {
                    Change::Held => Command::Hold(wish),
                    Change::Booked => Command::Book(wish),
                    Change::Confirmed => Command::Confirm(settle),
                    _ => Command::Cancel(settle),
                };
                if key.is_some() {
                    ask(&command);
                }
                granted.push(Settle { key: None, ..settle });
            }
            Line::Refused(command, _) => {
                let (Command::Hold(Wish { key, .. })
                | Command::Book(Wish { key, .. })
                | Command::Confirm(Settle { key, .. })
                | Command::Cancel(Settle { key, .. })) = command;
                if key.is_some() {
                    ask(command);
                }
            }
            Line::Repeated(settle, _) => ask(&Command::Confirm(*settle)),
            _ => {}
        }
    }
    let all = (1..=40).filter_map(PatientKey::new);
    let has: Vec<String> = all.map(|patient| format!("{:?}", engine.bookings_of(patient, later))).collect();
    for settle in granted {
        ask(&Command::Confirm(settle));
        ask(&Command::Cancel(settle));
    }
    answers.extend(has);
    answers
}

#[test]
fn after_a_recovery_everybody_is_answered_as_before() {
    let engine = Engine::with_trace(Limits::for_seats(1_000), Log::default());
    morning(&engine);
    let lines = engine.trace().0.lock().unwrap().clone();
    let (again, restored) = (replayed(&lines), Engine::new(Limits::for_seats(1_000)));
    engine.snapshot(|part| restored.restore(part).unwrap());
    let expected = asked_again(&engine, &lines);
    // Of each command something is asked again under its key, and of refusals, too.
    let facts = |change| {
        lines.iter().any(|l| matches!(l, Line::Fact(fact) if fact.change == change && fact.key.is_some()))
    };
    assert!([Change::Held, Change::Booked, Change::Confirmed, Change::Cancelled].into_iter().all(facts));
    let keyed = |l: &Line| matches!(l, Line::Refused(Command::Hold(wish) | Command::Book(wish), _) if wish.key.is_some());
    assert!(lines.iter().any(keyed));
    for recovered in [again, restored] {
        assert_eq!(asked_again(&recovered, &lines), expected);
    }
}

/// The seats of a block as a snapshot has them: records, with the patients of those that are live.
type Seats = Vec<(u128, Option<u128>)>;

#[test]
fn a_block_of_a_snapshot_that_cannot_be_is_refused_and_changes_nothing() {
    let engine = Engine::with_trace(Limits::for_seats(1_000), Log::default());
    morning(&engine);
    let mut sessions: Vec<Part> = Vec::new();
    let mut blocks: Vec<(u32, u128, Seats)> = Vec::new();
    engine.snapshot(|part| match part {
        Part::Session { .. } => sessions.push(part),
        Part::Block { block, word, seats } => blocks.push((block, word, seats)),
        Part::Patient { .. } | Part::Retired(_) => {}
    });
    let (number, word, seats) =
        blocks.into_iter().find(|(_, _, seats)| seats.iter().filter(|s| s.1.is_some()).count() > 1).unwrap();
    let taken = seats.iter().position(|(_, owner)| owner.is_some()).unwrap();
    let restored = Engine::new(Limits::for_seats(1_000));
    for part in sessions {
        restored.restore(part).unwrap();
    }
    let before = canonical(&restored);
    let with = |change: &dyn Fn(&mut u128, &mut Seats)| {
        let (mut word, mut seats) = (word, seats.clone());
        change(&mut word, &mut seats);
        Part::Block { block: number, word, seats }
    };
    // Fields of a record by their place: state from bit 106, node from 108, counter from 112.
    let misfits = [
        with(&|_, seats| seats.truncate(seats.len() - 1)),
        with(&|_, seats| seats.push((0, None))),
        with(&|_, seats| seats[taken].1 = None),
        with(&|_, seats| seats[taken] = (0, None)),
        with(&|_, seats| seats[taken].0 = seats[taken].0 & !(3 << 106) | 1 << 106),
        with(&|_, seats| seats[taken].0 |= 15 << 108),
        with(&|_, seats| seats[taken].0 |= 15 << 112),
        with(&|_, seats| seats[taken].0 |= 0xffff_ffff),
        with(&|word, _| *word = 0),
        with(&|word, _| *word ^= 1),
    ];
    for misfit in misfits {
        let told = format!("{misfit:?}");
        assert!(matches!(restored.restore(misfit), Err(ReplayError::Misfit(_))), "{told}");
        assert_eq!(canonical(&restored), before, "{told}");
    }
    restored.restore(with(&|_, _| ())).unwrap();
    assert_ne!(canonical(&restored), before);
}

#[test]
fn a_gap_and_a_fact_that_does_not_fit_are_told_and_change_nothing() {
    let engine = Engine::with_trace(Limits::for_seats(1_000), Log::default());
    morning(&engine);
    let lines = engine.trace().0.lock().unwrap().clone();
    let first = lines.iter().position(|l| matches!(l, Line::Fact(_))).unwrap();
    let again = replayed(&lines[..first]);
    let facts: Vec<Fact> =
        lines.iter().filter_map(|l| if let Line::Fact(f) = l { Some(*f) } else { None }).collect();
    let second = facts.iter().find(|f| f.sequence.0 == 2).unwrap();
    let before = canonical(&again);
    assert!(matches!(again.replay(second), Err(ReplayError::Gap { .. })));
    let mut wrong = facts[0];
    wrong.change = haoyuan_engine::Change::Confirmed;
    assert!(matches!(again.replay(&wrong), Err(ReplayError::Conflict { .. })));
    assert_eq!(canonical(&again), before);
}

#[test]
fn a_block_at_the_end_of_its_history_takes_no_claim_and_still_settles_what_is_live() {
    // The last 256 places of a block's history are kept for confirming and giving back what is live.
    let engine = Engine::new(Limits::for_seats(1_000));
    let session = engine.publish(&plan(1), at(-HOUR)).unwrap();
    let slot = SlotRef { session, slot: SlotIndex::new(0).unwrap() };
    let wish = |who: u128| Wish {
        patient: PatientKey::new(who).unwrap(),
        slot,
        class: Class::Public,
        channel: Channel::Window,
        ticket: None,
        key: None,
    };
    let first = engine.hold(&wish(1), at(-HOUR)).unwrap();
    let near_the_end = |sequence: u32| {
        let restored = Engine::new(Limits::for_seats(1_000));
        engine.snapshot(|part| {
            restored
                .restore(match part {
                    // The sequence is in the top 10 bits of the word's low half and the top 22 of its high half.
                    Part::Block { block, word, seats } => {
                        let places = (u128::from(sequence) & 0x3ff) << 54 | u128::from(sequence >> 10) << 106;
                        let kept = word & !(0x3ff << 54) & !(0x3f_ffff << 106);
                        Part::Block { block, word: kept | places, seats }
                    }
                    other => other,
                })
                .unwrap();
        });
        assert_eq!(restored.sequence(slot).unwrap().0, sequence);
        restored
    };
    let exhausted = Refusal::plain(Code::SequenceExhausted);
    let settle = Settle { patient: PatientKey::new(1).unwrap(), booking: first.booking, key: None };

    let last = near_the_end(u32::MAX - 257);
    let second = last.hold(&wish(2), at(0)).unwrap();
    assert!(last.confirm(&settle, at(-HOUR)).unwrap().changed);
    let patient = PatientKey::new(2).unwrap();
    assert!(last.cancel(&Settle { patient, booking: second.booking, key: None }, at(0)).unwrap().changed);
    // What was given back is not sold again.
    assert_eq!(last.hold(&wish(3), at(0)), Err(exhausted));
    assert_eq!(last.book(&wish(3), at(0)), Err(exhausted));
    last.audit().unwrap();

    let over = near_the_end(u32::MAX);
    let before = canonical(&over);
    assert_eq!(over.confirm(&settle, at(-HOUR)), Err(exhausted));
    assert_eq!(over.cancel(&settle, at(-HOUR)), Err(exhausted));
    assert_eq!(canonical(&over), before);
}

/// Keeps the names of what is told beside decisions.
#[derive(Default)]
struct Beside(Mutex<Vec<&'static str>>);
impl Trace for Beside {
    fn record(&self, _: &Fact) {}

    fn ticket_refused(&self, _: &Ticket, _: Code, _: Instant) {
        self.0.lock().unwrap().push("ticket refused");
    }

    fn retired(&self, _: &[SessionId], _: Instant) {
        self.0.lock().unwrap().push("retired");
    }

    fn administered(&self, _: &str, _: &str, _: Instant) {
        self.0.lock().unwrap().push("administered");
    }

    fn day(&self, _: u32, _: &str, _: Option<PatientKey>, _: Instant) {
        self.0.lock().unwrap().push("day");
    }
}
/// What an engine tells beside decisions.
fn tell<T: Trace>(trace: &T) {
    trace.ticket_refused(&ticket(at(0)), Code::TicketExpired, at(0));
    trace.retired(&[], at(0));
    trace.administered("policy", "{}", at(0));
    trace.day(1, "{}", None, at(0));
}

#[test]
fn a_trace_behind_a_reference_or_shared_is_told_the_same() {
    // A method that is not passed on would do nothing, and nobody would miss it before a recovery does.
    let told = |log: &Log| format!("{:?}", log.0.lock().unwrap());
    let engine = Engine::with_trace(Limits::for_seats(1_000), Log::default());
    morning(&engine);
    let (behind, shared) = (Log::default(), Arc::new(Log::default()));
    morning(&Engine::with_trace(Limits::for_seats(1_000), &behind));
    morning(&Engine::with_trace(Limits::for_seats(1_000), Arc::clone(&shared)));
    let expected = told(engine.trace());
    for kind in ["Fact(", "Refused(", "Repeated(", "Ticket(", "Published(", "Resized("] {
        assert!(expected.contains(kind), "no {kind} in the morning");
    }
    assert_eq!(told(&behind), expected);
    assert_eq!(told(&shared), expected);

    let (behind, shared) = (Beside::default(), Arc::new(Beside::default()));
    tell(&&behind);
    tell(&shared);
    for trace in [&behind, &*shared] {
        assert_eq!(*trace.0.lock().unwrap(), ["ticket refused", "retired", "administered", "day"]);
    }
}

/// The refusals and repetitions that were told since the last time: the command's word, its patient, and the code.
fn refusals(log: &Log) -> Vec<(&'static str, u128, Option<Code>)> {
    let lines = std::mem::take(&mut *log.0.lock().unwrap());
    let told = lines.into_iter().filter_map(|line| match line {
        Line::Refused(Command::Hold(wish), refusal) => Some(("hold", wish.patient.get(), Some(refusal.code))),
        Line::Refused(Command::Book(wish), refusal) => Some(("book", wish.patient.get(), Some(refusal.code))),
        Line::Refused(Command::Confirm(settle), refusal) => {
            Some(("confirm", settle.patient.get(), Some(refusal.code)))
        }
        Line::Refused(Command::Cancel(settle), refusal) => {
            Some(("cancel", settle.patient.get(), Some(refusal.code)))
        }
        Line::Repeated(settle, _) => Some(("repeated", settle.patient.get(), None)),
        _ => None,
    });
    told.collect()
}

#[test]
fn every_answer_that_is_a_refusal_is_told_once_and_no_other() {
    let engine = Engine::with_trace(Limits::for_seats(1_000), Log::default());
    let session = engine.publish(&plan(0), at(-9 * HOUR)).unwrap();
    let slot = SlotRef { session, slot: SlotIndex::new(0).unwrap() };
    let now = at(-8 * HOUR);
    let wish = |patient: u128, key: u128| Wish {
        patient: PatientKey::new(patient).unwrap(),
        slot,
        class: Class::Public,
        channel: Channel::App,
        ticket: None,
        key: IdempotencyKey::new(key),
    };
    let settle = |patient: u128, booking: BookingId, key: u128| Settle {
        patient: PatientKey::new(patient).unwrap(),
        booking,
        key: IdempotencyKey::new(key),
    };
    let check = |expected: &[(&'static str, u128, Option<Code>)]| {
        assert_eq!(refusals(engine.trace()), expected);
    };
    let held = engine.hold(&wish(1, 0), now).unwrap().booking;
    engine.book(&wish(2, 0), now).unwrap();
    check(&[]);

    // Two seats are the public's.
    assert!(engine.hold(&wish(3, 0), now).is_err());
    check(&[("hold", 3, Some(Code::Protected))]);
    assert!(engine.book(&wish(3, 31), now).is_err());
    check(&[("book", 3, Some(Code::Protected))]);

    let unknown = settle(1, BookingId::pack(held.block(), SeatIndex::new(2).unwrap(), Sequence(9)), 0);
    assert!(engine.confirm(&unknown, now).is_err());
    assert!(engine.cancel(&unknown, now).is_err());
    check(&[("confirm", 1, Some(Code::UnknownBooking)), ("cancel", 1, Some(Code::UnknownBooking))]);
    assert!(engine.confirm(&Settle { key: IdempotencyKey::new(11), ..unknown }, now).is_err());
    check(&[("confirm", 1, Some(Code::UnknownBooking))]);

    // A confirmation is a fact; that it was given again under another key changes what is remembered.
    assert!(engine.confirm(&settle(1, held, 12), now).unwrap().changed);
    check(&[]);
    assert!(!engine.confirm(&settle(1, held, 13), now).unwrap().changed);
    check(&[("repeated", 1, None)]);

    // No answer yet: the host serves whoever waits, and asks again.
    let free = SlotRef { slot: SlotIndex::new(1).unwrap(), ..slot };
    engine.set_waiting(free, true).unwrap();
    for key in [0, 32] {
        let refused = engine.hold(&Wish { slot: free, ..wish(4, key) }, now).unwrap_err();
        assert_eq!(refused.code, Code::Waitlisted);
    }
    check(&[]);
}

/// Holds a patient's gate as long as it takes to hear what somebody else is told.
#[derive(Default)]
struct Busy {
    engine: std::sync::OnceLock<std::sync::Weak<Engine<Busy>>>,
    told: Mutex<Vec<Code>>,
    meanwhile: Mutex<Vec<Code>>,
}

impl Trace for Busy {
    fn record(&self, _: &Fact) {}

    fn refused(&self, asked: Asked<'_>, refusal: &Refusal, at: Instant) {
        self.told.lock().unwrap().push(refusal.code);
        let (Asked::Confirm(settle), Some(engine)) = (asked, self.engine.get()) else { return };
        let (settle, engine) = (Settle { key: None, ..*settle }, engine.upgrade().unwrap());
        if self.meanwhile.lock().unwrap().is_empty() {
            let ticket = Ticket { patient: settle.patient, ..ticket(at.plus(1)) };
            let other = std::thread::spawn(move || {
                [engine.confirm(&settle, at).err(), engine.issue_ticket(&ticket, at).err()]
            });
            let codes = other.join().unwrap().map(|refusal| refusal.unwrap().code);
            self.meanwhile.lock().unwrap().extend(codes);
        }
    }

    fn ticket_refused(&self, _: &Ticket, code: Code, _: Instant) {
        self.told.lock().unwrap().push(code);
    }
}

/// A ticket that ends then.
fn ticket(expires: Instant) -> Ticket {
    Ticket {
        id: TicketId::new(1).unwrap(),
        patient: PatientKey::new(1).unwrap(),
        class: Class::Revisit,
        institution: InstitutionId::new(1).unwrap(),
        department: None,
        expires,
    }
}

#[test]
fn who_finds_the_gate_taken_is_told_so_and_the_trace_is_not() {
    let engine = Arc::new(Engine::with_trace(Limits::for_seats(1_000), Busy::default()));
    engine.trace().engine.set(Arc::downgrade(&engine)).unwrap();
    let session = engine.publish(&plan(0), at(-9 * HOUR)).unwrap();
    let slot = SlotRef { session, slot: SlotIndex::new(0).unwrap() };
    let (patient, now) = (PatientKey::new(1).unwrap(), at(-8 * HOUR));
    let (class, channel) = (Class::Public, Channel::App);
    let held = engine.hold(&Wish { patient, slot, class, channel, ticket: None, key: None }, now).unwrap();
    let booking = BookingId::pack(held.booking.block(), SeatIndex::new(2).unwrap(), Sequence(9));
    // Refused behind the gate, because of its key; in the meantime somebody else asks.
    let settle = Settle { patient, booking, key: IdempotencyKey::new(5) };
    assert_eq!(engine.confirm(&settle, now).unwrap_err().code, Code::UnknownBooking);
    assert_eq!(*engine.trace().meanwhile.lock().unwrap(), [Code::ConcurrentRequest; 2]);
    assert_eq!(*engine.trace().told.lock().unwrap(), [Code::UnknownBooking]);
    // A ticket that is refused for what it is, is told.
    assert_eq!(engine.issue_ticket(&ticket(now), now).unwrap_err().code, Code::TicketExpired);
    assert_eq!(*engine.trace().told.lock().unwrap(), [Code::UnknownBooking, Code::TicketExpired]);
}

#[test]
fn what_is_wrong_with_a_record_or_a_plan_is_said() {
    let block = BlockId::new(7).unwrap();
    let booking = BookingId::pack(block, SeatIndex::new(3).unwrap(), Sequence(5));
    let (sequence, found) = (Sequence(5), Sequence(9));
    for (error, words) in [
        (ReplayError::UnknownBlock(block), "block 7 belongs to no published session".to_owned()),
        (
            ReplayError::Gap { block, expected: sequence, found },
            "block 7 continues at 9 although 5 is missing".to_owned(),
        ),
        (
            ReplayError::Conflict { booking, sequence },
            format!("fact 5 of booking {booking} does not fit its seat"),
        ),
        (ReplayError::Resized { block, sequence }, "the pools of fact 5 do not fit block 7".to_owned()),
        (ReplayError::Misfit(block), "the seats of the snapshot do not fit block 7".to_owned()),
        (
            ReplayError::Full("seats"),
            "no room left: open the engine with a larger `Limits::seats`".to_owned(),
        ),
        (
            ReplayError::Session(PublishError::Duplicate("S1".to_owned())),
            "a session with code `S1` is already published".to_owned(),
        ),
    ] {
        assert_eq!(error.to_string(), words);
    }
    let engine = Engine::new(Limits::for_seats(1_000));
    engine.publish(&plan(1), at(0)).unwrap();
    let again = engine.publish(&plan(1), at(0)).unwrap_err();
    assert_eq!(again.to_string(), "a session with code `session-1` is already published");
    let rules = Rules { holds_per_patient: 0, ..Rules::default() };
    assert!(matches!(engine.publish(&Plan { rules, ..plan(2) }, at(0)), Err(PublishError::Rules(_))));
    let small = Engine::new(Limits { seats: 5, ..Limits::for_seats(1_000) });
    let full = small.publish(&plan(1), at(0)).unwrap_err();
    assert_eq!(full.to_string(), "no room left: open the engine with a larger `Limits::seats`");
}

#[test]
fn what_a_patient_had_in_a_retired_session_is_not_in_a_snapshot() {
    let engine = Engine::new(Limits::for_seats(1_000));
    // The later one first: the one that is retired does not have block 0.
    let stays = engine.publish(&plan(20), at(0)).unwrap();
    let goes = engine.publish(&plan(1), at(0)).unwrap();
    // Two of the last two patients: the second of each is kept beside the record, and one of these under a key.
    for (who, session, key) in
        [(1, goes, 0), (2, stays, 0), (3, stays, 0), (3, goes, 0), (4, stays, 0), (4, goes, 7)]
    {
        let patient = PatientKey::new(who).unwrap();
        let slot = SlotRef { session, slot: SlotIndex::new(u16::from(who > 2)).unwrap() };
        let (class, channel, key) = (Class::Public, Channel::Window, IdempotencyKey::new(key));
        engine.book(&Wish { patient, slot, class, channel, ticket: None, key }, at(0)).unwrap();
    }
    let patients = || {
        let mut keys = Vec::new();
        engine.snapshot(|part| {
            if let Part::Patient { key, first, entries } = part {
                keys.push((key, first != 0, entries.len()));
            }
        });
        keys.sort_unstable();
        keys
    };
    assert_eq!(patients(), [(1, true, 0), (2, true, 0), (3, true, 1), (4, true, 1)]);
    assert_eq!(engine.retire(at(10 * 24 * HOUR)), [goes]);
    // What was answered under a key is answered under it as long as it is remembered.
    assert_eq!(patients(), [(2, true, 0), (3, true, 0), (4, true, 1)]);
}

/// At 08:00 of a day that is so many after the first.
fn day(days: i64) -> Instant {
    at(days * 24 * HOUR)
}

#[test]
fn a_session_is_retired_when_it_is_over_and_counts_for_nothing_any_more() {
    let engine = Engine::with_trace(Limits::for_seats(1_000), Beside::default());
    let [goes, stays] = [1, 20].map(|number| engine.publish(&plan(number), at(0)).unwrap());
    // The day after it is put right what happened in it.
    for at in [day(1), day(2)] {
        assert_eq!(engine.retire(at), []);
        assert!(engine.trace().0.lock().unwrap().is_empty());
    }
    assert_eq!((engine.retire(day(3)), engine.retire(day(3))), (vec![goes], vec![]));
    assert_eq!(*engine.trace().0.lock().unwrap(), ["retired"]);
    assert_eq!((engine.session(goes), engine.find("session-1")), (None, None));
    assert_eq!((engine.find("session-20"), engine.session_count()), (Some(stays), 2));

    // Whoever reads that of the trace has the same.
    let again = Engine::new(Limits::for_seats(1_000));
    for number in [1, 20] {
        again.publish(&plan(number), at(0)).unwrap();
    }
    assert_ne!(canonical(&again), canonical(&engine));
    for _ in 0..2 {
        again.replay_retired(goes);
        assert_eq!(canonical(&again), canonical(&engine));
    }

    // One of two of a day is taken out of the calendar, and the other one stays.
    let mut beside = plan(1);
    beside.session.code = "session-1, another".to_owned();
    let beside = again.publish(&beside, at(0)).unwrap();
    let goes = again.publish(&plan(1), at(0)).unwrap();
    again.replay_retired(goes);
    assert_eq!(again.sessions_between(day(1).day(), day(1).day()), [beside]);

    // Ten days count together for anybody: as long nobody's is over.
    let ten = Limit { scope: Scope::Platform, window: Window::Days(10), most: 3 };
    let rules = Rules { limits: vec![ten], ..Rules::default() };
    let engine = Engine::new(Limits::for_seats(1_000));
    let goes = engine.publish(&plan(1), at(0)).unwrap();
    engine.publish(&Plan { rules, ..plan(20) }, at(0)).unwrap();
    assert_eq!((engine.retire(day(10)), engine.retire(day(11))), (vec![], vec![goes]));
}

#[test]
fn the_numbers_of_retired_sessions_are_not_used_again_also_after_a_snapshot() {
    let engine = Engine::new(Limits::for_seats(1_000));
    let whole = |number| {
        let Plan { mut session, blocks, rules } = plan(number);
        let Blocks::PerSlot(trees) = blocks else { unreachable!("each slot is a block") };
        session.capacity = vec![1; 2];
        let tree = PoolTree::new(2, trees[0].nodes().to_vec(), *trees[0].routes()).unwrap();
        Plan { session, blocks: Blocks::WholeSession(tree), rules }
    };
    // Of those between, and of the last.
    for plan in [plan(20), whole(1), plan(2), plan(21), plan(3), whole(4)] {
        engine.publish(&plan, at(0)).unwrap();
    }
    let written = |engine: &Engine| {
        let mut parts = Vec::new();
        engine.snapshot(|part| parts.push(format!("{part:?}")));
        parts
    };
    let passed_over = |parts: &[String]| parts.iter().filter(|part| part.starts_with("Retired")).count();
    assert_eq!(passed_over(&written(&engine)), 0);
    assert_eq!(engine.retire(day(9)).len(), 4);
    assert_eq!(passed_over(&written(&engine)), 2);
    let restored = Engine::new(Limits::for_seats(1_000));
    engine.snapshot(|part| restored.restore(part).unwrap());
    assert_eq!(canonical(&restored), canonical(&engine));
    let booked = [&engine, &restored].map(|engine| {
        let session = engine.publish(&plan(22), at(0)).unwrap();
        let (patient, slot) =
            (PatientKey::new(1).unwrap(), SlotRef { session, slot: SlotIndex::new(1).unwrap() });
        let (class, channel) = (Class::Public, Channel::App);
        engine.book(&Wish { patient, slot, class, channel, ticket: None, key: None }, at(0)).unwrap()
    });
    assert_eq!(booked[0], booked[1]);
    assert_eq!((booked[0].slot.session.get(), engine.session_count()), (6, 7));
    assert_eq!(engine.session(booked[0].slot.session), restored.session(booked[1].slot.session));
    assert_eq!((written(&engine), engine.audit()), (written(&restored), restored.audit()));
    // What does not fit is not passed over.
    for (passed, name) in
        [([u32::MAX, 0, 0], "sessions"), ([0, u32::MAX, 0], "blocks"), ([0, 0, 1_000], "seats")]
    {
        assert_eq!(restored.restore(Part::Retired(passed)), Err(ReplayError::Full(name)));
    }
    assert_eq!(canonical(&restored), canonical(&engine));
    let small = Engine::new(Limits { sessions: 2, ..Limits::for_seats(1_000) });
    small.restore(Part::Retired([2, 0, 0])).unwrap();
    assert_eq!(small.restore(Part::Retired([1, 0, 0])), Err(ReplayError::Full("sessions")));
}

#[test]
fn a_change_of_the_usable_seats_that_does_not_fit_is_told_and_changes_nothing() {
    let engine = Engine::new(Limits::for_seats(1_000));
    let session = engine.publish(&plan(1), at(0)).unwrap();
    let slot = SlotRef { session, slot: SlotIndex::new(0).unwrap() };
    let mut block = BlockId::default();
    for patient in [1, 2] {
        let (patient, class, channel) = (PatientKey::new(patient).unwrap(), Class::Public, Channel::App);
        let wish = Wish { patient, slot, class, channel, ticket: None, key: None };
        block = engine.book(&wish, at(0)).unwrap().booking.block();
    }
    let before = canonical(&engine);
    let tree = engine.tree(slot).unwrap().clone();
    let of = |seats| tree.resized(seats, tree.nodes().to_vec()).unwrap();
    let mut nodes = tree.nodes().to_vec();
    nodes[2].name = "ANOTHER".to_owned();
    let others = PoolTree::new(3, nodes, *tree.routes()).unwrap();
    let (expected, sequence) = (Sequence(3), Sequence(4));
    let misfit = Err(ReplayError::Resized { block, sequence: expected });
    assert_eq!(engine.replay_resized(block, expected, &of(1)), misfit);
    assert_eq!(engine.replay_resized(block, expected, &others), misfit);
    assert_eq!(
        engine.replay_resized(block, sequence, &of(2)),
        Err(ReplayError::Gap { block, expected, found: sequence })
    );
    assert_eq!(engine.replay_resized(block, Sequence(2), &of(2)), Ok(false));
    // A block that nobody was ever given.
    let never = BlockId::new(block.get() + 2).unwrap();
    assert_eq!(engine.replay_resized(never, expected, &of(2)), Err(ReplayError::UnknownBlock(never)));
    assert_eq!(canonical(&engine), before);
    assert_eq!(engine.replay_resized(block, expected, &of(2)), Ok(true));
    assert_ne!(canonical(&engine), before);
    // Of a retired session nothing is kept, whatever was still on its way.
    engine.retire(day(9));
    let last = BlockId::new(block.get() + 1).unwrap();
    assert_eq!(
        [block, last].map(|block| engine.replay_resized(block, sequence, &of(2))),
        [Ok(false), Ok(false)]
    );
    assert_eq!(engine.replay_resized(never, expected, &of(2)), Err(ReplayError::UnknownBlock(never)));
}

#[test]
fn a_hold_that_was_dead_and_not_swept_is_swept_by_its_own_number_only() {
    let engine = Engine::new(Limits::for_seats(1_000));
    let session = engine.publish(&plan(1), at(0)).unwrap();
    let slot = SlotRef { session, slot: SlotIndex::new(1).unwrap() };
    let hold = |number: u128, now| {
        let (patient, class, channel) = (PatientKey::new(number).unwrap(), Class::Public, Channel::App);
        engine.hold(&Wish { patient, slot, class, channel, ticket: None, key: None }, now).unwrap().booking
    };
    let minutes = |count: i64| at(count * HOUR / 60);
    let looked_past = |number: u128, now| {
        let mut found = Vec::new();
        engine.looked_past(PatientKey::new(number).unwrap(), now, |booking| found.push(booking));
        found
    };
    let first = hold(1, minutes(0));
    assert_eq!((looked_past(1, minutes(14)), engine.sweep(first, minutes(14))), (vec![], false));
    assert_eq!((looked_past(1, minutes(15)), looked_past(2, minutes(15))), (vec![first], vec![]));
    let sequence = engine.sequence(slot).unwrap();
    assert_eq!([1, 2].map(|_| engine.sweep(first, minutes(15))), [true, false]);
    assert_eq!(engine.sequence(slot).unwrap().0, sequence.0 + 1);
    assert_eq!(looked_past(1, minutes(15)), []);
    // The seat is somebody else's by now, whose hold is dead as well.
    let second = hold(2, minutes(15));
    assert_eq!(first.seat(), second.seat());
    assert!(!engine.sweep(first, minutes(60)));
    assert_eq!(looked_past(2, minutes(60)), [second]);
    assert!(engine.sweep(second, minutes(60)));
    // Of a block that is nobody's nothing is swept.
    let nobodys = BookingId::pack(BlockId::new(7).unwrap(), second.seat(), second.sequence());
    assert!(!engine.sweep(nobodys, minutes(60)));
}

#[test]
fn a_booking_says_where_it_is_as_long_as_its_session_is_not_retired() {
    let engine = Engine::new(Limits::for_seats(1_000));
    let sessions = [plan(1), plan(20)].map(|plan| engine.publish(&plan, at(0)).unwrap());
    let slots = sessions.iter().flat_map(|session| [0, 1].map(|slot| (*session, slot)));
    let booked: Vec<(SlotRef, BookingId)> = slots
        .zip(1..)
        .map(|((session, slot), number)| {
            let slot = SlotRef { session, slot: SlotIndex::new(slot).unwrap() };
            let (patient, class, channel) = (PatientKey::new(number).unwrap(), Class::Public, Channel::App);
            let wish = Wish { patient, slot, class, channel, ticket: None, key: None };
            (slot, engine.book(&wish, at(0)).unwrap().booking)
        })
        .collect();
    let never = BlockId::new(u32::try_from(booked.len()).unwrap()).unwrap();
    assert!(booked.iter().all(|(slot, booking)| engine.slot_of(*booking) == Some(*slot)));
    assert_eq!(engine.retire(day(9)), [sessions[0]]);
    for (slot, booking) in booked {
        assert_eq!(engine.slot_of(booking), Some(slot).filter(|slot| slot.session == sessions[1]));
        assert!(engine.was_given(booking.block()));
    }
    assert!(!engine.was_given(never));
}

#[test]
fn the_state_says_whose_seats_and_tickets_they_are() {
    let state = |owner: u128, tickets: &[Ticket]| {
        let engine = Engine::new(Limits::for_seats(1_000));
        let slot =
            SlotRef { session: engine.publish(&plan(1), at(0)).unwrap(), slot: SlotIndex::new(0).unwrap() };
        for ticket in tickets {
            engine.issue_ticket(ticket, at(0)).unwrap();
        }
        let (patient, class, channel) = (PatientKey::new(owner).unwrap(), Class::Public, Channel::App);
        engine.book(&Wish { patient, slot, class, channel, ticket: None, key: None }, at(0)).unwrap();
        canonical(&engine)
    };
    let (soon, later) = (ticket(at(HOUR)), ticket(at(2 * HOUR)));
    let others = Ticket { patient: PatientKey::new(2).unwrap(), ..soon };
    let states =
        [state(1, &[]), state(2, &[]), state(1, &[soon]), state(1, &[later]), state(1, &[soon, others])];
    for (place, one) in states.iter().enumerate() {
        assert!(states[..place].iter().all(|other| other != one), "{place}");
    }
    // In whatever order they came.
    assert_eq!(state(1, &[others, soon]), states[4]);
}

#[test]
fn what_was_told_again_is_remembered_once_and_of_two_tickets_the_right_one_is_used_after_a_replay() {
    let engine = Engine::with_trace(Limits::for_seats(1_000), Log::default());
    let session = engine.publish(&plan(1), at(0)).unwrap();
    let slot = SlotRef { session, slot: SlotIndex::new(0).unwrap() };
    let (patient, channel) = (PatientKey::new(1).unwrap(), Channel::App);
    let wish = |key: u128| {
        let (class, key) = (Class::Public, IdempotencyKey::new(key));
        Wish { patient, slot, class, channel, ticket: None, key }
    };
    // Eight are refused while the session is stopped, and the last of them asks and asks.
    engine.set_stopped(slot, true).unwrap();
    for key in (1..=8).chain([8; 9]) {
        assert_eq!(engine.hold(&wish(key), at(0)).unwrap_err().code, Code::Stopped);
    }
    engine.set_stopped(slot, false).unwrap();
    let issued = |number| Ticket {
        id: TicketId::new(number).unwrap(),
        class: Class::ReferralSecondary,
        ..ticket(at(24 * HOUR))
    };
    for number in [1, 2] {
        engine.issue_ticket(&issued(number), at(0)).unwrap();
    }
    let shown = |number| Wish { class: Class::ReferralSecondary, ticket: TicketId::new(number), ..wish(0) };
    let used = engine.book(&shown(1), at(0)).unwrap();
    let again = replayed(&engine.trace().0.lock().unwrap());
    assert_eq!(canonical(&again), canonical(&engine));
    let refused = again.book(&shown(1), at(0)).unwrap_err();
    assert_eq!((refused.code, refused.binding), (Code::TicketUsed, Binding::Booking(used.booking)));
    let settle = Settle { patient, booking: used.booking, key: None };
    again.cancel(&settle, at(0)).unwrap();
    assert!(
        (1..=8).all(|key| again.hold(&wish(key), at(0)).is_err_and(|refusal| refusal.code == Code::Stopped))
    );
    assert!(again.hold(&wish(9), at(0)).is_ok());
}

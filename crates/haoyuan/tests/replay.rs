//! What was written gives back what was decided: state hash, names, answers.

mod common;

use common::{
    EIGHT, at, doctor, morning, patient, plan, prepare, publish_line, queued, slot, synced, ticket, wish,
};
use haoyuan::ids::IdempotencyKey;
use haoyuan::instant::{DAY, HOUR, MINUTE};
use haoyuan::journal::sim::{Faults, SimDisk};
use haoyuan::journal::{Access, Disk, From, Recovery};
use haoyuan::pool::Fence;
use haoyuan::record::{Record, kind};
use haoyuan::refusal::Code;
use haoyuan::request::{Settle, Wish};
use haoyuan::{Durability, Error, Options, Refusals, Registry, journal, rebuild};
use std::sync::Arc;

fn rebuilt_hash(disk: &Arc<dyn Disk>, from: From) -> ([u8; 32], haoyuan::Rebuilt) {
    let rebuilt = rebuild(disk, from, Access::Read, Some(common::limits()), &Refusals::All).unwrap();
    (rebuilt.platform().state_hash(), rebuilt)
}

/// A morning of several threads on a simulated disk, closed.
fn played(seed: u64, threads: u64, options: Options) -> (Arc<dyn Disk>, [u8; 32]) {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(seed));
    let registry = Registry::open_on(Arc::clone(&disk), options).unwrap();
    prepare(&registry);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let registry = &registry;
            scope.spawn(move || morning(registry, seed, thread, threads, 400));
        }
    });
    let _ = registry.tick(at(0)).unwrap();
    let hash = registry.state_hash();
    assert!(registry.engine().audit().is_ok());
    registry.close().unwrap();
    (disk, hash)
}

#[test]
fn i24_replaying_the_journal_rebuilds_the_state_byte_for_byte() {
    for (seed, threads) in [(1, 1), (2, 4), (3, 4)] {
        let (disk, live) = played(seed, threads, synced());
        let (hash, rebuilt) = rebuilt_hash(&disk, From::Start);
        assert_eq!(hash, live, "seed {seed}, {threads} threads");
        assert!(rebuilt.platform().engine().audit().is_ok());
        // The run has every kind of record but the counted refusals, what the hospital does, and retirement.
        let elsewhere = [kind::REFUSED_COUNT, kind::DAY, kind::RESIZED, kind::RETIRED].map(usize::from);
        for (number, word) in kind::WORDS.iter().enumerate() {
            assert!(
                elsewhere.contains(&(number + 1)) || rebuilt.kinds[number] > 0,
                "no `{word}`: {:?}",
                rebuilt.kinds
            );
        }
    }
}

#[test]
fn a_snapshot_and_its_tail_give_the_same_state_as_the_first_segment() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(9));
    let mut registry = Registry::open_on(Arc::clone(&disk), queued()).unwrap();
    prepare(&registry);
    morning(&registry, 1, 0, 2, 300);
    let _ = registry.tick(at(-3 * DAY)).unwrap();
    registry.snapshot().unwrap();
    morning(&registry, 2, 1, 2, 300);
    let answer = registry.execute(&publish_line("W2", "D-WANG", 11, 5));
    assert!(answer.contains(r#""outcome":"done""#), "{answer}");
    let live = registry.state_hash();
    let names = registry.platform().names();
    registry.close().unwrap();

    let (whole, _) = rebuilt_hash(&disk, From::Start);
    let (tail, rebuilt) = rebuilt_hash(&disk, From::Snapshot);
    assert!(rebuilt.report().snapshot.is_some() && rebuilt.report().in_snapshot == 0);
    assert_eq!((whole, tail), (live, live));
    assert_eq!(rebuilt.platform().names(), names, "directory, policies and carry ledger");

    // The next sessions are planned as if nothing had happened, and fences passed before are not passed again.
    let registry = Registry::open_on(Arc::clone(&disk), queued()).unwrap();
    let again = registry.execute(&publish_line("W2", "D-WANG", 12, 5));
    assert!(again.contains("published already"), "{again}");
    let overlap = registry.execute(&publish_line("W3", "D-WANG", 11, 5));
    assert!(overlap.contains("two places at once"), "{overlap}");
    let next = registry.execute(&publish_line("W3", "D-WANG", 12, 5));
    let other = Registry::in_memory(&Options { durability: Durability::Memory, ..queued() });
    prepare(&other);
    let _ = other.execute(&publish_line("W2", "D-WANG", 11, 5));
    assert_eq!(next, other.execute(&publish_line("W3", "D-WANG", 12, 5)), "the carry goes on where it stood");
    registry.close().unwrap();
}

/// Builds before this one wrote layout 1 and packed remembered refusals in different ways under it: a snapshot of theirs that was
/// taken up gave wrong answers to repeated commands.
#[test]
fn a_snapshot_of_an_older_layout_is_passed_over_and_everything_is_read() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(10));
    let registry = Registry::open_on(Arc::clone(&disk), queued()).unwrap();
    prepare(&registry);
    morning(&registry, 1, 0, 2, 300);
    let live = registry.state_hash();
    registry.close().unwrap();
    let journal = journal::Journal::open(Arc::clone(&disk), journal::Options::default()).unwrap();
    // It verifies, and begins with its layout.
    journal.snapshot(journal.mark().unwrap(), &[], &[1, 0, 0, 0]).unwrap();
    journal.close().unwrap();
    let (hash, rebuilt) = rebuilt_hash(&disk, From::Snapshot);
    assert_eq!(hash, live);
    assert_eq!(rebuilt.report().snapshot, None);
    let mut registry = Registry::open_on(Arc::clone(&disk), queued()).unwrap();
    assert_eq!(registry.state_hash(), live);
    registry.snapshot().unwrap();
    registry.close().unwrap();
    let (hash, rebuilt) = rebuilt_hash(&disk, From::Snapshot);
    assert_eq!((hash, rebuilt.report().snapshot.is_some()), (live, true), "the next one is of this layout");
}

/// The fences of a session on disk: how long before its day's eight o'clock, and how many seats.
fn fences(disk: &Arc<dyn Disk>) -> Vec<(i64, u32)> {
    let mut recovery = Recovery::begin(Arc::clone(disk), From::Start, Access::Read).unwrap();
    let mut fences = Vec::new();
    while let Some(recovered) = recovery.next().unwrap() {
        if let Record::Fence { at, seats, .. } = Record::decode(recovered.entry).unwrap() {
            fences.push((at.ms() - EIGHT, seats));
        }
    }
    fences
}

#[test]
fn a_fence_gives_what_the_pools_keep_then_and_not_what_they_kept_when_the_session_was_published() {
    for restart in [false, true] {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(11));
        let mut registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
        registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
        let session = registry.engine().find("session-0").unwrap();
        let first = slot(session, 0);
        let before = registry.engine().tree(first).unwrap().clone();
        let mut nodes = before.nodes().to_vec();
        nodes[1].guarantee = 2;
        nodes[1].fences = vec![Fence { from: 6 * HOUR, seats: 1 }, Fence { from: 7 * HOUR, seats: 0 }];
        let after = before.resized(3, nodes).unwrap();
        registry.engine().resize(first, &after, at(-8 * DAY)).unwrap();
        if restart {
            registry.close().unwrap();
            registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
        }
        registry.tick(at(0)).unwrap().durable().unwrap();
        registry.close().unwrap();
        // At six one of the first slot; at seven one of each.
        assert_eq!(fences(&disk), [(-2 * HOUR, 1), (-HOUR, 2)], "restarted: {restart}");
    }
}

#[test]
fn who_polls_and_who_is_called_back_learn_of_a_sync_that_failed() {
    let disk = SimDisk::new(12);
    let registry = Registry::open_on(Arc::new(disk.clone()), queued()).unwrap();
    registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
    let session = registry.engine().find("session-0").unwrap();
    let earlier = registry.hold(&wish(1, slot(session, 0)), at(-DAY)).unwrap();
    let other = registry.hold(&wish(2, slot(session, 1)), at(-DAY)).unwrap();
    other.ack.wait().unwrap();
    earlier.ack.wait().unwrap();
    disk.set_faults(Faults { fail_sync: Some(1), ..Faults::default() });
    let (told, heard) = std::sync::mpsc::channel();
    let tell = |name: &'static str| {
        let told = told.clone();
        move |outcome: Result<(), journal::Error>| told.send((name, outcome.is_ok())).unwrap()
    };
    let one = registry.hold(&wish(3, slot(session, 0)), at(-DAY)).unwrap();
    // Two holds are swept: an acknowledgement of two records, under a number of its own.
    let several = registry.tick(at(-HOUR)).unwrap();
    assert_eq!(several.answer, 3);
    let number = registry.number_of(&several.ack);
    one.ack.on_durable(tell("one"));
    several.ack.on_durable(tell("several"));
    assert!(one.ack.wait().is_err());
    let mut outcomes = vec![heard.recv().unwrap(), heard.recv().unwrap()];
    outcomes.sort_unstable();
    assert_eq!(outcomes, [("one", false), ("several", false)]);
    for ack in [&one.ack, &several.ack, &registry.ack(number).unwrap()] {
        assert!(matches!(ack.poll(), Some(Err(_))) && !ack.is_durable());
        ack.on_durable(tell("late"));
        assert_eq!(heard.recv().unwrap(), ("late", false));
    }
    // What was durable before stays so, whoever asks and however late.
    assert!(matches!(earlier.ack.poll(), Some(Ok(()))) && earlier.ack.is_durable());
    earlier.ack.on_durable(tell("earlier"));
    assert_eq!(heard.recv().unwrap(), ("earlier", true));
    assert!(registry.ack(number + 1).is_none());
}

#[test]
fn a_number_for_several_records_is_known_while_it_is_open_and_when_it_is_durable() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(13));
    let registry = Registry::open_on(disk, synced()).unwrap();
    registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
    let session = registry.engine().find("session-0").unwrap();
    for number in 1..3 {
        registry.hold(&wish(number, slot(session, 0)), at(-DAY)).unwrap().durable().unwrap().unwrap();
    }
    let swept = registry.tick(at(-HOUR)).unwrap();
    assert!(swept.answer == 2 && swept.ack.ticket().is_none());
    let number = registry.number_of(&swept.ack);
    registry.ack(number).unwrap().wait().unwrap();
    registry.journal().unwrap().flush().unwrap();
    assert!(registry.ack(number).unwrap().is_durable());
    assert_eq!(registry.number_of(&haoyuan::Ack::NOTHING), 0);
    assert!(registry.ack(number + 1).is_none() && registry.ack(1 << 63).is_none());
    registry.close().unwrap();
}

#[test]
fn a_session_that_is_over_leaves_the_state_and_the_snapshots_and_never_the_archive() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(14));
    let mut registry = Registry::open_on(Arc::clone(&disk), queued()).unwrap();
    for number in 0..6 {
        registry.publish(&plan(number), at(-9 * DAY)).unwrap().durable().unwrap();
    }
    for number in 0..40 {
        registry.issue_ticket(&ticket(number), at(-8 * DAY)).unwrap().durable().unwrap().unwrap();
    }
    morning(&registry, 3, 0, 2, 400);
    let mine = wish(500, slot(registry.engine().find("session-0").unwrap(), 0));
    let kept =
        Wish { patient: patient(501), slot: slot(registry.engine().find("session-5").unwrap(), 1), ..mine };
    // Whoever had a seat: their seats were withdrawn to make room, so that these two are surely granted.
    for wish in [&mine, &kept] {
        for occupied in registry.engine().occupants(wish.slot, at(-DAY)).unwrap() {
            registry.engine().withdraw(occupied.booking, at(-DAY)).unwrap();
        }
    }
    let booking = registry.book(&mine, at(-DAY)).unwrap().durable().unwrap().unwrap().booking;
    let other = registry.book(&kept, at(-DAY)).unwrap().durable().unwrap().unwrap().booking;
    let names = registry.snapshot().unwrap();
    let before = snapshot_bytes(&disk, &names);

    // 2 to 7 March: on the fifth, the second and the third are over. The fourth was yesterday.
    assert_eq!(
        registry.retire(at(2 * DAY - 9 * HOUR)).unwrap().durable().unwrap(),
        0,
        "two days have not gone by"
    );
    // As a host tells it that speaks JSON, over C or HTTP.
    let retire = r#"{"command":"retire","at":"2026-03-05T08:00:00+08:00","sessions":true,
        "actor":{"role":"doctor","id":"0000000000000d0c"}}"#;
    let answer = registry.execute(retire);
    assert!(answer.contains(r#""sessions":2"#), "{answer}");
    assert_eq!(registry.retire(at(3 * DAY)).unwrap().durable().unwrap(), 0, "once");
    assert!(registry.engine().find("session-0").is_none() && registry.engine().find("session-2").is_some());
    let settle = |patient, booking| Settle { patient, booking, key: None };
    let code = |answer: Result<_, haoyuan::refusal::Refusal>| answer.map(drop).map_err(|told| told.code);
    let confirm = |one: &Settle| registry.cancel(one, at(3 * DAY)).unwrap().durable().unwrap();
    assert_eq!(code(registry.hold(&mine, at(-DAY)).unwrap().answer), Err(Code::UnknownSession));
    assert!(confirm(&settle(mine.patient, booking)).is_err());
    // The patient may hold another seat of the day that is no more counted.
    assert_eq!(registry.engine().bookings_of(mine.patient, at(3 * DAY)).unwrap(), []);
    confirm(&settle(kept.patient, other)).unwrap();
    let live = registry.state_hash();

    let names = registry.snapshot().unwrap();
    let after = snapshot_bytes(&disk, &names);
    assert!(after < before, "{after} and {before} bytes");
    let next = registry.publish(&plan(6), at(3 * DAY)).unwrap().durable().unwrap();
    let grown = registry.state_hash();
    assert_ne!(live, grown);
    registry.close().unwrap();
    for from in [From::Start, From::Snapshot] {
        let (hash, rebuilt) = rebuilt_hash(&disk, from);
        assert_eq!(hash, grown, "{from:?}");
        let engine = rebuilt.platform().engine();
        assert_eq!(
            engine.find("session-6"),
            Some(next),
            "its number is the seventh, and not one that was given before"
        );
        assert!(engine.find("session-1").is_none() && engine.audit().is_ok());
    }
    // A snapshot that was taken of what came from a snapshot passes over the same numbers.
    let mut registry = Registry::open_on(Arc::clone(&disk), queued()).unwrap();
    registry.snapshot().unwrap();
    registry.close().unwrap();
    let (hash, rebuilt) = rebuilt_hash(&disk, From::Snapshot);
    assert_eq!((hash, rebuilt.report().entries), (grown, 0));

    // The archive has it all: who reads the history finds the sessions, and what became of their seats.
    let mut seen = 0;
    let mut watch = |record: &Record<'_>, _: &haoyuan::Platform<Arc<haoyuan::Recorder>>| {
        seen += u32::from(matches!(record, Record::Retired { .. }));
    };
    let limits = Some(common::limits());
    let whole =
        haoyuan::rebuild_watched(&disk, From::Start, Access::Read, limits, &Refusals::All, Some(&mut watch))
            .unwrap();
    assert_eq!(seen, 2);
    let engine = whole.platform().engine();
    assert!(engine.find("session-0").is_some() && engine.find("session-1").is_some());
    assert_eq!(engine.bookings_of(mine.patient, at(3 * DAY)).unwrap().len(), 1);
}

fn snapshot_bytes(disk: &Arc<dyn Disk>, name: &str) -> u64 {
    disk.open(name, false).unwrap().len().unwrap()
}

#[test]
fn a_session_that_a_limit_still_counts_is_not_retired() {
    let registry = Registry::in_memory(&queued());
    let mut monthly = plan(0);
    monthly.rules.limits[0].window = haoyuan::rules::Window::Month;
    registry.publish(&monthly, at(-9 * DAY)).unwrap().durable().unwrap();
    registry.publish(&plan(1), at(-9 * DAY)).unwrap().durable().unwrap();
    // 2 and 3 March; the rules of either count the visits of both, until April.
    assert_eq!(registry.retire(at(29 * DAY)).unwrap().answer, 0, "31 March");
    assert_eq!(registry.retire(at(30 * DAY)).unwrap().answer, 2, "1 April");
}

#[test]
fn i10_a_fence_is_passed_once_whatever_ticks_and_restarts_there_are() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(4));
    let mut fences = 0;
    for (opening, hours) in [(0, -2), (1, -1), (2, 23), (3, 7 * 24 + 23)] {
        let mut registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
        if opening == 0 {
            prepare(&registry);
        }
        for minute in [-1, 0, 0, 1] {
            registry.tick(at(hours * HOUR + minute * MINUTE)).unwrap().durable().unwrap();
        }
        if opening == 2 {
            registry.snapshot().unwrap();
        }
        registry.close().unwrap();
        let (_, rebuilt) = rebuilt_hash(&disk, From::Start);
        let now = rebuilt.kinds[usize::from(kind::FENCE) - 1];
        assert!(now >= fences, "none is taken back");
        fences = now;
    }
    // The reserve of each of six sessions falls at 07:00 of its day; those of April lie ahead.
    assert_eq!(fences, 6);
    // With or without the events, the reserve is gone at its instant.
    let silent = Registry::open_on(disk, synced()).unwrap();
    let session = silent.engine().find("session-5").unwrap();
    let free = |ms| {
        let fence = at(5 * DAY - HOUR);
        let class = haoyuan::terms::Class::Public;
        let channel = haoyuan::terms::Channel::App;
        silent.engine().availability(slot(session, 0), class, channel, fence.plus(ms)).unwrap().free
    };
    assert_eq!((free(-1), free(0)), (2, 3));
}

#[test]
fn scenario_9_holds_that_ran_out_in_the_outage_expire_at_their_own_instant() {
    let disk = SimDisk::new(7);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let registry = Registry::open_on(Arc::clone(&shared), synced()).unwrap();
    registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
    let session = registry.engine().find("session-0").unwrap();
    // 10:00 and 10:08 of the day before; a hold lives for fifteen minutes.
    let ten = at(-DAY + 2 * HOUR);
    let hold = |number, now| {
        let decided = registry.hold(&wish(number, slot(session, 0)), now).unwrap();
        decided.durable().unwrap().unwrap().booking
    };
    let (early, late) = (hold(1, ten), hold(2, ten.plus(8 * MINUTE)));
    // 10:10: the power fails.
    let after = disk.crash(haoyuan::journal::sim::Survival::Nothing);
    drop(registry);

    let again = Registry::open_on(Arc::new(after), synced()).unwrap();
    let confirm = |number, booking, now| {
        let settle = Settle { patient: patient(number), booking, key: None };
        again.confirm(&settle, now).unwrap().durable().unwrap().map_err(|refusal| refusal.code)
    };
    // 10:15:00.000: the first is dead at its own instant, not at the end of the outage; its seat goes to another.
    assert_eq!(confirm(1, early, ten.plus(15 * MINUTE)), Err(Code::HoldExpired));
    let other =
        again.book(&wish(3, slot(session, 0)), ten.plus(15 * MINUTE)).unwrap().durable().unwrap().unwrap();
    assert_eq!(other.booking.seat(), early.seat());
    // 10:22:59.999: the second still lives.
    assert!(confirm(2, late, ten.plus(23 * MINUTE - 1)).is_ok());
    assert!(again.engine().audit().is_ok());
    let hash = again.state_hash();
    again.close().unwrap();
    drop(shared);
    let _ = hash;
}

#[test]
fn a_failed_journal_refuses_changes_before_deciding_and_answers_questions() {
    let disk = SimDisk::new(5);
    let registry = Registry::open_on(Arc::new(disk.clone()), synced()).unwrap();
    registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
    let session = registry.engine().find("session-0").unwrap();
    let wish = |number| wish(number, slot(session, 0));
    registry.hold(&wish(1), at(-DAY)).unwrap().durable().unwrap().unwrap();
    disk.set_faults(Faults { fail_sync: Some(1), ..Faults::default() });
    // This one was decided; that it is not durable is told to whoever waits.
    let decided = registry.hold(&wish(2), at(-DAY)).unwrap();
    assert!(decided.answer.is_ok());
    assert!(decided.ack.wait().is_err() && !decided.ack.is_durable());
    let before = registry.state_hash();
    let refused = registry.hold(&wish(3), at(-DAY));
    assert!(matches!(refused, Err(Error::Undecided(_))), "{refused:?}");
    let told = registry.execute(r#"{"command":"tick","at":"2026-04-01T09:00:00+08:00"}"#);
    assert!(told.contains("nothing was decided"), "{told}");
    assert_eq!(registry.state_hash(), before);
    let asked = registry.execute(r#"{"command":"state_hash","at":"2026-04-01T09:00:00+08:00"}"#);
    assert!(asked.contains(r#""outcome":"done""#), "{asked}");
    assert!(
        registry
            .engine()
            .availability(
                slot(session, 0),
                haoyuan::terms::Class::Public,
                haoyuan::terms::Channel::App,
                at(-DAY)
            )
            .is_ok()
    );
}

#[test]
fn an_answer_given_again_is_acknowledged_only_when_the_first_is_durable() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(6));
    let registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
    registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
    let session = registry.engine().find("session-0").unwrap();
    let wish = Wish { key: IdempotencyKey::new(7), ..wish(1, slot(session, 0)) };
    let first = registry.hold(&wish, at(-DAY)).unwrap();
    let second = registry.hold(&wish, at(-DAY + 1)).unwrap();
    assert_eq!(first.answer, second.answer);
    second.ack.wait().unwrap();
    assert!(first.ack.is_durable());
    registry.close().unwrap();
    let mut recovery = Recovery::begin(disk, From::Start, Access::Read).unwrap();
    let mut again = 0;
    while let Some(recovered) = recovery.next().unwrap() {
        again += u32::from(matches!(Record::decode(recovered.entry), Ok(Record::Again { .. })));
    }
    assert_eq!(again, 1);
}

#[test]
fn refusals_are_written_as_chosen_and_counted_ones_add_up() {
    let ask = |refusals: Refusals| {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(8));
        let registry = Registry::open_on(Arc::clone(&disk), Options { refusals, ..synced() }).unwrap();
        registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
        let session = registry.engine().find("session-0").unwrap();
        for number in 0..50 {
            let _ = registry
                .book(&wish(number, slot(session, 0)), at(-DAY + 5_000 * i64::try_from(number).unwrap()));
        }
        let unknown =
            Settle { patient: patient(99), booking: haoyuan::ids::BookingId::new(1).unwrap(), key: None };
        let _ = registry.cancel(&unknown, at(-DAY));
        let live = registry.state_hash();
        registry.close().unwrap();
        assert_eq!(rebuilt_hash(&disk, From::Start).0, live);
        let mut recovery = Recovery::begin(disk, From::Start, Access::Read).unwrap();
        let (mut single, mut counted, mut minutes) = (0, 0, 0);
        while let Some(recovered) = recovery.next().unwrap() {
            match Record::decode(recovered.entry).unwrap() {
                Record::Refusal { .. } => single += 1,
                Record::RefusedCount { count, minute, .. } => {
                    assert!(u64::from(minute) >= u64::try_from((EIGHT - DAY) / 60_000).unwrap());
                    counted += count;
                    minutes += 1;
                }
                _ => {}
            }
        }
        (single, counted, minutes)
    };
    // Two public seats of three: 48 are refused, and one cancellation.
    assert_eq!(ask(Refusals::All), (49, 0, 0));
    assert_eq!(ask(Refusals::ByReason(vec![Code::UnknownBooking])), (1, 0, 0));
    let (single, counted, minutes) = ask(Refusals::PerMinute);
    assert_eq!((single, counted), (0, 49));
    assert!((2..12).contains(&minutes), "{minutes}");
    assert_eq!(ask(Refusals::None), (0, 0, 0));
}

#[test]
fn who_and_why_are_written_beside_the_decision() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(3));
    let registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
    prepare(&registry);
    let line = r#"{"command":"book","at":"2026-04-09T09:00:00+08:00","patient":"5f0c6f0f6c1d4b7e9a3d2e1f00112233",
        "session":"W1","slot":0,"class":"on_site","channel":"window",
        "actor":{"role":"clerk","id":"0123456789abcdef","contact":"00000000000000c0","reason":3}}"#;
    let answer = registry.execute(line);
    assert!(answer.contains("granted"), "{answer}");
    let wrong = registry.execute(&line.replace("0123456789abcdef", "张三"));
    assert!(wrong.contains("actor.id") && !wrong.contains("张三"), "{wrong}");
    registry.close().unwrap();
    let mut recovery = Recovery::begin(disk, From::Start, Access::Read).unwrap();
    let mut actors = Vec::new();
    while let Some(recovered) = recovery.next().unwrap() {
        match Record::decode(recovered.entry).unwrap() {
            Record::Transition(transition) => actors.push(transition.actor),
            Record::Ticket { actor, .. } => assert_eq!(actor, doctor()),
            _ => {}
        }
    }
    let [clerk] = actors[..] else { panic!("{actors:?}") };
    assert_eq!((clerk.role, clerk.id.unwrap().get()), (haoyuan::Role::Clerk, 0x0123_4567_89ab_cdef));
    assert_eq!((clerk.contact.unwrap().get(), clerk.reason.unwrap().get()), (0xc0, 3));
}

//! The hospital's day in the journal: its events keep their order, whatever their length, and outlive snapshots.

mod common;

use common::{at, patient, plan, queued, slot, synced, wish};
use haoyuan::Registry;
use haoyuan::ids::PatientKey;
use haoyuan::instant::DAY;
use haoyuan::journal::sim::SimDisk;
use haoyuan::journal::{Access, Disk, From, Recovery};
use haoyuan::record::{Assembler, Record};
use haoyuan::{Refusals, Trace, rebuild};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The events of a journal, as they are read back.
fn events(disk: &Arc<dyn Disk>) -> Vec<(u32, String)> {
    let mut recovery = Recovery::begin(Arc::clone(disk), From::Start, Access::Read).unwrap();
    let (mut assembler, mut events) = (Assembler::default(), Vec::new());
    while let Some(recovered) = recovery.next().unwrap() {
        if let Record::Day(day) = Record::decode(recovered.entry).unwrap() {
            if let Some(bytes) = assembler.take(recovered.entry.kind, &day.part).unwrap() {
                events.push((day.part.batch, String::from_utf8(bytes).unwrap()));
            }
        }
    }
    events
}

/// An event of about so many bytes that changes nothing, with a character that a part may cut in two.
fn event(number: u32, bytes: usize) -> String {
    format!(r#"{{"refused":{{"command":"{number} {}","code":301,"at":0}}}}"#, "停诊".repeat(bytes / 6))
}

/// Tells an event as the platform does: applied, and given to the trace.
fn happens(registry: &Registry, number: u32, event: &str, patient: Option<PatientKey>) {
    registry.platform().replay_day(number, event).unwrap();
    registry.engine().trace().day(number, event, patient, at(0));
}

#[test]
fn the_events_of_the_day_come_back_in_their_order_and_go_on_after_a_snapshot() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    let mut registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
    registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
    let told: Vec<String> =
        [30, 70_000, 30, 200_000].into_iter().zip(1..).map(|(bytes, n)| event(n, bytes)).collect();
    let tell = |registry: &Registry, number: u32, patient| {
        let event = &told[usize::try_from(number).unwrap() - 1];
        happens(registry, number, event, patient);
    };
    tell(&registry, 1, None);
    tell(&registry, 2, Some(patient(1)));
    registry.journal().unwrap().flush().unwrap();
    registry.close().unwrap();

    registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
    assert_eq!(registry.platform().day_number(), 2);
    registry.snapshot().unwrap();
    tell(&registry, 3, None);
    let session = registry.engine().find("session-0").unwrap();
    registry.book(&wish(1, slot(session, 0)), at(-DAY)).unwrap().durable().unwrap().unwrap();
    tell(&registry, 4, Some(patient(1)));
    let hash = registry.state_hash();
    registry.close().unwrap();

    for from in [From::Snapshot, From::Start] {
        let rebuilt = rebuild(&disk, from, Access::Read, None, &Refusals::All).unwrap();
        assert_eq!(rebuilt.platform().day_number(), 4);
        assert_eq!(rebuilt.platform().state_hash(), hash);
    }
    let read: Vec<(u32, String)> = (1..).zip(told.clone()).collect();
    assert_eq!(events(&disk), read);
}

#[test]
fn the_order_of_the_day_holds_among_decisions_of_other_threads() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(2));
    let registry = Registry::open_on(Arc::clone(&disk), queued()).unwrap();
    common::prepare(&registry);
    std::thread::scope(|scope| {
        let registry = &registry;
        for thread in 0..2 {
            scope.spawn(move || common::morning(registry, 3, thread, 2, 1_500));
        }
        scope.spawn(move || {
            for number in 1..=400 {
                let concerned = (number % 2 == 0).then(|| patient(u64::from(number % 40)));
                happens(registry, number, &event(number, 60), concerned);
            }
        });
    });
    let hash = registry.state_hash();
    registry.close().unwrap();
    let rebuilt = rebuild(&disk, From::Start, Access::Read, None, &Refusals::All).unwrap();
    assert_eq!((rebuilt.platform().day_number(), rebuilt.platform().state_hash()), (400, hash));
    assert!(rebuilt.report().dangling.is_empty());
}

/// The lines of an example script of the command line.
fn script(name: &str) -> Vec<String> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../haoyuan-cli/examples/run/");
    let text = std::fs::read_to_string(format!("{folder}{name}.jsonl")).unwrap();
    text.lines().map(str::to_owned).collect()
}

const SCRIPTS: [&str; 6] = [
    "scenario-1-stopped-clinic",
    "scenario-7-extra-and-fewer-seats",
    "scenario-8-waitlist-chain",
    "scenario-10-green-channel",
    "day-arriving-and-being-called",
    "day-returns-and-notices",
];

#[test]
fn a_day_is_the_same_live_replayed_and_from_a_snapshot_and_what_followed() {
    for name in SCRIPTS {
        let lines = script(name);
        // A snapshot at a third, at two thirds, and none.
        for place in [lines.len() / 3, 2 * lines.len() / 3, usize::MAX] {
            let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(7));
            let mut registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
            let mut answers = Vec::new();
            for (line, number) in lines.iter().zip(0..) {
                if number == place {
                    registry.snapshot().unwrap();
                }
                answers.push(registry.execute(line));
            }
            let (hash, events) = (registry.state_hash(), registry.platform().day_number());
            registry.close().unwrap();
            assert!(events > 0, "{name}");
            for from in [From::Snapshot, From::Start] {
                let rebuilt = rebuild(&disk, from, Access::Read, None, &Refusals::All).unwrap();
                assert_eq!(rebuilt.platform().day_number(), events, "{name}, snapshot at {place}, {from:?}");
                assert_eq!(rebuilt.platform().state_hash(), hash, "{name}, snapshot at {place}, {from:?}");
                assert!(rebuilt.report().dangling.is_empty());
            }
            // Questions are answered as before: the last lines of every script ask only.
            let reopened = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
            for (line, answer) in lines.iter().zip(&answers).rev().take(2) {
                assert_eq!(&reopened.execute(line), answer, "{name}");
            }
        }
    }
}

#[test]
fn what_was_stopped_or_waited_for_is_so_after_a_restart_as_well() {
    // Whatever the place of the restart, the rest of the day goes as it would have gone.
    for name in SCRIPTS {
        let lines = script(name);
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(8));
        let whole = Registry::open_on(disk, synced()).unwrap();
        let expected: Vec<String> = lines.iter().map(|line| whole.execute(line)).collect();
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(9));
        let mut registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
        for (number, (line, expected)) in lines.iter().zip(&expected).enumerate() {
            if number % 7 == 6 {
                registry.close().unwrap();
                registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
            }
            assert_eq!(&registry.execute(line), expected, "{name}, line {}", number + 1);
        }
    }
}

/// What the host has to tell, without the numbers and instants.
fn told(registry: &Registry) -> Vec<String> {
    let answer = registry.execute(r#"{"command":"notices","at":"2026-03-10T07:00:00+08:00","most":10000}"#);
    let answer: serde_json::Value = serde_json::from_str(&answer).unwrap();
    lined(answer["notices"].as_array().unwrap().iter())
}

fn lined<'a>(notices: impl Iterator<Item = &'a serde_json::Value>) -> Vec<String> {
    let mut told: Vec<String> = notices
        .map(|notice| format!("{} {} {}", notice["news"], notice["patient"], notice["booking"]))
        .collect();
    told.sort();
    told
}

/// A stop of forty bookings and six entries is cut short after any of its events, with the seat of the last displaced booking
/// given back or not. The next tick does what is left: the same people are told the same things, once.
#[test]
fn a_stop_that_a_crash_cut_short_is_completed_by_the_next_tick() {
    let lines = script("scenario-1-stopped-clinic");
    let stop = lines.iter().position(|line| line.contains(r#""command": "stop""#)).unwrap();
    let run = |seed: u64, lines: &[String]| {
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(seed));
        let registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
        for line in lines {
            drop(registry.execute(line));
        }
        (disk, registry)
    };
    let (disk, whole) = run(1, &lines[..=stop]);
    let expected = told(&whole);
    whole.close().unwrap();
    let (before, registry) = run(2, &lines[..stop]);
    let first = usize::try_from(registry.platform().day_number()).unwrap();
    registry.close().unwrap();
    let of_stop = events(&disk).split_off(first);
    assert!(of_stop.len() > 40 * 2, "every one of them is told");
    let instant: serde_json::Value = serde_json::from_str(&lines[stop]).unwrap();
    let tick = serde_json::json!({"command": "tick", "at": instant["at"]}).to_string();
    drop(before);
    // Everything around the first displaced, and some places later.
    for cut in (1..30).chain([57, 70, 83, of_stop.len() - 1]) {
        for last_is_back in [false, true] {
            let (disk, registry) = run(3, &lines[..stop]);
            for (place, (number, event)) in of_stop[..cut].iter().enumerate() {
                happens(&registry, *number, event, None);
                let event: serde_json::Value = serde_json::from_str(event).unwrap();
                let Some(booking) = event["displaced"]["booking"].as_str() else { continue };
                let booking =
                    haoyuan::ids::BookingId::new(u64::from_str_radix(booking, 16).unwrap()).unwrap();
                if place + 1 < cut || last_is_back {
                    registry.engine().withdraw(booking, at(-DAY)).unwrap();
                }
            }
            registry.close().unwrap();
            let registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
            drop(registry.execute(&tick));
            assert_eq!(told(&registry), expected, "cut after {cut} events, {last_is_back}");
            // Nothing is left for another tick, or for the command itself.
            let number = registry.platform().day_number();
            drop(registry.execute(&tick));
            let again = registry.execute(&lines[stop]);
            assert!(again.contains(r#""displaced":40"#) && again.contains(r#""changed":false"#), "{again}");
            assert_eq!(registry.platform().day_number(), number);
        }
    }
}

/// A host that sends what it pulls and remembers the last number now and then. It crashes after every few commands, between
/// pulling and remembering: then it pulls again, and what it has sent before has the number that it had.
#[test]
fn whoever_remembers_the_last_number_tells_every_notice_exactly_once() {
    let mut again = 0;
    for name in SCRIPTS {
        let lines: Vec<String> = script(name).into_iter().filter(|line| !line.contains("retire")).collect();
        let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(12));
        let whole = Registry::open_on(disk, synced()).unwrap();
        for line in &lines {
            drop(whole.execute(line));
        }
        for (crashes_every, retires) in [(5, false), (11, true), (23, true)] {
            let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(11));
            let mut registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
            let (mut sent, mut remembered) = (BTreeMap::new(), 0);
            for (line, number) in lines.iter().zip(1..) {
                drop(registry.execute(line));
                let last = pull(&registry, remembered, |place, notice| {
                    again += u64::from(sent.contains_key(&place));
                    let before = sent.insert(place, notice.clone());
                    assert!(before.is_none_or(|before| before == *notice), "{name}: {notice}");
                });
                if number % crashes_every == 0 {
                    registry.close().unwrap();
                    registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
                } else if number % 3 == 0 {
                    remembered = last;
                    let retire = serde_json::json!({"command": "retire", "at": "2026-03-10T07:00:00+08:00",
                        "notices": remembered, "actor": {"role": "operator", "id": "00000000000000aa"}});
                    if retires {
                        let answer = registry.execute(&retire.to_string());
                        assert!(answer.contains(r#""outcome":"done""#), "{answer}");
                    }
                }
            }
            // Without a gap from the first, and as a host that never crashed would have heard it.
            assert!(sent.keys().copied().eq(1..=sent.len() as u64), "{name}");
            assert_eq!(lined(sent.values()), told(&whole), "{name}");
        }
    }
    assert!(again > 100, "only {again} were pulled twice: nothing was tried");
}

/// Pulls everything after a number, two at a time; gives back the last number.
fn pull(registry: &Registry, after: u64, mut send: impl FnMut(u64, &serde_json::Value)) -> u64 {
    let mut last = after;
    loop {
        let ask = serde_json::json!({"command": "notices", "at": "2026-03-10T07:00:00+08:00", "after": last, "most": 2});
        let answer: serde_json::Value = serde_json::from_str(&registry.execute(&ask.to_string())).unwrap();
        for notice in answer["notices"].as_array().unwrap() {
            send(notice["number"].as_u64().unwrap(), notice);
        }
        last = answer["last"].as_u64().unwrap();
        if answer["more"] == false {
            return last;
        }
    }
}

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

const SCRIPTS: [&str; 7] = [
    "scenario-1-stopped-clinic",
    "scenario-7-extra-and-fewer-seats",
    "scenario-8-waitlist-chain",
    "scenario-10-green-channel",
    "queue-two-booked-to-one-walk-in",
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

/// The practitioners' diaries were made from what had been published, and not from who has taken it over since.
#[test]
fn whose_time_a_session_takes_is_so_after_a_restart_as_well() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(10));
    let mut registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
    // The directory and the policy: it is open already.
    for line in &script("scenario-1-stopped-clinic")[1..3] {
        assert!(registry.execute(line).contains(r#""outcome":"done""#), "{line}");
    }
    let publish = |registry: &Registry, code: &str, practitioner: &str, hours: [u8; 2]| {
        let [from, to] = hours.map(|hour| format!("2026-03-10T{hour:02}:00:00+08:00"));
        registry.execute(&format!(
            r#"{{"command":"publish","at":"2026-02-01T09:00:00+08:00","session":{{"code":"{code}","institution":"T1",
               "department":"CARD","practitioner":"{practitioner}","grade":"ordinary","from":"{from}","to":"{to}",
               "slot_minutes":30,"seats":2}}}}"#
        ).replace('\n', ""))
    };
    let substitute = |registry: &Registry, code: &str, practitioner: &str| {
        registry.execute(&format!(
            r#"{{"command":"substitute","at":"2026-02-02T09:00:00+08:00","session":"{code}","practitioner":"{practitioner}","actor":{{"role":"operator","id":"00000000000000aa","reason":7}}}}"#
        ))
    };
    let is_done = |answer: String| answer.contains(r#""outcome":"done""#);
    assert!(is_done(publish(&registry, "A", "D1", [8, 10])));
    assert!(is_done(substitute(&registry, "A", "D2")));
    for snapshot in [false, true] {
        if snapshot {
            registry.snapshot().unwrap();
        }
        registry.close().unwrap();
        registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
        // The one is there and nowhere else; the other is free.
        assert!(publish(&registry, "B", "D2", [9, 11]).contains("overlaps session `A`"));
        assert!(is_done(substitute(&registry, "A", "D1")));
        assert!(is_done(substitute(&registry, "A", "D2")));
    }
    assert!(is_done(publish(&registry, "C", "D1", [9, 11])));
}

/// What stands under a key that was given up counts for the one that stays: the journal says that they were merged, a snapshot
/// also what was copied.
#[test]
fn two_keys_are_one_person_after_a_restart_as_well() {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(11));
    let mut registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
    // Directory, policy, and one session.
    for line in &ladders()[..3] {
        assert!(registry.execute(line).contains(r#""outcome":"done""#), "{line}");
    }
    let at = "2026-03-04T09:00:00+08:00";
    let book = |registry: &Registry, patient: u32, slot: u32| {
        let claim = serde_json::json!({"command": "book", "at": at, "patient": format!("{patient:032x}"), "session": "AM",
            "slot": slot, "class": "public", "channel": "app"});
        registry.execute(&claim.to_string())
    };
    let merge = |registry: &Registry, from: u32, into: u32| {
        let merge = serde_json::json!({"command": "merge_identities", "at": at, "patient": format!("{from:032x}"),
            "into": format!("{into:032x}"), "actor": {"role": "operator", "id": "00000000000000aa", "reason": 7}});
        assert!(registry.execute(&merge.to_string()).contains(r#""breach":false"#));
    };
    assert!(book(&registry, 1, 0).contains("granted"));
    merge(&registry, 1, 2);
    merge(&registry, 2, 3);
    for snapshot in [false, true, false] {
        if snapshot {
            registry.snapshot().unwrap();
        }
        let hash = registry.state_hash();
        registry.close().unwrap();
        registry = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
        assert_eq!(registry.state_hash(), hash);
        assert!(book(&registry, 3, 1).contains("DEPARTMENT_DAY_LIMIT"), "{snapshot}");
        for given_up in 1..3 {
            assert!(book(&registry, given_up, 1).contains("IDENTITY_MERGED"), "{snapshot}");
        }
    }
    assert!(book(&registry, 4, 1).contains("granted"));
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

// ---- cut between any two records of a command ------------------------------------------------------------------------

/// Everything of the day that somebody could be told: what patients were told and have, who waits, what came of visits, what is free.
fn picture(registry: &Registry, lines: &[String], at: &str) -> Vec<String> {
    let ask = |command: serde_json::Value| -> serde_json::Value {
        serde_json::from_str(&registry.execute(&command.to_string())).unwrap()
    };
    let notices = ask(serde_json::json!({"command": "notices", "at": at, "most": 10_000}));
    let mut picture: Vec<String> = (notices["notices"].as_array().unwrap().iter())
        .map(|notice| format!("{} {} {}", notice["news"], notice["patient"], seat(&notice["booking"])))
        .collect();
    picture.sort();
    let of = |key: &str| -> Vec<String> {
        let mut found: Vec<String> = (lines.iter().filter_map(|line| serde_json::from_str(line).ok()))
            .filter_map(|line: serde_json::Value| Some(line[key].as_str()?.to_owned()))
            .collect();
        found.sort();
        found.dedup();
        found
    };
    for patient in of("patient") {
        let answer = ask(serde_json::json!({"command": "bookings", "at": at, "patient": patient}));
        for live in answer["bookings"].as_array().into_iter().flatten() {
            picture.push(format!("{patient} {} {}", seat(&live["booking"]), live["standing"]));
        }
    }
    for session in of("session") {
        let answer = ask(serde_json::json!({"command": "waitlist", "at": at, "session": session}));
        for entry in answer["entries"].as_array().into_iter().flatten() {
            let offer = seat(&entry["offer"]["booking"]);
            picture.push(format!("{} {offer} {} {}", entry["patient"], entry["passes"], entry["skipped"]));
        }
        for (slot, class) in (0..8).flat_map(|slot| [(slot, "public"), (slot, "revisit")]) {
            let ask = ask(
                serde_json::json!({"command": "availability", "at": at, "session": session, "slot": slot,
                "class": class, "channel": "app"}),
            );
            picture.push(format!("{session} {slot} {class}: {} {}", ask["free"], ask["refusal"]["code"]));
        }
    }
    let days = |day| haoyuan::instant::Day(day);
    let mut visits: Vec<String> = (registry.platform().visits(None, days(0), days(40_000)).iter())
        .map(|row| {
            let words: Vec<&str> = row.history.iter().map(|one| one.outcome.text()).collect();
            let was = (row.checked_in_at.is_some(), row.called_at.is_some(), row.entered_at.is_some());
            let booking = row.booking.map(|booking| (booking.block(), booking.seat()));
            format!("{booking:?} {:?} {words:?} {was:?} {:?} {:?}", row.patient, row.extra, row.practitioner)
        })
        .collect();
    visits.sort();
    picture.extend(visits);
    picture
}

/// A booking as 16 digits, without the sequence of its block: what is given again has another.
fn seat(booking: &serde_json::Value) -> &str {
    booking.as_str().map_or("", |booking| &booking[..8])
}

/// A command again a second later, as a host gives it that has heard no answer.
fn later(line: &str) -> String {
    let mut command: serde_json::Value = serde_json::from_str(line).unwrap();
    let at = command["at"].as_str().unwrap().replace(":00+08:00", ":01+08:00");
    command["at"] = at.into();
    command.to_string()
}

/// The entries of a journal, as they stand.
fn entries(disk: &Arc<dyn Disk>) -> Vec<haoyuan::journal::Entry> {
    let mut recovery = Recovery::begin(Arc::clone(disk), From::Start, Access::Read).unwrap();
    let mut entries = Vec::new();
    while let Some(recovered) = recovery.next().unwrap() {
        entries.push(recovered.entry.to_owned());
    }
    entries
}

/// A registry of which only the first records have reached the disk.
fn cut(entries: &[haoyuan::journal::Entry]) -> Registry {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(21));
    let journal = haoyuan::journal::Journal::open(Arc::clone(&disk), synced().journal).unwrap();
    for entry in entries {
        let _ = journal.append(entry.clone());
    }
    journal.close().unwrap();
    drop(journal);
    Registry::open_on(disk, synced()).unwrap()
}

/// Whatever record of a command was the last to reach the disk: after the same command again and a tick, everybody is told the same,
/// once, and has the same, as if nothing had happened. Commands that announce whom they are about to place, or how many seats are to be
/// usable, are not given `again` if not wanted; then the others are left out.
fn survives_every_cut(name: &str, lines: &[String], again: bool) -> (usize, Vec<String>) {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(20));
    let whole = Registry::open_on(Arc::clone(&disk), synced()).unwrap();
    let mut ends = Vec::new();
    for line in lines {
        drop(whole.execute(line));
        ends.push(usize::try_from(whole.journal().unwrap().last_ticket()).unwrap());
    }
    whole.close().unwrap();
    let entries = entries(&disk);
    assert_eq!(ends.last(), Some(&entries.len()), "{name}: every entry has a ticket");
    let (mut cuts, mut wrong) = (0, Vec::new());
    for (place, line) in lines.iter().enumerate().skip(1) {
        let (begin, end) = (ends[place - 1], ends[place]);
        let word = serde_json::from_str::<serde_json::Value>(line).unwrap()["command"].clone();
        let administers =
            ["directory", "policy", "publish", "roster"].map(serde_json::Value::from).contains(&word);
        if administers || end < begin + 2 {
            continue;
        }
        let first = String::from_utf8_lossy(entries[begin].as_ref().payload);
        let announces = [r#"{"placing":"#, r#""usable":"#].iter().any(|word| first.contains(word));
        if !again && !announces {
            continue;
        }
        let same = later(line);
        let at = serde_json::from_str::<serde_json::Value>(&same).unwrap()["at"].as_str().unwrap().to_owned();
        let tick = serde_json::json!({"command": "tick", "at": at}).to_string();
        let after = |registry: &Registry| {
            drop(registry.execute(&tick));
            picture(registry, lines, &at)
        };
        let expected = after(&cut(&entries[..end]));
        for cut_at in begin + 1..end {
            cuts += 1;
            let registry = cut(&entries[..cut_at]);
            let answer = if again { registry.execute(&same) } else { String::new() };
            let got = after(&registry);
            if got != expected {
                let differs = |a: &[String], b: &[String]| -> Vec<String> {
                    a.iter().filter(|one| !b.contains(one)).cloned().collect()
                };
                wrong.push(format!(
                    "{name}, {line}, cut after {} of {}: {answer:.120}: missing {:?}, too much {:?}",
                    cut_at - begin,
                    end - begin,
                    differs(&expected, &got),
                    differs(&got, &expected)
                ));
            }
        }
    }
    (cuts, wrong)
}

/// What the example scripts have none of: deeds that suspend, holds and extra seats that a stop of a slot takes, a move, offers that
/// are declined, proposals.
fn ladders() -> Vec<String> {
    let (early, morning) = ("2026-02-01T09:00:00+08:00", "2026-03-10T06:00:00+08:00");
    let staff = serde_json::json!({"role": "operator", "id": "00000000000000aa", "reason": 7});
    let key = |patient: u32| format!("{patient:032x}");
    let publish = |code: &str, practitioner: &str, grade: &str, day: u32| {
        serde_json::json!({"command": "publish", "at": early, "session": {"code": code, "institution": "T1",
            "department": "CARD", "practitioner": practitioner, "grade": grade, "slot_minutes": 60, "seats": 2,
            "from": format!("2026-03-{day}T08:00:00+08:00"), "to": format!("2026-03-{day}T11:00:00+08:00")}})
    };
    let claim = |word: &str, patient: u32, session: &str, slot: u32, at: &str| {
        serde_json::json!({"command": word, "at": at, "patient": key(patient), "session": session, "slot": slot,
            "class": "public", "channel": "app"})
    };
    let extra = |patient: u32, slot: u32| {
        serde_json::json!({"command": "extra_seat", "at": morning, "patient": key(patient), "session": "AM", "slot": slot,
            "class": "public", "channel": "window", "actor": staff})
    };
    let join = |patient: u32| {
        serde_json::json!({"command": "waitlist_join", "at": "2026-03-05T09:00:00+08:00", "patient": key(patient),
            "class": "public", "channel": "app", "wanted": [{"session": "AM", "slot": 0}]})
    };
    let booked = "2026-03-04T09:00:00+08:00";
    let mut lines = vec![
        serde_json::json!({"command": "directory", "at": early, "entries": {
            "institution": [{"code": "T1", "name": "甲", "tier": "tertiary"}],
            "department": [{"institution": "T1", "code": "CARD", "name": "心内科"}],
            "practitioner": [{"code": "D1", "name": "丙", "sites": ["T1"]}, {"code": "D2", "name": "丁", "sites": ["T1"]},
                {"code": "D3", "name": "戊", "sites": ["T1"]}]}}),
        serde_json::json!({"command": "policy", "at": early, "toml":
            "name = \"own\"\nextends = \"default\"\n[cancel]\nlate = \"count\"\n\
             [no_show]\nladder = [{ count = 1, days = 30, suspend = \"10d\" }]\n"}),
        publish("AM", "D1", "expert", 10),
        publish("LOW", "D2", "ordinary", 10),
        publish("TO", "D3", "expert", 10),
        publish("LATER", "D1", "expert", 11),
    ];
    // Six seats of AM, the last of them a hold; two wait for the first slot.
    lines.extend((0..5).map(|n| claim("book", 10 + n, "AM", n / 2, booked)));
    lines.extend([join(30), join(31)]);
    let cancel = |patient: u32, booking: u64, at: &str| serde_json::json!({"command": "cancel", "at": at, "patient": key(patient), "booking": format!("{booking:016x}")});
    let decline = |patient: u32, entry: u32| {
        serde_json::json!({"command": "waitlist_decline", "at": "2026-03-05T10:00:00+08:00", "patient": key(patient),
            "entry": entry})
    };
    // The first of block 0 goes back late: it counts, and is offered to those who wait.
    lines.extend([cancel(10, 1, "2026-03-05T09:30:00+08:00"), decline(30, 1), decline(31, 2)]);
    lines.push(cancel(11, 0x1_0000_0002, "2026-03-09T23:30:00+08:00"));
    lines.push(claim("hold", 15, "AM", 2, "2026-03-10T05:59:00+08:00"));
    lines.extend([extra(20, 2), extra(21, 1)]);
    let act = |command: &str, more: serde_json::Value, at: &str| {
        let mut act = serde_json::json!({"command": command, "at": at, "actor": staff});
        act.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        act
    };
    let at = "2026-03-10T06:05:00+08:00";
    lines.push(act("stop", serde_json::json!({"scope": {"session": "AM", "slot": 2}}), at));
    lines.push(act("rebook", serde_json::json!({"stop": 1, "into": ["LOW"], "tickets": true}), at));
    lines.push(act(
        "move",
        serde_json::json!({"scope": {"session": "AM", "slot": 1}, "into": "TO"}),
        "2026-03-10T06:20:00+08:00",
    ));
    lines.push(claim("book", 40, "LATER", 0, booked));
    lines.push(claim("book", 41, "LATER", 1, booked));
    lines.push(act(
        "substitute",
        serde_json::json!({"session": "LATER", "practitioner": "D2"}),
        "2026-03-10T06:30:00+08:00",
    ));
    lines.push(act("no_show", serde_json::json!({"session": "LATER"}), "2026-03-11T11:00:00+08:00"));
    lines.push(act(
        "correct",
        serde_json::json!({"visit": 7, "outcome": "excused"}),
        "2026-03-11T12:00:00+08:00",
    ));
    lines.iter().map(ToString::to_string).collect()
}

/// One seat of a full slot and one booking of the other are stopped while somebody waits for both, and the seat comes back.
fn seats() -> Vec<String> {
    let mut lines = ladders();
    lines.truncate(4);
    let staff = serde_json::json!({"role": "operator", "id": "00000000000000aa", "reason": 7});
    let claim = |word: &str, patient: u32, slot: u32, at: &str| {
        serde_json::json!({"command": word, "at": at, "patient": format!("{patient:032x}"), "session": "AM", "slot": slot,
            "class": "public", "channel": "app"})
    };
    let join = |patient: u32| {
        serde_json::json!({"command": "waitlist_join", "at": "2026-03-05T09:00:00+08:00", "patient": format!("{patient:032x}"),
            "class": "public", "channel": "app", "wanted": [{"session": "AM"}]})
    };
    let mut more: Vec<serde_json::Value> =
        (0..5).map(|n| claim("book", 10 + n, n / 2, "2026-03-04T09:00:00+08:00")).collect();
    more.push(claim("hold", 15, 2, "2026-03-05T08:59:00+08:00"));
    more.extend([join(30), join(31)]);
    let at = "2026-03-05T09:05:00+08:00";
    let stop = |scope: serde_json::Value| serde_json::json!({"command": "stop", "at": at, "scope": scope, "actor": staff});
    more.push(stop(serde_json::json!({"session": "AM", "number": 1})));
    // A hold in the last slot.
    more.push(stop(serde_json::json!({"session": "AM", "number": 6})));
    more.push(stop(serde_json::json!({"booking": format!("{:016x}", 0x40_0000_0001_u64)})));
    more.push(serde_json::json!({"command": "resume", "at": "2026-03-05T09:06:00+08:00", "stop": 1, "actor": staff}));
    lines.extend(more.iter().map(ToString::to_string));
    lines
}

#[test]
fn a_command_cut_between_any_two_of_its_records_is_completed_by_giving_it_again() {
    let (mut cuts, mut wrong) = (0, Vec::new());
    // The script says what it is there for.
    let whole = Registry::open_on(Arc::new(SimDisk::new(22)), synced()).unwrap();
    for line in ladders() {
        let answer = whole.execute(&line);
        let is_done = ["done", "granted"].map(|word| format!(r#""outcome":"{word}""#));
        assert!(is_done.iter().any(|word| answer.contains(word)), "{line}: {answer}");
    }
    for news in ["offer", "suspended", "extra", "hold_void", "stopped", "proposed", "moved", "substituted"] {
        let told = told(&whole);
        assert!(told.iter().any(|told| told.starts_with(&format!("{news:?} "))), "{news}: {told:?}");
    }
    let scripts = SCRIPTS.iter().map(|name| (*name, script(name)));
    for (name, lines) in scripts.chain([("ladders", ladders()), ("seats", seats())]) {
        let (tried, broken) = survives_every_cut(name, &lines, true);
        cuts += tried;
        wrong.extend(broken);
    }
    assert!(wrong.is_empty(), "{} of {cuts}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cuts > 300, "only {cuts}: nothing was tried");
}

/// A `rebook` or `move` that a crash has cut short used to wait for its host to give it again: those whom it had not reached were
/// placed by nobody. A stop of a seat that was cut short never closed it: not by the same command again either.
#[test]
fn what_a_cut_command_had_announced_is_done_without_giving_it_again() {
    let (mut cuts, mut wrong) = (0, Vec::new());
    let scripts = SCRIPTS.iter().map(|name| (*name, script(name)));
    for (name, lines) in scripts.chain([("ladders", ladders()), ("seats", seats())]) {
        let (tried, broken) = survives_every_cut(name, &lines, false);
        cuts += tried;
        wrong.extend(broken);
    }
    assert!(wrong.is_empty(), "{} of {cuts}:\n{}", wrong.len(), wrong.join("\n"));
    assert!(cuts > 30, "only {cuts}: nothing was tried");
}

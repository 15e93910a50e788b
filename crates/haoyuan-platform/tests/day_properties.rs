//! Properties of the hospital's day, under threads as well. What one thread does to a waitlist is held against its books by
//! the simulator's lane of the day.
//!
//! - I16: no offer is made past an earlier eligible entry, and nobody else gets a seat that an eligible entry could have.
//! - I19: no patient ever has two bookings in the department on the day.
//! - I20: every displaced patient ends in exactly one of moved, offered, ticket, or is still unplaced; nobody is lost or doubled.
//! - I22: a line keeps its bands, the bound of walk-ins, and the order within a band; nobody is called twice or forgotten.

use haoyuan_core::ids::PatientKey;
use haoyuan_core::instant::Instant;
use haoyuan_engine::{Fact, Trace};
use haoyuan_platform::Platform;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

const EARLY: &str = "2026-02-01T09:00:00+08:00";
const SEATS: usize = 3;
const OFFER: i64 = 30;
const MOST: usize = 5;

/// An instant, as minutes after midnight of a day on which the session of the 10th is open to everybody.
fn at(minute: i64) -> String {
    let (day, hour, of_hour) = (4 + minute / 1_440, minute / 60 % 24, minute % 60);
    format!("2026-03-{day:02}T{hour:02}:{of_hour:02}:00+08:00")
}

fn key(patient: u32) -> String {
    format!("{patient:032x}")
}

fn tell<T: Trace>(platform: &Platform<T>, command: &Value) -> Value {
    serde_json::from_str(&platform.execute(&command.to_string())).unwrap()
}

fn staff() -> Value {
    json!({"role": "operator", "id": "00000000000000aa", "reason": 7})
}

/// Numbers below a bound, the same from the same seed.
fn dice(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut random = seed;
    move |most| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % most
    }
}

/// A hospital of sessions on one morning, one slot each unless said otherwise.
fn house(sessions: &[(&str, &str, u32, usize)]) -> Platform {
    house_on(Platform::new(), sessions)
}

fn house_on<T: Trace>(platform: Platform<T>, sessions: &[(&str, &str, u32, usize)]) -> Platform<T> {
    let done = |command: Value| {
        let answer = tell(&platform, &command);
        assert_eq!(answer["outcome"], "done", "{answer}");
    };
    done(json!({"command": "open", "at": EARLY, "for_seats": 500}));
    done(json!({"command": "directory", "at": EARLY, "entries": {
        "institution": [{"code": "P1", "name": "甲", "tier": "primary"}],
        "department": [{"institution": "P1", "code": "GEN", "name": "全科"}],
        "practitioner": [{"code": "D1", "name": "丙", "sites": ["P1"]}, {"code": "D2", "name": "丁", "sites": ["P1"]},
                         {"code": "D3", "name": "戊", "sites": ["P1"]}]}}));
    done(json!({"command": "policy", "at": EARLY, "toml": format!(
        "name = \"own\"\nextends = \"default\"\n[tickets]\nfree = [\"contract\", \"revisit\"]\n\
         [waitlist]\noffer = \"{OFFER}min\"\nper_session = {MOST}\n[pools.FAMILY_DOCTOR]\n[pools.RETURN]\n\
         [anti_scalping]\nreappears_after = {{ least = \"0s\", most = \"0s\" }}\nwindow_returns_online = true\n")}));
    for (code, practitioner, slots, seats) in sessions {
        done(
            json!({"command": "publish", "at": EARLY, "session": {"code": code, "institution": "P1", "department": "GEN",
            "practitioner": practitioner, "grade": "ordinary", "from": "2026-03-10T08:00:00+08:00",
            "to": format!("2026-03-10T{:02}:00:00+08:00", 8 + slots), "slot_minutes": 60, "seats": seats}}),
        );
    }
    platform
}

const CLASSES: [&str; 3] = ["contract", "revisit", "public"];

/// The bookings of everybody, as the platform tells them: patient, end of the hold, number.
fn bookings(platform: &Platform, minute: i64) -> BTreeMap<u32, (Option<String>, String)> {
    let mut all = BTreeMap::new();
    for patient in 1..8 {
        let answer =
            tell(platform, &json!({"command": "bookings", "at": at(minute), "patient": key(patient)}));
        let live = answer["bookings"].as_array().unwrap();
        assert!(live.len() <= 1, "I19: {answer}");
        if let Some(one) = live.first() {
            let expires = one["expires"].as_str().map(str::to_owned);
            all.insert(patient, (expires, one["booking"].as_str().unwrap().to_owned()));
        }
    }
    all
}

fn entries(platform: &Platform, minute: i64) -> Vec<Value> {
    let answer = tell(platform, &json!({"command": "waitlist", "at": at(minute), "session": "W"}));
    answer["entries"].as_array().unwrap().clone()
}

fn entry_of(platform: &Platform, minute: i64, patient: u32) -> Option<u64> {
    let found = entries(platform, minute).into_iter().find(|entry| entry["patient"] == key(patient));
    found.map(|entry| entry["entry"].as_u64().unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_displaced_patient_has_one_fate(
        booked in prop::collection::vec((0..6usize, 0..3usize), 1..16),
        elsewhere in 0..9usize,
        rebooks in prop::collection::vec((any::<bool>(), any::<bool>()), 1..4),
        again in any::<bool>(),
    ) {
        displaced(&booked, elsewhere, &rebooks, again);
    }
}

/// A stopped session of six slots of three seats; two others of three slots of three, one at the same grade and one on which
/// nothing is free at first.
fn displaced(booked: &[(usize, usize)], elsewhere: usize, rebooks: &[(bool, bool)], again: bool) {
    let platform = house(&[("W", "D1", 6, 3), ("X", "D2", 3, 3), ("Y", "D3", 3, 3)]);
    let book = |patient: u32, session: &str, slot: usize, class: &str, minute: i64| {
        tell(
            &platform,
            &json!({"command": "book", "at": at(minute), "patient": key(patient), "session": session,
            "slot": slot, "class": class, "channel": "app"}),
        )
    };
    // (rank, order of booking, patient, booking)
    let mut lost = Vec::new();
    for (order, (slot, class)) in booked.iter().enumerate() {
        let patient = 100 + u32::try_from(order).unwrap();
        let minute = 10 + i64::try_from(order).unwrap();
        let answer = book(patient, "W", *slot, CLASSES[*class], minute);
        if answer["outcome"] == "granted" {
            lost.push(([3, 2, 4][*class], order, patient, answer["booking"].as_str().unwrap().to_owned()));
        }
    }
    for place in 0..elsewhere {
        assert_eq!(
            book(200 + u32::try_from(place).unwrap(), "X", place / 3, "public", 5)["outcome"],
            "granted"
        );
    }
    let stop = json!({"command": "stop", "at": at(100), "scope": {"session": "W"}, "actor": staff()});
    let stopped = tell(&platform, &stop);
    assert_eq!(stopped["displaced"], lost.len());
    if again {
        assert_eq!(tell(&platform, &stop)["changed"], false);
    }
    lost.sort();
    // What is free is given in that order, and all that is free.
    let (mut free, mut tickets) = ([9 - elsewhere, 9], 0);
    let mut fates: BTreeMap<u32, &str> =
        lost.iter().map(|(_, _, patient, _)| (*patient, "unplaced")).collect();
    for (both, with_tickets) in rebooks {
        let into = if *both { json!(["X", "Y"]) } else { json!(["X"]) };
        let answer = tell(
            &platform,
            &json!({"command": "rebook", "at": at(110), "stop": stopped["stop"], "into": into,
            "tickets": with_tickets, "actor": staff()}),
        );
        for (_, _, patient, _) in &lost {
            let fate = fates.get_mut(patient).unwrap();
            if *fate != "unplaced" {
                continue;
            }
            let room = free.iter_mut().take(if *both { 2 } else { 1 }).find(|free| **free > 0);
            match room {
                Some(room) => (*room, *fate) = (*room - 1, "moved"),
                None if *with_tickets => (tickets, *fate) = (tickets + 1, "ticket"),
                None => {}
            }
        }
        let count = |fate: &str| fates.values().filter(|other| **other == fate).count();
        for (word, fate) in [("moved", "moved"), ("tickets", "ticket"), ("unplaced", "unplaced")] {
            assert_eq!(answer[word], count(fate), "{answer}");
        }
        assert_eq!(answer["offered"], 0);
    }
    for (_, _, patient, booking) in &lost {
        let live = tell(&platform, &json!({"command": "bookings", "at": at(120), "patient": key(*patient)}));
        let live = live["bookings"].as_array().unwrap();
        assert_eq!(live.len(), usize::from(fates[patient] == "moved"));
        assert!(live.iter().all(|live| live["booking"] != **booking && live["session"] != "W"));
    }
    // Told once each: that it is stopped, and what became of it.
    let told = tell(&platform, &json!({"command": "notices", "at": at(120), "most": 10_000}));
    let told = told["notices"].as_array().unwrap();
    let of = |news: &str| -> BTreeSet<String> {
        told.iter().filter(|n| n["news"] == news).map(|n| n["patient"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!((of("stopped").len(), of("ticket").len()), (lost.len(), tickets));
    assert_eq!(told.len(), lost.len() + tickets + of("moved").len());
    assert_eq!(tell(&platform, &json!({"command": "audit", "at": at(120)}))["sound"], true);
}

/// Threads claim, cancel, confirm, join and decline at once; then nobody who waits could have a seat that is free, and nobody
/// has two.
#[test]
fn under_threads_no_seat_is_free_while_somebody_eligible_waits() {
    for round in 0..30u64 {
        let platform = house(&[("W", "D1", 1, SEATS)]);
        std::thread::scope(|scope| {
            for thread in 0..4u64 {
                let platform = &platform;
                scope.spawn(move || {
                    let mut next = dice(round * 4 + thread + 1);
                    for _ in 0..120 {
                        let patient = 1 + u32::try_from(next(7)).unwrap();
                        let claim = |word: &str| {
                            tell(platform, &json!({"command": word, "at": at(1), "patient": key(patient), "session": "W",
                                "slot": 0, "class": "public", "channel": "app"}))
                        };
                        match next(6) {
                            0 => drop(claim("hold")),
                            1 => drop(claim("book")),
                            2 | 3 => {
                                let live = tell(platform, &json!({"command": "bookings", "at": at(1), "patient": key(patient)}));
                                let Some(one) = live["bookings"].as_array().and_then(|all| all.first()) else { continue };
                                let word = if next(3) == 0 { "confirm" } else { "cancel" };
                                tell(platform, &json!({"command": word, "at": at(1), "patient": key(patient),
                                    "booking": one["booking"]}));
                            }
                            4 => drop(tell(platform, &json!({"command": "waitlist_join", "at": at(1), "patient": key(patient),
                                "class": CLASSES[usize::try_from(next(3)).unwrap()], "channel": "app",
                                "wanted": [{"session": "W"}]}))),
                            _ => {
                                let Some(entry) = entry_of(platform, 1, patient) else { continue };
                                tell(platform, &json!({"command": "waitlist_decline", "at": at(1), "patient": key(patient),
                                    "entry": entry}));
                            }
                        }
                    }
                });
            }
        });
        let live = bookings(&platform, 1);
        assert!(live.len() <= SEATS);
        if live.len() < SEATS {
            // Whoever waits without an offer has a seat, or has just let one pass.
            for entry in entries(&platform, 1) {
                let patient = u32::from_str_radix(entry["patient"].as_str().unwrap(), 16).unwrap();
                let cannot = live.contains_key(&patient) || entry["passes"] == 1;
                assert!(cannot, "round {round}: {entry} waits beside {live:?}");
            }
        }
        assert_eq!(
            tell(&platform, &json!({"command": "audit", "at": at(1)}))["sound"],
            true,
            "round {round}"
        );
    }
}

/// While threads of every class book, pay and give back, others wait who do nothing else. Whoever waits from before a claim until
/// after it, without an offer and without having let one pass, could have had the seat: so the claim was not granted.
#[test]
fn under_threads_nobody_of_any_class_gets_a_seat_past_somebody_who_waits() {
    let mut granted = [0; CLASSES.len()];
    let mut refused = 0;
    for round in 0..24u64 {
        let platform = house(&[("W", "D1", 1, SEATS)]);
        let done = AtomicBool::new(false);
        // Whoever waits has a number above 1,000, and an offer of theirs is declined: another of them joins instead.
        let wait = |seed: u32| {
            let mut patient = 1_000 + seed * 100_000;
            while !done.load(Ordering::Relaxed) {
                patient += 1;
                let class = CLASSES[patient as usize % CLASSES.len()];
                let joined = tell(
                    &platform,
                    &json!({"command": "waitlist_join", "at": at(1), "patient": key(patient), "class": class,
                    "channel": "app", "wanted": [{"session": "W"}]}),
                );
                let Some(entry) = joined["entry"].as_u64() else { continue };
                for word in ["waitlist_decline", "waitlist_leave"] {
                    tell(
                        &platform,
                        &json!({"command": word, "at": at(1), "patient": key(patient), "entry": entry}),
                    );
                }
            }
        };
        let claim = |thread: u32| {
            let (mut granted, mut refused) = ([0; CLASSES.len()], 0);
            for turn in 0..60u32 {
                let (patient, kind) =
                    (1 + thread * 100 + turn, (turn as usize + thread as usize) % CLASSES.len());
                let waiting = |list: Vec<Value>| -> BTreeSet<u64> {
                    // Who was skipped is told why: where the claimers are starved, those who join fill the engine's table of
                    // patients (564 here), and the next of them cannot have a seat.
                    let eligible = |entry: &&Value| {
                        entry["offer"].is_null() && entry["passes"] == 0 && entry["skipped"].is_null()
                    };
                    list.iter().filter(eligible).map(|entry| entry["entry"].as_u64().unwrap()).collect()
                };
                let before = waiting(entries(&platform, 1));
                let answer = tell(
                    &platform,
                    &json!({"command": if turn % 2 == 0 { "book" } else { "hold" }, "at": at(1),
                    "patient": key(patient), "session": "W", "slot": 0, "class": CLASSES[kind], "channel": "app"}),
                );
                let after = waiting(entries(&platform, 1));
                if answer["outcome"] != "granted" {
                    refused += 1;
                    continue;
                }
                granted[kind] += 1;
                let passed: Vec<&u64> = before.intersection(&after).collect();
                assert!(passed.is_empty(), "I16, round {round}: {answer} past {passed:?}");
                tell(
                    &platform,
                    &json!({"command": "cancel", "at": at(1), "patient": key(patient), "booking": answer["booking"]}),
                );
            }
            (granted, refused)
        };
        std::thread::scope(|scope| {
            let claimers: Vec<_> = (0..3)
                .map(|thread| {
                    scope.spawn({
                        let claim = &claim;
                        move || claim(thread)
                    })
                })
                .collect();
            scope.spawn(|| wait(0));
            scope.spawn(|| wait(1));
            let claimed: Vec<_> = claimers.into_iter().map(std::thread::ScopedJoinHandle::join).collect();
            // Before anybody's panic is passed on: those who wait would go on for ever.
            done.store(true, Ordering::Relaxed);
            for claimed in claimed {
                let (of_class, others) = claimed.unwrap();
                granted.iter_mut().zip(of_class).for_each(|(sum, n)| *sum += n);
                refused += others;
            }
        });
        assert_eq!(tell(&platform, &json!({"command": "audit", "at": at(1)}))["sound"], true);
    }
    assert!(
        granted.iter().all(|n| *n > 0),
        "every class is granted something: {granted:?}, {refused} refused"
    );
}

/// I20 and I14 under threads: patients claim, pay and give back, staff add extra seats, while a slot or the whole session is stopped.
/// Whoever was granted a seat there and did not give it back is displaced exactly once, told so exactly once, and ends in exactly
/// one of moved, offered or ticket; nobody is left in what is stopped, and nobody who gave a seat back is displaced for it.
#[test]
fn under_threads_a_stop_loses_and_doubles_nobody() {
    let mut stopped_bookings = 0;
    for round in 0..24u64 {
        let platform = house(&[("W", "D1", 2, 8), ("X", "D2", 2, 3)]);
        let whole = round % 2 == 0;
        let work = |thread: u32| -> (Vec<(String, bool)>, Vec<String>) {
            let (mut granted, mut returned) = (Vec::new(), Vec::new());
            for turn in 0..12u32 {
                let patient = 1 + thread * 100 + turn;
                let slot = u64::from(turn % 2);
                let answer = if thread == 3 {
                    tell(
                        &platform,
                        &json!({"command": "extra_seat", "at": at(1), "patient": key(patient), "session": "W",
                        "slot": slot, "class": "public", "channel": "window", "actor": staff()}),
                    )
                } else {
                    let word = if turn % 3 == 0 { "hold" } else { "book" };
                    tell(
                        &platform,
                        &json!({"command": word, "at": at(1), "patient": key(patient), "session": "W", "slot": slot,
                        "class": CLASSES[turn as usize % 3], "channel": "app"}),
                    )
                };
                let Some(booking) = answer["booking"].as_str().filter(|_| answer["outcome"] == "granted")
                else {
                    continue;
                };
                let settle = |word: &str| {
                    let command =
                        json!({"command": word, "at": at(1), "patient": key(patient), "booking": booking});
                    tell(&platform, &command)["outcome"] == "done"
                };
                let booked = answer["standing"] == "booked" || settle("confirm");
                if turn % 4 == 1 && settle("cancel") {
                    returned.push(booking.to_owned());
                } else if booked {
                    granted.push((booking.to_owned(), whole || slot == 0));
                }
            }
            (granted, returned)
        };
        let scope = if whole { json!({"session": "W"}) } else { json!({"session": "W", "slot": 0}) };
        let stop = json!({"command": "stop", "at": at(1), "scope": scope, "actor": staff()});
        let (mut granted, mut returned) = (Vec::new(), Vec::new());
        std::thread::scope(|scope| {
            let work = &work;
            let workers: Vec<_> = (0..4).map(|thread| scope.spawn(move || work(thread))).collect();
            scope.spawn(|| {
                // Somewhere in the middle: after some of them have come.
                while tell(&platform, &json!({"command": "load", "at": at(1), "day": "2026-03-10"}))["slots"]
                    [0]["live"]
                    .as_u64()
                    .is_none_or(|live| live < 3)
                {
                    std::thread::yield_now();
                }
                for _ in 0..3 {
                    tell(&platform, &stop);
                }
            });
            for worker in workers {
                let (more, back) = worker.join().unwrap();
                granted.extend(more);
                returned.extend(back);
            }
        });
        // Complete, if an extra seat or a confirmation came in between.
        tell(&platform, &json!({"command": "tick", "at": at(2)}));
        let stopped = tell(&platform, &stop);
        assert_eq!(stopped["changed"], false, "round {round}: {stopped}");
        let told = tell(&platform, &json!({"command": "notices", "at": at(2), "most": 10_000}));
        let of = |news: &str| -> Vec<String> {
            let told = told["notices"].as_array().unwrap().iter().filter(|notice| notice["news"] == news);
            told.map(|notice| notice["booking"].as_str().unwrap().to_owned()).collect()
        };
        let (lost, void) = (of("stopped"), of("hold_void"));
        let once: BTreeSet<&String> = lost.iter().chain(&void).collect();
        assert_eq!(once.len(), lost.len() + void.len(), "I20, round {round}: somebody was told twice");
        assert_eq!(stopped["displaced"], lost.len(), "I20, round {round}");
        for (booking, within) in &granted {
            assert_eq!(lost.contains(booking), *within, "I20, round {round}: {booking}");
        }
        assert!(returned.iter().all(|booking| !once.contains(booking)), "I14, round {round}");
        stopped_bookings += lost.len();

        let rebook = json!({"command": "rebook", "at": at(3), "stop": stopped["stop"], "into": ["X"], "tickets": true,
            "actor": staff()});
        let placed = tell(&platform, &rebook);
        let fates: BTreeSet<&str> =
            placed["placed"].as_array().unwrap().iter().map(|one| one["from"].as_str().unwrap()).collect();
        assert_eq!(fates.len(), lost.len(), "I20, round {round}: {placed}");
        let count = |fate: &str| placed[fate].as_u64().unwrap();
        assert_eq!(count("moved") + count("offered") + count("tickets"), lost.len() as u64, "I20: {placed}");
        assert_eq!(count("unplaced"), 0);
        assert_eq!(
            tell(&platform, &json!({"command": "audit", "at": at(3)}))["sound"],
            true,
            "round {round}"
        );
    }
    assert!(stopped_bookings > 100, "only {stopped_bookings} were displaced: nothing was tried");
}

// ---- the line -------------------------------------------------------------------------------------------------------

/// The events of the day in their one order.
#[derive(Default)]
struct Events(Mutex<Vec<Value>>);

impl Events {
    fn len(&self) -> usize {
        self.0.lock().unwrap().len()
    }
}

impl Trace for Events {
    fn record(&self, _: &Fact) {}

    fn day(&self, _: u32, event: &str, _: Option<PatientKey>, _: Instant) {
        self.0.lock().unwrap().push(serde_json::from_str(event).unwrap());
    }
}

const EMERGENCY: u8 = 0;
const GREEN: u8 = 1;
const BACK: u8 = 2;
const BOOKED: u8 = 3;
const WALK_IN: u8 = 4;
/// So many booked to one walk-in, callable so long before their slot: what the default policy says.
const RATIO: usize = 2;
const CALLABLE: i64 = 30 * 60_000;

/// Somebody who stands in a line, as whoever sent them there knows it: the band, and of a booked patient the beginning of the
/// slot and the number within it.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    band: u8,
    slot: Option<(i64, u64)>,
}

#[derive(Clone, Copy, Debug)]
struct Stander {
    arrived: Arrived,
    /// The beginning of the slot or the arrival, the number, the order of arrival. Of somebody passed it is another's.
    place: Option<(i64, u64, usize)>,
    walk_ins_before: usize,
    booked_before: usize,
}

#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    calls: usize,
    walk_ins: usize,
    passes: usize,
    stopped: usize,
    idle: usize,
}

/// I22, recounted from the events of a day with one line by its words alone: who waits, who is called, and past whom.
#[expect(clippy::too_many_lines, reason = "one pass over the events, a paragraph for each kind")]
fn recount(events: &[Value], arrived: &BTreeMap<u64, Arrived>) -> Result<Counted, String> {
    let mut waiting: BTreeMap<u64, Stander> = BTreeMap::new();
    let (mut rooms, mut last): (BTreeMap<u64, u64>, BTreeMap<u64, u8>) = Default::default();
    let (mut walk_ins, mut booked, mut since) = (0, 0, 0);
    let (mut away, mut ended): (BTreeSet<u64>, BTreeSet<u64>) = Default::default();
    let mut counted = Counted::default();
    let single = |event: &Value| event["together"].as_array().cloned().unwrap_or_else(|| vec![event.clone()]);
    for (order, event) in events.iter().flat_map(single).enumerate() {
        let breach = |what: &str| Err(format!("{what}: event {order}, {event}"));
        if event["refused"]["command"] == "call_next" && event["refused"]["code"] == 735 {
            counted.idle += 1;
            if !waiting.is_empty() {
                return breach("a room is idle while somebody waits");
            }
        }
        if let Some(visit) = event["ended"]["visit"].as_u64() {
            if waiting.contains_key(&visit) || !ended.insert(visit) {
                return breach("a visit ends twice or in the line");
            }
            away.remove(&visit);
            counted.stopped += usize::from(event["ended"]["outcome"] == "stopped");
        }
        let (fact, Some(at)) = (&event["queued"]["fact"], event["queued"]["at"].as_i64()) else { continue };
        let (word, told) = fact.as_object().and_then(|fact| fact.iter().next()).unwrap();
        let (visit, room) = (told["visit"].as_u64().unwrap_or(0), told["room"].as_u64());
        let Some(who) = arrived
            .get(&visit)
            .copied()
            .or_else(|| (word == "freed").then_some(Arrived { band: 0, slot: None }))
        else {
            return breach("nobody sent this visit here");
        };
        let (start, number) = who.slot.unwrap_or((at, 0));
        let stander = Stander { arrived: who, place: None, walk_ins_before: walk_ins, booked_before: booked };
        match word.as_str() {
            "checked_in" => {
                let stander = Stander { place: Some((start, number, order)), ..stander };
                if ended.contains(&visit) || waiting.insert(visit, stander).is_some() {
                    return breach("somebody stands there twice or after the end");
                }
            }
            "again" => {
                if !away.remove(&visit) || waiting.insert(visit, stander).is_some() {
                    return breach("somebody is back who was not away");
                }
            }
            "left" => {
                rooms.retain(|_, patient| *patient != visit);
                waiting.remove(&visit);
                away.remove(&visit);
            }
            "entered" => {
                if !rooms.values().any(|patient| *patient == visit) {
                    return breach("somebody enters who was not called");
                }
            }
            "freed" => drop(rooms.remove(&room.unwrap())),
            "passed" => {
                rooms.retain(|_, patient| *patient != visit);
                counted.passes += 1;
                if told["then"] == "away" {
                    away.insert(visit);
                } else if told["then"] != "no_show" {
                    waiting.insert(visit, stander);
                }
            }
            "called" => {
                let room = room.unwrap();
                let Some(called) = waiting.remove(&visit) else {
                    return breach("who is called does not wait");
                };
                if rooms.insert(room, visit).is_some() {
                    return breach("the room has a patient");
                }
                let waits = |band: u8| waiting.values().any(|other| other.arrived.band == band);
                let breach = |what: &str| {
                    Err(format!("{what}: event {order}, {event}, {called:?}; waiting {waiting:?}"))
                };
                if (EMERGENCY..=GREEN).any(|band| band < who.band && waits(band)) {
                    return breach("band inversion");
                }
                let only_returns = waiting.values().all(|other| other.arrived.band == BACK);
                if who.band == BACK && last.insert(room, who.band) == Some(BACK) && !only_returns {
                    return breach("two returns in a row");
                }
                last.insert(room, who.band);
                let same = waiting.values().filter(|other| other.arrived.band == who.band);
                if same
                    .filter_map(|other| other.place)
                    .any(|place| called.place.is_some_and(|own| place < own))
                {
                    return breach("somebody of the band was before");
                }
                let callable = |one: &Stander| {
                    one.arrived.band == BOOKED && one.place.is_some_and(|(start, ..)| start - CALLABLE <= at)
                };
                if who.band == BOOKED {
                    if waits(WALK_IN) && since >= RATIO {
                        return breach("it is the turn of a walk-in");
                    }
                    if called.place.is_some() && !callable(&called) && waits(WALK_IN) {
                        return breach("somebody early goes before a walk-in");
                    }
                    (booked, since) = (booked + 1, since + 1);
                }
                if who.band == WALK_IN {
                    if since < RATIO && waiting.values().any(callable) {
                        return breach("it is the turn of somebody booked");
                    }
                    (walk_ins, since) = (walk_ins + 1, 0);
                    let (others, own) = (booked - called.booked_before, walk_ins - called.walk_ins_before);
                    if others > RATIO * own {
                        return breach("the bound of walk-ins");
                    }
                    counted.walk_ins += 1;
                }
                counted.calls += 1;
            }
            _ => return breach("this is not of a line"),
        }
    }
    if waiting.is_empty() && rooms.is_empty() {
        Ok(counted)
    } else {
        Err(format!("forgotten at the end: {waiting:?}, in rooms {rooms:?}"))
    }
}

/// Two threads send patients, booked and not, emergencies, returns and the green channel; a third stops bookings of some who are
/// there; four call from the one line into three rooms, two of them into the same. The order of the events keeps I22, each answer of a
/// call is one of its events and lies within its time, and at the end nobody is left.
#[test]
#[expect(
    clippy::too_many_lines,
    reason = "one scene: who sends, who stops, who calls, and what is asked of them"
)]
fn under_threads_a_line_keeps_its_order_and_calls_each_once() {
    let mut sum = Counted::default();
    for round in 0..160u64 {
        let events = Events::default();
        let platform = house_on(Platform::with_trace(&events), &[("W", "D1", 2, 12)]);
        let eight = at(6 * 1_440 + 8 * 60).parse::<jiff::Timestamp>().unwrap().as_millisecond();
        let mut bookings = Vec::new();
        for patient in 1..=16u32 {
            let granted = tell(
                &platform,
                &json!({"command": "book", "at": at(1), "patient": key(patient), "session": "W", "slot": patient % 2,
                "class": "public", "channel": "app"}),
            );
            let Some(booking) = granted["booking"].as_str() else { continue };
            let slot = eight + granted["slot"].as_i64().unwrap() * 3_600_000;
            bookings.push((patient, booking.to_owned(), (slot, granted["number"].as_u64().unwrap())));
        }
        // From 07:30 to 08:08: nobody comes late, and who has the second slot comes early.
        let minute = AtomicI64::new(0);
        let now = || at(6 * 1_440 + 7 * 60 + 30 + (minute.fetch_add(1, Ordering::Relaxed) / 6).min(38));
        let (arrived, sent) = (Mutex::new(BTreeMap::new()), AtomicI64::new(3));
        let arrive = |command: &Value, band: u8, slot: Option<(i64, u64)>| {
            let answer = tell(&platform, command);
            if let Some(visit) = answer["visit"].as_u64() {
                arrived.lock().unwrap().insert(visit, Arrived { band, slot });
            }
        };
        let send = |thread: usize| {
            let mut random = dice(round * 2 + thread as u64 + 1);
            let mut mine: Vec<_> = bookings.iter().skip(thread).step_by(2).collect();
            for turn in 0..20u32 {
                let patient = 1_000 * (1 + u32::try_from(thread).unwrap()) + turn;
                let walk_in =
                    json!({"command": "check_in", "at": now(), "patient": key(patient), "session": "W"});
                let urgent = |band: &str| {
                    let mut command = walk_in.clone();
                    command["band"] = json!(band);
                    command
                };
                match random(10) {
                    0 => arrive(&urgent("emergency"), EMERGENCY, None),
                    1 | 2 => arrive(&urgent("return"), BACK, None),
                    3 | 4 => arrive(&walk_in, WALK_IN, None),
                    5 => {
                        tell(
                            &platform,
                            &json!({"command": "ticket", "at": at(1), "patient": key(patient), "ticket": patient.to_string(),
                            "class": "green", "institution": "P1", "expires": "2026-03-20T00:00:00+08:00"}),
                        );
                        let granted = tell(
                            &platform,
                            &json!({"command": "extra_seat", "at": now(), "patient": key(patient), "session": "W",
                            "class": "green", "channel": "station", "ticket": patient.to_string(), "actor": {"role": "doctor",
                            "id": "00000000000000bb", "reason": 3, "contact": "00000000000000cc"}}),
                        );
                        let Some(booking) = granted["booking"].as_str() else { continue };
                        let command = json!({"command": "check_in", "at": now(), "patient": key(patient), "booking": booking});
                        arrive(&command, GREEN, None);
                    }
                    _ => {
                        let Some((patient, booking, slot)) = mine.pop() else { continue };
                        let command = json!({"command": "check_in", "at": now(), "patient": key(*patient), "booking": booking});
                        arrive(&command, BOOKED, Some(*slot));
                    }
                }
            }
            sent.fetch_sub(1, Ordering::Release);
        };
        let stop = || {
            for (_, booking, _) in bookings.iter().step_by(5) {
                std::thread::yield_now();
                let scope = json!({"booking": booking});
                tell(&platform, &json!({"command": "stop", "at": now(), "scope": scope, "actor": staff()}));
            }
            sent.fetch_sub(1, Ordering::Release);
        };
        let call = |thread: u64| {
            let (room, mut random) = (1 + thread.saturating_sub(1), dice(1_000 + round * 4 + thread));
            let (mut calls, mut idle) = (Vec::new(), 0);
            loop {
                // Acquire: whoever was sent before is in the line that is asked.
                let all_sent = sent.load(Ordering::Acquire) == 0;
                let from = events.len();
                let called = tell(
                    &platform,
                    &json!({"command": "call_next", "at": now(), "session": "W", "room": room}),
                );
                let to = events.len();
                if called["code"] == "NOBODY_WAITS" && all_sent {
                    return calls;
                }
                let Some(visit) = called["visit"].as_u64() else {
                    // The other thread of this room has somebody in it; or nobody has, and the room is lost.
                    if all_sent {
                        idle += 1;
                        assert!(
                            idle < 20_000,
                            "I22, round {round}: room {room} is taken by nobody: {called}"
                        );
                        std::thread::sleep(std::time::Duration::from_millis(1));
                    }
                    std::thread::yield_now();
                    continue;
                };
                calls.push((from..to, room, visit));
                let of_visit =
                    |word: &str| tell(&platform, &json!({"command": word, "at": now(), "visit": visit}));
                if random(4) == 0 {
                    of_visit("pass");
                    // Back again if it was the second time; otherwise there already.
                    let mut back = json!({"command": "check_in", "at": now(), "patient": called["patient"]});
                    match called["booking"].as_str() {
                        Some(booking) => back["booking"] = json!(booking),
                        None => back["session"] = json!("W"),
                    }
                    let back = if random(4) > 0 { tell(&platform, &back) } else { Value::Null };
                    // Who came without a booking and was called three times in vain may come once more.
                    if let Some(visit) = back["visit"].as_u64() {
                        let anew = Arrived { band: WALK_IN, slot: None };
                        arrived.lock().unwrap().entry(visit).or_insert(anew);
                    }
                } else {
                    of_visit("enter");
                    of_visit("finish");
                }
            }
        };
        let mut calls: Vec<_> = std::thread::scope(|scope| {
            let (call, send) = (&call, &send);
            let rooms: Vec<_> = (0..4).map(|thread| scope.spawn(move || call(thread))).collect();
            (0..2).for_each(|thread| drop(scope.spawn(move || send(thread))));
            scope.spawn(stop);
            rooms.into_iter().flat_map(|room| room.join().unwrap()).collect()
        });
        let (events, arrived) = (events.0.lock().unwrap(), arrived.lock().unwrap());
        let counted =
            recount(&events, &arrived).unwrap_or_else(|breach| panic!("I22, round {round}: {breach}"));
        assert_eq!(calls.len(), counted.calls, "round {round}: calls that were answered, and made");
        // The first to be answered first: somebody passed can be called twice into a room within the time of one answer.
        calls.sort_unstable_by_key(|(time, ..)| time.end);
        let mut made = BTreeSet::new();
        for (time, room, visit) in calls {
            let own = |index: &usize| {
                let called = &events[*index]["queued"]["fact"]["called"];
                called["visit"] == visit && called["room"] == room
            };
            let index = time.clone().find(|index| own(index) && !made.contains(index));
            assert!(
                made.insert(index.unwrap_or(usize::MAX)),
                "round {round}: room {room}, visit {visit}, {time:?}"
            );
            assert!(
                index.is_some(),
                "round {round}: room {room} was told of visit {visit} and did not call it"
            );
        }
        sum.calls += counted.calls;
        sum.walk_ins += counted.walk_ins;
        sum.passes += counted.passes;
        sum.stopped += counted.stopped;
        sum.idle += counted.idle;
    }
    let least = Counted { calls: 4_000, walk_ins: 700, passes: 700, stopped: 70, idle: 300 };
    let tried = sum.calls >= least.calls && sum.walk_ins >= least.walk_ins && sum.passes >= least.passes;
    assert!(
        tried && sum.stopped >= least.stopped && sum.idle >= least.idle,
        "{sum:?} is less than {least:?}"
    );
}

/// The recount finds each breach that it looks for; the same events in an order that is right pass.
#[test]
fn a_call_out_of_turn_is_found_by_the_recount() {
    let arrived: BTreeMap<u64, Arrived> = [
        (1, Arrived { band: BOOKED, slot: Some((0, 1)) }),
        (2, Arrived { band: BOOKED, slot: Some((0, 2)) }),
        (3, Arrived { band: BOOKED, slot: Some((0, 3)) }),
        (4, Arrived { band: WALK_IN, slot: None }),
        (5, Arrived { band: EMERGENCY, slot: None }),
        (6, Arrived { band: BACK, slot: None }),
        (7, Arrived { band: BACK, slot: None }),
        (8, Arrived { band: BOOKED, slot: Some((CALLABLE + 1, 1)) }),
    ]
    .into();
    let queued = |fact: Value| json!({"queued": {"fact": fact, "at": 0}});
    let tried = |visits: &[u64], calls: &[u64]| {
        let mut events: Vec<Value> =
            visits.iter().map(|visit| queued(json!({"checked_in": {"visit": visit}}))).collect();
        for visit in calls {
            events.push(queued(json!({"called": {"visit": visit, "room": 1}})));
            events.push(queued(json!({"freed": {"room": 1}})));
        }
        recount(&events, &arrived).map(|counted| counted.calls)
    };
    assert_eq!(tried(&[1, 2, 3, 4, 5, 6, 7, 8], &[5, 6, 1, 7, 2, 4, 3, 8]), Ok(8));
    for (visits, calls, breach) in [
        (&[1, 5][..], &[1, 5][..], "band inversion"),
        (&[1, 6, 7], &[6, 7, 1], "two returns in a row"),
        (&[1, 2], &[2, 1], "somebody of the band was before"),
        (&[1, 2, 3, 4], &[1, 2, 3, 4], "it is the turn of a walk-in"),
        (&[1, 4], &[4, 1], "it is the turn of somebody booked"),
        (&[4, 8], &[8, 4], "somebody early goes before a walk-in"),
        (&[1], &[1, 1], "who is called does not wait"),
        (&[1, 2], &[1], "forgotten at the end"),
        (&[1, 1], &[1], "somebody stands there twice"),
    ] {
        let found = tried(visits, calls).unwrap_err();
        assert!(found.starts_with(breach), "{calls:?}: {breach} is told as {found}");
    }
    let idle = json!({"refused": {"command": "call_next", "code": 735}});
    let idle = [queued(json!({"checked_in": {"visit": 1}})), idle];
    assert!(recount(&idle, &arrived).unwrap_err().starts_with("a room is idle"));
}

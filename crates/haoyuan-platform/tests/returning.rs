//! A seat that a member of the public gave back (退号): who has it when, by table; against a count on paper; under threads; and
//! what is shown is what is granted.

use haoyuan_platform::Platform;
use proptest::prelude::*;
use serde_json::{Value, json};

const EARLY: &str = "2026-02-01T09:00:00+08:00";
/// The seats of each slot of `W`.
const SEATS: usize = 3;

fn tell(platform: &Platform, command: &Value) -> Value {
    serde_json::from_str(&platform.execute(&command.to_string())).unwrap()
}

#[track_caller]
fn done(platform: &Platform, command: &Value) -> Value {
    let answer = tell(platform, command);
    assert!(answer["outcome"] == "done" || answer["outcome"] == "granted", "{answer}");
    answer
}

/// An instant, as minutes after 08:00 of the 4th; the session is on the morning of the 10th.
fn at(minute: i64) -> String {
    let minute = minute + 8 * 60;
    format!("2026-03-{:02}T{:02}:{:02}:00+08:00", 4 + minute / 1_440, minute / 60 % 24, minute % 60)
}

fn key(patient: u32) -> String {
    format!("{patient:032x}")
}

/// A hospital with one session `W` of two slots; a returned seat reappears at noon or at four, and an hour later.
fn house(scope: &str) -> Platform {
    let platform = Platform::new();
    done(&platform, &json!({"command": "open", "at": EARLY, "for_seats": 500}));
    done(
        &platform,
        &json!({"command": "directory", "at": EARLY, "entries": {
        "institution": [{"code": "P1", "name": "甲", "tier": "primary"}],
        "department": [{"institution": "P1", "code": "GEN", "name": "全科"}],
        "practitioner": [{"code": "D1", "name": "丙", "sites": ["P1"]}]}}),
    );
    done(
        &platform,
        &json!({"command": "policy", "at": EARLY, "toml": format!(
        "name = \"own\"\nextends = \"default\"\n[tickets]\nfree = [\"contract\", \"revisit\"]\n[booking]\nscope = \"{scope}\"\n\
         [waitlist]\noffer = \"30min\"\n[cancel]\nuntil = {{ before = \"1h\", reference = \"session_start\" }}\n[anti_scalping]\nreappears_at = [\"12:00\", \"16:00\"]\n\
         reappears_after = {{ least = \"1h\", most = \"1h\" }}\n[pools.FAMILY_DOCTOR]\n[pools.RETURN]\n")}),
    );
    done(
        &platform,
        &json!({"command": "publish", "at": EARLY, "session": {"code": "W", "institution": "P1",
        "department": "GEN", "practitioner": "D1", "grade": "ordinary", "from": "2026-03-10T08:00:00+08:00",
        "to": "2026-03-10T10:00:00+08:00", "slot_minutes": 60, "seats": SEATS}}),
    );
    platform
}

fn claim(platform: &Platform, patient: u32, class: &str, channel: &str, minute: i64) -> Value {
    tell(
        platform,
        &json!({"command": "book", "at": at(minute), "patient": key(patient), "session": "W", "slot": 0,
        "class": class, "channel": channel}),
    )
}

fn cancel(platform: &Platform, patient: u32, booking: &Value, minute: i64) -> Value {
    done(
        platform,
        &json!({"command": "cancel", "at": at(minute), "patient": key(patient), "booking": booking}),
    )
}

fn shown(platform: &Platform, class: &str, channel: &str, minute: i64) -> (Value, Value) {
    let answer = done(
        platform,
        &json!({"command": "availability", "at": at(minute), "session": "W", "slot": 0,
        "class": class, "channel": channel}),
    );
    let search = done(
        platform,
        &json!({"command": "search", "at": at(minute), "class": class, "channel": channel,
        "from": "2026-03-10", "to": "2026-03-10"}),
    );
    let found = search["found"].as_array().unwrap().iter().find(|found| found["slot"] == 0);
    // What the search lists is what the question about the slot says.
    assert_eq!(found.map_or(json!(0), |found| found["free"].clone()), answer["free"], "{answer} {search}");
    let schedule = done(
        platform,
        &json!({"command": "schedule", "at": at(minute), "class": class, "channel": channel,
        "from": "2026-03-10", "to": "2026-03-10"}),
    );
    let slot = &schedule["sessions"][0]["slots"][0];
    // So is what a page shows of it.
    assert_eq!((&slot["free"], &slot["refusal"]), (&answer["free"], &answer["refusal"]), "{answer} {slot}");
    (answer["free"].clone(), answer["refusal"].clone())
}

/// All seats are booked by the public, the first through `sold`; the first booking is given back at 09:00.
fn returned(scope: &str, sold: &str) -> Platform {
    let platform = house(scope);
    let bookings: Vec<Value> = (1..=u32::try_from(SEATS).unwrap())
        .map(|patient| claim(&platform, patient, "public", if patient == 1 { sold } else { "app" }, 0))
        .collect();
    assert_eq!(claim(&platform, 9, "public", "app", 30)["code"], "SLOT_FULL");
    cancel(&platform, 1, &bookings[0]["booking"], 60);
    platform
}

/// Through which channel it was sold; who asks, as what, through which channel, when; and the refusal.
type Row = (&'static str, u32, &'static str, &'static str, i64, Option<&'static str>);

#[test]
fn who_has_a_returned_seat_and_when() {
    // 09:00 it came back; 12:00 is the next batch, and an hour later it reappears.
    let (soon, before, then) = (61, 299, 300);
    let rows: &[Row] = &[
        // The public not before; at that instant it does, online and at the window.
        ("app", 9, "public", "app", soon, Some("SLOT_FULL")),
        ("app", 9, "public", "window", before, Some("SLOT_FULL")),
        ("app", 9, "public", "app", then, None),
        ("app", 9, "public", "window", then, None),
        // Every other class at once.
        ("app", 9, "contract", "app", soon, None),
        ("app", 9, "revisit", "station", soon, None),
        // Who gave it back never, by no right and through no channel.
        ("app", 1, "public", "app", soon, Some("RETURNED_BY_YOU")),
        ("app", 1, "public", "app", then, Some("RETURNED_BY_YOU")),
        ("app", 1, "contract", "app", soon, Some("RETURNED_BY_YOU")),
        ("app", 1, "public", "window", 8_000, Some("RETURNED_BY_YOU")),
        // What was sold at the window is not resold online to the public.
        ("window", 9, "public", "window", before, Some("SLOT_FULL")),
        ("window", 9, "public", "window", then, None),
        ("window", 9, "public", "app", then, Some("SLOT_FULL")),
        ("window", 9, "contract", "app", soon, None),
    ];
    for scope in ["slot", "session"] {
        for row in rows {
            let (sold, patient, class, channel, minute, refused) = *row;
            let platform = returned(scope, sold);
            let (free, why) = shown(&platform, class, channel, minute);
            let answer = claim(&platform, patient, class, channel, minute);
            assert_eq!(answer["code"].as_str(), refused, "{scope} {row:?}: {answer}");
            // What is shown is what is granted to somebody who returned nothing.
            if patient != 1 {
                assert_eq!(free, i32::from(refused.is_none()), "{scope} {row:?}: {why}");
                assert_eq!(why["code"].as_str(), refused, "{scope} {row:?}");
            }
            if refused == Some("SLOT_FULL") && (sold, minute < then) == ("app", true) {
                assert_eq!(answer["retry"], json!({"when": "from", "from": at(then)}), "{answer}");
            }
            assert_eq!(done(&platform, &json!({"command": "audit", "at": at(minute)}))["sound"], true);
        }
    }
}

#[test]
fn near_its_slot_a_returned_seat_is_free_at_once_but_not_to_who_returned_it() {
    let platform = house("slot");
    // 20:30 of the evening before: eleven and a half hours.
    let evening = 5 * 1_440 + 12 * 60 + 30;
    let bookings: Vec<Value> =
        (1..=3).map(|patient| claim(&platform, patient, "public", "app", evening)).collect();
    let answer = cancel(&platform, 1, &bookings[0]["booking"], evening);
    assert_eq!(answer["changed"], true);
    assert_eq!(claim(&platform, 1, "public", "app", evening)["code"], "RETURNED_BY_YOU");
    assert_eq!(claim(&platform, 9, "public", "app", evening)["outcome"], "granted");
    // It was taken since: another one that comes free is anybody's.
    cancel(&platform, 2, &bookings[1]["booking"], evening);
    assert_eq!(claim(&platform, 1, "public", "app", evening)["outcome"], "granted");
}

#[test]
fn whoever_waited_has_it_at_once_and_whoever_joins_to_get_it_waits_like_the_public() {
    let join = |platform: &Platform, patient: u32, minute: i64| {
        done(
            platform,
            &json!({"command": "waitlist_join", "at": at(minute), "patient": key(patient), "class": "public",
            "channel": "app", "wanted": [{"session": "W", "slot": 0}]}),
        )
    };
    let platform = house("slot");
    let bookings: Vec<Value> = (1..=3).map(|patient| claim(&platform, patient, "public", "app", 0)).collect();
    join(&platform, 7, 10);
    cancel(&platform, 1, &bookings[0]["booking"], 60);
    let list = done(&platform, &json!({"command": "waitlist", "at": at(60), "session": "W"}));
    assert!(!list["entries"][0]["offer"].is_null(), "{list}");

    let platform = returned("slot", "app");
    assert!(join(&platform, 7, 61)["offer"].is_null());
    // Nor by the tick, until it reappears; then before the public.
    done(&platform, &json!({"command": "tick", "at": at(299)}));
    assert_eq!(claim(&platform, 8, "public", "app", 299)["code"], "SLOT_FULL");
    assert_eq!(claim(&platform, 8, "public", "app", 300)["code"], "SLOT_FULL");
    let list = done(&platform, &json!({"command": "waitlist", "at": at(300), "session": "W"}));
    assert!(!list["entries"][0]["offer"].is_null(), "{list}");
    // Who returned it is offered nothing, though alone on the list.
    let platform = returned("slot", "app");
    join(&platform, 1, 61);
    done(&platform, &json!({"command": "tick", "at": at(400)}));
    let list = done(&platform, &json!({"command": "waitlist", "at": at(400), "session": "W"}));
    assert!(list["entries"][0]["offer"].is_null(), "{list}");
    assert_eq!(claim(&platform, 8, "public", "app", 400)["outcome"], "granted");
}

#[test]
fn a_refusal_because_a_seat_is_kept_back_is_remembered_under_its_key() {
    let platform = returned("slot", "app");
    let ask = |minute: i64| {
        tell(
            &platform,
            &json!({"command": "book", "at": at(minute), "patient": key(9), "session": "W", "slot": 0,
            "class": "public", "channel": "app", "key": "7"}),
        )
    };
    let first = ask(70);
    assert_eq!(first["code"], "SLOT_FULL");
    assert_eq!(ask(300), first, "the same command has one answer");
}

/// The seats of one slot on paper: who has them, and which are kept from whom.
#[derive(Default)]
struct Paper {
    booked: Vec<u32>,
    /// Who returned it, and when it reappears.
    kept: Vec<(u32, i64)>,
}

impl Paper {
    fn free(&self) -> usize {
        SEATS - self.booked.len()
    }

    /// The next of 12:00 and 16:00, and an hour later; never later than 20:00 of the evening before.
    fn reappears(minute: i64) -> i64 {
        let near = 5 * 1_440 + 12 * 60;
        let days = (0..8).flat_map(|day| [day * 1_440 + 240, day * 1_440 + 480]);
        if minute >= near {
            minute
        } else {
            days.into_iter().find(|batch| *batch > minute).map_or(near, |b| (b + 60).min(near))
        }
    }

    fn claim(&mut self, patient: u32, public: bool, minute: i64) -> Option<&'static str> {
        self.forget();
        if self.free() == 0 {
            return Some("SLOT_FULL");
        }
        let own = self.kept.iter().filter(|(by, _)| *by == patient).count();
        let others =
            self.kept.iter().filter(|(by, until)| public && *by != patient && minute < *until).count();
        // Who returned one has it neither as patient nor as public.
        if self.free() <= own + others {
            return Some(if others == 0 || self.free() > others { "RETURNED_BY_YOU" } else { "SLOT_FULL" });
        }
        if self.booked.contains(&patient) {
            return Some("OVERLAP");
        }
        self.booked.push(patient);
        self.forget();
        None
    }

    /// No more is kept than is free; what came back first went first.
    fn forget(&mut self) {
        let surplus = self.kept.len().saturating_sub(self.free());
        self.kept.drain(..surplus);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_slot_that_keeps_seats_back_is_what_the_paper_says(
        steps in prop::collection::vec((0..4u8, 1..6u32, any::<bool>(), 1..200i64), 1..60),
    ) {
        let platform = house("slot");
        let (mut paper, mut minute) = (Paper::default(), 0);
        let mut bookings = std::collections::BTreeMap::new();
        for (kind, patient, public, passes) in steps {
            match kind {
                0 | 1 => {
                    let class = if public { "public" } else { "contract" };
                    let (free, _) = shown(&platform, class, "app", minute);
                    let answer = claim(&platform, patient, class, "app", minute);
                    let expected = paper.claim(patient, public, minute);
                    prop_assert_eq!(answer["code"].as_str(), expected, "{} {}", at(minute), answer);
                    if expected.is_none() {
                        prop_assert!(free != 0, "granted and not shown");
                        bookings.insert(patient, (answer["booking"].clone(), public));
                    }
                }
                2 => {
                    let Some((booking, public)) = bookings.remove(&patient) else { continue };
                    cancel(&platform, patient, &booking, minute);
                    paper.booked.retain(|other| *other != patient);
                    if public {
                        paper.kept.push((patient, Paper::reappears(minute)));
                    }
                }
                _ => minute += passes,
            }
        }
        let audit = done(&platform, &json!({"command": "audit", "at": at(minute)}));
        prop_assert_eq!(&audit["sound"], true);
    }
}

/// Threads book and give back at once, before anything reappears: each seat is sold to the public once.
#[test]
fn under_threads_no_returned_seat_is_sold_to_the_public_before_it_reappears() {
    for round in 0..40u32 {
        let platform = house("slot");
        let granted: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4u32)
                .map(|thread| {
                    let platform = &platform;
                    scope.spawn(move || {
                        let mut granted = 0;
                        for turn in 0..30 {
                            let patient = 1 + round + thread * 1_000 + turn;
                            let answer = claim(platform, patient, "public", "app", 10);
                            if answer["outcome"] == "granted" {
                                granted += 1;
                                cancel(platform, patient, &answer["booking"], 10);
                            }
                        }
                        granted
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(granted, SEATS, "round {round}");
        assert_eq!(shown(&platform, "public", "app", 10).0, 0);
        // Every other class has all of them.
        assert_eq!(shown(&platform, "contract", "app", 10).0, SEATS);
        assert_eq!(shown(&platform, "public", "app", 300).0, SEATS);
    }
}

//! The public feed answers as the engine does, for any class at any instant, and knows nobody.

use haoyuan_core::instant::{DAY, HOUR, Instant};
use haoyuan_core::request::Availability;
use haoyuan_core::terms::{Channel, Class};
use haoyuan_platform::{Answer, Feed, Platform, Slot, answer::Done};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

const EARLY: &str = "2026-02-01T09:00:00+08:00";

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "commands are written in place")]
fn done(platform: &Platform, command: Value) -> Value {
    let answer: Value = serde_json::from_str(&platform.execute(&command.to_string())).unwrap();
    assert!(answer["outcome"] == "done" || answer["outcome"] == "granted", "{answer}");
    answer
}

/// A hospital of two sessions decided by slot, one decided as a whole, and one across midnight; the preset has reserves
/// with fences, and some seats are taken by several classes.
fn hospital() -> Platform {
    let platform = Platform::new();
    done(&platform, json!({"command": "open", "at": EARLY, "for_seats": 2000}));
    done(
        &platform,
        json!({"command": "directory", "at": EARLY, "entries": {
            "institution": [{"code": "T1", "name": "省第一医院", "tier": "tertiary"},
                            {"code": "S1", "name": "县医院", "tier": "secondary"}],
            "alliance": [{"code": "A", "name": "医联体", "members": ["T1", "S1"]}],
            "department": [{"institution": "T1", "code": "CARD", "name": "心内科"},
                           {"institution": "S1", "code": "GEN", "name": "全科"}],
            "practitioner": [{"code": "WANG", "name": "王医生", "sites": ["T1", "S1"]}]}}),
    );
    done(&platform, json!({"command": "policy", "at": EARLY, "preset": "jilin-2018"}));
    let small = "name = \"small\"\nextends = \"jilin-2018\"\n[booking]\nscope = \"session\"\n";
    done(&platform, json!({"command": "policy", "at": EARLY, "institution": "S1", "toml": small}));
    for (code, from, to, grade, minutes, seats) in [
        ("AM", "2026-03-10T08:00:00+08:00", "2026-03-10T12:00:00+08:00", "expert", 30, 5),
        ("PM", "2026-03-10T13:00:00+08:00", "2026-03-10T17:00:00+08:00", "ordinary", 30, 4),
        ("SMALL", "2026-03-11T08:00:00+08:00", "2026-03-11T10:00:00+08:00", "expert", 30, 2),
        ("NIGHT", "2026-03-11T20:00:00+08:00", "2026-03-12T02:00:00+08:00", "expert", 30, 3),
    ] {
        let (institution, department) = if code == "SMALL" { ("S1", "GEN") } else { ("T1", "CARD") };
        done(
            &platform,
            json!({"command": "publish", "at": EARLY, "session": {"code": code, "institution": institution,
                "department": department, "practitioner": "WANG", "grade": grade, "from": from, "to": to,
                "slot_minutes": minutes, "seats": seats}}),
        );
    }
    for patient in 1..=30u32 {
        let (session, slot) = [("AM", patient % 3), ("PM", 7), ("SMALL", patient % 2)][patient as usize % 3];
        let channel = if patient % 2 == 0 { "app" } else { "window" };
        let _ = platform.execute(
            &json!({"command": "book", "at": "2026-03-03T08:00:00+08:00", "patient": format!("{patient:032x}"),
                    "session": session, "slot": slot, "class": "public", "channel": channel})
            .to_string(),
        );
    }
    let patient = "000000000000000000000000000000ff";
    done(
        &platform,
        json!({"command": "ticket", "at": EARLY, "patient": patient, "ticket": "1", "class": "referral_secondary",
               "institution": "T1", "issuer": "S1", "expires": "2026-04-01T00:00:00+08:00"}),
    );
    done(
        &platform,
        json!({"command": "book", "at": "2026-03-03T08:00:00+08:00", "patient": patient, "session": "AM", "slot": 1,
               "class": "referral_secondary", "channel": "station", "ticket": "1"}),
    );
    platform
}

fn feed(platform: &Platform, at: &str) -> String {
    let ask = json!({"command": "feed", "at": at, "from": "2026-03-10", "to": "2026-03-12"});
    let answer = platform.execute(&ask.to_string());
    let feed = answer.strip_prefix(r#"{"outcome":"done","command":"feed","feed":"#).unwrap();
    feed.strip_suffix('}').unwrap().to_owned()
}

static FEED: LazyLock<String> = LazyLock::new(|| feed(&hospital(), "2026-03-03T09:00:00+08:00"));

/// Every session with its number of slots.
const SLOTS: [(&str, u64); 4] = [("AM", 8), ("PM", 8), ("SMALL", 4), ("NIGHT", 12)];

#[test]
fn a_feed_says_what_the_engine_says_for_every_class_channel_and_instant() {
    let platform = hospital();
    let feed = Feed::parse(&FEED).unwrap();
    assert_eq!((feed.session_count(), feed.slot_count()), (4, 32));
    assert!(FEED.contains(r#""whole":"#), "one session is decided as a whole");
    let begin = Instant::new(1_770_000_000_000).unwrap();
    let (mut checked, mut refused) = (0, 0);
    // Two months hour by hour: before, at and after every opening and fence.
    for hour in 0..60 * 24 {
        let at = begin.plus(hour * HOUR);
        for class in Class::ALL {
            let channel = Channel::ALL[usize::try_from(hour).unwrap() % Channel::ALL.len()];
            let free = feed.free(*class, channel, at);
            let mut place = 0;
            for (session, slots) in SLOTS {
                for slot in 0..slots {
                    let (answer, reason) =
                        feed.availability(session, Slot::Index(slot), *class, channel, at).unwrap();
                    let ask = haoyuan_platform::command::Availability {
                        at,
                        session: session.to_owned(),
                        slot: Slot::Index(slot),
                        class: *class,
                        channel,
                    };
                    let asked = platform.decide(&haoyuan_platform::Command::Availability(ask));
                    let Availability { free: seats, capacity, live, .. } = answer;
                    refused += i32::from(reason.is_some());
                    let said = Done::Availability { free: seats, capacity, live, refusal: reason };
                    assert_eq!(asked, Answer::Done(said), "{session} {slot} {class} {channel} {at:?}");
                    assert_eq!(free[place], seats);
                    place += 1;
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 300_000 && refused > 1_000 && refused < checked, "{refused} of {checked}");
}

#[test]
fn the_schedule_of_the_platform_is_the_schedule_of_its_feed() {
    let platform = hospital();
    let at = "2026-03-03T09:00:00+08:00";
    let ask = |class: &str| {
        json!({"command": "schedule", "at": at, "class": class, "channel": "app", "from": "2026-03-10",
               "to": "2026-03-11", "institution": "T1", "department": "CARD", "practitioner": "WANG"})
    };
    let shown = done(&platform, ask("public"));
    assert_eq!(shown["sessions"].as_array().unwrap().len(), 3);
    assert_eq!(shown["practitioners"], json!([{"code": "WANG", "name": "王医生"}]));
    let slot = &shown["sessions"][0]["slots"][0];
    let asked = done(
        &platform,
        json!({"command": "availability", "at": at, "session": "AM", "slot": 0, "class": "public", "channel": "app"}),
    );
    assert_eq!(
        (&slot["free"], &slot["live"], &slot["capacity"]),
        (&asked["free"], &asked["live"], &asked["capacity"])
    );
    assert_eq!(slot["refusal"], asked["refusal"]);
    // The feed answers the same lines with the same words, and says of others that they are not its own.
    let feed = Feed::parse(&feed(&platform, at)).unwrap();
    for class in ["public", "referral_secondary", "green"] {
        let line = ask(class).to_string();
        assert_eq!(feed.execute(&line), platform.execute(&line));
    }
    for (session, slot) in [("AM", 1), ("AM", 8), ("NONE", 0)] {
        let line =
            json!({"command": "availability", "at": at, "session": session, "slot": slot, "class": "public",
                          "channel": "app"})
            .to_string();
        assert_eq!(feed.execute(&line), platform.execute(&line));
    }
    for line in ["", "{}", "nonsense", r#"{"command":"hold"}"#, r#"{"command":"schedule","at":1}"#] {
        assert!(feed.execute(line).starts_with(r#"{"outcome":"error""#), "{line}");
    }
    // A full slot is listed, with its reason.
    let full = shown["sessions"][1]["slots"][7].clone();
    assert_eq!(full["refusal"]["code"], "SLOT_FULL", "{full}");
    // A filter that nothing matches is an empty list, a name that nobody has an error.
    let nobody = json!({"command": "schedule", "at": at, "class": "public", "channel": "app", "from": "2026-03-10",
                        "to": "2026-03-11", "practitioner": "NOBODY"});
    let answer: Value = serde_json::from_str(&platform.execute(&nobody.to_string())).unwrap();
    assert_eq!((&answer["outcome"], &answer["field"]), (&json!("error"), &json!("practitioner")));
}

#[test]
fn a_feed_is_read_as_it_was_written_and_knows_no_patient() {
    let feed = Feed::parse(&FEED).unwrap();
    assert!(Feed::parse(&feed.to_json()).unwrap() == feed && feed.to_json() == *FEED);
    // Every patient key and every booking of the hospital above begins with as many zeros.
    assert!(!FEED.contains("0000000000"));
    for word in ["patient", "booking", "hold", "ticket"] {
        assert!(!FEED.contains(word), "{word}");
    }
}

#[test]
fn a_text_that_is_no_feed_is_refused_with_a_reason() {
    let feed: Value = serde_json::from_str(&FEED).unwrap();
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut text = feed.clone();
        change(&mut text);
        Feed::parse(&text.to_string()).unwrap_err().to_string()
    };
    for (change, says) in [
        (&(|f: &mut Value| f["format"] = json!("haoyuan-feed-2")) as &dyn Fn(&mut Value), "its format is"),
        (&|f| f["sessions"][0]["live"] = json!("AAA"), "do not fit its pools"),
        (
            &|f| {
                f["sessions"][0]["live"] =
                    json!(f["sessions"][0]["live"].as_str().unwrap().replace('A', "_"));
            },
            "do not fit",
        ),
        (&|f| f["sessions"][0]["trees"] = json!([999]), "do not fit"),
        (&|f| f["sessions"][0]["slots"] = json!(9), "do not fit"),
        (&|f| f["sessions"][0]["department"] = json!(7), "names nobody"),
        (&|f| f["sessions"][1]["code"] = json!("AM"), "the same code"),
        (&|f| f["trees"][0]["capacity"] = json!(64), "1 to 63 seats"),
        (&|f| f["pools"][1]["parent"] = json!(9), "must come after"),
        (&|f| f["trees"][0]["pools"] = json!([0, 999]), "missing"),
        (&|f| f["routes"][0][0] = json!("77"), "pairs of pools"),
        (&|f| f["patients"] = json!([]), "unknown field"),
    ] {
        let said = broken(change);
        assert!(said.contains(says), "{said}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_damaged_feed_never_panics_and_never_says_more_than_there_are_seats(
        place in any::<prop::sample::Index>(), byte in 32u8..127, length in 0usize..4, days in -40i64..40,
    ) {
        let mut text = FEED.clone().into_bytes();
        let place = place.index(text.len());
        let end = (place + length).min(text.len());
        text.splice(place..end, [byte]);
        if let Ok(text) = String::from_utf8(text) {
            if let Ok(feed) = Feed::parse(&text) {
                let at = feed.at().plus(days * DAY);
                prop_assert_eq!(feed.free(Class::Public, Channel::App, at).len(), feed.slot_count());
                prop_assert!(feed.free(Class::Green, Channel::Window, at).iter().all(|free| *free <= 63));
            }
        }
    }
}

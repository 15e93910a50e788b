//! The platform as its callers see it: whole scripts, hostile lines, several threads.

use haoyuan_platform::{Answer, Command, Platform};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

const EARLY: &str = "2026-02-01T09:00:00+08:00";
const OPEN: &str = "2026-03-03T07:00:00+08:00";

#[expect(clippy::needless_pass_by_value, reason = "commands are written in place")]
fn tell(platform: &Platform, command: Value) -> Value {
    serde_json::from_str(&platform.execute(&command.to_string())).unwrap()
}

#[track_caller]
fn done(platform: &Platform, command: Value) -> Value {
    let answer = tell(platform, command);
    assert_eq!(answer["outcome"], "done", "{answer}");
    answer
}

fn session(code: &str, seats: u8) -> Value {
    json!({"code": code, "institution": "T1", "department": "CARD", "practitioner": "D1", "grade": "ordinary",
           "from": "2026-03-10T08:00:00+08:00", "to": "2026-03-10T12:00:00+08:00", "slot_minutes": 30, "seats": seats})
}

fn entries() -> Value {
    json!({
        "institution": [{"code": "T1", "name": "甲", "tier": "tertiary"}, {"code": "S1", "name": "乙", "tier": "secondary"}],
        "department": [{"institution": "T1", "code": "CARD", "name": "心内科"}],
        "practitioner": [{"code": "D1", "name": "丙", "sites": ["T1"], "valid_to": "2026-03-31"}],
        "alliance": [{"code": "A", "name": "丁", "members": ["T1", "S1"]}],
    })
}

/// A platform with one session `AM`: eight slots of `seats` seats, default policy.
fn house(seats: u8) -> Platform {
    let platform = Platform::new();
    done(&platform, json!({"command": "open", "at": EARLY, "for_seats": 2000}));
    done(&platform, json!({"command": "directory", "at": EARLY, "entries": entries()}));
    done(&platform, json!({"command": "publish", "at": EARLY, "session": session("AM", seats)}));
    platform
}

fn hold(patient: u32) -> Value {
    json!({"command": "hold", "at": OPEN, "patient": format!("{patient:032x}"), "session": "AM", "slot": 0,
           "class": "public", "channel": "app"})
}

#[test]
fn an_engine_that_nobody_opened_has_the_default_sizes() {
    let platform = Platform::new();
    assert_eq!(done(&platform, json!({"command": "tick", "at": EARLY}))["swept"], 0);
    let late = tell(&platform, json!({"command": "open", "at": EARLY}));
    assert_eq!((&late["outcome"], &late["field"]), (&json!("error"), &json!("command")));
}

#[test]
fn a_host_can_bound_what_open_may_ask_for() {
    let platform = Platform::new().with_ceiling(haoyuan_engine::Limits::for_seats(100));
    let answer = tell(&platform, json!({"command": "open", "at": EARLY, "for_seats": 101}));
    assert_eq!(answer["field"], "for_seats");
    let answer = tell(
        &platform,
        json!({"command": "open", "at": EARLY, "for_seats": 100, "patients": 4_000_000_000u32}),
    );
    assert_eq!(answer["field"], "patients");
    done(&platform, json!({"command": "open", "at": EARLY, "for_seats": 100}));
}

#[test]
fn an_engine_without_room_for_another_patient_says_so() {
    let platform = Platform::new();
    done(&platform, json!({"command": "open", "at": EARLY, "for_seats": 200, "patients": 2}));
    done(&platform, json!({"command": "directory", "at": EARLY, "entries": entries()}));
    done(&platform, json!({"command": "publish", "at": EARLY, "session": session("AM", 5)}));
    let codes: Vec<Value> = (1..=5).map(|patient| tell(&platform, hold(patient))["code"].clone()).collect();
    assert!(codes.contains(&json!("ENGINE_FULL")), "{codes:?}");
}

#[test]
fn a_refused_roster_changes_nothing() {
    let platform = house(5);
    let header = "code,institution,department,practitioner,date,from,to,grade,slot_minutes,seats_per_slot\n";
    let good = "B,T1,CARD,D1,2026-03-11,08:00,12:00,expert,30,5\n";
    for (bad, place) in [
        ("C,T1,CARD,D1,2026-03-11,11:30,12:30,expert,30,5\n", 3), // overlaps the row before
        ("C,T1,CARD,D1,2026-03-10,11:30,12:30,expert,30,5\n", 3), // overlaps what is published
        ("AM,T1,CARD,D1,2026-03-12,08:00,12:00,expert,30,5\n", 3), // the code is published
        ("C,T1,CARD,D1,2026-04-01,08:00,12:00,expert,30,5\n", 3), // the credential has run out
        ("C,T1,CARD,D1,2026-03-12,08:00,12:00,expert,30\n", 3),   // a cell is missing
    ] {
        let answer =
            tell(&platform, json!({"command": "roster", "at": EARLY, "csv": format!("{header}{good}{bad}")}));
        assert_eq!((&answer["outcome"], &answer["field"]), (&json!("error"), &json!("csv")), "{answer}");
        assert_eq!(answer["rows"][0]["line"], place, "{answer}");
        assert_eq!(
            tell(&platform, json!({"command": "session", "at": EARLY, "session": "B"}))["code"],
            "UNKNOWN_SESSION"
        );
    }
    let answer = done(&platform, json!({"command": "roster", "at": EARLY, "csv": format!("{header}{good}")}));
    assert_eq!((&answer["sessions"], &answer["seats"]), (&json!(1), &json!(40)));
}

#[test]
fn a_roster_that_does_not_fit_the_engine_is_refused_as_a_whole() {
    let platform = Platform::new();
    done(&platform, json!({"command": "open", "at": EARLY, "for_seats": 200, "seats": 100}));
    done(&platform, json!({"command": "directory", "at": EARLY, "entries": entries()}));
    let row = |code: &str, day: u8| format!("{code},T1,CARD,D1,2026-03-{day},08:00,12:00,expert,30,5\n");
    let header = "code,institution,department,practitioner,date,from,to,grade,slot_minutes,seats_per_slot\n";
    let three = format!("{header}{}{}{}", row("A", 10), row("B", 11), row("C", 12));
    let answer = tell(&platform, json!({"command": "roster", "at": EARLY, "csv": three}));
    assert!(answer["reason"].as_str().unwrap().contains("`seats`"), "{answer}");
    let two = format!("{header}{}{}", row("A", 10), row("B", 11));
    assert_eq!(done(&platform, json!({"command": "roster", "at": EARLY, "csv": two}))["seats"], 80);
}

#[test]
fn a_refused_session_leaves_the_carry_where_it_was() {
    let policy = "name = \"carry\"\nextends = \"jilin-2018\"\n[pools.L2_TO_L3.reserve]\n\
                  tertiary = { percent = 30, rounding = \"carry\" }\n";
    let publish = |platform: &Platform, code: &str, day: u8, slot_minutes: u32| {
        let mut session = session(code, 7);
        session["from"] = json!(format!("2026-03-{day}T08:00:00+08:00"));
        session["to"] = json!(format!("2026-03-{day}T08:30:00+08:00"));
        session["slot_minutes"] = json!(slot_minutes);
        tell(platform, json!({"command": "publish", "at": EARLY, "session": session}))
    };
    let reserved = |with_refusals: bool| {
        let platform = house(5);
        done(&platform, json!({"command": "policy", "at": EARLY, "toml": policy}));
        let mut reserved = Vec::new();
        for day in 11..21 {
            if with_refusals {
                // The same code twice, and a length that does not divide: both refused.
                assert_eq!(publish(&platform, "AM", day, 30)["outcome"], "error");
                assert_eq!(publish(&platform, "X", day, 7)["outcome"], "error");
            }
            let answer = publish(&platform, &format!("C{day}"), day, 30);
            reserved.push(answer["reserved"]["L2_TO_L3"].as_u64().unwrap_or(0));
        }
        reserved
    };
    assert_eq!(reserved(false), [3, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
    assert_eq!(reserved(true), reserved(false));
}

#[test]
fn a_slot_is_named_by_index_or_by_the_instant_at_which_it_starts() {
    let platform = house(5);
    let at = |slot: Value| {
        let mut wish = hold(1);
        wish["slot"] = slot;
        wish["command"] = json!("availability");
        wish.as_object_mut().unwrap().remove("patient");
        let answer = tell(&platform, wish);
        answer.get("code").unwrap_or(&answer["outcome"]).as_str().unwrap().to_owned()
    };
    for good in [json!(0), json!(7), json!("2026-03-10T08:00:00+08:00"), json!("2026-03-10T03:30:00Z")] {
        assert_eq!(at(good.clone()), "done", "{good}");
    }
    for unknown in [
        json!(8),
        json!(u64::MAX),
        json!("2026-03-10T12:00:00+08:00"),
        json!("2026-03-10T08:00:00.001+08:00"),
        json!("2026-03-10T07:30:00+08:00"),
        json!("2026-03-11T08:00:00+08:00"),
    ] {
        assert_eq!(at(unknown.clone()), "UNKNOWN_SLOT", "{unknown}");
    }
}

#[test]
fn what_availability_says_is_what_the_decision_does() {
    let platform = house(5);
    for patient in 1..=6 {
        let mut ask = hold(patient);
        ask["command"] = json!("availability");
        ask.as_object_mut().unwrap().remove("patient");
        let free = done(&platform, ask)["free"].as_u64().unwrap();
        let answer = tell(&platform, hold(patient));
        assert_eq!(free > 0, answer["outcome"] == "granted", "{answer}");
        assert_eq!(free, 6u64.saturating_sub(u64::from(patient)));
    }
}

#[test]
fn several_threads_share_a_platform_and_no_seat_is_given_twice() {
    let platform = house(5);
    let threads = 4;
    let numbers: Vec<u64> = std::thread::scope(|scope| {
        let run = |thread: u32| {
            let platform = &platform;
            move || {
                let wishes = (0..50).map(|n| hold(1 + thread * 50 + n).to_string());
                let answers =
                    wishes.map(|wish| serde_json::from_str::<Value>(&platform.execute(&wish)).unwrap());
                answers
                    .filter_map(|answer| answer["number"].as_u64().filter(|_| answer["outcome"] == "granted"))
                    .collect::<Vec<_>>()
            }
        };
        let handles: Vec<_> = (0..threads).map(|thread| scope.spawn(run(thread))).collect();
        handles.into_iter().flat_map(|handle| handle.join().unwrap()).collect()
    });
    let mut sorted = numbers.clone();
    sorted.sort_unstable();
    assert_eq!(sorted, [1, 2, 3, 4, 5]);
    assert_eq!(done(&platform, json!({"command": "audit", "at": OPEN}))["sound"], true);
}

#[test]
fn the_number_of_the_line_comes_first() {
    let platform = Platform::new();
    assert!(platform.execute_line(7, "nonsense").starts_with(r#"{"line":7,"outcome":"error","#));
    assert!(matches!(platform.answer("nonsense"), Answer::Error(_)));
}

/// One line of each kind, to be damaged.
static LINES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let patient = "0123456789abcdef0123456789abcdef";
    let query = json!({"class": "public", "channel": "app"});
    let with = |command: &str, more: Value| {
        let mut line = json!({"command": command, "at": OPEN});
        for part in [&query, &more]
            .into_iter()
            .filter(|_| !matches!(command, "load" | "tick" | "audit"))
            .chain([&more])
        {
            line.as_object_mut().unwrap().extend(part.as_object().unwrap().clone());
        }
        if !matches!(command, "availability" | "hold" | "book" | "search" | "ticket") {
            line.as_object_mut().unwrap().remove("class");
            line.as_object_mut().unwrap().remove("channel");
        }
        if command == "ticket" {
            line.as_object_mut().unwrap().remove("channel");
        }
        line.to_string()
    };
    vec![
        with(
            "directory",
            json!({"entries": {"institution": [{"code": "N", "name": "新", "tier": "primary"}]}}),
        ),
        with(
            "directory",
            json!({"toml": "[[institution]]\ncode = \"M\"\nname = \"新\"\ntier = \"primary\"\n"}),
        ),
        with("policy", json!({"institution": "T1", "preset": "beijing-2015"})),
        with("policy", json!({"toml": "name = \"x\"\nextends = \"default\"\n[hold]\nall = \"5min\"\n"})),
        with("publish", json!({"session": session("PM", 3)})),
        with(
            "roster",
            json!({"csv": "机构,科室,医生,日期,开始,结束,号别,时段分钟,每时段号数\nT1,CARD,D1,2026-03-12,08:00,12:00,expert,30,5\n"}),
        ),
        with(
            "ticket",
            json!({"patient": patient, "ticket": "1", "class": "contract", "institution": "T1", "expires": "2026-04-01T00:00:00Z"}),
        ),
        with("availability", json!({"session": "AM", "slot": 0})),
        with("hold", json!({"patient": patient, "session": "AM", "slot": 0, "key": "1"})),
        with(
            "book",
            json!({"patient": patient, "session": "AM", "slot": "2026-03-10T08:30:00+08:00", "ticket": "1"}),
        ),
        with("confirm", json!({"patient": patient, "booking": "0000000000000001"})),
        with("cancel", json!({"patient": patient, "booking": "0000000000000001", "key": "2"})),
        with("tick", json!({})),
        with(
            "search",
            json!({"from": "2026-03-10", "to": "2026-03-12", "institution": "T1", "order": "least_loaded", "most": 5}),
        ),
        with("load", json!({"day": "2026-03-10"})),
        with("bookings", json!({"patient": patient})),
        with("session", json!({"session": "AM"})),
        with("audit", json!({})),
    ]
});

#[test]
fn the_lines_to_damage_are_commands() {
    for line in LINES.iter() {
        assert!(Command::parse(line).is_ok(), "{line}: {:?}", Command::parse(line));
    }
}

/// One platform for all damaged lines: what they do to it must not matter either.
static TARGET: LazyLock<Platform> = LazyLock::new(|| house(5));

/// The answer is one JSON object in one line, and no key of a patient is in an error.
fn check_answer(answer: &str) {
    assert!(!answer.contains('\n'));
    let value: Value = serde_json::from_str(answer).unwrap();
    let outcome = value["outcome"].as_str().unwrap();
    assert!(["granted", "refused", "done", "error"].contains(&outcome));
    if outcome == "error" {
        assert!(value["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{answer}");
        assert!(!answer.contains("0123456789abcdef"), "{answer}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_text_is_answered(text in any::<String>()) {
        check_answer(&TARGET.execute(&text));
    }

    #[test]
    fn a_command_with_a_piece_replaced_is_answered(
        line in 0..LINES.len(),
        at in any::<prop::sample::Index>(),
        len in 0usize..12,
        with in prop_oneof![
            any::<String>(),
            "[\"{}:,0-9a-f.\\-TZ]{0,8}",
            Just("null".to_owned()), Just("-1".to_owned()), Just("1e999".to_owned()), Just("\\u0000".to_owned()),
            Just("18446744073709551616".to_owned()), Just("{}".to_owned()), Just("[]".to_owned()),
        ],
    ) {
        let line = &LINES[line];
        let cuts: Vec<usize> = line.char_indices().map(|(at, _)| at).chain([line.len()]).collect();
        let from = at.index(cuts.len());
        let to = (from + len).min(cuts.len() - 1);
        let damaged = format!("{}{with}{}", &line[..cuts[from]], &line[cuts[to]..]);
        // Sizes are for the host to bound; damaged ones would reserve memory.
        prop_assume!(!damaged.contains("\"open\""));
        check_answer(&TARGET.execute(&damaged));
    }

    #[test]
    fn a_command_with_a_value_replaced_is_answered(
        line in 0..LINES.len(),
        key in any::<prop::sample::Index>(),
        with in prop_oneof![
            Just(Value::Null), any::<bool>().prop_map(Value::from), any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from), any::<String>().prop_map(Value::from),
            Just(json!([])), Just(json!({})), Just(json!(["a"])), Just(json!({"a": 1})),
            "[0-9a-f]{16}|[0-9a-f]{32}".prop_map(Value::from),
            "20[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9]Z".prop_map(Value::from),
        ],
    ) {
        let mut value: Value = serde_json::from_str(&LINES[line]).unwrap();
        let keys: Vec<String> = value.as_object().unwrap().keys().cloned().collect();
        value[keys[key.index(keys.len())].as_str()] = with;
        check_answer(&TARGET.execute(&value.to_string()));
    }
}

#[test]
fn after_all_that_was_thrown_at_it_every_count_is_right() {
    // Runs beside the properties above or after them; an audit may run beside decisions.
    let audit = done(&TARGET, json!({"command": "audit", "at": OPEN}));
    assert_eq!(audit["sound"], true, "{audit}");
}

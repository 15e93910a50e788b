//! Any lines are answered one by one, each with one JSON object on one line; whatever was asked, the engine's recount
//! of every seat agrees afterwards.

#![no_main]

use haoyuan_platform::Platform;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// A small hospital for the lines to find: the engine sized so that its limits are met, a policy, and one session.
const HOSPITAL: [&str; 4] = [
    r#"{"command":"open","at":"2026-02-01T09:00:00+08:00","for_seats":200,"shapes":16}"#,
    r#"{"command":"directory","at":"2026-02-01T09:00:00+08:00","entries":{
        "institution":[{"code":"H1","name":"H1","tier":"tertiary"},{"code":"X1","name":"X1","tier":"secondary"}],
        "alliance":[{"code":"A","name":"A","members":["H1","X1"]}],
        "department":[{"institution":"H1","code":"CARD","name":"CARD"}],
        "practitioner":[{"code":"WANG","name":"WANG","sites":["H1"]}]}}"#,
    r#"{"command":"policy","at":"2026-02-01T09:00:00+08:00","preset":"jilin-2018"}"#,
    r#"{"command":"publish","at":"2026-02-01T09:00:00+08:00","session":{"code":"AM","institution":"H1",
        "department":"CARD","practitioner":"WANG","grade":"expert","from":"2026-03-10T08:00:00+08:00",
        "to":"2026-03-10T12:00:00+08:00","slot_minutes":30,"seats":5}}"#,
];

#[track_caller]
fn outcome(answer: &str) -> String {
    assert!(!answer.contains('\n'), "{answer}");
    let answer: Value = serde_json::from_str(answer).expect("an answer is JSON");
    answer["outcome"].as_str().expect("an answer has an outcome").to_owned()
}

fuzz_target!(|text: &str| {
    let platform = Platform::new();
    for line in HOSPITAL {
        let answer = platform.execute(line);
        assert_eq!(outcome(&answer), "done", "{answer}");
    }
    for line in text.lines() {
        let outcome = outcome(&platform.execute(line));
        assert!(["done", "granted", "refused", "error"].contains(&outcome.as_str()), "{outcome}");
    }
    let audit = platform.engine().audit();
    assert!(audit.is_ok(), "{audit:?}");
});

//! The commands about journals, from outside: what is recorded can be asked for, and what is wrong is told.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn haoyuan(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_haoyuan")).args(["--lang", "en"]).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn ok(args: &[&str]) -> String {
    let output = haoyuan(args);
    assert!(output.status.success(), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

#[track_caller]
fn told(args: &[&str]) -> Value {
    serde_json::from_str(&ok(args)).unwrap()
}

/// Ends with this code, and says this in both languages.
#[track_caller]
fn fails(args: &[&str], code: i32, en: &str, zh: &str) {
    let output = haoyuan(args);
    assert_eq!(output.status.code(), Some(code), "{args:?}");
    assert!(text(&output.stderr).contains(en), "{}", text(&output.stderr));
    let chinese =
        Command::new(env!("CARGO_BIN_EXE_haoyuan")).args(["--lang", "zh"]).args(args).output().unwrap();
    assert!(text(&chinese.stderr).contains(zh), "{}", text(&chinese.stderr));
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/run/morning.jsonl")
}

/// A journal of the example morning.
fn morning(place: &Place, sync: bool) -> String {
    let folder = place.path("journal");
    let script = script().display().to_string();
    let mut args = vec!["run", &script, "--journal", &folder];
    if sync {
        args.push("--sync");
    }
    let answers = ok(&args);
    let expected = std::fs::read_to_string(script.replace(".jsonl", ".expected.jsonl")).unwrap();
    assert_eq!(answers, expected, "a journal changes no answer");
    folder
}

#[test]
fn a_run_with_a_journal_can_be_audited_and_goes_on_where_it_stopped() {
    let place = Place::new();
    let folder = morning(&place, true);
    let audit = told(&["audit", &folder, "--json"]);
    assert_eq!(audit["verified"], true);
    assert!(audit["kinds"]["transition"].as_u64().unwrap() > 0, "{audit}");
    let before = told(&["recover", &folder, "--json"]);
    assert_eq!(before["sound"], true);
    let snapshot = told(&["snapshot", &folder, "--json"]);
    let after = told(&["recover", &folder, "--json"]);
    assert_eq!(after["snapshot"], snapshot["snapshot"]);
    assert_eq!(before["state_hash"], after["state_hash"]);
    // The same script again: every session is there already.
    let again = ok(&["run", &script().display().to_string(), "--journal", &folder]);
    assert!(again.contains("already"), "{again}");
}

#[test]
fn the_chain_is_of_the_hash_that_was_asked_for() {
    let place = Place::new();
    let script = script().display().to_string();
    for (hash, code) in [("blake3", 1), ("sm3", 2)] {
        let folder = place.path(hash);
        ok(&["run", &script, "--journal", &folder, "--hash", hash]);
        let segment = std::fs::read(format!("{folder}/00000001.hyj")).unwrap();
        assert_eq!(segment[12], code, "the header of a segment says its hash");
        assert_eq!(told(&["audit", &folder, "--json"])["verified"], true);
    }
}

/// Whoever looks after a journal need not know its hash: it stays what the hospital chose.
#[test]
fn no_command_changes_the_hash_of_a_chain() {
    let place = Place::new();
    let (folder, script) = (place.path("sm3"), script().display().to_string());
    ok(&["run", &script, "--journal", &folder, "--hash", "sm3"]);
    ok(&["recover", &folder]);
    ok(&["snapshot", &folder]);
    ok(&["run", &script, "--journal", &folder]);
    ok(&["recover", &folder, "--salvage", &place.path("saved")]);
    for folder in [&folder, &place.path("saved")] {
        let segments = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let segments: Vec<PathBuf> =
            segments.filter(|path| path.extension().is_some_and(|end| end == "hyj")).collect();
        assert!(segments.iter().all(|path| std::fs::read(path).unwrap()[12] == 2), "{segments:?}");
    }
}

#[test]
fn a_seat_is_followed_from_publishing_on_and_every_filter_narrows() {
    let place = Place::new();
    let folder = morning(&place, false);
    let all = told(&["audit", &folder, "--json", "--from", "2000-01-01"]);
    let rows = all["rows"].as_array().unwrap();
    let one = rows.iter().find(|row| row["kind"] == "transition").unwrap();
    let seat = format!("{}/{}/{}", one["session"].as_str().unwrap(), one["slot"], one["seat"]);
    let life = told(&["audit", &folder, "--json", "--seat", &seat]);
    let life: Vec<&str> =
        life["rows"].as_array().unwrap().iter().map(|row| row["what"].as_str().unwrap()).collect();
    assert!(life[0] == "published" && life.len() > 1, "{life:?}");
    for (option, column) in [
        ("--booking", "booking"),
        ("--patient", "patient"),
        ("--session", "session"),
        ("--practitioner", "practitioner"),
        ("--actor", "role"),
    ] {
        let value = one[column].as_str().unwrap();
        let found = told(&["audit", &folder, "--json", option, value]);
        let found = found["rows"].as_array().unwrap();
        assert!(!found.is_empty() && found.len() < rows.len(), "{option} {value}");
        assert!(found.iter().all(|row| row[column] == value), "{option} {value}");
    }
    let refused = rows.iter().find(|row| row["kind"] == "refusal").unwrap();
    let code = refused["code"].as_str().unwrap();
    let found = told(&["audit", &folder, "--json", "--code", code]);
    assert!(found["rows"].as_array().unwrap().iter().all(|row| row["code"] == code));
    let none = told(&["audit", &folder, "--json", "--to", "2000-01-01"]);
    assert_eq!(none["matched"], 0);
    // As it is printed, so it can be asked for; and a code in small letters.
    let at = one["at"].as_str().unwrap();
    let since = told(&["audit", &folder, "--json", "--from", at]);
    assert!(since["rows"].as_array().unwrap().iter().all(|row| row["at"].as_str().unwrap() >= at));
    let before = told(&["audit", &folder, "--json", "--to", at]);
    assert!(before["rows"].as_array().unwrap().iter().all(|row| row["at"].as_str().unwrap() < at));
    let both = since["matched"].as_u64().unwrap() + before["matched"].as_u64().unwrap();
    assert_eq!(both, all["matched"].as_u64().unwrap(), "every record is before an instant or not");
    assert_eq!(told(&["audit", &folder, "--json", "--code", &code.to_lowercase()]), found);
    fails(
        &["audit", &folder, "--from", "2026-03-10", "--to", "2026-03-01"],
        2,
        "no such time",
        "时间范围为空",
    );
    fails(&["audit", &folder, "--patient", "张三"], 2, "32 hexadecimal digits", "32 位十六进制数");
    fails(&["audit", &folder, "--from", "soon"], 2, "a day or an instant", "日期或时间");
    assert!(!text(&haoyuan(&["audit", &folder, "--patient", "张三"]).stderr).contains("张三"));
}

#[test]
fn exports_have_every_row_whatever_their_form() {
    let place = Place::new();
    let folder = morning(&place, false);
    for end in ["ndjson", "csv", "sqlite"] {
        let file = place.path(&format!("trace.{end}"));
        ok(&["audit", &folder, "--export", &file]);
        assert!(std::fs::metadata(&file).unwrap().len() > 1_000, "{end}");
        // An export is evidence: it is not written over.
        fails(&["audit", &folder, "--export", &file], 2, "cannot be written", "无法写入");
    }
    assert_eq!(
        std::fs::read_dir(&place.0).unwrap().count(),
        1 + 3,
        "nothing is left beside the journal and the files"
    );
    let lines = std::fs::read_to_string(place.path("trace.ndjson")).unwrap().lines().count();
    let table = std::fs::read_to_string(place.path("trace.csv")).unwrap().lines().count();
    assert_eq!(lines + 1, table);
    let base = rusqlite::Connection::open(place.path("trace.sqlite")).unwrap();
    let rows: i64 = base.query_row("SELECT count(*) FROM trace", [], |row| row.get(0)).unwrap();
    assert_eq!(usize::try_from(rows).unwrap(), lines);
    fails(&["audit", &folder, "--export", &place.path("trace.xls")], 2, "must end in", "结尾");
}

/// What is under the name of the evidence is all of it: an export that stops on the way leaves nothing.
#[cfg(target_os = "linux")]
#[test]
fn an_export_that_could_not_be_written_leaves_no_part_of_it() {
    let place = Place::new();
    let folder = morning(&place, false);
    for end in ["ndjson", "csv", "sqlite"] {
        let file = place.path(&format!("trace.{end}"));
        // A disk that fills up on the way: no file may grow beyond some kilobytes.
        let limited = Command::new("bash")
            .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" --lang en audit \"$1\" --export \"$2\""])
            .args([env!("CARGO_BIN_EXE_haoyuan"), &folder, &file])
            .output()
            .unwrap();
        assert_eq!(limited.status.code(), Some(2), "{end}: {}", text(&limited.stderr));
        assert!(text(&limited.stderr).contains("cannot be written"), "{end}: {}", text(&limited.stderr));
        assert_eq!(std::fs::read_dir(&place.0).unwrap().count(), 1, "{end}: only the journal is there");
    }
}

#[test]
fn heads_that_were_deposited_are_checked_later() {
    let place = Place::new();
    let folder = morning(&place, false);
    let heads = place.path("heads.txt");
    std::fs::write(&heads, ok(&["audit", &folder, "--heads"])).unwrap();
    ok(&["audit", &folder, "--against", &heads]);
    let json = told(&["audit", &folder, "--heads", "--json"]);
    assert_eq!(format!("{}\n", json["heads"][0].as_str().unwrap()), std::fs::read_to_string(&heads).unwrap());
    fails(&["audit", &folder, "--heads", "--session", "X"], 2, "--heads", "--heads");
    let other = std::fs::read_to_string(&heads).unwrap().trim_end().chars().rev().skip(1).collect::<String>();
    let other: String = other.chars().rev().chain(['f']).collect();
    let differs = if std::fs::read_to_string(&heads).unwrap().contains(&other) { 'e' } else { 'f' };
    let mut changed = other;
    changed.pop();
    changed.push(differs);
    std::fs::write(&heads, changed).unwrap();
    fails(&["audit", &folder, "--against", &heads], 1, "was rewritten", "被改写");
    std::fs::write(&heads, "00000001 many\n").unwrap();
    fails(&["audit", &folder, "--against", &heads], 2, "a line has a segment", "每行须有段号、记录数与链头");
}

#[test]
fn foreign_locked_and_damaged_folders_are_told_with_what_to_do() {
    let place = Place::new();
    let empty = place.path("empty");
    std::fs::create_dir(&empty).unwrap();
    for command in ["audit", "recover", "snapshot"] {
        fails(&[command, &empty], 2, "has no journal", "没有日志");
        fails(&[command, &place.path("nowhere")], 2, "cannot be read", "无法读取");
    }
    // Synced: many groups, so that damage in the first is no torn tail.
    let folder = morning(&place, true);
    {
        let _held = haoyuan::Registry::open(&folder, haoyuan::Options::default()).unwrap();
        fails(&["recover", &folder], 2, "is open elsewhere", "正在别处打开");
        ok(&["audit", &folder]);
    }
    let segment = Path::new(&folder).join("00000001.hyj");
    let good = std::fs::read(&segment).unwrap();
    // Of a header nothing later tells how much it has cost.
    std::fs::write(&segment, &good[..100]).unwrap();
    fails(&["audit", &folder], 1, "affected are the records from 0 on", "受影响的记录:自 0 起的全部");
    let mut bytes = good;
    bytes[300] ^= 1;
    std::fs::write(&segment, bytes).unwrap();
    fails(&["audit", &folder], 1, "is damaged", "已损坏");
    let reason = ["the checksum of a record does not match", "记录的校验和不符"];
    fails(&["audit", &folder], 1, reason[0], reason[1]);
    fails(&["recover", &folder], 1, "--salvage", "--salvage");
    let salvaged = told(&["recover", &folder, "--salvage", &place.path("saved"), "--json"]);
    assert!(salvaged["records"].as_u64().unwrap() > 0, "{salvaged}");
    assert_eq!(salvaged["damage"][0]["reason"], reason[0], "{salvaged}");
    assert_eq!(salvaged["damage"][0]["reason_zh"], reason[1], "{salvaged}");
    fails(&["recover", &folder, "--salvage", &place.path("saved")], 2, "must be empty", "必须为空");
}

#[test]
fn a_rush_with_a_journal_recovers_to_the_same_state() {
    let place = Place::new();
    for sync in [false, true] {
        let folder = place.path(&format!("rush-{sync}"));
        let mut args = vec!["rush", "-n", "5000", "-t", "2", "--json", "--journal", &folder];
        if sync {
            args.push("--sync");
        }
        let rush = told(&args);
        let journal = &rush["journal"];
        assert!(journal["records"].as_u64().unwrap() > 5_000, "{journal}");
        // With `--sync` every decision waits for the disk, and the figures say so.
        let durable = &journal["durable"];
        assert_eq!(durable.is_object(), sync, "{journal}");
        assert!(!sync || durable["p50_ns"].as_u64().unwrap() > 1_000, "{journal}");
        assert!(!sync || journal["syncs"].as_u64().unwrap() >= 3, "{journal}");
        let recovered = told(&["recover", &folder, "--json"]);
        assert_eq!(recovered["state_hash"], journal["state_hash"]);
        fails(&args, 2, "already", "已有日志");
    }
}

/// Commands of a hospital of two sessions that are published by one roster, with everything that can be said about who
/// and why.
const DAY: &[&str] = &[
    r#"{"command":"directory","at":"2026-02-01T09:00:00+08:00","entries":{"institution":[{"code":"H1","name":"省第一医院","tier":"tertiary"}],"department":[{"institution":"H1","code":"CARD","name":"心内科"}],"practitioner":[{"code":"WANG","name":"王医生","sites":["H1"]}]}}"#,
    r#"{"command":"policy","at":"2026-02-01T09:00:00+08:00","preset":"jilin-2018"}"#,
    r#"{"command":"policy","at":"2026-02-01T09:05:00+08:00","preset":"jilin-2018"}"#,
    r#"{"command":"roster","at":"2026-02-01T09:10:00+08:00","actor":{"role":"operator","id":"00000000000000aa"},"csv":"机构,科室,医生,日期,开始,结束,号别,时段分钟,每时段号数,班次编号\nH1,CARD,WANG,2026-03-10,08:00,12:00,专家号,30,5,AM\nH1,CARD,WANG,2026-03-11,08:00,12:00,专家号,30,5,PM"}"#,
    r#"{"command":"hold","at":"2026-03-03T07:00:00+08:00","patient":"5f0c6f0f6c1d4b7e9a3d2e1f00112233","session":"AM","slot":0,"class":"public","channel":"wechat"}"#,
    r#"{"command":"ticket","at":"2026-03-09T08:59:00+08:00","ticket":"1f","patient":"5f0c6f0f6c1d4b7e9a3d2e1f00112244","class":"green","institution":"H1","expires":"2026-03-11T00:00:00+08:00"}"#,
    r#"{"command":"book","at":"2026-03-09T09:00:00+08:00","patient":"5f0c6f0f6c1d4b7e9a3d2e1f00112244","session":"AM","slot":0,"class":"green","channel":"station","ticket":"1f","actor":{"role":"doctor","id":"0123456789abcdef","contact":"00000000000000c0","reason":7}}"#,
    r#"{"command":"book","at":"2026-03-09T09:00:01+08:00","patient":"5f0c6f0f6c1d4b7e9a3d2e1f00112255","session":"EVENING","slot":0,"class":"public","channel":"app"}"#,
    r#"{"command":"tick","at":"2026-03-10T07:59:00+08:00"}"#,
];

fn day(place: &Place) -> String {
    let (folder, script) = (place.path("day"), place.path("day.jsonl"));
    std::fs::write(&script, DAY.join("\n")).unwrap();
    let answers = ok(&["run", &script, "--journal", &folder, "--sync"]);
    assert_eq!(answers.matches(r#""outcome":"granted""#).count(), 2, "{answers}");
    folder
}

#[test]
fn who_when_why_and_by_which_policy_is_in_every_row() {
    let place = Place::new();
    let folder = day(&place);
    let rows = |args: &[&str]| -> Vec<Value> {
        told(&[&["audit", &folder, "--json"], args].concat())["rows"].as_array().unwrap().clone()
    };
    let all = rows(&["--from", "2000-01-01"]);
    let published: Vec<&Value> = all.iter().filter(|row| row["what"] == "published").collect();
    assert_eq!(published.len(), 2, "one record, a row for each session of the roster");
    // Nobody said who set the policy; that does not make it the patient's doing.
    let policies: Vec<&Value> = all.iter().filter(|row| row["what"] == "policy").collect();
    assert!(policies.len() == 2 && policies.iter().all(|row| row.get("role").is_none()), "{policies:?}");
    for (row, session) in published.iter().zip(["AM", "PM"]) {
        assert_eq!((row["session"].as_str(), row["role"].as_str()), (Some(session), Some("operator")));
        assert_eq!(row["actor"], "00000000000000aa");
        // The name, and how many policy commands had been accepted before.
        assert_eq!(row["policy"], "jilin-2018 #2");
        assert_eq!((row["practitioner"].as_str(), row["department"].as_str()), (Some("WANG"), Some("CARD")));
    }
    let [green] = &rows(&["--actor", "00000000000000c0"])[..] else { panic!("the contact person is found") };
    assert_eq!((green["what"].as_str(), green["class"].as_str()), (Some("booked"), Some("green")));
    assert_eq!((green["channel"].as_str(), green["role"].as_str()), (Some("station"), Some("doctor")));
    assert_eq!((green["actor"].as_str(), green["reason"].as_u64()), (Some("0123456789abcdef"), Some(7)));
    assert_eq!(
        (green["at"].as_str(), green["policy"].as_str()),
        (Some("2026-03-09 09:00:00.000"), Some("jilin-2018"))
    );
    let held = rows(&["--patient", "5f0c6f0f6c1d4b7e9a3d2e1f00112233"])[0].clone();
    assert_eq!((held["channel"].as_str(), held["role"].as_str()), (Some("wechat"), Some("patient")));
    let [nowhere] = &rows(&["--code", "UNKNOWN_SESSION"])[..] else { panic!("what names nothing is traced") };
    assert_eq!(
        (nowhere["what"].as_str(), nowhere["session"].as_str()),
        (Some("book refused"), Some("EVENING"))
    );
    let fences = all.iter().filter(|row| row["what"] == "fence").count();
    assert!(fences > 0, "a tick tells of the fences that were passed");

    // The life of a seat, from its publishing on.
    let life = rows(&["--seat", "AM/0/0"]);
    let life: Vec<&str> =
        life.iter().map(|row| row["what"].as_str().unwrap()).filter(|what| *what != "fence").collect();
    assert_eq!(life[..3], ["published", "held", "expired"], "{life:?}");
}

#[test]
fn a_seat_is_followed_from_its_publishing_through_check_in_until_it_was_served() {
    let place = Place::new();
    let folder = place.path("served");
    let run = |name: &str, lines: &[&str]| -> Vec<Value> {
        let script = place.path(name);
        std::fs::write(&script, lines.join("\n")).unwrap();
        let told = ok(&["run", &script, "--journal", &folder, "--sync"]);
        told.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let patient = "5f0c6f0f6c1d4b7e9a3d2e1f00112277";
    let asked = format!(r#""patient":"{patient}""#);
    let mut lines = DAY[..4].to_vec();
    let hold = format!(
        r#"{{"command":"hold","at":"2026-03-03T07:00:00+08:00",{asked},"session":"AM","slot":0,"class":"public","channel":"app"}}"#
    );
    lines.push(&hold);
    let booking = run("held.jsonl", &lines).last().unwrap()["booking"].as_str().unwrap().to_owned();
    let mine = format!(r#"{asked},"booking":"{booking}""#);
    let confirm = format!(r#"{{"command":"confirm","at":"2026-03-03T07:01:00+08:00",{mine}}}"#);
    let arrive = format!(r#"{{"command":"check_in","at":"2026-03-10T07:50:00+08:00",{mine}}}"#);
    let call = r#"{"command":"call_next","at":"2026-03-10T08:00:00+08:00","session":"AM","room":1}"#;
    let told = run("called", &[&confirm, &arrive, call]);
    assert!(told.iter().all(|answer| answer["outcome"] == "done"), "{told:?}");
    let visit = &told[1]["visit"];
    let enter = format!(r#"{{"command":"enter","at":"2026-03-10T08:01:00+08:00","visit":{visit}}}"#);
    let finish = format!(r#"{{"command":"finish","at":"2026-03-10T08:15:00+08:00","visit":{visit}}}"#);
    let told = run("finished", &[&enter, &finish]);
    assert!(told.iter().all(|answer| answer["outcome"] == "done"), "{told:?}");

    let life = told_by(&folder, &["--seat", "AM/0/0"]);
    let words: Vec<&str> = life.iter().map(|row| row["what"].as_str().unwrap()).collect();
    let wanted =
        ["published", "held", "confirmed", "visited", "checked_in", "called", "entered", "freed", "attended"];
    assert_eq!(words, wanted);
    // The same of the booking, which nobody else has; and of the patient.
    let mine = told_by(&folder, &["--booking", &booking]);
    assert_eq!(mine, life[1..]);
    assert!(mine.iter().all(|row| row["patient"] == patient));
}

#[test]
fn sessions_that_are_over_are_retired_before_a_snapshot_and_stay_in_the_trace() {
    let place = Place::new();
    let folder = day(&place);
    let early = told(&["snapshot", &folder, "--json", "--retire", "2026-03-11"]);
    assert_eq!(early["retired"], 0, "the sessions of the tenth and eleventh are not over");
    let late = told(&["snapshot", &folder, "--json", "--retire", "2028-01-01"]);
    assert_eq!(late["retired"], 2);
    assert_ne!(late["state_hash"], early["state_hash"]);
    assert_eq!(told(&["recover", &folder, "--json"])["state_hash"], late["state_hash"]);
    let rows = told_by(&folder, &["--session", "AM"]);
    assert_eq!(
        (rows[0]["what"].as_str(), rows.last().unwrap()["what"].as_str()),
        (Some("published"), Some("retired"))
    );
    assert!(rows.iter().any(|row| row["what"] == "booked"));
    fails(&["snapshot", &folder, "--retire", "soon"], 2, "is no day or instant", "不是日期或时间");
}

fn told_by(folder: &str, filter: &[&str]) -> Vec<Value> {
    told(&[&["audit", folder, "--json"], filter].concat())["rows"].as_array().unwrap().clone()
}

/// Where each transition of a segment ends, with its block and sequence.
fn transitions(segment: &[u8]) -> Vec<(usize, u32, u32)> {
    let number = |at: usize| u32::from_le_bytes(segment[at..at + 4].try_into().unwrap());
    let (mut at, mut found) = (128, Vec::new());
    while at + 8 <= segment.len() {
        let (length, kind, flags) = (number(at + 4) as usize & 0xffff, segment[at + 6], segment[at + 7]);
        if flags == 128 {
            at += 64;
            continue;
        }
        let end = at + 8 + 8 * usize::from(flags & 1) + 8 * usize::from(flags & 2) + length;
        if kind == 1 {
            found.push((end, number(at + 8), number(at + 12)));
        }
        at = end;
    }
    found
}

/// What the salvage lists as missing is what the whole journal had and the new one has not.
#[test]
fn a_salvage_lists_exactly_what_is_missing() {
    let place = Place::new();
    let folder = morning(&place, true);
    let places = |folder: &str| -> std::collections::BTreeSet<(u64, u64)> {
        let all = told(&["audit", folder, "--json", "--from", "2000-01-01"]);
        let rows = all["rows"].as_array().unwrap().clone();
        rows.iter()
            .filter(|row| matches!(row["kind"].as_str(), Some("transition" | "expiry")))
            .filter_map(|row| Some((row["block"].as_u64()?, row["sequence"].as_u64()?)))
            .collect()
    };
    let records = |folder: &str| told(&["audit", folder, "--json"])["records"].as_u64().unwrap();
    let (whole, count) = (places(&folder), records(&folder));
    let segment = Path::new(&folder).join("00000001.hyj");
    let good = std::fs::read(&segment).unwrap();
    // The last byte of transitions that are not the last of their blocks.
    let transitions = transitions(&good);
    let followed = transitions.iter().filter(|(_, block, sequence)| {
        transitions.iter().any(|(_, other, later)| other == block && later > sequence)
    });
    let mut listed = 0;
    for (share, (end, block, sequence)) in followed.step_by(2).take(8).enumerate() {
        let mut bytes = good.clone();
        bytes[end - 1] ^= 0x10;
        std::fs::write(&segment, &bytes).unwrap();
        let saved = place.path(&format!("saved-{share}"));
        let salvaged = told(&["recover", &folder, "--salvage", &saved, "--json"]);
        let kept = salvaged["records"].as_u64().unwrap();
        assert_eq!(kept + salvaged["lost"].as_u64().unwrap(), count, "byte {end}: {salvaged}");
        assert_eq!(
            records(&saved),
            kept - told(&["audit", &saved, "--json"])["dangling"].as_array().unwrap().len() as u64
        );
        let mut missing = std::collections::BTreeSet::new();
        for gap in salvaged["missing"].as_array().unwrap() {
            assert!(gap["session"].is_string() && gap["slot"].is_u64(), "{gap}");
            let (first, last) = (gap["first"].as_u64().unwrap(), gap["last"].as_u64().unwrap());
            missing.extend((first..=last).map(|sequence| (gap["block"].as_u64().unwrap(), sequence)));
        }
        // A loss at the end of a block's history shows by the count alone.
        assert!(missing.is_subset(&whole), "byte {end}: {missing:?}");
        assert!(missing.contains(&(u64::from(*block), u64::from(*sequence))), "byte {end}: {missing:?}");
        listed += 1;
    }
    assert!(listed > 3, "the morning has too few transitions");
}

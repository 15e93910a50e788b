//! The month's report, from outside: a journal is written by commands, and the report counts what they did.

use serde_json::{Value, json};
use std::fmt::Write;
use std::fs;
use std::process::{Command, Output};

fn haoyuan(lang: &str, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_haoyuan")).args(["--lang", lang]).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[track_caller]
fn ok(args: &[&str]) -> String {
    let output = haoyuan("en", args);
    assert!(output.status.success(), "{args:?}: {}{}", text(&output.stdout), text(&output.stderr));
    text(&output.stdout)
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }

    fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.path(name), text).unwrap();
        self.path(name)
    }
}

fn patient(n: u32) -> String {
    format!("{:032x}", 0x5f0c_0000 + u128::from(n))
}

/// One expert session of 40 seats on 10 March under the policy of Jilin: 12 for referrals, 28 for the public. All of the
/// public's seats are asked for at the release by 30 people; four of the referrals come; one books after the fence.
fn commands() -> String {
    let mut lines = vec![
        json!({"command": "directory", "at": "2026-02-01T09:00:00+08:00", "entries": {
            "institution": [{"code": "SY1", "name": "省第一医院", "tier": "tertiary"},
                {"code": "XH", "name": "县医院", "tier": "secondary"}],
            "alliance": [{"code": "YLT", "name": "医联体", "members": ["SY1", "XH"]}],
            "department": [{"institution": "SY1", "code": "CARD", "name": "心内科"}],
            "practitioner": [{"code": "D-WANG", "name": "王医生", "sites": ["SY1"]}]}}),
        json!({"command": "policy", "at": "2026-02-01T09:00:00+08:00", "preset": "jilin-2018"}),
        json!({"command": "publish", "at": "2026-02-01T09:00:00+08:00", "session": {"code": "AM",
            "institution": "SY1", "department": "CARD", "practitioner": "D-WANG", "grade": "expert",
            "from": "2026-03-10T08:00:00+08:00", "to": "2026-03-10T12:00:00+08:00", "slot_minutes": 30,
            "seats": 5}}),
    ];
    for n in 0..4 {
        let (at, ticket) = ("2026-03-01T09:00:00+08:00", format!("{:x}", n + 1));
        lines.push(json!({"command": "ticket", "at": at, "patient": patient(n), "ticket": ticket,
            "class": "referral_secondary", "institution": "SY1", "issuer": "XH",
            "expires": "2026-03-30T00:00:00+08:00"}));
        lines.push(json!({"command": "book", "at": at, "patient": patient(n), "session": "AM", "slot": n,
            "class": "referral_secondary", "channel": "station", "ticket": ticket}));
    }
    for n in 0..30u32 {
        // Two of them too late for the five seconds, in the last slot, which has 5 seats and one reserved.
        let at = if n < 28 { "2026-03-03T07:00:01+08:00" } else { "2026-03-03T07:00:05+08:00" };
        let slot = n % 8;
        lines.push(json!({"command": "book", "at": at, "patient": patient(100 + n), "session": "AM",
            "slot": slot, "class": "public", "channel": if n % 2 == 0 { "app" } else { "phone" }}));
    }
    lines.push(json!({"command": "tick", "at": "2026-03-09T09:00:00+08:00"}));
    lines.push(json!({"command": "book", "at": "2026-03-09T09:00:00+08:00", "patient": patient(500),
        "session": "AM", "slot": 7, "class": "public", "channel": "web"}));
    lines.iter().fold(String::new(), |mut all, line| {
        let _ = writeln!(all, "{line}");
        all
    })
}

/// The journal, and the bookings in the order in which they were granted.
fn journal(place: &Place) -> (String, Vec<String>) {
    let script = place.write("commands.jsonl", &commands());
    let folder = place.path("journal");
    let answers = ok(&["run", &script, "--journal", &folder]);
    let answers = answers.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut bookings = Vec::new();
    for answer in answers {
        assert_ne!(answer["outcome"], "error", "{answer}");
        bookings.extend(answer["booking"].as_str().map(str::to_owned));
    }
    (folder, bookings)
}

fn report(folder: &str, more: &[&str]) -> Value {
    let args = [&["report", folder, "--month", "2026-03", "--institution", "SY1", "--json"], more].concat();
    serde_json::from_str::<Value>(&ok(&args)).unwrap()["institutions"][0].clone()
}

#[track_caller]
fn parts(report: &Value, measure: &str, of: &Value) -> (u64, u64, String) {
    let figures = report["figures"].as_array().unwrap();
    let figure = figures.iter().find(|f| f["measure"] == measure && f["of"] == *of).unwrap();
    let number = |key: &str| figure[key].as_u64().unwrap();
    (number("numerator"), number("denominator"), figure["verdict"].as_str().unwrap().to_owned())
}

#[track_caller]
fn check(report: &Value, measure: &str, of: &Value, numerator: u64, denominator: u64, verdict: &str) {
    assert_eq!(parts(report, measure, of), (numerator, denominator, verdict.to_owned()), "{measure}");
}

#[test]
fn reserves_denials_and_the_first_seconds_come_from_the_journal_alone() {
    let place = Place::new();
    let (folder, bookings) = journal(&place);
    let report = report(&folder, &[]);
    let pool = json!({"pool": "L2_TO_L3"});
    check(&report, "reserved", &pool, 12, 40, "pass");
    check(&report, "reserve_used", &pool, 4, 12, "not_judged");
    // 24 hours before the session what the referrals had not taken became the public's.
    check(&report, "reserve_released", &pool, 8, 12, "not_judged");
    let granted = bookings.len() as u64;
    let public = granted - 4;
    let asked = 31;
    check(&report, "denied", &json!({"class": "public"}), asked - public, asked, "not_judged");
    check(&report, "denied", &json!({"class": "referral_secondary"}), 0, 4, "not_judged");
    check(&report, "precision", &Value::Null, 1, 1, "pass");
    check(&report, "used", &Value::Null, granted, 40, "not_judged");
    // Nothing is known of the visits: no rate is made up.
    check(&report, "booking", &Value::Null, 0, 0, "not_applicable");
    check(&report, "no_show", &Value::Null, 0, 0, "not_applicable");
    let (at_once, all, _) = parts(&report, "first_seconds", &Value::Null);
    assert_eq!(all, granted);
    assert!(at_once < granted && at_once >= 24, "{at_once} of {all}");
}

#[test]
fn what_the_hospital_knows_of_visits_is_counted_and_corrections_are_versions() {
    let place = Place::new();
    let (folder, bookings) = journal(&place);
    let mut csv = "booking,outcome,recorded_at,checked_in_at,entered_at,revisit\n".to_owned();
    for (n, booking) in bookings.iter().enumerate() {
        let outcome = if n < 3 { "no_show" } else { "attended" };
        let there = if n < 3 { ("", "") } else { ("2026-03-10T07:50:00+08:00", "2026-03-10T12:10:00+08:00") };
        let _ = writeln!(
            csv,
            "{booking},{outcome},2026-03-10T13:00:00+08:00,{},{},{}",
            there.0,
            there.1,
            n % 2 == 0
        );
    }
    // One had been stopped by the hospital, as it turned out in April.
    let _ = writeln!(csv, "{},stopped,2026-04-02T09:00:00+08:00,,,", bookings[0]);
    let file = place.write("visits.csv", &csv);
    let walk_ins = "id,patient,institution,department,practitioner,kind,checked_in_at,outcome,recorded_at\n"
        .to_owned()
        + &(0..20).fold(String::new(), |mut all, n| {
            let kind = if n < 5 { "emergency" } else { "outpatient" };
            let _ = writeln!(
                all,
                "{n},{},SY1,CARD,D-WANG,{kind},2026-03-11T09:00:00+08:00,attended,2026-03-11T10:00:00+08:00",
                patient(900 + n)
            );
            all
        });
    let booked = bookings.len() as u64;
    let now = report(&folder, &["--visits", &file]);
    check(&now, "booking", &Value::Null, booked - 3, booked - 3, "pass");
    check(&now, "no_show", &Value::Null, 2, booked - 1, "not_judged");
    assert_eq!(now["version"], 2);
    let then = report(&folder, &["--visits", &file, "--as-of", "2026-03-31"]);
    check(&then, "no_show", &Value::Null, 3, booked, "not_judged");
    assert_eq!(then["version"], 1);
    let differs = now["versions"][0]["differs"].as_array().unwrap();
    let old = differs.iter().find(|f| f["measure"] == "no_show" && f["of"].is_null()).unwrap();
    assert_eq!((old["numerator"].as_u64(), old["denominator"].as_u64()), (Some(3), Some(booked)));

    // Visits without a booking of the journal are the denominator's; emergencies are nobody's.
    let file = place.write("walk-ins.csv", &walk_ins);
    let others = report(&folder, &["--visits", &file]);
    check(&others, "booking", &Value::Null, 0, 15, "fail");
    let figure = &others["figures"][0];
    assert_eq!(figure["excluded"]["emergency"], 5);
}

#[test]
fn files_are_written_and_the_page_and_the_table_speak_both_languages() {
    let place = Place::new();
    let (folder, _) = journal(&place);
    let (csv, html) = (place.path("figures.csv"), place.path("month.html"));
    let args = ["report", &folder, "--month", "2026-03", "--csv", &csv, "--html", &html];
    let english = ok(&args);
    assert!(english.contains("Reserve") && english.contains("month.html"), "{english}");
    let chinese = text(&haoyuan("zh", &args).stdout);
    assert!(chinese.contains("预留达标率") && chinese.contains("省第一医院"), "{chinese}");
    let page = fs::read_to_string(&html).unwrap();
    assert!(page.contains("预留达标率") && page.contains("Reserve") && page.ends_with("</html>\n"));
    let mut reader = csv::Reader::from_path(&csv).unwrap();
    assert!(reader.records().map(Result::unwrap).any(|row| &row[6] == "reserved" && &row[11] == "12"));
    // A district file: evenness is measured.
    let districts = (0..30).fold("patient,district,aged_65\n".to_owned(), |mut all, n| {
        let _ = writeln!(all, "{},{},{}", patient(100 + n), if n % 2 == 0 { "东区" } else { "西区" }, n < 10);
        all
    });
    let districts = place.write("districts.csv", &districts);
    let even = report(&folder, &["--districts", &districts]);
    assert_ne!(parts(&even, "district_evenness", &Value::Null).1, 0);
    let of = |of: Value| parts(&even, "denied", &of);
    let (all, east, west) =
        (of(json!({"class": "public"})), of(json!({"district": "东区"})), of(json!({"district": "西区"})));
    // The one who asked after the fence is in neither.
    assert_eq!((east.0 + west.0, east.1 + west.1), (all.0, all.1 - 1));
    let (old, young) = (of(json!({"aged_65": "true"})), of(json!({"aged_65": "false"})));
    assert_eq!((old.1, young.1, old.0 + young.0), (10, 20, all.0));
}

#[test]
fn wrong_input_is_told_where_it_stands_and_nothing_personal_is_repeated() {
    let place = Place::new();
    let (folder, _) = journal(&place);
    let fails = |args: &[&str], en: &str, zh: &str| {
        for (lang, part) in [("en", en), ("zh", zh)] {
            let output = haoyuan(lang, args);
            assert_eq!(output.status.code(), Some(2), "{args:?}");
            let told = text(&output.stderr);
            assert!(told.contains(part) && !told.contains("210102"), "{told}");
        }
    };
    let month = ["--month", "2026-03"];
    let with = |more: &[&str]| {
        let all: Vec<String> =
            ["report", &folder].iter().chain(&month).chain(more).map(ToString::to_string).collect();
        all
    };
    let check = |more: &[&str], en: &str, zh: &str| {
        let args = with(more);
        fails(&args.iter().map(String::as_str).collect::<Vec<_>>(), en, zh);
    };
    fails(&["report", &folder, "--month", "2026-3"], "2026-03", "2026-03");
    fails(&["report", &folder], "--month", "--month");
    check(&["--institution", "NOWHERE"], "NOWHERE", "NOWHERE");
    check(&["--as-of", "yesterday"], "yesterday", "既非");
    let file = |name: &str, text: &str| place.write(name, text);
    let bad = [
        ("a.csv", "booking,colour\n", "line 1, column 2"),
        ("b.csv", "booking,outcome\n21010219700101001X,attended\n", "line 2, column recorded_at"),
        (
            "c.csv",
            "booking,outcome,recorded_at\n210102197001010010,attended,2026-03-10T13:00:00+08:00\n",
            "column booking",
        ),
        ("d.csv", "patient,institution\n210102,SY1\n", "column department"),
        (
            "e.csv",
            "booking,outcome,recorded_at\n0000000000000001,came,2026-03-10T13:00:00+08:00\n",
            "column outcome",
        ),
    ];
    for (name, content, en) in bad {
        let path = file(name, content);
        check(&["--visits", &path], en, "应为");
    }
    let path = file("g.csv", &format!("patient,district,aged_65\n{},东区,72\n", patient(1)));
    check(&["--districts", &path], "65 and older", "65 岁及以上");
    let path = file("f.csv", "patient,district\n210102,东区\n");
    check(&["--districts", &path], "line 2", "第 2 行");
    let empty = place.path("empty");
    fs::create_dir(&empty).unwrap();
    fails(&["report", &empty, "--month", "2026-03"], "journal", "日志");
}

/// Counts of a simulated week that a machine's speed has no part in.
fn week(args: &[&str]) -> Value {
    let told = ok(&[&["day", "--patients", "600", "--seed", "7", "--json"], args].concat());
    serde_json::from_str(&told).unwrap()
}

#[test]
fn a_simulated_week_keeps_every_invariant_ends_in_a_report_and_is_the_same_again() {
    let place = Place::new();
    let (folder, page) = (place.path("week"), place.path("week.html"));
    let told = week(&["--journal", &folder, "--html", &page]);
    for (rule, broken) in told["violations"].as_object().unwrap() {
        assert_eq!(*broken, 0, "{rule}: {}", told["first"]);
    }
    assert_eq!(told["violations"].as_object().unwrap().len(), 9);
    for happened in
        ["booked", "cancelled", "no_shows", "checked_in", "walk_ins", "stopped_clinics", "corrections"]
    {
        assert_ne!(told["counts"][happened].as_u64().unwrap_or(0), 0, "{happened}: {}", told["counts"]);
    }
    let report = &told["report"]["institutions"][0];
    let (attended, _, _) = parts(report, "booking", &Value::Null);
    assert!(attended > 100, "{attended}");
    check(report, "reserved", &json!({"pool": "L2_TO_L3"}), 525, 1_750, "pass");
    // A no-show that was excused in April is a version.
    assert_eq!(report["version"], 2);
    assert!(fs::read_to_string(&page).unwrap().contains("模拟医院"));
    // The journal is one like any other: audited, reported, and not written to twice.
    ok(&["audit", &folder]);
    let again = self::report_of(&folder);
    assert_eq!(again["figures"], report["figures"]);
    let output = haoyuan("en", &["day", "--patients", "10", "--journal", &folder]);
    assert_eq!(output.status.code(), Some(2));
    let same = week(&[]);
    assert_eq!((&same["counts"], &same["checks"]), (&told["counts"], &told["checks"]));
    assert_eq!(same["report"]["institutions"][0]["figures"], report["figures"]);
}

fn report_of(folder: &str) -> Value {
    let told = ok(&["report", folder, "--month", "2026-03", "--json"]);
    serde_json::from_str::<Value>(&told).unwrap()["institutions"][0].clone()
}

/// At SY1 412 of 1,000 non-emergency visits are booked by commands, the others and the examinations come from the hospital's own
/// system: 81 of 100 prenatal revisits are booked, 97 of 200 other revisits, 234 of 700 first visits, 249 of 250 examinations of
/// inpatients; 50 emergencies are in no rate. SY2 published its sessions under a policy of its own, with slots of 40 minutes and shares
/// rounded to the nearest; the policy that it set right since judges them.
#[test]
fn scenario_11_from_commands_to_the_decimals_of_the_report() {
    let place = Place::new();
    let example =
        |end: &str| format!("{}/examples/run/scenario-11-month-report.{end}", env!("CARGO_MANIFEST_DIR"));
    let folder = place.path("journal");
    ok(&["run", &example("jsonl"), "--journal", &folder]);
    let visits = example("visits.csv");
    let args =
        ["report", &folder, "--month", "2026-03", "--as-of", "2026-04-01", "--visits", &visits, "--json"];
    let told: Value = serde_json::from_str(&ok(&args)).unwrap();
    let pool = json!({"pool": "L2_TO_L3"});
    let rows = [
        (0, "booking", &Value::Null, (412, 1_000), "41.2", "pass"),
        (0, "revisit", &Value::Null, (178, 300), "59.3", "fail"),
        (0, "prenatal_revisit", &Value::Null, (81, 100), "81.0", "pass"),
        (0, "inpatient_exam", &Value::Null, (249, 250), "99.6", "fail"),
        (0, "reserved", &pool, (12, 40), "30.0", "pass"),
        (0, "precision", &Value::Null, (2, 2), "100.0", "pass"),
        (1, "reserved", &pool, (11, 40), "27.5", "fail"),
        (1, "precision", &Value::Null, (0, 4), "0.0", "fail"),
    ];
    for (institution, measure, of, (numerator, denominator), reading, verdict) in rows {
        let report = &told["institutions"][institution];
        check(report, measure, of, numerator, denominator, verdict);
        let figures = report["figures"].as_array().unwrap();
        let figure = figures.iter().find(|f| f["measure"] == measure && f["of"] == *of).unwrap();
        assert_eq!(figure["reading"], reading, "{measure}");
    }
    // The table for people is the one beside the script, and has the same decimals.
    let table = ok(&args[..args.len() - 1]);
    assert_eq!(table, fs::read_to_string(example("expected.txt")).unwrap());
    for reading in ["41.2", "59.3", "81.0", "99.6", "30.0", "27.5"] {
        assert!(table.contains(reading), "{reading}: {table}");
    }
}

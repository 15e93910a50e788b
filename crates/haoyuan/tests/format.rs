//! The joined format does not drift: a journal that is checked in reads as it did, and this program still writes it.
//!
//! After a change that is meant to change what is written, keep the old journal: `git mv` its folder to `before-` and a word
//! for what changed, and write down a new one: `HAOYUAN_BLESS=1 cargo test -p haoyuan --test format`. What earlier versions
//! wrote is never written down anew.

mod common;

use common::{NAMES, at, doctor, patient, plan, publish_line, slot, synced, ticket, wish};
use haoyuan::ids::{IdempotencyKey, PatientKey, TicketId};
use haoyuan::instant::{DAY, HOUR, MINUTE};
use haoyuan::journal::sim::SimDisk;
use haoyuan::journal::{Access, Disk, From, Recovery, verify};
use haoyuan::policy::Policy;
use haoyuan::record::{Record, kind};
use haoyuan::request::{Settle, Standing, Wish};
use haoyuan::terms::Class;
use haoyuan::{Refusals, Registry, Trace, rebuild};
use std::path::PathBuf;
use std::sync::Arc;

const SEGMENT: &str = "00000001.hyj";

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

/// Every kind of record once or a few times, without threads, each in a group of its own; the state hash.
fn write_every_kind(disk: &SimDisk) -> String {
    let mut options = synced();
    options.journal.threads = false;
    options.refusals = Refusals::PerMinute;
    let registry = Registry::open_on(Arc::new(disk.clone()), options).unwrap();
    for line in NAMES {
        assert!(registry.execute(line).contains("done"));
    }
    assert!(registry.execute(&publish_line("W1", "D-WANG", 10, 5)).contains("done"));
    registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
    let session = registry.engine().find("session-0").unwrap();
    registry.by(&doctor()).issue_ticket(&ticket(1), at(-8 * DAY)).unwrap().durable().unwrap().unwrap();
    let referred = Wish {
        class: Class::ReferralSecondary,
        ticket: TicketId::new(1_001),
        key: IdempotencyKey::new(5),
        ..wish(1, slot(session, 0))
    };
    let held = registry.by(&doctor()).hold(&referred, at(-DAY)).unwrap().durable().unwrap().unwrap();
    registry.hold(&referred, at(-DAY + 1)).unwrap().durable().unwrap().unwrap();
    let settle = Settle { patient: patient(1), booking: held.booking, key: None };
    registry.confirm(&settle, at(-DAY + MINUTE)).unwrap().durable().unwrap().unwrap();
    let keyed = Settle { key: IdempotencyKey::new(6), ..settle };
    registry.confirm(&keyed, at(-DAY + 2 * MINUTE)).unwrap().durable().unwrap().unwrap();
    registry.hold(&wish(2, slot(session, 1)), at(-DAY)).unwrap().durable().unwrap().unwrap();
    let booked = registry.book(&wish(3, slot(session, 1)), at(-DAY)).unwrap().durable().unwrap().unwrap();
    // A keyed refusal belongs to the state; one without a key is counted.
    let full = Wish { key: IdempotencyKey::new(7), ..wish(4, slot(session, 1)) };
    assert!(registry.hold(&full, at(-DAY)).unwrap().durable().unwrap().is_err());
    assert!(registry.hold(&wish(5, slot(session, 1)), at(-DAY)).unwrap().durable().unwrap().is_err());
    let settle = Settle { patient: patient(3), booking: booked.booking, key: None };
    registry.cancel(&settle, at(-DAY + MINUTE)).unwrap().durable().unwrap().unwrap();
    registry.tick(at(-HOUR)).unwrap().durable().unwrap();
    let tree = registry.engine().tree(slot(session, 1)).unwrap();
    let smaller = tree.resized(2, tree.nodes().to_vec()).unwrap();
    registry.engine().resize(slot(session, 1), &smaller, at(-HOUR)).unwrap();
    // As the platform tells an event of the hospital's day: applied, and given to the trace.
    let event = r#"{"refused":{"command":"stop","code":301,"at":0}}"#;
    registry.platform().replay_day(1, event).unwrap();
    registry.engine().trace().day(1, event, Some(patient(3)), at(-HOUR));
    let hash = hex(&registry.state_hash());
    registry.close().unwrap();
    hash
}

/// What has more than one form: a roster of two sessions, claims that name nothing, a ticket that is refused.
fn write_other_forms(disk: &SimDisk) -> String {
    let mut options = synced();
    options.journal.threads = false;
    let registry = Registry::open_on(Arc::new(disk.clone()), options).unwrap();
    for line in NAMES {
        assert!(registry.execute(line).contains("done"));
    }
    let rows = ["2026-04-20,08:00,12:00,专家号,30,5,A", "2026-04-21,08:00,12:00,专家号,30,7,B"];
    let csv = rows.map(|row| format!("SY1,CARD,D-WANG,{row}")).join("\\n");
    let head = "机构,科室,医生,日期,开始,结束,号别,时段分钟,每时段号数,班次编号";
    let roster = format!(r#"{{"command":"roster","at":"2026-02-01T09:00:00+08:00","csv":"{head}\n{csv}"}}"#);
    let answer = registry.execute(&roster);
    assert!(answer.contains(r#""sessions":2"#), "{answer}");
    for (session, slot) in [("NOWHERE", "3"), ("A", "\"2026-04-20T08:01:00+08:00\"")] {
        let line = format!(
            r#"{{"command":"book","at":"2026-04-15T09:00:00+08:00","patient":"5f0c6f0f6c1d4b7e9a3d2e1f00112233",
            "session":"{session}","slot":{slot},"class":"public","channel":"app","key":"7"}}"#
        );
        assert!(registry.execute(&line).contains("refused"));
    }
    let void = haoyuan::request::Ticket { expires: at(-20 * DAY), ..ticket(1) };
    assert!(registry.by(&doctor()).issue_ticket(&void, at(-8 * DAY)).unwrap().durable().unwrap().is_err());
    let hash = hex(&registry.state_hash());
    registry.close().unwrap();
    hash
}

/// The journal in this folder is the one that is written now, and reads as it did.
#[track_caller]
fn is_still(folder: &str, written: &SimDisk, hash: &str) -> haoyuan::Rebuilt {
    let bytes = written.contents(SEGMENT).unwrap();
    let (segment, state) = (golden(folder).join(SEGMENT), golden(folder).join("state_hash.txt"));
    if std::env::var_os("HAOYUAN_BLESS").is_some() {
        std::fs::create_dir_all(golden(folder)).unwrap();
        std::fs::write(&segment, &bytes).unwrap();
        std::fs::write(&state, format!("{hash}\n")).unwrap();
    }
    let known = std::fs::read(segment).unwrap();
    assert!(known == bytes, "this program writes another journal than it did");
    let old = SimDisk::new(2);
    old.place(SEGMENT, &known);
    let old: Arc<dyn Disk> = Arc::new(old);
    let rebuilt = rebuild(&old, From::Start, Access::Read, None, &Refusals::All).unwrap();
    assert_eq!(hex(&rebuilt.platform().state_hash()), std::fs::read_to_string(state).unwrap().trim());
    rebuilt
}

#[test]
fn the_golden_journal_of_the_other_forms_is_written_and_read_as_it_was() {
    let disk = SimDisk::new(1);
    let hash = write_other_forms(&disk);
    let rebuilt = is_still("other-forms", &disk, &hash);
    assert_eq!(rebuilt.platform().engine().session_count(), 2);
    let mut recovery = Recovery::begin(Arc::new(disk), From::Start, Access::Read).unwrap();
    let (mut unnamed, mut tickets) = (0, 0);
    while let Some(recovered) = recovery.next().unwrap() {
        match Record::decode(recovered.entry).unwrap() {
            Record::Unnamed { .. } => unnamed += 1,
            Record::TicketRefused { .. } => tickets += 1,
            _ => {}
        }
    }
    assert_eq!((unnamed, tickets), (2, 1));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

#[test]
fn the_golden_journal_is_written_and_read_as_it_was() {
    let disk = SimDisk::new(1);
    let hash = write_every_kind(&disk);
    let rebuilt = is_still("", &disk, &hash);
    // A retirement would leave nothing of the state; it has a golden journal of its own.
    for (word, count) in kind::WORDS.iter().zip(rebuilt.kinds).filter(|(word, _)| **word != "retired") {
        assert!(count > 0, "the golden journal has no `{word}`");
    }
}

#[test]
fn the_golden_journal_of_a_retirement_is_written_and_read_as_it_was() {
    let disk = SimDisk::new(1);
    let mut options = synced();
    options.journal.threads = false;
    let registry = Registry::open_on(Arc::new(disk.clone()), options).unwrap();
    for number in [0, 3] {
        registry.publish(&plan(number), at(-9 * DAY)).unwrap().durable().unwrap();
    }
    for code in ["session-0", "session-3"] {
        let session = registry.engine().find(code).unwrap();
        registry.book(&wish(1, slot(session, 0)), at(-DAY)).unwrap().durable().unwrap().unwrap();
    }
    assert_eq!(registry.by(&doctor()).retire(at(3 * DAY)).unwrap().durable().unwrap(), 1);
    let hash = hex(&registry.state_hash());
    registry.close().unwrap();
    let rebuilt = is_still("retired", &disk, &hash);
    assert_eq!(rebuilt.kinds[usize::from(kind::RETIRED) - 1], 1);
    assert!(rebuilt.platform().engine().find("session-0").is_none());
}

#[test]
fn journals_of_earlier_versions_open_with_the_state_they_had_and_go_on() {
    let folders = std::fs::read_dir(golden("")).unwrap().map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for folder in folders.filter(|path| path.is_dir()) {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("before-") {
            continue;
        }
        let disk = SimDisk::new(4);
        disk.place(SEGMENT, &std::fs::read(folder.join(SEGMENT)).unwrap());
        let disk: Arc<dyn Disk> = Arc::new(disk);
        let registry = Registry::open_on(Arc::clone(&disk), synced())
            .unwrap_or_else(|error| panic!("the journal `{name}` no longer opens: {error}"));
        let was = std::fs::read_to_string(folder.join("state_hash.txt")).unwrap();
        assert_eq!(hex(&registry.state_hash()), was.trim(), "`{name}` opens to another state");
        assert!(
            registry
                .execute(r#"{"command":"audit","at":"2026-05-01T09:00:00+08:00"}"#)
                .contains(r#""sound":true"#)
        );
        // By the policy that was set then: a session of today.
        let answer = registry.execute(&publish_line("AFTER", "D-WANG", 24, 5));
        assert!(answer.contains(r#""outcome":"done""#), "`{name}`: {answer}");
        let session = registry.engine().find("AFTER").unwrap();
        registry.book(&wish(90, slot(session, 0)), at(52 * DAY)).unwrap().durable().unwrap().unwrap();
        let hash = registry.state_hash();
        registry.close().unwrap();
        let rebuilt = rebuild(&disk, From::Start, Access::Read, None, &Refusals::All).unwrap();
        assert_eq!(rebuilt.platform().state_hash(), hash, "`{name}` does not go on");
        found.push(name);
    }
    assert!(found.len() >= 4, "earlier journals are missing: there are {found:?}");
}

#[test]
fn a_policy_that_was_set_stays_as_it_was_when_a_later_version_changes_its_preset() {
    let disk = SimDisk::new(5);
    let mut options = synced();
    options.journal.threads = false;
    let registry = Registry::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
    assert!(registry.execute(NAMES[0]).contains("done"));
    // As an earlier version recorded it, whose preset held a seat for 7 minutes, and had a base that is there no more.
    let set = r#"{"command":"policy","at":"2026-02-01T09:00:00+08:00","institution":"SY1","preset":"jilin-2018","presets":
        {"jilin-2018":"name = \"jilin-2018\"\nextends = \"gone\"\n[hold]\nall = \"7min\"\n","gone":DEFAULT}}"#;
    let default = serde_json::to_string(Policy::preset_text("default").unwrap()).unwrap();
    registry.platform().replay_command(&set.replace("DEFAULT", &default)).unwrap();
    assert!(registry.execute(&publish_line("W1", "D-WANG", 10, 5)).contains("done"));
    assert_eq!(held_minutes(&registry, "W1", 1), 7);
    registry.close().unwrap();
    // From the journal, and from a snapshot.
    for (code, day) in [("W2", 11), ("W3", 12)] {
        let mut registry = Registry::open_on(Arc::new(disk.clone()), options.clone()).unwrap();
        assert!(registry.execute(&publish_line(code, "D-WANG", day, 5)).contains("done"));
        assert_eq!(held_minutes(&registry, code, u64::from(day)), 7);
        registry.snapshot().unwrap();
        registry.close().unwrap();
    }
    // Nobody sets presets from outside.
    let registry = Registry::open_on(Arc::new(disk), options).unwrap();
    assert!(registry.execute(&set.replace("DEFAULT", &default)).contains(r#""outcome":"error""#));
    registry.close().unwrap();
}

/// For how long a seat of this session is held, minutes.
fn held_minutes(registry: &Registry, code: &str, number: u64) -> i64 {
    let session = registry.engine().find(code).unwrap();
    let grant =
        registry.hold(&wish(number, slot(session, 0)), at(37 * DAY)).unwrap().durable().unwrap().unwrap();
    let Standing::HeldUntil(expires) = grant.standing else { panic!("it is booked at once: {grant:?}") };
    (expires.ms() - at(37 * DAY).ms()) / MINUTE
}

#[test]
fn erasing_one_mapping_leaves_a_trace_that_verifies_and_names_nobody() {
    // The host's side: a secret per patient, and a keyed hash of the identity number under it. Any keyed hash will do.
    let mapping = |person: &str, secret: u64| {
        let mut key = u128::from(secret) << 64 | 0x9e37;
        for byte in person.bytes() {
            key = (key ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        }
        PatientKey::new(key).unwrap()
    };
    let person = "210102199001011234";
    let mut secrets = std::collections::HashMap::from([(person, 0x5ec2_e700_0000_0001_u64)]);
    let disk = SimDisk::new(3);
    let registry = Registry::open_on(Arc::new(disk.clone()), synced()).unwrap();
    registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
    let session = registry.engine().find("session-0").unwrap();
    let patient = mapping(person, secrets[person]);
    let asked = Wish { patient, ..wish(0, slot(session, 0)) };
    registry.book(&asked, at(-DAY)).unwrap().durable().unwrap().unwrap();
    registry.close().unwrap();
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let before = verify(&shared, &[], |_| ()).unwrap();

    // Erased: the mapping goes, the journal stays.
    secrets.remove(person);

    let after = verify(&shared, &before.heads, |_| ()).unwrap();
    assert_eq!(after.heads, before.heads, "the chain is the one whose heads were deposited");
    let bytes = disk.contents(SEGMENT).unwrap();
    let contains = |needle: &[u8]| bytes.windows(needle.len()).any(|window| window == needle);
    assert!(!contains(person.as_bytes()), "the person was never in it");
    assert!(!contains(&0x5ec2_e700_0000_0001_u64.to_le_bytes()), "nor was the secret");
    // The booking still counts; whose it is, nobody can work out: without the secret the number is no one's.
    let mut recovery = Recovery::begin(shared, From::Start, Access::Read).unwrap();
    let mut owners = Vec::new();
    while let Some(recovered) = recovery.next().unwrap() {
        if let Record::Transition(transition) = Record::decode(recovered.entry).unwrap() {
            owners.push(transition.patient);
        }
    }
    assert_eq!(owners, [patient]);
    assert!(!secrets.contains_key(person) && (1..1_000).all(|guess| mapping(person, guess) != patient));
}

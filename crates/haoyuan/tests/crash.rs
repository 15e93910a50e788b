//! What a crash may take away, and what it must not: rosters, holds that ran out, claims that name nothing.

mod common;

use common::{NAMES, at, patient, plan, slot, synced, wish};
use haoyuan::ids::IdempotencyKey;
use haoyuan::instant::{DAY, HOUR, Instant, MINUTE};
use haoyuan::journal::sim::{Faults, SimDisk, Survival};
use haoyuan::journal::{Access, Disk, From, Journal, Recovery};
use haoyuan::record::{Record, kind};
use haoyuan::refusal::Code;
use haoyuan::request::{Settle, Ticket, Wish};
use haoyuan::terms::Class;
use haoyuan::{Limits, Options, Refusals, Registry, rebuild};
use std::fmt::Write;
use std::sync::Arc;

const SESSIONS: u32 = 4;
const ROOM: Limits =
    Limits { blocks: 4_000, seats: 30_000, sessions: 8, shapes: 4_000, patients: 64, entries: 64 };

/// A roster of sessions whose batch is longer than one part.
fn roster() -> String {
    let mut rows = String::from("机构,科室,医生,日期,开始,结束,号别,时段分钟,每时段号数,班次编号\\n");
    for number in 0..SESSIONS {
        // Every session has other minima in every slot, so that its plan is long.
        let (day, minutes) = (number + 10, [2, 3][number as usize % 2]);
        write!(rows, "SY1,CARD,D-WANG,2026-04-{day:02},00:00,24:00,专家号,{minutes},7,R{number}\\n").unwrap();
    }
    format!(r#"{{"command":"roster","at":"2026-02-01T09:00:00+08:00","csv":"{rows}"}}"#)
}

fn named(disk: &SimDisk, options: Options) -> Registry {
    let registry = Registry::open_on(Arc::new(disk.clone()), options).unwrap();
    for line in NAMES {
        assert!(registry.execute(line).contains(r#""outcome":"done""#));
    }
    registry
}

/// One record a group, one group a sync: a power failure may fall between any two of them.
fn one_by_one() -> Options {
    let mut options = Options { limits: Some(ROOM), ..synced() };
    options.journal.threads = false;
    options.journal.group_bytes = 1;
    options
}

fn found(disk: &SimDisk) -> u32 {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let rebuilt = rebuild(&disk, From::Start, Access::Read, Some(ROOM), &Refusals::All).unwrap();
    rebuilt.platform().engine().session_count()
}

/// A roster used to be written session by session: a crash in the middle left the first of them published, and giving
/// the command again was refused because they were there.
#[test]
fn a_roster_is_published_whole_or_not_at_all_wherever_the_power_fails() {
    let disk = SimDisk::new(1);
    let registry = named(&disk, one_by_one());
    disk.set_faults(Faults::default());
    let before = registry.journal().unwrap().stats().records;
    let answer = registry.execute(&roster());
    assert!(answer.contains(r#""sessions":4"#), "{answer}");
    let parts = registry.journal().unwrap().stats().records - before;
    assert!(parts >= 3, "a roster of {parts} parts has no middle");
    let (operations, ..) = disk.operations();
    drop(registry);
    let (mut none, mut all) = (0, 0);
    for crash_at in 1..=operations {
        let disk = SimDisk::new(2);
        let registry = named(&disk, one_by_one());
        disk.set_faults(Faults { crash_at: Some(crash_at), ..Faults::default() });
        let acknowledged = registry.execute(&roster()).contains(r#""outcome":"done""#);
        for survival in [Survival::Everything, Survival::Some(crash_at)] {
            let after = disk.crash(survival);
            match found(&after) {
                0 if !acknowledged => none += 1,
                SESSIONS => all += 1,
                count => {
                    panic!("{count} sessions, acknowledged: {acknowledged}, stopped at operation {crash_at}")
                }
            }
            if crash_at % 4 == 0 && found(&after) == 0 {
                // The command can be given again.
                let registry = Registry::open_on(Arc::new(after.clone()), one_by_one()).unwrap();
                let answer = registry.execute(&roster());
                assert!(answer.contains(r#""sessions":4"#), "{answer}");
                registry.close().unwrap();
                assert_eq!(found(&after), SESSIONS);
            }
        }
    }
    assert!(none > 3 && all > 0, "{none} times nothing, {all} times all");
}

/// The journal of a registry without the records of one kind: what a crash leaves when these were still held back.
fn without(disk: &SimDisk, left_out: u8) -> SimDisk {
    let copy = SimDisk::new(3);
    let journal = Journal::open(Arc::new(copy.clone()), synced().journal).unwrap();
    let mut recovery = Recovery::begin(Arc::new(disk.clone()), From::Start, Access::Read).unwrap();
    while let Some(recovered) = recovery.next().unwrap() {
        if recovered.entry.kind != left_out {
            let _ = journal.append(recovered.entry.to_owned());
        }
    }
    journal.close().unwrap();
    copy
}

/// Somebody's hold runs out; later the same patient books elsewhere, which sweeps it. The expiry has the order of its
/// block and not of its patient: in a crash it may be lost although the booking is there. A confirmation that carries an
/// instant before the end of the hold used to find it alive, and the patient had both.
#[test]
fn a_hold_that_a_durable_claim_has_looked_past_stays_dead_even_if_its_expiry_is_lost() {
    let disk = SimDisk::new(4);
    let registry = Registry::open_on(Arc::new(disk.clone()), synced()).unwrap();
    for number in 0..2 {
        registry.publish(&plan(number), at(-9 * DAY)).unwrap().durable().unwrap();
    }
    let place = |number: u32| registry.engine().find(&format!("session-{number}")).unwrap();
    let (first, second) = (slot(place(0), 0), slot(place(1), 0));
    let ten = at(-DAY + 2 * HOUR);
    let held = registry.hold(&wish(1, first), ten).unwrap().durable().unwrap().unwrap();
    let later = ten.plus(20 * MINUTE);
    registry.book(&wish(1, second), later).unwrap().durable().unwrap().unwrap();
    let confirm = |registry: &Registry, at: Instant| {
        let settle = Settle { patient: patient(1), booking: held.booking, key: None };
        let refusal = registry.confirm(&settle, at).unwrap().durable().unwrap().expect_err("it is dead");
        // An ended hold may be forgotten.
        assert!([Code::HoldExpired, Code::UnknownBooking].contains(&refusal.code), "{refusal:?}");
    };
    let earlier = ten.plus(14 * MINUTE);
    confirm(&registry, earlier);
    let live = registry.state_hash();
    registry.close().unwrap();

    let crashed = without(&disk, kind::EXPIRY);
    let shared: Arc<dyn Disk> = Arc::new(crashed.clone());
    // What is durable has the hold, unswept...
    let rebuilt =
        rebuild(&shared, From::Start, Access::Read, Some(common::limits()), &Refusals::All).unwrap();
    assert_eq!(rebuilt.kinds[usize::from(kind::EXPIRY) - 1], 0);
    assert_ne!(rebuilt.platform().state_hash(), live);
    // ...and whoever opens it to go on knows that it is dead, and writes that down.
    for _ in 0..2 {
        let again = Registry::open_on(Arc::clone(&shared), synced()).unwrap();
        confirm(&again, earlier);
        assert_eq!(again.state_hash(), live, "as if the crash had not been");
        again.close().unwrap();
        let rebuilt =
            rebuild(&shared, From::Start, Access::Read, Some(common::limits()), &Refusals::All).unwrap();
        assert_eq!(rebuilt.kinds[usize::from(kind::EXPIRY) - 1], 1, "once, however often it is opened");
        assert_eq!(rebuilt.platform().state_hash(), live);
    }
}

/// The other side: a hold that nobody has looked past is left to its own instant.
#[test]
fn a_hold_that_no_claim_of_its_patient_has_looked_past_is_left_alone() {
    let disk = SimDisk::new(5);
    let registry = Registry::open_on(Arc::new(disk.clone()), synced()).unwrap();
    for number in 0..2 {
        registry.publish(&plan(number), at(-9 * DAY)).unwrap().durable().unwrap();
    }
    let place = |number: u32| registry.engine().find(&format!("session-{number}")).unwrap();
    let ten = at(-DAY + 2 * HOUR);
    let held = registry.hold(&wish(1, slot(place(0), 0)), ten).unwrap().durable().unwrap().unwrap();
    // Somebody else's booking, after the end of the hold, elsewhere.
    registry.book(&wish(2, slot(place(1), 0)), ten.plus(HOUR)).unwrap().durable().unwrap().unwrap();
    let live = registry.state_hash();
    registry.close().unwrap();
    let again = Registry::open_on(Arc::new(disk), synced()).unwrap();
    assert_eq!(again.state_hash(), live);
    let settle = Settle { patient: patient(1), booking: held.booking, key: None };
    assert!(again.confirm(&settle, ten.plus(14 * MINUTE)).unwrap().durable().unwrap().is_ok());
}

fn hold_line(session: &str, slot: &str) -> String {
    format!(
        r#"{{"command":"hold","at":"2026-02-25T09:00:00+08:00","patient":"5f0c6f0f6c1d4b7e9a3d2e1f00112233",
            "session":"{session}","slot":{slot},"class":"public","channel":"app","key":"77",
            "actor":{{"role":"clerk","id":"0123456789abcdef"}}}}"#
    )
}

/// A refusal that needs no engine used to leave no trace.
#[test]
fn claims_that_name_no_session_or_slot_are_traced_without_what_may_be_a_person() {
    let asked = [
        ("NO-SUCH-SESSION", "0", "UNKNOWN_SESSION", "NO-SUCH-SESSION"),
        ("张三", "0", "UNKNOWN_SESSION", ""),
        ("210102199001011234", "0", "UNKNOWN_SESSION", ""),
        ("13800138000", "0", "UNKNOWN_SESSION", ""),
        ("zhang san", "0", "UNKNOWN_SESSION", ""),
        ("session-0", "70000", "UNKNOWN_SLOT", "session-0"),
        ("session-0", "\"2026-03-02T08:01:00+08:00\"", "UNKNOWN_SLOT", "session-0"),
    ];
    let run = |refusals: Refusals| {
        let disk = SimDisk::new(6);
        let registry = Registry::open_on(Arc::new(disk.clone()), Options { refusals, ..synced() }).unwrap();
        registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
        // A ticket of a class that needs none, and one that is void: refused, and traced as well.
        let void = Ticket { expires: at(-20 * DAY), ..common::ticket(1) };
        let needless = Ticket { class: Class::Public, ..common::ticket(1) };
        for ticket in [void, needless] {
            assert!(
                registry.by(&common::doctor()).issue_ticket(&ticket, at(-9 * DAY)).unwrap().answer.is_err()
            );
        }
        for (session, slot, code, _) in asked {
            let answer = registry.execute(&hold_line(session, slot));
            assert!(answer.contains(code), "{answer}");
        }
        let live = registry.state_hash();
        registry.close().unwrap();
        let again = Registry::open_on(Arc::new(disk.clone()), synced()).unwrap();
        assert_eq!(again.state_hash(), live);
        again.close().unwrap();
        let mut recovery = Recovery::begin(Arc::new(disk.clone()), From::Start, Access::Read).unwrap();
        let (mut told, mut counted) = (Vec::new(), 0);
        while let Some(recovered) = recovery.next().unwrap() {
            match Record::decode(recovered.entry).unwrap() {
                Record::Unnamed { claim, actor, .. } => {
                    assert_eq!(actor.id.unwrap().get(), 0x0123_4567_89ab_cdef);
                    assert_eq!((claim.key.unwrap().get(), claim.book), (0x77, false));
                    told.push((claim.code.text().to_owned(), claim.session.to_owned()));
                }
                Record::TicketRefused { actor, ticket, code, .. } => {
                    assert_eq!((actor, ticket.id), (common::doctor(), common::ticket(1).id));
                    told.push((code.text().to_owned(), String::new()));
                }
                Record::RefusedCount { count, .. } => counted += count,
                _ => {}
            }
        }
        let bytes = disk.contents("00000001.hyj").unwrap();
        for person in ["张三", "210102199001011234", "13800138000", "zhang"] {
            assert!(!bytes.windows(person.len()).any(|window| window == person.as_bytes()), "{person}");
        }
        (told, counted)
    };
    let tickets = ["TICKET_EXPIRED", "TICKET_MISMATCH"].map(|code| (code.to_owned(), String::new()));
    let named = asked.iter().map(|(_, _, code, kept)| ((*code).to_owned(), (*kept).to_owned()));
    let all: Vec<_> = tickets.into_iter().chain(named).collect();
    assert_eq!(run(Refusals::All), (all.clone(), 0));
    assert_eq!(run(Refusals::ByReason(vec![Code::UnknownSlot])), (all[7..].to_vec(), 0));
    assert_eq!(run(Refusals::PerMinute), (Vec::new(), 9));
    assert_eq!(run(Refusals::None), (Vec::new(), 0));
}

/// Somebody is refused under a key and does not wait; asks again under the key, is refused as before, and waits for the disk. That
/// answer used to come without a record of its own, so there was nothing to wait for: a power failure forgot the first
/// refusal although the second had been acknowledged, and the same command was then granted. Found by the simulator.
#[test]
fn a_refusal_that_was_given_again_and_acknowledged_is_remembered_after_a_power_failure() {
    let disk = SimDisk::new(8);
    let options = || {
        let mut options = synced();
        options.journal.threads = false;
        options
    };
    let registry = Registry::open_on(Arc::new(disk.clone()), options()).unwrap();
    registry.publish(&plan(0), at(-9 * DAY)).unwrap().durable().unwrap();
    let place = slot(registry.engine().find("session-0").unwrap(), 0);
    let ten = at(-DAY + 2 * HOUR);
    let taken: Vec<_> = (1..=2)
        .map(|number| registry.book(&wish(number, place), ten).unwrap().durable().unwrap().unwrap())
        .collect();
    let keyed = Wish { key: IdempotencyKey::new(77), ..wish(3, place) };
    let first = registry.hold(&keyed, ten).unwrap();
    let refused = first.answer.unwrap_err();
    let again = registry.hold(&keyed, ten).unwrap();
    assert_eq!(again.answer, Err(refused));
    again.ack.wait().unwrap();
    let live = registry.state_hash();
    let after = disk.crash(Survival::Nothing);
    drop(registry);
    let registry = Registry::open_on(Arc::new(after), options()).unwrap();
    assert_eq!(registry.state_hash(), live, "once remembered, however often it was told");
    let settle = Settle { patient: patient(1), booking: taken[0].booking, key: None };
    assert!(registry.cancel(&settle, ten).unwrap().durable().unwrap().is_ok());
    assert_eq!(registry.hold(&keyed, ten).unwrap().durable().unwrap(), Err(refused));
}

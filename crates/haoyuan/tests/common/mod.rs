//! A small hospital, and mornings drawn from a seed.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    reason = "each test file uses its part of the common ground"
)]

use haoyuan::ids::{
    DepartmentId, IdempotencyKey, InstitutionId, Interval, NodeIndex, PatientKey, PractitionerId, SessionId,
    SlotIndex, SlotRef, TicketId,
};
use haoyuan::instant::{DAY, HOUR, Instant};
use haoyuan::plan::{Blocks, Plan, Session};
use haoyuan::pool::{Fence, Node, PoolTree, Route, Routes};
use haoyuan::request::{Settle, Ticket, Wish};
use haoyuan::rules::Rules;
use haoyuan::terms::{Channel, Class, Grade, Kind};
use haoyuan::{Actor, Durability, Limits, Options, Registry, Role};
use std::num::{NonZeroU16, NonZeroU64};
use std::time::Duration;

/// 2026-03-02T08:00:00+08:00.
pub const EIGHT: i64 = 1_772_409_600_000;

pub fn at(ms: i64) -> Instant {
    Instant::new(EIGHT + ms).unwrap()
}

pub fn limits() -> Limits {
    Limits { blocks: 256, seats: 2_000, sessions: 64, shapes: 64, patients: 4_000, entries: 20_000 }
}

/// Two slots of three seats; a referral reserve of one a slot that falls at 07:00 of the day.
pub fn plan(number: u32) -> Plan {
    let node = |n| NodeIndex::new(n).unwrap();
    let mut routes = Routes::default();
    routes.set_all(Class::Public, Route::one(node(2)));
    routes.set_all(Class::ReferralSecondary, Route::two(node(1), node(2)));
    let fences = vec![Fence { from: 7 * HOUR, seats: 0 }];
    let nodes = vec![
        Node::plain("ROOT", NodeIndex::ROOT),
        Node { guarantee: 1, fences, ..Node::plain("REFERRAL", NodeIndex::ROOT) },
        Node::plain("PUBLIC", NodeIndex::ROOT),
    ];
    let tree = PoolTree::new(3, nodes, routes).unwrap();
    let from = at(i64::from(number % 8) * DAY + i64::from(number / 8) * HOUR);
    let session = Session {
        code: format!("session-{number}"),
        institution: InstitutionId::new(1).unwrap(),
        department: DepartmentId::new(number).unwrap(),
        practitioner: PractitionerId::new(number).unwrap(),
        grade: Grade::Expert,
        kind: Kind::Clinic,
        time: Interval { from, to: from.plus(HOUR) },
        slot_ms: 1_800_000,
        capacity: vec![3, 3],
    };
    Plan { session, blocks: Blocks::PerSlot(vec![tree.clone(), tree]), rules: Rules::default() }
}

pub fn patient(number: u64) -> PatientKey {
    PatientKey::new(0x5eed_0000_0000_0000_0000_0000_0000_0000 | u128::from(number + 1)).unwrap()
}

pub fn slot(session: SessionId, slot: u16) -> SlotRef {
    SlotRef { session, slot: SlotIndex::new(slot).unwrap() }
}

pub fn wish(number: u64, slot: SlotRef) -> Wish {
    Wish {
        patient: patient(number),
        slot,
        class: Class::Public,
        channel: Channel::App,
        ticket: None,
        key: None,
    }
}

pub fn ticket(number: u64) -> Ticket {
    Ticket {
        id: TicketId::new(u128::from(number) + 1_000).unwrap(),
        patient: patient(number),
        class: Class::ReferralSecondary,
        institution: InstitutionId::new(1).unwrap(),
        department: None,
        expires: at(30 * DAY),
    }
}

pub fn doctor() -> Actor {
    Actor {
        role: Role::Doctor,
        id: NonZeroU64::new(0xd0c),
        contact: NonZeroU64::new(0xc0),
        reason: NonZeroU16::new(17),
    }
}

pub fn synced() -> Options {
    options(Durability::Synced { max_delay: Duration::from_millis(1) })
}

pub fn queued() -> Options {
    options(Durability::Async { window: Duration::from_millis(20), records: 4_096 })
}

fn options(durability: Durability) -> Options {
    let mut options = Options { durability, limits: Some(limits()), ..Options::default() };
    options.journal.preallocate = 64 << 10;
    options
}

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

pub const NAMES: [&str; 2] = [
    r#"{"command":"directory","at":"2026-02-01T09:00:00+08:00","actor":{"role":"operator","id":"00000000000000aa"},
        "entries":{"institution":[{"code":"SY1","name":"省第一医院","tier":"tertiary"}],
        "department":[{"institution":"SY1","code":"CARD","name":"心内科"}],
        "practitioner":[{"code":"D-WANG","name":"王医生","sites":["SY1"]},{"code":"D-LI","name":"李医生","sites":["SY1"]}]}}"#,
    r#"{"command":"policy","at":"2026-02-01T09:00:00+08:00","institution":"SY1","preset":"jilin-2018"}"#,
];

pub fn publish_line(code: &str, practitioner: &str, day: u32, seats: u8) -> String {
    format!(
        r#"{{"command":"publish","at":"2026-02-01T09:00:00+08:00","session":{{"code":"{code}","institution":"SY1",
        "department":"CARD","practitioner":"{practitioner}","grade":"expert","from":"2026-04-{day:02}T08:00:00+08:00",
        "to":"2026-04-{day:02}T12:00:00+08:00","slot_minutes":30,"seats":{seats}}}}}"#
    )
}

/// Names, sessions and tickets: everything but decisions.
pub fn prepare(registry: &Registry) {
    for line in NAMES {
        let answer = registry.execute(line);
        assert!(answer.contains(r#""outcome":"done""#), "{answer}");
    }
    for number in 0..6 {
        assert!(registry.publish(&plan(number), at(-9 * DAY)).unwrap().durable().is_ok());
    }
    for (code, practitioner, day, seats) in [("W1", "D-WANG", 10, 5), ("L1", "D-LI", 10, 7)] {
        let answer = registry.execute(&publish_line(code, practitioner, day, seats));
        assert!(answer.contains(r#""outcome":"done""#), "{answer}");
    }
    for number in 0..40 {
        let decided = registry.by(&doctor()).issue_ticket(&ticket(number), at(-8 * DAY)).unwrap();
        decided.durable().unwrap().unwrap();
    }
}

/// Seeded commands of one thread: holds, bookings, confirmations, cancellations, repeated commands, ticks. Every
/// `patients`-th patient belongs to the thread, so that a seed always asks the same.
pub fn morning(registry: &Registry, seed: u64, thread: u64, threads: u64, commands: i64) {
    let mut random = Random(seed * 1_000 + thread + 1);
    let sessions: Vec<SessionId> =
        (0..6).map(|n| registry.engine().find(&format!("session-{n}")).unwrap()).collect();
    let mut bookings = Vec::new();
    for step in 0..commands {
        let now = at(-8 * DAY + step * 60_000);
        let number = random.below(40 / threads) * threads + thread;
        let key =
            if random.below(3) == 0 { IdempotencyKey::new(u128::from(random.below(50)) + 1) } else { None };
        let actor = if random.below(2) == 0 { doctor() } else { Actor::default() };
        let by = registry.by(&actor);
        match random.below(8) {
            0..=3 => {
                let privileged = random.below(2) == 0;
                let place = sessions[usize::try_from(random.below(6)).unwrap()];
                let wish = Wish {
                    class: if privileged { Class::ReferralSecondary } else { Class::Public },
                    ticket: TicketId::new(u128::from(number) + 1_000),
                    key,
                    ..wish(number, slot(place, u16::try_from(random.below(2)).unwrap()))
                };
                let decided =
                    if random.below(2) == 0 { by.hold(&wish, now) } else { by.book(&wish, now) }.unwrap();
                bookings.extend(decided.answer.map(|grant| (patient(number), grant.booking)));
            }
            4 if step % 40 == 0 => drop(registry.tick(now).unwrap()),
            deed if !bookings.is_empty() => {
                let recent = bookings.len().min(8) as u64;
                let back = usize::try_from(random.below(recent)).unwrap();
                let (patient, booking) = bookings[bookings.len() - 1 - back];
                let settle = Settle { patient, booking, key };
                let _ = if deed < 6 { by.confirm(&settle, now) } else { by.cancel(&settle, now) }.unwrap();
            }
            _ => {}
        }
    }
}

//! Kill −9 at random points of a loaded run: no acknowledged decision is lost, none is invented.
//!
//! The child is this test binary again. It writes what it is about to ask and what was acknowledged to a pipe, one line
//! each; the pipe outlives it. `HAOYUAN_KILLS` says how often it is killed.

mod common;

use common::{Random, at, limits, patient, plan, slot, synced, wish};
use haoyuan::ids::{BookingId, IdempotencyKey, SessionId};
use haoyuan::instant::{DAY, Instant};
use haoyuan::journal::{Access, Disk, Folder, From, Recovery};
use haoyuan::record::{Assembler, Record};
use haoyuan::request::{Settle, Wish};
use haoyuan::state::Published;
use haoyuan::{Change, Engine, Refusals, Registry, rebuild};
use std::collections::{HashMap, HashSet};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const FOLDER: &str = "HAOYUAN_KILL_FOLDER";
const SEED: &str = "HAOYUAN_KILL_SEED";
const THREADS: u64 = 4;

/// The command with this number: everything about it follows from the number.
fn asked(number: u64, sessions: &[SessionId]) -> (Wish, Instant) {
    let mut random = Random(number);
    let owner = random.below(60);
    let place = sessions[usize::try_from(random.below(sessions.len() as u64)).unwrap()];
    let half = u16::try_from(random.below(2)).unwrap();
    let wish = Wish { key: IdempotencyKey::new(u128::from(number) + 1), ..wish(owner, slot(place, half)) };
    (wish, at(-7 * DAY + i64::try_from(number % 1_000_000).unwrap() * 1_000))
}

/// One line, in one write: the pipe keeps it whole.
fn tell(line: &str) {
    std::io::stdout().lock().write_all(line.as_bytes()).unwrap();
}

/// Not a test by itself: the child that is killed.
#[test]
fn the_child() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let seed: u64 = std::env::var(SEED).unwrap().parse().unwrap();
    let mut registry = Registry::open(folder, synced()).unwrap();
    for number in 0..6 {
        if registry.engine().find(&format!("session-{number}")).is_none() {
            registry.publish(&plan(number), at(-9 * DAY)).unwrap().durable().unwrap();
        }
    }
    if seed % 3 == 0 {
        registry.snapshot().unwrap();
    }
    let sessions: Vec<SessionId> =
        (0..6).map(|n| registry.engine().find(&format!("session-{n}")).unwrap()).collect();
    tell("\n= ready\n");
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let mut mine: Vec<(Settle, Instant)> = Vec::new();
                loop {
                    let number = seed * 1_000_000 + next.fetch_add(1, Ordering::Relaxed);
                    let (wish, now) = asked(number, &sessions);
                    tell(&format!("? {number}\n"));
                    let decided =
                        if number % 2 == 0 { registry.hold(&wish, now) } else { registry.book(&wish, now) };
                    let decided = decided.unwrap();
                    if decided.ack.wait().is_ok() {
                        if let Ok(grant) = decided.answer {
                            let booking = grant.booking;
                            tell(&format!("+ {number} {:x} {}\n", booking.get(), booking.sequence().0));
                            mine.push((Settle { patient: wish.patient, booking, key: None }, now));
                        }
                    }
                    // Seats go back, so that there is always something to take.
                    if mine.len() > 2 {
                        let (settle, _) = mine.remove(0);
                        tell(&format!("? c{:x}\n", settle.booking.get()));
                        let decided = registry.cancel(&settle, now).unwrap();
                        if decided.ack.wait().is_ok() {
                            if let Ok(done) = decided.answer {
                                tell(&format!("- {:x} {}\n", done.booking.get(), done.sequence.0));
                            }
                        }
                    }
                }
            });
        }
    });
}

/// What the killed children of one folder have told.
#[derive(Default)]
struct Told {
    asked: HashSet<u64>,
    cancels: HashSet<u64>,
    granted: Vec<(u64, u64, u32)>,
    cancelled: Vec<(u64, u32)>,
    ready: u64,
}

impl Told {
    fn line(&mut self, line: &str) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let hex = |text: &str| u64::from_str_radix(text, 16).unwrap();
        match words[..] {
            ["=", "ready"] => self.ready += 1,
            ["?", number] => match number.strip_prefix('c') {
                Some(booking) => drop(self.cancels.insert(hex(booking))),
                None => drop(self.asked.insert(number.parse().unwrap())),
            },
            ["+", number, booking, sequence] => {
                self.granted.push((number.parse().unwrap(), hex(booking), sequence.parse().unwrap()));
            }
            ["-", booking, sequence] => self.cancelled.push((hex(booking), sequence.parse().unwrap())),
            _ => {}
        }
    }
}

fn run_and_kill(folder: &Path, seed: u64, after: Duration, told: &mut Told) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["the_child", "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(SEED, seed.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    // Every fifth is killed wherever it is, be it in the middle of its recovery; the others under load.
    if seed % 5 != 0 {
        for line in lines.by_ref() {
            let line = line.unwrap();
            told.line(&line);
            if line == "= ready" {
                break;
            }
        }
    }
    std::thread::sleep(after);
    child.kill().unwrap();
    for line in lines {
        told.line(&line.unwrap());
    }
    child.wait().unwrap();
}

/// The journal of a folder, checked against what was told; how many transitions it has.
fn check(folder: &Path, told: &Told) -> usize {
    let disk: Arc<dyn Disk> = Arc::new(Folder::open(folder).unwrap());
    // An engine of its own, fed fact by fact: nothing of the registry's own recovery is used.
    let engine = Engine::new(limits());
    let mut sessions = Vec::new();
    let mut assembler = Assembler::default();
    let mut found: HashMap<(u32, u32), (Change, u64)> = HashMap::new();
    let mut recovery = Recovery::begin(Arc::clone(&disk), From::Start, Access::Read).unwrap();
    while let Some(recovered) = recovery.next().unwrap() {
        let entry = recovered.entry;
        match Record::decode(entry).unwrap() {
            Record::Published(part) => {
                if let Some(bytes) = assembler.take(entry.kind, &part).unwrap() {
                    let published = Published::from_bytes(&bytes).unwrap();
                    sessions.push(engine.publish(&published.plan, published.at).unwrap());
                }
            }
            Record::Transition(transition) => {
                let place = entry.place.unwrap();
                let booking = transition.booking;
                found.insert((place.block, place.sequence), (transition.change, booking.get()));
                let at_slot = engine.slot_of(booking).unwrap();
                let fact = transition.fact(at_slot);
                assert_eq!(engine.replay(&fact), Ok(true));
                // Nothing is invented: a grant is what a command that was asked wants, in every field.
                match transition.change {
                    Change::Held | Change::Booked => {
                        let number = u64::try_from(fact.key.unwrap().get()).unwrap() - 1;
                        assert!(told.asked.contains(&number), "command {number} was never given");
                        let (wish, now) = asked(number, &sessions);
                        assert_eq!((fact.patient, fact.slot, fact.at), (wish.patient, wish.slot, now));
                        assert_eq!(fact.change == Change::Held, number % 2 == 0);
                    }
                    Change::Cancelled => assert!(told.cancels.contains(&booking.get())),
                    Change::Expired => assert!(fact.at >= fact.expires),
                    Change::Confirmed | Change::Withdrawn => panic!("nobody asks for this here"),
                }
            }
            Record::Refusal { command, refusal, .. } => engine.replay_refused(&command, &refusal).unwrap(),
            _ => {}
        }
    }
    assert_eq!(recovery.finish().unwrap().report().dangling, []);
    // Nothing acknowledged is lost.
    for (number, booking, sequence) in &told.granted {
        let booking = BookingId::new(*booking).unwrap();
        let change = if number % 2 == 0 { Change::Held } else { Change::Booked };
        let place = (booking.block().get(), *sequence);
        assert_eq!(found.get(&place), Some(&(change, booking.get())), "command {number} is lost");
    }
    for (booking, sequence) in &told.cancelled {
        let place = (BookingId::new(*booking).unwrap().block().get(), *sequence);
        assert_eq!(found.get(&place), Some(&(Change::Cancelled, *booking)), "a cancellation is lost");
    }
    engine.audit().unwrap();
    // Recovered from the snapshot or from the first segment: the state of the durable records and of nothing else.
    let mut canonical = Vec::new();
    engine.canonical(|part| canonical.extend_from_slice(part));
    for from in [From::Snapshot, From::Start] {
        let rebuilt = rebuild(&disk, from, Access::Read, Some(limits()), &Refusals::All).unwrap();
        let mut bytes = Vec::new();
        rebuilt.platform().engine().canonical(|part| bytes.extend_from_slice(part));
        assert!(bytes == canonical, "{from:?}: another state than that of the durable records");
    }
    let _ = patient(0);
    found.len()
}

#[test]
fn scenario_9_no_acknowledged_decision_is_lost_and_none_invented_by_a_kill_at_any_point() {
    if std::env::var_os(FOLDER).is_some() {
        return;
    }
    let kills: u64 = std::env::var("HAOYUAN_KILLS").map_or(200, |kills| kills.parse().unwrap());
    // As many kills in one folder, so that recoveries recover what recoveries left.
    let in_a_row = 10;
    let mut random = Random(0x9e37);
    let (mut done, mut transitions, mut acknowledged, mut ready) = (0, 0, 0, 0);
    while done < kills {
        let folder = tempfile::tempdir().unwrap();
        let mut told = Told::default();
        for _ in 0..in_a_row.min(kills - done) {
            done += 1;
            let after = Duration::from_micros(random.below(100_000));
            run_and_kill(folder.path(), done, after, &mut told);
        }
        transitions += check(folder.path(), &told);
        acknowledged += told.granted.len() + told.cancelled.len();
        ready += told.ready;
    }
    println!("{done} kills, {ready} under load, {transitions} transitions, {acknowledged} acknowledged");
    assert!(ready * 2 > done && acknowledged > 0, "the children were at work when they were killed");
}

//! A seat freed by A and taken by B never has two owners after a crash, whichever thread was descheduled where.

#![expect(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod common;

use common::{entry, read, seeds, small};
use haoyuan_journal::sim::{Faults, SimDisk, Survival};
use haoyuan_journal::{Disk, Entry, Error, Journal, Mode, Options};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

const TAKES: u8 = 1;
const FREES: u8 = 2;

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

/// Two seats (two blocks) change hands between three patients. In the order in which it was decided.
fn history() -> Vec<Entry> {
    [
        (0, 1, 0xa, TAKES),
        (0, 2, 0xa, FREES),
        (0, 3, 0xb, TAKES),
        (1, 1, 0xa, TAKES),
        (0, 4, 0xb, FREES),
        (0, 5, 0xc, TAKES),
    ]
    .into_iter()
    .map(|(block, sequence, patient, kind)| entry(Some((block, sequence)), Some(patient), kind, &[0; 20]))
    .collect()
}

/// Every order in which the history can be appended: a thread may be descheduled between deciding and appending for as
/// long as it likes, but a patient's next command is decided only after its last one was appended.
fn arrivals(history: &[Entry]) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    let mut stack = vec![Vec::new()];
    while let Some(order) = stack.pop() {
        if order.len() == history.len() {
            found.push(order);
            continue;
        }
        for next in 0..history.len() {
            let earlier_of_patient = (0..next)
                .all(|other| history[other].patient != history[next].patient || order.contains(&other));
            if !order.contains(&next) && earlier_of_patient {
                stack.push([&order[..], &[next]].concat());
            }
        }
    }
    found
}

/// Replays what was read as the host would; a seat that is taken while it has an owner is the failure.
#[track_caller]
fn one_owner_each(entries: &[Entry], what: &str) {
    let mut owners = BTreeMap::new();
    for entry in entries {
        let block = entry.place.unwrap().block;
        let patient = entry.patient.unwrap();
        if entry.kind == TAKES {
            assert_eq!(owners.insert(block, patient), None, "{what}: block {block} has two owners");
        } else {
            assert_eq!(owners.remove(&block), Some(patient), "{what}: block {block} freed by another");
        }
    }
}

/// Whatever was read of a patient is what the patient did first.
#[track_caller]
fn patients_in_order(entries: &[Entry], history: &[Entry], what: &str) {
    for patient in [0xa, 0xb, 0xc] {
        let of = |entries: &[Entry]| -> Vec<Entry> {
            entries.iter().filter(|entry| entry.patient == Some(patient)).cloned().collect()
        };
        assert!(of(history).starts_with(&of(entries)), "{what}: patient {patient:x}");
    }
}

#[test]
fn a_seat_freed_by_a_and_taken_by_b_never_has_two_owners_after_a_crash() {
    let history = history();
    let arrivals = arrivals(&history);
    assert!(arrivals.len() > 50, "{}", arrivals.len());
    for (number, order) in arrivals.iter().enumerate() {
        let mut crash_at = None;
        // First without a crash, to count the operations; then with one at each.
        loop {
            let disk = SimDisk::new(3);
            let mut acknowledged = vec![false; history.len()];
            let options = Options { predecessor_wait: Duration::from_secs(60), ..small() };
            disk.set_faults(Faults { crash_at, ..Faults::default() });
            if let Ok(journal) = Journal::open(shared(&disk), options) {
                let mut receipts = Vec::new();
                for index in order {
                    receipts.push((*index, journal.append(history[*index].clone())));
                    // The writer takes what is there at every point: the inversion reaches it each time.
                    journal.drive();
                }
                for (index, receipt) in &receipts {
                    acknowledged[*index] = receipt.is_durable();
                }
                if crash_at.is_none() {
                    assert!(acknowledged.iter().all(|acknowledged| *acknowledged), "order {order:?}");
                }
            }
            for seed in 0..seeds(2) {
                let what = format!("order {order:?}, crash at {crash_at:?}, seed {seed}");
                let survivor = disk.crash(Survival::Some(seed));
                let entries = read(&shared(&survivor)).unwrap_or_else(|error| panic!("{what}: {error}"));
                one_owner_each(&entries, &what);
                patients_in_order(&entries, &history, &what);
                for (index, acknowledged) in acknowledged.iter().enumerate() {
                    assert!(!acknowledged || entries.contains(&history[index]), "{what}: {index} is lost");
                }
            }
            let operations = disk.operations().0;
            // The many orders share the crash points among them; each order has some, each point many orders.
            let next = crash_at.map_or(1 + number as u64 % 5, |at| at + 5);
            if next > operations {
                break;
            }
            crash_at = Some(next);
        }
    }
}

#[test]
fn an_acknowledgement_covers_the_history() {
    let disk = SimDisk::new(3);
    let journal =
        Journal::open(shared(&disk), Options { predecessor_wait: Duration::from_secs(60), ..small() })
            .unwrap();
    let taken = journal.append(entry(Some((0, 2)), Some(0xb), TAKES, b""));
    journal.drive();
    assert!(!taken.is_durable(), "its predecessor is not");
    assert_eq!(journal.stats().held_back, 1);
    let other = journal.append(entry(None, Some(0xb), 9, b""));
    journal.drive();
    assert!(!other.is_durable(), "its patient's earlier record is not");
    let freed = journal.append(entry(Some((0, 1)), Some(0xa), FREES, b""));
    journal.drive();
    assert!(freed.is_durable() && taken.is_durable() && other.is_durable());
    assert_eq!((journal.stats().held_back, journal.stats().held_back_max), (0, 2));
}

#[test]
fn a_predecessor_that_never_comes_is_an_error_and_not_a_silence() {
    let disk = SimDisk::new(3);
    let journal = Journal::open(shared(&disk), small()).unwrap();
    let receipt = journal.append(entry(Some((4, 2)), None, TAKES, b""));
    let error = receipt.wait().unwrap_err();
    let Error::Poisoned { cause } = &error else { panic!("{error}") };
    assert!(matches!(**cause, Error::PredecessorMissing { block: 4, sequence: 1, held_back: 1 }), "{cause}");
    assert_eq!(read(&shared(&disk)).unwrap(), []);
}

#[test]
fn a_sequence_that_comes_twice_is_an_error() {
    let disk = SimDisk::new(3);
    let journal = Journal::open(shared(&disk), small()).unwrap();
    journal.append(entry(Some((4, 1)), None, TAKES, b"")).wait().unwrap();
    let Err(Error::Poisoned { cause }) = journal.append(entry(Some((4, 1)), None, TAKES, b"")).wait() else {
        panic!("it was taken")
    };
    assert!(matches!(*cause, Error::Repeated { block: 4, sequence: 1 }), "{cause}");
}

/// Threads that decide by an atomic increment and append later, at random: the real inversion.
fn threads_race(mode: Mode) {
    const THREADS: u32 = 4;
    const EACH: u32 = 3_000;
    let disk = SimDisk::new(5);
    let options =
        Options { mode, queue: 64, segment_bytes: 64 << 10, preallocate: 4 << 10, ..Options::default() };
    let journal = Journal::open(shared(&disk), options).unwrap();
    let blocks: Vec<AtomicU32> = (0..5).map(|_| AtomicU32::new(0)).collect();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (journal, blocks) = (&journal, &blocks);
            scope.spawn(move || {
                for number in 0..EACH {
                    let block = (number * 7 + thread) % 5;
                    let sequence = blocks[block as usize].fetch_add(1, Ordering::AcqRel) + 1;
                    if number % 64 == thread {
                        std::thread::yield_now();
                    }
                    let patient = u128::from(thread * 10 + number % 3 + 1);
                    let entry = entry(Some((block, sequence)), Some(patient), TAKES, &number.to_le_bytes());
                    let receipt = journal.append(entry);
                    if number % 500 == 499 {
                        receipt.wait().unwrap();
                    }
                }
            });
        }
    });
    journal.close().unwrap();
    let entries = read(&shared(&disk.crash(Survival::Nothing))).unwrap();
    assert_eq!(entries.len() as u32, THREADS * EACH);
    // The reader has checked the sequences; here the patients: each thread counted up.
    let mut last = BTreeMap::new();
    for entry in &entries {
        let number = u32::from_le_bytes(entry.payload.bytes().try_into().unwrap());
        let before = last.insert(entry.patient, number);
        assert!(before.is_none_or(|before| before < number), "{entry:?} after {before:?}");
    }
}

#[test]
fn racing_threads_keep_every_order_when_synced() {
    threads_race(Mode::Synced { max_delay: Duration::from_millis(1) });
}

#[test]
fn racing_threads_keep_every_order_when_asynchronous() {
    threads_race(Mode::Async { window: Duration::from_millis(5), records: 1000 });
}

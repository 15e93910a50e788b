//! The writer as its callers see it: receipts, back-pressure, failure, the lock, a real folder.

#![expect(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod common;

use common::{entry, read, small, story};
use haoyuan_journal::disk::{File, Lock};
use haoyuan_journal::sim::{Faults, SimDisk, Survival};
use haoyuan_journal::{
    Access, Disk, Entry, Error, Folder, From, Full, HashKind, INLINE_MAX, Journal, Mode, Options,
    PAYLOAD_MAX, Payload, Recovery, verify,
};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(20);

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn synced() -> Options {
    Options {
        mode: Mode::Synced { max_delay: Duration::from_millis(1) },
        preallocate: 4096,
        ..Options::default()
    }
}

fn plain(number: u32) -> Entry {
    entry(None, None, 0, &number.to_le_bytes())
}

/// A disk whose syncs wait while its gate is closed.
#[derive(Clone)]
struct Gated {
    disk: SimDisk,
    closed: Arc<AtomicBool>,
}

struct GatedFile(Box<dyn File>, Arc<AtomicBool>);

impl Gated {
    fn new() -> Self {
        Self { disk: SimDisk::new(1), closed: Arc::new(AtomicBool::new(false)) }
    }
}

impl Disk for Gated {
    fn lock(&self) -> io::Result<Box<dyn Lock>> {
        self.disk.lock()
    }
    fn list(&self) -> io::Result<Vec<String>> {
        self.disk.list()
    }
    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn File>> {
        Ok(Box::new(GatedFile(self.disk.open(name, write)?, Arc::clone(&self.closed))))
    }
    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        Ok(Box::new(GatedFile(self.disk.create(name)?, Arc::clone(&self.closed))))
    }
    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }
    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk.remove(name)
    }
    fn sync_dir(&self) -> io::Result<()> {
        self.disk.sync_dir()
    }
    fn name(&self) -> String {
        self.disk.name()
    }
}

impl File for GatedFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, into)
    }
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_at(offset, bytes)
    }
    fn preallocate(&mut self, from: u64, to: u64) -> io::Result<()> {
        self.0.preallocate(from, to)
    }
    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.truncate(length)
    }
    fn sync_data(&mut self) -> io::Result<()> {
        while self.1.load(Ordering::Acquire) {
            thread::sleep(Duration::from_micros(200));
        }
        self.0.sync_data()
    }
    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}

#[test]
fn a_receipt_can_be_waited_for_polled_and_can_call_back() {
    let disk = Gated::new();
    let journal = Journal::open(Arc::new(disk.clone()), synced()).unwrap();
    disk.closed.store(true, Ordering::Release);
    let polled = journal.append(plain(1));
    let called = journal.append(plain(2));
    let (send, calls) = mpsc::channel();
    let sender = send.clone();
    called.on_durable(move |outcome| sender.send((2, outcome.is_ok())).unwrap());
    thread::sleep(Duration::from_millis(20));
    assert!(polled.poll().is_none() && !polled.is_durable(), "the sync has not returned");
    assert!(calls.try_recv().is_err());
    disk.closed.store(false, Ordering::Release);
    assert_eq!(calls.recv_timeout(PATIENCE), Ok((2, true)));
    polled.wait().unwrap();
    assert!(polled.is_durable() && matches!(polled.poll(), Some(Ok(()))));
    // A receipt can be found again by its ticket, and calls back at once when there is nothing to wait for.
    journal.receipt(called.ticket()).on_durable(move |outcome| send.send((3, outcome.is_ok())).unwrap());
    assert_eq!(calls.try_recv(), Ok((3, true)));
    assert!(!journal.receipt(u64::MAX).is_durable() && !journal.receipt(0).is_durable());
}

#[test]
fn a_receipt_that_nobody_waits_for_comes_true_within_the_delay() {
    for mode in [
        Mode::Synced { max_delay: Duration::from_millis(3) },
        Mode::Async { window: Duration::from_millis(10), records: 1000 },
    ] {
        let journal = Journal::open(shared(&SimDisk::new(1)), Options { mode, ..synced() }).unwrap();
        let receipt = journal.append(plain(1));
        let begun = std::time::Instant::now();
        while !receipt.is_durable() {
            assert!(begun.elapsed() < PATIENCE);
            thread::sleep(Duration::from_millis(1));
        }
    }
}

#[test]
fn a_full_queue_makes_callers_wait_or_tells_them_and_nothing_is_dropped() {
    let disk = Gated::new();
    let options = Options { queue: 8, group_bytes: 64, ..synced() };
    let journal = Journal::open(Arc::new(disk.clone()), options).unwrap();
    disk.closed.store(true, Ordering::Release);
    let mut taken = Vec::new();
    let back = loop {
        let number = taken.len() as u32;
        match journal.try_append(plain(number)) {
            Ok(_) => taken.push(number),
            // The writer may be about to take more; only a lasting refusal counts.
            Err(Full(back)) => {
                thread::sleep(Duration::from_millis(30));
                if journal.stats().queued == 8 {
                    break back;
                }
            }
        }
        assert!(number < 200, "memory is not bounded");
    };
    assert_eq!(back, plain(taken.len() as u32), "the entry comes back");
    let appended = AtomicU32::new(0);
    thread::scope(|scope| {
        for thread in 0..3 {
            let (journal, appended) = (&journal, &appended);
            scope.spawn(move || {
                for number in 0..100 {
                    let _ = journal.append(plain(1000 * (thread + 1) + number));
                    appended.fetch_add(1, Ordering::AcqRel);
                }
            });
        }
        thread::sleep(Duration::from_millis(50));
        assert!(appended.load(Ordering::Acquire) < 20, "callers wait");
        disk.closed.store(false, Ordering::Release);
    });
    journal.close().unwrap();
    let entries = read(&shared(&disk.disk)).unwrap();
    assert_eq!(entries.len(), taken.len() + 300);
}

#[test]
fn too_many_held_back_make_callers_wait_but_never_the_one_they_wait_for() {
    let disk = SimDisk::new(1);
    let options = Options { held_back: 4, predecessor_wait: PATIENCE, ..synced() };
    let journal = Journal::open(shared(&disk), options).unwrap();
    let appended = AtomicU32::new(0);
    thread::scope(|scope| {
        let waiting = scope.spawn(|| {
            for sequence in 2..=40 {
                let _ = journal.append(entry(Some((0, sequence)), None, 0, b""));
                appended.fetch_add(1, Ordering::AcqRel);
            }
        });
        thread::sleep(Duration::from_millis(60));
        // In the queue before the writer looked: the bound is on what one thread adds after it is reached.
        assert!(journal.stats().held_back >= 4);
        let before = appended.load(Ordering::Acquire);
        thread::sleep(Duration::from_millis(30));
        assert_eq!(appended.load(Ordering::Acquire), before, "the caller waits");
        journal.append(entry(Some((0, 1)), None, 0, b"")).wait().unwrap();
        waiting.join().unwrap();
    });
    journal.close().unwrap();
    assert_eq!(read(&shared(&disk)).unwrap().len(), 40);
}

#[test]
fn a_poisoned_journal_says_so_everywhere_and_can_still_be_read() {
    for threads in [false, true] {
        let disk = SimDisk::new(1);
        let journal = Journal::open(shared(&disk), Options { threads, ..synced() }).unwrap();
        journal.append(plain(1)).wait().unwrap();
        disk.set_faults(Faults { fail_sync: Some(1), ..Faults::default() });
        let first = journal.append(plain(2));
        let (send, calls) = mpsc::channel();
        first.on_durable(move |outcome| send.send(outcome).unwrap());
        let error = first.wait().unwrap_err();
        assert_eq!(
            error.to_string(),
            "nothing is acknowledged any more since the journal failed: could not sync `00000001.hyj`: simulated sync \
             error; reopen it to recover"
        );
        assert!(matches!(calls.recv_timeout(PATIENCE), Ok(Err(Error::Poisoned { .. }))));
        let syncs = disk.operations().2;
        for number in 3..50 {
            let later = journal.append(plain(number));
            assert!(!later.is_durable());
            assert!(matches!(later.poll(), Some(Err(Error::Poisoned { .. }))));
            assert!(matches!(later.wait(), Err(Error::Poisoned { .. })));
            assert!(matches!(journal.try_append(plain(number)).unwrap().wait(), Err(Error::Poisoned { .. })));
        }
        assert!(matches!(journal.flush(), Err(Error::Poisoned { .. })));
        assert!(matches!(journal.mark(), Err(Error::Poisoned { .. })));
        assert!(matches!(journal.failure(), Some(Error::Poisoned { .. })));
        assert_eq!(disk.operations().2, syncs, "no sync after the failed one");
        let entries = read(&shared(&disk)).unwrap();
        assert_eq!(entries[0], plain(1));
        assert!(matches!(journal.close(), Err(Error::Poisoned { .. })));
    }
}

#[test]
fn callers_that_wait_for_room_are_let_go_when_the_journal_fails() {
    let disk = Gated::new();
    let journal =
        Journal::open(Arc::new(disk.clone()), Options { queue: 4, group_bytes: 16, ..synced() }).unwrap();
    disk.closed.store(true, Ordering::Release);
    thread::scope(|scope| {
        let stuck: Vec<_> = (0..3)
            .map(|_| scope.spawn(|| (0..50).map(|number| journal.append(plain(number)).wait()).last()))
            .collect();
        thread::sleep(Duration::from_millis(30));
        disk.disk.set_faults(Faults { fail_sync: Some(1), ..Faults::default() });
        disk.closed.store(false, Ordering::Release);
        for stuck in stuck {
            assert!(matches!(stuck.join().unwrap(), Some(Err(Error::Poisoned { .. }))));
        }
    });
}

#[test]
fn a_closed_journal_is_durable_and_takes_nothing_more() {
    let disk = SimDisk::new(1);
    let journal = Journal::open(shared(&disk), synced()).unwrap();
    for number in 0..500 {
        let _ = journal.append(plain(number));
    }
    journal.close().unwrap();
    journal.close().unwrap();
    assert_eq!(read(&shared(&disk.crash(Survival::Nothing))).unwrap().len(), 500);
    assert!(matches!(journal.append(plain(1)).wait(), Err(Error::Closed)));
    journal.flush().expect("all that was taken is durable");
    // The lock is free.
    drop(Journal::open(shared(&disk), synced()).unwrap());
}

#[test]
fn a_second_opener_is_told_who_has_the_folder() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(Folder::create(folder.path()).unwrap());
    let journal = Journal::open(Arc::clone(&disk), synced()).unwrap();
    let other: Arc<dyn Disk> = Arc::new(Folder::open(folder.path()).unwrap());
    let error = Journal::open(Arc::clone(&other), synced()).unwrap_err();
    let Error::Locked { holder } = &error else { panic!("{error}") };
    assert!(holder.starts_with(&format!("process {}", std::process::id())), "{holder}");
    // Reading needs no lock, and a reader cannot write.
    journal.append(plain(1)).wait().unwrap();
    assert_eq!(read(&other).unwrap(), [plain(1)]);
    let reader = Recovery::begin(Arc::clone(&other), From::Start, Access::Read).unwrap().finish().unwrap();
    assert!(matches!(Journal::start(reader, synced()), Err(Error::ReadOnly)));
    journal.close().unwrap();
    Journal::open(other, synced()).unwrap().close().unwrap();
}

#[test]
fn a_real_folder_is_written_by_many_and_read_back() {
    const THREADS: u32 = 4;
    const EACH: u32 = 300;
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(Folder::create(folder.path().join("journal")).unwrap());
    for round in 0..3 {
        let options = Options { segment_bytes: 16 << 10, preallocate: 4 << 10, ..synced() };
        let journal = Journal::open(Arc::clone(&disk), options).unwrap();
        thread::scope(|scope| {
            for thread in 0..THREADS {
                let journal = &journal;
                scope.spawn(move || {
                    for number in 1..=EACH {
                        let place = Some((thread, round * EACH + number));
                        let receipt = journal.append(entry(place, Some(u128::from(thread) + 1), 0, &[7; 40]));
                        if number % 50 == 0 {
                            receipt.wait().unwrap();
                        }
                    }
                });
            }
        });
        let stats = journal.stats();
        assert!(stats.groups <= stats.records && stats.syncs == stats.groups && stats.records > 0);
        journal.close().unwrap();
        assert_eq!(read(&disk).unwrap().len() as u32, (round + 1) * THREADS * EACH);
    }
    let names = disk.list().unwrap();
    assert!(names.len() > 5);
    assert!(names.iter().all(|name| name.strip_suffix(".tmp").is_none()), "prepared and left: {names:?}");
}

#[test]
fn a_journal_that_is_being_written_can_be_verified() {
    let folder = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(Folder::create(folder.path()).unwrap());
    let options = Options { segment_bytes: 64 << 10, preallocate: 16 << 10, ..synced() };
    let journal = Journal::open(Arc::clone(&disk), options).unwrap();
    let written = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 1..=20_000 {
                let _ = journal.append(entry(Some((0, number)), None, 0, &[9; 30]));
                if number % 16 == 0 {
                    journal.drive();
                }
            }
            journal.flush().unwrap();
            written.store(true, Ordering::Release);
        });
        let mut seen = 0;
        while !written.load(Ordering::Acquire) {
            let report = verify(&disk, &[], |_| ()).unwrap();
            assert!(report.entries >= seen);
            seen = report.entries;
        }
    });
    assert_eq!(verify(&disk, &[], |_| ()).unwrap().entries, 20_000);
}

/// Long segments: the next one is ready before it is needed, and its zeros are not mistaken for anything.
#[test]
fn a_prepared_segment_is_used_and_a_power_failure_while_it_is_made_costs_nothing() {
    let options = Options { segment_bytes: 2 << 20, preallocate: 64 << 10, ..synced() };
    for stop_after in [20, 60, 200] {
        let disk = SimDisk::new(stop_after);
        let journal = Journal::open(shared(&disk), options.clone()).unwrap();
        let mut acknowledged = 0;
        for round in 0..stop_after as u32 {
            for number in 0..100 {
                let _ = journal.append(entry(Some((0, round * 100 + number + 1)), None, 0, &[1; 200]));
            }
            journal.flush().unwrap();
            acknowledged += 100;
        }
        for seed in 0..8 {
            let stopped = shared(&disk.crash(Survival::Some(seed)));
            assert_eq!(read(&stopped).unwrap().len(), acknowledged, "seed {seed}");
            Journal::open(Arc::clone(&stopped), options.clone()).unwrap().close().unwrap();
            assert_eq!(verify(&stopped, &[], |_| ()).unwrap().entries, acknowledged as u64);
        }
        journal.close().unwrap();
        assert_eq!(read(&shared(&disk)).unwrap().len(), acknowledged);
    }
}

/// Growing costs a busy journal a third of its rate: a short segment that still grows gives way to a whole one.
#[test]
fn a_segment_that_keeps_growing_is_left_for_a_whole_one() {
    let options = Options { segment_bytes: 1 << 20, preallocate: 16 << 10, ..synced() };
    let disk = SimDisk::new(1);
    let mut written = 0;
    for opening in 0..2 {
        let journal = Journal::open(shared(&disk), options.clone()).unwrap();
        let begun = journal.stats().segments;
        // Far fewer bytes than a segment has room for, and one record after the other, so that the zeros are ready in time.
        while journal.stats().segments == begun {
            written += 1;
            journal.append(entry(Some((0, written)), None, 0, &[1; 200])).wait().unwrap();
            assert!(journal.stats().bytes < options.segment_bytes, "opening {opening}: it grew to the end");
            thread::sleep(Duration::from_micros(20));
        }
        journal.close().unwrap();
    }
    assert_eq!(verify(&shared(&disk), &[], |_| ()).unwrap().entries, u64::from(written));
    assert_eq!(disk.list().unwrap().iter().filter(|name| common::is_segment(name)).count(), 3);
}

#[test]
fn payloads_of_every_size_come_back() {
    let disk = SimDisk::new(1);
    let journal = Journal::open(shared(&disk), synced()).unwrap();
    let sizes = [0, 1, INLINE_MAX - 1, INLINE_MAX, INLINE_MAX + 1, 255, 256, 257, 4096, PAYLOAD_MAX];
    for size in sizes {
        let _ = journal.append(entry(None, Some(u128::MAX), 255, &vec![0xa5; size]));
    }
    journal.close().unwrap();
    let read: Vec<usize> =
        read(&shared(&disk)).unwrap().iter().map(|entry| entry.payload.bytes().len()).collect();
    assert_eq!(read, sizes);
    assert!(matches!(Payload::new(&vec![0; PAYLOAD_MAX + 1]), Err(Error::PayloadTooLong { length: 65_536 })));
}

#[test]
fn another_hash_begins_another_segment() {
    let disk = SimDisk::new(1);
    for (number, hash) in
        [HashKind::Blake3, HashKind::Sm3, HashKind::Sm3, HashKind::Blake3].into_iter().enumerate()
    {
        let journal = Journal::open(shared(&disk), Options { hash: Some(hash), ..small() }).unwrap();
        journal.append(plain(number as u32)).wait().unwrap();
        journal.close().unwrap();
    }
    assert_eq!(read(&shared(&disk)).unwrap(), [plain(0), plain(1), plain(2), plain(3)]);
    assert_eq!(disk.list().unwrap().iter().filter(|name| common::is_segment(name)).count(), 3);
}

/// A journal of a place that asks for SM3 once went on with BLAKE3 as soon as somebody looked after it without saying which.
#[test]
fn whoever_names_no_hash_goes_on_with_that_of_the_journal() {
    for hash in [HashKind::Blake3, HashKind::Sm3] {
        let disk = SimDisk::new(1);
        for (number, named) in [Some(hash), None, None].into_iter().enumerate() {
            let journal = Journal::open(shared(&disk), Options { hash: named, ..small() }).unwrap();
            journal.append(plain(number as u32)).wait().unwrap();
            journal.close().unwrap();
        }
        assert_eq!(read(&shared(&disk)).unwrap(), [plain(0), plain(1), plain(2)]);
        let segments: Vec<_> =
            disk.list().unwrap().into_iter().filter(|name| common::is_segment(name)).collect();
        assert_eq!(segments, ["00000001.hyj"], "it goes on in the same segment");
    }
}

#[test]
fn a_journal_of_another_shard_is_refused() {
    let disk = SimDisk::new(1);
    Journal::open(shared(&disk), Options { shard: 7, ..small() }).unwrap().close().unwrap();
    let error = Journal::open(shared(&disk), Options { shard: 8, ..small() }).unwrap_err();
    assert_eq!(error.to_string(), "`00000001.hyj` belongs to shard `7`, not to shard `8`");
}

#[test]
fn options_that_cannot_work_are_refused_by_name() {
    for (name, options) in [
        ("segment_bytes", Options { segment_bytes: 100, ..small() }),
        ("group_bytes", Options { group_bytes: 0, ..small() }),
        ("group_bytes", Options { group_bytes: 1 << 24, ..small() }),
        ("queue", Options { queue: 0, ..small() }),
        ("mode", Options { mode: Mode::Async { window: Duration::ZERO, records: 1000 }, ..small() }),
        ("mode", Options { mode: Mode::Async { window: PATIENCE, records: 3 }, ..small() }),
    ] {
        match Journal::open(shared(&SimDisk::new(1)), options) {
            Err(Error::Option { name: found, .. }) => assert_eq!(found, name),
            other => panic!("{name}: {other:?}"),
        }
    }
}

#[test]
fn the_loss_window_in_records_holds_while_the_disk_stands_still() {
    const RECORDS: u32 = 64;
    let disk = Gated::new();
    let mode = Mode::Async { window: Duration::from_millis(2), records: RECORDS };
    let journal = Journal::open(Arc::new(disk.clone()), Options { mode, ..synced() }).unwrap();
    disk.closed.store(true, Ordering::Release);
    let appended = AtomicU32::new(0);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..1000 {
                let _ = journal.append(plain(number));
                appended.fetch_add(1, Ordering::AcqRel);
            }
        });
        thread::sleep(Duration::from_millis(80));
        assert!(
            appended.load(Ordering::Acquire) <= RECORDS,
            "{} are not durable",
            appended.load(Ordering::Acquire)
        );
        disk.closed.store(false, Ordering::Release);
    });
    journal.close().unwrap();
    assert_eq!(read(&shared(&disk.disk)).unwrap().len(), 1000);
}

#[test]
fn nobody_reads_a_patients_key_in_a_debug_text() {
    let text = format!("{:?}", entry(None, Some(0x1234_5678_9abc_def0_1122_3344_5566_7788), 1, b""));
    assert!(text.contains("12345678…") && !text.contains("9abc"), "{text}");
    assert_eq!(story(3).len(), 3);
}

//! The simulated disk stops, tears, loses and fails at every single operation of a small journal. Every outcome is
//! recovery with all that was acknowledged and nothing that was not appended, or the right error.

#![expect(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod common;

use common::{entry, read, read_from, seeds, small, story};
use haoyuan_journal::sim::{Faults, SimDisk, Survival};
use haoyuan_journal::{Access, Disk, Entry, Error, From, Journal, Options, Place};
use std::sync::Arc;

/// What a run of the story left: how much of it was appended and how much acknowledged.
struct Run {
    disk: SimDisk,
    story: Vec<Entry>,
    acknowledged: usize,
    error: Option<Error>,
}

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

/// Appends the story in batches of one to three, and takes a snapshot in the middle.
fn run(faults: Faults, options: Options) -> Run {
    let disk = SimDisk::new(7);
    disk.set_faults(faults);
    let story = story(24);
    let mut run = Run { disk: disk.clone(), story, acknowledged: 0, error: None };
    let journal = match Journal::open(shared(&disk), options) {
        Ok(journal) => journal,
        Err(error) => {
            run.error = Some(error);
            return run;
        }
    };
    let mut at = 0;
    while at < run.story.len() {
        let batch = 1 + at % 3;
        let to = run.story.len().min(at + batch);
        let mut last = None;
        for entry in &run.story[at..to] {
            last = Some(journal.append(entry.clone()));
        }
        let outcome = last.expect("a batch is never empty").wait();
        match outcome {
            Ok(()) if run.error.is_none() => run.acknowledged = to,
            Ok(()) => panic!("acknowledged after a failure"),
            Err(error) => run.error = Some(error),
        }
        at = to;
        if at == 12 && run.error.is_none() {
            // The state of this host is the entries themselves.
            let mark = journal.mark().unwrap();
            let vector = vector(&run.story[..at]);
            // A failed snapshot leaves the journal as it is.
            let _ = journal.snapshot(mark, &vector, &[at as u8]);
        }
    }
    if let Err(error) = journal.close() {
        run.error.get_or_insert(error);
    }
    run
}

fn vector(entries: &[Entry]) -> Vec<Place> {
    let mut last = std::collections::BTreeMap::new();
    for place in entries.iter().filter_map(|entry| entry.place) {
        last.insert(place.block, place.sequence);
    }
    last.into_iter().map(|(block, sequence)| Place { block, sequence }).collect()
}

/// The survivor holds every acknowledged entry, and a prefix of the appended ones; it can be written on; and a
/// recovery from its snapshot says the same as one from the start.
#[track_caller]
fn check(run: &Run, survivor: &SimDisk, what: &str) {
    let disk = shared(survivor);
    let (entries, finished) =
        read_from(&disk, From::Start, Access::Write).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert!(entries.len() >= run.acknowledged, "{what}: {} of {}", entries.len(), run.acknowledged);
    assert!(entries.len() <= run.story.len(), "{what}: more than was appended");
    assert_eq!(entries, run.story[..entries.len()], "{what}");
    assert_eq!(finished.report().dangling, [], "{what}");
    let frontier: Vec<Place> = finished.frontier().iter().collect();
    assert_eq!(frontier, vector(&entries), "{what}");
    drop(finished);

    let (after, finished) =
        read_from(&disk, From::Snapshot, Access::Write).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(finished.frontier().iter().collect::<Vec<_>>(), frontier, "{what}: from the snapshot");
    assert!(entries.ends_with(&after), "{what}: from the snapshot");
    assert_eq!(finished.report().bad_snapshots, [] as [String; 0], "{what}: a name without its contents");

    let journal = Journal::start(finished, small()).unwrap_or_else(|error| panic!("{what}: {error}"));
    let more = entry(Some((9, 1)), None, 1, b"and on");
    journal.append(more.clone()).wait().unwrap_or_else(|error| panic!("{what}: {error}"));
    drop(journal);
    let again = shared(&survivor.crash(Survival::Nothing));
    let all = read(&again).unwrap_or_else(|error| panic!("{what}, written on: {error}"));
    assert_eq!(all[..entries.len()], entries, "{what}, written on");
    assert_eq!(all[entries.len()..], [more], "{what}, written on");
}

fn survivals(run: &Run, seeds: u64) -> Vec<Survival> {
    let mut survivals = vec![Survival::Nothing, Survival::Everything];
    survivals.extend((0..seeds).map(Survival::Some));
    let last = run.disk.last_write();
    survivals.extend((0..=last).flat_map(|at| [Survival::TornAfter(at), Survival::TornBefore(at)]));
    survivals
}

#[test]
fn without_faults_everything_is_there() {
    let run = run(Faults::default(), small());
    assert!(run.error.is_none(), "{:?}", run.error);
    assert_eq!(run.acknowledged, run.story.len());
    check(&run, &run.disk.crash(Survival::Nothing), "no fault");
    // The story is long enough for what the other tests want to happen in it.
    let names = run.disk.list().unwrap();
    assert!(names.iter().filter(|name| common::is_segment(name)).count() >= 3, "{names:?}");
    assert!(names.iter().any(|name| common::is_snapshot(name)), "{names:?}");
}

#[test]
fn a_power_failure_at_every_operation_torn_at_every_byte_loses_nothing_acknowledged() {
    let (operations, ..) = run(Faults::default(), small()).disk.operations();
    for crash_at in 1..=operations {
        let run = run(Faults { crash_at: Some(crash_at), ..Faults::default() }, small());
        for survival in survivals(&run, seeds(12)) {
            check(&run, &run.disk.crash(survival), &format!("stopped at operation {crash_at}, {survival:?}"));
        }
    }
}

#[test]
fn a_power_failure_during_the_recovery_from_one_loses_nothing_either() {
    let (operations, ..) = run(Faults::default(), small()).disk.operations();
    for crash_at in (1..=operations).step_by(3) {
        let run = run(Faults { crash_at: Some(crash_at), ..Faults::default() }, small());
        let first = run.disk.crash(Survival::Some(crash_at));
        for second in 1.. {
            let disk = first.copy();
            disk.set_faults(Faults { crash_at: Some(second), ..Faults::default() });
            let survived = Journal::open(shared(&disk), small()).is_ok();
            for seed in 0..seeds(3) {
                let what =
                    format!("stopped at operation {crash_at}, then at {second} of the recovery, seed {seed}");
                check(&run, &disk.crash(Survival::Some(seed)), &what);
            }
            if survived && disk.operations().0 < second {
                break;
            }
        }
    }
}

#[test]
fn a_process_that_dies_leaves_what_the_system_still_writes() {
    let (operations, ..) = run(Faults::default(), small()).disk.operations();
    for crash_at in 1..=operations {
        let run = run(Faults { crash_at: Some(crash_at), ..Faults::default() }, small());
        check(&run, &run.disk.restart(), &format!("killed at operation {crash_at}"));
    }
}

/// After the failure: nothing more is acknowledged (`run` sees to that), and what was is there, whether the machine
/// goes on or stops. What the next process reads after a failed sync, it also makes durable: the story of the system
/// that forgets dirty pages when their sync fails and says `Ok` to the next one.
#[track_caller]
fn check_failed(run: &Run, what: &str) {
    for seed in 0..seeds(4) {
        check(run, &run.disk.crash(Survival::Some(seed)), &format!("{what}, power failure {seed}"));
    }
    check(run, &run.disk.crash(Survival::Nothing), &format!("{what}, power failure"));
    let next = run.disk.restart();
    let disk = shared(&next);
    let (entries, finished) = read_from(&disk, From::Start, Access::Write).unwrap();
    let journal = Journal::start(finished, small()).unwrap();
    let stopped = next.crash(Survival::Nothing);
    let durable = read(&shared(&stopped)).unwrap();
    assert_eq!(durable, entries, "{what}: read by the next process and lost after it");
    drop(journal);
    check(run, &next, &format!("{what}, next process"));
}

#[test]
fn a_write_that_fails_ends_the_acknowledgements_and_costs_none() {
    let (_, writes, _) = run(Faults::default(), small()).disk.operations();
    for fail in 1..=writes {
        let run = run(Faults { fail_write: Some(fail), ..Faults::default() }, small());
        check_failed(&run, &format!("write {fail} failed"));
    }
}

#[test]
fn a_sync_that_fails_ends_the_acknowledgements_and_is_never_repeated() {
    let (_, _, syncs) = run(Faults::default(), small()).disk.operations();
    let mut poisoned = 0;
    for fail in 1..=syncs {
        let run = run(Faults { fail_sync: Some(fail), ..Faults::default() }, small());
        if let Some(Error::Poisoned { cause }) = &run.error {
            assert!(matches!(&**cause, Error::Medium { doing: "sync", .. }), "{cause}");
            assert_eq!(run.disk.operations().2, fail, "the failed sync was the last");
            poisoned += 1;
        }
        check_failed(&run, &format!("sync {fail} failed"));
    }
    assert!(poisoned > 10, "only {poisoned} of {syncs} syncs poisoned the journal");
}

#[test]
fn any_operation_that_fails_costs_nothing_acknowledged() {
    let (operations, ..) = run(Faults::default(), small()).disk.operations();
    for fail in 1..=operations {
        let run = run(Faults { fail_operation: Some(fail), ..Faults::default() }, small());
        check_failed(&run, &format!("operation {fail} failed"));
    }
}

#[test]
fn a_full_disk_is_an_error_that_says_so_and_costs_nothing_acknowledged() {
    let whole = run(Faults::default(), small()).disk;
    let size: usize =
        whole.list().unwrap().iter().map(|name| whole.contents(name).map_or(0, |bytes| bytes.len())).sum();
    let mut full = 0;
    for capacity in (0..size as u64).step_by(19) {
        let run = run(Faults { capacity: Some(capacity), ..Faults::default() }, small());
        if let Some(error) = &run.error {
            let error = if let Error::Poisoned { cause } = error { &**cause } else { error };
            let Error::Medium { source, .. } = error else { panic!("{error}") };
            assert_eq!(source.kind(), std::io::ErrorKind::StorageFull);
            full += 1;
        }
        // Somebody makes room.
        run.disk.set_faults(Faults::default());
        check_failed(&run, &format!("full at {capacity} bytes"));
    }
    assert!(full > 20, "only {full} disks were full");
}

#[test]
fn short_writes_are_continued() {
    let run = run(Faults { short_writes: true, ..Faults::default() }, small());
    assert!(run.error.is_none(), "{:?}", run.error);
    assert_eq!(run.acknowledged, run.story.len());
    check(&run, &run.disk.crash(Survival::Nothing), "short writes");
}

#[test]
fn short_writes_and_a_power_failure_between_them() {
    let (operations, ..) = run(Faults { short_writes: true, ..Faults::default() }, small()).disk.operations();
    for crash_at in 1..=operations {
        let faults = Faults { crash_at: Some(crash_at), short_writes: true, ..Faults::default() };
        let run = run(faults, small());
        for seed in 0..seeds(6) {
            let what = format!("short writes, stopped at operation {crash_at}, seed {seed}");
            check(&run, &run.disk.crash(Survival::Some(seed)), &what);
        }
    }
}

/// The canary: a medium that loses what it synced must not go unnoticed by the check above.
#[test]
fn the_check_sees_a_lost_acknowledgement() {
    let run = run(Faults::default(), small());
    let last = run.disk.list().unwrap().into_iter().filter(|name| common::is_segment(name)).max().unwrap();
    let survivor = run.disk.copy();
    let bytes = survivor.contents(&last).unwrap();
    survivor.place(&last, &bytes[..bytes.len() - 1]);
    let seen = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| check(&run, &survivor, "canary")));
    assert!(seen.is_err());
}

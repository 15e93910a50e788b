//! A snapshot shortens the recovery and changes nothing else; it never knows more than the journal.

#![expect(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod common;

use common::{entry, read, read_from, small, story};
use haoyuan_journal::sim::{Faults, SimDisk, Survival};
use haoyuan_journal::{Access, Disk, Entry, Error, From, Journal, Place, Recovery, verify};
use std::collections::BTreeMap;
use std::sync::Arc;

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn vector(entries: &[Entry]) -> Vec<Place> {
    let mut last = BTreeMap::new();
    for place in entries.iter().filter_map(|entry| entry.place) {
        last.insert(place.block, place.sequence);
    }
    last.into_iter().map(|(block, sequence)| Place { block, sequence }).collect()
}

fn append(journal: &Journal, entries: &[Entry]) {
    for entry in entries {
        journal.append(entry.clone()).wait().unwrap();
    }
}

fn snapshots(disk: &SimDisk) -> Vec<String> {
    let mut names = disk.list().unwrap();
    names.retain(|name| common::is_snapshot(name));
    names
}

#[test]
fn a_recovery_from_a_snapshot_gives_its_state_and_what_came_after() {
    let disk = SimDisk::new(1);
    let story = story(30);
    let journal = Journal::open(shared(&disk), small()).unwrap();
    for (at, entry) in story.iter().enumerate() {
        if at % 10 == 5 {
            let mark = journal.mark().unwrap();
            journal.snapshot(mark, &vector(&story[..at]), format!("state at {at}").as_bytes()).unwrap();
        }
        journal.append(entry.clone()).wait().unwrap();
    }
    journal.close().unwrap();
    assert_eq!(snapshots(&disk).len(), 2, "the newest and one to fall back to");
    let mut recovery = Recovery::begin(shared(&disk), From::Snapshot, Access::Write).unwrap();
    let snapshot = recovery.take_snapshot().unwrap();
    assert_eq!((snapshot.state.as_slice(), snapshot.records()), (b"state at 25".as_slice(), 25));
    assert_eq!(snapshot.vector, vector(&story[..25]));
    let mut after = Vec::new();
    while let Some(recovered) = recovery.next().unwrap() {
        assert_eq!(recovered.record, 25 + after.len() as u64);
        after.push(recovered.entry.to_owned());
    }
    assert_eq!(after, story[25..]);
    let finished = recovery.finish().unwrap();
    assert_eq!(finished.frontier().iter().collect::<Vec<_>>(), vector(&story));
    // And the journal goes on from there, its archive whole.
    let journal = Journal::start(finished, small()).unwrap();
    journal.append(entry(Some((70, 1)), None, 0, b"")).wait().unwrap();
    journal.close().unwrap();
    assert_eq!(verify(&shared(&disk), &[], |_| ()).unwrap().entries, 31);
}

#[test]
fn a_state_that_ran_ahead_of_the_mark_is_not_applied_twice() {
    let disk = SimDisk::new(1);
    let story = story(20);
    let journal = Journal::open(shared(&disk), small()).unwrap();
    append(&journal, &story[..8]);
    let mark = journal.mark().unwrap();
    // While the state is being dumped, the journal goes on; the dump has some of that.
    append(&journal, &story[8..]);
    journal.snapshot(mark, &vector(&story[..14]), b"fuzzy").unwrap();
    journal.close().unwrap();
    let (after, finished) = read_from(&shared(&disk), From::Snapshot, Access::Read).unwrap();
    let placeless = |entry: &&Entry| entry.place.is_none();
    let wanted: Vec<Entry> = story[8..14].iter().filter(placeless).chain(&story[14..]).cloned().collect();
    assert_eq!(after, wanted);
    assert_eq!(finished.report().in_snapshot, 6 - story[8..14].iter().filter(placeless).count() as u64);
}

#[test]
fn a_snapshot_waits_until_the_journal_knows_what_it_knows() {
    let disk = SimDisk::new(1);
    let journal = Journal::open(shared(&disk), small()).unwrap();
    let mark = journal.mark().unwrap();
    let knows = [Place { block: 0, sequence: 2 }];
    std::thread::scope(|scope| {
        let snapshot = scope.spawn(|| journal.snapshot(mark, &knows, b"two"));
        let _ = journal.append(entry(Some((0, 1)), None, 0, b""));
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(snapshots(&disk), [] as [String; 0], "sequence 2 was decided and is not journaled");
        let _ = journal.append(entry(Some((0, 2)), None, 0, b""));
        snapshot.join().unwrap().unwrap();
    });
    let stopped = disk.crash(Survival::Nothing);
    assert_eq!(read(&shared(&stopped)).unwrap().len(), 2);
    assert_eq!(snapshots(&stopped).len(), 1);
}

#[test]
fn a_snapshot_of_what_is_never_journaled_is_refused() {
    let disk = SimDisk::new(1);
    let journal = Journal::open(shared(&disk), small()).unwrap();
    let knows = [Place { block: 3, sequence: 2 }];
    let error = journal.snapshot(journal.mark().unwrap(), &knows, b"two").unwrap_err();
    assert!(matches!(error, Error::PredecessorMissing { block: 3, sequence: 2, .. }), "{error}");
    assert_eq!(snapshots(&disk), [] as [String; 0]);
    journal.append(entry(None, None, 0, b"and on")).wait().unwrap();
}

#[test]
fn a_damaged_snapshot_is_passed_over_and_reported() {
    let disk = SimDisk::new(1);
    let story = story(20);
    let journal = Journal::open(shared(&disk), small()).unwrap();
    for (at, entry) in story.iter().enumerate() {
        if at == 6 || at == 12 {
            journal.snapshot(journal.mark().unwrap(), &vector(&story[..at]), &[at as u8; 100]).unwrap();
        }
        journal.append(entry.clone()).wait().unwrap();
    }
    journal.close().unwrap();
    let newest = snapshots(&disk).pop().unwrap();
    let bytes = disk.contents(&newest).unwrap();
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        disk.place(&newest, &flipped);
        let mut recovery = Recovery::begin(shared(&disk), From::Snapshot, Access::Read).unwrap();
        assert_eq!(recovery.take_snapshot().unwrap().state, [6; 100], "bit {bit}");
        assert_eq!(
            recovery.finish().unwrap().report().bad_snapshots,
            std::slice::from_ref(&newest),
            "bit {bit}"
        );
    }
    for length in 0..bytes.len() {
        disk.place(&newest, &bytes[..length]);
        let recovery = Recovery::begin(shared(&disk), From::Snapshot, Access::Read).unwrap();
        assert_eq!(
            recovery.finish().unwrap().report().bad_snapshots,
            std::slice::from_ref(&newest),
            "cut to {length}"
        );
    }
}

#[test]
fn a_snapshot_that_is_ahead_of_the_journal_is_an_error() {
    let disk = SimDisk::new(1);
    let story = story(30);
    let journal = Journal::open(shared(&disk), small()).unwrap();
    append(&journal, &story);
    journal.snapshot(journal.mark().unwrap(), &vector(&story), b"all").unwrap();
    journal.close().unwrap();
    let last = disk.list().unwrap().into_iter().filter(|name| common::is_segment(name)).max().unwrap();
    let bytes = disk.contents(&last).unwrap();
    disk.place(&last, &bytes[..bytes.len() - 10]);
    assert!(matches!(Journal::open(shared(&disk), small()), Err(Error::Behind { .. })));
    disk.take(&last);
    assert!(matches!(Journal::open(shared(&disk), small()), Err(Error::Behind { .. })));
}

#[test]
fn a_snapshot_that_fails_leaves_the_journal_as_it_is() {
    let story = story(10);
    for fail in 1..20 {
        let disk = SimDisk::new(fail);
        let journal = Journal::open(shared(&disk), small()).unwrap();
        append(&journal, &story);
        let mark = journal.mark().unwrap();
        disk.set_faults(Faults { fail_operation: Some(fail), ..Faults::default() });
        let outcome = journal.snapshot(mark, &vector(&story), b"state");
        disk.set_faults(Faults::default());
        journal.append(entry(Some((70, 1)), None, 0, b"")).wait().unwrap();
        journal.close().unwrap();
        let (_, finished) =
            read_from(&shared(&disk.crash(Survival::Nothing)), From::Snapshot, Access::Read).unwrap();
        assert_eq!(finished.records(), 11);
        assert!(outcome.is_err() || finished.report().snapshot.is_some());
    }
}

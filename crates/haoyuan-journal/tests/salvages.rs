//! A salvage keeps everything that verifies and names everything that is missing.

#![expect(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

mod common;

use common::{entry, read, read_from, seeds, small, story, write};
use haoyuan_journal::sim::{Faults, SimDisk, Survival};
use haoyuan_journal::{
    Access, Disk, Entry, Error, From, HashKind, Journal, Missing, Options, Salvaged, salvage, verify,
};
use std::sync::Arc;

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn segments(disk: &SimDisk) -> Vec<String> {
    let mut names = disk.list().unwrap();
    names.retain(|name| common::is_segment(name));
    names
}

/// Salvages, and checks what must hold for any damage: the new journal verifies, its records are some of the old in
/// their order, and the old records that have a place are either there or listed (unless nothing of their block
/// follows, which no sequence can tell).
#[track_caller]
fn check(disk: &SimDisk, whole: &[Entry], what: &str) -> (Salvaged, Vec<Entry>) {
    let to = SimDisk::new(2);
    let found =
        salvage(&shared(disk), &shared(&to), &small()).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut kept: Vec<Entry> = Vec::new();
    let report = verify(&shared(&to), &[], |_| ()).unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(report.entries + report.dangling.len() as u64, found.records, "{what}");
    // Read what dangles too: byte for byte, not through a recovery.
    let dangling = report.dangling.len();
    let (entries, _) = read_from(&shared(&to), From::Start, Access::Read).unwrap();
    assert_eq!(entries.len() + dangling, found.records as usize, "{what}");
    let mut rest = whole.iter();
    for entry in entries {
        assert!(rest.any(|old| *old == entry), "{what}: invented or out of order: {entry:?}");
        kept.push(entry);
    }
    // Exactly what is missing of each block, before its last kept transition.
    for missing in &found.missing {
        for sequence in missing.sequences.clone() {
            let place = Some(haoyuan_journal::Place { block: missing.block, sequence });
            assert!(kept.iter().all(|entry| entry.place != place), "{what}: {missing:?} is there");
            assert!(whole.iter().any(|entry| entry.place == place), "{what}: {missing:?} never was");
        }
    }
    for place in whole.iter().filter_map(|entry| entry.place) {
        let is_kept = kept.iter().any(|entry| entry.place == Some(place))
            || report.dangling.iter().any(|dangling| dangling.place == place);
        let is_listed = found
            .missing
            .iter()
            .any(|missing| missing.block == place.block && missing.sequences.contains(&place.sequence));
        let followed = kept
            .iter()
            .filter_map(|entry| entry.place)
            .chain(report.dangling.iter().map(|one| one.place))
            .any(|later| later.block == place.block && later.sequence > place.sequence);
        assert!(is_kept != is_listed || (!is_kept && !followed), "{what}: {place:?}");
    }
    (found, kept)
}

fn damaged(disk: &SimDisk, name: &str, at: usize) -> SimDisk {
    let disk = disk.copy();
    let mut bytes = disk.contents(name).unwrap();
    bytes[at] ^= 0x40;
    disk.place(name, &bytes);
    disk
}

#[test]
fn a_whole_journal_is_salvaged_whole() {
    let disk = SimDisk::new(1);
    let story = story(30);
    write(&shared(&disk), Options { shard: 9, ..small() }, &story);
    let (found, kept) = check(&disk, &story, "whole");
    assert_eq!(kept, story);
    assert_eq!(found, Salvaged { records: 30, ..Salvaged::default() });
}

#[test]
fn one_bad_byte_costs_one_record_and_its_place_is_named() {
    let disk = SimDisk::new(1);
    let journal = Journal::open(shared(&disk), small()).unwrap();
    for group in 0..4 {
        for number in 1..=3 {
            let _ = journal.append(entry(Some((number, group + 1)), None, 0, &[0xee; 30]));
        }
        journal.flush().unwrap();
    }
    journal.close().unwrap();
    let whole = read(&shared(&disk)).unwrap();
    // The second record of the second group.
    let record = 16 + 30;
    let at = 128 + (3 * record + 64) + record + 20;
    let disk = damaged(&disk, "00000001.hyj", at);
    let (found, _) = check(&disk, &whole, "one byte");
    assert_eq!((found.records, found.lost, found.unchained), (11, 1, 2));
    assert_eq!(found.missing, [Missing { block: 2, sequences: 2..=2 }]);
    assert_eq!(found.damage.len(), 1);
    assert_eq!(found.damage[0].offset, 128 + 3 * record as u64 + 64);
}

#[test]
fn whatever_byte_is_bad_the_rest_is_kept_and_the_loss_is_named() {
    for hash in [HashKind::Blake3, HashKind::Sm3] {
        let disk = SimDisk::new(1);
        let story = story(16);
        write(&shared(&disk), Options { hash: Some(hash), ..small() }, &story);
        let names = segments(&disk);
        for name in &names {
            for at in 0..disk.contents(name).unwrap().len() {
                let what = format!("byte {at} of `{name}`");
                let (found, kept) = check(&damaged(&disk, name, at), &story, &what);
                assert!(found.lost <= 1 && kept.len() + 12 >= story.len(), "{what}: {found:?}");
                assert!(!found.damage.is_empty() || found.torn.is_some(), "{what}: not reported");
            }
        }
    }
}

#[test]
fn what_is_salvaged_keeps_the_hash_of_its_chain() {
    for (hash, code) in [(HashKind::Blake3, 1), (HashKind::Sm3, 2)] {
        let (disk, to) = (SimDisk::new(1), SimDisk::new(2));
        write(&shared(&disk), Options { hash: Some(hash), ..small() }, &story(16));
        salvage(&shared(&disk), &shared(&to), &small()).unwrap();
        assert!(segments(&to).iter().all(|name| to.contents(name).unwrap()[12] == code), "{hash:?}");
    }
}

/// Part of a journal verifies like a whole one. So wherever a salvage stops, its folder must not be taken for one.
#[test]
fn a_salvage_that_did_not_end_is_no_journal() {
    let disk = SimDisk::new(1);
    write(&shared(&disk), small(), &story(16));
    let stopped = |faults| {
        let to = SimDisk::new(2);
        to.set_faults(faults);
        let ended = salvage(&shared(&disk), &shared(&to), &small()).is_ok();
        let (operations, ..) = to.operations();
        to.set_faults(Faults::default());
        (ended, to, operations)
    };
    let (ended, _, operations) = stopped(Faults::default());
    assert!(ended && operations > 10, "{operations} operations");
    let mut refused = 0;
    for fail in 1..=operations {
        let (ended, to, _) = stopped(Faults { fail_operation: Some(fail), ..Faults::default() });
        assert!(!ended, "operation {fail} failed");
        for to in [to.restart(), to.crash(Survival::Nothing), to.crash(Survival::Everything)] {
            match read(&shared(&to)) {
                Err(Error::Unfinished) => refused += 1,
                // Nothing was begun, or only the last name of it was not yet certain.
                Ok(entries) => assert!(entries.is_empty() || entries == story(16), "operation {fail}"),
                Err(error) => panic!("operation {fail}: {error}"),
            }
        }
    }
    assert!(refused > operations, "{refused} refused, of {operations} operations");
}

#[test]
fn many_bad_bytes_at_random() {
    let disk = SimDisk::new(1);
    let story = story(40);
    write(&shared(&disk), small(), &story);
    let names = segments(&disk);
    for seed in 0..seeds(300) {
        let disk = disk.copy();
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for _ in 0..=seed % 7 {
            random = (random ^ (random >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9).wrapping_add(seed);
            let name = &names[(random >> 40) as usize % names.len()];
            let mut bytes = disk.contents(name).unwrap();
            let at = (random >> 8) as usize % bytes.len();
            bytes[at] ^= (random as u8) | 1;
            disk.place(name, &bytes);
        }
        check(&disk, &story, &format!("seed {seed}"));
    }
}

/// Fuzzing the recovery found it: of a segment that ended within its header, a salvage worked out the header anew and then
/// asked how much of the file lay behind it, which was less than nothing.
#[test]
fn a_segment_cut_within_its_header_is_salvaged_around() {
    let whole = SimDisk::new(1);
    let story = story(40);
    write(&shared(&whole), small(), &story);
    for name in segments(&whole) {
        for length in 0..=160 {
            let disk = whole.copy();
            let bytes = disk.contents(&name).unwrap();
            disk.place(&name, &bytes[..bytes.len().min(length)]);
            check(&disk, &story, &format!("`{name}` of {length} bytes"));
        }
    }
}

#[test]
fn a_missing_segment_is_named_and_what_follows_is_kept() {
    let disk = SimDisk::new(1);
    let story = story(40);
    write(&shared(&disk), small(), &story);
    let names = segments(&disk);
    for (index, name) in names.iter().enumerate().take(names.len() - 1) {
        let bytes = disk.contents(name).unwrap();
        disk.take(name);
        let (found, _) = check(&disk, &story, &format!("`{name}` missing"));
        assert_eq!(found.segments_missing, [index as u32 + 1..=index as u32 + 1]);
        assert!(!found.missing.is_empty());
        disk.place(name, &bytes);
    }
}

#[test]
fn what_follows_a_gap_is_set_aside_and_reported_after_a_salvage() {
    let disk = SimDisk::new(1);
    let entries: Vec<Entry> = (1..=6).map(|sequence| entry(Some((3, sequence)), None, 0, &[1; 30])).collect();
    write(&shared(&disk), small(), &entries);
    let disk = damaged(&disk, "00000001.hyj", 128 + (46 + 64) + 20);
    let to = SimDisk::new(2);
    let found = salvage(&shared(&disk), &shared(&to), &small()).unwrap();
    assert_eq!(found.missing, [Missing { block: 3, sequences: 2..=2 }]);
    let (prefix, finished) = read_from(&shared(&to), From::Start, Access::Write).unwrap();
    assert_eq!(prefix, entries[..1]);
    let aside: Vec<u32> = finished.report().dangling.iter().map(|dangling| dangling.place.sequence).collect();
    assert_eq!(aside, [3, 4, 5, 6]);
    // The block goes on from its prefix; what was set aside stays aside, on every later reading.
    let journal = Journal::start(finished, small()).unwrap();
    journal.append(entry(Some((3, 2)), None, 9, b"anew")).wait().unwrap();
    journal.close().unwrap();
    let (again, finished) = read_from(&shared(&to), From::Start, Access::Read).unwrap();
    assert_eq!(again, [&entries[..1], &[entry(Some((3, 2)), None, 9, b"anew")]].concat());
    assert_eq!(finished.report().dangling.len(), 4);
}

#[test]
fn a_snapshot_shows_what_is_missing_at_the_end() {
    let disk = SimDisk::new(1);
    let story = story(20);
    let journal = Journal::open(shared(&disk), small()).unwrap();
    for entry in &story {
        journal.append(entry.clone()).wait().unwrap();
    }
    let vector = [haoyuan_journal::Place { block: 0, sequence: 6 }];
    journal.snapshot(journal.mark().unwrap(), &vector, b"").unwrap();
    journal.close().unwrap();
    for name in segments(&disk).iter().skip(1) {
        disk.take(name);
    }
    let to = SimDisk::new(2);
    let found = salvage(&shared(&disk), &shared(&to), &small()).unwrap();
    assert!(
        found.missing.iter().any(|missing| missing.block == 0 && *missing.sequences.end() == 6),
        "{found:?}"
    );
}

#[test]
fn only_an_empty_folder_takes_a_salvage() {
    let disk = SimDisk::new(1);
    write(&shared(&disk), small(), &story(3));
    assert!(matches!(salvage(&shared(&disk), &shared(&disk), &small()), Err(Error::NotEmpty { .. })));
}

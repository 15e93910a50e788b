//! A journal that somebody has changed is recovered, verified and salvaged without a panic: what does not verify is an
//! error, what verifies and does not fit is one too, and what a salvage brings over reads without an error.
//!
//! The first byte chooses: the bytes of the files are changed, or (`1`) the entries are, and written anew with checksums and
//! a chain that match. What follows it are the edits.

#![no_main]

use haoyuan::journal::sim::SimDisk;
use haoyuan::journal::{
    Access, Disk, Entry, From, Journal, Mode, Options, Payload, Place, Recovery, salvage, verify,
};
use haoyuan::{Refusals, rebuild};
use haoyuan_fuzz::{Edit, GOLDEN, LIMITS, SEGMENT, change, edits};
use libfuzzer_sys::{Corpus, fuzz_target};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

fn options() -> Options {
    let mode = Mode::Synced { max_delay: Duration::ZERO };
    Options {
        mode,
        threads: false,
        preallocate: 0,
        queue: 256,
        segment_bytes: 16 << 10,
        ..Options::default()
    }
}

fn shared(disk: &SimDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

/// The golden journal with its bytes changed.
fn changed_bytes(bytes: &[u8]) -> SimDisk {
    let mut segments = vec![GOLDEN.to_vec()];
    for edit in edits(bytes) {
        match edit.what {
            // Segments are missing, doubled, swapped.
            250 => segments.push(segments[edit.place % segments.len()].clone()),
            251 if segments.len() > 1 => drop(segments.remove(edit.place % segments.len())),
            252 => segments.rotate_left(1),
            _ => {
                let count = segments.len();
                change(&mut segments[usize::from(edit.value) % count], &edit);
            }
        }
    }
    let disk = SimDisk::new(1);
    for (number, segment) in (1..).zip(&segments) {
        disk.place(&format!("{number:08}.hyj"), segment);
    }
    disk
}

/// The golden journal with its entries changed and everything about them right: an insider's, or another version's.
fn changed_entries(bytes: &[u8]) -> SimDisk {
    let golden = SimDisk::new(1);
    golden.place(SEGMENT, GOLDEN);
    let mut entries: Vec<Entry> = Vec::new();
    let mut recovery =
        Recovery::begin(shared(&golden), From::Start, Access::Read).expect("the golden journal opens");
    while let Some(recovered) = recovery.next().expect("the golden journal reads") {
        entries.push(recovered.entry.to_owned());
    }
    for edit in edits(bytes) {
        let count = entries.len();
        if count == 0 {
            break;
        }
        let at = edit.place % count;
        match edit.what {
            240 => drop(entries.remove(at)),
            241 => entries.push(entries[at].clone()),
            242 => entries.swap(at, usize::from(edit.value) % count),
            243 => entries[at].kind = edit.value,
            244 => entries[at].patient = (edit.value > 0).then_some(u128::from(edit.value)),
            245 => entries[at].place = Some(Place { block: u32::from(edit.value), sequence: 1 }),
            _ => {
                let mut payload = entries[at].payload.bytes().to_vec();
                change(&mut payload, &Edit { place: edit.place / count, ..edit });
                entries[at].payload = Payload::new(&payload).unwrap_or_else(|_| entries[at].payload.clone());
            }
        }
    }
    // The journal takes each block's history in order and without a gap.
    let mut next: BTreeMap<u32, u32> = BTreeMap::new();
    let disk = SimDisk::new(2);
    let journal = Journal::open(shared(&disk), options()).expect("an empty folder opens");
    for mut entry in entries {
        if let Some(place) = &mut entry.place {
            let sequence = next.entry(place.block).or_default();
            *sequence += 1;
            place.sequence = *sequence;
        }
        let _ = journal.append(entry);
    }
    journal.close().expect("the simulated disk works");
    disk
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((mode, rest)) = bytes.split_first() else { return Corpus::Reject };
    let disk = shared(&if mode & 1 == 0 { changed_bytes(rest) } else { changed_entries(rest) });
    let verified = verify(&disk, &[], |_| ());
    let rebuilt = rebuild(&disk, From::Start, Access::Read, Some(LIMITS), &Refusals::All);
    match &rebuilt {
        Ok(rebuilt) => {
            assert!(verified.is_ok(), "recovered and not verified: {verified:?}");
            let _ = rebuilt.platform().state_hash();
            let _ = rebuilt.platform().engine().audit();
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let saved = shared(&SimDisk::new(3));
    if let Ok(salvaged) = salvage(&disk, &saved, &options()) {
        let mut recovery =
            Recovery::begin(Arc::clone(&saved), From::Start, Access::Read).expect("a salvaged journal opens");
        while recovery.next().expect("a salvaged journal reads").is_some() {}
        let finished = recovery.finish().expect("a salvaged journal reads to its end");
        assert_eq!(finished.records(), salvaged.records);
        // What a torn tail has of a record is no record for a recovery, and a loss for a salvage.
        if verified.is_ok_and(|report| report.torn.is_none()) {
            assert_eq!((salvaged.lost, salvaged.missing.len()), (0, 0), "a whole journal is salvaged whole");
        }
    }
    Corpus::Keep
});

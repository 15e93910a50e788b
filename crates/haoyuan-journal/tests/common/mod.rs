//! What the suites share: small journals, and reading them back.

#![allow(dead_code, reason = "each suite uses its part")]
#![allow(clippy::cast_possible_truncation, reason = "the numbers of a test are small")]

use haoyuan_journal::{
    Access, Disk, Entry, Error, Finished, From, Journal, Mode, Options, Payload, Place, Recovery,
};
use std::sync::Arc;
use std::time::Duration;

/// How many seeds a property is tried with; more through the environment.
pub(crate) fn seeds(default: u64) -> u64 {
    std::env::var("HAOYUAN_JOURNAL_SEEDS").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub(crate) fn entry(place: Option<(u32, u32)>, patient: Option<u128>, kind: u8, payload: &[u8]) -> Entry {
    let place = place.map(|(block, sequence)| Place { block, sequence });
    Entry { place, patient, kind, payload: Payload::new(payload).unwrap() }
}

/// Small segments, no threads: the same calls make the same bytes and the same operations.
pub(crate) fn small() -> Options {
    Options {
        mode: Mode::Synced { max_delay: Duration::ZERO },
        segment_bytes: 1536,
        // Of the groups of these stories some are small in comparison and some are large.
        preallocate: 1000,
        threads: false,
        predecessor_wait: Duration::from_millis(50),
        ..Options::default()
    }
}

/// Everything that can be read, in order.
pub(crate) fn read_from(
    disk: &Arc<dyn Disk>,
    from: From,
    access: Access,
) -> Result<(Vec<Entry>, Finished), Error> {
    let mut recovery = Recovery::begin(Arc::clone(disk), from, access)?;
    let mut entries = Vec::new();
    while let Some(recovered) = recovery.next()? {
        entries.push(recovered.entry.to_owned());
    }
    Ok((entries, recovery.finish()?))
}

pub(crate) fn read(disk: &Arc<dyn Disk>) -> Result<Vec<Entry>, Error> {
    Ok(read_from(disk, From::Start, Access::Read)?.0)
}

/// Writes the entries, each in a group of its own.
pub(crate) fn write(disk: &Arc<dyn Disk>, options: Options, entries: &[Entry]) {
    let journal = Journal::open(Arc::clone(disk), options).unwrap();
    for entry in entries {
        journal.append(entry.clone()).wait().unwrap();
    }
    journal.close().unwrap();
}

/// A few blocks and patients, payloads of every length up to a little over a hundred; in a legal order.
pub(crate) fn story(length: u32) -> Vec<Entry> {
    (0..length)
        .map(|number| {
            let place = (number % 5 != 4).then_some((number % 3, 0));
            let patient = (number % 4 != 3).then_some((u128::from(number % 7 + 1) << 100) | 5);
            let payload: Vec<u8> = (0..number * 13 % 131).map(|byte| (byte * 7 + number) as u8).collect();
            (place, patient, (number % 200) as u8, payload)
        })
        .scan([0_u32; 3], |next, (place, patient, kind, payload)| {
            let place = place.map(|(block, _): (u32, u32)| {
                next[block as usize] += 1;
                (block, next[block as usize])
            });
            Some(entry(place, patient, kind, &payload))
        })
        .collect()
}

pub(crate) fn is_segment(name: &str) -> bool {
    name.strip_suffix(".hyj").is_some()
}

pub(crate) fn is_snapshot(name: &str) -> bool {
    name.strip_suffix(".hys").is_some()
}

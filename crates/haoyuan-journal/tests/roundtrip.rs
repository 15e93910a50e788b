//! Whatever entries, whatever options: what was written is what is read.

mod common;

use common::{entry, read, small};
use haoyuan_journal::sim::{SimDisk, Survival};
use haoyuan_journal::{Disk, Entry, HashKind, Journal, Options, verify};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;

fn entries() -> impl Strategy<Value = Vec<Entry>> {
    let block = prop_oneof![0..4_u32, Just(u32::MAX), Just((1 << 24) - 1), Just(1 << 24)];
    let payload = prop_oneof![
        8 => proptest::collection::vec(any::<u8>(), 0..160),
        1 => proptest::collection::vec(any::<u8>(), 0..3000),
    ];
    let one = (proptest::option::of(block), proptest::option::of(any::<u128>()), any::<u8>(), payload);
    proptest::collection::vec(one, 0..60).prop_map(|entries| {
        let mut next = HashMap::new();
        entries
            .into_iter()
            .map(|(block, patient, kind, payload)| {
                let place = block.map(|block| {
                    let sequence = next.entry(block).or_insert(0_u32);
                    *sequence += 1;
                    (block, *sequence)
                });
                entry(place, patient, kind, &payload)
            })
            .collect()
    })
}

fn options() -> impl Strategy<Value = Options> {
    (any::<bool>(), 200..6000_u64, 0..4000_u64, 1..4000_usize, any::<u64>()).prop_map(
        |(sm3, segment_bytes, preallocate, group_bytes, shard)| Options {
            hash: Some(if sm3 { HashKind::Sm3 } else { HashKind::Blake3 }),
            segment_bytes,
            preallocate,
            group_bytes,
            shard,
            ..small()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_what_is_read(entries in entries(), options in options(), flushes in 1..20_usize) {
        let disk = SimDisk::new(1);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        let mut written = 0;
        // In two lives, with a group now and then.
        for life in [&entries[..entries.len() / 2], &entries[entries.len() / 2..]] {
            let journal = Journal::open(Arc::clone(&shared), options.clone()).unwrap();
            for (at, entry) in life.iter().enumerate() {
                let _ = journal.append(entry.clone());
                if at % flushes == 0 {
                    journal.flush().unwrap();
                }
            }
            written += life.len();
            journal.close().unwrap();
        }
        let after: Arc<dyn Disk> = Arc::new(disk.crash(Survival::Nothing));
        prop_assert_eq!(read(&after).unwrap(), entries);
        let report = verify(&after, &[], |_| ()).unwrap();
        prop_assert_eq!(report.entries, written as u64);
        prop_assert_eq!(report.torn, None);
    }

    #[test]
    fn any_bytes_in_the_place_of_a_segment_give_an_error_or_a_report(
        bytes in proptest::collection::vec(any::<u8>(), 0..2000),
        keep in 0..600_usize,
    ) {
        let disk = SimDisk::new(1);
        let shared: Arc<dyn Disk> = Arc::new(disk.clone());
        common::write(&shared, small(), &common::story(6));
        let whole = read(&shared).unwrap();
        let mut file = disk.contents("00000001.hyj").unwrap();
        file.truncate(keep);
        file.extend(bytes);
        disk.place("00000001.hyj", &file);
        if let Ok(entries) = read(&shared) {
            prop_assert!(whole.starts_with(&entries));
        }
    }
}

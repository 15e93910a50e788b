//! The journals in `tests/golden` were written once and are never written again: what this program writes must be the
//! same bytes, and what they say must still be read.
//!
//! A change of the format is a new version and a new golden journal beside the old. `HAOYUAN_JOURNAL_GOLDEN=write`
//! writes the folder of the current version anew.

mod common;

use common::{read_from, small, story};
use haoyuan_journal::sim::SimDisk;
use haoyuan_journal::{Access, Disk, From, HashKind, Journal, Options, Place, heads, verify_heads};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name)
}

fn written(hash: HashKind) -> SimDisk {
    let disk = SimDisk::new(1);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let journal =
        Journal::open(shared, Options { hash: Some(hash), shard: 220_000, segment_bytes: 1024, ..small() })
            .unwrap();
    for (at, entry) in story(25).into_iter().enumerate() {
        let _ = journal.append(entry);
        if at % 3 == 2 {
            journal.flush().unwrap();
        }
        if at == 11 {
            let vector = [(0, 3), (1, 3), (2, 4)].map(|(block, sequence)| Place { block, sequence });
            journal.snapshot(journal.mark().unwrap(), &vector, b"the state").unwrap();
        }
    }
    journal.close().unwrap();
    disk
}

fn check(name: &str, hash: HashKind) {
    let folder = folder(name);
    let disk = written(hash);
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let exported: String =
        heads(&shared).unwrap().iter().flat_map(|head| [head.to_string(), "\n".to_owned()]).collect();
    let mut files: BTreeMap<String, Vec<u8>> =
        disk.list().unwrap().into_iter().map(|name| (name.clone(), disk.contents(&name).unwrap())).collect();
    files.insert("heads.txt".to_owned(), exported.into_bytes());
    if std::env::var("HAOYUAN_JOURNAL_GOLDEN").is_ok_and(|value| value == "write") {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, bytes) in &files {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
    let golden: BTreeMap<String, Vec<u8>> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|file| {
            let path = file.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), std::fs::read(&path).unwrap())
        })
        .collect();
    assert_eq!(golden.keys().collect::<Vec<_>>(), files.keys().collect::<Vec<_>>());
    for (name, bytes) in &golden {
        assert!(files[name] == *bytes, "`{name}` is not what this program writes");
    }
    // Read from the golden files themselves, without writing into the repository.
    let disk = SimDisk::new(1);
    for (name, bytes) in &golden {
        disk.place(name, bytes);
    }
    let shared: Arc<dyn Disk> = Arc::new(disk);
    let (entries, finished) = read_from(&shared, From::Start, Access::Read).unwrap();
    assert_eq!(entries, story(25));
    assert!(finished.report().torn.is_none());
    let (after, finished) = read_from(&shared, From::Snapshot, Access::Read).unwrap();
    assert_eq!(after, story(25)[12..]);
    assert!(finished.report().snapshot.is_some());
    let lines = String::from_utf8(golden["heads.txt"].clone()).unwrap();
    verify_heads(&shared, &lines.lines().map(|line| line.parse().unwrap()).collect::<Vec<_>>()).unwrap();
}

#[test]
fn the_golden_journal_of_version_1_with_blake3_is_written_and_read() {
    check("v1-blake3", HashKind::Blake3);
}

#[test]
fn the_golden_journal_of_version_1_with_sm3_is_written_and_read() {
    check("v1-sm3", HashKind::Sm3);
}

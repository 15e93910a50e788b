//! What the journal costs on this disk, each figure beside the bare disk in the same run.
//!
//! `cargo run --release -p haoyuan-journal --example figures [FOLDER]`

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "figures for people, from counts that are small"
)]

use haoyuan_journal::{
    Access, Disk, Entry, Folder, From, HashKind, Journal, Mode, Options, Payload, Place, Recovery, verify,
};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A decision as the engine records it, give or take.
const PAYLOAD: usize = 40;

fn main() {
    let root = std::env::args().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let root = root.join(format!("haoyuan-journal-figures-{}", std::process::id()));
    std::fs::create_dir_all(&root).expect("the folder can be made");
    if std::env::args().nth(2).is_some() {
        many(&root, HashKind::Blake3);
        std::fs::remove_dir_all(&root).expect("the folder can be removed");
        return;
    }
    append(&root, 1);
    append(&root, 2);
    one_alone(&root);
    callers(&root, 16);
    many(&root, HashKind::Blake3);
    many(&root, HashKind::Sm3);
    reading(&root);
    std::fs::remove_dir_all(&root).expect("the folder can be removed");
}

fn entry(block: u32, sequence: u32, patient: u128) -> Entry {
    Entry {
        place: Some(Place { block, sequence }),
        patient: Some(patient),
        kind: 1,
        payload: Payload::new(black_box(&[7; PAYLOAD])).expect("short"),
    }
}

fn open(root: &Path, name: &str, options: Options) -> (Arc<dyn Disk>, Journal) {
    let disk: Arc<dyn Disk> = Arc::new(Folder::create(root.join(name)).expect("the folder can be made"));
    let journal = Journal::open(Arc::clone(&disk), options).expect("the journal opens");
    (disk, journal)
}

fn asynchronous() -> Options {
    let mode = Mode::Async { window: Duration::from_millis(10), records: 1 << 17 };
    Options { mode, queue: 1 << 16, ..Options::default() }
}

/// What `append` costs the deciding thread while the queue has room.
fn append(root: &Path, threads: u32) {
    const BURST: u32 = 8_000;
    let (_, journal) = open(root, &format!("append-{threads}"), asynchronous());
    let mut costs: Vec<f64> = Vec::new();
    for round in 0..60 {
        journal.flush().expect("the disk works");
        let spent: Vec<Duration> = std::thread::scope(|scope| {
            let handles: Vec<_> = (0..threads)
                .map(|thread| {
                    let journal = &journal;
                    scope.spawn(move || {
                        let begun = Instant::now();
                        for number in 0..BURST {
                            let block = thread * 1000 + number % 1000;
                            let sequence = round * (BURST / 1000) + number / 1000 + 1;
                            let _ = journal.append(entry(block, sequence, u128::from(number) << 64 | 1));
                        }
                        begun.elapsed()
                    })
                })
                .collect();
            handles.into_iter().map(|handle| handle.join().expect("no panic")).collect()
        });
        costs.extend(spent.iter().map(|spent| spent.as_nanos() as f64 / f64::from(BURST)));
    }
    costs.sort_by(f64::total_cmp);
    println!(
        "append, {threads} thread(s), bursts of {BURST}: best {:.0} ns, median {:.0} ns",
        costs[0],
        costs[costs.len() / 2]
    );
    journal.close().expect("the disk works");
}

fn percentiles(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_nanos() as f64 / 1000.0;
    format!("min {:.0} µs, p50 {:.0} µs, p99 {:.0} µs", at(0.0), at(0.5), at(0.99))
}

/// A bare file, filled with zeros: one write and one sync each.
fn bare(root: &Path, size: usize, count: usize) -> Vec<Duration> {
    let folder = Folder::open(root).expect("the folder is there");
    let mut file = folder.create("bare").expect("the file can be made");
    file.preallocate(0, (size * count) as u64).expect("the disk works");
    file.sync_data().expect("the disk works");
    let bytes: Vec<u8> = (0..size).map(|at| at as u8).collect();
    let times = (0..count)
        .map(|number| {
            let begun = Instant::now();
            let written = file.write_at((number * size) as u64, &bytes).expect("the disk works");
            assert_eq!(written, size);
            file.sync_data().expect("the disk works");
            begun.elapsed()
        })
        .collect();
    folder.remove("bare").expect("the file can be removed");
    times
}

fn one_alone(root: &Path) {
    const COUNT: usize = 3000;
    let size = 16 + 16 + PAYLOAD + 64;
    let before = bare(root, size, COUNT);
    let (_, journal) = open(root, "one", Options::default());
    let times = (0..COUNT)
        .map(|number| {
            let begun = Instant::now();
            journal.append(entry(0, number as u32 + 1, 1)).wait().expect("the disk works");
            begun.elapsed()
        })
        .collect();
    journal.close().expect("the disk works");
    println!("one synced caller: {}", percentiles(times));
    println!(
        "  bare write+sync: {} before, {} after",
        percentiles(before),
        percentiles(bare(root, size, COUNT))
    );
}

/// Callers that each wait for their receipt before they bring the next entry.
fn callers(root: &Path, threads: u32) {
    const EACH: u32 = 2000;
    let (_, journal) = open(root, "callers", Options::default());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let journal = &journal;
            scope.spawn(move || {
                for number in 1..=EACH {
                    journal
                        .append(entry(thread, number, u128::from(thread) + 1))
                        .wait()
                        .expect("the disk works");
                }
            });
        }
    });
    let spent = begun.elapsed();
    let stats = journal.stats();
    journal.close().expect("the disk works");
    let size = (stats.bytes / stats.groups) as usize;
    let bare: Duration = bare(root, size, stats.groups as usize).iter().sum();
    println!(
        "{threads} callers that each wait: {:.0} records/s, {:.1} a group; bare loop of these groups: {:.0} %",
        stats.records as f64 / spent.as_secs_f64(),
        stats.records as f64 / stats.groups as f64,
        100.0 * bare.as_secs_f64() / spent.as_secs_f64()
    );
}

/// One caller that never waits. In turns with the bare disk, because the disk of a shared machine changes its mind.
fn many(root: &Path, hash: HashKind) {
    const ROUNDS: u32 = 11;
    let each = if hash == HashKind::Sm3 { 100_000 } else { 600_000 };
    let (_, journal) = open(root, &format!("many-{hash:?}"), Options { hash, ..Options::default() });
    let mut rounds: Vec<(f64, f64, f64, u64)> = Vec::new();
    for round in 0..ROUNDS {
        let before = journal.stats();
        let begun = Instant::now();
        for number in round * each..(round + 1) * each {
            let _ = journal.append(entry(number % 5000, number / 5000 + 1, u128::from(number % 77_777) + 1));
        }
        journal.flush().expect("the disk works");
        let spent = begun.elapsed().as_secs_f64();
        let after = journal.stats();
        let groups = after.groups - before.groups;
        let size = (after.bytes - before.bytes) / groups;
        let bare: Duration = bare(root, size as usize, groups as usize).iter().sum();
        let bare = bare.as_secs_f64();
        rounds.push((bare / spent, f64::from(each) / spent / 1e6, f64::from(each) / bare / 1e6, size));
    }
    let stats = journal.stats();
    journal.close().expect("the disk works");
    rounds.sort_by(|one, other| one.0.total_cmp(&other.0));
    for (what, (share, rate, bare, size)) in
        [("worst", rounds[0]), ("median", rounds[rounds.len() / 2]), ("best", rounds[rounds.len() - 1])]
    {
        println!(
            "many in flight, {hash:?}, {what} round: {rate:.2} M records/s in groups of {size} bytes; bare loop {bare:.2} \
             M/s: {:.0} %",
            share * 100.0
        );
    }
    println!(
        "  {} segments, {:.1} bytes a record",
        stats.segments + 1,
        stats.bytes as f64 / stats.records as f64
    );
}

fn reading(root: &Path) {
    for hash in [HashKind::Blake3, HashKind::Sm3] {
        let disk: Arc<dyn Disk> =
            Arc::new(Folder::open(root.join(format!("many-{hash:?}"))).expect("written before"));
        for _ in 0..2 {
            let begun = Instant::now();
            let mut recovery =
                Recovery::begin(Arc::clone(&disk), From::Start, Access::Read).expect("it opens");
            let mut sum = 0;
            let mut records = 0_u64;
            while let Some(recovered) = recovery.next().expect("it verifies") {
                sum += usize::from(recovered.entry.payload[0]);
                records += 1;
            }
            let spent = begun.elapsed();
            black_box(sum);
            println!("recovery, {hash:?}: {:.1} M records/s", records as f64 / spent.as_secs_f64() / 1e6);
            let begun = Instant::now();
            let report = verify(&disk, &[], |_| ()).expect("it verifies");
            let spent = begun.elapsed();
            println!("verification, {hash:?}: {:.2} GB/s", report.bytes as f64 / spent.as_secs_f64() / 1e9);
        }
    }
}

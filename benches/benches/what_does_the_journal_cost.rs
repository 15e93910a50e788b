//! What does the journal cost? The deciding thread, one caller who waits, many who do, reading it back, and bytes.
//!
//! The baseline is the bare disk in the same run: the same bytes in groups of the same size, each written and synced by a
//! loop that does nothing else, in turns with the journal, because the disk of a shared machine changes its mind. For the
//! deciding thread it is the same morning rush without a journal. `HAOYUAN_BENCH_DIR` chooses the disk.

#![expect(clippy::cast_precision_loss, reason = "figures for people, from counts that are small")]

use cpu_time::ProcessTime;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haoyuan::engine::{Engine, Limits, Trace};
use haoyuan::journal::disk::{File, Lock};
use haoyuan::journal::{
    Access, Disk, Entry, Folder, From, HashKind, Journal, Mode, Options, Payload, Place, Recovery, verify,
};
use haoyuan::{Durability, Refusals, Registry, rebuild};
use haoyuan_benches::drive::{Spent, together};
use haoyuan_benches::hospital::{RUSH, Tickets, release, rules};
use haoyuan_benches::measure::{Figure, print_machine, rounds, scaled, smoke};
use haoyuan_benches::trace::{PATIENTS, Request, SEED, morning_rush};
use std::collections::VecDeque;
use std::fs;
use std::hint::black_box;
use std::io::{self, Seek as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A decision of a rush in the journal, give or take: see the bytes that are printed.
const PAYLOAD: usize = 28;
/// The same with its front and, alone, its commit block.
const ALONE: usize = 8 + 8 + 16 + PAYLOAD + 64;

struct Bench {
    root: tempfile::TempDir,
}

fn entry(block: u32, sequence: u32, patient: u128) -> Entry {
    Entry {
        place: Some(Place { block, sequence }),
        patient: Some(patient),
        kind: 1,
        payload: Payload::new(black_box(&[7; PAYLOAD])).expect("short"),
    }
}

/// A bare file, written with zeros beforehand as the journal's segments are, and by nothing but the standard library.
struct Bare {
    path: PathBuf,
    file: fs::File,
    group: Vec<u8>,
}

impl Bare {
    fn new(bench: &Bench, size: usize, groups: u64) -> Self {
        let path = bench.root.path().join("bare");
        let mut file = fs::File::create(&path).expect("the file can be made");
        for _ in 0..groups {
            file.write_all(&vec![0; size]).expect("the disk works");
        }
        file.sync_all().and_then(|()| file.rewind()).expect("the disk works");
        let group = (0..size).map(|at| at.to_le_bytes()[0] | 1).collect();
        Self { path, file, group }
    }

    /// One write and one sync.
    fn write(&mut self) {
        self.file.write_all(&self.group).and_then(|()| self.file.sync_data()).expect("the disk works");
    }

    fn time(mut self, groups: u64) -> Duration {
        let began = Instant::now();
        (0..groups).for_each(|_| self.write());
        let spent = began.elapsed();
        fs::remove_file(&self.path).expect("the file can be removed");
        spent
    }
}

impl Bench {
    fn new() -> Self {
        let root = std::env::var_os("HAOYUAN_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
        Self { root: tempfile::tempdir_in(root).expect("a folder on the disk that is measured") }
    }

    fn disk(&self, name: &str) -> Arc<dyn Disk> {
        Arc::new(Folder::create(self.root.path().join(name)).expect("the folder can be made"))
    }

    fn journal(&self, name: &str, options: Options) -> Journal {
        Journal::open(self.disk(name), options).expect("the journal opens")
    }
}

fn verdict(holds: bool) -> &'static str {
    if holds { "met" } else { "missed" }
}

fn asynchronous() -> Options {
    let mode = Mode::Async { window: Duration::from_millis(10), records: 1 << 17 };
    Options { mode, queue: 1 << 16, ..Options::default() }
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

// ---- the deciding thread ---------------------------------------------------------------------------------------------

/// Bursts that fit into the queue: what the deciding thread pays to hand an entry over. What counts is its own time on a
/// processor: two threads that do nothing but append, and the journal's own, want three processors.
fn append(bench: &Bench) {
    const BURST: u32 = 8_000;
    for threads in [1, 2] {
        let journal = bench.journal(&format!("append-{threads}"), asynchronous());
        let mut figure = Figure::default();
        let mut round = 0;
        for _ in 0..scaled(100).max(2) {
            journal.flush().expect("the disk works");
            let mut hands: Vec<u32> = (0..threads).collect();
            let spent = together(&mut hands, |thread| {
                for number in 0..BURST {
                    let (block, sequence) = (*thread * 1_000 + number % 1_000, round + number / 1_000 + 1);
                    let _ = journal.append(entry(block, sequence, u128::from(number) << 64 | 1));
                }
            });
            round += BURST / 1_000;
            let each = Spent { wall: spent.wall * threads, ..spent };
            figure.add(each, u64::from(BURST * threads));
        }
        journal.close().expect("the disk works");
        println!(
            "append, {threads} thread(s), of each:                {figure}; at most 40 ns on processors: {}",
            verdict(figure.on_cpu() <= 40.0)
        );
    }
}

const PRACTITIONERS: u32 = 100;
const HALF_HOURS: u32 = 20;

fn limits() -> Limits {
    let blocks = PRACTITIONERS * HALF_HOURS;
    let seats = blocks * u32::from(RUSH.seats);
    Limits {
        blocks,
        seats,
        sessions: PRACTITIONERS,
        shapes: 16,
        patients: PATIENTS,
        entries: seats + 4 * PATIENTS,
    }
}

fn publish<T: Trace>(engine: &Engine<T>) {
    let (tree, rules) = (RUSH.tree(), rules(Tickets::NotNeeded));
    for number in 0..PRACTITIONERS {
        let plan = RUSH.plan(number, HALF_HOURS, &tree, &rules);
        engine.publish(&plan, release().plus(-1)).expect("there is room for every session");
    }
}

/// One client asks the whole trace; the time, and how many seats it was granted.
fn ask<T: Trace>(engine: &Engine<T>, trace: &[Request]) -> (Spent, u64) {
    let mut granted = [0];
    let spent = together(&mut granted, |granted| {
        for request in trace {
            *granted += u64::from(engine.book(&request.wish(), release()).is_ok());
        }
    });
    (spent, granted[0])
}

/// The same rush with and without a journal, in turns: what a decision costs more, whoever pays for it.
fn rush(bench: &Bench, trace: &[Request]) {
    let (mut bare, mut grants, mut all) = (Figure::default(), Figure::default(), Figure::default());
    let mut bytes = (0, 0);
    let (mut rebuilds, mut worked) = (Vec::new(), 0.0);
    for round in 0..rounds() {
        let engine = Engine::new(limits());
        publish(&engine);
        let (spent, granted) = ask(&engine, trace);
        bare.add(spent, trace.len() as u64);
        for (refusals, figure) in [(Refusals::PerMinute, &mut grants), (Refusals::All, &mut all)] {
            let is_all = refusals == Refusals::All;
            let folder = bench.root.path().join(format!("rush-{round}-{is_all}"));
            let durability = Durability::Async { window: Duration::from_millis(50), records: 1 << 19 };
            let mut options =
                haoyuan::Options { durability, refusals, limits: Some(limits()), ..Default::default() };
            options.journal.queue = 1 << 18;
            let registry = Registry::open(&folder, options).expect("the journal opens");
            publish(registry.engine());
            let journal = registry.journal().expect("there is one");
            journal.flush().expect("the disk works");
            let before = journal.stats();
            let (spent, journaled) = ask(registry.engine(), trace);
            assert_eq!(journaled, granted, "a journal changes no verdict");
            figure.add(spent, trace.len() as u64);
            journal.flush().expect("the disk works");
            let after = journal.stats();
            if is_all {
                assert_eq!(after.records - before.records, trace.len() as u64, "every decision is recorded");
                bytes = (bytes.0 + after.bytes - before.bytes, bytes.1 + after.records - before.records);
            }
            let hash = registry.state_hash();
            registry.close().expect("the disk works");
            if is_all {
                let disk: Arc<dyn Disk> = Arc::new(Folder::open(&folder).expect("written before"));
                let (began, work) = (Instant::now(), ProcessTime::now());
                let rebuilt = rebuild(&disk, From::Start, Access::Read, Some(limits()), &Refusals::All)
                    .expect("it recovers");
                let records = rebuilt.report().entries as f64;
                rebuilds.push(records / began.elapsed().as_secs_f64() / 1e6);
                worked += work.elapsed().as_secs_f64() / records;
                assert_eq!(rebuilt.platform().state_hash(), hash, "the state that was");
            }
            std::fs::remove_dir_all(&folder).expect("the folder can be removed");
        }
    }
    println!("rush, one thread, no journal:                {bare}");
    println!("rush, every grant recorded, refusals counted:{grants}");
    println!("rush, every grant and every refusal recorded:{all}");
    worked *= 1e9 / rebuilds.len() as f64;
    println!(
        "recovery into an engine, {:.0} ns a record on the processors: {:.1} M records/s of that rush",
        worked,
        middle(rebuilds)
    );
    let each = bytes.0 as f64 / bytes.1 as f64;
    println!(
        "bytes of a decision of the rush, commit blocks included: {each:.1}; at most 96: {}",
        verdict(each <= 96.0)
    );
}

// ---- callers who wait ------------------------------------------------------------------------------------------------

fn one_alone(bench: &Bench) {
    let count = scaled(2_000).max(20);
    let journal = bench.journal("one", Options::default());
    let mut bare = Bare::new(bench, ALONE, count as u64);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for number in 1..=u32::try_from(count).expect("a few thousand") {
        let began = Instant::now();
        journal.append(entry(0, number, 1)).wait().expect("the disk works");
        ours.push(began.elapsed().as_nanos() as f64 / 1_000.0);
        let began = Instant::now();
        bare.write();
        theirs.push(began.elapsed().as_nanos() as f64 / 1_000.0);
    }
    journal.close().expect("the disk works");
    let (ours, theirs) = (middle(ours), middle(theirs));
    println!(
        "one caller who waits: median {ours:.0} µs, bare write and sync {theirs:.0} µs: {:.2} times; at most 1.5: {}",
        ours / theirs,
        verdict(ours <= 1.5 * theirs)
    );
}

/// A medium that takes everything at once and keeps nothing: what is left is the way from the callers to it.
struct Nowhere;

struct Nothing(u64);

impl Lock for Nothing {}

impl Disk for Nowhere {
    fn lock(&self) -> io::Result<Box<dyn Lock>> {
        Ok(Box::new(Nothing(0)))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        Ok(Vec::new())
    }

    fn open(&self, _: &str, _: bool) -> io::Result<Box<dyn File>> {
        Err(io::ErrorKind::NotFound.into())
    }

    fn create(&self, _: &str) -> io::Result<Box<dyn File>> {
        Ok(Box::new(Nothing(0)))
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        Ok(())
    }

    fn sync_dir(&self) -> io::Result<()> {
        Ok(())
    }

    fn name(&self) -> String {
        "nowhere".to_owned()
    }
}

impl File for Nothing {
    fn read_at(&self, _: u64, _: &mut [u8]) -> io::Result<usize> {
        Ok(0)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.0 = self.0.max(offset + bytes.len() as u64);
        Ok(bytes.len())
    }

    fn preallocate(&mut self, _: u64, to: u64) -> io::Result<()> {
        self.0 = self.0.max(to);
        Ok(())
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0 = length;
        Ok(())
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0)
    }
}

/// One round of `each` entries a thread, with `flight` of all threads on their way.
fn fly(journal: &Journal, threads: u32, flight: usize, round: u32, each: u32) -> Spent {
    let mut hands: Vec<u32> = (0..threads).collect();
    together(&mut hands, |thread| {
        let mut flying = VecDeque::with_capacity(flight);
        for number in round * each..(round + 1) * each {
            let (block, sequence) = (*thread * 5_000 + number % 5_000, number / 5_000 + 1);
            flying.push_back(journal.append(entry(
                block,
                sequence,
                (u128::from(number % 77_777) << 32) + u128::from(*thread) + 1,
            )));
            while flying.front().is_some_and(haoyuan::journal::Receipt::is_durable) {
                flying.pop_front();
            }
            if flying.len() * threads as usize >= flight {
                flying.pop_front().expect("it flies").wait().expect("the disk works");
            }
        }
        for receipt in flying {
            receipt.wait().expect("the disk works");
        }
    })
}

/// Callers with `flight` decisions on their way, all together; each new one takes off when the oldest has landed.
fn callers(bench: &Bench, hash: HashKind, threads: u32, flight: usize) {
    let each = if smoke() {
        2_000
    } else {
        u32::try_from(flight).expect("a few thousand").clamp(1_000, 20_000) * 48 / threads
    };
    let name = format!("callers-{hash:?}-{threads}-{flight}");
    let journal = bench.journal(&name, Options { hash: Some(hash), ..Options::default() });
    let mut shares = Vec::new();
    let (mut rates, mut bares, mut sizes, mut worked) = (Vec::new(), Vec::new(), Vec::new(), 0.0);
    for round in 0..u32::try_from(rounds()).expect("a few") {
        let (before, work) = (journal.stats(), ProcessTime::now());
        let spent = fly(&journal, threads, flight, round, each);
        worked += work.elapsed().as_secs_f64();
        let after = journal.stats();
        let groups = after.groups - before.groups;
        let size = usize::try_from((after.bytes - before.bytes) / groups).expect("a group fits into memory");
        let bare = Bare::new(bench, size, groups).time(groups).as_secs_f64();
        let (ours, records) = (spent.wall.as_secs_f64(), f64::from(each * threads));
        shares.push(bare / ours);
        rates.push(records / ours / 1e6);
        bares.push(records / bare / 1e6);
        sizes.push(size as f64);
    }
    journal.close().expect("the disk works");
    let path = Journal::open(Arc::new(Nowhere), Options { hash: Some(hash), ..Options::default() })
        .expect("it opens");
    let paths = (0..u32::try_from(rounds()).expect("a few")).map(|round| {
        let spent = fly(&path, threads, flight, round, each);
        f64::from(each * threads) / spent.wall.as_secs_f64() / 1e6
    });
    let path_rate = middle(paths.collect());
    path.close().expect("nothing can fail");
    let each = worked * 1e9 / (f64::from(each * threads) * shares.len() as f64);
    let least = shares.iter().copied().fold(f64::INFINITY, f64::min);
    let most = shares.iter().copied().fold(0.0, f64::max);
    let median = middle(shares);
    println!(
        "{hash:?}, {threads} thread(s), {flight:5} in flight: {:.2} M/s in groups of {:.0} bytes, bare {:.2} M/s, \
         {path_rate:.2} M/s if the disk took no time, {each:.0} ns a record on the processors; \
         {:.0} % of the bare disk ({:.0} to {:.0}); at least 50: {}",
        middle(rates),
        middle(sizes),
        middle(bares),
        100.0 * median,
        100.0 * least,
        100.0 * most,
        verdict(median >= 0.5)
    );
}

// ---- reading back ----------------------------------------------------------------------------------------------------

fn reading(bench: &Bench, hash: HashKind) {
    let name = format!("reading-{hash:?}");
    let journal = bench.journal(&name, Options { hash: Some(hash), ..asynchronous() });
    let count = u32::try_from(scaled(2_000_000)).expect("a few millions");
    for number in 0..count {
        let _ = journal.append(entry(number % 5_000, number / 5_000 + 1, u128::from(number % 77_777) + 1));
    }
    journal.close().expect("the disk works");
    let disk = bench.disk(&name);
    let (mut rates, mut speeds) = (Vec::new(), Vec::new());
    for _ in 0..rounds() {
        let began = Instant::now();
        let mut recovery = Recovery::begin(Arc::clone(&disk), From::Start, Access::Read).expect("it opens");
        let mut records = 0_u64;
        while let Some(recovered) = recovery.next().expect("it verifies") {
            black_box(recovered.entry.payload[0]);
            records += 1;
        }
        assert_eq!(records, u64::from(count));
        rates.push(records as f64 / began.elapsed().as_secs_f64() / 1e6);
        let began = Instant::now();
        let report = verify(&disk, &[], |_| ()).expect("it verifies");
        speeds.push(report.bytes as f64 / began.elapsed().as_secs_f64() / 1e9);
    }
    let (rate, speed) = (middle(rates), middle(speeds));
    println!(
        "recovery, {hash:?}, from the page cache, one core: {rate:.1} M records/s; at least 5: {}",
        verdict(rate >= 5.0)
    );
    println!("verification, {hash:?}: {speed:.2} GB/s; at least 1 with BLAKE3: {}", verdict(speed >= 1.0));
}

fn bench(c: &mut Criterion) {
    print_machine();
    let bench = Bench::new();
    println!("disk: that of the system's temporary folder; TMPDIR names another");
    let trace = morning_rush(SEED, PATIENTS, PRACTITIONERS, HALF_HOURS);
    append(&bench);
    rush(&bench, &trace);
    one_alone(&bench);
    for (threads, flight) in [(2, 2), (4, 4), (8, 8), (2, 64), (2, 1_024), (2, 4_096), (2, 16_384)] {
        callers(&bench, HashKind::Blake3, threads, flight);
    }
    callers(&bench, HashKind::Sm3, 2, 4_096);
    reading(&bench, HashKind::Blake3);
    reading(&bench, HashKind::Sm3);

    let mut group = c.benchmark_group("journal");
    group.throughput(Throughput::Elements(1));
    let journal = bench.journal("criterion", Options::default());
    let mut sequence = 0;
    group.bench_function("one synced caller", |b| {
        b.iter(|| {
            sequence += 1;
            journal.append(entry(0, sequence, 1)).wait().expect("the disk works");
        });
    });
    let mut bare = Bare::new(&bench, ALONE, 1 << 18);
    group.bench_function("bare write and sync", |b| b.iter(|| bare.write()));
    group.finish();
    journal.close().expect("the disk works");
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    targets = bench
}
criterion_main!(benches);

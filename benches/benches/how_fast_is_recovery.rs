//! How fast is recovery? A journal of a uniform churn, refusals included, read back into an engine: all of it, and from a snapshot.
//!
//! The baselines: reading the journal's files as bytes, and copying them once in memory; no recovery can be quicker than
//! either. Each recovered state must have the hash of the state that was closed. `HAOYUAN_BENCH_DIR` chooses the disk;
//! the files are in the page cache.

#![expect(clippy::cast_precision_loss, reason = "figures for people, from counts that are small")]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haoyuan::journal::{Access, Disk, Folder, From};
use haoyuan::{Durability, Options, Refusals, Registry, rebuild};
use haoyuan_benches::measure::{print_machine, rounds, smoke};
use haoyuan_benches::peers::ours::{Kept, Waiting, limits, publish};
use haoyuan_benches::work::{Client, Shape, Workload};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

const SHAPE: Shape = Workload::Churn.shape();

fn options() -> Options {
    let durability = Durability::Async { window: Duration::from_millis(50), records: 1 << 17 };
    Options { durability, refusals: Refusals::All, limits: Some(limits(SHAPE)), ..Options::default() }
}

/// A closed journal, and the hash of the state at its end.
struct Closed {
    folder: PathBuf,
    decisions: u64,
    hash: [u8; 32],
}

impl Closed {
    /// A tenth of the decisions comes after the snapshot.
    fn new(root: &Path, decisions: u64) -> Self {
        let folder = root.join(format!("churn-{decisions}"));
        let mut registry = Registry::open(&folder, options()).expect("the journal opens");
        publish(registry.engine(), SHAPE).expect("there is room for every session");
        let trace = Workload::Churn.traces(1);
        let mut client = Client::new(Workload::Churn, &trace[0]);
        client.run(&mut Waiting::new(&registry, Kept::Async), 1, decisions * 9 / 10).expect("it decides");
        registry.snapshot().expect("the disk works");
        let rest = decisions - client.decisions;
        client.run(&mut Waiting::new(&registry, Kept::Async), 1, rest).expect("it decides");
        let hash = registry.state_hash();
        registry.close().expect("the disk works");
        Self { folder, decisions, hash }
    }

    fn recover(&self, from: From) -> Duration {
        let disk: Arc<dyn Disk> = Arc::new(Folder::open(&self.folder).expect("written before"));
        let began = Instant::now();
        let rebuilt =
            rebuild(&disk, from, Access::Read, Some(limits(SHAPE)), &Refusals::All).expect("it recovers");
        let took = began.elapsed();
        assert_eq!(rebuilt.platform().state_hash(), self.hash, "the state that was");
        if from == From::Start {
            assert!(rebuilt.report().entries >= self.decisions, "every decision has a record");
        }
        took
    }

    /// Reads every file as bytes.
    fn read(&self) -> (Duration, Vec<u8>) {
        let began = Instant::now();
        let mut bytes = Vec::new();
        for file in std::fs::read_dir(&self.folder).expect("written before").flatten() {
            if file.metadata().is_ok_and(|metadata| metadata.is_file()) {
                bytes.append(&mut std::fs::read(file.path()).expect("a file of the journal"));
            }
        }
        (began.elapsed(), bytes)
    }
}

fn middle(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn bench(c: &mut Criterion) {
    print_machine();
    let root = std::env::var_os("HAOYUAN_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let root = tempfile::tempdir_in(root).expect("a folder on the disk that is measured");
    let sizes: &[u64] = if smoke() { &[2_000] } else { &[10_000, 100_000, 1_000_000] };
    let mut group = c.benchmark_group("recovery");
    group.sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
    for decisions in sizes {
        let closed = Closed::new(root.path(), *decisions);
        let (mut all, mut tail, mut read, mut copied) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let mut size = 0;
        for _ in 0..rounds() {
            all.push(closed.recover(From::Start));
            tail.push(closed.recover(From::Snapshot));
            let (took, bytes) = closed.read();
            read.push(took);
            size = bytes.len();
            let began = Instant::now();
            black_box(black_box(&bytes).clone());
            copied.push(began.elapsed());
        }
        let [all, tail, read, copied] = [all, tail, read, copied].map(middle);
        println!(
            "{decisions:>8} decisions, {size} bytes: all of it {:.1} ms, {:.2} M/s, {:.0} ns each; from a snapshot {:.1} ms; \
             reading the files {:.1} ms, copying them {:.1} ms",
            all * 1e3,
            *decisions as f64 / all / 1e6,
            all * 1e9 / *decisions as f64,
            tail * 1e3,
            read * 1e3,
            copied * 1e3
        );
        group.throughput(Throughput::Elements(*decisions));
        group.bench_function(format!("from the start/{decisions}"), |b| {
            b.iter_custom(|iterations| (0..iterations).map(|_| closed.recover(From::Start)).sum());
        });
        group.bench_function(format!("from a snapshot/{decisions}"), |b| {
            b.iter_custom(|iterations| (0..iterations).map(|_| closed.recover(From::Snapshot)).sum());
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);

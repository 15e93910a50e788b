//! Does uniform churn stay fast? 2,000 slots of 63 seats, booked at random and released when they refuse: hardly any
//! contention, every request another cache line.
//!
//! The baseline is the same walk with nothing decided: one compare-and-swap of a random slot's word and one of a random
//! patient's. What the engine takes longer is rules, tickets and bookkeeping.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haoyuan_benches::check;
use haoyuan_benches::drive::{Client, Spent, together};
use haoyuan_benches::hospital::{Hospital, LARGE, Tickets};
use haoyuan_benches::measure::{Figure, print_machine, rounds, scaled, share};
use haoyuan_benches::trace::{PATIENTS, Request, SEED, SplitMix, uniform};
use portable_atomic::AtomicU128;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const PRACTITIONERS: u32 = 100;
const HALF_HOURS: u32 = 20;

fn traces(threads: u32) -> Vec<Vec<Request>> {
    // All clients ask for all patients: that two meet at one patient is part of it.
    (0..threads)
        .map(|thread| {
            uniform(SEED + u64::from(thread), scaled(1 << 20), 0..PATIENTS, PRACTITIONERS, HALF_HOURS)
        })
        .collect()
}

struct Churn<'a> {
    hospital: Hospital,
    clients: Vec<Client<'a>>,
}

impl<'a> Churn<'a> {
    fn open(traces: &'a [Vec<Request>], tickets: Tickets) -> Self {
        let views: Vec<&[Request]> = traces.iter().map(Vec::as_slice).collect();
        let hospital = Hospital::open(LARGE, PRACTITIONERS, HALF_HOURS, tickets, &views);
        let clients = traces.iter().map(|trace| Client::new(&hospital, trace)).collect();
        let mut churn = Self { hospital, clients };
        // Until slots refuse and are released as fast as they fill.
        churn.run(scaled(500_000));
        churn
    }

    fn run(&mut self, requests: usize) -> (Spent, u64) {
        let before: u64 = self.clients.iter().map(|client| client.decisions).sum();
        let share = requests / self.clients.len();
        let hospital = &self.hospital;
        let spent = together(&mut self.clients, |client| client.churn(hospital, share));
        (spent, self.clients.iter().map(|client| client.decisions).sum::<u64>() - before)
    }
}

/// One compare-and-swap of a random word and one of a random patient, spread in memory as in the engine.
fn bare(threads: u64, count: usize) -> (Spent, u64) {
    let words: Vec<AtomicU128> = (0..2 * PRACTITIONERS * HALF_HOURS).map(|_| AtomicU128::new(0)).collect();
    let patients: Vec<AtomicU64> = (0..4 * PATIENTS).map(|_| AtomicU64::new(0)).collect();
    let share = count / usize::try_from(threads).expect("a few threads");
    let mut workers: Vec<SplitMix> = (0..threads).map(SplitMix::new).collect();
    let spent = together(&mut workers, |rng| {
        for _ in 0..share {
            let patient = &patients[4 * rng.below(PATIENTS) as usize];
            let seen = patient.load(Ordering::Relaxed);
            let _ = patient.compare_exchange(seen, seen + 1, Ordering::Acquire, Ordering::Relaxed);
            let word = &words[2 * rng.below(PRACTITIONERS * HALF_HOURS) as usize];
            let seen = word.load(Ordering::Acquire);
            let _ = word.compare_exchange(seen, seen + 1, Ordering::AcqRel, Ordering::Relaxed);
        }
    });
    (spent, share as u64 * threads)
}

fn table() {
    let requests = scaled(500_000);
    let (one, two) = (traces(1), traces(2));
    let mut runs = [
        ("1 thread, no tickets", Churn::open(&one, Tickets::NotNeeded)),
        ("1 thread, every rule", Churn::open(&one, Tickets::Shown)),
        ("2 threads, no tickets", Churn::open(&two, Tickets::NotNeeded)),
        ("2 threads, every rule", Churn::open(&two, Tickets::Shown)),
    ];
    let mut base = [Figure::default(), Figure::default()];
    let mut figures = vec![Figure::default(); runs.len()];
    for _ in 0..rounds() {
        for (figure, threads) in base.iter_mut().zip(1..) {
            let (spent, count) = bare(threads, requests);
            figure.add(spent, count);
        }
        for ((_, churn), figure) in runs.iter_mut().zip(&mut figures) {
            let (spent, decisions) = churn.run(requests);
            figure.add(spent, decisions);
        }
    }
    for (figure, threads) in base.iter().zip(1..) {
        println!("two bare compare-and-swaps, {threads} threads          {figure}");
    }
    for ((name, churn), figure) in runs.iter().zip(&figures) {
        check::clients(&churn.hospital, &churn.clients);
        println!("{name:45} {figure}");
    }
}

fn bench(c: &mut Criterion) {
    const BATCH: usize = 4_096;
    print_machine();
    table();
    let mut group = c.benchmark_group("uniform_churn");
    group.throughput(Throughput::Elements(1));
    for threads in [1, 2] {
        let traces = traces(threads);
        let mut churn = Churn::open(&traces, Tickets::Shown);
        group.bench_function(format!("engine/{threads}"), |b| {
            b.iter_custom(|iterations| {
                let (spent, decisions) =
                    churn.run(usize::try_from(iterations).expect("a few million") * BATCH);
                share(spent.wall, iterations, decisions)
            });
        });
        check::clients(&churn.hospital, &churn.clients);
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);

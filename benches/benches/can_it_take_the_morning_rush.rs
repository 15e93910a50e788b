//! Can it take the morning rush? 200,000 requests of 100,000 patients for 16,000 seats, practitioners by Zipf's law.
//!
//! The baseline is the sequential reference in the same process: labelled counters and hash maps, one thread, one rule set,
//! nothing shared. With one client the engine must grant exactly the requests that it grants; with two, every refusal must
//! have a cause that still stands at the end.
//!
//! ```text
//! cargo bench -p haoyuan-benches --bench can_it_take_the_morning_rush -- --province
//! ```
//!
//! is the rush of a province instead: the same shape times 875, 14 million seats and 175 million requests, once with one thread
//! and once with two; minutes, and some 12 GB. There the two must grant the same but for the order of arrival.

use criterion::{Criterion, Throughput, criterion_group};
use haoyuan_benches::drive::{How, Spent, alone, rush};
use haoyuan_benches::hospital::{Hospital, RUSH, Tickets};
use haoyuan_benches::measure::{Figure, print_machine, rounds, smoke};
use haoyuan_benches::trace::{PATIENTS, Request, SEED, morning_rush};
use haoyuan_benches::{check, reference};
use std::time::Duration;

const PRACTITIONERS: u32 = 100;
const HALF_HOURS: u32 = 20;
/// How many times the rush of a province is as large.
const PROVINCE: u32 = 875;
/// How much the grants of two clients may differ from those of one, in parts of a thousand.
const INTERLEAVING: u64 = 1;

struct Run {
    spent: Spent,
    decisions: u64,
    granted: u64,
    concurrent: u64,
}

/// One rush on a fresh engine, checked.
fn run(trace: &[Request], expected: &[bool], threads: usize, tickets: Tickets, how: How) -> Run {
    let hospital = Hospital::open(RUSH, PRACTITIONERS, HALF_HOURS, tickets, &[trace]);
    let (spent, queues) = rush(&hospital, trace, threads, how);
    let (granted, concurrent) = check::rush(&hospital, &queues);
    let reference = expected.iter().filter(|granted| **granted).count() as u64;
    if let [queue] = queues.as_slice() {
        assert!(
            queue.verdicts.iter().map(|verdict| verdict.booking().is_some()).eq(expected.iter().copied()),
            "one client was granted other requests than the reference grants"
        );
    } else {
        assert!(
            granted.abs_diff(reference) * 1_000 <= reference * INTERLEAVING,
            "{granted} grants, not {reference}"
        );
    }
    Run { spent, decisions: queues.iter().map(|queue| queue.decisions).sum(), granted, concurrent }
}

fn table(trace: &[Request], expected: &[bool]) {
    let runs = [
        ("1 thread, no tickets", 1, Tickets::NotNeeded, How::Book),
        ("1 thread, every rule", 1, Tickets::Shown, How::Book),
        ("1 thread, every rule, hold then confirm", 1, Tickets::Shown, How::HoldThenConfirm),
        ("2 threads, no tickets", 2, Tickets::NotNeeded, How::Book),
        ("2 threads, every rule", 2, Tickets::Shown, How::Book),
        ("2 threads, every rule, hold then confirm", 2, Tickets::Shown, How::HoldThenConfirm),
    ];
    let mut base = Figure::default();
    let mut figures = vec![(Figure::default(), 0, 0); runs.len()];
    for _ in 0..rounds() {
        base.add(alone(|| assert_eq!(reference::granted(RUSH, trace), expected)), trace.len() as u64);
        for ((_, threads, tickets, how), (figure, granted, concurrent)) in runs.iter().zip(&mut figures) {
            let run = run(trace, expected, *threads, *tickets, *how);
            figure.add(run.spent, run.decisions);
            *granted = run.granted;
            *concurrent += run.concurrent;
        }
    }
    println!("{:45} {base}", "sequential reference with hash maps");
    for ((name, ..), (figure, granted, concurrent)) in runs.iter().zip(&figures) {
        println!("{name:45} {figure}  {granted} granted, {concurrent} met their own patient");
    }
}

/// The rush of `times` as many patients and practitioners, checked like the other, but for the reference.
fn province(times: u32) {
    let trace = morning_rush(SEED, times * PATIENTS, times * PRACTITIONERS, HALF_HOURS);
    let seats = times * PRACTITIONERS * HALF_HOURS * u32::from(RUSH.seats);
    println!("{} requests for {seats} seats", trace.len());
    let mut alone = None;
    for threads in [1, 2] {
        let hospital = Hospital::open(RUSH, times * PRACTITIONERS, HALF_HOURS, Tickets::NotNeeded, &[&trace]);
        let (spent, queues) = rush(&hospital, &trace, threads, How::Book);
        let (granted, concurrent) = check::rush(&hospital, &queues);
        let one = *alone.get_or_insert(granted);
        assert!(granted.abs_diff(one) * 1_000 <= one * INTERLEAVING, "{granted} grants, not {one}");
        let mut figure = Figure::default();
        figure.add(spent, trace.len() as u64);
        let name = format!("{threads} thread(s), no tickets, once");
        println!("{name:45} {figure}  {granted} granted, {concurrent} met their own patient");
    }
}

fn bench(c: &mut Criterion) {
    print_machine();
    let trace = morning_rush(SEED, PATIENTS, PRACTITIONERS, HALF_HOURS);
    let expected = reference::granted(RUSH, &trace);
    println!(
        "{} requests, {} granted by the reference",
        trace.len(),
        expected.iter().filter(|g| **g).count()
    );
    table(&trace, &expected);
    if smoke() {
        province(2);
    }
    let mut group = c.benchmark_group("morning_rush");
    group.throughput(Throughput::Elements(trace.len() as u64));
    for threads in [1, 2] {
        for (name, how) in [("book", How::Book), ("hold_then_confirm", How::HoldThenConfirm)] {
            group.bench_function(format!("{name}/{threads}"), |b| {
                b.iter_custom(|iterations| {
                    (0..iterations)
                        .map(|_| run(&trace, &expected, threads, Tickets::Shown, how).spent.wall)
                        .sum()
                });
            });
        }
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_secs(1));
    targets = bench
}

fn main() {
    if std::env::args().any(|argument| argument == "--province") {
        print_machine();
        return province(PROVINCE);
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}

//! Does a hot slot scale with threads? One slot of 63 seats, everybody wants it, one and two threads.
//!
//! Baselines, measured in the same rounds: a bare 128-bit compare-and-swap loop on one word, alone and contended, and the
//! steps that a claim is made of, each by itself. The contended baseline cannot be beaten by any design with one word; the
//! difference to it is what the rules and the patient cost.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haoyuan_benches::check;
use haoyuan_benches::drive::{Client, Spent, alone, together};
use haoyuan_benches::hospital::{Hospital, LARGE, Tickets, VISITS, release};
use haoyuan_benches::measure::{Figure, print_machine, rounds, scaled, share};
use haoyuan_benches::trace::{PATIENTS, Request, SEED, one_slot};
use haoyuan_core::request::Settle;
use haoyuan_core::terms::{Channel, Class};
use haoyuan_core::word::{Operation, Word};
use portable_atomic::AtomicU128;
use std::hint::{black_box, spin_loop};
use std::sync::atomic::Ordering;
use std::time::Duration;

/// A word and nothing beside it on its cache lines.
#[repr(align(128))]
struct Alone(AtomicU128);

/// Every thread replaces the word `count` times.
fn bare_cas(threads: usize, count: usize) -> (Spent, u64) {
    let word = Alone(AtomicU128::new(0));
    let mut workers = vec![(); threads];
    let spent = together(&mut workers, |()| {
        for _ in 0..count {
            let mut old = word.0.load(Ordering::Acquire);
            while let Err(seen) = word.0.compare_exchange(old, old + 1, Ordering::AcqRel, Ordering::Acquire) {
                old = seen;
                spin_loop();
            }
        }
    });
    let successes = (threads * count) as u64;
    assert_eq!(word.0.load(Ordering::Relaxed), u128::from(successes), "a compare-and-swap was lost");
    (spent, successes)
}

fn traces(threads: usize) -> Vec<Vec<Request>> {
    let share = PATIENTS / u32::try_from(threads).expect("a few threads");
    (0u32..).take(threads).map(|thread| one_slot(SEED, thread * share..(thread + 1) * share)).collect()
}

/// A hot slot and its clients, kept over the rounds.
struct Hot<'a> {
    hospital: Hospital,
    clients: Vec<Client<'a>>,
}

impl<'a> Hot<'a> {
    fn open(traces: &'a [Vec<Request>], tickets: Tickets) -> Self {
        let views: Vec<&[Request]> = traces.iter().map(Vec::as_slice).collect();
        let hospital = Hospital::open(LARGE, 1, 1, tickets, &views);
        let clients = traces.iter().map(|trace| Client::new(&hospital, trace)).collect();
        let mut hot = Self { hospital, clients };
        hot.run(scaled(200_000));
        hot
    }

    fn run(&mut self, requests: usize) -> (Spent, u64) {
        let before: u64 = self.clients.iter().map(|client| client.decisions).sum();
        let share = requests / self.clients.len();
        let hospital = &self.hospital;
        let spent = together(&mut self.clients, |client| client.churn(hospital, share));
        (spent, self.clients.iter().map(|client| client.decisions).sum::<u64>() - before)
    }

    fn check(&self) {
        check::clients(&self.hospital, &self.clients);
    }
}

/// The release as an offset of the pool trees.
fn offset() -> i64 {
    release().ms() - VISITS.midnight().ms()
}

/// The fold alone: the rules over counters in a register.
fn fold(count: usize) -> (Spent, u64) {
    let tree = LARGE.tree();
    let word = Word::default();
    let spent = alone(|| {
        for _ in 0..count {
            let permit = tree.decide(black_box(word.live()), Class::Public, Channel::App, offset());
            assert!(black_box(permit).is_ok());
        }
    });
    (spent, count as u64)
}

/// What a claim must do to the block at least: load, fold, compare-and-swap; and the same to give it back.
fn fold_and_cas(count: usize) -> (Spent, u64) {
    let tree = LARGE.tree();
    let shared = Alone(AtomicU128::new(0));
    let spent = alone(|| {
        for _ in 0..count / 2 {
            let word = Word::from_bits(shared.0.load(Ordering::Acquire));
            let permit =
                tree.decide(word.live(), Class::Public, Channel::App, offset()).expect("a free seat");
            let next = word.then(permit.live, Operation::Claim, 0).expect("a sequence");
            assert!(
                shared
                    .0
                    .compare_exchange(word.bits(), next.bits(), Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            );
            let word = Word::from_bits(shared.0.load(Ordering::Acquire));
            let counter = tree.counter(permit.node).expect("a bookable node");
            let live = word.live().minus(counter).expect("a live seat");
            let next = word.then(live, Operation::Release, 0).expect("a sequence");
            assert!(
                shared
                    .0
                    .compare_exchange(word.bits(), next.bits(), Ordering::AcqRel, Ordering::Relaxed)
                    .is_ok()
            );
        }
    });
    (spent, (count / 2 * 2) as u64)
}

/// One patient books and cancels one seat, nobody else: everything in the nearest cache.
fn one_patient(hospital: &Hospital, class: Class, count: usize) -> (Spent, u64) {
    let request = Request { class, ..one_slot(SEED, 0..1)[0] };
    hospital.issue(&[request]);
    let wish = request.wish();
    let spent = alone(|| {
        for _ in 0..count / 2 {
            let grant = hospital.engine.book(black_box(&wish), release()).expect("a free seat");
            let settle = Settle { patient: wish.patient, booking: grant.booking, key: None };
            hospital.engine.cancel(black_box(&settle), release()).expect("a live booking");
        }
    });
    (spent, (count / 2 * 2) as u64)
}

/// The patient step by itself: find the patient, take the gate, look at what there is, open the gate. Each patient in the
/// order of the trace, known to the engine and mostly without a booking.
fn patient_step(hospital: &Hospital, trace: &[Request], count: usize) -> (Spent, u64) {
    let spent = alone(|| {
        for request in trace.iter().cycle().take(count) {
            let live = hospital.engine.bookings_of(black_box(request.patient), release());
            assert!(
                live.expect("nobody else asks").len() <= 1,
                "a patient has one booking in this department"
            );
        }
    });
    (spent, count as u64)
}

fn table() {
    let requests = scaled(1_000_000);
    let (one, two) = (traces(1), traces(2));
    let mut shown_one = Hot::open(&one, Tickets::Shown);
    let mut shown_two = Hot::open(&two, Tickets::Shown);
    let mut free_one = Hot::open(&one, Tickets::NotNeeded);
    let mut free_two = Hot::open(&two, Tickets::NotNeeded);
    let quiet = Hospital::open(LARGE, 1, 1, Tickets::Shown, &[]);
    let mut figures: [Figure; 11] = Default::default();
    for _ in 0..rounds() {
        let measured = [
            bare_cas(1, requests),
            bare_cas(2, requests / 2),
            fold(requests),
            fold_and_cas(requests),
            patient_step(&free_one.hospital, &one[0], requests),
            one_patient(&quiet, Class::Public, requests),
            one_patient(&quiet, Class::ReferralSecondary, requests),
            free_one.run(requests),
            shown_one.run(requests),
            free_two.run(requests),
            shown_two.run(requests),
        ];
        figures
            .iter_mut()
            .zip(measured)
            .for_each(|(figure, (spent, decisions))| figure.add(spent, decisions));
    }
    for hot in [&shown_one, &shown_two, &free_one, &free_two] {
        hot.check();
    }
    let names = [
        "bare compare-and-swap, 1 thread",
        "bare compare-and-swap, 2 threads, per success",
        "fold alone",
        "load, fold, compare-and-swap",
        "the patient step alone, 100,000 patients",
        "book and cancel, 1 patient, no ticket",
        "book and cancel, 1 patient, with ticket",
        "hot slot, 1 thread, no tickets",
        "hot slot, 1 thread, every rule",
        "hot slot, 2 threads, no tickets",
        "hot slot, 2 threads, every rule",
    ];
    for (name, figure) in names.iter().zip(&figures) {
        println!("{name:45} {figure}");
    }
    let [cas_one, cas_two, _, _, step, patient, _, _, hot_one, _, hot_two] = &figures;
    println!("one patient over a bare compare-and-swap, 1 thread   {:.2}", patient.over(cas_one));
    println!("hot slot over a bare compare-and-swap, 1 thread      {:.2}", hot_one.over(cas_one));
    println!(
        "hot slot less the patient step, over a bare one      {:.2}",
        (hot_one.median() - step.median()) / cas_one.median()
    );
    println!("hot slot over a bare compare-and-swap, 2 threads     {:.2}", hot_two.over(cas_two));
    println!(
        "the same by time on processors, 1 thread             {:.2}",
        hot_one.on_cpu() / cas_one.on_cpu()
    );
    println!("throughput of two threads over one                   {:.2}", hot_one.over(hot_two));
}

fn bench(c: &mut Criterion) {
    print_machine();
    table();
    let mut group = c.benchmark_group("hot_slot");
    for threads in [1, 2] {
        const BATCH: usize = 4_096;
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("bare_cas/{threads}"), |b| {
            b.iter_custom(|iterations| {
                let count = usize::try_from(iterations).expect("a few million") * BATCH / threads;
                let (spent, decisions) = bare_cas(threads, count);
                share(spent.wall, iterations, decisions)
            });
        });
        let traces = traces(threads);
        let mut hot = Hot::open(&traces, Tickets::Shown);
        group.bench_function(format!("engine/{threads}"), |b| {
            b.iter_custom(|iterations| {
                let (spent, decisions) = hot.run(usize::try_from(iterations).expect("a few million") * BATCH);
                share(spent.wall, iterations, decisions)
            });
        });
        hot.check();
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = bench
}
criterion_main!(benches);

//! What does a refusal cost? Most requests of a rush are refused, so this is the price of a rush.
//!
//! The baseline is one bare 128-bit load of a shared word: the least that a right answer can be made from. A refusal by
//! the block must not write to shared memory; with an idempotency key it must be remembered, which is a write by design.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use haoyuan_benches::drive::{Spent, together};
use haoyuan_benches::hospital::{Hospital, LARGE, Tickets, release};
use haoyuan_benches::measure::{Figure, print_machine, rounds, scaled};
use haoyuan_benches::trace::{PATIENTS, Request, SEED, SplitMix, one_slot};
use haoyuan_core::ids::IdempotencyKey;
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::Code;
use haoyuan_core::terms::Class;
use portable_atomic::AtomicU128;
use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Seats that each class fills, in the order in which they are booked: its reserve.
const RESERVED: [(Class, usize); 3] =
    [(Class::ReferralSecondary, 19), (Class::ReferralPrimary, 10), (Class::OnSite, 3)];
const PUBLIC: usize = 31;

/// A slot that refuses the public, why, and when it is asked.
struct Refusing {
    name: &'static str,
    hospital: Hospital,
    at: Instant,
    code: Code,
}

fn fill(hospital: &Hospital, trace: &[Request], classes: &[(Class, usize)], held: bool) {
    let wanted = classes.iter().flat_map(|(class, seats)| std::iter::repeat_n(*class, *seats));
    for (request, class) in trace.iter().zip(wanted) {
        let wish = Request { class, ..*request }.wish();
        let answer = if held {
            hospital.engine.hold(&wish, release())
        } else {
            hospital.engine.book(&wish, release())
        };
        answer.expect("the slot is not full yet");
    }
}

fn slots(trace: &[Request]) -> Vec<Refusing> {
    let open = || Hospital::open(LARGE, 1, 1, Tickets::NotNeeded, &[]);
    let [a, b, c] = RESERVED;
    let all = [a, b, c, (Class::Public, PUBLIC)];
    let slot = |name, classes: &[(Class, usize)], held, at, code| {
        let hospital = open();
        fill(&hospital, trace, classes, held);
        Refusing { name, hospital, at, code }
    };
    vec![
        slot("every seat booked", &all, false, release(), Code::SlotFull),
        slot("every seat held", &all, true, release(), Code::SlotFull),
        slot("what is left is reserved", &[(Class::Public, PUBLIC)], false, release(), Code::Protected),
        slot("not open yet", &[], false, release().plus(-1), Code::NotOpen),
    ]
}

/// Every thread asks `count` times and is refused each time.
fn refuse(slot: &Refusing, trace: &[Request], threads: usize, count: usize, keyed: bool) -> (Spent, u64) {
    let share = trace.len() / threads;
    let mut parts: Vec<(&[Request], SplitMix)> =
        (0u64..).zip(trace.chunks(share).take(threads)).map(|(n, part)| (part, SplitMix::new(n))).collect();
    let spent = together(&mut parts, |(part, keys)| {
        for request in part.iter().cycle().take(count / threads) {
            let mut wish = request.wish();
            if keyed {
                wish.key = IdempotencyKey::new(u128::from(keys.next() | 1));
            }
            let answer = slot.hospital.engine.book(black_box(&wish), slot.at);
            let code = answer.expect_err("the slot refuses").code;
            assert_eq!(code, slot.code);
        }
    });
    (spent, (count / threads * threads) as u64)
}

/// The least: every thread loads one shared word.
fn bare_load(threads: usize, count: usize) -> (Spent, u64) {
    let word = AtomicU128::new(1);
    let mut workers = vec![(); threads];
    let spent = together(&mut workers, |()| {
        for _ in 0..count / threads {
            assert!(black_box(&word).load(Ordering::Acquire) == 1);
        }
    });
    (spent, (count / threads * threads) as u64)
}

fn table(trace: &[Request], slots: &[Refusing]) {
    let count = scaled(1_000_000);
    for threads in [1, 2] {
        let mut base = Figure::default();
        let mut figures = vec![[Figure::default(), Figure::default()]; slots.len()];
        for _ in 0..rounds() {
            let (spent, loads) = bare_load(threads, count);
            base.add(spent, loads);
            for (slot, figures) in slots.iter().zip(&mut figures) {
                for (figure, keyed) in figures.iter_mut().zip([false, true]) {
                    let (spent, decisions) =
                        refuse(slot, trace, threads, if keyed { count / 8 } else { count }, keyed);
                    figure.add(spent, decisions);
                }
            }
        }
        let per_thread =
            |figure: &Figure| figure.median() * f64::from(u8::try_from(threads).unwrap_or(u8::MAX));
        println!("{threads} threads: a bare 128-bit load            {base}");
        for (slot, [plain, keyed]) in slots.iter().zip(&figures) {
            println!(
                "{threads} threads: {:26} no key  {plain}  {:.1} ns on each thread",
                slot.name,
                per_thread(plain)
            );
            println!(
                "{threads} threads: {:26} keyed   {keyed}  {:.1} ns on each thread",
                slot.name,
                per_thread(keyed)
            );
        }
    }
}

fn bench(c: &mut Criterion) {
    print_machine();
    let trace: Vec<Request> = one_slot(SEED, 0..PATIENTS)
        .into_iter()
        .map(|request| Request { class: Class::Public, ..request })
        .collect();
    let slots = slots(&trace);
    let before: Vec<_> =
        slots.iter().map(|slot| slot.hospital.engine.audit().expect("an engine that adds up")).collect();
    table(&trace, &slots);
    let mut group = c.benchmark_group("refusal");
    group.throughput(Throughput::Elements(1));
    for slot in &slots {
        for threads in [1, 2] {
            group.bench_function(format!("{}/{threads}", slot.name), |b| {
                b.iter_custom(|iterations| {
                    let count = usize::try_from(iterations).expect("a few million") * threads;
                    refuse(slot, &trace, threads, count, false).0.wall
                });
            });
        }
    }
    group.finish();
    let after: Vec<_> =
        slots.iter().map(|slot| slot.hospital.engine.audit().expect("an engine that adds up")).collect();
    assert_eq!(before, after, "a refusal changed a block");
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    targets = bench
}
criterion_main!(benches);

//! How fast is search? 100,000 slots, one class, the 20 best: what a front end asks before every page.
//!
//! The baseline is what no search can do without if nothing is indexed: one 128-bit load for each slot. A hospital where
//! nothing is free is the worst case, because no slot ends the search early.

use criterion::{Criterion, criterion_group, criterion_main};
use haoyuan_benches::drive::{alone, together};
use haoyuan_benches::hospital::{Hospital, RUSH, Slots, Tickets, VISITS, release};
use haoyuan_benches::measure::{Figure, print_machine, rounds, smoke};
use haoyuan_benches::trace::{Request, slot};
use haoyuan_core::request::{Order, Query};
use haoyuan_core::terms::{Channel, Class};
use portable_atomic::AtomicU128;
use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::time::Duration;

const HALF_HOURS: u32 = 20;
const LISTED: usize = 20;

fn practitioners() -> u32 {
    if smoke() { 50 } else { 5_000 }
}

/// Small slots with these seats booked.
fn open(seats: &[(Class, u8)]) -> Hospital {
    let small = Slots { seats: 2, reserves: [1, 0, 0] };
    let hospital = Hospital::open(small, practitioners(), HALF_HOURS, Tickets::NotNeeded, &[]);
    for practitioner in 0..practitioners() {
        for half_hour in 0..HALF_HOURS {
            // A patient of its own for each booking: nobody is in two places at a time.
            let mut number = 2 * (practitioner * HALF_HOURS + half_hour);
            for (class, count) in seats {
                for _ in 0..*count {
                    let request = Request::of(number, slot(practitioner, half_hour), *class);
                    let answer = hospital.engine.book(&request.wish(), release());
                    assert!(answer.is_ok(), "{request:?} was refused: {answer:?}");
                    number += 1;
                }
            }
        }
    }
    hospital
}

fn query(order: Order) -> Query {
    Query {
        class: Class::Public,
        channel: Channel::App,
        from: VISITS,
        to: VISITS,
        institution: None,
        department: None,
        practitioner: None,
        grade: None,
        order,
        most: LISTED,
    }
}

fn bare(words: &[AtomicU128]) -> u128 {
    words.iter().fold(0, |sum, word| sum | word.load(Ordering::Acquire))
}

fn bench(c: &mut Criterion) {
    print_machine();
    let slots = (practitioners() * HALF_HOURS) as usize;
    let empty = Hospital::open(RUSH, practitioners(), HALF_HOURS, Tickets::NotNeeded, &[]);
    let cases = [
        ("empty", empty, LISTED),
        ("protected", open(&[(Class::Public, 1)]), 0),
        ("full", open(&[(Class::ReferralSecondary, 1), (Class::Public, 1)]), 0),
    ];
    let words: Vec<AtomicU128> = (0..slots).map(|_| AtomicU128::new(0)).collect();
    let mut base = Figure::default();
    for _ in 0..rounds() {
        base.add(
            alone(|| {
                black_box(bare(black_box(&words)));
            }),
            1,
        );
    }
    println!("{slots} slots: {:32} {base}", "a bare load of each word");
    for (name, hospital, expected) in &cases {
        for order in [Order::Earliest, Order::LeastLoaded] {
            let mut figure = Figure::default();
            for _ in 0..rounds() {
                let mut found = [Vec::new()];
                let spent =
                    together(&mut found, |found| *found = hospital.engine.search(&query(order), release()));
                figure.add(spent, 1);
                let [found] = found;
                assert_eq!(found.len(), *expected, "a {name} hospital");
                assert!(
                    found
                        .windows(2)
                        .all(|pair| order != Order::Earliest || pair[0].time.from <= pair[1].time.from)
                );
            }
            println!("{slots} slots: {:32} {figure}", format!("{name}, {order:?}"));
        }
        let mut figure = Figure::default();
        for _ in 0..rounds() {
            let mut load = [Vec::new()];
            let spent =
                together(&mut load, |load| *load = hospital.engine.load(VISITS, None, None, release()));
            figure.add(spent, 1);
            let [load] = load;
            let seats: usize = load.iter().map(|slot| slot.capacity as usize).sum();
            assert_eq!(
                seats,
                slots * usize::from(hospital.slots.seats),
                "the load of the day counts every seat"
            );
        }
        println!("{slots} slots: {:32} {figure}", format!("{name}, load of the day"));
    }
    let mut group = c.benchmark_group("search");
    for (name, hospital, _) in &cases {
        for order in [Order::Earliest, Order::LeastLoaded] {
            group.bench_function(format!("{name}/{order:?}"), |b| {
                b.iter(|| hospital.engine.search(black_box(&query(order)), release()));
            });
        }
        group.bench_function(format!("{name}/load"), |b| {
            b.iter(|| hospital.engine.load(VISITS, None, None, release()));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(200)).measurement_time(Duration::from_secs(1));
    targets = bench
}
criterion_main!(benches);

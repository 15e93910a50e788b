//! How does search grow with the number of sessions? The twenty earliest free slots of one day, and the least loaded ones.
//!
//! The baseline is one 128-bit load for each slot of that day. Free seats end the search for the earliest early; a hospital
//! that is full is looked through whole. A hospital where one department is asked for is as quick as that department is
//! small only if sessions are found by it; the last column shows it.

use criterion::{Criterion, criterion_group, criterion_main};
use haoyuan_benches::drive::{alone, together};
use haoyuan_benches::hospital::{Hospital, Slots, Tickets, VISITS, release};
use haoyuan_benches::measure::{Figure, print_machine, rounds, smoke};
use haoyuan_benches::trace::{Request, slot};
use haoyuan_core::ids::DepartmentId;
use haoyuan_core::request::{Order, Query};
use haoyuan_core::terms::{Channel, Class};
use portable_atomic::AtomicU128;
use std::hint::black_box;
use std::sync::atomic::Ordering;
use std::time::Duration;

const HALF_HOURS: u32 = 20;
const LISTED: usize = 20;
/// One seat a slot, so that a full hospital is quickly made.
const SLOTS: Slots = Slots { seats: 1, reserves: [0, 0, 0] };

fn open(sessions: u32, full: bool) -> Hospital {
    let hospital = Hospital::open(SLOTS, sessions, HALF_HOURS, Tickets::NotNeeded, &[]);
    for number in 0..if full { sessions * HALF_HOURS } else { 0 } {
        let slot = slot(number / HALF_HOURS, number % HALF_HOURS);
        let request = Request::of(number, slot, Class::Public);
        hospital.engine.book(&request.wish(), release()).expect("every slot has a seat");
    }
    hospital
}

fn query(order: Order, department: Option<DepartmentId>) -> Query {
    Query {
        class: Class::Public,
        channel: Channel::App,
        from: VISITS,
        to: VISITS,
        institution: None,
        department,
        practitioner: None,
        grade: None,
        order,
        most: LISTED,
    }
}

fn search(hospital: &Hospital, query: &Query, expected: usize) -> Figure {
    let mut figure = Figure::default();
    for _ in 0..rounds() {
        let mut found = [Vec::new()];
        let spent =
            together(&mut found, |found| *found = hospital.engine.search(black_box(query), release()));
        figure.add(spent, 1);
        assert_eq!(found[0].len(), expected, "slots found");
    }
    figure
}

fn bench(c: &mut Criterion) {
    print_machine();
    let sizes: &[u32] = if smoke() { &[10] } else { &[10, 100, 1_000, 10_000] };
    let department = DepartmentId::new(5);
    let mut group = c.benchmark_group("search_by_sessions");
    group
        .sample_size(10)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(500));
    println!(
        "{:>9} {:>8}  microseconds: bare, empty earliest, empty least loaded, full, one department",
        "sessions", "slots"
    );
    for sessions in sizes {
        let slots = sessions * HALF_HOURS;
        let (empty, full) = (open(*sessions, false), open(*sessions, true));
        let words: Vec<AtomicU128> = (0..slots).map(|_| AtomicU128::new(0)).collect();
        let mut bare = Figure::default();
        for _ in 0..rounds() {
            let all = || words.iter().fold(0, |sum, word| sum | word.load(Ordering::Acquire));
            bare.add(alone(|| assert_eq!(black_box(all()), 0)), 1);
        }
        let figures = [
            bare,
            search(&empty, &query(Order::Earliest, None), LISTED),
            search(&empty, &query(Order::LeastLoaded, None), LISTED),
            search(&full, &query(Order::Earliest, None), 0),
            search(&empty, &query(Order::Earliest, department), LISTED),
        ];
        let columns = figures.map(|figure| format!("{:>10.1}", figure.median() / 1_000.0)).join(" ");
        println!("{sessions:>9} {slots:>8}  {columns}");
        group.bench_function(format!("full/{sessions}"), |b| {
            b.iter(|| full.engine.search(black_box(&query(Order::Earliest, None)), release()));
        });
        group.bench_function(format!("empty/{sessions}"), |b| {
            b.iter(|| empty.engine.search(black_box(&query(Order::Earliest, None)), release()));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);

//! How big is a province? 14 million seats published in one process: memory, time to publish, memory of live bookings.
//!
//! ```text
//! cargo bench -p haoyuan-benches --bench how_big_is_a_province -- [--seats N]
//! ```
//!
//! Memory is what the kernel says is resident, before and after. A seat of every slot is booked and given back first, so
//! that no table hides behind pages that are not there yet. The baseline is the least: 16 bytes of record for every seat.

use haoyuan_benches::hospital::{HALF_HOUR_SLOTS, RUSH, Tickets, release, rules};
use haoyuan_benches::measure::{print_machine, smoke};
use haoyuan_benches::trace::{Request, slot};
use haoyuan_core::request::Settle;
use haoyuan_core::terms::Class;
use haoyuan_engine::{Engine, Limits};
use std::time::Instant;

const PROVINCE: u32 = 14_000_000;

/// Resident memory of this process in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("this suite needs /proc");
    let line =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a line with the resident memory");
    line.trim().trim_end_matches("kB").trim().parse::<u64>().expect("a number of kilobytes") * 1_024
}

fn seats() -> u32 {
    let arguments: Vec<String> = std::env::args().collect();
    let given = arguments.iter().position(|a| a == "--seats").and_then(|place| arguments.get(place + 1));
    given.map_or(if smoke() { PROVINCE / 100 } else { PROVINCE }, |text| {
        text.parse().unwrap_or_else(|_| panic!("--seats needs a number, not `{text}`"))
    })
}

/// Publishes sessions of twenty half-hours until there are `seats`.
fn publish(seats: u32, patients: u32, entries: u32) -> Engine {
    let per_session = HALF_HOUR_SLOTS * u32::from(RUSH.seats);
    let sessions = seats.div_ceil(per_session);
    let limits = Limits {
        blocks: sessions * HALF_HOUR_SLOTS,
        seats: sessions * per_session,
        sessions,
        shapes: 16,
        patients,
        entries,
    };
    let engine = Engine::new(limits);
    let (tree, rules) = (RUSH.tree(), rules(Tickets::Shown));
    for number in 0..sessions {
        let plan = RUSH.plan(number, HALF_HOUR_SLOTS, &tree, &rules);
        engine.publish(&plan, release()).expect("there is room for every session");
    }
    engine
}

/// One patient books and gives back a seat of every slot: no page of the tables is untouched afterwards.
fn touch(engine: &Engine, seats: u32) {
    for block in 0..seats / u32::from(RUSH.seats) {
        let slot = slot(block / HALF_HOUR_SLOTS, block % HALF_HOUR_SLOTS);
        let request = Request::of(u32::MAX, slot, Class::Public);
        let grant = engine.book(&request.wish(), release()).expect("an empty slot has a seat");
        let settle = Settle { patient: request.patient, booking: grant.booking, key: None };
        engine.cancel(&settle, release()).expect("a live booking can be cancelled");
    }
}

/// Books `count` public seats, `each` for every patient: at another practitioner and half-hour each time.
fn book(engine: &Engine, count: u32, each: u32) {
    let public = u32::from(RUSH.seats - RUSH.reserves.iter().sum::<u8>());
    let per_session = HALF_HOUR_SLOTS * public;
    for number in 0..count {
        // Patient p takes places p, p + patients, …; a place is a session, then a seat of one of its half-hours.
        let (session, half_hour) = (number / per_session, number % HALF_HOUR_SLOTS);
        let (round, place) = (number / (count / each), number % (count / each));
        let half_hour = (half_hour + round) % HALF_HOUR_SLOTS;
        let request = Request::of(place, slot(session, half_hour), Class::Public);
        let answer = engine.book(&request.wish(), release());
        assert!(answer.is_ok(), "booking {number} was refused: {answer:?}");
    }
}

#[expect(clippy::cast_precision_loss, reason = "figures to print")]
fn per(bytes: u64, count: u64) -> f64 {
    bytes as f64 / count as f64
}

fn main() {
    print_machine();
    let seats = seats();
    let before = resident();
    let start = Instant::now();
    let engine = publish(seats, 1, 1);
    let took = start.elapsed();
    let fresh = resident().saturating_sub(before);
    touch(&engine, seats);
    let bare = resident().saturating_sub(before);
    let audit = engine.audit().expect("an engine that adds up");
    let seats = audit.seats;
    println!("{seats} seats in {} blocks published in {took:?}, construction included", audit.blocks);
    println!("fresh: {fresh} bytes resident, {:.1} a seat", per(fresh, seats));
    println!(
        "every slot used once: {bare} bytes resident, {:.1} a seat; the records alone are 16.0",
        per(bare, seats)
    );
    drop(engine);

    let bookings = u32::try_from(seats / 4).expect("fewer than 2^32 seats") / 160 * 160;
    for each in [1u32, 2] {
        let patients = bookings / each;
        let entries = bookings - patients;
        let before = resident();
        let seats = u32::try_from(seats).expect("fewer than 2^32 seats");
        let engine = publish(seats, patients + 1, entries.max(1));
        touch(&engine, seats);
        let start = Instant::now();
        book(&engine, bookings, each);
        let took = start.elapsed();
        let all = resident().saturating_sub(before);
        let audit = engine.audit().expect("an engine that adds up");
        assert_eq!(audit.booked, u64::from(bookings), "every booking is live");
        println!(
            "{bookings} live bookings, {each} a patient: {:.1} bytes a booking beyond the seats; booked at {:.0} ns each",
            per(all.saturating_sub(bare), u64::from(bookings)),
            per(u64::try_from(took.as_nanos()).unwrap_or(u64::MAX), u64::from(bookings)),
        );
    }
}

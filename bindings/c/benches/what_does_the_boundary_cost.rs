//! What does a decision cost through the C ABI, over the same decision as a Rust call? Limits: a hold and its confirmation at
//! most 25 ns more in single calls, at most 5 ns more a decision in batches of 64.
//!
//! The shared library that was built beside this bench is opened and called as a C program calls it. Rust and C take turns on
//! registries of their own, with the same hospital and the same patients, and the medians of many turns are compared. The answers are
//! checked before a figure is printed.

use haoyuan::ids::{BookingId, PatientKey, SessionId, SlotIndex, SlotRef};
use haoyuan::instant::Instant;
use haoyuan::request::{Grant, Settle, Settled, Wish};
use haoyuan::terms::{Channel, Class};
use haoyuan::{Options, Registry};
use haoyuan_c::{
    HAOYUAN_ABI_VERSION, haoyuan_grant_t, haoyuan_options_t, haoyuan_settle_t, haoyuan_settled_t, haoyuan_t,
    haoyuan_wish_t,
};
use std::fmt::Write as _;
use std::hint::black_box;
use std::time;

/// 2026-03-03T07:00:00+08:00, when the public pool opens.
const OPENS: i64 = 1_772_492_400_000;
const PRACTITIONERS: usize = 12;
const SLOTS: usize = 8;
const SEATS: usize = 40;
/// Pairs of decisions a turn.
const PAIRS: usize = PRACTITIONERS * SLOTS * SEATS;
const BATCH: usize = 64;
const TURNS: usize = 61;

type Open = unsafe extern "C" fn(*const haoyuan_options_t, *mut haoyuan_t) -> i32;
type Close = unsafe extern "C" fn(haoyuan_t) -> i32;
type Claim = unsafe extern "C" fn(haoyuan_t, *const haoyuan_wish_t, *mut haoyuan_grant_t) -> i32;
type Settling = unsafe extern "C" fn(haoyuan_t, *const haoyuan_settle_t, *mut haoyuan_settled_t) -> i32;
type Claims = unsafe extern "C" fn(haoyuan_t, *const haoyuan_wish_t, *mut haoyuan_grant_t, usize) -> i32;
type Settlings =
    unsafe extern "C" fn(haoyuan_t, *const haoyuan_settle_t, *mut haoyuan_settled_t, usize) -> i32;

struct Texts {
    directory: String,
    policy: &'static str,
    roster: String,
}

fn texts() -> Texts {
    let mut directory = String::from(
        "[[institution]]\ncode = \"H1\"\nname = \"H\"\ntier = \"tertiary\"\n[[department]]\ninstitution = \"H1\"\ncode = \"D\"\nname = \"D\"\n",
    );
    let mut roster = String::from(
        "code,institution,department,practitioner,date,from,to,grade,slot_minutes,seats_per_slot\n",
    );
    for number in 0..PRACTITIONERS {
        let _ = write!(directory, "[[practitioner]]\ncode = \"P{number}\"\nname = \"P\"\nsites = [\"H1\"]\n");
        let _ = writeln!(roster, "S{number},H1,D,P{number},2026-03-10,08:00,12:00,ordinary,30,60");
    }
    // What is cancelled is there again at once, also for who cancelled it: the next turn books the same seats.
    let policy = "name = \"bench\"\nextends = \"jilin-2018\"\n[anti_scalping]\n\
                  reappears_after = { least = \"0min\", most = \"0min\" }\nwindow_returns_online = true\n";
    Texts { directory, policy, roster }
}

struct Side {
    single: Vec<f64>,
    batch: Vec<f64>,
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn per(elapsed: time::Duration, count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    let count = count as f64;
    elapsed.as_secs_f64() * 1e9 / count
}

fn slot_of(index: usize) -> (usize, usize) {
    // Neighbours in time are at different practitioners, as in a rush.
    (index % PRACTITIONERS, index / PRACTITIONERS % SLOTS)
}

fn patient(index: usize) -> u128 {
    0x5f00_0000_0000_0000_0000_0000_0000_0000 | (index as u128 + 1)
}

#[expect(clippy::too_many_lines, reason = "one comparison, told in order")]
fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let turns = if is_test { 3 } else { TURNS };
    let texts = texts();

    // ---- Rust
    let rust = Registry::in_memory(&Options::default());
    let tell = |command: &str, key: &str, text: &str| {
        let line = format!(
            "{{\"command\":\"{command}\",\"at\":\"2026-02-01T09:00:00+08:00\",\"{key}\":\"{}\"}}",
            text.replace('"', "\\\"").replace('\n', "\\n")
        );
        let answer = rust.execute(&line);
        assert!(answer.contains("\"outcome\":\"done\""), "{answer}");
    };
    tell("directory", "toml", &texts.directory);
    tell("policy", "toml", texts.policy);
    tell("roster", "csv", &texts.roster);
    let at = Instant::new(OPENS).expect("an instant");
    let wishes: Vec<Wish> = (0..PAIRS)
        .map(|index| {
            let (session, slot) = slot_of(index);
            Wish {
                patient: PatientKey::new(patient(index)).expect("not zero"),
                slot: SlotRef {
                    session: u32::try_from(session).ok().and_then(SessionId::new).expect("a session"),
                    slot: u16::try_from(slot).ok().and_then(SlotIndex::new).expect("a slot"),
                },
                class: Class::Public,
                channel: Channel::App,
                ticket: None,
                key: None,
            }
        })
        .collect();

    // ---- C
    let beside = std::env::current_exe().expect("this program").with_file_name("libhaoyuan_c.so");
    // SAFETY: the library of this very crate; opening it runs nothing.
    let library = unsafe { libloading::Library::new(&beside) }
        .unwrap_or_else(|error| panic!("{}: {error}", beside.display()));
    macro_rules! symbol {
        ($name:literal, $type:ty) => {
            // SAFETY: the type is that of the header.
            *unsafe { library.get::<$type>($name) }.expect($name.escape_ascii().to_string().as_str())
        };
    }
    let open: Open = symbol!(b"haoyuan_open", Open);
    let close: Close = symbol!(b"haoyuan_close", Close);
    let hold: Claim = symbol!(b"haoyuan_hold", Claim);
    let confirm: Settling = symbol!(b"haoyuan_confirm", Settling);
    let hold_batch: Claims = symbol!(b"haoyuan_hold_batch", Claims);
    let confirm_batch: Settlings = symbol!(b"haoyuan_confirm_batch", Settlings);
    let cancel_batch: Settlings = symbol!(b"haoyuan_cancel_batch", Settlings);
    // SAFETY: integers and nullable pointers may be zero.
    let mut options: haoyuan_options_t = unsafe { std::mem::zeroed() };
    options.struct_size = size_of_u32::<haoyuan_options_t>();
    options.abi_version = HAOYUAN_ABI_VERSION;
    options.at = OPENS - 30 * 86_400_000;
    (options.directory, options.directory_length) = (texts.directory.as_ptr().cast(), texts.directory.len());
    (options.policy, options.policy_length) = (texts.policy.as_ptr().cast(), texts.policy.len());
    (options.roster, options.roster_length) = (texts.roster.as_ptr().cast(), texts.roster.len());
    let mut registry: haoyuan_t = 0;
    // SAFETY: the options are as long as they say, and so are the texts.
    assert_eq!(unsafe { open(&raw const options, &raw mut registry) }, 0);
    let c_wishes: Vec<haoyuan_wish_t> = (0..PAIRS)
        .map(|index| {
            let (session, slot) = slot_of(index);
            haoyuan_wish_t {
                struct_size: size_of_u32::<haoyuan_wish_t>(),
                session: u32::try_from(session).expect("small"),
                slot: u32::try_from(slot).expect("small"),
                patient_class: 0,
                channel: 0,
                role: 0,
                reason: 0,
                reserved: 0,
                at: OPENS,
                actor: 0,
                contact: 0,
                patient: patient(index).to_be_bytes(),
                ticket: [0; 16],
                key: [0; 16],
            }
        })
        .collect();
    let c_settle = |index: usize, booking: u64| haoyuan_settle_t {
        struct_size: size_of_u32::<haoyuan_settle_t>(),
        role: 0,
        reason: 0,
        reserved: 0,
        at: OPENS,
        booking,
        actor: 0,
        contact: 0,
        patient: patient(index).to_be_bytes(),
        key: [0; 16],
    };
    let empty_grant =
        haoyuan_grant_t { struct_size: size_of_u32::<haoyuan_grant_t>(), ..haoyuan_grant_t::default() };
    let empty_settled =
        haoyuan_settled_t { struct_size: size_of_u32::<haoyuan_settled_t>(), ..haoyuan_settled_t::default() };

    let mut rust_ns = Side { single: Vec::new(), batch: Vec::new() };
    let mut c_ns = Side { single: Vec::new(), batch: Vec::new() };
    let mut bookings: Vec<BookingId> = Vec::with_capacity(PAIRS);
    let mut c_bookings: Vec<u64> = Vec::with_capacity(PAIRS);
    let mut grants = vec![empty_grant; BATCH];
    let mut settles: Vec<haoyuan_settle_t> = (0..BATCH).map(|index| c_settle(index, 1)).collect();
    let mut settled = vec![empty_settled; BATCH];

    // The answers are kept, as a caller of C keeps them.
    let mut rust_grants: Vec<Option<Grant>> = vec![None; BATCH];
    let mut rust_settled: Vec<Option<Settled>> = vec![None; BATCH];
    let mut rust_turn = |bookings: &mut Vec<BookingId>| {
        bookings.clear();
        let begun = time::Instant::now();
        for (index, wish) in wishes.iter().enumerate() {
            let grant = rust.hold(black_box(wish), at).expect("no journal").answer.expect("a seat");
            let settle = Settle { patient: wish.patient, booking: grant.booking, key: None };
            let settled = rust.confirm(&settle, at).expect("no journal").answer.expect("held");
            rust_grants[index % BATCH] = Some(grant);
            rust_settled[index % BATCH] = Some(settled);
            bookings.push(grant.booking);
        }
        let elapsed = begun.elapsed();
        black_box((&rust_grants, &rust_settled));
        for (wish, booking) in wishes.iter().zip(&*bookings) {
            let settle = Settle { patient: wish.patient, booking: *booking, key: None };
            let _ = rust.cancel(&settle, at).expect("no journal").answer.expect("booked");
        }
        per(elapsed, PAIRS)
    };

    for turn in 0..turns + 2 {
        let warm = turn >= 2;
        let ns = rust_turn(&mut bookings);
        if warm {
            rust_ns.single.push(ns);
        }

        c_bookings.clear();
        let (mut grant, mut done) = (empty_grant, empty_settled);
        let begun = time::Instant::now();
        for (index, wish) in c_wishes.iter().enumerate() {
            // SAFETY: the structures are as long as they say.
            let status = unsafe { hold(registry, black_box(wish), &raw mut grant) };
            assert_eq!(status, 0);
            let settle = c_settle(index, grant.booking);
            // SAFETY: as above.
            let status = unsafe { confirm(registry, &raw const settle, &raw mut done) };
            assert_eq!(status, 0);
            c_bookings.push(grant.booking);
        }
        let ns = per(begun.elapsed(), PAIRS);
        if warm {
            c_ns.single.push(ns);
        }
        assert!(
            bookings
                .iter()
                .zip(&c_bookings)
                .all(|(rust, c)| rust.block().get() == u32::try_from(c >> 38).expect("24 bits"))
        );
        cancel_all(&c_bookings, &c_settle, &mut settles, &mut settled, registry, cancel_batch);

        let ns = rust_turn(&mut bookings);
        if warm {
            rust_ns.batch.push(ns / 2.0);
        }
        c_bookings.clear();
        let begun = time::Instant::now();
        for (batch, wishes) in c_wishes.chunks_exact(BATCH).enumerate() {
            // SAFETY: so many structures, as long as they say.
            let status = unsafe { hold_batch(registry, wishes.as_ptr(), grants.as_mut_ptr(), BATCH) };
            assert_eq!(status, 0);
            for (index, grant) in grants.iter().enumerate() {
                assert_eq!(grant.status, 0);
                settles[index] = c_settle(batch * BATCH + index, grant.booking);
                c_bookings.push(grant.booking);
            }
            // SAFETY: as above.
            let status = unsafe { confirm_batch(registry, settles.as_ptr(), settled.as_mut_ptr(), BATCH) };
            assert_eq!(status, 0);
        }
        let ns = per(begun.elapsed(), PAIRS) / 2.0;
        if warm {
            c_ns.batch.push(ns);
        }
        cancel_all(&c_bookings, &c_settle, &mut settles, &mut settled, registry, cancel_batch);
    }
    // SAFETY: nothing else.
    assert_eq!(unsafe { close(registry) }, 0);

    let report = |name: &str, unit: &str, rust: &mut [f64], c: &mut [f64], limit: f64| {
        let mut over: Vec<f64> = c.iter().zip(&*rust).map(|(c, rust)| c - rust).collect();
        let (rust, c, over) = (median(rust), median(c), median(&mut over));
        let verdict = if over <= limit { "within" } else { "OVER" };
        println!(
            "{name}: Rust {rust:.1} ns, C {c:.1} ns, over {over:+.1} ns {unit}; {verdict} the limit of {limit} ns"
        );
        over <= limit
    };
    println!("medians of {turns} turns of {PAIRS} holds and confirmations, one thread, no journal");
    let single = report("single", "a hold and its confirmation", &mut rust_ns.single, &mut c_ns.single, 25.0);
    let batch = report("batches of 64", "a decision", &mut rust_ns.batch, &mut c_ns.batch, 5.0);
    if !(is_test || single && batch) {
        std::process::exit(1);
    }
}

fn cancel_all(
    bookings: &[u64],
    settle: &impl Fn(usize, u64) -> haoyuan_settle_t,
    settles: &mut [haoyuan_settle_t],
    settled: &mut [haoyuan_settled_t],
    registry: haoyuan_t,
    cancel_batch: Settlings,
) {
    for (batch, bookings) in bookings.chunks_exact(BATCH).enumerate() {
        for (index, booking) in bookings.iter().enumerate() {
            settles[index] = settle(batch * BATCH + index, *booking);
        }
        // SAFETY: so many structures, as long as they say.
        let status = unsafe { cancel_batch(registry, settles.as_ptr(), settled.as_mut_ptr(), BATCH) };
        assert!(status == 0 && settled.iter().all(|one| one.status == 0));
    }
}

fn size_of_u32<T>() -> u32 {
    u32::try_from(size_of::<T>()).expect("small")
}

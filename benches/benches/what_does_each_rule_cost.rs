//! What does each rule cost? One patient books a seat and gives it back, everything in the nearest cache, one rule more each time.
//!
//! The baselines are what a decision cannot do without: a bare 128-bit compare-and-swap, and a look-up in a hash map of as
//! many patients. `HAOYUAN_BENCH_CSV` names a file for the figures. Every variant's answer is asserted each time, and each engine recounts itself afterwards.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use dashmap::DashMap;
use haoyuan_benches::drive::{Spent, alone};
use haoyuan_benches::hospital::{LARGE, VISITS, release};
use haoyuan_benches::measure::{Figure, print_machine, rounds, scaled};
use haoyuan_benches::trace::{PATIENTS, Request, patient, slot};
use haoyuan_core::ids::{IdempotencyKey, InstitutionId, NodeIndex};
use haoyuan_core::instant::DAY;
use haoyuan_core::pool::{Node, PoolTree, Route, Routes};
use haoyuan_core::refusal::Code;
use haoyuan_core::request::{Settle, Ticket, Wish};
use haoyuan_core::rules::{Limit, Rules, Scope, Window};
use haoyuan_core::terms::Class;
use haoyuan_engine::{Engine, Limits};
use portable_atomic::AtomicU128;
use std::fmt::Write as _;
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Sessions of one engine, enough for a patient who has twenty visits already.
const SESSIONS: u32 = 21;

/// A root, `guarantees` reserves of one seat each, and the public.
fn tree(guarantees: u8) -> PoolTree {
    let mut nodes = vec![Node::plain("ROOT", NodeIndex::ROOT)];
    for number in 0..guarantees {
        nodes.push(Node { guarantee: 1, ..Node::plain(&format!("RESERVE_{number}"), NodeIndex::ROOT) });
    }
    nodes.push(Node::plain("PUBLIC", NodeIndex::ROOT));
    let mut routes = Routes::default();
    let public = Route::one(NodeIndex::new(guarantees + 1).expect("at most 15"));
    routes.set_all(Class::Public, public);
    routes.set_all(Class::ReferralSecondary, public);
    PoolTree::new(LARGE.seats, nodes, routes).expect("the reserves fit the seats")
}

fn rules(limits: usize) -> Rules {
    let all = [
        (Scope::Department, Window::Days(1), 1),
        (Scope::Platform, Window::Week, 30),
        (Scope::Platform, Window::Month, 40),
        (Scope::Platform, Window::Quarter, 50),
    ];
    let limits = all.into_iter().take(limits).map(|(scope, window, most)| Limit { scope, window, most });
    Rules { limits: limits.collect(), ..Rules::default() }
}

/// One rule more than nothing.
struct Variant {
    name: &'static str,
    engine: Engine,
    wishes: Vec<Wish>,
    keyed: bool,
    refused: Option<Code>,
}

impl Variant {
    fn new(name: &'static str, guarantees: u8, limits: usize) -> Self {
        let sizes = Limits {
            blocks: SESSIONS * SESSIONS,
            seats: SESSIONS * SESSIONS * u32::from(LARGE.seats),
            sessions: SESSIONS,
            shapes: 16,
            patients: PATIENTS,
            entries: 4 * PATIENTS,
        };
        let engine = Engine::new(sizes);
        for number in 0..SESSIONS {
            let plan = LARGE.plan(number, SESSIONS, &tree(guarantees), &rules(limits));
            engine.publish(&plan, release()).expect("there is room for every session");
        }
        Self { name, engine, wishes: vec![wish(0, 0, Class::Public)], keyed: false, refused: None }
    }

    /// The patient has this many other visits, none of which is in the way.
    fn with_others(self, others: u32) -> Self {
        for other in 1..=others {
            let wish = wish(0, other, Class::Public);
            self.engine.book(&wish, release()).expect("a free slot at another time, in another department");
        }
        self
    }

    /// As many patients as a hospital has, in random order.
    fn with_patients(mut self) -> Self {
        let mut rng = haoyuan_benches::trace::SplitMix::new(1);
        self.wishes = (0..PATIENTS).map(|_| wish(rng.below(PATIENTS), 0, Class::Public)).collect();
        self
    }

    fn with_ticket(mut self) -> Self {
        let request = request(0, 0, Class::ReferralSecondary);
        let ticket = Ticket {
            id: request.ticket(),
            patient: request.patient,
            class: request.class,
            institution: InstitutionId::default(),
            department: None,
            expires: VISITS.midnight().plus(DAY),
        };
        self.engine.issue_ticket(&ticket, release()).expect("there is room for a ticket");
        self.wishes = vec![request.wish()];
        self
    }

    fn with_keys(mut self) -> Self {
        self.keyed = true;
        self
    }

    fn with_waitlist(mut self) -> Self {
        self.engine.set_waiting(slot(0, 0), true).expect("the slot exists");
        self.refused = Some(Code::Waitlisted);
        self
    }

    /// Somebody waited and has left: what a claim pays for there being waitlists at all.
    fn after_a_waitlist(self) -> Self {
        for waits in [true, false] {
            self.engine.set_waiting(slot(0, 0), waits).expect("the slot exists");
        }
        self
    }

    fn run(&self, decisions: usize, keys: &AtomicU64) -> (Spent, u64) {
        let spent = alone(|| {
            let mut asked = 0;
            while asked < decisions {
                for wish in self.wishes.iter().take((decisions - asked).div_ceil(2)) {
                    let mut wish = *wish;
                    if self.keyed {
                        // Relaxed: only the number counts.
                        let key = keys.fetch_add(1, Ordering::Relaxed);
                        wish.key = IdempotencyKey::new(u128::from(key) << 32 | 1);
                    }
                    match (self.engine.book(black_box(&wish), release()), self.refused) {
                        (Ok(grant), None) => {
                            let settle = Settle { patient: wish.patient, booking: grant.booking, key: None };
                            self.engine.cancel(black_box(&settle), release()).expect("a live booking");
                        }
                        (Err(refusal), Some(code)) => {
                            assert_eq!(refusal.code, code);
                            let again = self.engine.book(black_box(&wish), release());
                            assert_eq!(again.expect_err("somebody waits").code, code);
                        }
                        (answer, _) => panic!("{}: {answer:?}", self.name),
                    }
                    asked += 2;
                }
            }
        });
        (spent, decisions.next_multiple_of(2) as u64)
    }
}

fn request(number: u32, place: u32, class: Class) -> Request {
    Request::of(number, slot(place, place), class)
}

fn wish(number: u32, place: u32, class: Class) -> Wish {
    request(number, place, class).wish()
}

fn variants() -> Vec<Variant> {
    vec![
        Variant::new("one pool, no limit", 0, 0),
        Variant::new("a limit: one per department and day", 0, 1),
        Variant::new("four limits", 0, 4),
        Variant::new("four limits, one other visit", 0, 4).with_others(1),
        Variant::new("four limits, five other visits", 0, 4).with_others(5),
        Variant::new("four limits, twenty other visits", 0, 4).with_others(20),
        Variant::new("3 guarantees in the fold", 3, 1),
        Variant::new("7 guarantees in the fold", 7, 1),
        Variant::new("13 guarantees in the fold", 13, 1),
        Variant::new("a referral ticket", 3, 1).with_ticket(),
        Variant::new("an idempotency key", 3, 1).with_keys(),
        Variant::new("100,000 patients", 3, 1).with_patients(),
        Variant::new("3 guarantees, nobody waits any more", 3, 1).after_a_waitlist(),
        Variant::new("somebody waits: refused", 3, 1).with_waitlist(),
    ]
}

fn bare_cas(count: usize) -> (Spent, u64) {
    let word = AtomicU128::new(0);
    let spent = alone(|| {
        for _ in 0..count {
            let old = black_box(&word).load(Ordering::Acquire);
            word.compare_exchange(old, old + 1, Ordering::AcqRel, Ordering::Acquire).expect("nobody else");
        }
    });
    (spent, count as u64)
}

fn map_look_up(map: &DashMap<u128, u32>, count: usize) -> (Spent, u64) {
    let keys: Vec<u128> =
        Variant::new("", 0, 0).with_patients().wishes.iter().map(|w| w.patient.get()).collect();
    let spent = alone(|| {
        for key in keys.iter().cycle().take(count) {
            assert!(black_box(map).contains_key(key));
        }
    });
    (spent, count as u64)
}

fn bench(c: &mut Criterion) {
    print_machine();
    let variants = variants();
    let map: DashMap<u128, u32> = (0..PATIENTS).map(|number| (patient(number).get(), number)).collect();
    let (count, keys) = (scaled(200_000), AtomicU64::new(1));
    let mut bare = [Figure::default(), Figure::default()];
    let mut figures = vec![Figure::default(); variants.len()];
    for _ in 0..rounds() {
        let [cas, look_up] = &mut bare;
        let (spent, swaps) = bare_cas(count);
        cas.add(spent, swaps);
        let (spent, found) = map_look_up(&map, count);
        look_up.add(spent, found);
        for (variant, figure) in variants.iter().zip(&mut figures) {
            let (spent, decisions) = variant.run(count, &keys);
            figure.add(spent, decisions);
        }
    }
    println!("{:45} {}", "a bare 128-bit compare-and-swap", bare[0]);
    println!("{:45} {}", "a look-up in a dashmap of 100,000 patients", bare[1]);
    let least = figures[0].median();
    for (variant, figure) in variants.iter().zip(&figures) {
        println!("{:45} {figure}  {:+.1} ns", variant.name, figure.median() - least);
    }
    if let Some(file) = std::env::var_os("HAOYUAN_BENCH_CSV") {
        let names = ["a bare 128-bit compare-and-swap", "a look-up in a dashmap of 100,000 patients"];
        let all = names.into_iter().zip(&bare).chain(variants.iter().map(|v| v.name).zip(&figures));
        let mut text = String::from("rule,ns,least_ns,most_ns\n");
        for (name, figure) in all {
            let (lowest, highest) = figure.range();
            let _ = writeln!(text, "\"{name}\",{:.1},{lowest:.1},{highest:.1}", figure.median());
        }
        std::fs::write(&file, text).expect("the file for the figures can be written");
    }
    let mut group = c.benchmark_group("rule");
    group.throughput(Throughput::Elements(2));
    for variant in &variants {
        group.bench_function(variant.name, |b| {
            b.iter_custom(|iterations| {
                let decisions = usize::try_from(iterations).expect("a few million") * 2;
                variant.run(decisions, &keys).0.wall
            });
        });
    }
    group.finish();
    for variant in &variants {
        let audit = variant.engine.audit().expect("an engine that adds up");
        assert!(audit.booked <= 20, "{}: {} seats are still booked", variant.name, audit.booked);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(500));
    targets = bench
}
criterion_main!(benches);

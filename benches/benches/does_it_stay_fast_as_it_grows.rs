//! Does it stay fast as it grows? From ten thousand seats to the fourteen million of a province: what a decision costs, and why.
//!
//! ```text
//! cargo bench -p haoyuan-benches --bench does_it_stay_fast_as_it_grows [-- --csv FILE]
//! ```
//!
//! A random patient books a random slot; the booking is given back after a thousand others. There is a patient for every four
//! seats. The baseline touches as many random lines of tables of the same size, with nothing decided: if the engine grows
//! as it does, and the instructions stay the same, what grows is the memory. Under valgrind (Debian: `apt-get install
//! valgrind`) the instructions, the cache misses and, with a cache whose lines are pages, the misses of the translation
//! look-aside buffers are counted: two levels of 64 and 2,048 entries; more instructions than a tenth above those of the
//! smallest size fail the run.

use haoyuan_benches::drive::{Spent, together};
use haoyuan_benches::hospital::{HALF_HOUR_SLOTS, RUSH, Tickets, release, rules};
use haoyuan_benches::measure::{Figure, print_machine, rounds, smoke};
use haoyuan_benches::trace::{Request, SEED, SplitMix, slot};
use haoyuan_core::ids::{BookingId, PatientKey};
use haoyuan_core::request::Settle;
use haoyuan_core::terms::Class;
use haoyuan_engine::{Engine, Limits};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicU64, Ordering};

const SIZES: [u32; 6] = [10_000, 100_000, 1_000_000, 4_000_000, 8_000_000, 14_000_000];
/// Decisions that valgrind counts.
const COUNTED_DECISIONS: u64 = 100_000;
/// Live bookings.
const LIVE: usize = 1_000;
const PER_SESSION: u32 = HALF_HOUR_SLOTS * RUSH.seats as u32;

struct Sized {
    engine: Engine,
    sessions: u32,
    patients: u32,
    rng: SplitMix,
    live: VecDeque<(PatientKey, BookingId)>,
    decisions: u64,
    granted: u64,
}

impl Sized {
    fn new(seats: u32) -> Self {
        let sessions = seats.div_ceil(PER_SESSION);
        let patients = (seats / 4).max(4_096);
        let limits = Limits {
            blocks: sessions * HALF_HOUR_SLOTS,
            seats: sessions * PER_SESSION,
            sessions,
            shapes: 16,
            patients,
            entries: 64 * 1_024,
        };
        let engine = Engine::new(limits);
        let (tree, rules) = (RUSH.tree(), rules(Tickets::NotNeeded));
        for number in 0..sessions {
            let plan = RUSH.plan(number, HALF_HOUR_SLOTS, &tree, &rules);
            engine.publish(&plan, release()).expect("there is room for every session");
        }
        let live = VecDeque::with_capacity(LIVE + 1);
        Self { engine, sessions, patients, rng: SplitMix::new(SEED), live, decisions: 0, granted: 0 }
    }

    /// The patients are known and the tables have their pages.
    fn warm_up(&mut self) {
        self.work(2 * u64::from(self.patients).min(4_000_000));
    }

    fn work(&mut self, decisions: u64) {
        let until = self.decisions + decisions;
        while self.decisions < until {
            let number = self.rng.below(self.patients);
            let slot = slot(self.rng.below(self.sessions), self.rng.below(HALF_HOUR_SLOTS));
            let request = Request::of(number, slot, Class::Public);
            self.decisions += 1;
            if let Ok(grant) = self.engine.book(&request.wish(), release()) {
                self.granted += 1;
                self.live.push_back((request.patient, grant.booking));
            }
            if self.live.len() > LIVE {
                let (patient, booking) = self.live.pop_front().expect("more than a thousand");
                self.engine
                    .cancel(&Settle { patient, booking, key: None }, release())
                    .expect("a live booking");
                self.decisions += 1;
            }
        }
    }

    fn check(&self) {
        let audit = self.engine.audit().expect("an engine that adds up");
        assert_eq!(
            audit.booked,
            self.live.len() as u64,
            "what is live is what was granted and not given back"
        );
        assert!(self.granted * 3 > self.decisions, "a decision in two books, or nearly");
    }
}

/// Tables of the same size: 32 bytes a slot, 16 a seat, 64 a patient.
struct Tables {
    slots: Vec<[AtomicU64; 4]>,
    seats: Vec<[AtomicU64; 2]>,
    patients: Vec<[AtomicU64; 8]>,
    rng: SplitMix,
}

impl Tables {
    fn new(seats: u32) -> Self {
        let seats = seats.next_multiple_of(PER_SESSION) as usize;
        Self {
            slots: (0..seats / usize::from(RUSH.seats)).map(|_| Default::default()).collect(),
            seats: (0..seats).map(|_| Default::default()).collect(),
            patients: (0..(seats / 4).max(4_096)).map(|_| Default::default()).collect(),
            rng: SplitMix::new(SEED),
        }
    }

    /// Replaces a word of a slot, of one of its seats, and of a patient.
    fn work(&mut self, decisions: u64) {
        let count = |length: usize| u32::try_from(length).expect("fewer than 2^32");
        for _ in 0..decisions {
            let place = self.rng.below(count(self.slots.len())) as usize;
            let person = self.rng.below(count(self.patients.len())) as usize;
            // Relaxed: one thread; what counts is the line.
            self.slots[place][0].fetch_add(1, Ordering::Relaxed);
            self.seats[place * usize::from(RUSH.seats)][0].fetch_add(1, Ordering::Relaxed);
            self.patients[person][0].fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The valgrind run collects only inside this function.
#[inline(never)]
fn measured_part(sized: &mut Sized, decisions: u64) -> u64 {
    let before = sized.decisions;
    sized.work(decisions);
    sized.decisions - before
}

/// Lets the valgrind that runs this process look at every instruction from here on. Building a province under its eyes would take
/// half an hour.
fn instrument() {
    let id = std::process::id().to_string();
    // On standard error, because a number is expected on standard output.
    let control =
        Command::new("callgrind_control").args(["--instr=on", &id]).stdout(std::io::stderr()).spawn();
    let mut control = control.expect("callgrind_control comes with valgrind");
    // Busy, because valgrind looks for what is asked of it while the process runs.
    let done = loop {
        if let Some(done) = control.try_wait().expect("a child of this process") {
            break done;
        }
    };
    assert!(done.success(), "callgrind_control cannot reach process {id}: {done}");
}

/// What valgrind counts of a decision: instructions, misses of the first and of the second level.
fn count(seats: u32, caches: &[String]) -> Result<[f64; 3], String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let file = std::env::temp_dir().join(format!("haoyuan-grows-{}-{seats}", std::process::id()));
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--cache-sim=yes", "--quiet"])
        .args(["--instr-atstart=no", "--toggle-collect=*measured_part*"])
        .args(caches)
        .arg(format!("--callgrind-out-file={}", file.display()))
        .arg(&program)
        .args(["--inside", &seats.to_string()])
        .output()
        .map_err(|error| {
            format!("valgrind cannot be started ({error}); on Debian: apt-get install valgrind")
        })?;
    let text = std::fs::read_to_string(&file).unwrap_or_default();
    let _ = std::fs::remove_file(&file);
    let told = String::from_utf8_lossy(&output.stdout);
    let decisions: f64 = told
        .trim()
        .parse()
        .map_err(|_| format!("the run under valgrind failed: {}", String::from_utf8_lossy(&output.stderr)))?;
    let line = |head: &str| text.lines().find_map(|line| line.strip_prefix(head));
    let events: Vec<&str> = line("events: ").unwrap_or_default().split(' ').collect();
    let totals: Vec<f64> = line("summary: ")
        .or_else(|| line("totals: "))
        .unwrap_or_default()
        .split(' ')
        .filter_map(|value| value.parse().ok())
        .collect();
    let event = |name: &str| {
        let place = events.iter().position(|event| *event == name);
        place.and_then(|place| totals.get(place)).copied().unwrap_or(0.0)
    };
    let misses = [event("Ir"), event("D1mr") + event("D1mw"), event("DLmr") + event("DLmw")];
    Ok(misses.map(|count| count / decisions))
}

/// A cache of this machine as valgrind takes it: size, ways, line.
fn cache(option: &str, index: u8) -> Option<String> {
    let folder = PathBuf::from(format!("/sys/devices/system/cpu/cpu0/cache/index{index}"));
    let read = |name: &str| Some(std::fs::read_to_string(folder.join(name)).ok()?.trim().to_owned());
    let kilobytes: u64 = read("size")?.strip_suffix('K')?.parse().ok()?;
    Some(format!(
        "--{option}={},{},{}",
        kilobytes * 1024,
        read("ways_of_associativity")?,
        read("coherency_line_size")?
    ))
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let after = |name: &str| {
        let place = arguments.iter().position(|argument| argument == name);
        place.and_then(|place| arguments.get(place + 1)).cloned()
    };
    if let Some(seats) = after("--inside") {
        let mut sized = Sized::new(seats.parse().expect("a number of seats"));
        sized.warm_up();
        instrument();
        // The simulated caches are empty until now; what fills them is not counted.
        sized.work(COUNTED_DECISIONS);
        println!("{}", measured_part(&mut sized, COUNTED_DECISIONS));
        sized.check();
        return ExitCode::SUCCESS;
    }
    print_machine();
    let caches: Vec<String> = cache("D1", 0).into_iter().chain(cache("LL", 2)).collect();
    let pages = ["--D1=262144,64,4096".to_owned(), "--LL=8388608,8,4096".to_owned()];
    let mut csv = String::from(
        "seats,ns,least_ns,most_ns,bare_ns,instructions,l1_misses,l2_misses,l1_tlb_misses,l2_tlb_misses\n",
    );
    let sizes: &[u32] = if smoke() { &SIZES[..2] } else { &SIZES };
    // Instructions a decision at the smallest size that was counted.
    let mut fewest = None;
    println!("{:>10}  {:>58}  {:>8}", "seats", "a decision", "bare");
    println!("{:>10}  instructions, cache misses (L1, L2), page misses (L1, L2) a decision", "");
    for seats in sizes {
        let (mut sized, mut tables) = (Sized::new(*seats), Tables::new(*seats));
        sized.warm_up();
        tables.work(sized.decisions.min(1_000_000));
        let (mut ours, mut bare) = (Figure::default(), Figure::default());
        let decisions = if smoke() { 1_000 } else { 200_000 };
        for _ in 0..rounds() {
            let mut state = [(&mut sized, 0)];
            let spent: Spent = together(&mut state, |(sized, made)| *made = measured_part(sized, decisions));
            ours.add(spent, state[0].1);
            bare.add(together(&mut [&mut tables], |tables| tables.work(decisions)), decisions);
        }
        sized.check();
        println!("{seats:>10}  {ours}  {:7.1} ns", bare.median());
        let counts = if smoke() {
            None
        } else {
            match (count(*seats, &caches), count(*seats, &pages)) {
                (Ok([instructions, first, second]), Ok([_, page, table])) => {
                    println!(
                        "{:>10}  {instructions:.1} instructions, {first:.2} {second:.2}, {page:.2} {table:.2}",
                        ""
                    );
                    // Nothing algorithmic: what grows with the size is the memory, not the work.
                    let least = *fewest.get_or_insert(instructions);
                    assert!(
                        instructions < least * 1.1,
                        "{seats} seats: {instructions:.1} instructions, {least:.1} at the smallest size"
                    );
                    Some([instructions, first, second, page, table])
                }
                (Err(error), _) | (_, Err(error)) => {
                    println!("  *** NOT COUNTED: {error}");
                    None
                }
            }
        };
        let counts =
            counts.map_or_else(|| ",,,,".to_owned(), |c| c.map(|count| format!("{count:.2}")).join(","));
        let (least, greatest) = ours.range();
        let _ = writeln!(
            csv,
            "{seats},{:.1},{least:.1},{greatest:.1},{:.1},{counts}",
            ours.median(),
            bare.median()
        );
    }
    if let Some(file) = after("--csv")
        && let Err(error) = std::fs::write(&file, csv)
    {
        eprintln!("{file}: {error}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

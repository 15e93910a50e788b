//! Where does the time of a decision go? Counts instructions, locked instructions and cache misses of each step.
//!
//! ```text
//! cargo run --release -p haoyuan-benches --example where_does_the_time_go [-- WORKLOAD...] [--by-function]
//! ```
//!
//! Workloads: `full`, `protected`, `one` (one patient books and cancels), `hot`, `rush`, `churn`; all of them if none is
//! named. Each is run twice: once as it is, for the nanoseconds, and once under valgrind's callgrind (Debian: `apt-get install
//! valgrind binutils`), for the counts. Counts are exact and repeatable whatever else the machine does; they are of the
//! same compiled code, whose line tables say which source function an instruction came from, inlined or not. Library code
//! counts with the line of ours that it was inlined after or called from.
//!
//! The simulated caches are the first and the second level of this machine's; what a second-level miss costs is not
//! simulated.

use haoyuan_benches::drive::{Client, How, Spent, alone, rush, together};
use haoyuan_benches::hospital::{Hospital, LARGE, RUSH, Tickets, release};
use haoyuan_benches::peers::floor::Chain;
use haoyuan_benches::trace::{PATIENTS, Request, SEED, morning_rush, one_slot, uniform};
use haoyuan_core::request::Settle;
use haoyuan_core::terms::Class;
use portable_atomic::AtomicU128;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::Ordering;

/// Each workload, and what it shows.
const WORKLOADS: [(&str, &str); 6] = [
    ("full", "every seat is booked: a refusal"),
    ("protected", "what is left is reserved: a refusal"),
    ("one", "one patient books and cancels in turn, everything in the first-level cache"),
    ("hot", "one slot, 100,000 patients book until it refuses, then all is cancelled (W1)"),
    ("rush", "200,000 requests for 16,000 seats (W2)"),
    ("churn", "2,000 slots of 63 seats, everything at random (W3)"),
];

/// Decisions of one part of a workload: so few that a part mostly ends before the scheduler takes the processor away.
const PART: usize = 10_000;

/// What a workload took: the nanoseconds a decision of its quickest part, and how many decisions there were.
struct Taken {
    least: f64,
    decisions: u64,
}

/// The callgrind run collects only inside this function.
#[inline(never)]
fn measured_part(parts: usize, work: &mut dyn FnMut() -> (Spent, u64)) -> Taken {
    let mut taken = Taken { least: f64::INFINITY, decisions: 0 };
    for _ in 0..parts {
        let (spent, decisions) = work();
        taken.least = taken.least.min(nanoseconds(spent, decisions));
        taken.decisions += decisions;
    }
    taken
}

/// Runs one workload; about `requests` decisions are measured.
fn run(workload: &str, requests: usize) -> Taken {
    let parts = requests.div_ceil(PART);
    match workload {
        "full" | "protected" => {
            let full = workload == "full";
            let mut trace = one_slot(SEED, 0..PATIENTS);
            let hospital = Hospital::open(LARGE, 1, 1, Tickets::NotNeeded, &[]);
            let classes = [
                (Class::Public, 31),
                (Class::ReferralSecondary, 19),
                (Class::ReferralPrimary, 10),
                (Class::OnSite, 3),
            ];
            let wanted = classes.into_iter().flat_map(|(class, n)| std::iter::repeat_n(class, n));
            for (request, class) in trace.iter().zip(wanted.take(if full { 63 } else { 31 })) {
                let wish = Request { class, ..*request }.wish();
                hospital.engine.book(&wish, release()).expect("the slot is not full yet");
            }
            for request in &mut trace {
                request.class = Class::Public;
            }
            let mut rest = trace.chunks_exact(PART).cycle();
            measured_part(parts, &mut || {
                let part = rest.next().expect("a cycle");
                let spent = alone(|| {
                    for request in part {
                        let answer = hospital.engine.book(black_box(&request.wish()), release());
                        assert!(answer.is_err(), "the slot refuses");
                    }
                });
                (spent, PART as u64)
            })
        }
        "one" => {
            let trace = one_slot(SEED, 0..PATIENTS);
            let hospital = Hospital::open(LARGE, 1, 1, Tickets::NotNeeded, &[]);
            let wish = Request { class: Class::Public, ..trace[0] }.wish();
            measured_part(parts, &mut || {
                let spent = alone(|| {
                    for _ in 0..PART / 2 {
                        let grant = hospital.engine.book(black_box(&wish), release()).expect("a free slot");
                        let settle = Settle { patient: wish.patient, booking: grant.booking, key: None };
                        hospital.engine.cancel(black_box(&settle), release()).expect("a live booking");
                    }
                });
                (spent, PART as u64)
            })
        }
        "hot" => churn(requests, &one_slot(SEED, 0..PATIENTS), 1, 1),
        "churn" => churn(requests, &uniform(SEED, 1 << 20, 0..PATIENTS, 100, 20), 100, 20),
        "rush" => {
            let trace = morning_rush(SEED, PATIENTS, 100, 20);
            let mut taken = Taken { least: f64::INFINITY, decisions: 0 };
            while taken.decisions < requests as u64 {
                let hospital = Hospital::open(RUSH, 100, 20, Tickets::Shown, &[&trace]);
                let once = measured_part(1, &mut || {
                    let (spent, queues) = rush(&hospital, &trace, 1, How::Book);
                    (spent, queues.iter().map(|queue| queue.decisions).sum())
                });
                taken.least = taken.least.min(once.least);
                taken.decisions += once.decisions;
            }
            taken
        }
        other => {
            eprintln!("there is no workload `{other}`; they are: {}", WORKLOADS.map(|w| w.0).join(", "));
            std::process::exit(2);
        }
    }
}

/// One client books and releases, warmed up until the slots are as full as they stay.
fn churn(requests: usize, trace: &[Request], practitioners: u32, half_hours: u32) -> Taken {
    let hospital = Hospital::open(LARGE, practitioners, half_hours, Tickets::Shown, &[trace]);
    let mut clients = [Client::new(&hospital, trace)];
    clients[0].churn(&hospital, if practitioners > 1 { 300_000 } else { 110_000 });
    measured_part(requests.div_ceil(PART), &mut || {
        let before = clients[0].decisions;
        let spent = together(&mut clients, |client| client.churn(&hospital, PART));
        (spent, clients[0].decisions - before)
    })
}

/// Nanoseconds of a load that misses the second level and waits for the one before it, the least of some rounds.
fn dependent_miss() -> f64 {
    let mut chain = Chain::default();
    (0..40).map(|_| chain.wait()).fold(f64::INFINITY, f64::min)
}

/// Nanoseconds of a compare-and-swap of 128 bits that nobody else touches, the least of some rounds.
fn bare_compare_and_swap() -> f64 {
    let word = AtomicU128::new(0);
    let round = || {
        let spent = alone(|| {
            for _ in 0..100_000 {
                let old = black_box(&word).load(Ordering::Acquire);
                let _ = word.compare_exchange(old, old + 1, Ordering::AcqRel, Ordering::Acquire);
            }
        });
        nanoseconds(spent, 100_000)
    };
    (0..20).map(|_| round()).fold(f64::INFINITY, f64::min)
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn nanoseconds(spent: Spent, decisions: u64) -> f64 {
    spent.wall.as_nanos() as f64 / decisions.max(1) as f64
}

/// What is counted of a step.
#[derive(Clone, Copy, Default)]
struct Counts {
    instructions: u64,
    locked: u64,
    first_level: u64,
    second_level: u64,
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.instructions += other.instructions;
        self.locked += other.locked;
        self.first_level += other.first_level;
        self.second_level += other.second_level;
    }
}

/// The step of a decision that a source function belongs to.
fn step(file: &str, function: &str) -> &'static str {
    match (file, function) {
        (file, _) if !file.starts_with("haoyuan-") => "asking: the driver and its trace",
        ("haoyuan-core/src/pool.rs", _) | ("haoyuan-core/src/word.rs", "sum" | "total" | "plus" | "get") => {
            "fold: the pool tree over the counters"
        }
        (
            "haoyuan-engine/src/block.rs",
            "peek" | "view" | "unpack" | "units" | "walk" | "word" | "catch_up",
        )
        | ("haoyuan-core/src/word.rs", "from_bits" | "live" | "sequence" | "has_flags") => {
            "look: load word and hint"
        }
        (
            "haoyuan-engine/src/patients.rs",
            "enter" | "enter_at" | "admit" | "admit_at" | "find" | "find_at" | "find_near" | "place"
            | "probe" | "fold" | "fingerprint" | "mix" | "expect",
        )
        | ("haoyuan-engine/src/block.rs", "patient") => "patient: hash and probe",
        ("haoyuan-engine/src/block.rs" | "haoyuan-core/src/word.rs", _) => {
            "swap: choose the seat, replace the word, hint"
        }
        ("haoyuan-engine/src/seat.rs", _) => "seat: its record, packed and unpacked",
        ("haoyuan-engine/src/sessions.rs" | "haoyuan-engine/src/engine.rs", name) if name != "grant" => {
            "locate: session, block, tree"
        }
        ("haoyuan-engine/src/patients.rs", "gate" | "lock" | "drop") => "gate: take and open",
        ("haoyuan-engine/src/patients.rs", "allocate" | "allocate_from" | "free" | "push" | "reserve") => {
            "entry: cells of the pool"
        }
        (
            "haoyuan-engine/src/portfolio.rs"
            | "haoyuan-engine/src/patients.rs"
            | "haoyuan-core/src/rules.rs",
            _,
        )
        | ("haoyuan-engine/src/claim.rs", "check_patient") => "portfolio: gather, overlap, limits",
        ("haoyuan-engine/src/tickets.rs", _) => "ticket",
        _ => "answer: put together and returned",
    }
}

/// `haoyuan-core/src/pool.rs` of a path that ends so, wherever the repository stands.
fn ours(path: &str) -> Option<&str> {
    path.rsplit_once("crates/haoyuan-")
        .map(|(before, _)| &path[before.len() + "crates/".len()..])
        .or_else(|| path.rsplit_once("benches/").map(|(before, _)| &path[before.len()..]))
}

/// The functions of our source files, by line.
#[derive(Default)]
struct Sources(HashMap<String, Vec<(u64, String)>>);

impl Sources {
    fn function(&mut self, file: &str, line: u64) -> String {
        let functions = self.0.entry(file.to_owned()).or_insert_with(|| {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
            let path =
                if file.starts_with("benches/") { root.join(file) } else { root.join("crates").join(file) };
            let text = std::fs::read_to_string(path).unwrap_or_default();
            let name = |line: &str| {
                let rest = line.split_once("fn ").filter(|(before, _)| !before.contains("//"))?.1;
                let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                (!name.is_empty()).then_some(name)
            };
            (1..).zip(text.lines()).filter_map(|(number, line)| Some((number, name(line)?))).collect()
        });
        let after = functions.partition_point(|(first, _)| *first <= line);
        after.checked_sub(1).map_or_else(|| "?".to_owned(), |place| functions[place].1.clone())
    }
}

/// The addresses of locked instructions of this program; `None` without `objdump`.
fn locked_instructions(program: &Path) -> Option<HashSet<u64>> {
    let output = Command::new("objdump").args(["-d", "--no-show-raw-insn"]).arg(program).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let locked = text.lines().filter(|line| line.contains("\tlock ") || line.contains("\txchg "));
    // An exchange with memory locks by itself; one between registers does not.
    let in_memory = locked.filter(|line| line.contains('('));
    Some(in_memory.filter_map(|line| u64::from_str_radix(line.split(':').next()?.trim(), 16).ok()).collect())
}

/// Whether a compiled function is one of ours; what is not is counted where it is called.
fn is_ours(function: &str) -> bool {
    function.contains("haoyuan") || function.contains("where_does_the_time_go")
}

/// What callgrind wrote: the names of its events, and its lines.
struct Written<'a> {
    text: &'a str,
    events: Vec<&'a str>,
}

/// A line of counts.
struct Cost {
    address: u64,
    line: u64,
    values: Vec<u64>,
}

impl<'a> Written<'a> {
    fn new(text: &'a str) -> Self {
        let events = text.lines().find_map(|line| line.strip_prefix("events: "));
        Self { text, events: events.map(|events| events.split(' ').collect()).unwrap_or_default() }
    }

    fn event(&self, cost: &Cost, name: &str) -> u64 {
        let place = self.events.iter().position(|event| *event == name);
        place.and_then(|at| cost.values.get(at)).copied().unwrap_or(0)
    }

    /// Shows each line of counts: the compiled function, the source file, the call that it belongs to (callee, calls).
    fn visit(&self, mut show: impl FnMut(&str, &str, Option<(&str, u64)>, &Cost)) {
        let (mut file, mut function, mut callee) = ("", "", "");
        let mut calls = None;
        for line in self.text.lines() {
            let after = |prefix: &str| line.strip_prefix(prefix);
            if let Some(path) = after("fl=").or_else(|| after("fi=")).or_else(|| after("fe=")) {
                file = path;
            } else if let Some(name) = after("fn=") {
                function = name;
            } else if let Some(name) = after("cfn=") {
                callee = name;
            } else if let Some(rest) = after("calls=") {
                calls = rest.split(' ').next().and_then(|count| count.parse().ok());
            } else if let Some(rest) = after("0x") {
                let mut words = rest.split(' ');
                let address = words.next().and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
                let line = words.next().and_then(|text| text.parse().ok()).unwrap_or(0);
                let values = words.filter_map(|text| text.parse().ok()).collect();
                let call = calls.take().map(|calls| (callee, calls));
                show(function, file, call, &Cost { address, line, values });
            }
        }
    }

    /// Counts by source function.
    fn by_function(&self, locked: &HashSet<u64>) -> BTreeMap<(String, String), Counts> {
        // Functions of libraries: how often called, and how many locked instructions they ran.
        let mut library: HashMap<String, (u64, u64)> = HashMap::new();
        self.visit(|function, _, call, cost| {
            if let Some((callee, calls)) = call {
                library.entry(callee.to_owned()).or_default().0 += calls;
            } else if locked.contains(&cost.address) {
                library.entry(function.to_owned()).or_default().1 += self.event(cost, "Ir");
            }
        });
        let mut sums: BTreeMap<(String, String), Counts> = BTreeMap::new();
        let mut sources = Sources::default();
        let mut here = ("benches".to_owned(), "?".to_owned());
        self.visit(|function, file, call, cost| {
            if !is_ours(function) || call.is_some_and(|(callee, _)| is_ours(callee)) {
                return;
            }
            if let Some(name) = ours(file) {
                here = (name.to_owned(), sources.function(name, cost.line));
            }
            let locked = match call {
                Some((callee, calls)) => {
                    let (all, locked) = library.get(callee).copied().unwrap_or_default();
                    locked * calls / all.max(1)
                }
                None if locked.contains(&cost.address) => self.event(cost, "Ir"),
                None => 0,
            };
            sums.entry(here.clone()).or_default().add(Counts {
                instructions: self.event(cost, "Ir"),
                locked,
                first_level: self.event(cost, "D1mr") + self.event(cost, "D1mw"),
                second_level: self.event(cost, "DLmr") + self.event(cost, "DLmw"),
            });
        });
        sums
    }
}

/// A cache of this machine as callgrind takes it: size, ways, line.
fn cache(index: u8) -> Option<String> {
    let folder = PathBuf::from(format!("/sys/devices/system/cpu/cpu0/cache/index{index}"));
    let read = |name: &str| Some(std::fs::read_to_string(folder.join(name)).ok()?.trim().to_owned());
    let kilobytes: u64 = read("size")?.strip_suffix('K')?.parse().ok()?;
    Some(format!("{},{},{}", kilobytes * 1024, read("ways_of_associativity")?, read("coherency_line_size")?))
}

fn count(workload: &str, requests: usize, by_function: bool, (bare, miss): (f64, f64)) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let file = std::env::temp_dir().join(format!("haoyuan-callgrind-{}-{workload}", std::process::id()));
    let mut command = Command::new("valgrind");
    command.args([
        "--tool=callgrind",
        "--cache-sim=yes",
        "--dump-instr=yes",
        "--compress-strings=no",
        "--compress-pos=no",
        "--toggle-collect=*measured_part*",
        "--quiet",
    ]);
    // The first level as it is; the second in the place of the last, because the last is shared with neighbours.
    command.args(cache(0).map(|size| format!("--D1={size}")));
    command.args(cache(2).map(|size| format!("--LL={size}")));
    command.arg(format!("--callgrind-out-file={}", file.display()));
    command.arg(&program).args(["--inside", workload, &requests.to_string()]);
    let output = command.output().map_err(|error| {
        format!("valgrind cannot be started ({error}); on Debian: apt-get install valgrind")
    })?;
    let text = std::fs::read_to_string(&file);
    let _ = std::fs::remove_file(&file);
    let told = String::from_utf8_lossy(&output.stdout);
    let decisions: u64 = told
        .trim()
        .parse()
        .map_err(|_| format!("the run under valgrind failed: {}", String::from_utf8_lossy(&output.stderr)))?;
    let text = text.map_err(|error| format!("callgrind wrote nothing: {error}"))?;
    let locked = locked_instructions(&program);
    let functions = Written::new(&text).by_function(&locked.clone().unwrap_or_default());
    let mut steps: BTreeMap<&str, Counts> = BTreeMap::new();
    let mut total = Counts::default();
    for ((file, function), counts) in &functions {
        steps.entry(step(file, function)).or_default().add(*counts);
        total.add(*counts);
    }
    println!(
        "{:52} {:>12} {:>8} {:>8} {:>8}",
        "per decision", "instructions", "locked", "L1 miss", "L2 miss"
    );
    let mut sorted: Vec<_> = steps.into_iter().collect();
    sorted.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.instructions));
    for (step, counts) in sorted {
        print_counts(step, counts, decisions);
    }
    print_counts("together", total, decisions);
    if by_function {
        let mut sorted: Vec<_> = functions.into_iter().collect();
        sorted.sort_by_key(|(_, counts)| std::cmp::Reverse(counts.instructions));
        println!("of these:");
        for ((file, function), counts) in sorted.into_iter().take(45) {
            print_counts(&format!("  {file}: {function}"), counts, decisions);
        }
    }
    if locked.is_some() {
        let each = share(total.locked, decisions);
        println!(
            "the locked instructions alone, at {bare:.1} ns for a bare 128-bit compare-and-swap: {:.1} ns",
            each * bare
        );
    } else {
        println!(
            "locked instructions are not counted: `objdump` is missing; on Debian: apt-get install binutils"
        );
    }
    let misses = share(total.second_level, decisions);
    println!(
        "the L2 misses one after another, at {miss:.1} ns for a dependent load from 8 MiB: {:.1} ns",
        misses * miss
    );
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn share(count: u64, decisions: u64) -> f64 {
    count as f64 / decisions.max(1) as f64
}

fn print_counts(name: &str, counts: Counts, decisions: u64) {
    println!(
        "{name:52} {:12.1} {:8.2} {:8.3} {:8.3}",
        share(counts.instructions, decisions),
        share(counts.locked, decisions),
        share(counts.first_level, decisions),
        share(counts.second_level, decisions)
    );
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "--inside") {
        let [_, workload, requests] = arguments.as_slice() else { return ExitCode::from(2) };
        println!("{}", run(workload, requests.parse().expect("a number of requests")).decisions);
        return ExitCode::SUCCESS;
    }
    let by_function = arguments.iter().any(|argument| argument == "--by-function");
    let named: Vec<&str> = arguments.iter().map(String::as_str).filter(|a| !a.starts_with("--")).collect();
    if let Some(unknown) = named.iter().find(|name| WORKLOADS.iter().all(|(known, _)| known != *name)) {
        eprintln!("there is no workload `{unknown}`; they are: {}", WORKLOADS.map(|w| w.0).join(", "));
        return ExitCode::from(2);
    }
    haoyuan_benches::measure::print_machine();
    let costs = (bare_compare_and_swap(), dependent_miss());
    for (workload, shows) in WORKLOADS {
        if !named.is_empty() && !named.contains(&workload) {
            continue;
        }
        println!("\n{workload}: {shows}");
        let least = run(workload, 1_000_000).least;
        println!("{least:.1} ns a decision on one thread, the least of all parts of the run");
        if let Err(error) = count(workload, 200_000, by_function, costs) {
            eprintln!("not counted: {error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

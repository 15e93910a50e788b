//! `haoyuan verify`: the simulator on the user's machine.
//!
//! INVARIANT (nothing hidden): a violation ends in its seed, the shrunk run and a non-zero exit, and the figures count only
//! what was done before they were printed.

use crate::args;
use crate::failure::{Failure, print};
use crate::lang::{Lang, say};
use crate::text::grouped;
use haoyuan_model::sim::{self, Bug, Keep, Lane, Tape, Totals};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Seconds, if nobody says otherwise.
const SECONDS: u64 = 30;
/// Seeds for each canary: the median of so many is told.
const SEEDS: u64 = 5;
/// Runs in which a canary must be caught.
const RUNS: u64 = 5_000;
/// The runs of one turn: of three lanes one at a time, so that all advance.
const TURN: u64 = 8;

/// What a lane has done, and its first violation.
#[derive(Clone, Debug, Default)]
struct Found {
    totals: [Totals; Lane::ALL.len()],
    violations: Vec<(Lane, u64, String)>,
}

/// Runs the simulator, or the canaries.
pub(crate) fn run(options: &args::Verify, lang: Lang) -> Result<(), Failure> {
    if options.canaries { canaries(options, lang) } else { simulate(options, lang) }
}

fn simulate(options: &args::Verify, lang: Lang) -> Result<(), Failure> {
    let (seconds, seed) = (options.seconds.unwrap_or(SECONDS), options.seed.unwrap_or(1));
    let lanes: Vec<Lane> = Lane::ALL.into_iter().filter(|lane| asked(options, *lane)).collect();
    let began = Instant::now();
    let found = Mutex::new(Found::default());
    let next = AtomicU64::new(0);
    let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(seconds));
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    // The same runs for a seed on every machine: only how many of them there are differs.
    let is_over = |turn: u64| match options.runs {
        Some(runs) => turn * TURN >= runs,
        None => began.elapsed() >= Duration::from_secs(seconds),
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    // Relaxed: only hands out numbers.
                    let turn = next.fetch_add(1, Ordering::Relaxed);
                    if is_over(turn) || found.lock().is_ok_and(|found| !found.violations.is_empty()) {
                        return;
                    }
                    let turned = turn_of(&lanes, seed, turn, options);
                    if let Some(bar) = &bar {
                        bar.set_position(began.elapsed().as_secs().min(seconds));
                    }
                    if let Ok(mut found) = found.lock() {
                        for (all, done) in found.totals.iter_mut().zip(turned.totals) {
                            *all += done;
                        }
                        found.violations.extend(turned.violations);
                    }
                }
            });
        }
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let mut found = found.into_inner().unwrap_or_default();
    found.violations.sort();
    let failures: Vec<sim::Failure> = found
        .violations
        .iter()
        .take(1)
        .map(|(lane, seed, what)| sim::shrink(*lane, *seed, options.plant, what.clone()))
        .collect();
    let lane = match (options.plant, options.lane) {
        (Some(bug), _) => format!(" --plant {}", bug.word()),
        (None, Some(lane)) => format!(" --lane {}", lane.word()),
        (None, None) => String::new(),
    };
    let length = options.runs.map_or_else(|| format!("--seconds {seconds}"), |runs| format!("--runs {runs}"));
    let command = format!("haoyuan verify{lane} {length} --seed {seed}");
    let elapsed = began.elapsed();
    if options.json {
        print(&format!("{}\n", as_json(&found, &failures, &command, elapsed)))?;
    } else {
        print(&as_text(&found, &failures, &command, elapsed, lang))?;
    }
    match found.violations.len() {
        0 => Ok(()),
        n => Err(Failure::Violated(say!(lang, "verify.violated", count = n, command = command))),
    }
}

fn asked(options: &args::Verify, lane: Lane) -> bool {
    options.plant.map(Bug::lane).or(options.lane).is_none_or(|asked| asked == lane)
}

/// A few runs of each lane.
fn turn_of(lanes: &[Lane], seed: u64, turn: u64, options: &args::Verify) -> Found {
    let mut found = Found::default();
    for lane in lanes {
        // A run on a disk takes as long as many without.
        let times = if *lane == Lane::Engine { TURN } else { 1 };
        let mut tape = Tape::default();
        for number in 0..times {
            let place = turn * times + number;
            if options.runs.is_some_and(|runs| place >= runs) {
                break;
            }
            let seed = seed.wrapping_mul(0x1_0000_0000).wrapping_add(place);
            if let Err(what) = sim::run(*lane, seed, options.plant, Keep::All, &mut tape) {
                found.violations.push((*lane, seed, what));
                break;
            }
        }
        found.totals[*lane as usize] += tape.totals;
    }
    found
}

fn rows(totals: &Totals) -> [(&'static str, u64); 8] {
    [
        ("histories", totals.runs),
        ("operations", totals.operations),
        ("disturbed_deliveries", totals.disturbed),
        ("disk_faults", totals.faults),
        ("crashes", totals.crashes),
        ("crash_states", totals.crash_states),
        ("looks", totals.looks),
        ("decisions_retold", totals.retold),
    ]
}

fn sum(found: &Found) -> Totals {
    let mut all = Totals::default();
    found.totals.into_iter().for_each(|totals| all += totals);
    all
}

fn object(totals: &Totals) -> Value {
    rows(totals).into_iter().map(|(word, count)| (word.to_owned(), json!(count))).collect()
}

fn as_json(found: &Found, failures: &[sim::Failure], command: &str, elapsed: Duration) -> Value {
    let lanes: Value = Lane::ALL
        .iter()
        .map(|lane| (lane.word().to_owned(), object(&found.totals[*lane as usize])))
        .collect();
    let failures: Vec<Value> = failures
        .iter()
        .map(|failure| {
            json!({ "lane": failure.lane.word(), "seed": failure.seed, "found": failure.found, "steps": failure.steps,
                "enough": failure.enough, "found_in_these": failure.found_in_these, "story": failure.story,
                "script": failure.script })
        })
        .collect();
    json!({
        "command": command,
        "elapsed_ms": u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX),
        "totals": object(&sum(found)),
        "lanes": lanes,
        "violations": found.violations.len(),
        "failures": failures,
    })
}

fn as_text(found: &Found, failures: &[sim::Failure], command: &str, elapsed: Duration, lang: Lang) -> String {
    let mut text = format!("  {:<22}", "");
    for word in Lane::ALL.iter().map(|lane| lane.word()).chain(["all"]) {
        let _ = write!(text, " {word:>14}");
    }
    text.push('\n');
    let all = sum(found);
    for (row, (word, total)) in rows(&all).into_iter().enumerate() {
        let _ = write!(text, "  {word:<22}");
        for totals in &found.totals {
            let _ = write!(text, " {:>14}", grouped(rows(totals)[row].1));
        }
        let _ = writeln!(text, " {:>14}", grouped(total));
    }
    for failure in failures {
        text += &say!(
            lang,
            "verify.failure",
            lane = failure.lane.word(),
            seed = failure.seed,
            found = failure.found,
            enough = failure.enough.len(),
            steps = failure.steps,
            found_in_these = failure.found_in_these
        );
        text.push('\n');
        for line in failure.story.iter().chain(&failure.script) {
            text.extend(["  ", line, "\n"]);
        }
    }
    text += &say!(
        lang,
        "verify.summary",
        operations = grouped(all.operations),
        faults = grouped(all.faults),
        crashes = grouped(all.crashes),
        histories = grouped(all.runs),
        violations = found.violations.len(),
        seconds = elapsed.as_secs(),
        command = command
    );
    text.push('\n');
    text
}

// ---- canaries --------------------------------------------------------------------------------------------------------

/// One canary over several seeds.
struct Watched {
    bug: Bug,
    /// Commands until it was caught, by seed, ascending; one that escaped is not there.
    operations: Vec<u64>,
    elapsed: Vec<Duration>,
    found: String,
}

fn canaries(options: &args::Verify, lang: Lang) -> Result<(), Failure> {
    let seed = options.seed.unwrap_or(1);
    let bugs: Vec<Bug> = Bug::ALL.into_iter().filter(|bug| asked(options, bug.lane())).collect();
    let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(bugs.len() as u64));
    let watched: Vec<Watched> = bugs
        .into_iter()
        .map(|bug| {
            let mut watched =
                Watched { bug, operations: Vec::new(), elapsed: Vec::new(), found: String::new() };
            for number in 0..SEEDS {
                let began = Instant::now();
                let seed = seed.wrapping_add(number).wrapping_mul(0x1_0000_0000);
                if let Some(caught) = sim::catch(bug, seed, RUNS) {
                    watched.operations.push(caught.operations);
                    watched.elapsed.push(began.elapsed());
                    watched.found = caught.found;
                }
            }
            watched.operations.sort_unstable();
            watched.elapsed.sort_unstable();
            if let Some(bar) = &bar {
                bar.inc(1);
            }
            watched
        })
        .collect();
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let escaped: Vec<&str> =
        watched.iter().filter(|w| w.operations.len() as u64 != SEEDS).map(|w| w.bug.word()).collect();
    if options.json {
        let rows: Vec<Value> = watched
            .iter()
            .map(|w| {
                json!({ "bug": w.bug.word(), "lane": w.bug.lane().word(), "seeds": SEEDS, "caught": w.operations.len(),
                    "median_operations": median(&w.operations), "median_ms": median(&w.elapsed).map(|m| m.as_millis()),
                    "found": w.found })
            })
            .collect();
        print(&format!("{}\n", json!({ "seed": seed, "canaries": rows, "escaped": escaped })))?;
    } else {
        let mut text = String::new();
        for w in &watched {
            let _ = writeln!(
                text,
                "  {:<26} {:<8} {}/{SEEDS} {:>12} {:>10}",
                w.bug.word(),
                w.bug.lane().word(),
                w.operations.len(),
                median(&w.operations).map_or_else(String::new, grouped),
                median(&w.elapsed).map_or_else(String::new, |m| format!("{} ms", m.as_millis())),
            );
        }
        text += &say!(
            lang,
            "verify.canaries",
            caught = watched.len() - escaped.len(),
            all = watched.len(),
            seeds = SEEDS
        );
        text.push('\n');
        print(&text)?;
    }
    if escaped.is_empty() {
        Ok(())
    } else {
        Err(Failure::Violated(say!(lang, "verify.escaped", bugs = escaped.join(", "))))
    }
}

/// The middle one of an ascending list.
fn median<V: Copy>(sorted: &[V]) -> Option<V> {
    sorted.get(sorted.len() / 2).copied()
}

/// The lane of a word.
pub(crate) fn lane(text: &str) -> Result<Lane, String> {
    let words = || Lane::ALL.map(Lane::word).join(", ");
    Lane::ALL.into_iter().find(|lane| lane.word() == text).ok_or_else(words)
}

/// The bug of a word.
pub(crate) fn bug(text: &str) -> Result<Bug, String> {
    let words = || Bug::ALL.map(Bug::word).join(", ");
    Bug::ALL.into_iter().find(|bug| bug.word() == text).ok_or_else(words)
}

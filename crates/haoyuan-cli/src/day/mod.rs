//! `haoyuan day`: whole weeks of a hospital, simulated from a seed: the rush at release, paying, cancelling, waiting, a
//! stopped clinic, extra seats, arriving late or not at all, being called; then the month's report, and a recount.
//!
//! Each piece is one hospital's week with a platform of its own, so that a million patient-days are many small runs, as
//! many at a time as there are processors. The first one is kept as a journal, and its report is shown.

mod ledger;
mod week;

use crate::args;
use crate::failure::{Failure, print};
use crate::journal::{durability, failure, open};
use crate::lang::{Lang, say};
use crate::report;
use crate::text::{grouped, rfc3339};
use haoyuan::instant::Instant;
use haoyuan::kpi::Month;
use haoyuan::terms::Outcome;
use haoyuan::{Options, Platform, Trace};
use indicatif::{ProgressBar, ProgressStyle};
use ledger::Rule;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant as Clock;
use week::{Counts, PATIENT_DAYS, Week};

/// What was found in all weeks.
#[derive(Default)]
struct Found {
    counts: Counts,
    checks: u64,
    broken: BTreeMap<Rule, u64>,
    /// The first of each rule, with the seed of its week.
    first: BTreeMap<Rule, String>,
    errors: Vec<String>,
}

impl Found {
    fn take(&mut self, seed: u64, week: Week<'_>) {
        let Week { counts, ledger, errors, .. } = week;
        self.counts.merge(&counts);
        self.checks += ledger.checks;
        for (rule, n) in ledger.broken {
            *self.broken.entry(rule).or_default() += n;
        }
        for (rule, what) in ledger.first {
            self.first.entry(rule).or_insert_with(|| format!("seed {seed}: {what}"));
        }
        self.errors.extend(errors.into_iter().map(|error| format!("seed {seed}: {error}")));
    }

    fn violations(&self) -> u64 {
        self.broken.values().sum()
    }
}

/// Plays, recounts, reports.
pub(crate) fn run(options: &args::Day, lang: Lang) -> Result<(), Failure> {
    let began = Clock::now();
    let (patients, seed) =
        (options.patients.map_or(PATIENT_DAYS * 4, std::num::NonZeroU32::get), options.seed.unwrap_or(1));
    let pieces = patients.div_ceil(PATIENT_DAYS);
    let of_piece = |piece: u32| (patients - piece * PATIENT_DAYS).min(PATIENT_DAYS);
    let bar = progress_bar(patients);
    let step = |n: u64| {
        if let Some(bar) = &bar {
            bar.inc(n);
        }
    };
    let found = Mutex::new(Found::default());
    let folder = match &options.journal {
        Some(folder) => Kept::Asked(folder.clone()),
        None => Kept::passing(),
    };
    first_week(&folder, (seed, of_piece(0)), &step, &found, lang)?;
    let next = AtomicU32::new(1);
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    // Relaxed: only hands out numbers.
                    let piece = next.fetch_add(1, Ordering::Relaxed);
                    if piece >= pieces {
                        return;
                    }
                    let platform = Platform::new();
                    let tell = |line: &str| serde_json::to_value(platform.answer(line)).unwrap_or_default();
                    let seed = seed + u64::from(piece);
                    let mut week = Week::new(seed, &tell);
                    week.play(of_piece(piece), &step);
                    settle(&mut week, &platform, &tell);
                    if let Ok(mut found) = found.lock() {
                        found.take(seed, week);
                    }
                }
            });
        }
    });
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let found = found.into_inner().unwrap_or_default();
    let month = Month::parse("2026-03").ok_or_else(|| Failure::input("2026-03"))?;
    let asked = args::Report::of(folder.path(), month, options.html.clone());
    let told = report::tell(&asked, options.json, lang)?;
    let command = format!("haoyuan day --patients {patients} --seed {seed}");
    if options.json {
        let report: Value = serde_json::from_str(&told).unwrap_or_default();
        print(&format!("{}\n", as_json(&found, &command, (patients, pieces, seed), began, &report)))?;
    } else {
        print(&(told + &as_text(&found, &command, (pieces, began), lang)))?;
    }
    if let Some(error) = found.errors.first() {
        return Err(Failure::Violated(say!(lang, "day.no_command", what = error)));
    }
    match found.violations() {
        0 => Ok(()),
        n => Err(Failure::Violated(say!(lang, "day.violated", count = n, command = command))),
    }
}

/// The folder of the first week's journal: asked for, or passing.
enum Kept {
    Asked(PathBuf),
    Passing(PathBuf),
}

impl Kept {
    fn passing() -> Self {
        Self::Passing(std::env::temp_dir().join(format!("haoyuan-day-{}", std::process::id())))
    }

    fn path(&self) -> &Path {
        match self {
            Self::Asked(path) | Self::Passing(path) => path,
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Self::Passing(path) = self {
            // Whatever is left there is the system's to clear.
            let _ = std::fs::remove_dir_all(path);
        }
    }
}

fn first_week(
    folder: &Kept,
    (seed, patients): (u64, u32),
    step: &dyn Fn(u64),
    found: &Mutex<Found>,
    lang: Lang,
) -> Result<(), Failure> {
    let folder = folder.path();
    let registry = open(folder, Options { durability: durability(false), ..Options::default() }, lang)?;
    if registry.engine().session_count() > 0 {
        return Err(Failure::input(say!(lang, "day.not_empty", folder = folder.display())));
    }
    let tell = |line: &str| serde_json::to_value(registry.answer(line)).unwrap_or_default();
    let mut week = Week::new(seed, &tell);
    week.play(patients, step);
    settle(&mut week, registry.platform(), &tell);
    if let Ok(mut found) = found.lock() {
        found.take(seed, week);
    }
    registry.close().map_err(|error| failure(folder, &error, lang))
}

/// The week is over: the books are held against the state.
fn settle<T: Trace>(week: &mut Week<'_>, platform: &Platform<T>, tell: &dyn Fn(&str) -> Value) {
    let end = week::end();
    tell(&json!({ "command": "tick", "at": rfc3339(end) }).to_string());
    week.ledger.expire(end);
    let audit = tell(&json!({ "command": "audit", "at": rfc3339(end) }).to_string());
    let counted = |key: &str| audit["counted"][key].as_u64();
    let extra =
        ["extra_seats", "green_inserts"].iter().filter_map(|what| week.counts.0.get(what)).sum::<u64>();
    let live = week.ledger.live.len() as u64 + extra;
    let said = || format!("{live} in the books: {audit}");
    week.ledger.check(Rule::I1, audit["sound"] == true, said);
    week.ledger.check(Rule::I1, counted("booked") == Some(live) && counted("held") == Some(0), said);
    let (from, to) = week::days();
    correct(week, platform, tell);
    let later = week::corrected();
    let kept: HashSet<String> = platform
        .visits(None, from, to)
        .iter()
        .filter(|visit| {
            let lost = [Outcome::Cancelled, Outcome::CancelledLate, Outcome::Stopped];
            visit.outcome(later).is_none_or(|outcome| !lost.contains(&outcome))
        })
        .filter_map(|visit| Some(format!("{:016x}", visit.booking?.get())))
        .collect();
    let bookings: Vec<String> = week.ledger.live.keys().cloned().collect();
    for booking in bookings {
        week.ledger.check(Rule::I14, kept.contains(&booking), || booking.clone());
    }
}

/// After the month has ended the hospital finds that some of those who did not come are excused, and corrects the record;
/// what was recorded before stays in it.
fn correct<T: Trace>(week: &mut Week<'_>, platform: &Platform<T>, tell: &dyn Fn(&str) -> Value) {
    let (from, to) = week::days();
    let missed = |visit: &haoyuan::kpi::Visit| visit.outcome(Instant::MAX) == Some(Outcome::NoShow);
    let wrong: Vec<u32> = platform
        .visits(None, from, to)
        .iter()
        .filter(|v| missed(v))
        .map(|v| v.id.get())
        .step_by(25)
        .collect();
    for visit in &wrong {
        let answer = tell(&week::correction(*visit).to_string());
        let done = answer["outcome"] == "done";
        week.ledger.check(Rule::I14, done, || format!("visit {visit}: {answer}"));
        week.counts.add("corrections");
    }
    let rows = platform.visits(None, from, to);
    for row in rows.iter().filter(|row| wrong.contains(&row.id.get())) {
        let trail: Vec<Outcome> = row.history.iter().map(|recorded| recorded.outcome).collect();
        let both = trail.ends_with(&[Outcome::NoShow, Outcome::Excused]);
        week.ledger.check(Rule::I14, both, || format!("visit {}: {trail:?}", row.id));
    }
}

fn as_json(
    found: &Found,
    command: &str,
    (patients, pieces, seed): (u32, u32, u64),
    began: Clock,
    report: &Value,
) -> Value {
    let violations: Value = Rule::ALL
        .iter()
        .map(|rule| (rule.text().to_owned(), json!(found.broken.get(rule).copied().unwrap_or(0))))
        .collect();
    json!({
        "command": command,
        "seed": seed,
        "patient_days": patients,
        "weeks": pieces,
        "elapsed_ms": u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        "checks": found.checks,
        "violations": violations,
        "first": found.first.values().collect::<Vec<_>>(),
        "counts": found.counts.0,
        "report": report,
    })
}

fn as_text(found: &Found, command: &str, (pieces, began): (u32, Clock), lang: Lang) -> String {
    let mut text = String::from("\n");
    for (what, n) in &found.counts.0 {
        let _ = writeln!(text, "  {what:<22} {:>14}", grouped(*n));
    }
    for rule in Rule::ALL {
        let broken = found.broken.get(&rule).copied().unwrap_or(0);
        let _ = writeln!(text, "  {:<22} {:>14}", rule.text(), grouped(broken));
    }
    for what in found.first.values() {
        text.extend(["  ", what, "\n"]);
    }
    text += &say!(
        lang,
        "day.summary",
        weeks = grouped(pieces),
        checks = grouped(found.checks),
        violations = grouped(found.violations()),
        seconds = began.elapsed().as_secs(),
        command = command
    );
    text.push('\n');
    text
}

fn progress_bar(patients: u32) -> Option<ProgressBar> {
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len}  {elapsed}").ok()?;
    std::io::stderr().is_terminal().then(|| ProgressBar::new(u64::from(patients)).with_style(style))
}

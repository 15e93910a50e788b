//! Figures: medians and spread over rounds, measured side by side so that other load hits every candidate alike.

use crate::drive::Spent;
use crate::peers::floor::handed_over;
use std::fmt;
use std::time::Duration;

/// Nanoseconds per decision over several rounds: wall time over all threads divided by all decisions, and time on the
/// processors divided by all decisions.
#[derive(Clone, Debug, Default)]
pub struct Figure {
    wall: Vec<f64>,
    cpu: Vec<f64>,
}

fn middle(sorted: &[f64]) -> f64 {
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
}

impl Figure {
    /// Adds a round.
    #[expect(clippy::cast_precision_loss, reason = "a figure to print")]
    pub fn add(&mut self, spent: Spent, decisions: u64) {
        for (figures, time) in [(&mut self.wall, spent.wall), (&mut self.cpu, spent.cpu)] {
            figures.push(time.as_nanos() as f64 / decisions.max(1) as f64);
            figures.sort_by(f64::total_cmp);
        }
    }

    /// The median of wall time.
    #[must_use]
    pub fn median(&self) -> f64 {
        middle(&self.wall)
    }

    /// The median of time on the processors.
    #[must_use]
    pub fn on_cpu(&self) -> f64 {
        middle(&self.cpu)
    }

    /// The least and the most of wall time.
    #[must_use]
    pub fn range(&self) -> (f64, f64) {
        let end = |figure: Option<&f64>| figure.copied().unwrap_or(f64::NAN);
        (end(self.wall.first()), end(self.wall.last()))
    }

    /// How many times slower than `other`, by medians of wall time.
    #[must_use]
    pub fn over(&self, other: &Self) -> f64 {
        self.median() / other.median()
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (least, most) = self.range();
        let (median, cpu) = (self.median(), self.on_cpu());
        write!(
            f,
            "{median:9.1} ns ({least:.1} to {most:.1}), on processors {cpu:.1} ns; {:.2} M/s",
            1_000.0 / median
        )
    }
}

/// How often each candidate is measured: the smallest number that shows a spread, or once in a smoke run.
#[must_use]
pub fn rounds() -> usize {
    if smoke() { 1 } else { 9 }
}

/// Whether only the verdicts matter (`-- --test`), not the figures.
#[must_use]
pub fn smoke() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

/// `full` in a measurement, a hundredth of it in a smoke run.
#[must_use]
pub fn scaled(full: usize) -> usize {
    if smoke() { full / 100 } else { full }
}

/// What criterion is told for `iterations`: the time of that many decisions.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
pub fn share(wall: Duration, iterations: u64, decisions: u64) -> Duration {
    wall.mul_f64(iterations as f64 / decisions.max(1) as f64)
}

/// The machine that the figures are of: processor, how many, load, how 128-bit atomics are reached.
#[must_use]
pub fn machine() -> String {
    let cpus = std::thread::available_parallelism().map_or(0, usize::from);
    let model = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = model
        .lines()
        .find_map(|line| line.strip_prefix("model name")?.split(':').nth(1))
        .unwrap_or(" unknown");
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or("unknown");
    let target = if cfg!(all(target_feature = "cmpxchg16b", target_feature = "avx")) {
        "inline"
    } else {
        "detected at run time"
    };
    format!("machine:{model}, {cpus} CPUs, load {load}; 128-bit atomics {target}")
}

/// The commit that the figures are of, if this is a clone with git at hand.
#[must_use]
pub fn commit() -> String {
    let git = std::process::Command::new("git").args(["describe", "--always", "--dirty"]).output();
    let said = git.ok().filter(|git| git.status.success()).and_then(|git| String::from_utf8(git.stdout).ok());
    said.map_or_else(|| "unknown".to_owned(), |said| said.trim().to_owned())
}

/// Prints the machine that the figures are of.
pub fn print_machine() {
    println!("{}; medians of {} rounds (least to most)", machine(), rounds());
    if let Some(nanoseconds) = handed_over() {
        println!("a cache line to the other processor and back: {nanoseconds:.0} ns");
    }
}

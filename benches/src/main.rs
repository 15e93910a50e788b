//! `haoyuan-bench`: haoyuan beside what one would use instead, on this machine, on the same work, with the same checks.

use clap::{Parser, ValueEnum};
use haoyuan_benches::contest::Effort;
use haoyuan_benches::line_up::Plan;
use haoyuan_benches::report::Report;
use haoyuan_benches::work::Workload;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

/// haoyuan beside what one would use instead: hash maps under locks, Redis with Lua, PostgreSQL with a stored function.
///
/// Every system gets the same requests and must give the same verdicts; a figure is printed only when they check. Servers are
/// started on a socket in a temporary folder, with the settings that their documentation advises for speed, and stopped.
/// What is not installed is named as skipped. `HAOYUAN_BENCH_DIR` chooses the disk.
///
/// Exit codes: 0 every verdict checks, 1 one does not or a system failed, 2 bad usage.
#[derive(Debug, Parser)]
#[command(name = "haoyuan-bench", version)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
struct Options {
    /// The servers to compare with; the in-process baselines are always there.
    #[arg(long, value_delimiter = ',', default_value = "redis,postgres")]
    peers: Vec<Peer>,
    /// What to run: the hot slot, the same slot full, the morning rush, the uniform churn.
    #[arg(long, value_delimiter = ',', default_value = "w1,w1-full,w2,w3")]
    workload: Vec<Which>,
    /// Only whether everybody is told the same: short traces, one round, no latency curves. Figures mean nothing.
    #[arg(long)]
    quick: bool,
    /// Leave the latency curves out.
    #[arg(long)]
    no_latency: bool,
    /// No more than two connections.
    #[arg(long)]
    few: bool,
    /// Keep what the report folder has from an earlier run about the workloads that this run leaves out.
    #[arg(long, requires = "report")]
    keep: bool,
    /// Print everything as JSON instead of tables.
    #[arg(long)]
    json: bool,
    /// Write tables, charts (SVG) and raw data (CSV, JSON) into this folder; what the suites about rules and growth wrote there is shown too.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// Write the tables into this file, as Markdown.
    #[arg(long, value_name = "FILE")]
    write: Option<PathBuf>,
    /// Write the ratios into this readme, between its marks; may be given several times.
    #[arg(long, value_name = "FILE")]
    readme: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Peer {
    Redis,
    Postgres,
    /// No server.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Which {
    W1,
    W1Full,
    W2,
    W3,
}

impl Which {
    const fn workload(self) -> Workload {
        match self {
            Self::W1 => Workload::HotSlot,
            Self::W1Full => Workload::FullSlot,
            Self::W2 => Workload::Rush,
            Self::W3 => Workload::Churn,
        }
    }
}

fn run(options: &Options) -> Result<(), String> {
    let root = std::env::var_os("HAOYUAN_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let folder = tempfile::tempdir_in(&root).map_err(|error| format!("{}: {error}", root.display()))?;
    let plan = Plan {
        workloads: options.workload.iter().map(|which| which.workload()).collect(),
        redis: options.peers.contains(&Peer::Redis),
        postgres: options.peers.contains(&Peer::Postgres),
        effort: if options.quick { Effort::QUICK } else { Effort::FULL },
        rounds: if options.quick { (1, 1) } else { (9, 5) },
        connections: !options.quick && !options.few,
        folder: folder.path(),
    };
    let mut outcome = plan.run()?;
    if !options.quick && !options.no_latency {
        plan.latency(Duration::from_millis(400), &mut outcome)?;
    }
    let mut report = Report::new(outcome);
    if let Some(folder) = &options.report {
        report.attach(folder)?;
        if options.keep {
            report.keep(folder)?;
        }
    }
    if options.json {
        println!("{}", report.json()?);
    } else {
        println!("{}", report.markdown());
    }
    if let Some(folder) = &options.report {
        report.write(folder)?;
        eprintln!("written: {}", folder.display());
    }
    if let Some(file) = &options.write {
        std::fs::write(file, report.markdown()).map_err(|error| format!("{}: {error}", file.display()))?;
        eprintln!("written: {}", file.display());
    }
    options.readme.iter().try_for_each(|file| report.into_readme(file))
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

//! Who races: every system with every setting that is compared.
//!
//! In-process systems run in turns, so that other load hits all of them alike. A server runs alone: it would take the
//! processors from the others.

use crate::contest::{Cell, Effort, Entrant, Family, Race};
use crate::open_loop::{Point, curve};
use crate::peers::books::{Books, Lean, Ruled};
use crate::peers::maps::{Dash, OneLock, Sharded};
use crate::peers::ours::{Embedded, Journaled, Kept};
use crate::peers::postgres::{self, Batch, Commit, Postgres};
use crate::peers::redis::{self, Appending, Redis};
use crate::peers::{System, floor};
use crate::trace::Request;
use crate::work::{Client, Workload};
use haoyuan::Refusals;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::time::{Duration, Instant};

/// What is to be measured.
#[derive(Debug)]
pub struct Plan<'a> {
    /// On what.
    pub workloads: Vec<Workload>,
    /// Whether Redis and PostgreSQL are asked for.
    pub redis: bool,
    /// The same for PostgreSQL.
    pub postgres: bool,
    /// How thoroughly.
    pub effort: Effort,
    /// Rounds of an in-process system (five times as many of the rush), and of a server or a journal.
    pub rounds: (usize, usize),
    /// Whether eight connections are tried on the rush.
    pub connections: bool,
    /// Where journals and servers have their files.
    pub folder: &'a Path,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Every figure.
    pub cells: Vec<Cell>,
    /// Latency at fixed rates.
    pub points: Vec<Point>,
    /// What was not there or did not start, and why.
    pub skipped: Vec<String>,
    /// The versions of what was there.
    pub versions: Vec<String>,
    /// A write of 4 KiB and its sync, microseconds.
    pub sync_us: f64,
    /// Round trips a second to a server that only answers, for two clients: one at a time, and 64.
    pub pings: Option<(f64, f64)>,
    /// Of each workload with two threads, before each round: see [`floor::handed_over`].
    pub handed_over: BTreeMap<String, Vec<f64>>,
    /// Of each workload in the process, after each round: see [`floor::Chain::wait`].
    pub waited: BTreeMap<String, Vec<f64>>,
}

const ONE_LOCK: &str = "Mutex<HashMap>";
const SHARDED: &str = "64 × parking_lot Mutex<HashMap>";
const DASH: &str = "dashmap";

/// How many times as many rounds a rush in the process has.
const RUSHES: usize = 5;

/// A round that takes longer is done three times only.
const LONG: Duration = Duration::from_secs(4);

fn rounds(race: &mut dyn Race, count: usize) -> Result<(), String> {
    let first = race.round()?;
    let count = if first > LONG { count.min(3) } else { count };
    (1..count).try_for_each(|_| race.round().map(|_| ()))
}

impl Plan<'_> {
    /// Runs everything, telling on standard error how far it is.
    ///
    /// # Errors
    /// If a system's verdicts do not check, or the world fails it.
    pub fn run(&self) -> Result<Outcome, String> {
        let mut outcome =
            Outcome { sync_us: floor::sync(self.folder)?.as_secs_f64() * 1e6, ..Outcome::default() };
        for workload in &self.workloads {
            for clients in [1, 2] {
                self.in_process(*workload, clients, &mut outcome)?;
            }
            self.journaled(*workload, &mut outcome)?;
        }
        if self.redis {
            let started = redis::version().and_then(|version| {
                Ok((version, Redis::start(Appending::Off, Workload::HotSlot.shape(), self.folder)?))
            });
            match started {
                Ok((version, redis)) => {
                    outcome.versions.push(format!("Redis {version}"));
                    outcome.pings = Some((pings(&redis, 1)?, pings(&redis, 64)?));
                    drop(redis);
                    self.redis(&mut outcome)?;
                }
                Err(reason) => outcome.skipped.push(format!("Redis: {reason}")),
            }
        }
        if self.postgres {
            let started = postgres::version()
                .and_then(|version| Ok((version, Postgres::start(Workload::HotSlot.shape(), self.folder)?)));
            match started {
                Ok((version, mut postgres)) => {
                    outcome.versions.push(format!("PostgreSQL {version}"));
                    self.postgres(&mut postgres, &mut outcome)?;
                }
                Err(reason) => outcome.skipped.push(format!("PostgreSQL: {reason}")),
            }
        }
        for skipped in &outcome.skipped {
            eprintln!("\n  *** SKIPPED: {skipped}\n");
        }
        Ok(outcome)
    }

    fn in_process(&self, workload: Workload, clients: usize, outcome: &mut Outcome) -> Result<(), String> {
        let traces = self.effort.traces(workload, clients);
        let shape = workload.shape();
        let ours = (Family::Haoyuan, "haoyuan, in memory");
        let mut races = vec![self.race(Embedded::new(shape)?, ours, workload, &traces)?];
        self.maps::<Ruled>(workload, &traces, Family::InProcess, &mut races)?;
        self.maps::<Lean>(workload, &traces, Family::Lean, &mut races)?;
        let mut least = self.floor(workload, &traces)?;
        let name = "physical limit: loads and compare-and-swaps alone";
        let mut floor = Cell::new((Family::Floor, name), workload, clients, 1);
        // A rush is over in some milliseconds, so that one of the machine's bad moments would be most of a round.
        let times = if workload == Workload::Rush { RUSHES } else { 1 };
        let mut chain = floor::Chain::default();
        for _ in 0..self.rounds.0 * times {
            if let Some(nanoseconds) = (clients > 1).then(floor::handed_over).flatten() {
                outcome.handed_over.entry(workload.name().to_owned()).or_default().push(nanoseconds);
            }
            for race in &mut races {
                race.round()?;
            }
            let (spent, decisions) = floor::least(shape.places(), &mut least);
            floor.add(spent, decisions);
            outcome.waited.entry(workload.name().to_owned()).or_default().push(chain.wait());
        }
        for race in races {
            keep(race, outcome)?;
        }
        outcome.cells.push(floor);
        Ok(())
    }

    /// The baselines with these books.
    fn maps<'t, B: Books + 't>(
        &self,
        workload: Workload,
        traces: &'t [Vec<Request>],
        family: Family,
        races: &mut Vec<Box<dyn Race + 't>>,
    ) -> Result<(), String> {
        let shape = workload.shape();
        let named = |name: &str| match family {
            Family::Lean => format!("{name}, by no more than is asked"),
            _ => name.to_owned(),
        };
        races.push(self.race(OneLock::<B>::new(shape), (family, &named(ONE_LOCK)), workload, traces)?);
        races.push(self.race(Sharded::<B>::new(shape), (family, &named(SHARDED)), workload, traces)?);
        races.push(self.race(Dash::<B>::new(shape), (family, &named(DASH)), workload, traces)?);
        Ok(())
    }

    /// A system in the process, asked one at a time.
    fn race<'t, S: System + 't>(
        &self,
        system: S,
        named: (Family, &str),
        workload: Workload,
        traces: &'t [Vec<Request>],
    ) -> Result<Box<dyn Race + 't>, String> {
        Ok(Box::new(Entrant::new(system, named, workload, traces, 1, self.effort)?))
    }

    /// What the clients decide, each alone, recorded.
    fn floor(&self, workload: Workload, traces: &[Vec<Request>]) -> Result<Vec<floor::Steps>, String> {
        let shape = workload.shape();
        let mut numbers = HashMap::new();
        let mut all = Vec::new();
        for trace in traces {
            let reference = OneLock::<Lean>::new(shape);
            let mut client = Client::new(workload, trace);
            let mut recording = floor::Recording::new(&reference, shape.half_hours, &mut numbers);
            match workload {
                Workload::FullSlot => client.fill(&mut recording)?,
                Workload::Churn => {
                    client.run(&mut recording, 64, self.effort.warm_up / traces.len() as u64)?;
                }
                Workload::HotSlot | Workload::Rush => {}
            }
            recording.clear();
            client.run(&mut recording, 1, 500_000 / traces.len() as u64)?;
            all.push(recording.done());
        }
        Ok(all)
    }

    /// Clients and depths at which a server is asked.
    fn ways(&self, workload: Workload) -> Vec<(usize, usize)> {
        let mut ways = vec![(1, 1), (1, 64), (2, 1), (2, 64)];
        if self.connections && workload == Workload::Rush {
            ways.extend([(8, 1), (8, 64)]);
        }
        ways
    }

    fn enter<S: System>(
        &self,
        system: &mut S,
        (family, name): (Family, &str),
        workload: Workload,
        (clients, depth): (usize, usize),
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let traces = self.effort.traces(workload, clients);
        let mut race = Box::new(Entrant::new(system, (family, name), workload, &traces, depth, self.effort)?);
        rounds(&mut *race, self.rounds.1)?;
        keep(race, outcome)
    }

    fn journaled(&self, workload: Workload, outcome: &mut Outcome) -> Result<(), String> {
        let kinds = [
            (Kept::Async, Refusals::PerMinute, "haoyuan, Async, refusals counted"),
            (Kept::Synced, Refusals::PerMinute, "haoyuan, Synced, refusals counted"),
            (Kept::Synced, Refusals::All, "haoyuan, Synced, every refusal recorded"),
        ];
        for (kept, refusals, name) in kinds {
            let mut system = Journaled::new(workload.shape(), kept, refusals, self.folder);
            for way in self.ways(workload) {
                self.enter(&mut system, (Family::Haoyuan, name), workload, way, outcome)?;
            }
        }
        Ok(())
    }

    fn redis(&self, outcome: &mut Outcome) -> Result<(), String> {
        for appending in [Appending::Off, Appending::EverySecond, Appending::Always] {
            let mut redis = Redis::start(appending, Workload::HotSlot.shape(), self.folder)?;
            let name = format!("Redis, {}", appending.name());
            for workload in &self.workloads {
                for way in self.ways(*workload) {
                    self.enter(&mut redis, (Family::Redis, &name), *workload, way, outcome)?;
                }
            }
        }
        Ok(())
    }

    fn postgres(&self, postgres: &mut Postgres, outcome: &mut Outcome) -> Result<(), String> {
        for commit in [Commit::Synchronous, Commit::Asynchronous] {
            postgres.commit = commit;
            let name = format!("PostgreSQL, {}", commit.name());
            for workload in &self.workloads {
                postgres.batch = Batch::Each;
                for way in self.ways(*workload) {
                    self.enter(postgres, (Family::Postgres, &name), *workload, way, outcome)?;
                }
                postgres.batch = Batch::Together;
                let name = format!("{name}, 64 a transaction");
                self.enter(postgres, (Family::Postgres, &name), *workload, (1, 64), outcome)?;
            }
        }
        Ok(())
    }

    /// Latency of every system at fixed rates, on the uniform churn.
    ///
    /// # Errors
    /// What the world did.
    pub fn latency(&self, time: Duration, outcome: &mut Outcome) -> Result<(), String> {
        let shape = Workload::Churn.shape();
        for clients in [1, 2] {
            self.open(&mut Embedded::new(shape)?, "haoyuan, in memory", clients, time, outcome)?;
            self.open(&mut Sharded::<Ruled>::new(shape), SHARDED, clients, time, outcome)?;
        }
        let mut synced = Journaled::new(shape, Kept::Synced, Refusals::PerMinute, self.folder);
        self.open(&mut synced, "haoyuan, Synced, refusals counted", 1, time, outcome)?;
        drop(synced);
        let ran = |name: &str| outcome.versions.iter().any(|version| version.starts_with(name));
        let (redis, postgres) = (ran("Redis"), ran("PostgreSQL"));
        if redis {
            for appending in [Appending::Off, Appending::Always] {
                let mut redis = Redis::start(appending, shape, self.folder)?;
                self.open(&mut redis, &format!("Redis, {}", appending.name()), 1, time, outcome)?;
            }
        }
        if postgres {
            let mut postgres = Postgres::start(shape, self.folder)?;
            for commit in [Commit::Synchronous, Commit::Asynchronous] {
                postgres.commit = commit;
                self.open(&mut postgres, &format!("PostgreSQL, {}", commit.name()), 1, time, outcome)?;
            }
        }
        Ok(())
    }

    fn open<S: System>(
        &self,
        system: &mut S,
        name: &str,
        clients: usize,
        time: Duration,
        outcome: &mut Outcome,
    ) -> Result<(), String> {
        let traces = self.effort.traces(Workload::Churn, clients);
        system.publish(Workload::Churn.shape())?;
        let mut clients: Vec<Client<'_>> = traces.iter().map(|t| Client::new(Workload::Churn, t)).collect();
        let share = self.effort.warm_up / clients.len() as u64;
        for client in &mut clients {
            client.run(&mut system.loader()?, 64, share)?;
        }
        let points = curve(&*system, name, &mut clients, time)?;
        let live: Vec<Request> = clients.iter().flat_map(Client::live).collect();
        crate::contest::check(Workload::Churn.shape(), &live, &system.taken()?)
            .map_err(|e| format!("{name}: {e}"))?;
        for point in &points {
            eprintln!(
                "{name:45} {:>11.0}/s offered {:>11.0}/s decided  p50 {:>9} p99 {:>9} p99.9 {:>9} max {:>10} ns",
                point.offered, point.decided, point.p50, point.p99, point.p999, point.max
            );
        }
        outcome.points.extend(points);
        Ok(())
    }
}

/// Checks a race and keeps its figure.
fn keep(race: Box<dyn Race + '_>, outcome: &mut Outcome) -> Result<(), String> {
    let cell = race.finish()?;
    let (least, most) = cell.spread();
    eprintln!(
        "{:8} {:55} {} × {:2}  {:>12.0} decisions/s ({least:.0} to {most:.0}), {:.1} ns on processors",
        cell.workload,
        cell.system,
        cell.clients,
        cell.depth,
        cell.median(),
        cell.on_cpu_ns
    );
    outcome.cells.push(cell);
    Ok(())
}

/// Round trips a second of two clients.
#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
fn pings(redis: &Redis, depth: usize) -> Result<f64, String> {
    let mut clients = [redis.pinging()?, redis.pinging()?].map(|ping| (ping, 0usize, Ok(())));
    let spent = crate::drive::together(&mut clients, |(ping, count, result)| {
        let began = Instant::now();
        while result.is_ok() && began.elapsed() < Duration::from_millis(300) {
            *result = ping.round(depth);
            *count += depth;
        }
    });
    let mut count = 0;
    for (_, asked, result) in clients {
        result?;
        count += asked;
    }
    Ok(count as f64 / spent.wall.as_secs_f64())
}

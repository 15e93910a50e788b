//! `haoyuan rush`: a real morning against the engine, measured and recounted.
//!
//! scenario → world (plans) → trace (commands) → drive (answers, times) → recount (checks) → report. Each step only
//! reads what the one before made; the engine is asked for decisions and for nothing else, except that at the very end
//! its own audit is run beside the recount.

mod drive;
mod picture;
mod random;
mod recount;
mod report;
mod scenario;
mod trace;
mod world;

pub(crate) use world::plan_all;

use crate::args;
use crate::failure::{Failure, print};
use crate::files;
use crate::lang::{Lang, say};
use haoyuan_engine::{Engine, Limits};
use indicatif::{ProgressBar, ProgressStyle};
use scenario::Scenario;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use world::World;

/// Runs the morning.
pub(crate) fn run(options: &args::Rush, lang: Lang) -> Result<(), Failure> {
    if options.print_scenario {
        return print(scenario::EMBEDDED);
    }
    let (file, text) = match &options.scenario {
        Some(path) => (path.display().to_string(), files::read(path, lang)?),
        None => (scenario::EMBEDDED_NAME.to_owned(), scenario::EMBEDDED.to_owned()),
    };
    let scenario = Scenario::parse(&text).map_err(|error| Failure::input(format!("{file}: {error}")))?;
    let requests = options.requests.map_or(scenario.requests.count, std::num::NonZeroU32::get);
    let seed = options.seed.unwrap_or(scenario.seed);
    let threads = options.threads.unwrap_or_else(|| {
        std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).min(
            // Beyond eight the waiting of a small scenario's threads for each other is all that is left to see.
            NonZeroUsize::MIN.saturating_add(7),
        )
    });

    let stage = Stage::new();
    stage.show(&say!(lang, "stage.publish"));
    let world = World::build(&scenario, &file, options.policy.as_deref(), options.roster.as_deref(), lang)?;
    stage.show(&say!(lang, "stage.draw"));
    let source = trace::Source {
        plans: &world.plans,
        tiers: &world.tiers,
        requests: &scenario.requests,
        classes: &scenario.classes,
        channels: &scenario.channels,
    };
    let trace = trace::draw(&source, requests, seed);
    let engine = Engine::new(limits(&world, &trace));
    let mut sessions = Vec::with_capacity(world.plans.len());
    for plan in &world.plans {
        let id = engine
            .publish(plan, trace.issued)
            .map_err(|error| Failure::input(format!("session `{}`: {error}", plan.session.code)))?;
        sessions.push(id);
    }
    for ticket in &trace.tickets {
        // A ticket that cannot be issued is one that the patient does not have; the decision will say so.
        let _ = engine.issue_ticket(ticket, trace.issued);
    }

    let driven = stage.drive(&say!(lang, "stage.drive"), trace.steps.len(), |progress| {
        drive::drive(&engine, &sessions, &trace, threads, progress)
    });
    stage.show(&say!(lang, "stage.recount"));
    let plans = sessions.iter().copied().zip(&world.plans).collect();
    let recount = recount::recount(&plans, drive::told(&trace, &sessions, &driven.answers));
    let audit = engine.audit().err().unwrap_or_default();
    let name = match lang {
        Lang::En => scenario.name.en.clone(),
        Lang::Zh => scenario.name.zh.clone(),
    };
    let report = report::Report::new(report::Parts {
        scenario: name.clone(),
        seed,
        threads: threads.get(),
        requests,
        world: &world,
        trace: &trace,
        sessions: &sessions,
        driven: &driven,
        recount: &recount,
        audit,
    });
    stage.clear();

    if let Some(path) = &options.svg {
        std::fs::write(path, report.picture().svg(&name, lang))
            .map_err(|error| Failure::input(say!(lang, "file.unwritable", file = path.display(), reason = error)))?;
    }
    if options.json {
        let mut json = serde_json::to_string_pretty(&report).map_err(|error| Failure::input(error.to_string()))?;
        json.push('\n');
        print(&json)?;
    } else {
        let colour = std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        print(&report.text(lang, colour))?;
        if let Some(path) = &options.svg {
            print(&format!("\n{}\n", say!(lang, "rush.svg", file = path.display())))?;
        }
    }
    if report.is_violated() { Err(Failure::Violated(say!(lang, "rush.violated"))) } else { Ok(()) }
}

/// Room for everything the trace can bring, and no more.
fn limits(world: &World, trace: &trace::Trace) -> Limits {
    let count = |sum: usize| u32::try_from(sum).unwrap_or(u32::MAX);
    let slots: usize = world.plans.iter().map(|plan| plan.session.capacity.len()).sum();
    // A session's seats are laid out at the capacity of its largest slot.
    let seats: usize = world
        .plans
        .iter()
        .map(|plan| {
            let capacity = &plan.session.capacity;
            capacity.len() * usize::from(capacity.iter().copied().max().unwrap_or(0))
        })
        .sum();
    let keyed = trace.steps.iter().filter(|s| matches!(s.what, trace::What::Seat { key, .. } if key != 0)).count();
    Limits {
        blocks: count(slots + 64),
        seats: count(seats + 64),
        sessions: count(world.plans.len() + 64),
        shapes: count(slots + 64),
        patients: trace.patients + trace.patients / 4 + 1_024,
        entries: count(seats * 2 + trace.tickets.len() + keyed + 65_536),
    }
}

/// Says what is going on, on a terminal only.
struct Stage(Option<ProgressBar>);

impl Stage {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(None);
        }
        let bar = ProgressBar::new_spinner();
        bar.set_style(ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
        Self(Some(bar))
    }

    fn show(&self, message: &str) {
        if let Some(bar) = &self.0 {
            bar.set_message(message.to_owned());
            bar.tick();
        }
    }

    fn clear(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }

    /// Shows a bar while the work goes on; without a terminal nobody listens and nothing is sent.
    fn drive<T>(
        &self,
        message: &str,
        steps: usize,
        work: impl FnOnce(Option<&crossbeam::channel::Sender<usize>>) -> T,
    ) -> T {
        let Some(_) = &self.0 else { return work(None) };
        self.clear();
        let bar = ProgressBar::new(steps as u64);
        let style = ProgressStyle::with_template("{msg} [{bar:40}] {human_pos}/{human_len}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(message.to_owned());
        let (sender, receiver) = crossbeam::channel::unbounded();
        std::thread::scope(|scope| {
            let listener = scope.spawn(|| receiver.iter().for_each(|done: usize| bar.inc(done as u64)));
            let result = work(Some(&sender));
            drop(sender);
            let _ = listener.join();
            bar.finish_and_clear();
            result
        })
    }
}

//! `haoyuan rush`: a real morning against the engine, measured and recounted.
//!
//! scenario → world (plans) → trace (commands) → drive (answers, times) → recount (checks) → report. Each step only
//! reads what the one before made; the engine is asked for decisions and for nothing else, except that at the very end
//! its own audit is run beside the recount.

mod drive;
mod picture;
pub(crate) mod random;
mod recount;
mod report;
pub(crate) mod scenario;
mod trace;
pub(crate) mod world;

pub(crate) use world::plan_all;

use crate::args;
use crate::failure::{Failure, print};
use crate::files;
use crate::journal;
use crate::lang::{Lang, say};
use crate::text::grouped;
use haoyuan_core::ids::SessionId;
use haoyuan_core::said::Said;
use haoyuan_engine::{Engine, Limits};
use indicatif::{ProgressBar, ProgressStyle};
use report::Report;
use scenario::Scenario;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::time::Duration;
use world::{World, of_session};

/// Runs the morning.
pub(crate) fn run(options: &args::Rush, lang: Lang) -> Result<(), Failure> {
    if options.print_scenario {
        return print(scenario::EMBEDDED);
    }
    let stage = Stage::new();
    let morning = Morning::play(options, &stage, lang)?;
    stage.show(&say!(lang, "stage.recount"));
    let report = morning.report(lang);
    stage.clear();

    if let Some(path) = &options.svg {
        std::fs::write(path, report.picture().svg(morning.name(lang), lang)).map_err(|error| {
            Failure::input(say!(lang, "file.unwritable", file = path.display(), reason = lang.system(&error)))
        })?;
    }
    if options.json {
        let wrong = |error: serde_json::Error| Failure::input(error.to_string());
        let mut value = serde_json::to_value(&report).map_err(wrong)?;
        if let Some(journaled) = &morning.journaled {
            value["journal"] = serde_json::to_value(journaled).map_err(wrong)?;
        }
        let mut json = serde_json::to_string_pretty(&value).map_err(wrong)?;
        json.push('\n');
        print(&json)?;
    } else {
        let colour =
            std::io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty());
        print(&report.text(lang, colour))?;
        if let Some(journaled) = &morning.journaled {
            print(&format!("\n{}\n", journaled.text(lang)))?;
        }
        if let Some(path) = &options.svg {
            print(&format!("\n{}\n", say!(lang, "rush.svg", file = path.display())))?;
        }
    }
    if report.is_violated() { Err(Failure::Violated(say!(lang, "rush.violated"))) } else { Ok(()) }
}

/// A morning that has happened.
struct Morning {
    scenario: Scenario,
    requests: u32,
    seed: u64,
    threads: NonZeroUsize,
    world: World,
    trace: trace::Trace,
    sessions: Vec<SessionId>,
    driven: drive::Driven,
    /// What the engine's own audit complains about.
    audit: Vec<Said>,
    journaled: Option<Journaled>,
}

/// What the journal of a morning has, and how long it lagged behind.
#[derive(serde::Serialize)]
struct Journaled {
    synced: bool,
    records: u64,
    groups: u64,
    syncs: u64,
    bytes: u64,
    /// From the last decision until everything was on disk, milliseconds.
    lag_ms: u64,
    /// How the decisions that waited for the disk fared; if none did, `null`.
    durable: Option<Durable>,
    state_hash: String,
}

/// Decisions that counted only when they were on disk.
#[derive(serde::Serialize)]
struct Durable {
    /// How many a thread had on their way at once, at most.
    in_flight: usize,
    /// From the beginning of a decision until it was seen to be on disk, nanoseconds.
    p50_ns: u64,
    p99_ns: u64,
    max_ns: u64,
    /// All phases, milliseconds.
    decided_ms: u64,
    /// The same bytes, in as many groups, written and synced by a bare loop beside the journal, milliseconds.
    bare_disk_ms: u64,
}

/// What came of the steps.
struct Played {
    sessions: Vec<SessionId>,
    driven: drive::Driven,
    audit: Vec<Said>,
}

/// Everything that is done with an engine, whatever its trace.
struct Steps<'a> {
    world: &'a World,
    trace: &'a trace::Trace,
    threads: NonZeroUsize,
    stage: &'a Stage,
    lang: Lang,
}

impl Steps<'_> {
    /// `desk`: where commands are decided, if not by the engine itself.
    fn take<T: haoyuan_engine::Trace>(
        &self,
        engine: &Engine<T>,
        desk: Option<&drive::Synced<'_>>,
    ) -> Result<Played, Failure> {
        let Self { world, trace, threads, stage, lang } = *self;
        let mut sessions = Vec::with_capacity(world.plans.len());
        for plan in &world.plans {
            let id = engine
                .publish(plan, trace.issued)
                .map_err(|error| Failure::told(&of_session(&plan.session.code, &error), lang))?;
            sessions.push(id);
        }
        for ticket in &trace.tickets {
            // A ticket that cannot be issued is one that the patient does not have; the decision will say so.
            let _ = engine.issue_ticket(ticket, trace.issued);
        }
        let driven = stage.drive(&say!(lang, "stage.drive"), trace.steps.len(), |progress| match desk {
            None => drive::drive(engine, &sessions, trace, threads, progress),
            Some(desk) => drive::drive(desk, &sessions, trace, threads, progress),
        });
        let driven = driven.map_err(|error| Failure::told(&error, lang))?;
        let audit = engine.audit().err().unwrap_or_default();
        Ok(Played { sessions, driven, audit })
    }
}

impl Journaled {
    fn text(&self, lang: Lang) -> String {
        let tenths = (self.bytes * 10).checked_div(self.records).unwrap_or(0);
        let mut text = self.durable.as_ref().map_or_else(String::new, |durable| durable.text(lang));
        text += &say!(
            lang,
            "rush.journal",
            records = grouped(self.records),
            bytes = format!("{}.{}", tenths / 10, tenths % 10),
            groups = grouped(self.groups),
            syncs = grouped(self.syncs),
            lag = grouped(self.lag_ms),
            hash = self.state_hash
        );
        text
    }
}

impl Durable {
    fn text(&self, lang: Lang) -> String {
        let mut text = say!(
            lang,
            "rush.durable",
            flight = grouped(self.in_flight as u64),
            p50 = grouped(self.p50_ns / 1_000),
            p99 = grouped(self.p99_ns / 1_000),
            max = grouped(self.max_ns / 1_000),
            all = grouped(self.decided_ms),
            bare = grouped(self.bare_disk_ms)
        );
        text.push('\n');
        text
    }
}

/// The same bytes in as many groups, written and synced one by one by nobody but the disk.
fn bare_disk(folder: &std::path::Path, bytes: u64, groups: u64) -> std::io::Result<Duration> {
    use haoyuan::journal::Disk;
    const NAME: &str = "bare-disk.tmp";
    let disk = haoyuan::journal::Folder::open(folder)?;
    let size = bytes / groups.max(1);
    let group = vec![0x5a; usize::try_from(size).unwrap_or(usize::MAX)];
    let mut file = disk.create(NAME)?;
    file.preallocate(0, size * groups)?;
    file.sync_data()?;
    let began = std::time::Instant::now();
    for number in 0..groups {
        let mut written = 0;
        while written < group.len() {
            written += file.write_at(number * size + written as u64, &group[written..])?;
        }
        file.sync_data()?;
    }
    let spent = began.elapsed();
    drop(file);
    disk.remove(NAME)?;
    Ok(spent)
}

/// The morning with a journal, in a folder that has none yet.
fn journaled(
    folder: &std::path::Path,
    kept: &args::Kept,
    sizes: Limits,
    steps: &Steps<'_>,
) -> Result<(Played, Journaled), Failure> {
    let lang = steps.lang;
    if journal::existing(folder, lang).is_ok() {
        return Err(Failure::input(say!(lang, "rush.journal_used", folder = folder.display())));
    }
    let registry = journal::open(folder, journal::kept(kept, Some(sizes)), lang)?;
    let desk = kept.sync.then_some(drive::Synced(&registry));
    let played = steps.take(registry.engine(), desk.as_ref())?;
    let ended = std::time::Instant::now();
    let wrong = |error: haoyuan::Error| journal::failure(folder, &error, lang);
    let stats = match registry.journal() {
        Some(journal) => {
            journal.flush().map_err(|error| wrong(error.into()))?;
            journal.stats()
        }
        None => haoyuan::journal::Stats::default(),
    };
    let lag_ms = u64::try_from(ended.elapsed().as_millis()).unwrap_or(u64::MAX);
    let state_hash = journal::hex(&registry.state_hash());
    registry.close().map_err(wrong)?;
    let haoyuan::journal::Stats { records, groups, syncs, bytes, .. } = stats;
    let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let durable = if kept.sync {
        let bare = bare_disk(folder, bytes, groups).map_err(|error| {
            Failure::input(say!(
                lang,
                "file.unwritable",
                file = folder.display(),
                reason = lang.system(&error)
            ))
        })?;
        let times = &played.driven.durable;
        Some(Durable {
            in_flight: drive::IN_FLIGHT,
            p50_ns: times.value_at_quantile(0.5),
            p99_ns: times.value_at_quantile(0.99),
            max_ns: times.max(),
            decided_ms: ms(played.driven.time()),
            bare_disk_ms: ms(bare),
        })
    } else {
        None
    };
    Ok((played, Journaled { synced: kept.sync, records, groups, syncs, bytes, lag_ms, durable, state_hash }))
}

impl Morning {
    fn play(options: &args::Rush, stage: &Stage, lang: Lang) -> Result<Self, Failure> {
        let (file, text) = match &options.scenario {
            Some(path) => (path.display().to_string(), files::read(path, lang)?),
            None => (scenario::EMBEDDED_NAME.to_owned(), scenario::EMBEDDED.to_owned()),
        };
        let scenario = Scenario::parse(&file, &text).map_err(|error| Failure::told(&error, lang))?;
        let requests = options.requests.map_or(scenario.requests.count, std::num::NonZeroU32::get);
        let seed = options.seed.unwrap_or(scenario.seed);
        let threads = options.threads.unwrap_or_else(|| {
            // Beyond eight, threads that wait for each other at the few seats of one hospital are all there is to see.
            std::thread::available_parallelism().map_or(NonZeroUsize::MIN, |n| n.min(MOST_BY_DEFAULT))
        });
        stage.show(&say!(lang, "stage.publish"));
        let world = World::build(
            &scenario,
            (&file, &text),
            options.policy.as_deref(),
            options.roster.as_deref(),
            lang,
        )?;
        stage.show(&say!(lang, "stage.draw"));
        let source = trace::Source {
            plans: &world.plans,
            tiers: &world.tiers,
            requests: &scenario.requests,
            classes: &scenario.classes,
            channels: &scenario.channels,
        };
        let trace = trace::draw(&source, requests, seed);
        let sizes = limits(&world, &trace);
        let steps = Steps { world: &world, trace: &trace, threads, stage, lang };
        let (played, journaled) = match &options.kept.journal {
            None => (steps.take(&Engine::new(sizes), None)?, None),
            Some(folder) => {
                let (played, journaled) = journaled(folder, &options.kept, sizes, &steps)?;
                (played, Some(journaled))
            }
        };
        let Played { sessions, driven, audit } = played;
        Ok(Self { scenario, requests, seed, threads, world, trace, sessions, driven, audit, journaled })
    }

    fn name(&self, lang: Lang) -> &str {
        match lang {
            Lang::En => &self.scenario.name.en,
            Lang::Zh => &self.scenario.name.zh,
        }
    }

    /// Recounts and reports.
    fn report(&self, lang: Lang) -> Report {
        let plans = self.sessions.iter().copied().zip(&self.world.plans).collect();
        let told = drive::told(&self.trace, &self.sessions, &self.driven.answers);
        Report::new(report::Parts {
            scenario: self.name(lang).to_owned(),
            seed: self.seed,
            threads: self.threads.get(),
            requests: self.requests,
            world: &self.world,
            trace: &self.trace,
            sessions: &self.sessions,
            driven: &self.driven,
            recount: &recount::recount(&plans, told),
            audit: self.audit.iter().map(|law| lang.of(law)).collect(),
        })
    }
}

/// The most threads unless more are asked for.
const MOST_BY_DEFAULT: NonZeroUsize = NonZeroUsize::new(8).unwrap();

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
    let keyed =
        trace.steps.iter().filter(|s| matches!(s.what, trace::What::Seat { key, .. } if key != 0)).count();
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
        bar.set_style(
            ProgressStyle::with_template("{spinner} {msg}")
                .unwrap_or_else(|_| ProgressStyle::default_spinner()),
        );
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

#[cfg(test)]
mod tests {
    //! A real morning, and then one in which the engine would have lied.

    use super::*;
    use crate::rush::recount::{Answer, Check};
    use crate::rush::trace::{Phase, What};
    use haoyuan_core::ids::{BookingId, Sequence};
    use haoyuan_core::refusal::{Code, Refusal};
    use haoyuan_core::request::{Grant, Standing};
    use haoyuan_core::terms::Class;

    fn morning() -> Morning {
        let options = args::Rush {
            scenario: None,
            threads: NonZeroUsize::new(2),
            requests: std::num::NonZeroU32::new(20_000),
            seed: None,
            policy: None,
            roster: None,
            svg: None,
            json: true,
            print_scenario: false,
            kept: args::Kept { journal: None, sync: false, hash: None },
        };
        Morning::play(&options, &Stage(None), Lang::En).unwrap()
    }

    fn violations(morning: &Morning) -> (bool, serde_json::Value) {
        let report = morning.report(Lang::En);
        (report.is_violated(), serde_json::to_value(&report).unwrap())
    }

    /// The first step of which this is true.
    fn find(morning: &Morning, is_it: impl Fn(&trace::Step, &Answer) -> bool) -> usize {
        let mut steps = morning.trace.steps.iter().zip(&morning.driven.answers);
        steps.position(|(step, answer)| is_it(step, answer)).unwrap()
    }

    /// A morning that is tampered with violates at least this check, in the report as well.
    #[track_caller]
    fn check(expected: Check, tamper: impl FnOnce(&mut Morning)) {
        let mut morning = morning();
        let (violated, _) = violations(&morning);
        assert!(!violated);
        tamper(&mut morning);
        let (violated, json) = violations(&morning);
        assert!(violated && json[expected.text()].as_u64().unwrap() > 0, "{expected:?}");
        assert!(morning.report(Lang::Zh).text(Lang::Zh, true).contains("\u{1b}[1;31m违反"));
    }

    fn booked(_: &trace::Step, answer: &Answer) -> bool {
        matches!(answer, Answer::Granted(grant) if grant.standing == Standing::Booked)
    }

    #[test]
    fn a_second_owner_of_a_booked_seat_is_found() {
        check(Check::Oversold, |morning| {
            let first = find(morning, booked);
            let Answer::Granted(grant) = morning.driven.answers[first] else { unreachable!() };
            let What::Seat { plan, slot, .. } = morning.trace.steps[first].what else { unreachable!() };
            let second = find(morning, |step, answer| {
                let same = matches!(step.what, What::Seat { plan: p, slot: s, .. } if (p, s) == (plan, slot));
                same && matches!(answer, Answer::Refused(_))
            });
            let booking = grant.booking;
            let booking =
                BookingId::pack(booking.block(), booking.seat(), Sequence(booking.sequence().0 + 1));
            morning.driven.answers[second] = Answer::Granted(Grant { booking, ..grant });
        });
    }

    #[test]
    fn a_seat_granted_to_an_early_bird_is_found() {
        check(Check::EarlyGrant, |morning| {
            let early = find(
                morning,
                |_, answer| matches!(answer, Answer::Refused(refusal) if refusal.code == Code::NotOpen),
            );
            let What::Seat { plan, slot, class: Class::Public, .. } = morning.trace.steps[early].what else {
                unreachable!("the first who is early is one of the public")
            };
            let lucky = find(morning, |step, answer| {
                let same = matches!(step.what, What::Seat { plan: p, slot: s, class: Class::Public, .. } if (p, s) == (plan, slot));
                same && matches!(answer, Answer::Granted(_))
            });
            morning.driven.answers.swap(early, lucky);
        });
    }

    #[test]
    fn a_grant_that_is_kept_secret_is_found() {
        check(Check::SequenceGap, |morning| {
            let secret = find(morning, |step, answer| {
                let Answer::Granted(grant) = answer else { return false };
                // Not the last of its block: what nobody saw after it cannot be missed.
                let seen = |other: &Answer| {
                    matches!(other, Answer::Granted(later)
                        if later.booking.block() == grant.booking.block()
                            && later.booking.sequence() > grant.booking.sequence())
                };
                booked(step, answer) && morning.driven.answers.iter().any(seen)
            });
            morning.driven.answers[secret] = Answer::Refused(Refusal::plain(Code::SlotFull));
        });
    }

    #[test]
    fn a_payment_for_somebody_elses_seat_is_found() {
        check(Check::Misplaced, |morning| {
            let (from, _) = morning.trace.phase(Phase::Payment);
            let paid = find(morning, |step, answer| {
                matches!(step.what, What::Confirm(_))
                    && matches!(answer, Answer::Settled(settled) if settled.changed)
            });
            assert!(paid >= from);
            morning.trace.steps[paid].patient ^= 1;
        });
    }

    #[test]
    fn phases_follow_each_other_and_each_is_in_order() {
        let morning = morning();
        let mut last = haoyuan_core::instant::Instant::MIN;
        for phase in Phase::ALL {
            let (_, steps) = morning.trace.phase(*phase);
            assert!(!steps.is_empty(), "{phase:?}");
            for step in steps {
                // A phase may begin in the instant in which the one before ends.
                assert!(step.at >= last, "{phase:?}");
                last = step.at;
            }
        }
        let (_, rush) = morning.trace.phase(Phase::Rush);
        assert_eq!(rush[0].at, morning.trace.release.plus(-1), "some come a millisecond early");
        assert!(rush.iter().any(|step| step.at == morning.trace.release));
    }

    #[test]
    fn the_same_seed_gives_the_same_trace_and_another_one_does_not() {
        let (first, second) = (morning(), morning());
        assert_eq!(first.trace, second.trace);
        let source = trace::Source {
            plans: &first.world.plans,
            tiers: &first.world.tiers,
            requests: &first.scenario.requests,
            classes: &first.scenario.classes,
            channels: &first.scenario.channels,
        };
        assert_ne!(trace::draw(&source, first.requests, first.seed + 1), first.trace);
        // Few requests and many are drawn as well.
        for count in [1, 2, 7, 100] {
            let trace = trace::draw(&source, count, 1);
            let seats = trace.steps.iter().filter(|step| matches!(step.what, What::Seat { .. })).count();
            assert_eq!(seats, count as usize);
        }
    }
}

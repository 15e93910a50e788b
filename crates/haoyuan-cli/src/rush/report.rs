//! The report of a rush: one value, from which both the text and the JSON are made.
//!
//! INVARIANT (nothing made up): every figure is counted from the trace, the answers, the recount or the clock of this
//! run.

use crate::lang::{Entry, Lang, entry, say};
use crate::rush::drive::{Driven, EVERY};
use crate::rush::picture::{HalfHour, Load, LoadRow, half_hour};
use crate::rush::recount::{Answer, Asked, Check, Recount, Told};
use crate::rush::trace::{Phase, Trace, What, tree};
use crate::rush::world::World;
use crate::text::{date_time, grouped, pad};
use comfy_table::{CellAlignment, Table, TableComponent, presets};
use haoyuan_core::ids::SessionId;
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::plan::{Blocks, Plan};
use haoyuan_core::pool::PoolTree;
use haoyuan_core::refusal::Code;
use haoyuan_core::request::Wish;
use haoyuan_core::terms::Class;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;

/// What was asked of one class or pool, and what came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Tally {
    /// Requests for a seat.
    asked: u64,
    /// Requests answered with a seat, repeated answers under one key counted each time.
    granted: u64,
    /// Of these, seats of the public that went to a class with a reserve.
    spilled: u64,
    /// Requests refused, by code.
    refused: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn refused_in_all(&self) -> u64 {
        self.refused.values().sum()
    }
}

/// One pool, over all sessions.
#[derive(Clone, Debug, Default, Serialize)]
struct PoolTally {
    /// Seats that were reserved for it when it was published.
    reserved: u64,
    #[serde(flatten)]
    tally: Tally,
}

#[derive(Debug, Serialize)]
struct PhaseReport {
    phase: &'static str,
    decisions: u64,
    seconds: f64,
    decisions_per_second: f64,
}

#[derive(Debug, Serialize)]
struct Latency {
    p50: u64,
    p90: u64,
    p99: u64,
    p999: u64,
    max: u64,
    sampled: u64,
    one_in: usize,
    clock_taken_off: u64,
}

#[derive(Debug, Serialize)]
struct DayLoad {
    day: String,
    half_hours: Vec<LoadRow>,
}

/// A violation in JSON.
#[derive(Debug, Serialize)]
struct ViolationRow {
    check: &'static str,
    booking: Option<String>,
    block: u32,
    sequence: u32,
}

/// What the machine is.
#[derive(Debug, Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    os: &'static str,
    arch: &'static str,
    load_average: Option<String>,
}

/// The report.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    version: &'static str,
    scenario: String,
    policy: String,
    seed: u64,
    threads: usize,
    requests: u32,
    patients: u32,
    institutions: usize,
    practitioners: usize,
    sessions: usize,
    slots: usize,
    seats: u64,
    tickets: usize,
    release: String,
    decisions: u64,
    granted: u64,
    repeated: u64,
    confirmed: u64,
    cancelled: u64,
    unchanged: u64,
    refused: BTreeMap<&'static str, u64>,
    #[serde(flatten)]
    checks: BTreeMap<&'static str, usize>,
    audit: Vec<String>,
    decisions_per_second: f64,
    seconds: f64,
    latency_ns: Latency,
    phases: Vec<PhaseReport>,
    by_class: BTreeMap<&'static str, Tally>,
    by_pool: BTreeMap<String, PoolTally>,
    load: DayLoad,
    violations: Vec<ViolationRow>,
    machine: Machine,
    #[serde(skip)]
    picture: Load,
    #[serde(skip)]
    order: Vec<String>,
}

/// What a report is made of.
pub(crate) struct Parts<'a> {
    pub(crate) scenario: String,
    pub(crate) seed: u64,
    pub(crate) threads: usize,
    pub(crate) requests: u32,
    pub(crate) world: &'a World,
    pub(crate) trace: &'a Trace,
    pub(crate) sessions: &'a [SessionId],
    pub(crate) driven: &'a Driven,
    pub(crate) recount: &'a Recount,
    pub(crate) audit: Vec<String>,
}

/// So many violations are listed one by one.
const LISTED: usize = 20;

impl Report {
    /// Counts everything.
    pub(crate) fn new(parts: Parts<'_>) -> Self {
        let Parts { world, trace, sessions, driven, recount, .. } = parts;
        let counted = Counted::of(world, super::drive::told(trace, sessions, &driven.answers), sessions);
        let picture = load(world, trace, sessions, recount);
        let rate =
            |decisions: u64, seconds: f64| if seconds > 0.0 { to_float(decisions) / seconds } else { 0.0 };
        let seconds = driven.time().as_secs_f64();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            scenario: parts.scenario,
            policy: world.policy.name().to_owned(),
            seed: parts.seed,
            threads: parts.threads,
            requests: parts.requests,
            patients: trace.patients,
            institutions: world.directory.institutions().len(),
            practitioners: world.directory.practitioners().len(),
            sessions: world.plans.len(),
            slots: world.plans.iter().map(|plan| plan.session.capacity.len()).sum(),
            seats: world.seats(),
            tickets: trace.tickets.len(),
            release: date_time(trace.release),
            decisions: driven.decisions(),
            granted: recount.grants,
            repeated: counted.seats - recount.grants.min(counted.seats),
            confirmed: counted.confirmed,
            cancelled: counted.cancelled,
            unchanged: counted.unchanged,
            refused: counted.refused.into_iter().map(|(code, n)| (code.text(), n)).collect(),
            checks: Check::ALL.iter().map(|check| (check.text(), recount.count(*check))).collect(),
            audit: parts.audit,
            decisions_per_second: rate(driven.decisions(), seconds),
            seconds,
            latency_ns: Latency {
                p50: driven.latency.value_at_quantile(0.5),
                p90: driven.latency.value_at_quantile(0.9),
                p99: driven.latency.value_at_quantile(0.99),
                p999: driven.latency.value_at_quantile(0.999),
                max: driven.latency.max(),
                sampled: driven.latency.len(),
                one_in: EVERY,
                clock_taken_off: driven.clock_ns,
            },
            phases: driven
                .phases
                .iter()
                .map(|(phase, decisions, time)| PhaseReport {
                    phase: phase.text(),
                    decisions: *decisions,
                    seconds: time.as_secs_f64(),
                    decisions_per_second: rate(*decisions, time.as_secs_f64()),
                })
                .collect(),
            by_class: counted.by_class.into_iter().map(|(class, tally)| (class.text(), tally)).collect(),
            by_pool: counted.by_pool,
            load: DayLoad { day: crate::text::date(picture.day), half_hours: picture.rows() },
            violations: recount
                .violations
                .iter()
                .take(LISTED)
                .map(|violation| ViolationRow {
                    check: violation.check.text(),
                    booking: violation.booking.map(|booking| booking.to_string()),
                    block: violation.place.0.get(),
                    sequence: violation.place.1,
                })
                .collect(),
            machine: Machine::here(),
            picture,
            order: counted.order,
        }
    }

    /// Whether any check was violated.
    pub(crate) fn is_violated(&self) -> bool {
        !self.audit.is_empty() || self.checks.values().any(|count| *count > 0)
    }

    /// The load of the day, to draw.
    pub(crate) const fn picture(&self) -> &Load {
        &self.picture
    }

    /// The report for people: 80 columns.
    pub(crate) fn text(&self, lang: Lang, colour: bool) -> String {
        let mut text = String::new();
        let out = &mut text;
        self.write_head(out, lang);
        self.write_classes(out, lang);
        self.write_pools(out, lang);
        self.write_speed(out, lang);
        let _ = writeln!(out, "\n{}", say!(lang, "load.head", day = self.load.day));
        out.push_str(&self.picture.terminal(lang));
        self.write_checks(out, lang, colour);
        text
    }

    fn write_head(&self, out: &mut String, lang: Lang) {
        let head = say!(lang, "rush.head", scenario = self.scenario, policy = self.policy, seed = self.seed);
        let world = say!(
            lang,
            "rush.world",
            institutions = self.institutions,
            practitioners = self.practitioners,
            sessions = grouped(self.sessions as u64),
            slots = grouped(self.slots as u64),
            seats = grouped(self.seats),
        );
        let asked = say!(
            lang,
            "rush.asked",
            requests = grouped(self.requests),
            patients = grouped(self.patients),
            release = self.release,
        );
        let _ = writeln!(out, "{head}\n{world}\n{asked}");
    }

    fn write_classes(&self, out: &mut String, lang: Lang) {
        let classes: Vec<(Class, &Tally)> =
            Class::ALL.iter().filter_map(|class| Some((*class, self.by_class.get(class.text())?))).collect();
        let codes: BTreeSet<&str> =
            classes.iter().flat_map(|(_, tally)| tally.refused.keys().copied()).collect();
        let mut table = plain_table();
        let head = classes.iter().map(|(class, _)| column(*class).text(lang).to_owned());
        table.set_header(std::iter::once(String::new()).chain(head).chain([say!(lang, "table.all")]));
        let mut row = |name: String, value: &dyn Fn(&Tally) -> u64| {
            let values: Vec<u64> = classes.iter().map(|(_, tally)| value(tally)).collect();
            let all = values.iter().sum::<u64>();
            table.add_row(std::iter::once(name).chain(values.into_iter().chain([all]).map(short)));
        };
        row(say!(lang, "table.asked"), &|tally| tally.asked);
        row(say!(lang, "table.granted"), &|tally| tally.granted);
        row(say!(lang, "table.spilled"), &|tally| tally.spilled);
        row(say!(lang, "table.refused"), &Tally::refused_in_all);
        for code in Code::ALL.iter().map(|code| code.text()).filter(|code| codes.contains(code)) {
            row(format!("  {code}"), &|tally| tally.refused.get(code).copied().unwrap_or(0));
        }
        right_align(&mut table, 1);
        let _ = writeln!(out, "\n{}\n{table}", say!(lang, "table.by_class"));
    }

    fn write_pools(&self, out: &mut String, lang: Lang) {
        let mut table = plain_table();
        table.set_header([
            say!(lang, "table.pool"),
            say!(lang, "table.reserved"),
            say!(lang, "table.asked"),
            say!(lang, "table.granted"),
            say!(lang, "table.refused"),
            say!(lang, "table.why"),
        ]);
        for (name, pool) in self.order.iter().filter_map(|name| Some((name, self.by_pool.get(name)?))) {
            if pool.tally.asked == 0 && pool.reserved == 0 {
                continue;
            }
            let mut codes: Vec<(u64, &str)> =
                pool.tally.refused.iter().map(|(code, n)| (*n, *code)).collect();
            codes.sort_unstable_by(|a, b| b.cmp(a));
            let why =
                codes.iter().take(2).map(|(n, code)| format!("{code} {}", brief(*n))).collect::<Vec<_>>();
            table.add_row([
                name.clone(),
                short(pool.reserved),
                short(pool.tally.asked),
                short(pool.tally.granted),
                short(pool.tally.refused_in_all()),
                why.join(", "),
            ]);
        }
        right_align(&mut table, 1);
        if let Some(why) = table.column_mut(5) {
            why.set_cell_alignment(CellAlignment::Left);
            why.set_padding((1, 0));
        }
        let _ = writeln!(out, "\n{}\n{table}", say!(lang, "table.by_pool"));
    }

    fn write_speed(&self, out: &mut String, lang: Lang) {
        let latency = &self.latency_ns;
        let _ = writeln!(out, "\n{}", say!(lang, "speed.head"));
        let total = say!(
            lang,
            "speed.total",
            decisions = grouped(self.decisions),
            seconds = format!("{:.3}", self.seconds),
            rate = rate(self.decisions_per_second),
            threads = self.threads,
        );
        let _ = writeln!(out, "  {total}");
        for (report, phase) in self.phases.iter().zip(Phase::ALL) {
            let name = pad(phase.entry().text(lang), 16);
            let decisions = grouped(report.decisions);
            let _ = writeln!(
                out,
                "    {name} {decisions:>12}  {:>9.3} ms  {:>8}/s",
                report.seconds * 1_000.0,
                rate(report.decisions_per_second)
            );
        }
        let quantiles = say!(
            lang,
            "speed.latency",
            p50 = grouped(latency.p50),
            p99 = grouped(latency.p99),
            p999 = grouped(latency.p999),
            max = grouped(latency.max),
        );
        let sampled = say!(
            lang,
            "speed.sampled",
            every = latency.one_in,
            sampled = grouped(latency.sampled),
            clock = latency.clock_taken_off
        );
        let machine = &self.machine;
        let load = machine.load_average.as_deref().unwrap_or("–");
        let machine = say!(
            lang,
            "speed.machine",
            cpu = machine.cpu,
            cores = machine.cores,
            os = machine.os,
            arch = machine.arch,
            load = load,
        );
        let _ = writeln!(out, "  {quantiles}\n  {sampled}\n  {machine}");
    }

    fn write_checks(&self, out: &mut String, lang: Lang, colour: bool) {
        let paint = |good: bool, text: String| match (colour, good) {
            (false, _) => text,
            (true, true) => format!("\u{1b}[32m{text}\u{1b}[0m"),
            (true, false) => format!("\u{1b}[1;31m{text}\u{1b}[0m"),
        };
        let recounted = say!(
            lang,
            "check.head",
            granted = grouped(self.granted),
            repeated = grouped(self.repeated),
            confirmed = grouped(self.confirmed),
            cancelled = grouped(self.cancelled),
        );
        let _ = writeln!(out, "\n{recounted}");
        let mut line = |count: usize, name: &str, what: &str| {
            let mark = if count == 0 { say!(lang, "check.good") } else { say!(lang, "check.bad") };
            let count = grouped(count as u64);
            let _ = writeln!(out, "  {} {count:>5}  {name:<17} {what}", paint(count == "0", mark));
        };
        for check in Check::ALL {
            let entry: &Entry = check.entry();
            line(self.checks[check.text()], check.text(), entry.text(lang));
        }
        line(self.audit.len(), "audit", &say!(lang, "check.audit"));
        for violation in &self.violations {
            let booking = violation.booking.as_deref().unwrap_or("–");
            let place = say!(
                lang,
                "check.place",
                check = violation.check,
                block = violation.block,
                sequence = violation.sequence,
                booking = booking,
            );
            let _ = writeln!(out, "    {place}");
        }
        for complaint in self.audit.iter().take(LISTED) {
            let _ = writeln!(out, "    audit: {complaint}");
        }
    }
}

/// The answers, counted.
struct Counted {
    by_class: BTreeMap<Class, Tally>,
    by_pool: BTreeMap<String, PoolTally>,
    /// The pools in the order of the trees.
    order: Vec<String>,
    refused: BTreeMap<Code, u64>,
    /// Requests answered with a seat.
    seats: u64,
    confirmed: u64,
    cancelled: u64,
    unchanged: u64,
}

impl Counted {
    fn of(world: &World, told: impl Iterator<Item = Told>, sessions: &[SessionId]) -> Self {
        let (by_pool, order) = reserved(world);
        let mut counted = Self {
            by_class: BTreeMap::new(),
            by_pool,
            order,
            refused: BTreeMap::new(),
            seats: 0,
            confirmed: 0,
            cancelled: 0,
            unchanged: 0,
        };
        let places: HashMap<SessionId, usize> = sessions.iter().copied().zip(0..).collect();
        for Told { asked, answer, .. } in told {
            if let Answer::Refused(refusal) = answer {
                *counted.refused.entry(refusal.code).or_default() += 1;
            }
            match (asked, answer) {
                (Asked::Confirm(_), Answer::Settled(settled)) if settled.changed => counted.confirmed += 1,
                (Asked::Cancel(_), Answer::Settled(settled)) if settled.changed => counted.cancelled += 1,
                (_, Answer::Settled(_)) => counted.unchanged += 1,
                (Asked::Seat(_, wish), answer) => {
                    let plan = places.get(&wish.slot.session).map(|place| &world.plans[*place]);
                    counted.count_seat(plan, &wish, answer);
                }
                _ => {}
            }
        }
        counted
    }

    fn count_seat(&mut self, plan: Option<&Plan>, wish: &Wish, answer: Answer) {
        note(self.by_class.entry(wish.class).or_default(), answer);
        let granted_at = match answer {
            Answer::Granted(grant) => Some(grant.node),
            _ => None,
        };
        self.seats += u64::from(granted_at.is_some());
        let Some(tree) = plan.map(|plan| tree(plan, wish.slot.slot.index())) else { return };
        let first = || tree.routes().get(wish.class, wish.channel).nodes().first().copied();
        let Some(node) = granted_at.or_else(first).and_then(|node| tree.nodes().get(node.index())) else {
            return;
        };
        if let Some(pool) = self.by_pool.get_mut(&node.name) {
            note(&mut pool.tally, answer);
        }
    }
}

fn note(tally: &mut Tally, answer: Answer) {
    tally.asked += 1;
    match answer {
        Answer::Granted(grant) => {
            tally.granted += 1;
            tally.spilled += u64::from(grant.spill);
        }
        Answer::Refused(refusal) => *tally.refused.entry(refusal.code.text()).or_default() += 1,
        Answer::Settled(_) | Answer::Skipped => {}
    }
}

/// The pools of all plans in the order of their trees, with the seats reserved for each.
fn reserved(world: &World) -> (BTreeMap<String, PoolTally>, Vec<String>) {
    let mut pools: BTreeMap<String, PoolTally> = BTreeMap::new();
    let mut order: Vec<String> = Vec::new();
    for plan in &world.plans {
        let trees = match &plan.blocks {
            Blocks::PerSlot(trees) => trees.as_slice(),
            Blocks::WholeSession(tree) => std::slice::from_ref(tree),
        };
        for node in trees.iter().flat_map(PoolTree::nodes).filter(|node| node.name != "ROOT") {
            if !pools.contains_key(&node.name) {
                order.push(node.name.clone());
            }
            pools.entry(node.name.clone()).or_default().reserved += u64::from(node.guarantee);
        }
    }
    (pools, order)
}

/// The load of the day that opened last, from the recounted seats and the trace.
fn load(world: &World, trace: &Trace, sessions: &[SessionId], recount: &Recount) -> Load {
    let is_new = |place: usize| super::trace::opens(&world.plans[place]) == Some(trace.release);
    let day: Day = (0..world.plans.len())
        .filter(|place| is_new(*place))
        .map(|place| world.plans[place].session.day())
        .max()
        .unwrap_or_else(|| trace.release.day());
    let places: HashMap<SessionId, usize> = sessions.iter().copied().zip(0..).collect();
    let mut half_hours: BTreeMap<Instant, HalfHour> = BTreeMap::new();
    let start = |place: usize, slot: haoyuan_core::ids::SlotIndex| {
        let session = &world.plans[place].session;
        (session.day() == day).then(|| half_hour(session.slot_time(slot).from))
    };
    for (plan, place) in world.plans.iter().zip(0..) {
        for (capacity, slot) in plan.session.capacity.iter().zip(0u16..) {
            let slot = haoyuan_core::ids::SlotIndex::new(slot).unwrap_or_default();
            if let Some(at) = start(place, slot) {
                half_hours.entry(at).or_default().capacity += u32::from(*capacity);
            }
        }
    }
    for seat in &recount.live {
        let Some(place) = places.get(&seat.slot.session).copied() else { continue };
        let Some(load) = start(place, seat.slot.slot).and_then(|at| half_hours.get_mut(&at)) else {
            continue;
        };
        if seat.wish.class == Class::Public {
            load.public += 1;
        } else {
            load.privileged += 1;
        }
    }
    for step in &trace.steps {
        let What::Seat { plan, slot, .. } = step.what else { continue };
        if let Some(load) = start(plan as usize, slot).and_then(|at| half_hours.get_mut(&at)) {
            load.asked += 1;
        }
    }
    Load { day, half_hours: half_hours.into_iter().collect() }
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_preset(presets::NOTHING);
    table
        .set_style(TableComponent::HeaderLines, '─')
        .set_style(TableComponent::MiddleHeaderIntersections, '─');
    table.set_content_arrangement(comfy_table::ContentArrangement::Disabled);
    table
}

fn right_align(table: &mut Table, from: usize) {
    for column in table.column_iter_mut().skip(from) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 0));
    }
}

/// A number in at most six columns, exact below 100,000; a dot where there is none, so that the rest can be seen.
fn short(number: u64) -> String {
    match number {
        0 => "·".to_owned(),
        1..100_000 => grouped(number),
        100_000..10_000_000 => format!("{}k", grouped((number + 500) / 1_000)),
        _ => format!("{}M", grouped((number + 500_000) / 1_000_000)),
    }
}

/// The same in at most four columns.
fn brief(number: u64) -> String {
    if (10_000..100_000).contains(&number) { format!("{}k", (number + 500) / 1_000) } else { short(number) }
}

/// The heading of a class's column.
const fn column(class: Class) -> &'static Entry {
    match class {
        Class::Public => entry("column.public"),
        Class::ReferralSecondary => entry("column.referral_secondary"),
        Class::ReferralPrimary => entry("column.referral_primary"),
        Class::Contract => entry("column.contract"),
        Class::Revisit => entry("column.revisit"),
        Class::OnSite => entry("column.on_site"),
        Class::Green => entry("column.green"),
    }
}

/// `12.3 M`, `456 k`
fn rate(per_second: f64) -> String {
    if per_second >= 1e6 {
        format!("{:.1} M", per_second / 1e6)
    } else if per_second >= 1e3 {
        format!("{:.1} k", per_second / 1e3)
    } else {
        format!("{per_second:.0}")
    }
}

#[expect(clippy::cast_precision_loss, reason = "a rate for people")]
const fn to_float(number: u64) -> f64 {
    number as f64
}

impl Machine {
    /// What can be found out without asking anybody.
    fn here() -> Self {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").ok().and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        });
        let load = std::fs::read_to_string("/proc/loadavg").ok();
        Self {
            cpu: cpu.unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            cores: std::thread::available_parallelism().map_or(1, std::num::NonZeroUsize::get),
            os: std::env::consts::OS,
            arch: std::env::consts::ARCH,
            load_average: load.and_then(|text| text.split(' ').next().map(str::to_owned)),
        }
    }
}

//! What was measured, as tables, charts and raw data.

use crate::charts::{self, short};
use crate::contest::{Cell, Family};
use crate::line_up::Outcome;
use crate::measure::{commit, machine};
use crate::open_loop::Point;
use crate::work::Workload;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

/// Everything that was measured, in one run or in several that each ran some of the workloads.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    machine: String,
    versions: Vec<String>,
    skipped: Vec<String>,
    sync_us: f64,
    pings: Option<(f64, f64)>,
    /// The machine and the commit that each workload, and the latency at fixed rates, was measured with.
    runs: BTreeMap<String, String>,
    cells: Vec<Cell>,
    latency: Vec<Point>,
    aims: Vec<Aim>,
    rules: Vec<Rule>,
    growth: Vec<Size>,
    sections: Vec<Section>,
}

/// What another suite printed.
#[derive(Debug, Serialize, Deserialize)]
struct Section {
    title: String,
    command: String,
    text: String,
}

/// A line of what `what_does_each_rule_cost` wrote.
#[derive(Debug, Serialize, Deserialize)]
struct Rule {
    #[serde(rename = "rule")]
    name: String,
    ns: f64,
    least_ns: f64,
    most_ns: f64,
}

/// A line of what `does_it_stay_fast_as_it_grows` wrote; what valgrind did not count is missing.
#[derive(Debug, Serialize, Deserialize)]
struct Size {
    seats: u32,
    ns: f64,
    least_ns: f64,
    most_ns: f64,
    bare_ns: f64,
    instructions: Option<f64>,
    l1_misses: Option<f64>,
    l2_misses: Option<f64>,
    l1_tlb_misses: Option<f64>,
    l2_tlb_misses: Option<f64>,
}

/// The lines of a file that a suite wrote; none if it did not.
fn lines<T: DeserializeOwned>(file: &Path) -> Result<Vec<T>, String> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    let failed = |error: csv::Error| format!("{}: {error}", file.display());
    csv::Reader::from_path(file).map_err(failed)?.into_deserialize().collect::<Result<_, _>>().map_err(failed)
}

/// A ratio that is asked for.
#[derive(Debug, Serialize, Deserialize)]
struct Aim {
    what: String,
    least: f64,
    measured: f64,
    met: bool,
    /// What the ratio would be if nothing took time but the disk's part of each grant.
    at_most: Option<f64>,
}

/// What the curves are called beside the workloads.
const LATENCY: &str = "latency";

const MEMORY: &str = "haoyuan, in memory";
const ASYNC: &str = "haoyuan, Async, refusals counted";
const SYNCED: &str = "haoyuan, Synced, refusals counted";

impl Report {
    /// Of what came out of a run.
    #[must_use]
    pub fn new(outcome: Outcome) -> Self {
        let Outcome { cells, points, skipped, versions, sync_us, pings, handed_over, waited } = outcome;
        let machine = format!("{}; commit {}", machine(), commit());
        let mut runs: BTreeMap<String, String> =
            cells.iter().map(|cell| (cell.workload.clone(), machine.clone())).collect();
        let conditions = [
            ("a cache line to the other processor and back", handed_over),
            ("a load from 8 MiB that waits for the one before", waited),
        ];
        for (condition, workloads) in conditions {
            for (workload, mut times) in workloads {
                times.sort_by(f64::total_cmp);
                if let (Some(origin), [least, .., most]) = (runs.get_mut(&workload), times.as_slice()) {
                    let middle = times[times.len() / 2];
                    let measured = format!("; {condition} {middle:.0} ns ({least:.0} to {most:.0})");
                    origin.push_str(&measured);
                }
            }
        }
        let mut report = Self {
            runs,
            machine,
            versions,
            skipped,
            sync_us,
            pings,
            cells,
            latency: points,
            aims: Vec::new(),
            rules: Vec::new(),
            growth: Vec::new(),
            sections: Vec::new(),
        };
        if !report.latency.is_empty() {
            report.runs.insert(LATENCY.to_owned(), report.machine.clone());
        }
        report.aims = report.judge();
        report
    }

    /// Adds what the suites wrote into a report folder: `rules.csv`, `growth.csv`, and as they stand the texts of its folder
    /// `sections`: a title, the command, then what it printed.
    ///
    /// # Errors
    /// If a file is not what the suites write.
    pub fn attach(&mut self, folder: &Path) -> Result<(), String> {
        self.rules = lines(&folder.join("rules.csv"))?;
        self.growth = lines(&folder.join("growth.csv"))?;
        let Ok(entries) = std::fs::read_dir(folder.join("sections")) else { return Ok(()) };
        let mut files: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        files.sort();
        for file in files {
            let text =
                std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
            let mut parts = text.splitn(3, '\n').map(str::to_owned);
            let mut part = || parts.next().unwrap_or_default();
            self.sections.push(Section {
                title: part(),
                command: part(),
                text: part().trim_end().to_owned(),
            });
        }
        Ok(())
    }

    /// Takes over what an earlier run wrote into a report folder about the workloads that this one left out.
    ///
    /// # Errors
    /// If there is no such report, or this program did not write it.
    pub fn keep(&mut self, folder: &Path) -> Result<(), String> {
        let file = folder.join("report.json");
        let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let earlier: Self =
            serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file.display()))?;
        let is_left_out = |workload: &String| !self.runs.contains_key(workload);
        self.cells.extend(earlier.cells.into_iter().filter(|cell| is_left_out(&cell.workload)));
        let runs: Vec<_> = earlier.runs.into_iter().filter(|(workload, _)| is_left_out(workload)).collect();
        self.runs.extend(runs);
        if self.latency.is_empty() {
            self.latency = earlier.latency;
        }
        self.aims = self.judge();
        Ok(())
    }

    /// The machine and the commit; if not all of these workloads have the same, which have which.
    fn origins(&self, of: impl Fn(&str) -> bool) -> String {
        let mut origins: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (workload, machine) in self.runs.iter().filter(|(workload, _)| of(workload)) {
            origins.entry(machine).or_default().push(workload);
        }
        let said = |(machine, workloads): (&&str, &Vec<&str>)| format!("{}: {machine}", workloads.join(", "));
        match origins.len() {
            0 | 1 => self.machine.clone(),
            _ => origins.iter().map(said).collect::<Vec<_>>().join("\\\n"),
        }
    }

    fn rate(&self, system: &str, workload: &str, clients: usize, depth: usize) -> Option<f64> {
        let mut found = self.cells.iter().filter(|cell| {
            cell.system == system
                && cell.workload == workload
                && cell.clients == clients
                && cell.depth == depth
        });
        found.next().map(Cell::median)
    }

    /// The embedded engine with as many threads as the cell has clients, at most two.
    fn embedded(&self, cell: &Cell) -> Option<f64> {
        Some(self.rate(MEMORY, &cell.workload, cell.clients.min(2), 1)? / cell.median())
    }

    /// haoyuan with the same promise at the same number of clients and depth.
    fn alike(&self, cell: &Cell) -> Option<f64> {
        let promise = match cell.family {
            Family::Floor | Family::Haoyuan => return None,
            Family::InProcess | Family::Lean => MEMORY,
            Family::Redis if cell.system.contains("always") => SYNCED,
            Family::Redis if cell.system.contains("appendonly off") => MEMORY,
            Family::Postgres if cell.system.contains("commit on") => SYNCED,
            Family::Redis | Family::Postgres => ASYNC,
        };
        let (clients, depth) =
            if promise == MEMORY { (cell.clients.min(2), 1) } else { (cell.clients, cell.depth) };
        Some(self.rate(promise, &cell.workload, clients, depth)? / cell.median())
    }

    /// What a system with as many clients would reach over the cell, each waiting for its answers one at a time, if a grant took the
    /// disk's time and a refusal none.
    #[expect(clippy::cast_precision_loss, reason = "a figure to print")]
    fn disk_alone(&self, cell: &Cell) -> Option<f64> {
        let share = cell.granted as f64 / cell.decisions as f64;
        let most = cell.clients as f64 / (share * self.sync_us / 1e6);
        most.is_finite().then_some(most / cell.median())
    }

    /// The least of a ratio over the cells that are chosen.
    fn least(&self, ratio: fn(&Self, &Cell) -> Option<f64>, chosen: impl Fn(&Cell) -> bool) -> Option<f64> {
        let ratios = self.cells.iter().filter(|cell| chosen(cell)).filter_map(|cell| ratio(self, cell));
        ratios.reduce(f64::min)
    }

    fn judge(&self) -> Vec<Aim> {
        let mut aims = Vec::new();
        let mut aim = |what: &str, least: f64, (measured, at_most): (Option<f64>, Option<f64>)| {
            if let Some(measured) = measured {
                let met = measured >= least;
                aims.push(Aim { what: what.to_owned(), least, measured, met, at_most });
            }
        };
        let rush = |cell: &Cell| cell.workload == "w2" && cell.clients <= 2;
        let redis = |cell: &Cell| cell.family == Family::Redis;
        let postgres = |cell: &Cell| cell.family == Family::Postgres;
        let server = |cell: &Cell| redis(cell) || postgres(cell);
        let embedded = Self::embedded;
        for (depth, words, over_redis) in [(64, "with 64 on the way", 150.0), (1, "one at a time", 700.0)] {
            let here = |c: &Cell| rush(c) && c.depth == depth;
            let what = |over: &str| format!("w2, in memory, over {over} {words}");
            let least = |of: fn(&Cell) -> bool| self.least(embedded, |c| here(c) && of(c));
            aim(&what("Redis"), over_redis, (least(redis), None));
            aim(&what("PostgreSQL"), 1_000.0, (least(postgres), None));
        }
        for (depth, words) in [(64, "with 64 on the way"), (1, "one at a time")] {
            for (name, part, asked) in [
                ("Redis with appendfsync always", "always", 20.0),
                ("PostgreSQL with synchronous_commit on", "commit on", 50.0),
            ] {
                let peer = |c: &Cell| rush(c) && c.depth == depth && server(c) && c.system.contains(part);
                let what = format!("w2, Synced, over {name}, {words}");
                // Of many on the way any number share a write of the disk; who waits for each answer waits for a write of each grant.
                let at_most = (depth == 1).then(|| self.least(Self::disk_alone, peer)).flatten();
                aim(&what, asked, (self.least(Self::alike, peer), at_most));
            }
        }
        for (name, title) in [("w1", "w1"), ("w1-full", "w1-full"), ("w3", "w3")] {
            let what = format!("{title}, in memory, over every server");
            aim(&what, 50.0, (self.least(embedded, |c| c.workload == name && server(c)), None));
        }
        for workload in Workload::ALL.map(Workload::name) {
            for clients in [1, 2] {
                for (family, name) in [
                    (Family::InProcess, "hash map by the same rules"),
                    (Family::Lean, "hash map by no more than is asked"),
                ] {
                    let what = format!("{workload}, {clients} thread(s), over the best {name}");
                    let chosen =
                        |c: &Cell| c.workload == workload && c.clients == clients && c.family == family;
                    aim(&what, 1.0, (self.least(embedded, chosen), None));
                }
            }
        }
        aims
    }

    /// Everything as JSON.
    ///
    /// # Errors
    /// Never for what a run measures.
    pub fn json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map_err(|error| error.to_string())
    }

    /// Everything as Markdown.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let _ = writeln!(text, "# Beside what one would use instead\n");
        let _ = writeln!(
            text,
            "Measured by `benches/report`, which writes this page anew. Every system was given the same requests and gave the same\n\
             verdicts, or there would be no figure: one client is told exactly what a sequential reference tells it; of several\n\
             clients, what they hold is what the system says is taken, each seat once, within the rules.\n"
        );
        for origin in self.origins(|_| true).lines() {
            let _ = writeln!(text, "- {}", origin.trim_end_matches('\\'));
        }
        let _ =
            writeln!(text, "- versions: haoyuan {}; {}", env!("CARGO_PKG_VERSION"), self.versions.join("; "));
        for skipped in &self.skipped {
            let _ = writeln!(text, "- **SKIPPED: {skipped}**");
        }
        let _ = writeln!(
            text,
            "- a write of 4 KiB and its `fdatasync`: {:.0} µs, the median of 200",
            self.sync_us
        );
        if let Some((one, many)) = self.pings {
            let _ = writeln!(
                text,
                "- two connections to a Redis that only answers `PING`: {}/s one at a time, {}/s with 64 on the way",
                short(one),
                short(many)
            );
        }
        let _ = writeln!(
            text,
            "\nA decision is one request and its verdict, a release included. \"On the way\" is how many decisions a client has without an\n\
             answer: in the rush it asks the next one when any is answered, as a host with so many callers does; in the others it asks so\n\
             many at once and waits for all, because what it releases depends on what it is told. *Embedded* is haoyuan in memory, called\n\
             in the process, with as many threads (at most two), over the row: a call against a server. *Alike* is haoyuan with the same\n\
             promise over the row, with as many clients and as many on the way: `Synced` against appendfsync always and synchronous_commit\n\
             on, `Async` against everysec and off. The rate is the median of the rounds; from–to is the slowest and the quickest. *On\n\
             processors* is what the clients' threads used for a decision, whatever else the machine did. *Of the limit* is the share of\n\
             what the same processors do when each\n\
             decision is nothing but a load, and each change two compare-and-swaps.\n\n\
             The hash maps decide by the rules of a policy, with haoyuan's fold and limits as a library: pools with fences, caps, routes and\n\
             opening times, holds that end, stops, suspensions, limits, the last instant for giving back, numbered transitions, and an\n\
             answer that says why and from when. Those *by no more than is asked* keep four counters, a bit a seat and two numbers a visit,\n\
             with the four pools written into the program: what the verdicts of these workloads need and nothing else.\n"
        );
        for workload in Workload::ALL {
            self.table(workload, &mut text);
        }
        self.asked(&mut text);
        self.latencies(&mut text);
        self.rules_and_growth(&mut text);
        for section in &self.sections {
            let _ = writeln!(
                text,
                "## {}\n\n`{}`\n\n```text\n{}\n```\n",
                section.title, section.command, section.text
            );
        }
        let _ = writeln!(text, "## How the servers are run\n");
        let _ = writeln!(
            text,
            "Redis: one `EVALSHA` a decision; a slot and a patient are a string each, so that a refusal reads one key and a grant reads two\n\
             and writes two; Unix socket; no snapshots, no rewriting of the append-only file; `io-threads` 1 (advised from four cores on).\n\n\
             PostgreSQL: one prepared `SELECT` of a PL/pgSQL function a decision, binary; a refusal reads one row without a lock; grants\n\
             update two rows in place (HOT); `shared_buffers` a quarter of the memory, at most 2 GB; `wal_level` minimal; no checkpoint,\n\
             no autovacuum during a run; generic plans; no JIT; Unix socket; `fsync` and `full_page_writes` on. *64 a transaction* commits a\n\
             batch as one: one connection only, since several would lock each other out.\n\n\
             The clients speak each protocol over the bare socket and reuse their buffers."
        );
        text
    }

    fn table(&self, workload: Workload, text: &mut String) {
        let mut cells: Vec<&Cell> =
            self.cells.iter().filter(|cell| cell.workload == workload.name()).collect();
        if cells.is_empty() {
            return;
        }
        cells.sort_by_key(|cell| (cell.family, cell.system.clone(), cell.depth, cell.clients));
        let _ = writeln!(text, "## {}\n", workload.title());
        let _ = writeln!(
            text,
            "| system | clients | on the way | decisions/s | from–to | rounds | on processors, ns | embedded | alike | of the limit |"
        );
        let _ = writeln!(text, "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|");
        for cell in cells {
            let (least, most) = cell.spread();
            let times = |ratio: Option<f64>| ratio.map_or_else(String::new, |ratio| format!("{ratio:.1} ×"));
            let (embedded, alike) = match cell.family {
                Family::Floor | Family::Haoyuan => (String::new(), String::new()),
                Family::InProcess | Family::Lean => (times(self.embedded(cell)), String::new()),
                _ => (times(self.embedded(cell)), times(self.alike(cell))),
            };
            let limit = self.cells.iter().find(|other| {
                other.family == Family::Floor
                    && other.workload == cell.workload
                    && other.clients == cell.clients
            });
            let is_local = matches!(cell.family, Family::InProcess | Family::Lean) || cell.system == MEMORY;
            let share = limit.filter(|_| is_local).map(|limit| 100.0 * cell.median() / limit.median());
            let share = share.map_or_else(String::new, |share| format!("{share:.0} %"));
            let is_server = matches!(cell.family, Family::Redis | Family::Postgres);
            let on_cpu = if is_server { String::new() } else { format!("{:.1}", cell.on_cpu_ns) };
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {}–{} | {} | {on_cpu} | {embedded} | {alike} | {share} |",
                cell.system,
                cell.clients,
                cell.depth,
                short(cell.median()),
                short(least),
                short(most),
                cell.rates.len()
            );
        }
        text.push('\n');
    }

    fn asked(&self, text: &mut String) {
        if self.aims.is_empty() {
            return;
        }
        let _ = writeln!(text, "## Against what was aimed at\n");
        let _ = writeln!(
            text,
            "The least ratio over all settings of that kind, with one and two clients. *Of the disk*: what it would be if each grant took\n\
             the write and sync named above and nothing else took any time.\n"
        );
        let _ = writeln!(text, "| ratio | at least | measured | |\n|---|--:|--:|---|");
        for aim in &self.aims {
            let verdict = match (aim.met, aim.at_most) {
                (true, _) => "met".to_owned(),
                (false, None) => "**missed**".to_owned(),
                (false, Some(most)) => format!("**missed**; of the disk {most:.1} ×"),
            };
            let _ = writeln!(text, "| {} | {} × | {:.2} × | {verdict} |", aim.what, aim.least, aim.measured);
        }
        text.push('\n');
    }

    fn latencies(&self, text: &mut String) {
        if self.latency.is_empty() {
            return;
        }
        let _ = writeln!(text, "## Latency at fixed rates (open loop, uniform churn)\n");
        let _ = writeln!(
            text,
            "Requests come by a Poisson process, whether or not the last one is answered; latency counts from when a request was due. A\n\
             client asks all that is due, up to 64 at once. Rates are shares of what each system decides at most, the last two are more;\n\
             *saturated* is what could not decide all that came.\n"
        );
        let _ = writeln!(
            text,
            "| system | clients | offered/s | decided/s | p50 | p99 | p99.9 | most | unserved |"
        );
        let _ = writeln!(text, "|---|--:|--:|--:|--:|--:|--:|--:|--:|");
        for point in &self.latency {
            let _ = writeln!(
                text,
                "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                point.system,
                point.clients,
                short(point.offered),
                if point.is_saturated() {
                    format!("{}, saturated", short(point.decided))
                } else {
                    short(point.decided)
                },
                time(point.p50),
                time(point.p99),
                time(point.p999),
                time(point.max),
                point.unserved
            );
        }
        text.push('\n');
    }

    /// The ratios for a readme: a peer a row, a workload a column, two clients.
    #[must_use]
    pub fn ratios(&self, chinese: bool) -> String {
        let say = |english: &'static str, zh: &'static str| if chinese { zh } else { english };
        let mut text = format!("{}\n\n", self.origins(|workload| workload != LATENCY));
        let names = Workload::ALL.map(Workload::name);
        let _ = writeln!(text, "| {} | {} |", say("haoyuan over", "haoyuan 相对于"), names.join(" | "));
        let _ = writeln!(text, "|---|{}", "--:|".repeat(names.len()));
        let mut row = |name: String, ratio: &dyn Fn(&str) -> Option<f64>| {
            let ratios = names.map(|workload| {
                ratio(workload).map_or_else(|| "–".to_owned(), |r| format!("{} ×", short(r)))
            });
            let _ = writeln!(text, "| {name} | {} |", ratios.join(" | "));
        };
        let embedded = say("in memory", "内存中");
        let depths = [(1, say("one at a time", "逐个")), (64, say("64 on the way", "64 个在途"))];
        let maps = say("the best hash map under locks", "最快的加锁哈希表");
        for (family, words) in [
            (Family::InProcess, say("by the same rules", "规则相同")),
            (Family::Lean, say("by no more than is asked", "仅做题目所需")),
        ] {
            let best = |workload: &str| {
                self.least(Self::embedded, |c| c.workload == workload && c.clients == 2 && c.family == family)
            };
            row(format!("{embedded}: {maps}, {words}"), &best);
        }
        for (family, name) in [(Family::Redis, "Redis + Lua"), (Family::Postgres, "PostgreSQL")] {
            for (depth, words) in depths {
                let least = |workload: &str| {
                    self.least(Self::embedded, |c| {
                        c.workload == workload && c.clients == 2 && c.family == family && c.depth == depth
                    })
                };
                row(format!("{embedded}: {name}, {words}"), &least);
            }
        }
        for (part, name) in
            [("always", "Redis, `appendfsync always`"), ("commit on", "PostgreSQL, `synchronous_commit on`")]
        {
            for (depth, words) in depths {
                let least = |workload: &str| {
                    self.least(Self::alike, |c| {
                        c.workload == workload
                            && c.clients == 2
                            && c.depth == depth
                            && c.system.contains(part)
                    })
                };
                row(format!("`Synced`: {name}, {words}"), &least);
            }
        }
        text
    }

    /// Writes the ratios into a readme, between its two marks.
    ///
    /// # Errors
    /// If it cannot be read or written, or has no marks.
    pub fn into_readme(&self, file: &Path) -> Result<(), String> {
        const MARKS: [&str; 2] = ["<!-- ratios: benches/report writes them -->\n", "<!-- end of ratios -->"];
        let failed = |error: std::io::Error| format!("{}: {error}", file.display());
        let text = std::fs::read_to_string(file).map_err(failed)?;
        let parts =
            text.split_once(MARKS[0]).and_then(|(before, rest)| Some((before, rest.split_once(MARKS[1])?.1)));
        let (before, after) =
            parts.ok_or_else(|| format!("{} has no marks `{}`", file.display(), MARKS[0].trim()))?;
        // By its own name, whatever the folders above are called.
        let is_chinese = file.file_name().is_some_and(|name| name.to_string_lossy().contains(".zh"));
        let written = format!("{before}{}\n{}\n{}{after}", MARKS[0], self.ratios(is_chinese), MARKS[1]);
        std::fs::write(file, written).map_err(failed)
    }

    fn rules_and_growth(&self, text: &mut String) {
        if !self.rules.is_empty() {
            let _ = writeln!(text, "## What each rule costs\n");
            let _ = writeln!(
                text,
                "One patient books and gives back, everything in the nearest cache, one thread; nanoseconds a decision\n\
                 (`cargo bench -p haoyuan-benches --bench what_does_each_rule_cost`).\n"
            );
            let _ = writeln!(text, "| | ns | from–to |\n|---|--:|--:|");
            for rule in &self.rules {
                let _ = writeln!(
                    text,
                    "| {} | {:.1} | {:.1}–{:.1} |",
                    rule.name, rule.ns, rule.least_ns, rule.most_ns
                );
            }
            text.push('\n');
        }
        if !self.growth.is_empty() {
            let _ = writeln!(text, "## Growth\n");
            let _ = writeln!(
                text,
                "Random patients book and give back in random slots; *bare* replaces a word of a slot, of a seat and of a patient in tables\n\
                 as large, nothing decided (`cargo bench -p haoyuan-benches --bench does_it_stay_fast_as_it_grows`). Instructions and misses\n\
                 a decision are counted by valgrind; pages are those that the two levels of a translation look-aside buffer miss.\n"
            );
            let _ = writeln!(
                text,
                "| seats | ns | from–to | bare ns | instructions | L1 | L2 | pages, L1 | pages, L2 |\n|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
            );
            for size in &self.growth {
                let counts = [
                    size.instructions,
                    size.l1_misses,
                    size.l2_misses,
                    size.l1_tlb_misses,
                    size.l2_tlb_misses,
                ];
                let counts =
                    counts.map(|count| count.map_or_else(|| "–".to_owned(), |count| format!("{count:.2}")));
                let _ = writeln!(
                    text,
                    "| {} | {:.1} | {:.1}–{:.1} | {:.1} | {} |",
                    size.seats,
                    size.ns,
                    size.least_ns,
                    size.most_ns,
                    size.bare_ns,
                    counts.join(" | ")
                );
            }
            text.push('\n');
        }
    }

    /// Writes tables, charts and raw data into a folder.
    ///
    /// # Errors
    /// What the disk says.
    pub fn write(&self, folder: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("{}: {error}", folder.display());
        std::fs::create_dir_all(folder).map_err(failed)?;
        std::fs::write(folder.join("report.md"), self.markdown()).map_err(failed)?;
        std::fs::write(folder.join("report.json"), self.json()?).map_err(failed)?;
        self.csv(folder)?;
        for workload in Workload::ALL {
            let of = |cell: &&Cell| {
                cell.workload == workload.name() && cell.clients == 2 && cell.family != Family::Floor
            };
            let name = |cell: &Cell| match cell.depth {
                1 => cell.system.clone(),
                depth => format!("{}, {depth} on the way", cell.system),
            };
            let rates: Vec<_> =
                self.cells.iter().filter(of).map(|cell| (name(cell), cell.median())).collect();
            if rates.is_empty() {
                continue;
            }
            let file = |kind: &str| folder.join(format!("{kind}-{}.svg", workload.name()));
            charts::bars(&file("rates"), workload.title(), "decisions a second of two clients", &rates)?;
            let peers = self.cells.iter().filter(of).filter(|cell| cell.family != Family::Haoyuan);
            let ratios: Vec<_> = peers.filter_map(|cell| Some((name(cell), self.embedded(cell)?))).collect();
            charts::bars(
                &file("ratios"),
                workload.title(),
                "times as fast: haoyuan in memory, two threads, over",
                &ratios,
            )?;
        }
        for (workload, file) in
            Workload::ALL.iter().map(|w| (w, folder.join(format!("threads-{}.svg", w.name()))))
        {
            let mut threads: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
            let local = |cell: &&Cell| {
                matches!(cell.family, Family::InProcess | Family::Lean | Family::Floor)
                    || cell.system == MEMORY
            };
            for cell in self.cells.iter().filter(|cell| cell.workload == workload.name()).filter(local) {
                #[expect(clippy::cast_precision_loss, reason = "a chart")]
                threads.entry(&cell.system).or_default().push((cell.clients as f64, cell.median()));
            }
            if !threads.is_empty() {
                let lines: Vec<_> =
                    threads.into_iter().map(|(name, points)| (name.to_owned(), points)).collect();
                charts::curves(
                    &file,
                    workload.title(),
                    ("threads", "decisions a second, all threads"),
                    &lines,
                )?;
            }
        }
        if !self.rules.is_empty() {
            let rows: Vec<_> = self.rules.iter().map(|rule| (rule.name.clone(), rule.ns)).collect();
            charts::bars(&folder.join("rules.svg"), "What each rule costs", "nanoseconds a decision", &rows)?;
        }
        if !self.growth.is_empty() {
            let of = |value: fn(&Size) -> f64| {
                self.growth.iter().map(|s| (f64::from(s.seats), value(s))).collect()
            };
            let lines = [
                ("a decision".to_owned(), of(|s| s.ns)),
                ("bare touches of as many lines".to_owned(), of(|s| s.bare_ns)),
            ];
            charts::curves(&folder.join("growth.svg"), "Growth", ("seats", "nanoseconds"), &lines)?;
        }
        let mut curves: BTreeMap<String, [Vec<(f64, f64)>; 2]> = BTreeMap::new();
        for point in self.latency.iter().filter(|point| !point.is_saturated()) {
            let name = format!("{}, {} client(s)", point.system, point.clients);
            let [p50, p99] = curves.entry(name).or_default();
            #[expect(clippy::cast_precision_loss, reason = "a chart")]
            for (curve, nanoseconds) in [(p50, point.p50), (p99, point.p99)] {
                curve.push((point.offered, nanoseconds as f64 / 1_000.0));
            }
        }
        if !curves.is_empty() {
            for (place, name) in ["median", "p99"].iter().enumerate() {
                let lines: Vec<_> =
                    curves.iter().map(|(name, both)| (name.clone(), both[place].clone())).collect();
                let file = folder.join(format!("latency-{name}.svg"));
                let title = format!("Latency at fixed rates, {name}");
                charts::curves(
                    &file,
                    &title,
                    ("requests a second", "microseconds from due to decided"),
                    &lines,
                )?;
            }
        }
        Ok(())
    }

    fn csv(&self, folder: &Path) -> Result<(), String> {
        let mut rounds =
            csv::Writer::from_path(folder.join("rounds.csv")).map_err(|error| error.to_string())?;
        let mut row = |fields: &[String]| rounds.write_record(fields).map_err(|error| error.to_string());
        row(&["workload", "system", "clients", "on_the_way", "decisions_per_second"].map(str::to_owned))?;
        for cell in &self.cells {
            for rate in &cell.rates {
                row(&[
                    cell.workload.clone(),
                    cell.system.clone(),
                    cell.clients.to_string(),
                    cell.depth.to_string(),
                    format!("{rate:.0}"),
                ])?;
            }
        }
        rounds.flush().map_err(|error| error.to_string())?;
        let mut latency =
            csv::Writer::from_path(folder.join("latency.csv")).map_err(|error| error.to_string())?;
        for point in &self.latency {
            latency.serialize(point).map_err(|error| error.to_string())?;
        }
        latency.flush().map_err(|error| error.to_string())
    }
}

/// Nanoseconds for people.
fn time(nanoseconds: u64) -> String {
    match nanoseconds {
        ns if ns < 10_000 => format!("{ns} ns"),
        ns if ns < 10_000_000 => format!("{} µs", ns / 1_000),
        ns => format!("{} ms", ns / 1_000_000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What came of two clients who wait for each answer: Redis at a thousand a second, haoyuan so many times as fast.
    fn outcome(workloads: &[(Workload, f64)]) -> Outcome {
        let mut outcome = Outcome { sync_us: 70.0, ..Outcome::default() };
        for (workload, times) in workloads {
            let redis = (Family::Redis, "Redis, appendonly off");
            for (system, rate) in [((Family::Haoyuan, MEMORY), 1_000.0 * times), (redis, 1_000.0)] {
                let mut cell = Cell::new(system, *workload, 2, 1);
                cell.rates = vec![rate; 3];
                outcome.cells.push(cell);
            }
        }
        outcome
    }

    fn point(system: &str) -> Point {
        Point {
            system: system.to_owned(),
            clients: 1,
            offered: 1e6,
            decided: 1e6,
            unserved: 0,
            p50: 100,
            p99: 200,
            p999: 300,
            max: 400,
        }
    }

    fn measured(report: &Report, workload: Workload) -> Option<f64> {
        report.rate(MEMORY, workload.name(), 2, 1)
    }

    #[test]
    fn what_a_run_leaves_out_is_kept_from_the_one_before_and_what_it_has_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let mut whole = outcome(&[(Workload::HotSlot, 2_000.0), (Workload::Rush, 800.0)]);
        whole.points.push(point(MEMORY));
        let mut before = Report::new(whole);
        before.runs.values_mut().for_each(|run| "the machine before".clone_into(run));
        before.write(folder.path()).unwrap();

        let mut after = Report::new(outcome(&[(Workload::Rush, 500.0)]));
        after.keep(folder.path()).unwrap();
        assert_eq!(measured(&after, Workload::HotSlot), Some(2_000_000.0), "kept");
        assert_eq!(measured(&after, Workload::Rush), Some(500_000.0), "measured anew");
        assert_eq!(after.cells.len(), 4, "each figure is there once");
        assert_eq!(after.latency.len(), 1, "the curves were left out and are kept");
        // Each figure says with what it was measured.
        assert_eq!(after.runs[Workload::HotSlot.name()], "the machine before");
        assert_eq!(after.runs[LATENCY], "the machine before");
        assert_eq!(after.runs[Workload::Rush.name()], after.machine);
        let page = after.markdown();
        assert!(page.contains("the machine before") && page.contains(&after.machine), "{page}");
        // The aims are judged by what is shown: 700 times were asked of the rush.
        let rush = |report: &Report| {
            let aim = report.aims.iter().find(|aim| aim.what.contains("Redis one at a time")).unwrap();
            (aim.measured, aim.met)
        };
        assert_eq!((rush(&before), rush(&after)), ((800.0, true), (500.0, false)));
        // And what is written can be kept again.
        after.write(folder.path()).unwrap();
        let mut third = Report::new(outcome(&[(Workload::HotSlot, 1.0)]));
        third.keep(folder.path()).unwrap();
        assert_eq!(measured(&third, Workload::Rush), Some(500_000.0));
        assert_eq!(measured(&third, Workload::HotSlot), Some(1_000.0));
    }

    #[test]
    fn what_the_suites_wrote_is_on_the_page_and_every_chart_and_table_is_in_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("rules.csv"), "rule,ns,least_ns,most_ns\na limit,61.5,60,62\n").unwrap();
        let head =
            "seats,ns,least_ns,most_ns,bare_ns,instructions,l1_misses,l2_misses,l1_tlb_misses,l2_tlb_misses";
        let sizes = "10000,60,59,61,15,870.5,1,2,3,4\n14000000,330,320,340,48,,,,,";
        std::fs::write(at("growth.csv"), format!("{head}\n{sizes}\n")).unwrap();
        std::fs::create_dir(at("sections")).unwrap();
        std::fs::write(at("sections/1-x.txt"), "What it adds\nmake it\n12.5 ns\n").unwrap();
        let mut whole = outcome(&Workload::ALL.map(|workload| (workload, 100.0)));
        whole.points = vec![point(MEMORY), Point { decided: 9e5, ..point(MEMORY) }];
        let mut report = Report::new(whole);
        report.attach(folder.path()).unwrap();
        report.write(folder.path()).unwrap();

        let page = std::fs::read_to_string(at("report.md")).unwrap();
        for said in
            ["a limit | 61.5", "14000000 | 330.0", "870.50", "## What it adds", "`make it`", "12.5 ns"]
        {
            assert!(page.contains(said), "{said}: {page}");
        }
        assert_eq!(page.matches("900 k, saturated").count(), 1, "{page}");
        let of_workloads = Workload::ALL.iter().flat_map(|workload| {
            ["rates", "ratios", "threads"].map(|kind| format!("{kind}-{}.svg", workload.name()))
        });
        let others = ["rules.svg", "growth.svg", "latency-median.svg", "latency-p99.svg"].map(str::to_owned);
        for chart in of_workloads.chain(others) {
            let drawn = std::fs::read_to_string(at(&chart)).expect(&chart);
            assert!(drawn.contains("</svg>"), "{chart}");
        }
        let rows = |name: &str| std::fs::read_to_string(at(name)).unwrap().lines().count();
        assert_eq!((rows("rounds.csv"), rows("latency.csv")), (1 + 4 * 2 * 3, 1 + 2));
    }

    #[test]
    fn nothing_is_kept_of_a_folder_without_a_report() {
        let folder = tempfile::tempdir().unwrap();
        let mut report = Report::new(outcome(&[(Workload::Rush, 500.0)]));
        let error = report.keep(folder.path()).unwrap_err();
        assert!(error.contains("report.json"), "{error}");
        std::fs::write(folder.path().join("report.json"), "{\"cells\":[]}").unwrap();
        let error = report.keep(folder.path()).unwrap_err();
        assert!(error.contains("report.json") && error.contains("missing field"), "{error}");
        assert_eq!(report.cells.len(), 2, "what was measured stands");
    }

    #[test]
    fn a_readme_has_the_ratios_between_its_marks_and_is_otherwise_as_it_was() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("README.md");
        let (begin, end) = ("<!-- ratios: benches/report writes them -->", "<!-- end of ratios -->");
        std::fs::write(&file, format!("before\n{begin}\nold\n{end}\nafter\n")).unwrap();
        let report = Report::new(outcome(&[(Workload::Rush, 500.0)]));
        report.into_readme(&file).unwrap();
        let page = std::fs::read_to_string(&file).unwrap();
        assert!(
            page.starts_with(&format!("before\n{begin}\n")) && page.ends_with(&format!("{end}\nafter\n"))
        );
        assert!(page.contains("500 ×") && !page.contains("old"), "{page}");
        std::fs::write(&file, "no marks").unwrap();
        report.into_readme(&file).expect_err("it has no place for them");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "no marks");
    }
}

//! `haoyuan soak`: full load from all threads with the journal, for as long as one likes.
//!
//! INVARIANT (flat and sound): memory after the first third of the time is memory at the end, within [`SLACK`] and a
//! twentieth; a thread that decides nothing recounts every seat meanwhile; and what was decided is read back from the
//! journal at the end, to the same state hash.

use crate::args;
use crate::failure::{Failure, print};
use crate::journal::{failure, open};
use crate::lang::{Lang, say};
use crate::text::grouped;
use haoyuan::{Durability, Limits, Options, Refusals, Registry};
use haoyuan_core::ids::{BookingId, PatientKey, SlotRef};
use haoyuan_core::instant::{DAY, Instant};
use haoyuan_core::request::{Settle, Wish};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_model::generate::{FIRST_DAY, World};
use haoyuan_model::model::slots;
use haoyuan_model::random::Random;
use indicatif::ProgressBar;
use serde_json::json;
use std::io::IsTerminal;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant as Clock};

/// Seconds, if nobody says otherwise.
const SECONDS: u64 = 60;
/// Patients: few, so that they come again.
const PATIENTS: u64 = 4_096;
/// What memory may grow by, beside a twentieth: the queue and the buffers of the journal, which reach their size when the disk
/// or a thread is slow for the first time. How much is held back at once is bounded by the journal, and told.
const SLACK: u64 = 64 << 20;
/// Bookings that a thread keeps in mind.
const MIND: usize = 64;
/// Between two snapshots, after which the segments before are removed from a passing folder.
const ROUND: Duration = Duration::from_secs(10);
const ROOM: Limits =
    Limits { blocks: 4_096, seats: 131_072, sessions: 512, shapes: 4_096, patients: 8_192, entries: 65_536 };

#[derive(Default)]
struct Counted {
    decisions: AtomicU64,
    granted: AtomicU64,
    audits: AtomicU64,
    broken: AtomicU64,
}

/// Soaks, and tells.
pub(crate) fn run(options: &args::Soak, lang: Lang) -> Result<(), Failure> {
    let seconds = options.seconds.unwrap_or(SECONDS);
    let passing = std::env::temp_dir().join(format!("haoyuan-soak-{}", std::process::id()));
    let folder = options.journal.clone().unwrap_or_else(|| passing.clone());
    let told = soak(&folder, options.journal.is_none(), seconds, lang);
    if options.journal.is_none() {
        // Whatever is left there is the system's to clear.
        let _ = std::fs::remove_dir_all(&passing);
    }
    let told = told?;
    print(&if options.json { told.json() } else { told.text(lang) })?;
    if told.is_good() { Ok(()) } else { Err(Failure::Violated(say!(lang, "soak.violated"))) }
}

struct Told {
    seconds: u64,
    threads: usize,
    decisions: u64,
    granted: u64,
    audits: u64,
    broken: u64,
    records: u64,
    /// The most records that ever waited for another.
    held_back: u64,
    /// Resident memory at the start, after a third, in the middle and at the end, in bytes; `None` where the system does not
    /// say it.
    memory: [Option<u64>; 4],
    same_state: bool,
}

impl Told {
    fn grew(&self) -> Option<u64> {
        Some(self.memory[3]?.saturating_sub(self.memory[1]?))
    }

    fn is_flat(&self) -> bool {
        match (self.grew(), self.memory[1]) {
            (Some(grew), Some(before)) => grew <= before / 20 + SLACK,
            _ => true,
        }
    }

    fn is_good(&self) -> bool {
        self.broken == 0 && self.same_state && self.is_flat()
    }

    fn json(&self) -> String {
        let [start, third, middle, end] = self.memory;
        let value = json!({
            "seconds": self.seconds, "threads": self.threads, "decisions": self.decisions, "granted": self.granted,
            "decisions_per_second": self.decisions / self.seconds.max(1), "records": self.records,
            "audits": self.audits, "violations": self.broken, "same_state_after_recovery": self.same_state,
            "memory_bytes": { "start": start, "third": third, "middle": middle, "end": end },
            "grew_bytes_per_hour": self.grew().map(|grew| grew * 3_600 / (self.seconds * 2 / 3).max(1)),
            "memory_is_flat": self.grew().map(|_| self.is_flat()), "held_back_most": self.held_back,
        });
        format!("{value}\n")
    }

    fn text(&self, lang: Lang) -> String {
        let mib = |bytes: Option<u64>| bytes.map_or_else(|| "?".to_owned(), |b| grouped(b >> 20));
        say!(
            lang,
            "soak.summary",
            seconds = self.seconds,
            threads = self.threads,
            decisions = grouped(self.decisions),
            rate = grouped(self.decisions / self.seconds.max(1)),
            granted = grouped(self.granted),
            records = grouped(self.records),
            audits = grouped(self.audits),
            broken = self.broken,
            start = mib(self.memory[0]),
            third = mib(self.memory[1]),
            middle = mib(self.memory[2]),
            end = mib(self.memory[3]),
            same = self.same_state
        ) + "\n"
    }
}

fn soak(folder: &Path, is_passing: bool, seconds: u64, lang: Lang) -> Result<Told, Failure> {
    let settings = || Options {
        durability: Durability::Async { window: Duration::from_millis(50), records: 1 << 16 },
        refusals: Refusals::PerMinute,
        limits: Some(ROOM),
        ..Options::default()
    };
    let wrong = |error: &haoyuan::Error| failure(folder, error, lang);
    let mut registry = open(folder, settings(), lang)?;
    if registry.engine().session_count() > 0 {
        return Err(Failure::input(say!(lang, "day.not_empty", folder = folder.display())));
    }
    let opened = FIRST_DAY.midnight().plus(-5 * DAY);
    let places = publish(&registry, opened).map_err(|error| wrong(&error))?;
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let counted = Counted::default();
    let (began, whole) = (Clock::now(), Duration::from_secs(seconds));
    let bar = std::io::stderr().is_terminal().then(|| ProgressBar::new(seconds));
    let mut memory = [resident(), None, None, None];
    let (mut records, mut held_back) = (0, 0);
    let mut round = 0u64;
    while began.elapsed() < whole {
        let until = (began.elapsed() + ROUND.min(whole / 6)).min(whole);
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for thread in 0..threads {
                let (registry, places, counted, stop) = (&registry, &places, &counted, &stop);
                let seed = round << 16 | thread as u64;
                scope.spawn(move || {
                    load(registry, places, Random::new(seed, 1), (opened, began), counted, stop);
                });
            }
            let (registry, counted, stop) = (&registry, &counted, &stop);
            scope.spawn(move || audit(registry, counted, stop));
            while began.elapsed() < until {
                std::thread::sleep(Duration::from_millis(50));
                if let Some(bar) = &bar {
                    bar.set_position(began.elapsed().as_secs());
                }
            }
            // Relaxed: whoever sees it late does a little more.
            stop.store(true, Ordering::Relaxed);
        });
        // The counts of the recorder and the holds that are due are settled, so that what stays is what is needed.
        let _ = registry.tick(now(opened, began)).map_err(|error| wrong(&error))?;
        registry.snapshot().map_err(|error| wrong(&error))?;
        if is_passing {
            remove_segments(folder);
        }
        for (place, part) in [(1, 3), (2, 2), (3, 1)] {
            if memory[place].is_none() && began.elapsed() * part >= whole {
                memory[place] = resident();
            }
        }
        (records, held_back) = registry.journal().map_or((0, 0), |journal| {
            let stats = journal.stats();
            (stats.records, stats.held_back_max)
        });
        round += 1;
    }
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let live = registry.state_hash();
    registry.close().map_err(|error| wrong(&error))?;
    let again = open(folder, settings(), lang)?;
    let same_state = again.state_hash() == live;
    again.close().map_err(|error| wrong(&error))?;
    // Relaxed: the threads have ended.
    let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
    Ok(Told {
        seconds,
        threads,
        decisions: count(&counted.decisions),
        granted: count(&counted.granted),
        audits: count(&counted.audits),
        broken: count(&counted.broken),
        records,
        held_back,
        memory,
        same_state,
    })
}

/// Sessions of generated worlds: trees, rules and sizes of all kinds.
fn publish(registry: &Registry, at: Instant) -> Result<Vec<SlotRef>, haoyuan::Error> {
    let mut places = Vec::new();
    for number in 0..96 {
        let World { plans } = World::drawn(3, &mut Random::new(number, 0));
        for mut plan in plans {
            plan.session.code = format!("{number}-{}", plan.session.code);
            let session = registry.publish(&plan, at)?.answer;
            places.extend(slots(&plan).map(|slot| SlotRef { session, slot }));
        }
    }
    Ok(places)
}

/// Ten simulated seconds a second, so that holds run out; after a day of it the days begin anew, and callers' clocks differ.
fn now(opened: Instant, began: Clock) -> Instant {
    let ms = i64::try_from(began.elapsed().as_millis()).unwrap_or(0);
    opened.plus(ms.saturating_mul(10) % (4 * DAY))
}

fn load(
    registry: &Registry,
    places: &[SlotRef],
    mut random: Random,
    (opened, began): (Instant, Clock),
    counted: &Counted,
    stop: &AtomicBool,
) {
    let mut mine: Vec<(PatientKey, BookingId)> = Vec::with_capacity(MIND);
    let (mut decisions, mut granted) = (0, 0);
    // Relaxed: a sign to stop.
    while !stop.load(Ordering::Relaxed) {
        let at = now(opened, began);
        for _ in 0..64 {
            decisions += 1;
            let number = u128::from(random.below(PATIENTS) + 1);
            let Some(patient) =
                PatientKey::new(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
            else {
                continue;
            };
            if mine.len() == MIND || random.once_in(3) && !mine.is_empty() {
                let place = usize::try_from(random.below(mine.len() as u64)).unwrap_or(0);
                let confirms = random.once_in(3) && mine.len() < MIND;
                let (patient, booking) = if confirms { mine[place] } else { mine.swap_remove(place) };
                let settle = Settle { patient, booking, key: None };
                let decided =
                    if confirms { registry.confirm(&settle, at) } else { registry.cancel(&settle, at) };
                if decided.is_err() {
                    return;
                }
                continue;
            }
            let wish = Wish {
                patient,
                slot: *random.of(places),
                class: if random.once_in(3) { *random.of(Class::ALL) } else { Class::Public },
                channel: *random.of(Channel::ALL),
                ticket: None,
                key: None,
            };
            let decided = if random.once_in(2) { registry.hold(&wish, at) } else { registry.book(&wish, at) };
            let Ok(decided) = decided else { return };
            if let Ok(grant) = decided.answer {
                granted += 1;
                mine.push((patient, grant.booking));
            }
        }
    }
    // What is not in anybody's mind any more is given back, so that the next round finds seats.
    let at = now(opened, began);
    for (patient, booking) in mine {
        let _ = registry.cancel(&Settle { patient, booking, key: None }, at);
    }
    // Relaxed: read when the threads have ended.
    counted.decisions.fetch_add(decisions, Ordering::Relaxed);
    counted.granted.fetch_add(granted, Ordering::Relaxed);
}

/// Recounts while others decide.
fn audit(registry: &Registry, counted: &Counted, stop: &AtomicBool) {
    // Relaxed: a sign to stop, and counts that are read when the threads have ended.
    while !stop.load(Ordering::Relaxed) {
        let broken = registry.engine().audit().map_or_else(|broken| broken.len() as u64, |_| 0);
        counted.audits.fetch_add(1, Ordering::Relaxed);
        counted.broken.fetch_add(broken, Ordering::Relaxed);
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Takes away all segments but the last, of which a snapshot has the rest.
fn remove_segments(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    let all: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    for ending in ["hyj", "hys"] {
        let mut files: Vec<&PathBuf> =
            all.iter().filter(|path| path.extension().is_some_and(|end| end == ending)).collect();
        files.sort();
        // One more segment than is in use: the next may be prepared already.
        let kept = if ending == "hyj" { 3 } else { 1 };
        for old in files.iter().rev().skip(kept) {
            let _ = std::fs::remove_file(old);
        }
    }
}

/// Resident memory in bytes, where the system says it.
fn resident() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

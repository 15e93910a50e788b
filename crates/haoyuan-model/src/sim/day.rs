//! The lane of the day: a hospital in its command language, on a disk, beside what a person with paper and pencil would keep.
//!
//! INVARIANT (nothing acknowledged is lost): every command waits for its acknowledgement, so a power failure between two of
//! them costs nothing, and the state hash before is the state hash after.
//!
//! Held against the books: the waitlist of a slot (I16, I19), the extra seats of a practitioner's day, a stopped session
//! (I14, I20), the line of a session (I22); hostile lines change nothing.

use super::canary::Bug;
use super::{Keep, Random, Tape};
use crate::check::Finding;
use haoyuan::journal::Disk;
use haoyuan::journal::sim::{SimDisk, Survival};
use haoyuan::{Durability, Options, Registry};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const EARLY: &str = "2026-02-01T09:00:00+08:00";
/// Seats of the slot that people wait for.
const SEATS: usize = 3;
/// Minutes of a hold and of an offer.
const HOLD: i64 = 15;
const OFFER: i64 = 30;
/// Entries of a list.
const MOST: usize = 5;
/// Extra seats of a practitioner's day.
const EXTRA: usize = 5;
/// Those who want the slot that people wait for.
const PATIENTS: u32 = 8;
const CLASSES: [&str; 3] = ["contract", "revisit", "public"];

/// The steps of a run: waiting, then extra seats and a stopped clinic, then the line.
pub(super) const LENGTH: usize = 120;
const WAITING: usize = 72;
const STOPPING: usize = 88;

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Seat {
    pub(super) patient: u32,
    /// The end of a hold; a booking has none.
    pub(super) expires: Option<i64>,
}

#[derive(Clone, Debug)]
pub(super) struct Waiting {
    pub(super) id: u64,
    pub(super) patient: u32,
    pub(super) rank: u8,
    pub(super) joined: i64,
    pub(super) offered: bool,
    pub(super) passes: u8,
    /// The entry sits out while so many seats are live.
    pub(super) sits_out: Option<usize>,
}

/// One slot and its list, as a person with paper and pencil would keep them.
#[derive(Debug, Default)]
pub(super) struct Waitlist {
    pub(super) now: i64,
    pub(super) seats: Vec<Seat>,
    pub(super) list: Vec<Waiting>,
    pub(super) last: u64,
}

impl Waitlist {
    pub(super) fn is_live(&self, seat: &Seat) -> bool {
        seat.expires.is_none_or(|expires| self.now < expires)
    }

    pub(super) fn live(&self) -> usize {
        self.seats.iter().filter(|seat| self.is_live(seat)).count()
    }

    pub(super) fn has(&self, patient: u32) -> bool {
        self.seats.iter().any(|seat| seat.patient == patient && self.is_live(seat))
    }

    /// Dead holds are nobody's.
    pub(super) fn sweep(&mut self) {
        let now = self.now;
        self.seats.retain(|seat| seat.expires.is_none_or(|expires| now < expires));
    }

    /// Offers whose time is over or that were taken.
    pub(super) fn settle(&mut self) {
        let mut dropped = Vec::new();
        for place in 0..self.list.len() {
            if !self.list[place].offered {
                continue;
            }
            let patient = self.list[place].patient;
            let seat = self.seats.iter().find(|seat| seat.patient == patient && self.is_live(seat)).copied();
            match seat {
                Some(Seat { expires: None, .. }) => dropped.push(self.list[place].id),
                Some(_) => {}
                None => dropped.extend(self.pass(place)),
            }
        }
        self.list.retain(|entry| !dropped.contains(&entry.id));
    }

    /// An offer was not taken; the entry's number if it is dropped for it.
    pub(super) fn pass(&mut self, place: usize) -> Option<u64> {
        let live = self.live();
        let entry = &mut self.list[place];
        (entry.offered, entry.sits_out) = (false, Some(live));
        entry.passes += 1;
        (entry.passes >= 2).then_some(entry.id)
    }

    pub(super) fn take(&mut self, patient: u32, expires: Option<i64>) {
        // A seat whose hold is dead is taken over.
        self.sweep();
        self.seats.push(Seat { patient, expires });
        self.list.iter_mut().for_each(|entry| entry.sits_out = None);
    }

    /// Offers what is free, first to the first who can have it.
    pub(super) fn serve(&mut self) {
        self.settle();
        loop {
            let live = self.live();
            let mut turns: Vec<(u8, i64, u64, usize)> = (self.list.iter().enumerate())
                .filter(|(_, entry)| !entry.offered && entry.sits_out != Some(live))
                .map(|(place, entry)| (entry.rank, entry.joined, entry.id, place))
                .collect();
            turns.sort_unstable();
            for (_, _, _, place) in turns {
                let patient = self.list[place].patient;
                if self.live() < SEATS && !self.has(patient) {
                    self.take(patient, Some(self.now + OFFER));
                    self.list[place].offered = true;
                }
            }
            if self.live() == live {
                return;
            }
        }
    }

    pub(super) fn claim(&mut self, patient: u32, book: bool) -> bool {
        let waited = !self.list.is_empty() && self.live() < SEATS;
        if waited {
            self.serve();
        }
        let granted = self.live() < SEATS && !self.has(patient);
        if granted {
            self.take(patient, (!book).then_some(self.now + HOLD));
            if waited {
                self.serve();
            }
        }
        granted
    }

    pub(super) fn follow(&mut self) {
        if !self.list.is_empty() {
            self.serve();
        }
    }
}

/// Whoever waits in the line.
#[derive(Clone, Copy, Debug)]
struct InLine {
    visit: u64,
    /// The number of a booked patient; who walked in has none.
    number: Option<u64>,
}

/// The line of one slot's patients, all of them on time.
#[derive(Debug, Default)]
struct Line {
    here: Vec<InLine>,
    booked_since_walk_in: u32,
}

impl Line {
    /// Two booked to one who walked in.
    fn next(&mut self) -> Option<u64> {
        let booked = self.here.iter().copied().filter(|p| p.number.is_some()).min_by_key(|p| p.number);
        let walk_in = self.here.iter().copied().find(|p| p.number.is_none());
        let next = match (booked, walk_in) {
            (Some(booked), None) => booked,
            (Some(booked), Some(_)) if self.booked_since_walk_in < 2 => booked,
            (_, walk_in) => walk_in?,
        };
        self.booked_since_walk_in = if next.number.is_some() { self.booked_since_walk_in + 1 } else { 0 };
        self.here.retain(|p| p.visit != next.visit);
        Some(next.visit)
    }
}

struct Run<'a> {
    registry: Registry,
    disk: SimDisk,
    bug: Option<Bug>,
    tape: &'a mut Tape,
    list: Waitlist,
    line: Line,
    /// Booked for the line and not there yet: patient, booking, number.
    expected: Vec<(u32, String, u64)>,
    /// Live bookings of the session that is stopped, and the extra seats of it.
    clinic: usize,
    extra: usize,
    stop: Option<u64>,
}

fn options() -> Options {
    let durability = Durability::Synced { max_delay: Duration::from_millis(1) };
    let mut options = Options { durability, ..Options::default() };
    options.journal.threads = false;
    options.journal.preallocate = 4 << 10;
    options
}

fn open(disk: &SimDisk) -> Result<Registry, String> {
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    Registry::open_on(shared, options()).map_err(|error| format!("the folder is not opened: {error}"))
}

/// Minutes after midnight of a day on which everything is open to everybody.
fn at(minute: i64) -> String {
    let (day, hour, of_hour) = (4 + minute / 1_440, minute / 60 % 24, minute % 60);
    format!("2026-03-{day:02}T{hour:02}:{of_hour:02}:00+08:00")
}

/// On the day of the sessions.
fn on(hour: u64, minute: u64) -> String {
    format!("2026-03-10T{hour:02}:{minute:02}:00+08:00")
}

fn key(patient: u32) -> String {
    format!("{patient:032x}")
}

fn staff() -> Value {
    json!({"role": "operator", "id": "00000000000000aa", "reason": 7})
}

pub(super) fn run(seed: u64, bug: Option<Bug>, keep: Keep<'_>, tape: &mut Tape) -> Finding {
    let disk = SimDisk::new(seed);
    let registry = open(&disk)?;
    let (list, line) = (Waitlist::default(), Line::default());
    let mut run =
        Run { registry, disk, bug, tape, list, line, expected: Vec::new(), clinic: 0, extra: 0, stop: None };
    run.house()?;
    for step in (0..LENGTH).filter(|step| keep.has(*step)) {
        // Of its own for each step, so that it is the same when others are left out.
        let mut random = Random::new(seed, 100 + step as u64);
        let done = if step < WAITING {
            run.wait(&mut random)
        } else if step < STOPPING {
            run.clinic(step, &mut random)
        } else {
            run.line(step, &mut random)
        };
        done.and_then(|()| run.disturb(&mut random)).map_err(|found| format!("step {step}: {found}"))?;
    }
    let audit = run.tell(&json!({"command": "audit", "at": on(9, 0)}));
    expect(audit["sound"] == true, || audit.to_string())
}

fn expect(holds: bool, what: impl FnOnce() -> String) -> Finding {
    if holds { Ok(()) } else { Err(what()) }
}

impl Run<'_> {
    fn tell(&mut self, command: &Value) -> Value {
        let line = command.to_string();
        self.tape.totals.operations += 1;
        let mut answer: Value = serde_json::from_str(&self.registry.execute(&line)).unwrap_or_default();
        if self.tape.story.is_some() {
            self.tape.script.push(line);
        }
        self.spoil(command, &mut answer);
        answer
    }

    /// What a planted bug makes of an answer.
    fn spoil(&self, command: &Value, answer: &mut Value) {
        match (self.bug, command["command"].as_str()) {
            (Some(Bug::QueueJumped), Some("call_next")) => {
                let called = answer["visit"].as_u64();
                let other = self.line.here.iter().map(|p| p.visit).rfind(|v| Some(*v) != called);
                if let (Some(_), Some(other)) = (called, other) {
                    answer["visit"] = json!(other);
                }
            }
            (Some(Bug::DisplacedForgotten), Some("stop")) => {
                if let Some(displaced @ 1..) = answer["displaced"].as_u64() {
                    answer["displaced"] = json!(displaced - 1);
                }
            }
            (Some(Bug::ExtraSeatOverLimit), Some("extra_seat")) if answer["outcome"] == "refused" => {
                *answer = json!({"outcome": "granted", "standing": "booked"});
            }
            (Some(Bug::OfferOvertaken), Some("waitlist")) => {
                if let Some([first, second, ..]) = answer["entries"].as_array_mut().map(Vec::as_mut_slice) {
                    if second["offer"].is_null() && !first["offer"].is_null() {
                        second["offer"] = first["offer"].take();
                    }
                }
            }
            _ => {}
        }
    }

    fn done(&mut self, command: &Value) -> Result<Value, String> {
        let answer = self.tell(command);
        let good = answer["outcome"] == "done" || answer["outcome"] == "granted";
        expect(good, || format!("{command}: {answer}")).map(|()| answer)
    }

    /// A hospital of three sessions on one morning.
    // These books keep no returned seat back: the policy does not either.
    fn house(&mut self) -> Finding {
        self.done(&json!({"command": "open", "at": EARLY, "for_seats": 500}))?;
        self.done(&json!({"command": "directory", "at": EARLY, "entries": {
            "institution": [{"code": "P1", "name": "甲", "tier": "primary"}],
            "department": [{"institution": "P1", "code": "GEN", "name": "全科"}],
            "practitioner": [{"code": "D1", "name": "丙", "sites": ["P1"]}, {"code": "D2", "name": "丁", "sites": ["P1"]},
                             {"code": "D3", "name": "戊", "sites": ["P1"]}]}}))?;
        self.done(&json!({"command": "policy", "at": EARLY, "toml": format!(
            "name = \"own\"\nextends = \"default\"\n[tickets]\nfree = [\"contract\", \"revisit\"]\n\
             [waitlist]\noffer = \"{OFFER}min\"\nper_session = {MOST}\n\
             [anti_scalping]\nreappears_after = {{ least = \"0min\", most = \"0min\" }}\nwindow_returns_online = true\n[pools.FAMILY_DOCTOR]\n[pools.RETURN]\n")}))?;
        for (code, practitioner, minutes, seats) in
            [("W", "D1", 60, SEATS), ("E", "D2", 10, 2), ("Q", "D3", 60, 16)]
        {
            self.done(&json!({"command": "publish", "at": EARLY, "session": {"code": code, "institution": "P1",
                "department": "GEN", "practitioner": practitioner, "grade": "ordinary",
                "from": "2026-03-10T08:00:00+08:00", "to": "2026-03-10T09:00:00+08:00", "slot_minutes": minutes,
                "seats": seats}}))?;
        }
        Ok(())
    }

    /// Now and then a line that is none, or the end of the process or of the power.
    fn disturb(&mut self, random: &mut Random) -> Finding {
        if random.once_in(6) {
            self.hostile(random)?;
        }
        if !random.once_in(12) {
            return Ok(());
        }
        self.tape.totals.crashes += 1;
        self.tape.totals.crash_states += 1;
        let before = self.registry.state_hash();
        let survival = match random.below(3) {
            0 => Survival::Nothing,
            1 => Survival::Everything,
            _ => Survival::Some(random.any()),
        };
        let left = self.disk.crash(survival);
        self.tape.tell(|| format!("the power fails, and of what was not synced there is left: {survival:?}"));
        self.registry = open(&left)?;
        self.disk = left;
        let after = self.registry.state_hash();
        expect(before == after, || "I24: another state after the restart".to_owned())
    }

    fn hostile(&mut self, random: &mut Random) -> Finding {
        let good =
            json!({"command": "book", "at": at(self.list.now), "patient": key(1), "session": "W", "slot": 0,
            "class": "public", "channel": "app"})
            .to_string();
        let cut = usize::try_from(random.below(good.len() as u64)).unwrap_or(0);
        // Not closed, whatever stands at the end: never a command.
        let mut line = good[..cut].to_owned();
        for _ in 0..random.below(6) {
            line.push(*random.of(&['[', '{', '"', '\\', '\0', '9', 'e', '号', ':', ',', '\u{202e}', '-']));
        }
        self.tape.totals.disturbed += 1;
        let before = self.registry.state_hash();
        let answer = self.registry.execute(&line);
        let same = before == self.registry.state_hash();
        expect(same && answer.contains(r#""outcome":"error""#), || format!("{line:?} is answered {answer}"))
    }

    // ---- those who wait

    /// The bookings of everybody who wants the slot: patient, end of the hold, number.
    fn bookings(&mut self) -> Result<BTreeMap<u32, (Option<String>, String)>, String> {
        let mut all = BTreeMap::new();
        for patient in 1..PATIENTS {
            let at = at(self.list.now);
            let answer = self.tell(&json!({"command": "bookings", "at": at, "patient": key(patient)}));
            let live = answer["bookings"].as_array().cloned().unwrap_or_default();
            expect(live.len() <= 1, || format!("I19: {answer}"))?;
            if let Some(one) = live.first() {
                let text = |value: &Value| value.as_str().map(str::to_owned);
                all.insert(patient, (text(&one["expires"]), text(&one["booking"]).unwrap_or_default()));
            }
        }
        Ok(all)
    }

    fn entries(&mut self) -> Vec<Value> {
        let at = at(self.list.now);
        let answer = self.tell(&json!({"command": "waitlist", "at": at, "session": "W"}));
        answer["entries"].as_array().cloned().unwrap_or_default()
    }

    fn wait(&mut self, random: &mut Random) -> Finding {
        let now = at(self.list.now);
        let patient = 1 + u32::try_from(random.below(u64::from(PATIENTS) - 1)).unwrap_or(0);
        match random.below(24) {
            0..2 => self.list.now += 1 + i64::try_from(random.below(24)).unwrap_or(0),
            2..6 => {
                let book = random.once_in(2);
                let word = if book { "book" } else { "hold" };
                let answer = self
                    .tell(&json!({"command": word, "at": now, "patient": key(patient), "session": "W",
                    "slot": 0, "class": "public", "channel": "app"}));
                let granted = self.list.claim(patient, book);
                expect((answer["outcome"] == "granted") == granted, || {
                    format!("I16: {patient} is told {answer}")
                })?;
            }
            6..11 => {
                let confirms = random.below(5) < 2;
                let Some((_, booking)) = self.bookings()?.get(&patient).cloned() else { return Ok(()) };
                let word = if confirms { "confirm" } else { "cancel" };
                let settle = json!({"command": word, "at": now, "patient": key(patient), "booking": booking});
                self.done(&settle)?;
                if confirms {
                    let seat = self.list.seats.iter_mut().rfind(|seat| seat.patient == patient);
                    if seat.is_some_and(|seat| seat.expires.take().is_some()) {
                        self.list.follow();
                    }
                } else {
                    self.list.seats.retain(|seat| seat.patient != patient);
                    self.list.follow();
                }
            }
            11..19 => self.join(patient, random)?,
            19..23 => self.leave(patient, random.once_in(3))?,
            _ => {
                self.tell(&json!({"command": "tick", "at": now}));
                self.list.sweep();
                self.list.follow();
            }
        }
        self.compare()
    }

    fn join(&mut self, patient: u32, random: &mut Random) -> Finding {
        let class = usize::try_from(random.below(3)).unwrap_or(0);
        let answer = self
            .tell(&json!({"command": "waitlist_join", "at": at(self.list.now), "patient": key(patient),
            "class": CLASSES[class], "channel": "app", "wanted": [{"session": "W"}]}));
        self.list.settle();
        let refused = if self.list.list.iter().any(|entry| entry.patient == patient) {
            Some("ALREADY_WAITING")
        } else if self.list.list.len() >= MOST {
            Some("WAITLIST_FULL")
        } else if self.list.list.is_empty() && self.list.live() < SEATS {
            Some("NOT_FULL")
        } else {
            None
        };
        expect(answer["code"].as_str() == refused, || format!("{patient} joins: {answer}, not {refused:?}"))?;
        if refused.is_none() {
            self.list.last += 1;
            let (id, joined, rank) = (self.list.last, self.list.now, [0, 1, 3][class]);
            let entry = Waiting { id, patient, rank, joined, offered: false, passes: 0, sits_out: None };
            self.list.list.push(entry);
            self.list.serve();
        }
        Ok(())
    }

    fn leave(&mut self, patient: u32, leaves: bool) -> Finding {
        let found = self.entries().into_iter().find(|entry| entry["patient"] == key(patient));
        let Some(entry) = found.and_then(|entry| entry["entry"].as_u64()) else { return Ok(()) };
        let word = if leaves { "waitlist_leave" } else { "waitlist_decline" };
        let command =
            json!({"command": word, "at": at(self.list.now), "patient": key(patient), "entry": entry});
        let answer = self.tell(&command);
        let Some(place) = self.list.list.iter().position(|entry| entry.patient == patient) else {
            return Err(format!("I16: {patient} is on the list and should not be: {answer}"));
        };
        let offered = self.list.list[place].offered;
        let is_seat = |seat: &&Seat| seat.patient == patient && self.list.is_live(seat);
        let seat = self.list.seats.iter().find(is_seat).copied();
        let held = seat.is_some_and(|seat| seat.expires.is_some());
        if offered && held {
            self.list.seats.retain(|seat| seat.patient != patient);
        }
        if leaves {
            self.list.list.remove(place);
            self.list.follow();
        } else if offered {
            // A booking is no offer any more; whose offer is over has let it pass.
            let id = self.list.list[place].id;
            let closed = if seat.is_some() && !held { Some(id) } else { self.list.pass(place) };
            self.list.list.retain(|entry| Some(entry.id) != closed);
            self.list.follow();
        }
        let had_none = !(leaves || offered && held);
        expect((answer["code"] == "NO_OFFER") == had_none, || format!("{command}: {answer}"))
    }

    /// Everybody has what the books say, and nothing else.
    fn compare(&mut self) -> Finding {
        self.tape.totals.looks += 1;
        let seats = self.list.seats.iter().filter(|seat| self.list.is_live(seat));
        let expected: BTreeMap<u32, Option<String>> =
            seats.map(|seat| (seat.patient, seat.expires.map(at))).collect();
        let told: BTreeMap<u32, Option<String>> =
            self.bookings()?.into_iter().map(|(patient, (expires, _))| (patient, expires)).collect();
        expect(told == expected, || format!("the day has {told:?}, the books {expected:?}"))?;
        let mut list: Vec<&Waiting> = self.list.list.iter().collect();
        list.sort_by_key(|entry| (entry.rank, entry.joined, entry.id));
        let expected: Vec<_> =
            list.iter().map(|entry| (Some(entry.id), entry.offered, Some(u64::from(entry.passes)))).collect();
        let told: Vec<_> = self
            .entries()
            .iter()
            .map(|e| (e["entry"].as_u64(), !e["offer"].is_null(), e["passes"].as_u64()))
            .collect();
        expect(told == expected, || format!("I16: the list is {told:?}, in the books {expected:?}"))
    }

    // ---- a clinic that is stopped

    fn clinic(&mut self, step: usize, random: &mut Random) -> Finding {
        let patient = 200 + u32::try_from(step).unwrap_or(0);
        let minute = step as u64 - WAITING as u64;
        let now = on(6, minute);
        match random.below(8) {
            0..4 => {
                let answer = self.tell(
                    &json!({"command": "extra_seat", "at": now, "patient": key(patient), "session": "E",
                    "class": "public", "channel": "window", "actor": staff()}),
                );
                let granted = answer["standing"] == "booked";
                let expected = self.stop.is_none() && self.extra < EXTRA;
                expect(granted == expected, || format!("{} extra seats: {answer}", self.extra))?;
                self.extra += usize::from(granted);
                self.clinic += usize::from(granted);
            }
            4..6 => {
                let answer = self
                    .tell(&json!({"command": "book", "at": now, "patient": key(patient), "session": "E",
                    "slot": 0, "class": "public", "channel": "window"}));
                let granted = answer["outcome"] == "granted";
                expect(!granted || self.stop.is_none(), || {
                    format!("I14: a stopped session is sold: {answer}")
                })?;
                self.clinic += usize::from(granted);
            }
            6 => {
                let stopped = self.done(
                    &json!({"command": "stop", "at": now, "scope": {"session": "E"}, "actor": staff()}),
                )?;
                let displaced = stopped["displaced"].as_u64();
                if self.stop.is_none() {
                    let expected = Some(self.clinic as u64);
                    expect(displaced == expected, || format!("I20: {stopped}, in the books {expected:?}"))?;
                    self.clinic = 0;
                }
                self.stop = stopped["stop"].as_u64();
            }
            _ => {}
        }
        Ok(())
    }

    // ---- the line

    fn line(&mut self, step: usize, random: &mut Random) -> Finding {
        let patient = 300 + u32::try_from(step).unwrap_or(0);
        let minute = 30 + step as u64 - STOPPING as u64;
        let now = on(7, minute.min(59));
        match random.below(9) {
            0..3 => {
                let granted = self
                    .tell(&json!({"command": "book", "at": now, "patient": key(patient), "session": "Q",
                    "slot": 0, "class": "public", "channel": "window"}));
                if let (Some(booking), Some(number)) =
                    (granted["booking"].as_str(), granted["number"].as_u64())
                {
                    self.expected.push((patient, booking.to_owned(), number));
                }
            }
            3..5 => {
                let Some((patient, booking, number)) = self.expected.pop() else { return Ok(()) };
                let here = self.done(
                    &json!({"command": "check_in", "at": now, "patient": key(patient), "booking": booking}),
                )?;
                let visit = here["visit"].as_u64().unwrap_or_default();
                self.line.here.push(InLine { visit, number: Some(number) });
            }
            5 => {
                let here = self.done(
                    &json!({"command": "check_in", "at": now, "patient": key(patient), "session": "Q"}),
                )?;
                let visit = here["visit"].as_u64().unwrap_or_default();
                self.line.here.push(InLine { visit, number: None });
            }
            _ => {
                let called =
                    self.tell(&json!({"command": "call_next", "at": now, "session": "Q", "room": 1}));
                let next = self.line.next();
                let told = called["visit"].as_u64();
                expect(told == next, || format!("I22: {called}, and next is {next:?}"))?;
                if let Some(visit) = next {
                    self.done(&json!({"command": "enter", "at": now, "visit": visit}))?;
                    self.done(&json!({"command": "finish", "at": now, "visit": visit}))?;
                }
            }
        }
        Ok(())
    }
}

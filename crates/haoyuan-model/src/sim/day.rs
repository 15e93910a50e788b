//! The lane of the day: a hospital in its command language, on a disk, beside what a person with paper and pencil would keep.
//!
//! INVARIANT (nothing acknowledged is lost): every command waits for its acknowledgement, so a power failure between two of
//! them costs nothing, and the state hash before is the state hash after.
//!
//! Held against the [`books`]: the waitlist of a slot (I16, I19), the extra seats of a practitioner's day, a stopped session
//! (I14, I20), the line of a session with whoever is late or passed (I22), clinics that are stopped, moved and substituted
//! ([`moving`]), no-shows, corrections and merged identities ([`visits`]); hostile lines change nothing.

mod books;
mod moving;
mod visits;

use self::books::{Band, Clinics, DAY, Line, OFFER, PERIOD, Persons, SEATS, Seat, Waiting, Waitlist};
use super::canary::Bug;
use super::{Keep, Tape};
use crate::check::Finding;
use crate::random::Random;
use haoyuan::journal::Disk;
use haoyuan::journal::sim::{SimDisk, Survival};
use haoyuan::{Durability, Options, Registry};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const EARLY: &str = "2026-02-01T09:00:00+08:00";
/// Entries of a list.
const MOST: usize = 5;
/// Extra seats of a practitioner's day.
const EXTRA: usize = 5;
/// Those who want the slot that people wait for.
const PATIENTS: u32 = 8;
const CLASSES: [&str; 3] = ["contract", "revisit", "public"];

/// The steps of a run: waiting, then extra seats and a stopped clinic, then the line, clinics that move, visits that are booked
/// and looked back on.
pub(super) const LENGTH: usize = 256;
const WAITING: usize = 72;
const STOPPING: usize = 88;
const LINE: usize = 136;
const MOVING: usize = 196;
const BOOKING: usize = 220;

struct Run<'a> {
    registry: Registry,
    disk: SimDisk,
    bug: Option<Bug>,
    tape: &'a mut Tape,
    list: Waitlist,
    line: Line,
    /// Booked for the line and not there yet.
    expected: Vec<Expected>,
    /// Who stands in it by visit: patient, and the booking of who has one.
    here: BTreeMap<u64, (u32, Option<String>)>,
    clinics: Clinics,
    persons: Persons,
    /// What a planted bug keeps: bookings that were moved.
    kept: Vec<u64>,
    /// Live bookings of the session that is stopped, and the extra seats of it.
    clinic: usize,
    extra: usize,
    stop: Option<u64>,
}

#[derive(Clone, Debug)]
struct Expected {
    patient: u32,
    booking: String,
    number: u64,
    /// When the slot begins, minutes of the day.
    slot: i64,
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

/// Steps as minutes.
fn minutes(steps: usize) -> i64 {
    i64::try_from(steps).unwrap_or_default()
}

/// A booking's number.
fn number(told: &Value) -> Option<u64> {
    u64::from_str_radix(told.as_str()?, 16).ok()
}

fn staff() -> Value {
    json!({"role": "operator", "id": "00000000000000aa", "reason": 7})
}

pub(super) fn run(seed: u64, bug: Option<Bug>, keep: Keep<'_>, tape: &mut Tape) -> Finding {
    let disk = SimDisk::new(seed);
    let registry = open(&disk)?;
    let mut clinics = Clinics::default();
    (clinics.now, clinics.all) = (moving::FROM, moving::clinics());
    let mut run = Run {
        registry,
        disk,
        bug,
        tape,
        list: Waitlist::default(),
        line: Line::default(),
        expected: Vec::new(),
        here: BTreeMap::new(),
        clinics,
        persons: Persons::default(),
        kept: Vec::new(),
        clinic: 0,
        extra: 0,
        stop: None,
    };
    run.house()?;
    for step in (0..LENGTH).filter(|step| keep.has(*step)) {
        // Of its own for each step, so that it is the same when others are left out.
        let mut random = Random::new(seed, 100 + step as u64);
        let done = if step < WAITING {
            run.wait(&mut random)
        } else if step < STOPPING {
            run.clinic(step, &mut random)
        } else if step < LINE {
            run.line(step, &mut random)
        } else if step < MOVING {
            run.moving(&mut random)
        } else if step < BOOKING {
            run.book_visits(&mut random)
        } else {
            run.look_back(8 * minutes(step - BOOKING), &mut random)
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
        let void = "ARRIVED_TOO_LATE";
        let answer = self.tell_once(command);
        if self.bug != Some(Bug::VoidNumberLetPass) || answer["code"] != void {
            return answer;
        }
        let mut again = command.clone();
        (again["let_pass"], again["actor"]) = (json!(true), staff());
        self.tell_once(&again)
    }

    fn tell_once(&mut self, command: &Value) -> Value {
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
                if let (Some(_), Some(other)) = (called, self.line.other_than(called)) {
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
            (Some(Bug::MoveKeepsOldSeat), Some("bookings")) => {
                let old = self.kept.iter().filter(|kept| self.clinics.had(**kept, &command["patient"]));
                let old = old.map(|kept| json!({"booking": format!("{kept:016x}")}));
                if let Some(bookings) = answer["bookings"].as_array_mut() {
                    bookings.extend(old);
                }
            }
            (Some(Bug::RebookedOutOfTurn), Some("rebook")) => {
                if let Some([first, second, ..]) = answer["placed"].as_array_mut().map(Vec::as_mut_slice) {
                    std::mem::swap(first, second);
                }
            }
            (Some(Bug::MergeForgetsBooking), Some("merge_identities")) => {
                if let Some(bookings @ 1..) = answer["bookings"].as_u64() {
                    answer["bookings"] = json!(bookings - 1);
                }
            }
            (Some(Bug::CorrectionKeepsPenalty), Some("correct")) if answer["until"].is_null() => {
                answer["until"] = json!("2026-06-22T08:30:00+08:00");
            }
            _ => {}
        }
    }

    fn done(&mut self, command: &Value) -> Result<Value, String> {
        let answer = self.tell(command);
        let good = answer["outcome"] == "done" || answer["outcome"] == "granted";
        expect(good, || format!("{command}: {answer}")).map(|()| answer)
    }

    /// A hospital: three sessions on one morning, clinics of the week after, and a day that is looked back on.
    // These books keep no returned seat back: the policy does not either.
    fn house(&mut self) -> Finding {
        self.done(&json!({"command": "open", "at": EARLY, "for_seats": 500}))?;
        let practitioners: Vec<Value> = ["丙", "丁", "戊", "己", "庚", "辛", "壬", "癸", "子", "丑"]
            .iter()
            .enumerate()
            .map(|(place, name)| json!({"code": format!("D{}", place + 1), "name": name, "sites": ["P1"]}))
            .collect();
        let codes = ["GEN".to_owned(), "Z".to_owned()].into_iter();
        let departments: Vec<Value> = codes
            .chain((0..visits::CLINICS).map(|clinic| format!("X{clinic}")))
            .map(|code| json!({"institution": "P1", "code": code, "name": code}))
            .collect();
        self.done(&json!({"command": "directory", "at": EARLY, "entries": {
            "institution": [{"code": "P1", "name": "甲", "tier": "primary"}],
            "department": departments, "practitioner": practitioners}}))?;
        self.done(&json!({"command": "policy", "at": EARLY, "toml": format!(
            "name = \"own\"\nextends = \"default\"\n[tickets]\nfree = [\"contract\", \"revisit\"]\n\
             [waitlist]\noffer = \"{OFFER}min\"\nper_session = {MOST}\n\
             [anti_scalping]\nreappears_after = {{ least = \"0min\", most = \"0min\" }}\nwindow_returns_online = true\n[pools.FAMILY_DOCTOR]\n[pools.RETURN]\n")}))?;
        // The tenth at eight.
        let eight = 6 * DAY + 480;
        self.publish("W", "GEN", (1, false), (eight, 60, 60), SEATS)?;
        self.publish("E", "GEN", (2, false), (eight, 60, 10), 2)?;
        self.publish("Q", "GEN", (3, false), (eight, 4 * PERIOD, PERIOD), 4)?;
        for clinic in self.clinics.all.clone() {
            let time = (clinic.from, clinic.to() - clinic.from, 60);
            self.publish(clinic.code, "GEN", (clinic.practitioner, clinic.expert), time, clinic.seats)?;
        }
        for clinic in 0..visits::CLINICS {
            let code = format!("X{clinic}");
            let from = visits::begins(clinic);
            self.publish(&code, &code, (10, false), (from, PERIOD, PERIOD), visits::SEATS)?;
        }
        self.publish("Z", "Z", (10, false), (26 * DAY + 480, PERIOD, PERIOD), 4)
    }

    /// A session: its practitioner and whether an expert, when it begins, how long it lasts and its slots do, and the seats of
    /// each.
    fn publish(
        &mut self,
        code: &str,
        department: &str,
        (practitioner, expert): (u32, bool),
        (from, length, slot): (i64, i64, i64),
        seats: usize,
    ) -> Finding {
        self.done(&json!({"command": "publish", "at": EARLY, "session": {"code": code, "institution": "P1",
            "department": department, "practitioner": format!("D{practitioner}"),
            "grade": if expert { "expert" } else { "ordinary" }, "from": at(from), "to": at(from + length),
            "slot_minutes": slot, "seats": seats}}))
            .map(drop)
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
        let minute = 450 + 3 * minutes(step - STOPPING);
        let now = at(6 * DAY + minute);
        match random.below(12) {
            0..3 => {
                let slot = i64::try_from(random.below(4)).unwrap_or(0);
                let granted = self
                    .tell(&json!({"command": "book", "at": now, "patient": key(patient), "session": "Q",
                    "slot": slot, "class": "public", "channel": "window"}));
                if let (Some(booking), Some(number)) =
                    (granted["booking"].as_str(), granted["number"].as_u64())
                {
                    let (booking, slot) = (booking.to_owned(), 480 + PERIOD * slot);
                    self.expected.push(Expected { patient, booking, number, slot });
                }
            }
            3..6 => self.arrive(&now, minute, random)?,
            6 => {
                let (band, word) = *random.of(&[
                    (Band::WalkIn, None),
                    (Band::WalkIn, None),
                    (Band::Return, Some("return")),
                    (Band::Emergency, Some("emergency")),
                ]);
                let mut command =
                    json!({"command": "check_in", "at": now, "patient": key(patient), "session": "Q"});
                if let Some(word) = word {
                    command["band"] = json!(word);
                }
                let visit = self.done(&command)?["visit"].as_u64().unwrap_or_default();
                self.line.walk_in(visit, band, minute);
                self.here.insert(visit, (patient, None));
            }
            7 => {
                // Whoever was passed twice is there again.
                let Some(visit) = self.line.away() else { return Ok(()) };
                let Some((patient, booking)) = self.here.get(&visit).cloned() else { return Ok(()) };
                let mut command = json!({"command": "check_in", "at": now, "patient": key(patient)});
                match booking {
                    Some(booking) => command["booking"] = json!(booking),
                    None => command["session"] = json!("Q"),
                }
                let here = self.done(&command)?;
                expect(here["visit"].as_u64() == Some(visit), || format!("I22: {visit} is {here}"))?;
                self.line.again(visit);
            }
            _ => {
                let called =
                    self.tell(&json!({"command": "call_next", "at": now, "session": "Q", "room": 1}));
                let next = self.line.call(minute);
                let told = called["visit"].as_u64();
                expect(told == next, || format!("I22: {called}, and next is {next:?}"))?;
                let Some(visit) = next else { return Ok(()) };
                if random.once_in(3) {
                    self.done(&json!({"command": "pass", "at": now, "visit": visit}))?;
                    self.line.pass(visit, minute);
                } else {
                    self.done(&json!({"command": "enter", "at": now, "visit": visit}))?;
                    self.done(&json!({"command": "finish", "at": now, "visit": visit}))?;
                    self.line.leave(visit);
                }
            }
        }
        Ok(())
    }

    /// Somebody who is booked arrives: early, late, or too late unless staff let the number pass.
    fn arrive(&mut self, now: &str, minute: i64, random: &mut Random) -> Finding {
        if self.expected.is_empty() {
            return Ok(());
        }
        let place = usize::try_from(random.below(self.expected.len() as u64)).unwrap_or(0);
        let Expected { patient, booking, number, slot } = self.expected[place].clone();
        let mut command =
            json!({"command": "check_in", "at": now, "patient": key(patient), "booking": booking});
        let let_pass = random.once_in(4);
        if let_pass {
            (command["let_pass"], command["actor"]) = (json!(true), staff());
        }
        let answer = self.tell(&command);
        if Line::is_void(slot, minute) && !let_pass {
            return expect(answer["code"] == "ARRIVED_TOO_LATE", || format!("{command}: {answer}"));
        }
        let visit = answer["visit"].as_u64().ok_or_else(|| format!("{command}: {answer}"))?;
        self.line.arrive(visit, slot, number, minute);
        self.here.insert(visit, (patient, Some(booking)));
        self.expected.remove(place);
        Ok(())
    }
}

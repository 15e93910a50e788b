//! A week of one hospital: what patients, doctors and staff do, drawn from a seed, told to the platform as commands.
//!
//! INVARIANT (the same seed, the same week): every draw comes from the seed, and events of one instant come in the order in
//! which they were planned.

use super::ledger::{Band, Clinic, Ledger, Live, Rule};
use crate::rush::random::Random;
use crate::text::rfc3339;
use haoyuan::instant::{DAY, Day, HOUR, Instant, MINUTE, SECOND};
use haoyuan::terms::Class;
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

/// Patients who ask for a visit in one hospital and week.
pub(super) const PATIENT_DAYS: u32 = 5_000;
/// How many different people they are.
const PEOPLE: u32 = 4_200;
const PRACTITIONERS: usize = 10;
const DEPARTMENTS: usize = 5;
const SEATS: u32 = 5;
const SLOT: i64 = 30 * MINUTE;
/// The first day of every simulated week: Monday, 2026-03-09.
const MONDAY: Day = Day(20_521);

/// Patients who do not come, per thousand: booked by right, through the app or WeChat, through web and telephone.
const NO_SHOW: [u32; 3] = [32, 83, 150];

/// What somebody does next.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Tick,
    Ask { want: usize, tries: u8 },
    Pay { want: usize, booking: String },
    Cancel { want: usize },
    Answer { entry: u64, booking: String },
    Stop { clinic: usize },
    Extra { clinic: usize, green: bool },
    Arrive { want: usize },
    WalkIn { clinic: usize, emergency: bool },
    Call { clinic: usize },
    Done { clinic: usize, visit: u64 },
    Close { clinic: usize },
}

/// Somebody who wants a visit.
#[derive(Clone, Debug)]
struct Want {
    patient: u32,
    clinic: usize,
    slot: usize,
    class: Class,
    channel: &'static str,
    booking: Option<String>,
}

/// What happened, counted.
#[derive(Clone, Debug, Default)]
pub(super) struct Counts(pub(super) BTreeMap<&'static str, u64>);

impl Counts {
    pub(super) fn add(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (what, n) in &other.0 {
            *self.0.entry(what).or_default() += n;
        }
    }
}

/// A week being played.
pub(super) struct Week<'a> {
    tell: &'a dyn Fn(&str) -> Value,
    random: Random,
    events: BinaryHeap<Reverse<(Instant, u64, Event)>>,
    planned: u64,
    wants: Vec<Want>,
    pub(super) ledger: Ledger,
    pub(super) counts: Counts,
    /// The number of the last notice.
    notices: u64,
    /// Commands that were no commands: a mistake of the simulation.
    pub(super) errors: Vec<String>,
    tickets: u64,
    guests: u32,
}

fn staff(role: &str) -> Value {
    json!({ "role": role, "id": "00000000000000aa", "reason": 7, "contact": "00000000000000cc" })
}

/// An instant of an answer.
fn instant(value: &Value) -> Option<Instant> {
    value.as_str().and_then(|text| crate::text::parse_instant(text, false))
}

fn patient(n: u32) -> String {
    format!("{:032x}", 0x5f0c_0000_0000_u64 + u64::from(n))
}

impl<'a> Week<'a> {
    pub(super) fn new(seed: u64, tell: &'a dyn Fn(&str) -> Value) -> Self {
        Self {
            tell,
            random: Random::new(seed),
            events: BinaryHeap::new(),
            planned: 0,
            wants: Vec::new(),
            ledger: Ledger::default(),
            counts: Counts::default(),
            notices: 0,
            errors: Vec::new(),
            tickets: 0,
            guests: PEOPLE,
        }
    }

    fn say(&mut self, at: Instant, mut command: Value) -> Value {
        command["at"] = json!(rfc3339(at));
        let answer = (self.tell)(&command.to_string());
        self.counts.add("commands");
        if answer["outcome"] == "error" && self.errors.len() < 5 {
            self.errors.push(format!("{command}: {answer}"));
        }
        answer
    }

    /// When a slot begins.
    fn start(&self, clinic: usize, slot: usize) -> Instant {
        self.ledger.clinics[clinic].from.plus(SLOT * i64::try_from(slot).unwrap_or(0))
    }

    fn plan(&mut self, at: Instant, event: Event) {
        self.planned += 1;
        self.events.push(Reverse((at, self.planned, event)));
    }

    fn within(&mut self, least: i64, most: i64) -> i64 {
        let bound = u32::try_from(most - least).unwrap_or(u32::MAX);
        least + i64::from(self.random.below(bound.max(1)))
    }

    fn chance(&mut self, per_thousand: u32) -> bool {
        self.random.below(1_000) < per_thousand
    }

    /// Plays the week from publishing to the last correction, up to `patient_days` wants.
    pub(super) fn play(&mut self, patient_days: u32, step: &dyn Fn(u64)) {
        self.publish_all();
        self.wish(patient_days);
        let mut before = 0;
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            let asked = matches!(event, Event::Ask { tries: 0, .. });
            self.act(at, event);
            if asked {
                self.counts.add("patient_days");
                before += 1;
                if before % 256 == 0 {
                    step(256);
                }
            }
        }
        step(before % 256);
    }

    /// Directory, policy and sessions.
    fn publish_all(&mut self) {
        let at = MONDAY.midnight().plus(-30 * DAY);
        let names = ["心内科", "口腔科", "产科", "神经内科", "骨科"];
        let departments: Vec<Value> = (0..DEPARTMENTS)
            .map(|n| json!({ "institution": "T1", "code": format!("D{n}"), "name": names[n] }))
            .collect();
        let practitioners: Vec<Value> = (0..PRACTITIONERS)
            .map(|n| json!({ "code": format!("P{n}"), "name": format!("医生{}", n + 1), "sites": ["T1"] }))
            .collect();
        self.say(
            at,
            json!({ "command": "directory", "entries": {
            "institution": [{ "code": "T1", "name": "模拟医院", "tier": "tertiary" },
                { "code": "S1", "name": "县医院", "tier": "secondary" }],
            "alliance": [{ "code": "A1", "name": "医联体", "members": ["T1", "S1"] }],
            "department": departments, "practitioner": practitioners } }),
        );
        self.say(at, json!({ "command": "policy", "preset": "jilin-2018" }));
        for day in 0..5 {
            for practitioner in 0..PRACTITIONERS {
                for (half, hours) in [("A", (8, 12)), ("P", (14, 17))] {
                    self.publish(at, Day(MONDAY.0 + day), practitioner, half, hours);
                }
            }
        }
    }

    fn publish(&mut self, at: Instant, day: Day, practitioner: usize, half: &str, hours: (i64, i64)) {
        let code = format!("{}{half}-P{practitioner}", day.0 - MONDAY.0);
        let (from, to) = (day.midnight().plus(hours.0 * HOUR), day.midnight().plus(hours.1 * HOUR));
        let grade = if practitioner % 2 == 0 { "expert" } else { "ordinary" };
        let department = practitioner % DEPARTMENTS;
        self.say(at, json!({ "command": "publish", "session": { "code": code, "institution": "T1",
            "department": format!("D{department}"), "practitioner": format!("P{practitioner}"), "grade": grade,
            "from": rfc3339(from), "to": rfc3339(to), "slot_minutes": 30, "seats": SEATS } }));
        let told = self.say(at, json!({ "command": "session", "session": code }));
        let reserved = told["slots"].as_array().into_iter().flatten().map(|slot| {
            let pools = slot["pools"].as_array().into_iter().flatten();
            let of =
                pools.filter(|pool| pool["pool"] == "L2_TO_L3").filter_map(|pool| pool["guarantee"].as_u64());
            u32::try_from(of.sum::<u64>()).unwrap_or(0)
        });
        let reserved: Vec<u32> = reserved.collect();
        let slots = reserved.len();
        self.ledger.clinics.push(Clinic {
            code,
            department,
            from,
            to,
            slots,
            seats: SEATS,
            all_seats: u32::try_from(slots).unwrap_or(0) * SEATS,
            reserved,
            stopped: false,
        });
    }

    /// Who wants what, and when they ask; walk-ins, doctors, the stopped clinic.
    fn wish(&mut self, patient_days: u32) {
        let clinics = self.ledger.clinics.len();
        for want in 0..patient_days as usize {
            let clinic = self.random.below(u32::try_from(clinics).unwrap_or(1)) as usize;
            let slots = u32::try_from(self.ledger.clinics[clinic].slots).unwrap_or(1);
            let (opens, from) = (self.ledger.clinics[clinic].opens(), self.ledger.clinics[clinic].from);
            let by_right = self.chance(150);
            let class = if by_right { Class::ReferralSecondary } else { Class::Public };
            let channel = if by_right {
                "station"
            } else {
                ["app", "app", "wechat", "web", "phone"][self.random.below(5) as usize]
            };
            let (patient, slot) = (self.random.below(PEOPLE), self.random.below(slots) as usize);
            self.wants.push(Want { patient, clinic, slot, class, channel, booking: None });
            // Half of the public is there when it opens, some a moment early; the others come during the week.
            let at = match self.random.below(100) {
                _ if by_right => opens.plus(self.within(-5 * DAY, 5 * DAY)),
                0..5 => opens.plus(self.within(-2 * SECOND, 0)),
                5..50 => opens.plus(self.within(0, 20 * SECOND)),
                _ => opens.plus(self.within(0, from.ms() - opens.ms() - 2 * HOUR)),
            };
            self.plan(at, Event::Ask { want, tries: 0 });
        }
        for clinic in 0..clinics {
            let (from, to) = (self.ledger.clinics[clinic].from, self.ledger.clinics[clinic].to);
            for _ in 0..4 {
                let at = from.plus(self.within(0, to.ms() - from.ms() - HOUR));
                let emergency = self.chance(100);
                self.plan(at, Event::WalkIn { clinic, emergency });
            }
            if self.chance(200) {
                self.plan(from.plus(30 * MINUTE), Event::Extra { clinic, green: self.planned % 2 == 0 });
            }
            self.plan(from, Event::Call { clinic });
            self.plan(to.plus(90 * MINUTE), Event::Close { clinic });
        }
        let stopped = self.random.below(u32::try_from(clinics).unwrap_or(1)) as usize;
        self.plan(self.ledger.clinics[stopped].from.plus(-2 * HOUR), Event::Stop { clinic: stopped });
        let mut tick = MONDAY.midnight().plus(-8 * DAY);
        while tick < MONDAY.midnight().plus(6 * DAY) {
            self.plan(tick, Event::Tick);
            tick = tick.plus(HOUR);
        }
    }

    fn act(&mut self, at: Instant, event: Event) {
        self.ledger.expire(at);
        match event {
            Event::Tick => {
                self.say(at, json!({ "command": "tick" }));
                self.read_notices(at);
            }
            Event::Ask { want, tries } => self.ask(at, want, tries),
            Event::Pay { want, booking } => self.pay(at, want, &booking),
            Event::Cancel { want } => self.cancel(at, want),
            Event::Answer { entry, booking } => self.answer_offer(at, entry, &booking),
            Event::Stop { clinic } => self.stop(at, clinic),
            Event::Extra { clinic, green } => self.extra(at, clinic, green),
            Event::Arrive { want } => self.arrive(at, want),
            Event::WalkIn { clinic, emergency } => self.walk_in(at, clinic, emergency),
            Event::Call { clinic } => self.call(at, clinic),
            Event::Done { clinic, visit } => {
                let answer = self.say(
                    at,
                    json!({ "command": "finish", "visit": visit, "revisit": visit % 3 == 0,
                    "actor": staff("doctor") }),
                );
                if answer["outcome"] == "done" {
                    self.counts.add("attended");
                }
                self.plan(at, Event::Call { clinic });
            }
            Event::Close { clinic } => self.close(at, clinic),
        }
    }

    fn ask(&mut self, at: Instant, want: usize, tries: u8) {
        let Want { patient: who, clinic, slot, class, channel, .. } = self.wants[want].clone();
        let code = self.ledger.clinics[clinic].code.clone();
        let ticket = (class == Class::ReferralSecondary).then(|| {
            self.tickets += 1;
            format!("{:x}", self.tickets)
        });
        if let Some(ticket) = &ticket {
            self.say(
                at,
                json!({ "command": "ticket", "patient": patient(who), "ticket": ticket, "class": class,
                "institution": "T1", "issuer": "S1", "expires": rfc3339(at.plus(30 * DAY)) }),
            );
        }
        let hold = self.chance(700);
        let mut command = json!({ "command": if hold { "hold" } else { "book" }, "patient": patient(who),
            "session": code, "slot": slot, "class": class, "channel": channel });
        if let Some(ticket) = ticket {
            command["ticket"] = json!(ticket);
        }
        let answer = self.say(at, command);
        // A claim on a slot for which somebody waits is decided after them, and they are told.
        self.read_notices(at);
        if answer["outcome"] == "granted" {
            self.counts.add("granted");
            let Some(booking) = answer["booking"].as_str().map(str::to_owned) else { return };
            let expires = instant(&answer["expires"]);
            self.grant(at, want, &booking, answer["number"].as_u64().unwrap_or(0), expires, None);
            if hold {
                // One in twelve does not pay in time.
                let soon = at.plus(self.within(MINUTE, 14 * MINUTE));
                let pays = if self.chance(917) { soon } else { expires.unwrap_or(soon) };
                self.plan(pays, Event::Pay { want, booking });
            } else {
                self.booked(at, want, &booking);
            }
            return;
        }
        self.counts.add("refused");
        match answer["code"].as_str() {
            Some("NOT_OPEN") if tries < 2 => {
                // It counts as one of the tries, so that nobody comes early for ever.
                let opens = self.ledger.clinics[clinic].opens();
                self.plan(opens.plus(3 * SECOND), Event::Ask { want, tries: tries + 1 });
            }
            Some("SLOT_FULL" | "PROTECTED" | "WAITLISTED") if tries < 2 => {
                self.wants[want].slot = (slot + 1 + usize::from(tries)) % self.ledger.clinics[clinic].slots;
                let later = at.plus(self.within(2 * SECOND, 30 * SECOND));
                self.plan(later, Event::Ask { want, tries: tries + 1 });
            }
            Some("SLOT_FULL" | "PROTECTED" | "WAITLISTED") if class == Class::Public => {
                let answer = self.say(
                    at,
                    json!({ "command": "waitlist_join", "patient": patient(who),
                    "class": class, "channel": channel, "wanted": [{ "session": code }] }),
                );
                if let Some(entry) = answer["entry"].as_u64().filter(|_| answer["outcome"] == "done") {
                    self.counts.add("waitlist_joined");
                    self.ledger.joined(entry, who, clinic);
                }
            }
            _ => {}
        }
    }

    fn grant(
        &mut self,
        at: Instant,
        want: usize,
        booking: &str,
        number: u64,
        expires: Option<Instant>,
        entry: Option<u64>,
    ) {
        let Want { patient, clinic, slot, class, .. } = self.wants[want].clone();
        self.ledger.granted(booking, Live { patient, clinic, slot, number, class, expires }, at, entry);
    }

    fn pay(&mut self, at: Instant, want: usize, booking: &str) {
        let who = self.ledger.live.get(booking).map_or(self.wants[want].patient, |live| live.patient);
        let live = self.ledger.live.contains_key(booking);
        let answer =
            self.say(at, json!({ "command": "confirm", "patient": patient(who), "booking": booking }));
        let accepted = answer["outcome"] == "done";
        self.ledger.check(Rule::I14, accepted == live, || format!("{booking}: {answer}"));
        if accepted {
            self.ledger.confirmed(booking);
            self.booked(at, want, booking);
        } else {
            self.counts.add("holds_lapsed");
        }
    }

    /// A booking stands: its patient comes, or cancels, or does neither.
    fn booked(&mut self, at: Instant, want: usize, booking: &str) {
        self.counts.add("booked");
        self.wants[want].booking = Some(booking.to_owned());
        let Want { clinic, slot, channel, .. } = self.wants[want].clone();
        let start = self.start(clinic, slot);
        if self.chance(80) {
            let span = (start.ms() - at.ms()).max(2 * MINUTE);
            let when = at.plus(self.within(MINUTE, span));
            self.plan(when, Event::Cancel { want });
            return;
        }
        let stays_away = match channel {
            "station" => NO_SHOW[0],
            "app" | "wechat" => NO_SHOW[1],
            _ => NO_SHOW[2],
        };
        if self.chance(stays_away) {
            self.ledger.blamed.insert(self.wants[want].patient);
            return;
        }
        let minutes = match self.random.below(100) {
            0..60 => self.within(-25, 0),
            60..90 => self.within(0, 11),
            90..98 => self.within(11, 31),
            _ => self.within(31, 50),
        };
        self.plan(start.plus(minutes * MINUTE), Event::Arrive { want });
    }

    fn cancel(&mut self, at: Instant, want: usize) {
        let Some(booking) = self.wants[want].booking.clone().filter(|b| self.ledger.live.contains_key(b))
        else {
            return;
        };
        let who = patient(self.wants[want].patient);
        let answer = self.say(at, json!({ "command": "cancel", "patient": who, "booking": booking }));
        self.ledger.blamed.insert(self.wants[want].patient);
        if answer["outcome"] == "done" {
            self.counts.add("cancelled");
            self.ledger.gone(&booking);
            self.wants[want].booking = None;
            self.read_notices(at);
        } else {
            // Too late: half of them come after all.
            self.counts.add("cancelled_too_late");
            let Want { clinic, slot, .. } = self.wants[want];
            let start = self.start(clinic, slot);
            if self.chance(500) && at < start {
                self.plan(start, Event::Arrive { want });
            }
        }
    }

    /// Takes what the hospital would send to its patients; offers are answered.
    fn read_notices(&mut self, at: Instant) {
        loop {
            let answer = self.say(at, json!({ "command": "notices", "after": self.notices, "most": 1_000 }));
            for notice in answer["notices"].as_array().into_iter().flatten() {
                self.notice(at, notice);
            }
            self.notices = answer["last"].as_u64().unwrap_or(self.notices);
            if answer["more"] != true {
                return;
            }
        }
    }

    fn notice(&mut self, at: Instant, notice: &Value) {
        let entry = notice["entry"].as_u64();
        match (notice["news"].as_str(), entry) {
            (Some("offer"), Some(entry)) => {
                let Some((who, clinic)) = self.ledger.who_waits(entry) else { return };
                let booking = notice["booking"].as_str().unwrap_or_default().to_owned();
                let slot = usize::try_from(notice["slot"].as_u64().unwrap_or(0)).unwrap_or(0);
                let number = self.number_of(at, who, &booking);
                let until = instant(&notice["until"]);
                let want = self.wants.len();
                self.wants.push(Want {
                    patient: who,
                    clinic,
                    slot,
                    class: Class::Public,
                    channel: "app",
                    booking: None,
                });
                self.counts.add("offers");
                self.grant(at, want, &booking, number, until, Some(entry));
                self.ledger.offered(entry);
                let when = at.plus(self.within(MINUTE, 3 * HOUR));
                self.plan(when, Event::Answer { entry, booking });
            }
            (Some("waitlist_closed"), Some(entry)) => self.ledger.waits_no_more(entry),
            _ => {}
        }
    }

    /// The seat of an offer: a notice does not name it.
    fn number_of(&mut self, at: Instant, who: u32, booking: &str) -> u64 {
        let answer = self.say(at, json!({ "command": "bookings", "patient": patient(who) }));
        let all = answer["bookings"].as_array().into_iter().flatten();
        let own = all.filter(|own| own["booking"] == booking).find_map(|own| own["number"].as_u64());
        own.unwrap_or(0)
    }

    fn answer_offer(&mut self, at: Instant, entry: u64, booking: &str) {
        let Some((who, clinic)) = self.ledger.who_waits(entry) else { return };
        let Some(live) = self.ledger.live.get(booking).cloned() else {
            // It ran out before the patient looked.
            self.ledger.passed(entry);
            return;
        };
        match self.random.below(100) {
            0..70 => {
                let want = self.wants.len();
                self.wants.push(Want {
                    patient: who,
                    clinic,
                    slot: live.slot,
                    class: live.class,
                    channel: "app",
                    booking: None,
                });
                self.ledger.waits_no_more(entry);
                self.pay(at, want, booking);
            }
            70..85 => {
                self.ledger.passed(entry);
                let answer = self.say(
                    at,
                    json!({ "command": "waitlist_decline", "patient": patient(who), "entry": entry }),
                );
                if answer["outcome"] == "done" {
                    self.counts.add("offers_declined");
                    self.ledger.gone(booking);
                    if answer["dropped"] == true {
                        self.ledger.waits_no_more(entry);
                    }
                }
                self.read_notices(at);
            }
            // The rest let it lapse.
            _ => {
                if let Some(expires) = live.expires {
                    self.plan(expires, Event::Answer { entry, booking: booking.to_owned() });
                }
            }
        }
    }

    /// A clinic is stopped two hours before it begins, and everybody displaced is placed elsewhere or gets a ticket.
    fn stop(&mut self, at: Instant, clinic: usize) {
        let code = self.ledger.clinics[clinic].code.clone();
        let answer = self
            .say(at, json!({ "command": "stop", "scope": { "session": code }, "actor": staff("operator") }));
        let displaced = self.ledger.stopped(clinic);
        self.counts.add("stopped_clinics");
        let told = answer["displaced"].as_u64();
        let ours = displaced.len() as u64;
        self.ledger
            .check(Rule::I20, told == Some(ours), || format!("stop of {code}: {answer} against {ours}"));
        // The same doctor's or a colleague's next sessions of that grade.
        let from = self.ledger.clinics[clinic].from;
        let parity = |code: &str| code.bytes().last().unwrap_or(0) % 2;
        let into: Vec<String> = self
            .ledger
            .clinics
            .iter()
            .filter(|other| other.from > from && parity(&other.code) == parity(&code) && !other.stopped)
            .take(4)
            .map(|other| other.code.clone())
            .collect();
        if into.is_empty() {
            return;
        }
        let stop = answer["stop"].as_u64();
        let answer = self.say(
            at.plus(MINUTE),
            json!({ "command": "rebook", "stop": stop, "into": into,
            "tickets": true, "actor": staff("operator") }),
        );
        let mut fates: BTreeMap<String, u64> = BTreeMap::new();
        for placed in answer["placed"].as_array().into_iter().flatten() {
            let from = placed["from"].as_str().unwrap_or_default().to_owned();
            *fates.entry(from.clone()).or_default() += 1;
            let Some((_, lost)) = displaced.iter().find(|(booking, _)| *booking == from) else { continue };
            let lost = lost.clone();
            self.placed(at.plus(MINUTE), &lost, placed);
        }
        for (booking, _) in &displaced {
            let times = fates.get(booking).copied().unwrap_or(0);
            self.ledger.check(Rule::I20, times == 1, || format!("{booking} ends in {times} ways"));
        }
        let others = fates.len() as u64;
        self.ledger.check(Rule::I20, others == ours, || format!("{others} placed of {ours}"));
        self.read_notices(at.plus(MINUTE));
    }

    /// What became of somebody displaced: another booking, the offer of one, or a ticket.
    fn placed(&mut self, at: Instant, lost: &Live, placed: &Value) {
        let offered = match placed["fate"].as_str() {
            Some("moved") => false,
            Some("offered") => true,
            _ => return self.counts.add("tickets_after_stop"),
        };
        self.counts.add(if offered { "offers_after_stop" } else { "moved" });
        let to = placed["to"].as_str().unwrap_or_default().to_owned();
        let code = placed["session"].as_str().unwrap_or_default();
        let clinic = self.ledger.clinics.iter().position(|other| other.code == code).unwrap_or(0);
        let slot = usize::try_from(placed["slot"].as_u64().unwrap_or(0)).unwrap_or(0);
        let number = self.number_of(at, lost.patient, &to);
        let expires = if offered { instant(&placed["until"]) } else { None };
        // The hospital owes them the visit: they come before those who wait.
        let (patient, class) = (lost.patient, lost.class);
        let live = Live { patient, clinic, slot, number, class, expires };
        self.ledger.granted(&to, live, at, Some(0));
        let want = self.wants.len();
        let booking = (!offered).then(|| to.clone());
        self.wants.push(Want { patient, clinic, slot, class, channel: "app", booking });
        if offered {
            let soon = at.plus(self.within(MINUTE, HOUR));
            let when = if self.chance(700) { soon } else { expires.unwrap_or(soon) };
            self.plan(when, Event::Pay { want, booking: to });
        } else {
            let start = self.start(clinic, slot);
            self.plan(start.plus(-5 * MINUTE), Event::Arrive { want });
        }
    }

    fn extra(&mut self, at: Instant, clinic: usize, green: bool) {
        let code = self.ledger.clinics[clinic].code.clone();
        self.guests += 1;
        let who = patient(self.guests);
        let mut command = json!({ "command": "extra_seat", "patient": who, "session": code,
            "class": if green { "green" } else { "public" }, "channel": "station", "actor": staff("doctor") });
        if green {
            self.tickets += 1;
            let ticket = format!("{:x}", self.tickets);
            self.say(
                at,
                json!({ "command": "ticket", "patient": who, "ticket": ticket, "class": "green",
                "institution": "T1", "expires": rfc3339(at.plus(DAY)) }),
            );
            command["ticket"] = json!(ticket);
        } else {
            let seats = self.ledger.clinics[clinic].all_seats + 1;
            let added = self.say(
                at,
                json!({ "command": "add_seats", "session": code, "seats": seats, "actor": staff("doctor") }),
            );
            if added["outcome"] == "done" {
                self.ledger.clinics[clinic].all_seats = seats;
            }
        }
        let answer = self.say(at, command);
        if answer["outcome"] == "granted" || answer["outcome"] == "done" {
            self.counts.add(if green { "green_inserts" } else { "extra_seats" });
            // They are in the house already.
            let booking = answer["booking"].as_str().unwrap_or_default();
            let there = self.say(at, json!({ "command": "check_in", "patient": who, "booking": booking }));
            if let Some(visit) = there["visit"].as_u64().filter(|_| there["outcome"] == "done") {
                let band = if green { Band::Green } else { Band::Booked };
                self.ledger.arrived(clinic, visit, band);
            }
        }
    }

    fn arrive(&mut self, at: Instant, want: usize) {
        let Some(booking) = self.wants[want].booking.clone().filter(|b| self.ledger.live.contains_key(b))
        else {
            return;
        };
        let who = patient(self.wants[want].patient);
        let answer = self.say(at, json!({ "command": "check_in", "patient": who, "booking": booking }));
        let Some(visit) = answer["visit"].as_u64().filter(|_| answer["outcome"] == "done") else {
            self.counts.add("too_late_to_check_in");
            self.ledger.blamed.insert(self.wants[want].patient);
            return;
        };
        self.counts.add("checked_in");
        self.ledger.arrived(self.wants[want].clinic, visit, Band::Booked);
    }

    fn walk_in(&mut self, at: Instant, clinic: usize, emergency: bool) {
        let code = self.ledger.clinics[clinic].code.clone();
        self.guests += 1;
        let mut command = json!({ "command": "check_in", "patient": patient(self.guests), "session": code });
        if emergency {
            (command["band"], command["kind"]) = (json!("emergency"), json!("emergency"));
            command["actor"] = staff("clerk");
        }
        let answer = self.say(at, command);
        if let Some(visit) = answer["visit"].as_u64().filter(|_| answer["outcome"] == "done") {
            self.counts.add("walk_ins");
            self.ledger.arrived(clinic, visit, if emergency { Band::Emergency } else { Band::WalkIn });
        }
    }

    fn call(&mut self, at: Instant, clinic: usize) {
        let (code, to) = (self.ledger.clinics[clinic].code.clone(), self.ledger.clinics[clinic].to);
        let answer = self
            .say(at, json!({ "command": "call_next", "session": code, "room": 1, "actor": staff("doctor") }));
        let Some(visit) = answer["visit"].as_u64().filter(|_| answer["outcome"] == "done") else {
            if at < to.plus(HOUR) {
                self.plan(at.plus(3 * MINUTE), Event::Call { clinic });
            }
            return;
        };
        let band = self.ledger.called(clinic, visit);
        if self.chance(50) {
            let answer = self
                .say(at.plus(MINUTE), json!({ "command": "pass", "visit": visit, "actor": staff("doctor") }));
            self.counts.add("passed");
            if let (Some(band), true) = (band, answer["minutes"].is_i64()) {
                self.ledger.arrived(clinic, visit, band);
            }
            self.plan(at.plus(MINUTE), Event::Call { clinic });
            return;
        }
        self.say(at.plus(MINUTE), json!({ "command": "enter", "visit": visit, "actor": staff("doctor") }));
        let over = at.plus(self.within(3 * MINUTE, 7 * MINUTE));
        self.plan(over, Event::Done { clinic, visit });
    }

    fn close(&mut self, at: Instant, clinic: usize) {
        let code = self.ledger.clinics[clinic].code.clone();
        let answer = self.say(at, json!({ "command": "no_show", "session": code, "actor": staff("clerk") }));
        for _ in 0..answer["no_shows"].as_u64().unwrap_or(0) {
            self.counts.add("no_shows");
        }
    }
}

/// The instant at which everything of a week is over.
pub(super) fn end() -> Instant {
    MONDAY.midnight().plus(7 * DAY)
}

/// The days of the week.
pub(super) fn days() -> (Day, Day) {
    (MONDAY, Day(MONDAY.0 + 6))
}

/// When the record is corrected: after the month has ended.
pub(super) fn corrected() -> Instant {
    MONDAY.midnight().plus(25 * DAY)
}

/// Somebody who did not come is excused after all.
pub(super) fn correction(visit: u32) -> Value {
    json!({ "command": "correct", "at": rfc3339(corrected()), "visit": visit, "outcome": "excused",
        "actor": staff("operator") })
}

//! The books of the day: a slot and its waitlist, a line, clinics that are stopped and moved, persons and their penalties, as a
//! person with paper and pencil would keep them.
//!
//! INVARIANT (nothing asked): the books are written from the specification and know of the system only what it answered where
//! the specification leaves a choice: which free slot of a session, which number.

use std::collections::BTreeMap;

/// Seats of the slot that people wait for.
pub(super) const SEATS: usize = 3;
/// Minutes of a hold and of an offer.
const HOLD: i64 = 15;
pub(super) const OFFER: i64 = 30;
pub(super) const DAY: i64 = 1_440;

// ---- a slot and its waitlist

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

// ---- a line

/// The bands, first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Band {
    Emergency,
    Return,
    Booked,
    WalkIn,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stands {
    Waits,
    Called,
    /// Passed twice: not in the line until there again.
    Away,
}

/// The instant from which somebody waits, the number, and who came behind whom.
type Key = (i64, u64, u64);

/// Whoever is in the line.
#[derive(Clone, Copy, Debug)]
struct InLine {
    visit: u64,
    band: Band,
    key: Key,
    passes: u8,
    stands: Stands,
}

/// The line of a session in slots of half an hour. Minutes of the day.
#[derive(Debug, Default)]
pub(super) struct Line {
    here: Vec<InLine>,
    booked_since_walk_in: u32,
    after_return: bool,
    comers: u64,
}

/// Minutes of a slot of the line.
pub(super) const PERIOD: i64 = 30;
const EARLY: i64 = 30;
const KEEPS_PLACE: i64 = 10;
pub(super) const VALID: i64 = 30;

impl Line {
    fn enter(&mut self, visit: u64, band: Band, start: i64, number: u64) {
        self.comers += 1;
        let nth = if band == Band::Booked { 0 } else { self.comers };
        let key = (start, number, nth);
        self.here.push(InLine { visit, band, key, passes: 0, stands: Stands::Waits });
    }

    /// A booked patient arrives: who is late keeps the place, or waits until the next period is over.
    pub(super) fn arrive(&mut self, visit: u64, slot: i64, number: u64, now: i64) {
        let late = now - slot;
        let start = if late <= KEEPS_PLACE { slot } else { slot + (late / PERIOD + 2) * PERIOD };
        self.enter(visit, Band::Booked, start, number);
    }

    /// Whether a number is void to whoever comes now.
    pub(super) const fn is_void(slot: i64, now: i64) -> bool {
        now - slot > VALID
    }

    pub(super) fn walk_in(&mut self, visit: u64, band: Band, now: i64) {
        self.enter(visit, band, now, 0);
    }

    /// Who waits in a band, first to last.
    fn waiting(&self, band: Band) -> Vec<InLine> {
        let mut waiting: Vec<InLine> =
            self.here.iter().filter(|p| p.band == band && p.stands == Stands::Waits).copied().collect();
        waiting.sort_by_key(|p| p.key);
        waiting
    }

    fn callable(p: &InLine, now: i64) -> bool {
        p.band != Band::Booked || p.key.0 - EARLY <= now
    }

    /// Calls the next: emergencies; who is back with a result, but not twice in a row; two booked to one who walked in. Who
    /// came too early is called when nobody else is there.
    pub(super) fn call(&mut self, now: i64) -> Option<u64> {
        let head = |band| self.waiting(band).first().copied();
        let (back, booked, walk_in) = (head(Band::Return), head(Band::Booked), head(Band::WalkIn));
        let on_time = booked.filter(|p| Self::callable(p, now));
        let next = head(Band::Emergency)
            .or(back.filter(|_| !self.after_return))
            .or(on_time.filter(|_| walk_in.is_none() || self.booked_since_walk_in < 2))
            .or(walk_in)
            .or(booked)
            .or(back)?;
        match next.band {
            Band::Booked => self.booked_since_walk_in += 1,
            Band::WalkIn => self.booked_since_walk_in = 0,
            Band::Emergency | Band::Return => {}
        }
        self.after_return = next.band == Band::Return;
        self.of(next.visit)?.stands = Stands::Called;
        Some(next.visit)
    }

    fn of(&mut self, visit: u64) -> Option<&mut InLine> {
        self.here.iter_mut().find(|p| p.visit == visit)
    }

    pub(super) fn leave(&mut self, visit: u64) {
        self.here.retain(|p| p.visit != visit);
    }

    /// Who was called is not there: first two places back, then until checked in again, then it is a no-show.
    pub(super) fn pass(&mut self, visit: u64, now: i64) {
        let Some(passed) = self.of(visit).copied() else { return };
        self.comers += 1;
        let comers = self.comers;
        let behind = (self.waiting(passed.band).into_iter().take(2).enumerate())
            .take_while(|(place, p)| *place == 0 || Self::callable(p, now))
            .last();
        let Some(p) = self.of(visit) else { return };
        p.passes += 1;
        match p.passes {
            1 => {
                p.stands = Stands::Waits;
                if let Some((_, other)) = behind {
                    p.key = (other.key.0, other.key.1, comers);
                }
            }
            2 => p.stands = Stands::Away,
            _ => self.leave(visit),
        }
    }

    /// Who was passed twice.
    pub(super) fn away(&self) -> Option<u64> {
        self.here.iter().find(|p| p.stands == Stands::Away).map(|p| p.visit)
    }

    /// Who was passed twice is there again: behind everybody.
    pub(super) fn again(&mut self, visit: u64) {
        self.comers += 1;
        let comers = self.comers;
        let Some(band) = self.of(visit).map(|p| p.band) else { return };
        let last = self.waiting(band).last().map(|p| (p.key.0, p.key.1, comers));
        let Some(p) = self.of(visit) else { return };
        p.stands = Stands::Waits;
        p.key = last.map_or(p.key, |last| last.max(p.key));
    }

    /// Somebody who waits and is not called, for a planted bug.
    pub(super) fn other_than(&self, called: Option<u64>) -> Option<u64> {
        let waits = |p: &&InLine| p.stands == Stands::Waits && Some(p.visit) != called;
        self.here.iter().rfind(waits).map(|p| p.visit)
    }
}

// ---- clinics that are stopped and moved

/// A session: its slots are of an hour. Minutes since the fourth of the month.
#[derive(Clone, Debug)]
pub(super) struct Clinic {
    pub(super) code: &'static str,
    pub(super) practitioner: u32,
    pub(super) expert: bool,
    pub(super) from: i64,
    pub(super) slots: usize,
    /// Of each slot.
    pub(super) seats: usize,
}

impl Clinic {
    const fn day(&self) -> i64 {
        self.from / DAY
    }

    const fn is_morning(&self) -> bool {
        self.from % DAY < DAY / 2
    }

    #[expect(clippy::cast_possible_wrap, reason = "a handful of slots")]
    pub(super) const fn to(&self) -> i64 {
        self.from + 60 * self.slots as i64
    }

    #[expect(clippy::cast_possible_wrap, reason = "a handful of slots")]
    const fn begins(&self, slot: usize) -> i64 {
        self.from + 60 * slot as i64
    }

    /// Seven days before, at seven.
    const fn opens(&self) -> i64 {
        (self.day() - 7) * DAY + 7 * 60
    }
}

/// Somebody's hold or booking.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    pub(super) booking: u64,
    pub(super) patient: u32,
    pub(super) rank: u8,
    /// When it was granted; of who was moved, when the first was.
    pub(super) since: i64,
    pub(super) clinic: usize,
    pub(super) slot: usize,
    /// The end of a hold.
    pub(super) until: Option<i64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Open,
    Moved,
    /// A hold that waits for a yes.
    Offered(u64),
    Ticket,
}

impl Fate {
    const fn word(self) -> &'static str {
        match self {
            Self::Open => "unplaced",
            Self::Moved => "moved",
            Self::Offered(_) => "offered",
            Self::Ticket => "ticket",
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Lost {
    stop: u64,
    place: Place,
    fate: Fate,
}

/// What was stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Scope {
    Booking(u64),
    Session(usize),
    /// A practitioner's day, or the morning (`true`) or afternoon of it.
    Day(u32, i64, Option<bool>),
}

#[derive(Clone, Debug)]
struct Stop {
    number: u64,
    scope: Scope,
    clinics: Vec<usize>,
    voided: u64,
    resumed: bool,
}

/// One line of what a rebooking tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) from: u64,
    pub(super) patient: String,
    pub(super) fate: String,
    pub(super) to: Option<u64>,
    pub(super) session: Option<String>,
    pub(super) slot: usize,
}

/// Sessions of one department and whoever has a place there.
#[derive(Debug, Default)]
pub(super) struct Clinics {
    pub(super) now: i64,
    pub(super) all: Vec<Clinic>,
    pub(super) places: Vec<Place>,
    lost: Vec<Lost>,
    stops: Vec<Stop>,
}

impl Clinics {
    /// Dead holds are nobody's, and an offer that was not taken leaves its patient where they were.
    pub(super) fn settle(&mut self) {
        let now = self.now;
        self.places.retain(|place| place.until.is_none_or(|until| now < until));
        for lost in &mut self.lost {
            if let Fate::Offered(hold) = lost.fate {
                if !self.places.iter().any(|place| place.booking == hold) {
                    lost.fate = Fate::Open;
                }
            }
        }
    }

    fn is_stopped(&self, clinic: usize) -> bool {
        let stops = |stop: &Stop| !stop.resumed && stop.clinics.contains(&clinic);
        self.stops.iter().any(stops)
    }

    fn has_room(&self, clinic: usize, slot: usize) -> bool {
        let there = self.places.iter().filter(|place| (place.clinic, place.slot) == (clinic, slot)).count();
        there < self.all[clinic].seats
    }

    /// Whether a patient could be booked: one visit of a department and day, nothing before it opens, nothing while it is
    /// stopped.
    fn may(&self, patient: u32, clinic: usize) -> bool {
        let day = self.all[clinic].day();
        let same_day = |place: &Place| place.patient == patient && self.all[place.clinic].day() == day;
        let is_open = self.all[clinic].opens() <= self.now && !self.is_stopped(clinic);
        is_open && !self.places.iter().any(same_day)
    }

    pub(super) fn can_book(&self, patient: u32, clinic: usize, slot: usize) -> bool {
        self.may(patient, clinic) && self.has_room(clinic, slot)
    }

    pub(super) fn confirm(&mut self, booking: u64) {
        for lost in self.lost.iter_mut().filter(|lost| lost.fate == Fate::Offered(booking)) {
            lost.fate = Fate::Moved;
        }
        for place in self.places.iter_mut().filter(|place| place.booking == booking) {
            place.until = None;
        }
    }

    pub(super) fn cancel(&mut self, booking: u64) {
        self.places.retain(|place| place.booking != booking);
        self.settle();
    }

    /// The sessions of a scope.
    pub(super) fn reach(&self, scope: &Scope) -> Vec<usize> {
        let all = 0..self.all.len();
        match *scope {
            Scope::Booking(_) => Vec::new(),
            Scope::Session(clinic) => vec![clinic],
            Scope::Day(practitioner, day, half) => all
                .filter(|clinic| {
                    let clinic = &self.all[*clinic];
                    clinic.practitioner == practitioner
                        && clinic.day() == day
                        && half.is_none_or(|morning| morning == clinic.is_morning())
                })
                .collect(),
        }
    }

    /// Stops what is in a scope, or what is left of it: the number of displaced and of voided holds altogether.
    pub(super) fn stop(&mut self, scope: &Scope, number: u64) -> (u64, u64) {
        let reach = self.reach(scope);
        let same = |stop: &Stop| {
            stop.scope == *scope && !stop.resumed && reach.iter().all(|clinic| stop.clinics.contains(clinic))
        };
        if !self.stops.iter().any(same) {
            let (clinics, voided, resumed) = (reach, 0, false);
            self.stops.push(Stop { number, scope: scope.clone(), clinics, voided, resumed });
        }
        let place = self.stops.iter().position(|stop| stop.number == number);
        let Some(stop) = place.map(|place| &mut self.stops[place]) else { return (0, 0) };
        let within = |place: &Place| match scope {
            Scope::Booking(booking) => place.booking == *booking,
            _ => stop.clinics.contains(&place.clinic),
        };
        for place in self.places.iter().filter(|place| within(place)) {
            if place.until.is_some() {
                stop.voided += 1;
            } else {
                self.lost.push(Lost { stop: number, place: *place, fate: Fate::Open });
            }
        }
        let voided = stop.voided;
        let out: Vec<u64> = self.places.iter().filter(|place| within(place)).map(|p| p.booking).collect();
        self.places.retain(|place| !out.contains(&place.booking));
        self.settle();
        (self.lost.iter().filter(|lost| lost.stop == number).count() as u64, voided)
    }

    /// Whether a patient lost this booking.
    pub(super) fn had(&self, booking: u64, patient: &serde_json::Value) -> bool {
        let is = |lost: &Lost| lost.place.booking == booking && *patient == super::key(lost.place.patient);
        self.lost.iter().any(is)
    }

    /// The numbers of the stops.
    pub(super) fn stops(&self) -> Vec<u64> {
        self.stops.iter().map(|stop| stop.number).collect()
    }

    /// Whether the stop is no more.
    pub(super) fn resume(&mut self, number: u64) -> bool {
        let stop = self.stops.iter_mut().find(|stop| stop.number == number);
        stop.is_some_and(|stop| !std::mem::replace(&mut stop.resumed, true))
    }

    /// Whether anybody of a session waits to be placed.
    pub(super) fn has_lost(&self, clinic: usize) -> bool {
        let waits =
            |lost: &Lost| lost.place.clinic == clinic && matches!(lost.fate, Fate::Open | Fate::Offered(_));
        self.lost.iter().any(waits)
    }

    /// How near a session is to the one that was lost; 3 is asked.
    fn nearness(&self, lost: usize, to: usize) -> u8 {
        let (lost, to) = (&self.all[lost], &self.all[to]);
        let days = (lost.day() - to.day()).abs();
        if lost.expert != to.expert {
            3
        } else if lost.practitioner == to.practitioner && days <= 7 {
            0
        } else if (lost.day(), lost.is_morning()) == (to.day(), to.is_morning()) {
            1
        } else if days <= 3 {
            2
        } else {
            3
        }
    }

    /// The displaced of a stop one after the other: rights first, then the order of booking. Each takes the nearest session
    /// that has room; a yes is asked where the patient did not give one. What was told is held against it, and of the slots
    /// that have room any is right.
    pub(super) fn rebook(
        &mut self,
        stop: u64,
        into: &[usize],
        tickets: bool,
        told: &[Told],
    ) -> Result<(), String> {
        let mut open: Vec<usize> = (0..self.lost.len())
            .filter(|lost| self.lost[*lost].stop == stop && self.lost[*lost].fate == Fate::Open)
            .collect();
        open.sort_by_key(|lost| {
            let place = &self.lost[*lost].place;
            (place.rank, place.since, place.booking)
        });
        let order = |told: &[Told]| told.iter().map(|told| told.from).collect::<Vec<_>>();
        let expected: Vec<u64> = open.iter().map(|lost| self.lost[*lost].place.booking).collect();
        if order(told) != expected {
            return Err(format!("I20: placed are {:x?}, and next are {expected:x?}", order(told)));
        }
        for (lost, told) in open.into_iter().zip(told) {
            let place = self.lost[lost].place;
            let mut near: Vec<(u8, usize, usize)> = (into.iter().enumerate())
                .map(|(order, to)| (self.nearness(place.clinic, *to), order, *to))
                .collect();
            near.sort_unstable();
            let best = near.into_iter().find(|(nearness, _, to)| {
                let room = (0..self.all[*to].slots).any(|slot| self.has_room(*to, slot));
                room && self.may(place.patient, *to) && (*nearness < 3 || self.may_hold(place.patient, *to))
            });
            let fate = match best {
                Some((3, ..)) => Fate::Offered(told.to.unwrap_or_default()),
                Some(_) => Fate::Moved,
                None if tickets => Fate::Ticket,
                None => Fate::Open,
            };
            let session = best.map(|(_, _, to)| self.all[to].code);
            if (told.fate.as_str(), told.session.as_deref()) != (fate.word(), session) {
                return Err(format!("I20: {told:?}, in the books {fate:?} {session:?}"));
            }
            if told.patient != super::key(place.patient) {
                return Err(format!("I20: {told:?} is not {}", place.patient));
            }
            if let Some((nearness, _, to)) = best {
                if told.slot >= self.all[to].slots || !self.has_room(to, told.slot) {
                    return Err(format!("I2: {told:?}, and there is no room"));
                }
                let until = (nearness == 3).then_some((self.now + DAY).min(self.all[to].begins(told.slot)));
                let booking = told.to.ok_or_else(|| format!("I20: {told:?} is told no booking"))?;
                self.places.push(Place { booking, clinic: to, slot: told.slot, until, ..place });
            }
            self.lost[lost].fate = fate;
        }
        Ok(())
    }

    /// Of holds a patient has one in a session and two altogether.
    fn may_hold(&self, patient: u32, clinic: usize) -> bool {
        let holds = || self.places.iter().filter(|place| place.patient == patient && place.until.is_some());
        holds().count() < 2 && !holds().any(|place| place.clinic == clinic)
    }

    /// Moved, offered, with a ticket, and with nothing yet: everybody whom a stop displaced, once.
    pub(super) fn sums(&self, stop: u64) -> [u64; 4] {
        let count = |is: fn(Fate) -> bool| {
            self.lost.iter().filter(|lost| lost.stop == stop && is(lost.fate)).count() as u64
        };
        [
            count(|fate| fate == Fate::Moved),
            count(|fate| matches!(fate, Fate::Offered(_))),
            count(|fate| fate == Fate::Ticket),
            count(|fate| fate == Fate::Open),
        ]
    }

    /// A session under another practitioner, unless that one is elsewhere then; how many are to be told.
    pub(super) fn substitute(&mut self, clinic: usize, practitioner: u32) -> Option<u64> {
        if self.all[clinic].practitioner == practitioner {
            return Some(0);
        }
        let (from, to) = (self.all[clinic].from, self.all[clinic].to());
        let elsewhere =
            |other: &Clinic| other.practitioner == practitioner && from < other.to() && other.from < to;
        if self.all.iter().any(elsewhere) {
            return None;
        }
        self.all[clinic].practitioner = practitioner;
        Some(self.places.iter().filter(|place| place.clinic == clinic).count() as u64)
    }
}

// ---- persons and what they did not come to

/// A booking of the day that is looked back on. Minutes since the fourth.
#[derive(Clone, Debug)]
pub(super) struct Visit {
    pub(super) patient: u32,
    pub(super) clinic: usize,
    pub(super) booking: String,
    pub(super) from: i64,
    pub(super) came: bool,
    pub(super) outcome: Option<&'static str>,
}

/// Persons, under one key or several.
#[derive(Debug, Default)]
pub(super) struct Persons {
    pub(super) visits: Vec<Visit>,
    /// The key that stands for another.
    stays: BTreeMap<u32, u32>,
    broke: Vec<u32>,
}

impl Persons {
    pub(super) fn person(&self, mut patient: u32) -> u32 {
        while let Some(stays) = self.stays.get(&patient) {
            patient = *stays;
        }
        patient
    }

    /// Whether a key books no more.
    pub(super) fn is_blocked(&self, patient: u32) -> bool {
        self.stays.contains_key(&patient) || self.broke.contains(&patient)
    }

    pub(super) fn is_given_up(&self, patient: u32) -> bool {
        self.stays.contains_key(&patient)
    }

    pub(super) fn of(&self, patient: u32) -> impl Iterator<Item = &Visit> {
        self.visits.iter().filter(move |visit| visit.patient == patient)
    }

    /// Two keys are one person: whether the bookings under all keys break a rule together, and how many they are.
    pub(super) fn merge(&mut self, from: u32, into: u32) -> (bool, usize) {
        let theirs = |visit: &&Visit| [from, into].contains(&self.person(visit.patient));
        let both: Vec<&Visit> = self.visits.iter().filter(theirs).collect();
        // Each session is a department of its own, so two visits of it are one too many.
        let breach = both
            .iter()
            .enumerate()
            .any(|(index, visit)| both[..index].iter().any(|other| other.clinic == visit.clinic));
        let bookings = both.len();
        self.stays.insert(from, into);
        if breach {
            self.broke.push(into);
        }
        (breach, bookings)
    }

    /// Until when a person is suspended: of the no-shows of a year, as they stand corrected, the third is 90 days and the sixth
    /// 180, from the end of the visit that nobody came to.
    pub(super) fn suspended_until(&self, patient: u32) -> Option<i64> {
        let person = self.person(patient);
        let mut missed: Vec<i64> = (self.visits.iter())
            .filter(|visit| self.person(visit.patient) == person && visit.outcome == Some("no_show"))
            .map(|visit| visit.from + VALID)
            .collect();
        missed.sort_unstable();
        let step = |count: usize, days: i64| missed.get(count - 1).map(|at| at + days * DAY);
        step(3, 90).max(step(6, 180))
    }
}

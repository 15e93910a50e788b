//! The check-in queue (报到候诊): who is called next.
//!
//! One queue serves one *line* of patients: those of a session, or those of a clinic with several rooms that call from
//! the same line. In order of precedence: emergencies, the green channel, patients who come back with a result (回诊),
//! then booked patients and walk-ins, `N` booked to one walk-in.
//!
//! INVARIANT (no band inversion): nobody of a lower band is called while somebody of the emergency or green band waits.
//!
//! INVARIANT (walk-in bound): while a walk-in waits, at most `N` booked patients are called between two walk-ins; so the
//! `j`-th walk-in is called after at most `N·j` booked patients and `j − 1` walk-ins.
//!
//! INVARIANT (returns are spread): a room calls no two returning patients in a row while anybody else waits.
//!
//! A decision ([`Queue::decide`]) reads the queue and gives a [`Fact`]; [`Queue::apply`] takes a fact up and asks no rule,
//! so that a recorded day is replayed as it was. Time is an argument of every decision.
//!
//! ```
//! use haoyuan_core::calling::{Ask, Band, CheckIn, Fact, Queue, Rules};
//! use haoyuan_core::ids::{RoomId, VisitId};
//! use haoyuan_core::instant::Instant;
//!
//! let at = Instant::new(1_772_415_000_000).unwrap();
//! let room = RoomId::new(1).unwrap();
//! let mut queue = Queue::new(Rules::default());
//! let mut calls = String::new();
//! for number in 0..10 {
//!     let band = if number < 7 { Band::Booked } else { Band::WalkIn };
//!     let visit = VisitId::new(number).unwrap();
//!     let fact = queue.decide(&Ask::CheckIn(CheckIn { number, ..CheckIn::new(visit, band) }), at).unwrap();
//!     queue.apply(&fact);
//! }
//! while let Ok(Fact::Called { visit, .. }) = queue.decide(&Ask::Call { room }, at) {
//!     calls.push(if visit.get() < 7 { 'B' } else { 'W' });
//!     for ask in [Ask::Call { room }, Ask::Enter { visit }, Ask::Free { room }] {
//!         let fact = queue.decide(&ask, at).unwrap();
//!         queue.apply(&fact);
//!     }
//! }
//! assert_eq!(calls, "BBWBBWBBWB");
//! ```
//!
//! Why a line and not a queue per room: with a count of its own for each room a walk-in of a clinic with five rooms would
//! wait for five times `N` booked patients; with one count for patients who can only go to one room, another room's
//! walk-ins would use up their turn. So whoever can only be seen in one room stands in that room's own line; only a
//! returning patient may be bound to a room of a shared line, because the rule for returns is each room's own.

use crate::ids::{Interval, RoomId, VisitId};
use crate::instant::{Instant, MINUTE};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::fmt;
use std::num::NonZeroU16;

/// Where a patient goes who comes late, but not too late.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateTo {
    /// Behind the patients of the period that follows the present one.
    #[default]
    EndOfNextPeriod,
    /// Behind everybody who has checked in so far.
    EndOfQueue,
}

/// The rules of a queue, as data. Lengths are milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rules {
    /// So many booked patients to one walk-in; `None`: walk-ins only when no booked patient can be called.
    pub booked_per_walk_in: Option<NonZeroU16>,
    /// A booked patient can be called so long before the slot begins; earlier only when nobody else waits.
    pub early_ms: i64,
    /// Late by at most so much, counted from the beginning of the slot, a patient keeps the place.
    pub keep_late_ms: i64,
    /// Late by more than this, the number is void unless staff let it pass.
    pub valid_late_ms: i64,
    /// The place of whoever comes between the two.
    pub late_to: LateTo,
    /// Behind how many of the same band goes who was called and not there (过号) for the first time; whoever was sent to
    /// that place before stays ahead.
    pub places_after_pass: u8,
    /// How long a visit is planned to take: for waiting times until visits of the line were seen.
    pub service_ms: i64,
}

impl Default for Rules {
    /// Two booked patients to a walk-in, callable 30 minutes early; late up to 10 minutes keeps the place, up to 30 goes
    /// behind the next period; two places after a pass; six minutes a visit.
    fn default() -> Self {
        Self {
            booked_per_walk_in: NonZeroU16::new(2),
            early_ms: 30 * MINUTE,
            keep_late_ms: 10 * MINUTE,
            valid_late_ms: 30 * MINUTE,
            late_to: LateTo::EndOfNextPeriod,
            places_after_pass: 2,
            service_ms: 6 * MINUTE,
        }
    }
}

/// The bands of a queue, first to last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// Graded as an emergency.
    Emergency,
    /// Green channel (绿色通道).
    Green,
    /// Seen before in this clinic today and back with a result (回诊).
    Return,
    /// Booked.
    Booked,
    /// Registered on site without a booking.
    WalkIn,
}

const BANDS: usize = 5;

/// A patient who has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CheckIn {
    /// The visit.
    pub visit: VisitId,
    /// Its band.
    pub band: Band,
    /// The slot of a booked patient; without one lateness is not asked, and the place is that of the arrival.
    pub slot: Option<Interval>,
    /// The number (号序): who comes first within a slot.
    pub number: u32,
    /// For a return: the only room that will do.
    pub room: Option<RoomId>,
    /// Staff let a number pass that is void by the late rule.
    pub let_pass: bool,
}

impl CheckIn {
    /// An arrival of a band, with nothing more to say.
    #[must_use]
    pub const fn new(visit: VisitId, band: Band) -> Self {
        Self { visit, band, slot: None, number: 0, room: None, let_pass: false }
    }
}

/// What a queue is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ask {
    /// A patient has arrived.
    CheckIn(CheckIn),
    /// A room calls the next patient.
    Call {
        /// Which.
        room: RoomId,
    },
    /// Who was called entered the room.
    Enter {
        /// Who.
        visit: VisitId,
    },
    /// Who was called is not there (过号).
    Pass {
        /// Who.
        visit: VisitId,
    },
    /// A patient who was passed twice is there again.
    CheckInAgain {
        /// Who.
        visit: VisitId,
    },
    /// The room's visit is over.
    Free {
        /// Which room.
        room: RoomId,
    },
    /// A patient goes away or is taken out: stopped by the hospital, sent elsewhere.
    Leave {
        /// Who.
        visit: VisitId,
    },
    /// A room calls no more; whoever was bound to it may go to any.
    Close {
        /// Which.
        room: RoomId,
    },
}

/// A place in a band: the least is called first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Turn {
    /// The beginning of the slot, as it counts; of whoever has none the arrival.
    pub start: Instant,
    /// The number within it.
    pub number: u32,
    /// How many places the queue had given before; of somebody passed, that of the patient now right ahead.
    pub order: u32,
    /// Of somebody passed: how many places the queue had given before. 0 otherwise.
    pub again: u32,
}

/// What happens to a patient who was called and not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The first time: back into the band, at this place.
    Back(Turn),
    /// The second time: out of the queue until checking in again.
    Away,
    /// The third time: a no-show.
    NoShow,
}

/// A decision, to be recorded and applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// A patient stands in the queue.
    CheckedIn {
        /// Who.
        visit: VisitId,
        /// The band.
        band: Band,
        /// The place in it.
        turn: Turn,
        /// The only room that will do.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        room: Option<RoomId>,
    },
    /// A room has called a patient.
    Called {
        /// Who.
        visit: VisitId,
        /// Which room.
        room: RoomId,
    },
    /// The patient entered.
    Entered {
        /// Who.
        visit: VisitId,
        /// When.
        at: Instant,
    },
    /// The patient was not there.
    Passed {
        /// Who.
        visit: VisitId,
        /// What follows.
        then: Then,
    },
    /// A patient who was passed twice stands in the queue again.
    Again {
        /// Who.
        visit: VisitId,
        /// The place.
        turn: Turn,
    },
    /// The room's visit is over.
    Freed {
        /// Which room.
        room: RoomId,
        /// When.
        at: Instant,
    },
    /// The patient is out of the queue.
    Left {
        /// Who.
        visit: VisitId,
    },
    /// The room calls no more.
    Closed {
        /// Which.
        room: RoomId,
    },
}

/// Why a queue cannot do what it is asked; it is as it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refused {
    /// The patient came so late that the number is void; staff may let it pass.
    TooLate,
    /// The patient has checked in already.
    AlreadyThere,
    /// No such patient is in the queue.
    NotThere,
    /// The patient was not called, or not passed twice: what was asked comes later or came before.
    NotNow,
    /// Nobody waits whom this room may call.
    NobodyWaits,
    /// The room has a patient, called or inside.
    RoomBusy,
    /// The room has no patient inside.
    RoomEmpty,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLate => "the patient is too late and the number is void; staff may let it pass",
            Self::AlreadyThere => "the patient has checked in already",
            Self::NotThere => "no such patient is in this queue",
            Self::NotNow => "this patient was not called, or was not passed twice",
            Self::NobodyWaits => "nobody waits whom this room may call",
            Self::RoomBusy => "the room has a patient, called or inside",
            Self::RoomEmpty => "the room has no patient inside",
        })
    }
}

impl std::error::Error for Refused {}

/// A place and who has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(not(test), derive(PartialOrd, Ord))] // the tests count the comparisons
struct Key {
    turn: Turn,
    visit: VisitId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Standing {
    Waiting(Key),
    Called(RoomId),
    Inside(RoomId),
    Away,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    band: Band,
    room: Option<RoomId>,
    turn: Turn,
    passes: u8,
    standing: Standing,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Room {
    visit: Option<VisitId>,
    entered: Option<Instant>,
    after_return: bool,
}

/// One line of patients and the rooms that call from it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    rules: Rules,
    entries: BTreeMap<VisitId, Entry>,
    /// Who waits, by band; of returns those that may go to any room.
    bands: [BTreeSet<Key>; BANDS],
    /// Returns that wait for one room.
    bound: BTreeMap<RoomId, BTreeSet<Key>>,
    rooms: BTreeMap<RoomId, Room>,
    /// How many places were given, and one: a place that was taken again is behind the one it was taken after.
    order: u32,
    /// Booked patients called since the last walk-in.
    streak: u16,
    /// Visits that are over, and how long they took.
    served: u32,
    served_ms: i64,
}

/// Visits that must have been seen before their mean replaces the planned length.
const SEEN_LEAST: u32 = 3;

impl Queue {
    /// An empty queue.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            entries: BTreeMap::new(),
            bands: Default::default(),
            bound: BTreeMap::new(),
            rooms: BTreeMap::new(),
            order: 1,
            streak: 0,
            served: 0,
            served_ms: 0,
        }
    }

    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How many wait to be called.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.bands.iter().chain(self.bound.values()).map(BTreeSet::len).sum()
    }

    /// Whom a room has called or has inside.
    #[must_use]
    pub fn patient_of(&self, room: RoomId) -> Option<VisitId> {
        self.rooms.get(&room)?.visit
    }

    /// Whom a room would call at this instant. O(log n).
    #[must_use]
    pub fn next(&self, room: RoomId, at: Instant) -> Option<VisitId> {
        let head = |band: Band| self.bands[band as usize].first();
        if let Some(first) = head(Band::Emergency).or_else(|| head(Band::Green)) {
            return Some(first.visit);
        }
        let own = self.bound.get(&room).and_then(BTreeSet::first);
        let back = own.into_iter().chain(head(Band::Return)).min();
        let after_return = self.rooms.get(&room).is_some_and(|room| room.after_return);
        if let Some(back) = back.filter(|_| !after_return) {
            return Some(back.visit);
        }
        let booked = head(Band::Booked);
        let callable = booked.filter(|key| self.callable(Band::Booked, key, at));
        let walk_in = head(Band::WalkIn);
        let has_turn = self.rules.booked_per_walk_in.is_none_or(|n| self.streak < n.get());
        let regular = match (callable, walk_in) {
            (Some(booked), None) => Some(booked),
            (Some(booked), Some(_)) if has_turn => Some(booked),
            (_, Some(walk_in)) => Some(walk_in),
            // An idle room takes who came early, and only then a second return.
            (None, None) => booked.or(back),
        };
        regular.map(|key| key.visit)
    }

    /// Decides what is asked, without changing the queue.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn decide(&self, ask: &Ask, at: Instant) -> Result<Fact, Refused> {
        match *ask {
            Ask::CheckIn(arrival) => self.check_in(&arrival, at),
            Ask::Call { room } if self.patient_of(room).is_some() => Err(Refused::RoomBusy),
            Ask::Call { room } => {
                self.next(room, at).map(|visit| Fact::Called { visit, room }).ok_or(Refused::NobodyWaits)
            }
            Ask::Enter { visit } => match self.entry(visit)?.standing {
                Standing::Called(_) => Ok(Fact::Entered { visit, at }),
                _ => Err(Refused::NotNow),
            },
            Ask::Pass { visit } => self.pass(visit, at),
            Ask::CheckInAgain { visit } => {
                let entry = self.entry(visit)?;
                match entry.standing {
                    Standing::Away => {
                        Ok(Fact::Again { visit, turn: self.end_of_line(entry.band, entry.room, entry.turn) })
                    }
                    _ => Err(Refused::NotNow),
                }
            }
            Ask::Free { room } => {
                let visit = self.patient_of(room).ok_or(Refused::RoomEmpty)?;
                match self.entry(visit)?.standing {
                    Standing::Inside(_) => Ok(Fact::Freed { room, at }),
                    _ => Err(Refused::RoomEmpty),
                }
            }
            Ask::Leave { visit } => match self.entry(visit)?.standing {
                Standing::Inside(_) => Err(Refused::NotNow),
                _ => Ok(Fact::Left { visit }),
            },
            Ask::Close { room } if self.patient_of(room).is_some() => Err(Refused::RoomBusy),
            Ask::Close { room } => Ok(Fact::Closed { room }),
        }
    }

    fn entry(&self, visit: VisitId) -> Result<&Entry, Refused> {
        self.entries.get(&visit).ok_or(Refused::NotThere)
    }

    fn check_in(&self, arrival: &CheckIn, at: Instant) -> Result<Fact, Refused> {
        let CheckIn { visit, band, number, .. } = *arrival;
        if self.entries.contains_key(&visit) {
            return Err(Refused::AlreadyThere);
        }
        let room = arrival.room.filter(|_| band == Band::Return);
        let turn = |start| Turn { start, number, order: self.order, again: 0 };
        let checked_in = |turn| Ok(Fact::CheckedIn { visit, band, turn, room });
        let slot = arrival.slot.filter(|_| band == Band::Booked);
        let Some(slot) = slot else { return checked_in(turn(at)) };
        let late = at.ms() - slot.from.ms();
        if late <= self.rules.keep_late_ms {
            return checked_in(turn(slot.from));
        }
        if late > self.rules.valid_late_ms && !arrival.let_pass {
            return Err(Refused::TooLate);
        }
        checked_in(match self.rules.late_to {
            LateTo::EndOfNextPeriod => {
                // Periods are as long as the patient's own slot and counted from it.
                let length = (slot.to.ms() - slot.from.ms()).max(1);
                turn(slot.from.plus((late / length + 2) * length))
            }
            LateTo::EndOfQueue => self.end_of_line(band, room, turn(slot.from)),
        })
    }

    fn pass(&self, visit: VisitId, at: Instant) -> Result<Fact, Refused> {
        let entry = self.entry(visit)?;
        if !matches!(entry.standing, Standing::Called(_)) {
            return Err(Refused::NotNow);
        }
        let then = match entry.passes {
            0 => {
                // Behind the next ones who could be called now, but behind somebody if anybody waits.
                let places = usize::from(self.rules.places_after_pass);
                let ahead = self.line(entry.band, entry.room).into_iter().flatten().take(places).enumerate();
                let close = |(place, key): &(usize, &Key)| *place == 0 || self.callable(entry.band, key, at);
                let behind = ahead.take_while(close).last().map(|(_, key)| key);
                Then::Back(behind.map_or(entry.turn, |key| Turn { again: self.order, ..key.turn }))
            }
            1 => Then::Away,
            _ => Then::NoShow,
        };
        Ok(Fact::Passed { visit, then })
    }

    fn callable(&self, band: Band, key: &Key, at: Instant) -> bool {
        band != Band::Booked || key.turn.start.ms() - self.rules.early_ms <= at.ms()
    }

    /// The line in which somebody of this band waits.
    fn line(&self, band: Band, room: Option<RoomId>) -> Option<&BTreeSet<Key>> {
        match room {
            Some(room) => self.bound.get(&room),
            None => Some(&self.bands[band as usize]),
        }
    }

    fn line_mut(&mut self, band: Band, room: Option<RoomId>) -> &mut BTreeSet<Key> {
        match room {
            Some(room) => self.bound.entry(room).or_default(),
            None => &mut self.bands[band as usize],
        }
    }

    /// Behind everybody of a line; in an empty one the turn that the patient had.
    fn end_of_line(&self, band: Band, room: Option<RoomId>, had: Turn) -> Turn {
        let last = self.line(band, room).and_then(BTreeSet::last);
        last.map_or(had, |key| had.max(Turn { again: self.order, ..key.turn }))
    }

    /// Takes up a fact. A fact that does not fit (about a patient who is not there) changes nothing.
    pub fn apply(&mut self, fact: &Fact) {
        match *fact {
            Fact::CheckedIn { visit, band, turn, room } => {
                let entry = Entry { band, room, turn, passes: 0, standing: Standing::Away };
                self.entries.insert(visit, entry);
                self.place(visit, turn);
            }
            Fact::Called { visit, room } => self.called(visit, room),
            Fact::Entered { visit, at } => {
                let Some(entry) = self.entries.get_mut(&visit) else { return };
                let Standing::Called(room) = entry.standing else { return };
                entry.standing = Standing::Inside(room);
                self.rooms.entry(room).or_default().entered = Some(at);
            }
            Fact::Passed { visit, then } => {
                self.take_out(visit);
                let Some(entry) = self.entries.get_mut(&visit) else { return };
                entry.passes = entry.passes.saturating_add(1);
                match then {
                    Then::Back(turn) => self.place(visit, turn),
                    Then::Away => entry.standing = Standing::Away,
                    Then::NoShow => drop(self.entries.remove(&visit)),
                }
            }
            Fact::Again { visit, turn } => self.place(visit, turn),
            Fact::Freed { room, at } => {
                let Some(state) = self.rooms.get_mut(&room) else { return };
                let (visit, entered) = (state.visit.take(), state.entered.take());
                if let (Some(visit), Some(entered)) = (visit, entered) {
                    self.entries.remove(&visit);
                    self.served = self.served.saturating_add(1);
                    self.served_ms = self.served_ms.saturating_add((at.ms() - entered.ms()).max(0));
                }
            }
            Fact::Left { visit } => {
                self.take_out(visit);
                self.entries.remove(&visit);
            }
            Fact::Closed { room } => {
                self.rooms.remove(&room);
                for key in self.bound.remove(&room).unwrap_or_default() {
                    if let Some(entry) = self.entries.get_mut(&key.visit) {
                        entry.room = None;
                        self.bands[entry.band as usize].insert(key);
                    }
                }
                // Who was passed twice and comes again is bound to the closed room no longer either.
                for entry in self.entries.values_mut().filter(|entry| entry.room == Some(room)) {
                    entry.room = None;
                }
            }
        }
    }

    /// Puts somebody who is nowhere into the line of the band.
    fn place(&mut self, visit: VisitId, turn: Turn) {
        let Some(entry) = self.entries.get_mut(&visit) else { return };
        self.order = self.order.saturating_add(1);
        let key = Key { turn, visit };
        entry.turn = turn;
        entry.standing = Standing::Waiting(key);
        let (band, room) = (entry.band, entry.room);
        self.line_mut(band, room).insert(key);
    }

    /// Takes somebody out of the line, or out of the room that called.
    fn take_out(&mut self, visit: VisitId) {
        let Some(entry) = self.entries.get(&visit).copied() else { return };
        match entry.standing {
            Standing::Waiting(key) => {
                self.line_mut(entry.band, entry.room).remove(&key);
            }
            Standing::Called(room) | Standing::Inside(room) => {
                if let Some(room) = self.rooms.get_mut(&room) {
                    (room.visit, room.entered) = (None, None);
                }
            }
            Standing::Away => {}
        }
    }

    fn called(&mut self, visit: VisitId, room: RoomId) {
        self.take_out(visit);
        let Some(entry) = self.entries.get_mut(&visit) else { return };
        entry.standing = Standing::Called(room);
        match entry.band {
            Band::Booked => self.streak = self.streak.saturating_add(1),
            Band::WalkIn => self.streak = 0,
            Band::Emergency | Band::Green | Band::Return => {}
        }
        let after_return = entry.band == Band::Return;
        self.rooms.insert(room, Room { visit: Some(visit), entered: None, after_return });
    }

    /// How long a visit takes: as seen in this line, or as planned while few were seen. Milliseconds, at least 1.
    #[must_use]
    pub fn service_ms(&self) -> i64 {
        let seen = (self.served >= SEEN_LEAST).then(|| self.served_ms / i64::from(self.served));
        seen.unwrap_or(self.rules.service_ms).max(1)
    }

    /// How long a patient still waits to be called, milliseconds, if nobody else comes and every visit takes as long as
    /// [`Queue::service_ms`]; `None` for whoever does not wait. Works the calls ahead out on a copy: O(n log n).
    #[must_use]
    pub fn waiting_time(&self, visit: VisitId, at: Instant) -> Option<i64> {
        match self.entries.get(&visit)?.standing {
            Standing::Waiting(_) => {}
            Standing::Called(_) | Standing::Inside(_) => return Some(0),
            Standing::Away => return None,
        }
        let service = self.service_ms();
        let mut copy = self.clone();
        let free = |(id, room): (&RoomId, &Room)| {
            let since = room.entered.unwrap_or(at);
            let free = if room.visit.is_some() { since.plus(service).max(at) } else { at };
            Reverse((free, *id))
        };
        let mut rooms: BinaryHeap<_> = self.rooms.iter().map(free).collect();
        if rooms.is_empty() {
            // No room has called yet: one will.
            rooms.push(Reverse((at, RoomId::default())));
        }
        while let Some(Reverse((now, room))) = rooms.pop() {
            let Some(next) = copy.next(room, now) else { continue };
            if next == visit {
                return Some(now.ms() - at.ms());
            }
            copy.called(next, room);
            rooms.push(Reverse((now.plus(service), room)));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::cmp::Ordering;

    const SLOT: i64 = 30 * MINUTE;

    thread_local! {
        /// How many places this thread has compared.
        static COMPARED: Cell<u64> = const { Cell::new(0) };
    }

    impl Ord for Key {
        fn cmp(&self, other: &Self) -> Ordering {
            COMPARED.set(COMPARED.get() + 1);
            (self.turn, self.visit).cmp(&(other.turn, other.visit))
        }
    }

    impl PartialOrd for Key {
        fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
            Some(self.cmp(other))
        }
    }

    /// 2026-03-10 08:00 at +08:00, moved by minutes.
    fn at(minutes: i64) -> Instant {
        Instant::saturating(1_773_100_800_000).plus(minutes * MINUTE)
    }

    fn visit(id: u32) -> VisitId {
        VisitId::new(id).unwrap()
    }

    fn room(id: u16) -> RoomId {
        RoomId::new(id).unwrap()
    }

    fn slot(index: i64) -> Interval {
        Interval { from: at(30 * index), to: at(30 * index).plus(SLOT) }
    }

    /// A clinic for tests: asks, records, applies.
    struct Clinic {
        queue: Queue,
        facts: Vec<Fact>,
    }

    impl Clinic {
        fn new(rules: Rules) -> Self {
            Self { queue: Queue::new(rules), facts: Vec::new() }
        }

        fn ask(&mut self, ask: Ask, minute: i64) -> Result<Fact, Refused> {
            let fact = self.queue.decide(&ask, at(minute))?;
            self.queue.apply(&fact);
            self.facts.push(fact);
            Ok(fact)
        }

        fn arrives(&mut self, id: u32, band: Band, minute: i64) {
            self.ask(Ask::CheckIn(CheckIn::new(visit(id), band)), minute).unwrap();
        }

        /// Somebody booked in a slot arrives at a minute.
        fn booked(&mut self, id: u32, index: i64, minute: i64) -> Result<Fact, Refused> {
            let arrival =
                CheckIn { slot: Some(slot(index)), number: id, ..CheckIn::new(visit(id), Band::Booked) };
            self.ask(Ask::CheckIn(arrival), minute)
        }

        /// A room calls and serves until nobody waits; who came, in order.
        fn all(&mut self, room: RoomId, minute: i64) -> Vec<u32> {
            std::iter::from_fn(|| self.one(room, minute)).collect()
        }

        fn one(&mut self, room: RoomId, minute: i64) -> Option<u32> {
            let Ok(Fact::Called { visit, .. }) = self.ask(Ask::Call { room }, minute) else { return None };
            self.ask(Ask::Enter { visit }, minute).unwrap();
            self.ask(Ask::Free { room }, minute).unwrap();
            Some(visit.get())
        }
    }

    #[track_caller]
    fn check(arrivals: &[(u32, Band)], expected: &[u32]) {
        let mut clinic = Clinic::new(Rules::default());
        for (id, band) in arrivals {
            clinic.arrives(*id, *band, 0);
        }
        assert_eq!(clinic.all(room(1), 0), expected);
    }

    #[test]
    fn seven_booked_and_three_walk_ins_are_called_two_to_one() {
        let booked = (0..7).map(|id| (id, Band::Booked));
        let walk_ins = (10..13).map(|id| (id, Band::WalkIn));
        check(&booked.chain(walk_ins).collect::<Vec<_>>(), &[0, 1, 10, 2, 3, 11, 4, 5, 12, 6]);
    }

    #[test]
    fn bands_come_in_order_and_returns_between_others() {
        use Band::{Booked, Emergency, Green, Return, WalkIn};
        check(
            &[(1, WalkIn), (2, Booked), (3, Return), (4, Return), (5, Green), (6, Emergency)],
            &[6, 5, 3, 2, 4, 1],
        );
        // While nobody else waits, a second return does not wait for nobody.
        check(&[(1, Return), (2, Return), (3, Return), (4, Booked)], &[1, 4, 2, 3]);
        check(&[(1, WalkIn), (2, WalkIn)], &[1, 2]);
    }

    #[test]
    fn without_a_ratio_booked_patients_come_first() {
        let mut clinic = Clinic::new(Rules { booked_per_walk_in: None, ..Rules::default() });
        for (id, band) in [(1, Band::WalkIn), (2, Band::Booked), (3, Band::Booked), (4, Band::Booked)] {
            clinic.arrives(id, band, 0);
        }
        assert_eq!(clinic.all(room(1), 0), [2, 3, 4, 1]);
    }

    #[test]
    fn slot_and_number_decide_among_booked_patients_not_who_came_first() {
        let mut clinic = Clinic::new(Rules::default());
        for (id, index, minute) in [(9, 1, 0), (4, 0, 1), (3, 0, 2), (8, 1, 3)] {
            clinic.booked(id, index, minute).unwrap();
        }
        assert_eq!(clinic.all(room(1), 5), [3, 4, 8, 9]);
    }

    #[test]
    fn who_comes_early_is_called_in_the_window_or_by_an_idle_room() {
        let mut clinic = Clinic::new(Rules::default());
        clinic.booked(20, 4, 0).unwrap(); // 10:00, there at 8:00
        clinic.arrives(1, Band::WalkIn, 0);
        clinic.arrives(2, Band::WalkIn, 0);
        // Walk-ins fill the time before the window opens, whatever the ratio says.
        assert_eq!(clinic.one(room(1), 10), Some(1));
        // From 9:30 on the booked patient goes first.
        assert_eq!(clinic.queue.next(room(1), at(90).plus(-1)), Some(visit(2)));
        assert_eq!(clinic.queue.next(room(1), at(90)), Some(visit(20)));
        assert_eq!(clinic.one(room(1), 20), Some(2));
        // Nobody else is there: the idle room takes who came early.
        assert_eq!(clinic.one(room(1), 30), Some(20));
    }

    #[test]
    fn who_comes_late_keeps_the_place_goes_behind_or_is_void() {
        let turn = |clinic: &mut Clinic, minute| match clinic.booked(1, 0, minute) {
            Ok(Fact::CheckedIn { turn, .. }) => Ok((turn.start.ms() - at(0).ms()) / MINUTE),
            other => Err(other),
        };
        let fresh = || Clinic::new(Rules::default());
        assert_eq!(turn(&mut fresh(), -60), Ok(0));
        assert_eq!(turn(&mut fresh(), 10), Ok(0));
        // 8:11 to 8:29 is the first period; the next one ends at 9:00.
        assert_eq!(turn(&mut fresh(), 11), Ok(60));
        // 8:30 is in the second period; the next one ends at 9:30.
        assert_eq!(turn(&mut fresh(), 30), Ok(90));
        assert_eq!(turn(&mut fresh(), 31), Err(Err(Refused::TooLate)));
        let let_pass =
            CheckIn { slot: Some(slot(0)), let_pass: true, ..CheckIn::new(visit(1), Band::Booked) };
        assert!(fresh().ask(Ask::CheckIn(let_pass), 31).is_ok());
        // Somebody else's slot is not the measure: late by one millisecond over the limit is late.
        let mut clinic = fresh();
        let late = CheckIn { slot: Some(slot(0)), ..CheckIn::new(visit(1), Band::Booked) };
        assert_eq!(clinic.queue.decide(&Ask::CheckIn(late), at(30).plus(1)), Err(Refused::TooLate));
        // Behind those of the next period, before those of the one after.
        for (id, index) in [(5, 1), (6, 1), (9, 2)] {
            clinic.booked(id, index, 0).unwrap();
        }
        clinic.booked(1, 0, 15).unwrap();
        assert_eq!(clinic.all(room(1), 60), [5, 6, 1, 9]);
    }

    #[test]
    fn the_end_of_the_queue_can_be_the_place_of_who_comes_late() {
        let mut clinic = Clinic::new(Rules { late_to: LateTo::EndOfQueue, ..Rules::default() });
        for (id, index) in [(5, 1), (9, 2)] {
            clinic.booked(id, index, 0).unwrap();
        }
        clinic.booked(1, 0, 15).unwrap();
        clinic.booked(2, 0, 16).unwrap();
        // Whoever arrives after that in time is where the slot says.
        clinic.booked(7, 2, 17).unwrap();
        assert_eq!(clinic.all(room(1), 60), [5, 7, 9, 1, 2]);
    }

    #[test]
    fn who_is_not_there_moves_back_two_then_waits_outside_then_is_a_no_show() {
        let mut clinic = Clinic::new(Rules { booked_per_walk_in: None, ..Rules::default() });
        for id in 1..=5 {
            clinic.arrives(id, Band::Booked, 0);
        }
        let room = room(1);
        let pass = |clinic: &mut Clinic, expected: u32| {
            assert_eq!(clinic.ask(Ask::Call { room }, 1), Ok(Fact::Called { visit: visit(expected), room }),);
            match clinic.ask(Ask::Pass { visit: visit(expected) }, 1) {
                Ok(Fact::Passed { then, .. }) => then,
                other => panic!("{other:?}"),
            }
        };
        assert!(matches!(pass(&mut clinic, 1), Then::Back(_)));
        assert_eq!([clinic.one(room, 2), clinic.one(room, 2)], [Some(2), Some(3)]);
        assert_eq!(pass(&mut clinic, 1), Then::Away);
        assert_eq!(clinic.queue.waiting_time(visit(1), at(2)), None);
        assert_eq!(clinic.one(room, 3), Some(4));
        clinic.arrives(6, Band::Booked, 3);
        clinic.ask(Ask::CheckInAgain { visit: visit(1) }, 4).unwrap();
        assert_eq!([clinic.one(room, 5), clinic.one(room, 5)], [Some(5), Some(6)]);
        assert_eq!(pass(&mut clinic, 1), Then::NoShow);
        assert_eq!(clinic.ask(Ask::CheckInAgain { visit: visit(1) }, 6), Err(Refused::NotThere));
        assert_eq!(clinic.queue.waiting(), 0);
    }

    #[test]
    fn a_pass_does_not_send_anybody_behind_who_came_early() {
        let mut clinic = Clinic::new(Rules::default());
        clinic.booked(1, 0, 0).unwrap();
        clinic.booked(2, 0, 0).unwrap();
        clinic.booked(30, 6, 0).unwrap(); // 11:00
        clinic.ask(Ask::Call { room: room(1) }, 1).unwrap();
        clinic.ask(Ask::Pass { visit: visit(1) }, 1).unwrap();
        assert_eq!(clinic.all(room(1), 2), [2, 1, 30]);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_changes_nothing() {
        let mut clinic = Clinic::new(Rules::default());
        clinic.arrives(1, Band::Booked, 0);
        clinic.arrives(2, Band::Booked, 0);
        let (one, first, second) = (visit(1), room(1), room(2));
        let refused = |clinic: &mut Clinic, ask, refused| {
            let before = clinic.queue.clone();
            assert_eq!(clinic.ask(ask, 0), Err(refused));
            assert_eq!(clinic.queue, before);
        };
        refused(&mut clinic, Ask::CheckIn(CheckIn::new(one, Band::Green)), Refused::AlreadyThere);
        refused(&mut clinic, Ask::Enter { visit: one }, Refused::NotNow);
        refused(&mut clinic, Ask::Pass { visit: one }, Refused::NotNow);
        refused(&mut clinic, Ask::CheckInAgain { visit: one }, Refused::NotNow);
        refused(&mut clinic, Ask::Leave { visit: visit(9) }, Refused::NotThere);
        refused(&mut clinic, Ask::Free { room: first }, Refused::RoomEmpty);
        clinic.ask(Ask::Call { room: first }, 0).unwrap();
        refused(&mut clinic, Ask::Call { room: first }, Refused::RoomBusy);
        refused(&mut clinic, Ask::Close { room: first }, Refused::RoomBusy);
        refused(&mut clinic, Ask::Free { room: first }, Refused::RoomEmpty);
        clinic.ask(Ask::Enter { visit: one }, 0).unwrap();
        refused(&mut clinic, Ask::Leave { visit: one }, Refused::NotNow);
        clinic.ask(Ask::Call { room: second }, 0).unwrap();
        clinic.ask(Ask::Free { room: first }, 5).unwrap();
        refused(&mut clinic, Ask::Call { room: first }, Refused::NobodyWaits);
        clinic.ask(Ask::Leave { visit: visit(2) }, 5).unwrap();
        assert_eq!(clinic.queue.patient_of(second), None);
    }

    #[test]
    fn rooms_share_a_line_and_a_return_may_be_bound_to_one() {
        let mut clinic = Clinic::new(Rules::default());
        for id in 1..=4 {
            clinic.arrives(id, Band::Booked, 0);
        }
        clinic.arrives(10, Band::WalkIn, 0);
        let back = CheckIn { room: Some(room(2)), ..CheckIn::new(visit(20), Band::Return) };
        clinic.ask(Ask::CheckIn(back), 0).unwrap();
        let (first, second) = (room(1), room(2));
        assert_eq!(clinic.one(first, 1), Some(1));
        assert_eq!(clinic.one(second, 1), Some(20));
        assert_eq!(clinic.one(second, 1), Some(2));
        // Two booked patients were called, one in each room: the walk-in's turn is the line's.
        assert_eq!(clinic.one(first, 1), Some(10));
        // A room that closes gives up whoever waits for it alone.
        let back = CheckIn { room: Some(second), ..CheckIn::new(visit(21), Band::Return) };
        clinic.ask(Ask::CheckIn(back), 2).unwrap();
        assert_eq!(clinic.queue.next(first, at(2)), Some(visit(3)));
        clinic.ask(Ask::Close { room: second }, 2).unwrap();
        assert_eq!(clinic.all(first, 3), [21, 3, 4]);
    }

    #[test]
    fn who_was_bound_to_a_room_that_closes_may_go_to_any() {
        let mut clinic = Clinic::new(Rules::default());
        for (id, bound) in [(20, 2), (22, 3)] {
            let back = CheckIn { room: Some(room(bound)), ..CheckIn::new(visit(id), Band::Return) };
            clinic.ask(Ask::CheckIn(back), 0).unwrap();
        }
        assert_eq!((clinic.queue.waiting(), clinic.one(room(1), 0)), (2, None));
        // One of each room is not there, and sent out of the queue.
        for (id, bound) in [(20, 2), (22, 3)] {
            for _ in 0..2 {
                let called = clinic.ask(Ask::Call { room: room(bound) }, 0);
                assert_eq!(called, Ok(Fact::Called { visit: visit(id), room: room(bound) }));
                clinic.ask(Ask::Pass { visit: visit(id) }, 0).unwrap();
            }
        }
        let back = CheckIn { room: Some(room(2)), ..CheckIn::new(visit(23), Band::Return) };
        clinic.ask(Ask::CheckIn(back), 0).unwrap();
        clinic.ask(Ask::Close { room: room(2) }, 0).unwrap();
        for id in [20, 22] {
            clinic.ask(Ask::CheckInAgain { visit: visit(id) }, 0).unwrap();
        }
        assert_eq!(clinic.queue.waiting(), 3);
        assert_eq!((clinic.all(room(1), 0), clinic.all(room(3), 0)), (vec![23, 20], vec![22]));
        assert_eq!(clinic.queue.waiting(), 0);
    }

    #[test]
    fn why_a_queue_does_not_do_what_it_is_asked_is_said() {
        use Refused::{AlreadyThere, NobodyWaits, NotNow, NotThere, RoomBusy, RoomEmpty, TooLate};
        let all = [TooLate, AlreadyThere, NotThere, NotNow, NobodyWaits, RoomBusy, RoomEmpty];
        let said: BTreeSet<String> = all.iter().map(ToString::to_string).collect();
        assert!(said.len() == all.len() && said.iter().all(|words| words.contains(' ')), "{said:?}");
    }

    #[test]
    fn waiting_times_are_those_of_the_calls_ahead() {
        let mut clinic = Clinic::new(Rules { service_ms: 10 * MINUTE, ..Rules::default() });
        for id in 1..=4 {
            clinic.arrives(id, Band::Booked, 0);
        }
        clinic.arrives(10, Band::WalkIn, 0);
        let wait = |clinic: &Clinic, id, minute| {
            clinic.queue.waiting_time(visit(id), at(minute)).map(|ms| ms / MINUTE)
        };
        assert_eq!([1, 2, 10, 3, 4].map(|id| wait(&clinic, id, 0)), [0, 10, 20, 30, 40].map(Some));
        clinic.ask(Ask::Call { room: room(1) }, 0).unwrap();
        clinic.ask(Ask::Enter { visit: visit(1) }, 0).unwrap();
        assert_eq!(wait(&clinic, 2, 4), Some(6));
        // A second room halves it.
        clinic.ask(Ask::Call { room: room(2) }, 4).unwrap();
        clinic.ask(Ask::Enter { visit: visit(2) }, 4).unwrap();
        assert_eq!([10, 3, 4].map(|id| wait(&clinic, id, 4)), [6, 10, 16].map(Some));
        assert_eq!(wait(&clinic, 2, 4), Some(0));
        assert_eq!(wait(&clinic, 99, 4), None);
        // After three visits their mean is the measure: 4, 4 and 4 minutes.
        clinic.ask(Ask::Free { room: room(1) }, 4).unwrap();
        clinic.ask(Ask::Free { room: room(2) }, 8).unwrap();
        clinic.ask(Ask::Call { room: room(1) }, 8).unwrap();
        clinic.ask(Ask::Enter { visit: visit(10) }, 8).unwrap();
        clinic.ask(Ask::Free { room: room(1) }, 12).unwrap();
        assert_eq!(clinic.queue.service_ms(), 4 * MINUTE);
    }

    #[test]
    fn the_facts_alone_rebuild_the_queue() {
        let mut clinic = Clinic::new(Rules::default());
        for id in 0..6 {
            clinic.booked(id, i64::from(id / 3), 0).unwrap();
        }
        clinic.arrives(10, Band::WalkIn, 1);
        clinic.ask(Ask::Call { room: room(1) }, 2).unwrap();
        clinic.ask(Ask::Pass { visit: visit(0) }, 3).unwrap();
        clinic.one(room(1), 4);
        clinic.ask(Ask::Leave { visit: visit(5) }, 5).unwrap();
        let mut again = Queue::new(Rules::default());
        for fact in &clinic.facts {
            again.apply(fact);
        }
        assert_eq!(again, clinic.queue);
    }

    /// The most places that were compared for a call and what follows from it, and for an arrival amid the line, while so many wait.
    fn compared(waiting: u32) -> u64 {
        let mut clinic = Clinic::new(Rules::default());
        for id in 0..waiting {
            clinic.arrives(id, if id % 3 == 0 { Band::WalkIn } else { Band::Booked }, i64::from(id));
        }
        let mut most = 0;
        for more in 0..100 {
            let before = COMPARED.get();
            let Ok(Fact::Called { visit, .. }) = clinic.ask(Ask::Call { room: room(1) }, 0) else {
                panic!("somebody waits");
            };
            clinic.ask(Ask::Enter { visit }, 0).unwrap();
            clinic.ask(Ask::Free { room: room(1) }, 0).unwrap();
            most = most.max(COMPARED.get() - before);
            let before = COMPARED.get();
            clinic.arrives(waiting + more, Band::WalkIn, i64::from(waiting / 2));
            most = most.max(COMPARED.get() - before);
        }
        most
    }

    #[test]
    fn a_call_compares_as_many_places_as_the_logarithm_of_who_waits() {
        // A node of the tree has 5 to 11 places, and one is compared with each of them at most.
        for power in [6, 9, 12, 15] {
            let waiting = 1u32 << power;
            let most = compared(waiting);
            let levels = u64::from(waiting.ilog2() * 100 / 258 + 1);
            assert!(0 < most && most <= 11 * levels, "{most} places compared while {waiting} wait");
        }
    }
}

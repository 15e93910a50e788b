//! I22: the check-in queue against a list that is walked from the front, and the rules of calling as a recount of the calls.

use haoyuan_core::calling::{Ask, Band, CheckIn, Fact, LateTo, Queue, Refused, Rules, Then};
use haoyuan_core::ids::{Interval, RoomId, VisitId};
use haoyuan_core::instant::{Instant, MINUTE};
use haoyuan_tests::generate::config;
use proptest::collection::vec;
use proptest::prelude::*;
use std::num::NonZeroU16;

/// A line of people. Where somebody stands is the position in the list, and nothing else.
#[derive(Clone, Debug)]
struct Person {
    visit: u32,
    band: Band,
    room: Option<u16>,
    start: i64,
    number: u32,
    /// Whoever was sent behind somebody belongs to that person's group.
    group: u32,
    passes: u8,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Ok,
    Called(u32),
    Back,
    Away,
    NoShow,
    No(Refused),
}

/// The specification, read line by line (allocation semantics, check-in queue).
#[derive(Debug, Default)]
struct Model {
    ratio: Option<u16>,
    late_to: LateTo,
    lines: Vec<Person>,
    away: Vec<Person>,
    /// Room, who, inside.
    rooms: Vec<(u16, Person, bool)>,
    groups: u32,
    /// All calls: room and who.
    calls: Vec<(u16, u32, Band)>,
    booked_since_walk_in: u16,
}

const EARLY: i64 = 30 * MINUTE;
const PERIOD: i64 = 30 * MINUTE;

impl Model {
    fn knows(&self, visit: u32) -> bool {
        let in_room = self.rooms.iter().any(|(_, person, _)| person.visit == visit);
        in_room || self.lines.iter().chain(&self.away).any(|person| person.visit == visit)
    }

    fn in_line(&self, band: Band, room: Option<u16>) -> impl Iterator<Item = (usize, &Person)> {
        let same = move |person: &Person| person.band == band && person.room == room;
        self.lines.iter().enumerate().filter(move |(_, person)| same(person))
    }

    /// By slot and number; behind whoever has the same.
    fn stand(&mut self, person: Person) {
        let ahead = |other: &Person| {
            (other.start, other.number, other.group) <= (person.start, person.number, person.group)
        };
        let place = self.in_line(person.band, person.room).filter(|(_, other)| ahead(other)).last();
        let place = place.map_or(0, |(place, _)| place + 1);
        // Lines of other bands lie between; only the order within a line matters.
        self.lines.insert(place, person);
    }

    /// Right behind somebody's group.
    fn stand_behind(&mut self, mut person: Person, other: &Person) {
        (person.start, person.number, person.group) = (other.start, other.number, other.group);
        self.stand(person);
    }

    fn check_in(&mut self, arrival: &Arrival, visit: u32, now: i64) -> Said {
        if self.knows(visit) {
            return Said::No(Refused::AlreadyThere);
        }
        let room = arrival.room.filter(|_| arrival.band == Band::Return);
        self.groups += 1;
        let group = self.groups;
        let mut person =
            Person { visit, band: arrival.band, room, start: now, number: arrival.number, group, passes: 0 };
        if let (Band::Booked, Some(slot)) = (arrival.band, arrival.slot) {
            let from = slot * PERIOD;
            person.start = from;
            if now - from > 30 * MINUTE && !arrival.let_pass {
                return Said::No(Refused::TooLate);
            }
            if now - from > 10 * MINUTE {
                if self.late_to == LateTo::EndOfQueue {
                    self.move_to_the_end(person);
                    return Said::Ok;
                }
                // The end of the period after the one that it is now.
                person.start = (now / PERIOD + 2) * PERIOD;
            }
        }
        self.stand(person);
        Said::Ok
    }

    fn move_to_the_end(&mut self, person: Person) {
        match self.in_line(person.band, person.room).last().map(|(_, last)| last.clone()) {
            Some(last)
                if (last.start, last.number, last.group) >= (person.start, person.number, person.group) =>
            {
                self.stand_behind(person, &last);
            }
            _ => self.stand(person),
        }
    }

    fn next(&self, room: u16, now: i64) -> Option<usize> {
        let head = |band| self.in_line(band, None).next();
        let place = |found: Option<(usize, &Person)>| found.map(|(place, _)| place);
        if let Some(first) = place(head(Band::Emergency)).or(place(head(Band::Green))) {
            return Some(first);
        }
        let key = |(_, person): &(usize, &Person)| (person.start, person.number, person.group);
        let back = head(Band::Return)
            .into_iter()
            .chain(self.in_line(Band::Return, Some(room)).next())
            .min_by_key(key);
        let last_here = self.calls.iter().rev().find(|(r, ..)| *r == room);
        if last_here.is_none_or(|(_, _, band)| *band != Band::Return) && back.is_some() {
            return place(back);
        }
        let booked = head(Band::Booked).filter(|(_, person)| person.start - EARLY <= now);
        let walk_in = head(Band::WalkIn);
        let turn = self.ratio.is_none_or(|n| self.booked_since_walk_in < n);
        if booked.is_some() && (walk_in.is_none() || turn) {
            return place(booked);
        }
        place(walk_in).or(place(head(Band::Booked))).or(place(back))
    }

    fn call(&mut self, room: u16, now: i64) -> Said {
        if self.rooms.iter().any(|(r, ..)| *r == room) {
            return Said::No(Refused::RoomBusy);
        }
        let Some(place) = self.next(room, now) else { return Said::No(Refused::NobodyWaits) };
        self.check_the_call(place, room, now);
        let person = self.lines.remove(place);
        match person.band {
            Band::Booked => self.booked_since_walk_in = self.booked_since_walk_in.saturating_add(1),
            Band::WalkIn => self.booked_since_walk_in = 0,
            _ => {}
        }
        let visit = person.visit;
        self.calls.push((room, visit, person.band));
        self.rooms.push((room, person, false));
        Said::Called(visit)
    }

    /// I22 in its own words, about the call that is about to be made.
    fn check_the_call(&self, place: usize, room: u16, now: i64) {
        let person = &self.lines[place];
        let mine = |other: &&Person| other.room.is_none_or(|r| r == room);
        let others = || self.lines.iter().filter(|other| other.visit != person.visit).filter(mine);
        // No band inversion.
        for band in [Band::Emergency, Band::Green] {
            assert!(person.band <= band || others().all(|other| other.band != band), "{band:?} waits");
        }
        // Returns never twice in a row while anybody else waits.
        let before = self.calls.iter().rev().find(|(r, ..)| *r == room);
        if person.band == Band::Return && before.is_some_and(|(_, _, band)| *band == Band::Return) {
            assert!(others().all(|other| other.band == Band::Return), "two returns in a row");
        }
        // The bound of walk-ins.
        if let (Some(ratio), Band::Booked) = (self.ratio, person.band) {
            let since = self.calls.iter().rev().take_while(|(_, _, band)| *band != Band::WalkIn);
            let booked = since.filter(|(_, _, band)| *band == Band::Booked).count();
            if others().any(|other| other.band == Band::WalkIn) {
                assert!(booked < usize::from(ratio), "a walk-in waits and {booked} booked went before");
            }
        }
        // A doctor is idle only when nobody waits; who came early waits for nobody but those who may be called.
        if person.band == Band::Booked && person.start - EARLY > now {
            assert!(others().all(|other| other.band == Band::Return || other.band == Band::Booked));
        }
    }

    fn pass(&mut self, visit: u32, now: i64) -> Said {
        if !self.knows(visit) {
            return Said::No(Refused::NotThere);
        }
        let Some(place) = self.rooms.iter().position(|(_, person, inside)| person.visit == visit && !inside)
        else {
            return Said::No(Refused::NotNow);
        };
        let (_, mut person, _) = self.rooms.remove(place);
        person.passes += 1;
        match person.passes {
            1 => {
                let callable = |other: &Person| other.band != Band::Booked || other.start - EARLY <= now;
                let ahead: Vec<Person> =
                    self.in_line(person.band, person.room).map(|(_, p)| p.clone()).collect();
                // The second, if both could be called now; else the first.
                let second = ahead.get(1).filter(|_| ahead.iter().take(2).all(callable));
                match second.or(ahead.first()).cloned() {
                    Some(other) => self.stand_behind(person, &other),
                    None => self.stand(person),
                }
                Said::Back
            }
            2 => {
                self.away.push(person);
                Said::Away
            }
            _ => Said::NoShow,
        }
    }

    fn again(&mut self, visit: u32) -> Said {
        match self.away.iter().position(|person| person.visit == visit) {
            Some(place) => {
                let person = self.away.remove(place);
                self.move_to_the_end(person);
                Said::Ok
            }
            None if self.knows(visit) => Said::No(Refused::NotNow),
            None => Said::No(Refused::NotThere),
        }
    }

    fn enter(&mut self, visit: u32) -> Said {
        let known = self.knows(visit);
        match self.rooms.iter_mut().find(|(_, person, inside)| person.visit == visit && !inside) {
            Some((_, _, inside)) => {
                *inside = true;
                Said::Ok
            }
            None if known => Said::No(Refused::NotNow),
            None => Said::No(Refused::NotThere),
        }
    }

    fn free(&mut self, room: u16) -> Said {
        match self.rooms.iter().position(|(r, _, inside)| *r == room && *inside) {
            Some(place) => {
                self.rooms.remove(place);
                Said::Ok
            }
            None => Said::No(Refused::RoomEmpty),
        }
    }

    fn leave(&mut self, visit: u32) -> Said {
        if !self.knows(visit) {
            return Said::No(Refused::NotThere);
        }
        if self.rooms.iter().any(|(_, person, inside)| person.visit == visit && *inside) {
            return Said::No(Refused::NotNow);
        }
        self.lines.retain(|person| person.visit != visit);
        self.away.retain(|person| person.visit != visit);
        self.rooms.retain(|(_, person, _)| person.visit != visit);
        Said::Ok
    }

    fn close(&mut self, room: u16) -> Said {
        if self.rooms.iter().any(|(r, ..)| *r == room) {
            return Said::No(Refused::RoomBusy);
        }
        for person in self.away.iter_mut().filter(|person| person.room == Some(room)) {
            person.room = None;
        }
        let (freed, rest) =
            std::mem::take(&mut self.lines).into_iter().partition(|person| person.room == Some(room));
        self.lines = rest;
        let freed: Vec<Person> = freed;
        for person in freed {
            self.stand(Person { room: None, ..person });
        }
        // A room that opens again has no memory of what it called.
        self.calls.retain(|(r, _, band)| *r != room || *band != Band::Return);
        Said::Ok
    }
}

#[derive(Clone, Debug)]
struct Arrival {
    band: Band,
    slot: Option<i64>,
    number: u32,
    room: Option<u16>,
    let_pass: bool,
}

#[derive(Clone, Debug)]
enum Op {
    CheckIn(Arrival, u32),
    Call(u16),
    Enter(u32),
    /// Enter and free: a visit from beginning to end.
    Visit(u16),
    Pass(u32),
    PassIn(u16),
    Again(u32),
    Free(u16),
    Leave(u32),
    Close(u16),
    Wait(i64),
}

fn op() -> impl Strategy<Value = Op> {
    let band = prop_oneof![
        1 => Just(Band::Emergency), 1 => Just(Band::Green), 3 => Just(Band::Return), 8 => Just(Band::Booked), 5 => Just(Band::WalkIn)
    ];
    let room = || 0..3u16;
    let who = || 0..24u32;
    let arrival = (
        band,
        proptest::option::weighted(0.9, 0..6i64),
        0..6u32,
        proptest::option::of(room()),
        any::<bool>(),
    );
    prop_oneof![
        8 => (arrival, who()).prop_map(|((band, slot, number, room, let_pass), visit)| {
            Op::CheckIn(Arrival { band, slot, number, room, let_pass }, visit)
        }),
        6 => room().prop_map(Op::Call),
        5 => room().prop_map(Op::Visit),
        3 => room().prop_map(Op::PassIn),
        1 => who().prop_map(Op::Enter),
        1 => who().prop_map(Op::Pass),
        2 => who().prop_map(Op::Again),
        1 => room().prop_map(Op::Free),
        1 => who().prop_map(Op::Leave),
        1 => room().prop_map(Op::Close),
        3 => (0..25i64).prop_map(Op::Wait),
    ]
}

/// 2026-03-10 00:00 at +08:00; periods are counted from there.
const MIDNIGHT: i64 = 1_773_072_000_000;

fn at(now: i64) -> Instant {
    Instant::saturating(MIDNIGHT + now)
}

fn id(visit: u32) -> VisitId {
    VisitId::new(visit).expect("an id")
}

fn ask_of(arrival: &Arrival, visit: u32) -> Ask {
    let slot = arrival.slot.map(|slot| Interval { from: at(slot * PERIOD), to: at((slot + 1) * PERIOD) });
    let room = arrival.room.and_then(RoomId::new);
    let Arrival { band, number, let_pass, .. } = *arrival;
    Ask::CheckIn(CheckIn { visit: id(visit), band, slot, number, room, let_pass })
}

struct Both {
    queue: Queue,
    model: Model,
    facts: Vec<Fact>,
}

impl Both {
    fn ask(&mut self, ask: &Ask, now: i64, expected: &Said) {
        if let Ask::Call { room } = ask {
            let called = match expected {
                Said::Called(visit) => Some(id(*visit)),
                _ => None,
            };
            if self.queue.patient_of(*room).is_none() {
                assert_eq!(self.queue.next(*room, at(now)), called);
            }
        }
        let said = match self.queue.decide(ask, at(now)) {
            Ok(fact) => {
                self.queue.apply(&fact);
                self.facts.push(fact);
                match fact {
                    Fact::Called { visit, .. } => Said::Called(visit.get()),
                    Fact::Passed { then: Then::Back(_), .. } => Said::Back,
                    Fact::Passed { then: Then::Away, .. } => Said::Away,
                    Fact::Passed { then: Then::NoShow, .. } => Said::NoShow,
                    _ => Said::Ok,
                }
            }
            Err(refused) => Said::No(refused),
        };
        assert_eq!(&said, expected, "{ask:?}");
        assert_eq!(self.queue.waiting(), self.model.lines.len());
    }

    fn step(&mut self, op: &Op, now: &mut i64) {
        let room_id = |room: u16| RoomId::new(room).expect("an id");
        let in_room =
            |model: &Model, room| model.rooms.iter().find(|(r, ..)| *r == room).map(|(_, p, _)| p.visit);
        match op {
            Op::CheckIn(arrival, visit) => {
                let said = self.model.check_in(arrival, *visit, *now);
                self.ask(&ask_of(arrival, *visit), *now, &said);
            }
            Op::Call(room) => {
                let said = self.model.call(*room, *now);
                self.ask(&Ask::Call { room: room_id(*room) }, *now, &said);
            }
            Op::Enter(visit) => {
                let said = self.model.enter(*visit);
                self.ask(&Ask::Enter { visit: id(*visit) }, *now, &said);
            }
            Op::Visit(room) => {
                let Some(visit) = in_room(&self.model, *room) else { return };
                self.step(&Op::Enter(visit), now);
                self.step(&Op::Free(*room), now);
            }
            Op::Pass(visit) => {
                let said = self.model.pass(*visit, *now);
                self.ask(&Ask::Pass { visit: id(*visit) }, *now, &said);
            }
            Op::PassIn(room) => {
                if let Some(visit) = in_room(&self.model, *room) {
                    self.step(&Op::Pass(visit), now);
                }
            }
            Op::Again(visit) => {
                let said = self.model.again(*visit);
                self.ask(&Ask::CheckInAgain { visit: id(*visit) }, *now, &said);
            }
            Op::Free(room) => {
                let said = self.model.free(*room);
                self.ask(&Ask::Free { room: room_id(*room) }, *now, &said);
            }
            Op::Leave(visit) => {
                let said = self.model.leave(*visit);
                self.ask(&Ask::Leave { visit: id(*visit) }, *now, &said);
            }
            Op::Close(room) => {
                let said = self.model.close(*room);
                self.ask(&Ask::Close { room: room_id(*room) }, *now, &said);
            }
            Op::Wait(minutes) => *now += minutes * MINUTE,
        }
    }
}

fn run(ratio: Option<u16>, late_to: LateTo, ops: &[Op]) -> Both {
    let rules = Rules { booked_per_walk_in: ratio.and_then(NonZeroU16::new), late_to, ..Rules::default() };
    let model = Model { ratio, late_to, groups: 1, ..Model::default() };
    let mut both = Both { queue: Queue::new(rules), model, facts: Vec::new() };
    let mut now = 0;
    for op in ops {
        both.step(op, &mut now);
    }
    // Replay asks no rule and comes to the same queue.
    let mut again = Queue::new(rules);
    for fact in &both.facts {
        again.apply(fact);
    }
    assert_eq!(again, both.queue);
    both
}

proptest! {
    #![proptest_config(config(3_000))]

    #[test]
    fn i22_the_queue_calls_whom_the_list_says(
        ratio in proptest::option::of(1..4u16),
        to_the_end in any::<bool>(),
        ops in vec(op(), 1..120),
    ) {
        let late_to = if to_the_end { LateTo::EndOfQueue } else { LateTo::EndOfNextPeriod };
        run(ratio, late_to, &ops);
    }

    #[test]
    fn i22_the_jth_walk_in_is_called_after_at_most_n_times_j_booked(
        ratio in 1..5u16, booked in 0..40u32, walk_ins in 1..20u32, rooms in 1..4u16, shuffle in any::<u64>(),
    ) {
        let mut queue = Queue::new(Rules { booked_per_walk_in: NonZeroU16::new(ratio), ..Rules::default() });
        // Who arrives first does not matter: bands take turns.
        for place in 0..booked + walk_ins {
            let band = if place < booked { Band::Booked } else { Band::WalkIn };
            let visit = id(place);
            let number = u32::try_from(u64::from(place).wrapping_mul(shuffle | 1) % 64).expect("small");
            let fact = queue.decide(&Ask::CheckIn(CheckIn { number, ..CheckIn::new(visit, band) }), at(0)).expect("new");
            queue.apply(&fact);
        }
        let (mut booked_called, mut walk_ins_called) = (0u32, 0u32);
        for turn in 0.. {
            let room = RoomId::new(turn % rooms).expect("an id");
            let Ok(fact) = queue.decide(&Ask::Call { room }, at(0)) else { break };
            queue.apply(&fact);
            let Fact::Called { visit, .. } = fact else { panic!("{fact:?}") };
            for ask in [Ask::Enter { visit }, Ask::Free { room }] {
                let fact = queue.decide(&ask, at(0)).expect("called");
                queue.apply(&fact);
            }
            if visit.get() < booked {
                booked_called += 1;
            } else {
                walk_ins_called += 1;
                prop_assert!(booked_called <= u32::from(ratio) * walk_ins_called);
            }
        }
        prop_assert_eq!((booked_called, walk_ins_called), (booked, walk_ins));
    }
}

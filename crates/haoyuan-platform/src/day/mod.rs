//! The hospital's day: waiting, returning, stopping and moving, extra seats, arriving and being called.
//!
//! INVARIANT (claims are the engine's): nothing here decides about a seat. The day decides *who asks next*: it offers, takes
//! back and places, each by one call of the engine, and writes down what came of it.
//!
//! INVARIANT (one order): the day has one lock; its events are numbered without gaps and told to the trace in that order.
//! The lock is taken before the one of administration and before any patient's gate. A claim takes it only where somebody
//! waits or a returned seat is kept back.
//!
//! INVARIANT (nothing by halves): what belongs together about one patient is one record. A seat that the day gave away and
//! did not write down is taken back after a restart, before anything else is decided; nobody was told of it. So after a crash
//! between two records of a command, giving it again completes it: every command here looks at what is there before it acts. A
//! stop is completed by the next `tick` as well; that of a seat, and the placing of those a stop displaced, by `rebook` or `move`, by
//! the first command that decides.

mod event;
pub(crate) mod extra;
mod notices;
mod returning;
mod seen;
mod stopping;
mod visits;
mod waiting;
pub(crate) mod state;

use crate::actor::{self, Role};
use crate::command::Command;
use crate::malformed::Malformed;
use crate::platform::{Decided, Platform, Stop};
use event::Event;
use haoyuan_core::day::DayRules;
use haoyuan_core::ids::{PatientKey, PractitionerId, SessionId, SlotIndex, SlotRef};
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::said;
use haoyuan_engine::{Engine, SessionView, Trace};
use parking_lot::MutexGuard;
use state::{Cause, Day, News, Notice};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The day, locked, and what it acts on.
pub(crate) struct Desk<'a, T: Trace> {
    pub(crate) platform: &'a Platform<T>,
    pub(crate) engine: &'a Engine<T>,
    pub(crate) day: MutexGuard<'a, Day>,
    pub(crate) at: Instant,
    /// What happened and is to be written down as one record.
    gathered: Option<Vec<Event>>,
}

impl<T: Trace> Platform<T> {
    /// Locks the day, for a command of this instant.
    pub(crate) fn desk(&self, at: Instant) -> Desk<'_, T> {
        Desk { platform: self, engine: self.engine(), day: self.day(), at, gathered: None }
    }

    /// The same for a command that decides: the first one after a restart takes back what was not written down.
    pub(crate) fn desk_to_decide(&self, at: Instant) -> Desk<'_, T> {
        let mut desk = self.desk(at);
        if std::mem::take(&mut desk.day.woken) {
            desk.complete_leaving();
            desk.take_back_unwritten();
            if desk.day.stops.values().any(|stop| stop.usable.is_some()) {
                desk.complete_stops();
            }
            desk.complete_placing();
        }
        desk
    }
}

impl<T: Trace> Desk<'_, T> {
    /// Carries out a command of the day. A refusal is written down too: nothing of it is the engine's to tell.
    pub(crate) fn decide(&mut self, command: &Command) -> Decided {
        let (decided, patient) = match command {
            Command::WaitlistJoin(join) => (self.waitlist_join(join), Some(join.patient)),
            Command::WaitlistLeave(leave) => (self.waitlist_leave(leave), Some(leave.patient)),
            Command::WaitlistDecline(decline) => (self.waitlist_decline(decline), Some(decline.patient)),
            Command::Waitlist(ask) => return self.waitlist(ask),
            Command::Stop(stop) => (self.stop(stop), None),
            Command::Resume(resume) => (self.resume(resume), None),
            Command::Rebook(rebook) => (self.rebook(rebook), None),
            Command::Move(command) => (self.move_to(command), None),
            Command::Substitute(command) => (self.substitute(command), None),
            Command::AddSeats(seats) => (self.add_seats(seats), None),
            Command::ReduceSeats(seats) => (self.reduce_seats(seats), None),
            Command::ExtraSeat(ask) => (self.extra_seat(ask), Some(ask.patient)),
            Command::CheckIn(ask) => (self.check_in(ask), Some(ask.patient)),
            Command::CallNext(call) => (self.call_next(call), None),
            Command::Pass(visit) => (self.pass(visit), None),
            Command::Enter(visit) => (self.enter(visit), None),
            Command::Finish(finish) => (self.finish(finish), None),
            Command::NoShow(close) => (self.no_show(close), None),
            Command::Correct(correct) => (self.correct(correct), None),
            Command::MergeIdentities(merge) => (self.merge(merge), Some(merge.patient)),
            Command::Notices(ask) => return self.notices(ask),
            Command::Retire(retire) => (self.retire(retire), None),
            _ => {
                let reason = said!("this is no command of the day", "这不是当日事务的命令");
                return Err(Malformed::field("command", reason).into());
            }
        };
        if let Err(Stop::Refusal(refusal, _)) = &decided {
            let (command, code) = (command.word().to_owned(), refusal.code.number());
            self.tell(&Event::Refused { command, patient, code, at: self.at });
        }
        decided
    }

    /// Takes back the seats that the day gave away and did not write down: a crash came between. Nobody was told of them.
    fn take_back_unwritten(&mut self) {
        let (today, last) = (self.at.day(), haoyuan_core::instant::Day(i32::MAX));
        for session in self.engine.sessions_between(today, last) {
            // What was published without a command is its host's to look after.
            if !self.day.rules.contains_key(&session) && !self.day.extra_of.contains_key(&session) {
                continue;
            }
            let Some(view) = self.engine.session(session) else { continue };
            for slot in Self::slots(&view) {
                let occupants = self.engine.occupants(slot, self.at).unwrap_or_default();
                for occupied in occupants.iter().filter(|occupied| occupied.granted_at.is_none()) {
                    if !self.day.has_written(occupied.booking) {
                        // It may have been given back in this moment.
                        let _ = self.engine.withdraw(occupied.booking, self.at);
                    }
                }
            }
        }
    }

    /// Shows the engine what the day says.
    pub(crate) fn wake(&mut self) {
        (self.day.woken, self.day.unfinished) = (true, true);
        let blocks: Vec<SlotRef> =
            self.day.by_block.keys().chain(self.day.returned.keys()).copied().collect();
        let extras: Vec<SessionId> = self.day.extra_of.keys().copied().collect();
        let stopped: Vec<SlotRef> = self
            .day
            .stops
            .values()
            .filter(|stop| !stop.resumed || stop.usable.is_some())
            .flat_map(|stop| stop.slots.clone())
            .collect();
        for block in blocks {
            self.show_waiting(block);
        }
        for view in extras.into_iter().filter_map(|session| self.engine.session(session)) {
            for slot in Self::slots(&view) {
                self.show_waiting(slot);
            }
        }
        for slot in stopped {
            self.show_stopped(slot);
        }
        for (given_up, stays) in &self.day.merged {
            // There was room for it when they were merged.
            let _ = self.engine.merge(given_up.0, stays.0, self.at);
        }
        let (charged, merged) = (self.day.charges.keys(), self.day.merged.values());
        let patients: BTreeSet<PatientKey> =
            charged.chain(&self.day.blocked).chain(merged).map(|patient| patient.0).collect();
        for patient in patients {
            self.show_suspension(patient);
        }
        self.platform.note(&self.day);
        let taken_over: Vec<(SessionView, PractitionerId)> = (self.day.substitutes.iter())
            // Extra seats are in the time of the session that has them.
            .filter(|(session, _)| !self.day.extra_of.contains_key(session))
            .filter_map(|(session, after)| Some((self.engine.session(*session)?, *after)))
            .collect();
        self.platform.admin().adopt_substitutes(&taken_over);
        for (session, practitioner) in self.day.substitutes.clone() {
            // The session was there when it was taken over.
            let _ = self.engine.substitute(session, practitioner);
        }
    }

    /// Writes down what happened.
    fn tell(&mut self, event: &Event) {
        if let Some(gathered) = &mut self.gathered {
            self.day.change(event);
            gathered.push(event.clone());
        } else {
            self.day.apply(event);
            self.write(event);
        }
        if matches!(event, Event::Returned { .. } | Event::Retaken { .. }) {
            self.platform.note(&self.day);
        }
    }

    /// Writes down as one record what happens to one patient in `act`, which takes and gives back no seat.
    fn together<R>(&mut self, act: impl FnOnce(&mut Self) -> R) -> R {
        if self.gathered.is_some() {
            return act(self);
        }
        self.gathered = Some(Vec::new());
        let acted = act(self);
        let mut events = self.gathered.take().unwrap_or_default();
        if let Some(last) = events.pop() {
            let event = if events.is_empty() {
                last
            } else {
                events.push(last);
                Event::Together(events)
            };
            self.day.number += 1;
            self.write(&event);
        }
        acted
    }

    fn write(&self, event: &Event) {
        if T::WANTED {
            // Every key is a string and every value a plain one, so that writing JSON cannot fail.
            let json = serde_json::to_string(event).unwrap_or_default();
            self.engine.trace().day(self.day.number, &json, event.patient(), event.at());
        }
    }

    /// Something that the host has to tell the patient.
    fn notice(&mut self, news: News, patient: PatientKey, slot: SlotRef) -> Notice {
        Notice { news, patient, at: self.at, slot, booking: None, entry: None, ticket: None, until: None }
    }

    fn tell_notice(&mut self, notice: Notice) {
        self.tell(&Event::Noticed(notice));
    }

    fn session(&self, code: &str) -> Result<SessionView, Stop> {
        let id = self.engine.find(code).and_then(|id| self.engine.session(id));
        id.ok_or(Stop::Refusal(Refusal::plain(Code::UnknownSession), None))
    }

    fn rules(&self, session: SessionId) -> Arc<DayRules> {
        self.day.rules(session)
    }

    /// The block of a slot: of a session that is decided as a whole, its first slot.
    fn block_of(&self, slot: SlotRef) -> SlotRef {
        match self.engine.session(slot.session) {
            Some(view) if view.whole => first_slot(slot.session),
            _ => slot,
        }
    }

    /// The slots of a session, in order.
    fn slots(view: &SessionView) -> impl Iterator<Item = SlotRef> + use<T> {
        let session = view.id;
        (0..view.slots).filter_map(SlotIndex::new).map(move |slot| SlotRef { session, slot })
    }

    /// The blocks of a session.
    fn blocks(view: &SessionView) -> Vec<SlotRef> {
        if view.whole { vec![first_slot(view.id)] } else { Self::slots(view).collect() }
    }

    /// The time of a slot.
    fn time(view: &SessionView, slot: SlotIndex) -> haoyuan_core::ids::Interval {
        let from = view.time.from.plus(i64::from(view.slot_ms) * i64::from(slot.get()));
        haoyuan_core::ids::Interval { from, to: from.plus(i64::from(view.slot_ms)) }
    }
}

/// Who gives the command; refused if it is the patient or nobody, or if a needed reason is missing.
fn staff(reason: bool) -> Result<Cause, Stop> {
    let actor = actor::current();
    if matches!(actor.role, Role::Patient | Role::System) || actor.id.is_none() {
        return Err(refused(Code::RoleRequired));
    }
    if reason && actor.reason.is_none() {
        return Err(refused(Code::ReasonRequired));
    }
    Ok(Cause(actor))
}

fn first_slot(session: SessionId) -> SlotRef {
    SlotRef { session, slot: SlotIndex::default() }
}

fn refused(code: Code) -> Stop {
    Stop::Refusal(Refusal::plain(code), None)
}

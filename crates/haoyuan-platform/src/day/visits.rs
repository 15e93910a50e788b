//! Who came and who did not: check-in (报到), calling (叫号), no-shows (爽约), corrections, and what suspends online booking.
//!
//! INVARIANT (one row a visit): a booking that somebody looked at, or a walk-in, has one row; its outcomes are a list to which
//! a correction adds, and nothing is overwritten.
//! INVARIANT (as if it had always been so): a suspension is worked out from all deeds of the patient as they stand corrected;
//! nobody keeps a penalty for what the hospital has taken back.

use super::event::Event;
use super::state::{Charge, News};
use super::{Desk, refused, staff};
use crate::actor;
use crate::answer::{Answer, Called, Done, Queued};
use crate::command::day as command;
use crate::malformed::Malformed;
use crate::platform::{Decided, Stop};
use crate::text::Text;
use haoyuan_core::calling::{self, Ask, Band, CheckIn, Fact, Queue, Refused};
use haoyuan_core::ids::{BookingId, InstitutionId, PatientKey, SessionId, SlotRef, VisitId};
use haoyuan_core::instant::{Day as Date, Instant};
use haoyuan_core::kpi::{self, Recorded};
use haoyuan_core::ladder::{Deed, Offence};
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::Standing;
use haoyuan_core::rules::Visit as Place;
use haoyuan_core::said;
use haoyuan_core::terms::{Channel, Class, Outcome, VisitKind};
use haoyuan_engine::{Occupied, SessionView, Suspension, Trace};
use std::collections::BTreeMap;

impl<T: Trace> Desk<'_, T> {
    // ---- arriving and being called --------------------------------------------------------------------------------

    pub(crate) fn check_in(&mut self, ask: &command::CheckIn) -> Decided {
        if ask.let_pass {
            staff(true)?;
        }
        let (visit, line) = match (&ask.booking, &ask.session) {
            (Some(booking), None) => self.booked_visit(ask.patient, *booking)?,
            (None, Some(session)) => self.walk_in(ask, session)?,
            _ => {
                let reason = said!(
                    "name a `booking`, or for a walk-in a `session`",
                    "请写 `booking`;现场患者请写 `session`"
                );
                return Err(Malformed::field("booking", reason).into());
            }
        };
        let row = self.day.visits.get(&visit).cloned().unwrap_or(visit_row(visit, ask.patient));
        // Whatever the clock says: who is in line after the end could be called, and neither enter nor be passed.
        if !row.history.is_empty() {
            return Err(refused(Code::NotNow));
        }
        let band = match (ask.band, row.class, row.booking) {
            (Some(command::Urgency::Emergency), ..) => Band::Emergency,
            (Some(command::Urgency::Return), ..) => Band::Return,
            (None, Class::Green, _) => Band::Green,
            (None, _, Some(_)) => Band::Booked,
            (None, _, None) => Band::WalkIn,
        };
        // Every other band goes by the order of arrival.
        let numbered = row.booking.filter(|_| band == Band::Booked);
        let number = numbered.map_or(0, |booking| self.number_in_line(booking, row.extra));
        let arrival = CheckIn { visit, band, slot: row.slot, number, room: ask.room, let_pass: ask.let_pass };
        let again =
            self.day.queues.get(&line).map(|queue| queue.decide(&Ask::CheckInAgain { visit }, self.at));
        match again {
            Some(Ok(fact)) => self.queued(line, visit, ask.patient, fact),
            _ => self.ask(line, Ask::CheckIn(arrival))?,
        }
        Ok(Answer::Done(Done::CheckIn(self.queued_as(line, visit))))
    }

    /// The visit of a live booking; its row is made if there is none.
    fn booked_visit(
        &mut self,
        patient: PatientKey,
        booking: BookingId,
    ) -> Result<(VisitId, SessionId), Stop> {
        let unknown = || refused(Code::UnknownBooking);
        let slot = self.engine.slot_of(booking).ok_or_else(unknown)?;
        let occupants = self.engine.occupants(slot, self.at).unwrap_or_default();
        let mine = |occupied: &&Occupied| occupied.booking == booking && occupied.patient == patient;
        let occupied = occupants.iter().find(mine).ok_or_else(unknown)?;
        if occupied.standing != Standing::Booked {
            return Err(refused(Code::NotNow));
        }
        let visit = self.visit_of(slot, occupied);
        Ok((visit, self.line_of(slot.session)))
    }

    /// The number (号序) by which a booking stands in the line; extra seats come after the numbers of their session.
    fn number_in_line(&self, booking: BookingId, extra: bool) -> u32 {
        let number = u32::from(self.engine.number_of(booking));
        if extra { number + u32::from(u16::MAX) } else { number }
    }

    fn walk_in(&mut self, ask: &command::CheckIn, code: &str) -> Result<(VisitId, SessionId), Stop> {
        let view = self.session(code)?;
        let known = self.day.visits.values().rev().find(|row| {
            row.patient == ask.patient
                && row.session == Some(view.id)
                && row.booking.is_none()
                && row.history.is_empty()
        });
        if let Some(row) = known {
            return Ok((row.id, view.id));
        }
        let id = self.next_visit();
        let row = kpi::Visit {
            institution: view.institution,
            department: view.department,
            practitioner: view.practitioner,
            session: Some(view.id),
            day: self.at.day(),
            kind: ask.kind.unwrap_or(VisitKind::Outpatient),
            channel: Channel::Window,
            revisit: ask.revisit,
            checked_in_at: Some(self.at),
            ..visit_row(id, ask.patient)
        };
        self.tell(&Event::Visited { row: Box::new(row), at: self.at });
        Ok((id, view.id))
    }

    /// The row of a booking; made if there is none.
    pub(crate) fn visit_of(&mut self, slot: SlotRef, occupied: &Occupied) -> VisitId {
        if let Some(known) = self.day.by_booking.get(&occupied.booking) {
            return *known;
        }
        let id = self.next_visit();
        let row = self.row(id, slot, occupied);
        self.tell(&Event::Visited { row: Box::new(row), at: self.at });
        id
    }

    fn next_visit(&self) -> VisitId {
        VisitId::new(self.day.last_visit + 1).unwrap_or_default()
    }

    /// A live booking as a row.
    fn row(&self, id: VisitId, slot: SlotRef, occupied: &Occupied) -> kpi::Visit {
        let booked_at = self.booked_at(occupied);
        let session = self.line_of(slot.session);
        let row = kpi::Visit {
            booking: Some(occupied.booking),
            session: Some(session),
            class: occupied.class,
            channel: occupied.channel,
            extra: session != slot.session,
            booked_at: Some(booked_at),
            // The seat does not say when it was confirmed; no earlier than this, and the journal has the instant.
            confirmed_at: Some(booked_at),
            ..visit_row(id, occupied.patient)
        };
        match self.engine.session(session) {
            Some(view) => kpi::Visit {
                institution: view.institution,
                department: view.department,
                practitioner: view.practitioner,
                slot: Some(Self::time(&view, slot.slot)),
                day: view.time.from.day(),
                ..row
            },
            None => row,
        }
    }

    /// The session in whose line a session's patients stand: of extra seats the session that has them.
    fn line_of(&self, session: SessionId) -> SessionId {
        self.day.extra_of.get(&session).copied().unwrap_or(session)
    }

    /// Asks a line, and writes down what it decides.
    fn ask(&mut self, line: SessionId, ask: Ask) -> Result<(), Stop> {
        let fact = match self.day.queues.get(&line) {
            Some(queue) => queue.decide(&ask, self.at),
            None => Queue::new(self.rules(line).calling).decide(&ask, self.at),
        };
        let fact = fact.map_err(|refusal| refused(code(refusal)))?;
        let visit = match fact {
            Fact::CheckedIn { visit, .. }
            | Fact::Called { visit, .. }
            | Fact::Entered { visit, .. }
            | Fact::Passed { visit, .. }
            | Fact::Again { visit, .. }
            | Fact::Left { visit } => visit,
            Fact::Freed { room, .. } | Fact::Closed { room } => {
                self.day.queues.get(&line).and_then(|queue| queue.patient_of(room)).unwrap_or_default()
            }
        };
        if let Some(patient) = self.day.visits.get(&visit).map(|row| row.patient) {
            self.queued(line, visit, patient, fact);
        }
        Ok(())
    }

    fn queued(&mut self, line: SessionId, visit: VisitId, patient: PatientKey, fact: Fact) {
        let rules = self.rules(line).calling;
        self.together(|desk| {
            desk.tell(&Event::Queued { line, visit, patient, rules, fact, at: desk.at });
            if let Fact::Passed { then: calling::Then::NoShow, .. } = fact {
                desk.did_not_come(visit);
            }
        });
    }

    fn queued_as(&self, line: SessionId, visit: VisitId) -> Queued {
        let queue = self.day.queues.get(&line);
        Queued {
            visit: visit.get(),
            waiting: queue.map_or(0, |queue| u32::try_from(queue.waiting()).unwrap_or(u32::MAX)),
            minutes: queue.and_then(|queue| queue.waiting_time(visit, self.at)).map(|ms| ms / 60_000),
        }
    }

    pub(crate) fn call_next(&mut self, call: &command::CallNext) -> Decided {
        let line = self.session(&call.session)?.id;
        self.ask(line, Ask::Call { room: call.room })?;
        let visit = self.day.queues.get(&line).and_then(|queue| queue.patient_of(call.room));
        let row = visit.and_then(|visit| self.day.visits.get(&visit)).ok_or(refused(Code::NobodyWaits))?;
        Ok(Answer::Done(Done::CallNext(Called {
            visit: row.id.get(),
            patient: row.patient,
            booking: row.booking,
            room: call.room,
        })))
    }

    pub(crate) fn pass(&mut self, visit: &command::Visit) -> Decided {
        let (id, line) = self.open_visit(visit.visit)?;
        self.ask(line, Ask::Pass { visit: id })?;
        Ok(Answer::Done(Done::Pass(self.queued_as(line, id))))
    }

    pub(crate) fn enter(&mut self, visit: &command::Visit) -> Decided {
        let (id, line) = self.open_visit(visit.visit)?;
        self.ask(line, Ask::Enter { visit: id })?;
        Ok(Answer::Done(Done::Enter { visit: visit.visit }))
    }

    pub(crate) fn finish(&mut self, finish: &command::Finish) -> Decided {
        let (visit, line) = self.open_visit(finish.visit)?;
        let patient = self.day.visits.get(&visit).ok_or(refused(Code::UnknownVisit))?.patient;
        let (kind, revisit, at) = (finish.kind, finish.revisit, self.at);
        self.together(|desk| {
            if let Some(room) = desk.day.rooms.get(&visit).copied() {
                desk.ask(line, Ask::Free { room })?;
            }
            if kind.is_some() || revisit.is_some() {
                desk.tell(&Event::Marked { visit, patient, kind, revisit, at });
            }
            desk.tell(&Event::Ended { visit, patient, outcome: Outcome::Attended, at });
            Ok::<(), Stop>(())
        })?;
        Ok(Answer::Done(Done::Finish { visit: finish.visit }))
    }

    /// A visit that is not over, and its line.
    fn open_visit(&self, visit: u32) -> Result<(VisitId, SessionId), Stop> {
        let id = VisitId::new(visit).ok_or(refused(Code::UnknownVisit))?;
        let row = self.day.visits.get(&id).ok_or(refused(Code::UnknownVisit))?;
        if !row.history.is_empty() {
            return Err(refused(Code::NotNow));
        }
        Ok((id, row.session.ok_or(refused(Code::UnknownVisit))?))
    }

    /// The room of somebody who was displaced, or whose visit is over, is no concern of a stop.
    pub(crate) fn is_over(&self, booking: BookingId) -> bool {
        let row = self.day.by_booking.get(&booking).and_then(|visit| self.day.visits.get(visit));
        row.is_some_and(|row| row.entered_at.is_some() || !row.history.is_empty())
    }

    /// A booking that the hospital took: its visit ends as stopped, and it stands in no line any more.
    pub(crate) fn visit_stopped(&mut self, slot: SlotRef, occupied: &Occupied) {
        let visit = self.visit_of(slot, occupied);
        let line = self.line_of(slot.session);
        let asked = self.day.queues.get(&line).map(|queue| queue.decide(&Ask::Leave { visit }, self.at));
        if let Some(Ok(fact)) = asked {
            self.queued(line, visit, occupied.patient, fact);
        }
        let (patient, outcome, at) = (occupied.patient, Outcome::Stopped, self.at);
        self.tell(&Event::Ended { visit, patient, outcome, at });
    }

    // ---- who did not come -----------------------------------------------------------------------------------------

    pub(crate) fn no_show(&mut self, close: &command::Close) -> Decided {
        staff(false)?;
        let view = self.session(&close.session)?;
        if self.at < view.time.to {
            return Err(Stop::Refusal(Refusal::plain(Code::NotNow).from(view.time.to), None));
        }
        let mut slots: Vec<SlotRef> = Self::slots(&view).collect();
        if let Some(extras) = self.day.extras.get(&view.id) {
            slots.extend(self.engine.session(extras.extra).iter().flat_map(Self::slots));
        }
        let mut no_shows = 0;
        for slot in slots {
            for occupied in self.engine.occupants(slot, self.at).unwrap_or_default() {
                let row =
                    self.day.by_booking.get(&occupied.booking).and_then(|visit| self.day.visits.get(visit));
                let came = row.is_some_and(|row| row.checked_in_at.is_some() || !row.history.is_empty());
                if occupied.standing == Standing::Booked && !came {
                    self.together(|desk| {
                        let visit = desk.visit_of(slot, &occupied);
                        desk.did_not_come(visit);
                    });
                    no_shows += 1;
                }
            }
        }
        Ok(Answer::Done(Done::NoShow { session: view.code, no_shows }))
    }

    /// Somebody did not come, or was called three times in vain.
    fn did_not_come(&mut self, visit: VisitId) {
        let Some(row) = self.day.visits.get(&visit).cloned() else { return };
        let (patient, at) = (row.patient, self.at);
        self.together(|desk| {
            desk.tell(&Event::Ended { visit, patient, outcome: Outcome::NoShow, at });
            if let Some(charge) = desk.no_show_charge(&row) {
                desk.charge(patient, charge);
            }
        });
    }

    /// What it weighs that nobody came to a booking.
    fn no_show_charge(&self, row: &kpi::Visit) -> Option<Charge> {
        let (booking, session, slot) = (row.booking?, row.session?, row.slot?);
        let void = slot.from.plus(self.rules(session).calling.valid_late_ms);
        let offence = Offence { id: booking.get(), at: void, deed: Deed::NoShow, excused: false };
        Some(Charge { offence, session, institution: row.institution })
    }

    /// A patient has given a booking back: it counts by the rules of its session.
    pub(crate) fn cancelled(&mut self, slot: SlotRef, occupied: &Occupied) {
        let session = self.line_of(slot.session);
        let Some(view) = self.engine.session(session) else { return };
        let rules = self.rules(session);
        let origin = view.time.from.day().midnight();
        let late = self.at.ms() - origin.ms() >= rules.cancel.late_from;
        let same_day = self.at.day() == view.time.from.day();
        let reason = actor::current().reason;
        let excused = reason.is_some_and(|reason| rules.cancel.excused.contains(&reason.get()));
        let visit = self.visit_of(slot, occupied);
        let (patient, at) = (occupied.patient, self.at);
        let outcome = if late { Outcome::CancelledLate } else { Outcome::Cancelled };
        self.tell(&Event::Ended { visit, patient, outcome, at });
        let deed = Deed::Cancel { late, same_day };
        let offence = Offence { id: occupied.booking.get(), at, deed, excused };
        self.charge(patient, Charge { offence, session, institution: view.institution });
    }

    fn charge(&mut self, patient: PatientKey, charge: Charge) {
        let before = self.suspended_until(patient);
        self.tell(&Event::Charged { patient, charge, at: self.at });
        self.suspend(patient, before);
    }

    /// Shows the engine what follows from the deeds, and tells the patient of a later end, under the key that books.
    fn suspend(&mut self, patient: PatientKey, before: Option<Instant>) {
        let until = self.suspended_until(patient);
        let person = self.day.person(patient);
        self.show_suspension(person);
        let charges = self.day.charges.get(&Text(patient));
        let slot = charges.and_then(|charges| charges.last()).map(|charge| super::first_slot(charge.session));
        if let (Some(until), Some(slot)) =
            (until.filter(|until| Some(*until) > before && *until > self.at), slot)
        {
            let notice = self.notice(News::Suspended, person, slot);
            self.tell_notice(super::Notice { until: Some(until), ..notice });
        }
    }

    pub(crate) fn show_suspension(&self, patient: PatientKey) {
        let blocked = self.day.blocked.contains(&Text(patient));
        let suspension = if blocked {
            Some(Suspension::Blocked)
        } else {
            self.suspended_until(patient).map(Suspension::Until)
        };
        // Somebody with a deed is known to the engine.
        let _ = self.engine.suspend(patient, suspension);
    }

    /// Until when online booking is suspended: each hospital counts what was done to it, by its own ladders as of the last
    /// deed there; the latest end holds everywhere. Of a person with several keys the deeds under all of them count.
    pub(crate) fn suspended_until(&self, patient: PatientKey) -> Option<Instant> {
        let keys = self.day.keys_of(self.day.person(patient));
        let mut charges: Vec<&Charge> = keys.filter_map(|key| self.day.charges.get(&key)).flatten().collect();
        charges.sort_by_key(|charge| charge.offence.at);
        let mut by_institution: BTreeMap<InstitutionId, (SessionId, Vec<Offence>)> = BTreeMap::new();
        for charge in charges {
            let (session, offences) =
                by_institution.entry(charge.institution).or_insert_with(|| (charge.session, Vec::new()));
            *session = charge.session;
            offences.push(charge.offence);
        }
        let ends = by_institution.into_values().filter_map(|(session, offences)| {
            self.rules(session).ladders.suspension(&offences).map(|suspension| suspension.until)
        });
        ends.max()
    }

    // ---- corrections ----------------------------------------------------------------------------------------------

    pub(crate) fn correct(&mut self, correct: &command::Correct) -> Decided {
        let cause = staff(true)?;
        let id = VisitId::new(correct.visit).ok_or(refused(Code::UnknownVisit))?;
        let row = self.day.visits.get(&id).cloned().ok_or(refused(Code::UnknownVisit))?;
        let (patient, outcome, at) = (row.patient, correct.outcome, self.at);
        let last = row.history.last().map(|recorded| recorded.outcome);
        if last == Some(outcome) {
            return Ok(Answer::Done(Done::Correct { visit: correct.visit, changed: false, until: None }));
        }
        let before = self.suspended_until(patient);
        self.together(|desk| {
            desk.tell(&Event::Corrected { visit: id, patient, outcome, cause, at });
            // Nobody was blamed for it so far.
            let known = |charge: &&Charge| {
                charge.offence.deed == Deed::NoShow
                    && row.booking.map(BookingId::get) == Some(charge.offence.id)
            };
            let is_new = !desk.day.charges.get(&Text(patient)).into_iter().flatten().any(|c| known(&c));
            if let Some(charge) = desk.no_show_charge(&row).filter(|_| is_new && outcome == Outcome::NoShow) {
                desk.tell(&Event::Charged { patient, charge, at });
            }
            desk.suspend(patient, before);
        });
        let until = self.suspended_until(patient).filter(|until| *until > at);
        Ok(Answer::Done(Done::Correct { visit: correct.visit, changed: true, until }))
    }

    pub(crate) fn merge(&mut self, merge: &command::Merge) -> Decided {
        let cause = staff(true)?;
        let (from, into, at) = (merge.patient, merge.into, self.at);
        if from == into {
            return Err(
                Malformed::field("into", said!("these are the same key", "两者是同一个患者键")).into()
            );
        }
        let person = self.day.person(into);
        // From here on nothing is booked past what stands under any of the person's keys, so that no breach is missed.
        let live = self.engine.merge(from, person, at).map_err(|refusal| Stop::Refusal(refusal, None))?;
        let places: Vec<(SessionId, Place)> = (live.iter())
            .filter_map(|live| {
                let slot = live.grant.slot;
                Some((slot.session, place(&self.engine.session(slot.session)?, live.grant.time)))
            })
            .collect();
        let breach = places.iter().enumerate().any(|(index, (session, wish))| {
            let others: Vec<Place> = (places.iter().enumerate())
                .filter(|(other, _)| *other != index)
                .map(|(_, (_, place))| *place)
                .collect();
            self.engine.rules(*session).is_some_and(|rules| {
                others.iter().any(|other| rules.overlaps(wish, other))
                    || rules.limit_broken(wish, &others).is_some()
            })
        });
        self.tell(&Event::Merged { patient: from, into, breach, cause, at });
        self.show_suspension(from);
        self.show_suspension(person);
        Ok(Answer::Done(Done::MergeIdentities { breach, bookings: live.len() }))
    }

    // ---- for the reports ------------------------------------------------------------------------------------------

    /// The rows of visits, those of bookings that nobody has looked at yet included.
    pub(crate) fn visits(&self, institution: Option<InstitutionId>, from: Date, to: Date) -> Vec<kpi::Visit> {
        let wanted = |row: &kpi::Visit| {
            institution.is_none_or(|institution| row.institution == institution)
                && (from..=to).contains(&row.day)
        };
        let mut rows: Vec<kpi::Visit> = self.day.visits.values().filter(|row| wanted(row)).cloned().collect();
        let mut next = self.next_visit();
        for view in (0..self.engine.session_count())
            .filter_map(SessionId::new)
            .filter_map(|id| self.engine.session(id))
        {
            let here = institution.is_none_or(|institution| view.institution == institution);
            if !here || !(from..=to).contains(&view.time.from.day()) {
                continue;
            }
            for slot in Self::slots(&view) {
                for occupied in self.engine.occupants(slot, self.at).unwrap_or_default() {
                    let is_new = !self.day.by_booking.contains_key(&occupied.booking);
                    if is_new && occupied.standing == Standing::Booked {
                        rows.push(self.row(next, slot, &occupied));
                        next = VisitId::new(next.get() + 1).unwrap_or_default();
                    }
                }
            }
        }
        rows
    }

    pub(crate) fn stops(&self, institution: Option<InstitutionId>, from: Date, to: Date) -> Vec<kpi::Stop> {
        let mut rows = Vec::new();
        for (number, stop) in &self.day.stops {
            let mut sessions: Vec<SessionId> = stop.slots.iter().map(|slot| slot.session).collect();
            sessions.dedup();
            for session in sessions {
                let Some(view) = self.engine.session(session) else { continue };
                let here = institution.is_none_or(|institution| view.institution == institution);
                if !here || !(from..=to).contains(&view.time.from.day()) {
                    continue;
                }
                let mut row = kpi::Stop {
                    session,
                    at: stop.at,
                    whole: stop.sessions.contains(&session),
                    displaced: 0,
                    moved: 0,
                    offered: 0,
                    tokens: 0,
                };
                let lost = self.day.displaced.values();
                for lost in lost.filter(|lost| lost.stop == *number && lost.slot.session == session) {
                    row.displaced += 1;
                    match lost.fate {
                        super::state::Fate::Open => {}
                        super::state::Fate::Moved(_) => row.moved += 1,
                        super::state::Fate::Offered(..) => row.offered += 1,
                        super::state::Fate::Ticket(..) => row.tokens += 1,
                    }
                }
                rows.push(row);
            }
        }
        rows
    }

    pub(crate) fn waits(&self, institution: Option<InstitutionId>, from: Date, to: Date) -> Vec<kpi::Wait> {
        let rows = self.day.waits.iter().filter_map(|(session, waits)| {
            let view = self.engine.session(*session)?;
            let here = institution.is_none_or(|institution| view.institution == institution);
            (here && (from..=to).contains(&view.time.from.day())).then_some(kpi::Wait {
                session: *session,
                joined: waits.joined,
                offers: waits.offers,
                taken: waits.taken,
                lapsed: waits.lapsed,
                declined: waits.declined,
                skipped: waits.skipped,
            })
        });
        rows.collect()
    }
}

/// A row with nothing known but who.
fn visit_row(id: VisitId, patient: PatientKey) -> kpi::Visit {
    kpi::Visit {
        id,
        booking: None,
        patient,
        institution: InstitutionId::default(),
        department: haoyuan_core::ids::DepartmentId::default(),
        practitioner: haoyuan_core::ids::PractitionerId::default(),
        session: None,
        slot: None,
        day: Date::default(),
        kind: VisitKind::Outpatient,
        class: Class::OnSite,
        channel: Channel::Window,
        revisit: None,
        extra: false,
        booked_at: None,
        confirmed_at: None,
        checked_in_at: None,
        called_at: None,
        entered_at: None,
        history: Vec::<Recorded>::new(),
    }
}

fn place(view: &SessionView, time: haoyuan_core::ids::Interval) -> Place {
    Place {
        institution: view.institution,
        department: view.department,
        practitioner: view.practitioner,
        day: view.time.from.day(),
        time,
    }
}

const fn code(refusal: Refused) -> Code {
    match refusal {
        Refused::TooLate => Code::ArrivedTooLate,
        Refused::AlreadyThere => Code::AlreadyThere,
        Refused::NotThere => Code::UnknownVisit,
        Refused::NotNow | Refused::RoomEmpty => Code::NotNow,
        Refused::NobodyWaits => Code::NobodyWaits,
        Refused::RoomBusy => Code::RoomBusy,
    }
}

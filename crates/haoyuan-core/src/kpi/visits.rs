//! Measures over visits: booking, revisits, waiting, no-shows.

use super::{Exclusion, Figure, Floor, Group, Measure, Month, Rows, Subject, Targets, Visit};
use crate::ids::{DepartmentId, InstitutionId, PatientKey};
use crate::instant::{Day, Instant, MINUTE};
use crate::terms::{Channel, Class, Outcome, VisitKind};
use std::collections::{BTreeMap, BTreeSet};

/// How far back a visit makes another a revisit, days.
pub const REVISIT_DAYS: i32 = 180;
/// A call is on time from so much before the slot …
const CALLED_EARLY: i64 = 15 * MINUTE;
/// … to so much after it.
const CALLED_LATE: i64 = 30 * MINUTE;

/// What a visit is to a measure.
enum Counted {
    /// Nothing: the measure is about other visits.
    Beside,
    /// Left out, and said so.
    Out(Exclusion),
    /// In the denominator, and in the numerator if true.
    In(bool),
    /// A length of time, milliseconds.
    Length(i64),
}

use Counted::{Beside, In, Length, Out};

struct Context<'a> {
    targets: &'a Targets,
    as_of: Instant,
    /// The days on which each patient was seen in a department.
    seen: BTreeMap<(PatientKey, InstitutionId, DepartmentId), BTreeSet<Day>>,
}

const MEASURES: [Measure; 15] = [
    Measure::Booking,
    Measure::BookingStrict,
    Measure::Revisit,
    Measure::RevisitStrict,
    Measure::StomatologyRevisit,
    Measure::PrenatalRevisit,
    Measure::InpatientExam,
    Measure::Slotted,
    Measure::SlotAccuracy,
    Measure::SameDay,
    Measure::Waiting,
    Measure::WaitingLiteral,
    Measure::NoShow,
    Measure::Cancelled,
    Measure::Extra,
];

pub(super) fn figures(rows: &Rows, targets: &Targets, month: Month, as_of: Instant) -> Vec<Figure> {
    let mut seen: BTreeMap<_, BTreeSet<Day>> = BTreeMap::new();
    for visit in rows.visits.iter().filter(|visit| visit.outcome(as_of) == Some(Outcome::Attended)) {
        seen.entry((visit.patient, visit.institution, visit.department)).or_default().insert(visit.day);
    }
    let context = Context { targets, as_of, seen };
    let mut of_the_month: Vec<&Visit> =
        rows.visits.iter().filter(|visit| month.contains(visit.day)).collect();
    of_the_month.sort_unstable_by_key(|visit| visit.id);
    let mut figures = Vec::new();
    for measure in MEASURES.into_iter().chain([Measure::GreenExtra]) {
        let mut tallies: BTreeMap<Group, Tally> = BTreeMap::from([(Group::All, Tally::default())]);
        for visit in &of_the_month {
            let counted = context.count(measure, visit);
            if matches!(counted, Beside) {
                continue;
            }
            let groups = [
                Group::All,
                Group::Department(visit.department),
                Group::Practitioner(visit.practitioner),
                Group::Channel(visit.channel),
            ];
            for group in groups {
                tallies.entry(group).or_default().take(&counted, visit.id.get());
            }
        }
        let floor = context.floor(measure);
        figures.extend(tallies.into_iter().map(|(group, tally)| tally.figure(measure, group, floor)));
    }
    figures
}

#[derive(Default)]
struct Tally {
    sum_ms: u64,
    excluded: BTreeMap<Exclusion, u64>,
    counted: Vec<u32>,
    missed: Vec<u32>,
}

impl Tally {
    fn take(&mut self, counted: &Counted, id: u32) {
        match counted {
            Beside => {}
            Out(reason) => *self.excluded.entry(*reason).or_default() += 1,
            In(true) => self.counted.push(id),
            In(false) => self.missed.push(id),
            Length(ms) => {
                self.sum_ms += ms.unsigned_abs();
                self.counted.push(id);
            }
        }
    }

    fn figure(self, measure: Measure, group: Group, floor: Option<Floor>) -> Figure {
        let counted = self.counted.len() as u64;
        let (numerator, denominator) = match measure.unit() {
            super::Unit::MeanMs => (self.sum_ms, counted),
            _ => (counted, counted + self.missed.len() as u64),
        };
        Figure {
            excluded: self.excluded.into_iter().collect(),
            subject: Subject::Visits,
            counted: self.counted,
            missed: self.missed,
            ..Figure::new(measure, group, numerator, denominator, floor)
        }
    }
}

impl Context<'_> {
    fn floor(&self, measure: Measure) -> Option<Floor> {
        let targets = self.targets;
        let share = match measure {
            Measure::Booking => targets.booking,
            Measure::Revisit => targets.revisit,
            Measure::StomatologyRevisit => targets.stomatology_revisit,
            Measure::PrenatalRevisit => targets.prenatal_revisit,
            Measure::InpatientExam => targets.inpatient_exam,
            _ => None,
        };
        share.map(Floor::AtLeast)
    }

    fn count(&self, measure: Measure, visit: &Visit) -> Counted {
        match measure {
            Measure::InpatientExam => self.inpatient_exam(visit),
            Measure::NoShow => self.no_show(visit),
            Measure::Cancelled => self.cancelled(visit),
            _ => match self.not_in_v(visit) {
                Some(reason) => Out(reason),
                None => self.count_in_v(measure, visit),
            },
        }
    }

    /// Why a visit is not one of `V`.
    fn not_in_v(&self, visit: &Visit) -> Option<Exclusion> {
        match visit.kind {
            VisitKind::Emergency => return Some(Exclusion::Emergency),
            VisitKind::InpatientExam | VisitKind::InpatientExamExempt => return Some(Exclusion::Inpatient),
            kind if !kind.is_outpatient() => return Some(Exclusion::OtherKind),
            _ => {}
        }
        self.not_attended(visit)
    }

    fn not_attended(&self, visit: &Visit) -> Option<Exclusion> {
        match visit.outcome(self.as_of) {
            Some(Outcome::Attended) => None,
            Some(Outcome::Refunded) => Some(Exclusion::Refunded),
            Some(_) => Some(Exclusion::NotAttended),
            None => Some(Exclusion::Open),
        }
    }

    fn count_in_v(&self, measure: Measure, visit: &Visit) -> Counted {
        use Measure::{
            Booking, BookingStrict, Extra, GreenExtra, PrenatalRevisit, Revisit, RevisitStrict, SameDay,
            SlotAccuracy, Slotted, StomatologyRevisit, Waiting, WaitingLiteral,
        };
        let booked = is_booked(visit);
        match measure {
            StomatologyRevisit if visit.kind != VisitKind::Stomatology => return Beside,
            PrenatalRevisit if visit.kind != VisitKind::Prenatal => return Beside,
            Revisit | RevisitStrict | StomatologyRevisit | PrenatalRevisit if !self.is_revisit(visit) => {
                return Out(Exclusion::FirstVisit);
            }
            _ => {}
        }
        match measure {
            Booking | Revisit | StomatologyRevisit | PrenatalRevisit => In(booked),
            BookingStrict | RevisitStrict => In(booked && !self.on_the_visit(visit)),
            Extra => In(visit.extra),
            GreenExtra => In(visit.extra && visit.class == Class::Green),
            _ if !booked => Out(Exclusion::NotBooked),
            SameDay => In(visit.confirmed_at.is_some_and(|at| at.day() == visit.day)),
            Slotted => {
                let length = visit.slot.map(|slot| slot.to.ms() - slot.from.ms());
                In(length.is_some_and(|ms| ms <= self.targets.slot_ms.unwrap_or(30 * MINUTE)))
            }
            SlotAccuracy => match (visit.slot, visit.called_at) {
                (Some(slot), Some(called)) => {
                    In(slot.from.plus(-CALLED_EARLY) <= called && called <= slot.to.plus(CALLED_LATE))
                }
                _ => Out(Exclusion::NotTimed),
            },
            Waiting | WaitingLiteral => waiting(measure, visit),
            _ => Beside,
        }
    }

    /// Whether a booking was made on the visit itself: typed in when the patient stood at the window.
    fn on_the_visit(&self, visit: &Visit) -> bool {
        visit
            .confirmed_at
            .zip(visit.arrival())
            .is_some_and(|(confirmed, arrival)| arrival.ms() - confirmed.ms() < self.targets.same_visit_ms)
    }

    /// As the doctor marked it, or else a visit within [`REVISIT_DAYS`] after another to the same department.
    fn is_revisit(&self, visit: &Visit) -> bool {
        visit.revisit.unwrap_or_else(|| {
            let before = Day(visit.day.0 - REVISIT_DAYS)..visit.day;
            let seen = self.seen.get(&(visit.patient, visit.institution, visit.department));
            seen.is_some_and(|days| days.range(before).next().is_some())
        })
    }

    fn inpatient_exam(&self, visit: &Visit) -> Counted {
        match visit.kind {
            VisitKind::InpatientExam => match self.not_attended(visit) {
                Some(reason) => Out(reason),
                None => In(has_time_before(visit)),
            },
            VisitKind::InpatientExamExempt => Out(Exclusion::Exempt),
            _ => Beside,
        }
    }

    fn no_show(&self, visit: &Visit) -> Counted {
        match visit.outcome(self.as_of) {
            _ if visit.booking.is_none() => Beside,
            Some(Outcome::Attended | Outcome::Refunded) => In(false),
            Some(Outcome::NoShow) => In(true),
            Some(Outcome::Stopped | Outcome::Excused) => Out(Exclusion::NotThePatients),
            Some(Outcome::Cancelled | Outcome::CancelledLate) => Out(Exclusion::NotAttended),
            None => Out(Exclusion::Open),
        }
    }

    fn cancelled(&self, visit: &Visit) -> Counted {
        match visit.outcome(self.as_of) {
            _ if visit.booking.is_none() => Beside,
            Some(Outcome::Cancelled | Outcome::CancelledLate) => In(true),
            Some(Outcome::Stopped) => Out(Exclusion::NotThePatients),
            _ => In(false),
        }
    }
}

/// Whether a visit that took place is one of `B`.
fn is_booked(visit: &Visit) -> bool {
    let Some(confirmed) = visit.confirmed_at.filter(|_| visit.booking.is_some()) else { return false };
    let same_day = confirmed.day() >= visit.day;
    let at_the_counter = matches!(visit.channel, Channel::Window | Channel::Kiosk);
    !(same_day && (at_the_counter || visit.extra))
        && visit.arrival().is_none_or(|arrival| confirmed < arrival)
}

/// Whether an examination had a time before it was carried out.
fn has_time_before(visit: &Visit) -> bool {
    let carried_out = visit.entered_at.or(visit.called_at).or(visit.checked_in_at);
    let assigned = visit.confirmed_at.filter(|_| visit.slot.is_some());
    assigned.is_some_and(|assigned| carried_out.is_none_or(|at| assigned < at))
}

fn waiting(measure: Measure, visit: &Visit) -> Counted {
    let (Some(slot), Some(arrived), Some(entered)) = (visit.slot, visit.checked_in_at, visit.entered_at)
    else {
        return Out(Exclusion::NotTimed);
    };
    if arrived > slot.to {
        return Out(Exclusion::Late);
    }
    let from = if measure == Measure::Waiting { arrived.max(slot.from) } else { arrived };
    Length((entered.ms() - from.ms()).max(0))
}

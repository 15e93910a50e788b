//! Measures of fairness: who is denied, who is quick, who concentrates, who is overtaken, who waits for how long.

use super::{Figure, Floor, Group, Measure, Month, Rows, Subject, Visit};
use crate::ids::{PractitionerId, SessionId};
use crate::instant::{Day, Instant};
use crate::terms::{Class, Outcome, VisitKind};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn figures(rows: &Rows, month: Month, as_of: Instant) -> Vec<Figure> {
    let visits: Vec<&Visit> = rows.visits.iter().filter(|visit| month.contains(visit.day)).collect();
    let mut figures = requests(rows);
    figures.push(concentration(&visits, as_of));
    figures.push(overtaken(&visits));
    figures.push(waitlist(rows, month));
    figures.extend(third_next(rows, month));
    figures.push(evenness(rows));
    figures
}

/// Denied, by class, channel, district and age; success through a channel against success through all.
fn requests(rows: &Rows) -> Vec<Figure> {
    let mut groups: BTreeMap<Group, (u64, u64)> = BTreeMap::from([(Group::All, (0, 0))]);
    for row in &rows.requests {
        for group in [Group::All, Group::Class(row.class), Group::Channel(row.channel)] {
            let (granted, denied) = groups.entry(group).or_default();
            *granted += row.granted;
            *denied += row.denied;
        }
    }
    let districts =
        rows.districts.iter().map(|row| (Group::District(row.district.clone()), row.granted, row.denied));
    let ages = rows.ages.iter().map(|row| (Group::Aged65(row.aged_65), row.granted, row.denied));
    groups.extend(districts.chain(ages).map(|(group, granted, denied)| (group, (granted, denied))));
    let (all_granted, all_denied) = groups[&Group::All];
    let mut figures = Vec::new();
    for (group, (granted, denied)) in groups {
        figures.push(Figure::new(Measure::Denied, group.clone(), denied, granted + denied, None));
        if matches!(group, Group::Channel(_)) {
            let numerator = granted.saturating_mul(all_granted + all_denied);
            let denominator = (granted + denied).saturating_mul(all_granted);
            figures.push(Figure::new(Measure::ChannelParity, group, numerator, denominator, None));
        }
    }
    figures
}

fn concentration(visits: &[&Visit], as_of: Instant) -> Figure {
    let mut patients: BTreeMap<_, u64> = BTreeMap::new();
    for visit in visits.iter().filter(|visit| visit.booking.is_some()) {
        if visit.outcome(as_of) != Some(Outcome::Stopped) {
            *patients.entry(visit.patient).or_default() += 1;
        }
    }
    let all: u64 = patients.values().sum();
    let squares = patients.values().map(|n| n * n).sum();
    Figure::new(Measure::Concentration, Group::All, squares, all.saturating_mul(all), None)
}

/// Of each line of patients (a session; without one the practitioner's day): the green and emergency patients who waited
/// while somebody else was called. O(n log n).
fn overtaken(visits: &[&Visit]) -> Figure {
    let first = |visit: &Visit| visit.class == Class::Green || visit.kind == VisitKind::Emergency;
    let mut lines: BTreeMap<(Option<SessionId>, PractitionerId, Day), Vec<&Visit>> = BTreeMap::new();
    for visit in visits.iter().filter(|visit| visit.called_at.is_some() && visit.checked_in_at.is_some()) {
        lines.entry((visit.session, visit.practitioner, visit.day)).or_default().push(visit);
    }
    let (mut counted, mut missed) = (Vec::new(), Vec::new());
    for line in lines.into_values() {
        let others: BTreeSet<Instant> =
            line.iter().filter(|visit| !first(visit)).filter_map(|visit| visit.called_at).collect();
        for visit in line.iter().filter(|visit| first(visit)) {
            let (Some(there), Some(called)) = (visit.checked_in_at, visit.called_at) else { continue };
            // Whoever was called at the very instant of the arrival was called before it.
            let waited = there < called && others.range(there.plus(1)..called).next().is_some();
            if waited { counted.push(visit.id.get()) } else { missed.push(visit.id.get()) }
        }
    }
    let all = (counted.len() + missed.len()) as u64;
    let figure =
        Figure::new(Measure::Overtaken, Group::All, counted.len() as u64, all, Some(Floor::NoneAllowed));
    Figure { subject: Subject::Visits, counted, missed, ..figure }
}

fn waitlist(rows: &Rows, month: Month) -> Figure {
    let of_the_month: BTreeSet<SessionId> = rows
        .sessions
        .iter()
        .filter(|session| month.contains(session.time.from.day()))
        .map(|session| session.session)
        .collect();
    let waits = || rows.waits.iter().filter(|wait| of_the_month.contains(&wait.session));
    let joined = waits().map(|wait| u64::from(wait.joined)).sum();
    let taken = waits().map(|wait| u64::from(wait.taken)).sum();
    let counted = waits().map(|wait| wait.session.get()).collect();
    let figure = Figure::new(Measure::WaitlistServed, Group::All, taken, joined, None);
    Figure { subject: Subject::Sessions, counted, ..figure }
}

/// Samples without a third seat have no length; they are missing from the mean, and their number is the denominator's lack.
fn third_next(rows: &Rows, month: Month) -> Vec<Figure> {
    let mut groups: BTreeMap<Group, (u64, u64)> = BTreeMap::from([(Group::All, (0, 0))]);
    for sample in rows.third_next.iter().filter(|sample| month.contains(sample.at.day())) {
        let Some(ms) = sample.wait_ms else { continue };
        for group in [Group::All, Group::Class(sample.class), Group::Department(sample.department)] {
            let (sum, samples) = groups.entry(group).or_default();
            *sum += ms;
            *samples += 1;
        }
    }
    let figure = |(group, (sum, samples))| Figure::new(Measure::ThirdNext, group, sum, samples, None);
    groups.into_iter().map(figure).collect()
}

/// Jain's index over the success of the districts, each in parts of a million.
fn evenness(rows: &Rows) -> Figure {
    let success = |row: &super::DistrictRow| {
        let asked = row.granted + row.denied;
        (asked > 0).then(|| row.granted * 1_000_000 / asked)
    };
    let all: Vec<u64> = rows.districts.iter().filter_map(success).collect();
    let sum: u64 = all.iter().sum();
    let squares: u64 = all.iter().map(|x| x * x).sum();
    Figure::new(
        Measure::DistrictEvenness,
        Group::All,
        sum.saturating_mul(sum),
        squares.saturating_mul(all.len() as u64),
        None,
    )
}

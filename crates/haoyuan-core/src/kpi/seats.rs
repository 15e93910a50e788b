//! Measures over sessions and their seats: precision, use, stops, reserves.

use super::{Figure, Floor, Group, Measure, Month, Rows, SessionRow, Subject, Targets};
use crate::apportion::BasisPoints;
use crate::instant::{DAY, Instant};
use crate::terms::{Kind, Outcome};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn figures(rows: &Rows, targets: &Targets, month: Month, as_of: Instant) -> Vec<Figure> {
    let mut sessions: Vec<&SessionRow> =
        rows.sessions.iter().filter(|session| month.contains(session.time.from.day())).collect();
    sessions.sort_unstable_by_key(|session| session.session);
    let mut figures = vec![precision(&sessions, targets), first_seconds(&sessions)];
    figures.extend(supply(rows, &sessions, as_of));
    figures.extend(stops(rows, &sessions, as_of));
    figures.extend(reserves(&sessions));
    figures
}

fn ids<'a>(sessions: impl Iterator<Item = &'a &'a SessionRow>) -> Vec<u32> {
    sessions.map(|session| session.session.get()).collect()
}

/// A share of the sessions themselves.
fn share_of<'a>(
    measure: Measure,
    sessions: &[&'a SessionRow],
    floor: Option<Floor>,
    hit: impl Fn(&'a SessionRow) -> bool,
) -> Figure {
    let (counted, missed): (Vec<&SessionRow>, Vec<&SessionRow>) =
        sessions.iter().copied().partition(|session| hit(session));
    Figure {
        subject: Subject::Sessions,
        counted: ids(counted.iter()),
        missed: ids(missed.iter()),
        ..Figure::new(measure, Group::All, counted.len() as u64, sessions.len() as u64, floor)
    }
}

/// Every session must keep the precision rule, where there is one.
fn precision(sessions: &[&SessionRow], targets: &Targets) -> Figure {
    let Some(most) = targets.slot_ms else {
        return Figure::new(Measure::Precision, Group::All, 0, 0, None);
    };
    let clinics: Vec<&SessionRow> =
        sessions.iter().copied().filter(|session| session.kind != Kind::Exam).collect();
    let floor = Some(Floor::AtLeast(BasisPoints::WHOLE));
    share_of(Measure::Precision, &clinics, floor, |session| i64::from(session.slot_ms) <= most)
}

fn first_seconds(sessions: &[&SessionRow]) -> Figure {
    let sum = |of: fn(&SessionRow) -> u32| sessions.iter().map(|session| u64::from(of(session))).sum();
    Figure {
        subject: Subject::Sessions,
        counted: ids(sessions.iter().filter(|session| session.granted_at_once > 0)),
        ..Figure::new(Measure::FirstSeconds, Group::All, sum(|s| s.granted_at_once), sum(|s| s.granted), None)
    }
}

/// Seats offered of all, and used of those offered; also by department.
fn supply(rows: &Rows, sessions: &[&SessionRow], as_of: Instant) -> Vec<Figure> {
    let of_the_month: BTreeSet<_> = sessions.iter().map(|session| session.session).collect();
    let mut kept: BTreeMap<_, u64> = BTreeMap::new();
    for visit in &rows.visits {
        let given_back = matches!(
            visit.outcome(as_of),
            Some(Outcome::Cancelled | Outcome::CancelledLate | Outcome::Stopped | Outcome::Refunded)
        );
        let session = visit.session.filter(|session| of_the_month.contains(session));
        if let Some(session) = session.filter(|_| visit.booking.is_some() && !visit.extra && !given_back) {
            *kept.entry(session).or_default() += 1;
        }
    }
    let mut groups: BTreeMap<Group, Vec<&SessionRow>> = BTreeMap::from([(Group::All, Vec::new())]);
    for session in sessions {
        for group in [Group::All, Group::Department(session.department)] {
            groups.entry(group).or_default().push(session);
        }
    }
    let mut figures = Vec::new();
    for (group, sessions) in groups {
        let sum = |of: fn(&SessionRow) -> u32| sessions.iter().map(|session| u64::from(of(session))).sum();
        let used = sessions.iter().filter_map(|session| kept.get(&session.session)).sum();
        let (seats, offered) = (sum(|session| session.seats), sum(|session| session.offered));
        for (measure, numerator, denominator) in
            [(Measure::Offered, offered, seats), (Measure::Used, used, offered)]
        {
            figures.push(Figure {
                subject: Subject::Sessions,
                counted: ids(sessions.iter()),
                ..Figure::new(measure, group.clone(), numerator, denominator, None)
            });
        }
    }
    figures
}

fn stops(rows: &Rows, sessions: &[&SessionRow], as_of: Instant) -> [Figure; 2] {
    let known = || rows.stops.iter().filter(|stop| stop.whole && stop.at <= as_of);
    let stopped: BTreeMap<_, Instant> = known().map(|stop| (stop.session, stop.at)).collect();
    let of_them: Vec<&SessionRow> =
        sessions.iter().copied().filter(|session| stopped.contains_key(&session.session)).collect();
    let late = |session: &SessionRow| {
        stopped.get(&session.session).is_some_and(|at| session.time.from.ms() - at.ms() < DAY)
    };
    [
        share_of(Measure::Stopped, sessions, None, |session| stopped.contains_key(&session.session)),
        share_of(Measure::StoppedLate, &of_them, None, late),
    ]
}

/// What one pool reserves in all sessions that ask for the same share.
#[derive(Default)]
struct Kept {
    base: u64,
    offered: u64,
    used: u64,
    released: u64,
    released_used: u64,
    asked: Option<BasisPoints>,
    reached: Vec<u32>,
    short: Vec<u32>,
}

fn reserves(sessions: &[&SessionRow]) -> Vec<Figure> {
    let mut pools: BTreeMap<Group, Kept> = BTreeMap::new();
    for session in sessions {
        for row in &session.reserves {
            let kept = pools.entry(Group::Pool(row.pool.clone())).or_default();
            kept.base += u64::from(row.base);
            kept.offered += u64::from(row.offered);
            kept.used += u64::from(row.used);
            kept.released += u64::from(row.released);
            kept.released_used += u64::from(row.released_used);
            // Over several policies the strictest floor counts.
            kept.asked = kept.asked.max(row.asked);
            let asked = row.asked.map_or(0, |share| share.floor(row.base));
            let place = if row.offered >= asked { &mut kept.reached } else { &mut kept.short };
            place.push(session.session.get());
        }
    }
    let mut figures = Vec::new();
    for (group, kept) in pools {
        let measures = [
            (Measure::Reserved, kept.offered, kept.base, kept.asked.map(Floor::AtLeast)),
            (Measure::ReserveUsed, kept.used, kept.offered, None),
            (Measure::ReserveReleased, kept.released, kept.offered, None),
            (Measure::ReleasedUsed, kept.released_used, kept.released, None),
        ];
        for (measure, numerator, denominator, floor) in measures {
            figures.push(Figure {
                subject: Subject::Sessions,
                counted: kept.reached.clone(),
                missed: kept.short.clone(),
                ..Figure::new(measure, group.clone(), numerator, denominator, floor)
            });
        }
    }
    figures
}

//! The books of the simulation: what the answers said, kept in its own way, and held against the invariants.
//!
//! INVARIANT (independent): nothing here asks the engine or the platform. A rule is written down once more, from the
//! specification: a seat has one owner, a reserve is not the public's before its fence, whoever waits comes first.

use haoyuan::instant::{DAY, HOUR, Instant};
use haoyuan::terms::Class;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is checked, by the names of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Rule {
    /// Free, held and booked seats add up to the engine's own count.
    I1,
    /// No seat has two owners and no slot more than its seats.
    I2,
    /// Before its fence a reserve is not the public's.
    I3,
    /// Nothing is granted before it opens or after a stop.
    I11,
    /// A booking ends only by its patient, a stop or staff.
    I14,
    /// Nobody is served before an earlier one who could be.
    I16,
    /// One live booking per patient, department and day; none overlap.
    I19,
    /// Everybody displaced ends in exactly one way.
    I20,
    /// The order of calling.
    I22,
}

impl Rule {
    pub(super) const ALL: [Self; 9] =
        [Self::I1, Self::I2, Self::I3, Self::I11, Self::I14, Self::I16, Self::I19, Self::I20, Self::I22];

    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::I1 => "I1",
            Self::I2 => "I2",
            Self::I3 => "I3",
            Self::I11 => "I11",
            Self::I14 => "I14",
            Self::I16 => "I16",
            Self::I19 => "I19",
            Self::I20 => "I20",
            Self::I22 => "I22",
        }
    }
}

/// A session of the simulated week.
#[derive(Clone, Debug)]
pub(super) struct Clinic {
    pub(super) code: String,
    pub(super) department: usize,
    pub(super) from: Instant,
    pub(super) to: Instant,
    pub(super) slots: usize,
    pub(super) seats: u32,
    /// Those of all slots, and what was added over capacity.
    pub(super) all_seats: u32,
    /// Seats of each slot that are the referrals' before the fence.
    pub(super) reserved: Vec<u32>,
    pub(super) stopped: bool,
}

const SLOT: i64 = HOUR / 2;

impl Clinic {
    /// When the public's seats open: seven days before, at seven.
    pub(super) fn opens(&self) -> Instant {
        self.from.day().midnight().plus(-7 * DAY + 7 * HOUR)
    }

    /// Seats that nobody but the referrals may have.
    fn reserved_at(&self, slot: usize, at: Instant) -> u32 {
        if at < self.from.plus(-DAY) { self.reserved.get(slot).copied().unwrap_or(0) } else { 0 }
    }
}

/// A live hold or booking.
#[derive(Clone, Debug)]
pub(super) struct Live {
    pub(super) patient: u32,
    pub(super) clinic: usize,
    pub(super) slot: usize,
    pub(super) number: u64,
    pub(super) class: Class,
    /// The end of the hold; a booking has none.
    pub(super) expires: Option<Instant>,
}

/// Somebody who waits for a session.
#[derive(Clone, Copy, Debug)]
struct Waits {
    patient: u32,
    offered: bool,
    passed: bool,
}

/// Who waits to be called, and who was called last.
#[derive(Clone, Debug, Default)]
struct Line {
    waiting: BTreeMap<u64, Band>,
    booked_since_walk_in: u32,
}

/// A band of the check-in queue that is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Band {
    Emergency,
    Green,
    Booked,
    WalkIn,
}

/// So many booked patients to one walk-in, in every preset.
const RATIO: u32 = 2;

#[derive(Debug, Default)]
pub(super) struct Ledger {
    pub(super) clinics: Vec<Clinic>,
    pub(super) live: HashMap<String, Live>,
    /// The owner of each seat.
    owners: HashMap<(usize, u64), String>,
    of_patient: HashMap<u32, BTreeSet<String>>,
    /// Live seats of each slot: of all, and of the public.
    counts: HashMap<(usize, usize), (u32, u32)>,
    /// The ends of holds.
    ends: BTreeSet<(Instant, String)>,
    /// Who waits, by session and entry.
    waits: BTreeMap<(usize, u64), Waits>,
    clinic_of: HashMap<u64, usize>,
    lines: HashMap<usize, Line>,
    /// Patients who did not come, or cancelled late: they may be suspended, and may be passed over.
    pub(super) blamed: BTreeSet<u32>,
    pub(super) checks: u64,
    pub(super) broken: BTreeMap<Rule, u64>,
    /// The first thing that was found of each rule.
    pub(super) first: BTreeMap<Rule, String>,
}

impl Ledger {
    pub(super) fn check(&mut self, rule: Rule, holds: bool, what: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            *self.broken.entry(rule).or_default() += 1;
            self.first.entry(rule).or_insert_with(what);
        }
    }

    /// Forgets holds that are over.
    pub(super) fn expire(&mut self, at: Instant) {
        while let Some((expires, booking)) = self.ends.first().cloned().filter(|(end, _)| *end <= at) {
            self.ends.remove(&(expires, booking.clone()));
            self.gone(&booking);
        }
    }

    /// A seat was granted: to whoever asked, or (`entry`) to somebody who waited.
    pub(super) fn granted(&mut self, booking: &str, live: Live, at: Instant, entry: Option<u64>) {
        self.expire(at);
        let clinic = self.clinics[live.clinic].clone();
        let owner = self.owners.get(&(live.clinic, live.number)).cloned();
        let said = || format!("{booking} of {} at {}", clinic.code, at.ms());
        self.check(Rule::I2, owner.is_none(), said);
        let is_public = u32::from(live.class == Class::Public);
        let counts = self.counts.entry((live.clinic, live.slot)).or_default();
        *counts = (counts.0 + 1, counts.1 + is_public);
        let (of_all, others) = *counts;
        self.check(Rule::I2, of_all <= clinic.seats, said);
        if live.class == Class::Public {
            let most = clinic.seats - clinic.reserved_at(live.slot, at);
            self.check(Rule::I3, others <= most, said);
            self.check(Rule::I11, at >= clinic.opens(), said);
        }
        self.check(Rule::I11, !clinic.stopped && at < clinic.to, said);
        let before = entry.unwrap_or(u64::MAX);
        let cleared = clinic.from.day().midnight().plus(-HOUR);
        let earlier = self.waits.range((live.clinic, 0)..(live.clinic, before)).find(|(_, waits)| {
            live.class == Class::Public
                && at < cleared
                && !waits.offered
                && !waits.passed
                && !self.blamed.contains(&waits.patient)
                && waits.patient != live.patient
                && self.of_patient.get(&waits.patient).is_none_or(BTreeSet::is_empty)
        });
        let nobody = earlier.is_none();
        self.check(Rule::I16, nobody, said);
        let (from, day) = (clinic.from.plus(SLOT * i64::try_from(live.slot).unwrap_or(0)), clinic.from.day());
        let own: Vec<Live> = self
            .of_patient
            .get(&live.patient)
            .into_iter()
            .flatten()
            .filter_map(|b| self.live.get(b))
            .cloned()
            .collect();
        let collides = own.iter().any(|other| {
            let theirs = &self.clinics[other.clinic];
            let start = theirs.from.plus(SLOT * i64::try_from(other.slot).unwrap_or(0));
            let same = theirs.department == clinic.department && theirs.from.day() == day;
            same || (start < from.plus(SLOT) && from < start.plus(SLOT))
        });
        self.check(Rule::I19, !collides, said);
        self.owners.insert((live.clinic, live.number), booking.to_owned());
        self.of_patient.entry(live.patient).or_default().insert(booking.to_owned());
        if let Some(expires) = live.expires {
            self.ends.insert((expires, booking.to_owned()));
        }
        self.live.insert(booking.to_owned(), live);
    }

    pub(super) fn confirmed(&mut self, booking: &str) {
        if let Some(expires) = self.live.get_mut(booking).and_then(|live| live.expires.take()) {
            self.ends.remove(&(expires, booking.to_owned()));
        }
    }

    /// A seat went back.
    pub(super) fn gone(&mut self, booking: &str) -> Option<Live> {
        let live = self.live.remove(booking)?;
        self.owners.remove(&(live.clinic, live.number));
        if let Some(expires) = live.expires {
            self.ends.remove(&(expires, booking.to_owned()));
        }
        if let Some((all, public)) = self.counts.get_mut(&(live.clinic, live.slot)) {
            *all -= 1;
            *public -= u32::from(live.class == Class::Public);
        }
        if let Some(own) = self.of_patient.get_mut(&live.patient) {
            own.remove(booking);
        }
        Some(live)
    }

    pub(super) fn joined(&mut self, entry: u64, patient: u32, clinic: usize) {
        self.clinic_of.insert(entry, clinic);
        self.waits.insert((clinic, entry), Waits { patient, offered: false, passed: false });
    }

    fn waits_of(&mut self, entry: u64) -> Option<&mut Waits> {
        let clinic = self.clinic_of.get(&entry)?;
        self.waits.get_mut(&(*clinic, entry))
    }

    /// Who waits, and for which session.
    pub(super) fn who_waits(&mut self, entry: u64) -> Option<(u32, usize)> {
        let clinic = *self.clinic_of.get(&entry)?;
        self.waits_of(entry).map(|waits| (waits.patient, clinic))
    }

    pub(super) fn offered(&mut self, entry: u64) {
        if let Some(waits) = self.waits_of(entry) {
            waits.offered = true;
        }
    }

    /// The offer was declined or ran out.
    pub(super) fn passed(&mut self, entry: u64) {
        if let Some(waits) = self.waits_of(entry) {
            (waits.offered, waits.passed) = (false, true);
        }
    }

    pub(super) fn waits_no_more(&mut self, entry: u64) {
        if let Some(clinic) = self.clinic_of.remove(&entry) {
            self.waits.remove(&(clinic, entry));
        }
    }

    pub(super) fn arrived(&mut self, clinic: usize, visit: u64, band: Band) {
        self.lines.entry(clinic).or_default().waiting.insert(visit, band);
    }

    /// A room has called.
    pub(super) fn called(&mut self, clinic: usize, visit: u64) -> Option<Band> {
        let line = self.lines.entry(clinic).or_default();
        let band = line.waiting.remove(&visit);
        let waits = |wanted: Band| line.waiting.values().any(|band| *band == wanted);
        let higher =
            [Band::Emergency, Band::Green].into_iter().any(|h| band.is_some_and(|b| h < b) && waits(h));
        let (walk_in, since) = (waits(Band::WalkIn), line.booked_since_walk_in);
        match band {
            Some(Band::Booked) => line.booked_since_walk_in += 1,
            Some(Band::WalkIn) => line.booked_since_walk_in = 0,
            _ => {}
        }
        let said = || format!("visit {visit} of session {clinic}");
        self.check(Rule::I22, band.is_some(), said);
        self.check(Rule::I22, !higher, said);
        self.check(Rule::I22, band != Some(Band::Booked) || !walk_in || since < RATIO, said);
        band
    }

    /// The hospital has stopped a session: whom it displaced.
    pub(super) fn stopped(&mut self, clinic: usize) -> Vec<(String, Live)> {
        self.clinics[clinic].stopped = true;
        let there: Vec<String> = self
            .live
            .iter()
            .filter(|(_, live)| live.clinic == clinic)
            .map(|(booking, _)| booking.clone())
            .collect();
        let gone = there.into_iter().filter_map(|booking| self.gone(&booking).map(|live| (booking, live)));
        let displaced = gone.filter(|(_, live)| live.expires.is_none()).collect();
        self.waits.retain(|(of, _), _| *of != clinic);
        displaced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session of one slot with two seats, one reserved, on 2026-03-10 at 8:00.
    fn ledger() -> Ledger {
        let from = Instant::saturating(1_773_100_800_000);
        let clinic = |code: &str| Clinic {
            code: code.to_owned(),
            department: 0,
            from,
            to: from.plus(SLOT),
            slots: 1,
            seats: 2,
            all_seats: 0,
            reserved: vec![1],
            stopped: false,
        };
        Ledger { clinics: vec![clinic("A"), clinic("B")], ..Ledger::default() }
    }

    fn live(patient: u32, clinic: usize, number: u64, class: Class) -> Live {
        Live { patient, clinic, slot: 0, number, class, expires: None }
    }

    fn broken(ledger: &Ledger) -> Vec<Rule> {
        ledger.broken.keys().copied().collect()
    }

    /// To whom, of which session, which number, by what right, how long after the opening.
    type Grant = (u32, usize, u64, Class, i64);

    #[test]
    fn each_rule_is_found_when_it_is_broken() {
        let open = ledger().clinics[0].opens();
        let grants: [(&[Grant], &[Rule]); 7] = [
            (&[(1, 0, 1, Class::Public, 0)], &[]),
            (&[(1, 0, 1, Class::Public, 0), (2, 0, 1, Class::ReferralSecondary, 1)], &[Rule::I2]),
            (&[(1, 0, 1, Class::Public, 0), (2, 0, 2, Class::Public, 1)], &[Rule::I3]),
            (&[(1, 0, 1, Class::Public, -1)], &[Rule::I11]),
            (&[(1, 0, 1, Class::Public, 0), (1, 1, 1, Class::Public, 1)], &[Rule::I19]),
            // After the fence the reserve is the public's.
            (&[(1, 0, 1, Class::Public, 0), (2, 0, 2, Class::Public, 6 * DAY + HOUR)], &[]),
            (&[(1, 0, 1, Class::Public, 8 * DAY)], &[Rule::I11]),
        ];
        for (grants, expected) in grants {
            let mut ledger = ledger();
            for (patient, clinic, number, class, after) in grants {
                let booking = format!("{clinic}-{number}-{patient}");
                ledger.granted(&booking, live(*patient, *clinic, *number, *class), open.plus(*after), None);
            }
            assert_eq!(broken(&ledger), expected, "{grants:?}");
        }
    }

    #[test]
    fn whoever_waits_is_served_first_and_in_order() {
        let open = ledger().clinics[0].opens();
        let grant = |entry: Option<u64>, waiting: &[u64]| {
            let mut ledger = ledger();
            for id in waiting {
                ledger.joined(*id, 100 + u32::try_from(*id).unwrap(), 0);
            }
            let patient = entry.map_or(1, |id| 100 + u32::try_from(id).unwrap());
            ledger.granted("x", live(patient, 0, 1, Class::Public), open, entry);
            broken(&ledger)
        };
        assert_eq!(grant(None, &[]), []);
        assert_eq!(grant(None, &[1]), [Rule::I16]);
        assert_eq!(grant(Some(1), &[1, 2]), []);
        assert_eq!(grant(Some(2), &[1, 2]), [Rule::I16]);
    }

    #[test]
    fn the_order_of_calling_is_recounted() {
        use Band::{Booked, Emergency, Green, WalkIn};
        let calls = |arrivals: &[(u64, Band)], called: &[u64]| {
            let mut ledger = ledger();
            for (visit, band) in arrivals {
                ledger.arrived(0, *visit, *band);
            }
            for visit in called {
                ledger.called(0, *visit);
            }
            broken(&ledger)
        };
        assert_eq!(calls(&[(1, Booked), (2, Booked), (3, WalkIn)], &[1, 2, 3]), []);
        assert_eq!(calls(&[(1, Booked), (2, Booked), (3, Booked), (4, WalkIn)], &[1, 2, 3]), [Rule::I22]);
        assert_eq!(calls(&[(1, Booked), (2, Emergency)], &[1]), [Rule::I22]);
        assert_eq!(calls(&[(1, Emergency), (2, Green), (3, Booked)], &[1, 2, 3]), []);
        assert_eq!(calls(&[(1, Emergency), (2, Green), (3, Booked)], &[2]), [Rule::I22]);
        assert_eq!(calls(&[(2, Green), (3, WalkIn)], &[3]), [Rule::I22]);
        assert_eq!(calls(&[(1, Booked)], &[2]), [Rule::I22]);
    }
}

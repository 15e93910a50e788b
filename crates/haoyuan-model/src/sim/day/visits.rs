//! What came of the visits: who came, who was late, who did not come, what is corrected, and keys that are one person.
//!
//! INVARIANT (as it stands corrected): a person is suspended for what nobody came to and for nothing else, under whatever key.

use super::books::{DAY, Line, PERIOD, VALID, Visit};
use super::{Run, at, expect, key, number, staff};
use crate::check::Finding;
use crate::random::Random;
use haoyuan::instant::Day;
use serde_json::json;
use std::collections::BTreeMap;

const FIRST: u32 = 600;
const LAST: u32 = 605;
/// Sessions of a slot each, one after the other, each of a department of its own.
pub(super) const CLINICS: usize = 8;
pub(super) const SEATS: usize = 4;
/// The twenty-fourth at eight.
const BEGINS: i64 = 20 * DAY + 8 * 60;
const BOOKED_AT: i64 = 19 * DAY + 10 * 60;
const OUTCOMES: [&str; 4] = ["no_show", "attended", "excused", "stopped"];

fn session(clinic: usize) -> String {
    format!("X{clinic}")
}

pub(super) fn begins(clinic: usize) -> i64 {
    BEGINS + PERIOD * i64::try_from(clinic).unwrap_or(0)
}

impl Run<'_> {
    fn somebody(random: &mut Random) -> u32 {
        FIRST + u32::try_from(random.below(u64::from(LAST - FIRST))).unwrap_or(0)
    }

    /// The day before: they book, and some turn out to be one person.
    pub(super) fn book_visits(&mut self, random: &mut Random) -> Finding {
        let (now, patient) = (at(BOOKED_AT), Self::somebody(random));
        if random.once_in(12) {
            return self.merge(&now, patient, Self::somebody(random));
        }
        let clinic = usize::try_from(random.below(CLINICS as u64)).unwrap_or(0);
        let answer = self.tell(&json!({"command": "book", "at": now, "patient": key(patient),
            "session": session(clinic), "slot": 0, "class": "public", "channel": "window"}));
        let there = self.persons.visits.iter().filter(|visit| visit.clinic == clinic);
        // Under whatever key.
        let is_theirs = |visit: &Visit| self.persons.person(visit.patient) == self.persons.person(patient);
        let (full, twice) = there.fold((0, false), |(count, twice), v| (count + 1, twice || is_theirs(v)));
        let expected = full < SEATS && !twice && !self.persons.is_blocked(patient);
        expect((answer["outcome"] == "granted") == expected, || {
            format!("I19: {patient} in X{clinic}, in the books {expected}: {answer}")
        })?;
        if let (true, Some(booking)) = (expected, answer["booking"].as_str()) {
            let (booking, from) = (booking.to_owned(), begins(clinic));
            let visit = Visit { patient, clinic, booking, from, came: false, outcome: None };
            self.persons.visits.push(visit);
        }
        Ok(())
    }

    fn merge(&mut self, now: &str, from: u32, into: u32) -> Finding {
        if from == into || self.persons.is_given_up(from) || self.persons.is_given_up(into) {
            return Ok(());
        }
        let command = json!({"command": "merge_identities", "at": now, "patient": key(from), "into": key(into),
            "actor": staff()});
        let answer = self.done(&command)?;
        let expected = self.persons.merge(from, into);
        let told = (answer["breach"].as_bool(), answer["bookings"].as_u64());
        expect(told == (Some(expected.0), Some(expected.1 as u64)), || {
            format!("{command}: {answer}, in the books {expected:?}")
        })?;
        // All of them stay.
        for patient in [from, into] {
            let answer = self.tell(&json!({"command": "bookings", "at": now, "patient": key(patient)}));
            let told = answer["bookings"].as_array().map(Vec::len);
            let expected = self.persons.of(patient).count();
            expect(told == Some(expected), || format!("I14: {patient} has {answer}, not {expected}"))?;
        }
        Ok(())
    }

    /// The day itself, and what is corrected afterwards.
    pub(super) fn look_back(&mut self, minute: i64, random: &mut Random) -> Finding {
        let minute = BEGINS - 20 + minute;
        let now = at(minute);
        match random.below(10) {
            0..3 => self.come(minute, &now, random)?,
            3..6 => {
                let clinic = usize::try_from(random.below(CLINICS as u64)).unwrap_or(0);
                let command =
                    json!({"command": "no_show", "at": now, "session": session(clinic), "actor": staff()});
                let answer = self.tell(&command);
                if minute < begins(clinic) + PERIOD {
                    return expect(answer["code"] == "NOT_NOW", || format!("{command}: {answer}"));
                }
                let mut expected = 0;
                for visit in self.persons.visits.iter_mut().filter(|visit| visit.clinic == clinic) {
                    if !visit.came && visit.outcome.is_none() {
                        visit.outcome = Some("no_show");
                        expected += 1;
                    }
                }
                expect(answer["no_shows"].as_u64() == Some(expected), || {
                    format!("{command}: {answer}, in the books {expected}")
                })?;
            }
            6..9 => self.correct(minute, &now, random)?,
            _ => {
                let (from, into) = (Self::somebody(random), Self::somebody(random));
                if random.once_in(3) {
                    self.merge(&now, from, into)?;
                }
            }
        }
        self.compare_visits()?;
        self.compare_rights(minute, &now, random)
    }

    fn come(&mut self, minute: i64, now: &str, random: &mut Random) -> Finding {
        if self.persons.visits.is_empty() {
            return Ok(());
        }
        let place = usize::try_from(random.below(self.persons.visits.len() as u64)).unwrap_or(0);
        let visit = self.persons.visits[place].clone();
        let command = json!({"command": "check_in", "at": now, "patient": key(visit.patient),
            "booking": visit.booking});
        let answer = self.tell(&command);
        let refused = if visit.outcome.is_some() {
            Some("NOT_NOW")
        } else if visit.came {
            Some("ALREADY_THERE")
        } else if Line::is_void(visit.from, minute) {
            Some("ARRIVED_TOO_LATE")
        } else {
            None
        };
        expect(answer["code"].as_str() == refused, || {
            format!("{command}: {answer}, in the books {refused:?}")
        })?;
        self.persons.visits[place].came |= refused.is_none();
        Ok(())
    }

    /// The rows of these visits by their booking: the number, and what came of it.
    fn rows(&self) -> BTreeMap<String, (u32, Option<&'static str>)> {
        let rows = self.registry.platform().visits(None, Day(0), Day(40_000));
        let of = |row: haoyuan::kpi::Visit| {
            let booking = row.booking?;
            let outcome = row.history.last().map(|recorded| recorded.outcome.text());
            Some((format!("{:016x}", booking.get()), (row.id.get(), outcome)))
        };
        rows.into_iter().filter_map(of).collect()
    }

    fn correct(&mut self, minute: i64, now: &str, random: &mut Random) -> Finding {
        let known: Vec<usize> = (self.persons.visits.iter().enumerate())
            .filter(|(_, visit)| visit.came || visit.outcome.is_some())
            .map(|(place, _)| place)
            .collect();
        if known.is_empty() {
            return Ok(());
        }
        let (place, outcome) = (*random.of(&known), *random.of(&OUTCOMES));
        let booking = self.persons.visits[place].booking.clone();
        let Some((id, _)) = self.rows().get(&booking).copied() else {
            return Err(format!("I24: nobody knows the visit of {booking}"));
        };
        let command =
            json!({"command": "correct", "at": now, "visit": id, "outcome": outcome, "actor": staff()});
        let answer = self.done(&command)?;
        let visit = &mut self.persons.visits[place];
        let changed = visit.outcome != Some(outcome);
        visit.outcome = Some(outcome);
        expect(answer["changed"] == changed, || format!("{command}: {answer}, in the books {changed}"))?;
        let patient = visit.patient;
        if changed {
            let until = self.persons.suspended_until(patient).filter(|until| *until > minute).map(at_any);
            expect(answer["until"].as_str() == until.as_deref(), || {
                format!("{command}: {answer}, in the books {until:?}")
            })?;
        }
        Ok(())
    }

    fn compare_visits(&mut self) -> Finding {
        self.tape.totals.looks += 1;
        let rows = self.rows();
        for visit in &self.persons.visits {
            let told = rows.get(&visit.booking).and_then(|(_, outcome)| *outcome);
            expect(told == visit.outcome, || format!("{visit:?} is told as {told:?}"))?;
        }
        Ok(())
    }

    /// What a person may do now: a suspended one books at the window and not online, a given up key nowhere.
    fn compare_rights(&mut self, minute: i64, now: &str, random: &mut Random) -> Finding {
        let patient = Self::somebody(random);
        let expected = if self.persons.is_blocked(patient) {
            Some("IDENTITY_MERGED")
        } else if self.persons.suspended_until(patient).is_some_and(|until| minute < until) {
            Some("SUSPENDED")
        } else {
            None
        };
        for channel in ["app", "window"] {
            let wish = json!({"command": "book", "at": now, "patient": key(patient), "session": "Z", "slot": 0,
                "class": "public", "channel": channel});
            let answer = self.tell(&wish);
            let refused = expected.filter(|code| channel == "app" || *code == "IDENTITY_MERGED");
            expect(answer["code"].as_str() == refused, || {
                format!("{wish}: {answer}, in the books {refused:?}")
            })?;
            if let Some(booking) = number(&answer["booking"]) {
                self.done(&json!({"command": "cancel", "at": now, "patient": key(patient),
                    "booking": format!("{booking:016x}")}))?;
            }
        }
        Ok(())
    }
}

/// Minutes since the fourth of March, of any day of the year.
fn at_any(minute: i64) -> String {
    let mut day = 4 + minute / DAY;
    let mut month = 3;
    for length in [31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day <= length {
            break;
        }
        (day, month) = (day - length, month + 1);
    }
    format!("2026-{month:02}-{day:02}T{:02}:{:02}:00+08:00", minute / 60 % 24, minute % 60)
}

const _: () = assert!(VALID == PERIOD, "a number is void when its visit is over");

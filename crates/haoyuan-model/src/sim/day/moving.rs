//! Clinics that are stopped, moved, substituted, resumed, while patients book, cancel, accept and refuse.
//!
//! INVARIANT (I20): after every step everybody has the places that the books give them, and every displaced booking has the one
//! fate of the books.

use super::books::{Clinic, DAY, Place, Scope, Told};
use super::{CLASSES, Run, at, expect, key, number, staff};
use crate::check::Finding;
use crate::random::Random;
use crate::sim::canary::Bug;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Those who have places there.
const FIRST: u32 = 500;
const LAST: u32 = 506;
/// Practitioners of these clinics; the last has none of their own.
const PRACTITIONERS: std::ops::Range<u32> = 4..10;
/// The tenth of the month at ten, and the twelfth at eight in the evening: before any of the clinics begins.
pub(super) const FROM: i64 = 6 * DAY + 600;
const TO: i64 = 8 * DAY + 20 * 60;

pub(super) fn clinics() -> Vec<Clinic> {
    let clinic = |code, practitioner, day: i64, hour: i64, slots, seats| Clinic {
        code,
        practitioner,
        expert: code == "M4",
        from: (day - 4) * DAY + hour * 60,
        slots,
        seats,
    };
    vec![
        clinic("M0", 4, 13, 14, 2, 2),
        clinic("M1", 5, 13, 15, 2, 1),
        clinic("M2", 4, 15, 14, 1, 1),
        clinic("M3", 6, 16, 9, 2, 1),
        clinic("M4", 7, 13, 13, 2, 1),
        // Not open yet: it opens on the thirteenth.
        clinic("M5", 4, 20, 14, 1, 2),
        clinic("M6", 4, 17, 14, 1, 2),
        clinic("M7", 8, 17, 9, 2, 1),
        clinic("M8", 4, 13, 9, 1, 2),
    ]
}

impl Run<'_> {
    pub(super) fn moving(&mut self, random: &mut Random) -> Finding {
        let passes = match random.below(24) {
            0 => 12 * 60,
            1..12 => i64::try_from(random.below(40)).unwrap_or(0),
            _ => 0,
        };
        self.clinics.now = (self.clinics.now + passes).min(TO);
        self.clinics.settle();
        let now = at(self.clinics.now);
        match random.below(20) {
            0..7 => self.book_there(&now, random)?,
            7..10 => self.settle_there(&now, random)?,
            10..12 => {
                let scope = self.scope(random);
                self.stop_there(&now, &scope)?;
            }
            12..15 => {
                let stops = self.clinics.stops();
                if stops.is_empty() {
                    return Ok(());
                }
                let mut into: Vec<usize> = (0..self.clinics.all.len()).collect();
                into.retain(|_| random.once_in(2));
                let shift = usize::try_from(random.below(8)).unwrap_or(0);
                let shift = shift % into.len().max(1);
                into.rotate_left(shift);
                self.rebook(&now, *random.of(&stops), &into, random.once_in(3))?;
            }
            15..17 => self.move_there(&now, random)?,
            17 => self.substitute_there(&now, random)?,
            18 => {
                let stops = self.clinics.stops();
                if stops.is_empty() {
                    return Ok(());
                }
                let stop = *random.of(&stops);
                let answer =
                    self.done(&json!({"command": "resume", "at": now, "stop": stop, "actor": staff()}))?;
                let changed = self.clinics.resume(stop);
                expect(answer["changed"] == changed, || format!("resume {stop}: {answer}"))?;
            }
            _ => {
                self.tell(&json!({"command": "tick", "at": now}));
            }
        }
        // Not always: what the system writes down when it is asked must not depend on when it is asked.
        if random.once_in(3) {
            for stop in self.clinics.stops() {
                self.rebook_nowhere(&now, stop)?;
            }
        }
        self.compare_clinics(&now)
    }

    fn anybody(random: &mut Random) -> u32 {
        FIRST + u32::try_from(random.below(u64::from(LAST - FIRST))).unwrap_or(0)
    }

    fn any_clinic(&self, random: &mut Random) -> usize {
        usize::try_from(random.below(self.clinics.all.len() as u64)).unwrap_or(0)
    }

    fn book_there(&mut self, now: &str, random: &mut Random) -> Finding {
        let (patient, clinic) = (Self::anybody(random), self.any_clinic(random));
        let slot = usize::try_from(random.below(self.clinics.all[clinic].slots as u64)).unwrap_or(0);
        let class = usize::try_from(random.below(3)).unwrap_or(0);
        let answer = self.tell(&json!({"command": "book", "at": now, "patient": key(patient),
            "session": self.clinics.all[clinic].code, "slot": slot, "class": CLASSES[class], "channel": "app"}));
        let expected = self.clinics.can_book(patient, clinic, slot);
        let granted = answer["outcome"] == "granted";
        expect(granted == expected, || format!("{patient} in {clinic}, in the books {expected}: {answer}"))?;
        if granted {
            // 复诊 before contract residents before everybody else.
            let (rank, since) = ([3, 2, 4][class], self.clinics.now);
            let booking = number(&answer["booking"]).unwrap_or_default();
            self.clinics.places.push(Place { booking, patient, rank, since, clinic, slot, until: None });
        }
        Ok(())
    }

    /// Somebody says yes to an offer, or gives a hold or booking back.
    fn settle_there(&mut self, now: &str, random: &mut Random) -> Finding {
        if self.clinics.places.is_empty() {
            return Ok(());
        }
        let offers: Vec<Place> =
            self.clinics.places.iter().filter(|place| place.until.is_some()).copied().collect();
        let place = if offers.is_empty() || random.once_in(3) {
            *random.of(&self.clinics.places)
        } else {
            *random.of(&offers)
        };
        let word = if place.until.is_some() && !random.once_in(3) { "confirm" } else { "cancel" };
        self.done(&json!({"command": word, "at": now, "patient": key(place.patient),
            "booking": format!("{:016x}", place.booking)}))?;
        if word == "confirm" {
            self.clinics.confirm(place.booking);
        } else {
            self.clinics.cancel(place.booking);
        }
        Ok(())
    }

    fn scope(&self, random: &mut Random) -> Scope {
        let bookings: Vec<u64> = self.clinics.places.iter().map(|place| place.booking).collect();
        match random.below(4) {
            0 if !bookings.is_empty() => Scope::Booking(*random.of(&bookings)),
            1 => {
                let clinic = &self.clinics.all[self.any_clinic(random)];
                let half = [None, Some(true), Some(false)];
                Scope::Day(clinic.practitioner, clinic.from / DAY, *random.of(&half))
            }
            _ => Scope::Session(self.any_clinic(random)),
        }
    }

    fn told_scope(&self, scope: &Scope) -> Value {
        match *scope {
            Scope::Booking(booking) => json!({"booking": format!("{booking:016x}")}),
            Scope::Session(clinic) => json!({"session": self.clinics.all[clinic].code}),
            Scope::Day(practitioner, day, half) => {
                let mut scope = json!({"practitioner": format!("D{practitioner}"),
                    "day": format!("2026-03-{:02}", 4 + day)});
                if let Some(morning) = half {
                    scope["half"] = json!(if morning { "morning" } else { "afternoon" });
                }
                scope
            }
        }
    }

    fn stop_there(&mut self, now: &str, scope: &Scope) -> Finding {
        let told = self.told_scope(scope);
        let command = json!({"command": "stop", "at": now, "scope": told, "actor": staff()});
        if !matches!(scope, Scope::Booking(_)) && self.clinics.reach(scope).is_empty() {
            let answer = self.tell(&command);
            return expect(answer["code"] == "UNKNOWN_SESSION", || format!("{command}: {answer}"));
        }
        let answer = self.done(&command)?;
        let expected = self.clinics.stop(scope, answer["stop"].as_u64().unwrap_or_default());
        let told = (answer["displaced"].as_u64(), answer["voided"].as_u64());
        expect(told == (Some(expected.0), Some(expected.1)), || {
            format!("I20: {command}: {answer}, in the books {expected:?}")
        })
    }

    fn rebook(&mut self, now: &str, stop: u64, into: &[usize], tickets: bool) -> Finding {
        let codes: Vec<&str> = into.iter().map(|clinic| self.clinics.all[*clinic].code).collect();
        let command = json!({"command": "rebook", "at": now, "stop": stop, "into": codes, "tickets": tickets,
            "actor": staff()});
        let answer = self.done(&command)?;
        self.clinics.rebook(stop, into, tickets, &placed(&answer)).map_err(|e| format!("{command}: {e}"))?;
        self.compare_sums(stop, &answer)
    }

    fn rebook_nowhere(&mut self, now: &str, stop: u64) -> Finding {
        self.rebook(now, stop, &[], false)
    }

    fn compare_sums(&self, stop: u64, answer: &Value) -> Finding {
        let told = ["moved", "offered", "tickets", "unplaced"].map(|word| answer[word].as_u64());
        let expected = self.clinics.sums(stop).map(Some);
        expect(told == expected, || format!("I20: stop {stop} has {told:?}, in the books {expected:?}"))
    }

    fn move_there(&mut self, now: &str, random: &mut Random) -> Finding {
        let (scope, into) = (self.scope(random), self.any_clinic(random));
        let reach = match scope {
            Scope::Booking(booking) => {
                self.clinics.places.iter().filter(|p| p.booking == booking).map(|p| p.clinic).collect()
            }
            _ => self.clinics.reach(&scope),
        };
        let command = json!({"command": "move", "at": now, "scope": self.told_scope(&scope),
            "into": self.clinics.all[into].code, "actor": staff()});
        if reach.is_empty() || reach.contains(&into) {
            let answer = self.tell(&command);
            let refused = answer["outcome"] == "error" || answer["code"] == "UNKNOWN_SESSION";
            return expect(refused, || format!("{command}: {answer}"));
        }
        let answer = self.done(&command)?;
        let stop = answer["stop"].as_u64().unwrap_or_default();
        self.clinics.stop(&scope, stop);
        let told = placed(&answer);
        self.clinics.rebook(stop, &[into], false, &told).map_err(|e| format!("{command}: {e}"))?;
        if self.bug == Some(Bug::MoveKeepsOldSeat) {
            self.kept.extend(told.iter().filter(|told| told.fate == "moved").map(|told| told.from));
        }
        self.compare_sums(stop, &answer)
    }

    fn substitute_there(&mut self, now: &str, random: &mut Random) -> Finding {
        let clinic = self.any_clinic(random);
        if self.clinics.has_lost(clinic) {
            // Whose patient somebody was is not asked here.
            return Ok(());
        }
        let practitioner = PRACTITIONERS.start + u32::try_from(random.below(6)).unwrap_or(0);
        let command = json!({"command": "substitute", "at": now, "session": self.clinics.all[clinic].code,
            "practitioner": format!("D{practitioner}"), "actor": staff()});
        let answer = self.tell(&command);
        let expected = self.clinics.substitute(clinic, practitioner);
        expect(answer["told"].as_u64() == expected, || {
            format!("{command}: {answer}, in the books {expected:?}")
        })
    }

    /// Everybody has what the books say, and nothing else.
    fn compare_clinics(&mut self, now: &str) -> Finding {
        self.tape.totals.looks += 1;
        for patient in FIRST..LAST {
            let answer = self.tell(&json!({"command": "bookings", "at": now, "patient": key(patient)}));
            let told: BTreeSet<_> = (answer["bookings"].as_array().into_iter().flatten())
                .map(|one| {
                    let expires = one["expires"].as_str().map(str::to_owned);
                    (
                        number(&one["booking"]),
                        one["session"].as_str().unwrap_or_default(),
                        one["slot"].as_u64(),
                        expires,
                    )
                })
                .collect();
            let expected: BTreeSet<_> = (self.clinics.places.iter())
                .filter(|place| place.patient == patient)
                .map(|p| {
                    (Some(p.booking), self.clinics.all[p.clinic].code, Some(p.slot as u64), p.until.map(at))
                })
                .collect();
            expect(told == expected, || format!("I14: {patient} has {told:x?}, in the books {expected:x?}"))?;
        }
        Ok(())
    }
}

fn placed(answer: &Value) -> Vec<Told> {
    let one = |one: &Value| Told {
        from: number(&one["from"]).unwrap_or_default(),
        patient: one["patient"].as_str().unwrap_or_default().to_owned(),
        fate: one["fate"].as_str().unwrap_or_default().to_owned(),
        to: number(&one["to"]),
        session: one["session"].as_str().map(str::to_owned),
        slot: one["slot"].as_u64().and_then(|slot| usize::try_from(slot).ok()).unwrap_or_default(),
    };
    answer["placed"].as_array().into_iter().flatten().map(one).collect()
}

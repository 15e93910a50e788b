//! The scenario of a rush, as data: who there is, by which policy, with which roster, and what people do.
//!
//! The embedded one is the example to copy from: `haoyuan rush --print-scenario`. Unknown keys are errors.

use haoyuan_core::directory::Entries;
use haoyuan_core::locate::FileError;
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use haoyuan_core::terms::{Channel, Class, Grade, Tier};
use serde::Deserialize;
use std::collections::BTreeMap;

/// The embedded scenario.
pub(crate) const EMBEDDED: &str = include_str!("../../scenarios/jilin-morning.toml");
/// The name under which errors speak of the embedded scenario.
pub(crate) const EMBEDDED_NAME: &str = "jilin-morning.toml";

/// A scenario file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    /// What to call it.
    pub(crate) name: Name,
    /// The seed of everything that is drawn.
    pub(crate) seed: u64,
    /// A policy document, as text: the order of its pools matters.
    pub(crate) policy: String,
    /// Who works when.
    pub(crate) roster: Roster,
    /// What people ask for.
    pub(crate) requests: Requests,
    /// Shares of the classes by the tier of the institution that is asked, parts of their sum.
    pub(crate) classes: BTreeMap<Tier, BTreeMap<Class, u32>>,
    /// Shares of the channels by class, parts of their sum.
    pub(crate) channels: BTreeMap<Class, BTreeMap<Channel, u32>>,
    /// Institutions, alliances and departments; the practitioners follow from the roster.
    pub(crate) directory: Entries,
}

/// A name in both languages.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Name {
    /// English.
    pub(crate) en: String,
    /// Chinese.
    pub(crate) zh: String,
}

/// The roster that is made up when none is given.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Roster {
    /// The first day, `2026-03-03`.
    pub(crate) first_day: String,
    /// How many days.
    pub(crate) days: u16,
    /// The half-days: morning, afternoon, perhaps evening.
    pub(crate) half_days: Vec<HalfDay>,
    /// Who is on it.
    pub(crate) staff: Vec<Staff>,
}

/// One of the parts of a day in which sessions are held.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HalfDay {
    /// `08:00`
    pub(crate) from: String,
    /// `12:00`
    pub(crate) to: String,
}

/// Practitioners of one department and grade.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Staff {
    /// The code of the institution.
    pub(crate) institution: String,
    /// The code of the department.
    pub(crate) department: String,
    /// The grade of their sessions.
    pub(crate) grade: Grade,
    /// How many practitioners.
    pub(crate) practitioners: u16,
    /// How many half-days each works in seven days.
    pub(crate) half_days: u16,
    /// The length of a slot.
    pub(crate) slot_minutes: u16,
    /// Seats per slot.
    pub(crate) seats: u8,
}

/// What people do. Shares are basis points (1/10,000).
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Requests {
    /// Requests for a seat, over all phases.
    pub(crate) count: u32,
    /// Patients.
    pub(crate) patients: u32,
    /// The exponent of Zipf's law over practitioners.
    pub(crate) zipf: f64,
    /// Within how many seconds of the release most of the rush arrives.
    pub(crate) rush_seconds: u32,
    /// Of the requests, those of each phase; parts of their sum.
    pub(crate) phases: PhaseShares,
    /// Of the rush, requests for the day that opens.
    pub(crate) new_day: u32,
    /// Of the rush, requests that come a millisecond early.
    pub(crate) early: u32,
    /// Of the requests, those that a patient sends twice without a key, or to two practitioners at once.
    pub(crate) duplicate: u32,
    /// Of the requests, those with an idempotency key.
    pub(crate) keyed: u32,
    /// Of those, the ones sent again under the same key.
    pub(crate) retried: u32,
    /// Of the privileged requests, those without a ticket, with a wrong one, or with one that has run out.
    pub(crate) bad_ticket: u32,
    /// Of the holds, those that are paid.
    pub(crate) paid: u32,
    /// Of the holds that are paid, those paid in the very last millisecond, and as many one millisecond later.
    pub(crate) paid_at_the_edge: u32,
    /// Of the holds, those given up before paying.
    pub(crate) given_up: u32,
    /// Of the bookings, those cancelled later.
    pub(crate) cancelled: u32,
}

/// How the requests for a seat are spread over the phases.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PhaseShares {
    /// At the release.
    pub(crate) rush: u32,
    /// When unpaid holds have run out.
    pub(crate) expiry: u32,
    /// While others cancel.
    pub(crate) cancellations: u32,
    /// Around each fence.
    pub(crate) fence: u32,
    /// Afterwards.
    pub(crate) second_wave: u32,
}

/// Why a scenario cannot be used: a key and a reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ScenarioError {
    /// The dotted key, empty if it is about the whole file.
    pub(crate) key: String,
    /// What is wrong and what to do.
    pub(crate) reason: Said,
}

impl ScenarioError {
    /// The same, with its place in the file.
    pub(crate) fn at(self, file: &str, text: &str) -> FileError {
        FileError::at_key(file, text, &self.key, self.reason)
    }
}

fn wrong(key: &str, reason: Said) -> ScenarioError {
    ScenarioError { key: key.to_owned(), reason }
}

fn between(key: &str, least: impl Speak, most: impl Speak) -> ScenarioError {
    wrong(key, said!("must be {least} to {most}", "须为 {least} 至 {most}", least, most))
}

fn no_share(key: &str) -> ScenarioError {
    wrong(key, said!("at least one share must be above 0", "至少有一项须大于 0"))
}

impl Scenario {
    /// Reads and checks a scenario.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, FileError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let scenario: Self = haoyuan_core::file::read(file, text)?;
        scenario.check().map_err(|error| error.at(file, text))?;
        Ok(scenario)
    }

    fn check(&self) -> Result<(), ScenarioError> {
        let requests = &self.requests;
        let shares = [
            ("new_day", requests.new_day),
            ("early", requests.early),
            ("duplicate", requests.duplicate),
            ("keyed", requests.keyed),
            ("retried", requests.retried),
            ("bad_ticket", requests.bad_ticket),
            ("paid", requests.paid),
            ("paid_at_the_edge", requests.paid_at_the_edge),
            ("given_up", requests.given_up),
            ("cancelled", requests.cancelled),
        ];
        for (key, share) in shares {
            if share > 10_000 {
                return Err(between(&format!("requests.{key}"), 0, 10_000));
            }
        }
        if requests.paid + requests.given_up > 10_000 {
            let reason = said!(
                "`paid` and `given_up` are together more than 10000",
                "`paid` 与 `given_up` 合计超过 10000"
            );
            return Err(wrong("requests.given_up", reason));
        }
        if requests.count == 0 || requests.count > crate::args::REQUESTS_MAX {
            return Err(between("requests.count", 1, crate::args::REQUESTS_MAX));
        }
        if !(100..=50_000_000).contains(&requests.patients) {
            return Err(between("requests.patients", 100, 50_000_000));
        }
        if !(0.0..=4.0).contains(&requests.zipf) {
            return Err(between("requests.zipf", "0.0", "4.0"));
        }
        if !(1..=3_600).contains(&requests.rush_seconds) {
            return Err(between("requests.rush_seconds", 1, 3_600));
        }
        let phases = requests.phases;
        let sum = [phases.rush, phases.expiry, phases.cancellations, phases.fence, phases.second_wave]
            .iter()
            .map(|share| u64::from(*share))
            .sum::<u64>();
        if sum == 0 {
            return Err(no_share("requests.phases"));
        }
        for (tier, classes) in &self.classes {
            if classes.values().map(|share| u64::from(*share)).sum::<u64>() == 0 {
                return Err(no_share(&format!("classes.{tier}")));
            }
            for (class, _) in classes.iter().filter(|(_, share)| **share > 0) {
                let channels =
                    self.channels.get(class).map_or(0, |c| c.values().map(|s| u64::from(*s)).sum());
                if channels == 0 {
                    return Err(no_share(&format!("channels.{class}")));
                }
            }
        }
        if !(1..=366).contains(&self.roster.days) {
            return Err(between("roster.days", 1, 366));
        }
        if self.roster.half_days.is_empty() {
            return Err(wrong(
                "roster.half_days",
                said!("give at least one part of the day", "请至少写一个半天"),
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_embedded_scenario_is_sound() {
        Scenario::parse(EMBEDDED_NAME, EMBEDDED).unwrap();
    }

    #[track_caller]
    fn check(from: &str, to: &str, expected: &str) {
        assert!(EMBEDDED.contains(from), "`{from}`");
        let error = Scenario::parse("mine.toml", &EMBEDDED.replacen(from, to, 1)).unwrap_err();
        assert!(error.line > 0 && error.to_string().contains(expected), "{error}");
        assert!(!error.reason.zh.is_ascii(), "{}", error.reason.zh);
    }

    #[test]
    fn a_wrong_scenario_is_told_where() {
        check("zipf =", "zapf =", "zapf");
        check("paid = ", "paid = 1", "requests.");
        check("\ndays = 7\nhalf", "\ndays = 0\nhalf", "roster.days");
        check("grade = \"expert\"", "grade = \"wizard\"", "wizard");
        check("[classes.tertiary]", "[classes.quaternary]", "quaternary");
    }
}

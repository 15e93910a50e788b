//! What a report counts: visits, sessions, reserves, requests, as plain rows.
//!
//! INVARIANT (nobody by name): a patient is an opaque key; a row names institutions, sessions and people by number.

use crate::apportion::BasisPoints;
use crate::ids::{
    BookingId, DepartmentId, InstitutionId, Interval, PatientKey, PractitionerId, SessionId, VisitId,
};
use crate::instant::{Day, Instant};
use crate::terms::{Channel, Class, Grade, Kind, Outcome, VisitKind};
use serde::{Deserialize, Serialize};

/// One visit: a confirmed booking and what came of it, or a walk-in. A hold that was never confirmed is no row.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    /// Its number, to find it again.
    pub id: VisitId,
    /// The booking; a walk-in has none.
    #[serde(with = "booking", default, skip_serializing_if = "Option::is_none")]
    pub booking: Option<BookingId>,
    /// Who.
    #[serde(with = "patient")]
    pub patient: PatientKey,
    /// Where.
    pub institution: InstitutionId,
    /// Where.
    pub department: DepartmentId,
    /// With whom.
    pub practitioner: PractitionerId,
    /// In which session; of an extra seat the session that it was added to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<SessionId>,
    /// The suggested time; a walk-in has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Interval>,
    /// The day for which it counts: the session's, or that of the arrival.
    pub day: Day,
    /// What sort of visit.
    pub kind: VisitKind,
    /// By what right.
    pub class: Class,
    /// Through which channel.
    pub channel: Channel,
    /// Whether the doctor marked it as a revisit (复诊), if the doctor said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revisit: Option<bool>,
    /// Whether the seat was added over capacity (加号).
    #[serde(default)]
    pub extra: bool,
    /// When the seat was granted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub booked_at: Option<Instant>,
    /// When it became a booking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<Instant>,
    /// The first check-in (报到).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checked_in_at: Option<Instant>,
    /// The first call (叫号).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub called_at: Option<Instant>,
    /// When the patient entered the room (进入诊室).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entered_at: Option<Instant>,
    /// Every outcome that was ever recorded, oldest first: a correction is one more, and nothing is overwritten. Empty
    /// while the visit is open.
    #[serde(default)]
    pub history: Vec<Recorded>,
}

/// An outcome and when it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recorded {
    /// When it was recorded, which may be long after the visit.
    pub at: Instant,
    /// What came of the visit.
    pub outcome: Outcome,
}

impl Visit {
    /// The outcome as it was known at an instant, inclusive.
    #[must_use]
    pub fn outcome(&self, as_of: Instant) -> Option<Outcome> {
        self.history.iter().rev().find(|recorded| recorded.at <= as_of).map(|recorded| recorded.outcome)
    }

    /// When the patient was there, as far as it is known: the check-in, or else the entry, or else the suggested time.
    #[must_use]
    pub fn arrival(&self) -> Option<Instant> {
        self.checked_in_at.or(self.entered_at).or(self.slot.map(|slot| slot.from))
    }
}

/// A session stopped by the hospital (停诊), whole or in part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// Which.
    pub session: SessionId,
    /// When it was decided.
    pub at: Instant,
    /// Whether the whole session was stopped, and not only a slot or seat of it.
    pub whole: bool,
    /// Bookings that were displaced.
    pub displaced: u32,
    /// Of them: moved to another seat.
    pub moved: u32,
    /// Of them: offered another seat.
    pub offered: u32,
    /// Of them: given the right to book again.
    pub tokens: u32,
}

/// The waitlist (候补) of a session: all entries there ever were.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wait {
    /// Of which session.
    pub session: SessionId,
    /// Entries.
    pub joined: u32,
    /// Seats offered to them.
    pub offers: u32,
    /// Offers taken.
    pub taken: u32,
    /// Offers that ran out.
    pub lapsed: u32,
    /// Offers declined.
    pub declined: u32,
    /// Entries that were passed over because they could not be served.
    pub skipped: u32,
}

/// A published session, from its plan and its block's history.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionRow {
    /// Which.
    pub session: SessionId,
    /// Where.
    pub institution: InstitutionId,
    /// Where.
    pub department: DepartmentId,
    /// With whom.
    pub practitioner: PractitionerId,
    /// The grade.
    pub grade: Grade,
    /// The kind.
    pub kind: Kind,
    /// From–to.
    pub time: Interval,
    /// The length of a slot, milliseconds.
    pub slot_ms: u32,
    /// Name of the policy under which it was published.
    pub policy: String,
    /// Seats when it was published.
    pub seats: u32,
    /// Of them: seats that can be booked ahead.
    pub offered: u32,
    /// Seats granted, of all channels; a seat that came back and was granted again counts twice.
    pub granted: u32,
    /// Of them: granted within five seconds of the opening of the pool that admitted.
    pub granted_at_once: u32,
    /// What its pools reserve.
    #[serde(default)]
    pub reserves: Vec<ReserveRow>,
}

/// What one pool reserves in one session (预留号源).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReserveRow {
    /// The pool.
    pub pool: String,
    /// The share that the policy asks for; absent where it asks for a number of seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<BasisPoints>,
    /// The seats of which it is a share.
    pub base: u32,
    /// Seats guaranteed when the pool opened.
    pub offered: u32,
    /// Of them: booked by the entitled.
    pub used: u32,
    /// Of them: given up unused at a fence.
    pub released: u32,
    /// Of the released ones: booked by others afterwards.
    pub released_used: u32,
}

/// How often seats were asked for, by one class through one channel, and what was said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requests {
    /// By what right.
    pub class: Class,
    /// Through which channel.
    pub channel: Channel,
    /// Granted.
    pub granted: u64,
    /// Refused because of the supply: closed, full, protected, capped, stopped (codes 301 to 399).
    pub denied: u64,
    /// Refused because of the patient or the proof (codes 401 to 599).
    pub refused: u64,
}

/// A sample of how far off the next free seats are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThirdNext {
    /// For which class.
    pub class: Class,
    /// In which department.
    pub department: DepartmentId,
    /// When the question was asked.
    pub at: Instant,
    /// Milliseconds to the third free seat; absent if there are fewer within the horizon of the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_ms: Option<u64>,
}

/// What the host knows of its patients and the engine does not: for measures of fairness.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct DistrictRow {
    /// The district, as the host calls it.
    pub district: String,
    /// Requests granted.
    pub granted: u64,
    /// Requests denied because of the supply.
    pub denied: u64,
}

/// The same of an age: whether who asked is 65 or older.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AgeRow {
    /// 65 or older.
    pub aged_65: bool,
    /// Requests granted.
    pub granted: u64,
    /// Requests denied because of the supply.
    pub denied: u64,
}

mod patient {
    use crate::ids::PatientKey;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(key: &PatientKey, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&format!("{:032x}", key.get()))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PatientKey, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        // What is not a key is not repeated: it may be a person's number.
        super::hex(&text, 32).and_then(PatientKey::new).ok_or_else(|| D::Error::custom("not a patient key"))
    }
}

mod booking {
    use crate::ids::BookingId;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::ref_option, reason = "the form that serde calls")]
    pub(super) fn serialize<S: Serializer>(id: &Option<BookingId>, serializer: S) -> Result<S::Ok, S::Error> {
        match id {
            Some(id) => serializer.serialize_str(&format!("{:016x}", id.get())),
            None => serializer.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<BookingId>, D::Error> {
        let Some(text) = Option::<std::borrow::Cow<'de, str>>::deserialize(deserializer)? else {
            return Ok(None);
        };
        let number = super::hex(&text, 16).and_then(|number| u64::try_from(number).ok());
        number.and_then(BookingId::new).map(Some).ok_or_else(|| D::Error::custom("not a booking"))
    }
}

fn hex(text: &str, digits: usize) -> Option<u128> {
    let is_hex = text.len() == digits && text.bytes().all(|c| c.is_ascii_hexdigit());
    is_hex.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_as_it_was_written_and_nothing_personal_is_repeated() {
        let text = r#"{"id":7,"booking":"0000004000000001","patient":"5f0c6f0f6c1d4b7e9a3d2e1f00112233",
            "institution":1,"department":2,"practitioner":3,"day":20500,"kind":"prenatal","class":"public",
            "channel":"app","history":[{"at":5,"outcome":"no_show"},{"at":9,"outcome":"excused"}]}"#;
        let visit: Visit = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::from_str::<Visit>(&serde_json::to_string(&visit).unwrap()).unwrap(), visit);
        let outcome = |ms| visit.outcome(Instant::new(ms).unwrap());
        assert_eq!(
            [4, 5, 8, 9].map(outcome),
            [None, Some(Outcome::NoShow), Some(Outcome::NoShow), Some(Outcome::Excused)]
        );
        let error = serde_json::from_str::<Visit>(&text.replace("5f0c6f", "张三")).unwrap_err().to_string();
        assert!(error.contains("not a patient key") && !error.contains('张'), "{error}");
    }
}

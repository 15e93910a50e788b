//! The commands of the hospital's day: waiting, stopping and moving, extra seats, arriving and being called.

use crate::text::{self, Slot};
use haoyuan_core::ids::{BookingId, PatientKey, RoomId, TicketId};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::said;
use haoyuan_core::said::Said;
use haoyuan_core::terms::{Channel, Class, Outcome, VisitKind};
use serde::{Deserialize, Serialize};

/// A session, or one slot of it, that somebody would take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// The session's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub session: String,
    /// The slot; any of the session if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
}

/// `waitlist_join`: to be offered the first seat that comes free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitlistJoin {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Who.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
    /// By what right.
    #[serde(with = "text::required")]
    pub class: Class,
    /// Through which channel.
    #[serde(with = "text::required")]
    pub channel: Channel,
    /// The proof of the right, where the class needs one.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// What would do; 1 to [`WaitlistJoin::WANTED_MAX`]. The first seat that comes free of any of them is offered.
    pub wanted: Vec<Wanted>,
}

impl WaitlistJoin {
    /// The most sessions and slots that one entry names.
    pub const WANTED_MAX: usize = 16;
}

/// `waitlist_leave` and `waitlist_decline`: one's own entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitlistEntry {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Whose.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
    /// Which entry, as joining gave it.
    pub entry: u32,
}

/// `waitlist`: who waits for a session, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Waitlist {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The session's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub session: String,
}

/// Half of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Half {
    /// Sessions that start before noon.
    Morning,
    /// Sessions that start at noon or later.
    Afternoon,
}

impl text::Written for Half {
    fn form() -> Said {
        said!("half of a day: `morning` or `afternoon`", "半天 `morning`(上午)或 `afternoon`(下午)")
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "morning" => Some(Self::Morning),
            "afternoon" => Some(Self::Afternoon),
            _ => None,
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Morning => "morning",
            Self::Afternoon => "afternoon",
        }
        .to_owned()
    }
}

/// What is stopped or moved: exactly one of `booking`; `session`, with `slot` or `number` for a part of it; `practitioner`
/// with `day`, and with `half` for half of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scope {
    /// One booking: the seat goes back.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub booking: Option<BookingId>,
    /// One session, or part of it.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub session: Option<String>,
    /// One slot of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// One seat of the session, by its number (号序): the seat is closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u16>,
    /// All sessions of a practitioner …
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub practitioner: Option<String>,
    /// … on a day.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub day: Option<Day>,
    /// Only half of that day.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub half: Option<Half>,
}

/// `stop` (停诊): nothing more is booked there, and whoever is booked is displaced, without any fault of theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// What.
    #[serde(deserialize_with = "text::object")]
    pub scope: Scope,
}

/// `resume`: what a stop stopped can be booked again; the displaced stay displaced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Resume {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Which stop.
    pub stop: u32,
}

/// `rebook` (改约): places those whom a stop displaced, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rebook {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Which stop.
    pub stop: u32,
    /// Into which sessions, the preferred first.
    pub into: Vec<String>,
    /// Whether those who could not be placed get a ticket for a booking of their own, and the matter is closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tickets: bool,
}

/// `move` (改诊): stops and rebooks into one other session in one command.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Move {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// What.
    #[serde(deserialize_with = "text::object")]
    pub scope: Scope,
    /// Into which session.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub into: String,
}

/// `substitute` (替诊): another practitioner takes the session over; every booking stays.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Substitute {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The session's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub session: String,
    /// The code of the practitioner who takes over.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub practitioner: String,
}

/// `add_seats` (加号): so many seats there are to be, those over capacity included. `reduce_seats` (减号): so many are left. Neither
/// does anything when it is given again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seats {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The session's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub session: String,
    /// How many.
    pub seats: u16,
}

/// `extra_seat` (加号): books a seat over capacity for one patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExtraSeat {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// For whom.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
    /// The session's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub session: String,
    /// The slot; the first that has not ended and has no extra seat yet, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// By what right; `green` counts against the green channel's own ledger.
    #[serde(with = "text::required")]
    pub class: Class,
    /// Through which channel.
    #[serde(with = "text::required")]
    pub channel: Channel,
    /// The proof of the right; the green channel needs one.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
}

/// `notices`: what the host has to tell patients, after a cursor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notices {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The number of the last notice that was taken; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u32>,
    /// At most so many, 1 to [`Notices::MOST_MAX`]; [`Notices::MOST_DEFAULT`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
}

impl Notices {
    /// The most notices of one answer.
    pub const MOST_MAX: u32 = 10_000;
    /// How many notices an answer has if the command does not say.
    pub const MOST_DEFAULT: u32 = 100;
}

/// `retire`: forgets what the host needs no longer, so that the state stays small. The journal keeps everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retire {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Notices up to this number are told and are not asked for again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notices: Option<u32>,
    /// Visits, lines, stops and waitlists of days before this one are needed no longer; at least [`Retire::KEPT_DAYS`] days
    /// ago.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub before: Option<Day>,
    /// Whether sessions that are over and count for no limit any more are needed no longer: from then on they are unknown. See
    /// [`haoyuan_engine::Engine::retire`].
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sessions: bool,
}

impl Retire {
    /// What a ladder of a year, a look back for revisits and the reports of the last twelve months need.
    pub const KEPT_DAYS: i32 = 550;
}

/// Why somebody is called before those who are booked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Urgency {
    /// Graded as an emergency.
    Emergency,
    /// Back with a result (回诊).
    Return,
}

impl text::Written for Urgency {
    fn form() -> Said {
        said!("an urgency: `emergency` or `return`", "缓急 `emergency`(急诊)或 `return`(检查后回诊)")
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "emergency" => Some(Self::Emergency),
            "return" => Some(Self::Return),
            _ => None,
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Emergency => "emergency",
            Self::Return => "return",
        }
        .to_owned()
    }
}

/// `check_in` (报到): a patient has arrived: with a `booking`, or as a walk-in for a `session`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckIn {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Who.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
    /// The booking.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub booking: Option<BookingId>,
    /// The session that a walk-in comes to.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub session: Option<String>,
    /// Why before those who are booked.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub band: Option<Urgency>,
    /// For somebody who is back with a result: the only room that will do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<RoomId>,
    /// What sort of visit, of a walk-in.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub kind: Option<VisitKind>,
    /// Whether it is a revisit (复诊), of a walk-in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revisit: Option<bool>,
    /// Staff let a number pass that is void because its patient is late.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub let_pass: bool,
}

/// `call_next` (叫号): a room calls the next of a session's line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallNext {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The session's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub session: String,
    /// Which room.
    pub room: RoomId,
}

/// `pass` (过号): who was called is not there. `enter`: who was called has entered the room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Visit {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Whose visit, as checking in gave it.
    pub visit: u32,
}

/// `finish`: a visit has taken place, and the room is free.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Whose visit.
    pub visit: u32,
    /// What sort of visit it was.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub kind: Option<VisitKind>,
    /// Whether the doctor calls it a revisit (复诊).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revisit: Option<bool>,
}

/// `no_show` (爽约): the session is over; whoever was booked and did not check in did not come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Close {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The session's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub session: String,
}

/// `correct`: what came of a visit is another than was recorded; penalties follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correct {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Whose visit.
    pub visit: u32,
    /// What came of it.
    #[serde(with = "text::required")]
    pub outcome: Outcome,
}

/// `merge_identities`: two keys are one person. Bookings stay, each under its key; the old key books no more, and the other
/// one's limits count what stands under both. If they break a rule together, the other one books no more either: once staff have
/// cancelled what is too much, giving the command again lifts that.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Merge {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The key that is given up.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
    /// The key that stays.
    #[serde(with = "text::required")]
    pub into: PatientKey,
}

//! The commands: what can be asked of a platform, one JSON object each.
//!
//! Every command is an object with the keys `command` and `at`, and exactly the further keys listed at its type; `actor`
//! may stand beside them and says who gives the command ([`Actor`]). Nothing is read from anywhere else: no clock, no file,
//! no environment.

pub mod day;

use crate::actor::Actor;
use crate::malformed::Malformed;
use crate::text::{self, Slot};
use haoyuan_core::directory::Entries;
use haoyuan_core::ids::{BookingId, IdempotencyKey, PatientKey, TicketId};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::said;
use haoyuan_core::said::Said;
use haoyuan_core::terms::{Channel, Class, Grade, Kind};
use serde::{Deserialize, Serialize};

/// The most bytes of a line: a province publishes hospital by hospital, and a hospital's roster of a month is far below.
pub const LINE_BYTES_MAX: usize = 8 << 20;

macro_rules! commands {
    ($($(#[$doc:meta])* $variant:ident($body:ty) = $word:literal,)+) => {
        /// A command, as a value; `{"command":"hold", …}` in JSON.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "command")]
        pub enum Command {
            $($(#[$doc])* #[serde(rename = $word)] $variant($body),)+
        }

        impl Command {
            /// The word of every command.
            pub const WORDS: &'static [&'static str] = &[$($word),+];

            /// The word of this command.
            #[must_use]
            pub const fn word(&self) -> &'static str {
                match self { $(Self::$variant(_) => $word),+ }
            }

            /// The instant at which the command is decided.
            #[must_use]
            pub const fn at(&self) -> Instant {
                match self { $(Self::$variant(body) => body.at),+ }
            }

            fn parse_body(word: &str, line: &str, at: Option<Instant>) -> Result<Self, Malformed> {
                match word {
                    $($word => body(line, at).map(Self::$variant),)+
                    _ => Err(Malformed::field("command", no_such_command())),
                }
            }
        }
    };
}

commands! {
    /// Sets the sizes of the engine; before any other command, or never.
    Open(Open) = "open",
    /// Registers institutions, alliances, departments and practitioners.
    Directory(Directory) = "directory",
    /// Sets the policy of one institution, or of all that have none of their own.
    Policy(Policy) = "policy",
    /// Publishes one session.
    Publish(Publish) = "publish",
    /// Publishes the sessions of a roster, all or none.
    Roster(Roster) = "roster",
    /// Registers a patient's proof of privilege.
    Ticket(Ticket) = "ticket",
    /// Asks what the decision would say now.
    Availability(Availability) = "availability",
    /// Holds a seat until it is paid for.
    Hold(Wish) = "hold",
    /// Books a seat in one step.
    Book(Wish) = "book",
    /// Makes a hold a booking.
    Confirm(Settle) = "confirm",
    /// Gives a hold or booking back.
    Cancel(Settle) = "cancel",
    /// Sweeps the holds that are due; nothing depends on it.
    Tick(Tick) = "tick",
    /// Looks for slots that the decision would grant.
    Search(Search) = "search",
    /// Shows how the visits of a day spread over its slots.
    Load(Load) = "load",
    /// Shows the sessions of some days, each slot with what the decision would say for a class.
    Schedule(Schedule) = "schedule",
    /// Exports the public feed: everything that a page far away needs to answer for any class, nothing about patients.
    Feed(Feed) = "feed",
    /// Lists the live holds and bookings of a patient.
    Bookings(Bookings) = "bookings",
    /// Describes a session and its pools.
    Session(Describe) = "session",
    /// Waits for a seat to come free.
    WaitlistJoin(day::WaitlistJoin) = "waitlist_join",
    /// Waits no longer.
    WaitlistLeave(day::WaitlistEntry) = "waitlist_leave",
    /// Does not take an offer; keeps the place once.
    WaitlistDecline(day::WaitlistEntry) = "waitlist_decline",
    /// Lists who waits for a session, in order.
    Waitlist(day::Waitlist) = "waitlist",
    /// Stops a clinic, or part of it.
    Stop(day::Stop) = "stop",
    /// Opens again what was stopped.
    Resume(day::Resume) = "resume",
    /// Places those whom a stop displaced.
    Rebook(day::Rebook) = "rebook",
    /// Stops and rebooks into one other session.
    Move(day::Move) = "move",
    /// Another practitioner takes a session over.
    Substitute(day::Substitute) = "substitute",
    /// Adds seats over capacity.
    AddSeats(day::Seats) = "add_seats",
    /// Leaves a session so many seats.
    ReduceSeats(day::Seats) = "reduce_seats",
    /// Books a seat over capacity for one patient.
    ExtraSeat(day::ExtraSeat) = "extra_seat",
    /// A patient has arrived.
    CheckIn(day::CheckIn) = "check_in",
    /// A room calls the next patient.
    CallNext(day::CallNext) = "call_next",
    /// Who was called is not there.
    Pass(day::Visit) = "pass",
    /// Who was called has entered.
    Enter(day::Visit) = "enter",
    /// A visit has taken place.
    Finish(day::Finish) = "finish",
    /// A session is over: who did not come.
    NoShow(day::Close) = "no_show",
    /// What came of a visit is another than was recorded.
    Correct(day::Correct) = "correct",
    /// Two keys are one person.
    MergeIdentities(day::Merge) = "merge_identities",
    /// Lists what the host has to tell patients.
    Notices(day::Notices) = "notices",
    /// Forgets what was told and what is long over.
    Retire(day::Retire) = "retire",
    /// Recounts every seat and compares.
    Audit(Tick) = "audit",
    /// Works out the state hash.
    StateHash(Tick) = "state_hash",
}

/// `open`: the sizes of the engine, chosen once. What is left out keeps its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Open {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Sizes that fit so many seats; the other keys then change single ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub for_seats: Option<u32>,
    /// The most blocks (slots, and small sessions decided as a whole).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<u32>,
    /// The most seats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seats: Option<u32>,
    /// The most sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u32>,
    /// The most different pool trees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shapes: Option<u32>,
    /// The most patients.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patients: Option<u32>,
    /// The most entries of all patients together: live bookings, tickets and remembered answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entries: Option<u32>,
}

/// `directory`: entries to register, beside those that are; all of them or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Directory {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The entries as TOML text; this or `entries`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toml: Option<String>,
    /// The entries as an object of the same shape as the TOML; this or `toml`.
    #[serde(default, deserialize_with = "text::optional_object", skip_serializing_if = "Option::is_none")]
    pub entries: Option<Entries>,
}

/// `policy`: by which rules sessions are published from now on. Sessions already published keep theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The institution; absent for every institution that has no policy of its own.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub institution: Option<String>,
    /// The name of a built-in preset; this or `toml`.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub preset: Option<String>,
    /// The policy as TOML text, which may extend a preset; this or `preset`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub toml: Option<String>,
    /// A calendar of holidays as TOML text: the section `[holidays]` alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calendar: Option<String>,
}

/// `publish`: one session, by the policy of its institution.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Publish {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The session.
    #[serde(deserialize_with = "text::object")]
    pub session: SessionText,
}

/// A session as people write it, with codes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionText {
    /// The hospital's own code for it, unique on the platform.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub code: String,
    /// The institution's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub institution: String,
    /// The department's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub department: String,
    /// The code of the practitioner, machine or room.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub practitioner: String,
    /// The grade.
    #[serde(with = "text::required")]
    pub grade: Grade,
    /// The kind; a clinic if absent.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// When it begins.
    #[serde(with = "text::required")]
    pub from: Instant,
    /// When it ends; may be after midnight.
    #[serde(with = "text::required")]
    pub to: Instant,
    /// The length of a slot, minutes.
    pub slot_minutes: u32,
    /// Seats in each slot.
    pub seats: u8,
}

/// `roster`: the sessions of a CSV text (排班表), all or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roster {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The CSV text, headers in English or Chinese.
    pub csv: String,
}

/// `ticket`: a proof of privilege, bound to a patient, a class, a place and a time, used by one booking at once.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ticket {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// To whom it is bound.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
    /// Its number, chosen by whoever issued it.
    #[serde(with = "text::required")]
    pub ticket: TicketId,
    /// The class that it proves.
    #[serde(with = "text::required")]
    pub class: Class,
    /// The institution at which it can be used.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub institution: String,
    /// The department in which it can be used; any if absent.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub department: Option<String>,
    /// The institution that issued it; a referral needs it, and must come from a lower tier of the same alliance.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub issuer: Option<String>,
    /// From this instant on it is void.
    #[serde(with = "text::required")]
    pub expires: Instant,
}

/// `availability`: what the decision would say for a class, now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Availability {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The session's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub session: String,
    /// The slot.
    pub slot: Slot,
    /// By what right.
    #[serde(with = "text::required")]
    pub class: Class,
    /// Through which channel.
    #[serde(with = "text::required")]
    pub channel: Channel,
}

/// `hold` and `book`: a wish for a seat.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Who.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
    /// The session's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub session: String,
    /// The slot.
    pub slot: Slot,
    /// By what right.
    #[serde(with = "text::required")]
    pub class: Class,
    /// Through which channel.
    #[serde(with = "text::required")]
    pub channel: Channel,
    /// The proof of the right, where the class needs one.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub ticket: Option<TicketId>,
    /// To repeat the command safely.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub key: Option<IdempotencyKey>,
}

/// `confirm` and `cancel`: what to do with a hold or booking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settle {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Whose it is.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
    /// Which, as the grant named it.
    #[serde(with = "text::required")]
    pub booking: BookingId,
    /// To repeat the command safely.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub key: Option<IdempotencyKey>,
}

/// `tick`, `audit` and `state_hash`: nothing but the time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tick {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
}

/// The order of a search.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// By time.
    #[default]
    Earliest,
    /// Least loaded first, then by time (错峰).
    LeastLoaded,
}

impl text::Written for Order {
    fn form() -> Said {
        said!(
            "an order: `earliest` or `least_loaded`",
            "排序 `earliest`(时间优先)或 `least_loaded`(空闲优先)"
        )
    }

    fn read(text: &str) -> Option<Self> {
        match text {
            "earliest" => Some(Self::Earliest),
            "least_loaded" => Some(Self::LeastLoaded),
            _ => None,
        }
    }

    fn write(&self) -> String {
        match self {
            Self::Earliest => "earliest",
            Self::LeastLoaded => "least_loaded",
        }
        .to_owned()
    }
}

/// `search`: slots that the decision would grant to a class now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// By what right the patient would ask.
    #[serde(with = "text::required")]
    pub class: Class,
    /// Through which channel.
    #[serde(with = "text::required")]
    pub channel: Channel,
    /// The first day.
    #[serde(with = "text::required")]
    pub from: Day,
    /// The last day, inclusive.
    #[serde(with = "text::required")]
    pub to: Day,
    /// Only this institution.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub institution: Option<String>,
    /// Only this department of that institution.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub department: Option<String>,
    /// Only this practitioner.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub practitioner: Option<String>,
    /// Only this grade.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub grade: Option<Grade>,
    /// In which order; by time if absent.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// At most so many slots, 1 to [`Search::MOST_MAX`]; [`Search::MOST_DEFAULT`] if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most: Option<u32>,
}

impl Search {
    /// The most slots that one search lists.
    pub const MOST_MAX: u32 = 10_000;
    /// How many slots a search lists if it does not say.
    pub const MOST_DEFAULT: u32 = 20;
    /// The most days that one search looks at.
    pub const DAYS_MAX: i32 = 366;
}

/// `load`: how the visits of a day spread over its slots (就诊时段分布).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The day.
    #[serde(with = "text::required")]
    pub day: Day,
    /// Only this institution.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub institution: Option<String>,
    /// Only this department of that institution.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub department: Option<String>,
}

/// `schedule`: the sessions of some days (排班表), full ones included, each slot with what the decision would say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// By what right the patient would ask.
    #[serde(with = "text::required")]
    pub class: Class,
    /// Through which channel.
    #[serde(with = "text::required")]
    pub channel: Channel,
    /// The first day.
    #[serde(with = "text::required")]
    pub from: Day,
    /// The last day, inclusive.
    #[serde(with = "text::required")]
    pub to: Day,
    /// Only this institution.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub institution: Option<String>,
    /// Only this department of that institution.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub department: Option<String>,
    /// Only this practitioner.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub practitioner: Option<String>,
}

/// `feed`: the public feed of some days, for pages that answer by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Feed {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The first day.
    #[serde(with = "text::required")]
    pub from: Day,
    /// The last day, inclusive.
    #[serde(with = "text::required")]
    pub to: Day,
    /// Only this institution.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub institution: Option<String>,
    /// Only this department of that institution.
    #[serde(
        default,
        deserialize_with = "text::optional_code::deserialize",
        skip_serializing_if = "Option::is_none"
    )]
    pub department: Option<String>,
}

/// `bookings`: the live holds and bookings of a patient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bookings {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// Whose.
    #[serde(with = "text::required")]
    pub patient: PatientKey,
}

/// `session`: a session and its pools.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Describe {
    /// When.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The session's code.
    #[serde(deserialize_with = "text::code::deserialize")]
    pub session: String,
}

impl Command {
    /// Whether it changes nothing, so that nothing of it is recorded.
    #[must_use]
    pub const fn is_question(&self) -> bool {
        match self {
            Self::Availability(_)
            | Self::Search(_)
            | Self::Load(_)
            | Self::Schedule(_)
            | Self::Feed(_)
            | Self::Bookings(_)
            | Self::Waitlist(_)
            | Self::Notices(_)
            | Self::Session(_)
            | Self::Audit(_)
            | Self::StateHash(_) => true,
            Self::Open(_)
            | Self::Directory(_)
            | Self::Policy(_)
            | Self::Publish(_)
            | Self::Roster(_)
            | Self::Ticket(_)
            | Self::Hold(_)
            | Self::Book(_)
            | Self::Confirm(_)
            | Self::Cancel(_)
            | Self::WaitlistJoin(_)
            | Self::WaitlistLeave(_)
            | Self::WaitlistDecline(_)
            | Self::Stop(_)
            | Self::Resume(_)
            | Self::Rebook(_)
            | Self::Move(_)
            | Self::Substitute(_)
            | Self::AddSeats(_)
            | Self::ReduceSeats(_)
            | Self::ExtraSeat(_)
            | Self::CheckIn(_)
            | Self::CallNext(_)
            | Self::Pass(_)
            | Self::Enter(_)
            | Self::Finish(_)
            | Self::NoShow(_)
            | Self::Correct(_)
            | Self::MergeIdentities(_)
            | Self::Retire(_)
            | Self::Tick(_) => false,
        }
    }

    /// Reads a command from one line of JSON. Never panics.
    ///
    /// # Errors
    /// [`Malformed`] names the field and the reason.
    pub fn parse(line: &str) -> Result<Self, Malformed> {
        Self::parse_by(line).map(|(command, _)| command)
    }

    /// Reads a command and who gives it: the optional object `actor`. Never panics.
    ///
    /// # Errors
    /// [`Malformed`] names the field and the reason.
    pub fn parse_by(line: &str) -> Result<(Self, Option<Actor>), Malformed> {
        Self::parse_line(line, None)
    }

    /// The same for a host that answers for the time itself: the command is decided at `at`, and a key `at` of the line is
    /// passed over, whatever its value. Never panics.
    ///
    /// # Errors
    /// [`Malformed`] names the field and the reason.
    pub fn parse_at(line: &str, at: Instant) -> Result<(Self, Option<Actor>), Malformed> {
        Self::parse_line(line, Some(at))
    }

    fn parse_line(line: &str, at: Option<Instant>) -> Result<(Self, Option<Actor>), Malformed> {
        if line.len() > LINE_BYTES_MAX {
            return Err(Malformed::line(said!(
                "the line has {length} bytes and at most {most} are allowed; split it",
                "此行有 {length} 字节,最多允许 {most};请拆分",
                length = line.len(),
                most = LINE_BYTES_MAX
            )));
        }
        if line.trim().is_empty() {
            return Err(Malformed::line(said!(
                "the line is empty; write a JSON object with the key `command`",
                "此行为空;请写一个带 `command` 的 JSON 对象"
            )));
        }
        let Tag { command, actor } = read(line, &[], None)?;
        Ok((Self::parse_body(&command, line, at)?, actor))
    }
}

fn no_such_command() -> Said {
    let words = Command::WORDS.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" ");
    said!("there is no such command; write one of {words}", "没有这个命令;可用的命令:{words}", words)
}

impl std::str::FromStr for Command {
    type Err = Malformed;

    fn from_str(line: &str) -> Result<Self, Malformed> {
        Self::parse(line)
    }
}

/// The first look at a line: which command it is, and whose.
#[derive(Deserialize)]
pub(crate) struct Tag {
    #[serde(deserialize_with = "text::code::deserialize")]
    pub(crate) command: String,
    #[serde(default, deserialize_with = "text::optional_object")]
    actor: Option<Actor>,
}

/// Reads what belongs to a command; `at` in place of the line's own.
pub(crate) fn body<'de, T: Deserialize<'de>>(line: &'de str, at: Option<Instant>) -> Result<T, Malformed> {
    match at {
        None => read(line, &["command", "actor"], None),
        Some(at) => read(line, &["command", "actor", "at"], Some(("at", text::Written::write(&at)))),
    }
}

pub(crate) fn read<'de, T: Deserialize<'de>>(
    line: &'de str,
    ignored: &'static [&'static str],
    given: Option<(&'static str, String)>,
) -> Result<T, Malformed> {
    let mut json = serde_json::Deserializer::from_str(line);
    let value = T::deserialize(text::Object { inner: &mut json, ignored, given });
    let value = value.and_then(|value| json.end().map(|()| value));
    value.map_err(|error| Malformed::from_json(&error, line))
}

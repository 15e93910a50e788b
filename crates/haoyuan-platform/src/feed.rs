//! The public feed: what a page far away needs to answer for any class at any instant, and nothing about any patient.
//!
//! INVARIANT (one fold): a feed answers through [`haoyuan_engine::Shown`], as the engine itself does; the schedule of a
//! platform is the schedule of its feed, but for slots where somebody may wait: of these its day knows more.
//!
//! INVARIANT (nobody in it): a feed has counts per pool, never a seat, a booking, a hold or a patient.
//!
//! A feed is as old as its `at`: asked for a later instant it says what the rules would say if nobody had booked or
//! cancelled since. Openings, closings and fences are exact at any instant, because they are functions of time alone.

mod make;

use crate::answer::{Answer, Binding, Done, Reason, Refused, Time};
use crate::command::{self, Tag};
use crate::malformed::Malformed;
use crate::text::{self, Slot};
use haoyuan_core::ids::{Interval, NodeIndex, SEATS_MAX};
use haoyuan_core::instant::{DAY, Day, Instant};
use haoyuan_core::pool::{Fence, Node, PoolTree, Protection, Route, Routes};
use haoyuan_core::refusal::{Binding as Constraint, Code, Refusal};
use haoyuan_core::request::Availability;
use haoyuan_core::said;
use haoyuan_core::terms::{Channel, Class, Grade, Kind};
use haoyuan_core::word::{Live, Word};
use haoyuan_engine::{Shown, SlotShare};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

/// The name of the format; another version would have another name.
const FORMAT: &str = "haoyuan-feed-1";

/// The most sessions of one feed: three weeks of a very large hospital. A province is fed hospital by hospital.
pub const FEED_SESSIONS_MAX: usize = 20_000;

/// Digits of counts: one for 0 to 63, which is what a block can have.
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// An institution of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedInstitution {
    /// Its code.
    pub code: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// A department of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedDepartment {
    /// The code of its institution.
    pub institution: Arc<str>,
    /// Its code.
    pub code: Arc<str>,
    /// Its name.
    pub name: Arc<str>,
}

/// A practitioner (or machine, room) of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedPractitioner {
    /// The code.
    pub code: Arc<str>,
    /// The name.
    pub name: Arc<str>,
}

/// The counts and flags of one block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FeedBlock {
    pub(crate) tree: usize,
    pub(crate) word: Word,
}

/// A session of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct FeedSession {
    pub(crate) code: Arc<str>,
    pub(crate) department: usize,
    pub(crate) practitioner: usize,
    pub(crate) grade: Grade,
    pub(crate) kind: Kind,
    pub(crate) from: Instant,
    pub(crate) slot_ms: i64,
    pub(crate) slots: u16,
    /// One for each slot, or one for the whole session.
    pub(crate) blocks: Vec<FeedBlock>,
    /// Live seats of each slot, where the whole session is one block; else empty.
    pub(crate) live: Vec<u8>,
    /// Seats of each slot, where the whole session is one block.
    pub(crate) slot_seats: u8,
}

/// A public feed, read or made.
#[derive(Clone, Debug, PartialEq)]
pub struct Feed {
    pub(crate) at: Instant,
    pub(crate) institutions: Vec<FeedInstitution>,
    pub(crate) departments: Vec<FeedDepartment>,
    pub(crate) practitioners: Vec<FeedPractitioner>,
    pub(crate) trees: Vec<PoolTree>,
    pub(crate) sessions: Vec<FeedSession>,
    by_code: HashMap<Arc<str>, usize>,
}

/// Why a text is no feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedError(String);

impl std::fmt::Display for FeedError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "this is not a feed of the format `{FORMAT}`: {}; fetch it anew", self.0)
    }
}

impl std::error::Error for FeedError {}

/// A feed as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedText {
    /// `haoyuan-feed-1`.
    pub format: String,
    /// The instant whose counts these are.
    #[serde(with = "text::required")]
    pub at: Instant,
    /// The institutions of the sessions.
    pub institutions: Vec<FeedInstitution>,
    /// Their departments.
    pub departments: Vec<FeedDepartment>,
    /// Their practitioners.
    pub practitioners: Vec<FeedPractitioner>,
    /// Which class may book at which pools: for each class a text of two digits per channel, hexadecimal numbers of
    /// pools or `-`.
    pub routes: Vec<[String; 7]>,
    /// The pools of all trees; trees share most of them.
    pub pools: Vec<PoolText>,
    /// The pool trees; sessions of the same shape share them.
    pub trees: Vec<TreeText>,
    /// The sessions, by day and time.
    pub sessions: Vec<FeedSessionText>,
}

/// A pool tree of a feed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TreeText {
    /// Usable seats.
    pub capacity: u8,
    /// The place of its routes in `routes`.
    pub routes: usize,
    /// The places of its pools in `pools`, root first.
    pub pools: Vec<usize>,
}

/// A pool of a feed's tree. All times are milliseconds from midnight (+08:00) of the session's day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PoolText {
    /// Its name.
    pub name: String,
    /// The place of the pool that contains it; 0 is the root.
    pub parent: u8,
    /// Whether its minimum is over and above what its class has booked.
    #[serde(default, skip_serializing_if = "is_default")]
    pub extra: bool,
    /// Its minimum before the first fence.
    #[serde(default, skip_serializing_if = "is_default")]
    pub guarantee: u8,
    /// From when on the minimum is how many seats.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fences: Vec<(i64, u8)>,
    /// The most live seats in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cap: Option<u8>,
    /// From when it accepts; always if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opens: Option<i64>,
    /// From when it no longer accepts; never if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closes: Option<i64>,
}

/// A session of a feed, as it is written down.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedSessionText {
    /// Its code.
    pub code: Arc<str>,
    /// The place of its department.
    pub department: usize,
    /// The place of its practitioner.
    pub practitioner: usize,
    /// Its grade.
    #[serde(with = "text::required")]
    pub grade: Grade,
    /// Its kind; a clinic if absent.
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// When it begins.
    #[serde(with = "text::required")]
    pub from: Instant,
    /// The length of a slot, milliseconds.
    pub slot_ms: u32,
    /// How many slots.
    pub slots: u16,
    /// The place of the tree of each slot; one place if all have the same.
    pub trees: Vec<usize>,
    /// Where the whole session is one block: the live seats of each slot, one digit a slot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole: Option<String>,
    /// Where the whole session is one block: the seats of each slot.
    #[serde(default, skip_serializing_if = "is_default")]
    pub slot_seats: u8,
    /// Live seats: for each block one digit per pool that can be booked at. Digits are those of base64url: `A` is 0.
    pub live: String,
    /// The flags of each block, one digit a block; absent if none is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<String>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The schedule (排班表) for a class: sessions and slots, each with what the decision would say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Schedule {
    /// The instant whose counts these are.
    #[serde(with = "text::required")]
    pub counted: Instant,
    /// The institutions of the sessions.
    pub institutions: Vec<FeedInstitution>,
    /// Their departments.
    pub departments: Vec<FeedDepartment>,
    /// Their practitioners.
    pub practitioners: Vec<FeedPractitioner>,
    /// The sessions, by day and time.
    pub sessions: Vec<ScheduledSession>,
}

/// A session of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduledSession {
    /// Its code.
    pub session: Arc<str>,
    /// The institution's code.
    pub institution: Arc<str>,
    /// The department's code.
    pub department: Arc<str>,
    /// The practitioner's code.
    pub practitioner: Arc<str>,
    /// The grade.
    #[serde(with = "text::required")]
    pub grade: Grade,
    /// The kind.
    #[serde(with = "text::required")]
    pub kind: Kind,
    /// The day it counts for.
    #[serde(with = "text::required")]
    pub day: Day,
    /// From–to.
    pub time: Time,
    /// The slots, in order.
    pub slots: Vec<ScheduledSlot>,
}

/// A slot of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ScheduledSlot {
    /// Counted from 0.
    pub slot: u16,
    /// Its time.
    pub time: Time,
    /// Seats this class could be granted one after another.
    pub free: u8,
    /// Live seats of the block.
    pub live: u8,
    /// Seats of the block.
    pub capacity: u8,
    /// Why not, if `free` is 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Reason>,
}

/// What a schedule is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// By what right the patient would ask.
    pub class: Class,
    /// Through which channel.
    pub channel: Channel,
    /// The first and the last day.
    pub days: (Day, Day),
    /// Only this institution.
    pub institution: Option<&'a str>,
    /// Only this department of it.
    pub department: Option<&'a str>,
    /// Only this practitioner.
    pub practitioner: Option<&'a str>,
    /// At which instant.
    pub at: Instant,
}

impl FeedSession {
    fn day(&self) -> Day {
        self.from.day()
    }

    fn slot_time(&self, slot: u16) -> Interval {
        let from = self.from.plus(self.slot_ms * i64::from(slot));
        Interval { from, to: from.plus(self.slot_ms) }
    }
}

impl Feed {
    pub(crate) fn new(
        at: Instant,
        (institutions, departments, practitioners): (
            Vec<FeedInstitution>,
            Vec<FeedDepartment>,
            Vec<FeedPractitioner>,
        ),
        trees: Vec<PoolTree>,
        sessions: Vec<FeedSession>,
    ) -> Self {
        let by_code = sessions.iter().map(|session| Arc::clone(&session.code)).zip(0..).collect();
        Self { at, institutions, departments, practitioners, trees, sessions, by_code }
    }

    /// The instant whose counts these are.
    #[must_use]
    pub const fn at(&self) -> Instant {
        self.at
    }

    /// How many sessions there are.
    #[must_use]
    pub fn session_count(&self) -> usize {
        self.sessions.len()
    }

    /// How many slots there are.
    #[must_use]
    pub fn slot_count(&self) -> usize {
        self.sessions.iter().map(|session| usize::from(session.slots)).sum()
    }

    /// A slot as the decision sees it.
    fn shown<'a>(&'a self, session: &FeedSession, slot: u16) -> Option<Shown<'a>> {
        let whole = !session.live.is_empty();
        let block = session.blocks.get(if whole { 0 } else { usize::from(slot) })?;
        let tree = self.trees.get(block.tree)?;
        let share = match session.live.get(usize::from(slot)) {
            Some(live) => Some(SlotShare { seats: session.slot_seats, live: *live }),
            None if whole => return None,
            None => None,
        };
        Some(Shown { tree, word: block.word, day: session.day(), share })
    }

    /// What the decision would say about a slot, if nothing but time had changed since [`Feed::at`]; `None` if the feed has
    /// no such slot. O(free seats × guarantees).
    #[must_use]
    pub fn availability(
        &self,
        session: &str,
        slot: Slot,
        class: Class,
        channel: Channel,
        at: Instant,
    ) -> Option<(Availability, Option<Reason>)> {
        let session = &self.sessions[*self.by_code.get(session)?];
        let slot = match slot {
            Slot::Index(index) => u16::try_from(index).ok()?,
            Slot::Start(start) => {
                let since = start.ms() - session.from.ms();
                let fits = since >= 0 && since % session.slot_ms == 0;
                u16::try_from(since / session.slot_ms).ok().filter(|_| fits)?
            }
        };
        if slot >= session.slots {
            return None;
        }
        let shown = self.shown(session, slot)?;
        let answer = shown.availability(class, channel, at);
        Some((answer, answer.refusal.map(|refusal| reason(&refusal, shown.tree))))
    }

    /// For every slot, in the order of the feed, how many seats this class could be granted: the quickest answer for a whole
    /// page. O(slots × (free seats × guarantees)).
    #[must_use]
    pub fn free(&self, class: Class, channel: Channel, at: Instant) -> Vec<u8> {
        let mut free = Vec::with_capacity(self.slot_count());
        for session in &self.sessions {
            free.extend((0..session.slots).map(|slot| {
                self.shown(session, slot).map_or(0, |shown| shown.availability(class, channel, at).free)
            }));
        }
        free
    }

    /// The schedule for a class. A slot that keeps a returned seat back is `WAITLISTED` in a feed, whoever asks: a feed does not
    /// carry what is kept back. Ask the platform where that matters: its `schedule` says what the decision would say.
    #[must_use]
    pub fn schedule(&self, asked: &Asked<'_>) -> Schedule {
        self.schedule_by(asked, |_, _, seen| seen)
    }

    /// [`Feed::schedule`], where `again` says what is to be told of a slot of a session instead of what the feed says.
    pub(crate) fn schedule_by(
        &self,
        asked: &Asked<'_>,
        again: impl Fn(&str, u16, Availability) -> Availability,
    ) -> Schedule {
        let mut institutions = vec![false; self.institutions.len()];
        let mut departments = vec![false; self.departments.len()];
        let mut practitioners = vec![false; self.practitioners.len()];
        let mut sessions = Vec::new();
        for session in &self.sessions {
            let department = &self.departments[session.department];
            let practitioner = &self.practitioners[session.practitioner];
            let day = session.day();
            if day < asked.days.0
                || day > asked.days.1
                || asked.institution.is_some_and(|code| code != &*department.institution)
                || asked.department.is_some_and(|code| code != &*department.code)
                || asked.practitioner.is_some_and(|code| code != &*practitioner.code)
            {
                continue;
            }
            departments[session.department] = true;
            practitioners[session.practitioner] = true;
            for (institution, seen) in self.institutions.iter().zip(&mut institutions) {
                *seen |= institution.code == department.institution;
            }
            let slots = (0..session.slots).filter_map(|slot| {
                let shown = self.shown(session, slot)?;
                let seen = shown.availability(asked.class, asked.channel, asked.at);
                let answer = again(&session.code, slot, seen);
                Some(ScheduledSlot {
                    slot,
                    time: session.slot_time(slot).into(),
                    free: answer.free,
                    live: answer.live,
                    capacity: answer.capacity,
                    refusal: answer.refusal.map(|refusal| reason(&refusal, shown.tree)),
                })
            });
            sessions.push(ScheduledSession {
                session: Arc::clone(&session.code),
                institution: Arc::clone(&department.institution),
                department: Arc::clone(&department.code),
                practitioner: Arc::clone(&practitioner.code),
                grade: session.grade,
                kind: session.kind,
                day,
                time: Time { from: session.from, to: session.slot_time(session.slots).from },
                slots: slots.collect(),
            });
        }
        Schedule {
            counted: self.at,
            institutions: kept(&self.institutions, &institutions),
            departments: kept(&self.departments, &departments),
            practitioners: kept(&self.practitioners, &practitioners),
            sessions,
        }
    }

    /// Answers a line of the command language, as far as a feed can: the commands `availability` and `schedule`. Never
    /// panics.
    #[must_use]
    pub fn execute(&self, line: &str) -> String {
        self.answer(line).unwrap_or_else(Answer::Error).to_json()
    }

    fn answer(&self, line: &str) -> Result<Answer, Malformed> {
        let Tag { command, .. } = command::read(line, &[], None)?;
        let done = match &*command {
            "availability" => {
                let ask: command::Availability = command::body(line, None)?;
                let answered = self.availability(&ask.session, ask.slot, ask.class, ask.channel, ask.at);
                let Some((Availability { free, capacity, live, .. }, refusal)) = answered else {
                    let known = self.by_code.contains_key(&*ask.session);
                    let code = if known { Code::UnknownSlot } else { Code::UnknownSession };
                    let reason = Reason::new(&Refusal::plain(code), Binding::None);
                    return Ok(Answer::Refused(Refused { command: "availability", reason }));
                };
                Done::Availability { free, capacity, live, refusal }
            }
            "schedule" => {
                let ask: command::Schedule = command::body(line, None)?;
                Done::Schedule(self.schedule(&Asked {
                    class: ask.class,
                    channel: ask.channel,
                    days: (ask.from, ask.to),
                    institution: ask.institution.as_deref(),
                    department: ask.department.as_deref(),
                    practitioner: ask.practitioner.as_deref(),
                    at: ask.at,
                }))
            }
            _ => {
                let reason = said!(
                    "a feed answers `availability` and `schedule`; everything else is the engine's",
                    "公开数据只能回答 `availability` 与 `schedule`,其余命令请交给引擎"
                );
                return Err(Malformed::field("command", reason));
            }
        };
        Ok(Answer::Done(done))
    }

    /// The feed as it is written down.
    #[must_use]
    pub fn to_text(&self) -> FeedText {
        let (mut routes, mut pools) = (Vec::new(), Vec::new());
        let trees = self.trees.iter().map(|tree| TreeText {
            capacity: tree.capacity(),
            routes: placed(&mut routes, write_routes(tree.routes())),
            pools: tree.nodes().iter().map(|node| placed(&mut pools, write_pool(node))).collect(),
        });
        let trees = trees.collect();
        let sessions = self.sessions.iter().map(|session| self.write_session(session)).collect();
        FeedText {
            format: FORMAT.to_owned(),
            at: self.at,
            institutions: self.institutions.clone(),
            departments: self.departments.clone(),
            practitioners: self.practitioners.clone(),
            routes,
            pools,
            trees,
            sessions,
        }
    }

    /// The feed as JSON.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Every key is a string and every value a plain one, so that writing JSON cannot fail.
        serde_json::to_string(&self.to_text()).unwrap_or_default()
    }

    /// Reads a feed. Never panics.
    ///
    /// # Errors
    /// [`FeedError`] says what does not fit.
    pub fn parse(json: &str) -> Result<Self, FeedError> {
        let text = serde_json::from_str(json).map_err(|error| FeedError(error.to_string()))?;
        Self::from_text(text)
    }

    /// Takes up a feed that was written down.
    ///
    /// # Errors
    /// As [`Feed::parse`].
    pub fn from_text(text: FeedText) -> Result<Self, FeedError> {
        let wrong = |reason: String| FeedError(reason);
        if text.format != FORMAT {
            return Err(wrong(format!("its format is `{}`", text.format)));
        }
        let routes = text.routes.iter().map(read_routes).collect::<Option<Vec<_>>>();
        let routes = routes.ok_or_else(|| wrong("a route is not written in pairs of pools".to_owned()))?;
        let pools = text.pools.into_iter().map(read_pool).collect::<Option<Vec<_>>>();
        let pools = pools.ok_or_else(|| wrong("a pool's parent is out of range".to_owned()))?;
        let trees = text.trees.into_iter().map(|tree| {
            let nodes = tree.pools.iter().map(|place| pools.get(*place).cloned()).collect::<Option<Vec<_>>>();
            match (nodes, routes.get(tree.routes)) {
                (Some(nodes), Some(routes)) => {
                    PoolTree::new(tree.capacity, nodes, *routes).map_err(|error| wrong(error.to_string()))
                }
                _ => Err(wrong("a tree has pools or routes that are missing".to_owned())),
            }
        });
        let trees = trees.collect::<Result<Vec<_>, _>>()?;
        let counters: Vec<Vec<u8>> = trees.iter().map(counters).collect();
        let (departments, practitioners) = (text.departments.len(), text.practitioners.len());
        let sessions = text.sessions.into_iter().map(|session| {
            if session.department >= departments || session.practitioner >= practitioners {
                return Err(wrong(format!("session `{}` names nobody", session.code)));
            }
            let code = Arc::clone(&session.code);
            read_session(session, &trees, &counters)
                .ok_or_else(|| wrong(format!("the counts of session `{code}` do not fit its pools")))
        });
        let sessions = sessions.collect::<Result<Vec<_>, _>>()?;
        let names = (text.institutions, text.departments, text.practitioners);
        let feed = Self::new(text.at, names, trees, sessions);
        if feed.by_code.len() == feed.sessions.len() {
            Ok(feed)
        } else {
            Err(wrong("two sessions have the same code".to_owned()))
        }
    }

    fn write_session(&self, session: &FeedSession) -> FeedSessionText {
        let digits = |counts: &mut dyn Iterator<Item = u8>| -> String {
            counts.map(|count| char::from(DIGITS[usize::from(count & 63)])).collect()
        };
        let same = session.blocks.windows(2).all(|pair| pair[0].tree == pair[1].tree);
        let trees = session.blocks.iter().map(|block| block.tree).take(if same { 1 } else { usize::MAX });
        let flagged = session.blocks.iter().any(|block| block.word.flags() != 0);
        let mut live = String::new();
        for block in &session.blocks {
            let counts = counters(&self.trees[block.tree]);
            live += &digits(&mut counts.iter().map(|counter| block.word.live().get(*counter)));
        }
        FeedSessionText {
            code: Arc::clone(&session.code),
            department: session.department,
            practitioner: session.practitioner,
            grade: session.grade,
            kind: (session.kind != Kind::Clinic).then_some(session.kind),
            from: session.from,
            slot_ms: u32::try_from(session.slot_ms).unwrap_or(u32::MAX),
            slots: session.slots,
            trees: trees.collect(),
            whole: (!session.live.is_empty()).then(|| digits(&mut session.live.iter().copied())),
            slot_seats: session.slot_seats,
            live,
            flags: flagged.then(|| digits(&mut session.blocks.iter().map(|block| block.word.flags()))),
        }
    }
}

fn kept<T: Clone>(all: &[T], seen: &[bool]) -> Vec<T> {
    all.iter().zip(seen).filter(|(_, seen)| **seen).map(|(value, _)| value.clone()).collect()
}

/// The place of a value in a list, which grows if it is new. Lists of pools are short.
fn placed<T: PartialEq>(list: &mut Vec<T>, value: T) -> usize {
    list.iter().position(|known| *known == value).unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}

/// A refusal in words, with the pool's name.
fn reason(refusal: &Refusal, tree: &PoolTree) -> Reason {
    let binding = match refusal.binding {
        Constraint::Node(node) => Binding::Pool {
            pool: tree.nodes().get(node.index()).map_or_else(String::new, |n| n.name.clone()),
        },
        // Availability knows no patient: no booking and no limit can bind.
        _ => Binding::None,
    };
    Reason::new(refusal, binding)
}

/// The counters of a tree's pools, in order of the pools.
fn counters(tree: &PoolTree) -> Vec<u8> {
    NodeIndex::all().take(tree.nodes().len()).filter_map(|node| tree.counter(node)).collect()
}

fn count(digit: u8) -> Option<u8> {
    match digit {
        b'A'..=b'Z' => Some(digit - b'A'),
        b'a'..=b'z' => Some(digit - b'a' + 26),
        b'0'..=b'9' => Some(digit - b'0' + 52),
        b'-' => Some(62),
        b'_' => Some(63),
        _ => None,
    }
}

fn write_routes(routes: &Routes) -> [String; 7] {
    let digit = |node: Option<&NodeIndex>| {
        node.map_or('-', |node| char::from_digit(u32::from(node.get()), 16).unwrap_or('-'))
    };
    std::array::from_fn(|class| {
        let class = Class::ALL[class];
        let pair = |channel: &Channel| {
            let route = routes.get(class, *channel);
            [digit(route.nodes().first()), digit(route.nodes().get(1))]
        };
        Channel::ALL.iter().flat_map(pair).collect()
    })
}

fn read_routes(written: &[String; 7]) -> Option<Routes> {
    let mut routes = Routes::default();
    for (class, text) in Class::ALL.iter().zip(written) {
        if text.len() != 2 * Channel::ALL.len() {
            return None;
        }
        for (channel, pair) in Channel::ALL.iter().zip(text.as_bytes().chunks_exact(2)) {
            let node = |digit: u8| {
                let value = char::from(digit).to_digit(16)?;
                NodeIndex::new(u8::try_from(value).ok()?)
            };
            let route = match pair {
                b"--" => Route::NONE,
                [one, b'-'] => Route::one(node(*one)?),
                [one, two] => Route::two(node(*one)?, node(*two)?),
                _ => return None,
            };
            routes.set(*class, *channel, route);
        }
    }
    Some(routes)
}

fn write_pool(node: &Node) -> PoolText {
    PoolText {
        name: node.name.clone(),
        parent: node.parent.get(),
        extra: node.protection == Protection::Extra,
        guarantee: node.guarantee,
        fences: node.fences.iter().map(|fence| (fence.from, fence.seats)).collect(),
        cap: node.cap,
        opens: (node.opens != i64::MIN).then_some(node.opens),
        closes: (node.closes != i64::MAX).then_some(node.closes),
    }
}

fn read_pool(pool: PoolText) -> Option<Node> {
    Some(Node {
        name: pool.name,
        parent: NodeIndex::new(pool.parent)?,
        protection: if pool.extra { Protection::Extra } else { Protection::Guarantee },
        guarantee: pool.guarantee,
        fences: pool.fences.into_iter().map(|(from, seats)| Fence { from, seats }).collect(),
        cap: pool.cap,
        opens: pool.opens.unwrap_or(i64::MIN),
        closes: pool.closes.unwrap_or(i64::MAX),
    })
}

fn read_session(text: FeedSessionText, trees: &[PoolTree], counters: &[Vec<u8>]) -> Option<FeedSession> {
    let slot_ms = i64::from(text.slot_ms);
    let slots = usize::from(text.slots);
    if slots == 0 || slots > 1024 || slot_ms == 0 || slot_ms * i64::from(text.slots) > DAY {
        return None;
    }
    let count_of = if text.whole.is_some() { 1 } else { slots };
    if text.trees.len() != count_of && text.trees.len() != 1 {
        return None;
    }
    let flags = text.flags.as_ref().map(String::as_bytes);
    if flags.is_some_and(|flags| flags.len() != count_of) {
        return None;
    }
    let mut digits = text.live.bytes();
    let mut blocks = Vec::with_capacity(count_of);
    for block in 0..count_of {
        let tree = *text.trees.get(if text.trees.len() == 1 { 0 } else { block })?;
        let (mut live, mut total) = (Live::default(), 0);
        for counter in counters.get(tree)? {
            let seats = count(digits.next()?)?;
            total += u32::from(seats);
            live = live.with(*counter, seats);
        }
        // More than 63 would not fit the word.
        if total > u32::from(trees[tree].capacity()) {
            return None;
        }
        let flags = flags.map_or(Some(0), |flags| count(flags[block])).filter(|flags| *flags < 16)?;
        blocks.push(FeedBlock { tree, word: Word::shown(live, flags) });
    }
    if digits.next().is_some() {
        return None;
    }
    let mut live = Vec::new();
    if let Some(whole) = &text.whole {
        live = whole.bytes().map(count).collect::<Option<Vec<u8>>>()?;
        let seats = usize::from(text.slot_seats) * slots;
        if live.len() != slots || seats == 0 || seats > usize::from(SEATS_MAX) {
            return None;
        }
    }
    Some(FeedSession {
        code: text.code,
        department: text.department,
        practitioner: text.practitioner,
        grade: text.grade,
        kind: text.kind.unwrap_or(Kind::Clinic),
        from: text.from,
        slot_ms,
        slots: text.slots,
        blocks,
        live,
        slot_seats: text.slot_seats,
    })
}

//! Taking up what was published and named before: replay and snapshots of what stands around the engine.
//!
//! INVARIANT (never the rules): a session that is taken up has the plan it was published with; no policy is asked again.

use crate::admin::Books;
use crate::answer::Answer;
use crate::command::{self, Command};
use crate::malformed::Malformed;
use crate::platform::{Platform, Stop, limits_of};
use crate::recorded::Recorded;
use haoyuan_core::apportion::CarryLedger;
use haoyuan_core::ids::SessionId;
use haoyuan_core::instant::Instant;
use haoyuan_core::plan::Plan;
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use haoyuan_engine::{Limits, Part, PublishError, ReplayError, Trace};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Directory, policies and carry ledgers: what a snapshot keeps beside the engine's parts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Names {
    /// The commands that made them what they are, in order, as JSON: no policy that another one replaced.
    pub commands: Vec<String>,
    /// The carried fractions of reserves.
    pub ledger: CarryLedger,
    /// The hospital's day, as JSON; empty in a snapshot of an earlier version.
    #[serde(default)]
    pub day: String,
}

/// Why names, plans or parts could not be taken up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NamesError {
    /// A recorded command is not one that this version carries out.
    Command(Malformed),
    /// The carry ledger cannot be read.
    Ledger(String),
    /// The hospital's day, or an event of it, cannot be read.
    Day(Said),
    /// A recorded plan cannot be published.
    Publish(PublishError),
    /// A part of a snapshot does not fit.
    Part(ReplayError),
    /// The engine is opened with limits that are too small; the limit to raise is named.
    Full(&'static str),
}

impl Speak for NamesError {
    fn said(&self) -> Said {
        match self {
            Self::Command(malformed) => said!(
                "a recorded command is not understood: {malformed}",
                "无法解读记录的命令:{malformed}",
                malformed
            ),
            Self::Ledger(reason) => {
                said!("the carry ledger is not understood: {reason}", "无法解读结转账:{reason}", reason)
            }
            Self::Day(reason) => {
                said!("the hospital's day is not understood: {reason}", "无法解读当日事务:{reason}", reason)
            }
            Self::Publish(error) => error.said(),
            Self::Part(error) => error.said(),
            Self::Full(limit) => PublishError::Full(limit).said(),
        }
    }
}

impl fmt::Display for NamesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for NamesError {}

impl<T: Trace> Platform<T> {
    /// Opens the engine with these sizes; false if it is open already.
    pub fn open_with_limits(&self, limits: Limits) -> bool {
        self.open(limits).1
    }

    /// Tells the trace with which sizes the engine was opened, so that a replay opens it with them; once for the same
    /// sizes.
    pub fn note_limits(&self, limits: Limits) {
        let open = command::Open {
            at: Instant::MIN,
            for_seats: None,
            blocks: Some(limits.blocks),
            seats: Some(limits.seats),
            sessions: Some(limits.sessions),
            shapes: Some(limits.shapes),
            patients: Some(limits.patients),
            entries: Some(limits.entries),
        };
        let mut admin = self.admin();
        let is_it = |json: &str| matches!(Command::parse(json), Ok(Command::Open(known)) if known == open);
        if !admin.kept().any(is_it) {
            self.administered(&mut admin, Command::Open(open));
        }
    }

    /// What a snapshot keeps beside the engine's parts. Expects that no administration is under way.
    #[must_use]
    pub fn names(&self) -> Names {
        let day = self.day_json();
        let admin = self.admin();
        Names { commands: admin.kept().map(str::to_owned).collect(), ledger: admin.ledger().clone(), day }
    }

    fn day_json(&self) -> String {
        // Every key of a map is a string or a number, so that writing JSON cannot fail.
        serde_json::to_string(&*self.day()).unwrap_or_default()
    }

    /// Takes up the names of a snapshot.
    ///
    /// # Errors
    /// [`NamesError`].
    pub fn restore_names(&self, names: Names) -> Result<(), NamesError> {
        for command in &names.commands {
            self.replay_command(command)?;
        }
        if !names.day.is_empty() {
            let day = serde_json::from_str(&names.day);
            *self.day() = day.map_err(|error| NamesError::Day(Said::same(error)))?;
            self.day().index();
            self.note(&self.day());
        }
        self.admin().take_over(names.ledger);
        Ok(())
    }

    /// Applies a recorded event of the day; no rule is asked.
    ///
    /// # Errors
    /// [`NamesError::Day`] if it is not understood, or not the next.
    pub fn replay_day(&self, number: u32, json: &str) -> Result<(), NamesError> {
        let event = serde_json::from_str(json).map_err(|error| NamesError::Day(Said::same(error)))?;
        let mut day = self.day();
        if day.number.checked_add(1) != Some(number) {
            return Err(NamesError::Day(said!(
                "event {number} comes after event {last}",
                "第 {number} 号事件出现在第 {last} 号事件之后",
                number,
                last = day.number
            )));
        }
        day.apply(&event);
        Ok(())
    }

    /// Shows the engine what the day says, after everything was read back: who waits, what is stopped, who is suspended, and
    /// who took a session over. Where no engine is open, nothing was published, and the command `open` may still come.
    pub fn wake(&self) {
        if self.is_open() {
            self.desk(Instant::MIN).wake();
        }
    }

    /// Takes up a part of the engine's snapshot.
    ///
    /// # Errors
    /// [`NamesError`].
    pub fn restore_part(&self, part: Part) -> Result<(), NamesError> {
        if let Part::Session { plan, .. } = &part {
            self.engine();
            self.admin().adopt(plan).map_err(NamesError::Full)?;
        }
        self.engine().restore(part).map_err(NamesError::Part)
    }

    /// Carries a recorded command of administration out again. Sizes are passed over if the engine is open.
    ///
    /// # Errors
    /// [`NamesError::Command`].
    pub fn replay_command(&self, json: &str) -> Result<(), NamesError> {
        let Recorded { command, presets } = Recorded::parse(json).map_err(NamesError::Command)?;
        match &command {
            Command::Open(open) => {
                // What the host allows was checked when it was opened.
                self.open_with_limits(limits_of(open));
                self.admin().keep(&command, json.to_owned());
                Ok(())
            }
            Command::Policy(policy) => match self.set_policy(policy, &presets) {
                Err(Stop::Error(malformed)) => Err(NamesError::Command(malformed)),
                _ => Ok(()),
            },
            command => match self.decide(command) {
                Answer::Error(malformed) => Err(NamesError::Command(malformed)),
                _ => Ok(()),
            },
        }
    }

    /// The number of the last event of the hospital's day; 0 before the first.
    #[must_use]
    pub fn day_number(&self) -> u32 {
        self.day().number
    }

    /// Publishes a session with the plan that was worked out for it, and enters `books` (of
    /// [`haoyuan_engine::Publication::books`]; may be empty) into the carry ledger.
    ///
    /// # Errors
    /// [`NamesError`]; nothing was changed.
    pub fn publish_plan(&self, plan: &Plan, at: Instant, books: &str) -> Result<SessionId, NamesError> {
        let entries = Books::read(books).map_err(|error| NamesError::Ledger(error.to_string()))?;
        let engine = self.engine();
        let (mut day, mut admin) = (self.day(), self.admin());
        if engine.find(&plan.session.code).is_some() {
            return Err(NamesError::Publish(PublishError::Duplicate(plan.session.code.clone())));
        }
        admin.has_room(plan).map_err(NamesError::Full)?;
        let ids = engine.publish_all(&[(plan, books)], at).map_err(NamesError::Publish)?;
        admin.adopt(plan).map_err(NamesError::Full)?;
        admin.take_over(entries.ledger);
        let id = ids.first().copied().unwrap_or_default();
        if !books.is_empty() {
            day.enter(id, entries.day);
            self.note(&day);
        }
        Ok(id)
    }

    /// Publishes a session of extra seats; the day is locked by the caller.
    pub(crate) fn publish_extra(&self, plan: &Plan, at: Instant) -> Result<SessionId, Malformed> {
        let mut admin = self.admin();
        let full = |limit| {
            Malformed::line(said!(
                "the engine has no room for extra seats; open it with more `{limit}`",
                "系统容量不足,无法加号;请以更大的 `{limit}` 打开",
                limit
            ))
        };
        admin.has_room(plan).map_err(full)?;
        let id = self.engine().publish(plan, at).map_err(|error| Malformed::line(error.said()))?;
        admin.adopt(plan).map_err(full)?;
        Ok(id)
    }

    /// The state hash: BLAKE3 over [`haoyuan_engine::Engine::canonical`] and the hospital's day. The same live, after replay
    /// and after a snapshot. Expects that no command is under way.
    #[must_use]
    pub fn state_hash(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new();
        // Parts are small; gathered, they are hashed at the speed of memory.
        let mut gathered = Vec::with_capacity(1 << 16);
        self.engine().canonical(|part| {
            gathered.extend_from_slice(part);
            if gathered.len() >= 1 << 16 {
                hasher.update(&gathered);
                gathered.clear();
            }
        });
        gathered.extend_from_slice(self.day_json().as_bytes());
        hasher.update(&gathered);
        *hasher.finalize().as_bytes()
    }
}

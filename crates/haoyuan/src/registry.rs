//! The front door (挂号处): platform, engine and journal behind one value.
//!
//! INVARIANT (decided, written, then acknowledged): a change is decided in memory, its record is appended before the call
//! returns, and only its acknowledgement says that it will survive. Once the journal has failed, no change is decided any
//! more; questions are still answered.

use crate::Error;
use crate::ack::{Ack, Decided, Numbered};
use crate::rebuild::{Rebuilt, rebuild};
use crate::record::Record;
use crate::recorder::{self, Recorder, Refusals};
use crate::state;
use haoyuan_core::ids::{BookingId, PatientKey, SessionId};
use haoyuan_core::instant::Instant;
use haoyuan_core::plan::Plan;
use haoyuan_core::refusal::Refusal;
use haoyuan_core::request::{Grant, Settle, Settled, Ticket, Wish};
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use haoyuan_engine::{Engine, Limits};
use haoyuan_journal::{self as journal, Access, Disk, Folder, Journal, Mode};
use haoyuan_platform::actor::{self, Actor};
use haoyuan_platform::{Answer, Command, Malformed, Platform};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// When a decision is acknowledged, and what a crash can cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// There is no journal: a crash costs everything.
    Memory,
    /// Acknowledged when queued. A crash costs at most what was decided within `window`, and at most `records` decisions.
    Async {
        /// The loss window in time.
        window: Duration,
        /// The loss window in records.
        records: u32,
    },
    /// Acknowledged when on disk: a crash costs nothing that was acknowledged.
    Synced {
        /// How long a decision whose acknowledgement nobody waits for may stay in memory for company.
        max_delay: Duration,
    },
}

impl Default for Durability {
    fn default() -> Self {
        Self::Synced { max_delay: Duration::from_millis(2) }
    }
}

/// How a registry is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// When a decision is acknowledged.
    pub durability: Durability,
    /// Which refusals are written.
    pub refusals: Refusals,
    /// The sizes of the engine; if absent, those of the recorded command `open`, or the default ones.
    pub limits: Option<Limits>,
    /// Where recovery begins: at the newest snapshot, or at the first segment whatever snapshots there are.
    pub from: journal::From,
    /// How the journal is written; its mode is that of `durability`.
    pub journal: journal::Options,
}

/// Platform, engine and journal. All methods but [`Registry::snapshot`] and [`Registry::close`] may be called from any
/// thread.
///
/// ```
/// use haoyuan::{Durability, Options, Registry};
/// # let folder = tempfile::tempdir()?;
/// # let folder = folder.path();
/// let registry = Registry::open(folder, Options::default())?;
/// let answer = registry.execute(r#"{"command":"audit","at":"2026-02-01T09:00:00+08:00"}"#);
/// assert!(answer.contains(r#""sound":true"#));
/// registry.close()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Registry {
    platform: Platform<Arc<Recorder>>,
    recorder: Arc<Recorder>,
    durability: Durability,
    recovered: Option<journal::Report>,
    numbered: Arc<Numbered>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("journal", &self.recorder.journal()).finish_non_exhaustive()
    }
}

impl Registry {
    /// Opens the journal in a folder, which is created if it is not there: recovers, replays, and goes on. With
    /// [`Durability::Memory`] the folder is not touched.
    ///
    /// # Errors
    /// [`Error`]: another writer, damage, a record that is not understood, limits that are too small, or what the system
    /// says. Nothing was changed.
    pub fn open(folder: impl AsRef<Path>, options: Options) -> Result<Self, Error> {
        if options.durability == Durability::Memory {
            return Ok(Self::in_memory(&options));
        }
        let folder = folder.as_ref();
        let disk = Folder::create(folder)
            .map_err(|source| Error::Folder { folder: folder.to_owned(), source: Arc::new(source) })?;
        Self::open_on(Arc::new(disk), options)
    }

    /// The same on any medium.
    ///
    /// # Errors
    /// As [`Registry::open`].
    #[expect(clippy::needless_pass_by_value, reason = "the journal keeps the medium and the options")]
    pub fn open_on(disk: Arc<dyn Disk>, options: Options) -> Result<Self, Error> {
        let Some(mode) = mode(options.durability) else { return Ok(Self::in_memory(&options)) };
        let Rebuilt { platform, recorder, finished, looked_past, .. } =
            rebuild(&disk, options.from, Access::Write, options.limits, &options.refusals)?;
        let recovered = finished.report().clone();
        let journal = Journal::start(finished, journal::Options { mode, ..options.journal })?;
        recorder.attach(Arc::new(journal));
        if let Some(limits) = options.limits {
            platform.note_limits(limits);
        }
        // An expiry is in the order of its block and not of its patient, so a crash can cost it although a claim that it made
        // possible is there. What a durable claim has looked past stays dead, whatever instant comes next.
        for (hold, at) in looked_past {
            platform.engine().sweep(hold, at);
        }
        let numbered = Arc::default();
        Ok(Self { platform, recorder, durability: options.durability, recovered: Some(recovered), numbered })
    }

    /// A registry without a journal.
    #[must_use]
    pub fn in_memory(options: &Options) -> Self {
        let recorder = Arc::new(Recorder::new(&options.refusals));
        let platform = Platform::with_trace(Arc::clone(&recorder));
        if let Some(limits) = options.limits {
            platform.open_with_limits(limits);
        }
        let numbered = Arc::default();
        Self { platform, recorder, durability: Durability::Memory, recovered: None, numbered }
    }

    /// What was found in the folder when it was opened; `None` without a journal.
    #[must_use]
    pub fn recovered(&self) -> Option<&journal::Report> {
        self.recovered.as_ref()
    }

    /// The journal; `None` without one.
    #[must_use]
    pub fn journal(&self) -> Option<&Journal> {
        self.recorder.journal().map(Arc::as_ref)
    }

    /// The platform, for questions. A change asked of it directly is written as well, and acknowledged to nobody.
    #[must_use]
    pub fn platform(&self) -> &Platform<Arc<Recorder>> {
        &self.platform
    }

    /// The engine, for questions; see [`Registry::platform`].
    #[must_use]
    pub fn engine(&self) -> &Engine<Arc<Recorder>> {
        self.platform.engine()
    }

    /// The state hash; see [`Platform::state_hash`].
    #[must_use]
    pub fn state_hash(&self) -> [u8; 32] {
        self.platform.state_hash()
    }

    /// The same registry in the name of somebody: what is called through it is recorded with who and why.
    #[must_use]
    pub fn by<'a>(&'a self, actor: &'a Actor) -> By<'a> {
        By { registry: self, actor }
    }

    // ---- changes

    /// That a change may be decided: the journal has not failed.
    fn check(&self) -> Result<(), Error> {
        match self.recorder.journal().and_then(|journal| journal.failure()) {
            None => Ok(()),
            Some(cause) => Err(Error::Undecided(cause)),
        }
    }

    /// Decides, and gathers the acknowledgement of what was written meanwhile.
    fn decide<A>(
        &self,
        decide: impl FnOnce() -> Result<A, Refusal>,
        again: impl FnOnce(&A) -> Option<(PatientKey, BookingId)>,
        at: Instant,
    ) -> Result<Decided<Result<A, Refusal>>, Error> {
        if self.recorder.journal().is_none() {
            return Ok(Decided { answer: decide(), ack: Ack::NOTHING });
        }
        self.check()?;
        recorder::listen(false);
        let answer = decide();
        if recorder::heard().is_none() {
            // An answer that was given before rests on records that may still be on their way. This entry follows them
            // in its patient's order, so that its acknowledgement covers theirs.
            if let Some((patient, booking)) = answer.as_ref().ok().and_then(again) {
                self.recorder.write(&Record::Again { patient, booking, at, actor: actor::current() });
            }
        }
        Ok(Decided { answer, ack: Ack::one(self.recorder.journal(), recorder::heard()) })
    }

    /// [`Platform::hold`], recorded.
    ///
    /// # Errors
    /// [`Error::Undecided`] once the journal has failed.
    pub fn hold(&self, wish: &Wish, at: Instant) -> Result<Decided<Result<Grant, Refusal>>, Error> {
        self.decide(|| self.platform.hold(wish, at), |grant| Some((wish.patient, grant.booking)), at)
    }

    /// [`Platform::book`], recorded.
    ///
    /// # Errors
    /// As [`Registry::hold`].
    pub fn book(&self, wish: &Wish, at: Instant) -> Result<Decided<Result<Grant, Refusal>>, Error> {
        self.decide(|| self.platform.book(wish, at), |grant| Some((wish.patient, grant.booking)), at)
    }

    /// [`Platform::confirm`], recorded.
    ///
    /// # Errors
    /// As [`Registry::hold`].
    pub fn confirm(&self, settle: &Settle, at: Instant) -> Result<Decided<Result<Settled, Refusal>>, Error> {
        self.decide(|| self.platform.confirm(settle, at), |done| Some((settle.patient, done.booking)), at)
    }

    /// [`Platform::cancel`], recorded.
    ///
    /// # Errors
    /// As [`Registry::hold`].
    pub fn cancel(&self, settle: &Settle, at: Instant) -> Result<Decided<Result<Settled, Refusal>>, Error> {
        self.decide(|| self.platform.cancel(settle, at), |done| Some((settle.patient, done.booking)), at)
    }

    /// [`Engine::issue_ticket`], recorded.
    ///
    /// # Errors
    /// As [`Registry::hold`].
    pub fn issue_ticket(&self, ticket: &Ticket, at: Instant) -> Result<Decided<Result<(), Refusal>>, Error> {
        self.decide(|| self.engine().issue_ticket(ticket, at), |()| None, at)
    }

    /// Publishes a plan that the host worked out itself, recorded.
    ///
    /// # Errors
    /// [`Error::Undecided`] once the journal has failed, [`Error::Names`] if the plan cannot be published.
    pub fn publish(&self, plan: &Plan, at: Instant) -> Result<Decided<SessionId>, Error> {
        self.check()?;
        recorder::listen(true);
        let answer = self.platform.publish_plan(plan, at, "").map_err(Error::Names);
        let tickets = recorder::heard_every();
        Ok(Decided { answer: answer?, ack: Ack::all(self.recorder.journal(), &tickets) })
    }

    /// Sweeps the holds that are due and writes the fences that were passed; how many holds.
    ///
    /// # Errors
    /// As [`Registry::hold`].
    pub fn tick(&self, at: Instant) -> Result<Decided<u64>, Error> {
        self.check()?;
        recorder::listen(true);
        let answer = self.platform.tick(at);
        self.recorder.tick(at, |session| self.engine().plan(session));
        let tickets = recorder::heard_every();
        Ok(Decided { answer, ack: Ack::all(self.recorder.journal(), &tickets) })
    }

    /// A number for any acknowledgement of this registry, by which [`Registry::ack`] gives it back; 0 if there is nothing to
    /// wait for. That of a single record is its [`Ack::ticket`]; of several, a number that costs a few bytes until it is
    /// durable.
    #[must_use]
    pub fn number_of(&self, ack: &Ack) -> u64 {
        self.numbered.give(ack)
    }

    /// Retires the sessions that are over and count for nothing any more: see [`Engine::retire`]. The next
    /// [`Registry::snapshot`] is smaller by them, and so is what is opened from it; the segments keep them, and so do audits and
    /// reports. How many. The command `retire` does it with `sessions`.
    ///
    /// # Errors
    /// As [`Registry::hold`].
    pub fn retire(&self, at: Instant) -> Result<Decided<usize>, Error> {
        self.check()?;
        recorder::listen(true);
        let answer = self.engine().retire(at).len();
        let tickets = recorder::heard_every();
        Ok(Decided { answer, ack: Ack::all(self.recorder.journal(), &tickets) })
    }

    /// The acknowledgement with this [`Ack::ticket`] or [`Registry::number_of`]; `None` if none was given out that has it.
    #[must_use]
    pub fn ack(&self, ticket: u64) -> Option<Ack> {
        let journal = self.recorder.journal()?;
        if let Some(several) = self.numbered.find(journal, ticket) {
            return Some(several);
        }
        // The last one stands for an entry that a journal which failed meanwhile did not take.
        let is_known = (1..=journal.last_ticket()).contains(&ticket) || ticket == u64::MAX;
        is_known.then(|| Ack::one(Some(journal), Some(ticket)))
    }

    // ---- the command language

    /// Carries out one line of JSON and waits for its acknowledgement, if the durability asks for that.
    #[must_use]
    pub fn answer(&self, line: &str) -> Answer {
        let Decided { answer, ack } = self.submit(line);
        if matches!(self.durability, Durability::Synced { .. }) {
            if let Err(error) = ack.wait() {
                return failed(said!(
                    "this was decided and is not durable: {error}",
                    "已作裁决,但未能持久:{error}",
                    error
                ));
            }
        }
        answer
    }

    /// The same, as a line of JSON.
    #[must_use]
    pub fn execute(&self, line: &str) -> String {
        self.answer(line).to_json()
    }

    /// Carries out one line of JSON and does not wait.
    pub fn submit(&self, line: &str) -> Decided<Answer> {
        match Command::parse_by(line) {
            Ok((command, None)) => self.submit_command(&command),
            Ok((command, Some(actor))) => actor::by(&actor, || self.submit_command(&command)),
            Err(malformed) => Decided { answer: Answer::Error(malformed), ack: Ack::NOTHING },
        }
    }

    /// Carries out a command and does not wait.
    pub fn submit_command(&self, command: &Command) -> Decided<Answer> {
        if command.is_question() {
            return Decided { answer: self.platform.decide(command), ack: Ack::NOTHING };
        }
        if let Err(error) = self.check() {
            return Decided { answer: failed(error.said()), ack: Ack::NOTHING };
        }
        recorder::listen(true);
        let answer = self.platform.decide(command);
        if let Command::Tick(tick) = command {
            self.recorder.tick(tick.at, |session| self.engine().plan(session));
        }
        if recorder::heard().is_none() {
            self.write_again(command, &answer);
        }
        let tickets = recorder::heard_every();
        Decided { answer, ack: Ack::all(self.recorder.journal(), &tickets) }
    }

    fn write_again(&self, command: &Command, answer: &Answer) {
        use haoyuan_platform::answer::Done;
        let told = match (command, answer) {
            (Command::Hold(wish) | Command::Book(wish), Answer::Granted(granted)) => {
                Some((wish.patient, granted.booking, wish.at))
            }
            (
                Command::Confirm(settle) | Command::Cancel(settle),
                Answer::Done(Done::Confirm(settled) | Done::Cancel(settled)),
            ) => Some((settle.patient, settled.booking, settle.at)),
            _ => None,
        };
        if let Some((patient, booking, at)) = told {
            self.recorder.write(&Record::Again { patient, booking, at, actor: actor::current() });
        }
    }

    // ---- the end

    /// Writes a snapshot, so that the next opening begins there; the name of its file. That no command is under way is
    /// what `&mut` says. Old segments stay: they are the archive.
    ///
    /// # Errors
    /// [`Error`]; the journal goes on. Without a journal there is nothing to write, and that is an error, too.
    pub fn snapshot(&mut self) -> Result<String, Error> {
        let Some(journal) = self.recorder.journal() else { return Err(Error::NoJournal) };
        self.recorder.settle_counts();
        journal.flush()?;
        let mark = journal.mark()?;
        let (state, vector) = state::dump(&self.platform, self.recorder.beside());
        Ok(journal.snapshot(mark, &vector, &state)?)
    }

    /// Waits until everything is durable, and lets the folder go. Take a [`Registry::snapshot`] before to make the next
    /// opening quick.
    ///
    /// # Errors
    /// [`Error::Journal`] if not everything could be written.
    pub fn close(self) -> Result<(), Error> {
        self.recorder.settle_counts();
        match self.recorder.journal() {
            Some(journal) => Ok(journal.close()?),
            None => Ok(()),
        }
    }
}

const fn mode(durability: Durability) -> Option<Mode> {
    match durability {
        Durability::Memory => None,
        Durability::Async { window, records } => Some(Mode::Async { window, records }),
        Durability::Synced { max_delay } => Some(Mode::Synced { max_delay }),
    }
}

fn failed(reason: Said) -> Answer {
    Answer::Error(Malformed { field: None, reason, column: None, place: None, rows: Vec::new() })
}

/// A registry in the name of somebody.
#[derive(Clone, Copy, Debug)]
pub struct By<'a> {
    registry: &'a Registry,
    actor: &'a Actor,
}

macro_rules! by {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $answer:ty;)+) => {
        impl By<'_> {
            $($(#[$doc])*
            ///
            /// # Errors
            /// As there.
            pub fn $name(&self, $($argument: $type),*) -> Result<Decided<$answer>, Error> {
                actor::by(self.actor, || self.registry.$name($($argument),*))
            })+
        }
    };
}

by! {
    /// [`Registry::hold`].
    hold(wish: &Wish, at: Instant) -> Result<Grant, Refusal>;
    /// [`Registry::book`].
    book(wish: &Wish, at: Instant) -> Result<Grant, Refusal>;
    /// [`Registry::confirm`].
    confirm(settle: &Settle, at: Instant) -> Result<Settled, Refusal>;
    /// [`Registry::cancel`].
    cancel(settle: &Settle, at: Instant) -> Result<Settled, Refusal>;
    /// [`Registry::issue_ticket`].
    issue_ticket(ticket: &Ticket, at: Instant) -> Result<(), Refusal>;
    /// [`Registry::retire`].
    retire(at: Instant) -> usize;
    /// [`Registry::publish`].
    publish(plan: &Plan, at: Instant) -> SessionId;
}

impl By<'_> {
    /// [`Registry::execute`]; an `actor` in the line goes before.
    #[must_use]
    pub fn execute(&self, line: &str) -> String {
        actor::by(self.actor, || self.registry.execute(line))
    }
}

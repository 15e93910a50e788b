//! System and model side by side: the same command to both, every answer compared.

use crate::check::{self, Finding, Traced};
use crate::generate::{Command, PATIENTS, Step, World, patient, resolve, time_of};
use crate::model::{self, Model, Unpublished, Verdict, Why};
use haoyuan_core::ids::{BookingId, IdempotencyKey, PatientKey, SessionId, SlotRef};
use haoyuan_core::instant::Instant;
use haoyuan_core::plan::Plan;
use haoyuan_core::pool::{PoolTree, Route};
use haoyuan_core::refusal::{Binding, Code, Refusal, Retry};
use haoyuan_core::request::{Availability, Grant, Settle, Settled, Standing, Ticket, Wish};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_engine::{
    Change, Engine, Fact, Limits, LiveBooking, Occupied, PublishError, Resized, Suspension, Trace, Withdrawn,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// A trace that keeps every fact.
#[derive(Debug, Default)]
pub struct Recorder(Mutex<Vec<Fact>>);

impl Recorder {
    /// The facts since the last time.
    pub fn take(&self) -> Vec<Fact> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Trace for Recorder {
    fn record(&self, fact: &Fact) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(*fact);
    }
}

/// Sizes that no generated workload reaches.
pub const ROOMY: Limits =
    Limits { blocks: 256, seats: 16_384, sessions: 64, shapes: 256, patients: 4_096, entries: 16_384 };

/// Sizes that no run of the simulator reaches: small, because an engine is made for every run and every recovery.
pub const SNUG: Limits =
    Limits { blocks: 32, seats: 1_280, sessions: 8, shapes: 96, patients: 16, entries: 1_024 };

/// A fact in the words of the checker.
#[must_use]
pub fn traced(fact: &Fact) -> Traced {
    Traced {
        sequence: fact.sequence,
        booking: fact.booking,
        slot: fact.slot,
        patient: fact.patient,
        change: match fact.change {
            Change::Held => check::Change::Held(fact.expires),
            Change::Booked => check::Change::Booked,
            Change::Confirmed => check::Change::Confirmed,
            Change::Cancelled => check::Change::Cancelled,
            Change::Expired => check::Change::Expired,
            Change::Withdrawn => check::Change::Withdrawn,
        },
        at: fact.at,
    }
}

/// The answer to a command that may carry an idempotency key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Said {
    Grant(Result<Grant, Refusal>),
    Settled(Result<Settled, Refusal>),
}

/// How often each kind of answer came, so that a suite can say that it tested something.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Seats granted.
    pub granted: u64,
    /// Bookings confirmed or cancelled.
    pub settled: u64,
    /// Refusals by code.
    pub refused: BTreeMap<Code, u64>,
    /// Answers given once more under a key.
    pub repeated: u64,
    /// Holds that ran out.
    pub expired: u64,
    /// Seats offered to who waits.
    pub offered: u64,
    /// Seats that the hospital gave.
    pub assigned: u64,
    /// Keys merged of which the one that was given up had something.
    pub merged: u64,
    /// Seats taken back by the hospital.
    pub withdrawn: u64,
    /// Blocks with another number of usable seats.
    pub resized: u64,
}

impl Seen {
    /// Adds what another run has seen.
    pub fn add(&mut self, other: &Self) {
        self.granted += other.granted;
        self.settled += other.settled;
        self.repeated += other.repeated;
        self.expired += other.expired;
        self.offered += other.offered;
        self.assigned += other.assigned;
        self.merged += other.merged;
        self.withdrawn += other.withdrawn;
        self.resized += other.resized;
        for (code, count) in &other.refused {
            *self.refused.entry(*code).or_default() += count;
        }
    }
}

/// What is driven beside the model: an engine, a registry on a disk that fails, or one of them with a planted bug.
///
/// Whatever is not overridden is the engine's.
pub trait System {
    /// Where the facts of its engine go.
    type Trace: Trace;

    /// The engine, for questions and for what the hospital does.
    fn engine(&self) -> &Engine<Self::Trace>;

    /// The facts since the last time; `None` if they went somewhere else.
    fn facts(&self) -> Option<Vec<Fact>>;

    /// Whether it has failed and decides no more: its last answer says nothing.
    fn is_down(&self) -> bool {
        false
    }

    /// [`Engine::publish`].
    ///
    /// # Errors
    /// As there, like everything below.
    fn publish(&self, plan: &Plan, at: Instant) -> Result<SessionId, PublishError> {
        self.engine().publish(plan, at)
    }

    /// [`Engine::issue_ticket`].
    ///
    /// # Errors
    /// As there.
    fn issue_ticket(&self, ticket: &Ticket, at: Instant) -> Result<(), Refusal> {
        self.engine().issue_ticket(ticket, at)
    }

    /// [`Engine::hold`].
    ///
    /// # Errors
    /// As there.
    fn hold(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.engine().hold(wish, at)
    }

    /// [`Engine::book`].
    ///
    /// # Errors
    /// As there.
    fn book(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.engine().book(wish, at)
    }

    /// [`Engine::hold_past_waitlist`].
    ///
    /// # Errors
    /// As there.
    fn hold_past_waitlist(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.engine().hold_past_waitlist(wish, at)
    }

    /// [`Engine::book_past_waitlist`].
    ///
    /// # Errors
    /// As there.
    fn book_past_waitlist(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.engine().book_past_waitlist(wish, at)
    }

    /// [`Engine::confirm`].
    ///
    /// # Errors
    /// As there.
    fn confirm(&self, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        self.engine().confirm(settle, at)
    }

    /// [`Engine::cancel`].
    ///
    /// # Errors
    /// As there.
    fn cancel(&self, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        self.engine().cancel(settle, at)
    }

    /// [`Engine::offer`].
    ///
    /// # Errors
    /// As there.
    fn offer(&self, wish: &Wish, expires: Instant, at: Instant) -> Result<Grant, Refusal> {
        self.engine().offer(wish, expires, at)
    }

    /// [`Engine::assign`].
    ///
    /// # Errors
    /// As there.
    fn assign(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.engine().assign(wish, at)
    }

    /// [`Engine::merge`].
    ///
    /// # Errors
    /// As there.
    fn merge(
        &self,
        given_up: PatientKey,
        stays: PatientKey,
        at: Instant,
    ) -> Result<Vec<LiveBooking>, Refusal> {
        self.engine().merge(given_up, stays, at)
    }

    /// [`Engine::withdraw`].
    ///
    /// # Errors
    /// As there.
    fn withdraw(&self, booking: BookingId, at: Instant) -> Result<Withdrawn, Refusal> {
        self.engine().withdraw(booking, at)
    }

    /// [`Engine::set_waiting`].
    ///
    /// # Errors
    /// As there.
    fn set_waiting(&self, slot: SlotRef, on: bool) -> Result<(), Refusal> {
        self.engine().set_waiting(slot, on)
    }

    /// [`Engine::set_stopped`].
    ///
    /// # Errors
    /// As there.
    fn set_stopped(&self, slot: SlotRef, on: bool) -> Result<(), Refusal> {
        self.engine().set_stopped(slot, on)
    }

    /// [`Engine::resize`].
    ///
    /// # Errors
    /// As there.
    fn resize(&self, slot: SlotRef, tree: &PoolTree, at: Instant) -> Result<Resized, Refusal> {
        self.engine().resize(slot, tree, at)
    }

    /// [`Engine::tick`].
    fn tick(&self, at: Instant) -> u64 {
        self.engine().tick(at)
    }
}

/// The engine itself.
impl System for Engine<Recorder> {
    type Trace = Recorder;

    fn engine(&self) -> &Engine<Recorder> {
        self
    }

    fn facts(&self) -> Option<Vec<Fact>> {
        Some(self.trace().take())
    }
}

/// A system and the model of it.
#[derive(Debug)]
pub struct Pair<S = Engine<Recorder>> {
    /// The system.
    pub system: S,
    /// The model.
    pub model: Model,
    /// What was seen.
    pub seen: Seen,
    answers: BTreeMap<(PatientKey, IdempotencyKey), Said>,
    /// Every command so far that carried an idempotency key.
    pub keyed: Vec<Command>,
    /// The ends that offers were given.
    offers: BTreeMap<BookingId, Instant>,
    was_restarted: bool,
}

macro_rules! ensure {
    ($holds:expr, $($message:tt)+) => {
        if !$holds {
            return Err(format!($($message)+));
        }
    };
}

impl Pair {
    /// Both empty.
    #[must_use]
    pub fn new() -> Self {
        Self::on(Engine::with_trace(ROOMY, Recorder::default()))
    }

    /// Both with all sessions of a world but the last; see [`Pair::begin`].
    ///
    /// # Errors
    /// What differs.
    pub fn of(world: &World) -> Result<Self, String> {
        let mut pair = Self::new();
        pair.begin(world)?;
        Ok(pair)
    }
}

impl<S: System> Pair<S> {
    /// An empty model beside an empty system.
    #[must_use]
    pub fn on(system: S) -> Self {
        Self {
            system,
            model: Model::default(),
            seen: Seen::default(),
            answers: BTreeMap::new(),
            keyed: Vec::new(),
            offers: BTreeMap::new(),
            was_restarted: false,
        }
    }

    /// Publishes all sessions of a world that are not there, but the last, which a workload may publish or not.
    ///
    /// # Errors
    /// What differs.
    pub fn begin(&mut self, world: &World) -> Finding {
        let most = world.plans.len() - usize::from(world.plans.len() > 1);
        let is_there = |plan: &&Plan| self.model.plans().any(|there| there.session.code == plan.session.code);
        let missing: Vec<&Plan> = world.plans[..most].iter().filter(|plan| !is_there(plan)).collect();
        for plan in missing {
            self.run(&Command::Publish(Box::new(plan.clone())), world.start())?;
        }
        Ok(())
    }

    /// The system was ended and opened again, and this is the model of what it found.
    ///
    /// What was answered under a key that is still known must be answered so again; what is known and was never answered was
    /// decided when the system failed.
    pub fn restarted(&mut self, system: S, model: Model) {
        self.answers.retain(|(patient, key), _| model.is_keyed(*patient, *key));
        (self.system, self.model) = (system, model);
        self.was_restarted = true;
    }

    /// Runs a workload, then looks at everything.
    ///
    /// # Errors
    /// The first step whose answers differ.
    pub fn run_all(&mut self, world: &World, steps: &[Step]) -> Finding {
        let mut now = world.start();
        for (number, step) in steps.iter().enumerate() {
            now = time_of(step.clock, now, &self.model);
            let Some(command) = resolve(step.action, world, &self.model, &self.keyed, now) else { continue };
            self.run(&command, now).map_err(|e| format!("step {number} {command:?} at {}: {e}", now.ms()))?;
        }
        self.look(now)
    }

    /// Gives a command to both. If the system fails under it, nothing is said about it, and the model is as good as the
    /// system: to be had again from what is durable.
    ///
    /// # Errors
    /// What differs.
    pub fn run(&mut self, command: &Command, at: Instant) -> Finding {
        let found = self.give(command, at);
        if !self.system.is_down() {
            return found;
        }
        let under_key = match command {
            Command::Hold(wish)
            | Command::Book(wish)
            | Command::HoldPastWaitlist(wish)
            | Command::BookPastWaitlist(wish) => wish.key.map(|key| (wish.patient, key)),
            Command::Confirm(settle) | Command::Cancel(settle) => settle.key.map(|key| (settle.patient, key)),
            _ => None,
        };
        if let Some(under_key) = under_key {
            self.answers.remove(&under_key);
        }
        Ok(())
    }

    fn give(&mut self, command: &Command, at: Instant) -> Finding {
        let logged = self.model.log().len();
        match command {
            Command::Publish(plan) => {
                let (said, expected) = (self.system.publish(plan, at), self.model.publish(plan));
                let same = match (&said, &expected) {
                    (Ok(said), Ok(expected)) => said == expected,
                    (Err(PublishError::Plan(_)), Err(Unpublished::Plan))
                    | (Err(PublishError::Rules(_)), Err(Unpublished::Rules))
                    | (Err(PublishError::Duplicate(_)), Err(Unpublished::Duplicate)) => true,
                    _ => false,
                };
                ensure!(same, "the engine published {said:?}, the model {expected:?}");
            }
            Command::IssueTicket(ticket) => {
                let said = self.system.issue_ticket(ticket, at);
                let expected = self.model.issue_ticket(ticket, at);
                self.compare(&said, &into_verdict(expected))?;
            }
            Command::Hold(wish) => {
                let (said, expected) = (self.system.hold(wish, at), self.model.hold(wish, at));
                self.keyed(command, wish.patient, wish.key, Said::Grant(said), &expected)?;
                self.compare(&said, &expected)?;
                self.seen.granted += u64::from(said.is_ok() && expected != Verdict::AsBefore);
            }
            Command::Book(wish) => {
                let (said, expected) = (self.system.book(wish, at), self.model.book(wish, at));
                self.keyed(command, wish.patient, wish.key, Said::Grant(said), &expected)?;
                self.compare(&said, &expected)?;
                self.seen.granted += u64::from(said.is_ok() && expected != Verdict::AsBefore);
            }
            Command::Confirm(settle) => {
                let (said, expected) = (self.system.confirm(settle, at), self.model.confirm(settle, at));
                self.keyed(command, settle.patient, settle.key, Said::Settled(said), &expected)?;
                self.compare(&said, &expected)?;
                self.seen.settled += u64::from(said.is_ok_and(|settled| settled.changed));
            }
            Command::Cancel(settle) => {
                let (said, expected) = (self.system.cancel(settle, at), self.model.cancel(settle, at));
                self.keyed(command, settle.patient, settle.key, Said::Settled(said), &expected)?;
                self.compare(&said, &expected)?;
                self.seen.settled += u64::from(said.is_ok());
            }
            Command::Tick => {
                let (said, expected) = (self.system.tick(at), self.model.tick(at));
                ensure!(said == expected, "the engine swept {said}, the model {expected}");
            }
            Command::Availability(slot, class, channel) => {
                let said = self.system.engine().availability(*slot, *class, *channel, at);
                let expected = self.model.availability(*slot, *class, *channel, at);
                same_availability(&said, &expected)?;
                let said = self.system.engine().availability_past_waitlist(*slot, *class, *channel, at);
                let expected = self.model.availability_past_waitlist(*slot, *class, *channel, at);
                same_availability(&said, &expected)?;
            }
            Command::Search(query) => {
                let (said, expected) = (self.system.engine().search(query, at), self.model.search(query, at));
                ensure!(said == expected, "the engine found {said:?}, the model {expected:?}");
            }
            Command::Load(day, institution, department) => {
                let said = self.system.engine().load(*day, *institution, *department, at);
                let expected = self.model.load(*day, *institution, *department, at);
                ensure!(said == expected, "the engine's load is {said:?}, the model's {expected:?}");
            }
            Command::BookingsOf(patient) => same_bookings(self.system.engine(), &self.model, *patient, at)?,
            deed => self.run_hospital(deed, at)?,
        }
        self.same_transitions(logged, at)
    }

    /// What is answered under a key is kept, to be compared word for word when the model says `AsBefore`.
    fn keyed<A>(
        &mut self,
        command: &Command,
        patient: PatientKey,
        key: Option<IdempotencyKey>,
        said: Said,
        expected: &Verdict<A>,
    ) -> Finding {
        let Some(key) = key else { return Ok(()) };
        if matches!(expected, Verdict::No(why) if why.code == Code::Waitlisted) {
            return Ok(());
        }
        if matches!(expected, Verdict::AsBefore) {
            let before = self.answers.get(&(patient, key));
            let is_new = before.is_none() && self.was_restarted;
            ensure!(is_new || before == Some(&said), "under the same key first {before:?}, now {said:?}");
            if is_new {
                self.answers.insert((patient, key), said);
            }
            self.seen.repeated += 1;
        } else {
            self.keyed.push(command.clone());
            self.answers.entry((patient, key)).or_insert(said);
        }
        Ok(())
    }

    fn compare<A: PartialEq + std::fmt::Debug>(
        &mut self,
        said: &Result<A, Refusal>,
        expected: &Verdict<A>,
    ) -> Finding {
        match (said, expected) {
            (_, Verdict::AsBefore) => Ok(()),
            (Ok(said), Verdict::Yes(expected)) if said == expected => Ok(()),
            (Err(refusal), Verdict::No(why)) => {
                *self.seen.refused.entry(refusal.code).or_default() += 1;
                check::same_refusal(why, refusal)
            }
            _ => Err(format!("the engine says {said:?}, the model {expected:?}")),
        }
    }

    /// The facts of a command are the transitions that the model made. Holds that one command swept from one block may
    /// have been swept in any order.
    fn same_transitions(&mut self, logged: usize, at: Instant) -> Finding {
        let Some(facts) = self.system.facts() else { return Ok(()) };
        let expected = &self.model.log()[logged..];
        if facts.is_empty() && expected.is_empty() {
            return Ok(());
        }
        self.seen.expired += expected.iter().filter(|t| t.change == model::Change::Expired).count() as u64;
        let whats: BTreeSet<_> = facts.iter().map(|f| (f.booking, changed(f.change))).collect();
        let expected_whats: BTreeSet<_> = expected.iter().map(|t| (t.booking, t.change)).collect();
        let places: BTreeSet<_> = facts.iter().map(|f| (f.booking.block(), f.sequence)).collect();
        let expected_places: BTreeSet<_> = expected.iter().map(|t| (t.booking.block(), t.sequence)).collect();
        ensure!(
            facts.len() == expected.len() && whats == expected_whats && places == expected_places,
            "the engine recorded {facts:?}, the model made {expected:?}"
        );
        for fact in &facts {
            let booking = self
                .model
                .bookings()
                .iter()
                .rfind(|b| b.id == fact.booking)
                .ok_or_else(|| format!("{fact:?} is of a booking never granted"))?;
            let same = (fact.slot, fact.patient, fact.class, fact.channel, fact.node.index(), fact.at)
                == (booking.slot, booking.patient, booking.class, booking.channel, booking.node, at);
            ensure!(same, "the engine recorded {fact:?}, the model has {booking:?}");
        }
        Ok(())
    }

    /// What the hospital does, given to both.
    fn run_hospital(&mut self, command: &Command, at: Instant) -> Finding {
        match command {
            Command::SetWaiting(slot, on) => {
                let said = self.system.set_waiting(*slot, *on);
                let expected = self.model.set_waiting(*slot, *on);
                self.compare(&said, &into_verdict(expected))?;
            }
            Command::SetStopped(slot, on) => {
                let said = self.system.set_stopped(*slot, *on);
                let expected = self.model.set_stopped(*slot, *on);
                self.compare(&said, &into_verdict(expected))?;
            }
            Command::Offer(wish, expires) => {
                let said = self.system.offer(wish, *expires, at);
                let expected = self.model.offer(wish, *expires, at);
                self.compare(&said, &into_verdict(expected))?;
                self.seen.offered += u64::from(said.is_ok());
                self.offers.extend(said.map(|grant| (grant.booking, *expires)));
            }
            Command::Assign(wish) => {
                let (said, expected) = (self.system.assign(wish, at), self.model.assign(wish, at));
                self.compare(&said, &into_verdict(expected))?;
                self.seen.assigned += u64::from(said.is_ok());
                // What is given ends, for the engine, after its instant, as nothing that a patient booked does.
                self.offers.extend(said.map(|grant| (grant.booking, at.plus(1))));
            }
            Command::Merge(given_up, stays) => self.merge(*given_up, *stays, at)?,
            Command::HoldPastWaitlist(wish) => {
                let said = self.system.hold_past_waitlist(wish, at);
                let expected = self.model.hold_past_waitlist(wish, at);
                self.keyed(command, wish.patient, wish.key, Said::Grant(said), &expected)?;
                self.compare(&said, &expected)?;
            }
            Command::BookPastWaitlist(wish) => {
                let said = self.system.book_past_waitlist(wish, at);
                let expected = self.model.book_past_waitlist(wish, at);
                self.keyed(command, wish.patient, wish.key, Said::Grant(said), &expected)?;
                self.compare(&said, &expected)?;
            }
            Command::Withdraw(booking) => self.withdraw(*booking, at)?,
            Command::Occupants(slot) => self.same_occupants(*slot, at)?,
            Command::Suspend(patient, suspension) => {
                self.system
                    .engine()
                    .suspend(*patient, *suspension)
                    .map_err(|refusal| format!("{refusal:?}"))?;
                let until = suspension.map(|suspension| match suspension {
                    Suspension::Until(until) => Some((until.ms() + 999).div_euclid(1_000)),
                    Suspension::Blocked => None,
                });
                self.model.suspend(*patient, until);
                let whole = until.map(|until| match until {
                    Some(second) => Suspension::Until(Instant::saturating(second * 1_000)),
                    None => Suspension::Blocked,
                });
                let said = self.system.engine().suspension(*patient);
                ensure!(said == whole, "the engine keeps {said:?} of {suspension:?}");
            }
            Command::Resize(slot, tree) => {
                let said = self.system.resize(*slot, tree, at).map(|resized| resized.sequence);
                let expected = self.model.resize(*slot, tree, at);
                self.compare(&said, &into_verdict(expected))?;
                self.seen.resized += u64::from(said.is_ok());
            }
            Command::Substitute(session, practitioner) => {
                let said = self.system.engine().substitute(*session, *practitioner);
                let expected = self.model.substitute(*session, *practitioner);
                self.compare(&said, &into_verdict(expected))?;
            }
            _ => unreachable!("the patients' commands are given elsewhere"),
        }
        Ok(())
    }

    fn merge(&mut self, given_up: PatientKey, stays: PatientKey, at: Instant) -> Finding {
        let said = self.system.merge(given_up, stays, at).map_err(|refusal| format!("{refusal:?}"))?;
        self.seen.merged += u64::from(!self.model.bookings_of(given_up, at).is_empty());
        let expected = of_the_model(&self.model.merge(given_up, stays, at));
        let said = of_the_engine(&said);
        ensure!(said == expected, "the engine has {said:?} of both, the model {expected:?}");
        Ok(())
    }

    fn withdraw(&mut self, booking: BookingId, at: Instant) -> Finding {
        let said = self.system.withdraw(booking, at);
        let expected = self.model.withdraw(booking, at);
        self.seen.withdrawn += u64::from(said.is_ok());
        let said = said.map(|w| {
            (w.patient, w.class, w.channel, w.slot, w.standing, w.granted_at.unwrap_or(at), w.sequence)
        });
        let expected = expected.map(|(b, sequence)| {
            let granted = if self.is_offer(&b) { at } else { b.granted };
            (b.patient, b.class, b.channel, b.slot, standing_of(&b), granted, sequence)
        });
        self.compare(&said, &into_verdict(expected))
    }

    /// Whether the engine need not know when this was granted: an offer whose end is not that of an ordinary hold.
    fn is_offer(&self, booking: &model::Booking) -> bool {
        booking.offered && {
            let plan = self.model.plans().nth(booking.slot.session.index()).expect("booked is published");
            let ends = booking.granted.plus(i64::from(plan.rules.hold_ms[booking.channel as usize]));
            self.offers.get(&booking.id).is_some_and(|expires| *expires != ends)
        }
    }

    fn same_occupants(&mut self, slot: SlotRef, at: Instant) -> Finding {
        let said = self.system.engine().occupants(slot, at).map(|live| {
            let live = live.into_iter();
            let seen = |o: Occupied| {
                (o.booking, o.patient, o.class, o.channel, o.node.index(), o.standing, o.granted_at)
            };
            live.map(seen).collect::<Vec<_>>()
        });
        let expected = self.model.occupants(slot, at).map(|live| {
            let live = live.into_iter();
            let seen = |b: &model::Booking| {
                let granted = if self.is_offer(b) { None } else { Some(b.granted) };
                (b.id, b.patient, b.class, b.channel, b.node, standing_of(b), granted)
            };
            live.map(seen).collect::<Vec<_>>()
        });
        self.compare(&said, &into_verdict(expected))
    }

    /// Everything that can be asked, asked of both; see [`alike`].
    ///
    /// # Errors
    /// What differs or does not hold.
    pub fn look(&self, at: Instant) -> Finding {
        alike(self.system.engine(), &self.model, (0..PATIENTS).map(patient), at)
    }
}

/// Everything that can be asked, asked of an engine and the model; the engine's audit; the invariants of the state.
///
/// # Errors
/// What differs or does not hold.
pub fn alike<T: Trace>(
    engine: &Engine<T>,
    model: &Model,
    patients: impl Iterator<Item = PatientKey>,
    at: Instant,
) -> Finding {
    for (slot, _) in check::all_slots(model) {
        // What the model answers depends on the route alone; the engine is asked for each class nevertheless.
        let mut answers: Vec<(Route, _)> = Vec::new();
        for class in Class::ALL {
            for channel in [Channel::App, Channel::Window] {
                let said = engine.availability(slot, *class, channel, at);
                let route = model.pools(slot).routes.get(*class, channel);
                let place = answers.iter().position(|(known, _)| *known == route).unwrap_or_else(|| {
                    answers.push((route, model.availability(slot, *class, channel, at)));
                    answers.len() - 1
                });
                same_availability(&said, &answers[place].1)
                    .map_err(|e| format!("{slot:?} {class} {channel} at {}: {e}", at.ms()))?;
            }
        }
    }
    for who in patients {
        same_bookings(engine, model, who, at)?;
    }
    let audit = engine.audit().map_err(|broken| format!("the audit found {broken:?}"))?;
    ensure!(
        audit.transitions == model.transitions(),
        "the audit counts {} transitions, the model {}",
        audit.transitions,
        model.transitions()
    );
    check::state(model, at)
}

impl Default for Pair<Engine<Recorder>> {
    fn default() -> Self {
        Self::new()
    }
}

fn same_bookings<T: Trace>(engine: &Engine<T>, model: &Model, patient: PatientKey, at: Instant) -> Finding {
    let said = engine.bookings_of(patient, at).map_err(|e| format!("bookings_of: {e:?}"))?;
    let (said, expected) = (of_the_engine(&said), of_the_model(&model.bookings_of(patient, at)));
    ensure!(said == expected, "the engine has {said:?}, the model {expected:?}");
    Ok(())
}

/// A live booking as engine and model have it alike.
type Live = (BookingId, SlotRef, Standing, usize, Class, Channel);

fn of_the_engine(live: &[LiveBooking]) -> Vec<Live> {
    let seen = |b: &LiveBooking| {
        (b.grant.booking, b.grant.slot, b.grant.standing, b.grant.node.index(), b.class, b.channel)
    };
    live.iter().map(seen).collect()
}

fn of_the_model(live: &[&model::Booking]) -> Vec<Live> {
    live.iter().map(|b| (b.id, b.slot, standing_of(b), b.node, b.class, b.channel)).collect()
}

fn standing_of(booking: &model::Booking) -> Standing {
    match booking.state {
        model::State::Held(until) => Standing::HeldUntil(until),
        _ => Standing::Booked,
    }
}

fn into_verdict<A>(result: Result<A, Why>) -> Verdict<A> {
    match result {
        Ok(answer) => Verdict::Yes(answer),
        Err(why) => Verdict::No(why),
    }
}

pub(crate) fn changed(change: Change) -> model::Change {
    match change {
        Change::Held => model::Change::Held,
        Change::Booked => model::Change::Booked,
        Change::Confirmed => model::Change::Confirmed,
        Change::Cancelled => model::Change::Cancelled,
        Change::Expired => model::Change::Expired,
        Change::Withdrawn => model::Change::Withdrawn,
    }
}

fn same_availability(
    said: &Result<Availability, Refusal>,
    expected: &Result<(Availability, Option<Why>), Why>,
) -> Finding {
    let same = match (said, expected) {
        (Ok(said), Ok((expected, why))) => {
            let numbers = Availability { refusal: None, ..*said } == *expected;
            let reason = match (&said.refusal, why) {
                (None, None) => true,
                (Some(refusal), Some(why)) => why.explains(refusal),
                _ => false,
            };
            numbers && reason
        }
        (Err(refusal), Err(why)) => why.explains(refusal),
        _ => false,
    };
    ensure!(same, "the engine says {said:?}, the model {expected:?}");
    Ok(())
}

/// A refusal without anything but its code, for tests that state it by hand.
#[must_use]
pub fn plain(code: Code) -> Refusal {
    Refusal {
        code,
        binding: Binding::None,
        retry: if code.is_transient() { Retry::WhenReturned } else { Retry::Never },
    }
}

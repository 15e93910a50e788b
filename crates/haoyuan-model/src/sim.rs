//! The simulator: whole runs by seed, everything that can go wrong going wrong, the model beside it.
//!
//! INVARIANT (one seed, one run): what a run does follows from its lane and its seed. No clock is read, no thread started,
//! no memory address looked at; so a failing run can be had again, and made smaller.
//!
//! # Lanes
//! - [`Lane::Engine`]: an engine under several clients whose commands are delayed, repeated and reordered, at clocks that go
//!   forward and backward.
//! - [`Lane::Journal`]: the same behind a journal on a disk that tears, loses, reorders, fails and fills up, with power
//!   failures at any of its operations, those of the recovery included. What comes back is decided anew by the model, record
//!   by record.
//! - [`Lane::Day`]: the hospital's day in its command language, hostile lines included, restarted from its journal.
//!
//! Each run switches off a random part of what it could do (a *swarm*): what everything together drowns is found by a run
//! that does little else.
//!
//! # How a run is small again
//! A run is a list of steps; [`shrink`] leaves out parts of the list while the run still fails. Steps name things
//! relatively, so that a part of a list is a run as well.

mod canary;
mod day;
mod durable;
mod live;

pub use canary::{Bug, Caught, catch};

use crate::check::Finding;
use crate::generate::{Action, Clock, Deed, Step};
use crate::random::Random;
use std::ops::AddAssign;

/// What is simulated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// The engine.
    Engine,
    /// The engine behind a journal.
    Journal,
    /// The hospital's day in its command language, behind a journal.
    Day,
}

impl Lane {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Engine, Self::Journal, Self::Day];

    /// Its word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Journal => "journal",
            Self::Day => "day",
        }
    }
}

/// What was done, and how often.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Runs.
    pub runs: u64,
    /// Commands given to the system and to its model.
    pub operations: u64,
    /// Of these, delivered late or once more.
    pub disturbed: u64,
    /// Faults of the disk that were armed.
    pub faults: u64,
    /// Times the system was ended and opened again.
    pub crashes: u64,
    /// States that a crash could have left, each recovered and judged by the model.
    pub crash_states: u64,
    /// Times everything that can be asked was asked of system and model.
    pub looks: u64,
    /// Recorded decisions that the model decided anew.
    pub retold: u64,
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.runs += other.runs;
        self.operations += other.operations;
        self.disturbed += other.disturbed;
        self.faults += other.faults;
        self.crashes += other.crashes;
        self.crash_states += other.crash_states;
        self.looks += other.looks;
        self.retold += other.retold;
    }
}

/// What a run leaves behind.
#[derive(Debug, Default)]
pub struct Tape {
    /// What was done.
    pub totals: Totals,
    /// Every step in words, if wanted.
    story: Option<Vec<String>>,
    /// The commands as lines of the command language, where the lane speaks it.
    script: Vec<String>,
}

impl Tape {
    fn telling() -> Self {
        Self { story: Some(Vec::new()), ..Self::default() }
    }

    fn tell(&mut self, line: impl FnOnce() -> String) {
        if let Some(story) = &mut self.story {
            story.push(line());
        }
    }
}

/// Which steps of a run are taken.
#[derive(Clone, Copy, Debug)]
pub enum Keep<'a> {
    /// All.
    All,
    /// These, in ascending order.
    Only(&'a [usize]),
}

impl Keep<'_> {
    fn has(self, step: usize) -> bool {
        match self {
            Self::All => true,
            Self::Only(steps) => steps.binary_search(&step).is_ok(),
        }
    }
}

/// How many steps the run of a seed has.
#[must_use]
pub fn length(lane: Lane, seed: u64) -> usize {
    match lane {
        Lane::Engine => live::steps(seed).len(),
        Lane::Journal => durable::steps(seed).len(),
        Lane::Day => day::LENGTH,
    }
}

/// Runs the steps of a seed that are kept, perhaps with a bug planted.
///
/// # Errors
/// The first thing that differs from the model or breaks an invariant.
pub fn run(lane: Lane, seed: u64, bug: Option<Bug>, keep: Keep<'_>, tape: &mut Tape) -> Finding {
    tape.totals.runs += 1;
    match lane {
        Lane::Engine => live::run(seed, bug, keep, tape),
        Lane::Journal => durable::run(seed, bug, keep, tape),
        Lane::Day => day::run(seed, bug, keep, tape),
    }
}

/// A run that fails, made small.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The lane.
    pub lane: Lane,
    /// The seed.
    pub seed: u64,
    /// What was found in the whole run.
    pub found: String,
    /// How many steps the whole run has.
    pub steps: usize,
    /// The steps that are enough.
    pub enough: Vec<usize>,
    /// What is found in these.
    pub found_in_these: String,
    /// These in words.
    pub story: Vec<String>,
    /// The same as a script of the command language, if the lane speaks it.
    pub script: Vec<String>,
}

/// Leaves out steps of a failing run while it still fails: halves, then quarters, down to single steps.
///
/// Another failure than the first counts as well: the smaller run is wrong, whatever it says.
#[must_use]
pub fn shrink(lane: Lane, seed: u64, bug: Option<Bug>, found: String) -> Failure {
    let steps = length(lane, seed);
    let fails = |kept: &[usize]| run(lane, seed, bug, Keep::Only(kept), &mut Tape::default()).err();
    let mut enough: Vec<usize> = (0..steps).collect();
    let mut found_in_these = found.clone();
    let mut tries = TRIES;
    let mut size = enough.len().div_ceil(2).max(1);
    while size > 0 && tries > 0 {
        let mut from = 0;
        let before = enough.len();
        while from < enough.len() && tries > 0 {
            let to = (from + size).min(enough.len());
            let without: Vec<usize> = enough[..from].iter().chain(&enough[to..]).copied().collect();
            tries -= 1;
            match fails(&without) {
                Some(found) => (enough, found_in_these) = (without, found),
                None => from = to,
            }
        }
        if size == 1 && enough.len() == before {
            break;
        }
        size = if size == 1 { 1 } else { size.div_ceil(2) };
    }
    let mut tape = Tape::telling();
    let _ = run(lane, seed, bug, Keep::Only(&enough), &mut tape);
    let (story, script) = (tape.story.unwrap_or_default(), tape.script);
    Failure { lane, seed, found, steps, enough, found_in_these, story, script }
}

/// Runs that a shrinking may take.
const TRIES: u32 = 2_000;

// ---- the swarm -------------------------------------------------------------------------------------------------------

/// What a run does and does not do.
#[derive(Clone, Copy, Debug)]
struct Swarm {
    actions: u64,
    backward: bool,
    disturbed: bool,
}

impl Swarm {
    fn of(random: &mut Random) -> Self {
        // Of every kind of action three quarters are there; now and then all of them.
        let actions = if random.once_in(4) { u64::MAX } else { random.any() | random.any() };
        Self { actions, backward: random.once_in(3), disturbed: random.once_in(2) }
    }

    /// Whether a step belongs to this run.
    fn has(self, step: &Step) -> bool {
        let kind = kind_of(&step.action);
        // Without claims there is nothing.
        let is_on = kind < 2 || self.actions >> kind & 1 == 1;
        let forward = self.backward || !matches!(step.clock, Clock::Earlier(_));
        is_on && forward
    }
}

fn kind_of(action: &Action) -> u32 {
    match action {
        Action::Hold(_) => 0,
        Action::Book(_) => 1,
        Action::Publish(_) => 2,
        Action::IssueTicket(..) => 3,
        Action::Confirm(_) => 4,
        Action::Cancel(_) => 5,
        Action::Again(_) => 6,
        Action::Tick => 7,
        Action::Availability(..) => 8,
        Action::Search(..) => 9,
        Action::Load(..) => 10,
        Action::BookingsOf(_) => 11,
        Action::Hospital(deed) => match deed {
            Deed::Waiting(..) => 12,
            Deed::Stopped(..) => 13,
            Deed::Offer(..) => 14,
            Deed::HoldPast(_) => 15,
            Deed::BookPast(_) => 16,
            Deed::Withdraw(_) => 17,
            Deed::Occupants(..) => 18,
            Deed::Suspend(..) => 19,
            Deed::Substitute(..) => 20,
            Deed::Resize(..) => 21,
            Deed::Assign(_) => 22,
            Deed::Merge(..) => 23,
        },
    }
}

/// How a command reaches the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivery {
    /// At once.
    Now,
    /// After so many later steps.
    Late(usize),
    /// At once, and once more after so many later steps.
    Twice(usize),
}

impl Delivery {
    fn any(random: &mut Random, swarm: Swarm) -> Self {
        let after = 1 + usize::try_from(random.below(12)).unwrap_or(0);
        match random.below(12) {
            0 if swarm.disturbed => Self::Late(after),
            1 if swarm.disturbed => Self::Twice(after),
            _ => Self::Now,
        }
    }
}

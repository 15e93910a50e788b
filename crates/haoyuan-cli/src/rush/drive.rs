//! Driving the engine: the only timed part, and all that it measures is decisions.
//!
//! The commands of a phase are made ready before, dealt to the threads in turn (so that a patient's repeated command and
//! its first one meet on different threads), and their answers are put in order afterwards. Latency is sampled: every
//! [`EVERY`]th decision is timed, and the clock's own cost, measured beforehand, is taken off.
//!
//! At a [`Synced`] desk a decision counts only when it is on disk: a thread has at most [`IN_FLIGHT`] decisions that are
//! not, and a phase ends when none is left.

use crate::rush::recount::{Answer, Asked, Told};
use crate::rush::trace::{Deed, Phase, Step, Trace, What, idempotency_key, patient_key, ticket_id};
use crossbeam::channel::Sender;
use haoyuan::{Ack, Decided, Registry};
use haoyuan_core::ids::{BookingId, SessionId, SlotRef};
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Grant, Settle, Settled, Wish};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_engine::{Engine, Trace as Facts};
use hdrhistogram::Histogram;
use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::time::{Duration, Instant as Clock};

/// One decision in so many is timed.
pub(crate) const EVERY: usize = 16;
/// So many decisions of a thread may be on their way to the disk at once: as many callers as a busy platform has.
pub(crate) const IN_FLIGHT: usize = 4_096;
/// The longest latency that is told apart from longer ones: ten seconds.
const LONGEST: u64 = 10_000_000_000;
/// After so many decisions a thread reports progress.
const PROGRESS: usize = 1 << 16;

/// What was measured.
pub(crate) struct Driven {
    /// The answer to each command of the trace.
    pub(crate) answers: Vec<Answer>,
    /// Decisions and time of each phase.
    pub(crate) phases: Vec<(Phase, u64, Duration)>,
    /// Latencies of the sampled decisions, nanoseconds, clock cost taken off.
    pub(crate) latency: Histogram<u64>,
    /// From the beginning of the sampled decisions until they were seen to be on disk, nanoseconds; empty without a journal
    /// that is synced.
    pub(crate) durable: Histogram<u64>,
    /// The cost of reading the clock twice, nanoseconds.
    pub(crate) clock_ns: u64,
}

/// Where commands are decided.
pub(crate) trait Desk: Sync {
    /// What is waited for.
    type Promise;
    /// Whether a decision counts only when its promise is kept.
    const WAITS: bool;

    /// Decides.
    fn decide(&self, asked: &Asked, at: Instant) -> Result<(Answer, Self::Promise), haoyuan::Error>;
    /// Whether the promise is kept.
    fn is_kept(promise: &Self::Promise) -> bool;
    /// Waits until it is.
    fn wait(promise: Self::Promise) -> Result<(), haoyuan::Error>;
}

fn seat(decision: Result<Grant, Refusal>) -> Answer {
    decision.map_or_else(Answer::Refused, Answer::Granted)
}

fn settled(decision: Result<Settled, Refusal>) -> Answer {
    decision.map_or_else(Answer::Refused, Answer::Settled)
}

/// Decided in memory, recorded or not, counted at once.
impl<T: Facts> Desk for Engine<T> {
    type Promise = ();
    const WAITS: bool = false;

    #[inline]
    fn decide(&self, asked: &Asked, at: Instant) -> Result<(Answer, ()), haoyuan::Error> {
        let answer = match asked {
            Asked::Seat(Deed::Hold, wish) => seat(self.hold(wish, at)),
            Asked::Seat(Deed::Book, wish) => seat(self.book(wish, at)),
            Asked::Confirm(settle) => settled(self.confirm(settle, at)),
            Asked::Cancel(settle) => settled(self.cancel(settle, at)),
        };
        Ok((answer, ()))
    }

    fn is_kept((): &()) -> bool {
        true
    }

    fn wait((): ()) -> Result<(), haoyuan::Error> {
        Ok(())
    }
}

/// Decided, recorded, and counted when the record is on disk.
pub(crate) struct Synced<'a>(pub(crate) &'a Registry);

impl Desk for Synced<'_> {
    type Promise = Ack;
    const WAITS: bool = true;

    fn decide(&self, asked: &Asked, at: Instant) -> Result<(Answer, Ack), haoyuan::Error> {
        let registry = self.0;
        let seat = |decided: Decided<Result<Grant, Refusal>>| (seat(decided.answer), decided.ack);
        let settled = |decided: Decided<Result<Settled, Refusal>>| (settled(decided.answer), decided.ack);
        match asked {
            Asked::Seat(Deed::Hold, wish) => registry.hold(wish, at).map(seat),
            Asked::Seat(Deed::Book, wish) => registry.book(wish, at).map(seat),
            Asked::Confirm(settle) => registry.confirm(settle, at).map(settled),
            Asked::Cancel(settle) => registry.cancel(settle, at).map(settled),
        }
    }

    fn is_kept(promise: &Ack) -> bool {
        promise.is_durable()
    }

    fn wait(promise: Ack) -> Result<(), haoyuan::Error> {
        Ok(promise.wait()?)
    }
}

/// The promises that a thread was given and that are not kept yet, in order, with when those of sampled decisions began.
struct Flight<D: Desk> {
    promises: VecDeque<(D::Promise, Option<Clock>)>,
    durable: Histogram<u64>,
}

impl<D: Desk> Flight<D> {
    fn land(&mut self, began: Option<Clock>) {
        if let Some(began) = began {
            self.durable.saturating_record(nanoseconds(began.elapsed()));
        }
    }

    fn take_off(&mut self, promise: D::Promise, began: Option<Clock>) -> Result<(), haoyuan::Error> {
        self.promises.push_back((promise, began));
        while self.promises.front().is_some_and(|(promise, _)| D::is_kept(promise)) {
            if let Some((_, began)) = self.promises.pop_front() {
                self.land(began);
            }
        }
        if self.promises.len() >= IN_FLIGHT { self.land_first() } else { Ok(()) }
    }

    fn land_first(&mut self) -> Result<(), haoyuan::Error> {
        if let Some((promise, began)) = self.promises.pop_front() {
            D::wait(promise)?;
            self.land(began);
        }
        Ok(())
    }
}

impl Driven {
    /// All decisions.
    pub(crate) fn decisions(&self) -> u64 {
        self.phases.iter().map(|(_, decisions, _)| decisions).sum()
    }

    /// All time.
    pub(crate) fn time(&self) -> Duration {
        self.phases.iter().map(|(_, _, time)| time).sum()
    }
}

/// A command that is ready to be given: 40 bytes, because everything that is read while the clock runs costs time.
struct Ready {
    at: Instant,
    step: u32,
    patient: u32,
    what: Wanted,
}

enum Wanted {
    Seat { deed: Deed, class: Class, channel: Channel, slot: SlotRef, ticket: u32, key: u32 },
    Confirm(BookingId),
    Cancel(BookingId),
}

const _: () = assert!(size_of::<Ready>() <= 40);

/// A short form of an answer, for the same reason.
#[derive(Clone, Copy)]
enum Short {
    /// A refusal of a command without a key: its code says what the report needs.
    Refused(Code),
    /// Anything else, at this place among the answers that are kept whole.
    Kept(u32),
}

/// What a thread brings back from a phase.
struct Shift {
    short: Vec<Short>,
    kept: Vec<Answer>,
    began: Clock,
    ended: Clock,
    latency: Histogram<u64>,
    durable: Histogram<u64>,
}

fn ready(step: &Step, place: usize, sessions: &[SessionId], answers: &[Answer]) -> Option<Ready> {
    let granted = |number: u32| match answers.get(number as usize) {
        Some(Answer::Granted(grant)) => Some(grant.booking),
        _ => None,
    };
    let what = match step.what {
        What::Seat { deed, class, channel, slot, plan, ticket, key } => {
            let slot = SlotRef { session: sessions[plan as usize], slot };
            Wanted::Seat { deed, class, channel, slot, ticket, key }
        }
        What::Confirm(number) => Wanted::Confirm(granted(number)?),
        What::Cancel(number) => Wanted::Cancel(granted(number)?),
    };
    let number = u32::try_from(place).unwrap_or(u32::MAX);
    Some(Ready { at: step.at, step: number, patient: step.patient, what })
}

impl Ready {
    /// The command in the engine's words.
    #[inline]
    fn asked(&self) -> Asked {
        let patient = patient_key(self.patient);
        match self.what {
            Wanted::Seat { deed, class, channel, slot, ticket, key } => {
                let (ticket, key) = (ticket_id(ticket), idempotency_key(key));
                Asked::Seat(deed, Wish { patient, slot, class, channel, ticket, key })
            }
            Wanted::Confirm(booking) => Asked::Confirm(Settle { patient, booking, key: None }),
            Wanted::Cancel(booking) => Asked::Cancel(Settle { patient, booking, key: None }),
        }
    }

    const fn has_key(&self) -> bool {
        matches!(self.what, Wanted::Seat { key, .. } if key != 0)
    }
}

/// Everything that was asked and answered, in the order of the trace.
pub(crate) fn told<'a>(
    trace: &'a Trace,
    sessions: &'a [SessionId],
    answers: &'a [Answer],
) -> impl Iterator<Item = Told> + 'a {
    Phase::ALL.iter().zip(0u8..).flat_map(move |(phase, number)| {
        let (first, steps) = trace.phase(*phase);
        steps.iter().zip(first..).filter_map(move |(step, place)| {
            let asked = ready(step, place, sessions, answers)?.asked();
            Some(Told { phase: number, at: step.at, asked, answer: answers[place] })
        })
    })
}

/// The median cost of reading the clock twice in a row.
fn clock_cost() -> u64 {
    let mut costs: Vec<u64> = (0..10_001).map(|_| nanoseconds(Clock::now().elapsed())).collect();
    costs.sort_unstable();
    costs[costs.len() / 2]
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LONGEST, 3).unwrap_or_else(|_| unreachable!("the bounds are valid"))
}

/// Gives every command of the trace to the desk, on so many threads. `progress` hears of decisions made.
///
/// # Errors
/// What the journal says, if there is one and it fails.
pub(crate) fn drive<D: Desk>(
    desk: &D,
    sessions: &[SessionId],
    trace: &Trace,
    threads: NonZeroUsize,
    progress: Option<&Sender<usize>>,
) -> Result<Driven, haoyuan::Error> {
    let mut driven = Driven {
        answers: vec![Answer::Skipped; trace.steps.len()],
        phases: Vec::new(),
        latency: histogram(),
        durable: histogram(),
        clock_ns: clock_cost(),
    };
    for phase in Phase::ALL {
        let (first, steps) = trace.phase(*phase);
        let mut hands: Vec<Vec<Ready>> =
            (0..threads.get()).map(|_| Vec::with_capacity(steps.len() / threads.get() + 1)).collect();
        let mut turn = 0;
        for (step, place) in steps.iter().zip(first..) {
            if let Some(ready) = ready(step, place, sessions, &driven.answers) {
                hands[turn].push(ready);
                turn = (turn + 1) % threads.get();
            }
        }
        let skipped = steps.len() - hands.iter().map(Vec::len).sum::<usize>();
        let barrier = Barrier::new(threads.get());
        let clock_ns = driven.clock_ns;
        let shifts: Result<Vec<Shift>, _> = std::thread::scope(|scope| {
            let workers: Vec<_> = hands
                .iter()
                .map(|hand| {
                    let barrier = &barrier;
                    scope.spawn(move || work(desk, hand, barrier, clock_ns, progress))
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
        let shifts = shifts?;
        if let Some(progress) = progress {
            let _ = progress.send(skipped);
        }
        let began = shifts.iter().map(|shift| shift.began).min();
        let ended = shifts.iter().map(|shift| shift.ended).max();
        let time = began.zip(ended).map_or(Duration::ZERO, |(began, ended)| ended.duration_since(began));
        let decisions = hands.iter().map(|hand| hand.len() as u64).sum();
        driven.phases.push((*phase, decisions, time));
        for (shift, hand) in shifts.iter().zip(&hands) {
            for (ready, short) in hand.iter().zip(&shift.short) {
                driven.answers[ready.step as usize] = match short {
                    Short::Refused(code) => Answer::Refused(Refusal::plain(*code)),
                    Short::Kept(place) => shift.kept[*place as usize],
                };
            }
            let _ = driven.latency.add(&shift.latency);
            let _ = driven.durable.add(&shift.durable);
        }
    }
    Ok(driven)
}

fn work<D: Desk>(
    desk: &D,
    hand: &[Ready],
    barrier: &Barrier,
    clock_ns: u64,
    progress: Option<&Sender<usize>>,
) -> Result<Shift, haoyuan::Error> {
    // Written once beforehand, so that no page is touched for the first time while the clock runs.
    let mut short = vec![Short::Kept(0); hand.len()];
    let mut kept = vec![Answer::Skipped; hand.len()];
    kept.clear();
    let mut latency = histogram();
    let mut flight: Flight<D> = Flight { promises: VecDeque::with_capacity(IN_FLIGHT), durable: histogram() };
    barrier.wait();
    let began = Clock::now();
    for (place, (ready, short)) in hand.iter().zip(&mut short).enumerate() {
        let mut began = None;
        let (answer, promise) = if place % EVERY == EVERY / 2 {
            let before = Clock::now();
            let decided = desk.decide(&ready.asked(), ready.at)?;
            let took = nanoseconds(before.elapsed());
            latency.saturating_record(took.saturating_sub(clock_ns).max(1));
            began = Some(before);
            decided
        } else {
            desk.decide(&ready.asked(), ready.at)?
        };
        if D::WAITS {
            flight.take_off(promise, began)?;
        }
        *short = match answer {
            Answer::Refused(refusal) if !ready.has_key() => Short::Refused(refusal.code),
            answer => {
                kept.push(answer);
                #[expect(
                    clippy::cast_possible_truncation,
                    reason = "fewer answers than steps, which are 32-bit"
                )]
                Short::Kept(kept.len() as u32 - 1)
            }
        };
        if place % PROGRESS == PROGRESS - 1 {
            if let Some(progress) = progress {
                let _ = progress.send(PROGRESS);
            }
        }
    }
    while !flight.promises.is_empty() {
        flight.land_first()?;
    }
    let ended = Clock::now();
    if let Some(progress) = progress {
        let _ = progress.send(hand.len() % PROGRESS);
    }
    Ok(Shift { short, kept, began, ended, latency, durable: flight.durable })
}

//! Driving the engine: the only timed part, and all that it measures is decisions.
//!
//! The commands of a phase are made ready before, dealt to the threads in turn (so that a patient's repeated command and
//! its first one meet on different threads), and their answers are put in order afterwards. Latency is sampled: every
//! [`EVERY`]th decision is timed, and the clock's own cost, measured beforehand, is taken off.

use crate::rush::recount::{Answer, Asked, Told};
use crate::rush::trace::{Deed, Phase, Step, Trace, What, idempotency_key, patient_key, ticket_id};
use crossbeam::channel::Sender;
use haoyuan_core::ids::{BookingId, SessionId, SlotRef};
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Settle, Wish};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_engine::{Engine, Trace as Facts};
use hdrhistogram::Histogram;
use std::num::NonZeroUsize;
use std::sync::Barrier;
use std::time::{Duration, Instant as Clock};

/// One decision in so many is timed.
pub(crate) const EVERY: usize = 16;
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
    /// The cost of reading the clock twice, nanoseconds.
    pub(crate) clock_ns: u64,
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

#[inline]
fn decide<T: Facts>(engine: &Engine<T>, ready: &Ready) -> Answer {
    let seat = |decision| match decision {
        Ok(grant) => Answer::Granted(grant),
        Err(refusal) => Answer::Refused(refusal),
    };
    let settled = |decision| match decision {
        Ok(settled) => Answer::Settled(settled),
        Err(refusal) => Answer::Refused(refusal),
    };
    match ready.asked() {
        Asked::Seat(Deed::Hold, wish) => seat(engine.hold(&wish, ready.at)),
        Asked::Seat(Deed::Book, wish) => seat(engine.book(&wish, ready.at)),
        Asked::Confirm(settle) => settled(engine.confirm(&settle, ready.at)),
        Asked::Cancel(settle) => settled(engine.cancel(&settle, ready.at)),
    }
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

/// Gives every command of the trace to the engine, on so many threads. `progress` hears of decisions made.
pub(crate) fn drive<T: Facts>(
    engine: &Engine<T>,
    sessions: &[SessionId],
    trace: &Trace,
    threads: NonZeroUsize,
    progress: Option<&Sender<usize>>,
) -> Driven {
    let mut driven = Driven {
        answers: vec![Answer::Skipped; trace.steps.len()],
        phases: Vec::new(),
        latency: histogram(),
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
        let shifts: Vec<Shift> = std::thread::scope(|scope| {
            let workers: Vec<_> = hands
                .iter()
                .map(|hand| {
                    let barrier = &barrier;
                    scope.spawn(move || work(engine, hand, barrier, clock_ns, progress))
                })
                .collect();
            workers
                .into_iter()
                .map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        });
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
        }
    }
    driven
}

fn work<T: Facts>(
    engine: &Engine<T>,
    hand: &[Ready],
    barrier: &Barrier,
    clock_ns: u64,
    progress: Option<&Sender<usize>>,
) -> Shift {
    // Written once beforehand, so that no page is touched for the first time while the clock runs.
    let mut short = vec![Short::Kept(0); hand.len()];
    let mut kept = vec![Answer::Skipped; hand.len()];
    kept.clear();
    let mut latency = histogram();
    barrier.wait();
    let began = Clock::now();
    for (place, (ready, short)) in hand.iter().zip(&mut short).enumerate() {
        let answer = if place % EVERY == EVERY / 2 {
            let before = Clock::now();
            let answer = decide(engine, ready);
            let took = nanoseconds(before.elapsed());
            latency.saturating_record(took.saturating_sub(clock_ns).max(1));
            answer
        } else {
            decide(engine, ready)
        };
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
    let ended = Clock::now();
    if let Some(progress) = progress {
        let _ = progress.send(hand.len() % PROGRESS);
    }
    Shift { short, kept, began, ended, latency }
}

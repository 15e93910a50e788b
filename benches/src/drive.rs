//! How threads ask: each driver runs one workload, times it over all threads, and keeps the verdicts.

use crate::hospital::{Hospital, release};
use crate::trace::{Request, patient, slot};
use cpu_time::ThreadTime;
use haoyuan_core::ids::{BookingId, SlotRef};
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Grant, Settle};
use haoyuan_core::terms::Class;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The time that a run took.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spent {
    /// From the moment at which every thread was ready until the last was done.
    pub wall: Duration,
    /// On the processors, the threads that did the work together; what other threads and programs took is not in it.
    pub cpu: Duration,
}

/// How long threads spin before they start together: long enough for the kernel to give each a processor of its own. It puts
/// a new thread beside its parent at first, and a rush is over in four milliseconds.
const SETTLE: Duration = Duration::from_millis(20);

/// Runs `work` on every element of `states` at once, a thread each.
///
/// # Panics
/// If `work` does.
pub fn together<S: Send>(states: &mut [S], work: impl Fn(&mut S) + Sync) -> Spent {
    let (threads, ready) = (states.len(), AtomicUsize::new(0));
    let run = |state: &mut S| {
        if threads > 1 {
            let came = Instant::now();
            while came.elapsed() < SETTLE {
                std::hint::spin_loop();
            }
            // Relaxed: it orders nothing; scoped threads see what was set up before them.
            ready.fetch_add(1, Ordering::Relaxed);
            while ready.load(Ordering::Relaxed) < threads {
                std::hint::spin_loop();
            }
        }
        let (cpu, start) = (ThreadTime::now(), Instant::now());
        work(state);
        let end = Instant::now();
        (start, end, cpu.elapsed())
    };
    let run = &run;
    let times: Vec<_> = match states {
        // One client runs where it was set up, as in a program without threads.
        [only] => vec![run(only)],
        _ => std::thread::scope(|scope| {
            let threads: Vec<_> = states.iter_mut().map(|state| scope.spawn(move || run(state))).collect();
            threads.into_iter().map(|thread| thread.join().expect("a worker does not panic")).collect()
        }),
    };
    let (first, last) = (times.iter().map(|t| t.0).min(), times.iter().map(|t| t.1).max());
    let wall = last.zip(first).map_or(Duration::ZERO, |(last, first)| last - first);
    Spent { wall, cpu: times.iter().map(|t| t.2).sum() }
}

/// As [`together`] with one thread and nothing to keep.
pub fn alone(work: impl Fn() + Sync) -> Spent {
    together(&mut [()], |()| work())
}

/// A verdict in 8 bytes: a booking id, or a refusal's code with the top bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict(u64);

const REFUSED: u64 = 1 << 63;

impl Verdict {
    /// What the engine answered.
    #[inline]
    #[must_use]
    pub fn of(answer: &Result<Grant, Refusal>) -> Self {
        match answer {
            Ok(grant) => Self(grant.booking.get()),
            Err(refusal) => Self(REFUSED | u64::from(refusal.code.number())),
        }
    }

    /// The booking, if it was granted.
    #[must_use]
    pub fn booking(self) -> Option<BookingId> {
        if self.0 & REFUSED == 0 { BookingId::new(self.0) } else { None }
    }

    /// The code, if it was refused.
    #[must_use]
    pub fn code(self) -> Option<Code> {
        if self.0 & REFUSED == 0 { None } else { Code::from_number((self.0 & 0xffff) as u16) }
    }
}

/// Whether a refusal is for want of seats: full, or what is left is not for this class.
#[inline]
#[must_use]
pub const fn wants_seats(code: Code) -> bool {
    matches!(code, Code::SlotFull | Code::Protected)
}

/// How a seat is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `book`.
    Book,
    /// `hold`, then `confirm`: two decisions a grant.
    HoldThenConfirm,
}

/// What one thread has to ask in the rush, and what it was told.
#[derive(Debug)]
pub struct Queue<'a> {
    /// The requests, in order.
    pub requests: Vec<&'a [Request]>,
    /// A verdict for each.
    pub verdicts: Vec<Verdict>,
    /// Decisions made.
    pub decisions: u64,
}

/// The morning rush: every thread takes its part of the trace. Returns the time and the queues.
///
/// # Panics
/// If a hold cannot be confirmed.
pub fn rush<'a>(
    hospital: &Hospital,
    trace: &'a [Request],
    threads: usize,
    how: How,
) -> (Spent, Vec<Queue<'a>>) {
    // Chunks are dealt round robin, so that the threads meet at the same hours of the trace.
    const CHUNK: usize = 64;
    let mut queues: Vec<Queue<'_>> = (0..threads)
        .map(|thread| {
            let requests: Vec<&[Request]> = trace.chunks(CHUNK).skip(thread).step_by(threads).collect();
            let count = requests.iter().map(|chunk| chunk.len()).sum();
            // Written here once, so that the pages are there before the clock runs.
            let mut verdicts = vec![Verdict(REFUSED); count];
            verdicts.clear();
            Queue { requests, verdicts, decisions: 0 }
        })
        .collect();
    let engine = &hospital.engine;
    let at = release();
    let spent = together(&mut queues, |queue| {
        for request in queue.requests.iter().copied().flatten() {
            let wish = request.wish();
            let answer = match how {
                How::Book => engine.book(&wish, at),
                How::HoldThenConfirm => {
                    let answer = engine.hold(&wish, at);
                    if let Ok(grant) = &answer {
                        let settle = Settle { patient: wish.patient, booking: grant.booking, key: None };
                        engine.confirm(&settle, at).expect("a hold can be confirmed at once");
                        queue.decisions += 1;
                    }
                    answer
                }
            };
            queue.verdicts.push(Verdict::of(&answer));
        }
        queue.decisions += queue.verdicts.len() as u64;
    });
    (spent, queues)
}

/// A live booking of a client: a quarter of a cache line, so that keeping it costs little beside deciding it.
#[derive(Clone, Copy, Debug)]
pub struct Live {
    /// Whose: the patient's number.
    pub number: u32,
    /// Which.
    pub booking: BookingId,
    /// By what right.
    pub class: Class,
}

const _: () = assert!(size_of::<Live>() == 16);

/// One client that books and releases.
#[derive(Debug)]
pub struct Client<'a> {
    trace: &'a [Request],
    next: usize,
    half_hours: u32,
    /// What it has live, by slot.
    live: Vec<Vec<Live>>,
    /// Decisions made.
    pub decisions: u64,
    /// Seats granted.
    pub granted: u64,
    /// Seats released.
    pub released: u64,
    /// Refusals by code.
    pub refused: BTreeMap<Code, u64>,
}

impl<'a> Client<'a> {
    /// A client that goes round this trace.
    #[must_use]
    pub fn new(hospital: &Hospital, trace: &'a [Request]) -> Self {
        let slots = (hospital.practitioners * hospital.half_hours) as usize;
        let seats = usize::from(hospital.slots.seats);
        let live = (0..slots).map(|_| Vec::with_capacity(seats)).collect();
        let half_hours = hospital.half_hours;
        Self {
            trace,
            next: 0,
            half_hours,
            live,
            decisions: 0,
            granted: 0,
            released: 0,
            refused: BTreeMap::new(),
        }
    }

    /// Asks `requests` times; releases all it has of a slot that refuses for want of seats. Releases count as decisions.
    ///
    /// # Panics
    /// If a booking cannot be cancelled.
    pub fn churn(&mut self, hospital: &Hospital, requests: usize) {
        let engine = &hospital.engine;
        let at = release();
        for _ in 0..requests {
            let request = &self.trace[self.next];
            self.next += 1;
            if self.next == self.trace.len() {
                self.next = 0;
            }
            let wish = request.wish();
            let place =
                request.slot.session.index() * hospital.half_hours as usize + request.slot.slot.index();
            self.decisions += 1;
            match engine.book(&wish, at) {
                Ok(grant) => {
                    self.granted += 1;
                    self.live[place].push(Live {
                        number: request.number,
                        booking: grant.booking,
                        class: request.class,
                    });
                }
                Err(refusal) => {
                    *self.refused.entry(refusal.code).or_default() += 1;
                    if wants_seats(refusal.code) {
                        self.release(engine, place, at);
                    }
                }
            }
        }
    }

    fn release(&mut self, engine: &haoyuan_engine::Engine, place: usize, at: haoyuan_core::instant::Instant) {
        while let Some(Live { number, booking, .. }) = self.live[place].pop() {
            let settle = Settle { patient: patient(number), booking, key: None };
            // Another client may be deciding for the same patient: then it is asked again.
            loop {
                self.decisions += 1;
                match engine.cancel(&settle, at) {
                    Ok(_) => break,
                    Err(refusal) => {
                        assert_eq!(refusal.code, Code::ConcurrentRequest, "a live booking can be cancelled");
                    }
                }
            }
            self.released += 1;
        }
    }

    /// Releases everything that is live.
    pub fn release_all(&mut self, hospital: &Hospital) {
        for place in 0..self.live.len() {
            self.release(&hospital.engine, place, release());
        }
    }

    /// What it has live, and in which slot.
    pub fn live(&self) -> impl Iterator<Item = (SlotRef, Live)> {
        let half_hours = self.half_hours;
        let slot = move |place: u32| slot(place / half_hours, place % half_hours);
        (0..).zip(&self.live).flat_map(move |(place, live)| live.iter().map(move |live| (slot(place), *live)))
    }
}

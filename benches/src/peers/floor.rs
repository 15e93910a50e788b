//! The least that any system must do for the same work: the physical limit that the ratios are held against.
//!
//! Each decision loads the word of its slot; one that changes something replaces that word and the patient's by a
//! compare-and-swap each. What is decided is known beforehand, nothing is folded, nobody's bookings are looked at.

use crate::drive::{Spent, together};
use crate::trace::{PATIENTS, SEED, SplitMix};
use crate::work::{Ask, Link, Told, Why};
use crossbeam_utils::CachePadded;
use portable_atomic::AtomicU128;
use std::collections::HashMap;
use std::hint::spin_loop;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// One decision as it was: slot, patient, whether it changed something.
#[derive(Clone, Copy, Debug)]
struct Step {
    place: u32,
    patient: u32,
    changes: bool,
}

/// What a client's decisions were, recorded from a system that decides them.
#[derive(Debug)]
pub struct Recording<'n, L> {
    inner: L,
    half_hours: u32,
    numbers: &'n mut HashMap<u128, u32>,
    steps: Vec<Step>,
}

impl<'n, L> Recording<'n, L> {
    /// Records what goes through `inner`.
    pub fn new(inner: L, half_hours: u32, numbers: &'n mut HashMap<u128, u32>) -> Self {
        Self { inner, half_hours, numbers, steps: Vec::new() }
    }

    /// Forgets what went through so far.
    pub fn clear(&mut self) {
        self.steps.clear();
    }

    /// What went through.
    #[must_use]
    pub fn done(self) -> Steps {
        Steps(self.steps)
    }
}

/// A recorded client.
#[derive(Debug)]
pub struct Steps(Vec<Step>);

impl<L: Link> Link for Recording<'_, L> {
    fn one(&mut self, ask: &Ask<'_>) -> Result<Told, String> {
        let told = self.inner.one(ask)?;
        let request = ask.request();
        let next = u32::try_from(self.numbers.len()).map_err(|error| error.to_string())?;
        let patient = *self.numbers.entry(request.patient.get()).or_insert(next);
        let place = request.slot.session.get() * self.half_hours + u32::from(request.slot.slot.get());
        self.steps.push(Step { place, patient, changes: told.why == Why::Done });
        Ok(told)
    }
}

/// The time of the least work for these clients, all at once, and how many decisions they are.
///
/// # Panics
/// If a compare-and-swap is lost.
#[must_use]
pub fn least(places: u32, clients: &mut [Steps]) -> (Spent, u64) {
    let words: Vec<AtomicU128> = (0..places).map(|_| AtomicU128::new(0)).collect();
    let patients: Vec<AtomicU128> = (0..PATIENTS).map(|_| AtomicU128::new(0)).collect();
    let replace = |word: &AtomicU128| {
        let mut old = word.load(Ordering::Acquire);
        while let Err(seen) = word.compare_exchange(old, old + 1, Ordering::AcqRel, Ordering::Acquire) {
            old = seen;
            spin_loop();
        }
    };
    let spent = together(clients, |client| {
        for step in &client.0 {
            let word = &words[step.place as usize];
            if step.changes {
                replace(word);
                replace(&patients[step.patient as usize]);
            } else {
                std::hint::black_box(word.load(Ordering::Acquire));
            }
        }
    });
    let changes: u64 = clients.iter().flat_map(|client| &client.0).filter(|step| step.changes).count() as u64;
    // Relaxed: every thread has ended.
    let replaced: u128 = words.iter().map(|word| word.load(Ordering::Relaxed)).sum();
    assert_eq!(replaced, u128::from(changes), "a compare-and-swap was lost");
    (spent, clients.iter().map(|client| client.0.len() as u64).sum())
}

/// Nanoseconds until a cache line that is handed to the other thread comes back. Virtual processors are neighbours at one time
/// and far apart at another, and whatever two threads share costs accordingly. `None` where there is one processor.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "a figure to print")]
pub fn handed_over() -> Option<f64> {
    const TIMES: u32 = 2_000;
    if std::thread::available_parallelism().map_or(1, usize::from) < 2 {
        return None;
    }
    let turn = CachePadded::new(AtomicUsize::new(0));
    let spent = together(&mut [0, 1], |own| {
        for _ in 0..TIMES {
            // Acquire and Release: as a line is handed over that something was written into.
            while turn.load(Ordering::Acquire) != *own {
                spin_loop();
            }
            turn.store(1 - *own, Ordering::Release);
        }
    });
    Some(spent.wall.as_nanos() as f64 / f64::from(TIMES))
}

/// One cycle through 8 MiB in random order, a line each: more than the second level of a cache holds.
#[derive(Debug)]
pub struct Chain {
    lines: Vec<[u32; 16]>,
    at: u32,
}

impl Default for Chain {
    fn default() -> Self {
        const PLACES: u32 = 1 << 17;
        let mut order: Vec<u32> = (0..PLACES).collect();
        SplitMix::new(SEED).shuffle(&mut order);
        let mut lines = vec![[0; 16]; order.len()];
        for (place, next) in order.iter().zip(order.iter().cycle().skip(1)) {
            lines[*place as usize][0] = *next;
        }
        Self { lines, at: 0 }
    }
}

impl Chain {
    /// Nanoseconds of a load that has to wait for the one before it: what a miss of the second level costs if nothing else can be
    /// done meanwhile. Whoever else uses the memory of a host makes it dearer.
    #[expect(clippy::cast_precision_loss, reason = "a figure to print")]
    pub fn wait(&mut self) -> f64 {
        const LOADS: u32 = 20_000;
        let Self { lines, at } = self;
        // Fetched into the third level, wherever it was.
        std::hint::black_box(lines.iter().fold(0, |touched, line| touched ^ line[0]));
        let spent = together(std::slice::from_mut(at), |at| {
            for _ in 0..LOADS {
                *at = std::hint::black_box(&*lines)[*at as usize][0];
            }
        });
        spent.wall.as_nanos() as f64 / f64::from(LOADS)
    }
}

/// The median of a write of 4,096 bytes and its `fdatasync` in `folder`, over blocks that are written already.
///
/// # Errors
/// What the disk says.
pub fn sync(folder: &Path) -> Result<Duration, String> {
    const ROUNDS: usize = 200;
    let path = folder.join("bare");
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = std::fs::File::create(&path).map_err(failed)?;
    file.write_all(&vec![0; 4_096 * ROUNDS]).and_then(|()| file.sync_data()).map_err(failed)?;
    let mut file = std::fs::OpenOptions::new().write(true).open(&path).map_err(failed)?;
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        file.write_all(&[1; 4_096]).and_then(|()| file.sync_data()).map_err(failed)?;
        times.push(began.elapsed());
    }
    std::fs::remove_file(&path).map_err(failed)?;
    times.sort();
    Ok(times[ROUNDS / 2])
}

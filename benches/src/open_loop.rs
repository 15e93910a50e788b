//! Requests that come when they come: latency at a fixed rate of arrival, up to and beyond what a system can take.
//!
//! INVARIANT (no coordinated omission): a request's latency counts from the instant at which it was due, whether or not the
//! client could ask it then. A system that stalls is charged for everybody who came meanwhile.
//!
//! Arrivals are a Poisson process fixed by a seed. A client asks all that is due, up to [`GROUP`] at once, as a front end does
//! that speaks for many patients. What is still not asked when the time is up twice over is counted as unserved.

use crate::peers::System;
use crate::trace::{SEED, SplitMix};
use crate::work::Client;
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// The most that a client asks at once.
pub const GROUP: usize = 64;

/// What was seen at one rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    /// The system and its settings.
    pub system: String,
    /// Its clients.
    pub clients: usize,
    /// Requests a second that came.
    pub offered: f64,
    /// Requests a second that were decided.
    pub decided: f64,
    /// Requests that were not asked in twice the time.
    pub unserved: u64,
    /// Nanoseconds from due to decided: the median.
    pub p50: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1,000.
    pub p999: u64,
    /// The longest.
    pub max: u64,
}

impl Point {
    /// Whether more came than could be decided in time.
    #[must_use]
    pub fn is_saturated(&self) -> bool {
        self.unserved > 0 || self.decided < 0.98 * self.offered
    }
}

/// Gaps between arrivals with mean 1, used in turn.
fn gaps(seed: u64) -> Vec<f64> {
    let mut rng = SplitMix::new(seed);
    (0..1 << 14).map(|_| -(1.0 - rng.unit()).ln()).collect()
}

struct Seen {
    latencies: Histogram<u64>,
    unserved: u64,
    took: Duration,
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "nanoseconds"
)]
fn client<L: crate::work::Link>(
    client: &mut Client<'_>,
    link: &mut L,
    (rate, seed): (f64, u64),
    time: Duration,
    start: Instant,
) -> Result<Seen, String> {
    let gaps = gaps(seed);
    let (mean, end) = (1e9 / rate, time.as_nanos() as f64);
    let mut latencies =
        Histogram::new_with_bounds(1, 60_000_000_000, 3).map_err(|error| error.to_string())?;
    let mut due = Vec::with_capacity(GROUP);
    let (mut next, mut number) = (gaps[0] * mean, 1);
    while next < end {
        let mut now = start.elapsed().as_nanos() as f64;
        while now < next {
            // A server may need this processor.
            std::thread::yield_now();
            now = start.elapsed().as_nanos() as f64;
        }
        if now > 2.0 * end {
            break;
        }
        due.clear();
        while next <= now && next < end && due.len() < GROUP {
            due.push(next as u64);
            next += gaps[number % gaps.len()] * mean;
            number += 1;
        }
        client.step(link, due.len())?;
        let done = start.elapsed().as_nanos() as u64;
        for due in &due {
            latencies.record(done.saturating_sub(*due).max(1)).map_err(|error| error.to_string())?;
        }
    }
    let mut unserved = 0;
    while next < end {
        unserved += 1;
        next += gaps[number % gaps.len()] * mean;
        number += 1;
    }
    Ok(Seen { latencies, unserved, took: start.elapsed().max(time) })
}

/// Lets requests arrive at `rate` a second for `time`.
///
/// # Errors
/// What the world did.
///
/// # Panics
/// If a client does.
#[expect(clippy::cast_precision_loss, reason = "figures to print")]
pub fn at_rate<S: System>(
    system: &S,
    name: &str,
    clients: &mut [Client<'_>],
    rate: f64,
    time: Duration,
) -> Result<Point, String> {
    let count = clients.len();
    let links = clients.iter().map(|_| system.link()).collect::<Result<Vec<_>, String>>()?;
    // Everybody has a thread before the first is due.
    let start = Instant::now() + Duration::from_millis(5);
    let each = rate / count as f64;
    let seen = std::thread::scope(|scope| {
        let threads: Vec<_> = (SEED..)
            .zip(clients.iter_mut().zip(links))
            .map(|(seed, (asks, mut link))| {
                scope.spawn(move || client(asks, &mut link, (each, seed), time, start))
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().expect("a client does not panic"))
            .collect::<Result<Vec<_>, _>>()
    })?;
    let mut all =
        Histogram::<u64>::new_with_bounds(1, 60_000_000_000, 3).map_err(|error| error.to_string())?;
    for seen in &seen {
        all.add(&seen.latencies).map_err(|error| error.to_string())?;
    }
    let took = seen.iter().map(|seen| seen.took).max().unwrap_or(time);
    Ok(Point {
        system: name.to_owned(),
        clients: count,
        offered: rate,
        decided: all.len() as f64 / took.as_secs_f64(),
        unserved: seen.iter().map(|seen| seen.unserved).sum(),
        p50: all.value_at_quantile(0.5),
        p99: all.value_at_quantile(0.99),
        p999: all.value_at_quantile(0.999),
        max: all.max(),
    })
}

/// The shares of what it can take at most at which a system is shown.
pub const SHARES: [f64; 8] = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.1, 1.5];

/// Finds what the system can take by asking [`GROUP`] at a time, the median of three runs after one to warm up, then shows it
/// at [`SHARES`] of that.
///
/// # Errors
/// What the world did.
pub fn curve<S: System>(
    system: &S,
    name: &str,
    clients: &mut [Client<'_>],
    time: Duration,
) -> Result<Vec<Point>, String> {
    // Far more than anything can decide: the clients always ask whole groups.
    let mut most = || at_rate(system, name, clients, 1e9, time / 2).map(|point| point.decided);
    most()?;
    let mut taken = [most()?, most()?, most()?];
    taken.sort_by(f64::total_cmp);
    let most = taken[1];
    SHARES.iter().map(|share| at_rate(system, name, clients, most * share, time)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::{Ask, Link, Shape, Told, Workload};

    /// Decides at once, but one time in a thousand it stalls.
    struct Stalling;

    impl Link for Stalling {
        fn one(&mut self, ask: &Ask<'_>) -> Result<Told, String> {
            if let Ask::Book(request) = ask
                && request.patient.get() % 997 == 0
            {
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(Told::plain(crate::work::Why::Overlap))
        }
    }

    impl System for Stalling {
        type Link<'a> = Self;

        fn publish(&mut self, _: Shape) -> Result<(), String> {
            Ok(())
        }

        fn link(&self) -> Result<Self, String> {
            Ok(Self)
        }

        fn taken(&self) -> Result<Vec<crate::peers::Taken>, String> {
            Ok(Vec::new())
        }
    }

    #[test]
    fn those_who_come_during_a_stall_are_counted_as_waiting() {
        let trace = Workload::Churn.traces(1);
        let mut clients = [Client::new(Workload::Churn, &trace[0])];
        let time = Duration::from_millis(500);
        let point = at_rate(&Stalling, "stalling", &mut clients, 20_000.0, time).expect("it answers");
        let beyond = at_rate(&Stalling, "stalling", &mut clients, 1e9, time / 5).expect("it answers");
        assert!(beyond.is_saturated() && beyond.decided < 1e9, "{beyond:?}");
        // Ten stalls of 20 ms in half a second touch two requests in five; a closed loop would have seen ten of 10,000.
        assert!(point.max >= 20_000_000, "{point:?}");
        assert!(point.p99 >= 5_000_000, "{point:?}");
    }
}

//! The server's clock: the only source of time for every command that comes in.
//!
//! INVARIANT (time never goes back): an instant is never earlier than one that was given before. If the machine's clock is set
//! back, time stands still until it has caught up.

use haoyuan::instant::Instant;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::SystemTime;

/// Tells the time. The default is the machine's clock.
pub struct Clock {
    source: Box<dyn Fn() -> Instant + Send + Sync>,
    /// The last instant that was given, milliseconds.
    last: AtomicI64,
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Clock").field(&self.last).finish()
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::new(|| {
            let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
            Instant::saturating(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
        })
    }
}

impl Clock {
    /// A clock that reads another source: for tests, and for hosts with a time of their own.
    pub fn new(source: impl Fn() -> Instant + Send + Sync + 'static) -> Self {
        Self { source: Box::new(source), last: AtomicI64::new(0) }
    }

    /// The time.
    #[must_use]
    pub fn now(&self) -> Instant {
        let read = (self.source)().ms();
        // Relaxed: the word is alone; that it never falls is what `fetch_max` itself says.
        Instant::saturating(self.last.fetch_max(read, Ordering::Relaxed).max(read))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn time_never_goes_back() {
        let hand = Arc::new(AtomicI64::new(5_000));
        let read = Arc::clone(&hand);
        let clock = Clock::new(move || Instant::saturating(read.load(Ordering::Relaxed)));
        assert_eq!(clock.now().ms(), 5_000);
        hand.store(4_000, Ordering::Relaxed);
        assert_eq!(clock.now().ms(), 5_000);
        hand.store(6_000, Ordering::Relaxed);
        assert_eq!(clock.now().ms(), 6_000);
    }
}

//! The atomics of the engine, in one place that loom can replace.
//!
//! loom has no 128-bit atomic. Under `cfg(loom)` a 128-bit value is interned in a table that only grows, and a loom
//! `AtomicU64` holds its index: two indices are equal exactly if the values are, so loads, stores and
//! compare-and-swaps keep their meaning and loom explores their orderings.

pub(crate) use std::sync::atomic::Ordering;

/// Waits a moment for what another thread is doing.
pub(crate) fn pause(backoff: &crossbeam::utils::Backoff) {
    if cfg!(loom) {
        // loom lets the others run; it would explore a loop that only spins for ever.
        #[cfg(loom)]
        loom::thread::yield_now();
    } else {
        backoff.snooze();
    }
}

#[cfg(not(loom))]
pub(crate) use {portable_atomic::AtomicU128, std::sync::atomic::AtomicU64};

#[cfg(loom)]
pub(crate) use {loom::sync::atomic::AtomicU64, modelled::AtomicU128};

#[cfg(loom)]
mod modelled {
    use super::{AtomicU64, Ordering};
    use std::collections::HashMap;
    use std::sync::{Mutex, OnceLock, PoisonError};

    #[derive(Default)]
    struct Table {
        index: HashMap<u128, u64>,
        value: Vec<u128>,
    }

    fn table() -> std::sync::MutexGuard<'static, Table> {
        static TABLE: OnceLock<Mutex<Table>> = OnceLock::new();
        TABLE.get_or_init(Mutex::default).lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn intern(value: u128) -> u64 {
        let mut table = table();
        if let Some(index) = table.index.get(&value) {
            return *index;
        }
        let index = table.value.len() as u64;
        table.value.push(value);
        table.index.insert(value, index);
        index
    }

    #[expect(clippy::cast_possible_truncation, reason = "indices are small")]
    fn value(index: u64) -> u128 {
        table().value[index as usize]
    }

    #[derive(Debug)]
    pub(crate) struct AtomicU128(AtomicU64);

    impl AtomicU128 {
        pub(crate) fn new(v: u128) -> Self {
            Self(AtomicU64::new(intern(v)))
        }

        pub(crate) fn load(&self, order: Ordering) -> u128 {
            value(self.0.load(order))
        }

        /// An exchange. loom lets a plain store come before or after another thread's exchange that did not read it; but
        /// where that exchange read the very value that this store's thread had seen, the store can only come after
        /// it (an exchange follows what it read without a gap), and modelling it as an exchange says so.
        pub(crate) fn store(&self, v: u128, order: Ordering) {
            let _ = (order, self.0.swap(intern(v), Ordering::AcqRel));
        }

        pub(crate) fn compare_exchange(
            &self,
            current: u128,
            new: u128,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u128, u128> {
            self.0.compare_exchange(intern(current), intern(new), success, failure).map(value).map_err(value)
        }
    }
}

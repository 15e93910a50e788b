//! The atomics of the engine, in one place that loom, or the project's own explorer of interleavings, can replace.
//!
//! Under `cfg(loom)` an atomic that is made while [`crate::explore`] is at work is a place of its memory, and loom's
//! otherwise. loom has no 128-bit atomic: a 128-bit value is interned in a table that only grows, and a loom
//! `AtomicU64` holds its index: two indices are equal exactly if the values are, so loads, stores and
//! compare-and-swaps keep their meaning and loom explores their orderings.

pub(crate) use std::sync::atomic::Ordering;

/// Waits a moment for what another thread is doing.
pub(crate) fn pause(backoff: &crossbeam::utils::Backoff) {
    if cfg!(loom) {
        // Lets the others run: a loop that only spins would be explored for ever.
        #[cfg(loom)]
        if crate::explore::is_on() {
            crate::explore::pause();
        } else {
            loom::thread::yield_now();
        }
    } else {
        backoff.snooze();
    }
}

/// A computation over atomics of which the thread takes along the value and nothing else: so the explorer may forget what was
/// read for it. For everybody else it is the expression itself.
#[cfg(loom)]
macro_rules! summed {
    ($value:expr) => {
        $crate::explore::sum_up(|| $value)
    };
}

#[cfg(not(loom))]
macro_rules! summed {
    ($value:expr) => {
        $value
    };
}

pub(crate) use summed;

#[cfg(loom)]
pub(crate) use crate::explore::Attempts;

/// The attempts of a loop that begins anew when another thread was faster: tells the explorer where it may forget them, and
/// nobody else anything.
#[cfg(not(loom))]
pub(crate) struct Attempts;

#[cfg(not(loom))]
impl Attempts {
    pub(crate) const fn new() -> Self {
        Self
    }

    /// The head of the loop. All that the thread keeps must be as it was at the first of these calls.
    #[expect(clippy::unused_self, reason = "it is the explorer's that keeps something")]
    pub(crate) const fn again(&mut self) {}
}

#[cfg(not(loom))]
pub(crate) use {portable_atomic::AtomicU128, std::sync::atomic::AtomicU64};

#[cfg(loom)]
pub(crate) use modelled::{AtomicU64, AtomicU128};

#[cfg(loom)]
mod modelled {
    use super::Ordering;
    use crate::explore::{self, Access, Place};
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

    #[expect(clippy::cast_possible_truncation, reason = "what was put in has 64 bits")]
    const fn narrow(bits: u128) -> u64 {
        bits as u64
    }

    #[derive(Debug)]
    pub(crate) enum AtomicU64 {
        Loom(loom::sync::atomic::AtomicU64),
        Explored(Place),
    }

    impl AtomicU64 {
        pub(crate) fn new(v: u64) -> Self {
            if explore::is_on() {
                Self::Explored(explore::place(u128::from(v)))
            } else {
                Self::Loom(loom::sync::atomic::AtomicU64::new(v))
            }
        }

        pub(crate) fn load(&self, order: Ordering) -> u64 {
            match self {
                Self::Loom(atomic) => atomic.load(order),
                Self::Explored(place) => match explore::access(*place, Access::Load(order)) {
                    Ok(bits) | Err(bits) => narrow(bits),
                },
            }
        }

        pub(crate) fn store(&self, v: u64, order: Ordering) {
            match self {
                Self::Loom(atomic) => atomic.store(v, order),
                Self::Explored(place) => {
                    let _ = explore::access(*place, Access::Store(u128::from(v), order));
                }
            }
        }

        pub(crate) fn fetch_add(&self, v: u64, order: Ordering) -> u64 {
            match self {
                Self::Loom(atomic) => atomic.fetch_add(v, order),
                Self::Explored(place) => match explore::access(*place, Access::Add(u128::from(v), order)) {
                    Ok(bits) | Err(bits) => narrow(bits),
                },
            }
        }

        pub(crate) fn compare_exchange(
            &self,
            current: u64,
            new: u64,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u64, u64> {
            match self {
                Self::Loom(atomic) => atomic.compare_exchange(current, new, success, failure),
                Self::Explored(place) => {
                    let (current, new) = (u128::from(current), u128::from(new));
                    let exchange = Access::Exchange { current, new, success, failure };
                    explore::access(*place, exchange).map(narrow).map_err(narrow)
                }
            }
        }
    }

    #[derive(Debug)]
    pub(crate) enum AtomicU128 {
        Loom(loom::sync::atomic::AtomicU64),
        Explored(Place),
    }

    impl AtomicU128 {
        pub(crate) fn new(v: u128) -> Self {
            if explore::is_on() {
                Self::Explored(explore::place(v))
            } else {
                Self::Loom(loom::sync::atomic::AtomicU64::new(intern(v)))
            }
        }

        pub(crate) fn load(&self, order: Ordering) -> u128 {
            match self {
                Self::Loom(atomic) => value(atomic.load(order)),
                Self::Explored(place) => match explore::access(*place, Access::Load(order)) {
                    Ok(bits) | Err(bits) => bits,
                },
            }
        }

        /// For loom an exchange. loom lets a plain store come before or after another thread's exchange that did not read
        /// it; but where that exchange read the very value that this store's thread had seen, the store can only come
        /// after it (an exchange follows what it read without a gap), and modelling it as an exchange says so.
        pub(crate) fn store(&self, v: u128, order: Ordering) {
            match self {
                Self::Loom(atomic) => {
                    atomic.swap(intern(v), Ordering::AcqRel);
                }
                Self::Explored(place) => {
                    let _ = explore::access(*place, Access::Store(v, order));
                }
            }
        }

        pub(crate) fn compare_exchange(
            &self,
            current: u128,
            new: u128,
            success: Ordering,
            failure: Ordering,
        ) -> Result<u128, u128> {
            match self {
                Self::Loom(atomic) => atomic
                    .compare_exchange(intern(current), intern(new), success, failure)
                    .map(value)
                    .map_err(value),
                Self::Explored(place) => {
                    explore::access(*place, Access::Exchange { current, new, success, failure })
                }
            }
        }
    }
}

//! Handles: numbers that name an open registry, and nothing once it is closed.
//!
//! INVARIANT (no pointer in a number): a handle is compared, never followed. It has a place and a generation, and every
//! number but the one that was given out last for its place is `INVALID_HANDLE`: closed, doubled, foreign or made up.
//!
//! A slot goes empty, open, closing, empty. Its number is set last when it opens and taken first when it closes, so whoever
//! finds the number, after announcing it, finds the registry, and whoever closes waits for all who announced it.

use crate::here;
use crate::log::Log;
use crate::status::Status;
use haoyuan::Registry;
use std::cell::UnsafeCell;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

/// The most registries open at once in one process: eight bits of a handle, and 0 is none.
const HANDLES_MAX: usize = crate::codes::HAOYUAN_HANDLES_MAX as usize;

const USABLE: u8 = 0;
const BUSY: u8 = 1;
const POISONED: u8 = 2;

/// What a handle stands for.
pub(crate) struct Open {
    registry: UnsafeCell<Registry>,
    /// `USABLE`, or why not. Written by snapshots and by caught panics.
    state: AtomicU8,
    pub(crate) log: Log,
    /// Panics that were caught.
    panics: AtomicU64,
}

// SAFETY: the registry is shared as `&Registry`, which is `Sync`; `&mut` is given out by `alone` only, which has waited until no
// other call is inside and keeps new ones out.
unsafe impl Sync for Open {}

struct Slot {
    /// The handle; 0 while the slot is not open.
    handle: AtomicU64,
    open: UnsafeCell<Option<Box<Open>>>,
    /// How often it was opened. Written by whoever has the lock of `FREE`.
    generation: AtomicU64,
}

// SAFETY: `open` is written only while `handle` is 0 and by one thread (whoever took the slot from the free list, or took the
// handle away and waited for everybody who had announced it), and read only by calls that announced the handle and found it.
unsafe impl Sync for Slot {}

static SLOTS: [Slot; HANDLES_MAX] = [const {
    Slot { handle: AtomicU64::new(0), open: UnsafeCell::new(None), generation: AtomicU64::new(0) }
}; HANDLES_MAX];

/// Slots that are not open. `None` until the first one is asked for.
static FREE: parking_lot::Mutex<Option<Vec<usize>>> = parking_lot::Mutex::new(None);

/// 56 bits of a generation that look like no pointer and no small number, and the place.
fn number(place: usize, generation: u64) -> u64 {
    // An odd factor: different generations stay different.
    let mixed = generation.wrapping_mul(0x9e37_79b9_7f4a_7c15) & ((1 << 56) - 1);
    mixed << 8 | (place as u64 + 1)
}

fn slot_of(handle: u64) -> Option<&'static Slot> {
    // At most 255, so that it fits any index.
    let place = (handle & 0xff) as usize;
    SLOTS.get(place.wrapping_sub(1))
}

/// Gives a registry a handle, or gives it back.
pub(crate) fn open(registry: Registry, log: Log) -> Result<u64, Box<Registry>> {
    let place = FREE.lock().get_or_insert_with(|| (0..HANDLES_MAX).rev().collect()).pop();
    let Some(place) = place else { return Err(Box::new(registry)) };
    let slot = &SLOTS[place];
    // Relaxed: whoever has taken the place from the list has it alone.
    let generation = slot.generation.load(Ordering::Relaxed) + 1;
    slot.generation.store(generation, Ordering::Relaxed);
    let opened = Box::new(Open {
        registry: UnsafeCell::new(registry),
        state: AtomicU8::new(USABLE),
        log,
        panics: AtomicU64::new(0),
    });
    // SAFETY: the place came from the free list and its handle is 0, so nobody else reads or writes it.
    unsafe { *slot.open.get() = Some(opened) };
    let handle = number(place, generation);
    // Release: whoever finds the handle finds the registry.
    slot.handle.store(handle, Ordering::Release);
    Ok(handle)
}

/// Runs `body` with what the handle stands for. While it runs, nobody closes it.
#[inline]
pub(crate) fn with<R>(handle: u64, body: impl FnOnce(&Open) -> Result<R, Status>) -> Result<R, Status> {
    let Some(slot) = slot_of(handle) else { return Err(invalid(handle)) };
    let answer = here::using(handle, || {
        // Acquire: pairs with the Release of `open`.
        if slot.handle.load(Ordering::Acquire) != handle {
            return Err(Status::InvalidHandle);
        }
        // SAFETY: the handle was announced before it was found here, so whoever closes it waits for this call to end.
        let open = unsafe { &*slot.open.get() };
        open.as_deref().map_or(Err(Status::InvalidHandle), body)
    });
    answer.unwrap_or(Err(Status::Reentered))
}

#[cold]
fn invalid(handle: u64) -> Status {
    here::using(handle, || ()).map_or(Status::Reentered, |()| Status::InvalidHandle)
}

/// Takes the registry of a handle out, once every call that uses it has ended.
pub(crate) fn take(handle: u64) -> Result<Box<Open>, Status> {
    let Some(slot) = slot_of(handle) else { return Err(invalid(handle)) };
    // The announcement keeps callbacks that this thread is in from closing, and is not waited for below.
    let taken = here::using(here::ELSEWHERE, || {
        // Of several that close one finds the handle. A handle is never 0: the place counts from 1.
        slot.handle
            .compare_exchange(handle, 0, Ordering::AcqRel, Ordering::Relaxed)
            .map_err(|_| Status::InvalidHandle)
    });
    taken.unwrap_or(Err(Status::Reentered))?;
    here::wait_for_others(handle);
    // SAFETY: this thread took the handle away and everybody who had announced it is gone; the place is not on the free list.
    let open = unsafe { (*slot.open.get()).take() };
    FREE.lock().get_or_insert_default().push((handle & 0xff) as usize - 1);
    open.ok_or(Status::InvalidHandle)
}

/// How many handles are open.
pub(crate) fn count() -> usize {
    SLOTS.iter().filter(|slot| slot.handle.load(Ordering::Relaxed) != 0).count()
}

impl Open {
    /// The registry, for a call that may run beside others.
    #[inline]
    pub(crate) fn registry(&self) -> Result<&Registry, Status> {
        // Acquire: pairs with the Release that ends a snapshot.
        match self.state.load(Ordering::Acquire) {
            // SAFETY: this call announced its handle before it found the state usable, so that `alone` waits for it.
            USABLE => Ok(unsafe { &*self.registry.get() }),
            BUSY => Err(Status::Busy),
            _ => Err(Status::Poisoned),
        }
    }

    /// Runs `body` with the registry to itself; other calls are told `BUSY` meanwhile. The caller announced `handle`.
    pub(crate) fn alone<R>(&self, handle: u64, body: impl FnOnce(&mut Registry) -> R) -> Result<R, Status> {
        match self.state.compare_exchange(USABLE, BUSY, Ordering::AcqRel, Ordering::Relaxed) {
            Ok(_) => {}
            Err(BUSY) => return Err(Status::Busy),
            Err(_) => return Err(Status::Poisoned),
        }
        here::wait_for_others(handle);
        let usable = Usable(&self.state);
        // SAFETY: the state keeps new calls out, and those that were inside have ended.
        let answer = body(unsafe { &mut *self.registry.get() });
        drop(usable);
        Ok(answer)
    }

    /// From now on the handle can only be closed.
    pub(crate) fn poison(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
        self.state.store(POISONED, Ordering::Release);
    }

    pub(crate) fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    pub(crate) fn is_poisoned(&self) -> bool {
        self.state.load(Ordering::Acquire) == POISONED
    }

    pub(crate) fn into_parts(self) -> (Registry, Log) {
        (self.registry.into_inner(), self.log)
    }
}

/// Ends a snapshot, also one that panics.
struct Usable<'a>(&'a AtomicU8);

impl Drop for Usable<'_> {
    fn drop(&mut self) {
        // A panic poisons after this; a call that slips in between finds a registry that a `&mut` was taken of and ended.
        let _ = self.0.compare_exchange(BUSY, USABLE, Ordering::Release, Ordering::Relaxed);
    }
}

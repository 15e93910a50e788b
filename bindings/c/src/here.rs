//! What this thread is doing: which handle its call uses, and what it was told last.
//!
//! INVARIANT (one call at a time): a thread is inside at most one call that uses a handle. Callbacks count as inside, so
//! whatever they call with a handle is answered `REENTERED` and touches nothing.
//!
//! A call announces its handle in a word of its own thread, and whoever closes looks through the words of all threads. That
//! is what makes closing safe without a counter that all threads would write: announcing costs a store, closing a barrier.

use haoyuan::said::Said;
use parking_lot::Mutex;
use std::cell::{Cell, RefCell};
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, compiler_fence, fence};

/// In a callback, or in a call without a handle.
pub(crate) const ELSEWHERE: u64 = u64::MAX;

/// A thread as others see it. On a cache line of its own.
#[repr(align(128))]
pub(crate) struct Here {
    /// The handle of the call that is under way; 0 if none is. Written by the thread, read by whoever closes.
    using: AtomicU64,
}

/// Every thread that has ever called and is still there.
static ALL: Mutex<Vec<Arc<Here>>> = Mutex::new(Vec::new());

thread_local! {
    /// The thread's own, for as long as `LEAVE` keeps it alive.
    static HERE: Cell<*const Here> = const { Cell::new(ptr::null()) };
    static LEAVE: RefCell<Option<Leave>> = const { RefCell::new(None) };
    static ERROR: RefCell<Said> = const { RefCell::new(Said { en: String::new(), zh: String::new() }) };
    static ANSWER: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Takes the thread off the list when it ends.
struct Leave(Arc<Here>);

impl Drop for Leave {
    fn drop(&mut self) {
        HERE.set(ptr::null());
        ALL.lock().retain(|here| !Arc::ptr_eq(here, &self.0));
    }
}

/// Whether the kernel can make all threads pass a barrier at once; decided before the first handle is given out.
static ONE_SIDED: AtomicBool = AtomicBool::new(false);

/// Asks the kernel for its barrier. Where there is none, every call pays for one.
pub(crate) fn prepare_barrier() {
    #[cfg(target_os = "linux")]
    {
        use rustix::thread::{MembarrierCommand as Barrier, membarrier, membarrier_query};
        // A barrier that is not there, or is forbidden by a sandbox, is not an error.
        let is_there = membarrier_query().contains_command(Barrier::PrivateExpedited)
            && membarrier(Barrier::RegisterPrivateExpedited).is_ok();
        if is_there {
            // Relaxed: whoever has a handle got it from a thread that had called this before.
            ONE_SIDED.store(true, Ordering::Relaxed);
        }
    }
}

/// The caller's side: what this thread announced before is visible to a closer, or it sees what the closer did.
#[inline]
fn light() {
    if ONE_SIDED.load(Ordering::Relaxed) { compiler_fence(Ordering::SeqCst) } else { fence(Ordering::SeqCst) }
}

/// The closer's side of the same.
fn heavy() {
    fence(Ordering::SeqCst);
    #[cfg(target_os = "linux")]
    if ONE_SIDED.load(Ordering::Relaxed) {
        // It was registered, so it cannot fail; and if it did, waiting a moment is all that could be done.
        if rustix::thread::membarrier(rustix::thread::MembarrierCommand::PrivateExpedited).is_err() {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

/// The end of a call takes its announcement back, also when the call panics.
pub(crate) struct Using<'a> {
    here: &'a Here,
    before: u64,
}

impl Drop for Using<'_> {
    #[inline]
    fn drop(&mut self) {
        // Release: what the call read and wrote happened before whoever closes sees that it is over.
        self.here.using.store(self.before, Ordering::Release);
    }
}

/// This thread's record for the duration of `body`.
#[inline]
fn with<R>(body: impl FnOnce(&Here) -> R) -> R {
    let here = HERE.get();
    if here.is_null() {
        return with_new(body);
    }
    // SAFETY: the pointer is that of the `Arc` in `LEAVE`, which sets it to null before it lets the `Arc` go, and `body` runs
    // on this thread, so that it cannot be let go meanwhile.
    body(unsafe { &*here })
}

#[cold]
fn with_new<R>(body: impl FnOnce(&Here) -> R) -> R {
    let here = Arc::new(Here { using: AtomicU64::new(0) });
    ALL.lock().push(Arc::clone(&here));
    // A thread that is ending keeps nothing any more: its last calls are announced one by one.
    let kept = LEAVE.try_with(|leave| {
        if let Ok(mut leave) = leave.try_borrow_mut() {
            *leave = Some(Leave(Arc::clone(&here)));
            HERE.set(Arc::as_ptr(&here));
            true
        } else {
            false
        }
    });
    let answer = body(&here);
    if !kept.unwrap_or(false) {
        ALL.lock().retain(|other| !Arc::ptr_eq(other, &here));
    }
    answer
}

/// Announces a handle and runs `body`, unless a call is under way: then `None`.
#[inline]
pub(crate) fn using<R>(handle: u64, body: impl FnOnce() -> R) -> Option<R> {
    with(|here| {
        // Relaxed: written by this thread alone.
        if here.using.load(Ordering::Relaxed) != 0 {
            return None;
        }
        here.using.store(handle, Ordering::Relaxed);
        let _using = Using { here, before: 0 };
        light();
        Some(body())
    })
}

/// Runs `body` as something that uses no handle, inside whatever is under way.
pub(crate) fn elsewhere<R>(body: impl FnOnce() -> R) -> R {
    with(|here| {
        let before = here.using.load(Ordering::Relaxed);
        if before == 0 {
            here.using.store(ELSEWHERE, Ordering::Relaxed);
        }
        let _using = Using { here, before };
        body()
    })
}

/// Whether this thread is inside a call or a callback.
pub(crate) fn is_inside() -> bool {
    let here = HERE.try_with(Cell::get).unwrap_or(ptr::null());
    // SAFETY: as in `with`.
    !here.is_null() && unsafe { &*here }.using.load(Ordering::Relaxed) != 0
}

/// Waits until no other thread uses the handle. From now on none begins to: that is the caller's to arrange before.
pub(crate) fn wait_for_others(handle: u64) {
    heavy();
    let mine = HERE.get();
    let mut rounds = 0u32;
    loop {
        // Acquire: pairs with the Release of `Using`.
        let in_use = ALL
            .lock()
            .iter()
            .any(|here| !ptr::eq(Arc::as_ptr(here), mine) && here.using.load(Ordering::Acquire) == handle);
        if !in_use {
            return;
        }
        rounds += 1;
        if rounds < 64 {
            std::thread::yield_now();
        } else {
            std::thread::sleep(std::time::Duration::from_micros(200));
        }
    }
}

/// Keeps the text of an error for `haoyuan_last_error`.
#[cold]
pub(crate) fn set_error(said: Said) {
    // A thread that is ending has nobody to ask for it.
    let _ = ERROR.try_with(|error| {
        if let Ok(mut error) = error.try_borrow_mut() {
            *error = said;
        }
    });
}

/// The text of this thread's last error.
pub(crate) fn error() -> Said {
    ERROR
        .try_with(|error| error.try_borrow().map_or_else(|_| Said::default(), |error| error.clone()))
        .unwrap_or_default()
}

/// Keeps an answer for `haoyuan_last_answer`; `None` forgets it.
pub(crate) fn keep_answer(answer: Option<String>) {
    let _ = ANSWER.try_with(|kept| {
        if let Ok(mut kept) = kept.try_borrow_mut() {
            *kept = answer;
        }
    });
}

/// The answer that was kept.
pub(crate) fn answer() -> Option<String> {
    ANSWER.try_with(|kept| kept.try_borrow().map_or(None, |kept| kept.clone())).unwrap_or(None)
}

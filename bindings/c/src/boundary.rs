//! The boundary: nothing but a number comes out of a function, and no panic crosses it.
//!
//! INVARIANT (no panic leaves): every export that does anything runs in [`call`], [`call_open`] or [`free`]. A panic under a handle poisons it, is written to
//! its log with the place, and comes out as `PANICKED`; standard error stays empty.

use crate::codes::HAOYUAN_LOG_ERROR;
use crate::here;
use crate::slab::{self, Open};
use crate::status::Status;
use haoyuan::Registry;
use haoyuan::said;
use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Once;

thread_local! {
    /// The message and place of the panic that is being caught.
    static PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

static HOOK: Once = Once::new();

/// Panics inside the boundary are kept for the log instead of being printed. Others, of a program that links this library into
/// itself, go where they went.
pub(crate) fn catch_panics() {
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if here::is_inside() {
                let text = panic.to_string();
                let _ = PANIC.try_with(|kept| kept.try_borrow_mut().map(|mut kept| *kept = text));
            } else {
                before(panic);
            }
        }));
    });
}

fn take_panic() -> String {
    PANIC
        .try_with(|kept| kept.try_borrow_mut().map(|mut kept| std::mem::take(&mut *kept)).unwrap_or_default())
        .unwrap_or_default()
}

/// Runs a call under a handle.
#[inline]
pub(crate) fn call<R>(handle: u64, body: impl FnOnce(&Registry) -> Result<R, Status>) -> Result<R, Status> {
    slab::with(handle, |open| {
        let registry = open.registry()?;
        catch(open, || body(registry))
    })
}

/// The same for what needs more than the registry.
pub(crate) fn call_open<R>(handle: u64, body: impl FnOnce(&Open) -> Result<R, Status>) -> Result<R, Status> {
    slab::with(handle, |open| catch(open, || body(open)))
}

#[inline]
fn catch<R>(open: &Open, body: impl FnOnce() -> Result<R, Status>) -> Result<R, Status> {
    // What a panic leaves half done is behind a poisoned handle.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(answer) => answer,
        Err(payload) => Err(panicked(open, payload)),
    }
}

#[cold]
fn panicked(open: &Open, payload: Box<dyn std::any::Any + Send>) -> Status {
    open.poison();
    let said = said!(
        "the library made a mistake; close this registry: {panic}",
        "库内部错误,请关闭该句柄:{panic}",
        panic = take_panic()
    );
    open.log.write(HAOYUAN_LOG_ERROR, &said.en);
    here::set_error(said);
    // A payload can have a destructor, and that may panic as well.
    if catch_unwind(AssertUnwindSafe(|| drop(payload))).is_err() {
        open.log.write(HAOYUAN_LOG_ERROR, "and once more while cleaning up");
    }
    Status::Panicked
}

/// Runs what needs no handle.
pub(crate) fn free(body: impl FnOnce() -> Result<i32, Status>) -> i32 {
    here::elsewhere(|| match catch_unwind(AssertUnwindSafe(body)) {
        Ok(answer) => answer.unwrap_or_else(Status::number),
        Err(payload) => {
            here::set_error(said!(
                "the library made a mistake: {panic}",
                "库内部错误:{panic}",
                panic = take_panic()
            ));
            // Not even this may leave.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(payload)));
            Status::Panicked.number()
        }
    })
}

/// The number of an answer that has no more to say.
#[inline]
pub(crate) fn number(answer: Result<i32, Status>) -> i32 {
    answer.unwrap_or_else(Status::number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Log;
    use haoyuan::Options;
    use std::ffi::{c_char, c_void};
    use std::process::Command;
    use std::sync::Mutex;

    static HEARD: Mutex<Vec<(i32, String)>> = Mutex::new(Vec::new());

    unsafe extern "C" fn hear(_: *mut c_void, level: i32, text: *const c_char, length: usize) {
        // SAFETY: the duty of the library as the caller: so many bytes, for as long as this runs.
        let bytes = unsafe { std::slice::from_raw_parts(text.cast::<u8>(), length) };
        HEARD.lock().unwrap().push((level, String::from_utf8(bytes.to_vec()).unwrap()));
    }

    /// Runs in a process of its own: what it writes to standard error is looked at by the test below.
    #[test]
    fn a_panic_is_caught_told_and_poisons_its_handle_only() {
        catch_panics();
        here::prepare_barrier();
        let open = || {
            slab::open(Registry::in_memory(&Options::default()), Log::new(Some(hear), std::ptr::null_mut()))
        };
        let (handle, other) = (open().unwrap(), open().unwrap());
        let broken: Result<(), Status> = call(handle, |_| panic!("a fault was asked for"));
        assert_eq!(broken, Err(Status::Panicked));
        assert_eq!(call(handle, |_| Ok(())), Err(Status::Poisoned));
        assert_eq!(call_open(handle, |open| open.alone(handle, |_| ())), Err(Status::Poisoned));
        assert_eq!(call_open(handle, |open| Ok(open.panics())), Ok(1));
        assert_eq!(call(other, |_| Ok(())), Ok(()));
        let heard = HEARD.lock().unwrap().clone();
        assert_eq!(heard.len(), 1);
        assert_eq!(u32::try_from(heard[0].0), Ok(HAOYUAN_LOG_ERROR));
        assert!(
            heard[0].1.contains("a fault was asked for") && heard[0].1.contains("boundary.rs:"),
            "{heard:?}"
        );
        assert_eq!(free(|| panic!("and without a handle")), Status::Panicked.number());
        assert!(here::error().en.contains("and without a handle"));
        assert_eq!(crate::haoyuan_close(handle), 0);
        assert_eq!(crate::haoyuan_close(handle), Status::InvalidHandle.number());
        assert_eq!(crate::haoyuan_close(other), 0);
    }

    #[test]
    fn nothing_of_a_caught_panic_is_written_to_standard_error() {
        let test = "boundary::tests::a_panic_is_caught_told_and_poisons_its_handle_only";
        let program = std::env::current_exe().unwrap();
        let ran = Command::new(program).args(["--exact", test, "--nocapture"]).output().unwrap();
        assert!(ran.status.success() && String::from_utf8_lossy(&ran.stdout).contains("1 passed"));
        assert_eq!(String::from_utf8_lossy(&ran.stderr), "");
    }
}

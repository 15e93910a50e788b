//! Where the host wants to read what happens beside its calls.

use crate::here;
use crate::types::haoyuan_log_t;
use std::ffi::{c_char, c_void};

/// The host's callback and its context, or nothing.
#[derive(Clone, Copy)]
pub(crate) struct Log {
    call: haoyuan_log_t,
    context: *mut c_void,
}

// SAFETY: the context is never followed here; that the host's callback may be called with it from any thread is its documented
// duty (`haoyuan_options_t::log`).
unsafe impl Send for Log {}
// SAFETY: as above.
unsafe impl Sync for Log {}

impl Log {
    pub(crate) const fn new(call: haoyuan_log_t, context: *mut c_void) -> Self {
        Self { call, context }
    }

    pub(crate) fn write(self, level: u32, text: &str) {
        let Some(call) = self.call else { return };
        // The levels are 1 to 3.
        let level = i32::try_from(level).unwrap_or(i32::MAX);
        here::elsewhere(|| {
            // SAFETY: the host's duty (`haoyuan_options_t::log`): the callback can be called from any thread until the registry is
            // closed, does not unwind, and reads no more than the length. The text lives until it returns.
            unsafe { call(self.context, level, text.as_ptr().cast::<c_char>(), text.len()) };
        });
    }
}

//! Retiring sessions that are over: they leave the engine and its snapshots, and stay in the trace.
//!
//! INVARIANT (nobody's answer changes): a session is retired only when no rule of any session that was ever published lets what
//! was booked in it count against what can still be asked for. From then on it is unknown, as if it had never been published;
//! its numbers and those of its blocks and bookings are never used again.

use crate::Engine;
use crate::fact::Trace;
use haoyuan_core::ids::SessionId;
use haoyuan_core::instant::{Day, Instant};
use std::sync::{Arc, OnceLock};

/// So many days after its day a session is over, whatever it is: it may cross midnight, and what happened in it is put right the
/// day after.
const OVER: i32 = 2;

impl<T: Trace> Engine<T> {
    /// Retires every session that is over at `at` and counts for nothing any more; which. Its holds and bookings, names and places
    /// in the calendar are forgotten; commands on them are refused as `UNKNOWN_SESSION` and `UNKNOWN_BOOKING`.
    ///
    /// Takes the administration lock; never blocks a decision. O(sessions of the past × rules).
    pub fn retire(&self, at: Instant) -> Vec<SessionId> {
        let _one = self.admin.lock();
        let today = at.day();
        let is_over = |day: Day| {
            today.0 - day.0 >= OVER
                && !self.rules.iter().map_while(OnceLock::get).any(|rules| rules.reaches(day, today))
        };
        let calendar = self.calendar.read();
        let past = calendar.days.range(..today).filter(|(day, _)| is_over(**day));
        let mut over: Vec<SessionId> =
            past.flat_map(|(_, sessions)| sessions).filter_map(|(_, id)| SessionId::new(*id)).collect();
        drop(calendar);
        over.sort_unstable();
        if !over.is_empty() {
            self.trace.retired(&over, at);
        }
        for id in &over {
            self.forget(*id);
        }
        over
    }

    /// Applies a retirement that was recorded; one that was applied before changes nothing.
    pub fn replay_retired(&self, id: SessionId) {
        let _one = self.admin.lock();
        self.forget(id);
    }

    /// Under the administration lock.
    fn forget(&self, id: SessionId) {
        let Some(view) = self.session(id) else { return };
        // First the words: from here on every look-up says that there is no such session.
        self.sessions[id.index()].retire();
        self.codes.remove(&view.code);
        if let Some(name) = self.names.write().get_mut(id.index()) {
            *name = (Arc::from(""), view.published, 0);
        }
        let mut calendar = self.calendar.write();
        let day = view.time.from.day();
        if let Some(sessions) = calendar.days.get_mut(&day) {
            sessions.retain(|(_, number)| *number != id.get());
            if sessions.is_empty() {
                calendar.days.remove(&day);
            }
        }
    }
}

//! Two keys that turn out to be one person's: what stands under the key that is given up counts for the key that stays.
//!
//! INVARIANT (one person, one set of rules): once two keys are merged, the one that was given up claims nothing, and every claim
//! of the one that stays is held against what stands under both. Nothing is taken away: a booking stays its key's, and is
//! confirmed, cancelled and listed only there.
//!
//! Entries are copied from one chain to the other, so that a claim walks over one chain as before and nobody who was never
//! merged pays. No fact, and nothing of a snapshot: the host records its reason, and says it again after a restart, in order.

use crate::Engine;
use crate::fact::Trace;
use crate::memory::MERGED;
use crate::patients::{Entry, EntryKind, Gate, Number, Reserved};
use crate::portfolio::{LiveBooking, Own, Portfolio};
use crate::suspension::BLOCKED;
use haoyuan_core::ids::{BookingId, PatientKey};
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::{Code, Refusal};

impl<T: Trace> Engine<T> {
    /// Two keys are one person's: `given_up` is [blocked](crate::Suspension::Blocked), and what stands under it, its own or
    /// merged into it before, counts from now on in every rule about `stays`. Gives back what stands under both at `at`.
    ///
    /// Nothing is booked under a blocked key, so that nothing is missed that comes later; who lifts the block says this again.
    /// Saying it again changes nothing else.
    ///
    /// Waits while a command of either key is being decided. Linearizes when the gates open: until then commands of either key
    /// are told `CONCURRENT_REQUEST`, so that nobody sees one key merged and the other not yet.
    ///
    /// # Errors
    /// `ENGINE_FULL` if there is no room for the keys or for what is copied; nothing was changed.
    pub fn merge(
        &self,
        given_up: PatientKey,
        stays: PatientKey,
        at: Instant,
    ) -> Result<Vec<LiveBooking>, Refusal> {
        let full = Refusal::plain(Code::EngineFull);
        let from = self.patients.enter(given_up).ok_or(full)?;
        let into = self.patients.enter(stays).ok_or(full)?;

        let (mut other, mut gate) = self.both(from, into);
        let (mut theirs, mut own) = (Portfolio::default(), Portfolio::default());
        if let Some(other) = &mut other {
            self.gather(other, at, &mut theirs);
        }
        self.gather(&mut gate, at, &mut own);
        let known = |booking: &BookingId| own.ids().any(|other| other == *booking);
        let copied: Vec<BookingId> = theirs.ids().filter(|booking| !known(booking)).collect();
        let cells: Option<Vec<u32>> = {
            let reserved: Option<Vec<Reserved<'_>>> = copied.iter().map(|_| gate.reserve()).collect();
            reserved.and_then(|reserved| reserved.into_iter().map(Reserved::take).collect())
        };
        let cells = cells.ok_or(full)?;

        // From here it must succeed.
        for (booking, cell) in copied.iter().zip(cells) {
            let (kind, details) = (EntryKind::Live, MERGED);
            gate.push(cell, &Entry { kind, booking: booking.get(), fingerprint: 0, command: 0, details });
        }
        other.as_mut().unwrap_or(&mut gate).suspended = BLOCKED;
        let others = theirs.live.iter().filter(|own| copied.contains(&own.booking));
        let all = own.live.iter().chain(others);
        let listed = Self::listed(all.filter_map(|Own { booking, .. }| self.live_booking(*booking, at)));
        // The key that stays comes first: whoever is told that the other was given up finds there what stood under it.
        drop(gate);
        drop(other);
        Ok(listed)
    }

    /// The gates of two keys, the second of them also where both are one key. Nobody else waits with a gate in hand, and here
    /// the lower number comes first, so that two merges that cross do not wait for each other.
    fn both(&self, from: Number, into: Number) -> (Option<Gate<'_>>, Gate<'_>) {
        if from < into {
            let other = self.patients.wait(from);
            return (Some(other), self.patients.wait(into));
        }
        let gate = self.patients.wait(into);
        ((from != into).then(|| self.patients.wait(from)), gate)
    }
}

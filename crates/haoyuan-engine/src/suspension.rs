//! The suspended right to book online (黑名单, 限制名单), kept in the patient's gate so that a claim reads it for nothing.
//!
//! INVARIANT (derived): a suspension follows from what the host has counted; it is in no fact, no snapshot and no state hash,
//! and the host sets it again after a replay.

use crate::Engine;
use crate::fact::Trace;
use haoyuan_core::ids::PatientKey;
use haoyuan_core::instant::{Instant, SECOND};
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::terms::Channel;

/// A right to book that is withheld.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suspension {
    /// No online channel until this instant, exclusive; window, kiosk and doctor's station stay open.
    Until(Instant),
    /// No channel: two identities of one person were merged and had broken a rule together.
    Blocked,
}

/// In the gate: no channel.
pub(crate) const BLOCKED: u32 = u32::MAX;

impl Suspension {
    /// As in the gate: seconds since 1970, rounded up.
    fn pack(self) -> u32 {
        match self {
            // 42 bits of milliseconds end in 2109, 32 bits of seconds in 2106: what is later ends there.
            Self::Until(until) => u32::try_from((until.ms() + SECOND - 1) / SECOND)
                .map_or(BLOCKED - 1, |seconds| seconds.clamp(1, BLOCKED - 1)),
            Self::Blocked => BLOCKED,
        }
    }

    fn unpack(bits: u32) -> Option<Self> {
        match bits {
            0 => None,
            BLOCKED => Some(Self::Blocked),
            seconds => Some(Self::Until(Instant::saturating(i64::from(seconds) * SECOND))),
        }
    }
}

/// Refuses a claim of a patient whose gate carries a suspension.
#[cold]
#[inline(never)]
pub(crate) fn check_suspension(bits: u32, channel: Channel, at: Instant) -> Result<(), Refusal> {
    match Suspension::unpack(bits) {
        Some(Suspension::Blocked) => Err(Refusal::plain(Code::IdentityMerged)),
        Some(Suspension::Until(until)) if channel.is_online() && at < until => {
            Err(Refusal::plain(Code::Suspended).from(until))
        }
        _ => Ok(()),
    }
}

impl<T: Trace> Engine<T> {
    /// Suspends a patient, replaces a suspension, or (`None`) lifts it. Bookings stay. The end is kept in whole seconds,
    /// rounded up, and not beyond 2106.
    ///
    /// Waits while a command of the patient is being decided. Linearizes when the patient's gate opens.
    ///
    /// # Errors
    /// `ENGINE_FULL` if the patient is new and there is no room.
    pub fn suspend(&self, patient: PatientKey, suspension: Option<Suspension>) -> Result<(), Refusal> {
        let mut gate = match suspension {
            Some(_) => self.patients.admit_waiting(patient).map_err(Refusal::plain)?,
            None => match self.patients.find(patient) {
                Some(number) => self.patients.wait(number),
                None => return Ok(()),
            },
        };
        gate.suspended = suspension.map_or(0, Suspension::pack);
        Ok(())
    }

    /// The suspension of a patient, whether or not its end has come. Wait-free; linearizes at a load of the patient's gate.
    #[must_use]
    pub fn suspension(&self, patient: PatientKey) -> Option<Suspension> {
        Suspension::unpack(self.patients.suspended(self.patients.find(patient)?))
    }
}

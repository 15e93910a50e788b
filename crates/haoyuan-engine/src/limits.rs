//! How much an engine can hold: chosen once, at construction; nothing grows afterwards.

use haoyuan_core::ids::{BlockId, SessionId};

/// The sizes of an engine. Memory is reserved at construction: 16 bytes a seat, 32 a block, 32 a session, 43 a
/// patient, 32 an entry; pages that are never used cost address space only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Blocks (slots, or small sessions that are one block): at most 2^24.
    pub blocks: u32,
    /// Seats, at the largest slot capacity of each session.
    pub seats: u32,
    /// Sessions: at most 2^24.
    pub sessions: u32,
    /// Different pool trees, and different sets of rules: at most 2^20. Sessions of the same shape share them.
    pub shapes: u32,
    /// Patients who have ever been granted or refused a seat that was free.
    pub patients: u32,
    /// Entries behind the patients: one for each live booking after a patient's first, for each ticket, and for each
    /// remembered command that carries a key: at most 2^28.
    pub entries: u32,
}

impl Limits {
    /// Sizes for about this many published seats: five seats a slot, eight slots a session, every seat booked by
    /// another patient, half of the bookings with keys or tickets; at most what the packed formats have room for.
    #[must_use]
    pub const fn for_seats(seats: u32) -> Self {
        let blocks = seats / 4 + 64;
        let blocks = if blocks > BlockId::MAX { BlockId::MAX } else { blocks };
        Self {
            blocks,
            seats,
            sessions: seats / 16 + 64,
            shapes: 65_536,
            patients: seats.saturating_add(64),
            entries: seats.saturating_add(1_024),
        }
    }

    /// The sizes within the bounds of the packed formats.
    #[must_use]
    pub(crate) const fn clamped(self) -> Self {
        const fn at_most(value: u32, most: u32) -> u32 {
            if value > most { most } else { value }
        }
        Self {
            blocks: at_most(self.blocks, BlockId::MAX),
            seats: self.seats,
            sessions: at_most(self.sessions, SessionId::MAX),
            shapes: at_most(self.shapes, 1 << 20),
            patients: at_most(self.patients, 3 << 29),
            entries: at_most(self.entries, 1 << 28),
        }
    }
}

impl Default for Limits {
    /// A large hospital for a fortnight: 200,000 seats.
    fn default() -> Self {
        Self::for_seats(200_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As much as is asked for, or as the packed formats have; also for so many that a sum would go round the end of its type and
    /// leave next to no room.
    #[test]
    fn there_is_room_for_so_many_seats_however_few_or_many() {
        for seats in [0, 1, 4, 1_000, 200_000, 1 << 26, 1 << 28, u32::MAX - 63, u32::MAX] {
            let limits = Limits::for_seats(seats);
            assert!(
                (1.max(seats / 5).min(BlockId::MAX)..=BlockId::MAX).contains(&limits.blocks),
                "{limits:?}"
            );
            let clamped = limits.clamped();
            assert_eq!(
                (clamped.blocks, clamped.seats, clamped.shapes),
                (limits.blocks, seats, limits.shapes)
            );
            for (got, wanted, most) in [
                (clamped.sessions, seats / 40, SessionId::MAX),
                (clamped.patients, seats, 3 << 29),
                (clamped.entries, seats / 2, 1 << 28),
            ] {
                assert!((1.max(wanted).min(most)..=most).contains(&got), "{clamped:?}");
            }
            // And not many times as much.
            let most = |times, per| u64::from(seats) * times / per + 64;
            assert!(u64::from(limits.blocks) <= most(2, 5), "{limits:?}");
            assert!(u64::from(limits.sessions) <= most(3, 40), "{limits:?}");
        }
        let all = Limits { blocks: u32::MAX, shapes: u32::MAX, ..Limits::default() }.clamped();
        assert_eq!((all.blocks, all.shapes), (BlockId::MAX, 1 << 20));
        assert_eq!(Limits::default(), Limits::for_seats(200_000));
    }
}

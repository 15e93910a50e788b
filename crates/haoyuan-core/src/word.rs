//! The word of a block: everything that a claim must respect, in 128 bits, replaced by one compare-and-swap.
//!
//! ```text
//! bits   0..42   live counters 0..7,  6 bits each     bits  64..106  live counters 7..14, 6 bits each
//! bits  42..48   seat of the last transition          bits 106..128  sequence, high 22 bits
//! bits  48..50   operation of the last transition
//! bits  50..54   flags: stopped, waiting, frozen, resized
//! bits  54..64   sequence, low 10 bits
//! ```
//!
//! INVARIANT (one word, one log entry): the word names the *last* transition (operation, seat, sequence). The seat's
//! own record is brought up to date after the word was replaced, by its owner or by anybody who comes next, and always
//! before the word is replaced again. So at each sequence every seat of the block is exactly known, and the seat that
//! a claim takes is decided by the same compare-and-swap as the claim.
//!
//! INVARIANT (no more than seats): the counters of a word add up to at most 63, because a block has at most 63 seats.
//!
//! INVARIANT (gap-free): every accepted transition raises the sequence by exactly one.
//!
//! INVARIANT (flags are derived): a flag says what administration has decided elsewhere. Setting one is no transition: it
//! leaves the sequence as it is, is in no log, no snapshot and no state hash, and is set again after a replay.

#![expect(clippy::cast_possible_truncation, reason = "fields of a packed word are narrower than their types")]
#![expect(
    clippy::inline_always,
    reason = "the next word is put together in registers, between a load and an exchange"
)]

use crate::ids::{SeatIndex, Sequence};

/// How many live counters a word has: the most bookable nodes a pool tree can have.
pub const COUNTERS: usize = 14;

const FIELD: u32 = 6;
const FIELD_MASK: u64 = 63;
const HALF: usize = 7;
const COUNTER_BITS: u64 = (1 << 42) - 1;
/// Every other field of a half, each with the room of a field above it.
const LANES: u64 = 63 | 63 << 12 | 63 << 24 | 63 << 36;
/// The bit above each field of [`LANES`].
const BORROW: u64 = 64 | 64 << 12 | 64 << 24 | 64 << 36;
const SEAT_SHIFT: u32 = 42;
const OP_SHIFT: u32 = 48;
const FLAG_SHIFT: u32 = 50;
const SEQ_LOW_SHIFT: u32 = 54;
const SEQ_LOW_BITS: u32 = 10;
const SEQ_HIGH_SHIFT: u32 = 42;

const _: () = assert!(COUNTERS == 2 * HALF && FIELD as usize * HALF == 42);
const _: () = assert!(SEQ_LOW_SHIFT + SEQ_LOW_BITS == 64 && SEQ_HIGH_SHIFT + 32 - SEQ_LOW_BITS == 64);

/// A set of counters whose sum can be taken at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CounterSet {
    low: u64,
    high: u64,
}

impl CounterSet {
    /// All counters.
    pub const ALL: Self = Self { low: COUNTER_BITS, high: COUNTER_BITS };

    /// This set and one more counter.
    ///
    /// # Panics
    /// If `counter` is not below [`COUNTERS`].
    #[must_use]
    pub const fn with(mut self, counter: u8) -> Self {
        assert!((counter as usize) < COUNTERS);
        if (counter as usize) < HALF {
            self.low |= FIELD_MASK << (FIELD * counter as u32);
        } else {
            self.high |= FIELD_MASK << (FIELD * (counter as u32 - HALF as u32));
        }
        self
    }

    /// The counter of a set of one.
    #[must_use]
    pub fn only(self) -> Option<u8> {
        (0u8..).take(COUNTERS).find(|counter| self == Self::default().with(*counter))
    }
}

/// A minimum for each counter, laid out so that [`Live::lacks`] finds at once what is missing to all of them: the fields of a half
/// in two words of 12-bit lanes, each with the bit above its field set, from which a subtraction can borrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Minima {
    low: [u64; 2],
    high: [u64; 2],
}

impl Minima {
    /// The counts of `least` are the minima: together at most 63, as the seats of a block are.
    #[must_use]
    pub const fn new(least: Live) -> Self {
        const fn lanes(half: u64) -> [u64; 2] {
            [half & LANES | BORROW, half >> FIELD & LANES | BORROW]
        }
        Self { low: lanes(least.low), high: lanes(least.high) }
    }
}

/// What the last transition of a block did to its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Operation {
    /// It touched no seat: publishing, stopping and other administration.
    None = 0,
    /// The seat was taken, by a hold or a booking.
    Claim = 1,
    /// The seat's hold became a booking.
    Confirm = 2,
    /// The seat was given back: cancelled or expired.
    Release = 3,
}

/// The decision word of one block.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Word(u128);

/// Live (held or booked) seats per bookable node: the part of a word that the rules look at.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Live {
    low: u64,
    high: u64,
}

impl Live {
    /// The live seats of one counter.
    #[must_use]
    pub const fn get(self, counter: u8) -> u8 {
        let half = if (counter as usize) < HALF { self.low } else { self.high };
        let place = if (counter as usize) < HALF { counter as u32 } else { counter as u32 - HALF as u32 };
        (half >> (FIELD * place) & FIELD_MASK) as u8
    }

    /// The same with `seats` live seats at one counter; whoever makes counts by hand sees to it that all together are at most
    /// 63.
    #[must_use]
    pub const fn with(self, counter: u8, seats: u8) -> Self {
        let seats = seats as u64 & FIELD_MASK;
        let mut next = self;
        if (counter as usize) < HALF {
            let place = FIELD * counter as u32;
            next.low = next.low & !(FIELD_MASK << place) | seats << place;
        } else {
            let place = FIELD * (counter as u32 - HALF as u32);
            next.high = next.high & !(FIELD_MASK << place) | seats << place;
        }
        next
    }

    /// The live seats of a set of counters together, without a loop: the halves are added field by field, the fields by one
    /// multiplication. No field overflows, because all counters together are at most 63 (INVARIANT (no more than seats)).
    #[must_use]
    #[inline]
    pub const fn sum(self, set: CounterSet) -> u32 {
        const ONES: u64 = 1 | 1 << 6 | 1 << 12 | 1 << 18 | 1 << 24 | 1 << 30 | 1 << 36;
        let fields = (self.low & set.low) + (self.high & set.high);
        (fields.wrapping_mul(ONES) >> 36 & FIELD_MASK) as u32
    }

    /// Whether any of these counters is above 0.
    #[must_use]
    #[inline]
    pub const fn any(self, set: CounterSet) -> bool {
        self.low & set.low | self.high & set.high != 0
    }

    /// How many seats each counter is below its minimum, without a loop; together no more than the minima, so they can be summed.
    #[must_use]
    #[inline]
    pub const fn lacks(self, minima: &Minima) -> Self {
        const fn lanes(minimum: u64, live: u64) -> u64 {
            let difference = minimum - (live & LANES);
            // The borrowed bit is left where the minimum is not below what is live: all ones there, or none.
            let lacking = difference & BORROW;
            difference & (lacking - (lacking >> FIELD))
        }
        const fn half([even, odd]: [u64; 2], live: u64) -> u64 {
            lanes(even, live) | lanes(odd, live >> FIELD) << FIELD
        }
        let low = half(minima.low, self.low);
        // Few trees have so many pools.
        let high = if matches!(minima.high, [BORROW, BORROW]) { 0 } else { half(minima.high, self.high) };
        Self { low, high }
    }

    /// All live seats of the block.
    #[must_use]
    pub const fn total(self) -> u32 {
        self.sum(CounterSet::ALL)
    }

    /// One seat more at `counter`, or `None` if 63 seats are live.
    #[must_use]
    pub const fn plus(self, counter: u8) -> Option<Self> {
        if self.total() as u64 == FIELD_MASK {
            return None;
        }
        let mut next = self;
        if (counter as usize) < HALF {
            next.low += 1 << (FIELD * counter as u32);
        } else {
            next.high += 1 << (FIELD * (counter as u32 - HALF as u32));
        }
        Some(next)
    }

    /// One seat fewer at `counter`, or `None` if there is none.
    #[must_use]
    pub const fn minus(self, counter: u8) -> Option<Self> {
        if self.get(counter) == 0 {
            return None;
        }
        let mut next = self;
        if (counter as usize) < HALF {
            next.low -= 1 << (FIELD * counter as u32);
        } else {
            next.high -= 1 << (FIELD * (counter as u32 - HALF as u32));
        }
        Some(next)
    }
}

/// A flag of the word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Flag {
    /// Nothing is accepted any more: the hospital has stopped the block.
    Stopped = 0,
    /// Somebody waits; the waitlist is served before anybody else.
    Waiting = 1,
    /// The block's pool tree is being replaced; claims are told to ask again.
    Frozen = 2,
    /// The block's pool tree was replaced after it was published: look it up again for each word.
    Resized = 3,
}

impl Word {
    /// The word with these bits.
    #[must_use]
    pub const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }

    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u128 {
        self.0
    }

    const fn low(self) -> u64 {
        self.0 as u64
    }

    const fn high(self) -> u64 {
        (self.0 >> 64) as u64
    }

    const fn join(low: u64, high: u64) -> Self {
        Self((high as u128) << 64 | low as u128)
    }

    /// The live counters.
    #[must_use]
    pub const fn live(self) -> Live {
        Live { low: self.low() & COUNTER_BITS, high: self.high() & COUNTER_BITS }
    }

    /// The sequence of the last transition; 0 before the first.
    #[must_use]
    pub const fn sequence(self) -> Sequence {
        Sequence(((self.high() >> SEQ_HIGH_SHIFT) << SEQ_LOW_BITS | self.low() >> SEQ_LOW_SHIFT) as u32)
    }

    /// The seat of the last transition; meaningless if its operation is [`Operation::None`].
    #[must_use]
    pub const fn seat(self) -> u8 {
        (self.low() >> SEAT_SHIFT & FIELD_MASK) as u8
    }

    /// The operation of the last transition.
    #[must_use]
    pub const fn operation(self) -> Operation {
        match self.low() >> OP_SHIFT & 3 {
            0 => Operation::None,
            1 => Operation::Claim,
            2 => Operation::Confirm,
            _ => Operation::Release,
        }
    }

    /// Whether `flag` is set.
    #[must_use]
    pub const fn has(self, flag: Flag) -> bool {
        self.low() >> (FLAG_SHIFT + flag as u32) & 1 == 1
    }

    /// Whether any flag is set: one test for the common case.
    #[must_use]
    pub const fn has_flags(self) -> bool {
        self.low() >> FLAG_SHIFT & 15 != 0
    }

    /// The four flags as a number.
    #[must_use]
    pub const fn flags(self) -> u8 {
        (self.low() >> FLAG_SHIFT & 15) as u8
    }

    /// A word for showing: these live counters and flags, and no history. It never replaces the word of a block.
    #[must_use]
    pub const fn shown(live: Live, flags: u8) -> Self {
        Self::join(live.low | (flags as u64 & 15) << FLAG_SHIFT, live.high)
    }

    /// The next word: these live counters, the sequence raised by one, the transition named. `None` at the end of the
    /// sequence.
    #[inline(always)]
    #[must_use]
    pub const fn then(self, live: Live, operation: Operation, seat: u8) -> Option<Self> {
        let sequence = self.sequence().0;
        if sequence == u32::MAX {
            return None;
        }
        let sequence = sequence as u64 + 1;
        let flags = self.low() & (15 << FLAG_SHIFT);
        let low = live.low
            | (seat as u64 & FIELD_MASK) << SEAT_SHIFT
            | (operation as u64) << OP_SHIFT
            | flags
            | sequence << SEQ_LOW_SHIFT;
        let high = live.high | (sequence >> SEQ_LOW_BITS) << SEQ_HIGH_SHIFT;
        Some(Self::join(low, high))
    }

    /// Whether a flag is set that a claim must obey: anything but that the tree was replaced.
    #[must_use]
    pub const fn is_shut(self) -> bool {
        const SHUT: u64 = 1 << Flag::Stopped as u64 | 1 << Flag::Waiting as u64 | 1 << Flag::Frozen as u64;
        self.low() >> FLAG_SHIFT & SHUT != 0
    }

    /// The same word with `flag` set or cleared. Not a transition: the sequence stays.
    #[must_use]
    pub const fn with_flag(self, flag: Flag, set: bool) -> Self {
        let bit = 1 << (FLAG_SHIFT + flag as u32);
        let low = if set { self.low() | bit } else { self.low() & !bit };
        Self::join(low, self.high())
    }

    /// The same word without its flags: what is written down of it.
    #[must_use]
    pub const fn without_flags(self) -> Self {
        Self::join(self.low() & !(15 << FLAG_SHIFT), self.high())
    }

    /// Whether a claim may still be accepted: the last 256 sequences are kept for confirming and releasing what is
    /// live.
    #[must_use]
    pub const fn can_claim(self) -> bool {
        self.sequence().0 < u32::MAX - 256
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries((0..COUNTERS as u8).map(|c| self.get(c))).finish()
    }
}

impl std::fmt::Debug for Word {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Word")
            .field("sequence", &self.sequence().0)
            .field("operation", &self.operation())
            .field("seat", &self.seat())
            .field("live", &self.live())
            .finish_non_exhaustive()
    }
}

const _: () = assert!(SeatIndex::MAX as u64 <= FIELD_MASK);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_flag_is_a_bit_of_its_own_and_all_but_that_of_a_replaced_tree_shut_a_block() {
        let word = Word::default().then(Live::default(), Operation::Claim, 5).unwrap();
        assert_eq!((word.flags(), word.has_flags(), word.is_shut()), (0, false, false));
        for (place, flag) in
            [Flag::Stopped, Flag::Waiting, Flag::Frozen, Flag::Resized].into_iter().enumerate()
        {
            let set = word.with_flag(flag, true);
            assert_eq!((set.flags(), set.has_flags()), (1 << place, true));
            assert_eq!(set.is_shut(), flag != Flag::Resized);
            assert_eq!(Word::from_bits(set.bits()), set);
            assert_eq!(set.bits() ^ word.bits(), 1 << (FLAG_SHIFT as usize + place));
            assert_eq!(set.without_flags(), word);
        }
    }

    #[test]
    fn fields_do_not_touch_each_other() {
        let mut word = Word::default();
        let mut counts = [0u8; COUNTERS];
        let mut rng = 0x9e37_79b9_7f4a_7c15_u64;
        for step in 1..=20_000u32 {
            rng ^= rng << 13;
            rng ^= rng >> 7;
            rng ^= rng << 17;
            let counter = (rng % COUNTERS as u64) as u8;
            let seat = (rng >> 8) as u8 % 63;
            let (live, operation) = if rng >> 40 & 1 == 0 {
                match word.live().plus(counter) {
                    Some(live) => {
                        counts[counter as usize] += 1;
                        (live, Operation::Claim)
                    }
                    None => (word.live(), Operation::Confirm),
                }
            } else {
                match word.live().minus(counter) {
                    Some(live) => {
                        counts[counter as usize] -= 1;
                        (live, Operation::Release)
                    }
                    None => (word.live(), Operation::None),
                }
            };
            word = word.then(live, operation, seat).unwrap();
            assert_eq!((word.sequence().0, word.seat(), word.operation()), (step, seat, operation));
            let mut set = CounterSet::default();
            let mut expected = 0;
            for c in 0..COUNTERS as u8 {
                assert_eq!(word.live().get(c), counts[c as usize]);
                if rng >> (c + 20) & 1 == 1 {
                    set = set.with(c);
                    expected += u32::from(counts[c as usize]);
                }
            }
            assert_eq!(word.live().sum(set), expected);
            assert!(!word.has_flags());
        }
    }

    #[test]
    fn a_shown_word_has_the_counters_and_flags_it_was_made_from() {
        let word = Word::default().with_flag(Flag::Stopped, true);
        let mut live = Live::default();
        for c in 0..COUNTERS as u8 {
            live = live.with(c, 63).with(c, c % 5);
        }
        let shown = Word::shown(live, word.flags());
        assert_eq!((shown.live(), shown.flags(), shown.has(Flag::Stopped)), (live, word.flags(), true));
        assert!((0..COUNTERS as u8).all(|c| shown.live().get(c) == c % 5));
        assert_eq!(shown.sequence().0, 0);
    }

    #[test]
    fn the_counters_together_hold_63_seats_wherever_they_are() {
        for (first, second) in (0..COUNTERS as u8).flat_map(|a| (0..COUNTERS as u8).map(move |b| (a, b))) {
            let mut live = Live::default();
            for seat in 0..63 {
                live = live.plus(if seat % 3 == 0 { first } else { second }).unwrap();
                assert_eq!(live.total(), seat + 1);
            }
            assert_eq!((live.plus(first), live.plus(second)), (None, None));
            assert_eq!(live.sum(CounterSet::default().with(first).with(second)), 63);
        }
    }

    #[test]
    fn what_counters_lack_of_their_minima_is_found_for_all_of_them_at_once() {
        let mut rng = 0x9e37_79b9_7f4a_7c15_u64;
        let mut below = |bound: u64| {
            rng ^= rng << 13;
            rng ^= rng >> 7;
            rng ^= rng << 17;
            (rng >> 16) % bound
        };
        for round in 0..4_000 {
            // Up to 63 seats each time, in few counters or in many, of one half or of both.
            let mut share = || {
                let (first, count) = (below(COUNTERS as u64) as u8, 1 + below(COUNTERS as u64) as u8);
                (0..below(64)).fold(Live::default(), |live, _| {
                    let counter = (first + below(u64::from(count)) as u8) % COUNTERS as u8;
                    live.with(counter, live.get(counter) + 1)
                })
            };
            let (live, least) = (share(), share());
            let lacking = live.lacks(&Minima::new(least));
            for c in 0..COUNTERS as u8 {
                let expected = least.get(c).saturating_sub(live.get(c));
                assert_eq!(lacking.get(c), expected, "round {round}: {c} of {live:?} below {least:?}");
                assert_eq!(lacking.any(CounterSet::default().with(c)), expected > 0);
            }
            assert_eq!(lacking.any(CounterSet::ALL), lacking != Live::default());
        }
    }

    #[test]
    fn a_set_of_one_names_its_counter_and_no_other_set_does() {
        assert_eq!((CounterSet::default().only(), CounterSet::ALL.only()), (None, None));
        for c in 0..COUNTERS as u8 {
            let set = CounterSet::default().with(c);
            assert_eq!((set.only(), set.with((c + 1) % COUNTERS as u8).only()), (Some(c), None));
        }
    }

    #[test]
    fn flags_survive_transitions_and_the_sequence_ends_without_wrapping() {
        let first = Word::default().with_flag(Flag::Waiting, true);
        let word = first.then(first.live().plus(13).unwrap(), Operation::Claim, 62).unwrap();
        assert!(word.has(Flag::Waiting) && !word.has(Flag::Stopped) && word.has_flags());
        assert_eq!((first.sequence().0, word.sequence().0), (0, 1));
        let resized = Word::default().with_flag(Flag::Resized, true);
        assert!(word.is_shut() && resized.has_flags() && !resized.is_shut());
        assert_eq!(word.without_flags(), word.with_flag(Flag::Waiting, false));
        let all = [Flag::Stopped, Flag::Waiting, Flag::Frozen, Flag::Resized];
        let flagged = all.iter().fold(word, |word, flag| word.with_flag(*flag, true));
        assert!(all.iter().all(|flag| flagged.has(*flag)));
        assert_eq!(flagged.without_flags(), word.without_flags());
        assert_eq!(
            (flagged.live(), flagged.seat(), flagged.operation()),
            (word.live(), 62, Operation::Claim)
        );
        let last = Word::join(!0, !0);
        assert_eq!(last.sequence().0, u32::MAX);
        assert_eq!(last.then(last.live(), Operation::None, 0), None);
        assert!(!last.can_claim() && word.can_claim());
    }

    #[test]
    fn what_a_failed_assertion_prints_of_a_word_are_its_parts() {
        let live = Live::default().with(0, 3).with(13, 7);
        assert_eq!(format!("{live:?}"), "[3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]");
        let word = Word::default().then(live, Operation::Release, 5).unwrap();
        let said = format!("Word {{ sequence: 1, operation: Release, seat: 5, live: {live:?}, .. }}");
        assert_eq!(format!("{word:?}"), said);
    }

    #[test]
    fn a_seat_that_was_counted_can_be_taken_away_again_and_none_that_was_not() {
        for c in 0..COUNTERS as u8 {
            let rest =
                (0..COUNTERS as u8).fold(Live::default(), |live, other| live.with(other, 4)).with(c, 0);
            assert_eq!(rest.minus(c), None);
            let one = rest.plus(c).unwrap();
            assert_eq!((one.get(c), one.minus(c)), (1, Some(rest)));
            assert_eq!(one.plus(c).unwrap().minus(c), Some(one));
        }
    }

    #[test]
    fn the_last_transitions_of_a_block_are_kept_for_confirming_and_giving_back() {
        let at = |sequence: u32| {
            let sequence = u64::from(sequence);
            let word = Word::join(sequence << SEQ_LOW_SHIFT, sequence >> SEQ_LOW_BITS << SEQ_HIGH_SHIFT);
            assert_eq!(u64::from(word.sequence().0), sequence);
            word
        };
        let kept = u32::MAX - 256;
        assert_eq!(
            [0, kept / 2, kept - 1, kept, u32::MAX].map(|n| at(n).can_claim()),
            [true, true, true, false, false]
        );
        let next = |sequence| {
            at(sequence).then(Live::default(), Operation::Release, 0).map(|word| word.sequence().0)
        };
        assert_eq!([kept, u32::MAX - 1, u32::MAX].map(next), [Some(kept + 1), Some(u32::MAX), None]);
    }
}

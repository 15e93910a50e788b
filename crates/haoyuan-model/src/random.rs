//! Random numbers that are the same on every machine.
//!
//! INVARIANT (a seed is all): two generators of one seed and purpose yield the same numbers for ever.

/// `SplitMix64`: small, and the same everywhere.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed, of its own for each purpose.
    #[must_use]
    pub const fn new(seed: u64, purpose: u64) -> Self {
        Self(seed ^ purpose.wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `below`.
    pub fn below(&mut self, below: u64) -> u64 {
        self.any() % below.max(1)
    }

    /// Once in so many times.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of these.
    pub fn of<'a, V>(&mut self, values: &'a [V]) -> &'a V {
        let place = self.below(values.len() as u64);
        &values[usize::try_from(place).expect("below a length")]
    }

    /// As many times in a hundred.
    pub fn percent(&mut self, times: u64) -> bool {
        self.below(100) < times
    }

    /// A number from `from` to before `to`.
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        from.saturating_add_unsigned(self.below(to.abs_diff(from)))
    }

    /// A small number below `below`.
    pub fn number<N: TryFrom<u64> + TryInto<u64>>(&mut self, below: N) -> N {
        let drawn = self.below(below.try_into().unwrap_or(1));
        N::try_from(drawn).unwrap_or_else(|_| unreachable!("below a number of its own kind"))
    }

    /// Any byte.
    pub fn byte(&mut self) -> u8 {
        self.any().to_le_bytes()[0]
    }
}

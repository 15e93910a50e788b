//! Random draws that are the same on every machine: splitmix64 and integer thresholds.

/// Splitmix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A sequence of its own for each seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let value = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        value ^ value >> 31
    }

    /// A number below `bound`; 0 if there is none. The bias is below 2^-32.
    #[expect(clippy::cast_possible_truncation, reason = "below a 32-bit bound")]
    pub(crate) const fn below(&mut self, bound: u32) -> u32 {
        ((self.next() as u128 * bound as u128) >> 64) as u32
    }
}

/// A choice with given parts.
#[derive(Clone, Debug)]
pub(crate) struct Shares(Vec<u64>);

impl Shares {
    /// Parts of their sum.
    pub(crate) fn new(parts: impl IntoIterator<Item = u32>) -> Self {
        Self::from_weights(parts.into_iter().map(u64::from))
    }

    fn from_weights(weights: impl Iterator<Item = u64>) -> Self {
        let mut sum = 0;
        Self(
            weights
                .map(|weight| {
                    sum += weight;
                    sum
                })
                .collect(),
        )
    }

    /// The index of a part, with its probability; 0 if there are none.
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        let sum = self.0.last().copied().unwrap_or(0);
        let drawn = ((u128::from(random.next()) * u128::from(sum)) >> 64) as u64;
        self.0.partition_point(|end| *end <= drawn).min(self.0.len().saturating_sub(1))
    }
}

/// Zipf's law: rank `k` (from 1) has a weight of `1 / k^s`.
#[derive(Clone, Debug)]
pub(crate) struct Zipf(Shares);

impl Zipf {
    /// Over `ranks` ranks with exponent `s`; with `s = 1` the weights are exact integers on every machine.
    pub(crate) fn new(ranks: usize, s: f64) -> Self {
        const ONE: u64 = 1 << 40;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "weights of a load generator, not of a rule"
        )]
        let weight = |rank: u64| {
            if (s - 1.0).abs() < f64::EPSILON {
                ONE / rank
            } else {
                ((ONE as f64) / (rank as f64).powf(s)) as u64
            }
        };
        Self(Shares::from_weights((1..=ranks as u64).map(weight)))
    }

    /// A rank, from 0.
    pub(crate) fn draw(&self, random: &mut Random) -> usize {
        self.0.draw(random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitmix_gives_the_published_sequence() {
        let mut random = Random::new(1_234_567);
        assert_eq!(random.next(), 6_457_827_717_110_365_317);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn shares_and_ranks_come_as_often_as_they_should() {
        let mut random = Random::new(7);
        let shares = Shares::new([1, 0, 3]);
        let mut count = [0u32; 3];
        for _ in 0..40_000 {
            count[shares.draw(&mut random)] += 1;
        }
        assert_eq!(count[1], 0);
        assert!((9_500..10_500).contains(&count[0]), "{count:?}");
        let zipf = Zipf::new(4, 1.0);
        let mut count = [0u32; 4];
        for _ in 0..50_000 {
            count[zipf.draw(&mut random)] += 1;
        }
        // 1 : 1/2 : 1/3 : 1/4 of 25/12
        for (count, expected) in count.into_iter().zip([24_000u32, 12_000, 8_000, 6_000]) {
            assert!(count.abs_diff(expected) < 700, "{count} {expected}");
        }
        for _ in 0..1_000 {
            assert!(random.below(3) < 3);
        }
        assert_eq!(random.below(0), 0);
    }
}

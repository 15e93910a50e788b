//! Who asks for what: traces fixed by a seed.

use haoyuan_core::ids::{PatientKey, SessionId, SlotIndex, SlotRef, TicketId};
use haoyuan_core::request::Wish;
use haoyuan_core::terms::{Channel, Class};

/// The patients of every workload.
pub const PATIENTS: u32 = 100_000;
/// The seed of every trace that is not told another.
pub const SEED: u64 = 0x6861_6f79_7561_6e31;

/// splitmix64 (Steele, Lea, Flood 2014).
#[derive(Clone, Debug)]
pub struct SplitMix(u64);

impl SplitMix {
    /// A generator with this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next 64 bits.
    pub const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// A number below `bound`, by the high half of a product.
    pub const fn below(&mut self, bound: u32) -> u32 {
        (((self.next() >> 32) * bound as u64) >> 32) as u32
    }

    /// A number in `[0, 1)`.
    #[expect(clippy::cast_precision_loss, reason = "53 bits")]
    pub fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Fisher–Yates.
    ///
    /// # Panics
    /// If there are 2^32 values or more.
    pub fn shuffle<V>(&mut self, values: &mut [V]) {
        for last in (1..values.len()).rev() {
            let bound = u32::try_from(last + 1).expect("fewer than 2^32 values");
            values.swap(last, self.below(bound) as usize);
        }
    }

    /// A class by the shares of the workloads.
    pub const fn class(&mut self) -> Class {
        match self.below(100) {
            0..70 => Class::Public,
            70..85 => Class::ReferralSecondary,
            85..95 => Class::ReferralPrimary,
            _ => Class::OnSite,
        }
    }
}

/// Zipf's law with exponent 1 over ranks, by the inverse of its distribution function.
#[derive(Debug)]
pub struct Zipf(Vec<f64>);

impl Zipf {
    /// Over this many ranks.
    #[must_use]
    pub fn new(ranks: u32) -> Self {
        let sums: Vec<f64> = (1..=ranks)
            .scan(0.0, |sum, rank| {
                *sum += 1.0 / f64::from(rank);
                Some(*sum)
            })
            .collect();
        let total = sums.last().copied().unwrap_or(1.0);
        Self(sums.into_iter().map(|sum| sum / total).collect())
    }

    /// The rank, from 0, of a number in `[0, 1)`.
    #[must_use]
    pub fn rank(&self, unit: f64) -> usize {
        self.0.partition_point(|sum| *sum <= unit).min(self.0.len() - 1)
    }
}

/// The key of a patient's number: what a host's keyed hash would give.
///
/// # Panics
/// Never: keys are odd.
#[must_use]
#[inline]
pub fn patient(number: u32) -> PatientKey {
    let mut hash = SplitMix::new(u64::from(number));
    let high = u128::from(hash.next());
    PatientKey::new(high << 64 | u128::from(hash.next() | 1)).expect("odd numbers are not zero")
}

/// One request of a trace: 32 bytes, so that reading the trace costs little beside deciding it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// Who.
    pub patient: PatientKey,
    /// Who, in four bytes: the number that the key is made of, by [`patient`].
    pub number: u32,
    /// Which slot.
    pub slot: SlotRef,
    /// By what right.
    pub class: Class,
    /// Which of the patient's referrals is shown, if one is: a referral serves one live booking.
    pub referral: u8,
}

const _: () = assert!(size_of::<Request>() == 32);

impl Request {
    /// The request of the patient of this number, with the first of their referrals.
    ///
    /// # Panics
    /// Never: keys are odd.
    #[must_use]
    #[inline]
    pub fn of(number: u32, slot: SlotRef, class: Class) -> Self {
        Self { patient: patient(number), number, slot, class, referral: 0 }
    }

    /// The ticket that it shows, numbered so that it can be named without a look-up.
    ///
    /// # Panics
    /// Never: keys are odd.
    #[must_use]
    #[inline]
    pub fn ticket(&self) -> TicketId {
        let number = u128::from(self.class.number()) << 1 | u128::from(self.referral) << 8;
        TicketId::new(self.patient.get() ^ number).expect("keys are odd")
    }

    /// The request as the engine is asked it, with the patient's ticket if the class needs one.
    #[must_use]
    #[inline]
    pub fn wish(&self) -> Wish {
        let ticket = self.class.needs_ticket().then(|| self.ticket());
        Wish { ticket, ..self.wish_without_ticket() }
    }

    /// The same where nobody has to show a ticket: none is made up, none is written to a journal, and no branch depends on the class.
    #[must_use]
    #[inline]
    pub const fn wish_without_ticket(&self) -> Wish {
        let Self { patient, slot, class, .. } = *self;
        Wish { patient, slot, class, channel: Channel::App, ticket: None, key: None }
    }
}

/// A slot by its numbers.
///
/// # Panics
/// If there can be no such slot.
#[must_use]
pub fn slot(session: u32, slot: u32) -> SlotRef {
    let index = u16::try_from(slot).ok().and_then(SlotIndex::new);
    SlotRef { session: SessionId::new(session).expect("a session"), slot: index.expect("a slot") }
}

/// The morning rush: two independent permutations of the patients, one after the other; each request draws the
/// practitioner (Zipf), the half-hour (uniform) and the class.
///
/// # Panics
/// If there is no slot for a draw: at most 2^24 practitioners and 1024 half-hours.
#[must_use]
pub fn morning_rush(seed: u64, patients: u32, practitioners: u32, half_hours: u32) -> Vec<Request> {
    let mut rng = SplitMix::new(seed);
    let mut order = Vec::with_capacity(2 * patients as usize);
    for referral in 0..2u8 {
        let mut permutation: Vec<(u32, u8)> = (0..patients).map(|number| (number, referral)).collect();
        rng.shuffle(&mut permutation);
        order.append(&mut permutation);
    }
    let zipf = Zipf::new(practitioners);
    let requests = order.into_iter().map(|(number, referral)| {
        let practitioner = zipf.rank(rng.unit());
        let half_hour = rng.below(half_hours);
        let practitioner = u32::try_from(practitioner).expect("a rank below the number of practitioners");
        Request { referral, ..Request::of(number, slot(practitioner, half_hour), rng.class()) }
    });
    requests.collect()
}

/// Uniform over practitioners, half-hours and patients `from..to`.
#[must_use]
pub fn uniform(
    seed: u64,
    count: usize,
    patients: std::ops::Range<u32>,
    practitioners: u32,
    half_hours: u32,
) -> Vec<Request> {
    let mut rng = SplitMix::new(seed);
    let mut request = || {
        let slot = slot(rng.below(practitioners), rng.below(half_hours));
        let number = patients.start + rng.below(patients.end - patients.start);
        Request::of(number, slot, rng.class())
    };
    (0..count).map(|_| request()).collect()
}

/// Every patient of `patients` once, in random order, for the only slot there is.
#[must_use]
pub fn one_slot(seed: u64, patients: std::ops::Range<u32>) -> Vec<Request> {
    let mut rng = SplitMix::new(seed);
    let mut order: Vec<u32> = patients.collect();
    rng.shuffle(&mut order);
    order.into_iter().map(|number| Request::of(number, slot(0, 0), rng.class())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client that gives a seat back makes the key of the number.
    #[test]
    fn each_request_has_the_key_of_its_number() {
        let traces = [morning_rush(SEED, 50, 4, 3), uniform(SEED, 100, 7..50, 4, 3), one_slot(SEED, 7..50)];
        for request in traces.iter().flatten() {
            assert_eq!(request.patient, patient(request.number));
        }
    }
}

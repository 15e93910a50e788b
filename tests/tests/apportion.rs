//! Quotas: I12 and I13 of what the core apportions, exhaustively where the space is small.

use haoyuan_core::apportion::{BasisPoints, CarryLedger, CarryScope, Month, spread, spread_all};
use haoyuan_core::ids::InstitutionId;
use haoyuan_core::terms::Grade;
use haoyuan_tests::check::{i12_ledger, i12_spread, i13_prefixes};
use haoyuan_tests::generate::config;
use proptest::collection::vec;
use proptest::prelude::*;

fn carried(share: u16, capacities: &[u32]) -> Vec<(u32, u32)> {
    let scope = CarryScope {
        institution: InstitutionId::new(1).expect("an id"),
        policy: "P".to_owned(),
        pool: "POOL".to_owned(),
        grade: Grade::Expert,
    };
    let month = Month { year: 2026, month: 3 };
    let share = BasisPoints::new(share).expect("at most the whole");
    let mut ledger = CarryLedger::default();
    let enter = |capacity: &u32| {
        let carry = ledger.work_out(scope.clone(), month, share, *capacity);
        let amount = carry.amount();
        ledger.enter(carry);
        (*capacity, amount)
    };
    capacities.iter().map(enter).collect()
}

#[test]
fn one_pool_is_spread_exactly_over_any_slots() {
    for slots in 1..=5usize {
        let mut capacity = vec![1u8; slots];
        loop {
            let seats: u32 = capacity.iter().map(|c| u32::from(*c)).sum();
            for total in 0..=seats {
                assert_eq!(i12_spread(total, &capacity, &spread(total, &capacity)), Ok(()));
            }
            // The next list of capacities from 1 to 5.
            let Some(place) = capacity.iter().position(|c| *c < 5) else { break };
            capacity[place] += 1;
            capacity[..place].fill(1);
        }
    }
}

proptest! {
    #![proptest_config(config(2_000))]

    #[test]
    fn a_ledger_reserves_at_least_its_share_in_every_prefix(share in 0..=10_000u16, capacities in vec(1..=63u32, 1..60)) {
        let sessions = carried(share, &capacities);
        prop_assert_eq!(i12_ledger(u32::from(share), &sessions), Ok(()));
    }

    #[test]
    fn several_pools_are_spread_together_and_none_lags_a_seat(
        capacity in vec(1..=20u8, 1..30),
        cuts in vec(any::<u32>(), 0..8),
    ) {
        let seats: u32 = capacity.iter().map(|c| u32::from(*c)).sum();
        let mut cuts: Vec<u32> = cuts.into_iter().map(|cut| cut % (seats + 1)).chain([0, seats]).collect();
        cuts.sort_unstable();
        let totals: Vec<u32> = cuts.windows(2).map(|pair| pair[1] - pair[0]).collect();
        prop_assert_eq!(i13_prefixes(&totals, &capacity, &spread_all(&totals, &capacity)), Ok(()));
    }
}

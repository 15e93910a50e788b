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

#[test]
fn a_quota_that_is_off_by_one_is_found() {
    // 40 % of 5 and 5 seats is 2 and 2.
    assert_eq!(i12_ledger(4_000, &[(5, 2), (5, 2)]), Ok(()));
    for wrong in [[(5, 1), (5, 2)], [(5, 2), (5, 1)], [(5, 2), (5, 3)], [(5, 3), (5, 1)]] {
        assert!(i12_ledger(4_000, &wrong).is_err_and(|found| found.starts_with("I12")), "{wrong:?}");
    }
    assert_eq!(i12_spread(3, &[2, 2, 2], &[1, 1, 1]), Ok(()));
    for wrong in [[1, 1, 0], [2, 1, 0], [1, 1, 2]] {
        assert!(i12_spread(3, &[2, 2, 2], &wrong).is_err_and(|found| found.starts_with("I12")), "{wrong:?}");
    }
    // Two pools of two seats over two slots of two: one each in each slot.
    assert_eq!(i13_prefixes(&[2, 2], &[2, 2], &[vec![1, 1], vec![1, 1]]), Ok(()));
    let late = i13_prefixes(&[2, 2], &[2, 2], &[vec![2, 0], vec![0, 2]]);
    assert!(late.as_ref().is_err_and(|found| found.starts_with("I13")), "{late:?}");
    let short = i13_prefixes(&[2, 2], &[2, 2], &[vec![1, 1], vec![1, 0]]);
    assert!(short.as_ref().is_err_and(|found| found.starts_with("I12")), "{short:?}");
}

//! Engine and model, command by command: every answer equal, with its code, its binding constraint and its retry;
//! every fact equal; availability, bookings and audit equal after each case.
//!
//! `PROPTEST_CASES` sets how many workloads are run.

use haoyuan_core::refusal::Code;
use haoyuan_tests::drive::{Pair, Seen};
use haoyuan_tests::generate::{any_workload, any_world, config};
use proptest::test_runner::{TestCaseError, TestRunner};
use std::cell::RefCell;

/// Runs workloads over worlds of up to `sessions` sessions, and sees to it that they were worth running.
#[track_caller]
fn check(cases: u32, sessions: usize, steps: usize) {
    let config = config(cases);
    let cases = u64::from(config.cases);
    let seen = RefCell::new(Seen::default());
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&(any_world(sessions), any_workload(steps)), |(world, workload)| {
        let mut pair = Pair::of(&world).map_err(TestCaseError::fail)?;
        pair.run_all(&world, &workload).map_err(TestCaseError::fail)?;
        seen.borrow_mut().add(&pair.seen);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let seen = seen.into_inner();
    println!("{seen:?}");
    if cases >= 100 {
        assert!(seen.granted > cases && seen.settled > cases / 2, "{seen:?}");
        assert!(seen.expired > cases / 2 && seen.repeated > cases / 10, "{seen:?}");
        assert!(seen.offered > cases / 10 && seen.withdrawn > cases / 10, "{seen:?}");
        assert!(seen.resized > cases / 10, "{seen:?}");
        assert!(seen.assigned > cases / 10 && seen.merged > cases / 20, "{seen:?}");
        for code in [
            Code::Stopped,
            Code::Waitlisted,
            Code::Suspended,
            Code::IdentityMerged,
            Code::BelowLive,
            Code::PoolsDiffer,
        ] {
            assert!(seen.refused.get(&code).is_some_and(|count| *count > cases / 100), "{code}: {seen:?}");
        }
        for code in
            [Code::NotOpen, Code::Closed, Code::SlotFull, Code::Protected, Code::CapReached, Code::Overlap]
        {
            assert!(seen.refused.get(&code).is_some_and(|count| *count > cases / 10), "{code}: {seen:?}");
        }
    }
}

#[test]
fn every_answer_is_the_models() {
    check(2_000, 4, 150);
}

#[test]
fn every_answer_is_the_models_on_one_crowded_session() {
    check(2_000, 1, 180);
}

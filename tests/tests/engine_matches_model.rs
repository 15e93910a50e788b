//! Engine and model, command by command: every answer equal, with its code, its binding constraint and its retry;
//! every fact equal; availability, bookings and audit equal after each case.
//!
//! `PROPTEST_CASES` sets how many workloads are run.

use haoyuan_tests::drive::{Pair, Seen};
use haoyuan_tests::generate::{any_workload, any_world, config};
use proptest::test_runner::{TestCaseError, TestRunner};
use std::cell::RefCell;

/// Runs workloads over worlds of up to `sessions` sessions, and returns what was seen in all of them.
#[track_caller]
fn check(cases: u32, sessions: usize, steps: usize) -> Seen {
    let seen = RefCell::new(Seen::default());
    let mut runner = TestRunner::new(config(cases));
    let outcome = runner.run(&(any_world(sessions), any_workload(steps)), |(world, workload)| {
        let mut pair = Pair::of(&world).map_err(TestCaseError::fail)?;
        pair.run_all(&world, &workload).map_err(TestCaseError::fail)?;
        seen.borrow_mut().add(&pair.seen);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    seen.into_inner()
}

#[test]
fn every_answer_is_the_models() {
    let seen = check(1_500, 4, 120);
    println!("{seen:?}");
    assert!(
        seen.granted > 1_000 && seen.settled > 300 && seen.repeated > 10 && seen.expired > 100,
        "{seen:?}"
    );
}

#[test]
fn every_answer_is_the_models_on_one_crowded_session() {
    let seen = check(1_500, 1, 160);
    println!("{seen:?}");
    assert!(seen.granted > 500, "{seen:?}");
}

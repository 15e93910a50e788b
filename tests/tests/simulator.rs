//! The simulator in short: runs without a violation, a planted bug that is caught and made small, and one seed, one run.
//! The long form is `haoyuan verify`.

use haoyuan_model::sim::{Bug, Keep, Lane, Tape, Totals, catch, run, shrink};

#[track_caller]
fn check(lane: Lane, runs: u64) -> Totals {
    let mut tape = Tape::default();
    for seed in 0..runs {
        if let Err(found) = run(lane, seed, None, Keep::All, &mut tape) {
            panic!("{:#?}", shrink(lane, seed, None, found));
        }
    }
    tape.totals
}

#[test]
fn the_engine_answers_like_the_model_whatever_clients_do() {
    let totals = check(Lane::Engine, 100);
    assert!(totals.operations > 5_000 && totals.disturbed > 100 && totals.looks > 100, "{totals:?}");
}

#[test]
fn what_is_acknowledged_survives_a_disk_at_its_worst() {
    let totals = check(Lane::Journal, 20);
    assert!(totals.crashes > 50 && totals.crash_states > 200 && totals.retold > 1_000, "{totals:?}");
}

#[test]
fn the_day_is_what_is_in_the_books() {
    let totals = check(Lane::Day, 40);
    assert!(totals.crashes > 80 && totals.operations > 8_000, "{totals:?}");
}

#[test]
fn a_planted_bug_of_each_lane_is_caught_and_made_small() {
    for bug in [Bug::WaitlistOvertaken, Bug::RecordLost, Bug::QueueJumped] {
        let caught = catch(bug, 0, 50).unwrap_or_else(|| panic!("{bug:?} escaped"));
        let failure = shrink(bug.lane(), caught.run, Some(bug), caught.found);
        assert!(failure.enough.len() * 2 < failure.steps, "{failure:#?}");
        let again = run(bug.lane(), caught.run, Some(bug), Keep::Only(&failure.enough), &mut Tape::default());
        assert_eq!(again.as_ref(), Err(&failure.found_in_these));
        // The lane of the day is had again as a script, up to the call that is wrong; the others are told step by step.
        match bug.lane() {
            Lane::Day => {
                let last = failure.script.last().expect("a script");
                assert!(last.contains(r#""command":"call_next""#), "{failure:#?}");
            }
            Lane::Engine | Lane::Journal => assert!(!failure.story.is_empty(), "{failure:#?}"),
        }
    }
}

#[test]
fn one_seed_is_one_run() {
    for lane in Lane::ALL {
        let totals = || {
            let mut tape = Tape::default();
            let found = run(lane, 7, None, Keep::All, &mut tape);
            (found, tape.totals)
        };
        assert_eq!(totals(), totals());
    }
}

//! Engine and reference model answer every command alike. The first eight bytes choose a world of sessions, the rest
//! is what the workload's generator draws from, so that a changed byte changes a command and not the whole story.

#![no_main]

use haoyuan_tests::drive::Pair;
use haoyuan_tests::generate::{any_workload, any_world, drawn};
use libfuzzer_sys::{Corpus, fuzz_target};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((seed, story)) = bytes.split_first_chunk() else { return Corpus::Reject };
    let world = drawn(&any_world(3), u64::from_le_bytes(*seed));
    let rng = TestRng::from_seed(RngAlgorithm::PassThrough, story);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let Ok(workload) = any_workload(80).new_tree(&mut runner) else { return Corpus::Reject };
    let answered = Pair::of(&world).and_then(|mut pair| pair.run_all(&world, &workload.current()));
    assert_eq!(answered, Ok(()));
    Corpus::Keep
});

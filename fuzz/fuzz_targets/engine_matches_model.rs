//! Engine and reference model answer every command alike. The first eight bytes choose a world of sessions, every two
//! bytes after them one to three commands, so that a changed byte changes these and not the whole story.

#![no_main]

use haoyuan_tests::drive::Pair;
use haoyuan_tests::generate::{Step, World, drawn_workload};
use haoyuan_tests::random::Random;
use libfuzzer_sys::{Corpus, fuzz_target};

/// About as many commands as in the ordinary suite; longer stories find the same more slowly.
const PARTS_MAX: usize = 80;

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((seed, story)) = bytes.split_first_chunk() else { return Corpus::Reject };
    let world = World::drawn(3, &mut Random::new(u64::from_le_bytes(*seed), 0));
    let part = |name: [u8; 2]| drawn_workload(3, &mut Random::new(u64::from(u16::from_le_bytes(name)), 0));
    let workload: Vec<Step> =
        story.chunks_exact(2).take(PARTS_MAX).flat_map(|name| part([name[0], name[1]])).collect();
    let answered = Pair::of(&world).and_then(|mut pair| pair.run_all(&world, &workload));
    assert_eq!(answered, Ok(()));
    Corpus::Keep
});

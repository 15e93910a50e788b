//! Whatever state a snapshot holds that verifies, it is taken up, refused with a reason, or, if it is of another layout, left
//! where it is; and what is taken up can be asked and audited without a panic, be it sound or not.
//!
//! The first byte chooses: the state is what follows it, or (`1`) the state of the golden journal with edits.

#![no_main]

use haoyuan::journal::sim::SimDisk;
use haoyuan::journal::{Access, Disk, From, Journal, Mode, Options, Recovery};
use haoyuan::{Refusals, Registry, rebuild};
use haoyuan_fuzz::{GOLDEN, LIMITS, SEGMENT, change, edits};
use libfuzzer_sys::{Corpus, fuzz_target};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

/// What a snapshot of the golden journal says. Made by the code under test, so that it is always of its layout.
static STATE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let golden = SimDisk::new(1);
    golden.place(SEGMENT, GOLDEN);
    let disk: Arc<dyn Disk> = Arc::new(golden);
    let journal = Options { threads: false, preallocate: 0, ..Options::default() };
    let options = haoyuan::Options { journal, limits: Some(LIMITS), ..haoyuan::Options::default() };
    let mut registry = Registry::open_on(Arc::clone(&disk), options).expect("the golden journal opens");
    registry.snapshot().expect("the simulated disk works");
    drop(registry);
    let mut recovery = Recovery::begin(disk, From::Snapshot, Access::Read).expect("a snapshot opens");
    let state = recovery.take_snapshot().expect("there is one").state;
    let again = rebuilt(&state).expect("an unchanged state is taken up");
    assert!(again.report().snapshot.is_some(), "an unchanged state is of this layout");
    state
});

fn rebuilt(state: &[u8]) -> Result<haoyuan::Rebuilt, haoyuan::Error> {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    let mode = Mode::Synced { max_delay: Duration::ZERO };
    let options = Options { mode, threads: false, preallocate: 0, queue: 16, ..Options::default() };
    let journal = Journal::open(Arc::clone(&disk), options).expect("an empty folder opens");
    let mark = journal.mark().expect("the journal is open");
    journal.snapshot(mark, &[], state).expect("the simulated disk works");
    journal.close().expect("the simulated disk works");
    rebuild(&disk, From::Snapshot, Access::Read, Some(LIMITS), &Refusals::All)
}

fuzz_target!(|bytes: &[u8]| -> Corpus {
    let Some((mode, rest)) = bytes.split_first() else { return Corpus::Reject };
    let mut state = STATE.clone();
    if mode & 1 == 0 {
        state = rest.to_vec();
    } else {
        edits(rest).for_each(|edit| change(&mut state, &edit));
    }
    match rebuilt(&state) {
        Ok(rebuilt) => {
            let _ = rebuilt.platform().state_hash();
            let _ = rebuilt.platform().engine().audit();
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    Corpus::Keep
});

//! Whatever state a snapshot holds that verifies, it is refused with a reason or taken up; and what is taken up can be asked
//! and audited without a panic, be it sound or not.

#![no_main]

use haoyuan::journal::sim::SimDisk;
use haoyuan::journal::{Access, Disk, From, Journal, Mode, Options};
use haoyuan::{Limits, Refusals, rebuild};
use libfuzzer_sys::fuzz_target;
use std::sync::Arc;
use std::time::Duration;

const LIMITS: Limits =
    Limits { blocks: 256, seats: 2_000, sessions: 64, shapes: 64, patients: 256, entries: 1_024 };

fuzz_target!(|state: &[u8]| {
    let disk: Arc<dyn Disk> = Arc::new(SimDisk::new(1));
    let mode = Mode::Synced { max_delay: Duration::ZERO };
    let options = Options { mode, threads: false, preallocate: 0, queue: 16, ..Options::default() };
    let journal = Journal::open(Arc::clone(&disk), options).expect("an empty folder opens");
    let mark = journal.mark().expect("the journal is open");
    journal.snapshot(mark, &[], state).expect("the simulated disk works");
    journal.close().expect("the simulated disk works");
    if let Ok(rebuilt) = rebuild(&disk, From::Snapshot, Access::Read, Some(LIMITS), &Refusals::All) {
        assert!(rebuilt.report().snapshot.is_some());
        let _ = rebuilt.platform().state_hash();
        let _ = rebuilt.platform().engine().audit();
    }
});

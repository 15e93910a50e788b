//! The next segment, filled with zeros while the current one is still being written.
//!
//! Invariant: a file that is handed over is whole and synced; nothing but zeros is in it. If it cannot be made, nothing
//! is lost: the writer then makes the segment itself.

use crate::disk::{Disk, File};
use std::io;

/// Has the name of something that is being made: whatever stops us, it is removed at the next opening.
pub(crate) const NAME: &str = "next.hyj.tmp";
/// How much is written before each sync, so that a commit never waits long for the device.
const STEP: u64 = 1 << 20;

/// A file of zeros.
pub(crate) struct Prepared {
    pub(crate) file: Box<dyn File>,
    pub(crate) length: u64,
}

/// Makes one; `None` if `go_on` said no.
pub(crate) fn prepare(
    disk: &dyn Disk,
    length: u64,
    go_on: impl Fn() -> bool,
) -> io::Result<Option<Prepared>> {
    let mut file = disk.create(NAME)?;
    let mut at = 0;
    while at < length {
        if !go_on() {
            drop(file);
            disk.remove(NAME)?;
            return Ok(None);
        }
        let to = length.min(at + STEP);
        file.preallocate(at, to)?;
        file.sync_data()?;
        at = to;
    }
    Ok(Some(Prepared { file, length }))
}

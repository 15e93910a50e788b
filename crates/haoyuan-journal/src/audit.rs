//! Verifies a whole journal from its first segment: checksums, chain, sequences, and heads that were exported.
//!
//! Invariant: `Ok` means that every record is the one that was written, in the order in which it was written, from
//! the first on; and that no exported head contradicts it. What an exported head does not cover could have been cut
//! off at the end, or rewritten together with all that follows it, by whoever controls the disk.

use crate::disk::Disk;
use crate::error::Error;
use crate::heads::SegmentHead;
use crate::reader::segments;
use crate::recovery::{Access, From, Recovery, Report};
use std::collections::HashMap;
use std::sync::Arc;

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Bytes read.
    pub bytes: u64,
    /// Bytes there are, as far as known at the beginning.
    pub bytes_total: u64,
    /// Records verified.
    pub records: u64,
}

/// Verifies everything, and that each of the exported heads is in the chain. `progress` is called now and then.
///
/// Needs no lock: a journal that is being written verifies up to its last whole group, and the group that is being
/// written then looks like a torn tail.
///
/// # Errors
///
/// The first thing that is wrong: [`Error::Damaged`], [`Error::SegmentMissing`], [`Error::HeadDiffers`],
/// [`Error::Version`], or what the medium says.
pub fn verify(
    disk: &Arc<dyn Disk>,
    exported: &[SegmentHead],
    mut progress: impl FnMut(Progress),
) -> Result<Report, Error> {
    /// Bytes between two calls of `progress`.
    const STEP: u64 = 8 << 20;
    let mut bytes_total = 0;
    for segment in segments(&**disk)? {
        let name = crate::format::segment_name(segment);
        let file = disk.open(&name, false).map_err(Error::medium("open", &name))?;
        bytes_total += file.len().map_err(Error::medium("measure", &name))?;
    }
    let mut awaited: HashMap<(u32, u64), SegmentHead> =
        exported.iter().map(|head| ((head.segment, head.records), *head)).collect();
    if awaited.len() < exported.len() {
        // Two heads for the same records: one of them is wrong, unless it is there twice.
        for head in exported {
            if awaited[&(head.segment, head.records)] != *head {
                return Err(differs(head));
            }
        }
    }
    let mut recovery = Recovery::begin(Arc::clone(disk), From::Start, Access::Read)?;
    let mut next_call = 0;
    loop {
        let group = recovery.next_group()?;
        // A head may also stand at the beginning of a segment that has no group yet.
        let at = SegmentHead::at(&recovery.position());
        if !awaited.is_empty() {
            settle(&mut awaited, at)?;
            for begun in recovery.begun() {
                settle(&mut awaited, begun)?;
            }
        }
        if !group {
            break;
        }
        recovery.check_group()?;
        if recovery.report().bytes >= next_call {
            next_call = recovery.report().bytes + STEP;
            let bytes = recovery.report().bytes;
            progress(Progress { bytes, bytes_total, records: at.records });
        }
    }
    if let Some(head) = awaited.values().min_by_key(|head| (head.segment, head.records)) {
        return Err(differs(head));
    }
    let finished = recovery.finish()?;
    progress(Progress { bytes: bytes_total, bytes_total, records: finished.records() });
    Ok(finished.into_report())
}

/// The head of every segment, verified. One line each is what to sign or to deposit.
///
/// # Errors
///
/// As [`verify`].
pub fn heads(disk: &Arc<dyn Disk>) -> Result<Vec<SegmentHead>, Error> {
    Ok(verify(disk, &[], |_| ())?.heads)
}

/// That the journal still contains what the exported heads stand for.
///
/// # Errors
///
/// As [`verify`].
pub fn verify_heads(disk: &Arc<dyn Disk>, exported: &[SegmentHead]) -> Result<(), Error> {
    verify(disk, exported, |_| ()).map(drop)
}

fn settle(awaited: &mut HashMap<(u32, u64), SegmentHead>, at: SegmentHead) -> Result<(), Error> {
    match awaited.remove(&(at.segment, at.records)) {
        Some(head) if head != at => Err(differs(&head)),
        _ => Ok(()),
    }
}

fn differs(head: &SegmentHead) -> Error {
    Error::HeadDiffers { segment: head.segment, records: head.records }
}

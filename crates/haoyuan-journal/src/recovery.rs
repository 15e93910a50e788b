//! Reads a journal back: the newest valid snapshot, then every entry after it, in order.
//!
//! Invariant: what is handed out is the gap-free prefix of every block, from groups that verify; nothing else, and
//! nothing twice. What was cut or set aside is in the [`Report`].

use crate::disk::{Disk, Lock};
use crate::entry::{EntryRef, Place};
use crate::error::Error;
use crate::format::{COMMIT, HEADER};
use crate::frontier::Frontier;
use crate::hash::HashKind;
use crate::heads::SegmentHead;
use crate::reader::{Later, Position, Step, Walker, segments_from, split_record};
use crate::snapshot::{self, Snapshot};
use haoyuan_core::said::Phrase;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Where a recovery begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum From {
    /// At the newest valid snapshot; at the first segment if there is none.
    #[default]
    Snapshot,
    /// At the first segment: the whole history, whatever snapshots there are.
    Start,
}

/// Whether the recovery is to become a journal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Access {
    /// Takes the single-writer lock first.
    #[default]
    Write,
    /// Takes no lock and changes nothing; a journal that is being written may be read up to its last whole group.
    Read,
}

/// One entry that was read, with where it lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recovered<'a> {
    /// Its number in the whole journal, from 0.
    pub record: u64,
    /// The segment.
    pub segment: u32,
    /// The entry.
    pub entry: EntryRef<'a>,
}

/// A record that follows a gap in its block's history, and was therefore not handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dangling {
    /// Its number in the whole journal.
    pub record: u64,
    /// The segment.
    pub segment: u32,
    /// The place it claims.
    pub place: Place,
    /// The sequence that its block had reached.
    pub reached: u32,
}

/// Bytes at the very end that were being written when the journal stopped. None of them was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornTail {
    /// The file.
    pub file: String,
    /// Where the torn group began; the file is cut here.
    pub offset: u64,
    /// How many bytes of it were there.
    pub bytes: u64,
    /// What did not verify.
    pub reason: Phrase,
}

/// What a recovery found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// The snapshot that was used.
    pub snapshot: Option<String>,
    /// Newer snapshots that do not verify, and were passed over.
    pub bad_snapshots: Vec<String>,
    /// Entries handed out.
    pub entries: u64,
    /// Entries that the snapshot contained already.
    pub in_snapshot: u64,
    /// Groups read.
    pub groups: u64,
    /// Segments read.
    pub segments: u32,
    /// Bytes of groups read.
    pub bytes: u64,
    /// The torn tail, if there was one.
    pub torn: Option<TornTail>,
    /// Records after a gap.
    pub dangling: Vec<Dangling>,
    /// The chain head of every segment read, as far as it was read.
    pub heads: Vec<SegmentHead>,
}

/// Reads a journal back, entry by entry.
///
/// ```
/// # use haoyuan_journal::*;
/// # use std::sync::Arc;
/// # let disk: Arc<dyn Disk> = Arc::new(sim::SimDisk::new(1));
/// let mut recovery = Recovery::begin(disk, From::Snapshot, Access::Write)?;
/// if let Some(snapshot) = recovery.take_snapshot() {
///     // load snapshot.state
/// }
/// while let Some(recovered) = recovery.next()? {
///     // apply recovered.entry
/// }
/// let finished = recovery.finish()?;
/// let journal = Journal::start(finished, Options::default())?;
/// # journal.close()?;
/// # Ok::<(), Error>(())
/// ```
pub struct Recovery {
    disk: Arc<dyn Disk>,
    lock: Option<Box<dyn Lock>>,
    segments: std::vec::IntoIter<u32>,
    last_segment: u32,
    walker: Option<Walker>,
    /// The records of the current group that were not handed out yet, as a range of the walker's.
    left: Range<usize>,
    record: u64,
    position: Position,
    frontier: Frontier,
    snapshot: Option<Snapshot>,
    /// Up to where each block is in the snapshot.
    included: Option<Frontier>,
    /// The last group and where it begins: it alone may never have been synced.
    last_group: Option<(u64, Vec<u8>)>,
    hash: HashKind,
    shard: Option<u64>,
    report: Report,
    begun: Vec<SegmentHead>,
    ended: bool,
}

/// A recovery that read everything: a journal can go on from here.
pub struct Finished {
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) lock: Option<Box<dyn Lock>>,
    pub(crate) position: Position,
    pub(crate) frontier: Frontier,
    pub(crate) last_group: Option<(u64, Vec<u8>)>,
    pub(crate) hash: HashKind,
    pub(crate) shard: Option<u64>,
    report: Report,
}

impl Finished {
    /// What was found.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// What was found, without the way to go on: the lock is let go.
    #[must_use]
    pub fn into_report(self) -> Report {
        self.report
    }

    /// How far each block's history goes.
    #[must_use]
    pub fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// How many records the journal has, from its first segment on.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.position.record
    }
}

impl Recovery {
    /// Begins at the newest valid snapshot or at the first segment.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if another writer has the folder, [`Error::SegmentMissing`] and [`Error::Behind`] if what the
    /// recovery needs is not there, and the errors of reading.
    pub fn begin(disk: Arc<dyn Disk>, from: From, access: Access) -> Result<Self, Error> {
        let lock = match access {
            Access::Read => None,
            Access::Write => Some(take_lock(&*disk)?),
        };
        let mut report = Report::default();
        let mut found = None;
        if from == From::Snapshot {
            found = snapshot::newest(&*disk, &mut report.bad_snapshots)?;
        }
        let first = found.as_ref().map_or(1, |(_, snapshot)| snapshot.position.segment);
        let segments = segments_from(&*disk, first)?;
        let mut recovery = Self {
            last_segment: segments.last().copied().unwrap_or(0),
            segments: segments.into_iter(),
            disk,
            lock,
            walker: None,
            left: 0..0,
            record: 0,
            position: Walker::origin(),
            frontier: Frontier::default(),
            snapshot: None,
            included: None,
            last_group: None,
            hash: HashKind::default(),
            shard: None,
            report,
            begun: Vec::new(),
            ended: false,
        };
        if let Some((name, snapshot)) = found {
            recovery.continue_from(name, snapshot)?;
        }
        Ok(recovery)
    }

    /// Opens the segment of the snapshot's position and checks that the position is one.
    fn continue_from(&mut self, name: String, snapshot: Snapshot) -> Result<(), Error> {
        let to = snapshot.position;
        let behind = || Error::Behind { snapshot: name.clone(), segment: to.segment, offset: to.offset };
        if self.segments.next() != Some(to.segment) {
            return Err(behind());
        }
        let mut walker = Walker::open(&*self.disk, to.segment)?;
        if to.offset == HEADER as u64 {
            if walker.at() != to {
                return Err(behind());
            }
        } else {
            // The commit block before the position must be the one that the snapshot followed.
            let commit_at = to.offset.checked_sub(COMMIT as u64).ok_or_else(behind)?;
            let bytes = walker.read(commit_at, COMMIT)?;
            match crate::format::Commit::decode(&bytes, walker.salt()) {
                Some(commit)
                    if commit.head == to.head
                        && commit.group.checked_add(1) == Some(to.group)
                        && commit.first_record.checked_add(u64::from(commit.count)) == Some(to.record) =>
                {
                    // It was durable when the snapshot was taken: there is no need to write it again.
                }
                _ => return Err(behind()),
            }
        }
        walker.jump(to);
        self.enter(&walker);
        self.position = to;
        self.walker = Some(walker);
        self.frontier = snapshot.vector.iter().copied().collect();
        self.included = Some(self.frontier.clone());
        self.report.snapshot = Some(name);
        self.snapshot = Some(snapshot);
        Ok(())
    }

    fn enter(&mut self, walker: &Walker) {
        self.hash = walker.header.hash;
        self.shard = Some(walker.header.shard);
        self.report.segments += 1;
        self.begun.push(SegmentHead::at(&walker.at()));
    }

    /// The snapshot from which the recovery goes on, once.
    pub fn take_snapshot(&mut self) -> Option<Snapshot> {
        self.snapshot.take()
    }

    /// The next entry; `None` after the last.
    ///
    /// # Errors
    ///
    /// [`Error::Damaged`] if bytes do not verify although later ones prove that they once did, and the errors of
    /// reading. After an error the recovery must be given up.
    #[expect(clippy::should_implement_trait, reason = "an iterator could not lend the reader's buffer")]
    pub fn next(&mut self) -> Result<Option<Recovered<'_>>, Error> {
        let Some(start) = self.advance()? else { return Ok(None) };
        let segment = self.position.segment;
        let records = self.walker.as_ref().map_or(&[][..], Walker::records);
        // Split a second time: the borrow that is handed out may only begin here.
        Ok(records.get(start..).and_then(split_record).map(|(entry, _)| Recovered {
            record: self.record - 1,
            segment,
            entry,
        }))
    }

    /// Goes to the next entry that is handed out: where it begins among the records of its group.
    #[inline]
    fn advance(&mut self) -> Result<Option<usize>, Error> {
        loop {
            if !self.left.is_empty() {
                if let Some(start) = self.step()? {
                    return Ok(Some(start));
                }
            } else if !self.next_group()? {
                return Ok(None);
            }
        }
    }

    /// Looks at the next entry of the group: where it begins, or `None` if it is not handed out.
    #[inline]
    fn step(&mut self) -> Result<Option<usize>, Error> {
        let walker = self.walker.as_ref().expect("a group was read from it");
        let records = walker.records();
        let Some((entry, rest)) = split_record(&records[self.left.clone()]) else {
            unreachable!("the walker checked every record of the group")
        };
        let start = self.left.start;
        self.left.start = records.len() - rest.len();
        let record = self.record;
        self.record += 1;
        if let Some(place) = entry.place {
            let reached = self.frontier.get(place.block);
            if self.included.as_ref().is_some_and(|included| place.sequence <= included.get(place.block)) {
                self.report.in_snapshot += 1;
                return Ok(None);
            }
            if place.sequence <= reached {
                let reason = Phrase::new("a sequence of a block comes twice", "同一区块的流水号重复");
                return Err(Error::damaged(&walker.name, walker.group_at, reason, record..record + 1));
            }
            if place.sequence - reached > 1 {
                let segment = self.position.segment;
                self.report.dangling.push(Dangling { record, segment, place, reached });
                return Ok(None);
            }
            self.frontier.set(place.block, place.sequence);
        }
        self.report.entries += 1;
        Ok(Some(start))
    }

    /// Where the reading stands.
    pub(crate) fn position(&self) -> Position {
        self.position
    }

    pub(crate) fn report(&self) -> &Report {
        &self.report
    }

    /// The heads at the beginning of the segments that were opened since the last call.
    pub(crate) fn begun(&mut self) -> std::vec::Drain<'_, SegmentHead> {
        self.begun.drain(..)
    }

    /// Goes over the entries of the current group without handing them out.
    pub(crate) fn check_group(&mut self) -> Result<(), Error> {
        while !self.left.is_empty() {
            self.step()?;
        }
        Ok(())
    }

    /// Reads the next group; false at the end of the journal.
    pub(crate) fn next_group(&mut self) -> Result<bool, Error> {
        loop {
            if self.ended {
                return Ok(false);
            }
            let Some(walker) = &mut self.walker else {
                let Some(segment) = self.segments.next() else {
                    self.ended = true;
                    return Ok(false);
                };
                let walker = Walker::open(&*self.disk, segment)?;
                walker.continues(&self.position)?;
                self.position = walker.at();
                self.enter(&walker);
                self.last_group = None;
                self.walker = Some(walker);
                continue;
            };
            let mut step = walker.next_group()?;
            let mut later = None;
            if matches!(step, Step::Bad(_)) {
                later = walker.later()?;
                if later.is_some() && self.lock.is_none() {
                    // Without the lock the journal may be being written: what was read half-way is whole by the time a
                    // later group exists.
                    walker.refresh()?;
                    step = walker.next_group()?;
                    if step == Step::Group {
                        later = None;
                    }
                }
            }
            match step {
                Step::Group => {
                    self.position = walker.at();
                    self.left = 0..walker.records().len();
                    self.record = walker.group_first;
                    self.report.groups += 1;
                    self.report.bytes += walker.group_bytes().len() as u64;
                    return Ok(true);
                }
                step => {
                    self.end_of_segment(step, later)?;
                }
            }
        }
    }

    /// The last group of a segment was read: it ends well, or is torn, or is damaged.
    fn end_of_segment(&mut self, step: Step, later: Option<Later>) -> Result<(), Error> {
        let walker = self.walker.take().expect("a segment was being read");
        let at = walker.at();
        self.report.heads.push(SegmentHead::at(&at));
        if at.offset > walker.group_at {
            // Read again, rather than kept for every group that might have been the last.
            let length = usize::try_from(at.offset - walker.group_at).expect("a group fits into memory");
            self.last_group = Some((walker.group_at, walker.read(walker.group_at, length)?));
        }
        let Step::Bad(reason) = step else { return Ok(()) };
        if let Some(later) = later {
            let lost = at.record..later.commit.first_record.max(at.record.saturating_add(1));
            return Err(Error::damaged(&walker.name, at.offset, reason, lost));
        }
        if at.segment != self.last_segment {
            // The next segment was begun after this one was whole.
            let next = Walker::open(&*self.disk, at.segment + 1)?;
            let lost = at.record..next.header.first_record.max(at.record);
            return Err(Error::damaged(&walker.name, at.offset, reason, lost));
        }
        let end = walker.written_end()?;
        self.report.torn =
            Some(TornTail { file: walker.name.clone(), offset: at.offset, bytes: end - at.offset, reason });
        Ok(())
    }

    /// Reads what was not read yet and says how it went.
    ///
    /// # Errors
    ///
    /// As [`Recovery::next`].
    pub fn finish(mut self) -> Result<Finished, Error> {
        while self.next()?.is_some() {}
        Ok(Finished {
            disk: self.disk,
            lock: self.lock,
            position: self.position,
            frontier: self.frontier,
            last_group: self.last_group,
            hash: self.hash,
            shard: self.shard,
            report: self.report,
        })
    }
}

pub(crate) fn take_lock(disk: &dyn Disk) -> Result<Box<dyn Lock>, Error> {
    disk.lock().map_err(|error| {
        if error.kind() == io::ErrorKind::WouldBlock {
            Error::Locked { holder: error.to_string() }
        } else {
            Error::medium("lock", &disk.name())(error)
        }
    })
}

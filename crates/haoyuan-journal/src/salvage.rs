//! Brings what verifies out of a damaged journal into a new folder, and lists exactly what is missing.
//!
//! Invariant: every record of the new journal was read with a matching checksum from a group whose commit block
//! verifies, in its old order; the old folder is not changed. What is missing of a block is known by its sequences;
//! the new journal keeps the gaps, so that a recovery sets aside what follows one. Until the salvage has ended nobody takes
//! the new folder for a journal.

use crate::disk::Disk;
use crate::entry::EntryRef;
use crate::error::{Damage, Error};
use crate::format::{COMMIT, SegmentHeader, UNFINISHED, decode_record, record_holds};
use crate::frontier::Frontier;
use crate::hash::HashKind;
use crate::journal::{Options, Raw};
use crate::reader::{Position, Step, Walker, segments, split_record};
use crate::recovery::{TornTail, take_lock};
use crate::snapshot;
use haoyuan_core::said::Phrase;
use std::ops::RangeInclusive;
use std::sync::Arc;

/// Transitions of one block that are not in the new journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The block.
    pub block: u32,
    /// The sequences.
    pub sequences: RangeInclusive<u32>,
}

/// What a salvage found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Records brought over.
    pub records: u64,
    /// Of these, records whose group could not be chained to what lay before it: their checksums match, but an insider
    /// could have made them.
    pub unchained: u64,
    /// Records that the journal had and that are lost, as far as later commit blocks tell.
    pub lost: u64,
    /// What does not verify, and which records that affects.
    pub damage: Vec<Damage>,
    /// Segments that are not there.
    pub segments_missing: Vec<RangeInclusive<u32>>,
    /// What is missing of each block, as later transitions of the block or a snapshot show.
    pub missing: Vec<Missing>,
    /// The torn tail, if there was one. Nothing of it was acknowledged.
    pub torn: Option<TornTail>,
}

impl Salvaged {
    /// Numbers come from damaged files, so even a sum may be nonsense; it must not be a panic.
    fn lost_more(&mut self, records: u64) {
        self.lost = self.lost.saturating_add(records);
    }
}

struct Salvage {
    raw: Raw,
    seen: Frontier,
    found: Salvaged,
}

/// Reads `from`, writes what verifies to `to`, which must be empty. The options say how the new segments are written;
/// their shard is taken from the old, and so is their hash unless the options have one.
///
/// A salvage that does not end, whatever stops it, leaves a folder that nobody opens ([`Error::Unfinished`]): part of a
/// journal looks like a whole one.
///
/// # Errors
///
/// [`Error::NotEmpty`], and what the media say. Damage is no error here but a finding.
pub fn salvage(from: &Arc<dyn Disk>, to: &Arc<dyn Disk>, options: &Options) -> Result<Salvaged, Error> {
    let names = to.list().map_err(Error::medium("list", &to.name()))?;
    if let Some(file) = names.into_iter().find(|name| crate::format::is_ours(name)) {
        return Err(Error::NotEmpty { file });
    }
    let numbers = segments(&**from)?;
    let mut options = options.clone();
    if let Some(header) = numbers.iter().find_map(|number| Some(Walker::open(&**from, *number).ok()?.header))
    {
        options.shard = header.shard;
        options.hash = options.hash.or(Some(header.hash));
    }
    let lock = take_lock(&**to)?;
    to.create(UNFINISHED).map_err(Error::medium("create", UNFINISHED))?;
    to.sync_dir().map_err(Error::medium("sync", &to.name()))?;
    let raw = Raw::begin(Arc::clone(to), lock, &options)?;
    let mut salvage = Salvage { raw, seen: Frontier::default(), found: Salvaged::default() };
    // Where the segment before ended, if that is known for certain.
    let mut end = Some((Walker::origin(), None));
    let last = numbers.last().copied().unwrap_or(0);
    let mut next = 1;
    for segment in numbers {
        if segment > next {
            salvage.found.segments_missing.push(next..=segment - 1);
            end = None;
        }
        next = segment.saturating_add(1);
        let walker = match Walker::open(&**from, segment) {
            Ok(walker) => walker,
            Err(Error::Damaged(damage)) => {
                salvage.found.damage.push(damage);
                // A header says nothing that the end of the segment before does not say, except the hash.
                let rebuilt = match end {
                    Some((end, like)) => rebuilt(&**from, segment, &end, like)?,
                    None => None,
                };
                let Some(walker) = rebuilt else {
                    end = None;
                    continue;
                };
                walker
            }
            Err(error) => return Err(error),
        };
        if let Some((end, _)) = &end {
            if let Err(Error::Damaged(damage)) = walker.continues(end) {
                salvage.found.lost_more(damage.records.end - damage.records.start);
                salvage.found.damage.push(damage);
            }
        }
        end = salvage.segment(walker, segment == last)?;
    }
    let mut bad = Vec::new();
    if let Some((_, snapshot)) = snapshot::newest(&**from, &mut bad)? {
        for place in &snapshot.vector {
            salvage.gap(place.block, place.sequence);
        }
    }
    salvage.raw.finish()?;
    to.remove(UNFINISHED).map_err(Error::medium("remove", UNFINISHED))?;
    to.sync_dir().map_err(Error::medium("sync", &to.name()))?;
    salvage.found.missing.sort_by_key(|missing| (missing.block, *missing.sequences.start()));
    Ok(salvage.found)
}

/// The segment with the header that it must have had.
fn rebuilt(
    disk: &dyn Disk,
    segment: u32,
    end: &Position,
    like: Option<SegmentHeader>,
) -> Result<Option<Walker>, Error> {
    for hash in [HashKind::Blake3, HashKind::Sm3] {
        let header = SegmentHeader {
            hash,
            shard: like.map_or(0, |header| header.shard),
            segment,
            first_record: end.record,
            first_group: end.group,
            previous: end.head,
        };
        let mut walker = Walker::with_header(disk, header)?;
        if walker.next_group()? == Step::Group {
            return Walker::with_header(disk, header).map(Some);
        }
    }
    Ok(None)
}

impl Salvage {
    /// Takes what verifies of one segment; where it ends, if that is certain.
    fn segment(
        &mut self,
        mut walker: Walker,
        is_last: bool,
    ) -> Result<Option<(Position, Option<SegmentHeader>)>, Error> {
        loop {
            match walker.next_group()? {
                Step::Group => {
                    let mut records = walker.records();
                    while let Some((entry, rest)) = split_record(records) {
                        self.keep(entry)?;
                        records = rest;
                    }
                }
                Step::End => return Ok(Some((walker.at(), Some(walker.header)))),
                Step::Bad(reason) => {
                    if !self.skip(&mut walker, reason, is_last)? {
                        return Ok(is_last.then_some((walker.at(), Some(walker.header))));
                    }
                }
            }
        }
    }

    /// Goes on behind a group that does not verify; false if nothing follows in this segment.
    fn skip(&mut self, walker: &mut Walker, reason: Phrase, is_last: bool) -> Result<bool, Error> {
        let at = walker.at();
        let fits =
            |commit: &crate::format::Commit| commit.group >= at.group && commit.first_record >= at.record;
        let mut from = at.offset;
        let later = loop {
            match walker.commit_after(from, fits)? {
                // Its records must lie behind what is known.
                Some(later) if later.commit_at < at.offset + u64::from(later.commit.bytes) => {
                    from = later.commit_at + 1;
                }
                found => break found,
            }
        };
        let Some(later) = later else {
            let end = walker.written_end()?;
            if is_last {
                let bytes = end - at.offset;
                self.found.torn =
                    Some(TornTail { file: walker.name.clone(), offset: at.offset, bytes, reason });
            } else {
                let damage = Damage { file: walker.name.clone(), offset: at.offset, reason, records: 0..0 };
                self.found.damage.push(damage);
            }
            return Ok(false);
        };
        let commit = later.commit;
        let group_at = later.commit_at - u64::from(commit.bytes);
        let records = walker.read(group_at, commit.bytes as usize)?;
        let is_next = commit.group == at.group;
        let kept = if is_next && reason == crate::reader::UNCHAINED {
            // Every checksum matches and the chain does not: that is no accident, and nothing of it is believed.
            0
        } else {
            self.keep_what_holds(&records)?
        };
        self.found.unchained += kept;
        let lost =
            (commit.first_record - at.record).saturating_add(u64::from(commit.count).saturating_sub(kept));
        self.found.lost_more(lost);
        let end = commit.first_record.saturating_add(u64::from(commit.count));
        let affected = at.record..if kept == u64::from(commit.count) { commit.first_record } else { end };
        self.found.damage.push(Damage {
            file: walker.name.clone(),
            offset: at.offset,
            reason,
            records: affected,
        });
        walker.jump(Position {
            segment: at.segment,
            offset: later.commit_at + COMMIT as u64,
            record: end,
            group: commit.group.saturating_add(1),
            head: commit.head,
        });
        Ok(true)
    }

    /// Keeps the records that match their checksums, as far as their boundaries are certain; how many.
    fn keep_what_holds(&mut self, records: &[u8]) -> Result<u64, Error> {
        // Lengths lead from record to record. If they lead exactly to the end, one bad record costs only itself;
        // otherwise a length is wrong, and nothing behind the first bad record has a certain beginning.
        let mut pieces = Vec::new();
        let mut rest = records;
        while let Some((_, next)) = split_record(rest) {
            pieces.push(&rest[..rest.len() - next.len()]);
            rest = next;
        }
        let whole = rest.is_empty();
        let mut kept = 0;
        for piece in pieces {
            if record_holds(piece) {
                self.keep(decode_record(piece))?;
                kept += 1;
            } else if !whole {
                break;
            }
        }
        Ok(kept)
    }

    fn keep(&mut self, entry: EntryRef<'_>) -> Result<(), Error> {
        if let Some(place) = entry.place {
            if place.sequence <= self.seen.get(place.block) {
                // Cannot be: a journal has each place once. A second one is not brought over.
                self.found.lost += 1;
                return Ok(());
            }
            self.gap(place.block, place.sequence - 1);
            self.seen.set(place.block, place.sequence);
        }
        self.found.records += 1;
        self.raw.put(entry)
    }

    /// The block has a history up to this sequence: what of it was not seen is missing.
    fn gap(&mut self, block: u32, sequence: u32) {
        let seen = self.seen.get(block);
        if sequence > seen {
            self.found.missing.push(Missing { block, sequences: seen + 1..=sequence });
            self.seen.set(block, sequence);
        }
    }
}

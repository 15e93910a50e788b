//! Walks one segment group by group, and believes nothing that does not verify.
//!
//! Invariant: a group is handed out only if every record matches its checksum, its commit block closes it, and its
//! head continues the chain.

use crate::disk::{Disk, File, read_full};
use crate::entry::EntryRef;
use crate::error::Error;
use crate::format::{
    self, COMMIT, Commit, GROUP_MAX, HEADER, PREFIX, Piece, SegmentHeader, UNFINISHED, decode_record, piece,
    record_holds, segment_name, segment_number,
};
use crate::hash::Head;
use haoyuan_core::said::Phrase;
use std::ops::Range;

/// How much is read at a time: small enough to stay in the processor's cache until it is hashed.
const CHUNK: usize = 1 << 18;

/// Every checksum of a group matches and the chain does not.
pub(crate) const UNCHAINED: Phrase =
    Phrase::new("the chain head does not continue the one before", "链头与前一个不相接");

/// The numbers of all segments of the folder, in order.
pub(crate) fn segments(disk: &dyn Disk) -> Result<Vec<u32>, Error> {
    let names = disk.list().map_err(Error::medium("list", &disk.name()))?;
    if names.iter().any(|name| name == UNFINISHED) {
        return Err(Error::Unfinished);
    }
    let mut numbers: Vec<u32> = names.iter().filter_map(|name| segment_number(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// As [`segments`], and none is missing between `first` and the last.
pub(crate) fn segments_from(disk: &dyn Disk, first: u32) -> Result<Vec<u32>, Error> {
    let mut numbers = segments(disk)?;
    numbers.retain(|number| *number >= first);
    for (number, wanted) in numbers.iter().zip(first..) {
        if *number != wanted {
            return Err(Error::SegmentMissing { segment: wanted });
        }
    }
    Ok(numbers)
}

/// Where a walk stands: everything before it verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) segment: u32,
    pub(crate) offset: u64,
    /// The number of the next record.
    pub(crate) record: u64,
    /// The number of the next group.
    pub(crate) group: u64,
    /// The chain head here.
    pub(crate) head: Head,
}

/// What the next bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A group that verifies; its records are [`Walker::records`].
    Group,
    /// Nothing but zeros up to the end of the file.
    End,
    /// Something that does not verify, and why.
    Bad(Phrase),
}

/// What lies behind a group that does not verify.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Later {
    /// Where the next commit block of this segment begins.
    pub(crate) commit_at: u64,
    pub(crate) commit: Commit,
}

/// One segment being read.
pub(crate) struct Walker {
    file: Box<dyn File>,
    pub(crate) name: String,
    pub(crate) header: SegmentHeader,
    pub(crate) length: u64,
    salt: u32,
    at: Position,
    /// Bytes of the file from `window_at` on.
    window: Vec<u8>,
    window_at: u64,
    /// The records of the last group, as a range of the window.
    records: Range<usize>,
    /// Where the last group began.
    pub(crate) group_at: u64,
    pub(crate) group_first: u64,
}

impl Walker {
    /// Opens a segment and reads its header.
    pub(crate) fn open(disk: &dyn Disk, segment: u32) -> Result<Self, Error> {
        let name = segment_name(segment);
        let file = disk.open(&name, false).map_err(Error::medium("open", &name))?;
        let length = file.len().map_err(Error::medium("measure", &name))?;
        let mut bytes = [0; HEADER];
        let read = read_full(&*file, 0, &mut bytes).map_err(Error::medium("read", &name))?;
        let header = SegmentHeader::decode(&name, segment, &bytes[..read])?;
        Ok(Self::new(file, name, length, header))
    }

    /// Opens a segment as if it had this header.
    pub(crate) fn with_header(disk: &dyn Disk, header: SegmentHeader) -> Result<Self, Error> {
        let name = segment_name(header.segment);
        let file = disk.open(&name, false).map_err(Error::medium("open", &name))?;
        let length = file.len().map_err(Error::medium("measure", &name))?;
        Ok(Self::new(file, name, length, header))
    }

    fn new(file: Box<dyn File>, name: String, length: u64, header: SegmentHeader) -> Self {
        let head = header.head();
        let at = Position {
            segment: header.segment,
            offset: HEADER as u64,
            record: header.first_record,
            group: header.first_group,
            head,
        };
        Self {
            file,
            name,
            header,
            length,
            salt: format::salt(&head),
            at,
            window: Vec::new(),
            window_at: HEADER as u64,
            records: 0..0,
            group_at: HEADER as u64,
            group_first: header.first_record,
        }
    }

    /// Where the next group begins.
    pub(crate) fn at(&self) -> Position {
        self.at
    }

    pub(crate) fn salt(&self) -> u32 {
        self.salt
    }

    /// Goes to a position without reading what lies before it.
    pub(crate) fn jump(&mut self, to: Position) {
        self.at = to;
        self.group_at = to.offset;
        self.window.clear();
        self.window_at = to.offset;
    }

    /// Forgets what was read from the position on, and how long the file was.
    pub(crate) fn refresh(&mut self) -> Result<(), Error> {
        self.length = self.file.len().map_err(Error::medium("measure", &self.name))?;
        self.jump(self.at);
        Ok(())
    }

    /// The records of the last group.
    pub(crate) fn records(&self) -> &[u8] {
        &self.window[self.records.clone()]
    }

    /// The last group with its commit block.
    pub(crate) fn group_bytes(&self) -> &[u8] {
        &self.window[self.records.start..self.records.end + COMMIT]
    }

    /// Whether `end` bytes from the position on are in the window, after reading if need be.
    fn reach(&mut self, end: usize) -> Result<bool, Error> {
        let skip = usize::try_from(self.at.offset - self.window_at).unwrap_or(usize::MAX);
        if self.window.len() >= skip.saturating_add(end) {
            return Ok(true);
        }
        self.window.drain(..skip.min(self.window.len()));
        self.window_at = self.at.offset;
        let have = self.window.len();
        let left = usize::try_from(self.length.saturating_sub(self.window_at)).unwrap_or(usize::MAX);
        let want = left.min(end.max(have + CHUNK));
        if want > have {
            self.window.resize(want, 0);
            let read = read_full(&*self.file, self.window_at + have as u64, &mut self.window[have..])
                .map_err(Error::medium("read", &self.name))?;
            self.window.truncate(have + read);
        }
        Ok(self.window.len() >= end)
    }

    /// Reads the next group.
    pub(crate) fn next_group(&mut self) -> Result<Step, Error> {
        let mut end = 0;
        let mut count = 0_u32;
        loop {
            if end > GROUP_MAX - COMMIT {
                return Ok(Step::Bad(Phrase::new("no commit block closes the group", "该组没有提交块")));
            }
            if !self.reach(end + PREFIX)? {
                // A file that is shorter than its own header has no rest.
                let rest = self.length.saturating_sub(self.at.offset);
                return if end == 0 && self.rest_is_blank()? {
                    Ok(Step::End)
                } else if rest == end as u64 {
                    Ok(Step::Bad(Phrase::new(
                        "the file ends before the group is closed",
                        "文件在该组结束之前终止",
                    )))
                } else {
                    Ok(Step::Bad(Phrase::new("the file ends within a record", "文件在一条记录中间终止")))
                };
            }
            let base = self.base();
            match piece(format::array(&self.window, base + end)) {
                Piece::Record(length) => {
                    if !self.reach(end + length)? {
                        return Ok(Step::Bad(Phrase::new(
                            "the file ends within a record",
                            "文件在一条记录中间终止",
                        )));
                    }
                    let base = self.base();
                    if !record_holds(&self.window[base + end..base + end + length]) {
                        return Ok(Step::Bad(Phrase::new(
                            "the checksum of a record does not match",
                            "记录的校验和不符",
                        )));
                    }
                    end += length;
                    count += 1;
                }
                Piece::Commit => return self.close(end, count),
                Piece::Blank if end == 0 => {
                    return if self.rest_is_blank()? {
                        Ok(Step::End)
                    } else {
                        Ok(Step::Bad(Phrase::new("a group begins with zeros", "该组以零字节开头")))
                    };
                }
                Piece::Blank => {
                    return Ok(Step::Bad(Phrase::new(
                        "the group ends in zeros instead of a commit block",
                        "该组末尾是零字节而不是提交块",
                    )));
                }
                Piece::Unknown => {
                    return Ok(Step::Bad(Phrase::new(
                        "the flags of a record are unknown",
                        "记录的标志位未知",
                    )));
                }
            }
        }
    }

    fn base(&self) -> usize {
        usize::try_from(self.at.offset - self.window_at).expect("the window begins at or before the position")
    }

    fn close(&mut self, end: usize, count: u32) -> Result<Step, Error> {
        if !self.reach(end + COMMIT)? {
            return Ok(Step::Bad(Phrase::new("the file ends within a commit block", "文件在提交块中间终止")));
        }
        let base = self.base();
        let Some(commit) = Commit::decode(&self.window[base + end..], self.salt) else {
            return Ok(Step::Bad(Phrase::new(
                "the checksum of a commit block does not match",
                "提交块的校验和不符",
            )));
        };
        if count == 0
            || commit.count != count
            || commit.bytes as usize != end
            || commit.first_record != self.at.record
            || commit.group != self.at.group
        {
            return Ok(Step::Bad(Phrase::new(
                "a commit block does not count what lies before it",
                "提交块的计数与其之前的内容不符",
            )));
        }
        let records = base..base + end;
        if commit.chain(self.header.hash, &self.at.head, &self.window[records.clone()]) != commit.head {
            return Ok(Step::Bad(UNCHAINED));
        }
        self.records = records;
        self.group_at = self.at.offset;
        self.group_first = self.at.record;
        self.at.offset += (end + COMMIT) as u64;
        self.at.record = self.at.record.saturating_add(u64::from(count));
        self.at.group = self.at.group.saturating_add(1);
        self.at.head = commit.head;
        Ok(Step::Group)
    }

    /// Whether only zeros follow.
    pub(crate) fn rest_is_blank(&self) -> Result<bool, Error> {
        Ok(self.written_end()? <= self.at.offset)
    }

    /// The end of what is not zero.
    pub(crate) fn written_end(&self) -> Result<u64, Error> {
        let mut buffer = vec![0; CHUNK];
        let mut to = self.length;
        while to > self.at.offset {
            let from = to.saturating_sub(CHUNK as u64).max(self.at.offset);
            let part = &mut buffer[..usize::try_from(to - from).expect("no more than a chunk")];
            let read = read_full(&*self.file, from, part).map_err(Error::medium("read", &self.name))?;
            if let Some(last) = part[..read].iter().rposition(|byte| *byte != 0) {
                return Ok(from + last as u64 + 1);
            }
            to = from;
        }
        Ok(self.at.offset)
    }

    /// Looks behind a group that does not verify for the commit block of a later one. Groups are synced one by one, so
    /// a later commit block proves that this group was once whole.
    pub(crate) fn later(&self) -> Result<Option<Later>, Error> {
        self.commit_after(self.at.offset, |commit| commit.group > self.at.group)
    }

    /// The first commit block from `from` on that satisfies `wanted`.
    pub(crate) fn commit_after(
        &self,
        from: u64,
        wanted: impl Fn(&Commit) -> bool,
    ) -> Result<Option<Later>, Error> {
        let mut buffer = vec![0; CHUNK];
        let mut at = from;
        while at + COMMIT as u64 <= self.length {
            let read = read_full(&*self.file, at, &mut buffer).map_err(Error::medium("read", &self.name))?;
            if read < COMMIT {
                break;
            }
            let tries = read - COMMIT + 1;
            for index in 0..tries {
                // The flags byte first: nearly every other byte fails here.
                if buffer[index + 7] == 0x80 {
                    if let Some(commit) = Commit::decode(&buffer[index..read], self.salt) {
                        if wanted(&commit) {
                            return Ok(Some(Later { commit_at: at + index as u64, commit }));
                        }
                    }
                }
            }
            at += tries as u64;
        }
        Ok(None)
    }

    /// Reads a range of the file; shorter at its end.
    pub(crate) fn read(&self, from: u64, length: usize) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; length];
        let read = read_full(&*self.file, from, &mut bytes).map_err(Error::medium("read", &self.name))?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// That this segment continues the one before.
    pub(crate) fn continues(&self, previous: &Position) -> Result<(), Error> {
        let header = &self.header;
        if header.previous != previous.head {
            let lost = previous.record..header.first_record.max(previous.record);
            Err(Error::damaged(
                &self.name,
                48,
                Phrase::new(
                    "the segment does not continue the chain of the one before",
                    "该段与前一段的哈希链不相接",
                ),
                lost,
            ))
        } else if header.first_record != previous.record || header.first_group != previous.group {
            let lost = previous.record..header.first_record.max(previous.record);
            Err(Error::damaged(
                &self.name,
                32,
                Phrase::new("the segment does not count on from the one before", "该段的计数与前一段不相接"),
                lost,
            ))
        } else {
            Ok(())
        }
    }

    /// The head that a first segment must name as its previous.
    pub(crate) fn origin() -> Position {
        Position { segment: 0, offset: 0, record: 0, group: 0, head: Head::default() }
    }
}

/// The first record of some, and the bytes after it.
#[inline]
pub(crate) fn split_record(records: &[u8]) -> Option<(EntryRef<'_>, &[u8])> {
    let Piece::Record(length) = piece(*records.first_chunk()?) else { return None };
    let (record, rest) = records.split_at_checked(length)?;
    Some((decode_record(record), rest))
}

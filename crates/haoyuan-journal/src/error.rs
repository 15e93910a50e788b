//! What can go wrong, in the words of whoever has to act on it: which file, where, and what is affected.
//!
//! An error is a value that can be cloned, because one failed sync is the answer to every receipt that waited for it.

use std::fmt;
use std::io;
use std::ops::Range;
use std::sync::Arc;

/// Why the journal could not do what it was asked.
#[derive(Clone, Debug)]
pub enum Error {
    /// Another process (or another journal of this process) has the folder open for writing.
    Locked {
        /// What the holder wrote into the lock file, or why that could not be read.
        holder: String,
    },
    /// The medium refused an operation.
    Medium {
        /// What was being done, such as `sync`.
        doing: &'static str,
        /// The file or folder.
        file: String,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// Bytes that were once good are not what was written, and later good ones prove it.
    Damaged(Damage),
    /// The file was written by a version that this one does not read.
    Version {
        /// The file.
        file: String,
        /// The version that wrote it.
        version: u16,
        /// The oldest version that can read it.
        readable_from: u16,
    },
    /// A segment that must exist does not.
    SegmentMissing {
        /// Its number.
        segment: u32,
    },
    /// The segment belongs to another shard than the one the journal is opened for.
    Shard {
        /// The file.
        file: String,
        /// The shard in its header.
        found: u64,
        /// The shard asked for.
        wanted: u64,
    },
    /// The newest snapshot was taken at a position that the journal does not have: acknowledged records are gone.
    Behind {
        /// The snapshot.
        snapshot: String,
        /// The segment of its position.
        segment: u32,
        /// The offset of its position.
        offset: u64,
    },
    /// An exported head is not the head of these records: they were rewritten, or the list is of another journal.
    HeadDiffers {
        /// The segment.
        segment: u32,
        /// How many of its records the head covers.
        records: u64,
    },
    /// A write or sync failed earlier; nothing is acknowledged any more. Reading still works.
    Poisoned {
        /// The first failure.
        cause: Arc<Error>,
    },
    /// A record of the block came whose sequence is journaled already.
    Repeated {
        /// The block.
        block: u32,
        /// The sequence.
        sequence: u32,
    },
    /// Records wait for their block's predecessor, and it did not come in time.
    PredecessorMissing {
        /// The block.
        block: u32,
        /// The sequence that never came.
        sequence: u32,
        /// How many records wait, for this one and for others.
        held_back: usize,
    },
    /// The payload is longer than a record can carry.
    PayloadTooLong {
        /// Its length.
        length: usize,
    },
    /// The journal was closed before the record was on disk.
    Closed,
    /// The recovery was begun for reading only; a journal needs the lock.
    ReadOnly,
    /// An option cannot be used.
    Option {
        /// Its name.
        name: &'static str,
        /// Why not.
        reason: &'static str,
    },
    /// A line of exported heads cannot be read.
    HeadText {
        /// The line.
        line: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The folder must be empty and is not.
    NotEmpty {
        /// A file in it.
        file: String,
    },
}

/// Where bytes are not what was written, and what that costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// The offset of the group, header or block that does not verify.
    pub offset: u64,
    /// What does not verify.
    pub reason: &'static str,
    /// The records (counted from 0 over the whole journal) that are affected, as far as later good ones tell.
    pub records: Range<u64>,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is damaged at offset {}: {}", self.file, self.offset, self.reason)?;
        if self.records.is_empty() {
            Ok(())
        } else {
            write!(f, "; affected are the records {} to {}", self.records.start, self.records.end - 1)
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked { holder } => {
                write!(f, "the journal is already open for writing ({holder}); close it there first")
            }
            Self::Medium { doing, file, source } => write!(f, "could not {doing} `{file}`: {source}"),
            Self::Damaged(damage) => {
                write!(f, "{damage}; salvage the folder into a new one to keep what verifies")
            }
            Self::Version { file, version, readable_from } => write!(
                f,
                "`{file}` has format version {version}, readable from version {readable_from} on; this program \
                 reads versions {} to {}",
                crate::format::VERSION_MIN,
                crate::format::VERSION
            ),
            Self::SegmentMissing { segment } => {
                write!(
                    f,
                    "segment `{}` is missing; bring it back from the archive",
                    crate::format::segment_name(*segment)
                )
            }
            Self::Shard { file, found, wanted } => {
                write!(f, "`{file}` belongs to shard `{found}`, not to shard `{wanted}`")
            }
            Self::Behind { snapshot, segment, offset } => write!(
                f,
                "snapshot `{snapshot}` was taken at offset {offset} of segment `{segment}`, which the journal does \
                 not have: acknowledged records are missing"
            ),
            Self::HeadDiffers { segment, records } => write!(
                f,
                "the first {records} records of segment `{segment}` are not those of the exported head"
            ),
            Self::Poisoned { cause } => {
                write!(
                    f,
                    "nothing is acknowledged any more since the journal failed: {cause}; reopen it to recover"
                )
            }
            Self::Repeated { block, sequence } => {
                write!(f, "sequence `{sequence}` of block `{block}` is journaled already")
            }
            Self::PredecessorMissing { block, sequence, held_back } => write!(
                f,
                "{held_back} records wait for sequence `{sequence}` of block `{block}`, which never came"
            ),
            Self::PayloadTooLong { length } => write!(
                f,
                "a payload of {length} bytes is longer than the {} a record can carry",
                crate::entry::PAYLOAD_MAX
            ),
            Self::Closed => f.write_str("the journal was closed before the record was on disk"),
            Self::ReadOnly => f.write_str("the recovery was begun for reading only; begin it for writing"),
            Self::Option { name, reason } => write!(f, "option `{name}` {reason}"),
            Self::HeadText { line, reason } => write!(f, "exported head `{line}`: {reason}"),
            Self::NotEmpty { file } => write!(f, "the folder must be empty, but `{file}` is in it"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Medium { source, .. } => Some(&**source),
            Self::Poisoned { cause } => Some(&**cause),
            _ => None,
        }
    }
}

impl Error {
    /// For `map_err`: what was done to which file.
    pub(crate) fn medium(doing: &'static str, file: &str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Medium { doing, file, source: Arc::new(source) }
    }

    pub(crate) fn damaged(file: &str, offset: u64, reason: &'static str, records: Range<u64>) -> Self {
        Self::Damaged(Damage { file: file.to_owned(), offset, reason, records })
    }
}

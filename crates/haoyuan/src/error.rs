//! What can go wrong between the platform and its journal, in words that say what to do.

use haoyuan_platform::NamesError;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

/// Why the registry could not do what it was asked.
#[derive(Clone, Debug)]
pub enum Error {
    /// What the journal says.
    Journal(haoyuan_journal::Error),
    /// The folder cannot be opened or created.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system said.
        source: Arc<io::Error>,
    },
    /// A record verifies and still does not fit: another version wrote it, or the engine is opened too small.
    Replay {
        /// Its number in the whole journal, from 0.
        record: u64,
        /// The segment it is in.
        segment: u32,
        /// What does not fit.
        reason: String,
    },
    /// A snapshot verifies and still cannot be taken up.
    Snapshot(String),
    /// A plan cannot be published.
    Names(NamesError),
    /// The journal has failed, so nothing was decided; questions are still answered.
    Undecided(haoyuan_journal::Error),
    /// There is no journal.
    NoJournal,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Journal(error) => error.fmt(f),
            Self::Folder { folder, source } => {
                write!(f, "could not open folder `{}`: {source}", folder.display())
            }
            Self::Replay { record, segment, reason } => {
                write!(f, "record {record} of segment {segment} cannot be replayed: {reason}")
            }
            Self::Snapshot(reason) => {
                write!(f, "the snapshot cannot be taken up: {reason}; recover from the first segment instead")
            }
            Self::Names(error) => error.fmt(f),
            Self::Undecided(cause) => {
                write!(
                    f,
                    "nothing was decided, because the journal takes no changes any more: {cause}; repair the medium and restart"
                )
            }
            Self::NoJournal => f.write_str("there is no journal; open with a durability other than `Memory`"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Journal(error) | Self::Undecided(error) => Some(error),
            Self::Folder { source, .. } => Some(&**source),
            Self::Names(error) => Some(error),
            Self::Replay { .. } | Self::Snapshot(_) | Self::NoJournal => None,
        }
    }
}

impl From<haoyuan_journal::Error> for Error {
    fn from(error: haoyuan_journal::Error) -> Self {
        Self::Journal(error)
    }
}

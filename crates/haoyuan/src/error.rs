//! What can go wrong between the platform and its journal, in words that say what to do.

use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
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
        reason: Said,
    },
    /// A snapshot verifies and still cannot be taken up.
    Snapshot(Said),
    /// A plan cannot be published.
    Names(NamesError),
    /// The journal has failed, so nothing was decided; questions are still answered.
    Undecided(haoyuan_journal::Error),
    /// There is no journal.
    NoJournal,
}

impl Speak for Error {
    fn said(&self) -> Said {
        match self {
            Self::Journal(error) => error.said(),
            Self::Folder { folder, source } => said!(
                "could not open folder `{folder}`: {source}",
                "无法打开目录 `{folder}`:{source}",
                folder = Said::same(folder.display()),
                source = haoyuan_journal::system(source)
            ),
            Self::Replay { record, segment, reason } => said!(
                "record {record} of segment {segment} cannot be replayed: {reason}",
                "第 {segment} 段的第 {record} 条记录无法重放:{reason}",
                record,
                segment,
                reason
            ),
            Self::Snapshot(reason) => said!(
                "the snapshot cannot be taken up: {reason}; recover from the first segment instead",
                "快照无法采用:{reason};请改从第一段恢复",
                reason
            ),
            Self::Names(error) => error.said(),
            Self::Undecided(cause) => said!(
                "nothing was decided, because the journal takes no changes any more: {cause}; repair the medium and restart",
                "未作任何裁决,因为日志不再接受变更:{cause};请修复存储并重新启动",
                cause
            ),
            Self::NoJournal => said!(
                "there is no journal; open with a durability other than `Memory`",
                "没有日志;请以 `Memory` 以外的持久方式打开"
            ),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
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

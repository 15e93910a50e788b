//! What can go wrong, in the words of whoever has to act on it: which file, where, and what is affected.
//!
//! An error is a value that can be cloned, because one failed sync is the answer to every receipt that waited for it.

use haoyuan_core::said;
use haoyuan_core::said::{Phrase, Said, Speak};
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
        reason: Phrase,
    },
    /// A line of exported heads cannot be read.
    HeadText {
        /// The line.
        line: String,
        /// What is wrong with it.
        reason: Phrase,
    },
    /// The folder must be empty and is not.
    NotEmpty {
        /// A file in it.
        file: String,
    },
    /// A salvage into the folder did not end: only part of what verifies is there.
    Unfinished,
}

/// Where bytes are not what was written, and what that costs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// The file.
    pub file: String,
    /// The offset of the group, header or block that does not verify.
    pub offset: u64,
    /// What does not verify.
    pub reason: Phrase,
    /// The records (counted from 0 over the whole journal) that are affected, as far as later good ones tell.
    pub records: Range<u64>,
}

impl Speak for Damage {
    fn said(&self) -> Said {
        let Self { file, offset, reason, records } = self;
        let affected = if records.is_empty() {
            Said::default()
        } else {
            said!(
                "; affected are the records {first} to {last}",
                ";受影响的记录为 {first} 至 {last}",
                first = records.start,
                last = records.end - 1
            )
        };
        said!(
            "`{file}` is damaged at offset {offset}: {reason}{affected}",
            "`{file}` 在位置 {offset} 处损坏:{reason}{affected}",
            file,
            offset,
            reason,
            affected
        )
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

/// What the system says, in Chinese if it is one of the usual things.
#[must_use]
pub fn system(error: &io::Error) -> Said {
    use io::ErrorKind as Kind;
    let usual = match error.kind() {
        Kind::NotFound => "文件或目录不存在",
        Kind::PermissionDenied => "没有权限",
        Kind::AlreadyExists => "已经存在",
        Kind::IsADirectory => "这是目录,不是文件",
        Kind::NotADirectory => "这不是目录",
        Kind::StorageFull => "磁盘已满",
        Kind::QuotaExceeded => "超出磁盘配额",
        Kind::ReadOnlyFilesystem => "文件系统只读",
        Kind::ResourceBusy => "正被占用",
        _ => return Said::same(error),
    };
    let code = error.raw_os_error().map_or_else(String::new, |code| format!(" (os error {code})"));
    Said { en: error.to_string(), zh: format!("{usual}{code}") }
}

/// What can be done to a file.
const DEEDS: [(&str, &str); 13] = [
    ("create", "创建"),
    ("list", "列出"),
    ("lock", "锁定"),
    ("measure", "获取长度"),
    ("open", "打开"),
    ("preallocate", "预分配"),
    ("read", "读取"),
    ("remove", "删除"),
    ("rename", "重命名"),
    ("start a thread for", "启动线程"),
    ("sync", "同步"),
    ("truncate", "截断"),
    ("write", "写入"),
];

/// What the medium refused.
fn medium(doing: &str, file: &str, source: &io::Error) -> Said {
    let zh = DEEDS.iter().find(|(en, _)| *en == doing).map_or(doing, |(_, zh)| zh);
    let doing = Said { en: doing.to_owned(), zh: zh.to_owned() };
    let source = system(source);
    said!("could not {doing} `{file}`: {source}", "`{file}` 无法{doing}:{source}", doing, file, source)
}

impl Speak for Error {
    fn said(&self) -> Said {
        match self {
            Self::Locked { holder } => said!(
                "the journal is already open for writing ({holder}); close it there first",
                "日志已被打开写入({holder});请先在那里关闭",
                holder
            ),
            Self::Medium { doing, file, source } => medium(doing, file, source),
            Self::Damaged(damage) => said!(
                "{damage}; salvage the folder into a new one to keep what verifies",
                "{damage};请将可核验的内容转出到新目录",
                damage
            ),
            Self::Version { file, version, readable_from } => said!(
                "`{file}` has format version {version}, readable from version {readable_from} on; this program reads \
                 versions {least} to {most}",
                "`{file}` 的格式版本为 {version},自版本 {readable_from} 起可读;本程序可读版本 {least} 至 {most}",
                file,
                version,
                readable_from,
                least = crate::format::VERSION_MIN,
                most = crate::format::VERSION
            ),
            Self::SegmentMissing { segment } => said!(
                "segment `{segment}` is missing; bring it back from the archive",
                "缺少日志段 `{segment}`;请从归档中恢复",
                segment = crate::format::segment_name(*segment)
            ),
            Self::Shard { file, found, wanted } => said!(
                "`{file}` belongs to shard `{found}`, not to shard `{wanted}`",
                "`{file}` 属于分片 `{found}`,而不是分片 `{wanted}`",
                file,
                found,
                wanted
            ),
            Self::Behind { snapshot, segment, offset } => said!(
                "snapshot `{snapshot}` was taken at offset {offset} of segment `{segment}`, which the journal does not \
                 have: acknowledged records are missing",
                "快照 `{snapshot}` 取自日志段 `{segment}` 的位置 {offset},而日志中没有该处:已确认的记录丢失",
                snapshot,
                offset,
                segment
            ),
            Self::HeadDiffers { segment, records } => said!(
                "the first {records} records of segment `{segment}` are not those of the exported head",
                "日志段 `{segment}` 的前 {records} 条记录与已存证的链头不符",
                records,
                segment
            ),
            Self::Poisoned { cause } => said!(
                "nothing is acknowledged any more since the journal failed: {cause}; reopen it to recover",
                "日志已失效,不再确认任何内容:{cause};请重新打开以恢复",
                cause = **cause
            ),
            Self::Repeated { block, sequence } => said!(
                "sequence `{sequence}` of block `{block}` is journaled already",
                "区块 `{block}` 的流水号 `{sequence}` 已在日志中",
                sequence,
                block
            ),
            Self::PredecessorMissing { block, sequence, held_back } => said!(
                "{held_back} records wait for sequence `{sequence}` of block `{block}`, which never came",
                "{held_back} 条记录在等待区块 `{block}` 的流水号 `{sequence}`,而它始终没有到来",
                held_back,
                sequence,
                block
            ),
            Self::PayloadTooLong { length } => said!(
                "a payload of {length} bytes is longer than the {most} a record can carry",
                "内容有 {length} 字节,超过一条记录的上限 {most} 字节",
                length,
                most = crate::entry::PAYLOAD_MAX
            ),
            Self::Closed => said!(
                "the journal was closed before the record was on disk",
                "日志在该记录写入磁盘之前已关闭"
            ),
            Self::ReadOnly => said!(
                "the recovery was begun for reading only; begin it for writing",
                "恢复是以只读方式开始的;请以写入方式开始"
            ),
            Self::Option { name, reason } => {
                said!("option `{name}` {reason}", "选项 `{name}` {reason}", name, reason)
            }
            Self::HeadText { line, reason } => {
                said!("exported head `{line}`: {reason}", "链头 `{line}`:{reason}", line, reason)
            }
            Self::NotEmpty { file } => {
                said!(
                    "the folder must be empty, but `{file}` is in it",
                    "目录必须为空,但其中有 `{file}`",
                    file
                )
            }
            Self::Unfinished => said!(
                "a salvage into this folder did not end, so it is no journal; remove it and salvage again",
                "向此目录的转出未完成,它不是完整的日志;请删除该目录后重新转出"
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

    pub(crate) fn damaged(file: &str, offset: u64, reason: Phrase, records: Range<u64>) -> Self {
        Self::Damaged(Damage { file: file.to_owned(), offset, reason, records })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_the_medium_refuses_is_said_in_chinese() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut seen = 0;
        for file in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read_to_string(file.unwrap().path()).unwrap();
            for call in text.split("Error::medium(\"").skip(1) {
                let doing = call.split('"').next().unwrap();
                assert!(DEEDS.iter().any(|(en, _)| *en == doing), "{doing}");
                seen += 1;
            }
        }
        assert!(seen > 10);
    }
}

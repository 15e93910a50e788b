//! What a function returns: 0, a refusal, or an error. One table; every constant and every text comes from it.
//!
//! INVARIANT (ranges): 0 is "yes"; the numbers of [`Code`] (1 to 999) are refusals, which are answers; -1 to -99 is the caller's
//! mistake, -101 to -199 what the world did, -201 to -299 a mistake of the library. A number never changes its meaning.

use haoyuan::refusal::Code;

macro_rules! statuses {
    ($($(#[$doc:meta])* $variant:ident = $number:literal, $text:literal, $en:literal, $zh:literal;)+) => {
        /// Why a call was not answered.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(i32)]
        pub enum Status {
            $($(#[$doc])* $variant = $number),+
        }

        impl Status {
            /// Every status but the refusals, in the order of the table.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable word.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// What it means, in English.
            #[must_use]
            pub const fn en(self) -> &'static str {
                match self { $(Self::$variant => $en),+ }
            }

            /// What it means, in Chinese.
            #[must_use]
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$variant => $zh),+ }
            }
        }
    };
}

statuses! {
    /// Done; a wish was granted.
    Ok = 0, "OK", "done", "成功";
    /// A pointer that must not be null is null.
    NullPointer = -1, "NULL_POINTER", "a pointer that is needed is null", "必需的指针为空";
    /// The handle was never given out, or was closed.
    InvalidHandle = -2, "INVALID_HANDLE", "there is no open registry with this handle", "句柄无效或已关闭";
    /// `struct_size` is not one that this library knows, or a newer field is set that it does not know.
    StructSize = -3, "STRUCT_SIZE",
        "the size of a structure is not known to this library: set `struct_size`, or use a newer library",
        "结构体大小不符:请设置 `struct_size` 或更新动态库";
    /// A length is larger than anything that it could count.
    InvalidLength = -4, "INVALID_LENGTH", "a length or count is out of range", "长度或数量超出范围";
    /// A text is not UTF-8.
    InvalidUtf8 = -5, "INVALID_UTF8", "a text is not valid UTF-8", "文本不是有效的 UTF-8";
    /// A field is out of its range; `haoyuan_last_error` names it.
    InvalidArgument = -6, "INVALID_ARGUMENT", "a field is out of its range; the last error names it", "字段取值超出范围,详见最近错误";
    /// The buffer is too small; the length that is needed was written.
    BufferTooSmall = -7, "BUFFER_TOO_SMALL", "the buffer is too small; the length needed was written", "缓冲区太小,所需长度已写出";
    /// The program was compiled against another ABI than that of the library.
    AbiMismatch = -8, "ABI_MISMATCH",
        "the program and the library have different ABI versions; install the library that belongs to the header",
        "程序与动态库的 ABI 版本不符,请安装与头文件对应的动态库";
    /// A callback called a function that takes a handle.
    Reentered = -9, "REENTERED",
        "a callback may not use a registry; hand the work to a thread of your own",
        "回调中不可使用句柄,请转交自己的线程";
    /// As many registries are open as can be.
    TooManyHandles = -10, "TOO_MANY_HANDLES", "too many registries are open in this process", "本进程打开的句柄过多";
    /// A snapshot is being taken; ask again.
    Busy = -11, "BUSY", "a snapshot is being taken; ask again", "正在生成快照,请重试";
    /// No acknowledgement with this number was given out by this registry.
    UnknownAck = -12, "UNKNOWN_ACK", "this registry gave out no such acknowledgement", "没有此确认编号";
    /// Not durable yet; nothing is wrong.
    Pending = -101, "PENDING", "not durable yet", "尚未落盘";
    /// The journal has failed: what was asked was not decided, or was decided and may not survive a restart.
    JournalFailed = -102, "JOURNAL_FAILED",
        "the journal has failed and takes no changes any more; repair the medium and restart",
        "日志写入失败,不再接受变更;请修复存储后重启";
    /// Another process, or another handle of this one, has the folder.
    JournalLocked = -103, "JOURNAL_LOCKED", "the journal folder is in use", "日志目录正被占用";
    /// Bytes of the journal are not what was written.
    JournalDamaged = -104, "JOURNAL_DAMAGED",
        "the journal is damaged; see the last error, and `haoyuan recover --salvage`",
        "日志已损坏,详见最近错误,可用 haoyuan recover --salvage";
    /// The folder cannot be opened, created or read.
    Folder = -105, "FOLDER", "the journal folder cannot be opened", "无法打开日志目录";
    /// The journal verifies and does not fit: another version wrote it, or the limits are too small.
    JournalMisfit = -106, "JOURNAL_MISFIT",
        "the journal does not fit this library or these limits; see the last error",
        "日志与本版本或容量设置不符,详见最近错误";
    /// There is no journal.
    NoJournal = -107, "NO_JOURNAL", "the registry keeps no journal", "未启用日志";
    /// The directory, policy or roster of the options was refused; the last error says where and why.
    SetupRefused = -108, "SETUP_REFUSED",
        "the directory, policy or roster was refused; see the last error",
        "目录、策略或排班被拒绝,详见最近错误";
    /// The library made a mistake and stopped at its boundary; the log has the place. The handle can only be closed.
    Panicked = -201, "PANICKED", "the library made a mistake; the log says where; close the registry", "库内部错误,位置见日志;请关闭句柄";
    /// A mistake of the library was caught earlier under this handle, which can only be closed.
    Poisoned = -202, "POISONED", "an earlier mistake of the library made this handle unusable; close it", "句柄因先前的内部错误已不可用,请关闭";
}

impl Status {
    /// The number, as C has it.
    #[must_use]
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// The status with this number.
    #[must_use]
    pub fn from_number(number: i32) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.number() == number)
    }
}

/// The number of a refusal, as C has it.
#[must_use]
pub(crate) const fn refusal(code: Code) -> i32 {
    code.number() as i32
}

/// The stable word and both texts of any number that a function can return.
#[must_use]
pub(crate) fn words(number: i32) -> Option<(&'static str, &'static str, &'static str)> {
    if let Some(status) = Status::from_number(number) {
        return Some((status.text(), status.en(), status.zh()));
    }
    let code = Code::from_number(u16::try_from(number).ok()?)?;
    Some((code.text(), code.en(), code.zh()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_number_is_in_its_range_unique_and_translated() {
        let mut numbers = HashSet::new();
        let mut names = HashSet::new();
        for status in Status::ALL {
            let number = status.number();
            assert!(
                number == 0
                    || (-99..=-1).contains(&number)
                    || (-199..=-101).contains(&number)
                    || (-299..=-201).contains(&number)
            );
            assert!(numbers.insert(number) && names.insert(status.text()));
            assert!(!status.en().is_empty() && !status.zh().is_ascii(), "{status:?}");
            assert_eq!(words(number), Some((status.text(), status.en(), status.zh())));
        }
        for code in Code::ALL {
            assert!((1..=999).contains(&refusal(*code)));
            assert!(numbers.insert(refusal(*code)) && names.insert(code.text()));
            assert_eq!(words(refusal(*code)), Some((code.text(), code.en(), code.zh())));
        }
        assert_eq!(words(i32::MIN).or(words(i32::MAX)).or(words(1)), None);
    }
}

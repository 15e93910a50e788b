//! Every constant of the ABI, from the tables that decide: refusals, statuses, terms. The header and the files of every other
//! language are written from [`all`], by one test, which also says when they are old.

use crate::status::Status;
use haoyuan::Role;
use haoyuan::refusal::Code;
use haoyuan::terms::{Channel, Class, Grade};

/// The number that programs are linked by: `libhaoyuan.so.0`.
const ABI_MAJOR: i64 = 0;
/// Rises when something is added.
const ABI_MINOR: i64 = 2;

/// One constant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Constant {
    /// Without the prefix `HAOYUAN_`.
    pub name: String,
    /// Its value; all but a status are not negative and fit 32 bits.
    pub value: i64,
    /// What it means, in English.
    pub en: String,
    /// The same or the field's term in Chinese; may be empty.
    pub zh: String,
}

/// Constants of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The name in languages that have one for a group, in words.
    pub name: &'static str,
    /// What they are.
    pub about: &'static str,
    /// Whether they are signed: what functions return.
    pub signed: bool,
    /// They, in order.
    pub constants: Vec<Constant>,
}

fn constant(name: impl Into<String>, value: impl Into<i64>, en: &str, zh: &str) -> Constant {
    Constant { name: name.into(), value: value.into(), en: en.to_owned(), zh: zh.to_owned() }
}

fn term(prefix: &str, text: &str, number: u8, zh: &str) -> Constant {
    constant(format!("{prefix}_{}", text.to_uppercase()), number, &text.replace('_', " "), zh)
}

/// Every constant, by group.
#[must_use]
#[expect(clippy::too_many_lines, reason = "one table")]
pub fn all() -> Vec<Group> {
    let group = |name, about, constants| Group { name, about, signed: false, constants };
    vec![
        group(
            "abi",
            "What the header was made for; see `haoyuan_abi_check`",
            vec![
                constant("ABI_MAJOR", ABI_MAJOR, "programs of another major number do not fit", ""),
                constant("ABI_MINOR", ABI_MINOR, "a library with a smaller minor number lacks something", ""),
                constant("ABI_VERSION", ABI_MAJOR << 16 | ABI_MINOR, "both in one number", ""),
            ],
        ),
        Group {
            name: "status",
            about: "What a function returns when it is not a refusal",
            signed: true,
            constants: Status::ALL
                .iter()
                .map(|status| constant(status.text(), status.number(), status.en(), status.zh()))
                .collect(),
        },
        Group {
            name: "refusal",
            about: "Why the rules say no, in order of precedence; a refusal is an answer and not an error",
            signed: true,
            constants: Code::ALL
                .iter()
                .map(|code| constant(code.text(), code.number(), code.en(), code.zh()))
                .collect(),
        },
        group(
            "class",
            "By what right a patient asks",
            Class::ALL.iter().map(|class| term("CLASS", class.text(), class.number(), class.zh())).collect(),
        ),
        group(
            "channel",
            "Through which channel",
            Channel::ALL
                .iter()
                .map(|channel| term("CHANNEL", channel.text(), channel.number(), channel.zh()))
                .collect(),
        ),
        group(
            "grade",
            "The grade of a session",
            Grade::ALL.iter().map(|grade| term("GRADE", grade.text(), grade.number(), grade.zh())).collect(),
        ),
        group(
            "role",
            "Who gives a command, for the trace",
            Role::ALL.iter().map(|role| term("ROLE", role.text(), role.number(), role.zh())).collect(),
        ),
        group(
            "durability",
            "When a decision is acknowledged",
            vec![
                constant("MEMORY", 0, "there is no journal: a crash costs everything", "仅内存"),
                constant("ASYNC", 1, "when queued: a crash costs at most the stated window", "异步落盘"),
                constant(
                    "SYNCED",
                    2,
                    "when on disk: a crash costs nothing that was acknowledged",
                    "同步落盘",
                ),
            ],
        ),
        group(
            "refusals",
            "Which refusals the journal keeps",
            vec![
                constant("REFUSALS_ALL", 0, "each one", "全部"),
                constant("REFUSALS_PER_MINUTE", 1, "counts by minute, code, class and channel", "按分钟计数"),
                constant("REFUSALS_NONE", 2, "none but those with an idempotency key", "不记录"),
                constant("REFUSALS_BY_REASON", 3, "those that the options name", "按原因记录"),
            ],
        ),
        group(
            "hash",
            "The hash of the journal's chain",
            vec![
                constant("BLAKE3", 0, "BLAKE3", "BLAKE3"),
                constant("SM3", 1, "SM3, where the rules of the place ask for it", "国密 SM3"),
            ],
        ),
        group(
            "standing",
            "How a seat was given",
            vec![
                constant("HELD", 1, "until `expires`, to be confirmed before", "锁号"),
                constant("BOOKED", 2, "for good", "已预约"),
            ],
        ),
        group(
            "retry",
            "Whether to ask again after a refusal",
            vec![
                constant("RETRY_NEVER", 0, "not without changing the request", "无需重试"),
                constant("RETRY_NOW", 1, "at once", "立即重试"),
                constant("RETRY_FROM", 2, "from `retry_from` on", "从指定时间起"),
                constant("RETRY_WHEN_RETURNED", 3, "when somebody gives a seat back", "有退号时"),
            ],
        ),
        group(
            "binding",
            "What decided a refusal: the meaning of `binding_value`",
            vec![
                constant("BINDING_NONE", 0, "the code says it all", ""),
                constant("BINDING_POOL", 1, "a pool, for `haoyuan_pool_name`", "号源池"),
                constant("BINDING_BOOKING", 2, "another booking of the patient", "该患者的其他预约"),
                constant("BINDING_LIMIT", 3, "a count was reached: the limit", "数量上限"),
            ],
        ),
        group(
            "order",
            "How a search is sorted",
            vec![
                constant("ORDER_EARLIEST", 0, "by time", "按时间"),
                constant("ORDER_LEAST_LOADED", 1, "the least loaded first, then by time", "错峰"),
            ],
        ),
        group(
            "language",
            "The language of texts",
            vec![
                constant("ENGLISH", 0, "English", "英文"),
                constant("CHINESE", 1, "Chinese (zh-CN)", "中文"),
            ],
        ),
        group(
            "log",
            "How important a line of the log is",
            vec![
                constant("LOG_INFO", 1, "to know: opened, recovered, closed", ""),
                constant("LOG_WARNING", 2, "to look at: a torn tail was cut off", ""),
                constant("LOG_ERROR", 3, "to act on: the journal failed, or the library made a mistake", ""),
            ],
        ),
        group(
            "bounds",
            "Bounds",
            vec![
                constant("ANY", u32::MAX, "no choice, where a field says so", "不限"),
                constant("BATCH_MAX", 65_536, "elements of a batch, list or wait", ""),
                constant(
                    "TEXT_BYTES_MAX",
                    8 << 20,
                    "bytes of a text: as much as a line of the command language",
                    "",
                ),
                constant("HANDLES_MAX", 255, "registries open at once in one process", ""),
            ],
        ),
    ]
}

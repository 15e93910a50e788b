//! What is wrong with a record, in Chinese.
//!
//! INVARIANT (every reason): the reasons are said in English where a record is read, and each has its row here; a test
//! reads them from the source.

/// English, Chinese.
const REASONS: &[(&str, &str)] = &[
    ("a batch has no such part", "该批次没有这一部分"),
    ("a block has no such seat", "该区块没有这个号"),
    ("a block has no tree", "有区块没有号源池"),
    ("a count has 32 bits", "次数超过 32 位"),
    ("a limit has 32 bits", "限额超过 32 位"),
    ("a number has more than 64 bits", "数超过 64 位"),
    ("a number is written longer than needed", "数的写法不是最短的"),
    ("a person's key is zero", "人员键为零"),
    ("a pool tree has no such node", "没有这个号源池节点"),
    ("a reason code is not zero", "原因代码为零"),
    ("a session has no such slot", "该班次没有这个时段"),
    ("a slot is named by its index or by its start", "时段须以序号或开始时间指明"),
    ("a spare bit is set", "保留位不为零"),
    ("a ticket's number is not zero", "凭证号为零"),
    ("a transition has a place", "变更缺少位置"),
    ("an idempotency key is not zero", "幂等键为零"),
    ("no UTF-8", "不是 UTF-8"),
    ("nobody causes an expiry", "过期不应有操作者"),
    ("only the last part of a batch is shorter than a part can be", "批次中只有最后一部分可以不满"),
    ("seats have 32 bits", "号数超过 32 位"),
    (
        "only a transition or an event of the day has a place, and each has one",
        "只有变更与当日事件才有位置,且每个都须有位置",
    ),
    ("this is no place of a block", "这不是区块中的位置"),
    ("this is no place of the day", "这不是当日事件的位置"),
    ("the change is not of this kind", "变更与记录种类不符"),
    ("the command is missing", "缺少命令"),
    ("the patient as actor is not written", "操作者为患者本人时不应写出"),
    (
        "the patient is missing, or there is one although the record concerns nobody",
        "缺少患者,或该记录不应涉及患者",
    ),
    ("the patient's key is zero", "患者键为零"),
    ("the plan does not fit together", "排班内容自相矛盾"),
    ("the plan is not understood", "无法解读排班"),
    ("the record ends early", "记录不完整"),
    ("the record is longer than it says", "记录比其声明的更长"),
    ("the sequence of its own grant is not written", "不应写出其自身给号的流水号"),
    ("there is no such block", "没有这个区块"),
    ("there is no such change", "没有这种变更"),
    ("there is no such channel", "没有这个渠道"),
    ("there is no such class", "没有这个类别"),
    ("there is no such department", "没有这个科室"),
    ("there is no such institution", "没有这个机构"),
    ("there is no such kind; a newer version may have written it", "没有这种记录;可能由更新的版本写入"),
    ("there is no such refusal code", "没有这个拒绝代码"),
    ("there is no such role", "没有这个角色"),
    ("there is no such session", "没有这个班次"),
    ("these are not several sessions", "此处应有多个班次"),
    ("this instant is out of range", "时间超出范围"),
    ("this is no booking", "这不是预约"),
    ("this is no code of a session", "这不是班次编号"),
    ("this layout is unknown; a newer version may have written it", "布局未知;可能由更新的版本写入"),
];

/// A reason in Chinese.
pub(crate) fn zh(reason: &'static str) -> &'static str {
    REASONS.iter().find(|(en, _)| *en == reason).map_or(reason, |(_, zh)| zh)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_of_the_source_has_a_row_and_every_row_a_reason() {
        let mut said = Vec::new();
        for source in [include_str!("record.rs"), include_str!("state.rs")] {
            for call in [".error(\"", ".short(\""] {
                said.extend(source.split(call).skip(1).filter_map(|rest| rest.split('"').next()));
            }
        }
        for reason in &said {
            assert!(!zh(reason).is_ascii(), "`{reason}` has no Chinese");
        }
        for (en, _) in REASONS {
            assert!(said.contains(en), "nobody says `{en}`");
        }
    }
}

//! What a line must be to be a command, and what somebody is told whose line is not.

use haoyuan_core::instant::Instant;
use haoyuan_core::said::Speak;
use haoyuan_platform::command::Command;
use proptest::prelude::*;

const HOLD: &str = r#"{"command":"hold","at":"2026-03-03T07:00:00+08:00","patient":"00000000000000000000000000000001","session":"A","slot":0,"class":"public","channel":"app"}"#;

/// The line is refused; the field is named and the reason contains the words.
#[track_caller]
fn refused(line: &str, field: Option<&str>, words: &str) {
    let error = Command::parse(line).unwrap_err();
    assert_eq!(error.field.as_deref(), field, "{error}");
    assert!(error.reason.en.contains(words), "{}", error.reason);
    assert!(!error.reason.zh.is_ascii(), "{}: {}", error.reason, error.reason.zh);
}

/// `HOLD` with one piece replaced is refused in these words.
#[track_caller]
fn refused_in_chinese(old: &str, new: &str, words: &str) {
    let error = Command::parse(&HOLD.replace(old, new)).unwrap_err();
    assert_eq!(error.said().zh, words);
}

#[test]
fn what_is_wrong_is_said_in_chinese_too() {
    refused_in_chinese(
        "2026-03-03T07:00:00+08:00",
        "7 am",
        "字段 `at`:应为:1970 至 2109 年之间的 RFC 3339 时间,如 `2026-03-10T07:00:00+08:00`",
    );
    refused_in_chinese(r#","slot":0"#, "", "字段 `slot`:缺少此字段");
    refused_in_chinese(r#""slot":0"#, r#""slot":0,"slot":1"#, "字段 `slot`:此字段重复给出");
    refused_in_chinese(
        r#""slot":0"#,
        r#""slots":0"#,
        "字段 `slots`:此处没有这个字段;可用的字段:`at`、`patient`、`session`、`slot`、`class`、`channel`、`ticket`、`key`",
    );
    refused_in_chinese(
        "\"public\"",
        "[]",
        "字段 `class`:应为:类别 `public`(公众)、`referral_secondary`(二级转诊)、`referral_primary`(基层转诊)、`contract`(签约居民)、`revisit`(复诊)、`on_site`(现场)、`green`(绿色通道)",
    );
    let error = Command::parse("[1]").unwrap_err();
    assert_eq!(error.reason.zh, "应为:JSON 对象");
    let error = Command::parse(r#"{"command":"#).unwrap_err();
    assert!(error.reason.zh.starts_with("JSON 语法错误:EOF"), "{}", error.reason.zh);
    let error = Command::parse(r#"{"command":"open","at":"2026-03-03T07:00:00Z","seats":-1}"#).unwrap_err();
    assert_eq!(error.said().zh, "字段 `seats`:应为:0 至 4294967295 的整数");
}

/// The same, for `HOLD` with one piece replaced.
#[track_caller]
fn hold_refused(old: &str, new: &str, field: &str, words: &str) {
    assert!(HOLD.contains(old));
    refused(&HOLD.replace(old, new), Some(field), words);
}

#[test]
fn a_line_that_is_not_an_object_with_a_command_is_refused() {
    refused("", None, "empty");
    refused("   ", None, "empty");
    refused("hold", None, "not JSON");
    refused("[1,2]", None, "a JSON object");
    refused("\"hold\"", None, "a JSON object");
    refused("null", None, "a JSON object");
    refused(r#"["hold"]"#, None, "a JSON object");
    refused("{}", Some("command"), "missing");
    refused(r#"{"command":"steal","at":"2026-03-03T07:00:00Z"}"#, Some("command"), "`hold`");
    refused(r#"{"command":7}"#, Some("command"), "expected a code");
    refused(r#"{"command":"tick","command":"tick"}"#, Some("command"), "twice");
    refused(&format!("{HOLD}{HOLD}"), None, "trailing");
    refused(&format!("{{\"command\":{}", "[".repeat(1000)), Some("command"), "expected a code");
    refused(&format!("{{\"a\":{}", "[".repeat(1000)), Some("a"), "EOF");
    refused(&format!("{HOLD}{}", " ".repeat(9 << 20)), None, "split it");
}

#[test]
fn every_field_is_checked_and_named() {
    hold_refused("2026-03-03T07:00:00+08:00", "2026-03-03 07:00", "at", "RFC 3339");
    hold_refused("2026-03-03T07:00:00+08:00", "2026-02-30T07:00:00+08:00", "at", "RFC 3339");
    hold_refused("2026-03-03T07:00:00+08:00", "2026-03-03T07:00:00", "at", "RFC 3339");
    hold_refused("2026-03-03T07:00:00+08:00", "2026-03-03T07:00:00+08:00[Asia/Shanghai]", "at", "RFC 3339");
    hold_refused("2026-03-03T07:00:00+08:00", "1969-03-03T07:00:00+08:00", "at", "1970");
    hold_refused("2026-03-03T07:00:00+08:00", "9999-12-31T23:59:59Z", "at", "2109");
    hold_refused(r#""slot":0"#, r#""slot":-1"#, "slot", "index");
    hold_refused(r#""slot":0"#, r#""slot":0.5"#, "slot", "index");
    hold_refused(r#""slot":0"#, r#""slot":"eight""#, "slot", "index");
    hold_refused(r#""class":"public""#, r#""class":"vip""#, "class", "`referral_primary`");
    hold_refused(r#""class":"public""#, r#""class":0"#, "class", "expected a class");
    hold_refused(r#""channel":"app""#, r#""channel":"fax""#, "channel", "`window`");
    hold_refused(r#""session":"A""#, r#""session":"""#, "session", "1 to 64 bytes");
    hold_refused(r#""session":"A""#, r#""session":"a\u0000b""#, "session", "control");
    hold_refused(r#""slot":0"#, r#""slot":0,"key":"0""#, "key", "not zero");
    hold_refused(r#""slot":0"#, r#""slot":0,"key":"xyz""#, "key", "hexadecimal");
    hold_refused(r#""slot":0"#, r#""slot":0,"ticket":12"#, "ticket", "hexadecimal");
    hold_refused(r#""slot":0"#, r#""slot":0,"slot":1"#, "slot", "twice");
    hold_refused(r#""slot":0"#, r#""slots":0"#, "slots", "there is no such field here; write one of");
    hold_refused(r#","slot":0"#, "", "slot", "missing");
    hold_refused(r#""at":"2026-03-03T07:00:00+08:00","#, "", "at", "missing");
    refused(
        r#"{"command":"publish","at":"2026-03-03T07:00:00Z","session":{"code":"A","slot_minutes":"x"}}"#,
        Some("session.slot_minutes"),
        "expected",
    );
    refused(
        r#"{"command":"publish","at":"2026-03-03T07:00:00Z","session":["A"]}"#,
        Some("session"),
        "object",
    );
}

#[test]
fn no_message_repeats_what_may_be_personal() {
    let numbers = ["210102199001011234", "21010219900101123X", "13800138000", "张三", "0123456789abcdef"];
    for number in numbers {
        for (old, new) in [
            ("00000000000000000000000000000001", number.to_owned()),
            ("\"00000000000000000000000000000001\"", format!("[\"{number}\"]")),
            ("\"00000000000000000000000000000001\"", format!("{{\"{number}\":1}}")),
            ("\"public\"", format!("\"{number}\"")),
            ("\"A\"", format!("{{\"{number}\":1}}")),
            ("\"slot\"", format!("\"{number}\"")),
            ("\"hold\"", format!("\"{number}\"")),
            ("2026-03-03T07:00:00+08:00", number.to_owned()),
            ("\"slot\":0", format!("\"slot\":\"{number}\"")),
            ("\"slot\":0", format!("\"slot\":0,\"key\":\", expected {number}\"")),
        ] {
            let error = Command::parse(&HOLD.replace(old, &new)).unwrap_err();
            assert!(!format!("{error:?}").contains(number), "{error:?}");
        }
    }
    for old in ["\"00000000000000000000000000000001\"", "\"public\"", "\"A\"", "\"app\""] {
        let error = Command::parse(&HOLD.replace(old, "210102199001011234")).unwrap_err();
        assert!(!format!("{error:?}").contains("2101"), "{error:?}");
    }
}

#[test]
fn a_host_with_a_clock_passes_over_the_time_of_the_line() {
    let at = Instant::new(1_772_492_400_000).unwrap();
    let without = HOLD.replace(r#""at":"2026-03-03T07:00:00+08:00","#, "");
    refused(&without, Some("at"), "missing");
    let (expected, _) = Command::parse_at(&without, at).unwrap();
    assert_eq!(expected.at(), at);
    for own in ["\"2020-01-01T00:00:00Z\"", "7", "null", "{\"at\":[]}", "\"\",\"at\":\"\""] {
        let line = HOLD.replace("\"2026-03-03T07:00:00+08:00\"", own);
        assert_eq!(Command::parse_at(&line, at).unwrap().0, expected, "{own}");
    }
    // Everything else is held to the same rules.
    let twice = HOLD.replace(r#""slot":0"#, r#""slot":0,"slot":1"#);
    assert_eq!(Command::parse_at(&twice, at).unwrap_err().field.as_deref(), Some("slot"));
}

#[test]
fn instants_are_cut_to_milliseconds_and_any_offset_is_read() {
    let at = |text: &str| Command::parse(&HOLD.replace("2026-03-03T07:00:00+08:00", text)).unwrap().at().ms();
    let release = at("2026-03-03T07:00:00+08:00");
    assert_eq!(release, at("2026-03-02T23:00:00Z"));
    assert_eq!(release, at("2026-03-03T04:30:00.000+05:30"));
    assert_eq!(release - 1, at("2026-03-03T06:59:59.999+08:00"));
    assert_eq!(release - 1, at("2026-03-03T06:59:59.999999999+08:00"));
    assert_eq!(release + 250, at("2026-03-03T07:00:00.25+08:00"));
}

proptest! {
    #[test]
    fn any_text_is_a_command_or_an_error(text in any::<String>()) {
        let _ = Command::parse(&text);
    }

    #[test]
    fn any_json_is_a_command_or_an_error(text in "[\\[\\]{}:,\"a-z0-9.\\\\ -]{0,80}") {
        let _ = Command::parse(&text);
    }

    #[test]
    fn a_damaged_command_is_a_command_or_an_error(at in 0..HOLD.len(), len in 0usize..6, with in any::<String>()) {
        let end = (at + len).min(HOLD.len());
        let _ = Command::parse(&format!("{}{with}{}", &HOLD[..at], &HOLD[end..]));
    }
}

//! What the readers of TOML, JSON and CSV say, in both languages.
//!
//! The English is the library's own. Where it is about the data (an unknown key, a wrong type), the Chinese says the same;
//! where it is about the syntax, it is the library's sentence behind a Chinese frame.

use crate::said;
use crate::said::Said;

/// What serde says about data; `None` if it says something else.
#[must_use]
pub fn data(text: &str) -> Option<Said> {
    if let Some(said) = Said::unpack(text) {
        return Some(said);
    }
    let same = |zh: String| Some(Said { en: text.to_owned(), zh });
    let name = |prefix: &str| text.strip_prefix(prefix)?.rsplit_once('`').map(|(name, _)| name);
    if let Some(rest) = text.strip_prefix("unknown field `") {
        let (name, known) = choices(rest);
        return same(match known {
            Some(known) => format!("没有键 `{name}`;可用的键:{known}"),
            None => format!("没有键 `{name}`"),
        });
    }
    if let Some(rest) = text.strip_prefix("unknown variant `") {
        let (name, known) = choices(rest);
        return same(match known {
            Some(known) => format!("`{name}` 不是有效的取值;可选:{known}"),
            None => format!("`{name}` 不是有效的取值"),
        });
    }
    if let Some(name) = name("missing field `") {
        return same(format!("缺少键 `{name}`"));
    }
    if let Some(name) = name("duplicate field `") {
        return same(format!("键 `{name}` 重复"));
    }
    let (frame, rest) =
        [("类型不对", "invalid type: "), ("取值不对", "invalid value: "), ("长度不对", "invalid length ")]
            .into_iter()
            .find_map(|(frame, prefix)| text.strip_prefix(prefix).map(|rest| (frame, rest)))?;
    // What was expected comes last, whatever the value contains.
    let (found, wanted) = rest.rsplit_once(", expected ")?;
    let wanted = expected(wanted);
    let before = &text[..text.len() - rest.len() + found.len()];
    Some(Said {
        en: format!("{before}, expected {}", wanted.en),
        zh: format!("{frame}:此处是{},应为{}", spaced(&unexpected(found)), spaced(&wanted.zh)),
    })
}

/// The name before the closing backtick, and the names that were expected, quoted.
fn choices(rest: &str) -> (&str, Option<String>) {
    let (name, known) = rest.rsplit_once("`, expected ").unwrap_or((rest, ""));
    let known: Vec<&str> = known.split('`').skip(1).step_by(2).collect();
    let name = name.rsplit_once("`, there are no ").map_or(name, |(name, _)| name);
    (name, (!known.is_empty()).then(|| Said::quoted(known).zh))
}

/// What serde expected.
#[must_use]
pub fn expected(text: &str) -> Said {
    if let Some(said) = Said::unpack(text) {
        return said;
    }
    let whole = |most: u64| said!("a whole number, 0 to {most}", "0 至 {most} 的整数", most);
    let zh = match text {
        "u8" => return whole(u8::MAX.into()),
        "u16" => return whole(u16::MAX.into()),
        "u32" => return whole(u32::MAX.into()),
        "u64" | "usize" => return said!("a whole number, not negative", "不小于 0 的整数"),
        "a nonzero u16" => {
            return said!("a whole number, 1 to {most}", "1 至 {most} 的整数", most = u16::MAX);
        }
        "a string" | "string" => "字符串",
        "a boolean" => "`true` 或 `false`",
        "a sequence" | "an array" => "数组",
        "a map" | "a table" => "表",
        "any valid JSON value" => "JSON 值",
        _ if text.starts_with("struct ") || text.starts_with("map with ") => "表",
        _ if text.starts_with("tuple ") => "数组",
        _ if text.starts_with("one of `") || text.starts_with('`') => {
            let choices = Said::quoted(text.split('`').skip(1).step_by(2)).zh;
            return Said { en: text.to_owned(), zh: format!("以下之一:{choices}") };
        }
        _ => text,
    };
    Said { en: text.to_owned(), zh: zh.to_owned() }
}

/// What serde found: a kind of value, perhaps with the value.
fn unexpected(text: &str) -> String {
    const KINDS: [(&str, &str); 11] = [
        ("string", "字符串"),
        ("integer", "整数"),
        ("boolean", "布尔值"),
        ("floating point", "小数"),
        ("sequence", "数组"),
        ("map", "表"),
        ("table", "表"),
        ("unit value", "空值"),
        ("null", "空值"),
        ("character", "字符"),
        ("datetime", "日期时间"),
    ];
    let kind = KINDS.iter().find_map(|(en, zh)| text.strip_prefix(en).map(|rest| (zh, rest)));
    kind.map_or_else(|| text.to_owned(), |(zh, rest)| format!("{zh}{rest}"))
}

/// A text as it stands behind a Chinese word: a blank comes before what is not Chinese.
fn spaced(text: &str) -> String {
    if text.starts_with(|c: char| c.is_ascii()) { format!(" {text}") } else { text.to_owned() }
}

/// What the TOML reader says, of the syntax or of the data.
pub(crate) fn toml(message: &str) -> Said {
    let text = message.trim().replace('\n', ", ");
    data(&text).unwrap_or_else(|| Said { zh: format!("TOML 语法错误:{text}"), en: text })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, zh: &str) {
        assert_eq!(data(text).map(|said| said.zh).as_deref(), Some(zh));
    }

    #[test]
    fn what_serde_says_about_data_is_said_in_chinese() {
        check(
            "unknown field `opnes`, expected one of `opens`, `closes`",
            "没有键 `opnes`;可用的键:`opens`、`closes`",
        );
        check("unknown field `x`, expected `a` or `b`", "没有键 `x`;可用的键:`a`、`b`");
        check("unknown field `x`, there are no fields", "没有键 `x`");
        check("unknown variant `vip`, expected `public`", "`vip` 不是有效的取值;可选:`public`");
        check("missing field `code`", "缺少键 `code`");
        check("duplicate field `code`", "键 `code` 重复");
        check("invalid type: integer `15`, expected a string", "类型不对:此处是整数 `15`,应为字符串");
        check(
            "invalid type: string \"a, expected b\", expected u16",
            "类型不对:此处是字符串 \"a, expected b\",应为 0 至 65535 的整数",
        );
        check("invalid value: integer `-1`, expected u8", "取值不对:此处是整数 `-1`,应为 0 至 255 的整数");
        assert_eq!(data("expected newline"), None);
        assert_eq!(expected("one of `a`, `b`").zh, "以下之一:`a`、`b`");
        assert_eq!(expected("`a` or `b`").zh, "以下之一:`a`、`b`");
    }

    #[test]
    fn a_syntax_error_has_a_chinese_frame() {
        let error = "a = ".parse::<toml::Table>().unwrap_err();
        let said = toml(error.message());
        assert_eq!(said.zh, format!("TOML 语法错误:{}", said.en));
    }
}

//! What is wrong with a line that is not a command.

use haoyuan_core::foreign;
use haoyuan_core::locate::FileError;
use haoyuan_core::roster::RowError;
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use std::fmt;

/// A line that is not a command, or a command that names things that do not exist or do not fit: it has had no effect.
///
/// INVARIANT (nothing personal comes back): nothing here repeats a value of a command about a patient, and a key only if
/// it looks like the name of a field. Messages about directories, policies and rosters, which know no patients, name the
/// code that is wrong.
///
/// In JSON the English reason is under `reason`, the Chinese one under `reason_zh`; so it is in [`Row`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Malformed {
    /// Which field, as a path such as `session.slot_minutes`; absent if the line as a whole is wrong.
    pub field: Option<String>,
    /// What is wrong with it and what to write instead.
    #[serde(flatten, serialize_with = "in_both")]
    pub reason: Said,
    /// Where in the line, counted in bytes from 1, if that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
    /// Where in the TOML text of the field, if the error is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<Box<Place>>,
    /// The rows of the CSV text that are wrong, at most [`ROWS_MAX`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Row>,
}

/// The most wrong rows that one answer lists.
pub const ROWS_MAX: usize = 100;

/// A wrong row of a CSV text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The line of the text, counted from 1.
    pub line: u64,
    /// The column, by its header; empty if the row as a whole is wrong.
    pub column: String,
    /// What is wrong with it.
    #[serde(flatten, serialize_with = "in_both")]
    pub reason: Said,
}

fn in_both<S: Serializer>(reason: &Said, serializer: S) -> Result<S::Ok, S::Error> {
    let mut keys = serializer.serialize_map(Some(2))?;
    keys.serialize_entry("reason", &reason.en)?;
    keys.serialize_entry("reason_zh", &reason.zh)?;
    keys.end()
}

/// A place in a TOML text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Place {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The key, dotted.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub key: String,
}

impl Speak for Malformed {
    fn said(&self) -> Said {
        let Self { field, reason, .. } = self;
        match field {
            Some(field) => said!("field `{field}`: {reason}", "字段 `{field}`:{reason}", field, reason),
            None => reason.clone(),
        }
    }
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for Malformed {}

impl Malformed {
    /// The line as a whole is wrong.
    pub(crate) fn line(reason: Said) -> Self {
        Self { field: None, reason, column: None, place: None, rows: Vec::new() }
    }

    /// One field is wrong.
    pub(crate) fn field(field: &str, reason: Said) -> Self {
        Self { field: Some(field.to_owned()), ..Self::line(reason) }
    }

    /// The same, of a field inside `outer`.
    pub(crate) fn within(self, outer: &str) -> Self {
        let field = self.field.map_or_else(|| outer.to_owned(), |field| format!("{outer}.{field}"));
        Self { field: Some(field), ..self }
    }

    /// Rows of a table inside a field are wrong.
    pub(crate) fn rows(field: &str, mut rows: Vec<RowError>) -> Self {
        let reason = if let [only] = &rows[..] {
            only.said()
        } else {
            said!(
                "{count} rows are wrong and none was applied",
                "{count} 行有误,整个不被采用",
                count = rows.len()
            )
        };
        rows.truncate(ROWS_MAX);
        let rows = rows.into_iter().map(|row| Row { line: row.line, column: row.column, reason: row.reason });
        Self { rows: rows.collect(), ..Self::field(field, reason) }
    }

    /// A text inside a field is wrong.
    pub(crate) fn file(field: &str, error: FileError) -> Self {
        let FileError { file, line, column, key, reason } = error;
        // An error may lie in the preset that the text extends.
        let reason =
            if file == field { reason } else { said!("{file}: {reason}", "{file}:{reason}", file, reason) };
        let place = (line > 0).then(|| Box::new(Place { line, column, key }));
        Self { place, ..Self::field(field, reason) }
    }

    /// What serde says about a line, without the value that it says it about.
    pub(crate) fn from_json(error: &serde_json::Error, line: &str) -> Self {
        let text = error.to_string();
        let text = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
        let column = (error.line() == 1 && error.column() > 0).then(|| error.column());
        let Stop { mut path, entry, last } = stop(line, offset(line, error.line(), error.column()));
        if !error.is_data() {
            // What ends after an entry, or has no comma there, is what holds the entry.
            let between = ["EOF while parsing an object", "EOF while parsing a list", "expected `,`"];
            if !between.iter().any(|start| text.starts_with(start)) {
                path.extend(entry);
            }
            let reason = said!("this is not JSON: {text}", "JSON 语法错误:{text}", text);
            return Self { field: joined(&path), column, ..Self::line(reason) };
        }
        path.extend(entry);
        // Missing is a key of the object as a whole; anything else that is found out at its end is about its last value.
        if !text.starts_with("missing field `") {
            path.extend(last);
        }
        let named = |prefix: &str| text.strip_prefix(prefix)?.split('`').next().map(str::to_owned);
        let reason = if let Some(field) = named("missing field `") {
            path.push(field);
            said!("this field is missing", "缺少此字段")
        } else if let Some(field) = named("duplicate field `") {
            if path.last() != Some(&field) {
                path.push(field);
            }
            said!("this field is given twice", "此字段重复给出")
        } else if let Some(field) = named("unknown field `") {
            let field = shown(&field);
            if path.last() != Some(&field) {
                path.push(field);
            }
            if let Some((_, en)) = text.rsplit_once("`, expected ") {
                let known = Said { en: en.to_owned(), zh: Said::quoted(en.split('`').skip(1).step_by(2)).zh };
                said!(
                    "there is no such field here; write {known}",
                    "此处没有这个字段;可用的字段:{known}",
                    known
                )
            } else {
                said!("there is no such field here", "此处没有这个字段")
            }
        } else if let Some(at) = text.rfind(", expected ") {
            // "invalid type: string "…", expected …": what was expected comes last, whatever the value contains.
            let wanted = foreign::expected(&text[at + ", expected ".len()..]);
            said!("expected {wanted}", "应为:{wanted}", wanted)
        } else {
            foreign::data(text).unwrap_or_else(|| Said::same(text))
        };
        Self { field: joined(&path), column, ..Self::line(reason) }
    }
}

fn joined(path: &[String]) -> Option<String> {
    if path.is_empty() { None } else { Some(path.join(".").replace(".[", "[")) }
}

/// A key, if it may be repeated.
fn shown(key: &str) -> String {
    if repeatable(key) { key.to_owned() } else { "?".to_owned() }
}

/// Where a reader of JSON stopped.
#[derive(Debug, PartialEq, Eq)]
struct Stop {
    /// The entries around the object or array that it was in.
    path: Vec<String>,
    /// The entry of that object or array that it had begun last.
    entry: Option<String>,
    /// If it had just read an object or array to its end: the last entry in there.
    last: Option<String>,
}

/// The byte offset of a line, from 1, and a column, the count of its bytes that were read.
fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    (before + column).min(text.len())
}

/// How deep a path goes; no command nests half as deep. What lies deeper is told by its outermost entry, so that neither the
/// answer nor the memory grows with the brackets of a line.
const DEPTH_MAX: usize = 8;

/// What a reader had seen of a text when it had read so many bytes. What it says is then found out from the text alone, so
/// that reading a command that is right costs nothing for it.
fn stop(text: &str, end: usize) -> Stop {
    /// An object or array that is open.
    struct Open {
        array: bool,
        /// The entry that was begun last: in an object none before its first key and after a comma, in an array none before
        /// its first item.
        entry: Option<String>,
        index: usize,
    }
    let bytes = &text.as_bytes()[..end];
    let mut open: Vec<Open> = Vec::new();
    let (mut at, mut last, mut deeper) = (0, None, 0usize);
    while at < bytes.len() {
        let byte = bytes[at];
        at += 1;
        if byte.is_ascii_whitespace() {
            continue;
        }
        last = None;
        if deeper == 0 && !matches!(byte, b',' | b']' | b'}') {
            if let Some(Open { array: true, entry: entry @ None, .. }) = open.last_mut() {
                *entry = Some("[0]".to_owned());
            }
        }
        match byte {
            b'"' => {
                let from = at;
                while at < bytes.len() && bytes[at] != b'"' {
                    at += 1 + usize::from(bytes[at] == b'\\');
                }
                if let Some(Open { array: false, entry: entry @ None, .. }) = open.last_mut() {
                    let key = bytes.get(from..at).and_then(|key| std::str::from_utf8(key).ok());
                    *entry = Some(shown(key.unwrap_or_default()));
                }
                at += 1;
            }
            b'{' | b'[' if open.len() == DEPTH_MAX => deeper += 1,
            b'}' | b']' if deeper > 0 => deeper -= 1,
            b'{' | b'[' => open.push(Open { array: byte == b'[', entry: None, index: 0 }),
            b'}' | b']' => last = open.pop().and_then(|closed| closed.entry),
            b',' if deeper == 0 => {
                if let Some(open) = open.last_mut() {
                    open.index += 1;
                    open.entry = open.array.then(|| format!("[{}]", open.index));
                }
            }
            _ => {}
        }
    }
    if deeper > 0 {
        open.truncate(1);
        return Stop {
            path: open.into_iter().filter_map(|outer| outer.entry).collect(),
            entry: None,
            last: None,
        };
    }
    let entry = open.pop().and_then(|inner| inner.entry);
    Stop { path: open.into_iter().filter_map(|outer| outer.entry).collect(), entry, last }
}

/// Whether a key of the line looks like the name of a field, rightly or wrongly spelt, and not like anybody's name or
/// number.
fn repeatable(key: &str) -> bool {
    !key.is_empty() && key.len() <= 24 && key.bytes().all(|c| c.is_ascii_lowercase() || c == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_reader_stopped_is_read_from_the_text() {
        let line = r#"{"a": 1 , "b": [{"c": "}\""}, {"d": null} ], "張": {"e": []}}"#;
        let check = |read: &str, path: &[&str], last: Option<&str>| {
            let end = line.find(read).unwrap() + read.len();
            let mut found = stop(line, end);
            found.path.extend(found.entry);
            assert_eq!(
                (found.path.iter().map(String::as_str).collect::<Vec<_>>(), found.last.as_deref()),
                (path.to_vec(), last),
                "{read}"
            );
        };
        check("{", &[], None);
        check(r#"{"a""#, &["a"], None);
        check(r#"{"a": 1 "#, &["a"], None);
        check(r#"{"a": 1 ,"#, &[], None);
        check(r#""b": ["#, &["b"], None);
        check(r#"{"c": "}"#, &["b", "[0]", "c"], None);
        check(r#"{"c": "}\""}"#, &["b", "[0]"], Some("c"));
        check(r#"{"c": "}\""},"#, &["b", "[1]"], None);
        check(r#"{"d": null} "#, &["b", "[1]"], Some("d"));
        check(r#"{"d": null} ]"#, &["b"], Some("[1]"));
        check(r#"{"e": []"#, &["?", "e"], None);
        check(line, &[], Some("?"));
        assert_eq!(offset("ab\ncd", 2, 1), 4);
        let deep = format!("{{\"a\":{}", "[".repeat(1000));
        assert_eq!(stop(&deep, deep.len()), Stop { path: vec!["a".to_owned()], entry: None, last: None });
        let closed = format!("{{\"a\":{}{},\"b\":1", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(stop(&closed, closed.len()).entry.as_deref(), Some("b"));
        for end in 0..=line.len() {
            stop(line, end);
        }
    }

    #[test]
    fn only_what_looks_like_a_field_is_repeated() {
        assert!(repeatable("patiemt") && repeatable("slot_minutes"));
        for personal in ["210102199001011234", "138-0013-8000", "21010219900101123X", "张三", "", "a b"] {
            assert!(!repeatable(personal), "{personal}");
        }
    }
}

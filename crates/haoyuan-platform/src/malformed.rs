//! What is wrong with a line that is not a command.

use haoyuan_core::locate::FileError;
use haoyuan_core::roster::RowError;
use serde::Serialize;
use std::fmt;

/// A line that is not a command, or a command that names things that do not exist or do not fit: it has had no effect.
///
/// INVARIANT (nothing personal comes back): nothing here repeats a value of a command about a patient, and a key only if
/// it looks like the name of a field. Messages about directories, policies and rosters, which know no patients, name the
/// code that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Malformed {
    /// Which field, as a path such as `session.slot_minutes`; absent if the line as a whole is wrong.
    pub field: Option<String>,
    /// What is wrong with it and what to write instead.
    pub reason: String,
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
    pub reason: String,
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

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.field {
            Some(field) => write!(f, "field `{field}`: {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}

impl std::error::Error for Malformed {}

impl Malformed {
    /// The line as a whole is wrong.
    pub(crate) fn line(reason: impl Into<String>) -> Self {
        Self { field: None, reason: reason.into(), column: None, place: None, rows: Vec::new() }
    }

    /// One field is wrong.
    pub(crate) fn field(field: &str, reason: impl Into<String>) -> Self {
        Self {
            field: Some(field.to_owned()),
            reason: reason.into(),
            column: None,
            place: None,
            rows: Vec::new(),
        }
    }

    /// The same, of a field inside `outer`.
    pub(crate) fn within(self, outer: &str) -> Self {
        let field = self.field.map_or_else(|| outer.to_owned(), |field| format!("{outer}.{field}"));
        Self { field: Some(field), ..self }
    }

    /// Rows of a table inside a field are wrong.
    pub(crate) fn rows(field: &str, mut rows: Vec<RowError>) -> Self {
        let reason = match &rows[..] {
            [only] => only.to_string(),
            _ => format!("{} rows are wrong and none was applied", rows.len()),
        };
        rows.truncate(ROWS_MAX);
        let rows = rows.into_iter().map(|row| Row { line: row.line, column: row.column, reason: row.reason });
        Self { rows: rows.collect(), ..Self::field(field, reason) }
    }

    /// A text inside a field is wrong.
    pub(crate) fn file(field: &str, error: FileError) -> Self {
        let FileError { file, line, column, key, reason } = error;
        // An error may lie in the preset that the text extends.
        let reason = if file == field { reason } else { format!("{file}: {reason}") };
        let place = (line > 0).then(|| Box::new(Place { line, column, key }));
        Self { place, ..Self::field(field, reason) }
    }

    /// What serde says, without the value that it says it about.
    pub(crate) fn from_json(error: &serde_path_to_error::Error<serde_json::Error>) -> Self {
        let inner = error.inner();
        let text = inner.to_string();
        let text = text.rfind(" at line ").map_or(text.as_str(), |end| &text[..end]);
        let column = (inner.line() == 1 && inner.column() > 0).then(|| inner.column());
        let mut path: Vec<String> = error.path().iter().filter_map(segment).collect();
        if !inner.is_data() {
            return Self {
                field: joined(&path),
                reason: format!("this is not JSON: {text}"),
                column,
                place: None,
                rows: Vec::new(),
            };
        }
        let named = |prefix: &str| text.strip_prefix(prefix)?.split('`').next().map(str::to_owned);
        let reason = if let Some(field) = named("missing field `") {
            path.push(field);
            "this field is missing".to_owned()
        } else if let Some(field) = named("duplicate field `") {
            if path.last() != Some(&field) {
                path.push(field);
            }
            "this field is given twice".to_owned()
        } else if let Some(field) = named("unknown field `") {
            if path.last() != Some(&field) {
                path.push(if repeatable(&field) { field } else { "?".to_owned() });
            }
            match text.rfind("`, expected ") {
                Some(at) => {
                    format!("there is no such field here; write {}", &text[at + "`, expected ".len()..])
                }
                None => "there is no such field here".to_owned(),
            }
        } else if let Some(at) = text.rfind(", expected ") {
            // "invalid type: string "…", expected …": what was expected comes last, whatever the value contains.
            match &text[at + ", expected ".len()..] {
                "u8" => format!("expected a whole number, 0 to {}", u8::MAX),
                "u32" => format!("expected a whole number, 0 to {}", u32::MAX),
                expected => format!("expected {expected}"),
            }
        } else {
            text.to_owned()
        };
        Self { field: joined(&path), reason, column, place: None, rows: Vec::new() }
    }
}

fn joined(path: &[String]) -> Option<String> {
    if path.is_empty() { None } else { Some(path.join(".").replace(".[", "[")) }
}

fn segment(segment: &serde_path_to_error::Segment) -> Option<String> {
    use serde_path_to_error::Segment;
    match segment {
        Segment::Seq { index } => Some(format!("[{index}]")),
        Segment::Map { key } => Some(if repeatable(key) { key.clone() } else { "?".to_owned() }),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    }
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
    fn only_what_looks_like_a_field_is_repeated() {
        assert!(repeatable("patiemt") && repeatable("slot_minutes"));
        for personal in ["210102199001011234", "138-0013-8000", "21010219900101123X", "张三", "", "a b"] {
            assert!(!repeatable(personal), "{personal}");
        }
    }
}

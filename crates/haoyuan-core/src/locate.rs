//! Where in a text an error is: every file of the platform is refused by file, line, column, key and reason.

use crate::said;
use crate::said::{Said, Speak};
use std::fmt;
use std::ops::Range;
use toml::de::{DeTable, DeValue};

/// Why a file was refused. Nothing of the file was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The name of the file, as the caller gave it.
    pub file: String,
    /// The line, from 1; 0 if the error is about the whole file.
    pub line: usize,
    /// The column in characters, from 1; 0 if the error is about the whole file.
    pub column: usize,
    /// The key, dotted: `pools.REFERRAL.opens`, `institution[3].parent`; empty if there is none.
    pub key: String,
    /// What is wrong and what to do.
    pub reason: Said,
}

impl Speak for FileError {
    fn said(&self) -> Said {
        let Self { file, line, column, key, reason } = self;
        let at = if *line > 0 { format!(":{line}:{column}") } else { String::new() };
        let key = if key.is_empty() { String::new() } else { format!(": `{key}`") };
        said!("{file}{at}{key}: {reason}", "{file}{at}{key}:{reason}", file, at, key, reason)
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for FileError {}

impl FileError {
    /// An error at a place in the text, with the key that stands there.
    pub(crate) fn at_span(file: &str, text: &str, span: Option<Range<usize>>, reason: Said) -> Self {
        let (line, column, key) = match span {
            Some(span) => {
                let (line, column) = line_column(text, span.start);
                (line, column, key_at(text, span.start))
            }
            None => (0, 0, String::new()),
        };
        Self { file: file.to_owned(), line, column, key, reason }
    }

    /// An error about a key; found in the text as exactly as the text allows.
    #[must_use]
    pub fn at_key(file: &str, text: &str, key: &str, reason: Said) -> Self {
        let (line, column) = find(text, key).map_or((0, 0), |place| line_column(text, place.key));
        Self { file: file.to_owned(), line, column, key: key.to_owned(), reason }
    }
}

/// Line and column, both from 1, of a byte offset.
pub(crate) fn line_column(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// Where a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// Byte offset of the key.
    pub(crate) key: usize,
    /// Byte offset of the end of its value.
    pub(crate) end: usize,
    /// How many segments of the key were found; the place is that of the last one.
    pub(crate) depth: usize,
}

/// Splits `pools.REFERRAL.release[1].keep` into its segments.
pub(crate) fn segments(key: &str) -> impl Iterator<Item = &str> {
    key.split(['.', '[']).map(|part| part.trim_end_matches(']')).filter(|part| !part.is_empty())
}

/// The place of a key, or of the nearest thing that contains it.
pub(crate) fn find(text: &str, key: &str) -> Option<Place> {
    let table = DeTable::parse(text).ok()?;
    let mut place = None;
    let mut value: Option<&DeValue<'_>> = None;
    for (segment, depth) in segments(key).zip(1..) {
        let (at, next) = match value {
            None => {
                let (name, next) = table.get_ref().get_key_value(segment)?;
                (name.span().start, next)
            }
            Some(DeValue::Table(table)) => match table.get_key_value(segment) {
                Some((name, next)) => (name.span().start, next),
                None => break,
            },
            Some(DeValue::Array(array)) => {
                match segment.parse().ok().and_then(|index: usize| array.get(index)) {
                    Some(next) => (next.span().start, next),
                    None => break,
                }
            }
            Some(_) => break,
        };
        place = Some(Place { key: at, end: next.span().end, depth });
        value = Some(next.get_ref());
    }
    place
}

/// The dotted key of the innermost entry at a byte offset; empty if the text is no TOML.
fn key_at(text: &str, offset: usize) -> String {
    let Ok(table) = DeTable::parse(text) else { return String::new() };
    let mut key = String::new();
    descend_table(table.get_ref(), offset, &mut key);
    key
}

fn descend_table(table: &DeTable<'_>, offset: usize, key: &mut String) -> bool {
    for (name, value) in table {
        let length = key.len();
        if !key.is_empty() {
            key.push('.');
        }
        key.push_str(name.get_ref());
        let here = name.span().contains(&offset) || value.span().contains(&offset);
        if descend(value.get_ref(), offset, key) || here {
            return true;
        }
        key.truncate(length);
    }
    false
}

fn descend(value: &DeValue<'_>, offset: usize, key: &mut String) -> bool {
    match value {
        DeValue::Table(table) => descend_table(table, offset, key),
        DeValue::Array(array) => array.iter().enumerate().any(|(index, item)| {
            let length = key.len();
            key.push('[');
            key.push_str(&index.to_string());
            key.push(']');
            let found = descend(item.get_ref(), offset, key) || item.span().contains(&offset);
            if !found {
                key.truncate(length);
            }
            found
        }),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_where_it_stands() {
        let text = "a = 1\n[\"号\".\"源\"]\nb = [ { c = 2 } ]\n[[t]]\nx = 1\n[[t]]\nx = 2\n";
        let at = |key| find(text, key).map(|place| line_column(text, place.key));
        assert_eq!(at("a"), Some((1, 1)));
        assert_eq!(at("号.源.b[0].c"), Some((3, 9)));
        assert_eq!(at("t[1].x"), Some((7, 1)));
        assert_eq!(at("t[1].missing").map(|place| place.0), Some(6));
        assert_eq!(at("missing"), None);
        assert_eq!(key_at(text, text.find("2 }").unwrap()), "号.源.b[0].c");
    }
}

//! A policy for people: each value with the text it comes from.
//!
//! The source of a value is the comment beside it in its file, or else the comment above it, or above its table: there
//! is no second list of sources that could fall out of step with the values.

use super::{Layer, Policy, schema};
use crate::locate;
use std::fmt::Write;

/// One value of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The dotted key.
    pub key: String,
    /// The value, as in the file.
    pub value: String,
    /// The file that sets it.
    pub file: String,
    /// The line in that file.
    pub line: usize,
    /// The text it comes from, as the file says; empty if the file does not say.
    pub source: String,
    /// Whether the value is only carried: read, checked and shown, and deciding nothing yet.
    pub carried: bool,
}

impl Policy {
    /// Every value, in the order of the files, with the text it comes from.
    #[must_use]
    pub fn shown(&self) -> Vec<Shown> {
        let mut shown = Vec::new();
        self.collect(&self.merged, "", "", &mut shown);
        shown
    }

    /// The policy for people: a line per value.
    #[must_use]
    pub fn show(&self) -> String {
        let mut text = String::new();
        for Shown { key, value, file, line, source, carried } in self.shown() {
            let carried = if carried { " (carried)" } else { "" };
            let source = if source.is_empty() { "no source given" } else { &source };
            // Writing to a string cannot fail.
            let _ = writeln!(text, "{key} = {value}{carried}\n    {source} [{file}:{line}]");
        }
        text
    }

    fn collect(&self, table: &toml::Table, path: &str, parent: &str, shown: &mut Vec<Shown>) {
        for (key, value) in table {
            let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            match value {
                toml::Value::Table(inner) if !schema::is_single_value(parent, key) => {
                    self.collect(inner, &full, key, shown);
                }
                value => shown.push(self.shown_value(full, value.to_string())),
            }
        }
    }

    fn shown_value(&self, key: String, value: String) -> Shown {
        let depth = locate::segments(&key).count();
        let within = |whole: &str| {
            key.strip_prefix(whole).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let carried = schema::CARRIED.iter().any(|whole| within(whole));
        let found = self.layers.iter().find_map(|layer| {
            locate::find(&layer.text, &key).filter(|place| place.depth == depth).map(|place| (layer, place))
        });
        match found {
            Some((layer, place)) => Shown {
                file: layer.file.clone(),
                line: locate::line_column(&layer.text, place.key).0,
                source: source(layer, &key, place),
                key,
                value,
                carried,
            },
            None => Shown { key, value, file: String::new(), line: 0, source: String::new(), carried },
        }
    }
}

fn source(layer: &Layer, key: &str, place: locate::Place) -> String {
    let text = &layer.text;
    let line_end = text[place.end..].find('\n').map_or(text.len(), |at| place.end + at);
    if let Some((_, comment)) = text[place.end..line_end].split_once('#') {
        return comment.trim().to_owned();
    }
    // A list over several lines has its comment beside the opening bracket.
    let first_line = text[place.key..place.end].lines().next().unwrap_or_default();
    if let Some((before, comment)) = first_line.split_once('#') {
        if before.trim_end().ends_with(['[', '{']) {
            return comment.trim().to_owned();
        }
    }
    let above = comment_above(text, place.key);
    if !above.is_empty() {
        return above;
    }
    let table = key.rsplit_once('.').map(|(table, _)| table);
    let header = table.and_then(|table| locate::find(text, table));
    header.map(|header| comment_above(text, header.key)).unwrap_or_default()
}

/// The block of comment lines directly above the line of an offset.
fn comment_above(text: &str, offset: usize) -> String {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let mut lines: Vec<&str> = text[..line_start]
        .lines()
        .rev()
        .map(str::trim)
        .take_while(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim())
        .collect();
    lines.reverse();
    lines.join(" ")
}

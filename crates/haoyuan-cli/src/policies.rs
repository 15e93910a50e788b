//! `haoyuan policy` and `haoyuan roster`: looking at policies and rosters before they are used.

use crate::args;
use crate::failure::{Failure, print};
use crate::files;
use crate::lang::{Lang, say};
use crate::rosters;
use crate::rush::plan_all;
use crate::text::grouped;
use haoyuan_core::directory::Directory;
use haoyuan_core::locate::FileError;
use haoyuan_core::policy::{Policy, Shown};
use haoyuan_core::roster::RowError;
use serde::Serialize;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

/// `haoyuan policy`.
pub(crate) fn policy(command: &args::Policy, lang: Lang) -> Result<(), Failure> {
    match command {
        args::Policy::List { json } => list(*json, lang),
        args::Policy::Show { policy, json } => show(policy, *json, lang),
        args::Policy::Check { file, calendar, json } => check(file, calendar.as_deref(), *json, lang),
    }
}

fn title(policy: &Policy, lang: Lang) -> String {
    let document = policy.document();
    let (first, second) = match lang {
        Lang::En => (&document.title, &document.title_zh),
        Lang::Zh => (&document.title_zh, &document.title),
    };
    first.as_ref().or(second.as_ref()).cloned().unwrap_or_default()
}

fn list(json: bool, lang: Lang) -> Result<(), Failure> {
    let presets: Vec<Policy> = Policy::presets().filter_map(Policy::preset).collect();
    if json {
        let rows: Vec<_> = presets
            .iter()
            .map(|policy| {
                let document = policy.document();
                json!({ "name": policy.name(), "title": document.title, "title_zh": document.title_zh })
            })
            .collect();
        return print_json(&rows);
    }
    let width = presets.iter().map(|policy| policy.name().len()).max().unwrap_or(0);
    let mut text = String::new();
    for policy in &presets {
        let _ = writeln!(text, "{:width$}  {}", policy.name(), title(policy, lang));
    }
    let _ = writeln!(text, "\n{}", say!(lang, "policy.list_more"));
    print(&text)
}

/// What is wrong, or a warning, and where.
fn place(error: &FileError) -> serde_json::Value {
    let FileError { file, line, column, key, reason } = error;
    json!({ "file": file, "line": line, "column": column, "key": key, "reason": reason.en,
        "reason_zh": reason.zh })
}

fn row(shown: &Shown) -> serde_json::Value {
    let Shown { key, value, file, line, source, carried } = shown;
    json!({ "key": key, "value": value, "file": file, "line": line, "source": source, "carried": carried })
}

fn show(name: &str, json: bool, lang: Lang) -> Result<(), Failure> {
    let policy = files::policy(name, lang)?;
    if json {
        let document = policy.document();
        let values: Vec<_> = policy.shown().iter().map(row).collect();
        return print_json(&json!({
            "name": policy.name(),
            "title": document.title,
            "title_zh": document.title_zh,
            "values": values,
        }));
    }
    let mut text = format!("{}: {}\n", policy.name(), title(&policy, lang));
    let mut section = String::new();
    for shown in policy.shown() {
        let first = shown.key.split('.').next().unwrap_or_default();
        if first != section {
            first.clone_into(&mut section);
            text.push('\n');
        }
        let carried = if shown.carried { say!(lang, "policy.carried") } else { String::new() };
        let _ = writeln!(text, "{} = {}{carried}", shown.key, shown.value);
        let source = if shown.source.is_empty() { say!(lang, "policy.no_source") } else { shown.source };
        let _ = writeln!(text, "    {source} [{}:{}]", shown.file, shown.line);
    }
    print(&text)
}

fn check(path: &Path, calendar: Option<&Path>, json: bool, lang: Lang) -> Result<(), Failure> {
    let text = files::read(path, lang)?;
    let name = path.display().to_string();
    let calendar = calendar
        .map(|path| files::read(path, lang).map(|text| (path.display().to_string(), text)))
        .transpose()?;
    let calendar = calendar.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
    match Policy::parse_with(&name, &text, calendar) {
        Ok(policy) if json => {
            let warnings: Vec<_> = policy.warnings().iter().map(place).collect();
            print_json(&json!({ "ok": true, "file": name, "name": policy.name(), "errors": [],
                "warnings": warnings }))
        }
        Ok(policy) => {
            let count = grouped(policy.shown().len() as u64);
            let mut text = say!(lang, "policy.good", file = name, name = policy.name(), count = count);
            for warning in policy.warnings() {
                text.extend(["\n", &say!(lang, "policy.warning", what = lang.of(&warning))]);
            }
            print(&(text + "\n"))
        }
        Err(error) => {
            if json {
                print_json(&json!({ "ok": false, "file": name, "errors": [place(&error)], "warnings": [] }))?;
            }
            Err(Failure::told(&error, lang))
        }
    }
}

/// `haoyuan roster`.
pub(crate) fn roster(command: &args::Roster, lang: Lang) -> Result<(), Failure> {
    let args::Roster::Check { file, directory, policy, json } = command;
    let directory_text = files::read(directory, lang)?;
    let register = Directory::parse(&directory.display().to_string(), &directory_text)
        .map_err(|error| Failure::told(&error, lang))?;
    let policy = policy.as_ref().map(|name| files::policy(name, lang)).transpose()?;
    let name = file.display().to_string();
    let bytes = rosters::read(file, lang)?;
    let sessions = match rosters::parse(&bytes, &register) {
        Ok(sessions) => sessions,
        Err(errors) => {
            if *json {
                let rows: Vec<_> = errors
                    .iter()
                    .map(|RowError { line, column, reason }| {
                        json!({ "line": line, "column": column, "reason": reason.en, "reason_zh": reason.zh })
                    })
                    .collect();
                print_json(&json!({ "ok": false, "file": name, "errors": rows }))?;
            }
            let count = errors.len();
            let head = say!(lang, "roster.bad", file = name, count = count);
            return Err(Failure::input(format!("{head}\n{}", rosters::lines(&name, &errors, lang))));
        }
    };
    let (count, seats) = (sessions.len(), sessions.iter().map(|s| u64::from(s.seats())).sum::<u64>());
    if let Some(policy) = &policy {
        plan_all(policy, &register, sessions, lang)?;
    }
    if *json {
        let policy = policy.as_ref().map(Policy::name);
        return print_json(&json!({
            "ok": true, "file": name, "sessions": count, "seats": seats, "policy": policy, "errors": []
        }));
    }
    let seats = grouped(seats);
    print(&format!(
        "{}\n",
        say!(lang, "roster.good", file = name, sessions = grouped(count as u64), seats = seats)
    ))
}

fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| Failure::input(error.to_string()))?;
    text.push('\n');
    print(&text)
}

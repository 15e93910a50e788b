//! `haoyuan snapshot` and `haoyuan recover`, and what a journal folder that cannot be opened is answered with.
//!
//! Nothing is decided about a journal here: the folder is opened, and what was found is told.

use crate::args;
use crate::failure::{Failure, print};
use crate::lang::{Lang, say};
use crate::text::{grouped, parse_instant};
use haoyuan::journal::{
    Disk, Error as JournalError, Folder, Options as JournalOptions, Report, TornTail, salvage,
};
use haoyuan::{Durability, Error, Limits, Options, Registry};
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How the command line keeps a journal: synced on request, otherwise with a stated loss window.
pub(crate) const fn durability(sync: bool) -> Durability {
    if sync {
        Durability::Synced { max_delay: Duration::from_millis(2) }
    } else {
        Durability::Async { window: Duration::from_millis(50), records: 1 << 16 }
    }
}

/// The same for a command that says what it keeps.
pub(crate) fn kept(kept: &args::Kept, limits: Option<Limits>) -> Options {
    let journal = JournalOptions { hash: kept.hash, ..JournalOptions::default() };
    Options { durability: durability(kept.sync), limits, journal, ..Options::default() }
}

/// Opens a folder for writing; it is created if it is not there.
pub(crate) fn open(folder: &Path, options: Options, lang: Lang) -> Result<Registry, Failure> {
    let turns = turning(&say!(lang, "journal.opening"));
    let opened = Registry::open(folder, options).map_err(|error| failure(folder, &error, lang));
    turns.finish_and_clear();
    opened
}

/// Turns on a terminal while something goes on whose length is not known before.
fn turning(message: &str) -> ProgressBar {
    let turns = ProgressBar::new_spinner();
    turns.set_message(message.to_owned());
    turns.enable_steady_tick(Duration::from_millis(100));
    turns
}

/// A folder that has a journal in it.
pub(crate) fn existing(folder: &Path, lang: Lang) -> Result<Arc<dyn Disk>, Failure> {
    let name = folder.display();
    let disk = Folder::open(folder).map_err(|error| {
        Failure::input(say!(lang, "file.unreadable", file = name, reason = lang.system(&error)))
    })?;
    let names = disk.list().map_err(|error| {
        Failure::input(say!(lang, "file.unreadable", file = name, reason = lang.system(&error)))
    })?;
    if names.iter().any(|name| Path::new(name).extension().is_some_and(|end| end == "hyj" || end == "hys")) {
        Ok(Arc::new(disk))
    } else {
        Err(Failure::input(say!(lang, "journal.foreign", folder = name)))
    }
}

/// What the error is, and what to do about it. Damage is a violated check, everything else bad input.
pub(crate) fn failure(folder: &Path, error: &Error, lang: Lang) -> Failure {
    let folder = folder.display();
    match error {
        Error::Journal(error) | Error::Undecided(error) => journal_failure(&folder, error, lang),
        Error::Folder { source, .. } => {
            Failure::input(say!(lang, "journal.folder", folder = folder, reason = lang.system(source)))
        }
        Error::Replay { record, segment, reason } => Failure::Violated(say!(
            lang,
            "journal.replay",
            folder = folder,
            record = record,
            segment = segment,
            reason = lang.of(reason)
        )),
        Error::Snapshot(reason) => {
            Failure::Violated(say!(lang, "journal.bad_snapshot", folder = folder, reason = lang.of(reason)))
        }
        other => Failure::input(format!("{folder}: {}", lang.of(other))),
    }
}

fn journal_failure(folder: &dyn std::fmt::Display, error: &JournalError, lang: Lang) -> Failure {
    match error {
        JournalError::Locked { holder } => {
            Failure::input(say!(lang, "journal.locked", folder = folder, holder = holder))
        }
        JournalError::Damaged(damage) => Failure::Violated(say!(
            lang,
            "journal.damaged",
            folder = folder,
            file = damage.file,
            offset = damage.offset,
            reason = lang.of(&damage.reason),
            affected = if damage.records.is_empty() {
                // No later good one tells where it ends.
                say!(lang, "journal.affected_from", first = damage.records.start)
            } else {
                say!(lang, "journal.affected", first = damage.records.start, end = damage.records.end)
            }
        )),
        JournalError::SegmentMissing { segment } => {
            Failure::Violated(say!(lang, "journal.missing", folder = folder, segment = segment))
        }
        JournalError::Version { file, version, .. } => {
            Failure::input(say!(lang, "journal.version", file = file, version = version))
        }
        JournalError::Behind { snapshot, .. } => {
            Failure::Violated(say!(lang, "journal.behind", folder = folder, snapshot = snapshot))
        }
        JournalError::HeadDiffers { segment, records } => Failure::Violated(say!(
            lang,
            "journal.head_differs",
            folder = folder,
            segment = segment,
            records = records
        )),
        JournalError::NotEmpty { file } => {
            Failure::input(say!(lang, "journal.not_empty", folder = folder, file = file))
        }
        other => Failure::input(say!(lang, "journal.other", folder = folder, reason = lang.of(other))),
    }
}

/// The same, of an error that the journal itself gave.
pub(crate) fn of_journal(folder: &Path, error: &JournalError, lang: Lang) -> Failure {
    journal_failure(&folder.display(), error, lang)
}

/// Writes a snapshot.
pub(crate) fn snapshot(options: &args::Snapshot, lang: Lang) -> Result<(), Failure> {
    let folder = &options.folder;
    existing(folder, lang)?;
    let instant = |text: &String| {
        parse_instant(text, false).ok_or_else(|| Failure::input(say!(lang, "snapshot.time", text = text)))
    };
    let retire = options.retire.as_ref().map(instant).transpose()?;
    let mut registry = open(folder, Options { durability: durability(true), ..Options::default() }, lang)?;
    let retired = match retire {
        None => 0,
        Some(at) => {
            let decided = registry.retire(at).map_err(|error| failure(folder, &error, lang))?;
            decided.durable().map_err(|error| of_journal(folder, &error, lang))?
        }
    };
    let file = registry.snapshot().map_err(|error| failure(folder, &error, lang))?;
    let hash = hex(&registry.state_hash());
    registry.close().map_err(|error| failure(folder, &error, lang))?;
    if options.json {
        print(&format!("{}\n", json!({ "snapshot": file, "state_hash": hash, "retired": retired })))
    } else {
        let mut text = say!(lang, "journal.snapshot", file = file, hash = hash);
        if retire.is_some() {
            text.extend(["\n", &say!(lang, "journal.retired", count = retired)]);
        }
        print(&format!("{text}\n"))
    }
}

/// Recovers a folder, or brings what verifies of it into a new one.
pub(crate) fn recover(options: &args::Recover, lang: Lang) -> Result<(), Failure> {
    let folder = &options.folder;
    let disk = existing(folder, lang)?;
    if let Some(new) = &options.salvage {
        return bring_over(&disk, folder, new, options.json, lang);
    }
    let registry = open(folder, Options { durability: durability(true), ..Options::default() }, lang)?;
    let report = registry.recovered().cloned().unwrap_or_default();
    let audit = registry.engine().audit();
    let hash = hex(&registry.state_hash());
    registry.close().map_err(|error| failure(folder, &error, lang))?;
    let sound = audit.is_ok();
    if options.json {
        let counted = audit.as_ref().ok().map(|a| {
            json!({ "blocks": a.blocks, "seats": a.seats, "held": a.held, "booked": a.booked,
                "transitions": a.transitions })
        });
        let mut told = found(&report);
        told["state_hash"] = json!(hash);
        told["sound"] = json!(sound);
        told["counted"] = json!(counted);
        print(&format!("{told}\n"))?;
    } else {
        let mut text = summary(&report, lang);
        if let Ok(audit) = &audit {
            text += &say!(
                lang,
                "journal.state",
                held = grouped(audit.held),
                booked = grouped(audit.booked),
                hash = hash
            );
            text.push('\n');
        }
        print(&text)?;
    }
    match audit {
        Ok(_) => Ok(()),
        Err(broken) => {
            let laws: Vec<String> = broken.iter().map(|law| lang.of(law)).collect();
            Err(Failure::Violated(laws.join("\n")))
        }
    }
}

fn bring_over(
    from: &Arc<dyn Disk>,
    folder: &Path,
    new: &Path,
    as_json: bool,
    lang: Lang,
) -> Result<(), Failure> {
    let target = Folder::create(new).map_err(|error| {
        Failure::input(say!(lang, "file.unwritable", file = new.display(), reason = lang.system(&error)))
    })?;
    let target: Arc<dyn Disk> = Arc::new(target);
    let turns = turning(&say!(lang, "journal.salvaging"));
    let salvaged = salvage(from, &target, &JournalOptions::default());
    turns.finish_and_clear();
    let salvaged = salvaged.map_err(|error| match &error {
        // Which of the two it was, the file alone does not tell.
        JournalError::Medium { .. } => Failure::input(say!(
            lang,
            "journal.not_salvaged",
            folder = folder.display(),
            new = new.display(),
            reason = lang.of(&error)
        )),
        _ => of_journal(folder, &error, lang),
    })?;
    let shelves = crate::audit::shelves(&target).map_err(|error| of_journal(new, &error, lang))?;
    if as_json {
        let missing: Vec<Value> = salvaged
            .missing
            .iter()
            .map(|m| {
                let (session, slot) = shelves.slot_of(m.block).unzip();
                json!({ "block": m.block, "session": session, "slot": slot,
                    "first": m.sequences.start(), "last": m.sequences.end() })
            })
            .collect();
        let segments: Vec<Value> = salvaged
            .segments_missing
            .iter()
            .map(|range| json!({ "first": range.start(), "last": range.end() }))
            .collect();
        let damage: Vec<Value> = salvaged
            .damage
            .iter()
            .map(|d| {
                json!({ "file": d.file, "offset": d.offset, "reason": d.reason.en, "reason_zh": d.reason.zh,
                    "first_record": d.records.start, "end_record": d.records.end })
            })
            .collect();
        return print(&format!(
            "{}\n",
            json!({ "records": salvaged.records, "unchained": salvaged.unchained, "lost": salvaged.lost,
                "damage": damage, "segments_missing": segments, "missing": missing,
                "torn": torn_json(salvaged.torn.as_ref()) })
        ));
    }
    let mut text = say!(
        lang,
        "journal.salvaged",
        records = grouped(salvaged.records),
        folder = new.display(),
        lost = grouped(salvaged.lost),
        unchained = grouped(salvaged.unchained)
    );
    text.push('\n');
    for damage in &salvaged.damage {
        text.extend(["  ", &lang.of(damage), "\n"]);
    }
    for range in &salvaged.segments_missing {
        text += &say!(lang, "journal.segments_gap", first = range.start(), last = range.end());
        text.push('\n');
    }
    if let Some(torn) = &salvaged.torn {
        text += &say!(lang, "journal.torn", file = torn.file, offset = torn.offset, bytes = torn.bytes);
        text.push('\n');
    }
    for missing in &salvaged.missing {
        let (first, last) = (missing.sequences.start(), missing.sequences.end());
        let (session, slot) = shelves.slot_of(missing.block).unwrap_or(("?", 0));
        text += &say!(
            lang,
            "journal.gap",
            block = missing.block,
            session = session,
            slot = slot,
            first = first,
            last = last
        );
        text.push('\n');
    }
    print(&text)
}

fn torn_json(torn: Option<&TornTail>) -> Option<Value> {
    torn.map(|t| {
        json!({ "file": t.file, "offset": t.offset, "bytes": t.bytes,
            "reason": t.reason.en, "reason_zh": t.reason.zh })
    })
}

/// What was found in a folder, as JSON.
pub(crate) fn found(report: &Report) -> Value {
    let torn = torn_json(report.torn.as_ref());
    let dangling: Vec<Value> = report
        .dangling
        .iter()
        .map(|d| {
            json!({ "record": d.record, "segment": d.segment, "block": d.place.block,
                "sequence": d.place.sequence, "reached": d.reached })
        })
        .collect();
    json!({ "records": report.entries, "groups": report.groups, "segments": report.segments,
        "bytes": report.bytes, "snapshot": report.snapshot, "bad_snapshots": report.bad_snapshots,
        "torn": torn, "dangling": dangling })
}

/// What was found in a folder, in words.
pub(crate) fn summary(report: &Report, lang: Lang) -> String {
    let mut text = say!(
        lang,
        "journal.read",
        records = grouped(report.entries),
        groups = grouped(report.groups),
        segments = grouped(report.segments),
        bytes = grouped(report.bytes)
    );
    text.push('\n');
    if let Some(snapshot) = &report.snapshot {
        text += &say!(lang, "journal.from_snapshot", file = snapshot);
        text.push('\n');
    }
    for file in &report.bad_snapshots {
        text += &say!(lang, "journal.passed_over", file = file);
        text.push('\n');
    }
    if let Some(torn) = &report.torn {
        text += &say!(lang, "journal.torn", file = torn.file, offset = torn.offset, bytes = torn.bytes);
        text.push('\n');
    }
    for dangling in &report.dangling {
        text += &say!(
            lang,
            "journal.dangling",
            record = dangling.record,
            block = dangling.place.block,
            sequence = dangling.place.sequence,
            reached = dangling.reached
        );
        text.push('\n');
    }
    text
}

/// Hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|d| char::from_digit(d.into(), 16))
        .collect()
}

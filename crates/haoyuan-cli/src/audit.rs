//! `haoyuan audit`: verifies a journal from its first byte, and answers who did what, when, why, and to which seat.
//!
//! The journal is only read; it may be in use. Nothing is answered from a journal that does not verify.

mod export;
mod row;

use crate::args;
use crate::failure::{Failure, print};
use crate::journal::{existing, found, of_journal, summary};
use crate::lang::{Lang, say};
use crate::text::grouped;
use haoyuan::journal::{Access, Disk, Error as JournalError, From, Recovery, verify};
use haoyuan::record::kind;
use indicatif::{ProgressBar, ProgressStyle};
pub(crate) use row::Reader;
use row::Row;
use serde_json::json;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;

/// How many rows are printed; an export has all.
const SHOWN: usize = 1_000;

/// Verifies, asks, exports.
pub(crate) fn run(options: &args::Audit, lang: Lang) -> Result<(), Failure> {
    let folder = options.folder.as_path();
    // What is asked is read before anything that takes long.
    let query = row::Query::new(options, lang)?;
    if let Some(file) = &options.export {
        export::is_new(file, lang)?;
    }
    let disk = existing(folder, lang)?;
    let bar = progress_bar(&say!(lang, "audit.verifying"));
    let exported = match &options.against {
        Some(file) => heads_of(file, lang)?,
        None => Vec::new(),
    };
    let report = verify(&disk, &exported, |progress| {
        if let Some(bar) = &bar {
            bar.set_length(progress.bytes_total);
            bar.set_position(progress.bytes);
        }
    })
    .map_err(|error| of_journal(folder, &error, lang))?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if options.heads {
        let heads: Vec<String> = report.heads.iter().map(ToString::to_string).collect();
        return print(&if options.json {
            format!("{}\n", json!({ "verified": true, "heads": heads }))
        } else {
            heads.join("\n") + "\n"
        });
    }
    let mut rows = Vec::new();
    let mut matched = 0_u64;
    let mut export = options.export.as_deref().map(|file| export::Export::begin(file, lang)).transpose()?;
    let bar = progress_bar(&say!(lang, "audit.reading"));
    if let Some(bar) = &bar {
        bar.set_length(report.entries);
    }
    let kinds = read(&disk, folder, lang, bar.as_ref(), |row| {
        if !query.matches(&row) {
            return Ok(());
        }
        matched += 1;
        if let Some(export) = &mut export {
            export.take(&row)?;
        }
        if query.asks() && rows.len() < SHOWN {
            rows.push(row);
        }
        Ok(())
    })?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    if let Some(export) = export {
        export.finish()?;
    }
    let shown = if query.asks() { rows.len() } else { 0 };
    if options.json {
        let mut told = found(&report);
        told["verified"] = json!(true);
        told["kinds"] =
            kind::WORDS.iter().zip(kinds).map(|(word, count)| ((*word).to_owned(), json!(count))).collect();
        told["head"] = json!(report.heads.last().map(ToString::to_string));
        if query.asks() {
            told["matched"] = json!(matched);
            told["rows"] = rows.iter().map(Row::json).collect();
        }
        if let Some(file) = &options.export {
            told["exported"] = json!({ "file": file, "rows": matched });
        }
        return print(&format!("{told}\n"));
    }
    let mut text = say!(lang, "audit.verified");
    text.push('\n');
    text += &summary(&report, lang);
    for (word, count) in kind::WORDS.iter().zip(kinds).filter(|(_, count)| *count > 0) {
        text.extend(["  ", &format!("{word:<14} {:>14}", grouped(count)), "\n"]);
    }
    for row in &rows {
        text += &row.line();
        text.push('\n');
    }
    if query.asks() {
        text += &if matched == shown as u64 {
            say!(lang, "audit.matched", count = grouped(matched))
        } else {
            say!(lang, "audit.first_of", count = grouped(matched), shown = grouped(shown as u64))
        };
        text.push('\n');
    }
    if let Some(file) = &options.export {
        text += &say!(lang, "audit.exported", count = grouped(matched), file = file.display());
        text.push('\n');
    }
    print(&text)
}

/// Shows every row; how many records there are of each kind.
fn read(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    lang: Lang,
    bar: Option<&ProgressBar>,
    mut sink: impl FnMut(Row) -> Result<(), Failure>,
) -> Result<[u64; kind::WORDS.len()], Failure> {
    let journal = |error: &JournalError| of_journal(folder, error, lang);
    let mut recovery =
        Recovery::begin(Arc::clone(disk), From::Start, Access::Read).map_err(|e| journal(&e))?;
    let mut reader = Reader::default();
    let mut kinds = [0; kind::WORDS.len()];
    while let Some(recovered) = recovery.next().map_err(|error| journal(&error))? {
        if let Some(count) = kinds.get_mut(usize::from(recovered.entry.kind).wrapping_sub(1)) {
            *count += 1;
        }
        if recovered.record % 65_536 == 0 {
            if let Some(bar) = bar {
                bar.set_position(recovered.record);
            }
        }
        let rows = reader.rows(&recovered).map_err(|reason| {
            Failure::Violated(say!(
                lang,
                "journal.replay",
                folder = folder.display(),
                record = recovered.record,
                segment = recovered.segment,
                reason = lang.of(&reason)
            ))
        })?;
        rows.into_iter().try_for_each(&mut sink)?;
    }
    Ok(kinds)
}

/// A reader that has read what there is of published sessions, so that blocks have names; what is not understood is passed
/// over.
pub(crate) fn shelves(disk: &Arc<dyn Disk>) -> Result<Reader, haoyuan::journal::Error> {
    let mut reader = Reader::default();
    let mut recovery = Recovery::begin(Arc::clone(disk), From::Start, Access::Read)?;
    while let Some(recovered) = recovery.next()? {
        if matches!(recovered.entry.kind, kind::PUBLISHED | kind::ADMINISTERED) {
            let _ = reader.rows(&recovered);
        }
    }
    Ok(reader)
}

fn heads_of(file: &Path, lang: Lang) -> Result<Vec<haoyuan::journal::SegmentHead>, Failure> {
    let text = crate::files::read(file, lang)?;
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| {
            line.parse().map_err(|error: JournalError| {
                Failure::input(format!("{}: {}", file.display(), lang.of(&error)))
            })
        })
        .collect()
}

fn progress_bar(message: &str) -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = ProgressBar::new(0);
    let style = ProgressStyle::with_template("{msg} [{bar:40}] {human_pos}/{human_len}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(message.to_owned());
    Some(bar)
}

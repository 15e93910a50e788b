//! Rows for a supervisor: NDJSON, CSV or `SQLite`, by the end of the file's name.

use crate::audit::row::{COLUMNS, Row};
use crate::failure::Failure;
use crate::lang::{Lang, say};
use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use serde_json::Value;
use std::fmt::Display;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that is being written. Until it is whole it has another name ([`part`]): half an export under the name of the
/// evidence would be taken for all of it.
pub(crate) struct Export {
    path: PathBuf,
    lang: Lang,
    sink: Option<Sink>,
}

enum Sink {
    Lines(BufWriter<File>),
    Table(Box<csv::Writer<File>>),
    Base(Connection),
}

/// The name that a file has while it is being written.
fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// That a file of this name can be begun: its form is known, and there is none yet, because an export is evidence.
pub(crate) fn is_new(path: &Path, lang: Lang) -> Result<(), Failure> {
    let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
    if !matches!(end, "ndjson" | "jsonl" | "csv" | "sqlite" | "db") {
        return Err(Failure::input(say!(lang, "audit.export_form", file = path.display())));
    }
    if path.symlink_metadata().is_ok() {
        let reason = lang.system(&io::ErrorKind::AlreadyExists.into());
        return Err(Failure::input(say!(lang, "file.unwritable", file = path.display(), reason = reason)));
    }
    Ok(())
}

impl Export {
    /// Begins a file that [is new](is_new).
    pub(crate) fn begin(path: &Path, lang: Lang) -> Result<Self, Failure> {
        is_new(path, lang)?;
        let wrong = |error: &dyn Display| {
            Failure::input(say!(lang, "file.unwritable", file = path.display(), reason = error))
        };
        let part = part(path);
        // What an export that was cut off has left.
        let file = File::create(&part).map_err(|error| wrong(&lang.system(&error)))?;
        let sink = match path.extension().and_then(|end| end.to_str()) {
            Some("csv") => {
                let mut table = csv::Writer::from_writer(file);
                table.write_record(COLUMNS).map_err(|error| wrong(&error))?;
                Sink::Table(Box::new(table))
            }
            Some("sqlite" | "db") => {
                drop(file);
                let base = Connection::open(&part).map_err(|error| wrong(&error))?;
                let columns: Vec<String> = COLUMNS.iter().map(|column| format!("\"{column}\"")).collect();
                // It is one transaction in a file that nobody else knows: what is not whole is thrown away.
                let script = format!(
                    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; BEGIN; CREATE TABLE trace ({});",
                    columns.join(", ")
                );
                base.execute_batch(&script).map_err(|error| wrong(&error))?;
                Sink::Base(base)
            }
            _ => Sink::Lines(BufWriter::new(file)),
        };
        Ok(Self { path: path.to_owned(), lang, sink: Some(sink) })
    }

    fn wrong(&self, error: &dyn Display) -> Failure {
        Failure::input(say!(self.lang, "file.unwritable", file = self.path.display(), reason = error))
    }

    /// Writes a row.
    pub(crate) fn take(&mut self, row: &Row) -> Result<(), Failure> {
        let outcome = match &mut self.sink {
            Some(Sink::Lines(file)) => writeln!(file, "{}", row.json()).map_err(|error| error.to_string()),
            Some(Sink::Table(table)) => table
                .write_record(COLUMNS.map(|column| plain(row.value(column))))
                .map_err(|error| error.to_string()),
            Some(Sink::Base(base)) => insert(base, row).map_err(|error| error.to_string()),
            None => Ok(()),
        };
        outcome.map_err(|error| self.wrong(&error))
    }

    /// Ends the file, and gives it its name.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let outcome = match self.sink.take() {
            Some(Sink::Lines(mut file)) => file.flush().map_err(|error| error.to_string()),
            Some(Sink::Table(mut table)) => table.flush().map_err(|error| error.to_string()),
            Some(Sink::Base(base)) => base
                .execute_batch(
                    "CREATE INDEX trace_booking ON trace (booking); CREATE INDEX trace_patient ON trace (patient);
                     CREATE INDEX trace_session ON trace (session); COMMIT;",
                )
                .and_then(|()| base.close().map_err(|(_, error)| error))
                .map_err(|error| error.to_string()),
            None => Ok(()),
        };
        outcome.map_err(|error| self.wrong(&error))?;
        is_new(&self.path, self.lang)?;
        let part = part(&self.path);
        File::open(&part)
            .and_then(|file| file.sync_all())
            .and_then(|()| fs::rename(&part, &self.path))
            .map_err(|error| self.wrong(&self.lang.system(&error)))
    }
}

impl Drop for Export {
    /// What did not become whole goes; where it did, no such file is there any more.
    fn drop(&mut self) {
        drop(self.sink.take());
        let _ = fs::remove_file(part(&self.path));
    }
}

fn insert(base: &Connection, row: &Row) -> rusqlite::Result<()> {
    let places = vec!["?"; COLUMNS.len()].join(", ");
    let mut statement = base.prepare_cached(&format!("INSERT INTO trace VALUES ({places})"))?;
    let values = COLUMNS.map(|column| match row.value(column) {
        Value::Null => ToSqlOutput::Owned(Sql::Null),
        Value::Bool(value) => ToSqlOutput::Owned(Sql::Integer(i64::from(*value))),
        Value::Number(number) => ToSqlOutput::Owned(number.as_i64().map_or(Sql::Null, Sql::Integer)),
        Value::String(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
        other => ToSqlOutput::Owned(Sql::Text(other.to_string())),
    });
    statement.execute(rusqlite::params_from_iter(values)).map(drop)
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

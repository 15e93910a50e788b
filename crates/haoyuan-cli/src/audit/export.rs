//! Rows for a supervisor: NDJSON, CSV or `SQLite`, by the end of the file's name.

use crate::audit::row::{COLUMNS, Row};
use crate::failure::Failure;
use crate::lang::{Lang, say};
use rusqlite::Connection;
use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use serde_json::Value;
use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// A file that is being written.
pub(crate) struct Export {
    path: PathBuf,
    lang: Lang,
    sink: Sink,
}

enum Sink {
    Lines(BufWriter<File>),
    Table(Box<csv::Writer<File>>),
    Base(Connection),
}

impl Export {
    /// Begins a file; one of that name must not be there, because an export is evidence.
    pub(crate) fn begin(path: &Path, lang: Lang) -> Result<Self, Failure> {
        let wrong = |error: &dyn Display| {
            Failure::input(say!(lang, "file.unwritable", file = path.display(), reason = error))
        };
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default();
        if !matches!(end, "ndjson" | "jsonl" | "csv" | "sqlite" | "db") {
            return Err(Failure::input(say!(lang, "audit.export_form", file = path.display())));
        }
        let file = File::create_new(path).map_err(|error| wrong(&lang.system(&error)))?;
        let sink = match end {
            "csv" => {
                let mut table = csv::Writer::from_writer(file);
                table.write_record(COLUMNS).map_err(|error| wrong(&error))?;
                Sink::Table(Box::new(table))
            }
            "sqlite" | "db" => {
                drop(file);
                let base = Connection::open(path).map_err(|error| wrong(&error))?;
                let columns: Vec<String> = COLUMNS.iter().map(|column| format!("\"{column}\"")).collect();
                let script =
                    format!("PRAGMA synchronous = OFF; BEGIN; CREATE TABLE trace ({});", columns.join(", "));
                base.execute_batch(&script).map_err(|error| wrong(&error))?;
                Sink::Base(base)
            }
            _ => Sink::Lines(BufWriter::new(file)),
        };
        Ok(Self { path: path.to_owned(), lang, sink })
    }

    fn wrong(&self, error: &dyn Display) -> Failure {
        Failure::input(say!(self.lang, "file.unwritable", file = self.path.display(), reason = error))
    }

    /// Writes a row.
    pub(crate) fn take(&mut self, row: &Row) -> Result<(), Failure> {
        let outcome = match &mut self.sink {
            Sink::Lines(file) => writeln!(file, "{}", row.json()).map_err(|error| error.to_string()),
            Sink::Table(table) => table
                .write_record(COLUMNS.map(|column| plain(row.value(column))))
                .map_err(|error| error.to_string()),
            Sink::Base(base) => insert(base, row).map_err(|error| error.to_string()),
        };
        outcome.map_err(|error| self.wrong(&error))
    }

    /// Ends the file.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let outcome = match &mut self.sink {
            Sink::Lines(file) => file.flush().map_err(|error| error.to_string()),
            Sink::Table(table) => table.flush().map_err(|error| error.to_string()),
            Sink::Base(base) => base
                .execute_batch(
                    "CREATE INDEX trace_booking ON trace (booking); CREATE INDEX trace_patient ON trace (patient);
                     CREATE INDEX trace_session ON trace (session); COMMIT;",
                )
                .map_err(|error| error.to_string()),
        };
        outcome.map_err(|error| self.wrong(&error))
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

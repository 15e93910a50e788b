//! Reading a roster: the core's table reader behind a file's name.

use crate::failure::Failure;
use crate::files;
use crate::lang::Lang;
use haoyuan_core::directory::Directory;
use haoyuan_core::plan::Session;
use haoyuan_core::roster::{Roster, RowError};
use std::path::Path;

/// A roster file, as bytes: the core finds out how they are encoded.
pub(crate) fn read(path: &Path, lang: Lang) -> Result<Vec<u8>, Failure> {
    files::read_bytes(path, lang)
}

/// Reads a roster, all of it or nothing.
pub(crate) fn parse(bytes: &[u8], directory: &Directory) -> Result<Vec<Session>, Vec<RowError>> {
    Roster::parse(bytes, directory, std::iter::empty())
}

/// The errors of a file, one a line.
pub(crate) fn lines(file: &str, errors: &[RowError], lang: Lang) -> String {
    errors.iter().map(|error| format!("{file}: {}", lang.of(error))).collect::<Vec<_>>().join("\n")
}

//! `haoyuan bench`: hands over to `haoyuan-bench`, which stands beside this program or on the path.
//!
//! The command itself carries no workload and no client of a peer: who only runs a hospital installs neither.

use crate::args::Bench;
use crate::failure::Failure;
use crate::lang::{Lang, say};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program that measures.
const PROGRAM: &str = "haoyuan-bench";

pub(crate) fn run(options: &Bench, lang: Lang) -> Result<(), Failure> {
    let beside = std::env::current_exe().ok().and_then(|here| here.parent().map(Path::to_owned));
    let name = format!("{PROGRAM}{}", std::env::consts::EXE_SUFFIX);
    let beside = beside.map(|folder| folder.join(&name)).filter(|program| program.is_file());
    let program = beside.unwrap_or_else(|| PathBuf::from(&name));
    match Command::new(&program).args(&options.arguments).status() {
        Ok(status) => match status.code() {
            Some(0) => Ok(()),
            Some(2) => Err(Failure::input(say!(lang, "bench.usage"))),
            _ => Err(Failure::Violated(say!(lang, "bench.failed"))),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(Failure::input(say!(lang, "bench.missing", program = PROGRAM)))
        }
        Err(error) => Err(Failure::io(program.display(), &error)),
    }
}

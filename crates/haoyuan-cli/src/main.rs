//! The `haoyuan` command: the only place of the project with arguments, files, a wall clock and exit codes.
//!
//! *Architecture invariant:* no rule is decided here. The command reads, asks the engine or the platform, measures,
//! recounts and prints; what it says comes from one catalogue in two languages.
//!
//! Exit codes: 0 ok, 1 a check was violated, 2 bad usage or input.

mod args;
mod audit;
mod bench;
mod day;
mod failure;
mod files;
mod journal;
mod lang;
mod messages;
mod policies;
mod report;
mod rosters;
mod run;
mod rush;
mod serve;
mod soak;
mod text;
mod verify;
mod token;

use args::{Command, Refused};
use failure::{Failure, print};
use lang::{Lang, say};
use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let args: Vec<OsString> = std::env::args_os().collect();
    let lang = Lang::detect(&args, |name| std::env::var_os(name));
    match execute(&args, lang) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = match &failure {
                Failure::Input(text) => say!(lang, "error", text = text),
                Failure::Stream(told) => say!(lang, "error", text = lang.of(told)),
                Failure::Violated(text) => text.clone(),
                Failure::Gone => return failure.code(),
            };
            // Standard error may be closed as well; then there is nobody to tell, and the exit code says it.
            let _ = writeln!(std::io::stderr(), "{text}");
            failure.code()
        }
    }
}

fn execute(args: &[OsString], lang: Lang) -> Result<(), Failure> {
    let cli = match args::parse(args, lang) {
        Ok(cli) => cli,
        Err(Refused::Shown(error)) => {
            return error.print().map_err(|error| Failure::io("stdout", &error));
        }
        Err(Refused::Wrong(text)) => return Err(Failure::Input(text)),
    };
    let lang = cli.lang.unwrap_or(lang);
    match &cli.command {
        Command::Rush(options) => rush::run(options, lang),
        Command::Run(options) => run::run(options, lang),
        Command::Audit(options) => audit::run(options, lang),
        Command::Report(options) => report::run(options, lang),
        Command::Day(options) => day::run(options, lang),
        Command::Serve(options) => serve::run(options, lang),
        Command::Token { command } => token::run(command, lang),
        Command::Bench(options) => bench::run(options, lang),
        Command::Verify(options) => verify::run(options, lang),
        Command::Soak(options) => soak::run(options, lang),
        Command::Snapshot(options) => journal::snapshot(options, lang),
        Command::Recover(options) => journal::recover(options, lang),
        Command::Policy { command } => policies::policy(command, lang),
        Command::Roster { command } => policies::roster(command, lang),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(*shell, &mut args::command(lang), "haoyuan", &mut script);
            print(&String::from_utf8_lossy(&script))
        }
        Command::Help { command } => help(command, lang),
    }
}

/// `haoyuan help rush` is `haoyuan rush --help`.
fn help(path: &[String], lang: Lang) -> Result<(), Failure> {
    let mut command = &mut args::command(lang);
    for name in path {
        command = command.find_subcommand_mut(name).ok_or_else(|| {
            let unknown = say!(lang, "args.unknown_command", name = name);
            Failure::Input(format!("{unknown}\n{}", say!(lang, "args.see_help")))
        })?;
    }
    let help = command.render_long_help();
    if std::io::IsTerminal::is_terminal(&std::io::stdout())
        && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty())
    {
        print(&help.ansi().to_string())
    } else {
        print(&help.to_string())
    }
}

//! The arguments: their shape is here, every word about them is in the catalogue.
//!
//! INVARIANT (help for everything): each command `c` has `help.c` and `usage.c`, each argument `a` of it `help.c:a`, in
//! both languages; a test walks the whole tree. `more.c` holds what comes after the options: examples, exit codes.

use crate::lang::{Lang, entry, find, say};
use clap::builder::{StyledStr, ValueParser};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use haoyuan::journal::HashKind;
use haoyuan::kpi::Month;
use haoyuan_model::sim::{Bug, Lane};
use std::ffi::OsString;
use std::net::{IpAddr, SocketAddr};
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::{Path, PathBuf};

/// Everything on the command line.
#[derive(Debug, Parser)]
#[command(name = "haoyuan", version, disable_help_flag = true, disable_version_flag = true)]
#[command(disable_help_subcommand = true, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[arg(long, global = true, value_enum, value_name = "en|zh")]
    pub(crate) lang: Option<Lang>,
    #[arg(short, long, global = true, action = ArgAction::Help)]
    help: Option<bool>,
    #[arg(short = 'V', long, action = ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Rush(Rush),
    Run(Run),
    Audit(Box<Audit>),
    Report(Report),
    Day(Day),
    Bench(Bench),
    Serve(Box<Serve>),
    Token {
        #[command(subcommand)]
        command: Token,
    },
    Verify(Verify),
    Soak(Soak),
    Snapshot(Snapshot),
    Recover(Recover),
    Policy {
        #[command(subcommand)]
        command: Policy,
    },
    Roster {
        #[command(subcommand)]
        command: Roster,
    },
    Completions {
        #[arg(value_enum, value_name = "SHELL")]
        shell: Shell,
    },
    Help {
        #[arg(value_name = "COMMAND")]
        command: Vec<String>,
    },
}

/// The journal that a command keeps.
#[derive(Debug, Args)]
pub(crate) struct Kept {
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
    #[arg(long, requires = "journal")]
    pub(crate) sync: bool,
    #[arg(long, requires = "journal", value_name = "blake3|sm3", value_parser = ValueParser::new(hash))]
    pub(crate) hash: Option<HashKind>,
}

/// `haoyuan rush`.
#[derive(Debug, Args)]
pub(crate) struct Rush {
    #[arg(long, value_name = "FILE")]
    pub(crate) scenario: Option<PathBuf>,
    #[arg(short, long, value_name = "N", value_parser = ValueParser::new(threads))]
    pub(crate) threads: Option<NonZeroUsize>,
    #[arg(short = 'n', long, value_name = "N", value_parser = ValueParser::new(count))]
    pub(crate) requests: Option<NonZeroU32>,
    #[arg(short, long, value_name = "N", value_parser = ValueParser::new(seed))]
    pub(crate) seed: Option<u64>,
    #[arg(short, long, value_name = "PRESET|FILE")]
    pub(crate) policy: Option<String>,
    #[arg(short, long, value_name = "CSV")]
    pub(crate) roster: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
    #[arg(long)]
    pub(crate) print_scenario: bool,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

/// `haoyuan bench`.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    #[arg(value_name = "ARGUMENT", trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) arguments: Vec<OsString>,
}

/// `haoyuan audit`.
#[derive(Debug, Args)]
pub(crate) struct Audit {
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    #[arg(long, value_name = "ID")]
    pub(crate) booking: Option<String>,
    #[arg(long, value_name = "KEY")]
    pub(crate) patient: Option<String>,
    #[arg(long, value_name = "CODE")]
    pub(crate) session: Option<String>,
    #[arg(long, value_name = "CODE")]
    pub(crate) practitioner: Option<String>,
    #[arg(long, value_name = "ROLE|KEY")]
    pub(crate) actor: Option<String>,
    #[arg(long, value_name = "TIME")]
    pub(crate) from: Option<String>,
    #[arg(long, value_name = "TIME")]
    pub(crate) to: Option<String>,
    #[arg(long, value_name = "CODE")]
    pub(crate) code: Option<String>,
    #[arg(long, value_name = "SESSION/SLOT/SEAT")]
    pub(crate) seat: Option<String>,
    #[arg(long, value_name = "FILE")]
    pub(crate) export: Option<PathBuf>,
    #[arg(long, conflicts_with_all = ["booking", "patient", "session", "practitioner", "actor", "from", "to", "code", "seat", "export"])]
    pub(crate) heads: bool,
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// `haoyuan report`.
#[derive(Debug, Args)]
pub(crate) struct Report {
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    #[arg(short, long, value_name = "YYYY-MM", value_parser = ValueParser::new(month))]
    pub(crate) month: Month,
    #[arg(short, long, value_name = "CODE")]
    pub(crate) institution: Option<String>,
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=12))]
    pub(crate) months: Option<u16>,
    #[arg(long, value_name = "TIME")]
    pub(crate) as_of: Option<String>,
    #[arg(long, value_name = "CSV")]
    pub(crate) visits: Option<PathBuf>,
    #[arg(long, value_name = "CSV")]
    pub(crate) districts: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
}

impl Report {
    /// The report of a month of a journal, with a page if one is wanted.
    pub(crate) fn of(folder: &Path, month: Month, html: Option<PathBuf>) -> Self {
        let folder = folder.to_owned();
        Self {
            folder,
            month,
            institution: None,
            months: Some(1),
            as_of: None,
            visits: None,
            districts: None,
            json: false,
            csv: None,
            html,
        }
    }
}

/// `haoyuan day`.
#[derive(Debug, Args)]
pub(crate) struct Day {
    #[arg(short = 'n', long, value_name = "N", value_parser = ValueParser::new(count))]
    pub(crate) patients: Option<NonZeroU32>,
    #[arg(short, long, value_name = "N")]
    pub(crate) seed: Option<u64>,
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// `haoyuan serve`.
#[derive(Debug, Args)]
pub(crate) struct Serve {
    #[arg(short, long, value_name = "IP:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) address: SocketAddr,
    #[command(flatten)]
    pub(crate) kept: Kept,
    #[arg(long, value_name = "FILE", conflicts_with = "demo")]
    pub(crate) tokens: Option<PathBuf>,
    #[arg(long, value_name = "N", value_parser = ValueParser::new(seats))]
    pub(crate) seats: Option<u32>,
    #[arg(long)]
    pub(crate) demo: bool,
    #[arg(long, value_name = "DIR", conflicts_with = "demo")]
    pub(crate) page: Option<PathBuf>,
    #[arg(long, value_name = "URL")]
    pub(crate) origin: Vec<String>,
    #[arg(long, value_name = "IP")]
    pub(crate) proxy: Vec<IpAddr>,
    #[arg(long, value_name = "N", value_parser = ValueParser::new(connections))]
    pub(crate) connections: Option<u32>,
    #[arg(long, value_name = "N", value_parser = ValueParser::new(rate))]
    pub(crate) peer_rate: Option<u32>,
    #[arg(long, value_name = "N", value_parser = ValueParser::new(rate))]
    pub(crate) patient_rate: Option<u32>,
    #[arg(long, value_name = "N", value_parser = ValueParser::new(rate))]
    pub(crate) staff_rate: Option<u32>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// `haoyuan token`.
#[derive(Debug, Subcommand)]
pub(crate) enum Token {
    Staff {
        #[arg(long, value_name = "NAME")]
        name: String,
        #[arg(long, value_name = "ROLE")]
        role: String,
        #[arg(long, value_name = "KEY")]
        id: Option<String>,
        #[arg(long, value_name = "CODE")]
        institution: Option<String>,
        #[arg(long, value_name = "CHANNEL")]
        channel: Option<String>,
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    Key {
        #[arg(long, value_name = "NAME")]
        id: String,
        #[arg(long, value_name = "TIME")]
        expires: Option<String>,
    },
    Patient {
        #[arg(long, value_name = "FILE")]
        tokens: PathBuf,
        #[arg(long, value_name = "KEY")]
        patient: String,
        #[arg(long, value_name = "CHANNEL", default_value = "web")]
        channel: String,
        #[arg(long, value_name = "N", default_value = "15", value_parser = clap::value_parser!(u16).range(1..=720))]
        minutes: u16,
    },
}

/// `haoyuan verify`.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub(crate) seconds: Option<u64>,
    #[arg(short, long, value_name = "N", value_parser = ValueParser::new(seed))]
    pub(crate) seed: Option<u64>,
    #[arg(long, value_name = "N", conflicts_with = "seconds")]
    pub(crate) runs: Option<u64>,
    #[arg(long, value_name = "LANE", value_parser = ValueParser::new(crate::verify::lane))]
    pub(crate) lane: Option<Lane>,
    #[arg(long)]
    pub(crate) canaries: bool,
    /// Not in the help: it is there to show that a violation ends as it is said to.
    #[arg(long, value_name = "BUG", hide = true, conflicts_with_all = ["lane", "canaries"],
        value_parser = ValueParser::new(crate::verify::bug))]
    pub(crate) plant: Option<Bug>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// `haoyuan soak`.
#[derive(Debug, Args)]
pub(crate) struct Soak {
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SECONDS_MAX))]
    pub(crate) seconds: Option<u64>,
    #[arg(long, value_name = "DIR")]
    pub(crate) journal: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// `haoyuan snapshot`.
#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    #[arg(long, value_name = "TIME")]
    pub(crate) retire: Option<String>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// `haoyuan recover`.
#[derive(Debug, Args)]
pub(crate) struct Recover {
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    #[arg(long, value_name = "NEWDIR")]
    pub(crate) salvage: Option<PathBuf>,
    #[arg(long)]
    pub(crate) json: bool,
}

/// `haoyuan run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[arg(value_name = "FILE", default_value = "-")]
    pub(crate) file: PathBuf,
    #[arg(long)]
    pub(crate) strict: bool,
    #[command(flatten)]
    pub(crate) kept: Kept,
}

/// `haoyuan policy`.
#[derive(Debug, Subcommand)]
pub(crate) enum Policy {
    List {
        #[arg(long)]
        json: bool,
    },
    Show {
        #[arg(value_name = "PRESET|FILE")]
        policy: String,
        #[arg(long)]
        json: bool,
    },
    Check {
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[arg(long, value_name = "FILE")]
        calendar: Option<PathBuf>,
        #[arg(long)]
        json: bool,
    },
}

/// `haoyuan roster`.
#[derive(Debug, Subcommand)]
pub(crate) enum Roster {
    Check {
        #[arg(value_name = "CSV")]
        file: PathBuf,
        #[arg(short, long, value_name = "FILE")]
        directory: PathBuf,
        #[arg(short, long, value_name = "PRESET|FILE")]
        policy: Option<String>,
        #[arg(long)]
        json: bool,
    },
}

/// A month is long enough for whoever wants to know.
pub(crate) const SECONDS_MAX: u64 = 31 * 86_400;
/// The most threads: more than this is surely a slip of the finger.
pub(crate) const THREADS_MAX: usize = 1024;
/// The most requests: some 2 GB for the trace and the answers.
pub(crate) const REQUESTS_MAX: u32 = 10_000_000;

fn threads(text: &str) -> Result<NonZeroUsize, String> {
    text.parse()
        .ok()
        .filter(|n: &NonZeroUsize| n.get() <= THREADS_MAX)
        .ok_or_else(|| format!("1–{THREADS_MAX}"))
}

/// The most seats of a server: what the engine may be opened with on 64 bits.
const SEATS_MAX: u32 = 16_000_000;
/// The most connections: more than the system gives file descriptors by default.
const CONNECTIONS_MAX: u32 = 1_000_000;
/// The highest rate that can be set; 0 is none at all.
const RATE_MAX: u32 = 1_000_000;

fn seats(text: &str) -> Result<u32, String> {
    count_to(text, SEATS_MAX).map(NonZeroU32::get)
}

fn connections(text: &str) -> Result<u32, String> {
    count_to(text, CONNECTIONS_MAX).map(NonZeroU32::get)
}

fn rate(text: &str) -> Result<u32, String> {
    let read = text.parse().ok().filter(|n| *n <= RATE_MAX);
    read.ok_or_else(|| format!("0–{RATE_MAX}"))
}

fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("0–{}", u64::MAX))
}

fn hash(text: &str) -> Result<HashKind, String> {
    match text {
        "blake3" => Ok(HashKind::Blake3),
        "sm3" => Ok(HashKind::Sm3),
        _ => Err("blake3|sm3".to_owned()),
    }
}

fn month(text: &str) -> Result<Month, String> {
    Month::parse(text).ok_or_else(|| "2026-03".to_owned())
}

/// A count that people may write as `1_000_000` or `200k`.
fn count(text: &str) -> Result<NonZeroU32, String> {
    count_to(text, REQUESTS_MAX)
}

fn count_to(text: &str, most: u32) -> Result<NonZeroU32, String> {
    let plain = text.replace('_', "");
    let (digits, factor) = match plain.strip_suffix(['k', 'K']) {
        Some(digits) => (digits, 1_000),
        None => plain.strip_suffix(['m', 'M']).map_or((plain.as_str(), 1), |digits| (digits, 1_000_000)),
    };
    digits
        .parse::<u32>()
        .ok()
        .and_then(|n| n.checked_mul(factor))
        .filter(|n| *n <= most)
        .and_then(NonZeroU32::new)
        .ok_or_else(|| format!("1–{most}"))
}

/// The whole command tree, speaking `lang`.
pub(crate) fn command(lang: Lang) -> clap::Command {
    let mut command = Cli::command();
    // Global options reach the subcommands only now; built later they would bring their words along untranslated.
    command = localise(command, "haoyuan", lang);
    command.build();
    command
}

fn localise(command: clap::Command, path: &str, lang: Lang) -> clap::Command {
    let text = |key: String| find(&key).map(|entry| entry.text(lang));
    let options = entry("help.options").text(lang);
    let usage = entry("help.usage").text(lang);
    let template = format!("{{about-with-newline}}\n{usage} {{usage}}\n\n{{all-args}}{{after-help}}");
    let mut command = command
        .about(text(format!("help.{path}")).unwrap_or_default())
        .max_term_width(80)
        .override_usage(text(format!("usage.{path}")).unwrap_or_default())
        .help_template(template)
        .subcommand_help_heading(entry("help.commands").text(lang))
        .mut_args(|arg: Arg| {
            // The global options are described once, at the top.
            let id = arg.get_id().as_str().to_owned();
            let help = text(format!("help.{path}:{id}"));
            let arg = arg.help(help.unwrap_or_default()).help_heading(options);
            // What clap would add here is English; the texts of the catalogue say it themselves.
            if arg.get_action().takes_values() {
                arg.hide_default_value(true).hide_possible_values(true)
            } else {
                arg
            }
        });
    if let Some(more) = text(format!("more.{path}")) {
        command = command.after_help(StyledStr::from(more));
    }
    command.mut_subcommands(|sub| {
        let path = format!("{path}.{}", sub.get_name());
        localise(sub, &path, lang)
    })
}

/// Parses; an `Err` is either a text for standard output (help, version) or a complaint.
pub(crate) fn parse(args: &[std::ffi::OsString], lang: Lang) -> Result<Cli, Refused> {
    use clap::FromArgMatches;
    let mut command = command(lang);
    command
        .try_get_matches_from_mut(args)
        .and_then(|mut matches| Cli::from_arg_matches_mut(&mut matches))
        .map_err(|error| refuse(error, lang))
}

/// Why there is nothing to do.
#[derive(Debug)]
pub(crate) enum Refused {
    /// Help or version was asked for.
    Shown(Box<clap::Error>),
    /// The arguments are wrong; the text says what to do.
    Wrong(String),
}

fn refuse(error: clap::Error, lang: Lang) -> Refused {
    let value = |kind: ContextKind| match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        Some(ContextValue::StyledStr(text)) => text.to_string(),
        Some(ContextValue::StyledStrs(texts)) => {
            texts.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
        }
        _ => String::new(),
    };
    let arg = value(ContextKind::InvalidArg);
    let given = value(ContextKind::InvalidValue);
    let what = match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return Refused::Shown(Box::new(error)),
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand | ErrorKind::MissingSubcommand => {
            say!(lang, "args.no_command")
        }
        ErrorKind::UnknownArgument => say!(lang, "args.unknown", arg = arg),
        ErrorKind::InvalidSubcommand => {
            say!(lang, "args.unknown_command", name = value(ContextKind::InvalidSubcommand))
        }
        ErrorKind::InvalidValue if given.is_empty() => say!(lang, "args.value_missing", arg = arg),
        ErrorKind::InvalidValue => {
            say!(
                lang,
                "args.value_not_one_of",
                arg = arg,
                value = given,
                values = value(ContextKind::ValidValue)
            )
        }
        ErrorKind::ValueValidation => {
            let reason = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
            say!(lang, "args.value_wrong", arg = arg, value = given, reason = reason)
        }
        ErrorKind::MissingRequiredArgument => say!(lang, "args.missing", arg = arg),
        ErrorKind::ArgumentConflict => {
            say!(lang, "args.conflict", arg = arg, other = value(ContextKind::PriorArg))
        }
        ErrorKind::TooManyValues => say!(lang, "args.too_many", arg = arg, value = given),
        ErrorKind::NoEquals => say!(lang, "args.value_missing", arg = arg),
        ErrorKind::InvalidUtf8 => say!(lang, "args.not_utf8"),
        _ => error.to_string(),
    };
    let hint = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue]
        .into_iter()
        .map(value)
        .find(|hint| !hint.is_empty());
    let hint =
        hint.map_or_else(String::new, |hint| format!("\n{}", say!(lang, "args.did_you_mean", hint = hint)));
    Refused::Wrong(format!("{what}{hint}\n{}", say!(lang, "args.see_help")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::TABLE;

    fn walk(command: &clap::Command, path: &str, keys: &mut Vec<String>) {
        keys.push(format!("help.{path}"));
        keys.push(format!("usage.{path}"));
        keys.extend(command.get_arguments().map(|arg| format!("help.{path}:{}", arg.get_id())));
        for sub in command.get_subcommands() {
            walk(sub, &format!("{path}.{}", sub.get_name()), keys);
        }
    }

    #[test]
    fn every_command_and_argument_is_described_and_nothing_else_is() {
        let mut keys = Vec::new();
        walk(&Cli::command(), "haoyuan", &mut keys);
        for key in &keys {
            assert!(find(key).is_some(), "`{key}` is not in the catalogue");
        }
        for entry in
            TABLE.iter().filter(|e| e.key.starts_with("help.haoyuan") || e.key.starts_with("usage.haoyuan"))
        {
            assert!(keys.iter().any(|key| key == entry.key), "`{}` describes nothing", entry.key);
        }
    }

    #[track_caller]
    fn help_is_printed_as_it_is_written(command: &mut clap::Command, path: &str, lang: Lang) {
        // As wide as a terminal may be, and not as wide as the one that the test is run in.
        let help = command.clone().term_width(80).render_long_help().to_string();
        for line in help.lines() {
            let wide = unicode_width::UnicodeWidthStr::width(line);
            assert!(wide <= 80, "`{path}` in {}: {wide} columns: {line}", lang.tag());
        }
        // Not broken a second time, which leaves a word alone on every other line.
        if let Some(more) = find(&format!("more.{path}")) {
            let more = more.text(lang).trim_end();
            assert!(help.trim_end().ends_with(more), "`{path}` in {} is broken anew:\n{help}", lang.tag());
        }
        for sub in command.get_subcommands_mut() {
            let path = format!("{path}.{}", sub.get_name());
            help_is_printed_as_it_is_written(sub, &path, lang);
        }
    }

    #[test]
    fn no_line_of_any_help_is_too_wide_or_broken_twice() {
        for lang in [Lang::En, Lang::Zh] {
            help_is_printed_as_it_is_written(&mut command(lang), "haoyuan", lang);
        }
    }

    #[test]
    fn the_tree_is_sound() {
        for lang in [Lang::En, Lang::Zh] {
            command(lang).debug_assert();
        }
    }

    #[test]
    fn counts_may_be_written_the_way_people_write_them() {
        let value = |text| count(text).ok().map(NonZeroU32::get);
        assert_eq!(value("200000"), Some(200_000));
        assert_eq!(value("1_000_000"), Some(1_000_000));
        assert_eq!(value("200k"), Some(200_000));
        assert_eq!(value("2M"), Some(2_000_000));
        for wrong in ["", "0", "-1", "k", "1.5k", "10000001", "99999999999", "5000M"] {
            assert_eq!(value(wrong), None, "{wrong}");
        }
    }
}

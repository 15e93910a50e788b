//! `haoyuan run`: JSON Lines in, one JSON answer per line out, in the same order.
//!
//! What a command is and what it answers is the platform's business; here are only bytes and lines. A line that cannot
//! be one (no UTF-8, too long) is answered like any other line that is no command, and the next one goes on.

use crate::args;
use crate::failure::Failure;
use crate::journal;
use crate::lang::{Lang, say};
use haoyuan_core::said;
use haoyuan_platform::answer::Answer;
use haoyuan_platform::{Malformed, Platform};
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// The longest line: room for a whole roster in one command. What is longer is skipped without being kept.
const LONGEST: usize = 64 << 20;

/// Runs a file or standard input.
pub(crate) fn run(options: &args::Run, lang: Lang) -> Result<(), Failure> {
    let Some(folder) = &options.kept.journal else {
        let platform = Platform::new();
        return run_with(options, |line| platform.answer(line), lang);
    };
    let registry = journal::open(folder, journal::kept(&options.kept, None), lang)?;
    let ran = run_with(options, |line| registry.answer(line), lang);
    // Whatever ended the run, what was answered goes to disk.
    let closed = registry.close().map_err(|error| journal::failure(folder, &error, lang));
    ran.and(closed)
}

fn run_with(options: &args::Run, answer: impl FnMut(&str) -> Answer, lang: Lang) -> Result<(), Failure> {
    let out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    if options.file == Path::new("-") {
        return answer_all(io::stdin().lock(), out, answer, "stdin", options.strict, lang);
    }
    let name = options.file.display().to_string();
    let wrong = |error: &io::Error| {
        Failure::input(say!(lang, "file.unreadable", file = name, reason = lang.system(error)))
    };
    let file = File::open(&options.file).map_err(|error| wrong(&error))?;
    if file.metadata().is_ok_and(|data| data.is_dir()) {
        return Err(wrong(&io::Error::from(io::ErrorKind::IsADirectory)));
    }
    answer_all(file, out, answer, &name, options.strict, lang)
}

fn answer_all(
    input: impl Read,
    mut out: impl Write,
    mut decide: impl FnMut(&str) -> Answer,
    name: &str,
    strict: bool,
    lang: Lang,
) -> Result<(), Failure> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    let mut bytes = Vec::new();
    let mut number = 0u64;
    let mut wrong = 0u64;
    let stdout = |error: &io::Error| Failure::io("stdout", error);
    let wrong_file = |error: &io::Error| {
        Failure::input(say!(lang, "file.unreadable", file = name, reason = lang.system(error)))
    };
    loop {
        let read = read_line(&mut input, &mut bytes).map_err(|error| wrong_file(&error))?;
        let Some(length) = read else { break };
        number += 1;
        let answer = match text(&bytes, length, number == 1) {
            // A blank line is no command and has no answer; it still counts.
            Ok(line) if line.trim().is_empty() => continue,
            Ok(line) => decide(line),
            Err(malformed) => Answer::Error(malformed),
        };
        writeln!(out, "{}", answer.to_json_at(number)).map_err(|error| stdout(&error))?;
        if let Answer::Error(malformed) = &answer {
            wrong += 1;
            if strict {
                out.flush().map_err(|error| stdout(&error))?;
                return Err(Failure::input(say!(
                    lang,
                    "run.strict",
                    file = name,
                    line = number,
                    reason = lang.of(malformed)
                )));
            }
        }
        // Somebody may be waiting for the answer before asking the next thing.
        if input.buffer().is_empty() {
            out.flush().map_err(|error| stdout(&error))?;
        }
    }
    out.flush().map_err(|error| stdout(&error))?;
    if wrong > 0 {
        eprintln!("{}", say!(lang, "run.wrong", file = name, count = wrong));
    }
    Ok(())
}

/// Reads one line without its end into `bytes`, at most [`LONGEST`] bytes of it. `None` at the end of input; otherwise
/// the length of the line, which may be more than was kept.
fn read_line(input: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<Option<usize>> {
    bytes.clear();
    let mut length = 0;
    let mut any = false;
    loop {
        let buffer = match input.fill_buf() {
            Ok(buffer) => buffer,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if buffer.is_empty() {
            return Ok(any.then_some(length));
        }
        any = true;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let part = &buffer[..end.unwrap_or(buffer.len())];
        length += part.len();
        bytes.extend_from_slice(&part[..part.len().min(LONGEST.saturating_sub(bytes.len()))]);
        let used = part.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(Some(length));
        }
    }
}

/// The text of a line: no byte-order mark on the first, no carriage return at its end.
fn text(bytes: &[u8], length: usize, first: bool) -> Result<&str, Malformed> {
    let wrong = |reason, column| Malformed { field: None, reason, column, place: None, rows: Vec::new() };
    if length > LONGEST {
        let reason = said!(
            "this line is longer than {most} MiB; split the command",
            "此行超过 {most} MiB;请拆分命令",
            most = LONGEST >> 20
        );
        return Err(wrong(reason, None));
    }
    let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
    let bytes = if first { bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes) } else { bytes };
    std::str::from_utf8(bytes).map_err(|error| {
        let reason =
            said!("this line is not UTF-8; save the file as UTF-8", "此行不是 UTF-8;请以 UTF-8 保存文件");
        wrong(reason, Some(error.valid_up_to() + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(input: &[u8], strict: bool) -> (Vec<serde_json::Value>, Result<(), Failure>) {
        let mut out = Vec::new();
        let result =
            answer_all(input, &mut out, |line| Platform::new().answer(line), "test", strict, Lang::En);
        let text = String::from_utf8(out).unwrap();
        (text.lines().map(|line| serde_json::from_str(line).unwrap()).collect(), result)
    }

    #[track_caller]
    fn check(input: &[u8], lines: &[u64]) {
        let (answers, result) = answers(input, false);
        assert!(result.is_ok());
        let numbers: Vec<u64> = answers.iter().map(|answer| answer["line"].as_u64().unwrap()).collect();
        assert_eq!(numbers, lines);
        assert!(answers.iter().all(|answer| answer["outcome"] == "error"), "{answers:?}");
    }

    #[test]
    fn every_line_is_answered_however_it_ends() {
        check(b"", &[]);
        check(b"\n\r\n  \n", &[]);
        check(b"{}", &[1]);
        check(b"{}\n{}\n", &[1, 2]);
        check(b"\xef\xbb\xbf{}\r\n\r\nnope\r\n[]", &[1, 3, 4]);
        check(b"{}\n\xff\xfe\n{}", &[1, 2, 3]);
        check(b"\0\n{}\n", &[1, 2]);
    }

    #[test]
    fn a_line_that_is_no_utf8_is_told_where() {
        let (answers, _) =
            answers("{\"号\":\"".bytes().chain(*b"\xe5\x8f\"}\n").collect::<Vec<_>>().as_slice(), false);
        assert_eq!(answers[0]["column"], 9);
        assert_eq!(answers[0]["line"], 1);
    }

    #[test]
    fn a_byte_order_mark_is_one_only_at_the_beginning() {
        let (answers, _) = answers(b"\xef\xbb\xbf\n\xef\xbb\xbf{}\n", false);
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0]["line"], 2);
    }

    #[test]
    fn a_line_that_is_too_long_is_not_kept_and_the_next_one_goes_on() {
        let mut input = vec![b'x'; LONGEST + 10];
        input.extend_from_slice(b"\n{}\n");
        let mut bytes = Vec::new();
        let mut reader = BufReader::new(input.as_slice());
        assert_eq!(read_line(&mut reader, &mut bytes).unwrap(), Some(LONGEST + 10));
        assert_eq!(bytes.len(), LONGEST);
        assert_eq!(read_line(&mut reader, &mut bytes).unwrap(), Some(2));
        assert_eq!(read_line(&mut reader, &mut bytes).unwrap(), None);
        assert!(text(b"x", LONGEST + 1, false).is_err());
    }

    #[test]
    fn strict_stops_at_the_first_line_that_is_no_command() {
        let (answers, result) = answers(b"\nnope\n{}\n", true);
        assert_eq!(answers.len(), 1);
        assert!(matches!(result, Err(Failure::Input(text)) if text.contains('2')));
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }

    #[test]
    fn a_reader_that_has_gone_is_no_error() {
        let result =
            answer_all(&b"{}\n"[..], Closed, |line| Platform::new().answer(line), "test", false, Lang::En);
        assert!(matches!(result, Err(Failure::Gone)));
    }
}

//! The example scripts answer as written down, and every line and answer keeps to the published schema.
//!
//! After a change that is meant to change answers, write them down anew and read the difference:
//! `HAOYUAN_BLESS=1 cargo test -p haoyuan-platform --test examples`.

use haoyuan_platform::{Answer, Command, Platform};
use jsonschema::Validator;
use serde_json::Value;
use std::path::{Path, PathBuf};

fn house(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn schema(name: &str) -> Validator {
    let text = std::fs::read_to_string(house("schema").join(name)).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

#[track_caller]
fn valid(schema: &Validator, text: &str, place: &str) {
    let value: Value = serde_json::from_str(text).unwrap();
    let errors: Vec<String> =
        schema.iter_errors(&value).map(|e| format!("{e} at {}", e.instance_path())).collect();
    assert!(errors.is_empty(), "{place}: {text}\n{}", errors.join("\n"));
}

/// Every script: its name and its lines.
fn scripts() -> Vec<(String, Vec<String>)> {
    let mut scripts: Vec<_> = std::fs::read_dir(house("../haoyuan-cli/examples/run"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter_map(|name| name.strip_suffix(".jsonl").map(str::to_owned))
        .filter(|name| !name.ends_with(".expected"))
        .map(|name| {
            let text =
                std::fs::read_to_string(house("../haoyuan-cli/examples/run").join(format!("{name}.jsonl")));
            (name, text.unwrap().lines().map(str::to_owned).collect())
        })
        .collect();
    scripts.sort();
    scripts
}

#[test]
fn the_example_scripts_answer_as_written_down() {
    let answer = schema("answer.schema.json");
    for (name, lines) in scripts() {
        let platform = Platform::new();
        let mut answers = String::new();
        for (line, number) in lines.iter().zip(1..) {
            let text = platform.execute_line(number, line);
            valid(&answer, &text, &format!("{name}:{number}"));
            answers += &text;
            answers.push('\n');
        }
        let path = house("../haoyuan-cli/examples/run").join(format!("{name}.expected.jsonl"));
        if std::env::var_os("HAOYUAN_BLESS").is_some() {
            std::fs::write(&path, &answers).unwrap();
        }
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        for ((answer, expected), number) in answers.lines().zip(expected.lines()).zip(1..) {
            assert_eq!(answer, expected, "{name}:{number}");
        }
        assert_eq!(answers.lines().count(), expected.lines().count(), "{name}");
        assert!(platform.engine().audit().is_ok(), "{name}");
    }
}

#[test]
fn the_schema_takes_every_line_that_is_carried_out() {
    let schema = schema("command.schema.json");
    for (name, lines) in scripts() {
        let platform = Platform::new();
        for (line, number) in lines.iter().zip(1..) {
            let Ok(command) = Command::parse(line) else { continue };
            // What a program writes with the types is the same language.
            let written = serde_json::to_string(&command).unwrap();
            assert_eq!(Command::parse(&written).unwrap(), command);
            // The types alone know nothing of an actor, who stands beside the command.
            if !line.contains("\"actor\"") {
                assert_eq!(serde_json::from_str::<Command>(line).unwrap(), command);
            }
            if !matches!(platform.decide(&command), Answer::Error(_)) {
                valid(&schema, line, &format!("{name}:{number}"));
                valid(&schema, &written, &format!("{name}:{number}, written"));
            }
        }
    }
}

#[test]
fn the_schema_refuses_what_the_parser_refuses() {
    let schema = schema("command.schema.json");
    let lines = scripts().into_iter().find(|(name, _)| name == "malformed").unwrap().1;
    for line in &lines {
        let Err(error) = Command::parse(line) else { continue };
        // What JSON Schema cannot see: duplicate keys, calendars, zeros, the end of the line.
        let beyond = ["twice", "RFC 3339", "not zero", "never a name", "2026-03-10", "16 hexadecimal"];
        let refused = serde_json::from_str::<Value>(line).map_or(true, |value| !schema.is_valid(&value));
        assert!(refused || beyond.iter().any(|words| error.reason.en.contains(words)), "{line}: {error}");
    }
}

#[test]
fn the_schema_lists_every_command_and_every_code() {
    let text = |name: &str| std::fs::read_to_string(house("schema").join(name)).unwrap();
    let (commands, answers) = (text("command.schema.json"), text("answer.schema.json"));
    for word in Command::WORDS {
        assert!(
            commands.contains(&format!("\"{word}\"")) && answers.contains(&format!("\"{word}\"")),
            "{word}"
        );
    }
    let schema: Value = serde_json::from_str(&answers).unwrap();
    let listed: Vec<&str> = schema["$defs"]["refusal_code"]["enum"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c.as_str().unwrap())
        .collect();
    let codes: Vec<&str> = haoyuan_core::refusal::Code::ALL.iter().map(|code| code.text()).collect();
    assert_eq!(listed, codes);
}

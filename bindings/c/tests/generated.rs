//! What is written from the tables is what is checked in: the constants of every language, the list of exported symbols, and
//! what the header, the build script and the manifest say about the ABI.
//!
//! After a change of a table: `HAOYUAN_WRITE=1 cargo test -p haoyuan-c --test generated`, then make the header anew (`make header`).

use haoyuan_c::table::{Constant, Group, all};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

fn path(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(file)
}

fn read(file: &str) -> String {
    fs::read_to_string(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[track_caller]
fn check(file: &str, wanted: &str) {
    if std::env::var_os("HAOYUAN_WRITE").is_some() {
        fs::write(path(file), wanted).expect("the file can be written");
        return;
    }
    let found = fs::read_to_string(path(file)).unwrap_or_default();
    assert!(
        found == wanted,
        "`{file}` is old: HAOYUAN_WRITE=1 cargo test -p haoyuan-c --test generated writes it anew"
    );
}

const NOTE: &str = "Written from the tables of the engine; do not edit.";

fn about(constant: &Constant) -> String {
    if constant.zh.is_empty() || constant.zh == constant.en {
        constant.en.clone()
    } else {
        format!("{} ({})", constant.en, constant.zh)
    }
}

fn render(
    head: &str,
    group: impl Fn(&Group) -> String,
    line: impl Fn(&Group, &Constant) -> String,
    foot: &str,
) -> String {
    let mut text = head.to_owned();
    for each in all() {
        text += &group(&each);
        for constant in &each.constants {
            text += &line(&each, constant);
        }
    }
    text + foot
}

#[test]
fn the_constants_of_rust_and_c_are_those_of_the_tables() {
    check(
        "src/codes.rs",
        &render(
            "//! Every constant, as the header has it. Written by `tests/generated.rs` from `table.rs`; do not edit.\n#![cfg_attr(rustfmt, rustfmt_skip)]\n#![expect(clippy::unreadable_literal, reason = \"as the header has them\")]\n",
            |group| format!("\n// {}.\n\n", group.about),
            |group, constant| {
                let kind = if group.signed { "i32" } else { "u32" };
                format!(
                    "/// {}\npub const HAOYUAN_{}: {kind} = {};\n",
                    about(constant),
                    constant.name,
                    constant.value
                )
            },
            "",
        ),
    );
}

#[test]
fn the_constants_of_java_are_those_of_the_tables() {
    check(
        "examples/java/haoyuan/Constants.java",
        &render(
            &format!(
                "package haoyuan;\n\n/** {NOTE} */\npublic final class Constants {{\n    private Constants() {{}}\n"
            ),
            |group| format!("\n    // {}.\n", group.about),
            |_, constant| {
                // Java's int is signed: the largest value of C's uint32_t has the same bits.
                let value = i32::try_from(constant.value).unwrap_or(-1);
                format!(
                    "    /** {}. */\n    public static final int {} = {value};\n",
                    about(constant),
                    constant.name
                )
            },
            "}\n",
        ),
    );
}

#[test]
fn the_constants_of_csharp_are_those_of_the_tables() {
    check(
        "examples/csharp/Constants.cs",
        &render(
            &format!(
                "namespace Haoyuan\n{{\n    /// <summary>{NOTE}</summary>\n    public static class Constants\n    {{\n"
            ),
            |group| format!("        // {}.\n", group.about),
            |group, constant| {
                let kind = if group.signed { "int" } else { "uint" };
                format!(
                    "        /// <summary>{}</summary>\n        public const {kind} {} = {};\n",
                    about(constant),
                    constant.name,
                    constant.value
                )
            },
            "    }\n}\n",
        ),
    );
}

#[test]
fn the_constants_of_python_are_those_of_the_tables() {
    check(
        "examples/python/haoyuan/constants.py",
        &render(
            &format!("\"\"\"{NOTE}\"\"\"\n\nfrom typing import Final\n"),
            |group| format!("\n# {}.\n", group.about),
            |_, constant| format!("{}: Final = {}  # {}\n", constant.name, constant.value, about(constant)),
            "",
        ),
    );
}

#[test]
fn the_constants_of_pascal_are_those_of_the_tables() {
    check(
        "examples/pascal/HaoyuanConstants.pas",
        &render(
            &format!(
                "{{ {NOTE} }}\nunit HaoyuanConstants;\n\n{{$IFDEF FPC}}{{$MODE DELPHI}}{{$ENDIF}}\n\ninterface\n\nconst\n"
            ),
            |group| format!("  {{ {}. }}\n", group.about),
            |group, constant| {
                let kind = if group.signed { "Integer" } else { "Cardinal" };
                let value = u32::try_from(constant.value)
                    .ok()
                    .filter(|value| *value == u32::MAX)
                    .map_or_else(|| constant.value.to_string(), |_| "$FFFFFFFF".to_owned());
                format!("  HAOYUAN_{}: {kind} = {value}; {{ {} }}\n", constant.name, about(constant))
                    .replace(&format!(": {kind}"), "")
            },
            "\nimplementation\n\nend.\n",
        ),
    );
}

#[test]
fn the_constants_of_go_are_those_of_the_tables() {
    check(
        "examples/go/constants.go",
        &render(
            &format!("// {NOTE}\n\npackage main\n"),
            |group| format!("\n// {}.\n", group.about),
            |group, constant| {
                let kind = if group.signed { "int32" } else { "uint32" };
                format!(
                    "\n// {}\nconst {} {kind} = {}\n",
                    about(constant),
                    go_name(&constant.name),
                    constant.value
                )
            },
            "",
        ),
    );
}

/// `SLOT_FULL` as `SlotFull`.
fn go_name(name: &str) -> String {
    name.split('_').map(|word| word[..1].to_owned() + &word[1..].to_lowercase()).collect()
}

/// Whether the name is one of the constants, and its value, in `#define HAOYUAN_NAME value`.
fn defines(header: &str) -> BTreeMap<String, i64> {
    header
        .lines()
        .filter_map(|line| {
            let (name, value) = line.strip_prefix("#define HAOYUAN_")?.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        })
        .collect()
}

#[test]
fn the_header_has_exactly_the_constants_of_the_tables() {
    let wanted: BTreeMap<String, i64> = all()
        .into_iter()
        .flat_map(|group| group.constants)
        .map(|constant| (constant.name, constant.value))
        .collect();
    assert_eq!(defines(&read("include/haoyuan.h")), wanted, "make the header anew: make header");
}

#[test]
fn constants_are_unique_and_documented() {
    let mut names = BTreeSet::new();
    for group in all() {
        let mut values = BTreeSet::new();
        for constant in &group.constants {
            assert!(names.insert(constant.name.clone()), "`{}` is there twice", constant.name);
            assert!(
                group.name == "abi" || group.name == "bounds" || values.insert(constant.value),
                "{constant:?}"
            );
            assert!(!constant.en.is_empty());
        }
    }
}

/// The functions of a header: a word before a bracket.
fn functions(header: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in header.lines().filter(|line| !line.starts_with([' ', '*', '/', '#'])) {
        let Some((before, _)) = line.split_once('(') else { continue };
        let name = before.rsplit([' ', '*']).next().unwrap_or_default();
        if name.starts_with("haoyuan_") && !line.starts_with("typedef") {
            found.insert(name.to_owned());
        }
    }
    found
}

#[test]
fn the_header_declares_exactly_the_frozen_symbols() {
    let declared = functions(&read("include/haoyuan.h"));
    let lines: String = declared.iter().fold(String::new(), |mut text, name| {
        let _ = writeln!(text, "{name}");
        text
    });
    check("symbols.txt", &lines);
    // What is exported is compared with the built library, by `tests/suite.sh`; here, that the source declares nothing else.
    let mut exported = BTreeSet::new();
    for entry in fs::read_dir(path("src")).expect("the sources") {
        let text = fs::read_to_string(entry.expect("an entry").path()).expect("a source file");
        for line in text.lines().map(str::trim_start) {
            let rest = line
                .strip_prefix("pub unsafe extern \"C\" fn ")
                .or_else(|| line.strip_prefix("pub extern \"C\" fn "));
            if let Some((name, _)) = rest.and_then(|rest| rest.split_once('(')) {
                exported.insert(name.to_owned());
            }
        }
    }
    assert_eq!(exported, declared);
}

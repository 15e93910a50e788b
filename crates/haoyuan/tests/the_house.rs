//! What the pages of the repository say is what the crates do.

use haoyuan::Platform;
use haoyuan::refusal::{Code, Refusal, Retry};
use std::fmt::Write;
use std::path::{Path, PathBuf};

const READMES: [&str; 2] = ["README.md", "README.zh-CN.md"];

fn root(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[track_caller]
fn read(path: &str) -> String {
    std::fs::read_to_string(root(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The fenced blocks of a page in this language.
fn blocks(page: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = page;
    while let Some((_, from)) = rest.split_once(&format!("```{language}\n")) {
        let (block, after) =
            from.split_once("```").unwrap_or_else(|| panic!("a block of {language} does not end"));
        found.push(block.to_owned());
        rest = after;
    }
    found
}

/// The lines that say something: no comments, no blank lines.
fn said(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.split('#').next())
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect()
}

/// `docs/refusals.md`, as it must be.
fn table() -> String {
    let mut page = String::from(
        "# Refusals 拒绝代码\n\n\
         In order of precedence: a request that breaks several rules is refused with the first code that applies. A number or\n\
         code never changes its meaning. `retry` says whether the same request can help without being changed: `never`; `now`,\n\
         at once; `later`, when somebody gives a seat back, or from the instant that the answer names.\n\n\
         按优先顺序排列:一个请求同时违反多条规则时,以最先适用的代码拒绝。编号与代码的含义永不改变。`retry` 说明原样重试\n\
         是否有用:`never` 无用;`now` 可立即重试;`later` 有人退号后可重试,或在答复写明的时刻之后重试。\n\n\
         This page is written by `HAOYUAN_BLESS=1 cargo test -p haoyuan --test the_house` from the table in the code.\n\
         本页由上述命令根据代码中的表生成,请勿手工修改。\n\n\
         | number | code | retry | message | 提示 |\n|---|---|---|---|---|\n",
    );
    for code in Code::ALL {
        let retry = match Refusal::plain(*code).retry {
            Retry::Never => "never",
            Retry::Now => "now",
            Retry::From(_) | Retry::WhenReturned => "later",
        };
        writeln!(page, "| {} | `{code}` | {retry} | {} | {} |", code.number(), code.en(), code.zh())
            .expect("a string takes everything");
    }
    page
}

#[test]
fn the_page_of_refusals_is_the_table_of_codes() {
    if std::env::var_os("HAOYUAN_BLESS").is_some() {
        std::fs::create_dir_all(root("docs")).expect("the folder of pages");
        std::fs::write(root("docs/refusals.md"), table()).expect("the page can be written");
    }
    assert_eq!(read("docs/refusals.md"), table(), "write it anew: HAOYUAN_BLESS=1");
}

#[test]
fn both_readmes_give_the_same_commands_and_the_same_example() {
    let [english, chinese] = READMES.map(read);
    for language in ["sh", "toml", "csv", "json", "rust"] {
        let [one, other] = [&english, &chinese].map(|page| blocks(page, language));
        assert_eq!(one.len(), other.len(), "blocks of {language}");
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(said(one), said(other));
        }
    }
    assert!(!blocks(&english, "sh").is_empty() && !blocks(&english, "rust").is_empty());
}

#[test]
fn the_readmes_show_the_example_hospital_as_it_is() {
    let policy = read("crates/haoyuan/examples/hospital/policy.toml");
    let roster = read("crates/haoyuan/examples/hospital/roster.csv");
    for page in READMES.map(read) {
        let shows =
            |language, text: &str| blocks(&page, language).iter().any(|block| said(block) == said(text));
        assert!(shows("toml", &policy) && shows("csv", &roster));
    }
}

#[test]
fn the_page_of_files_names_every_key_of_a_policy() {
    let page = read("docs/files.md");
    let words: Vec<&str> = page.split(|c: char| !(c.is_ascii_lowercase() || c == '_')).collect();
    let mut keys = 0;
    for line in read("crates/haoyuan-core/src/policy/schema.rs").lines() {
        let field = line.strip_prefix("    pub ").and_then(|field| field.split_once(": "));
        // A span is written as one of `days` and `period`.
        let Some((key, _)) = field.filter(|(_, value)| *value != "Span,") else { continue };
        if key.chars().all(|c| c.is_ascii_lowercase() || c == '_') {
            assert!(words.contains(&key), "docs/files.md says nothing of `{key}`");
            keys += 1;
        }
    }
    assert!(keys > 100, "only {keys} keys were found in the schema");
}

#[test]
fn the_readmes_map_every_crate() {
    for (name, page) in READMES.iter().zip(READMES.map(read)) {
        for entry in std::fs::read_dir(root("crates")).expect("the crates") {
            let entry = entry.expect("an entry").file_name().into_string().expect("a name");
            assert!(page.contains(&format!("crates/{entry}")), "{name} has no `crates/{entry}`");
        }
    }
}

/// The Markdown pages below a folder: what is written, not what is built, and each where it is written (not its links).
fn pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let (kind, path) = (entry.file_type().expect("its kind"), entry.path());
        let built = |name: &str| matches!(name, "target" | "node_modules" | "dist" | "bench-report");
        let name = entry.file_name().into_string().expect("a name");
        if kind.is_dir() && !built(&name) && !name.starts_with('.') {
            pages(&path, found);
        } else if kind.is_file() && path.extension().is_some_and(|end| end == "md") {
            found.push(path);
        }
    }
}

/// A page without its blocks of code.
fn prose(page: &str) -> String {
    page.split("\n```").step_by(2).collect()
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    let kept = heading.trim().chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c.to_ascii_lowercase() }).collect()
}

#[test]
fn every_page_links_to_files_and_headings_that_exist() {
    let mut found = Vec::new();
    pages(&root("."), &mut found);
    let mut links = 0;
    for path in &found {
        let page = prose(&std::fs::read_to_string(path).expect("a page"));
        for link in page.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            // An address elsewhere, or an item of the documentation, which rustdoc checks.
            if link.contains(':') || link.starts_with('<') {
                continue;
            }
            links += 1;
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let to = if file.is_empty() { path.clone() } else { path.with_file_name(file) };
            assert!(to.exists(), "{} links to `{link}`", path.display());
            if !heading.is_empty() && to.extension().is_some_and(|end| end == "md") {
                let there = std::fs::read_to_string(&to).expect("a page");
                let mut headings = there.lines().filter_map(|line| line.strip_prefix('#'));
                let has = headings.any(|line| anchor(line.trim_start_matches('#')) == heading);
                assert!(has, "{} links to `{link}`, and there is no such heading", path.display());
            }
        }
    }
    assert!(found.len() >= 20 && links > 60, "{} pages, {links} links", found.len());
}

#[test]
fn the_example_hospital_opens_and_sells_its_first_number() {
    let hospital = Platform::new();
    let file = |name: &str| read(&format!("crates/haoyuan/examples/hospital/{name}"));
    let text = |name: &str| format!("{:?}", file(name));
    let at = r#""at":"2026-02-01T09:00:00+08:00""#;
    for line in [
        format!(r#"{{"command":"directory",{at},"toml":{}}}"#, text("directory.toml")),
        format!(r#"{{"command":"policy",{at},"toml":{}}}"#, text("policy.toml")),
        format!(r#"{{"command":"roster",{at},"csv":{}}}"#, text("roster.csv")),
    ] {
        let answer = hospital.execute(&line);
        assert!(answer.contains(r#""outcome":"done""#), "{answer}");
    }
    let hold = |at: &str| {
        hospital.execute(&format!(
            r#"{{"command":"hold","at":"{at}","patient":"5f0c6f0f6c1d4b7e9a3d2e1f00112233",
                "session":"CARD-0310-AM","slot":0,"class":"public","channel":"wechat"}}"#
        ))
    };
    // The hospital's own release, a week before the preset's.
    assert!(hold("2026-02-24T06:29:59.999+08:00").contains(r#""code":"NOT_OPEN""#));
    let granted = hold("2026-02-24T06:30:00+08:00");
    assert!(granted.contains(r#""number":1"#) && granted.contains("2026-02-24T06:40:00+08:00"), "{granted}");
}

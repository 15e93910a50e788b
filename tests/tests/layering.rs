//! What the repository promises about itself: which crate may know which, and what the inner ones never touch.

use std::fs;
use std::path::{Path, PathBuf};

/// Each crate and the haoyuan crates that it may depend on: the arrows point one way, towards the core.
const LAYERS: &[(&str, &[&str])] = &[
    ("haoyuan-core", &[]),
    ("haoyuan-engine", &["haoyuan-core"]),
    ("haoyuan-journal", &["haoyuan-core", "haoyuan-engine"]),
    ("haoyuan-platform", &["haoyuan-core", "haoyuan-engine"]),
    ("haoyuan", &["haoyuan-core", "haoyuan-engine", "haoyuan-platform", "haoyuan-journal"]),
    ("haoyuan-c", &["haoyuan"]),
    ("haoyuan-wasm", &["haoyuan-core", "haoyuan-platform"]),
    ("haoyuan-serve", &["haoyuan"]),
    ("haoyuan-model", &["haoyuan-core", "haoyuan-engine", "haoyuan"]),
    (
        "haoyuan-cli",
        &[
            "haoyuan-core",
            "haoyuan-engine",
            "haoyuan-platform",
            "haoyuan-journal",
            "haoyuan",
            "haoyuan-model",
            "haoyuan-serve",
        ],
    ),
];

/// What core and engine never mention: clocks, randomness, files, the environment, the network, floating point.
const FOREIGN: &[&str] = &[
    "std::time",
    "SystemTime",
    "Instant::now",
    "thread_rng",
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::io",
    "println!",
    "f32",
    "f64",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The crates that hosts use: those of `crates` and of `bindings`.
fn manifests() -> Vec<(String, toml::Table)> {
    let mut found = Vec::new();
    let folders =
        ["crates", "bindings"].map(|folder| fs::read_dir(root().join(folder)).expect("a folder of crates"));
    for entry in folders.into_iter().flatten() {
        let path = entry.expect("an entry").path().join("Cargo.toml");
        let Ok(text) = fs::read_to_string(&path) else { continue };
        let manifest: toml::Table = text.parse().unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let name = manifest["package"]["name"].as_str().expect("a name").to_owned();
        found.push((name, manifest));
    }
    found
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a source folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// The modules that exist for tests only: what they use is not in the crate.
fn test_modules(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let is_test = |pair: &&[&str]| pair[0].starts_with("#[cfg(") && pair[0].contains("test");
    let name = |pair: &[&str]| Some(pair[1].strip_prefix("mod ")?.strip_suffix(';')?.to_owned());
    lines.windows(2).filter(is_test).filter_map(name).collect()
}

#[test]
fn dependencies_point_towards_the_core() {
    let manifests = manifests();
    assert!(manifests.iter().any(|(name, _)| name == "haoyuan-core"), "{manifests:?}");
    for (name, manifest) in &manifests {
        let allowed = LAYERS.iter().find(|(layer, _)| layer == name);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("say in this test where `{name}` stands"));
        // Tests of a crate may use what the crate itself may not.
        for section in ["dependencies", "build-dependencies"] {
            let Some(dependencies) = manifest.get(section).and_then(toml::Value::as_table) else { continue };
            for dependency in dependencies.keys().filter(|d| d.starts_with("haoyuan")) {
                assert!(allowed.contains(&dependency.as_str()), "`{name}` must not depend on `{dependency}`");
            }
        }
    }
}

#[test]
fn core_and_engine_know_no_clock_no_chance_and_no_world() {
    for name in ["haoyuan-core", "haoyuan-engine"] {
        let mut found = Vec::new();
        sources(&root().join("crates").join(name).join("src"), &mut found);
        assert!(!found.is_empty());
        let read = |path: PathBuf| (fs::read_to_string(&path).expect("a source file"), path);
        let files: Vec<(String, PathBuf)> = found.into_iter().map(read).collect();
        let tests: Vec<String> = files.iter().flat_map(|(text, _)| test_modules(text)).collect();
        for (text, path) in files {
            if path.file_stem().is_some_and(|stem| tests.iter().any(|test| stem == test.as_str())) {
                continue;
            }
            for (number, line) in (1..).zip(text.lines()) {
                if line == "mod tests {" {
                    break;
                }
                let code = line.split("//").next().unwrap_or(line);
                let words = code.split(|c: char| !(c.is_alphanumeric() || "_:!".contains(c)));
                for word in words {
                    let foreign = FOREIGN.iter().find(|f| word == **f || word.starts_with(&format!("{f}::")));
                    assert!(foreign.is_none(), "{}:{number} mentions `{word}`: {line}", path.display());
                }
            }
        }
    }
}

#[test]
fn only_the_c_binding_may_use_unsafe() {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace manifest");
    let manifest: toml::Table = text.parse().expect("TOML");
    assert_eq!(manifest["workspace"]["lints"]["rust"]["unsafe_code"].as_str(), Some("forbid"));
    for (name, manifest) in manifests() {
        if name == "haoyuan-c" {
            let rust = &manifest["lints"]["rust"];
            assert_eq!(rust["unsafe_op_in_unsafe_fn"].as_str(), Some("deny"));
            let clippy = &manifest["lints"]["clippy"];
            assert_eq!(clippy["undocumented_unsafe_blocks"].as_str(), Some("deny"));
            continue;
        }
        let inherits = manifest.get("lints").and_then(|l| l.get("workspace")).and_then(toml::Value::as_bool);
        assert_eq!(inherits, Some(true), "`{name}` must take the lints of the workspace");
    }
}

#[test]
fn every_dependency_stands_below_its_reason() {
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace manifest");
    let (_, section) = text.split_once("\n[workspace.dependencies]\n").expect("the dependencies");
    let section = section.split("\n[").next().unwrap_or(section);
    let lines: Vec<&str> = section.lines().collect();
    let mut seen = 0;
    for (place, line) in lines.iter().enumerate() {
        // Our own crates need no reason.
        let Some((name, _)) = line.split_once(" = ") else { continue };
        if line.starts_with('#') || name.starts_with("haoyuan") {
            continue;
        }
        let reason = place.checked_sub(1).map_or("", |above| lines[above]);
        assert!(reason.starts_with("# ") && reason.len() > 10, "say above `{name}` what it is for");
        seen += 1;
    }
    assert!(seen > 40, "only {seen} dependencies were found");
}

/// What is called something here: functions, the fuzz targets, and words such as those of the planted bugs.
struct Named {
    code: String,
    targets: String,
}

impl Named {
    fn read() -> Self {
        let mut files = Vec::new();
        for folder in ["crates", "bindings", "tests"] {
            sources(&root().join(folder), &mut files);
        }
        let code = files.iter().map(|file| fs::read_to_string(file).expect("a source file")).collect();
        let targets = fs::read_to_string(root().join("fuzz/Cargo.toml")).expect("the fuzz targets");
        Self { code, targets }
    }

    fn has_test(&self, name: &str) -> bool {
        self.code.contains(&format!("fn {name}(")) || self.targets.contains(&format!("name = \"{name}\""))
    }

    fn has_word(&self, name: &str) -> bool {
        self.code.contains(&format!("=> \"{name}\""))
    }
}

/// Those of the proof and of its results: all in backticks that is several small words joined by `_`.
#[test]
fn every_test_and_planted_bug_that_the_proof_names_exists() {
    let there = Named::read();
    for (page, least) in [("tests/PROOF.md", 30), ("tests/RESULTS.md", 8)] {
        let text = fs::read_to_string(root().join(page)).expect("a page of the proof");
        let mut named = 0;
        let is_name = |text: &&str| {
            text.contains('_')
                && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        for name in text.split('`').skip(1).step_by(2).filter(is_name) {
            let exists = there.has_test(name) || there.has_word(name);
            assert!(exists, "`{page}` names `{name}`, and nothing is called that");
            named += 1;
        }
        assert!(named >= least, "only {named} names were found in `{page}`");
    }
}

/// The tests that the threat model names: all words in backticks in its last columns that look like a test or a fuzz target.
#[test]
fn every_test_that_the_threat_model_names_exists() {
    let page = fs::read_to_string(root().join("SECURITY.md")).expect("the threat model");
    let there = Named::read();
    let mut named = 0;
    for row in page.lines().filter(|line| line.starts_with('|')) {
        let shown = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names = shown.split('`').skip(1).step_by(2);
        for name in names.clone() {
            // `.ci/run c` is how to run them, and a path is itself.
            let exists = if let Some((command, _)) = name.split_once(' ') {
                root().join(command).exists()
            } else if name.contains('/') {
                root().join(name).exists()
            } else {
                there.has_test(name)
            };
            assert!(exists, "`SECURITY.md` names `{name}`, and nothing is called that");
            named += 1;
        }
        if row.contains("*defended") {
            assert!(names.count() > 0, "said to be defended, and nothing shows it: {row}");
        }
    }
    assert!(named > 40, "only {named} tests were found in the page");
}

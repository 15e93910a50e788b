//! The command as people and scripts meet it: every command, both languages, bad input, exit codes.

use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

fn haoyuan(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haoyuan"));
    command.args(args).env_remove("LC_ALL").env_remove("LC_MESSAGES").env("LANG", "C").stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> Output {
    haoyuan(args).output().unwrap()
}

fn stdout(output: &Output) -> &str {
    std::str::from_utf8(&output.stdout).unwrap()
}

fn stderr(output: &Output) -> &str {
    std::str::from_utf8(&output.stderr).unwrap()
}

/// A file of this test run.
fn file(name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

#[track_caller]
fn check(args: &[&str], code: i32, out: &str, err: &str) {
    let output = run(args);
    let shown = format!("{}\n{}", stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(code), "{args:?}: {shown}");
    assert!(stdout(&output).contains(out), "{args:?}: {shown}");
    assert!(stderr(&output).contains(err), "{args:?}: {shown}");
    assert_eq!(stderr(&output).is_empty(), err.is_empty(), "{args:?}: {shown}");
}

#[test]
fn help_is_worth_reading_in_both_languages() {
    check(&["--help"], 0, "Exit codes", "");
    check(&["--help"], 0, "haoyuan rush", "");
    check(&["--lang", "zh", "--help"], 0, "退出码", "");
    check(&["rush", "--help"], 0, "Examples", "");
    check(&["rush", "-h", "--lang=zh"], 0, "示例", "");
    check(&["help", "run"], 0, "JSON Lines", "");
    check(&["help", "bench"], 0, "haoyuan-bench", "");
    check(&["help", "policy", "show", "--lang", "zh"], 0, "政策原文", "");
    check(&["--version"], 0, env!("CARGO_PKG_VERSION"), "");
    check(&["--lang", "zh", "-V"], 0, env!("CARGO_PKG_VERSION"), "");
}

#[test]
fn help_in_chinese_has_no_english_left_and_fits_eighty_columns() {
    let commands: [&[&str]; 11] = [
        &[],
        &["serve"],
        &["token"],
        &["token", "staff"],
        &["rush"],
        &["run"],
        &["policy"],
        &["policy", "show"],
        &["roster", "check"],
        &["completions"],
        &["help"],
    ];
    for command in commands {
        for (lang, foreign) in
            [("zh", &["Usage", "Options", "Print", "default", "possible"][..]), ("en", &["用法"][..])]
        {
            let output = run(&[command, &["--help", "--lang", lang]].concat());
            let text = stdout(&output);
            for word in foreign {
                assert!(!text.contains(word), "{command:?} says {word}:\n{text}");
            }
            for line in text.lines() {
                let wide = unicode_width::UnicodeWidthStr::width(line);
                assert!(wide <= 81, "{command:?}: {wide} columns: {line}");
            }
        }
    }
}

/// The measuring is another program's; a hospital's machine may not have it.
#[test]
fn a_bench_without_its_program_says_how_to_get_it() {
    let alone = tempfile::tempdir().unwrap();
    let program = alone.path().join("haoyuan");
    std::fs::copy(env!("CARGO_BIN_EXE_haoyuan"), &program).unwrap();
    for (lang, words) in [("en", "build it with"), ("zh", "构建")] {
        let arguments = ["--lang", lang, "bench", "--peers", "none"];
        let output = Command::new(&program).args(arguments).env("PATH", alone.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{output:?}");
        assert!(stderr(&output).contains(words), "{output:?}");
    }
}

#[test]
fn the_locale_chooses_the_language() {
    let output = haoyuan(&["--help"]).env("LANG", "zh_CN.UTF-8").output().unwrap();
    assert!(stdout(&output).contains("退出码"));
    let output = haoyuan(&["--help"]).env("LANG", "zh_CN.UTF-8").env("LC_ALL", "C").output().unwrap();
    assert!(stdout(&output).contains("Exit codes"));
    let output = haoyuan(&["nonsense"]).env("LC_MESSAGES", "zh_CN").output().unwrap();
    assert!(stderr(&output).contains("没有命令 `nonsense`"));
}

#[test]
fn bad_usage_says_what_to_do_and_exits_with_two() {
    check(&[], 2, "", "give a command");
    check(&["--lang", "zh"], 2, "", "请给出");
    check(&["rsh"], 2, "", "there is no command `rsh`");
    check(&["rsh"], 2, "", "did you mean");
    check(&["help", "rsh"], 2, "", "there is no command `rsh`");
    check(&["rush", "--sed", "1"], 2, "", "`--sed`");
    check(&["rush", "--seed"], 2, "", "needs a value");
    check(&["rush", "--seed", "x"], 2, "", "`x` is not a value");
    check(&["rush", "--threads", "0"], 2, "", "1–1024");
    check(&["rush", "--threads", "1025"], 2, "", "1–1024");
    check(&["rush", "--requests", "0"], 2, "", "1–10000000");
    check(&["rush", "--requests", "-5", "--lang", "zh"], 2, "", "错误");
    check(&["--lang", "fr", "rush"], 2, "", "one of: en, zh");
    check(&["rush", "--seed", "1", "--seed", "2"], 2, "", "--seed");
    check(&["completions", "tcsh"], 2, "", "bash");
    check(&["roster", "check", "x.csv"], 2, "", "--directory");
    check(&["policy"], 2, "", "give a command");
    check(&["run", "a", "b"], 2, "", "`b`");
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        check(&["completions", shell], 0, "haoyuan", "");
    }
}

// ---- rush

fn rush(args: &[&str]) -> Value {
    let output = run(&[&["rush", "--json"], args].concat());
    assert_eq!(output.status.code(), Some(0), "{}\n{}", stdout(&output), stderr(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn sum(value: &Value) -> u64 {
    value.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum()
}

#[test]
fn a_rush_in_json_has_the_promised_keys_and_adds_up() {
    let report = rush(&["--requests", "20k", "--threads", "2"]);
    for key in ["oversold", "reserve_breaches", "early_grants", "double_bookings", "sequence_gaps"] {
        assert_eq!(report[key], 0, "{key}");
    }
    assert_eq!(report["threads"], 2);
    assert!(report["decisions_per_second"].as_f64().unwrap() > 0.0);
    for key in ["p50", "p99", "p999", "max"] {
        assert!(report["latency_ns"][key].as_u64().unwrap() > 0, "{key}");
    }
    let count = |key: &str| report[key].as_u64().unwrap();
    assert!(count("granted") > 0 && count("confirmed") > 0 && count("cancelled") > 0);
    let answered =
        ["granted", "repeated", "confirmed", "cancelled", "unchanged"].map(count).iter().sum::<u64>();
    assert_eq!(answered + sum(&report["refused"]), count("decisions"));
    let asked: u64 =
        report["by_class"].as_object().unwrap().values().map(|c| c["asked"].as_u64().unwrap()).sum();
    assert_eq!(asked, 20_000);
    for code in ["NOT_OPEN", "SLOT_FULL", "PROTECTED", "TICKET_REQUIRED", "HOLD_EXPIRED"] {
        assert!(report["refused"][code].as_u64().is_some_and(|n| n > 0), "{code}: {}", report["refused"]);
    }
}

#[test]
fn one_thread_and_one_seed_give_one_morning() {
    let morning = |seed: &str| {
        let report = rush(&["--requests", "5000", "--threads", "1", "--seed", seed]);
        (
            report["granted"].clone(),
            report["refused"].clone(),
            report["load"].clone(),
            report["by_pool"].clone(),
        )
    };
    let first = morning("7");
    assert_eq!(first, morning("7"));
    assert_ne!(first, morning("8"));
}

#[test]
fn every_preset_survives_the_rush_on_more_threads_than_cores() {
    for preset in ["default", "jilin-2018", "liaoning-2018", "fujian-2018", "beijing-2015", "chongqing-2018"]
    {
        let report = rush(&["--requests", "8000", "--threads", "5", "--policy", preset]);
        assert_eq!(report["policy"], preset);
    }
}

#[test]
fn the_report_fits_eighty_columns_in_both_languages() {
    for (lang, words) in [("en", ["Requests by class", "latency p50"]), ("zh", ["按类别", "延迟 p50"])] {
        let output =
            haoyuan(&["rush", "--requests", "20k", "--lang", lang]).env("NO_COLOR", "1").output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        let text = stdout(&output);
        assert!(stderr(&output).is_empty(), "no progress where nobody looks: {}", stderr(&output));
        assert!(!text.contains('\u{1b}'), "no colours where nobody looks");
        for word in words {
            assert!(text.contains(word), "{word}: {text}");
        }
        for line in text.lines() {
            let wide = unicode_width::UnicodeWidthStr::width(line);
            assert!(wide <= 80, "{wide} columns: {line}");
        }
    }
}

#[test]
fn the_picture_is_a_well_formed_svg() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("load.svg");
    let output = run(&["rush", "--requests", "3000", "--svg", path.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0));
    let svg = fs::read_to_string(&path).unwrap();
    assert!(svg.starts_with("<svg xmlns=") && svg.ends_with("</svg>\n"));
    assert!(svg.contains("<title id=\"t\" lang=\"en\">") && svg.contains("<desc lang=\"zh\">"));
    check(&["rush", "-n", "100", "--svg", "/nonexistent/x.svg"], 2, "", "cannot be written");
}

#[test]
fn the_printed_scenario_can_be_used_and_changed() {
    let output = run(&["rush", "--print-scenario"]);
    let text = stdout(&output).to_owned();
    let path = file("mine.toml", text.replace("rush_seconds = 30", "rush_seconds = 5"));
    let report = rush(&["--scenario", path.to_str().unwrap(), "-n", "2000"]);
    assert_eq!(report["oversold"], 0);
    let wrong = file("wrong.toml", text.replace("zipf = 1.0", "zipf = 1.0\nzapf = 2"));
    check(&["rush", "--scenario", wrong.to_str().unwrap()], 2, "", "zapf");
    let wrong =
        file("wrong-policy.toml", text.replace("extends = \"jilin-2018\"", "extends = \"jilin-2019\""));
    check(&["rush", "--scenario", wrong.to_str().unwrap()], 2, "", "jilin-2019");
    check(&["rush", "--scenario", "/nonexistent.toml"], 2, "", "cannot be read");
    check(&["rush", "--policy", "atlantis"], 2, "", "there is no preset and no file `atlantis`");
    check(&["rush", "--policy", "atlantis", "--lang", "zh"], 2, "", "没有名为 `atlantis`");
}

const ROSTER: &str = "机构,科室,医生,日期,开始,结束,号别,时段分钟,每时段号数\n\
    JL-T1,CARD,JL-T1-CARD-E00,2026-03-09,08:00,12:00,专家号,30,5\n\
    JL-T1,CARD,JL-T1-CARD-O00,2026-03-09,08:00,12:00,普通号,30,5\n\
    JL-S1,INTM,JL-S1-INTM-O00,2026-03-09,13:30,17:00,普通号,30,5\n";

#[test]
fn a_roster_takes_the_place_of_the_made_up_one() {
    let path = file("roster.csv", ROSTER);
    let report = rush(&["--roster", path.to_str().unwrap(), "-n", "3000"]);
    assert_eq!(report["sessions"], 3);
    assert_eq!(report["seats"], 40 + 40 + 35);
    let wrong = file("wrong.csv", ROSTER.replace("专家号", "神仙号"));
    check(&["rush", "--roster", wrong.to_str().unwrap()], 2, "", "号别");
    // 40 minutes at a tertiary hospital: the rule of the policy is named.
    let wrong = file("slow.csv", ROSTER.replace("12:00,普通号,30", "12:00,普通号,40"));
    let output = run(&["rush", "--roster", wrong.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
    assert!(stderr(&output).contains("slot_minutes"), "{}", stderr(&output));
}

// ---- run

fn pipe(args: &[&str], input: &[u8]) -> Output {
    let mut child =
        haoyuan(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The program may stop before it has read everything.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn answers(output: &Output) -> Vec<Value> {
    stdout(output).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn lines_are_answered_in_order_whatever_they_are() {
    let input = b"\xef\xbb\xbf{\"nonsense\":1}\r\n\r\nno json\n\xff\xfe\n[1,2]\n{}";
    let output = pipe(&["run"], input);
    assert_eq!(output.status.code(), Some(0));
    let answers = answers(&output);
    let lines: Vec<u64> = answers.iter().map(|a| a["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [1, 3, 4, 5, 6]);
    assert!(
        answers
            .iter()
            .all(|answer| answer["outcome"] == "error" && !answer["reason"].as_str().unwrap().is_empty())
    );
    assert!(stderr(&output).contains("5 lines"));
    let output = pipe(&["run", "--lang", "zh"], input);
    assert_eq!(stdout(&output), stdout(&pipe(&["run"], input)), "the language changes no answer");
    assert!(stdout(&output).contains("此行不是 UTF-8") && stderr(&output).contains("不是有效命令"));
}

#[test]
fn strict_stops_and_a_file_is_read_like_standard_input() {
    let output = pipe(&["run", "--strict", "-"], b"\nnope\n{}\n");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(answers(&output).len(), 1);
    assert!(stderr(&output).contains("line 2"), "{}", stderr(&output));
    let path = file("commands.jsonl", "nope\nnope");
    let output = run(&["run", path.to_str().unwrap()]);
    assert_eq!(answers(&output).len(), 2);
    check(&["run", "/nonexistent.jsonl"], 2, "", "cannot be read");
    check(&["run", env!("CARGO_TARGET_TMPDIR")], 2, "", "cannot be read");
    let output = pipe(&["run"], b"");
    assert!(output.status.success() && output.stdout.is_empty() && output.stderr.is_empty());
}

#[test]
fn a_very_long_line_is_answered_and_the_next_one_goes_on() {
    let mut input = vec![b'['; 3 << 20];
    input.extend_from_slice(b"\n{}\n");
    let output = pipe(&["run"], &input);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(answers(&output).len(), 2);
}

#[test]
fn a_reader_that_has_gone_ends_the_program_quietly() {
    let mut child = haoyuan(&["run"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut stdin = child.stdin.take().unwrap();
    for _ in 0..10_000 {
        if stdin.write_all(b"{}\n").is_err() {
            break;
        }
    }
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert!(output.stderr.is_empty(), "{}", stderr(&output));
}

#[test]
fn every_example_is_answered_as_it_says() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/run");
    let mut seen = 0;
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let Some(stem) = name.strip_suffix(".jsonl").filter(|stem| !stem.ends_with(".expected")) else {
            continue;
        };
        let expected = fs::read_to_string(folder.join(format!("{stem}.expected.jsonl"))).unwrap();
        let output = run(&["run", path.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0));
        for (answer, expected) in stdout(&output).lines().zip(expected.lines()) {
            assert_eq!(answer, expected, "{name}");
        }
        assert_eq!(stdout(&output).lines().count(), expected.lines().count(), "{name}");
        seen += 1;
    }
    assert!(seen > 0);
}

// ---- policy and roster

#[test]
fn policies_are_listed_and_shown() {
    check(&["policy", "list"], 0, "jilin-2018", "");
    check(&["policy", "list", "--lang", "zh"], 0, "吉林", "");
    let output = run(&["policy", "list", "--json"]);
    let presets: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(presets.as_array().unwrap().iter().any(|p| p["name"] == "beijing-2015"));
    check(&["policy", "show", "jilin-2018"], 0, "pools.L2_TO_L3.reserve.tertiary", "");
    let output = run(&["policy", "show", "jilin-2018", "--json"]);
    let policy: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(policy["name"], "jilin-2018");
    assert!(
        policy["values"].as_array().unwrap().iter().all(|v| v["key"].is_string() && v["source"].is_string())
    );
    check(&["policy", "show", "atlantis"], 2, "", "the presets are: default");
}

#[test]
fn a_policy_file_is_checked() {
    let good = file("good-policy.toml", "name = \"first\"\nextends = \"jilin-2018\"\n");
    check(&["policy", "check", good.to_str().unwrap()], 0, "policy `first`", "");
    check(&["policy", "check", good.to_str().unwrap(), "--lang", "zh"], 0, "无误", "");
    // Good, and anybody can foretell when a returned seat reappears.
    check(&["policy", "check", good.to_str().unwrap()], 0, "warning: presets/default.toml", "");
    check(&["policy", "check", good.to_str().unwrap(), "--lang", "zh"], 0, "警告:presets/default.toml", "");
    let output = run(&["policy", "check", good.to_str().unwrap(), "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&told["ok"], &told["errors"]), (&Value::from(true), &serde_json::json!([])));
    let warning = &told["warnings"][0];
    assert!(warning["reason"].as_str().unwrap().contains("`anti_scalping.seed`"), "{told}");
    assert!(warning["line"].is_u64() && warning["reason_zh"].as_str().unwrap().contains("推算"), "{told}");
    let secret = file(
        "secret-policy.toml",
        "name = \"first\"\nextends = \"jilin-2018\"\n[anti_scalping]\nseed = 4711\n",
    );
    let output = run(&["policy", "check", secret.to_str().unwrap(), "--json"]);
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(told["warnings"], serde_json::json!([]));
    let bad =
        file("bad-policy.toml", "name = \"first\"\nextends = \"jilin-2018\"\n[pools.PUBLIC]\nopnes = 1\n");
    let output = run(&["policy", "check", bad.to_str().unwrap(), "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["ok"], false);
    assert_eq!(answer["errors"][0]["line"], 4);
    assert!(stderr(&output).contains("opnes"));
    let latin = file("latin.toml", b"name = \"x\"\ntitle = \"\xe9\"\n");
    check(&["policy", "check", latin.to_str().unwrap()], 2, "", "from line 2");
}

/// Bad input ends with 2, and what is said about it in Chinese has these words.
#[track_caller]
fn told_in_chinese(args: &[&str], words: &[&str]) {
    let output = run(&[args, &["--lang", "zh"]].concat());
    let shown = format!("{}\n{}", stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(2), "{args:?}: {shown}");
    for word in words {
        assert!(stderr(&output).contains(word), "{args:?} does not say {word}: {shown}");
    }
}

#[test]
fn a_wrong_policy_is_explained_in_chinese() {
    let policy = |name: &str, text: &str| {
        let text = format!("name = \"first\"\nextends = \"jilin-2018\"\n{text}");
        file(name, text).display().to_string()
    };
    let contradiction = policy("zh-1.toml", "[pools.PUBLIC]\nopens = { pool = \"REFERRAL\", days = 1 }\n");
    told_in_chinese(
        &["policy", "check", &contradiction],
        &["错误:", ":4:1: `pools.PUBLIC.opens`:各号源池的放号时间互相推算,成了循环"],
    );
    let sum = policy("zh-2.toml", "[pools.RETURN.reserve]\nall = { percent = 80 }\n");
    told_in_chinese(&["policy", "check", &sum], &["二级机构", "各预留合计占号源的 120 %"]);
    let length = policy("zh-3.toml", "[hold]\nall = \"15 minutes\"\n");
    told_in_chinese(&["policy", "check", &length], &["`hold.all`:`15 minutes` 不是时长;请写作 `15min`"]);
    let key = policy("zh-4.toml", "hodl = 1\n");
    told_in_chinese(&["rush", "--policy", &key], &["没有键 `hodl`;可用的键:"]);
    let syntax = policy("zh-5.toml", "[hold\n");
    told_in_chinese(&["policy", "show", &syntax], &["TOML 语法错误:"]);
    told_in_chinese(&["policy", "check", "/nonexistent.toml"], &["无法读取", "文件或目录不存在"]);
    let output = run(&["policy", "check", &length, "--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(answer["errors"][0]["reason"].as_str().unwrap().contains("is not a length of time"));
    assert!(answer["errors"][0]["reason_zh"].as_str().unwrap().contains("不是时长"));
}

#[test]
fn a_wrong_roster_is_explained_in_chinese() {
    let directory = file("zh-directory.toml", DIRECTORY).display().to_string();
    let check = |name: &str, from: &str, to: &str, words: &[&str]| {
        let roster = file(name, ROSTER.replace(from, to)).display().to_string();
        told_in_chinese(&["roster", "check", &roster, "-d", &directory, "-p", "jilin-2018"], words);
        roster
    };
    let bad = check(
        "zh-1.csv",
        "JL-S1-INTM-O00",
        "NOBODY",
        &["整个不被采用;有误的行数:1", "第 4 行,`医生` 列:`NOBODY` 不是已登记医生的编码"],
    );
    check("zh-2.csv", "专家号", "神仙号", &["第 2 行,`号别` 列:`神仙号` 不是以下之一:`普通号`、`专家号`"]);
    // 40 minutes at a tertiary hospital: a rule of the policy.
    check("zh-3.csv", "12:00,普通号,30", "12:00,普通号,40", &["时段为 40 分钟;三级机构的时段最长 30 分钟"]);
    check("zh-4.csv", "机构,科室", "机构,病区", &["未知的列;可用的列:`机构`、`科室`", "缺少此列"]);
    let output = run(&["roster", "check", &bad, "-d", &directory, "--json"]);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["errors"][0]["reason"], "`NOBODY` is not the code of a registered practitioner");
    assert_eq!(answer["errors"][0]["reason_zh"], "`NOBODY` 不是已登记医生的编码");
    let twice = file("zh-directory-2.toml", DIRECTORY.replace("JL-S1-INTM-O00", "JL-T1-CARD-E00"));
    told_in_chinese(
        &["roster", "check", &bad, "-d", twice.to_str().unwrap()],
        &["`practitioner[2].code`:医生 `JL-T1-CARD-E00` 重复登记"],
    );
}

#[test]
fn a_wrong_line_is_explained_in_both_languages_and_strict_speaks_one() {
    let line = "{\"command\":\"tick\"}\n";
    for (lang, words) in
        [("en", "line 1: field `at`: this field is missing"), ("zh", "第 1 行:字段 `at`:缺少此字段")]
    {
        let output = pipe(&["run", "--strict", "--lang", lang], line.as_bytes());
        assert_eq!(output.status.code(), Some(2));
        assert_eq!(answers(&output)[0]["reason"], "this field is missing");
        assert_eq!(answers(&output)[0]["reason_zh"], "缺少此字段");
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn a_wrong_scenario_is_explained_in_chinese() {
    let printed = run(&["rush", "--print-scenario"]);
    let check = |name: &str, from: &str, to: &str, words: &[&str]| {
        assert!(stdout(&printed).contains(from), "{from}");
        let scenario = file(name, stdout(&printed).replacen(from, to, 1)).display().to_string();
        told_in_chinese(&["rush", "--scenario", &scenario], words);
    };
    check("zh-rush-1.toml", "zipf = 1.0", "zipf = 9.0", &["`requests.zipf`:须为 0.0 至 4.0"]);
    check("zh-rush-2.toml", "zipf =", "zapf =", &["没有键 `zapf`"]);
    told_in_chinese(&["rush", "--seed", "x"], &["`x` 不是 `--seed", "应为 0–18446744073709551615"]);
}

const DIRECTORY: &str = "[[institution]]\ncode = \"JL-T1\"\nname = \"一院\"\ntier = \"tertiary\"\n\
    [[institution]]\ncode = \"JL-S1\"\nname = \"二院\"\ntier = \"secondary\"\n\
    [[department]]\ninstitution = \"JL-T1\"\ncode = \"CARD\"\nname = \"心内科\"\n\
    [[department]]\ninstitution = \"JL-S1\"\ncode = \"INTM\"\nname = \"内科\"\n\
    [[practitioner]]\ncode = \"JL-T1-CARD-E00\"\nname = \"甲\"\nsites = [\"JL-T1\"]\n\
    [[practitioner]]\ncode = \"JL-T1-CARD-O00\"\nname = \"乙\"\nsites = [\"JL-T1\"]\n\
    [[practitioner]]\ncode = \"JL-S1-INTM-O00\"\nname = \"丙\"\nsites = [\"JL-S1\"]\n";

#[test]
fn a_roster_is_checked_against_directory_and_policy() {
    let directory = file("directory.toml", DIRECTORY);
    let directory = directory.to_str().unwrap();
    let good = file("good-roster.csv", ROSTER);
    let good = good.to_str().unwrap();
    check(&["roster", "check", good, "--directory", directory], 0, "3 sessions", "");
    check(
        &["roster", "check", good, "-d", directory, "--policy", "jilin-2018", "--lang", "zh"],
        0,
        "115 个号",
        "",
    );
    let bad = file(
        "bad-roster.csv",
        ROSTER.replace("JL-S1-INTM-O00", "NOBODY").replace("08:00,12:00,专家号", "8,12:00,专家号"),
    );
    let bad = bad.to_str().unwrap();
    check(&["roster", "check", bad, "-d", directory], 2, "", "rows with an error: 2");
    let output = run(&["roster", "check", bad, "-d", directory, "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    let lines: Vec<u64> =
        answer["errors"].as_array().unwrap().iter().map(|e| e["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, [2, 4]);
    check(&["roster", "check", good, "-d", "/nonexistent.toml"], 2, "", "cannot be read");
    let wrong = file("wrong-directory.toml", DIRECTORY.replace("tier = \"tertiary\"", "tier = \"best\""));
    check(&["roster", "check", good, "-d", wrong.to_str().unwrap()], 2, "", "best");
}

#[test]
fn verify_says_what_it_did_and_finds_nothing_here() {
    let output = run(&["verify", "--runs", "3", "--seed", "5", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let told: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(told["violations"], 0);
    for lane in ["engine", "journal", "day"] {
        assert!(told["lanes"][lane]["histories"].as_u64().unwrap() > 0, "{told}");
        assert!(told["lanes"][lane]["operations"].as_u64().unwrap() > 20, "{told}");
    }
    assert!(told["totals"]["crash_states"].as_u64().unwrap() > 0);
    // What is told is how to have the same again.
    let same = "haoyuan verify --lane engine --runs 1 --seed 5";
    check(&["verify", "--lane", "engine", "--runs", "1", "--seed", "5"], 0, same, "");
    check(&["verify", "--lane", "everything"], 2, "", "engine, journal, day");
}

#[test]
fn a_violation_ends_with_one_and_a_script_that_run_takes() {
    // As if the system called somebody behind: what is judged is the answer, so the bug is not in the script.
    let planted = ["verify", "--plant", "queue_jumped", "--runs", "400"];
    let output = run(&[&planted[..], &["--json"]].concat());
    assert_eq!(output.status.code(), Some(1), "{}\n{}", stdout(&output), stderr(&output));
    assert!(
        stderr(&output).contains("haoyuan verify --plant queue_jumped --runs 400 --seed 1"),
        "{output:?}"
    );
    let told: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert!(told["violations"].as_u64().unwrap() > 0, "{told}");
    let failure = &told["failures"][0];
    assert_eq!(failure["lane"], "day");
    let enough = failure["enough"].as_array().unwrap().len() as u64;
    assert!(enough * 2 < failure["steps"].as_u64().unwrap(), "{failure}");
    let script: Vec<&str> =
        failure["script"].as_array().unwrap().iter().map(|line| line.as_str().unwrap()).collect();
    let last: Value = serde_json::from_str(script[script.len() - 1]).unwrap();
    assert_eq!(last["command"], "call_next", "{failure}");

    // The same commands, of the system as it is: each is understood, and the call is not the one that was found wrong.
    let path = file("queue_jumped.jsonl", script.join("\n"));
    let replayed = run(&["run", "--strict", path.to_str().unwrap()]);
    assert_eq!(replayed.status.code(), Some(0), "{}", stderr(&replayed));
    let answers = answers(&replayed);
    assert_eq!(answers.len(), script.len());
    assert!(answers.iter().all(|answer| answer["outcome"] != "error"), "{answers:?}");
    let called = &answers[answers.len() - 1];
    assert!(called["outcome"] == "done" && called["visit"].is_u64(), "{called}");

    // For people: the same script, line by line.
    let output = run(&planted);
    assert_eq!(output.status.code(), Some(1), "{}", stdout(&output));
    for line in script {
        assert!(
            stdout(&output).lines().any(|shown| shown.trim_start() == line),
            "{line}\n{}",
            stdout(&output)
        );
    }
}

#[test]
fn a_violation_without_a_script_is_told_step_by_step() {
    for (bug, lane) in [("waitlist_overtaken", "engine"), ("record_lost", "journal")] {
        let output = run(&["verify", "--plant", bug, "--runs", "4000", "--json"]);
        assert_eq!(output.status.code(), Some(1), "{bug}: {}", stdout(&output));
        let told: Value = serde_json::from_str(stdout(&output)).unwrap();
        let failure = &told["failures"][0];
        assert_eq!(failure["lane"], lane);
        assert!(!failure["story"].as_array().unwrap().is_empty(), "{failure}");
        assert!(!failure["found"].as_str().unwrap().is_empty(), "{failure}");
    }
    check(&["verify", "--plant", "nothing"], 2, "", "queue_jumped");
    check(&["verify", "--plant", "record_lost", "--lane", "day"], 2, "", "cannot be given together");
}

#[test]
fn soak_is_flat_and_read_back_to_the_same_state() {
    let output = run(&["soak", "--seconds", "1", "--json"]);
    let told: Value = serde_json::from_str(stdout(&output)).unwrap();
    assert_eq!(output.status.code(), Some(0), "{told}\n{}", stderr(&output));
    assert_eq!(told["violations"], 0, "{told}");
    // Where the system does not say how much memory there is, nothing is said.
    assert!(told["memory_is_flat"] == true || !cfg!(target_os = "linux"), "{told}");
    assert_eq!(told["same_state_after_recovery"], true, "{told}");
    assert!(told["decisions"].as_u64().unwrap() > 0 && told["audits"].as_u64().unwrap() > 0, "{told}");
}

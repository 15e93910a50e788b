//! Times the lines of a script natively, for comparison with other homes of the engine:
//! `cargo run --release -p haoyuan-platform --example time_lines -- SETUP.jsonl REQUESTS.jsonl [ROUNDS]` prints the median of
//! the rounds, five if not said, in nanoseconds a line, and how many requests were granted.

use haoyuan_platform::Platform;
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut files = std::env::args().skip(1);
    let (Some(setup), Some(requests)) = (files.next(), files.next()) else {
        return Err("usage: time_lines SETUP.jsonl REQUESTS.jsonl [ROUNDS]".into());
    };
    let count = files.next().map_or(Ok(5), |rounds| rounds.parse::<usize>())?.max(1);
    let (setup, requests) = (std::fs::read_to_string(setup)?, std::fs::read_to_string(requests)?);
    let mut rounds = Vec::new();
    let mut granted = 0;
    for _ in 0..count {
        let platform = Platform::new();
        for line in setup.lines() {
            let answer = platform.execute(line);
            if !answer.starts_with(r#"{"outcome":"done""#) {
                return Err(answer.into());
            }
        }
        let began = Instant::now();
        let mut answers = String::new();
        for line in requests.lines() {
            answers += &platform.execute(line);
            answers.push('\n');
        }
        let lines = u128::try_from(requests.lines().count().max(1))?;
        rounds.push(began.elapsed().as_nanos() / lines);
        granted = answers.matches(r#""outcome":"granted""#).count();
    }
    rounds.sort_unstable();
    println!(r#"{{"ns":{},"granted":{granted}}}"#, rounds[count / 2]);
    Ok(())
}

//! The smallest host in Rust: commands from a file, one answer a line. `cargo run -p haoyuan --example lines -- SCRIPT.jsonl`

use haoyuan::{Durability, Options, Registry};
use std::io::Write;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let script = std::env::args().nth(1).ok_or("usage: lines SCRIPT.jsonl")?;
    // In memory there is no folder to open.
    let registry = Registry::open("", Options { durability: Durability::Memory, ..Options::default() })?;
    let mut out = std::io::stdout().lock();
    for line in std::fs::read_to_string(script)?.lines().filter(|line| !line.trim().is_empty()) {
        writeln!(out, "{}", registry.execute(line))?;
    }
    Ok(())
}

//! The smallest host: commands on standard input, answers on standard output.

use haoyuan_platform::Platform;
use std::io::{BufRead, Write};

fn main() -> std::io::Result<()> {
    let platform = Platform::new();
    let mut out = std::io::stdout().lock();
    for (line, number) in std::io::stdin().lock().lines().zip(1..) {
        writeln!(out, "{}", platform.execute_line(number, &line?))?;
        out.flush()?;
    }
    Ok(())
}

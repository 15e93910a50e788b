//! A peer that is not installed is named, and the run goes on without it.

use std::process::Command;

#[test]
fn a_peer_that_is_not_there_is_named_as_skipped() {
    let output = Command::new(env!("CARGO_BIN_EXE_haoyuan-bench"))
        .args(["--quick", "--few", "--peers", "redis", "--workload", "w1-full"])
        .env("PATH", "")
        .output()
        .expect("it starts");
    let (page, told) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}");
    assert!(told.contains("*** SKIPPED: Redis: "), "{told}");
    assert!(page.contains("**SKIPPED: Redis: ") && page.contains("haoyuan, in memory"), "{page}");
}

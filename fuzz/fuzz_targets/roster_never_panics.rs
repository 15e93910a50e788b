//! Any bytes are a roster or a list of rows that are wrong; the sessions of an accepted one hold together.

#![no_main]

use haoyuan_core::directory::Directory;
use haoyuan_core::roster::Roster;
use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

const DIRECTORY: &str = include_str!("../../crates/haoyuan/examples/hospital/directory.toml");
static HOSPITAL: LazyLock<Directory> =
    LazyLock::new(|| Directory::parse("directory.toml", DIRECTORY).expect("the example is good"));

fuzz_target!(|bytes: &[u8]| {
    match Roster::parse(bytes, &HOSPITAL, []) {
        Ok(sessions) => {
            for (i, session) in sessions.iter().enumerate() {
                assert!(session.time.from < session.time.to && session.seats() > 0, "{session:?}");
                for other in &sessions[..i] {
                    assert_ne!(session.code, other.code);
                    let apart = session.time.to <= other.time.from || other.time.to <= session.time.from;
                    assert!(apart || session.practitioner != other.practitioner, "{session:?} {other:?}");
                }
            }
        }
        Err(rows) => {
            assert!(!rows.is_empty());
            assert!(rows.iter().all(|row| row.line > 0 && !row.reason.zh.is_empty()), "{rows:?}");
        }
    }
});

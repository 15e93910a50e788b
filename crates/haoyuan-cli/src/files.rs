//! Reading files by name, with errors that say what to do.

use crate::failure::Failure;
use crate::lang::{Lang, say};
use haoyuan_core::policy::Policy;
use std::fs;
use std::io;
use std::path::Path;

/// The most bytes of a policy, roster, directory or scenario file: far more than any, and far less than a slip.
const MOST: u64 = 256 << 20;

/// A whole file.
pub(crate) fn read_bytes(path: &Path, lang: Lang) -> Result<Vec<u8>, Failure> {
    let name = path.display();
    let wrong = |error: &io::Error| {
        Failure::input(say!(lang, "file.unreadable", file = name, reason = lang.system(error)))
    };
    let length = fs::metadata(path).map_err(|error| wrong(&error))?.len();
    if length > MOST {
        return Err(Failure::input(say!(lang, "file.too_long", file = name, most = MOST >> 20)));
    }
    fs::read(path).map_err(|error| wrong(&error))
}

/// A whole text file.
pub(crate) fn read(path: &Path, lang: Lang) -> Result<String, Failure> {
    let name = path.display();
    String::from_utf8(read_bytes(path, lang)?).map_err(|error| {
        let valid = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = valid.split(|byte| *byte == b'\n').count();
        Failure::input(say!(lang, "file.not_utf8", file = name, line = line))
    })
}

/// A preset by its name, or a policy file.
pub(crate) fn policy(name: &str, lang: Lang) -> Result<Policy, Failure> {
    if let Some(policy) = Policy::preset(name) {
        return Ok(policy);
    }
    let path = Path::new(name);
    if !path.exists() {
        let presets = Policy::presets().collect::<Vec<_>>().join(", ");
        return Err(Failure::input(say!(lang, "policy.unknown", name = name, presets = presets)));
    }
    let text = read(path, lang)?;
    Policy::parse(name, &text).map_err(|error| Failure::told(&error, lang))
}

//! The suites that hold the system to its specification. What they hold it to is in `haoyuan-model`; it is named here
//! once more, so that a suite has one place to look.

pub use haoyuan_model::{check, drive, fold, generate, model, random, recorded};

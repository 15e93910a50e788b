//! Names and commands.

pub mod answer;
pub mod command;
mod admin;
mod malformed;
mod platform;
mod text;

pub use malformed::{Malformed, Place, ROWS_MAX, Row};
pub use platform::Platform;
pub use text::{CODE_BYTES_MAX, Slot};

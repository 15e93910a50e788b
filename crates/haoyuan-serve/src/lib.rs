#![doc = include_str!("../README.md")]
//!
//! # Where to go from here
//! [`Server`] runs a [`haoyuan::Registry`]; [`Options`] are its bounds; [`Credentials`] say who may ask; [`Clock`] is its only time.
//! The reasons are in the crate's `DESIGN.md`.
//!
//! *Architecture invariant:* no rule is here, no argument of a command line, no file but a folder of pages. The server reads requests,
//! finds out who asks, has the registry decide, waits for the disk, and says what came of it.

mod app;
mod clock;
mod connections;
pub mod credentials;
mod events;
mod feed;
mod metrics;
pub mod openapi;
pub mod options;
mod pages;
mod problem;
mod rates;
mod requests;
mod rights;
mod server;

pub use clock::Clock;
pub use credentials::{Credentials, Duty, Staff, StaffToken};
pub use options::{Options, Rate};
pub use problem::{Kind, status};
pub use server::{Ended, Error, Handle, Server};

//! The proof side of haoyuan: what the engine is held to, written from the specification and not from the engine.
//!
//! - [`model`]: the executable specification. Sequential, maps and vectors, nothing shared with the code that decides.
//! - [`random`]: random numbers that follow from a seed.
//! - [`generate`]: worlds and workloads, drawn from a seed or by proptest, so that a failure can be had again.
//! - [`check`]: the invariants as functions, and the checker that finds a concurrent history linearizable or says why
//!   it is not.
//! - [`fold`]: the fold of the core as something that the checkers can ask.
//! - [`drive`]: one command at a time to system and model, every answer compared.
//! - [`recorded`]: a journal told to the model, every recorded decision decided anew.
//! - [`sim`]: the simulator: whole runs by seed, with every fault that can be had, shrunk when they fail.
//!
//! *Architecture invariant:* the model uses the vocabulary of `haoyuan-core` (ids, terms, instants, requests, refusal
//! codes, plans and pool trees as data) and none of its decision code.

#![expect(clippy::missing_panics_doc, reason = "a panic here is a specification that contradicts itself")]

pub mod model;

pub mod random;

pub mod generate;

pub mod check;

pub mod fold;

pub mod drive;

pub mod recorded;

pub mod sim;

//! The systems that do the same work: ours, in-process baselines, and servers.
//!
//! INVARIANT (as they are meant to be run): a peer has the settings that its documentation advises for speed, prepared
//! statements or loaded scripts, the nearest socket there is, and a client that costs little beside it.

pub mod books;
pub mod floor;
pub mod maps;
pub mod ours;
pub mod postgres;
pub mod redis;
pub mod server;

use crate::work::{Link, Shape};

/// A seat that a system says is taken: slot, seat, patient.
pub type Taken = (u32, u8, u128);

/// A system that can be given work.
pub trait System: Sync {
    /// A client's way to it.
    type Link<'a>: Link
    where
        Self: 'a;

    /// Forgets everything and publishes the slots anew.
    ///
    /// # Errors
    /// What the world did.
    fn publish(&mut self, shape: Shape) -> Result<(), String>;

    /// A way for one more client.
    ///
    /// # Errors
    /// What the world did.
    fn link(&self) -> Result<Self::Link<'_>, String>;

    /// A way that is as quick as can be, to bring the system into a state before anything is measured.
    ///
    /// # Errors
    /// What the world did.
    fn loader(&self) -> Result<Self::Link<'_>, String> {
        self.link()
    }

    /// Every seat that is taken, by the system's own account.
    ///
    /// # Errors
    /// What the world did.
    fn taken(&self) -> Result<Vec<Taken>, String>;
}

/// A system that somebody else keeps.
impl<S: System> System for &mut S {
    type Link<'a>
        = S::Link<'a>
    where
        Self: 'a;

    fn publish(&mut self, shape: Shape) -> Result<(), String> {
        (**self).publish(shape)
    }

    fn link(&self) -> Result<Self::Link<'_>, String> {
        (**self).link()
    }

    fn loader(&self) -> Result<Self::Link<'_>, String> {
        (**self).loader()
    }

    fn taken(&self) -> Result<Vec<Taken>, String> {
        (**self).taken()
    }
}

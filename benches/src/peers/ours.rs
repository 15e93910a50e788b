//! haoyuan as a host embeds it: the engine alone, and the registry behind its journal.

#![expect(
    clippy::inline_always,
    reason = "what runs in the client's process is compiled into its loop, for each system alike"
)]

use super::{System, Taken};
use crate::hospital::{Tickets, release, rules};
use crate::work::{Ask, Link, Shape, Told, Why};
use haoyuan::{Ack, Decided, Durability, Refusals, Registry};
use haoyuan_core::ids::BookingId;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Grant, Settle, Settled};
use haoyuan_engine::{Engine, Limits, Trace};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The sizes for a shape: no more than it can need.
#[must_use]
pub const fn limits(shape: Shape) -> Limits {
    let seats = shape.places() * shape.slots.seats as u32;
    Limits {
        blocks: shape.places(),
        seats,
        sessions: shape.practitioners,
        shapes: 16,
        // And a few who came to a seat and lost it to another, as `Limits::for_seats` has it.
        patients: shape.patients + 64,
        // A booking after the patient's first.
        entries: seats,
    }
}

/// Publishes a shape; nobody has to show a ticket, because no peer asks for one.
///
/// # Errors
/// If the engine does not take it.
pub fn publish<T: Trace>(engine: &Engine<T>, shape: Shape) -> Result<(), String> {
    let (tree, rules) = (shape.slots.tree(), rules(Tickets::NotNeeded));
    for number in 0..shape.practitioners {
        let plan = shape.slots.plan(number, shape.half_hours, &tree, &rules);
        engine.publish(&plan, release().plus(-1)).map_err(|error| format!("{error:?}"))?;
    }
    Ok(())
}

fn taken<T: Trace>(engine: &Engine<T>, shape: Shape) -> Result<Vec<Taken>, String> {
    let mut taken = Vec::new();
    for place in 0..shape.places() {
        let occupants =
            engine.occupants(shape.slot(place), release()).map_err(|refusal| format!("{refusal:?}"))?;
        taken.extend(occupants.iter().map(|o| (place, o.booking.seat().get(), o.patient.get())));
    }
    engine.audit().map_err(|wrong| format!("the engine's recount disagrees: {wrong:?}"))?;
    Ok(taken)
}

#[inline]
pub(super) fn granted(answer: &Result<Grant, Refusal>) -> Result<Told, String> {
    match answer {
        Ok(grant) => {
            Ok(Told { why: Why::Done, seat: grant.booking.seat().get(), token: grant.booking.get() })
        }
        Err(refusal) => refused(refusal.code).map(Told::plain),
    }
}

#[inline]
pub(super) fn settled(answer: &Result<Settled, Refusal>) -> Result<Told, String> {
    match answer {
        Ok(_) => Ok(Told::plain(Why::Done)),
        Err(refusal) => refused(refusal.code).map(Told::plain),
    }
}

#[inline]
fn refused(code: Code) -> Result<Why, String> {
    match code {
        Code::SlotFull => Ok(Why::Full),
        Code::Protected => Ok(Why::Protected),
        Code::Overlap => Ok(Why::Overlap),
        Code::DepartmentDayLimit => Ok(Why::DepartmentDay),
        Code::ConcurrentRequest => Ok(Why::Busy),
        other => Err(format!("no workload leads to {other}")),
    }
}

#[inline]
pub(super) fn settle(request: &crate::trace::Request, token: u64) -> Result<Settle, String> {
    let booking = BookingId::new(token).ok_or("a token that the engine never gave")?;
    Ok(Settle { patient: request.patient, booking, key: None })
}

/// The engine in the client's own process.
#[derive(Debug)]
pub struct Embedded {
    engine: Engine,
    shape: Shape,
}

impl Embedded {
    /// With these slots.
    ///
    /// # Errors
    /// If the engine does not take them.
    pub fn new(shape: Shape) -> Result<Self, String> {
        let engine = Engine::new(limits(shape));
        publish(&engine, shape)?;
        Ok(Self { engine, shape })
    }
}

impl Link for &Embedded {
    #[inline(always)]
    fn one(&mut self, ask: &Ask<'_>) -> Result<Told, String> {
        match ask {
            Ask::Book(request) => granted(&self.engine.book(&request.wish_without_ticket(), release())),
            Ask::Release(request, token) => {
                settled(&self.engine.cancel(&settle(request, *token)?, release()))
            }
        }
    }
}

impl System for Embedded {
    type Link<'a> = &'a Self;

    fn publish(&mut self, shape: Shape) -> Result<(), String> {
        *self = Self::new(shape)?;
        Ok(())
    }

    fn link(&self) -> Result<&Self, String> {
        Ok(self)
    }

    fn taken(&self) -> Result<Vec<Taken>, String> {
        taken(&self.engine, self.shape)
    }
}

/// When an answer is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// At once; on disk within 50 ms.
    Async,
    /// When it is on disk.
    Synced,
}

/// The registry behind a journal on a disk.
#[derive(Debug)]
pub struct Journaled {
    registry: Option<Registry>,
    shape: Shape,
    kept: Kept,
    refusals: Refusals,
    folder: PathBuf,
}

impl Journaled {
    /// With a journal in a folder of its own below `root`.
    #[must_use]
    pub fn new(shape: Shape, kept: Kept, refusals: Refusals, root: &Path) -> Self {
        Self { registry: None, shape, kept, refusals, folder: root.join("haoyuan") }
    }

    fn close(&mut self) -> Result<(), String> {
        let Some(registry) = self.registry.take() else { return Ok(()) };
        registry.close().map_err(|error| error.to_string())?;
        std::fs::remove_dir_all(&self.folder).map_err(|error| format!("{}: {error}", self.folder.display()))
    }

    fn registry(&self) -> Result<&Registry, String> {
        self.registry.as_ref().ok_or_else(|| "nothing is published yet".to_owned())
    }
}

impl Drop for Journaled {
    fn drop(&mut self) {
        // The folder above is removed with everything in it; an error here has been told by the run.
        let _ = self.close();
    }
}

/// A client of a [`Journaled`].
#[derive(Debug)]
pub struct Waiting<'a> {
    registry: &'a Registry,
    kept: Kept,
    acks: Vec<Ack>,
    /// What was decided and is not on disk, in the order of the questions.
    flying: VecDeque<(usize, Told, Ack)>,
}

impl<'a> Waiting<'a> {
    /// A client that waits for the disk, or does not.
    #[must_use]
    pub fn new(registry: &'a Registry, kept: Kept) -> Self {
        Self { registry, kept, acks: Vec::with_capacity(64), flying: VecDeque::with_capacity(64) }
    }

    /// Decides, and does with the answer and its acknowledgement what `then` says.
    #[inline(always)]
    fn decide<R>(
        &mut self,
        ask: &Ask<'_>,
        then: impl FnOnce(&mut Self, Told, Ack) -> Result<R, String>,
    ) -> Result<R, String> {
        match ask {
            Ask::Book(request) => match self.registry.book(&request.wish_without_ticket(), release()) {
                Ok(Decided { answer, ack }) => then(self, granted(&answer)?, ack),
                Err(error) => Err(error.to_string()),
            },
            Ask::Release(request, token) => {
                match self.registry.cancel(&settle(request, *token)?, release()) {
                    Ok(Decided { answer, ack }) => then(self, settled(&answer)?, ack),
                    Err(error) => Err(error.to_string()),
                }
            }
        }
    }
}

impl Link for Waiting<'_> {
    #[inline(always)]
    fn one(&mut self, ask: &Ask<'_>) -> Result<Told, String> {
        self.decide(ask, |client, told, ack| {
            if client.kept == Kept::Synced {
                ack.wait().map_err(|error| error.to_string())?;
            }
            Ok(told)
        })
    }

    fn ask(&mut self, asks: &[Ask<'_>], told: &mut Vec<Told>) -> Result<(), String> {
        for ask in asks {
            self.decide(ask, |client, answer, ack| {
                told.push(answer);
                if client.kept == Kept::Synced {
                    client.acks.push(ack);
                }
                Ok(())
            })?;
        }
        // Whoever asks many at once waits for all of them once.
        for ack in self.acks.drain(..).rev() {
            ack.wait().map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    #[inline(always)]
    fn send(&mut self, number: usize, ask: &Ask<'_>, told: &mut Vec<(usize, Told)>) -> Result<(), String> {
        self.decide(ask, |client, answer, ack| {
            if client.kept == Kept::Async || ack.is_durable() {
                told.push((number, answer));
            } else {
                client.flying.push_back((number, answer, ack));
            }
            Ok(())
        })
    }

    fn hear(&mut self, told: &mut Vec<(usize, Told)>) -> Result<(), String> {
        if let Some((_, _, oldest)) = self.flying.front() {
            oldest.wait().map_err(|error| error.to_string())?;
        }
        while self.flying.front().is_some_and(|(_, _, ack)| ack.is_durable()) {
            told.extend(self.flying.pop_front().map(|(number, answer, _)| (number, answer)));
        }
        Ok(())
    }
}

impl System for Journaled {
    type Link<'a> = Waiting<'a>;

    fn publish(&mut self, shape: Shape) -> Result<(), String> {
        self.close()?;
        let durability = match self.kept {
            Kept::Async => Durability::Async { window: Duration::from_millis(50), records: 1 << 19 },
            Kept::Synced => Durability::default(),
        };
        let refusals = self.refusals.clone();
        let mut options =
            haoyuan::Options { durability, refusals, limits: Some(limits(shape)), ..Default::default() };
        options.journal.queue = 1 << 18;
        let registry = Registry::open(&self.folder, options).map_err(|error| error.to_string())?;
        publish(registry.engine(), shape)?;
        let journal = registry.journal().ok_or("there is no journal")?;
        journal.flush().map_err(|error| error.to_string())?;
        self.shape = shape;
        self.registry = Some(registry);
        Ok(())
    }

    fn link(&self) -> Result<Waiting<'_>, String> {
        Ok(Waiting::new(self.registry()?, self.kept))
    }

    fn loader(&self) -> Result<Waiting<'_>, String> {
        Ok(Waiting::new(self.registry()?, Kept::Async))
    }

    fn taken(&self) -> Result<Vec<Taken>, String> {
        taken(self.registry()?.engine(), self.shape)
    }
}

//! Acknowledgements: what a caller can wait for, poll, or be called back about.
//!
//! INVARIANT (covers its history): when an acknowledgement says durable, so is everything that the decision rests on: all
//! that happened to its block, and all that its patient did, before.

use haoyuan_journal::{Error, Journal};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The promise about one decision. Costs nothing to drop.
#[derive(Clone, Debug)]
#[must_use = "a decision is durable only when its acknowledgement says so"]
pub struct Ack {
    journal: Option<Arc<Journal>>,
    tickets: Tickets,
}

#[derive(Clone, Debug)]
enum Tickets {
    /// Nothing was to be written.
    None,
    One(u64),
    /// They may come true in any order.
    All(Arc<[u64]>),
}

impl Ack {
    /// Nothing to wait for.
    pub const NOTHING: Self = Self { journal: None, tickets: Tickets::None };

    pub(crate) fn one(journal: Option<&Arc<Journal>>, ticket: Option<u64>) -> Self {
        match (journal, ticket) {
            (Some(journal), Some(ticket)) => {
                Self { journal: Some(Arc::clone(journal)), tickets: Tickets::One(ticket) }
            }
            _ => Self::NOTHING,
        }
    }

    pub(crate) fn all(journal: Option<&Arc<Journal>>, tickets: &[u64]) -> Self {
        match (journal, tickets) {
            (Some(journal), [_, ..]) => {
                Self { journal: Some(Arc::clone(journal)), tickets: Tickets::All(tickets.into()) }
            }
            _ => Self::NOTHING,
        }
    }

    /// A number by which [`Registry::ack`](crate::Registry::ack) gives the acknowledgement back, for callers that cannot
    /// keep a value. `None` if there is nothing to wait for, or more than one record: then
    /// [`Registry::number_of`](crate::Registry::number_of) finds one.
    #[must_use]
    pub const fn ticket(&self) -> Option<u64> {
        match self.tickets {
            Tickets::One(ticket) => Some(ticket),
            Tickets::None | Tickets::All(_) => None,
        }
    }

    pub(crate) fn tickets(&self) -> &[u64] {
        match &self.tickets {
            Tickets::None => &[],
            Tickets::One(ticket) => std::slice::from_ref(ticket),
            Tickets::All(tickets) => tickets,
        }
    }

    /// Whether the decision and all that it rests on are on disk. Without a journal there is nothing to be, and it is.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.journal
            .as_ref()
            .is_none_or(|journal| self.tickets().iter().all(|ticket| journal.receipt(*ticket).is_durable()))
    }

    /// `None` while it is open; then `Ok` if durable, or why it never will be.
    #[must_use]
    pub fn poll(&self) -> Option<Result<(), Error>> {
        let Some(journal) = &self.journal else { return Some(Ok(())) };
        let mut open = false;
        for ticket in self.tickets() {
            match journal.receipt(*ticket).poll() {
                Some(Ok(())) => {}
                Some(Err(error)) => return Some(Err(error)),
                None => open = true,
            }
        }
        if open { None } else { Some(Ok(())) }
    }

    /// Waits until the decision is durable, or never will be.
    ///
    /// # Errors
    /// [`Error::Poisoned`] or [`Error::Closed`]: whether the decision survives a restart is unknown.
    pub fn wait(&self) -> Result<(), Error> {
        let Some(journal) = &self.journal else { return Ok(()) };
        // The last first: mostly it covers the others.
        self.tickets().iter().rev().try_for_each(|ticket| journal.receipt(*ticket).wait())
    }

    /// Calls back once, when the decision is durable or never will be; at once if it is so already. The callback must not
    /// wait for the journal.
    pub fn on_durable(&self, callback: impl FnOnce(Result<(), Error>) + Send + 'static) {
        let tickets = self.tickets();
        let (Some(journal), [last, rest @ ..]) = (&self.journal, tickets) else {
            callback(Ok(()));
            return;
        };
        if rest.is_empty() {
            journal.receipt(*last).on_durable(callback);
            return;
        }
        // The callback belongs to whichever receipt is the last to be settled, or the first to fail.
        let open = Arc::new(AtomicUsize::new(tickets.len()));
        let callback = Arc::new(Mutex::new(Some(callback)));
        for ticket in tickets {
            let (open, callback) = (Arc::clone(&open), Arc::clone(&callback));
            journal.receipt(*ticket).on_durable(move |outcome| {
                let is_last = open.fetch_sub(1, Ordering::AcqRel) == 1;
                if is_last || outcome.is_err() {
                    let callback = callback.lock().take();
                    if let Some(callback) = callback {
                        callback(outcome);
                    }
                }
            });
        }
    }
}

/// Set in the number of an acknowledgement that covers several records.
const SEVERAL: u64 = 1 << 63;

/// Acknowledgements that cover several records, under numbers of their own, for as long as they are open.
#[derive(Default)]
pub(crate) struct Numbered(Mutex<Open>);

#[derive(Default)]
struct Open {
    /// How many numbers were given out.
    given: u64,
    /// The records of those that are not durable. Of the others nothing need be known: a number that was given out and is
    /// not here is durable.
    tickets: HashMap<u64, Arc<[u64]>>,
}

impl Numbered {
    /// A number for an acknowledgement; 0 for one that has nothing to wait for.
    pub(crate) fn give(self: &Arc<Self>, ack: &Ack) -> u64 {
        let tickets: Arc<[u64]> = match &ack.tickets {
            Tickets::None => return 0,
            Tickets::One(ticket) => return *ticket,
            Tickets::All(tickets) => match **tickets {
                [ticket] => return ticket,
                _ => Arc::clone(tickets),
            },
        };
        let mut open = self.0.lock();
        open.given += 1;
        let number = SEVERAL | open.given;
        open.tickets.insert(number, tickets);
        drop(open);
        // Weak: a journal that is closing tells its callbacks, and must not be kept by them.
        let here = Arc::downgrade(self);
        ack.on_durable(move |outcome| {
            // One that failed stays: it must go on saying so.
            if let (Ok(()), Some(here)) = (outcome, here.upgrade()) {
                here.0.lock().tickets.remove(&number);
            }
        });
        number
    }

    /// The acknowledgement with this number; `None` if none of these has it.
    pub(crate) fn find(&self, journal: &Arc<Journal>, number: u64) -> Option<Ack> {
        let open = self.0.lock();
        match open.tickets.get(&number) {
            Some(tickets) => Some(Ack::all(Some(journal), tickets)),
            None if number & SEVERAL != 0 && (1..=open.given).contains(&(number & !SEVERAL)) => {
                Some(Ack::NOTHING)
            }
            None => None,
        }
    }
}

/// An answer and its acknowledgement.
#[derive(Clone, Debug)]
#[must_use = "a decision is durable only when its acknowledgement says so"]
pub struct Decided<T> {
    /// The answer.
    pub answer: T,
    /// The promise about it.
    pub ack: Ack,
}

impl<T> Decided<T> {
    /// Waits for the acknowledgement and gives the answer.
    ///
    /// # Errors
    /// As [`Ack::wait`].
    pub fn durable(self) -> Result<T, Error> {
        self.ack.wait()?;
        Ok(self.answer)
    }
}

//! Acknowledgements: what a caller can wait for, poll, or be called back about.
//!
//! INVARIANT (covers its history): when an acknowledgement says durable, so is everything that the decision rests on: all
//! that happened to its block, and all that its patient did, before.

use haoyuan_journal::{Error, Journal};
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
    /// keep a value. `None` if there is nothing to wait for, or more than one record: then keep the value.
    #[must_use]
    pub const fn ticket(&self) -> Option<u64> {
        match self.tickets {
            Tickets::One(ticket) => Some(ticket),
            Tickets::None | Tickets::All(_) => None,
        }
    }

    fn tickets(&self) -> &[u64] {
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
        let callback = Arc::new(parking_lot::Mutex::new(Some(callback)));
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

//! What has changed, as a stream: availability for everybody, notices for those whom they are for.
//!
//! INVARIANT (told is durable): nothing is told before it is acknowledged as the durability of the journal asks.
//!
//! INVARIANT (no gap unsaid): whoever comes back with the id of the last event gets everything after it, or the event `reset`,
//! which says: look anew. Notices have numbers for ever, so none of them is ever lost; changes are kept for a while.
//!
//! The id of an event is a cursor: the start of the server, the last change and the last notice, `EPOCH-CHANGE-NOTICE`.

use crate::app::App;
use crate::credentials::Caller;
use crate::options::CHANGES_KEPT;
use crate::rights::LOOKS;
use axum::response::sse::Event;
use futures_util::Stream;
use futures_util::stream::unfold;
use haoyuan::actor::Actor;
use haoyuan::answer::{Answer, Done, Notice};
use haoyuan::command::{Command, day::Notices};
use haoyuan::ids::PatientKey;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, broadcast};

/// Where availability may have changed: a slot, a session, or anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Change {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) session: Option<Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) slot: Option<u16>,
}

/// What is told to those who listen now.
#[derive(Clone, Debug)]
enum Told {
    /// With its number.
    Change(u64, Change),
    Notice(Arc<Notice>),
}

/// The changes of this run of the server, and those who listen.
pub(crate) struct Events {
    /// Tells this run from the one before.
    epoch: u64,
    kept: Mutex<Kept>,
    listeners: broadcast::Sender<Told>,
    /// That there may be notices.
    noticed: Notify,
}

#[derive(Default)]
struct Kept {
    /// The number of the last change, counted from 1.
    last: u64,
    /// The last changes; the newest is number `last`.
    changes: VecDeque<Change>,
    /// The number of the last notice that was told.
    notice: u32,
}

/// How many events a listener may be behind before it is served from what is kept.
const BEHIND_MOST: usize = 4_096;

impl Events {
    pub(crate) fn new(epoch: u64) -> Self {
        let (listeners, _) = broadcast::channel(BEHIND_MOST);
        Self { epoch, kept: Mutex::default(), listeners, noticed: Notify::new() }
    }

    /// Availability may have changed here.
    pub(crate) fn changed(&self, changes: Vec<Change>) {
        if changes.is_empty() {
            return;
        }
        let mut kept = self.kept.lock();
        for change in changes {
            kept.last += 1;
            if kept.changes.len() == CHANGES_KEPT {
                kept.changes.pop_front();
            }
            kept.changes.push_back(change.clone());
            // Under the lock, so that listeners hear changes in the order of their numbers. That nobody listens is no error.
            let _ = self.listeners.send(Told::Change(kept.last, change));
        }
    }

    /// There may be notices.
    pub(crate) fn look(&self) {
        self.noticed.notify_one();
    }

    /// Takes the notices that were there before the start as told.
    pub(crate) fn begin(&self, app: &App) {
        let mut kept = self.kept.lock();
        loop {
            let (notices, more) = notices(app, kept.notice);
            kept.notice = notices.last().map_or(kept.notice, |notice| notice.number);
            if !more {
                return;
            }
        }
    }

    fn last_notice(&self) -> u32 {
        self.kept.lock().notice
    }
}

/// Tells notices as they come, once they are durable; until the server ends.
pub(crate) async fn tell_notices(app: Arc<App>) {
    loop {
        app.events.noticed.notified().await;
        let teller = Arc::clone(&app);
        // The lock of the hospital's day and the disk: nothing for a thread of the runtime.
        let told = tokio::task::spawn_blocking(move || tell_new(&teller)).await;
        if told.is_err() {
            return;
        }
    }
}

fn tell_new(app: &App) {
    loop {
        let (new, more) = notices(app, app.events.last_notice());
        let Some(last) = new.last().map(|notice| notice.number) else { return };
        if app.is_synced && app.registry.journal().is_some_and(|journal| journal.flush().is_err()) {
            return;
        }
        let mut kept = app.events.kept.lock();
        kept.notice = last;
        for notice in new {
            let _ = app.events.listeners.send(Told::Notice(Arc::new(notice)));
        }
        drop(kept);
        if !more {
            return;
        }
    }
}

/// The notices after a number, and whether there are more.
fn notices(app: &App, after: u32) -> (Vec<Notice>, bool) {
    let ask = Notices { at: app.clock.now(), after: Some(after), most: Some(1_000) };
    match app.registry.platform().decide(&Command::Notices(ask)) {
        Answer::Done(Done::Notices { notices, more, .. }) => (notices, more),
        _ => (Vec::new(), false),
    }
}

/// Whose notices a listener hears.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Hears {
    Nobodys,
    Of(PatientKey),
    Everybodys,
}

impl Hears {
    fn of(caller: &Caller) -> Self {
        match caller {
            Caller::Patient { patient, .. } => Self::Of(*patient),
            Caller::Staff(staff) if LOOKS.contains(&staff.duty) => Self::Everybodys,
            Caller::Staff(_) | Caller::Anyone => Self::Nobodys,
        }
    }

    fn hears(self, notice: &Notice) -> bool {
        match self {
            Self::Nobodys => false,
            Self::Of(patient) => notice.patient == patient,
            Self::Everybodys => true,
        }
    }
}

/// How far a listener has heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    epoch: u64,
    change: u64,
    notice: u32,
}

impl Cursor {
    /// Reads the id of an event.
    pub(crate) fn read(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let epoch = u64::from_str_radix(parts.next()?, 16).ok()?;
        let change = parts.next()?.parse().ok()?;
        let notice = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { epoch, change, notice })
    }

    fn write(self) -> String {
        format!("{:x}-{}-{}", self.epoch, self.change, self.notice)
    }
}

/// A listener.
struct Listener {
    app: Arc<App>,
    hears: Hears,
    cursor: Cursor,
    heard: broadcast::Receiver<Told>,
    due: VecDeque<Event>,
    /// While it lives, the stream counts as open.
    _open: Open,
    ends: tokio::time::Instant,
}

/// A stream that is open; it is counted until it is dropped.
pub(crate) struct Open {
    app: Arc<App>,
    _permit: tokio::sync::OwnedSemaphorePermit,
}

impl Open {
    pub(crate) fn new(app: &Arc<App>, permit: tokio::sync::OwnedSemaphorePermit) -> Self {
        app.metrics.streams.inc();
        Self { app: Arc::clone(app), _permit: permit }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.app.metrics.streams.dec();
    }
}

/// The stream of events for a caller, from a cursor on, or from now on.
pub(crate) async fn listen(
    open: Open,
    caller: &Caller,
    from: Option<Cursor>,
) -> impl Stream<Item = Result<Event, Infallible>> + use<> {
    let app = Arc::clone(&open.app);
    let ends = tokio::time::Instant::now() + app.options.stream_time;
    // First listened, then looked at what is kept: nothing falls between, and what comes twice is passed over by its number.
    let heard = app.events.listeners.subscribe();
    let cursor = {
        let kept = app.events.kept.lock();
        from.unwrap_or(Cursor { epoch: app.events.epoch, change: kept.last, notice: kept.notice })
    };
    let hears = Hears::of(caller);
    let mut listener = Listener { app, hears, cursor, heard, due: VecDeque::new(), _open: open, ends };
    // The first line says where one is, so that a stream that breaks at once goes on from there.
    listener.due.push_back(Event::default().event("hello").id(cursor.write()).data("{}"));
    listener.catch_up().await;
    unfold(listener, |mut listener| async move {
        let event = listener.next().await?;
        Some((Ok(event), listener))
    })
}

impl Listener {
    async fn next(&mut self) -> Option<Event> {
        let mut closing = self.app.closing.subscribe();
        loop {
            if let Some(event) = self.due.pop_front() {
                return Some(event);
            }
            let told = tokio::select! {
                told = self.heard.recv() => told,
                _ = closing.wait_for(|closing| *closing) => return None,
                () = tokio::time::sleep_until(self.ends) => return None,
            };
            match told {
                Ok(told) => self.take(told),
                Err(broadcast::error::RecvError::Lagged(_)) => self.catch_up().await,
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    fn take(&mut self, told: Told) {
        match told {
            Told::Change(number, change) if number > self.cursor.change => {
                self.cursor.change = number;
                self.push("change", &change);
            }
            Told::Notice(notice) if notice.number > self.cursor.notice => {
                self.cursor.notice = notice.number;
                if self.hears.hears(&notice) {
                    self.push("notice", &*notice);
                }
            }
            Told::Change(..) | Told::Notice(_) => {}
        }
    }

    fn push(&mut self, name: &str, data: &impl serde::Serialize) {
        // Every key is a string and every value a plain one, so that writing JSON cannot fail.
        let data = serde_json::to_string(data).unwrap_or_default();
        self.due.push_back(Event::default().event(name).id(self.cursor.write()).data(data));
    }

    /// Takes from what is kept whatever comes after the cursor.
    async fn catch_up(&mut self) {
        self.catch_up_changes();
        if self.hears == Hears::Nobodys {
            return;
        }
        let (app, after, last) = (Arc::clone(&self.app), self.cursor.notice, self.app.events.last_notice());
        let missed = tokio::task::spawn_blocking(move || {
            let (mut missed, mut after) = (Vec::new(), after);
            while after < last {
                let (some, _) = notices(&app, after);
                // What is not told yet is not durable yet: it comes by itself.
                missed.extend(some.into_iter().filter(|notice| notice.number <= last));
                match missed.last() {
                    Some(notice) if notice.number > after => after = notice.number,
                    _ => break,
                }
            }
            missed
        });
        for notice in missed.await.unwrap_or_default() {
            self.take(Told::Notice(Arc::new(notice)));
        }
    }

    fn catch_up_changes(&mut self) {
        let app = Arc::clone(&self.app);
        let kept = app.events.kept.lock();
        let first = kept.last - kept.changes.len() as u64;
        let known =
            self.cursor.epoch == app.events.epoch && (first..=kept.last).contains(&self.cursor.change);
        if known {
            let skip = usize::try_from(self.cursor.change - first).unwrap_or(usize::MAX);
            for (change, number) in kept.changes.iter().zip(first + 1..).skip(skip) {
                self.take(Told::Change(number, change.clone()));
            }
        } else {
            self.cursor = Cursor { epoch: app.events.epoch, change: kept.last, ..self.cursor };
            self.push("reset", &serde_json::json!({}));
        }
    }
}

/// How long a stream says nothing before it says that it lives.
pub(crate) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Where an answered command may have changed what is shown as free, and whether there may be notices.
pub(crate) fn follows(app: &App, command: &Command, answer: &Answer) -> (Option<Change>, bool) {
    let anywhere = Some(Change::default());
    let session = |code: &str| Some(Change { session: Some(code.into()), slot: None });
    match answer {
        Answer::Granted(granted) => {
            let change = Change { session: Some(Arc::clone(&granted.session)), slot: Some(granted.slot) };
            (Some(change), matches!(command, Command::ExtraSeat(_)))
        }
        Answer::Done(Done::Cancel(settled)) if settled.changed => {
            let engine = app.registry.engine();
            let slot = engine.slot_of(settled.booking);
            let change = slot.and_then(|slot| {
                let view = engine.session(slot.session)?;
                Some(Change { session: Some(view.code), slot: Some(slot.slot.get()) })
            });
            (change, true)
        }
        Answer::Done(Done::Tick { swept }) => (anywhere.filter(|_| *swept > 0), true),
        Answer::Done(Done::Publish(published)) => (session(&published.session), false),
        Answer::Done(Done::Substitute { session, .. }) => {
            (Some(Change { session: Some(Arc::clone(session)), slot: None }), true)
        }
        Answer::Done(Done::AddSeats(seats) | Done::ReduceSeats(seats)) => {
            (Some(Change { session: Some(Arc::clone(&seats.session)), slot: None }), true)
        }
        Answer::Done(
            Done::Roster { .. }
            | Done::WaitlistJoin(_)
            | Done::WaitlistLeave { .. }
            | Done::WaitlistDecline { .. }
            | Done::Stop { .. }
            | Done::Resume { .. }
            | Done::Rebook(_)
            | Done::Move(_),
        ) => (anywhere, true),
        Answer::Done(Done::NoShow { .. } | Done::Correct { .. } | Done::MergeIdentities { .. }) => {
            (None, true)
        }
        Answer::Done(_) | Answer::Refused(_) | Answer::Error(_) => (None, false),
    }
}

/// In whose name time passes.
pub(crate) const PASSING: Actor = Actor::SYSTEM;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written_and_nothing_else_is_one() {
        let cursor = Cursor { epoch: 0xfe, change: 12, notice: 7 };
        assert_eq!(cursor.write(), "fe-12-7");
        assert_eq!(Cursor::read("fe-12-7"), Some(cursor));
        for wrong in ["", "fe", "fe-12", "fe-12-7-1", "zz-1-1", "1--1", "1-1-99999999999"] {
            assert_eq!(Cursor::read(wrong), None, "{wrong}");
        }
    }
}

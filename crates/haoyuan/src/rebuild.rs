//! From a journal back to the state: the newest snapshot, and every record after it.
//!
//! INVARIANT (facts, not commands): no rule is asked, no clock read, nothing swept. The state is that of the durable
//! records and of nothing else; what follows a gap is set aside and reported.

use crate::Error;
use crate::record::{Administered, Assembler, Record, Transition, kind};
use crate::recorder::{Recorder, Refusals};
use crate::state::{self, Published};
use haoyuan_core::ids::{BookingId, SeatIndex};
use haoyuan_core::instant::Instant;
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use haoyuan_engine::{Change, Limits, ReplayError};
use haoyuan_journal::{Access, Disk, EntryRef, Finished, From, Recovery};
use haoyuan_platform::Platform;
use std::sync::Arc;

/// A state that was read back, and where the journal stands.
pub struct Rebuilt {
    pub(crate) platform: Platform<Arc<Recorder>>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) finished: Finished,
    /// How many records there were of each kind, by number from 1; of a snapshot's own none.
    pub kinds: [u64; kind::WORDS.len()],
    /// Dead holds that a later claim of their patient has looked past, and when, although no durable record says that they
    /// were swept.
    pub(crate) looked_past: Vec<(BookingId, Instant)>,
}

impl std::fmt::Debug for Rebuilt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rebuilt").field("report", self.finished.report()).finish_non_exhaustive()
    }
}

impl Rebuilt {
    /// The platform as it was.
    #[must_use]
    pub fn platform(&self) -> &Platform<Arc<Recorder>> {
        &self.platform
    }

    /// What was found in the folder.
    #[must_use]
    pub fn report(&self) -> &haoyuan_journal::Report {
        self.finished.report()
    }
}

/// Reads a journal back, without opening it for writing if `access` says so.
///
/// # Errors
/// [`Error`]: what the journal says, a record that this version does not understand, or limits that are too small.
pub fn rebuild(
    disk: &Arc<dyn Disk>,
    from: From,
    access: Access,
    limits: Option<Limits>,
    refusals: &Refusals,
) -> Result<Rebuilt, Error> {
    rebuild_watched(disk, from, access, limits, refusals, None)
}

/// Sees each record before it is taken up, and the state at that moment.
pub type Watch<'a> = &'a mut dyn FnMut(&Record<'_>, &Platform<Arc<Recorder>>);

/// The same, and shows every record to `watch` together with the state before it: for reports about how a state came
/// about. They want all of it, so that with a `watch` no session is retired; of a snapshot those are missing that were retired
/// before.
///
/// # Errors
/// As [`rebuild`].
pub fn rebuild_watched(
    disk: &Arc<dyn Disk>,
    from: From,
    access: Access,
    limits: Option<Limits>,
    refusals: &Refusals,
    mut watch: Option<Watch<'_>>,
) -> Result<Rebuilt, Error> {
    let mut recovery = Recovery::begin(Arc::clone(disk), from, access)?;
    // A snapshot is a short cut and no more. One of another layout is left where it is, and everything is read.
    let mut snapshot = recovery.take_snapshot();
    if snapshot.as_ref().is_some_and(|snapshot| !state::is_of_this_layout(&snapshot.state)) {
        snapshot = None;
        drop(recovery);
        recovery = Recovery::begin(Arc::clone(disk), From::Start, access)?;
    }
    let recorder = Arc::new(Recorder::new(refusals));
    let platform = Platform::with_trace(Arc::clone(&recorder));
    if let Some(limits) = limits {
        platform.open_with_limits(limits);
    }
    if let Some(snapshot) = snapshot {
        let beside = state::load(&platform, &snapshot.state).map_err(Error::Snapshot)?;
        recorder.restore(beside);
    }
    let mut replay = Replay {
        platform: &platform,
        recorder: &recorder,
        assembler: Assembler::default(),
        day: Assembler::default(),
        looked_past: Vec::new(),
        keeps_all: watch.is_some(),
    };
    let mut kinds = [0; kind::WORDS.len()];
    while let Some(recovered) = recovery.next()? {
        let (record, segment) = (recovered.record, recovered.segment);
        if let (Some(watch), Ok(record)) = (&mut watch, Record::decode(recovered.entry)) {
            watch(&record, &platform);
        }
        replay.apply(recovered.entry).map_err(|reason| Error::Replay { record, segment, reason })?;
        if let Some(count) = kinds.get_mut(usize::from(recovered.entry.kind).wrapping_sub(1)) {
            *count += 1;
        }
    }
    let looked_past = replay.looked_past;
    platform.wake();
    let finished = recovery.finish()?;
    Ok(Rebuilt { platform, recorder, finished, kinds, looked_past })
}

struct Replay<'a> {
    platform: &'a Platform<Arc<Recorder>>,
    recorder: &'a Recorder,
    assembler: Assembler,
    /// Parts of the day have an order of their own, and other records may stand between them.
    day: Assembler,
    looked_past: Vec<(BookingId, Instant)>,
    /// Whoever watches wants the whole history: no session is retired.
    keeps_all: bool,
}

impl Replay<'_> {
    fn apply(&mut self, entry: EntryRef<'_>) -> Result<(), Said> {
        let replay = |error: ReplayError| error.said();
        let record = Record::decode(entry).map_err(|error| error.said())?;
        match record {
            Record::Transition(transition) => {
                let engine = self.platform.engine();
                let block = transition.booking.block();
                let Some(slot) = engine.slot_of(transition.booking) else {
                    // It was still on its way when its session was retired.
                    return if engine.was_given(block) {
                        Ok(())
                    } else {
                        Err(ReplayError::UnknownBlock(block).said())
                    };
                };
                let is_new = engine.replay(&transition.fact(slot)).map_err(replay)?;
                if is_new && matches!(transition.change, Change::Held | Change::Booked) {
                    let Transition { patient, at, .. } = transition;
                    engine.looked_past(patient, at, |hold| self.looked_past.push((hold, at)));
                }
                Ok(())
            }
            Record::Refusal { command, refusal, .. } => {
                self.platform.engine().replay_refused(&command, &refusal).map_err(replay)
            }
            Record::Repeated { settle, settled, .. } => {
                self.platform.engine().replay_repeated(&settle, &settled).map_err(replay)
            }
            Record::Ticket { ticket, at, .. } => {
                self.platform.engine().issue_ticket(&ticket, at).map_err(|refusal| {
                    let code = Said { en: refusal.code.to_string(), zh: refusal.code.zh().to_owned() };
                    said!("a ticket is refused: {code}", "凭证被拒绝:{code}", code)
                })
            }
            Record::Fence { session, node, at, .. } => {
                self.recorder.passed(session, node, at);
                Ok(())
            }
            Record::Retired { session, .. } => {
                if !self.keeps_all {
                    self.recorder.forget(&[session]);
                    self.platform.engine().replay_retired(session);
                }
                Ok(())
            }
            Record::TicketRefused { .. }
            | Record::Unnamed { .. }
            | Record::RefusedCount { .. }
            | Record::Again { .. } => Ok(()),
            Record::Published(part) => {
                let whole = self.assembler.take(entry.kind, &part).map_err(|error| error.said())?;
                let Some(bytes) = whole else { return Ok(()) };
                for session in Published::all_from_bytes(&bytes).map_err(|error| error.said())? {
                    let id = self
                        .platform
                        .publish_plan(&session.plan, session.at, &session.books)
                        .map_err(|error| error.said())?;
                    if id != session.id {
                        return Err(said!(
                            "session {from} comes out as session {to}",
                            "第 {from} 号班次重放后成为第 {to} 号",
                            from = session.id.get(),
                            to = id.get()
                        ));
                    }
                }
                Ok(())
            }
            Record::Administered(part) => {
                let whole = self.assembler.take(entry.kind, &part).map_err(|error| error.said())?;
                let Some(bytes) = whole else { return Ok(()) };
                let administered = Administered::from_bytes(&bytes).map_err(|error| error.said())?;
                self.platform.replay_command(&administered.command).map_err(|error| error.said())
            }
            Record::Resized(resizing) => {
                let tree = resizing.tree().map_err(|error| error.said())?;
                let engine = self.platform.engine();
                engine.replay_resized(resizing.block, resizing.sequence, &tree).map_err(replay)?;
                let any = BookingId::pack(resizing.block, SeatIndex::default(), resizing.sequence);
                let session = engine.slot_of(any).and_then(|slot| engine.session(slot.session));
                if let Some(view) = session {
                    self.recorder.fences_of(view.id, view.time.from.day(), &tree, resizing.at);
                }
                Ok(())
            }
            Record::Day(day) => {
                self.recorder.day_passed(day.sequence);
                let whole = self.day.take(entry.kind, &day.part).map_err(|error| error.said())?;
                let Some(bytes) = whole else { return Ok(()) };
                let event = String::from_utf8(bytes).map_err(Said::same)?;
                self.platform.replay_day(day.part.batch, &event).map_err(|error| error.said())
            }
        }
    }
}

//! The lane of the journal: the same workload, on a disk that does its worst.
//!
//! INVARIANT (judged by what is durable): after every crash the model is made anew from the records that survived, each
//! decided again; what was acknowledged must be among them, and the recovered engine must answer like that model.

use super::canary::Bug;
use super::live::{Post, world};
use super::{Delivery, Keep, Swarm, Tape};
use crate::check::Finding;
use crate::drive::{Pair, SNUG, System, alike};
use crate::generate::{Action, Deed, PATIENTS, Step, drawn_workload, patient, resolve, time_of};
use crate::model::{Model, slots};
use crate::random::Random;
use crate::recorded;
use haoyuan::journal::disk::{File, Lock};
use haoyuan::journal::sim::{Faults, SimDisk, Survival};
use haoyuan::journal::{Access, Disk, Entry, From, Journal, Options as JournalOptions, Recovery};
use haoyuan::record::{Assembler, Record, kind};
use haoyuan::state::Published;
use haoyuan::{Ack, Durability, Error, Options, Recorder, Refusals, Registry, rebuild};
use haoyuan_core::ids::{BookingId, IdempotencyKey, PatientKey, Sequence, SessionId, SlotRef, TicketId};
use haoyuan_core::instant::{DAY, Instant};
use haoyuan_core::plan::Plan;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Grant, Settle, Settled, Ticket, Wish};
use haoyuan_engine::{Command as Asked, Engine, Fact, PublishError, Suspension};
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// How many steps are drawn for a run.
const MOST: usize = 180;

/// One step of a run on a disk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    /// A command; the client waits for its acknowledgement, or does not.
    Do(Step, Delivery, bool),
    /// The power fails now, or the process dies and the machine does not.
    Crash { seed: u64, power: bool },
    /// From now on the disk has these faults.
    Fault(Faults),
    /// A snapshot is written.
    Snapshot,
}

/// The steps of a seed.
pub(super) fn steps(seed: u64) -> Vec<Event> {
    let mut random = Random::new(seed, 4);
    let swarm = Swarm::of(&mut random);
    let mut workload = drawn_workload(MOST, &mut random);
    // Who waits and who substitutes for whom is the day's to keep.
    let is_days =
        |step: &Step| matches!(step.action, Action::Hospital(Deed::Substitute(..) | Deed::Waiting(..)));
    workload.retain(|step| swarm.has(step) && !is_days(step));
    let (crashes, faults) = (6 + random.below(40), 10 + random.below(60));
    let (snapshots, waits) = (random.once_in(2), 1 + random.below(6));
    let mut events = Vec::with_capacity(workload.len() * 2);
    for step in workload {
        if random.once_in(crashes) {
            events.push(Event::Crash { seed: random.any(), power: !random.once_in(4) });
        }
        if random.once_in(faults) {
            events.push(Event::Fault(fault(&mut random)));
        }
        if snapshots && random.once_in(30) {
            events.push(Event::Snapshot);
        }
        let delivery = Delivery::any(&mut random, swarm);
        events.push(Event::Do(step, delivery, random.once_in(waits)));
    }
    events.push(Event::Crash { seed: random.any(), power: true });
    events
}

fn fault(random: &mut Random) -> Faults {
    let none = Faults::default();
    let soon = Some(1 + random.below(12));
    match random.below(6) {
        0 => Faults { fail_write: soon, ..none },
        1 => Faults { fail_sync: soon, ..none },
        2 => Faults { fail_operation: soon, ..none },
        3 => Faults { short_writes: true, ..none },
        4 => Faults { capacity: Some(random.below(24 << 10)), ..none },
        _ => Faults { crash_at: soon, ..none },
    }
}

fn options(random: &mut Random) -> Options {
    let durability = if random.once_in(3) {
        Durability::Async { window: Duration::from_millis(20), records: 4_096 }
    } else {
        Durability::Synced { max_delay: Duration::from_millis(1) }
    };
    let mut options = Options { durability, limits: Some(SNUG), ..Options::default() };
    options.journal.threads = false;
    options.journal.segment_bytes = *random.of(&[8 << 10, 32 << 10, 1 << 20]);
    options.journal.preallocate = *random.of(&[512, 4 << 10, 16 << 10]);
    options.journal.group_bytes = *random.of(&[1, 300, 1 << 20]);
    options
}

/// What an acknowledgement promises will still be there.
#[derive(Clone, Copy, Debug)]
enum Promise {
    Transition(BookingId, Sequence),
    Keyed(PatientKey, IdempotencyKey),
    Ticket(PatientKey, TicketId),
    Session(SessionId),
}

/// A registry on a simulated disk.
struct OnDisk {
    registry: Registry,
    down: Cell<bool>,
    promises: RefCell<Vec<(Promise, Ack)>>,
}

impl OnDisk {
    fn promise(&self, promise: Option<Promise>, ack: Ack) {
        self.promises.borrow_mut().extend(promise.map(|promise| (promise, ack)));
    }

    /// What a system says that has failed: nobody looks at it.
    fn fail(&self) -> Refusal {
        self.down.set(true);
        Refusal::plain(Code::ConcurrentRequest)
    }

    fn claimed(
        &self,
        wish: &Wish,
        decided: Result<haoyuan::Decided<Result<Grant, Refusal>>, Error>,
    ) -> Result<Grant, Refusal> {
        let decided = decided.map_err(|_| self.fail())?;
        let promise = match &decided.answer {
            Ok(grant) => Some(Promise::Transition(grant.booking, grant.booking.sequence())),
            Err(refusal) => remembered(refusal, wish.patient, wish.key),
        };
        self.promise(promise, decided.ack);
        decided.answer
    }

    fn settled(
        &self,
        settle: &Settle,
        decided: Result<haoyuan::Decided<Result<Settled, Refusal>>, Error>,
    ) -> Result<Settled, Refusal> {
        let decided = decided.map_err(|_| self.fail())?;
        let promise = match &decided.answer {
            Ok(done) => Some(Promise::Transition(done.booking, done.sequence)),
            Err(refusal) => remembered(refusal, settle.patient, settle.key),
        };
        self.promise(promise, decided.ack);
        decided.answer
    }

    /// Waits for everything that was decided so far.
    fn wait(&self) {
        let waited: Result<(), _> = self.promises.borrow().iter().try_for_each(|(_, ack)| ack.wait());
        if waited.is_err() {
            self.down.set(true);
        }
    }

    /// What may be relied on.
    fn kept(&self) -> Vec<Promise> {
        let promises = self.promises.borrow();
        promises
            .iter()
            .filter(|(_, ack)| matches!(ack.poll(), Some(Ok(()))))
            .map(|(promise, _)| *promise)
            .collect()
    }
}

/// A refusal that is remembered under its key.
fn remembered(refusal: &Refusal, patient: PatientKey, key: Option<IdempotencyKey>) -> Option<Promise> {
    let is_answer =
        ![Code::Waitlisted, Code::ConcurrentRequest, Code::IdempotencyConflict].contains(&refusal.code);
    key.filter(|_| is_answer).map(|key| Promise::Keyed(patient, key))
}

impl System for OnDisk {
    type Trace = Arc<Recorder>;

    fn engine(&self) -> &Engine<Arc<Recorder>> {
        self.registry.engine()
    }

    fn facts(&self) -> Option<Vec<Fact>> {
        None
    }

    fn is_down(&self) -> bool {
        self.down.get() || self.registry.journal().is_some_and(|journal| journal.failure().is_some())
    }

    fn publish(&self, plan: &Plan, at: Instant) -> Result<SessionId, PublishError> {
        match self.registry.publish(plan, at) {
            Ok(decided) => {
                self.promise(Some(Promise::Session(decided.answer)), decided.ack);
                Ok(decided.answer)
            }
            Err(Error::Names(_)) => self.engine().publish(plan, at),
            Err(_) => {
                self.down.set(true);
                Err(PublishError::Duplicate(String::new()))
            }
        }
    }

    fn issue_ticket(&self, ticket: &Ticket, at: Instant) -> Result<(), Refusal> {
        let decided = self.registry.issue_ticket(ticket, at).map_err(|_| self.fail())?;
        let promise = decided.answer.is_ok().then_some(Promise::Ticket(ticket.patient, ticket.id));
        self.promise(promise, decided.ack);
        decided.answer
    }

    fn hold(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.claimed(wish, self.registry.hold(wish, at))
    }

    fn book(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        self.claimed(wish, self.registry.book(wish, at))
    }

    fn confirm(&self, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        self.settled(settle, self.registry.confirm(settle, at))
    }

    fn cancel(&self, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        self.settled(settle, self.registry.cancel(settle, at))
    }

    fn tick(&self, at: Instant) -> u64 {
        let Ok(decided) = self.registry.tick(at) else {
            self.down.set(true);
            return 0;
        };
        decided.answer
    }
}

pub(super) fn run(seed: u64, bug: Option<Bug>, keep: Keep<'_>, tape: &mut Tape) -> Finding {
    let world = world(seed);
    let mut random = Random::new(seed, 5);
    let options = options(&mut random);
    let mut disk = SimDisk::new(random.any());
    let open = |disk: &SimDisk| -> Result<OnDisk, Error> {
        let shared: Arc<dyn Disk> = match bug {
            Some(Bug::UnsyncedAcknowledgement) => Arc::new(Lying(disk.clone())),
            _ => Arc::new(disk.clone()),
        };
        let registry = Registry::open_on(shared, options.clone())?;
        Ok(OnDisk { registry, down: Cell::new(false), promises: RefCell::default() })
    };
    let mut pair = Pair::on(open(&disk).map_err(|error| format!("an empty folder is not opened: {error}"))?);
    let mut now = world.start();
    let mut latest = now;
    let mut post = Post::default();
    pair.begin(&world)?;
    for (number, event) in steps(seed).iter().enumerate() {
        if !keep.has(number) {
            continue;
        }
        let mut crash = None;
        match *event {
            Event::Do(step, delivery, waits) => {
                now = time_of(step.clock, now, &pair.model);
                latest = latest.max(now);
                let command = resolve(step.action, &world, &pair.model, &pair.keyed, now);
                for command in post.due(number, delivery, command, tape) {
                    tape.totals.operations += 1;
                    tape.tell(|| format!("{number}: at {} {command:?}", now.ms()));
                    pair.run(&command, now)
                        .map_err(|found| format!("step {number}, {command:?} at {}: {found}", now.ms()))?;
                    if pair.system.is_down() {
                        break;
                    }
                }
                if waits && !pair.system.is_down() {
                    pair.system.wait();
                }
            }
            Event::Fault(faults) => {
                tape.totals.faults += 1;
                tape.tell(|| format!("{number}: the disk has {faults:?}"));
                disk.set_faults(faults);
            }
            Event::Snapshot => {
                tape.tell(|| format!("{number}: a snapshot"));
                // A disk that fails may fail here as well; the journal says whether it goes on.
                let _ = pair.system.registry.snapshot();
            }
            Event::Crash { seed, power } => crash = Some((seed, power)),
        }
        if pair.system.is_down() && crash.is_none() {
            crash = Some((random.any(), true));
        }
        if let Some((seed, power)) = crash {
            tape.totals.crashes += 1;
            tape.tell(|| format!("{number}: {}", if power { "the power fails" } else { "the process dies" }));
            let mut after = After { kept: pair.system.kept(), at: latest, bug, disk: &mut disk, tape };
            let (system, model) = after
                .restart(seed, power, &open)
                .map_err(|found| format!("after the crash in step {number}, at {}: {found}", now.ms()))?;
            let before = std::mem::take(&mut pair.model);
            pair.restarted(system, model);
            pair.begin(&world)?;
            say_again(&mut pair, &before)
                .map_err(|found| format!("after the crash in step {number}: {found}"))?;
            tape.totals.looks += 1;
            pair.look(now).map_err(|found| format!("after the crash in step {number}: {found}"))?;
        }
    }
    Ok(())
}

/// What the hospital has said of its blocks and of patients is not in the journal of an engine; it is said again.
fn say_again(pair: &mut Pair<OnDisk>, before: &Model) -> Finding {
    pair.model.say_again(before);
    let engine = pair.system.engine();
    let said = |refusal: Refusal| format!("the hospital is refused: {refusal:?}");
    for (slot, _) in crate::check::all_slots(&pair.model) {
        let (waiting, stopped) = pair.model.said(slot);
        engine.set_waiting(slot, waiting).map_err(said)?;
        engine.set_stopped(slot, stopped).map_err(said)?;
    }
    for (given_up, stays) in pair.model.merged() {
        engine.merge(*given_up, *stays, Instant::MIN).map_err(said)?;
        engine.suspend(*given_up, None).map_err(said)?;
    }
    for (patient, until) in pair.model.suspended() {
        let until = until.map(|second| Instant::saturating(second * 1_000));
        let suspension = until.map_or(Suspension::Blocked, Suspension::Until);
        engine.suspend(*patient, Some(suspension)).map_err(said)?;
    }
    Ok(())
}

/// A crash that is being recovered from.
struct After<'a> {
    kept: Vec<Promise>,
    at: Instant,
    bug: Option<Bug>,
    disk: &'a mut SimDisk,
    tape: &'a mut Tape,
}

impl After<'_> {
    /// Judges several states that the crash may have left, crashes some recoveries, and goes on from one.
    fn restart(
        &mut self,
        seed: u64,
        power: bool,
        open: &dyn Fn(&SimDisk) -> Result<OnDisk, Error>,
    ) -> Result<(OnDisk, Model), String> {
        let mut random = Random::new(seed, 6);
        let before = self.disk.clone();
        let mut next = if power { Self::state(&before, &mut random) } else { before.restart() };
        self.judge(&next)?;
        if power {
            for survival in [Survival::Nothing, Survival::Everything] {
                self.judge(&before.crash(survival))?;
            }
            for _ in 0..random.below(3) {
                self.judge(&Self::state(&before, &mut random))?;
            }
        }
        if let Some(bug) = self.bug {
            next = altered(bug, next)?;
            self.judge(&next)?;
        }
        // The recovery itself is not safe either.
        for _ in 0..random.below(3) {
            self.tape.totals.faults += 1;
            next.set_faults(fault(&mut random));
            let opened = open(&next);
            let left = next.crash(Survival::Some(random.any()));
            drop(opened);
            self.judge(&left)?;
            next = left;
        }
        next.set_faults(Faults::default());
        let system = open(&next).map_err(|error| format!("the folder is not opened again: {error}"))?;
        if let Some(journal) = system.registry.journal() {
            journal.flush().map_err(|error| format!("the journal does not go on: {error}"))?;
        }
        *self.disk = next;
        let (model, _) = self.retell()?;
        Ok((system, model))
    }

    /// One of the states that a power failure may leave.
    fn state(disk: &SimDisk, random: &mut Random) -> SimDisk {
        let torn = usize::try_from(random.below(disk.last_write() as u64 + 1)).unwrap_or(0);
        disk.crash(match random.below(8) {
            0 => Survival::Nothing,
            1 => Survival::Everything,
            2 => Survival::TornAfter(torn),
            3 => Survival::TornBefore(torn),
            _ => Survival::Some(random.any()),
        })
    }

    fn retell(&mut self) -> Result<(Model, Found), String> {
        let disk: Arc<dyn Disk> = Arc::new(self.disk.copy());
        let (model, found) = retell(&disk)?;
        self.tape.totals.retold += found.transitions.len() as u64;
        Ok((model, found))
    }

    /// What is on this disk, decided anew by the model; what was promised; what a recovery makes of it.
    fn judge(&mut self, disk: &SimDisk) -> Finding {
        self.tape.totals.crash_states += 1;
        let copy: Arc<dyn Disk> = Arc::new(disk.copy());
        let (model, found) = retell(&copy)?;
        self.tape.totals.retold += found.transitions.len() as u64;
        for promise in &self.kept {
            let is_kept = match *promise {
                Promise::Transition(booking, sequence) => found.transitions.contains(&(booking, sequence)),
                Promise::Keyed(patient, key) => model.is_keyed(patient, key),
                Promise::Ticket(patient, id) => {
                    model.tickets().iter().any(|ticket| (ticket.patient, ticket.id) == (patient, id))
                }
                Promise::Session(session) => session.index() < model.plans().count(),
            };
            if !is_kept {
                return Err(format!("{promise:?} was acknowledged and is lost"));
            }
        }
        for from in [From::Snapshot, From::Start] {
            let rebuilt = rebuild(&copy, from, Access::Read, Some(SNUG), &Refusals::All)
                .map_err(|error| format!("not recovered from {from:?}: {error}"))?;
            for at in [self.at, self.at.plus(DAY)] {
                alike(rebuilt.platform().engine(), &model, (0..PATIENTS).map(patient), at)
                    .map_err(|found| format!("recovered from {from:?}: {found}"))?;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
struct Found {
    transitions: BTreeSet<(BookingId, Sequence)>,
}

/// The model of what a journal says, each record decided anew.
fn retell(disk: &Arc<dyn Disk>) -> Result<(Model, Found), String> {
    let said = |error: haoyuan::journal::Error| error.to_string();
    let (mut model, mut found) = (Model::default(), Found::default());
    let mut assembler = Assembler::default();
    let mut recovery = Recovery::begin(Arc::clone(disk), From::Start, Access::Read).map_err(said)?;
    while let Some(recovered) = recovery.next().map_err(said)? {
        let entry = recovered.entry;
        match Record::decode(entry).map_err(|error| format!("{error:?}"))? {
            Record::Published(part) => {
                let whole = assembler.take(entry.kind, &part).map_err(|error| format!("{error:?}"))?;
                let Some(bytes) = whole else { continue };
                for session in Published::all_from_bytes(&bytes).map_err(|error| format!("{error:?}"))? {
                    if model.publish(&session.plan) != Ok(session.id) {
                        return Err(format!("the model publishes another session than {:?}", session.id));
                    }
                }
            }
            Record::Ticket { ticket, at, .. } => {
                model.issue_ticket(&ticket, at).map_err(|why| format!("{why:?} to {ticket:?}"))?;
            }
            Record::Transition(transition) => {
                let block = transition.booking.block();
                let slot =
                    slot_of(&model, transition.booking).ok_or_else(|| format!("no session has {block:?}"))?;
                let fact = transition.fact(slot);
                recorded::tell(&mut model, &fact)?;
                found.transitions.insert((fact.booking, fact.sequence));
            }
            Record::Resized(resizing) => {
                let tree = resizing.tree().map_err(|error| format!("{error:?}"))?;
                let slot = model.slot_of(resizing.block).ok_or("no session has the resized block")?;
                let sequence = model.resize(slot, &tree, resizing.at);
                if sequence != Ok(resizing.sequence) {
                    return Err(format!("the model resizes to {sequence:?}, not {:?}", resizing.sequence));
                }
            }
            Record::Refusal { command, .. } => match command {
                Asked::Hold(wish) => model.recorded_claim_refused(&wish, true),
                Asked::Book(wish) => model.recorded_claim_refused(&wish, false),
                Asked::Confirm(settle) => model.recorded_settle_answered(&settle, true),
                Asked::Cancel(settle) => model.recorded_settle_answered(&settle, false),
            },
            Record::Repeated { settle, .. } => model.recorded_settle_answered(&settle, true),
            _ => {}
        }
    }
    let report = recovery.finish().map_err(said)?.into_report();
    if !report.dangling.is_empty() {
        return Err(format!("{:?} follow a gap", report.dangling));
    }
    Ok((model, found))
}

/// The slot of a booking, by its block and its seat.
fn slot_of(model: &Model, booking: BookingId) -> Option<SlotRef> {
    let first = model.slot_of(booking.block())?;
    let plan = model.plans().nth(first.session.index())?;
    slots(plan).map(|slot| SlotRef { slot, ..first }).find(|slot| {
        let (from, seats) = model.seats(*slot);
        model.block(*slot) == booking.block() && (from..from + seats).contains(&booking.seat().get())
    })
}

// ---- planted bugs ----------------------------------------------------------------------------------------------------

/// The journal of a disk as a writer with a bug would have left it.
fn altered(bug: Bug, disk: SimDisk) -> Result<SimDisk, String> {
    let shared: Arc<dyn Disk> = Arc::new(disk.copy());
    let said = |error: haoyuan::journal::Error| error.to_string();
    let mut entries: Vec<Entry> = Vec::new();
    let mut recovery = Recovery::begin(shared, From::Start, Access::Read).map_err(said)?;
    while let Some(recovered) = recovery.next().map_err(said)? {
        entries.push(recovered.entry.to_owned());
    }
    let transitions: Vec<usize> =
        (0..entries.len()).filter(|place| entries[*place].kind == kind::TRANSITION).collect();
    match bug {
        Bug::JournalReordered => {
            let pair = transitions.windows(2).find(|pair| {
                let block = |place: usize| entries[place].place.map(|place| place.block);
                block(pair[0]) == block(pair[1])
            });
            let Some([first, second]) = pair.map(|pair| [pair[0], pair[1]]) else { return Ok(disk) };
            let places = (entries[first].place, entries[second].place);
            entries.swap(first, second);
            (entries[first].place, entries[second].place) = places;
        }
        Bug::RecordLost => {
            // Nothing of its block follows, so that the journal itself cannot notice.
            let block = |place: usize| entries[place].place.map(|place| place.block);
            let is_last =
                |place: &usize| (*place + 1..entries.len()).all(|later| block(later) != block(*place));
            let Some(last) = transitions.iter().copied().find(is_last) else { return Ok(disk) };
            entries.remove(last);
        }
        Bug::KeyForgottenByRestart => {
            entries.retain(|entry| ![kind::REFUSAL, kind::REPEATED].contains(&entry.kind));
        }
        _ => return Ok(disk),
    }
    let altered = SimDisk::new(0);
    let options = JournalOptions { threads: false, ..JournalOptions::default() };
    let journal = Journal::open(Arc::new(altered.clone()), options).map_err(said)?;
    for entry in entries {
        let _ = journal.append(entry);
    }
    // A writer that notices has been told of a gap, which is as good as having been caught.
    journal.close().map_err(said)?;
    Ok(altered)
}

/// A disk that says it has synced.
struct Lying(SimDisk);

struct LyingFile(Box<dyn File>);

impl Disk for Lying {
    fn lock(&self) -> io::Result<Box<dyn Lock>> {
        self.0.lock()
    }

    fn list(&self) -> io::Result<Vec<String>> {
        self.0.list()
    }

    fn open(&self, name: &str, write: bool) -> io::Result<Box<dyn File>> {
        self.0.open(name, write).map(|file| Box::new(LyingFile(file)) as Box<dyn File>)
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        self.0.create(name).map(|file| Box::new(LyingFile(file)) as Box<dyn File>)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.0.rename(from, to)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.remove(name)
    }

    fn sync_dir(&self) -> io::Result<()> {
        self.0.sync_dir()
    }

    fn name(&self) -> String {
        self.0.name()
    }
}

impl File for LyingFile {
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        self.0.read_at(offset, into)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.0.write_at(offset, bytes)
    }

    fn preallocate(&mut self, from: u64, to: u64) -> io::Result<()> {
        self.0.preallocate(from, to)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.0.truncate(length)
    }

    fn sync_data(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        self.0.len()
    }
}

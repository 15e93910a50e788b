//! The trace that writes the journal: every fact of the engine becomes an entry before the operation returns.
//!
//! INVARIANT (nothing unrecorded): once a journal is attached, every accepted transition, ticket, published session and act
//! of administration is appended; of refusals those that belong to the state always (they carry a key), the others by
//! choice.
//!
//! Before a journal is attached the recorder is silent: that is how a recovery replays through the same engine.

use crate::record::{
    Administered, DAY_PART_MAX, DayPart, PART_MAX, Part, Record, Resizing, Transition, kind, transition_entry,
};
use crate::state::{Beside, Published};
use haoyuan_core::ids::{NodeIndex, PatientKey, SessionId};
use haoyuan_core::instant::{Day, Instant, MINUTE};
use haoyuan_core::plan::{Blocks, Plan};
use haoyuan_core::pool::PoolTree;
use haoyuan_core::refusal::{Code, Refusal};
use haoyuan_core::request::{Settle, Settled, Ticket};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_engine::{Asked, Fact, Publication, Resized, Trace, Unnamed};
use haoyuan_journal::{Entry, Journal};
use haoyuan_platform::actor;
use parking_lot::Mutex;
use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// Which refusals are written, beside those that carry an idempotency key: these belong to the state and always are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Refusals {
    /// All.
    #[default]
    All,
    /// Those with one of these codes.
    ByReason(Vec<Code>),
    /// Counted per minute by code, class and channel. What a crash can cost is the counts of the minute in progress.
    PerMinute,
    /// None.
    None,
}

thread_local! {
    /// The ticket of the last entry that this thread appended since it began to listen.
    static LAST: Cell<Option<u64>> = const { Cell::new(None) };
    /// All of them, while somebody wants all.
    static EVERY: RefCell<Option<Vec<u64>>> = const { RefCell::new(None) };
}

/// Forgets what this thread appended before. `every`: keep the tickets of all entries from now on.
pub(crate) fn listen(every: bool) {
    LAST.set(None);
    EVERY.with_borrow_mut(|tickets| *tickets = every.then(Vec::new));
}

/// The ticket of the last entry that this thread appended.
pub(crate) fn heard() -> Option<u64> {
    LAST.get()
}

/// The tickets of all entries that this thread appended, if all were wanted.
pub(crate) fn heard_every() -> Vec<u64> {
    EVERY.with_borrow_mut(Option::take).unwrap_or_default()
}

/// The trace of a journaled engine.
pub struct Recorder {
    journal: OnceLock<Arc<Journal>>,
    wanted: Wanted,
    /// The number of the next batch. Parts of one batch must follow each other, so one is written at a time.
    next_batch: Mutex<u32>,
    /// How many policy commands were accepted.
    policies: AtomicU32,
    fences: Mutex<Fences>,
    /// The last place that a part of the hospital's day took.
    day: Mutex<u32>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("journal", &self.journal.get()).finish_non_exhaustive()
    }
}

enum Wanted {
    All,
    /// By the number of the code.
    Codes(Box<[bool]>),
    Counted(Box<Counts>),
    None,
}

/// How often each code was given in the minute in progress, by class and channel.
struct Counts {
    minute: AtomicU32,
    /// Where a code is in [`Code::ALL`], by its number.
    places: Box<[u8]>,
    table: Box<[AtomicU32]>,
    drain: Mutex<()>,
}

const ASKED: usize = 7 * 8 + 1;

/// A table by the numbers of codes: `otherwise`, but for these.
fn by_number<V: Copy>(otherwise: V, values: impl Iterator<Item = (Code, V)>) -> Box<[V]> {
    let most = Code::ALL.iter().map(|code| usize::from(code.number())).max().unwrap_or(0);
    let mut table = vec![otherwise; most + 1];
    for (code, value) in values {
        table[usize::from(code.number())] = value;
    }
    table.into()
}

impl Recorder {
    /// A recorder that is silent until a journal is attached.
    #[must_use]
    pub fn new(refusals: &Refusals) -> Self {
        let wanted = match refusals {
            Refusals::All => Wanted::All,
            Refusals::None => Wanted::None,
            Refusals::ByReason(codes) => {
                Wanted::Codes(by_number(false, codes.iter().map(|code| (*code, true))))
            }
            Refusals::PerMinute => Wanted::Counted(Box::new(Counts {
                minute: AtomicU32::new(0),
                places: by_number(0, Code::ALL.iter().copied().zip(0..)),
                table: (0..Code::ALL.len() * ASKED).map(|_| AtomicU32::new(0)).collect(),
                drain: Mutex::new(()),
            })),
        };
        Self {
            journal: OnceLock::new(),
            wanted,
            next_batch: Mutex::new(0),
            policies: AtomicU32::new(0),
            fences: Mutex::default(),
            day: Mutex::default(),
        }
    }

    /// From now on everything is written to this journal.
    pub(crate) fn attach(&self, journal: Arc<Journal>) {
        // Attached once, by whoever opened the journal.
        let _ = self.journal.set(journal);
    }

    pub(crate) fn journal(&self) -> Option<&Arc<Journal>> {
        self.journal.get()
    }

    fn append(journal: &Journal, entry: Entry) {
        let ticket = journal.append(entry).ticket();
        LAST.set(Some(ticket));
        EVERY.with_borrow_mut(|every| {
            if let Some(tickets) = every {
                tickets.push(ticket);
            }
        });
    }

    pub(crate) fn write(&self, record: &Record<'_>) {
        if let Some(journal) = self.journal.get() {
            Self::append(journal, record.to_entry());
        }
    }

    fn write_parts(&self, journal: &Journal, kind: u8, bytes: &[u8]) {
        let mut next = self.next_batch.lock();
        let batch = *next;
        *next = batch.wrapping_add(1);
        for part in cut(batch, bytes, PART_MAX) {
            let record =
                if kind == kind::PUBLISHED { Record::Published(part) } else { Record::Administered(part) };
            Self::append(journal, record.to_entry());
        }
    }

    /// A policy command was accepted, now or in a replay.
    fn count_policy(&self, word: &str) {
        if word == "policy" {
            // Relaxed: written under the host's administration lock.
            self.policies.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A part of the hospital's day took this place before the restart.
    pub(crate) fn day_passed(&self, sequence: u32) {
        *self.day.lock() = sequence;
    }

    /// These sessions are retired: what was remembered of their fences goes with them.
    pub(crate) fn forget(&self, sessions: &[SessionId]) {
        let mut fences = self.fences.lock();
        for session in sessions {
            fences.passed.remove(&session.get());
        }
        fences.ahead.retain(|Reverse((_, session, _))| !sessions.iter().any(|gone| gone.get() == *session));
    }

    /// The pools of a block of this session are others from now on; their fences may lie at other instants.
    pub(crate) fn fences_of(&self, session: SessionId, day: Day, tree: &PoolTree, at: Instant) {
        let mut falls = Falls::new();
        fall(&mut falls, tree, day.midnight());
        self.fences.lock().expect(session, &falls, at);
    }

    /// A fence was passed before the restart.
    pub(crate) fn passed(&self, session: SessionId, node: NodeIndex, at: Instant) {
        self.fences.lock().passed(session, node, at);
    }

    /// Writes the fences that were passed up to `at`, each once, in order of time; and the counts of earlier minutes. How many
    /// seats one gives to the public follows from `plan`, the session as it is now: its pools may have been changed since it was
    /// published.
    pub(crate) fn tick(&self, at: Instant, plan: impl Fn(SessionId) -> Option<Plan>) {
        let mut fences = self.fences.lock();
        while let Some((at, session, node)) = fences.next_due(at) {
            let plan = plan(session);
            let seats = plan.map_or(0, |plan| falls(&plan).get(&(at, node.get())).copied().unwrap_or(0));
            if seats > 0 {
                self.write(&Record::Fence { session, node, at, seats });
            }
        }
        drop(fences);
        if let Wanted::Counted(counts) = &self.wanted {
            let minute = minute_of(at);
            if counts.minute.load(Ordering::Relaxed) != minute {
                self.drain(counts, minute);
            }
        }
    }

    /// Writes the counts of the minute in progress.
    pub(crate) fn settle_counts(&self) {
        if let Wanted::Counted(counts) = &self.wanted {
            self.drain(counts, counts.minute.load(Ordering::Relaxed));
        }
    }

    pub(crate) fn beside(&self) -> Beside {
        let fences = self.fences.lock();
        Beside {
            policies: self.policies.load(Ordering::Relaxed),
            fences: fences.passed.iter().map(|(session, (at, node))| (*session, *at, *node)).collect(),
            day: *self.day.lock(),
        }
    }

    pub(crate) fn restore(&self, beside: Beside) {
        self.policies.store(beside.policies, Ordering::Relaxed);
        *self.day.lock() = beside.day;
        let mut fences = self.fences.lock();
        fences.passed = beside.fences.into_iter().map(|(session, at, node)| (session, (at, node))).collect();
    }

    /// Whether a refusal is written by itself; if it is to be counted, it is.
    fn wants(&self, code: Code, asked: Option<(Class, Channel)>, at: Instant) -> bool {
        match &self.wanted {
            Wanted::All => true,
            Wanted::None => false,
            Wanted::Codes(table) => table.get(usize::from(code.number())).copied().unwrap_or(false),
            Wanted::Counted(counts) => {
                self.count(counts, code, asked, at);
                false
            }
        }
    }

    fn count(&self, counts: &Counts, code: Code, asked: Option<(Class, Channel)>, at: Instant) {
        let minute = minute_of(at);
        // Relaxed: near the turn of a minute a refusal may count for either; none is lost.
        if counts.minute.load(Ordering::Relaxed) != minute {
            self.drain(counts, minute);
        }
        let place = usize::from(counts.places[usize::from(code.number())]);
        let asked = asked.map_or(ASKED - 1, |(class, channel)| {
            usize::from(class.number()) * 8 + usize::from(channel.number())
        });
        counts.table[place * ASKED + asked].fetch_add(1, Ordering::Relaxed);
    }

    fn drain(&self, counts: &Counts, next: u32) {
        let _one = counts.drain.lock();
        let minute = counts.minute.swap(next, Ordering::Relaxed);
        for (number, count) in counts.table.iter().enumerate() {
            if count.load(Ordering::Relaxed) == 0 {
                continue;
            }
            let count = count.swap(0, Ordering::Relaxed);
            let asked = u8::try_from(number % ASKED).unwrap_or(0);
            let asked = Class::from_number(asked / 8).zip(Channel::from_number(asked % 8));
            self.write(&Record::RefusedCount { minute, code: Code::ALL[number / ASKED], asked, count });
        }
    }
}

/// A whole, cut into parts of at most `most` bytes. A line of the command language is shorter than 65,535 parts; a plan and an
/// event much more so.
fn cut(batch: u32, bytes: &[u8], most: usize) -> impl Iterator<Item = Part<'_>> {
    let parts = u16::try_from(bytes.len().div_ceil(most).max(1)).unwrap_or(u16::MAX);
    (0..parts).map(move |part| {
        let from = usize::from(part) * most;
        Part { batch, part, parts, bytes: &bytes[from..bytes.len().min(from + most)] }
    })
}

fn minute_of(at: Instant) -> u32 {
    // 42 bits of milliseconds are fewer than 2^27 minutes.
    u32::try_from(at.ms() / MINUTE).unwrap_or(u32::MAX)
}

impl Trace for Recorder {
    fn record(&self, fact: &Fact) {
        if let Some(journal) = self.journal.get() {
            Self::append(journal, transition_entry(&Transition::new(fact, actor::current())));
        }
    }

    fn refused(&self, asked: Asked<'_>, refusal: &Refusal, at: Instant) {
        if self.journal.get().is_none() {
            return;
        }
        let (key, by) = match asked {
            Asked::Hold(wish) | Asked::Book(wish) => (wish.key, Some((wish.class, wish.channel))),
            Asked::Confirm(settle) | Asked::Cancel(settle) => (settle.key, None),
        };
        if self.wants(refusal.code, by, at) || key.is_some() {
            let actor = actor::current();
            self.write(&Record::Refusal { command: asked.into(), refusal: *refusal, at, actor });
        }
    }

    fn unnamed(&self, claim: &Unnamed<'_>, at: Instant) {
        if self.journal.get().is_some() && self.wants(claim.code, Some((claim.class, claim.channel)), at) {
            self.write(&Record::Unnamed { claim: *claim, at, actor: actor::current() });
        }
    }

    fn repeated(&self, settle: &Settle, settled: &Settled, at: Instant) {
        self.write(&Record::Repeated { settle: *settle, settled: *settled, at, actor: actor::current() });
    }

    fn ticket(&self, ticket: &Ticket, at: Instant) {
        self.write(&Record::Ticket { ticket: *ticket, at, actor: actor::current() });
    }

    fn ticket_refused(&self, ticket: &Ticket, code: Code, at: Instant) {
        if self.journal.get().is_some() && self.wants(code, None, at) {
            self.write(&Record::TicketRefused { ticket: *ticket, code, at, actor: actor::current() });
        }
    }

    fn published(&self, sessions: &[Publication<'_>], at: Instant) {
        let mut fences = self.fences.lock();
        for session in sessions {
            fences.expect(session.id, &falls(session.plan), at);
        }
        drop(fences);
        if let Some(journal) = self.journal.get() {
            let (policies, actor) = (self.policies.load(Ordering::Relaxed), actor::current());
            let published: Vec<Published> = (sessions.iter())
                .map(|Publication { id, plan, books }| {
                    let (plan, books) = (Plan::clone(plan), (*books).to_owned());
                    Published { at, id: *id, policies, actor, plan, books }
                })
                .collect();
            // One batch, whole or not there: a crash leaves no part of a roster published.
            self.write_parts(journal, kind::PUBLISHED, &Published::all_to_bytes(&published));
        }
    }

    fn retired(&self, sessions: &[SessionId], at: Instant) {
        self.forget(sessions);
        for session in sessions {
            self.write(&Record::Retired { session: *session, at, actor: actor::current() });
        }
    }

    fn administered(&self, word: &str, command: &str, at: Instant) {
        self.count_policy(word);
        if let Some(journal) = self.journal.get() {
            let administered = Administered { at, actor: actor::current(), command: command.to_owned() };
            self.write_parts(journal, kind::ADMINISTERED, &administered.to_bytes());
        }
    }

    fn resized(&self, resized: &Resized, tree: &PoolTree, at: Instant) {
        let Resized { block, sequence, session, day, .. } = *resized;
        self.fences_of(session, day, tree, at);
        let packed = Resizing::pack(tree);
        let actor = actor::current();
        self.write(&Record::Resized(Resizing { block, sequence, at, actor, packed: &packed }));
    }

    fn day(&self, number: u32, event: &str, patient: Option<PatientKey>, at: Instant) {
        let Some(journal) = self.journal.get() else { return };
        let actor = actor::current();
        // One event at a time, so that the parts of each follow each other in the order of the day.
        let mut last = self.day.lock();
        for part in cut(number, event.as_bytes(), DAY_PART_MAX) {
            *last += 1;
            let day = DayPart { sequence: *last, patient, at, actor, part };
            Self::append(journal, Record::Day(day).to_entry());
        }
    }
}

/// How many seats fall to the parent of a pool, by instant and pool.
type Falls = BTreeMap<(Instant, u8), u32>;

/// Every fence of a session.
fn falls(plan: &Plan) -> Falls {
    let trees = match &plan.blocks {
        Blocks::PerSlot(trees) => trees.as_slice(),
        Blocks::WholeSession(tree) => std::slice::from_ref(tree),
    };
    let mut falls = Falls::new();
    for tree in trees {
        fall(&mut falls, tree, plan.session.origin());
    }
    falls
}

fn fall(falls: &mut Falls, tree: &PoolTree, origin: Instant) {
    for (node, index) in tree.nodes().iter().zip(NodeIndex::all()) {
        let mut before = node.guarantee;
        for fence in &node.fences {
            let seats = u32::from(before.saturating_sub(fence.seats));
            *falls.entry((origin.plus(fence.from), index.get())).or_default() += seats;
            before = fence.seats;
        }
    }
}

/// The fences that lie ahead, and the last one passed of each session.
#[derive(Default)]
struct Fences {
    ahead: BinaryHeap<Reverse<(Instant, u32, u8)>>,
    passed: BTreeMap<u32, (Instant, u8)>,
}

impl Fences {
    /// Fences that lie ahead at `at`; one that had been passed when it was made was never in force.
    fn expect(&mut self, id: SessionId, falls: &Falls, at: Instant) {
        let ahead = falls.iter().filter(|((fence, _), seats)| *fence > at && **seats > 0);
        self.ahead.extend(ahead.map(|((at, node), _)| Reverse((*at, id.get(), *node))));
    }

    fn passed(&mut self, session: SessionId, node: NodeIndex, at: Instant) {
        let last = self.passed.entry(session.get()).or_insert((at, node.get()));
        *last = (*last).max((at, node.get()));
    }

    fn next_due(&mut self, now: Instant) -> Option<(Instant, SessionId, NodeIndex)> {
        loop {
            let Reverse((at, session, node)) = *self.ahead.peek()?;
            if at > now {
                return None;
            }
            self.ahead.pop();
            if self.passed.get(&session).is_some_and(|last| *last >= (at, node)) {
                continue;
            }
            let (session, node) = (SessionId::new(session)?, NodeIndex::new(node)?);
            self.passed(session, node, at);
            return Some((at, session, node));
        }
    }
}

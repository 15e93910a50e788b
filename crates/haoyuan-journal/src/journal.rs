//! The writer: entries go in from any thread, groups of them go to disk, receipts come true.
//!
//! Invariant: a receipt says durable only after the sync that covered its record returned; after the first failure no
//! further receipt does, and nothing is ever synced again.
//!
//! Two locks make a relay. Whoever holds the *keeper* takes entries from the queue, orders and encodes them, and seals
//! groups; whoever holds the *tail* writes and syncs them, one at a time and in the order in which they were sealed. So
//! the next group is being encoded while the last is being synced. The journal's two threads run the relay; a caller
//! that waits for its receipt runs it itself when nobody else does, so that one caller alone pays for no change of
//! threads.

use crate::disk::{Disk, File, Lock, write_all};
use crate::entry::{Entry, EntryRef, Place};
use crate::error::Error;
use crate::format::{
    self, COMMIT, Commit, GROUP_MAX, HEADER, RECORD_MAX, SegmentHeader, encode_item, encode_record,
    segment_name,
};
use crate::frontier::Frontier;
use crate::hash::{HashKind, Hasher, Head};
use crate::heads::SegmentHead;
use crate::order::{Item, Order, ROOM};
use crate::prepare::{self, Prepared};
use crate::reader::Position;
use crate::recovery::{Access, Finished, From, Recovery};
use crate::snapshot;
use crossbeam_queue::ArrayQueue;
use crossbeam_utils::{Backoff, CachePadded};
use haoyuan_core::said::Phrase;
use parking_lot::{Mutex, MutexGuard};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// When records are synced. The third mode, no journal at all, is the host's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The host acknowledges when the entry is queued. What a crash can cost is bounded: entries of the last `window`
    /// (plus the time the disk takes for two groups), and no more than `records` of them (plus one for each thread that
    /// appends).
    Async {
        /// The loss window in time.
        window: Duration,
        /// The loss window in records.
        records: u32,
    },
    /// The host acknowledges when the receipt says durable.
    Synced {
        /// How long an entry whose receipt nobody waits for may stay in memory for company. A receipt that is waited
        /// for, or has a callback, waits only for those who were answered a moment ago, at most half of a sync and no
        /// longer than this.
        max_delay: Duration,
    },
}

/// How a journal is written. Nothing of it changes what can be read.
#[derive(Clone, Debug)]
pub struct Options {
    /// When records are synced.
    pub mode: Mode,
    /// The hash of the chain. Another one than that of the last segment begins a new segment; `None` goes on with that one,
    /// and begins a new journal with BLAKE3.
    pub hash: Option<HashKind>,
    /// The shard, written into every segment.
    pub shard: u64,
    /// A segment is closed before it grows beyond this.
    pub segment_bytes: u64,
    /// How far ahead of the last group a segment is filled with zeros, so that a commit changes no metadata.
    pub preallocate: u64,
    /// A group is closed when its records take this many bytes.
    pub group_bytes: usize,
    /// How many entries the queue takes before callers wait.
    pub queue: usize,
    /// How many entries may be held back before callers wait.
    pub held_back: usize,
    /// How long a record may wait for its block's predecessor. A predecessor that never comes means that a thread died
    /// between deciding and appending: the journal fails rather than wait for ever.
    pub predecessor_wait: Duration,
    /// Whether the journal has threads of its own. Without, groups are written by whoever waits or flushes: for tests
    /// that must repeat exactly, and for targets without threads.
    pub threads: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::Synced { max_delay: Duration::from_millis(2) },
            hash: None,
            shard: 0,
            segment_bytes: 64 << 20,
            preallocate: 1 << 20,
            group_bytes: 1 << 20,
            queue: 1 << 15,
            held_back: 1 << 16,
            predecessor_wait: Duration::from_secs(10),
            threads: true,
        }
    }
}

impl Options {
    fn check(&self) -> Result<(), Error> {
        let wrong = |name, reason| Err(Error::Option { name, reason });
        if self.segment_bytes < (HEADER + COMMIT + format::PREFIX) as u64 {
            return wrong(
                "segment_bytes",
                Phrase::new("is too small for a single record", "过小,放不下一条记录"),
            );
        }
        if self.group_bytes == 0 || self.group_bytes > GROUP_MAX - RECORD_MAX - COMMIT {
            return wrong(
                "group_bytes",
                Phrase::new(
                    "must be between 1 and 16 MiB less one record",
                    "须在 1 与 16 MiB 减一条记录之间",
                ),
            );
        }
        if self.queue == 0 || self.queue > 1 << 24 {
            return wrong(
                "queue",
                Phrase::new("must be between 1 and 16,777,216", "须在 1 与 16,777,216 之间"),
            );
        }
        if let Mode::Async { window, records } = self.mode {
            if records < 32 {
                return wrong(
                    "mode",
                    Phrase::new("needs a loss window of at least 32 records", "的丢失窗口至少为 32 条记录"),
                );
            }
            if window < Duration::from_millis(1) {
                return wrong(
                    "mode",
                    Phrase::new(
                        "needs a loss window of at least 1 ms; choose `Synced` to lose nothing",
                        "的丢失窗口至少为 1 毫秒;若不容丢失,请选 `Synced`",
                    ),
                );
            }
        }
        Ok(())
    }

    fn queue_capacity(&self) -> usize {
        match self.mode {
            Mode::Async { records, .. } => self.queue.min(records as usize / 2),
            Mode::Synced { .. } => self.queue,
        }
    }

    fn held_back_capacity(&self) -> usize {
        match self.mode {
            Mode::Async { records, .. } => self.held_back.min(records as usize / 4),
            Mode::Synced { .. } => self.held_back,
        }
    }

    /// Four groups can be on their way at once: collected, sealed twice, written.
    fn group_records(&self) -> usize {
        match self.mode {
            Mode::Async { records, .. } => records as usize / 16,
            Mode::Synced { .. } => u32::MAX as usize,
        }
    }

    /// How long a record may lie in a group that nobody waits for.
    fn delay(&self) -> Duration {
        match self.mode {
            Mode::Async { window, .. } => window / 2,
            Mode::Synced { max_delay } => max_delay,
        }
    }

    /// How often the threads look by themselves.
    fn tick(&self) -> Duration {
        self.delay().clamp(Duration::from_micros(500), Duration::from_millis(50))
    }
}

/// What the journal did so far, and what is on its way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Durable records written since the start.
    pub records: u64,
    /// Groups they were written in.
    pub groups: u64,
    /// Bytes of these groups, commit blocks included.
    pub bytes: u64,
    /// Syncs of data.
    pub syncs: u64,
    /// Segments begun since the start.
    pub segments: u64,
    /// Entries held back now.
    pub held_back: u64,
    /// The most that were ever held back.
    pub held_back_max: u64,
    /// Entries in the queue now.
    pub queued: u64,
}

const OPEN: u8 = 0;
const CLOSED: u8 = 1;
const POISONED: u8 = 2;

/// The journal's thread that prepares segments.
const PREPARES: usize = 2;

/// A ticket that never comes true: the entry was not taken.
const NO_TICKET: u64 = u64::MAX;

/// Records, sealed or being collected.
struct Group {
    bytes: Vec<u8>,
    tickets: Vec<u64>,
    opened: Option<Instant>,
    /// The segment that begins with this group.
    begins: Option<SegmentHeader>,
    /// Where in its segment it goes.
    offset: u64,
    /// Where the next group begins.
    after: Position,
}

impl Group {
    fn new(after: Position) -> Self {
        Self { bytes: Vec::new(), tickets: Vec::new(), opened: None, begins: None, offset: 0, after }
    }
}

/// Takes entries from the queue, orders them, seals groups.
struct Keeper {
    order: Order,
    group: Group,
    /// Released, but the group was full.
    ready: VecDeque<Item>,
    /// Where the next group begins.
    position: Position,
    /// The hash of the group so far, from the head before it on: `hashed` of its bytes are in it.
    chain: Hasher,
    hashed: usize,
    salt: u32,
    group_bytes: usize,
    group_records: usize,
    segment_bytes: u64,
    /// Up to where the segment needs no more space, as far as the keeper knows.
    room: u64,
    preallocate: u64,
    hash: HashKind,
    shard: u64,
    /// When it was last asked whether a predecessor is missing.
    checked: Instant,
}

impl Keeper {
    fn is_full(&self) -> bool {
        is_full(&self.group, self.group_bytes, self.group_records)
    }

    /// Takes what is in the queue, until the group is full or has grown by as much as is worth a write.
    fn fill(&mut self, shared: &Shared) -> Result<(), Error> {
        let enough = self.group.bytes.len() + WORTH;
        while !self.is_full() {
            let Some(item) = self.ready.pop_front() else { break };
            put(&mut self.group, &item);
        }
        if self.ready.is_empty() && self.ready.capacity() > 2 * ROOM {
            self.ready.shrink_to(ROOM);
        }
        while !self.is_full() && self.group.bytes.len() < enough {
            let Some(item) = shared.queue.pop() else { break };
            let Self { order, group, ready, group_bytes, group_records, .. } = self;
            order.admit(item, &mut |item: Item| {
                if ready.is_empty() && !is_full(group, *group_bytes, *group_records) {
                    put(group, &item);
                } else {
                    ready.push_back(item);
                }
            })?;
        }
        self.hash_ahead();
        shared.held_back.store(self.order.held(), Ordering::Relaxed);
        shared.held_back_max.store(self.order.held_max(), Ordering::Relaxed);
        // Relaxed: a caller that reads the old value appends one entry more or less before it waits.
        let crowded = self.order.held() + self.ready.len() >= shared.held_back_limit;
        if shared.crowded.load(Ordering::Relaxed) != crowded {
            shared.crowded.store(crowded, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Hashes what has come in whole steps, while the disk has something else to do: what is left for the moment in which
    /// the disk waits for this group is short.
    fn hash_ahead(&mut self) {
        // The head before the group is hashed first; counting it in keeps the steps whole for the hash.
        let whole = (size_of::<Head>() + self.group.bytes.len()) / HASH_STEP * HASH_STEP;
        if whole > size_of::<Head>() + self.hashed {
            let to = whole - size_of::<Head>();
            self.chain.update(&self.group.bytes[self.hashed..to]);
            self.hashed = to;
        }
    }

    /// Begins the hash of the group that is collected, after the head where it goes.
    fn begin_chain(&mut self) {
        self.chain = self.hash.begin();
        self.chain.update(&self.position.head.0);
        self.hashed = 0;
    }

    /// Closes the group with its commit block. It begins a segment if it does not fit into this one, or if it would make
    /// this one grow while a whole one is `prepared`.
    fn seal(&mut self, spare: Option<Group>, prepared: &Mutex<Option<Prepared>>) -> Group {
        let next = spare.unwrap_or_else(|| Group::new(self.position));
        let mut group = std::mem::replace(&mut self.group, next);
        let length = (group.bytes.len() + COMMIT) as u64;
        let end = self.position.offset + length;
        if self.position.offset > HEADER as u64 && end > self.room {
            let is_prepared = prepared.lock().is_some();
            if is_prepared || end > self.segment_bytes {
                // The group follows the new header, and not the group that it was begun after.
                group.begins = Some(self.next_segment());
                let ahead = if is_prepared { self.segment_bytes } else { HEADER as u64 + self.preallocate };
                self.room = ahead.min(self.segment_bytes);
            }
        }
        let mut commit = Commit {
            first_record: self.position.record,
            count: u32::try_from(group.tickets.len())
                .expect("a group is closed before it has so many records"),
            bytes: u32::try_from(group.bytes.len()).expect("a group is no longer than `GROUP_MAX`"),
            group: self.position.group,
            head: Head::default(),
        };
        self.chain.update(&group.bytes[self.hashed..]);
        self.chain.update(&commit.covered());
        commit.head = self.chain.finish();
        group.bytes.extend_from_slice(&commit.encode(self.salt));
        group.offset = self.position.offset;
        self.position.offset += length;
        self.position.record += u64::from(commit.count);
        self.position.group += 1;
        self.position.head = commit.head;
        self.begin_chain();
        group.after = self.position;
        group
    }

    /// Moves the position into a new segment.
    fn next_segment(&mut self) -> SegmentHeader {
        let header = SegmentHeader {
            hash: self.hash,
            shard: self.shard,
            segment: self
                .position
                .segment
                .checked_add(1)
                .expect("four thousand million segments are never reached"),
            first_record: self.position.record,
            first_group: self.position.group,
            previous: self.position.head,
        };
        self.position.segment = header.segment;
        self.position.offset = HEADER as u64;
        self.position.head = header.head();
        self.salt = format::salt(&self.position.head);
        self.begin_chain();
        header
    }
}

fn is_full(group: &Group, bytes: usize, records: usize) -> bool {
    group.bytes.len() >= bytes || group.tickets.len() >= records
}

#[inline]
fn put(group: &mut Group, item: &Item) {
    if group.tickets.is_empty() {
        group.opened = Some(Instant::now());
    }
    encode_item(&mut group.bytes, item);
    group.tickets.push(item.ticket);
}

/// How far it is settled, if it is up to here and for those that came before their turn.
fn catch_up(early: &mut BinaryHeap<Reverse<u64>>, mut settled: u64) -> u64 {
    while early.peek().is_some_and(|Reverse(ticket)| *ticket == settled + 1) {
        early.pop();
        settled += 1;
    }
    settled
}

/// A group of more than this part of what is preallocated at a time is large.
const LARGE: u64 = 4;

/// A segment that had to grow so often is better left for a whole one: until then the journal may be one of a few records.
const GROWTHS: u32 = 2;

/// So many sealed groups may wait for the disk.
const SEALED_MAX: usize = 2;

/// So many bytes are hashed at a time: sixteen chunks of BLAKE3, as many as the widest processors take at once.
const HASH_STEP: usize = 16 << 10;

/// So many bytes of records are worth a write of their own when the disk has nothing else to do.
const WORTH: usize = 64 << 10;

/// Writes and syncs groups.
struct Tail {
    disk: Arc<dyn Disk>,
    lock: Option<Box<dyn Lock>>,
    file: Option<Box<dyn File>>,
    name: String,
    /// Up to where the file is written, zeros included.
    allocated: u64,
    /// How often this segment had to grow.
    growths: u32,
    preallocate: u64,
    segment_bytes: u64,
    /// Up to where the journal is durable.
    durable: Position,
    /// The next segment, if it was prepared.
    prepared: Arc<Mutex<Option<Prepared>>>,
    /// Tickets that came true before an earlier one did.
    early: BinaryHeap<Reverse<u64>>,
    company: Company,
}

/// Whom a group waits for: those whose receipts came true with the last one, because who decides one thing after the
/// other comes back at once. Without it the callers of a busy journal fall into two parties, each of which waits for
/// the other's sync as well as its own.
///
/// It costs at most half of a sync, and where they do not come it is tried ever more seldom.
#[derive(Debug, Default)]
struct Company {
    /// Records of the last group.
    last: usize,
    /// Until when those of the last group are waited for.
    until: Option<Instant>,
    /// How often in a row they did not come.
    alone: u32,
    /// How many groups go without waiting for that.
    skip: u32,
}

impl Company {
    /// A group became durable at `now`, `took` after its write began.
    fn learn(&mut self, records: usize, now: Instant, took: Duration) {
        self.last = records;
        self.until = Some(now + took / 2);
    }

    /// How many records to wait for with `own` there already, and until when. `contended`: the last group was being written
    /// when these came, so they are none of its.
    fn expect(&mut self, own: usize, contended: bool, now: Instant) -> Option<(usize, Instant)> {
        let until = self.until?;
        let expected = if contended { self.last + own } else { self.last };
        if own >= expected || now >= until {
            return None;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return None;
        }
        Some((expected, until))
    }

    /// Whether they came.
    fn judge(&mut self, came: bool) {
        self.alone = if came { 0 } else { (self.alone + 1).min(6) };
        self.skip = if came { 0 } else { 1 << self.alone };
    }
}

impl Tail {
    /// One data write and one sync. After an error nothing may be believed, and the tail is not used again.
    fn commit(&mut self, group: &Group) -> Result<(), Error> {
        if let Some(header) = &group.begins {
            self.begin(header)?;
        }
        let end = group.offset + group.bytes.len() as u64;
        let file = self.file.as_mut().expect("a segment is open while the journal is");
        if end > self.allocated {
            // A large group pays for its own metadata: zeros first would write everything twice.
            let ahead =
                if group.bytes.len() as u64 * LARGE > self.preallocate { 0 } else { self.preallocate };
            let to = (self.allocated + ahead).min(self.segment_bytes).max(end);
            if to > end {
                file.preallocate(self.allocated, to).map_err(Error::medium("preallocate", &self.name))?;
            }
            self.allocated = to;
            self.growths += 1;
        }
        let began = Instant::now();
        write_all(&mut **file, group.offset, &group.bytes).map_err(Error::medium("write", &self.name))?;
        file.sync_data().map_err(Error::medium("sync", &self.name))?;
        let synced = Instant::now();
        self.company.learn(group.tickets.len(), synced, synced - began);
        self.durable = group.after;
        Ok(())
    }

    /// A new segment: it gets its name only when its header is durable, and is used only when its name is.
    fn begin(&mut self, header: &SegmentHeader) -> Result<(), Error> {
        self.trim()?;
        let name = segment_name(header.segment);
        let prepared = self.prepared.lock().take();
        let (temporary, mut file, allocated) = if let Some(Prepared { file, length }) = prepared {
            (prepare::NAME.to_owned(), file, length)
        } else {
            let temporary = format!("{name}.tmp");
            let mut file = self.disk.create(&temporary).map_err(Error::medium("create", &temporary))?;
            let allocated = (HEADER as u64 + self.preallocate).min(self.segment_bytes).max(HEADER as u64);
            file.preallocate(0, allocated).map_err(Error::medium("preallocate", &temporary))?;
            (temporary, file, allocated)
        };
        write_all(&mut *file, 0, &header.encode()).map_err(Error::medium("write", &temporary))?;
        file.sync_data().map_err(Error::medium("sync", &temporary))?;
        self.disk.rename(&temporary, &name).map_err(Error::medium("rename", &temporary))?;
        self.disk.sync_dir().map_err(Error::medium("sync", &self.disk.name()))?;
        self.file = Some(file);
        self.name = name;
        self.allocated = allocated;
        self.growths = 0;
        Ok(())
    }

    /// Gives back what was preallocated and not used. It need not be durable: zeros at the end mean nothing.
    fn trim(&mut self) -> Result<(), Error> {
        if let Some(file) = &mut self.file {
            if self.allocated > self.durable.offset {
                file.truncate(self.durable.offset).map_err(Error::medium("truncate", &self.name))?;
                self.allocated = self.durable.offset;
            }
        }
        Ok(())
    }
}

type Callback = Box<dyn FnOnce(Result<(), Error>) + Send>;

enum Notify {
    Thread(Thread),
    Callback(Callback),
}

struct Waiter {
    ticket: u64,
    notify: Notify,
}

struct Shared {
    queue: ArrayQueue<Item>,
    /// Written by every append: the number of the last ticket given out.
    tickets: CachePadded<AtomicU64>,
    /// OPEN until closed or poisoned. Written under the lock of `waiters`; Release/Acquire with `cause`.
    state: CachePadded<AtomicU8>,
    /// So many entries are held back that callers should wait. Written by the keeper.
    crowded: AtomicBool,
    held_back_limit: usize,
    /// Slot `ticket & mask` has the ticket that came true last there. Written by the holder of the tail, read by
    /// receipts. A slot can be taken over by a later ticket; then `settled` answers for the earlier one.
    done: Box<[AtomicU64]>,
    mask: u64,
    /// All tickets up to this one came true or were given back. Written by the holder of the tail.
    settled: CachePadded<AtomicU64>,
    /// Tickets that were taken for entries which the queue then refused.
    returned: Mutex<Vec<u64>>,
    cause: OnceLock<Arc<Error>>,
    keeper: Mutex<Keeper>,
    tail: Mutex<Tail>,
    /// Groups that wait for the tail, in order. Pushed by the holder of the keeper, popped by the holder of the tail.
    sealed: Mutex<VecDeque<Group>>,
    /// Groups whose memory can be used again: as many as are ever on their way at once.
    spare: Mutex<Vec<Group>>,
    waiters: Mutex<Vec<Waiter>>,
    /// How many there are: a hint for the keeper.
    waiting: AtomicUsize,
    /// The journal's threads (two run the relay, one prepares segments), and whether each is asleep.
    threads: OnceLock<[Thread; 3]>,
    asleep: [AtomicBool; 3],
    /// The same as the tail's.
    prepared: Arc<Mutex<Option<Prepared>>>,
    /// Where in a segment the next one should be prepared; never without threads or for short segments.
    prepare_at: u64,
    /// Set by the holder of the tail, taken back by the thread that prepares.
    prepare: AtomicBool,
    delay: Duration,
    tick: Duration,
    predecessor_wait: Duration,
    records: AtomicU64,
    groups: AtomicU64,
    bytes: AtomicU64,
    syncs: AtomicU64,
    segments: AtomicU64,
    held_back: AtomicUsize,
    held_back_max: AtomicUsize,
}

/// What one turn of the relay did.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// A group became durable.
    Committed,
    /// There was nothing that had to be written yet.
    Idle,
    /// The journal failed, now or earlier.
    Failed,
}

impl Shared {
    /// `None` while it is open.
    fn failure(&self) -> Option<Error> {
        // Acquire: pairs with the Release of `poison`, so that the cause is there.
        match self.state.load(Ordering::Acquire) {
            OPEN => None,
            CLOSED => Some(Error::Closed),
            _ => Some(Error::Poisoned { cause: Arc::clone(self.cause.get().expect("set before the state")) }),
        }
    }

    fn is_done(&self, ticket: u64) -> bool {
        // No ticket is 0: that is what the slots begin with.
        if ticket == 0 || ticket == NO_TICKET {
            return false;
        }
        // Acquire: whoever sees the ticket sees what its holder of the tail did before.
        let slot = usize::try_from(ticket & self.mask).expect("the mask is an index");
        self.settled.load(Ordering::Acquire) >= ticket || self.done[slot].load(Ordering::Acquire) == ticket
    }

    fn outcome(&self, ticket: u64) -> Option<Result<(), Error>> {
        // The state first: a ticket that came true before the failure is true.
        let failure = self.failure();
        if self.is_done(ticket) { Some(Ok(())) } else { failure.map(Err) }
    }

    /// One turn: collect, and if it is time (or `now` says so) write and sync.
    fn turn(&self, mut keeper: MutexGuard<'_, Keeper>, now: bool) -> Turn {
        if self.failure().is_some() {
            // Callers may be waiting for room.
            while self.queue.pop().is_some() {}
            return Turn::Failed;
        }
        let mut contended = false;
        loop {
            if let Err(error) = keeper.fill(self).and_then(|()| self.check_held_back(&mut keeper)) {
                return self.fail(keeper, error);
            }
            let is_full = keeper.is_full();
            let waited_for = now || self.waiting.load(Ordering::Relaxed) > 0;
            let wanted = is_full
                || keeper.group.bytes.len() >= WORTH
                || !keeper.group.tickets.is_empty()
                    && (waited_for
                        || keeper.group.opened.is_none_or(|opened| opened.elapsed() >= self.delay));
            if !wanted {
                drop(keeper);
                // A group that was sealed while the disk was busy may have been left.
                return self.tail.try_lock().map_or(Turn::Idle, |tail| self.commit_sealed(tail));
            }
            // While another group is being synced, this one grows; when it is full, the next one begins.
            let patience = if self.queue.is_empty() { Duration::from_micros(30) } else { Duration::ZERO };
            let mut tail = self.tail.try_lock();
            contended |= tail.is_none();
            if tail.is_none() && !is_full {
                tail = self.tail.try_lock_for(patience);
            }
            if let Some(mut tail) = tail {
                if waited_for && !is_full {
                    if let Err(error) = self.gather(&mut keeper, &mut tail.company, contended) {
                        drop(tail);
                        return self.fail(keeper, error);
                    }
                }
                self.seal(&mut keeper);
                drop(keeper);
                return self.commit_sealed(tail);
            }
            if is_full {
                if self.sealed.lock().len() < SEALED_MAX {
                    self.seal(&mut keeper);
                } else {
                    drop(keeper);
                    return self.commit_sealed(self.tail.lock());
                }
            }
        }
    }

    /// Nothing goes on after this.
    fn fail(&self, keeper: MutexGuard<'_, Keeper>, error: Error) -> Turn {
        self.poison(error);
        drop(keeper);
        self.announce();
        Turn::Failed
    }

    /// Waits a moment for those who are expected, and takes what comes.
    fn gather(&self, keeper: &mut Keeper, company: &mut Company, contended: bool) -> Result<(), Error> {
        // Without threads of its own a journal does what it is told, when it is told.
        if self.threads.get().is_none() {
            return Ok(());
        }
        let own = keeper.group.tickets.len();
        let now = Instant::now();
        let Some((expected, until)) = company.expect(own, contended, now) else { return Ok(()) };
        // A sync that stalled says nothing about the next one.
        let until = until.min(now + self.delay);
        loop {
            keeper.fill(self)?;
            let came = keeper.group.tickets.len() >= expected;
            if came || keeper.is_full() || Instant::now() >= until {
                company.judge(came);
                return Ok(());
            }
            thread::yield_now();
        }
    }

    /// Seals the keeper's group; the next holder of the tail writes it. In order, because the keeper is held.
    fn seal(&self, keeper: &mut Keeper) {
        let spare = self.spare.lock().pop();
        let group = keeper.seal(spare, &self.prepared);
        self.sealed.lock().push_back(group);
    }

    /// Writes and syncs what is sealed, one group after the other.
    fn commit_sealed<'a>(&'a self, mut tail: MutexGuard<'a, Tail>) -> Turn {
        let mut turn = Turn::Idle;
        // Not for ever: a caller who leads has something else to do.
        for _ in 0..=SEALED_MAX {
            let next = self.sealed.lock().pop_front();
            let Some(group) = next else {
                drop(tail);
                // Whoever sealed while the tail was held here relies on this look.
                if self.sealed.lock().is_empty() {
                    return turn;
                }
                match self.tail.try_lock() {
                    Some(again) => tail = again,
                    None => return turn,
                }
                continue;
            };
            if self.failure().is_some() {
                return Turn::Failed;
            }
            if !self.queue.is_empty() {
                self.wake(0);
                self.wake(1);
            }
            if let Err(error) = tail.commit(&group) {
                // Poisoned before the tail is let go: the next group is never written.
                self.poison(error);
                drop(tail);
                self.announce();
                return Turn::Failed;
            }
            turn = Turn::Committed;
            if (tail.durable.offset > self.prepare_at || tail.growths >= GROWTHS)
                && self.prepare_at != u64::MAX
                && !self.prepare.load(Ordering::Relaxed)
                && self.prepared.lock().is_none()
            {
                self.prepare.store(true, Ordering::Release);
                self.wake(PREPARES);
            }
            let callbacks = self.complete(&mut tail, group);
            if !callbacks.is_empty() {
                // Callbacks may ask the journal things. Whoever takes the tail meanwhile takes the next group.
                MutexGuard::unlocked(&mut tail, || {
                    for (_, callback) in callbacks {
                        callback(Ok(()));
                    }
                });
            }
        }
        drop(tail);
        if !self.sealed.lock().is_empty() {
            self.wake(0);
            self.wake(1);
        }
        turn
    }

    /// Marks the tickets of a durable group and tells whoever waits for them.
    fn complete(&self, tail: &mut Tail, mut group: Group) -> Vec<(u64, Callback)> {
        let mut settled = self.settled.load(Ordering::Relaxed);
        tail.early.extend(self.returned.lock().drain(..).map(Reverse));
        settled = catch_up(&mut tail.early, settled);
        for ticket in &group.tickets {
            // Nearly all come in order, and one store below answers for all of them.
            if *ticket != settled + 1 {
                let slot = usize::try_from(ticket & self.mask).expect("the mask is an index");
                // Release: pairs with the Acquire of `is_done`.
                self.done[slot].store(*ticket, Ordering::Release);
                tail.early.push(Reverse(*ticket));
                continue;
            }
            settled = catch_up(&mut tail.early, settled + 1);
        }
        self.settled.store(settled, Ordering::Release);
        // Statistics: Relaxed, they order nothing.
        self.records.fetch_add(group.tickets.len() as u64, Ordering::Relaxed);
        self.groups.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(group.bytes.len() as u64, Ordering::Relaxed);
        self.syncs.fetch_add(1, Ordering::Relaxed);
        self.segments.fetch_add(u64::from(group.begins.is_some()), Ordering::Relaxed);
        group.bytes.clear();
        group.tickets.clear();
        group.begins = None;
        group.opened = None;
        self.spare.lock().push(group);
        self.notify(|waiter| self.is_done(waiter.ticket))
    }

    /// Takes out the waiters that are `due`: threads are woken, callbacks are given back to be called without a lock.
    fn notify(&self, due: impl Fn(&Waiter) -> bool) -> Vec<(u64, Callback)> {
        let mut callbacks = Vec::new();
        let mut waiters = self.waiters.lock();
        let mut index = 0;
        while index < waiters.len() {
            if due(&waiters[index]) {
                let Waiter { ticket, notify } = waiters.swap_remove(index);
                match notify {
                    Notify::Thread(thread) => thread.unpark(),
                    Notify::Callback(callback) => callbacks.push((ticket, callback)),
                }
            } else {
                index += 1;
            }
        }
        self.waiting.store(waiters.len(), Ordering::Relaxed);
        callbacks
    }

    /// The first failure is the last thing that happens.
    fn poison(&self, error: Error) {
        drop(self.cause.set(Arc::new(error)));
        let _waiters = self.waiters.lock();
        if self.state.load(Ordering::Relaxed) == OPEN {
            // Release: pairs with the Acquire of `failure`.
            self.state.store(POISONED, Ordering::Release);
        }
    }

    /// Tells everybody who waits that it is over. Called without a lock: callbacks may ask the journal things.
    fn announce(&self) {
        for (ticket, callback) in self.notify(|_| true) {
            callback(self.outcome(ticket).unwrap_or(Err(Error::Closed)));
        }
        self.wake(0);
        self.wake(1);
    }

    fn check_held_back(&self, keeper: &mut Keeper) -> Result<(), Error> {
        // Looking through all that wait takes time, and the answer hardly ever changes.
        let often = (self.predecessor_wait / 8).min(Duration::from_millis(100));
        if keeper.order.held() == 0 || keeper.checked.elapsed() < often {
            return Ok(());
        }
        keeper.checked = Instant::now();
        match keeper.order.awaited() {
            Some((place, since)) if since.elapsed() > self.predecessor_wait => {
                Err(Error::PredecessorMissing {
                    block: place.block,
                    sequence: place.sequence,
                    held_back: keeper.order.held(),
                })
            }
            _ => Ok(()),
        }
    }

    /// Runs a turn if nobody else does.
    fn lead(&self) -> Turn {
        match self.keeper.try_lock() {
            Some(keeper) => {
                let turn = self.turn(keeper, true);
                // Whoever came while this thread had the locks found nobody to wait for.
                let left = !self.queue.is_empty() || !self.sealed.lock().is_empty();
                if left || self.waiting.load(Ordering::Relaxed) > 0 {
                    self.wake(0);
                }
                turn
            }
            None => Turn::Idle,
        }
    }

    fn wake(&self, thread: usize) {
        // Relaxed: the flag saves a system call, and a thread that is missed wakes by itself at its next tick.
        if self.asleep[thread].load(Ordering::Relaxed) && self.asleep[thread].swap(false, Ordering::AcqRel) {
            if let Some(threads) = self.threads.get() {
                threads[thread].unpark();
            }
        }
    }

    /// A thread of the journal.
    fn run(&self, number: usize) {
        // The second only helps while the first is busy, so it has nothing to look for by itself.
        let tick = if number == 0 { self.tick } else { Duration::from_millis(200) };
        loop {
            let turn = self.turn(self.keeper.lock(), false);
            match turn {
                Turn::Failed => return,
                Turn::Committed => {}
                Turn::Idle => {
                    self.asleep[number].store(true, Ordering::Release);
                    thread::park_timeout(tick);
                    self.asleep[number].store(false, Ordering::Relaxed);
                }
            }
        }
    }

    /// The thread that prepares segments.
    fn prepares(&self, disk: &dyn Disk, length: u64) {
        while self.failure().is_none() {
            if self.prepare.load(Ordering::Acquire) {
                match prepare::prepare(disk, length, || self.failure().is_none()) {
                    Ok(prepared) => *self.prepared.lock() = prepared,
                    // Whatever is wrong, the writer will find out by itself when it matters.
                    Err(_) => return,
                }
                self.prepare.store(false, Ordering::Release);
            }
            self.asleep[PREPARES].store(true, Ordering::Release);
            thread::park_timeout(Duration::from_millis(200));
            self.asleep[PREPARES].store(false, Ordering::Relaxed);
        }
    }

    fn give_ticket(&self) -> u64 {
        // Relaxed: a ticket is a name; the queue orders.
        self.tickets.fetch_add(1, Ordering::Relaxed) + 1
    }

    #[cold]
    fn append_slow(&self, mut item: Item) -> u64 {
        let ticket = item.ticket;
        let backoff = Backoff::new();
        loop {
            if self.failure().is_some() {
                return ticket;
            }
            match self.queue.push(item) {
                Ok(()) => return ticket,
                Err(back) => item = back,
            }
            self.wait_a_little(&backoff);
        }
    }

    /// Entries are held back beyond the bound: this entry is in, the caller brings no other until there is room.
    #[cold]
    fn wait_for_room(&self) {
        let backoff = Backoff::new();
        while self.crowded.load(Ordering::Relaxed) && self.failure().is_none() {
            self.wait_a_little(&backoff);
        }
    }

    fn wait_a_little(&self, backoff: &Backoff) {
        self.wake(0);
        if backoff.is_completed() || self.threads.get().is_none() {
            // It waits anyway, so it may as well write.
            if self.lead() == Turn::Idle {
                thread::park_timeout(Duration::from_micros(50));
            }
        } else {
            backoff.snooze();
        }
    }

    /// Leads or waits until `reached` says so.
    fn until(&self, mut reached: impl FnMut() -> bool) -> Result<(), Error> {
        loop {
            if reached() {
                return Ok(());
            }
            if let Some(failure) = self.failure() {
                return Err(failure);
            }
            if self.lead() == Turn::Idle {
                thread::park_timeout(Duration::from_micros(100));
            }
        }
    }
}

/// An append-only journal that keeps the order of every block and every patient. Shared by reference between threads.
pub struct Journal {
    shared: Arc<Shared>,
    disk: Arc<dyn Disk>,
    hash: HashKind,
    shard: u64,
    is_async: bool,
    wake_every: u64,
    handles: Mutex<Vec<thread::JoinHandle<()>>>,
    /// One snapshot at a time.
    snapshots: Mutex<()>,
}

impl fmt::Debug for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Journal")
            .field("folder", &self.disk.name())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// The queue has no room now; the entry comes back.
#[derive(Debug)]
pub struct Full(pub Entry);

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the journal's queue is full; try again later")
    }
}

impl std::error::Error for Full {}

/// A position before which everything is durable and, by the host's word, applied. See [`Journal::mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(Position);

/// The journal's promise about one entry. Costs nothing to drop.
///
/// `Ok` means durable. An error means that the entry is not acknowledged; it may be on disk all the same, as any write
/// may that failed half-way, and is then found by the next recovery.
#[derive(Clone, Copy)]
#[must_use = "an entry is durable only when its receipt says so"]
pub struct Receipt<'a> {
    shared: &'a Arc<Shared>,
    ticket: u64,
}

impl fmt::Debug for Receipt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Receipt({})", self.ticket)
    }
}

impl Receipt<'_> {
    /// A number by which [`Journal::receipt`] gives the receipt back, for callers that cannot keep a borrow.
    #[must_use]
    pub fn ticket(&self) -> u64 {
        self.ticket
    }

    /// Whether the entry and all its history are on disk.
    #[must_use]
    pub fn is_durable(&self) -> bool {
        self.shared.is_done(self.ticket)
    }

    /// `None` while it is open; then `Ok` if durable, or why it never will be.
    #[must_use]
    pub fn poll(&self) -> Option<Result<(), Error>> {
        self.shared.outcome(self.ticket)
    }

    /// Waits until the entry is durable, or never will be. If nobody writes, the caller does.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`] or [`Error::Closed`] if the entry was not durable before.
    pub fn wait(&self) -> Result<(), Error> {
        let shared = self.shared;
        let mut registered = false;
        loop {
            if let Some(outcome) = shared.outcome(self.ticket) {
                return outcome;
            }
            match shared.lead() {
                Turn::Committed => continue,
                Turn::Failed | Turn::Idle => {}
            }
            if registered {
                thread::park_timeout(Duration::from_millis(20));
            } else {
                let mut waiters = shared.waiters.lock();
                if shared.outcome(self.ticket).is_none() {
                    waiters.push(Waiter { ticket: self.ticket, notify: Notify::Thread(thread::current()) });
                    shared.waiting.store(waiters.len(), Ordering::Relaxed);
                    registered = true;
                }
            }
        }
    }

    /// Calls back once, when the entry is durable or never will be: from the thread that synced it, or at once from
    /// this one. The callback must neither wait for the journal nor panic.
    pub fn on_durable(&self, callback: impl FnOnce(Result<(), Error>) + Send + 'static) {
        let shared = self.shared;
        let mut waiters = shared.waiters.lock();
        // Under the lock: a ticket is marked before the waiters are looked through.
        if let Some(outcome) = shared.outcome(self.ticket) {
            drop(waiters);
            callback(outcome);
            return;
        }
        waiters.push(Waiter { ticket: self.ticket, notify: Notify::Callback(Box::new(callback)) });
        shared.waiting.store(waiters.len(), Ordering::Relaxed);
        drop(waiters);
        shared.wake(0);
    }
}

impl Journal {
    /// Goes on where a recovery ended: cuts a torn tail, makes sure of the last group, and opens for writing.
    ///
    /// # Errors
    ///
    /// [`Error::ReadOnly`] if the recovery took no lock, [`Error::Shard`] and [`Error::Option`] if the options do not
    /// fit, and what the medium says.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever starts a journal has no more use for its options"
    )]
    pub fn start(finished: Finished, options: Options) -> Result<Self, Error> {
        options.check()?;
        let Finished { disk, lock, position, frontier, last_group, hash, shard, .. } = finished;
        let lock = lock.ok_or(Error::ReadOnly)?;
        if let Some(found) = shard.filter(|found| *found != options.shard) {
            return Err(Error::Shard { file: segment_name(position.segment), found, wanted: options.shard });
        }
        remove_temporaries(&*disk)?;
        let chain = options.hash.unwrap_or(hash);
        let (mut keeper, mut tail) = relay(Arc::clone(&disk), lock, position, frontier, chain, &options);
        if position.segment > 0 {
            keeper.salt = reopen(&mut tail, &position, last_group)?;
        }
        if position.segment == 0 || hash != chain {
            let header = keeper.next_segment();
            tail.begin(&header)?;
            tail.durable = keeper.position;
        }
        let capacity = options.queue_capacity();
        let slots = (capacity * 2).next_power_of_two();
        let prepared = Arc::clone(&tail.prepared);
        let shared = Arc::new(Shared {
            queue: ArrayQueue::new(capacity),
            tickets: CachePadded::new(AtomicU64::new(0)),
            state: CachePadded::new(AtomicU8::new(OPEN)),
            crowded: AtomicBool::new(false),
            held_back_limit: options.held_back_capacity().max(1),
            done: (0..slots).map(|_| AtomicU64::new(0)).collect(),
            mask: slots as u64 - 1,
            settled: CachePadded::new(AtomicU64::new(0)),
            returned: Mutex::new(Vec::new()),
            cause: OnceLock::new(),
            keeper: Mutex::new(keeper),
            tail: Mutex::new(tail),
            sealed: Mutex::new(VecDeque::new()),
            spare: Mutex::new(Vec::new()),
            waiters: Mutex::new(Vec::new()),
            waiting: AtomicUsize::new(0),
            threads: OnceLock::new(),
            asleep: [const { AtomicBool::new(false) }; 3],
            prepared,
            prepare_at: if options.threads && options.segment_bytes > options.preallocate {
                options.segment_bytes / 4
            } else {
                u64::MAX
            },
            prepare: AtomicBool::new(false),
            delay: options.delay(),
            tick: options.tick(),
            predecessor_wait: options.predecessor_wait,
            records: AtomicU64::new(0),
            groups: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            syncs: AtomicU64::new(0),
            segments: AtomicU64::new(0),
            held_back: AtomicUsize::new(0),
            held_back_max: AtomicUsize::new(0),
        });
        let mut handles = Vec::new();
        if options.threads {
            for number in 0..3 {
                let (shared, name) = (Arc::clone(&shared), disk.name());
                let disk = Arc::clone(&disk);
                let segment_bytes = options.segment_bytes;
                let work = move || {
                    if number == PREPARES {
                        shared.prepares(&*disk, segment_bytes);
                    } else {
                        shared.run(number);
                    }
                };
                let handle = thread::Builder::new()
                    .name(format!("journal-{number}"))
                    .spawn(work)
                    .map_err(Error::medium("start a thread for", &name))?;
                handles.push(handle);
            }
            drop(shared.threads.set([0, 1, 2].map(|number: usize| handles[number].thread().clone())));
        }
        Ok(Self {
            shared,
            disk,
            hash: chain,
            shard: options.shard,
            is_async: matches!(options.mode, Mode::Async { .. }),
            wake_every: (capacity as u64 / 4).next_power_of_two().max(1),
            handles: Mutex::new(handles),
            snapshots: Mutex::new(()),
        })
    }

    /// Recovers the folder without looking at the entries, and starts. For a journal whose entries were read before.
    ///
    /// # Errors
    ///
    /// As [`Recovery::begin`], [`Recovery::finish`] and [`Journal::start`].
    pub fn open(disk: Arc<dyn Disk>, options: Options) -> Result<Self, Error> {
        Self::start(Recovery::begin(disk, From::Snapshot, Access::Write)?.finish()?, options)
    }

    /// Queues an entry. Waits if the queue is full or too much is held back; nothing is dropped.
    ///
    /// The entry must be applied already, and entries of one patient must be appended in the order in which they were
    /// decided. If the journal has failed or is closed, the receipt says so.
    #[inline]
    pub fn append(&self, entry: Entry) -> Receipt<'_> {
        let shared = &self.shared;
        // Relaxed: whoever misses a failure that happens now learns of it from the receipt.
        if shared.state.load(Ordering::Relaxed) != OPEN {
            return Receipt { shared, ticket: NO_TICKET };
        }
        let ticket = shared.give_ticket();
        if let Err(item) = shared.queue.push(Item::new(entry, ticket)) {
            shared.append_slow(item);
        }
        if ticket & (self.wake_every - 1) == 0 {
            shared.wake(0);
        }
        if shared.crowded.load(Ordering::Relaxed) {
            shared.wait_for_room();
        }
        Receipt { shared, ticket }
    }

    /// Queues an entry if there is room at once. Meant for entries that may be left out, such as records of refusals:
    /// an accepted transition that is left out leaves its block waiting for ever.
    ///
    /// # Errors
    ///
    /// [`Full`] gives the entry back.
    #[expect(clippy::result_large_err, reason = "the entry comes back as it was, without an allocation")]
    pub fn try_append(&self, entry: Entry) -> Result<Receipt<'_>, Full> {
        let shared = &self.shared;
        if shared.state.load(Ordering::Relaxed) != OPEN {
            return Ok(Receipt { shared, ticket: NO_TICKET });
        }
        // An entry with a place may be the very one that the held back wait for.
        if shared.queue.is_full() || (entry.place.is_none() && shared.crowded.load(Ordering::Relaxed)) {
            shared.wake(0);
            return Err(Full(entry));
        }
        let ticket = shared.give_ticket();
        if let Err(item) = shared.queue.push(Item::new(entry, ticket)) {
            shared.returned.lock().push(ticket);
            shared.wake(0);
            return Err(Full(item.into_entry()));
        }
        Ok(Receipt { shared, ticket })
    }

    /// The receipt with this ticket. A ticket that was never given out never comes true.
    pub fn receipt(&self, ticket: u64) -> Receipt<'_> {
        Receipt { shared: &self.shared, ticket }
    }

    /// The last ticket that was given out; 0 before the first.
    #[must_use]
    pub fn last_ticket(&self) -> u64 {
        // Relaxed: whoever asks about a ticket was handed it, and that ordered the two.
        self.shared.tickets.load(Ordering::Relaxed)
    }

    /// Waits until everything appended before is durable.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`] or [`Error::Closed`].
    pub fn flush(&self) -> Result<(), Error> {
        let shared = &self.shared;
        // Acquire: appends that happened before this call are counted.
        let last = shared.tickets.load(Ordering::Acquire);
        shared.until(|| {
            if shared.settled.load(Ordering::Acquire) >= last {
                return true;
            }
            // Tickets given back are settled with the next group; without one they are settled here.
            let mut tail = shared.tail.lock();
            tail.early.extend(shared.returned.lock().drain(..).map(Reverse));
            let settled = catch_up(&mut tail.early, shared.settled.load(Ordering::Relaxed));
            shared.settled.store(settled, Ordering::Release);
            settled >= last
        })
    }

    /// Writes and syncs, in this thread, what may go to disk now; whether anything was. For hosts that run the journal
    /// without threads of its own.
    pub fn drive(&self) -> bool {
        self.shared.lead() == Turn::Committed
    }

    /// Why nothing is acknowledged any more; `None` while all is well.
    #[must_use]
    pub fn failure(&self) -> Option<Error> {
        self.shared.failure()
    }

    /// Whether the host acknowledges when an entry is queued.
    #[must_use]
    pub fn is_async(&self) -> bool {
        self.is_async
    }

    /// What was done so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        let shared = &self.shared;
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Stats {
            records: get(&shared.records),
            groups: get(&shared.groups),
            bytes: get(&shared.bytes),
            syncs: get(&shared.syncs),
            segments: get(&shared.segments),
            held_back: shared.held_back.load(Ordering::Relaxed) as u64,
            held_back_max: shared.held_back_max.load(Ordering::Relaxed) as u64,
            queued: shared.queue.len() as u64,
        }
    }

    /// The head of the chain as it is durable now, to be signed or deposited.
    #[must_use]
    pub fn head(&self) -> SegmentHead {
        let tail = self.shared.tail.lock();
        SegmentHead::at(&tail.durable)
    }

    /// First step of a snapshot: where the journal stands. Then dump the state, which may go on changing meanwhile,
    /// and give both to [`Journal::snapshot`].
    ///
    /// The dump must contain every entry that was appended before the mark; it does if entries are applied before they
    /// are appended.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`] or [`Error::Closed`].
    pub fn mark(&self) -> Result<Mark, Error> {
        let tail = self.shared.tail.lock();
        match self.shared.failure() {
            None => Ok(Mark(tail.durable)),
            Some(failure) => Err(failure),
        }
    }

    /// Second step: `state` is the dump, and `vector` says up to which sequence each block is in it. Waits until all of
    /// that is durable in the journal, so that a snapshot never knows more than the journal; then writes it beside the
    /// segments and switches atomically. Entries without a place that are in the dump must have been appended before
    /// this call. Returns the name of the file.
    ///
    /// A failure here leaves the journal as it is.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`], [`Error::Closed`], [`Error::PredecessorMissing`] if part of the vector never comes, or what
    /// the medium says about the snapshot.
    pub fn snapshot(&self, mark: Mark, vector: &[Place], state: &[u8]) -> Result<String, Error> {
        let _one = self.snapshots.lock();
        self.flush()?;
        let shared = &self.shared;
        // Whoever decided what the state knows is about to append it; but perhaps never does.
        let begun = Instant::now();
        let mut missing = None;
        shared.until(|| match group_of(shared, vector) {
            Ok(all) => shared.tail.lock().durable.group >= all,
            Err(place) => {
                missing = Some(place).filter(|_| begun.elapsed() > shared.predecessor_wait);
                missing.is_some()
            }
        })?;
        if let Some(Place { block, sequence }) = missing {
            let held_back = shared.held_back.load(Ordering::Relaxed);
            return Err(Error::PredecessorMissing { block, sequence, held_back });
        }
        snapshot::write(&*self.disk, self.hash, self.shard, &mark.0, vector, state)
    }

    /// Writes what is queued, then lets the folder go. Receipts of entries appended later say [`Error::Closed`].
    /// Closing again does nothing.
    ///
    /// # Errors
    ///
    /// [`Error::Poisoned`] if not everything could be written.
    pub fn close(&self) -> Result<(), Error> {
        let shared = &self.shared;
        let flushed = match self.flush() {
            Err(Error::Closed) => return Ok(()),
            flushed => flushed,
        };
        let mut tail = {
            // Both locks: no turn is under way, and none begins before the state is set.
            let _keeper = shared.keeper.lock();
            let tail = shared.tail.lock();
            let _waiters = shared.waiters.lock();
            if shared.state.load(Ordering::Relaxed) == OPEN {
                shared.state.store(CLOSED, Ordering::Release);
            }
            tail
        };
        let mut closed = if flushed.is_ok() { tail.trim() } else { Ok(()) };
        tail.file = None;
        drop(tail);
        shared.announce();
        for handle in self.handles.lock().drain(..) {
            handle.thread().unpark();
            if handle.join().is_err() {
                // The panic was reported by the thread itself; what it leaves is an unflushed journal.
                closed = closed.and(Err(Error::Closed));
            }
        }
        if shared.prepared.lock().take().is_some() {
            closed =
                closed.and(self.disk.remove(prepare::NAME).map_err(Error::medium("remove", prepare::NAME)));
        }
        // Last of all: nobody of this journal touches the folder any more.
        shared.tail.lock().lock = None;
        flushed.and(closed)
    }
}

/// How many groups the journal has when the vector is in it; the place that was not collected yet if there is one.
fn group_of(shared: &Shared, vector: &[Place]) -> Result<u64, Place> {
    let keeper = shared.keeper.lock();
    let frontier = keeper.order.frontier();
    if let Some(place) = vector.iter().find(|place| frontier.get(place.block) < place.sequence) {
        return Err(*place);
    }
    // What is ready and not collected goes out with the next groups; counting them is not worth it.
    if let Some(place) = keeper.ready.iter().find_map(Item::place) {
        return Err(place);
    }
    Ok(keeper.position.group + u64::from(!keeper.group.tickets.is_empty()))
}

impl Drop for Journal {
    /// As [`Journal::close`], for what it is worth: an error has nobody to go to.
    fn drop(&mut self) {
        drop(self.close());
    }
}

/// Writes entries as they come, gaps and all: what a salvage is allowed and a journal is not.
pub(crate) struct Raw {
    keeper: Keeper,
    tail: Tail,
}

impl Raw {
    pub(crate) fn begin(disk: Arc<dyn Disk>, lock: Box<dyn Lock>, options: &Options) -> Result<Self, Error> {
        options.check()?;
        let (origin, hash) = (crate::reader::Walker::origin(), options.hash.unwrap_or_default());
        let (mut keeper, mut tail) = relay(disk, lock, origin, Frontier::default(), hash, options);
        let header = keeper.next_segment();
        tail.begin(&header)?;
        tail.durable = keeper.position;
        Ok(Self { keeper, tail })
    }

    pub(crate) fn put(&mut self, entry: EntryRef<'_>) -> Result<(), Error> {
        encode_record(&mut self.keeper.group.bytes, entry);
        self.keeper.group.tickets.push(0);
        if self.keeper.is_full() { self.commit() } else { Ok(()) }
    }

    fn commit(&mut self) -> Result<(), Error> {
        let group = self.keeper.seal(None, &self.tail.prepared);
        self.tail.commit(&group)
    }

    pub(crate) fn finish(mut self) -> Result<(), Error> {
        if !self.keeper.group.tickets.is_empty() {
            self.commit()?;
        }
        self.tail.trim()
    }
}

/// The two ends of the relay, before any segment is open.
fn relay(
    disk: Arc<dyn Disk>,
    lock: Box<dyn Lock>,
    position: Position,
    frontier: Frontier,
    hash: HashKind,
    options: &Options,
) -> (Keeper, Tail) {
    let mut keeper = Keeper {
        order: Order::new(frontier),
        group: Group::new(position),
        ready: VecDeque::new(),
        chain: hash.begin(),
        hashed: 0,
        position,
        salt: 0,
        group_bytes: options.group_bytes,
        group_records: options.group_records(),
        segment_bytes: options.segment_bytes,
        room: position.offset,
        preallocate: options.preallocate,
        hash,
        shard: options.shard,
        checked: Instant::now(),
    };
    keeper.begin_chain();
    let tail = Tail {
        disk,
        lock: Some(lock),
        file: None,
        name: String::new(),
        allocated: position.offset,
        growths: 0,
        preallocate: options.preallocate,
        segment_bytes: options.segment_bytes,
        durable: position,
        prepared: Arc::new(Mutex::new(None)),
        early: BinaryHeap::new(),
        company: Company::default(),
    };
    (keeper, tail)
}

/// Files that were being made when the journal stopped.
fn remove_temporaries(disk: &dyn Disk) -> Result<(), Error> {
    let names = disk.list().map_err(Error::medium("list", &disk.name()))?;
    for name in names {
        if format::is_temporary(&name) {
            disk.remove(&name).map_err(Error::medium("remove", &name))?;
        }
    }
    Ok(())
}

/// Opens the last segment for writing; its salt.
fn reopen(tail: &mut Tail, position: &Position, last_group: Option<(u64, Vec<u8>)>) -> Result<u32, Error> {
    let name = segment_name(position.segment);
    let walker = crate::reader::Walker::open(&*tail.disk, position.segment)?;
    let salt = walker.salt();
    drop(walker);
    let mut file = tail.disk.open(&name, true).map_err(Error::medium("open", &name))?;
    // Cut what is torn, and make that durable before anything is written there.
    if file.len().map_err(Error::medium("measure", &name))? > position.offset {
        file.truncate(position.offset).map_err(Error::medium("truncate", &name))?;
    }
    // The last group may have been read from memory only: written by a process that died before its sync, or after a
    // sync that failed, after which the system believes its pages clean. Written again, they are dirty.
    if let Some((offset, bytes)) = last_group {
        write_all(&mut *file, offset, &bytes).map_err(Error::medium("write", &name))?;
    }
    file.sync_data().map_err(Error::medium("sync", &name))?;
    // Its name too may have been seen without being durable.
    tail.disk.sync_dir().map_err(Error::medium("sync", &tail.disk.name()))?;
    tail.file = Some(file);
    tail.name = name;
    Ok(salt)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYNC: Duration = Duration::from_micros(80);

    /// Once nobody's turn came any more after a ticket that was given back: receipts came true, and were forgotten again.
    #[test]
    fn a_ticket_that_was_given_back_holds_up_nobody() {
        let disk = Arc::new(crate::sim::SimDisk::new(1));
        let options = Options { threads: false, queue: 4, ..Options::default() };
        let journal = Journal::open(disk, options).unwrap();
        let append = || {
            let payload = crate::Payload::new(&[1]).unwrap();
            let receipt = journal.append(Entry { place: None, patient: None, kind: 1, payload });
            assert!(journal.drive());
            receipt
        };
        let before = append();
        // As `try_append` does it when the queue fills up between its look and its push.
        let lost = journal.shared.give_ticket();
        journal.shared.returned.lock().push(lost);
        let after: Vec<Receipt<'_>> = (0..32).map(|_| append()).collect();
        assert!(before.is_durable() && after.iter().all(Receipt::is_durable));
    }

    #[test]
    fn whoever_was_answered_a_moment_ago_is_waited_for_and_nobody_else() {
        let now = Instant::now();
        let mut company = Company::default();
        assert_eq!(company.expect(1, true, now), None, "nobody was answered yet");
        company.learn(1, now, SYNC);
        assert_eq!(company.expect(1, false, now), None, "it is the one that was answered");
        assert_eq!(company.expect(1, true, now), Some((2, now + SYNC / 2)), "the other one comes back");
        company.judge(true);
        company.learn(2, now, SYNC);
        assert_eq!(company.expect(1, false, now), Some((2, now + SYNC / 2)), "one of the two is here");
        assert_eq!(company.expect(2, false, now), None, "both are here");
        assert_eq!(company.expect(1, false, now + SYNC / 2), None, "it would have come by now");
    }

    #[test]
    fn where_nobody_comes_it_is_waited_ever_more_seldom() {
        let now = Instant::now();
        let mut company = Company::default();
        let mut waited = 0;
        for _ in 0..1_000 {
            company.learn(64, now, SYNC);
            if company.expect(64, true, now).is_some() {
                waited += 1;
                company.judge(false);
            }
        }
        assert!((15..30).contains(&waited), "{waited} of 1,000 groups waited in vain");
    }
}

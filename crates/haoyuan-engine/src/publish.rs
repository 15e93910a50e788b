//! Publishing: the administrative side, under a lock that no decision takes.
//!
//! INVARIANT (all or nothing): plans are checked completely, and told to the trace together, before the first word of any
//! is written; each becomes visible by one store.

use crate::Engine;
use crate::block::Core;
use crate::engine::{Row, Table};
use crate::fact::{Publication, Trace};
use haoyuan_core::ids::{DepartmentId, InstitutionId, Interval, PractitionerId, SessionId};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::plan::{Blocks, Plan, PlanError};
use haoyuan_core::pool::PoolTree;
use haoyuan_core::rules::{HOLD_MS, Rules};
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use haoyuan_core::terms::{Grade, Kind};
use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Why a plan was not published; nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublishError {
    /// The plan does not fit together.
    Plan(PlanError),
    /// A session with this code is already published.
    Duplicate(String),
    /// The engine has no room; the limit to raise is named.
    Full(&'static str),
    /// A rule about patients cannot be kept by anybody; the sentence says which.
    Rules(Said),
}

impl Speak for PublishError {
    fn said(&self) -> Said {
        match self {
            Self::Plan(error) => error.said(),
            Self::Duplicate(code) => {
                said!(
                    "a session with code `{code}` is already published",
                    "编号为 `{code}` 的班次已发布",
                    code
                )
            }
            Self::Full(limit) => full(limit),
            Self::Rules(reason) => reason.clone(),
        }
    }
}

/// What to say when the engine is opened with too small a limit.
pub(crate) fn full(limit: &str) -> Said {
    said!(
        "no room left: open the engine with a larger `Limits::{limit}`",
        "容量不足:请以更大的 `Limits::{limit}` 打开系统",
        limit
    )
}

impl fmt::Display for PublishError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for PublishError {}

/// What was published.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionView {
    /// The engine's number.
    pub id: SessionId,
    /// The hospital's code.
    pub code: Arc<str>,
    /// The institution.
    pub institution: InstitutionId,
    /// The department.
    pub department: DepartmentId,
    /// The practitioner.
    pub practitioner: PractitionerId,
    /// The grade.
    pub grade: Grade,
    /// The kind.
    pub kind: Kind,
    /// From–to.
    pub time: Interval,
    /// Length of a slot, milliseconds.
    pub slot_ms: u32,
    /// How many slots.
    pub slots: u16,
    /// Whether the whole session is one block.
    pub whole: bool,
    /// All seats.
    pub seats: u32,
    /// When it was published.
    pub published: Instant,
}

/// What only administration needs.
#[derive(Default)]
pub(crate) struct Admin {
    next_block: u32,
    next_seat: u32,
    next_session: u32,
    trees: Interner<PoolTree>,
    rules: Interner<Rules>,
}

/// A session with the room that was found for it.
struct Laid<'a> {
    publication: Publication<'a>,
    trees: &'a [PoolTree],
    shapes: Vec<u32>,
    rules: u32,
    first_block: u32,
    first_seat: u32,
}

/// Equal values get one number.
struct Interner<V> {
    by_hash: HashMap<u64, Vec<u32>>,
    next: u32,
    values: std::marker::PhantomData<V>,
}

impl<V> Default for Interner<V> {
    fn default() -> Self {
        Self { by_hash: HashMap::new(), next: 0, values: std::marker::PhantomData }
    }
}

impl<V: PartialEq + Clone> Interner<V> {
    /// The number of `value`, which is stored in `table` if it is new; `None` if the table is full.
    fn number(&mut self, value: &V, hash: u64, table: &Table<V>) -> Option<u32> {
        let known = self.by_hash.entry(hash).or_default();
        if let Some(number) =
            known.iter().find(|n| table[**n as usize].get().is_some_and(|known| **known == *value))
        {
            return Some(*number);
        }
        let number = self.next;
        table.get(number as usize)?.set(Box::new(value.clone())).ok()?;
        known.push(number);
        self.next += 1;
        Some(number)
    }
}

fn hash_of(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn hash_of_tree(tree: &PoolTree) -> u64 {
    hash_of((tree.capacity(), tree.seats(), tree.nodes(), tree.routes()))
}

impl Admin {
    /// What was ever given out: sessions, blocks, seats.
    pub(crate) const fn given(&self) -> [u32; 3] {
        [self.next_session, self.next_block, self.next_seat]
    }

    /// Passes over numbers that retired sessions have had.
    pub(crate) const fn pass_over(&mut self, [sessions, blocks, seats]: [u32; 3]) {
        self.next_session += sessions;
        self.next_block += blocks;
        self.next_seat += seats;
    }

    /// The number of a tree, which is stored if it is new; `None` if there is no room.
    pub(crate) fn shape(&mut self, tree: &PoolTree, table: &Table<PoolTree>) -> Option<u32> {
        self.trees.number(tree, hash_of_tree(tree), table)
    }
}

/// Sessions by day and time, for searching.
#[derive(Default)]
pub(crate) struct Calendar {
    pub(crate) days: std::collections::BTreeMap<Day, Vec<(Instant, u32)>>,
}

impl<T: Trace> Engine<T> {
    /// Publishes a session: from now on it can be asked for. Takes the administration lock; never blocks a decision.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was changed.
    pub fn publish(&self, plan: &Plan, at: Instant) -> Result<SessionId, PublishError> {
        let ids = self.publish_all(&[(plan, "")], at)?;
        Ok(ids.first().copied().unwrap_or_default())
    }

    /// Publishes sessions, all or none, each with what it enters into the host's books ([`Publication::books`]); their
    /// numbers, in the same order. The trace hears of all before the first can be asked for.
    ///
    /// # Errors
    /// [`PublishError`]; nothing was changed.
    pub fn publish_all(&self, plans: &[(&Plan, &str)], at: Instant) -> Result<Vec<SessionId>, PublishError> {
        let mut admin = self.admin.lock();
        let mut laid: Vec<Laid<'_>> = Vec::with_capacity(plans.len());
        let mut codes = HashSet::new();
        let (mut block, mut seat, mut number) = (admin.next_block, admin.next_seat, admin.next_session);
        for (plan, books) in plans {
            plan.check().map_err(PublishError::Plan)?;
            check_rules(&plan.rules)?;
            let session = &plan.session;
            if self.codes.contains_key(session.code.as_str()) || !codes.insert(session.code.as_str()) {
                return Err(PublishError::Duplicate(session.code.clone()));
            }
            let trees: &[PoolTree] = match &plan.blocks {
                Blocks::PerSlot(trees) => trees,
                Blocks::WholeSession(tree) => std::slice::from_ref(tree),
            };
            let stride = u32::from(session.capacity.iter().copied().max().unwrap_or(0));
            let slots = u32::try_from(session.capacity.len()).unwrap_or(u32::MAX);
            let blocks = u32::try_from(trees.len()).unwrap_or(u32::MAX);
            let room = |used: u32, more: u32, limit: usize, name| {
                let fits = (used as usize).checked_add(more as usize).is_some_and(|sum| sum <= limit);
                if fits { Ok(()) } else { Err(PublishError::Full(name)) }
            };
            room(block, blocks, self.rows.len(), "blocks")?;
            room(seat, stride * slots, self.seats.len(), "seats")?;
            room(number, 1, self.sessions.len(), "sessions")?;
            let rules = admin
                .rules
                .number(&plan.rules, hash_of(&plan.rules), &self.rules)
                .ok_or(PublishError::Full("shapes"))?;
            let shapes = trees
                .iter()
                .map(|tree| admin.shape(tree, &self.trees).ok_or(PublishError::Full("shapes")))
                .collect::<Result<Vec<u32>, _>>()?;
            let id = SessionId::new(number).ok_or(PublishError::Full("sessions"))?;
            let publication = Publication { id, plan, books };
            laid.push(Laid { publication, trees, shapes, rules, first_block: block, first_seat: seat });
            block += blocks;
            seat += stride * slots;
            number += 1;
        }

        if laid.is_empty() {
            return Ok(Vec::new());
        }

        // From here it must succeed.
        let publications: Vec<_> = laid.iter().map(|laid| laid.publication).collect();
        self.trace.published(&publications, at);
        (admin.next_block, admin.next_seat, admin.next_session) = (block, seat, number);
        for laid in &laid {
            self.show(laid, at);
        }
        Ok(publications.iter().map(|publication| publication.id).collect())
    }

    /// Makes a session visible for which there is room.
    fn show(&self, laid: &Laid<'_>, at: Instant) {
        let Publication { id, plan, .. } = laid.publication;
        let session = &plan.session;
        let number = id.get();
        let mut before = 0;
        for ((place, shape), tree) in (laid.first_block..).zip(&laid.shapes).zip(laid.trees) {
            self.rows[place as usize].assign(number, *shape, before);
            before += u16::from(tree.seats());
        }
        let whole = matches!(plan.blocks, Blocks::WholeSession(_));
        self.sessions[id.index()].publish(session, whole, laid.first_seat, laid.first_block, laid.rules);
        let code: Arc<str> = session.code.as_str().into();
        self.names.write().push((Arc::clone(&code), at, session.seats()));
        self.codes.insert(code, id);
        let mut calendar = self.calendar.write();
        let day = calendar.days.entry(session.day()).or_default();
        let entry = (session.time.from, number);
        let place = day.partition_point(|other| *other < entry);
        day.insert(place, entry);
    }

    /// The session with this code.
    #[must_use]
    pub fn find(&self, code: &str) -> Option<SessionId> {
        self.codes.get(code).map(|found| *found)
    }

    /// A published session.
    #[must_use]
    pub fn session(&self, id: SessionId) -> Option<SessionView> {
        let row = self.sessions.get(id.index())?.read()?;
        let (code, published, seats) = self.names.read().get(id.index()).cloned()?;
        Some(SessionView {
            id,
            code,
            institution: row.institution(),
            department: row.department(),
            practitioner: row.practitioner(),
            grade: row.grade(),
            kind: row.kind(),
            time: row.time(),
            slot_ms: row.slot_ms(),
            slots: row.slots(),
            whole: row.whole(),
            seats,
            published,
        })
    }

    /// How many sessions were ever published: their numbers are below it. Some may be retired.
    #[must_use]
    pub fn session_count(&self) -> u32 {
        self.admin.lock().next_session
    }

    /// The rules about patients that a session was published with.
    #[must_use]
    pub fn rules(&self, id: SessionId) -> Option<&Rules> {
        let row = self.sessions.get(id.index())?.read()?;
        Some(self.rules_of(&row))
    }

    /// The pool tree that decides about a slot.
    #[must_use]
    pub fn tree(&self, slot: haoyuan_core::ids::SlotRef) -> Option<&PoolTree> {
        self.resolve(slot).ok().map(|target| target.tree)
    }
}

fn check_rules(rules: &Rules) -> Result<(), PublishError> {
    if !rules.hold_ms.iter().all(|ms| HOLD_MS.contains(ms)) {
        return Err(PublishError::Rules(said!(
            "a hold lasts 1 second to 7 days",
            "锁号时长须为 1 秒至 7 天"
        )));
    }
    if rules.holds_per_patient == 0 || rules.holds_per_session == 0 {
        let reason = said!("a patient may have at least one hold", "每位患者至少可有一个锁号");
        return Err(PublishError::Rules(reason));
    }
    if rules.limits.iter().any(|limit| limit.most == 0) {
        let reason = said!("a limit allows at least one booking", "限额至少为一个预约");
        return Err(PublishError::Rules(reason));
    }
    Ok(())
}

impl Row {
    pub(crate) fn empty() -> Self {
        Self { core: Core::new() }
    }
}

//! What is nested and rare in the journal: published sessions, and the state of a snapshot.
//!
//! INVARIANT (never the rules): a session is written with the plan it was published with, so that taking it up again asks
//! no policy.
//!
//! Trees and rules that are equal are written once. The nested part is postcard; its layout is part of the format.

use crate::record::{DAY_BLOCK, LAYOUT, Reader, RecordError, Writer, kind};
use haoyuan_core::ids::SessionId;
use haoyuan_core::instant::Instant;
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::pool::PoolTree;
use haoyuan_core::rules::Rules;
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use haoyuan_core::word::Word;
use haoyuan_engine::{Engine, Part, Trace};
use haoyuan_journal::Place;
use haoyuan_platform::actor::Actor;
use haoyuan_platform::{Names, Platform};
use serde::{Deserialize, Serialize};

/// A published session: the plan, and what else belongs to its publication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// When.
    pub at: Instant,
    /// Under which number.
    pub id: SessionId,
    /// The version of the policies: how many policy commands had been accepted before.
    pub policies: u32,
    /// Who published it.
    pub actor: Actor,
    /// The plan.
    pub plan: Plan,
    /// What publishing entered into the carry ledger, as JSON; empty if nothing.
    pub books: String,
}

/// The layout of a batch that publishes several sessions.
const SEVERAL: u8 = 2;

/// A plan, with every different tree written once.
#[derive(Serialize, Deserialize)]
struct Packed {
    session: Session,
    whole: bool,
    trees: Vec<PoolTree>,
    /// The tree of each block.
    blocks: Vec<u16>,
    rules: Rules,
    books: String,
}

impl Published {
    /// The bytes that are cut into parts: those of one session, or of several that are published together.
    #[must_use]
    pub fn all_to_bytes(sessions: &[Self]) -> Vec<u8> {
        if let [session] = sessions {
            return session.to_bytes();
        }
        let mut bytes = vec![SEVERAL];
        for session in sessions {
            let session = session.to_bytes();
            // A plan has some hundred kilobytes at most.
            bytes.extend_from_slice(&u32::try_from(session.len()).unwrap_or(u32::MAX).to_le_bytes());
            bytes.extend_from_slice(&session);
        }
        bytes
    }

    /// What the parts say together: the sessions that are published by one command, all or none.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn all_from_bytes(bytes: &[u8]) -> Result<Vec<Self>, RecordError> {
        if bytes.first() != Some(&SEVERAL) {
            return Self::from_bytes(bytes).map(|session| vec![session]);
        }
        let mut reader = Reader { kind: kind::PUBLISHED, all: bytes, at: 1 };
        let mut sessions = Vec::new();
        while reader.at < bytes.len() {
            let length = reader.u32()? as usize;
            let session = bytes.get(reader.at..).and_then(|rest| rest.get(..length));
            let session = session.ok_or(reader.error("the record ends early"))?;
            sessions.push(Self::from_bytes(session)?);
            reader.at += length;
        }
        if sessions.len() < 2 {
            return Err(reader.error("these are not several sessions"));
        }
        Ok(sessions)
    }

    /// One session.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut front = Writer::new();
        front.byte(LAYOUT);
        front.instant(self.at);
        front.put(&self.id.get().to_le_bytes());
        front.put(&self.policies.to_le_bytes());
        front.actor(&self.actor);
        let (all, whole) = trees_of(&self.plan);
        let mut trees: Vec<PoolTree> = Vec::new();
        let blocks = all.iter().map(|tree| place_of(&mut trees, tree)).collect();
        let packed = Packed {
            session: self.plan.session.clone(),
            whole,
            trees,
            blocks,
            rules: self.plan.rules.clone(),
            books: self.books.clone(),
        };
        // Writing to memory what has no maps and no unknown lengths cannot fail.
        postcard::to_extend(&packed, front.bytes().to_vec()).unwrap_or_default()
    }

    /// The same, read.
    ///
    /// # Errors
    /// [`RecordError`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut reader = Reader { kind: kind::PUBLISHED, all: bytes, at: 0 };
        reader.layout()?;
        let at = reader.instant()?;
        let id = reader.u32()?;
        let id = SessionId::new(id).ok_or(reader.error("there is no such session"))?;
        let policies = reader.u32()?;
        let actor = reader.actor()?;
        let Ok((packed, rest)) = postcard::take_from_bytes::<Packed>(&bytes[reader.at..]) else {
            return Err(reader.error("the plan is not understood"));
        };
        if !rest.is_empty() {
            return Err(reader.error("the record is longer than it says"));
        }
        let tree = |place: &u16| packed.trees.get(usize::from(*place)).cloned();
        let trees: Option<Vec<PoolTree>> = packed.blocks.iter().map(tree).collect();
        let trees = trees.ok_or(reader.error("a block has no tree"))?;
        let plan = unpacked(packed.session, packed.whole, trees, packed.rules)
            .ok_or(reader.error("the plan does not fit together"))?;
        Ok(Self { at, id, policies, actor, plan, books: packed.books })
    }
}

fn trees_of(plan: &Plan) -> (&[PoolTree], bool) {
    match &plan.blocks {
        Blocks::PerSlot(trees) => (trees, false),
        Blocks::WholeSession(tree) => (std::slice::from_ref(tree), true),
    }
}

/// The place of a tree among the different ones of a session.
fn place_of(trees: &mut Vec<PoolTree>, tree: &PoolTree) -> u16 {
    let place = trees.iter().position(|other| other == tree).unwrap_or_else(|| {
        trees.push(tree.clone());
        trees.len() - 1
    });
    // A session has at most 1024 slots.
    u16::try_from(place).unwrap_or(u16::MAX)
}

fn unpacked(session: Session, whole: bool, trees: Vec<PoolTree>, rules: Rules) -> Option<Plan> {
    let blocks = if whole { Blocks::WholeSession(trees.into_iter().next()?) } else { Blocks::PerSlot(trees) };
    let plan = Plan { session, blocks, rules };
    plan.check().is_ok().then_some(plan)
}

/// The layout of a snapshot's state; it is counted by itself, because a snapshot can be made anew and a record cannot. Layout 1
/// did not say how wide the parts of a remembered refusal are, and builds that wrote it differed.
const STATE_LAYOUT: u16 = 2;

/// Whether these bytes, which [`dump`] wrote in some version, are of this version's layout.
pub(crate) fn is_of_this_layout(state: &[u8]) -> bool {
    postcard::take_from_bytes::<u16>(state).is_ok_and(|(layout, _)| layout == STATE_LAYOUT)
}

/// The state of a snapshot.
#[derive(Default, Serialize, Deserialize)]
struct State {
    layout: u16,
    /// [`Names`], as JSON.
    names: String,
    policies: u32,
    /// The last fence passed of each session: session, instant, node.
    fences: Vec<(u32, Instant, u8)>,
    /// The last place that a part of the hospital's day took.
    day: u32,
    trees: Vec<PoolTree>,
    rules: Vec<Rules>,
    sessions: Vec<PackedSession>,
    /// Before which of the sessions how many sessions, blocks and seats are passed over, because they were retired.
    retired: Vec<(u32, [u32; 3])>,
    blocks: Vec<PackedBlock>,
    patients: Vec<PackedPatient>,
}

#[derive(Serialize, Deserialize)]
struct PackedSession {
    session: Session,
    whole: bool,
    blocks: Vec<u32>,
    rules: u32,
    at: Instant,
}

#[derive(Serialize, Deserialize)]
struct PackedBlock {
    block: u32,
    word: u128,
    seats: Vec<(u128, Option<u128>)>,
}

#[derive(Serialize, Deserialize)]
struct PackedPatient {
    key: u128,
    first: u64,
    entries: Vec<(u8, u64, u64, u64, u64)>,
}

/// What stands beside engine and names in a snapshot.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Beside {
    pub(crate) policies: u32,
    pub(crate) fences: Vec<(u32, Instant, u8)>,
    pub(crate) day: u32,
}

/// Equal values, found by their bytes.
struct Table<V> {
    places: std::collections::HashMap<Vec<u8>, u32>,
    values: Vec<V>,
}

impl<V: Serialize> Table<V> {
    fn new() -> Self {
        Self { places: std::collections::HashMap::new(), values: Vec::new() }
    }

    fn place(&mut self, value: V) -> u32 {
        let bytes = postcard::to_allocvec(&value).unwrap_or_default();
        *self.places.entry(bytes).or_insert_with(|| {
            self.values.push(value);
            // The engine has at most 2^20 shapes.
            u32::try_from(self.values.len() - 1).unwrap_or(u32::MAX)
        })
    }
}

/// The state as bytes, and how far each block's history is in it. Expects that no command is under way.
pub(crate) fn dump<T: Trace>(platform: &Platform<T>, beside: Beside) -> (Vec<u8>, Vec<Place>) {
    let engine: &Engine<T> = platform.engine();
    let names = serde_json::to_string(&platform.names()).unwrap_or_default();
    let mut state = State {
        layout: STATE_LAYOUT,
        names,
        policies: beside.policies,
        fences: beside.fences,
        day: beside.day,
        ..State::default()
    };
    let (mut trees, mut rules) = (Table::new(), Table::new());
    let mut vector = Vec::new();
    engine.snapshot(|part| match part {
        Part::Session { plan, at } => {
            let (all, whole) = trees_of(&plan);
            let blocks = all.iter().map(|tree| trees.place(tree.clone())).collect();
            let Plan { session, rules: own, .. } = *plan;
            let rules = rules.place(own);
            state.sessions.push(PackedSession { session, whole, blocks, rules, at });
        }
        Part::Retired(passed) => {
            state.retired.push((u32::try_from(state.sessions.len()).unwrap_or(u32::MAX), passed));
        }
        Part::Block { block, word, seats } => {
            vector.push(Place { block, sequence: Word::from_bits(word).sequence().0 });
            state.blocks.push(PackedBlock { block, word, seats });
        }
        Part::Patient { key, first, entries } => state.patients.push(PackedPatient { key, first, entries }),
    });
    if state.day > 0 {
        vector.push(Place { block: DAY_BLOCK, sequence: state.day });
    }
    state.trees = trees.values;
    state.rules = rules.values;
    (postcard::to_allocvec(&state).unwrap_or_default(), vector)
}

/// Takes the state of a snapshot up into a platform that nobody else uses yet.
pub(crate) fn load<T: Trace>(platform: &Platform<T>, bytes: &[u8]) -> Result<Beside, Said> {
    let state: State = postcard::from_bytes(bytes).map_err(Said::same)?;
    if state.layout != STATE_LAYOUT {
        return Err(said!(
            "its layout is {found}, and this program reads layout {known}",
            "其布局为 {found},而本程序可读布局 {known}",
            found = state.layout,
            known = STATE_LAYOUT
        ));
    }
    let names: Names = serde_json::from_str(&state.names).map_err(Said::same)?;
    platform.restore_names(names).map_err(|error| error.said())?;
    let restore = |part| platform.restore_part(part).map_err(|error| error.said());
    let mut retired = state.retired.into_iter().peekable();
    for (packed, place) in state.sessions.into_iter().zip(0..) {
        while let Some((_, passed)) = retired.next_if(|(before, _)| *before <= place) {
            restore(Part::Retired(passed))?;
        }
        let misfit = || {
            said!(
                "the plan of session `{code}` does not fit together",
                "班次 `{code}` 的排班内容自相矛盾",
                code = packed.session.code
            )
        };
        let tree = |place: &u32| state.trees.get(*place as usize).cloned();
        let trees: Vec<PoolTree> =
            packed.blocks.iter().map(tree).collect::<Option<_>>().ok_or_else(misfit)?;
        let rules = state.rules.get(packed.rules as usize).cloned().ok_or_else(misfit)?;
        let plan = unpacked(packed.session.clone(), packed.whole, trees, rules).ok_or_else(misfit)?;
        restore(Part::Session { plan: Box::new(plan), at: packed.at })?;
    }
    retired.try_for_each(|(_, passed)| restore(Part::Retired(passed)))?;
    for PackedBlock { block, word, seats } in state.blocks {
        restore(Part::Block { block, word, seats })?;
    }
    for PackedPatient { key, first, entries } in state.patients {
        restore(Part::Patient { key, first, entries })?;
    }
    Ok(Beside { policies: state.policies, fences: state.fences, day: state.day })
}

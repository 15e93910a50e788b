//! Publishing: policies, the carry ledger and the practitioners' diaries, behind one lock that no decision takes.
//!
//! INVARIANT (all or nothing): sessions are planned on copies; the copies replace the state only when every session of the
//! command was published.
//!
//! INVARIANT (one place at a time): the published sessions of a practitioner do not overlap, whatever the site.

use crate::answer::Published;
use crate::command::{self, Command, SessionText};
use crate::day::{extra, state::Day};
use crate::malformed::Malformed;
use crate::platform::Lookup;
use haoyuan_core::apportion::CarryLedger;
use haoyuan_core::day::DayRules;
use haoyuan_core::directory::Directory;
use haoyuan_core::ids::{InstitutionId, Interval, NodeIndex, PractitionerId};
use haoyuan_core::instant::{Instant, MINUTE};
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::policy::{Policy, PolicyError, Presets};
use haoyuan_core::pool::PoolTree;
use haoyuan_core::roster::{Duty, Roster};
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use haoyuan_core::terms::Kind;
use haoyuan_engine::{Engine, Limits, SessionView, Trace};
use serde::{Deserialize, Serialize};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The preset of institutions for which nobody has set a policy.
const DEFAULT_POLICY: &str = "default";

#[derive(Default)]
pub(crate) struct Admin {
    /// For institutions that have none of their own.
    common: Option<Arc<Policy>>,
    own: HashMap<InstitutionId, Arc<Policy>>,
    ledger: CarryLedger,
    diaries: HashMap<PractitionerId, Diary>,
    room: Room,
    /// The commands that made sizes, names and policies what they are: what a snapshot keeps of them.
    history: Vec<Kept>,
}

/// A command of administration that still says something, as JSON.
struct Kept {
    about: About,
    json: String,
}

/// What a command of administration is about.
#[derive(PartialEq, Eq)]
enum About {
    SizesOrNames,
    /// The policy of an institution; `None`: of those that have none of their own.
    PolicyOf(Option<String>),
}

/// The sessions of one practitioner, by start, with their codes. They do not overlap, so only the last one that starts
/// before another's end can be in its way.
type Diary = BTreeMap<Instant, (Interval, Arc<str>)>;

/// What publishing a session enters beside its plan: fractions of reserves, and the rules of its day.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Books {
    pub(crate) ledger: CarryLedger,
    pub(crate) day: DayRules,
}

impl Books {
    pub(crate) fn to_json(&self) -> String {
        // Plain numbers and codes, so that writing JSON cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads what was entered; an earlier version entered the ledger alone, and a host without policies nothing.
    pub(crate) fn read(json: &str) -> Result<Self, serde_json::Error> {
        match json.as_bytes().first() {
            None => Ok(Self::default()),
            Some(b'[') => Ok(Self { ledger: serde_json::from_str(json)?, ..Self::default() }),
            Some(_) => serde_json::from_str(json),
        }
    }
}

/// What the engine still has room for, so that a roster is refused before its first session is published. The platform
/// is the engine's only publisher.
#[derive(Clone, Default)]
struct Room {
    blocks: u32,
    seats: u32,
    sessions: u32,
    shapes: u32,
    known: HashSet<u64>,
}

/// The command that publishes: where its messages point.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// `publish`: the fields of the object `session`.
    Object,
    /// `roster`: the text `csv`.
    Table,
}

impl From {
    /// An error in one field of a session; in the session as a whole if the field is empty.
    fn wrong(self, field: &str, reason: Said) -> Malformed {
        match self {
            Self::Object if field.is_empty() => Malformed::field("session", reason),
            Self::Object => Malformed::field(&format!("session.{field}"), reason),
            Self::Table => Malformed::field("csv", reason),
        }
    }
}

impl Admin {
    /// The engine was opened with these sizes.
    pub(crate) fn opened(&mut self, limits: Limits) {
        let Limits { blocks, seats, sessions, shapes, .. } = limits;
        self.room = Room { blocks, seats, sessions, shapes, known: HashSet::new() };
    }

    pub(crate) fn ledger(&self) -> &CarryLedger {
        &self.ledger
    }

    /// Enters into the ledger what was entered before.
    pub(crate) fn take_over(&mut self, entries: CarryLedger) {
        self.ledger.take_over(entries);
    }

    /// Whether the engine has room for a plan, or which limit is too small.
    pub(crate) fn has_room(&self, plan: &Plan) -> Result<(), &'static str> {
        self.room.clone().take(plan)
    }

    /// Enters a session that was published before: its practitioner's time, and the room it takes.
    pub(crate) fn adopt(&mut self, plan: &Plan) -> Result<(), &'static str> {
        self.room.take(plan)?;
        let session = &plan.session;
        if session.code.ends_with(extra::SUFFIX) {
            // Extra seats are in the time of the session that has them.
            return Ok(());
        }
        let entry = (session.time, session.code.as_str().into());
        self.diaries.entry(session.practitioner).or_default().insert(session.time.from, entry);
        Ok(())
    }

    /// Another practitioner takes over a session: checked, and entered into the diaries.
    pub(crate) fn reassign(
        &mut self,
        directory: &Directory,
        view: &SessionView,
        after: PractitionerId,
    ) -> Result<(), Malformed> {
        let session = Session {
            code: view.code.to_string(),
            institution: view.institution,
            department: view.department,
            practitioner: after,
            grade: view.grade,
            kind: view.kind,
            time: view.time,
            slot_ms: view.slot_ms,
            capacity: Vec::new(),
        };
        check_practitioner(directory, &session).map_err(|reason| Malformed::field("practitioner", reason))?;
        enter(self.diaries.entry(after).or_default(), &session)
            .map_err(|other| Malformed::field("practitioner", in_two_places(&other)))?;
        self.diaries.entry(view.practitioner).or_default().remove(&view.time.from);
        Ok(())
    }

    /// Enters sessions that others took over, after all were adopted: out of every diary first, or one would take another out.
    pub(crate) fn adopt_substitutes(&mut self, taken_over: &[(SessionView, PractitionerId)]) {
        for (view, _) in taken_over {
            self.diaries.entry(view.practitioner).or_default().remove(&view.time.from);
        }
        for (view, after) in taken_over {
            let entry = (view.time, Arc::clone(&view.code));
            self.diaries.entry(*after).or_default().insert(view.time.from, entry);
        }
    }

    /// Sets a policy, made of these presets where they are named, and gives it back.
    pub(crate) fn set_policy(
        &mut self,
        institution: Option<InstitutionId>,
        set: &command::Policy,
        presets: &Presets,
    ) -> Result<Arc<Policy>, Malformed> {
        let calendar = set.calendar.as_ref().map(|text| ("calendar", text.as_str()));
        let wrong = |error: PolicyError| {
            let field = if error.file == "calendar" { "calendar" } else { "toml" };
            Malformed::file(field, error)
        };
        let policy = match (&set.preset, &set.toml) {
            (Some(preset), None) => {
                Policy::preset_as_of(preset, calendar, presets).map_err(wrong)?.ok_or_else(|| {
                    let presets = Said::quoted(Policy::presets());
                    let reason = said!(
                        "there is no such preset; the presets are {presets}",
                        "没有这个预置政策;预置政策有:{presets}",
                        presets
                    );
                    Malformed::field("preset", reason)
                })?
            }
            (None, Some(toml)) => Policy::parse_as_of("toml", toml, calendar, presets).map_err(wrong)?,
            _ => {
                let reason = said!(
                    "give the policy either as `preset` or as `toml`",
                    "政策须以 `preset` 或 `toml` 给出,且只给出其一"
                );
                return Err(Malformed::field("preset", reason));
            }
        };
        let policy = Arc::new(policy);
        match institution {
            None => self.common = Some(Arc::clone(&policy)),
            Some(id) => drop(self.own.insert(id, Arc::clone(&policy))),
        }
        Ok(policy)
    }

    /// Keeps a command for the next snapshot. A policy that it replaces is kept no longer: sessions have the rules that they
    /// were published with, and the journal has all that was ever set. So a snapshot grows with the directory and not with time.
    pub(crate) fn keep(&mut self, command: &Command, json: String) {
        let about = match command {
            Command::Policy(set) => About::PolicyOf(set.institution.clone()),
            _ => About::SizesOrNames,
        };
        if about != About::SizesOrNames {
            self.history.retain(|kept| kept.about != about);
        }
        self.history.push(Kept { about, json });
    }

    /// The commands kept, in order, as JSON.
    pub(crate) fn kept(&self) -> impl Iterator<Item = &str> {
        self.history.iter().map(|kept| kept.json.as_str())
    }

    pub(crate) fn policy_of(&mut self, institution: InstitutionId) -> Result<Arc<Policy>, Malformed> {
        if let Some(policy) = self.own.get(&institution).or(self.common.as_ref()) {
            return Ok(Arc::clone(policy));
        }
        let policy = Policy::preset(DEFAULT_POLICY).ok_or_else(|| {
            Malformed::line(said!(
                "no policy is set; set one with the command `policy`",
                "尚未设置政策;请用命令 `policy` 设置"
            ))
        })?;
        Ok(Arc::clone(self.common.insert(Arc::new(policy))))
    }

    /// Publishes one session.
    pub(crate) fn publish<T: Trace>(
        &mut self,
        engine: &Engine<T>,
        day: &mut Day,
        directory: &Directory,
        session: &SessionText,
        at: Instant,
    ) -> Result<Published, Malformed> {
        let session = resolve(directory, session)?;
        let plans = self.publish_all(engine, day, directory, vec![session], From::Object, at)?;
        plans
            .first()
            .map(summary)
            .ok_or_else(|| Malformed::line(said!("there is nothing to publish", "没有可发布的班次")))
    }

    /// Publishes the sessions of a table, all or none; gives back how many sessions and seats.
    pub(crate) fn publish_roster<T: Trace>(
        &mut self,
        engine: &Engine<T>,
        day: &mut Day,
        directory: &Directory,
        csv: &str,
        at: Instant,
    ) -> Result<(usize, u32), Malformed> {
        let sessions =
            Roster::parse(csv.as_bytes(), directory, []).map_err(|rows| Malformed::rows("csv", rows))?;
        match self.publish_all(engine, day, directory, sessions, From::Table, at) {
            Ok(plans) => Ok((plans.len(), plans.iter().map(|plan| plan.session.seats()).sum())),
            Err(error) => {
                // If it is about what was published before, the table can be told line by line. It is not read against
                // that in the first place because that is the whole platform.
                let duties = self.diaries.iter().flat_map(|(practitioner, diary)| {
                    diary.values().map(|(time, code)| Duty { code, practitioner: *practitioner, time: *time })
                });
                match Roster::parse(csv.as_bytes(), directory, duties) {
                    Err(rows) => Err(Malformed::rows("csv", rows)),
                    Ok(_) => Err(error),
                }
            }
        }
    }

    /// Publishes sessions, all or none, in the order in which they come: the carry ledger counts in that order.
    fn publish_all<T: Trace>(
        &mut self,
        engine: &Engine<T>,
        day: &mut Day,
        directory: &Directory,
        sessions: Vec<Session>,
        from: From,
        at: Instant,
    ) -> Result<Vec<Plan>, Malformed> {
        let mut ledger = self.ledger.clone();
        let mut room = self.room.clone();
        let mut diaries: HashMap<PractitionerId, Diary> = HashMap::new();
        let mut plans: Vec<Plan> = Vec::with_capacity(sessions.len());
        let mut entered: Vec<Books> = Vec::with_capacity(sessions.len());
        for session in sessions {
            if session.code.ends_with(extra::SUFFIX) {
                let reason = said!(
                    "a code that ends with `+` is that of a session of extra seats; give this one another",
                    "以 `+` 结尾的编号用于加号班次;请换一个编号"
                );
                return Err(from.wrong("code", reason));
            }
            if engine.find(&session.code).is_some() {
                let reason = said!(
                    "session `{code}` is published already; give this one another code",
                    "班次 `{code}` 已发布;请换一个编号",
                    code = session.code
                );
                return Err(from.wrong("code", reason));
            }
            check_practitioner(directory, &session).map_err(|reason| from.wrong("practitioner", reason))?;
            let diary = diaries
                .entry(session.practitioner)
                .or_insert_with(|| self.diaries.get(&session.practitioner).cloned().unwrap_or_default());
            enter(diary, &session).map_err(|other| from.wrong("from", in_two_places(&other)))?;
            let tier = directory.get(session.institution).tier;
            let policy = self.policy_of(session.institution)?;
            let before = ledger.clone();
            let rules = policy.day_rules(&session);
            let plan = policy.plan(session, tier, &mut ledger).map_err(|refusal| {
                let rule = if refusal.value.is_empty() {
                    format!("`{}`", refusal.rule)
                } else {
                    format!("`{} = {}`", refusal.rule, refusal.value)
                };
                let reason = said!(
                    "policy `{policy}`, {rule}: {reason}",
                    "政策 `{policy}`,{rule}:{reason}",
                    policy = refusal.policy,
                    rule,
                    reason = refusal.reason
                );
                from.wrong("", reason)
            })?;
            room.take(&plan).map_err(|limit| {
                let code = &plan.session.code;
                let reason = said!(
                    "the engine has no room for session `{code}`; open it with more `{limit}`",
                    "系统容量不足,无法发布班次 `{code}`;请以更大的 `{limit}` 打开",
                    code,
                    limit
                );
                from.wrong("", reason)
            })?;
            plans.push(plan);
            entered.push(Books { ledger: ledger.since(&before), day: rules });
        }
        let books: Vec<String> = entered.iter().map(Books::to_json).collect();
        let pairs: Vec<(&Plan, &str)> = plans.iter().zip(&books).map(|(p, b)| (p, b.as_str())).collect();
        // All that the engine checks was checked above, so an error is a foreign publisher's doing.
        let ids = engine.publish_all(&pairs, at).map_err(|error| from.wrong("", error.said()))?;
        for (id, books) in ids.into_iter().zip(entered) {
            day.enter(id, books.day);
        }
        self.ledger = ledger;
        self.room = room;
        self.diaries.extend(diaries);
        Ok(plans)
    }
}

fn in_two_places(other: &str) -> Said {
    said!(
        "the practitioner is in two places at once: it overlaps session `{other}`",
        "同一医生同时在两处出诊:与班次 `{other}` 时间重叠",
        other
    )
}

/// Enters a session, or gives back the code of the one it overlaps with.
fn enter(diary: &mut Diary, session: &Session) -> Result<(), Arc<str>> {
    match diary.range(..session.time.to).next_back() {
        Some((_, (other, code))) if other.to > session.time.from => Err(Arc::clone(code)),
        _ => {
            diary.insert(session.time.from, (session.time, session.code.as_str().into()));
            Ok(())
        }
    }
}

fn check_practitioner(directory: &Directory, session: &Session) -> Result<(), Said> {
    let Some(practitioner) = directory.practitioners().get(session.practitioner.index()) else {
        return Ok(());
    };
    if !practitioner.sites.contains(&session.institution) {
        return Err(said!(
            "practitioner `{code}` is not registered for institution `{site}`; add the site to the directory",
            "医生 `{code}` 未登记在机构 `{site}` 执业;请在目录中添加该机构",
            code = practitioner.code,
            site = directory.get(session.institution).code
        ));
    }
    let (first, last) = (session.day(), session.time.to.plus(-1).day());
    if !practitioner.is_valid_on(first) || !practitioner.is_valid_on(last) {
        return Err(said!(
            "the credential of practitioner `{code}` is not valid on that day",
            "医生 `{code}` 的执业资格在当日无效",
            code = practitioner.code
        ));
    }
    Ok(())
}

impl Room {
    /// Takes the room of a session, or names the limit that is too small.
    fn take(&mut self, plan: &Plan) -> Result<(), &'static str> {
        fn take(left: &mut u32, more: usize, name: &'static str) -> Result<(), &'static str> {
            *left = u32::try_from(more).ok().and_then(|more| left.checked_sub(more)).ok_or(name)?;
            Ok(())
        }
        let trees: &[PoolTree] = match &plan.blocks {
            Blocks::PerSlot(trees) => trees,
            Blocks::WholeSession(tree) => std::slice::from_ref(tree),
        };
        // The engine gives every slot of a session as many seats as the largest has.
        let stride = plan.session.capacity.iter().copied().max().unwrap_or(0);
        take(&mut self.blocks, trees.len(), "blocks")?;
        take(&mut self.seats, usize::from(stride) * plan.session.capacity.len(), "seats")?;
        take(&mut self.sessions, 1, "sessions")?;
        // Trees and rules have tables of this size each; counting both against one errs on the safe side.
        let hashes = trees
            .iter()
            .map(|tree| hash_of((tree.capacity(), tree.nodes(), tree.routes())))
            .chain([hash_of(&plan.rules)]);
        for hash in hashes {
            if self.known.insert(hash) {
                take(&mut self.shapes, 1, "shapes")?;
            }
        }
        Ok(())
    }
}

fn hash_of(value: impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// The session with numbers in place of codes.
fn resolve(directory: &Directory, text: &SessionText) -> Result<Session, Malformed> {
    let within = |error: Malformed| error.within("session");
    let institution = directory.need_institution(&text.institution).map_err(within)?;
    let department = directory.need_department(institution, &text.department).map_err(within)?;
    let practitioner = directory.need_practitioner(&text.practitioner).map_err(within)?;
    let slot_ms = i64::from(text.slot_minutes) * MINUTE;
    let length = text.to.ms() - text.from.ms();
    if length <= 0 || length > haoyuan_core::instant::DAY {
        let reason = said!(
            "a session ends after it begins and within 24 hours",
            "班次的结束时间须晚于开始时间,且不超过 24 小时"
        );
        return Err(Malformed::field("session.to", reason));
    }
    if slot_ms == 0 || length % slot_ms != 0 || length / slot_ms > 1024 {
        let reason = said!(
            "the slot length divides the session into 1 to 1024 slots",
            "时段长度须能将班次整分为 1 至 1024 个时段"
        );
        return Err(Malformed::field("session.slot_minutes", reason));
    }
    if text.seats == 0 || text.seats > haoyuan_core::ids::SEATS_MAX {
        let reason = said!(
            "a slot has 1 to {most} seats",
            "每个时段须有 1 至 {most} 个号",
            most = haoyuan_core::ids::SEATS_MAX
        );
        return Err(Malformed::field("session.seats", reason));
    }
    Ok(Session {
        code: text.code.clone(),
        institution,
        department,
        practitioner,
        grade: text.grade,
        kind: text.kind.unwrap_or(Kind::Clinic),
        time: Interval { from: text.from, to: text.to },
        // A slot is at most as long as the session, which is at most a day.
        slot_ms: u32::try_from(slot_ms).unwrap_or(u32::MAX),
        capacity: vec![text.seats; usize::try_from(length / slot_ms).unwrap_or(0)],
    })
}

/// What was published: the minima over all blocks, before the first fence.
fn summary(plan: &Plan) -> Published {
    let trees: &[PoolTree] = match &plan.blocks {
        Blocks::PerSlot(trees) => trees,
        Blocks::WholeSession(tree) => std::slice::from_ref(tree),
    };
    let mut reserved: Vec<(String, u32)> = Vec::new();
    for tree in trees {
        for (node, index) in tree.nodes().iter().zip(NodeIndex::all()) {
            let seats = u32::from(tree.guarantee(index, i64::MIN));
            match reserved.iter_mut().find(|(name, _)| *name == node.name) {
                Some((_, sum)) => *sum += seats,
                None => reserved.push((node.name.clone(), seats)),
            }
        }
    }
    reserved.retain(|(_, seats)| *seats > 0);
    Published {
        session: plan.session.code.clone(),
        slots: plan.session.capacity.len(),
        seats: plan.session.seats(),
        reserved,
    }
}

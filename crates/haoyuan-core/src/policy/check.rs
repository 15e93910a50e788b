//! What a policy must satisfy before any session is seen.

use super::schema::{
    Amount, BlockScope, Document, LimitScope, Moment, NOBODY, Pool, Reference, RouteEntry, Span, Stacking,
};
use crate::ids::NodeIndex;
use crate::pool::{NODES_MAX, Protection, Route, Routes};
use crate::rules::HOLD_MS;
use crate::said;
use crate::said::Said;
use crate::terms::{Channel, Class, Grade, Tier};

/// A key and what is wrong with it.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) key: String,
    /// The other keys of a contradiction: the file that was just written is blamed, not the preset below it.
    pub(super) also: Vec<String>,
    pub(super) reason: Said,
}

fn wrong<T>(key: impl Into<String>, reason: Said) -> Result<T, Wrong> {
    wrong_among(key, Vec::new(), reason)
}

fn wrong_among<T>(key: impl Into<String>, also: Vec<String>, reason: Said) -> Result<T, Wrong> {
    Err(Wrong { key: key.into(), also, reason })
}

/// A pool in its place: parents come before their children, siblings in the order of the file. Node 0 is the root.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) name: String,
    pub(super) parent: usize,
    pub(super) pool: Pool,
    /// Whether some class may not go beyond the pool's reserve.
    pub(super) strict: bool,
}

/// The pools and routes of a policy, checked.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Graph {
    /// Node `i + 1` of the tree is element `i`.
    pub(super) pools: Vec<Place>,
    pub(super) routes: Routes,
    /// The pool, as a place in `pools`, that keeps the rest until it opens.
    pub(super) rest: Option<usize>,
    /// Whether any time depends on the slot.
    pub(super) by_slot: bool,
}

impl Graph {
    pub(super) fn find(&self, name: &str) -> Option<usize> {
        self.pools.iter().position(|place| place.name == name)
    }

    /// Sums over the tree, inside out: `own` for each pool, combined with what its children have.
    pub(super) fn fold<T: Copy + Ord + std::iter::Sum>(&self, own: impl Fn(usize) -> T) -> Vec<T> {
        let mut all: Vec<Option<T>> = vec![None; self.pools.len()];
        for place in (0..self.pools.len()).rev() {
            let inside: T = self
                .pools
                .iter()
                .zip(&all)
                .filter(|(child, _)| child.parent == place + 1)
                .filter_map(|(_, value)| *value)
                .sum();
            let own = own(place);
            let pool = &self.pools[place].pool;
            let extra = pool.protection == Some(Protection::Extra);
            let additive = pool.stacking == Some(Stacking::Additive);
            all[place] =
                Some(if extra || additive { [own, inside].into_iter().sum() } else { own.max(inside) });
        }
        all.into_iter().flatten().collect()
    }
}

pub(super) fn check(document: &Document) -> Result<Graph, Wrong> {
    for tier in Tier::ALL {
        if let Some((0, name)) = document.slot_minutes_max.get(*tier).map(|(minutes, name)| (*minutes, name))
        {
            let reason = said!("a slot of 0 minutes cannot be published", "0 分钟的时段无法发布");
            return wrong(format!("slot_minutes_max.{name}"), reason);
        }
    }
    let mut pools = order(document)?;
    let (routes, strict) = route(document, &pools)?;
    for place in strict {
        pools[place].strict = true;
        let inside = pools.iter().find(|other| other.parent == place + 1);
        if let Some(inside) = inside {
            let reason = said!(
                "`spill = false` needs a pool of its own: pool `{inside}` is inside it",
                "`spill = false` 需要独立的号源池,而号源池 `{inside}` 在其中",
                inside = inside.name
            );
            return wrong_among(format!("pools.{}", pools[place].name), spills(document), reason);
        }
        if pools[place].pool.cap.is_some() {
            let reason = said!(
                "with `spill = false` the cap is the reserve; leave one of the two out",
                "`spill = false` 时上限即预留数;`spill` 与 `cap` 请去掉一个"
            );
            return wrong(format!("pools.{}.cap", pools[place].name), reason);
        }
    }
    for (at, place) in pools.iter().enumerate() {
        let reserves = Tier::ALL.iter().any(|tier| place.pool.reserve.get(*tier).is_some());
        let extra = |at: usize| pools[at].pool.protection == Some(Protection::Extra);
        if let Some(outer) = ancestors(&pools, at).filter(|_| reserves).find(|outer| extra(*outer)) {
            let reason = said!(
                "nothing can be guaranteed inside the extra pool `{outer}`",
                "`protection = \"extra\"` 的号源池 `{outer}` 内不能再设预留",
                outer = pools[outer].name
            );
            return wrong(format!("pools.{}.reserve", place.name), reason);
        }
    }
    let rest = check_rest(&pools)?;
    let mut graph = Graph { pools, routes, rest, by_slot: false };
    graph.by_slot = check_moments(document, &graph)?;
    check_sums(&graph)?;
    check_patients(document)?;
    check_day(document)?;
    Ok(graph)
}

/// The pools around a pool, inside out.
fn ancestors(pools: &[Place], at: usize) -> impl Iterator<Item = usize> + '_ {
    std::iter::successors(pools[at].parent.checked_sub(1), |outer| pools[*outer].parent.checked_sub(1))
}

/// Puts parents before children.
fn order(document: &Document) -> Result<Vec<Place>, Wrong> {
    let entries = &document.pools.0;
    if entries.is_empty() {
        let reason = said!(
            "a policy needs at least one pool; extend a preset or name the pools",
            "政策至少需要一个号源池;请扩展预置政策,或列出号源池"
        );
        return wrong("pools", reason);
    }
    if entries.len() >= NODES_MAX {
        let reason = said!(
            "there are {count} pools; a tree has room for {most}",
            "共有 {count} 个号源池;最多 {most} 个",
            count = entries.len(),
            most = NODES_MAX - 1
        );
        return wrong("pools", reason);
    }
    for (name, pool) in entries {
        let key = format!("pools.{name}");
        let word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 32 || !name.chars().all(word) {
            let reason = said!(
                "a pool's name has 1 to 32 of the characters A to Z, 0 to 9 and `_`",
                "号源池名称须为 1 至 32 个字符,只能用 A 至 Z、0 至 9 与 `_`"
            );
            return wrong(key, reason);
        }
        if name == "ROOT" {
            let reason = said!(
                "`ROOT` is all seats of the session and cannot be changed",
                "`ROOT` 即班次的全部号源,不能更改"
            );
            return wrong(key, reason);
        }
        match pool.parent.as_deref() {
            None => {
                let reason = said!(
                    "name the pool that contains it: `parent = \"ROOT\"`",
                    "请写明其上级号源池:`parent = \"ROOT\"`"
                );
                return wrong(key, reason);
            }
            Some("ROOT") => {}
            Some(parent) if document.pools.get(parent).is_some() => {}
            Some(parent) => return wrong(format!("{key}.parent"), no_pool(parent)),
        }
    }
    let mut places: Vec<Place> = Vec::new();
    let mut pending: Vec<(usize, &str)> = vec![(0, "ROOT")];
    while let Some((parent, parent_name)) = pending.pop() {
        // Depth first, siblings in the order of the file: the last one pushed is the next one placed.
        if parent_name != "ROOT" {
            let Some(pool) = document.pools.get(parent_name) else { continue };
            places.push(Place { name: parent_name.to_owned(), parent, pool: pool.clone(), strict: false });
        }
        let here = places.len();
        let children = entries.iter().filter(|(_, pool)| pool.parent.as_deref() == Some(parent_name));
        pending.extend(children.rev().map(|(name, _)| (here, name.as_str())));
    }
    if let Some((name, _)) = entries.iter().find(|(name, _)| !places.iter().any(|place| place.name == *name))
    {
        let reason = said!(
            "pool `{name}` is inside itself; break the cycle",
            "号源池 `{name}` 成了自己的上级;请解除循环",
            name
        );
        return wrong(format!("pools.{name}.parent"), reason);
    }
    Ok(places)
}

fn no_pool(name: &str) -> Said {
    said!("there is no pool `{name}`", "没有号源池 `{name}`", name)
}

/// Builds the routes; also says which pools are strict.
fn route(document: &Document, pools: &[Place]) -> Result<(Routes, Vec<usize>), Wrong> {
    let index = |key: &str, name: &str| match pools.iter().position(|place| place.name == name) {
        Some(place) => Ok(place),
        None => wrong(
            key,
            said!(
                "there is no pool `{name}`; name a pool or `none`",
                "没有号源池 `{name}`;请写号源池名称或 `none`",
                name
            ),
        ),
    };
    let Some(public) = document.routes.get(&Class::Public) else {
        let reason = said!("say at which pools the public books", "请写明公众在哪些号源池预约");
        return wrong("routes.public", reason);
    };
    if public.spill == Some(false) {
        let reason = said!(
            "the public has no other seats to keep away from",
            "公众没有另外的号源,此处不能设 `spill = false`"
        );
        return wrong("routes.public.spill", reason);
    }
    let mut routes = Routes::default();
    let (mut strict, mut spilling) = (Vec::new(), Vec::new());
    for class in Class::ALL {
        let nothing = RouteEntry::default();
        let entry = document.routes.get(class).unwrap_or(&nothing);
        let spill = entry.spill.unwrap_or(true);
        for channel in Channel::ALL {
            let public_pool = public.named(*channel);
            let own = match entry.named(*channel) {
                Some((NOBODY, name)) => {
                    let admits_public = public_pool.is_some_and(|(pool, _)| pool != NOBODY);
                    if spill && *class != Class::Public && admits_public {
                        let reason = said!(
                            "the public is admitted through this channel, and a privilege never takes away; name a \
                             pool, or say `spill = false`",
                            "公众可由此渠道预约,有优先资格者不应反受限制;请写号源池名称,或写 `spill = false`"
                        );
                        return wrong(format!("routes.{class}.{name}"), reason);
                    }
                    continue;
                }
                Some((pool, name)) => Some(index(&format!("routes.{class}.{name}"), pool)?),
                None => None,
            };
            // Where the public itself is not admitted, the right of the class still reaches the seats of the public.
            let shared = match public_pool {
                Some((NOBODY, _)) if own.is_some() => public.all.as_deref().map(|pool| (pool, "all")),
                other => other,
            };
            let shared = match shared.filter(|(pool, _)| spill && *pool != NOBODY) {
                Some((pool, name)) => Some(index(&format!("routes.public.{name}"), pool)?),
                None => None,
            };
            if let Some(own) = own {
                let list = if spill { &mut spilling } else { &mut strict };
                if !list.contains(&own) {
                    list.push(own);
                }
            }
            let route = match (own, shared) {
                (Some(own), Some(shared)) if own != shared => Route::two(node(own), node(shared)),
                (Some(only), _) | (None, Some(only)) => Route::one(node(only)),
                (None, None) => Route::NONE,
            };
            routes.set(*class, *channel, route);
        }
    }
    if strict.is_empty() && spilling.is_empty() {
        let reason = said!("nobody is admitted anywhere", "任何人都无法预约;请至少写一个号源池");
        return wrong("routes.public", reason);
    }
    if let Some(place) = strict.iter().find(|place| spilling.contains(place)) {
        let name = &pools[*place].name;
        let reason = said!(
            "one class may go beyond the reserve of pool `{name}` and another may not; give each a pool of its own",
            "号源池 `{name}` 的预留用完后,有的类别可用公共号源,有的不可;请为它们分设号源池",
            name
        );
        return wrong_among(format!("pools.{name}"), spills(document), reason);
    }
    Ok((routes, strict))
}

/// The keys that make a class strict.
fn spills(document: &Document) -> Vec<String> {
    let strict = document.routes.iter().filter(|(_, entry)| entry.spill == Some(false));
    strict.map(|(class, _)| format!("routes.{class}.spill")).collect()
}

/// The node of a pool's place.
pub(super) fn node(place: usize) -> NodeIndex {
    u8::try_from(place + 1).ok().and_then(NodeIndex::new).unwrap_or(NodeIndex::ROOT)
}

fn check_rest(pools: &[Place]) -> Result<Option<usize>, Wrong> {
    let mut keepers = (0..pools.len()).filter(|place| pools[*place].pool.rest == Some(true));
    let Some(rest) = keepers.next() else { return Ok(None) };
    let place = &pools[rest];
    let key = format!("pools.{}.rest", place.name);
    if let Some(second) = keepers.next() {
        let reason = said!(
            "pools `{name}` and `{second}` cannot both keep the rest",
            "号源池 `{name}` 与 `{second}` 不能都设 `rest`;剩余号源只能归一个号源池",
            name = place.name,
            second = pools[second].name
        );
        return wrong(format!("pools.{}.rest", pools[second].name), reason);
    }
    if place.parent != 0 || place.pool.protection == Some(Protection::Extra) {
        let reason = said!(
            "the pool that keeps the rest is a guarantee directly under `ROOT`",
            "设 `rest` 的号源池须直属 `ROOT`,且为 `guarantee`"
        );
        return wrong(key, reason);
    }
    if place.pool.opens.is_none() {
        let reason = said!(
            "the rest is kept until the pool opens: say when, with `opens`",
            "剩余号源保留至该号源池放号为止:请以 `opens` 写明放号时间"
        );
        return wrong(key, reason);
    }
    let reserves = |pool: &Pool| Tier::ALL.iter().any(|tier| pool.reserve.get(*tier).is_some());
    let inside = |at: usize| at == rest || ancestors(pools, at).any(|outer| outer == rest);
    if let Some(other) = (0..pools.len()).find(|at| inside(*at) && reserves(&pools[*at].pool)) {
        let reason = said!(
            "pool `{name}` keeps the rest, so nothing can be reserved in it",
            "号源池 `{name}` 保留全部剩余号源,其中不能再设预留",
            name = place.name
        );
        return wrong(format!("pools.{}.reserve", pools[other].name), reason);
    }
    Ok(Some(rest))
}

/// Checks every moment; says whether any depends on the slot.
fn check_moments(document: &Document, graph: &Graph) -> Result<bool, Wrong> {
    let mut by_slot = None;
    let mut look = |key: String, moment: &Moment| -> Result<(), Wrong> {
        let Moment::Before { reference, .. } = moment else { return Ok(()) };
        match reference {
            Reference::Cutoff if key == "booking.closes" => {
                let reason = said!("the cut-off cannot be counted from itself", "停挂时间不能相对于其自身");
                return wrong(key, reason);
            }
            Reference::Cutoff if document.booking.closes.is_none() => {
                let reason = said!(
                    "there is no cut-off; set `booking.closes`",
                    "没有停挂时间;请设置 `booking.closes`"
                );
                return wrong(key, reason);
            }
            Reference::SlotStart | Reference::SlotEnd => by_slot = by_slot.take().or(Some(key)),
            _ => {}
        }
        Ok(())
    };
    if let Some(closes) = &document.booking.closes {
        if matches!(closes, Moment::BeforePool { .. }) {
            let reason = said!(
                "the cut-off is relative to the session, not to a pool",
                "停挂时间须相对于班次,不能相对于号源池"
            );
            return wrong("booking.closes", reason);
        }
        look("booking.closes".to_owned(), closes)?;
    }
    for place in &graph.pools {
        let (name, pool) = (&place.name, &place.pool);
        if let Some(opens) = &pool.opens {
            look(format!("pools.{name}.opens"), opens)?;
            check_chain(graph, name)?;
        }
        if let Some(closes) = &pool.closes {
            let key = format!("pools.{name}.closes");
            if matches!(closes, Moment::BeforePool { .. }) {
                let reason = said!(
                    "a pool closes relative to the session or the cut-off, not to a pool",
                    "号源池的停挂须相对于班次或统一停挂时间,不能相对于另一号源池"
                );
                return wrong(key, reason);
            }
            look(key, closes)?;
        }
        for (step, release) in pool.release.iter().flatten().enumerate() {
            look(format!("pools.{name}.release[{step}]"), &release.moment)?;
        }
        for (step, pair) in pool.release.iter().flat_map(|steps| steps.windows(2)).enumerate() {
            if pair[1].keep > pair[0].keep {
                let reason = said!(
                    "a reserve only falls: a step cannot keep more than the one before it",
                    "预留只能减少:后一步保留的不能多于前一步"
                );
                return wrong(format!("pools.{name}.release[{}]", step + 1), reason);
            }
        }
    }
    if let (Some(key), Some(BlockScope::Session)) = (&by_slot, document.booking.scope) {
        let scope = vec!["booking.scope".to_owned()];
        return wrong_among(
            key,
            scope,
            said!(
                "with `booking.scope = \"session\"` the slots of a session have no times of their own",
                "`booking.scope = \"session\"` 时,班次的各时段没有各自的时间"
            ),
        );
    }
    check_deadlines(document, by_slot.as_deref() == Some("booking.closes"))?;
    Ok(by_slot.is_some())
}

/// Checks until when a patient may cancel.
fn check_deadlines(document: &Document, cutoff_by_slot: bool) -> Result<(), Wrong> {
    let cancels =
        document.cancel.grade.iter().map(|(grade, moment)| (format!("cancel.grade.{grade}"), moment));
    for (key, moment) in cancels.chain(document.cancel.until.iter().map(|m| ("cancel.until".to_owned(), m))) {
        match moment {
            Moment::Before { reference: Reference::SlotStart | Reference::SlotEnd, .. } => {
                let reason = said!(
                    "the deadline is the same for a whole session; use `session_start`",
                    "退号截止时间对整个班次相同;请用 `session_start`"
                );
                return wrong(key, reason);
            }
            Moment::Before { reference: Reference::Cutoff, .. } if cutoff_by_slot => {
                let reason = said!(
                    "the cut-off differs by slot and the deadline cannot; use `session_start`",
                    "停挂时间因时段而异,而退号截止时间不能;请用 `session_start`"
                );
                return wrong(key, reason);
            }
            Moment::BeforePool { .. } => {
                let reason = said!(
                    "the deadline is relative to the session, not to a pool",
                    "退号截止时间须相对于班次,不能相对于号源池"
                );
                return wrong(key, reason);
            }
            _ => {}
        }
    }
    Ok(())
}

/// Follows "so many days before that pool opens" to its end.
fn check_chain(graph: &Graph, name: &str) -> Result<(), Wrong> {
    let key = format!("pools.{name}.opens");
    let mut at = name;
    let mut passed = Vec::new();
    for _ in 0..=graph.pools.len() {
        passed.push(format!("pools.{at}.opens"));
        let opens = graph.find(at).and_then(|place| graph.pools[place].pool.opens.as_ref());
        match opens {
            Some(Moment::BeforePool { pool, .. }) if graph.find(pool).is_none() => {
                return wrong(key, no_pool(pool));
            }
            Some(Moment::BeforePool { pool, .. }) => at = pool,
            Some(_) => return Ok(()),
            None => {
                let reason = said!(
                    "pool `{at}` has no opening time of its own to count from",
                    "号源池 `{at}` 没有自己的放号时间,无法据此推算",
                    at
                );
                return wrong_among(key, passed, reason);
            }
        }
    }
    let reason =
        said!("the opening times count from each other in a circle", "各号源池的放号时间互相推算,成了循环");
    wrong_among(key, passed, reason)
}

/// Shares that cannot be met in any session.
fn check_sums(graph: &Graph) -> Result<(), Wrong> {
    for tier in Tier::ALL {
        for grade in Grade::ALL {
            let share = |place: usize| -> u64 {
                let reserve = graph.pools[place].pool.reserve.get(*tier).map(|(reserve, _)| reserve);
                match reserve.filter(|r| r.grades.as_ref().is_none_or(|grades| grades.contains(grade))) {
                    Some(reserve) => match reserve.amount {
                        Amount::Share(share) => u64::from(share.get()),
                        Amount::Seats(_) => 0,
                    },
                    None => 0,
                }
            };
            let all = graph.fold(share);
            let key = |place: usize| {
                let name = graph.pools[place].pool.reserve.get(*tier).map_or("all", |(_, name)| name);
                format!("pools.{}.reserve.{name}", graph.pools[place].name)
            };
            let top = graph.pools.iter().zip(&all).filter(|(place, _)| place.parent == 0);
            let sum: u64 = top.map(|(_, share)| *share).sum();
            if sum > 10_000 {
                let reserving: Vec<usize> =
                    (0..graph.pools.len()).filter(|place| share(*place) > 0).collect();
                let parts = reserving.iter().map(|place| {
                    Said::same(format_args!("{} {}", graph.pools[*place].name, percent(share(*place))))
                });
                let reason = said!(
                    "in sessions of grade `{grade}` at a {tier} institution the reserves ask for {sum} of the seats ({parts})",
                    "{tier}机构的 `{grade}` 班次中,各预留合计占号源的 {sum}({parts})",
                    grade,
                    tier,
                    sum = percent(sum),
                    parts = Said::list(parts)
                );
                let mut keys: Vec<String> = reserving.into_iter().rev().map(key).collect();
                return wrong_among(keys.swap_remove(0), keys, reason);
            }
            for (place, reserved) in all.iter().enumerate() {
                for outer in std::iter::once(place).chain(ancestors(&graph.pools, place)) {
                    let outer = &graph.pools[outer];
                    let Some(Amount::Share(cap)) = outer.pool.cap.map(|cap| cap.0) else { continue };
                    if *reserved > u64::from(cap.get()) {
                        let reason = said!(
                            "pool `{name}` reserves {reserved} in sessions of grade `{grade}`, more than the cap of pool `{outer}` ({cap})",
                            "号源池 `{name}` 在 `{grade}` 班次中预留 {reserved},超过号源池 `{outer}` 的上限({cap})",
                            name = graph.pools[place].name,
                            reserved = percent(*reserved),
                            grade,
                            outer = outer.name,
                            cap = percent(u64::from(cap.get()))
                        );
                        return wrong_among(format!("pools.{}.cap", outer.name), vec![key(place)], reason);
                    }
                }
            }
        }
    }
    Ok(())
}

pub(super) fn percent(basis_points: u64) -> String {
    match basis_points % 100 {
        0 => format!("{} %", basis_points / 100),
        rest => format!("{}.{rest:02} %", basis_points / 100),
    }
}

fn check_patients(document: &Document) -> Result<(), Wrong> {
    for channel in Channel::ALL {
        let Some((length, name)) = document.hold.length(*channel) else {
            return wrong("hold.all", said!("say how long a hold lives", "请写明锁号时长"));
        };
        if u32::try_from(length.ms()).map_or(true, |ms| !HOLD_MS.contains(&ms)) {
            let reason = said!("a hold lives one second to seven days", "锁号时长须为 1 秒至 7 天");
            return wrong(format!("hold.{name}"), reason);
        }
    }
    let most = |key: &str, value: Option<u8>| match value {
        Some(0) => {
            let reason = said!("0 would admit nobody", "0 将使任何人都无法预约");
            wrong(format!("hold.{key}"), reason)
        }
        Some(value) => Ok(value),
        None => {
            let reason = said!(
                "say how many unpaid holds a patient may have",
                "请写明每位患者最多可有几个待支付的锁号"
            );
            wrong(format!("hold.{key}"), reason)
        }
    };
    if most("per_session", document.hold.per_session)? > most("per_patient", document.hold.per_patient)? {
        let reason = said!(
            "a patient cannot have more holds in one session than altogether",
            "每位患者在一个班次的锁号上限不能超过其锁号总上限"
        );
        return wrong_among("hold.per_session", vec!["hold.per_patient".to_owned()], reason);
    }
    let limits = document.limits.as_deref().unwrap_or_default();
    for (place, limit) in limits.iter().enumerate() {
        let key = format!("limits[{place}]");
        if limits[..place].iter().any(|other| (other.scope, other.span) == (limit.scope, limit.span)) {
            let reason = said!(
                "the same scope and time are limited twice; keep one of the two",
                "同一范围与期间有两条限额;请保留一条"
            );
            return wrong(key, reason);
        }
        let narrower = |other: LimitScope| match limit.scope {
            LimitScope::Platform => true,
            LimitScope::Institution => other != LimitScope::Platform,
            _ => other == limit.scope,
        };
        let shorter = |other: Span| match (other, limit.span) {
            (Span::Days(a), Span::Days(b)) => a <= b,
            (Span::Period(a), Span::Period(b)) => a == b,
            _ => false,
        };
        let idle = |other: &&super::schema::LimitEntry| {
            **other != *limit && narrower(other.scope) && shorter(other.span) && other.most > limit.most
        };
        if let Some(other) = limits.iter().find(idle) {
            let reason = said!(
                "at most {most} here makes the narrower limit of {other} meaningless; correct one of the two",
                "此处最多 {most},使范围更小的限额 {other} 失去意义;请改正其中之一",
                most = limit.most,
                other = other.most
            );
            return wrong(key, reason);
        }
    }
    for (name, length) in [("buffer", document.overlap.buffer), ("travel", document.overlap.travel)] {
        if length.is_some_and(|length| length.ms() > crate::instant::DAY) {
            let reason =
                said!("visits cannot have to be more than a day apart", "两次就诊的间隔要求不能超过一天");
            return wrong(format!("overlap.{name}"), reason);
        }
    }
    for (place, class) in document.tickets.free.iter().flatten().enumerate() {
        if !class.needs_ticket() {
            let reason =
                said!("class `{class}` never needs a ticket", "类别 `{class}` 本来就不需要凭证", class);
            return wrong(format!("tickets.free[{place}]"), reason);
        }
    }
    let holidays = &document.holidays;
    for (place, date) in holidays.working.iter().flatten().enumerate() {
        if holidays.dates.iter().flatten().any(|other| other == date) {
            let reason = said!("this day is a public holiday too", "此日同时列为节假日;请只保留一处");
            return wrong(format!("holidays.working[{place}]"), reason);
        }
    }
    Ok(())
}

fn check_day(document: &Document) -> Result<(), Wrong> {
    let ladders = [
        ("no_show.ladder", &document.no_show.ladder),
        ("cancel_abuse.cancels", &document.cancel_abuse.cancels),
        ("cancel_abuse.same_day_returns", &document.cancel_abuse.same_day_returns),
    ];
    for (key, ladder) in ladders {
        for (place, pair) in ladder.iter().flat_map(|steps| steps.windows(2)).enumerate() {
            if pair[1].span == pair[0].span && pair[1].count <= pair[0].count {
                let reason =
                    said!("each step counts higher than the one before it", "每一步的次数须多于前一步");
                return wrong(format!("{key}[{}]", place + 1), reason);
            }
        }
    }
    if document.calling.booked_per_walk_in == Some(0) {
        let reason = said!("0 would call walk-ins only; the least is 1", "0 将只叫现场号;最小为 1");
        return wrong("calling.booked_per_walk_in", reason);
    }
    if let Some(
        Moment::Before { reference: Reference::SlotStart | Reference::SlotEnd, .. }
        | Moment::BeforePool { .. },
    ) = document.waitlist.cleared
    {
        let reason = said!("a waitlist is cleared relative to the session", "候补清空时间须相对于班次");
        return wrong("waitlist.cleared", reason);
    }
    let waitlist = &document.waitlist;
    if waitlist.curfew.is_some_and(|hours| (hours.from.ms() - hours.to.ms()) % crate::instant::DAY == 0) {
        let reason = said!(
            "a curfew of no hours, or of all: leave it out or let an hour be left",
            "时段为空或为全天;请去掉此项或留出可答复的时间"
        );
        return wrong("waitlist.curfew", reason);
    }
    for (name, none) in [
        ("offer", waitlist.offer.is_some_and(|offer| offer.ms() == 0)),
        ("per_patient", waitlist.per_patient == Some(0)),
        ("per_session", waitlist.per_session == Some(0)),
    ] {
        if none {
            let reason =
                said!("0 would admit nobody; leave the section out", "0 将使任何人都无法候补;请去掉此项");
            return wrong(format!("waitlist.{name}"), reason);
        }
    }
    if let Some(delay) = document.anti_scalping.reappears_after {
        if delay.least > delay.most {
            let reason = said!("`least` is more than `most`", "`least` 不能大于 `most`");
            return wrong("anti_scalping.reappears_after", reason);
        }
    }
    Ok(())
}

//! What a policy must satisfy before any session is seen.

use super::schema::{
    Amount, BlockScope, Document, LimitScope, Moment, NOBODY, Pool, Reference, RouteEntry, Span, Stacking,
};
use crate::ids::NodeIndex;
use crate::pool::{NODES_MAX, Protection, Route, Routes};
use crate::rules::HOLD_MS;
use crate::terms::{Channel, Class, Grade, Tier};

/// A key and what is wrong with it.
#[derive(Debug)]
pub(super) struct Wrong {
    pub(super) key: String,
    /// The other keys of a contradiction: the file that was just written is blamed, not the preset below it.
    pub(super) also: Vec<String>,
    pub(super) reason: String,
}

fn wrong<T>(key: impl Into<String>, reason: impl Into<String>) -> Result<T, Wrong> {
    wrong_among(key, Vec::new(), reason)
}

fn wrong_among<T>(key: impl Into<String>, also: Vec<String>, reason: impl Into<String>) -> Result<T, Wrong> {
    Err(Wrong { key: key.into(), also, reason: reason.into() })
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
            return wrong(format!("slot_minutes_max.{name}"), "a slot of 0 minutes cannot be published");
        }
    }
    let mut pools = order(document)?;
    let (routes, strict) = route(document, &pools)?;
    for place in strict {
        pools[place].strict = true;
        let inside = pools.iter().find(|other| other.parent == place + 1);
        if let Some(inside) = inside {
            let reason =
                format!("`spill = false` needs a pool of its own: pool `{}` is inside it", inside.name);
            return wrong_among(format!("pools.{}", pools[place].name), spills(document), reason);
        }
        if pools[place].pool.cap.is_some() {
            let reason = "with `spill = false` the cap is the reserve; leave one of the two out";
            return wrong(format!("pools.{}.cap", pools[place].name), reason);
        }
    }
    for (at, place) in pools.iter().enumerate() {
        let reserves = Tier::ALL.iter().any(|tier| place.pool.reserve.get(*tier).is_some());
        let extra = |at: usize| pools[at].pool.protection == Some(Protection::Extra);
        if let Some(outer) = ancestors(&pools, at).filter(|_| reserves).find(|outer| extra(*outer)) {
            let reason = format!("nothing can be guaranteed inside the extra pool `{}`", pools[outer].name);
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
        return wrong("pools", "a policy needs at least one pool; extend a preset or name the pools");
    }
    if entries.len() >= NODES_MAX {
        let reason = format!("there are {} pools; a tree has room for {}", entries.len(), NODES_MAX - 1);
        return wrong("pools", reason);
    }
    for (name, pool) in entries {
        let key = format!("pools.{name}");
        let word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 32 || !name.chars().all(word) {
            return wrong(key, "a pool's name has 1 to 32 of the characters A to Z, 0 to 9 and `_`");
        }
        if name == "ROOT" {
            return wrong(key, "`ROOT` is all seats of the session and cannot be changed");
        }
        match pool.parent.as_deref() {
            None => return wrong(key, "name the pool that contains it: `parent = \"ROOT\"`"),
            Some("ROOT") => {}
            Some(parent) if document.pools.get(parent).is_some() => {}
            Some(parent) => return wrong(format!("{key}.parent"), format!("there is no pool `{parent}`")),
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
        return wrong(
            format!("pools.{name}.parent"),
            format!("pool `{name}` is inside itself; break the cycle"),
        );
    }
    Ok(places)
}

/// Builds the routes; also says which pools are strict.
fn route(document: &Document, pools: &[Place]) -> Result<(Routes, Vec<usize>), Wrong> {
    let index = |key: &str, name: &str| match pools.iter().position(|place| place.name == name) {
        Some(place) => Ok(place),
        None => wrong(key, format!("there is no pool `{name}`; name a pool or `none`")),
    };
    let Some(public) = document.routes.get(&Class::Public) else {
        return wrong("routes.public", "say at which pools the public books");
    };
    if public.spill == Some(false) {
        return wrong("routes.public.spill", "the public has no other seats to keep away from");
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
                        let reason = "the public is admitted through this channel, and a privilege never takes \
                                      away; name a pool, or say `spill = false`";
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
        return wrong("routes.public", "nobody is admitted anywhere");
    }
    if let Some(place) = strict.iter().find(|place| spilling.contains(place)) {
        let name = &pools[*place].name;
        let reason = format!(
            "one class may go beyond the reserve of pool `{name}` and another may not; give each a pool of its own"
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
        let reason = format!("pools `{}` and `{}` cannot both keep the rest", place.name, pools[second].name);
        return wrong(format!("pools.{}.rest", pools[second].name), reason);
    }
    if place.parent != 0 || place.pool.protection == Some(Protection::Extra) {
        return wrong(key, "the pool that keeps the rest is a guarantee directly under `ROOT`");
    }
    if place.pool.opens.is_none() {
        return wrong(key, "the rest is kept until the pool opens: say when, with `opens`");
    }
    let reserves = |pool: &Pool| Tier::ALL.iter().any(|tier| pool.reserve.get(*tier).is_some());
    let inside = |at: usize| at == rest || ancestors(pools, at).any(|outer| outer == rest);
    if let Some(other) = (0..pools.len()).find(|at| inside(*at) && reserves(&pools[*at].pool)) {
        let reason = format!("pool `{}` keeps the rest, so nothing can be reserved in it", place.name);
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
                return wrong(key, "the cut-off cannot be counted from itself");
            }
            Reference::Cutoff if document.booking.closes.is_none() => {
                return wrong(key, "there is no cut-off; set `booking.closes`");
            }
            Reference::SlotStart | Reference::SlotEnd => by_slot = by_slot.take().or(Some(key)),
            _ => {}
        }
        Ok(())
    };
    if let Some(closes) = &document.booking.closes {
        if matches!(closes, Moment::BeforePool { .. }) {
            return wrong("booking.closes", "the cut-off is relative to the session, not to a pool");
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
                return wrong(key, "a pool closes relative to the session or the cut-off, not to a pool");
            }
            look(key, closes)?;
        }
        for (step, release) in pool.release.iter().flatten().enumerate() {
            look(format!("pools.{name}.release[{step}]"), &release.moment)?;
        }
        for (step, pair) in pool.release.iter().flat_map(|steps| steps.windows(2)).enumerate() {
            if pair[1].keep > pair[0].keep {
                let reason = "a reserve only falls: a step cannot keep more than the one before it";
                return wrong(format!("pools.{name}.release[{}]", step + 1), reason);
            }
        }
    }
    if let (Some(key), Some(BlockScope::Session)) = (&by_slot, document.booking.scope) {
        let scope = vec!["booking.scope".to_owned()];
        return wrong_among(
            key,
            scope,
            "with `booking.scope = \"session\"` the slots of a session have no times of their own",
        );
    }
    let cancels =
        document.cancel.grade.iter().map(|(grade, moment)| (format!("cancel.grade.{grade}"), moment));
    for (key, moment) in cancels.chain(document.cancel.until.iter().map(|m| ("cancel.until".to_owned(), m))) {
        match moment {
            Moment::Before { reference: Reference::SlotStart | Reference::SlotEnd, .. } => {
                return wrong(key, "the deadline is the same for a whole session; use `session_start`");
            }
            Moment::Before { reference: Reference::Cutoff, .. }
                if by_slot.as_deref() == Some("booking.closes") =>
            {
                return wrong(
                    key,
                    "the cut-off differs by slot and the deadline cannot; use `session_start`",
                );
            }
            Moment::BeforePool { .. } => {
                return wrong(key, "the deadline is relative to the session, not to a pool");
            }
            _ => {}
        }
    }
    Ok(by_slot.is_some())
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
                return wrong(key, format!("there is no pool `{pool}`"));
            }
            Some(Moment::BeforePool { pool, .. }) => at = pool,
            Some(_) => return Ok(()),
            None => {
                return wrong_among(
                    key,
                    passed,
                    format!("pool `{at}` has no opening time of its own to count from"),
                );
            }
        }
    }
    wrong_among(key, passed, "the opening times count from each other in a circle")
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
                let parts: Vec<String> = reserving
                    .iter()
                    .map(|place| format!("{} {}", graph.pools[*place].name, percent(share(*place))))
                    .collect();
                let reason = format!(
                    "in sessions of grade `{grade}` at a {tier} institution the reserves ask for {} of the seats ({})",
                    percent(sum),
                    parts.join(", ")
                );
                let mut keys: Vec<String> = reserving.into_iter().rev().map(key).collect();
                return wrong_among(keys.swap_remove(0), keys, reason);
            }
            for (place, reserved) in all.iter().enumerate() {
                for outer in std::iter::once(place).chain(ancestors(&graph.pools, place)) {
                    let outer = &graph.pools[outer];
                    let Some(Amount::Share(cap)) = outer.pool.cap.map(|cap| cap.0) else { continue };
                    if *reserved > u64::from(cap.get()) {
                        let reason = format!(
                            "pool `{}` reserves {} in sessions of grade `{grade}`, more than the cap of pool `{}` ({})",
                            graph.pools[place].name,
                            percent(*reserved),
                            outer.name,
                            percent(u64::from(cap.get()))
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
            return wrong("hold.all", "say how long a hold lives");
        };
        if u32::try_from(length.ms()).map_or(true, |ms| !HOLD_MS.contains(&ms)) {
            return wrong(format!("hold.{name}"), "a hold lives one second to seven days");
        }
    }
    let most = |key: &str, value: Option<u8>| match value {
        Some(0) => wrong(format!("hold.{key}"), "0 would admit nobody"),
        Some(value) => Ok(value),
        None => wrong(format!("hold.{key}"), "say how many unpaid holds a patient may have"),
    };
    if most("per_session", document.hold.per_session)? > most("per_patient", document.hold.per_patient)? {
        let reason = "a patient cannot have more holds in one session than altogether";
        return wrong_among("hold.per_session", vec!["hold.per_patient".to_owned()], reason);
    }
    let limits = document.limits.as_deref().unwrap_or_default();
    for (place, limit) in limits.iter().enumerate() {
        let key = format!("limits[{place}]");
        if limits[..place].iter().any(|other| (other.scope, other.span) == (limit.scope, limit.span)) {
            return wrong(key, "the same scope and time are limited twice; keep one of the two");
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
            let reason = format!(
                "at most {} here makes the narrower limit of {} meaningless; correct one of the two",
                limit.most, other.most
            );
            return wrong(key, reason);
        }
    }
    for (name, length) in [("buffer", document.overlap.buffer), ("travel", document.overlap.travel)] {
        if length.is_some_and(|length| length.ms() > crate::instant::DAY) {
            return wrong(format!("overlap.{name}"), "visits cannot have to be more than a day apart");
        }
    }
    for (place, class) in document.tickets.free.iter().flatten().enumerate() {
        if !class.needs_ticket() {
            return wrong(format!("tickets.free[{place}]"), format!("class `{class}` never needs a ticket"));
        }
    }
    let holidays = &document.holidays;
    for (place, date) in holidays.working.iter().flatten().enumerate() {
        if holidays.dates.iter().flatten().any(|other| other == date) {
            return wrong(format!("holidays.working[{place}]"), "this day is a public holiday too");
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
                return wrong(
                    format!("{key}[{}]", place + 1),
                    "each step counts higher than the one before it",
                );
            }
        }
    }
    if document.calling.booked_per_walk_in == Some(0) {
        return wrong("calling.booked_per_walk_in", "0 would call walk-ins only; the least is 1");
    }
    if let Some(
        Moment::Before { reference: Reference::SlotStart | Reference::SlotEnd, .. }
        | Moment::BeforePool { .. },
    ) = document.waitlist.cleared
    {
        return wrong("waitlist.cleared", "a waitlist is cleared relative to the session");
    }
    let waitlist = &document.waitlist;
    for (name, none) in [
        ("offer", waitlist.offer.is_some_and(|offer| offer.ms() == 0)),
        ("per_patient", waitlist.per_patient == Some(0)),
        ("per_session", waitlist.per_session == Some(0)),
    ] {
        if none {
            return wrong(format!("waitlist.{name}"), "0 would admit nobody; leave the section out");
        }
    }
    if let Some(delay) = document.anti_scalping.reappears_after {
        if delay.least > delay.most {
            return wrong("anti_scalping.reappears_after", "`least` is more than `most`");
        }
    }
    Ok(())
}

//! From a session to a plan: amounts, slots, times.

use super::check::{Graph, node};
use super::schema::{
    Amount, AntiScalping, Back, BlockScope, LateCancel, Length, LimitScope, Moment, Period, Reference, Span,
    WaitOrder, Waitlist,
};
use super::{Policy, PolicyError, PublishRefusal, blame, locate_in};
use crate::apportion::{Carry, CarryLedger, CarryScope, Month, Rounding, spread, spread_all};
use crate::civil;
use crate::day::{CancelRules, Curfew, DayRules, ExtraRules, NoticeRules, ReturnRules, WaitlistRules};
use crate::ids::{NodeIndex, SlotIndex};
use crate::instant::{DAY, Day, HOUR, MINUTE};
use crate::plan::{Blocks, Plan, Session};
use crate::pool::{Fence, Node, PoolTree, Protection, TreeError};
use crate::rules::{Limit, Rules, Scope, Window};
use crate::said;
use crate::said::{Said, Speak};
use crate::terms::{Channel, Grade, Kind, Tier};

/// What each pool gets in a session.
struct Amounts {
    /// The guaranteed minimum of each pool, what is reserved inside included; 0 for a pool that reserves nothing itself.
    minimum: Vec<u32>,
    /// The seats that are only this pool's: the minima less those of the pools inside. A partition, with `rest`.
    part: Vec<u32>,
    /// The seats that nobody reserves.
    rest: u32,
    /// The most live seats of each pool.
    cap: Vec<Option<u32>>,
}

pub(super) fn compile(
    policy: &Policy,
    session: Session,
    tier: Tier,
    ledger: &CarryLedger,
) -> Result<(Plan, Vec<Carry>), PublishRefusal> {
    session.check().map_err(|error| policy.refuse(format!("session `{}`", session.code), error.said()))?;
    check_precision(policy, &session, tier)?;
    let (amounts, carries) = amounts(policy, &session, tier, ledger)?;
    let whole = whole_session(policy, &session, &amounts)?;
    let trees = if whole {
        vec![session_tree(policy, &session, &amounts)?]
    } else {
        slot_trees(policy, &session, &amounts)?
    };
    let blocks = match <[PoolTree; 1]>::try_from(trees) {
        Ok([tree]) if whole => Blocks::WholeSession(tree),
        Ok([tree]) => Blocks::PerSlot(vec![tree]),
        Err(trees) => Blocks::PerSlot(trees),
    };
    let rules = rules(policy, &session);
    let plan = Plan { session, blocks, rules };
    plan.check().map_err(|error| policy.refuse(format!("session `{}`", plan.session.code), error.said()))?;
    Ok((plan, carries))
}

/// The precision rule of the tier: how long a slot may be.
fn check_precision(policy: &Policy, session: &Session, tier: Tier) -> Result<(), PublishRefusal> {
    let Some((minutes, name)) = policy.document.slot_minutes_max.get(tier) else { return Ok(()) };
    if i64::from(session.slot_ms) <= i64::from(*minutes) * MINUTE {
        return Ok(());
    }
    let length = i64::from(session.slot_ms) / MINUTE;
    let reason = said!(
        "session `{code}` has slots of {length} minutes; a {tier} institution books in slots of at most {minutes}",
        "班次 `{code}` 的时段为 {length} 分钟;{tier}机构的时段最长 {minutes} 分钟",
        code = session.code,
        length,
        tier,
        minutes
    );
    Err(policy.refuse(format!("slot_minutes_max.{name}"), reason))
}

fn amounts(
    policy: &Policy,
    session: &Session,
    tier: Tier,
    ledger: &CarryLedger,
) -> Result<(Amounts, Vec<Carry>), PublishRefusal> {
    let graph = &policy.graph;
    let seats = session.seats();
    let small = u32::from(policy.document.booking.small_session.unwrap_or(0));
    let (year, month) = session.day().year_month();
    let mut carries = Vec::new();
    let mut own = vec![0u32; graph.pools.len()];
    let mut last = None;
    for (at, place) in graph.pools.iter().enumerate() {
        let Some((reserve, name)) = place.pool.reserve.get(tier) else { continue };
        if reserve.grades.as_ref().is_some_and(|grades| !grades.contains(&session.grade)) {
            continue;
        }
        let amount = match reserve.amount {
            Amount::Seats(seats) => u32::from(seats),
            Amount::Share(share) => match reserve.rounding.resolve(seats, small) {
                Rounding::Carry | Rounding::Auto => {
                    let scope = CarryScope {
                        institution: session.institution,
                        policy: policy.name.clone(),
                        pool: place.name.clone(),
                        grade: session.grade,
                    };
                    let carry = ledger.work_out(scope, Month { year, month }, share, seats);
                    let amount = carry.amount();
                    carries.push(carry);
                    amount
                }
                Rounding::Ceil => share.ceil(seats),
                Rounding::Nearest => share.nearest(seats),
                Rounding::Floor => share.floor(seats),
            },
        };
        own[at] = amount;
        if amount > 0 {
            last = Some(format!("pools.{}.reserve.{name}", place.name));
        }
    }
    let is_extra = |at: usize| graph.pools[at].pool.protection == Some(Protection::Extra);
    // An extra reserve is no part of a guarantee around it, so it is counted beside the fold.
    let guaranteed = graph.fold(|at| if is_extra(at) { 0 } else { own[at] });
    let part: Vec<u32> = (0..graph.pools.len())
        .map(|at| {
            let inside: u32 = (0..graph.pools.len())
                .filter(|c| graph.pools[*c].parent == at + 1)
                .map(|c| guaranteed[c])
                .sum();
            if is_extra(at) { own[at] } else { guaranteed[at] - inside }
        })
        .collect();
    let reserved: u32 = part.iter().sum();
    if reserved > seats {
        let pools = own
            .iter()
            .zip(&graph.pools)
            .filter(|(amount, _)| **amount > 0)
            .map(|(amount, place)| Said::same(format_args!("{} {amount}", place.name)));
        let reason = said!(
            "session `{code}` has {seats} seats and its reserves ask for {reserved} ({pools})",
            "班次 `{code}` 共 {seats} 个号,而预留合计 {reserved} 个({pools})",
            code = session.code,
            seats,
            reserved,
            pools = Said::list(pools)
        );
        return Err(policy.refuse(last.unwrap_or_default(), reason));
    }
    let minimum: Vec<u32> = (0..graph.pools.len())
        .map(|at| if is_extra(at) || own[at] == 0 { own[at] } else { guaranteed[at] })
        .collect();
    let mut cap = Vec::with_capacity(graph.pools.len());
    for (at, place) in graph.pools.iter().enumerate() {
        let most = match place.pool.cap.map(|cap| cap.0) {
            Some(Amount::Share(share)) => Some(share.floor(seats)),
            Some(Amount::Seats(most)) => Some(u32::from(most).min(seats)),
            None if place.strict => Some(minimum[at]),
            None => None,
        };
        let inside = if is_extra(at) { own[at] } else { guaranteed[at] };
        if most.is_some_and(|most| inside > most) {
            let reason = said!(
                "session `{code}` reserves {inside} seats in pool `{name}`",
                "班次 `{code}` 在号源池 `{name}` 中预留 {inside} 个号,超过上限",
                code = session.code,
                inside,
                name = place.name
            );
            return Err(policy.refuse(format!("pools.{}.cap", place.name), reason));
        }
        cap.push(most);
    }
    Ok((Amounts { minimum, part, rest: seats - reserved, cap }, carries))
}

/// Whether one tree decides for the whole session.
fn whole_session(policy: &Policy, session: &Session, amounts: &Amounts) -> Result<bool, PublishRefusal> {
    let seats = session.seats();
    let uniform = session.capacity.iter().all(|c| *c == session.capacity[0]);
    let fits = uniform && seats <= u32::from(crate::ids::SEATS_MAX);
    let reserved = i64::from(seats - amounts.rest);
    let length = session.time.to.ms() - session.time.from.ms();
    match policy.document.booking.scope.unwrap_or_default() {
        BlockScope::Slot => Ok(false),
        BlockScope::Session if fits => Ok(true),
        BlockScope::Session => Err(policy.refuse(
            "booking.scope",
            said!(
                "session `{code}` cannot be decided as a whole: that needs at most {most} seats, the same number in each slot",
                "班次 `{code}` 不能按整个班次裁决:需最多 {most} 个号,且各时段号数相同",
                code = session.code,
                most = crate::ids::SEATS_MAX
            ),
        )),
        BlockScope::Auto => {
            let small = seats < u32::from(policy.document.booking.small_session.unwrap_or(0));
            let sparse = reserved > 0 && reserved * HOUR < length;
            Ok(fits && small && sparse && !policy.graph.by_slot)
        }
    }
}

fn session_tree(policy: &Policy, session: &Session, amounts: &Amounts) -> Result<PoolTree, PublishRefusal> {
    let frame = Frame::new(policy, session);
    let capacity = u8::try_from(session.seats()).unwrap_or(u8::MAX);
    tree(
        policy,
        session,
        &Block {
            capacity,
            minimum: &amounts.minimum,
            rest: amounts.rest,
            cap: &amounts.cap,
            times: &frame.times(None),
            end: frame.end,
        },
    )
}

fn slot_trees(
    policy: &Policy,
    session: &Session,
    amounts: &Amounts,
) -> Result<Vec<PoolTree>, PublishRefusal> {
    let graph = &policy.graph;
    let pools = graph.pools.len();
    let reserving: Vec<usize> = (0..pools).filter(|at| amounts.part[*at] > 0).collect();
    // One reserve is spread by cumulative rounding; several at once need the rest as a partner.
    let parts: Vec<Vec<u8>> = match reserving[..] {
        [] => vec![vec![0; pools]; session.capacity.len()],
        [only] => spread(amounts.part[only], &session.capacity)
            .into_iter()
            .map(|seats| {
                let mut row = vec![0; pools];
                row[only] = seats;
                row
            })
            .collect(),
        _ => {
            let totals: Vec<u32> = amounts.part.iter().copied().chain([amounts.rest]).collect();
            spread_all(&totals, &session.capacity)
        }
    };
    let caps: Vec<Option<Vec<u8>>> =
        amounts.cap.iter().map(|cap| cap.map(|most| spread(most, &session.capacity))).collect();
    let frame = Frame::new(policy, session);
    let same_times = (!graph.by_slot).then(|| frame.times(None));
    let mut trees = Vec::with_capacity(session.capacity.len());
    for (slot, capacity) in session.capacity.iter().enumerate() {
        let row = &parts[slot];
        let inside = inside_sums(graph, row);
        let minimum: Vec<u32> =
            (0..pools).map(|at| if amounts.minimum[at] == 0 { 0 } else { inside[at] }).collect();
        let rest = u32::from(*capacity) - row[..pools].iter().map(|r| u32::from(*r)).sum::<u32>();
        // Cap and reserve are spread each by itself, so a slot's cap may fall short of its reserve by a seat; a strict
        // pool is capped by its reserve slot by slot.
        let cap: Vec<Option<u32>> = (0..pools)
            .map(|at| {
                let spread = u32::from(caps[at].as_ref()?[slot]);
                Some(if graph.pools[at].strict { inside[at] } else { spread.max(inside[at]) })
            })
            .collect();
        let index = u16::try_from(slot).ok().and_then(SlotIndex::new).unwrap_or_default();
        let time = session.slot_time(index);
        let origin = session.origin().ms();
        let window = (time.from.ms() - origin, time.to.ms() - origin);
        let own_times;
        let times = if let Some(times) = &same_times {
            times
        } else {
            own_times = frame.times(Some(window));
            &own_times
        };
        let block = Block { capacity: *capacity, minimum: &minimum, rest, cap: &cap, times, end: window.1 };
        trees.push(tree(policy, session, &block)?);
    }
    Ok(trees)
}

/// The seats of each pool and of the guarantees inside it.
fn inside_sums(graph: &Graph, row: &[u8]) -> Vec<u32> {
    let mut sums: Vec<u32> = row[..graph.pools.len()].iter().map(|r| u32::from(*r)).collect();
    for at in (0..graph.pools.len()).rev() {
        let place = &graph.pools[at];
        if place.parent > 0 && place.pool.protection != Some(Protection::Extra) {
            sums[place.parent - 1] += sums[at];
        }
    }
    sums
}

/// What one tree decides over.
struct Block<'a> {
    capacity: u8,
    minimum: &'a [u32],
    rest: u32,
    cap: &'a [Option<u32>],
    times: &'a [Times],
    end: i64,
}

fn tree(policy: &Policy, session: &Session, block: &Block<'_>) -> Result<PoolTree, PublishRefusal> {
    let graph = &policy.graph;
    let seats = |value: u32| u8::try_from(value).unwrap_or(u8::MAX);
    let mut nodes = Vec::with_capacity(graph.pools.len() + 1);
    // Nothing is sold after the slot has ended, whatever the pools say.
    nodes.push(Node { closes: block.end, ..Node::plain("ROOT", NodeIndex::ROOT) });
    for (at, place) in graph.pools.iter().enumerate() {
        let times = &block.times[at];
        let (opens, closes) = if times.opens < times.closes.min(block.end) {
            (times.opens, times.closes)
        } else {
            (block.end, block.end + 1)
        };
        let is_rest = graph.rest == Some(at);
        let guarantee = if is_rest { block.rest } else { block.minimum[at] };
        let fences = if is_rest {
            vec![Fence { from: times.opens, seats: 0 }]
        } else if guarantee == 0 {
            Vec::new()
        } else {
            let kept = |step: &(i64, crate::apportion::BasisPoints)| Fence {
                from: step.0,
                seats: seats(step.1.ceil(guarantee)),
            };
            times.release.iter().map(kept).collect()
        };
        nodes.push(Node {
            name: place.name.clone(),
            parent: if place.parent == 0 { NodeIndex::ROOT } else { node(place.parent - 1) },
            protection: place.pool.protection.unwrap_or(Protection::Guarantee),
            guarantee: seats(guarantee),
            fences,
            cap: block.cap[at].map(seats),
            opens,
            closes,
        });
    }
    PoolTree::new(block.capacity, nodes, graph.routes).map_err(|error| {
        let rule = match &error {
            TreeError::Rising(name) => format!("pools.{name}.release"),
            TreeError::AboveCap(name) => format!("pools.{name}.reserve"),
            TreeError::BookableCount(_) => "routes".to_owned(),
            _ => "pools".to_owned(),
        };
        let reason = said!("session `{code}`: {error}", "班次 `{code}`:{error}", code = session.code, error);
        let mut refusal = policy.refuse(rule, reason);
        // A whole table is no value to quote.
        if matches!(refusal.rule.as_str(), "pools" | "routes") {
            refusal.value.clear();
        }
        refusal
    })
}

/// The times of one pool, as offsets from the session's midnight.
struct Times {
    opens: i64,
    closes: i64,
    /// From when on how much is kept; in order, never rising.
    release: Vec<(i64, crate::apportion::BasisPoints)>,
}

/// A session as a frame of reference for moments.
struct Frame<'a> {
    policy: &'a Policy,
    day: Day,
    start: i64,
    end: i64,
}

impl<'a> Frame<'a> {
    fn new(policy: &'a Policy, session: &Session) -> Self {
        let origin = session.origin().ms();
        Self {
            policy,
            day: session.day(),
            start: session.time.from.ms() - origin,
            end: session.time.to.ms() - origin,
        }
    }

    fn times(&self, slot: Option<(i64, i64)>) -> Vec<Times> {
        let cutoff = self.policy.document.booking.closes.as_ref().map(|moment| self.offset(moment, slot));
        self.policy
            .graph
            .pools
            .iter()
            .map(|place| {
                let pool = &place.pool;
                let opens = pool.opens.as_ref().map_or(i64::MIN, |moment| self.offset(moment, slot));
                // A pool inside another closes with it; one under the root closes at the cut-off.
                let inherited = if place.parent == 0 { cutoff.unwrap_or(i64::MAX) } else { i64::MAX };
                let closes = pool.closes.as_ref().map_or(inherited, |moment| self.offset(moment, slot));
                let mut release: Vec<_> = pool
                    .release
                    .iter()
                    .flatten()
                    .map(|step| (self.offset(&step.moment, slot), step.keep))
                    .collect();
                release.sort_by_key(|step| step.0);
                // Steps with different references may come in another order than written; nothing is refilled.
                for at in 1..release.len() {
                    release[at].1 = release[at].1.min(release[at - 1].1);
                }
                Times { opens, closes, release }
            })
            .collect()
    }

    fn offset(&self, moment: &Moment, slot: Option<(i64, i64)>) -> i64 {
        let (slot_start, slot_end) = slot.unwrap_or((self.start, self.end));
        match moment {
            Moment::Clock { back, morning, afternoon } => {
                let clock = if self.start < 12 * HOUR { morning } else { afternoon };
                self.days_back(*back) * -DAY + clock.ms()
            }
            Moment::Before { length, reference } => {
                let from = match reference {
                    Reference::SessionStart => self.start,
                    Reference::SessionEnd => self.end,
                    Reference::SlotStart => slot_start,
                    Reference::SlotEnd => slot_end,
                    // The cut-off refers to neither a pool nor itself, so this ends.
                    Reference::Cutoff => self
                        .policy
                        .document
                        .booking
                        .closes
                        .as_ref()
                        .map_or(self.end, |m| self.offset(m, slot)),
                };
                from - length.ms()
            }
            Moment::BeforePool { pool, days } => {
                let graph = &self.policy.graph;
                // Chains were followed to their end when the policy was read.
                let opens = graph.find(pool).and_then(|place| graph.pools[place].pool.opens.as_ref());
                opens.map_or(i64::MIN / 2, |moment| self.offset(moment, slot)) - i64::from(*days) * DAY
            }
        }
    }

    fn days_back(&self, back: Back) -> i64 {
        match back {
            Back::Days(days) => i64::from(days),
            Back::Months(months) => i64::from(self.day.0 - civil::months_before(self.day, months).0),
            Back::WorkingDays(days) => {
                let mut left = days;
                let mut day = self.day;
                // Ten years without enough working days: the calendar is wrong, and the earliest day is as good as any.
                while left > 0 && self.day.0 - day.0 < 3_660 {
                    day = Day(day.0 - 1);
                    left -= u16::from(self.is_working(day));
                }
                i64::from(self.day.0 - day.0)
            }
        }
    }

    fn is_working(&self, day: Day) -> bool {
        let holidays = &self.policy.document.holidays;
        let listed =
            |dates: &Option<Vec<super::schema::CalendarDate>>| dates.iter().flatten().any(|d| d.0 == day);
        let free = holidays.weekends.unwrap_or(true) && civil::is_weekend(day) || listed(&holidays.dates);
        !free || listed(&holidays.working)
    }
}

fn rules(policy: &Policy, session: &Session) -> Rules {
    let document = &policy.document;
    let frame = Frame::new(policy, session);
    let ms = |length: i64| u32::try_from(length).unwrap_or(u32::MAX);
    let mut hold_ms = Rules::default().hold_ms;
    for channel in Channel::ALL {
        if let Some((length, _)) = document.hold.length(*channel) {
            hold_ms[*channel as usize] = ms(length.ms());
        }
    }
    let late = document.cancel.late.unwrap_or_default();
    Rules {
        policy: policy.name.clone(),
        hold_ms,
        late_confirm: document.hold.late_confirm.unwrap_or_default(),
        holds_per_session: document.hold.per_session.unwrap_or(u8::MAX),
        holds_per_patient: document.hold.per_patient.unwrap_or(u8::MAX),
        limits: document.limits.iter().flatten().copied().map(limit).collect(),
        buffer_ms: document.overlap.buffer.map_or(0, |length| ms(length.ms())),
        travel_ms: document.overlap.travel.map_or(0, |length| ms(length.ms())),
        // A late cancellation that counts is accepted here; that it is late is decided by the rules of the day.
        cancel_until: match late {
            LateCancel::Refuse => cancel_deadline(policy, session, &frame),
            LateCancel::Count => frame.end,
        },
        ticket_free: document.tickets.free.iter().flatten().fold(0, |set, class| set | 1 << class.number()),
    }
}

/// Offset from which a patient's cancellation is late.
fn cancel_deadline(policy: &Policy, session: &Session, frame: &Frame<'_>) -> i64 {
    let cancel = &policy.document.cancel;
    let moment = cancel.grade.get(&session.grade).or(cancel.until.as_ref());
    moment.map_or(i64::MAX, |moment| frame.offset(moment, None))
}

/// The rules of the hospital's day for a session.
pub(super) fn day_rules(policy: &Policy, session: &Session) -> DayRules {
    let document = &policy.document;
    let frame = Frame::new(policy, session);
    let ms = |length: Option<Length>, default: i64| {
        u32::try_from(length.map_or(default, Length::ms)).unwrap_or(u32::MAX)
    };
    let list = &document.waitlist;
    let waitlist = (*list != Waitlist::default()).then(|| WaitlistRules {
        only_when_full: list.only_when_full.unwrap_or(true),
        by_class: list.order.unwrap_or(WaitOrder::ClassThenEntry) == WaitOrder::ClassThenEntry,
        ageing_ms: list.ageing.map_or(0, |length| length.ms().unsigned_abs()),
        offer_ms: ms(list.offer, 8 * HOUR),
        // A clock is at most 24:00.
        curfew: list.curfew.map(|hours| Curfew {
            from_ms: u32::try_from(hours.from.ms()).unwrap_or(0),
            to_ms: u32::try_from(hours.to.ms()).unwrap_or(0),
        }),
        cleared: list.cleared.as_ref().map_or(frame.start, |moment| frame.offset(moment, None)),
        per_patient: list.per_patient.unwrap_or(u8::MAX),
        per_session: list.per_session.unwrap_or(u16::MAX),
    });
    let extra = &document.extra_seats;
    DayRules {
        policy: policy.name.clone(),
        waitlist,
        extra: ExtraRules {
            per_practitioner_day: extra.per_practitioner_day.unwrap_or(0),
            green_per_session: extra.green_per_session.unwrap_or(0),
            reason_required: extra.reason_required.unwrap_or(true),
        },
        // Until visits of the line were seen: a slot is shared by its seats.
        calling: policy.calling(
            i64::from(session.slot_ms) / i64::from(session.capacity.first().copied().unwrap_or(1).max(1)),
        ),
        ladders: policy.ladders(),
        cancel: CancelRules {
            late_from: cancel_deadline(policy, session, &frame),
            counted: document.cancel.late == Some(LateCancel::Count),
            excused: document.cancel.excused.clone().unwrap_or_default(),
        },
        notices: NoticeRules {
            held: document.notices.held.unwrap_or(false),
            booked: document.notices.booked.unwrap_or(false),
            expiring_ms: document.notices.expiring.map_or(0, Length::ms),
            reminder_ms: document.notices.reminder.map_or(0, Length::ms),
        },
        returns: return_rules(&document.anti_scalping),
    }
}

/// `None` if the section says nothing that keeps a seat from anybody.
fn return_rules(section: &AntiScalping) -> Option<ReturnRules> {
    let mut batches: Vec<i64> = section.reappears_at.iter().flatten().map(|clock| clock.ms()).collect();
    batches.sort_unstable();
    batches.dedup();
    let delay = section.reappears_after.filter(|delay| delay.most.ms() > 0);
    let window_online = section.window_returns_online.unwrap_or(true);
    (delay.is_some() || !batches.is_empty() || !window_online).then(|| ReturnRules {
        batches,
        least_ms: delay.map_or(0, |delay| delay.least.ms()),
        most_ms: delay.map_or(0, |delay| delay.most.ms()),
        at_once_within_ms: section.at_once_within.map_or(0, Length::ms),
        window_online,
        seed: section.seed.unwrap_or(0),
    })
}

/// The engine's form of a limit.
fn limit(entry: super::schema::LimitEntry) -> Limit {
    let scope = match entry.scope {
        LimitScope::Department => Scope::Department,
        LimitScope::Institution => Scope::Institution,
        LimitScope::Platform => Scope::Platform,
        LimitScope::Practitioner => Scope::Practitioner,
    };
    Limit { scope, window: window(entry.span), most: entry.most }
}

/// The engine's form of a span.
pub(super) const fn window(span: Span) -> Window {
    match span {
        Span::Days(days) => Window::Days(days),
        Span::Period(Period::Week) => Window::Week,
        Span::Period(Period::Month) => Window::Month,
        Span::Period(Period::Quarter) => Window::Quarter,
        Span::Period(Period::Year) => Window::Year,
    }
}

impl Policy {
    /// Plans a session of every tier and grade, so that what no session could satisfy is found when the file is read.
    ///
    /// Sums that depend on the size of a session are left to publishing.
    pub(super) fn rehearse(&self) -> Result<(), PolicyError> {
        let day = Day(20_000);
        for tier in Tier::ALL {
            for grade in Grade::ALL {
                let minutes =
                    self.document.slot_minutes_max.get(*tier).map_or(30, |(minutes, _)| (*minutes).min(30));
                let slot_ms = i64::from(minutes) * MINUTE;
                let from = day.midnight().plus(8 * HOUR);
                let session = Session {
                    code: "rehearsal".to_owned(),
                    institution: crate::ids::InstitutionId::default(),
                    department: crate::ids::DepartmentId::default(),
                    practitioner: crate::ids::PractitionerId::default(),
                    grade: *grade,
                    kind: Kind::Clinic,
                    time: crate::ids::Interval { from, to: from.plus(8 * slot_ms) },
                    slot_ms: u32::try_from(slot_ms).unwrap_or(u32::MAX),
                    capacity: vec![7; 8],
                };
                let frame = Frame::new(self, &session);
                for (place, times) in self.graph.pools.iter().zip(frame.times(None)) {
                    if times.opens >= times.closes {
                        let key = format!("pools.{}.opens", place.name);
                        let also = [format!("pools.{}.closes", place.name), "booking.closes".to_owned()];
                        return Err(blame(
                            &self.layers,
                            &key,
                            &also,
                            said!("the pool closes before it opens", "该号源池在放号之前已停挂"),
                        ));
                    }
                }
                if let Err(error) = compile(self, session, *tier, &CarryLedger::default()) {
                    if matches!(error.rule.as_str(), "routes" | "pools") {
                        return Err(locate_in(&self.layers, &error.rule, error.reason));
                    }
                }
            }
        }
        Ok(())
    }
}

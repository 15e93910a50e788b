//! From a journal to the rows that a report counts: who asked, what was granted, what the reserves did.
//!
//! INVARIANT (from the records alone): everything here follows from the journal and the files that were given.
//!
//! A visit has the number that the day gave it at check-in or with its outcome; a booking of which nothing is recorded yet
//! is known by [`UNRECORDED`] and its place among the confirmed bookings of the journal.

use super::attendance::{Attendance, Life};
use haoyuan::engine::Command as Asked;
use haoyuan::ids::{BookingId, InstitutionId, Interval, NodeIndex, PatientKey, SessionId, SlotRef, VisitId};
use haoyuan::instant::{Day, HOUR, Instant, SECOND};
use haoyuan::journal::{Access, Disk, From};
use haoyuan::kpi::{
    AgeRow, DistrictRow, Month, REVISIT_DAYS, Recorded, Requests, ReserveRow, Rows, SessionRow, ThirdNext,
    Visit,
};
use haoyuan::plan::{Blocks, Plan};
use haoyuan::pool::{PoolTree, Protection};
use haoyuan::record::{Record, Transition};
use haoyuan::refusal::Refusal;
use haoyuan::request::{Order, Query};
use haoyuan::terms::{Channel, Class, Outcome, Tier, VisitKind};
use haoyuan::{Change, Platform, Rebuilt, Recorder, Refusals, SessionView, rebuild_watched};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The number of the first booking that has none of the day's; the day has never so many visits.
const UNRECORDED: u32 = 1 << 30;
/// When the third free seat is asked for, each day: at eight in the morning …
const SAMPLED_AT: i64 = 8 * HOUR;
/// … for so many days ahead, the first included.
const SAMPLED_DAYS: i32 = 28;
/// The classes it is asked for; the others book on site, or are never sampled because they do not choose.
const SAMPLED: [Class; 5] =
    [Class::Public, Class::ReferralSecondary, Class::ReferralPrimary, Class::Contract, Class::Revisit];
/// The first seconds after the opening.
const AT_ONCE: i64 = 5 * SECOND;

/// A booking, from its records.
#[derive(Clone, Copy, Debug)]
struct Booking {
    /// The number of its row: its place among the bookings that were confirmed.
    number: Option<u32>,
    slot: SlotRef,
    patient: PatientKey,
    class: Class,
    channel: Channel,
    node: NodeIndex,
    spill: bool,
    granted: Instant,
    /// When the hold ends or would have ended.
    expires: Instant,
    confirmed: Option<Instant>,
    gone: Option<(Instant, Change)>,
}

/// What was read from a journal.
pub(super) struct Gathered {
    rebuilt: Rebuilt,
    bookings: BTreeMap<BookingId, Booking>,
    requests: BTreeMap<(InstitutionId, Class, Channel), Requests>,
    districts: BTreeMap<(InstitutionId, String), DistrictRow>,
    ages: BTreeMap<(InstitutionId, bool), AgeRow>,
    samples: Vec<(InstitutionId, ThirdNext)>,
    /// The latest instant of all records.
    pub(super) last: Instant,
}

/// What is collected while the journal is read.
struct Walk<'a> {
    month: Month,
    lives: &'a HashMap<PatientKey, Life>,
    bookings: BTreeMap<BookingId, Booking>,
    confirmed: u32,
    requests: BTreeMap<(InstitutionId, Class, Channel), Requests>,
    districts: BTreeMap<(InstitutionId, String), DistrictRow>,
    ages: BTreeMap<(InstitutionId, bool), AgeRow>,
    samples: Vec<(InstitutionId, ThirdNext)>,
    next_sample: Day,
    last: Instant,
}

/// What became of a request for a seat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Granted,
    Denied,
    Refused,
}

impl Said {
    /// `None` for refusals that say nothing about seats or patients: repeated, concurrent, unknown.
    const fn of(refusal: &Refusal) -> Option<Self> {
        match refusal.code.number() {
            301..=399 => Some(Self::Denied),
            401..=599 => Some(Self::Refused),
            _ => None,
        }
    }
}

pub(super) fn gather(
    disk: &Arc<dyn Disk>,
    month: Month,
    lives: &HashMap<PatientKey, Life>,
) -> Result<Gathered, haoyuan::Error> {
    let mut walk = Walk {
        month,
        lives,
        bookings: BTreeMap::new(),
        confirmed: 0,
        requests: BTreeMap::new(),
        districts: BTreeMap::new(),
        ages: BTreeMap::new(),
        samples: Vec::new(),
        next_sample: month.first(),
        last: Instant::MIN,
    };
    let mut watch = |record: &Record<'_>, platform: &Platform<Arc<Recorder>>| walk.see(record, platform);
    let rebuilt =
        rebuild_watched(disk, From::Start, Access::Read, None, &Refusals::default(), Some(&mut watch))?;
    let Walk { bookings, requests, districts, ages, samples, last, .. } = walk;
    Ok(Gathered { rebuilt, bookings, requests, districts, ages, samples, last })
}

impl Walk<'_> {
    fn see(&mut self, record: &Record<'_>, platform: &Platform<Arc<Recorder>>) {
        match record {
            Record::Transition(transition) => {
                self.sees_time(transition.at, platform);
                self.transition(transition, platform);
            }
            Record::Refusal { command, refusal, at, .. } => {
                self.sees_time(*at, platform);
                if let (Asked::Hold(wish) | Asked::Book(wish), Some(said)) = (command, Said::of(refusal)) {
                    self.request(wish.slot, wish.patient, (wish.class, wish.channel), said, *at, platform);
                }
            }
            Record::Fence { at, .. } | Record::Ticket { at, .. } => self.sees_time(*at, platform),
            Record::Day(day) => self.sees_time(day.at, platform),
            _ => {}
        }
    }

    /// Takes the samples whose time has come, before what happened then.
    fn sees_time(&mut self, at: Instant, platform: &Platform<Arc<Recorder>>) {
        self.last = self.last.max(at);
        while self.month.contains(self.next_sample) && self.next_sample.midnight().plus(SAMPLED_AT) <= at {
            self.sample(self.next_sample, platform);
            self.next_sample = Day(self.next_sample.0 + 1);
        }
    }

    fn sample(&mut self, day: Day, platform: &Platform<Arc<Recorder>>) {
        let at = day.midnight().plus(SAMPLED_AT);
        let directory = platform.directory();
        for (number, department) in (0..).zip(directory.departments()) {
            let Some(id) = haoyuan::ids::DepartmentId::new(number) else { continue };
            for class in SAMPLED {
                let query = Query {
                    class,
                    channel: Channel::App,
                    from: day,
                    to: Day(day.0 + SAMPLED_DAYS - 1),
                    institution: Some(department.institution),
                    department: Some(id),
                    practitioner: None,
                    grade: None,
                    order: Order::Earliest,
                    most: 3,
                };
                let mut free = 0;
                let third = platform.engine().search(&query, at).into_iter().find(|found| {
                    free += u32::from(found.free);
                    free >= 3
                });
                let wait_ms = third.and_then(|found| u64::try_from(found.time.from.ms() - at.ms()).ok());
                let sample = ThirdNext { class, department: id, at, wait_ms };
                self.samples.push((department.institution, sample));
            }
        }
    }

    fn transition(&mut self, transition: &Transition, platform: &Platform<Arc<Recorder>>) {
        let &Transition { booking: id, at, patient, class, channel, node, spill, expires, .. } = transition;
        let number = self.confirmed;
        match transition.change {
            Change::Held | Change::Booked => {
                let Some(slot) = platform.engine().slot_of(id) else { return };
                self.request(slot, patient, (class, channel), Said::Granted, at, platform);
                let booked = transition.change == Change::Booked;
                let (number, confirmed) = (booked.then_some(number), booked.then_some(at));
                self.confirmed += u32::from(booked);
                let booking = Booking {
                    number,
                    slot,
                    patient,
                    class,
                    channel,
                    node,
                    spill,
                    granted: at,
                    expires,
                    confirmed,
                    gone: None,
                };
                self.bookings.insert(id, booking);
            }
            Change::Confirmed => {
                if let Some(booking) = self.bookings.get_mut(&id) {
                    (booking.number, booking.confirmed) = (Some(number), Some(at));
                    self.confirmed += 1;
                }
            }
            change => {
                if let Some(booking) = self.bookings.get_mut(&id) {
                    booking.gone = Some((at, change));
                }
            }
        }
    }

    fn request(
        &mut self,
        slot: SlotRef,
        patient: PatientKey,
        (class, channel): (Class, Channel),
        said: Said,
        at: Instant,
        platform: &Platform<Arc<Recorder>>,
    ) {
        let Some(view) = platform.engine().session(slot.session).filter(|_| self.month.contains(at.day()))
        else {
            return;
        };
        let row = self.requests.entry((view.institution, class, channel)).or_insert(Requests {
            class,
            channel,
            granted: 0,
            denied: 0,
            refused: 0,
        });
        match said {
            Said::Granted => row.granted += 1,
            Said::Denied => row.denied += 1,
            Said::Refused => row.refused += 1,
        }
        if let (Some(life), true) = (self.lives.get(&patient), said != Said::Refused) {
            let Life { district, aged_65 } = life;
            let key = (view.institution, district.clone());
            let row = self.districts.entry(key).or_insert_with(|| DistrictRow {
                district: district.clone(),
                granted: 0,
                denied: 0,
            });
            if said == Said::Granted {
                row.granted += 1;
            } else {
                row.denied += 1;
            }
            if let Some(aged_65) = *aged_65 {
                let new = AgeRow { aged_65, granted: 0, denied: 0 };
                let row = self.ages.entry((view.institution, aged_65)).or_insert(new);
                if said == Said::Granted { row.granted += 1 } else { row.denied += 1 }
            }
        }
    }
}

impl Gathered {
    pub(super) fn platform(&self) -> &Platform<Arc<Recorder>> {
        self.rebuilt.platform()
    }

    /// The rows of one institution for the months `from` to `month`, as they are known at `as_of`.
    pub(super) fn rows(
        &self,
        institution: InstitutionId,
        from: Month,
        month: Month,
        as_of: Instant,
        attendance: &Attendance,
    ) -> Rows {
        let days = Day(from.first().0 - REVISIT_DAYS)..=month.last();
        let platform = self.platform();
        let engine = platform.engine();
        let recorded = platform.visits(Some(institution), *days.start(), *days.end());
        let (recorded, mut visits): (Vec<Visit>, Vec<Visit>) =
            recorded.into_iter().partition(|visit| visit.booking.is_some());
        let mut recorded: HashMap<BookingId, Visit> =
            recorded.into_iter().filter_map(|visit| Some((visit.booking?, visit))).collect();
        let mut of_session: BTreeMap<SessionId, Vec<&Booking>> = BTreeMap::new();
        for (id, booking) in &self.bookings {
            let Some(view) = engine.session(booking.slot.session) else { continue };
            if view.institution != institution || !days.contains(&view.time.from.day()) {
                continue;
            }
            let extra = platform.is_extra(view.id);
            if !extra {
                of_session.entry(view.id).or_default().push(booking);
            }
            let Some((number, confirmed)) = booking.number.zip(booking.confirmed) else { continue };
            let is_known = |visit: &Visit| visit.checked_in_at.is_some() || !visit.history.is_empty();
            let mut visit = match recorded.remove(id).filter(is_known) {
                Some(visit) => visit,
                None => booking.visit(*id, UNRECORDED + number % UNRECORDED, &view, extra),
            };
            // The journal has the instants of the booking; the day has what came of it.
            (visit.booked_at, visit.confirmed_at) = (Some(booking.granted), Some(confirmed));
            if visit.history.is_empty() {
                visit.history.extend(booking.outcome());
            }
            visits.push(visit);
        }
        attendance.complete(&mut visits, institution, &days);
        let sessions = of_session_rows(platform, institution, from, month, as_of, &of_session);
        let of_it = |id: &InstitutionId| *id == institution;
        Rows {
            visits,
            sessions,
            stops: platform.stops(Some(institution), from.first(), month.last()),
            waits: platform.waits(Some(institution), from.first(), month.last()),
            requests: self.requests.iter().filter(|((id, ..), _)| of_it(id)).map(|(_, row)| *row).collect(),
            third_next: self.samples.iter().filter(|(id, _)| of_it(id)).map(|(_, sample)| *sample).collect(),
            districts: self
                .districts
                .iter()
                .filter(|((id, _), _)| of_it(id))
                .map(|(_, row)| row.clone())
                .collect(),
            ages: self.ages.iter().filter(|((id, _), _)| of_it(id)).map(|(_, row)| *row).collect(),
        }
    }
}

impl Booking {
    /// The row of a booking of which the day knows nothing.
    fn visit(&self, id: BookingId, number: u32, view: &SessionView, extra: bool) -> Visit {
        let from = view.time.from.plus(i64::from(view.slot_ms) * i64::from(self.slot.slot.get()));
        Visit {
            id: VisitId::new(number).unwrap_or_default(),
            booking: Some(id),
            patient: self.patient,
            institution: view.institution,
            department: view.department,
            practitioner: view.practitioner,
            session: Some(view.id),
            slot: Some(Interval { from, to: from.plus(i64::from(view.slot_ms)) }),
            day: view.time.from.day(),
            kind: VisitKind::Outpatient,
            class: self.class,
            channel: self.channel,
            revisit: None,
            extra,
            booked_at: None,
            confirmed_at: None,
            checked_in_at: None,
            called_at: None,
            entered_at: None,
            history: Vec::new(),
        }
    }

    /// What the journal itself says of it.
    fn outcome(&self) -> Option<Recorded> {
        let (at, change) = self.gone?;
        let outcome = match change {
            Change::Cancelled => Outcome::Cancelled,
            Change::Withdrawn => Outcome::Stopped,
            _ => return None,
        };
        Some(Recorded { at, outcome })
    }

    /// Whether it took its seat at an instant.
    fn is_live(&self, at: Instant) -> bool {
        let confirmed = self.confirmed.is_some_and(|confirmed| confirmed <= at);
        self.granted <= at && (confirmed || at < self.expires) && self.gone.is_none_or(|(gone, _)| at < gone)
    }
}

fn of_session_rows(
    platform: &Platform<Arc<Recorder>>,
    institution: InstitutionId,
    from: Month,
    month: Month,
    as_of: Instant,
    bookings: &BTreeMap<SessionId, Vec<&Booking>>,
) -> Vec<SessionRow> {
    let engine = platform.engine();
    let days = from.first()..=month.last();
    let tier = platform.directory().institutions().get(institution.index()).map_or(Tier::Primary, |i| i.tier);
    let mut rows = Vec::new();
    for id in (0..engine.session_count()).filter_map(SessionId::new) {
        let Some(view) = engine.session(id) else { continue };
        if view.institution != institution || !days.contains(&view.time.from.day()) || platform.is_extra(id) {
            continue;
        }
        let Some(plan) = engine.plan(id) else { continue };
        let granted: &[&Booking] = bookings.get(&id).map_or(&[], Vec::as_slice);
        let at_once = granted.iter().filter(|booking| granted_at_once(&plan, booking)).count();
        rows.push(SessionRow {
            session: id,
            institution,
            department: view.department,
            practitioner: view.practitioner,
            grade: view.grade,
            kind: view.kind,
            time: view.time,
            slot_ms: view.slot_ms,
            policy: plan.rules.policy.clone(),
            seats: view.seats,
            offered: view.seats - on_site_only(&plan),
            granted: number(granted.len()),
            granted_at_once: number(at_once),
            reserves: reserves(platform, institution, tier, &plan, granted, as_of),
        });
    }
    rows
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The trees of a plan, each with the bookings that it decided about.
fn blocks<'a>(plan: &'a Plan, bookings: &[&'a Booking]) -> Vec<(&'a PoolTree, Vec<&'a Booking>)> {
    match &plan.blocks {
        Blocks::WholeSession(tree) => vec![(tree, bookings.to_vec())],
        Blocks::PerSlot(trees) => {
            let of = |slot: usize| bookings.iter().filter(move |b| b.slot.slot.index() == slot).copied();
            trees.iter().enumerate().map(|(slot, tree)| (tree, of(slot).collect())).collect()
        }
    }
}

fn tree_of<'a>(plan: &'a Plan, booking: &Booking) -> Option<&'a PoolTree> {
    match &plan.blocks {
        Blocks::WholeSession(tree) => Some(tree),
        Blocks::PerSlot(trees) => trees.get(booking.slot.slot.index()),
    }
}

/// A node and all that contain it, the root last.
fn path(tree: &PoolTree, node: NodeIndex) -> impl Iterator<Item = NodeIndex> {
    let up = |node: &NodeIndex| {
        (*node != NodeIndex::ROOT).then(|| tree.nodes().get(node.index()).map(|n| n.parent))?
    };
    std::iter::successors(Some(node), up)
}

fn granted_at_once(plan: &Plan, booking: &Booking) -> bool {
    let Some(tree) = tree_of(plan, booking) else { return false };
    let opens =
        path(tree, booking.node).filter_map(|node| tree.nodes().get(node.index())).map(|n| n.opens).max();
    opens.filter(|opens| *opens > i64::MIN).is_some_and(|opens| {
        let since = booking.granted.ms() - plan.session.origin().ms() - opens;
        (0..AT_ONCE).contains(&since)
    })
}

/// Seats guaranteed to pools that only patients on site can book at: they cannot be booked ahead.
fn on_site_only(plan: &Plan) -> u32 {
    let trees: &[PoolTree] = match &plan.blocks {
        Blocks::WholeSession(tree) => std::slice::from_ref(tree),
        Blocks::PerSlot(trees) => trees,
    };
    let mut seats = 0;
    for tree in trees {
        let ahead = |node: NodeIndex| {
            let others = Class::ALL.iter().filter(|class| **class != Class::OnSite);
            let mut routes =
                others.flat_map(|class| Channel::ALL.iter().map(|c| tree.routes().get(*class, *c)));
            routes.any(|route| route.nodes().iter().any(|at| path(tree, *at).any(|n| n == node)))
        };
        let closed = NodeIndex::all().zip(tree.nodes()).filter(|(node, n)| n.guarantee > 0 && !ahead(*node));
        seats += closed.map(|(_, node)| u32::from(node.guarantee)).sum::<u32>();
    }
    seats
}

/// What the pools of a session reserve: those with a guarantee of their own, and those of which the policy asks one.
fn reserves(
    platform: &Platform<Arc<Recorder>>,
    institution: InstitutionId,
    tier: Tier,
    plan: &Plan,
    bookings: &[&Booking],
    as_of: Instant,
) -> Vec<ReserveRow> {
    let session = &plan.session;
    let policy = platform.policy(institution).filter(|policy| policy.name() == plan.rules.policy);
    let origin = session.origin();
    let mut rows: Vec<ReserveRow> = Vec::new();
    for (tree, bookings) in blocks(plan, bookings) {
        for (index, node) in NodeIndex::all().zip(tree.nodes()).skip(1) {
            // What nobody reserves is the public's until it opens, and no reserve.
            let is_rest =
                node.fences.first().is_some_and(|fence| fence.from == node.opens && fence.seats == 0);
            if node.protection != Protection::Guarantee || is_rest {
                continue;
            }
            let asked =
                policy.as_ref().and_then(|policy| policy.reserved_share(&node.name, tier, session.grade));
            if node.guarantee == 0 && asked.is_none() {
                continue;
            }
            let place = rows.iter().position(|row| row.pool == node.name).unwrap_or_else(|| {
                rows.push(ReserveRow {
                    pool: node.name.clone(),
                    asked,
                    base: session.seats(),
                    offered: 0,
                    used: 0,
                    released: 0,
                    released_used: 0,
                });
                rows.len() - 1
            });
            let row = &mut rows[place];
            let offered = u32::from(node.guarantee);
            let inside = |booking: &&&Booking| path(tree, booking.node).any(|node| node == index);
            let live_at =
                |at: Instant| number(bookings.iter().filter(inside).filter(|b| b.is_live(at)).count());
            // What was guaranteed and not yet used fell, fence by fence.
            let (mut before, mut released) = (offered, 0);
            for fence in node.fences.iter().filter(|fence| origin.plus(fence.from) <= as_of) {
                let (after, used) = (u32::from(fence.seats), live_at(origin.plus(fence.from)));
                released += before.max(used) - after.max(used);
                before = after;
            }
            let kept = |booking: &&&Booking| booking.confirmed.is_some() && booking.is_live(as_of);
            let used = number(bookings.iter().filter(inside).filter(kept).filter(|b| !b.spill).count());
            let others = number(bookings.iter().filter(|b| !inside(b)).filter(kept).count());
            row.offered += offered;
            row.used += used.min(offered);
            row.released += released;
            row.released_used += released.min(others.saturating_sub(u32::from(tree.capacity()) - offered));
        }
    }
    rows
}

//! The month's report: every measure as a numerator over a denominator, with what it leaves out.
//!
//! INVARIANT (integers to the end): a figure is two integers. Whether it reaches its floor is decided by multiplication,
//! never by a rounded percentage; a share is rounded only to be read.
//!
//! INVARIANT (nothing from nothing): a figure whose denominator is zero is not applicable; it is neither 0 % nor 100 %, and
//! neither passed nor failed.
//!
//! INVARIANT (nothing is overwritten): a figure is a function of the rows and of the instant up to which they are known.
//! What is recorded after the month has ended makes a new version of it; the earlier ones can be worked out again.
//!
//! The national texts (国办发〔2019〕4号, no. 22 and 23) define the booking rate and the waiting time; the revisit rates follow
//! the schemes of 2012 and 2015, for which no official numerator was found: [`Measure`] says how each is read here.
//!
//! ```
//! use haoyuan_core::kpi::{Month, Measure, Report, Rows, Targets, Verdict};
//! use haoyuan_core::instant::Instant;
//!
//! let month = Month::new(2026, 3).unwrap();
//! let report = Report::new(&Rows::default(), &Targets::default(), month, Instant::MAX);
//! let booking = report.figure(Measure::Booking).unwrap();
//! assert_eq!((booking.denominator, booking.verdict), (0, Verdict::NotApplicable));
//! ```

use crate::apportion::BasisPoints;
use crate::civil;
use crate::ids::{DepartmentId, PractitionerId};
use crate::instant::{Day, Instant, MINUTE};
use crate::terms::{Channel, Class, term};
use serde::{Deserialize, Serialize};
use std::fmt;

mod fairness;
mod rows;
mod seats;
mod visits;

pub use rows::{
    AgeRow, DistrictRow, Recorded, Requests, ReserveRow, SessionRow, Stop, ThirdNext, Visit, Wait,
};
pub use visits::REVISIT_DAYS;

/// The version of the definitions in this module; a figure is comparable with figures of the same version only.
pub const RULES: &str = "haoyuan-kpi-1";

/// A calendar month at +08:00.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    first: Day,
    last: Day,
}

impl Month {
    /// The checked constructor: `None` outside February 1970 to April 2109.
    #[must_use]
    pub fn new(year: u16, month: u8) -> Option<Self> {
        let first = civil::parse_date(&format!("{year:04}-{month:02}-01"))?;
        Some(Self { first, last: Day(civil::months_after(first, 1).0 - 1) })
    }

    /// Reads `2026-03`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (year, month) = text.split_once('-')?;
        let digits = |text: &str, n| text.len() == n && text.bytes().all(|c| c.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return None;
        }
        Self::new(year.parse().ok()?, month.parse().ok()?)
    }

    /// The first day.
    #[must_use]
    pub const fn first(self) -> Day {
        self.first
    }

    /// The last day.
    #[must_use]
    pub const fn last(self) -> Day {
        self.last
    }

    /// The instant at which the month has ended.
    #[must_use]
    pub const fn end(self) -> Instant {
        Day(self.last.0 + 1).midnight()
    }

    /// The month so many months earlier.
    #[must_use]
    pub fn before(self, months: u16) -> Self {
        let first = civil::months_before(self.first, months);
        Self { first, last: Day(civil::months_after(first, 1).0 - 1) }
    }

    /// Whether a day is in the month.
    #[must_use]
    pub fn contains(self, day: Day) -> bool {
        (self.first..=self.last).contains(&day)
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month) = self.first.year_month();
        write!(f, "{year:04}-{month:02}")
    }
}

impl Serialize for Month {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What the rates are held to. A rate without a floor is reported and not judged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Targets {
    /// The policy that sets them.
    pub policy: String,
    /// Of [`Measure::Booking`].
    pub booking: Option<BasisPoints>,
    /// Of [`Measure::Revisit`].
    pub revisit: Option<BasisPoints>,
    /// Of [`Measure::StomatologyRevisit`].
    pub stomatology_revisit: Option<BasisPoints>,
    /// Of [`Measure::PrenatalRevisit`].
    pub prenatal_revisit: Option<BasisPoints>,
    /// Of [`Measure::InpatientExam`].
    pub inpatient_exam: Option<BasisPoints>,
    /// The longest slot of the precision rule, milliseconds.
    pub slot_ms: Option<i64>,
    /// A booking confirmed less than this before the arrival is flagged as made on the visit itself, milliseconds.
    pub same_visit_ms: i64,
}

impl Default for Targets {
    /// No floors, no precision rule, half an hour.
    fn default() -> Self {
        Self {
            policy: String::new(),
            booking: None,
            revisit: None,
            stomatology_revisit: None,
            prenatal_revisit: None,
            inpatient_exam: None,
            slot_ms: None,
            same_visit_ms: 30 * MINUTE,
        }
    }
}

term! {
    /// What is measured. `V`: outpatient visits that took place in the month (by their day), without emergencies,
    /// check-ups, mass tests, refills and what was refunded. `B`: those of `V` whose booking was confirmed before the
    /// arrival, without registrations at window or kiosk on the day, and without seats added over capacity on the day.
    Measure {
        /// `B / V` (门诊患者预约诊疗率, no. 22; 实际预约率).
        Booking = 0 "booking" "预约诊疗率",
        /// The same without bookings made on the visit itself.
        BookingStrict = 1 "booking_strict" "预约诊疗率(不含到院即约)",
        /// Revisits of `B` / revisits of `V` (复诊预约率). A revisit is what the doctor marked, or else a visit to the same
        /// department of the same institution within 180 days after another.
        Revisit = 2 "revisit" "复诊预约率",
        /// The same without bookings made on the visit itself.
        RevisitStrict = 3 "revisit_strict" "复诊预约率(不含到院即约)",
        /// The same of visits in stomatology.
        StomatologyRevisit = 4 "stomatology_revisit" "口腔复诊预约率",
        /// The same of prenatal checks.
        PrenatalRevisit = 5 "prenatal_revisit" "产前检查复诊预约率",
        /// Examinations of inpatients that had a time before they were carried out / all of them, without those at the
        /// bedside and urgent ones (住院患者检查预约率).
        InpatientExam = 6 "inpatient_exam" "住院患者检查预约率",
        /// `B` in slots no longer than the precision rule / `B` (分时段就诊率).
        Slotted = 7 "slotted" "分时段就诊率",
        /// Published sessions with slots no longer than the precision rule / published sessions.
        Precision = 8 "precision" "分时段精度达标率",
        /// Calls from 15 minutes before the slot to 30 minutes after it / calls of `B`.
        SlotAccuracy = 9 "slot_accuracy" "时段准确率",
        /// Confirmed on the day of the visit / `B`.
        SameDay = 10 "same_day" "当日预约占比",
        /// From the arrival, or the beginning of the slot if that is later, to the entry, mean over those of `B` who were
        /// there before the end of the slot (预约后平均等待时间, no. 23).
        Waiting = 11 "waiting" "预约后平均等待时间",
        /// From the arrival to the entry, mean over the same: the literal reading of no. 23.
        WaitingLiteral = 12 "waiting_literal" "到院至入诊平均时间",
        /// Bookings whose patient did not come / those and the ones whose patient came (爽约率).
        NoShow = 13 "no_show" "爽约率",
        /// Bookings given back by the patient / bookings (退号率).
        Cancelled = 14 "cancelled" "退号率",
        /// Visits on seats added over capacity / `V` (加号率).
        Extra = 15 "extra" "加号率",
        /// Of these through the green channel / `V`.
        GreenExtra = 16 "green_extra" "绿色通道加号率",
        /// Seats that can be booked ahead / seats (号源投放率).
        Offered = 17 "offered" "号源投放率",
        /// Bookings that were kept / seats that can be booked ahead (号源利用率).
        Used = 18 "used" "号源利用率",
        /// Sessions stopped whole / published sessions (停诊率).
        Stopped = 19 "stopped" "停诊率",
        /// Of these less than 24 hours before the session / sessions stopped whole.
        StoppedLate = 20 "stopped_late" "24小时内停诊占比",
        /// Seats guaranteed at the opening of a pool / seats of which it is a share (预留达标率).
        Reserved = 21 "reserved" "预留达标率",
        /// Of the guaranteed seats: booked by the entitled (预留使用率).
        ReserveUsed = 22 "reserve_used" "预留使用率",
        /// Of the guaranteed seats: given up unused at a fence (预留释放率).
        ReserveReleased = 23 "reserve_released" "预留释放率",
        /// Of the released seats: booked by others afterwards (释放后使用率).
        ReleasedUsed = 24 "released_used" "释放后使用率",
        /// Requests denied because of the supply / those and the granted ones, by class and channel, and by district and age if
        /// the host says them (拒绝率).
        Denied = 25 "denied" "拒绝率",
        /// Success through a channel / success through all (渠道均等).
        ChannelParity = 26 "channel_parity" "渠道均等比",
        /// Seats granted within five seconds of the opening / seats granted.
        FirstSeconds = 27 "first_seconds" "放号5秒内占比",
        /// Squares of each patient's bookings / square of all bookings (赫芬达尔指数): 1 / n if all are alike.
        Concentration = 28 "concentration" "预约集中度",
        /// Green and emergency patients who saw somebody called before them / those who were called; must be none.
        Overtaken = 29 "overtaken" "优先级倒置",
        /// Waitlist entries that got a seat / entries (候补兑现率).
        WaitlistServed = 30 "waitlist_served" "候补兑现率",
        /// Mean time to the third free seat, by class.
        ThirdNext = 31 "third_next" "第三可约时间",
        /// Square of the sum of the districts' success / their number times the sum of the squares (Jain): 1 if all alike.
        DistrictEvenness = 32 "district_evenness" "区县均衡度",
    }
}

impl Measure {
    /// What the two integers are.
    #[must_use]
    pub const fn unit(self) -> Unit {
        match self {
            Self::Waiting | Self::WaitingLiteral | Self::ThirdNext => Unit::MeanMs,
            Self::ChannelParity => Unit::Ratio,
            _ => Unit::Share,
        }
    }
}

/// How a figure is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// The numerator is part of the denominator: percent.
    Share,
    /// One over the other, may exceed 1.
    Ratio,
    /// Milliseconds over cases.
    MeanMs,
}

/// Of what the figure is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// Everything.
    All,
    /// One department.
    Department(DepartmentId),
    /// One practitioner.
    Practitioner(PractitionerId),
    /// One channel.
    Channel(Channel),
    /// One class.
    Class(Class),
    /// One pool.
    Pool(String),
    /// Who lives in one district, as the host calls it.
    District(String),
    /// Who is 65 or older, or younger.
    #[serde(rename = "aged_65")]
    Aged65(bool),
}

/// What a figure must reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Floor {
    /// At least this share.
    AtLeast(BasisPoints),
    /// The numerator must be 0.
    NoneAllowed,
}

/// Whether a figure reaches it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It does.
    Pass,
    /// It does not.
    Fail,
    /// The denominator is zero.
    NotApplicable,
    /// No floor is set.
    NotJudged,
}

term! {
    /// Why a row of the month is left out of a measure.
    Exclusion {
        /// An emergency.
        Emergency = 0 "emergency" "急诊",
        /// A check-up, mass test or refill.
        OtherKind = 1 "other_kind" "体检、大规模检测、单纯开药",
        /// An examination of an inpatient.
        Inpatient = 2 "inpatient" "住院患者检查",
        /// At the bedside, or urgent.
        Exempt = 3 "exempt" "床旁或急查",
        /// Taken back after all.
        Refunded = 4 "refunded" "已退费",
        /// It did not take place: not come, cancelled, stopped, excused.
        NotAttended = 5 "not_attended" "未就诊",
        /// Nothing is recorded of it yet.
        Open = 6 "open" "尚未登记结果",
        /// No revisit.
        FirstVisit = 7 "first_visit" "初诊",
        /// Not booked.
        NotBooked = 8 "not_booked" "未预约",
        /// Arrived after the end of the slot.
        Late = 9 "late" "迟到",
        /// An instant that the measure needs was not recorded.
        NotTimed = 10 "not_timed" "缺少时间记录",
        /// Stopped by the hospital, or excused.
        NotThePatients = 11 "not_the_patients" "非患者原因",
    }
}

/// What the drill-down ids of a figure are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// [`VisitId`](crate::ids::VisitId)s.
    Visits,
    /// [`SessionId`](crate::ids::SessionId)s.
    Sessions,
    /// The figure counts what has no number.
    None,
}

/// One figure of the report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// What.
    pub measure: Measure,
    /// Of what.
    pub group: Group,
    /// The numerator.
    pub numerator: u64,
    /// The denominator.
    pub denominator: u64,
    /// What it must reach.
    pub floor: Option<Floor>,
    /// Whether it does.
    pub verdict: Verdict,
    /// Rows of the month that it leaves out, by reason.
    pub excluded: Vec<(Exclusion, u64)>,
    /// What the ids are.
    pub subject: Subject,
    /// Ids in the numerator (of a mean: all of them).
    pub counted: Vec<u32>,
    /// Ids in the denominator alone.
    pub missed: Vec<u32>,
}

impl Figure {
    fn new(measure: Measure, group: Group, numerator: u64, denominator: u64, floor: Option<Floor>) -> Self {
        Self {
            measure,
            group,
            numerator,
            denominator,
            floor,
            verdict: verdict(numerator, denominator, floor),
            excluded: Vec::new(),
            subject: Subject::None,
            counted: Vec::new(),
            missed: Vec::new(),
        }
    }

    /// The figure for people: `41.2` (percent), `1.05`, or milliseconds; `None` where it is not applicable.
    #[must_use]
    pub fn reading(&self) -> Option<Reading> {
        (self.denominator > 0).then(|| Reading::new(self))
    }
}

fn verdict(numerator: u64, denominator: u64, floor: Option<Floor>) -> Verdict {
    let reached = match floor {
        _ if denominator == 0 => return Verdict::NotApplicable,
        None => return Verdict::NotJudged,
        Some(Floor::NoneAllowed) => numerator == 0,
        Some(Floor::AtLeast(share)) => {
            u128::from(numerator) * 10_000 >= u128::from(denominator) * u128::from(share.get())
        }
    };
    if reached { Verdict::Pass } else { Verdict::Fail }
}

/// A figure as it is read, rounded half up to `decimals` places; never across its floor: a rate that fails `≥ 60 %` with
/// 59.98 is not shown as 60.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Reading {
    scaled: u128,
    decimals: u32,
}

impl Reading {
    fn new(figure: &Figure) -> Self {
        let (hundred, least) = match figure.measure.unit() {
            Unit::Share => (100, 1),
            Unit::Ratio => (1, 2),
            Unit::MeanMs => (1, 0),
        };
        let at = |decimals: u32| {
            let scale = hundred * 10u128.pow(decimals);
            let (n, d) = (u128::from(figure.numerator) * scale, u128::from(figure.denominator));
            Self { scaled: (2 * n + d) / (2 * d), decimals }
        };
        let reading = at(least);
        match (figure.floor, figure.verdict) {
            (Some(Floor::AtLeast(share)), Verdict::Fail) => {
                let crosses = |r: &Self| r.scaled * 100 >= u128::from(share.get()) * 10u128.pow(r.decimals);
                (least..=least + 6).map(at).find(|r| !crosses(r)).unwrap_or(reading)
            }
            _ => reading,
        }
    }

    /// Rounded to whole units.
    #[must_use]
    pub fn whole(self) -> u64 {
        let scale = 10u128.pow(self.decimals);
        u64::try_from((2 * self.scaled + scale) / (2 * scale)).unwrap_or(u64::MAX)
    }
}

impl fmt::Display for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scale = 10u128.pow(self.decimals);
        write!(f, "{}", self.scaled / scale)?;
        if self.decimals > 0 {
            write!(f, ".{:0width$}", self.scaled % scale, width = self.decimals as usize)?;
        }
        Ok(())
    }
}

/// Everything that a report counts. Visits reach back 180 days, so that a revisit is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rows {
    /// Visits, in any order.
    pub visits: Vec<Visit>,
    /// Sessions of the months reported.
    pub sessions: Vec<SessionRow>,
    /// Stops of these sessions.
    pub stops: Vec<Stop>,
    /// Waitlists of these sessions.
    pub waits: Vec<Wait>,
    /// Requests made in the month.
    pub requests: Vec<Requests>,
    /// Samples taken in the month.
    pub third_next: Vec<ThirdNext>,
    /// Requests by district, if the host says which patient lives where.
    pub districts: Vec<DistrictRow>,
    /// Requests by age, if the host says it.
    pub ages: Vec<AgeRow>,
}

/// The report of one month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Which month.
    pub month: Month,
    /// The definitions: [`RULES`].
    pub rules: &'static str,
    /// The policy that sets the floors.
    pub policy: String,
    /// What was recorded later is not in it.
    pub as_of: Instant,
    /// The figures, in the order of [`Measure`]; of one measure `All` first.
    pub figures: Vec<Figure>,
}

impl Report {
    /// Works the report of a month out, as it is known at an instant. O(rows × log rows).
    #[must_use]
    pub fn new(rows: &Rows, targets: &Targets, month: Month, as_of: Instant) -> Self {
        let mut figures = visits::figures(rows, targets, month, as_of);
        figures.extend(seats::figures(rows, targets, month, as_of));
        figures.extend(fairness::figures(rows, month, as_of));
        figures.sort_by(|a, b| (a.measure, &a.group).cmp(&(b.measure, &b.group)));
        Self { month, rules: RULES, policy: targets.policy.clone(), as_of, figures }
    }

    /// The figure of a measure over everything.
    #[must_use]
    pub fn figure(&self, measure: Measure) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.measure == measure && figure.group == Group::All)
    }
}

/// A figure over several months: the mean of the months' rates (月平均), and the ratio of the sums. They differ; both are
/// shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Of which measure.
    pub measure: Measure,
    /// Months in which it is applicable.
    pub months: u64,
    /// The mean of their rates, in parts of a thousand million, rounded to the nearest; `None` without such a month.
    pub mean_ppb: Option<u64>,
    /// The sum of the numerators.
    pub numerator: u64,
    /// The sum of the denominators.
    pub denominator: u64,
    /// Whether the mean reaches the floor.
    pub mean_verdict: Verdict,
    /// Whether the ratio of the sums reaches it.
    pub pooled_verdict: Verdict,
}

const PPB: u128 = 1_000_000_000;

impl Period {
    /// The measure over everything, of these months.
    #[must_use]
    pub fn new(measure: Measure, reports: &[Report]) -> Self {
        let figures = || reports.iter().filter_map(|report| report.figure(measure));
        let rates: Vec<u128> = figures()
            .filter(|figure| figure.denominator > 0)
            .map(|figure| {
                let (n, d) = (u128::from(figure.numerator) * PPB, u128::from(figure.denominator));
                (2 * n + d) / (2 * d)
            })
            .collect();
        let months = rates.len() as u64;
        let sum: u128 = rates.iter().sum();
        let mean = |sum: u128, n: u128| (2 * sum + n) / (2 * n);
        let mean_ppb = (months > 0).then(|| u64::try_from(mean(sum, u128::from(months))).unwrap_or(u64::MAX));
        let (numerator, denominator) =
            (figures().map(|f| f.numerator).sum(), figures().map(|f| f.denominator).sum());
        let floor = figures().find_map(|figure| figure.floor);
        let mean_verdict = match mean_ppb {
            Some(ppb) => verdict(ppb, 1_000_000_000, floor),
            None => Verdict::NotApplicable,
        };
        let pooled_verdict = verdict(numerator, denominator, floor);
        Self { measure, months, mean_ppb, numerator, denominator, mean_verdict, pooled_verdict }
    }
}

/// A state of what was known about a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Version {
    /// Counted from 1: the month as it was known when it ended.
    pub number: u32,
    /// What was recorded later is not in it.
    pub as_of: Instant,
}

/// The versions of a month's report: one when the month has ended, and one for every later day on which an outcome of a
/// visit of the month was recorded, by the last record of that day. The last is the present one.
#[must_use]
pub fn versions(rows: &Rows, month: Month, as_of: Instant) -> Vec<Version> {
    let of_the_month = rows.visits.iter().filter(|visit| month.contains(visit.day));
    let mut later: Vec<Instant> = of_the_month
        .flat_map(|visit| &visit.history)
        .map(|recorded| recorded.at)
        .filter(|at| (month.end()..=as_of).contains(at))
        .collect();
    later.sort_unstable();
    // Of one day the last stays.
    later.reverse();
    later.dedup_by_key(|at| at.day());
    later.reverse();
    let first = Instant::saturating(month.end().ms() - 1).min(as_of);
    (1..).zip([first].into_iter().chain(later)).map(|(number, as_of)| Version { number, as_of }).collect()
}

#[cfg(test)]
mod tests;

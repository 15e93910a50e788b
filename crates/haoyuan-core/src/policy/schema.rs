//! The keys of a policy file.
//!
//! Every field is optional: a file says what it changes and takes the rest from the preset that it extends. Unknown keys
//! are errors. Tables are merged key by key; *moments* (`opens`, `closes`, `until`, …), the `reserve` of one tier, a
//! `cap` and lists are single values and are replaced whole.
//!
//! Sections marked *carried* are read, checked and shown, and decide nothing about a seat: some are for reports, some are not
//! there yet.

use crate::apportion::{BasisPoints, Rounding};
use crate::calling::LateTo;
use crate::civil;
use crate::instant::{DAY, Day, HOUR, MINUTE, SECOND};
use crate::pool::Protection;
use crate::rules::LateConfirm;
use crate::said;
use crate::said::{Packed, Said};
use crate::terms::{Channel, Class, Grade, Tier};
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

/// A length of time, written as `15min`, `2h`, `1d` or a sequence of these (`1d12h`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Length(i64);

impl Length {
    /// The longest length: 1,000 days.
    pub const MAX: Self = Self(1_000 * DAY);

    /// Milliseconds.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// Reads a length.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim();
        let mut total = 0i64;
        if rest.is_empty() {
            return None;
        }
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit())?;
            let value: i64 = rest[..digits].parse().ok()?;
            rest = &rest[digits..];
            let end = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
            let unit = match &rest[..end] {
                "s" => SECOND,
                "min" => MINUTE,
                "h" => HOUR,
                "d" => DAY,
                _ => return None,
            };
            total = total.checked_add(value.checked_mul(unit)?)?;
            rest = &rest[end..];
        }
        (total <= Self::MAX.0).then_some(Self(total))
    }
}

impl TryFrom<String> for Length {
    type Error = Packed;
    fn try_from(text: String) -> Result<Self, Packed> {
        Self::parse(&text).ok_or_else(|| {
            Packed(said!(
                "`{text}` is not a length of time; write `15min`, `2h`, `1d` or `1d12h`",
                "`{text}` 不是时长;请写作 `15min`、`2h`、`1d` 或 `1d12h`",
                text
            ))
        })
    }
}

/// A time of day, written as `07:00`; `24:00` is the end of the day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct Clock(i64);

impl Clock {
    /// Milliseconds since midnight.
    #[must_use]
    pub const fn ms(self) -> i64 {
        self.0
    }
}

impl TryFrom<String> for Clock {
    type Error = Packed;
    fn try_from(text: String) -> Result<Self, Packed> {
        civil::parse_clock(&text).map(Self).ok_or_else(|| {
            Packed(said!(
                "`{text}` is not a time of day; write `07:00`",
                "`{text}` 不是时刻;请写作 `07:00`",
                text
            ))
        })
    }
}

/// A calendar date, written as `"2026-10-01"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "String")]
pub struct CalendarDate(
    /// The day.
    pub Day,
);

impl TryFrom<String> for CalendarDate {
    type Error = Packed;
    fn try_from(text: String) -> Result<Self, Packed> {
        civil::parse_date(&text).map(Self).ok_or_else(|| {
            Packed(said!(
                "`{text}` is not a date; write `2026-10-01`",
                "`{text}` 不是日期;请写作 `2026-10-01`",
                text
            ))
        })
    }
}

/// A table whose keys keep the order of the file: the order of pools decides which binding constraint is named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered<T>(
    /// Names and values, in order.
    pub Vec<(String, T)>,
);

impl<T> Default for Ordered<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Ordered<T> {
    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Ordered<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Ordered<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Ordered<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Ordered(entries))
            }
        }
        deserializer.deserialize_map(InOrder(PhantomData))
    }
}

/// What a length of time is counted back from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reference {
    /// The start of the session.
    SessionStart,
    /// The end of the session.
    SessionEnd,
    /// The start of the slot.
    SlotStart,
    /// The end of the slot.
    SlotEnd,
    /// The booking cut-off, `booking.closes`.
    Cutoff,
}

/// How many days before the session's day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Back {
    /// Calendar days.
    Days(u16),
    /// Working days, by `[holidays]`.
    WorkingDays(u16),
    /// Calendar months: the same day of the month, or its last day.
    Months(u16),
}

/// A moment, relative to a session. One of
/// - `{ days_before = 7, at = "07:00" }`; also `months_before = 3`, and `working_days = true`;
///   `morning = "11:00", afternoon = "16:00"` instead of `at` for sessions that start before and after noon;
/// - `{ before = "24h", reference = "session_start" }`;
/// - `{ pool = "PUBLIC", days = 14 }`: so many days before that pool opens.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "RawMoment")]
pub enum Moment {
    /// A clock time of a day.
    Clock {
        /// Which day.
        back: Back,
        /// For sessions that start before noon.
        morning: Clock,
        /// For the others.
        afternoon: Clock,
    },
    /// A length of time before something.
    Before {
        /// How long before.
        length: Length,
        /// Before what.
        reference: Reference,
    },
    /// So many days before another pool opens.
    BeforePool {
        /// The other pool.
        pool: String,
        /// How many days before.
        days: u16,
    },
}

/// The fields of a moment and of a release step, as written.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawMoment {
    days_before: Option<u16>,
    months_before: Option<u16>,
    working_days: Option<bool>,
    at: Option<Clock>,
    morning: Option<Clock>,
    afternoon: Option<Clock>,
    before: Option<Length>,
    reference: Option<Reference>,
    pool: Option<String>,
    days: Option<u16>,
    keep: Option<u16>,
    keep_basis_points: Option<u16>,
}

/// The most days, and the most months, that a moment can lie before the session's day.
const DAYS_BEFORE_MAX: u16 = 366;

impl RawMoment {
    fn moment(self) -> Result<Moment, Said> {
        let clock = self.at.is_some() || self.morning.is_some() || self.afternoon.is_some();
        let by_day = self.days_before.is_some()
            || self.months_before.is_some()
            || self.working_days.is_some()
            || clock;
        let by_length = self.before.is_some() || self.reference.is_some();
        let by_pool = self.pool.is_some() || self.days.is_some();
        if u8::from(by_day) + u8::from(by_length) + u8::from(by_pool) != 1 {
            return Err(said!(
                "a moment is either `days_before` with `at`, or `before` with `reference`, or `pool` with `days`",
                "时间点须为以下三种之一:`days_before` 与 `at`、`before` 与 `reference`、`pool` 与 `days`"
            ));
        }
        if by_day {
            let working = self.working_days.unwrap_or(false);
            let back = match (self.days_before, self.months_before) {
                (Some(days), None) if days > DAYS_BEFORE_MAX => {
                    return Err(at_most("days_before", DAYS_BEFORE_MAX));
                }
                (Some(days), None) if working => Back::WorkingDays(days),
                (Some(days), None) => Back::Days(days),
                (None, Some(_)) if working => {
                    return Err(said!(
                        "`working_days` goes with `days_before` only",
                        "`working_days` 只能与 `days_before` 同用"
                    ));
                }
                (None, Some(months)) if months > 12 => return Err(at_most("months_before", 12)),
                (None, Some(months)) => Back::Months(months),
                _ => return Err(one_of(["days_before", "months_before"])),
            };
            let (morning, afternoon) = match (self.at, self.morning, self.afternoon) {
                (Some(at), None, None) => (at, at),
                (None, Some(morning), Some(afternoon)) => (morning, afternoon),
                _ => {
                    return Err(said!(
                        "name the clock time: `at`, or both `morning` and `afternoon`",
                        "请给出时刻:`at`,或同时给出 `morning` 与 `afternoon`"
                    ));
                }
            };
            Ok(Moment::Clock { back, morning, afternoon })
        } else if by_length {
            match (self.before, self.reference) {
                (Some(length), Some(reference)) => Ok(Moment::Before { length, reference }),
                _ => Err(together("before", "reference")),
            }
        } else {
            match (self.pool, self.days) {
                (Some(pool), Some(days)) if days <= DAYS_BEFORE_MAX => Ok(Moment::BeforePool { pool, days }),
                (Some(_), Some(_)) => Err(at_most("days", DAYS_BEFORE_MAX)),
                _ => Err(together("pool", "days")),
            }
        }
    }
}

fn at_most(key: &str, most: u16) -> Said {
    said!("`{key}` is at most {most}", "`{key}` 最大为 {most}", key, most)
}

fn one_of<const N: usize>(keys: [&str; N]) -> Said {
    let (last, first) = (keys[N - 1], Said::quoted(&keys[..N - 1]));
    said!("name one of {first} and `{last}`", "{first} 与 `{last}` 须给出且只给出一个", first, last)
}

fn together(key: &str, other: &str) -> Said {
    said!("`{key}` and `{other}` go together", "`{key}` 与 `{other}` 须同时给出", key, other)
}

impl TryFrom<RawMoment> for Moment {
    type Error = Packed;
    fn try_from(raw: RawMoment) -> Result<Self, Packed> {
        if raw.keep.is_some() || raw.keep_basis_points.is_some() {
            return Err(Packed(said!(
                "`keep` belongs to a step of `release`",
                "`keep` 只能用于 `release` 的步骤"
            )));
        }
        Ok(raw.moment()?)
    }
}

/// A fence: from this moment on, so much of the reserve is kept; the rest goes to the pool above.
///
/// Written as a moment with `keep` in percent (or `keep_basis_points`): `{ before = "24h", reference =
/// "session_start", keep = 0 }`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "RawMoment")]
pub struct Release {
    /// When.
    pub moment: Moment,
    /// How much is kept.
    pub keep: BasisPoints,
}

impl TryFrom<RawMoment> for Release {
    type Error = Packed;
    fn try_from(mut raw: RawMoment) -> Result<Self, Packed> {
        let keep = share(raw.keep.take(), raw.keep_basis_points.take(), "keep", "keep_basis_points")?
            .ok_or_else(|| {
                said!("say how much is kept: `keep = 0` in percent", "请写明保留多少:`keep = 0`(百分比)")
            })?;
        let moment = raw.moment()?;
        if matches!(moment, Moment::BeforePool { .. }) {
            return Err(Packed(said!(
                "a reserve is released relative to the session or the cut-off, not to a pool",
                "预留号源的释放时间须相对于班次或停挂时间,不能相对于号源池"
            )));
        }
        Ok(Self { moment, keep })
    }
}

fn share(
    percent: Option<u16>,
    basis_points: Option<u16>,
    name: &str,
    fine: &str,
) -> Result<Option<BasisPoints>, Said> {
    match (percent, basis_points) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(one_of([name, fine])),
        (Some(percent), None) => {
            percent.checked_mul(100).and_then(BasisPoints::new).map(Some).ok_or_else(|| {
                said!(
                    "`{name} = {percent}` is more than 100 %",
                    "`{name} = {percent}` 超过 100 %",
                    name,
                    percent
                )
            })
        }
        (None, Some(points)) => BasisPoints::new(points).map(Some).ok_or_else(|| {
            said!(
                "`{fine} = {points}` is more than 10000, which is everything",
                "`{fine} = {points}` 超过 10000(即全部)",
                fine,
                points
            )
        }),
    }
}

/// A share of the seats, or a number of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Amount {
    /// A share of the session's seats.
    Share(BasisPoints),
    /// A number of seats of the session.
    Seats(u16),
}

/// What a pool reserves in an institution of one tier: `{ percent = 30, grades = ["expert"] }`; also
/// `basis_points` or `seats` instead of `percent`, and `rounding`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "RawReserve")]
pub struct Reserve {
    /// How much.
    pub amount: Amount,
    /// In sessions of which grades: the base; all if absent.
    pub grades: Option<Vec<Grade>>,
    /// How a share becomes seats.
    pub rounding: Rounding,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawReserve {
    percent: Option<u16>,
    basis_points: Option<u16>,
    seats: Option<u16>,
    grades: Option<Vec<Grade>>,
    rounding: Option<Rounding>,
}

fn amount(percent: Option<u16>, basis_points: Option<u16>, seats: Option<u16>) -> Result<Amount, Said> {
    match (share(percent, basis_points, "percent", "basis_points")?, seats) {
        (Some(share), None) => Ok(Amount::Share(share)),
        (None, Some(seats)) => Ok(Amount::Seats(seats)),
        _ => Err(one_of(["percent", "basis_points", "seats"])),
    }
}

impl TryFrom<RawReserve> for Reserve {
    type Error = Packed;
    fn try_from(raw: RawReserve) -> Result<Self, Packed> {
        let amount = amount(raw.percent, raw.basis_points, raw.seats)?;
        if matches!(amount, Amount::Seats(_)) && raw.rounding.is_some() {
            return Err(Packed(said!(
                "a number of `seats` needs no `rounding`",
                "以 `seats` 给出号数时不需要 `rounding`"
            )));
        }
        if raw.grades.as_ref().is_some_and(Vec::is_empty) {
            return Err(Packed(said!(
                "`grades` is empty; leave it out for all grades",
                "`grades` 为空;若指所有号别,请省略"
            )));
        }
        Ok(Self { amount, grades: raw.grades, rounding: raw.rounding.unwrap_or_default() })
    }
}

/// The most live seats of a pool: `{ percent = 60 }`, `{ basis_points = 6000 }` or `{ seats = 20 }` of a session.
/// A share is rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "RawCap")]
pub struct Cap(
    /// How many.
    pub Amount,
);

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RawCap {
    percent: Option<u16>,
    basis_points: Option<u16>,
    seats: Option<u16>,
}

impl TryFrom<RawCap> for Cap {
    type Error = Packed;
    fn try_from(raw: RawCap) -> Result<Self, Packed> {
        Ok(Self(amount(raw.percent, raw.basis_points, raw.seats)?))
    }
}

/// A value per tier of institution; `all` stands for the tiers that are not named.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ByTier<T> {
    /// For primary institutions.
    pub primary: Option<T>,
    /// For secondary hospitals.
    pub secondary: Option<T>,
    /// For tertiary hospitals.
    pub tertiary: Option<T>,
    /// For the tiers that are not named.
    pub all: Option<T>,
}

impl<T> Default for ByTier<T> {
    fn default() -> Self {
        Self { primary: None, secondary: None, tertiary: None, all: None }
    }
}

impl<T> ByTier<T> {
    /// The value of a tier and the name under which it was given.
    #[must_use]
    pub fn get(&self, tier: Tier) -> Option<(&T, &'static str)> {
        let own = match tier {
            Tier::Primary => &self.primary,
            Tier::Secondary => &self.secondary,
            Tier::Tertiary => &self.tertiary,
        };
        own.as_ref()
            .map(|value| (value, tier.text()))
            .or_else(|| self.all.as_ref().map(|value| (value, "all")))
    }
}

/// How the reserve of a pool and those of the pools inside it add up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stacking {
    /// What is reserved inside counts for this pool too.
    #[default]
    Nested,
    /// What is reserved inside comes on top.
    Additive,
}

/// A pool (号源池).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Pool {
    /// The pool that contains it; `ROOT` is all seats.
    pub parent: Option<String>,
    /// How its reserve is protected: `guarantee` or `extra`.
    pub protection: Option<Protection>,
    /// What it reserves, by the tier of the institution that publishes.
    pub reserve: ByTier<Reserve>,
    /// How its reserve and those inside it add up: `nested` or `additive`.
    pub stacking: Option<Stacking>,
    /// Whether the seats that nobody reserves are kept for this pool until it opens: without that, whoever opens earlier
    /// could book beyond the own reserve and leave nothing.
    pub rest: Option<bool>,
    /// The most live seats in it and inside it.
    pub cap: Option<Cap>,
    /// When it opens; with the pool above it, if absent.
    pub opens: Option<Moment>,
    /// When it closes; at `booking.closes`, or with the pool above it, if absent.
    pub closes: Option<Moment>,
    /// When its reserve is given up, step by step.
    pub release: Option<Vec<Release>>,
}

/// In a route, instead of a pool: nobody is admitted.
pub const NOBODY: &str = "none";

/// To which pools a class is admitted. A channel that is not named uses `all`, and without it the pool of the public;
/// `"none"` admits nobody.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteEntry {
    /// Every channel that is not named.
    pub all: Option<String>,
    /// The app.
    pub app: Option<String>,
    /// WeChat.
    pub wechat: Option<String>,
    /// Telephone.
    pub phone: Option<String>,
    /// The web page.
    pub web: Option<String>,
    /// The kiosk.
    pub kiosk: Option<String>,
    /// The window.
    pub window: Option<String>,
    /// The doctor's workstation.
    pub station: Option<String>,
    /// A partner platform.
    pub partner: Option<String>,
    /// Whether the class may take a seat of the public when its reserve is used up (default). If not, the pool's cap is
    /// its reserve and there is no second pool.
    pub spill: Option<bool>,
}

impl RouteEntry {
    /// What is named for a channel, a pool or [`NOBODY`], and the key it was given under.
    #[must_use]
    pub fn named(&self, channel: Channel) -> Option<(&str, &'static str)> {
        let own = match channel {
            Channel::App => &self.app,
            Channel::Wechat => &self.wechat,
            Channel::Phone => &self.phone,
            Channel::Web => &self.web,
            Channel::Kiosk => &self.kiosk,
            Channel::Window => &self.window,
            Channel::Station => &self.station,
            Channel::Partner => &self.partner,
        };
        let own = own.as_deref().map(|name| (name, channel.text()));
        own.or_else(|| self.all.as_deref().map(|name| (name, "all")))
    }
}

/// Whether a reserve is guaranteed for each slot or for the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BlockScope {
    /// Per slot, unless the session has fewer than ten seats and less than one reserved seat an hour.
    #[default]
    Auto,
    /// Per slot: guarantees the time of day too.
    Slot,
    /// Per session: guarantees the number only.
    Session,
}

/// `[booking]`: what all pools have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Booking {
    /// The cut-off (停挂): when pools close that do not say otherwise.
    pub closes: Option<Moment>,
    /// Whether a reserve is guaranteed for each slot or for the session.
    pub scope: Option<BlockScope>,
    /// Sessions with fewer seats than this round their shares through the month's ledger, if `rounding` is `auto`; and
    /// may be decided as a whole, if `scope` is `auto`.
    pub small_session: Option<u16>,
}

/// `[hold]`: how long a hold lives, and how many a patient may have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Hold {
    /// Through every channel that is not named.
    pub all: Option<Length>,
    /// Through the app.
    pub app: Option<Length>,
    /// Through WeChat.
    pub wechat: Option<Length>,
    /// By telephone.
    pub phone: Option<Length>,
    /// Through the web page.
    pub web: Option<Length>,
    /// At the kiosk.
    pub kiosk: Option<Length>,
    /// At the window.
    pub window: Option<Length>,
    /// At the doctor's workstation.
    pub station: Option<Length>,
    /// Through a partner platform.
    pub partner: Option<Length>,
    /// The most unpaid holds of a patient in one session.
    pub per_session: Option<u8>,
    /// The most unpaid holds of a patient altogether.
    pub per_patient: Option<u8>,
    /// What a confirmation meets that comes after the hold ran out: `refuse` or `retest`.
    pub late_confirm: Option<LateConfirm>,
}

impl Hold {
    /// The length for a channel and the key it was given under.
    #[must_use]
    pub fn length(&self, channel: Channel) -> Option<(Length, &'static str)> {
        let own = match channel {
            Channel::App => self.app,
            Channel::Wechat => self.wechat,
            Channel::Phone => self.phone,
            Channel::Web => self.web,
            Channel::Kiosk => self.kiosk,
            Channel::Window => self.window,
            Channel::Station => self.station,
            Channel::Partner => self.partner,
        };
        own.map(|length| (length, channel.text())).or_else(|| self.all.map(|length| (length, "all")))
    }
}

/// What a cancellation after the deadline meets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LateCancel {
    /// It is refused.
    #[default]
    Refuse,
    /// It is accepted until the slot ends, and counts as half a no-show unless it is excused.
    Count,
}

/// `[cancel]`: until when a patient may cancel.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cancel {
    /// The deadline (exclusive).
    pub until: Option<Moment>,
    /// Other deadlines for sessions of some grades.
    pub grade: BTreeMap<Grade, Moment>,
    /// What a cancellation after the deadline meets: `refuse` or `count`.
    pub late: Option<LateCancel>,
    /// Reason codes of the hospital's own list that excuse a late cancellation or a no-show.
    pub excused: Option<Vec<u16>>,
}

/// `[overlap]`: how far apart the visits of one patient must be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Overlap {
    /// Between any two visits.
    pub buffer: Option<Length>,
    /// On top, between visits at two institutions.
    pub travel: Option<Length>,
}

/// Over what a limit counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitScope {
    /// Bookings in one department.
    Department,
    /// Bookings with one institution.
    Institution,
    /// All bookings on the platform.
    Platform,
    /// Bookings with one practitioner, wherever.
    Practitioner,
}

/// A calendar period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// Monday to Sunday.
    Week,
    /// The calendar month.
    Month,
    /// The calendar quarter.
    Quarter,
    /// The calendar year.
    Year,
}

/// Over which time something is counted: every run of so many days, or a calendar period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// Every run of so many days.
    Days(u16),
    /// A calendar period.
    Period(Period),
}

fn span(days: Option<u16>, period: Option<Period>) -> Result<Span, Said> {
    match (days, period) {
        (Some(days), None) if (1..=DAYS_BEFORE_MAX).contains(&days) => Ok(Span::Days(days)),
        (Some(_), None) => {
            Err(said!("`days` is 1 to {most}", "`days` 须为 1 至 {most}", most = DAYS_BEFORE_MAX))
        }
        (None, Some(period)) => Ok(Span::Period(period)),
        _ => Err(one_of(["days", "period"])),
    }
}

/// One limit on the live bookings of a patient: `{ scope = "department", days = 1, most = 1 }`, or with `period =
/// "month"` instead of `days`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "RawLimit")]
pub struct LimitEntry {
    /// Over what it counts.
    pub scope: LimitScope,
    /// Over which time.
    pub span: Span,
    /// The most live bookings.
    pub most: u16,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimit {
    scope: LimitScope,
    days: Option<u16>,
    period: Option<Period>,
    most: u16,
}

impl TryFrom<RawLimit> for LimitEntry {
    type Error = Packed;
    fn try_from(raw: RawLimit) -> Result<Self, Packed> {
        if raw.most == 0 {
            return Err(Packed(said!("`most = 0` would admit nobody", "`most = 0` 将使任何人都无法预约")));
        }
        Ok(Self { scope: raw.scope, span: span(raw.days, raw.period)?, most: raw.most })
    }
}

/// `[tickets]`: which privileges need no proof.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tickets {
    /// The classes that need no ticket although they are privileges.
    pub free: Option<Vec<Class>>,
}

/// `[holidays]`: the days that `working_days` does not count.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Holidays {
    /// Whether Saturdays and Sundays are free.
    pub weekends: Option<bool>,
    /// Public holidays.
    pub dates: Option<Vec<CalendarDate>>,
    /// Weekend days that are worked (调休).
    pub working: Option<Vec<CalendarDate>>,
}

/// One step of a ladder of penalties: `{ count = 3, period = "year", suspend = "90d" }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(try_from = "RawStep")]
pub struct Step {
    /// When this count is reached; see [`crate::ladder`].
    pub count: u16,
    /// Counted over which time.
    pub span: Span,
    /// How long booking is suspended.
    pub suspend: Suspension,
}

/// How long booking is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Suspension {
    /// A length of time.
    Length(Length),
    /// Calendar months.
    Months(u8),
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawStep {
    count: u16,
    days: Option<u16>,
    period: Option<Period>,
    suspend: Option<Length>,
    suspend_months: Option<u8>,
}

impl TryFrom<RawStep> for Step {
    type Error = Packed;
    fn try_from(raw: RawStep) -> Result<Self, Packed> {
        let suspend = match (raw.suspend, raw.suspend_months) {
            (Some(length), None) if length.ms() > 0 => Suspension::Length(length),
            (None, Some(months)) if (1..=60).contains(&months) => Suspension::Months(months),
            _ => {
                return Err(Packed(said!(
                    "name one of `suspend = \"90d\"` and `suspend_months` (1 to 60)",
                    "`suspend = \"90d\"` 与 `suspend_months`(1 至 60)须给出且只给出一个"
                )));
            }
        };
        if raw.count == 0 {
            return Err(Packed(said!(
                "`count = 0` would suspend everybody",
                "`count = 0` 将使所有人都被限制预约"
            )));
        }
        Ok(Self { count: raw.count, span: span(raw.days, raw.period)?, suspend })
    }
}

/// `[no_show]` (爽约).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NoShow {
    /// The steps, mildest first.
    pub ladder: Option<Vec<Step>>,
}

/// `[cancel_abuse]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CancelAbuse {
    /// Steps that count cancellations.
    pub cancels: Option<Vec<Step>>,
    /// Steps that count returns on the day of the visit.
    pub same_day_returns: Option<Vec<Step>>,
}

/// `[late_arrival]`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LateArrival {
    /// A number stays valid so long after its slot began; later is a no-show.
    pub valid: Option<Length>,
}

/// `[calling]` (候诊叫号): the order in which patients who have checked in are called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Calling {
    /// So many booked patients to one walk-in.
    pub booked_per_walk_in: Option<u16>,
    /// Walk-ins only when no booked patient can be called.
    pub booked_first: Option<bool>,
    /// A booked patient can be called so long before the slot begins.
    pub early: Option<Length>,
    /// Late by at most so much, a patient keeps the place.
    pub keep_late: Option<Length>,
    /// The place of whoever comes later than that, within `late_arrival.valid`: `end_of_next_period` or `end_of_queue`.
    pub late_to: Option<LateTo>,
    /// Behind how many goes who was called and not there for the first time.
    pub places_after_pass: Option<u8>,
}

/// The order of a waitlist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitOrder {
    /// By class, then by the order of entry.
    ClassThenEntry,
    /// By the order of entry.
    Entry,
}

/// Hours of every day, through midnight if they end before they begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hours {
    /// When they begin.
    pub from: Clock,
    /// When they end.
    pub to: Clock,
}

/// `[waitlist]` (候补).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Waitlist {
    /// Whether one can join only a full session.
    pub only_when_full: Option<bool>,
    /// Who comes first.
    pub order: Option<WaitOrder>,
    /// How long somebody of a routine class waits to rise by one class within the routine ones; never, if absent.
    pub ageing: Option<Length>,
    /// How long an offer is held.
    pub offer: Option<Length>,
    /// The hours in which the time of an offer does not run; none, if absent.
    pub curfew: Option<Hours>,
    /// When the list is cleared.
    pub cleared: Option<Moment>,
    /// The most open entries of a patient.
    pub per_patient: Option<u8>,
    /// The most entries of a session.
    pub per_session: Option<u16>,
}

/// `[extra_seats]` (加号).
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExtraSeats {
    /// The most that a practitioner adds on one day.
    pub per_practitioner_day: Option<u16>,
    /// The most green-channel inserts in one session.
    pub green_per_session: Option<u16>,
    /// Whether a reason must be given.
    pub reason_required: Option<bool>,
}

/// A random delay between two lengths.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Delay {
    /// At least.
    pub least: Length,
    /// At most.
    pub most: Length,
}

/// `[anti_scalping]` (防号贩): when a seat that a member of the public gave back is there for the public again. It is free at
/// once for whoever waited for it and for every other class, and never again for the patient who gave it back.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AntiScalping {
    /// A returned seat reappears after a random delay.
    pub reappears_after: Option<Delay>,
    /// A returned seat reappears at the next of these times; with `reappears_after`, that much later.
    pub reappears_at: Option<Vec<Clock>>,
    /// Nearer to the start of its slot than this, it reappears at once.
    pub at_once_within: Option<Length>,
    /// Whether suspected bots get a slower lane. *Carried*: who is suspected, the host knows.
    pub slow_lane: Option<bool>,
    /// Whether a seat returned at the window is sold online again.
    pub window_returns_online: Option<bool>,
    /// What the delays are drawn from. Who knows it and a booking's number can foretell them, so the hospital keeps it secret.
    pub seed: Option<u64>,
}

/// `[notices]` (提醒): what patients are told of their own holds and bookings, when `tick` finds it due. What the hospital did to
/// them they are told anyway.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Notices {
    /// Whether that a seat is held.
    pub held: Option<bool>,
    /// Whether that a seat is booked.
    pub booked: Option<bool>,
    /// So long before a hold ends, that it is about to.
    pub expiring: Option<Length>,
    /// So long before the slot begins, that the visit is near.
    pub reminder: Option<Length>,
}

/// How far one supply of numbers is shared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sharing {
    /// Within the institution.
    Institution,
    /// Within its alliances.
    Alliance,
    /// Over the province (全省统一预约诊疗).
    Province,
}

/// `[coverage]`: what the text asks of a province or hospital. *Carried*, for reports.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Coverage {
    /// How far one supply of numbers is shared (号源共享).
    pub sharing: Option<Sharing>,
    /// Whether practitioners may work at several sites (多点执业).
    pub multi_site: Option<bool>,
    /// The least number of forms of booking in a hospital.
    pub forms: Option<u8>,
    /// The share of hospitals of level 2 and above that book in slots, percent.
    pub slotted_hospitals: Option<Percent>,
}

/// A share in percent, 0 to 100.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(try_from = "u16")]
pub struct Percent(u8);

impl Percent {
    /// The value.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }
}

impl TryFrom<u16> for Percent {
    type Error = Packed;
    fn try_from(value: u16) -> Result<Self, Packed> {
        match u8::try_from(value) {
            Ok(value) if value <= 100 => Ok(Self(value)),
            _ => Err(Packed(said!("`{value}` is more than 100 %", "`{value}` 超过 100 %", value))),
        }
    }
}

/// `[targets]`: rates to be reported each month, percent; what the month's report is held to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Targets {
    /// Actual booking rate (实际预约率).
    pub booking: Option<Percent>,
    /// Revisit booking rate (复诊预约率).
    pub revisit: Option<Percent>,
    /// Revisit booking rate of stomatology (口腔复诊).
    pub stomatology_revisit: Option<Percent>,
    /// Revisit booking rate of prenatal checks (产前检查复诊).
    pub prenatal_revisit: Option<Percent>,
    /// Booking rate of inpatient examinations (住院患者检查预约).
    pub inpatient_exam: Option<Percent>,
    /// A booking confirmed less than this before the arrival is flagged as made on the visit itself.
    pub same_visit: Option<Length>,
}

/// A policy file, as written, or a policy with all that it extends.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Document {
    /// The name of the policy; refusals and the trace are signed with it.
    pub name: Option<String>,
    /// The preset that it extends.
    pub extends: Option<String>,
    /// What it is, in English.
    pub title: Option<String>,
    /// What it is, in Chinese.
    pub title_zh: Option<String>,
    /// The longest slot that may be published, minutes (分时段精度).
    pub slot_minutes_max: ByTier<u16>,
    /// What all pools have in common.
    pub booking: Booking,
    /// The pools.
    pub pools: Ordered<Pool>,
    /// Which class books at which pool.
    pub routes: BTreeMap<Class, RouteEntry>,
    /// Holds.
    pub hold: Hold,
    /// Cancelling.
    pub cancel: Cancel,
    /// Distance between the visits of a patient.
    pub overlap: Overlap,
    /// Limits on live bookings, in order of precedence.
    pub limits: Option<Vec<LimitEntry>>,
    /// Proofs of privilege.
    pub tickets: Tickets,
    /// Free days.
    pub holidays: Holidays,
    /// Penalties for not coming.
    pub no_show: NoShow,
    /// Penalties for cancelling too often.
    pub cancel_abuse: CancelAbuse,
    /// Coming late.
    pub late_arrival: LateArrival,
    /// The check-in queue.
    pub calling: Calling,
    /// Waiting for a seat.
    pub waitlist: Waitlist,
    /// Seats over capacity.
    pub extra_seats: ExtraSeats,
    /// Seats that were returned.
    pub anti_scalping: AntiScalping,
    /// What patients are told.
    pub notices: Notices,
    /// *Carried.*
    pub coverage: Coverage,
    /// What the month's report is held to.
    pub targets: Targets,
}

/// The sections and keys that decide nothing.
pub(crate) const CARRIED: [&str; 2] = ["anti_scalping.slow_lane", "coverage"];

/// Whether the value of this key is replaced whole although it is a table.
pub(crate) fn is_single_value(parent: &str, key: &str) -> bool {
    matches!(key, "opens" | "closes" | "until" | "cap" | "cleared" | "curfew" | "reappears_after")
        || matches!(parent, "reserve")
        || parent == "grade"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_read_strictly() {
        assert_eq!(Length::parse("15min"), Some(Length(15 * MINUTE)));
        assert_eq!(Length::parse("1d12h"), Some(Length(36 * HOUR)));
        for bad in ["", "15", "min", "15 min", "-1h", "1.5h", "1w", "99999999999999999999d", "9999d", "1h2"] {
            assert_eq!(Length::parse(bad), None, "{bad}");
        }
    }
}

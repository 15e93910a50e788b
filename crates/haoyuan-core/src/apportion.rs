//! How many seats a reserve gets, and in which slots: integers only.
//!
//! A share is a number of basis points. "Reserve 30 %" is read as *at least*, so the default rounds up; where that would
//! give a small session far too much (one seat: 100 %), the [`CarryLedger`] rounds the running sum of a month instead.
//!
//! # Invariants
//! - INVARIANT (ledger prefix): after every entry of a scope, the seats reserved are at least the share of the seats
//!   entered, and each entry is the share of its session rounded down or up.
//! - INVARIANT (exact sums): spread seats sum to each slot's capacity and to each pool's total, no slot gets more than
//!   it has, and after every seat each pool is less than one seat away from its proportion.
//!
//! Amounts are fixed when a session is published and never computed again.

use crate::ids::InstitutionId;
use crate::terms::Grade;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A share in basis points: 10,000 is everything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct BasisPoints(u16);

impl BasisPoints {
    /// Everything.
    pub const WHOLE: Self = Self(10_000);

    /// The checked constructor: `None` above 10,000.
    #[must_use]
    pub const fn new(value: u16) -> Option<Self> {
        if value > Self::WHOLE.0 { None } else { Some(Self(value)) }
    }

    /// The value.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// `seats` times this share, in basis points of a seat.
    const fn of(self, seats: u32) -> u64 {
        self.0 as u64 * seats as u64
    }

    /// The share of so many seats, rounded up.
    #[must_use]
    pub const fn ceil(self, seats: u32) -> u32 {
        whole_seats(self.of(seats).div_ceil(Self::WHOLE.0 as u64))
    }

    /// The share of so many seats, rounded down.
    #[must_use]
    pub const fn floor(self, seats: u32) -> u32 {
        whole_seats(self.of(seats) / Self::WHOLE.0 as u64)
    }

    /// The share of so many seats, rounded to the nearest, a half up.
    #[must_use]
    pub const fn nearest(self, seats: u32) -> u32 {
        whole_seats((2 * self.of(seats) + Self::WHOLE.0 as u64) / (2 * Self::WHOLE.0 as u64))
    }
}

/// A share of at most the whole is at most the `u32` it was taken of.
#[expect(clippy::cast_possible_truncation, reason = "at most the number of seats, which is a u32")]
const fn whole_seats(value: u64) -> u32 {
    value as u32
}

/// How a share becomes a number of seats.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// Up for large sessions, through the ledger for small ones.
    #[default]
    Auto,
    /// Up, each session by itself.
    Ceil,
    /// Up for the running sum of the month, each session its part of it.
    Carry,
    /// To the nearest, a half up.
    Nearest,
    /// Down.
    Floor,
}

impl Rounding {
    /// The mode that [`Rounding::Auto`] stands for in a session of so many seats: sessions below `carry_below` seats
    /// go through the ledger.
    #[must_use]
    pub const fn resolve(self, seats: u32, carry_below: u32) -> Self {
        match self {
            Self::Auto if seats < carry_below => Self::Carry,
            Self::Auto => Self::Ceil,
            mode => mode,
        }
    }
}

/// Over which sessions fractions of a seat are carried, within one month.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarryScope {
    /// The hospital.
    pub institution: InstitutionId,
    /// The policy.
    pub policy: String,
    /// The pool of the policy whose reserve it is.
    pub pool: String,
    /// The grade.
    pub grade: Grade,
}

/// A calendar year and month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Month {
    /// The year.
    pub year: i32,
    /// The month, 1 to 12.
    pub month: i32,
}

/// What was entered for one scope in one month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarryMonth {
    /// Seats of the sessions entered: the base of the reserve.
    pub seats: u64,
    /// Seats reserved in them.
    pub reserved: u64,
    /// Basis points of a seat reserved in advance, 0 to 9,999: the carry.
    pub ahead: u16,
}

/// One session's part of a running sum, worked out but not yet entered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a carry counts only once it is entered"]
pub struct Carry {
    scope: CarryScope,
    month: Month,
    seats: u32,
    amount: u32,
    ahead: u16,
    taken_from: Option<Month>,
}

impl Carry {
    /// The seats to reserve.
    #[must_use]
    pub const fn amount(&self) -> u32 {
        self.amount
    }
}

/// The carried fractions of all scopes.
///
/// Sessions are entered in the order in which they are published; publish a roster by date, then session code. A new
/// month takes over what the month before left. A session added later goes on from where its month stands: an amount
/// once entered is never computed again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<CarryEntry>", into = "Vec<CarryEntry>")]
pub struct CarryLedger {
    months: BTreeMap<(CarryScope, Month), CarryMonth>,
}

/// The stored form of the ledger: one object per scope and month.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct CarryEntry {
    scope: CarryScope,
    month: Month,
    #[serde(flatten)]
    state: CarryMonth,
}

impl From<Vec<CarryEntry>> for CarryLedger {
    fn from(entries: Vec<CarryEntry>) -> Self {
        let entry = |e: CarryEntry| {
            // A carry of a whole seat or more cannot come from this ledger; taking it at its word would reserve too little.
            let ahead = if e.state.ahead < BasisPoints::WHOLE.get() { e.state.ahead } else { 0 };
            ((e.scope, e.month), CarryMonth { ahead, ..e.state })
        };
        Self { months: entries.into_iter().map(entry).collect() }
    }
}

impl From<CarryLedger> for Vec<CarryEntry> {
    fn from(ledger: CarryLedger) -> Self {
        ledger.months.into_iter().map(|((scope, month), state)| CarryEntry { scope, month, state }).collect()
    }
}

impl CarryLedger {
    /// What was entered for a scope in a month.
    #[must_use]
    pub fn month(&self, scope: &CarryScope, month: Month) -> Option<&CarryMonth> {
        self.months.get(&(scope.clone(), month))
    }

    /// The entries that are not as they were in `before`: what publishing a session has entered.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let months = self.months.iter().filter(|(place, state)| before.months.get(place) != Some(state));
        Self { months: months.map(|(place, state)| (place.clone(), *state)).collect() }
    }

    /// Takes over entries as they stand, for replaying what was entered.
    pub fn take_over(&mut self, entries: Self) {
        self.months.extend(entries.months);
    }

    /// Works out the seats to reserve in the next session of a scope. Changes nothing; see [`CarryLedger::enter`].
    pub fn work_out(&self, scope: CarryScope, month: Month, share: BasisPoints, seats: u32) -> Carry {
        let first = Month { year: i32::MIN, month: 0 };
        let (ahead, taken_from) = match self.month(&scope, month) {
            Some(state) => (state.ahead, None),
            None => self
                .months
                .range((scope.clone(), first)..(scope.clone(), month))
                .next_back()
                .map_or((0, None), |((_, from), state)| (state.ahead, Some(*from))),
        };
        let whole = u64::from(BasisPoints::WHOLE.get());
        let wanted = share.of(seats);
        let amount = wanted.saturating_sub(u64::from(ahead)).div_ceil(whole);
        let after = u64::from(ahead) + amount * whole - wanted;
        debug_assert!(after < whole && amount <= u64::from(seats));
        let after = u16::try_from(after).unwrap_or_default();
        Carry { scope, month, seats, amount: whole_seats(amount), ahead: after, taken_from }
    }

    /// Enters a carry that was worked out from this state of the ledger.
    pub fn enter(&mut self, carry: Carry) {
        let Carry { scope, month, seats, amount, ahead, taken_from } = carry;
        if let Some(from) = taken_from {
            // The carry moves: the month before must not spend it again on a session that is added to it later.
            if let Some(state) = self.months.get_mut(&(scope.clone(), from)) {
                state.ahead = 0;
            }
        }
        let state = self.months.entry((scope, month)).or_default();
        state.seats += u64::from(seats);
        state.reserved += u64::from(amount);
        state.ahead = ahead;
    }
}

/// Spreads `total` seats over slots in proportion to their capacity, by rounding the cumulative proportion.
///
/// The sum is exact and every slot gets its proportion rounded down or up.
///
/// # Panics
/// If `total` is more than all capacities together.
#[must_use]
pub fn spread(total: u32, capacity: &[u8]) -> Vec<u8> {
    let seats: u64 = capacity.iter().map(|c| u64::from(*c)).sum();
    assert!(u64::from(total) <= seats, "{total} of {seats} seats cannot be spread");
    let mut before = 0;
    let mut passed = 0;
    capacity
        .iter()
        .map(|c| {
            passed += u64::from(*c);
            let upto = (2 * u64::from(total) * passed + seats).checked_div(2 * seats).unwrap_or(0);
            let here = upto - before;
            before = upto;
            u8::try_from(here).unwrap_or(u8::MAX)
        })
        .collect()
}

/// Spreads several pools over slots at once: element `[s][q]` is the number of seats of pool `q` in slot `s`.
///
/// Tijdeman's algorithm (The chairman assignment problem, 1980) gives each seat, in order of time, to one pool: among
/// the pools whose lag is at least 1/(2n−2) of a seat, to the one that would be a whole seat behind first. The pools
/// must partition the seats, so the public is one of them. The obvious rule, giving each seat to the pool with the
/// largest lag, can leave a pool a whole seat or more behind.
///
/// # Panics
/// If the totals do not sum to the capacities.
#[must_use]
pub fn spread_all(totals: &[u32], capacity: &[u8]) -> Vec<Vec<u8>> {
    let seats: i64 = capacity.iter().map(|c| i64::from(*c)).sum();
    let wanted: i64 = totals.iter().map(|t| i64::from(*t)).sum();
    assert!(wanted == seats, "pools of {wanted} seats do not partition {seats} seats");
    let weighted = totals.iter().filter(|t| **t > 0).count();
    let parts = i64::try_from(2 * weighted).unwrap_or(i64::MAX) - 2;
    let mut given = vec![0i64; totals.len()];
    let mut time = 0;
    let mut rows = Vec::with_capacity(capacity.len());
    for slot in capacity {
        let mut row = vec![0u8; totals.len()];
        for _ in 0..*slot {
            time += 1;
            // Lags are scaled by seats × (2n − 2), so that everything stays an integer.
            let lag = |q: usize| parts * (i64::from(totals[q]) * time - given[q] * seats);
            let slack = |q: usize| (parts - 1) * seats - lag(q);
            let next = (0..totals.len())
                .filter(|q| totals[*q] > 0 && (weighted == 1 || lag(*q) >= seats))
                .min_by(|a, b| (slack(*a) * i64::from(totals[*b])).cmp(&(slack(*b) * i64::from(totals[*a]))));
            let Some(next) = next else {
                unreachable!("lags sum to one seat, so one of n is at least 1/(2n - 2)")
            };
            given[next] += 1;
            row[next] += 1;
        }
        rows.push(row);
    }
    debug_assert!(given.iter().zip(totals).all(|(g, t)| *g == i64::from(*t)));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn percent(p: u16) -> BasisPoints {
        BasisPoints::new(p * 100).unwrap()
    }

    fn scope() -> CarryScope {
        CarryScope {
            institution: InstitutionId::new(1).unwrap(),
            policy: "jilin-2018".to_owned(),
            pool: "L2_TO_L3".to_owned(),
            grade: Grade::Expert,
        }
    }

    const MARCH: Month = Month { year: 2026, month: 3 };

    fn take(ledger: &mut CarryLedger, month: Month, share: BasisPoints, seats: u32) -> u32 {
        let carry = ledger.work_out(scope(), month, share, seats);
        let amount = carry.amount();
        ledger.enter(carry);
        amount
    }

    #[track_caller]
    fn check_carry(share: u16, sessions: &[u32], expected: &[u32]) {
        let mut ledger = CarryLedger::default();
        let amounts: Vec<u32> =
            sessions.iter().map(|seats| take(&mut ledger, MARCH, percent(share), *seats)).collect();
        assert_eq!(amounts, expected);
    }

    #[test]
    fn forty_percent_is_rounded_up() {
        let seats = [1, 2, 3, 5, 7, 40, 41];
        assert_eq!(seats.map(|c| percent(40).ceil(c)), [1, 1, 2, 2, 3, 16, 17]);
        assert_eq!(seats.map(|c| percent(40).floor(c)), [0, 0, 1, 2, 2, 16, 16]);
        assert_eq!(seats.map(|c| percent(40).nearest(c)), [0, 1, 1, 2, 3, 16, 16]);
        assert_eq!(percent(50).nearest(1), 1, "a half goes up");
        assert_eq!(percent(30).ceil(7), 3);
    }

    #[test]
    fn small_sessions_carry_their_fractions_through_the_month() {
        check_carry(30, &[7; 10], &[3, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
        check_carry(30, &[1; 10], &[1, 0, 0, 1, 0, 0, 1, 0, 0, 0]);
        check_carry(0, &[7; 3], &[0, 0, 0]);
        check_carry(100, &[7, 1], &[7, 1]);
    }

    #[test]
    fn a_new_month_takes_over_the_carry_and_the_old_one_cannot_spend_it_again() {
        let mut ledger = CarryLedger::default();
        let april = Month { month: 4, ..MARCH };
        assert_eq!(take(&mut ledger, MARCH, percent(30), 1), 1);
        assert_eq!(take(&mut ledger, april, percent(30), 1), 0, "0.7 of a seat came over");
        assert_eq!(take(&mut ledger, MARCH, percent(30), 1), 1, "March has nothing left in advance");
        assert_eq!(ledger.month(&scope(), april).unwrap().ahead, 4_000);
    }

    #[test]
    fn a_carry_that_is_not_entered_changes_nothing() {
        let mut ledger = CarryLedger::default();
        take(&mut ledger, MARCH, percent(30), 1);
        let before = ledger.clone();
        assert_eq!(ledger.work_out(scope(), MARCH, percent(30), 7).amount(), 2);
        assert_eq!(ledger, before);
    }

    #[test]
    fn the_ledger_is_stored_and_read_back() {
        #[derive(Debug, PartialEq, Serialize, Deserialize)]
        struct Stored {
            ledger: CarryLedger,
        }
        let mut ledger = CarryLedger::default();
        take(&mut ledger, MARCH, percent(30), 7);
        take(&mut ledger, Month { month: 4, ..MARCH }, percent(30), 7);
        let text = toml::to_string(&Stored { ledger: ledger.clone() }).unwrap();
        assert_eq!(toml::from_str::<Stored>(&text).unwrap(), Stored { ledger: ledger.clone() });
        // A carry of a whole seat or more was never stored by this code and is not believed.
        for ahead in ["10000", "65535"] {
            let damaged = text.replace("ahead = 8000", &format!("ahead = {ahead}"));
            assert_ne!(damaged, text);
            let mut damaged = toml::from_str::<Stored>(&damaged).unwrap().ledger;
            assert_eq!(take(&mut damaged, Month { month: 4, ..MARCH }, percent(30), 7), 3, "{ahead}");
        }
    }

    #[test]
    fn what_was_entered_since_is_what_a_replay_takes_over() {
        let [march, april] = [MARCH, Month { month: 4, ..MARCH }];
        let mut ledger = CarryLedger::default();
        let another = CarryScope { pool: "PRIMARY".to_owned(), ..scope() };
        ledger.enter(ledger.work_out(another.clone(), march, percent(40), 7));
        take(&mut ledger, march, percent(30), 7);
        let before = ledger.clone();
        assert_eq!(ledger.since(&before), CarryLedger::default());
        // A new month also changes the one that it takes the carry from, and nothing of another pool.
        take(&mut ledger, april, percent(30), 7);
        take(&mut ledger, april, percent(30), 7);
        let entered = ledger.since(&before);
        let state = entered.month(&scope(), april).unwrap();
        assert_eq!(
            (state.seats, u32::try_from(state.reserved)),
            (14, Ok(percent(30).ceil(21) - percent(30).ceil(7)))
        );
        assert_eq!(
            [march, april].map(|month| entered.month(&scope(), month)),
            [march, april].map(|month| ledger.month(&scope(), month))
        );
        assert_eq!(entered.month(&another, march), None);
        let mut again = before;
        again.take_over(entered);
        assert_eq!(again, ledger);
    }

    #[test]
    fn automatic_rounding_carries_below_ten_seats() {
        assert_eq!(Rounding::Auto.resolve(9, 10), Rounding::Carry);
        assert_eq!(Rounding::Auto.resolve(10, 10), Rounding::Ceil);
        assert_eq!(Rounding::Floor.resolve(1, 10), Rounding::Floor);
    }

    #[test]
    fn one_pool_is_spread_evenly_over_the_slots() {
        assert_eq!(spread(12, &[5; 8]), [2, 1, 2, 1, 2, 1, 2, 1]);
        assert_eq!(spread(6, &[1; 20]).iter().map(|r| u32::from(*r)).sum::<u32>(), 6);
        assert!(spread(6, &[1; 20]).iter().all(|r| *r <= 1));
        assert_eq!(spread(0, &[5, 5]), [0, 0]);
        assert_eq!(spread(0, &[]), [0u8; 0]);
    }

    #[test]
    fn several_pools_are_spread_at_once() {
        let rows = spread_all(&[12, 8, 20], &[5; 8]);
        for row in &rows {
            assert!(row[0] == 1 || row[0] == 2, "{rows:?}");
            assert_eq!(row[1], 1, "{rows:?}");
        }
        assert_eq!(spread_all(&[3], &[1, 2]), [[1], [2]]);
        assert_eq!(spread_all(&[0, 3, 0], &[1, 2]), [[0, 1, 0], [0, 2, 0]]);
    }

    /// Tijdeman's bound after every seat: of `n` pools that have any none is further than 1 − 1/(2n − 2) of a seat from its
    /// proportion.
    #[track_caller]
    fn check_bound(totals: &[u32]) {
        let seats = i64::from(totals.iter().sum::<u32>());
        let parts = 2 * i64::try_from(totals.iter().filter(|t| **t > 0).count()).unwrap() - 2;
        let slots = vec![1; usize::try_from(seats).unwrap()];
        let mut given = vec![0; totals.len()];
        for (row, passed) in spread_all(totals, &slots).iter().zip(1..) {
            for (q, total) in totals.iter().enumerate() {
                given[q] += i64::from(row[q]);
                let off = (given[q] * seats - i64::from(*total) * passed).abs();
                assert!(if parts == 0 { off == 0 } else { off * parts <= seats * (parts - 1) }, "{totals:?}");
            }
        }
    }

    #[test]
    fn after_every_seat_no_pool_is_further_off_than_it_must_be() {
        // Every four pools of up to six seats, some of them empty, and six of very different sizes.
        for code in 1..7u32.pow(4) {
            check_bound(&[code % 7, code / 7 % 7, code / 49 % 7, code / 343]);
        }
        for totals in [[4, 2, 5, 12, 1, 1], [7, 12, 4, 5, 1, 1], [8, 2, 4, 12, 2, 2]] {
            check_bound(&totals);
        }
    }

    #[test]
    #[should_panic(expected = "do not partition")]
    fn pools_that_do_not_partition_the_seats_are_a_bug() {
        let _ = spread_all(&[1, 1], &[5]);
    }

    fn slots() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(1u8..=63, 1..=48)
    }

    proptest! {
        /// I12 for the ledger: every prefix keeps the share, and each session gets it rounded down or up.
        #[test]
        fn the_ledger_keeps_the_share_after_every_session(
            share in 0u16..=10_000,
            sessions in prop::collection::vec((1u32..=200, 1i32..=12), 1..60),
        ) {
            let share = BasisPoints::new(share).unwrap();
            let mut ledger = CarryLedger::default();
            let (mut seats, mut reserved) = (0u64, 0u64);
            for (capacity, month) in sessions {
                let amount = take(&mut ledger, Month { year: 2026, month }, share, capacity);
                prop_assert!(amount == share.floor(capacity) || amount == share.ceil(capacity));
                seats += u64::from(capacity);
                reserved += u64::from(amount);
                prop_assert!(reserved * 10_000 >= seats * u64::from(share.get()));
            }
        }

        /// Months in order: the whole year is one running sum.
        #[test]
        fn months_in_order_reserve_exactly_the_rounded_up_share(
            share in 0u16..=10_000,
            sessions in prop::collection::vec((1u32..=200, 1i32..=12), 1..60),
        ) {
            let share = BasisPoints::new(share).unwrap();
            let mut sessions = sessions;
            sessions.sort_by_key(|(_, month)| *month);
            let mut ledger = CarryLedger::default();
            let (mut seats, mut reserved) = (0u32, 0u32);
            for (capacity, month) in sessions {
                seats += capacity;
                reserved += take(&mut ledger, Month { year: 2026, month }, share, capacity);
                prop_assert_eq!(reserved, share.ceil(seats));
            }
        }

        /// I12 and I13 for one pool.
        #[test]
        fn cumulative_rounding_is_exact_and_near(capacity in slots(), part in 0u32..=1_000) {
            let seats: u32 = capacity.iter().map(|c| u32::from(*c)).sum();
            let total = seats * part / 1_000;
            let row = spread(total, &capacity);
            prop_assert_eq!(row.iter().map(|r| u32::from(*r)).sum::<u32>(), total);
            let (mut given, mut passed) = (0i64, 0i64);
            for (r, c) in row.iter().zip(&capacity) {
                prop_assert!(r <= c);
                let exact = total * u32::from(*c);
                prop_assert!((exact / seats..=exact.div_ceil(seats)).contains(&u32::from(*r)));
                given += i64::from(*r);
                passed += i64::from(*c);
                prop_assert!((given * i64::from(seats) - i64::from(total) * passed).abs() < i64::from(seats));
            }
        }

        /// I12 and I13 for several pools: rows, columns, and the deviation after every slot.
        #[test]
        fn tijdeman_is_exact_and_near(capacity in slots(), cuts in prop::collection::vec(0u32..=1_000, 0..12)) {
            let seats: u32 = capacity.iter().map(|c| u32::from(*c)).sum();
            let mut cuts: Vec<u32> = cuts.iter().map(|cut| seats * cut / 1_000).chain([0, seats]).collect();
            cuts.sort_unstable();
            let totals: Vec<u32> = cuts.windows(2).map(|pair| pair[1] - pair[0]).collect();
            let rows = spread_all(&totals, &capacity);
            let mut given = vec![0i64; totals.len()];
            let mut passed = 0i64;
            for (row, c) in rows.iter().zip(&capacity) {
                prop_assert_eq!(row.iter().map(|r| u32::from(*r)).sum::<u32>(), u32::from(*c));
                passed += i64::from(*c);
                for (q, r) in row.iter().enumerate() {
                    given[q] += i64::from(*r);
                    let deviation = given[q] * i64::from(seats) - i64::from(totals[q]) * passed;
                    prop_assert!(deviation.abs() < i64::from(seats));
                }
            }
            prop_assert_eq!(given, totals.iter().map(|t| i64::from(*t)).collect::<Vec<_>>());
        }
    }
}

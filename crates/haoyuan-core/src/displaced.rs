//! Whom the hospital rebooks first when it stops a clinic (停诊), and how far a patient may be moved without being asked.
//!
//! INVARIANT (serial dictatorship): the displaced are placed one after the other in one order; whoever comes later never
//! takes a seat that an earlier one could have had.

use crate::ids::{BookingId, DepartmentId, InstitutionId, PractitionerId};
use crate::instant::{DAY, Day, HOUR, Instant};
use crate::terms::{Class, Grade};

/// Where a displaced booking stands among the displaced; the smallest is rebooked first.
///
/// Green channel, referrals, revisits (the next visit that a doctor booked), contract residents, everybody else; then by
/// the instant of booking, then by number.
#[must_use]
pub const fn turn(class: Class, booked_at: Instant, booking: BookingId) -> (u8, Instant, BookingId) {
    let rank = match class {
        Class::Green => 0,
        Class::ReferralSecondary | Class::ReferralPrimary => 1,
        Class::Revisit => 2,
        Class::Contract => 3,
        Class::OnSite | Class::Public => 4,
    };
    (rank, booked_at, booking)
}

/// What matters of a session when somebody is moved from it or to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clinic {
    /// Where.
    pub institution: InstitutionId,
    /// Where.
    pub department: DepartmentId,
    /// With whom.
    pub practitioner: PractitionerId,
    /// The grade.
    pub grade: Grade,
    /// When it begins.
    pub from: Instant,
}

impl Clinic {
    const fn day(&self) -> Day {
        self.from.day()
    }

    fn half_day(&self) -> (Day, bool) {
        (self.day(), self.from.ms() - self.day().midnight().ms() >= 12 * HOUR)
    }
}

/// How near another session is to the one that was lost; in the order of preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nearness {
    /// The same practitioner within 7 days.
    Practitioner,
    /// The same grade and department in the same half day.
    HalfDay,
    /// The same grade and department within 3 days.
    Days,
    /// Anything else of the same institution: a lower grade, another department, later. The patient is asked.
    Asks,
}

impl Nearness {
    /// Whether a patient is moved there without being asked.
    #[must_use]
    pub const fn is_consented(self) -> bool {
        !matches!(self, Self::Asks)
    }
}

/// How near `to` is to `from`; `None` if it is of another institution.
#[must_use]
pub fn nearness(from: &Clinic, to: &Clinic) -> Option<Nearness> {
    if from.institution != to.institution {
        return None;
    }
    let days = (i64::from(to.day().0) - i64::from(from.day().0)).abs();
    let alike = from.grade == to.grade && from.department == to.department;
    Some(if from.practitioner == to.practitioner && from.grade == to.grade && days <= 7 {
        Nearness::Practitioner
    } else if alike && from.half_day() == to.half_day() {
        Nearness::HalfDay
    } else if alike && days <= 3 {
        Nearness::Days
    } else {
        Nearness::Asks
    })
}

/// How long an offer to a displaced patient is held, milliseconds.
pub const OFFER_MS: i64 = DAY;
/// How long a displaced patient's ticket for a new booking is valid, milliseconds.
pub const TICKET_MS: i64 = 30 * DAY;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{BlockId, SeatIndex, Sequence};

    #[test]
    fn rights_come_first_and_then_the_order_of_booking() {
        let booking = |n| BookingId::pack(BlockId::default(), SeatIndex::default(), Sequence(n));
        let at = Instant::saturating;
        let mut displaced = [
            turn(Class::Public, at(5), booking(1)),
            turn(Class::Contract, at(9), booking(2)),
            turn(Class::Public, at(4), booking(3)),
            turn(Class::ReferralPrimary, at(8), booking(5)),
            turn(Class::ReferralSecondary, at(8), booking(4)),
            turn(Class::Revisit, at(9), booking(6)),
            turn(Class::Green, at(9), booking(7)),
        ];
        displaced.sort_unstable();
        assert_eq!(displaced.map(|turn| turn.2.sequence().0), [7, 4, 5, 6, 2, 3, 1]);
    }

    #[test]
    fn nearness_is_the_order_of_the_field() {
        let eight = Day(20_000).midnight().plus(8 * HOUR);
        let lost = Clinic {
            institution: InstitutionId::default(),
            department: DepartmentId::default(),
            practitioner: PractitionerId::default(),
            grade: Grade::Expert,
            from: eight,
        };
        let other = PractitionerId::new(1).unwrap();
        let check = |to: Clinic, expected| assert_eq!(nearness(&lost, &to), expected, "{to:?}");
        check(Clinic { from: eight.plus(7 * DAY), ..lost }, Some(Nearness::Practitioner));
        check(Clinic { from: eight.plus(8 * DAY), ..lost }, Some(Nearness::Asks));
        check(Clinic { practitioner: other, from: eight.plus(HOUR), ..lost }, Some(Nearness::HalfDay));
        check(Clinic { practitioner: other, from: eight.plus(4 * HOUR), ..lost }, Some(Nearness::Days));
        check(Clinic { practitioner: other, from: eight.plus(4 * DAY), ..lost }, Some(Nearness::Asks));
        check(Clinic { practitioner: other, grade: Grade::Ordinary, ..lost }, Some(Nearness::Asks));
        check(Clinic { institution: InstitutionId::new(9).unwrap(), ..lost }, None);
    }

    #[test]
    fn who_would_be_moved_further_is_asked_for_a_day_and_can_book_anew_for_thirty() {
        let order = [Nearness::Practitioner, Nearness::HalfDay, Nearness::Days, Nearness::Asks];
        assert!(order.is_sorted());
        assert_eq!(order.map(Nearness::is_consented), [true, true, true, false]);
        let noon = Day(20_000).midnight().plus(12 * HOUR);
        assert_eq!(
            (noon.plus(OFFER_MS), noon.plus(TICKET_MS)),
            (noon.plus(24 * HOUR), Day(20_030).midnight().plus(12 * HOUR))
        );
    }
}

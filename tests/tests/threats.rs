//! What a scalper, a thief of tokens or a curious caller tries, and what it gets: the lines of `SECURITY.md` that no other suite
//! shows. Each attacker has more accounts, threads and patience than a patient has.

use haoyuan_core::ids::{
    BookingId, DepartmentId, IdempotencyKey, InstitutionId, Interval, NodeIndex, PatientKey, PractitionerId,
    SeatIndex, Sequence, SessionId, SlotIndex, SlotRef, TicketId,
};
use haoyuan_core::instant::{DAY, Day, HOUR, Instant, MINUTE};
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::pool::{Node, PoolTree, Route, Routes};
use haoyuan_core::refusal::{Binding, Code};
use haoyuan_core::request::{Grant, Settle, Ticket, Wish};
use haoyuan_core::rules::Rules;
use haoyuan_core::terms::{Channel, Class, Grade, Kind};
use haoyuan_engine::{Engine, Limits};

/// 2026-03-03, a Tuesday.
const TUESDAY: Day = Day(20_515);
const HOLD: i64 = 15 * MINUTE;

fn eight() -> Instant {
    TUESDAY.midnight().plus(8 * HOUR)
}

/// 07:00 seven days before.
fn release() -> Instant {
    TUESDAY.midnight().plus(7 * HOUR - 7 * DAY)
}

fn node(number: u8) -> NodeIndex {
    NodeIndex::new(number).expect("a node")
}

/// Four sessions of two slots with two seats each, the fourth at the time of the first; one seat of each slot is for referrals from secondary hospitals.
fn engine() -> Engine {
    let pools = || {
        let referral = Node { guarantee: 1, cap: Some(1), ..Node::plain("REFERRAL", NodeIndex::ROOT) };
        let public = Node { opens: 7 * HOUR - 7 * DAY, ..Node::plain("PUBLIC", NodeIndex::ROOT) };
        let mut routes = Routes::default();
        routes.set_all(Class::ReferralSecondary, Route::one(node(1)));
        routes.set_all(Class::Public, Route::one(node(2)));
        PoolTree::new(2, vec![Node::plain("ROOT", NodeIndex::ROOT), referral, public], routes)
            .expect("it fits")
    };
    let session = |code: &str, department: u32, from: Instant| Session {
        code: code.to_owned(),
        institution: InstitutionId::new(1).expect("an id"),
        department: DepartmentId::new(department).expect("an id"),
        practitioner: PractitionerId::new(department).expect("an id"),
        grade: Grade::Expert,
        kind: Kind::Clinic,
        time: Interval { from, to: from.plus(HOUR) },
        slot_ms: u32::try_from(30 * MINUTE).expect("half an hour"),
        capacity: vec![2; 2],
    };
    let engine = Engine::new(Limits::for_seats(1_000));
    for (code, department, hour) in [("A", 1, 0), ("B", 2, 2), ("C", 3, 4), ("D", 4, 0)] {
        let session = session(code, department, eight().plus(hour * HOUR));
        let plan = Plan { session, blocks: Blocks::PerSlot(vec![pools(), pools()]), rules: Rules::default() };
        engine.publish(&plan, release().plus(-DAY)).expect("it is published");
    }
    engine
}

fn patient(number: u128) -> PatientKey {
    PatientKey::new(number).expect("not zero")
}

fn slot(session: u32, slot: u16) -> SlotRef {
    SlotRef { session: SessionId::new(session).expect("an id"), slot: SlotIndex::new(slot).expect("a slot") }
}

fn wish(who: u128, place: SlotRef) -> Wish {
    Wish {
        patient: patient(who),
        slot: place,
        class: Class::Public,
        channel: Channel::App,
        ticket: None,
        key: None,
    }
}

fn code(answer: Result<Grant, haoyuan_core::refusal::Refusal>) -> Code {
    answer.expect_err("refused").code
}

#[test]
fn who_asks_before_the_release_gets_nothing_and_leaves_nothing() {
    let engine = engine();
    let before = engine.audit().expect("sound");
    for who in 1..=10_000 {
        let early = release().plus(-1 - i64::try_from(who % 5_000).expect("small"));
        assert_eq!(code(engine.hold(&wish(who, slot(0, 0)), early)), Code::NotOpen);
    }
    assert_eq!(engine.audit(), Ok(before));
    // And is in no queue: whoever comes first at the release is first.
    assert!(engine.hold(&wish(20_000, slot(0, 0)), release()).is_ok());
}

#[test]
fn a_flood_of_refusals_changes_nothing_and_takes_no_room() {
    let engine = Engine::new(Limits { patients: 4, ..Limits::for_seats(100) });
    let session = Session {
        code: "ONE".to_owned(),
        institution: InstitutionId::new(1).expect("an id"),
        department: DepartmentId::new(1).expect("an id"),
        practitioner: PractitionerId::new(1).expect("an id"),
        grade: Grade::Expert,
        kind: Kind::Clinic,
        time: Interval { from: eight(), to: eight().plus(30 * MINUTE) },
        slot_ms: u32::try_from(30 * MINUTE).expect("half an hour"),
        capacity: vec![1],
    };
    let mut routes = Routes::default();
    routes.set_all(Class::Public, Route::one(node(1)));
    let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), Node::plain("PUBLIC", NodeIndex::ROOT)];
    let tree = PoolTree::new(1, nodes, routes).expect("it fits");
    let plan = Plan { session, blocks: Blocks::PerSlot(vec![tree]), rules: Rules::default() };
    engine.publish(&plan, release()).expect("it is published");
    let first = engine.book(&wish(1, slot(0, 0)), release()).expect("free");
    let before = engine.audit().expect("sound");
    // Far more people than there is room for: a refusal by the block looks at nobody.
    for who in 2..=50_000 {
        assert_eq!(code(engine.hold(&wish(who, slot(0, 0)), release())), Code::SlotFull);
    }
    assert_eq!(engine.audit(), Ok(before));
    let settle = Settle { patient: patient(1), booking: first.booking, key: None };
    engine.cancel(&settle, release()).expect("in time");
    assert!(engine.book(&wish(2, slot(0, 0)), release()).is_ok(), "there is still room for a patient");
}

#[test]
fn seats_cannot_be_hoarded_by_holds() {
    let engine = engine();
    let at = release();
    engine.hold(&wish(1, slot(0, 0)), at).expect("the first");
    assert_eq!(code(engine.hold(&wish(1, slot(0, 1)), at)), Code::DepartmentDayLimit);
    engine.hold(&wish(1, slot(1, 0)), at).expect("the second, elsewhere");
    assert_eq!(code(engine.hold(&wish(1, slot(2, 0)), at)), Code::HoldLimit);
    // Other channels are the same person.
    for channel in Channel::ALL {
        let other = Wish { channel: *channel, ..wish(1, slot(2, 0)) };
        assert_eq!(code(engine.hold(&other, at)), Code::HoldLimit);
    }
    // At its last millisecond the seat is still held, and then it is anybody's, without a sweep.
    assert_eq!(code(engine.book(&wish(2, slot(0, 0)), at.plus(HOLD - 1))), Code::Protected);
    assert!(engine.book(&wish(2, slot(0, 0)), at.plus(HOLD)).is_ok());
}

#[test]
fn a_booking_number_is_no_right() {
    let engine = engine();
    let at = release();
    let held = engine.hold(&wish(1, slot(0, 0)), at).expect("free");
    let before = engine.audit().expect("sound");
    // The very number of somebody else's hold.
    let stolen = Settle { patient: patient(2), booking: held.booking, key: IdempotencyKey::new(7) };
    assert_eq!(engine.confirm(&stolen, at).expect_err("not his").code, Code::UnknownBooking);
    assert_eq!(
        engine.cancel(&Settle { key: None, ..stolen }, at).expect_err("not his").code,
        Code::UnknownBooking
    );
    // And every number near it, for its owner too: nothing is learnt and nothing moves.
    for seat in 0..=SeatIndex::MAX {
        for sequence in 1..50 {
            let seat = SeatIndex::new(seat).expect("a seat");
            let guess = BookingId::pack(held.booking.block(), seat, Sequence(sequence));
            if guess == held.booking {
                continue;
            }
            for who in [1, 2] {
                let settle = Settle { patient: patient(who), booking: guess, key: None };
                assert_eq!(engine.confirm(&settle, at).expect_err("guessed").code, Code::UnknownBooking);
                assert_eq!(engine.cancel(&settle, at).expect_err("guessed").code, Code::UnknownBooking);
            }
        }
    }
    assert_eq!(engine.audit(), Ok(before));
    let own = Settle { patient: patient(1), booking: held.booking, key: None };
    assert!(engine.confirm(&own, at).is_ok());
}

#[test]
fn a_ticket_is_of_one_person_for_one_place_one_class_and_a_time() {
    let engine = engine();
    let at = release().plus(-HOUR);
    let ticket = Ticket {
        id: TicketId::new(77).expect("a number"),
        patient: patient(1),
        class: Class::ReferralSecondary,
        institution: InstitutionId::new(1).expect("an id"),
        department: DepartmentId::new(1),
        expires: at.plus(DAY),
    };
    engine.issue_ticket(&ticket, at).expect("new");
    let with = |who, place, class| Wish { class, ticket: Some(ticket.id), ..wish(who, place) };
    // Passed on, as a link would be.
    assert_eq!(code(engine.book(&with(2, slot(0, 0), Class::ReferralSecondary), at)), Code::TicketUnknown);
    // Without it, in another department, after its end.
    let none = Wish { ticket: None, ..with(1, slot(0, 0), Class::ReferralSecondary) };
    assert_eq!(code(engine.book(&none, at)), Code::TicketRequired);
    assert_eq!(code(engine.book(&with(1, slot(1, 0), Class::ReferralSecondary), at)), Code::TicketMismatch);
    let after = at.plus(DAY);
    assert_eq!(code(engine.book(&with(1, slot(0, 0), Class::ReferralSecondary), after)), Code::TicketExpired);
    // And its owner, in time.
    assert!(engine.book(&with(1, slot(0, 0), Class::ReferralSecondary), at.plus(DAY - 1)).is_ok());
    // Somebody else cannot take the number of a ticket that is there, and so cannot spend it either.
    let forged = Ticket { patient: patient(2), ..ticket };
    let _ = engine.issue_ticket(&forged, at);
    assert_eq!(
        code(engine.book(&with(1, slot(0, 1), Class::ReferralSecondary), at)),
        Code::TicketUsed,
        "used is used, whoever else has a ticket of that number"
    );
}

#[test]
fn a_key_of_somebody_else_gives_nothing_away() {
    let engine = engine();
    let at = release();
    let key = IdempotencyKey::new(0xfeed);
    let first = engine.book(&Wish { key, ..wish(1, slot(0, 0)) }, at).expect("free");
    // A key belongs to its patient: the thief's command is decided for the thief.
    let thief = engine.book(&Wish { key, ..wish(2, slot(0, 0)) }, at);
    assert_eq!(code(thief), Code::Protected);
    assert_eq!(engine.book(&Wish { key, ..wish(1, slot(0, 0)) }, at), Ok(first));
}

#[test]
fn a_refusal_tells_nobody_elses_booking() {
    let engine = engine();
    let at = release();
    let own: Vec<Grant> =
        (0..2).map(|n| engine.book(&wish(1 + u128::from(n), slot(0, n)), at).expect("free")).collect();
    let mut named = [0, 0];
    for who in 1..=9 {
        for place in (0..4).flat_map(|session| [slot(session, 0), slot(session, 1)]) {
            let Err(refusal) = engine.hold(&wish(who, place), at) else { continue };
            if let Binding::Booking(booking) = refusal.binding {
                // At the same time elsewhere: the asker's own booking is named, never whose seat it would have been.
                let asker = usize::try_from(who - 1).expect("few");
                assert_eq!(own.get(asker).map(|grant| grant.booking), Some(booking), "{who}: {refusal:?}");
                named[asker] += 1;
            }
        }
    }
    assert_eq!(named, [1, 1]);
}

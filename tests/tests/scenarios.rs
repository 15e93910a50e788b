//! The worked scenarios of the domain, as tests of the engine.
//!
//! Base unless said: an expert session, Tuesday 08:00 to 12:00, eight half-hour slots of 5 seats; 12 of the 40 seats are
//! reserved for referrals until 24 hours before; the public opens at 07:00 seven days before; a hold lives 15 minutes.

use haoyuan_core::apportion::{BasisPoints, spread};
use haoyuan_core::ids::{
    BookingId, DepartmentId, IdempotencyKey, InstitutionId, Interval, NodeIndex, PatientKey, PractitionerId,
    SessionId, SlotIndex, SlotRef, TicketId,
};
use haoyuan_core::instant::{DAY, Day, HOUR, Instant, MINUTE};
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::pool::{Fence, Node, PoolTree, Route, Routes, TreeError};
use haoyuan_core::refusal::{Binding, Code, Refusal, Retry};
use haoyuan_core::request::{Grant, Settle, Standing, Ticket, Wish};
use haoyuan_core::rules::{Limit, Rules, Scope, Window};
use haoyuan_core::terms::{Channel, Class, Grade, Kind};
use haoyuan_engine::{Engine, Limits};
use haoyuan_tests::generate::patient as key_of;

/// 2026-03-03, a Tuesday.
const TUESDAY: Day = Day(20_515);
const REFERRAL: NodeIndex = match NodeIndex::new(1) {
    Some(node) => node,
    None => NodeIndex::ROOT,
};

/// An instant of the session's day, in hours and minutes.
fn clock(hour: i64, minute: i64) -> Instant {
    TUESDAY.midnight().plus(hour * HOUR + minute * MINUTE)
}

/// 07:00 seven days before: the public opens.
fn release() -> Instant {
    clock(7, 0).plus(-7 * DAY)
}

/// A patient who is nobody else.
fn patient(number: u32) -> PatientKey {
    PatientKey::new(key_of(0).get() ^ u128::from(number) << 32).expect("not zero")
}

/// The pools of the base: referrals have `reserve` seats until 24 hours before, and a cap if they must not spill.
fn pools(capacity: u8, reserve: u8, cap: Option<u8>) -> PoolTree {
    let start = 8 * HOUR;
    let referral = Node {
        guarantee: reserve,
        cap,
        fences: vec![Fence { from: start - DAY, seats: 0 }],
        opens: 7 * HOUR - 21 * DAY,
        ..Node::plain("REFERRAL", NodeIndex::ROOT)
    };
    let public = Node { opens: 7 * HOUR - 7 * DAY, ..Node::plain("PUBLIC", NodeIndex::ROOT) };
    let mut routes = Routes::default();
    routes.set_all(Class::ReferralSecondary, Route::one(REFERRAL));
    routes.set_all(Class::Public, Route::one(NodeIndex::new(2).expect("a node")));
    PoolTree::new(capacity, vec![Node::plain("ROOT", NodeIndex::ROOT), referral, public], routes)
        .expect("it fits")
}

/// Rules under which referrals need no ticket, so that a scenario is about what it is about.
fn rules() -> Rules {
    Rules { limits: Vec::new(), ticket_free: 1 << Class::ReferralSecondary.number(), ..Rules::default() }
}

fn session(code: &str, institution: u16, from: Instant, slots: usize, seats: u8) -> Session {
    let slot = 30 * MINUTE;
    Session {
        code: code.to_owned(),
        institution: InstitutionId::new(institution).expect("an id"),
        department: DepartmentId::new(1).expect("an id"),
        practitioner: PractitionerId::new(u32::from(institution)).expect("an id"),
        grade: Grade::Expert,
        kind: Kind::Clinic,
        time: Interval { from, to: from.plus(slot * i64::try_from(slots).expect("a few")) },
        slot_ms: u32::try_from(slot).expect("half an hour"),
        capacity: vec![seats; slots],
    }
}

/// The base: each slot a block with its part of the 12, or the session one block with all of them.
fn base(whole: bool, cap: Option<u8>) -> Plan {
    let session = session("EXPERT", 1, clock(8, 0), 8, 5);
    let blocks = if whole {
        Blocks::WholeSession(pools(40, 12, cap))
    } else {
        Blocks::PerSlot(spread(12, &session.capacity).into_iter().map(|r| pools(5, r, cap)).collect())
    };
    Plan { session, blocks, rules: rules() }
}

fn published(plan: &Plan) -> (Engine, SessionId) {
    let engine = Engine::new(Limits::for_seats(30_000));
    let id = engine.publish(plan, release().plus(-30 * DAY)).expect("it fits together");
    (engine, id)
}

fn slot(session: SessionId, slot: u16) -> SlotRef {
    SlotRef { session, slot: SlotIndex::new(slot).expect("below 1024") }
}

fn wish(who: u32, slot: SlotRef, class: Class) -> Wish {
    Wish { patient: patient(who), slot, class, channel: Channel::App, ticket: None, key: None }
}

fn settle(who: u32, booking: BookingId) -> Settle {
    Settle { patient: patient(who), booking, key: None }
}

fn code(refused: Result<Grant, Refusal>) -> Option<Code> {
    refused.err().map(|refusal| refusal.code)
}

// ---- 2. Rush at release ----------------------------------------------------------------------------------------------

#[track_caller]
fn rush(whole: bool) {
    const REQUESTS: u32 = 20_000;
    let (engine, id) = published(&base(whole, None));
    let early = engine.book(&wish(0, slot(id, 0), Class::Public), release().plus(-1));
    let early = early.expect_err("nobody gets in before 07:00:00.000");
    assert_eq!((early.code, early.retry), (Code::NotOpen, Retry::From(release())));

    let verdicts: Vec<Result<Grant, Refusal>> = std::thread::scope(|scope| {
        let ask = |thread: u32| {
            let engine = &engine;
            scope.spawn(move || {
                let numbers = (1..=REQUESTS).filter(move |n| n % 2 == thread);
                let ask = |n: u32| {
                    let where_to =
                        slot(id, u16::try_from(n.wrapping_mul(2_654_435_761) >> 29).expect("below 8"));
                    engine.book(&wish(n, where_to, Class::Public), release().plus(i64::from(n % 1_000)))
                };
                numbers.map(ask).collect::<Vec<_>>()
            })
        };
        [ask(0), ask(1)].into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
    });
    assert_eq!(verdicts.len(), REQUESTS as usize, "one verdict for each request");
    let granted: Vec<&Grant> = verdicts.iter().filter_map(|v| v.as_ref().ok()).collect();
    assert_eq!(granted.len(), 28);
    let mut numbers: Vec<u16> = granted.iter().map(|grant| grant.number).collect();
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 28, "no number twice");
    let protected = |r: &Refusal| match r.code {
        Code::Protected => r.binding == Binding::Node(REFERRAL),
        // In a whole session a slot of 5 can be full before the session is.
        Code::SlotFull => whole,
        _ => false,
    };
    assert!(verdicts.iter().filter_map(|v| v.as_ref().err()).all(protected));

    // The 12 are untouched: every one of them can be had.
    let mut referrals = 0;
    for who in 0..40 {
        let request = wish(
            REQUESTS + 1 + who,
            slot(id, u16::try_from(who % 8).expect("below 8")),
            Class::ReferralSecondary,
        );
        referrals += u32::from(engine.book(&request, release().plus(2_000)).is_ok());
    }
    assert_eq!(referrals, 12);
    let audit = engine.audit().expect("nothing is oversold");
    assert_eq!((audit.booked, audit.held, audit.transitions), (40, 0, 40));
}

#[test]
fn scenario_2_a_rush_at_release_grants_the_public_seats_and_no_more() {
    rush(false);
}

#[test]
fn scenario_2_a_rush_at_release_with_the_session_as_one_block() {
    rush(true);
}

// ---- 3. Referral after the reserve is empty --------------------------------------------------------------------------

/// The base as one block at T−3 d with so many public and referral seats taken.
fn taken(cap: Option<u8>, public: u32, referrals: u32) -> (Engine, SessionId, Instant) {
    let (engine, id) = published(&base(true, cap));
    let at = clock(8, 0).plus(-3 * DAY);
    for n in 0..public + referrals {
        let class = if n < public { Class::Public } else { Class::ReferralSecondary };
        let where_to = slot(id, u16::try_from(n % 8).expect("below 8"));
        engine.book(&wish(n, where_to, class), at).expect("there is room");
    }
    (engine, id, at)
}

#[test]
fn scenario_3_a_referral_beyond_the_reserve_spills_into_the_public() {
    let (engine, id, at) = taken(None, 19, 12);
    let before = engine.availability(slot(id, 7), Class::Public, Channel::App, at).expect("a slot");
    let referral =
        engine.book(&wish(100, slot(id, 7), Class::ReferralSecondary), at).expect("9 public seats are free");
    assert!(referral.spill && referral.node == REFERRAL);
    let live = engine.bookings_of(patient(30), at).expect("nobody else asks");
    assert!(!live[0].grant.spill, "the twelve before it redeemed the reserve");
    let after = engine.availability(slot(id, 7), Class::Public, Channel::App, at).expect("a slot");
    assert_eq!((before.live + 1, before.free), (after.live, after.free + 1));
}

#[test]
fn scenario_3_a_strict_reserve_is_named_when_it_is_used_up() {
    let (engine, id, at) = taken(Some(12), 19, 12);
    let refused = engine.book(&wish(100, slot(id, 7), Class::ReferralSecondary), at).expect_err("12 of 12");
    assert_eq!((refused.code, refused.binding), (Code::CapReached, Binding::Node(REFERRAL)));
}

#[test]
fn scenario_3_the_public_never_gets_a_reserved_seat_before_the_fence() {
    let (engine, id, _) = taken(None, 28, 8);
    let fence = clock(8, 0).plus(-DAY);
    for at in [clock(8, 0).plus(-3 * DAY), fence.plus(-1)] {
        let refused = engine.book(&wish(200, slot(id, 7), Class::Public), at).expect_err("4 are reserved");
        assert_eq!(
            (refused.code, refused.binding, refused.retry),
            (Code::Protected, Binding::Node(REFERRAL), Retry::From(fence))
        );
    }
    let granted = (0..8u16).filter(|n| {
        engine.book(&wish(200 + u32::from(*n), slot(id, 4 + n % 4), Class::Public), fence).is_ok()
    });
    assert_eq!(granted.count(), 4, "at the fence the unused 4 are the public's");
}

// ---- 4. Overlap over two hospitals -----------------------------------------------------------------------------------

/// A plain session of one slot at an institution.
fn visit(code: &str, institution: u16, from: Instant, rules: &Rules) -> Plan {
    let session = session(code, institution, from, 1, 5);
    let mut routes = Routes::default();
    routes.set_all(Class::Public, Route::one(REFERRAL));
    let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), Node::plain("PUBLIC", NodeIndex::ROOT)];
    let tree = PoolTree::new(5, nodes, routes).expect("it fits");
    Plan { session, blocks: Blocks::PerSlot(vec![tree]), rules: rules.clone() }
}

#[test]
fn scenario_4_no_patient_is_in_two_hospitals_at_once_or_too_soon() {
    let rules = Rules { travel_ms: 3_600_000, holds_per_patient: 9, ..rules() };
    let engine = Engine::new(Limits::for_seats(1_000));
    let at = clock(0, 0).plus(-DAY);
    let publish = |code, institution, from| {
        slot(engine.publish(&visit(code, institution, from, &rules), at).expect("it fits together"), 0)
    };
    let here = publish("A-0900", 1, clock(9, 0));
    let held = engine.hold(&wish(1, here, Class::Public), at).expect("free");
    for (code, from, refused) in [
        ("B-0900", clock(9, 0), true),
        ("B-0930", clock(9, 30), true),
        ("B-0830", clock(8, 30), true),
        ("B-1030", clock(10, 30), false),
    ] {
        let answer = engine.hold(&wish(1, publish(code, 2, from), Class::Public), at);
        match answer {
            Err(refusal) => assert_eq!(
                (refused, refusal.code, refusal.binding),
                (true, Code::Overlap, Binding::Booking(held.booking)),
                "{code}"
            ),
            Ok(_) => assert!(!refused, "{code}"),
        }
    }
    // Without travel the slot before at the same hospital touches and does not overlap.
    assert!(engine.hold(&wish(1, publish("A-0830", 1, clock(8, 30)), Class::Public), at).is_ok());
}

// ---- 5. Payment at the edge ------------------------------------------------------------------------------------------

/// One seat, held by patient 1 until 10:15:00.000.
fn one_seat_held() -> (Engine, SlotRef, BookingId) {
    let mut plan = visit("ONE", 1, clock(14, 0), &rules());
    plan.session.capacity = vec![1];
    let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), Node::plain("PUBLIC", NodeIndex::ROOT)];
    let mut routes = Routes::default();
    routes.set_all(Class::Public, Route::one(REFERRAL));
    plan.blocks = Blocks::PerSlot(vec![PoolTree::new(1, nodes, routes).expect("it fits")]);
    let (engine, id) = published(&plan);
    let held = engine.hold(&wish(1, slot(id, 0), Class::Public), clock(10, 0)).expect("free");
    assert_eq!(held.standing, Standing::HeldUntil(clock(10, 15)));
    (engine, slot(id, 0), held.booking)
}

#[test]
fn scenario_5_a_hold_is_confirmed_until_its_last_millisecond() {
    let (engine, _, booking) = one_seat_held();
    assert!(engine.confirm(&settle(1, booking), clock(10, 15).plus(-1)).is_ok_and(|s| s.changed));
    let again = engine.confirm(&settle(1, booking), clock(10, 16)).expect("confirming is idempotent");
    assert_eq!((again.changed, again.sequence), (false, booking.sequence()));

    let (engine, _, booking) = one_seat_held();
    let refused = engine.confirm(&settle(1, booking), clock(10, 15)).expect_err("it ended at this instant");
    assert_eq!(refused.code, Code::HoldExpired);
}

#[test]
fn scenario_5_a_seat_never_has_two_owners_in_any_order_of_arrival() {
    let end = clock(10, 15);
    for confirm_at in [end.plus(-1), end] {
        for claim_at in [end.plus(-1), end] {
            for confirm_first in [true, false] {
                let (engine, where_to, booking) = one_seat_held();
                let confirm = || engine.confirm(&settle(1, booking), confirm_at).is_ok();
                let claim = || engine.book(&wish(2, where_to, Class::Public), claim_at).is_ok();
                let (confirmed, claimed) = if confirm_first {
                    let confirmed = confirm();
                    (confirmed, claim())
                } else {
                    let claimed = claim();
                    (confirm(), claimed)
                };
                let owners = u32::from(confirmed) + u32::from(claimed);
                assert!(owners <= 1, "{} {} {confirm_first}", confirm_at.ms(), claim_at.ms());
                if confirm_at < end && (confirm_first || claim_at < end) {
                    assert!(confirmed, "in time, and nobody had looked past the hold");
                }
                if claim_at == end && !confirm_first {
                    assert!(claimed && !confirmed, "the hold was dead for the claim, so it is dead for good");
                }
                engine.audit().expect("nothing is oversold");
            }
        }
    }
}

// ---- 6. Rounding and spread ------------------------------------------------------------------------------------------

#[test]
fn scenario_6_shares_round_up_and_spread_evenly() {
    let share = BasisPoints::new(4_000).expect("40 %");
    for (seats, reserved) in [(1, 1), (2, 1), (3, 2), (5, 2), (7, 3), (40, 16), (41, 17)] {
        assert_eq!(share.ceil(seats), reserved, "40 % of {seats}");
    }
    let rows = spread(12, &[5; 8]);
    assert!(rows.iter().all(|r| (1..=2).contains(r)), "{rows:?}");
    assert_eq!(rows.iter().map(|r| u32::from(*r)).sum::<u32>(), 12);
}

#[test]
fn scenario_6_reserves_beyond_the_whole_are_rejected() {
    let reserve = |name, guarantee| Node { guarantee, ..Node::plain(name, NodeIndex::ROOT) };
    let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), reserve("A", 25), reserve("B", 16)];
    let built = PoolTree::new(40, nodes, Routes::default());
    assert_eq!(built, Err(TreeError::OverCapacity { minima: 41, capacity: 40 }));
}

// ---- 7. As far as capacity is fixed ----------------------------------------------------------------------------------

#[test]
fn scenario_7_forty_seats_are_forty_bookings() {
    for whole in [false, true] {
        let (engine, id) = published(&base(whole, None));
        let at = clock(7, 0).plus(-HOUR); // after the fence: all 40 are anybody's
        let booked: Vec<Grant> = (0..40)
            .map(|n| {
                let where_to = slot(id, u16::try_from(n % 8).expect("below 8"));
                engine.book(&wish(n, where_to, Class::Public), at).expect("there is room")
            })
            .collect();
        let mut numbers: Vec<u16> = booked.iter().map(|grant| grant.number).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=40).collect::<Vec<_>>());
        for n in 0..8 {
            let one_more = engine.book(&wish(41, slot(id, n), Class::Public), at).expect_err("40 of 40");
            assert_eq!((one_more.code, one_more.binding), (Code::SlotFull, Binding::Node(NodeIndex::ROOT)));
        }
        // A seat given back is claimable again, by its number.
        engine.cancel(&settle(11, booked[11].booking), at).expect("it is booked");
        let again = engine.book(&wish(41, slot(id, 3), Class::Public), at).expect("one is free");
        assert_eq!(again.number, booked[11].number);
        assert_ne!(again.booking, booked[11].booking);
    }
}

// ---- what the scenarios rest on --------------------------------------------------------------------------------------

#[test]
fn an_ended_booking_says_how_it_ended() {
    let (engine, where_to, booking) = one_seat_held();
    engine.cancel(&settle(1, booking), clock(10, 1)).expect("a hold can be given up");
    assert_eq!(engine.confirm(&settle(1, booking), clock(10, 2)).map_err(|r| r.code), Err(Code::Cancelled));
    assert_eq!(engine.cancel(&settle(1, booking), clock(10, 2)).map_err(|r| r.code), Err(Code::Cancelled));

    let (engine, _, booking) = one_seat_held();
    engine.book(&wish(2, where_to, Class::Public), clock(10, 15)).expect("the hold is dead");
    assert_eq!(
        engine.confirm(&settle(1, booking), clock(10, 14)).map_err(|r| r.code),
        Err(Code::HoldExpired)
    );
    assert_eq!(
        engine.confirm(&settle(2, booking), clock(10, 14)).map_err(|r| r.code),
        Err(Code::UnknownBooking)
    );
}

#[test]
fn a_ticket_is_used_once_and_again_after_a_cancel() {
    let mut plan = base(true, None);
    plan.rules.ticket_free = 0;
    plan.rules.holds_per_patient = 9;
    plan.rules.holds_per_session = 9;
    let (engine, id) = published(&plan);
    let at = clock(8, 0).plus(-3 * DAY);
    let ticket = |number, class, institution| Ticket {
        id: TicketId::new(number).expect("not zero"),
        patient: patient(1),
        class,
        institution: InstitutionId::new(institution).expect("an id"),
        department: None,
        expires: at.plus(HOUR),
    };
    engine.issue_ticket(&ticket(1, Class::ReferralSecondary, 1), at).expect("new");
    engine.issue_ticket(&ticket(2, Class::ReferralSecondary, 2), at).expect("new");
    engine.issue_ticket(&ticket(3, Class::Green, 1), at).expect("new");
    let ask = |number: Option<u128>, to: u16, at| {
        let ticket = number.and_then(TicketId::new);
        engine.book(&Wish { ticket, ..wish(1, slot(id, to), Class::ReferralSecondary) }, at)
    };
    assert_eq!(code(ask(None, 0, at)), Some(Code::TicketRequired));
    assert_eq!(code(ask(Some(9), 0, at)), Some(Code::TicketUnknown));
    assert_eq!(code(ask(Some(2), 0, at)), Some(Code::TicketMismatch));
    assert_eq!(code(ask(Some(3), 0, at)), Some(Code::TicketMismatch));
    let first = ask(Some(1), 0, at).expect("a good ticket");
    let used = ask(Some(1), 1, at).expect_err("in use");
    assert_eq!((used.code, used.binding), (Code::TicketUsed, Binding::Booking(first.booking)));
    engine.cancel(&settle(1, first.booking), at).expect("it is booked");
    assert!(ask(Some(1), 1, at.plus(HOUR - 1)).is_ok());
    assert_eq!(code(ask(Some(1), 2, at.plus(HOUR))), Some(Code::TicketExpired));
}

#[test]
fn a_key_gives_the_same_answer_and_refuses_another_command() {
    let (engine, id) = published(&base(true, None));
    let at = clock(8, 0).plus(-3 * DAY);
    let key = IdempotencyKey::new(7);
    let keyed = Wish { key, ..wish(1, slot(id, 0), Class::Public) };
    let first = engine.hold(&keyed, at).expect("free");
    assert_eq!(engine.hold(&keyed, at.plus(DAY)), Ok(first));
    assert_eq!(code(engine.book(&keyed, at)), Some(Code::IdempotencyConflict));
    assert_eq!(
        code(engine.hold(&Wish { channel: Channel::Web, ..keyed }, at)),
        Some(Code::IdempotencyConflict)
    );
    let settled = engine.confirm(&Settle { key, ..settle(1, first.booking) }, at);
    assert_eq!(settled.map_err(|r| r.code), Err(Code::IdempotencyConflict));
    // Scoped to the patient: somebody else's key is another key.
    assert!(engine.hold(&Wish { key, ..wish(2, slot(id, 0), Class::Public) }, at).is_ok());
}

#[test]
fn the_last_eight_keyed_commands_are_remembered_whatever_is_done_without_a_key() {
    let (engine, id) = published(&base(true, None));
    let at = clock(8, 0).plus(-3 * DAY);
    let key = |n: u32| IdempotencyKey::new(u128::from(n) + 1);
    // A keyed command that is granted here and now, and would be granted again with another booking if forgotten.
    let kept = Wish { key: key(0), ..wish(1, slot(id, 0), Class::Public) };
    let first = engine.book(&kept, at).expect("free");
    engine.cancel(&settle(1, first.booking), at).expect("it is booked");
    // Seven more keyed ones, refused.
    for n in 1..8 {
        let closed = Wish { key: key(n), ..wish(1, slot(id, 0), Class::Green) };
        assert_eq!(code(engine.book(&closed, at)), Some(Code::NotAdmitted));
    }
    // And things without a key: bookings made two at a time and given back.
    for _ in 0..10 {
        let a = engine.book(&wish(1, slot(id, 1), Class::Public), at).expect("free");
        let b = engine.book(&wish(1, slot(id, 2), Class::Public), at).expect("free");
        engine.cancel(&settle(1, b.booking), at).expect("it is booked");
        engine.cancel(&settle(1, a.booking), at).expect("it is booked");
    }
    assert_eq!(engine.book(&kept, at), Ok(first));
}

#[test]
fn what_is_beyond_the_last_eight_keyed_commands_is_forgotten_whatever_they_were() {
    let keyed = |n: u32, id, class| Wish {
        key: IdempotencyKey::new(u128::from(n) + 1),
        ..wish(1, slot(id, 0), class)
    };
    let start = clock(8, 0).plus(-3 * DAY);
    // Refused: after eight the first is asked anew, and its key is free for another command.
    let (engine, id) = published(&base(true, None));
    for n in 0..9 {
        assert_eq!(code(engine.book(&keyed(n, id, Class::Green), start)), Some(Code::NotAdmitted));
    }
    assert_eq!(code(engine.hold(&keyed(1, id, Class::Public), start)), Some(Code::IdempotencyConflict));
    assert!(engine.hold(&keyed(0, id, Class::Public), start).is_ok());
    // Granted, and let lapse: beside the eight the last one is remembered, which nobody has found dead yet.
    let (engine, id) = published(&base(true, None));
    let at = |n: u32| start.plus(i64::from(n) * HOUR);
    let hold = |n: u32, at| engine.hold(&keyed(n, id, Class::Public), at).expect("free");
    let grants: Vec<Grant> = (0..=10).map(|n| hold(n, at(n))).collect();
    assert_eq!([1, 5, 10].map(|n| hold(n, at(11))), [grants[1], grants[5], grants[10]]);
    let anew = hold(0, at(11));
    assert!(anew.booking != grants[0].booking);
}

#[test]
fn a_keyed_confirmation_or_cancellation_is_told_again_as_it_was_told() {
    let (engine, id) = published(&base(true, None));
    let at = clock(8, 0).plus(-3 * DAY);
    let held = engine.hold(&wish(1, slot(id, 0), Class::Public), at).expect("free").booking;
    let under = |n| Settle { key: IdempotencyKey::new(n), ..settle(1, held) };
    let first = engine.confirm(&under(1), at).expect("a live hold");
    let second = engine.confirm(&under(2), at).expect("a booking");
    assert_eq!((first.changed, second.changed), (true, false));
    assert_eq!([1, 2].map(|n| engine.confirm(&under(n), at)), [Ok(first), Ok(second)]);
    // To confirm is one command, and to cancel another one.
    assert_eq!(engine.cancel(&under(1), at).map_err(|r| r.code), Err(Code::IdempotencyConflict));
    let cancelled = engine.cancel(&under(3), at).expect("a booking");
    assert_eq!(engine.cancel(&under(3), at), Ok(cancelled));
    assert_eq!(engine.confirm(&under(3), at).map_err(|r| r.code), Err(Code::IdempotencyConflict));
}

/// Beyond a handful the live bookings of a patient are not counted but walked over: all of them count all the same.
#[test]
fn however_many_bookings_a_patient_has_all_of_them_count() {
    for most in [6_u16, 7, 8, 9, 20] {
        let mut plan = base(false, None);
        plan.session = session("LONG", 1, clock(8, 0), 30, 5);
        plan.blocks = Blocks::PerSlot(vec![pools(5, 0, None); 30]);
        plan.rules.limits = vec![Limit { scope: Scope::Platform, window: Window::Days(1), most }];
        let (engine, id) = published(&plan);
        let at = clock(8, 0).plus(-3 * DAY);
        let book = |to: u16| engine.book(&wish(1, slot(id, to), Class::Public), at);
        let booked: Vec<BookingId> = (0..most).map(|to| book(to).expect("below the limit").booking).collect();
        let listed = || -> Vec<BookingId> {
            let live = engine.bookings_of(patient(1), at).expect("nobody else asks");
            live.iter().map(|live| live.grant.booking).collect()
        };
        for _ in 0..3 {
            assert_eq!(listed(), booked);
            assert_eq!(code(book(29)), Some(Code::DayLimit), "{most}");
            assert_eq!(code(book(0)), Some(Code::Overlap), "{most}");
        }
        for (place, booking) in booked.iter().enumerate() {
            engine.cancel(&settle(1, *booking), at).expect("it is booked");
            assert_eq!(listed(), booked[place + 1..]);
        }
        assert!(book(29).is_ok());
    }
}

#[test]
fn a_limit_of_zero_is_refused_or_kept() {
    let mut plan = base(true, None);
    plan.rules.limits = vec![Limit { scope: Scope::Platform, window: Window::Days(1), most: 0 }];
    let engine = Engine::new(Limits::for_seats(1_000));
    if let Ok(id) = engine.publish(&plan, release()) {
        let answer = engine.book(&wish(1, slot(id, 0), Class::Public), clock(7, 0));
        assert_eq!(code(answer), Some(Code::DayLimit));
    }
}

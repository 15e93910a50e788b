//! What the hospital does during the day: waitlist, stop, withdraw, suspend, substitute.

use haoyuan_core::ids::{
    BlockId, BookingId, DepartmentId, IdempotencyKey, InstitutionId, Interval, NodeIndex, PatientKey,
    PractitionerId, SeatIndex, Sequence, SessionId, SlotIndex, SlotRef, TicketId,
};
use haoyuan_core::instant::{Day, HOUR, Instant, MINUTE};
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::pool::{Node, PoolTree, Route, Routes};
use haoyuan_core::refusal::{Binding, Code, Refusal, Retry};
use haoyuan_core::request::{Grant, Order, Query, Settle, Standing, Ticket, Wish};
use haoyuan_core::rules::Rules;
use haoyuan_core::terms::{Channel, Class, Grade, Kind};
use haoyuan_engine::{Change, Engine, Fact, Limits, PublishError, Resized, Suspension, Trace};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

const EIGHT: i64 = 1_772_409_600_000;

fn at(ms: i64) -> Instant {
    Instant::new(EIGHT + ms).unwrap()
}

fn person(number: u64) -> PatientKey {
    PatientKey::new(u128::from(number) + 1).unwrap()
}

fn tree(capacity: u8) -> PoolTree {
    let mut routes = Routes::default();
    let public = NodeIndex::new(1).unwrap();
    routes.set_all(Class::Public, Route::one(public));
    let nodes = vec![Node::plain("ROOT", NodeIndex::ROOT), Node::plain("PUBLIC", NodeIndex::ROOT)];
    PoolTree::new(capacity, nodes, routes).unwrap()
}

/// One session of so many slots of `capacity` seats; as many blocks, or one.
fn plan(slots: u16, capacity: u8, whole: bool) -> Plan {
    let session = Session {
        code: "session".into(),
        institution: InstitutionId::new(1).unwrap(),
        department: DepartmentId::new(1).unwrap(),
        practitioner: PractitionerId::new(1).unwrap(),
        grade: Grade::Expert,
        kind: Kind::Clinic,
        time: Interval { from: at(0), to: at(i64::from(slots) * HOUR) },
        slot_ms: 3_600_000,
        capacity: vec![capacity; usize::from(slots)],
    };
    let blocks = if whole {
        Blocks::WholeSession(tree(capacity * u8::try_from(slots).unwrap()))
    } else {
        Blocks::PerSlot(vec![tree(capacity); usize::from(slots)])
    };
    Plan { session, blocks, rules: Rules::default() }
}

/// A claim of a host that has served those who wait, at the block's last transition.
fn served<T: Trace>(engine: &Engine<T>, wish: &Wish, book: bool, at: Instant) -> Result<Grant, Refusal> {
    let last = engine.sequence(wish.slot)?;
    if book { engine.book_served(wish, last, at) } else { engine.hold_served(wish, last, at) }
}

fn engine(plan: &Plan) -> (Engine, SessionId) {
    let engine = Engine::new(Limits::for_seats(1_000));
    let session = engine.publish(plan, at(-48 * HOUR)).unwrap();
    (engine, session)
}

fn slot(session: SessionId, slot: u16) -> SlotRef {
    SlotRef { session, slot: SlotIndex::new(slot).unwrap() }
}

fn wish(number: u64, slot: SlotRef) -> Wish {
    let patient = person(number);
    Wish { patient, slot, class: Class::Public, channel: Channel::App, ticket: None, key: None }
}

fn code<A: std::fmt::Debug>(answer: Result<A, Refusal>) -> Code {
    answer.expect_err("this is refused").code
}

/// Anything that the public finds on the first day or the next.
fn query(order: Order, most: usize) -> Query {
    Query {
        class: Class::Public,
        channel: Channel::App,
        from: at(0).day(),
        to: Day(at(0).day().0 + 1),
        institution: None,
        department: None,
        practitioner: None,
        grade: None,
        order,
        most,
    }
}

#[test]
fn while_somebody_waits_only_the_waitlist_is_served() {
    let (engine, session) = engine(&plan(1, 2, false));
    let here = slot(session, 0);
    engine.set_waiting(here, true).unwrap();
    assert!(engine.is_waiting(here) && !engine.is_stopped(here));
    let refusal = engine.hold(&wish(1, here), at(-HOUR)).unwrap_err();
    assert_eq!((refusal.code, refusal.retry), (Code::Waitlisted, Retry::WhenReturned));
    assert_eq!(code(engine.book(&wish(1, here), at(-HOUR))), Code::Waitlisted);
    let availability = engine.availability(here, Class::Public, Channel::App, at(-HOUR)).unwrap();
    assert_eq!((availability.free, availability.refusal.map(|r| r.code)), (0, Some(Code::Waitlisted)));
    let query = query(Order::Earliest, 9);
    assert_eq!(engine.search(&query, at(-HOUR)), []);

    let past = engine.availability_past_waitlist(here, Class::Public, Channel::App, at(-HOUR)).unwrap();
    assert_eq!((past.free, past.refusal), (2, None));

    let offered = engine.offer(&wish(2, here), at(-MINUTE), at(-HOUR)).unwrap();
    assert_eq!(offered.standing, Standing::HeldUntil(at(-MINUTE)));
    served(&engine, &wish(3, here), false, at(-HOUR)).unwrap();
    // A full slot says so, whoever waits.
    assert_eq!(code(engine.hold(&wish(1, here), at(-HOUR))), Code::SlotFull);
    assert_eq!(code(engine.offer(&wish(1, here), at(0), at(-HOUR))), Code::SlotFull);
    // An offer that is let lapse is dead like any hold, and the seat is for who waits next.
    assert_eq!(code(engine.hold(&wish(1, here), at(-MINUTE))), Code::Waitlisted);
    let settle = Settle { patient: person(2), booking: offered.booking, key: None };
    assert_eq!(code(engine.confirm(&settle, at(-MINUTE))), Code::HoldExpired);
    engine.set_waiting(here, false).unwrap();
    assert!(!engine.is_waiting(here) && !engine.is_stopped(here));
    // Two dead holds: one is booked over, the other shows again.
    engine.book(&wish(1, here), at(-MINUTE)).unwrap();
    let found = engine.search(&query, at(-MINUTE));
    assert_eq!(found.iter().map(|found| (found.slot, found.free)).collect::<Vec<_>>(), [(here, 1)]);
    engine.audit().unwrap();
}

#[test]
fn in_a_session_that_is_one_block_a_full_slot_is_full_whoever_waits() {
    let (engine, session) = engine(&plan(2, 1, true));
    engine.set_waiting(slot(session, 0), true).unwrap();
    served(&engine, &wish(1, slot(session, 0)), true, at(-HOUR)).unwrap();
    assert_eq!(code(engine.book(&wish(2, slot(session, 0)), at(-HOUR))), Code::SlotFull);
    // The block waits as a whole.
    assert_eq!(code(engine.book(&wish(2, slot(session, 1)), at(-HOUR))), Code::Waitlisted);
}

#[test]
fn a_key_refused_because_others_wait_is_free_for_the_next_attempt() {
    let (engine, session) = engine(&plan(1, 1, false));
    let here = slot(session, 0);
    engine.set_waiting(here, true).unwrap();
    let keyed = Wish { key: IdempotencyKey::new(7), ..wish(1, here) };
    assert_eq!(code(engine.hold(&keyed, at(-HOUR))), Code::Waitlisted);
    let grant = served(&engine, &keyed, false, at(-HOUR)).unwrap();
    // From now on every way of asking gets that answer.
    assert_eq!(engine.hold(&keyed, at(-HOUR)), Ok(grant));
    assert_eq!(served(&engine, &keyed, false, at(-MINUTE)), Ok(grant));
    assert_eq!(code(served(&engine, &keyed, true, at(-HOUR))), Code::IdempotencyConflict);
}

#[test]
fn a_stopped_block_accepts_nothing_and_gives_back_everybody() {
    let (engine, session) = engine(&plan(2, 3, false));
    let here = slot(session, 0);
    let booked = engine.book(&wish(1, here), at(-3 * HOUR)).unwrap();
    let held = engine.hold(&wish(2, here), at(-2 * HOUR)).unwrap();
    let offered = engine.offer(&wish(3, here), at(-HOUR), at(-2 * HOUR)).unwrap();
    engine.set_stopped(here, true).unwrap();
    engine.set_stopped(here, true).unwrap();
    assert!(engine.is_stopped(here) && !engine.is_waiting(here) && !engine.is_stopped(slot(session, 1)));
    let now = at(-2 * HOUR + MINUTE);
    for answer in [
        engine.hold(&wish(4, here), now),
        served(&engine, &wish(4, here), true, now),
        engine.offer(&wish(4, here), at(0), now),
    ] {
        assert_eq!(code(answer), Code::Stopped);
    }
    assert!(engine.hold(&wish(4, slot(session, 1)), now).is_ok(), "the next slot goes on");

    let occupants = engine.occupants(here, now).unwrap();
    let seen: Vec<_> = occupants.iter().map(|o| (o.booking, o.patient, o.granted_at)).collect();
    let expected = [
        (booked.booking, person(1), Some(at(-3 * HOUR))),
        (held.booking, person(2), Some(at(-2 * HOUR))),
        (offered.booking, person(3), None),
    ];
    assert_eq!(seen, expected);
    for (occupant, sequence) in occupants.iter().zip(4..) {
        let withdrawn = engine.withdraw(occupant.booking, now).unwrap();
        assert_eq!((withdrawn.patient, withdrawn.slot), (occupant.patient, here));
        assert_eq!((withdrawn.standing, withdrawn.sequence.0), (occupant.standing, sequence));
        // Repeating it changes nothing, and the patient is told.
        assert_eq!(code(engine.withdraw(occupant.booking, now)), Code::UnknownBooking);
        let settle = Settle { patient: occupant.patient, booking: occupant.booking, key: None };
        assert_eq!(code(engine.confirm(&settle, now)), Code::Cancelled);
        assert_eq!(code(engine.cancel(&settle, now)), Code::Cancelled);
        // The day's limit is given back.
        assert!(
            engine
                .book(&wish(u64::try_from(occupant.patient.get()).unwrap() - 1, slot(session, 1)), now)
                .is_ok()
                || engine.availability(slot(session, 1), Class::Public, Channel::App, now).unwrap().free == 0
        );
    }
    assert_eq!(engine.occupants(here, now).unwrap(), []);
    engine.set_stopped(here, false).unwrap();
    assert!(engine.hold(&wish(9, here), now).is_ok());
    engine.audit().unwrap();
}

#[test]
fn a_withdrawal_has_no_deadline_and_takes_no_dead_hold() {
    let mut plan = plan(1, 2, false);
    plan.rules.cancel_until = 0;
    let (engine, session) = engine(&plan);
    let booked = engine.book(&wish(1, slot(session, 0)), at(-HOUR)).unwrap();
    let settle = Settle { patient: person(1), booking: booked.booking, key: None };
    assert_eq!(code(engine.cancel(&settle, at(-MINUTE))), Code::TooLate);
    assert_eq!(engine.withdraw(booked.booking, at(HOUR)).unwrap().standing, Standing::Booked);
    let held = engine.hold(&wish(2, slot(session, 0)), at(-HOUR)).unwrap();
    assert_eq!(code(engine.withdraw(held.booking, at(0))), Code::HoldExpired);
}

#[test]
fn a_suspension_closes_online_channels_until_its_end() {
    let (engine, session) = engine(&plan(1, 5, false));
    let here = slot(session, 0);
    let through = |channel| Wish { channel, ..wish(1, here) };
    let until = at(-MINUTE - 1);
    engine.suspend(person(1), Some(Suspension::Until(until))).unwrap();
    // Whole seconds, rounded up.
    assert_eq!(engine.suspension(person(1)), Some(Suspension::Until(at(-MINUTE))));
    for channel in Channel::ALL {
        let answer = engine.hold(&through(*channel), at(-MINUTE - 1));
        if channel.is_online() {
            let refusal = answer.unwrap_err();
            assert_eq!((refusal.code, refusal.retry), (Code::Suspended, Retry::From(at(-MINUTE))));
        } else {
            let granted: Grant = answer.unwrap();
            let settle = Settle { patient: person(1), booking: granted.booking, key: None };
            engine.cancel(&settle, at(-MINUTE - 1)).unwrap();
        }
    }
    assert_eq!(code(engine.offer(&through(Channel::App), at(0), at(-MINUTE - 1))), Code::Suspended);
    assert!(engine.hold(&through(Channel::App), at(-MINUTE)).is_ok(), "the end is exclusive");

    // A whole second is kept as it is, and what ends later than can be kept, at the latest second; that is no block.
    let kept = |until| {
        engine.suspend(person(1), Some(Suspension::Until(until))).unwrap();
        engine.suspension(person(1))
    };
    assert_eq!(kept(at(-MINUTE)), Some(Suspension::Until(at(-MINUTE))));
    let latest = Instant::saturating((i64::from(u32::MAX) - 1) * 1_000);
    assert_eq!(kept(latest.plus(1_000)), Some(Suspension::Until(latest)));
    assert_eq!(kept(Instant::MAX), Some(Suspension::Until(latest)));

    engine.suspend(person(2), Some(Suspension::Blocked)).unwrap();
    for channel in Channel::ALL {
        let blocked = Wish { channel: *channel, ..wish(2, here) };
        assert_eq!(code(engine.book(&blocked, at(-MINUTE))), Code::IdentityMerged);
    }
    engine.suspend(person(2), None).unwrap();
    assert_eq!(engine.suspension(person(2)), None);
    assert!(engine.book(&wish(2, here), at(-MINUTE)).is_ok());
    engine.suspend(person(99), None).unwrap();
    assert_eq!(engine.suspension(person(99)), None);
}

#[test]
fn after_a_substitution_the_session_is_the_new_practitioners() {
    let (engine, session) = engine(&plan(1, 5, false));
    let booked = engine.book(&wish(1, slot(session, 0)), at(-HOUR)).unwrap();
    let other = PractitionerId::new(PractitionerId::MAX).unwrap();
    engine.substitute(session, other).unwrap();
    let view = engine.session(session).unwrap();
    assert_eq!((view.practitioner, view.department.get(), view.institution.get()), (other, 1, 1));
    assert_eq!(engine.bookings_of(person(1), at(0)).unwrap()[0].grant.booking, booked.booking);
    assert_eq!(engine.plan(session).unwrap().session.practitioner, other);
    assert_eq!(code(engine.substitute(SessionId::new(9).unwrap(), other)), Code::UnknownSession);
}

/// The story of a stop that missed somebody: a claim was decided, its seat was not yet written, and the list of the
/// displaced was read in between.
#[test]
fn a_stop_among_claims_misses_nobody() {
    for round in 0..40 {
        let (engine, session) = engine(&plan(1, 60, false));
        let here = slot(session, 0);
        let (granted, withdrawn) = (AtomicU64::new(0), AtomicU64::new(0));
        let stopped = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for thread in 0..2_u64 {
                let (engine, granted, stopped) = (&engine, &granted, &stopped);
                scope.spawn(move || {
                    for number in 0..30 {
                        let was_stopped = stopped.load(Ordering::SeqCst);
                        let answer = engine.book(&wish(thread * 100 + number, here), at(-HOUR));
                        assert!(!(was_stopped && answer.is_ok()), "accepted after the stop");
                        granted.fetch_add(u64::from(answer.is_ok()), Ordering::SeqCst);
                    }
                });
            }
            for _ in 0..round {
                std::hint::spin_loop();
            }
            engine.set_stopped(here, true).unwrap();
            stopped.store(true, Ordering::SeqCst);
            for occupant in engine.occupants(here, at(-HOUR)).unwrap() {
                engine.withdraw(occupant.booking, at(-HOUR)).unwrap();
                withdrawn.fetch_add(1, Ordering::SeqCst);
            }
        });
        assert_eq!(granted.into_inner(), withdrawn.into_inner());
        let audit = engine.audit().unwrap();
        assert_eq!((audit.booked, audit.held), (0, 0));
    }
}

fn with_seats(engine: &Engine<impl Trace>, slot: SlotRef, seats: u8) -> PoolTree {
    let tree = engine.tree(slot).unwrap();
    tree.resized(seats, tree.nodes().to_vec()).unwrap()
}

#[test]
fn seats_are_blocked_and_given_back_but_never_those_that_are_taken() {
    let (engine, session) = engine(&plan(2, 5, false));
    let here = slot(session, 0);
    for number in 0..3 {
        engine.book(&wish(number, here), at(-2 * HOUR)).unwrap();
    }
    engine.hold(&wish(3, here), at(-2 * HOUR)).unwrap();
    let refusal = engine.resize(here, &with_seats(&engine, here, 3), at(-2 * HOUR)).unwrap_err();
    assert_eq!((refusal.code, refusal.binding), (Code::BelowLive, Binding::Limit(4)));
    // Nothing was changed by what was refused.
    assert_eq!(engine.availability(here, Class::Public, Channel::App, at(-2 * HOUR)).unwrap().capacity, 5);
    // An hour later the hold is dead: three are left, and no fourth gets in.
    let resized = engine.resize(here, &with_seats(&engine, here, 3), at(-HOUR)).unwrap();
    assert_eq!((resized.before, resized.capacity, resized.session), (5, 3, session));
    assert_eq!(code(engine.book(&wish(4, here), at(-HOUR))), Code::SlotFull);
    assert_eq!(code(served(&engine, &wish(4, here), false, at(-HOUR))), Code::SlotFull);
    let seen = engine.availability(here, Class::Public, Channel::App, at(-HOUR)).unwrap();
    assert_eq!((seen.capacity, seen.live, seen.free), (3, 3, 0));
    let loads = engine.load(at(0).day(), None, None, at(-HOUR));
    assert_eq!(loads.iter().map(|load| load.capacity).collect::<Vec<_>>(), [3, 5]);
    // The next slot is a block of its own.
    assert_eq!(engine.availability(slot(session, 1), Class::Public, Channel::App, at(0)).unwrap().free, 5);
    // More again, up to the seats of the block.
    engine.resize(here, &with_seats(&engine, here, 5), at(-HOUR)).unwrap();
    assert_eq!(engine.book(&wish(4, here), at(-HOUR)).unwrap().number, 4);
    assert!(engine.tree(here).unwrap().resized(6, engine.tree(here).unwrap().nodes().to_vec()).is_err());
    // The numbers of the next slot begin where they began.
    assert_eq!(engine.book(&wish(9, slot(session, 1)), at(-HOUR)).unwrap().number, 6);
    assert_eq!(code(engine.resize(here, &tree(4), at(-HOUR))), Code::PoolsDiffer);
    engine.audit().unwrap();
}

#[derive(Default)]
struct Log(Mutex<Vec<(u32, i32, u8)>>);

impl Trace for Log {
    fn record(&self, fact: &Fact) {
        let by = match fact.change {
            Change::Held | Change::Booked => 1,
            Change::Confirmed => 0,
            Change::Cancelled | Change::Expired | Change::Withdrawn => -1,
        };
        self.0.lock().unwrap().push((fact.sequence.0, by, 0));
    }

    fn resized(&self, resized: &Resized, _: &PoolTree, _: Instant) {
        self.0.lock().unwrap().push((resized.sequence.0, 0, resized.capacity));
    }
}

/// At every sequence of the block's history the live seats are usable ones, however claims, returns and changes of the
/// usable seats meet.
#[test]
fn claims_among_changes_of_the_usable_seats_never_exceed_them() {
    let mut met = 0;
    for seed in 0..20_u64 {
        let engine = Engine::with_trace(Limits::for_seats(1_000), Log::default());
        let session = engine.publish(&plan(1, 8, false), at(-48 * HOUR)).unwrap();
        let here = slot(session, 0);
        let met_now = AtomicU64::new(0);
        std::thread::scope(|scope| {
            for thread in 0..2_u64 {
                let (engine, met) = (&engine, &met_now);
                scope.spawn(move || {
                    for step in 0..400_u64 {
                        let who = person(seed + thread * 1_000 + step % 7);
                        let wish = Wish { patient: who, ..wish(0, here) };
                        match engine.book(&wish, at(-HOUR)) {
                            Ok(grant) => {
                                let settle = Settle { patient: who, booking: grant.booking, key: None };
                                if step % 3 > 0 {
                                    let _ = engine.cancel(&settle, at(-HOUR));
                                }
                            }
                            Err(refusal) if refusal.code == Code::ConcurrentRequest => {
                                met.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(_) => {
                                for occupant in engine.occupants(here, at(-HOUR)).unwrap() {
                                    let _ = engine.withdraw(occupant.booking, at(-HOUR));
                                }
                            }
                        }
                    }
                });
            }
            for step in 0..200_u8 {
                let tree = with_seats(&engine, here, 1 + step % 8);
                let _ = engine.resize(here, &tree, at(-HOUR));
            }
        });
        met += met_now.into_inner();
        engine.audit().unwrap();
        let mut history = std::mem::take(&mut *engine.trace().0.lock().unwrap());
        history.sort_unstable();
        let (mut live, mut usable) = (0_i32, 8_i32);
        for ((sequence, by, seats), expected) in history.into_iter().zip(1..) {
            assert_eq!(sequence, expected, "the history has no gap");
            live += by;
            usable = if seats > 0 { i32::from(seats) } else { usable };
            assert!((0..=usable).contains(&live), "{live} of {usable} at {sequence}, seed {seed}");
        }
    }
    println!("{met} claims were told to ask again");
}

#[test]
fn void_tickets_make_room_and_good_ones_are_64_at_most() {
    let engine = Engine::new(Limits::for_seats(100));
    let ticket = |number: u128, expires: Instant| Ticket {
        id: TicketId::new(number).unwrap(),
        patient: person(1),
        class: Class::Revisit,
        institution: InstitutionId::new(1).unwrap(),
        department: None,
        expires,
    };
    let full = Err(Refusal::plain(Code::EngineFull));
    // One is void after a minute, 63 are good.
    engine.issue_ticket(&ticket(1, at(MINUTE)), at(0)).unwrap();
    for number in 2..=64 {
        engine.issue_ticket(&ticket(number, at(HOUR)), at(0)).unwrap();
    }
    assert_eq!(engine.issue_ticket(&ticket(65, at(HOUR)), at(0)), full);
    assert_eq!(engine.issue_ticket(&ticket(65, at(HOUR)), at(MINUTE - 1)), full);
    // Known tickets are issued again, full or not.
    engine.issue_ticket(&ticket(64, at(2 * HOUR)), at(0)).unwrap();
    // At its end the first one is void, and makes room for one.
    engine.issue_ticket(&ticket(65, at(HOUR)), at(MINUTE)).unwrap();
    assert_eq!(engine.issue_ticket(&ticket(66, at(HOUR)), at(MINUTE)), full);
}

/// Of the keys of one person only the one that books was asked: a second booking in the department on the day was made beside the
/// one of the key that was given up.
#[test]
fn what_stands_under_a_key_that_was_given_up_counts_for_the_one_that_stays() {
    let (engine, session) = engine(&plan(2, 3, false));
    let (here, there) = (slot(session, 0), slot(session, 1));
    let settle = |patient: u64, booking| Settle { patient: person(patient), booking, key: None };
    let grant = engine.hold(&wish(1, here), at(-2 * HOUR)).unwrap();
    let both = engine.merge(person(1), person(2), at(-2 * HOUR)).unwrap();
    assert_eq!(both.iter().map(|live| live.grant.booking).collect::<Vec<_>>(), [grant.booking]);
    // Saying it again changes nothing, and nothing is counted twice.
    assert_eq!(engine.merge(person(1), person(2), at(-2 * HOUR)).unwrap(), both);

    assert_eq!(code(engine.book(&wish(1, there), at(-2 * HOUR))), Code::IdentityMerged);
    let refused = [
        engine.hold(&wish(2, there), at(-2 * HOUR)),
        engine.book(&wish(2, there), at(-2 * HOUR)),
        engine.offer(&wish(2, there), at(-HOUR), at(-2 * HOUR)),
        engine.assign(&wish(2, there), at(-2 * HOUR)),
    ];
    for answer in refused {
        let refusal = answer.unwrap_err();
        assert_eq!((refusal.code, refusal.binding), (Code::DepartmentDayLimit, Binding::Limit(1)));
    }
    let refusal = engine.book(&wish(2, here), at(-2 * HOUR)).unwrap_err();
    assert_eq!((refusal.code, refusal.binding), (Code::Overlap, Binding::Booking(grant.booking)));

    // It stays the other key's.
    assert_eq!(engine.bookings_of(person(2), at(-2 * HOUR)).unwrap(), []);
    assert_eq!(engine.bookings_of(person(1), at(-2 * HOUR)).unwrap(), both);
    assert_eq!(code(engine.cancel(&settle(2, grant.booking), at(-2 * HOUR))), Code::UnknownBooking);
    engine.confirm(&settle(1, grant.booking), at(-2 * HOUR)).unwrap();

    // A third key: whoever comes last has everything.
    engine.merge(person(2), person(3), at(-HOUR)).unwrap();
    assert_eq!(code(engine.book(&wish(3, there), at(-HOUR))), Code::DepartmentDayLimit);
    let restored = Engine::new(Limits::for_seats(1_000));
    engine.snapshot(|part| restored.restore(part).unwrap());
    for (given_up, stays) in [(1, 2), (2, 3)] {
        restored.merge(person(given_up), person(stays), at(-HOUR)).unwrap();
    }
    assert_eq!(code(restored.book(&wish(3, there), at(-HOUR))), Code::DepartmentDayLimit);
    engine.cancel(&settle(1, grant.booking), at(-HOUR)).unwrap();
    engine.book(&wish(3, there), at(-HOUR)).unwrap();
    // A merge that crosses an earlier one: both are blocked, and nobody waits for anybody.
    assert_eq!(engine.merge(person(3), person(2), at(-HOUR)).unwrap().len(), 1);
    assert_eq!(code(engine.book(&wish(3, here), at(-HOUR))), Code::IdentityMerged);
    engine.audit().unwrap();
}

/// A number that no grant has, and which the record of a patient who has nothing holds where a booking would be.
#[test]
fn of_a_booking_that_cannot_be_nothing_is_told() {
    let (engine, session) = engine(&plan(2, 3, false));
    let granted = engine.book(&wish(1, slot(session, 0)), at(-2 * HOUR)).unwrap();
    engine.suspend(person(2), Some(Suspension::Until(at(-3 * HOUR)))).unwrap();
    let none = BookingId::pack(BlockId::default(), SeatIndex::default(), Sequence(0));
    for (patient, booking) in [(1, none), (2, none), (2, granted.booking)] {
        let settle = Settle { patient: person(patient), booking, key: None };
        for answer in [Engine::confirm, Engine::cancel] {
            assert_eq!(code(answer(&engine, &settle, at(-2 * HOUR))), Code::UnknownBooking, "{settle:?}");
        }
    }
}

/// The key that stays was told `HOLD_EXPIRED` of a booking of the other key that had been given back: what counts for a key was
/// taken for what had been its own.
#[test]
fn of_a_booking_that_only_counts_for_a_key_nothing_is_told_under_it() {
    let (engine, session) = engine(&plan(2, 3, false));
    let settle = |patient: u64, booking| Settle { patient: person(patient), booking, key: None };
    let given_back = engine.book(&wish(1, slot(session, 0)), at(-2 * HOUR)).unwrap();
    engine.merge(person(1), person(2), at(-2 * HOUR)).unwrap();
    engine.cancel(&settle(1, given_back.booking), at(-2 * HOUR)).unwrap();
    for answer in [Engine::confirm, Engine::cancel] {
        let answer = answer(&engine, &settle(2, given_back.booking), at(-2 * HOUR));
        assert_eq!(code(answer), Code::UnknownBooking);
        let own = engine.cancel(&settle(1, given_back.booking), at(-2 * HOUR));
        assert_eq!(code(own), Code::Cancelled);
    }
}

/// A snapshot kept what counted for a key that was given up as if it stood under it: when the merges were said again after a
/// restart, in their order, the first of them took along what had come by the second, and a patient was refused who had not been
/// before.
#[test]
fn what_was_merged_counts_for_the_same_keys_after_a_restart() {
    let (engine, session) = engine(&plan(2, 3, false));
    let (here, there) = (slot(session, 0), slot(session, 1));
    engine.book(&wish(3, here), at(-2 * HOUR)).unwrap();
    let merges = [(1, 2), (3, 1)];
    let merge = |engine: &Engine| {
        for (given_up, stays) in merges {
            engine.merge(person(given_up), person(stays), at(-2 * HOUR)).unwrap();
        }
    };
    merge(&engine);
    let restored = Engine::new(Limits::for_seats(1_000));
    engine.snapshot(|part| restored.restore(part).unwrap());
    merge(&restored);
    for engine in [engine, restored] {
        assert_eq!(code(engine.book(&wish(1, there), at(-HOUR))), Code::IdentityMerged);
        engine.book(&wish(2, there), at(-HOUR)).unwrap();
    }
}

/// What merges, and what is merged with itself, waits for nobody but commands of the two keys.
#[test]
fn a_key_that_is_merged_with_itself_is_blocked_and_keeps_what_it_has() {
    let (engine, session) = engine(&plan(2, 3, false));
    let booked = engine.book(&wish(1, slot(session, 0)), at(-2 * HOUR)).unwrap();
    let both = engine.merge(person(1), person(1), at(-2 * HOUR)).unwrap();
    assert_eq!(both.iter().map(|live| live.grant.booking).collect::<Vec<_>>(), [booked.booking]);
    assert_eq!(engine.bookings_of(person(1), at(-2 * HOUR)).unwrap(), both);
    assert_eq!(code(engine.book(&wish(1, slot(session, 1)), at(-2 * HOUR))), Code::IdentityMerged);
}

#[test]
fn a_dead_hold_of_a_key_that_was_given_up_is_not_confirmed_beside_what_was_booked_since() {
    let rules = Rules { late_confirm: haoyuan_core::rules::LateConfirm::Retest, ..Rules::default() };
    let (engine, session) = engine(&Plan { rules, ..plan(2, 3, false) });
    let settle = |booking| Settle { patient: person(1), booking, key: None };
    // Without a booking since, the late confirmation is decided once more.
    for since in [false, true] {
        let hold = engine.hold(&wish(1, slot(session, 0)), at(-3 * HOUR)).unwrap();
        engine.suspend(person(1), None).unwrap();
        engine.merge(person(1), person(2), at(-3 * HOUR)).unwrap();
        if since {
            engine.book(&wish(2, slot(session, 1)), at(-2 * HOUR)).unwrap();
            assert_eq!(code(engine.confirm(&settle(hold.booking), at(-2 * HOUR))), Code::HoldExpired);
        } else {
            engine.confirm(&settle(hold.booking), at(-2 * HOUR)).unwrap();
            engine.cancel(&settle(hold.booking), at(-2 * HOUR)).unwrap();
            engine.suspend(person(1), None).unwrap();
        }
    }
    engine.audit().unwrap();
}

#[test]
fn keys_are_not_merged_where_there_is_no_room_for_what_they_have() {
    let engine = Engine::new(Limits { entries: 1, ..Limits::for_seats(1_000) });
    let days = Rules { limits: Vec::new(), ..Rules::default() };
    let session = engine.publish(&Plan { rules: days, ..plan(4, 3, false) }, at(-48 * HOUR)).unwrap();
    for index in 0..2 {
        engine.book(&wish(1, slot(session, index)), at(-2 * HOUR)).unwrap();
    }
    // The first is in the record, the second in the only entry.
    assert_eq!(code(engine.merge(person(1), person(2), at(-2 * HOUR))), Code::EngineFull);
    assert_eq!(engine.suspension(person(1)), None);
    engine.book(&wish(2, slot(session, 0)), at(-2 * HOUR)).unwrap();
}

#[derive(Default)]
struct Facts(Mutex<Vec<Fact>>);

impl Trace for Facts {
    fn record(&self, fact: &Fact) {
        self.0.lock().unwrap().push(*fact);
    }
}

/// A move went through a hold for a moment: somebody with as many unpaid holds as are allowed could not be moved.
#[test]
fn a_seat_that_the_hospital_gives_is_booked_at_once_whatever_the_patient_holds() {
    let engine = Engine::with_trace(Limits::for_seats(1_000), Facts::default());
    let rules = Rules { limits: Vec::new(), holds_per_session: 2, holds_per_patient: 2, ..Rules::default() };
    let session = engine.publish(&Plan { rules, ..plan(4, 3, false) }, at(-48 * HOUR)).unwrap();
    for index in 0..2 {
        engine.hold(&wish(1, slot(session, index)), at(-2 * HOUR)).unwrap();
    }
    let here = slot(session, 2);
    assert_eq!(code(engine.offer(&wish(1, here), at(-HOUR), at(-2 * HOUR))), Code::SessionHoldLimit);
    engine.set_waiting(here, true).unwrap();
    let given = engine.assign(&wish(1, here), at(-2 * HOUR)).unwrap();
    assert_eq!(given.standing, Standing::Booked);
    let occupants = engine.occupants(here, at(-2 * HOUR)).unwrap();
    let seen: Vec<_> = occupants.iter().map(|o| (o.booking, o.standing, o.granted_at)).collect();
    assert_eq!(seen, [(given.booking, Standing::Booked, None)], "it is known from what a patient booked");
    // Also after a replay, and whatever is done to it later is as to any booking.
    let replayed = Engine::new(Limits::for_seats(1_000));
    let again = replayed.publish(&engine.plan(session).unwrap(), at(-48 * HOUR)).unwrap();
    for fact in engine.trace().0.lock().unwrap().iter() {
        replayed.replay(fact).unwrap();
    }
    assert_eq!(replayed.occupants(slot(again, 2), at(-2 * HOUR)).unwrap(), occupants);
    assert_eq!(code(engine.assign(&wish(1, here), at(-2 * HOUR))), Code::Overlap);
    // It is nobody's command: a key that the wish has is not used.
    for index in [2, 3] {
        let keyed = Wish { key: IdempotencyKey::new(7), ..wish(2, slot(session, index)) };
        assert!(engine.assign(&keyed, at(-2 * HOUR)).is_ok());
    }
    engine.cancel(&Settle { patient: person(1), booking: given.booking, key: None }, at(-HOUR)).unwrap();
    engine.audit().unwrap();
}

#[test]
fn a_keyed_hold_that_ran_out_is_told_so_when_only_its_key_is_remembered() {
    let (engine, session) = engine(&plan(2, 1, false));
    let first = Wish { key: IdempotencyKey::new(7), ..wish(1, slot(session, 0)) };
    let held = engine.hold(&first, at(-47 * HOUR)).unwrap();
    let later = at(-24 * HOUR);
    engine.book(&wish(2, slot(session, 0)), later).unwrap();
    let settle = Settle { patient: person(1), booking: held.booking, key: None };
    assert_eq!(code(engine.confirm(&settle, later)), Code::HoldExpired);
    // The patient's next claim leaves of the hold what its key must answer, and no more.
    engine.book(&wish(1, slot(session, 1)), later).unwrap();
    assert_eq!(code(engine.confirm(&settle, later)), Code::HoldExpired);
    assert_eq!(code(engine.cancel(&settle, later)), Code::HoldExpired);
}

#[test]
fn what_the_host_refuses_is_remembered_and_takes_back_nothing_that_a_key_was_answered() {
    let (engine, session) = engine(&plan(2, 3, false));
    let keyed = |key, index| Wish { key: IdempotencyKey::new(key), ..wish(1, slot(session, index)) };
    let kept = Refusal::plain(Code::SlotFull);
    let other = Refusal::plain(Code::Stopped);
    // What was granted under the key stays granted, whatever the host would say now.
    let granted = engine.book(&keyed(7, 0), at(-2 * HOUR)).unwrap();
    assert_eq!(engine.refuse(&keyed(7, 0), true, kept, at(-2 * HOUR)), Ok(granted));
    // The first refusal is the answer, also to the command itself.
    assert_eq!(engine.refuse(&keyed(8, 1), false, kept, at(-2 * HOUR)), Err(kept));
    assert_eq!(engine.refuse(&keyed(8, 1), false, other, at(-2 * HOUR)), Err(kept));
    assert_eq!(engine.hold(&keyed(8, 1), at(-2 * HOUR)), Err(kept));
    // Another command under a used key is none.
    let conflict = engine.refuse(&keyed(8, 1), true, kept, at(-2 * HOUR));
    assert_eq!(code(conflict), Code::IdempotencyConflict);
    // Without a key nothing is remembered.
    let keyless = Wish { key: None, ..keyed(8, 1) };
    assert_eq!(engine.refuse(&keyless, false, kept, at(-2 * HOUR)), Err(kept));
    assert_ne!(engine.hold(&keyless, at(-2 * HOUR)), Err(kept));
}

#[test]
fn the_sessions_of_some_days_come_by_day_and_time() {
    let engine = Engine::new(Limits::for_seats(1_000));
    // By day and hour; published in another order.
    let begins = [(2, 8), (1, 14), (1, 8), (3, 8), (1, 8)];
    let published: Vec<SessionId> = (0..)
        .zip(begins)
        .map(|(number, (day, hour))| {
            let mut plan = plan(1, 1, false);
            let from = at(0).day().midnight().plus((day * 24 + hour) * HOUR);
            plan.session.code = format!("session-{number}");
            plan.session.time = Interval { from, to: from.plus(HOUR) };
            engine.publish(&plan, at(-48 * HOUR)).unwrap()
        })
        .collect();
    let between = |from: i32, to: i32| {
        let day = |day: i32| Day(at(0).day().0 + day);
        let found = engine.sessions_between(day(from), day(to));
        found.iter().map(|id| published.iter().position(|other| other == id).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(between(1, 1), [2, 4, 1]);
    assert_eq!(between(1, 2), [2, 4, 1, 0]);
    assert_eq!(between(0, 9), [2, 4, 1, 0, 3]);
    assert_eq!((between(4, 9), between(2, 1)), (vec![], vec![]));
}

#[test]
fn a_ticket_that_is_issued_again_has_other_terms_and_is_in_use_as_before() {
    let mut plan = plan(3, 2, false);
    let mut routes = *plan_tree(&plan).routes();
    routes.set_all(Class::Revisit, Route::one(NodeIndex::new(1).unwrap()));
    let nodes = plan_tree(&plan).nodes().to_vec();
    plan.blocks = Blocks::PerSlot(vec![PoolTree::new(2, nodes, routes).unwrap(); 3]);
    plan.rules.limits.clear();
    let (engine, session) = engine(&plan);
    let ticket = |expires| Ticket {
        id: TicketId::new(7).unwrap(),
        patient: person(1),
        class: Class::Revisit,
        institution: InstitutionId::new(1).unwrap(),
        department: None,
        expires,
    };
    let ask = |to, at| {
        engine
            .book(&Wish { class: Class::Revisit, ticket: TicketId::new(7), ..wish(1, slot(session, to)) }, at)
    };
    engine.issue_ticket(&ticket(at(-2 * HOUR)), at(-3 * HOUR)).unwrap();
    let booked = ask(0, at(-3 * HOUR)).unwrap();
    engine.issue_ticket(&ticket(at(-HOUR)), at(-3 * HOUR)).unwrap();
    let refusal = ask(1, at(-2 * HOUR)).unwrap_err();
    assert_eq!((refusal.code, refusal.binding), (Code::TicketUsed, Binding::Booking(booked.booking)));
    engine.cancel(&Settle { patient: person(1), booking: booked.booking, key: None }, at(-2 * HOUR)).unwrap();
    assert!(ask(1, at(-2 * HOUR)).is_ok());
    assert_eq!(code(ask(2, at(-HOUR))), Code::TicketExpired);
}

fn plan_tree(plan: &Plan) -> &PoolTree {
    match &plan.blocks {
        Blocks::PerSlot(trees) => &trees[0],
        Blocks::WholeSession(tree) => tree,
    }
}

#[test]
fn sessions_of_one_shape_and_one_set_of_rules_share_them() {
    let engine = Engine::new(Limits { shapes: 1, ..Limits::for_seats(1_000) });
    let named = |name: &str, seats| {
        let mut plan = plan(2, seats, false);
        plan.session.code = name.to_owned();
        plan
    };
    let first = engine.publish(&named("A", 3), at(-48 * HOUR)).unwrap();
    let second = engine.publish(&named("B", 3), at(-48 * HOUR)).unwrap();
    assert_eq!((engine.find("A"), engine.find("B"), engine.find("C")), (Some(first), Some(second), None));
    assert_eq!(engine.publish(&named("C", 4), at(-48 * HOUR)), Err(PublishError::Full("shapes")));
    let other_rules = Plan { rules: Rules { buffer_ms: 1, ..Rules::default() }, ..named("C", 3) };
    assert_eq!(engine.publish(&other_rules, at(-48 * HOUR)), Err(PublishError::Full("shapes")));
    assert_eq!(engine.session_count(), 2);

    // Where there is room each has its own.
    let engine = Engine::new(Limits { shapes: 2, ..Limits::for_seats(1_000) });
    for (name, seats, buffer_ms) in [("A", 3, 0), ("B", 4, 1), ("C", 3, 1), ("D", 4, 0)] {
        let plan = Plan { rules: Rules { buffer_ms, ..Rules::default() }, ..named(name, seats) };
        let session = engine.publish(&plan, at(-48 * HOUR)).unwrap();
        assert_eq!(engine.rules(session), Some(&plan.rules));
        assert_eq!(engine.tree(slot(session, 1)).map(PoolTree::capacity), Some(seats));
        assert_eq!(engine.plan(session).as_ref(), Some(&plan));
    }
}

/// Publishes sessions, named in order: hours from eight o'clock on, slots of an hour, and seats of each.
fn morning(sessions: &[(i64, u16, u8, bool)]) -> (Engine, Vec<SessionId>) {
    let engine = Engine::new(Limits::for_seats(1_000));
    let publish = |(number, (hour, slots, seats, whole)): (usize, &(i64, u16, u8, bool))| {
        let mut plan = plan(*slots, *seats, *whole);
        plan.session.code = format!("session-{number}");
        plan.session.time = Interval { from: at(hour * HOUR), to: at((hour + i64::from(*slots)) * HOUR) };
        plan.rules.limits.clear();
        engine.publish(&plan, at(-48 * HOUR)).unwrap()
    };
    let sessions = sessions.iter().enumerate().map(publish).collect();
    (engine, sessions)
}

/// What is found: the number of the session and that of the slot.
fn found(engine: &Engine, query: &Query) -> Vec<(u32, u16)> {
    let found = engine.search(query, at(-HOUR));
    found.iter().map(|found| (found.slot.session.get(), found.slot.slot.get())).collect()
}

#[test]
fn the_earliest_slots_are_found_whichever_session_they_are_of() {
    // A day later, at nine for an hour, from eight on for three, and once more from nine on.
    let (engine, _) = morning(&[(24, 1, 1, false), (1, 1, 1, false), (0, 3, 1, false), (1, 2, 1, false)]);
    let all = [(2, 0), (1, 0), (2, 1), (3, 0), (2, 2), (3, 1), (0, 0)];
    for most in 0..=8 {
        let expected = &all[..most.min(all.len())];
        assert_eq!(found(&engine, &query(Order::Earliest, most)), expected, "{most}");
    }
    let first = Query { to: at(0).day(), ..query(Order::Earliest, 9) };
    assert_eq!(found(&engine, &first), all[..6]);
    assert_eq!(found(&engine, &Query { from: first.to, ..first }), all[..6], "of one day");
    let second = Query { from: Day(at(0).day().0 + 1), ..query(Order::Earliest, 9) };
    assert_eq!(found(&engine, &second), all[6..]);
    assert_eq!(found(&engine, &Query { from: second.to, to: first.to, ..first }), []);
}

#[test]
fn the_emptiest_slots_are_found_whenever_they_are() {
    let (engine, sessions) = morning(&[(0, 2, 4, false), (2, 1, 2, false), (24, 1, 4, false)]);
    // Three, one, one and none of the seats are taken: 75 %, 25 %, 50 % and 0 %.
    for (number, (session, to)) in (0..).zip([(0, 0), (0, 0), (0, 0), (0, 1), (1, 0)]) {
        engine.book(&wish(number, slot(sessions[session], to)), at(-2 * HOUR)).unwrap();
    }
    let all = [(2, 0), (0, 1), (1, 0), (0, 0)];
    for most in 0..=5 {
        let expected = &all[..most.min(all.len())];
        assert_eq!(found(&engine, &query(Order::LeastLoaded, most)), expected, "{most}");
    }
}

#[test]
fn what_nobody_can_be_granted_takes_no_place_among_what_is_found() {
    let (engine, sessions) = morning(&[(0, 4, 1, false), (5, 3, 2, true)]);
    let first = |order| found(&engine, &query(order, 1));
    let orders = [Order::Earliest, Order::LeastLoaded];
    // Full, stopped, waited for.
    engine.book(&wish(1, slot(sessions[0], 0)), at(-2 * HOUR)).unwrap();
    assert_eq!(orders.map(first), [[(0, 1)]; 2]);
    engine.set_stopped(slot(sessions[0], 1), true).unwrap();
    engine.set_waiting(slot(sessions[0], 2), true).unwrap();
    assert_eq!(orders.map(first), [[(0, 3)]; 2]);
    engine.set_stopped(slot(sessions[0], 3), true).unwrap();
    assert_eq!(orders.map(first), [[(1, 0)]; 2]);
    // In a session that is one block a slot is full before the session is.
    for number in [1, 2] {
        engine.book(&wish(number, slot(sessions[1], 0)), at(-2 * HOUR)).unwrap();
    }
    assert_eq!(orders.map(first), [[(1, 1)]; 2]);
    let loads = engine.load(at(0).day(), None, None, at(-2 * HOUR));
    let seen: Vec<_> = loads.iter().map(|load| (load.time.from, load.capacity, load.live)).collect();
    let expected = [(0, 1, 1), (1, 1, 0), (2, 1, 0), (3, 1, 0), (5, 2, 2), (6, 2, 0), (7, 2, 0)];
    assert_eq!(seen, expected.map(|(hour, capacity, live)| (at(hour * HOUR), capacity, live)));
}

//! Whether the verdicts of a run are right, recounted from what the threads were told.

use crate::drive::{Client, Live, Queue, wants_seats};
use crate::hospital::{Hospital, POOLS, release};
use crate::trace::Request;
use haoyuan_core::ids::{BookingId, SlotRef};
use haoyuan_core::refusal::Code;
use haoyuan_core::terms::{Channel, Class};
use std::collections::{BTreeMap, HashMap, HashSet};

/// Checks a set of live bookings: seats distinct, no more in a slot than the class may have, the patient rule kept, and
/// the engine's own recount.
///
/// # Panics
/// If they are not right.
pub fn live(hospital: &Hospital, live: impl Iterator<Item = (Request, BookingId)>) -> u64 {
    let mut seats = HashSet::new();
    let mut slots: HashMap<SlotRef, BTreeMap<Class, u32>> = HashMap::new();
    let mut patients: HashMap<u128, Vec<SlotRef>> = HashMap::new();
    for (request, booking) in live {
        assert!(seats.insert((booking.block(), booking.seat())), "seat {booking:?} was granted twice");
        assert_eq!(
            booking.block().get(),
            request.slot.session.get() * hospital.half_hours + u32::from(request.slot.slot.get()),
            "{booking:?} is not in the slot that was asked for"
        );
        assert!(booking.seat().get() < hospital.slots.seats, "{booking:?} is a seat that does not exist");
        *slots.entry(request.slot).or_default().entry(request.class).or_default() += 1;
        patients.entry(request.patient.get()).or_default().push(request.slot);
    }
    for (slot, by_class) in &slots {
        // What a class has beyond its own reserve comes out of the public's seats.
        let over = |(number, (_, class)): (usize, &(&str, Class))| {
            let reserve = hospital.slots.reserves.get(number).copied().unwrap_or(0);
            by_class.get(class).copied().unwrap_or(0).saturating_sub(u32::from(reserve))
        };
        let public = hospital.slots.seats - hospital.slots.reserves.iter().sum::<u8>();
        let taken: u32 = POOLS.iter().enumerate().map(over).sum();
        assert!(taken <= u32::from(public), "slot {slot:?} gave reserved seats away: {by_class:?}");
    }
    for (patient, mine) in &patients {
        let distinct = |key: fn(&SlotRef) -> u32| mine.iter().map(key).collect::<HashSet<_>>().len();
        assert_eq!(
            distinct(|slot| slot.session.get()),
            mine.len(),
            "patient {patient:x} has a practitioner twice"
        );
        assert_eq!(
            distinct(|slot| u32::from(slot.slot.get())),
            mine.len(),
            "patient {patient:x} is in two places"
        );
    }
    let audit = hospital.engine.audit().expect("the engine's recount agrees with its counters");
    assert_eq!(
        audit.held + audit.booked,
        seats.len() as u64,
        "the engine has other seats live than it granted"
    );
    audit.booked
}

/// Checks a rush: the live bookings, and that every refusal has a cause that still stands, which nothing in a trace
/// without cancellations takes away. Returns the grants and the requests that met another of the same patient.
///
/// # Panics
/// If they are not right.
pub fn rush(hospital: &Hospital, queues: &[Queue<'_>]) -> (u64, u64) {
    let told = || {
        queues
            .iter()
            .flat_map(|q| q.requests.iter().copied().flatten().copied().zip(q.verdicts.iter().copied()))
    };
    let granted = live(hospital, told().filter_map(|(request, verdict)| Some((request, verdict.booking()?))));
    let mut mine: HashMap<u128, Vec<SlotRef>> = HashMap::new();
    for (request, _) in told().filter(|(_, verdict)| verdict.booking().is_some()) {
        mine.entry(request.patient.get()).or_default().push(request.slot);
    }
    let mut concurrent = 0;
    for (request, verdict) in told() {
        let Some(code) = verdict.code() else { continue };
        let others = mine.get(&request.patient.get()).map_or(&[][..], Vec::as_slice);
        let stands = match code {
            code if wants_seats(code) => {
                let answer =
                    hospital.engine.availability(request.slot, request.class, Channel::App, release());
                answer.expect("the slot exists").refusal.is_some()
            }
            Code::Overlap => others.iter().any(|slot| slot.slot == request.slot.slot),
            Code::DepartmentDayLimit => others.iter().any(|slot| slot.session == request.slot.session),
            Code::ConcurrentRequest => {
                concurrent += 1;
                queues.len() > 1
            }
            _ => false,
        };
        assert!(stands, "{request:?} was refused with {code} and nothing shows why");
    }
    (granted, concurrent)
}

/// Checks clients that stopped: their live bookings, and that they count as many as they were granted.
///
/// # Panics
/// If they are not right.
pub fn clients(hospital: &Hospital, clients: &[Client<'_>]) {
    let request = |(slot, live): (SlotRef, Live)| (Request::of(live.number, slot, live.class), live.booking);
    let live = live(hospital, clients.iter().flat_map(Client::live).map(request));
    let (granted, released) = clients.iter().fold((0, 0), |sum, c| (sum.0 + c.granted, sum.1 + c.released));
    assert_eq!(live, granted - released, "grants, releases and live bookings do not add up");
    assert!(granted > 0, "nothing was granted: the run shows nothing");
    for (code, count) in clients.iter().flat_map(|client| &client.refused) {
        let expected =
            wants_seats(*code) || matches!(code, Code::TicketUsed | Code::Overlap | Code::DepartmentDayLimit);
        let crossed = clients.len() > 1 && *code == Code::ConcurrentRequest;
        assert!(expected || crossed, "{count} requests were refused with {code}");
    }
}

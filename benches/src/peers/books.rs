//! What a system of maps keeps of slots and patients, and the rules by which it decides.
//!
//! INVARIANT (the same verdicts): whatever the books, a client is told the same as by the engine on every workload.

use super::Taken;
use super::ours::{granted, settle, settled};
use crate::hospital::{Tickets, release, rules};
use crate::trace::Request;
use crate::work::{Shape, Told, Why, pool, verdict};
use haoyuan_core::ids::{BlockId, BookingId, PatientKey, SeatIndex, Sequence, SlotIndex};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::plan::Session;
use haoyuan_core::pool::{Permit, PoolTree};
use haoyuan_core::refusal::{Binding, Code, Refusal, Retry};
use haoyuan_core::request::{Grant, Settle, Settled, Standing, Wish};
use haoyuan_core::rules::{Rules, Visit};
use haoyuan_core::word::Live;
use smallvec::SmallVec;
use std::fmt::Debug;

/// What is kept, and how a decision is made of it.
pub trait Books: Debug + Send + Sync {
    /// A slot.
    type Slot: Clone + Debug + Send + Sync;
    /// The bookings of a patient.
    type Patient: Clone + Debug + Default + Send + Sync;
    /// That a slot takes a claim.
    type Leave;
    /// Why it does not.
    type Denial;

    /// The books of a shape.
    fn open(shape: Shape) -> Self;

    /// A slot that nobody has booked.
    fn slot(&self) -> Self::Slot;

    /// What the slot says to a claim: found by looking at it.
    ///
    /// # Errors
    /// Its refusal.
    fn weigh(&self, slot: &Self::Slot, request: &Request) -> Result<Self::Leave, Self::Denial>;

    /// What the client is told of a refusal.
    ///
    /// # Errors
    /// If no workload leads to it.
    fn told(denial: &Self::Denial) -> Result<Told, String>;

    /// A claim that the slot takes, decided by the patient's bookings.
    ///
    /// # Errors
    /// If no workload leads to the answer.
    fn book(
        &self,
        leave: Self::Leave,
        request: &Request,
        slot: &mut Self::Slot,
        patient: &mut Self::Patient,
    ) -> Result<Told, String>;

    /// Gives back what was granted under this token.
    ///
    /// # Errors
    /// As [`Books::book`].
    fn release(
        &self,
        request: &Request,
        token: u64,
        slot: &mut Self::Slot,
        patient: &mut Self::Patient,
    ) -> Result<Told, String>;

    /// What a patient has.
    fn taken(&self, key: u128, patient: &Self::Patient) -> Vec<Taken>;
}

/// Only what the workloads ask about: four counters and a bit for each seat, two numbers a visit, the pools written into the
/// program. Nothing opens or closes, nothing is numbered, no refusal says more than its name.
#[derive(Clone, Copy, Debug)]
pub struct Lean(Shape);

/// A slot of [`Lean`]: the live bookings of each pool, a bit for each seat that is taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct LeanSlot {
    live: [u8; 4],
    taken: u64,
}

/// A visit of a patient of [`Lean`].
#[derive(Clone, Copy, Debug)]
pub struct LeanVisit {
    practitioner: u32,
    half_hour: u16,
    seat: u8,
    pool: u8,
}

impl Books for Lean {
    type Slot = LeanSlot;
    type Patient = SmallVec<[LeanVisit; 2]>;
    /// The pool.
    type Leave = usize;
    type Denial = Why;

    fn open(shape: Shape) -> Self {
        Self(shape)
    }

    fn slot(&self) -> LeanSlot {
        LeanSlot::default()
    }

    #[inline]
    fn weigh(&self, slot: &LeanSlot, request: &Request) -> Result<usize, Why> {
        let pool = pool(request);
        verdict(self.0.slots, slot.live, pool).map_or(Ok(pool), Err)
    }

    #[inline]
    fn told(why: &Why) -> Result<Told, String> {
        Ok(Told::plain(*why))
    }

    #[inline]
    fn book(
        &self,
        pool: usize,
        request: &Request,
        slot: &mut LeanSlot,
        visits: &mut Self::Patient,
    ) -> Result<Told, String> {
        let (practitioner, half_hour) = (request.slot.session.get(), request.slot.slot.get());
        if visits.iter().any(|visit| visit.half_hour == half_hour) {
            return Ok(Told::plain(Why::Overlap));
        }
        if visits.iter().any(|visit| visit.practitioner == practitioner) {
            return Ok(Told::plain(Why::DepartmentDay));
        }
        let seat = u8::try_from(slot.taken.trailing_ones()).unwrap_or(u8::MAX);
        slot.taken |= 1 << seat;
        slot.live[pool] += 1;
        visits.push(LeanVisit { practitioner, half_hour, seat, pool: u8::try_from(pool).unwrap_or(u8::MAX) });
        Ok(Told::seat(seat))
    }

    #[inline]
    fn release(
        &self,
        request: &Request,
        _: u64,
        slot: &mut LeanSlot,
        visits: &mut Self::Patient,
    ) -> Result<Told, String> {
        let (practitioner, half_hour) = (request.slot.session.get(), request.slot.slot.get());
        let place = visits.iter().position(|v| v.practitioner == practitioner && v.half_hour == half_hour);
        let Some(place) = place else { return Ok(Told::plain(Why::Full)) };
        let visit = visits.swap_remove(place);
        slot.taken &= !(1 << visit.seat);
        slot.live[usize::from(visit.pool)] -= 1;
        Ok(Told::plain(Why::Done))
    }

    fn taken(&self, key: u128, visits: &Self::Patient) -> Vec<Taken> {
        let place = |visit: &LeanVisit| visit.practitioner * self.0.half_hours + u32::from(visit.half_hour);
        visits.iter().map(|visit| (place(visit), visit.seat, key)).collect()
    }
}

/// The rules of a policy, and an answer that says why: the pools' tree with its fences, caps, routes and opening times, a hold
/// that ends at its instant, a slot that is stopped, a patient who is suspended, the distance between visits, the list of limits,
/// the last instant for giving back, a number for every transition and a booking that only its owner can give back. What the
/// workloads never do (holding, stopping, suspending) is looked for all the same; tickets, keys of repeated commands and the waiting
/// list are not in it. The fold and the limits are haoyuan's, as a library.
#[derive(Debug)]
pub struct Ruled {
    shape: Shape,
    tree: PoolTree,
    rules: Rules,
    sessions: Vec<Known>,
}

/// A session of [`Ruled`], with what would cost a division at each decision.
#[derive(Debug)]
struct Known {
    session: Session,
    day: Day,
    origin: Instant,
}

/// A seat of [`Ruled`] that is taken: 32 bytes.
#[derive(Clone, Copy, Debug)]
pub struct Seat {
    patient: PatientKey,
    /// The end of a hold; [`Instant::MAX`] for what is booked.
    until: Instant,
    sequence: Sequence,
    counter: u8,
}

/// A slot of [`Ruled`].
#[derive(Clone, Debug)]
pub struct RuledSlot {
    live: Live,
    sequence: Sequence,
    stopped: bool,
    /// No hold ends before.
    earliest: Instant,
    seats: Box<[Option<Seat>]>,
    /// A bit for each seat that is taken.
    taken: u64,
}

/// A patient of [`Ruled`]: on one cache line with its key. What a visit is follows from its booking.
#[derive(Clone, Debug)]
pub struct RuledPatient {
    suspended_until: Instant,
    bookings: SmallVec<[BookingId; 2]>,
}

impl Default for RuledPatient {
    fn default() -> Self {
        Self { suspended_until: Instant::MIN, bookings: SmallVec::new() }
    }
}

impl Ruled {
    /// What the slot says to a claim; holds that are due count as gone.
    #[inline]
    fn decide(&self, slot: &RuledSlot, wish: &Wish, at: Instant) -> Result<Permit, Refusal> {
        if slot.stopped {
            return Err(Refusal::plain(Code::Stopped));
        }
        let origin = self.session(wish.slot.session.index())?.origin;
        let offset = at.ms() - origin.ms();
        let live = if at < slot.earliest { slot.live } else { slot.swept(at).live };
        self.tree.decide(live, wish.class, wish.channel, offset).map_err(|denial| {
            let retry = match denial.loosens() {
                Some(later) => Retry::From(origin.plus(later)),
                None if matches!(denial.code, Code::NotAdmitted | Code::Closed) => Retry::Never,
                None => Retry::WhenReturned,
            };
            Refusal { code: denial.code, binding: Binding::Node(denial.node), retry }
        })
    }

    #[inline]
    fn session(&self, number: usize) -> Result<&Known, Refusal> {
        self.sessions.get(number).ok_or(Refusal::plain(Code::UnknownSession))
    }

    #[inline]
    fn claim(
        &self,
        permit: Permit,
        wish: &Wish,
        at: Instant,
        slot: &mut RuledSlot,
        patient: &mut RuledPatient,
    ) -> Result<Grant, Refusal> {
        if at >= slot.earliest {
            *slot = slot.swept(at);
        }
        if self.rules.needs_ticket(wish.class) {
            return Err(Refusal::plain(Code::TicketRequired));
        }
        if at < patient.suspended_until {
            return Err(Refusal::plain(Code::Suspended));
        }
        let visit = self.visit(wish.slot.session.index(), wish.slot.slot)?;
        if !patient.bookings.is_empty() {
            self.check(&visit, patient)?;
        }
        let place = u8::try_from(slot.taken.trailing_ones()).unwrap_or(u8::MAX);
        let seat = SeatIndex::new(place).ok_or(Refusal::plain(Code::SlotFull))?;
        let cell = slot.seats.get_mut(usize::from(place)).ok_or(Refusal::plain(Code::SlotFull))?;
        let block = BlockId::new(place_of(self.shape, wish)).ok_or(Refusal::plain(Code::UnknownSlot))?;
        slot.sequence.0 += 1;
        slot.taken |= 1 << place;
        slot.live = permit.live;
        *cell = Some(Seat {
            patient: wish.patient,
            sequence: slot.sequence,
            until: Instant::MAX,
            counter: self.tree.counter(permit.node).unwrap_or(0),
        });
        let booking = BookingId::pack(block, seat, slot.sequence);
        patient.bookings.push(booking);
        Ok(Grant {
            booking,
            institution: visit.institution,
            slot: wish.slot,
            number: wish.slot.slot.get() * u16::from(self.shape.slots.seats) + u16::from(place) + 1,
            time: visit.time,
            node: permit.node,
            spill: permit.spill,
            standing: Standing::Booked,
        })
    }

    /// The rules about what the patient has already.
    fn check(&self, visit: &Visit, patient: &RuledPatient) -> Result<(), Refusal> {
        let mut visits = SmallVec::<[Visit; 4]>::new();
        for booking in &patient.bookings {
            let place = booking.block().get();
            let (session, slot) = (place / self.shape.half_hours, place % self.shape.half_hours);
            let slot = u16::try_from(slot).ok().and_then(SlotIndex::new).unwrap_or_default();
            visits.push(self.visit(session as usize, slot)?);
        }
        if let Some(place) = visits.iter().position(|other| self.rules.overlaps(visit, other)) {
            return Err(Refusal::plain(Code::Overlap).by(Binding::Booking(patient.bookings[place])));
        }
        match self.rules.limit_broken(visit, &visits) {
            Some(limit) => Err(Refusal::plain(limit.code()).by(Binding::Limit(u32::from(limit.most)))),
            None => Ok(()),
        }
    }

    #[inline]
    fn visit(&self, session: usize, slot: SlotIndex) -> Result<Visit, Refusal> {
        let Known { session, day, .. } = self.session(session)?;
        Ok(Visit {
            institution: session.institution,
            department: session.department,
            practitioner: session.practitioner,
            day: *day,
            time: session.slot_time(slot),
        })
    }

    #[inline]
    fn give_back(
        &self,
        (session, settle): (usize, &Settle),
        at: Instant,
        slot: &mut RuledSlot,
        patient: &mut RuledPatient,
    ) -> Result<Settled, Refusal> {
        let unknown = Refusal::plain(Code::UnknownBooking);
        let place = settle.booking.seat().get();
        let cell = slot.seats.get_mut(usize::from(place)).ok_or(unknown)?;
        let seat = cell.filter(|seat| seat.sequence == settle.booking.sequence()).ok_or(unknown)?;
        if seat.patient != settle.patient {
            return Err(unknown);
        }
        if seat.until <= at {
            return Err(Refusal::plain(Code::HoldExpired));
        }
        if at.ms() - self.session(session)?.origin.ms() >= self.rules.cancel_until {
            return Err(Refusal::plain(Code::TooLate));
        }
        slot.live = slot.live.minus(seat.counter).ok_or(unknown)?;
        *cell = None;
        slot.taken &= !(1 << place);
        slot.sequence.0 += 1;
        if let Some(place) = patient.bookings.iter().position(|other| *other == settle.booking) {
            patient.bookings.swap_remove(place);
        }
        Ok(Settled { booking: settle.booking, sequence: slot.sequence, changed: true })
    }
}

fn place_of(shape: Shape, wish: &Wish) -> u32 {
    wish.slot.session.get() * shape.half_hours + u32::from(wish.slot.slot.get())
}

impl RuledSlot {
    /// Without the holds that are due.
    #[cold]
    fn swept(&self, at: Instant) -> Self {
        let mut slot = self.clone();
        slot.earliest = Instant::MAX;
        for (cell, place) in slot.seats.iter_mut().zip(0..) {
            let Some(Seat { until, counter, .. }) = *cell else { continue };
            if until > at {
                slot.earliest = slot.earliest.min(until);
            } else if let Some(live) = slot.live.minus(counter) {
                (slot.live, *cell) = (live, None);
                slot.taken &= !(1 << place);
                slot.sequence.0 += 1;
            }
        }
        slot
    }
}

impl Books for Ruled {
    type Slot = RuledSlot;
    type Patient = RuledPatient;
    type Leave = Permit;
    type Denial = Refusal;

    fn open(shape: Shape) -> Self {
        let (tree, rules) = (shape.slots.tree(), rules(Tickets::NotNeeded));
        let sessions = (0..shape.practitioners)
            .map(|number| {
                let session = shape.slots.plan(number, shape.half_hours, &tree, &rules).session;
                Known { day: session.day(), origin: session.origin(), session }
            })
            .collect();
        Self { shape, tree, rules, sessions }
    }

    fn slot(&self) -> RuledSlot {
        RuledSlot {
            live: Live::default(),
            sequence: Sequence(0),
            stopped: false,
            earliest: Instant::MAX,
            seats: vec![None; usize::from(self.shape.slots.seats)].into(),
            taken: 0,
        }
    }

    #[inline]
    fn weigh(&self, slot: &RuledSlot, request: &Request) -> Result<Permit, Refusal> {
        self.decide(slot, &request.wish_without_ticket(), release())
    }

    #[inline]
    fn told(refusal: &Refusal) -> Result<Told, String> {
        granted(&Err(*refusal))
    }

    #[inline]
    fn book(
        &self,
        permit: Permit,
        request: &Request,
        slot: &mut RuledSlot,
        patient: &mut RuledPatient,
    ) -> Result<Told, String> {
        granted(&self.claim(permit, &request.wish_without_ticket(), release(), slot, patient))
    }

    #[inline]
    fn release(
        &self,
        request: &Request,
        token: u64,
        slot: &mut RuledSlot,
        patient: &mut RuledPatient,
    ) -> Result<Told, String> {
        let asked = (request.slot.session.index(), &settle(request, token)?);
        settled(&self.give_back(asked, release(), slot, patient))
    }

    fn taken(&self, key: u128, patient: &RuledPatient) -> Vec<Taken> {
        patient.bookings.iter().map(|b| (b.block().get(), b.seat().get(), key)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::Workload;

    #[test]
    fn a_hold_of_the_ruled_books_ends_at_its_instant() {
        let books = Ruled::open(Workload::HotSlot.shape());
        let request = Workload::HotSlot.traces(1)[0][0];
        let (mut slot, mut patient) = (books.slot(), RuledPatient::default());
        let permit = books.weigh(&slot, &request).expect("an empty slot");
        let grant = books
            .claim(permit, &request.wish_without_ticket(), release(), &mut slot, &mut patient)
            .expect("nobody has it");
        let until = release().plus(1);
        slot.seats[0].as_mut().expect("the first seat").until = until;
        slot.earliest = until;
        let settle = Settle { patient: request.patient, booking: grant.booking, key: None };
        let late = books.give_back((0, &settle), until, &mut slot.clone(), &mut patient.clone());
        assert_eq!(late.map_err(|refusal| refusal.code), Err(Code::HoldExpired));
        assert!(books.give_back((0, &settle), release(), &mut slot.clone(), &mut patient).is_ok());
        let permit = books.decide(&slot, &request.wish_without_ticket(), until).expect("the hold is dead");
        let next = books.claim(
            permit,
            &request.wish_without_ticket(),
            until,
            &mut slot,
            &mut RuledPatient::default(),
        );
        assert_eq!(next.map(|grant| grant.booking.seat().get()), Ok(0), "the seat of the hold");
    }
}

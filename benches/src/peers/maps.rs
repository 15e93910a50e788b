//! What one would write first: hash maps in the process, under a lock, under many, or a concurrent one.
//!
//! INVARIANT (lock order): a slot's guard is taken before a patient's, never the other way round, and the two are in
//! different maps.
//!
//! They have the quickest hash there is, room for every patient from the start, and lists that need no allocator.

use super::{System, Taken};
use crate::trace::{PATIENTS, Request};
use crate::work::{Ask, Link, Shape, Told, Why, pool, verdict};
use dashmap::DashMap;
use foldhash::fast::FixedState;
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use std::collections::HashMap;
use std::ops::DerefMut;

/// A slot: the live bookings of each pool, a bit for each seat that is taken.
#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    live: [u8; 4],
    taken: u64,
}

/// The visits of a patient: practitioner, half-hour, seat, pool.
type Visits = SmallVec<[Visit; 2]>;

#[derive(Clone, Copy, Debug)]
struct Visit {
    practitioner: u32,
    half_hour: u16,
    seat: u8,
    pool: u8,
}

/// A claim on a slot and a patient that nobody else touches meanwhile.
#[inline]
fn book(shape: &Shape, request: &Request, slot: &mut Slot, visits: &mut Visits) -> Told {
    let (practitioner, half_hour) = (request.slot.session.get(), request.slot.slot.get());
    if visits.iter().any(|visit| visit.half_hour == half_hour) {
        return Told::plain(Why::Overlap);
    }
    if visits.iter().any(|visit| visit.practitioner == practitioner) {
        return Told::plain(Why::DepartmentDay);
    }
    let pool = pool(request);
    debug_assert!(verdict(shape.slots, slot.live, pool).is_none());
    let seat = u8::try_from(slot.taken.trailing_ones()).unwrap_or(u8::MAX);
    slot.taken |= 1 << seat;
    slot.live[pool] += 1;
    visits.push(Visit { practitioner, half_hour, seat, pool: u8::try_from(pool).unwrap_or(u8::MAX) });
    Told::seat(seat)
}

#[inline]
fn release(request: &Request, slot: &mut Slot, visits: &mut Visits) -> Told {
    let (practitioner, half_hour) = (request.slot.session.get(), request.slot.slot.get());
    let place = visits.iter().position(|v| v.practitioner == practitioner && v.half_hour == half_hour);
    let Some(place) = place else { return Told::plain(Why::Full) };
    let visit = visits.swap_remove(place);
    slot.taken &= !(1 << visit.seat);
    slot.live[usize::from(visit.pool)] -= 1;
    Told::plain(Why::Done)
}

/// Decides with the slot's guard; the patient's is taken only when the slot does not refuse.
#[inline]
fn decide<G: DerefMut<Target = Visits>>(
    shape: &Shape,
    ask: &Ask<'_>,
    slot: &mut Slot,
    visits: impl FnOnce() -> G,
) -> Told {
    match ask {
        Ask::Release(request, _) => release(request, slot, &mut visits()),
        Ask::Book(request) => match verdict(shape.slots, slot.live, pool(request)) {
            Some(why) => Told::plain(why),
            None => book(shape, request, slot, &mut visits()),
        },
    }
}

type Map<K, V> = HashMap<K, V, FixedState>;

fn slots(shape: &Shape) -> impl Iterator<Item = (u32, Slot)> {
    (0..shape.places()).map(|place| (place, Slot::default()))
}

/// Both maps behind one lock of the standard library; without contention also the sequential reference.
#[derive(Debug)]
pub struct OneLock {
    shape: Shape,
    maps: std::sync::Mutex<(Map<u32, Slot>, Map<u128, Visits>)>,
}

impl OneLock {
    /// These slots, with room for every patient.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let mut known = Map::with_hasher(FixedState::default());
        known.reserve(PATIENTS as usize);
        Self { shape, maps: std::sync::Mutex::new((slots(&shape).collect(), known)) }
    }
}

impl Link for &OneLock {
    #[inline]
    fn ask(&mut self, asks: &[Ask<'_>], told: &mut Vec<Told>) -> Result<(), String> {
        for ask in asks {
            let mut maps = self.maps.lock().map_err(|poisoned| poisoned.to_string())?;
            let (slots, patients) = &mut *maps;
            let (Ask::Book(request) | Ask::Release(request, _)) = ask;
            let slot = slots.get_mut(&self.shape.place(request)).ok_or("no such slot")?;
            told.push(decide(&self.shape, ask, slot, || patients.entry(request.patient.get()).or_default()));
        }
        Ok(())
    }
}

const SHARDS: usize = 64;

/// 64 maps of slots and 64 of patients, each behind a lock of `parking_lot`.
#[derive(Debug)]
pub struct Sharded {
    shape: Shape,
    slots: Vec<Mutex<Map<u32, Slot>>>,
    patients: Vec<Mutex<Map<u128, Visits>>>,
}

impl Sharded {
    /// These slots, with room for every patient.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let mut shards: Vec<Map<u32, Slot>> = vec![Map::default(); SHARDS];
        for (place, slot) in slots(&shape) {
            shards[place as usize % SHARDS].insert(place, slot);
        }
        let room = PATIENTS as usize / SHARDS * 5 / 4 + 1;
        let shard = || Mutex::new(Map::with_capacity_and_hasher(room, FixedState::default()));
        Self {
            shape,
            slots: shards.into_iter().map(Mutex::new).collect(),
            patients: (0..SHARDS).map(|_| shard()).collect(),
        }
    }
}

/// The shard of a patient's key: its low bits are a hash already.
#[inline]
const fn shard(patient: u128) -> usize {
    (patient >> 1) as usize % SHARDS
}

impl Link for &Sharded {
    #[inline]
    fn ask(&mut self, asks: &[Ask<'_>], told: &mut Vec<Told>) -> Result<(), String> {
        for ask in asks {
            let (Ask::Book(request) | Ask::Release(request, _)) = ask;
            let place = self.shape.place(request);
            let mut slots = self.slots[place as usize % SHARDS].lock();
            let slot = slots.get_mut(&place).ok_or("no such slot")?;
            let visits = || {
                let shard = self.patients[shard(request.patient.get())].lock();
                MutexGuard::map(shard, |patients| patients.entry(request.patient.get()).or_default())
            };
            told.push(decide(&self.shape, ask, slot, visits));
        }
        Ok(())
    }
}

/// Two maps of `dashmap`.
#[derive(Debug)]
pub struct Dash {
    shape: Shape,
    slots: DashMap<u32, Slot, FixedState>,
    patients: DashMap<u128, Visits, FixedState>,
}

impl Dash {
    /// These slots, with room for every patient.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let known = DashMap::with_hasher(FixedState::default());
        for (place, slot) in slots(&shape) {
            known.insert(place, slot);
        }
        let room = PATIENTS as usize * 5 / 4;
        Self { shape, slots: known, patients: DashMap::with_capacity_and_hasher(room, FixedState::default()) }
    }
}

impl Link for &Dash {
    #[inline]
    fn ask(&mut self, asks: &[Ask<'_>], told: &mut Vec<Told>) -> Result<(), String> {
        for ask in asks {
            let (Ask::Book(request) | Ask::Release(request, _)) = ask;
            let place = self.shape.place(request);
            if matches!(ask, Ask::Book(_)) {
                // A refusal needs no guard that excludes others.
                let slot = self.slots.get(&place).ok_or("no such slot")?;
                if let Some(why) = verdict(self.shape.slots, slot.live, pool(request)) {
                    told.push(Told::plain(why));
                    continue;
                }
            }
            let mut slot = self.slots.get_mut(&place).ok_or("no such slot")?;
            let visits = || self.patients.entry(request.patient.get()).or_default();
            told.push(decide(&self.shape, ask, &mut slot, visits));
        }
        Ok(())
    }
}

fn of_patient(shape: Shape, patient: u128, visits: &Visits) -> impl Iterator<Item = Taken> + use<'_> {
    let place = move |visit: &Visit| visit.practitioner * shape.half_hours + u32::from(visit.half_hour);
    visits.iter().map(move |visit| (place(visit), visit.seat, patient))
}

impl System for OneLock {
    type Link<'a> = &'a Self;

    fn publish(&mut self, shape: Shape) -> Result<(), String> {
        *self = Self::new(shape);
        Ok(())
    }

    fn link(&self) -> Result<&Self, String> {
        Ok(self)
    }

    fn taken(&self) -> Result<Vec<Taken>, String> {
        let maps = self.maps.lock().map_err(|poisoned| poisoned.to_string())?;
        Ok(maps.1.iter().flat_map(|(patient, visits)| of_patient(self.shape, *patient, visits)).collect())
    }
}

impl System for Sharded {
    type Link<'a> = &'a Self;

    fn publish(&mut self, shape: Shape) -> Result<(), String> {
        *self = Self::new(shape);
        Ok(())
    }

    fn link(&self) -> Result<&Self, String> {
        Ok(self)
    }

    fn taken(&self) -> Result<Vec<Taken>, String> {
        let shard = |shard: &Mutex<Map<u128, Visits>>| -> Vec<Taken> {
            let shard = shard.lock();
            shard.iter().flat_map(|(patient, visits)| of_patient(self.shape, *patient, visits)).collect()
        };
        Ok(self.patients.iter().flat_map(shard).collect())
    }
}

impl System for Dash {
    type Link<'a> = &'a Self;

    fn publish(&mut self, shape: Shape) -> Result<(), String> {
        *self = Self::new(shape);
        Ok(())
    }

    fn link(&self) -> Result<&Self, String> {
        Ok(self)
    }

    fn taken(&self) -> Result<Vec<Taken>, String> {
        let of = |visits: dashmap::mapref::multiple::RefMulti<'_, u128, Visits>| -> Vec<Taken> {
            of_patient(self.shape, *visits.key(), visits.value()).collect()
        };
        Ok(self.patients.iter().flat_map(of).collect())
    }
}

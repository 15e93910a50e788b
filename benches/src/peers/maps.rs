//! What one would write first: hash maps in the process, under a lock, under many, or a concurrent one; each with the books that
//! it keeps ([`Lean`](super::books::Lean) or [`Ruled`](super::books::Ruled)).
//!
//! INVARIANT (lock order): a slot's guard is taken before a patient's, never the other way round, and the two are in
//! different maps.
//!
//! They have the quickest hash there is, room for every patient from the start, and lists that need no allocator.

#![expect(
    clippy::inline_always,
    reason = "what runs in the client's process is compiled into its loop, for each system alike"
)]

use super::books::Books;
use super::{System, Taken};
use crate::work::{Ask, Link, Shape, Told};
use dashmap::DashMap;
use foldhash::fast::FixedState;
use parking_lot::{Mutex, MutexGuard};
use std::collections::HashMap;
use std::ops::DerefMut;

/// Decides with the slot's guard; the patient's is taken only when the slot does not refuse.
#[inline(always)]
fn decide<B: Books, G: DerefMut<Target = B::Patient>>(
    books: &B,
    ask: &Ask<'_>,
    slot: &mut B::Slot,
    patient: impl FnOnce() -> G,
) -> Result<Told, String> {
    match ask {
        Ask::Release(request, token) => books.release(request, *token, slot, &mut patient()),
        Ask::Book(request) => match books.weigh(slot, request) {
            Ok(leave) => books.book(leave, request, slot, &mut patient()),
            Err(denial) => B::told(&denial),
        },
    }
}

type Map<K, V> = HashMap<K, V, FixedState>;

/// Slots and patients.
type Both<B> = (Map<u32, <B as Books>::Slot>, Map<u128, <B as Books>::Patient>);

fn slots<B: Books>(books: &B, shape: &Shape) -> impl Iterator<Item = (u32, B::Slot)> {
    let slot = books.slot();
    (0..shape.places()).map(move |place| (place, slot.clone()))
}

/// Both maps behind one lock of the standard library; without contention also the sequential reference.
#[derive(Debug)]
pub struct OneLock<B: Books> {
    shape: Shape,
    books: B,
    maps: std::sync::Mutex<Both<B>>,
}

impl<B: Books> OneLock<B> {
    /// These slots, with room for every patient.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let books = B::open(shape);
        let mut known = Map::with_hasher(FixedState::default());
        known.reserve(shape.patients as usize);
        let maps = std::sync::Mutex::new((slots(&books, &shape).collect(), known));
        Self { shape, books, maps }
    }
}

impl<B: Books> Link for &OneLock<B> {
    #[inline(always)]
    fn one(&mut self, ask: &Ask<'_>) -> Result<Told, String> {
        let mut maps = self.maps.lock().map_err(|poisoned| poisoned.to_string())?;
        let (slots, patients) = &mut *maps;
        let request = ask.request();
        let slot = slots.get_mut(&self.shape.place(request)).ok_or("no such slot")?;
        decide(&self.books, ask, slot, || patients.entry(request.patient.get()).or_default())
    }
}

const SHARDS: usize = 64;

/// 64 maps of slots and 64 of patients, each behind a lock of `parking_lot`.
#[derive(Debug)]
pub struct Sharded<B: Books> {
    shape: Shape,
    books: B,
    slots: Vec<Mutex<Map<u32, B::Slot>>>,
    patients: Vec<Mutex<Map<u128, B::Patient>>>,
}

impl<B: Books> Sharded<B> {
    /// These slots, with room for every patient.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let books = B::open(shape);
        let mut shards: Vec<Map<u32, B::Slot>> = vec![Map::default(); SHARDS];
        for (place, slot) in slots(&books, &shape) {
            shards[place as usize % SHARDS].insert(place, slot);
        }
        let room = shape.patients as usize / SHARDS * 5 / 4 + 1;
        let shard = || Mutex::new(Map::with_capacity_and_hasher(room, FixedState::default()));
        Self {
            shape,
            books,
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

impl<B: Books> Link for &Sharded<B> {
    #[inline(always)]
    fn one(&mut self, ask: &Ask<'_>) -> Result<Told, String> {
        let request = ask.request();
        let place = self.shape.place(request);
        let mut slots = self.slots[place as usize % SHARDS].lock();
        let slot = slots.get_mut(&place).ok_or("no such slot")?;
        let patient = || {
            let shard = self.patients[shard(request.patient.get())].lock();
            MutexGuard::map(shard, |patients| patients.entry(request.patient.get()).or_default())
        };
        decide(&self.books, ask, slot, patient)
    }
}

/// Two maps of `dashmap`.
#[derive(Debug)]
pub struct Dash<B: Books> {
    shape: Shape,
    books: B,
    slots: DashMap<u32, B::Slot, FixedState>,
    patients: DashMap<u128, B::Patient, FixedState>,
}

impl<B: Books> Dash<B> {
    /// These slots, with room for every patient.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let books = B::open(shape);
        let known = DashMap::with_hasher(FixedState::default());
        for (place, slot) in slots(&books, &shape) {
            known.insert(place, slot);
        }
        let room = shape.patients as usize * 5 / 4;
        let patients = DashMap::with_capacity_and_hasher(room, FixedState::default());
        Self { shape, books, slots: known, patients }
    }
}

impl<B: Books> Link for &Dash<B> {
    #[inline(always)]
    fn one(&mut self, ask: &Ask<'_>) -> Result<Told, String> {
        let request = ask.request();
        let place = self.shape.place(request);
        if matches!(ask, Ask::Book(_)) {
            // A refusal needs no guard that excludes others.
            let slot = self.slots.get(&place).ok_or("no such slot")?;
            if let Err(denial) = self.books.weigh(&slot, request) {
                return B::told(&denial);
            }
        }
        let mut slot = self.slots.get_mut(&place).ok_or("no such slot")?;
        decide(&self.books, ask, &mut slot, || self.patients.entry(request.patient.get()).or_default())
    }
}

impl<B: Books> System for OneLock<B> {
    type Link<'a>
        = &'a Self
    where
        B: 'a;

    fn publish(&mut self, shape: Shape) -> Result<(), String> {
        *self = Self::new(shape);
        Ok(())
    }

    fn link(&self) -> Result<&Self, String> {
        Ok(self)
    }

    fn taken(&self) -> Result<Vec<Taken>, String> {
        let maps = self.maps.lock().map_err(|poisoned| poisoned.to_string())?;
        Ok(maps.1.iter().flat_map(|(key, patient)| self.books.taken(*key, patient)).collect())
    }
}

impl<B: Books> System for Sharded<B> {
    type Link<'a>
        = &'a Self
    where
        B: 'a;

    fn publish(&mut self, shape: Shape) -> Result<(), String> {
        *self = Self::new(shape);
        Ok(())
    }

    fn link(&self) -> Result<&Self, String> {
        Ok(self)
    }

    fn taken(&self) -> Result<Vec<Taken>, String> {
        let shard = |shard: &Mutex<Map<u128, B::Patient>>| -> Vec<Taken> {
            shard.lock().iter().flat_map(|(key, patient)| self.books.taken(*key, patient)).collect()
        };
        Ok(self.patients.iter().flat_map(shard).collect())
    }
}

impl<B: Books> System for Dash<B> {
    type Link<'a>
        = &'a Self
    where
        B: 'a;

    fn publish(&mut self, shape: Shape) -> Result<(), String> {
        *self = Self::new(shape);
        Ok(())
    }

    fn link(&self) -> Result<&Self, String> {
        Ok(self)
    }

    fn taken(&self) -> Result<Vec<Taken>, String> {
        Ok(self.patients.iter().flat_map(|known| self.books.taken(*known.key(), known.value())).collect())
    }
}

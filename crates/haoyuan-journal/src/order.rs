//! The order keeper: which records may go to disk, and which must wait for another first.
//!
//! INVARIANT (history first): a record leaves after its block's predecessor and after everything its patient did
//! before. So whatever prefix of the journal survives a crash, it contains the history of each of its records: a seat
//! freed by A and taken by B never has two owners.

use crate::entry::{Entry, Payload, Place};
use crate::error::Error;
use crate::frontier::Frontier;
use std::collections::{HashMap, VecDeque};
use std::time::Instant;

/// An entry with the number under which its receipt asks for it, as it travels through the queue: the options are bits
/// beside plain numbers, so that it is no longer than it must be.
pub(crate) struct Item {
    patient: u128,
    pub(crate) payload: Payload,
    pub(crate) ticket: u64,
    place: Place,
    pub(crate) kind: u8,
    has_place: bool,
    has_patient: bool,
}

// With the queue's own stamp two cache lines.
const _: () = assert!(size_of::<Item>() <= 112);

impl Item {
    #[inline]
    pub(crate) fn new(entry: Entry, ticket: u64) -> Self {
        let Entry { place, patient, kind, payload } = entry;
        Self {
            patient: patient.unwrap_or_default(),
            payload,
            ticket,
            place: place.unwrap_or(Place { block: 0, sequence: 0 }),
            kind,
            has_place: place.is_some(),
            has_patient: patient.is_some(),
        }
    }

    #[inline]
    pub(crate) fn place(&self) -> Option<Place> {
        self.has_place.then_some(self.place)
    }

    #[inline]
    pub(crate) fn patient(&self) -> Option<u128> {
        self.has_patient.then_some(self.patient)
    }

    /// The entry back.
    pub(crate) fn into_entry(self) -> Entry {
        let (place, patient) = (self.place(), self.patient());
        Entry { place, patient, kind: self.kind, payload: self.payload }
    }
}

/// So many items the maps keep room for when nothing waits. A burst, of a thread that stood still between deciding and
/// appending, gives what it took beyond that back.
pub(crate) const ROOM: usize = 1 << 10;

/// What is held back, and how far each block has gone.
pub(crate) struct Order {
    frontier: Frontier,
    /// The items that wait, by the order they came in.
    held: HashMap<u64, (Item, Instant)>,
    /// Which of them continues a block, by the place it will take.
    by_place: HashMap<Place, u64>,
    /// The waiting items of each patient, oldest first.
    by_patient: HashMap<u128, VecDeque<u64>>,
    /// How many items ever waited: the key of the next.
    counter: u64,
    held_max: usize,
}

impl Order {
    pub(crate) fn new(frontier: Frontier) -> Self {
        Self {
            frontier,
            held: HashMap::new(),
            by_place: HashMap::new(),
            by_patient: HashMap::new(),
            counter: 0,
            held_max: 0,
        }
    }

    pub(crate) fn frontier(&self) -> &Frontier {
        &self.frontier
    }

    /// How many items wait.
    pub(crate) fn held(&self) -> usize {
        self.held.len()
    }

    /// The most that ever waited.
    pub(crate) fn held_max(&self) -> usize {
        self.held_max
    }

    /// The next item in the order of the queue: it goes out through `release` at once, with all that waited for it,
    /// or it waits.
    #[inline]
    pub(crate) fn admit(&mut self, item: Item, release: &mut impl FnMut(Item)) -> Result<(), Error> {
        if self.held.is_empty() && item.place().is_none_or(|place| self.continues(place)) {
            if let Some(place) = item.place() {
                self.frontier.set(place.block, place.sequence);
            }
            release(item);
            return Ok(());
        }
        self.admit_slow(item, release)
    }

    #[inline]
    fn continues(&self, place: Place) -> bool {
        self.frontier.get(place.block).checked_add(1) == Some(place.sequence)
    }

    fn admit_slow(&mut self, item: Item, release: &mut impl FnMut(Item)) -> Result<(), Error> {
        if let Some(place) = item.place() {
            if place.sequence <= self.frontier.get(place.block) || self.by_place.contains_key(&place) {
                return Err(Error::Repeated { block: place.block, sequence: place.sequence });
            }
        }
        if item.place().is_none_or(|place| self.continues(place))
            && item.patient().is_none_or(|patient| !self.by_patient.contains_key(&patient))
        {
            let place = item.place();
            if let Some(place) = place {
                self.frontier.set(place.block, place.sequence);
            }
            release(item);
            if let Some(next) = place.and_then(|place| self.successor(place)) {
                self.let_go(next, release);
                self.give_back();
            }
            return Ok(());
        }
        let key = self.counter;
        self.counter += 1;
        if let Some(place) = item.place() {
            self.by_place.insert(place, key);
        }
        if let Some(patient) = item.patient() {
            self.by_patient.entry(patient).or_default().push_back(key);
        }
        self.held.insert(key, (item, Instant::now()));
        self.held_max = self.held_max.max(self.held.len());
        Ok(())
    }

    /// The waiting item that takes the place after this one.
    fn successor(&self, place: Place) -> Option<u64> {
        let sequence = place.sequence.checked_add(1)?;
        self.by_place.get(&Place { block: place.block, sequence }).copied()
    }

    /// Releases the item if nothing it waits for is missing, then whatever that freed.
    fn let_go(&mut self, key: u64, release: &mut impl FnMut(Item)) {
        let mut candidates = vec![key];
        while let Some(key) = candidates.pop() {
            let Some((item, _)) = self.held.get(&key) else { continue };
            let block_ready = item.place().is_none_or(|place| self.continues(place));
            let patient_ready =
                item.patient().is_none_or(|patient| self.by_patient[&patient].front() == Some(&key));
            if !(block_ready && patient_ready) {
                continue;
            }
            let (item, _) = self.held.remove(&key).expect("it was there a moment ago");
            if let Some(place) = item.place() {
                self.by_place.remove(&place);
                self.frontier.set(place.block, place.sequence);
            }
            if let Some(patient) = item.patient() {
                let waiting =
                    self.by_patient.get_mut(&patient).expect("a held item is in its patient's queue");
                waiting.pop_front();
                match waiting.front() {
                    Some(next) => candidates.push(*next),
                    None => drop(self.by_patient.remove(&patient)),
                }
            }
            if let Some(next) = item.place().and_then(|place| self.successor(place)) {
                candidates.push(next);
            }
            release(item);
        }
    }

    /// Gives back what a burst took, when it is over.
    fn give_back(&mut self) {
        if self.held.is_empty() && self.held.capacity() > 2 * ROOM {
            self.held.shrink_to(ROOM);
            self.by_place.shrink_to(ROOM);
            self.by_patient.shrink_to(ROOM);
        }
    }

    /// The place that has been waited for the longest, with the instant since when; `None` if nothing waits.
    pub(crate) fn awaited(&self) -> Option<(Place, Instant)> {
        // The oldest item that waits for its block and not merely for its patient.
        self.held
            .iter()
            .filter_map(|(key, (item, since))| item.place().map(|place| (key, place, *since)))
            .filter(|(_, place, _)| !self.continues(*place))
            .filter(|(_, place, _)| !self.by_place.contains_key(&before(*place)))
            .min_by_key(|(key, ..)| **key)
            .map(|(_, place, since)| (before(place), since))
    }
}

/// The place that a place waits for.
fn before(place: Place) -> Place {
    Place { block: place.block, sequence: place.sequence.saturating_sub(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A ticket, block and sequence, a patient.
    type Arrival = (u64, Option<(u32, u32)>, Option<u128>);

    /// The tickets in the order of leaving, and how many stay.
    #[track_caller]
    fn check(arrivals: &[Arrival], leaving: &[u64], held: usize) {
        let mut order = Order::new(Frontier::default());
        let mut out = Vec::new();
        for (ticket, place, patient) in arrivals {
            let place = place.map(|(block, sequence)| Place { block, sequence });
            let payload = Payload::new(&[]).unwrap();
            let item = Item::new(Entry { place, patient: *patient, kind: 0, payload }, *ticket);
            order.admit(item, &mut |item| out.push(item.ticket)).unwrap();
        }
        assert_eq!(out, leaving);
        assert_eq!(order.held(), held);
        let waiting = order.held.values().filter(|(item, _)| item.has_patient).count();
        assert_eq!(order.by_patient.values().map(VecDeque::len).sum::<usize>(), waiting);
    }

    #[test]
    fn what_comes_in_order_leaves_at_once() {
        check(&[(1, Some((0, 1)), Some(7)), (2, Some((0, 2)), None), (3, None, Some(7))], &[1, 2, 3], 0);
    }

    #[test]
    fn a_record_waits_for_its_blocks_predecessor() {
        check(&[(1, Some((0, 2)), None), (2, Some((1, 1)), None), (3, Some((0, 1)), None)], &[2, 3, 1], 0);
    }

    #[test]
    fn a_record_waits_for_what_its_patient_did_before() {
        // The patient's first record waits for block 0; the second is free in its block and must wait all the same.
        let arrivals = [(1, Some((0, 2)), Some(7)), (2, Some((1, 1)), Some(7)), (3, Some((1, 2)), None)];
        check(&arrivals, &[], 3);
        check(&[&arrivals[..], &[(4, Some((0, 1)), None)]].concat(), &[4, 1, 2, 3], 0);
    }

    #[test]
    fn a_record_without_a_block_keeps_its_patients_order_only() {
        check(
            &[(1, Some((0, 2)), Some(7)), (2, None, Some(7)), (3, None, Some(8)), (4, None, None)],
            &[3, 4],
            2,
        );
    }

    #[test]
    fn a_place_is_taken_once() {
        for places in [[(0, 1), (0, 1)], [(0, 2), (0, 2)], [(0, 1), (0, 0)]] {
            let mut order = Order::new(Frontier::default());
            let mut outcome = Ok(());
            for (block, sequence) in places {
                let place = Some(Place { block, sequence });
                let payload = Payload::new(&[]).unwrap();
                let item = Item::new(Entry { place, patient: None, kind: 0, payload }, 0);
                outcome = order.admit(item, &mut |_| ());
            }
            assert!(matches!(outcome, Err(Error::Repeated { block: 0, .. })), "{places:?}");
        }
    }

    #[test]
    fn what_a_burst_took_is_given_back() {
        let mut order = Order::new(Frontier::default());
        let mut out = 0;
        let mut admit = |order: &mut Order, sequence| {
            let payload = Payload::new(&[]).unwrap();
            let place = Some(Place { block: 0, sequence });
            let patient = Some(u128::from(sequence));
            let item = Item::new(Entry { place, patient, kind: 0, payload }, u64::from(sequence));
            order.admit(item, &mut |_| out += 1).unwrap();
        };
        (2..=20_000).for_each(|sequence| admit(&mut order, sequence));
        assert!(order.held() == 19_999 && order.held.capacity() >= 19_999);
        admit(&mut order, 1);
        let rooms = [order.held.capacity(), order.by_place.capacity(), order.by_patient.capacity()];
        assert!(rooms.iter().all(|room| *room <= 2 * ROOM), "{rooms:?}");
        assert_eq!((order.held(), out), (0, 20_000));
    }

    #[test]
    fn the_awaited_place_is_the_one_that_nobody_brought() {
        let mut order = Order::new(Frontier::default());
        for (ticket, block, sequence, patient) in [(1, 0, 3, 7), (2, 0, 4, 8), (3, 1, 1, 7)] {
            let place = Some(Place { block, sequence });
            let payload = Payload::new(&[]).unwrap();
            let item = Item::new(Entry { place, patient: Some(patient), kind: 0, payload }, ticket);
            order.admit(item, &mut |_| ()).unwrap();
        }
        assert_eq!(order.awaited().map(|(place, _)| place), Some(Place { block: 0, sequence: 2 }));
    }
}

//! Search and guidance: what the decision would say, over many slots.
//!
//! INVARIANT (shown is granted): a slot is listed exactly if the block's rules would accept a claim of that class at
//! that instant, by the same fold as the decision.

use crate::Engine;
use crate::fact::Trace;
use crate::sessions::SessionRow;
use crate::target::Target;
use haoyuan_core::ids::{DepartmentId, InstitutionId, SessionId, SlotIndex, SlotRef};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::pool::Moment;
use haoyuan_core::request::{Found, Order, Query, SlotLoad};
use haoyuan_core::word::{Live, Word};
use std::collections::{BTreeMap, BinaryHeap};

/// Sort key of a found slot: (load in 1/10000 or 0, start, session, slot).
type Rank = (u32, i64, u32, u16);

impl<T: Trace> Engine<T> {
    /// Slots that the decision would grant, best first. O(slots in range), with a fold only for slots that are better than the
    /// worst one listed so far; stops early when listing by time. Takes the calendar's read lock, which only publishing
    /// writes.
    #[must_use]
    pub fn search(&self, query: &Query, at: Instant) -> Vec<Found> {
        let mut best: BinaryHeap<Rank> = BinaryHeap::new();
        if query.most == 0 || query.from > query.to {
            return Vec::new();
        }
        let calendar = self.calendar.read();
        'days: for sessions in calendar.days.range(query.from..=query.to).map(|(_, sessions)| sessions) {
            for (start, number) in sessions {
                if query.order == Order::Earliest && best.len() >= query.most {
                    // Everything from here on starts later than the worst slot that is listed.
                    if best.peek().is_some_and(|worst| worst.1 < start.ms()) {
                        break 'days;
                    }
                }
                let Some(row) = self.sessions[*number as usize].read() else { continue };
                if matches(query, &row) {
                    self.search_session(query, at, *number, &row, &mut best);
                }
            }
        }
        drop(calendar);
        best.into_sorted_vec()
            .into_iter()
            .filter_map(|(_, _, session, slot)| {
                let slot = SlotRef { session: SessionId::new(session)?, slot: SlotIndex::new(slot)? };
                let target = self.resolve(slot).ok()?;
                let answer = target.shown(at).availability(query.class, query.channel, at);
                let time = target.row.slot_time(slot.slot);
                // A slot whose last seat went since it was listed is left out.
                let found =
                    Found { slot, time, free: answer.free, live: answer.live, capacity: answer.capacity };
                (answer.free > 0).then_some(found)
            })
            .collect()
    }

    fn search_session(
        &self,
        query: &Query,
        at: Instant,
        number: u32,
        row: &SessionRow,
        best: &mut BinaryHeap<Rank>,
    ) {
        let offset = row.offset(at);
        let mut start = row.from().ms();
        // Slots of one session mostly share their tree: what it says at this instant is looked up once.
        let mut moment: Option<(u32, Moment<'_>)> = None;
        for slot in (0..row.slots()).filter_map(SlotIndex::new) {
            let begins = start;
            start += i64::from(row.slot_ms());
            let worst = if best.len() < query.most { None } else { best.peek().copied() };
            if query.order == Order::Earliest && worst.is_some_and(|worst| worst.1 < begins) {
                return;
            }
            let Some(cell) = self.cell(slot, row) else { return };
            let shape = cell.shape();
            let mut now = match moment {
                Some((known, now)) if known == shape => now,
                _ => match self.tree_of(cell) {
                    Some(tree) => tree.at(offset),
                    None => continue,
                },
            };
            moment = Some((shape, now));
            let glance = if row.whole() { None } else { cell.core.glance(at) };
            let (word, live, has_free) = match glance {
                Some(word) => (word, word.live(), true),
                None => match self.look(slot, row, at) {
                    Some(seen) => seen,
                    None => continue,
                },
            };
            if word.has_flags() {
                // The block may be one whose tree was replaced since its shape was read.
                let Some(tree) = self.tree_of(cell) else { continue };
                now = tree.at(offset);
            }
            let (total, capacity) = (live.total(), u32::from(now.tree().capacity()));
            if total >= capacity || word.is_shut() || !has_free {
                continue;
            }
            let load = match query.order {
                Order::Earliest => 0,
                Order::LeastLoaded => total * 10_000 / capacity,
            };
            let rank = (load, begins, number, slot.get());
            if worst.is_some_and(|worst| worst < rank)
                || now.decide(live, query.class, query.channel).is_err()
            {
                continue;
            }
            if worst.is_some() {
                best.pop();
            }
            best.push(rank);
        }
    }

    /// The block of a slot where a glance does not do: a hold may be due, or the slot is a part of its block. Its word, its
    /// live seats, and whether the slot has a seat that is free.
    #[inline(never)]
    fn look(&self, slot: SlotIndex, row: &SessionRow, at: Instant) -> Option<(Word, Live, bool)> {
        let target = self.target_in(slot, *row)?;
        let view = target.block.view(at);
        let has_free = !row.whole() || target.block.has_free(target.range.clone(), at);
        Some((view.word, view.live, has_free))
    }

    /// How full each slot of a day is, over all sessions that match: seats and live seats by slot time, in order of time
    /// (就诊时段分布). O(slots of the day).
    #[must_use]
    pub fn load(
        &self,
        day: Day,
        institution: Option<InstitutionId>,
        department: Option<DepartmentId>,
        at: Instant,
    ) -> Vec<SlotLoad> {
        // Sessions that begin together and have slots of one length share their sums; only at the end are they put in order.
        let mut grids: BTreeMap<(Instant, u32), Vec<(u32, u32)>> = BTreeMap::new();
        let calendar = self.calendar.read();
        for (_, number) in calendar.days.get(&day).into_iter().flatten() {
            let Some(row) = self.sessions[*number as usize].read() else { continue };
            if institution.is_some_and(|i| i != row.institution())
                || department.is_some_and(|d| d != row.department())
            {
                continue;
            }
            let sums = grids.entry((row.from(), row.slot_ms())).or_default();
            sums.resize(sums.len().max(usize::from(row.slots())), (0, 0));
            for (slot, sum) in (0..row.slots()).filter_map(SlotIndex::new).zip(sums) {
                if let Some((capacity, live)) = self.load_of(slot, &row, at) {
                    sum.0 += u32::from(capacity);
                    sum.1 += live;
                }
            }
        }
        drop(calendar);
        let mut slots: BTreeMap<(Instant, Instant), (u32, u32)> = BTreeMap::new();
        for ((from, slot_ms), sums) in grids {
            let mut from = from;
            for (capacity, live) in sums {
                let to = from.plus(i64::from(slot_ms));
                let sum = slots.entry((from, to)).or_default();
                *sum = (sum.0 + capacity, sum.1 + live);
                from = to;
            }
        }
        slots
            .into_iter()
            .map(|((from, to), (capacity, live))| SlotLoad {
                time: haoyuan_core::ids::Interval { from, to },
                capacity,
                live,
            })
            .collect()
    }

    /// Seats and live seats of a slot.
    #[inline]
    fn load_of(&self, slot: SlotIndex, row: &SessionRow, at: Instant) -> Option<(u8, u32)> {
        let cell = self.cell(slot, row)?;
        if !row.whole() {
            if let Some(word) = cell.core.glance(at) {
                return Some((self.tree_of(cell)?.capacity(), word.live().total()));
            }
        }
        let target = self.target_in(slot, *row)?;
        let seats = u8::try_from(target.range.len()).ok()?;
        // What is blocked in a session that is one block is blocked at no particular time.
        Some((if row.whole() { seats } else { target.tree.capacity() }, target.live(at)))
    }
}

impl Target<'_> {
    /// Live seats of the slot.
    fn live(&self, at: Instant) -> u32 {
        if self.row.whole() {
            self.block.count_live(self.range.clone(), at)
        } else {
            self.block.view(at).live.total()
        }
    }
}

fn matches(query: &Query, row: &SessionRow) -> bool {
    query.institution.is_none_or(|i| i == row.institution())
        && query.department.is_none_or(|d| d == row.department())
        && query.practitioner.is_none_or(|p| p == row.practitioner())
        && query.grade.is_none_or(|g| g == row.grade())
}

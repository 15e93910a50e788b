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
        for slot in 0..row.slots() {
            let begins = start;
            start += i64::from(row.slot_ms());
            let is_full = best.len() >= query.most;
            if is_full && query.order == Order::Earliest && best.peek().is_some_and(|worst| worst.1 < begins)
            {
                return;
            }
            let Some(cell) = SlotIndex::new(slot).and_then(|index| self.cell(index, row)) else { return };
            let (shape, now) = match moment {
                Some((shape, now)) if shape == cell.shape() => (shape, now),
                _ => match self.tree_of(cell) {
                    Some(tree) => (cell.shape(), tree.at(offset)),
                    None => continue,
                },
            };
            moment = Some((shape, now));
            let seen = if row.whole() { None } else { cell.core.peek(at) };
            let (view, target) = match (seen, SlotIndex::new(slot)) {
                (Some(view), _) => (view, None),
                (None, Some(index)) => {
                    let Some(target) = self.target_in(index, *row) else { continue };
                    (target.block.view(at), Some(target))
                }
                (None, None) => continue,
            };
            // A word with flags may be of a block whose tree was replaced since its shape was read.
            let now = match self.tree_of(cell).filter(|_| view.word.has_flags()) {
                Some(tree) => tree.at(offset),
                None => now,
            };
            let (live, capacity) = (view.live.total(), u32::from(now.tree().capacity()));
            if live >= capacity || view.word.is_shut() {
                continue;
            }
            let load = match query.order {
                Order::Earliest => 0,
                Order::LeastLoaded => live * 10_000 / capacity,
            };
            let rank = (load, begins, number, slot);
            if is_full && best.peek().is_some_and(|worst| *worst < rank) {
                continue;
            }
            let full = || target.is_some_and(|t| row.whole() && !t.block.has_free(&view, &t.range, at));
            if now.decide(view.live, query.class, query.channel).is_err() || full() {
                continue;
            }
            best.push(rank);
            if best.len() > query.most {
                best.pop();
            }
        }
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
            if let Some(view) = cell.core.peek(at) {
                return Some((self.tree_of(cell)?.capacity(), view.live.total()));
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

//! A seat that a member of the public gave back (退号): kept back for a while, and from who returned it for good.
//!
//! INVARIANT (nobody else's loss): a returned seat is free at once for whoever waited for it when it came back, and for every
//! class but the public's; the public is told that the slot is full until it reappears.
//! INVARIANT (not to oneself): the patient who returned a seat has no seat of the slot while only as many are free as this
//! patient returned.
//! INVARIANT (counted, not marked): seats of a slot are alike, so a claim that something is kept from is let through while more
//! seats are free to it than are kept from it. That is exact, because so many claims in a row would use as many seats.
//!
//! As long as a block keeps something back it carries the waiting flag, so every claim of it comes to the day's lock; all other
//! blocks pay nothing. Only bookings count as returned; a hold that is let go or runs out was never sold.

use super::event::Event;
use super::state::{Leaving, News, Returned};
use super::{Cause, Desk};
use crate::actor::{self, Role};
use crate::text::Text;
use haoyuan_core::ids::{BookingId, NodeIndex, PatientKey, SlotRef};
use haoyuan_core::instant::Instant;
use haoyuan_core::refusal::{Binding, Code, Refusal};
use haoyuan_core::request::{Availability, Found, Query, Settle, Settled, Standing};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_engine::{Occupied, SessionView, Trace};
use std::collections::BTreeMap;

/// Who asks for a seat.
#[derive(Clone, Copy)]
pub(crate) struct Asks {
    /// `None` if anybody might.
    pub(crate) patient: Option<PatientKey>,
    pub(crate) class: Class,
    pub(crate) channel: Channel,
    /// Since when the patient waits for it, of one who does.
    pub(crate) waits_since: Option<Instant>,
}

impl Asks {
    /// Whether the seat has not reappeared for this claim.
    fn must_wait(&self, one: &Returned, at: Instant) -> bool {
        let was_there = self.waits_since.is_some_and(|since| since <= one.at);
        self.class == Class::Public
            && !was_there
            && (at < one.reappears || one.offline && self.channel.is_online())
    }
}

impl<T: Trace> Desk<'_, T> {
    /// A patient gives a booking back. `occupied` is how it stood a moment ago.
    pub(crate) fn give_up(
        &mut self,
        settle: &Settle,
        slot: SlotRef,
        occupied: &Occupied,
    ) -> Result<Settled, Refusal> {
        // Who said yes to an offer has moved, and gives the new booking back: nothing is owed any more.
        self.accepted(slot, occupied);
        let rules = self.rules(slot.session);
        let keeps = rules.returns.is_some() && occupied.class == Class::Public;
        let block = self.block_of(slot);
        if keeps {
            // From here on every claim of the block comes to the day, so nobody takes the seat before it is kept back.
            let _ = self.engine.set_waiting(block, true);
        }
        let leaving = self.leaving(slot, occupied, None);
        if keeps || self.day.counting {
            self.tell(&Event::Leaving(leaving));
        }
        let settled = self.engine.cancel(settle, self.at);
        if settled.as_ref().is_ok_and(|settled| settled.changed) {
            self.left(&leaving);
        } else {
            self.stays();
        }
        self.show_waiting(block);
        settled
    }

    /// A seat that is about to go back.
    pub(crate) fn leaving(&self, slot: SlotRef, occupied: &Occupied, stop: Option<u32>) -> Leaving {
        let Occupied { booking, patient, class, channel, .. } = *occupied;
        let (booked_at, cause) = (self.booked_at(occupied), Cause(actor::current()));
        Leaving { booking, patient, slot, class, channel, booked_at, stop, cause, at: self.at }
    }

    /// Tells what follows from a seat that has gone back.
    pub(crate) fn left(&mut self, leaving: &Leaving) {
        let Leaving { booking, patient, slot, stop, at, .. } = *leaving;
        let occupied = Occupied {
            booking,
            patient,
            class: leaving.class,
            channel: leaving.channel,
            node: NodeIndex::ROOT,
            standing: Standing::Booked,
            granted_at: Some(leaving.booked_at),
        };
        self.together(|desk| {
            if let Some(stop) = stop {
                desk.tell(&Event::Voided { stop, patient, booking, slot, at });
                let notice = desk.notice(News::HoldVoid, patient, slot);
                desk.tell_notice(super::Notice { booking: Some(booking), ..notice });
            } else {
                desk.returned(&occupied, leaving);
                if desk.day.counting {
                    desk.cancelled(slot, &occupied);
                }
            }
            desk.stays();
        });
    }

    /// No seat is about to go back any more.
    pub(crate) fn stays(&mut self) {
        if let Some(Leaving { booking, patient, .. }) = self.day.leaving {
            self.tell(&Event::Left { patient, booking, at: self.at });
        }
    }

    /// Tells what follows from the seat that was about to go back when a crash came between, if it has.
    pub(crate) fn complete_leaving(&mut self) {
        let Some(leaving) = self.day.leaving else { return };
        if self.standing(leaving.slot, leaving.booking).is_some() {
            self.stays();
            return;
        }
        let now = std::mem::replace(&mut self.at, leaving.at);
        actor::by(&leaving.cause.0, || self.left(&leaving));
        self.at = now;
        self.show_waiting(self.block_of(leaving.slot));
    }

    /// A member of the public has given a seat back: it is kept back, if the rules say so.
    fn returned(&mut self, occupied: &Occupied, leaving: &Leaving) {
        let slot = leaving.slot;
        let rules = self.rules(slot.session);
        let keeps = rules.returns.as_ref().filter(|_| occupied.class == Class::Public);
        let Some((rules, view)) = keeps.zip(self.engine.session(slot.session)) else { return };
        let starts = Self::time(&view, slot.slot).from;
        let reappears = rules.reappears(self.at, starts, noise(rules.seed, occupied.booking));
        let at_window = !occupied.channel.is_online()
            || matches!(leaving.cause.0.role, Role::Clerk | Role::Doctor | Role::Operator);
        self.tell(&Event::Returned {
            patient: occupied.patient,
            booking: occupied.booking,
            block: self.block_of(slot),
            slot,
            reappears,
            offline: at_window && !rules.window_online,
            at: self.at,
        });
    }

    /// Why a claim that the block would accept has no seat of it now.
    pub(crate) fn keeps_back(&self, slot: SlotRef, asks: &Asks) -> Option<Refusal> {
        let block = self.block_of(slot);
        // A person under two keys is who returned it.
        let person = asks.patient.map(|patient| self.day.person(patient));
        let by_them = |one: &Returned| person == Some(self.day.person(one.patient));
        let kept: Vec<&Returned> = (self.day.returned.get(&block)?.iter())
            .filter(|one| by_them(one) || asks.must_wait(one, self.at))
            .collect();
        if kept.is_empty() || self.leaves_room(slot, asks, &kept) {
            return None;
        }
        let others: Vec<&Returned> = kept.into_iter().filter(|one| !by_them(one)).collect();
        if others.is_empty() || self.leaves_room(slot, asks, &others) {
            return Some(Refusal::plain(Code::ReturnedByYou));
        }
        let full = Refusal::plain(Code::SlotFull).by(Binding::Node(NodeIndex::ROOT));
        let next =
            others.iter().filter(|one| self.at < one.reappears && !(one.offline && asks.channel.is_online()));
        Some(match next.map(|one| one.reappears).min() {
            Some(reappears) => full.from(reappears),
            None => full,
        })
    }

    /// Whether more seats are free to a claim than are kept from it; so, too, if none is: then the block says why.
    fn leaves_room(&self, slot: SlotRef, asks: &Asks, kept: &[&Returned]) -> bool {
        let here = kept.iter().filter(|one| one.slot == slot).count();
        let free = self.free(slot, asks.class, asks.channel);
        free.of_block == 0
            || usize::from(free.of_block) > kept.len() && (here == 0 || usize::from(free.of_slot) > here)
    }

    fn free(&self, slot: SlotRef, class: Class, channel: Channel) -> Free {
        let none = Free { of_block: 0, of_slot: 0 };
        let Ok(shown) = self.engine.shown(slot, self.at) else { return none };
        let offset = self.at.ms() - shown.day.midnight().ms();
        let of_block = shown.tree.free(shown.word.live(), class, channel, offset, shown.tree.seats());
        let of_slot = shown.share.map_or(of_block, |share| share.seats.saturating_sub(share.live));
        Free { of_block, of_slot }
    }

    /// Forgets what is not free any more for any member of the public, the first returned first, and what has begun.
    pub(crate) fn retake(&mut self, block: SlotRef) {
        let Some(kept) = self.day.returned.get(&block) else { return };
        let Some(view) = self.engine.session(block.session) else { return };
        let mut gone = Vec::new();
        let mut left = Vec::new();
        for one in kept {
            let has_begun = Self::time(&view, one.slot.slot).from <= self.at;
            if has_begun { gone.push(one.booking) } else { left.push(*one) }
        }
        // Within a slot no more can be kept than is free there, and within the block no more than is free to the public.
        let mut room = left.len().min(usize::from(self.most_free(block).of_block));
        let mut rooms: BTreeMap<SlotRef, usize> = BTreeMap::new();
        // The last returned first: what there is room for is what stays.
        for one in left.into_iter().rev() {
            let here = rooms.entry(one.slot).or_insert_with(|| usize::from(self.most_free(one.slot).of_slot));
            if room > 0 && *here > 0 {
                room -= 1;
                *here -= 1;
            } else {
                gone.push(one.booking);
            }
        }
        if !gone.is_empty() {
            let bookings = gone.into_iter().map(Text).collect();
            self.tell(&Event::Retaken { block, bookings, at: self.at });
            self.show_waiting(block);
        }
    }

    /// What is free to the public through the channel that has most.
    fn most_free(&self, slot: SlotRef) -> Free {
        let mut most = Free { of_block: 0, of_slot: 0 };
        for channel in Channel::ALL {
            let free = self.free(slot, Class::Public, *channel);
            most.of_block = most.of_block.max(free.of_block);
            most.of_slot = most.of_slot.max(free.of_slot);
        }
        most
    }

    /// What the decision would say where nobody waits and the block keeps seats back.
    pub(crate) fn availability(
        &self,
        slot: SlotRef,
        class: Class,
        channel: Channel,
    ) -> Result<Availability, Refusal> {
        let block = self.block_of(slot);
        let (waited, extra) =
            (self.day.by_block.contains_key(&block), self.day.extra_of.contains_key(&slot.session));
        if waited || extra || !self.day.returned.contains_key(&block) {
            return self.engine.availability(slot, class, channel, self.at);
        }
        let seen = self.engine.availability_past_waitlist(slot, class, channel, self.at)?;
        if seen.refusal.is_some() {
            return Ok(seen);
        }
        let asks = Asks { patient: None, class, channel, waits_since: None };
        if let Some(refusal) = self.keeps_back(slot, &asks) {
            return Ok(Availability { free: 0, refusal: Some(refusal), ..seen });
        }
        let kept =
            (self.day.returned.get(&block).into_iter().flatten()).filter(|one| asks.must_wait(one, self.at));
        let (mut of_block, mut of_slot) = (0, 0);
        for one in kept {
            of_block += 1;
            of_slot += u8::from(one.slot == slot);
        }
        let free = self.free(slot, class, channel);
        let left = free.of_block.saturating_sub(of_block).min(free.of_slot.saturating_sub(of_slot));
        Ok(Availability { free: seen.free.min(left), ..seen })
    }

    /// The slots of blocks that keep seats back, as far as a search would list them.
    pub(crate) fn found(&self, query: &Query) -> Vec<Found> {
        let mut found = Vec::new();
        for block in self.day.returned.keys() {
            let Some(view) = self.engine.session(block.session).filter(|view| matches(query, view)) else {
                continue;
            };
            let slots = if view.whole { Self::slots(&view).collect() } else { vec![*block] };
            for slot in slots {
                let Ok(seen) = self.availability(slot, query.class, query.channel) else { continue };
                if seen.free > 0 {
                    let time = Self::time(&view, slot.slot);
                    let Availability { free, live, capacity, .. } = seen;
                    found.push(Found { slot, time, free, live, capacity });
                }
            }
        }
        found
    }
}

fn matches(query: &Query, view: &SessionView) -> bool {
    (query.from..=query.to).contains(&view.time.from.day())
        && query.institution.is_none_or(|institution| institution == view.institution)
        && query.department.is_none_or(|department| department == view.department)
        && query.practitioner.is_none_or(|practitioner| practitioner == view.practitioner)
        && query.grade.is_none_or(|grade| grade == view.grade)
}

/// The free seats of a slot to a claim, by the tree of its block and by the slot's own seats.
struct Free {
    of_block: u8,
    of_slot: u8,
}

/// What chooses the delay: a number that only who has the seed can foretell.
fn noise(seed: u64, booking: BookingId) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"haoyuan returned seat");
    hasher.update(&seed.to_le_bytes());
    hasher.update(&booking.get().to_le_bytes());
    let mut bytes = [0; 8];
    hasher.finalize_xof().fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

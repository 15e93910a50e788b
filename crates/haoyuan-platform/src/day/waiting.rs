//! The waitlist (候补): a seat that comes free is held for the first who can have it, in the operation that freed it.
//!
//! INVARIANT (in order): no offer is made to an entry while an earlier one is eligible and could have that seat.
//! INVARIANT (nobody passes): while an eligible entry waits that a seat would suit, nobody else gets the seat.
//! INVARIANT (one offer): an entry has at most one open offer; taking it closes the entry everywhere.
//!
//! An entry whose offer was not taken keeps its place once and then is dropped. It sits out until somebody gets a seat of the
//! block, or more or fewer seats of it are live than when the offer ended: that seat goes to the next, or to anybody.

use super::event::Event;
use super::returning::Asks;
use super::state::{Departure, Entry, News, Wanted};
use super::{Desk, refused};
use crate::answer::{self, Answer, Done};
use crate::command::day as command;
use crate::malformed::Malformed;
use crate::platform::{Decided, Stop};
use crate::text::Text;
use haoyuan_core::ids::{BookingId, Sequence, SlotRef};
use haoyuan_core::refusal::{Binding, Code, Refusal};
use haoyuan_core::request::{Grant, Standing, Wish};
use haoyuan_core::said;
use haoyuan_core::terms::{Channel, Class};
use haoyuan_core::waitlist::Turn;
use haoyuan_engine::{Occupied, Trace};

impl<T: Trace> Desk<'_, T> {
    pub(crate) fn waitlist_join(&mut self, join: &command::WaitlistJoin) -> Decided {
        if join.wanted.is_empty() || join.wanted.len() > command::WaitlistJoin::WANTED_MAX {
            let reason = said!(
                "an entry names 1 to {most} sessions or slots",
                "一次候补须写 1 至 {most} 个班次或时段",
                most = command::WaitlistJoin::WANTED_MAX
            );
            return Err(Malformed::field("wanted", reason).into());
        }
        let mut wanted = Vec::with_capacity(join.wanted.len());
        let (mut slots, mut blocks) = (Vec::new(), Vec::new());
        for want in &join.wanted {
            let view = self.session(&want.session)?;
            let slot = want.slot.map(|slot| self.platform.slot(&want.session, slot)).transpose()?;
            wanted.push(Wanted { session: view.id, slot: slot.map(|slot| slot.slot) });
            slots.extend(slot.map_or_else(|| Self::slots(&view).collect(), |slot| vec![slot]));
        }
        slots.sort_unstable();
        slots.dedup();
        blocks.extend(slots.iter().map(|slot| self.block_of(*slot)));
        blocks.dedup();
        // What has run out no longer counts.
        for block in &blocks {
            self.expire(*block);
        }
        self.may_join(join, &wanted, &slots)?;

        // From here it must succeed.
        let entry = self.day.last_entry + 1;
        self.tell(&Event::Joined {
            entry,
            patient: join.patient,
            class: join.class,
            channel: join.channel,
            ticket: join.ticket,
            wanted,
            blocks: blocks.clone(),
            at: self.at,
        });
        for block in &blocks {
            self.show_waiting(*block);
        }
        // Whatever came free before the flag was there is offered here; what comes free later, by whoever frees it.
        for block in blocks {
            self.serve(block);
        }
        Ok(Answer::Done(Done::WaitlistJoin(self.told(entry))))
    }

    /// Whether the rules let somebody join.
    fn may_join(
        &self,
        join: &command::WaitlistJoin,
        wanted: &[Wanted],
        slots: &[SlotRef],
    ) -> Result<(), Stop> {
        for want in wanted {
            let rules = self.rules(want.session);
            let view = self.engine.session(want.session).ok_or(refused(Code::UnknownSession))?;
            let list = rules.waitlist.as_ref().ok_or(refused(Code::WaitlistClosed))?;
            if self.at >= list.cleared_at(view.time.from.day().midnight()) {
                return Err(refused(Code::WaitlistClosed));
            }
            if self.day.extra_of.contains_key(&want.session) {
                return Err(refused(Code::NotAdmitted));
            }
        }
        if self.day.blocked.contains(&Text(join.patient)) {
            return Err(refused(Code::IdentityMerged));
        }
        let mine =
            || self.day.entries.values().filter(|entry| self.day.person(entry.patient) == join.patient);
        if mine()
            .any(|entry| entry.wanted.iter().any(|old| wanted.iter().any(|new| new.session == old.session)))
        {
            return Err(refused(Code::AlreadyWaiting));
        }
        for want in wanted {
            let rules = self.rules(want.session);
            let Some(list) = &rules.waitlist else { continue };
            let here = |entry: &&Entry| entry.wanted.iter().any(|other| other.session == want.session);
            let limited =
                |code, most: u32| Stop::Refusal(Refusal::plain(code).by(Binding::Limit(most)), None);
            if self.day.entries.values().filter(here).count() >= usize::from(list.per_session) {
                return Err(limited(Code::WaitlistFull, u32::from(list.per_session)));
            }
            if mine().count() >= usize::from(list.per_patient) {
                return Err(limited(Code::WaitlistLimit, u32::from(list.per_patient)));
            }
        }
        let (mut possible, mut never) = (false, None);
        for slot in slots {
            let availability = self.availability(*slot, join.class, join.channel);
            let refusal = availability.map_err(|refusal| Stop::Refusal(refusal, Some(*slot)))?.refusal;
            let rules = self.rules(slot.session);
            let only_when_full = rules.waitlist.as_ref().is_some_and(|list| list.only_when_full);
            match refusal.map(|refusal| refusal.code) {
                None if only_when_full => {
                    return Err(Stop::Refusal(Refusal::plain(Code::NotFull), Some(*slot)));
                }
                Some(Code::NotOpen) if only_when_full => never = never.or(refusal.zip(Some(*slot))),
                // Nothing will ever come free for this class here.
                Some(Code::Stopped | Code::NotAdmitted | Code::Closed) => {
                    never = never.or(refusal.zip(Some(*slot)));
                }
                _ => possible = true,
            }
        }
        match never {
            Some((refusal, slot)) if !possible => Err(Stop::Refusal(refusal, Some(slot))),
            _ => Ok(()),
        }
    }

    pub(crate) fn waitlist_leave(&mut self, leave: &command::WaitlistEntry) -> Decided {
        let entry = self.own_entry(leave)?;
        if let Some(offer) = entry.offer {
            self.give_back(offer.booking);
        }
        self.close(leave.entry, Departure::Left);
        self.serve_all(&entry.blocks);
        Ok(Answer::Done(Done::WaitlistLeave { entry: leave.entry }))
    }

    pub(crate) fn waitlist_decline(&mut self, decline: &command::WaitlistEntry) -> Decided {
        let entry = self.own_entry(decline)?;
        let offer = entry.offer.ok_or(refused(Code::NoOffer))?;
        let block = self.block_of(offer.slot);
        self.settle_offer(decline.entry);
        let still = self.day.entries.get(&decline.entry).and_then(|entry| entry.offer);
        if still != Some(offer) {
            // It has run out or was confirmed meanwhile.
            self.serve(block);
            return Err(refused(Code::NoOffer));
        }
        self.give_back(offer.booking);
        self.pass_over(decline.entry, false);
        self.serve(block);
        let entry = self.day.entries.contains_key(&decline.entry).then(|| self.told(decline.entry));
        Ok(Answer::Done(Done::WaitlistDecline { dropped: entry.is_none(), entry }))
    }

    fn own_entry(&self, own: &command::WaitlistEntry) -> Result<Entry, Stop> {
        let person = self.day.person(own.patient);
        let entry = self.day.entries.get(&own.entry).filter(|entry| self.day.person(entry.patient) == person);
        entry.cloned().ok_or(refused(Code::UnknownEntry))
    }

    pub(crate) fn waitlist(&mut self, ask: &command::Waitlist) -> Decided {
        let view = self.session(&ask.session)?;
        let mut turns: Vec<(Turn, u32)> = (self.day.entries.iter())
            .filter(|(_, entry)| entry.wanted.iter().any(|wanted| wanted.session == view.id))
            .map(|(id, entry)| (self.turn(view.id, *id, entry), *id))
            .collect();
        turns.sort_unstable();
        let entries = turns.into_iter().map(|(_, id)| self.told(id)).collect();
        Ok(Answer::Done(Done::Waitlist { entries }))
    }

    /// An entry as it is told.
    fn told(&self, id: u32) -> answer::Waiting {
        let entry = self.day.entries.get(&id);
        let offer = entry.and_then(|entry| entry.offer);
        answer::Waiting {
            entry: id,
            patient: entry.map(|entry| self.day.person(entry.patient)),
            class: entry.map(|entry| entry.class),
            joined: entry.map(|entry| entry.joined),
            offer: offer.map(|offer| answer::Offered {
                booking: offer.booking,
                session: self.platform.session_code(offer.slot.session),
                slot: offer.slot.slot.get(),
                expires: offer.expires,
            }),
            passes: entry.map_or(0, |entry| entry.passes),
            skipped: entry.and_then(|entry| entry.skipped).and_then(Code::from_number),
        }
    }

    // ---- serving --------------------------------------------------------------------------------------------------

    fn turn(&self, session: haoyuan_core::ids::SessionId, id: u32, entry: &Entry) -> Turn {
        let rules = self.rules(session);
        let list = rules.waitlist.as_ref();
        list.map_or_else(
            || haoyuan_core::day::WaitlistRules::BY_ENTRY.turn(entry.class, entry.joined, id, self.at),
            |list| list.turn(entry.class, entry.joined, id, self.at),
        )
    }

    /// Offers what is free in a block to those who wait for it, until nobody is left who could have it. Gives back the last
    /// transition of the block that this was seen at.
    pub(crate) fn serve(&mut self, block: SlotRef) -> Sequence {
        self.expire(block);
        loop {
            let seen = self.engine.sequence(block).unwrap_or_default();
            let live = self.live_of(block);
            let mut turns: Vec<(Turn, u32)> = (self.day.entries_of(block).into_iter())
                .filter_map(|id| {
                    let entry = self.day.entries.get(&id)?;
                    let eligible = entry.offer.is_none() && entry.sits_out != Some((block, live));
                    eligible.then(|| (self.turn(block.session, id, entry), id))
                })
                .collect();
            turns.sort_unstable();
            for (_, id) in turns {
                self.offer(block, id);
            }
            if self.engine.sequence(block).unwrap_or_default() == seen {
                self.retake(block);
                return seen;
            }
        }
    }

    fn serve_all(&mut self, blocks: &[SlotRef]) {
        for block in blocks {
            self.serve(*block);
        }
    }

    /// Somebody got a seat of the block: nobody sits out there any more.
    fn over(&mut self, block: SlotRef) {
        let sits_out = |id: &u32| {
            let entry = self.day.entries.get(id);
            entry.and_then(|entry| entry.sits_out).is_some_and(|(other, _)| other == block)
        };
        if self.day.entries_of(block).iter().any(sits_out) {
            self.tell(&Event::Over { block, at: self.at });
        }
    }

    /// The live seats of a block at this instant, holds that are dead not counted.
    fn live_of(&self, block: SlotRef) -> u8 {
        let seen = self.engine.availability(block, Class::Public, Channel::App, self.at);
        seen.map_or(0, |seen| seen.live)
    }

    /// Offers a seat of the block to an entry, if there is one that it can have.
    fn offer(&mut self, block: SlotRef, id: u32) {
        let Some(entry) = self.day.entries.get(&id).cloned() else { return };
        let Some(view) = self.engine.session(block.session) else { return };
        let rules = self.rules(block.session);
        let origin = view.time.from.day().midnight();
        let until = rules.waitlist.as_ref().and_then(|list| list.offer_until(origin, self.at));
        let Some(expires) = until else { return };
        let wants = |slot: &SlotRef| {
            let same =
                |want: &Wanted| want.session == slot.session && want.slot.is_none_or(|s| s == slot.slot);
            entry.wanted.iter().any(same)
        };
        let here = if view.whole { Self::slots(&view).collect() } else { vec![block] };
        // Under the key that books, if the one that joined was given up since.
        let patient = self.day.person(entry.patient);
        let mut skipped = None;
        for slot in here.into_iter().filter(wants) {
            let free = self.engine.availability(slot, entry.class, entry.channel, self.at);
            // Somebody waits, so a block that would say yes says this.
            let feasible =
                free.is_ok_and(|free| free.refusal.is_none_or(|refusal| refusal.code == Code::Waitlisted));
            let asks = Asks {
                patient: Some(patient),
                class: entry.class,
                channel: entry.channel,
                waits_since: Some(entry.joined),
            };
            if !feasible || self.keeps_back(slot, &asks).is_some() {
                continue;
            }
            let wish = Wish {
                patient,
                slot,
                class: entry.class,
                channel: entry.channel,
                ticket: entry.ticket,
                key: None,
            };
            match self.engine.offer(&wish, expires, self.at) {
                Ok(Grant { booking, .. }) => {
                    let at = self.at;
                    self.together(|desk| {
                        desk.tell(&Event::Offered { entry: id, patient, booking, slot, expires, at });
                        let notice = desk.notice(News::Offer, patient, slot);
                        let (booking, entry, until) = (Some(booking), Some(id), Some(expires));
                        desk.tell_notice(super::Notice { booking, entry, until, ..notice });
                        desk.over(block);
                    });
                    return;
                }
                Err(refusal) => skipped = Some(refusal.code),
            }
        }
        // Not blocked by somebody who cannot have it, but said, once for each reason.
        let Some(code) = skipped.filter(|code| entry.skipped != Some(code.number())) else { return };
        let (code, at) = (code.number(), self.at);
        self.tell(&Event::Skipped { entry: id, patient, code, at });
    }

    /// Settles the offers of a block that were confirmed or are over, and closes the entries whose time is over.
    pub(crate) fn expire(&mut self, block: SlotRef) {
        let Some(view) = self.engine.session(block.session) else { return };
        let cleared = self
            .rules(block.session)
            .waitlist
            .as_ref()
            .is_none_or(|list| self.at >= list.cleared_at(view.time.from.day().midnight()));
        for id in self.day.entries_of(block) {
            self.settle_offer(id);
            if cleared {
                self.narrow(id, block.session, Departure::Cleared);
            }
        }
    }

    /// Takes the blocks of a session out of an entry, and closes it if nothing is left.
    pub(crate) fn narrow(&mut self, id: u32, session: haoyuan_core::ids::SessionId, why: Departure) {
        let Some(entry) = self.day.entries.get(&id).cloned() else { return };
        let (gone, left): (Vec<_>, Vec<_>) = entry.blocks.iter().partition(|block| block.session == session);
        self.narrow_to(id, &entry, gone, left.is_empty(), why);
    }

    pub(crate) fn narrow_to(
        &mut self,
        id: u32,
        entry: &Entry,
        gone: Vec<SlotRef>,
        closes: bool,
        why: Departure,
    ) {
        if gone.is_empty() {
            return;
        }
        if closes {
            self.close_and_tell(id, gone[0], why);
            return;
        }
        let (patient, at) = (entry.patient, self.at);
        self.tell(&Event::Narrowed { entry: id, patient, blocks: gone.clone(), at });
        for block in gone {
            self.show_waiting(block);
        }
    }

    /// Writes down that an offer was taken, or that its time is over, if that is so.
    fn settle_offer(&mut self, id: u32) {
        let Some(offer) = self.day.entries.get(&id).and_then(|entry| entry.offer) else { return };
        match self.standing(offer.slot, offer.booking) {
            Some(Standing::Booked) => self.close(id, Departure::Taken),
            Some(Standing::HeldUntil(_)) => {}
            None => self.pass_over(id, self.at >= offer.expires),
        }
    }

    /// How a booking stands, if it is live.
    pub(crate) fn standing(&self, slot: SlotRef, booking: BookingId) -> Option<Standing> {
        self.occupied(slot, booking).map(|occupied| occupied.standing)
    }

    /// A booking, if it is live.
    pub(crate) fn occupied(&self, slot: SlotRef, booking: BookingId) -> Option<Occupied> {
        let occupants = self.engine.occupants(slot, self.at).unwrap_or_default();
        occupants.into_iter().find(|occupied| occupied.booking == booking)
    }

    /// An offer was not taken: the entry keeps its place this once.
    fn pass_over(&mut self, id: u32, lapsed: bool) {
        let Some(entry) = self.day.entries.get(&id).cloned() else { return };
        let Some(offer) = entry.offer else { return };
        let block = self.block_of(offer.slot);
        let (patient, live, at) = (entry.patient, self.live_of(block), self.at);
        self.together(|desk| {
            desk.tell(&Event::Passed { entry: id, patient, block, live, lapsed, at });
            if lapsed {
                let notice = desk.notice(News::OfferLapsed, patient, offer.slot);
                desk.tell_notice(super::Notice { booking: Some(offer.booking), entry: Some(id), ..notice });
            }
            if entry.passes >= 1 {
                desk.close_and_tell(id, offer.slot, Departure::Dropped);
            }
        });
    }

    /// Closes an entry for a reason that the patient has to be told.
    fn close_and_tell(&mut self, id: u32, slot: SlotRef, why: Departure) {
        let Some(entry) = self.day.entries.get(&id) else { return };
        let patient = self.day.person(entry.patient);
        let notice = self.notice(News::WaitlistClosed, patient, slot);
        self.close_as(id, why, Some(super::Notice { entry: Some(id), ..notice }));
    }

    fn close(&mut self, id: u32, why: Departure) {
        self.close_as(id, why, None);
    }

    fn close_as(&mut self, id: u32, why: Departure, notice: Option<super::Notice>) {
        let Some(entry) = self.day.entries.get(&id).cloned() else { return };
        self.tell(&Event::Closed { entry: id, patient: entry.patient, why, notice, at: self.at });
        for block in entry.blocks {
            self.show_waiting(block);
        }
    }

    /// Takes a hold back; it may be over already.
    fn give_back(&mut self, booking: BookingId) {
        // `UNKNOWN_BOOKING` and `HOLD_EXPIRED` say that there is nothing to take back.
        let _ = self.engine.withdraw(booking, self.at);
    }

    /// Sets the flag of a block as the day has it: somebody waits, or a returned seat is kept back. A session of extra seats
    /// always waits: nobody books it directly.
    pub(crate) fn show_waiting(&self, block: SlotRef) {
        let waits = self.day.by_block.contains_key(&block)
            || self.day.returned.contains_key(&block)
            || self.day.extra_of.contains_key(&block.session);
        // The block was there when it was entered.
        let _ = self.engine.set_waiting(block, waits);
    }

    /// What happened in a block may concern those who wait for it: an offer was confirmed or given back, a seat came free.
    pub(crate) fn follow(&mut self, slot: SlotRef) {
        let block = self.block_of(slot);
        self.serve(block);
    }

    /// Everything that is due at this instant, in all blocks that somebody waits for or that keep a seat back.
    pub(crate) fn tick(&mut self) {
        let mut blocks: Vec<SlotRef> =
            self.day.by_block.keys().chain(self.day.returned.keys()).copied().collect();
        blocks.sort_unstable();
        blocks.dedup();
        for block in blocks {
            self.serve(block);
        }
    }

    /// A claim of a block that somebody waits for: those who wait come first, and a returned seat is kept back.
    pub(crate) fn claim(&mut self, wish: &Wish, book: bool) -> Result<Grant, Refusal> {
        if self.day.extra_of.contains_key(&wish.slot.session) {
            return self.engine.refuse(wish, book, Refusal::plain(Code::NotAdmitted), self.at);
        }
        let asks =
            Asks { patient: Some(wish.patient), class: wish.class, channel: wish.channel, waits_since: None };
        let block = self.block_of(wish.slot);
        loop {
            let seen = self.serve(block);
            // If more has come free since, what follows is refused and asked again.
            if let Some(refusal) = self.keeps_back(wish.slot, &asks) {
                return self.engine.refuse(wish, book, refusal, self.at);
            }
            let claimed = if book {
                self.engine.book_served(wish, seen, self.at)
            } else {
                self.engine.hold_served(wish, seen, self.at)
            };
            match claimed {
                // Something came free, or was taken, since those who wait were served.
                Err(refusal) if refusal.code == Code::Waitlisted => {}
                Ok(grant) => {
                    // Whoever sat out because of this seat may have another.
                    self.over(block);
                    self.serve(block);
                    return Ok(grant);
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }
}

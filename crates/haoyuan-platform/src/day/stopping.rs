//! What the hospital does to a clinic that is sold: stop (停诊), move (改诊), substitute (替诊), and place the displaced.
//!
//! INVARIANT (nobody lost, nobody doubled): every displaced booking has one record with one fate: open, moved, offered, or a
//! ticket; it is written down before the seat goes back, and a fate is never changed but from open or from an offer that was
//! not taken.
//! INVARIANT (no fault of theirs): what the hospital takes back counts for no limit, no penalty and no ladder.
//!
//! A stop is one command. Flags come first, so that nothing is booked any more; then everybody who is there is taken out.
//! Repeating it finds the same stop and does what is left of it, usually nothing; so does the next `tick`. Placing more than one of
//! the displaced is announced before, a move with its stop, and so is how many usable seats a block is to have once one of its seats
//! is stopped, or no longer: what a crash cuts short is done before anything else is decided, as if the command were given then.

use super::event::Event;
use super::extra::with_usable;
use super::state::{Departure, Displaced, Fate, News, Placing, Scope};
use super::{Desk, refused, staff};
use crate::actor;
use crate::answer::{Answer, Done, Placed, Rebooked};
use crate::command::day::{self as command, Half};
use crate::malformed::Malformed;
use crate::platform::{Decided, Lookup, Stop};
use crate::text::Text;
use haoyuan_core::displaced::{self, Clinic, Nearness};
use haoyuan_core::ids::{BookingId, NodeIndex, SeatIndex, SessionId, SlotRef, TicketId};
use haoyuan_core::instant::{HOUR, Instant};
use haoyuan_core::refusal::{Binding, Code, Refusal};
use haoyuan_core::request::{Standing, Ticket, Wish};
use haoyuan_core::said;
use haoyuan_engine::{Occupied, SessionView, Trace};

/// What a scope means: the slots in question, and the sessions that are in it as a whole.
struct Reach {
    scope: Scope,
    slots: Vec<SlotRef>,
    sessions: Vec<SessionId>,
}

impl<T: Trace> Desk<'_, T> {
    pub(crate) fn stop(&mut self, stop: &command::Stop) -> Decided {
        let cause = staff(true)?;
        let reach = self.reach(&stop.scope)?;
        let (number, changed) = self.stop_reach(&reach, None, cause)?;
        let stopped = &self.day.stops[&number];
        Ok(Answer::Done(Done::Stop {
            stop: number,
            displaced: stopped.displaced,
            voided: stopped.voided,
            cleared: stopped.cleared,
            changed,
        }))
    }

    /// Carries a stop out, or what is left of it; its number, and whether anything was left. If it is a move, where to.
    fn stop_reach(
        &mut self,
        reach: &Reach,
        into: Option<SessionId>,
        cause: super::Cause,
    ) -> Result<(u32, bool), Stop> {
        // The same scope with a session that was published since is another stop, so that the record has everything stopped.
        let is_same = |stop: &super::state::Stop| {
            let covers = reach.sessions.iter().all(|session| stop.sessions.contains(session));
            stop.scope == reach.scope && !stop.resumed && covers
        };
        let known = self.day.stops.iter().rev().find(|(_, stop)| is_same(stop));
        let before = self.day.number;
        let (number, slots) = if let Some((number, stop)) = known {
            (*number, stop.slots.clone())
        } else {
            let usable = self.usable_without(reach)?;
            let stop = self.day.last_stop + 1;
            let (scope, slots, sessions) = (reach.scope, reach.slots.clone(), reach.sessions.clone());
            let at = self.at;
            self.together(|desk| {
                if let Some(into) = into {
                    let into = vec![into];
                    desk.tell(&Event::Placing(Placing { stop, into, tickets: false, cause, at }));
                }
                desk.tell(&Event::Stopped { stop, scope, slots, sessions, usable, cause, at });
            });
            (stop, reach.slots.clone())
        };
        // Until it is done: whatever ends it early, the next tick does the rest.
        let unfinished = std::mem::replace(&mut self.day.unfinished, true);
        // From the moment that the flags are there, nothing is booked any more; then nobody can be missed.
        if reach.scope.stops_blocks() {
            for slot in &slots {
                self.engine
                    .set_stopped(*slot, true)
                    .map_err(|refusal| Stop::Refusal(refusal, Some(*slot)))?;
            }
            self.stop_waiting(number, &slots);
        }
        self.take_out(number, &slots);
        match reach.scope {
            Scope::Seat(..) => self.have_usable(number, cause)?,
            // The seat goes to whoever waits for it.
            Scope::Booking(_) => slots.iter().for_each(|slot| self.follow(*slot)),
            _ => {}
        }
        self.day.unfinished = unfinished;
        Ok((number, self.day.number != before))
    }

    /// How many usable seats a block is to have once the seat of a stop is closed. Asked before anything is written down: the others
    /// must fit. The block is stopped from here until it is closed, so that what was asked stays so.
    fn usable_without(&self, reach: &Reach) -> Result<Option<u8>, Stop> {
        let Scope::Seat(block, seat) = reach.scope else { return Ok(None) };
        self.engine.set_stopped(block, true).map_err(|refusal| Stop::Refusal(refusal, Some(block)))?;
        let occupants: Vec<Occupied> = (reach.slots.iter())
            .flat_map(|slot| self.engine.occupants(*slot, self.at).unwrap_or_default())
            .collect();
        // Who is with the doctor, or was, stays.
        let goes = |occupied: &&Occupied| occupied.booking.seat() == seat && !self.is_over(occupied.booking);
        let stays = occupants.len() - occupants.iter().filter(goes).count();
        let usable = (self.engine.tree(block))
            .and_then(|tree| with_usable(tree, tree.capacity().checked_sub(1)?))
            .map(|tree| tree.capacity())
            .filter(|usable| stays <= usize::from(*usable));
        if usable.is_none() {
            self.show_stopped(block);
            let live = u32::try_from(occupants.len()).unwrap_or(u32::MAX);
            let refusal = Refusal::plain(Code::BelowLive).by(Binding::Limit(live));
            return Err(Stop::Refusal(refusal, Some(block)));
        }
        Ok(usable)
    }

    /// Gives a block the usable seats that the stop of a seat, or its end, has announced; what is done already is only written down.
    fn have_usable(&mut self, number: u32, cause: super::Cause) -> Result<(), Stop> {
        let Some(stop) = self.day.stops.get(&number) else { return Ok(()) };
        let (Scope::Seat(block, _), Some(usable)) = (stop.scope, stop.usable) else { return Ok(()) };
        let by = if stop.resumed { 1 } else { -1 };
        let tree = self.engine.tree(block).ok_or(refused(Code::UnknownSlot))?;
        if tree.capacity() != usable {
            let other = with_usable(tree, usable).ok_or(refused(Code::BelowLive))?;
            let resized = self.engine.resize(block, &other, self.at);
            resized.map_err(|refusal| Stop::Refusal(refusal, Some(block)))?;
        }
        self.tell(&Event::Resized { session: block.session, by, stop: Some(number), cause, at: self.at });
        self.show_stopped(block);
        Ok(())
    }

    /// Takes everybody back whom a stop is about.
    fn take_out(&mut self, stop: u32, slots: &[SlotRef]) {
        for slot in slots {
            for occupied in self.engine.occupants(*slot, self.at).unwrap_or_default() {
                if self.is_stopped(stop, &occupied) {
                    self.displace(stop, *slot, &occupied);
                }
            }
        }
    }

    /// Whether a stop is about a live booking.
    fn is_stopped(&self, stop: u32, occupied: &Occupied) -> bool {
        let Some(stop) = self.day.stops.get(&stop) else { return false };
        match stop.scope {
            Scope::Booking(one) => occupied.booking == one,
            // Once it is closed it is one fewer of the slot, and its place is anybody's again: whoever is there since is not meant.
            Scope::Seat(_, seat) => {
                let is_taken_out = self.day.displaced.contains_key(&Text(occupied.booking));
                occupied.booking.seat() == seat && (is_taken_out || stop.usable.is_some())
            }
            Scope::Slot(_) | Scope::Session(_) | Scope::Day { .. } => true,
        }
    }

    /// Completes stops that a crash had cut short: whoever is still there is taken out, whoever was not told is told, and who
    /// waited waits no longer. A command leaves nothing of its stop undone, so that only after a restart anything is looked at;
    /// how many stops.
    pub(crate) fn complete_stops(&mut self) -> usize {
        if !std::mem::take(&mut self.day.unfinished) {
            return 0;
        }
        let open: Vec<(u32, super::state::Stop)> = (self.day.stops.iter())
            .filter(|(_, stop)| !stop.resumed || stop.usable.is_some())
            .map(|(number, stop)| (*number, stop.clone()))
            .collect();
        let looked = open.len();
        for (number, stop) in open {
            let mut slots = stop.slots;
            // What is over is over.
            slots.retain(|slot| self.engine.session(slot.session).is_some_and(|view| self.at < view.time.to));
            if !stop.resumed {
                self.take_out(number, &slots);
            }
            if stop.scope.stops_blocks() {
                self.stop_waiting(number, &slots);
            }
            // If there is no room for it now, the next tick tries again.
            self.day.unfinished |= !slots.is_empty() && self.have_usable(number, stop.cause).is_err();
            if stop.resumed {
                for slot in slots {
                    self.follow(slot);
                }
            }
        }
        let untold: Vec<(BookingId, Displaced)> = (self.day.displaced.iter())
            .filter(|(_, lost)| !lost.told)
            .map(|(booking, lost)| (booking.0, *lost))
            .collect();
        for (booking, lost) in untold {
            if self.standing(lost.slot, booking).is_some() {
                continue;
            }
            let occupied = Occupied {
                booking,
                patient: lost.patient,
                class: lost.class,
                channel: lost.channel,
                node: NodeIndex::ROOT,
                standing: Standing::Booked,
                granted_at: Some(lost.booked_at),
            };
            self.together(|desk| {
                if !desk.is_over(booking) {
                    desk.visit_stopped(lost.slot, &occupied);
                }
                let notice = desk.notice(News::Stopped, lost.patient, lost.slot);
                desk.tell_notice(super::Notice { booking: Some(booking), ..notice });
            });
        }
        looked
    }

    /// Takes one booking or hold back.
    fn displace(&mut self, stop: u32, slot: SlotRef, occupied: &Occupied) {
        if self.is_over(occupied.booking) {
            // The patient is with the doctor, or was.
            return;
        }
        let Occupied { booking, patient, class, channel, .. } = *occupied;
        let at = self.at;
        let booked_at = self.booked_at(occupied);
        match occupied.standing {
            Standing::Booked => {
                self.accepted(slot, occupied);
                if !self.day.displaced.contains_key(&Text(booking)) {
                    self.tell(&Event::Displaced {
                        stop,
                        patient,
                        booking,
                        slot,
                        class,
                        channel,
                        booked_at,
                        at,
                    });
                }
                if self.engine.withdraw(booking, at).is_err() {
                    // The patient has given it back meanwhile, or an earlier attempt of this command did.
                    self.tell(&Event::Undisplaced { stop, patient, booking, at });
                    return;
                }
                self.together(|desk| {
                    desk.visit_stopped(slot, occupied);
                    let notice = desk.notice(News::Stopped, patient, slot);
                    desk.tell_notice(super::Notice { booking: Some(booking), ..notice });
                });
            }
            Standing::HeldUntil(_) => {
                let leaving = self.leaving(slot, occupied, Some(stop));
                self.tell(&Event::Leaving(leaving));
                match self.engine.withdraw(booking, at) {
                    // It was confirmed meanwhile.
                    Ok(withdrawn) if withdrawn.standing == Standing::Booked => self.together(|desk| {
                        desk.accepted(slot, occupied);
                        desk.tell(&Event::Displaced {
                            stop,
                            patient,
                            booking,
                            slot,
                            class,
                            channel,
                            booked_at,
                            at,
                        });
                        desk.visit_stopped(slot, occupied);
                        let notice = desk.notice(News::Stopped, patient, slot);
                        desk.tell_notice(super::Notice { booking: Some(booking), ..notice });
                        desk.stays();
                    }),
                    Ok(_) => self.left(&leaving),
                    Err(_) => self.stays(),
                }
            }
        }
    }

    /// When a seat was granted; of one that began as an offer the day knows it.
    pub(crate) fn booked_at(&self, occupied: &Occupied) -> Instant {
        let known = self.day.granted.get(&Text(occupied.booking)).copied();
        let offered = || {
            let offers = self.day.entries.values().filter_map(|entry| entry.offer);
            offers.into_iter().find(|offer| offer.booking == occupied.booking).map(|offer| offer.at)
        };
        known.or(occupied.granted_at).or_else(offered).unwrap_or(self.at)
    }

    /// Nobody waits any more for what is stopped.
    fn stop_waiting(&mut self, stop: u32, slots: &[SlotRef]) {
        let mut blocks: Vec<SlotRef> = slots.iter().map(|slot| self.block_of(*slot)).collect();
        blocks.dedup();
        let mut ids: Vec<u32> = blocks.iter().flat_map(|block| self.day.entries_of(*block)).collect();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            let Some(entry) = self.day.entries.get(&id).cloned() else { continue };
            let (gone, left): (Vec<_>, Vec<_>) = entry.blocks.iter().partition(|b| blocks.contains(b));
            self.narrow_to(id, &entry, gone, left.is_empty(), Departure::Stopped(stop));
        }
    }

    pub(crate) fn resume(&mut self, resume: &command::Resume) -> Decided {
        let cause = staff(true)?;
        let stop = self.day.stops.get(&resume.stop).ok_or(refused(Code::UnknownStop))?.clone();
        if !stop.resumed {
            // A seat that was closed is one of the slot again, if it is not by another command.
            let usable = match stop.scope {
                Scope::Seat(block, _) if stop.usable.is_none() => self.engine.tree(block),
                _ => None,
            };
            let usable = usable.map(|tree| (tree.capacity() + 1).min(tree.seats()));
            self.tell(&Event::Resumed { stop: resume.stop, usable, cause, at: self.at });
            let unfinished = std::mem::replace(&mut self.day.unfinished, true);
            self.have_usable(resume.stop, cause)?;
            self.day.unfinished = unfinished;
            for slot in stop.slots {
                self.show_stopped(slot);
                self.follow(slot);
            }
        }
        Ok(Answer::Done(Done::Resume { stop: resume.stop, changed: !stop.resumed }))
    }

    /// Sets the flag of a slot's block as the day has it.
    pub(crate) fn show_stopped(&self, slot: SlotRef) {
        // A seat is closed, or opened again, while nobody books.
        let is_stopped = |stop: &super::state::Stop| {
            let is_whole = !stop.resumed && stop.scope.stops_blocks();
            (is_whole || stop.usable.is_some()) && stop.slots.contains(&slot)
        };
        let stopped = self.day.stops.values().any(is_stopped);
        // The slot was there when it was stopped.
        let _ = self.engine.set_stopped(slot, stopped);
    }

    // ---- the displaced --------------------------------------------------------------------------------------------

    pub(crate) fn rebook(&mut self, rebook: &command::Rebook) -> Decided {
        let cause = staff(false)?;
        let into = rebook.into.iter().map(|code| self.session(code)).collect::<Result<Vec<_>, _>>()?;
        let rebooked = self.place(rebook.stop, &into, rebook.tickets, cause)?;
        Ok(Answer::Done(Done::Rebook(rebooked)))
    }

    /// Places those whom a stop displaced, one after the other.
    fn place(
        &mut self,
        stop: u32,
        into: &[SessionView],
        tickets: bool,
        cause: super::Cause,
    ) -> Result<Rebooked, Stop> {
        if !self.day.stops.contains_key(&stop) {
            return Err(refused(Code::UnknownStop));
        }
        self.settle_proposals(stop);
        let mut open: Vec<(BookingId, Displaced)> = (self.day.displaced.iter())
            .filter(|(_, displaced)| displaced.stop == stop && displaced.fate == Fate::Open)
            .map(|(booking, displaced)| (booking.0, *displaced))
            .collect();
        open.sort_unstable_by_key(|(booking, lost)| displaced::turn(lost.class, lost.booked_at, *booking));
        // One alone is placed by one record.
        if open.len() > 1 && self.day.placing.is_none() {
            let into = into.iter().map(|view| view.id).collect();
            self.tell(&Event::Placing(Placing { stop, into, tickets, cause, at: self.at }));
        }
        let mut placed = Vec::new();
        for (booking, lost) in open {
            if !self.place_one(booking, &lost, into) && tickets {
                self.give_ticket(booking, &lost);
            }
            let fate = self.day.displaced.get(&Text(booking)).map_or(Fate::Open, |lost| lost.fate);
            let patient = self.day.person(lost.patient);
            placed.push(Placed::new(booking, patient, fate, |booking| self.where_is(booking)));
        }
        self.placed();
        let fates = || self.day.displaced.values().filter(|lost| lost.stop == stop).map(|lost| lost.fate);
        let count = |is: fn(&Fate) -> bool| u32::try_from(fates().filter(is).count()).unwrap_or(u32::MAX);
        Ok(Rebooked {
            stop,
            moved: count(|fate| matches!(fate, Fate::Moved(_))),
            offered: count(|fate| matches!(fate, Fate::Offered(..))),
            tickets: count(|fate| matches!(fate, Fate::Ticket(..))),
            unplaced: count(|fate| matches!(fate, Fate::Open)),
            placed,
        })
    }

    /// Nobody is about to be placed any more.
    fn placed(&mut self) {
        if let Some(Placing { stop, .. }) = self.day.placing {
            self.tell(&Event::Placed { stop, at: self.at });
        }
    }

    /// Places the others whom a command that a crash cut short was to place, after what is left of their stop.
    pub(crate) fn complete_placing(&mut self) {
        let Some(Placing { stop, into, tickets, cause, .. }) = self.day.placing.clone() else { return };
        let into: Vec<SessionView> = into.into_iter().filter_map(|id| self.engine.session(id)).collect();
        actor::by(&cause.0, || {
            self.complete_stops();
            // The stop is there: it was written down before, or with this.
            let _ = self.place(stop, &into, tickets, cause);
        });
    }

    fn where_is(&self, booking: BookingId) -> Option<(std::sync::Arc<str>, u16)> {
        let slot = self.engine.slot_of(booking)?;
        Some((self.platform.session_code(slot.session), slot.slot.get()))
    }

    /// Offers that were answered or ran out: taken ones are moves, the others are open again.
    fn settle_proposals(&mut self, stop: u32) {
        let offered: Vec<(BookingId, Displaced)> = (self.day.displaced.iter())
            .filter(|(_, lost)| lost.stop == stop && matches!(lost.fate, Fate::Offered(..)))
            .map(|(booking, lost)| (booking.0, *lost))
            .collect();
        for (from, lost) in offered {
            let Fate::Offered(to, _) = lost.fate else { continue };
            let Some(slot) = self.engine.slot_of(to) else { continue };
            let at = self.at;
            match self.occupied(slot, to) {
                Some(Occupied { standing: Standing::Booked, patient, .. }) => {
                    self.tell(&Event::Moved { patient, from, to, slot, at });
                }
                Some(_) => {}
                None => self.tell(&Event::Reopened { patient: self.day.person(lost.patient), from, at }),
            }
        }
    }

    /// A booking is about to be lost again. If it was offered to a displaced patient, who said yes to it, that is written down
    /// first: a fate is not opened by what happens to the new booking.
    pub(crate) fn accepted(&mut self, slot: SlotRef, occupied: &Occupied) {
        let Occupied { booking: to, patient, .. } = *occupied;
        let Some(from) = self.day.proposed.get(&to).copied() else { return };
        self.tell(&Event::Moved { patient, from, to, slot, at: self.at });
    }

    /// Finds one displaced patient the best free seat.
    fn place_one(&mut self, from: BookingId, lost: &Displaced, into: &[SessionView]) -> bool {
        let Some(view) = self.engine.session(lost.slot.session) else { return false };
        let clinic = clinic(&view);
        let lost_time = Self::time(&view, lost.slot.slot);
        let mut near: Vec<(Nearness, usize)> = (into.iter().enumerate())
            .filter_map(|(place, to)| Some((displaced::nearness(&clinic, &self::clinic(to))?, place)))
            .collect();
        near.sort_unstable();
        for (nearness, place) in near {
            let to = &into[place];
            let mut slots: Vec<SlotRef> = Self::slots(to).collect();
            // The time of day nearest to the one that was lost; of two the earlier.
            let clock = |at: Instant| at.ms() - at.day().midnight().ms();
            slots.sort_by_key(|slot| {
                let from = Self::time(to, slot.slot).from;
                ((clock(from) - clock(lost_time.from)).abs(), from)
            });
            for slot in slots {
                if self.place_in(from, lost, to, slot, nearness) {
                    return true;
                }
            }
        }
        false
    }

    fn place_in(
        &mut self,
        from: BookingId,
        lost: &Displaced,
        view: &SessionView,
        slot: SlotRef,
        nearness: Nearness,
    ) -> bool {
        let at = self.at;
        let starts = Self::time(view, slot.slot).from;
        if starts <= at {
            return false;
        }
        let free = self.engine.availability(slot, lost.class, lost.channel, at);
        let feasible =
            free.is_ok_and(|free| free.refusal.is_none_or(|refusal| refusal.code == Code::Waitlisted));
        if !feasible {
            return false;
        }
        // Under the key that books, if the one of the lost booking was given up since.
        let patient = self.day.person(lost.patient);
        let ticket = lost.class.needs_ticket().then(|| rebooking_ticket(from)).flatten();
        if let Some(id) = ticket {
            let (class, institution, department) = (lost.class, view.institution, Some(view.department));
            let expires = at.plus(displaced::TICKET_MS);
            let ticket = Ticket { id, patient, class, institution, department, expires };
            // The right was shown for the booking that was lost; the hospital vouches for it.
            if self.engine.issue_ticket(&ticket, at).is_err() {
                return false;
            }
        }
        let wish = Wish { patient, slot, class: lost.class, channel: lost.channel, ticket, key: None };
        if nearness.is_consented() {
            let Ok(grant) = self.engine.assign(&wish, at) else { return false };
            let to = grant.booking;
            self.together(|desk| {
                desk.tell(&Event::Moved { patient, from, to, slot, at });
                let notice = desk.notice(News::Moved, patient, slot);
                desk.tell_notice(super::Notice { booking: Some(to), ..notice });
            });
            return true;
        }
        let expires = at.plus(displaced::OFFER_MS).min(starts);
        let Ok(grant) = self.engine.offer(&wish, expires, at) else { return false };
        let to = grant.booking;
        self.together(|desk| {
            desk.tell(&Event::Proposed { patient, from, to, slot, expires, at });
            let notice = desk.notice(News::Proposed, patient, slot);
            desk.tell_notice(super::Notice { booking: Some(to), until: Some(expires), ..notice });
        });
        self.platform.note(&self.day);
        true
    }

    /// A ticket with which a displaced patient books before the public.
    fn give_ticket(&mut self, from: BookingId, lost: &Displaced) {
        let Some(view) = self.engine.session(lost.slot.session) else { return };
        let Some(id) = rebooking_ticket(from) else { return };
        let expires = self.at.plus(displaced::TICKET_MS);
        // Who had a right keeps it; everybody else books where the next visits are booked.
        let class = if lost.class.needs_ticket() { lost.class } else { haoyuan_core::terms::Class::Revisit };
        let patient = self.day.person(lost.patient);
        let ticket = Ticket {
            id,
            patient,
            class,
            institution: view.institution,
            department: Some(view.department),
            expires,
        };
        if self.engine.issue_ticket(&ticket, self.at).is_ok() {
            let (ticket, at) = (id, self.at);
            self.together(|desk| {
                desk.tell(&Event::Ticketed { patient, from, ticket, expires, at });
                let notice = desk.notice(News::Ticket, patient, lost.slot);
                let (ticket, until) = (Some(ticket), Some(expires));
                desk.tell_notice(super::Notice { booking: Some(from), ticket, until, ..notice });
            });
        }
    }

    pub(crate) fn move_to(&mut self, command: &command::Move) -> Decided {
        let cause = staff(true)?;
        let into = self.session(&command.into)?;
        let reach = self.reach(&command.scope)?;
        if reach.slots.iter().any(|slot| slot.session == into.id) {
            let reason =
                said!("this session is what is moved; name another", "该班次正是要改诊的班次;请写另一个");
            return Err(Malformed::field("into", reason).into());
        }
        let reached = self.stop_reach(&reach, Some(into.id), cause);
        if reached.is_err() {
            self.placed();
        }
        let (stop, _) = reached?;
        let rebooked = self.place(stop, &[into], false, cause)?;
        Ok(Answer::Done(Done::Move(rebooked)))
    }

    pub(crate) fn substitute(&mut self, command: &command::Substitute) -> Decided {
        let cause = staff(true)?;
        let view = self.session(&command.session)?;
        let directory = self.platform.directory();
        let after = directory.need_practitioner(&command.practitioner)?;
        let before = view.practitioner;
        if before == after {
            return Ok(Answer::Done(Done::Substitute { session: view.code, changed: false, told: 0 }));
        }
        self.platform.admin().reassign(&directory, &view, after)?;
        let sessions = [view.id].into_iter().chain(self.extra_of(view.id));
        for session in sessions.clone() {
            self.engine.substitute(session, after).map_err(|refusal| Stop::Refusal(refusal, None))?;
        }
        // Everybody is told before it is written down: a command that a crash cut short tells the others, and then does it.
        let mut told = 0;
        for slot in self.with_extras(Self::slots(&view).collect()) {
            for occupied in self.engine.occupants(slot, self.at).unwrap_or_default() {
                if !self.day.known.contains(&(Text(occupied.booking), News::Substituted)) {
                    let notice = self.notice(News::Substituted, occupied.patient, slot);
                    self.tell_notice(super::Notice { booking: Some(occupied.booking), ..notice });
                }
                told += 1;
            }
        }
        self.together(|desk| {
            for session in sessions {
                desk.tell(&Event::Substituted { session, before, after, cause, at: desk.at });
            }
        });
        Ok(Answer::Done(Done::Substitute { session: view.code, changed: true, told }))
    }

    // ---- scopes ---------------------------------------------------------------------------------------------------

    fn reach(&self, scope: &command::Scope) -> Result<Reach, Stop> {
        let command::Scope { booking, session, slot, number, practitioner, day, half } = scope;
        match (booking, session, practitioner) {
            (Some(booking), None, None)
                if slot.is_none() && number.is_none() && day.is_none() && half.is_none() =>
            {
                let slot = self.engine.slot_of(*booking).ok_or(refused(Code::UnknownBooking))?;
                Ok(Reach { scope: Scope::Booking(*booking), slots: vec![slot], sessions: Vec::new() })
            }
            (None, Some(code), None) if day.is_none() && half.is_none() => {
                let view = self.session(code)?;
                match (slot, number) {
                    (None, None) => {
                        let slots = self.with_extras(Self::slots(&view).collect());
                        let sessions = [view.id].into_iter().chain(self.extra_of(view.id)).collect();
                        Ok(Reach { scope: Scope::Session(view.id), slots, sessions })
                    }
                    (Some(slot), None) => {
                        let slot = self.platform.slot(code, *slot)?;
                        if view.whole && view.slots > 1 {
                            return Err(refused(Code::NotSeparable));
                        }
                        let slots = self.with_extras(vec![slot]);
                        Ok(Reach { scope: Scope::Slot(slot), slots, sessions: Vec::new() })
                    }
                    (None, Some(number)) => self.seat(&view, *number),
                    (Some(_), Some(_)) => Err(scope_error().into()),
                }
            }
            (None, None, Some(code)) if slot.is_none() && number.is_none() => {
                let practitioner = self.platform.directory().need_practitioner(code)?;
                let day = day.ok_or_else(scope_error)?;
                let scope = Scope::Day { practitioner, day, half: *half };
                let mut reach = Reach { scope, slots: Vec::new(), sessions: Vec::new() };
                for id in (0..self.engine.session_count()).filter_map(SessionId::new) {
                    let Some(view) = self.engine.session(id) else { continue };
                    let noon = day.midnight().plus(12 * HOUR);
                    let in_half = match half {
                        None => true,
                        Some(Half::Morning) => view.time.from < noon,
                        Some(Half::Afternoon) => view.time.from >= noon,
                    };
                    if view.practitioner == practitioner && view.time.from.day() == day && in_half {
                        reach.slots.extend(Self::slots(&view));
                        reach.sessions.push(id);
                    }
                }
                if reach.sessions.is_empty() { Err(refused(Code::UnknownSession)) } else { Ok(reach) }
            }
            _ => Err(scope_error().into()),
        }
    }

    /// The session of extra seats beside a session, if it has any.
    fn extra_of(&self, session: SessionId) -> Option<SessionId> {
        self.day.extras.get(&session).map(|extras| extras.extra)
    }

    /// Slots that are stopped, and the extra seats beside them: those are in a ledger of their own, and stop with them.
    fn with_extras(&self, mut slots: Vec<SlotRef>) -> Vec<SlotRef> {
        let beside = |slot: &SlotRef| Some(SlotRef { session: self.extra_of(slot.session)?, ..*slot });
        let extras: Vec<SlotRef> = slots.iter().filter_map(beside).collect();
        slots.extend(extras);
        slots
    }

    /// The seat with this number, which is taken out of the session. Numbers are those of the seats that were published, whichever are
    /// usable now.
    fn seat(&self, view: &SessionView, number: u16) -> Result<Reach, Stop> {
        let mut before = 0;
        for block in Self::blocks(view) {
            let Some(tree) = self.engine.tree(block) else { continue };
            let seats = u16::from(tree.seats());
            if !(before + 1..=before + seats).contains(&number) {
                before += seats;
                continue;
            }
            let seat = u8::try_from(number - before - 1).ok().and_then(SeatIndex::new);
            let seat = seat.ok_or(refused(Code::UnknownBooking))?;
            let slots = if view.whole { Self::slots(view).collect() } else { vec![block] };
            let scope = Scope::Seat(block, seat);
            let is_known = self.day.stops.values().any(|stop| stop.scope == scope && !stop.resumed);
            if tree.capacity() > 1 || is_known {
                return Ok(Reach { scope, slots, sessions: Vec::new() });
            }
            // The last usable seat is the block, if nobody has another.
            let live =
                slots.iter().flat_map(|slot| self.engine.occupants(*slot, self.at).unwrap_or_default());
            if live.into_iter().any(|occupied| occupied.booking.seat() != seat) {
                return Err(Stop::Refusal(
                    Refusal::plain(Code::BelowLive).by(Binding::Limit(1)),
                    Some(block),
                ));
            }
            let slots = self.with_extras(slots);
            return Ok(Reach { scope: Scope::Slot(block), slots, sessions: Vec::new() });
        }
        Err(refused(Code::UnknownBooking))
    }
}

fn scope_error() -> Malformed {
    let reason = said!(
        "name a `booking`, or a `session` with at most one of `slot` and `number`, or a `practitioner` with a `day` and \
         perhaps a `half`",
        "请写 `booking`;或 `session`(可加 `slot` 或 `number` 之一);或 `practitioner` 与 `day`(可加 `half`)"
    );
    Malformed::field("scope", reason)
}

/// The ticket that the hospital issues to somebody whose booking it took: numbered like the booking, so that issuing it
/// twice gives one ticket.
fn rebooking_ticket(from: BookingId) -> Option<TicketId> {
    // Above everything that issuers number in 64 bits.
    TicketId::new(1 << 127 | u128::from(from.get()))
}

fn clinic(view: &SessionView) -> Clinic {
    Clinic {
        institution: view.institution,
        department: view.department,
        practitioner: view.practitioner,
        grade: view.grade,
        from: view.time.from,
    }
}

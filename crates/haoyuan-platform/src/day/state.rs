//! The state of the hospital's day: what the events have made of it.
//!
//! INVARIANT (facts, not rules): [`Day::apply`] asks no rule and no engine; the same events give the same state, live,
//! replayed, or from a snapshot and the events after it.

use crate::actor::Actor;
use crate::command::day::Half;
use crate::day::event::Event;
use crate::day::seen::Seen;
use crate::text::{self, Text};
use haoyuan_core::calling::{self, Fact};
use haoyuan_core::day::DayRules;
use haoyuan_core::ids::{
    BookingId, InstitutionId, PatientKey, PractitionerId, RoomId, SeatIndex, SessionId, SlotIndex, SlotRef,
    TicketId, VisitId,
};
use haoyuan_core::instant::{Day as Date, Instant};
use haoyuan_core::kpi::{self, Recorded};
use haoyuan_core::ladder::{Deed, Offence};
use haoyuan_core::terms::{Channel, Class, Outcome};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything of the day that is not the engine's.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact by itself, and none of them is kept")]
pub(crate) struct Day {
    /// The number of the last event; the first is 1.
    pub(crate) number: u32,
    /// The rules that each session was published with, as a place in `kinds`.
    pub(crate) rules: BTreeMap<SessionId, u32>,
    /// The different rules, in the order in which they were first published.
    pub(crate) kinds: Vec<Arc<DayRules>>,
    /// The number of the last waitlist entry.
    pub(crate) last_entry: u32,
    /// Open entries of waitlists.
    pub(crate) entries: BTreeMap<u32, Entry>,
    /// Seats that were returned and are kept from somebody, by block, in the order in which they came back.
    #[serde(with = "by_block", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) returned: BTreeMap<SlotRef, Vec<Returned>>,
    /// The seat that is about to go back: none, but after a crash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) leaving: Option<Leaving>,
    /// The command that places the displaced of a stop: none, but after a crash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) placing: Option<Placing>,
    /// What became of the entries of each session.
    pub(crate) waits: BTreeMap<SessionId, Waits>,
    /// The number of the last stop.
    pub(crate) last_stop: u32,
    /// What the hospital stopped.
    pub(crate) stops: BTreeMap<u32, Stop>,
    /// Whom it displaced, by the booking that was lost.
    pub(crate) displaced: BTreeMap<Text<BookingId>, Displaced>,
    /// Who took a session over.
    pub(crate) substitutes: BTreeMap<SessionId, PractitionerId>,
    /// The extra seats of a session.
    pub(crate) extras: BTreeMap<SessionId, Extras>,
    /// When bookings count from whose seat does not say it, because they began as an offer.
    pub(crate) granted: BTreeMap<Text<BookingId>, Instant>,
    /// Visits that somebody looked at, by number.
    pub(crate) visits: BTreeMap<VisitId, kpi::Visit>,
    /// The lines of those who have arrived, by session.
    pub(crate) queues: BTreeMap<SessionId, calling::Queue>,
    /// In which room somebody was called.
    pub(crate) rooms: BTreeMap<VisitId, RoomId>,
    /// Deeds that may suspend the right to book online.
    pub(crate) charges: BTreeMap<Text<PatientKey>, Vec<Charge>>,
    /// Keys that book no more: given up, or one person's that broke a rule together.
    pub(crate) blocked: BTreeSet<Text<PatientKey>>,
    /// Keys that were given up, and the one that stays and was not given up itself.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) merged: BTreeMap<Text<PatientKey>, Text<PatientKey>>,
    /// The number of the last visit.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) last_visit: u32,
    /// What the host has to tell patients, in order; the numbers follow `told`.
    pub(crate) notices: Vec<Notice>,
    /// The number of the last notice that was told and forgotten.
    #[serde(skip_serializing_if = "is_zero")]
    pub(crate) told: u32,
    /// What was told of live holds and bookings of sessions whose rules have it told, or of a session that is being taken over.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) known: BTreeSet<(Text<BookingId>, News)>,
    /// Whether this state was read back and nothing was decided since.
    #[serde(skip)]
    pub(crate) woken: bool,
    /// Whether a stop may have been cut short: after the state was read back, until what is left of it was done.
    #[serde(skip)]
    pub(crate) unfinished: bool,
    /// Whether the rules of any session have patients told of their own bookings: derived.
    #[serde(skip)]
    pub(crate) telling: bool,
    /// Whether the rules of any session count cancellations: derived.
    #[serde(skip)]
    pub(crate) counting: bool,
    /// Whether the rules of any session keep returned seats back: derived.
    #[serde(skip)]
    pub(crate) keeping: bool,
    /// What the last tick saw of slots whose patients are told of them: derived.
    #[serde(skip)]
    pub(crate) seen: Seen,
    /// Entries by block: derived.
    #[serde(skip)]
    pub(crate) by_block: BTreeMap<SlotRef, Vec<u32>>,
    /// Visits by booking: derived.
    #[serde(skip)]
    pub(crate) by_booking: BTreeMap<BookingId, VisitId>,
    /// Seats that displaced patients were offered, and the bookings they were offered for: derived.
    #[serde(skip)]
    pub(crate) proposed: BTreeMap<BookingId, BookingId>,
    /// Sessions of extra seats, and whose they are: derived.
    #[serde(skip)]
    pub(crate) extra_of: BTreeMap<SessionId, SessionId>,
}

/// Who decided, and why, of an act that needs a reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Cause(pub(crate) Actor);

/// A session or slot that an entry waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    pub(crate) session: SessionId,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) slot: Option<SlotIndex>,
}

/// Why an entry of a waitlist was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Departure {
    /// The patient has confirmed an offer.
    Taken,
    /// The patient did not want to wait any more.
    Left,
    /// The time of the list was over.
    Cleared,
    /// Two offers were not taken.
    Dropped,
    /// The hospital stopped everything that was waited for, in this act.
    Stopped(u32),
}

/// An open entry of a waitlist.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Entry {
    #[serde(with = "text::required")]
    pub(crate) patient: PatientKey,
    pub(crate) class: Class,
    pub(crate) channel: Channel,
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) ticket: Option<TicketId>,
    pub(crate) wanted: Vec<Wanted>,
    pub(crate) blocks: Vec<SlotRef>,
    pub(crate) joined: Instant,
    /// The offer that is open.
    pub(crate) offer: Option<Offer>,
    /// How many offers were not taken.
    pub(crate) passes: u8,
    /// The block of the offer that was not taken, and its live seats then: not eligible there while they are as many.
    pub(crate) sits_out: Option<(SlotRef, u8)>,
    /// Why it was skipped last: the number of a refusal.
    pub(crate) skipped: Option<u16>,
}

/// A seat held for somebody who waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offer {
    #[serde(with = "text::required")]
    pub(crate) booking: BookingId,
    pub(crate) slot: SlotRef,
    pub(crate) expires: Instant,
    pub(crate) at: Instant,
}

/// A seat that was returned. Seats of a slot are alike: what is kept is one seat less, whatever its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Returned {
    pub(crate) block: SlotRef,
    pub(crate) slot: SlotRef,
    /// The booking that was given back.
    #[serde(with = "text::required")]
    pub(crate) booking: BookingId,
    /// Who gave it back: it is kept from this patient for good.
    #[serde(with = "text::required")]
    pub(crate) patient: PatientKey,
    pub(crate) at: Instant,
    /// Until then it is kept from the public.
    pub(crate) reappears: Instant,
    /// Whether it is kept from the public's online channels for good.
    pub(crate) offline: bool,
}

/// A seat that is about to go back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Leaving {
    #[serde(with = "text::required")]
    pub(crate) booking: BookingId,
    #[serde(with = "text::required")]
    pub(crate) patient: PatientKey,
    pub(crate) slot: SlotRef,
    pub(crate) class: Class,
    pub(crate) channel: Channel,
    pub(crate) booked_at: Instant,
    /// The stop that voids the hold; `None` if the patient gives a booking back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stop: Option<u32>,
    pub(crate) cause: Cause,
    pub(crate) at: Instant,
}

/// What a command that places the displaced of a stop was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Placing {
    pub(crate) stop: u32,
    pub(crate) into: Vec<SessionId>,
    pub(crate) tickets: bool,
    pub(crate) cause: Cause,
    pub(crate) at: Instant,
}

/// As a list in JSON, whose keys are strings.
mod by_block {
    use super::{BTreeMap, Returned, SlotRef};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        returned: &BTreeMap<SlotRef, Vec<Returned>>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(returned.values().flatten())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<SlotRef, Vec<Returned>>, D::Error> {
        let mut returned: BTreeMap<SlotRef, Vec<Returned>> = BTreeMap::new();
        for one in Vec::<Returned>::deserialize(deserializer)? {
            returned.entry(one.block).or_default().push(one);
        }
        Ok(returned)
    }
}

/// What became of the entries of one session. An entry that names several sessions counts for each of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Waits {
    pub(crate) joined: u32,
    pub(crate) offers: u32,
    pub(crate) taken: u32,
    pub(crate) lapsed: u32,
    pub(crate) declined: u32,
    pub(crate) skipped: u32,
}

/// What a stop is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Scope {
    Booking(#[serde(with = "text::required")] BookingId),
    Seat(SlotRef, SeatIndex),
    Slot(SlotRef),
    Session(SessionId),
    Day {
        practitioner: PractitionerId,
        day: Date,
        #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
        half: Option<Half>,
    },
}

impl Scope {
    /// Whether whole blocks are stopped, and not only seats or bookings.
    pub(crate) const fn stops_blocks(self) -> bool {
        matches!(self, Self::Slot(_) | Self::Session(_) | Self::Day { .. })
    }
}

/// An act of stopping.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stop {
    pub(crate) scope: Scope,
    pub(crate) slots: Vec<SlotRef>,
    pub(crate) sessions: Vec<SessionId>,
    /// The usable seats that the block of a stopped seat is about to have: none, but after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usable: Option<u8>,
    pub(crate) cause: Cause,
    pub(crate) at: Instant,
    pub(crate) resumed: bool,
    pub(crate) displaced: u32,
    pub(crate) voided: u32,
    pub(crate) cleared: u32,
}

/// Somebody whose booking the hospital took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Displaced {
    pub(crate) stop: u32,
    #[serde(with = "text::required")]
    pub(crate) patient: PatientKey,
    pub(crate) slot: SlotRef,
    pub(crate) class: Class,
    pub(crate) channel: Channel,
    pub(crate) booked_at: Instant,
    pub(crate) fate: Fate,
    /// Whether the patient is told.
    #[serde(default = "is_told")]
    pub(crate) told: bool,
}

/// A state that was written before this was kept is of stops that were complete.
const fn is_told() -> bool {
    true
}

/// What became of somebody displaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Fate {
    /// Not placed yet.
    Open,
    /// Has another booking.
    Moved(#[serde(with = "text::required")] BookingId),
    /// Is asked about another booking, which is held until then.
    Offered(#[serde(with = "text::required")] BookingId, Instant),
    /// Has a ticket, valid until then.
    Ticket(#[serde(with = "text::required")] TicketId, Instant),
}

/// The extra seats of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Extras {
    /// The session that has them: one seat a slot.
    pub(crate) extra: SessionId,
    /// Whose ledger of the day they are in.
    pub(crate) practitioner: PractitionerId,
    pub(crate) day: Date,
    /// How many are open, beside those of the green channel.
    pub(crate) opened: u16,
}

/// A deed, and by whose rules it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Charge {
    pub(crate) offence: Offence,
    /// The session it was about; of an extra seat the session that has it.
    pub(crate) session: SessionId,
    pub(crate) institution: InstitutionId,
}

macro_rules! news {
    ($($(#[$doc:meta])* $name:ident = $text:literal $en:literal $zh:literal,)+) => {
        /// What a notice is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum News {
            $($(#[$doc])* #[serde(rename = $text)] $name),+
        }

        impl News {
            /// Every kind of notice.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The stable word.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            /// What to tell the patient, in English.
            #[must_use]
            pub const fn en(self) -> &'static str {
                match self { $(Self::$name => $en),+ }
            }

            /// What to tell the patient, in Chinese.
            #[must_use]
            pub const fn zh(self) -> &'static str {
                match self { $(Self::$name => $zh),+ }
            }
        }
    };
}

news! {
    /// A seat is held for somebody who waits.
    Offer = "offer" "a seat you waited for is held for you" "您候补的号源已为您锁定,请在时限内确认",
    /// An offer was not taken in time.
    OfferLapsed = "offer_lapsed" "you did not take the seat in time" "候补号源未在时限内确认,已失效",
    /// An entry of a waitlist is closed because its time is over, two offers were not taken, or the clinic was stopped.
    WaitlistClosed = "waitlist_closed" "you are no longer on the waitlist" "您的候补已结束",
    /// The hospital has stopped a clinic that was booked.
    Stopped = "stopped" "the hospital has stopped this clinic; you need not come" "该门诊已停诊,请勿前往",
    /// An unpaid hold is void because the hospital has stopped the clinic.
    HoldVoid = "hold_void" "the hospital has stopped this clinic; your hold is void" "该门诊已停诊,您锁定的号源已作废",
    /// The hospital has moved a booking.
    Moved = "moved" "the hospital has moved your booking" "您的预约已改诊",
    /// The hospital proposes another booking, which is held.
    Proposed = "proposed" "the hospital proposes another booking; please confirm it" "医院为您安排了改诊号源,请在时限内确认",
    /// The hospital has not found another seat; a ticket gives precedence for one.
    Ticket = "ticket" "there is no other seat now; a ticket gives you precedence" "暂无可改约号源,已发放优先改约凭证",
    /// Another practitioner sees the patient.
    Substituted = "substituted" "another doctor will see you" "您的门诊由其他医生替诊",
    /// The right to book online is suspended.
    Suspended = "suspended" "online booking is suspended for you" "您的线上预约已被限制",
    /// A seat is held.
    Held = "held" "a seat is held for you; please confirm it in time" "已为您锁定号源,请在时限内确认",
    /// A seat is booked.
    Booked = "booked" "your booking is made" "您已预约成功",
    /// A hold is about to expire.
    Expiring = "expiring" "your hold is about to expire" "您锁定的号源即将失效",
    /// A visit is near.
    Reminder = "reminder" "your visit is near" "您预约的就诊时间临近",
    /// A seat over capacity is booked.
    Extra = "extra" "an extra seat is booked for you" "已为您加号",
}

/// Something that the host has to tell a patient. Its number is stable, so telling it twice can be avoided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Notice {
    pub(crate) news: News,
    #[serde(with = "text::required")]
    pub(crate) patient: PatientKey,
    pub(crate) at: Instant,
    /// Where; of a waitlist entry without an offer the first slot waited for.
    pub(crate) slot: SlotRef,
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) booking: Option<BookingId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) entry: Option<u32>,
    #[serde(default, with = "text::optional", skip_serializing_if = "Option::is_none")]
    pub(crate) ticket: Option<TicketId>,
    /// Until when an answer is expected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<Instant>,
}

impl Day {
    /// Applies the next event.
    pub(crate) fn apply(&mut self, event: &Event) {
        self.number += 1;
        self.change(event);
    }

    /// Whether it is written down why somebody has a seat that the day gave away.
    pub(crate) fn has_written(&self, booking: BookingId) -> bool {
        let is_offered = |entry: &Entry| entry.offer.is_some_and(|offer| offer.booking == booking);
        self.granted.contains_key(&Text(booking)) || self.entries.values().any(is_offered)
    }

    /// What an event, or one of several that are one record, changes.
    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    pub(crate) fn change(&mut self, event: &Event) {
        match event {
            Event::Together(events) => events.iter().for_each(|event| self.change(event)),
            Event::Joined { entry, patient, class, channel, ticket, wanted, blocks, at } => {
                self.last_entry = *entry;
                for session in sessions_of(wanted) {
                    self.waits.entry(session).or_default().joined += 1;
                }
                let joined = Entry {
                    patient: *patient,
                    class: *class,
                    channel: *channel,
                    ticket: *ticket,
                    wanted: wanted.clone(),
                    blocks: blocks.clone(),
                    joined: *at,
                    offer: None,
                    passes: 0,
                    sits_out: None,
                    skipped: None,
                };
                self.enlist(*entry, blocks);
                self.entries.insert(*entry, joined);
            }
            Event::Offered { entry, patient, booking, slot, expires, at } => {
                self.waits.entry(slot.session).or_default().offers += 1;
                if let Some(entry) = self.entries.get_mut(entry) {
                    // Another key, if the one that joined was given up since.
                    entry.patient = *patient;
                    entry.offer = Some(Offer { booking: *booking, slot: *slot, expires: *expires, at: *at });
                    (entry.skipped, entry.sits_out) = (None, None);
                }
            }
            Event::Passed { entry, block, live, lapsed, .. } => {
                let waits = self.waits.entry(block.session).or_default();
                *(if *lapsed { &mut waits.lapsed } else { &mut waits.declined }) += 1;
                if let Some(entry) = self.entries.get_mut(entry) {
                    entry.offer = None;
                    entry.passes += 1;
                    entry.sits_out = Some((*block, *live));
                }
            }
            Event::Over { block, .. } => {
                for entry in self.entries_of(*block) {
                    if let Some(entry) = self.entries.get_mut(&entry) {
                        entry.sits_out = entry.sits_out.filter(|(other, _)| other != block);
                    }
                }
            }
            Event::Skipped { entry, code, .. } => {
                if let Some(entry) = self.entries.get_mut(entry) {
                    entry.skipped = Some(*code);
                    for session in sessions_of(&entry.wanted) {
                        self.waits.entry(session).or_default().skipped += 1;
                    }
                }
            }
            Event::Narrowed { entry, blocks, .. } => {
                self.delist(*entry, blocks);
                if let Some(entry) = self.entries.get_mut(entry) {
                    entry.blocks.retain(|block| !blocks.contains(block));
                    entry.offer = entry.offer.filter(|offer| !blocks.contains(&offer.slot));
                }
            }
            Event::Closed { entry, why, notice, .. } => {
                if let Some(notice) = notice {
                    self.notice(notice);
                }
                if let Some(closed) = self.entries.remove(entry) {
                    self.delist(*entry, &closed.blocks);
                    match (why, closed.offer) {
                        (Departure::Taken, Some(offer)) => {
                            self.waits.entry(offer.slot.session).or_default().taken += 1;
                            self.granted.insert(Text(offer.booking), offer.at);
                        }
                        (Departure::Stopped(stop), _) => {
                            if let Some(stop) = self.stops.get_mut(stop) {
                                stop.cleared += 1;
                            }
                        }
                        _ => {}
                    }
                }
            }
            Event::Stopped { stop, scope, slots, sessions, usable, cause, at } => {
                self.last_stop = *stop;
                let stopped = Stop {
                    scope: *scope,
                    slots: slots.clone(),
                    sessions: sessions.clone(),
                    usable: *usable,
                    cause: *cause,
                    at: *at,
                    resumed: false,
                    displaced: 0,
                    voided: 0,
                    cleared: 0,
                };
                self.stops.insert(*stop, stopped);
            }
            Event::Resumed { stop, usable, .. } => {
                if let Some(stop) = self.stops.get_mut(stop) {
                    (stop.resumed, stop.usable) = (true, *usable);
                }
            }
            Event::Displaced { stop, patient, booking, slot, class, channel, booked_at, .. } => {
                let displaced = Displaced {
                    stop: *stop,
                    patient: *patient,
                    slot: *slot,
                    class: *class,
                    channel: *channel,
                    booked_at: *booked_at,
                    fate: Fate::Open,
                    told: false,
                };
                self.displaced.insert(Text(*booking), displaced);
                if let Some(stop) = self.stops.get_mut(stop) {
                    stop.displaced += 1;
                }
            }
            Event::Undisplaced { stop, booking, .. } => {
                self.displaced.remove(&Text(*booking));
                if let Some(stop) = self.stops.get_mut(stop) {
                    stop.displaced -= 1;
                }
            }
            Event::Voided { stop, .. } => {
                if let Some(stop) = self.stops.get_mut(stop) {
                    stop.voided += 1;
                }
            }
            Event::Leaving(leaving) => self.leaving = Some(*leaving),
            Event::Left { .. } => self.leaving = None,
            Event::Returned { patient, booking, block, slot, reappears, offline, at } => {
                let returned = Returned {
                    block: *block,
                    slot: *slot,
                    booking: *booking,
                    patient: *patient,
                    at: *at,
                    reappears: *reappears,
                    offline: *offline,
                };
                self.returned.entry(*block).or_default().push(returned);
            }
            Event::Retaken { block, bookings, .. } => {
                if let Some(returned) = self.returned.get_mut(block) {
                    returned.retain(|one| !bookings.contains(&Text(one.booking)));
                    if returned.is_empty() {
                        self.returned.remove(block);
                    }
                }
            }
            Event::Placing(placing) => self.placing = Some(placing.clone()),
            Event::Placed { .. } => self.placing = None,
            Event::Moved { from, to, .. } => self.settle(*from, Fate::Moved(*to), Some(*to)),
            Event::Proposed { from, to, expires, .. } => {
                self.settle(*from, Fate::Offered(*to, *expires), Some(*to));
            }
            Event::Reopened { from, .. } => self.settle(*from, Fate::Open, None),
            Event::Ticketed { from, ticket, expires, .. } => {
                self.settle(*from, Fate::Ticket(*ticket, *expires), None);
            }
            Event::Widened { session, extra, practitioner, day, .. } => {
                self.extra_of.insert(*extra, *session);
                let extras = Extras { extra: *extra, practitioner: *practitioner, day: *day, opened: 0 };
                self.extras.insert(*session, extras);
            }
            Event::Opened { session, seats, .. } => {
                if let Some(extras) = self.extras.get_mut(session) {
                    extras.opened = *seats;
                }
            }
            Event::Visited { row, .. } => {
                if let Some(booking) = row.booking {
                    self.by_booking.insert(booking, row.id);
                }
                self.last_visit = self.last_visit.max(row.id.get());
                self.visits.insert(row.id, kpi::Visit::clone(row));
            }
            Event::Queued { line, visit, rules, fact, at, .. } => {
                self.queues.entry(*line).or_insert_with(|| calling::Queue::new(*rules)).apply(fact);
                let Some(row) = self.visits.get_mut(visit) else { return };
                match fact {
                    Fact::CheckedIn { .. } => row.checked_in_at = row.checked_in_at.or(Some(*at)),
                    Fact::Called { room, .. } => {
                        row.called_at = row.called_at.or(Some(*at));
                        self.rooms.insert(*visit, *room);
                    }
                    Fact::Entered { .. } => row.entered_at = row.entered_at.or(Some(*at)),
                    Fact::Passed { .. } | Fact::Left { .. } | Fact::Freed { .. } => {
                        self.rooms.remove(visit);
                    }
                    Fact::Again { .. } | Fact::Closed { .. } => {}
                }
            }
            Event::Marked { visit, kind, revisit, .. } => {
                if let Some(row) = self.visits.get_mut(visit) {
                    row.kind = kind.unwrap_or(row.kind);
                    row.revisit = revisit.or(row.revisit);
                }
            }
            Event::Ended { visit, outcome, at, .. } => self.record(*visit, *outcome, *at),
            Event::Corrected { visit, patient, outcome, at, .. } => {
                self.record(*visit, *outcome, *at);
                let booking = self.visits.get(visit).and_then(|row| row.booking).map(BookingId::get);
                let charges = self.charges.get_mut(&Text(*patient)).into_iter().flatten();
                for charge in charges.filter(|charge| Some(charge.offence.id) == booking) {
                    charge.offence.excused = !matches!(
                        (charge.offence.deed, outcome),
                        (Deed::NoShow, Outcome::NoShow)
                            | (Deed::Cancel { .. }, Outcome::Cancelled | Outcome::CancelledLate)
                    );
                }
            }
            Event::Charged { patient, charge, .. } => {
                self.charges.entry(Text(*patient)).or_default().push(*charge);
            }
            Event::Merged { patient, into, breach, .. } => {
                let stays = Text(self.person(*into));
                // Who breaks no rule any more may book again.
                if *breach {
                    self.blocked.insert(stays);
                } else {
                    self.blocked.remove(&stays);
                }
                self.blocked.insert(Text(*patient));
                for other in self.merged.values_mut().filter(|other| other.0 == *patient) {
                    *other = stays;
                }
                self.merged.insert(Text(*patient), stays);
                // Who gives a key up for one that was given up for it keeps it.
                self.merged.retain(|given_up, stays| given_up != stays);
            }
            Event::Noticed(notice) => self.notice(notice),
            Event::Silenced { bookings, .. } => self.known.retain(|(booking, _)| !bookings.contains(booking)),
            Event::Told { through, .. } => {
                let gone = (*through - self.told) as usize;
                self.notices.drain(..gone.min(self.notices.len()));
                self.told = *through;
            }
            Event::Retired { before, sessions, bookings, .. } => self.retire(*before, sessions, bookings),
            Event::Extra { booking, at, .. } => {
                self.granted.insert(Text(*booking), *at);
            }
            Event::Substituted { session, after, .. } => {
                self.substitutes.insert(*session, *after);
                self.known.retain(|(_, news)| *news != News::Substituted);
            }
            Event::Resized { stop, .. } => {
                if let Some(stop) = stop.and_then(|stop| self.stops.get_mut(&stop)) {
                    stop.usable = None;
                }
            }
            Event::Refused { .. } => {}
        }
    }

    /// The key under which a person stays.
    pub(crate) fn person(&self, patient: PatientKey) -> PatientKey {
        self.merged.get(&Text(patient)).map_or(patient, |stays| stays.0)
    }

    /// All keys of a person.
    pub(crate) fn keys_of(&self, person: PatientKey) -> impl Iterator<Item = Text<PatientKey>> + '_ {
        let given_up = self.merged.iter().filter(move |(_, stays)| stays.0 == person);
        std::iter::once(Text(person)).chain(given_up.map(|(key, _)| *key))
    }

    /// A displaced patient is placed; a new booking counts from the instant of the one that was lost.
    fn settle(&mut self, from: BookingId, fate: Fate, to: Option<BookingId>) {
        if let Some(displaced) = self.displaced.get_mut(&Text(from)) {
            if let Fate::Offered(before, _) = displaced.fate {
                self.proposed.remove(&before);
            }
            if let Fate::Offered(now, _) = fate {
                self.proposed.insert(now, from);
            }
            displaced.fate = fate;
            if let Some(to) = to {
                self.granted.insert(Text(to), displaced.booked_at);
            }
        }
    }

    fn notice(&mut self, notice: &Notice) {
        self.notices.push(*notice);
        let Some(booking) = notice.booking.map(Text) else { return };
        match notice.news {
            News::Stopped => {
                if let Some(lost) = self.displaced.get_mut(&booking) {
                    lost.told = true;
                }
            }
            // Of a substitute until it is written down, so that nobody is told twice.
            News::Held | News::Booked | News::Expiring | News::Reminder | News::Substituted => {
                self.known.insert((booking, notice.news));
            }
            _ => {}
        }
    }

    /// Forgets what was before a day.
    fn retire(&mut self, before: Date, sessions: &[SessionId], bookings: &[Text<BookingId>]) {
        let is_old = |session: &SessionId| sessions.binary_search(session).is_ok();
        self.visits.retain(|_, row| row.day >= before);
        self.by_booking.retain(|_, visit| self.visits.contains_key(visit));
        self.rooms.retain(|visit, _| self.visits.contains_key(visit));
        self.queues.retain(|session, _| !is_old(session));
        self.waits.retain(|session, _| !is_old(session));
        self.stops.retain(|_, stop| !stop.slots.iter().all(|slot| is_old(&slot.session)));
        self.displaced.retain(|_, lost| self.stops.contains_key(&lost.stop));
        self.proposed.retain(|_, from| self.displaced.contains_key(&Text(*from)));
        self.granted.retain(|booking, _| bookings.binary_search(booking).is_err());
        for charges in self.charges.values_mut() {
            charges.retain(|charge| charge.offence.at.day() >= before);
        }
        self.charges.retain(|_, charges| !charges.is_empty());
    }

    fn record(&mut self, visit: VisitId, outcome: Outcome, at: Instant) {
        if let Some(row) = self.visits.get_mut(&visit) {
            row.history.push(Recorded { at, outcome });
        }
    }

    fn enlist(&mut self, entry: u32, blocks: &[SlotRef]) {
        for block in blocks {
            self.by_block.entry(*block).or_default().push(entry);
        }
    }

    fn delist(&mut self, entry: u32, blocks: &[SlotRef]) {
        for block in blocks {
            if let Some(entries) = self.by_block.get_mut(block) {
                entries.retain(|other| *other != entry);
                if entries.is_empty() {
                    self.by_block.remove(block);
                }
            }
        }
    }

    /// Enters the rules that a session is published with.
    pub(crate) fn enter(&mut self, session: SessionId, rules: DayRules) {
        let known = self.kinds.iter().position(|kind| **kind == rules);
        let kind = known.unwrap_or_else(|| {
            self.counting |= counts(&rules);
            self.keeping |= rules.returns.is_some();
            self.telling |= rules.notices.tell();
            self.kinds.push(Arc::new(rules));
            self.kinds.len() - 1
        });
        // There are fewer kinds than sessions, of which there are at most 2^24.
        self.rules.insert(session, u32::try_from(kind).unwrap_or(u32::MAX));
    }

    /// Works out again what is derived, after the state was read back.
    pub(crate) fn index(&mut self) {
        self.by_block.clear();
        self.counting = self.kinds.iter().any(|rules| counts(rules));
        self.keeping = self.kinds.iter().any(|rules| rules.returns.is_some());
        self.telling = self.kinds.iter().any(|rules| rules.notices.tell());
        let last = self.visits.keys().next_back().map_or(0, |last| last.get());
        self.last_visit = self.last_visit.max(last);
        let entries: Vec<_> = self.entries.iter().map(|(id, entry)| (*id, entry.blocks.clone())).collect();
        for (id, blocks) in entries {
            self.enlist(id, &blocks);
        }
        let bookings = self.visits.values().filter_map(|row| Some((row.booking?, row.id)));
        self.by_booking = bookings.collect();
        let offered = self.displaced.iter().filter_map(|(from, lost)| match lost.fate {
            Fate::Offered(to, _) => Some((to, from.0)),
            _ => None,
        });
        self.proposed = offered.collect();
        self.extra_of = self.extras.iter().map(|(session, extras)| (extras.extra, *session)).collect();
    }

    /// The open entries that wait for a block.
    pub(crate) fn entries_of(&self, block: SlotRef) -> Vec<u32> {
        self.by_block.get(&block).cloned().unwrap_or_default()
    }

    /// The rules of a session; without any, nothing of the day is allowed in it.
    pub(crate) fn rules(&self, session: SessionId) -> Arc<DayRules> {
        let kind = self.rules.get(&session).and_then(|kind| self.kinds.get(*kind as usize));
        kind.cloned().unwrap_or_default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// Whether cancellations count for anything.
fn counts(rules: &DayRules) -> bool {
    let ladders = &rules.ladders;
    let late = rules.cancel.counted && !ladders.no_show.is_empty();
    late || !ladders.cancels.is_empty() || !ladders.same_day_returns.is_empty()
}

/// The sessions that are waited for, each once.
fn sessions_of(wanted: &[Wanted]) -> Vec<SessionId> {
    let mut sessions: Vec<SessionId> = wanted.iter().map(|wanted| wanted.session).collect();
    sessions.sort_unstable();
    sessions.dedup();
    sessions
}

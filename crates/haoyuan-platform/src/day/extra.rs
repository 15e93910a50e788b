//! Extra seats (加号) and the green channel (绿色通道): seats over capacity, in a bounded ledger of their own.
//!
//! INVARIANT (by right, never by rule): an extra seat is given by a person in a role, for a reason, to one patient; no command
//! of a patient and no automatic rule reaches one. Nobody who is booked is ever displaced for it.
//! INVARIANT (bounded): at most one extra seat a slot; of those that a practitioner adds at most so many a day; of those of
//! the green channel at most so many a session.
//!
//! The seats are a session of their own, `CODE+`, with one seat a slot and one pool for everybody; its blocks always say that
//! somebody waits, so that only the day can book there. So they count in no reserve, no fence and no cap of the session.

use super::event::Event;
use super::state::{Extras, News};
use super::{Cause, Desk, refused, staff};
use crate::answer::{Answer, Done, Seats};
use crate::command::day as command;
use crate::malformed::Malformed;
use crate::platform::{Decided, Stop};
use haoyuan_core::ids::{NodeIndex, SessionId, SlotRef};
use haoyuan_core::plan::{Blocks, Plan, Session};
use haoyuan_core::pool::{Node, PoolTree, Route, Routes};
use haoyuan_core::refusal::{Binding, Code, Refusal};
use haoyuan_core::request::Wish;
use haoyuan_core::rules::Rules;
use haoyuan_core::said;
use haoyuan_core::said::Speak;
use haoyuan_core::terms::Class;
use haoyuan_engine::{Occupied, SessionView, Trace};

/// What the code of a session of extra seats ends with.
pub(crate) const SUFFIX: char = '+';

/// The live extra seats of a session.
struct Used {
    green: u16,
    other: u16,
}

impl<T: Trace> Desk<'_, T> {
    pub(crate) fn extra_seat(&mut self, ask: &command::ExtraSeat) -> Decided {
        let view = self.own_session(&ask.session)?;
        let rules = self.rules(view.id).extra;
        let cause = staff(rules.reason_required)?;
        let green = ask.class == Class::Green;
        if green && cause.0.contact.is_none() {
            return Err(refused(Code::ContactRequired));
        }
        let slot = ask.slot.map(|slot| self.platform.slot(&ask.session, slot)).transpose()?;
        let used = self.used(view.id);
        let opened = self.day.extras.get(&view.id).map_or(0, |extras| extras.opened);
        if green {
            if used.green >= rules.green_per_session {
                return Err(limit(rules.green_per_session));
            }
        } else if used.other >= opened {
            self.may_open(&view, 1)?;
        }

        // The first slot that has not ended and still has its extra seat, or the one that was named. Nobody is added to what the
        // hospital has stopped, whether or not it had extra seats by then.
        let slots: Vec<SlotRef> = slot.map_or_else(|| Self::slots(&view).collect(), |slot| vec![slot]);
        let slots: Vec<SlotRef> = slots.into_iter().filter(|slot| !self.engine.is_stopped(*slot)).collect();
        if slots.is_empty() {
            return Err(refused(Code::Stopped));
        }
        let extras = self.widen(&view, cause)?;
        let wish = |slot: SlotRef| Wish {
            patient: ask.patient,
            slot: SlotRef { session: extras.extra, slot: slot.slot },
            class: ask.class,
            channel: ask.channel,
            ticket: ask.ticket,
            key: None,
        };
        let mut granted = Err(Refusal::plain(Code::SlotFull));
        for slot in slots {
            granted = self.engine.assign(&wish(slot), self.at);
            match &granted {
                Err(refusal) if matches!(refusal.code, Code::SlotFull | Code::Closed | Code::Stopped) => {}
                _ => break,
            }
        }
        let grant = granted.map_err(|refusal| Stop::Refusal(refusal, None))?;

        // From here it must succeed: the seat is the patient's.
        let (patient, booking, slot, class) = (ask.patient, grant.booking, grant.slot, ask.class);
        let (session, at) = (view.id, self.at);
        self.together(|desk| {
            if !green && used.other >= opened {
                desk.tell(&Event::Opened { session, seats: opened + 1, cause, at });
            }
            desk.tell(&Event::Extra { session, patient, booking, slot, class, cause, at });
            let notice = desk.notice(News::Extra, patient, slot);
            desk.tell_notice(super::Notice { booking: Some(booking), ..notice });
        });
        Ok(Answer::Granted(self.platform.granted(
            "extra_seat",
            self.platform.session_code(extras.extra),
            &grant,
        )))
    }

    pub(crate) fn add_seats(&mut self, ask: &command::Seats) -> Decided {
        let view = self.own_session(&ask.session)?;
        let cause = staff(self.rules(view.id).extra.reason_required)?;
        let now = self.seats_of(&view).seats;
        if ask.seats < now {
            let reason = said!(
                "the session has {seats} seats; `reduce_seats` leaves it fewer",
                "该班次有 {seats} 个号;减少请用 `reduce_seats`",
                seats = now
            );
            return Err(Malformed::field("seats", reason).into());
        }
        let more = ask.seats - now;
        // Seats that were taken out of the session come back before any is added over capacity.
        let blocked: u16 = (Self::blocks(&view).into_iter())
            .filter_map(|block| self.engine.tree(block))
            .map(|tree| u16::from(tree.seats() - tree.capacity()))
            .sum();
        let over = more.saturating_sub(blocked);
        if over > 0 {
            self.may_open(&view, over)?;
        }
        let grown = self.grow(&view, more.min(blocked));
        if grown > 0 {
            self.tell(&Event::Resized {
                session: view.id,
                by: i32::from(grown),
                stop: None,
                cause,
                at: self.at,
            });
        }
        if over > 0 {
            let seats = self.widen(&view, cause)?.opened + over;
            self.tell(&Event::Opened { session: view.id, seats, cause, at: self.at });
        }
        Ok(Answer::Done(Done::AddSeats(self.seats_of(&view))))
    }

    pub(crate) fn reduce_seats(&mut self, ask: &command::Seats) -> Decided {
        let view = self.own_session(&ask.session)?;
        let cause = staff(self.rules(view.id).extra.reason_required)?;
        let now = self.seats_of(&view);
        if ask.seats > now.seats {
            let reason = said!(
                "the session has {seats} seats; `add_seats` gives it more",
                "该班次有 {seats} 个号;增加请用 `add_seats`",
                seats = now.seats
            );
            return Err(Malformed::field("seats", reason).into());
        }
        if ask.seats < now.live {
            return Err(Stop::Refusal(
                Refusal::plain(Code::BelowLive).by(Binding::Limit(u32::from(now.live))),
                None,
            ));
        }
        let used = self.used(view.id).other;
        let opened = self.day.extras.get(&view.id).map_or(0, |extras| extras.opened);
        // Extra seats that nobody has go first.
        let closes = (now.seats - ask.seats).min(opened.saturating_sub(used));
        let shrinks = now.seats - ask.seats - closes;
        if shrinks > 0 {
            self.shrink(&view, shrinks)?;
            self.tell(&Event::Resized {
                session: view.id,
                by: -i32::from(shrinks),
                stop: None,
                cause,
                at: self.at,
            });
        }
        if closes > 0 {
            self.tell(&Event::Opened { session: view.id, seats: opened - closes, cause, at: self.at });
        }
        Ok(Answer::Done(Done::ReduceSeats(self.seats_of(&view))))
    }

    /// A session that may have extra seats: not a session of extra seats itself.
    fn own_session(&self, code: &str) -> Result<SessionView, Stop> {
        let view = self.session(code)?;
        if self.day.extra_of.contains_key(&view.id) { Err(refused(Code::NotAdmitted)) } else { Ok(view) }
    }

    /// Whether so many more may be opened: one a slot, and so many of a practitioner and day.
    fn may_open(&self, view: &SessionView, more: u16) -> Result<(), Stop> {
        let most = self.rules(view.id).extra.per_practitioner_day;
        let day = view.time.from.day();
        let ledger = self.day.extras.values();
        let opened: u16 = ledger
            .filter(|extras| extras.practitioner == view.practitioner && extras.day == day)
            .map(|extras| extras.opened)
            .sum();
        if opened.saturating_add(more) > most {
            return Err(limit(most));
        }
        let own = self.day.extras.get(&view.id).map_or(0, |extras| extras.opened);
        if own + more + self.used(view.id).green > view.slots { Err(limit(view.slots)) } else { Ok(()) }
    }

    /// The live extra seats of a session.
    fn used(&self, session: SessionId) -> Used {
        let occupants = self.extra_occupants(session);
        let green = occupants.iter().filter(|occupied| occupied.class == Class::Green).count();
        let count = |count: usize| u16::try_from(count).unwrap_or(u16::MAX);
        Used { green: count(green), other: count(occupants.len() - green) }
    }

    fn extra_occupants(&self, session: SessionId) -> Vec<Occupied> {
        let extra = self.day.extras.get(&session).and_then(|extras| self.engine.session(extras.extra));
        extra.map_or_else(Vec::new, |view| {
            Self::slots(&view)
                .flat_map(|slot| self.engine.occupants(slot, self.at).unwrap_or_default())
                .collect()
        })
    }

    /// The seats of a session, those of the green channel not counted.
    fn seats_of(&self, view: &SessionView) -> Seats {
        let usable: u16 = Self::blocks(view)
            .into_iter()
            .filter_map(|block| self.engine.tree(block))
            .map(|tree| u16::from(tree.capacity()))
            .sum();
        let live: usize = Self::slots(view)
            .map(|slot| self.engine.occupants(slot, self.at).unwrap_or_default().len())
            .sum();
        let extras = self.day.extras.get(&view.id).map_or(0, |extras| extras.opened);
        let used = self.used(view.id);
        let live = u16::try_from(live).unwrap_or(u16::MAX);
        Seats {
            session: view.code.clone(),
            seats: usable + extras,
            live: live + used.other,
            extra: extras,
            green: used.green,
        }
    }

    /// The session of extra seats beside a session; published when the first is needed.
    fn widen(&mut self, view: &SessionView, _cause: Cause) -> Result<Extras, Stop> {
        if let Some(extras) = self.day.extras.get(&view.id) {
            return Ok(*extras);
        }
        let code = format!("{}{SUFFIX}", view.code);
        // Published by an earlier command that did not come to its end.
        let extra = if let Some(extra) = self.engine.find(&code) {
            extra
        } else {
            let plan = self.extra_plan(view, code)?;
            self.platform.publish_extra(&plan, self.at)?
        };
        let (practitioner, day, at) = (view.practitioner, view.time.from.day(), self.at);
        self.tell(&Event::Widened { session: view.id, extra, practitioner, day, at });
        for slot in Self::slots(view) {
            self.show_waiting(SlotRef { session: extra, slot: slot.slot });
        }
        self.day.extras.get(&view.id).copied().ok_or(refused(Code::UnknownSession))
    }

    /// One seat a slot, one pool for everybody, the rules of the session without its limits on how often.
    fn extra_plan(&self, view: &SessionView, code: String) -> Result<Plan, Stop> {
        let session = Session {
            code,
            institution: view.institution,
            department: view.department,
            practitioner: view.practitioner,
            grade: view.grade,
            kind: view.kind,
            time: view.time,
            slot_ms: view.slot_ms,
            capacity: vec![1; usize::from(view.slots)],
        };
        session.check().map_err(|error| Malformed::field("session", error.said()))?;
        let pool = NodeIndex::new(1).unwrap_or_default();
        let mut routes = Routes::default();
        for class in Class::ALL {
            routes.set_all(*class, Route::one(pool));
        }
        let origin = session.origin();
        let trees = Self::slots(view).map(|slot| {
            let closes = Self::time(view, slot.slot).to.ms() - origin.ms();
            let root = Node { closes, ..Node::plain("ROOT", NodeIndex::ROOT) };
            PoolTree::new(1, vec![root, Node::plain("EXTRA", NodeIndex::ROOT)], routes)
        });
        let trees = trees
            .collect::<Result<Vec<_>, _>>()
            .map_err(|error| Malformed::field("session", error.said()))?;
        let rules = self.engine.rules(view.id).cloned().unwrap_or_default();
        let green = 1 << Class::Green.number();
        let rules = Rules {
            limits: Vec::new(),
            holds_per_session: u8::MAX,
            holds_per_patient: u8::MAX,
            // The right of other classes is that of the person who gives the seat.
            ticket_free: rules.ticket_free | !green,
            ..rules
        };
        Ok(Plan { session, blocks: Blocks::PerSlot(trees), rules })
    }

    /// Takes seats that nobody has out of the session, from its last slot backwards; all or none.
    fn shrink(&mut self, view: &SessionView, seats: u16) -> Result<(), Stop> {
        let mut left = seats;
        let mut done: Vec<(SlotRef, PoolTree)> = Vec::new();
        for block in Self::blocks(view).into_iter().rev() {
            let Some(tree) = self.engine.tree(block).cloned() else { continue };
            let free = u16::from(tree.capacity()).saturating_sub(self.live_in(view, block));
            // A block keeps one usable seat: who wants none of it stops the slot. Less than 64 seats a block.
            let most = u16::from(tree.capacity().saturating_sub(1));
            let takes = u8::try_from(free.min(left).min(most)).unwrap_or(0);
            if takes == 0 {
                continue;
            }
            let smaller = with_usable(&tree, tree.capacity() - takes);
            let resized = smaller
                .ok_or(Refusal::plain(Code::BelowLive))
                .and_then(|smaller| self.engine.resize(block, &smaller, self.at));
            if let Err(refusal) = resized {
                self.put_back(done);
                return Err(Stop::Refusal(refusal, Some(block)));
            }
            done.push((block, tree));
            left -= u16::from(takes);
        }
        if left > 0 {
            // Somebody was quicker, or every slot is down to its last seat.
            self.put_back(done);
            return Err(refused(Code::BelowLive));
        }
        Ok(())
    }

    fn put_back(&self, trees: Vec<(SlotRef, PoolTree)>) {
        for (block, tree) in trees {
            // As it was a moment ago: what is live fits.
            let _ = self.engine.resize(block, &tree, self.at);
        }
    }

    /// Makes seats usable again that were taken out of the session, from its first slot on; how many.
    fn grow(&mut self, view: &SessionView, seats: u16) -> u16 {
        let mut grown = 0;
        for block in Self::blocks(view) {
            let Some(tree) = self.engine.tree(block) else { continue };
            let gives = u16::from(tree.seats() - tree.capacity()).min(seats - grown);
            let usable = tree.capacity() + u8::try_from(gives).unwrap_or(0);
            if gives == 0 {
                continue;
            }
            // What was guaranteed stays guaranteed; the seats that are back are for everybody.
            let larger = tree.resized(usable, tree.nodes().to_vec());
            if larger.is_ok_and(|larger| self.engine.resize(block, &larger, self.at).is_ok()) {
                grown += gives;
                self.serve(block);
            }
        }
        grown
    }

    /// Live seats of a block.
    fn live_in(&self, view: &SessionView, block: SlotRef) -> u16 {
        let slots = if view.whole { Self::slots(view).collect() } else { vec![block] };
        let live: usize = (slots.into_iter())
            .map(|slot| self.engine.occupants(slot, self.at).unwrap_or_default().len())
            .sum();
        u16::try_from(live).unwrap_or(u16::MAX)
    }
}

/// The tree with another number of usable seats. Where the minima no longer fit, they are lowered from the last pool backwards: what is
/// not reserved by law goes first.
pub(super) fn with_usable(tree: &PoolTree, usable: u8) -> Option<PoolTree> {
    let mut nodes = tree.nodes().to_vec();
    loop {
        if let Ok(tree) = tree.resized(usable, nodes.clone()) {
            return Some(tree);
        }
        let lowered = nodes.iter_mut().rev().find(|node| node.guarantee > 0)?;
        lowered.guarantee -= 1;
        for fence in &mut lowered.fences {
            fence.seats = fence.seats.min(lowered.guarantee);
        }
    }
}

fn limit(most: u16) -> Stop {
    Stop::Refusal(Refusal::plain(Code::ExtraLimit).by(Binding::Limit(u32::from(most))), None)
}

//! Notices: what the host has to tell patients, pulled with a cursor; and forgetting what was told and what is long over.
//!
//! INVARIANT (stable numbers): a notice has one number for ever, also after a restart; whoever remembers the last number that
//! was told tells every notice exactly once.

use super::event::Event;
use super::state::News;
use super::{Desk, staff};
use crate::answer::{self, Answer, Done};
use crate::command::day::{Notices, Retire};
use crate::malformed::Malformed;
use crate::platform::Decided;
use crate::text::Text;
use haoyuan_core::day::NoticeRules;
use haoyuan_core::ids::{BookingId, SlotRef};
use haoyuan_core::instant::Instant;
use haoyuan_core::request::Standing;
use haoyuan_core::said;
use haoyuan_engine::{Occupied, Trace};
use std::collections::BTreeSet;

impl<T: Trace> Desk<'_, T> {
    pub(crate) fn notices(&self, ask: &Notices) -> Decided {
        let most = ask.most.unwrap_or(Notices::MOST_DEFAULT);
        if most == 0 || most > Notices::MOST_MAX {
            let reason = said!(
                "an answer has 1 to {most} notices",
                "一次答复须列出 1 至 {most} 条通知",
                most = Notices::MOST_MAX
            );
            return Err(Malformed::field("most", reason).into());
        }
        let after = ask.after.unwrap_or(0);
        // What was forgotten had been told.
        let after = after.max(self.day.told);
        let from = ((after - self.day.told) as usize).min(self.day.notices.len());
        // A cursor beyond every number has nothing after it.
        let told = self.day.notices[from..].iter().zip(after.saturating_add(1)..).take(most as usize);
        let notices: Vec<answer::Notice> = told
            .map(|(notice, number)| answer::Notice {
                number,
                news: notice.news,
                message: answer::Message { en: notice.news.en(), zh: notice.news.zh() },
                patient: notice.patient,
                at: notice.at,
                session: self.platform.session_code(notice.slot.session),
                slot: notice.slot.slot.get(),
                booking: notice.booking,
                entry: notice.entry,
                ticket: notice.ticket,
                until: notice.until,
            })
            .collect();
        let last = notices.last().map_or(after, |notice| notice.number);
        let more = ((last - self.day.told) as usize) < self.day.notices.len();
        Ok(Answer::Done(Done::Notices { notices, last, more }))
    }

    /// Tells what is due of holds and bookings, each thing once: that they are there, that a hold is about to expire, that a
    /// visit is near. Looks at every slot to come of sessions whose rules have it told, under the day's lock: in the way of what takes
    /// that lock, and of no other claim.
    pub(crate) fn remind(&mut self) {
        if !self.day.telling {
            return;
        }
        let mut live = BTreeSet::new();
        let (today, last) = (self.at.day(), haoyuan_core::instant::Day(i32::MAX));
        for session in self.engine.sessions_between(today, last) {
            let rules = self.rules(session).notices;
            let Some(view) = self.engine.session(session).filter(|_| rules.tell()) else { continue };
            for slot in Self::slots(&view) {
                let starts = Self::time(&view, slot.slot).from;
                if starts <= self.at {
                    continue;
                }
                for occupied in self.engine.occupants(slot, self.at).unwrap_or_default() {
                    live.insert(Text(occupied.booking));
                    self.remind_of(&rules, slot, starts, &occupied);
                }
            }
        }
        let mut bookings: Vec<Text<BookingId>> = self.day.known.iter().map(|(booking, _)| *booking).collect();
        bookings.dedup();
        bookings.retain(|booking| !live.contains(booking));
        if !bookings.is_empty() {
            self.tell(&Event::Silenced { bookings, at: self.at });
        }
    }

    fn remind_of(&mut self, rules: &NoticeRules, slot: SlotRef, starts: Instant, occupied: &Occupied) {
        let mut due = Vec::new();
        match occupied.standing {
            Standing::HeldUntil(expires) => {
                due.push((News::Held, rules.held, Some(expires)));
                let ends = rules.expiring_ms > 0 && self.at >= expires.plus(-rules.expiring_ms);
                due.push((News::Expiring, ends, Some(expires)));
            }
            Standing::Booked => {
                due.push((News::Booked, rules.booked, None));
                let from = starts.plus(-rules.reminder_ms);
                // Who booked so late knows.
                let near = rules.reminder_ms > 0 && self.at >= from && self.booked_at(occupied) < from;
                due.push((News::Reminder, near, None));
            }
        }
        for (news, is_due, until) in due {
            if is_due && !self.day.known.contains(&(Text(occupied.booking), news)) {
                let notice = self.notice(news, occupied.patient, slot);
                self.tell_notice(super::Notice { booking: Some(occupied.booking), until, ..notice });
            }
        }
    }

    pub(crate) fn retire(&mut self, retire: &Retire) -> Decided {
        staff(false)?;
        let newest = self.day.told + u32::try_from(self.day.notices.len()).unwrap_or(u32::MAX);
        if retire.notices.is_some_and(|through| through > newest) {
            let reason = said!(
                "the last notice is number {newest}; name it or an earlier one",
                "最后一条通知的编号是 {newest};请写该编号或更早的",
                newest
            );
            return Err(Malformed::field("notices", reason).into());
        }
        let latest = haoyuan_core::instant::Day(self.at.day().0 - Retire::KEPT_DAYS);
        if retire.before.is_some_and(|before| before > latest) {
            let reason = said!(
                "reports and ladders look back {days} days; name a day at least so long ago",
                "报表与限制规则需回溯 {days} 天;请写更早的日期",
                days = Retire::KEPT_DAYS
            );
            return Err(Malformed::field("before", reason).into());
        }
        let (notices, visits) = (self.day.notices.len(), self.day.visits.len());
        if let Some(through) = retire.notices.filter(|through| *through > self.day.told) {
            self.tell(&Event::Told { through, at: self.at });
        }
        if let Some(before) = retire.before {
            let last = haoyuan_core::instant::Day(before.0 - 1);
            let mut sessions = self.engine.sessions_between(haoyuan_core::instant::Day(i32::MIN), last);
            sessions.sort_unstable();
            let is_old = |booking: &Text<BookingId>| {
                self.engine
                    .slot_of(booking.0)
                    .is_none_or(|slot| sessions.binary_search(&slot.session).is_ok())
            };
            let bookings = self.day.granted.keys().copied().filter(is_old).collect();
            self.tell(&Event::Retired { before, sessions, bookings, at: self.at });
        }
        // Last: what goes by the day asks for the sessions of that day.
        let sessions = if retire.sessions { self.engine.retire(self.at).len() } else { 0 };
        Ok(Answer::Done(Done::Retire {
            notices: notices - self.day.notices.len(),
            visits: visits - self.day.visits.len(),
            sessions,
        }))
    }
}

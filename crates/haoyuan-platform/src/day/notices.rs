//! Notices: what the host has to tell patients, pulled with a cursor; and forgetting what was told and what is long over.
//!
//! INVARIANT (stable numbers): a notice has one number for ever, also after a restart; whoever remembers the last number that
//! was told tells every notice exactly once.

use super::event::Event;
use super::seen::{Look, Seen};
use super::state::News;
use super::{Desk, staff};
use crate::answer::{self, Answer, Done};
use crate::command::day::{Notices, Retire};
use crate::malformed::Malformed;
use crate::platform::Decided;
use crate::text::Text;
use haoyuan_core::day::NoticeRules;
use haoyuan_core::ids::{BookingId, Sequence, SlotRef};
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
    /// visit is near. Of every slot to come of sessions whose rules have it told it loads one word, and looks at those only of
    /// which something has changed or is due; how many. Under the day's lock: in the way of what takes that lock, and of no other
    /// claim.
    pub(crate) fn remind(&mut self) -> usize {
        if !self.day.telling {
            return 0;
        }
        let mut before = std::mem::take(&mut self.day.seen);
        let anew = before.at.is_none_or(|seen| self.at < seen);
        // Bookings that were there and may not be any more.
        let mut gone: BTreeSet<Text<BookingId>> = BTreeSet::new();
        if anew {
            before.sessions.clear();
            gone.extend(self.day.known.iter().map(|(booking, _)| *booking));
        }
        let mut seen = Seen { at: Some(self.at), ..Seen::default() };
        let mut looked = 0;
        let (today, last) = (self.at.day(), haoyuan_core::instant::Day(i32::MAX));
        for session in self.engine.sessions_between(today, last) {
            let rules = self.rules(session).notices;
            let Some(view) = self.engine.session(session).filter(|_| rules.tell()) else { continue };
            let mut looks = before.sessions.remove(&session).unwrap_or_default();
            looks.resize_with(usize::from(view.slots), Look::default);
            for (slot, look) in Self::slots(&view).zip(&mut looks) {
                // Before its occupants: what happens in between is seen now, and looked at again.
                let sequence = self.engine.sequence(slot).unwrap_or_default();
                if look.holds(sequence, self.at) {
                    continue;
                }
                looked += 1;
                gone.extend(look.live.drain(..).map(Text));
                *look = self.look(&rules, slot, sequence, Self::time(&view, slot.slot).from);
                for booking in &look.live {
                    gone.remove(&Text(*booking));
                }
            }
            seen.sessions.insert(session, looks);
        }
        // Sessions that are over.
        gone.extend(before.sessions.into_values().flatten().flat_map(|look| look.live).map(Text));
        let is_known = |booking: &Text<BookingId>| {
            let told = self.day.known.range((*booking, News::ALL[0])..).next();
            told.is_some_and(|(told, _)| told == booking)
        };
        let bookings: Vec<Text<BookingId>> = gone.into_iter().filter(is_known).collect();
        if !bookings.is_empty() {
            self.tell(&Event::Silenced { bookings, at: self.at });
        }
        self.day.seen = seen;
        looked
    }

    /// Tells what is due in a slot that starts at this instant.
    fn look(&mut self, rules: &NoticeRules, slot: SlotRef, sequence: Sequence, starts: Instant) -> Look {
        if starts <= self.at {
            return Look { sequence, due: Some(Instant::MAX), live: Vec::new() };
        }
        let (mut due, mut live) = (starts, Vec::new());
        for occupied in self.engine.occupants(slot, self.at).unwrap_or_default() {
            live.push(occupied.booking);
            due = due.min(self.remind_of(rules, slot, starts, &occupied));
        }
        Look { sequence, due: Some(due), live }
    }

    /// Tells what is due of a hold or booking; the next instant at which something else can be.
    fn remind_of(
        &mut self,
        rules: &NoticeRules,
        slot: SlotRef,
        starts: Instant,
        occupied: &Occupied,
    ) -> Instant {
        let (told, until, later) = match occupied.standing {
            Standing::HeldUntil(expires) => {
                let from = expires.plus(-rules.expiring_ms);
                let ends = rules.expiring_ms > 0 && self.at >= from;
                let told = [(News::Held, rules.held), (News::Expiring, ends)];
                (told, Some(expires), if self.at < from { from } else { expires })
            }
            Standing::Booked => {
                let from = starts.plus(-rules.reminder_ms);
                // Who booked so late knows.
                let near = rules.reminder_ms > 0 && self.at >= from && self.booked_at(occupied) < from;
                let told = [(News::Booked, rules.booked), (News::Reminder, near)];
                (told, None, if self.at < from { from } else { starts })
            }
        };
        for (news, is_due) in told {
            if is_due && !self.day.known.contains(&(Text(occupied.booking), news)) {
                let notice = self.notice(news, occupied.patient, slot);
                self.tell_notice(super::Notice { booking: Some(occupied.booking), until, ..notice });
            }
        }
        later
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

#[cfg(test)]
mod tests {
    use crate::Platform;
    use crate::day::seen::Seen;
    use haoyuan_core::instant::Instant;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn at(minute: i64) -> Value {
        let (day, hour, of_hour) = (4 + minute / 1_440, minute / 60 % 24, minute % 60);
        json!(format!("2026-03-{day:02}T{hour:02}:{of_hour:02}:00+08:00"))
    }

    fn instant(minute: i64) -> Instant {
        // 2026-03-04 00:00 at +08:00.
        Instant::saturating(1_772_553_600_000 + minute * 60_000)
    }

    fn tell(platform: &Platform, command: &Value) -> Value {
        serde_json::from_str(&platform.execute(&command.to_string())).unwrap()
    }

    fn done(platform: &Platform, command: &Value) {
        let answer = tell(platform, command);
        assert_eq!(answer["outcome"], "done", "{answer}");
    }

    /// Sessions on the mornings from the 5th, of six slots of ten minutes and four seats each.
    fn house(notices: &str, days: i64) -> Platform {
        let platform = Platform::new();
        let early = "2026-02-01T09:00:00+08:00";
        done(&platform, &json!({"command": "open", "at": early, "for_seats": 5_000}));
        done(
            &platform,
            &json!({"command": "directory", "at": early, "entries": {
            "institution": [{"code": "P1", "name": "甲", "tier": "primary"}],
            "department": [{"institution": "P1", "code": "GEN", "name": "全科"}],
            "practitioner": [{"code": "D1", "name": "丙", "sites": ["P1"]}]}}),
        );
        done(
            &platform,
            &json!({"command": "policy", "at": early, "toml": format!(
            "name = \"own\"\nextends = \"default\"\n[notices]\n{notices}\n")}),
        );
        for day in 0..days {
            let (from, to) = (at((1 + day) * 1_440 + 480), at((1 + day) * 1_440 + 540));
            done(
                &platform,
                &json!({"command": "publish", "at": early, "session": {"code": format!("S{day}"),
                "institution": "P1", "department": "GEN", "practitioner": "D1", "grade": "ordinary", "from": from, "to": to,
                "slot_minutes": 10, "seats": 4}}),
            );
        }
        platform
    }

    fn claim(platform: &Platform, word: &str, patient: u32, day: i64, slot: u32, minute: i64) -> Value {
        tell(
            platform,
            &json!({"command": word, "at": at(minute), "patient": format!("{patient:032x}"),
            "session": format!("S{day}"), "slot": slot, "class": "public", "channel": "app"}),
        )
    }

    const ALL: &str = "held = true\nbooked = true\nexpiring = \"5min\"\nreminder = \"1d\"";

    #[test]
    fn a_tick_looks_only_where_something_changed_or_is_due() {
        let platform = house(ALL, 7);
        let looked = |minute: i64| {
            platform.engine().tick(instant(minute));
            platform.desk_to_decide(instant(minute)).remind()
        };
        let told = || platform.day().notices.len();
        assert_eq!(looked(0), 7 * 6, "the first tick sees everything");
        assert_eq!(looked(1), 0);
        let granted = claim(&platform, "book", 1, 3, 0, 2);
        assert_eq!(granted["outcome"], "granted", "{granted}");
        assert_eq!((looked(2), told()), (1, 1));
        assert_eq!(claim(&platform, "hold", 2, 3, 1, 3)["outcome"], "granted");
        assert_eq!((looked(3), told()), (1, 2));
        assert_eq!(looked(4), 0);
        // The hold is about to expire, and expires.
        let mut looks = [0; 2];
        for minute in 5..60 {
            looks[usize::from(told() > 3)] += looked(minute);
        }
        assert_eq!((looks[0] + looks[1], told()), (2, 3));
        // The morning of the 5th: each slot is over once.
        let of_morning: usize = (1_910..1_990).map(looked).sum();
        assert_eq!((of_morning, told()), (6, 3));
        // The day before the 8th at 08:00: the visit is near. The sessions of the days between are over as a whole.
        let near = 3 * 1_440 + 480;
        assert_eq!(looked(near - 1), 0);
        assert_eq!((looked(near), told()), (1 + 1, 4), "with the first slot of the 7th");
        assert_eq!((looked(near + 1), told()), (0, 4));
        assert_eq!(looked(near), 5 * 6, "a clock that goes back");
        assert_eq!(told(), 4);
    }

    /// Every tick went through every stop there had ever been, and through all slots of each.
    #[test]
    fn a_tick_looks_at_stops_only_after_a_restart() {
        let platform = house("", 5);
        let stop = |day: u32| {
            let command = json!({"command": "stop", "at": at(0), "actor": {"role": "operator", "id": "00000000000000aa",
                "reason": 7}, "scope": {"session": format!("S{day}")}});
            done(&platform, &command);
        };
        let looked = || platform.desk_to_decide(instant(1)).complete_stops();
        for day in 0..5 {
            stop(day);
            assert_eq!(looked(), 0, "{day}");
        }
        platform.wake();
        assert_eq!((looked(), looked()), (5, 0));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

        /// What is told, and what is remembered of it, is the same as if every tick looked at everything.
        #[test]
        fn what_is_told_is_what_a_look_at_everything_tells(
            notices in prop_oneof![Just(ALL), Just("reminder = \"1d\""), Just("expiring = \"10min\""), Just("booked = true")],
            steps in proptest::collection::vec((0..7u8, 1..12u32, 0..3i64, 0..6u32, -30..400i64), 1..80),
        ) {
            let (own, whole) = (house(notices, 3), house(notices, 3));
            let mut minute = 100;
            for (what, patient, day, slot, wait) in steps {
                minute = (minute + wait * i64::from(what == 6)).max(0);
                let mut answers = Vec::new();
                for platform in [&own, &whole] {
                    answers.push(match what {
                        0 | 1 => claim(platform, "book", patient, day, slot, minute),
                        2 => claim(platform, "hold", patient, day, slot, minute),
                        3 | 4 => {
                            let command = json!({"command": "bookings", "at": at(minute), "patient": format!("{patient:032x}")});
                            let live = tell(platform, &command);
                            let Some(one) = live["bookings"].as_array().and_then(|all| all.first()) else { continue };
                            let word = if what == 3 { "confirm" } else { "cancel" };
                            tell(platform, &json!({"command": word, "at": at(minute), "patient": format!("{patient:032x}"),
                                "booking": one["booking"]}))
                        }
                        5 if patient == 1 => tell(platform, &json!({"command": "stop", "at": at(minute), "actor": {"role": "operator",
                            "id": "00000000000000aa", "reason": 7}, "scope": {"session": format!("S{day}"), "slot": slot}})),
                        _ => {
                            if std::ptr::eq(platform, &raw const whole) {
                                platform.day().seen = Seen::default();
                            }
                            tell(platform, &json!({"command": "tick", "at": at(minute)}))
                        }
                    });
                }
                prop_assert_eq!(answers.first(), answers.last());
                prop_assert_eq!(own.state_hash(), whole.state_hash());
            }
            let told = |platform: &Platform| platform.day().notices.clone();
            prop_assert_eq!(told(&own), told(&whole));
        }
    }
}

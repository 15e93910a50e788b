//! Notices: what the host has to tell patients, pulled with a cursor.
//!
//! INVARIANT (stable numbers): a notice has one number for ever, also after a restart; whoever remembers the last number that
//! was told tells every notice exactly once.

use super::Desk;
use crate::answer::{self, Answer, Done};
use crate::command::day::Notices;
use crate::malformed::Malformed;
use crate::platform::Decided;
use haoyuan_core::said;
use haoyuan_engine::Trace;

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
        let from = usize::try_from(after).unwrap_or(usize::MAX).min(self.day.notices.len());
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
        let more = usize::try_from(last).unwrap_or(usize::MAX) < self.day.notices.len();
        Ok(Answer::Done(Done::Notices { notices, last, more }))
    }
}

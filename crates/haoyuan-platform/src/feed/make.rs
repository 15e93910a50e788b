//! Making a feed: the engine's blocks as they stand, with the names of the directory.

use super::{
    Asked, FEED_SESSIONS_MAX, Feed, FeedBlock, FeedDepartment, FeedInstitution, FeedPractitioner,
    FeedSession, Schedule,
};
use crate::command;
use crate::malformed::Malformed;
use crate::platform::{Lookup, Platform};
use haoyuan_core::directory::Directory;
use haoyuan_core::ids::{SlotIndex, SlotRef};
use haoyuan_core::instant::{Day, Instant};
use haoyuan_core::pool::PoolTree;
use haoyuan_core::refusal::Code;
use haoyuan_core::said;
use haoyuan_engine::{Engine, SessionView, Trace};
use std::collections::HashMap;
use std::sync::Arc;

impl<T: Trace> Platform<T> {
    /// The public feed of some days: the command `feed` as a value. Reads only; each slot as it stands at some instant of the
    /// run.
    ///
    /// # Errors
    /// [`Malformed`] names the field and the reason.
    pub fn feed(&self, ask: &command::Feed) -> Result<Feed, Malformed> {
        let directory = self.directory();
        let (institution, department) = directory.place(ask.institution.as_ref(), ask.department.as_ref())?;
        check_days(ask.from, ask.to)?;
        let engine = self.engine();
        let sessions = engine.sessions_between(ask.from, ask.to);
        let views: Vec<SessionView> = sessions
            .into_iter()
            .filter_map(|id| engine.session(id))
            .filter(|view| institution.is_none_or(|id| id == view.institution))
            .filter(|view| department.is_none_or(|id| id == view.department))
            .take(FEED_SESSIONS_MAX + 1)
            .collect();
        if views.len() > FEED_SESSIONS_MAX {
            let reason = said!(
                "there are more than {most} sessions; ask for fewer days or one department",
                "班次多于 {most} 个;请缩短日期范围或只查一个科室",
                most = FEED_SESSIONS_MAX
            );
            return Err(Malformed::field("to", reason));
        }
        let mut making = Making {
            directory: &directory,
            institutions: Table::default(),
            departments: Table::default(),
            practitioners: Table::default(),
            trees: Table::default(),
        };
        let sessions = views.iter().filter_map(|view| making.session(engine, view, ask.at)).collect();
        let Making { institutions, departments, practitioners, trees, .. } = making;
        let names = (institutions.values, departments.values, practitioners.values);
        Ok(Feed::new(ask.at, names, trees.values, sessions))
    }

    /// The sessions of some days, each slot with what the decision would say for a class: the command `schedule`.
    pub(crate) fn schedule(&self, ask: &command::Schedule) -> Result<Schedule, Malformed> {
        if let Some(code) = &ask.practitioner {
            self.directory().need_practitioner(code)?;
        }
        let feed = self.feed(&command::Feed {
            at: ask.at,
            from: ask.from,
            to: ask.to,
            institution: ask.institution.clone(),
            department: ask.department.clone(),
        })?;
        let asked = Asked {
            class: ask.class,
            channel: ask.channel,
            days: (ask.from, ask.to),
            institution: ask.institution.as_deref(),
            department: ask.department.as_deref(),
            practitioner: ask.practitioner.as_deref(),
            at: ask.at,
        };
        // Of a slot where somebody may wait, the day knows whether anybody does, and what is kept back there.
        Ok(feed.schedule_by(&asked, |session, slot, seen| {
            let waits = seen.refusal.is_some_and(|refusal| refusal.code == Code::Waitlisted);
            let slot = self.engine().find(session).zip(SlotIndex::new(slot)).filter(|_| waits);
            let answer = slot.and_then(|(session, slot)| {
                self.availability(SlotRef { session, slot }, ask.class, ask.channel, ask.at).ok()
            });
            answer.unwrap_or(seen)
        }))
    }
}

fn check_days(from: Day, to: Day) -> Result<(), Malformed> {
    let most = command::Search::DAYS_MAX;
    if to < from || to.0 - from.0 >= most {
        let reason = said!(
            "the last day is the first or up to {days} days later",
            "截止日须不早于起始日,且最多晚 {days} 天",
            days = most - 1
        );
        return Err(Malformed::field("to", reason));
    }
    Ok(())
}

/// Values with a place each, by the number or address that they have elsewhere.
struct Table<V> {
    places: HashMap<usize, usize>,
    values: Vec<V>,
}

impl<V> Default for Table<V> {
    fn default() -> Self {
        Self { places: HashMap::new(), values: Vec::new() }
    }
}

impl<V> Table<V> {
    fn place(&mut self, number: usize, value: impl FnOnce() -> Option<V>) -> Option<usize> {
        if let Some(place) = self.places.get(&number) {
            return Some(*place);
        }
        self.values.push(value()?);
        self.places.insert(number, self.values.len() - 1);
        Some(self.values.len() - 1)
    }
}

/// A feed under way.
struct Making<'a> {
    directory: &'a Directory,
    institutions: Table<FeedInstitution>,
    departments: Table<FeedDepartment>,
    practitioners: Table<FeedPractitioner>,
    /// By address: the engine keeps one of each shape.
    trees: Table<PoolTree>,
}

impl Making<'_> {
    fn session<T: Trace>(
        &mut self,
        engine: &Engine<T>,
        view: &SessionView,
        at: Instant,
    ) -> Option<FeedSession> {
        let directory = self.directory;
        let institution = directory.institutions().get(view.institution.index())?;
        self.institutions.place(view.institution.index(), || {
            Some(FeedInstitution {
                code: institution.code.as_str().into(),
                name: institution.name.as_str().into(),
            })
        })?;
        let department = self.departments.place(view.department.index(), || {
            let department = directory.departments().get(view.department.index())?;
            Some(FeedDepartment {
                institution: institution.code.as_str().into(),
                code: department.code.as_str().into(),
                name: department.name.as_str().into(),
            })
        })?;
        let practitioner = self.practitioners.place(view.practitioner.index(), || {
            let practitioner = directory.practitioners().get(view.practitioner.index())?;
            Some(FeedPractitioner {
                code: practitioner.code.as_str().into(),
                name: practitioner.name.as_str().into(),
            })
        })?;
        let mut blocks = Vec::with_capacity(usize::from(view.slots));
        let (mut live, mut slot_seats) = (Vec::new(), 0);
        for slot in (0..view.slots).filter_map(SlotIndex::new) {
            let shown = engine.shown(SlotRef { session: view.id, slot }, at).ok()?;
            if let Some(share) = shown.share {
                live.push(share.live);
                slot_seats = share.seats;
            }
            // A block of a whole session was read once for each slot; the last reading stands for all.
            if view.whole {
                blocks.clear();
            }
            let address = std::ptr::from_ref(shown.tree).addr();
            let tree = self.trees.place(address, || Some(shown.tree.clone()))?;
            blocks.push(FeedBlock { tree, word: shown.word });
        }
        Some(FeedSession {
            code: Arc::clone(&view.code),
            department,
            practitioner,
            grade: view.grade,
            kind: view.kind,
            from: view.time.from,
            slot_ms: i64::from(view.slot_ms),
            slots: view.slots,
            blocks,
            live,
            slot_seats,
        })
    }
}

//! The platform: from names to numbers, through the engine, and back to names.

use crate::actor;
use crate::admin::Admin;
use crate::answer::{self, Answer, Binding, Done, Granted, Reason, Refused};
use crate::command::{self, Command};
use crate::day::state::Day;
use crate::malformed::Malformed;
use crate::recorded::Recorded;
use crate::text::Slot;
use haoyuan_core::directory::Directory;
use haoyuan_core::ids::{
    DepartmentId, InstitutionId, NodeIndex, PractitionerId, SessionId, SlotIndex, SlotRef,
};
use haoyuan_core::instant::{Day as Date, Instant};
use haoyuan_core::kpi;
use haoyuan_core::policy::{Policy, Presets};
use haoyuan_core::refusal::{Binding as Constraint, Code, Refusal};
use haoyuan_core::request::{
    Availability, Found, Grant, Order, Query, Settle, Settled, Standing, Ticket, Wish,
};
use haoyuan_core::said;
use haoyuan_core::said::Said;
use haoyuan_core::terms::{Channel, Class};
use haoyuan_engine::{Engine, Limits, Occupied, Trace, Unnamed};
use parking_lot::{Mutex, MutexGuard, RwLock};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// Institutions, policies and sessions by name, over one engine. All methods take `&self`.
///
/// # Consistency
/// - A decision (`hold`, `book`, `confirm`, `cancel`, `availability`) is the engine's: lock-free there, linearized by one
///   compare-and-swap. Here it looks a session up by its code and takes no lock that publishing holds. The lock of the
///   hospital's day is taken by a claim, a confirmation or a question only where somebody waits for the slot or a returned seat
///   is kept back, and by the cancellation of a booking whose policy counts it or keeps the seat back.
/// - Administration (`directory`, `policy`, `publish`, `roster`) is one at a time and all or nothing: a command that is
///   answered with an error has changed nothing.
/// - A command names session and slot before the engine sees it: where the name is unknown, the refusal is given here
///   and an idempotency key stays unused.
pub struct Platform<T: Trace = ()> {
    engine: OnceLock<Engine<T>>,
    /// Waits for the engine; taken when it is opened.
    trace: Mutex<Option<T>>,
    ceiling: Limits,
    /// Replaced as a whole, so that readers never wait for a file to be read.
    directory: RwLock<Arc<Directory>>,
    /// Taken before `admin`.
    day: Mutex<Day>,
    admin: Mutex<Admin>,
    /// Whether any session's rules count cancellations or keep returned seats back: only then does a cancellation look at
    /// them.
    watching: AtomicBool,
    /// Whether any block keeps a returned seat back: only then does a search look at them.
    keeping: AtomicBool,
}

impl<T: Trace> std::fmt::Debug for Platform<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Platform").field("engine", &self.engine.get()).finish_non_exhaustive()
    }
}

impl Default for Platform {
    fn default() -> Self {
        Self::new()
    }
}

impl Platform {
    /// A platform without a trace. The engine is opened by the first command: `open` chooses its sizes, any other takes
    /// the default ones.
    #[must_use]
    pub fn new() -> Self {
        Self::with_trace(())
    }
}

impl<T: Trace> Platform<T> {
    /// A platform that tells every fact to `trace`.
    #[must_use]
    pub fn with_trace(trace: T) -> Self {
        // What `open` may ask for: a province, or what fits beside the rest in 32 bits of address space.
        let ceiling =
            Limits::for_seats(if cfg!(target_pointer_width = "64") { 16_000_000 } else { 2_000_000 });
        Self {
            engine: OnceLock::new(),
            trace: Mutex::new(Some(trace)),
            ceiling,
            directory: RwLock::default(),
            day: Mutex::default(),
            admin: Mutex::default(),
            watching: AtomicBool::new(false),
            keeping: AtomicBool::new(false),
        }
    }

    /// The same with other bounds on what the command `open` may ask for; memory is reserved when it is decided.
    #[must_use]
    pub fn with_ceiling(self, ceiling: Limits) -> Self {
        Self { ceiling, ..self }
    }

    /// The engine; opened with its default sizes if nothing has opened it before.
    pub fn engine(&self) -> &Engine<T> {
        self.open(Limits::default()).0
    }

    /// Whether the engine is open; asking for it would open it.
    pub(crate) fn is_open(&self) -> bool {
        self.engine.get().is_some()
    }

    /// The directory as it is now.
    #[must_use]
    pub fn directory(&self) -> Arc<Directory> {
        Arc::clone(&self.directory.read())
    }

    /// The policy under which sessions of an institution are published now; the default preset if nobody has set one.
    /// `None` never happens.
    #[must_use]
    pub fn policy(&self, institution: InstitutionId) -> Option<Arc<Policy>> {
        self.admin.lock().policy_of(institution).ok()
    }

    /// The engine, and whether this call opened it.
    pub(crate) fn open(&self, limits: Limits) -> (&Engine<T>, bool) {
        let mut opened = false;
        let engine = self.engine.get_or_init(|| {
            opened = true;
            self.admin.lock().opened(limits);
            match self.trace.lock().take() {
                Some(trace) => Engine::with_trace(limits, trace),
                None => unreachable!("the engine is opened once, and nothing else takes the trace"),
            }
        });
        (engine, opened)
    }

    pub(crate) fn day(&self) -> MutexGuard<'_, Day> {
        self.day.lock()
    }

    /// Whether cancellations and searches have to look at the day is known without the lock.
    pub(crate) fn note(&self, day: &Day) {
        // Relaxed: whoever books in a session that counts them was told of it after this.
        let offering = !day.proposed.is_empty();
        self.watching.store(day.counting || day.keeping || offering, Ordering::Relaxed);
        // Relaxed: a search that misses it comes before.
        self.keeping.store(!day.returned.is_empty(), Ordering::Relaxed);
    }

    pub(crate) fn admin(&self) -> MutexGuard<'_, Admin> {
        self.admin.lock()
    }

    /// Tells the trace of a command that changed names, policies or sizes, and keeps it for the next snapshot.
    pub(crate) fn administered(&self, admin: &mut Admin, command: Command) {
        self.recorded(admin, &Recorded { command, presets: Presets::default() });
    }

    fn recorded(&self, admin: &mut Admin, recorded: &Recorded) {
        let (command, json) = (&recorded.command, recorded.to_json());
        match (self.engine.get(), &*self.trace.lock()) {
            (Some(engine), _) => engine.trace().administered(command.word(), &json, command.at()),
            (None, Some(trace)) => trace.administered(command.word(), &json, command.at()),
            (None, None) => {}
        }
        admin.keep(command, json);
    }

    /// Executes one line of JSON and answers with one line of JSON. Never panics; see [`Answer`] for the shapes.
    #[must_use]
    pub fn execute(&self, line: &str) -> String {
        self.answer(line).to_json()
    }

    /// The same, for line `number` of a file: the answer begins with `"line":number`.
    #[must_use]
    pub fn execute_line(&self, number: u64, line: &str) -> String {
        self.answer(line).to_json_at(number)
    }

    /// Executes one line of JSON.
    #[must_use]
    pub fn answer(&self, line: &str) -> Answer {
        match Command::parse_by(line) {
            Ok((command, None)) => self.decide(&command),
            Ok((command, Some(actor))) => actor::by(&actor, || self.decide(&command)),
            Err(malformed) => Answer::Error(malformed),
        }
    }

    /// Executes one command.
    #[must_use]
    pub fn decide(&self, command: &Command) -> Answer {
        let decided = match command {
            Command::Open(open) => self.open_with(open),
            Command::Directory(file) => self.extend_directory(file),
            Command::Policy(policy) => self.set_policy(policy, &Presets::default()),
            Command::Publish(publish) => self.publish(publish),
            Command::Roster(roster) => self.publish_roster(roster),
            Command::Ticket(ticket) => self.issue_ticket(ticket),
            Command::Availability(ask) => self.tell_availability(ask),
            Command::Hold(wish) => self.claim(wish, command.word(), Self::hold),
            Command::Book(wish) => self.claim(wish, command.word(), Self::book),
            Command::Confirm(settle) => self.settle(settle, Self::confirm, Done::Confirm),
            Command::Cancel(settle) => self.settle(settle, Self::cancel, Done::Cancel),
            Command::Tick(tick) => Ok(Answer::Done(Done::Tick { swept: self.tick(tick.at) })),
            Command::WaitlistJoin(_)
            | Command::WaitlistLeave(_)
            | Command::WaitlistDecline(_)
            | Command::Waitlist(_)
            | Command::Stop(_)
            | Command::Resume(_)
            | Command::Rebook(_)
            | Command::Move(_)
            | Command::Substitute(_)
            | Command::AddSeats(_)
            | Command::ReduceSeats(_)
            | Command::ExtraSeat(_)
            | Command::CheckIn(_)
            | Command::CallNext(_)
            | Command::Pass(_)
            | Command::Enter(_)
            | Command::Finish(_)
            | Command::NoShow(_)
            | Command::Correct(_)
            | Command::MergeIdentities(_)
            | Command::Notices(_)
            | Command::Retire(_) => self.desk_to_decide(command.at()).decide(command),
            Command::Search(search) => self.list(search),
            Command::Load(load) => self.load(load),
            Command::Schedule(ask) => {
                self.schedule(ask).map(|schedule| Answer::Done(Done::Schedule(schedule))).map_err(Stop::Error)
            }
            Command::Feed(ask) => self
                .feed(ask)
                .map(|feed| Answer::Done(Done::Feed { feed: Box::new(feed.to_text()) }))
                .map_err(Stop::Error),
            Command::Bookings(bookings) => self.bookings(bookings),
            Command::Session(describe) => self.describe(describe),
            Command::Audit(_) => Ok(Answer::Done(match self.engine().audit() {
                Ok(audit) => Done::Audit {
                    sound: true,
                    counted: Some(audit.into()),
                    broken: Vec::new(),
                    broken_zh: Vec::new(),
                },
                Err(broken) => {
                    let (broken, broken_zh) = broken.into_iter().map(|law| (law.en, law.zh)).unzip();
                    Done::Audit { sound: false, counted: None, broken, broken_zh }
                }
            })),
            Command::StateHash(_) => {
                let hash = blake3::Hash::from_bytes(self.state_hash()).to_hex().to_string();
                Ok(Answer::Done(Done::StateHash { hash }))
            }
        };
        decided.unwrap_or_else(|stop| match stop {
            Stop::Error(malformed) => Answer::Error(malformed),
            Stop::Refusal(refusal, slot) => {
                Answer::Refused(Refused { command: command.word(), reason: self.reason(&refusal, slot) })
            }
        })
    }

    // ---- administration -------------------------------------------------------------------------------------------

    fn open_with(&self, open: &command::Open) -> Decided {
        if open.for_seats.is_some_and(|seats| seats == 0 || seats > self.ceiling.seats) {
            let reason = said!(
                "the host allows 1 to {most} seats",
                "宿主系统允许 1 至 {most} 个号",
                most = self.ceiling.seats
            );
            return Err(Malformed::field("for_seats", reason).into());
        }
        let limits = limits_of(open);
        let most = self.ceiling;
        for (name, asked, most) in [
            ("blocks", limits.blocks, most.blocks),
            ("seats", limits.seats, most.seats),
            ("sessions", limits.sessions, most.sessions),
            ("shapes", limits.shapes, most.shapes),
            ("patients", limits.patients, most.patients),
            ("entries", limits.entries, most.entries),
        ] {
            if asked == 0 || asked > most {
                let reason = said!(
                    "the host allows 1 to {most} {name}, and this asks for {asked}",
                    "宿主系统允许 `{name}` 为 1 至 {most},此处为 {asked}",
                    most,
                    name,
                    asked
                );
                return Err(Malformed::field(name, reason).into());
            }
        }
        if !self.open(limits).1 {
            let reason = said!(
                "the engine is already open; `open` comes first or never",
                "系统已经打开;`open` 只能是第一条命令"
            );
            return Err(Malformed::field("command", reason).into());
        }
        self.administered(&mut self.admin.lock(), Command::Open(open.clone()));
        Ok(Answer::Done(Done::Open {
            limits: answer::Sizes {
                blocks: limits.blocks,
                seats: limits.seats,
                sessions: limits.sessions,
                shapes: limits.shapes,
                patients: limits.patients,
                entries: limits.entries,
            },
        }))
    }

    fn extend_directory(&self, file: &command::Directory) -> Decided {
        // The administration lock is held from reading to replacing: two files at once would lose one.
        let mut admin = self.admin.lock();
        let mut directory = Directory::clone(&self.directory());
        match (&file.toml, &file.entries) {
            (Some(toml), None) => {
                directory.extend_from("toml", toml).map_err(|error| Malformed::file("toml", error))?;
            }
            (None, Some(entries)) => directory
                .extend(entries)
                .map_err(|error| Malformed::field(&format!("entries.{}", error.key), error.reason))?,
            _ => {
                let reason = said!(
                    "give the directory either as `toml` or as `entries`",
                    "目录须以 `toml` 或 `entries` 给出,且只给出其一"
                );
                return Err(Malformed::field("toml", reason).into());
            }
        }
        let done = Done::Directory {
            institutions: directory.institutions().len(),
            alliances: directory.alliances().len(),
            departments: directory.departments().len(),
            practitioners: directory.practitioners().len(),
        };
        *self.directory.write() = Arc::new(directory);
        self.administered(&mut admin, Command::Directory(file.clone()));
        Ok(Answer::Done(done))
    }

    /// Sets a policy, made of these presets where they are named, and of the built-in ones.
    pub(crate) fn set_policy(&self, set: &command::Policy, presets: &Presets) -> Decided {
        let institution =
            set.institution.as_deref().map(|code| self.directory().need_institution(code)).transpose()?;
        let mut admin = self.admin.lock();
        let policy = admin.set_policy(institution, set, presets)?;
        let presets = policy.bases().map(|(name, text)| (name.to_owned(), text.to_owned())).collect();
        self.recorded(&mut admin, &Recorded { command: Command::Policy(set.clone()), presets });
        Ok(Answer::Done(Done::Policy {
            institution: set.institution.clone(),
            policy: policy.name().to_owned(),
        }))
    }

    fn publish(&self, publish: &command::Publish) -> Decided {
        let engine = self.engine();
        let (mut day, mut admin) = (self.day.lock(), self.admin.lock());
        let published = admin.publish(engine, &mut day, &self.directory(), &publish.session, publish.at)?;
        self.note(&day);
        Ok(Answer::Done(Done::Publish(published)))
    }

    fn publish_roster(&self, roster: &command::Roster) -> Decided {
        let engine = self.engine();
        let (mut day, mut admin) = (self.day.lock(), self.admin.lock());
        let (sessions, seats) =
            admin.publish_roster(engine, &mut day, &self.directory(), &roster.csv, roster.at)?;
        self.note(&day);
        Ok(Answer::Done(Done::Roster { sessions, seats }))
    }

    fn issue_ticket(&self, issue: &command::Ticket) -> Decided {
        let directory = self.directory();
        let institution = directory.need_institution(&issue.institution)?;
        let department = match &issue.department {
            Some(code) => Some(directory.need_department(institution, code)?),
            None => None,
        };
        let issuer = issue
            .issuer
            .as_ref()
            .map(|code| {
                directory.institution(code).ok_or_else(|| unknown("issuer", &said!("institution", "机构")))
            })
            .transpose()?;
        if matches!(issue.class, Class::ReferralSecondary | Class::ReferralPrimary) {
            let Some(issuer) = issuer else {
                let reason = said!("a referral names the institution that refers", "转诊须写明转出的机构");
                return Err(Malformed::field("issuer", reason).into());
            };
            if directory.referral_class(issuer, institution) != Some(issue.class) {
                let reason = said!(
                    "an institution refers to one of a higher tier in an alliance of both, under the class of its own tier",
                    "机构只能向同一医联体内更高等级的机构转诊,类别须与其自身等级相符"
                );
                return Err(Malformed::field("issuer", reason).into());
            }
        }
        let ticket = Ticket {
            id: issue.ticket,
            patient: issue.patient,
            class: issue.class,
            institution,
            department,
            expires: issue.expires,
        };
        self.engine().issue_ticket(&ticket, issue.at).map_err(|refusal| Stop::Refusal(refusal, None))?;
        Ok(Answer::Done(Done::Ticket { ticket: issue.ticket, expires: issue.expires }))
    }

    // ---- decisions ------------------------------------------------------------------------------------------------

    /// Holds a seat for the patient: [`Engine::hold`], and where somebody waits for the slot, after those who wait.
    ///
    /// # Errors
    /// As there; never `WAITLISTED`.
    pub fn hold(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        match self.engine().hold(wish, at) {
            Err(refusal) if refusal.code == Code::Waitlisted => self.desk_to_decide(at).claim(wish, false),
            decided => decided,
        }
    }

    /// Holds and confirms a seat in one step; otherwise as [`Platform::hold`].
    ///
    /// # Errors
    /// As [`Engine::book`]; never `WAITLISTED`.
    pub fn book(&self, wish: &Wish, at: Instant) -> Result<Grant, Refusal> {
        match self.engine().book(wish, at) {
            Err(refusal) if refusal.code == Code::Waitlisted => self.desk_to_decide(at).claim(wish, true),
            decided => decided,
        }
    }

    /// What the decision would say: [`Engine::availability`], less what a block keeps back of the seats that were returned.
    /// Who returned one is told something else, `RETURNED_BY_YOU`: this question names no patient.
    ///
    /// # Errors
    /// As there.
    pub fn availability(
        &self,
        slot: SlotRef,
        class: Class,
        channel: Channel,
        at: Instant,
    ) -> Result<Availability, Refusal> {
        let seen = self.engine().availability(slot, class, channel, at)?;
        match seen.refusal {
            Some(refusal) if refusal.code == Code::Waitlisted => {
                self.desk(at).availability(slot, class, channel)
            }
            _ => Ok(seen),
        }
    }

    /// Slots that the decision would grant: [`Engine::search`], with those that keep a returned seat back and have others.
    #[must_use]
    pub fn search(&self, query: &Query, at: Instant) -> Vec<Found> {
        let mut found = self.engine().search(query, at);
        // Relaxed: see `note`.
        let kept = if self.keeping.load(Ordering::Relaxed) { self.desk(at).found(query) } else { Vec::new() };
        if !kept.is_empty() {
            found.extend(kept);
            let load = |one: &Found| match query.order {
                Order::Earliest => 0,
                Order::LeastLoaded => u32::from(one.live) * 10_000 / u32::from(one.capacity.max(1)),
            };
            found.sort_by_key(|one| (load(one), one.time.from, one.slot));
            found.dedup_by_key(|one| one.slot);
            found.truncate(query.most);
        }
        found
    }

    /// Makes a booking of a hold: [`Engine::confirm`].
    ///
    /// # Errors
    /// As there.
    pub fn confirm(&self, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        let settled = self.engine().confirm(settle, at)?;
        self.follow(&settled, at);
        Ok(settled)
    }

    /// Gives a hold or booking back: [`Engine::cancel`]. If somebody waits for the seat, it is offered before this returns; if
    /// nobody takes it and the policy says so, it is kept back from the public for a while.
    ///
    /// # Errors
    /// As there.
    pub fn cancel(&self, settle: &Settle, at: Instant) -> Result<Settled, Refusal> {
        let engine = self.engine();
        // Relaxed: set before a session whose rules look at cancellations can be booked.
        let watched = if self.watching.load(Ordering::Relaxed) {
            engine.slot_of(settle.booking).and_then(|slot| {
                let occupants = engine.occupants(slot, at).unwrap_or_default();
                let booked = |occupied: &Occupied| {
                    occupied.booking == settle.booking && occupied.standing == Standing::Booked
                };
                occupants.into_iter().find(booked).map(|occupied| (slot, occupied))
            })
        } else {
            None
        };
        let settled = match watched {
            Some((slot, occupied)) => self.desk_to_decide(at).give_up(settle, slot, &occupied)?,
            None => engine.cancel(settle, at)?,
        };
        self.follow(&settled, at);
        Ok(settled)
    }

    /// The visits of the days from `from` to `to`, inclusive: every booking and walk-in with what came of it. `confirmed_at`
    /// is no earlier than the instant of booking; the journal has it exactly.
    #[must_use]
    pub fn visits(&self, institution: Option<InstitutionId>, from: Date, to: Date) -> Vec<kpi::Visit> {
        self.desk(Instant::MAX).visits(institution, from, to)
    }

    /// Whether a session holds the extra seats (加号) of another one: it is outside every quota.
    #[must_use]
    pub fn is_extra(&self, session: SessionId) -> bool {
        self.day().extra_of.contains_key(&session)
    }

    /// What the hospital stopped of the sessions of these days.
    #[must_use]
    pub fn stops(&self, institution: Option<InstitutionId>, from: Date, to: Date) -> Vec<kpi::Stop> {
        self.desk(Instant::MAX).stops(institution, from, to)
    }

    /// What became of those who waited for the sessions of these days.
    #[must_use]
    pub fn waits(&self, institution: Option<InstitutionId>, from: Date, to: Date) -> Vec<kpi::Wait> {
        self.desk(Instant::MAX).waits(institution, from, to)
    }

    /// Looks after those who wait for the block of a booking that was settled.
    fn follow(&self, settled: &Settled, at: Instant) {
        let engine = self.engine();
        if !settled.changed {
            return;
        }
        if let Some(slot) = engine.slot_of(settled.booking).filter(|slot| engine.is_waiting(*slot)) {
            self.desk_to_decide(at).follow(slot);
        }
    }

    /// Sweeps the holds that are due, and does what is due for those who wait; how many holds were swept.
    pub fn tick(&self, at: Instant) -> u64 {
        let swept = self.engine().tick(at);
        let mut desk = self.desk_to_decide(at);
        desk.tick();
        desk.complete_stops();
        desk.remind();
        swept
    }

    /// The slot that a code and an index or instant mean.
    pub(crate) fn slot(&self, code: &str, slot: Slot) -> Result<SlotRef, Stop> {
        let refused = |code| Stop::Refusal(Refusal::plain(code), None);
        let session = self.engine().find(code).ok_or_else(|| refused(Code::UnknownSession))?;
        let index = match slot {
            Slot::Index(index) => u16::try_from(index).ok(),
            Slot::Start(start) => self.engine().session(session).and_then(|view| {
                let (since, length) = (start.ms() - view.time.from.ms(), i64::from(view.slot_ms));
                if start < view.time.to && since >= 0 && since % length == 0 {
                    u16::try_from(since / length).ok()
                } else {
                    None
                }
            }),
        };
        let slot = index.and_then(SlotIndex::new).ok_or_else(|| refused(Code::UnknownSlot))?;
        Ok(SlotRef { session, slot })
    }

    fn tell_availability(&self, ask: &command::Availability) -> Decided {
        let slot = self.slot(&ask.session, ask.slot)?;
        let availability = self
            .availability(slot, ask.class, ask.channel, ask.at)
            .map_err(|refusal| Stop::Refusal(refusal, Some(slot)))?;
        Ok(Answer::Done(Done::Availability {
            free: availability.free,
            capacity: availability.capacity,
            live: availability.live,
            refusal: availability.refusal.map(|refusal| self.reason(&refusal, Some(slot))),
        }))
    }

    fn claim(
        &self,
        wish: &command::Wish,
        command: &'static str,
        decide: impl Fn(&Self, &Wish, Instant) -> Result<Grant, Refusal>,
    ) -> Decided {
        let slot = self.slot(&wish.session, wish.slot).inspect_err(|stop| {
            let Stop::Refusal(Refusal { code, .. }, _) = stop else { return };
            let claim = Unnamed {
                book: command == "book",
                patient: wish.patient,
                class: wish.class,
                channel: wish.channel,
                ticket: wish.ticket,
                key: wish.key,
                session: &wish.session,
                slot: match wish.slot {
                    Slot::Index(index) => Ok(index),
                    Slot::Start(start) => Err(start),
                },
                code: *code,
            };
            self.engine().trace().unnamed(&claim, wish.at);
        })?;
        let asked = Wish {
            patient: wish.patient,
            slot,
            class: wish.class,
            channel: wish.channel,
            ticket: wish.ticket,
            key: wish.key,
        };
        let grant = decide(self, &asked, wish.at).map_err(|refusal| Stop::Refusal(refusal, Some(slot)))?;
        Ok(Answer::Granted(self.granted(command, wish.session.as_str().into(), &grant)))
    }

    pub(crate) fn granted(&self, command: &'static str, session: Arc<str>, grant: &Grant) -> Granted {
        let (standing, expires) = standing(grant.standing);
        Granted {
            command,
            booking: grant.booking,
            institution: self.institution_code(grant.institution),
            session,
            slot: grant.slot.slot.get(),
            number: grant.number,
            time: grant.time.into(),
            standing,
            expires,
            block: grant.booking.block().get(),
            sequence: grant.booking.sequence().0,
            pool: self.pool_name(grant.slot, grant.node),
            spill: grant.spill,
        }
    }

    fn settle(
        &self,
        settle: &command::Settle,
        decide: impl Fn(&Self, &Settle, Instant) -> Result<Settled, Refusal>,
        done: impl Fn(answer::Settled) -> Done,
    ) -> Decided {
        let asked = Settle { patient: settle.patient, booking: settle.booking, key: settle.key };
        let settled = decide(self, &asked, settle.at).map_err(|refusal| Stop::Refusal(refusal, None))?;
        Ok(Answer::Done(done(answer::Settled {
            booking: settled.booking,
            block: settled.booking.block().get(),
            sequence: settled.sequence.0,
            changed: settled.changed,
        })))
    }

    // ---- questions ------------------------------------------------------------------------------------------------

    fn list(&self, search: &command::Search) -> Decided {
        let directory = self.directory();
        let (institution, department) =
            directory.place(search.institution.as_ref(), search.department.as_ref())?;
        let practitioner = search
            .practitioner
            .as_ref()
            .map(|code| {
                directory
                    .practitioner(code)
                    .ok_or_else(|| unknown("practitioner", &said!("practitioner", "医生")))
            })
            .transpose()?;
        if search.to < search.from || search.to.0 - search.from.0 >= command::Search::DAYS_MAX {
            let reason = said!(
                "the last day is the first or up to {days} days later",
                "截止日须不早于起始日,且最多晚 {days} 天",
                days = command::Search::DAYS_MAX - 1
            );
            return Err(Malformed::field("to", reason).into());
        }
        let most = search.most.unwrap_or(command::Search::MOST_DEFAULT);
        if most == 0 || most > command::Search::MOST_MAX {
            let reason = said!(
                "a search lists 1 to {most} slots",
                "一次查询须列出 1 至 {most} 个时段",
                most = command::Search::MOST_MAX
            );
            return Err(Malformed::field("most", reason).into());
        }
        let query = Query {
            class: search.class,
            channel: search.channel,
            from: search.from,
            to: search.to,
            institution,
            department,
            practitioner,
            grade: search.grade,
            order: match search.order.unwrap_or_default() {
                command::Order::Earliest => Order::Earliest,
                command::Order::LeastLoaded => Order::LeastLoaded,
            },
            most: most as usize,
        };
        let found = self.search(&query, search.at).into_iter().filter_map(|found| {
            let view = self.engine().session(found.slot.session)?;
            Some(answer::Found {
                institution: self.institution_code(view.institution),
                session: view.code,
                slot: found.slot.slot.get(),
                time: found.time.into(),
                free: found.free,
                live: found.live,
                capacity: found.capacity,
            })
        });
        Ok(Answer::Done(Done::Search { found: found.collect() }))
    }

    fn load(&self, load: &command::Load) -> Decided {
        let directory = self.directory();
        let (institution, department) =
            directory.place(load.institution.as_ref(), load.department.as_ref())?;
        let slots = self.engine().load(load.day, institution, department, load.at).into_iter().map(|slot| {
            answer::SlotLoad { time: slot.time.into(), capacity: slot.capacity, live: slot.live }
        });
        Ok(Answer::Done(Done::Load { slots: slots.collect() }))
    }

    fn bookings(&self, ask: &command::Bookings) -> Decided {
        let bookings =
            self.engine().bookings_of(ask.patient, ask.at).map_err(|refusal| Stop::Refusal(refusal, None))?;
        let bookings = bookings.into_iter().map(|live| {
            let grant = live.grant;
            let (standing, expires) = standing(grant.standing);
            answer::Live {
                booking: grant.booking,
                institution: self.institution_code(grant.institution),
                session: self.session_code(grant.slot.session),
                slot: grant.slot.slot.get(),
                number: grant.number,
                time: grant.time.into(),
                standing,
                expires,
                class: live.class,
                channel: live.channel,
            }
        });
        Ok(Answer::Done(Done::Bookings { bookings: bookings.collect() }))
    }

    fn describe(&self, ask: &command::Describe) -> Decided {
        let unknown_session = || Stop::Refusal(Refusal::plain(Code::UnknownSession), None);
        let id = self.engine().find(&ask.session).ok_or_else(unknown_session)?;
        let view = self.engine().session(id).ok_or_else(unknown_session)?;
        let origin = view.time.from.day().midnight();
        let directory = self.directory();
        let slots = (0..view.slots).filter_map(SlotIndex::new).filter_map(|slot| {
            let tree = self.engine().tree(SlotRef { session: id, slot })?;
            let from = view.time.from.plus(i64::from(view.slot_ms) * i64::from(slot.get()));
            let limited = tree.nodes().iter().zip(NodeIndex::all()).filter(|(node, _)| {
                node.guarantee > 0 || node.cap.is_some() || node.opens != i64::MIN || node.closes != i64::MAX
            });
            let offset = |offset: i64, never: i64| (offset != never).then(|| origin.plus(offset));
            Some(answer::DescribedSlot {
                slot: slot.get(),
                time: answer::Time { from, to: from.plus(i64::from(view.slot_ms)) },
                capacity: tree.capacity(),
                pools: limited
                    .map(|(node, index)| answer::DescribedPool {
                        pool: node.name.clone(),
                        guarantee: tree.guarantee(index, ask.at.ms() - origin.ms()),
                        cap: node.cap,
                        opens: offset(node.opens, i64::MIN),
                        closes: offset(node.closes, i64::MAX),
                    })
                    .collect(),
            })
        });
        Ok(Answer::Done(Done::Session(Box::new(answer::Described {
            institution: self.institution_code(view.institution),
            department: directory.departments().get(view.department.index()).map_or("", |d| &d.code).into(),
            practitioner: directory
                .practitioners()
                .get(view.practitioner.index())
                .map_or("", |p| &p.code)
                .into(),
            grade: view.grade,
            kind: view.kind,
            day: view.time.from.day(),
            time: view.time.into(),
            published: view.published,
            seats: view.seats,
            block: if view.whole { "session" } else { "slot" },
            slots: slots.collect(),
            session: view.code,
        }))))
    }

    // ---- from numbers to names ------------------------------------------------------------------------------------

    fn institution_code(&self, id: InstitutionId) -> Arc<str> {
        self.directory
            .read()
            .institutions()
            .get(id.index())
            .map_or("", |institution| &institution.code)
            .into()
    }

    pub(crate) fn session_code(&self, id: SessionId) -> Arc<str> {
        self.engine().session(id).map_or_else(|| "".into(), |view| view.code)
    }

    fn pool_name(&self, slot: SlotRef, node: NodeIndex) -> String {
        let tree = self.engine().tree(slot);
        tree.and_then(|tree| tree.nodes().get(node.index()))
            .map_or_else(String::new, |node| node.name.clone())
    }

    fn reason(&self, refusal: &Refusal, slot: Option<SlotRef>) -> Reason {
        let binding = match refusal.binding {
            Constraint::None => Binding::None,
            Constraint::Node(node) => match slot {
                Some(slot) => Binding::Pool { pool: self.pool_name(slot, node) },
                None => Binding::None,
            },
            Constraint::Booking(booking) => Binding::Booking { booking },
            Constraint::Limit(limit) => Binding::Limit { limit },
        };
        Reason::new(refusal, binding)
    }
}

/// The sizes that a command asks for.
pub(crate) fn limits_of(open: &command::Open) -> Limits {
    let base = open.for_seats.map_or_else(Limits::default, Limits::for_seats);
    Limits {
        blocks: open.blocks.unwrap_or(base.blocks),
        seats: open.seats.unwrap_or(base.seats),
        sessions: open.sessions.unwrap_or(base.sessions),
        shapes: open.shapes.unwrap_or(base.shapes),
        patients: open.patients.unwrap_or(base.patients),
        entries: open.entries.unwrap_or(base.entries),
    }
}

/// Why a command ends early.
pub(crate) enum Stop {
    Error(Malformed),
    /// The slot gives the pools their names.
    Refusal(Refusal, Option<SlotRef>),
}

impl From<Malformed> for Stop {
    fn from(malformed: Malformed) -> Self {
        Self::Error(malformed)
    }
}

pub(crate) type Decided = Result<Answer, Stop>;

const fn standing(standing: Standing) -> (answer::Standing, Option<Instant>) {
    match standing {
        Standing::HeldUntil(expires) => (answer::Standing::Held, Some(expires)),
        Standing::Booked => (answer::Standing::Booked, None),
    }
}

fn unknown(field: &str, what: &Said) -> Malformed {
    let reason = said!(
        "the directory has no {what} with this code; register it or correct the code",
        "目录中没有此编码的{what};请登记或更正编码",
        what
    );
    Malformed::field(field, reason)
}

/// Looking up what must be there.
pub(crate) trait Lookup {
    fn need_institution(&self, code: &str) -> Result<InstitutionId, Malformed>;
    fn need_department(&self, institution: InstitutionId, code: &str) -> Result<DepartmentId, Malformed>;
    fn need_practitioner(&self, code: &str) -> Result<PractitionerId, Malformed>;
    /// An institution and a department of it, where they are given.
    fn place(
        &self,
        institution: Option<&String>,
        department: Option<&String>,
    ) -> Result<(Option<InstitutionId>, Option<DepartmentId>), Malformed>;
}

impl Lookup for Directory {
    fn need_institution(&self, code: &str) -> Result<InstitutionId, Malformed> {
        self.institution(code).ok_or_else(|| unknown("institution", &said!("institution", "机构")))
    }

    fn need_department(&self, institution: InstitutionId, code: &str) -> Result<DepartmentId, Malformed> {
        self.department(institution, code).ok_or_else(|| {
            let reason = said!(
                "this institution has no department with this code; register it or correct the code",
                "该机构没有此编码的科室;请登记或更正编码"
            );
            Malformed::field("department", reason)
        })
    }

    fn need_practitioner(&self, code: &str) -> Result<PractitionerId, Malformed> {
        self.practitioner(code).ok_or_else(|| unknown("practitioner", &said!("practitioner", "医生")))
    }

    fn place(
        &self,
        institution: Option<&String>,
        department: Option<&String>,
    ) -> Result<(Option<InstitutionId>, Option<DepartmentId>), Malformed> {
        match (institution, department) {
            (None, None) => Ok((None, None)),
            (None, Some(_)) => {
                let reason = said!(
                    "a department is known within its institution; name both",
                    "科室属于机构;请同时写明机构与科室"
                );
                Err(Malformed::field("institution", reason))
            }
            (Some(institution), None) => Ok((Some(self.need_institution(institution)?), None)),
            (Some(institution), Some(department)) => {
                let institution = self.need_institution(institution)?;
                Ok((Some(institution), Some(self.need_department(institution, department)?)))
            }
        }
    }
}

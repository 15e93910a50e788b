//! One record as a row: the same columns in text, NDJSON, CSV and `SQLite`.
//!
//! INVARIANT (nobody by name): patients and people appear as the keyed hashes that the journal has.

use crate::args;
use crate::failure::Failure;
use crate::lang::{Lang, say};
use crate::text::{date_time, parse_instant};
use haoyuan::actor::{Actor, ActorId};
use haoyuan::engine::Command as Asked;
use haoyuan::ids::{BlockId, BookingId, IdempotencyKey, NodeIndex, PatientKey, SlotRef, TicketId};
use haoyuan::instant::Instant;
use haoyuan::journal::Recovered;
use haoyuan::plan::{Blocks, Plan};
use haoyuan::record::{Administered, Assembler, Record, Transition, kind};
use haoyuan::refusal::{Binding, Code, Refusal, Retry};
use haoyuan::said;
use haoyuan::said::{Said, Speak};
use haoyuan::state::Published;
use haoyuan::{Change, Command, Platform, Recorded, Role};
use serde_json::{Map, Value, json};
use std::collections::HashMap;

/// The columns, in order.
pub(crate) const COLUMNS: [&str; 32] = [
    "record",
    "segment",
    "kind",
    "at_ms",
    "at",
    "what",
    "institution",
    "department",
    "practitioner",
    "session",
    "slot",
    "seat",
    "booking",
    "block",
    "sequence",
    "patient",
    "class",
    "channel",
    "pool",
    "spill",
    "expires",
    "ticket",
    "key",
    "role",
    "actor",
    "contact",
    "reason",
    "code",
    "binding",
    "retry",
    "count",
    "policy",
];

/// A record, told.
#[derive(Clone, Debug, Default)]
pub(crate) struct Row {
    values: Map<String, Value>,
    at: Option<Instant>,
    booking: Option<BookingId>,
    patient: Option<PatientKey>,
    place: Option<(u32, u8)>,
    actor: Actor,
    code: Option<Code>,
}

impl Row {
    fn set(&mut self, column: &'static str, value: impl Into<Value>) {
        debug_assert!(COLUMNS.contains(&column), "{column}");
        self.values.insert(column.to_owned(), value.into());
    }

    /// The value of a column; null if it has none.
    pub(crate) fn value(&self, column: &str) -> &Value {
        self.values.get(column).unwrap_or(&Value::Null)
    }

    fn text(&self, column: &str) -> &str {
        self.value(column).as_str().unwrap_or_default()
    }

    /// As an object with its columns in their order.
    pub(crate) fn json(&self) -> Value {
        let columns = COLUMNS.iter().filter_map(|c| Some(((*c).to_owned(), self.values.get(*c)?.clone())));
        Value::Object(columns.collect())
    }

    /// As a line for people.
    pub(crate) fn line(&self) -> String {
        let at = self.at.map_or_else(|| "-".to_owned(), date_time);
        let mut line = format!("{:>10}  {at}  {:<10}", self.value("record").to_string(), self.text("what"));
        for column in COLUMNS.iter().skip(9) {
            let value = self.value(column);
            if value.is_null() || matches!(*column, "block" | "sequence") || *value == json!(false) {
                continue;
            }
            let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            line.extend(["  ", column, "=", &text]);
        }
        line
    }

    fn instant(&mut self, at: Instant) {
        self.at = Some(at);
        self.set("at_ms", at.ms());
        self.set("at", date_time(at));
    }

    fn by(&mut self, actor: &Actor) {
        self.actor = *actor;
        self.set("role", actor.role.text());
        let hash = |id: ActorId| format!("{id:016x}");
        if let Some(id) = actor.id {
            self.set("actor", hash(id));
        }
        if let Some(id) = actor.contact {
            self.set("contact", hash(id));
        }
        if let Some(reason) = actor.reason {
            self.set("reason", reason.get());
        }
    }

    /// The same of an act that no patient can do: where nobody said who did it, it is not told as a patient's.
    fn by_staff(&mut self, actor: &Actor) {
        self.by(actor);
        if *actor == Actor::default() {
            self.values.remove("role");
        }
    }

    fn of(&mut self, patient: PatientKey) {
        self.patient = Some(patient);
        self.set("patient", format!("{:032x}", patient.get()));
    }

    fn with(&mut self, ticket: Option<TicketId>, key: Option<IdempotencyKey>) {
        if let Some(ticket) = ticket {
            self.set("ticket", format!("{:x}", ticket.get()));
        }
        if let Some(key) = key {
            self.set("key", format!("{:x}", key.get()));
        }
    }
}

/// A published session, as far as rows need it.
struct Shelf {
    plan: Plan,
    first_block: u32,
    institution: String,
    department: String,
    practitioner: String,
}

/// Reads records and remembers what the later ones refer to.
#[derive(Default)]
pub(crate) struct Reader {
    names: Platform,
    sessions: Vec<Shelf>,
    next_block: u32,
    assembler: Assembler,
    /// Parts of the day have an order of their own.
    day: Assembler,
    /// The bookings of visits, by their numbers: what happens in a line names the visit alone.
    visits: HashMap<u64, BookingId>,
}

impl Reader {
    /// The rows of a record: one; none for a part that others follow; one for each session of a roster.
    #[expect(clippy::too_many_lines, reason = "one arm for each kind of record")]
    pub(crate) fn rows(&mut self, recovered: &Recovered<'_>) -> Result<Vec<Row>, Said> {
        let entry = recovered.entry;
        let record = Record::decode(entry).map_err(|error| error.said())?;
        let mut row = Row::default();
        row.set("record", recovered.record);
        row.set("segment", recovered.segment);
        row.set("kind", kind::WORDS[usize::from(entry.kind) - 1]);
        match record {
            Record::Transition(transition) => self.transition(&mut row, &transition),
            Record::Refusal { command, refusal, at, actor } => {
                row.instant(at);
                row.by(&actor);
                self.refusal(&mut row, &command, &refusal);
            }
            Record::Unnamed { claim, at, actor } => {
                row.instant(at);
                row.by(&actor);
                row.set("what", if claim.book { "book refused" } else { "hold refused" });
                Self::code(&mut row, claim.code);
                row.of(claim.patient);
                row.with(claim.ticket, claim.key);
                row.set("class", claim.class.text());
                row.set("channel", claim.channel.text());
                row.set("session", claim.session);
                row.set("retry", Retry::Never.text());
                match claim.slot {
                    Ok(index) => row.set("slot", index),
                    Err(start) => row.set("binding", format!("slot from {}", date_time(start))),
                }
            }
            Record::RefusedCount { minute, code, asked, count } => {
                row.instant(Instant::saturating(i64::from(minute) * 60_000));
                row.set("what", "refused");
                Self::code(&mut row, code);
                if let Some((class, channel)) = asked {
                    row.set("class", class.text());
                    row.set("channel", channel.text());
                }
                row.set("count", count);
            }
            Record::Repeated { settle, settled, at, actor } => {
                row.instant(at);
                row.by(&actor);
                row.set("what", "repeated");
                row.of(settle.patient);
                row.with(None, settle.key);
                row.set("sequence", settled.sequence.0);
                self.booking(&mut row, settled.booking);
            }
            Record::Ticket { ticket, at, actor } | Record::TicketRefused { ticket, at, actor, .. } => {
                row.instant(at);
                row.by(&actor);
                row.set("what", "ticket");
                if let Record::TicketRefused { code, .. } = record {
                    row.set("what", "ticket refused");
                    Self::code(&mut row, code);
                }
                row.of(ticket.patient);
                row.set("class", ticket.class.text());
                row.with(Some(ticket.id), None);
                row.set("expires", date_time(ticket.expires));
                let directory = self.names.directory();
                let code = directory.institutions().get(ticket.institution.index()).map(|i| i.code.as_str());
                row.set("institution", code.unwrap_or_default());
            }
            Record::Again { patient, booking, at, actor } => {
                row.instant(at);
                row.by(&actor);
                row.set("what", "again");
                row.of(patient);
                self.booking(&mut row, booking);
            }
            Record::Fence { session, node, at, seats } => {
                row.instant(at);
                row.by(&Actor::SYSTEM);
                row.set("what", "fence");
                row.set("count", seats);
                self.session(&mut row, session.index());
                self.pool(&mut row, session.index(), None, node);
            }
            Record::Retired { session, at, actor } => {
                row.instant(at);
                row.by_staff(&actor);
                row.set("what", "retired");
                self.session(&mut row, session.index());
            }
            Record::Published(part) => {
                let whole = self.assembler.take(entry.kind, &part).map_err(|error| error.said())?;
                let Some(bytes) = whole else { return Ok(Vec::new()) };
                let sessions = Published::all_from_bytes(&bytes).map_err(|error| error.said())?;
                return Ok(sessions
                    .into_iter()
                    .map(|session| self.published(row.clone(), session))
                    .collect());
            }
            Record::Administered(part) => {
                let whole = self.assembler.take(entry.kind, &part).map_err(|error| error.said())?;
                let Some(bytes) = whole else { return Ok(Vec::new()) };
                let act = Administered::from_bytes(&bytes).map_err(|error| error.said())?;
                row.instant(act.at);
                row.by_staff(&act.actor);
                let Recorded { command, .. } = Recorded::parse(&act.command).map_err(|error| error.said())?;
                row.set("what", command.word());
                if matches!(command, Command::Directory(_)) {
                    // The names are needed; engine and policies are not.
                    let _ = self.names.decide(&command);
                }
            }
            Record::Resized(resizing) => {
                let tree = resizing.tree().map_err(|error| error.said())?;
                row.instant(resizing.at);
                row.by_staff(&resizing.actor);
                row.set("what", "resized");
                row.set("count", tree.capacity());
                row.set("block", resizing.block.get());
                row.set("sequence", resizing.sequence.0);
                if let Some((session, slot, _)) = self.locate(resizing.block, 0) {
                    self.session(&mut row, session);
                    row.set("slot", slot);
                }
            }
            Record::Day(day) => {
                let whole = self.day.take(entry.kind, &day.part).map_err(|error| error.said())?;
                let Some(bytes) = whole else { return Ok(Vec::new()) };
                row.instant(day.at);
                row.by(&day.actor);
                if let Some(patient) = day.patient {
                    row.of(patient);
                }
                let event: Value = serde_json::from_slice(&bytes).map_err(Said::same)?;
                // What belongs together is one record, and as many rows as things happened.
                let events = event["together"].as_array().map_or(std::slice::from_ref(&event), Vec::as_slice);
                let row_of = |event| {
                    let mut row = row.clone();
                    self.happened(&mut row, event);
                    row
                };
                return Ok(events.iter().map(row_of).collect());
            }
        }
        Ok(vec![row])
    }

    /// An event of the hospital's day: its word, or what it says of a line or an outcome; and the seat, if it is about one.
    fn happened(&mut self, row: &mut Row, event: &Value) {
        let named = event.as_object().and_then(|event| event.iter().next());
        let Some((word, told)) = named else { return row.set("what", "day") };
        let inner = match word.as_str() {
            "queued" => told["fact"].as_object().and_then(|fact| fact.keys().next()).map(String::as_str),
            "ended" => told["outcome"].as_str(),
            _ => None,
        };
        row.set("what", inner.unwrap_or(word));
        let visit = told["visit"].as_u64().or(told["row"]["id"].as_u64());
        let named = [&told["booking"], &told["row"]["booking"], &told["from"]];
        let named =
            named.into_iter().find_map(|text| BookingId::new(u64::from_str_radix(text.as_str()?, 16).ok()?));
        if let (Some(visit), Some(booking)) = (visit, named) {
            self.visits.insert(visit, booking);
        }
        if let Some(booking) = named.or_else(|| self.visits.get(&visit?).copied()) {
            self.booking(row, booking);
        }
    }

    fn published(&mut self, mut row: Row, published: Published) -> Row {
        row.instant(published.at);
        row.by_staff(&published.actor);
        row.set("what", "published");
        row.set("count", published.plan.session.seats());
        let policy = format!("{} #{}", published.plan.rules.policy, published.policies);
        self.shelve(published.plan);
        self.session(&mut row, self.sessions.len() - 1);
        row.set("policy", policy);
        row
    }

    fn shelve(&mut self, plan: Plan) {
        let directory = self.names.directory();
        let session = &plan.session;
        let code = |found: Option<&String>, number: String| found.cloned().unwrap_or(number);
        let blocks = match &plan.blocks {
            Blocks::PerSlot(trees) => u32::try_from(trees.len()).unwrap_or(u32::MAX),
            Blocks::WholeSession(_) => 1,
        };
        self.sessions.push(Shelf {
            first_block: self.next_block,
            institution: code(
                directory.institutions().get(session.institution.index()).map(|i| &i.code),
                session.institution.to_string(),
            ),
            department: code(
                directory.departments().get(session.department.index()).map(|d| &d.code),
                session.department.to_string(),
            ),
            practitioner: code(
                directory.practitioners().get(session.practitioner.index()).map(|p| &p.code),
                session.practitioner.to_string(),
            ),
            plan,
        });
        self.next_block += blocks;
    }

    fn session(&self, row: &mut Row, number: usize) {
        if let Some(shelf) = self.sessions.get(number) {
            row.set("session", shelf.plan.session.code.as_str());
            row.set("institution", shelf.institution.as_str());
            row.set("department", shelf.department.as_str());
            row.set("practitioner", shelf.practitioner.as_str());
            row.set("policy", shelf.plan.rules.policy.as_str());
        }
    }

    fn pool(&self, row: &mut Row, session: usize, slot: Option<u32>, node: NodeIndex) {
        let Some(shelf) = self.sessions.get(session) else { return };
        let tree = match &shelf.plan.blocks {
            Blocks::PerSlot(trees) => trees.get(slot.unwrap_or(0) as usize),
            Blocks::WholeSession(tree) => Some(tree),
        };
        if let Some(node) = tree.and_then(|tree| tree.nodes().get(node.index())) {
            row.set("pool", node.name.as_str());
        }
    }

    /// The session of a block, the slot, and the seat in the slot.
    fn locate(&self, block: BlockId, seat: u8) -> Option<(usize, u32, u8)> {
        let after = self.sessions.partition_point(|shelf| shelf.first_block <= block.get());
        let number = after.checked_sub(1)?;
        let shelf = &self.sessions[number];
        match &shelf.plan.blocks {
            Blocks::PerSlot(trees) => {
                let slot = block.get() - shelf.first_block;
                ((slot as usize) < trees.len()).then_some((number, slot, seat))
            }
            Blocks::WholeSession(_) => {
                let stride = shelf.plan.session.capacity.first().copied().filter(|stride| *stride > 0)?;
                Some((number, u32::from(seat / stride), seat % stride))
            }
        }
    }

    /// The code of the session that a block belongs to, and the slot, or the first of its slots.
    pub(crate) fn slot_of(&self, block: u32) -> Option<(&str, u32)> {
        let (session, slot, _) = self.locate(BlockId::new(block)?, 0)?;
        Some((&self.sessions[session].plan.session.code, slot))
    }

    fn booking(&self, row: &mut Row, booking: BookingId) {
        row.booking = Some(booking);
        row.set("booking", booking.to_string());
        row.set("block", booking.block().get());
        if let Some((session, slot, seat)) = self.locate(booking.block(), booking.seat().get()) {
            self.session(row, session);
            row.set("slot", slot);
            row.set("seat", seat);
            row.place = Some((slot, seat));
        }
    }

    fn transition(&self, row: &mut Row, transition: &Transition) {
        row.instant(transition.at);
        row.by(&transition.actor);
        row.set(
            "what",
            match transition.change {
                Change::Held => "held",
                Change::Booked => "booked",
                Change::Confirmed => "confirmed",
                Change::Cancelled => "cancelled",
                Change::Expired => "expired",
                Change::Withdrawn => "withdrawn",
            },
        );
        row.of(transition.patient);
        row.with(transition.ticket, transition.key);
        row.set("class", transition.class.text());
        row.set("channel", transition.channel.text());
        row.set("spill", transition.spill);
        if transition.change != Change::Booked {
            row.set("expires", date_time(transition.expires));
        }
        self.booking(row, transition.booking);
        row.set("sequence", transition.sequence.0);
        if let Some((session, slot, _)) = self.locate(transition.booking.block(), 0) {
            self.pool(row, session, Some(slot), transition.node);
        }
    }

    fn code(row: &mut Row, code: Code) {
        row.code = Some(code);
        row.set("code", code.text());
    }

    fn refusal(&self, row: &mut Row, command: &Asked, refusal: &Refusal) {
        Self::code(row, refusal.code);
        let at = |row: &mut Row, slot: SlotRef| {
            self.session(row, slot.session.index());
            row.set("slot", slot.slot.get());
        };
        let mut asked_slot = None;
        match command {
            Asked::Hold(wish) | Asked::Book(wish) => {
                row.set(
                    "what",
                    if matches!(command, Asked::Hold(_)) { "hold refused" } else { "book refused" },
                );
                row.of(wish.patient);
                row.with(wish.ticket, wish.key);
                row.set("class", wish.class.text());
                row.set("channel", wish.channel.text());
                at(row, wish.slot);
                asked_slot = Some(wish.slot);
            }
            Asked::Confirm(settle) | Asked::Cancel(settle) => {
                let confirms = matches!(command, Asked::Confirm(_));
                row.set("what", if confirms { "confirm refused" } else { "cancel refused" });
                row.of(settle.patient);
                row.with(None, settle.key);
                self.booking(row, settle.booking);
            }
        }
        match refusal.binding {
            Binding::None => {}
            Binding::Node(node) => {
                if let Some(slot) = asked_slot {
                    self.pool(row, slot.session.index(), Some(u32::from(slot.slot.get())), node);
                }
                let pool = row.text("pool").to_owned();
                row.set("binding", format!("pool {pool}"));
            }
            Binding::Booking(booking) => row.set("binding", format!("booking {booking}")),
            Binding::Limit(limit) => row.set("binding", format!("limit {limit}")),
        }
        row.set(
            "retry",
            match refusal.retry {
                Retry::From(from) => format!("from {}", date_time(from)),
                other => other.text().to_owned(),
            },
        );
    }
}

/// What is asked for: every condition given must hold.
pub(crate) struct Query {
    booking: Option<BookingId>,
    patient: Option<PatientKey>,
    session: Option<String>,
    practitioner: Option<String>,
    actor: Option<Who>,
    from: Option<Instant>,
    to: Option<Instant>,
    code: Option<Code>,
    seat: Option<(String, u32, u8)>,
}

enum Who {
    Person(ActorId),
    Role(Role),
}

impl Query {
    pub(crate) fn new(options: &args::Audit, lang: Lang) -> Result<Self, Failure> {
        fn read<T>(
            value: Option<&String>,
            arg: &str,
            form: &Said,
            wrong: &impl Fn(&str, &str, &Said) -> Failure,
            read: impl Fn(&str) -> Option<T>,
        ) -> Result<Option<T>, Failure> {
            value.map(|text| read(text).ok_or_else(|| wrong(arg, text, form))).transpose()
        }
        let when = said!(
            "a day or an instant, such as {form}",
            "日期或时间,如 {form}",
            form = "2026-03-10 | 2026-03-10 07:00:00 | 2026-03-10T07:00:00+08:00"
        );
        let wrong = |arg: &str, value: &str, reason: &Said| {
            Failure::input(say!(lang, "args.value_wrong", arg = arg, value = value, reason = lang.of(reason)))
        };
        let hex = |text: &str, digits: usize| {
            (text.len() == digits).then(|| u128::from_str_radix(text, 16).ok()).flatten()
        };
        let instant = |end: bool| move |text: &str| parse_instant(text, end);
        let asked = Self {
            booking: read(
                options.booking.as_ref(),
                "--booking",
                &said!("16 hexadecimal digits", "16 位十六进制数"),
                &wrong,
                |text| BookingId::new(u64::try_from(hex(text, 16)?).ok()?),
            )?,
            // Never repeated in a message: somebody may have typed a name.
            patient: options
                .patient
                .as_ref()
                .map(|text| {
                    hex(text, 32).and_then(PatientKey::new).ok_or_else(|| {
                        wrong("--patient", "…", &said!("32 hexadecimal digits", "32 位十六进制数"))
                    })
                })
                .transpose()?,
            session: options.session.clone(),
            practitioner: options.practitioner.clone(),
            actor: read(
                options.actor.as_ref(),
                "--actor",
                &said!("a role or 16 hexadecimal digits", "角色,或 16 位十六进制数"),
                &wrong,
                |text| {
                    let role = Role::ALL.iter().find(|role| role.text() == text || role.zh() == text);
                    let person = || ActorId::new(u64::try_from(hex(text, 16)?).ok()?);
                    role.map(|role| Who::Role(*role)).or_else(|| person().map(Who::Person))
                },
            )?,
            from: read(options.from.as_ref(), "--from", &when, &wrong, instant(false))?,
            to: read(options.to.as_ref(), "--to", &when, &wrong, instant(true))?,
            code: read(
                options.code.as_ref(),
                "--code",
                &said!("a refusal code such as SLOT_FULL", "拒绝代码,如 SLOT_FULL"),
                &wrong,
                |text| {
                    Code::ALL.iter().copied().find(|code| {
                        code.text().eq_ignore_ascii_case(text) || code.number().to_string() == text
                    })
                },
            )?,
            seat: read(
                options.seat.as_ref(),
                "--seat",
                &said!("SESSION/SLOT/SEAT", "班次/时段/号"),
                &wrong,
                |text| {
                    let mut parts = text.rsplitn(3, '/');
                    let (seat, slot, session) = (parts.next()?, parts.next()?, parts.next()?);
                    Some((session.to_owned(), slot.parse().ok()?, seat.parse().ok()?))
                },
            )?,
        };
        if asked.from.zip(asked.to).is_some_and(|(from, to)| to <= from) {
            return Err(Failure::input(say!(lang, "audit.empty_range")));
        }
        Ok(asked)
    }

    /// Whether anything is asked for at all.
    pub(crate) fn asks(&self) -> bool {
        self.booking.is_some()
            || self.patient.is_some()
            || self.session.is_some()
            || self.practitioner.is_some()
            || self.actor.is_some()
            || self.from.is_some()
            || self.to.is_some()
            || self.code.is_some()
            || self.seat.is_some()
    }

    /// Whether the row is asked for.
    pub(crate) fn matches(&self, row: &Row) -> bool {
        fn is<T: PartialEq>(wanted: Option<&T>, has: Option<&T>) -> bool {
            wanted.is_none() || wanted == has
        }
        let text =
            |wanted: &Option<String>, column| wanted.as_ref().is_none_or(|text| row.text(column) == text);
        is(self.booking.as_ref(), row.booking.as_ref())
            && is(self.patient.as_ref(), row.patient.as_ref())
            && is(self.code.as_ref(), row.code.as_ref())
            && text(&self.session, "session")
            && text(&self.practitioner, "practitioner")
            && self.actor.as_ref().is_none_or(|who| match who {
                Who::Person(id) => row.actor.id == Some(*id) || row.actor.contact == Some(*id),
                Who::Role(role) => row.actor.role == *role && !row.value("role").is_null(),
            })
            && self.from.is_none_or(|from| row.at.is_some_and(|at| at >= from))
            && self.to.is_none_or(|to| row.at.is_some_and(|at| at < to))
            && self.seat.as_ref().is_none_or(|(session, slot, seat)| {
                // A seat's life begins when its session is published, and ends with the fences.
                let whole =
                    row.place.is_none() && matches!(row.text("what"), "published" | "fence" | "retired");
                row.text("session") == session && (whole || row.place == Some((*slot, *seat)))
            })
    }
}

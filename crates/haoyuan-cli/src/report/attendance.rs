//! What the hospital's own system knows of visits, as a CSV file: who came, when, with what outcome, and the visits that
//! were never booked.
//!
//! A line names a `booking` of the journal and says what came of it, or it is a visit without a booking. Of a booking or
//! visit that stands on several lines each later line adds an outcome: a correction is one more line, and nothing is
//! overwritten.
//!
//! INVARIANT (nothing personal comes back): an error names line and column, and repeats no value.

use crate::failure::Failure;
use crate::lang::{Lang, say};
use haoyuan::directory::Directory;
use haoyuan::ids::{BookingId, InstitutionId, Interval, PatientKey, VisitId};
use haoyuan::instant::{Day, Instant};
use haoyuan::kpi::{Recorded, Visit};
use haoyuan::terms::{Channel, Class, Outcome, VisitKind};
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;
use std::path::Path;

/// The columns that a file may have, in any order.
pub(crate) const COLUMNS: [&str; 20] = [
    "id",
    "booking",
    "patient",
    "institution",
    "department",
    "practitioner",
    "slot_from",
    "slot_to",
    "day",
    "kind",
    "class",
    "channel",
    "revisit",
    "extra",
    "confirmed_at",
    "checked_in_at",
    "called_at",
    "entered_at",
    "outcome",
    "recorded_at",
];

/// The number of the first visit that has none: no journal has so many bookings.
const UNNUMBERED: u32 = 1 << 31;

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Attendance {
    of_bookings: HashMap<BookingId, Line>,
    unbooked: BTreeMap<u32, Visit>,
}

/// What lines say of one booking.
#[derive(Debug, Default)]
struct Line {
    kind: Option<VisitKind>,
    revisit: Option<bool>,
    extra: Option<bool>,
    checked_in: Option<Instant>,
    called: Option<Instant>,
    entered: Option<Instant>,
    history: Vec<Recorded>,
}

impl Line {
    /// A later line says more; what it leaves out stays.
    fn add(&mut self, later: Self) {
        self.kind = later.kind.or(self.kind);
        self.revisit = later.revisit.or(self.revisit);
        self.extra = later.extra.or(self.extra);
        self.checked_in = later.checked_in.or(self.checked_in);
        self.called = later.called.or(self.called);
        self.entered = later.entered.or(self.entered);
        self.history.extend(later.history);
    }

    fn complete(&self, visit: &mut Visit) {
        visit.kind = self.kind.unwrap_or(visit.kind);
        visit.revisit = self.revisit.or(visit.revisit);
        visit.extra = self.extra.unwrap_or(visit.extra);
        visit.checked_in_at = self.checked_in.or(visit.checked_in_at);
        visit.called_at = self.called.or(visit.called_at);
        visit.entered_at = self.entered.or(visit.entered_at);
        visit.history.extend(&self.history);
        // Lines of a file need not be in order of time.
        visit.history.sort_by_key(|recorded| recorded.at);
    }
}

impl Attendance {
    /// Reads a file.
    pub(super) fn read(file: &Path, directory: &Directory, lang: Lang) -> Result<Self, Failure> {
        let bytes = crate::files::read_bytes(file, lang)?;
        let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
        Self::parse(text, directory).map_err(|wrong| {
            Failure::input(say!(
                lang,
                "report.bad_row",
                file = file.display(),
                line = wrong.line,
                column = wrong.column,
                reason = in_language(wrong.reason, lang)
            ))
        })
    }

    fn parse(text: &[u8], directory: &Directory) -> Result<Self, Wrong> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text);
        let unreadable = |error: &csv::Error| Wrong {
            line: error.position().map_or(1, csv::Position::line),
            column: String::new(),
            reason: (
                "this is no CSV in UTF-8 with a column for each field",
                "UTF-8 编码、各行列数一致的 CSV",
            ),
        };
        let headers = reader.headers().map_err(|error| unreadable(&error))?.clone();
        for (place, name) in headers.iter().enumerate() {
            if !COLUMNS.contains(&name) || headers.iter().take(place).any(|other| other == name) {
                let (line, column) = (1, format!("{}", place + 1));
                return Err(Wrong {
                    line,
                    column,
                    reason: (
                        "no such column, or twice; see `haoyuan help report`",
                        "不重复的已知列名;见 `haoyuan help report`",
                    ),
                });
            }
        }
        let mut attendance = Self::default();
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| unreadable(&error))? {
            let line = record.position().map_or(0, csv::Position::line);
            let cells = Cells { headers: &headers, record: &record, line };
            attendance.take(&cells, directory)?;
        }
        Ok(attendance)
    }

    fn take(&mut self, cells: &Cells<'_>, directory: &Directory) -> Result<(), Wrong> {
        let flag = |text: &str| match text {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            _ => None,
        };
        let outcome = cells.get(
            "outcome",
            ("an outcome, such as `attended` or `no_show`", "就诊结果,如 `attended` 或 `no_show`"),
            Outcome::parse,
        )?;
        let recorded = cells.instant("recorded_at")?;
        let history = match (outcome, recorded) {
            (Some(outcome), Some(at)) => vec![Recorded { at, outcome }],
            (None, None) => Vec::new(),
            _ => {
                return Err(cells.wrong(
                    "recorded_at",
                    ("an outcome and when it was recorded go together", "就诊结果与登记时刻须同时给出"),
                ));
            }
        };
        let line = Line {
            kind: cells.get(
                "kind",
                (
                    "a kind of visit, such as `outpatient` or `emergency`",
                    "就诊类型,如 `outpatient` 或 `emergency`",
                ),
                VisitKind::parse,
            )?,
            revisit: cells.get("revisit", ("`true` or `false`", "`true` 或 `false`"), flag)?,
            extra: cells.get("extra", ("`true` or `false`", "`true` 或 `false`"), flag)?,
            checked_in: cells.instant("checked_in_at")?,
            called: cells.instant("called_at")?,
            entered: cells.instant("entered_at")?,
            history,
        };
        let booking = cells.get("booking", ("16 hexadecimal digits", "16 位十六进制数字"), |text| {
            let digits = text.len() == 16 && text.bytes().all(|c| c.is_ascii_hexdigit());
            digits.then(|| u64::from_str_radix(text, 16).ok().and_then(BookingId::new))?
        })?;
        if let Some(booking) = booking {
            self.of_bookings.entry(booking).or_default().add(line);
            return Ok(());
        }
        let number = cells.get("id", ("a number below 2^30", "小于 2^30 的编号"), |text| {
            text.parse().ok().filter(|id: &u32| *id < UNNUMBERED >> 1).map(|id| UNNUMBERED + id)
        })?;
        // A visit without a number is known by its line.
        let after = u32::try_from(cells.line).ok().filter(|line| *line < UNNUMBERED >> 1);
        let number = number.or(after.map(|line| UNNUMBERED + (UNNUMBERED >> 1) + line));
        let number = number
            .ok_or_else(|| cells.wrong("id", ("the file has too many lines", "行数不超过 2^30 的文件")))?;
        if let Some(visit) = self.unbooked.get_mut(&number) {
            line.complete(visit);
            return Ok(());
        }
        let mut visit = cells.visit(number, directory)?;
        line.complete(&mut visit);
        self.unbooked.insert(number, visit);
        Ok(())
    }

    /// The latest instant at which anything was recorded.
    pub(super) fn last(&self) -> Instant {
        let histories = self.of_bookings.values().map(|line| &line.history);
        let histories = histories.chain(self.unbooked.values().map(|visit| &visit.history));
        histories.flatten().map(|recorded| recorded.at).max().unwrap_or(Instant::MIN)
    }

    /// Says what came of the bookings, and adds the visits without one.
    pub(super) fn complete(
        &self,
        visits: &mut Vec<Visit>,
        institution: InstitutionId,
        days: &RangeInclusive<Day>,
    ) {
        for visit in visits.iter_mut() {
            if let Some(line) = visit.booking.and_then(|booking| self.of_bookings.get(&booking)) {
                line.complete(visit);
            }
        }
        let here = |visit: &&Visit| visit.institution == institution && days.contains(&visit.day);
        visits.extend(self.unbooked.values().filter(here).cloned());
    }
}

/// What a cell must be, in English and in Chinese.
type Form = (&'static str, &'static str);

fn in_language((en, zh): Form, lang: Lang) -> &'static str {
    match lang {
        Lang::En => en,
        Lang::Zh => zh,
    }
}

/// What is wrong with a file, and where.
#[derive(Debug)]
struct Wrong {
    line: u64,
    column: String,
    reason: Form,
}

struct Cells<'a> {
    headers: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
    line: u64,
}

impl Cells<'_> {
    fn wrong(&self, column: &str, reason: Form) -> Wrong {
        Wrong { line: self.line, column: column.to_owned(), reason }
    }

    /// The value of a cell; `None` if there is no such column or nothing in it.
    fn get<V>(&self, column: &str, form: Form, read: impl Fn(&str) -> Option<V>) -> Result<Option<V>, Wrong> {
        let place = self.headers.iter().position(|name| name == column);
        match place.and_then(|place| self.record.get(place)).filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => read(text).map(Some).ok_or_else(|| self.wrong(column, form)),
        }
    }

    fn need<V>(&self, column: &str, form: Form, read: impl Fn(&str) -> Option<V>) -> Result<V, Wrong> {
        self.get(column, form, read)?.ok_or_else(|| self.wrong(column, form))
    }

    fn instant(&self, column: &str) -> Result<Option<Instant>, Wrong> {
        self.get(
            column,
            (
                "an RFC 3339 instant, such as `2026-03-10T08:05:00+08:00`",
                "RFC 3339 时刻,如 `2026-03-10T08:05:00+08:00`",
            ),
            |text| {
                let nanoseconds = text.parse::<jiff::Timestamp>().ok()?.as_nanosecond();
                Instant::new(i64::try_from(nanoseconds.div_euclid(1_000_000)).ok()?)
            },
        )
    }

    /// A visit without a booking of the journal.
    fn visit(&self, number: u32, directory: &Directory) -> Result<Visit, Wrong> {
        let institution =
            self.need("institution", ("the code of an institution", "医疗机构编码"), |code| {
                directory.institution(code)
            })?;
        let department =
            self.need("department", ("the code of a department of it", "该机构的科室编码"), |code| {
                directory.department(institution, code)
            })?;
        let practitioner =
            self.need("practitioner", ("the code of a practitioner", "医生编码"), |code| {
                directory.practitioner(code)
            })?;
        let patient = self.need(
            "patient",
            ("a patient key of 32 hexadecimal digits", "32 位十六进制的患者键"),
            |text| {
                let digits = text.len() == 32 && text.bytes().all(|c| c.is_ascii_hexdigit());
                digits.then(|| u128::from_str_radix(text, 16).ok().and_then(PatientKey::new))?
            },
        )?;
        let slot = self.instant("slot_from")?.zip(self.instant("slot_to")?);
        let slot = slot.filter(|(from, to)| from < to).map(|(from, to)| Interval { from, to });
        let confirmed_at = self.instant("confirmed_at")?;
        let came = self.instant("checked_in_at")?.or(self.instant("entered_at")?);
        let day = self.get(
            "day",
            ("a day, such as `2026-03-10`", "日期,如 `2026-03-10`"),
            crate::text::parse_date,
        )?;
        let day = day.or(slot.map(|slot| slot.from.day())).or(came.map(Instant::day));
        Ok(Visit {
            id: VisitId::new(number).unwrap_or_default(),
            booking: None,
            patient,
            institution,
            department,
            practitioner,
            session: None,
            slot,
            day: day.ok_or_else(|| {
                self.wrong(
                    "day",
                    (
                        "say on which day: `day`, `slot_from` or `checked_in_at`",
                        "就诊日期:`day`、`slot_from` 或 `checked_in_at`",
                    ),
                )
            })?,
            kind: VisitKind::Outpatient,
            class: self
                .get("class", ("a class, such as `public`", "患者类别,如 `public`"), Class::parse)?
                .unwrap_or(Class::OnSite),
            channel: self
                .get("channel", ("a channel, such as `window`", "渠道,如 `window`"), Channel::parse)?
                .unwrap_or(Channel::Window),
            revisit: None,
            extra: false,
            booked_at: confirmed_at,
            confirmed_at,
            checked_in_at: None,
            called_at: None,
            entered_at: None,
            history: Vec::new(),
        })
    }
}

/// What fairness is asked by, of one patient.
pub(super) struct Life {
    pub(super) district: String,
    pub(super) aged_65: Option<bool>,
}

/// Which patient lives in which district, and is 65 or older: a CSV file with the columns `patient`, `district` and perhaps `aged_65`.
pub(super) fn lives(file: &Path, lang: Lang) -> Result<HashMap<PatientKey, Life>, Failure> {
    let bytes = crate::files::read_bytes(file, lang)?;
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes);
    let mut lives = HashMap::new();
    for record in csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text).records() {
        let line = record.as_ref().ok().and_then(csv::StringRecord::position).map_or(0, csv::Position::line);
        let wrong = || {
            let form = (
                "a patient key of 32 hexadecimal digits, a district, and perhaps `true` or `false` for 65 and older",
                "32 位十六进制的患者键、区县名称,以及可选的 `true` 或 `false`(是否 65 岁及以上)",
            );
            let reason = in_language(form, lang);
            let file = file.display();
            Failure::input(say!(
                lang,
                "report.bad_row",
                file = file,
                line = line,
                column = 1,
                reason = reason
            ))
        };
        let record = record.map_err(|_| wrong())?;
        let (Some(key), Some(district)) = (record.get(0), record.get(1)) else { return Err(wrong()) };
        let digits = key.len() == 32 && key.bytes().all(|c| c.is_ascii_hexdigit());
        let key = digits.then(|| u128::from_str_radix(key, 16).ok().and_then(PatientKey::new));
        let aged_65 = match record.get(2) {
            None | Some("") => None,
            Some("true") => Some(true),
            Some("false") => Some(false),
            Some(_) => return Err(wrong()),
        };
        let district = district.to_owned();
        lives.insert(key.flatten().ok_or_else(wrong)?, Life { district, aged_65 });
    }
    Ok(lives)
}

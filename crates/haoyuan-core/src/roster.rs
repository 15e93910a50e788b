//! Rosters (排班表): sessions from a CSV table with English or Chinese headers.
//!
//! | header | 表头 | value |
//! |---|---|---|
//! | `institution` | 机构 | code of a registered institution |
//! | `department` | 科室 | code of one of its departments |
//! | `practitioner` | 医生 | code of a practitioner who may work there |
//! | `date` | 日期 | `2026-03-02`, the day on which the session starts |
//! | `from`, `to` | 开始, 结束 | `08:00`; an end not after the start is on the next day |
//! | `grade` | 号别 | `ordinary`, 普通号, … |
//! | `kind` (may be left out) | 类型 | `clinic`, 门诊, …; clinic if empty |
//! | `slot_minutes` | 时段分钟 | length of a slot |
//! | `seats_per_slot` | 每时段号数 | 1 to 63 |
//! | `code` (may be left out) | 班次编号 | unique on the platform; made of the other values if empty |
//!
//! # Invariants
//! - INVARIANT (all or nothing): a table with one bad row gives no session at all, and every bad row is reported, up to
//!   [`ERRORS_MOST`] errors: what is said about a table does not grow with what is wrong with it.
//! - INVARIANT (one place at a time): no practitioner has two sessions that overlap, at any sites, in this table or with
//!   those already published.

use crate::civil;
use crate::directory::Directory;
use crate::ids::{InstitutionId, Interval, PractitionerId, SEATS_MAX, SlotIndex};
use crate::instant::{DAY, Day, MINUTE};
use crate::plan::Session;
use crate::said;
use crate::said::{Said, Speak};
use crate::terms::{Grade, Kind};
use std::collections::{BTreeMap, HashMap};
use std::fmt;

/// How many errors are told of one table, about; who has as many has one mistake in every row, and mends that first.
pub const ERRORS_MOST: usize = 1_000;

/// Why a row was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowError {
    /// The line of the file, from 1.
    pub line: u64,
    /// The column, by its header in the file; empty if the error is about the row as a whole.
    pub column: String,
    /// What is wrong and what to do.
    pub reason: Said,
}

impl Speak for RowError {
    fn said(&self) -> Said {
        let Self { line, column, reason } = self;
        if column.is_empty() {
            said!("line {line}: {reason}", "第 {line} 行:{reason}", line, reason)
        } else {
            said!(
                "line {line}, column `{column}`: {reason}",
                "第 {line} 行,`{column}` 列:{reason}",
                line,
                column,
                reason
            )
        }
    }
}

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.said().fmt(f)
    }
}

impl std::error::Error for RowError {}

/// A session that is already published, as far as a roster must respect it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Duty<'a> {
    /// Its code.
    pub code: &'a str,
    /// Who is on duty.
    pub practitioner: PractitionerId,
    /// From when to when.
    pub time: Interval,
}

impl<'a> From<&'a Session> for Duty<'a> {
    fn from(session: &'a Session) -> Self {
        Self { code: &session.code, practitioner: session.practitioner, time: session.time }
    }
}

macro_rules! columns {
    ($($name:ident $text:literal $zh:literal $($other:literal)*;)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        enum Column { $($name),+ }

        impl Column {
            const ALL: &'static [Self] = &[$(Self::$name),+];

            const fn text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }

            const fn zh(self) -> &'static str {
                match self { $(Self::$name => $zh),+ }
            }

            fn parse(header: &str) -> Option<Self> {
                match header { $($text | $zh $(| $other)* => Some(Self::$name),)+ _ => None }
            }
        }
    };
}

columns! {
    Institution "institution" "机构" "医疗机构";
    Department "department" "科室";
    Practitioner "practitioner" "医生";
    Date "date" "日期" "出诊日期";
    From "from" "开始" "开始时间";
    To "to" "结束" "结束时间";
    Grade "grade" "号别";
    Kind "kind" "类型";
    SlotMinutes "slot_minutes" "时段分钟";
    SeatsPerSlot "seats_per_slot" "每时段号数";
    Code "code" "班次编号";
}

impl Column {
    const fn may_be_left_out(self) -> bool {
        matches!(self, Self::Kind | Self::Code)
    }
}

/// A roster, as a reader of tables.
#[derive(Clone, Copy, Debug)]
pub struct Roster;

impl Roster {
    /// Reads the sessions of a table, in order of date and code: the order in which to publish them.
    ///
    /// `published` are the sessions that practitioners already have; sessions of other practitioners do no harm.
    ///
    /// # Errors
    /// Every bad row, in order of lines. After [`ERRORS_MOST`] errors the rest of the table is not read; the last error says so.
    pub fn parse<'a>(
        bytes: &[u8],
        directory: &Directory,
        published: impl IntoIterator<Item = Duty<'a>>,
    ) -> Result<Vec<Session>, Vec<RowError>> {
        let text = decode(bytes).map_err(|error| vec![error])?;
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .trim(csv::Trim::All)
            .from_reader(text.as_bytes());
        let mut records = reader.records();
        let headers = match records.next() {
            Some(Ok(record)) => Headers::parse(&record)?,
            Some(Err(error)) => return Err(vec![broken(&error)]),
            None => {
                let reason =
                    said!("the table is empty; its first line names the columns", "表为空;第一行应为表头");
                return Err(vec![row(1, "", reason)]);
            }
        };
        let mut duties = Duties::new(published);
        let mut sessions = Vec::new();
        let mut errors = Vec::new();
        for record in records {
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    errors.push(broken(&error));
                    break;
                }
            };
            // A row of empty cells is what spreadsheets leave at the end of a table.
            if record.iter().all(str::is_empty) {
                continue;
            }
            let mut reading = Reading { headers: &headers, record: &record, errors: Vec::new() };
            let session = reading.session(directory);
            match session.map(|session| duties.admit(&session, reading.line()).map(|()| session)) {
                Some(Ok(session)) => sessions.push(session),
                Some(Err((column, reason))) => reading.refuse(column, reason),
                None => {}
            }
            let line = reading.line();
            errors.append(&mut reading.errors);
            if errors.len() >= ERRORS_MOST {
                errors.push(no_further(line));
                break;
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        sessions.sort_by(|a, b| (a.day(), &a.code).cmp(&(b.day(), &b.code)));
        Ok(sessions)
    }
}

fn row(line: u64, column: &str, reason: Said) -> RowError {
    RowError { line, column: column.to_owned(), reason }
}

fn no_further(line: u64) -> RowError {
    let reason = said!(
        "so many errors are enough; mend these, and what comes after this line is looked at",
        "错误过多,此行之后未再检查;请先更正以上各处"
    );
    row(line, "", reason)
}

fn broken(error: &csv::Error) -> RowError {
    let line = error.position().map_or(0, csv::Position::line);
    let error = Said::same(error);
    row(line, "", said!("this is no CSV: {error}", "这不是 CSV:{error}", error))
}

fn decode(bytes: &[u8]) -> Result<&str, RowError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let reason =
            said!("the file is UTF-16; save it as CSV in UTF-8", "文件是 UTF-16 编码;请另存为 CSV UTF-8");
        return Err(row(1, "", reason));
    }
    let bytes = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(bytes);
    let lines_in = |part: &[u8]| part.split(|b| *b == b'\n').count() as u64;
    match std::str::from_utf8(bytes) {
        Ok(text) => match text.find('\0') {
            Some(at) => {
                let reason = said!(
                    "the file has a zero byte; save it as CSV in UTF-8",
                    "文件中有零字节;请另存为 CSV UTF-8"
                );
                Err(row(lines_in(&bytes[..at]), "", reason))
            }
            None => Ok(text),
        },
        Err(error) => Err(row(
            lines_in(&bytes[..error.valid_up_to()]),
            "",
            said!(
                "the file is not UTF-8, perhaps GBK; save it as CSV in UTF-8 (另存为 CSV UTF-8)",
                "文件不是 UTF-8 编码,可能是 GBK;请另存为 CSV UTF-8"
            ),
        )),
    }
}

/// Where each column is, and what the file calls it.
struct Headers {
    places: Vec<(Column, usize, String)>,
    width: usize,
}

impl Headers {
    fn parse(record: &csv::StringRecord) -> Result<Self, Vec<RowError>> {
        let line = record.position().map_or(1, csv::Position::line);
        let mut places: Vec<(Column, usize, String)> = Vec::new();
        let mut errors = Vec::new();
        for (place, header) in record.iter().enumerate() {
            match Column::parse(&header.to_lowercase()) {
                Some(column) if places.iter().any(|(other, _, _)| *other == column) => {
                    let reason = said!(
                        "the column `{column}` comes twice",
                        "列 `{column}` 重复",
                        column = column.text()
                    );
                    errors.push(row(line, column.text(), reason));
                }
                Some(column) => places.push((column, place, header.to_owned())),
                None => {
                    let known = Said {
                        en: Said::quoted(Column::ALL.iter().map(|column| column.text())).en,
                        zh: Said::quoted(Column::ALL.iter().map(|column| column.zh())).zh,
                    };
                    let reason =
                        said!("unknown column; the columns are {known}", "未知的列;可用的列:{known}", known);
                    errors.push(row(line, &shorten(header), reason));
                }
            }
            if errors.len() >= ERRORS_MOST {
                errors.push(no_further(line));
                return Err(errors);
            }
        }
        for column in Column::ALL {
            if !column.may_be_left_out() && !places.iter().any(|(other, _, _)| other == column) {
                let reason = said!("this column is missing", "缺少此列");
                errors.push(row(line, column.text(), reason));
            }
        }
        if errors.is_empty() { Ok(Self { places, width: record.len() }) } else { Err(errors) }
    }

    fn name(&self, column: Column) -> &str {
        self.places.iter().find(|(c, _, _)| *c == column).map_or(column.text(), |(_, _, name)| name)
    }
}

/// One row being read; what is wrong with it is collected.
struct Reading<'a> {
    headers: &'a Headers,
    record: &'a csv::StringRecord,
    errors: Vec<RowError>,
}

impl Reading<'_> {
    fn line(&self) -> u64 {
        self.record.position().map_or(0, csv::Position::line)
    }

    fn refuse(&mut self, column: Column, reason: Said) {
        self.errors.push(row(self.line(), self.headers.name(column), reason));
    }

    fn cell(&self, column: Column) -> &str {
        let place = self.headers.places.iter().find(|(c, _, _)| *c == column);
        place.and_then(|(_, place, _)| self.record.get(*place)).unwrap_or_default()
    }

    /// The value of a cell, or a refusal that quotes it.
    fn read<T>(&mut self, column: Column, read: impl FnOnce(&str) -> Option<T>, wanted: &Said) -> Option<T> {
        let cell = self.cell(column);
        let value = read(cell);
        if value.is_none() {
            let reason = if cell.is_empty() {
                said!("the cell is empty; write {wanted}", "单元格为空;请填写{wanted}", wanted)
            } else {
                let cell = shorten(cell);
                said!("`{cell}` is not {wanted}", "`{cell}` 不是{wanted}", cell, wanted)
            };
            self.refuse(column, reason);
        }
        value
    }

    fn session(&mut self, directory: &Directory) -> Option<Session> {
        if self.record.len() != self.headers.width {
            let reason = said!(
                "the row has {cells} cells and the header {width}; put cells with commas in quotes",
                "此行有 {cells} 格,而表头有 {width} 格;含逗号的单元格请加引号",
                cells = self.record.len(),
                width = self.headers.width
            );
            self.errors.push(row(self.line(), "", reason));
            return None;
        }
        let institution = self.read(
            Column::Institution,
            |cell| directory.institution(cell),
            &said!("the code of a registered institution", "已登记机构的编码"),
        );
        let department = institution.and_then(|institution| {
            let wanted = &said!("the code of a department of this institution", "该机构科室的编码");
            self.read(Column::Department, |cell| directory.department(institution, cell), wanted)
        });
        let practitioner = self.read(
            Column::Practitioner,
            |cell| directory.practitioner(cell),
            &said!("the code of a registered practitioner", "已登记医生的编码"),
        );
        let day = self.read(
            Column::Date,
            civil::parse_date,
            &said!("a date (such as 2026-03-02)", "日期(如 2026-03-02)"),
        );
        let time_of_day = said!("a time (such as 08:00)", "时刻(如 08:00)");
        let from =
            self.read(Column::From, |cell| civil::parse_clock(cell).filter(|t| *t < DAY), &time_of_day);
        let to = self.read(Column::To, civil::parse_clock, &time_of_day);
        let grade = self.read(Column::Grade, Grade::parse, &one_of(Grade::ALL));
        let kind = self.read(
            Column::Kind,
            |cell| if cell.is_empty() { Some(Kind::Clinic) } else { Kind::parse(cell) },
            &one_of(Kind::ALL),
        );
        let minutes = self.read(
            Column::SlotMinutes,
            |cell| number(cell).filter(|minutes| (1..=1440).contains(minutes)),
            &said!("a number of minutes (1 to 1440)", "分钟数(1 至 1440)"),
        );
        let seats = self.read(
            Column::SeatsPerSlot,
            |cell| {
                number(cell)
                    .and_then(|seats| u8::try_from(seats).ok())
                    .filter(|s| (1..=SEATS_MAX).contains(s))
            },
            &said!("a number of seats (1 to 63)", "号数(1 至 63)"),
        );
        let (day, from, to) = (day?, from?, to?);
        let time = interval(day, from, to);
        let slots = self.slots(time, minutes?);
        if let (Some(practitioner), Some(institution)) = (practitioner, institution) {
            self.check_practitioner(directory, practitioner, institution, time);
        }
        let code = self.code(day)?;
        if !self.errors.is_empty() {
            return None;
        }
        Some(Session {
            code,
            institution: institution?,
            department: department?,
            practitioner: practitioner?,
            grade: grade?,
            kind: kind?,
            time,
            slot_ms: u32::from(minutes?) * 60_000,
            capacity: vec![seats?; slots?],
        })
    }

    fn slots(&mut self, time: Interval, minutes: u16) -> Option<usize> {
        let length = time.to.ms() - time.from.ms();
        let slot = i64::from(minutes) * MINUTE;
        let slots = usize::try_from(length / slot).ok();
        if length % slot != 0 {
            let reason = said!(
                "slots of {minutes} minutes do not fill a session of {length} minutes",
                "{minutes} 分钟的时段不能整分 {length} 分钟的班次",
                minutes,
                length = length / MINUTE
            );
            self.refuse(Column::SlotMinutes, reason);
            return None;
        }
        slots.filter(|slots| *slots > 0 && *slots <= usize::from(SlotIndex::MAX) + 1).or_else(|| {
            let reason = said!("a session has at most 1024 slots", "一个班次最多 1024 个时段");
            self.refuse(Column::SlotMinutes, reason);
            None
        })
    }

    fn check_practitioner(
        &mut self,
        directory: &Directory,
        id: PractitionerId,
        institution: InstitutionId,
        time: Interval,
    ) {
        let practitioner = &directory.practitioners()[id.index()];
        if !practitioner.sites.contains(&institution) {
            let reason = said!(
                "practitioner `{code}` is not registered for institution `{site}`; add the site to the directory",
                "医生 `{code}` 未登记在机构 `{site}` 执业;请在目录中添加该机构",
                code = practitioner.code,
                site = directory.get(institution).code
            );
            self.refuse(Column::Practitioner, reason);
        }
        let last = time.to.plus(-1).day();
        if !practitioner.is_valid_on(time.from.day()) || !practitioner.is_valid_on(last) {
            let date = |day: Option<Day>| day.map_or_else(|| "…".to_owned(), |day| day.to_string());
            let reason = said!(
                "the credential of practitioner `{code}` is valid {from} to {to} only",
                "医生 `{code}` 的执业资格仅在 {from} 至 {to} 有效",
                code = practitioner.code,
                from = date(practitioner.valid_from),
                to = date(practitioner.valid_to)
            );
            self.refuse(Column::Practitioner, reason);
        }
    }

    fn code(&mut self, day: Day) -> Option<String> {
        let given = self.cell(Column::Code);
        let code = if given.is_empty() {
            let [institution, department, practitioner, from] =
                [Column::Institution, Column::Department, Column::Practitioner, Column::From]
                    .map(|c| self.cell(c));
            format!("{institution}-{department}-{practitioner}-{day}-{from}")
        } else {
            given.to_owned()
        };
        if code.len() > 64 || code.chars().any(char::is_control) {
            self.refuse(
                Column::Code,
                said!(
                    "a session code has at most 64 bytes and no control characters; give one",
                    "班次编号最多 64 字节,且不含控制字符;请填写一个"
                ),
            );
            return None;
        }
        Some(code)
    }
}

/// From–to on a day; an end not after the start is on the next day.
fn interval(day: Day, from: i64, to: i64) -> Interval {
    let midnight = day.midnight();
    let to = if to <= from { to + DAY } else { to };
    Interval { from: midnight.plus(from), to: midnight.plus(to) }
}

/// The terms of a closed set, to choose from.
fn one_of<T: Speak>(all: &[T]) -> Said {
    let terms = Said::list(all.iter().map(|term| said!("`{term}`", "`{term}`", term)));
    said!("one of {terms} or their Chinese terms", "以下之一:{terms},或其英文词", terms)
}

fn number(cell: &str) -> Option<u16> {
    (cell.bytes().all(|b| b.is_ascii_digit())).then(|| cell.parse().ok())?
}

/// A cell for quoting in an error: not longer than a line.
fn shorten(cell: &str) -> String {
    if cell.chars().count() <= 40 { cell.to_owned() } else { cell.chars().take(40).chain(['…']).collect() }
}

/// Who is on duty when, and which codes are taken.
struct Duties {
    /// For each practitioner the disjoint duties by start: end, and what to call it.
    times: HashMap<PractitionerId, BTreeMap<i64, (i64, Said)>>,
    codes: HashMap<String, Said>,
}

impl Duties {
    fn new<'a>(published: impl IntoIterator<Item = Duty<'a>>) -> Self {
        let mut duties = Self { times: HashMap::new(), codes: HashMap::new() };
        for duty in published {
            let name = said!("published session `{code}`", "已发布的班次 `{code}`", code = duty.code);
            let times = duties.times.entry(duty.practitioner).or_default();
            times.insert(duty.time.from.ms(), (duty.time.to.ms(), name.clone()));
            duties.codes.insert(duty.code.to_owned(), name);
        }
        duties
    }

    fn admit(&mut self, session: &Session, line: u64) -> Result<(), (Column, Said)> {
        if let Some(other) = self.codes.get(&session.code) {
            let reason = said!(
                "session code `{code}` is taken by the {other}",
                "班次编号 `{code}` 已用于{other}",
                code = session.code,
                other
            );
            return Err((Column::Code, reason));
        }
        let (from, to) = (session.time.from.ms(), session.time.to.ms());
        let times = self.times.entry(session.practitioner).or_default();
        // Duties are disjoint, so only the last one that starts before this one ends can overlap it.
        if let Some((_, (_, other))) = times.range(..to).next_back().filter(|(_, (end, _))| *end > from) {
            let reason = said!(
                "the practitioner is in two places at once: the session overlaps the {other}",
                "同一医生同时在两处出诊:此班次与{other}时间重叠",
                other
            );
            return Err((Column::From, reason));
        }
        let name = said!("session of line {line}", "第 {line} 行的班次", line);
        times.insert(from, (to, name.clone()));
        self.codes.insert(session.code.clone(), name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUSE: &str = r#"
[[institution]]
code = "T1"
name = "省人民医院"
tier = "tertiary"

[[institution]]
code = "T2"
name = "市医院"
tier = "tertiary"

[[department]]
institution = "T1"
code = "CARD"
name = "心内科"

[[department]]
institution = "T2"
code = "CARD"
name = "心内科"

[[practitioner]]
code = "D1"
name = "王医生"
sites = ["T1", "T2"]
valid_to = "2026-03-31"

[[practitioner]]
code = "D2"
name = "李医生"
sites = ["T2"]
"#;

    fn directory() -> Directory {
        Directory::parse("house.toml", HOUSE).unwrap()
    }

    const HEADER: &str =
        "institution,department,practitioner,date,from,to,grade,kind,slot_minutes,seats_per_slot,code\n";
    const ROW: &str = "T1,CARD,D1,2026-03-03,08:00,12:00,expert,clinic,30,5,S1\n";

    fn parse(text: &str) -> Result<Vec<Session>, Vec<RowError>> {
        Roster::parse(text.as_bytes(), &directory(), [])
    }

    #[test]
    fn a_row_becomes_a_session() {
        let sessions = parse(&format!("{HEADER}{ROW}")).unwrap();
        let session = &sessions[0];
        assert_eq!(
            (session.capacity.as_slice(), session.slot_ms, session.seats()),
            (&[5; 8][..], 1_800_000, 40)
        );
        assert_eq!(session.day(), civil::parse_date("2026-03-03").unwrap());
        assert_eq!(session.time.from, session.origin().plus(8 * 60 * MINUTE));
        assert_eq!(session.check(), Ok(()));
    }

    #[test]
    fn chinese_headers_and_terms_say_the_same() {
        let chinese = "\u{feff}机构,科室,医生,日期,开始,结束,号别,类型,时段分钟,每时段号数,班次编号\r\n\
                       T1,CARD,D1,2026/3/3,8:00,12:00,专家号,门诊,30,5,S1\r\n,,,,,,,,,,\r\n";
        assert_eq!(parse(chinese).unwrap(), parse(&format!("{HEADER}{ROW}")).unwrap());
    }

    #[test]
    fn columns_may_come_in_any_order_and_two_may_be_left_out() {
        let sessions = parse(
            "Date,from,to,Grade,slot_minutes,seats_per_slot,practitioner,department,institution\n\
             2026-03-03,08:00,12:00,expert,30,5,D1,CARD,T1\n",
        )
        .unwrap();
        assert_eq!(sessions[0].kind, Kind::Clinic);
        assert_eq!(sessions[0].code, "T1-CARD-D1-2026-03-03-08:00");
    }

    #[test]
    fn a_session_may_cross_midnight() {
        for (to, hours) in [("02:00", 4), ("24:00", 2), ("00:00", 2), ("22:00", 24)] {
            let table = format!("{HEADER}T1,CARD,D1,2026-03-03,22:00,{to},ordinary,,30,5,\n");
            let session = parse(&table).unwrap().remove(0);
            assert_eq!(session.time.to.ms() - session.time.from.ms(), hours * 60 * MINUTE, "{to}");
            assert_eq!(session.day(), civil::parse_date("2026-03-03").unwrap());
        }
    }

    #[test]
    fn sessions_come_in_order_of_date_and_code() {
        let table = format!(
            "{HEADER}{}{}{}",
            ROW.replace("2026-03-03", "2026-03-05").replace("S1", "A"),
            ROW.replace("D1", "D2").replace("T1", "T2").replace("S1", "B"),
            ROW.replace("S1", "A1"),
        );
        let codes: Vec<String> = parse(&table).unwrap().into_iter().map(|s| s.code).collect();
        assert_eq!(codes, ["A1", "B", "A"]);
    }

    /// One good row, then the row with one cell changed: the error is about that cell.
    #[track_caller]
    fn check(from: &str, to: &str, column: &str, reason: &str) {
        let good = ROW.replace("S1", "S0").replace("2026-03-03", "2026-03-02");
        let table = format!("{HEADER}{good}{}", ROW.replace(from, to));
        let errors = parse(&table).unwrap_err();
        assert_eq!(errors.len(), 1, "{errors:?}");
        assert_eq!((errors[0].line, errors[0].column.as_str()), (3, column), "{}", errors[0]);
        assert!(errors[0].reason.en.contains(reason), "{}", errors[0]);
        assert!(!errors[0].reason.zh.is_ascii(), "{}: {}", errors[0], errors[0].reason.zh);
    }

    #[test]
    fn a_bad_cell_is_told_in_chinese_too() {
        let told = |table: &str| parse(table).unwrap_err()[0].said().zh;
        let row = |from: &str, to: &str| told(&format!("{HEADER}{}", ROW.replace(from, to)));
        assert_eq!(row("T1,", "T9,"), "第 2 行,`institution` 列:`T9` 不是已登记机构的编码");
        assert_eq!(row("D1", ""), "第 2 行,`practitioner` 列:单元格为空;请填写已登记医生的编码");
        assert_eq!(
            row("expert", "x"),
            "第 2 行,`grade` 列:`x` 不是以下之一:`普通号`、`专家号`、`特需号`、`专病号`,或其英文词"
        );
        assert_eq!(
            told(&format!("{HEADER}{ROW}{}", ROW.replace("S1", "S2"))),
            "第 3 行,`from` 列:同一医生同时在两处出诊:此班次与第 2 行的班次时间重叠"
        );
    }

    #[test]
    fn a_bad_cell_is_reported_by_line_column_and_reason() {
        check("T1,", "T9,", "institution", "`T9` is not the code of a registered institution");
        check("CARD", "NEURO", "department", "`NEURO` is not the code of a department");
        check("D1", "", "practitioner", "the cell is empty");
        check("D1", "D2", "practitioner", "not registered for institution `T1`");
        check("2026-03-03", "2026-02-30", "date", "is not a date");
        check("2026-03-03", "2026-04-01", "practitioner", "valid … to 2026-03-31 only");
        check("08:00", "24:00", "from", "is not a time");
        check("12:00", "12.00", "to", "is not a time");
        check("expert", "Expert!", "grade", "is not one of `ordinary`, `expert`");
        check("clinic", "party", "kind", "is not one of `clinic`");
    }

    #[test]
    fn numbers_are_in_range() {
        check(",30,", ",35,", "slot_minutes", "slots of 35 minutes do not fill a session of 240 minutes");
        check(",30,", ",0,", "slot_minutes", "1 to 1440");
        check(",30,", ",-30,", "slot_minutes", "1 to 1440");
        check(",5,S1", ",64,S1", "seats_per_slot", "1 to 63");
        check(",5,S1", ",0,S1", "seats_per_slot", "1 to 63");
        check(",5,S1", ",99999999999,S1", "seats_per_slot", "1 to 63");
        check("S1", &"x".repeat(65), "code", "at most 64 bytes");
        check("S1\n", "S1,extra\n", "", "has 12 cells and the header 11");
        check("S1", "S0", "code", "`S0` is taken by the session of line 2");
    }

    #[test]
    fn a_practitioner_is_at_one_place_at_a_time() {
        let other =
            |from: &str, to: &str| format!("T2,CARD,D1,2026-03-03,{from},{to},expert,clinic,30,5,S2\n");
        assert!(parse(&format!("{HEADER}{ROW}{}", other("12:00", "14:00"))).is_ok(), "sessions may touch");
        assert!(parse(&format!("{HEADER}{ROW}{}", other("06:00", "08:00"))).is_ok(), "sessions may touch");
        for (from, to) in [("11:30", "14:00"), ("07:00", "08:30"), ("09:00", "10:00"), ("07:00", "13:00")] {
            let errors = parse(&format!("{HEADER}{ROW}{}", other(from, to))).unwrap_err();
            assert!(errors[0].reason.en.contains("overlaps the session of line 2"), "{from}: {}", errors[0]);
        }
        let night = ROW.replace("08:00,12:00", "22:00,02:00").replace("S1", "N").replace("03-03", "03-02");
        let early = ROW.replace("08:00,12:00", "01:00,03:00");
        assert!(parse(&format!("{HEADER}{night}{early}")).is_err(), "also across midnight");
    }

    #[test]
    fn published_sessions_count_too() {
        let published = parse(&format!("{HEADER}{ROW}")).unwrap();
        let again =
            |text: &str| Roster::parse(text.as_bytes(), &directory(), published.iter().map(Duty::from));
        let same = again(&format!("{HEADER}{ROW}")).unwrap_err();
        assert!(same[0].reason.en.contains("taken by the published session `S1`"), "{}", same[0]);
        let over = again(&format!("{HEADER}{}", ROW.replace("S1", "S2"))).unwrap_err();
        assert!(over[0].reason.en.contains("overlaps the published session `S1`"), "{}", over[0]);
        assert!(again(&format!("{HEADER}{}", ROW.replace("S1", "S2").replace("03-03", "03-04"))).is_ok());
    }

    #[test]
    fn every_bad_row_is_reported() {
        let table = format!(
            "{HEADER}{}{ROW}{}",
            ROW.replace("T1,", "T9,").replace("expert", "x"),
            ROW.replace("2026-03-03", "soon")
        );
        let errors = parse(&table).unwrap_err();
        let places: Vec<(u64, &str)> = errors.iter().map(|e| (e.line, e.column.as_str())).collect();
        assert_eq!(places, [(2, "institution"), (2, "grade"), (4, "date")]);
    }

    #[test]
    fn a_roster_of_ten_megabytes_is_refused_in_a_few_words_or_read() {
        const HUGE: usize = 10 << 20;
        let row_of = |cell: &str| ROW.replace("expert", cell);
        for (what, table) in [
            ("columns", ",".repeat(HUGE)),
            ("a column's name", "x".repeat(HUGE)),
            ("rows of a cell", format!("{HEADER}{}", "x\n".repeat(HUGE / 2))),
            ("bad rows", format!("{HEADER}{}", row_of("x").repeat(HUGE / ROW.len()))),
            ("a cell", format!("{HEADER}{}", row_of(&"x".repeat(HUGE)))),
            ("an open quote", format!("{HEADER}\"{}", ROW.repeat(HUGE / ROW.len()))),
            ("the same row", format!("{HEADER}{}", ROW.repeat(HUGE / ROW.len()))),
        ] {
            let errors = parse(&table).expect_err(what);
            assert!(!errors.is_empty() && errors.len() < ERRORS_MOST + 20, "{what}: {}", errors.len());
            let longest = errors.iter().map(|error| error.to_string().len()).max();
            assert!(longest < Some(1_000), "{what}: {longest:?}");
        }
        // Who has more than are told hears that there are more.
        let errors = parse(&format!("{HEADER}{}", "x\n".repeat(2 * ERRORS_MOST))).unwrap_err();
        let last = errors.last().unwrap();
        assert_eq!((errors.len(), last.line), (ERRORS_MOST + 1, 1 + ERRORS_MOST as u64));
        assert!(last.reason.en.contains("so many errors"), "{last}");
        assert_eq!(parse(&format!("{HEADER}{}", "x\n".repeat(7))).unwrap_err().len(), 7);
        // As many good rows are as many sessions.
        let rows: Vec<String> = (1_000..40_000)
            .flat_map(|day| (0..4).map(move |part| (Day(day), 6 * part)))
            .map(|(day, hour)| {
                let (to, code) = (hour + 6, format!("{}-{hour}", day.0));
                format!("T2,CARD,D2,{day},{hour:02}:00,{to:02}:00,expert,clinic,60,63,{code}\n")
            })
            .collect();
        let rows = rows.concat();
        assert!(rows.len() > HUGE * 9 / 10, "{}", rows.len());
        assert_eq!(parse(&format!("{HEADER}{rows}")).map(|sessions| sessions.len()), Ok(156_000));
    }

    #[test]
    fn headers_must_name_every_column_once() {
        let errors = parse(&HEADER.replace("date", "day").replace("from", "to")).unwrap_err();
        let texts: Vec<String> = errors.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 4, "{texts:?}");
        assert!(texts[0].starts_with("line 1, column `day`: unknown column"), "{texts:?}");
        assert!(parse("").is_err());
        assert_eq!(parse(HEADER), Ok(Vec::new()));
    }

    #[test]
    fn other_encodings_are_refused_with_advice() {
        // 机构 in GBK, on the second line.
        let gbk = b"institution\n\xbb\xfa\xb9\xb9\n";
        let error = Roster::parse(gbk, &directory(), []).unwrap_err().remove(0);
        assert_eq!(error.line, 2);
        assert!(error.reason.en.contains("perhaps GBK; save it as CSV in UTF-8"), "{error}");
        let error = Roster::parse(b"\xff\xfei\0n\0", &directory(), []).unwrap_err().remove(0);
        assert!(error.reason.en.contains("UTF-16"), "{error}");
        assert!(Roster::parse(b"a\0b", &directory(), []).unwrap_err()[0].reason.en.contains("zero byte"));
    }

    proptest::proptest! {
        /// Hostile bytes never panic and never give a session that does not stand by itself.
        #[test]
        fn any_bytes_are_an_answer(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
            let mut table = HEADER.as_bytes().to_vec();
            table.extend_from_slice(&bytes);
            if let Ok(sessions) = Roster::parse(&table, &directory(), []) {
                proptest::prop_assert!(sessions.iter().all(|session| session.check().is_ok()));
            }
        }

        /// Cells from the vocabulary in random places.
        #[test]
        fn any_cells_are_an_answer(cells in proptest::collection::vec(
            proptest::sample::select(vec!["T1", "CARD", "D1", "2026-03-03", "08:00", "24:00", "expert", "30", "63", "", "\"", "\n", "门诊"]),
            11..80,
        )) {
            let table = format!("{HEADER}{}", cells.join(","));
            if let Ok(sessions) = Roster::parse(table.as_bytes(), &directory(), []) {
                proptest::prop_assert!(sessions.iter().all(|session| session.check().is_ok()));
            }
        }
    }
}

//! From a scenario to plans: the directory, the roster and the policy come together here.

use crate::failure::Failure;
use crate::files;
use crate::lang::{Lang, say};
use crate::rosters;
use crate::rush::scenario::{HalfDay, Scenario, ScenarioError, Staff};
use haoyuan_core::apportion::CarryLedger;
use haoyuan_core::directory::{Directory, Entries, PractitionerEntry};
use haoyuan_core::ids::{InstitutionId, Interval};
use haoyuan_core::instant::{Day, HOUR, MINUTE};
use haoyuan_core::plan::{Plan, Session};
use haoyuan_core::policy::Policy;
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use haoyuan_core::terms::{Grade, Kind, Tier};
use std::path::Path;

/// Everything that is published before the morning.
pub(crate) struct World {
    /// Who there is.
    pub(crate) directory: Directory,
    /// By which rules.
    pub(crate) policy: Policy,
    /// The sessions, planned.
    pub(crate) plans: Vec<Plan>,
    /// The tier of each plan's institution.
    pub(crate) tiers: Vec<Tier>,
}

impl World {
    /// Builds the world of a scenario, with another policy or roster if they are given.
    pub(crate) fn build(
        scenario: &Scenario,
        (file, text): (&str, &str),
        policy: Option<&str>,
        roster: Option<&Path>,
        lang: Lang,
    ) -> Result<Self, Failure> {
        let policy = match policy {
            Some(name) => files::policy(name, lang)?,
            None => Policy::parse(&format!("{file} [policy]"), &scenario.policy)
                .map_err(|error| Failure::told(&error, lang))?,
        };
        let wrong = |error: ScenarioError| Failure::told(&error.at(file, text), lang);
        let (entries, rows) = made_up(scenario).map_err(wrong)?;
        let directory = register(&entries).map_err(wrong)?;
        let sessions = if let Some(path) = roster {
            let bytes = rosters::read(path, lang)?;
            rosters::parse(&bytes, &directory).map_err(|errors| {
                Failure::input(rosters::lines(&path.display().to_string(), &errors, lang))
            })?
        } else {
            resolve(rows, &directory).map_err(wrong)?
        };
        let (plans, tiers) = plan_all(&policy, &directory, sessions, lang)?;
        if plans.is_empty() {
            return Err(Failure::input(say!(lang, "rush.no_sessions")));
        }
        Ok(Self { directory, policy, plans, tiers })
    }

    /// All seats.
    pub(crate) fn seats(&self) -> u64 {
        self.plans.iter().map(|plan| u64::from(plan.session.seats())).sum()
    }
}

fn register(entries: &Entries) -> Result<Directory, ScenarioError> {
    let mut directory = Directory::default();
    directory
        .extend(entries)
        .map_err(|error| ScenarioError { key: format!("directory.{}", error.key), reason: error.reason })?;
    Ok(directory)
}

/// Plans every session by date and code, which is the order in which carried fractions add up.
pub(crate) fn plan_all(
    policy: &Policy,
    directory: &Directory,
    mut sessions: Vec<Session>,
    lang: Lang,
) -> Result<(Vec<Plan>, Vec<Tier>), Failure> {
    sessions.sort_by(|a, b| (a.day(), &a.code).cmp(&(b.day(), &b.code)));
    let mut carry = CarryLedger::default();
    let mut plans = Vec::with_capacity(sessions.len());
    let mut tiers = Vec::with_capacity(sessions.len());
    for session in sessions {
        let tier = directory.get(session.institution).tier;
        let code = session.code.clone();
        let plan = policy
            .plan(session, tier, &mut carry)
            .map_err(|refusal| Failure::told(&of_session(&code, &refusal), lang))?;
        plans.push(plan);
        tiers.push(tier);
    }
    Ok((plans, tiers))
}

/// What is wrong with a session.
pub(crate) fn of_session(code: &str, error: &impl Speak) -> Said {
    said!("session `{code}`: {error}", "班次 `{code}`:{error}", code, error)
}

/// A session before its names are looked up.
struct Row<'a> {
    code: String,
    staff: &'a Staff,
    practitioner: String,
    day: Day,
    half_day: (i64, i64),
}

/// The same world from another day on, as a directory and a roster in CSV: for hosts that speak the command language.
/// Practitioners are named after their departments.
pub(crate) fn written(scenario: &Scenario, first: Day) -> Result<(Entries, String), ScenarioError> {
    let (mut entries, rows) = made_up_from(scenario, first)?;
    for (practitioner, (department, number)) in entries.practitioner.iter_mut().zip(staff_of(scenario)) {
        practitioner.name = format!("{department}{number}");
    }
    let clock = |ms: i64| format!("{:02}:{:02}", ms / HOUR, ms % HOUR / MINUTE);
    let line = |row: Row<'_>| {
        let Row { code, staff, practitioner, day, half_day: (from, to) } = row;
        let Staff { institution, department, grade, slot_minutes, seats, .. } = staff;
        let (day, from, to) = (crate::text::date(day), clock(from), clock(to));
        format!(
            "{institution},{department},{practitioner},{day},{from},{to},{grade},{slot_minutes},{seats},{code}"
        )
    };
    let head = "institution,department,practitioner,date,from,to,grade,slot_minutes,seats_per_slot,code";
    let lines: Vec<String> = std::iter::once(head.to_owned()).chain(rows.into_iter().map(line)).collect();
    let csv = lines.join("\n");
    Ok((entries, csv))
}

/// Department and number of each practitioner, in the order in which they are made up.
fn staff_of(scenario: &Scenario) -> impl Iterator<Item = (String, String)> + '_ {
    scenario.roster.staff.iter().flat_map(|staff| {
        let known = scenario.directory.department.iter();
        let name = known
            .filter(|entry| entry.institution == staff.institution && entry.code == staff.department)
            .map(|entry| entry.name.clone())
            .next()
            .unwrap_or_else(|| staff.department.clone());
        let title = if staff.grade == Grade::Expert { "专家" } else { "医生" };
        (1..=staff.practitioners).map(move |number| (name.clone(), format!("{title} {number}")))
    })
}

/// The practitioners and sessions that the scenario's roster describes.
fn made_up(scenario: &Scenario) -> Result<(Entries, Vec<Row<'_>>), ScenarioError> {
    let first = first_day(&scenario.roster.first_day).ok_or_else(|| ScenarioError {
        key: "roster.first_day".to_owned(),
        reason: said!("not a date; write it as 2026-03-03", "不是日期;请写作 2026-03-03"),
    })?;
    made_up_from(scenario, first)
}

fn made_up_from(scenario: &Scenario, first: Day) -> Result<(Entries, Vec<Row<'_>>), ScenarioError> {
    let roster = &scenario.roster;
    let wrong = |key: &str, reason| ScenarioError { key: key.to_owned(), reason };
    let half_days: Vec<(i64, i64)> = roster
        .half_days
        .iter()
        .map(|HalfDay { from, to }| clock(from).zip(clock(to)).filter(|(from, to)| from < to))
        .collect::<Option<_>>()
        .ok_or_else(|| {
            let reason = said!(
                "write `from` and `to` as 08:00, `from` before `to`",
                "请将 `from` 与 `to` 写作 08:00,且 `from` 早于 `to`"
            );
            wrong("roster.half_days", reason)
        })?;
    let mut entries = scenario.directory.clone();
    let mut rows = Vec::new();
    for (group, staff) in roster.staff.iter().enumerate() {
        for person in 0..staff.practitioners {
            let practitioner =
                format!("{}-{}-{}{person:02}", staff.institution, staff.department, letter(staff));
            entries.practitioner.push(PractitionerEntry {
                code: practitioner.clone(),
                name: practitioner.clone(),
                sites: vec![staff.institution.clone()],
                valid_from: None,
                valid_to: None,
            });
            let week = 7 * half_days.len();
            for place in 0..usize::from(roster.days) * half_days.len() {
                // Spread evenly over the week, and the next person a little later.
                let works = (place + group + 3 * usize::from(person)) * usize::from(staff.half_days) % week
                    < usize::from(staff.half_days);
                if !works {
                    continue;
                }
                let part = place % half_days.len();
                let days = i32::try_from(place / half_days.len()).unwrap_or(0);
                let day = Day(first.0 + days);
                let code = format!("{practitioner}-{}-{}", crate::text::date(day), part + 1);
                rows.push(Row {
                    code,
                    staff,
                    practitioner: practitioner.clone(),
                    day,
                    half_day: half_days[part],
                });
            }
        }
    }
    Ok((entries, rows))
}

fn letter(staff: &Staff) -> char {
    staff.grade.text().chars().next().unwrap_or('x').to_ascii_uppercase()
}

fn resolve(rows: Vec<Row<'_>>, directory: &Directory) -> Result<Vec<Session>, ScenarioError> {
    let wrong = |reason| ScenarioError { key: "roster.staff".to_owned(), reason };
    rows.into_iter()
        .map(|row| {
            let staff = row.staff;
            let (site, code) = (&staff.institution, &staff.department);
            let institution: InstitutionId = directory
                .institution(site)
                .ok_or_else(|| wrong(said!("there is no institution `{site}`", "没有机构 `{site}`", site)))?;
            let department = directory.department(institution, code).ok_or_else(|| {
                wrong(said!(
                    "there is no department `{code}` in `{site}`",
                    "机构 `{site}` 没有科室 `{code}`",
                    code,
                    site
                ))
            })?;
            let practitioner = directory.practitioner(&row.practitioner).ok_or_else(|| {
                let code = &row.practitioner;
                wrong(said!("there is no practitioner `{code}`", "没有医生 `{code}`", code))
            })?;
            let (from, to) = row.half_day;
            let slot = i64::from(staff.slot_minutes) * MINUTE;
            if slot == 0 || (to - from) % slot != 0 {
                return Err(wrong(said!(
                    "slots of {minutes} min do not divide a half-day",
                    "{minutes} 分钟的时段不能整分半天",
                    minutes = staff.slot_minutes
                )));
            }
            let midnight = row.day.midnight();
            Ok(Session {
                code: row.code,
                institution,
                department,
                practitioner,
                grade: staff.grade,
                kind: Kind::Clinic,
                time: Interval { from: midnight.plus(from), to: midnight.plus(to) },
                slot_ms: u32::from(staff.slot_minutes) * 60_000,
                capacity: vec![staff.seats; usize::try_from((to - from) / slot).unwrap_or(0)],
            })
        })
        .collect()
}

fn first_day(text: &str) -> Option<Day> {
    let date: jiff::civil::Date = text.parse().ok()?;
    let days = jiff::civil::date(1970, 1, 1).until(date).ok()?.get_days();
    // Room for a horizon before and a roster after.
    (1_000..50_000).contains(&days).then_some(Day(days))
}

fn clock(text: &str) -> Option<i64> {
    let (hour, minute) = text.split_once(':')?;
    let (hour, minute): (u8, u8) = (hour.parse().ok()?, minute.parse().ok()?);
    let time = i64::from(hour) * HOUR + i64::from(minute) * MINUTE;
    (minute < 60 && time <= 24 * HOUR).then_some(time)
}

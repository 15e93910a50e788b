//! `haoyuan report`: the month's figures of every institution, from a journal that is only read.
//!
//! What is counted is the core's ([`haoyuan::kpi`]); here rows are gathered, figures get their names, and tables, files and
//! pages are written.

mod attendance;
mod gather;
mod page;
mod tables;

use crate::args;
use crate::failure::{Failure, print};
use crate::journal::{existing, failure};
use crate::lang::{Lang, find, say};
use attendance::Attendance;
use haoyuan::directory::{Directory, Institution};
use haoyuan::ids::InstitutionId;
use haoyuan::instant::{Day, Instant};
use haoyuan::kpi::{
    Figure, Floor, Group, Measure, Month, Period, Report, Rows, Unit, Verdict, Version, versions,
};
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::Path;

/// The measures that are also told over several months.
const OVER_MONTHS: [Measure; 7] = [
    Measure::Booking,
    Measure::BookingStrict,
    Measure::Revisit,
    Measure::RevisitStrict,
    Measure::StomatologyRevisit,
    Measure::PrenatalRevisit,
    Measure::InpatientExam,
];

/// The report of one institution.
#[derive(Debug)]
struct Sheet {
    code: String,
    name: String,
    /// The month as it is known now.
    report: Report,
    versions: Vec<Version>,
    /// The figures of each version that are not those of the present one.
    earlier: Vec<(Version, Vec<Figure>)>,
    /// The months of the period, oldest first; the last is `report`.
    months: Vec<Report>,
    periods: Vec<Period>,
    /// Visits that took place, by half hour of the day of their suggested time, and how many of them were booked.
    by_half_hour: BTreeMap<i64, u32>,
    names: Names,
}

/// What departments and practitioners are called.
#[derive(Clone, Debug, Default)]
struct Names {
    departments: HashMap<u32, (String, String)>,
    practitioners: HashMap<u32, (String, String)>,
}

impl Names {
    fn new(directory: &Directory) -> Self {
        let departments =
            (0..).zip(directory.departments()).map(|(n, d)| (n, (d.code.clone(), d.name.clone())));
        let practitioners =
            (0..).zip(directory.practitioners()).map(|(n, p)| (n, (p.code.clone(), p.name.clone())));
        Self { departments: departments.collect(), practitioners: practitioners.collect() }
    }

    /// The kind of a group and its code; empty for everything.
    fn code(&self, group: &Group) -> (&'static str, String) {
        let known = |names: &HashMap<u32, (String, String)>, id: u32| {
            names.get(&id).map_or_else(|| id.to_string(), |(code, _)| code.clone())
        };
        match group {
            Group::All => ("", String::new()),
            Group::Department(id) => ("department", known(&self.departments, id.get())),
            Group::Practitioner(id) => ("practitioner", known(&self.practitioners, id.get())),
            Group::Channel(channel) => ("channel", channel.text().to_owned()),
            Group::Class(class) => ("class", class.text().to_owned()),
            Group::Pool(pool) => ("pool", pool.clone()),
            Group::District(district) => ("district", district.clone()),
            Group::Aged65(is) => ("aged_65", is.to_string()),
        }
    }

    /// The group for people.
    fn title(&self, group: &Group, lang: Lang) -> String {
        let known = |names: &HashMap<u32, (String, String)>, id: u32| {
            names.get(&id).map_or_else(|| id.to_string(), |(_, name)| name.clone())
        };
        let zh = lang == Lang::Zh;
        match group {
            Group::All => String::new(),
            Group::Department(id) => known(&self.departments, id.get()),
            Group::Practitioner(id) => known(&self.practitioners, id.get()),
            Group::Channel(channel) => if zh { channel.zh() } else { channel.text() }.to_owned(),
            Group::Class(class) => if zh { class.zh() } else { class.text() }.replace('_', " "),
            Group::Pool(pool) => pool.clone(),
            Group::District(district) => district.clone(),
            Group::Aged65(true) => if zh { "65岁及以上" } else { "65 and older" }.to_owned(),
            Group::Aged65(false) => if zh { "65岁以下" } else { "below 65" }.to_owned(),
        }
    }
}

/// Works the report out and tells it.
pub(crate) fn run(options: &args::Report, lang: Lang) -> Result<(), Failure> {
    print(&tell(options, options.json, lang)?)
}

/// Works the report out, writes its files, and gives what is to be printed: a table or one line of JSON.
pub(crate) fn tell(options: &args::Report, as_json: bool, lang: Lang) -> Result<String, Failure> {
    let sheets = sheets(options, lang)?;
    let write = |file: &Path, text: &str| {
        fs::write(file, text).map_err(|error| {
            Failure::input(say!(lang, "file.unwritable", file = file.display(), reason = error))
        })
    };
    if let Some(file) = &options.csv {
        write(file, &tables::csv(&sheets))?;
    }
    if let Some(file) = &options.html {
        write(file, &page::html(&sheets))?;
    }
    if as_json {
        return Ok(format!("{}\n", tables::json(&sheets)));
    }
    let mut text = tables::terminal(&sheets, lang);
    for file in [&options.csv, &options.html].into_iter().flatten() {
        text += &say!(lang, "report.written", file = file.display());
        text.push('\n');
    }
    Ok(text)
}

fn sheets(options: &args::Report, lang: Lang) -> Result<Vec<Sheet>, Failure> {
    let folder = options.folder.as_path();
    let disk = existing(folder, lang)?;
    let lives = match &options.districts {
        Some(file) => attendance::lives(file, lang)?,
        None => HashMap::new(),
    };
    let month = options.month;
    let gathered = gather::gather(&disk, month, &lives).map_err(|error| failure(folder, &error, lang))?;
    let directory = gathered.platform().directory();
    let attendance = match &options.visits {
        Some(file) => Attendance::read(file, &directory, lang)?,
        None => Attendance::default(),
    };
    let as_of = match &options.as_of {
        Some(text) => crate::text::parse_instant(text, true)
            .ok_or_else(|| Failure::input(say!(lang, "report.bad_time", value = text)))?,
        // What the hospital's file knows may have been recorded after the last decision.
        None => attendance.last().max(gathered.last),
    };
    let wanted = match &options.institution {
        Some(code) => Some(
            directory
                .institution(code)
                .ok_or_else(|| Failure::input(say!(lang, "report.no_institution", code = code)))?,
        ),
        None => None,
    };
    // From January on, unless the period is given.
    let months = options.months.unwrap_or_else(|| u16::try_from(month.first().year_month().1).unwrap_or(1));
    let from = month.before(months - 1);
    let mut sheets = Vec::new();
    for (number, institution) in (0..).zip(directory.institutions()) {
        let Some(id) = InstitutionId::new(number) else { continue };
        if wanted.is_some_and(|wanted| wanted != id) {
            continue;
        }
        let rows = gathered.rows(id, from, month, as_of, &attendance);
        let Some(policy) = gathered.platform().policy(id) else { continue };
        // An institution without a session or visit is reported only if it was asked for.
        if wanted.is_none() && rows.sessions.is_empty() && rows.visits.is_empty() {
            continue;
        }
        let targets = policy.targets(institution.tier);
        sheets.push(Sheet::new(institution, &rows, &targets, (from, month), as_of, Names::new(&directory)));
    }
    Ok(sheets)
}

impl Sheet {
    fn new(
        institution: &Institution,
        rows: &Rows,
        targets: &haoyuan::kpi::Targets,
        (from, month): (Month, Month),
        as_of: Instant,
        names: Names,
    ) -> Self {
        let versions = versions(rows, month, as_of);
        let report = Report::new(rows, targets, month, as_of);
        let changed = |version: &Version| {
            let then = Report::new(rows, targets, month, version.as_of);
            let differs = |figure: &Figure| {
                let now =
                    report.figures.iter().find(|f| f.measure == figure.measure && f.group == figure.group);
                now.is_none_or(|now| {
                    (now.numerator, now.denominator) != (figure.numerator, figure.denominator)
                })
            };
            (*version, then.figures.into_iter().filter(differs).collect())
        };
        let earlier =
            versions.split_last().map_or(&[][..], |(_, earlier)| earlier).iter().map(changed).collect();
        let mut months: Vec<Report> = (1..=12)
            .map(|back| month.before(back))
            .take_while(|earlier| *earlier >= from)
            .map(|earlier| Report::new(rows, targets, earlier, as_of))
            .collect();
        months.reverse();
        months.push(report.clone());
        let periods = OVER_MONTHS.iter().map(|measure| Period::new(*measure, &months)).collect();
        let mut by_half_hour = BTreeMap::new();
        for visit in rows.visits.iter().filter(|visit| month.contains(visit.day)) {
            if let Some(slot) = visit.slot {
                *by_half_hour.entry(half_hour(visit.day, slot.from)).or_default() += 1;
            }
        }
        Self {
            code: institution.code.clone(),
            name: institution.name.clone(),
            report,
            versions,
            earlier,
            months,
            periods,
            by_half_hour,
            names,
        }
    }

    /// The figures that have a verdict or are about everything, a pool, or a kind of patient: what is shown first.
    fn shown(&self) -> impl Iterator<Item = &Figure> {
        let later = |group: &Group| {
            matches!(group, Group::Department(_) | Group::Practitioner(_) | Group::Channel(_))
        };
        self.report.figures.iter().filter(move |figure| !later(&figure.group))
    }
}

/// Minutes since midnight, to the half hour.
fn half_hour(day: Day, at: Instant) -> i64 {
    (at.ms() - day.midnight().ms()).div_euclid(30 * 60_000) * 30
}

/// What a measure is called.
fn title(measure: Measure, lang: Lang) -> &'static str {
    find(&format!("kpi.{}", measure.text())).map_or(measure.text(), |entry| entry.text(lang))
}

fn verdict(verdict: Verdict, lang: Lang) -> String {
    match verdict {
        Verdict::Pass => say!(lang, "report.pass"),
        Verdict::Fail => say!(lang, "report.fail"),
        Verdict::NotApplicable => say!(lang, "report.not_applicable"),
        Verdict::NotJudged => String::new(),
    }
}

/// The reading of a figure with its unit; empty if it is not applicable.
fn reading(figure: &Figure, lang: Lang) -> String {
    let Some(reading) = figure.reading() else { return String::new() };
    match figure.measure.unit() {
        Unit::Share => format!("{reading} %"),
        Unit::Ratio => format!("{reading}"),
        Unit::MeanMs => length(reading.whole(), lang),
    }
}

/// A length of time to one decimal of the unit that suits it.
fn length(ms: u64, lang: Lang) -> String {
    let tenths = |unit: u64| {
        let tenths = (ms * 10 + unit / 2) / unit;
        format!("{}.{}", tenths / 10, tenths % 10)
    };
    match ms {
        0..7_200_000 => say!(lang, "report.minutes", n = tenths(60_000)),
        7_200_000..172_800_000 => say!(lang, "report.hours", n = tenths(3_600_000)),
        _ => say!(lang, "report.days", n = tenths(86_400_000)),
    }
}

fn floor(floor: Option<Floor>) -> String {
    match floor {
        None => String::new(),
        Some(Floor::NoneAllowed) => "= 0".to_owned(),
        Some(Floor::AtLeast(share)) if share.get() % 100 == 0 => format!("≥ {} %", share.get() / 100),
        Some(Floor::AtLeast(share)) => format!("≥ {}.{:02} %", share.get() / 100, share.get() % 100),
    }
}

#[cfg(test)]
mod tests;

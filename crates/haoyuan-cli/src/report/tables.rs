//! The report as a table in the terminal, as JSON and as CSV.

use super::{Sheet, floor, reading, title, verdict};
use crate::lang::{Lang, say};
use crate::text::{date_time, grouped, rfc3339};
use comfy_table::{CellAlignment, ContentArrangement, Table, TableComponent, presets};
use haoyuan::kpi::{Figure, Floor, Period, Subject, Unit};
use serde_json::{Value, json};

/// A row of the CSV file and the columns of the JSON figures.
const COLUMNS: [&str; 19] = [
    "month",
    "version",
    "as_of",
    "institution",
    "rules",
    "policy",
    "measure",
    "title_en",
    "title_zh",
    "group",
    "code",
    "numerator",
    "denominator",
    "unit",
    "reading",
    "floor",
    "verdict",
    "excluded",
    "ids",
];

pub(super) fn terminal(sheets: &[Sheet], lang: Lang) -> String {
    if sheets.is_empty() {
        return say!(lang, "report.nothing") + "\n";
    }
    let mut text = String::new();
    for sheet in sheets {
        let month = sheet.report.month;
        let (code, name, policy) = (&sheet.code, &sheet.name, &sheet.report.policy);
        text += &say!(lang, "report.head", month = month, name = name, code = code);
        text.push('\n');
        text += &say!(
            lang,
            "report.basis",
            rules = sheet.report.rules,
            policy = policy,
            version = sheet.versions.len(),
            as_of = date_time(sheet.report.as_of)
        );
        text.push('\n');
        let mut table = Table::new();
        table
            .load_preset(presets::NOTHING)
            .set_style(TableComponent::HeaderLines, '─')
            .set_style(TableComponent::MiddleHeaderIntersections, '─')
            .set_content_arrangement(ContentArrangement::Disabled);
        table.set_header([
            say!(lang, "report.measure"),
            say!(lang, "report.of"),
            say!(lang, "report.value"),
            say!(lang, "report.parts"),
            say!(lang, "report.floor"),
            say!(lang, "report.verdict"),
        ]);
        for figure in sheet.shown() {
            table.add_row([
                title(figure.measure, lang).to_owned(),
                sheet.names.title(&figure.group, lang),
                reading(figure, lang),
                parts(figure),
                floor(figure.floor),
                verdict(figure.verdict, lang),
            ]);
        }
        for place in [2, 3] {
            if let Some(column) = table.column_mut(place) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        text += &table.trim_fmt();
        text.push('\n');
        if sheet.months.len() > 1 && sheet.periods.iter().any(|period| period.months > 0) {
            let first = sheet.months.first().map_or(month, |report| report.month);
            text += &say!(lang, "report.period", first = first, last = month);
            text.push('\n');
            for period in sheet.periods.iter().filter(|period| period.months > 0) {
                text += &say!(
                    lang,
                    "report.period_row",
                    measure = title(period.measure, lang),
                    mean = format!("{} {}", mean(period), verdict(period.mean_verdict, lang)).trim(),
                    pooled = format!("{} {}", pooled(period), verdict(period.pooled_verdict, lang)).trim()
                );
                text.push('\n');
            }
        }
        for (version, figures) in sheet.earlier.iter().filter(|(_, figures)| !figures.is_empty()) {
            let at = date_time(version.as_of);
            text += &say!(lang, "report.version", number = version.number, as_of = at);
            text.push('\n');
            for figure in figures.iter().filter(|figure| sheet.shown().any(|now| same(now, figure))) {
                let now = sheet.shown().find(|now| same(now, figure));
                text += &say!(
                    lang,
                    "report.version_row",
                    measure =
                        format!("{} {}", title(figure.measure, lang), sheet.names.title(&figure.group, lang))
                            .trim(),
                    was = parts(figure),
                    is = now.map(parts).unwrap_or_default()
                );
                text.push('\n');
            }
        }
    }
    text
}

fn same(a: &Figure, b: &Figure) -> bool {
    a.measure == b.measure && a.group == b.group
}

/// `412 / 1,000`; of a mean only over how many.
pub(super) fn parts(figure: &Figure) -> String {
    match figure.measure.unit() {
        Unit::MeanMs => format!("n = {}", grouped(figure.denominator)),
        Unit::Share | Unit::Ratio => {
            format!("{} / {}", grouped(figure.numerator), grouped(figure.denominator))
        }
    }
}

/// The mean of the months' rates in percent, to one decimal.
pub(super) fn mean(period: &Period) -> String {
    period.mean_ppb.map_or_else(String::new, |ppb| {
        let tenths = (ppb + 500_000) / 1_000_000;
        format!("{}.{} %", tenths / 10, tenths % 10)
    })
}

/// The ratio of the sums in percent, to one decimal.
pub(super) fn pooled(period: &Period) -> String {
    let (n, d) = (u128::from(period.numerator) * 1_000, u128::from(period.denominator));
    if d == 0 {
        return String::new();
    }
    let tenths = (2 * n + d) / (2 * d);
    format!("{}.{} %", tenths / 10, tenths % 10)
}

pub(super) fn json(sheets: &[Sheet]) -> String {
    let sheets: Vec<Value> = sheets.iter().map(sheet).collect();
    json!({ "institutions": sheets }).to_string()
}

fn sheet(sheet: &Sheet) -> Value {
    let figures: Vec<Value> =
        sheet.report.figures.iter().map(|figure| self::figure(sheet, figure, true)).collect();
    let versions: Vec<Value> = sheet
        .versions
        .iter()
        .map(|version| {
            let earlier = sheet.earlier.iter().find(|(other, _)| other.number == version.number);
            let changed: Vec<Value> = earlier
                .iter()
                .flat_map(|(_, figures)| figures)
                .map(|figure| self::figure(sheet, figure, false))
                .collect();
            json!({ "version": version.number, "as_of": rfc3339(version.as_of), "differs": changed })
        })
        .collect();
    let periods: Vec<Value> = sheet
        .periods
        .iter()
        .map(|period| {
            json!({ "measure": period.measure, "months": period.months, "mean_ppb": period.mean_ppb,
                "mean": mean(period), "mean_verdict": period.mean_verdict, "numerator": period.numerator,
                "denominator": period.denominator, "pooled": pooled(period),
                "pooled_verdict": period.pooled_verdict })
        })
        .collect();
    json!({
        "institution": sheet.code,
        "name": sheet.name,
        "month": sheet.report.month,
        "rules": sheet.report.rules,
        "policy": sheet.report.policy,
        "as_of": rfc3339(sheet.report.as_of),
        "version": sheet.versions.len(),
        "figures": figures,
        "period": { "from": sheet.months.first().map(|report| report.month), "figures": periods },
        "versions": versions,
    })
}

fn figure(sheet: &Sheet, figure: &Figure, with_ids: bool) -> Value {
    let (group, code) = sheet.names.code(&figure.group);
    let excluded: Value = figure.excluded.iter().map(|(why, n)| (why.text().to_owned(), json!(n))).collect();
    let mut told = json!({
        "measure": figure.measure,
        "title": { "en": title(figure.measure, Lang::En), "zh": title(figure.measure, Lang::Zh) },
        "numerator": figure.numerator,
        "denominator": figure.denominator,
        "unit": figure.measure.unit(),
        "reading": figure.reading().map(|reading| reading.to_string()),
        "verdict": figure.verdict,
    });
    if !group.is_empty() {
        told["of"] = json!({ group: code });
    }
    match figure.floor {
        Some(Floor::AtLeast(share)) => told["at_least_basis_points"] = json!(share.get()),
        Some(Floor::NoneAllowed) => told["none_allowed"] = json!(true),
        None => {}
    }
    if !figure.excluded.is_empty() {
        told["excluded"] = excluded;
    }
    if with_ids && figure.subject != Subject::None {
        told["ids"] = json!({ "of": figure.subject, "counted": figure.counted, "missed": figure.missed });
    }
    told
}

pub(super) fn csv(sheets: &[Sheet]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail.
    let _ = writer.write_record(COLUMNS);
    for sheet in sheets {
        let now = (sheet.versions.last(), &sheet.report.figures);
        let earlier = sheet.earlier.iter().map(|(version, figures)| (Some(version), figures));
        for (version, figures) in earlier.chain([now]) {
            for figure in figures {
                let _ = writer.write_record(row(sheet, version, figure));
            }
        }
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn row(sheet: &Sheet, version: Option<&haoyuan::kpi::Version>, figure: &Figure) -> [String; COLUMNS.len()] {
    let (group, code) = sheet.names.code(&figure.group);
    let word = |value: Value| value.as_str().unwrap_or_default().to_owned();
    let excluded: Vec<String> =
        figure.excluded.iter().map(|(why, n)| format!("{}:{n}", why.text())).collect();
    let ids: Vec<String> = figure.counted.iter().map(ToString::to_string).collect();
    [
        sheet.report.month.to_string(),
        version.map(|version| version.number.to_string()).unwrap_or_default(),
        version.map(|version| rfc3339(version.as_of)).unwrap_or_default(),
        sheet.code.clone(),
        sheet.report.rules.to_owned(),
        sheet.report.policy.clone(),
        figure.measure.text().to_owned(),
        title(figure.measure, Lang::En).to_owned(),
        title(figure.measure, Lang::Zh).to_owned(),
        group.to_owned(),
        code,
        figure.numerator.to_string(),
        figure.denominator.to_string(),
        word(json!(figure.measure.unit())),
        figure.reading().map(|reading| reading.to_string()).unwrap_or_default(),
        floor(figure.floor),
        word(json!(figure.verdict)),
        excluded.join(" "),
        ids.join(" "),
    ]
}

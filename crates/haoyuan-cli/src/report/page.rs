//! The report as one HTML page in both languages: tables and charts, no script, nothing from elsewhere, made to be printed.
//!
//! Charts are SVG inside the page; each says in words what it shows (`title`), and every number of a chart stands in a table.

use super::tables::{mean, parts, pooled};
use super::{Sheet, floor, reading, title, verdict};
use crate::lang::{Lang, say};
use crate::text::date_time;
use haoyuan::kpi::{Figure, Floor, Group, Measure, Unit, Verdict};
use std::fmt::Write;

/// Ids shown of one figure; JSON has all.
const IDS_SHOWN: usize = 200;
/// Departments shown in the chart.
const DEPARTMENTS_SHOWN: usize = 16;

pub(super) fn html(sheets: &[Sheet]) -> String {
    let month = sheets.first().map_or_else(String::new, |sheet| sheet.report.month.to_string());
    let mut page = String::new();
    let _ = write!(
        page,
        "<!doctype html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{} {month}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n",
        both("report.title"),
    );
    for sheet in sheets {
        section(&mut page, sheet);
    }
    if sheets.is_empty() {
        let _ = writeln!(page, "<p>{}</p>", both("report.nothing"));
    }
    page.push_str("</body>\n</html>\n");
    page
}

/// A text of the catalogue in both languages, the Chinese one first.
fn both(key: &'static str) -> String {
    let text = |lang| crate::lang::find(key).map_or("", |entry| entry.text(lang));
    format!("{} <span lang=\"en\">{}</span>", escaped(text(Lang::Zh)), escaped(text(Lang::En)))
}

fn both_titles(measure: Measure) -> String {
    let (zh, en) = (title(measure, Lang::Zh), title(measure, Lang::En));
    format!("{} <span lang=\"en\">{}</span>", escaped(zh), escaped(en))
}

fn both_verdicts(figure: Verdict) -> String {
    let (zh, en) = (verdict(figure, Lang::Zh), verdict(figure, Lang::En));
    if zh.is_empty() {
        return String::new();
    }
    let class = match figure {
        Verdict::Pass => "pass",
        Verdict::Fail => "fail",
        _ => "none",
    };
    format!("<b class=\"{class}\">{} <span lang=\"en\">{}</span></b>", escaped(&zh), escaped(&en))
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

fn section(page: &mut String, sheet: &Sheet) {
    let report = &sheet.report;
    let _ = writeln!(
        page,
        "<main>\n<header><h1>{} <small>{}</small></h1>\n<p class=\"month\">{} · {}</p>\n<p class=\"basis\">{}<br>\
         <span lang=\"en\">{}</span></p></header>",
        escaped(&sheet.name),
        escaped(&sheet.code),
        report.month,
        both("report.title"),
        escaped(&basis(sheet, Lang::Zh)),
        escaped(&basis(sheet, Lang::En)),
    );
    tiles(page, sheet);
    chart(page, "report.chart_rates", &rates(sheet));
    chart(page, "report.chart_reserves", &reserves(sheet));
    chart(page, "report.chart_departments", &departments(sheet));
    chart(page, "report.chart_day", &day(sheet));
    chart(page, "report.chart_months", &months(sheet));
    figures(page, sheet);
    periods(page, sheet);
    groups(page, sheet);
    earlier(page, sheet);
    ids(page, sheet);
    page.push_str("</main>\n");
}

fn basis(sheet: &Sheet, lang: Lang) -> String {
    say!(
        lang,
        "report.basis",
        rules = sheet.report.rules,
        policy = sheet.report.policy,
        version = sheet.versions.len(),
        as_of = date_time(sheet.report.as_of)
    )
}

/// The judged figures, large.
fn tiles(page: &mut String, sheet: &Sheet) {
    page.push_str("<section class=\"tiles\">\n");
    for figure in sheet.shown().filter(|figure| figure.floor.is_some() && figure.denominator > 0) {
        let class = if figure.verdict == Verdict::Pass { "pass" } else { "fail" };
        let of = sheet.names.title(&figure.group, Lang::Zh);
        let _ = writeln!(
            page,
            "<div class=\"tile {class}\"><h3>{} {}</h3><p class=\"value\">{}</p><p>{} · {}</p><p>{}</p></div>",
            both_titles(figure.measure),
            escaped(&of),
            escaped(&reading(figure, Lang::En)),
            escaped(&parts(figure)),
            escaped(&floor(figure.floor)),
            both_verdicts(figure.verdict),
        );
    }
    page.push_str("</section>\n");
}

fn chart(page: &mut String, key: &'static str, svg: &str) {
    if !svg.is_empty() {
        let _ = writeln!(page, "<figure><figcaption>{}</figcaption>\n{svg}</figure>", both(key));
    }
}

/// One bar of a chart.
struct Bar {
    label: String,
    /// Widths in thousandths, with the class of their colour.
    parts: Vec<(u64, &'static str)>,
    /// A mark in thousandths.
    mark: Option<u64>,
    value: String,
}

const WIDTH: u64 = 720;
const LEFT: u64 = 250;
const RIGHT: u64 = 110;
const STEP: u64 = 26;

/// Horizontal bars over 0 to 100 %.
fn bars(name: &str, bars: &[Bar]) -> String {
    if bars.is_empty() {
        return String::new();
    }
    let height = STEP * bars.len() as u64 + 26;
    let room = WIDTH - LEFT - RIGHT;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>\n",
        escaped(name)
    );
    for percent in [0, 25, 50, 75, 100] {
        let x = LEFT + room * percent / 100;
        let _ = writeln!(
            svg,
            "<path class=\"grid\" d=\"M{x} 2V{}\"/><text class=\"tick\" x=\"{x}\" y=\"{}\">{percent} %</text>",
            height - 20,
            height - 6
        );
    }
    for (place, bar) in bars.iter().enumerate() {
        let top = STEP * place as u64 + 4;
        let _ = writeln!(
            svg,
            "<text class=\"label\" x=\"{}\" y=\"{}\">{}</text><rect class=\"track\" x=\"{LEFT}\" y=\"{top}\" \
             width=\"{room}\" height=\"16\"/>",
            LEFT - 8,
            top + 12,
            escaped(&bar.label)
        );
        let mut x = LEFT;
        for (thousandths, class) in &bar.parts {
            let width = room * (*thousandths).min(1_000) / 1_000;
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{x}\" y=\"{top}\" width=\"{width}\" height=\"16\"/>"
            );
            x += width;
        }
        if let Some(mark) = bar.mark {
            let x = LEFT + room * mark.min(1_000) / 1_000;
            let _ = writeln!(svg, "<path class=\"mark\" d=\"M{x} {}v22\"/>", top - 3);
        }
        let _ = writeln!(
            svg,
            "<text class=\"amount\" x=\"{}\" y=\"{}\">{}</text>",
            WIDTH - RIGHT + 8,
            top + 12,
            escaped(&bar.value)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn thousandths(numerator: u64, denominator: u64) -> u64 {
    if denominator == 0 {
        return 0;
    }
    u64::try_from(u128::from(numerator) * 1_000 / u128::from(denominator)).unwrap_or(u64::MAX)
}

/// Judged rates against their floors.
fn rates(sheet: &Sheet) -> String {
    let judged = sheet.shown().filter(|figure| {
        figure.denominator > 0
            && figure.measure.unit() == Unit::Share
            && (matches!(figure.floor, Some(Floor::AtLeast(_)))
                || matches!(
                    figure.measure,
                    Measure::BookingStrict
                        | Measure::RevisitStrict
                        | Measure::Slotted
                        | Measure::SlotAccuracy
                        | Measure::NoShow
                        | Measure::Cancelled
                        | Measure::Used
                ) && figure.group == Group::All)
    });
    let bar = |figure: &Figure| Bar {
        label: format!("{} {}", title(figure.measure, Lang::Zh), sheet.names.title(&figure.group, Lang::Zh)),
        parts: vec![(
            thousandths(figure.numerator, figure.denominator),
            match figure.verdict {
                Verdict::Fail => "bar-fail",
                Verdict::Pass => "bar-pass",
                _ => "bar",
            },
        )],
        mark: match figure.floor {
            Some(Floor::AtLeast(share)) => Some(u64::from(share.get()) / 10),
            _ => None,
        },
        value: reading(figure, Lang::En),
    };
    bars("rates", &judged.map(bar).collect::<Vec<_>>())
}

/// Of each reserve: used, released and used by others, released and not used, still kept.
fn reserves(sheet: &Sheet) -> String {
    let figure = |measure, group: &Group| {
        sheet.report.figures.iter().find(|figure| figure.measure == measure && figure.group == *group)
    };
    let mut rows = Vec::new();
    for used in sheet.report.figures.iter().filter(|figure| figure.measure == Measure::ReserveUsed) {
        let offered = used.denominator;
        let released = figure(Measure::ReserveReleased, &used.group).map_or(0, |figure| figure.numerator);
        let taken = figure(Measure::ReleasedUsed, &used.group).map_or(0, |figure| figure.numerator);
        if offered == 0 {
            continue;
        }
        rows.push(Bar {
            label: sheet.names.title(&used.group, Lang::Zh),
            parts: vec![
                (thousandths(used.numerator, offered), "bar-pass"),
                (thousandths(taken, offered), "bar"),
                (thousandths(released.saturating_sub(taken), offered), "bar-fail"),
            ],
            mark: None,
            value: format!("{} / {} / {offered}", used.numerator, released),
        });
    }
    bars("reserves", &rows)
}

/// The booking rate by department, the lowest first.
fn departments(sheet: &Sheet) -> String {
    let mut of: Vec<&Figure> = sheet
        .report
        .figures
        .iter()
        .filter(|figure| figure.measure == Measure::Booking && matches!(figure.group, Group::Department(_)))
        .filter(|figure| figure.denominator > 0)
        .collect();
    of.sort_by_key(|figure| thousandths(figure.numerator, figure.denominator));
    let mark = sheet.report.figure(Measure::Booking).and_then(|figure| match figure.floor {
        Some(Floor::AtLeast(share)) => Some(u64::from(share.get()) / 10),
        _ => None,
    });
    let bar = |figure: &&Figure| Bar {
        label: sheet.names.title(&figure.group, Lang::Zh),
        parts: vec![(thousandths(figure.numerator, figure.denominator), "bar")],
        mark,
        value: reading(figure, Lang::En),
    };
    bars("departments", &of.iter().take(DEPARTMENTS_SHOWN).map(bar).collect::<Vec<_>>())
}

/// Upright columns, as tall as their part of `most`.
fn columns(name: &str, most: u64, columns: &[(String, u64, String)]) -> String {
    if most == 0 || columns.is_empty() {
        return String::new();
    }
    let (height, room) = (170, 130);
    let step = (WIDTH - 20) / columns.len() as u64;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{0}\"><title>{0}</title>\n",
        escaped(name)
    );
    for (place, (label, value, shown)) in columns.iter().enumerate() {
        let x = 10 + step * place as u64;
        let tall = room * value / most;
        let top = 18 + room - tall;
        let middle = x + step / 2;
        let _ = writeln!(
            svg,
            "<rect class=\"bar\" x=\"{}\" y=\"{top}\" width=\"{}\" height=\"{tall}\"/>\
             <text class=\"tick\" x=\"{middle}\" y=\"{}\">{}</text>\
             <text class=\"tick\" x=\"{middle}\" y=\"{}\">{}</text>",
            x + step / 8,
            (step * 3 / 4).clamp(1, 60),
            height - 6,
            escaped(label),
            top - 4,
            escaped(shown)
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// Visits by half hour (就诊时段分布).
fn day(sheet: &Sheet) -> String {
    let label = |minutes: i64| format!("{:02}:{:02}", minutes / 60, minutes % 60);
    let of: Vec<_> = sheet
        .by_half_hour
        .iter()
        .map(|(minutes, visits)| (label(*minutes), u64::from(*visits), visits.to_string()))
        .collect();
    let most = of.iter().map(|(_, visits, _)| *visits).max().unwrap_or(0);
    columns("visits by half hour", most, &of)
}

/// The booking rate month by month, of at least two.
fn months(sheet: &Sheet) -> String {
    let rate = |report: &haoyuan::kpi::Report| {
        let figure = report.figure(Measure::Booking).filter(|figure| figure.denominator > 0)?;
        let of = thousandths(figure.numerator, figure.denominator);
        Some((report.month.to_string(), of, reading(figure, Lang::En)))
    };
    let of: Vec<_> = sheet.months.iter().filter_map(rate).collect();
    if of.len() < 2 { String::new() } else { columns("booking rate by month", 1_000, &of) }
}

fn head(page: &mut String, keys: &[&'static str]) {
    page.push_str("<thead><tr>");
    for key in keys {
        let _ = write!(page, "<th>{}</th>", both(key));
    }
    page.push_str("</tr></thead>\n<tbody>\n");
}

fn figures(page: &mut String, sheet: &Sheet) {
    let _ = writeln!(page, "<h2>{}</h2>\n<table>", both("report.figures"));
    head(
        page,
        &[
            "report.measure",
            "report.of",
            "report.value",
            "report.parts",
            "report.floor",
            "report.verdict",
            "report.excluded",
        ],
    );
    for figure in sheet.shown() {
        let of = (sheet.names.title(&figure.group, Lang::Zh), sheet.names.title(&figure.group, Lang::En));
        let of = if of.0 == of.1 { of.0 } else { format!("{} {}", of.0, of.1) };
        let excluded: Vec<String> =
            figure.excluded.iter().map(|(why, n)| format!("{} {n}", why.zh())).collect();
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"w\">{}</td><td>{}</td>\
             <td class=\"x\">{}</td></tr>",
            both_titles(figure.measure),
            escaped(&of),
            escaped(&reading(figure, Lang::En)),
            escaped(&parts(figure)),
            escaped(&floor(figure.floor)),
            both_verdicts(figure.verdict),
            escaped(&excluded.join(" · ")),
        );
    }
    page.push_str("</tbody></table>\n");
}

fn periods(page: &mut String, sheet: &Sheet) {
    if sheet.months.len() < 2 || sheet.periods.iter().all(|period| period.months == 0) {
        return;
    }
    let first = sheet.months.first().map(|report| report.month.to_string()).unwrap_or_default();
    let _ = writeln!(
        page,
        "<h2>{} <small>{first} – {}</small></h2>\n<table>",
        both("report.over_months"),
        sheet.report.month
    );
    head(page, &["report.measure", "report.mean", "report.verdict", "report.pooled", "report.verdict"]);
    for period in sheet.periods.iter().filter(|period| period.months > 0) {
        let _ = writeln!(
            page,
            "<tr><td>{}</td><td class=\"n\">{}</td><td>{}</td><td class=\"n\">{} ({} / {})</td><td>{}</td></tr>",
            both_titles(period.measure),
            mean(period),
            both_verdicts(period.mean_verdict),
            pooled(period),
            period.numerator,
            period.denominator,
            both_verdicts(period.pooled_verdict),
        );
    }
    page.push_str("</tbody></table>\n");
}

/// The booking rates of departments, practitioners and channels.
fn groups(page: &mut String, sheet: &Sheet) {
    let of = |figure: &&Figure| {
        figure.measure == Measure::Booking && figure.group != Group::All && figure.denominator > 0
    };
    let rows: Vec<&Figure> = sheet.report.figures.iter().filter(of).collect();
    if rows.is_empty() {
        return;
    }
    let _ = writeln!(page, "<h2>{}</h2>\n<table>", both("report.by_group"));
    head(page, &["report.of", "report.value", "report.parts", "report.no_shows", "report.mean_wait"]);
    for figure in rows {
        let other = |measure| {
            let found = sheet.report.figures.iter().find(|f| f.measure == measure && f.group == figure.group);
            found.map(|figure| reading(figure, Lang::En)).unwrap_or_default()
        };
        let (_, code) = sheet.names.code(&figure.group);
        let _ = writeln!(
            page,
            "<tr><td>{} <small>{}</small></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>",
            escaped(&sheet.names.title(&figure.group, Lang::Zh)),
            escaped(&code),
            escaped(&reading(figure, Lang::En)),
            escaped(&parts(figure)),
            escaped(&other(Measure::NoShow)),
            escaped(&other(Measure::Waiting)),
        );
    }
    page.push_str("</tbody></table>\n");
}

/// What the earlier versions said otherwise.
fn earlier(page: &mut String, sheet: &Sheet) {
    let changed = || sheet.earlier.iter().filter(|(_, figures)| !figures.is_empty());
    if changed().next().is_none() {
        return;
    }
    let _ = writeln!(page, "<h2>{}</h2>\n<table>", both("report.corrections"));
    head(page, &["report.known_at", "report.measure", "report.was", "report.is"]);
    for (version, figures) in changed() {
        for figure in figures {
            let Some(now) = sheet.shown().find(|f| f.measure == figure.measure && f.group == figure.group)
            else {
                continue;
            };
            let _ = writeln!(
                page,
                "<tr><td>{} · {}</td><td>{} {}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                version.number,
                date_time(version.as_of),
                both_titles(figure.measure),
                escaped(&sheet.names.title(&figure.group, Lang::Zh)),
                escaped(&parts(figure)),
                escaped(&parts(now)),
            );
        }
    }
    page.push_str("</tbody></table>\n");
}

/// Where to look: the visits and sessions of the judged figures. Not printed.
fn ids(page: &mut String, sheet: &Sheet) {
    let _ = writeln!(page, "<section class=\"ids\"><h2>{}</h2>", both("report.ids"));
    for figure in sheet.shown().filter(|figure| figure.floor.is_some() && !figure.missed.is_empty()) {
        let list: Vec<String> = figure.missed.iter().take(IDS_SHOWN).map(ToString::to_string).collect();
        let more = if figure.missed.len() > IDS_SHOWN { " …" } else { "" };
        let _ = writeln!(
            page,
            "<details><summary>{} {} ({})</summary><p>{}{more}</p></details>",
            both_titles(figure.measure),
            escaped(&sheet.names.title(&figure.group, Lang::Zh)),
            figure.missed.len(),
            list.join(" "),
        );
    }
    page.push_str("</section>\n");
}

const STYLE: &str = "
:root{--ink:#17212b;--soft:#5b6875;--line:#d9dfe5;--track:#eef1f4;--bar:#3b6ea8;--good:#2b7a4b;--bad:#b3392f}
*{box-sizing:border-box}
body{margin:0;background:#fff;color:var(--ink);font:14px/1.45 system-ui,'PingFang SC','Microsoft YaHei','Noto Sans CJK SC',sans-serif}
main{max-width:1000px;margin:0 auto;padding:24px}
main+main{break-before:page}
h1{margin:0;font-size:26px}h2{margin:28px 0 8px;font-size:17px;break-after:avoid}h1 small,h2 small{color:var(--soft);font-weight:400;font-size:.7em}
[lang=en]{color:var(--soft);font-weight:400}
.month{margin:2px 0 0;font-size:17px}.basis{margin:6px 0 0;color:var(--soft);font-size:12px}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(215px,1fr));gap:10px;margin:18px 0}
.tile{border:1px solid var(--line);border-left:5px solid var(--bad);border-radius:4px;padding:8px 12px;break-inside:avoid}
.tile.pass{border-left-color:var(--good)}.tile h3{margin:0;font-size:13px;font-weight:600}.tile h3 [lang=en]{display:block}
.tile p{margin:0}.tile .value{font-size:26px;font-weight:600;font-variant-numeric:tabular-nums}
b.pass{color:var(--good)}b.fail{color:var(--bad)}b.none{color:var(--soft);font-weight:400}b [lang=en]{color:inherit}
figure{margin:18px 0;break-inside:avoid}figcaption{font-weight:600;margin-bottom:6px}
svg{width:100%;height:auto;display:block}svg text{font-size:12px;fill:var(--ink)}
.label{text-anchor:end}.tick{text-anchor:middle;font-size:10px!important;fill:var(--soft)!important}
.grid{stroke:var(--line);stroke-width:1}.track{fill:var(--track)}.bar{fill:var(--bar)}.bar-pass{fill:var(--good)}.bar-fail{fill:var(--bad)}
.mark{stroke:var(--ink);stroke-width:2}
table{border-collapse:collapse;width:100%;font-size:12.5px}th,td{padding:5px 8px;border-bottom:1px solid var(--line);text-align:left;vertical-align:top}
th{font-weight:600;border-bottom:2px solid var(--ink)}th [lang=en],td:first-child [lang=en]{display:block;font-size:11px}
td:first-child{min-width:170px}td.x{min-width:150px}
td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.w,b.pass,b.fail{white-space:nowrap}td.x{color:var(--soft);font-size:11px}
tr{break-inside:avoid}thead{display:table-header-group}
details p{word-break:break-word;font-size:11px;color:var(--soft)}
@page{size:A4;margin:14mm}
@media print{main{max-width:none;padding:0}body{font-size:11px;-webkit-print-color-adjust:exact;print-color-adjust:exact}.ids{display:none}}
";

use super::*;
use haoyuan::ids::{BookingId, DepartmentId, Interval, PatientKey, PractitionerId, SessionId, VisitId};
use haoyuan::instant::{DAY, HOUR, MINUTE};
use haoyuan::kpi::{Recorded, ReserveRow, SessionRow, Visit};
use haoyuan::policy::Policy;
use haoyuan::terms::{Channel, Class, Grade, Kind, Outcome, Tier, VisitKind};

fn march() -> Month {
    Month::parse("2026-03").unwrap()
}

fn visit(id: u32, booked: bool) -> Visit {
    let day = Day(march().first().0 + 9);
    let from = day.midnight().plus(8 * HOUR + i64::from(id % 8) * 30 * MINUTE);
    let confirmed = booked.then_some(from.plus(-3 * DAY));
    Visit {
        id: VisitId::new(id).unwrap(),
        booking: confirmed.and(BookingId::new(u64::from(id) + 1)),
        patient: PatientKey::new(u128::from(id) + 1).unwrap(),
        institution: InstitutionId::default(),
        department: DepartmentId::new(id % 2).unwrap(),
        practitioner: PractitionerId::new(id % 3).unwrap(),
        session: confirmed.and(SessionId::new(0)),
        slot: confirmed.map(|_| Interval { from, to: from.plus(30 * MINUTE) }),
        day,
        kind: VisitKind::Outpatient,
        class: Class::Public,
        channel: if booked { Channel::App } else { Channel::Window },
        revisit: Some(id % 4 == 0),
        extra: false,
        booked_at: confirmed,
        confirmed_at: confirmed,
        checked_in_at: Some(from),
        called_at: Some(from.plus(11 * MINUTE)),
        entered_at: Some(from.plus(12 * MINUTE)),
        history: vec![Recorded { at: from.plus(HOUR), outcome: Outcome::Attended }],
    }
}

fn session() -> SessionRow {
    let from = march().first().midnight().plus(9 * DAY + 8 * HOUR);
    SessionRow {
        session: SessionId::default(),
        institution: InstitutionId::default(),
        department: DepartmentId::default(),
        practitioner: PractitionerId::default(),
        grade: Grade::Expert,
        kind: Kind::Clinic,
        time: Interval { from, to: from.plus(4 * HOUR) },
        slot_ms: 1_800_000,
        policy: "jilin-2018".to_owned(),
        seats: 40,
        offered: 40,
        granted: 40,
        granted_at_once: 5,
        reserves: vec![ReserveRow {
            pool: "L2_TO_L3".to_owned(),
            asked: haoyuan::apportion::BasisPoints::new(3_000),
            base: 40,
            offered: 12,
            used: 6,
            released: 6,
            released_used: 3,
        }],
    }
}

/// 20 visits, 8 of them booked; one of the booked was a no-show when the month ended.
fn sheet() -> Sheet {
    let mut visits: Vec<Visit> = (0..20).map(|id| visit(id, id < 8)).collect();
    visits[0].history.insert(0, Recorded { at: march().end().plus(-DAY), outcome: Outcome::NoShow });
    visits[0].history[1].at = march().end().plus(2 * DAY);
    let rows = Rows { visits, sessions: vec![session()], ..Rows::default() };
    let institution = Institution {
        code: "SY1".to_owned(),
        name: "省<第一>医院".to_owned(),
        tier: Tier::Tertiary,
        level: None,
        parent: None,
    };
    let targets = Policy::preset("jilin-2018").unwrap().targets(Tier::Tertiary);
    let departments =
        [(0, ("CARD".to_owned(), "心内科".to_owned())), (1, ("NEUR".to_owned(), "神经内科".to_owned()))];
    let names = Names { departments: HashMap::from(departments), practitioners: HashMap::new() };
    let as_of = march().end().plus(9 * DAY);
    Sheet::new(&institution, &rows, &targets, (march().before(2), march()), as_of, names)
}

#[test]
fn every_measure_has_a_title_in_both_languages_and_the_chinese_one_is_the_term() {
    for measure in Measure::ALL {
        let entry = find(&format!("kpi.{}", measure.text())).unwrap_or_else(|| panic!("{measure}"));
        assert_eq!(entry.zh, measure.zh());
        assert!(entry.en.is_ascii());
    }
}

#[test]
fn the_table_says_what_passes_and_what_was_known_before() {
    let text = tables::terminal(&[sheet()], Lang::En);
    let line = |name: &str| {
        text.lines().find(|line| line.trim_start().starts_with(name)).unwrap_or_default().to_owned()
    };
    let booking = line("Booking rate ");
    for part in ["40.0 %", "8 / 20", "≥ 40 %", "pass"] {
        assert!(booking.contains(part), "{booking}");
    }
    assert!(line("Revisit booking rate, stomatology").contains("not applicable"));
    assert!(line("Mean waiting time").contains("12.0 min"));
    assert!(line("version 1").contains("2026-03-31 23:59:59.999"));
    assert!(text.contains("Booking rate: 7 / 19, now 8 / 20"), "{text}");
    assert!(tables::terminal(&[sheet()], Lang::Zh).contains("未达标"));
    assert!(tables::terminal(&[], Lang::En).contains("no institution"));
}

#[test]
fn json_has_the_parts_the_floor_and_the_ids_of_every_figure() {
    let told: serde_json::Value = serde_json::from_str(&tables::json(&[sheet()])).unwrap();
    let sheet = &told["institutions"][0];
    assert_eq!((sheet["institution"].as_str(), sheet["month"].as_str()), (Some("SY1"), Some("2026-03")));
    assert_eq!(sheet["version"], 2);
    let figure = |measure: &str| {
        let all = sheet["figures"].as_array().unwrap();
        all.iter().find(|figure| figure["measure"] == measure && figure["of"].is_null()).unwrap().clone()
    };
    let booking = figure("booking");
    assert_eq!((&booking["numerator"], &booking["denominator"]), (&8.into(), &20.into()));
    assert_eq!((&booking["reading"], &booking["verdict"]), (&"40.0".into(), &"pass".into()));
    assert_eq!(booking["at_least_basis_points"], 4_000);
    assert_eq!(booking["ids"]["counted"].as_array().unwrap().len(), 8);
    assert_eq!(booking["ids"]["missed"].as_array().unwrap().len(), 12);
    assert_eq!(booking["title"]["zh"], "预约诊疗率");
    assert_eq!(figure("stomatology_revisit")["verdict"], "not_applicable");
    assert_eq!(figure("stomatology_revisit")["reading"], serde_json::Value::Null);
    let versions = sheet["versions"].as_array().unwrap();
    assert!(versions[0]["differs"].as_array().unwrap().iter().any(|f| f["measure"] == "no_show"));
    assert!(versions[1]["differs"].as_array().unwrap().is_empty());
    let period = &sheet["period"]["figures"][0];
    assert_eq!((&period["mean"], &period["pooled"]), (&"40.0 %".into(), &"40.0 %".into()));
}

#[test]
fn csv_has_a_row_for_every_figure_and_every_version_of_it() {
    let sheet = sheet();
    let text = tables::csv(&[self::sheet()]);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let earlier: usize = sheet.earlier.iter().map(|(_, figures)| figures.len()).sum();
    assert_eq!(rows.len(), sheet.report.figures.len() + earlier);
    let booking: Vec<_> = rows.iter().filter(|row| &row[6] == "booking" && row[9].is_empty()).collect();
    assert_eq!(booking.len(), 2);
    assert_eq!((&booking[0][1], &booking[0][11], &booking[0][12]), ("1", "7", "19"));
    assert_eq!((&booking[1][1], &booking[1][11], &booking[1][12], &booking[1][14]), ("2", "8", "20", "40.0"));
}

#[test]
fn the_page_is_whole_in_itself_bilingual_and_escapes_what_it_is_given() {
    let page = page::html(&[sheet()]);
    for part in [
        "省&lt;第一&gt;医院",
        "预约诊疗率",
        "Booking rate",
        "达标",
        "pass",
        "心内科",
        "@media print",
        "7 / 19",
    ] {
        assert!(page.contains(part), "{part}");
    }
    for absent in ["http", "<script", "src=", "<link", "省<第一>"] {
        assert!(!page.contains(absent), "{absent}");
    }
    // Rates, reserves, departments, visits by half hour; one month has no course.
    assert_eq!(page.matches("<svg").count(), 4);
    assert_eq!(page.matches("<svg").count(), page.matches("</svg>").count());
    for tag in ["table", "tr", "td", "section", "main", "figure", "details", "div"] {
        let open = page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(open, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
    assert!(page::html(&[]).contains("no institution"));
}

#[test]
fn lengths_take_the_unit_that_suits_them() {
    let of = |ms| length(ms, Lang::En);
    assert_eq!([of(0), of(90_000), of(7_199_999)], ["0.0 min", "1.5 min", "120.0 min"]);
    assert_eq!([of(7_200_000), of(172_800_000)], ["2.0 h", "2.0 d"]);
}

use super::*;
use crate::ids::{BookingId, InstitutionId, Interval, PatientKey, SessionId, VisitId};
use crate::instant::{DAY, HOUR, SECOND};
use crate::policy::Policy;
use crate::terms::{Grade, Kind, Outcome, Tier, VisitKind};

fn march() -> Month {
    Month::parse("2026-03").unwrap()
}

fn jilin() -> Targets {
    Policy::preset("jilin-2018").unwrap().targets(Tier::Tertiary)
}

/// Visit `id` at 08:00 of a day of March, booked the week before through the app, seen on time.
fn booked(id: u32, day: i32) -> Visit {
    let day = Day(march().first().0 + day - 1);
    let from = day.midnight().plus(8 * HOUR);
    let confirmed = from.plus(-7 * DAY);
    Visit {
        id: VisitId::new(id).unwrap(),
        booking: BookingId::new(u64::from(id) + 1),
        patient: PatientKey::new(u128::from(id) + 1).unwrap(),
        institution: InstitutionId::new(1).unwrap(),
        department: DepartmentId::new(1).unwrap(),
        practitioner: PractitionerId::new(1).unwrap(),
        session: SessionId::new(1),
        slot: Some(Interval { from, to: from.plus(30 * MINUTE) }),
        day,
        kind: VisitKind::Outpatient,
        class: Class::Public,
        channel: Channel::App,
        revisit: Some(false),
        extra: false,
        booked_at: Some(confirmed),
        confirmed_at: Some(confirmed),
        checked_in_at: Some(from.plus(-5 * MINUTE)),
        called_at: Some(from.plus(9 * MINUTE)),
        entered_at: Some(from.plus(10 * MINUTE)),
        history: vec![Recorded { at: from.plus(HOUR), outcome: Outcome::Attended }],
    }
}

fn walk_in(id: u32, day: i32) -> Visit {
    Visit {
        booking: None,
        session: None,
        slot: None,
        class: Class::OnSite,
        channel: Channel::Window,
        booked_at: None,
        confirmed_at: None,
        ..booked(id, day)
    }
}

/// So many visits, of which the first ones are booked.
fn visits(from: u32, all: u32, of_them_booked: u32, change: impl Fn(&mut Visit)) -> Vec<Visit> {
    (0..all)
        .map(|n| {
            let day = i32::try_from(n % 31).unwrap() + 1;
            let mut visit = if n < of_them_booked { booked(from + n, day) } else { walk_in(from + n, day) };
            change(&mut visit);
            visit
        })
        .collect()
}

fn session(id: u32, slot_minutes: i64, reserved: u32) -> SessionRow {
    let from = march().first().midnight().plus(9 * DAY + 8 * HOUR);
    SessionRow {
        session: SessionId::new(id).unwrap(),
        institution: InstitutionId::new(1).unwrap(),
        department: DepartmentId::new(1).unwrap(),
        practitioner: PractitionerId::new(1).unwrap(),
        grade: Grade::Expert,
        kind: Kind::Clinic,
        time: Interval { from, to: from.plus(4 * HOUR) },
        slot_ms: u32::try_from(slot_minutes * MINUTE).unwrap(),
        policy: "jilin-2018".to_owned(),
        seats: 40,
        offered: 40,
        granted: 40,
        granted_at_once: 10,
        reserves: vec![ReserveRow {
            pool: "L2_TO_L3".to_owned(),
            asked: BasisPoints::new(3_000),
            base: 40,
            offered: reserved,
            used: 6,
            released: reserved - 6,
            released_used: 3,
        }],
    }
}

fn report(rows: &Rows) -> Report {
    Report::new(rows, &jilin(), march(), Instant::MAX)
}

#[track_caller]
fn check(report: &Report, measure: Measure, parts: (u64, u64), reading: &str, verdict: Verdict) {
    let figure = report.figures.iter().find(|figure| figure.measure == measure).unwrap();
    let got = figure.reading().map(|reading| reading.to_string()).unwrap_or_default();
    assert_eq!(
        ((figure.numerator, figure.denominator), got.as_str(), figure.verdict),
        (parts, reading, verdict),
        "{measure}"
    );
    if figure.subject == Subject::Visits && measure.unit() == Unit::Share {
        assert_eq!((figure.counted.len() as u64, figure.missed.len() as u64), (parts.0, parts.1 - parts.0));
    }
}

#[test]
fn scenario_11_the_months_report_to_the_decimal() {
    // 1,000 non-emergency visits, 412 booked; of 300 revisits 178; of 100 prenatal revisits 81; the rest first visits.
    let mut rows = Rows::default();
    rows.visits.extend(visits(0, 100, 81, |visit| {
        (visit.kind, visit.revisit) = (VisitKind::Prenatal, Some(true));
    }));
    rows.visits.extend(visits(100, 200, 97, |visit| visit.revisit = Some(true)));
    rows.visits.extend(visits(300, 700, 234, |_| {}));
    // Emergencies are in no rate, and inpatients have their own.
    rows.visits.extend(visits(2_000, 50, 0, |visit| visit.kind = VisitKind::Emergency));
    rows.visits.extend(visits(3_000, 250, 249, |visit| visit.kind = VisitKind::InpatientExam));
    rows.sessions.push(session(1, 30, 12));
    let report = report(&rows);
    check(&report, Measure::Booking, (412, 1_000), "41.2", Verdict::Pass);
    check(&report, Measure::Revisit, (178, 300), "59.3", Verdict::Fail);
    check(&report, Measure::PrenatalRevisit, (81, 100), "81.0", Verdict::Pass);
    check(&report, Measure::StomatologyRevisit, (0, 0), "", Verdict::NotApplicable);
    check(&report, Measure::InpatientExam, (249, 250), "99.6", Verdict::Fail);
    check(&report, Measure::Reserved, (12, 40), "30.0", Verdict::Pass);
    check(&report, Measure::Precision, (1, 1), "100.0", Verdict::Pass);
    let booking = report.figure(Measure::Booking).unwrap();
    assert_eq!(booking.excluded, [(Exclusion::Emergency, 50), (Exclusion::Inpatient, 250)]);
    assert_eq!((booking.counted[0], booking.missed[0]), (0, 81));

    // Eleven of forty are fewer than 30 %; slots of 40 minutes break the rule of 30.
    let rows = Rows { sessions: vec![session(1, 40, 11)], ..Rows::default() };
    let report = self::report(&rows);
    check(&report, Measure::Reserved, (11, 40), "27.5", Verdict::Fail);
    check(&report, Measure::Precision, (0, 1), "0.0", Verdict::Fail);
}

#[test]
fn a_rate_is_not_rounded_across_its_floor() {
    let all = visits(0, 5_000, 1_999, |_| {});
    check(
        &report(&Rows { visits: all, ..Rows::default() }),
        Measure::Booking,
        (1_999, 5_000),
        "39.98",
        Verdict::Fail,
    );
    let all = visits(0, 5_000, 2_000, |_| {});
    check(
        &report(&Rows { visits: all, ..Rows::default() }),
        Measure::Booking,
        (2_000, 5_000),
        "40.0",
        Verdict::Pass,
    );
}

#[test]
fn nothing_from_nothing() {
    let report = report(&Rows::default());
    for figure in &report.figures {
        assert_eq!((figure.numerator, figure.denominator), (0, 0), "{}", figure.measure);
        assert_eq!((figure.verdict, figure.reading()), (Verdict::NotApplicable, None), "{}", figure.measure);
    }
    // Every measure is there all the same, but those of pools and channels that there are none of.
    let there = |measure: &&Measure| report.figures.iter().any(|figure| figure.measure == **measure);
    let absent: Vec<&Measure> = Measure::ALL.iter().filter(|measure| !there(measure)).collect();
    let of_pools = [Measure::Reserved, Measure::ReserveUsed, Measure::ReserveReleased, Measure::ReleasedUsed];
    assert_eq!(absent, of_pools.iter().chain([&Measure::ChannelParity]).collect::<Vec<_>>());
}

/// One visit: is it in `V`, in `B`, and in `B` strictly?
#[track_caller]
fn counts(change: impl Fn(&mut Visit), expected: (u64, u64, u64)) {
    let mut visit = booked(1, 10);
    change(&mut visit);
    let report = report(&Rows { visits: vec![visit], ..Rows::default() });
    let figure = |measure| report.figure(measure).unwrap();
    let booking = figure(Measure::Booking);
    assert_eq!((booking.denominator, booking.numerator, figure(Measure::BookingStrict).numerator), expected);
}

#[test]
fn what_counts_as_a_booked_visit() {
    let from = booked(1, 10).slot.unwrap().from;
    counts(|_| {}, (1, 1, 1));
    counts(|visit| visit.booking = None, (1, 0, 0));
    // On the day through the app counts; at the window or kiosk it is a registration.
    let today = |visit: &mut Visit, channel| {
        (visit.confirmed_at, visit.channel) = (Some(from.plus(-2 * HOUR)), channel);
    };
    counts(|visit| today(visit, Channel::App), (1, 1, 1));
    counts(|visit| today(visit, Channel::Window), (1, 0, 0));
    counts(|visit| today(visit, Channel::Kiosk), (1, 0, 0));
    counts(|visit| visit.channel = Channel::Window, (1, 1, 1));
    // Confirmed 29 minutes before the arrival at 7:55: on the visit itself; 30 minutes: not.
    counts(|visit| visit.confirmed_at = Some(from.plus(-34 * MINUTE)), (1, 1, 0));
    counts(|visit| visit.confirmed_at = Some(from.plus(-35 * MINUTE)), (1, 1, 1));
    // After the arrival it is no booking.
    counts(|visit| visit.confirmed_at = visit.checked_in_at, (1, 0, 0));
    counts(|visit| visit.confirmed_at = None, (1, 0, 0));
    // An extra seat counts if it was confirmed a calendar day ahead.
    counts(|visit| visit.extra = true, (1, 1, 1));
    counts(|visit| (visit.extra, visit.confirmed_at) = (true, Some(visit.day.midnight())), (1, 0, 0));
    counts(
        |visit| (visit.extra, visit.confirmed_at) = (true, Some(visit.day.midnight().plus(-1))),
        (1, 1, 1),
    );
    for kind in [VisitKind::Emergency, VisitKind::Checkup, VisitKind::MassTest, VisitKind::Refill] {
        counts(|visit| visit.kind = kind, (0, 0, 0));
    }
    for outcome in Outcome::ALL {
        let in_v = u64::from(*outcome == Outcome::Attended);
        counts(|visit| visit.history[0].outcome = *outcome, (in_v, in_v, in_v));
    }
    counts(|visit| visit.history.clear(), (0, 0, 0));
    // The last day of February and the first of April are other months.
    counts(|visit| visit.day = Day(march().first().0 - 1), (0, 0, 0));
    counts(|visit| visit.day = Day(march().last().0 + 1), (0, 0, 0));
    counts(|visit| visit.day = march().last(), (1, 1, 1));
}

#[test]
fn a_revisit_is_what_the_doctor_says_or_a_visit_within_180_days() {
    let check = |days: i32, mark: Option<bool>, change: &dyn Fn(&mut Visit), expected: u64| {
        let mut later = booked(2, 10);
        later.revisit = mark;
        let mut earlier = booked(1, 10);
        (earlier.patient, earlier.day) = (later.patient, Day(later.day.0 - days));
        change(&mut earlier);
        let report = report(&Rows { visits: vec![later, earlier], ..Rows::default() });
        let revisit = report.figure(Measure::Revisit).unwrap();
        assert_eq!(revisit.counted.iter().filter(|id| **id == 2).count() as u64, expected, "{days} {mark:?}");
    };
    check(180, None, &|_| {}, 1);
    check(181, None, &|_| {}, 0);
    check(1, None, &|_| {}, 1);
    check(0, None, &|_| {}, 0);
    check(181, Some(true), &|_| {}, 1);
    check(1, Some(false), &|_| {}, 0);
    check(1, None, &|earlier| earlier.history[0].outcome = Outcome::NoShow, 0);
    check(1, None, &|earlier| earlier.department = DepartmentId::new(2).unwrap(), 0);
    check(1, None, &|earlier| earlier.patient = PatientKey::new(99).unwrap(), 0);
}

#[test]
fn waiting_is_from_the_slot_or_the_arrival_and_who_came_late_is_left_out() {
    let from = booked(1, 10).slot.unwrap().from;
    let visit = |id, arrived: i64, entered: i64| Visit {
        checked_in_at: Some(from.plus(arrived * MINUTE)),
        entered_at: Some(from.plus(entered * MINUTE)),
        ..booked(id, 10)
    };
    // 10 and 15 minutes; before the slot is no waiting; after its end is late.
    let visits =
        vec![visit(1, -20, 10), visit(2, 5, 20), visit(3, -30, -10), visit(4, 31, 40), walk_in(5, 10)];
    let report = report(&Rows { visits, ..Rows::default() });
    let figure = report.figure(Measure::Waiting).unwrap();
    let ms = |minutes: i64| u64::try_from(minutes * MINUTE).unwrap();
    assert_eq!((figure.numerator, figure.denominator), (ms(25), 3));
    assert_eq!(figure.excluded, [(Exclusion::NotBooked, 1), (Exclusion::Late, 1)]);
    assert_eq!(figure.reading().unwrap().whole(), ms(25).div_ceil(3));
    // The literal reading counts from the arrival.
    assert_eq!(report.figure(Measure::WaitingLiteral).unwrap().numerator, ms(30 + 15 + 20));
    let accuracy = report.figure(Measure::SlotAccuracy).unwrap();
    assert_eq!((accuracy.numerator, accuracy.denominator), (4, 4));
}

#[test]
fn no_shows_cancellations_and_stops_are_kept_apart() {
    use Outcome::{Attended, Cancelled, CancelledLate, Excused, NoShow, Stopped};
    let outcomes = [Attended, Attended, Attended, NoShow, Cancelled, CancelledLate, Stopped, Excused];
    let visits = (0..).zip(outcomes).map(|(id, outcome)| {
        let mut visit = booked(id, 10);
        visit.history[0].outcome = outcome;
        visit
    });
    let mut sessions = vec![session(1, 30, 12), session(2, 30, 12), session(3, 30, 12)];
    sessions[2].time.from = sessions[2].time.from.plus(40 * DAY);
    let start = sessions[0].time.from;
    let stop = |id, before: i64, whole| Stop {
        session: SessionId::new(id).unwrap(),
        at: start.plus(-before),
        whole,
        displaced: 1,
        moved: 0,
        offered: 0,
        tokens: 1,
    };
    let rows = Rows {
        visits: visits.collect(),
        sessions,
        stops: vec![stop(1, DAY - 1, true), stop(2, DAY, false), stop(3, 0, true)],
        ..Rows::default()
    };
    let report = report(&rows);
    check(&report, Measure::NoShow, (1, 4), "25.0", Verdict::NotJudged);
    check(&report, Measure::Cancelled, (2, 7), "28.6", Verdict::NotJudged);
    check(&report, Measure::Stopped, (1, 2), "50.0", Verdict::NotJudged);
    check(&report, Measure::StoppedLate, (1, 1), "100.0", Verdict::NotJudged);
    // Kept: all but cancelled and stopped, of the 80 seats of the month's two sessions.
    check(&report, Measure::Used, (5, 80), "6.3", Verdict::NotJudged);
    check(&report, Measure::Offered, (80, 80), "100.0", Verdict::NotJudged);
    check(&report, Measure::ReserveUsed, (12, 24), "50.0", Verdict::NotJudged);
    check(&report, Measure::ReserveReleased, (12, 24), "50.0", Verdict::NotJudged);
    check(&report, Measure::ReleasedUsed, (6, 12), "50.0", Verdict::NotJudged);
    check(&report, Measure::FirstSeconds, (20, 80), "25.0", Verdict::NotJudged);
}

#[test]
fn extra_seats_are_a_share_of_the_visits() {
    let mut visits = visits(0, 10, 10, |_| {});
    visits[0].extra = true;
    (visits[1].extra, visits[1].class) = (true, Class::Green);
    let report = report(&Rows { visits, ..Rows::default() });
    check(&report, Measure::Extra, (2, 10), "20.0", Verdict::NotJudged);
    check(&report, Measure::GreenExtra, (1, 10), "10.0", Verdict::NotJudged);
}

#[test]
fn fairness_is_measured_by_class_channel_patient_district_and_age() {
    let requests = |class, channel, granted, denied| Requests { class, channel, granted, denied, refused: 1 };
    let district = |name: &str, granted, denied| DistrictRow { district: name.to_owned(), granted, denied };
    let mut visits = visits(0, 4, 4, |_| {});
    visits[1].patient = visits[0].patient;
    let rows = Rows {
        visits,
        requests: vec![
            requests(Class::Public, Channel::App, 30, 70),
            requests(Class::Public, Channel::Phone, 10, 90),
            requests(Class::ReferralPrimary, Channel::App, 20, 0),
        ],
        districts: vec![district("东", 10, 10), district("西", 5, 5), district("none", 0, 0)],
        ages: vec![
            AgeRow { aged_65: true, granted: 1, denied: 3 },
            AgeRow { aged_65: false, granted: 9, denied: 1 },
        ],
        waits: vec![Wait {
            session: SessionId::new(1).unwrap(),
            joined: 8,
            offers: 5,
            taken: 2,
            lapsed: 2,
            declined: 1,
            skipped: 0,
        }],
        sessions: vec![session(1, 30, 12)],
        third_next: vec![
            ThirdNext {
                class: Class::Public,
                department: DepartmentId::new(1).unwrap(),
                at: march().first().midnight().plus(SECOND),
                wait_ms: Some(500),
            },
            ThirdNext {
                class: Class::Public,
                department: DepartmentId::new(1).unwrap(),
                at: march().first().midnight(),
                wait_ms: None,
            },
        ],
        ..Rows::default()
    };
    let report = report(&rows);
    check(&report, Measure::Denied, (160, 220), "72.7", Verdict::NotJudged);
    let of = |measure, group: Group| {
        let figure = report.figures.iter().find(|f| f.measure == measure && f.group == group).unwrap();
        figure.reading().unwrap().to_string()
    };
    assert_eq!(of(Measure::Denied, Group::Class(Class::ReferralPrimary)), "0.0");
    assert_eq!(of(Measure::Denied, Group::Channel(Channel::Phone)), "90.0");
    assert_eq!(of(Measure::Denied, Group::District("东".to_owned())), "50.0");
    assert_eq!(of(Measure::Denied, Group::Aged65(true)), "75.0");
    assert_eq!(of(Measure::Denied, Group::Aged65(false)), "10.0");
    // 10 % by telephone against 60 / 220 by all.
    assert_eq!(of(Measure::ChannelParity, Group::Channel(Channel::Phone)), "0.37");
    assert_eq!(of(Measure::ChannelParity, Group::Channel(Channel::App)), "1.53");
    // Two, one and one of four bookings: (4 + 1 + 1) / 16.
    assert_eq!(of(Measure::Concentration, Group::All), "37.5");
    assert_eq!(of(Measure::DistrictEvenness, Group::All), "100.0");
    assert_eq!(of(Measure::WaitlistServed, Group::All), "25.0");
    assert_eq!(of(Measure::ThirdNext, Group::All), "500");
}

#[test]
fn whoever_is_called_before_a_waiting_green_patient_is_seen() {
    let from = booked(1, 10).slot.unwrap().from;
    let line = |green_there: i64, green_called: i64| {
        let at = |minute: i64| Some(from.plus(minute * MINUTE));
        let other = Visit { checked_in_at: at(0), called_at: at(10), ..booked(1, 10) };
        let (class, checked_in_at, called_at) = (Class::Green, at(green_there), at(green_called));
        let green = Visit { class, checked_in_at, called_at, ..booked(2, 10) };
        let report = report(&Rows { visits: vec![other, green], ..Rows::default() });
        let figure = report.figure(Measure::Overtaken).unwrap();
        (figure.numerator, figure.denominator, figure.verdict)
    };
    assert_eq!(line(5, 9), (0, 1, Verdict::Pass));
    assert_eq!(line(5, 11), (1, 1, Verdict::Fail));
    assert_eq!(line(10, 11), (0, 1, Verdict::Pass));
    assert_eq!(line(11, 12), (0, 1, Verdict::Pass));
}

#[test]
fn what_is_recorded_later_makes_a_new_version_and_keeps_the_old_one() {
    let mut visits = visits(0, 10, 4, |_| {});
    visits[0].history = vec![
        Recorded { at: visits[0].day.midnight().plus(20 * HOUR), outcome: Outcome::NoShow },
        Recorded { at: march().end().plus(3 * DAY), outcome: Outcome::Attended },
    ];
    visits[1].history = vec![Recorded { at: march().end().plus(3 * DAY + HOUR), outcome: Outcome::Stopped }];
    visits[2].history.push(Recorded { at: march().end().plus(9 * DAY), outcome: Outcome::Refunded });
    let rows = Rows { visits, ..Rows::default() };
    let versions = versions(&rows, march(), Instant::MAX);
    let numbers: Vec<u32> = versions.iter().map(|version| version.number).collect();
    assert_eq!(numbers, [1, 2, 3]);
    assert_eq!(versions[0].as_of, march().end().plus(-1));
    assert_eq!(versions[1].as_of, march().end().plus(3 * DAY + HOUR));
    let figures = |version: &Version| {
        let report = Report::new(&rows, &jilin(), march(), version.as_of);
        let booking = report.figure(Measure::Booking).unwrap().clone();
        let no_show = report.figure(Measure::NoShow).unwrap();
        ((booking.numerator, booking.denominator), (no_show.numerator, no_show.denominator))
    };
    let all: Vec<_> = versions.iter().map(figures).collect();
    // A no-show who came after all, a visit of which nothing was known, a visit that was taken back.
    assert_eq!(all, [((2, 8), (1, 3)), ((3, 9), (0, 3)), ((2, 8), (0, 3))]);
    // Without later records there is one version, and the month may not have ended yet.
    let early = march().first().midnight();
    assert_eq!(self::versions(&rows, march(), early), [Version { number: 1, as_of: early }]);
}

#[test]
fn the_mean_of_the_months_and_the_ratio_of_the_sums_differ_and_are_both_shown() {
    // 50 % of 10 and 38 % of 1,000: the mean is 44 %, the pooled ratio 38.1 %.
    let of = |all, booked| report(&Rows { visits: visits(0, all, booked, |_| {}), ..Rows::default() });
    let period = Period::new(Measure::Booking, &[of(10, 5), of(1_000, 380), of(0, 0)]);
    assert_eq!((period.months, period.mean_ppb), (2, Some(440_000_000)));
    assert_eq!((period.numerator, period.denominator), (385, 1_010));
    assert_eq!((period.mean_verdict, period.pooled_verdict), (Verdict::Pass, Verdict::Fail));
    let none = Period::new(Measure::Booking, &[of(0, 0)]);
    assert_eq!((none.mean_ppb, none.mean_verdict), (None, Verdict::NotApplicable));
}

#[test]
fn months_are_read_strictly_and_know_their_days() {
    assert_eq!(march().to_string(), "2026-03");
    assert_eq!(march().last().0 - march().first().0, 30);
    assert_eq!(march().before(1).to_string(), "2026-02");
    assert_eq!(march().before(15).to_string(), "2024-12");
    assert!(march().contains(march().last()) && !march().contains(march().end().day()));
    for bad in ["", "2026", "2026-3", "2026-13", "2026-00", "26-03", "+026-03", "2026-03-01", "9999-01"] {
        assert_eq!(Month::parse(bad), None, "{bad}");
    }
}

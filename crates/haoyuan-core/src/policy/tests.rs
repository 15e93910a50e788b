use super::schema::{Amount, LimitScope, Sharing};
use super::*;
use crate::civil;
use crate::ids::{DepartmentId, InstitutionId, Interval, NodeIndex, PractitionerId};
use crate::instant::{DAY, HOUR, MINUTE};
use crate::plan::Blocks;
use crate::pool::PoolTree;
use crate::refusal::Code;
use crate::rules::{Limit, Scope, Window};
use crate::said::Speak;
use crate::terms::{Channel, Class, Grade, Kind};
use crate::word::Live;
use proptest::prelude::*;

/// A session on Tuesday, 2026-03-03.
fn session(grade: Grade, from: &str, slot_minutes: u32, capacity: &[u8]) -> Session {
    let day = civil::parse_date("2026-03-03").unwrap();
    let from = day.midnight().plus(civil::parse_clock(from).unwrap());
    let length = i64::from(slot_minutes) * MINUTE * i64::try_from(capacity.len()).unwrap();
    Session {
        code: "S1".to_owned(),
        institution: InstitutionId::new(1).unwrap(),
        department: DepartmentId::new(1).unwrap(),
        practitioner: PractitionerId::new(1).unwrap(),
        grade,
        kind: Kind::Clinic,
        time: Interval { from, to: from.plus(length) },
        slot_ms: slot_minutes * 60_000,
        capacity: capacity.to_vec(),
    }
}

/// The base of the worked scenarios: Tuesday 08:00–12:00, eight half-hours of five seats.
fn base() -> Session {
    session(Grade::Expert, "08:00", 30, &[5; 8])
}

fn plan(policy: &Policy, session: Session, tier: Tier) -> Plan {
    policy.plan(session, tier, &mut CarryLedger::default()).unwrap()
}

fn trees(plan: &Plan) -> &[PoolTree] {
    match &plan.blocks {
        Blocks::PerSlot(trees) => trees,
        Blocks::WholeSession(tree) => std::slice::from_ref(tree),
    }
}

fn node(tree: &PoolTree, name: &str) -> NodeIndex {
    let place = tree.nodes().iter().position(|node| node.name == name).unwrap();
    NodeIndex::new(u8::try_from(place).unwrap()).unwrap()
}

/// The guaranteed minimum of a pool in every block, before any fence.
fn minima(plan: &Plan, name: &str) -> Vec<u8> {
    trees(plan).iter().map(|tree| tree.nodes()[node(tree, name).index()].guarantee).collect()
}

fn sum(seats: &[u8]) -> u32 {
    seats.iter().map(|s| u32::from(*s)).sum()
}

fn jilin() -> Policy {
    Policy::preset("jilin-2018").unwrap()
}

/// A hospital's file on top of a preset.
fn hospital(preset: &str, text: &str) -> Result<Policy, PolicyError> {
    Policy::parse("hospital.toml", &format!("name = \"h\"\nextends = \"{preset}\"\n{text}"))
}

#[test]
fn every_preset_is_a_valid_policy_and_every_value_has_a_source() {
    assert_eq!(Policy::presets().count(), 6);
    for name in Policy::presets() {
        let policy = Policy::preset(name).unwrap();
        assert_eq!(policy.name(), name);
        for shown in policy.shown() {
            assert!(!shown.source.is_empty() && shown.line > 0, "{name}: {shown:?}");
        }
    }
    assert_eq!(Policy::preset("atlantis-2018"), None);
}

#[test]
fn the_presets_say_what_their_texts_say() {
    let reserve = |preset: &str, pool: &str, tier| {
        let policy = Policy::preset(preset).unwrap();
        let reserve = policy.document().pools.get(pool).unwrap().reserve.get(tier)?.0.clone();
        Some((reserve.amount, reserve.grades))
    };
    let percent = |p: u16| Amount::Share(crate::apportion::BasisPoints::new(p * 100).unwrap());
    assert_eq!(
        reserve("jilin-2018", "L2_TO_L3", Tier::Tertiary),
        Some((percent(30), Some(vec![Grade::Expert])))
    );
    assert_eq!(reserve("jilin-2018", "L2_TO_L3", Tier::Secondary), None);
    assert_eq!(reserve("jilin-2018", "PRIMARY", Tier::Secondary), Some((percent(40), None)));
    assert_eq!(reserve("jilin-2018", "PRIMARY", Tier::Tertiary), None);
    assert_eq!(reserve("beijing-2015", "PRIMARY", Tier::Tertiary), Some((percent(30), None)));
    assert_eq!(reserve("chongqing-2018", "FAMILY_DOCTOR", Tier::Tertiary), Some((percent(20), None)));
    let precision = |preset| Policy::preset(preset).unwrap().document().slot_minutes_max.tertiary;
    assert_eq!(
        (precision("jilin-2018"), precision("liaoning-2018"), precision("fujian-2018")),
        (Some(30), Some(60), None)
    );
    let coverage = &Policy::preset("fujian-2018").unwrap().document.coverage;
    assert_eq!((coverage.sharing, coverage.multi_site), (Some(Sharing::Province), Some(true)));
    let limits = plan(&Policy::preset("beijing-2015").unwrap(), base(), Tier::Tertiary).rules.limits;
    let limit = |scope, days, most| Limit { scope, window: Window::Days(days), most };
    assert_eq!(
        limits,
        [
            limit(Scope::Department, 1, 1),
            limit(Scope::Platform, 1, 2),
            limit(Scope::Platform, 7, 3),
            limit(Scope::Platform, 90, 5)
        ]
    );
}

#[test]
fn scenario_6_twelve_of_forty_are_reserved_one_or_two_in_each_slot() {
    let plan = plan(&jilin(), base(), Tier::Tertiary);
    let reserved = minima(&plan, "L2_TO_L3");
    assert_eq!(reserved, [2, 1, 2, 1, 2, 1, 2, 1]);
    assert_eq!(sum(&minima(&plan, "PUBLIC")), 28, "and 28 are the public's until it opens");
}

#[test]
fn scenario_6_forty_percent_of_a_secondary_hospitals_seats_are_rounded_up() {
    for (slots, expected) in [(vec![40], 16), (vec![41], 17), (vec![20, 20], 16)] {
        let session = session(Grade::Ordinary, "08:00", 30, &slots);
        assert_eq!(sum(&minima(&plan(&jilin(), session, Tier::Secondary), "PRIMARY")), expected);
    }
    let ceil =
        hospital("jilin-2018", "[pools.PRIMARY.reserve]\nsecondary = { percent = 40, rounding = \"ceil\" }");
    for (seats, expected) in [(1, 1), (2, 1), (3, 2), (5, 2), (7, 3), (40, 16), (41, 17)] {
        let session = session(Grade::Ordinary, "08:00", 30, &[seats]);
        assert_eq!(
            sum(&minima(&plan(ceil.as_ref().unwrap(), session, Tier::Secondary), "PRIMARY")),
            expected
        );
    }
}

#[test]
fn the_base_of_a_reserve_is_its_tier_and_grades() {
    let reserved = |grade, tier| {
        let plan = plan(&jilin(), session(grade, "08:00", 30, &[5; 8]), tier);
        (sum(&minima(&plan, "L2_TO_L3")), sum(&minima(&plan, "PRIMARY")))
    };
    assert_eq!(reserved(Grade::Expert, Tier::Tertiary), (12, 0));
    assert_eq!(reserved(Grade::Ordinary, Tier::Tertiary), (0, 0));
    assert_eq!(reserved(Grade::Ordinary, Tier::Secondary), (0, 16));
    assert_eq!(reserved(Grade::Expert, Tier::Primary), (0, 0));
}

#[test]
fn small_sessions_carry_and_a_refusal_leaves_the_ledger_as_it_was() {
    let policy = jilin();
    let mut ledger = CarryLedger::default();
    let mut amounts = Vec::new();
    for _ in 0..10 {
        let small = session(Grade::Expert, "08:00", 30, &[7]);
        amounts.push(sum(&minima(&policy.plan(small, Tier::Tertiary, &mut ledger).unwrap(), "L2_TO_L3")));
        let before = ledger.clone();
        assert!(policy.plan(session(Grade::Expert, "08:00", 40, &[7]), Tier::Tertiary, &mut ledger).is_err());
        let large = plan(&policy, base(), Tier::Tertiary);
        assert_eq!(sum(&minima(&large, "L2_TO_L3")), 12, "large sessions stay outside the ledger");
        assert_eq!(ledger, before);
    }
    assert_eq!(amounts, [3, 2, 2, 2, 2, 2, 2, 2, 2, 2]);
}

#[test]
fn a_reserve_too_thin_for_every_hour_is_guaranteed_for_the_session() {
    let whole = |grade, capacity: &[u8], tier| {
        matches!(plan(&jilin(), session(grade, "08:00", 30, capacity), tier).blocks, Blocks::WholeSession(_))
    };
    assert!(!whole(Grade::Expert, &[5; 8], Tier::Tertiary), "three reserved seats an hour");
    assert!(whole(Grade::Expert, &[1; 8], Tier::Tertiary), "three reserved seats in four hours");
    assert!(!whole(Grade::Ordinary, &[1; 8], Tier::Tertiary), "nothing to guarantee");
    assert!(!whole(Grade::Expert, &[1, 2, 1, 1, 1, 1, 1, 1], Tier::Tertiary), "slots differ");
    let slot = hospital("jilin-2018", "[booking]\nscope = \"slot\"").unwrap();
    assert!(matches!(
        plan(&slot, session(Grade::Expert, "08:00", 30, &[1; 8]), Tier::Tertiary).blocks,
        Blocks::PerSlot(_)
    ));
    let session_ = hospital("jilin-2018", "[booking]\nscope = \"session\"").unwrap();
    let refusal = session_.plan(
        session(Grade::Expert, "08:00", 30, &[8; 8]),
        Tier::Tertiary,
        &mut CarryLedger::default(),
    );
    assert_eq!(refusal.unwrap_err().rule, "booking.scope");
}

#[test]
fn a_slot_longer_than_the_tier_allows_is_refused_by_the_rules_name() {
    let refuse = |preset: &str, minutes, tier| {
        let session = session(Grade::Expert, "08:00", minutes, &[5; 6]);
        Policy::preset(preset)
            .unwrap()
            .plan(session, tier, &mut CarryLedger::default())
            .err()
            .map(|e| e.to_string())
    };
    assert_eq!(
        refuse("jilin-2018", 40, Tier::Tertiary).unwrap(),
        "jilin-2018: slot_minutes_max.tertiary = 30: session `S1` has slots of 40 minutes; a tertiary institution \
         books in slots of at most 30"
    );
    assert_eq!(refuse("jilin-2018", 40, Tier::Secondary), None);
    assert_eq!(refuse("jilin-2018", 30, Tier::Tertiary), None);
    assert_eq!(refuse("liaoning-2018", 60, Tier::Tertiary), None);
    assert!(
        refuse("liaoning-2018", 90, Tier::Tertiary).unwrap().starts_with("liaoning-2018: slot_minutes_max")
    );
}

/// Decides at an offset given as days before the session's day and a clock time.
#[track_caller]
fn decide(tree: &PoolTree, live: Live, class: Class, days: i64, clock: &str) -> Result<Live, Code> {
    let at = civil::parse_clock(clock).unwrap() - days * DAY;
    tree.decide(live, class, Channel::App, at).map(|permit| permit.live).map_err(|denial| denial.code)
}

#[test]
fn reserves_open_first_and_take_nothing_but_the_reserve() {
    let plan = plan(&jilin(), base(), Tier::Tertiary);
    let tree = &trees(&plan)[0];
    let empty = Live::default();
    assert_eq!(decide(tree, empty, Class::ReferralSecondary, 21, "06:59:59"), Err(Code::NotOpen));
    let one = decide(tree, empty, Class::ReferralSecondary, 21, "07:00").unwrap();
    let two = decide(tree, one, Class::ReferralSecondary, 21, "07:00").unwrap();
    // The slot has two reserved seats; the other three are the public's until it opens.
    assert_eq!(decide(tree, two, Class::ReferralSecondary, 21, "07:00"), Err(Code::Protected));
    assert_eq!(decide(tree, two, Class::Public, 7, "06:59:59"), Err(Code::NotOpen));
    let mut live = two;
    for _ in 0..3 {
        // From the public's opening on, the referral may spill and the public may book.
        live = decide(tree, live, Class::ReferralSecondary, 7, "07:00").unwrap();
    }
    assert_eq!(decide(tree, live, Class::Public, 7, "07:00"), Err(Code::SlotFull));
}

#[test]
fn scenario_3_reserved_seats_are_kept_from_the_public_until_the_fence() {
    let plan = plan(&jilin(), base(), Tier::Tertiary);
    let tree = &trees(&plan)[0];
    let mut live = Live::default();
    for _ in 0..3 {
        live = decide(tree, live, Class::Public, 7, "07:00").unwrap();
    }
    assert_eq!(decide(tree, live, Class::Public, 7, "07:00"), Err(Code::Protected));
    assert_eq!(decide(tree, live, Class::Public, 1, "07:59:59"), Err(Code::Protected));
    assert!(decide(tree, live, Class::Public, 1, "08:00").is_ok(), "24 hours before the session");
    assert_eq!(decide(tree, live, Class::Public, 0, "11:00"), Err(Code::Closed));
}

#[test]
fn scenario_3_a_strict_reserve_does_not_spill() {
    let strict = hospital("jilin-2018", "[routes.referral_secondary]\nspill = false").unwrap();
    let plan = plan(&strict, base(), Tier::Tertiary);
    let tree = &trees(&plan)[0];
    let mut live = Live::default();
    for _ in 0..2 {
        live = decide(tree, live, Class::ReferralSecondary, 3, "09:00").unwrap();
    }
    let denial = tree.decide(live, Class::ReferralSecondary, Channel::App, -3 * DAY).unwrap_err();
    assert_eq!((denial.code, denial.node), (Code::CapReached, node(tree, "L2_TO_L3")));
    assert!(decide(tree, live, Class::Public, 3, "09:00").is_ok());
}

#[test]
fn nothing_is_sold_after_its_slot_has_ended() {
    let plan = plan(&jilin(), base(), Tier::Tertiary);
    for (slot, tree) in trees(&plan).iter().enumerate() {
        let end = 8 * HOUR + 30 * MINUTE * (i64::try_from(slot).unwrap() + 1);
        let on_site = |at| tree.decide(Live::default(), Class::OnSite, Channel::Window, at).is_ok();
        assert!(on_site(end - 1) && !on_site(end), "slot {slot}");
    }
}

#[test]
fn a_session_before_a_pool_opens_is_published_without_it() {
    let night = session(Grade::Expert, "00:00", 30, &[5; 2]);
    let plan = plan(&jilin(), night, Tier::Tertiary);
    let tree = &trees(&plan)[0];
    // The window opens at 07:00 of the day, after the end: its patients take seats of the public.
    assert!(tree.decide(Live::default(), Class::OnSite, Channel::Window, -HOUR).is_ok());
    assert!(tree.decide(Live::default(), Class::OnSite, Channel::Window, HOUR).is_err());
}

#[test]
fn several_reserves_nest_and_are_spread_at_once() {
    let text = "[pools.REFERRAL.reserve]\nall = { percent = 30 }\n[pools.FAMILY_DOCTOR.reserve]\nall = { percent = 20 }\n\
                [pools.RETURN.reserve]\nall = { percent = 10 }\n[pools.GREEN.reserve]\nall = { seats = 2 }\n";
    let totals = |policy: &Policy| {
        let plan = plan(policy, base(), Tier::Tertiary);
        ["REFERRAL", "FAMILY_DOCTOR", "RETURN", "GREEN", "PUBLIC"].map(|name| sum(&minima(&plan, name)))
    };
    let nested = hospital("default", text).unwrap();
    assert_eq!(totals(&nested), [12, 8, 4, 2, 22], "8 of the 12 are the family doctors'");
    let additive =
        hospital("default", &format!("{text}[pools.REFERRAL]\nstacking = \"additive\"\n")).unwrap();
    assert_eq!(totals(&additive), [20, 8, 4, 2, 14]);
}

#[test]
fn fences_fall_step_by_step_and_never_rise() {
    let text = "[pools.PRIMARY.reserve]\nall = { percent = 100 }\n";
    let policy = hospital("default", text).unwrap();
    let plan = plan(&policy, session(Grade::Ordinary, "08:00", 30, &[10]), Tier::Tertiary);
    let tree = &trees(&plan)[0];
    let kept = |days: i64, clock: &str| {
        tree.guarantee(node(tree, "PRIMARY"), civil::parse_clock(clock).unwrap() - days * DAY)
    };
    assert_eq!([kept(21, "07:00"), kept(4, "23:59:59"), kept(3, "00:00"), kept(2, "00:00")], [10, 10, 7, 4]);
    assert_eq!([kept(1, "10:59:59"), kept(1, "11:00")], [4, 0], "a day before the cut-off at 11:00");
    let disordered = format!(
        "{text}[pools.PRIMARY]\nrelease = [{{ before = \"1h\", reference = \"session_start\", keep = 50 }}, \
         {{ days_before = 1, at = \"00:00\", keep = 20 }}]"
    );
    let policy = hospital("default", &disordered).unwrap();
    let tree =
        trees(&self::plan(&policy, session(Grade::Ordinary, "08:00", 30, &[10]), Tier::Tertiary))[0].clone();
    assert_eq!(tree.guarantee(node(&tree, "PRIMARY"), 0), 2);
    assert_eq!(tree.guarantee(node(&tree, "PRIMARY"), 7 * HOUR), 2, "nothing is refilled");
}

/// Deadlines in working days over a weekend, a holiday and a weekend day that is worked (调休), by a calendar of its own.
#[test]
fn a_calendar_is_a_file_of_its_own_and_goes_before_the_policy() {
    let own = "name = \"own\"\nextends = \"default\"\n[cancel]\nuntil = { days_before = 1, at = \"16:00\", working_days = true }\n";
    let read = |calendar: &str| Policy::parse_with("own.toml", own, Some(("year.toml", calendar)));
    let until = |date: &str, calendar: &str| {
        let policy = read(calendar).unwrap();
        let origin = civil::parse_date(date).unwrap().midnight();
        let time = Interval { from: origin.plus(8 * HOUR), to: origin.plus(12 * HOUR) };
        let session = Session { time, ..base() };
        let offset = plan(&policy, session, Tier::Tertiary).rules.cancel_until;
        origin.plus(offset)
    };
    let year = include_str!("../../../haoyuan/examples/hospital/calendar.toml");
    for (visit, without, with) in [
        // A Wednesday: the day before, whatever the calendar.
        ("2026-03-11", "2026-03-10", "2026-03-10"),
        // A Monday: the Friday before.
        ("2026-03-09", "2026-03-06", "2026-03-06"),
        // The day after the long holiday of spring: the Saturday before it, which is worked.
        ("2026-02-24", "2026-02-23", "2026-02-14"),
        // The Monday after a Saturday that is worked.
        ("2026-05-11", "2026-05-08", "2026-05-09"),
        ("2026-10-12", "2026-10-09", "2026-10-10"),
        // The first day after the week of October.
        ("2026-10-08", "2026-10-07", "2026-09-30"),
    ] {
        let at_four = |day: &str| civil::parse_date(day).unwrap().midnight().plus(16 * HOUR);
        assert_eq!(until(visit, "[holidays]\n"), at_four(without), "{visit}");
        assert_eq!(until(visit, year), at_four(with), "{visit}");
    }
    // It goes before what the policy says there, and a preset may have one too.
    let policy = Policy::parse_with(
        "own.toml",
        &format!("{own}[holidays]\nweekends = true\n"),
        Some(("c", "[holidays]\nweekends = false")),
    )
    .unwrap();
    assert_eq!(policy.document().holidays.weekends, Some(false));
    assert_eq!(policy.shown().iter().find(|shown| shown.key == "holidays.weekends").unwrap().file, "c");
    assert!(
        Policy::preset_as_of("jilin-2018", Some(("year.toml", year)), &Presets::default()).unwrap().is_some()
    );
    // What is no calendar is told by file, line and key.
    for (calendar, key, words) in [
        ("[cancel]\nuntil = \"1h\"", "cancel", "[holidays]"),
        ("name = \"x\"\n[holidays]", "name", "[holidays]"),
        ("extends = \"default\"", "extends", "[holidays]"),
        ("[holidays]\nfree = []", "holidays.free", "free"),
        ("[holidays]\ndates = [\"2026-02-30\"]", "holidays.dates", "date"),
        (
            "[holidays]\ndates = [\"2026-10-01\"]\nworking = [\"2026-10-01\"]",
            "holidays.working[0]",
            "public holiday",
        ),
        ("[holidays", "", ""),
    ] {
        let error = read(calendar).unwrap_err();
        assert_eq!(error.file, "year.toml", "{error}");
        assert!(error.key.starts_with(key) && error.to_string().contains(words), "{calendar}: {error}");
    }
}

#[test]
fn moments_are_counted_as_the_calendar_says() {
    let opens = |moment: &str, extra: &str| {
        let policy = hospital("default", &format!("[pools.PUBLIC]\nopens = {moment}\n{extra}")).unwrap();
        let tree = trees(&plan(&policy, base(), Tier::Tertiary))[0].clone();
        tree.nodes()[node(&tree, "PUBLIC").index()].opens
    };
    assert_eq!(opens("{ days_before = 28, at = \"00:00\" }", ""), -28 * DAY);
    assert_eq!(opens("{ days_before = 0, at = \"06:30\" }", ""), 6 * HOUR + 30 * MINUTE);
    // 2026-03-03 is a Tuesday: three working days back are Monday, Friday, Thursday.
    assert_eq!(opens("{ days_before = 3, at = \"00:00\", working_days = true }", ""), -5 * DAY);
    let holiday = "[holidays]\ndates = [\"2026-03-02\"]\nworking = [\"2026-03-01\"]";
    assert_eq!(opens("{ days_before = 1, at = \"00:00\", working_days = true }", holiday), -2 * DAY);
    // Three months before 2026-03-03 is 2025-12-03.
    assert_eq!(opens("{ months_before = 3, at = \"00:00\" }", ""), -90 * DAY);
    assert_eq!(opens("{ days_before = 1, morning = \"15:00\", afternoon = \"17:00\" }", ""), 15 * HOUR - DAY);
    assert_eq!(opens("{ before = \"48h\", reference = \"session_start\" }", ""), 8 * HOUR - 2 * DAY);
}

#[test]
fn slot_references_differ_by_slot() {
    let policy =
        hospital("jilin-2018", "[booking]\ncloses = { before = \"30min\", reference = \"slot_start\" }")
            .unwrap();
    let plan = plan(&policy, base(), Tier::Tertiary);
    for (slot, tree) in trees(&plan).iter().enumerate() {
        let start = 8 * HOUR + 30 * MINUTE * i64::try_from(slot).unwrap();
        let public = |at| tree.decide(Live::default(), Class::Public, Channel::App, at).is_ok();
        assert!(public(start - 30 * MINUTE - 1) && !public(start - 30 * MINUTE), "slot {slot}");
    }
}

#[test]
fn channel_caps_are_shares_rounded_down() {
    let policy =
        hospital("default", "[pools.APP]\ncap = { percent = 60 }\n[pools.PHONE]\ncap = { seats = 4 }")
            .unwrap();
    let plan = plan(&policy, base(), Tier::Tertiary);
    let caps = |name| -> Vec<u8> {
        trees(&plan).iter().filter_map(|tree| tree.nodes()[node(tree, name).index()].cap).collect()
    };
    assert_eq!((sum(&caps("APP")), sum(&caps("PHONE"))), (24, 4));
    assert!(caps("APP").iter().all(|cap| *cap == 3));
}

#[test]
fn rules_about_patients_come_from_the_policy() {
    let text = "[hold]\nall = \"5min\"\nper_patient = 3\nlate_confirm = \"retest\"\n\
                [cancel]\nuntil = { days_before = 1, at = \"15:00\" }\n\
                [cancel.grade]\nordinary = { before = \"30min\", reference = \"session_start\" }\n\
                [tickets]\nfree = [\"revisit\"]\n[overlap]\nbuffer = \"10min\"\n";
    let policy = hospital("default", text).unwrap();
    let rules = plan(&policy, base(), Tier::Tertiary).rules;
    assert_eq!(rules.policy, "h");
    assert_eq!(rules.hold_ms[Channel::App as usize], 300_000);
    assert_eq!(rules.hold_ms[Channel::Phone as usize], 7_200_000);
    assert_eq!((rules.holds_per_session, rules.holds_per_patient), (1, 3));
    assert_eq!(rules.late_confirm, crate::rules::LateConfirm::Retest);
    assert_eq!(rules.cancel_until, 15 * HOUR - DAY);
    assert_eq!((rules.buffer_ms, rules.travel_ms), (600_000, 3_600_000));
    assert!(!rules.needs_ticket(Class::Revisit) && rules.needs_ticket(Class::Green));
    let ordinary = plan(&policy, session(Grade::Ordinary, "08:00", 30, &[5; 8]), Tier::Tertiary).rules;
    assert_eq!(ordinary.cancel_until, 8 * HOUR - 30 * MINUTE);
}

#[test]
fn every_value_seen_in_the_field_can_be_said() {
    let text = r#"
limits = [
  { scope = "practitioner", days = 1, most = 1 },
  { scope = "department", days = 1, most = 1 },
  { scope = "institution", days = 1, most = 2 },
  { scope = "platform", period = "week", most = 14 },
  { scope = "platform", period = "year", most = 99 },
]
[pools.PUBLIC]
opens = { days_before = 14, at = "18:00" }
closes = { days_before = 1, at = "16:00", working_days = true }
[cancel]
until = { days_before = 0, at = "00:00" }
[cancel.grade]
expert = { days_before = 1, at = "12:00" }
premium = { days_before = 1, at = "24:00", working_days = true }
[no_show]
ladder = [{ count = 3, days = 365, suspend_months = 1 }, { count = 3, days = 90, suspend = "90d" }]
[cancel_abuse]
cancels = [{ count = 3, period = "month", suspend = "30d" }]
same_day_returns = [{ count = 3, period = "month", suspend = "30d" }]
[late_arrival]
valid = "30min"
[waitlist]
offer = "24h"
curfew = { from = "22:00", to = "07:00" }
cleared = { days_before = 1, at = "18:00" }
[extra_seats]
per_practitioner_day = 5
[anti_scalping]
reappears_at = ["08:00", "12:00", "16:00"]
reappears_after = { least = "1h", most = "2h" }
[holidays]
weekends = true
dates = ["2026-10-01"]
"#;
    let policy = hospital("default", text).unwrap();
    let carried: Vec<String> = policy.shown().into_iter().filter(|s| s.carried).map(|s| s.key).collect();
    assert!(
        carried.iter().all(|key| key.starts_with("coverage.") || key == "anti_scalping.slow_lane"),
        "{carried:?}"
    );
    assert!(carried.len() > 1, "{carried:?}");
    assert_eq!(policy.document().limits.as_ref().unwrap()[0].scope, LimitScope::Practitioner);
    assert_eq!(plan(&policy, base(), Tier::Tertiary).rules.limits.len(), 5);
}

#[test]
fn a_hospital_changes_one_value_and_keeps_the_rest() {
    let policy = hospital("jilin-2018", "[slot_minutes_max]\ntertiary = 20 # 院长办公会\n").unwrap();
    let shown = policy.shown();
    let find = |key: &str| shown.iter().find(|s| s.key == key).unwrap();
    let own = find("slot_minutes_max.tertiary");
    assert_eq!(
        (own.value.as_str(), own.file.as_str(), own.line, own.source.as_str()),
        ("20", "hospital.toml", 4, "院长办公会")
    );
    let law = find("pools.L2_TO_L3.reserve.tertiary");
    assert_eq!(law.file, "presets/jilin-2018.toml");
    assert!(law.source.starts_with("Jilin 2018: a tertiary hospital reserves 30 %"), "{law:?}");
    assert_eq!(find("hold.all").file, "presets/default.toml");
    assert!(policy.show().contains("slot_minutes_max.tertiary = 20\n    院长办公会 [hospital.toml:4]\n"));
    // A moment is one value: the new one does not mix with the old one.
    assert!(hospital("jilin-2018", "[pools.REFERRAL]\nopens = { days_before = 30, at = \"07:00\" }").is_ok());
}

/// The error of a hospital's file: line, key, a part of the reason. Two lines come before the text.
#[track_caller]
fn refused(text: &str, line: usize, key: &str, reason: &str) {
    let error = hospital("jilin-2018", text).unwrap_err();
    assert_eq!(
        (error.file.as_str(), error.line, error.key.as_str()),
        ("hospital.toml", line, key),
        "{error}"
    );
    assert!(error.reason.en.contains(reason), "{error}");
    assert!(!error.reason.zh.is_ascii(), "{error}: {}", error.reason.zh);
}

#[test]
fn what_is_wrong_is_said_in_chinese_too() {
    let check = |text: &str, zh: &str| {
        assert_eq!(hospital("jilin-2018", text).unwrap_err().said().zh, format!("hospital.toml:{zh}"));
    };
    check(
        "[hold]\nall = \"15 minutes\"",
        "4:7: `hold.all`:`15 minutes` 不是时长;请写作 `15min`、`2h`、`1d` 或 `1d12h`",
    );
    check("[hold]\nall = 15", "4:7: `hold.all`:类型不对:此处是整数 `15`,应为字符串");
    check(
        "[holidays]\nweekend = true",
        "4:1: `holidays.weekend`:没有键 `weekend`;可用的键:`weekends`、`dates`、`working`",
    );
    check(
        "[pools.PUBLIC]\nopens = { pool = \"REFERRAL\", days = 1 }",
        "4:1: `pools.PUBLIC.opens`:各号源池的放号时间互相推算,成了循环",
    );
    check(
        "[pools.RETURN.reserve]\nall = { percent = 80 }",
        "4:1: `pools.RETURN.reserve.all`:二级机构的 `普通号` 班次中,各预留合计占号源的 120 %(PRIMARY 40 %、RETURN 80 %)",
    );
    let syntax = hospital("jilin-2018", "[hold").unwrap_err();
    assert_eq!(syntax.reason.zh, format!("TOML 语法错误:{}", syntax.reason.en));
}

#[test]
fn unknown_keys_and_wrong_types_are_named_where_they_stand() {
    refused("hodl = 1", 3, "hodl", "unknown field `hodl`");
    refused("[pools.PUBLIC]\nopnes = 1", 4, "pools.PUBLIC.opnes", "unknown field `opnes`");
    refused(
        "[pools.PUBLIC]\nopens = { days_befor = 1 }",
        4,
        "pools.PUBLIC.opens.days_befor",
        "unknown field",
    );
    refused("[hold]\nall = 15", 4, "hold.all", "invalid type");
    refused("[hold]\nall = \"15 minutes\"", 4, "hold.all", "write `15min`");
    refused(
        "[pools.PUBLIC]\nopens = { days_before = 7, at = \"7 am\" }",
        4,
        "pools.PUBLIC.opens.at",
        "write `07:00`",
    );
    refused("[hold]\nall = ", 4, "", "");
    refused("[routes.vip]\nall = \"APP\"", 3, "routes.vip", "unknown variant `vip`");
    refused("[[limits]]\nscope = \"department\"\ndays = 1\nmost = 0", 3, "limits[0]", "admit nobody");
    refused("[targets]\nbooking = 101", 4, "targets.booking", "more than 100 %");
    refused("[holidays]\ndates = [\"1 October\"]", 4, "holidays.dates[0]", "is not a date");
    let error = Policy::parse("x.toml", "name = \"x\"\nextends = \"jilin-2017\"\n").unwrap_err();
    assert_eq!((error.line, error.key.as_str()), (2, "extends"));
    assert!(error.reason.en.contains("`jilin-2018`"), "{error}");
    let error = Policy::parse("x.toml", "extends = \"jilin-2018\"\n").unwrap_err();
    assert_eq!(error.key, "name");
}

#[test]
fn contradictions_are_named() {
    refused("[pools.PUBLIC]\nopens = { days_before = 7 }", 4, "pools.PUBLIC.opens", "name the clock time");
    refused(
        "[pools.PUBLIC]\nopens = { days_before = 7, before = \"1h\" }",
        4,
        "pools.PUBLIC.opens",
        "either",
    );
    refused("[pools.PUBLIC]\nopens = { pool = \"REFERRAL\", days = 1 }", 4, "pools.PUBLIC.opens", "circle");
    refused(
        "[pools.REFERRAL]\nopens = { pool = \"NOBODY\", days = 1 }",
        4,
        "pools.REFERRAL.opens",
        "no pool `NOBODY`",
    );
    refused(
        "[pools.REFERRAL]\nopens = { pool = \"GREEN\", days = 1 }",
        4,
        "pools.REFERRAL.opens",
        "no opening time",
    );
    refused(
        "[pools.PUBLIC]\nopens = { days_before = 0, at = \"20:00\" }",
        4,
        "pools.PUBLIC.opens",
        "closes before it opens",
    );
    refused("[pools.X]\nparent = \"Y\"", 4, "pools.X.parent", "no pool `Y`");
    refused("[pools.X]\nparent = \"X\"", 4, "pools.X.parent", "inside itself");
    refused("[pools.x]\nparent = \"ROOT\"", 3, "pools.x", "A to Z");
    refused("[pools.ROOT]\ncap = { seats = 1 }", 3, "pools.ROOT", "all seats");
    refused(
        "[pools.X]\nparent = \"ROOT\"\nrest = true\nopens = { days_before = 1, at = \"07:00\" }",
        5,
        "pools.X.rest",
        "cannot both",
    );
    refused("[pools.APP.reserve]\nall = { percent = 10 }", 3, "pools.APP.reserve", "keeps the rest");
    refused(
        "[pools.X]\nparent = \"GREEN\"\nreserve.all = { seats = 1 }",
        5,
        "pools.X.reserve",
        "inside the extra pool",
    );
    refused(
        "[pools.PRIMARY]\nrelease = [{ days_before = 3, at = \"00:00\", keep = 10 }, { days_before = 2, at = \"00:00\", keep = 20 }]",
        4,
        "pools.PRIMARY.release[1]",
        "only falls",
    );
    refused(
        "[pools.PRIMARY]\nrelease = [{ days_before = 3, at = \"00:00\" }]",
        4,
        "pools.PRIMARY.release[0]",
        "keep",
    );
    refused("[routes.green]\nall = \"BLUE\"", 4, "routes.green.all", "no pool `BLUE`");
    refused("[routes.green]\napp = \"none\"", 4, "routes.green.app", "a privilege never takes away");
    refused("[routes.public]\nspill = false", 4, "routes.public.spill", "the public has no other");
    refused("[routes.referral_primary]\nspill = false", 4, "routes.referral_primary.spill", "is inside it");
    refused("[hold]\nall = \"8d\"", 4, "hold.all", "one second to seven days");
    refused("[hold]\nper_session = 3", 4, "hold.per_session", "more holds in one session");
    refused(
        "[cancel]\nuntil = { before = \"1h\", reference = \"slot_start\" }",
        4,
        "cancel.until",
        "use `session_start`",
    );
    refused(
        "[booking]\ncloses = { before = \"1h\", reference = \"cutoff\" }",
        4,
        "booking.closes",
        "from itself",
    );
    refused(
        "[booking]\nscope = \"session\"\ncloses = { before = \"1h\", reference = \"slot_start\" }",
        5,
        "booking.closes",
        "no times of their own",
    );
    refused("[tickets]\nfree = [\"public\"]", 4, "tickets.free[0]", "never needs a ticket");
    refused(
        "limits = [{ scope = \"department\", days = 1, most = 3 }, { scope = \"platform\", days = 1, most = 2 }]",
        3,
        "limits[1]",
        "meaningless",
    );
    for hours in ["from = \"22:00\", to = \"22:00\"", "from = \"00:00\", to = \"24:00\""] {
        refused(&format!("[waitlist]\ncurfew = {{ {hours} }}"), 4, "waitlist.curfew", "or of all");
    }
    refused(
        "[anti_scalping]\nreappears_after = { least = \"2h\", most = \"1h\" }",
        4,
        "anti_scalping.reappears_after",
        "more than",
    );
}

#[test]
fn impossible_sums_are_refused_when_the_file_is_read_or_the_session_is_published() {
    refused(
        "[pools.RETURN.reserve]\nall = { percent = 80 }",
        4,
        "pools.RETURN.reserve.all",
        "at a secondary institution the reserves ask for 120 % of the seats (PRIMARY 40 %, RETURN 80 %)",
    );
    refused("[pools.REFERRAL]\ncap = { percent = 20 }", 4, "pools.REFERRAL.cap", "more than the cap");
    refused(
        "[pools.RETURN.reserve]\nall = { percent = 101 }",
        4,
        "pools.RETURN.reserve.all",
        "more than 100 %",
    );
    refused(
        "[pools.RETURN.reserve]\nall = { percent = 1, seats = 1 }",
        4,
        "pools.RETURN.reserve.all",
        "name one of",
    );
    let policy = hospital("jilin-2018", "[pools.RETURN.reserve]\nall = { seats = 30 }").unwrap();
    let mut ledger = CarryLedger::default();
    let refusal = policy.plan(base(), Tier::Tertiary, &mut ledger).unwrap_err();
    assert_eq!(refusal.rule, "pools.RETURN.reserve.all");
    assert!(
        refusal.to_string().contains("has 40 seats and its reserves ask for 42 (L2_TO_L3 12, RETURN 30)"),
        "{refusal}"
    );
    assert!(policy.plan(session(Grade::Expert, "08:00", 30, &[10; 8]), Tier::Tertiary, &mut ledger).is_ok());
}

#[test]
fn a_session_that_does_not_stand_by_itself_is_refused() {
    let mut broken = base();
    broken.slot_ms = 7;
    let refusal = jilin().plan(broken, Tier::Tertiary, &mut CarryLedger::default()).unwrap_err();
    assert_eq!(refusal.rule, "session `S1`");
}

#[test]
fn privileged_classes_fall_back_to_the_pool_of_the_public() {
    for name in Policy::presets() {
        let plan = plan(&Policy::preset(name).unwrap(), base(), Tier::Tertiary);
        let routes = trees(&plan)[0].routes();
        for class in Class::ALL {
            for channel in Channel::ALL {
                let public = routes.get(Class::Public, *channel);
                let own = routes.get(*class, *channel);
                assert!(
                    public.nodes().iter().all(|node| own.nodes().contains(node)),
                    "{name} {class} {channel}"
                );
            }
        }
    }
}

prop_compose! {
    /// Shares of several pools that fit together, for a session of any shape.
    fn shares()(parts in [0u16..=25, 0u16..=25, 0u16..=25, 0u16..=25], seats in 0u16..=2) -> String {
        let [referral, primary, family, revisit] = parts;
        format!(
            "[pools.REFERRAL.reserve]\nall = {{ percent = {referral} }}\n[pools.PRIMARY.reserve]\nall = {{ percent = {primary} }}\n\
             [pools.FAMILY_DOCTOR.reserve]\nall = {{ percent = {family} }}\n[pools.RETURN.reserve]\nall = {{ percent = {revisit} }}\n\
             [pools.GREEN.reserve]\nall = {{ seats = {seats} }}\n"
        )
    }
}

proptest! {
    /// I12 through the whole of publishing: the slots' minima sum to the pools' totals and fit their slots.
    #[test]
    fn plans_keep_their_sums(text in shares(), capacity in prop::collection::vec(1u8..=40, 1..=16)) {
        let policy = hospital("default", &text).unwrap();
        let Ok(plan) = policy.plan(session(Grade::Ordinary, "06:00", 30, &capacity), Tier::Secondary, &mut CarryLedger::default()) else {
            return Ok(());
        };
        prop_assert_eq!(plan.check(), Ok(()));
        let total = |name| sum(&minima(&plan, name));
        prop_assert_eq!(
            total("REFERRAL").max(total("PRIMARY")).max(total("FAMILY_DOCTOR")) + total("RETURN") + total("GREEN") + total("PUBLIC"),
            plan.session.seats()
        );
    }

    /// I7: where the public may book, so may every class that is routed through the channel.
    #[test]
    fn a_privilege_never_turns_a_yes_into_a_no(
        text in shares(),
        claims in prop::collection::vec((0usize..7, 0usize..8), 0..20),
        at in -25 * DAY..DAY,
    ) {
        let policy = hospital("default", &text).unwrap();
        let Ok(plan) = policy.plan(session(Grade::Ordinary, "06:00", 30, &[12; 2]), Tier::Secondary, &mut CarryLedger::default()) else {
            return Ok(());
        };
        let tree = &trees(&plan)[0];
        let mut live = Live::default();
        for (class, channel) in claims {
            if let Ok(permit) = tree.decide(live, Class::ALL[class], Channel::ALL[channel], at) {
                live = permit.live;
            }
        }
        for channel in Channel::ALL {
            if tree.decide(live, Class::Public, *channel, at).is_ok() {
                for class in Class::ALL {
                    prop_assert!(tree.decide(live, *class, *channel, at).is_ok(), "{} {}", class, channel);
                }
            }
        }
    }

    /// Hostile text never panics.
    #[test]
    fn any_text_is_an_answer(text in "[a-zA-Z\\[\\]{}=\", .0-9\n_#号]{0,200}") {
        let _ = hospital("jilin-2018", &text);
        let _ = Policy::parse("x.toml", &text);
    }
}

/// The delays of returned seats were drawn from a seed that everybody knows if the policy has none, and nobody was told.
#[test]
fn delays_that_anybody_can_foretell_are_warned_of() {
    let warned = |section: &str| {
        let text = format!("name = \"own\"\nextends = \"default\"\n[anti_scalping]\n{section}\n");
        let warnings = Policy::parse("own.toml", &text).unwrap().warnings();
        warnings.into_iter().map(|warning| (warning.file, warning.line)).collect::<Vec<_>>()
    };
    let drawn = "reappears_after = { least = \"1h\", most = \"2h\" }";
    let here = |line: usize| vec![("own.toml".to_owned(), line)];
    assert_eq!(warned(drawn), here(4));
    assert_eq!(warned(&format!("seed = 0\n{drawn}")), here(4));
    assert_eq!(warned(&format!("seed = 4711\n{drawn}")), []);
    // Nothing is drawn.
    assert_eq!(warned("reappears_after = { least = \"1h\", most = \"1h\" }"), []);
    assert_eq!(warned("reappears_after = { least = \"0s\", most = \"0s\" }"), []);
    // The range is the preset's.
    assert_eq!(warned("slow_lane = false").len(), 1);
}

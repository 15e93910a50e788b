//! Any text is a policy or an error that names its place; a policy that is accepted can be shown, and plans a session of
//! every tier or refuses it by a named rule.

#![no_main]

use haoyuan_core::apportion::CarryLedger;
use haoyuan_core::ids::{DepartmentId, InstitutionId, Interval, PractitionerId};
use haoyuan_core::instant::{Day, HOUR, MINUTE};
use haoyuan_core::plan::Session;
use haoyuan_core::policy::Policy;
use haoyuan_core::terms::{Grade, Kind, Tier};
use libfuzzer_sys::fuzz_target;

/// Tuesday, 08:00 to 12:00, eight slots.
fn session(seats: u8) -> Session {
    let from = Day(20_522).midnight().plus(8 * HOUR);
    Session {
        code: "CARD-0310-AM".to_owned(),
        institution: InstitutionId::new(1).expect("an id"),
        department: DepartmentId::new(1).expect("an id"),
        practitioner: PractitionerId::new(1).expect("an id"),
        grade: Grade::Expert,
        kind: Kind::Clinic,
        time: Interval { from, to: from.plus(4 * HOUR) },
        slot_ms: u32::try_from(30 * MINUTE).expect("half an hour"),
        capacity: vec![seats; 8],
    }
}

fuzz_target!(|text: &str| {
    match Policy::parse("fuzzed.toml", text) {
        Ok(policy) => {
            assert!(!policy.show().is_empty());
            let mut carry = CarryLedger::default();
            for tier in [Tier::Tertiary, Tier::Secondary, Tier::Primary] {
                for seats in [1, 5, 63] {
                    if let Err(refusal) = policy.plan(session(seats), tier, &mut carry) {
                        assert!(!refusal.rule.is_empty() && !refusal.reason.zh.is_empty(), "{refusal}");
                    }
                }
            }
        }
        Err(error) => assert!(error.to_string().contains(".toml"), "{error}"),
    }
});

//! The demonstration: the embedded scenario from today on, with some seats taken, and tokens for this run alone.

use crate::failure::Failure;
use crate::lang::Lang;
use crate::rush::scenario::{EMBEDDED, EMBEDDED_NAME, Scenario};
use crate::rush::world;
use haoyuan::actor::ActorId;
use haoyuan::instant::Instant;
use haoyuan::said;
use haoyuan::{Answer, Registry};
use haoyuan_serve::credentials::{Duty, Staff, StaffToken, secret};
use haoyuan_serve::{Clock, Credentials};
use serde_json::{Value, json};

/// Seats that the engine is opened for: several weeks of the scenario.
pub(super) const SEATS: u32 = 200_000;

/// Publishes the scenario, unless there is something already; the token of its administrator.
pub(super) fn open(
    registry: &Registry,
    credentials: &mut Credentials,
    clock: &Clock,
    lang: Lang,
) -> Result<String, Failure> {
    if registry.platform().directory().institutions().is_empty() {
        publish(registry, clock.now(), lang)?;
    }
    let no_chance =
        |_| Failure::told(&said!("the system has no randomness to give", "系统无法提供随机数"), lang);
    let token = StaffToken::generate().map_err(no_chance)?;
    let staff = Staff {
        name: "demo".to_owned(),
        duty: Duty::Admin,
        id: ActorId::new(1),
        institution: None,
        channel: None,
        expires: None,
    };
    credentials.add_staff(&token, staff);
    credentials.add_key("demo", &secret().map_err(no_chance)?, None);
    Ok(token.reveal().to_owned())
}

fn publish(registry: &Registry, now: Instant, lang: Lang) -> Result<(), Failure> {
    let scenario = Scenario::parse(EMBEDDED_NAME, EMBEDDED).map_err(|error| Failure::told(&error, lang))?;
    let (entries, roster) = world::written(&scenario, now.day())
        .map_err(|error| Failure::told(&error.at(EMBEDDED_NAME, EMBEDDED), lang))?;
    let at = instant(now);
    for command in [
        json!({"command": "directory", "at": at, "entries": entries}),
        json!({"command": "policy", "at": at, "toml": scenario.policy}),
        json!({"command": "roster", "at": at, "csv": roster}),
    ] {
        if let Answer::Error(malformed) = registry.submit(&command.to_string()).answer {
            return Err(Failure::told(&malformed, lang));
        }
    }
    for command in taken(&roster, &at) {
        // What the rules refuse is simply not taken.
        let _ = registry.submit(&command.to_string()).answer;
    }
    Ok(())
}

/// Bookings of made-up patients: mornings fuller than afternoons, so that there is something to choose.
fn taken<'a>(roster: &'a str, at: &'a str) -> impl Iterator<Item = Value> + 'a {
    let sessions = roster.lines().skip(1).filter_map(|row| row.rsplit(',').next());
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = move || {
        // An xorshift: the same demonstration every time.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let mut patient = 0u128;
    sessions.flat_map(move |session| {
        let is_morning = session.ends_with("-1");
        let busy = draw() % 3;
        let mut commands = Vec::new();
        for slot in 0..8 {
            let most = if is_morning && slot < 5 { 3 + busy } else { busy };
            for _ in 0..draw() % (most + 1) {
                patient += 1;
                let patient = format!("{:032x}", (0xde00_u128 << 112) | patient);
                commands.push(json!({"command": "book", "at": at, "patient": patient, "session": session,
                    "slot": slot, "class": "public", "channel": "app"}));
            }
        }
        commands
    })
}

fn instant(at: Instant) -> String {
    jiff::Timestamp::from_millisecond(at.ms()).unwrap_or_default().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use haoyuan::Options;

    #[test]
    fn the_demonstration_has_free_and_full_slots_today_and_in_a_week() {
        // A Sunday at noon and a Tuesday at seven.
        for at in ["2026-11-29T12:00:00+08:00", "2027-03-02T07:00:00+08:00"] {
            let now = Instant::new(at.parse::<jiff::Timestamp>().unwrap().as_millisecond()).unwrap();
            let options = Options {
                limits: Some(haoyuan::Limits::for_seats(SEATS)),
                durability: haoyuan::Durability::Memory,
                ..Options::default()
            };
            let registry = Registry::in_memory(&options);
            let clock = Clock::new(move || now);
            open(&registry, &mut Credentials::default(), &clock, Lang::En).unwrap();
            let from = crate::text::date(now.day());
            let to = crate::text::date(haoyuan::instant::Day(now.day().0 + 6));
            let ask = json!({"command": "schedule", "at": at, "class": "public", "channel": "web", "from": from, "to": to});
            let answer: Value = serde_json::from_str(&registry.execute(&ask.to_string())).unwrap();
            let slots: Vec<&Value> = answer["sessions"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|s| s["slots"].as_array().unwrap())
                .collect();
            let free = slots.iter().filter(|slot| slot["free"].as_u64() > Some(0)).count();
            let last = slots.iter().filter(|slot| slot["free"] == 1).count();
            assert!(
                free > 500 && last > 50 && slots.len() - free > 100,
                "{free} of {}, {last} with one left",
                slots.len()
            );
            let named = |title: &str| {
                let practitioners = answer["practitioners"].as_array().unwrap();
                practitioners.iter().any(|one| one["name"].as_str().unwrap().contains(title))
            };
            assert!(named("心内科专家 1") && named("儿科医生 2"));
            assert!(registry.engine().audit().is_ok());
        }
    }
}

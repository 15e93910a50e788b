//! Any text is a feed or is refused with a reason; whatever is accepted answers every question, and is written as it was read.

#![no_main]

use haoyuan_core::instant::{DAY, Day, HOUR, Instant};
use haoyuan_core::terms::{Channel, Class};
use haoyuan_platform::Feed;
use haoyuan_platform::feed::Asked;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let feed = match Feed::parse(text) {
        Ok(feed) => feed,
        Err(reason) => {
            assert!(!reason.to_string().is_empty());
            return;
        }
    };
    let written = feed.to_json();
    assert_eq!(Feed::parse(&written).as_ref(), Ok(&feed), "{written}");
    for at in [Instant::MIN, feed.at(), feed.at().plus(HOUR), feed.at().plus(30 * DAY), Instant::MAX] {
        for class in Class::ALL {
            assert_eq!(feed.free(*class, Channel::App, at).len(), feed.slot_count());
        }
        let days = (Day(i32::MIN), Day(i32::MAX));
        let asked = Asked {
            class: Class::Public,
            channel: Channel::Web,
            days,
            institution: None,
            department: None,
            practitioner: None,
            at,
        };
        let schedule = feed.schedule(&asked);
        for session in &schedule.sessions {
            assert!(
                session.slots.iter().all(|slot| (slot.free > 0) == slot.refusal.is_none()),
                "{session:?}"
            );
        }
    }
});

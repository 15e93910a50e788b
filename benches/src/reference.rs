//! The sequential reference: labelled counters and a list per patient, nothing shared with the engine but words.
//!
//! Without cancellations a class that takes its own reserve first and then the public's seats is what guarantees under one
//! root do, so both must grant the same requests in the same order.

use crate::hospital::{POOLS, Slots};
use crate::trace::Request;
use std::collections::HashMap;

/// For each request of a trace whether it is granted when one client asks in order.
#[must_use]
pub fn granted(slots: Slots, trace: &[Request]) -> Vec<bool> {
    let [a, b, c] = slots.reserves;
    let fresh = [a, b, c, slots.seats - a - b - c];
    let mut left: HashMap<(u32, u16), [u8; 4]> = HashMap::new();
    let mut booked: HashMap<u128, Vec<(u32, u16)>> = HashMap::new();
    let decide = |request: &Request| {
        let (practitioner, half_hour) = (request.slot.session.get(), request.slot.slot.get());
        let mine = booked.entry(request.patient.get()).or_default();
        let free = left.entry((practitioner, half_hour)).or_insert(fresh);
        let own = POOLS.iter().position(|(_, class)| *class == request.class).unwrap_or(3);
        let Some(pool) = [own, 3].into_iter().find(|pool| free[*pool] > 0) else { return false };
        // One live booking per practitioner and day, and none at the same half-hour.
        if mine.iter().any(|(other, hour)| *other == practitioner || *hour == half_hour) {
            return false;
        }
        free[pool] -= 1;
        mine.push((practitioner, half_hour));
        true
    };
    trace.iter().map(decide).collect()
}

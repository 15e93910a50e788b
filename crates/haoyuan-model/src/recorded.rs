//! A journal told to the model: what was recorded is decided anew, record by record.
//!
//! INVARIANT (nothing invented): a fact is taken only if the model, in the state that the facts before it make, decides the
//! same: the claim is accepted at the same node, gets the same seat under the same number, and ends at the same instant.

use crate::check::Finding;
use crate::drive::changed;
use crate::model::{Model, Transition, Verdict};
use haoyuan_core::request::{Settle, Standing, Wish};
use haoyuan_engine::{Change, Fact};

/// Takes a fact, after those before it in its block's and its patient's history.
///
/// # Errors
/// What the model says instead.
pub fn tell(model: &mut Model, fact: &Fact) -> Finding {
    let Fact { patient, slot, class, channel, ticket, key, at, booking, .. } = *fact;
    let settle = Settle { patient, booking, key };
    match fact.change {
        Change::Held | Change::Booked => {
            let wish = Wish { patient, slot, class, channel, ticket, key };
            let held = fact.change == Change::Held;
            let ordinary = |model: &Model| {
                let plan = model.plans().nth(slot.session.index());
                plan.map(|plan| at.plus(i64::from(plan.rules.hold_ms[channel as usize])))
            };
            let verdict = if held && ordinary(model) != Some(fact.expires) {
                model.recorded_offer(&wish, fact.expires, at).map_or_else(Verdict::No, Verdict::Yes)
            } else if !held && fact.expires != at {
                // A booking that has an end of its own was given.
                model.recorded_assignment(&wish, at).map_or_else(Verdict::No, Verdict::Yes)
            } else {
                model.recorded_claim(&wish, at, held)
            };
            let Verdict::Yes(grant) = verdict else {
                return Err(format!("the model says {verdict:?} to {fact:?}"));
            };
            let standing = if held { Standing::HeldUntil(fact.expires) } else { Standing::Booked };
            let recorded = (booking, slot, fact.node, fact.spill, standing);
            if recorded != (grant.booking, grant.slot, grant.node, grant.spill, grant.standing) {
                return Err(format!("the model grants {grant:?} instead of {fact:?}"));
            }
        }
        Change::Confirmed | Change::Cancelled => {
            let settled = if fact.change == Change::Confirmed {
                model.confirm(&settle, at)
            } else {
                model.cancel(&settle, at)
            };
            if !matches!(settled, Verdict::Yes(settled) if settled.changed) {
                return Err(format!("the model says {settled:?} to {fact:?}"));
            }
        }
        Change::Withdrawn => {
            if let Err(why) = model.withdraw(booking, at) {
                return Err(format!("the model says {why:?} to {fact:?}"));
            }
        }
        Change::Expired => {
            if model.recorded_expiry(booking, at).is_none() {
                return Err(format!("the model has no such dead hold: {fact:?}"));
            }
        }
    }
    let made = Transition { sequence: fact.sequence, booking, change: changed(fact.change) };
    if model.log().last() == Some(&made) {
        Ok(())
    } else {
        Err(format!("the model made {:?} of {fact:?}", model.log().last()))
    }
}

#![doc = include_str!("../../../README.md")]

pub use haoyuan_core::{
    apportion, directory, ids, instant, plan, policy, pool, refusal, request, roster, rules, terms,
};
pub use haoyuan_engine::{Audit, Engine, Fact, Limits, LiveBooking, PublishError, SessionView, Trace, is_lock_free};
pub use haoyuan_platform::{Answer, Command, Platform};

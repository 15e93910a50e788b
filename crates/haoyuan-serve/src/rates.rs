//! How often one caller may ask: a bucket for each address, each patient and each token of staff.
//!
//! INVARIANT (one does not starve another): what one caller asks too often costs others nothing; the buckets of those who have
//! rested are forgotten.

use crate::credentials::Caller;
use crate::options::{Options, Rate};
use crate::problem::{Kind, Problem};
use axum::http::header;
use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};
use haoyuan::said;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

type Buckets<K> = RateLimiter<K, DashMapStateStore<K>, DefaultClock>;

/// The buckets.
pub(crate) struct Rates {
    peers: Option<Buckets<IpAddr>>,
    patients: Option<Buckets<u128>>,
    staff: Option<Buckets<String>>,
}

fn buckets<K: Hash + Eq + Clone>(rate: Option<Rate>) -> Option<Buckets<K>> {
    rate.map(|rate| RateLimiter::dashmap(Quota::per_second(rate.per_second).allow_burst(rate.burst)))
}

fn take<K: Hash + Eq + Clone>(buckets: Option<&Buckets<K>>, key: &K, count: u32) -> Result<(), Problem> {
    let (Some(buckets), Some(count)) = (buckets, NonZeroU32::new(count)) else { return Ok(()) };
    let wait = match buckets.check_key_n(key, count) {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(until)) => until.wait_time_from(DefaultClock::default().now()).as_secs() + 1,
        // More than the bucket holds: in one request it will never pass.
        Err(_) => {
            let detail = said!(
                "this is more at once than is ever allowed; split it",
                "单次请求的命令数超过上限;请拆分"
            );
            return Err(Problem::new(Kind::TooManyRequests, detail));
        }
    };
    let detail = said!("ask again in {wait} s", "请在 {wait} 秒后重试", wait);
    Err(Problem::new(Kind::TooManyRequests, detail).with(header::RETRY_AFTER, &wait.to_string()))
}

impl Rates {
    pub(crate) fn new(options: &Options) -> Self {
        Self {
            peers: buckets(options.peer_rate),
            patients: buckets(options.patient_rate),
            staff: buckets(options.staff_rate),
        }
    }

    /// One request of an address.
    pub(crate) fn peer(&self, address: IpAddr) -> Result<(), Problem> {
        take(self.peers.as_ref(), &network(address), 1)
    }

    /// So many commands of a caller, beyond the request that brought them.
    pub(crate) fn caller(&self, caller: &Caller, commands: usize, address: IpAddr) -> Result<(), Problem> {
        let count = u32::try_from(commands).unwrap_or(u32::MAX);
        match caller {
            Caller::Anyone => take(self.peers.as_ref(), &network(address), count.saturating_sub(1)),
            Caller::Patient { patient, .. } => take(self.patients.as_ref(), &patient.get(), count),
            Caller::Staff(staff) => take(self.staff.as_ref(), &staff.name, count),
        }
    }

    /// Forgets those who have rested.
    pub(crate) fn forget(&self) {
        if let Some(buckets) = &self.peers {
            buckets.retain_recent();
        }
        if let Some(buckets) = &self.patients {
            buckets.retain_recent();
        }
        if let Some(buckets) = &self.staff {
            buckets.retain_recent();
        }
    }
}

/// What counts as one address: whoever has one IPv6 address has 2^64 of them.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ipv6_network_is_one_address_and_a_mapped_one_is_its_ipv4() {
        let at = |text: &str| network(text.parse().unwrap());
        assert_eq!(at("2001:db8:1:2:3:4:5:6"), at("2001:db8:1:2::9"));
        assert_ne!(at("2001:db8:1:2::"), at("2001:db8:1:3::"));
        assert_eq!(at("::ffff:10.0.0.1"), at("10.0.0.1"));
    }

    #[test]
    fn a_bucket_runs_dry_for_one_and_not_for_another() {
        let rate =
            NonZeroU32::new(1).zip(NonZeroU32::new(3)).map(|(per_second, burst)| Rate { per_second, burst });
        let rates = Rates::new(&Options { peer_rate: rate, ..Options::default() });
        let [one, other] = ["10.0.0.1", "10.0.0.2"].map(|text| text.parse().unwrap());
        assert!((0..3).all(|_| rates.peer(one).is_ok()));
        assert!(rates.peer(one).is_err() && rates.peer(other).is_ok());
        assert!(rates.caller(&Caller::Anyone, 100, other).is_err());
    }
}

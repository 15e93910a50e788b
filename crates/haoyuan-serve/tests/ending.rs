//! The end of the server loses nothing that was acknowledged, and gives back nothing that was not.

mod common;

use common::{Running, bearer, hold, options, registry, somebody};
use haoyuan::ids::{BookingId, PatientKey};
use haoyuan::instant::Instant;
use haoyuan::{Durability, Registry};
use haoyuan_serve::credentials::Duty;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// Bookings that were acknowledged, by patient; and the state hash that the server ended with.
fn under_load(folder: &std::path::Path) -> (BTreeMap<u32, u64>, [u8; 32]) {
    let mut running = Running::start_on(registry(Some(folder)), options());
    running.open_hospital(2);
    let next = AtomicU32::new(0);
    let tokens: Vec<String> = (0..560).map(|n| running.patient(&somebody(n))).collect();
    let address = running.address;
    let acknowledged = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..8).map(|_| {
            scope.spawn(|| {
                let mut acknowledged = BTreeMap::new();
                let mut client = common::Client::new(address);
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    let Some(token) = tokens.get(n as usize) else { return acknowledged };
                    let body = hold(&somebody(n), "PM", n % 7).to_string();
                    let request = format!(
                        "POST /v1/commands HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\nauthorization: {}\r\ncontent-length: {}\r\n\r\n{body}",
                        bearer(token)[0].1, body.len()
                    );
                    client.raw(request.as_bytes());
                    let Some(response) = client.response() else { return acknowledged };
                    if response.body["outcome"] == "granted" {
                        let booking = response.body["booking"].as_str().unwrap();
                        acknowledged.insert(n, u64::from_str_radix(booking, 16).unwrap());
                    }
                    if response.headers.get("connection").is_some_and(|value| value == "close") {
                        return acknowledged;
                    }
                }
            })
        }).collect();
        while next.load(Ordering::Relaxed) < 120 {
            std::thread::sleep(Duration::from_millis(1));
        }
        running.tell_end();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<BTreeMap<_, _>>()
    });
    (acknowledged, running.end().unwrap().state_hash)
}

#[test]
fn a_server_that_ends_under_load_has_kept_what_it_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let (acknowledged, hash) = under_load(folder.path());
    assert!(acknowledged.len() > 20, "the end came in the middle: {}", acknowledged.len());
    let recovered = Registry::open(folder.path(), haoyuan::Options::default()).unwrap();
    assert_eq!(recovered.state_hash(), hash, "what was there at the end is there again");
    let at = Instant::new(common::NOW).unwrap();
    for (n, booking) in &acknowledged {
        let patient = PatientKey::new(u128::from_str_radix(&somebody(*n), 16).unwrap()).unwrap();
        let live = recovered.engine().bookings_of(patient, at).unwrap();
        assert_eq!(
            live.iter().map(|live| live.grant.booking).collect::<Vec<_>>(),
            [BookingId::new(*booking).unwrap()]
        );
    }
    assert!(recovered.engine().audit().is_ok());
}

#[test]
fn an_idle_connection_and_a_stream_do_not_keep_the_server() {
    let mut running =
        Running::hospital(haoyuan_serve::Options { head_time: Duration::from_secs(60), ..options() });
    let mut idle = running.connect();
    let none: [(&str, &str); 0] = [];
    assert_eq!(idle.get("/health/ready", &none).status, 200);
    let mut stream = running.connect();
    stream.raw(b"GET /v1/events HTTP/1.1\r\nhost: t\r\n\r\n");
    assert_eq!(stream.head().unwrap().0, 200);
    let began = std::time::Instant::now();
    running.end().unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
    while stream.chunk().is_some() {}
    assert!(idle.response().is_none());
}

#[test]
fn a_request_under_way_is_answered_and_new_connections_are_not_taken() {
    let mut running =
        Running::hospital(haoyuan_serve::Options { body_time: Duration::from_secs(5), ..options() });
    let token = running.patient(&somebody(1));
    let body = hold(&somebody(1), "PM", 0).to_string();
    let mut client = running.connect();
    client.raw(
        format!(
            "POST /v1/commands HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\nauthorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            body.len()
        )
        .as_bytes(),
    );
    std::thread::sleep(Duration::from_millis(100));
    running.tell_end();
    std::thread::sleep(Duration::from_millis(200));
    assert!(std::net::TcpStream::connect(running.address).is_err());
    client.raw(body.as_bytes());
    // It came too late to be decided, and hears so.
    let response = client.response().unwrap();
    assert_eq!((response.status, &response.body["code"]), (503, &json!("UNAVAILABLE")));
    assert_eq!(response.headers["connection"], "close");
    running.end().unwrap();
}

#[test]
fn a_journal_that_has_failed_decides_nothing_and_still_answers_questions() {
    use haoyuan::journal::sim::{Faults, SimDisk};
    let disk = std::sync::Arc::new(SimDisk::new(1));
    let registry = Registry::open_on(
        disk.clone(),
        haoyuan::Options { durability: Durability::default(), ..Default::default() },
    )
    .unwrap();
    let mut running = Running::start_on(registry, options());
    running.open_hospital(2);
    disk.set_faults(Faults { fail_sync: Some(1), ..Faults::default() });
    let none: [(&str, &str); 0] = [];
    let token = running.patient(&somebody(1));
    let lost = running.command(&hold(&somebody(1), "PM", 0), &token);
    assert_eq!((lost.status, &lost.body["code"]), (503, &json!("NOT_DURABLE")), "{lost:?}");
    let refused = running.command(&hold(&somebody(2), "PM", 0), &running.patient(&somebody(2)));
    assert_eq!((refused.status, &refused.body["code"]), (503, &json!("UNAVAILABLE")));
    assert_eq!(running.get("/health/ready", &none).status, 503);
    assert_eq!(running.get("/health/live", &none).status, 200);
    assert_eq!(running.get("/v1/load?day=2026-03-10", &none).status, 200);
    let metrics =
        running.get("/metrics", &[("authorization", &format!("Bearer {}", running.staff(Duty::Viewer)))]);
    assert!(metrics.text.lines().any(|line| line == "haoyuan_journal_failed 1"));
    assert!(running.end().is_err(), "and the end says that not everything is written");
}

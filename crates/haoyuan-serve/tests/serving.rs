//! What a well-behaved client can rely on.

mod common;

use common::{ME, OTHER, Response, Running, bearer, hold, options, somebody};
use haoyuan_serve::Options;
use haoyuan_serve::credentials::Duty;
use serde_json::{Value, json};
use std::sync::Barrier;

const NONE: [(&str, &str); 0] = [];

fn answer(response: &Response) -> &Value {
    assert_eq!(response.status, 200, "{response:?}");
    &response.body
}

#[test]
fn a_patient_holds_confirms_and_cancels() {
    let running = Running::hospital(options());
    let token = running.patient(ME);
    let mut client = running.connect();
    let mut tell = |command: Value| client.post("/v1/commands", &command.to_string(), &bearer(&token));
    let held = tell(hold(ME, "PM", 0));
    let booking = answer(&held)["booking"].as_str().unwrap().to_owned();
    assert_eq!((&held.body["standing"], &held.body["number"]), (&json!("held"), &json!(1)));
    let settle = |word: &str| json!({"command": word, "patient": ME, "booking": booking});
    assert_eq!(answer(&tell(settle("confirm")))["changed"], true);
    assert_eq!(answer(&tell(settle("confirm")))["changed"], false);
    let bookings = running.get("/v1/bookings", &[("authorization", &format!("Bearer {token}"))]);
    assert_eq!(answer(&bookings)["bookings"][0]["standing"], "booked");
    assert_eq!(answer(&tell(settle("cancel")))["changed"], true);
    let gone = tell(settle("confirm"));
    assert_eq!((gone.status, &gone.body["code"]), (409, &json!("CANCELLED")));
}

#[test]
fn a_command_repeated_under_its_key_gets_its_first_answer() {
    let running = Running::hospital(options());
    let mut headers = bearer(&running.patient(ME));
    headers.push(("idempotency-key".to_owned(), "8e03978e-40d5-43dd-bc93-6894a57f9324".to_owned()));
    let post = |command: &Value| running.connect().post("/v1/commands", &command.to_string(), &headers);
    let first = post(&hold(ME, "PM", 0));
    assert_eq!(answer(&first)["outcome"], "granted");
    let hash = running.state_hash();
    assert_eq!(post(&hold(ME, "PM", 0)).body, first.body);
    // The key in the command is the same key.
    let mut inside = hold(ME, "PM", 0);
    inside["key"] = json!("8e03978e40d543ddbc936894a57f9324");
    assert_eq!(running.command(&inside, &running.patient(ME)).body, first.body);
    let other = post(&hold(ME, "PM", 1));
    assert_eq!((other.status, &other.body["code"]), (422, &json!("IDEMPOTENCY_CONFLICT")));
    inside["key"] = json!("1");
    assert_eq!((post(&inside).status, post(&inside).body["code"].clone()), (400, json!("BAD_HEADER")));
    let array = post(&json!([hold(ME, "PM", 0)]));
    assert_eq!((array.status, &array.body["code"]), (400, &json!("BAD_HEADER")));
    let no_key = post(&json!({"command": "bookings", "patient": ME}));
    assert_eq!((no_key.status, &no_key.body["code"]), (400, &json!("BAD_HEADER")));
    assert_eq!(running.state_hash(), hash);
}

#[test]
fn two_race_for_the_last_seat_and_one_has_it() {
    let running = Running::hospital(options());
    // Two seats a slot; a tenth is kept for nobody else in an ordinary clinic of this policy.
    for slot in 0..8 {
        let token = running.patient(&somebody(slot));
        answer(&running.command(&hold(&somebody(slot), "AM", slot), &token));
        let free =
            running.get(&format!("/v1/availability?session=AM&slot={slot}&class=public&channel=web"), &NONE);
        assert_eq!(answer(&free)["free"], 1, "one is left");
        let barrier = Barrier::new(2);
        let race = |patient: String| {
            let (token, mut client) = (running.patient(&patient), running.connect());
            barrier.wait();
            client.post("/v1/commands", &hold(&patient, "AM", slot).to_string(), &bearer(&token))
        };
        let mut responses = std::thread::scope(|scope| {
            let racers = [100 + slot, 200 + slot].map(|n| scope.spawn(move || somebody(n)));
            let racers = racers.map(|racer| racer.join().unwrap());
            let racers = racers.map(|patient| scope.spawn(|| race(patient)));
            racers.map(|racer| racer.join().unwrap())
        });
        responses.sort_by_key(|response| response.status);
        assert_eq!(responses[0].body["outcome"], "granted", "{responses:?}");
        assert_eq!((responses[1].status, &responses[1].body["code"]), (409, &json!("SLOT_FULL")));
    }
    let audit = running.command(&json!({"command": "audit"}), &running.staff(Duty::Viewer));
    assert_eq!((&audit.body["sound"], &audit.body["counted"]["held"]), (&json!(true), &json!(16)));
}

#[test]
fn an_array_is_answered_in_order_one_by_one() {
    let running = Running::hospital(options());
    let wishes: Vec<Value> = (0..3).map(|n| {
        json!({"command": "book", "patient": somebody(n), "session": "AM", "slot": 0, "class": "public", "channel": "window"})
    }).collect();
    let response = running.command(&json!(wishes), &running.staff(Duty::Clerk));
    let outcomes: Vec<&str> =
        answer(&response).as_array().unwrap().iter().map(|a| a["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["granted", "granted", "refused"]);
}

#[test]
fn questions_can_be_asked_by_their_path() {
    let running = Running::hospital(options());
    let ask = |path: &str| running.get(path, &NONE);
    let found = ask("/v1/search?class=public&channel=web&from=2026-03-10&to=2026-03-10&most=2");
    assert_eq!(answer(&found)["found"].as_array().unwrap().len(), 2);
    assert_eq!(answer(&ask("/v1/load?day=2026-03-10"))["slots"].as_array().unwrap().len(), 15);
    let schedule = ask("/v1/schedule?class=public&channel=web&from=2026-03-10&to=2026-03-10&institution=SY1");
    assert_eq!(answer(&schedule)["sessions"].as_array().unwrap().len(), 2);
    assert_eq!(answer(&ask("/v1/session?session=AM"))["seats"], 16);
    let by_start =
        ask("/v1/availability?session=AM&slot=2026-03-10T08:30:00%2B08:00&class=public&channel=web");
    assert_eq!(answer(&by_start)["free"], 2);
    for (path, field) in [
        ("/v1/load", "day"),
        ("/v1/load?day=today", "day"),
        ("/v1/load?day=2026-03-10&who=me", "who"),
        ("/v1/load?day=2026-03-10&day=2026-03-11", "?"),
        ("/v1/load?day=2026-03-10&command=hold", "command"),
        (
            "/v1/search?class=public&channel=web&from=2026-03-10&to=2026-03-10&most=99999999999999999999",
            "most",
        ),
    ] {
        let wrong = ask(path);
        assert_eq!((wrong.status, wrong.body["field"].as_str()), (422, Some(field)), "{wrong:?}");
    }
    let unknown = ask("/v1/session?session=XX");
    assert_eq!((unknown.status, &unknown.body["code"]), (404, &json!("UNKNOWN_SESSION")));
    // An early class hears when to come again, from the header as well.
    let early = running.command(&json!({"command": "hold", "patient": ME, "session": "PM", "slot": 0, "class": "contract", "channel": "web"}), &running.patient(ME));
    assert_eq!((early.status, &early.body["code"]), (409, &json!("TICKET_REQUIRED")));
}

#[test]
fn the_feed_changes_its_tag_with_its_counts_and_not_with_time() {
    let running = Running::hospital(options());
    let path = "/v1/feed?from=2026-03-10&to=2026-03-10";
    let first = running.get(path, &NONE);
    assert_eq!(answer(&first)["format"], "haoyuan-feed-1");
    let tag = first.headers["etag"].clone();
    assert!(tag.starts_with("W/\""));
    running.hand.fetch_add(2_000, std::sync::atomic::Ordering::Relaxed);
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let known = running.get(path, &[("if-none-match", &tag)]);
    assert_eq!((known.status, known.text.as_str()), (304, ""));
    answer(&running.command(&hold(ME, "PM", 0), &running.patient(ME)));
    std::thread::sleep(std::time::Duration::from_millis(1_100));
    let changed = running.get(path, &[("if-none-match", &tag)]);
    assert_eq!(changed.status, 200);
    assert_ne!(changed.headers["etag"], tag);
    assert!(!changed.text.contains(ME));
    let zipped = running.get(path, &[("accept-encoding", "gzip")]);
    assert_eq!(zipped.headers["content-encoding"], "gzip");
}

/// Reads events until there are so many of a name; each is (name, id, data).
fn events(
    running: &Running,
    token: &str,
    after: Option<&str>,
    until: &str,
    happens: impl FnOnce(),
) -> Vec<(String, String, Value)> {
    let mut headers = bearer(token);
    headers.extend(after.map(|id| ("last-event-id".to_owned(), id.to_owned())));
    let mut client = running.connect();
    let lines =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect::<Vec<_>>().concat();
    client.raw(format!("GET /v1/events HTTP/1.1\r\nhost: t\r\n{lines}\r\n").as_bytes());
    let (status, head) = client.head().unwrap();
    assert_eq!((status, head["content-type"].as_str()), (200, "text/event-stream"));
    let mut found = Vec::new();
    let mut text = String::new();
    let mut happens = Some(happens);
    loop {
        text.push_str(&String::from_utf8(client.chunk().expect("a chunk")).unwrap());
        while let Some((event, rest)) = text.split_once("\n\n") {
            let field = |name: &str| {
                let line = event.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
                line.unwrap_or_default().to_owned()
            };
            found.push((
                field("event"),
                field("id"),
                serde_json::from_str(&field("data")).unwrap_or_default(),
            ));
            text = rest.to_owned();
        }
        if let Some(happens) = happens.take() {
            happens();
        }
        if found.iter().any(|(name, _, _)| name == until) {
            return found;
        }
    }
}

#[test]
fn who_listens_hears_what_changes_and_goes_on_where_it_was() {
    let running = Running::hospital(options());
    let book = |slot: u32| {
        answer(&running.command(&hold(&somebody(slot), "PM", slot), &running.patient(&somebody(slot))))
            .clone()
    };
    let heard = events(&running, "", None, "change", || drop(book(3)));
    assert_eq!(heard[0].0, "hello");
    assert_eq!((heard[1].0.as_str(), &heard[1].2), ("change", &json!({"session": "PM", "slot": 3})));
    // What happened while nobody listened is told afterwards, in order, and once.
    book(4);
    book(5);
    let slots = |heard: &[(String, String, Value)]| {
        heard.iter().filter(|e| e.0 == "change").map(|e| e.2["slot"].as_u64().unwrap()).collect::<Vec<_>>()
    };
    let again = events(&running, "", Some(&heard[1].1), "change", || ());
    assert_eq!(slots(&again)[0], 4);
    let next = events(&running, "", Some(&again[1].1), "change", || ());
    assert_eq!(slots(&next)[0], 5);
    // Another run of the server: look anew.
    let (_, rest) = heard[1].1.split_once('-').unwrap();
    let reset = events(&running, "", Some(&format!("1-{rest}")), "reset", || ());
    assert_eq!(reset[1].0, "reset");
    let wrong = running.get("/v1/events", &[("last-event-id", "yesterday")]);
    assert_eq!((wrong.status, &wrong.body["code"]), (400, &json!("BAD_HEADER")));
    let unreadable = running.get("/v1/events", &[("accept", "application/json")]);
    assert_eq!(unreadable.status, 406);
}

#[test]
fn a_notice_is_heard_by_whom_it_is_for() {
    let running = Running::hospital(options());
    for (patient, slot) in [(OTHER, 0), (ME, 1)] {
        let held = running.command(&hold(patient, "PM", slot), &running.patient(patient));
        let booking = answer(&held)["booking"].clone();
        answer(&running.command(
            &json!({"command": "confirm", "patient": patient, "booking": booking}),
            &running.patient(patient),
        ));
    }
    let stop = || {
        let stop = json!({"command": "stop", "actor": {"role": "operator", "reason": 4}, "scope": {"session": "PM"}});
        assert_eq!(answer(&running.command(&stop, &running.staff(Duty::Operator)))["displaced"], 2);
    };
    let mine = events(&running, &running.patient(ME), None, "notice", stop);
    let notices: Vec<&Value> = mine.iter().filter(|e| e.0 == "notice").map(|e| &e.2).collect();
    assert_eq!((notices.len(), &notices[0]["patient"]), (1, &json!(ME)));
    // From the beginning, for staff: both, by their numbers.
    let (epoch, _) = mine[0].1.split_once('-').unwrap();
    let all = events(&running, &running.staff(Duty::Viewer), Some(&format!("{epoch}-0-0")), "notice", || ());
    assert!(all.iter().filter(|e| e.0 == "notice").all(|e| e.2["number"].as_u64() >= Some(1)));
    // Whoever shows no token hears of the change, and of nobody.
    let public = events(&running, "", Some(&format!("{epoch}-0-0")), "change", || ());
    assert!(public.iter().all(|e| e.0 != "notice"));
    let listed = running
        .get("/v1/notices?after=0", &[("authorization", &format!("Bearer {}", running.staff(Duty::Viewer)))]);
    assert_eq!(answer(&listed)["notices"].as_array().unwrap().len(), 2);
}

#[test]
fn who_waits_is_offered_the_seat_that_comes_free() {
    let running = Running::hospital(options());
    let mut bookings = Vec::new();
    for n in 0..2 {
        let held = running.command(&hold(&somebody(n), "AM", 0), &running.patient(&somebody(n)));
        bookings.push(answer(&held)["booking"].clone());
    }
    let join = json!({"command": "waitlist_join", "patient": ME, "class": "public", "channel": "web", "wanted": [{"session": "AM", "slot": 0}]});
    answer(&running.command(&join, &running.patient(ME)));
    let cancel = || {
        let cancel = json!({"command": "cancel", "patient": somebody(0), "booking": bookings[0]});
        answer(&running.command(&cancel, &running.patient(&somebody(0))));
    };
    let heard = events(&running, &running.patient(ME), None, "notice", cancel);
    let offer = heard.iter().find(|e| e.0 == "notice").map(|e| e.2["booking"].clone()).unwrap();
    let confirm = json!({"command": "confirm", "patient": ME, "booking": offer});
    assert_eq!(answer(&running.command(&confirm, &running.patient(ME)))["changed"], true);
}

#[test]
fn holds_that_are_over_are_swept_by_the_passing_of_time() {
    let running = Running::hospital(Options { tick: std::time::Duration::from_millis(20), ..options() });
    answer(&running.command(&hold(ME, "PM", 0), &running.patient(ME)));
    running.hand.fetch_add(16 * 60_000, std::sync::atomic::Ordering::Relaxed);
    let heard = events(&running, "", None, "hello", || ());
    let (_, rest) = heard[0].1.rsplit_once('-').map(|(cursor, _)| cursor.split_once('-').unwrap()).unwrap();
    assert!(rest.parse::<u64>().unwrap() >= 1);
    for _ in 0..200 {
        let audit = running.command(&json!({"command": "audit"}), &running.staff(Duty::Viewer));
        if audit.body["counted"]["held"] == 0 {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("the hold was never swept");
}

#[test]
fn health_and_metrics_tell_how_it_is() {
    let running = Running::hospital(options());
    assert_eq!(running.get("/health/live", &NONE).status, 200);
    assert_eq!(running.get("/health/ready", &NONE).status, 200);
    let (patient, viewer) = (running.patient(ME), running.staff(Duty::Viewer));
    answer(&running.command(&hold(ME, "PM", 0), &patient));
    assert_eq!(running.command(&hold(ME, "PM", 99), &patient).status, 404);
    // Those who are turned away are counted, and not named either.
    let forwarded = "203.0.113.77";
    let headers = [("x-forwarded-for", forwarded), ("authorization", "Bearer hys_forged")];
    assert_eq!(running.get("/v1/load?day=2026-03-10", &headers).status, 401);
    let metrics = running.get("/metrics", &[("authorization", &format!("Bearer {viewer}"))]);
    assert_eq!(metrics.status, 200);
    for line in [
        r#"haoyuan_commands_total{command="hold",outcome="granted"} 1"#,
        r#"haoyuan_commands_total{command="hold",outcome="refused"} 1"#,
        r#"haoyuan_refusals_total{code="UNKNOWN_SLOT"} 1"#,
        r#"haoyuan_requests_total{route="/v1/commands",status="404"} 1"#,
        "haoyuan_journal_failed 0",
        "haoyuan_streams 0",
    ] {
        assert!(metrics.text.lines().any(|one| one == line), "{line}\n{}", metrics.text);
    }
    assert!(metrics.text.ends_with("# EOF\n") && metrics.text.contains("haoyuan_decision_seconds_bucket"));
    // No key of a patient, no token, no address.
    let signature = patient.rsplit('.').next().unwrap();
    for secret in [ME, &patient, signature, &viewer, "hys_forged", "127.0.0.1", forwarded] {
        assert!(!metrics.text.contains(secret), "{secret}\n{}", metrics.text);
    }
}

#[test]
fn pages_of_named_origins_may_ask_and_no_others() {
    let running =
        Running::hospital(Options { origins: vec!["https://www.hospital.example".to_owned()], ..options() });
    let preflight = |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        running.connect().send("OPTIONS /v1/commands HTTP/1.1\r\nhost: t\r\n", &headers, "")
    };
    let allowed = preflight("https://www.hospital.example");
    assert_eq!(
        (allowed.status, allowed.headers["access-control-allow-origin"].as_str()),
        (200, "https://www.hospital.example")
    );
    assert!(!preflight("https://evil.example").headers.contains_key("access-control-allow-origin"));
    // A problem can be read by the page, too.
    let refused = running.connect().post("/v1/commands", "{}", &[("origin", "https://www.hospital.example")]);
    assert_eq!(
        (refused.status, refused.headers["access-control-allow-origin"].as_str()),
        (422, "https://www.hospital.example")
    );
    let wrong = haoyuan_serve::Server::new(
        common::registry(None),
        haoyuan_serve::Credentials::default(),
        Options { origins: vec!["https://a.example/x".to_owned()], ..options() },
        haoyuan_serve::Clock::default(),
    );
    assert!(matches!(wrong, Err(haoyuan_serve::Error::Origin(_))));
}

#[test]
fn the_widget_is_there_and_the_demonstration_if_it_was_asked_for() {
    let running = Running::hospital(options());
    let widget = running.get("/widget/booking.js", &NONE);
    assert_eq!(
        (widget.status, widget.headers["content-type"].as_str()),
        (200, "text/javascript; charset=utf-8")
    );
    assert!(widget.text.contains("haoyuan-booking"));
    assert_eq!(running.get("/", &NONE).status, 404);
    let demo = Running::hospital(Options { demo: true, ..options() });
    let page = demo.get("/", &NONE);
    assert!(page.status == 200 && page.text.contains("<haoyuan-booking"));
    assert!(page.headers["content-security-policy"].contains("default-src 'none'"));
    let visitor = demo.connect().post("/demo/visitor", "", &NONE);
    let (token, patient) =
        (visitor.body["token"].as_str().unwrap(), visitor.body["patient"].as_str().unwrap());
    assert_eq!(answer(&demo.command(&hold(patient, "PM", 0), token))["outcome"], "granted");
    let again = demo.connect().post("/demo/visitor", "", &bearer(token));
    assert_eq!(again.body["patient"], patient);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("index.html"), "<p>our own page</p>").unwrap();
    let own = Running::hospital(Options { page: Some(folder.path().to_owned()), ..options() });
    assert_eq!(own.get("/", &NONE).text, "<p>our own page</p>");
    assert_eq!(own.get("/../Cargo.toml", &NONE).status, 404);
}

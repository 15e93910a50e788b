//! Each hostile request gets its status and changes nothing.

mod common;

use common::{ME, OTHER, Response, Running, bearer, hold, hospital, options};
use haoyuan::terms::Channel;
use haoyuan_serve::Options;
use haoyuan_serve::credentials::Duty;
use serde_json::json;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// What was said is a problem with this status and word.
#[track_caller]
fn problem(response: &Response, status: u16, code: &str) {
    assert_eq!(response.status, status, "{response:?}");
    assert_eq!(response.headers["content-type"], "application/problem+json", "{response:?}");
    assert_eq!(response.body["status"], status);
    assert_eq!(response.body["code"], code, "{response:?}");
    assert!(response.body["type"].as_str().unwrap().ends_with(code));
    assert!(!response.body["title"].as_str().unwrap().is_empty());
    assert!(!response.body["reason_zh"].as_str().unwrap().is_ascii());
}

/// The server after a hostile request is as it was, and still there.
struct Unchanged(Running, String);

impl Unchanged {
    fn new() -> Self {
        let running = Running::hospital(options());
        let hash = running.state_hash();
        Self(running, hash)
    }

    #[track_caller]
    fn post(&self, body: &str, headers: &[(&str, &str)], status: u16, code: &str) -> Response {
        let response = self.0.connect().post("/v1/commands", body, headers);
        problem(&response, status, code);
        assert_eq!(self.0.state_hash(), self.1, "it changed something");
        response
    }

    #[track_caller]
    fn command(&self, command: &serde_json::Value, token: &str, status: u16, code: &str) -> Response {
        let response = self.0.command(command, token);
        problem(&response, status, code);
        assert_eq!(self.0.state_hash(), self.1, "it changed something");
        response
    }
}

#[test]
fn what_is_no_command_is_told_why() {
    let unchanged = Unchanged::new();
    let admin = format!("Bearer {}", unchanged.0.staff(Duty::Admin));
    let headers = [("authorization", admin.as_str())];
    for body in ["", "{", "{]", "nope", "{\"a\":\u{1}}", "[1,", "\u{feff}{}"] {
        unchanged.post(body, &headers, 400, "NOT_JSON");
    }
    let deep = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    unchanged.post(&deep, &headers, 422, "MALFORMED");
    unchanged.post(&format!("{{\"command\":\"tick\",\"x\":{deep}}}"), &headers, 422, "MALFORMED");
    for body in
        ["null", "7", "\"hold\"", "{}", "{\"command\":7}", "{\"command\":\"fly\"}", "[[]]", "[7]", "[{}]"]
    {
        unchanged.post(body, &headers, 422, "MALFORMED");
    }
    let response = unchanged.post(
        "{\"command\":\"hold\",\"patient\":\"张三 210102199001011234\"}",
        &headers,
        422,
        "MALFORMED",
    );
    assert_eq!(response.body["field"], "patient");
    assert!(!response.text.contains("张三") && !response.text.contains("2101021990"));
    let second = json!([{"command": "tick"}, {"command": "hold"}]).to_string();
    let response = unchanged.post(&second, &headers, 422, "MALFORMED");
    assert_eq!(response.body["index"], 1);
    // Bytes that are no text.
    let mut client = unchanged.0.connect();
    client.raw(b"POST /v1/commands HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 4\r\n\r\n\"\xff\xfe\"");
    problem(&client.response().unwrap(), 400, "NOT_JSON");
}

#[test]
fn a_body_in_another_form_is_not_looked_at() {
    let unchanged = Unchanged::new();
    let token = format!("Bearer {}", unchanged.0.patient(ME));
    let body = hold(ME, "PM", 0).to_string();
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "application/json; charset=gbk",
    ] {
        unchanged.post(
            &body,
            &[("authorization", &token), ("content-type", kind)],
            415,
            "UNSUPPORTED_MEDIA_TYPE",
        );
    }
    unchanged.post(
        &body,
        &[("authorization", &token), ("content-encoding", "gzip")],
        415,
        "UNSUPPORTED_MEDIA_TYPE",
    );
    unchanged.post(&body, &[("authorization", &token), ("accept", "text/html")], 406, "NOT_ACCEPTABLE");
}

#[test]
fn paths_and_methods_that_are_not_there_are_told() {
    let unchanged = Unchanged::new();
    let mut client = unchanged.0.connect();
    let none: [(&str, &str); 0] = [];
    for path in
        ["/", "/v1", "/v1/", "/v2/commands", "/v1/commands/x", "/../etc/passwd", "/demo/visitor", "/%00"]
    {
        problem(&client.get(path, &none), 404, "NOT_FOUND");
    }
    for (method, path, allow) in
        [("GET", "/v1/commands", "POST"), ("DELETE", "/v1/feed", "GET"), ("PUT", "/metrics", "GET")]
    {
        let response =
            client.send(&format!("{method} {path} HTTP/1.1\r\nhost: t\r\ncontent-length: 0\r\n"), &none, "");
        problem(&response, 405, "METHOD_NOT_ALLOWED");
        assert!(response.headers["allow"].contains(allow), "{response:?}");
    }
}

#[test]
fn whoever_shows_no_token_or_a_wrong_one_is_not_let_in() {
    let unchanged = Unchanged::new();
    let wish = hold(ME, "PM", 0);
    let response = unchanged.command(&wish, "", 401, "UNAUTHENTICATED");
    assert!(response.headers["www-authenticate"].starts_with("Bearer"));
    let good = unchanged.0.patient(ME);
    let other_key = good.replacen(".k1.", ".k2.", 1);
    let other_person = good.replacen(ME, OTHER, 1);
    let longer = {
        let mut parts: Vec<&str> = good.split('.').collect();
        parts[4] = "9999999999";
        parts.join(".")
    };
    for forged in [&other_key, &other_person, &longer, &good[1..], "hys_0000", "x", &"a".repeat(5_000)] {
        let response = unchanged.command(&wish, forged, 401, "UNAUTHENTICATED");
        assert!(response.headers["www-authenticate"].contains("invalid_token"));
    }
    // Even for what is public: a wrong token is a mistake that somebody should hear of.
    let response = unchanged.0.get("/v1/load?day=2026-03-10", &[("authorization", "Bearer x")]);
    problem(&response, 401, "UNAUTHENTICATED");
    for scheme in ["Basic dXNlcjpwYXNz", "Bearer", "hyp1.x"] {
        unchanged.post(&wish.to_string(), &[("authorization", scheme)], 401, "UNAUTHENTICATED");
    }
    let token = format!("Bearer {good}");
    unchanged.post(
        &wish.to_string(),
        &[("authorization", &token), ("authorization", &token)],
        401,
        "UNAUTHENTICATED",
    );
    let expired = unchanged.0.patient_until(ME, Channel::Web, -1_000);
    unchanged.command(&wish, &expired, 401, "UNAUTHENTICATED");
    let endless = unchanged.0.patient_until(ME, Channel::Web, 48 * 3_600_000);
    unchanged.command(&wish, &endless, 401, "UNAUTHENTICATED");
}

#[test]
fn a_token_is_good_for_what_it_is_for() {
    let unchanged = Unchanged::new();
    let me = unchanged.0.patient(ME);
    unchanged.command(&hold(OTHER, "PM", 0), &me, 403, "FORBIDDEN");
    unchanged.command(&json!({"command": "bookings", "patient": OTHER}), &me, 403, "FORBIDDEN");
    let book = json!({"command": "book", "patient": ME, "session": "PM", "slot": 0, "class": "public", "channel": "web"});
    unchanged.command(&book, &me, 403, "FORBIDDEN");
    let window = json!({"command": "hold", "patient": ME, "session": "PM", "slot": 0, "class": "on_site", "channel": "window"});
    unchanged.command(&window, &me, 403, "FORBIDDEN");
    let stop = json!({"command": "stop", "scope": {"session": "PM"}});
    for token in [me.clone(), unchanged.0.staff(Duty::Clerk), unchanged.0.staff(Duty::Viewer)] {
        unchanged.command(&stop, &token, 403, "FORBIDDEN");
    }
    unchanged.command(
        &json!({"command": "policy", "preset": "default"}),
        &unchanged.0.staff(Duty::Operator),
        403,
        "FORBIDDEN",
    );
    // One that is not allowed refuses the whole array: nothing of it is carried out.
    let both = json!([hold(ME, "PM", 0), hold(OTHER, "PM", 0)]);
    let response = unchanged.command(&both, &me, 403, "FORBIDDEN");
    assert_eq!(response.body["index"], 1);
    // Nobody makes himself somebody else.
    let actor = json!({"command": "stop", "actor": {"role": "operator", "id": "00000000000000ff", "reason": 1}, "scope": {"session": "PM"}});
    unchanged.command(&actor, &unchanged.0.staff(Duty::Operator), 403, "FORBIDDEN");
    for path in ["/metrics", "/v1/notices", "/v1/waitlist?session=PM"] {
        let authorization = format!("Bearer {me}");
        problem(&unchanged.0.get(path, &[("authorization", &authorization)]), 403, "FORBIDDEN");
        let none: [(&str, &str); 0] = [];
        problem(&unchanged.0.get(path, &none), 401, "UNAUTHENTICATED");
    }
}

#[test]
fn what_is_too_large_is_turned_away_before_it_is_read() {
    let unchanged = Unchanged::new();
    let token = format!("Bearer {}", unchanged.0.patient(ME));
    let large = format!("{{\"command\":\"hold\",\"x\":\"{}\"}}", "x".repeat(70_000));
    unchanged.post(&large, &[("authorization", &token)], 413, "TOO_LARGE");
    // Announced, and never sent.
    let mut client = unchanged.0.connect();
    client.raw(b"POST /v1/commands HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 99999999999\r\n\r\n");
    problem(&client.response().unwrap(), 413, "TOO_LARGE");
    // Not announced, and without an end.
    let mut client = unchanged.0.connect();
    client.raw(b"POST /v1/commands HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n");
    for _ in 0..40 {
        client.raw(format!("1000\r\n{}\r\n", " ".repeat(4096)).as_bytes());
    }
    problem(&client.response().unwrap(), 413, "TOO_LARGE");
    // A thousand and one commands.
    let many = json!(vec![json!({"command": "tick"}); 1_001]);
    unchanged.command(&many, &unchanged.0.staff(Duty::Admin), 413, "TOO_LARGE");
    // A head that is too large has a status of its own.
    for request in [
        format!("GET /health/live HTTP/1.1\r\nhost: t\r\nx: {}\r\n\r\n", "x".repeat(40_000)),
        format!("GET /health/live HTTP/1.1\r\nhost: t\r\n{}\r\n", "x: y\r\n".repeat(100)),
    ] {
        let mut client = unchanged.0.connect();
        client.raw(request.as_bytes());
        assert_eq!(client.response().unwrap().status, 431);
    }
    assert_eq!(unchanged.0.state_hash(), unchanged.1);
}

#[test]
fn staff_may_send_what_a_roster_takes() {
    let running = Running::hospital(options());
    let mut csv = "机构,科室,医生,日期,开始,结束,号别,时段分钟,每时段号数,班次编号\n".to_owned();
    csv.push_str("SY1,CARD,WANG,2026-03-11,08:00,12:00,普通号,30,5,NEXT\n");
    csv.push_str(&"\n".repeat(200_000));
    let roster = json!({"command": "roster", "csv": csv});
    assert_eq!(running.command(&roster, &running.staff(Duty::Operator)).body["sessions"], 1);
}

#[test]
fn who_is_slow_is_told_and_closed() {
    let unchanged = Unchanged::new();
    // A slow head: a byte now and then, and never the end.
    let mut client = unchanged.0.connect();
    let began = Instant::now();
    for byte in b"GET /health/live HTT" {
        client.raw(&[*byte]);
        std::thread::sleep(Duration::from_millis(60));
        if began.elapsed() > Duration::from_millis(1_200) {
            break;
        }
    }
    problem(&client.response().unwrap(), 408, "TIMED_OUT");
    assert!(client.response().is_none(), "and the connection ends");
    assert!(began.elapsed() < Duration::from_secs(4));
    // A slow body.
    let mut client = unchanged.0.connect();
    client.raw(b"POST /v1/commands HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{\"comm");
    let response = client.response().unwrap();
    problem(&response, 408, "TIMED_OUT");
    assert!(client.response().is_none());
    // One who says nothing is closed without a word.
    let mut client = unchanged.0.connect();
    assert!(client.response().is_none());
    // Between two requests, too.
    let mut client = unchanged.0.connect();
    let none: [(&str, &str); 0] = [];
    assert_eq!(client.get("/health/live", &none).status, 200);
    let began = Instant::now();
    assert!(client.response().is_none());
    assert!(began.elapsed() < Duration::from_secs(4));
    // A body that ends before its end.
    let mut client = unchanged.0.connect();
    client.raw(b"POST /v1/commands HTTP/1.1\r\nhost: t\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{}");
    client.stream.get_ref().shutdown(std::net::Shutdown::Write).unwrap();
    assert!(client.response().is_none_or(|response| response.status == 400));
    assert_eq!(unchanged.0.state_hash(), unchanged.1);
}

#[test]
fn who_asks_and_does_not_read_is_not_waited_for() {
    let running = Running::hospital(options());
    let none: [(&str, &str); 0] = [];
    let mut client = running.connect();
    // Some 50 MB of answers, far more than the sockets keep.
    client.raw("GET /openapi.json HTTP/1.1\r\nhost: t\r\n\r\n".repeat(300).as_bytes());
    std::thread::sleep(Duration::from_secs(2));
    let mut answers = 0;
    while client.response_if_whole().is_some() {
        answers += 1;
    }
    assert!(answers < 300, "all of them were written to somebody who did not read");
    assert_eq!(running.get("/health/live", &none).status, 200);
}

#[test]
fn a_flood_of_connections_is_turned_away_and_those_inside_go_on() {
    let options = Options { connections_of_peer: 20, head_time: Duration::from_secs(20), ..options() };
    let running = Running::hospital(options);
    let none: [(&str, &str); 0] = [];
    // Those who set the hospital up may take a moment to be seen leaving.
    let mut inside = Vec::new();
    for _ in 0..500 {
        let mut client = running.connect();
        client.raw(b"GET /health/live HTTP/1.1\r\nhost: t\r\n\r\n");
        match client.response() {
            Some(response) if response.status == 200 => inside.push(client),
            _ => std::thread::sleep(Duration::from_millis(20)),
        }
        if inside.len() == 20 {
            break;
        }
    }
    let authorization = format!("Bearer {}", running.staff(Duty::Viewer));
    let turned_away = |client: &mut common::Client| {
        let metrics = client.get("/metrics", &[("authorization", &authorization)]);
        let line =
            metrics.text.lines().find_map(|line| line.strip_prefix("haoyuan_connections_turned_away_total "));
        line.unwrap().parse::<u32>().unwrap()
    };
    let before = turned_away(&mut inside[19]);
    for _ in 0..200 {
        let mut client = running.connect();
        client.raw(b"GET /health/live HTTP/1.1\r\nhost: t\r\n\r\n");
        if let Some(response) = client.response() {
            problem(&response, 503, "UNAVAILABLE");
            assert_eq!(response.headers["connection"], "close");
        }
    }
    for client in &mut inside {
        assert_eq!(client.get("/health/live", &none).status, 200);
    }
    assert_eq!(turned_away(&mut inside[0]), before + 200);
    // Who leaves makes room, as soon as the server has seen it.
    drop(inside);
    let has_room = (0..250).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        running.get("/health/live", &none).status == 200
    });
    assert!(has_room);
}

#[test]
fn more_connections_than_there_is_room_for_are_turned_away_whoever_they_are() {
    let most = 5;
    // A proxy has no limit of its own, so that only the one for all of them is left.
    let options = Options {
        connections: most,
        proxies: vec!["127.0.0.1".parse().unwrap()],
        head_time: Duration::from_secs(20),
        ..options()
    };
    let running = Running::start(options);
    let none: [(&str, &str); 0] = [];
    let mut inside: Vec<_> = (0..most).map(|_| running.connect()).collect();
    for client in &mut inside {
        assert_eq!(client.get("/health/live", &none).status, 200);
    }
    for _ in 0..3 {
        let mut client = running.connect();
        client.raw(b"GET /health/live HTTP/1.1\r\nhost: t\r\n\r\n");
        let response = client.response().expect("an answer");
        problem(&response, 503, "UNAVAILABLE");
        assert_eq!(
            (response.headers["connection"].as_str(), response.headers["retry-after"].as_str()),
            ("close", "1")
        );
        assert!(client.response().is_none(), "and the connection ends");
    }
    for client in &mut inside {
        assert_eq!(client.get("/health/live", &none).status, 200);
    }
    drop(inside.pop());
    let has_room = (0..250).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        running.get("/health/live", &none).status == 200
    });
    assert!(has_room);
}

#[test]
fn more_streams_than_there_is_room_for_are_turned_away_and_the_others_go_on() {
    let running = Running::start(Options { streams: 2, ..options() });
    let none: [(&str, &str); 0] = [];
    let listen = || {
        let mut client = running.connect();
        client.raw(b"GET /v1/events HTTP/1.1\r\nhost: t\r\n\r\n");
        client
    };
    let mut listening = [listen(), listen()];
    for client in &mut listening {
        let (status, headers) = client.head().expect("a head");
        assert_eq!((status, headers["content-type"].as_str()), (200, "text/event-stream"));
    }
    for _ in 0..3 {
        let response = running.get("/v1/events", &none);
        problem(&response, 503, "UNAVAILABLE");
        assert_eq!(response.headers["retry-after"], "30");
    }
    // Whoever listens is not hurt, nor is whoever asks for something else.
    for client in &mut listening {
        assert!(String::from_utf8(client.chunk().expect("an event")).unwrap().contains("hello"));
    }
    assert_eq!(running.get("/health/live", &none).status, 200);
    let [first, _second] = listening;
    drop(first);
    let has_room = (0..250).any(|_| {
        std::thread::sleep(Duration::from_millis(20));
        listen().head().is_some_and(|(status, _)| status == 200)
    });
    assert!(has_room, "who hangs up makes room");
}

#[test]
fn who_asks_too_often_is_told_to_slow_down_and_nobody_else() {
    let rate = |per_second, burst| {
        NonZeroU32::new(per_second).zip(NonZeroU32::new(burst)).map(|(p, b)| haoyuan_serve::Rate::new(p, b))
    };
    let running = Running::hospital(Options { patient_rate: rate(1, 5), ..options() });
    let ask = json!({"command": "bookings", "patient": ME});
    let statuses: Vec<u16> = (0..8).map(|_| running.command(&ask, &running.patient(ME)).status).collect();
    assert_eq!(statuses[..5], [200; 5]);
    assert!(statuses[5..].contains(&429), "{statuses:?}");
    let response = running.command(&json!(vec![ask; 30]), &running.patient(ME));
    problem(&response, 429, "TOO_MANY_REQUESTS");
    let other = json!({"command": "bookings", "patient": OTHER});
    assert_eq!(running.command(&other, &running.patient(OTHER)).status, 200);

    let running = Running::start(Options { peer_rate: rate(1, 10), ..options() });
    let none: [(&str, &str); 0] = [];
    let responses: Vec<Response> = (0..14).map(|_| running.get("/v1/load?day=2026-03-10", &none)).collect();
    let last = responses.last().unwrap();
    problem(last, 429, "TOO_MANY_REQUESTS");
    assert!(last.headers["retry-after"].parse::<u32>().unwrap() >= 1);
    assert_eq!(running.get("/health/ready", &none).status, 200, "health is not counted");
}

#[test]
fn behind_a_proxy_each_client_is_counted_by_itself_and_only_a_proxy_is_believed() {
    let rate = NonZeroU32::new(1).zip(NonZeroU32::new(3)).map(|(p, b)| haoyuan_serve::Rate::new(p, b));
    let proxied =
        Running::start(Options { peer_rate: rate, proxies: vec!["127.0.0.1".parse().unwrap()], ..options() });
    let ask = |running: &Running, from: &str| {
        running.get("/v1/load?day=2026-03-10", &[("x-forwarded-for", from)]).status
    };
    for client in 0..20 {
        assert_eq!(ask(&proxied, &format!("1.2.3.4, 10.0.0.{client}")), 200);
    }
    assert!((0..6).map(|n| ask(&proxied, &format!("10.9.9.{n}, 10.0.1.1"))).any(|status| status == 429));
    let direct = Running::start(Options { peer_rate: rate, ..options() });
    assert!((0..6).map(|n| ask(&direct, &format!("10.0.0.{n}"))).any(|status| status == 429));
}

#[test]
fn a_problem_speaks_the_language_that_was_asked_for() {
    let running = Running::hospital(options());
    let body = hold(ME, "PM", 99).to_string();
    let mut headers = bearer(&running.patient(ME));
    let english = running.connect().post("/v1/commands", &body, &headers);
    problem(&english, 404, "UNKNOWN_SLOT");
    assert_eq!(
        (english.headers["content-language"].as_str(), english.body["title"].as_str()),
        ("en", Some("this session has no such slot"))
    );
    headers.push(("accept-language".to_owned(), "zh-CN,zh;q=0.9,en;q=0.5".to_owned()));
    let chinese = running.connect().post("/v1/commands", &body, &headers);
    assert_eq!(
        (chinese.headers["content-language"].as_str(), chinese.body["title"].as_str()),
        ("zh-CN", Some("该排班没有此时段"))
    );
    // A refusal keeps every key of the answer.
    assert_eq!(chinese.body["outcome"], "refused");
    assert_eq!(chinese.body["message"]["en"], "this session has no such slot");
    assert_eq!(chinese.body["retry"]["when"], "never");
}

#[test]
fn the_time_is_the_servers() {
    let running = Running::hospital(options());
    let mut early = hold(ME, "PM", 0);
    // Long before the release, says the patient; long after, says the server.
    early["at"] = json!("2020-01-01T00:00:00+08:00");
    let granted = running.command(&early, &running.patient(ME));
    assert_eq!(granted.body["outcome"], "granted", "{granted:?}");
    assert_eq!(granted.body["expires"], "2026-03-03T07:16:00+08:00");
    early["at"] = json!({"whatever": [1, 2]});
    assert_eq!(running.command(&early, &running.patient(ME)).body["code"], "OVERLAP");
}

#[test]
fn a_server_that_others_can_reach_needs_tokens() {
    use haoyuan_serve::{Credentials, Error, Server};
    let check = |address: &str| Server::check_address(address.parse().unwrap(), &Credentials::default());
    assert!(
        check("127.0.0.1:80").is_ok() && check("[::1]:80").is_ok() && check("[::ffff:127.0.0.1]:80").is_ok()
    );
    for address in ["0.0.0.0:80", "[::]:80", "10.0.0.1:80"] {
        assert!(matches!(check(address), Err(Error::Exposed(_))));
    }
    assert!(hospital(1).len() > 3);
}

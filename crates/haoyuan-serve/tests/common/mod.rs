//! A real server on a free port, and a client that may be as rude as it likes.

#![allow(dead_code, reason = "each test file uses a part of this")]

use haoyuan::ids::PatientKey;
use haoyuan::instant::Instant;
use haoyuan::terms::Channel;
use haoyuan::{Durability, Registry};
use haoyuan_serve::credentials::{Duty, Staff, StaffToken};
use haoyuan_serve::{Clock, Credentials, Ended, Error, Options, Server};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// 2026-03-03T07:01:00+08:00: a minute after the release of Tuesday, 10 March.
pub(crate) const NOW: i64 = 1_772_492_460_000;
pub(crate) const ME: &str = "5f0c6f0f6c1d4b7e9a3d2e1f00112233";
pub(crate) const OTHER: &str = "6f0c6f0f6c1d4b7e9a3d2e1f00112244";

/// A server that runs until it is told to end.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) hand: Arc<AtomicI64>,
    tokens: Vec<(Duty, String)>,
    signer: Credentials,
    end: Option<tokio::sync::oneshot::Sender<()>>,
    thread: Option<JoinHandle<Result<Ended, Error>>>,
}

/// Bounds for tests: no limit on rates, short times.
pub(crate) fn options() -> Options {
    Options {
        peer_rate: None,
        patient_rate: None,
        staff_rate: None,
        head_time: Duration::from_millis(700),
        body_time: Duration::from_millis(700),
        write_time: Duration::from_millis(700),
        end_time: Duration::from_secs(10),
        ..Options::default()
    }
}

/// An open registry: in memory, or in a folder, durable when answered.
pub(crate) fn registry(folder: Option<&Path>) -> Registry {
    match folder {
        None => {
            Registry::in_memory(&haoyuan::Options { durability: Durability::Memory, ..Default::default() })
        }
        Some(folder) => Registry::open(folder, haoyuan::Options::default()).unwrap(),
    }
}

impl Running {
    pub(crate) fn start(options: Options) -> Self {
        Self::start_on(registry(None), options)
    }

    pub(crate) fn start_on(registry: Registry, options: Options) -> Self {
        let mut credentials = Credentials::default();
        credentials.add_key("k1", &[7; 32], None);
        let mut tokens = Vec::new();
        for (duty, id) in Duty::ALL.iter().zip(1..) {
            let token = StaffToken::generate().unwrap();
            let staff = Staff {
                name: duty.text().to_owned(),
                duty: *duty,
                id: haoyuan::actor::ActorId::new(id),
                institution: None,
                channel: None,
                expires: None,
            };
            tokens.push((*duty, token.reveal().to_owned()));
            credentials.add_staff(&token, staff);
        }
        let signer = credentials.clone();
        let hand = Arc::new(AtomicI64::new(NOW));
        let read = Arc::clone(&hand);
        let clock = Clock::new(move || Instant::saturating(read.load(Ordering::Relaxed)));
        let server = Server::new(registry, credentials, options, clock).unwrap();
        let (end, ended) = tokio::sync::oneshot::channel();
        let (tell, told) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                tell.send(listener.local_addr().unwrap()).unwrap();
                server.run(listener, async { ended.await.unwrap_or(()) }).await
            })
        });
        Self { address: told.recv().unwrap(), hand, tokens, signer, end: Some(end), thread: Some(thread) }
    }

    /// A server with a small hospital in it.
    pub(crate) fn hospital(options: Options) -> Self {
        let running = Self::start(options);
        running.open_hospital(2);
        running
    }

    pub(crate) fn open_hospital(&self, seats: u32) {
        let admin = self.staff(Duty::Admin);
        self.time("2026-02-01T09:00:00+08:00", |this| {
            for command in hospital(seats) {
                let answer = this.command(&command, &admin);
                assert_eq!(answer.status, 200, "{answer:?}");
            }
        });
    }

    /// Something that happens at another time. The clock never goes back: only before anything later was asked.
    pub(crate) fn time(&self, at: &str, happens: impl FnOnce(&Self)) {
        let at: jiff::Timestamp = at.parse().unwrap();
        let before = self.hand.swap(at.as_millisecond(), Ordering::Relaxed);
        happens(self);
        self.hand.store(before, Ordering::Relaxed);
    }

    pub(crate) fn end(&mut self) -> Result<Ended, Error> {
        self.tell_end();
        self.thread.take().unwrap().join().unwrap()
    }

    pub(crate) fn tell_end(&mut self) {
        if let Some(end) = self.end.take() {
            let _ = end.send(());
        }
    }

    /// The token of a duty.
    pub(crate) fn staff(&self, duty: Duty) -> String {
        self.tokens.iter().find(|(one, _)| *one == duty).unwrap().1.clone()
    }

    /// A token of a patient that runs for ten minutes.
    pub(crate) fn patient(&self, key: &str) -> String {
        self.patient_until(key, Channel::Web, 600_000)
    }

    pub(crate) fn patient_until(&self, key: &str, channel: Channel, ms: i64) -> String {
        let key = PatientKey::new(u128::from_str_radix(key, 16).unwrap()).unwrap();
        let end = Instant::saturating(self.hand.load(Ordering::Relaxed) + ms);
        self.signer.sign("k1", key, channel, end).unwrap()
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(self.address)
    }

    /// One command on a connection of its own.
    pub(crate) fn command(&self, command: &Value, token: &str) -> Response {
        self.connect().post("/v1/commands", &command.to_string(), &bearer(token))
    }

    pub(crate) fn get(&self, path: &str, headers: &[(&str, &str)]) -> Response {
        self.connect().get(path, headers)
    }

    pub(crate) fn state_hash(&self) -> String {
        let answer = self.command(&json!({"command": "state_hash"}), &self.staff(Duty::Viewer));
        answer.body["hash"].as_str().unwrap_or_else(|| panic!("{answer:?}")).to_owned()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.tell_end();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub(crate) fn bearer(token: &str) -> Vec<(String, String)> {
    if token.is_empty() { Vec::new() } else { vec![("authorization".to_owned(), format!("Bearer {token}"))] }
}

/// One tertiary hospital; two sessions on Tuesday, 10 March: `AM` of an expert, `PM` of an ordinary clinic.
pub(crate) fn hospital(seats: u32) -> Vec<Value> {
    let session = |code: &str, grade: &str, from: &str, to: &str, seats: u32| {
        json!({"command": "publish", "session": {
            "code": code, "institution": "SY1", "department": "CARD", "practitioner": "WANG", "grade": grade,
            "from": format!("2026-03-10T{from}:00+08:00"), "to": format!("2026-03-10T{to}:00+08:00"),
            "slot_minutes": 30, "seats": seats}})
    };
    vec![
        json!({"command": "directory", "entries": {
            "institution": [{"code": "SY1", "name": "省第一医院", "tier": "tertiary"}],
            "department": [{"institution": "SY1", "code": "CARD", "name": "心内科"}],
            "practitioner": [{"code": "WANG", "name": "王医生", "sites": ["SY1"]}]}}),
        json!({"command": "policy", "preset": "jilin-2018"}),
        session("AM", "ordinary", "08:00", "12:00", seats),
        session("PM", "ordinary", "13:30", "17:00", 40),
    ]
}

pub(crate) fn hold(patient: &str, session: &str, slot: u32) -> Value {
    json!({"command": "hold", "patient": patient, "session": session, "slot": slot, "class": "public", "channel": "web"})
}

/// A patient's key that is nobody else's.
pub(crate) fn somebody(number: u32) -> String {
    format!("{:032x}", 0xabcd_0000_0000_0000_0000_u128 + u128::from(number))
}

#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) text: String,
    pub(crate) body: Value,
}

/// A connection.
pub(crate) struct Client {
    pub(crate) stream: BufReader<TcpStream>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Self { stream: BufReader::new(stream) }
    }

    /// Sends bytes as they are; that the other end no longer listens is not our concern.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let _ = self.stream.get_mut().write_all(bytes);
    }

    pub(crate) fn post<A: AsRef<str>, B: AsRef<str>>(
        &mut self,
        path: &str,
        body: &str,
        headers: &[(A, B)],
    ) -> Response {
        let mut head = format!("POST {path} HTTP/1.1\r\nhost: test\r\ncontent-length: {}\r\n", body.len());
        if !headers.iter().any(|(name, _)| name.as_ref() == "content-type") {
            head.push_str("content-type: application/json\r\n");
        }
        self.send(&head, headers, body)
    }

    pub(crate) fn get<A: AsRef<str>, B: AsRef<str>>(&mut self, path: &str, headers: &[(A, B)]) -> Response {
        self.send(&format!("GET {path} HTTP/1.1\r\nhost: test\r\n"), headers, "")
    }

    pub(crate) fn send<A: AsRef<str>, B: AsRef<str>>(
        &mut self,
        head: &str,
        headers: &[(A, B)],
        body: &str,
    ) -> Response {
        let line = |(name, value): &(A, B)| format!("{}: {}\r\n", name.as_ref(), value.as_ref());
        let lines: String = headers.iter().map(line).collect();
        self.raw(format!("{head}{lines}\r\n{body}").as_bytes());
        self.response().expect("an answer")
    }

    /// The next response with a length; `None` if the connection ends before its end.
    pub(crate) fn response_if_whole(&mut self) -> Option<usize> {
        let (_, headers) = self.head()?;
        let length = headers.get("content-length")?.parse().ok()?;
        self.stream.read_exact(&mut vec![0; length]).ok()?;
        Some(length)
    }

    /// The next response; `None` if the connection ends instead.
    pub(crate) fn response(&mut self) -> Option<Response> {
        let (status, headers) = self.head()?;
        let mut text = Vec::new();
        if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
            while let Some(chunk) = self.chunk() {
                text.extend(chunk);
            }
        } else {
            let length = headers.get("content-length").map_or(0, |value| value.parse().unwrap());
            text.resize(length, 0);
            self.stream.read_exact(&mut text).unwrap();
        }
        let text = String::from_utf8_lossy(&text).into_owned();
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Some(Response { status, headers, text, body })
    }

    /// The head of the next response.
    pub(crate) fn head(&mut self) -> Option<(u16, BTreeMap<String, String>)> {
        let mut line = String::new();
        if self.stream.read_line(&mut line).unwrap_or(0) == 0 {
            return None;
        }
        let status = line.split(' ').nth(1)?.parse().ok()?;
        let mut headers = BTreeMap::new();
        loop {
            let mut line = String::new();
            self.stream.read_line(&mut line).ok()?;
            let Some((name, value)) = line.trim_end().split_once(": ") else { break };
            headers.insert(name.to_ascii_lowercase(), value.to_owned());
        }
        Some((status, headers))
    }

    /// The next chunk of a body; `None` at its end.
    pub(crate) fn chunk(&mut self) -> Option<Vec<u8>> {
        let mut line = String::new();
        self.stream.read_line(&mut line).ok()?;
        let length = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; length + 2];
        self.stream.read_exact(&mut chunk).ok()?;
        chunk.truncate(length);
        (length > 0).then_some(chunk)
    }
}

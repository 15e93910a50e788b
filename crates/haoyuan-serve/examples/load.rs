//! How many decisions a second does the server answer, and how long does one wait?
//!
//! Starts servers on loopback, in memory and with every answer on disk, and asks each as fast as so many connections can, one
//! request at a time on each (a closed loop): single commands, and arrays of them. The same commands are given to the bare
//! registry first, for comparison. What was answered is counted again by the server's own audit before a figure is printed.
//!
//! Then requests come when they come (an open loop): at fixed shares of what 64 connections got in the closed loop, spread as a
//! Poisson process. A request's latency counts from the instant at which it was due, whether or not a connection was free, so
//! that a server that stalls is charged for everybody who came meanwhile. What is not asked in twice the time is unserved.
//!
//! ```sh
//! cargo run --release -p haoyuan-serve --example load -- [--seconds N] [--json]
//! ```
//!
//! Generator and server share the machine: what the generator takes, the server does not have.

use haoyuan::instant::Instant;
use haoyuan::{Durability, Limits, Registry};
use haoyuan_serve::credentials::{Duty, Staff, StaffToken};
use haoyuan_serve::{Clock, Credentials, Options, Server};
use hdrhistogram::Histogram;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant as Moment};

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// A minute after the release of the day that is booked.
const NOW: i64 = 1_772_492_460_000;
const PUBLISHED: &str = "2026-02-01T09:00:00+08:00";
const SESSIONS: u64 = 600;
const SLOTS: u64 = 8;
const SEATS: u64 = 60;

/// What is asked, and how.
#[derive(Clone, Copy)]
struct Question {
    synced: bool,
    connections: usize,
    commands: u64,
    /// Requests a second that come, over all connections; `None`: each connection asks as soon as it was answered.
    arrivals: Option<f64>,
}

/// Connections of the open loop.
const OPEN: usize = 64;
/// How long they may take to connect.
const CONNECTED: Duration = Duration::from_millis(100);
/// The shares of what the closed loop got at which requests come.
const SHARES: [f64; 7] = [0.1, 0.25, 0.5, 0.7, 0.8, 0.9, 1.1];

/// What came of it.
struct Answered {
    requests: Histogram<u64>,
    granted: u64,
    refused: u64,
    /// Requests that came and were not asked in twice the time.
    unserved: u64,
    seconds: f64,
}

fn main() -> Result<(), Failed> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let is_json = args.iter().any(|arg| arg == "--json");
    let seconds = args.iter().skip_while(|arg| *arg != "--seconds").nth(1);
    let time = Duration::from_secs(seconds.map_or(Ok(3), |text| text.parse())?);
    let question = |synced, connections, commands| Question { synced, connections, commands, arrivals: None };
    let questions = [
        question(false, 1, 1),
        question(false, 8, 1),
        question(false, 64, 1),
        question(false, 4, 100),
        question(true, 1, 1),
        question(true, 8, 1),
        question(true, 64, 1),
        question(true, 4, 100),
    ];
    let bare = bare(time)?;
    if !is_json {
        let cores = std::thread::available_parallelism()?;
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        println!(
            "{cores} cores, load {}; generator and server share them",
            load.split(' ').next().unwrap_or("?")
        );
        println!("bare registry in memory, one thread, JSON in and out: {bare:.0} decisions/s\n");
        println!(
            "durability  connections  commands   decisions/s      p50       p99     p99.9  granted  refused"
        );
    }
    let (mut rows, mut most) = (Vec::new(), [0.0; 2]);
    for question in questions {
        let answered = ask(question, time)?;
        let rate = per_second(answered.granted + answered.refused, answered.seconds);
        let at = |quantile| answered.requests.value_at_quantile(quantile);
        let durability = durability(question.synced);
        if (question.connections, question.commands) == (OPEN, 1) {
            most[usize::from(question.synced)] = rate;
        }
        if is_json {
            rows.push(json!({"durability": durability, "connections": question.connections, "commands": question.commands,
                "decisions_per_second": rate, "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999),
                "granted": answered.granted, "refused": answered.refused}));
        } else {
            println!(
                "{durability:10}  {:11}  {:8}  {rate:12.0}  {:6} µs {:6} µs {:6} µs {:8} {:8}",
                question.connections,
                question.commands,
                at(0.5),
                at(0.99),
                at(0.999),
                answered.granted,
                answered.refused
            );
        }
    }
    if !is_json {
        println!(
            "\nrequests that come at a fixed rate, over {OPEN} connections; latency from the instant at which they were due"
        );
        println!("durability     offered/s   decided/s      p50       p99     p99.9       max  unserved");
    }
    let mut points = Vec::new();
    for (synced, most) in [false, true].into_iter().zip(most) {
        for share in SHARES {
            let offered = most * share;
            let question = Question { synced, connections: OPEN, commands: 1, arrivals: Some(offered) };
            let answered = ask(question, time)?;
            let rate = per_second(answered.granted + answered.refused, answered.seconds);
            let at = |quantile| answered.requests.value_at_quantile(quantile);
            let (durability, longest, unserved) =
                (durability(synced), answered.requests.max(), answered.unserved);
            if is_json {
                points.push(json!({"durability": durability, "offered_per_second": offered, "decisions_per_second": rate,
                    "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999), "max_us": longest, "unserved": unserved}));
            } else {
                println!(
                    "{durability:10}  {offered:12.0}{rate:12.0}  {:6} µs {:6} µs {:6} µs {longest:6} µs {unserved:8}",
                    at(0.5),
                    at(0.99),
                    at(0.999)
                );
            }
        }
    }
    if is_json {
        println!("{}", json!({"bare_decisions_per_second": bare, "rows": rows, "open_loop": points}));
    }
    Ok(())
}

const fn durability(synced: bool) -> &'static str {
    if synced { "synced" } else { "memory" }
}

/// Gaps between arrivals with mean 1: a Poisson process, the same for the same seed.
fn gaps(seed: u64) -> impl Iterator<Item = f64> {
    let mut state = seed;
    std::iter::from_fn(move || {
        // SplitMix64 (Steele, Lea, Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let bits = u32::try_from((bits ^ (bits >> 31)) >> 32).unwrap_or_default();
        // Never 0, whose logarithm there is not.
        Some(-((f64::from(bits) + 1.0) / 4_294_967_296.0).ln())
    })
}

/// A hold by a patient whom nobody has seen before.
fn hold(number: u64) -> String {
    let (session, slot) = (number % SESSIONS, number / SESSIONS % SLOTS);
    format!(
        r#"{{"command":"hold","patient":"{:032x}","session":"S{session}","slot":{slot},"class":"public","channel":"app"}}"#,
        (0xb0_u128 << 120) | u128::from(number)
    )
}

fn registry(folder: Option<&Path>) -> Result<Registry, Failed> {
    let limits = Some(Limits::for_seats(1_000_000));
    let registry = match folder {
        None => Registry::in_memory(&haoyuan::Options {
            durability: Durability::Memory,
            limits,
            ..Default::default()
        }),
        Some(folder) => Registry::open(folder, haoyuan::Options { limits, ..Default::default() })?,
    };
    let practitioners: Vec<Value> = (0..SESSIONS)
        .map(|n| json!({"code": format!("D{n}"), "name": format!("D{n}"), "sites": ["H1"]}))
        .collect();
    let mut roster =
        "institution,department,practitioner,date,from,to,grade,slot_minutes,seats_per_slot,code\n"
            .to_owned();
    roster.extend((0..SESSIONS).flat_map(|n| {
        ["H1,CARD,D".to_owned(), n.to_string(), format!(",2026-03-10,08:00,12:00,ordinary,30,{SEATS},S{n}\n")]
    }));
    for command in [
        json!({"command": "directory", "at": PUBLISHED, "entries": {
            "institution": [{"code": "H1", "name": "H1", "tier": "tertiary"}],
            "department": [{"institution": "H1", "code": "CARD", "name": "CARD"}], "practitioner": practitioners}}),
        json!({"command": "policy", "at": PUBLISHED, "preset": "default"}),
        json!({"command": "roster", "at": PUBLISHED, "csv": roster}),
    ] {
        let answer = registry.execute(&command.to_string());
        if !answer.contains(r#""outcome":"done""#) {
            return Err(answer.into());
        }
    }
    Ok(registry)
}

/// The same commands without a server.
fn bare(time: Duration) -> Result<f64, Failed> {
    let registry = registry(None)?;
    let began = Moment::now();
    let mut count = 0;
    while count < SESSIONS * SLOTS * SEATS && began.elapsed() < time {
        let line = hold(count).replacen('{', r#"{"at":"2026-03-03T07:01:00+08:00","#, 1);
        if !registry.execute(&line).contains("granted") {
            return Err("the bare registry refused".into());
        }
        count += 1;
    }
    Ok(per_second(count, began.elapsed().as_secs_f64()))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn per_second(count: u64, seconds: f64) -> f64 {
    count as f64 / seconds
}

fn ask(question: Question, time: Duration) -> Result<Answered, Failed> {
    let folder = question.synced.then(tempfile::tempdir).transpose()?;
    let registry = registry(folder.as_ref().map(tempfile::TempDir::path))?;
    let token = StaffToken::generate()?;
    let mut credentials = Credentials::default();
    let id = haoyuan::actor::ActorId::new(1);
    let staff = Staff {
        name: "load".to_owned(),
        duty: Duty::Clerk,
        id,
        institution: None,
        channel: None,
        expires: None,
    };
    credentials.add_staff(&token, staff);
    let options = Options { peer_rate: None, patient_rate: None, staff_rate: None, ..Options::default() };
    let clock = Clock::new(|| Instant::saturating(NOW));
    let server = Server::new(registry, credentials, options, clock)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
    let address = listener.local_addr()?;
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let serving = runtime.spawn(server.run(listener, async { ended.await.unwrap_or(()) }));
    let next = AtomicU64::new(0);
    // The first request of an open loop is due when every connection is there.
    let began = Moment::now() + if question.arrivals.is_some() { CONNECTED } else { Duration::ZERO };
    let until = began + time;
    #[expect(clippy::cast_precision_loss, reason = "a few connections")]
    let mean = question.arrivals.map(|rate| question.connections as f64 / rate);
    let parts: Vec<Result<Answered, Failed>> = std::thread::scope(|scope| {
        let (next, token) = (&next, token.reveal());
        let client = |number: u64| {
            move || match mean {
                None => run(address, token, next, question.commands, until),
                Some(mean) => come(address, token, next, (number, mean), (began, time)),
            }
        };
        let clients: Vec<_> =
            (0..).take(question.connections).map(|number| scope.spawn(client(number))).collect();
        clients
            .into_iter()
            .map(|client| client.join().unwrap_or_else(|_| Err("a client panicked".into())))
            .collect()
    });
    let seconds = began.elapsed().as_secs_f64();
    let mut all = Answered { seconds, ..Answered::nothing()? };
    for part in parts {
        let part = part?;
        all.requests.add(&part.requests)?;
        all.granted += part.granted;
        all.refused += part.refused;
        all.unserved += part.unserved;
    }
    let audit = Client::new(address, token.reveal())?.ask(r#"{"command":"audit"}"#)?;
    let audit: Value = serde_json::from_str(&audit)?;
    if audit["sound"] != true || audit["counted"]["held"] != all.granted {
        return Err(format!("{} were granted, and the audit says {audit}", all.granted).into());
    }
    let _ = end.send(());
    runtime.block_on(serving)??;
    Ok(all)
}

/// One connection that asks until its time is over.
fn run(
    address: SocketAddr,
    token: &str,
    next: &AtomicU64,
    commands: u64,
    until: Moment,
) -> Result<Answered, Failed> {
    let mut client = Client::new(address, token)?;
    let mut part = Answered::nothing()?;
    while Moment::now() < until {
        let first = next.fetch_add(commands, Ordering::Relaxed);
        let body = if commands == 1 {
            hold(first)
        } else {
            format!("[{}]", (first..first + commands).map(hold).collect::<Vec<_>>().join(","))
        };
        let began = Moment::now();
        let answer = client.ask(&body)?;
        part.add(&answer, began)?;
    }
    Ok(part)
}

/// One connection whose requests come when they come, `mean` seconds apart.
fn come(
    address: SocketAddr,
    token: &str,
    next: &AtomicU64,
    (seed, mean): (u64, f64),
    (began, time): (Moment, Duration),
) -> Result<Answered, Failed> {
    let mut client = Client::new(address, token)?;
    let mut part = Answered::nothing()?;
    let mut due = Duration::ZERO;
    for gap in gaps(seed) {
        due += Duration::from_secs_f64(gap * mean);
        if due >= time {
            break;
        }
        if began.elapsed() > time * 2 {
            part.unserved += 1;
            continue;
        }
        std::thread::sleep((began + due).saturating_duration_since(Moment::now()));
        let answer = client.ask(&hold(next.fetch_add(1, Ordering::Relaxed)))?;
        part.add(&answer, began + due)?;
    }
    Ok(part)
}

impl Answered {
    fn nothing() -> Result<Self, Failed> {
        Ok(Self { requests: Histogram::new(3)?, granted: 0, refused: 0, unserved: 0, seconds: 0.0 })
    }

    /// Counts an answer, and the time since an instant.
    fn add(&mut self, answer: &str, since: Moment) -> Result<(), Failed> {
        self.requests.record(u64::try_from(since.elapsed().as_micros())?)?;
        let granted = answer.matches(r#""outcome":"granted""#).count() as u64;
        self.granted += granted;
        self.refused += answer.matches(r#""outcome":"refused""#).count() as u64;
        if granted == 0 && !answer.contains(r#""outcome":"refused""#) {
            return Err(answer.into());
        }
        Ok(())
    }
}

struct Client {
    stream: BufReader<TcpStream>,
    head: String,
}

impl Client {
    fn new(address: SocketAddr, token: &str) -> Result<Self, Failed> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        let head = format!(
            "POST /v1/commands HTTP/1.1\r\nhost: load\r\ncontent-type: application/json\r\nauthorization: Bearer {token}\r\ncontent-length: "
        );
        Ok(Self { stream: BufReader::new(stream), head })
    }

    fn ask(&mut self, body: &str) -> Result<String, Failed> {
        let request = format!("{}{}\r\n\r\n{body}", self.head, body.len());
        self.stream.get_mut().write_all(request.as_bytes())?;
        let mut length = None;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Err("the server has closed".into());
            }
            if let Some(value) = line.strip_prefix("content-length: ") {
                length = Some(value.trim().parse()?);
            }
            if line == "\r\n" {
                break;
            }
        }
        let mut answer = vec![0; length.ok_or("an answer without a length")?];
        self.stream.read_exact(&mut answer)?;
        Ok(String::from_utf8(answer)?)
    }
}

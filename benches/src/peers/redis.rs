//! Redis: one Lua script per decision.
//!
//! A slot is one string: a byte for each pool's live bookings, then a byte for each seat. A patient is one string of four
//! bytes a visit. So a refusal reads one key, a grant reads two and writes two: fewer calls than hashes and sets would take.
//!
//! Settings: a Unix socket, which its documentation says is quicker than TCP on loopback; no snapshots and no rewriting of
//! the append-only file while it is measured. `io-threads` stays 1: advised from four cores on.

use super::server::{self, Server};
use super::{System, Taken};
use crate::work::{Ask, Link, Shape, Told, pool};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What it does before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Appending {
    /// Nothing: all is lost with the process.
    Off,
    /// It writes its file; the disk has it within a second.
    EverySecond,
    /// It writes and syncs its file, once for all that came in together.
    Always,
}

impl Appending {
    /// As in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Off => "appendonly off",
            Self::EverySecond => "appendfsync everysec",
            Self::Always => "appendfsync always",
        }
    }
}

/// A server of its own.
#[derive(Debug)]
pub struct Redis {
    socket: PathBuf,
    scripts: [String; 2],
    shape: Shape,
    // The last field: what is above lives in its folder.
    _server: Server,
}

/// Its version, as it says.
///
/// # Errors
/// If it is not installed.
pub fn version() -> Result<String, String> {
    let program =
        server::find("redis-server", &[]).ok_or("not found; on Debian: apt-get install redis-server")?;
    let text = server::output(Command::new(program).arg("--version"))?;
    Ok(text.split(' ').find_map(|word| word.strip_prefix("v=")).unwrap_or(&text).to_owned())
}

fn book_script(shape: Shape) -> String {
    let [a, b, c] = shape.slots.reserves;
    let seats = shape.slots.seats;
    format!(
        "local slot = redis.call('GET', KEYS[1])
local a, b, c, d = string.byte(slot, 1, 4)
local practitioner, half, pool = string.byte(ARGV[1], 1, 3)
local own, reserve
if pool == 3 then own, reserve = d, 0 elseif pool == 0 then own, reserve = a, {a} elseif pool == 1 then own, reserve = b, {b} else own, reserve = c, {c} end
if own >= reserve then
  local occupied = d + (a > {a} and a or {a}) + (b > {b} and b or {b}) + (c > {c} and c or {c})
  if occupied >= {seats} then
    if a + b + c + d == {seats} then return -1 end
    return -2
  end
end
local mine = redis.call('GET', KEYS[2])
if mine then
  local day = false
  for at = 1, #mine, 4 do
    local p, h = string.byte(mine, at, at + 1)
    if h == half then return -3 end
    if p == practitioner then day = true end
  end
  if day then return -4 end
end
local free = string.find(slot, '\\0', 5, true)
redis.call('SET', KEYS[1], string.sub(slot, 1, pool) .. string.char(own + 1) .. string.sub(slot, pool + 2, free - 1) .. '\\1' .. string.sub(slot, free + 1))
redis.call('APPEND', KEYS[2], string.char(practitioner, half, free - 5, pool))
return free - 5"
    )
}

const RELEASE: &str = "local mine = redis.call('GET', KEYS[2])
if not mine then return -1 end
local practitioner, half = string.byte(ARGV[1], 1, 2)
for at = 1, #mine, 4 do
  local p, h, seat, pool = string.byte(mine, at, at + 3)
  if h == half and p == practitioner then
    local slot = redis.call('GET', KEYS[1])
    local own = string.byte(slot, pool + 1)
    redis.call('SET', KEYS[1], string.sub(slot, 1, pool) .. string.char(own - 1) .. string.sub(slot, pool + 2, seat + 4) .. '\\0' .. string.sub(slot, seat + 6))
    if #mine == 4 then redis.call('DEL', KEYS[2]) else redis.call('SET', KEYS[2], string.sub(mine, 1, at - 1) .. string.sub(mine, at + 4)) end
    return 0
  end
end
return -1";

impl Redis {
    /// Starts it in `folder`.
    ///
    /// # Errors
    /// If it is not installed, or does not come up.
    pub fn start(appending: Appending, shape: Shape, folder: &Path) -> Result<Self, String> {
        let program =
            server::find("redis-server", &[]).ok_or("not found; on Debian: apt-get install redis-server")?;
        let home = folder.join("redis");
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
        let socket = home.join("socket");
        let mut command = server::command(&program, None);
        command.args(["--port", "0", "--unixsocket"]).arg(&socket).arg("--dir").arg(&home);
        command.args(["--save", "", "--daemonize", "no", "--auto-aof-rewrite-percentage", "0"]);
        match appending {
            Appending::Off => command.args(["--appendonly", "no"]),
            Appending::EverySecond => command.args(["--appendonly", "yes", "--appendfsync", "everysec"]),
            Appending::Always => command.args(["--appendonly", "yes", "--appendfsync", "always"]),
        };
        let server = Server::start(command, &home, "-TERM", || UnixStream::connect(&socket).is_ok())?;
        let mut redis = Self { socket, scripts: [String::new(), String::new()], shape, _server: server };
        redis.publish(shape)?;
        Ok(redis)
    }

    fn connect(&self) -> Result<Connection, String> {
        let stream = UnixStream::connect(&self.socket).map_err(|error| format!("Redis: {error}"))?;
        Ok(Connection { stream, out: Vec::with_capacity(1 << 14), buffer: vec![0; 1 << 16], from: 0, to: 0 })
    }

    /// A way to a server that does nothing but answer.
    ///
    /// # Errors
    /// If it does not answer.
    pub fn pinging(&self) -> Result<Ping, String> {
        Ok(Ping(self.connect()?))
    }
}

fn command(out: &mut Vec<u8>, words: &[&[u8]]) {
    let _ = write!(out, "*{}\r\n", words.len());
    for word in words {
        let _ = write!(out, "${}\r\n", word.len());
        out.extend_from_slice(word);
        out.extend_from_slice(b"\r\n");
    }
}

#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    out: Vec<u8>,
    buffer: Vec<u8>,
    from: usize,
    to: usize,
}

impl Connection {
    fn send(&mut self) -> Result<(), String> {
        let sent = self.stream.write_all(&self.out).map_err(|error| format!("Redis: {error}"));
        self.out.clear();
        sent
    }

    fn more(&mut self) -> Result<(), String> {
        if self.from > 0 {
            self.buffer.copy_within(self.from..self.to, 0);
            self.to -= self.from;
            self.from = 0;
        }
        if self.to == self.buffer.len() {
            self.buffer.resize(2 * self.to, 0);
        }
        match self.stream.read(&mut self.buffer[self.to..]) {
            Ok(0) => Err("Redis closed the connection".to_owned()),
            Ok(read) => {
                self.to += read;
                Ok(())
            }
            Err(error) => Err(format!("Redis: {error}")),
        }
    }

    fn line(&mut self) -> Result<(usize, usize), String> {
        let mut looked = self.from;
        loop {
            if let Some(end) = self.buffer[looked..self.to].iter().position(|byte| *byte == b'\n') {
                let line = (self.from, looked + end - 1);
                self.from = looked + end + 1;
                return Ok(line);
            }
            let seen = self.to - self.from;
            self.more()?;
            looked = self.from + seen;
        }
    }

    /// Whether a whole line came already.
    fn has_line(&self) -> bool {
        self.buffer[self.from..self.to].contains(&b'\n')
    }

    /// A reply that is a number.
    fn number(&mut self) -> Result<i32, String> {
        let (from, to) = self.line()?;
        let text = &self.buffer[from..to];
        let number =
            text.strip_prefix(b":").and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        number.ok_or_else(|| format!("Redis answered `{}`", String::from_utf8_lossy(text)))
    }

    /// A reply of one line.
    fn simple(&mut self) -> Result<String, String> {
        let (from, to) = self.line()?;
        let text = String::from_utf8_lossy(&self.buffer[from..to]).into_owned();
        if text.starts_with('-') { Err(format!("Redis answered `{text}`")) } else { Ok(text) }
    }

    /// A reply that is a string of bytes, or an array of them.
    fn bytes(&mut self, into: &mut Vec<Vec<u8>>) -> Result<(), String> {
        let head = self.simple()?;
        let count: usize = head.get(1..).and_then(|digits| digits.parse().ok()).ok_or("not a length")?;
        if head.starts_with('*') {
            return (0..count).try_for_each(|_| self.bytes(into));
        }
        while self.to - self.from < count + 2 {
            self.more()?;
        }
        into.push(self.buffer[self.from..self.from + count].to_vec());
        self.from += count + 2;
        Ok(())
    }
}

/// A client that has a script decide.
#[derive(Debug)]
pub struct Deciding<'a> {
    connection: Connection,
    redis: &'a Redis,
    /// The questions without an answer, in their order.
    flying: VecDeque<usize>,
}

impl Deciding<'_> {
    fn write(&mut self, ask: &Ask<'_>) -> Result<(), String> {
        let [book, release] = &self.redis.scripts;
        let request = ask.request();
        let slot = self.redis.shape.place(request);
        let number =
            |value: u32| u8::try_from(value).map_err(|_| "a byte is too small for this shape".to_owned());
        let argument = [
            number(request.slot.session.get())?,
            number(u32::from(request.slot.slot.get()))?,
            number(u32::try_from(pool(request)).unwrap_or(u32::MAX))?,
        ];
        let mut key = [b'p'; 17];
        key[1..].copy_from_slice(&request.patient.get().to_le_bytes());
        let script = if matches!(ask, Ask::Book(_)) { book } else { release };
        let mut place = [b's', 0, 0, 0, 0];
        place[1..].copy_from_slice(&slot.to_le_bytes());
        command(&mut self.connection.out, &[b"EVALSHA", script.as_bytes(), b"2", &place, &key, &argument]);
        Ok(())
    }
}

impl Link for Deciding<'_> {
    fn one(&mut self, ask: &Ask<'_>) -> Result<Told, String> {
        let mut told = Vec::with_capacity(1);
        self.ask(std::slice::from_ref(ask), &mut told)?;
        told.pop().ok_or_else(|| "no answer".to_owned())
    }

    fn ask(&mut self, asks: &[Ask<'_>], told: &mut Vec<Told>) -> Result<(), String> {
        asks.iter().try_for_each(|ask| self.write(ask))?;
        self.connection.send()?;
        for _ in asks {
            told.push(Told::from_wire(self.connection.number()?)?);
        }
        Ok(())
    }

    fn send(&mut self, number: usize, ask: &Ask<'_>, _: &mut Vec<(usize, Told)>) -> Result<(), String> {
        self.flying.push_back(number);
        self.write(ask)
    }

    fn hear(&mut self, told: &mut Vec<(usize, Told)>) -> Result<(), String> {
        self.connection.send()?;
        while let Some(number) = self.flying.pop_front() {
            told.push((number, Told::from_wire(self.connection.number()?)?));
            if !self.connection.has_line() {
                break;
            }
        }
        Ok(())
    }
}

/// A client that only pings: what the socket costs.
#[derive(Debug)]
pub struct Ping(Connection);

impl Ping {
    /// Asks `depth` times at once and waits for the answers.
    ///
    /// # Errors
    /// If one is missing.
    pub fn round(&mut self, depth: usize) -> Result<(), String> {
        for _ in 0..depth {
            command(&mut self.0.out, &[b"PING"]);
        }
        self.0.send()?;
        (0..depth).try_for_each(|_| self.0.simple().map(|_| ()))
    }
}

impl System for Redis {
    type Link<'a> = Deciding<'a>;

    fn publish(&mut self, shape: Shape) -> Result<(), String> {
        self.shape = shape;
        let mut connection = self.connect()?;
        command(&mut connection.out, &[b"FLUSHALL", b"SYNC"]);
        connection.send()?;
        connection.simple()?;
        for (place, source) in [book_script(shape), RELEASE.to_owned()].iter().enumerate() {
            command(&mut connection.out, &[b"SCRIPT", b"LOAD", source.as_bytes()]);
            connection.send()?;
            let mut name = Vec::new();
            connection.bytes(&mut name)?;
            self.scripts[place] = String::from_utf8_lossy(&name[0]).into_owned();
        }
        let slot = vec![0u8; 4 + usize::from(shape.slots.seats)];
        for place in 0..shape.places() {
            let mut key = [b's', 0, 0, 0, 0];
            key[1..].copy_from_slice(&place.to_le_bytes());
            command(&mut connection.out, &[b"SET", &key, &slot]);
        }
        connection.send()?;
        (0..shape.places()).try_for_each(|_| connection.simple().map(|_| ()))
    }

    fn link(&self) -> Result<Deciding<'_>, String> {
        Ok(Deciding { connection: self.connect()?, redis: self, flying: VecDeque::new() })
    }

    fn taken(&self) -> Result<Vec<Taken>, String> {
        let mut connection = self.connect()?;
        command(&mut connection.out, &[b"KEYS", b"p*"]);
        connection.send()?;
        let mut keys = Vec::new();
        connection.bytes(&mut keys)?;
        let mut taken = Vec::new();
        for keys in keys.chunks(1_000) {
            for key in keys {
                command(&mut connection.out, &[b"GET", key]);
            }
            connection.send()?;
            for key in keys {
                let mut value = Vec::new();
                connection.bytes(&mut value)?;
                let patient = key.get(1..).and_then(|bytes| bytes.try_into().ok()).map(u128::from_le_bytes);
                let patient = patient.ok_or("a key that is no patient")?;
                for visit in value.iter().flat_map(|value| value.chunks_exact(4)) {
                    let place = u32::from(visit[0]) * self.shape.half_hours + u32::from(visit[1]);
                    taken.push((place, visit[2], patient));
                }
            }
        }
        Ok(taken)
    }
}

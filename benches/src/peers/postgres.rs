//! PostgreSQL: one stored function per decision, prepared once, parameters and results in binary.
//!
//! A slot is a row with its counters and a bit for each seat; a patient is a row with an array of visits. Both are updated in
//! place (HOT: no index is touched, half of each page is left free). The function looks at the slot without a lock first, so
//! that a refusal writes nothing; then it locks the slot, then the patient, always in this order, so that it cannot deadlock.
//!
//! Settings, by the chapters on resource consumption and on WAL of its documentation: a quarter of the memory for shared
//! buffers, no checkpoint and no autovacuum while it is measured, the least WAL, plans that are made once, no JIT, a Unix
//! socket. `fsync` and `full_page_writes` stay on: without them a crash may cost everything.

use super::server::{self, Server};
use super::{System, Taken};
use crate::trace::{PATIENTS, patient};
use crate::work::{Ask, Link, Shape, Told, pool};
use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::message::{backend, frontend};
use std::collections::VecDeque;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;

/// When a commit is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Commit {
    /// When its WAL is on disk.
    Synchronous,
    /// At once; the disk has it within 600 ms.
    Asynchronous,
}

impl Commit {
    /// As in the tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Synchronous => "synchronous_commit on",
            Self::Asynchronous => "synchronous_commit off",
        }
    }
}

/// What a batch of decisions is to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batch {
    /// A transaction for each decision.
    Each,
    /// One transaction for all: they commit together. For one client only, because several would lock each other out.
    Together,
}

/// A server of its own.
#[derive(Debug)]
pub struct Postgres {
    socket: PathBuf,
    shape: Shape,
    /// When its commits are over.
    pub commit: Commit,
    /// What a batch is.
    pub batch: Batch,
    _server: Server,
}

fn programs() -> Vec<PathBuf> {
    let mut versions: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .map(|folder| folder.flatten().map(|entry| entry.path().join("bin")).collect())
        .unwrap_or_default();
    let number = |path: &PathBuf| {
        path.parent().and_then(|p| p.file_name()?.to_str()?.parse::<u32>().ok()).unwrap_or_default()
    };
    versions.sort_by_key(|path| std::cmp::Reverse(number(path)));
    versions
}

fn program(name: &str) -> Result<PathBuf, String> {
    server::find(name, &programs())
        .ok_or_else(|| "not found; on Debian: apt-get install postgresql".to_owned())
}

/// Its version, as it says.
///
/// # Errors
/// If it is not installed.
pub fn version() -> Result<String, String> {
    let text = server::output(Command::new(program("postgres")?).arg("--version"))?;
    program("initdb")?;
    Ok(text.split(' ').nth(2).unwrap_or(&text).to_owned())
}

fn memory_mb() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.trim().strip_suffix(" kB"));
    kilobytes.and_then(|kilobytes| kilobytes.trim().parse::<u64>().ok()).unwrap_or(1 << 20) / 1_024
}

/// PostgreSQL refuses to run as root: then it runs as the user that its package makes.
fn user() -> Result<Option<&'static str>, String> {
    Ok((server::output(Command::new("id").arg("-u"))? == "0").then_some("postgres"))
}

impl Postgres {
    /// Starts it in `folder`.
    ///
    /// # Errors
    /// If it is not installed, or does not come up.
    pub fn start(shape: Shape, folder: &Path) -> Result<Self, String> {
        let (postgres, initdb, user) = (program("postgres")?, program("initdb")?, user()?);
        let home = folder.join("postgres");
        let _ = std::fs::remove_dir_all(&home);
        std::fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
        if let Some(user) = user {
            server::output(Command::new("chown").arg(user).arg(&home))?;
            // The way to it must be open to that user too; what is in the folder is a bench's.
            server::output(Command::new("chmod").arg("a+x").arg(folder))?;
        }
        let data = home.join("data");
        let mut command = server::command(&initdb, user);
        command
            .args(["--no-sync", "-A", "trust", "-U", "bench", "-E", "UTF8", "--no-locale", "-D"])
            .arg(&data);
        server::output(&mut command)?;
        let buffers = (memory_mb() / 4).clamp(128, 2_048);
        let settings = [
            "listen_addresses=".to_owned(),
            format!("unix_socket_directories={}", home.display()),
            format!("shared_buffers={buffers}MB"),
            "max_connections=32".to_owned(),
            "wal_level=minimal".to_owned(),
            "max_wal_senders=0".to_owned(),
            "wal_buffers=64MB".to_owned(),
            "max_wal_size=16GB".to_owned(),
            "checkpoint_timeout=1h".to_owned(),
            "autovacuum=off".to_owned(),
            "jit=off".to_owned(),
            "plan_cache_mode=force_generic_plan".to_owned(),
            "huge_pages=try".to_owned(),
        ];
        let mut command = server::command(&postgres, user);
        command.arg("-D").arg(&data);
        for setting in settings {
            command.args(["-c", &setting]);
        }
        let socket = home.join(".s.PGSQL.5432");
        let is_up = || Connection::open(&socket).is_ok();
        // SIGQUIT: its processes end at once, without a checkpoint that nobody will read.
        let server = Server::start(command, &home, "-QUIT", is_up)?;
        let mut started = Self {
            socket: socket.clone(),
            shape,
            commit: Commit::Synchronous,
            batch: Batch::Each,
            _server: server,
        };
        let mut people = String::from(
            "CREATE TABLE person (id uuid PRIMARY KEY);
             CREATE TABLE slot (id int PRIMARY KEY, a int NOT NULL, b int NOT NULL, c int NOT NULL, d int NOT NULL, taken bit(63) NOT NULL) WITH (fillfactor = 20);
             CREATE TABLE patient (id uuid PRIMARY KEY, visits int[] NOT NULL) WITH (fillfactor = 50);
             INSERT INTO person SELECT unnest('{",
        );
        for number in 0..PATIENTS {
            let _ = write!(people, "{}{:032x}", if number == 0 { "" } else { "," }, patient(number).get());
        }
        people.push_str("}'::uuid[])");
        Connection::open(&socket)?.simple(&people)?;
        started.publish(shape)?;
        Ok(started)
    }
}

fn functions(shape: Shape) -> String {
    let [a, b, c] = shape.slots.reserves;
    let (seats, half_hours) = (shape.slots.seats, shape.half_hours);
    // A visit in one number: slot, seat (6 bits), pool (2 bits).
    format!(
        "CREATE OR REPLACE FUNCTION book(person uuid, place int, pool int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  s slot%ROWTYPE; mine int[]; visit int; free int; twice bool := false;
BEGIN
  SELECT * INTO s FROM slot WHERE id = place;
  FOR attempt IN 1..2 LOOP
    IF (CASE pool WHEN 3 THEN true WHEN 0 THEN s.a >= {a} WHEN 1 THEN s.b >= {b} ELSE s.c >= {c} END)
       AND greatest(s.a, {a}) + greatest(s.b, {b}) + greatest(s.c, {c}) + s.d >= {seats} THEN
      RETURN CASE WHEN s.a + s.b + s.c + s.d = {seats} THEN -1 ELSE -2 END;
    END IF;
    EXIT WHEN attempt = 2;
    SELECT * INTO s FROM slot WHERE id = place FOR UPDATE;
  END LOOP;
  SELECT visits INTO mine FROM patient WHERE id = person FOR UPDATE;
  FOREACH visit IN ARRAY mine LOOP
    IF (visit >> 8) % {half_hours} = place % {half_hours} THEN RETURN -3; END IF;
    IF (visit >> 8) / {half_hours} = place / {half_hours} THEN twice := true; END IF;
  END LOOP;
  IF twice THEN RETURN -4; END IF;
  free := position(B'0' IN s.taken) - 1;
  UPDATE slot SET taken = set_bit(s.taken, free, 1), a = s.a + (pool = 0)::int, b = s.b + (pool = 1)::int,
    c = s.c + (pool = 2)::int, d = s.d + (pool = 3)::int WHERE id = place;
  UPDATE patient SET visits = mine || ((place << 8) | (free << 2) | pool) WHERE id = person;
  RETURN free;
END $$;
CREATE OR REPLACE FUNCTION release(person uuid, place int, ignored int) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
  s slot%ROWTYPE; mine int[]; visit int; pool int;
BEGIN
  SELECT * INTO s FROM slot WHERE id = place FOR UPDATE;
  SELECT visits INTO mine FROM patient WHERE id = person FOR UPDATE;
  FOREACH visit IN ARRAY mine LOOP
    IF (visit >> 8) = place THEN
      pool := visit & 3;
      UPDATE slot SET taken = set_bit(s.taken, (visit >> 2) & 63, 0), a = s.a - (pool = 0)::int, b = s.b - (pool = 1)::int,
        c = s.c - (pool = 2)::int, d = s.d - (pool = 3)::int WHERE id = place;
      UPDATE patient SET visits = array_remove(mine, visit) WHERE id = person;
      RETURN 0;
    END IF;
  END LOOP;
  RETURN -1;
END $$"
    )
}

#[derive(Debug)]
struct Connection {
    stream: UnixStream,
    out: BytesMut,
    buffer: BytesMut,
}

fn failed(error: impl std::fmt::Display) -> String {
    format!("PostgreSQL: {error}")
}

impl Connection {
    fn open(socket: &Path) -> Result<Self, String> {
        let stream = UnixStream::connect(socket).map_err(failed)?;
        let mut connection = Self { stream, out: BytesMut::new(), buffer: BytesMut::with_capacity(1 << 16) };
        frontend::startup_message([("user", "bench"), ("database", "postgres")], &mut connection.out)
            .map_err(failed)?;
        connection.send()?;
        connection.until_ready(|_| Ok(()))?;
        Ok(connection)
    }

    fn send(&mut self) -> Result<(), String> {
        let sent = self.stream.write_all(&self.out).map_err(failed);
        self.out.clear();
        sent
    }

    /// The next message, if all of it came already.
    fn came(&mut self) -> Result<Option<backend::Message>, String> {
        match backend::Message::parse(&mut self.buffer).map_err(failed)? {
            Some(backend::Message::ErrorResponse(body)) => {
                let texts =
                    body.fields().map(|field| Ok(String::from_utf8_lossy(field.value_bytes()).into_owned()));
                let texts: Vec<String> = texts.collect().map_err(failed)?;
                Err(failed(texts.join(" ")))
            }
            message => Ok(message),
        }
    }

    fn message(&mut self) -> Result<backend::Message, String> {
        loop {
            if let Some(message) = self.came()? {
                return Ok(message);
            }
            let mut chunk = [0; 1 << 14];
            match self.stream.read(&mut chunk) {
                Ok(0) => return Err(failed("it closed the connection")),
                Ok(read) => self.buffer.extend_from_slice(&chunk[..read]),
                Err(error) => return Err(failed(error)),
            }
        }
    }

    /// Shows each row until the server is ready again.
    fn until_ready(&mut self, mut row: impl FnMut(&[u8]) -> Result<(), String>) -> Result<(), String> {
        loop {
            match self.message()? {
                backend::Message::ReadyForQuery(_) => return Ok(()),
                backend::Message::DataRow(body) => row(body.buffer())?,
                _ => {}
            }
        }
    }

    fn simple(&mut self, query: &str) -> Result<Vec<Vec<u8>>, String> {
        frontend::query(query, &mut self.out).map_err(failed)?;
        self.send()?;
        let mut rows = Vec::new();
        self.until_ready(|row| {
            rows.push(row.to_vec());
            Ok(())
        })?;
        Ok(rows)
    }
}

/// A client that has a function decide.
#[derive(Debug)]
pub struct Deciding {
    connection: Connection,
    shape: Shape,
    batch: Batch,
    /// The questions without an answer, in their order.
    flying: VecDeque<usize>,
}

impl Deciding {
    fn write(&mut self, ask: &Ask<'_>) -> Result<(), String> {
        let out = &mut self.connection.out;
        let request = ask.request();
        let name = if matches!(ask, Ask::Book(_)) { "book" } else { "release" };
        let person = request.patient.get().to_be_bytes();
        let place = self.shape.place(request).to_be_bytes();
        let pool = [0, 0, 0, u8::try_from(pool(request)).unwrap_or(u8::MAX)];
        let values: [&[u8]; 3] = [&person, &place, &pool];
        let write = |value: &[u8], out: &mut BytesMut| {
            out.extend_from_slice(value);
            Ok(IsNull::No)
        };
        frontend::bind("", name, [1], values, write, [1], out)
            .map_err(|_| failed("a parameter is too long"))?;
        frontend::execute("", 0, out).map_err(failed)?;
        if self.batch == Batch::Each {
            frontend::sync(out);
        }
        Ok(())
    }

    fn prepare(&mut self, commit: Commit) -> Result<(), String> {
        let commit = if commit == Commit::Synchronous { "on" } else { "off" };
        self.connection.simple(&format!("SET synchronous_commit = {commit}"))?;
        for name in ["book", "release"] {
            // uuid, int4, int4
            let types = [2_950, 23, 23];
            frontend::parse(name, &format!("SELECT {name}($1, $2, $3)"), types, &mut self.connection.out)
                .map_err(failed)?;
        }
        frontend::sync(&mut self.connection.out);
        self.connection.send()?;
        self.connection.until_ready(|_| Ok(()))
    }
}

impl Link for Deciding {
    fn one(&mut self, ask: &Ask<'_>) -> Result<Told, String> {
        let mut told = Vec::with_capacity(1);
        self.ask(std::slice::from_ref(ask), &mut told)?;
        told.pop().ok_or_else(|| failed("no answer"))
    }

    fn ask(&mut self, asks: &[Ask<'_>], told: &mut Vec<Told>) -> Result<(), String> {
        asks.iter().try_for_each(|ask| self.write(ask))?;
        if self.batch == Batch::Together {
            frontend::sync(&mut self.connection.out);
        }
        self.connection.send()?;
        let mut answers = told.len();
        let wanted = answers + asks.len();
        while answers < wanted {
            self.connection.until_ready(|row| {
                told.push(answer(row)?);
                Ok(())
            })?;
            if told.len() == answers {
                return Err(failed("no answer"));
            }
            answers = told.len();
        }
        Ok(())
    }

    fn send(&mut self, number: usize, ask: &Ask<'_>, _: &mut Vec<(usize, Told)>) -> Result<(), String> {
        self.flying.push_back(number);
        self.write(ask)
    }

    fn hear(&mut self, told: &mut Vec<(usize, Told)>) -> Result<(), String> {
        if self.batch == Batch::Together {
            frontend::sync(&mut self.connection.out);
        }
        self.connection.send()?;
        // A row counts when the server is ready again: its transaction is committed then.
        let mut committed = told.len();
        let mut next = Some(self.connection.message()?);
        while let Some(message) = next {
            match message {
                backend::Message::DataRow(body) => {
                    let number = self.flying.pop_front().ok_or_else(|| failed("an answer to no question"))?;
                    told.push((number, answer(body.buffer())?));
                }
                backend::Message::ReadyForQuery(_) => committed = told.len(),
                _ => {}
            }
            next = match self.connection.came()? {
                None if committed == 0 || committed < told.len() => Some(self.connection.message()?),
                came => came,
            };
        }
        Ok(())
    }
}

/// What the function returned: the length of the only column, then its four bytes.
fn answer(row: &[u8]) -> Result<Told, String> {
    let number = row.get(4..8).and_then(|bytes| bytes.try_into().ok()).map(i32::from_be_bytes);
    Told::from_wire(number.ok_or("PostgreSQL: no number")?)
}

impl System for Postgres {
    type Link<'a> = Deciding;

    fn publish(&mut self, shape: Shape) -> Result<(), String> {
        self.shape = shape;
        let mut connection = Connection::open(&self.socket)?;
        connection.simple("TRUNCATE slot, patient")?;
        connection.simple(&functions(shape))?;
        connection.simple(&format!(
            "INSERT INTO slot SELECT n, 0, 0, 0, 0, 0::bit(63) FROM generate_series(0, {}) n;
             INSERT INTO patient SELECT id, '{{}}' FROM person",
            shape.places() - 1
        ))?;
        for then in ["VACUUM ANALYZE slot", "VACUUM ANALYZE patient", "CHECKPOINT"] {
            connection.simple(then)?;
        }
        Ok(())
    }

    fn link(&self) -> Result<Deciding, String> {
        let connection = Connection::open(&self.socket)?;
        let mut link = Deciding { connection, shape: self.shape, batch: self.batch, flying: VecDeque::new() };
        link.prepare(self.commit)?;
        Ok(link)
    }

    fn loader(&self) -> Result<Deciding, String> {
        let connection = Connection::open(&self.socket)?;
        let mut link =
            Deciding { connection, shape: self.shape, batch: Batch::Together, flying: VecDeque::new() };
        link.prepare(Commit::Asynchronous)?;
        Ok(link)
    }

    fn taken(&self) -> Result<Vec<Taken>, String> {
        let mut connection = Connection::open(&self.socket)?;
        let rows = connection.simple("SELECT unnest(visits)::text || ' ' || id::text FROM patient")?;
        let parse = |row: &Vec<u8>| -> Option<Taken> {
            let text = std::str::from_utf8(row.get(4..)?).ok()?;
            let (visit, patient) = text.split_once(' ')?;
            let visit: u32 = visit.parse().ok()?;
            let seat = u8::try_from(visit >> 2 & 63).ok()?;
            Some((visit >> 8, seat, u128::from_str_radix(&patient.replace('-', ""), 16).ok()?))
        };
        rows.iter().map(|row| parse(row).ok_or_else(|| failed("a row that is no visit"))).collect()
    }
}

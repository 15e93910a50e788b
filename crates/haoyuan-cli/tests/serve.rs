//! `haoyuan serve` and `haoyuan token` as programs: started, asked, told to end, killed, started again.
#![cfg(unix)]

use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

const ME: &str = "5f0c6f0f6c1d4b7e9a3d2e1f00112233";

fn haoyuan(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_haoyuan"));
    command.args(["--lang", "en"]).args(args).stdin(Stdio::null());
    command
}

fn output(args: &[&str]) -> Output {
    haoyuan(args).output().unwrap()
}

/// A server that runs; killed if a test forgets it.
struct Serving {
    child: Child,
    authority: String,
    token: String,
}

impl Serving {
    fn start(args: &[&str]) -> Self {
        let args = [&["serve", "--address", "127.0.0.1:0", "--json"], args].concat();
        let mut child = haoyuan(&args).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: Value = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        let authority =
            told["url"].as_str().unwrap().trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { child, authority, token: told["token"].as_str().unwrap_or_default().to_owned() }
    }

    fn ask(&self, command: &Value) -> Value {
        self.ask_as(&self.token, command)
    }

    fn ask_as(&self, token: &str, command: &Value) -> Value {
        let body = command.to_string();
        let mut stream = TcpStream::connect(&self.authority).unwrap();
        let head = format!(
            "POST /v1/commands HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-type: application/json\r\n\
             authorization: Bearer {token}\r\ncontent-length: {}\r\n\r\n",
            self.authority,
            body.len()
        );
        stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        serde_json::from_str(text.split_once("\r\n\r\n").unwrap().1)
            .unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// A slot that the public can have, and a hold of it.
    fn hold(&self) -> Value {
        let days = [0, 6].map(|ahead| {
            let day = jiff::Timestamp::now().to_zoned(jiff::tz::Offset::constant(8).to_time_zone()).date();
            day.saturating_add(jiff::Span::new().days(ahead + 1)).to_string()
        });
        let search = json!({"command": "search", "class": "public", "channel": "web", "from": days[0], "to": days[1], "most": 1});
        let found = self.ask(&search)["found"][0].clone();
        self.ask(
            &json!({"command": "hold", "patient": ME, "session": found["session"], "slot": found["slot"],
            "class": "public", "channel": "web"}),
        )
    }

    fn bookings(&self) -> Value {
        self.ask(&json!({"command": "bookings", "patient": ME}))["bookings"].clone()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_demonstration_starts_books_and_ends_when_it_is_told() {
    for signal in ["-TERM", "-INT"] {
        let mut serving = Serving::start(&["--demo"]);
        assert_eq!(serving.hold()["outcome"], "granted");
        serving.signal(signal);
        assert_eq!(serving.wait().code(), Some(0));
    }
}

#[test]
fn what_was_answered_is_there_after_a_kill_and_after_an_end() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("journal");
    let arguments = ["--demo", "--sync", "--journal", folder.to_str().unwrap()];
    let mut serving = Serving::start(&arguments);
    let held = serving.hold();
    assert_eq!(held["outcome"], "granted", "{held}");
    serving.signal("-KILL");
    assert_eq!(serving.wait().code(), None);

    let mut again = Serving::start(&arguments);
    let bookings = again.bookings();
    assert_eq!((bookings.as_array().unwrap().len(), &bookings[0]["booking"]), (1, &held["booking"]));
    let confirm = json!({"command": "confirm", "patient": ME, "booking": held["booking"]});
    assert_eq!(again.ask(&confirm)["outcome"], "done");
    let hash = again.ask(&json!({"command": "state_hash"}))["hash"].clone();
    again.signal("-TERM");
    assert_eq!(again.wait().code(), Some(0));

    let third = Serving::start(&arguments);
    assert_eq!(third.bookings()[0]["standing"], "booked");
    assert_eq!(third.ask(&json!({"command": "state_hash"}))["hash"], hash);
    // The journal has one owner.
    let second = output(&[&["serve", "--address", "127.0.0.1:0"][..], &arguments[..]].concat());
    assert_eq!(second.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&second.stderr).contains("open elsewhere"), "{second:?}");
}

/// An entry of the file of tokens, and the token.
fn staff(role: &str) -> (String, String) {
    let made = output(&["token", "staff", "--name", role, "--role", role, "--id", "00000000000000a1"]);
    assert!(made.status.success(), "{made:?}");
    let told = String::from_utf8(made.stderr).unwrap();
    (String::from_utf8(made.stdout).unwrap(), told.trim().rsplit(' ').next().unwrap().to_owned())
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn tokens_are_taken_from_their_file_and_the_file_is_read_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let path = file.to_str().unwrap();
    let key = output(&["token", "key", "--id", "2026-11"]);
    let key = String::from_utf8(key.stdout).unwrap();
    let ((first, token), (second, other)) = (staff("operator"), staff("viewer"));
    assert!(!first.contains(&token));
    write(&file, &format!("{key}{first}"));
    let patient = output(&["token", "patient", "--tokens", path, "--patient", ME]);
    let patient = String::from_utf8(patient.stdout).unwrap();

    let serving = Serving::start(&["--tokens", path]);
    let hash = json!({"command": "state_hash"});
    let mine = json!({"command": "bookings", "patient": ME});
    assert_eq!(serving.ask_as(&token, &hash)["outcome"], "done");
    assert_eq!(serving.ask_as(patient.trim(), &mine)["outcome"], "done");
    assert_eq!(serving.ask_as(patient.trim(), &hash)["code"], "FORBIDDEN");
    assert_eq!(serving.ask_as(&other, &hash)["code"], "UNAUTHENTICATED");
    write(&file, &second);
    serving.signal("-HUP");
    let taken = (0..100).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(20));
        serving.ask_as(&other, &hash)["outcome"] == "done"
    });
    assert!(taken, "the new token is taken");
    assert_eq!(serving.ask_as(&token, &hash)["code"], "UNAUTHENTICATED", "the old one is not");
    assert_eq!(serving.ask_as(patient.trim(), &mine)["code"], "UNAUTHENTICATED");
    // A file that is wrong changes nothing.
    write(&file, "[[token]]\nname = \"x\"\n");
    serving.signal("-HUP");
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(serving.ask_as(&other, &hash)["outcome"], "done");
}

#[track_caller]
fn refused(args: &[&str], words: &str) {
    let output = output(args);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains(words), "{told}");
    assert!(output.stdout.is_empty());
}

#[test]
fn what_cannot_be_served_is_said_before_anything_is_opened() {
    refused(&["serve", "--address", "0.0.0.0:0"], "give a file of tokens");
    refused(&["serve", "--demo", "--address", "[::]:0"], "give a file of tokens");
    refused(&["serve", "--sync"], "--journal");
    refused(&["serve", "--demo", "--tokens", "x"], "--tokens");
    refused(&["serve", "--address", "localhost"], "--address");
    refused(&["serve", "--seats", "17000000"], "1–16000000");
    refused(&["serve", "--address", "127.0.0.1:0", "--origin", "https://a.example/x"], "no origin");
    refused(&["serve", "--tokens", "/nowhere/tokens.toml"], "cannot be read");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    std::fs::write(&file, "").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    refused(&["serve", "--tokens", file.to_str().unwrap()], "chmod 600");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    refused(&["serve", "--address", &address], "choose another with --address");
    refused(&["token", "staff", "--name", "x", "--role", "king"], "king");
    refused(&["token", "staff", "--name", "x", "--role", "clerk"], "who acts");
    refused(&["token", "patient", "--tokens", file.to_str().unwrap(), "--patient", "张三"], "32 hexadecimal");
    refused(&["token", "patient", "--tokens", file.to_str().unwrap(), "--patient", ME], "no key");
}

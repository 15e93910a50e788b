//! `haoyuan serve`: files, sockets and signals around the server.
//!
//! What is asked and answered is the server's business; here it is set up, told when to end, and what came of it is said.

mod demo;

use crate::args;
use crate::failure::{Failure, print};
use crate::files;
use crate::journal;
use crate::lang::{Lang, say};
use haoyuan::{Limits, Registry};
use haoyuan_serve::{Clock, Credentials, Error, Handle, Options, Rate, Server};
use serde_json::json;
use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use tokio::net::TcpListener;

/// Threads for what waits for locks and disks; the deciding threads are as many as there are cores.
const WAITING_THREADS: usize = 64;

/// Serves until a signal ends it.
pub(crate) fn run(options: &args::Serve, lang: Lang) -> Result<(), Failure> {
    let clock = Clock::default();
    let mut credentials = match &options.tokens {
        Some(path) => tokens(path, lang)?,
        None => Credentials::default(),
    };
    // Before anything of the demonstration, whose token is nobody's secret.
    Server::check_address(options.address, &credentials).map_err(|error| Failure::told(&error, lang))?;
    let registry = open(options, lang)?;
    let admin =
        if options.demo { Some(demo::open(&registry, &mut credentials, &clock, lang)?) } else { None };
    let server = Server::new(registry, credentials, chosen(options), clock)
        .map_err(|error| Failure::told(&error, lang))?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(WAITING_THREADS)
        .build()
        .map_err(|error| Failure::io("tokio", &error))?;
    let ended = runtime.block_on(async {
        let listener = TcpListener::bind(options.address).await.map_err(|error| {
            let reason = lang.system(&error);
            Failure::input(say!(lang, "serve.bind", address = options.address, reason = reason))
        })?;
        let address = listener.local_addr().map_err(|error| Failure::io(options.address, &error))?;
        tell_start(options, address, admin.as_deref(), lang)?;
        let end = end(server.handle(), options.tokens.clone(), lang);
        server.run(listener, end).await.map_err(|error| failed(options, &error, lang))
    })?;
    let hash = haoyuan_serve::credentials::hex(&ended.state_hash);
    eprintln!("{}", say!(lang, "serve.ended", hash = hash));
    Ok(())
}

/// Reads the file of tokens; what others can read is no secret.
fn tokens(path: &Path, lang: Lang) -> Result<Credentials, Failure> {
    let text = files::read(path, lang)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map(|data| data.permissions().mode()).unwrap_or_default();
        if mode & 0o077 != 0 {
            return Err(Failure::input(say!(lang, "serve.readable", file = path.display())));
        }
    }
    Credentials::parse(&path.display().to_string(), &text).map_err(|error| Failure::told(&error, lang))
}

fn open(options: &args::Serve, lang: Lang) -> Result<Registry, Failure> {
    let limits = options.seats.or(options.demo.then_some(demo::SEATS)).map(Limits::for_seats);
    let Some(folder) = &options.kept.journal else {
        let durability = haoyuan::Durability::Memory;
        return Ok(Registry::in_memory(&haoyuan::Options { durability, limits, ..Default::default() }));
    };
    journal::open(folder, journal::kept(&options.kept, limits), lang)
}

fn chosen(options: &args::Serve) -> Options {
    let default = Options::default();
    // Twice as much at once, after a rest.
    let rate = |chosen: Option<u32>, default: Option<Rate>| match chosen {
        None => default,
        Some(per_second) => NonZeroU32::new(per_second)
            .zip(NonZeroU32::new(per_second.saturating_mul(2)))
            .map(|(per_second, burst)| Rate::new(per_second, burst)),
    };
    let connections = options.connections.and_then(|most| usize::try_from(most).ok());
    Options {
        peer_rate: rate(options.peer_rate, default.peer_rate),
        patient_rate: rate(options.patient_rate, default.patient_rate),
        staff_rate: rate(options.staff_rate, default.staff_rate),
        connections: connections.unwrap_or(default.connections),
        proxies: options.proxy.clone(),
        origins: options.origin.clone(),
        page: options.page.clone(),
        demo: options.demo,
        ..default
    }
}

fn tell_start(
    options: &args::Serve,
    address: SocketAddr,
    admin: Option<&str>,
    lang: Lang,
) -> Result<(), Failure> {
    let url = format!("http://{address}/");
    if options.json {
        return print(&format!("{}\n", json!({"url": url, "token": admin})));
    }
    let state = match (&options.kept.journal, options.kept.sync) {
        (None, _) => say!(lang, "serve.in_memory"),
        (Some(folder), false) => say!(lang, "serve.async", folder = folder.display()),
        (Some(folder), true) => say!(lang, "serve.synced", folder = folder.display()),
    };
    let who = match admin {
        Some(token) => Some(say!(lang, "serve.demo", token = token)),
        None => options.tokens.is_none().then(|| say!(lang, "serve.no_tokens")),
    };
    let lines = [
        Some(say!(lang, "serve.listens", url = url)),
        Some(state),
        who,
        Some(say!(lang, "serve.how_to_end")),
    ];
    print(&lines.into_iter().flatten().map(|line| line + "\n").collect::<String>())
}

/// Ready when the server is told to end. On the way, a hang-up has the file of tokens read again.
async fn end(server: Handle, tokens_file: Option<PathBuf>, lang: Lang) {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let signals =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()), signal(SignalKind::hangup()));
        let (Ok(mut terminate), Ok(mut interrupt), Ok(mut hang_up)) = signals else { return };
        loop {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = interrupt.recv() => return,
                _ = hang_up.recv() => reload(&server, tokens_file.as_deref(), lang),
            }
        }
    }
    #[cfg(not(unix))]
    {
        let _ = (server, tokens_file, lang);
        // Without a way to be told the server would never end; so it does at once.
        let _ = tokio::signal::ctrl_c().await;
    }
}

#[cfg(unix)]
fn reload(server: &Handle, file: Option<&Path>, lang: Lang) {
    let Some(path) = file else { return };
    match tokens(path, lang) {
        Ok(credentials) => {
            server.set_credentials(credentials);
            eprintln!("{}", say!(lang, "serve.reloaded", file = path.display()));
        }
        // What was in force stays in force.
        Err(Failure::Input(text) | Failure::Violated(text)) => {
            eprintln!("{}", say!(lang, "error", text = text));
        }
        Err(Failure::Stream(_) | Failure::Gone) => {}
    }
}

fn failed(options: &args::Serve, error: &Error, lang: Lang) -> Failure {
    match (error, &options.kept.journal) {
        (Error::Registry(error), Some(folder)) => journal::failure(folder, error, lang),
        _ => Failure::told(error, lang),
    }
}

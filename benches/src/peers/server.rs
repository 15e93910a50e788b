//! A server of the bench's own: started in a temporary folder on a socket of its own, gone when the bench is.
//!
//! INVARIANT (nothing stays behind): the server ends with its guard, and with the bench itself however that ends, because
//! the kernel is asked to tell it (`setpriv --pdeathsig`); its folder goes with it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running server.
#[derive(Debug)]
pub struct Server {
    child: Child,
    signal: &'static str,
    log: PathBuf,
}

/// How long a server may take to start or to stop.
const PATIENCE: Duration = Duration::from_secs(20);

/// The first of these programs that there is.
#[must_use]
pub fn find(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let all = folders.iter().cloned().chain(std::env::split_paths(&path));
    all.map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// What a command prints.
///
/// # Errors
/// If it cannot be run, or fails.
pub fn output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(format!(
        "{command:?} failed: {}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// A command that ends with this process, as another user if one is named.
#[must_use]
pub fn command(program: &Path, user: Option<&str>) -> Command {
    let mut command = Command::new("setpriv");
    command.arg("--pdeathsig=TERM");
    if let Some(user) = user {
        command.args([format!("--reuid={user}"), format!("--regid={user}"), "--init-groups".to_owned()]);
    }
    command.arg("--").arg(program);
    command
}

impl Server {
    /// Starts it; `is_up` says when it can be asked. It is stopped by `signal`.
    ///
    /// # Errors
    /// What it wrote into its log, if it does not come up.
    pub fn start(
        mut command: Command,
        folder: &Path,
        signal: &'static str,
        is_up: impl Fn() -> bool,
    ) -> Result<Self, String> {
        let log = folder.join("log");
        let file = File::create(&log).map_err(|error| format!("{}: {error}", log.display()))?;
        let again = file.try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::null()).stdout(file).stderr(again);
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let mut server = Self { child, signal, log };
        let began = Instant::now();
        while !is_up() {
            let ended = server.child.try_wait().map_err(|error| error.to_string())?;
            if ended.is_some() || began.elapsed() > PATIENCE {
                let log = std::fs::read_to_string(&server.log).unwrap_or_default();
                return Err(format!("the server did not come up: {log}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(server)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let _ = Command::new("kill").args([self.signal, &self.child.id().to_string()]).status();
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

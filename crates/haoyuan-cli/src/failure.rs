//! How a run of the program can end, other than well.

use crate::lang::Lang;
use haoyuan_core::said;
use haoyuan_core::said::{Said, Speak};
use std::fmt::Display;
use std::io;
use std::process::ExitCode;

/// Why the program stops.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Bad usage or bad input: exit code 2. The text says what to do.
    Input(String),
    /// A stream that cannot be read or written: exit code 2.
    Stream(Said),
    /// A check was violated: exit code 1. What and how often is already in the report.
    Violated(String),
    /// Whoever reads our output has gone. Nobody is left to be told, and that is no error.
    Gone,
}

impl Failure {
    /// Bad usage or bad input.
    pub(crate) fn input(text: impl Into<String>) -> Self {
        Self::Input(text.into())
    }

    /// Bad input, in the words of whoever refused it.
    pub(crate) fn told(error: &impl Speak, lang: Lang) -> Self {
        Self::Input(lang.of(error))
    }

    /// A file or stream that cannot be read or written.
    pub(crate) fn io(name: impl Display, error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::Gone
        } else {
            let name = name.to_string();
            Self::Stream(said!(
                "{name}: {error}",
                "{name}:{error}",
                name,
                error = haoyuan::journal::system(error)
            ))
        }
    }

    /// The exit code: 0 ok, 1 a check was violated, 2 bad usage or input.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Gone => ExitCode::SUCCESS,
            Self::Violated(_) => ExitCode::from(1),
            Self::Input(_) | Self::Stream(_) => ExitCode::from(2),
        }
    }
}

/// Writes to standard output; a reader that has gone ends the program quietly.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    use io::Write;
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|error| Failure::io("stdout", &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_to_end_has_its_exit_code() {
        let code = |failure: Failure| format!("{:?}", failure.code());
        assert_eq!(code(Failure::input("x")), format!("{:?}", ExitCode::from(2)));
        assert_eq!(code(Failure::Violated(String::new())), format!("{:?}", ExitCode::from(1)));
        assert_eq!(code(Failure::Gone), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(
            code(Failure::io("x", &io::ErrorKind::BrokenPipe.into())),
            format!("{:?}", ExitCode::SUCCESS)
        );
        assert_eq!(
            code(Failure::io("x", &io::ErrorKind::PermissionDenied.into())),
            format!("{:?}", ExitCode::from(2))
        );
    }
}

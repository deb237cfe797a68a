//! How a command ends, and what that is to the shell. Nothing else in the program names an exit code.

use std::io::{self, Write as _};
use std::process::ExitCode;

/// A command that did its work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Exit 0.
    Fine,
    /// There are findings, or nothing was found. Exit 1.
    Findings,
}

/// A command that did not. The text is for the reader: it says what happened and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The command, its config file or its query is wrong. Exit 2.
    Usage(String),
    /// The server or the machine is. Exit 3.
    Server(String),
    /// Nobody reads the output any more (`martlog search … | head`). Not an error: exit 0, in silence.
    ReaderGone,
}

impl From<io::Error> for Failure {
    /// An error of writing to standard output.
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ReaderGone,
            _ => Self::Server(format!("cannot write the output: {error}")),
        }
    }
}

/// Says on standard error why it failed, and gives the exit code.
pub(crate) fn report(ended: Result<Outcome, Failure>) -> ExitCode {
    let (code, text) = match ended {
        Ok(Outcome::Fine) | Err(Failure::ReaderGone) => return ExitCode::SUCCESS,
        Ok(Outcome::Findings) => return ExitCode::from(1),
        Err(Failure::Usage(text)) => (2, text),
        Err(Failure::Server(text)) => (3, text),
    };
    // When standard error is gone too, the code is all that can be said.
    let _ = writeln!(io::stderr().lock(), "martlog: {text}");
    ExitCode::from(code)
}

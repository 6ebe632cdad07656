use std::error::Error as _;
use std::io;
use std::process::ExitCode;

use diskwright::{Error, ErrorKind};

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command line asks for something that makes no sense.
    Usage(String),
    /// The engine refused or failed.
    Engine(Error),
    /// Standard output or error cannot be written.
    Output(io::Error),
    /// What was asked for was done, and the answer, already printed, is bad.
    Answered,
    /// What was asked for was done, and the answer, already printed, is that nobody knows.
    Undecided,
    /// Something could not be read, which was said already.
    Unreadable,
}

impl Failure {
    /// Tells the user and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        match self {
            Self::Usage(message) => {
                eprintln!("error: {message}\n\nFor more information, try 'diskwright --help'.");
                ExitCode::from(USAGE)
            }
            Self::Engine(error) if error.kind() == ErrorKind::Cancelled => {
                eprintln!("cancelled: nothing was left behind");
                ExitCode::from(CANCELLED)
            }
            Self::Engine(error) => {
                eprintln!("error: {error}");
                let mut source = error.source();
                while let Some(cause) = source {
                    eprintln!("  because: {cause}");
                    source = cause.source();
                }
                ExitCode::from(if is_usage(&error) { USAGE } else { FAILED })
            }
            Self::Answered => ExitCode::from(FAILED),
            Self::Undecided => ExitCode::from(UNDECIDED),
            Self::Unreadable => ExitCode::from(USAGE),
            // A closed pipe has no reader to tell.
            Self::Output(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(FAILED),
            Self::Output(error) => {
                eprintln!("error: cannot write to standard output: {error}");
                ExitCode::from(FAILED)
            }
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Engine(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Output(error)
    }
}

/// Options come from the command line only; a setting is named with its flag if that is where it came from.
fn is_usage(error: &Error) -> bool {
    let names_flag = |error: &Error| error.field().is_some_and(|field| field.starts_with("--"));
    error.kind() == ErrorKind::InvalidOption || names_flag(error) || error.also().iter().any(names_flag)
}

pub(crate) const FAILED: u8 = 1;
pub(crate) const USAGE: u8 = 2;
pub(crate) const UNDECIDED: u8 = 3;
pub(crate) const CANCELLED: u8 = 130;

//! The `diskwright` command line as a library: a program with formats of its own is three lines.
//!
//! ```no_run
//! fn main() -> std::process::ExitCode {
//!     let registry = diskwright::builtin_registry().and_then(|registry| {
//!         // registry.register(my_format::ENTRY)?;
//!         Ok(registry)
//!     });
//!     diskwright_cli::main(registry, std::env::args_os())
//! }
//! ```

mod arguments;
mod capture;
mod check;
mod digest_list;
mod disk_arguments;
mod failure;
mod formats;
mod generate;
mod guest_arguments;
mod lint;
mod pages;
mod plan;
mod prepare;
mod verify;
mod watch;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser;
use diskwright::format::Registry;

use arguments::{Arguments, Command};
use failure::Failure;

/// Runs the command that `arguments` (the program's name first) ask for, with the formats of `registry`.
///
/// Results go to standard output, progress and messages to standard error. The exit code is 0 when done, 1 when it
/// failed, 2 for a usage error, 3 when a check could not decide, 130 when it was cancelled.
pub fn run(registry: &Registry, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come as errors that go to standard output.
            let printed = error.print();
            let code = if error.use_stderr() { failure::USAGE } else { 0 };
            return ExitCode::from(if printed.is_err() { failure::FAILED } else { code });
        }
    };
    let done = match arguments.command {
        Command::Generate(arguments) => generate::generate(registry, &arguments),
        Command::Capture(arguments) => capture::capture(&arguments),
        Command::Plan(arguments) => plan::plan(registry, &arguments),
        Command::Check(arguments) => check::check(registry, &arguments),
        Command::Formats(arguments) => formats::formats(registry, arguments.output),
        Command::Lint(arguments) => lint::lint(&arguments),
        Command::Verify(arguments) => verify::verify(&arguments),
        Command::Completions(arguments) => pages::completions(arguments.shell),
        Command::Man(arguments) => pages::man(arguments.command.as_deref()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// As [`run`], with a registry that may have failed to come about.
pub fn main(
    registry: diskwright::Result<Registry>,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitCode {
    match registry {
        Ok(registry) => run(&registry, arguments),
        Err(error) => Failure::from(error).report(),
    }
}

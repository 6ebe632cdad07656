//! The command line: to run a server, and to administer the one whose data directory is named.

mod files;
mod log;
mod options;
mod serve;

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand, ValueHint};
use diskwright::format::Registry;

/// Answers the scan-image API and makes the images that it is asked for.
#[derive(Debug, Parser)]
#[command(name = "diskwright-server", version, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the server until it is told to stop (SIGINT, SIGTERM)
    Serve(Box<serve::ServeArguments>),
}

/// Which server.
#[derive(Debug, Args)]
struct DataArguments {
    /// Directory of the server's database, uploads and images
    #[arg(long, value_name = "DIR", env = "DISKWRIGHT_DATA", value_hint = ValueHint::DirPath)]
    data: PathBuf,
}

/// Runs the command that `arguments` (the program's name first) ask for, with the formats of `registry`.
///
/// The exit code is 0 when done, 1 when it failed, 2 for a usage error.
pub fn run(registry: Registry, arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come as errors that go to standard output.
            let printed = error.print();
            let code = if error.use_stderr() { 2 } else { 0 };
            return ExitCode::from(if printed.is_err() { 1 } else { code });
        }
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error.into()),
    };
    let done = match arguments.command {
        Command::Serve(arguments) => runtime.block_on(serve::serve(registry, *arguments)),
    };
    done.map_or_else(|error| failed(&error), |()| ExitCode::SUCCESS)
}

/// As [`run`], with a registry that may have failed to come about.
pub fn main(
    registry: diskwright::Result<Registry>,
    arguments: impl IntoIterator<Item = OsString>,
) -> ExitCode {
    match registry {
        Ok(registry) => run(registry, arguments),
        Err(error) => failed(&error.into()),
    }
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("diskwright-server: {error:#}");
    ExitCode::FAILURE
}

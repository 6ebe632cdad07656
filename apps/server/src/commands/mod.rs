//! The command line: to run a server, and to administer the one whose data directory is named.

mod demo;
mod files;
mod key;
mod limit;
mod log;
mod options;
mod scan;
mod serve;
mod service;
mod user;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::ensure;
use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};
use diskwright::format::Registry;

use crate::accounts::is_note;
use crate::folder::Folder;
use crate::store::Store;

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

    /// Run a server that has a scan to try, and say how: with an account for it, in a directory that is made if absent
    Demo(Box<demo::DemoArguments>),

    /// Administer accounts
    #[command(subcommand)]
    User(user::UserCommand),

    /// Administer API keys
    #[command(subcommand)]
    Key(key::KeyCommand),

    /// Administer scans
    #[command(subcommand)]
    Scan(scan::ScanCommand),
}

/// Which server.
#[derive(Debug, Args)]
struct DataArguments {
    /// Directory of the server's database, uploads and images
    #[arg(long, value_name = "DIR", env = "DISKWRIGHT_DATA", value_hint = ValueHint::DirPath)]
    data: PathBuf,
}

impl DataArguments {
    /// The directory and its database. A server may have them open, too: it sees every change at its next request.
    async fn open(&self) -> anyhow::Result<(Folder, Store)> {
        let data = self.data.display();
        // A slip of the pen must not make a new server.
        ensure!(
            self.data.join("state.db").is_file(),
            "{data} is no server's data directory: it has no state.db"
        );
        self.make().await
    }

    /// The same, made if absent.
    async fn make(&self) -> anyhow::Result<(Folder, Store)> {
        let folder = Folder::open(&self.data)?;
        let store = Store::open(&folder.database()).await?;
        Ok((folder, store))
    }
}

/// How a command writes what it found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum OutputMode {
    /// For people
    Text,
    /// For programs
    Json,
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
        Command::Demo(arguments) => runtime.block_on(demo::run(registry, *arguments)),
        Command::User(command) => runtime.block_on(user::run(command)),
        Command::Key(command) => runtime.block_on(key::run(command)),
        Command::Scan(command) => runtime.block_on(scan::run(command)),
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

/// The value of an option that is a name or a note.
fn note(text: &str) -> anyhow::Result<String> {
    ensure!(is_note(text), "one line of 1 to 255 bytes is wanted");
    Ok(text.to_owned())
}

/// Writes `text` to standard output.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}

fn failed(error: &anyhow::Error) -> ExitCode {
    eprintln!("diskwright-server: {error:#}");
    ExitCode::FAILURE
}

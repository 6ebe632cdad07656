//! The server as its administrator runs it. What the tests assume of its command line stands here and nowhere else.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process};

use crate::program::Program;
use crate::tool::text;

/// A server's data directory, and the program that serves it.
#[derive(Debug)]
pub struct Installation {
    program: PathBuf,
    room: PathBuf,
}

impl Installation {
    /// A new one in the empty directory `room`, for the server of this workspace, or for the program that
    /// `DISKWRIGHT_SERVER` names.
    ///
    /// # Errors
    /// If the server cannot be built or the data directory not be made.
    pub fn new(room: &Path) -> Result<Self> {
        let installation = Self { program: program()?, room: room.to_path_buf() };
        fs::create_dir(installation.data())?;
        Ok(installation)
    }

    /// Adds a user who may upload scans and make images of them.
    ///
    /// # Errors
    /// With all the program wrote, if it refuses.
    pub fn add_user(&self, login: &str, password: &str) -> Result<()> {
        let file = self.room.join("password");
        fs::write(&file, format!("{password}\n"))?;
        let file = file.as_os_str();
        self.administer(["user", "add", login, "--role", "user", "--password-file"].map(OsStr::new), &[file])
    }

    /// Adds the scan at `path` under the scanned instance `name` of the user `login`.
    ///
    /// # Errors
    /// With all the program wrote, if it refuses.
    pub fn add_scan(&self, login: &str, name: &str, path: &Path) -> Result<()> {
        self.administer(["scan", "add", "--user", login, "--name", name].map(OsStr::new), &[path.as_os_str()])
    }

    /// Starts the server on a free port of this machine, and waits until it listens.
    ///
    /// # Errors
    /// With its log, if it does not come to listen.
    pub fn start(&self) -> Result<Server> {
        self.start_with(&[])
    }

    /// As [`Installation::start`], with more options of the program's `serve`.
    ///
    /// # Errors
    /// With its log, if it does not come to listen.
    pub fn start_with(&self, options: &[&str]) -> Result<Server> {
        let mut command = Command::new(&self.program);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(self.data()).args(options);
        Ok(Server::spawn(command, &self.room)?.0)
    }

    fn data(&self) -> PathBuf {
        self.room.join("data")
    }

    fn administer<const N: usize>(&self, leading: [&OsStr; N], following: &[&OsStr]) -> Result<()> {
        let mut command = Command::new(&self.program);
        command.args(leading).args(following).arg("--data").arg(self.data()).stdin(Stdio::null());
        let output = command.output().with_context(|| format!("{command:?}"))?;
        ensure!(output.status.success(), "{command:?}: {}\n{}", output.status, text(&output));
        Ok(())
    }
}

/// A server that listens; it ends when dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    origin: String,
    log: PathBuf,
}

impl Server {
    /// Starts a server in the directory `room` by a command line that begins with [`CARGO_RUN`], with the program for those words,
    /// on a free port of this machine; waits until it has said all that it says, which comes with it.
    ///
    /// # Errors
    /// If the line begins in another way; with the log, if the server does not get there.
    pub fn demonstrate(line: &str, room: &Path) -> Result<(Self, String)> {
        let arguments = line.strip_prefix(CARGO_RUN).with_context(|| format!("not {CARGO_RUN}: {line}"))?;
        let mut command = Command::new("sh");
        command.args(["-c", &format!("exec \"$0\" {arguments}")]).arg(program()?);
        command.current_dir(room).env("DISKWRIGHT_LISTEN", "127.0.0.1:0").env_remove("DISKWRIGHT_DATA");
        let (server, lines) = Self::spawn(command, room)?;
        let mut said = String::new();
        while !said.contains("Ctrl-C") {
            match lines.recv_timeout(READ_DEADLINE) {
                Ok(line) => said.push_str(&format!("{line}\n")),
                Err(_) => bail!("the server says no more:\n{said}\n{}", server.log()),
            }
        }
        Ok((server, said))
    }

    /// Runs `command`, and waits until its first line says where it listens; the others come with it.
    fn spawn(mut command: Command, room: &Path) -> Result<(Self, Receiver<String>)> {
        let log = room.join("server.log");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(File::create(&log)?);
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let output = child.stdout.take().context("a server without output")?;
        let mut server = Self { child, origin: String::new(), log };
        let lines = lines_of(output);
        let line = lines.recv_timeout(START_DEADLINE);
        let origin = line.ok().and_then(|line| Some(line.strip_prefix("listening on ")?.to_owned()));
        match origin {
            Some(origin) => server.origin = origin,
            None => bail!("the server does not come to listen:\n{}", server.log()),
        }
        Ok((server, lines))
    }

    /// Where its web page is: `http://`, address and port.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Its address and port.
    pub fn address(&self) -> &str {
        self.origin.trim_start_matches("http://")
    }

    /// The base of the API, before `/status`.
    pub fn api(&self) -> String {
        format!("{}/api", self.origin)
    }

    /// Bytes of memory that it has at the moment.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn resident(&self) -> Result<u64> {
        self.memory("VmRSS:")
    }

    /// The most bytes of memory that it has had.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn peak_resident(&self) -> Result<u64> {
        self.memory("VmHWM:")
    }

    fn memory(&self, field: &str) -> Result<u64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let line = line.with_context(|| format!("no {field}"))?;
        let kib: u64 = line.trim().trim_end_matches("kB").trim().parse()?;
        Ok(kib.saturating_mul(1024))
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read(&self.log).map_or_else(
            |error| format!("{}: {error}", self.log.display()),
            |log| String::from_utf8_lossy(&log).into_owned(),
        )
    }

    /// Tells it to stop, and waits until it has.
    ///
    /// # Errors
    /// With its log, if it does not stop in time or fails.
    pub fn stop(mut self) -> Result<()> {
        kill_process(Pid::from_child(&self.child), Signal::TERM)?;
        let end = Instant::now() + STOP_DEADLINE;
        while Instant::now() < end {
            if let Some(status) = self.child.try_wait()? {
                ensure!(ExitStatus::success(&status), "the server ends with {status}:\n{}", self.log());
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("the server does not stop:\n{}", self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have stopped by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How the README runs the server.
pub const CARGO_RUN: &str = "cargo run --release --bin diskwright-server -- ";

/// The server of this workspace, or the program that `DISKWRIGHT_SERVER` names.
fn program() -> Result<PathBuf> {
    static PROGRAM: Program = Program::new("diskwright-server", "diskwright-server");
    match std::env::var_os("DISKWRIGHT_SERVER") {
        Some(other) => Ok(PathBuf::from(other)),
        None => Ok(PROGRAM.path()?.to_path_buf()),
    }
}

/// The lines that `output` gives, read on so that the writer never waits.
fn lines_of(output: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(std::io::Result::ok) {
            // Whoever waited for what comes first does not listen any more.
            let _ = sender.send(line);
        }
    });
    lines
}

const START_DEADLINE: Duration = Duration::from_secs(60);
/// How long a scan may take to be read.
const READ_DEADLINE: Duration = Duration::from_secs(300);
const STOP_DEADLINE: Duration = Duration::from_secs(60);

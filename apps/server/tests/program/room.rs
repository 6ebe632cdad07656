use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use assert_cmd::assert::Assert;
use serde_json::Value;
use tempfile::TempDir;

/// A data directory with an account `guest`.
pub(crate) struct Room {
    pub(crate) directory: TempDir,
}

impl Room {
    pub(crate) fn new() -> Self {
        let room = Self { directory: tempfile::tempdir().unwrap() };
        let mut add = room.command(&["user", "add", "guest", "--password-file", "-"]);
        add.write_stdin(PASSWORD).assert().success();
        room
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// What the program says to `arguments`.
    pub(crate) fn run(&self, arguments: &[&str]) -> Assert {
        self.command(arguments).assert()
    }

    fn command(&self, arguments: &[&str]) -> assert_cmd::Command {
        let mut command = assert_cmd::Command::new(PROGRAM);
        command.args(arguments).arg("--data").arg(self.data()).env_remove("DISKWRIGHT_DATA");
        command
    }
}

/// A server that runs in a room; it is killed with its owner.
pub(crate) struct Running {
    process: Child,
    pub(crate) address: String,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Running {
    pub(crate) fn start(room: &Room) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(room.data());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { process, address }
    }

    /// SIGKILL.
    pub(crate) fn kill(self) {
        drop(self);
    }

    /// A connection that nothing was said on yet.
    pub(crate) fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    /// Asks as `guest`, for JSON; `headers` each with the end of its line.
    pub(crate) fn ask(&self, method: &str, uri: &str, headers: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        // The login with its password, as the API's documentation writes it.
        let head = format!(
            "{method} /api/{uri} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: application/json\r\n\
             Authorization: Basic guest:{PASSWORD}\r\nContent-Length: {}\r\n{headers}\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        Answer { status, body: answer.split_off(end + 4) }
    }

    pub(crate) fn get(&self, uri: &str) -> Answer {
        self.ask("GET", uri, "", &[])
    }

    /// The document at `uri`, without its root.
    pub(crate) fn json(&self, uri: &str) -> Value {
        let answer = self.get(uri);
        assert_eq!(answer.status, 200, "{uri}: {}", answer.text());
        let Value::Object(root) = serde_json::from_slice(&answer.body).unwrap() else {
            panic!("{uri}: no object")
        };
        root.into_values().next().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_diskwright-server");
pub(crate) const PASSWORD: &str = "a long password";

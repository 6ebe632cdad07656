//! The running program: its options, its signals, its log.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_diskwright-server");

/// A server that runs.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
    _data: TempDir,
}

impl Running {
    fn new(arguments: &[&str]) -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0"]).args(arguments).arg("--data").arg(data.path());
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let address = address(&mut output);
        Self { child, output, address, _data: data }
    }

    fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.address).unwrap()
    }

    fn say(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    fn tell(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    /// How it ends, and what it logged.
    fn end(mut self) -> (ExitStatus, String) {
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (self.child.wait().unwrap(), log)
    }
}

fn address(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    line.trim_end().strip_prefix("listening on http://").unwrap_or_else(|| panic!("{line:?}")).to_owned()
}

#[test]
fn a_signal_ends_the_server_when_its_requests_are_answered() {
    for signal in [Signal::TERM, Signal::INT] {
        let server = Running::new(&[]);
        let mut busy = server.connect();
        // The handler waits for the body that it refuses to be without.
        busy.write_all(b"GET /api/status HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        let mut first = [0; 12];
        busy.read_exact(&mut first).unwrap();
        assert_eq!(&first, b"HTTP/1.1 200");
        server.tell(signal);
        let (status, log) = server.end();
        assert!(status.success(), "{status}: {log}");
        assert!(log.contains("stopped"), "{log}");
    }
}

#[test]
fn a_second_signal_ends_it_at_once() {
    let server = Running::new(&["--shutdown-timeout", "86400", "--head-timeout", "86400"]);
    let mut busy = server.connect();
    let head = "POST /api/users/guest/scannedinstances HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n";
    // Wrong credentials keep the server busy for a moment: what counts is that the first signal was seen.
    busy.write_all(format!("{head}Authorization: Basic YTph\r\n").as_bytes()).unwrap();
    let mut server = server;
    server.tell(Signal::TERM);
    let mut log = BufReader::new(server.child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("stopping") {
        line.clear();
        assert_ne!(log.read_line(&mut line).unwrap(), 0, "the log ends");
    }
    server.tell(Signal::TERM);
    let mut rest = String::new();
    log.read_to_string(&mut rest).unwrap();
    // It may have been quicker than the second signal: then it has ended well.
    let code = server.child.wait().unwrap().code();
    assert!(code == Some(1) || rest.contains("stopped"), "{code:?}: {rest}");
}

#[test]
fn metrics_and_health_have_an_address_of_their_own() {
    let mut server = Running::new(&["--admin-listen", "127.0.0.1:0"]);
    let admin = address(&mut server.output);
    let ask = |address: &str, path: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    assert!(ask(&admin, "/metrics").contains("diskwright_connections{state=\"waiting\"}"));
    assert!(ask(&admin, "/health/ready").starts_with("HTTP/1.1 200 "));
    assert!(ask(&server.address, "/metrics").starts_with("HTTP/1.1 404 "));
    server.tell(Signal::TERM);
    assert!(server.end().0.success());
}

#[test]
fn the_log_has_a_line_for_each_request_and_no_secret() {
    let server = Running::new(&["--log-format", "json", "--log-level", "debug"]);
    let query = "apiKey=topsecret1&downloadId=topsecret2&signature=topsecret3";
    let authorization = "Authorization: Basic dG9wOnNlY3JldDQ=\r\nX-Request-Id: mine";
    let answer = server.say(&format!(
        "GET /api/users/top?{query} HTTP/1.1\r\nHost: a\r\n{authorization}\r\nConnection: close\r\n\r\n"
    ));
    assert!(answer.starts_with("HTTP/1.1 401 "), "{answer}");
    server.tell(Signal::TERM);
    let (_, log) = server.end();
    let lines: Vec<serde_json::Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = lines.iter().find(|line| line["message"] == "request").unwrap_or_else(|| panic!("{log}"));
    assert_eq!(line["route"], "/users/{uid}");
    assert_eq!(line["status"], 401);
    assert_eq!(line["method"], "GET");
    assert_eq!(line["id"], "mine");
    for secret in ["topsecret", "secret4", "dG9wOnNlY3JldDQ"] {
        assert!(!log.contains(secret), "{log}");
    }
}

#[test]
fn settings_come_from_the_environment_too() {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .arg("serve")
        .env("DISKWRIGHT_DATA", data.path())
        .env("DISKWRIGHT_LISTEN", "127.0.0.1:0,127.0.0.1:0");
    command.env("DISKWRIGHT_CONNECTIONS", "10").env("DISKWRIGHT_LOG_LEVEL", "warn");
    command.env("DISKWRIGHT_BOOT", "optional").env("DISKWRIGHT_MEMORY", "1G").env("DISKWRIGHT_QUEUE", "5");
    command
        .env("DISKWRIGHT_MAX_ENTRIES", "1000")
        .env("DISKWRIGHT_MAX_UNPACKED", "2G")
        .env("DISKWRIGHT_MAX_RATIO", "9");
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    assert_ne!(address(&mut output), address(&mut output));
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_setting_that_cannot_be_honoured_is_refused_with_its_name() {
    for (arguments, named) in [
        (&["--listen", "somewhere"] as &[&str], "--listen"),
        (&["--connections", "0"], "--connections"),
        (&["--connections", "many"], "--connections"),
        (&["--head-timeout", "0"], "--head-timeout"),
        (&["--idle-timeout", "1.5"], "--idle-timeout"),
        (&["--stall-timeout=-1"], "--stall-timeout"),
        (&["--handshake-timeout", "99999999"], "--handshake-timeout"),
        (&["--shutdown-timeout", "soon"], "--shutdown-timeout"),
        (&["--min-rate", "1K"], "--min-rate"),
        (&["--quota-bytes", "10"], "--quota-bytes"),
        (&["--quota-images=-1"], "--quota-images"),
        (&["--reserve", "1GB"], "--reserve"),
        (&["--threads", "0"], "--threads"),
        (&["--memory", "63M"], "--memory"),
        (&["--memory", "512"], "--memory"),
        (&["--queue", "0"], "--queue"),
        (&["--boot", "sometimes"], "--boot"),
        (&["--max-entries", "0"], "--max-entries"),
        (&["--max-unpacked", "100GB"], "--max-unpacked"),
        (&["--max-ratio", "2.5"], "--max-ratio"),
        (&["--generations", "0"], "--generations"),
        (&["--log-level", "=="], "--log-level"),
        (&["--log-format", "xml"], "--log-format"),
        (&["--tls-cert", "/nowhere"], "--tls-key"),
        (&["--tls-key", "/nowhere"], "--tls-cert"),
        (&["--tls-cert", "/nowhere/cert", "--tls-key", "/nowhere/key"], "/nowhere/cert"),
    ] {
        let data = tempfile::tempdir().unwrap();
        let mut command = assert_cmd::Command::new(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(data.path()).args(arguments);
        let output = command.timeout(std::time::Duration::from_secs(60)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{arguments:?}");
        assert!(said.contains(named), "{arguments:?}: {said}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
    }
}

#[test]
fn more_connections_than_open_files_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -n 2000 && exec \"$0\" \"$@\"", PROGRAM, "serve", "--listen", "127.0.0.1:0"]);
    command.args(["--connections", "1999", "--data"]).arg(data.path());
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("--connections 1999 needs 3023 open files, and the system allows 2000"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

//! The command that makes a server with a scan to try.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::room::PROGRAM;

const TREE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/valid/small-machine.tar");

/// A demonstration that runs; it is killed with its owner.
struct Demo {
    process: Child,
    output: BufReader<ChildStdout>,
    address: String,
    /// What it says until Ctrl-C is named.
    said: String,
}

impl Demo {
    fn start(room: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["demo", "--listen", "127.0.0.1:0", "--boot", "optional"]).args(arguments);
        command.current_dir(room).env_remove("DISKWRIGHT_DATA").stdin(Stdio::null());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut said = String::new();
        while !said.contains("Ctrl-C") {
            assert_ne!(output.read_line(&mut said).unwrap(), 0, "it ends: {said}");
        }
        let first = said.lines().next().unwrap();
        let address = first.strip_prefix("listening on http://").unwrap().to_owned();
        Self { process, output, address, said }
    }

    /// The password that it made up, if it did.
    fn password(&self) -> Option<&str> {
        self.said.lines().find_map(|line| line.strip_prefix("account guest, password "))
    }

    /// The status line of the answer to who asks for the scan with `password`.
    fn scan(&self, password: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "GET /api/users/guest/scannedinstances/1/scans/1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\
             Authorization: Basic guest:{password}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.lines().next().unwrap().to_owned()
    }

    /// Ends it as Ctrl-C does.
    fn end(mut self) {
        kill_process(Pid::from_child(&self.process), Signal::INT).unwrap();
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn a_demonstration_is_taken_up_again_as_it_was_left() {
    let room = tempfile::tempdir().unwrap();
    let demo = Demo::start(room.path(), &[TREE]);
    assert!(room.path().join("server-data/state.db").is_file());
    let password = demo.password().unwrap().to_owned();
    assert_eq!(demo.scan(&password), "HTTP/1.1 200 OK");
    let images =
        format!("curl \"http://{}/api/users/guest/scannedinstances/1/scans/1/images\"", demo.address);
    assert!(demo.said.contains(&format!("{images} -X POST -u guest:{password} ")), "{}", demo.said);
    assert!(demo.said.contains("scan 1: Complete; the disk boots under no firmware"), "{}", demo.said);
    demo.end();

    // The same scan, and the password is not shown a second time.
    let demo = Demo::start(room.path(), &[TREE]);
    assert_eq!(demo.password(), None);
    assert!(!demo.said.contains(&password) && demo.said.contains("/scans/1/images"), "{}", demo.said);
    assert_eq!(demo.scan(&password), "HTTP/1.1 200 OK");
    demo.end();

    // Another password, and another machine.
    std::fs::write(room.path().join("password"), "it's a secret\n").unwrap();
    let demo = Demo::start(room.path(), &["--password-file", "password", "--name", "other", TREE]);
    assert!(demo.said.contains("/scannedinstances/2/scans/2/images"), "{}", demo.said);
    assert!(demo.said.contains(r#"-u 'guest:it'\''s a secret'"#), "{}", demo.said);
    assert_eq!(demo.scan(&password), "HTTP/1.1 401 Unauthorized");
    assert_eq!(demo.scan("it's a secret"), "HTTP/1.1 200 OK");
    demo.end();
}

#[test]
fn what_cannot_be_demonstrated_is_refused() {
    let room = tempfile::tempdir().unwrap();
    let text = room.path().join("text");
    std::fs::write(&text, "no archive").unwrap();
    let cut = room.path().join("cut.tar");
    std::fs::write(&cut, &std::fs::read(TREE).unwrap()[..5000]).unwrap();
    let [text, cut] = [&text, &cut].map(|path| path.to_str().unwrap());
    for (arguments, message) in [
        (&["/nowhere/at/all"] as &[&str], "cannot find /nowhere/at/all"),
        (&[text], "is no tar archive"),
        (&["--user", "a:b", TREE], "cannot be a login"),
        (&["--password-file", text, TREE, "--name", ""], "--name"),
        (&["--password-file", "/nowhere", TREE], "cannot read the password from /nowhere"),
        (&["--boot", "never", TREE], "--boot"),
        (&[cut], "the scan is of no use: "),
        (&["--max-entries", "5", TREE], "the tree has more than 5 entries"),
        (&["--max-unpacked", "4K", TREE], "unpacks to more than 4096 bytes"),
    ] {
        let mut command = assert_cmd::Command::new(PROGRAM);
        command.args(["demo", "--listen", "127.0.0.1:0", "--data"]).arg(room.path().join("data"));
        let output = command.args(arguments).timeout(std::time::Duration::from_secs(60)).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains(message), "{arguments:?}: {said}");
    }
}

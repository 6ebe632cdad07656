//! The commands that administer accounts, alone and beside a running server.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use assert_cmd::assert::Assert;
use serde_json::{Value, json};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_diskwright-server");

/// A data directory.
struct Room {
    directory: TempDir,
}

impl Room {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap() }
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    /// `diskwright-server ARGUMENTS --data DATA`, with `input`.
    fn run_with(&self, arguments: &[&str], input: &str) -> Assert {
        let mut command = assert_cmd::Command::new(PROGRAM);
        command.args(arguments).arg("--data").arg(self.data()).env_remove("DISKWRIGHT_DATA");
        command.write_stdin(input).assert()
    }

    fn run(&self, arguments: &[&str]) -> Assert {
        self.run_with(arguments, "")
    }

    /// Adds an account with a password of its own.
    fn add(&self, login: &str) {
        let arguments = ["user", "add", login, "--password-file", "-"];
        self.run_with(&arguments, &format!("password of {login}\n")).success().stdout("").stderr("");
    }

    fn users(&self) -> Value {
        let list = stdout(&self.run(&["user", "list", "--output", "json"]).success());
        let list: Value = serde_json::from_str(&list).unwrap();
        assert_eq!(list["schema"], "diskwright-users/1");
        list["users"].clone()
    }
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stdout.clone()).unwrap()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8(assert.get_output().stderr.clone()).unwrap()
}

#[track_caller]
fn refused(assert: Assert, code: i32, words: &str) {
    let assert = assert.code(code).stdout("");
    assert!(stderr(&assert).contains(words), "{}", stderr(&assert));
}

/// A server on a free port; ends with its value.
struct Running {
    process: Child,
    address: String,
}

impl Running {
    fn start(room: &Room) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(room.data());
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { process, address }
    }

    /// Status of GET `/api/` and `relative`, as `login` or, if that is empty, nobody.
    fn get(&self, relative: &str, login: &str, password: &str) -> u16 {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        write!(stream, "GET /api/{relative} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n").unwrap();
        if !login.is_empty() {
            write!(stream, "Authorization: Basic {login}:{password}\r\n").unwrap();
        }
        write!(stream, "\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

#[test]
fn an_account_is_added_with_what_is_said_of_it() {
    let room = Room::new();
    let file = room.directory.path().join("password");
    std::fs::write(&file, "correct horse").unwrap();
    let words =
        ["user", "add", "Ada", "--role", "scanner", "--role", "administrator", "--email", "ada@example.org"];
    let more =
        ["--first-name", "Ada", "--surname", "Lovelace", "--scans", "5", "--bytes", "2G", "--password-file"];
    let mut arguments = [words.as_slice(), more.as_slice()].concat();
    arguments.push(file.to_str().unwrap());
    room.run(&arguments).success().stdout("").stderr("");
    let wanted = json!([{
        "id": 1,
        "login": "Ada",
        "active": true,
        "roles": ["administrator", "scanner"],
        "email": "ada@example.org",
        "first_name": "Ada",
        "surname": "Lovelace",
        "usage": {"scans": 0, "images": 0, "bytes": 0},
        "quota": {"scans": 5, "images": null, "bytes": 2_147_483_648_u64},
    }]);
    assert_eq!(room.users(), wanted);
}

#[test]
fn the_list_is_by_login_and_says_the_roles() {
    let room = Room::new();
    for login in ["zoe", "Bob", "ann"] {
        room.add(login);
    }
    room.run(&["user", "disable", "zoe"]).success();
    let list = stdout(&room.run(&["user", "list"]).success());
    let lines: Vec<Vec<&str>> = list.lines().map(|line| line.split_whitespace().take(3).collect()).collect();
    assert_eq!(lines, [["ann", "active", "user"], ["Bob", "active", "user"], ["zoe", "disabled", "user"]]);
}

#[test]
fn logins_that_are_taken_or_unfit_are_refused_by_name() {
    let room = Room::new();
    room.add("guest");
    let add = |login| room.run_with(&["user", "add", login, "--password-file", "-"], "long enough");
    refused(add("Guest"), 1, "there is an account \"Guest\" already");
    for login in ["", "42", "a b", "_a", "ä"] {
        refused(add(login), 1, &format!("{login:?} cannot be a login"));
    }
    assert_eq!(room.users().as_array().unwrap().len(), 1);
}

#[test]
fn passwords_that_are_short_long_or_of_two_lines_are_refused() {
    let room = Room::new();
    let add = |password: &str| room.run_with(&["user", "add", "guest", "--password-file", "-"], password);
    refused(add("1234567\n"), 1, "fewer than 8 characters");
    refused(add(&"x".repeat(1025)), 1, "more than 1024 bytes");
    refused(add(&"x".repeat(100_000)), 1, "more than 1024 bytes");
    refused(add("12345678\n12345678\n"), 1, "control characters");
    let missing = ["user", "add", "guest", "--password-file", "/nonexistent/password"];
    refused(room.run(&missing), 1, "cannot read the password from /nonexistent/password");
    assert!(!room.data().exists());
    add(&format!("{}\r\n", "x".repeat(1024))).success();
}

#[test]
fn wrong_usage_is_told_with_code_2() {
    let room = Room::new();
    room.add("guest");
    refused(room.run(&["user", "add", "other"]), 2, "--password-file");
    refused(
        room.run(&["user", "add", "other", "--role", "king", "--password-file", "-"]),
        2,
        "administrator",
    );
    refused(room.run(&["user", "role", "guest"]), 2, "--add");
    refused(room.run(&["key", "add", "guest", "--name", "a\nb"]), 2, "one line of 1 to 255 bytes");
    refused(room.run(&["user", "quota", "guest", "--bytes", "10"]), 2, "has no unit");
    refused(room.run(&["user", "quota", "guest", "--scans", "-1"]), 2, "-1");
}

#[test]
fn who_or_what_is_not_there_is_named() {
    let room = Room::new();
    refused(room.run(&["user", "list"]), 1, "is no server's data directory");
    assert!(!room.data().exists());
    room.add("guest");
    for command in ["disable", "enable", "remove", "quota"] {
        refused(room.run(&["user", command, "nobody"]), 1, "there is no account \"nobody\"");
    }
    refused(room.run(&["key", "list", "nobody"]), 1, "there is no account \"nobody\"");
    refused(room.run(&["key", "remove", "guest", "0123"]), 1, "account \"guest\" has no key \"0123\"");
}

#[test]
fn limits_are_set_one_by_one_and_given_back() {
    let room = Room::new();
    room.add("guest");
    let quota = |more: &[&str]| stdout(&room.run(&[&["user", "quota", "guest"], more].concat()).success());
    let server = "what the server allows";
    assert_eq!(quota(&[]), format!("scans   0 of {server}\nimages  0 of {server}\nbytes   0 of {server}\n"));
    let set = quota(&["--scans", "3", "--bytes", "1K"]);
    assert_eq!(set, format!("scans   0 of 3\nimages  0 of {server}\nbytes   0 of 1024\n"));
    let changed = quota(&["--scans", "default", "--images", "0"]);
    assert_eq!(changed, format!("scans   0 of {server}\nimages  0 of 0\nbytes   0 of 1024\n"));
}

#[test]
fn roles_are_given_and_taken() {
    let room = Room::new();
    room.add("guest");
    let role = |more: &[&str]| room.run(&[&["user", "role", "guest"], more].concat());
    role(&["--add", "scanner", "--add", "administrator", "--remove", "user"]).success();
    assert_eq!(room.users()[0]["roles"], json!(["administrator", "scanner"]));
    role(&["--remove", "scanner"]).success();
    assert_eq!(room.users()[0]["roles"], json!(["administrator"]));
    refused(role(&["--add", "user", "--remove", "user"]), 1, "given and taken at once");
}

#[test]
fn a_key_shows_its_secret_once() {
    let room = Room::new();
    room.add("guest");
    let made = stdout(
        &room.run(&["key", "add", "guest", "--name", "ci", "--description", "the pipeline"]).success(),
    );
    let words: Vec<&str> = made.split_whitespace().collect();
    let ["public", public, "secret", secret] = words[..] else { panic!("{made}") };
    assert_eq!((public.len(), secret.len()), (32, 64));
    let list = stdout(&room.run(&["key", "list", "guest"]).success());
    assert_eq!(list.split_whitespace().collect::<Vec<_>>(), [public, "ci", "the", "pipeline"]);
    // Nor does it stand in the database.
    for name in ["state.db", "state.db-wal"] {
        let content = std::fs::read(room.data().join(name)).unwrap_or_default();
        assert!(!content.windows(secret.len()).any(|window| window == secret.as_bytes()), "{name}");
    }
    room.run(&["key", "remove", "guest", public]).success();
    assert_eq!(stdout(&room.run(&["key", "list", "guest"]).success()), "");
}

#[test]
fn a_running_server_sees_every_change_at_its_next_request() {
    let room = Room::new();
    room.add("guest");
    let server = Running::start(&room);
    let get = |password: &str| server.get("users/guest", "guest", password);
    assert_eq!(get("password of guest"), 200);
    room.run_with(&["user", "password", "guest", "--password-file", "-"], "another password").success();
    assert_eq!(get("password of guest"), 401);
    assert_eq!(get("another password"), 200);
    room.run(&["user", "disable", "guest"]).success();
    assert_eq!(get("another password"), 401);
    room.run(&["user", "enable", "guest"]).success();
    assert_eq!(get("another password"), 200);
    room.add("later");
    assert_eq!(server.get("users/later", "later", "password of later"), 200);
    assert_eq!(server.get("users/later", "guest", "another password"), 403);
    room.run(&["user", "role", "guest", "--add", "administrator"]).success();
    assert_eq!(server.get("users/later", "guest\\later", "another password"), 200);
    room.run(&["user", "remove", "guest"]).success();
    assert_eq!(get("another password"), 401);
    assert_eq!(server.get("status", "", ""), 200);
}

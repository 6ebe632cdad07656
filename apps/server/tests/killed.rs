//! A server that is killed at random moments with images in the making: nothing is half there afterwards, nothing is stuck,
//! nothing is lost.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const PROGRAM: &str = env!("CARGO_BIN_EXE_diskwright-server");
const ROUNDS: usize = 50;
const IMAGES: usize = 4;
/// Printed on failure; another one gives other moments.
const SEED: u64 = 0x5eed_0006;

/// A data directory, with an account and a scan once the server was told.
struct Room {
    directory: TempDir,
}

impl Room {
    fn new() -> Self {
        let room = Self { directory: tempfile::tempdir().unwrap() };
        let tree = room.directory.path().join("machine");
        write_machine(&tree);
        room.administer(&["user", "add", "guest", "--password-file", "-"], "password\n");
        let tree = tree.to_str().unwrap();
        room.administer(&["scan", "add", "--user", "guest", "--name", "machine", tree], "");
        room
    }

    fn data(&self) -> PathBuf {
        self.directory.path().join("data")
    }

    fn administer(&self, arguments: &[&str], input: &str) {
        let mut command = assert_cmd::Command::new(PROGRAM);
        command.args(arguments).arg("--data").arg(self.data()).env_remove("DISKWRIGHT_DATA");
        command.write_stdin(input).assert().success();
    }

    /// What stands in `images/`.
    fn images(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.data().join("images")).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }
}

/// A tree that boots as far as a generation looks, with enough in it that writing takes a while.
fn write_machine(tree: &Path) {
    let noise: Vec<u8> = Random(7).take(4 << 20).map(|number| (number >> 60) as u8).collect();
    for (path, content) in [
        ("boot/vmlinuz-6.1", b"kernel".as_slice()),
        ("boot/efi/EFI/BOOT/BOOTX64.EFI", b"loader"),
        ("etc/fstab", b"UUID=2f0d7a64-8c1e-4b5f-9a37-6e51c2d8b0f3 / ext4 defaults 0 1\n"),
        ("var/noise", &noise),
    ] {
        let path = tree.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// A multiplicative generator; the upper bits are the good ones.
struct Random(u64);

impl Iterator for Random {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        Some(self.0)
    }
}

struct Running {
    process: Child,
    address: String,
}

impl Running {
    fn start(room: &Room) -> Self {
        let mut command = Command::new(PROGRAM);
        command.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(room.data());
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://").unwrap().to_owned();
        Self { process, address }
    }

    /// SIGKILL.
    fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    /// Status and body of the answer.
    fn ask(&self, method: &str, uri: &str, body: &str) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} /api/{uri} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAccept: application/json\r\n\
             Authorization: Basic guest:password\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let status = std::str::from_utf8(&answer[9..12]).unwrap().parse().unwrap();
        (status, answer.split_off(end + 4))
    }

    fn json(&self, uri: &str) -> Value {
        let (status, body) = self.ask("GET", uri, "");
        assert_eq!(status, 200, "{uri}: {}", String::from_utf8_lossy(&body));
        let Value::Object(root) = serde_json::from_slice(&body).unwrap() else { panic!("{uri}: no object") };
        root.into_values().next().unwrap()
    }

    fn images(&self) -> Vec<Value> {
        self.json("users/guest/images")["images"]["image"].as_array().unwrap().clone()
    }

    /// Asks until there is something, at most a minute.
    fn until<T>(&self, ask: impl Fn(&Self) -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Some(found) = ask(self) {
                return found;
            }
            assert!(Instant::now() < deadline, "a job is stuck: {:?}", self.images());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until no image is in the making.
    fn settled(&self) -> Vec<Value> {
        self.until(|server| {
            let images = server.images();
            let is_over = |image: &Value| {
                ["complete", "error", "cancelled"].iter().any(|flag| image["status"][flag] == true)
            };
            images.iter().all(is_over).then_some(images)
        })
    }
}

const SCAN: &str = "users/guest/scannedinstances/1/scans/1";

/// The formats whose downloads are compared, by turns.
const FORMATS: [&str; IMAGES] = ["raw", "qcow2", "virtualbox", "vmware"];

#[test]
fn fifty_kills_leave_no_half_image_no_stuck_job_and_a_sound_database() {
    let room = Room::new();
    let server = Running::start(&room);
    server.until(|server| (server.json(SCAN)["status"]["complete"] == true).then_some(()));
    server.kill();
    let mut random = Random(SEED);
    let mut outcomes = BTreeMap::new();
    for round in 0..ROUNDS {
        let context = format!("round {round} with the seed {SEED:#x}");
        let server = Running::start(&room);
        for format in FORMATS {
            let body = format!(
                "<image><compress>true</compress><targetFormat><name>{format}</name></targetFormat></image>"
            );
            let (status, body) = server.ask("POST", &format!("{SCAN}/images"), &body);
            assert_eq!(status, 201, "{context}: {}", String::from_utf8_lossy(&body));
        }
        // From before the first job is claimed to after the last one is done.
        let moment = random.next().unwrap() >> 54;
        std::thread::sleep(Duration::from_millis(moment));
        server.kill();
        let done_before = room.images().iter().filter(|name| !name.starts_with('.')).count();
        *outcomes.entry(done_before).or_insert(0) += 1;
        check_database(&room, &context);

        let server = Running::start(&room);
        let images = server.settled();
        assert_eq!(images.len(), IMAGES, "{context}: an order is forgotten or doubled");
        for image in &images {
            check_image(&server, image, &context);
            let (status, _) = server.ask("DELETE", image["uri"].as_str().unwrap(), "");
            assert_eq!(status, 204, "{context}");
        }
        assert_eq!(room.images(), Vec::<String>::new(), "{context}");
        server.kill();
    }
    check_database(&room, "at the end");
    // Else the moments were all alike, and the test worth less.
    assert!(outcomes.len() >= 3, "images that were done when the server was killed: {outcomes:?}");
}

fn check_image(server: &Running, image: &Value, context: &str) {
    assert_eq!(image["status"]["complete"], true, "{context}: {image}");
    assert_eq!(image["status"]["percentage"], 100, "{context}: {image}");
    let uri = image["uri"].as_str().unwrap();
    let (status, body) = server.ask("GET", &format!("{uri}/downloads"), "");
    assert_eq!(status, 200, "{context}");
    assert_eq!(image["fileSize"], body.len(), "{context}: {image}");
    let digest: String = Sha256::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(image["sha256sum"], digest, "{context}: {image}");
}

fn check_database(room: &Room, context: &str) {
    let url = format!("sqlite://{}", room.data().join("state.db").display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let verdict: String = runtime.block_on(async {
        use sqlx::Connection;
        let mut connection = sqlx::SqliteConnection::connect(&url).await.unwrap();
        let verdict =
            sqlx::query_scalar("PRAGMA integrity_check").fetch_one(&mut connection).await.unwrap();
        let strays: Vec<(String,)> = sqlx::query_as(
            "SELECT kind || ' ' || subject_id FROM jobs
             WHERE kind = 'image' AND subject_id NOT IN (SELECT id FROM images WHERE state IN ('queued', 'running'))
             UNION ALL
             SELECT 'image without a job ' || id FROM images
             WHERE state IN ('queued', 'running') AND id NOT IN (SELECT subject_id FROM jobs WHERE kind = 'image')",
        )
        .fetch_all(&mut connection)
        .await
        .unwrap();
        assert_eq!(strays, Vec::new(), "{context}");
        connection.close().await.unwrap();
        verdict
    });
    assert_eq!(verdict, "ok", "{context}");
}

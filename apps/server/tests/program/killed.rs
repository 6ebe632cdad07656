//! A server that is killed at random moments with images in the making: nothing is half there afterwards, nothing is stuck,
//! nothing is lost.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::room::{Room, Running};

const ROUNDS: usize = 50;
const IMAGES: usize = 4;
/// Printed on failure; another one gives other moments.
const SEED: u64 = 0x5eed_0006;

/// A room with a scan of a machine, once a server was told.
fn furnished() -> Room {
    let room = Room::new();
    let tree = room.directory.path().join("machine");
    write_machine(&tree);
    let tree = tree.to_str().unwrap();
    room.run(&["scan", "add", "--user", "guest", "--name", "machine", tree]).success();
    room
}

impl Room {
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

impl Running {
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
    let room = furnished();
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
            let answer = server.ask("POST", &format!("{SCAN}/images"), "", body.as_bytes());
            assert_eq!(answer.status, 201, "{context}: {}", answer.text());
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
            let answer = server.ask("DELETE", image["uri"].as_str().unwrap(), "", &[]);
            assert_eq!(answer.status, 204, "{context}");
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
    let file = server.get(&format!("{uri}/downloads"));
    assert_eq!(file.status, 200, "{context}");
    assert_eq!(image["fileSize"], file.body.len(), "{context}: {image}");
    let digest: String = Sha256::digest(&file.body).iter().map(|byte| format!("{byte:02x}")).collect();
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

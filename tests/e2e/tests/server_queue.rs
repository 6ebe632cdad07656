//! A full queue of images beside the same images one after another.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use diskwright_e2e::debian::Workshop;
use diskwright_e2e::http;
use diskwright_e2e::server::{Installation, Server};
use serde_json::Value;

/// Both times are printed, a line a round, and judged by whoever measures on a quiet machine, with a scan that takes longer than
/// the questions about it (an archive or a directory):
/// `DISKWRIGHT_QUEUE_SCAN=SCAN DISKWRIGHT_LOAD_ROUNDS=3 cargo test --release --package diskwright-e2e --test server_queue -- --nocapture`.
#[test]
fn full_queue_stays_within_its_memory_and_leaves_no_image_out() -> Result<()> {
    let workshop = Workshop::enter("server-queue")?;
    let installation = Installation::new(workshop.path())?;
    installation.add_user("guest", "guest-guest")?;
    let server = installation.start_with(&["--boot", "optional", "--memory", "160M"])?;
    let (scan, rounds) = (std::env::var_os("DISKWRIGHT_QUEUE_SCAN"), std::env::var("DISKWRIGHT_LOAD_ROUNDS"));
    let scan = scan.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(SMALL_MACHINE), PathBuf::from);
    installation.add_scan("guest", "machine", &scan)?;
    let rounds: u32 = rounds.map_or(Ok(1), |rounds| rounds.parse()).context("DISKWRIGHT_LOAD_ROUNDS")?;
    let client = Client(&server);
    client.until("", "a scan", Duration::ZERO)?;
    let before = server.resident()?;
    for round in 1..=rounds {
        compare(&client, round).with_context(|| server.log())?;
    }
    let grown = server.peak_resident()?.saturating_sub(before);
    println!("{} MiB at most for {IMAGES} images", grown >> 20);
    ensure!(grown <= BUDGET, "{IMAGES} images take {grown} bytes of memory");
    server.stop()
}

/// Prints how long the images take one after another and all at once, in turns.
fn compare(client: &Client<'_>, round: u32) -> Result<()> {
    let mut digests = Vec::new();
    let begin = Instant::now();
    for _ in 0..IMAGES {
        let image = client.order()?;
        client.until(&image, "an image", GENERATION)?;
        digests.push(client.remove(&image)?);
    }
    let in_turn = begin.elapsed();
    let begin = Instant::now();
    let images = (0..IMAGES).map(|_| client.order()).collect::<Result<Vec<_>>>()?;
    for image in &images {
        client.until(image, "an image", GENERATION * u32::try_from(IMAGES)?)?;
    }
    let queued = begin.elapsed();
    for image in &images {
        digests.push(client.remove(image)?);
    }
    // Each has an identity of its own.
    digests.sort();
    digests.dedup();
    ensure!(digests.len() == 2 * IMAGES, "{} different images of {}", digests.len(), 2 * IMAGES);
    let ratio = in_turn.as_secs_f64() / queued.as_secs_f64();
    println!(
        "round {round}: {IMAGES} images in {in_turn:?} one after another, in {queued:?} queued: {ratio:.3} of the throughput"
    );
    Ok(())
}

/// A user of the server.
struct Client<'a>(&'a Server);

impl Client<'_> {
    /// Orders an image; where its ticket is, below the scan.
    fn order(&self) -> Result<String> {
        let body = r#"{"image": {"compress": true, "targetFormat": {"name": "QCOW2"}, "installProfile": {"memorySize": 512}}}"#;
        let ticket = self.ask("POST", "/images", body)?;
        let number = ticket.pointer("/image/dbId").and_then(Value::as_u64);
        Ok(format!("/images/{}", number.with_context(|| format!("no number: {ticket}"))?))
    }

    /// Asks until the thing at `path` is complete.
    fn until(&self, path: &str, what: &str, patience: Duration) -> Result<()> {
        let end = Instant::now() + patience.max(READING);
        while Instant::now() < end {
            let status = self.ask("GET", &format!("{path}/status"), "")?;
            let is = |field: &str| status.pointer(&format!("/status/{field}")) == Some(&Value::Bool(true));
            ensure!(!is("error") && !is("cancelled"), "{what} at {path}: {status}");
            if is("complete") {
                return Ok(());
            }
            std::thread::sleep(PAUSE);
        }
        bail!("{what} at {path} is not complete in time")
    }

    /// Removes an image; the digest it had.
    fn remove(&self, path: &str) -> Result<String> {
        let image = self.ask("GET", path, "")?;
        let digest = image.pointer("/image/sha256sum").and_then(Value::as_str);
        let digest = digest.with_context(|| format!("no digest: {image}"))?.to_owned();
        self.ask("DELETE", path, "")?;
        Ok(digest)
    }

    /// The document that answers a request for what is at `path` below the scan.
    fn ask(&self, method: &str, path: &str, body: &str) -> Result<Value> {
        let target = format!("/api/users/guest/scannedinstances/1/scans/1{path}");
        let (status, answer) =
            http::ask(self.0.address(), (method, &target), FIELDS, body, Duration::from_secs(60))?;
        let context = || format!("{method} {target}: {status} {}", String::from_utf8_lossy(&answer));
        ensure!(status.contains(" 20"), "{}", context());
        if answer.is_empty() {
            Ok(Value::Null)
        } else {
            serde_json::from_slice(&answer).with_context(context)
        }
    }
}

/// `guest:guest-guest`
const FIELDS: &str = "Authorization: Basic Z3Vlc3Q6Z3Vlc3QtZ3Vlc3Q=\r\nAccept: application/json\r\n";
const SMALL_MACHINE: &str = "../../fixtures/valid/small-machine.tar";
const IMAGES: usize = 64;
/// Bytes of memory that the server is told to let generations take, `--memory`.
const BUDGET: u64 = 160 << 20;
/// Between two questions about one image.
const PAUSE: Duration = Duration::from_millis(5);
const GENERATION: Duration = Duration::from_secs(60);
const READING: Duration = Duration::from_secs(60);

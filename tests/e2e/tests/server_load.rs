//! A thousand idle clients and two hundred slow ones beside an honest one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use diskwright_e2e::debian::Workshop;
use diskwright_e2e::server::{Installation, Server};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The best of some rounds counts, each measured with and without the others: what else the machine does is not the
/// server's doing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_and_slow_clients_do_not_slow_an_honest_one() -> Result<()> {
    allow_open_files()?;
    let workshop = Workshop::enter("server-load")?;
    let installation = Installation::new(workshop.path())?;
    installation.add_user("guest", "guest-guest")?;
    let server = installation.start()?;
    let mut ratios = Vec::new();
    for round in 1..=ROUNDS {
        let (ratio, grown) = compare(&server, round).await.with_context(|| server.log())?;
        ensure!(grown <= MEMORY, "1200 connections take {grown} bytes of memory");
        ratios.push(ratio);
        if ratio <= WORST {
            return server.stop();
        }
    }
    anyhow::bail!("an honest client waits {ratios:?} times as long beside idle and slow ones")
}

/// The p99 of an honest client beside the others, as a multiple of that alone; bytes of memory that the others take.
async fn compare(server: &Server, round: u32) -> Result<(f64, u64)> {
    let address = server.origin().strip_prefix("http://").context("no http")?;
    honest(address, REQUESTS / 10).await?;
    let alone = honest(address, REQUESTS).await?;
    let before = server.resident()?;
    let mut others = JoinSet::new();
    let mut idle = Vec::new();
    for _ in 0..IDLE {
        let mut stream = TcpStream::connect(address).await?;
        ask(&mut stream, STATUS).await?;
        idle.push(stream);
    }
    for number in 0..SLOW {
        let stream = TcpStream::connect(address).await?;
        others.spawn(slow(stream, address.to_owned(), number));
    }
    let beside = honest(address, REQUESTS).await?;
    let grown = server.resident()?.saturating_sub(before);
    // All of them were there all the time.
    for stream in &mut idle {
        ask(stream, STATUS).await.context("an idle connection is gone")?;
    }
    others.abort_all();
    let ratio = beside.as_secs_f64() / alone.as_secs_f64();
    println!("round {round}: p99 {alone:?} alone, {beside:?} beside {IDLE} idle and {SLOW} slow: {ratio:.2}");
    Ok((ratio, grown))
}

/// Asks again and again on one connection; the p99 of the answers' times.
async fn honest(address: &str, requests: usize) -> Result<Duration> {
    let mut stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut times = Vec::with_capacity(requests);
    for _ in 0..requests {
        let since = Instant::now();
        ask(&mut stream, ACCOUNT).await?;
        times.push(since.elapsed());
    }
    times.sort();
    times.get(requests * 99 / 100).copied().context("no requests")
}

/// One request and its whole answer, which must be a good one.
async fn ask(stream: &mut TcpStream, request: &str) -> Result<()> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        ensure!(
            stream.read_buf(&mut answer).await? > 0,
            "the connection ends: {}",
            String::from_utf8_lossy(&answer)
        );
        let text = std::str::from_utf8(&answer)?;
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        ensure!(head.starts_with("HTTP/1.1 200 "), "{head}");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        if body.len() >= length.context("an answer without length")?.parse()? {
            return Ok(());
        }
    }
}

/// Sends a head or a body byte by byte for ever, on a new connection whenever the server has had enough.
async fn slow(mut stream: TcpStream, address: String, number: usize) {
    let body = "POST /api/users/guest/scannedinstances HTTP/1.1\r\nHost: a\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3QtZ3Vlc3Q=\r\n\
                Content-Length: 1000000\r\n\r\n";
    let head = "GET /api/status HTTP/1.1\r\nHost: a\r\nX-Slow: ";
    loop {
        let begin = if number.is_multiple_of(2) { head } else { body };
        let mut alive = stream.write_all(begin.as_bytes()).await.is_ok();
        // Not all at once: what one machine could send in a burst is not what many clients send.
        let first = tokio::time::Instant::now() + DRIP.mul_f64(number as f64 / SLOW as f64);
        let mut drip = tokio::time::interval_at(first, DRIP);
        while alive {
            drip.tick().await;
            alive = stream.write_all(b"x").await.is_ok();
        }
        match TcpStream::connect(&address).await {
            Ok(next) => stream = next,
            Err(_) => return,
        }
    }
}

/// Both ends of a connection are files, and the server inherits what this process may have.
fn allow_open_files() -> Result<()> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    ensure!(maximum.is_none_or(|maximum| maximum >= FILES), "{FILES} open files are needed (ulimit -Hn)");
    if current.is_some_and(|current| current < FILES) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(FILES), maximum })?;
    }
    Ok(())
}

const STATUS: &str = "GET /api/status HTTP/1.1\r\nHost: a\r\n\r\n";
/// `guest:guest-guest`
const ACCOUNT: &str =
    "GET /api/users/guest HTTP/1.1\r\nHost: a\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3QtZ3Vlc3Q=\r\n\r\n";
const IDLE: usize = 1000;
const SLOW: usize = 200;
/// Between two bytes of a slow client.
const DRIP: Duration = Duration::from_millis(500);
const REQUESTS: usize = 5000;
const ROUNDS: u32 = 5;
/// How much slower an honest client's p99 may be.
const WORST: f64 = 2.0;
/// Bytes of memory that all the others may take together.
const MEMORY: u64 = 64 << 20;
const FILES: u64 = 4096;

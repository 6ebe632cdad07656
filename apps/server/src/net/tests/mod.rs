//! Through a socket of its own each.

mod connections;
mod guesses;
mod raw;
mod stop;
mod tls;

use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::routing::{get, post};
use http_body_util::BodyExt;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Door, Rooms, Tls};
use crate::Settings;
use crate::failure::Failure;
use crate::resources;
use crate::trial::Trial;

/// A server that listens.
struct Listening {
    trial: Trial,
    address: SocketAddr,
    admin: SocketAddr,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Listening {
    async fn new() -> Self {
        Self::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Settings)) -> Self {
        Self::open(None, change).await
    }

    async fn open(tls: Option<Tls>, change: impl FnOnce(&mut Settings)) -> Self {
        let trial = Trial::with(change).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let admin = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, admin_address) = (listener.local_addr().unwrap(), admin.local_addr().unwrap());
        let door = Door::new(listener);
        let door = match tls {
            Some(tls) => door.with_tls(tls),
            None => door,
        };
        let doors = vec![door, Door::for_administrators(admin)];
        let stop = CancellationToken::new();
        let (server, told) = (trial.server.clone(), stop.clone());
        let running = tokio::spawn(async move {
            let public = server.router().merge(resources::dressed(corners()));
            let rooms = Rooms { public, administrators: server.administration() };
            super::serve(&server, doors, rooms, told).await;
        });
        Self { trial, address, admin: admin_address, stop, running }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// Sends `bytes` on a connection of its own, and no end; everything that comes back. `name` tells tests apart.
    async fn say(&self, name: &str, bytes: &[u8]) -> String {
        let mut stream = self.connect().await;
        let talk = async {
            // The server may have heard enough before the end.
            let _ = stream.write_all(bytes).await;
            rest(&mut stream).await
        };
        tokio::time::timeout(PATIENCE, talk)
            .await
            .unwrap_or_else(|_| panic!("{name}: the connection goes on"))
    }
}

/// Routes that behave in ways that the server's own do not, or not at once.
fn corners() -> Router {
    Router::new()
        .route("/slurp", post(slurp))
        .route("/flood", get(async || Body::from_stream(futures_util::stream::repeat_with(chunk))))
        .route("/panic", get(panics))
}

/// Reads the whole body.
async fn slurp(body: Body) -> Result<(), Failure> {
    let read = body.collect().await;
    read.map(drop).map_err(|error| Failure::of_body(&error))
}

fn chunk() -> std::io::Result<Bytes> {
    Ok(Bytes::from_static(&[b'x'; 1 << 16]))
}

async fn panics() -> StatusCode {
    panic!("quite private");
}

/// What still comes on a connection, until it ends.
async fn rest(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE * 2, stream.read_to_end(&mut bytes)).await;
    // A connection that was cut ends, too.
    let _ = read.expect("the connection ends");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer with a Content-Length, of a connection that goes on.
async fn one_answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let read = async {
        let mut bytes = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&bytes).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
                let length: usize = length.map_or(0, |length| length.parse().unwrap());
                if body.len() >= length {
                    return text;
                }
            }
            let byte = stream.read_u8().await.expect("an answer");
            bytes.push(byte);
        }
    };
    tokio::time::timeout(PATIENCE, read).await.expect("an answer in time")
}

const STATUS: &str = "GET /api/status HTTP/1.1\r\nHost: localhost\r\n\r\n";
/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);

use std::io;
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::head;
use crate::failure::Failure;
use crate::resources::{Wanted, error_text};

/// The answer to what never became a request.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) failure: Failure,
    method: String,
    uri: String,
    headers: HeaderMap,
}

impl Refusal {
    /// For what the client sent so far.
    pub(super) fn new(bytes: &[u8], failure: Failure) -> Self {
        let (method, uri, headers) = head::salvage(bytes);
        Self { failure, method, uri, headers }
    }

    /// The whole answer, after which the connection ends.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let wanted = Wanted::of(&self.headers);
        let status = self.failure.status;
        let document = error_text(wanted, &self.method, &self.uri, &self.failure);
        let reason = status.canonical_reason().unwrap_or_default();
        let length = document.len();
        let kind = wanted.0.media_type();
        let (status, version) = (status.as_u16(), crate::resources::API_VERSION);
        format!(
            "HTTP/1.1 {status} {reason}\r\ncontent-type: {kind}\r\ncontent-length: {length}\r\ncontent-language: en\r\n\
             version: {version}\r\nx-content-type-options: nosniff\r\nconnection: close\r\n\r\n{document}"
        )
        .into_bytes()
    }
}

/// 503: all connections are at work.
pub(super) fn full() -> Refusal {
    let message = "the server has no room for one more connection";
    let failure = Failure::new(StatusCode::SERVICE_UNAVAILABLE, "server.full", message);
    Refusal { failure, method: "-".to_owned(), uri: "-".to_owned(), headers: HeaderMap::new() }
}

/// Ends a connection so that its client sees the last answer: what it may still be sending is read for a while, because
/// bytes that nobody reads make the system throw away what the client has not read yet.
pub(super) async fn part<S: AsyncRead + AsyncWrite + Unpin>(
    mut stream: S,
    refusal: Option<Refusal>,
    is_talking: bool,
) {
    let farewell = async {
        if let Some(refusal) = &refusal {
            stream.write_all(&refusal.bytes()).await?;
        }
        stream.shutdown().await?;
        let mut scrap = [0; 4096];
        let mut left = LINGER_BYTES;
        while is_talking && left > 0 {
            match stream.read(&mut scrap).await? {
                0 => break,
                read => left = left.saturating_sub(read),
            }
        }
        io::Result::Ok(())
    };
    // A client that does not want to hear it has gone already.
    let _ = tokio::time::timeout(LINGER, farewell).await;
}

/// How long a client may go on sending after the last answer …
const LINGER: Duration = Duration::from_secs(2);
/// … and how much.
const LINGER_BYTES: usize = 4 << 20;

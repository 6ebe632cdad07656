//! What the tests of scans and uploads share.

use std::io::Write;
use std::path::PathBuf;

use axum::body::Body;
use axum::http::{Method, StatusCode, header};
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

use crate::trial::{Answer, Trial, request};

/// A machine of `guest`, requests about it, and waiting for the builder.
pub(crate) struct Bench {
    pub(crate) trial: Trial,
    /// Of the machine.
    pub(crate) instance: String,
}

/// The document that notes it.
pub(crate) const INSTANCE: &str = "<ns0:scannedInstance xmlns:ns0=\"http://www.usharesoft.com/uforge\"><name>web</name>\
    <distribution><name>Debian</name><version>12</version><arch>x86_64</arch></distribution></ns0:scannedInstance>";

/// A small tree, whole.
pub(crate) fn tree() -> Vec<u8> {
    std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/valid/small-machine.tar")).unwrap()
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn zstd(bytes: &[u8]) -> Vec<u8> {
    let mut packed = Vec::with_capacity(zstd_safe::compress_bound(bytes.len()));
    zstd_safe::compress(&mut packed, bytes, 1).unwrap();
    packed
}

/// `bytes` without a length, in small frames.
pub(crate) fn chunked(bytes: &[u8]) -> Body {
    let frames: Vec<Result<Bytes, std::io::Error>> =
        bytes.chunks(7001).map(|chunk| Ok(Bytes::copy_from_slice(chunk))).collect();
    Body::from_stream(stream::iter(frames))
}

impl Bench {
    /// A server that reads what comes, and a machine.
    pub(crate) async fn new() -> Self {
        let bench = Self::idle(Trial::new().await).await;
        bench.trial.server.start().await.unwrap();
        bench
    }

    /// A machine on a server that reads nothing yet.
    pub(crate) async fn idle(trial: Trial) -> Self {
        let answer = trial.ask("guest", Method::POST, "users/guest/scannedinstances", INSTANCE).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        Self { instance: answer.header(header::LOCATION).to_owned(), trial }
    }

    pub(crate) async fn post(&self, uri: &str, body: impl Into<Body>) -> Answer {
        self.trial.ask("guest", Method::POST, uri, body).await
    }

    /// A scan that has nothing yet; its URI.
    pub(crate) async fn scan(&self) -> String {
        let answer = self.post(&format!("{}/scans", self.instance), Body::empty()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
        answer.header(header::LOCATION).to_owned()
    }

    /// A document as JSON, without its root.
    pub(crate) async fn json(&self, uri: &str) -> Value {
        let request = request("guest", Method::GET, uri).header(header::ACCEPT, "application/json");
        let answer = self.trial.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{uri}: {}", answer.text());
        let document: Value = serde_json::from_slice(&answer.body).unwrap();
        document.as_object().unwrap().values().next().unwrap().clone()
    }

    /// The scan's state once it is over.
    pub(crate) async fn wait(&self, scan: &str) -> Value {
        let mut ended = self.trial.server.builder().ended();
        loop {
            let status = self.json(&format!("{scan}/status")).await;
            let is = |field: &str| status[field] == Value::Bool(true);
            if is("complete") || is("error") || is("cancelled") {
                return status;
            }
            ended.changed().await.unwrap();
        }
    }

    pub(crate) async fn bytes_used(&self) -> u64 {
        self.trial.server.store().usage(self.trial.user("guest").await).await.unwrap().bytes
    }

    pub(crate) fn uploads(&self) -> Vec<PathBuf> {
        let uploads = std::fs::read_dir(self.trial.server.folder().uploads()).unwrap();
        uploads.map(|entry| entry.unwrap().path()).collect()
    }

    /// Nothing is stored, nothing is held.
    pub(crate) async fn check_clean(&self) {
        assert_eq!(self.uploads(), Vec::<PathBuf>::new());
        assert_eq!(self.bytes_used().await, 0);
    }
}

/// `messageId` of an error.
pub(crate) fn message_id(answer: &Answer) -> String {
    let text = answer.text();
    let after = text.split("<messageId>").nth(1).unwrap_or_default();
    after.split('<').next().unwrap_or_default().to_owned()
}

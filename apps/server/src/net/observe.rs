use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};
use std::time::Instant;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use http_body_util::BodyExt;
use hyper::body::{Frame, SizeHint};
use tower::ServiceExt;
use tracing::Instrument;

use crate::metrics::Metrics;
use crate::store;

/// What is learned of a request on its way to its handler, for the log: travels in its extensions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trail(Arc<Marks>);

#[derive(Debug, Default)]
struct Marks {
    route: OnceLock<String>,
    login: OnceLock<String>,
}

impl Trail {
    /// The caller's login name is known.
    pub(crate) fn is_by(&self, login: &str) {
        // The first counts: there is one gate.
        let _ = self.0.login.set(login.to_owned());
    }

    fn is_on(&self, route: &str) {
        let _ = self.0.route.set(route.to_owned());
    }
}

/// Notes the route of a request for its line in the log.
pub(crate) async fn note_route(request: Request, next: Next) -> Response {
    let extensions = request.extensions();
    if let (Some(trail), Some(route)) = (extensions.get::<Trail>(), extensions.get::<MatchedPath>()) {
        trail.is_on(route.as_str());
    }
    next.run(request).await
}

/// Has `router` answer, and tells of it in the log and the metrics when the last byte is gone.
pub(super) async fn answer(
    router: Router,
    metrics: Metrics,
    peer: std::net::SocketAddr,
    mut request: Request,
) -> Response {
    let id = request_id(request.headers());
    let trail = Trail::default();
    request.extensions_mut().insert(trail.clone());
    // By it guesses of passwords are counted: a stranger's must not keep the owner out.
    request.extensions_mut().insert(ConnectInfo(peer));
    let received = Arc::new(AtomicU64::new(0));
    let request = request.map({
        let received = Arc::clone(&received);
        |body| {
            Body::new(body.map_frame(move |frame| {
                received.fetch_add(length(&frame), Ordering::Relaxed);
                frame
            }))
        }
    });
    let method = known(request.method());
    let span = tracing::info_span!("request", id);
    metrics.request_begins();
    let entry = Entry {
        peer,
        id: id.clone(),
        method,
        trail,
        metrics,
        since: Instant::now(),
        status: None,
        sent: 0,
        received,
    };
    let mut entry = Ending(Some(entry));
    let response = match router.oneshot(request).instrument(span).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let (mut parts, body) = response.into_parts();
    if let Ok(id) = HeaderValue::from_str(&id) {
        parts.headers.insert(REQUEST_ID, id);
    }
    if let Some(entry) = &mut entry.0 {
        entry.status = Some(parts.status);
    }
    Response::from_parts(parts, Body::new(Counted { body, entry }))
}

/// A line of the log to be.
struct Entry {
    peer: std::net::SocketAddr,
    id: String,
    method: &'static str,
    trail: Trail,
    metrics: Metrics,
    since: Instant,
    /// None as long as the handler is at work.
    status: Option<StatusCode>,
    sent: u64,
    received: Arc<AtomicU64>,
}

/// Writes its entry when it is dropped: then the answer is over, whether the client got all of it or not.
struct Ending(Option<Entry>);

impl Drop for Ending {
    fn drop(&mut self) {
        let Some(entry) = self.0.take() else { return };
        let took = entry.since.elapsed();
        // What proxies log for a client that did not wait.
        let status = entry.status.map_or(499, |status| status.as_u16());
        let marks = &entry.trail.0;
        let route = marks.route.get().map_or("-", String::as_str);
        let login = marks.login.get().map_or("-", String::as_str);
        entry.metrics.request_ends(route, entry.method, status, took, entry.sent);
        let received = entry.received.load(Ordering::Relaxed);
        entry.metrics.received(route, received);
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            id = entry.id,
            method = entry.method,
            route,
            status,
            milliseconds,
            sent = entry.sent,
            received,
            login,
            peer = %entry.peer,
            "request"
        );
    }
}

/// A body whose bytes are counted on their way.
struct Counted {
    body: Body,
    entry: Ending,
}

impl hyper::body::Body for Counted {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        if let (Poll::Ready(Some(Ok(frame))), Some(entry)) = (&polled, &mut self.entry.0) {
            entry.sent = entry.sent.saturating_add(length(frame));
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

fn length(frame: &Frame<Bytes>) -> u64 {
    frame.data_ref().map_or(0, |data| u64::try_from(data.len()).unwrap_or(u64::MAX))
}

/// The client's own name for the request if it is a plain one, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if !given.is_empty() && given.len() <= 64 && given.bytes().all(plain) {
        return given.to_owned();
    }
    static START: OnceLock<i64> = OnceLock::new();
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let start = START.get_or_init(store::now);
    format!("{start:x}-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// The method's name; what clients invent is one method, for the sake of the metrics.
fn known(method: &Method) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];
    METHODS.iter().find(|known| method.as_str() == **known).copied().unwrap_or("other")
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

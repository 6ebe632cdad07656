use std::convert::Infallible;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;

use super::crowd::Place;
use super::limits::ConnectionLimits;
use super::observe;
use super::refusal::part;
use super::wire::Wire;
use crate::metrics::Metrics;

/// What the connections of a listener have in common.
#[derive(Clone)]
pub(super) struct Common {
    pub(super) router: Router,
    pub(super) metrics: Metrics,
    pub(super) limits: Arc<ConnectionLimits>,
    /// No further request is to be taken.
    pub(super) stop: CancellationToken,
}

/// Answers the requests of one connection until it ends, has to leave its place, or the server stops.
pub(super) async fn serve<S>(stream: S, peer: SocketAddr, place: Place, common: Common)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let leave = place.leave().clone();
    let talk = talk(stream, peer, place, common);
    // Dropping it closes the connection.
    leave.run_until_cancelled(talk).await;
}

async fn talk<S>(stream: S, peer: SocketAddr, place: Place, common: Common)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let Common { router, metrics, limits, stop } = common;
    let wire = Wire::new(stream, Arc::clone(&limits), place);
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let answer = observe::answer(router.clone(), metrics.clone(), peer, request.map(Body::new));
        Box::pin(async { Ok::<_, Infallible>(answer.await) })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        // The wire has its own times, which differ for the first head and an idle connection: this is the longest.
        .header_read_timeout(limits.idle.saturating_add(limits.head))
        // A client that has closed its half still reads.
        .half_close(true)
        .max_headers(limits.headers.saturating_add(1))
        .max_buf_size(limits.head_bytes.max(64 << 10))
        .serve_connection(TokioIo::new(wire), service);
    let mut stopped = std::pin::pin!(stop.cancelled());
    let mut is_stopping = false;
    let ended = poll_fn(|context| {
        if !is_stopping && stopped.as_mut().poll(context).is_ready() {
            is_stopping = true;
            Pin::new(&mut connection).graceful_shutdown();
        }
        connection.poll_without_shutdown(context)
    });
    if let Err(error) = ended.await {
        tracing::debug!(%peer, %error, "a connection ended");
    }
    let (stream, refusal, is_talking) = connection.into_parts().io.into_inner().finish();
    if let Some(refusal) = &refusal {
        let failure = &refusal.failure;
        tracing::info!(%peer, status = failure.status.as_u16(), message = failure.message, "refused");
    }
    Box::pin(part(stream, refusal, is_talking)).await;
}

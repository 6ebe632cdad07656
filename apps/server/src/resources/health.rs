//! `/health/live` and `/health/ready`, for supervisors and load balancers; `/metrics`, for Prometheus.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use crate::failure::Failure;
use crate::metrics::{self, Figure};
use crate::server::Server;
use crate::store::Figures;

/// The routes of health alone.
pub(crate) fn health(server: &Server) -> Router {
    Router::new()
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .layer(axum::middleware::from_fn(crate::net::note_route))
        .with_state(server.clone())
}

/// Those and the metrics.
pub(crate) fn administration(server: &Server) -> Router {
    let metrics = Router::new().route("/metrics", get(figures)).with_state(server.clone());
    health(server).merge(metrics)
}

/// The process answers: nothing else is said.
async fn live() -> Response {
    plain("live\n")
}

/// Requests would be answered: the database does, there is room on the disk, and nobody told the server to stop.
async fn ready(State(server): State<Server>) -> Result<Response, Failure> {
    let unready = |why: &str| Failure::new(StatusCode::SERVICE_UNAVAILABLE, "server.unready", why);
    if server.is_stopping() {
        return Err(unready("the server is stopping"));
    }
    if !server.store().is_alive().await {
        return Err(unready("the database does not answer"));
    }
    let free = server.folder().free().map_err(Failure::internal)?;
    if free < server.settings().reserve {
        return Err(unready("the data directory is nearly full").with_parameter(format!("{free} bytes free")));
    }
    Ok(plain("ready\n"))
}

async fn figures(State(server): State<Server>) -> Result<Response, Failure> {
    let text = server.metrics().render(&counted(&server.store().figures().await?));
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

/// The figures that are the database's.
fn counted(figures: &Figures) -> Vec<Figure<'_>> {
    let figure = |name, labels, number: i64| {
        // Exact up to 8 PiB.
        #[allow(clippy::cast_precision_loss, reason = "Prometheus knows only floating-point numbers")]
        Figure { name, labels, value: number as f64 }
    };
    let images = figures.images.iter().map(|(state, format, number)| {
        figure(metrics::IMAGES, vec![("state", state.as_str()), ("format", format)], *number)
    });
    let scans = figures.scans.iter();
    let scans = scans.map(|(state, number)| figure(metrics::SCANS, vec![("state", state.as_str())], *number));
    let waiting = figures.waiting.iter();
    let waiting =
        waiting.map(|(kind, number)| figure(metrics::JOBS_WAITING, vec![("kind", kind.as_str())], *number));
    let bytes = [("uploads", figures.upload_bytes), ("images", figures.image_bytes)];
    let bytes = bytes.map(|(what, bytes)| figure(metrics::STORED_BYTES, vec![("what", what)], bytes));
    images.chain(scans).chain(waiting).chain(bytes).collect()
}

fn plain(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, "text/plain"), (header::CACHE_CONTROL, "no-store")], text).into_response()
}

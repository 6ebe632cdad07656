//! The resources of the scan-image API, a file each, and what all of their requests go through.
//!
//! ```text
//! request ─> path (one slash each) ─> gate (who, may they) ─> handler ─> document ─> validators (ETag, 304)
//!                                                               └─> Failure ─> uforgeError, as wanted
//! ```

mod answer;
#[cfg(test)]
pub(crate) mod bench;
mod body;
mod downloads;
mod file;
mod formats;
mod gate;
mod health;
mod ids;
mod images;
mod instances;
mod listing;
mod overlay;
mod own;
mod paths;
mod query;
mod range;
mod scans;
mod service;
mod ticket;
mod users;

pub(crate) use answer::{Wanted, error_text, finish};
pub(crate) use body::Body;
pub(crate) use gate::{Gate, gate};
pub(crate) use health::{administration, health};
pub(crate) use ids::Ids;
pub(crate) use own::{OwnInstance, OwnScan};
pub(crate) use query::{Declared, Parameter, ParameterKind, Query};
pub(crate) use service::API_VERSION;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::accounts::SentUri;
use crate::failure::Failure;
use crate::routes::Route;

/// The routes of all resources.
pub(crate) fn routes() -> Vec<Route> {
    [
        service::routes(),
        users::routes(),
        instances::routes(),
        scans::routes(),
        overlay::routes(),
        images::routes(),
        downloads::routes(),
        formats::routes(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// `router` with what all answers have in common: failures are documents, panics failures; headers that say how an answer
/// is to be read.
pub(crate) fn dressed(router: Router) -> Router {
    let header = |name, value| SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value));
    router
        .layer(CatchPanicLayer::custom(on_panic))
        .layer(axum::middleware::from_fn(finish))
        .layer(header(header::CONTENT_LANGUAGE, "en"))
        .layer(header(header::CACHE_CONTROL, "private, no-cache"))
        .layer(header(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(HeaderName::from_static("version"), API_VERSION))
}

fn on_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    Failure::internal(format!("panic: {}", text.unwrap_or("without a message"))).into_response()
}

/// For paths that are in no route.
pub(crate) async fn unknown_path() -> Failure {
    Failure::unknown("resource")
}

/// For methods that a path does not have.
pub(crate) async fn unknown_method() -> Failure {
    let message = "the resource does not have this method";
    Failure::new(StatusCode::METHOD_NOT_ALLOWED, "request.method", message)
}

/// The request with each run of slashes in its path made one and none at its end: the official clients send both.
///
/// What was sent stays as [`SentUri`].
pub(crate) fn with_single_slashes(mut request: axum::extract::Request) -> axum::extract::Request {
    let sent = SentUri(request.uri().clone());
    request.extensions_mut().insert(sent);
    let uri = request.uri();
    let segments: Vec<&str> = uri.path().split('/').filter(|segment| !segment.is_empty()).collect();
    let mut path = format!("/{}", segments.join("/"));
    if path == uri.path() {
        return request;
    }
    if let Some(query) = uri.query() {
        path.push('?');
        path.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    if let Ok(path) = path.parse() {
        parts.path_and_query = Some(path);
        if let Ok(mended) = axum::http::Uri::from_parts(parts) {
            *request.uri_mut() = mended;
        }
    }
    request
}

#[cfg(test)]
mod tests;

//! `GET /status`: that the server lives, and which version of the API it speaks.

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use diskwright_request::ServiceStatus;

use super::Wanted;
use crate::routes::{Access, Route};
use crate::server::Server;

pub(super) fn routes() -> Vec<Route> {
    vec![Route::new(
        Method::GET,
        "/status",
        Access::Open,
        "Says that the server lives, and its version",
        status,
    )]
}

async fn status(State(server): State<Server>, wanted: Wanted) -> Response {
    let alive = server.store().is_alive().await;
    wanted.ok(ServiceStatus {
        alive: Some(alive),
        version: Some(API_VERSION.to_owned()),
        ..ServiceStatus::default()
    })
}

/// The version of the API that is spoken: the official clients refuse every other.
pub(crate) const API_VERSION: &str = "3.8.13";

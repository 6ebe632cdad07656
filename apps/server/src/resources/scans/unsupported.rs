use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};

use crate::accounts::Entitlement;
use crate::failure::Failure;
use crate::resources::OwnScan;
use crate::routes::{Access, Route};

/// What the API has and this server does not: said, where an empty list would be a lie.
pub(super) fn routes() -> Vec<Route> {
    let [get, post, delete] = [Method::GET, Method::POST, Method::DELETE];
    let access = Access::Entitled(&[Entitlement::MigrationAccess]);
    let below = [
        (get.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/files"),
        (get.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/files/delta"),
        (get.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/packages/{pid}/files"),
        (get.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/packages/{pid}/bin"),
        (post.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/rawparts/{name}"),
        (post.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/sync"),
        (get.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/sync/{ssid}"),
        (get.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/sync/{ssid}/files"),
        (post.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/imports"),
        (delete.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/imports/{iid}"),
        (delete.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/imports/{iid}/status"),
        (get.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/goldens"),
        (post, "/users/{uid}/scannedinstances/{siid}/scans/{sid}/goldens"),
        (get, "/users/{uid}/scannedinstances/{siid}/scans/{sid}/goldens/status"),
        (delete.clone(), "/users/{uid}/scannedinstances/{siid}/scans/{sid}/goldens/{iid}"),
        (delete, "/users/{uid}/scannedinstances/{siid}/scans/{sid}/goldens/{iid}/status"),
    ];
    let route = |(method, path)| Route::new(method, path, access, "Is not done: answers 501", refuse);
    below.into_iter().map(route).collect()
}

/// 501 by name, for scans that are the caller's.
async fn refuse(_: OwnScan, path: MatchedPath) -> Failure {
    let below = path.as_str().split("{sid}/").nth(1).unwrap_or_default();
    let what = below.split('/').find(|segment| !segment.starts_with('{')).unwrap_or_default();
    let what = if below.starts_with("packages/") { "packages' files" } else { what };
    let message = format!("this server does not have {what} of scans");
    Failure::new(StatusCode::NOT_IMPLEMENTED, "resource.unsupported", message).with_parameter(what)
}

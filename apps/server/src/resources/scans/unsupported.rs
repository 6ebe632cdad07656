use axum::extract::MatchedPath;
use axum::http::{Method, StatusCode};

use crate::accounts::Entitlement;
use crate::failure::Failure;
use crate::resources::{OwnScan, paths};
use crate::routes::{Access, Route};

/// What the API has and this server does not: said, where an empty list would be a lie.
pub(super) fn routes() -> Vec<Route> {
    let [get, post, delete] = [Method::GET, Method::POST, Method::DELETE];
    let access = Access::Entitled(&[Entitlement::MigrationAccess]);
    let below = [
        (get.clone(), paths::scan!("/files")),
        (get.clone(), paths::scan!("/files/delta")),
        (get.clone(), paths::scan!("/packages/{pid}/files")),
        (get.clone(), paths::scan!("/packages/{pid}/bin")),
        (post.clone(), paths::scan!("/rawparts/{name}")),
        (post.clone(), paths::scan!("/sync")),
        (get.clone(), paths::scan!("/sync/{ssid}")),
        (get.clone(), paths::scan!("/sync/{ssid}/files")),
        (post.clone(), paths::scan!("/imports")),
        (delete.clone(), paths::scan!("/imports/{iid}")),
        (delete.clone(), paths::scan!("/imports/{iid}/status")),
        (get.clone(), paths::scan!("/goldens")),
        (post, paths::scan!("/goldens")),
        (get, paths::scan!("/goldens/status")),
        (delete.clone(), paths::scan!("/goldens/{iid}")),
        (delete, paths::scan!("/goldens/{iid}/status")),
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

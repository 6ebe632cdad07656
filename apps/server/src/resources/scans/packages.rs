use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use diskwright_request::{Common, List, ScannedPackage};

use super::uri;
use crate::accounts::{Entitlement, Identity};
use crate::failure::Failure;
use crate::resources::listing::Page;
use crate::resources::{OwnScan, Query, Wanted, paths};
use crate::routes::{Access, Route};
use crate::server::Server;
use crate::store::{Scan, ScanPackage, ScanState};

pub(super) fn routes() -> Vec<Route> {
    let path = paths::scan!("/packages");
    let access = Access::Entitled(&[Entitlement::MigrationAccess]);
    vec![
        Route::new(Method::GET, path, access, "Lists the packages of the scan's tree", list)
            .reading(&Page::PARAMETERS),
    ]
}

async fn list(
    State(server): State<Server>,
    identity: Identity,
    OwnScan(scan): OwnScan,
    query: Query,
    wanted: Wanted,
) -> Result<Response, Failure> {
    if scan.state != ScanState::Complete {
        return Err(Failure::conflict("the scan is not complete: its packages are not known yet"));
    }
    if scan.packages.is_none() {
        let message = "the tree has no list of packages that can be read: dpkg's is";
        return Err(Failure::new(StatusCode::NOT_IMPLEMENTED, "resource.unsupported", message));
    }
    let packages = documents(&server, &identity, &scan).await?;
    let total = u64::try_from(packages.len()).unwrap_or(u64::MAX);
    Ok(wanted.ok(List::page(Page::of(&query)?.of_items(packages), total)))
}

/// All packages of a scan.
pub(super) async fn documents(
    server: &Server,
    identity: &Identity,
    scan: &Scan,
) -> Result<Vec<ScannedPackage>, Failure> {
    let uri = uri(&identity.login, scan);
    let packages = server.store().scan_packages(scan.id).await?;
    Ok(packages.into_iter().map(|package| document(&uri, package)).collect())
}

/// A version of Debian is `[epoch:]version[-release]`.
fn document(scan_uri: &str, package: ScanPackage) -> ScannedPackage {
    let uri = format!("{scan_uri}/packages/{}", package.id);
    let (epoch, rest) = match package.version.split_once(':') {
        Some((epoch, rest)) => (epoch.parse().ok(), rest),
        None => (None, package.version.as_str()),
    };
    let (version, release) = match rest.rsplit_once('-') {
        Some((version, release)) => (version, Some(release.to_owned())),
        None => (rest, None),
    };
    let mut document = ScannedPackage {
        common: Common { db_id: Some(package.id), ..Common::default() },
        arch: Some(package.arch.clone()).filter(|arch| !arch.is_empty()),
        full_name: Some(format!("{}_{}_{}", package.name, package.version, package.arch)),
        parent_uri: Some(scan_uri.to_owned()),
        release,
        kind: Some("DEB".to_owned()),
        files_uri: Some(format!("{uri}/files")),
        uri: Some(uri),
        version: Some(version.to_owned()),
        epoch,
        name: Some(package.name),
        ..ScannedPackage::default()
    };
    document.upload.size = u64::try_from(package.size).ok();
    document
}

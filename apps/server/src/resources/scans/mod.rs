//! `…/scannedinstances/{siid}/scans`: scans, their state, and what their trees say.

mod create;
mod document;
mod packages;
mod report;
mod unsupported;

pub(super) use document::{document, uri};

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use diskwright::profile::{MachineReport, Profile};
use diskwright_request::{InstallProfile, List, ScanImports, ScanRequest, Statuses};

use super::listing::{self, Key, Listed, Listing};
use super::{Body, OwnInstance, OwnScan, Parameter, ParameterKind, Query, Wanted};
use crate::accounts::{Entitlement, Identity};
use crate::failure::Failure;
use crate::resources::paths;
use crate::routes::{Access, Route};
use crate::server::Server;
use crate::store::{JobKind, Scan, ScanState, Selection};
use crate::tree::Facts;

pub(super) fn routes() -> Vec<Route> {
    let [get, post, put, delete] = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    let access = Access::Entitled(&[Entitlement::MigrationAccess]);
    let of_user = paths::user!("/scans");
    let all = paths::machine!("/scans");
    let one = paths::scan!("");
    let state = paths::scan!("/status");
    let mut routes = vec![
        Route::new(get.clone(), of_user, access, "Lists the account's scans", list_of_user)
            .reading(&listing::PARAMETERS)
            .reading(&[ONGOING]),
        Route::new(
            delete.clone(),
            of_user,
            access,
            "Removes the account's scans with their images",
            delete_of_user,
        ),
        Route::new(get.clone(), all, access, "Lists the scans of a machine", list)
            .reading(&listing::PARAMETERS)
            .reading(&[ONGOING]),
        Route::new(
            post,
            all,
            access,
            "Takes a scan: a machine report, a tree, both, or none",
            create::create,
        )
        .reading(&create::PARAMETERS),
        Route::new(
            delete.clone(),
            all,
            access,
            "Removes the scans of a machine with their images",
            delete_all,
        ),
        Route::new(get.clone(), one, access, "Shows a scan", show).reading(&[PACKAGES]),
        Route::new(put, one, access, "Renames a scan", update),
        Route::new(delete.clone(), one, access, "Removes a scan with its images", remove),
        Route::new(get.clone(), state, access, "Tells how far a scan is", status),
        Route::new(delete, state, access, "Stops what the server does for a scan", cancel),
        Route::new(get.clone(), paths::scan!("/imports"), access, "Lists imports: there are none", imports),
        Route::new(
            get.clone(),
            paths::scan!("/imports/status"),
            access,
            "Lists the states of imports: there are none",
            import_states,
        ),
    ];
    for path in [paths::scan!("/installProfile"), paths::scan!("/installprofile")] {
        routes.push(Route::new(
            get.clone(),
            path,
            access,
            "Shows the scan's install profile",
            install_profile,
        ));
    }
    routes.extend(packages::routes());
    routes.extend(unsupported::routes());
    routes
}

async fn list_of_user(
    State(server): State<Server>,
    identity: Identity,
    query: Query,
    wanted: Wanted,
) -> Result<Response, Failure> {
    listed(&server, &identity, Selection::All, &query, wanted).await
}

async fn list(
    State(server): State<Server>,
    identity: Identity,
    OwnInstance(instance): OwnInstance,
    query: Query,
    wanted: Wanted,
) -> Result<Response, Failure> {
    listed(&server, &identity, Selection::Instance(instance.id), &query, wanted).await
}

async fn listed(
    server: &Server,
    identity: &Identity,
    selection: Selection,
    query: &Query,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let (mut scans, mut total) =
        Listing::of(query)?.apply(server.store().scans(identity.user, selection).await?);
    if query.flag(&ONGOING)? == Some(true) {
        scans.retain(|scan| {
            !matches!(scan.state, ScanState::Complete | ScanState::Failed | ScanState::Cancelled)
        });
        total = scans.len();
    }
    let documents = scans.iter().map(|scan| document(&identity.login, scan)).collect();
    Ok(wanted.ok(List::page(documents, u64::try_from(total).unwrap_or(u64::MAX))))
}

async fn show(
    State(server): State<Server>,
    identity: Identity,
    OwnScan(scan): OwnScan,
    query: Query,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let mut document = document(&identity.login, &scan);
    document.install_profile = profile(&server, &scan).await?;
    if query.flag(&PACKAGES)? == Some(true) && scan.packages.is_some() {
        document.packages = Some(packages::documents(&server, &identity, &scan).await?);
    }
    Ok(wanted.ok(document))
}

async fn update(
    State(server): State<Server>,
    identity: Identity,
    OwnScan(scan): OwnScan,
    wanted: Wanted,
    Body(body): Body,
) -> Result<Response, Failure> {
    let request = ScanRequest::parse(&body)?;
    if let Some(name) = &request.name {
        server.store().rename_scan(identity.user, scan.instance_id, scan.id, name).await?;
    }
    let scan = again(&server, &identity, &scan).await?;
    Ok(wanted.ok(document(&identity.login, &scan)))
}

async fn remove(
    State(server): State<Server>,
    identity: Identity,
    OwnScan(scan): OwnScan,
) -> Result<StatusCode, Failure> {
    delete(&server, &identity, Selection::One(scan.instance_id, scan.id)).await
}

async fn delete_all(
    State(server): State<Server>,
    identity: Identity,
    OwnInstance(instance): OwnInstance,
) -> Result<StatusCode, Failure> {
    delete(&server, &identity, Selection::Instance(instance.id)).await
}

async fn delete_of_user(State(server): State<Server>, identity: Identity) -> Result<StatusCode, Failure> {
    delete(&server, &identity, Selection::All).await
}

async fn delete(server: &Server, identity: &Identity, selection: Selection) -> Result<StatusCode, Failure> {
    server.store().delete_scans(identity.user, selection).await?;
    server.sweep().await;
    Ok(StatusCode::NO_CONTENT)
}

async fn status(identity: Identity, OwnScan(scan): OwnScan, wanted: Wanted) -> Response {
    wanted.ok(document::status(&uri(&identity.login, &scan), &scan))
}

/// What is over stays as it is; what comes from the client is discarded when it has come.
async fn cancel(
    State(server): State<Server>,
    identity: Identity,
    OwnScan(scan): OwnScan,
    wanted: Wanted,
) -> Result<Response, Failure> {
    server.store().cancel_scan(identity.user, scan.instance_id, scan.id).await?;
    server.builder().cancel(JobKind::Scan, scan.id);
    server.sweep().await;
    let scan = again(&server, &identity, &scan).await?;
    Ok(wanted.ok(document::status(&uri(&identity.login, &scan), &scan)))
}

async fn install_profile(
    State(server): State<Server>,
    identity: Identity,
    OwnScan(scan): OwnScan,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let profile = profile(&server, &scan).await?;
    let unread = || Failure::conflict("the scan has no install profile before its tree is read");
    let mut document = profile.ok_or_else(unread)?;
    document.common.last_modified = diskwright_request::Time::from_milliseconds(scan.modified);
    document.uri = Some(format!("{}/installProfile", uri(&identity.login, &scan)));
    Ok(wanted.ok(document))
}

async fn imports(_: OwnScan, wanted: Wanted) -> Response {
    wanted.ok(ScanImports::default())
}

async fn import_states(_: OwnScan, wanted: Wanted) -> Response {
    wanted.ok(Statuses::default())
}

/// What the tree says or, before it is read, the machine report that was given.
async fn profile(server: &Server, scan: &Scan) -> Result<Option<InstallProfile>, Failure> {
    let (profile, facts, machine) = server.store().scan_details(scan.id).await?;
    if let (Some(profile), Some(facts)) = (profile, facts) {
        let profile = Profile::from_json(profile.as_bytes()).map_err(Failure::internal)?;
        let facts: Facts = serde_json::from_str(&facts).map_err(Failure::internal)?;
        return Ok(Some(facts.document(&profile)));
    }
    let Some(machine) = machine else { return Ok(None) };
    let machine = MachineReport::from_json(machine.as_bytes()).map_err(Failure::internal)?;
    Ok(Some(InstallProfile::of_machine(&machine)))
}

/// The scan as it is after a change.
async fn again(server: &Server, identity: &Identity, scan: &Scan) -> Result<Scan, Failure> {
    let found = server.store().scan(identity.user, scan.instance_id, scan.id).await?;
    found.ok_or_else(|| Failure::unknown("scan"))
}

const ONGOING: Parameter =
    Parameter::new("ongoing", ParameterKind::Flag, "Whether only scans that are not over are shown");
const PACKAGES: Parameter =
    Parameter::new("pkgs", ParameterKind::Flag, "Whether the packages of the tree are shown, too");

impl Listed for Scan {
    fn key(&self) -> Key<'_> {
        Key { id: self.id, name: &self.name, created: self.created, modified: self.modified }
    }
}

#[cfg(test)]
mod tests;

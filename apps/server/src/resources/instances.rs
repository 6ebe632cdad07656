//! `/users/{uid}/scannedinstances`: machines, under which their scans stand.

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use diskwright_request::{
    Architecture, Common, Distribution, DistributionName, List, ScannedInstance, ScannedInstanceRequest, Time,
};

use super::listing::{self, Key, Listed, Listing};
use super::{Body, OwnInstance, Parameter, ParameterKind, Query, Wanted, paths, scans};
use crate::accounts::{Entitlement, Identity};
use crate::failure::Failure;
use crate::routes::{Access, Route};
use crate::server::Server;
use crate::store::{Instance, InstanceAdded, MAX_INSTANCES, NewInstance, Scan, Selection};

pub(super) fn routes() -> Vec<Route> {
    let [get, post, delete] = [Method::GET, Method::POST, Method::DELETE];
    let access = Access::Entitled(&[Entitlement::MigrationAccess]);
    let all = paths::user!("/scannedinstances");
    let one = paths::machine!("");
    vec![
        Route::new(get.clone(), all, access, "Lists the account's machines", list)
            .reading(&listing::PARAMETERS)
            .reading(&[INCLUDE_SCANS]),
        Route::new(post, all, access, "Notes a machine, or finds the one of that name", create),
        Route::new(
            delete.clone(),
            all,
            access,
            "Removes all machines with their scans and images",
            delete_all,
        ),
        Route::new(get, one, access, "Shows a machine", show).reading(&[INCLUDE_SCANS]),
        Route::new(delete, one, access, "Removes a machine with its scans and images", remove),
    ]
}

async fn list(
    State(server): State<Server>,
    identity: Identity,
    query: Query,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let listing = Listing::of(&query)?;
    let (instances, total) = listing.apply(server.store().instances(identity.user).await?);
    let scans = match query.flag(&INCLUDE_SCANS)? {
        Some(true) => Some(server.store().scans(identity.user, Selection::All).await?),
        _ => None,
    };
    let documents = instances.iter().map(|instance| {
        let own = |scans: &Vec<Scan>| {
            scans.iter().filter(|scan| scan.instance_id == instance.id).cloned().collect::<Vec<_>>()
        };
        document(&identity.login, instance, scans.as_ref().map(own).as_deref())
    });
    Ok(wanted.ok(List::page(documents.collect(), u64::try_from(total).unwrap_or(u64::MAX))))
}

/// A machine that is scanned once more is the same machine: a name that is known gives what stands under it, with 200.
async fn create(
    State(server): State<Server>,
    identity: Identity,
    wanted: Wanted,
    Body(body): Body,
) -> Result<Response, Failure> {
    let request = ScannedInstanceRequest::parse(&body)?;
    let overlay_included = request.overlay_included;
    let distribution = request.distribution;
    let new = NewInstance {
        name: request.name,
        distribution: Some([distribution.name, distribution.version, distribution.arch]),
        group: request.group,
        platform_type: request.platform_type,
        ram_size: request.ram_size.map(i64::from),
        overlay_included: overlay_included.unwrap_or(true),
    };
    match server.store().add_instance(identity.user, &new).await? {
        InstanceAdded::New(id) => {
            let instance = find(&server, &identity, id).await?;
            let document = document(&identity.login, &instance, Some(&[]));
            Ok(wanted.created(&uri(&identity.login, id), document))
        }
        InstanceAdded::Known(id) => {
            let instance = find(&server, &identity, id).await?;
            if overlay_included.is_some_and(|included| included != instance.overlay_included) {
                let message = "there is a scanned instance of this name whose overlayIncluded is another";
                return Err(Failure::conflict(message).with_parameter("overlayIncluded"));
            }
            let scans = server.store().scans(identity.user, Selection::Instance(id)).await?;
            Ok(wanted.ok(document(&identity.login, &instance, Some(&scans))))
        }
        InstanceAdded::TooMany => {
            let message =
                format!("the account has {MAX_INSTANCES} scanned instances, the most that are allowed");
            Err(Failure::new(StatusCode::FORBIDDEN, "quota.exceeded", message).with_parameter("instances"))
        }
    }
}

async fn show(
    State(server): State<Server>,
    identity: Identity,
    OwnInstance(instance): OwnInstance,
    query: Query,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let scans = match query.flag(&INCLUDE_SCANS)? {
        Some(true) => Some(server.store().scans(identity.user, Selection::Instance(instance.id)).await?),
        _ => None,
    };
    Ok(wanted.ok(document(&identity.login, &instance, scans.as_deref())))
}

async fn remove(
    State(server): State<Server>,
    identity: Identity,
    OwnInstance(instance): OwnInstance,
) -> Result<StatusCode, Failure> {
    server.store().delete_instances(identity.user, Some(instance.id)).await?;
    server.sweep().await;
    Ok(StatusCode::NO_CONTENT)
}

async fn delete_all(State(server): State<Server>, identity: Identity) -> Result<StatusCode, Failure> {
    server.store().delete_instances(identity.user, None).await?;
    server.sweep().await;
    Ok(StatusCode::NO_CONTENT)
}

async fn find(server: &Server, identity: &Identity, id: i64) -> Result<Instance, Failure> {
    let found = server.store().instance(identity.user, id).await?;
    found.ok_or_else(|| Failure::unknown("scanned instance"))
}

/// Relative to the base, as all URIs that are sent.
pub(super) fn uri(login: &str, instance: i64) -> String {
    format!("users/{login}/scannedinstances/{instance}")
}

fn document(login: &str, instance: &Instance, scans: Option<&[Scan]>) -> ScannedInstance {
    let uri = uri(login, instance.id);
    ScannedInstance {
        common: Common {
            created: Time::from_milliseconds(instance.created),
            db_id: Some(instance.id),
            last_modified: Time::from_milliseconds(last_change(instance, scans)),
            ..Common::default()
        },
        distribution: Some(distribution(instance)),
        group: instance.group_name.clone(),
        name: Some(instance.name.clone()),
        parent_uri: Some(format!("users/{login}")),
        platform_type: instance.platform_type.clone(),
        ram_size: instance.ram_size.and_then(|size| i32::try_from(size).ok()),
        overlay_included: Some(instance.overlay_included),
        scans: scans.map(|scans| scans.iter().map(|scan| scans::document(login, scan)).collect()),
        scans_uri: Some(format!("{uri}/scans")),
        total_scans: i32::try_from(instance.total_scans).ok(),
        uri: Some(uri),
    }
}

/// A change of what is shown below it is one of its own.
fn last_change(instance: &Instance, scans: Option<&[Scan]>) -> i64 {
    let scans = scans.unwrap_or_default().iter().map(|scan| scan.modified);
    scans.fold(instance.modified, i64::max)
}

/// The operating system, with a name, a version and an architecture whatever happens: clients put them together unseen.
///
/// A distribution that the API has no name for is shown under its first one. Clients show nothing else but the version, so that
/// says what it is, in brackets that no version has; so does the description, alone.
fn distribution(instance: &Instance) -> Distribution {
    let name = instance.distribution_name.as_deref().unwrap_or_default();
    let version = instance.distribution_version.as_deref().unwrap_or_default();
    let arch = instance.distribution_arch.as_deref().unwrap_or_default();
    let mut distribution = Distribution::of_os(name, version, arch);
    if distribution.name.is_none() {
        let (shown, stated) = match format!("{name} {version}").trim() {
            "" => ("not known yet".to_owned(), "(not known yet)".to_owned()),
            told => (told.to_owned(), format!("(in fact {told})")),
        };
        distribution.description = Some(shown);
        distribution.name = DistributionName::ALL.first().copied();
        distribution.package_kind = None;
        distribution.version = Some(stated);
    }
    distribution.arch = distribution.arch.or_else(|| Architecture::named("noarch"));
    distribution.version = distribution.version.or_else(|| Some("unknown".to_owned()));
    distribution
}

const INCLUDE_SCANS: Parameter =
    Parameter::new("includeScans", ParameterKind::Flag, "Whether the scans of each machine are shown, too");

impl Listed for Instance {
    fn key(&self) -> Key<'_> {
        Key { id: self.id, name: &self.name, created: self.created, modified: self.modified }
    }
}

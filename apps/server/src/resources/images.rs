//! `…/scans/{sid}/images`: generating images, watching, stopping and deleting them; and all images of a user.

use std::time::Duration;

use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::response::Response;
use diskwright::profile::{BootPolicy, Layer, MachineReport, Origin, Settings, TreeFacts};
use diskwright::{Error, ErrorKind, Seed};
use diskwright_request::{ImageRequest, List, PublishImages, SoftwareBundles, Statuses};

use super::formats::Offer;
use super::{Body, Ids, OwnScan, Parameter, ParameterKind, Query, Wanted, paths, ticket};
use crate::accounts::{Entitlement, Identity};
use crate::build::{Recipe, effective};
use crate::failure::Failure;
use crate::routes::{Access, Route};
use crate::server::Server;
use crate::store::{self, Image, ImageOrigin, ImageSelection, JobKind, NewImage, Stopping};
use crate::tree::Facts;

pub(super) fn routes() -> Vec<Route> {
    [image_routes(), user_routes(), publish_routes()].into_iter().flatten().collect()
}

const IMAGES: Access = Access::Entitled(&[Entitlement::MigrationGenerate, Entitlement::ImageGenerate]);
const PUBLISH: Access = Access::Entitled(&[Entitlement::MigrationPublish]);

fn image_routes() -> Vec<Route> {
    const ALL: &str = paths::scan!("/images");
    const ONE: &str = paths::image!("");
    const STATUS: &str = paths::image!("/status");
    const TOOLS: &str = paths::scan!("/images/platformtools/{tfid}");
    vec![
        Route::new(Method::POST, ALL, IMAGES, "Generates an image of a scan", generate),
        Route::new(Method::GET, ALL, IMAGES, "Lists the images of a scan", list),
        Route::new(Method::GET, ONE, IMAGES, "Shows an image", get),
        Route::new(
            Method::DELETE,
            ONE,
            IMAGES,
            "Deletes an image; one that is being made is stopped first",
            delete,
        ),
        Route::new(Method::GET, STATUS, IMAGES, "Says how far an image is", status),
        Route::new(Method::DELETE, STATUS, IMAGES, "Stops the generation of an image", cancel),
        Route::new(
            Method::GET,
            TOOLS,
            IMAGES,
            "Lists what a format adds to an image: nothing",
            platform_tools,
        ),
    ]
}

fn user_routes() -> Vec<Route> {
    vec![
        Route::new(Method::GET, paths::user!("/images"), IMAGES, "Lists all images of a user", user_images),
        Route::new(
            Method::GET,
            paths::user!("/images/status"),
            IMAGES,
            "Says how far images of a user are: those whose URIs are given as `img`, or all",
            user_statuses,
        )
        .reading(&[IMAGE]),
        Route::new(
            Method::GET,
            paths::user!("/pimages"),
            IMAGES,
            "Lists the published images of a user: none",
            no_publications,
        ),
        Route::new(
            Method::GET,
            paths::user!("/pimages/status"),
            IMAGES,
            "Says how far publications of a user are: there are none",
            no_statuses,
        ),
    ]
}

fn publish_routes() -> Vec<Route> {
    const ALL: &str = paths::image!("/pimages");
    const ONE: &str = paths::image!("/pimages/{pitid}");
    const STATUS: &str = paths::image!("/pimages/{pitid}/status");
    const CANCEL: &str = paths::image!("/pimages/{pitid}/cancel");
    vec![
        Route::new(Method::GET, ALL, PUBLISH, "Lists the publications of an image: none", publications),
        Route::new(Method::POST, ALL, PUBLISH, "Publishes an image; answered with 501", publish),
        Route::new(Method::GET, ONE, PUBLISH, "Shows a publication; answered with 501", publication),
        Route::new(Method::DELETE, ONE, PUBLISH, "Forgets a publication; answered with 501", publication),
        Route::new(
            Method::GET,
            STATUS,
            PUBLISH,
            "Says how far a publication is; answered with 501",
            publication,
        ),
        Route::new(Method::DELETE, CANCEL, PUBLISH, "Stops a publication; answered with 501", publication),
    ]
}

async fn generate(
    State(server): State<Server>,
    identity: Identity,
    Ids([instance, scan]): Ids<2>,
    wanted: Wanted,
    Body(body): Body,
) -> Result<Response, Failure> {
    let origin = server.store().image_origin(identity.user, instance, scan).await?;
    let origin = origin.ok_or_else(|| Failure::unknown("scan"))?;
    let request = ImageRequest::parse(&body)?;
    let new = order(&server, scan, &origin, &request)?;
    if !origin.is_complete {
        return Err(Failure::conflict("the scan is not complete"));
    }
    server.check_room(new.bytes)?;
    let settings = server.settings();
    let added = server.store().add_image(identity.user, &new, &settings.quota, settings.queue).await?;
    let id = added.ok_or_else(|| Failure::conflict("the scan is not complete"))?;
    server.builder().wake();
    let image = find(&server, &identity, [instance, scan, id]).await?;
    Ok(wanted.created(&ticket::uri(&image), ticket::image(&server, &image)))
}

/// What is asked for, with everything refused that can be refused without the tree.
fn order(
    server: &Server,
    scan: i64,
    origin: &ImageOrigin,
    request: &ImageRequest,
) -> Result<NewImage, Failure> {
    let policy = server.settings().boot;
    let (mut recipe, format) = Recipe::new(request, server.registry(), policy)?;
    // Chosen now and kept: an image that is begun again has the same bytes.
    let seed = Seed::random();
    recipe.profile = recipe.profile.with_hashed_passwords(&seed)?;
    if policy == BootPolicy::Required {
        boots(origin)?;
    }
    let asked = request.target_format.as_deref().unwrap_or_default();
    let machine =
        origin.machine_report.as_deref().map(str::as_bytes).map(MachineReport::from_json).transpose()?;
    let layers = [Layer { origin: Origin::Request, profile: &request.profile }];
    let settings = Settings::resolve(&layers, machine.as_ref(), &TreeFacts::default())?;
    let scan_profile = origin.profile.as_deref().and_then(|json| serde_json::from_str(json).ok());
    let json = |error| Error::new(ErrorKind::Internal, "the order has no JSON form").with_source(error);
    Ok(NewImage {
        scan,
        name: image_name(&origin.instance_name),
        format: Offer::named(format.info, asked).name().to_owned(),
        compress: recipe.compress,
        request: serde_json::to_string(&recipe).map_err(json)?,
        seed: seed.text().to_owned(),
        timestamp: store::now().div_euclid(1000),
        notes: serde_json::to_string(&request.notes).map_err(json)?,
        profile: effective(&request.profile, scan_profile, &settings).to_json(),
        bytes: u64::try_from(origin.content_bytes).unwrap_or(0).saturating_add(OVERHEAD),
    })
}

/// Refuses a scan of which it is known that its disk would boot under no firmware: it would only fail later.
fn boots(origin: &ImageOrigin) -> Result<(), Failure> {
    let facts: Option<Facts> = origin.facts.as_deref().and_then(|json| serde_json::from_str(json).ok());
    let obstacles = facts.unwrap_or_default().obstacles.join("; ");
    if obstacles.is_empty() {
        return Ok(());
    }
    let message = format!("{obstacles}; a server that runs with --boot optional makes such images");
    Err(Failure::new(StatusCode::BAD_REQUEST, "request.unsupported", message).with_parameter("boot"))
}

/// A name for the image's files: what of the machine's name may stand in one.
fn image_name(machine: &str) -> String {
    let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
    let name: String = machine.trim().chars().map(allowed).take(MAX_NAME).collect();
    // A name that begins with a dot is hidden; one of dots is a directory.
    let name = name.trim_start_matches(['.', '-']).to_owned();
    if name.is_empty() { "image".to_owned() } else { name }
}

async fn list(
    State(server): State<Server>,
    identity: Identity,
    Ids([instance, scan]): Ids<2>,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let origin = server.store().image_origin(identity.user, instance, scan).await?;
    origin.ok_or_else(|| Failure::unknown("scan"))?;
    let images = server.store().images(identity.user, ImageSelection::Scan(instance, scan)).await?;
    Ok(documents(&server, wanted, &images))
}

async fn get(
    State(server): State<Server>,
    identity: Identity,
    Ids(place): Ids<3>,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let image = find(&server, &identity, place).await?;
    Ok(wanted.ok(ticket::image(&server, &image)))
}

async fn delete(
    State(server): State<Server>,
    identity: Identity,
    Ids(place): Ids<3>,
) -> Result<StatusCode, Failure> {
    let image = find(&server, &identity, place).await?;
    let image = stop(&server, &identity, image).await?;
    if server.store().delete_image(identity.user, image.id).await? {
        server.sweep().await;
        return Ok(StatusCode::NO_CONTENT);
    }
    // Either somebody else was faster, or its builder takes long to stop.
    find(&server, &identity, place).await?;
    Err(Failure::conflict("the image is still being stopped; delete it again in a moment"))
}

async fn status(
    State(server): State<Server>,
    identity: Identity,
    Ids(place): Ids<3>,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let image = find(&server, &identity, place).await?;
    Ok(wanted.ok(ticket::status(&image)))
}

/// Stops a generation and says how it stands then; one that is over stays as it is, so that a client may ask twice.
async fn cancel(
    State(server): State<Server>,
    identity: Identity,
    Ids(place): Ids<3>,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let image = find(&server, &identity, place).await?;
    let image = stop(&server, &identity, image).await?;
    Ok(wanted.ok(ticket::status(&image)))
}

/// Stops an image, if it is not over, and waits for that, though not long: a builder stops within a second.
async fn stop(server: &Server, identity: &Identity, image: Image) -> Result<Image, Failure> {
    let place = [image.instance_id, image.scan_id, image.id];
    if image.state.is_over() {
        return Ok(image);
    }
    let mut ended = server.builder().ended();
    match server.store().stop_image(identity.user, image.id).await? {
        Stopping::Unknown => return Err(Failure::unknown("image")),
        Stopping::Over => return find(server, identity, place).await,
        Stopping::UnderWay => server.builder().cancel(JobKind::Image, image.id),
    }
    let deadline = tokio::time::Instant::now() + STOPPING;
    loop {
        let image = find(server, identity, place).await?;
        if image.state.is_over() || tokio::time::Instant::now() >= deadline {
            return Ok(image);
        }
        // A builder of another process ends it without a sign.
        let _ = tokio::time::timeout(STOPPING_POLL, ended.changed()).await;
    }
}

async fn platform_tools(_: OwnScan, wanted: Wanted) -> Response {
    wanted.ok(SoftwareBundles::default())
}

async fn user_images(
    State(server): State<Server>,
    identity: Identity,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let images = server.store().images(identity.user, ImageSelection::All).await?;
    Ok(documents(&server, wanted, &images))
}

async fn user_statuses(
    State(server): State<Server>,
    identity: Identity,
    query: Query,
    wanted: Wanted,
) -> Result<Response, Failure> {
    let asked = query.texts(&IMAGE);
    let images = server.store().images(identity.user, ImageSelection::All).await?;
    let is_asked = |image: &&Image| asked.is_empty() || asked.contains(&ticket::uri(image).as_str());
    let statuses = images.iter().filter(is_asked).map(ticket::status).collect();
    Ok(wanted.ok(List::all(statuses)))
}

async fn no_publications(wanted: Wanted) -> Response {
    wanted.ok(PublishImages::default())
}

async fn no_statuses(wanted: Wanted) -> Response {
    wanted.ok(Statuses::default())
}

async fn publications(
    State(server): State<Server>,
    identity: Identity,
    Ids(place): Ids<3>,
    wanted: Wanted,
) -> Result<Response, Failure> {
    find(&server, &identity, place).await?;
    Ok(wanted.ok(PublishImages::default()))
}

async fn publish(
    State(server): State<Server>,
    identity: Identity,
    Ids(place): Ids<3>,
) -> Result<Response, Failure> {
    find(&server, &identity, place).await?;
    Err(not_published())
}

async fn publication(
    State(server): State<Server>,
    identity: Identity,
    Ids([instance, scan, image, _]): Ids<4>,
) -> Result<Response, Failure> {
    find(&server, &identity, [instance, scan, image]).await?;
    Err(not_published())
}

fn not_published() -> Failure {
    let message = "images cannot be published: download them";
    Failure::new(StatusCode::NOT_IMPLEMENTED, "publish.unsupported", message)
}

async fn find(
    server: &Server,
    identity: &Identity,
    [instance, scan, image]: [i64; 3],
) -> Result<Image, Failure> {
    let found = server.store().image(identity.user, instance, scan, image).await?;
    found.ok_or_else(|| Failure::unknown("image"))
}

fn documents(server: &Server, wanted: Wanted, images: &[Image]) -> Response {
    wanted.ok(List::all(images.iter().map(|image| ticket::image(server, image)).collect()))
}

const IMAGE: Parameter = Parameter::new("img", ParameterKind::Texts, "URI of an image whose status is shown");
const MAX_NAME: usize = 64;
/// File systems, partition tables, loaders.
const OVERHEAD: u64 = 64 << 20;
/// How long a request waits until an image has stopped.
const STOPPING: Duration = Duration::from_secs(5);
const STOPPING_POLL: Duration = Duration::from_millis(100);

#[cfg(test)]
mod boot_tests;
#[cfg(test)]
mod layout_tests;
#[cfg(test)]
mod tests;

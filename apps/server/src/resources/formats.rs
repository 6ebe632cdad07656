//! `GET /users/{uid}/targetformats`, `/users/{uid}/formats` and the same of the organisation: what images can be made.
//!
//! A target format is what clients pick by name. Each format of the registry that the API offers is one, and so is each of
//! its other names: templates that were written for one of them go on working. The number of a target format is made of
//! its name, so that it stays the same whatever else is registered.

use axum::extract::State;
use axum::http::Method;
use axum::response::Response;
use diskwright::format::{FormatInfo, Registry};
use diskwright_request::{Common, ImageFormat, List, TargetFormat};
use sha2::{Digest, Sha256};

use super::{Ids, Wanted, paths};
use crate::accounts::Entitlement;
use crate::failure::Failure;
use crate::routes::{Access, Route};
use crate::server::Server;

pub(super) fn routes() -> Vec<Route> {
    const USER: Access = Access::Entitled(&[Entitlement::MigrationGenerate, Entitlement::ImageGenerate]);
    const ORG: Access = Access::Entitled(&[Entitlement::OrgFormatsAdministrate]);
    vec![
        Route::new(
            Method::GET,
            paths::user!("/targetformats"),
            USER,
            "Lists the formats in which the user may have images",
            user_target_formats,
        ),
        Route::new(
            Method::GET,
            paths::user!("/formats"),
            USER,
            "Lists the primitive formats in which the user may have images",
            user_formats,
        ),
        Route::new(
            Method::GET,
            "/orgs/{oid}/targetformats",
            ORG,
            "Lists the organisation's target formats",
            org_target_formats,
        ),
        Route::new(
            Method::GET,
            "/orgs/{oid}/formats",
            ORG,
            "Lists the organisation's primitive formats",
            org_formats,
        ),
        // Where the URI of a target format leads.
        Route::new(
            Method::GET,
            "/orgs/{oid}/targetformats/{tfid}",
            Access::Account,
            "Shows a target format",
            target_format,
        ),
    ]
}

/// A target format: one of the names of a format.
#[derive(Clone, Copy)]
pub(super) struct Offer {
    name: &'static str,
    info: &'static FormatInfo,
}

impl Offer {
    /// All that `registry` offers by the API, in its order.
    fn all(registry: &Registry) -> impl Iterator<Item = Self> {
        let offered =
            registry.entries().iter().map(|entry| entry.info).filter(|info| info.primitive.is_some());
        offered.flat_map(|info| {
            let names = info.api_name.into_iter().chain(info.aliases.iter().copied());
            names.map(move |name| Self { name, info })
        })
    }

    /// The target format that a client means by `name`: any name of `info`.
    pub(super) fn named(info: &'static FormatInfo, name: &str) -> Self {
        let alias = info.aliases.iter().find(|alias| alias.eq_ignore_ascii_case(name));
        Self { name: alias.copied().or(info.api_name).unwrap_or(info.id), info }
    }

    /// The target format that is called exactly `name`, as an image keeps it.
    pub(super) fn kept(registry: &Registry, name: &str) -> Option<Self> {
        registry.find(name).map(|entry| Self::named(entry.info, name))
    }

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        self.name
    }

    pub(super) fn document(self) -> TargetFormat {
        let id = self.number();
        TargetFormat {
            common: Common { db_id: Some(id), ..Common::default() },
            name: Some(self.name.to_owned()),
            uri: Some(format!("orgs/{ORG}/targetformats/{id}")),
            ..TargetFormat::of_format(self.info).unwrap_or_default()
        }
    }

    /// 31 bits of a digest of the name, never 0.
    fn number(self) -> i64 {
        let digest = Sha256::digest(self.name.to_ascii_lowercase().as_bytes());
        let bytes = digest.iter().take(4).fold(0_i64, |number, byte| number << 8 | i64::from(*byte));
        (bytes & 0x7fff_ffff).max(1)
    }
}

async fn user_target_formats(State(server): State<Server>, wanted: Wanted) -> Response {
    target_formats(&server, wanted)
}

async fn org_target_formats(
    State(server): State<Server>,
    Ids([org]): Ids<1>,
    wanted: Wanted,
) -> Result<Response, Failure> {
    known(org)?;
    Ok(target_formats(&server, wanted))
}

async fn target_format(
    State(server): State<Server>,
    Ids([org, id]): Ids<2>,
    wanted: Wanted,
) -> Result<Response, Failure> {
    known(org)?;
    let found = Offer::all(server.registry()).find(|offer| offer.number() == id);
    Ok(wanted.ok(found.ok_or_else(|| Failure::unknown("target format"))?.document()))
}

async fn user_formats(State(server): State<Server>, wanted: Wanted) -> Response {
    formats(&server, wanted)
}

async fn org_formats(
    State(server): State<Server>,
    Ids([org]): Ids<1>,
    wanted: Wanted,
) -> Result<Response, Failure> {
    known(org)?;
    Ok(formats(&server, wanted))
}

fn target_formats(server: &Server, wanted: Wanted) -> Response {
    wanted.ok(List::all(Offer::all(server.registry()).map(Offer::document).collect()))
}

fn formats(server: &Server, wanted: Wanted) -> Response {
    let mut formats: Vec<ImageFormat> = Vec::new();
    for offer in Offer::all(server.registry()) {
        let Some(mut format) = offer.document().format else { continue };
        if formats.iter().all(|known| known.name != format.name) {
            (format.access, format.active) = (Some(true), Some(true));
            formats.push(format);
        }
    }
    wanted.ok(List::all(formats))
}

/// There is one organisation.
fn known(org: i64) -> Result<(), Failure> {
    if org == ORG { Ok(()) } else { Err(Failure::unknown("organisation")) }
}

/// The organisation's number.
const ORG: i64 = 1;

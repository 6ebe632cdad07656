//! `…/images/{itid}/downloads`: the file of an image.
//!
//! Who has a login gets it as often as it likes. Who has none brings a `downloadId`, which the image's document shows to its
//! owner: it lets one GET through, whole or a range of it, and then the document shows another. It is redeemed by counting up in
//! the image's row, as the last thing before bytes flow, so that of many at the same time one gets them. HEAD and what is
//! answered without bytes (304, 416) redeem nothing.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, header};
use axum::response::Response;
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::answer::http_date;
use super::file::SentFile;
use super::{Ids, Parameter, ParameterKind, Query, paths, ticket};
use crate::accounts::Identity;
use crate::failure::Failure;
use crate::routes::{Access, Route};
use crate::server::Server;
use crate::store::{Image, ImageState};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            paths::image!("/downloads"),
            Access::DownloadKey,
            "Downloads an image",
            download,
        )
        .reading(&[KEY]),
        Route::new(
            Method::GET,
            paths::image!("/downloads/{file}"),
            Access::DownloadKey,
            "Downloads an image; the file's name is there for clients that name what they get by it",
            download,
        )
        .reading(&[KEY]),
    ]
}

#[derive(Debug, Deserialize)]
struct Place {
    uid: String,
}

/// Why bytes may flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Permit {
    /// The image is the caller's own.
    Own,
    /// The caller brings a key, which this uses up.
    Key,
}

async fn download(
    State(server): State<Server>,
    Path(place): Path<Place>,
    Ids(ids): Ids<3>,
    query: Query,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let (image, permit) = match (own_identity(&server, &parts, &place.uid).await, query.text(&KEY)) {
        (Some(identity), _) => {
            let image = find(&server, identity.user, ids).await?;
            (image.ok_or_else(|| Failure::unknown("image"))?, Permit::Own)
        }
        (None, Some(key)) => (opened(&server, &place.uid, ids, key).await?, Permit::Key),
        (None, None) => return Err(Failure::unauthenticated()),
    };
    answer(&server, &parts, &image, permit).await
}

/// The caller, if it is known and the image would be its own: an official client sends its login together with a key that it
/// has used before.
async fn own_identity(server: &Server, parts: &Parts, uid: &str) -> Option<Identity> {
    if let Some(identity) = parts.extensions.get::<Identity>() {
        return Some(identity.clone());
    }
    parts.headers.get(header::AUTHORIZATION)?;
    server.accounts().authenticate(parts).await.ok().filter(|identity| identity.is(uid))
}

/// The image that `key` opens. Whether there is none, or the key is wrong or used, is the same answer.
async fn opened(server: &Server, uid: &str, ids: [i64; 3], key: &str) -> Result<Image, Failure> {
    let account = server.store().account(uid).await?.filter(|account| account.active);
    let image = match account {
        Some(account) => find(server, account.id, ids).await?,
        None => None,
    };
    let right = |image: &Image| ticket::download_key(server, image).as_bytes().ct_eq(key.as_bytes()).into();
    image.filter(right).ok_or_else(bad_key)
}

async fn find(
    server: &Server,
    user: i64,
    [instance, scan, image]: [i64; 3],
) -> Result<Option<Image>, Failure> {
    Ok(server.store().image(user, instance, scan, image).await?)
}

fn bad_key() -> Failure {
    let message = "the download key is wrong or was used; the image shows a new one after each download";
    Failure::new(StatusCode::FORBIDDEN, "download.key", message)
}

async fn answer(server: &Server, parts: &Parts, image: &Image, permit: Permit) -> Result<Response, Failure> {
    let file = file(image)?;
    let (mut response, range) = file.answer(parts)?;
    let Some(range) = range else { return Ok(response) };
    // Opened first: what cannot be read uses up no key.
    let bytes = server.artefacts().read(image.id, file.name, range).await.map_err(Failure::internal)?;
    if permit == Permit::Key && !server.store().redeem_download(image.id, image.downloads).await? {
        return Err(bad_key());
    }
    *response.body_mut() = Body::from_stream(bytes);
    Ok(response)
}

/// What can be downloaded of an image.
fn file(image: &Image) -> Result<SentFile<'_>, Failure> {
    if !image.compress {
        let message = "the image was generated without compress, so that there is no one file to download";
        return Err(
            Failure::new(StatusCode::CONFLICT, "download.compress", message).with_parameter("compress")
        );
    }
    let (ImageState::Complete, Some(name), Some(digest)) = (image.state, &image.file_name, &image.sha256)
    else {
        return Err(Failure::conflict("the image is not complete"));
    };
    let length = u64::try_from(image.file_size).unwrap_or(0);
    Ok(SentFile { name, length, digest, modified: image.finished.and_then(http_date) })
}

const KEY: Parameter = Parameter::new(
    "downloadId",
    ParameterKind::Text,
    "The image's downloadKey, in the place of a login; good for one GET",
);

#[cfg(test)]
mod tests;

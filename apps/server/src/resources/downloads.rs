//! `…/images/{itid}/downloads`: the file of an image.
//!
//! Who has a login gets it as often as it likes. Who has none brings a `downloadId`, which the image's document shows to its
//! owner: it lets one GET through, whole or a range of it, and then the document shows another. It is redeemed by counting up in
//! the image's row, as the last thing before bytes flow, so that of many at the same time one gets them. HEAD and what is
//! answered without bytes (304, 416) redeem nothing.

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use subtle::ConstantTimeEq;

use super::answer::{http_date, is_known};
use super::range::{Selected, select};
use super::{Ids, ticket};
use crate::accounts::Identity;
use crate::failure::Failure;
use crate::routes::{Access, Route};
use crate::server::Server;
use crate::store::{Image, ImageState};

pub(super) fn routes() -> Vec<Route> {
    vec![
        Route::new(
            Method::GET,
            "/users/{uid}/scannedinstances/{siid}/scans/{sid}/images/{itid}/downloads",
            Access::DownloadKey,
            "Downloads an image",
            download,
        ),
        Route::new(
            Method::GET,
            "/users/{uid}/scannedinstances/{siid}/scans/{sid}/images/{itid}/downloads/{file}",
            Access::DownloadKey,
            "Downloads an image; the file's name is there for clients that name what they get by it",
            download,
        ),
    ]
}

#[derive(Debug, Deserialize)]
struct Place {
    uid: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Key {
    download_id: Option<String>,
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
    Query(key): Query<Key>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let (image, permit) = match (own_identity(&server, &parts, &place.uid).await, key.download_id) {
        (Some(identity), _) => {
            let image = find(&server, identity.user, ids).await?;
            (image.ok_or_else(|| Failure::unknown("image"))?, Permit::Own)
        }
        (None, Some(key)) => (opened(&server, &place.uid, ids, &key).await?, Permit::Key),
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
    let Download { name, length, tag, modified } = Download::of(image)?;
    let mut response = StatusCode::OK.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::ETAG, value(tag.clone())?);
    headers.insert(header::CONTENT_DISPOSITION, value(format!("attachment; filename=\"{name}\""))?);
    // The answer hangs on who asks, and its address may hold a key.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    if let Some(modified) = &modified {
        headers.insert(header::LAST_MODIFIED, modified.clone());
    }
    if is_known(&parts.headers, response.headers()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return Ok(response);
    }
    let modified = modified.as_ref().and_then(|time| time.to_str().ok());
    let range = match select(&parts.headers, length, &tag, modified) {
        Selected::Whole => 0..length,
        Selected::Part(range) => {
            let last = range.end.saturating_sub(1);
            let shown = value(format!("bytes {}-{last}/{length}", range.start))?;
            response.headers_mut().insert(header::CONTENT_RANGE, shown);
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            range
        }
        Selected::Nothing => {
            let message = format!("the file has {length} bytes, none of which are in the range asked for");
            return Err(Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, "download.range", message)
                .with_header(header::CONTENT_RANGE, value(format!("bytes */{length}"))?));
        }
    };
    let size = HeaderValue::from(range.end.saturating_sub(range.start));
    response.headers_mut().insert(header::CONTENT_LENGTH, size);
    if parts.method == Method::HEAD {
        return Ok(response);
    }
    // Opened first: what cannot be read uses up no key.
    let bytes = server.artefacts().read(image.id, name, range).await.map_err(Failure::internal)?;
    if permit == Permit::Key && !server.store().redeem_download(image.id, image.downloads).await? {
        return Err(bad_key());
    }
    *response.body_mut() = Body::from_stream(bytes);
    Ok(response)
}

/// What can be downloaded of an image.
struct Download<'a> {
    name: &'a str,
    /// Bytes.
    length: u64,
    /// Strong: a digest of the bytes.
    tag: String,
    modified: Option<HeaderValue>,
}

impl<'a> Download<'a> {
    fn of(image: &'a Image) -> Result<Self, Failure> {
        if !image.compress {
            let message =
                "the image was generated without compress, so that there is no one file to download";
            return Err(
                Failure::new(StatusCode::CONFLICT, "download.compress", message).with_parameter("compress")
            );
        }
        let (ImageState::Complete, Some(name), Some(sha256)) = (image.state, &image.file_name, &image.sha256)
        else {
            return Err(Failure::conflict("the image is not complete"));
        };
        Ok(Self {
            name,
            length: u64::try_from(image.file_size).unwrap_or(0),
            tag: format!("\"{sha256}\""),
            modified: image.finished.and_then(http_date),
        })
    }
}

fn value(text: String) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(&text).map_err(Failure::internal)
}

#[cfg(test)]
mod tests;

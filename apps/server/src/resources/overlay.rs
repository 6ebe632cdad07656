//! `…/scans/{sid}/overlay`: the tree of a scan, a tar archive, whole or in parts.

use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::file::SentFile;
use super::{OwnScan, Parameter, ParameterKind, Query, paths, scans};
use crate::accounts::{Entitlement, Identity};
use crate::artefacts::pieces;
use crate::failure::Failure;
use crate::routes::{Access, Route};
use crate::server::Server;
use crate::store::{NewUpload, ScanState};
use crate::upload::{
    Checksum, Incoming, Kind, Parts, Place, STEP, UPLOAD_LENGTH, announced_length, receive, with_version,
};

pub(super) fn routes() -> Vec<Route> {
    let access = Access::Entitled(&[Entitlement::MigrationAccess]);
    let path = paths::scan!("/overlay");
    vec![
        Route::new(
            Method::GET,
            path,
            access,
            "Downloads the tree; HEAD tells how much of it is here",
            download,
        ),
        Route::new(Method::POST, path, access, "Uploads the tree, or begins an upload in parts", upload)
            .reading(&[CRC, NAME]),
        Route::new(Method::PATCH, path, access, "Uploads a part of the tree", append),
    ]
}

async fn upload(
    State(server): State<Server>,
    identity: Identity,
    OwnScan(scan): OwnScan,
    query: Query,
    request: Request,
) -> Result<Response, Failure> {
    let mut new = NewUpload {
        name: query.text(&NAME).map(name).transpose()?,
        crc: query.text(&CRC).map(str::to_owned),
        bytes: 0,
        total: None,
    };
    let mut wanted = new.crc.as_deref().map(Checksum::parse).transpose()?;
    let uri = format!("{}/overlay", scans::uri(&identity.login, &scan));
    if let Some(total) = Parts::announced(request.headers())? {
        check_announcement(&request, total)?;
        (new.bytes, new.total) = (total, Some(total));
        server.store().begin_upload(identity.user, scan.id, &new, &server.settings().quota).await?;
        server.sweep().await;
        return Ok(with_version(created(&uri)));
    }
    let mut incoming = Incoming::of(request).await?;
    if new.crc.is_none() {
        new.crc = incoming.field("crc").map(str::to_owned);
    }
    if new.name.is_none() {
        new.name = incoming.field("overlayName").or(incoming.file_name()).map(name).transpose()?;
    }
    if wanted.is_none() {
        wanted = new.crc.as_deref().map(Checksum::parse).transpose()?;
    }
    check_kind(incoming.kind().await?)?;
    new.bytes = incoming.most().unwrap_or(STEP);
    let received = receive(&server, identity.user, Place::Scan(scan.id), new, incoming, wanted).await?;
    let mut response = created(&uri);
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", received.sums.sha256)) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

/// Fails with 400 where an upload in parts is announced with something else than its length.
fn check_announcement(request: &Request, total: u64) -> Result<(), Failure> {
    let has_body = announced_length(request).is_some_and(|length| length > 0)
        || request.headers().contains_key(header::TRANSFER_ENCODING);
    if has_body {
        let message = format!("a request with {UPLOAD_LENGTH} only announces: the parts come with PATCH");
        return Err(Failure::invalid(message));
    }
    if total == 0 {
        return Err(Failure::invalid("an empty upload is no tar archive").with_parameter("Upload-Length"));
    }
    Ok(())
}

async fn append(
    State(server): State<Server>,
    identity: Identity,
    OwnScan(scan): OwnScan,
    request: Request,
) -> Result<Response, Failure> {
    Parts::of(&scan, identity.user)?.append(&server, request).await
}

async fn download(
    State(server): State<Server>,
    identity: Identity,
    OwnScan(scan): OwnScan,
    request: Request,
) -> Result<Response, Failure> {
    let (request, _) = request.into_parts();
    if request.method == Method::HEAD && scan.upload_total.is_some() {
        return Ok(Parts::of(&scan, identity.user)?.progress());
    }
    let tree = scan.tree_file.as_ref().filter(|_| scan.state != ScanState::Receiving);
    let (Some(tree), Some(digest)) = (tree, &scan.tree_sha256) else {
        return Err(Failure::unknown("overlay"));
    };
    let length = u64::try_from(scan.tree_bytes).unwrap_or(0);
    let file = SentFile { name: "overlay.tar", length, digest, modified: None };
    let (mut response, range) = file.answer(&request)?;
    if let Some(range) = range {
        let path = server.folder().path(tree);
        let opened = tokio::task::spawn_blocking(move || std::fs::File::open(path)).await;
        let opened = opened.map_err(Failure::internal)?.map_err(Failure::internal)?;
        let bytes = pieces(opened, range).await.map_err(Failure::internal)?;
        *response.body_mut() = axum::body::Body::from_stream(bytes);
    }
    Ok(response)
}

/// A checksum of what is uploaded.
pub(super) const CRC: Parameter = Parameter::new(
    "crc",
    ParameterKind::Text,
    "What the upload must have, told by its form: a CRC-32 (decimal or hexadecimal), an MD5 or a SHA-256",
);
const NAME: Parameter =
    Parameter::new("overlayName", ParameterKind::Text, "Name of the tree, as its sender calls it");

/// Fails with 400 or 415 where it is no archive.
fn check_kind(kind: Kind) -> Result<(), Failure> {
    match kind {
        Kind::Tar => Ok(()),
        Kind::Empty => Err(Failure::invalid("the body is empty: a tar archive of the tree is expected")),
        Kind::Json | Kind::Xml | Kind::Other => {
            let message = "the body is no tar archive: plain, or packed with gzip, zstd, xz or bzip2";
            Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.type", message))
        }
    }
}

/// A name that the sender has for something: shown again, and never that of a file here.
pub(super) fn name(text: &str) -> Result<String, Failure> {
    let fits = (1..=255).contains(&text.chars().count()) && !text.chars().any(char::is_control);
    let wrong = || Failure::invalid("a name has 1 to 255 characters, none of them a control character");
    fits.then(|| text.to_owned()).ok_or_else(wrong)
}

/// 201 without a body, as the API has it.
fn created(uri: &str) -> Response {
    let mut response = StatusCode::CREATED.into_response();
    if let Ok(uri) = HeaderValue::from_str(uri) {
        response.headers_mut().insert(header::LOCATION, uri);
    }
    response
}

#[cfg(test)]
mod tests;

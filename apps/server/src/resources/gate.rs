use axum::extract::{FromRequestParts, RawPathParams, Request, State};
use axum::http::HeaderValue;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::Response;

use super::Declared;
use crate::accounts::Identity;
use crate::failure::Failure;
use crate::net::Trail;
use crate::routes::Access;
use crate::server::Server;

/// What stands before the handler of a route.
#[derive(Clone)]
pub(crate) struct Gate {
    pub(crate) server: Server,
    pub(crate) access: Access,
    pub(crate) declared: Declared,
}

/// Lets a request through to its handler, with the caller's [`Identity`] where there is one, or not.
///
/// Below `/users/{uid}` every other user's name is refused in the same way, whether there is such a user or not.
pub(crate) async fn gate(
    State(Gate { server, access, declared }): State<Gate>,
    request: Request,
    next: Next,
) -> Result<Response, Failure> {
    let (mut parts, body) = request.into_parts();
    check_site(&parts)?;
    parts.extensions.insert(declared);
    if access == Access::Open || access == Access::DownloadKey && brings_key(&parts) {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    }
    let identity = server.accounts().authenticate(&parts).await?;
    if let Some(trail) = parts.extensions.get::<Trail>() {
        trail.is_by(&identity.login);
    }
    if let Access::Entitled(any) = access
        && !any.iter().any(|one| identity.is_entitled(*one))
    {
        let names: Vec<&str> = any.iter().map(|one| one.name()).collect();
        return Err(Failure::forbidden(format!("the account lacks the entitlement {}", names.join(" or "))));
    }
    let path = RawPathParams::from_request_parts(&mut parts, &server)
        .await
        .map_err(|_| Failure::unknown("resource"))?;
    if let Some((_, uid)) = path.iter().find(|(name, _)| *name == "uid")
        && !identity.is(uid)
    {
        return Err(Failure::forbidden("the resource is not the account's own"));
    }
    parts.extensions.insert(identity);
    Ok(next.run(Request::from_parts(parts, body)).await)
}

/// Refuses what a page of another site has a browser send that changes something: a browser adds the login that its user once
/// typed, whoever asks. Other clients do not say where they come from.
///
/// # Reference
/// Fetch Metadata Request Headers, §2.4 (`Sec-Fetch-Site`).
fn check_site(parts: &Parts) -> Result<(), Failure> {
    if parts.method.is_safe() {
        return Ok(());
    }
    match parts.headers.get("sec-fetch-site").map(HeaderValue::as_bytes) {
        None | Some(b"same-origin" | b"none") => Ok(()),
        Some(_) => Err(Failure::forbidden("a page of another site may not change anything here")),
    }
}

fn brings_key(parts: &Parts) -> bool {
    let query = parts.uri.query().unwrap_or_default();
    query.split('&').any(|pair| pair.starts_with("downloadId="))
}

/// The caller, on routes that the gate lets nobody unknown through.
impl FromRequestParts<Server> for Identity {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Server) -> Result<Self, Failure> {
        let identity = parts.extensions.get::<Identity>().cloned();
        identity.ok_or_else(Failure::unauthenticated)
    }
}

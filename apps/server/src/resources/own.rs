use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use super::ids::number;
use crate::accounts::Identity;
use crate::failure::Failure;
use crate::server::Server;
use crate::store::{Instance, Scan};

/// The machine `{siid}` of the path, which is the caller's.
pub(crate) struct OwnInstance(pub(crate) Instance);

/// The scan `{sid}` of the path, which is the caller's.
pub(crate) struct OwnScan(pub(crate) Scan);

impl FromRequestParts<Server> for OwnInstance {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Failure> {
        let identity = Identity::from_request_parts(parts, server).await?;
        let unknown = || Failure::unknown("scanned instance");
        let id = parameter(parts, server, "siid").await?.ok_or_else(unknown)?;
        Ok(Self(server.store().instance(identity.user, id).await?.ok_or_else(unknown)?))
    }
}

impl FromRequestParts<Server> for OwnScan {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Failure> {
        let identity = Identity::from_request_parts(parts, server).await?;
        let unknown = || Failure::unknown("scan");
        let instance = parameter(parts, server, "siid").await?.ok_or_else(unknown)?;
        let id = parameter(parts, server, "sid").await?.ok_or_else(unknown)?;
        Ok(Self(server.store().scan(identity.user, instance, id).await?.ok_or_else(unknown)?))
    }
}

/// A number of the path; what is none is as unknown as one that nothing has.
async fn parameter(parts: &mut Parts, server: &Server, name: &str) -> Result<Option<i64>, Failure> {
    let path = RawPathParams::from_request_parts(parts, server).await.map_err(Failure::internal)?;
    let text = path.iter().find(|(one, _)| *one == name).map(|(_, text)| text);
    Ok(text.and_then(number))
}

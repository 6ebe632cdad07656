use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;

use crate::failure::Failure;
use crate::server::Server;

/// The numbers of a path, in its order: `{siid}`, `{sid}`, … but not `{uid}` and names of files.
///
/// What is not a number is as unknown as a number that nothing has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ids<const N: usize>(pub(crate) [i64; N]);

impl<const N: usize> FromRequestParts<Server> for Ids<N> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, server: &Server) -> Result<Self, Failure> {
        let path = RawPathParams::from_request_parts(parts, server).await.map_err(Failure::internal)?;
        let texts = path.iter().filter(|(name, _)| name.ends_with("id") && *name != "uid");
        let ids: Option<Vec<i64>> = texts.map(|(_, text)| number(text)).collect();
        let ids = ids.ok_or_else(|| Failure::unknown("resource"))?;
        let count = ids.len();
        let wrong = |_| Failure::internal(format!("the route has {count} ids where its handler takes {N}"));
        Ok(Self(ids.try_into().map_err(wrong)?))
    }
}

/// A positive number in decimal digits, without sign.
pub(super) fn number(text: &str) -> Option<i64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|&id| plain && id > 0)
}

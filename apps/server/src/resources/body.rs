use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use crate::failure::Failure;
use crate::server::Server;

/// A document in a request's body, whole: at most [`Body::LIMIT`] bytes, of a type that may be XML or JSON.
///
/// What it really is its first character says: clients send `application/x-www-form-urlencoded` without knowing.
#[derive(Debug)]
pub(crate) struct Body(pub(crate) Bytes);

impl Body {
    /// What the documents' reader takes at most.
    pub(crate) const LIMIT: usize = 1 << 20;
}

impl FromRequest<Server> for Body {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Server) -> Result<Self, Failure> {
        if let Some(kind) = request.headers().get(header::CONTENT_TYPE) {
            let kind = kind.to_str().unwrap_or_default();
            let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            if !TYPES.contains(&essence.as_str()) {
                let message = "the body's type is neither XML nor JSON";
                return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "request.type", message)
                    .with_parameter(essence.chars().take(64).collect::<String>()));
            }
        }
        match Limited::new(request.into_body(), Self::LIMIT).collect().await {
            Ok(body) => Ok(Self(body.to_bytes())),
            Err(error) if error.is::<LengthLimitError>() => {
                let message = "the document is longer than 1 MiB";
                Err(Failure::new(StatusCode::PAYLOAD_TOO_LARGE, "request.size", message))
            }
            Err(error) => Err(Failure::of_body(&*error)),
        }
    }
}

const TYPES: [&str; 6] =
    ["", "application/xml", "text/xml", "application/json", "text/json", "application/x-www-form-urlencoded"];

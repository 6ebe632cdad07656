use axum::http::header;
use axum::http::request::Parts;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// A login name with its password, as a request brings them.
pub(super) struct Credentials {
    pub(super) login: String,
    pub(super) password: String,
}

impl Credentials {
    /// The header `Authorization: Basic`, encoded as RFC 7617 has it or, as the API's documentation shows, as it is.
    pub(super) fn of(parts: &Parts) -> Option<Self> {
        let header = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
        let (scheme, value) = header.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("basic") {
            return None;
        }
        let value = value.trim();
        // A colon is no digit of base64.
        let text = if value.contains(':') {
            value.to_owned()
        } else {
            String::from_utf8(BASE64_STANDARD.decode(value).ok()?).ok()?
        };
        let (login, password) = text.split_once(':')?;
        Some(Self { login: login.to_owned(), password: password.to_owned() })
    }
}

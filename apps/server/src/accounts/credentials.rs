use axum::http::header;
use axum::http::request::Parts;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::signature::{SentUri, Signature};

/// What a request brings to say whose it is.
pub(super) enum Credentials {
    Password(Password),
    Signature(Signature),
}

/// A login name with its password, as a request brings them.
#[derive(PartialEq, Eq)]
pub(super) struct Password {
    pub(super) login: String,
    /// As whom to act, instead of `login`.
    pub(super) supervised: Option<String>,
    pub(super) password: String,
}

impl Credentials {
    /// The header `Authorization` or, without one, the signature of an API key at the end of the URI.
    pub(super) fn of(parts: &Parts) -> Option<Self> {
        if let Some(header) = parts.headers.get(header::AUTHORIZATION) {
            let header = std::str::from_utf8(header.as_bytes()).ok()?;
            return Password::of(header).map(Self::Password);
        }
        let sent = parts.extensions.get::<SentUri>()?;
        Signature::of(&sent.0).map(Self::Signature)
    }
}

impl Password {
    /// Of `Basic` and a value that is encoded as RFC 7617 has it or, as the API's documentation shows, as it is.
    ///
    /// The login may be `SUPERVISOR\SUPERVISED`.
    fn of(header: &str) -> Option<Self> {
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
        let (login, supervised) = match login.split_once('\\') {
            Some((supervisor, supervised)) => (supervisor, Some(supervised.to_owned())),
            None => (login, None),
        };
        Some(Self { login: login.to_owned(), supervised, password: password.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(header: &str) -> Option<(String, Option<String>, String)> {
        Password::of(header).map(|read| (read.login, read.supervised, read.password))
    }

    #[test]
    fn both_forms_and_the_supervisor_s_are_read() {
        let guest = ("guest".to_owned(), None, "a:b c".to_owned());
        assert_eq!(read("Basic Z3Vlc3Q6YTpiIGM="), Some(guest.clone()));
        assert_eq!(read("basic  guest:a:b c "), Some(guest));
        let root = ("root".to_owned(), Some("guest".to_owned()), "päß\\wort".to_owned());
        assert_eq!(read("Basic root\\guest:päß\\wort"), Some(root.clone()));
        let encoded = BASE64_STANDARD.encode("root\\guest:päß\\wort");
        assert_eq!(read(&format!("BASIC {encoded}")), Some(root));
    }

    #[test]
    fn what_is_no_basic_is_no_password() {
        for header in
            ["", "Basic", "Basic ", "Bearer guest:guest", "Basic Z3Vlc3Q=", "Basic %%%", "Basic /w=="]
        {
            assert_eq!(read(header), None, "{header:?}");
        }
    }
}

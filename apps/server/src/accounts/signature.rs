use axum::http::Uri;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::percent_decode_str;
use sha1::Sha1;

use super::api_key;

/// A request's URI below the API's base, before its slashes are mended: clients sign what they send.
#[derive(Clone, Debug)]
pub(crate) struct SentUri(pub(crate) Uri);

/// An API key's signature of a request's URI.
///
/// It stands as the last parameter, `signature`, after `apiKey`, and is the HMAC-SHA1 of all that precedes it, without the
/// slash at the beginning, in base64. Method and body are not signed, and it holds as long as the key does: the API has it so.
pub(super) struct Signature {
    pub(super) public: String,
    text: String,
    code: Vec<u8>,
}

impl Signature {
    pub(super) fn of(uri: &Uri) -> Option<Self> {
        let sent = uri.path_and_query()?.as_str().trim_start_matches('/');
        let (text, code) = sent.rsplit_once("&signature=")?;
        let (_, query) = text.split_once('?')?;
        let mut keys = query.split('&').filter_map(|pair| pair.strip_prefix("apiKey="));
        let public = keys.next().filter(|key| api_key::is_public(key))?;
        if keys.next().is_some() {
            return None;
        }
        // Base64 of some languages ends in a line feed.
        let code = percent_decode_str(code).decode_utf8().ok()?;
        let code = BASE64_STANDARD.decode(code.trim()).ok()?;
        Some(Self { public: public.to_owned(), text: text.to_owned(), code })
    }

    /// Whether `secret` made it, in constant time.
    pub(super) fn is_by(&self, secret: &str) -> bool {
        // HMAC takes keys of every length.
        let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret.as_bytes()) else { return false };
        mac.update(self.text.as_bytes());
        mac.verify_slice(&self.code).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Made with Python's hmac and base64: HMAC-SHA1 under "secret" of the URI up to the signature, without its first slash.
    const KEY: &str = "0123456789abcdef0123456789abcdef";
    const CODE: &str = "hFO7ZifIinczKtYVAyD0MtKj9Bg%3D";

    fn signature(path: &str, more: &str) -> Option<Signature> {
        let uri = format!("{path}?includeScans=true&apiKey={KEY}{more}");
        Signature::of(&uri.parse().unwrap())
    }

    #[test]
    fn a_signature_of_the_uri_as_sent_is_by_its_secret_and_no_other() {
        for path in ["/users/guest//scannedinstances", "//users/guest//scannedinstances"] {
            for end in ["", "%0A"] {
                let signature = signature(path, &format!("&signature={CODE}{end}")).unwrap();
                assert_eq!(signature.public, KEY);
                assert!(signature.is_by("secret"), "{path}");
                assert!(!signature.is_by("secreT"));
            }
        }
        let mended = signature("/users/guest/scannedinstances", &format!("&signature={CODE}")).unwrap();
        assert!(!mended.is_by("secret"));
    }

    #[test]
    fn every_part_of_the_form_is_needed() {
        let path = "/users/guest//scannedinstances";
        assert!(signature(path, "").is_none());
        assert!(signature(path, &format!("&signature={CODE}&max=1")).is_none());
        assert!(signature(path, &format!("&apiKey={KEY}&signature={CODE}")).is_none());
        assert!(Signature::of(&format!("{path}?apiKey=&signature={CODE}").parse().unwrap()).is_none());
        assert!(Signature::of(&format!("{path}?x=1&signature={CODE}").parse().unwrap()).is_none());
        for length in 0..CODE.len() - 1 {
            let part = signature(path, &format!("&signature={}", &CODE[..length]));
            assert!(part.is_none_or(|part| !part.is_by("secret")), "{length}");
        }
    }
}

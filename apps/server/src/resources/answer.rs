use std::convert::Infallible;

use axum::body::Body;
use axum::extract::{FromRequestParts, OriginalUri, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use diskwright_request::{Document, LocalizedMessage, Syntax, Time, UForgeError};

use crate::failure::Failure;
use crate::hexadecimal::{digest, digest_of};
use crate::store;

/// The syntax that the client wants its answer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wanted(pub(crate) Syntax);

impl Wanted {
    /// By the header `Accept`: JSON where it is named with a higher weight than XML, else XML.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let accept = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let weight = |syntax: &[&str]| {
            let ranges = accept.split(',').filter_map(|range| {
                let mut parts = range.split(';').map(str::trim);
                let kind = parts.next()?.to_ascii_lowercase();
                let weight = parts.find_map(|part| part.strip_prefix("q=")?.parse::<f32>().ok());
                syntax.contains(&kind.as_str()).then(|| weight.unwrap_or(1.0))
            });
            ranges.fold(0.0, f32::max)
        };
        let json = weight(&["application/json", "text/json"]);
        let xml = weight(&["application/xml", "text/xml"]);
        Self(if json > xml { Syntax::Json } else { Syntax::Xml })
    }

    /// `document` as the answer, with its entity tag: a digest of what is sent, which clients compare with its `digest`.
    pub(crate) fn reply(self, status: StatusCode, mut document: impl Document) -> Response {
        let common = document.common();
        let has_digest = common.is_some();
        let modified = common.and_then(|common| {
            common.digest = Some(BLANK.to_owned());
            common.last_modified
        });
        let mut text = document.render(self.0);
        let digest = if has_digest { fill_in(&mut text) } else { digest(text.as_bytes()) };
        let mut response = (status, text).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.0.media_type()));
        headers.insert(header::VARY, HeaderValue::from_static("Accept"));
        if let Ok(tag) = HeaderValue::from_str(&format!("\"{digest}\"")) {
            headers.insert(header::ETAG, tag);
        }
        if let Some(time) = modified.and_then(|time| http_date(time.milliseconds())) {
            headers.insert(header::LAST_MODIFIED, time);
        }
        response
    }

    /// 200 with `document`.
    pub(crate) fn ok(self, document: impl Document) -> Response {
        self.reply(StatusCode::OK, document)
    }

    /// 201 with `document`, which stands at `uri` from now on.
    pub(crate) fn created(self, uri: &str, document: impl Document) -> Response {
        let mut response = self.reply(StatusCode::CREATED, document);
        if let Ok(uri) = HeaderValue::from_str(uri) {
            response.headers_mut().insert(header::LOCATION, uri);
        }
        response
    }
}

impl<S: Sync> FromRequestParts<S> for Wanted {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

/// The outermost layer: failures become `uforgeError`s, and what the client already has is not sent again.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let wanted = Wanted::of(request.headers());
    let method = request.method().clone();
    let uri =
        request.extensions().get::<OriginalUri>().map_or_else(|| request.uri().clone(), |uri| uri.0.clone());
    let conditions = request.headers().clone();
    let response = next.run(request).await;
    if response.status().is_client_error() || response.status().is_server_error() {
        return error_document(wanted, &method, &uri.to_string(), response);
    }
    let is_read = method == Method::GET || method == Method::HEAD;
    if is_read && response.status() == StatusCode::OK && is_known(&conditions, response.headers()) {
        let (mut parts, _) = response.into_parts();
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    response
}

/// Whether the client has what is about to be sent (RFC 9110 §13.2.2: an entity tag counts before a date).
pub(super) fn is_known(conditions: &HeaderMap, answer: &HeaderMap) -> bool {
    if let Some(known) = conditions.get(header::IF_NONE_MATCH) {
        let (Ok(known), Some(Ok(tag))) = (known.to_str(), answer.get(header::ETAG).map(HeaderValue::to_str))
        else {
            return false;
        };
        let weak = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
        return known.trim() == "*" || known.split(',').any(|one| weak(one) == weak(tag));
    }
    let time = |headers: &HeaderMap, name| -> Option<i64> {
        let text = headers.get(name)?.to_str().ok()?;
        jiff::fmt::rfc2822::parse(text).ok().map(|time| time.timestamp().as_second())
    };
    match (time(conditions, header::IF_MODIFIED_SINCE), time(answer, header::LAST_MODIFIED)) {
        (Some(since), Some(modified)) => modified <= since,
        _ => false,
    }
}

/// Whatever refused the request, its answer is a `uforgeError`.
fn error_document(wanted: Wanted, method: &Method, uri: &str, response: Response) -> Response {
    let status = response.status();
    let failure = response.extensions().get::<Failure>().cloned().unwrap_or_else(|| {
        let message = status.canonical_reason().unwrap_or("the request failed").to_ascii_lowercase();
        Failure::new(status, "request.failure", message)
    });
    let document = error_text(wanted, method.as_str(), uri, &failure);
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(wanted.0.media_type()));
    Response::from_parts(parts, Body::from(document))
}

/// `failure` of a request as a `uforgeError`.
pub(crate) fn error_text(wanted: Wanted, method: &str, uri: &str, failure: &Failure) -> String {
    let document = UForgeError {
        localized_error_msg: Some(LocalizedMessage {
            message: Some(failure.message.clone()),
            message_id: Some(failure.id.to_owned()),
            parameters: Some(failure.parameters.clone()),
        }),
        request_method: Some(method.to_owned()),
        request_uri: Some(uri.chars().take(MAX_URI).collect()),
        status_code: Some(failure.status.as_u16().into()),
        timestamp: Time::from_milliseconds(store::now()),
    };
    document.render(wanted.0)
}

/// `Tue, 24 Nov 2026 12:00:00 GMT` (RFC 9110 §5.6.7).
pub(crate) fn http_date(milliseconds: i64) -> Option<HeaderValue> {
    let time = jiff::Timestamp::from_millisecond(milliseconds).ok()?;
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&time).ok()?;
    HeaderValue::from_str(&text).ok()
}

/// Puts the digest of all the rest of `document` in the place of the blank, and returns it.
fn fill_in(document: &mut String) -> String {
    // What stands before the digest of a document is not the client's: the first blank is the one.
    let at = document.find(BLANK).unwrap_or(document.len());
    let end = at.saturating_add(BLANK.len()).min(document.len());
    let parts = [document.get(..at), document.get(end..)].map(|part| part.unwrap_or_default().as_bytes());
    let digest = digest_of(&parts);
    document.replace_range(at..end, &digest);
    digest
}

/// Stands for a digest that is not known yet: [`DIGITS`](crate::hexadecimal::DIGITS) of them.
const BLANK: &str = "00000000000000000000000000000000";

/// What of a request's URI an error repeats.
const MAX_URI: usize = 2048;

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use diskwright_request::{Common, List, Scan};
    use http_body_util::BodyExt;

    use super::*;

    /// A document that counts how often it is rendered.
    struct Counted<'a>(Scan, &'a Cell<u32>);

    impl Document for Counted<'_> {
        const ROOT: &'static str = Scan::ROOT;

        fn render(&self, syntax: Syntax) -> String {
            self.1.set(self.1.get() + 1);
            self.0.render(syntax)
        }

        fn common(&mut self) -> Option<&mut Common> {
            self.0.common()
        }
    }

    async fn text(response: Response) -> (String, String) {
        let tag = response.headers()[header::ETAG].to_str().unwrap().trim_matches('"').to_owned();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (tag, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_document_is_rendered_once_and_its_digest_is_its_entity_tag() {
        assert_eq!(BLANK.len(), crate::hexadecimal::DIGITS);
        let scan = |name: &str| Scan { name: Some(name.to_owned()), ..Scan::default() };
        for syntax in [Syntax::Xml, Syntax::Json] {
            let count = Cell::new(0);
            let mut tags = Vec::new();
            // Names like blanks are names.
            for name in ["web", BLANK, "another"] {
                let (tag, text) = text(Wanted(syntax).ok(Counted(scan(name), &count))).await;
                assert_eq!((tag.len(), text.matches(&tag).count()), (BLANK.len(), 1), "{text}");
                assert!(text.contains(name), "{text}");
                tags.push(tag);
            }
            tags.dedup();
            assert_eq!((count.get(), tags.len()), (3, 3));
            let (tag, list) = text(Wanted(syntax).ok(List::all(vec![scan(BLANK)]))).await;
            assert!(list.contains(BLANK) && !list.contains(&tag), "{list}");
        }
    }
}

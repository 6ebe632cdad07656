use std::ops::Range;

use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::answer::is_known;
use super::range::{Selected, select};
use crate::failure::Failure;

/// A file that is sent, whole or a range of it.
#[derive(Clone, Debug)]
pub(super) struct SentFile<'a> {
    /// What the client is to call it: fit for a header.
    pub(super) name: &'a str,
    /// Bytes.
    pub(super) length: u64,
    /// A digest of the bytes, hexadecimal: the strong entity tag.
    pub(super) digest: &'a str,
    /// When it was finished, as a header has it; absent where nobody knows.
    pub(super) modified: Option<HeaderValue>,
}

impl SentFile<'_> {
    /// The answer to a GET or HEAD without its body, and the bytes that are its body; `None` where it has none.
    ///
    /// Fails with 416 for a range in which there is nothing.
    ///
    /// # Reference
    /// RFC 9110 §13.2.2 (precedence of conditions), §14.2 (a range is a matter of GET alone).
    pub(super) fn answer(&self, request: &Parts) -> Result<(Response, Option<Range<u64>>), Failure> {
        let Self { name, length, digest, modified } = self;
        let tag = format!("\"{digest}\"");
        let mut response = StatusCode::OK.into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(header::ETAG, value(tag.clone())?);
        headers.insert(header::CONTENT_DISPOSITION, value(format!("attachment; filename=\"{name}\""))?);
        // The answer hangs on who asks, and its address may hold a key.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
        if let Some(modified) = modified {
            headers.insert(header::LAST_MODIFIED, modified.clone());
        }
        if is_known(&request.headers, headers) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            return Ok((response, None));
        }
        if request.method == Method::HEAD {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(*length));
            return Ok((response, None));
        }
        let modified = modified.as_ref().and_then(|time| time.to_str().ok());
        let range = match select(&request.headers, *length, &tag, modified) {
            Selected::Whole => 0..*length,
            Selected::Part(range) => {
                let last = range.end.saturating_sub(1);
                headers
                    .insert(header::CONTENT_RANGE, value(format!("bytes {}-{last}/{length}", range.start))?);
                *response.status_mut() = StatusCode::PARTIAL_CONTENT;
                range
            }
            Selected::Nothing => {
                let message =
                    format!("the file has {length} bytes, none of which are in the range asked for");
                return Err(Failure::new(StatusCode::RANGE_NOT_SATISFIABLE, "download.range", message)
                    .with_header(header::CONTENT_RANGE, value(format!("bytes */{length}"))?));
            }
        };
        let size = HeaderValue::from(range.end.saturating_sub(range.start));
        response.headers_mut().insert(header::CONTENT_LENGTH, size);
        Ok((response, Some(range)))
    }
}

fn value(text: String) -> Result<HeaderValue, Failure> {
    HeaderValue::from_str(&text).map_err(Failure::internal)
}

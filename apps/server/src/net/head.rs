//! The head of a request, checked before anything else reads it.
//!
//! hyper answers what it cannot read with an empty 400, and reads some shapes in one way that a proxy may read in another.
//! Both end here: a head goes on to hyper only when it is complete and has one reading, and what is refused is refused
//! with a sentence.

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};

use super::limits::ConnectionLimits;
use crate::failure::Failure;

/// How much of a request the bytes at hand are.
#[derive(Debug)]
pub(super) enum Look {
    /// The head is not complete.
    Partial,
    /// The head has so many bytes, and a body like this follows.
    Complete { length: usize, body: Framing },
    /// It will be no request.
    Refused(Failure),
}

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// Where its chunks say.
    Chunked,
}

/// Reads the head at the beginning of `bytes`.
pub(super) fn look(bytes: &[u8], limits: &ConnectionLimits) -> Look {
    let length = match end(bytes, limits) {
        Ok(Some(length)) => length,
        Ok(None) => return Look::Partial,
        Err(failure) => return Look::Refused(failure),
    };
    match check(bytes.get(..length).unwrap_or_default(), limits) {
        Ok(body) => Look::Complete { length, body },
        Err(failure) => Look::Refused(failure),
    }
}

/// What of a head that was refused tells how to answer it: method, URI, headers, as far as they can be read.
pub(super) fn salvage(bytes: &[u8]) -> (String, String, HeaderMap) {
    let mut lines = bytes.split(|&byte| byte == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default()).into_owned();
    let mut words = first.split_ascii_whitespace();
    let mut word = || printable(words.next().unwrap_or("-"));
    let (method, uri) = (word(), word());
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        if let (true, Ok(value)) = (name.eq_ignore_ascii_case(b"accept"), HeaderValue::from_bytes(value)) {
            headers.insert(header::ACCEPT, value);
        }
    }
    (method, uri, headers)
}

/// Where the head ends, if it does; what is no head is seen as early as possible.
fn end(bytes: &[u8], limits: &ConnectionLimits) -> Result<Option<usize>, Failure> {
    let mut line = 0;
    let mut first = None;
    for (at, _) in bytes.iter().enumerate().filter(|&(_, &byte)| byte == b'\n') {
        if at == 0 || bytes.get(at.saturating_sub(1)) != Some(&b'\r') {
            return Err(malformed("a line of the head ends without a carriage return"));
        }
        let content = at.saturating_sub(line).saturating_sub(1);
        first.get_or_insert(content);
        if content == 0 {
            let length = at.saturating_add(1);
            return if length > limits.head_bytes { Err(too_large(limits)) } else { Ok(Some(length)) };
        }
        line = at.saturating_add(1);
    }
    if first.unwrap_or(bytes.len()) > MAX_LINE {
        return Err(too_long());
    }
    // A first line that is none is none for ever, complete or not: another protocol, a method with spaces.
    let first = first.map_or(bytes.len(), |content| content.saturating_add(2));
    parse(bytes.get(..first).unwrap_or_default(), &mut [])?;
    if bytes.len() > limits.head_bytes {
        return Err(too_large(limits));
    }
    Ok(None)
}

/// Whether a complete head has one reading, and how its body is framed.
fn check(head: &[u8], limits: &ConnectionLimits) -> Result<Framing, Failure> {
    // One more than allowed, so that too many are seen.
    let mut room = vec![httparse::EMPTY_HEADER; limits.headers.saturating_add(1)];
    let request = parse(head, &mut room)?;
    let (Some(method), Some(target), Some(minor)) = (request.method, request.path, request.version) else {
        return Err(malformed("the head is not complete"));
    };
    if target.len() > MAX_URI {
        return Err(too_long());
    }
    if request.headers.len() > limits.headers {
        let message = format!("the head has more than {} fields", limits.headers);
        return Err(Failure::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "request.head", message));
    }
    let method = Method::from_bytes(method.as_bytes()).map_err(|_| malformed("the method is no token"))?;
    let headers = fields(request.headers)?;
    let host = host(&headers, minor)?;
    check_target(&method, target, host)?;
    if let Some(expected) = headers.get(header::EXPECT)
        && !expected.as_bytes().eq_ignore_ascii_case(b"100-continue")
    {
        let message = "nothing but 100-continue can be expected";
        return Err(Failure::new(StatusCode::EXPECTATION_FAILED, "request.expectation", message));
    }
    framing(&headers, minor)
}

fn parse<'head, 'room>(
    bytes: &'head [u8],
    room: &'room mut [httparse::Header<'head>],
) -> Result<httparse::Request<'room, 'head>, Failure> {
    let mut request = httparse::Request::new(room);
    match request.parse(bytes) {
        Ok(_) => Ok(request),
        Err(httparse::Error::TooManyHeaders) => {
            let message = "the head has too many fields";
            Err(Failure::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "request.head", message))
        }
        Err(error) => Err(malformed(match error {
            httparse::Error::Version => "the protocol is neither HTTP/1.1 nor HTTP/1.0",
            httparse::Error::HeaderName => "the name of a header field is no token",
            httparse::Error::HeaderValue => "the value of a header field has a control character",
            httparse::Error::Token => "the request line is not METHOD TARGET VERSION",
            _ => "the head is no HTTP",
        })),
    }
}

/// The fields, of which some may stand only once.
fn fields(parsed: &[httparse::Header<'_>]) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for field in parsed {
        let name = HeaderName::from_bytes(field.name.as_bytes())
            .map_err(|_| malformed("the name of a header field is no token"))?;
        let value = HeaderValue::from_bytes(field.value)
            .map_err(|_| malformed("the value of a header field has a control character"))?;
        if SINGLE.contains(&name) && headers.contains_key(&name) {
            return Err(
                malformed("a header field stands twice that may stand once").with_parameter(name.as_str())
            );
        }
        headers.append(name, value);
    }
    Ok(headers)
}

fn host(headers: &HeaderMap, minor: u8) -> Result<&str, Failure> {
    let Some(host) = headers.get(header::HOST) else {
        return if minor == 0 { Ok("") } else { Err(malformed("the header field Host is missing")) };
    };
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~:[]%".contains(byte);
    match host.to_str() {
        Ok(host) if !host.is_empty() && host.as_bytes().iter().all(is_name) => Ok(host),
        _ => Err(malformed("the header field Host names no host")),
    }
}

fn check_target(method: &Method, target: &str, host: &str) -> Result<(), Failure> {
    if *method == Method::CONNECT {
        let message = "this server is no proxy";
        return Err(Failure::new(StatusCode::METHOD_NOT_ALLOWED, "request.method", message));
    }
    if target == "*" && *method == Method::OPTIONS {
        return Ok(());
    }
    if !target.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        return Err(malformed("the target has characters that must be encoded"));
    }
    let uri: Uri = target.parse().map_err(|_| malformed("the target is no URI"))?;
    match (uri.scheme_str(), uri.authority()) {
        (None, None) if target.starts_with('/') => {}
        (Some("http" | "https"), Some(authority)) => {
            if !host.is_empty() && !authority.as_str().eq_ignore_ascii_case(host) {
                return Err(malformed("the target and the header field Host name different hosts"));
            }
        }
        _ => return Err(malformed("the target is no path of this server")),
    }
    if uri.path().bytes().any(|byte| b"\"<>\\^`{|}".contains(&byte)) {
        return Err(malformed("the path has characters that must be encoded"));
    }
    check_escapes(uri.path().as_bytes())
}

/// Each `%` begins two hexadecimal digits, which are no control character, and the whole is UTF-8.
fn check_escapes(path: &[u8]) -> Result<(), Failure> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut bytes = path.iter();
    let digit = |byte: Option<&u8>| byte.and_then(|&byte| char::from(byte).to_digit(16));
    while let Some(&byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
            return Err(malformed("the path has a % without two hexadecimal digits"));
        };
        let byte = u8::try_from(high << 4 | low).unwrap_or_default();
        if byte.is_ascii_control() {
            return Err(malformed("the path has an encoded control character"));
        }
        decoded.push(byte);
    }
    std::str::from_utf8(&decoded).map(drop).map_err(|_| malformed("the path is not UTF-8"))
}

/// RFC 9112 §6, without its leniency: what says its length in two ways is refused.
fn framing(headers: &HeaderMap, minor: u8) -> Result<Framing, Failure> {
    let length = headers.get(header::CONTENT_LENGTH);
    if let Some(coding) = headers.get(header::TRANSFER_ENCODING) {
        if length.is_some() {
            return Err(malformed("Content-Length and Transfer-Encoding exclude each other"));
        }
        if minor == 0 {
            return Err(malformed("HTTP/1.0 has no Transfer-Encoding"));
        }
        return match coding.as_bytes().eq_ignore_ascii_case(b"chunked") {
            true => Ok(Framing::Chunked),
            false => Err(malformed("the Transfer-Encoding is not chunked")),
        };
    }
    let Some(length) = length else { return Ok(Framing::Length(0)) };
    let digits = length.as_bytes();
    let plain = !digits.is_empty() && digits.len() <= 18 && digits.iter().all(u8::is_ascii_digit);
    let length = length.to_str().ok().filter(|_| plain).and_then(|text| text.parse().ok());
    length.map(Framing::Length).ok_or_else(|| malformed("the Content-Length is no number of bytes"))
}

fn malformed(message: &str) -> Failure {
    Failure::new(StatusCode::BAD_REQUEST, "request.malformed", message)
}

fn too_long() -> Failure {
    let message = format!("the request line is longer than {MAX_URI} bytes");
    Failure::new(StatusCode::URI_TOO_LONG, "request.target", message)
}

fn too_large(limits: &ConnectionLimits) -> Failure {
    let message = format!("the head is longer than {} bytes", limits.head_bytes);
    Failure::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, "request.head", message)
}

/// What can stand in an answer of every syntax.
fn printable(text: &str) -> String {
    text.chars().map(|each| if each.is_ascii_graphic() { each } else { '?' }).take(MAX_SHOWN).collect()
}

/// Fields that decide how a request is read or who sends it.
const SINGLE: [HeaderName; 6] = [
    header::HOST,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::AUTHORIZATION,
    header::CONTENT_TYPE,
    header::EXPECT,
];
/// Bytes of a target.
const MAX_URI: usize = 8 << 10;
/// Bytes of a request line: the target, a method and a version.
const MAX_LINE: usize = MAX_URI + 64;
/// Characters of method and target that are repeated in the answer.
const MAX_SHOWN: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_whole_or_not_at_all() {
        let head = b"POST /api/a?b=='c*' HTTP/1.1\r\nHost: a:1\r\nContent-Length: 12\r\nExpect: 100-Continue\r\n\r\n";
        let limits = ConnectionLimits::default();
        for length in 1..head.len() {
            assert!(matches!(look(&head[..length], &limits), Look::Partial), "{length}");
        }
        let with_body = [head.as_slice(), b"hello\r\n\r\n"].concat();
        let Look::Complete { length, body } = look(&with_body, &limits) else { panic!("refused") };
        assert_eq!((length, body), (head.len(), Framing::Length(12)));
    }

    #[test]
    fn a_limit_is_the_largest_that_passes() {
        let padded = |size: usize| {
            let head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
            format!("{head}{}\r\n\r\n", "y".repeat(size - head.len() - 4))
        };
        let limits = ConnectionLimits { head_bytes: 1000, headers: 2, ..ConnectionLimits::default() };
        assert!(matches!(look(padded(1000).as_bytes(), &limits), Look::Complete { length: 1000, .. }));
        let Look::Refused(failure) = look(padded(1001).as_bytes(), &limits) else { panic!("passed") };
        assert_eq!(failure.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        // Before it ends, too.
        let Look::Refused(failure) = look(&padded(1100).as_bytes()[..1001], &limits) else {
            panic!("passed")
        };
        assert_eq!(failure.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        let target = |length: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(length - 1));
        let limits = ConnectionLimits::default();
        assert!(matches!(look(target(MAX_URI).as_bytes(), &limits), Look::Complete { .. }));
        assert!(matches!(look(target(MAX_URI + 1).as_bytes(), &limits), Look::Refused(_)));
    }

    #[test]
    fn what_is_repeated_is_printable() {
        let (method, uri, headers) = salvage(b"G\x01T /\xff<x> nothing\r\naccept:  text/json \r\nAccept");
        assert_eq!((method.as_str(), uri.as_str()), ("G?T", "/?<x>"));
        assert_eq!(headers.get(header::ACCEPT).unwrap(), "text/json");
        assert_eq!(salvage(b"").0, "-");
    }
}

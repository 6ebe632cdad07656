//! Every hostile body is refused for the right reason, and those that only look so are read.

use diskwright_core::{Error, ErrorKind};
use diskwright_hostile::{Body, Expected, Reading, Refusal, bodies};
use diskwright_request::ImageRequest;

#[test]
fn every_body_is_refused_or_read_as_expected() {
    let failures: Vec<String> = bodies().iter().filter_map(failure).collect();
    assert!(failures.is_empty(), "{} failures:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn no_refusal_repeats_more_than_a_little_of_the_body() {
    for body in bodies() {
        match ImageRequest::parse(&body.bytes) {
            Ok(request) => assert!(request.notes.join("\n").len() < 32 << 10, "{}", body.name),
            Err(error) => assert!(error.to_string().len() < 32 << 10, "{}", body.name),
        }
    }
}

/// What was not as expected, as a sentence.
fn failure(body: &Body) -> Option<String> {
    let found = ImageRequest::parse(&body.bytes);
    let is_expected = match (&body.expected, &found) {
        (Expected::Refused(refusal), Err(error)) => is_so_refused(refusal, error),
        (Expected::Read(reading), Ok(request)) => is_so_read(reading, request),
        _ => false,
    };
    (!is_expected).then(|| format!("{}: expected {:?}, found {found:.200?}", body.name, body.expected))
}

fn is_so_refused(refusal: &Refusal, error: &Error) -> bool {
    let names =
        |field: &str| std::iter::once(error).chain(error.also()).any(|error| error.field() == Some(field));
    match (refusal, error.kind()) {
        (Refusal::Malformed, ErrorKind::InvalidProfile) => error.also().is_empty(),
        (Refusal::TooLarge, ErrorKind::LimitExceeded) => true,
        (Refusal::Invalid(field), ErrorKind::InvalidProfile) => names(field),
        (Refusal::Unsupported(field), ErrorKind::Unsupported) => names(field),
        _ => false,
    }
}

fn is_so_read(reading: &Reading, request: &ImageRequest) -> bool {
    let memory = request.profile.memory.map(|memory| memory.bytes() >> 20);
    request.compress == reading.compress
        && request.target_format.as_deref() == reading.target_format
        && memory == reading.memory
        && request.notes.is_empty() != reading.has_notes
}

//! Why a job failed, in words for its user: where things lie on this machine is the administrator's business.

use diskwright::{Error, ErrorKind};

use crate::server::Server;

/// An error of the engine: a sentence, which is `ours` if it is not the user's move, and all that is known.
pub(super) fn explain(error: &Error, ours: &str) -> (String, String) {
    let is_ours = matches!(error.kind(), ErrorKind::Sink | ErrorKind::Internal);
    let sentence = if is_ours { ours.to_owned() } else { error.to_string() };
    (sentence, with_causes(error))
}

/// Where a scan's tree lies, as messages may have it.
pub(super) fn place(file: Option<&str>, registered: Option<&str>) -> String {
    file.or(registered).unwrap_or_default().to_owned()
}

/// `text` without the paths of the data directory and of the tree that lies at `place`, and not without end.
pub(super) fn without_places(server: &Server, text: &str, place: &str) -> String {
    let text = server.folder().without_paths(text);
    let text = if place.is_empty() { text } else { text.replace(place, "the tree") };
    text.chars().take(MAX_TEXT).collect()
}

/// An error and what caused it.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

/// Characters.
const MAX_TEXT: usize = 4096;

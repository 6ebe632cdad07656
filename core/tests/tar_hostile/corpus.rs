//! All archives of the corpus, each with a name `group/case`.

use crate::tar_support::{Archive, Head};
use crate::{cut, fields, kinds, members, published, sparse};

/// An archive that means harm, or only looks so.
pub(crate) struct Hostile {
    pub(crate) name: String,
    pub(crate) archive: Archive,
    pub(crate) verdict: Verdict,
}

/// What must become of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is refused.
    Refused,
    /// It is read, and other readers read the same.
    Read,
    /// It is refused, or read as other readers read it.
    Either,
}

pub(crate) use Verdict::{Either, Read, Refused};

pub(crate) fn hostile(name: impl Into<String>, archive: Archive, verdict: Verdict) -> Hostile {
    Hostile { name: name.into(), archive, verdict }
}

/// An archive of one header.
pub(crate) fn of_head(head: Head) -> Archive {
    Archive::default().head(head).end()
}

/// Blocks that are an archive of their own: a reader that loses step sees `smuggled`.
pub(crate) fn nested() -> Vec<u8> {
    Archive::default().file("smuggled", "x").end().0
}

pub(crate) fn all() -> Vec<Hostile> {
    let mut all = Vec::new();
    fields::push(&mut all);
    members::push(&mut all);
    kinds::push(&mut all);
    sparse::push(&mut all);
    cut::push(&mut all);
    published::push(&mut all);
    all
}

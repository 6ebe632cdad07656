//! Request bodies that mean harm, and some that only look so.
//!
//! All are for whoever reads an `image` document of the scan-image API. Each has a name, the content type with which it
//! would come, and what is expected of the reader: which refusal, or which reading. Nothing here depends on a reader.

mod encodings;
mod fields;
mod json;
mod legal;
mod limits;
mod xml;

/// A request body.
#[derive(Clone, Debug)]
pub struct Body {
    /// Name, unique among all: `xml/billion-laughs`.
    pub name: String,
    /// Content type with which it is sent.
    pub content_type: &'static str,
    /// The body itself.
    pub bytes: Vec<u8>,
    /// What a reader must make of it.
    pub expected: Expected,
}

/// What a reader must make of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// It refuses it.
    Refused(Refusal),
    /// It reads this and nothing else.
    Read(Reading),
}

/// Why a body is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It is no document: the syntax, the encoding or the root element is wrong.
    Malformed,
    /// It is longer, deeper or larger than a document may be.
    TooLarge,
    /// This field has a wrong value.
    Invalid(&'static str),
    /// This field asks for something that cannot be done.
    Unsupported(&'static str),
}

/// What is read of a body that is accepted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// `compress`.
    pub compress: Option<bool>,
    /// `targetFormat/name`.
    pub target_format: Option<&'static str>,
    /// `installProfile/memorySize`, MiB.
    pub memory: Option<u64>,
    /// Whether something is noted as read over.
    pub has_notes: bool,
}

/// All bodies.
pub fn bodies() -> Vec<Body> {
    let mut all = Vec::new();
    xml::push(&mut all);
    json::push(&mut all);
    encodings::push(&mut all);
    limits::push(&mut all);
    fields::push(&mut all);
    legal::push(&mut all);
    all
}

fn xml(name: &str, document: impl Into<Vec<u8>>, expected: Expected) -> Body {
    Body { name: format!("xml/{name}"), content_type: "application/xml", bytes: document.into(), expected }
}

fn json(name: &str, document: impl Into<Vec<u8>>, expected: Expected) -> Body {
    Body { name: format!("json/{name}"), content_type: "application/json", bytes: document.into(), expected }
}

const MALFORMED: Expected = Expected::Refused(Refusal::Malformed);
const TOO_LARGE: Expected = Expected::Refused(Refusal::TooLarge);

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_there_are_many_of_either_sort() {
        let bodies = bodies();
        let mut names = BTreeSet::new();
        for body in &bodies {
            assert!(names.insert(body.name.as_str()), "{}", body.name);
        }
        let refused = bodies.iter().filter(|body| matches!(body.expected, Expected::Refused(_))).count();
        assert!(refused >= 240, "{refused}");
        assert!(bodies.len() - refused >= 30, "{}", bodies.len() - refused);
    }

    #[test]
    fn two_calls_give_the_same_bodies() {
        let all = || bodies().into_iter().map(|body| (body.name, body.bytes)).collect::<Vec<_>>();
        assert!(all() == all());
    }
}

use diskwright_core::profile::ByteSize;
use diskwright_core::{Error, ErrorKind, Result};

use super::element::Element;
use crate::text::quoted;

/// What is found while a document is read.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    problems: Vec<Error>,
    notes: Vec<String>,
    /// How many problems and notes there were beyond those that are kept.
    more_problems: usize,
    more_notes: usize,
}

impl Findings {
    fn problem(&mut self, kind: ErrorKind, field: &str, message: impl Into<String>) {
        if self.problems.len() < MAX_FINDINGS {
            let error = Error::new(kind, message);
            self.problems.push(if field.is_empty() { error } else { error.with_field(field) });
        } else {
            self.more_problems = self.more_problems.saturating_add(1);
        }
    }

    pub(crate) fn invalid(&mut self, field: &str, message: impl Into<String>) {
        self.problem(ErrorKind::InvalidProfile, field, message);
    }

    pub(crate) fn unsupported(&mut self, field: &str, message: impl Into<String>) {
        self.problem(ErrorKind::Unsupported, field, message);
    }

    pub(crate) fn note(&mut self, note: String) {
        if self.notes.len() < MAX_FINDINGS {
            self.notes.push(note);
        } else {
            self.more_notes = self.more_notes.saturating_add(1);
        }
    }

    /// What was read over, a sentence each.
    ///
    /// # Errors
    /// All problems, each naming its field.
    pub(crate) fn finish(mut self) -> Result<Vec<String>> {
        if self.more_problems > 0 {
            let message = format!("and {} more problems", self.more_problems);
            self.problems.push(Error::new(ErrorKind::InvalidProfile, message));
        }
        Error::collect(self.problems)?;
        if self.more_notes > 0 {
            self.notes.push(format!("request: {} more elements were read over", self.more_notes));
        }
        Ok(self.notes)
    }
}

/// The fields of one object, each read at most once.
pub(crate) struct Fields<'e> {
    path: String,
    rest: Vec<&'e Element>,
}

impl<'e> Fields<'e> {
    /// The fields of `element`, which stands at `path` (empty for the root).
    pub(crate) fn new(path: impl Into<String>, element: &'e Element, findings: &mut Findings) -> Self {
        let path = path.into();
        if !element.text.is_empty() {
            findings.invalid(&path, "elements are expected here, not text");
        }
        Self { path, rest: element.children.iter().collect() }
    }

    /// The full name of a field.
    pub(crate) fn place(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The field called `name`, if it is there with content.
    pub(crate) fn one(&mut self, name: &str, findings: &mut Findings) -> Option<&'e Element> {
        let mut found = self.rest.extract_if(.., |element| is_called(element, name));
        let first = found.next();
        if found.count() > 0 {
            findings.invalid(&self.place(name), "is given more than once");
        }
        first.filter(|element| !element.is_empty())
    }

    /// All items of the list `wrapper` with their full names.
    pub(crate) fn list(
        &mut self,
        wrapper: &str,
        item: &str,
        findings: &mut Findings,
    ) -> Vec<(String, &'e Element)> {
        let Some(list) = self.one(wrapper, findings) else { return Vec::new() };
        let mut fields = Fields::new(self.place(wrapper), list, findings);
        let items: Vec<&Element> = fields.rest.extract_if(.., |element| is_called(element, item)).collect();
        fields.finish(&[], findings);
        let place = |at: usize| format!("{}.{item}[{at}]", fields.path);
        items.into_iter().enumerate().map(|(at, element)| (place(at), element)).collect()
    }

    /// Text of a field; empty is absent.
    pub(crate) fn text(&mut self, name: &str, findings: &mut Findings) -> Option<&'e str> {
        let element = self.one(name, findings)?;
        if element.children.is_empty() {
            return Some(element.text.as_str());
        }
        findings.invalid(&self.place(name), "text is expected here, not elements");
        None
    }

    /// Text of at most 255 characters without control characters; empty is absent.
    pub(crate) fn short_text(&mut self, name: &str, findings: &mut Findings) -> Option<String> {
        let text = self.text(name, findings)?;
        if text.chars().count() > MAX_SHORT {
            findings.invalid(&self.place(name), format!("is longer than {MAX_SHORT} characters"));
        } else if text.chars().any(char::is_control) {
            findings.invalid(&self.place(name), format!("{} has a control character", quoted(text)));
        } else {
            return Some(text.to_owned());
        }
        None
    }

    /// Short text that must be there.
    pub(crate) fn needed(&mut self, name: &str, findings: &mut Findings) -> String {
        let before = findings.problems.len().saturating_add(findings.more_problems);
        let text = self.short_text(name, findings);
        if text.is_none() && before == findings.problems.len().saturating_add(findings.more_problems) {
            findings.invalid(&self.place(name), "is missing");
        }
        text.unwrap_or_default()
    }

    /// `true`, `false`, `1` or `0`.
    pub(crate) fn boolean(&mut self, name: &str, findings: &mut Findings) -> Option<bool> {
        match self.text(name, findings)? {
            "true" | "1" => Some(true),
            "false" | "0" => Some(false),
            other => {
                findings.invalid(&self.place(name), format!("{} is neither true nor false", quoted(other)));
                None
            }
        }
    }

    /// A whole number that is not negative.
    pub(crate) fn number(&mut self, name: &str, findings: &mut Findings) -> Option<u64> {
        let text = self.text(name, findings)?;
        let number = text.parse().ok();
        if number.is_none() {
            findings.invalid(&self.place(name), format!("{} is not a whole number", quoted(text)));
        }
        number
    }

    /// A whole number that is not negative and that the schema's `int` can hold.
    pub(crate) fn int(&mut self, name: &str, findings: &mut Findings) -> Option<i32> {
        let number = self.number(name, findings)?;
        let int = i32::try_from(number).ok();
        if int.is_none() {
            findings.invalid(&self.place(name), format!("{number} is more than {}", i32::MAX));
        }
        int
    }

    /// A size in MiB.
    pub(crate) fn mib(&mut self, name: &str, findings: &mut Findings) -> Option<ByteSize> {
        let mib = self.number(name, findings)?;
        if mib > MAX_MIB {
            let as_bytes = ByteSize::from_bytes(mib);
            let message =
                format!("sizes are in MiB, and {mib} MiB are more than 64 TiB; were {as_bytes} meant?");
            findings.invalid(&self.place(name), message);
            return None;
        }
        ByteSize::from_mib(mib)
    }

    /// Fields that ask for something which cannot be done, if they have content.
    pub(crate) fn refuse(&mut self, names: &[&str], findings: &mut Findings) {
        for name in names {
            if let Some(element) = self.one(name, findings)
                && asks(element)
            {
                findings.unsupported(&self.place(name), "is not supported");
            }
        }
    }

    /// Switches of which one position asks for something that cannot be done.
    pub(crate) fn refuse_when(&mut self, position: bool, names: &[&str], findings: &mut Findings) {
        for name in names {
            if self.boolean(name, findings) == Some(position) {
                findings.unsupported(&self.place(name), format!("{position} is not supported"));
            }
        }
    }

    /// The others: those of the schema that say nothing to us are `echoed`, the rest is noted.
    pub(crate) fn finish(&mut self, echoed: &[&str], findings: &mut Findings) {
        for element in self.rest.drain(..) {
            let known = !element.is_foreign
                && (echoed.contains(&element.name.as_str()) || COMMON.contains(&element.name.as_str()));
            if !known {
                let place = if self.path.is_empty() { String::new() } else { format!("{}.", self.path) };
                findings.note(format!("request: the element {place}{} is not known", shown(&element.name)));
            }
        }
    }
}

fn is_called(element: &Element, name: &str) -> bool {
    !element.is_foreign && element.name == name
}

/// Whether anything is asked: an empty list asks nothing, however it is wrapped.
fn asks(element: &Element) -> bool {
    !element.text.is_empty()
        || element.children.iter().any(|child| !COMMON.contains(&child.name.as_str()) && !child.is_foreign)
}

fn shown(name: &str) -> String {
    let plain = name.len() <= 64 && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if plain { name.to_owned() } else { quoted(name) }
}

/// What every object of the schema may have.
const COMMON: [&str; 6] = ["created", "dbId", "digest", "lastModified", "uri", "parentUri"];
/// 64 TiB.
const MAX_MIB: u64 = 64 << 20;
/// Of problems and of notes.
const MAX_FINDINGS: usize = 100;
/// Of names and the like, in characters.
const MAX_SHORT: usize = 255;

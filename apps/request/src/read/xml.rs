use diskwright_core::{Error, ErrorKind, Result};
use quick_xml::NsReader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;

use super::element::{Budget, Element};
use crate::NAMESPACE;
use crate::text::quoted;

/// The root element of an XML document.
///
/// Document type declarations, entities other than the five predefined ones, and encodings other than UTF-8 are
/// refused. An undeclared prefix is as good as none.
pub(crate) fn parse(text: &str) -> Result<Element> {
    let mut budget = Budget::new();
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root: Option<Element> = None;
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(malformed)?;
        let is_foreign = match namespace {
            ResolveResult::Bound(namespace) => namespace.0 != NAMESPACE,
            ResolveResult::Unbound | ResolveResult::Unknown(_) => false,
        };
        match event {
            Event::Start(start) => {
                if root.is_some() {
                    return Err(invalid("the document has a second root element"));
                }
                budget.element(open.len())?;
                check_attributes(&start, &budget)?;
                let name = start.local_name().into_inner().to_owned();
                open.push(Element { name, is_foreign, ..Element::default() });
            }
            Event::End(_) => {
                let mut element =
                    open.pop().ok_or_else(|| invalid("an element is closed that was not opened"))?;
                finish(&mut element)?;
                match open.last_mut() {
                    Some(parent) => parent.children.push(element),
                    None => root = Some(element),
                }
            }
            Event::Text(text) => add_text(&mut open, &text.xml10_content())?,
            Event::CData(text) => add_text(&mut open, &text.xml10_content())?,
            Event::GeneralRef(reference) => add_text(&mut open, &resolve(&reference)?.to_string())?,
            Event::DocType(_) => return Err(invalid("a document type declaration is not allowed")),
            Event::Decl(declaration) => match declaration.encoding() {
                None => {}
                Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => {}
                Some(_) => return Err(invalid("the document's encoding is not UTF-8")),
            },
            Event::Comment(_) | Event::PI(_) => {}
            Event::Empty(_) => return Err(Error::new(ErrorKind::Internal, "empty elements are expanded")),
            Event::Eof => break,
        }
    }
    if let Some(unclosed) = open.last() {
        return Err(invalid(format!("the document ends within the element {}", quoted(&unclosed.name))));
    }
    root.ok_or_else(|| invalid("the document has no element"))
}

/// Attributes say nothing that is needed, but they must be well formed and few.
fn check_attributes(start: &BytesStart<'_>, budget: &Budget) -> Result<()> {
    for (before, attribute) in start.attributes().enumerate() {
        budget.attributes(before.saturating_add(1))?;
        attribute.map_err(malformed)?;
    }
    Ok(())
}

fn add_text(open: &mut [Element], text: &str) -> Result<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.chars().all(char::is_whitespace) => {}
        None => return Err(invalid("the document has text outside of its root element")),
    }
    Ok(())
}

fn resolve(reference: &BytesRef<'_>) -> Result<char> {
    if let Some(character) = reference.resolve_char_ref().map_err(malformed)? {
        let allowed = !character.is_control() || matches!(character, '\t' | '\n' | '\r');
        return if allowed {
            Ok(character)
        } else {
            Err(invalid("a control character is written as a reference"))
        };
    }
    match reference.as_ref() {
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "amp" => Ok('&'),
        "apos" => Ok('\''),
        "quot" => Ok('"'),
        _ => Err(invalid("an entity is used that XML does not define itself")),
    }
}

fn finish(element: &mut Element) -> Result<()> {
    element.text = element.text.trim().to_owned();
    if !element.children.is_empty() && !element.text.is_empty() {
        return Err(invalid(format!("the element {} has text between its elements", quoted(&element.name))));
    }
    Ok(())
}

fn malformed(error: impl std::error::Error) -> Error {
    // The parser's messages repeat names of any length.
    let shown: String = error.to_string().chars().take(200).collect();
    invalid(format!("the request is not well-formed XML: {shown}"))
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidProfile, message)
}

use diskwright_core::{Error, ErrorKind, Result};
use quick_xml::NsReader;
use quick_xml::errors::Error as XmlError;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::name::{NamespaceError, ResolveResult};

use super::element::{Budget, Element, exceeded};
use super::invalid;
use crate::NAMESPACE;
use crate::text::{is_xml_character, quoted};

/// The root element of an XML document.
///
/// Document type declarations, entities other than the five predefined ones, and encodings other than UTF-8 are
/// refused. An undeclared prefix is as good as none.
pub(crate) fn parse(text: &str) -> Result<Element> {
    check_characters(text)?;
    let mut reader = NsReader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    reader.config_mut().check_comments = true;
    let mut tree = Tree::default();
    loop {
        let (namespace, event) = reader.read_resolved_event().map_err(malformed)?;
        let is_foreign = match namespace {
            ResolveResult::Bound(namespace) => namespace.0 != NAMESPACE,
            ResolveResult::Unbound | ResolveResult::Unknown(_) => false,
        };
        if matches!(event, Event::Eof) {
            return tree.finish();
        }
        tree.take(&event, is_foreign)?;
    }
}

/// What has been read of a document.
#[derive(Default)]
struct Tree {
    budget: Budget,
    /// The elements that are not closed yet, outermost first.
    open: Vec<Element>,
    root: Option<Element>,
    /// Whether there was anything but blanks.
    has_begun: bool,
}

impl Tree {
    fn take(&mut self, event: &Event<'_>, is_foreign: bool) -> Result<()> {
        match event {
            Event::Start(start) => self.start(start, is_foreign)?,
            Event::End(_) => self.end()?,
            Event::Text(text) => {
                let text = text.xml10_content();
                if text.contains("]]>") {
                    return Err(invalid("the text ]]> stands outside of a CDATA section"));
                }
                self.add_text(&text)?;
            }
            Event::CData(text) => {
                if self.open.is_empty() {
                    return Err(invalid("the document has a CDATA section outside of its root element"));
                }
                self.add_text(&text.xml10_content())?;
            }
            Event::GeneralRef(reference) => {
                if self.open.is_empty() {
                    return Err(invalid("the document has a reference outside of its root element"));
                }
                self.add_text(resolve(reference)?.encode_utf8(&mut [0; 4]))?;
            }
            Event::DocType(_) => return Err(invalid("a document type declaration is not allowed")),
            Event::Decl(_) if self.has_begun => {
                return Err(invalid("the XML declaration stands elsewhere than at the beginning"));
            }
            Event::Decl(declaration) => check_declaration(declaration)?,
            Event::Comment(_) | Event::PI(_) | Event::Eof => {}
            Event::Empty(_) => return Err(Error::new(ErrorKind::Internal, "empty elements are expanded")),
        }
        self.has_begun |= !matches!(event, Event::Text(_)) || self.root.is_some();
        Ok(())
    }

    fn start(&mut self, start: &BytesStart<'_>, is_foreign: bool) -> Result<()> {
        if self.root.is_some() {
            return Err(invalid("the document has a second root element"));
        }
        self.budget.element(self.open.len())?;
        check_name(start.name().into_inner())?;
        self.check_attributes(start)?;
        let name = start.local_name().into_inner().to_owned();
        self.open.push(Element { name, is_foreign, ..Element::default() });
        Ok(())
    }

    /// Attributes say nothing that is needed, but they must be well formed and few: the search for repeated ones takes
    /// the square of their number.
    fn check_attributes(&self, start: &BytesStart<'_>) -> Result<()> {
        for (before, attribute) in start.attributes().enumerate() {
            self.budget.attributes(before.saturating_add(1))?;
            let attribute = attribute.map_err(malformed)?;
            check_name(attribute.key.into_inner())?;
            if attribute.value.contains('<') {
                return Err(invalid("an attribute's value contains <"));
            }
            let mut pieces = attribute.value.split('&');
            pieces.next();
            for piece in pieces {
                let Some((name, _)) = piece.split_once(';') else {
                    return Err(invalid("an attribute's value contains & that begins no reference"));
                };
                resolve(&BytesRef::new(name))?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        let mut element =
            self.open.pop().ok_or_else(|| invalid("an element is closed that was not opened"))?;
        element.text = element.text.trim().to_owned();
        if !element.children.is_empty() && !element.text.is_empty() {
            let message = format!("the element {} has text between its elements", quoted(&element.name));
            return Err(invalid(message));
        }
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn add_text(&mut self, text: &str) -> Result<()> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.chars().all(char::is_whitespace) => {}
            None => return Err(invalid("the document has text outside of its root element")),
        }
        Ok(())
    }

    fn finish(self) -> Result<Element> {
        if let Some(unclosed) = self.open.last() {
            let message = format!("the document ends within the element {}", quoted(&unclosed.name));
            return Err(invalid(message));
        }
        self.root.ok_or_else(|| invalid("the document has no element"))
    }
}

fn check_characters(text: &str) -> Result<()> {
    match text.char_indices().find(|(_, character)| !is_xml_character(*character)) {
        None => Ok(()),
        Some((at, character)) => {
            let message = format!("the request has the character {character:?}, which XML does not know");
            Err(invalid(message).with_offset(u64::try_from(at).unwrap_or(u64::MAX)))
        }
    }
}

fn check_declaration(declaration: &BytesDecl<'_>) -> Result<()> {
    if !declaration.version().map_err(malformed)?.starts_with("1.") {
        return Err(invalid("the document's version is not 1.0"));
    }
    match declaration.encoding().transpose().map_err(malformed)? {
        Some(encoding) if !encoding.eq_ignore_ascii_case("utf-8") => {
            Err(invalid(format!("the document's encoding is {}, not UTF-8", quoted(&encoding))))
        }
        _ => Ok(()),
    }
}

/// The parser itself takes almost everything for a name.
fn check_name(name: &str) -> Result<()> {
    Budget::name(name)?;
    let is_letter = |character: char| character.is_alphabetic() || character == '_';
    let is_part = |part: &str| {
        part.starts_with(is_letter)
            && part.chars().all(|character| {
                is_letter(character) || character.is_numeric() || matches!(character, '-' | '.' | '\u{b7}')
            })
    };
    let is_name = match name.split_once(':') {
        Some((prefix, local)) => is_part(prefix) && is_part(local),
        None => is_part(name),
    };
    if is_name { Ok(()) } else { Err(invalid(format!("{} is no name", quoted(name)))) }
}

fn resolve(reference: &BytesRef<'_>) -> Result<char> {
    if let Some(character) = reference.resolve_char_ref().map_err(malformed)? {
        return if is_xml_character(character) {
            Ok(character)
        } else {
            Err(invalid("a reference stands for a character that XML does not know"))
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

fn malformed(error: impl Into<XmlError>) -> Error {
    let error = error.into();
    if let XmlError::Namespace(NamespaceError::TooManyBindings(most)) = error {
        return exceeded(&format!("the request has more than {most} namespace declarations at once"));
    }
    // The parser's messages repeat names of any length.
    let shown: String = error.to_string().chars().take(200).collect();
    invalid(format!("the request is not well-formed XML: {shown}"))
}

//! A small document tree for descriptors written by anybody.

use std::sync::Arc;

use quick_xml::NsReader;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;

use crate::report::{Location, shown};

/// One element.
#[derive(Debug)]
pub(crate) struct Element {
    /// Local name.
    pub(crate) name: String,
    /// URI of its namespace; empty for none.
    pub(crate) namespace: Arc<str>,
    /// Local names and values, in order.
    attributes: Vec<(String, String)>,
    /// Text between its tags, trimmed.
    pub(crate) text: String,
    pub(crate) children: Vec<Element>,
    line: u64,
}

impl Element {
    /// The value of an attribute, by its local name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The first child of that local name.
    pub(crate) fn child(&self, name: &str) -> Option<&Element> {
        self.children.iter().find(|child| child.name == name)
    }

    /// All children of that local name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The text of the first child of that name.
    pub(crate) fn text_of(&self, name: &str) -> Option<&str> {
        self.child(name).map(|child| child.text.as_str())
    }

    /// This element and everything below it. The depth is bounded by the parser.
    pub(crate) fn walk<'a>(&'a self, visit: &mut dyn FnMut(&'a Element)) {
        visit(self);
        for child in &self.children {
            child.walk(visit);
        }
    }

    /// Where it stands.
    pub(crate) fn location(&self) -> Location {
        Location::Element { name: shown(&self.name), line: self.line }
    }
}

/// Why a document is none.
#[derive(Debug)]
pub(crate) enum Problem {
    /// It has a document type declaration, on that line.
    Doctype(u64),
    /// It is not well formed, on that line, or larger than any descriptor.
    Malformed(u64, String),
}

/// The root element.
pub(crate) fn parse(text: &str) -> Result<Element, Problem> {
    let mut parser = Parser {
        text,
        line: 1,
        counted: 0,
        open: Vec::new(),
        root: None,
        namespaces: Vec::new(),
        elements: 0,
    };
    parser.run()
}

struct Parser<'a> {
    text: &'a str,
    line: u64,
    counted: usize,
    open: Vec<Element>,
    root: Option<Element>,
    namespaces: Vec<Arc<str>>,
    elements: usize,
}

impl Parser<'_> {
    fn run(&mut self) -> Result<Element, Problem> {
        let mut reader = NsReader::from_str(self.text);
        reader.config_mut().expand_empty_elements = true;
        loop {
            self.count_lines(reader.buffer_position());
            let (namespace, event) =
                reader.read_resolved_event().map_err(|error| self.malformed(&error.to_string()))?;
            let namespace = match namespace {
                ResolveResult::Bound(namespace) => namespace.0.to_owned(),
                ResolveResult::Unbound => String::new(),
                ResolveResult::Unknown(_) => {
                    return Err(self.malformed("a prefix is used that is not declared"));
                }
            };
            match event {
                Event::Start(start) => self.start(&start, &namespace)?,
                Event::End(_) => self.end()?,
                Event::Text(text) => self.add_text(&text.xml10_content())?,
                Event::CData(text) => self.add_text(&text.xml10_content())?,
                Event::GeneralRef(reference) => {
                    let character = self.resolve(&reference)?;
                    self.add_text(character.encode_utf8(&mut [0; 4]))?;
                }
                Event::DocType(_) => return Err(Problem::Doctype(self.line)),
                Event::Decl(declaration) => match declaration.encoding() {
                    None => {}
                    Some(Ok(encoding)) if encoding.eq_ignore_ascii_case("utf-8") => {}
                    Some(_) => return Err(self.malformed("the encoding is not UTF-8")),
                },
                Event::Comment(_) | Event::PI(_) | Event::Empty(_) => {}
                Event::Eof => break,
            }
        }
        if let Some(open) = self.open.last() {
            return Err(self.malformed(&format!("it ends within the element {}", open.name)));
        }
        self.root.take().ok_or_else(|| self.malformed("it has no element"))
    }

    fn start(&mut self, start: &BytesStart<'_>, namespace: &str) -> Result<(), Problem> {
        self.elements += 1;
        if self.root.is_some() {
            return Err(self.malformed("it has a second root element"));
        }
        if self.open.len() >= MAX_DEPTH || self.elements > MAX_ELEMENTS {
            return Err(self.malformed("it has more elements, or deeper ones, than any descriptor"));
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| self.malformed(&error.to_string()))?;
            let value = attribute
                .normalized_value(quick_xml::XmlVersion::Explicit1_0)
                .map_err(|error| self.malformed(&error.to_string()))?;
            if attributes.len() >= MAX_ATTRIBUTES {
                return Err(self.malformed("an element has too many attributes"));
            }
            attributes.push((attribute.key.local_name().into_inner().to_owned(), value.into_owned()));
        }
        let namespace = self.intern(namespace)?;
        let name = start.local_name().into_inner().to_owned();
        let line = self.line;
        self.open.push(Element {
            name,
            namespace,
            attributes,
            text: String::new(),
            children: Vec::new(),
            line,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Problem> {
        let Some(mut element) = self.open.pop() else {
            return Err(self.malformed("an element is closed that was not opened"));
        };
        element.text = element.text.trim().to_owned();
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None => self.root = Some(element),
        }
        Ok(())
    }

    fn add_text(&mut self, text: &str) -> Result<(), Problem> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim_start_matches('\u{feff}').trim().is_empty() => {}
            None => return Err(self.malformed("it has text outside of its root element")),
        }
        Ok(())
    }

    fn resolve(&self, reference: &BytesRef<'_>) -> Result<char, Problem> {
        match reference.resolve_char_ref() {
            Ok(Some(character)) => return Ok(character),
            Ok(None) => {}
            Err(error) => return Err(self.malformed(&error.to_string())),
        }
        match reference.as_ref() {
            "lt" => Ok('<'),
            "gt" => Ok('>'),
            "amp" => Ok('&'),
            "apos" => Ok('\''),
            "quot" => Ok('"'),
            _ => Err(self.malformed("it uses an entity that XML does not define itself")),
        }
    }

    /// Few namespaces are shared by many elements.
    fn intern(&mut self, uri: &str) -> Result<Arc<str>, Problem> {
        if let Some(known) = self.namespaces.iter().find(|known| &***known == uri) {
            return Ok(known.clone());
        }
        if self.namespaces.len() >= MAX_NAMESPACES {
            return Err(self.malformed("it has too many namespaces"));
        }
        let uri: Arc<str> = uri.into();
        self.namespaces.push(uri.clone());
        Ok(uri)
    }

    fn count_lines(&mut self, position: u64) {
        let position = usize::try_from(position).unwrap_or(usize::MAX);
        let passed = self.text.as_bytes().get(self.counted..position).unwrap_or_default();
        let lines = passed.iter().filter(|byte| **byte == b'\n').count();
        self.line = self.line.saturating_add(u64::try_from(lines).unwrap_or(u64::MAX));
        self.counted = self.counted.max(position);
    }

    fn malformed(&self, text: &str) -> Problem {
        Problem::Malformed(self.line, shown(text))
    }
}

/// The longest descriptor that is read.
pub(crate) const MAX_BYTES: usize = 4 << 20;
const MAX_ELEMENTS: usize = 50_000;
const MAX_DEPTH: usize = 64;
const MAX_ATTRIBUTES: usize = 64;
const MAX_NAMESPACES: usize = 64;

use diskwright_core::{Error, ErrorKind, Result};
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

/// An XML element that is to be written, with its attributes in the order in which they were given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    name: &'static str,
    attributes: Vec<(&'static str, String)>,
    text: String,
    children: Vec<Element>,
}

impl Element {
    /// An empty element; `name` has its prefix.
    pub fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), text: String::new(), children: Vec::new() }
    }

    /// An element that holds text.
    pub fn of_text(name: &'static str, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::new(name) }
    }

    /// Adds an attribute; `name` has its prefix.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// Adds a child behind those that there are. An element has children or text, not both.
    pub fn child(mut self, child: Element) -> Self {
        self.children.push(child);
        self
    }

    /// Adds children behind those that there are.
    pub fn children(mut self, children: impl IntoIterator<Item = Element>) -> Self {
        self.children.extend(children);
        self
    }

    /// The element as a document in UTF-8, without a byte order mark, indented, ending with a line feed. What XML cannot
    /// hold, control characters, becomes U+FFFD.
    ///
    /// # Errors
    /// `ErrorKind::Internal` when the writer fails.
    pub fn to_document(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
        let declaration = BytesDecl::new("1.0", Some("UTF-8"), None);
        let written = writer.write_event(Event::Decl(declaration)).and_then(|()| self.write(&mut writer));
        written.map_err(|error| Error::new(ErrorKind::Internal, "cannot write XML").with_source(error))?;
        let mut bytes = writer.into_inner();
        bytes.push(b'\n');
        Ok(bytes)
    }

    fn write(&self, writer: &mut Writer<Vec<u8>>) -> std::io::Result<()> {
        let mut start = BytesStart::new(self.name);
        for (name, value) in &self.attributes {
            start.push_attribute((*name, legal(value).as_str()));
        }
        if self.text.is_empty() && self.children.is_empty() {
            return writer.write_event(Event::Empty(start));
        }
        writer.write_event(Event::Start(start))?;
        if !self.text.is_empty() {
            writer.write_event(Event::Text(BytesText::new(&legal(&self.text))))?;
        }
        for child in &self.children {
            child.write(writer)?;
        }
        writer.write_event(Event::End(BytesEnd::new(self.name)))
    }
}

/// # Reference
/// XML 1.0, production 2, `Char`.
fn legal(text: &str) -> String {
    let is_legal = |c: char| {
        !(c.is_control() && c < '\u{7f}' && !matches!(c, '\t' | '\n' | '\r')) && c < '\u{fffe}'
            || c >= '\u{10000}'
    };
    text.chars().map(|c| if is_legal(c) { c } else { '\u{fffd}' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped_and_children_indented() {
        let document = Element::new("A")
            .with("x", "1 < \"2\"")
            .child(Element::of_text("B", "a & b\u{1}\u{ffff}ü"))
            .child(Element::new("C").with("y", "'"))
            .to_document()
            .unwrap();
        let expected = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
            <A x=\"1 &lt; &quot;2&quot;\">\n  <B>a &amp; b\u{fffd}\u{fffd}ü</B>\n  <C y=\"&apos;\"/>\n</A>\n";
        assert_eq!(String::from_utf8(document).unwrap(), expected);
    }
}

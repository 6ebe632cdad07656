use std::collections::BTreeSet;
use std::fmt;

use diskwright_core::{Error, Result};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::element::{Budget, Element};
use super::invalid;
use crate::text::{is_xml_character, quoted};

/// The root of a JSON document as an element called `root`: either an object with the one field `root`, or its content.
///
/// The items of an array are elements of the same name; null is absence. A field given twice is refused, for readers
/// differ in which of the two they take.
pub(crate) fn parse(text: &str, root: &str) -> Result<Element> {
    let mut state = State { root, budget: Budget::default(), refusal: None };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Content { state: &mut state, place: None, depth: 0 };
    let content =
        seed.deserialize(&mut deserializer).and_then(|content| deserializer.end().map(|()| content));
    if let Some(refusal) = state.refusal {
        return Err(refusal);
    }
    let content = content.map_err(|error| {
        let shown: String = error.to_string().chars().take(200).collect();
        invalid(format!("the request is not well-formed JSON: {shown}"))
    })?;
    let Node::Object(mut children) = content else {
        return Err(invalid("the request is not a JSON object"));
    };
    let is_wrapped = children.iter().any(|child| child.name == root);
    if is_wrapped && children.len() > 1 {
        return Err(invalid(format!("the request has other things beside its one {root}")));
    }
    if is_wrapped && let Some(only) = children.pop() {
        return Ok(only);
    }
    Ok(Element { name: root.to_owned(), children, ..Element::default() })
}

/// What stands after a field's name.
enum Node {
    Null,
    Scalar(String),
    Object(Vec<Element>),
    Array(Vec<Node>),
}

impl Node {
    /// The elements called `name` that this content makes.
    fn into_elements(self, name: &str, into: &mut Vec<Element>) {
        match self {
            Self::Null => {}
            Self::Scalar(text) => into.push(Element { name: name.to_owned(), text, ..Element::default() }),
            Self::Object(children) => {
                into.push(Element { name: name.to_owned(), children, ..Element::default() })
            }
            Self::Array(items) => items.into_iter().for_each(|item| item.into_elements(name, into)),
        }
    }
}

struct State<'r> {
    root: &'r str,
    budget: Budget,
    /// Why reading stopped, if it was not for the syntax: serde_json's error would say it with less.
    refusal: Option<Error>,
}

/// The name of a field and where it stands.
#[derive(Clone, Copy)]
struct Place<'p> {
    above: Option<&'p Place<'p>>,
    name: &'p str,
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(above) = self.above {
            write!(f, "{above}.")?;
        }
        f.write_str(self.name)
    }
}

/// Reads one value within the budget; serde_json itself stops at a depth of 128.
struct Content<'b, 'r> {
    state: &'b mut State<'r>,
    place: Option<&'b Place<'b>>,
    depth: usize,
}

impl<'r> Content<'_, 'r> {
    fn below<'c>(&'c mut self, place: Option<&'c Place<'c>>) -> Content<'c, 'r> {
        Content { state: self.state, place, depth: self.depth.saturating_add(1) }
    }

    /// The error that ends serde_json's reading.
    fn refuse<E: serde::de::Error>(&mut self, refusal: Error) -> E {
        let shown = E::custom(&refusal);
        self.state.refusal = Some(refusal);
        shown
    }

    fn text<E: serde::de::Error>(mut self, text: &str) -> Result<Node, E> {
        if let Some(character) = text.chars().find(|character| !is_xml_character(*character)) {
            let mut refusal = invalid(format!("has the character {character:?}, which XML does not know"));
            if let Some(place) = self.place {
                refusal = refusal.with_field(self.field(place));
            }
            return Err(self.refuse(refusal));
        }
        Ok(Node::Scalar(text.trim().to_owned()))
    }

    /// The full name of a field, without the root's.
    fn field(&self, place: &Place<'_>) -> String {
        let whole = place.to_string();
        let below = whole.strip_prefix(self.state.root).and_then(|below| below.strip_prefix('.'));
        let field = below.unwrap_or(&whole);
        let is_plain = field.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
        if is_plain && field.len() <= 200 { field.to_owned() } else { quoted(field) }
    }

    /// Refuses a name that is too long or was there before.
    fn check_name<E: serde::de::Error>(&mut self, name: &str, is_new: bool) -> Result<(), E> {
        if let Err(refusal) = Budget::name(name) {
            return Err(self.refuse(refusal));
        }
        if !is_new {
            let place = Place { above: self.place, name };
            let refusal = invalid("is given more than once").with_field(self.field(&place));
            return Err(self.refuse(refusal));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Content<'_, '_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Node, D::Error> {
        if let Err(refusal) = self.state.budget.element(self.depth) {
            return Err(self.refuse(refusal));
        }
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Content<'_, '_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Scalar(value.to_string()))
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<Node, E> {
        self.text(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        let place = self.place;
        while let Some(node) = items.next_element_seed(self.below(place))? {
            nodes.push(node);
        }
        Ok(Node::Array(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Node, A::Error> {
        let mut children = Vec::new();
        let mut names = BTreeSet::new();
        while let Some(name) = fields.next_key::<String>()? {
            self.check_name(&name, !names.contains(&name))?;
            let place = Place { above: self.place, name: &name };
            let node = fields.next_value_seed(self.below(Some(&place)))?;
            // Attributes of XML have no meaning here either.
            if !name.starts_with('@') {
                node.into_elements(&name, &mut children);
            }
            names.insert(name);
        }
        Ok(Node::Object(children))
    }
}

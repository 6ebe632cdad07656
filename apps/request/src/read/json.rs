use std::fmt;

use diskwright_core::{Error, ErrorKind, Result};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::element::{Budget, Element};

/// The root of a JSON document as an element called `root`: either an object with the one field `root`, or its content.
///
/// The items of an array are elements of the same name; null is absence. A field given twice is two elements.
pub(crate) fn parse(text: &str, root: &str) -> Result<Element> {
    let budget = &mut Budget::new();
    let mut exceeded = None;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Content { budget, exceeded: &mut exceeded, depth: 0 };
    let content =
        seed.deserialize(&mut deserializer).and_then(|content| deserializer.end().map(|()| content));
    if let Some(exceeded) = exceeded {
        return Err(exceeded);
    }
    let content = content.map_err(|error| {
        let shown: String = error.to_string().chars().take(200).collect();
        invalid(format!("the request is not well-formed JSON: {shown}"))
    })?;
    let Node::Object(mut children) = content else {
        return Err(invalid("the request is not a JSON object"));
    };
    if children.len() == 1
        && children.first().is_some_and(|only| only.name == root)
        && let Some(only) = children.pop()
    {
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

/// Reads one value within the budget; serde_json itself stops at a depth of 128.
struct Content<'b> {
    budget: &'b mut Budget,
    exceeded: &'b mut Option<Error>,
    depth: usize,
}

impl Content<'_> {
    fn below(&mut self) -> Content<'_> {
        Content { budget: self.budget, exceeded: self.exceeded, depth: self.depth.saturating_add(1) }
    }

    fn spend<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.budget.element(self.depth).map_err(|error| {
            let shown = E::custom(&error);
            *self.exceeded = Some(error);
            shown
        })
    }
}

impl<'de> DeserializeSeed<'de> for Content<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<Node, D::Error> {
        self.spend()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Content<'_> {
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

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Scalar(value.trim().to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<Node, A::Error> {
        let mut nodes = Vec::new();
        while let Some(node) = items.next_element_seed(self.below())? {
            nodes.push(node);
        }
        Ok(Node::Array(nodes))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut fields: A) -> Result<Node, A::Error> {
        let mut children = Vec::new();
        while let Some(name) = fields.next_key::<String>()? {
            let node = fields.next_value_seed(self.below())?;
            // Attributes of XML have no meaning here either.
            if !name.starts_with('@') {
                node.into_elements(&name, &mut children);
            }
        }
        Ok(Node::Object(children))
    }
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidProfile, message)
}

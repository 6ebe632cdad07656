use std::path::Path;

use serde_json::Value;

use crate::tool::{path, run};

/// An element of an XML file, as Python sees it: `{"tag", "attributes", "text", "children"}`.
#[derive(Clone, Debug)]
pub struct Xml(Value);

impl Xml {
    pub(crate) fn read(python: &Path, file: &Path) -> Self {
        Self(serde_json::from_str(&run(python, &["-c", XML_TO_JSON, path(file)])).unwrap())
    }

    /// The name: `{namespace}name`.
    pub fn tag(&self) -> &str {
        self.0["tag"].as_str().unwrap()
    }

    /// The name without its namespace.
    pub fn name(&self) -> String {
        local(self.tag())
    }

    /// The elements in it, in their order.
    pub fn children(&self) -> Vec<Self> {
        self.0["children"].as_array().unwrap().iter().cloned().map(Self).collect()
    }

    /// The text before its first child, without white space around it.
    pub fn text(&self) -> String {
        self.0["text"].as_str().unwrap_or_default().to_owned()
    }

    /// An attribute by its local name; empty where there is none.
    pub fn attribute(&self, name: &str) -> String {
        let attributes = self.0["attributes"].as_object().unwrap();
        let found = attributes.iter().find(|(key, _)| local(key) == name);
        found.map(|(_, value)| value.as_str().unwrap().to_owned()).unwrap_or_default()
    }

    /// All elements on this path of local names.
    pub fn all(&self, names: &str) -> Vec<Self> {
        names.split('/').fold(vec![self.clone()], |found, name| {
            let children = found.iter().flat_map(Self::children);
            children.filter(|child| child.name() == name).collect()
        })
    }

    /// The element on this path of local names.
    ///
    /// # Panics
    /// If there is none, or another.
    pub fn only(&self, names: &str) -> Self {
        let mut found = self.all(names);
        assert_eq!(found.len(), 1, "{names}");
        found.remove(0)
    }

    /// The text of the first child of this local name; `None` where there is none.
    pub fn text_of(&self, name: &str) -> Option<String> {
        self.all(name).first().map(Self::text)
    }
}

fn local(name: &str) -> String {
    name.rsplit('}').next().unwrap_or_default().to_owned()
}

const XML_TO_JSON: &str = "
import json, sys, xml.etree.ElementTree as tree
def element(e):
    return {'tag': e.tag, 'attributes': e.attrib, 'text': (e.text or '').strip(), 'children': [element(c) for c in e]}
print(json.dumps(element(tree.parse(sys.argv[1]).getroot())))";

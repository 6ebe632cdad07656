use diskwright_core::{Error, ErrorKind, Result};

/// One element of a document, whatever its syntax.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Element {
    /// Local name.
    pub(crate) name: String,
    /// Whether it stands in a namespace that is not the API's.
    pub(crate) is_foreign: bool,
    /// Text between its tags, trimmed.
    pub(crate) text: String,
    /// Elements below it, in order.
    pub(crate) children: Vec<Element>,
}

impl Element {
    /// Whether it holds neither text nor elements.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.is_empty() && self.children.is_empty()
    }
}

/// What a document may still have: its author is not trusted.
#[derive(Debug)]
pub(crate) struct Budget {
    elements: usize,
}

impl Budget {
    /// One more element, `depth` levels below the root.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` when it is one too many or too deep.
    pub(crate) fn element(&mut self, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            return Err(exceeded("the request nests more than 32 levels of elements"));
        }
        self.elements = self
            .elements
            .checked_sub(1)
            .ok_or_else(|| exceeded("the request has more than 10000 elements"))?;
        Ok(())
    }

    /// The name of an element, attribute or field.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` when it is too long.
    pub(crate) fn name(name: &str) -> Result<()> {
        if name.len() > MAX_NAME {
            return Err(exceeded("the request has a name of more than 256 bytes"));
        }
        Ok(())
    }

    /// An element with that many attributes.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` when they are too many.
    pub(crate) fn attributes(&self, count: usize) -> Result<()> {
        if count > MAX_ATTRIBUTES {
            return Err(exceeded("an element of the request has more than 32 attributes"));
        }
        Ok(())
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self { elements: MAX_ELEMENTS }
    }
}

/// A document of `bytes` may be read.
///
/// # Errors
/// `ErrorKind::LimitExceeded` when it is too long.
pub(crate) fn check_length(bytes: usize) -> Result<()> {
    if bytes > MAX_BYTES {
        return Err(exceeded("the request is longer than 1 MiB"));
    }
    Ok(())
}

pub(crate) fn exceeded(message: &str) -> Error {
    Error::new(ErrorKind::LimitExceeded, message)
}

/// A published document has some 3 KiB, one with every object of the schema some 50.
const MAX_BYTES: usize = 1 << 20;
const MAX_ELEMENTS: usize = 10_000;
const MAX_DEPTH: usize = 32;
const MAX_ATTRIBUTES: usize = 32;
const MAX_NAME: usize = 256;

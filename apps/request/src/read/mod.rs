//! The documents that are received.

mod element;
mod fields;
mod guest;
mod image;
mod json;
mod nics;
mod partitions;
mod scan;
mod scanned_instance;
mod volume_groups;
mod xml;

use diskwright_core::{Error, ErrorKind, Result};

pub use image::ImageRequest;
pub(crate) use image::kernel_parameters;
pub use scan::ScanRequest;
pub use scanned_instance::{DistributionRequest, ScannedInstanceRequest};

use crate::Syntax;
use crate::syntax::BYTE_ORDER_MARK;
use crate::text::quoted;
use element::Element;
use fields::{Fields, Findings};

/// Reads a document whose root element is `root`, and what `read` makes of its fields, with what was read over.
fn read<T>(
    body: &[u8],
    root: &str,
    read: impl FnOnce(&mut Fields<'_>, &mut Findings) -> T,
) -> Result<(T, Vec<String>)> {
    let element = parse(body, root)?;
    let mut findings = Findings::default();
    let mut fields = Fields::new("", &element, &mut findings);
    let value = read(&mut fields, &mut findings);
    Ok((value, findings.finish()?))
}

/// The element `root` of a document in either syntax.
fn parse(body: &[u8], root: &str) -> Result<Element> {
    element::check_length(body.len())?;
    let syntax = Syntax::sniff(body);
    let body = body.strip_prefix(BYTE_ORDER_MARK).unwrap_or(body);
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(invalid("the request is empty"));
    }
    let text = std::str::from_utf8(body).map_err(|error| {
        let at = u64::try_from(error.valid_up_to()).unwrap_or(u64::MAX);
        invalid("the request is not UTF-8").with_offset(at).with_source(error)
    })?;
    let element = match syntax {
        Some(Syntax::Xml) => xml::parse(text)?,
        Some(Syntax::Json) => json::parse(text, root)?,
        None => return Err(invalid("the request is neither XML nor JSON")),
    };
    if element.name != root || element.is_foreign {
        let message = format!("the request's root element is {}, not {root}", quoted(&element.name));
        return Err(invalid(message));
    }
    Ok(element)
}

/// The element tree of a document, for tests of what is written.
#[cfg(test)]
pub(crate) fn tree(document: &str, root: &str) -> Result<Element> {
    parse(document.as_bytes(), root)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidProfile, message)
}

#[cfg(test)]
mod client_tests;
#[cfg(test)]
mod disk_tests;
#[cfg(test)]
mod nic_tests;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod volume_group_tests;

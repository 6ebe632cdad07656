//! The scan-image API's image document, XML and JSON, to and from what an order needs.
//!
//! ```text
//! bytes ──sniff──> XML or JSON ──> element tree (bounded) ──> ImageRequest { compress, format, Profile, notes }
//! ImageRequest ──> XML or JSON
//! ```
//!
//! Elements are matched by local name: the prefix may be any, declared or not, or none. Order does not matter. Sizes
//! are MiB. What a client merely echoes (ids, URIs, states) is read over; what the schema does not know is read over
//! with a note; what asks for something that cannot be done is an error that names it.

mod document;
mod element;
mod fields;
mod json;
mod partitions;
mod render;
mod request;
mod stub;
mod xml;

pub use request::ImageRequest;
pub use stub::*;

/// The namespace of the API's documents.
pub const NAMESPACE: &str = "http://www.usharesoft.com/uforge";

#[cfg(test)]
mod tests;

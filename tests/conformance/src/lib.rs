//! The conformance kit for format authors.

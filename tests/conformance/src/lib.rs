//! The conformance kit for format authors.

pub mod corpus;

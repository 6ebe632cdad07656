//! Criterion scenarios with verified digests.
//!
//! A scenario is data: a corpus from a seed, a format with its options, the digest and length that must come out. Each is
//! verified once before it is timed, and throughput counts the guest's bytes. `cargo bench` runs them.

mod corpus;
mod scenario;
mod sink;

pub use corpus::Corpus;
pub use scenario::{SCENARIOS, Scenario};

//! Criterion scenarios with verified digests.
//!
//! A scenario is data: a corpus from a seed, a format with its options, the digest and length that must come out. Each is
//! verified once before it is timed, and throughput counts the guest's bytes. `cargo bench` runs them. The author of a
//! format that is not built in runs the same corpora on it: [`corpora`], [`run_on`], [`Scenario::run_on`].

mod corpus;
mod scenario;
mod sink;

pub use corpus::{Corpus, corpora};
pub use scenario::{SCENARIOS, Scenario, run_on};

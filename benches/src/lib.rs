//! Criterion scenarios with verified digests, and what the lanes of counts and of scaling are made of.
//!
//! A scenario is data: a corpus from a seed, a format with its options, the length and digest that must come out. Each is
//! verified before it is timed, and throughput counts the guest's bytes. `cargo bench` runs them, [`Stage`] by stage. The
//! author of a format that is not built in runs the same corpora on it: [`corpora`], [`Scenario::run_on`].

mod built_in;
mod chunks;
mod content;
mod corpus;
mod entries;
mod place;
mod real_tree;
mod scenario;
mod sink;

pub use built_in::Stage;
pub use corpus::{Corpus, corpora};
pub use entries::Entries;
pub use place::{Origin, Place};
pub use real_tree::RealTree;
pub use scenario::{Expected, Scenario};
pub use sink::CountingSink;

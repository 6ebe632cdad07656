//! The conformance kit: proves that a target format keeps the contract of `diskwright_core::format`.
//!
//! ```text
//! FormatEntry + Reader + what is declared ──> Subject ──> Trial::run, one after the other ──> Verdict or Failure
//! ```
//!
//! A format's `tests/conformance.rs` names a [`Subject`] and calls [`tests!`], which makes one test of each [`Trial`]:
//!
//! ```
//! use diskwright_conformance::{Subject, readers};
//! # use diskwright_core::format::{FormatEntry, FormatInfo};
//! # const INFO: FormatInfo = FormatInfo { id: "mine", api_name: None, aliases: &[], primitive: None, plain: ".mine",
//! #     compressed: None, qemu: None, options: &[] };
//! # const ENTRY: FormatEntry = FormatEntry { info: &INFO, configure: |_| unreachable!() };
//!
//! fn subject() -> Subject {
//!     Subject::new(ENTRY, readers::qemu_img("vdi")).with_granularity(1 << 20)
//! }
//!
//! diskwright_conformance::tests!(subject);
//! # fn main() {}
//! ```
//!
//! The reader is independent of the format: a foreign program, or code that shares nothing with the writer. Where a
//! foreign program is missing, a trial that needs it is skipped with the program's name, and fails where
//! `DISKWRIGHT_REQUIRE_ORACLES=1` is set.
//!
//! The kit proves itself: its own tests run it on formats that are broken on purpose, and a named trial rejects each.

pub mod corpus;
mod heap;
mod macros;
pub mod readers;
mod recorder;
mod run;
mod subject;
pub mod tool;
mod trial;
mod watch;

pub use heap::CountingHeap;
pub use readers::{Images, RawDisk, Reader, Unreadable};
pub use subject::{DiskCount, Identifiers, Look, Sectors, Sizes, Subject, Writing, Zeros};
pub use trial::{Failure, Trial, Verdict};

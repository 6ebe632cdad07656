//! Machinery of the end-to-end tests: run the program, then let foreign programs judge the disk it wrote.
//!
//! ```text
//! scan ─ generate ─> disk ─ disk::partitions ─> extract ─┬─> checks (e2fsck, fsck.fat, sgdisk)
//!                     │                                  └─> Mounted ─ attributes::snapshot ─> differences
//!                     ├─ Emulator ─> login prompt
//!                     └─ Image ─ Reader ─> the same bytes, or a refusal
//! boots::covering ─> Cell ─ Bench ─> check's prediction, and what came of the boot
//! server::Installation ─ start ─> Server <─┬─ Clients (the official ones)
//!                                          ├─ browser::Session
//!                                          └─ /openapi.json ─ Validator
//! ```
//!
//! A program that is not installed skips the test that needs it, with its name; where `DISKWRIGHT_REQUIRE_ORACLES=1`
//! is set, it fails it.

pub mod attributes;
pub mod boots;
pub mod browser;
mod clients;
pub mod debian;
pub mod disk;
mod emulator;
mod generate;
pub mod http;
pub mod lvm;
mod made;
mod mounted;
mod program;
mod reader;
pub mod server;
mod tool;
mod validator;
pub mod variant;
pub mod virtualbox;

pub use clients::Clients;
pub use diskwright_oracle::skip;
pub use emulator::{Attachment, Boot, Emulator, End, Firmware, MachineModel, Watched};
pub use generate::{Generated, diskwright, generate, generate_in, verify};
pub use mounted::Mounted;
pub use reader::{READERS, Reader, Readers, Verdict};
pub use tool::{Tool, is_root, text};
pub use validator::Validator;

/// The README's examples compile.
#[doc = include_str!("../../../README.md")]
#[cfg(doctest)]
pub struct Readme;

/// The examples of the guide for embedders compile.
#[doc = include_str!("../../../docs/embedding.md")]
#[cfg(doctest)]
pub struct EmbeddingGuide;

//! Diskwright's engine: a captured Linux tree and an install profile become a bootable machine image.
//!
//! ```text
//! ScanSource ─> FileTree ─> guest edits ─> DiskLayout ─> ImagePlan ─> outputs ─> Sink
//!  (index only)  (sorted)   (bytes→bytes)   (regions)    (a format)   (guarded)   (commit)
//! ```
//!
//! `core` knows no format: formats are crates that implement [`format::TargetFormat`].

mod error;
mod files;
mod identity;
mod job;
mod names;
mod pipeline;
mod read;
mod time;
mod zstd_frames;

pub mod boot;
pub mod capture;
pub mod engine;
pub mod filesystem;
pub mod format;
pub mod guest;
pub mod initramfs;
pub mod layout;
pub mod lvm;
pub mod modules;
pub mod partition;
pub mod profile;
pub mod readiness;
pub mod scan;
pub mod sink;
pub mod tree;

pub use error::{Error, ErrorKind, Result};
pub use files::{FileOp, Files, Gate};
pub use identity::Seed;
pub use job::{Monitor, Phase, Status};
pub use read::{BytesReader, ReadAt};
pub use time::Timestamp;

//! Fuzz targets: each is a function of bytes that must neither panic nor find anything wrong.
//!
//! ```text
//! bytes ──(arbitrary, or as they are)──> input ──> the code of a room ──> what must hold
//! ```
//!
//! `cargo test -p diskwright-fuzz` runs every target over its seeds, its committed corpus (`corpus/TARGET/`) and inputs
//! made of both at random, the same ones in every run. `cargo xtask fuzz` builds the same functions with libFuzzer and
//! lets it look for inputs that reach more code.
//!
//! A target of text or of files takes the bytes as they are, or as changes to a valid file, which reach further. A target
//! of a writer makes a tree, a disk or a machine of them, writes it, reads it back with `diskwright-verify`, which shares
//! no code with the writers, and compares it with what was meant.

mod archive;
mod disk;
mod images;
mod order;
mod patch;
mod random;
mod target;
mod targets;
mod tree;

pub use random::Random;
pub use target::{Reach, Target};

//! Foreign programs as judges, for the tests of this workspace.
//!
//! ```text
//! disks ─ write, write_disks ─> files ─┬─ check, info, assert_converts_back   (qemu-img)
//!                                      └─ Judges::ova, Judges::xml            (tar, xmllint, Python, qemu-img)
//! ```
//!
//! A program that is missing skips the test that needs it, with the program's name, and fails it where
//! `DISKWRIGHT_REQUIRE_ORACLES=1` is set: [`tool`] gives `None` for the first and panics for the second. Everything
//! else here panics where a judge finds something: it runs in tests and nowhere else.
//!
//! Tests of reliability ask [`is_full`] how long they may run, and tell what they measured with [`figure`].

mod figure;
mod files;
mod machine;
mod ova;
mod qemu_img;
mod tool;
mod xml;

pub use diskwright_conformance::tool::skip;
pub use figure::{figure, is_full};
pub use files::{write, write_disks};
pub use machine::{TIME, altered, machine, uefi};
pub use ova::{Judges, Ova};
pub use qemu_img::{assert_converts_back, check, info};
pub use tool::{path, run, tool};
pub use xml::Xml;

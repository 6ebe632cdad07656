//! The boot matrix: machines of every pair of values, each foretold by `diskwright check` and then booted.
//!
//! ```text
//! factors ─ covering() ─> cells, the committed list boots.txt ─┐
//! failures() ──────────────────────────────────────────────────┴> Case ─ Bench ─> Foretold, Outcome ─> docs/boots.md
//! ```
//!
//! The disk of a cell is built from layers of one tree of a release, made by `fixtures/recipes/debian-boot-tree.sh`: the
//! machine itself, its loaders, and the initial RAM disk.

mod bench;
mod case;
mod cell;
mod lane;
mod page;
mod pairs;

pub use bench::{Bench, Foretold, Outcome, Prepared};
pub use case::{Case, Flaw, LIST, cells, failures};
pub use cell::{Cell, Container, Controller, Layout, Loader, Packing, Ramdisk, Release, Start, Swap};
pub use lane::run_all;
pub use page::INTRODUCTION;
pub use pairs::{Pair, SHORT, covering, pairs, possible_pairs};

//! The catalogue of odd and hostile trees: what a tree keeps, refuses, warns of and normalises, in both modes, and that
//! the checkers find nothing on any disk that is laid out of one.

mod attributes;
mod disk;
mod layers;
mod links;
mod machines;
mod memory;
mod names;
mod parents;
mod table;
#[path = "../tar_support/mod.rs"]
mod tar_support;
mod values;

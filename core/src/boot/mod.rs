//! What makes a disk boot: loaders for BIOS and UEFI, and the menu that both show.
//!
//! Everything comes from the captured tree, or from a donor tree that the user supplies for what it lacks; nothing of
//! either is executed. What stands in the tree is put there by edits that the report lists; what stands outside of it
//! (boot code, GRUB's core, the files of the EFI system partition) is given as bytes and references.

mod bios;
mod files;
mod plan;
mod uefi;
mod version;

pub mod grub_bios;
pub mod kernels;
pub mod menu;

pub use kernels::Kernel;
pub use plan::{BootLoaders, BootPlan, BootRequest};
pub use uefi::EspPlan;

#[cfg(test)]
pub(crate) mod test_tree;

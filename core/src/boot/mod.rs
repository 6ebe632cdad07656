//! What makes a disk boot: loaders for BIOS and UEFI, and the menu that both show.

pub mod grub_bios;
pub mod kernels;
pub mod menu;

mod version;

#[cfg(test)]
mod test_tree;

//! File systems, laid out by computation.

pub mod ext4;
pub mod fat32;
pub mod swap;

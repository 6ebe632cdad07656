//! ext4, and ext3 and ext2 as its older forms, written without a kernel: a [`TreeView`](crate::tree::TreeView) becomes
//! the regions of one volume.
//!
//! ```text
//! view ──survey──> Contents ─┐
//! size ──────────> Geometry ─┴─> Volume (a few bytes an inode) ──append──> regions of the LayoutBuilder
//!                                 └─ inode tables, directories, bitmaps … are made when they are read
//!
//! group metadata first in every 16 groups (ext3, ext2: in each); the rest of the volume is filled from its start, without search:
//! [journal][directories][long symlink targets][attribute blocks][file data …][extent tree or indirect blocks] free …
//! ```
//!
//! # Reference
//! Linux kernel documentation, "ext4 Data Structures and Algorithms".

mod block_map;
mod checksum;
mod contents;
mod directory;
mod encode;
mod extent;
mod geometry;
mod group;
mod hash;
mod htree;
mod inode;
mod journal;
mod numbering;
mod options;
mod plan;
mod pointers;
mod resize;
mod superblock;
mod table;
mod volume;
mod xattr;

pub use options::{Ext4Features, Ext4Label, Ext4Options};
pub use plan::{Ext4Plan, Ext4Summary};

#[cfg(test)]
mod tests;

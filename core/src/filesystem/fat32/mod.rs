//! FAT32, as EFI system partitions need it: laid out in one pass from a list of files.
//!
//! ```text
//! | boot sectors | FAT | FAT | root directory | directories, depth first | files, in the same order | free |
//! ```
//!
//! Every directory and file is one run of clusters. Names are stored as they are: short where FAT's short names (with
//! their case flags) can say them, otherwise long with a short alias.
//!
//! # Reference
//! Microsoft, "FAT: General Overview of On-Disk Format", version 1.03.

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

mod collect;
mod contents;
mod encode;
mod geometry;
mod name;
mod table;
mod time;

use std::sync::Arc;

pub use collect::files_of;

use crate::layout::LayoutBuilder;
use crate::partition::SectorSize;
use crate::tree::InodeId;
use crate::{Error, ErrorKind, ReadAt, Result, Timestamp};
use contents::Contents;
use encode::Volume;
use geometry::Geometry;
use table::FatTable;

/// A file or directory of a FAT32 file system.
#[derive(Clone, Debug)]
pub struct Fat32File {
    /// The components of its path; directories above it need no entry of their own.
    pub path: Vec<String>,
    /// What it is.
    pub content: Fat32Content,
    /// Last modification. FAT keeps even seconds of 1980 to 2107; other times become the nearest it has.
    pub modified: Timestamp,
}

/// What a [`Fat32File`] holds.
#[derive(Clone, Debug)]
pub enum Fat32Content {
    /// A directory.
    Directory,
    /// `size` bytes of a file of the layout's tree.
    File {
        /// The file.
        inode: InodeId,
        /// Its size in bytes.
        size: u64,
    },
    /// Bytes that are at hand.
    Bytes(Arc<[u8]>),
}

/// What a FAT32 file system is made with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fat32Options {
    /// The volume's label of at most 11 characters; empty for none.
    pub label: String,
    /// The volume id, shown as `XXXX-XXXX` (fstab's `UUID=`).
    pub volume_id: u32,
    /// Creation time of everything, modification time of directories that have no entry of their own.
    pub created: Timestamp,
    /// The disk's sector size.
    pub sector_size: SectorSize,
    /// Sectors of the disk before the partition.
    pub hidden_sectors: u32,
}

/// A FAT32 file system, laid out.
#[derive(Debug)]
pub struct Fat32Plan {
    contents: Contents,
    geometry: Geometry,
    volume: Volume,
    created: Timestamp,
    size: u64,
    /// First cluster of each directory, then of each file; 0 for an empty file.
    directory_starts: Vec<u32>,
    file_starts: Vec<u32>,
    table: Arc<FatTable>,
}

/// The smallest FAT32 file system that holds `files`: bytes, whole MiB.
///
/// FAT32 has at least 65 552 clusters here (16 more than its definition, for firmware that counts otherwise): 33 MiB
/// with 512-byte sectors, 257 MiB with 4096-byte sectors.
///
/// # Errors
/// As [`Fat32Plan::new`].
pub fn minimum_size(files: &[Fat32File], options: &Fat32Options) -> Result<u64> {
    let contents = Contents::new(files.to_vec(), !options.label.is_empty())?;
    geometry::smallest(options.sector_size, |cluster_size| contents.clusters(cluster_size))
}

impl Fat32Plan {
    /// Lays `files` out, which may come in any order.
    ///
    /// # Errors
    /// `ErrorKind::DoesNotFit` when the files need more than `size` bytes, or FAT32 itself more or less;
    /// `ErrorKind::InvalidProfile` for a label that FAT does not take, or a size that is no whole sectors;
    /// `ErrorKind::Unsupported`, with up to 100 problems at once, naming the path: a name FAT cannot hold, two names that
    /// differ only in case, a file of 4 GiB or more, a directory of more than 65 536 slots.
    pub fn new(files: Vec<Fat32File>, options: &Fat32Options, size: u64) -> Result<Self> {
        let volume = Volume::new(options)?;
        let contents = Contents::new(files, !options.label.is_empty())?;
        let geometry = Geometry::new(size, options.sector_size)?;
        let needed = contents.clusters(geometry.cluster_size());
        if needed > u64::from(geometry.clusters) {
            let text = format!(
                "the files need {needed} clusters of {} bytes, a FAT32 file system of {size} bytes has {}",
                geometry.cluster_size(),
                geometry.clusters
            );
            return Err(Error::new(ErrorKind::DoesNotFit, text));
        }
        let mut table = FatTable::new(options.sector_size.bytes());
        let mut allocate = |bytes: u64| table.allocate(bytes.div_ceil(geometry.cluster_size()));
        let directory_starts: Vec<u32> =
            contents.directory_sizes().map(&mut allocate).collect::<Result<_>>()?;
        let file_starts = contents.file_sizes().map(&mut allocate).collect::<Result<_>>()?;
        let table = Arc::new(table);
        let created = options.created;
        Ok(Self { contents, geometry, volume, created, size, directory_starts, file_starts, table })
    }

    /// Bytes in clusters that hold nothing.
    pub fn free_bytes(&self) -> u64 {
        u64::from(self.free_clusters()).saturating_mul(self.geometry.cluster_size())
    }

    /// Appends the file system: exactly the bytes that [`Fat32Plan::new`] was given.
    ///
    /// # Errors
    /// As [`LayoutBuilder::zeros`].
    pub fn append(self, builder: &mut LayoutBuilder) -> Result<()> {
        let start = builder.position();
        let at = |offset: u64| start.saturating_add(offset);
        let last_used = self.table.next_free().saturating_sub(1);
        let free = self.free_clusters();
        builder.bytes(self.volume.boot_sectors(&self.geometry, free, last_used), "FAT32 boot sectors")?;
        let table: Arc<dyn ReadAt> = self.table.clone();
        for copy in 0..2 {
            builder.zeros_to(at(self.geometry.table_offset(copy)), "FAT32 reserved sectors")?;
            builder.computed(Arc::clone(&table), "FAT32 table")?;
        }
        builder.zeros_to(at(self.geometry.data_offset()), "FAT32 table")?;
        for directory in 0..self.directory_starts.len() {
            builder.bytes(self.directory(directory), "FAT32 directory")?;
        }
        let cluster_size = self.geometry.cluster_size();
        for file in self.contents.files() {
            match &file.content {
                Fat32Content::Directory => {}
                Fat32Content::File { inode, size } => {
                    builder.file(*inode, 0, size.next_multiple_of(cluster_size), "file")?;
                }
                Fat32Content::Bytes(bytes) => {
                    builder.bytes(Arc::clone(bytes), "file")?;
                    let used = builder.position().saturating_sub(at(self.geometry.data_offset()));
                    let end = self.geometry.data_offset().saturating_add(used.next_multiple_of(cluster_size));
                    builder.zeros_to(at(end), "file")?;
                }
            }
        }
        builder.zeros_to(at(self.size), "FAT32 free clusters")
    }

    /// The clusters of one directory.
    fn directory(&self, index: usize) -> Vec<u8> {
        let starts = encode::Starts { directories: &self.directory_starts, files: &self.file_starts };
        let mut bytes = encode::directory(&self.contents, index, &starts, self.volume.label(), self.created);
        let whole = bytes.len().next_multiple_of(self.geometry.cluster_len());
        bytes.resize(whole, 0);
        bytes
    }

    fn free_clusters(&self) -> u32 {
        let used = self.table.next_free().saturating_sub(geometry::FIRST_CLUSTER);
        self.geometry.clusters.saturating_sub(used)
    }
}

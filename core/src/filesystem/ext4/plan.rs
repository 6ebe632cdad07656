#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::sync::Arc;

use super::checksum::Checksum;
use super::contents::Contents;
use super::encode::{BLOCK_LEN, BLOCK_SIZE, blocks_for, bytes_of};
use super::extent::{Mapping, Ranges};
use super::geometry::{INODES_PER_BLOCK, first_block, has_superblock};
use super::options::Ext4Options;
use super::superblock::SUPERBLOCK_LEN;
use super::table::{Table, TableKind};
use super::volume::{Arrangement, Attempt, Volume};
use super::{journal, resize};
use crate::layout::LayoutBuilder;
use crate::tree::TreeView;
use crate::{Error, ErrorKind, ReadAt, Result};

/// An ext4 (or ext3, ext2) volume, planned to the block: it fits, and only reading the files can still fail.
pub struct Ext4Plan {
    volume: Arc<Volume>,
    size: u64,
}

/// What a planned volume will be like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ext4Summary {
    /// Bytes of the file system; less than the volume's when a last group would be too small to be useful.
    pub file_system_size: u64,
    /// Inodes, used and free.
    pub inodes: u64,
    /// Inodes not in use.
    pub free_inodes: u64,
    /// Bytes not in use, those only root may fill included.
    pub free: u64,
    /// Bytes of the journal; 0 for none.
    pub journal: u64,
}

impl Ext4Plan {
    /// The smallest volume, in bytes, that holds `view` and then has `spare` bytes free, those only root may fill
    /// included. Cost: that of [`Ext4Plan::new`].
    ///
    /// # Errors
    /// As [`Ext4Plan::new`], but for `ErrorKind::DoesNotFit`.
    pub fn minimum_size(view: &TreeView, options: &Ext4Options, spare: u64) -> Result<u64> {
        options.check()?;
        let contents = Contents::survey(view.clone(), options, &checksum(options))?;
        let missing = |blocks: u64| missing_blocks(&contents, options, blocks, blocks_for(spare));
        let mut short = 1;
        let mut blocks: u64 = 1;
        // What is missing is added until nothing is: growing by less than that never suffices.
        loop {
            let missing = missing(blocks)?;
            if missing == 0 {
                break;
            }
            short = blocks;
            blocks = blocks.saturating_add(missing);
        }
        // The last step may have been too long where a new group became worth its metadata.
        while blocks.saturating_sub(short) > 1 {
            let middle = short.saturating_add(blocks.saturating_sub(short) / 2);
            match missing(middle)? {
                0 => blocks = middle,
                _ => short = middle,
            }
        }
        Ok(bytes_of(blocks))
    }

    /// Plans a volume of `size` bytes, a multiple of 4096.
    ///
    /// Where a last group of blocks would be too small to be useful, the file system ends before it, as mke2fs has it
    /// too; [`Ext4Plan::summary`] tells.
    /// Cost: O(names) and sorting the names of large directories; no file is read.
    ///
    /// # Errors
    /// `ErrorKind::DoesNotFit` when the volume is too small; `ErrorKind::InvalidProfile` naming an option, or for a
    /// `size` that is no multiple of 4096; `ErrorKind::LimitExceeded`, `ErrorKind::Unsupported` or `ErrorKind::Source`
    /// naming the path for what ext4 cannot hold.
    pub fn new(view: TreeView, options: Ext4Options, size: u64) -> Result<Self> {
        options.check()?;
        if !size.is_multiple_of(BLOCK_SIZE) {
            let text = format!("a volume of {size} bytes; ext4 volumes are multiples of 4096");
            return Err(Error::new(ErrorKind::InvalidProfile, text));
        }
        let checksum = checksum(&options);
        let contents = Contents::survey(view, &options, &checksum)?;
        let volume = Arc::new(Volume::new(contents, options, checksum, size)?);
        Ok(Self { volume, size })
    }

    /// What the volume will be like.
    pub fn summary(&self) -> Ext4Summary {
        let Arrangement { geometry, areas, .. } = &*self.volume.arrangement;
        let used = u64::from(self.volume.contents.numbering.last_number());
        Ext4Summary {
            file_system_size: bytes_of(geometry.blocks),
            inodes: geometry.inodes(),
            free_inodes: geometry.inodes().saturating_sub(used),
            free: bytes_of(self.volume.arrangement.free_blocks()),
            journal: bytes_of(areas.journal.end.saturating_sub(areas.journal.start)),
        }
    }

    /// Appends the volume's bytes, as many as its size, at the builder's position, a multiple of 4096. The builder must
    /// be for the tree of the view.
    ///
    /// # Errors
    /// `ErrorKind::Internal` for a position that is no multiple of 4096; those of the builder.
    pub fn append(self, builder: &mut LayoutBuilder) -> Result<()> {
        let start = builder.position();
        if !start.is_multiple_of(BLOCK_SIZE) {
            let text = "an ext4 volume starts at a multiple of 4096 bytes";
            return Err(Error::new(ErrorKind::Internal, text).with_offset(start));
        }
        let end = start.saturating_add(self.size);
        Appender::new(&self.volume, builder, start).append()?;
        builder.zeros_to(end, FREE)
    }
}

fn checksum(options: &Ext4Options) -> Checksum {
    Checksum::new(options.uuid, options.features.has_metadata_csum())
}

/// Blocks by which a volume is too small; when not enough to say, a part of them.
fn missing_blocks(contents: &Contents, options: &Ext4Options, blocks: u64, spare: u64) -> Result<u64> {
    match Arrangement::attempt(contents, options, blocks, spare) {
        Ok(Attempt::Fits(_)) => Ok(0),
        Ok(Attempt::Short(missing)) => Ok(missing),
        Err(error) if error.kind() == ErrorKind::DoesNotFit => Ok((blocks / 64).max(1)),
        Err(error) => Err(error),
    }
}

/// Appends the parts of a volume in the order of the disk.
struct Appender<'a> {
    volume: &'a Arc<Volume>,
    builder: &'a mut LayoutBuilder,
    start: u64,
    /// Fixed metadata not yet appended, the next at the end.
    fixed: Vec<(u64, Fixed)>,
    descriptors: Arc<[u8]>,
    block_bitmaps: Arc<dyn ReadAt>,
    inode_bitmaps: Arc<dyn ReadAt>,
    inodes: Arc<dyn ReadAt>,
}

/// Metadata whose place does not depend on the contents, by group.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fixed {
    Superblock(u32),
    BlockBitmap(u32),
    InodeBitmap(u32),
    InodeTable(u32),
}

/// What an area of positions holds.
enum Area {
    Zero,
    Bytes(Arc<[u8]>),
    Table(Arc<dyn ReadAt>),
}

impl<'a> Appender<'a> {
    fn new(volume: &'a Arc<Volume>, builder: &'a mut LayoutBuilder, start: u64) -> Self {
        let geometry = &volume.arrangement.geometry;
        let mut fixed = Vec::new();
        for group in 0..geometry.groups {
            if has_superblock(group) {
                fixed.push((first_block(group), Fixed::Superblock(group)));
            }
            let tables = geometry.tables(group);
            fixed.push((tables.block_bitmap, Fixed::BlockBitmap(group)));
            fixed.push((tables.inode_bitmap, Fixed::InodeBitmap(group)));
            fixed.push((tables.inode_table, Fixed::InodeTable(group)));
        }
        fixed.sort_unstable_by(|a, b| b.cmp(a));
        let table = |kind| Table::reader(volume, kind);
        Self {
            volume,
            builder,
            start,
            fixed,
            descriptors: volume.descriptors().into(),
            block_bitmaps: table(TableKind::BlockBitmaps),
            inode_bitmaps: table(TableKind::InodeBitmaps),
            inodes: table(TableKind::Inodes),
        }
    }

    fn append(mut self) -> Result<()> {
        let volume = Arc::clone(self.volume);
        let Arrangement { geometry, areas, .. } = &*volume.arrangement;
        let bytes = |block: super::encode::Block| Area::Bytes(Arc::from(&block[..]));
        let table = |kind| Area::Table(Table::reader(&volume, kind));
        if !areas.resize.is_empty() {
            self.area(areas.resize.clone(), &bytes(resize::double_indirect(geometry)), METADATA)?;
        }
        if !areas.journal.is_empty() {
            let first = areas.journal.start.saturating_add(1);
            let blocks = areas.journal.end.saturating_sub(areas.journal.start);
            let head = journal::superblock(blocks, volume.options.uuid);
            self.area(areas.journal.start..first, &bytes(head), JOURNAL_LABEL)?;
            self.area(first..areas.journal.end, &Area::Zero, JOURNAL_LABEL)?;
        }
        self.area(areas.directories.clone(), &table(TableKind::Directories), "ext4 directories")?;
        self.area(areas.long_links.clone(), &table(TableKind::LongLinks), "ext4 symbolic links")?;
        self.area(areas.xattrs.clone(), &table(TableKind::Xattrs), "ext4 extended attributes")?;
        self.files()?;
        self.area(
            areas.pointers.clone(),
            &table(TableKind::Pointers),
            "ext4 extent trees and indirect blocks",
        )?;
        self.go_to(geometry.blocks)
    }

    /// Appends the data of all files, which the contents have in order.
    fn files(&mut self) -> Result<()> {
        let volume = Arc::clone(self.volume);
        let numbering = &volume.contents.numbering;
        let space = &volume.arrangement.geometry.space;
        let tree = volume.contents.view.tree();
        for (rank, inode) in (0..).zip(numbering.inodes()) {
            if !matches!(tree.inode(inode).object, crate::tree::Object::File { .. }) {
                continue;
            }
            let Some(mapping) = volume.mapping(numbering.number(rank)) else { continue };
            for extent in mapping.extents(space) {
                self.go_to(extent.block)?;
                self.builder.file(inode, bytes_of(extent.logical), bytes_of(extent.len), "file")?;
            }
        }
        Ok(())
    }

    fn area(&mut self, positions: std::ops::Range<u64>, area: &Area, label: &'static str) -> Result<()> {
        let volume = Arc::clone(self.volume);
        let blocks = positions.end.saturating_sub(positions.start);
        let mapping = Mapping { ranges: Ranges::Whole(blocks), position: positions.start };
        for extent in mapping.extents(&volume.arrangement.geometry.space) {
            self.go_to(extent.block)?;
            let (offset, len) = (bytes_of(extent.logical), bytes_of(extent.len));
            match area {
                Area::Zero => self.builder.zeros(len, label)?,
                Area::Bytes(bytes) => self.builder.bytes(Arc::clone(bytes), label)?,
                Area::Table(table) => self.builder.computed_range(Arc::clone(table), offset, len, label)?,
            }
        }
        Ok(())
    }

    /// Appends the fixed metadata before a block, and zeros up to it.
    fn go_to(&mut self, block: u64) -> Result<()> {
        while let Some((at, fixed)) = self.fixed.pop_if(|(at, _)| *at < block) {
            self.zeros_to(at)?;
            self.fixed(fixed)?;
        }
        self.zeros_to(block)
    }

    fn zeros_to(&mut self, block: u64) -> Result<()> {
        self.builder.zeros_to(self.start.saturating_add(bytes_of(block)), FREE)
    }

    fn fixed(&mut self, fixed: Fixed) -> Result<()> {
        let geometry = &self.volume.arrangement.geometry;
        let one = |table: &Arc<dyn ReadAt>, group: u32| (Arc::clone(table), bytes_of(u64::from(group)));
        match fixed {
            Fixed::Superblock(group) => self.superblock(group),
            Fixed::BlockBitmap(group) if self.volume.is_block_bitmap_implied(group) => {
                self.builder.zeros(BLOCK_SIZE, METADATA)
            }
            Fixed::BlockBitmap(group) => {
                let (table, offset) = one(&self.block_bitmaps, group);
                self.builder.computed_range(table, offset, BLOCK_SIZE, "ext4 block bitmap")
            }
            Fixed::InodeBitmap(group) if self.volume.is_inode_bitmap_implied(group) => {
                self.builder.zeros(BLOCK_SIZE, METADATA)
            }
            Fixed::InodeBitmap(group) => {
                let (table, offset) = one(&self.inode_bitmaps, group);
                self.builder.computed_range(table, offset, BLOCK_SIZE, "ext4 inode bitmap")
            }
            Fixed::InodeTable(group) => {
                let used = u64::from(self.volume.used_inodes(group).div_ceil(INODES_PER_BLOCK));
                let rest = geometry.table_blocks().saturating_sub(used);
                let offset = bytes_of(u64::from(group).saturating_mul(geometry.table_blocks()));
                let table = Arc::clone(&self.inodes);
                self.builder.computed_range(table, offset, bytes_of(used), "ext4 inode table")?;
                self.builder.zeros(bytes_of(rest), "ext4 inode table, unused")
            }
        }
    }

    /// Appends a copy of the superblock, the descriptors and their reserve.
    fn superblock(&mut self, group: u32) -> Result<()> {
        let volume = Arc::clone(self.volume);
        let geometry = &volume.arrangement.geometry;
        let mut block = [0; BLOCK_LEN];
        // The first group leaves its first 1024 bytes to a boot loader.
        let at = if group == 0 { SUPERBLOCK_LEN } else { 0 };
        super::encode::put(&mut block, at, &volume.superblock(group));
        self.builder.bytes(block.to_vec(), "ext4 superblock")?;
        self.builder.bytes(Arc::clone(&self.descriptors), "ext4 group descriptors")?;
        if group > 0 {
            let reserved = bytes_of(geometry.reserved_descriptor_blocks);
            return self.builder.zeros(reserved, "ext4 reserved descriptors");
        }
        let mut reserve = Vec::new();
        for at in 0..geometry.reserved_descriptor_blocks {
            reserve.extend_from_slice(&resize::reserve(geometry, at));
        }
        self.builder.bytes(reserve, "ext4 reserved descriptors")
    }
}

const FREE: &str = "ext4 free";
const METADATA: &str = "ext4 metadata";
const JOURNAL_LABEL: &str = "ext4 journal";

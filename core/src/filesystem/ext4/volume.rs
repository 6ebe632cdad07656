//! Contents placed in a volume: where everything stands.
#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::ops::Range;

use super::checksum::Checksum;
use super::contents::{Contents, INLINE_TARGET};
use super::encode::bytes_of;
use super::extent::{Mapping, Ranges};
use super::geometry::Geometry;
use super::journal;
use super::numbering::{JOURNAL, LOST_FOUND};
use super::options::{Ext4Features, Ext4Options};
use super::pointers::Pointers;
use crate::tree::Object;
use crate::{Error, ErrorKind, Result};

/// A whole volume, from which every block can be made.
///
/// Cost: 4 bytes an inode, 4 a name in directories of several blocks, 20 a directory, 8 an inode with a block of
/// attributes, 24 for every 340 extents of a file that has more than four,
/// or about 32 for a run of blocks of a file with a block map.
pub(super) struct Volume {
    pub(super) options: Ext4Options,
    pub(super) checksum: Checksum,
    pub(super) contents: Contents,
    pub(super) arrangement: Box<Arrangement>,
}

/// Where a volume of one size puts its contents.
pub(super) struct Arrangement {
    pub(super) geometry: Geometry,
    pub(super) areas: Areas,
    pub(super) pointers: Pointers,
}

/// Positions of everything that is not fixed metadata, one area after the other.
#[derive(Clone, Debug)]
pub(super) struct Areas {
    pub(super) resize: Range<u64>,
    pub(super) journal: Range<u64>,
    pub(super) directories: Range<u64>,
    pub(super) long_links: Range<u64>,
    pub(super) xattrs: Range<u64>,
    pub(super) data: Range<u64>,
    /// Blocks of extent trees or block maps.
    pub(super) pointers: Range<u64>,
}

/// The outcome of placing contents in a volume.
pub(super) enum Attempt {
    Fits(Box<Arrangement>),
    /// So many blocks are missing, or more.
    Short(u64),
}

impl Arrangement {
    /// Places contents in a volume of at most `blocks` blocks, `spare` of which are to stay free.
    ///
    /// # Errors
    /// Those of [`Geometry::new`].
    pub(super) fn attempt(
        contents: &Contents,
        options: &Ext4Options,
        blocks: u64,
        spare: u64,
    ) -> Result<Attempt> {
        let geometry = Geometry::new(blocks, u64::from(contents.numbering.last_number()), options)?;
        let mut areas = Areas::new(contents, &geometry, options.features);
        if options.features == Ext4Features::Ext3 && areas.journal.is_empty() {
            let text = "ext3 has a journal, for which a volume needs at least 8 MiB";
            return Err(Error::new(ErrorKind::DoesNotFit, text));
        }
        let short = |areas: &Areas| areas.end().saturating_add(spare).saturating_sub(geometry.space.end());
        // The number of blocks of extent trees depends on where the data stands, which must be within the volume.
        if short(&areas) > 0 {
            return Ok(Attempt::Short(short(&areas)));
        }
        let pointers = contents.pointers(&areas, &geometry, options.features);
        areas.pointers.end = areas.pointers.start.saturating_add(pointers.blocks());
        match short(&areas) {
            0 => Ok(Attempt::Fits(Box::new(Self { geometry, areas, pointers }))),
            short => Ok(Attempt::Short(short)),
        }
    }

    /// Blocks that nothing uses.
    pub(super) fn free_blocks(&self) -> u64 {
        self.geometry.space.end().saturating_sub(self.areas.end())
    }

    /// The block of a position.
    pub(super) fn block_at(&self, position: u64) -> u64 {
        self.geometry.space.locate(position).0
    }

    /// Every block below this that is not metadata is in use, and none from it on.
    pub(super) fn used_end(&self) -> u64 {
        self.geometry.space.block_after(self.areas.end())
    }
}

impl Areas {
    fn new(contents: &Contents, geometry: &Geometry, features: Ext4Features) -> Self {
        let mut end: u64 = 0;
        let mut next = |blocks: u64| {
            let start = end;
            end = start.saturating_add(blocks);
            start..end
        };
        let journal = if features.has_journal() { journal::blocks(geometry.blocks) } else { 0 };
        let count = |len: usize| u64::try_from(len).unwrap_or(u64::MAX);
        Self {
            resize: next(u64::from(geometry.reserved_descriptor_blocks > 0)),
            journal: next(journal),
            directories: next(contents.directories.blocks()),
            long_links: next(count(contents.long_links.len())),
            xattrs: next(count(contents.xattr_blocks.len())),
            data: next(contents.data_blocks),
            pointers: next(0),
        }
    }

    /// One past the last position in use.
    fn end(&self) -> u64 {
        self.pointers.end
    }
}

impl Volume {
    /// Places contents in a volume of exactly `size` bytes.
    ///
    /// # Errors
    /// `ErrorKind::DoesNotFit` saying what is missing; those of [`Geometry::new`].
    pub(super) fn new(
        contents: Contents,
        options: Ext4Options,
        checksum: Checksum,
        size: u64,
    ) -> Result<Self> {
        match Arrangement::attempt(&contents, &options, size / super::encode::BLOCK_SIZE, 0)? {
            Attempt::Fits(arrangement) => {
                let volume = Self { options, checksum, contents, arrangement };
                if volume.reserved_blocks() > volume.arrangement.geometry.blocks / 2 {
                    let text = "at most half of a volume can be kept for root";
                    return Err(Error::new(ErrorKind::InvalidProfile, text).with_field("reserved"));
                }
                Ok(volume)
            }
            Attempt::Short(blocks) => {
                let missing = bytes_of(blocks);
                let text = format!("a volume of {size} bytes lacks {missing} bytes for the tree");
                Err(Error::new(ErrorKind::DoesNotFit, text))
            }
        }
    }

    /// The extents of an inode; `None` when it has none by nature.
    pub(super) fn mapping(&self, number: u32) -> Option<Mapping<'_>> {
        self.contents.mapping(number, &self.arrangement.areas)
    }

    /// Blocks that only root may fill.
    pub(super) fn reserved_blocks(&self) -> u64 {
        let blocks = self.arrangement.geometry.blocks;
        match self.options.reserved {
            Some(bytes) => bytes / super::encode::BLOCK_SIZE,
            None => (blocks / 20).min(DEFAULT_RESERVED),
        }
    }
}

impl Contents {
    /// The pointers of all inodes that need blocks for them. Only journals, directories and files can.
    fn pointers(&self, areas: &Areas, geometry: &Geometry, features: Ext4Features) -> Pointers {
        let mut pointers = Pointers::new(features);
        let numbering = &self.numbering;
        let directories = self.directories.iter().map(|directory| numbering.number(directory.rank));
        let made = (!numbering.has_lost_found()).then_some(LOST_FOUND);
        for number in [JOURNAL].into_iter().chain(made).chain(directories) {
            if let Some(mapping) = self.mapping(number, areas) {
                pointers.add(number, mapping, &geometry.space);
            }
        }
        let tree = self.view.tree();
        for (rank, inode) in (0..).zip(numbering.inodes()) {
            let object = tree.inode(inode).object;
            if matches!(object, Object::File { .. }) {
                let mapping = self.file_mapping(rank, &object, areas);
                pointers.add(numbering.number(rank), mapping, &geometry.space);
            }
        }
        pointers.finish();
        pointers
    }

    fn file_mapping<'a>(&self, rank: u32, object: &Object<'a>, areas: &Areas) -> Mapping<'a> {
        Mapping {
            ranges: Self::ranges(object),
            position: areas.data.start.saturating_add(self.first_block(rank)),
        }
    }

    /// The extents of an inode of a volume with these areas.
    fn mapping(&self, number: u32, areas: &Areas) -> Option<Mapping<'_>> {
        let whole = |area: &Range<u64>, first: u64, blocks: u64| Mapping {
            ranges: Ranges::Whole(blocks),
            position: area.start.saturating_add(first),
        };
        match number {
            JOURNAL => {
                let blocks = areas.journal.end.saturating_sub(areas.journal.start);
                return (blocks > 0).then(|| whole(&areas.journal, 0, blocks));
            }
            LOST_FOUND if !self.numbering.has_lost_found() => {
                let (first, blocks) = self.directories.made_lost_found();
                return Some(whole(&areas.directories, u64::from(first), u64::from(blocks)));
            }
            _ => {}
        }
        let rank = self.numbering.rank_of_number(number)?;
        let object = self.view.tree().inode(self.numbering.inode(rank)).object;
        match object {
            Object::Directory => {
                let at = self.directory(rank);
                let first = u64::from(self.directories.get(at).first_block);
                Some(whole(&areas.directories, first, u64::from(self.directories.blocks_of(at))))
            }
            Object::File { .. } => Some(self.file_mapping(rank, &object, areas)),
            Object::Symlink(target) if target.len() >= INLINE_TARGET => {
                Some(whole(&areas.long_links, self.first_block(rank), 1))
            }
            _ => None,
        }
    }
}

/// Blocks for root alone by default: 1 GiB, or 5 % of a smaller volume.
const DEFAULT_RESERVED: u64 = 262_144;

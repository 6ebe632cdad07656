//! Tables whose blocks are made when they are read.

use std::io;
use std::sync::Arc;

use super::encode::{BLOCK_LEN, BLOCK_SIZE, Block, put};
use super::geometry::INODES_PER_BLOCK;
use super::volume::Volume;
use super::xattr::Attributes;
use crate::ReadAt;
use crate::tree::Object;

/// Which blocks a [`Table`] has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TableKind {
    /// One of each group.
    BlockBitmaps,
    /// One of each group.
    InodeBitmaps,
    /// The inode tables of all groups, one after the other.
    Inodes,
    Directories,
    LongLinks,
    Xattrs,
    Pointers,
}

/// All blocks of one kind, as one row of bytes.
pub(super) struct Table {
    volume: Arc<Volume>,
    kind: TableKind,
}

impl Table {
    pub(super) fn reader(volume: &Arc<Volume>, kind: TableKind) -> Arc<dyn ReadAt> {
        Arc::new(Self { volume: Arc::clone(volume), kind })
    }

    fn blocks(&self) -> u64 {
        let (geometry, contents) = (&self.volume.arrangement.geometry, &self.volume.contents);
        match self.kind {
            TableKind::BlockBitmaps | TableKind::InodeBitmaps => u64::from(geometry.groups),
            TableKind::Inodes => u64::from(geometry.groups) * geometry.table_blocks(),
            TableKind::Directories => contents.directories.blocks(),
            TableKind::LongLinks => contents.long_links.len() as u64,
            TableKind::Xattrs => contents.xattr_blocks.len() as u64,
            TableKind::Pointers => self.volume.arrangement.pointers.blocks(),
        }
    }

    /// Fills a block, which is zero before.
    fn fill(&self, at: u64, to: &mut Block) {
        let volume = &self.volume;
        let contents = &volume.contents;
        match self.kind {
            // A volume has fewer than 2³² groups.
            TableKind::BlockBitmaps => {
                volume.fill_block_bitmap(at as u32, to);
            }
            TableKind::InodeBitmaps => volume.fill_inode_bitmap(at as u32, to),
            TableKind::Inodes => {
                // Numbers are below 2³², and those after the last give zeros.
                let first = at * u64::from(INODES_PER_BLOCK) + 1;
                for (number, slot) in (first..).zip(to.chunks_exact_mut(256)) {
                    slot.copy_from_slice(&volume.inode(number as u32));
                }
            }
            TableKind::Directories => {
                contents.directories.fill(&contents.view, &contents.numbering, &volume.checksum, at, to);
            }
            TableKind::LongLinks => {
                let inode = contents.numbering.inode(contents.long_links[at as usize]);
                if let Object::Symlink(target) = contents.view.tree().inode(inode).object {
                    put(to, 0, target);
                }
            }
            TableKind::Xattrs => self.fill_xattrs(at, to),
            TableKind::Pointers => self.fill_pointers(at, to),
        }
    }

    fn fill_xattrs(&self, at: u64, to: &mut Block) {
        let block = self.volume.contents.xattr_blocks[at as usize];
        let arrangement = &self.volume.arrangement;
        let place = arrangement.block_at(arrangement.areas.xattrs.start + at);
        let inode = self.volume.contents.numbering.inode(block.rank);
        // The survey has refused sets that ext4 cannot hold.
        if let Ok(attributes) = Attributes::new(self.volume.contents.view.tree().inode(inode).xattrs) {
            attributes.fill_block(block.references, place, &self.volume.checksum, to);
        }
    }

    fn fill_pointers(&self, at: u64, to: &mut Block) {
        let arrangement = &self.volume.arrangement;
        let owner = arrangement.pointers.owner(at);
        if let Some(mapping) = owner.and_then(|number| self.volume.mapping(number)) {
            let (area, space) = (arrangement.areas.pointers.start, &arrangement.geometry.space);
            arrangement.pointers.fill(at, mapping, area, space, &self.volume.checksum, to);
        }
    }
}

impl ReadAt for Table {
    fn size(&self) -> u64 {
        self.blocks() * BLOCK_SIZE
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size()) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut block = [0; BLOCK_LEN];
        let mut at = offset / BLOCK_SIZE;
        let mut inside = (offset % BLOCK_SIZE) as usize;
        let mut rest = buf;
        while !rest.is_empty() {
            let (part, after) = rest.split_at_mut(rest.len().min(BLOCK_LEN - inside));
            block.fill(0);
            self.fill(at, &mut block);
            part.copy_from_slice(&block[inside..][..part.len()]);
            rest = after;
            inside = 0;
            at += 1;
        }
        Ok(())
    }
}

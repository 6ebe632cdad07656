//! ext4, ext3 and ext2 as Diskwright writes them, read again by code of its own.
//!
//! Everything of a volume is looked at: what is checksummed by its checksum, what is counted by counting, what is not in
//! use for being zero, and the tree by comparison with what should be there.

mod checksum;
mod content;
mod directory;
mod groups;
mod hash;
mod inode;
mod mapping;
mod special;
mod superblock;
mod walk;
mod xattr;

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};

use diskwright_core::Result;

use crate::bytes::{len, len64};
use crate::disk::{Disk, expect_zeros, read};
use crate::expect::{Comparison, Mount};
use crate::finding::Findings;
use crate::report::FileSystemRecord;
use crate::runs::Runs;
use superblock::{Flavour, Superblock};
use xattr::SharedBlock;

/// A volume that is being read.
struct Volume<'a> {
    disk: &'a dyn Disk,
    /// First byte on the disk.
    start: u64,
    superblock: Superblock,
    timestamp: i64,
    /// Blocks in use.
    owned: Runs,
    /// Inodes in use.
    inodes: Runs,
    /// Inodes with more names than one: what they count, and how many came.
    links: HashMap<u32, Links>,
    xattr_blocks: BTreeMap<u64, SharedBlock>,
    /// Directories by group.
    directories: BTreeMap<u64, u64>,
    /// The group whose inode table was used last, and the table's first block.
    last_table: Cell<Option<(u64, u64)>>,
}

/// Names of an inode.
#[derive(Debug)]
struct Links {
    counted: u32,
    seen: u32,
    path: Option<Vec<u8>>,
}

/// A file system's place and what is known of it.
pub(crate) struct Place<'a> {
    pub(crate) start: u64,
    pub(crate) size: u64,
    pub(crate) record: &'a FileSystemRecord,
    pub(crate) timestamp: i64,
}

/// Checks a volume, and its tree against each comparison.
///
/// # Errors
/// `ErrorKind::Source` when the disk or the scan cannot be read.
pub(crate) fn check(
    disk: &dyn Disk,
    place: &Place<'_>,
    mount: &Mount,
    comparisons: Vec<Comparison<'_>>,
    findings: &mut Findings,
) -> Result<()> {
    let Place { start, size, record, timestamp } = *place;
    let Some(superblock) = Superblock::read(disk, start, size, record, timestamp, findings)? else {
        return Ok(());
    };
    let wanted = match (superblock.flavour, superblock.has_journal) {
        (Flavour::Classic, true) => "ext3",
        (Flavour::Classic, false) => "ext2",
        _ => "ext4",
    };
    if record.kind != wanted {
        findings.add("ext4-superblock", superblock::STRUCTURE, Some(start), record.kind.clone(), wanted);
    }
    let blocks = superblock.blocks;
    let mut volume = Volume {
        disk,
        start,
        superblock,
        timestamp,
        owned: Runs::default(),
        inodes: Runs::default(),
        links: HashMap::new(),
        xattr_blocks: BTreeMap::new(),
        directories: BTreeMap::new(),
        last_table: Cell::new(None),
    };
    volume.take_metadata(findings)?;
    // Inodes 1 to 10 are in use whatever they hold; the root comes with the tree.
    for (first, count) in [(1, 1), (3, 8)] {
        let _ = volume.inodes.take(first, count);
    }
    volume.check_journal(findings)?;
    volume.check_resize(findings)?;
    volume.walk(mount, comparisons, findings)?;
    volume.check_links(findings);
    volume.check_xattr_references(findings);
    volume.check_groups(findings)?;
    let free: Vec<(u64, u64)> = volume.owned.gaps(0, blocks).collect();
    for (from, to) in free {
        let (from, to) = (volume.offset(from), volume.offset(to));
        expect_zeros(disk, from, to, ("free-space", "free blocks"), findings)?;
    }
    let end = start.saturating_add(size);
    expect_zeros(disk, volume.offset(blocks), end, ("free-space", "after the volume"), findings)
}

impl Volume<'_> {
    /// Where a block starts on the disk.
    fn offset(&self, block: u64) -> u64 {
        self.start.saturating_add(block.saturating_mul(BLOCK))
    }

    /// The bytes of a block.
    fn block(&self, block: u64) -> Result<Vec<u8>> {
        read(self.disk, self.offset(block), len(BLOCK))
    }

    /// Takes blocks for a structure; false, with a finding, when something else has them or there are none such.
    fn own(&mut self, block: u64, blocks: u64, structure: &str, findings: &mut Findings) -> bool {
        let most = self.superblock.blocks;
        if block.checked_add(blocks).is_none_or(|end| end > most) {
            let found = format!("{blocks} from {block}");
            findings.add("ext4-blocks", structure, None, format!("blocks below {most}"), found);
            return false;
        }
        match self.owned.take(block, blocks) {
            Ok(()) => true,
            Err(taken) => {
                let at = Some(self.offset(taken));
                findings.add(
                    "ext4-blocks",
                    structure,
                    at,
                    "blocks of its own",
                    format!("block {taken} of another"),
                );
                false
            }
        }
    }

    /// Where an inode stands on the disk; `None` for a number that the volume does not have.
    fn inode_offset(&self, number: u32) -> Result<Option<u64>> {
        let number = u64::from(number);
        let Some(index) = number.checked_sub(1).filter(|index| *index < self.superblock.inodes) else {
            return Ok(None);
        };
        let each = self.superblock.inodes_per_group;
        let (Some(group), Some(inside)) = (index.checked_div(each), index.checked_rem(each)) else {
            return Ok(None);
        };
        let table = match self.last_table.get().filter(|(last, _)| *last == group) {
            Some((_, table)) => table,
            None => self.descriptor(group)?.0.inode_table,
        };
        self.last_table.set(Some((group, table)));
        let at = self.offset(table).saturating_add(inside.saturating_mul(len64(INODE)));
        let end = self.offset(self.superblock.blocks);
        Ok((at.saturating_add(len64(INODE)) <= end).then_some(at))
    }

    fn check_links(&self, findings: &mut Findings) {
        let mut wrong: Vec<_> = self.links.iter().filter(|(_, links)| links.counted != links.seen).collect();
        wrong.sort_by_key(|(number, _)| **number);
        for (number, links) in wrong {
            findings.path.clone_from(&links.path);
            let found = format!("i_links_count {}", links.counted);
            findings.add(
                "ext4-links",
                inode::structure(*number),
                None,
                format!("i_links_count {}", links.seen),
                found,
            );
        }
        findings.path = None;
    }
}

/// Bytes of a block: all that is written.
const BLOCK: u64 = 4096;
/// Blocks of a group.
const GROUP_BLOCKS: u64 = 32_768;
/// Bytes of an inode.
const INODE: usize = 256;

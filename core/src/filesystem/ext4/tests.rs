//! Volumes of small trees, as their parts make them.

use std::sync::Arc;

use uuid::Uuid;

use super::checksum::Checksum;
use super::contents::Contents;
use super::encode::BLOCK_LEN;
use super::hash::NameHash;
use super::options::{Ext4Features, Ext4Options};
use super::volume::Volume;
use crate::scan::{Attributes, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use crate::tree::{Findings, NodeId, TreeBuilder, TreeView, Whiteouts};
use crate::{Error, ErrorKind, ReadAt, Result, Timestamp};

/// A second that is not zero.
pub(super) const CREATED: i64 = 1_700_000_000;

struct Fifos(Vec<String>);

impl ScanSource for Fifos {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.0.iter().try_for_each(|path| {
            let path = path.clone().into_bytes();
            visitor.entry(Entry { path, object: EntryObject::Fifo, attributes: Attributes::default() })
        })?;
        Ok(ScanSummary::default())
    }

    fn open(&self, _: SourceContent) -> Result<Arc<dyn ReadAt>> {
        Err(Error::new(ErrorKind::Source, "none of them has content"))
    }
}

/// A volume of so many blocks, with fifos at these paths.
pub(super) fn volume(features: Ext4Features, blocks: u64, fifos: Vec<String>) -> Volume {
    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(Arc::new(Fifos(fifos)), Whiteouts::Plain).unwrap();
    let view = TreeView::new(Arc::new(builder.finish().unwrap().0), NodeId::ROOT, &[]);
    let created = Timestamp::from_seconds(CREATED);
    let options = Ext4Options::new(Uuid::nil(), Uuid::nil(), created).with_features(features);
    let checksum = Checksum::new(options.uuid, features.has_metadata_csum());
    let contents = Contents::survey(view, &options, &checksum).unwrap();
    Volume::new(contents, options, checksum, blocks * 4096).unwrap()
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

#[test]
fn the_superblock_repeats_where_the_journal_stands() {
    let superblock = volume(Ext4Features::Modern, 16_384, Vec::new()).superblock(0);
    // An extent header with one extent; 64 MiB have a journal of 1024 blocks.
    assert_eq!(superblock[0x10c..0x110], [0x0a, 0xf3, 1, 0]);
    assert_eq!((word(&superblock, 0x148), word(&superblock, 0x14c)), (0, 1024 * 4096));
}

#[test]
fn inodes_that_no_tree_has_bear_the_time_of_the_volume() {
    // Resize inode, journal, lost+found.
    let volume = volume(Ext4Features::Legacy, 16_384, Vec::new());
    for number in [7, 8, 11] {
        let inode = volume.inode(number);
        let times = [0x08, 0x0c, 0x10].map(|at| i64::from(word(&inode, at)));
        assert_eq!(times, [CREATED; 3], "inode {number}");
    }
}

#[test]
fn a_group_with_nothing_but_a_copy_of_the_superblock_needs_no_bitmap() {
    // The tables of all five stand in the first group, copies in 0, 1 and 3; the last is always written.
    let implied = |features| {
        let volume = volume(features, 5 * 32_768, Vec::new());
        (0..5).map(|group| volume.is_block_bitmap_implied(group)).collect::<Vec<_>>()
    };
    assert_eq!(implied(Ext4Features::Modern), [false, true, true, true, false]);
    assert_eq!(implied(Ext4Features::Ext3), [false; 5]);
}

/// The hashes of the leaves of `/d`, as its index has them.
fn leaf_hashes(names: &[String]) -> Vec<u32> {
    let paths = names.iter().map(|name| format!("d/{name}")).collect();
    let volume = volume(Ext4Features::Modern, 16_384, paths);
    let Contents { view, numbering, directories, .. } = &volume.contents;
    // The root is the first directory.
    let mut block = [0; BLOCK_LEN];
    let first = u64::from(directories.get(1).first_block);
    directories.fill(view, numbering, &volume.checksum, first, &mut block);
    // dx_root has its entries from byte 32 on; in the first, their number stands in place of a hash.
    let count = usize::from(u16::from_le_bytes([block[0x22], block[0x23]]));
    (1..count).map(|at| word(&block, 0x20 + at * 8)).collect()
}

#[test]
fn a_leaf_that_goes_on_with_the_hash_before_it_says_so_in_bit_0() {
    let hash = NameHash::new(Uuid::nil());
    // As debugfs hashes them: dx_hash -h half_md4.
    let same = ["name-112272", "name-133399"].map(str::to_owned);
    assert_eq!(same.each_ref().map(|name| hash.of(name.as_bytes())), [0x4ba5_9526; 2]);
    let names = |is_wanted: fn(u32) -> bool, count| {
        let all = (100_000..112_000).map(|at| format!("name-{at}"));
        all.filter(move |name| is_wanted(hash.of(name.as_bytes()))).take(count)
    };
    // Entries have 20 bytes: 204 of them fill the 4084 bytes of a leaf.
    for (before, expected) in [(203, 0x4ba5_9527), (204, 0x4ba5_9526)] {
        let lower = names(|hash| hash < 0x4ba5_9526, before);
        let higher = names(|hash| hash > 0x4ba5_9526, 10);
        let all: Vec<String> = lower.chain(same.clone()).chain(higher).collect();
        assert_eq!(leaf_hashes(&all), [expected], "{before} names before");
    }
}

use std::io;
use std::sync::Mutex;

use super::*;
use crate::scan::{Attributes, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use crate::tree::{Findings, InodeId, TreeBuilder, Whiteouts};
use crate::{BytesReader, Error, ErrorKind, Result};

/// Files `0`, `1` … of a tree with the given contents; counts what is opened.
struct Memory {
    files: Vec<&'static [u8]>,
    opened: Mutex<Vec<u64>>,
}

impl ScanSource for Memory {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        for (number, bytes) in (0_u64..).zip(&self.files) {
            let size = u64::try_from(bytes.len()).unwrap();
            let object = EntryObject::File { content: SourceContent(number), size, data: None };
            let path = number.to_string().into_bytes();
            visitor.entry(Entry { path, object, attributes: Attributes::default() })?;
        }
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        self.opened.lock().unwrap().push(content.0);
        let bytes = self.files[usize::try_from(content.0).unwrap()];
        if bytes == b"unreadable" {
            return Ok(Arc::new(Broken(10)));
        }
        Ok(Arc::new(BytesReader(bytes.into())))
    }
}

/// So many bytes that cannot be read.
struct Broken(u64);

impl ReadAt for Broken {
    fn size(&self) -> u64 {
        self.0
    }

    fn read_exact_at(&self, _: u64, _: &mut [u8]) -> io::Result<()> {
        Err(io::Error::other("broken"))
    }
}

/// A tree with these files, their inodes, and the source.
fn tree(files: &[&'static [u8]]) -> (Arc<FileTree>, Vec<InodeId>, Arc<Memory>) {
    let source = Arc::new(Memory { files: files.to_vec(), opened: Mutex::default() });
    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(source.clone(), Whiteouts::Plain).unwrap();
    let (tree, _) = builder.finish().unwrap();
    let inodes = (0..files.len())
        .map(|number| tree.inode_of(tree.lookup(number.to_string().as_bytes()).unwrap()))
        .collect();
    (Arc::new(tree), inodes, source)
}

fn builder() -> LayoutBuilder {
    LayoutBuilder::new(tree(&[]).0)
}

fn regions(disk: &DiskLayout) -> Vec<(u64, u64, bool, &'static str)> {
    disk.regions().map(|region| (region.start, region.len, region.is_zero, region.label)).collect()
}

fn read(disk: &DiskLayout, offset: u64, len: usize) -> Vec<u8> {
    let mut bytes = vec![0xaa; len];
    disk.reader().read_exact_at(offset, &mut bytes).unwrap();
    bytes
}

fn counting(len: u8) -> Arc<dyn ReadAt> {
    Arc::new(BytesReader((0..len).collect()))
}

#[test]
fn regions_cover_the_disk_and_touching_zeros_become_one() {
    let mut builder = builder();
    builder.bytes(*b"head", "header").unwrap();
    builder.zeros(10, "gap").unwrap();
    builder.zeros(0, "nothing").unwrap();
    builder.zeros(6, "more gap").unwrap();
    builder.bytes([], "nothing").unwrap();
    assert_eq!(builder.position(), 20);
    builder.zeros_to(32, "gap to 32").unwrap();
    builder.computed(counting(8), "table").unwrap();
    builder.computed(counting(0), "nothing").unwrap();
    builder.bytes(*b"ab", "same label").unwrap();
    builder.bytes(*b"cd", "same label").unwrap();
    let disk = builder.finish(64).unwrap();
    let expected = [
        (0, 4, false, "header"),
        (4, 28, true, "gap"),
        (32, 8, false, "table"),
        (40, 2, false, "same label"),
        (42, 2, false, "same label"),
        (44, 20, true, "unused"),
    ];
    assert_eq!(regions(&disk), expected);
    assert_eq!((disk.size(), disk.regions().len()), (64, 6));
}

#[test]
fn a_disk_of_nothing_but_zeros_is_one_region() {
    let disk = builder().finish(1 << 62).unwrap();
    assert_eq!(regions(&disk), [(0, 1 << 62, true, "unused")]);
    assert!(disk.is_zero(0, u64::MAX));
    assert_eq!(read(&disk, (1 << 62) - 3, 3), [0; 3]);
}

#[test]
fn a_disk_that_ends_with_its_last_region_has_no_unused_rest() {
    let mut builder = builder();
    builder.bytes(*b"all", "all").unwrap();
    assert_eq!(regions(&builder.finish(3).unwrap()), [(0, 3, false, "all")]);
}

#[test]
fn only_zero_regions_are_known_to_be_zero() {
    let mut builder = builder();
    builder.zeros(8, "first").unwrap();
    builder.bytes([0; 8], "zeros that are bytes").unwrap();
    let disk = builder.finish(32).unwrap();
    assert!(disk.is_zero(0, 8));
    assert!(disk.is_zero(7, 1));
    assert!(disk.is_zero(16, 16));
    assert!(disk.is_zero(31, 100));
    assert!(!disk.is_zero(0, 9));
    assert!(!disk.is_zero(7, 2));
    assert!(!disk.is_zero(8, 1));
    assert!(!disk.is_zero(15, 2));
    assert!(!disk.is_zero(0, 32));
}

#[test]
fn an_empty_range_is_zero_wherever_it_is() {
    let mut builder = builder();
    builder.bytes([1; 16], "bytes").unwrap();
    let disk = builder.finish(16).unwrap();
    for offset in [0, 8, 15, 16] {
        assert!(disk.is_zero(offset, 0), "{offset}");
    }
    assert!(disk.is_zero(16, 100));
}

#[test]
fn the_next_data_is_found_from_inside_and_before_a_region() {
    let mut builder = builder();
    builder.zeros(8, "gap").unwrap();
    builder.bytes([0; 4], "bytes").unwrap();
    builder.zeros(4, "gap").unwrap();
    builder.bytes([1; 4], "bytes").unwrap();
    let disk = builder.finish(32).unwrap();
    let found = [0, 7, 8, 11, 12, 16, 19, 20, 31, 32, u64::MAX].map(|offset| disk.next_data(offset));
    let expected =
        [Some(8), Some(8), Some(8), Some(11), Some(16), Some(16), Some(19), None, None, None, None];
    assert_eq!(found, expected);
}

#[test]
fn a_read_crosses_regions_of_every_kind() {
    let (tree, inodes, _) = tree(&[b"file content"]);
    let mut builder = LayoutBuilder::new(tree);
    builder.bytes(*b"<bytes>", "bytes").unwrap();
    builder.zeros(2, "zeros").unwrap();
    builder.file(inodes[0], 5, 7, "file").unwrap();
    builder.computed_range(counting(10), 4, 3, "table").unwrap();
    let disk = builder.finish(20).unwrap();
    let whole = b"<bytes>\0\0content\x04\x05\x06\0";
    assert_eq!(read(&disk, 0, 20), whole);
    for (offset, start) in (0_u64..20).zip(0_usize..) {
        for end in start..=20 {
            assert_eq!(read(&disk, offset, end - start), whole[start..end], "{start}..{end}");
        }
    }
}

#[test]
fn what_lies_past_the_end_of_a_file_is_zero() {
    let (tree, inodes, _) = tree(&[b"short", b""]);
    let mut builder = LayoutBuilder::new(tree);
    builder.file(inodes[0], 0, 8, "file").unwrap();
    builder.file(inodes[0], 4, 4, "end of the file").unwrap();
    builder.file(inodes[0], 100, 4, "past the file").unwrap();
    builder.file(inodes[1], 0, 4, "empty file").unwrap();
    let disk = builder.finish(20).unwrap();
    assert_eq!(read(&disk, 0, 20), b"short\0\0\0t\0\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(read(&disk, 6, 2), [0, 0]);
    assert!(!disk.is_zero(12, 4));
}

#[test]
fn consecutive_reads_of_a_file_open_it_once() {
    let (tree, inodes, source) = tree(&[b"0123456789", b"abcdefghij"]);
    let mut builder = LayoutBuilder::new(tree);
    builder.file(inodes[0], 0, 4, "file").unwrap();
    builder.zeros(4, "hole").unwrap();
    builder.file(inodes[0], 8, 2, "file").unwrap();
    builder.file(inodes[1], 0, 10, "file").unwrap();
    let disk = builder.finish(20).unwrap();
    let mut reader = disk.reader();
    for offset in 0..20 {
        reader.read_exact_at(offset, &mut [0]).unwrap();
    }
    assert_eq!(*source.opened.lock().unwrap(), [0, 1]);
}

#[test]
fn a_table_may_be_appended_in_pieces() {
    let table = counting(10);
    let mut builder = builder();
    builder.computed_range(Arc::clone(&table), 5, 5, "second half").unwrap();
    builder.computed(counting(2), "another").unwrap();
    builder.computed_range(Arc::clone(&table), 0, 5, "first half").unwrap();
    builder.computed_range(table, 10, 0, "nothing").unwrap();
    let disk = builder.finish(12).unwrap();
    assert_eq!(read(&disk, 0, 12), [5, 6, 7, 8, 9, 0, 1, 0, 1, 2, 3, 4]);
}

#[test]
fn appends_that_cannot_be_are_refused_and_change_nothing() {
    let kind = |result: Result<()>| result.unwrap_err().kind();
    let mut builder = builder();
    builder.bytes(*b"0123", "bytes").unwrap();
    assert_eq!(kind(builder.zeros_to(3, "back")), ErrorKind::Internal);
    assert_eq!(kind(builder.computed_range(counting(4), 2, 3, "table")), ErrorKind::Internal);
    assert_eq!(kind(builder.computed_range(counting(4), u64::MAX, 2, "table")), ErrorKind::Internal);
    assert_eq!(kind(builder.zeros(1 << 63, "zeros")), ErrorKind::LimitExceeded);
    assert_eq!(kind(builder.zeros(u64::MAX, "zeros")), ErrorKind::LimitExceeded);
    builder.zeros_to(4, "nothing").unwrap();
    assert_eq!(builder.position(), 4);
    assert_eq!(regions(&builder.finish(4).unwrap()), [(0, 4, false, "bytes")]);
}

#[test]
fn a_disk_too_small_or_of_no_size_is_refused() {
    let mut small = builder();
    small.bytes(*b"0123", "bytes").unwrap();
    let error = small.finish(3).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DoesNotFit);
    assert_eq!(error.to_string(), "the layout needs 4 bytes, the disk has 3");
    assert_eq!(builder().finish(0).unwrap_err().kind(), ErrorKind::Internal);
    assert_eq!(builder().finish(1 << 63).unwrap_err().kind(), ErrorKind::LimitExceeded);
}

#[test]
fn reads_past_the_end_are_refused() {
    let disk = builder().finish(8).unwrap();
    let read = |offset, len| disk.reader().read_exact_at(offset, &mut vec![0; len]);
    for (offset, len) in [(0, 9), (8, 1), (9, 0), (u64::MAX, 1)] {
        assert_eq!(read(offset, len).unwrap_err().kind(), ErrorKind::Internal, "{offset} {len}");
    }
    read(8, 0).unwrap();
}

#[test]
fn failing_reads_say_what_could_not_be_read() {
    let (tree, inodes, _) = tree(&[b"fine", b"unreadable"]);
    let mut builder = LayoutBuilder::new(tree);
    builder.file(inodes[1], 0, 16, "file").unwrap();
    builder.computed(Arc::new(Broken(8)), "table").unwrap();
    builder.file(inodes[0], 0, 4, "file").unwrap();
    let disk = builder.finish(28).unwrap();
    let failed = |offset| -> Error { disk.reader().read_exact_at(offset, &mut [0; 4]).unwrap_err() };
    assert_eq!((failed(0).kind(), failed(0).path()), (ErrorKind::Source, Some(&b"1"[..])));
    assert_eq!(failed(17).kind(), ErrorKind::Internal);
    assert_eq!(failed(17).to_string(), "a generated table could not be read at offset 0x11");
    assert_eq!(read(&disk, 24, 4), b"fine");
}

#[test]
fn more_than_256_labels_are_refused() {
    let mut builder = builder();
    for number in 0..256 {
        builder.bytes([1], Box::leak(number.to_string().into_boxed_str())).unwrap();
    }
    builder.bytes([1], "255").unwrap();
    assert_eq!(builder.bytes([1], "one more").unwrap_err().kind(), ErrorKind::Internal);
    let disk = builder.finish(257).unwrap();
    assert_eq!(disk.regions().last().unwrap().label, "255");
}

#[test]
fn parts_of_a_layout_read_as_the_layout_does() {
    let (tree, inodes, _) = tree(&[b"0123456789abcdef"]);
    let mut builder = LayoutBuilder::new(Arc::clone(&tree));
    builder.bytes(b"generated".to_vec(), "bytes").unwrap();
    builder.zeros(7, "gap").unwrap();
    builder.file(inodes[0], 2, 20, "file").unwrap();
    builder.computed(Arc::new(BytesReader(b"computed"[..].into())), "table").unwrap();
    let whole = builder.finish(50).unwrap();
    let read = |layout: &DiskLayout| {
        let mut bytes = vec![0; usize::try_from(layout.size()).unwrap()];
        layout.reader().read_exact_at(0, &mut bytes).unwrap();
        bytes
    };
    let expected = read(&whole);
    for cut in 0..=50 {
        let mut parts = LayoutBuilder::new(Arc::clone(&tree));
        // The second part stands before the first.
        parts.part_of(&whole, cut, 50 - cut).unwrap();
        parts.part_of(&whole, 0, cut).unwrap();
        let found = read(&parts.finish(50).unwrap());
        let at = usize::try_from(cut).unwrap();
        assert_eq!((&found[50 - at..], &found[..50 - at]), (&expected[..at], &expected[at..]), "{cut}");
    }
    let mut parts = LayoutBuilder::new(Arc::clone(&tree));
    assert_eq!(parts.part_of(&whole, 40, 11).unwrap_err().kind(), ErrorKind::Internal);
    let (other, ..) = self::tree(&[]);
    assert_eq!(LayoutBuilder::new(other).part_of(&whole, 0, 1).unwrap_err().kind(), ErrorKind::Internal);
}

#[test]
fn stretches_are_of_data_with_gaps_that_are_short() {
    let (tree, _) = TreeBuilder::new(Findings::default()).finish().unwrap();
    let mut builder = LayoutBuilder::new(Arc::new(tree));
    for (start, len) in [(100, 50), (150, 10), (170, 30), (300, 5), (400, 100)] {
        builder.zeros_to(start, "gap").unwrap();
        builder.bytes(vec![1; len], "data").unwrap();
    }
    let layout = builder.finish(1000).unwrap();
    assert_eq!(layout.stretches(11, 1), [(100, 200), (300, 305), (400, 500)]);
    assert_eq!(layout.stretches(10, 20), [(100, 160), (170, 200), (400, 500)]);
    assert_eq!(layout.stretches(1000, 0), [(100, 500)]);
}

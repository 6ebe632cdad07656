//! Archives, block by block, and what must hold when one is read.

use std::sync::Arc;

use diskwright::scan::{Entry, EntryObject, ScanSource, TarSource};
use diskwright::tree::{Findings, TreeBuilder, Whiteouts};
use diskwright::{ErrorKind, Files, ReadAt, Result};

/// Bytes of a block.
pub(crate) const BLOCK: usize = 512;

/// A header of a member: what is not said is plain.
pub(crate) struct Header<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) link: &'a [u8],
    pub(crate) flag: u8,
    pub(crate) size: u64,
    /// Bytes laid over the block, before its checksum is made.
    pub(crate) patches: &'a [(usize, &'a [u8])],
}

impl Header<'_> {
    pub(crate) fn block(&self) -> [u8; BLOCK] {
        let mut block = [0; BLOCK];
        let mut put = |at: usize, width: usize, bytes: &[u8]| {
            block.iter_mut().skip(at).take(width).zip(bytes).for_each(|(to, from)| *to = *from);
        };
        put(0, 100, self.name);
        put(100, 8, b"0000644\0");
        put(108, 8, b"0000000\0");
        put(116, 8, b"0000000\0");
        put(124, 12, format!("{:011o}\0", self.size).as_bytes());
        put(136, 12, b"14524770400\0");
        put(156, 1, &[self.flag]);
        put(157, 100, self.link);
        put(257, 8, b"ustar\x0000");
        for (at, bytes) in self.patches {
            put(*at, BLOCK, bytes);
        }
        set_checksum(&mut block);
        block
    }
}

/// Makes the checksum of a header true, so that what is behind it is looked at, too.
fn set_checksum(block: &mut [u8; BLOCK]) {
    block[148..156].fill(b' ');
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
}

/// The bytes with the checksum of every block that looks like a header made true.
pub(crate) fn with_checksums(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for block in bytes.chunks_exact_mut(BLOCK) {
        let block: &mut [u8; BLOCK] = block.try_into().unwrap();
        if block[257..262] == *b"ustar" {
            set_checksum(block);
        }
    }
    bytes
}

/// Adds a header, its content and what fills the last block.
pub(crate) fn push(archive: &mut Vec<u8>, header: &Header<'_>, content: &[u8]) {
    archive.extend(header.block());
    archive.extend(content);
    archive.resize(archive.len().next_multiple_of(BLOCK), 0);
}

/// A record of an extended header: its length counts itself.
pub(crate) fn record(keyword: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = keyword.len() + value.len() + 3;
    let digits = |len: usize| len.to_string().len();
    let mut len = rest + digits(rest);
    if digits(len) > digits(rest) {
        len += 1;
    }
    [len.to_string().as_bytes(), b" ", keyword, b"=", value, b"\n"].concat()
}

/// An archive that was read.
pub(crate) struct Accepted {
    pub(crate) entries: Vec<Entry>,
    pub(crate) source: TarSource,
    /// Where the archive lies.
    _folder: tempfile::TempDir,
}

/// Reads an archive, and checks that whatever is accepted makes sense and is the same twice.
pub(crate) fn check(bytes: &[u8]) -> Option<Accepted> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("scan.tar");
    std::fs::write(&path, bytes).unwrap();
    let open = || TarSource::new(&Files::default(), &path, folder.path()).unwrap().with_unpacked_limit(LIMIT);
    let source = open();
    let first = entries(&source);
    // Whoever reads ahead must not change anything.
    let second = entries(&open().with_threads(2));
    match (&first, &second) {
        (Ok(first), Ok(second)) => assert_eq!(format!("{first:?}"), format!("{second:?}")),
        (Err(first), Err(second)) => assert_eq!(first.to_string(), second.to_string()),
        _ => panic!("accepted once: {first:?}, {second:?}"),
    }
    let mut tree = TreeBuilder::new(Findings::default());
    let built = tree.add_source(Arc::new(open()), Whiteouts::Oci).and_then(|_| tree.finish());
    if let Err(error) = &built {
        assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
    }
    let entries = first
        .inspect_err(|error| {
            assert_ne!(error.kind(), ErrorKind::Internal, "{error}");
            assert!(built.is_err(), "a tree was made of what cannot be scanned: {error}");
        })
        .ok()?;
    let mut budget = CONTENT;
    for entry in &entries {
        check_content(entry, &source, &mut budget);
    }
    Some(Accepted { entries, source, _folder: folder })
}

fn entries(source: &TarSource) -> Result<Vec<Entry>> {
    let mut entries = Vec::new();
    source.scan(&mut |entry: Entry| {
        entries.push(entry);
        Ok(())
    })?;
    Ok(entries)
}

/// The content of an entry has its size, and zeros where it has no data.
fn check_content(entry: &Entry, source: &TarSource, budget: &mut u64) {
    let EntryObject::File { content, size, data } = &entry.object else { return };
    let opened = match source.open(*content) {
        Ok(opened) => opened,
        Err(error) => panic!("{:?}: what was scanned cannot be opened: {error}", entry.path),
    };
    assert_eq!(opened.size(), *size, "{:?}", entry.path);
    assert!(opened.read_exact_at(*size, &mut [0]).is_err(), "{:?}: a byte past the end", entry.path);
    let mut end = 0;
    for range in data.iter().flatten() {
        assert!(range.offset >= end && range.len > 0, "{:?}: {data:?}", entry.path);
        assert!(
            bytes(opened.as_ref(), end, range.offset, budget).iter().all(|byte| *byte == 0),
            "a hole of {data:?}"
        );
        end = range.offset.checked_add(range.len).filter(|end| end <= size).unwrap();
        bytes(opened.as_ref(), range.offset, end, budget);
    }
    match data {
        None => drop(bytes(opened.as_ref(), 0, *size, budget)),
        Some(_) => assert!(bytes(opened.as_ref(), end, *size, budget).iter().all(|byte| *byte == 0)),
    }
}

/// The bytes of a range, or as many as the budget has.
fn bytes(from: &dyn ReadAt, start: u64, end: u64, budget: &mut u64) -> Vec<u8> {
    let len = (end - start).min(*budget);
    *budget -= len;
    let mut bytes = vec![0; len as usize];
    from.read_exact_at(start, &mut bytes).unwrap();
    bytes
}

/// Bytes that an archive may unpack to.
const LIMIT: u64 = 4 << 20;
/// Bytes of content that are read.
const CONTENT: u64 = 1 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_count_their_own_length() {
        assert_eq!(record(b"path", b"x"), b"9 path=x\n");
        assert_eq!(record(b"path", b"xy"), b"11 path=xy\n");
        for len in [0, 1, 2, 88, 89, 90, 91, 988, 989, 990, 991] {
            let record = record(b"path", &vec![b'v'; len]);
            assert!(record.starts_with(format!("{} ", record.len()).as_bytes()), "{len}");
        }
    }

    #[test]
    fn a_header_with_a_changed_name_is_read_once_its_checksum_is_made_true() {
        let mut archive = Vec::new();
        push(&mut archive, &Header { name: b"name", link: b"", flag: b'0', size: 3, patches: &[] }, b"one");
        archive.extend([0; 2 * BLOCK]);
        archive[0] = b'g';
        assert!(check(&archive).is_none());
        let read = check(&with_checksums(&archive)).unwrap();
        assert_eq!(read.entries[0].path, b"game");
    }
}

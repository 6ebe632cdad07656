//! Scans made in memory.

use std::io;
use std::sync::Arc;

use diskwright_core::scan::{
    Attributes, DataRange, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent,
};
use diskwright_core::tree::{FileTree, Findings, NodeId, TreeBuilder, TreeView, Whiteouts};
use diskwright_core::{ReadAt, Result, Timestamp};

/// Entries with generated content; every file's bytes follow from its number.
#[derive(Clone, Default)]
pub(crate) struct Scan {
    entries: Vec<Entry>,
    sizes: Vec<(u64, Option<Vec<DataRange>>)>,
}

impl Scan {
    /// A scan with a root directory.
    pub(crate) fn new() -> Self {
        let mut scan = Self::default();
        scan.put("", EntryObject::Directory, plain(0o755));
        scan
    }

    pub(crate) fn put(
        &mut self,
        path: impl AsRef<[u8]>,
        object: EntryObject,
        attributes: Attributes,
    ) -> &mut Self {
        self.entries.push(Entry { path: path.as_ref().to_vec(), object, attributes });
        self
    }

    pub(crate) fn dir(&mut self, path: impl AsRef<[u8]>) -> &mut Self {
        self.put(path, EntryObject::Directory, plain(0o755))
    }

    pub(crate) fn file(&mut self, path: impl AsRef<[u8]>, size: u64) -> &mut Self {
        self.file_with(path, size, None, plain(0o644))
    }

    pub(crate) fn file_with(
        &mut self,
        path: impl AsRef<[u8]>,
        size: u64,
        data: Option<Vec<DataRange>>,
        attributes: Attributes,
    ) -> &mut Self {
        let content = SourceContent(self.sizes.len() as u64);
        self.sizes.push((size, data.clone()));
        self.put(path, EntryObject::File { content, size, data }, attributes)
    }

    pub(crate) fn symlink(&mut self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> &mut Self {
        self.put(path, EntryObject::Symlink(target.as_ref().to_vec()), plain(0o777))
    }

    pub(crate) fn hard_link(&mut self, path: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> &mut Self {
        self.put(path, EntryObject::HardLink(to.as_ref().to_vec()), plain(0o644))
    }

    pub(crate) fn tree(&self) -> Arc<FileTree> {
        self.try_tree().unwrap()
    }

    pub(crate) fn try_tree(&self) -> Result<Arc<FileTree>> {
        let mut builder = TreeBuilder::new(Findings::default());
        builder.add_source(Arc::new(self.clone()), Whiteouts::Plain)?;
        Ok(Arc::new(builder.finish()?.0))
    }

    pub(crate) fn view(&self) -> TreeView {
        TreeView::new(self.tree(), NodeId::ROOT, &[])
    }
}

impl ScanSource for Scan {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.entries.iter().cloned().try_for_each(|entry| visitor.entry(entry))?;
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        let (size, data) = self.sizes[usize::try_from(content.0).unwrap()].clone();
        Ok(Arc::new(Pattern { number: content.0, size, data }))
    }
}

/// Bytes that tell files and offsets apart, zero in holes.
struct Pattern {
    number: u64,
    size: u64,
    data: Option<Vec<DataRange>>,
}

impl ReadAt for Pattern {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset + buf.len() as u64;
        if end > self.size {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let all = [DataRange { offset: 0, len: self.size }];
        buf.fill(0);
        let map = self.data.as_deref().unwrap_or(&all);
        let first = map.partition_point(|range| range.offset + range.len <= offset);
        for range in map[first..].iter().take_while(|range| range.offset < end) {
            for at in range.offset.max(offset)..(range.offset + range.len).min(end) {
                buf[(at - offset) as usize] = byte(self.number, at);
            }
        }
        Ok(())
    }
}

fn byte(number: u64, at: u64) -> u8 {
    let mixed = (at / 8 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number.wrapping_mul(0xd134_2543_de82_ef95);
    (mixed >> (at % 8 * 8)) as u8 | 1
}

/// Attributes with nothing special.
pub(crate) fn plain(mode: u16) -> Attributes {
    Attributes { mode, mtime: Timestamp::from_seconds(1_700_000_000), ..Attributes::default() }
}

/// Attributes with extended ones.
pub(crate) fn with_xattrs(mode: u16, xattrs: &[(&str, &[u8])]) -> Attributes {
    let xattrs = xattrs.iter().map(|(name, value)| (name.as_bytes().to_vec(), value.to_vec())).collect();
    Attributes { xattrs, ..plain(mode) }
}

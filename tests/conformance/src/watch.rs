use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use diskwright_core::layout::{DiskLayout, LayoutBuilder};
use diskwright_core::scan::{
    Attributes, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent,
};
use diskwright_core::tree::{Findings, TreeBuilder, Whiteouts};
use diskwright_core::{ReadAt, Result};

use crate::corpus::Disk;

/// What a run does with the world, told to a [`Watch`] before it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    /// Bytes are read from the source, at this offset of its file.
    Read(u64),
    /// An output is created.
    Create,
    /// Bytes are written to an output.
    Write,
    /// An output is ended.
    Finish,
    /// All outputs become visible.
    Commit,
}

/// Is told of every operation, and may make it fail.
pub(crate) type Watch = Arc<dyn Fn(Operation) -> io::Result<()> + Send + Sync>;

/// Lets everything pass.
pub(crate) fn nothing() -> Watch {
    Arc::new(|_| Ok(()))
}

/// Counts the operations that `counts` selects, and calls `at` at the n-th (from 0).
pub(crate) fn nth(
    n: u64,
    counts: fn(Operation) -> bool,
    at: impl Fn(Operation) -> io::Result<()> + Send + Sync + 'static,
) -> Watch {
    let seen = AtomicU64::new(0);
    Arc::new(move |operation| {
        if counts(operation) && seen.fetch_add(1, Ordering::Relaxed) == n { at(operation) } else { Ok(()) }
    })
}

/// The disk with every part as a range of a scanned file, whose reads are told to `watch`: its failures are failures of
/// the source.
pub(crate) fn watched(disk: &Disk, watch: Watch) -> Result<DiskLayout> {
    let content: Arc<dyn ReadAt> = Arc::new(Watched { disk: disk.clone(), watch });
    let parts: Vec<(u64, u64)> =
        disk.parts.iter().map(|(start, bytes)| (*start, bytes.len() as u64)).collect();
    from_source(content, &parts)
}

/// A disk as large as `content`, whose `parts` (start and length) are ranges of `content` as a scanned file, and which is
/// known to be zero between them.
pub(crate) fn from_source(content: Arc<dyn ReadAt>, parts: &[(u64, u64)]) -> Result<DiskLayout> {
    let size = content.size();
    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(Arc::new(OneFile(content)), Whiteouts::default())?;
    let (tree, _) = builder.finish()?;
    let tree = Arc::new(tree);
    let inode = tree.lookup(NAME).map(|node| tree.inode_of(node));
    let mut builder = LayoutBuilder::new(Arc::clone(&tree));
    for (start, len) in parts {
        builder.zeros_to(*start, "gap")?;
        if let Some(inode) = inode {
            builder.file(inode, *start, *len, "file")?;
        }
    }
    builder.finish(size)
}

struct OneFile(Arc<dyn ReadAt>);

impl ScanSource for OneFile {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        let attributes = |mode| Attributes { mode, ..Attributes::default() };
        visitor.entry(Entry {
            path: Vec::new(),
            object: EntryObject::Directory,
            attributes: attributes(0o755),
        })?;
        let object = EntryObject::File { content: SourceContent(0), size: self.0.size(), data: None };
        visitor.entry(Entry { path: NAME.to_vec(), object, attributes: attributes(0o644) })?;
        Ok(ScanSummary::default())
    }

    fn open(&self, _: SourceContent) -> Result<Arc<dyn ReadAt>> {
        Ok(Arc::clone(&self.0))
    }
}

struct Watched {
    disk: Disk,
    watch: Watch,
}

impl ReadAt for Watched {
    fn size(&self) -> u64 {
        self.disk.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        (self.watch)(Operation::Read(offset))?;
        self.disk.fill(offset, buf);
        Ok(())
    }
}

const NAME: &[u8] = b"disk";

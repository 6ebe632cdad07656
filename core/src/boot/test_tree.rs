use std::sync::Arc;

use crate::scan::{Attributes, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use crate::tree::{FileTree, Findings, TreeBuilder, Whiteouts};
use crate::{BytesReader, ReadAt, Result};

/// A tree of regular files and, where the content starts with `-> ` or `=> `, symbolic or hard links; directories are
/// implied.
pub(crate) fn tree(files: &[(&str, &[u8])]) -> FileTree {
    let source =
        MemorySource(files.iter().map(|(path, bytes)| ((*path).to_owned(), bytes.to_vec())).collect());
    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(Arc::new(source), Whiteouts::Plain).unwrap();
    builder.finish().unwrap().0
}

struct MemorySource(Vec<(String, Vec<u8>)>);

impl ScanSource for MemorySource {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        for (at, (path, bytes)) in self.0.iter().enumerate() {
            let content = SourceContent(at as u64);
            let object = match (bytes.strip_prefix(b"-> "), bytes.strip_prefix(b"=> ")) {
                (Some(target), _) => EntryObject::Symlink(target.to_vec()),
                (None, Some(target)) => EntryObject::HardLink(target.to_vec()),
                (None, None) => EntryObject::File { content, size: bytes.len() as u64, data: None },
            };
            let attributes = Attributes { mode: 0o644, ..Attributes::default() };
            visitor.entry(Entry { path: path.clone().into_bytes(), object, attributes })?;
        }
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(BytesReader(Arc::from(self.0[content.0 as usize].1.as_slice()))))
    }
}

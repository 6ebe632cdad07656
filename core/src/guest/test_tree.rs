//! Small trees for the tests of this module.

use std::io;
use std::sync::Arc;

use crate::scan::{
    Attributes, DataRange, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent,
};
use crate::tree::{FileTree, Findings, TreeBuilder, Whiteouts};
use crate::{BytesReader, ReadAt, Result};

/// What a test's tree has at a path.
pub(crate) enum Item {
    File(Vec<u8>),
    /// A file of this size with nothing but a hole.
    Hole(u64),
    Link(&'static str),
    Directory,
    /// Another name for the file at a path.
    SameAs(&'static str),
    /// A file with the attributes mode, owner and SELinux label.
    Labelled(Vec<u8>, u16, u32, &'static str),
    LabelledDirectory(&'static str),
}

struct Items(Vec<(String, Item)>);

pub(crate) fn file(text: impl AsRef<[u8]>) -> Item {
    Item::File(text.as_ref().to_vec())
}

pub(crate) fn source(items: Vec<(&str, Item)>) -> Arc<dyn ScanSource> {
    let items =
        items.into_iter().map(|(path, item)| (path.trim_start_matches('/').to_owned(), item)).collect();
    Arc::new(Items(items))
}

pub(crate) fn tree(items: Vec<(&str, Item)>) -> FileTree {
    let mut builder = TreeBuilder::new(Findings::default());
    builder.add_source(source(items), Whiteouts::Plain).unwrap();
    builder.finish().unwrap().0
}

impl ScanSource for Items {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        for (at, (path, item)) in self.0.iter().enumerate() {
            let content = SourceContent(at as u64);
            let label = |label: &str| vec![(b"security.selinux".to_vec(), label.as_bytes().to_vec())];
            let mut attributes = Attributes { mode: 0o644, ..Attributes::default() };
            let file = |size: usize| EntryObject::File { content, size: size as u64, data: None };
            let object = match item {
                Item::File(bytes) => file(bytes.len()),
                Item::Hole(size) => {
                    EntryObject::File { content, size: *size, data: Some(Vec::<DataRange>::new()) }
                }
                Item::Link(target) => EntryObject::Symlink(target.as_bytes().to_vec()),
                Item::Directory => EntryObject::Directory,
                Item::SameAs(path) => EntryObject::HardLink(path.as_bytes().to_vec()),
                Item::Labelled(bytes, mode, uid, text) => {
                    attributes = Attributes { mode: *mode, uid: *uid, xattrs: label(text), ..attributes };
                    file(bytes.len())
                }
                Item::LabelledDirectory(text) => {
                    attributes.xattrs = label(text);
                    EntryObject::Directory
                }
            };
            visitor.entry(Entry { path: path.clone().into_bytes(), object, attributes })?;
        }
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        match self.0.get(content.0 as usize) {
            Some((_, Item::File(bytes) | Item::Labelled(bytes, ..))) => {
                Ok(Arc::new(BytesReader(Arc::from(bytes.as_slice()))))
            }
            Some((_, Item::Hole(size))) => {
                Ok(Arc::new(BytesReader(vec![0; usize::try_from(*size).unwrap()].into())))
            }
            _ => {
                let error = io::Error::from(io::ErrorKind::NotFound);
                Err(crate::Error::new(crate::ErrorKind::Source, "no file").with_source(error))
            }
        }
    }
}

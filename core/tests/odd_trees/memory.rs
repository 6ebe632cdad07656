//! Trees in memory for the tests of odd trees.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

use std::io;
use std::sync::Arc;

use diskwright_core::scan::{
    Attributes, DataRange, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent,
};
use diskwright_core::tree::{FileTree, Object};
use diskwright_core::{Error, ErrorKind, ReadAt, Result};

/// Entries in memory; the content of each file is its path, and the letter `d` after it.
#[derive(Clone, Default)]
pub struct Memory(pub Vec<Entry>);

impl ScanSource for Memory {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.0.iter().try_for_each(|entry| visitor.entry(entry.clone()))?;
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        let entry = self.0.get(content.0 as usize);
        let entry = entry.ok_or_else(|| Error::new(ErrorKind::Source, "no such content"))?;
        let EntryObject::File { size, .. } = &entry.object else {
            return Err(Error::new(ErrorKind::Source, "not a file"));
        };
        Ok(Arc::new(PathContent { path: entry.path.clone(), size: *size }))
    }
}

struct PathContent {
    path: Vec<u8>,
    size: u64,
}

impl ReadAt for PathContent {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        for (at, byte) in buf.iter_mut().enumerate() {
            let place = usize::try_from(offset).ok().and_then(|offset| offset.checked_add(at));
            *byte = place.and_then(|place| self.path.get(place)).copied().unwrap_or(b'd');
        }
        Ok(())
    }
}

impl Memory {
    pub fn add(mut self, path: impl AsRef<[u8]>, object: EntryObject) -> Self {
        let mode = if matches!(object, EntryObject::Directory) { 0o755 } else { 0o644 };
        let attributes = Attributes { mode, ..Attributes::default() };
        self.0.push(Entry { path: path.as_ref().to_vec(), object, attributes });
        self
    }

    pub fn file(self, path: impl AsRef<[u8]>) -> Self {
        let content = SourceContent(self.0.len() as u64);
        let size = path.as_ref().len() as u64;
        self.add(path, EntryObject::File { content, size, data: None })
    }

    pub fn sparse(self, path: &str, size: u64, data: Vec<DataRange>) -> Self {
        let content = SourceContent(self.0.len() as u64);
        self.add(path, EntryObject::File { content, size, data: Some(data) })
    }

    pub fn dir(self, path: impl AsRef<[u8]>) -> Self {
        self.add(path, EntryObject::Directory)
    }

    pub fn symlink(self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.add(path, EntryObject::Symlink(target.as_ref().to_vec()))
    }

    pub fn link(self, path: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.add(path, EntryObject::HardLink(target.as_ref().to_vec()))
    }

    /// Changes the attributes of the entry that was added last.
    pub fn with(mut self, change: impl FnOnce(&mut Attributes)) -> Self {
        change(&mut self.0.last_mut().unwrap().attributes);
        self
    }

    pub fn xattr(self, name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Self {
        let (name, value) = (name.as_ref().to_vec(), value.as_ref().to_vec());
        self.with(|attributes| attributes.xattrs.push((name, value)))
    }
}

pub fn kind(tree: &FileTree, path: &str) -> String {
    let Some(node) = tree.lookup(path.as_bytes()) else { return "nothing".to_owned() };
    match tree.inode(tree.inode_of(node)).object {
        Object::Directory => "directory".to_owned(),
        Object::File { .. } => "file".to_owned(),
        Object::Symlink(target) => format!("symlink {}", target.escape_ascii()),
        other => format!("{other:?}"),
    }
}

pub fn content(tree: &FileTree, path: &str) -> String {
    let node = tree.lookup(path.as_bytes()).unwrap();
    String::from_utf8(tree.read(tree.inode_of(node), 1 << 20).unwrap()).unwrap()
}

pub fn base() -> Memory {
    Memory::default().dir("")
}

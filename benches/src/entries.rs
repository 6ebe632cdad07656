use std::sync::Arc;

use diskwright::scan::{Attributes, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor, SourceContent};
use diskwright::{ReadAt, Result, Timestamp};

use crate::content::{Content, Random};

/// A tree of as many entries as one likes: directories of up to 99 files of 0 to 4095 bytes of words each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entries {
    /// Entries, the root and the directories included; at least 1.
    pub count: u64,
}

impl Entries {
    /// Bytes of all files.
    pub fn size(self) -> u64 {
        (1..self.count).filter(|number| !is_directory(*number)).map(len).sum()
    }
}

impl ScanSource for Entries {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        let mtime = Timestamp::from_seconds(1_700_000_000);
        let attributes = |mode| Attributes { mode, mtime, ..Attributes::default() };
        let root = Entry { path: Vec::new(), object: EntryObject::Directory, attributes: attributes(0o755) };
        visitor.entry(root)?;
        for number in 1..self.count {
            let directory = format!("directory-{:05}", number / GROUP);
            let entry = if is_directory(number) {
                let path = directory.into_bytes();
                Entry { path, object: EntryObject::Directory, attributes: attributes(0o755) }
            } else {
                let path = format!("{directory}/file-{number:07}.conf").into_bytes();
                let content = SourceContent(number);
                let object = EntryObject::File { content, size: len(number), data: None };
                Entry { path, object, attributes: attributes(0o644) }
            };
            visitor.entry(entry)?;
        }
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        Ok(Arc::new(SmallFile { number: content.0 }))
    }
}

struct SmallFile {
    number: u64,
}

impl ReadAt for SmallFile {
    fn size(&self) -> u64 {
        len(self.number)
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        if offset.checked_add(buf.len() as u64).is_none_or(|end| end > self.size()) {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        Content::Words.fill(self.number * 4096 + offset, buf);
        Ok(())
    }
}

fn is_directory(number: u64) -> bool {
    number % GROUP == 1
}

fn len(number: u64) -> u64 {
    Random(number).next() % 4096
}

/// Entries of a directory and itself.
const GROUP: u64 = 100;

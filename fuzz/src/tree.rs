//! Trees of any entries.

use std::io;
use std::sync::Arc;

use arbitrary::Arbitrary;
use diskwright::scan::{
    Attributes, DataRange, DeviceNumber, Entry, EntryObject, ScanSource, ScanSummary, ScanVisitor,
    SourceContent,
};
use diskwright::{ReadAt, Result, Timestamp};

/// One entry, or many of a kind.
#[derive(Arbitrary, Debug)]
pub(crate) struct Node {
    /// Which of the directories so far it stands in.
    parent: u8,
    name: Name,
    object: Object,
    mode: u16,
    owner: (u32, u32),
    mtime: (i64, u32),
    flags: u8,
    xattrs: Vec<Xattr>,
}

#[derive(Arbitrary, Debug)]
enum Name {
    Number(u16),
    Bytes(Vec<u8>),
    Text(String),
    Long { len: u8, byte: u8 },
}

#[derive(Arbitrary, Debug)]
enum Object {
    Directory,
    File {
        size: u32,
    },
    /// Holes and ranges of data.
    Sparse {
        ranges: Vec<(u32, u16)>,
        shift: u8,
        tail: u32,
    },
    Symlink {
        len: u16,
    },
    HardLink {
        to: u16,
    },
    Device {
        is_block: bool,
        major: u32,
        minor: u32,
    },
    Fifo,
    Socket,
    /// So many directories or pipes of one length of name.
    Many {
        count: u16,
        len: u8,
        are_directories: bool,
    },
}

#[derive(Arbitrary, Debug)]
enum Xattr {
    User { name: u8, len: u16 },
    Any { name: Vec<u8>, value: Vec<u8> },
    Acl { is_default: bool, entries: Vec<(u8, u8, u32)> },
    Capability([u8; 20]),
    Label(Vec<u8>),
}

/// Entries whose contents follow from their numbers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tree {
    pub(crate) entries: Vec<Entry>,
    contents: Vec<Arc<Content>>,
}

/// Where a file has data: the bytes follow from their place.
#[derive(Debug)]
enum Content {
    Pattern { size: u64, data: Option<Vec<DataRange>> },
    Bytes(Vec<u8>),
}

impl Tree {
    /// The root alone.
    pub(crate) fn new() -> Self {
        let mut tree = Self::default();
        tree.push(b"", EntryObject::Directory);
        tree
    }

    /// Everything that file systems store in a way of its own, for a disk that is split at `/boot`, `/var` and `/many`.
    pub(crate) fn rich() -> Self {
        let mut tree = Self::new();
        for directory in ["boot", "boot/sub", "etc", "many", "var"] {
            tree.push(directory.as_bytes(), EntryObject::Directory);
        }
        for name in ["boot/KERNEL.IMG", "boot/sub/A long name of mixed case.conf", "etc/passwd", "var/two"] {
            tree.file(name.as_bytes(), name.repeat(100).into_bytes());
        }
        let ranges: Vec<DataRange> = (0..6).map(|at| DataRange { offset: at * 8192, len: 4096 }).collect();
        for path in ["etc/fragments", "var/fragments", "many/fragments"] {
            let content = tree.content(Content::Pattern { size: 6 * 8192, data: Some(Vec::clone(&ranges)) });
            let object = EntryObject::File { content, size: 6 * 8192, data: Some(Vec::clone(&ranges)) };
            tree.push(path.as_bytes(), object);
        }
        tree.push(b"etc/short", EntryObject::Symlink(b"passwd".to_vec()));
        tree.push(b"etc/long", EntryObject::Symlink(vec![b'l'; 200]));
        tree.push(b"etc/again", EntryObject::HardLink(b"etc/passwd".to_vec()));
        tree.push(b"etc/pipe", EntryObject::Fifo);
        tree.push(b"etc/disk", EntryObject::BlockDevice(DeviceNumber { major: 259, minor: 70_000 }));
        for number in 0..90 {
            let name = format!("a-name-that-fills-blocks-of-directories-{number:04}");
            tree.push(format!("etc/{name}").as_bytes(), EntryObject::Fifo);
            tree.push(format!("many/{name}").as_bytes(), EntryObject::Fifo);
        }
        let entry = tree.entries.iter_mut().find(|entry| entry.path == b"etc/passwd").unwrap();
        entry.attributes.xattrs = vec![
            (b"user.small".to_vec(), b"in the inode".to_vec()),
            (b"user.large".to_vec(), vec![b'v'; 700]),
        ];
        tree
    }

    pub(crate) fn push(&mut self, path: &[u8], object: EntryObject) {
        let attributes = Attributes {
            mode: 0o755,
            mtime: Timestamp { seconds: 1_600_000_000, nanos: 5 },
            ..Attributes::default()
        };
        self.entries.push(Entry { path: path.to_vec(), object, attributes });
    }

    pub(crate) fn file(&mut self, path: &[u8], bytes: Vec<u8>) {
        let size = bytes.len() as u64;
        let content = self.content(Content::Bytes(bytes));
        self.push(path, EntryObject::File { content, size, data: None });
    }

    /// Adds entries below the directory `base`, at most so many.
    pub(crate) fn grow(&mut self, base: &[u8], nodes: &[Node]) {
        let mut directories = vec![base.to_vec()];
        let (mut names, mut data) = (Vec::new(), DATA);
        for node in nodes.iter().take(NODES) {
            let parent = &directories[usize::from(node.parent) % directories.len()];
            let path = join(parent, &node.name.bytes());
            if let Object::Many { count, len, are_directories } = node.object {
                for number in 0..count % MANY {
                    let name = format!("{number:04}{}", "n".repeat(usize::from(len) % 250));
                    let object = if are_directories { EntryObject::Directory } else { EntryObject::Fifo };
                    self.push(&join(&path, name.as_bytes()), object);
                }
                self.push(&path, EntryObject::Directory);
                directories.push(path);
                continue;
            }
            let object = self.object(&node.object, &names, &mut data);
            match &object {
                EntryObject::Directory => directories.push(path.clone()),
                EntryObject::HardLink(_) => {}
                _ => names.push(path.clone()),
            }
            let attributes = node.attributes();
            self.entries.push(Entry { path, object, attributes });
        }
    }

    fn object(&mut self, object: &Object, names: &[Vec<u8>], data: &mut u64) -> EntryObject {
        match object {
            Object::Directory | Object::Many { .. } => EntryObject::Directory,
            Object::File { size } => {
                let size = u64::from(*size).min(*data);
                *data -= size;
                let content = self.content(Content::Pattern { size, data: None });
                EntryObject::File { content, size, data: None }
            }
            Object::Sparse { ranges, shift, tail } => {
                let mut end = 0_u64;
                let mut list = Vec::new();
                for (hole, len) in ranges.iter().take(600) {
                    let offset = end + (u64::from(*hole) << (shift % 12));
                    let len = u64::from(*len).min(*data);
                    *data -= len;
                    end = offset + len;
                    if len > 0 {
                        list.push(DataRange { offset, len });
                    }
                }
                let size = end + (u64::from(*tail) << (shift % 12));
                let content = self.content(Content::Pattern { size, data: Some(list.clone()) });
                EntryObject::File { content, size, data: Some(list) }
            }
            Object::Symlink { len } => EntryObject::Symlink(vec![b'l'; usize::from(*len) % 4100]),
            Object::HardLink { to } => {
                let to = names.get(usize::from(*to) % names.len().max(1));
                EntryObject::HardLink(to.cloned().unwrap_or_else(|| b"nothing".to_vec()))
            }
            Object::Device { is_block, major, minor } => {
                let number = DeviceNumber { major: *major, minor: *minor };
                if *is_block { EntryObject::BlockDevice(number) } else { EntryObject::CharDevice(number) }
            }
            Object::Fifo => EntryObject::Fifo,
            Object::Socket => EntryObject::Socket,
        }
    }

    fn content(&mut self, content: Content) -> SourceContent {
        self.contents.push(Arc::new(content));
        SourceContent(self.contents.len() as u64 - 1)
    }
}

impl Node {
    fn attributes(&self) -> Attributes {
        Attributes {
            mode: self.mode & 0o7777,
            uid: self.owner.0,
            gid: self.owner.1,
            // From 1901 to 2446, and beyond on either side.
            mtime: Timestamp { seconds: self.mtime.0 % (1 << 35), nanos: self.mtime.1 % 1_000_000_000 },
            flags: u32::from(self.flags),
            xattrs: self.xattrs.iter().take(20).map(Xattr::pair).collect(),
        }
    }
}

impl Name {
    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Number(number) => format!("n{number}").into_bytes(),
            Self::Bytes(bytes) => bytes.clone(),
            Self::Text(text) => text.clone().into_bytes(),
            Self::Long { len, byte } => vec![*byte; usize::from(*len)],
        }
    }
}

impl Xattr {
    fn pair(&self) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::User { name, len } => {
                (format!("user.{name}").into_bytes(), vec![*name; usize::from(*len) % 5000])
            }
            Self::Any { name, value } => (name.clone(), value.clone()),
            Self::Acl { is_default, entries } => {
                let kind = if *is_default { "default" } else { "access" };
                let entry = |(tag, permissions, id): &(u8, u8, u32)| {
                    [
                        &u16::from(*tag).to_le_bytes()[..],
                        &u16::from(*permissions).to_le_bytes(),
                        &id.to_le_bytes(),
                    ]
                    .concat()
                };
                let entries: Vec<u8> = entries.iter().flat_map(entry).collect();
                (format!("system.posix_acl_{kind}").into_bytes(), [&[2, 0, 0, 0], &entries[..]].concat())
            }
            Self::Capability(value) => (b"security.capability".to_vec(), value.to_vec()),
            Self::Label(value) => (b"security.selinux".to_vec(), value.clone()),
        }
    }
}

impl ScanSource for Tree {
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary> {
        self.entries.iter().try_for_each(|entry| visitor.entry(entry.clone()))?;
        Ok(ScanSummary::default())
    }

    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>> {
        Ok(Arc::clone(&self.contents[content.0 as usize]) as _)
    }
}

impl ReadAt for Content {
    fn size(&self) -> u64 {
        match self {
            Self::Pattern { size, .. } => *size,
            Self::Bytes(bytes) => bytes.len() as u64,
        }
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= self.size());
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        match self {
            Self::Bytes(bytes) => buf.copy_from_slice(&bytes[offset as usize..end as usize]),
            Self::Pattern { data, size } => {
                buf.fill(0);
                let whole = [DataRange { offset: 0, len: *size }];
                for range in data.as_deref().unwrap_or(&whole) {
                    let (from, to) = (range.offset.max(offset), (range.offset + range.len).min(end));
                    for at in from..to {
                        buf[(at - offset) as usize] = (at % 251) as u8 + 1;
                    }
                }
            }
        }
        Ok(())
    }
}

fn join(parent: &[u8], name: &[u8]) -> Vec<u8> {
    if parent.is_empty() { name.to_vec() } else { [parent, b"/", name].concat() }
}

/// Entries, those of [`Object::Many`] not counted.
const NODES: usize = 200;
/// Entries of one [`Object::Many`], at most.
const MANY: u16 = 1500;
/// Bytes of data in all files.
const DATA: u64 = 4 << 20;

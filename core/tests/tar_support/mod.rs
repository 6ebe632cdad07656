//! Archives made block by block for tests of tar scans.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

pub mod readers;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use diskwright_core::scan::{Entry, ScanSource, TarSource};
use diskwright_core::tree::{FileTree, Findings, NodeId, Object, Strictness, TreeBuilder, Whiteouts};
use diskwright_core::{Files, Result};
use diskwright_oracle::tool;
use sha2::{Digest, Sha256};

/// An archive that grows by headers and contents.
#[derive(Clone, Default)]
pub struct Archive(pub Vec<u8>);

/// A header with everything that tests want to bend.
#[derive(Clone)]
pub struct Head {
    pub name: Vec<u8>,
    pub prefix: Vec<u8>,
    pub link: Vec<u8>,
    pub flag: u8,
    pub size: Vec<u8>,
    pub mode: Vec<u8>,
    pub uid: Vec<u8>,
    pub gid: Vec<u8>,
    pub mtime: Vec<u8>,
    pub major: Vec<u8>,
    pub minor: Vec<u8>,
    pub magic: [u8; 8],
    /// Bytes laid over the block before the checksum is made.
    pub patches: Vec<(usize, Vec<u8>)>,
    pub signed_checksum: bool,
}

pub const USTAR: [u8; 8] = *b"ustar\x0000";
pub const GNU: [u8; 8] = *b"ustar  \0";
pub const V7: [u8; 8] = [0; 8];

impl Head {
    pub fn new(flag: u8, name: impl AsRef<[u8]>) -> Self {
        Self {
            name: name.as_ref().to_vec(),
            prefix: Vec::new(),
            link: Vec::new(),
            flag,
            size: octal(0, 12),
            mode: octal(0o644, 8),
            uid: octal(0, 8),
            gid: octal(0, 8),
            mtime: octal(1_700_000_000, 12),
            major: octal(0, 8),
            minor: octal(0, 8),
            magic: USTAR,
            patches: Vec::new(),
            signed_checksum: false,
        }
    }

    pub fn magic(mut self, magic: [u8; 8]) -> Self {
        self.magic = magic;
        self
    }

    pub fn size(mut self, size: u64) -> Self {
        self.size = octal(size, 12);
        self
    }

    pub fn link(mut self, link: impl AsRef<[u8]>) -> Self {
        self.link = link.as_ref().to_vec();
        self
    }

    pub fn patch(mut self, at: usize, bytes: impl AsRef<[u8]>) -> Self {
        self.patches.push((at, bytes.as_ref().to_vec()));
        self
    }

    pub fn block(&self) -> [u8; 512] {
        let mut block = [0; 512];
        let mut put = |at: usize, width: usize, bytes: &[u8]| {
            let len = bytes.len().min(width);
            block[at..at + len].copy_from_slice(&bytes[..len]);
        };
        put(0, 100, &self.name);
        put(100, 8, &self.mode);
        put(108, 8, &self.uid);
        put(116, 8, &self.gid);
        put(124, 12, &self.size);
        put(136, 12, &self.mtime);
        put(156, 1, &[self.flag]);
        put(157, 100, &self.link);
        put(257, 8, &self.magic);
        if self.magic != V7 {
            put(329, 8, &self.major);
            put(337, 8, &self.minor);
        }
        put(345, 155, &self.prefix);
        for (at, bytes) in &self.patches {
            put(*at, 512 - at, bytes);
        }
        block[148..156].fill(b' ');
        let sum: i64 = match self.signed_checksum {
            true => block.iter().map(|byte| i64::from(*byte as i8)).sum(),
            false => block.iter().map(|byte| i64::from(*byte)).sum(),
        };
        block[148..156].copy_from_slice(format!("{:06o}\0 ", sum.max(0)).as_bytes());
        block
    }
}

impl Archive {
    pub fn head(mut self, head: Head) -> Self {
        self.0.extend(head.block());
        self
    }

    /// Bytes, filled up to a block.
    pub fn data(mut self, bytes: impl AsRef<[u8]>) -> Self {
        self.0.extend(bytes.as_ref());
        self.0.resize(self.0.len().next_multiple_of(512), 0);
        self
    }

    pub fn file(self, name: impl AsRef<[u8]>, content: impl AsRef<[u8]>) -> Self {
        let content = content.as_ref();
        self.head(Head::new(b'0', name).size(content.len() as u64)).data(content)
    }

    pub fn dir(self, name: impl AsRef<[u8]>) -> Self {
        self.head(Head { mode: octal(0o755, 8), ..Head::new(b'5', name) })
    }

    pub fn symlink(self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.head(Head { mode: octal(0o777, 8), ..Head::new(b'2', name).link(target) })
    }

    pub fn hard_link(self, name: impl AsRef<[u8]>, target: impl AsRef<[u8]>) -> Self {
        self.head(Head::new(b'1', name).link(target))
    }

    /// An extended header, `x` or `g`.
    pub fn pax(self, flag: u8, records: &[(&str, &[u8])]) -> Self {
        let body: Vec<u8> = records.iter().flat_map(|(keyword, value)| record(keyword, value)).collect();
        self.pax_body(flag, &body)
    }

    pub fn pax_body(self, flag: u8, body: &[u8]) -> Self {
        self.head(Head::new(flag, "PaxHeaders/x").size(body.len() as u64)).data(body)
    }

    /// A GNU long name (`L`) or long link (`K`).
    pub fn long(self, flag: u8, name: impl AsRef<[u8]>) -> Self {
        let body = [name.as_ref(), b"\0"].concat();
        self.head(Head::new(flag, "././@LongLink").magic(GNU).size(body.len() as u64)).data(body)
    }

    pub fn end(mut self) -> Self {
        self.0.extend([0; 1024]);
        self
    }

    pub fn source(&self) -> (TarSource, tempfile::TempDir) {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("scan.tar");
        std::fs::write(&path, &self.0).unwrap();
        (source(&path), place)
    }

    /// The lines of [`listing`], or the error; whoever reads ahead must not change them.
    pub fn listing(&self) -> Result<Vec<String>> {
        let (alone, place) = self.source();
        let together = source(&place.path().join("scan.tar")).with_threads(2);
        let (alone, together) = (listing(&alone), listing(&together));
        match (&alone, &together) {
            (Ok(alone), Ok(together)) => assert_eq!(alone, together),
            (Err(alone), Err(together)) => assert_eq!(alone.to_string(), together.to_string()),
            _ => panic!("accepted once: {alone:?} and {together:?}"),
        }
        alone
    }

    pub fn error(&self) -> String {
        match self.listing() {
            Ok(lines) => panic!("accepted: {lines:#?}"),
            Err(error) => error.to_string(),
        }
    }

    /// The tree in the lenient mode.
    pub fn tree(&self) -> Result<(FileTree, tempfile::TempDir)> {
        let (source, place) = self.source();
        Ok((tree(Arc::new(source))?, place))
    }
}

pub fn octal(value: u64, width: usize) -> Vec<u8> {
    format!("{value:0digits$o}\0", digits = width - 1).into_bytes()
}

pub fn base256(value: i64, width: usize) -> Vec<u8> {
    let mut bytes = vec![if value < 0 { 0xff } else { 0 }; width];
    bytes[width - 8..].copy_from_slice(&value.to_be_bytes());
    bytes[0] = if value < 0 { 0xff } else { 0x80 };
    bytes
}

/// One record of an extended header.
pub fn record(keyword: &str, value: &[u8]) -> Vec<u8> {
    let rest = keyword.len() + value.len() + 3;
    let len = (1..8).map(|digits| rest + digits).find(|len| len.to_string().len() + rest == *len).unwrap();
    [format!("{len} {keyword}=").as_bytes(), value, b"\n"].concat()
}

pub fn source(path: &Path) -> TarSource {
    TarSource::new(&Files::default(), path, path.parent().unwrap()).unwrap()
}

pub fn tree(source: Arc<dyn ScanSource>) -> Result<FileTree> {
    let mut builder = TreeBuilder::new(Findings::new(Strictness::Lenient));
    builder.add_source(source, Whiteouts::Plain)?;
    Ok(builder.finish()?.0)
}

/// One line for each entry of a scan, in its order: kind, path, size and hash of the content, target.
pub fn listing(source: &dyn ScanSource) -> Result<Vec<String>> {
    use diskwright_core::scan::EntryObject;
    let mut lines = Vec::new();
    let mut contents = Vec::new();
    source.scan(&mut |entry: Entry| {
        let path = hex(&plain_path(&entry.path));
        contents.push(None);
        lines.push(match entry.object {
            EntryObject::Directory => format!("dir {path}"),
            EntryObject::File { content, size, .. } => {
                *contents.last_mut().unwrap() = Some(content);
                format!("file {path} {size}")
            }
            EntryObject::Symlink(target) => format!("symlink {path} {}", hex(&target)),
            EntryObject::HardLink(target) => format!("link {path} {}", hex(&plain_path(&target))),
            EntryObject::CharDevice(_) => format!("char {path}"),
            EntryObject::BlockDevice(_) => format!("block {path}"),
            EntryObject::Fifo => format!("fifo {path}"),
            EntryObject::Socket => format!("socket {path}"),
        });
        Ok(())
    })?;
    for (line, content) in lines.iter_mut().zip(contents) {
        if let Some(content) = content {
            let content = source.open(content)?;
            let mut bytes = vec![0; usize::try_from(content.size()).unwrap()];
            content.read_exact_at(0, &mut bytes).unwrap();
            write!(line, " {}", hex(&Sha256::digest(&bytes))).unwrap();
        }
    }
    Ok(lines)
}

/// One line for each name of a tree with all that is known of it; times in whole seconds if `seconds`.
pub fn tree_lines(tree: &FileTree, seconds: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for node in tree.subtree(NodeId::ROOT) {
        let id = tree.inode_of(node);
        let inode = tree.inode(id);
        let nanos = if seconds { 0 } else { inode.mtime.nanos };
        let mut line = format!(
            "/{} #{} {:o} {}:{} {}.{nanos:09} links {}",
            tree.path(node).escape_ascii(),
            id.index(),
            inode.mode,
            inode.uid,
            inode.gid,
            inode.mtime.seconds,
            inode.links,
        );
        match inode.object {
            Object::File { size, .. } => {
                let hash = Sha256::digest(tree.read(id, 1 << 30).unwrap());
                write!(line, " file {size} {}", hex(&hash)).unwrap();
            }
            other => write!(line, " {other:?}").unwrap(),
        }
        for (name, value) in inode.xattrs {
            write!(line, " {}={}", name.escape_ascii(), hex(value)).unwrap();
        }
        lines.push(line);
    }
    lines
}

/// A path without the parts that mean nothing.
pub fn plain_path(path: &[u8]) -> Vec<u8> {
    let names: Vec<&[u8]> =
        path.split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".").collect();
    names.join(&b'/')
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

/// Runs a tool that must succeed; `None` when it is not installed.
pub fn run(name: &str, arguments: &[&str]) -> Option<Vec<u8>> {
    let done = Command::new(tool(name)?).args(arguments).env("LC_ALL", "C").output().unwrap();
    assert!(done.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
    Some(done.stdout)
}

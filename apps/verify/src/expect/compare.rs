use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::iter::Peekable;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};
use sha2::{Digest, Sha256};

use super::{Content, Entries, Expected};
use crate::bytes::{first_difference, hex, len, len64};
use crate::disk::PIECE;
use crate::escape::escape;
use crate::finding::Findings;

/// An entry as a file system has it.
pub(crate) struct Actual<'a> {
    /// Path in the guest, without leading slash.
    pub(crate) path: &'a [u8],
    pub(crate) kind: ActualKind,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: (i64, u32),
    pub(crate) flags: u32,
    /// Sorted by name; access control lists in the kernel's wire form.
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Number of the inode.
    pub(crate) inode: u64,
    /// Whether an earlier entry named the same inode.
    pub(crate) is_again: bool,
    /// Content of a file.
    pub(crate) content: Option<&'a dyn ReadAt>,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ActualKind {
    Directory,
    File { size: u64 },
    Symlink(Vec<u8>),
    CharDevice((u32, u32)),
    BlockDevice((u32, u32)),
    Fifo,
    Socket,
}

impl fmt::Display for ActualKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory => f.write_str("a directory"),
            Self::File { size } => write!(f, "a file of {size} bytes"),
            Self::Symlink(target) => write!(f, "a link to {}", escape(target)),
            Self::CharDevice((major, minor)) => write!(f, "character device {major}:{minor}"),
            Self::BlockDevice((major, minor)) => write!(f, "block device {major}:{minor}"),
            Self::Fifo => f.write_str("a named pipe"),
            Self::Socket => f.write_str("a socket"),
        }
    }
}

/// Holds what a file system has, entry by entry, against what should be there; both come in the order of the tree.
pub(crate) struct Comparison<'a> {
    expected: Peekable<Entries<'a>>,
    /// Inode number → identity of the expected inode, and the other way, of inodes with several names.
    identities: HashMap<u64, u64>,
    numbers: HashMap<u64, u64>,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(expected: Entries<'a>) -> Self {
        Self { expected: expected.peekable(), identities: HashMap::new(), numbers: HashMap::new() }
    }

    /// Takes the next entry of the file system.
    ///
    /// # Errors
    /// Those of the listing and of reading content.
    pub(crate) fn entry(&mut self, actual: &Actual<'_>, findings: &mut Findings) -> Result<()> {
        while let Some(expected) =
            self.next_if(|expected| expected.path.0 != actual.path && is_before(expected, actual))?
        {
            missing(expected, findings);
        }
        match self.next_if(|expected| expected.path.0 == actual.path)? {
            Some(expected) => self.compare(&expected, actual, findings),
            None => {
                findings.entry("unexpected-entry", "nothing", actual.kind.to_string());
                Ok(())
            }
        }
    }

    /// What has not come.
    ///
    /// # Errors
    /// Those of the listing.
    pub(crate) fn finish(mut self, findings: &mut Findings) -> Result<()> {
        while let Some(expected) = self.next_if(|_| true)? {
            missing(expected, findings);
        }
        Ok(())
    }

    fn next_if(&mut self, is_wanted: impl Fn(&Expected) -> bool) -> Result<Option<Expected>> {
        self.expected.next_if(|next| next.as_ref().map_or(true, &is_wanted)).transpose()
    }

    fn compare(&mut self, expected: &Expected, actual: &Actual<'_>, findings: &mut Findings) -> Result<()> {
        if expected.kind != actual.kind && !actual.is_again {
            findings.entry("kind", expected.kind.to_string(), actual.kind.to_string());
        }
        self.compare_identity(expected, actual, findings);
        if actual.is_again {
            return Ok(());
        }
        if expected.mode != actual.mode {
            findings.entry("mode", format!("{:04o}", expected.mode), format!("{:04o}", actual.mode));
        }
        let owner = |uid: u32, gid: u32| format!("{uid}:{gid}");
        if (expected.uid, expected.gid) != (actual.uid, actual.gid) {
            findings.entry("owner", owner(expected.uid, expected.gid), owner(actual.uid, actual.gid));
        }
        let time = |(seconds, nanos): (i64, u32)| format!("{seconds}.{nanos:09}");
        if expected.mtime != actual.mtime {
            findings.entry("mtime", time(expected.mtime), time(actual.mtime));
        }
        if expected.flags != actual.flags {
            findings.entry("flags", format!("{:#x}", expected.flags), format!("{:#x}", actual.flags));
        }
        compare_xattrs(&expected.xattrs, &actual.xattrs, findings);
        match actual.content {
            Some(content) if expected.kind == actual.kind => {
                compare_content(&expected.content, content, findings)
            }
            _ => Ok(()),
        }
    }

    /// Names that should share an inode do, and no others.
    fn compare_identity(&mut self, expected: &Expected, actual: &Actual<'_>, findings: &mut Findings) {
        let Some(identity) = expected.identity else {
            if actual.is_again {
                findings.entry("hard-link", "an inode of its own", format!("inode {} again", actual.inode));
            }
            return;
        };
        let number = *self.numbers.entry(identity).or_insert(actual.inode);
        let known = *self.identities.entry(actual.inode).or_insert(identity);
        if number != actual.inode || known != identity {
            findings.entry("hard-link", format!("inode {number}"), format!("inode {}", actual.inode));
        }
    }
}

fn is_before(expected: &Expected, actual: &Actual<'_>) -> bool {
    let order = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    expected.path.0.iter().map(order).cmp(actual.path.iter().map(order)) == Ordering::Less
}

fn missing(expected: Expected, findings: &mut Findings) {
    let before = findings.path.replace(expected.path.0);
    findings.entry("missing-entry", expected.kind.to_string(), "nothing");
    findings.path = before;
}

fn compare_xattrs(expected: &[(Vec<u8>, Vec<u8>)], actual: &[(Vec<u8>, Vec<u8>)], findings: &mut Findings) {
    let value = |list: &[(Vec<u8>, Vec<u8>)], name: &[u8]| {
        list.iter().find(|(known, _)| known == name).map(|(name, value)| normal(name, value))
    };
    let names = expected.iter().map(|(name, _)| name);
    let more = actual.iter().map(|(name, _)| name).filter(|name| value(expected, name).is_none());
    for name in names.chain(more) {
        let (wanted, found) = (value(expected, name), value(actual, name));
        if wanted != found {
            let shown = |value: Option<Vec<u8>>| match value {
                Some(value) => format!("{} = {}", escape(name), hex(&value)),
                None => format!("no {}", escape(name)),
            };
            findings.entry("xattr", shown(wanted), shown(found));
        }
    }
    if actual.windows(2).any(|pair| matches!(pair, [(a, _), (b, _)] if a == b)) {
        findings.entry("xattr", "each attribute once", "one twice");
    }
}

/// A value without what means nothing: ids in entries of an access control list that are for nobody in particular.
///
/// # Reference
/// Linux `uapi/linux/posix_acl_xattr.h`.
fn normal(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut value = value.to_vec();
    if matches!(name, b"system.posix_acl_access" | b"system.posix_acl_default")
        && let Some(entries) = value.get_mut(4..)
    {
        for entry in entries.as_chunks_mut::<8>().0 {
            if !matches!(entry, [2 | 8, 0, ..]) {
                entry[4..].fill(0xff);
            }
        }
    }
    value
}

/// Reads a file once and finds where it differs.
pub(crate) fn compare_content(
    expected: &Content,
    actual: &dyn ReadAt,
    findings: &mut Findings,
) -> Result<()> {
    let size = actual.size();
    let (mut hash, mut wanted) = (Sha256::new(), None);
    if let Content::Bytes(open) = expected {
        let content = open()?;
        if content.size() != size {
            findings.entry("content", format!("{} bytes", content.size()), format!("{size} bytes"));
            return Ok(());
        }
        wanted = Some(content);
    }
    let mut found_piece = vec![0; len(size).min(PIECE)];
    let mut wanted_piece = found_piece.clone();
    let mut at = 0;
    while at < size && !matches!(expected, Content::Unknown) {
        let part = len(size - at).min(PIECE);
        let (Some(found), Some(wanted_part)) = (found_piece.get_mut(..part), wanted_piece.get_mut(..part))
        else {
            break;
        };
        let failed = |error, what| {
            Error::new(ErrorKind::Source, format!("{what} cannot be read")).with_offset(at).with_source(error)
        };
        actual.read_exact_at(at, found).map_err(|error| failed(error, "the file in the image"))?;
        match &wanted {
            None => hash.update(&*found),
            Some(content) => {
                content.read_exact_at(at, wanted_part).map_err(|error| failed(error, "the scanned file"))?;
                if let Some(inside) = first_difference(found, wanted_part) {
                    let shown = |bytes: &[u8]| hex(bytes.get(inside..).unwrap_or_default());
                    let place = at.saturating_add(len64(inside));
                    let text = |bytes: &[u8]| format!("{} at byte {place:#x} of the file", shown(bytes));
                    findings.entry("content", text(wanted_part), text(found));
                    return Ok(());
                }
            }
        }
        at = at.saturating_add(len64(part));
    }
    if let Content::Digest(digest) = expected {
        let found = hash.finalize();
        if found.as_slice() != digest {
            findings.entry("content", format!("sha256 {}", hex(digest)), format!("sha256 {}", hex(&found)));
        }
    }
    Ok(())
}

use serde::Serialize;

use super::{FileTree, NodeId, Object};
use crate::error::EscapePath;

/// An entry of a tree as reports and lists of digests write it: everything that the image must show of it.
///
/// Paths, link targets and names of attributes are escaped where they are not printable: `\\`, `\n`, `\u{7f}` as Rust
/// writes them, and `\xNN` for a byte that is not UTF-8.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EntryRecord {
    /// Path with a leading slash.
    pub path: String,
    /// `directory`, `file`, `symlink`, `char-device`, `block-device`, `fifo`, `socket`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Permission bits with setuid, setgid and sticky.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last modification: seconds since the epoch.
    pub mtime: i64,
    /// Nanoseconds after that.
    #[serde(skip_serializing_if = "is_zero")]
    pub mtime_nanos: u32,
    /// Inode flags that are kept, as `FS_IOC_GETFLAGS` gives them.
    #[serde(skip_serializing_if = "is_zero")]
    pub flags: u32,
    /// Bytes of a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// SHA-256 of a file's content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// In place of the digest: the file of the scan whose content this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<String>,
    /// Where a symbolic link leads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// Major and minor number of a device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<[u32; 2]>,
    /// An earlier path of the same inode.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hard_link: Option<String>,
    /// Extended attributes: full name, value in hexadecimal digits.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub xattrs: Vec<(String, String)>,
}

impl EntryRecord {
    /// What a tree says of a node, without a file's content.
    pub fn of(tree: &FileTree, node: NodeId) -> Self {
        let inode = tree.inode(tree.inode_of(node));
        let (mut size, mut target, mut device) = (None, None, None);
        let kind = match inode.object {
            Object::Directory => "directory",
            Object::File { size: bytes, .. } => {
                size = Some(bytes);
                "file"
            }
            Object::Symlink(bytes) => {
                target = Some(bytes.escape_ascii_path());
                "symlink"
            }
            Object::CharDevice(number) => {
                device = Some([number.major, number.minor]);
                "char-device"
            }
            Object::BlockDevice(number) => {
                device = Some([number.major, number.minor]);
                "block-device"
            }
            Object::Fifo => "fifo",
            Object::Socket => "socket",
        };
        let xattr = |(name, value): &(Box<[u8]>, Box<[u8]>)| (name.escape_ascii_path(), hexadecimal(value));
        Self {
            path: Self::shown(&tree.path(node)),
            kind,
            mode: inode.mode,
            uid: inode.uid,
            gid: inode.gid,
            mtime: inode.mtime.seconds,
            mtime_nanos: inode.mtime.nanos,
            flags: inode.flags,
            size,
            sha256: None,
            copy_of: None,
            target,
            device,
            hard_link: None,
            xattrs: inode.xattrs.iter().map(xattr).collect(),
        }
    }

    /// A path without leading slash as records write it.
    pub fn shown(path: &[u8]) -> String {
        if path.is_empty() { "/".to_owned() } else { format!("/{}", path.escape_ascii_path()) }
    }
}

/// Lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

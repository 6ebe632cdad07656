use diskwright_core::{Error, ErrorKind, Result};
use serde::Deserialize;

use super::{ActualKind, Content, Expected, TreePath, relative};
use crate::escape::{digest, unescape, unhex};

/// An entry as reports (`changed`) and lists of digests write it; `docs/verify.md` describes the fields.
#[derive(Clone, Debug, Deserialize)]
pub struct EntryLine {
    pub(super) path: String,
    #[serde(rename = "type")]
    kind: String,
    mode: u16,
    uid: u32,
    gid: u32,
    mtime: i64,
    #[serde(default)]
    mtime_nanos: u32,
    #[serde(default)]
    flags: u32,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    sha256: Option<String>,
    #[serde(default)]
    pub(super) copy_of: Option<String>,
    #[serde(default)]
    target: Option<String>,
    #[serde(default)]
    device: Option<(u32, u32)>,
    #[serde(default)]
    pub(super) hard_link: Option<String>,
    #[serde(default)]
    xattrs: Vec<(String, String)>,
}

impl EntryLine {
    /// The entry; content that is said by `copy_of` stays unknown, and so does who shares the inode.
    ///
    /// # Errors
    /// `ErrorKind::Source` naming path and field for what no such line says.
    pub(super) fn expected(&self) -> Result<Expected> {
        let bad = |field: &str| {
            let text = format!("the entry {:?} has no usable value here", self.path);
            Error::new(ErrorKind::Source, text).with_field(field)
        };
        let text =
            |field: &str, text: &Option<String>| text.as_deref().and_then(unescape).ok_or_else(|| bad(field));
        let kind = match self.kind.as_str() {
            "directory" => ActualKind::Directory,
            "file" => ActualKind::File { size: self.size.ok_or_else(|| bad("size"))? },
            "symlink" => ActualKind::Symlink(text("target", &self.target)?),
            "char-device" => ActualKind::CharDevice(self.device.ok_or_else(|| bad("device"))?),
            "block-device" => ActualKind::BlockDevice(self.device.ok_or_else(|| bad("device"))?),
            "fifo" => ActualKind::Fifo,
            "socket" => ActualKind::Socket,
            _ => return Err(bad("type")),
        };
        let content = match &self.sha256 {
            Some(digits) => Content::Digest(digest(digits).ok_or_else(|| bad("sha256"))?),
            None => Content::Unknown,
        };
        let xattr = |(name, value): &(String, String)| Some((unescape(name)?, unhex(value)?));
        let mut xattrs: Vec<_> =
            self.xattrs.iter().map(xattr).collect::<Option<_>>().ok_or_else(|| bad("xattrs"))?;
        xattrs.sort();
        Ok(Expected {
            path: TreePath(self.tree_path()?),
            kind,
            mode: self.mode,
            uid: self.uid,
            gid: self.gid,
            mtime: (self.mtime, self.mtime_nanos),
            flags: self.flags,
            xattrs,
            identity: None,
            content,
        })
    }

    /// The path without leading slash.
    pub(super) fn tree_path(&self) -> Result<Vec<u8>> {
        path_of(&self.path)
    }
}

/// The bytes of a path as reports write it, without leading slash.
pub(super) fn path_of(text: &str) -> Result<Vec<u8>> {
    let bytes = text.starts_with('/').then(|| unescape(text)).flatten();
    bytes.map(|bytes| relative(&bytes)).ok_or_else(|| {
        Error::new(ErrorKind::Source, format!("{text:?} is no path with a leading slash")).with_field("path")
    })
}

//! Scan sources: where a captured tree comes from.

mod directory;
mod name;
mod tar;

use std::sync::Arc;

pub use directory::{DirectorySource, Excluded, OneFileSystem};
pub(crate) use directory::{EMPTY, Inode, Live, LiveFile};
pub use name::without_archive_suffixes;
pub use tar::TarSource;
pub(crate) use tar::limits as archive_limits;

use crate::tree::Finding;
use crate::{ReadAt, Result, Timestamp};

/// A captured tree that can enumerate its entries and open their content.
pub trait ScanSource: Send + Sync {
    /// Shows `visitor` every entry, in the source's own order; an error of `visitor` ends the scan with that error.
    /// What the source knows beyond its entries it says at the end.
    ///
    /// # Errors
    /// `ErrorKind::Source` naming the path or archive offset when the scan cannot be read or contradicts itself.
    fn scan(&self, visitor: &mut dyn ScanVisitor) -> Result<ScanSummary>;

    /// Opens the content of a regular file that [`ScanSource::scan`] named; holes read as zeros.
    ///
    /// # Errors
    /// `ErrorKind::Source` when it cannot be opened or is no longer what was scanned; a source may see the latter only when
    /// it is read.
    fn open(&self, content: SourceContent) -> Result<Arc<dyn ReadAt>>;
}

/// What a scan shows its entries to. A closure that takes an [`Entry`] is one.
pub trait ScanVisitor {
    /// Takes the next entry.
    ///
    /// # Errors
    /// The visitor's: the scan ends with it.
    fn entry(&mut self, entry: Entry) -> Result<()>;

    /// A checkpoint, for a source that has been at work for a tenth of a second without an entry.
    ///
    /// # Errors
    /// `ErrorKind::Cancelled` when the scan is no longer wanted: it ends with that.
    fn check(&mut self) -> Result<()>;
}

impl<F: FnMut(Entry) -> Result<()>> ScanVisitor for F {
    fn entry(&mut self, entry: Entry) -> Result<()> {
        self(entry)
    }

    fn check(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What a scan found beside its entries.
#[derive(Clone, Debug, Default)]
pub struct ScanSummary {
    /// What there is to say of the source: mount points left out, an archive that was spooled.
    pub findings: Vec<Finding>,
    /// The machine report that came with the scan (`diskwright-machine/1`, JSON), unparsed.
    pub machine_report: Option<Vec<u8>>,
}

/// A source's own name for the content of one regular file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceContent(pub u64);

/// One entry of a scan.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Path bytes below the root, without a leading slash; empty for the root itself.
    pub path: Vec<u8>,
    /// What stands there.
    pub object: EntryObject,
    /// Mode, owner, time, extended attributes.
    pub attributes: Attributes,
}

/// What an entry is.
#[derive(Clone, Debug)]
pub enum EntryObject {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// How to open it.
        content: SourceContent,
        /// Bytes, holes included.
        size: u64,
        /// Ranges that hold data, ascending, disjoint, not empty, within `size`; `None` when the whole file is data.
        data: Option<Vec<DataRange>>,
    },
    /// A symbolic link with its target bytes.
    Symlink(Vec<u8>),
    /// One more name for the entry at this path, which may come later.
    HardLink(Vec<u8>),
    /// A character device.
    CharDevice(DeviceNumber),
    /// A block device.
    BlockDevice(DeviceNumber),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

/// A device number, split.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceNumber {
    /// Major number; ext4 and Linux keep 12 bits.
    pub major: u32,
    /// Minor number; ext4 and Linux keep 20 bits.
    pub minor: u32,
}

/// A range of a file that holds data: half-open, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DataRange {
    /// First byte.
    pub offset: u64,
    /// Number of bytes, not zero.
    pub len: u64,
}

/// Attributes that every kind of entry has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits with setuid, setgid and sticky: `0o0000..=0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Last modification.
    pub mtime: Timestamp,
    /// Inode flags as `FS_IOC_GETFLAGS` gives them; only [`FLAG_IMMUTABLE`], [`FLAG_APPEND`] and [`FLAG_NODUMP`] are kept.
    pub flags: u32,
    /// Extended attributes: full name (`user.x`, `security.capability`, `system.posix_acl_access` in the kernel's
    /// wire form) and value. Order does not matter; of one name given twice the last counts.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

/// `FS_IMMUTABLE_FL`.
pub const FLAG_IMMUTABLE: u32 = 0x10;
/// `FS_APPEND_FL`.
pub const FLAG_APPEND: u32 = 0x20;
/// `FS_NODUMP_FL`.
pub const FLAG_NODUMP: u32 = 0x40;

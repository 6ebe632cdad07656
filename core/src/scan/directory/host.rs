use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, SeekFrom, Statx, StatxAttributes, StatxFlags};
use rustix::io::Errno;

use crate::scan::{Attributes, DataRange, DeviceNumber, FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP};
use crate::{Error, ErrorKind, FileOp, Files, Timestamp};

/// One path of this host, for the gate and for messages; every call goes by descriptor and passes the gate first.
#[derive(Clone, Copy)]
pub(super) struct Host<'a> {
    pub(super) files: &'a Files,
    pub(super) path: &'a Path,
}

/// What `statx` says, as far as a scan needs it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stat {
    pub(super) kind: FileType,
    pub(super) identity: Identity,
    pub(super) stamp: Stamp,
    pub(super) names: u32,
    pub(super) device: DeviceNumber,
    /// Whether something is mounted here.
    pub(super) is_mount_point: bool,
    /// Whether fs-verity or fscrypt protect it.
    pub(super) is_protected: bool,
    mode: u16,
    uid: u32,
    gid: u32,
    /// Inode flags, where the file system tells all of them here.
    flags: Option<u32>,
}

/// Which inode of this host it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Identity {
    pub(super) device: u64,
    pub(super) inode: u64,
}

/// What every write to a file changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stamp {
    pub(super) size: u64,
    pub(super) mtime: Timestamp,
    pub(super) ctime: Timestamp,
}

/// An open descriptor and what can be done with it.
pub(super) enum Handle {
    /// A regular file or directory open for reading.
    Open(OwnedFd),
    /// Anything, by name only: it was not opened.
    Named(OwnedFd),
}

/// What something is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    File,
    Directory,
    /// Its name only: nothing is opened, so a FIFO or device does not notice.
    Name,
}

/// What asking for the data of a file with holes gave.
pub(super) enum DataMap {
    /// The ranges that hold data, ascending.
    Known(Vec<DataRange>),
    /// Answers that do not fit together: it was written to or cut in between.
    Changed,
    /// More ranges than [`MAX_RANGES`].
    TooLong,
}

/// Memory that calls share.
pub(super) struct Scratch {
    list: Vec<u8>,
    value: Vec<u8>,
    entries: Vec<MaybeUninit<u8>>,
}

impl Host<'_> {
    /// Opens the directory at this path itself, following symbolic links.
    pub(super) fn open_root(&self) -> io::Result<OwnedFd> {
        self.files.admit(FileOp::Open { path: self.path })?;
        Ok(rustix::fs::open(self.path, Access::Directory.flags() - OFlags::NOFOLLOW, Mode::empty())?)
    }

    /// Opens a directory once more, to read it from its start.
    pub(super) fn open_same(&self, directory: BorrowedFd<'_>) -> io::Result<OwnedFd> {
        self.files.admit(FileOp::Open { path: self.path })?;
        Ok(rustix::fs::openat(directory, c".", Access::Directory.flags(), Mode::empty())?)
    }

    /// Opens the directory above one; whoever calls checks that it is the right one.
    pub(super) fn open_parent(&self, directory: BorrowedFd<'_>) -> io::Result<OwnedFd> {
        self.files.admit(FileOp::Open { path: self.path })?;
        let flags = Access::Name.flags() | OFlags::DIRECTORY;
        Ok(rustix::fs::openat(directory, c"..", flags, Mode::empty())?)
    }

    /// What stands at `name` in a directory, not followed and not mounted by asking.
    pub(super) fn stat_at(&self, directory: BorrowedFd<'_>, name: &[u8]) -> io::Result<Stat> {
        self.files.admit(FileOp::Stat { path: self.path })?;
        let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
        Ok(Stat::from(rustix::fs::statx(directory, name, flags, StatxFlags::BASIC_STATS)?))
    }

    /// What a descriptor stands for.
    pub(super) fn stat(&self, descriptor: BorrowedFd<'_>) -> io::Result<Stat> {
        self.files.admit(FileOp::Stat { path: self.path })?;
        Ok(Stat::from(rustix::fs::statx(descriptor, c"", AtFlags::EMPTY_PATH, StatxFlags::BASIC_STATS)?))
    }

    /// The magic number of the descriptor's file system.
    pub(super) fn file_system(&self, descriptor: BorrowedFd<'_>) -> io::Result<u32> {
        self.files.admit(FileOp::Stat { path: self.path })?;
        // Magic numbers have 32 bits; the word that holds them differs by processor.
        Ok(rustix::fs::fstatfs(descriptor)?.f_type as u32)
    }

    /// The names in a directory without `.` and `..`, each given to `name` with whether the file system says that it is a
    /// directory's, in no order.
    pub(super) fn entries(
        &self,
        directory: BorrowedFd<'_>,
        scratch: &mut Scratch,
        name: &mut dyn FnMut(&[u8], bool),
    ) -> io::Result<()> {
        let mut entries = RawDir::new(directory, &mut scratch.entries);
        loop {
            if entries.is_buffer_empty() {
                let len = ENTRIES_BUFFER;
                match self.files.admit(FileOp::ReadAt { path: self.path, offset: 0, len }) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    admitted => admitted?,
                };
            }
            let Some(entry) = entries.next() else { return Ok(()) };
            let entry = entry?;
            match entry.file_name().to_bytes() {
                b"." | b".." => {}
                bytes => name(bytes, entry.file_type() == FileType::Directory),
            }
        }
    }

    /// Where a symbolic link leads.
    pub(super) fn link_target(&self, link: BorrowedFd<'_>) -> io::Result<Vec<u8>> {
        self.files.admit(FileOp::Stat { path: self.path })?;
        Ok(rustix::fs::readlinkat(link, c"", Vec::new())?.into_bytes())
    }

    /// Mode, owner, time, flags and extended attributes.
    pub(super) fn attributes(
        &self,
        stat: &Stat,
        handle: &Handle,
        scratch: &mut Scratch,
    ) -> io::Result<Attributes> {
        let flags = match (stat.flags, handle) {
            (Some(flags), _) => flags,
            (None, Handle::Open(descriptor)) => self.inode_flags(descriptor.as_fd())?,
            (None, Handle::Named(_)) => 0,
        };
        let xattrs = self.xattrs(handle, scratch)?;
        let Stat { mode, uid, gid, stamp, .. } = *stat;
        Ok(Attributes { mode, uid, gid, mtime: stamp.mtime, flags, xattrs })
    }

    fn inode_flags(&self, descriptor: BorrowedFd<'_>) -> io::Result<u32> {
        self.files.admit(FileOp::Stat { path: self.path })?;
        match rustix::fs::ioctl_getflags(descriptor) {
            Ok(flags) => Ok(flags.bits() & (FLAG_APPEND | FLAG_IMMUTABLE | FLAG_NODUMP)),
            // The file system has no flags.
            Err(Errno::NOTTY | Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(0),
            Err(error) => Err(error.into()),
        }
    }

    fn xattrs(&self, handle: &Handle, scratch: &mut Scratch) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.files.admit(FileOp::Stat { path: self.path })?;
        let Scratch { list, value, .. } = scratch;
        let list_into = |list: &mut [u8]| match handle {
            Handle::Open(descriptor) => rustix::fs::flistxattr(descriptor, list),
            Handle::Named(descriptor) => rustix::fs::listxattr(proc_path(descriptor), list),
        };
        // The kernel sets as much memory aside as it is offered, each time.
        let short = list.get_mut(..XATTR_LIST_USUAL).unwrap_or_default();
        let listed = match list_into(short) {
            Err(Errno::RANGE) => list_into(list.as_mut_slice()),
            listed => listed,
        };
        let len = match listed {
            Ok(len) => len,
            Err(Errno::OPNOTSUPP) => 0,
            Err(error) => return Err(named_error(handle, error)),
        };
        let mut xattrs = Vec::new();
        let list = list.get(..len).unwrap_or(&[]);
        for name in list.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            self.files.admit(FileOp::Stat { path: self.path })?;
            let len = match handle {
                Handle::Open(descriptor) => rustix::fs::fgetxattr(descriptor, name, value.as_mut_slice()),
                Handle::Named(descriptor) => {
                    rustix::fs::getxattr(proc_path(descriptor), name, value.as_mut_slice())
                }
            };
            match len {
                Ok(len) => xattrs.push((name.to_vec(), value.get(..len).unwrap_or(&[]).to_vec())),
                // Removed after it was listed.
                Err(Errno::NODATA) => {}
                Err(error) => return Err(named_error(handle, error)),
            }
        }
        Ok(xattrs)
    }

    /// The first byte of a file that is in a hole; `None` without holes or where the file system cannot tell.
    pub(super) fn first_hole(&self, file: BorrowedFd<'_>, size: u64) -> io::Result<Option<u64>> {
        self.files.admit(FileOp::Stat { path: self.path })?;
        match rustix::fs::seek(file, SeekFrom::Hole(0)) {
            Ok(hole) => Ok(Some(hole).filter(|hole| *hole < size)),
            Err(Errno::INVAL | Errno::OPNOTSUPP | Errno::NXIO) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// The ranges of a file of `size` bytes that hold data.
    pub(super) fn data_ranges(&self, file: BorrowedFd<'_>, size: u64) -> io::Result<DataMap> {
        let mut ranges = Vec::new();
        let mut position = 0;
        while position < size {
            self.files.admit(FileOp::Stat { path: self.path })?;
            let offset = match rustix::fs::seek(file, SeekFrom::Data(position)) {
                Ok(offset) if offset < size => offset,
                Ok(_) | Err(Errno::NXIO) => break,
                Err(error) => return Err(error.into()),
            };
            let end = match rustix::fs::seek(file, SeekFrom::Hole(offset)) {
                Ok(end) => end.min(size),
                // It was cut there in between.
                Err(Errno::NXIO) => return Ok(DataMap::Changed),
                Err(error) => return Err(error.into()),
            };
            if offset < position || end <= offset {
                return Ok(DataMap::Changed);
            }
            if ranges.len() >= MAX_RANGES {
                return Ok(DataMap::TooLong);
            }
            ranges.push(DataRange { offset, len: end.saturating_sub(offset) });
            position = end;
        }
        Ok(DataMap::Known(ranges))
    }

    pub(super) fn failed(&self, message: &str, error: io::Error) -> Error {
        self.error(message).with_source(error)
    }

    pub(super) fn error(&self, message: &str) -> Error {
        Error::new(ErrorKind::Source, message).with_path(self.path.as_os_str().as_bytes())
    }
}

impl From<Statx> for Stat {
    fn from(from: Statx) -> Self {
        let time = |time: rustix::fs::StatxTimestamp| Timestamp { seconds: time.tv_sec, nanos: time.tv_nsec };
        let attributes = from.stx_attributes & from.stx_attributes_mask;
        let flag = |bit, flag| if attributes.contains(bit) { flag } else { 0 };
        let flags = flag(StatxAttributes::IMMUTABLE, FLAG_IMMUTABLE)
            | flag(StatxAttributes::APPEND, FLAG_APPEND)
            | flag(StatxAttributes::NODUMP, FLAG_NODUMP);
        let all = StatxAttributes::IMMUTABLE | StatxAttributes::APPEND | StatxAttributes::NODUMP;
        Self {
            kind: FileType::from_raw_mode(u32::from(from.stx_mode)),
            identity: Identity {
                device: u64::from(from.stx_dev_major) << 32 | u64::from(from.stx_dev_minor),
                inode: from.stx_ino,
            },
            stamp: Stamp { size: from.stx_size, mtime: time(from.stx_mtime), ctime: time(from.stx_ctime) },
            names: from.stx_nlink,
            device: DeviceNumber { major: from.stx_rdev_major, minor: from.stx_rdev_minor },
            is_mount_point: attributes.contains(StatxAttributes::MOUNT_ROOT),
            is_protected: attributes.intersects(StatxAttributes::VERITY | StatxAttributes::ENCRYPTED),
            mode: from.stx_mode & 0o7777,
            uid: from.stx_uid,
            gid: from.stx_gid,
            flags: from.stx_attributes_mask.contains(all).then_some(flags),
        }
    }
}

impl Stat {
    /// Whether `self` and `other` are of the same inode, which has not become something else in between.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.identity == other.identity && self.kind == other.kind
    }
}

impl Handle {
    pub(super) fn descriptor(&self) -> BorrowedFd<'_> {
        match self {
            Self::Open(descriptor) | Self::Named(descriptor) => descriptor.as_fd(),
        }
    }
}

impl Access {
    pub(super) fn flags(self) -> OFlags {
        let common = OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match self {
            // Nothing waits: not a FIFO that was put in a file's place, and no terminal becomes ours.
            Self::File => common | OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY,
            Self::Directory => {
                common | OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NONBLOCK | OFlags::NOCTTY
            }
            Self::Name => common | OFlags::PATH,
        }
    }
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self {
            list: vec![0; XATTR_LIST_MAX],
            value: vec![0; XATTR_SIZE_MAX],
            entries: vec![MaybeUninit::uninit(); ENTRIES_BUFFER],
        }
    }
}

/// Whether a file system holds the kernel's state and no files.
pub(super) fn is_pseudo(magic: u32) -> bool {
    PSEUDO_FILE_SYSTEMS.contains(&magic)
}

/// Whether a file system, in which there is an inode of `identity`, holds files of the machine itself, on its own disks, once.
pub(super) fn is_own(magic: u32, identity: Identity) -> bool {
    // One on a block device has its number; others, of programs and of other machines, have a major number of zero.
    let is_program = magic == FUSE && identity.device >> 32 == 0;
    !is_program && !is_pseudo(magic) && !OTHERS_FILE_SYSTEMS.contains(&magic)
}

/// Whether a file system is known to tell holes truly even of data that was written just now.
pub(super) fn tells_holes_truly(magic: u32) -> bool {
    [EXT4, XFS, BTRFS, TMPFS].contains(&magic)
}

fn proc_path(descriptor: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", descriptor.as_raw_fd())
}

fn named_error(handle: &Handle, error: Errno) -> io::Error {
    match (handle, error) {
        (Handle::Named(_), Errno::NOENT) => {
            io::Error::other("reading extended attributes of links and special files needs /proc")
        }
        _ => error.into(),
    }
}

/// Names of a few attributes.
const XATTR_LIST_USUAL: usize = 256;
/// The kernel's limits, `<linux/limits.h>`.
const XATTR_LIST_MAX: usize = 65_536;
const XATTR_SIZE_MAX: usize = 65_536;
const ENTRIES_BUFFER: usize = 32_768;
/// 16 MiB of ranges for one file.
pub(super) const MAX_RANGES: usize = 1 << 20;

/// Magic numbers, `<linux/magic.h>`.
const EXT4: u32 = 0xef53;
const XFS: u32 = 0x5846_5342;
const BTRFS: u32 = 0x9123_683e;
const FUSE: u32 = 0x6573_5546;
const TMPFS: u32 = 0x0102_1994;
/// In memory, of other machines, or a second view of files that are on a disk, too.
const OTHERS_FILE_SYSTEMS: [u32; 12] = [
    TMPFS,       // devtmpfs, too
    0x8584_58f6, // ramfs
    0x0000_6969, // nfs
    0x0000_517b, // smb
    0xff53_4d42, // cifs
    0xfe53_4d42, // smb2
    0x0102_1997, // 9p
    0x5346_414f, // afs
    0x00c3_6400, // ceph
    0x7461_636f, // ocfs2
    0x794c_7630, // overlay
    0x7371_7368, // squashfs
];
const PSEUDO_FILE_SYSTEMS: [u32; 24] = [
    0x0000_9fa0, // proc
    0x6265_6572, // sysfs
    0x0027_e0eb, // cgroup
    0x6367_7270, // cgroup2
    0x6462_6720, // debugfs
    0x7472_6163, // tracefs
    0x7363_6673, // securityfs
    0x0000_1cd1, // devpts
    0xcafe_4a11, // bpf
    0x6165_676c, // pstore
    0xde5e_81e4, // efivarfs
    0x6265_6570, // configfs
    0x1980_0202, // mqueue
    0x0000_0187, // autofs
    0x6573_5543, // fusectl
    0x4249_4e4d, // binfmt_misc
    0xf97c_ff8c, // selinuxfs
    0x4341_5d53, // smackfs
    0x9584_58f6, // hugetlbfs
    0x6e73_6673, // nsfs
    0x6759_6969, // rpc_pipefs
    0x0000_9fa2, // usbdevfs
    0xabba_1974, // xenfs
    0x0765_5821, // resctrl
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fuse_is_the_machines_own_on_a_block_device_only() {
        let on = |major: u64| Identity { device: major << 32 | 1, inode: 1 };
        assert!(is_own(FUSE, on(8)) && !is_own(FUSE, on(0)));
        assert!(is_own(BTRFS, on(0)) && is_own(EXT4, on(8)) && !is_own(TMPFS, on(0)));
    }
}

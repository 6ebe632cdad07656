//! What an entry of a scan becomes as an inode, with all that is checked of it.

use super::{TreeBuilder, directory_record};
use crate::scan::{
    Attributes, DataRange, DeviceNumber, Entry, EntryObject, FLAG_APPEND, FLAG_IMMUTABLE, FLAG_NODUMP,
};
use crate::tree::finding::Severity;
use crate::tree::{InodeRecord, Kind, NONE, pack_device};
use crate::{Error, ErrorKind, Result, Timestamp};

impl TreeBuilder {
    /// An inode record with nothing but checked attributes.
    pub(in crate::tree) fn checked_attributes(
        &mut self,
        path: &[u8],
        given: &Attributes,
    ) -> Result<InodeRecord> {
        let refuse = |text: &str| Error::new(ErrorKind::Source, text).with_path(path);
        if given.uid == u32::MAX || given.gid == u32::MAX {
            return Err(refuse("owner or group 4294967295 stands for none and cannot be kept"));
        }
        if given.mtime.nanos >= 1_000_000_000 {
            return Err(refuse("a time with a second or more of nanoseconds"));
        }
        let mut mtime = given.mtime;
        if DOUBTED_TIMES.contains(&mtime.seconds) {
            let text =
                "a time from 2310-04-04 to 2378-04-22, which e2fsck takes for a misread one before 1970";
            self.findings.record(Severity::Warning, "time-doubted", path, text)?;
        }
        if mtime < Timestamp::EXT4_MIN || mtime > Timestamp::EXT4_MAX {
            mtime = mtime.clamp(Timestamp::EXT4_MIN, Timestamp::EXT4_MAX);
            let text = format!(
                "time {} is outside 1901-12-13 to 2446-05-10 and is moved to the edge",
                given.mtime.seconds
            );
            self.findings.record(Severity::Normalised, "time-out-of-range", path, text)?;
        }
        if given.mode & !0o7777 != 0 {
            let text = format!("mode {:o} has bits above 7777, which are dropped", given.mode);
            self.findings.record(Severity::Normalised, "mode-bits", path, text)?;
        }
        let xattrs = self.xattr_sets.intern(&given.xattrs, path, &mut self.findings)?;
        Ok(InodeRecord {
            mtime: mtime.seconds,
            nanos: mtime.nanos,
            uid: given.uid,
            gid: given.gid,
            mode: given.mode & 0o7777,
            flags: given.flags & (FLAG_IMMUTABLE | FLAG_APPEND | FLAG_NODUMP),
            xattrs,
            ..directory_record()
        })
    }

    pub(super) fn record(&mut self, entry: &Entry, attributes: InodeRecord) -> Result<InodeRecord> {
        let refuse = |text: String| Error::new(ErrorKind::Source, text).with_path(&entry.path);
        let device = |device: &DeviceNumber| {
            if device.major >= 1 << 12 || device.minor >= 1 << 20 {
                let DeviceNumber { major, minor } = device;
                return Err(refuse(format!("device {major}:{minor} is beyond 4095:1048575")));
            }
            Ok(pack_device(*device))
        };
        let of = |kind| InodeRecord { kind, ..attributes };
        Ok(match &entry.object {
            EntryObject::Directory => of(Kind::Directory),
            EntryObject::File { content, size, data } => {
                if *size > MAX_FILE_SIZE {
                    return Err(refuse(format!("{size} bytes: ext4 holds files of at most {MAX_FILE_SIZE}")));
                }
                let data = self.data_map(*size, data.as_deref()).ok_or_else(|| {
                    refuse("the data ranges of a sparse file do not ascend within its size".to_owned())
                })?;
                InodeRecord { size: *size, content: content.0, data, source: self.layer, ..of(Kind::File) }
            }
            EntryObject::Symlink(target) => {
                if target.is_empty() || target.len() > 4095 || target.contains(&0) {
                    let text =
                        format!("symbolic link with a target of {} bytes (1 to 4095, no NUL)", target.len());
                    return Err(refuse(text));
                }
                InodeRecord { content: self.push_text(target)?, ..of(Kind::Symlink) }
            }
            EntryObject::CharDevice(number) => InodeRecord { size: device(number)?, ..of(Kind::CharDevice) },
            EntryObject::BlockDevice(number) => {
                InodeRecord { size: device(number)?, ..of(Kind::BlockDevice) }
            }
            EntryObject::Fifo => of(Kind::Fifo),
            EntryObject::Socket => {
                let text = "a socket of a running program; kept, but nothing listens on it";
                self.findings.record(Severity::Warning, "socket", &entry.path, text)?;
                of(Kind::Socket)
            }
            EntryObject::HardLink(_) => {
                return Err(Error::new(ErrorKind::Internal, "a hard link has no inode of its own"));
            }
        })
    }

    /// The number of a checked data map; `NONE` for a file without holes, `None` for a bad map.
    fn data_map(&mut self, size: u64, data: Option<&[DataRange]>) -> Option<u32> {
        let Some(ranges) = data else { return Some(NONE) };
        let mut end = 0;
        for range in ranges {
            if range.offset < end || range.len == 0 {
                return None;
            }
            end = range.offset.checked_add(range.len).filter(|end| *end <= size)?;
        }
        if matches!(ranges, [DataRange { offset: 0, len }] if *len == size)
            || (ranges.is_empty() && size == 0)
        {
            return Some(NONE);
        }
        self.data_maps.push(ranges.into());
        Some(self.data_maps.len() as u32 - 1)
    }
}

/// Seconds whose ext4 form (epoch bits 3, sign bit set) old kernels gave to times before 1970.
const DOUBTED_TIMES: std::ops::Range<i64> = (5 << 31)..(6 << 31);
/// 2³² − 1 blocks of 4 KiB.
const MAX_FILE_SIZE: u64 = ((1 << 32) - 1) * 4096;

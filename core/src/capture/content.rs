use std::io;
use std::os::unix::ffi::OsStrExt;

use super::member::{BLOCK, Member, Object, SparseMap};
use super::packed::Packed;
use crate::scan::{DataRange, Inode, Live, LiveFile};
use crate::{Error, ErrorKind, Monitor, Result};

/// What reading a file needs.
pub(super) struct Reading<'a, 'b> {
    pub(super) live: &'a mut Live<'b>,
    pub(super) packed: &'a mut Packed,
    pub(super) monitor: &'a Monitor,
    /// Of [`BUFFER`] bytes.
    pub(super) buffer: &'a mut [u8],
    /// Bytes of all files that the monitor expects and has not been told of.
    pub(super) left: &'a mut u64,
}

/// A file that was stored.
pub(super) struct Copied {
    /// Bytes without holes.
    pub(super) bytes: u64,
    /// It changed during each reading.
    pub(super) has_changed: bool,
    /// Which inode the reading was of that is stored, and how many names it had.
    pub(super) inode: Inode,
    pub(super) names: u32,
}

/// Stores `file`, which is at `path`, reading it again when it changes meanwhile; `None` when it is gone by then.
///
/// The archive is wound back for another reading, so that each file is in it once, as one reading gave it.
///
/// # Errors
/// As [`super::Capture::run`].
pub(super) fn copy(mut reading: Reading<'_, '_>, path: &[u8], mut file: LiveFile) -> Result<Option<Copied>> {
    let mut progress = Progress { told: 0, read: 0 };
    for attempt in 1..=READINGS {
        progress.read = 0;
        let is_last = attempt == READINGS;
        let (bytes, is_whole) = if file.size <= reading.buffer.len() as u64 && file.data.is_none() {
            // What is read in one go is read before anything is written.
            let len = read(&file, 0, reading.buffer)?;
            let is_whole = len as u64 == file.size && is_unchanged(&file)?;
            // Cut where the last reading found its end.
            let len = len.min(usize::try_from(file.size).unwrap_or(usize::MAX));
            if is_whole || is_last {
                reading.store_small(path, &file, len)?;
                progress.advance(&mut reading, len);
            }
            (len as u64, is_whole)
        } else {
            let mark = reading.packed.mark()?;
            let (bytes, is_whole) = reading.store_large(path, &file, &mut progress)?;
            let is_whole = is_whole && is_unchanged(&file)?;
            if !is_whole && !is_last {
                reading.packed.rewind(mark)?;
            }
            (bytes, is_whole)
        };
        if is_whole || is_last {
            let (inode, names) = (file.inode(), file.names);
            return Ok(Some(Copied { bytes, has_changed: !is_whole, inode, names }));
        }
        file = match reading.live.open(path)? {
            Some(file) => file,
            None => return Ok(None),
        };
    }
    Ok(None)
}

impl Reading<'_, '_> {
    fn store_small(&mut self, path: &[u8], file: &LiveFile, len: usize) -> Result<()> {
        let object = Object::File { stored: len as u64 };
        self.packed.write(&Member { path, object, attributes: &file.attributes }.encode()?)?;
        self.packed.write(self.buffer.get(..len).unwrap_or(&[]))?;
        self.packed.pad(len as u64)
    }

    /// How many bytes were stored, and whether the file had all of them.
    fn store_large(&mut self, path: &[u8], file: &LiveFile, progress: &mut Progress) -> Result<(u64, bool)> {
        let map = file.data.as_deref().and_then(|ranges| SparseMap::new(ranges, file.size));
        let whole = [DataRange { offset: 0, len: file.size }];
        let ranges = map.as_ref().map_or(&whole[..], SparseMap::ranges);
        let stored: u64 = ranges.iter().map(|range| range.len).sum();
        let object = match &map {
            Some(map) => Object::Sparse(map),
            None => Object::File { stored },
        };
        self.packed.write(&Member { path, object, attributes: &file.attributes }.encode()?)?;
        let mut is_whole = true;
        for range in ranges {
            is_whole &= self.store_range(file, *range, progress)?;
        }
        self.packed.pad(stored)?;
        Ok((stored, is_whole))
    }

    /// Stores a range; what a file that shrank does not have is zero. Whether it had all.
    fn store_range(&mut self, file: &LiveFile, range: DataRange, progress: &mut Progress) -> Result<bool> {
        let (mut offset, mut left, mut is_whole) = (range.offset, range.len, true);
        while left > 0 {
            self.monitor.check()?;
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(self.buffer.len());
            let buffer = self.buffer.get_mut(..wanted).unwrap_or_default();
            let len = read(file, offset, buffer)?;
            if let Some(missing) = buffer.get_mut(len..).filter(|missing| !missing.is_empty()) {
                missing.fill(0);
                is_whole = false;
            }
            self.packed.write(buffer)?;
            progress.advance(self, wanted);
            offset = offset.saturating_add(wanted as u64);
            left = left.saturating_sub(wanted as u64);
        }
        Ok(is_whole)
    }
}

/// What the monitor was told of one file.
struct Progress {
    /// Bytes of it, of the reading that went farthest.
    told: u64,
    /// Bytes of the reading that goes on.
    read: u64,
}

impl Progress {
    /// Tells of so many more bytes, unless an earlier reading told of them or they are more than were expected.
    fn advance(&mut self, reading: &mut Reading<'_, '_>, bytes: usize) {
        self.read = self.read.saturating_add(bytes as u64);
        let new = self.read.saturating_sub(self.told).min(*reading.left);
        self.told = self.told.max(self.read);
        *reading.left = reading.left.saturating_sub(new);
        reading.monitor.advance(new);
    }
}

fn read(file: &LiveFile, offset: u64, buffer: &mut [u8]) -> Result<usize> {
    file.read_at(offset, buffer).map_err(|error| failed("cannot read", file, error))
}

fn is_unchanged(file: &LiveFile) -> Result<bool> {
    file.is_unchanged().map_err(|error| failed("cannot examine", file, error))
}

fn failed(text: &str, file: &LiveFile, error: io::Error) -> Error {
    Error::new(ErrorKind::Source, text).with_path(file.path().as_os_str().as_bytes()).with_source(error)
}

/// How often a file is read that changes meanwhile.
const READINGS: usize = 3;
/// Bytes read at once.
pub(super) const BUFFER: usize = 2048 * BLOCK;

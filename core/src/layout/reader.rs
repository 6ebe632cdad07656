#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::io;
use std::sync::Arc;

use super::{DiskLayout, Inner, Region, RegionKind};
use crate::tree::InodeId;
use crate::{Error, ErrorKind, ReadAt, Result};

/// Reads one disk; holds the file it read last, so that a large file is opened once for many reads.
pub struct LayoutReader {
    disk: DiskLayout,
    open: Option<(u32, Arc<dyn ReadAt>)>,
}

impl LayoutReader {
    pub(super) fn new(disk: DiskLayout) -> Self {
        Self { disk, open: None }
    }

    /// Fills `buf` with the disk's bytes from `offset`.
    ///
    /// # Errors
    /// `ErrorKind::Source` naming the file when the scan cannot be read or has changed; `ErrorKind::Internal` when the
    /// range passes the disk's end or a computed table fails.
    pub fn read_exact_at(&mut self, offset: u64, buf: &mut [u8]) -> Result<()> {
        let inner = Arc::clone(&self.disk.inner);
        let len = u64::try_from(buf.len()).unwrap_or(u64::MAX);
        if offset.checked_add(len).is_none_or(|end| end > inner.size) {
            return Err(Error::new(ErrorKind::Internal, "read past the end of the disk").with_offset(offset));
        }
        let mut at = inner.region_at(offset);
        let mut position = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let region = inner.regions[at];
            let here = inner.region_end(at).saturating_sub(position);
            let take = usize::try_from(here).unwrap_or(usize::MAX).min(rest.len());
            let (part, after) = rest.split_at_mut(take);
            self.fill(&inner, &region, position.saturating_sub(region.start), part)?;
            rest = after;
            position = position.saturating_add(here);
            at = at.saturating_add(1);
        }
        Ok(())
    }

    /// Fills `buf` from byte `inside` of `region`.
    fn fill(&mut self, inner: &Inner, region: &Region, inside: u64, buf: &mut [u8]) -> Result<()> {
        let offset = region.offset.saturating_add(inside);
        let index = usize::try_from(region.index).unwrap_or(usize::MAX);
        let at = region.start.saturating_add(inside);
        match region.kind {
            RegionKind::Zero => buf.fill(0),
            RegionKind::Bytes => {
                let start = usize::try_from(offset).unwrap_or(usize::MAX);
                let bytes = inner.bytes[index].get(start..).and_then(|tail| tail.get(..buf.len()));
                buf.copy_from_slice(bytes.ok_or_else(|| out_of_table(at))?);
            }
            RegionKind::Computed => inner.computed[index]
                .read_exact_at(offset, buf)
                .map_err(|error| out_of_table(at).with_source(error))?,
            RegionKind::File => self.fill_from_file(region.index, offset, buf)?,
        }
        Ok(())
    }

    fn fill_from_file(&mut self, index: u32, offset: u64, buf: &mut [u8]) -> Result<()> {
        let inode = InodeId::from_index(index);
        let content = match &self.open {
            Some((open, content)) if *open == index => Arc::clone(content),
            _ => {
                // Close the one before first: a worker never holds two.
                self.open = None;
                let content = self.disk.inner.tree.open(inode)?;
                self.open = Some((index, Arc::clone(&content)));
                content
            }
        };
        let left = usize::try_from(content.size().saturating_sub(offset)).unwrap_or(usize::MAX);
        let (data, tail) = buf.split_at_mut(left.min(buf.len()));
        tail.fill(0);
        if data.is_empty() {
            return Ok(());
        }
        content
            .read_exact_at(offset, data)
            .map_err(|error| read_failed(self.disk.inner.tree.path_of(inode), error))
    }
}

fn read_failed(path: Vec<u8>, error: io::Error) -> Error {
    Error::new(ErrorKind::Source, "cannot read the file's content").with_path(path).with_source(error)
}

fn out_of_table(offset: u64) -> Error {
    Error::new(ErrorKind::Internal, "a generated table could not be read").with_offset(offset)
}

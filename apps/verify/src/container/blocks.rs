use std::io;
use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};

use crate::bytes::{len, len64};
use crate::disk::{Disk, expect_zeros, read_parts};
use crate::finding::Findings;

/// A disk whose blocks stand in a file as they are.
pub(super) struct Blocks {
    file: Arc<dyn Disk>,
    /// Bytes of the disk.
    size: u64,
    /// Bytes of a block.
    block: u64,
    /// Where each block of the disk is in the file; 0, where no container has one, for zeros.
    places: Vec<u64>,
}

impl Blocks {
    /// A disk none of whose blocks is known yet.
    ///
    /// # Errors
    /// `ErrorKind::LimitExceeded` when their places do not fit into memory.
    pub(super) fn new(file: Arc<dyn Disk>, size: u64, block: u64) -> Result<Self> {
        let mut places = Vec::new();
        let count = size.div_ceil(block);
        if places.try_reserve_exact(len(count)).is_err() {
            return Err(Error::new(ErrorKind::LimitExceeded, format!("a disk of {count} blocks")));
        }
        Ok(Self { file, size, block, places })
    }

    /// Says where the next block of the disk is; 0 for zeros.
    pub(super) fn push(&mut self, place: u64) {
        self.places.push(place);
    }

    /// Blocks that are in the file.
    pub(super) fn stored(&self) -> u64 {
        len64(self.places.iter().filter(|place| **place != 0).count())
    }

    /// The last block may have room past the disk's end, which is to be zero.
    pub(super) fn check_tail(&self, code: &'static str, findings: &mut Findings) -> Result<()> {
        let inside = self.size % self.block;
        let Some(place) = self.places.last().filter(|place| **place != 0 && inside != 0) else {
            return Ok(());
        };
        let (from, to) = (place.saturating_add(inside), place.saturating_add(self.block));
        let to = to.min(self.file.size());
        expect_zeros(self.file.as_ref(), from, to, (code, "past the disk's end"), findings)
    }

    /// Where byte `offset` of the disk is in the file, and how many follow in a row; `None` for zeros.
    fn place(&self, offset: u64) -> (Option<u64>, u64) {
        let inside = offset % self.block;
        let place = self.places.get(len(offset / self.block)).filter(|place| **place != 0);
        (place.map(|place| place.saturating_add(inside)), self.block - inside)
    }
}

impl ReadAt for Blocks {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        read_parts(self.file.as_ref(), self.size, offset, buf, |at| Ok(self.place(at)))
    }
}

impl Disk for Blocks {
    fn next_data(&self, from: u64) -> u64 {
        let mut at = from;
        while at < self.size {
            let (place, room) = self.place(at);
            if let Some(place) = place {
                let data = self.file.next_data(place);
                if data.saturating_sub(place) < room {
                    return at.saturating_add(data.saturating_sub(place));
                }
            }
            at = at.saturating_add(room);
        }
        self.size.max(from)
    }
}

use std::io;
use std::sync::Arc;

use diskwright_core::{ReadAt, Result};
use sha2::Digest;

use crate::bytes::{len, len64};
use crate::disk::{Disk, PIECE, read_into};

/// A part of a file, as a file.
#[derive(Clone)]
pub(super) struct Section {
    pub(super) file: Arc<dyn Disk>,
    /// Where it begins in the file.
    pub(super) start: u64,
    pub(super) size: u64,
}

impl Section {
    /// The digest of all of it, in hexadecimal digits.
    pub(super) fn digest<D: Digest>(&self) -> Result<String> {
        let mut hash = D::new();
        let mut buffer = vec![0; PIECE];
        let mut at = 0;
        while at < self.size {
            let part = len(self.size - at).min(PIECE);
            let Some(piece) = buffer.get_mut(..part) else { break };
            read_into(self, at, piece)?;
            hash.update(&*piece);
            at = at.saturating_add(len64(part));
        }
        Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

impl ReadAt for Section {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(len64(buf.len())).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.file.read_exact_at(self.start.saturating_add(offset), buf)
    }
}

impl Disk for Section {
    fn next_data(&self, from: u64) -> u64 {
        let data = self.file.next_data(self.start.saturating_add(from)).saturating_sub(self.start);
        data.min(self.size).max(from)
    }
}

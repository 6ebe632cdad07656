use diskwright_core::{BytesReader, Error, ErrorKind, ReadAt, Result};

use crate::bytes::{first_nonzero, len, len64};
use crate::finding::Findings;

/// The disk in an image: bytes at known offsets, and what is known to be zero without reading.
pub trait Disk: ReadAt {
    /// The first offset at or after `from` that may hold a byte other than zero; the disk's size if there is none.
    fn next_data(&self, from: u64) -> u64 {
        from
    }
}

impl Disk for BytesReader {}

/// The bytes of a range of a disk.
///
/// # Errors
/// `ErrorKind::Source` when the range is not on the disk or cannot be read; `len` is bounded by the caller.
pub(crate) fn read(disk: &dyn Disk, offset: u64, len: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; len];
    read_into(disk, offset, &mut bytes)?;
    Ok(bytes)
}

/// As [`read`], into a buffer.
pub(crate) fn read_into(disk: &dyn Disk, offset: u64, bytes: &mut [u8]) -> Result<()> {
    disk.read_exact_at(offset, bytes).map_err(|error| {
        Error::new(ErrorKind::Source, "the disk cannot be read").with_offset(offset).with_source(error)
    })
}

/// Finds the first byte of `start..end` that is not zero.
pub(crate) fn expect_zeros(
    disk: &dyn Disk,
    start: u64,
    end: u64,
    (code, structure): (&'static str, &str),
    findings: &mut Findings,
) -> Result<()> {
    let mut at = start;
    let mut buffer = vec![0; len(end.saturating_sub(start)).min(PIECE)];
    while at < end {
        at = disk.next_data(at).max(at);
        if at >= end {
            break;
        }
        let part = len(end - at).min(PIECE);
        let Some(piece) = buffer.get_mut(..part) else { break };
        read_into(disk, at, piece)?;
        if let Some(inside) = first_nonzero(piece) {
            let found = format!("{:#04x}", piece.get(inside).copied().unwrap_or_default());
            findings.add(code, structure, Some(at.saturating_add(len64(inside))), "zeros", found);
            return Ok(());
        }
        at = at.saturating_add(len64(part));
    }
    Ok(())
}

/// Bytes that are read at once.
pub(crate) const PIECE: usize = 64 * 1024;

use std::io;

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

/// Reads from `offset` on of something that has `size` bytes, in parts that lie apart on a disk: `place` tells where what is at an
/// offset stands there, if anywhere (else it is zeros), and how many bytes go on in a row.
pub(crate) fn read_parts(
    disk: &dyn Disk,
    size: u64,
    offset: u64,
    buf: &mut [u8],
    place: impl Fn(u64) -> io::Result<(Option<u64>, u64)>,
) -> io::Result<()> {
    if offset.checked_add(len64(buf.len())).is_none_or(|end| end > size) {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut at = offset;
    let mut rest = buf;
    while !rest.is_empty() {
        let (place, room) = place(at)?;
        let (part, left) = rest.split_at_mut(len(room.max(1)).min(rest.len()));
        match place {
            None => part.fill(0),
            Some(place) => disk.read_exact_at(place, part)?,
        }
        at = at.saturating_add(len64(part.len()));
        rest = left;
    }
    Ok(())
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

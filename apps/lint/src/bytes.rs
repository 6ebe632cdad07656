//! Reading what may not be there.

use diskwright_core::{Error, ErrorKind, ReadAt, Result};

/// The bytes of a range, or nothing where the file ends before; `len` is bounded by the caller.
pub(crate) fn read(source: &dyn ReadAt, offset: u64, len: usize) -> Result<Option<Vec<u8>>> {
    let end = u64::try_from(len).ok().and_then(|len| offset.checked_add(len));
    if end.is_none_or(|end| end > source.size()) {
        return Ok(None);
    }
    let mut bytes = vec![0; len];
    source.read_exact_at(offset, &mut bytes).map_err(|error| failed(offset, error))?;
    Ok(Some(bytes))
}

/// As many bytes from `offset` as there are, at most `len`.
pub(crate) fn read_up_to(source: &dyn ReadAt, offset: u64, len: usize) -> Result<Vec<u8>> {
    let left = source.size().saturating_sub(offset);
    let len = usize::try_from(left).unwrap_or(usize::MAX).min(len);
    let offset = if len == 0 { 0 } else { offset };
    Ok(read(source, offset, len)?.unwrap_or_default())
}

/// Visits the entries of a table, `N` bytes each, from `start` to `end` or to where the file ends, each with its place.
pub(crate) fn each_entry<const N: usize>(
    source: &dyn ReadAt,
    start: u64,
    end: u64,
    mut visit: impl FnMut(u64, [u8; N]) -> Result<()>,
) -> Result<()> {
    let mut at = start;
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        let piece = read_up_to(source, at, wanted)?;
        let entries = piece.as_chunks::<N>().0;
        if entries.is_empty() {
            break;
        }
        for (place, entry) in (at..).step_by(N).zip(entries) {
            visit(place, *entry)?;
        }
        at += (entries.len() * N) as u64;
    }
    Ok(())
}

/// The whole of a small file as text, or nothing if it is longer than `limit` or no UTF-8.
pub(crate) fn read_text(source: &dyn ReadAt, limit: usize) -> Result<Option<String>> {
    if source.size() > u64::try_from(limit).unwrap_or(u64::MAX) {
        return Ok(None);
    }
    Ok(String::from_utf8(read_up_to(source, 0, limit)?).ok())
}

fn failed(offset: u64, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Source, "the file cannot be read").with_offset(offset).with_source(error)
}

/// A little-endian number at `at`; past the end it is 0.
pub(crate) fn le32(bytes: &[u8], at: usize) -> u32 {
    array(bytes, at).map_or(0, u32::from_le_bytes)
}

/// A little-endian number at `at`; past the end it is 0.
pub(crate) fn le64(bytes: &[u8], at: usize) -> u64 {
    array(bytes, at).map_or(0, u64::from_le_bytes)
}

/// A little-endian number at `at`; past the end it is 0.
pub(crate) fn le16(bytes: &[u8], at: usize) -> u16 {
    array(bytes, at).map_or(0, u16::from_le_bytes)
}

/// A big-endian number at `at`; past the end it is 0.
pub(crate) fn be32(bytes: &[u8], at: usize) -> u32 {
    array(bytes, at).map_or(0, u32::from_be_bytes)
}

/// A big-endian number at `at`; past the end it is 0.
pub(crate) fn be64(bytes: &[u8], at: usize) -> u64 {
    array(bytes, at).map_or(0, u64::from_be_bytes)
}

/// The bytes of a range, empty where they do not exist.
pub(crate) fn slice(bytes: &[u8], at: usize, len: usize) -> &[u8] {
    at.checked_add(len).and_then(|end| bytes.get(at..end)).unwrap_or_default()
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    slice(bytes, at, N).try_into().ok()
}

/// A set of numbers below some bound; memory grows with what is in it.
#[derive(Debug, Default)]
pub(crate) struct NumberSet {
    pages: std::collections::BTreeMap<u64, Box<[u64; 64]>>,
}

impl NumberSet {
    /// Puts `number` in; false if it was there before.
    pub(crate) fn insert(&mut self, number: u64) -> bool {
        let page = self.pages.entry(number / PAGE).or_insert_with(|| Box::new([0; 64]));
        let word = usize::try_from(number % PAGE / 64).ok().and_then(|at| page.get_mut(at));
        let Some(word) = word else { return true };
        let bit = 1_u64 << (number % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

const PAGE: u64 = 64 * 64;
/// Bytes of a table that are read at once.
const PIECE: usize = 64 * 1024;

/// A part of another source.
pub(crate) struct Section<'a> {
    source: &'a dyn ReadAt,
    start: u64,
    len: u64,
}

impl<'a> Section<'a> {
    /// `len` bytes from `start`, cut at the end of `source`.
    pub(crate) fn new(source: &'a dyn ReadAt, start: u64, len: u64) -> Self {
        let len = len.min(source.size().saturating_sub(start));
        Self { source, start, len }
    }
}

impl ReadAt for Section<'_> {
    fn size(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> std::io::Result<()> {
        let end = u64::try_from(buf.len()).ok().and_then(|len| offset.checked_add(len));
        match (end, self.start.checked_add(offset)) {
            (Some(end), Some(start)) if end <= self.len => self.source.read_exact_at(start, buf),
            _ => Err(std::io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_visited_with_their_places_to_the_end_of_the_table_or_of_the_file() {
        let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
        let source = diskwright_core::BytesReader(bytes.clone().into());
        let size = bytes.len() as u64;
        for (end, count) in [(3, 0), (3 + 8 * 20_000, 20_000), (size, 24_999), (u64::MAX, 24_999)] {
            let mut places = Vec::new();
            each_entry(&source, 3, end, |at, entry: [u8; 8]| {
                assert_eq!(entry, bytes[at as usize..at as usize + 8]);
                places.push(at);
                Ok(())
            })
            .unwrap();
            assert_eq!(places, (3..).step_by(8).take(count).collect::<Vec<_>>(), "to {end}");
        }
        let visit = |_, _: [u8; 4]| Err(Error::new(ErrorKind::Source, "enough"));
        assert!(each_entry(&source, 0, size, visit).is_err());
    }
}

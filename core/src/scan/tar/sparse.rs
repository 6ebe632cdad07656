use super::header::{BLOCK, Header, number};
use super::limits::MAX_RANGES;
use super::pax::decimal;
use crate::scan::DataRange;
use crate::{Error, ErrorKind, Result};

/// Where the stored bytes of a sparse file belong.
///
/// # Reference
/// GNU tar manual, appendix "Storing Sparse Files".
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SparseMap {
    /// Bytes with the holes.
    pub(super) real_size: u64,
    /// Ascending, disjoint, not empty.
    pub(super) pieces: Box<[Piece]>,
}

/// A range of a sparse file that is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// First byte in the file.
    pub(super) offset: u64,
    /// Bytes.
    pub(super) len: u64,
    /// First byte among the stored bytes.
    pub(super) stored: u64,
}

/// The `GNU.sparse.…` records of an extended header.
#[derive(Clone, Debug, Default)]
pub(super) struct SparseRecords {
    given: bool,
    major: Option<u64>,
    minor: Option<u64>,
    name: Option<Vec<u8>>,
    size: Option<u64>,
    real_size: Option<u64>,
    block_count: Option<u64>,
    offsets: Vec<u64>,
    lens: Vec<u64>,
    map: Option<Vec<u64>>,
}

/// What the records of a header say about sparseness.
pub(super) enum SparseKind {
    /// A plain file.
    None,
    /// Formats 0.0 and 0.1: the map stands in the records.
    Mapped { real_size: u64, ranges: Vec<(u64, u64)> },
    /// Format 1.0: the map stands in front of the stored bytes.
    MapInData { real_size: u64 },
}

impl SparseRecords {
    /// Takes one record; `None` for a bad value or an unknown or repeated keyword.
    pub(super) fn take(&mut self, name: &[u8], value: &[u8]) -> Option<()> {
        self.given = true;
        let slot = match name {
            b"major" => &mut self.major,
            b"minor" => &mut self.minor,
            b"size" => &mut self.size,
            b"realsize" => &mut self.real_size,
            b"numblocks" => &mut self.block_count,
            b"offset" => {
                self.offsets.push(decimal(value)?);
                return (self.offsets.len() == self.lens.len() + 1).then_some(());
            }
            b"numbytes" => {
                self.lens.push(decimal(value)?);
                return (self.offsets.len() == self.lens.len()).then_some(());
            }
            b"name" => {
                let fresh = self.name.is_none() && !value.is_empty();
                self.name = Some(value.to_vec());
                return fresh.then_some(());
            }
            b"map" => {
                let fresh = self.map.is_none();
                let numbers = value.split(|byte| *byte == b',').filter(|_| !value.is_empty());
                self.map = Some(numbers.map(decimal).collect::<Option<_>>()?);
                return fresh.then_some(());
            }
            _ => return None,
        };
        let fresh = slot.is_none();
        *slot = Some(decimal(value)?);
        fresh.then_some(())
    }

    /// Whether there are any.
    pub(super) fn are_given(&self) -> bool {
        self.given
    }

    /// The name of the file, where the header's own is a made-up one.
    pub(super) fn name(&self) -> Option<&[u8]> {
        self.name.as_deref()
    }

    /// Which of the formats the records are.
    ///
    /// # Errors
    /// The reason when they are none that all readers know.
    pub(super) fn kind(&self) -> Result<SparseKind, &'static str> {
        if !self.given {
            return Ok(SparseKind::None);
        }
        match (self.major, self.minor, &self.map) {
            (None, None, map) => {
                let (Some(real_size), Some(count), None) = (self.size, self.block_count, self.real_size)
                else {
                    return Err("a sparse file without GNU.sparse.size or GNU.sparse.numblocks");
                };
                let ranges: Vec<(u64, u64)> = match map {
                    Some(map) if self.offsets.is_empty() && map.len() % 2 == 0 && self.name.is_some() => {
                        map.chunks(2).map(|pair| (pair[0], pair[1])).collect()
                    }
                    None if self.offsets.len() == self.lens.len() && self.name.is_none() => {
                        self.offsets.iter().copied().zip(self.lens.iter().copied()).collect()
                    }
                    _ => return Err("a sparse file whose records contradict each other"),
                };
                if u64::try_from(ranges.len()).ok() != Some(count) {
                    return Err("a sparse file with another number of ranges than GNU.sparse.numblocks");
                }
                Ok(SparseKind::Mapped { real_size, ranges })
            }
            (Some(1), Some(0), None) => {
                let only = self.offsets.is_empty() && self.size.is_none() && self.block_count.is_none();
                match self.real_size {
                    Some(real_size) if only && self.name.is_some() => Ok(SparseKind::MapInData { real_size }),
                    _ => Err("a sparse file whose records are not those of format 1.0"),
                }
            }
            _ => Err("a sparse file of another format than 0.0, 0.1 and 1.0"),
        }
    }
}

impl SparseMap {
    /// Checks ranges against the size of the file and of what is stored.
    ///
    /// # Errors
    /// The reason when a reader could take them differently.
    pub(super) fn new(
        ranges: impl IntoIterator<Item = (u64, u64)>,
        real_size: u64,
        stored_size: u64,
    ) -> Result<Self, &'static str> {
        let mut pieces: Vec<Piece> = Vec::new();
        let mut end = 0;
        let mut stored = 0_u64;
        for (offset, len) in ranges {
            let next_end = offset.checked_add(len).filter(|next_end| *next_end <= real_size);
            let Some(next_end) = next_end.filter(|_| offset >= end) else {
                return Err("a sparse map that does not ascend within the file's size");
            };
            end = next_end;
            if len == 0 {
                continue;
            }
            // GNU tar stores each range in blocks of its own, other readers expect no gaps.
            if !stored.is_multiple_of(BLOCK as u64) {
                return Err("a sparse map with a range of odd length before another");
            }
            pieces.push(Piece { offset, len, stored });
            stored = stored.checked_add(len).ok_or("a sparse map that counts too many bytes")?;
        }
        // A hole at the end is an empty range there: GNU tar makes the file no longer than its map.
        if end != real_size {
            return Err("a sparse map that does not reach the end of the file");
        }
        if stored != stored_size {
            return Err("a sparse map that counts another number of bytes than are stored");
        }
        Ok(Self { real_size, pieces: pieces.into() })
    }

    /// The ranges for an entry.
    pub(super) fn data_ranges(&self) -> Vec<DataRange> {
        self.pieces.iter().map(|piece| DataRange { offset: piece.offset, len: piece.len }).collect()
    }
}

/// Reads the map of an old GNU sparse header and of the blocks that continue it.
///
/// # Errors
/// Those of `next_block`; `ErrorKind::Source` for a malformed map, `ErrorKind::LimitExceeded` for too many ranges.
pub(super) fn read_old_map(
    header: &Header<'_>,
    mut next_block: impl FnMut() -> Result<[u8; BLOCK]>,
) -> Result<Vec<(u64, u64)>> {
    let mut ranges = Vec::new();
    let mut open = take_entries(header.sparse_entries(), &mut ranges)?;
    let mut continues = header.sparse_continues();
    while continues {
        if !open {
            return Err(malformed("an old GNU sparse map that goes on after its end"));
        }
        let block = next_block()?;
        open = take_entries(&block[..504], &mut ranges)?;
        continues = block[504] != 0;
    }
    Ok(ranges)
}

/// Takes entries of 24 bytes; whether all of them were filled.
fn take_entries(entries: &[u8], ranges: &mut Vec<(u64, u64)>) -> Result<bool> {
    let mut open = true;
    for entry in entries.chunks_exact(24) {
        let (offset, len) = entry.split_at(12);
        match (offset[0] != 0, len[0] != 0) {
            (false, false) if entry.iter().all(|byte| *byte == 0) => open = false,
            (true, true) if open => {
                let value = |field| number(field).and_then(|value| u64::try_from(value).ok());
                match (value(offset), value(len)) {
                    (Some(offset), Some(len)) => push(ranges, (offset, len))?,
                    _ => return Err(malformed("an old GNU sparse map with a malformed number")),
                }
            }
            _ => return Err(malformed("an old GNU sparse map with a gap")),
        }
    }
    Ok(open)
}

/// Reads a map of format 1.0: decimal numbers, one a line, filled up to a block.
///
/// # Errors
/// As [`read_old_map`].
pub(super) fn read_map_in_data(
    mut next_block: impl FnMut() -> Result<[u8; BLOCK]>,
) -> Result<Vec<(u64, u64)>> {
    let mut block = next_block()?;
    let mut at = 0;
    let mut read_number = || -> Result<u64> {
        let mut digits = Vec::with_capacity(20);
        loop {
            if at == BLOCK {
                block = next_block()?;
                at = 0;
            }
            let byte = block[at];
            at += 1;
            match byte {
                b'\n' => break,
                b'0'..=b'9' if digits.len() < 20 => digits.push(byte),
                _ => return Err(malformed("a sparse map that is not made of numbers")),
            }
        }
        decimal(&digits).ok_or_else(|| malformed("a sparse map that is not made of numbers"))
    };
    let count = read_number()?;
    let mut ranges = Vec::new();
    for _ in 0..count {
        let range = (read_number()?, read_number()?);
        push(&mut ranges, range)?;
    }
    Ok(ranges)
}

fn push(ranges: &mut Vec<(u64, u64)>, range: (u64, u64)) -> Result<()> {
    if ranges.len() >= MAX_RANGES {
        let text = format!("a sparse map of more than {MAX_RANGES} ranges");
        return Err(Error::new(ErrorKind::LimitExceeded, text));
    }
    ranges.push(range);
    Ok(())
}

fn malformed(text: &str) -> Error {
    Error::new(ErrorKind::Source, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_must_ascend_and_count_what_is_stored() {
        let map = SparseMap::new([(0, 512), (512, 0), (1024, 100), (4096, 0)], 4096, 612).unwrap();
        assert_eq!(
            *map.pieces,
            [Piece { offset: 0, len: 512, stored: 0 }, Piece { offset: 1024, len: 100, stored: 512 }]
        );
        for (ranges, real_size, stored) in [
            (vec![(0, 512), (4096, 0)], 4096, 511),
            (vec![(512, 512), (0, 512), (4096, 0)], 4096, 1024),
            (vec![(0, 512), (511, 1), (4096, 0)], 4096, 513),
            (vec![(4000, 512)], 4096, 512),
            (vec![(u64::MAX, 2)], 4096, 2),
            (vec![(0, 100), (512, 512), (4096, 0)], 4096, 612),
            (vec![(0, 512)], 4096, 512),
        ] {
            assert!(SparseMap::new(ranges.clone(), real_size, stored).is_err(), "{ranges:?}");
        }
    }

    #[test]
    fn a_map_in_data_may_span_blocks_and_needs_all_its_lines() {
        let mut text = b"100\n".to_vec();
        for at in 0..100 {
            text.extend(format!("{}\n512\n", at * 1024).bytes());
        }
        text.resize(text.len().next_multiple_of(BLOCK), 0);
        let read = |text: &[u8]| {
            let mut blocks = text.chunks_exact(BLOCK);
            read_map_in_data(|| {
                blocks.next().and_then(|block| block.try_into().ok()).ok_or_else(|| malformed("cut"))
            })
        };
        let ranges = read(&text).unwrap();
        assert_eq!((ranges.len(), ranges[99]), (100, (99 * 1024, 512)));
        assert!(read(&text[..text.len() - BLOCK]).is_err());
        text[20] = b'-';
        assert!(read(&text).is_err());
    }
}

//! Sparse members: which parts of a file are stored.

use std::io;

use diskwright_core::{ReadAt, Result};

use crate::bytes::{Section, read, slice};

use super::Flaw;
use super::ahead::PaxSparse;
use super::block::{BLOCK, BLOCK_BYTES, number};

/// A part of a sparse file that is stored, behind those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    offset: u64,
    len: u64,
    /// Where it stands among what is stored.
    stored: u64,
}

/// A sparse file with its holes.
pub(super) struct SparseFile<'a> {
    stored: Section<'a>,
    parts: &'a [Part],
    size: u64,
}

impl<'a> SparseFile<'a> {
    /// A file of `size` bytes; the parts ascend and lie in it.
    pub(super) fn new(stored: Section<'a>, parts: &'a [Part], size: u64) -> Self {
        Self { stored, parts, size }
    }
}

impl ReadAt for SparseFile<'_> {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        let end = offset.checked_add(buf.len() as u64).filter(|end| *end <= self.size);
        let end = end.ok_or(io::ErrorKind::UnexpectedEof)?;
        buf.fill(0);
        let first = self.parts.partition_point(|part| part.offset + part.len <= offset);
        for part in self.parts[first..].iter().take_while(|part| part.offset < end) {
            let (from, to) = (part.offset.max(offset), (part.offset + part.len).min(end));
            // OK to convert: both are within the buffer.
            let range =
                usize::try_from(from - offset).unwrap_or(0)..usize::try_from(to - offset).unwrap_or(0);
            self.stored.read_exact_at(part.stored + (from - part.offset), &mut buf[range])?;
        }
        Ok(())
    }
}

/// The map of a sparse file.
#[derive(Debug)]
pub(super) struct Map {
    /// Bytes of the file.
    pub(super) size: u64,
    /// Where the blocks with parts end.
    pub(super) end: u64,
    /// How many bytes of them are the first of what is stored.
    pub(super) in_data: u64,
    /// Bytes of all parts.
    pub(super) total: u64,
    /// Whether the first byte stored is the first of the file.
    pub(super) begins_with_data: bool,
    /// The parts, unless they are too many or wrong.
    pub(super) parts: Option<Vec<Part>>,
    /// How many they may be.
    room: usize,
    /// Where the first part is told that cannot be.
    pub(super) flaw: Option<u64>,
    /// Where the last part ends.
    last: u64,
}

/// A map, or what keeps it from being read.
type Read = Result<std::result::Result<Map, (Flaw, u64, String)>>;

impl Map {
    fn new(size: u64, end: u64, room: usize) -> Self {
        let parts = Some(Vec::new());
        Self { size, end, in_data: 0, total: 0, begins_with_data: false, parts, room, flaw: None, last: 0 }
    }

    /// The map in a member's header, at `at`, and the blocks behind; of its parts so many are kept as there is `room`.
    ///
    /// # Reference
    /// GNU tar manual, "Basic Tar Format", `struct oldgnu_header` and `struct sparse_header`.
    pub(super) fn of_header(source: &dyn ReadAt, at: u64, header: &[u8], room: usize) -> Read {
        let Some(size) = number(slice(header, 483, 12)) else {
            return Ok(Err((Flaw::Number, at + 483, "the size of the sparse file is no number".to_owned())));
        };
        let mut map = Self::new(size, at + BLOCK_BYTES, room);
        map.add(slice(header, 386, 4 * PART_BYTES), at + 386);
        let mut is_extended = header.get(482).is_some_and(|byte| *byte != 0);
        while is_extended {
            let Some(block) = read(source, map.end, BLOCK)? else {
                let text = "the archive ends within the map of a sparse file".to_owned();
                return Ok(Err((Flaw::Truncated, map.end, text)));
            };
            map.add(slice(&block, 0, 21 * PART_BYTES), map.end);
            is_extended = block.get(504).is_some_and(|byte| *byte != 0);
            map.end += BLOCK_BYTES;
        }
        Ok(Ok(map))
    }

    /// The map that pax headers tell, or that is the first of the `stored` bytes at `data`.
    pub(super) fn of_pax(
        source: &dyn ReadAt,
        data: u64,
        sparse: &PaxSparse,
        stored: u64,
        room: usize,
    ) -> Read {
        let mut map = Self::new(sparse.size.unwrap_or(stored), data, room);
        if !sparse.is_in_data {
            sparse.parts.iter().for_each(|(offset, len)| map.push(*offset, *len, data));
            return Ok(Ok(map));
        }
        let mut numbers = Numbers::default();
        while !numbers.is_whole() {
            let is_left = map.in_data < stored;
            let block = if is_left { read(source, map.end, BLOCK)? } else { None };
            if block.is_none_or(|block| !numbers.read(&block, &mut map)) {
                let text = "the map of a sparse file is no list of numbers".to_owned();
                return Ok(Err((Flaw::SparseMap, map.end, text)));
            }
            map.end += BLOCK_BYTES;
            map.in_data += BLOCK_BYTES;
        }
        Ok(Ok(map))
    }

    /// Adds parts, 24 bytes each, which stand at `at`.
    fn add(&mut self, parts: &[u8], at: u64) {
        for (place, part) in (at..).step_by(PART_BYTES).zip(parts.chunks_exact(PART_BYTES)) {
            if part.iter().all(|byte| *byte == 0) {
                break;
            }
            let (offset, len) = (number(slice(part, 0, 12)), number(slice(part, 12, 12)));
            self.push(offset.unwrap_or(u64::MAX), len.unwrap_or(u64::MAX), place);
        }
    }

    /// Adds a part that is told at `place`.
    fn push(&mut self, offset: u64, len: u64, place: u64) {
        let end = offset.checked_add(len).filter(|end| *end <= self.size && offset >= self.last);
        let Some(end) = end.filter(|_| self.flaw.is_none()) else {
            self.flaw = self.flaw.or(Some(place));
            return;
        };
        self.begins_with_data |= self.total == 0 && offset == 0 && len > 0;
        self.parts = self.parts.take().filter(|parts| parts.len() < self.room);
        if let Some(parts) = &mut self.parts {
            parts.push(Part { offset, len, stored: self.total });
        }
        self.last = end;
        self.total += len;
    }
}

/// The map as text: how many parts, then offset and length of each, a line for each number.
#[derive(Default)]
struct Numbers {
    current: Option<u64>,
    /// Numbers that are yet to come, once that is known.
    left: Option<u64>,
    offset: Option<u64>,
}

impl Numbers {
    fn is_whole(&self) -> bool {
        self.left == Some(0)
    }

    /// Reads on in a block; false if there is something else in it.
    fn read(&mut self, block: &[u8], map: &mut Map) -> bool {
        for byte in block {
            if self.is_whole() {
                break;
            }
            match (byte, self.current) {
                (b'0'..=b'9', current) => {
                    let digit = u64::from(byte - b'0');
                    let number =
                        current.unwrap_or(0).checked_mul(10).and_then(|number| number.checked_add(digit));
                    if number.is_none() {
                        return false;
                    }
                    self.current = number;
                }
                (b'\n', Some(number)) => {
                    self.current = None;
                    self.put(number, map);
                }
                _ => return false,
            }
        }
        true
    }

    fn put(&mut self, number: u64, map: &mut Map) {
        let Some(left) = self.left else {
            self.left = Some(number.saturating_mul(2));
            return;
        };
        self.left = Some(left.saturating_sub(1));
        match self.offset.take() {
            Some(offset) => map.push(offset, number, map.end),
            None => self.offset = Some(number),
        }
    }
}

/// Bytes of a part in a map of old.
const PART_BYTES: usize = 24;
/// Parts that are kept of all members: 6 MiB of them.
pub(super) const MAX_PARTS: usize = 256 << 10;

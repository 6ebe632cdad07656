//! Archives of every common kind: ustar, GNU with long names and sparse files, pax.
//!
//! Appliances have a stricter reader of their own.

use std::io;

use diskwright_core::{ReadAt, Result};

use crate::bytes::{Section, read, slice};
use crate::ova::members::{checksum, octal};

/// A member, with what headers before its own say of it.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) name: String,
    /// Where its own header stands.
    pub(crate) header: u64,
    /// The type's letter, with `0` for a file of old.
    pub(crate) kind: u8,
    /// Whether the header has GNU's magic.
    pub(crate) is_gnu: bool,
    /// Whether a pax header stands before it.
    pub(crate) has_pax: bool,
    /// Where its bytes begin.
    pub(crate) data: u64,
    /// Bytes in the archive.
    pub(crate) stored: u64,
    /// Bytes of the file; of a sparse one with its holes.
    pub(crate) size: u64,
    /// Of a sparse file what is not hole; nothing if there are too many parts, or their map is not where GNU had it.
    pub(crate) parts: Option<Vec<Part>>,
    /// Whether the first byte stored is the first of the file.
    pub(crate) begins_with_data: bool,
}

/// A part of a sparse file that is stored, behind those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    offset: u64,
    len: u64,
    /// Where it stands among what is stored.
    stored: u64,
}

impl Entry {
    /// Whether it is a file, sparse or not.
    pub(crate) fn is_file(&self) -> bool {
        matches!(self.kind, b'0' | b'7' | b'S')
    }

    /// The file's bytes, if its holes are known.
    pub(crate) fn content<'a>(&'a self, source: &'a dyn ReadAt) -> Option<Box<dyn ReadAt + 'a>> {
        let stored = Section::new(source, self.data, self.stored);
        if self.kind != b'S' {
            return Some(Box::new(stored));
        }
        let parts = self.parts.as_deref()?;
        Some(Box::new(SparseFile { stored, parts, size: self.size }))
    }
}

/// A sparse file with its holes.
struct SparseFile<'a> {
    stored: Section<'a>,
    parts: &'a [Part],
    size: u64,
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

/// What may be wrong with an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    Truncated,
    Checksum,
    Number,
    SparseMap,
    End,
}

/// What an archive holds, and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) entries: Vec<Entry>,
    pub(crate) flaws: Vec<(Flaw, u64, String)>,
    /// Name of the member behind which nothing could be read.
    lost: Option<String>,
}

/// Reads headers until the end, a flaw that hides the next header, or so many members.
pub(crate) fn list(source: &dyn ReadAt, most: usize) -> Result<Listing> {
    let mut listing = Listing::default();
    let mut at = 0;
    let mut ahead = Ahead::default();
    while listing.entries.len() < most {
        let Some(block) = read(source, at, BLOCK)? else {
            listing.flaw(Flaw::End, at, "the archive ends without two blocks of zeros");
            break;
        };
        if block.iter().all(|byte| *byte == 0) {
            listing.check_end(source, at)?;
            break;
        }
        if octal(slice(&block, 148, 8)) != Some(checksum(&block)) {
            listing.flaw(Flaw::Checksum, at, "the header's checksum is wrong");
            break;
        }
        let Some(next) = listing.read_member(source, at, &block, &mut ahead)? else {
            listing.lost = ahead.name.take().or_else(|| Some(name(&block)));
            break;
        };
        at = next;
    }
    Ok(listing)
}

/// What the headers before a member's own say of it.
#[derive(Default)]
struct Ahead {
    name: Option<String>,
    size: Option<u64>,
    has_pax: bool,
    /// Whether holes are told in a form that is not read here.
    is_sparse: bool,
    /// How many such headers there were.
    count: u32,
}

impl Listing {
    /// The members' names, also that of the one that could not be read.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.name.as_str()).chain(self.lost.as_deref())
    }

    fn flaw(&mut self, flaw: Flaw, at: u64, text: impl Into<String>) {
        self.flaws.push((flaw, at, text.into()));
    }

    /// Reads what the header at `at` begins; gives where the next one stands.
    fn read_member(
        &mut self,
        source: &dyn ReadAt,
        at: u64,
        block: &[u8],
        ahead: &mut Ahead,
    ) -> Result<Option<u64>> {
        let kind = match block.get(156) {
            None | Some(0) => b'0',
            Some(kind) => *kind,
        };
        let Some(own) = number(slice(block, 124, 12)) else {
            let text = format!("the size \"{}\" is no number", slice(block, 124, 12).escape_ascii());
            self.flaw(Flaw::Number, at + 124, text);
            return Ok(None);
        };
        let is_header = matches!(kind, b'x' | b'g' | b'L' | b'K');
        let stored = ahead.size.filter(|_| !is_header).unwrap_or(own);
        let mut data = at + BLOCK_BYTES;
        let mut sparse = None;
        if kind == b'S' {
            let map = self.read_map(source, at, block, stored)?;
            let Some(map) = map else { return Ok(None) };
            data = map.end;
            sparse = Some(map);
        }
        let next = stored.checked_next_multiple_of(BLOCK_BYTES).and_then(|len| data.checked_add(len));
        if data.checked_add(stored).is_none_or(|end| end > source.size()) {
            let text = format!("a member of {stored} bytes does not end within the archive");
            self.flaw(Flaw::Truncated, at, text);
            return Ok(None);
        }
        if is_header {
            ahead.read(source, kind, data, stored)?;
            if ahead.count > MAX_AHEAD {
                self.flaw(Flaw::Truncated, at, "more headers than any member has");
                return Ok(None);
            }
            return Ok(next);
        }
        let ahead = std::mem::take(ahead);
        self.entries.push(Entry {
            name: ahead.name.unwrap_or_else(|| name(block)),
            header: at,
            kind: if ahead.is_sparse { b'S' } else { kind },
            is_gnu: slice(block, 257, 8) == b"ustar  \0",
            has_pax: ahead.has_pax,
            data,
            stored,
            size: sparse.as_ref().map_or(stored, |map| map.size),
            begins_with_data: sparse.as_ref().is_none_or(|map| map.begins_with_data),
            parts: sparse.and_then(|map| map.parts),
        });
        Ok(next)
    }

    /// The map of a sparse member's parts, in its header and the blocks behind.
    ///
    /// # Reference
    /// GNU tar manual, "Basic Tar Format", `struct oldgnu_header` and `struct sparse_header`.
    fn read_map(&mut self, source: &dyn ReadAt, at: u64, header: &[u8], stored: u64) -> Result<Option<Map>> {
        let Some(size) = number(slice(header, 483, 12)) else {
            self.flaw(Flaw::Number, at + 483, "the size of the sparse file is no number");
            return Ok(None);
        };
        let mut map = Map {
            size,
            end: at + BLOCK_BYTES,
            last: 0,
            total: 0,
            begins_with_data: false,
            parts: Some(Vec::new()),
        };
        let mut flaw = map.add(slice(header, 386, 4 * PART_BYTES)).map(|place| at + 386 + place);
        let mut is_extended = header.get(482).is_some_and(|byte| *byte != 0);
        while is_extended {
            let Some(block) = read(source, map.end, BLOCK)? else {
                self.flaw(Flaw::Truncated, map.end, "the archive ends within the map of a sparse file");
                return Ok(None);
            };
            flaw = flaw.or(map.add(slice(&block, 0, 21 * PART_BYTES)).map(|place| map.end + place));
            is_extended = block.get(504).is_some_and(|byte| *byte != 0);
            map.end += BLOCK_BYTES;
        }
        if let Some(place) = flaw {
            self.flaw(Flaw::SparseMap, place, "a part lies over the one before it or outside of the file");
        } else if map.total != stored {
            let text = format!("the parts have {} bytes, and {stored} are stored", map.total);
            self.flaw(Flaw::SparseMap, at + 124, text);
        }
        Ok(Some(map))
    }

    fn check_end(&mut self, source: &dyn ReadAt, at: u64) -> Result<()> {
        let (start, mut at) = (at, at);
        while let Some(block) = read(source, at, BLOCK)? {
            if block.iter().any(|byte| *byte != 0) {
                self.flaw(Flaw::End, at, "something follows the end of the archive");
                return Ok(());
            }
            at += BLOCK_BYTES;
            if at - start > MAX_END {
                self.flaw(Flaw::End, at, "more zeros follow the end of the archive than any tar writes");
                return Ok(());
            }
        }
        if at - start < 2 * BLOCK_BYTES {
            self.flaw(Flaw::End, at, "one block of zeros ends the archive, not two");
        }
        Ok(())
    }
}

impl Ahead {
    fn read(&mut self, source: &dyn ReadAt, kind: u8, data: u64, len: u64) -> Result<()> {
        self.count += 1;
        self.has_pax |= matches!(kind, b'x' | b'g');
        let Some(len) = usize::try_from(len).ok().filter(|len| *len <= MAX_RECORDS) else { return Ok(()) };
        let bytes = read(source, data, len)?.unwrap_or_default();
        match kind {
            b'L' => {
                let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
                self.name = Some(String::from_utf8_lossy(&bytes[..end]).into_owned());
            }
            b'x' => {
                for (key, value) in records(&bytes) {
                    match key {
                        "path" | "GNU.sparse.name" => self.name = Some(value.to_owned()),
                        "size" => self.size = value.parse().ok(),
                        "GNU.sparse.major" | "GNU.sparse.map" | "GNU.sparse.numblocks" => {
                            self.is_sparse = true
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        Ok(())
    }
}

/// Keys and values of a pax header: lines of `LENGTH KEY=VALUE`, the length being that of the line.
fn records(bytes: &[u8]) -> Vec<(&str, &str)> {
    let mut records = Vec::new();
    let mut rest = bytes;
    while let Some(space) = rest.iter().position(|byte| *byte == b' ') {
        let len = std::str::from_utf8(&rest[..space]).ok().and_then(|len| len.parse::<usize>().ok());
        let Some(line) = len.filter(|len| *len > space + 1).and_then(|len| rest.get(..len)) else { break };
        let text = std::str::from_utf8(&line[space + 1..line.len() - 1]).ok();
        records.extend(text.and_then(|text| text.split_once('=')));
        rest = &rest[line.len()..];
    }
    records
}

/// A sparse file so far.
struct Map {
    /// Bytes of the file.
    size: u64,
    /// Where the blocks with parts end.
    end: u64,
    /// Where the last part ends.
    last: u64,
    /// Bytes of all parts.
    total: u64,
    begins_with_data: bool,
    /// Those so far, unless they are too many.
    parts: Option<Vec<Part>>,
}

impl Map {
    /// Adds parts, 24 bytes each; says where the first is that cannot be.
    fn add(&mut self, parts: &[u8]) -> Option<u64> {
        for (place, part) in (0_u64..).step_by(PART_BYTES).zip(parts.chunks_exact(PART_BYTES)) {
            if part.iter().all(|byte| *byte == 0) {
                break;
            }
            let (offset, len) = (number(slice(part, 0, 12)), number(slice(part, 12, 12)));
            let Some((offset, len)) = offset.zip(len) else { return Some(place) };
            let end = offset.checked_add(len).filter(|end| *end <= self.size && offset >= self.last);
            let Some(end) = end else { return Some(place) };
            self.begins_with_data |= self.total == 0 && offset == 0 && len > 0;
            self.parts = self.parts.take().filter(|parts| parts.len() < MAX_PARTS);
            if let Some(parts) = &mut self.parts {
                parts.push(Part { offset, len, stored: self.total });
            }
            self.last = end;
            self.total = self.total.saturating_add(len);
        }
        None
    }
}

/// Octal, or GNU's big-endian number behind a set bit.
fn number(field: &[u8]) -> Option<u64> {
    if field.first() != Some(&0x80) {
        return octal(field);
    }
    let value = field.get(1..)?.iter().try_fold(0_u64, |value, byte| {
        value.checked_mul(256).and_then(|value| value.checked_add(u64::from(*byte)))
    });
    value.filter(|value| i64::try_from(*value).is_ok())
}

fn name(block: &[u8]) -> String {
    let text = |at: usize, len: usize| {
        let field = slice(block, at, len);
        let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
        String::from_utf8_lossy(field.get(..end).unwrap_or_default()).into_owned()
    };
    match text(345, 155) {
        prefix if slice(block, 257, 6) == b"ustar\0" && !prefix.is_empty() => {
            format!("{prefix}/{}", text(0, 100))
        }
        _ => text(0, 100),
    }
}

const BLOCK: usize = 512;
const BLOCK_BYTES: u64 = 512;
/// Bytes of a part in a map.
const PART_BYTES: usize = 24;
const MAX_RECORDS: usize = 1 << 20;
const MAX_AHEAD: u32 = 64;
/// 6 MiB of them.
const MAX_PARTS: usize = 256 << 10;
const MAX_END: u64 = 1 << 20;

//! What Google Compute Engine takes: a tar archive, packed by gzip, of a sparse `disk.raw`.
//!
//! # Reference
//! GNU tar manual, "Basic Tar Format": `struct oldgnu_header`, `struct sparse_header`.

use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, Result};

use super::Made;
use super::blocks::Blocks;
use super::{check_size, cut_off, expect_bytes};
use crate::bytes::{array, len, len64, put};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;

/// A part of the disk that is in the archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    offset: u64,
    size: u64,
}

/// What the header and the blocks behind it say.
struct Map {
    parts: Vec<Part>,
    /// Bytes of the disk.
    size: u64,
    /// Bytes of all parts.
    stored: u64,
    /// Where the first part begins.
    start: u64,
}

/// The disk in an archive that is unpacked.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off, or the parts are not those of a disk.
pub(super) fn open(
    file: Arc<dyn Disk>,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    let map = read_map(file.as_ref(), machine, findings)?;
    let mut disk = Blocks::new(Arc::clone(&file), map.size, UNIT)?;
    let (mut at, mut place) = (0, map.start);
    for part in &map.parts {
        while at < part.offset {
            disk.push(0);
            at += UNIT;
        }
        while at < part.offset + part.size {
            disk.push(place);
            at += UNIT;
            place += UNIT;
        }
    }
    let sum = place - map.start;
    findings.equal("gce-header", "header of disk.raw", 124, ("size", map.stored, sum));
    // Two blocks of zeros, then to whole records.
    let end = (place + 2 * BLOCK).next_multiple_of(RECORD);
    if end > file.size() {
        return Err(cut_off("the end of the archive", end));
    }
    if end < file.size() {
        let found = format!("{} bytes", file.size());
        findings.add("gce-archive", "archive", Some(end), format!("{end} bytes"), found);
    }
    expect_zeros(file.as_ref(), place, file.size(), ("gce-gap", "the end of the archive"), findings)?;
    Ok(Arc::new(disk))
}

/// The header and the blocks behind it, which list the parts.
fn read_map(file: &dyn Disk, machine: &Made<'_>, findings: &mut Findings) -> Result<Map> {
    let found = block(file, 0)?;
    let (stored, size) = (number(&found, 124, 0)?, number(&found, 483, 0)?);
    check_size(size, machine)?;
    if size == 0 || size > LARGEST || !size.is_multiple_of(UNIT) {
        let text = format!("a disk of {size} bytes is nothing that is written here");
        return Err(Error::new(ErrorKind::Unsupported, text).with_offset(483));
    }
    let mut map = Map { parts: Vec::new(), size, stored, start: BLOCK };
    let own = map.read_parts(&found, 0, HEADER_PARTS)?;
    let mut more = array::<1>(&found, 482) != [0];
    let expected = header(&map, &own, more, machine.report.timestamp);
    expect_bytes((&found, &expected), 0, ("gce-header", "header of disk.raw"), findings);
    while more {
        let at = map.start;
        let found = block(file, at)?;
        let own = map.read_parts(&found, at, BLOCK_PARTS)?;
        more = array::<1>(&found, 504) != [0];
        let mut expected = vec![0; found.len()];
        put_parts(&mut expected, 0, &own);
        put(&mut expected, 504, &[u8::from(more)]);
        expect_bytes((&found, &expected), at, ("gce-map", "sparse header"), findings);
        if own.is_empty() {
            findings.add("gce-map", "sparse header", Some(at), "a part", "none");
        }
        map.start += BLOCK;
    }
    // What follows the last part is said by an empty one.
    if map.end() != size {
        let found = format!("{} bytes", map.end());
        findings.add("gce-map", "last part", Some(map.start), format!("an end at {size} bytes"), found);
    }
    Ok(map)
}

impl Map {
    /// Where the last part ends.
    fn end(&self) -> u64 {
        self.parts.last().map_or(0, |part| part.offset + part.size)
    }

    /// Takes the parts that a block at `at` lists in so many places from byte `first` on.
    ///
    /// # Errors
    /// `ErrorKind::Source` for a part that does not follow the one before, or is not on the disk.
    fn read_parts(&mut self, found: &[u8], at: u64, (first, places): (usize, usize)) -> Result<Vec<Part>> {
        let mut own = Vec::new();
        for field in (first..).step_by(24).take(places) {
            if array::<24>(found, field) == [0; 24] {
                break;
            }
            let part = Part { offset: number(found, field, at)?, size: number(found, field + 12, at)? };
            let end = part.offset.saturating_add(part.size);
            // Parts that touch would be one; only the last may be empty, at the disk's end.
            let follows = self.parts.is_empty() || part.offset > self.end();
            let is_whole = part.offset.is_multiple_of(UNIT) && part.size.is_multiple_of(UNIT);
            let is_empty_inside = part.size == 0 && part.offset != self.size;
            if !follows || !is_whole || end > self.size || is_empty_inside {
                let text =
                    format!("a part of {} bytes at {}, which cannot come here", part.size, part.offset);
                let place = at + len64(field);
                return Err(Error::new(ErrorKind::Source, text).with_offset(place));
            }
            self.parts.push(part);
            own.push(part);
        }
        Ok(own)
    }
}

fn header(map: &Map, parts: &[Part], has_more: bool, timestamp: i64) -> Vec<u8> {
    let mut to = vec![0; len(BLOCK)];
    put(&mut to, 0, b"disk.raw");
    put(&mut to, 100, b"0000644\x000000000\x000000000\0");
    put(&mut to, 124, &field(map.stored));
    put(&mut to, 136, &field(u64::try_from(timestamp).unwrap_or(0)));
    put(&mut to, 148, b"        S");
    put(&mut to, 257, b"ustar  \0");
    put_parts(&mut to, HEADER_PARTS.0, parts);
    put(&mut to, 482, &[u8::from(has_more)]);
    put(&mut to, 483, &field(map.size));
    let sum: u32 = to.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut to, 148, format!("{sum:06o}\0 ").as_bytes());
    to
}

fn put_parts(to: &mut [u8], first: usize, parts: &[Part]) {
    for (at, part) in (first..).step_by(24).zip(parts) {
        put(to, at, &field(part.offset));
        put(to, at + 12, &field(part.size));
    }
}

/// A number of twelve bytes: octal, or binary where that is too short.
fn field(value: u64) -> Vec<u8> {
    if value < 1 << 33 {
        return format!("{value:011o}\0").into_bytes();
    }
    [&[0x80, 0, 0, 0][..], &value.to_be_bytes()].concat()
}

/// What a field of twelve bytes of a block at `at` says.
fn number(block: &[u8], place: usize, at: u64) -> Result<u64> {
    let bytes: [u8; 12] = array(block, place);
    if bytes[0] == 0x80 {
        return Ok(u64::from_be_bytes(array(&bytes, 4)));
    }
    let digits = std::str::from_utf8(&bytes[..11]).ok();
    digits.and_then(|digits| u64::from_str_radix(digits, 8).ok()).ok_or_else(|| {
        let text = "a field of the archive is no number";
        Error::new(ErrorKind::Source, text).with_offset(at + len64(place))
    })
}

fn block(file: &dyn Disk, at: u64) -> Result<Vec<u8>> {
    if at.saturating_add(BLOCK) > file.size() {
        return Err(cut_off("the map of the parts", at));
    }
    read(file, at, len(BLOCK))
}

/// First byte and number of the places for parts: in the header, and in each block behind it.
const HEADER_PARTS: (usize, usize) = (386, 4);
const BLOCK_PARTS: (usize, usize) = (0, 21);
const BLOCK: u64 = 512;
/// An archive is whole records.
const RECORD: u64 = 10_240;
/// Parts are whole ones of these.
const UNIT: u64 = 1 << 20;
const LARGEST: u64 = 64 << 40;

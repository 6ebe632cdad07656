//! VDI, dynamic.
//!
//! # Reference
//! VirtualBox `VDICore.h`.

use std::io;
use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, ReadAt, Result};

use super::Made;
use crate::bytes::{first_difference, hex, len, len64, put, u32_le, u64_le};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;
use crate::runs::Runs;

/// An image with its map.
struct Vdi {
    file: Arc<dyn Disk>,
    size: u64,
    data: u64,
    /// Place of each block of the disk.
    map: Vec<u32>,
}

/// The disk in a VDI file.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off.
pub(super) fn open(
    file: Arc<dyn Disk>,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    if file.size() < MAP {
        return Err(cut_off("the map", MAP));
    }
    let found = read(file.as_ref(), 0, HEADER)?;
    let size = u64_le(&found, 0x170);
    let (blocks, stored) = (u64::from(u32_le(&found, 0x180)), u64::from(u32_le(&found, 0x184)));
    let data = u64::from(u32_le(&found, 0x158));
    let mut expected = header(machine);
    put(&mut expected, 0x170, &size.to_le_bytes());
    put(&mut expected, 0x180, &found[0x180..0x188]);
    put(&mut expected, 0x158, &found[0x158..0x15c]);
    if let Some(at) = first_difference(&found, &expected) {
        let shown = |bytes: &[u8]| hex(bytes.get(at..(at + 8).min(HEADER)).unwrap_or_default());
        findings.add("vdi-header", "header", Some(len64(at)), shown(&expected), shown(&found));
    }
    super::check_size(size, machine)?;
    if size.div_ceil(BLOCK) != blocks {
        let text = format!("a disk of {size} bytes has not {blocks} blocks");
        return Err(Error::new(ErrorKind::Source, text));
    }
    let map_end = MAP.saturating_add(blocks.saturating_mul(4));
    findings.equal("vdi-header", "header", 0x158, ("offData", data, map_end.next_multiple_of(BLOCK)));
    expect_zeros(file.as_ref(), len64(HEADER), MAP, ("vdi-gap", "before the map"), findings)?;
    let end = data.saturating_add(stored.saturating_mul(BLOCK));
    if end > file.size() || map_end > data {
        return Err(cut_off("the last block", end));
    }
    if end < file.size() {
        findings.add(
            "vdi-header",
            "file",
            Some(end),
            "the end after the last block",
            format!("{} bytes", file.size()),
        );
    }
    let map: Vec<u32> =
        read(file.as_ref(), MAP, len(blocks * 4))?.chunks_exact(4).map(|entry| u32_le(entry, 0)).collect();
    expect_zeros(file.as_ref(), map_end, data, ("vdi-gap", "after the map"), findings)?;
    check_map(&map, stored, findings);
    // What the last block has past the disk's end.
    if let Some(place) = map.last().filter(|place| **place != FREE && !size.is_multiple_of(BLOCK)) {
        let start = data.saturating_add(u64::from(*place).saturating_mul(BLOCK));
        let (from, to) = (start.saturating_add(size % BLOCK), start.saturating_add(BLOCK).min(file.size()));
        expect_zeros(file.as_ref(), from, to, ("vdi-gap", "past the disk's end"), findings)?;
    }
    Ok(Arc::new(Vdi { file, size, data, map }))
}

/// Every stored block is one of the disk's, in its order, and no other.
fn check_map(map: &[u32], stored: u64, findings: &mut Findings) {
    let mut taken = Runs::default();
    for (at, place) in (0_u64..).zip(map).filter(|(_, place)| **place != FREE) {
        let place = u64::from(*place);
        if place >= stored || taken.take(place, 1).is_err() {
            let found = format!("block {place}");
            findings.add(
                "vdi-map",
                format!("map entry {at}"),
                Some(MAP + 4 * at),
                format!("one of {stored} blocks, for itself"),
                found,
            );
        }
    }
    if taken.count(0, stored) != stored {
        let found = format!("{} of them", taken.count(0, stored));
        findings.add("vdi-map", "map", Some(MAP), format!("all {stored} stored blocks"), found);
    }
    let places = map.iter().filter(|place| **place != FREE);
    if !places.is_sorted() {
        findings.add("vdi-map", "map", Some(MAP), "blocks in the disk's order", "another");
    }
}

/// The header with what the report tells.
fn header(machine: &Made<'_>) -> Vec<u8> {
    let mut to = vec![0; HEADER];
    put(&mut to, 0, b"<<< Oracle VM VirtualBox Disk Image >>>\n");
    let words: [(usize, u32); 8] = [
        (0x40, 0xbeda_107f),
        (0x44, 0x0001_0001),
        (0x48, 400),
        (0x4c, 1),
        (0x154, 1 << 20),
        (0x168, 512),
        (0x178, 1 << 20),
        (0x1d4, 512),
    ];
    for (at, word) in words {
        put(&mut to, at, &word.to_le_bytes());
    }
    for (at, what) in [(0x188, "creation"), (0x198, "modification")] {
        put(&mut to, at, &machine.uuid(&format!("vdi {} 1 {what}", machine.name)).to_bytes_le());
    }
    to
}

impl Vdi {
    /// Where byte `offset` of the disk is in the file, and how many follow in a row; `None` for zeros.
    fn place(&self, offset: u64) -> (Option<u64>, u64) {
        let inside = offset % BLOCK;
        let entry = self.map.get(len(offset / BLOCK)).copied().filter(|entry| *entry != FREE);
        let place = entry.map(|entry| {
            self.data.saturating_add(u64::from(entry).saturating_mul(BLOCK)).saturating_add(inside)
        });
        (place, BLOCK - inside)
    }
}

impl ReadAt for Vdi {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_exact_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<()> {
        if offset.checked_add(len64(buf.len())).is_none_or(|end| end > self.size) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut at = offset;
        let mut rest = buf;
        while !rest.is_empty() {
            let (place, room) = self.place(at);
            let (part, left) = rest.split_at_mut(len(room).min(rest.len()));
            match place {
                None => part.fill(0),
                Some(place) => self.file.read_exact_at(place, part)?,
            }
            at = at.saturating_add(len64(part.len()));
            rest = left;
        }
        Ok(())
    }
}

impl Disk for Vdi {
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

fn cut_off(what: &str, offset: u64) -> Error {
    Error::new(ErrorKind::Source, format!("the image is cut off: {what} lies past its end"))
        .with_offset(offset)
}

/// Bytes of pre-header and header.
const HEADER: usize = 0x48 + 400;
const MAP: u64 = 1 << 20;
const BLOCK: u64 = 1 << 20;
/// A block that is not stored.
const FREE: u32 = u32::MAX;

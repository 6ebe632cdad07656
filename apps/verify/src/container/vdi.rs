//! VDI, dynamic.
//!
//! # Reference
//! VirtualBox `VDICore.h`.

use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, Result};

use super::Made;
use super::blocks::Blocks;
use super::cut_off;
use crate::bytes::{first_difference, hex, len, len64, put, u32_le, u64_le};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;
use crate::runs::Runs;

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
    let mut disk = Blocks::new(file, size, BLOCK)?;
    for entry in &map {
        let place = data.saturating_add(u64::from(*entry).saturating_mul(BLOCK));
        disk.push(if *entry == FREE { 0 } else { place });
    }
    disk.check_tail("vdi-gap", findings)?;
    Ok(Arc::new(disk))
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
        put(&mut to, at, &machine.uuid(&machine.label("vdi", what)).to_bytes_le());
    }
    to
}

/// Bytes of pre-header and header.
const HEADER: usize = 0x48 + 400;
const MAP: u64 = 1 << 20;
const BLOCK: u64 = 1 << 20;
/// A block that is not stored.
const FREE: u32 = u32::MAX;

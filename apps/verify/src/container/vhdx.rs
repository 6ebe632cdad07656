//! VHDX: dynamic and fixed.
//!
//! # Reference
//! MS-VHDX, Virtual Hard Disk v2 (VHDX) File Format.

use std::sync::Arc;

use diskwright_core::{Error, ErrorKind, Result};
use uuid::Uuid;

use super::Made;
use super::blocks::Blocks;
use super::{check_size, cut_off, expect_bytes};
use crate::bytes::{array, len, len64, put, u32_le, u64_le};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;

/// What the metadata say of the blocks.
#[derive(Clone, Copy, Debug)]
struct Parameters {
    size: u64,
    block: u64,
    is_fixed: bool,
    /// Blocks of which a block of sector bitmaps, which is not there, would tell.
    chunk_ratio: u64,
}

/// Whether a file is of this kind.
pub(super) fn is_vhdx(head: &[u8]) -> bool {
    head.starts_with(b"vhdxfile")
}

/// The disk in a VHDX file.
///
/// # Errors
/// `ErrorKind::Source` when the file cannot be read or is cut off; `ErrorKind::Unsupported` for blocks that are not written
/// here.
pub(super) fn open(
    file: Arc<dyn Disk>,
    machine: &Made<'_>,
    findings: &mut Findings,
) -> Result<Arc<dyn Disk>> {
    if file.size() < TABLE {
        return Err(cut_off("the metadata region", file.size()));
    }
    let parameters = check_metadata(file.as_ref(), machine, findings)?;
    check_headers(file.as_ref(), parameters.table_len(), machine, findings)?;
    let start = TABLE + parameters.table_len();
    if start > file.size() {
        return Err(cut_off("the block allocation table", start));
    }
    let disk = read_table(&file, parameters, start, findings)?;
    let end = start.saturating_add(disk.stored().saturating_mul(parameters.block));
    if end > file.size() {
        return Err(cut_off("the last block", end));
    }
    if end < file.size() {
        let found = format!("{} bytes", file.size());
        findings.add("vhdx-table", "file", Some(end), "the end after the last block", found);
    }
    if parameters.is_fixed && disk.stored() != parameters.blocks() {
        let found = format!("{} of them", disk.stored());
        findings.add(
            "vhdx-table",
            "block allocation table",
            Some(TABLE),
            "every block of a fixed disk",
            found,
        );
    }
    disk.check_tail("vhdx-gap", findings)?;
    Ok(Arc::new(disk))
}

/// Identifier, headers, region tables, and the log, which is empty.
///
/// # Reference
/// 2.2 "Header Section", 2.3 "Log".
fn check_headers(file: &dyn Disk, table_len: u64, machine: &Made<'_>, findings: &mut Findings) -> Result<()> {
    let mut identifier = b"vhdxfile".to_vec();
    identifier.extend("Diskwright".encode_utf16().flat_map(u16::to_le_bytes));
    let regions = region_table(table_len);
    let structures = [
        ("file type identifier", 0, identifier),
        ("header 1", 64 << 10, header(1, machine)),
        ("header 2", 128 << 10, header(2, machine)),
        ("region table 1", 192 << 10, regions.clone()),
        ("region table 2", 256 << 10, regions),
    ];
    let mut end = 0;
    for (name, at, expected) in structures {
        expect_zeros(file, end, at, ("vhdx-gap", "header section"), findings)?;
        let found = read(file, at, expected.len())?;
        expect_bytes((&found, &expected), at, ("vhdx-header", name), findings);
        end = at + len64(expected.len());
    }
    expect_zeros(file, end, LOG, ("vhdx-gap", "header section"), findings)?;
    expect_zeros(file, LOG, METADATA, ("vhdx-log", "log"), findings)
}

/// The metadata region; of its items only those of the blocks are not known.
///
/// # Reference
/// 2.6 "Metadata Region".
fn check_metadata(file: &dyn Disk, machine: &Made<'_>, findings: &mut Findings) -> Result<Parameters> {
    let found = read(file, METADATA, METADATA_TABLE + METADATA_ITEMS)?;
    let record = machine.record();
    let sector = record.map_or(0, |disk| disk.sector_size);
    let (block, flags) = (u64::from(u32_le(&found, METADATA_TABLE)), u32_le(&found, METADATA_TABLE + 4));
    let size = u64_le(&found, METADATA_TABLE + 8);
    let mut items = array::<4>(&found, METADATA_TABLE).to_vec();
    items.extend((flags & 1).to_le_bytes());
    items.extend(size.to_le_bytes());
    items.extend(guid_of(machine, "page 83"));
    items.extend(u32::try_from(sector).unwrap_or(0).to_le_bytes());
    items.extend(4096_u32.to_le_bytes());
    let mut expected = metadata_table();
    expected.extend(items);
    expect_bytes((&found, &expected), METADATA, ("vhdx-metadata", "metadata region"), findings);
    let end = METADATA + len64(expected.len());
    expect_zeros(file, end, TABLE, ("vhdx-gap", "metadata region"), findings)?;
    check_size(size, machine)?;
    let is_known = block.is_power_of_two() && (MIB..=256 * MIB).contains(&block);
    if !is_known || !matches!(sector, 512 | 4096) || size == 0 || size > LARGEST {
        let text = format!("blocks of {block} bytes of a disk of {size} with sectors of {sector}");
        return Err(Error::new(ErrorKind::Unsupported, text).with_offset(METADATA + len64(METADATA_TABLE)));
    }
    Ok(Parameters { size, block, is_fixed: flags & 1 == 1, chunk_ratio: (sector << 23) / block })
}

/// Stored blocks stand one after the other in the disk's order; everything else of the table's region is zero.
///
/// # Reference
/// 2.5 "BAT".
fn read_table(
    file: &Arc<dyn Disk>,
    parameters: Parameters,
    start: u64,
    findings: &mut Findings,
) -> Result<Blocks> {
    let mut disk = Blocks::new(Arc::clone(file), parameters.size, parameters.block)?;
    let mut wanted = start;
    let mut part = Vec::new();
    for index in 0..parameters.entries() {
        let at = TABLE + 8 * index;
        let inside = len(8 * index) % PART;
        if inside == 0 {
            // The region is whole parts, and the file has all of it.
            part = read(file.as_ref(), at, PART)?;
        }
        let entry = u64_le(&part, inside);
        let is_bitmap = index % (parameters.chunk_ratio + 1) == parameters.chunk_ratio;
        if is_bitmap {
            findings.equal("vhdx-table", "entry of sector bitmaps", at, ("entry", entry, 0));
            continue;
        }
        if entry == 0 {
            disk.push(0);
            continue;
        }
        let data = entry & !(MIB - 1);
        if entry != wanted | PRESENT {
            let name = format!("block allocation table entry {index}");
            findings.add(
                "vhdx-table",
                name,
                Some(at),
                format!("{:#x}", wanted | PRESENT),
                format!("{entry:#x}"),
            );
        }
        if data < start || data.saturating_add(parameters.block) > file.size() {
            return Err(cut_off("a block", data));
        }
        disk.push(data);
        wanted = wanted.saturating_add(parameters.block);
    }
    let end = TABLE + 8 * parameters.entries();
    expect_zeros(file.as_ref(), end, start, ("vhdx-gap", "after the block allocation table"), findings)?;
    Ok(disk)
}

impl Parameters {
    fn blocks(self) -> u64 {
        self.size.div_ceil(self.block)
    }

    /// Entries of the table: after so many blocks one of sector bitmaps, if blocks follow.
    fn entries(self) -> u64 {
        self.blocks() + (self.blocks() - 1) / self.chunk_ratio
    }

    /// Bytes of the table's region.
    fn table_len(self) -> u64 {
        (8 * self.entries()).next_multiple_of(MIB)
    }
}

/// # Reference
/// 2.2.2 "Headers".
fn header(sequence_number: u64, machine: &Made<'_>) -> Vec<u8> {
    let mut to = vec![0; 4096];
    put(&mut to, 0, b"head");
    put(&mut to, 8, &sequence_number.to_le_bytes());
    put(&mut to, 16, &guid_of(machine, "file"));
    put(&mut to, 32, &guid_of(machine, "data"));
    // No log is to be replayed: its GUID is zero. Its version is 0, that of the format 1.
    put(&mut to, 64, &[0, 0, 1, 0]);
    put(&mut to, 68, &[0, 0, 0x10, 0]);
    put(&mut to, 72, &LOG.to_le_bytes());
    with_checksum(to)
}

/// # Reference
/// 2.2.3 "Region Table".
fn region_table(table_len: u64) -> Vec<u8> {
    let mut to = vec![0; 64 << 10];
    put(&mut to, 0, b"regi");
    put(&mut to, 8, &[2]);
    let regions = [
        (0x2dc27766_f623_4200_9d64_115e9bfd4a08, TABLE, table_len),
        (0x8b7ca206_4790_4b9a_b8fe_575f050f886e, METADATA, MIB),
    ];
    for (at, (guid, offset, len)) in (16..).step_by(32).zip(regions) {
        put(&mut to, at, &Uuid::from_u128(guid).to_bytes_le());
        put(&mut to, at + 16, &offset.to_le_bytes());
        put(&mut to, at + 24, &u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
        // Required.
        put(&mut to, at + 28, &[1]);
    }
    with_checksum(to)
}

/// The table before the items, each of which is required; all but the first are of the disk, not of the file.
///
/// # Reference
/// 2.6.1 "Metadata Table", 2.6.2 "Known Metadata Items".
fn metadata_table() -> Vec<u8> {
    let mut to = vec![0; METADATA_TABLE];
    put(&mut to, 0, b"metadata");
    put(&mut to, 10, &[5]);
    let items: [(u128, u8, u8, u8); 5] = [
        (0xcaa16737_fa36_4d43_b3b6_33f0aa44e76b, 0, 8, 4),
        (0x2fa54224_cd1b_4876_b211_5dbed83bf4b8, 8, 8, 6),
        (0xbeca12ab_b2e6_4523_93ef_c309e000c746, 16, 16, 6),
        (0x8141bf1d_a96f_4709_ba47_f233a8faab5f, 32, 4, 6),
        (0xcda348c7_445d_4471_9cc9_e9885251c556, 36, 4, 6),
    ];
    for (at, (guid, place, len, flags)) in (32..).step_by(32).zip(items) {
        put(&mut to, at, &Uuid::from_u128(guid).to_bytes_le());
        put(&mut to, at + 16, &[place, 0, 1, 0, len, 0, 0, 0, flags]);
    }
    to
}

/// CRC-32C of all of a structure, in which its own field is zero.
fn with_checksum(mut structure: Vec<u8>) -> Vec<u8> {
    let checksum = crc32c::crc32c(&structure);
    put(&mut structure, 4, &checksum.to_le_bytes());
    structure
}

fn guid_of(machine: &Made<'_>, what: &str) -> [u8; 16] {
    machine.uuid(&machine.label("vhdx", what)).to_bytes_le()
}

const MIB: u64 = 1 << 20;
const LOG: u64 = MIB;
const METADATA: u64 = 2 * MIB;
/// Where the block allocation table stands.
const TABLE: u64 = 3 * MIB;
const METADATA_TABLE: usize = 64 << 10;
const METADATA_ITEMS: usize = 40;
/// State of a block that is all there.
const PRESENT: u64 = 6;
/// Bytes of the block allocation table that are read at once.
const PART: usize = 64 << 10;
const LARGEST: u64 = 64 << 40;

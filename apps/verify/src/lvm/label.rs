//! The beginning of a physical volume: label, metadata area, and the text in it.

use diskwright_core::Result;

use crate::bytes::{array, first_nonzero, hex, len, len64, u32_le, u64_le};
use crate::disk::{Disk, expect_zeros, read};
use crate::finding::Findings;
use crate::report::PartitionRecord;

/// What a physical volume says of itself.
pub(super) struct Physical {
    /// In seven groups, as LVM prints it.
    pub(super) uuid: String,
    /// The metadata; `None` where it cannot be found or is no text.
    pub(super) text: Option<String>,
}

/// Reads and checks all before the first extent.
///
/// # Errors
/// `ErrorKind::Source` when the disk cannot be read.
///
/// # Reference
/// LVM2 2.03, `lib/label/label.h` and `lib/format_text/layout.h`.
pub(super) fn check(
    disk: &dyn Disk,
    partition: &PartitionRecord,
    findings: &mut Findings,
) -> Result<Option<Physical>> {
    let start = partition.start;
    if partition.size <= DATA_START {
        let found = format!("{} bytes", partition.size);
        findings.add("lvm-label", LABEL, Some(start), "room for label and metadata", found);
        return Ok(None);
    }
    expect_zeros(disk, start, start + 512, ("lvm-label", "before the LVM label"), findings)?;
    let at = start + 512;
    let label = read(disk, at, 512)?;
    let fields = [
        ("id", u64_le(&label, 0), u64::from_le_bytes(*b"LABELONE")),
        ("sector", u64_le(&label, 8), 1),
        ("checksum", u64::from(u32_le(&label, 16)), u64::from(checksum(label.get(20..).unwrap_or_default()))),
        ("contents", u64::from(u32_le(&label, 20)), 32),
        ("type", u64_le(&label, 24), u64::from_le_bytes(*b"LVM2 001")),
        ("device size", u64_le(&label, 64), partition.size),
        ("data area", u64_le(&label, 72), DATA_START),
        ("size of the data area", u64_le(&label, 80), 0),
        ("end of the data areas", u64_le(&label, 88) | u64_le(&label, 96), 0),
        ("metadata area", u64_le(&label, 104), AREA),
        ("size of the metadata area", u64_le(&label, 112), DATA_START - AREA),
        ("end of the metadata areas", u64_le(&label, 120) | u64_le(&label, 128), 0),
        ("version of the extension", u64::from(u32_le(&label, 136)), 2),
        ("flags", u64::from(u32_le(&label, 140)), 1),
    ];
    for field in fields {
        findings.equal("lvm-label", LABEL, at, field);
    }
    if let Some(inside) = first_nonzero(label.get(144..).unwrap_or_default()) {
        findings.add(
            "lvm-label",
            LABEL,
            Some(at + 144 + len64(inside)),
            "zeros to the sector's end",
            "bytes",
        );
    }
    expect_zeros(disk, start + 1024, start + AREA, ("lvm-label", "behind the LVM label"), findings)?;
    let text = metadata(disk, start, findings)?;
    Ok(Some(Physical { uuid: grouped(&array::<32>(&label, 32)), text }))
}

/// The metadata area: its header, one text, and nothing else.
fn metadata(disk: &dyn Disk, start: u64, findings: &mut Findings) -> Result<Option<String>> {
    let at = start + AREA;
    let header = read(disk, at, 512)?;
    let own = u64::from(checksum(header.get(4..).unwrap_or_default()));
    let fields = [
        ("checksum", u64::from(u32_le(&header, 0)), own),
        ("version", u64::from(u32_le(&header, 20)), 1),
        ("start", u64_le(&header, 24), AREA),
        ("size", u64_le(&header, 32), DATA_START - AREA),
        ("offset of the text", u64_le(&header, 40), 512),
        ("flags of the text", u64::from(u32_le(&header, 60)), 0),
    ];
    for field in fields {
        findings.equal("lvm-metadata", HEADER, at, field);
    }
    if header.get(4..20) != Some(MAGIC) {
        let found = hex(header.get(4..20).unwrap_or_default());
        findings.add("lvm-metadata", HEADER, Some(at + 4), hex(MAGIC), found);
    }
    if let Some(inside) = first_nonzero(header.get(64..).unwrap_or_default()) {
        findings.add("lvm-metadata", HEADER, Some(at + 64 + len64(inside)), "one text", "more");
    }
    let size = u64_le(&header, 48);
    let text_at = at + 512;
    if !(2..=DATA_START - AREA - 512).contains(&size) {
        findings.add("lvm-metadata", HEADER, Some(at + 48), "the size of a text", format!("{size} bytes"));
        return Ok(None);
    }
    let end = start + DATA_START;
    expect_zeros(disk, text_at + size, end, ("free-space", "behind the metadata"), findings)?;
    let bytes = read(disk, text_at, len(size))?;
    let sums = ("checksum of the text", u32_le(&header, 56), checksum(&bytes));
    if !findings.equal("lvm-metadata", TEXT, text_at, sums) {
        return Ok(None);
    }
    let text = bytes.strip_suffix(&[0]).and_then(|text| std::str::from_utf8(text).ok());
    if text.is_none() {
        findings.add("lvm-metadata", TEXT, Some(text_at), "a text and a byte of zero", "none");
    }
    Ok(text.map(str::to_owned))
}

/// CRC-32 without its inversions, from a start of LVM's own, a bit at a time: there is little to sum up.
fn checksum(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xf597_a6cf, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 })
    })
}

fn grouped(id: &[u8; 32]) -> String {
    let mut text = String::new();
    let mut rest = id.as_slice();
    for group in [6, 4, 4, 4, 4, 4, 6] {
        let (here, after) = rest.split_at_checked(group).unwrap_or((rest, &[]));
        if !text.is_empty() {
            text.push('-');
        }
        text.push_str(&String::from_utf8_lossy(here));
        rest = after;
    }
    text
}

/// Where extents begin, from the start of the physical volume.
pub(super) const DATA_START: u64 = 1 << 20;
const AREA: u64 = 4096;
const MAGIC: &[u8] = b" LVM2 x[5A%r0N*>";
const LABEL: &str = "LVM label";
const HEADER: &str = "LVM metadata area";
const TEXT: &str = "LVM metadata";

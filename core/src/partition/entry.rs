#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::collections::BTreeMap;
use std::ops::Range;

use uuid::Uuid;

use super::{BOOT_CODE_SIZE, PartitionKind, SectorSize};
use crate::{Error, ErrorKind, Result};

/// One partition as its table describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PartitionEntry {
    /// The number by which Linux calls it, from 1.
    pub number: u32,
    /// First byte on the disk: a multiple of the sector size.
    pub start: u64,
    /// Bytes: a multiple of the sector size, not zero.
    pub size: u64,
    /// What it is for.
    pub kind: PartitionKind,
    /// GPT: its own GUID (PARTUUID), unique on the disk. MBR: `None`, the PARTUUID follows from signature and number.
    pub guid: Option<Uuid>,
    /// GPT: its name of at most 36 UTF-16 units, may be empty. MBR: empty.
    pub name: String,
    /// GPT: attribute bits (0 required, 2 legacy BIOS bootable, 48 to 63 by type). MBR: 0.
    pub attributes: u64,
    /// MBR: the active flag, for at most one primary partition. GPT: `false`.
    pub active: bool,
}

impl PartitionEntry {
    /// A partition without GUID, name, attributes and active flag.
    pub fn new(number: u32, start: u64, size: u64, kind: PartitionKind) -> Self {
        Self { number, start, size, kind, guid: None, name: String::new(), attributes: 0, active: false }
    }

    /// One past its last byte.
    pub(super) fn end(&self) -> u64 {
        self.start.saturating_add(self.size)
    }

    /// A problem of this partition.
    pub(super) fn problem(&self, kind: ErrorKind, text: impl Into<String>) -> Error {
        Error::new(kind, text).with_field(format!("partition {}", self.number))
    }

    pub(super) fn invalid(&self, text: impl Into<String>) -> Error {
        self.problem(ErrorKind::InvalidProfile, text)
    }
}

/// What both tables refuse of single entries: doubled numbers, bounds inside a sector or outside `usable`.
pub(super) fn check_entries(
    entries: &[PartitionEntry],
    sector_size: SectorSize,
    usable: &Range<u64>,
    problems: &mut Vec<Error>,
) {
    let mut numbers = BTreeMap::new();
    for entry in entries {
        if numbers.insert(entry.number, entry.start).is_some() {
            problems.push(entry.invalid("the number is given twice"));
        }
        if !sector_size.divides(entry.start) || !sector_size.divides(entry.size) || entry.size == 0 {
            let text = format!(
                "start {} and size {} are not whole sectors of {} bytes",
                entry.start,
                entry.size,
                sector_size.bytes()
            );
            problems.push(entry.invalid(text));
        }
        let end = entry.start.checked_add(entry.size);
        if entry.start < usable.start || end.is_none_or(|end| end > usable.end) {
            let text = format!(
                "its {} bytes from {} do not lie within the disk's usable bytes {}..{}",
                entry.size, entry.start, usable.start, usable.end
            );
            problems.push(entry.problem(ErrorKind::DoesNotFit, text));
        }
    }
}

/// Partitions that share bytes.
pub(super) fn check_overlaps<'a>(
    entries: impl Iterator<Item = &'a PartitionEntry>,
    problems: &mut Vec<Error>,
) {
    let mut sorted: Vec<&PartitionEntry> = entries.collect();
    sorted.sort_by_key(|entry| (entry.start, entry.number));
    for pair in sorted.windows(2) {
        if let [before, after] = pair
            && before.end() > after.start
        {
            problems.push(after.invalid(format!("overlaps partition {}", before.number)));
        }
    }
}

/// Boot code, padded to its room in sector 0.
pub(super) fn padded_boot_code(boot_code: &[u8], sector_size: SectorSize) -> Result<Vec<u8>> {
    if boot_code.len() > BOOT_CODE_SIZE {
        let text = format!("{} bytes of boot code, sector 0 has room for {BOOT_CODE_SIZE}", boot_code.len());
        return Err(Error::new(ErrorKind::Internal, text));
    }
    if !boot_code.is_empty() && sector_size != SectorSize::Bytes512 {
        return Err(Error::new(ErrorKind::Unsupported, "a BIOS boots from disks of 512-byte sectors only"));
    }
    let mut padded = boot_code.to_vec();
    padded.resize(BOOT_CODE_SIZE, 0);
    Ok(padded)
}

/// The disk itself: whole sectors.
pub(super) fn check_disk(disk_size: u64, sector_size: SectorSize) -> Result<()> {
    if sector_size.divides(disk_size) {
        return Ok(());
    }
    let text =
        format!("a disk of {disk_size} bytes is not a whole number of {}-byte sectors", sector_size.bytes());
    Err(Error::new(ErrorKind::InvalidProfile, text))
}

#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use super::entry::{check_disk, check_entries, check_overlaps, padded_boot_code};
use super::{ALIGNMENT, PartitionEntry, PartitionKind, SectorSize, TableRegion};
use crate::{Error, ErrorKind, Result};

/// The MBR and its extended boot records.
pub(super) fn render(
    disk_size: u64,
    sector_size: SectorSize,
    signature: u32,
    boot_code: &[u8],
    entries: &[PartitionEntry],
) -> Result<Vec<TableRegion>> {
    check_disk(disk_size, sector_size)?;
    check_addressable(disk_size, sector_size)?;
    let boot_code = padded_boot_code(boot_code, sector_size)?;
    let (extended, logical) = check(disk_size, sector_size, signature, entries)?;

    let mut sector = boot_code;
    sector.extend_from_slice(&signature.to_le_bytes());
    sector.extend_from_slice(&[0; 2]);
    for number in 1..=4 {
        match entries.iter().find(|entry| entry.number == number) {
            Some(entry) => sector.extend_from_slice(&primary_record(sector_size, entry)?),
            None => sector.extend_from_slice(&[0; 16]),
        }
    }
    let mut regions = vec![TableRegion { offset: 0, bytes: signed(sector, sector_size), label: "MBR" }];
    if let Some(extended) = extended {
        regions.extend(boot_records(sector_size, extended, &logical)?);
    }
    Ok(regions)
}

/// An MBR disk is one whose sectors all have a 32-bit number.
pub(super) fn check_addressable(disk_size: u64, sector_size: SectorSize) -> Result<()> {
    if sector_size.sectors(disk_size) <= MAX_SECTORS {
        return Ok(());
    }
    let limit = MAX_SECTORS.saturating_mul(sector_size.bytes());
    let text = format!(
        "an MBR addresses {limit} bytes in {}-byte sectors, the disk has {disk_size}",
        sector_size.bytes()
    );
    Err(Error::new(ErrorKind::DoesNotFit, text))
}

/// The extended partition, and the logical ones by ascending number.
type Parts<'a> = (Option<&'a PartitionEntry>, Vec<&'a PartitionEntry>);

fn check(
    disk_size: u64,
    sector_size: SectorSize,
    signature: u32,
    entries: &[PartitionEntry],
) -> Result<Parts<'_>> {
    let mut problems = Vec::new();
    if signature == 0 {
        problems
            .push(Error::new(ErrorKind::InvalidProfile, "an MBR disk needs a signature that is not zero"));
    }
    check_entries(entries, sector_size, &(sector_size.bytes()..disk_size), &mut problems);
    check_overlaps(entries.iter().filter(|entry| entry.number <= 4), &mut problems);
    let mut active = entries.iter().filter(|entry| entry.active);
    if let (Some(first), Some(second)) = (active.next(), active.next()) {
        problems.push(second.invalid(format!("partition {} is active already", first.number)));
    }
    for entry in entries {
        check_settings(entry, &mut problems);
    }
    let mut extended = entries.iter().filter(|entry| entry.kind == PartitionKind::Extended);
    let first = extended.next();
    if let Some(second) = extended.next() {
        problems.push(second.invalid("an MBR has at most one extended partition"));
    }
    let mut logical: Vec<&PartitionEntry> = entries.iter().filter(|entry| entry.number > 4).collect();
    logical.sort_by_key(|entry| entry.number);
    check_logical(sector_size, first, &logical, &mut problems);
    Error::collect(problems)?;
    Ok((first, logical))
}

/// What one entry cannot say in an MBR.
fn check_settings(entry: &PartitionEntry, problems: &mut Vec<Error>) {
    if !(1..=MAX_NUMBER).contains(&entry.number) {
        problems.push(entry.invalid(format!("an MBR numbers partitions from 1 to {MAX_NUMBER}")));
    }
    if entry.kind.mbr_type().is_none() {
        problems.push(entry.invalid(format!("an MBR has no partition type for {:?}", entry.kind)));
    }
    if entry.guid.is_some() || !entry.name.is_empty() || entry.attributes != 0 {
        problems.push(entry.invalid("an MBR has no GUIDs, names and attributes of partitions"));
    }
    let is_primary = entry.number <= 4 && entry.kind != PartitionKind::Extended;
    if entry.active && !is_primary {
        problems.push(entry.invalid("only a primary partition can be active"));
    }
    if entry.number > 4 && entry.kind == PartitionKind::Extended {
        problems.push(entry.invalid("an extended partition has a number from 1 to 4"));
    }
}

/// Logical partitions: numbered without gaps in disk order, inside the extended one, each with room for its record.
fn check_logical(
    sector_size: SectorSize,
    extended: Option<&PartitionEntry>,
    logical: &[&PartitionEntry],
    problems: &mut Vec<Error>,
) {
    let mut free_from = extended.map_or(0, |extended| extended.start);
    for (entry, expected) in logical.iter().zip(5_u32..) {
        let Some(extended) = extended else {
            problems.push(entry.invalid("a logical partition (from 5 on) needs an extended one"));
            continue;
        };
        if entry.number != expected {
            problems.push(entry.invalid(format!("the next logical partition has number {expected}")));
        }
        if entry.start < free_from.saturating_add(sector_size.bytes()) || entry.end() > extended.end() {
            let text = format!(
                "its bytes {}..{} and a record before them do not fit into the bytes {free_from}..{} left of \
                 extended partition {}",
                entry.start,
                entry.end(),
                extended.end(),
                extended.number
            );
            problems.push(entry.invalid(text));
        }
        free_from = entry.end();
    }
}

/// The chain of extended boot records: each describes one logical partition (its start counted from the record) and
/// names the next record (counted from the extended partition).
fn boot_records(
    sector_size: SectorSize,
    extended: &PartitionEntry,
    logical: &[&PartitionEntry],
) -> Result<Vec<TableRegion>> {
    let mut offsets = Vec::new();
    let mut free_from = extended.start;
    for (at, entry) in logical.iter().enumerate() {
        let wanted = entry.start.saturating_sub(ALIGNMENT).max(free_from);
        offsets.push(if at == 0 { extended.start } else { wanted });
        free_from = entry.end();
    }
    if offsets.is_empty() {
        offsets.push(extended.start);
    }
    let mut regions = Vec::new();
    for (at, offset) in offsets.iter().copied().enumerate() {
        let next = at.saturating_add(1);
        let mut bytes = vec![0; TABLE_OFFSET];
        match logical.get(at) {
            Some(entry) => bytes.extend_from_slice(&record(sector_size, entry, type_of(entry)?, offset)?),
            None => bytes.extend_from_slice(&[0; 16]),
        }
        if let (Some(record_at), Some(entry)) = (offsets.get(next).copied(), logical.get(next)) {
            let size = entry.end().saturating_sub(record_at);
            let link = PartitionEntry::new(entry.number, record_at, size, PartitionKind::Extended);
            bytes.extend_from_slice(&record(sector_size, &link, 0x05, extended.start)?);
        }
        bytes.resize(TABLE_OFFSET.saturating_add(64), 0);
        regions.push(TableRegion {
            offset,
            bytes: signed(bytes, sector_size),
            label: "extended boot record",
        });
    }
    Ok(regions)
}

fn primary_record(sector_size: SectorSize, entry: &PartitionEntry) -> Result<[u8; 16]> {
    let past_chs = chs(sector_size.lba(entry.end().saturating_sub(1)).0) == PAST_CHS;
    let code = match entry.kind {
        // "Extended with LBA" where cylinders, heads and sectors do not reach.
        PartitionKind::Extended if past_chs => 0x0f,
        _ => type_of(entry)?,
    };
    record(sector_size, entry, code, 0)
}

fn type_of(entry: &PartitionEntry) -> Result<u8> {
    let unknown = || entry.problem(ErrorKind::Internal, "rendered before it was checked");
    entry.kind.mbr_type().ok_or_else(unknown)
}

/// One partition record; its start counts from byte `origin` of the disk.
///
/// # Reference
/// UEFI specification 2.10 §5.2.1, table 5-2.
fn record(sector_size: SectorSize, entry: &PartitionEntry, code: u8, origin: u64) -> Result<[u8; 16]> {
    let number = |bytes: u64| {
        u32::try_from(sector_size.sectors(bytes))
            .map(u32::to_le_bytes)
            .map_err(|_| entry.problem(ErrorKind::DoesNotFit, "an MBR counts sectors with 32 bits"))
    };
    let [head, sector, cylinder] = chs(sector_size.lba(entry.start).0);
    let [end_head, end_sector, end_cylinder] = chs(sector_size.lba(entry.end().saturating_sub(1)).0);
    let [start0, start1, start2, start3] = number(entry.start.saturating_sub(origin))?;
    let [size0, size1, size2, size3] = number(entry.size)?;
    let status = if entry.active { 0x80 } else { 0x00 };
    Ok([
        status,
        head,
        sector,
        cylinder,
        code,
        end_head,
        end_sector,
        end_cylinder, // CHS as the BIOS takes it
        start0,
        start1,
        start2,
        start3,
        size0,
        size1,
        size2,
        size3,
    ])
}

/// A sector's address as head, sector and cylinder of a disk with 255 heads and 63 sectors to a track.
fn chs(lba: u64) -> [u8; 3] {
    let cylinder = lba / (255 * 63);
    let head = u8::try_from(lba / 63 % 255);
    let sector = u8::try_from((lba % 63).saturating_add(1));
    let low = u8::try_from(cylinder % 256);
    let high = u8::try_from(cylinder / 256).ok().filter(|high| *high < 4);
    match (head, sector, low, high) {
        (Ok(head), Ok(sector), Ok(low), Some(high)) => [head, sector | high << 6, low],
        _ => PAST_CHS,
    }
}

/// A whole sector from the 510 bytes before its signature.
fn signed(mut bytes: Vec<u8>, sector_size: SectorSize) -> Vec<u8> {
    bytes.extend_from_slice(&[0x55, 0xaa]);
    bytes.resize(sector_size.len(), 0);
    bytes
}

const TABLE_OFFSET: usize = 446;
const MAX_SECTORS: u64 = 1 << 32;
/// As many as sfdisk and the kernel's usual minor numbers name.
const MAX_NUMBER: u32 = 60;
/// "Behind cylinder 1023": head 254, sector 63, cylinder 1023.
const PAST_CHS: [u8; 3] = [0xfe, 0xff, 0xff];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_in_cylinders_heads_and_sectors() {
        assert_eq!(chs(0), [0, 1, 0]);
        assert_eq!(chs(62), [0, 63, 0]);
        assert_eq!(chs(63), [1, 1, 0]);
        assert_eq!(chs(2048), [32, 33, 0]);
        assert_eq!(chs(255 * 63), [0, 1, 1]);
        // Cylinder 1023 is 0x3ff: its high bits stand above the sector.
        assert_eq!(chs(1023 * 255 * 63), [0, 0xc1, 0xff]);
        assert_eq!(chs(1024 * 255 * 63 - 1), [254, 0xff, 0xff]);
        assert_eq!(chs(1024 * 255 * 63), PAST_CHS);
        assert_eq!(chs(u64::MAX), PAST_CHS);
    }
}

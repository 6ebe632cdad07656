#![deny(clippy::arithmetic_side_effects, clippy::as_conversions)]

use std::collections::BTreeMap;

use uuid::Uuid;

use super::entry::{check_disk, check_entries, check_overlaps, padded_boot_code};
use super::{PartitionEntry, PartitionKind, SectorSize, TableRegion};
use crate::{Error, ErrorKind, Result};

/// Where the parts of a GPT stand on one disk, in sectors.
struct Places {
    sectors: u64,
    array_sectors: u64,
    first_usable: u64,
    last_usable: u64,
}

/// The head and the tail of a disk with a GPT.
pub(super) fn render(
    disk_size: u64,
    sector_size: SectorSize,
    disk_guid: Uuid,
    boot_code: &[u8],
    entries: &[PartitionEntry],
) -> Result<Vec<TableRegion>> {
    check_disk(disk_size, sector_size)?;
    let boot_code = padded_boot_code(boot_code, sector_size)?;
    let places = Places::new(disk_size, sector_size)?;
    check(&places, sector_size, disk_guid, entries)?;

    let array = entry_array(sector_size, entries)?;
    let array_crc = crc32fast::hash(&array);
    let last = places.sectors.saturating_sub(1);
    let backup_array = last.saturating_sub(places.array_sectors);
    let primary = header(&places, disk_guid, array_crc, HeaderPlace { own: 1, other: last, array: 2 });
    let backup =
        header(&places, disk_guid, array_crc, HeaderPlace { own: last, other: 1, array: backup_array });

    let sector = sector_size.len();
    let mut head = protective_mbr(&places, boot_code);
    head.resize(sector, 0);
    head.extend_from_slice(&padded(primary, sector));
    head.extend_from_slice(&array);
    let mut tail = array;
    tail.extend_from_slice(&padded(backup, sector));
    let tail_offset = backup_array.saturating_mul(sector_size.bytes());
    Ok(vec![
        TableRegion { offset: 0, bytes: head, label: "GPT" },
        TableRegion { offset: tail_offset, bytes: tail, label: "backup GPT" },
    ])
}

impl Places {
    fn new(disk_size: u64, sector_size: SectorSize) -> Result<Self> {
        let sectors = sector_size.sectors(disk_size);
        let array_sectors = sector_size.sectors(ARRAY_SIZE);
        // MBR, header and array in front; array and header behind.
        let first_usable = array_sectors.saturating_add(2);
        let last_usable = sectors.checked_sub(first_usable).filter(|last| *last >= first_usable);
        let last_usable = last_usable.ok_or_else(|| {
            let text = format!("a disk of {disk_size} bytes has no room for a GPT and a partition");
            Error::new(ErrorKind::DoesNotFit, text)
        })?;
        Ok(Self { sectors, array_sectors, first_usable, last_usable })
    }
}

fn check(
    places: &Places,
    sector_size: SectorSize,
    disk_guid: Uuid,
    entries: &[PartitionEntry],
) -> Result<()> {
    let sector = sector_size.bytes();
    let usable_end = places.last_usable.saturating_add(1).saturating_mul(sector);
    let usable = places.first_usable.saturating_mul(sector)..usable_end;
    let mut problems = Vec::new();
    if disk_guid.is_nil() {
        problems.push(Error::new(ErrorKind::InvalidProfile, "a GPT disk needs a GUID"));
    }
    check_entries(entries, sector_size, &usable, &mut problems);
    check_overlaps(entries.iter(), &mut problems);
    let mut guids = BTreeMap::from([(disk_guid, 0)]);
    for entry in entries {
        check_settings(entry, &mut problems);
        if let Some(guid) = entry.guid
            && let Some(other) = guids.insert(guid, entry.number)
        {
            let owner = if other == 0 { "the disk".to_owned() } else { format!("partition {other}") };
            problems.push(entry.invalid(format!("its GUID {guid} is that of {owner}")));
        }
    }
    Error::collect(problems)
}

/// What one entry cannot say in a GPT.
fn check_settings(entry: &PartitionEntry, problems: &mut Vec<Error>) {
    if !(1..=ENTRY_COUNT).contains(&entry.number) {
        problems.push(entry.invalid(format!("a GPT numbers partitions from 1 to {ENTRY_COUNT}")));
    }
    if entry.guid.is_none_or(|guid| guid.is_nil()) {
        problems.push(entry.invalid("a GPT partition needs a GUID"));
    }
    if entry.kind.gpt_type().is_none() {
        problems.push(entry.invalid(format!("a GPT has no partition type for {:?}", entry.kind)));
    }
    if entry.name.encode_utf16().count() > NAME_UNITS || entry.name.contains('\0') {
        let text = format!("the name {:?} is not one of at most {NAME_UNITS} UTF-16 units", entry.name);
        problems.push(entry.invalid(text));
    }
    if entry.attributes & RESERVED_ATTRIBUTES != 0 {
        problems
            .push(entry.invalid(format!("attributes {:#x} set reserved bits (3 to 47)", entry.attributes)));
    }
    if entry.active {
        problems
            .push(entry.invalid("a GPT has no active flag (attribute bit 2 marks a BIOS boot partition)"));
    }
}

/// Sector 0 up to its signature.
///
/// # Reference
/// UEFI specification 2.10 §5.2.3.
fn protective_mbr(places: &Places, boot_code: Vec<u8>) -> Vec<u8> {
    let mut bytes = boot_code;
    bytes.extend_from_slice(&[0; 6]); // unique disk signature, unknown: unused
    let size = u32::try_from(places.sectors.saturating_sub(1)).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&[0x00, 0x00, 0x02, 0x00]); // boot indicator, starting CHS
    bytes.extend_from_slice(&[0xee, 0xff, 0xff, 0xff]); // OS type, ending CHS
    bytes.extend_from_slice(&1_u32.to_le_bytes()); // starting LBA
    bytes.extend_from_slice(&size.to_le_bytes()); // size in LBA
    bytes.extend_from_slice(&[0; 48]);
    bytes.extend_from_slice(&[0x55, 0xaa]);
    bytes
}

/// Where one of the two headers stands.
struct HeaderPlace {
    own: u64,
    other: u64,
    array: u64,
}

/// A header without the zeros that fill its sector.
///
/// # Reference
/// UEFI specification 2.10 §5.3.2, table 5-5.
fn header(places: &Places, disk_guid: Uuid, array_crc: u32, at: HeaderPlace) -> Vec<u8> {
    let mut before = Vec::from(*b"EFI PART");
    before.extend_from_slice(&0x0001_0000_u32.to_le_bytes()); // Revision
    before.extend_from_slice(&92_u32.to_le_bytes()); // HeaderSize

    let mut after = vec![0; 4]; // Reserved
    after.extend_from_slice(&at.own.to_le_bytes()); // MyLBA
    after.extend_from_slice(&at.other.to_le_bytes()); // AlternateLBA
    after.extend_from_slice(&places.first_usable.to_le_bytes()); // FirstUsableLBA
    after.extend_from_slice(&places.last_usable.to_le_bytes()); // LastUsableLBA
    after.extend_from_slice(&disk_guid.to_bytes_le()); // DiskGUID
    after.extend_from_slice(&at.array.to_le_bytes()); // PartitionEntryLBA
    after.extend_from_slice(&ENTRY_COUNT.to_le_bytes()); // NumberOfPartitionEntries
    after.extend_from_slice(&ENTRY_SIZE.to_le_bytes()); // SizeOfPartitionEntry
    after.extend_from_slice(&array_crc.to_le_bytes()); // PartitionEntryArrayCRC32

    let crc = crc32fast::hash(&[&before[..], &[0; 4], &after].concat());
    [&before[..], &crc.to_le_bytes(), &after].concat()
}

/// All entries, used and unused.
fn entry_array(sector_size: SectorSize, entries: &[PartitionEntry]) -> Result<Vec<u8>> {
    let by_number: BTreeMap<u32, &PartitionEntry> =
        entries.iter().map(|entry| (entry.number, entry)).collect();
    let mut array = Vec::new();
    for number in 1..=ENTRY_COUNT {
        match by_number.get(&number) {
            Some(entry) => array.extend_from_slice(&entry_bytes(sector_size, entry)?),
            None => array.extend_from_slice(&[0; 128]),
        }
    }
    Ok(array)
}

/// One entry.
///
/// # Reference
/// UEFI specification 2.10 §5.3.3, table 5-6.
fn entry_bytes(sector_size: SectorSize, entry: &PartitionEntry) -> Result<Vec<u8>> {
    let (Some(partition_type), Some(guid)) = (PartitionKind::gpt_type(entry.kind), entry.guid) else {
        return Err(entry.problem(ErrorKind::Internal, "rendered before it was checked"));
    };
    let last = sector_size.lba(entry.end().saturating_sub(1));
    let mut bytes = Vec::from(partition_type.to_bytes_le()); // PartitionTypeGUID
    bytes.extend_from_slice(&guid.to_bytes_le()); // UniquePartitionGUID
    bytes.extend_from_slice(&sector_size.lba(entry.start).0.to_le_bytes()); // StartingLBA
    bytes.extend_from_slice(&last.0.to_le_bytes()); // EndingLBA, inclusive
    bytes.extend_from_slice(&entry.attributes.to_le_bytes()); // Attributes
    bytes.extend(entry.name.encode_utf16().flat_map(u16::to_le_bytes)); // PartitionName
    Ok(padded(bytes, 128))
}

fn padded(mut bytes: Vec<u8>, len: usize) -> Vec<u8> {
    bytes.resize(len, 0);
    bytes
}

const ENTRY_COUNT: u32 = 128;
const ENTRY_SIZE: u32 = 128;
const ARRAY_SIZE: u64 = 128 * 128;
const RESERVED_ATTRIBUTES: u64 = 0x0000_ffff_ffff_fff8;
const NAME_UNITS: usize = 36;

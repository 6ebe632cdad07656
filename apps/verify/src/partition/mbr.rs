//! MBR partition tables with the chain of logical partitions.

use diskwright_core::Result;

use crate::bytes::{first_difference, hex, len, len64, put, u32_le};
use crate::disk::{Disk, read};
use crate::finding::Findings;
use crate::report::{DiskRecord, PartitionRecord};
use crate::runs::Runs;

/// Checks the table and every extended boot record against the report.
///
/// # Reference
/// UEFI specification 2.10 §5.2.1.
pub(super) fn check(
    disk: &dyn Disk,
    record: &DiskRecord,
    taken: &mut Runs,
    findings: &mut Findings,
) -> Result<()> {
    let sector = record.sector_size;
    if disk.size() < sector {
        findings.add("mbr", "MBR", None, "a sector", format!("{} bytes", disk.size()));
        return Ok(());
    }
    let _ = taken.take(0, sector);
    let found = read(disk, 0, len(sector))?;
    let mut expected = vec![0; found.len()];
    if record.bios_boot.is_some() {
        put(&mut expected, 0, found.get(..440).unwrap_or_default());
    }
    let signature = u32::from_str_radix(&record.id, 16).unwrap_or(0);
    put(&mut expected, 440, &signature.to_le_bytes());
    let mut logical: Vec<&PartitionRecord> = Vec::new();
    let mut free_slot = [true; 4];
    for partition in &record.partitions {
        match partition.number {
            number @ 1..=4 => {
                let slot = len(u64::from(number) - 1);
                free_slot[slot] = false;
                let entry =
                    entry(sector, (partition.start, partition.size), kind_of(partition), 0, partition.active);
                put(&mut expected, 446 + 16 * slot, &entry);
            }
            _ => logical.push(partition),
        }
    }
    logical.sort_by_key(|partition| partition.number);
    let mut extended = None;
    if !logical.is_empty() {
        // Which slot it has, and where it ends, no report says; it holds all logical partitions.
        let slot = (0..4)
            .find(|slot| free_slot[*slot] && matches!(found.get(446 + 16 * slot + 4), Some(0x05 | 0x0f)));
        let slot = slot.unwrap_or(3);
        let stored = found.get(446 + 16 * slot..462 + 16 * slot).unwrap_or_default();
        let start = u64::from(u32_le(stored, 8)) * sector;
        let size = u64::from(u32_le(stored, 12)) * sector;
        let is_far = chs(start.saturating_add(size) / sector - u64::from(size > 0)) == FAR;
        put(
            &mut expected,
            446 + 16 * slot,
            &entry(sector, (start, size), if is_far { 0x0f } else { 0x05 }, 0, false),
        );
        extended = Some((start, size));
    }
    put(&mut expected, 510, &[0x55, 0xaa]);
    compare("MBR", 0, &found, &expected, findings);
    let Some((start, size)) = extended else { return Ok(()) };
    records(disk, sector, (start, size), &logical, taken, findings)
}

/// The extended boot records: each has one logical partition, counted from the record, and the next record, counted from
/// the extended partition.
fn records(
    disk: &dyn Disk,
    sector: u64,
    (start, size): (u64, u64),
    logical: &[&PartitionRecord],
    taken: &mut Runs,
    findings: &mut Findings,
) -> Result<()> {
    let end = start.saturating_add(size);
    let mut at = start;
    for (index, partition) in logical.iter().enumerate() {
        let name = format!("extended boot record of partition {}", partition.number);
        let is_inside = at >= start
            && at.saturating_add(sector) <= partition.start
            && partition.start.saturating_add(partition.size) <= end;
        if !is_inside || end > disk.size() {
            let found = format!("a record at {at}, the extended partition {start}..{end}");
            findings.add("mbr", name, Some(at), "a record before its partition, both inside", found);
            return Ok(());
        }
        let _ = taken.take(at, sector);
        let found = read(disk, at, len(sector))?;
        let mut expected = vec![0; found.len()];
        let own = entry(sector, (partition.start, partition.size), kind_of(partition), at, partition.active);
        put(&mut expected, 446, &own);
        let mut next_at = at;
        if let Some(next) = logical.get(index + 1) {
            next_at = start.saturating_add(u64::from(u32_le(&found, 462 + 8)) * sector);
            let next_end = next.start.saturating_add(next.size);
            put(
                &mut expected,
                462,
                &entry(sector, (next_at, next_end.saturating_sub(next_at)), 0x05, start, false),
            );
            // MiB before its partition, as far as there is room, and never elsewhere.
            let wanted = next.start.saturating_sub(MIB).max(partition.start.saturating_add(partition.size));
            findings.equal("mbr", &name, at, ("the next record at", next_at, wanted));
        }
        put(&mut expected, 510, &[0x55, 0xaa]);
        findings.partition = Some(partition.number);
        compare(&name, at, &found, &expected, findings);
        findings.partition = None;
        at = next_at;
    }
    Ok(())
}

fn compare(name: &str, at: u64, found: &[u8], expected: &[u8], findings: &mut Findings) {
    if let Some(wrong) = first_difference(found, expected) {
        let shown = |bytes: &[u8]| hex(bytes.get(wrong..(wrong + 16).min(bytes.len())).unwrap_or_default());
        findings.add("mbr", name, Some(at.saturating_add(len64(wrong))), shown(expected), shown(found));
    }
}

fn kind_of(partition: &PartitionRecord) -> u8 {
    match partition.role.as_str() {
        "esp" => 0xef,
        "swap" => 0x82,
        "lvm" => 0x8e,
        _ if partition.file_system.as_ref().is_some_and(|fs| fs.kind == "vfat") => 0x0c,
        _ => 0x83,
    }
}

fn entry(sector: u64, (start, size): (u64, u64), kind: u8, origin: u64, active: bool) -> [u8; 16] {
    let mut entry = [0; 16];
    let last = (start.saturating_add(size) / sector).saturating_sub(1);
    let word = |bytes: u64| u32::try_from(bytes / sector).unwrap_or(u32::MAX).to_le_bytes();
    entry[0] = if active { 0x80 } else { 0 };
    put(&mut entry, 1, &chs(start / sector));
    entry[4] = kind;
    put(&mut entry, 5, &chs(last));
    put(&mut entry, 8, &word(start.saturating_sub(origin)));
    put(&mut entry, 12, &word(size));
    entry
}

/// Head, sector and cylinder with 255 heads and 63 sectors to a track.
fn chs(lba: u64) -> [u8; 3] {
    let (cylinder, head, sector) = (lba / 16_065, lba / 63 % 255, lba % 63 + 1);
    if cylinder > 1023 {
        return FAR;
    }
    let byte = |value: u64| u8::try_from(value & 0xff).unwrap_or(0);
    [byte(head), byte(sector | cylinder >> 8 << 6), byte(cylinder)]
}

const FAR: [u8; 3] = [0xfe, 0xff, 0xff];
const MIB: u64 = 1 << 20;

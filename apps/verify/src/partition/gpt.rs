//! GUID partition tables, both copies.

use std::str::FromStr;

use diskwright_core::Result;
use uuid::{Uuid, uuid};

use crate::bytes::{array, first_difference, first_nonzero, hex, len, len64, put, u32_le, u64_le};
use crate::disk::{Disk, read};
use crate::finding::Findings;
use crate::report::{DiskRecord, PartitionRecord};
use crate::runs::Runs;

/// Checks protective MBR, headers and entries against each other and the report.
///
/// # Reference
/// UEFI specification 2.10 §5.2.3, §5.3.
pub(super) fn check(
    disk: &dyn Disk,
    record: &DiskRecord,
    taken: &mut Runs,
    findings: &mut Findings,
) -> Result<()> {
    let sector = record.sector_size;
    let array_sectors = len64(ARRAY) / sector;
    let sectors = disk.size() / sector;
    if sectors < 2 * (array_sectors + 2) {
        findings.add("gpt", "GPT", None, "a disk with room for a table", format!("{sectors} sectors"));
        return Ok(());
    }
    let last = sectors - 1;
    let _ = taken.take(0, (2 + array_sectors) * sector);
    let _ = taken.take((last - array_sectors) * sector, (1 + array_sectors) * sector);
    protective_mbr(disk, record, sectors, findings)?;
    let copies = [
        Copy { name: "GPT", own: 1, other: last, array: 2 },
        Copy { name: "backup GPT", own: last, other: 1, array: last - array_sectors },
    ];
    let mut arrays = Vec::new();
    for copy in &copies {
        let at = copy.array * sector;
        let array = read(disk, at, ARRAY)?;
        header(disk, record, copy, &array, (sectors, array_sectors), findings)?;
        arrays.push((at, array));
    }
    if let [(_, first), (at, second)] = &arrays[..]
        && let Some(wrong) = first_difference(second, first)
    {
        let shown = |bytes: &[u8]| hex(bytes.get(wrong..wrong + 1).unwrap_or_default());
        findings.add("gpt", "backup GPT entries", Some(at + len64(wrong)), shown(first), shown(second));
    }
    for (copy, (at, array)) in copies.iter().zip(&arrays) {
        entries(record, copy.name, *at, array, findings);
    }
    Ok(())
}

struct Copy {
    name: &'static str,
    own: u64,
    other: u64,
    array: u64,
}

fn protective_mbr(disk: &dyn Disk, record: &DiskRecord, sectors: u64, findings: &mut Findings) -> Result<()> {
    let found = read(disk, 0, len(record.sector_size))?;
    let mut expected = vec![0; found.len()];
    if record.bios_boot.is_some() {
        // Checked by its digest.
        put(&mut expected, 0, found.get(..440).unwrap_or_default());
    }
    let size = u32::try_from(sectors - 1).unwrap_or(u32::MAX);
    put(&mut expected, 446, &[0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0]);
    put(&mut expected, 458, &size.to_le_bytes());
    put(&mut expected, 510, &[0x55, 0xaa]);
    if let Some(at) = first_difference(&found, &expected) {
        let shown = |bytes: &[u8]| hex(bytes.get(at..at + 1).unwrap_or_default());
        findings.add("gpt", "protective MBR", Some(len64(at)), shown(&expected), shown(&found));
    }
    Ok(())
}

fn header(
    disk: &dyn Disk,
    record: &DiskRecord,
    copy: &Copy,
    array: &[u8],
    (sectors, array_sectors): (u64, u64),
    findings: &mut Findings,
) -> Result<()> {
    let at = copy.own * record.sector_size;
    let found = read(disk, at, len(record.sector_size))?;
    let name = format!("{} header", copy.name);
    let f = findings;
    if found.get(..16) != Some(b"EFI PART\0\0\x01\0\x5c\0\0\0") {
        f.add("gpt", &*name, Some(at), "EFI PART, revision 1.0, 92 bytes", hex(&found));
    }
    let mut head = found.get(..92).unwrap_or_default().to_vec();
    put(&mut head, 16, &[0; 4]);
    f.equal("gpt-checksum", &name, at, ("HeaderCRC32", u32_le(&found, 16), crc32fast::hash(&head)));
    f.equal(
        "gpt-checksum",
        &name,
        at,
        ("PartitionEntryArrayCRC32", u32_le(&found, 88), crc32fast::hash(array)),
    );
    let first_usable = 2 + array_sectors;
    let fields = [
        ("Reserved", u64::from(u32_le(&found, 20)), 0),
        ("MyLBA", u64_le(&found, 24), copy.own),
        ("AlternateLBA", u64_le(&found, 32), copy.other),
        ("FirstUsableLBA", u64_le(&found, 40), first_usable),
        ("LastUsableLBA", u64_le(&found, 48), sectors - first_usable),
        ("PartitionEntryLBA", u64_le(&found, 72), copy.array),
        ("NumberOfPartitionEntries", u64::from(u32_le(&found, 80)), 128),
        ("SizeOfPartitionEntry", u64::from(u32_le(&found, 84)), 128),
    ];
    for field in fields {
        f.equal("gpt", &name, at, field);
    }
    let guid = Uuid::from_bytes_le(array_of(&found, 56)).to_string();
    f.equal("gpt", &name, at, ("DiskGUID", guid, record.id.to_lowercase()));
    let rest = found.get(92..).unwrap_or_default();
    if let Some(inside) = first_nonzero(rest) {
        f.add("gpt", &*name, Some(at + 92 + len64(inside)), "zeros to the sector's end", "bytes");
    }
    Ok(())
}

fn array_of(bytes: &[u8], at: usize) -> [u8; 16] {
    array(bytes, at)
}

/// Every entry against the report.
fn entries(record: &DiskRecord, name: &str, at: u64, bytes: &[u8], findings: &mut Findings) {
    for (number, (found, place)) in (1..).zip(bytes.chunks_exact(128).zip((at..).step_by(128))) {
        let partition = record.partitions.iter().find(|partition| partition.number == number);
        let Some(partition) = partition else {
            if first_nonzero(found).is_some() {
                findings.add(
                    "gpt",
                    format!("{name} entry {number}"),
                    Some(place),
                    "an unused entry",
                    hex(found),
                );
            }
            continue;
        };
        let mut expected = expected_entry(partition, record.sector_size);
        // Attributes are in no report: their reserved bits are zero.
        let attributes = u64_le(found, 48);
        put(&mut expected, 48, &(attributes & !0x0000_ffff_ffff_fff8).to_le_bytes());
        if let Some(wrong) = first_difference(found, &expected) {
            findings.partition = Some(number);
            let shown = |bytes: &[u8]| hex(bytes.get(wrong..).unwrap_or_default());
            let name = format!("{name} entry {number}");
            findings.add("gpt", name, Some(place + len64(wrong)), shown(&expected), shown(found));
            findings.partition = None;
        }
    }
}

fn expected_entry(partition: &PartitionRecord, sector: u64) -> Vec<u8> {
    let kind = match partition.role.as_str() {
        "esp" => uuid!("c12a7328-f81f-11d2-ba4b-00a0c93ec93b"),
        "bios-boot" => uuid!("21686148-6449-6e6f-744e-656564454649"),
        "lvm" => uuid!("e6d6d379-f507-44c2-a23c-238f2a3df928"),
        "swap" => uuid!("0657fd6d-a4ab-43c4-84e5-0933c84b4f4f"),
        _ if partition.file_system.as_ref().is_some_and(|fs| fs.kind == "vfat") => {
            uuid!("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7")
        }
        _ => uuid!("0fc63daf-8483-4772-8e79-3d69d8477de4"),
    };
    let mut entry = vec![0; 128];
    put(&mut entry, 0, &kind.to_bytes_le());
    put(&mut entry, 16, &Uuid::from_str(&partition.id).unwrap_or_default().to_bytes_le());
    let end = partition.start.saturating_add(partition.size);
    put(&mut entry, 32, &(partition.start / sector).to_le_bytes());
    put(&mut entry, 40, &(end / sector).saturating_sub(1).to_le_bytes());
    let name: Vec<u8> = partition.name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    put(&mut entry, 56, &name);
    entry
}

/// Bytes of all entries.
const ARRAY: usize = 128 * 128;

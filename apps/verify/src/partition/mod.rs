//! Partition tables, and what lies outside of partitions.

mod gpt;
mod mbr;

use diskwright_core::{Error, ErrorKind, Result};
use sha2::{Digest, Sha256};

use crate::bytes::{hex, len, len64};
use crate::disk::{Disk, PIECE, expect_zeros, read_into};
use crate::escape::digest;
use crate::finding::Findings;
use crate::report::{BiosBootRecord, DiskRecord, PartitionRecord};
use crate::runs::Runs;

/// Checks the table of a disk, its boot code, and that nothing stands between partitions.
///
/// # Errors
/// `ErrorKind::Source` when the disk cannot be read; `ErrorKind::Unsupported` for a report that names no table.
pub(crate) fn check(disk: &dyn Disk, record: &DiskRecord, findings: &mut Findings) -> Result<()> {
    if !matches!(record.sector_size, 512 | 4096) {
        let text = format!("the report names sectors of {} bytes", record.sector_size);
        return Err(Error::new(ErrorKind::Unsupported, text).with_field("sector_size"));
    }
    if disk.size() != record.size {
        let (wanted, found) = (format!("{} bytes", record.size), format!("{} bytes", disk.size()));
        findings.add("disk-size", "disk", None, wanted, found);
    }
    // What is there in sectors that belong to somebody.
    let mut taken = Runs::default();
    match record.table.as_str() {
        "gpt" => gpt::check(disk, record, &mut taken, findings)?,
        "mbr" => mbr::check(disk, record, &mut taken, findings)?,
        other => {
            let text = format!("the report names a partition table {other:?}");
            return Err(Error::new(ErrorKind::Unsupported, text).with_field("table"));
        }
    }
    for partition in &record.partitions {
        if taken.take(partition.start, partition.size).is_err() {
            let found = format!("{} bytes from {}", partition.size, partition.start);
            findings.add(
                "partition",
                format!("partition {}", partition.number),
                Some(partition.start),
                "room of its own",
                found,
            );
        }
    }
    if let Some(bios) = &record.bios_boot {
        check_core(disk, bios, findings)?;
        // Inside a BIOS boot partition it is taken already.
        let _ = taken.take(bios.core_start, bios.core_size);
    }
    let gaps: Vec<(u64, u64)> = taken.gaps(0, disk.size()).collect();
    for (from, to) in gaps {
        expect_zeros(disk, from, to, ("gap", "between partitions"), findings)?;
    }
    Ok(())
}

/// A partition for GRUB's core: the core, then zeros.
pub(crate) fn check_bios_boot(
    disk: &dyn Disk,
    partition: &PartitionRecord,
    bios: Option<&BiosBootRecord>,
    findings: &mut Findings,
) -> Result<()> {
    let end = partition.start.saturating_add(partition.size);
    let core_end = bios.filter(|bios| bios.core_start == partition.start);
    let from = core_end.map_or(partition.start, |bios| partition.start.saturating_add(bios.core_size));
    expect_zeros(disk, from.min(end), end, ("free-space", "after the core image"), findings)
}

fn check_core(disk: &dyn Disk, bios: &BiosBootRecord, findings: &mut Findings) -> Result<()> {
    let code = sha256(disk, 0, 440)?;
    if digest(&bios.boot_code_sha256) != Some(code) {
        findings.add(
            "boot-code",
            "boot code",
            Some(0),
            format!("sha256 {}", bios.boot_code_sha256),
            format!("sha256 {}", hex(&code)),
        );
    }
    if bios.core_start.checked_add(bios.core_size).is_none_or(|end| end > disk.size()) {
        findings.add("boot-code", "core image", Some(bios.core_start), "room on the disk", "none");
        return Ok(());
    }
    let core = sha256(disk, bios.core_start, bios.core_size)?;
    if digest(&bios.core_sha256) != Some(core) {
        findings.add(
            "boot-code",
            "core image",
            Some(bios.core_start),
            format!("sha256 {}", bios.core_sha256),
            format!("sha256 {}", hex(&core)),
        );
    }
    Ok(())
}

/// The SHA-256 of a range of the disk.
fn sha256(disk: &dyn Disk, start: u64, size: u64) -> Result<[u8; 32]> {
    let mut hash = Sha256::new();
    let mut buffer = vec![0; len(size).min(PIECE)];
    let mut done = 0;
    while done < size {
        let part = len(size - done).min(PIECE);
        let Some(piece) = buffer.get_mut(..part) else { break };
        read_into(disk, start.saturating_add(done), piece)?;
        hash.update(&*piece);
        done = done.saturating_add(len64(part));
    }
    Ok(hash.finalize().into())
}

//! Disk images: their partitions, and what the usual checkers say of them.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rustix::fs::SeekFrom;
use rustix::io::Errno;
use serde_json::Value;

use crate::Tool;

/// A partition as sfdisk reads it. Offsets and sizes in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct Partition {
    /// Where it begins on the disk.
    pub start: u64,
    /// How long it is.
    pub size: u64,
    /// Its type: a GUID under GPT, a hexadecimal number under MBR; as sfdisk writes it.
    pub kind: String,
}

/// The partitions of a disk image, in the table's order.
///
/// # Errors
/// If sfdisk cannot read the table.
pub fn partitions(sfdisk: &Tool, image: &Path) -> Result<Vec<Partition>> {
    let table: Value = serde_json::from_str(&sfdisk.run(&["--json".as_ref(), image.as_os_str()])?)?;
    let sector = table.pointer("/partitiontable/sectorsize").and_then(Value::as_u64).unwrap_or(512);
    let listed = table.pointer("/partitiontable/partitions").and_then(Value::as_array);
    let read = |partition: &Value| {
        let number = |field: &str| partition.get(field)?.as_u64()?.checked_mul(sector);
        let kind = partition.get("type")?.as_str()?.to_owned();
        Some(Partition { start: number("start")?, size: number("size")?, kind })
    };
    let partitions = listed.context("sfdisk lists no partitions")?;
    partitions.iter().map(|one| read(one).with_context(|| format!("what sfdisk says: {one}"))).collect()
}

/// The only partition of type `kind`.
///
/// # Errors
/// If there is none, or more than one.
pub fn only<'a>(partitions: &'a [Partition], kind: &str) -> Result<&'a Partition> {
    let mut found = partitions.iter().filter(|partition| partition.kind.eq_ignore_ascii_case(kind));
    match (found.next(), found.next()) {
        (Some(partition), None) => Ok(partition),
        _ => bail!("not one partition of type {kind}: {partitions:?}"),
    }
}

/// The type of an EFI system partition under GPT.
pub const EFI_SYSTEM: &str = "C12A7328-F81F-11D2-BA4B-00A0C93EC93B";
/// The type of a Linux root file system for x86-64 under GPT.
pub const LINUX_ROOT: &str = "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709";
/// The type of a Linux file system under GPT.
pub const LINUX_DATA: &str = "0FC63DAF-8483-4772-8E79-3D69D8477DE4";
/// The type of Linux swap under GPT.
pub const LINUX_SWAP: &str = "0657FD6D-A4AB-43C4-84E5-0933C84B4F4F";

/// Copies a partition out of a disk into a new file; holes stay holes.
///
/// # Errors
/// If a file cannot be read or written.
pub fn extract(image: &Path, partition: &Partition, to: &Path) -> Result<()> {
    let source = File::open(image)?;
    let target = File::create(to)?;
    target.set_len(partition.size)?;
    let mut buffer = vec![0; 1 << 20];
    let end = partition.start + partition.size;
    let mut position = partition.start;
    while let Some((data, hole)) = next_data(&source, position, end)? {
        position = data;
        while position < hole {
            let wanted = usize::try_from(hole - position)?.min(buffer.len());
            let piece = &mut buffer[..wanted];
            source.read_exact_at(piece, position)?;
            target.write_all_at(piece, position - partition.start)?;
            position += u64::try_from(wanted)?;
        }
    }
    Ok(())
}

/// The first run of data at or after `position` that begins before `end`, cut there; half-open.
///
/// # Errors
/// If the file system cannot say.
pub fn next_data(file: &File, position: u64, end: u64) -> io::Result<Option<(u64, u64)>> {
    if position >= end {
        return Ok(None);
    }
    match rustix::fs::seek(file, SeekFrom::Data(position)) {
        Ok(data) if data < end => Ok(Some((data, rustix::fs::seek(file, SeekFrom::Hole(data))?.min(end)))),
        Ok(_) | Err(Errno::NXIO) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The offset of the first byte that is not the same in both files.
///
/// # Errors
/// If a file cannot be read.
pub fn first_difference(one: &Path, other: &Path) -> Result<Option<u64>> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    let size = one.metadata()?.len();
    if other.metadata()?.len() != size {
        return Ok(Some(size.min(other.metadata()?.len())));
    }
    let mut buffers = [vec![0; 1 << 20], vec![0; 1 << 20]];
    let mut offset = 0;
    while offset < size {
        let wanted = usize::try_from(size - offset)?.min(1 << 20);
        let [first, second] = &mut buffers;
        one.read_exact_at(&mut first[..wanted], offset)?;
        other.read_exact_at(&mut second[..wanted], offset)?;
        if let Some(index) = (0..wanted).find(|&index| first[index] != second[index]) {
            return Ok(Some(offset + u64::try_from(index)?));
        }
        offset += u64::try_from(wanted)?;
    }
    Ok(None)
}

/// e2fsck finds nothing in the file system in `file`, and changes nothing.
///
/// # Errors
/// With what it found.
pub fn check_ext4(e2fsck: &Tool, file: &Path) -> Result<()> {
    let said = e2fsck.run(&["-fn".as_ref(), file.as_os_str()])?;
    // Five passes and a summary; whatever else it says is a complaint, even where it exits with zero.
    let expected =
        |line: &str| line.starts_with("e2fsck 1.") || line.starts_with("Pass ") || line.contains(" files (");
    match said.lines().find(|line| !line.is_empty() && !expected(line)) {
        None => Ok(()),
        Some(_) => bail!("e2fsck complains:\n{said}"),
    }
}

/// fsck.fat finds nothing in the file system in `file`, and changes nothing.
///
/// # Errors
/// With what it found.
pub fn check_fat(fsck_fat: &Tool, file: &Path) -> Result<()> {
    let said = fsck_fat.run(&["-nv".as_ref(), file.as_os_str()])?;
    let quiet = fsck_fat.run(&["-n".as_ref(), file.as_os_str()])?;
    // A version and a summary; whatever else it says is a complaint.
    let expected = |line: &str| line.starts_with("fsck.fat ") || line.contains(" files, ");
    match quiet.lines().find(|line| !expected(line)) {
        None => Ok(()),
        Some(_) => bail!("fsck.fat complains:\n{quiet}\n{said}"),
    }
}

/// sgdisk finds nothing in the partition table of `image`.
///
/// # Errors
/// With what it found.
pub fn check_gpt(sgdisk: &Tool, image: &Path) -> Result<()> {
    let said = sgdisk.run(&["--verify".as_ref(), image.as_os_str()])?;
    let complaints = ["Problem:", "Caution", "Warning", "Identified", "invalid"];
    if !said.contains("No problems found") || complaints.iter().any(|word| said.contains(word)) {
        bail!("sgdisk complains:\n{said}");
    }
    Ok(())
}
